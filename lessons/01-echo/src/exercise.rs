//! Your code for lesson 1. `docs/01-echo.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p echo --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use echo::AskError;

/// 1.1 ★ The shouting echo: serves one client, then returns.
///
/// - Accepts one client from `listener`, which is bound and listens already.
/// - Sends back every byte, in order, as soon as it is there: the client may wait for the answer
///   to its first bytes before it sends more. Any number of bytes may come.
/// - The ASCII letters `a` to `z` go back in upper case, every other byte untouched. The bytes
///   need not be UTF-8.
/// - When the client has finished, closes the connection and returns `Ok(())`.
///
/// # Errors
/// What the listener or the connection failed with, such as a reset.
pub fn shout(listener: &TcpListener) -> io::Result<()> {
    todo!("1.1 the shouting echo")
}

/// 1.2 ★★ A client with human errors: sends one message and returns the whole answer.
///
/// - Connects to `addr`, sends `message`, half-closes, and reads until the server closes.
/// - Takes at most `limit`, which is not zero, for connecting and everything else together, and a
///   little more.
/// - The message is at most 64 KiB. The answer may come in pieces, and may have any length.
///
/// # Errors
/// - [`AskError::NobodyListening`]: the connection was refused.
/// - [`AskError::TimedOut`]: the time was over, whatever the function was doing then. Part of an
///   answer is no answer.
/// - [`AskError::Reset`]: the server broke the connection off.
/// - [`AskError::Other`]: anything else.
pub fn ask(addr: SocketAddr, message: &[u8], limit: Duration) -> Result<Vec<u8>, AskError> {
    todo!("1.2 a client with human errors")
}

/// 1.3 ★★★ Replies and closes so that the whole reply arrives.
///
/// - A client has connected and sends a request; what it says does not matter here. Reads at
///   most its first 1,024 bytes, in one read.
/// - Then sends `reply`, whole, and ends the connection so that the client gets all of it and
///   then a clean end (a read of 0), although it may have sent much more, and may send more
///   while it reads. The client may wait for the end of the reply before it closes its side.
/// - Stays for at most one second after the reply, and takes at most 1 MiB more from the
///   client; then drops the connection, whatever the client does.
///
/// # Errors
/// The request could not be read, or the reply could not be sent. What happens after the reply is
/// no error.
pub fn reply_and_close(stream: TcpStream, reply: &[u8]) -> io::Result<()> {
    todo!("1.3 reply and close")
}
