//! Your code for lesson 2. `docs/02-loop-server.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p loop-server --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use loop_server::{End, LineError};

/// 2.1 ★ Client after client: serves `clients` of them, whatever they do, and returns how each
/// conversation ended, in the order in which they were accepted.
///
/// - Accepts one client after another from `listener`. Each that was accepted counts, also one
///   that is gone by then.
/// - Sends back every byte, in order, as soon as it is there: the client may wait for the echo of
///   its first bytes before it sends more. Any number of bytes may come. The client may also be
///   silent for as long as it likes, while others wait in the queue.
/// - At a read of 0 the client has finished: [`End::Finished`]. When a read or a write fails, it
///   is gone: [`End::Gone`]. Either way closes the connection before the next one is accepted.
/// - When `accept` itself fails, there is no client to count. Waits a tenth of a second and tries
///   again, however often it fails.
pub fn serve(listener: &TcpListener, clients: usize) -> Vec<End> {
    todo!("2.1 client after client")
}

/// 2.2 ★★ Lines, the empty line included: answers each line of one client with its number, and
/// returns how many there were.
///
/// - A line is all bytes up to `\n`. The answer is its number, a colon, a space, the line, `\n`.
///   The first line is number 1: `hello\n\n` is answered with `1: hello\n2: \n`.
/// - Every other byte is a byte like any other, also `\r` and spaces. The bytes need not be UTF-8.
/// - A line may come in pieces, and many lines in one. Each answer goes out as soon as the line's
///   `\n` is there: the client may wait for it before it sends more.
/// - When the client has finished, what came behind the last `\n`, if anything did, is a line too.
///   Its answer ends with `\n` like the others. Then closes and returns.
/// - A line has at most `limit` bytes; its `\n` does not count. As soon as one byte more has come,
///   closes without waiting for the line's end, and without reading on. That line is not answered.
///   What the client has not read of earlier answers may be lost by that; here it does not matter.
///   There may be any number of lines.
///
/// # Errors
/// - [`LineError::TooLong`]: a line was longer than `limit`.
/// - [`LineError::Gone`]: a read or a write failed.
pub fn answer_lines(stream: TcpStream, limit: usize) -> Result<u64, LineError> {
    todo!("2.2 lines, the empty line included")
}

/// 2.3 ★★★ Sends all that `source` has through an echo server into `sink`, and returns how many
/// bytes that were.
///
/// - `stream` is connected with the echo server. Sends what `source` gives until it gives 0, then
///   half-closes. Writes what comes back to `sink`, until the server closes.
/// - There may be 64 MiB and more. Holds at most 1 MiB of it at any time.
/// - What a read of `source` gave is sent before the next read, and what came back goes to `sink`
///   before more is read: `source` may wait until `sink` has the echo of what it gave so far.
///   `sink` may take only a part of a write.
/// - The server answers when it likes. It may read everything before it sends the first byte
///   back, and it may stop reading until you take what it has sent.
/// - Does not use the processor while it waits.
///
/// # Errors
/// - What `source` or `sink` failed with, unchanged.
/// - When the server closes or breaks off before everything is back: what `stream` failed with, or
///   [`io::ErrorKind::UnexpectedEof`].
///
/// After any of them it returns at once, although the server may neither read nor write nor close
/// any more. It waits only for a call of `source` or `sink` that has already begun.
pub fn through(
    stream: TcpStream,
    source: &mut (dyn Read + Send),
    sink: &mut (dyn Write + Send),
) -> io::Result<u64> {
    todo!("2.3 64 MiB through an echo server")
}
