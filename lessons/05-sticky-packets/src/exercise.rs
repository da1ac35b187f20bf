//! Your code for lesson 5. `docs/05-sticky-packets.md`, "Your turn", tells more about each
//! exercise.
//!
//! Check it: `cargo test -p sticky-packets --test exercise`
#![allow(unused_imports, unused_variables)] // until every exercise is solved

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use sticky_packets::contract::{Decode, DecodeError};

/// 5.1 ★ Split at newlines: hands each message of a stream to `each`, and returns what came
/// after the last of them.
///
/// `size` is a number from 1 to 4,096.
///
/// - A message is all bytes up to `\n`, without the `\n`; the empty message is one, too.
/// - Every other byte is a byte like any other, also `\r`, a space, and what is not UTF-8.
/// - Each read asks for at most `size` bytes.
/// - It may return fewer, it may end anywhere, and there may be several messages in it: the
///   messages are the same in every case.
/// - Calls `each` for every message whose `\n` has been read, in order, before it reads again.
/// - A message may have any length, and the time that it takes grows with its length, not with the
///   square of it.
/// - When the other side has finished, returns the bytes after the last `\n`, often none.
/// - They are no message, since nobody knows whether they are all of it: `each` does not get them.
///
/// # Errors
/// What reading failed with, such as a reset.
pub fn split(stream: TcpStream, size: usize, each: &mut dyn FnMut(&[u8])) -> io::Result<Vec<u8>> {
    todo!("5.1 split at newlines")
}

/// 5.2 ★★ Kill the 40 ms: asks a server one question after another, and returns the answers.
///
/// `stream` is connected with the server, which sends nothing but the answers. Where a question is
/// too long, the ones before it may have been asked, or not.
///
/// - A question goes over the wire as one byte with its length and then so many bytes, and an
///   answer comes back in the same form.
/// - Both may be empty, and neither need be UTF-8.
/// - An answer may come in pieces.
/// - Sends a question only when the answer to the one before it is whole.
/// - Not one byte more than that is sent, and none less.
/// - Two hundred questions to a server that answers at once take less than half a second.
/// - `stream` is borrowed: afterwards it can be written to and read from as before, and has the
///   timeouts that it had.
///
/// # Errors
/// - `InvalidInput`: a question is longer than 255 bytes; nothing of it is sent, and nothing after
///   it.
/// - `UnexpectedEof`: the server closed before an answer was whole.
/// - What else the connection failed with, such as a reset.
pub fn ask_all(stream: &TcpStream, questions: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
    todo!("5.2 kill the 40 ms")
}

/// 5.3 ★★★ A decoder as a state machine. Give it the fields that it needs.
///
/// `limit` is any number. `end` is only called after `next` has returned `Ok(None)`.
///
/// - On the wire a message is two bytes with its length, the more significant one first, and then
///   so many bytes, also none.
/// - `push` takes bytes as they came: none, one, half a message, or many messages.
/// - `next` returns the messages in order, one for each call, and `Ok(None)` as soon as the next
///   one is not whole yet.
/// - Nothing is lost or changed by how the bytes were cut, or by when `next` is called.
/// - A message may have `limit` bytes.
/// - If its length is greater, `next` returns `TooLong { length, limit }` as soon as the two bytes
///   of the length are there, after all messages before it.
/// - Nobody can find the next message then, so from there on `next` returns the same error again,
///   whatever is pushed.
/// - `end` returns `Ok(())` between two messages.
/// - Inside one it returns `Cut { got }`, with the number of its bytes that came, those of its
///   length included.
/// - The time grows with the number of the bytes, not with the square of it: for a push of many
///   messages which are then taken, and for a message that is pushed one byte at a time.
/// - Keeps no messages that were taken long ago, which the check cannot see.
pub struct Decoder {}

impl Decoder {
    /// A decoder for a new stream, whose messages have at most `limit` bytes each.
    pub fn new(limit: usize) -> Decoder {
        todo!("5.3 a decoder as a state machine")
    }
}

impl Decode for Decoder {
    fn push(&mut self, bytes: &[u8]) {
        todo!("5.3 push")
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, DecodeError> {
        todo!("5.3 next")
    }

    fn end(&self) -> Result<(), DecodeError> {
        todo!("5.3 end")
    }
}
