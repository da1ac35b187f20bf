//! Your code for lesson 1. `docs/01-echo.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p echo --test exercise`
#![allow(unused_imports, unused_variables)] // until every exercise is solved

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use echo::contract::AskError; // NobodyListening, TimedOut, Reset, Other(io::Error)

/// 1.1 ★ The shouting echo: serves one client, then returns.
///
/// - Accepts one client from `listener`, which is bound and listens already, and no other.
/// - Sends back every byte, in order, as soon as it is there: the client may wait for the answer
///   to its first bytes before it sends more.
/// - The client may be silent for as long as it likes, before its first byte and between others.
/// - Any number of bytes may come, also none.
/// - A `write` may take only a part of what it is given; then the rest goes out too.
/// - The ASCII letters `a` to `z` go back in upper case, every other byte as it came.
/// - The bytes need not be UTF-8.
/// - When the client has finished (a read of 0), and not before, closes the connection and returns
///   `Ok(())`.
///
/// # Errors
/// What `accept`, `read` or `write` failed with, such as a reset.
pub fn shout(listener: &TcpListener) -> io::Result<()> {
    todo!("1.1 the shouting echo")
}

/// 1.2 ★★ A client with human errors: sends one message and returns the whole answer.
///
/// - Connects to `addr`, sends `message`, half-closes, and reads until the server closes.
/// - The message may have any length, also none; the server reads all of it before it answers.
/// - The answer may come in pieces and may have any length, also none.
/// - `limit`, from a millisecond to an hour, is for connecting, sending and reading together; when
///   it is over, the function returns at once.
///
/// # Errors
/// - [`AskError::NobodyListening`]: the connection was refused; it is not tried again.
/// - [`AskError::TimedOut`]: `limit` was over, whatever the function was doing then.
/// - [`AskError::Reset`]: the server broke the connection off, while the message was being sent or
///   the answer read.
/// - [`AskError::Other`]: anything else, with the error as it was.
/// - Part of an answer is no answer: it is not returned.
pub fn ask(addr: SocketAddr, message: &[u8], limit: Duration) -> Result<Vec<u8>, AskError> {
    todo!("1.2 a client with human errors")
}

/// 1.3 ★★★ Replies and closes so that the whole reply arrives.
///
/// - Reads the request once, at most 1,024 bytes of it, and waits for no more.
/// - When that read gives 0, the client has finished already, and gets the reply all the same.
/// - Sends `reply`, whole and nothing else.
/// - Then half-closes, so that the client finds a clean end (a read of 0) behind the reply, and
///   need not close its side first.
/// - The whole reply arrives, and no reset, although the client may have sent more than was read,
///   and may send more while it reads the reply.
/// - After the reply, stays until the client has finished, and takes what it still sends.
/// - Stays for at most `patience` after the reply, which is from zero to an hour.
/// - Takes at most 1 MiB after the reply, or a buffer of 64 KiB more.
/// - Then drops the connection and returns.
///
/// # Errors
/// - What the read of the request failed with, or the sending of the reply.
/// - What happens after the reply is no error.
pub fn reply_and_close(stream: TcpStream, reply: &[u8], patience: Duration) -> io::Result<()> {
    todo!("1.3 reply and close")
}
