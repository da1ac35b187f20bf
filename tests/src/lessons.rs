/// A lesson: where it lies, and what its programs are called.
#[derive(Debug)]
pub struct Lesson {
    /// 1 to 8.
    pub number: u16,
    /// Its folder in `lessons/`, and its page in `docs/` without the `.md`.
    pub folder: &'static str,
    /// The name of its package.
    pub package: &'static str,
    /// Its programs are called `NAME-server` and `NAME-client`.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Whether its programs speak UDP.
    pub udp: bool,
}

impl Lesson {
    /// The port on which its server listens if it is not told otherwise.
    pub fn port(&self) -> u16 {
        8800 + self.number
    }

    /// The page's path in the workspace.
    pub fn page(&self) -> String {
        format!("docs/{}.md", self.folder)
    }

    /// The lesson to which a program of that name belongs.
    pub fn of_program(program: &str) -> Option<&'static Lesson> {
        LESSONS.iter().find(|lesson| {
            let rest = program.strip_prefix(lesson.name);
            matches!(rest, Some("-server" | "-client"))
        })
    }
}

/// The lessons that are finished, in their order.
pub const LESSONS: &[Lesson] = &[
    Lesson {
        number: 1,
        folder: "01-echo",
        package: "echo",
        name: "echo",
        title: "echo: one client, one message",
        udp: false,
    },
    Lesson {
        number: 2,
        folder: "02-loop-server",
        package: "loop-server",
        name: "loop",
        title: "loop server: client after client, message after message",
        udp: false,
    },
    Lesson {
        number: 3,
        folder: "03-udp-chat",
        package: "udp-chat",
        name: "chat",
        title: "UDP chat: no connection, one datagram one message",
        udp: true,
    },
    Lesson {
        number: 4,
        folder: "04-time-sync",
        package: "time-sync",
        name: "time",
        title: "UDP time sync: datagrams that ask and answer",
        udp: true,
    },
    Lesson {
        number: 5,
        folder: "05-sticky-packets",
        package: "sticky-packets",
        name: "sticky",
        title: "sticky packets: why a read is not a message",
        udp: false,
    },
    Lesson {
        number: 6,
        folder: "06-file-transfer",
        package: "file-transfer",
        name: "file",
        title: "file transfer: framing, and files from strangers",
        udp: false,
    },
    Lesson {
        number: 7,
        folder: "07-legitimacy-check",
        package: "legitimacy-check",
        name: "auth",
        title: "legitimacy check: who is there",
        udp: false,
    },
    Lesson {
        number: 8,
        folder: "08-threaded-server",
        package: "threaded-server",
        name: "threaded",
        title: "threaded server: many at once",
        udp: false,
    },
];
