//! Your code for lesson 10. `docs/10-web-server.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p web-server --test exercise`
#![allow(unused_variables, clippy::ptr_arg)] // until every exercise is solved

use std::io;
use std::net::TcpStream;

use web_server::contract::{Handler, Pages, Pool};

/// 10.1 ★ A request head, whatever pieces it comes in: returns the next one that `stream` brings.
///
/// - A head is all bytes up to and including the first `\r\n\r\n`, and nothing else ends it.
/// - It may come in any pieces: one read is not one head.
/// - `rest` holds what came behind the head before, and its bytes come first. When the function
///   returns, `rest` holds what was read behind this one, if anything was: each byte, in order.
/// - If `rest` has a whole head, it is returned without a read.
/// - The bytes need not be text.
/// - Returns `None` when the client has finished (a read of 0) before the first byte of a head.
///
/// # Errors
/// - `UnexpectedEof` when the client finishes inside a head.
/// - `InvalidData` when a head has more than [`MAX_HEAD`](web_server::contract::MAX_HEAD) bytes, or
///   more than [`MAX_LINES`](web_server::contract::MAX_LINES) lines between its first and its last,
///   the empty one. It is said as soon as so many have come, also when the end has not.
/// - Any other error of the stream as it came.
pub fn read_head(stream: &TcpStream, rest: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    todo!("10.1 a request head")
}

/// 10.2 ★★ Keep-alive: answers the requests of one client, one after the other.
///
/// - A request is a head, as in 10.1, and where that has a `Content-Length`, so many bytes of body,
///   which are of no interest.
/// - It may come in any pieces, and the next one may be there before this one is answered.
/// - Each is answered as soon as it is whole, in the order in which they came.
/// - An answer begins with `HTTP/1.1 ` and the status; it has one `Content-Length`, which is the
///   length of its body in bytes.
/// - `GET`: 200 and the page, if its path is in `pages`; 404 and a body that is not empty, if not.
/// - In the target, `?` and what follows it are no part of the path.
/// - `HEAD`: the same head as for `GET`, and no body.
/// - Another method: 405, with the header `Allow: GET, HEAD`.
/// - The case of a header's name does not matter, nor do spaces around its value, which need not be
///   UTF-8.
/// - After a request with `Connection: close` the answer has the same header, and the connection is
///   closed. After others it stays open, whatever the status was.
/// - 400 is the answer to a first line that is not three words with one space between them, the
///   third `HTTP/1.1`; to a header without a colon; to a `Content-Length` of anything but digits, or
///   more than one; and to any `Transfer-Encoding`.
/// - 413 is the answer to a body of more than [`MAX_BODY`](web_server::contract::MAX_BODY) bytes,
///   before it has come; 431 to a head of more than [`MAX_HEAD`](web_server::contract::MAX_HEAD).
/// - After 400, 413 and 431, which have `Connection: close`, the connection is closed.
/// - No answer is lost by closing, though the client may have sent more: what it sends is read on
///   until it has finished too, but for no longer than
///   [`FAREWELL`](web_server::contract::FAREWELL).
/// - When the client has finished (a read of 0), the connection is closed; a request that is not
///   whole is not answered.
/// - When the connection breaks, the function returns; nothing that comes makes it panic.
pub fn answer_all(stream: TcpStream, pages: &Pages) {
    todo!("10.2 keep-alive")
}

/// 10.3 ★★★ A pool of threads: returns one with so many `workers`, and a queue for so many
/// connections that are `waiting`; both numbers are at least 1. What its methods do:
///
/// - `take` has the handler called with the connection: at once, if fewer than `workers` handlers
///   are at work, and no more than so many are at any time.
/// - If all are at work, the connection waits. Those who wait get their turn in the order in which
///   they came.
/// - If so many wait already, the client is sent [`BUSY`](web_server::contract::BUSY), at once, and
///   its connection is closed.
/// - That is not lost by closing, though the client may have sent its request: what it sends is read
///   on until it has finished too, but for no longer than
///   [`FAREWELL`](web_server::contract::FAREWELL).
/// - `take` itself waits for nobody.
/// - The connection is closed as soon as its handler has ended.
/// - A handler may panic. That ends its connection and nothing else.
/// - `stop` sends `BUSY` to those who wait, as above, and calls no handler for them.
/// - To a handler that waits in `read`, it looks as if the client had finished, and what the handler
///   then writes still gets to the client.
/// - `stop` returns when all handlers have ended.
/// - It returns how many handlers have panicked since the pool was made.
pub fn pool(workers: usize, waiting: usize, handle: Handler) -> Box<dyn Pool> {
    todo!("10.3 a pool of threads")
}
