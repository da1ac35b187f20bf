//! Lesson 5: why a read is not a message. Read `docs/05-sticky-packets.md` beside it.
//!
//! Either program can be the one that writes and the one that reads, so both sides of the stream
//! are here: [`write_messages`] and [`read_pieces`]. The datagrams are in the programs.

pub mod contract;
mod messages;
mod picture;
mod stream;

pub use messages::MESSAGES;
pub use picture::{Piece, borders_unknown, bytes, draw, mark_borders};
pub use stream::{Gap, MOST, Reader, Writer, read_pieces, write_messages};

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8805";
