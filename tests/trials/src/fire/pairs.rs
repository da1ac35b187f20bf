//! The programs under fire: one entry for each server and its client.

use std::net::TcpStream;

use course::Lesson;

use crate::proof;

/// A server, its client, and what hostile peers must know of the two.
///
/// The deadlines in the arguments are short, so that nobody waits long for them.
pub struct Pair {
    /// The lesson's number.
    pub lesson: u16,
    /// The server's arguments; `{dir}` is a folder with the files `parcel`, 8 MiB, and `page`,
    /// and a folder `inbox`.
    pub server: &'static [&'static str],
    /// The client's arguments.
    pub client: &'static [&'static str],
    /// Its further arguments when it meets a hostile server. An ordinary exchange may take long on
    /// a busy machine, behind all who are in the queue.
    pub hasty: &'static [&'static str],
    /// What is typed into the client.
    pub typed: &'static str,
    /// What the client shows when it was served.
    pub shows: &'static str,
    /// How many clients the server serves.
    pub serves: Serves,
    /// Whether the server gives up a client that is silent, slow, or does not read. Also where it
    /// never waits for its peer.
    pub server_deadline: bool,
    /// Whether the client gives up such a server.
    pub client_deadline: bool,
    /// Whether the server sends all of an endless message back, as an echo does.
    pub endless: bool,
    /// What an ordinary client says.
    pub asks: Asks,
    /// What an ordinary server says.
    pub answers: &'static [u8],
}

/// How many clients a server serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// One; then it ends.
    One,
    /// One after the other.
    InTurn,
    /// Many at once.
    AtOnce,
}

/// What an ordinary client says.
#[derive(Clone, Copy)]
pub enum Asks {
    /// These bytes.
    This(&'static [u8]),
    /// Lesson 7's answer to the nonce, which it reads first.
    Proof,
}

/// One of the two programs of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Server,
    Client,
}

impl Pair {
    /// The lesson to which it belongs.
    pub fn lesson(&self) -> &'static Lesson {
        Lesson::of_number(self.lesson).expect("every pair belongs to a lesson")
    }

    /// The name of one of its programs.
    pub fn program(&self, side: Side) -> String {
        let side = match side {
            Side::Server => "server",
            Side::Client => "client",
        };
        format!("{}-{side}", self.lesson().name)
    }

    /// The name of one of its rows: the program's, with its first argument where a lesson has
    /// several pairs.
    pub fn row(&self, side: Side) -> String {
        let program = self.program(side);
        let pairs = PAIRS.iter().filter(|pair| pair.lesson == self.lesson);
        let arguments = match side {
            Side::Server => self.server,
            Side::Client => self.client,
        };
        match arguments.first() {
            Some(mode) if pairs.count() > 1 => format!("{program} {mode}"),
            _ => program,
        }
    }

    /// What an ordinary client says on this connection.
    pub fn question(&self, stream: &TcpStream) -> Vec<u8> {
        match self.asks {
            Asks::This(bytes) => bytes.to_vec(),
            Asks::Proof => {
                let answer = proof::answer(&proof::mac(), stream);
                answer.expect("a nonce comes first").to_vec()
            }
        }
    }
}

/// Lesson 5's five messages.
const MESSAGES: &str = "hejприветhihola你好";

/// A file as lesson 6 sends it.
const PARCEL: &[u8] = b"\x00\x00\x00\x22{\"filename\":\"parcel\",\"filesize\":5}hello";

/// The pairs, in the order of the lessons.
pub const PAIRS: &[Pair] = &[
    Pair {
        lesson: 1,
        server: &[],
        client: &["hello"],
        hasty: &[],
        typed: "",
        shows: "5 bytes came back: hello",
        serves: Serves::One,
        server_deadline: false, // both by design: lesson 7 teaches deadlines
        client_deadline: false,
        endless: true,
        asks: Asks::This(b"hello"),
        answers: b"hello",
    },
    Pair {
        lesson: 2,
        server: &[],
        client: &[],
        hasty: &[],
        typed: "hello\n",
        shows: "hello",
        serves: Serves::InTurn,
        server_deadline: false,
        client_deadline: false,
        endless: true,
        asks: Asks::This(b"hello"),
        answers: b"hello",
    },
    Pair {
        lesson: 3,
        server: &[],
        client: &["--timeout", "0.5"],
        hasty: &[],
        typed: "alice\nhello\nq\nq\n",
        shows: "] ok", // what the operator of our server replies, behind the sender's address
        serves: Serves::InTurn,
        server_deadline: false,
        client_deadline: true,
        endless: false,
        asks: Asks::This(b"hello"),
        answers: b"ok",
    },
    Pair {
        lesson: 4,
        server: &[],
        client: &["%Y", "-c", "1", "--timeout", "0.5"],
        hasty: &[],
        typed: "",
        shows: "round trip",
        serves: Serves::InTurn,
        server_deadline: false,
        client_deadline: true,
        endless: false,
        asks: Asks::This(b"%Y"),
        answers: b"1970",
    },
    // The third experiment, datagram, waits for datagrams and ends by itself 5 s after the last.
    Pair {
        lesson: 5,
        server: &["glue", "--wait", "0"],
        client: &["glue"],
        hasty: &[],
        typed: "",
        shows: "write 5: ",
        serves: Serves::One,
        server_deadline: false,
        client_deadline: true, // it only writes, and so little that it never waits
        endless: false,
        asks: Asks::This(MESSAGES.as_bytes()),
        answers: b"",
    },
    Pair {
        lesson: 5,
        server: &["slice"],
        client: &["slice", "--wait", "0"],
        hasty: &[],
        typed: "",
        shows: "read 1: ",
        serves: Serves::One,
        server_deadline: true, // as above
        client_deadline: false,
        endless: false,
        asks: Asks::This(b""),
        answers: MESSAGES.as_bytes(),
    },
    Pair {
        lesson: 6,
        server: &["send", "{dir}/parcel", "--timeout", "1"],
        client: &["receive", "--dir", "{dir}/inbox", "--force"],
        hasty: &["--timeout", "1"],
        typed: "",
        shows: "received parcel: ",
        serves: Serves::InTurn,
        server_deadline: true,
        client_deadline: true,
        endless: false,
        asks: Asks::This(b""),
        answers: PARCEL,
    },
    Pair {
        lesson: 6,
        server: &[
            "receive",
            "--dir",
            "{dir}/inbox",
            "--force",
            "--timeout",
            "1",
        ],
        client: &["send", "{dir}/parcel"],
        hasty: &["--timeout", "1"],
        typed: "",
        shows: "sent parcel: ",
        serves: Serves::InTurn,
        server_deadline: true,
        client_deadline: true,
        endless: false,
        asks: Asks::This(PARCEL),
        answers: b"",
    },
    Pair {
        lesson: 7,
        server: &["--timeout", "0.5"],
        client: &[],
        hasty: &["--timeout", "0.5"],
        typed: "",
        shows: "accepted",
        serves: Serves::InTurn,
        server_deadline: true,
        client_deadline: true,
        endless: false,
        asks: Asks::Proof,
        answers: b"0123456789abcdef0123456789abcdefwelcome\n",
    },
    Pair {
        lesson: 8,
        server: &["--idle-timeout", "1", "--write-timeout", "0.5"],
        client: &[],
        hasty: &["--timeout", "0.5"],
        typed: "hello\n",
        shows: "hello, you are client ",
        serves: Serves::AtOnce,
        server_deadline: true,
        client_deadline: true,
        endless: false,
        asks: Asks::This(b"hello\n"),
        answers: b"hello, you are client 1\nhello\n",
    },
    Pair {
        lesson: 9,
        server: &["--name-timeout", "1"],
        client: &["mia"],
        hasty: &["--timeout", "0.5"],
        typed: "hello\n",
        shows: "* ",
        serves: Serves::AtOnce,
        server_deadline: true,
        client_deadline: true,
        endless: false,
        asks: Asks::This(b"tom\nhello\n"),
        answers: b"* nobody else is here\ntom: hello\n",
    },
    Pair {
        lesson: 9,
        server: &["--threads", "--name-timeout", "1"],
        client: &["zoe"],
        hasty: &["--timeout", "0.5"],
        typed: "hello\n",
        shows: "* ",
        serves: Serves::AtOnce,
        server_deadline: true,
        client_deadline: true,
        endless: false,
        asks: Asks::This(b"tom\nhello\n"),
        answers: b"* nobody else is here\ntom: hello\n",
    },
    Pair {
        lesson: 10,
        server: &[
            "{dir}",
            "--idle-timeout",
            "1",
            "--request-timeout",
            "0.5",
            "--write-timeout",
            "0.5",
        ],
        client: &["http://127.0.0.1:8810/page"], // the parcel is too long to be shown
        hasty: &["--timeout", "0.5"],
        typed: "",
        shows: "HTTP/1.1 200 OK",
        serves: Serves::AtOnce,
        server_deadline: true,
        client_deadline: true,
        endless: false,
        asks: Asks::This(b"GET /parcel HTTP/1.0\r\n\r\n"),
        answers: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    },
];
