//! Your code for lesson 4. `docs/04-time-sync.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p time-sync --test exercise`
//!
//! You may use the package `shared`, such as `shared::any_port` and `shared::MAX_TEXT`, and the
//! crate `jiff`. `time_sync::format_time` knows neither `longest` nor `error: `: write your own.
#![allow(unused_imports, unused_variables)] // until every exercise is solved

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use jiff::Zoned;
use jiff::fmt::strtime;
use shared::{MAX_TEXT, any_port};
use time_sync::SECONDS;
use time_sync::contract::Offset;

/// 4.1 ★ A time server that no format can crash or swell: answers so many requests, then returns.
///
/// `socket` is bound, and connected with nobody. A request is a datagram of 0 to 65,507 bytes.
/// `longest` is 16 or more. Nothing may panic, also not where the panic is caught.
///
/// - A request is a format for [`jiff::fmt::strtime::format`], and its answer is the local time
///   ([`jiff::Zoned::now`], at each request) in that format.
/// - The empty request stands for `%Y-%m-%d %X`.
/// - The answer is one datagram, from `socket` to whoever sent the request.
/// - A request over 256 bytes is answered with `error: ` and a reason.
/// - So is one that is not UTF-8, or has a control character in it ([`char::is_control`]).
/// - So is one that `format` refuses.
/// - So is one whose answer would be longer than `longest` bytes.
/// - So is one that is the same as its answer, because it has nothing to fill in.
/// - The reason is up to you, and may be empty, but there is no control character in it.
/// - No answer is longer than `longest` bytes, also none that begins with `error: `, and each is
///   UTF-8.
/// - A datagram that begins with `error: ` is the answer of a server: it is not answered, and does
///   not count as a request.
/// - When `recv_from` fails, goes on, and no request is counted.
/// - When `send_to` fails, goes on, and the request counts.
/// - Returns when `requests` were counted, also when that is none.
pub fn serve(socket: &UdpSocket, requests: usize, longest: usize) {
    todo!("4.1 a time server that no format can crash or swell")
}

/// 4.2 ★★ Polls a server at a steady beat, and returns the answer to each question, or `None` where
/// there was none.
///
/// `server` has an IPv4 or an IPv6 address. `timeout` is not zero and at most `beat`,
/// which is at most a day.
///
/// - Sends `question` so many times (`questions`), also none, each time as one datagram.
/// - Question number i, counted from 0, is due i beats after the call, however long the answers
///   take and however many are lost, and does not leave before.
/// - It leaves when it is due: a delay does not make the later ones late.
/// - The answer to a question is the first datagram that comes from `server`, and from nobody else,
///   within `timeout` after the question was due.
/// - An answer has 0 to 65,507 bytes of any kind.
/// - An answer that comes later, or twice, is never taken for the answer to another question.
/// - A question that is lost, or fails with any error, has no answer, and changes nothing for the
///   next one.
/// - No question is sent twice.
/// - Returns when the last question has its answer or its timeout has passed, whatever strangers
///   send meanwhile, and does not wait for another beat.
/// - Does not use the processor while it waits.
pub fn poll(
    server: SocketAddr,
    question: &str,
    questions: usize,
    beat: Duration,
    timeout: Duration,
) -> Vec<Option<Vec<u8>>> {
    todo!("4.2 steady polling")
}

/// 4.3 ★★★ Cristian's offset from the best of several samples: how far the server's clock is ahead
/// of ours.
///
/// `server` has an IPv4 or an IPv6 address. `timeout` is not zero, and at most a day.
///
/// - Sends the question [`time_sync::SECONDS`] so many times (`questions`), also none, each time as
///   one datagram, and none again.
/// - The answer is the first datagram that comes from `server`, and from nobody else, within
///   `timeout`, whatever strangers send meanwhile.
/// - The next question follows as soon as there is an answer, or the timeout has passed.
/// - When the system reports that nobody is there, the next one follows at once, too.
/// - A time is 1 to 12 ASCII digits, the seconds since 1970 by the server's clock; then, if there is
///   a fraction, a point and 1 to 9 digits.
/// - Anything else is no time, and gives no sample: a sign, a space, `error: …`, `nan`.
/// - What answers an earlier question is never taken for the answer to a later one.
/// - Of all samples, the one with the shortest round trip counts, and no other.
/// - [`Offset::ahead`] is what the server's clock showed when the answer arrived, if that was on its
///   way for half of the round trip, less what our clock showed then.
/// - [`Offset::error`] is half of the round trip.
/// - Returns `None` when there is no sample.
pub fn offset(server: SocketAddr, questions: usize, timeout: Duration) -> Option<Offset> {
    todo!("4.3 Cristian's offset from the best of several samples")
}
