//! Your code for lesson 8. `docs/08-threaded-server.md`, "Your turn", tells more about each
//! exercise.
//!
//! Check it: `cargo test -p threaded-server --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::net::TcpListener;

use threaded_server::Handler;

/// 8.1 ★ Fifty clients at once: serves `clients` of them, and returns how many handlers panicked.
///
/// - Accepts one client after another from `listener`. Calls `handle` with each as soon as it is
///   accepted, whatever the others are doing: one may be silent for as long as it likes. There may
///   be fifty and more at once.
/// - `handle` may panic. That ends this client and nothing else.
/// - Keeps nothing of the connection: it is closed as soon as the handler has ended.
/// - When `accept` itself fails, there is no client to count. Waits a tenth of a second and tries
///   again, however often it fails.
/// - Returns when `clients` clients were accepted and all of their handlers have ended.
pub fn serve(listener: &TcpListener, clients: usize, handle: Handler) -> usize {
    todo!("8.1 fifty clients at once")
}

/// 8.2 ★★ At most so many: serves `clients` clients, at most `places` of them at the same time,
/// and returns how many others were turned away.
///
/// - Accepts and serves as in 8.1, but no more than `places` handlers are at work at any time.
///   `places` is at least 1.
/// - A client that finds no place is told `server full\n` at once, and the connection is closed. No
///   handler is called, it does not count as one of the `clients`, and nobody waits for it. (It has
///   sent nothing before it hears from the server.)
/// - A place is free again as soon as its handler has ended, whether it returned or panicked.
/// - When `accept` itself fails: as in 8.1.
/// - Returns when `clients` clients have got a place and all of their handlers have ended.
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
/// - Accepts one client after another from `listener`, and counts them from 1; no number is used
///   twice. The first thing that client 7 gets is `you are 7\n`. From then on it is in the room.
/// - A line is all bytes up to `\n`, at most [`MAX_LINE`](threaded_server::MAX_LINE) of them; the
///   `\n` does not count. It may be empty, need not be UTF-8, and may come in pieces or with
///   others.
/// - Each line goes to everybody else in the room as soon as it is whole, never to its sender:
///   `7: `, the line, `\n`. The lines of one client arrive in the order in which it sent them, and
///   no line is cut by another one.
/// - When a client has finished (a read of 0), what came behind its last `\n`, if anything did, is
///   a line too. Then it leaves: its connection is closed, and what still waits for it may be lost.
/// - A client also leaves when a read or a write fails, or as soon as a line is longer than it
///   may be. That line goes to nobody.
/// - A client that does not read stalls nobody, not for a moment. Up to
///   [`MAX_WAITING`](threaded_server::MAX_WAITING) lines wait for it, besides those that the
///   system has taken already. When one more would, it must leave, and what waits for it is
///   dropped. A client that reads late stays, as long as no more than that wait for it. The greeting
///   may count as one of them.
/// - When `accept` itself fails: as in 8.1.
/// - Returns when `clients` clients were accepted and all of them have left. A client that
///   neither reads nor closes does not keep you from it, once it has been made to leave.
pub fn chat(listener: &TcpListener, clients: usize) {
    todo!("8.3 a chat room")
}
