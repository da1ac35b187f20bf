//! The register of the lessons: all that lists lessons takes them from here, or is compared with it
//! by `tests/tests/register.rs`.

use std::fs;
use std::path::PathBuf;

use crate::place::workspace;

/// A lesson: where it lies, and what its programs are called.
#[derive(Debug)]
pub struct Lesson {
    /// Its place in the course, from 1 on.
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

/// The parts of the course. The first is complete in itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Lessons 1 to 8.
    One,
    /// What comes after them.
    Two,
}

/// An exercise, as its heading in the page tells it.
#[derive(Debug)]
pub struct Heading {
    /// Such as `1.2`.
    pub number: String,
    /// Such as `A client with human errors`.
    pub title: String,
}

impl Part {
    /// The parts, in their order.
    pub const ALL: [Part; 2] = [Part::One, Part::Two];

    /// The number of the first part's last lesson.
    const LAST_OF_ONE: u16 = 8;

    /// The part to which the lesson of that number belongs.
    pub fn of(number: u16) -> Part {
        if number <= Part::LAST_OF_ONE {
            Part::One
        } else {
            Part::Two
        }
    }

    /// Its name in the list of lessons, in the README's table and in the book.
    pub fn title(self) -> &'static str {
        match self {
            Part::One => "The eight lessons",
            Part::Two => "Part two: beyond the eight",
        }
    }

    /// Its lessons.
    pub fn lessons(self) -> impl Iterator<Item = &'static Lesson> {
        LESSONS.iter().filter(move |lesson| lesson.part() == self)
    }
}

impl Lesson {
    /// The port on which its server listens if it is not told otherwise.
    pub fn port(&self) -> u16 {
        8800 + self.number
    }

    /// The port on which its tap listens if it is not told otherwise.
    pub fn tap_port(&self) -> u16 {
        9800 + self.number
    }

    /// The part of the course to which it belongs.
    pub fn part(&self) -> Part {
        Part::of(self.number)
    }

    /// The page's path in the workspace.
    pub fn page(&self) -> String {
        format!("docs/{}.md", self.folder)
    }

    /// Where its package lies.
    pub fn path(&self) -> PathBuf {
        workspace().join("lessons").join(self.folder)
    }

    /// The learner's file, with the exercises.
    pub fn exercise_file(&self) -> PathBuf {
        self.path().join("src/exercise.rs")
    }

    /// The lesson of an exercise such as `1.2`.
    pub fn of_exercise(number: &str) -> Option<&'static Lesson> {
        let (lesson, _) = number.split_once('.')?;
        Lesson::of_number(lesson.parse().ok()?)
    }

    /// The lesson of that number.
    pub fn of_number(number: u16) -> Option<&'static Lesson> {
        LESSONS.iter().find(|lesson| lesson.number == number)
    }

    /// The lesson to which a program of that name belongs.
    pub fn of_program(program: &str) -> Option<&'static Lesson> {
        LESSONS.iter().find(|lesson| {
            let rest = program.strip_prefix(lesson.name);
            matches!(rest, Some("-server" | "-client"))
        })
    }

    /// Its exercises, from the page's headings, such as `### 1.2 ★★ A client with human errors`.
    pub fn exercises(&self) -> Vec<Heading> {
        let page = fs::read_to_string(workspace().join(self.page())).unwrap_or_default();
        let headings = page.lines().filter_map(|line| {
            let (number, title) = line.strip_prefix("### ")?.split_once(" ★")?;
            Some(Heading {
                number: number.to_owned(),
                title: title.trim_start_matches('★').trim().to_owned(),
            })
        });
        headings.collect()
    }

    /// Whether one of its examples has the option `--addr`: whether its source has the field
    /// [`ADDR_FIELD`](Self::ADDR_FIELD). The programs all have it.
    pub fn example_takes_addr(&self, example: &str) -> bool {
        let file = self.path().join("examples").join(format!("{example}.rs"));
        fs::read_to_string(file).is_ok_and(|source| source.contains(Self::ADDR_FIELD))
    }

    /// The option `--addr` in a program's arguments.
    pub const ADDR_FIELD: &'static str = "addr: Addr";
}

/// The lesson of that number, as an argument gives it.
///
/// # Errors
/// There is none.
pub fn lesson(number: &str) -> Result<&'static Lesson, String> {
    let found = number.parse().ok().and_then(Lesson::of_number);
    found.ok_or_else(|| {
        let last = LESSONS.last().map_or(0, |lesson| lesson.number);
        format!("expected the number of a lesson, 1 to {last}")
    })
}

/// The number of an exercise, as an argument gives it.
///
/// # Errors
/// There is none.
pub fn exercise_number(number: &str) -> Result<String, String> {
    let lesson = Lesson::of_exercise(number);
    let exercises = lesson.map(Lesson::exercises).unwrap_or_default();
    if exercises.iter().any(|exercise| exercise.number == number) {
        return Ok(number.to_owned());
    }
    let numbers: Vec<String> = exercises.into_iter().map(|it| it.number).collect();
    Err(match lesson {
        Some(lesson) => format!("lesson {} has {}", lesson.number, numbers.join(", ")),
        None => "expected the number of an exercise, such as 1.2".to_owned(),
    })
}

/// The lessons that are finished, in their order. `cargo course new-lesson` writes a new one here.
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
    Lesson {
        number: 9,
        folder: "09-chat-room",
        package: "chat-room",
        name: "room",
        title: "chat room: talk while you listen",
        udp: false,
    },
    Lesson {
        number: 10,
        folder: "10-web-server",
        package: "web-server",
        name: "web",
        title: "web server",
        udp: false,
    },
];
