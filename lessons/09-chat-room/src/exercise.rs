//! Your code for lesson 9. `docs/09-chat-room.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p chat-room --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::net::{TcpListener, TcpStream};

use chat_room::WriteQueue;

/// 9.1 ★ A duplex client: talks and listens at the same time.
///
/// `terminal` stands for the keyboard and the screen: what is typed is read from it, and what is
/// written to it is shown.
///
/// - What is typed goes to `server`, and what the server says goes to `terminal`: every byte, in
///   order, as soon as it is there.
/// - Each direction goes on whatever the other one waits for: bytes that do not come, or a peer
///   that does not read.
/// - When typing has ended (a read of 0), the server is told by a half-close. What it still says
///   is shown, until it closes.
/// - When the server closes or breaks the connection off, the function returns, although somebody
///   may still be typing (not on Windows, where a `shutdown` wakes no read: there typing ends, too).
///   What the server had said before was shown.
/// - When the function returns, both connections are closed.
pub fn converse(terminal: TcpStream, server: TcpStream) {
    todo!("9.1 a duplex client")
}

/// 9.2 ★★ A write queue for a non-blocking socket: returns an empty one, for at most `limit`
/// bytes. What its methods do:
///
/// - `push` takes a whole message and says `true`, or takes nothing of it and says `false`. It
///   refuses a message only when more than `limit` bytes would wait with it. Bytes that were
///   written do not wait any more. An empty message is taken and changes nothing.
/// - `write_to` writes what waits, in the order in which it was pushed, each byte once. It goes
///   on until nothing waits, or until the socket takes no more. A write may take fewer bytes than
///   it was given; the rest still waits.
/// - `WouldBlock` says that the socket takes no more now, and is no error. `Interrupted` is none
///   either: the write is tried again.
/// - `wants_to_write` is true as long as something waits, and only then.
/// - The time for all of this grows with the number of bytes, however many wait.
///
/// # Errors
/// `write_to` returns `WriteZero` when a write takes no byte at all. Any other error is returned
/// as it came, and what was written before it is not written again.
pub fn write_queue(limit: usize) -> Box<dyn WriteQueue> {
    todo!("9.2 a write queue")
}

/// 9.3 ★★★ An echo server for many clients in one thread.
///
/// - Accepts `clients` clients from `listener`, and nobody else.
/// - Every client gets back every byte that it sends, in order, as soon as it takes it.
/// - No client holds up another one: neither one that is silent, nor one that does not read, nor
///   one that sends without end.
/// - When [`MAX_WAITING`](chat_room::MAX_WAITING) bytes wait for a client, nothing more is read
///   from it until some of them are gone. (What one read of a few KiB brings may come on top.)
/// - When a client has finished (a read of 0), it still gets what waits for it. Then its
///   connection is closed.
/// - When a connection breaks, it is closed, and nobody else notices.
/// - While there is nothing to do, the function waits without using the processor.
/// - When `accept` itself fails, the others are served on, and it is tried again a tenth of a
///   second later. Starts no thread.
/// - Returns when `clients` clients were accepted and all of them have left.
pub fn echo(listener: &TcpListener, clients: usize) {
    todo!("9.3 an echo server in one thread")
}
