//! Your code for lesson 2. `docs/02-loop-server.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p loop-server --test exercise`
#![allow(unused_imports, unused_variables)] // until every exercise is solved

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use loop_server::contract::End; // Finished(u64), Gone(io::Error)
use loop_server::contract::LineError; // TooLong, Gone(io::Error)

/// 2.1 ★ Client after client: serves `clients` of them, whatever they do, and returns how each
/// conversation ended.
///
/// - Serves one client at a time, in the order in which `listener` gives them; the next one waits
///   in the queue meanwhile.
/// - Sends back every byte, in order, as soon as it is there: the client may wait for the echo of
///   its first bytes before it sends more.
/// - Any number of bytes may come, also none.
/// - The client may be silent for as long as it likes.
/// - At a read of 0 the client has finished: [`End::Finished`], with the number of bytes that went
///   back to it.
/// - When a read or a write fails, it is gone: [`End::Gone`], with that error.
/// - Either way closes the connection before it accepts the next one.
/// - Each client that was accepted counts, also one that was gone by then.
/// - When there were `clients` of them, returns their ends, in their order; with 0 of them nobody is
///   accepted.
/// - When `accept` itself fails, there is no client to count: waits a tenth of a second and tries
///   again, however often it fails.
pub fn serve(listener: &TcpListener, clients: usize) -> Vec<End> {
    todo!("2.1 client after client")
}

/// 2.2 ★★ Lines, the empty line included: answers each line of one client with its number, and
/// returns how many there were.
///
/// - The answer to a line is its number, a colon, a space, the line, `\n`; the first line is number
///   1, so `hello\n\n` is answered with `1: hello\n2: \n`.
/// - A line is all bytes up to `\n`, also none at all; every other byte is a byte like any other,
///   also `\r` and spaces.
/// - The bytes need not be UTF-8.
/// - A line may come in pieces, and many lines in one.
/// - Each answer goes out as soon as the line's `\n` is there: the client may wait for it before it
///   sends more.
/// - There may be any number of lines.
/// - When the client has finished, what came behind the last `\n`, if anything did, is a line too;
///   its answer ends with `\n` like the others.
/// - Then closes the connection and returns the number of lines.
/// - A line has at most `limit` bytes, which may be from 0 to `usize::MAX`; its `\n` does not count.
/// - As soon as one byte more has come, closes the connection, without an answer to that line and
///   without waiting for its end or for the client's; what the client has not read of earlier
///   answers may be lost by that.
///
/// # Errors
/// - [`LineError::TooLong`]: a line was longer than `limit`.
/// - [`LineError::Gone`]: a read or a write failed, with that error.
pub fn answer_lines(stream: TcpStream, limit: usize) -> Result<u64, LineError> {
    todo!("2.2 lines, the empty line included")
}

/// 2.3 ★★★ Sends all that `source` has through an echo server into `sink`, and returns how many
/// bytes that were.
///
/// - `stream` is connected with the echo server: sends it what `source` gives until that gives 0,
///   then half-closes.
/// - Writes what comes back to `sink` until the server closes, then returns how many bytes that
///   were.
/// - `sink` may take only a part of a write.
/// - There may be 64 MiB and more: holds at most 1 MiB of it at any time, both directions together,
///   what waits in the system's buffers not counted.
/// - The sizes of the socket's buffers stay as they are.
/// - What a read of `source` gave is sent before the next read, and what came back goes to `sink`
///   before more is read: `source` may wait until `sink` has the echo of what it gave so far.
/// - The server answers when it likes: it may read everything before it sends the first byte back,
///   and it may stop reading until you take what it has sent.
/// - Does not use the processor while it waits.
///
/// # Errors
/// - What `source` or `sink` failed with, unchanged.
/// - When the server closes or breaks off before everything is back: what `stream` failed with, or
///   [`io::ErrorKind::UnexpectedEof`].
/// - After any of them it returns at once, although the server may neither read nor write nor close
///   any more; it waits only for a call of `source` or `sink` that has already begun (and on Windows,
///   where `shutdown` wakes no call that waits, for a read or a write of `stream` as well).
pub fn through(
    stream: TcpStream,
    source: &mut (dyn Read + Send),
    sink: &mut (dyn Write + Send),
) -> io::Result<u64> {
    todo!("2.3 64 MiB through an echo server")
}
