//! Your code for lesson 8. `docs/08-threaded-server.md`, "Your turn", tells more about each
//! exercise.
//!
//! Check it: `cargo test -p threaded-server --test exercise`
#![allow(unused_imports, unused_variables)] // until every exercise is solved

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use threaded_server::contract::{Handler, MAX_WAITING};
use threaded_server::{FULL, MAX_LINE};

/// 8.1 ★ Fifty clients at once: serves `clients` of them, and returns how many handlers panicked.
///
/// - Accepts one client after another from `listener`, `clients` in all, which may be none.
/// - Calls `handle` with each as soon as it is accepted, whatever the others are doing: one may be
///   silent for as long as it likes.
/// - More than fifty may be there at once: as many threads as you think are enough are not enough.
/// - `handle` may panic, which ends this client and nothing else.
/// - Keeps nothing of the connection: it is closed as soon as the handler has ended.
/// - When `accept` itself fails, there is no client to count: waits a tenth of a second and tries
///   again, however often it fails.
/// - Returns when `clients` clients were accepted and all of their handlers have ended, however long
///   that takes.
/// - Returns how many of the handlers panicked.
pub fn serve(listener: &TcpListener, clients: usize, handle: Handler) -> usize {
    todo!("8.1 fifty clients at once")
}

/// 8.2 ★★ At most so many: serves `clients` clients, at most `places` of them at the same time,
/// and returns how many others were turned away.
///
/// - Accepts and serves as in 8.1, but no more than `places` handlers are at work at any time, which
///   may be any number from 1.
/// - As long as a place is free, the next client gets it.
/// - A client that finds no place is told `server full\n` at once, though it has sent nothing, and
///   the connection is closed.
/// - No handler is called for it, it does not count as one of the `clients`, and nobody waits for
///   it: neither for what it may send nor until it closes, too.
/// - A place is free again, once, as soon as its handler has ended, whether it returned or panicked:
///   whoever comes next gets it.
/// - When `accept` itself fails, does as in 8.1.
/// - Returns when `clients` clients have got a place and all of their handlers have ended.
/// - Returns how many were turned away.
pub fn serve_at_most(
    listener: &TcpListener,
    clients: usize,
    places: usize,
    handle: Handler,
) -> usize {
    todo!("8.2 at most so many")
}

/// 8.3 ★★★ A chat room in which one stuck client stalls nobody. Serves `clients` clients.
///
/// - Accepts one client after another from `listener`, `clients` in all, and counts them from 1; no
///   number is used twice.
/// - The first thing that client 7 gets is `you are 7\n`, and from then on it is in the room.
/// - A line is all bytes up to `\n`, at most [`MAX_LINE`] of them; the `\n` does not count.
/// - A line may be empty, need not be UTF-8, and may come in pieces or with others.
/// - Each line goes to everybody else in the room as soon as it is whole, never to its sender:
///   `7: `, the line, `\n`.
/// - The lines of one client arrive in the order in which it sent them, and no line is cut by another
///   one, though many speak at once.
/// - When a client has finished (a read of 0), what came behind its last `\n`, if anything did, is
///   a line too.
/// - Then it leaves: its connection is closed, and what still waits for it may be lost.
/// - A client also leaves when a read from it or a write to it fails; what came behind its last
///   `\n` then goes to nobody.
/// - A client also leaves as soon as a line is longer than it may be, and that line goes to nobody.
/// - A client that does not read stalls nobody, not even for a second.
/// - Up to [`MAX_WAITING`] lines wait for it in your program, besides those that the system has taken
///   already; the greeting, and the one line that is just being written, may count or not.
/// - When one more would have to wait, the client must leave, and what waits for it is dropped.
/// - A client that reads late stays as long as no more than that wait for it: a write to it that
///   takes long, however long, has not failed.
/// - When `accept` itself fails, does as in 8.1.
/// - Returns when `clients` clients were accepted and all of them have left, even if one that left
///   or was made to leave neither reads nor closes (not on Windows, where `shutdown` wakes no call
///   that waits: there those close).
pub fn chat(listener: &TcpListener, clients: usize) {
    todo!("8.3 a chat room")
}
