//! Your code for lesson 4. `docs/04-time-sync.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p time-sync --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use time_sync::contract::Offset;

/// 4.1 ★ A time server that no format can crash or swell: answers so many requests, then returns.
///
/// - `socket` is bound, and connected with nobody. A request is a datagram of 0 to 65,507 bytes.
/// - It is a format for [`jiff::fmt::strtime::format`]; the empty request stands for
///   `%Y-%m-%d %X`. The answer is the local time ([`jiff::Zoned::now`]) in that format, in one
///   datagram to the sender.
/// - These requests are answered with `error: ` and some reason: one over 256 bytes; one that is
///   not UTF-8; one with a control character in it ([`char::is_control`]); one that `format`
///   refuses; one whose answer would be longer than `longest` bytes; one that is the same as its
///   answer, because it has nothing to fill in.
/// - No answer is longer than `longest` bytes, one that begins with `error: ` neither. All of them
///   are UTF-8. `longest` is at least 16.
/// - A datagram that begins with `error: ` is the answer of a server. It is not answered, and not
///   counted.
/// - When `recv_from` or `send_to` fails, goes on. A receive that fails is no request; a request
///   whose answer could not be sent counts. (The check lets it fail now and then with a timeout.)
pub fn serve(socket: &UdpSocket, requests: usize, longest: usize) {
    todo!("4.1 a time server that no format can crash or swell")
}

/// 4.2 ★★ Polls a server at a steady beat, and returns the answer to each question, or `None` where
/// there was none.
///
/// - Sends `question` so many times (`questions`), each time as one datagram. The first leaves at
///   once, and each of the others one `beat` after the one before was due, however long the
///   answers take: number i, counted from 0, is due i beats after the call. None leaves earlier.
/// - The answer to a question is the first datagram that comes from `server`, and from nobody
///   else, within `timeout` after the question was sent. `timeout` is not zero, and at most `beat`.
///   The answer has 0 to 65,507 bytes.
/// - An answer that comes later, or twice, is never taken for the answer to another question.
///   Nothing in a datagram says which question it answers.
/// - A question that is lost, or fails with any error, has no answer, and changes nothing for the
///   next one. No question is sent twice.
/// - Returns when the last question has its answer or its timeout has passed, and does not wait
///   for another beat.
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
/// - Sends the question [`time_sync::SECONDS`] so many times (`questions`), each time as one
///   datagram, and waits for the answer for at most `timeout`, which is not zero. The next question
///   follows at once.
/// - The answer is the first datagram that comes from `server`: the seconds since 1970 by the
///   server's clock. 1 to 12 ASCII digits; then, if there is a fraction, a point and 1 to 9 digits.
///   Anything else is no time (a sign, a space, `error: …`, `nan`), and gives no sample.
/// - A question without an answer gives no sample. When the system reports that nobody is there, it
///   has none, and the next follows at once. What answers an earlier question is never taken for
///   the answer to a later one. No question is sent more than once.
/// - Of all samples, the one with the shortest round trip counts, and no other. The answer was on
///   its way for half of the round trip, more or less: [`Offset::ahead`] is what the server's
///   clock showed when the answer arrived, by that reckoning, less what ours showed.
///   [`Offset::error`] is half of the round trip.
/// - `None` when there is no sample.
pub fn offset(server: SocketAddr, questions: usize, timeout: Duration) -> Option<Offset> {
    todo!("4.3 Cristian's offset from the best of several samples")
}
