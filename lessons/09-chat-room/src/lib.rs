//! Lesson 9: talk while you listen. Read `docs/09-chat-room.md` beside it.
//!
//! - [`Room`] is the protocol: who is here, and who hears what. It knows nothing of sockets.
//! - [`poll::serve`] and [`threads::serve`] are two engines that carry its lines: one thread that
//!   waits for all sockets at once, or two threads for each client.
//! - [`Lines`] cuts bytes into lines, [`Stop`] wakes a server that waits, and [`Screen`] shows what
//!   comes while somebody types.

mod lines;
pub mod poll;
mod room;
mod screen;
mod stop;
pub mod threads;

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

pub use lines::{Lines, TooLong};
pub use room::{MAX_NAME, Room};
pub use screen::Screen;
pub use stop::Stop;

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8809";

/// The longest line of a client, in bytes, with the `\n` at its end.
pub const MAX_LINE: usize = 8 * 1024;

/// The longest line of the server, in bytes, with the `\n`: a name and `: ` stand in front.
pub const MAX_HEARD: usize = MAX_NAME + 2 + MAX_LINE;

/// A client for which more bytes than this wait has to leave.
pub const MAX_UNREAD: usize = 1024 * 1024;

/// How long a client that has to go has time to take our last words and say goodbye itself.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long a server that may open no further file waits before it tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// What a server does with its clients' lines. An engine calls it, and gives each client a number
/// that no other has who is here at the same time.
pub trait Service {
    /// A client has connected.
    fn came(&mut self, _id: usize, _out: &mut impl Outboxes) {}

    /// A client's line, without its `\n`.
    fn line(&mut self, id: usize, line: &[u8], out: &mut impl Outboxes) -> Heard;

    /// A client is gone. It gets nothing more, and its number may be given to another one.
    fn left(&mut self, id: usize, out: &mut impl Outboxes);
}

/// What waits for the clients, each in a box of its own.
pub trait Outboxes {
    /// Puts a line, with its `\n`, into one of them. It never waits for the client: who has too
    /// much unread has to leave.
    fn put(&mut self, to: usize, line: &[u8]);
}

/// What became of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was dealt with.
    Fine,
    /// It was the client's name, which is told here as it is safe to print.
    Named(String),
    /// The client has to go; it is told why.
    Refused(String),
}

/// What waits to be written to a non-blocking socket, in exercise 9.2.
pub trait WriteQueue {
    /// Puts a message behind what waits. Whether it was taken.
    fn push(&mut self, message: &[u8]) -> bool;

    /// Writes what waits to the socket, as much as it takes now.
    ///
    /// # Errors
    /// What the socket fails with, if that does not only mean "later".
    fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<()>;

    /// Whether `poll` shall be asked to say when the socket can be written to.
    fn wants_to_write(&self) -> bool;
}

/// When so many bytes wait for a client, nothing more is read from it, in exercise 9.3.
pub const MAX_WAITING: usize = 64 * 1024;

/// What an engine allows.
#[derive(Clone, Copy)]
pub struct Limits {
    /// How many clients may be here at once.
    pub max_clients: usize,
    /// How long a client has for its first line, the name.
    pub name_timeout: Duration,
}

/// A client, as the server's own terminal shows it.
#[derive(Clone, Copy)]
struct Visitor {
    number: u64,
    addr: SocketAddr,
}

impl fmt::Display for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "#{} {}", self.number, self.addr)
    }
}

/// What a client is told for whom there is no place.
const FULL: &[u8] = b"error: the room is full\n";

/// Why a client is gone that did not read.
fn unread() -> String {
    format!("it has more than {MAX_UNREAD} bytes unread")
}
