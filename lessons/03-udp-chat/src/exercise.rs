//! Your code for lesson 3. `docs/03-udp-chat.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p udp-chat --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use udp_chat::Reply;

/// 3.1 ★ Answers whoever wrote: receives so many `datagrams`, sends each of them back to its
/// sender, and returns.
///
/// - `socket` is bound, and connected with nobody.
/// - The answer to a datagram is one datagram with the same bytes. They need not be UTF-8. A
///   datagram has 0 to 65,507 bytes; the empty one is answered and counted like any other.
/// - Each answer goes out before the next datagram is received: who wrote may wait for it. There
///   may be many who write, in any order.
/// - When `recv_from` or `send_to` fails, goes on. A receive that fails is no datagram; a datagram
///   whose answer could not be sent counts. (On some systems `recv_from` fails because an earlier
///   answer found nobody. The check lets it fail now and then with a timeout.)
/// - Does not use the processor while it waits.
pub fn answer(socket: &UdpSocket, datagrams: usize) {
    todo!("3.1 answer whoever wrote")
}

/// 3.2 ★★ A client that never hangs: writes `texts` to `contact`, one after another, and returns
/// what became of each.
///
/// - `contact` is an IPv4 or an IPv6 address.
/// - Each text is sent once, as one datagram, and then waits for its answer. The next text is
///   sent when the answer is there, or when there will be none.
/// - The answer is the first datagram that comes from `contact`, and from nobody else. It has 0
///   to 65,507 bytes, which need not be UTF-8.
/// - A text waits for at most `timeout`, which is not zero, and a little more, whatever strangers
///   send meanwhile.
/// - What answers an earlier text is never taken for the answer to a later one, neither when it
///   comes late nor when it comes twice. Nothing in a datagram says which text it answers.
/// - What became of a text: [`Reply::Answer`], or
///   [`Reply::Silence`] when the time has passed, or
///   [`Reply::NobodyThere`] as soon as the system reports that nobody is at that address, or
///   [`Reply::Failed`] with any other error, such as that of a text that is too long to be sent.
///   None of them keeps the next text from being sent.
/// - Does not use the processor while it waits.
pub fn converse(contact: SocketAddr, texts: &[&[u8]], timeout: Duration) -> Vec<Reply> {
    todo!("3.2 a client that never hangs")
}

/// 3.3 ★★★ Keeps strangers and control characters out: shows on `screen` what `friend` writes,
/// until the friend writes `q`, and returns how many texts were shown.
///
/// - `socket` is bound, and connected with nobody. Datagrams may have come to it already.
/// - A datagram is from the friend if its sender's address is `friend`, IP address and port. Any
///   other is thrown away, whatever is in it. Nobody is answered.
/// - Every datagram of the friend is a text and is shown as one line that ends with `\n`, the
///   empty text too; but the datagram `q`, exactly, ends the function and is not shown. A text has
///   0 to 65,507 bytes.
/// - Every character stays as it is, but these are replaced by what
///   [`escape_unicode`](char::escape_unicode) gives, such as `\u{1b}`: the control characters
///   (as [`is_control`](char::is_control) says), and those that turn the direction of text around
///   or end a line without being control characters: U+061C, U+200E, U+200F, U+2028 to U+202E,
///   U+2066 to U+2069.
/// - Bytes that are not UTF-8 are replaced by U+FFFD, as [`String::from_utf8_lossy`] does.
/// - A line is flushed before the next datagram is received.
///
/// # Errors
/// - [`io::ErrorKind::TimedOut`]: the friend has been silent for `patience`, which is not zero,
///   since the call or since the last text. What strangers send does not count.
/// - What a write or a flush of `screen` failed with, at once.
/// - Any other error of `socket`.
pub fn watch(
    socket: &UdpSocket,
    friend: SocketAddr,
    screen: &mut dyn Write,
    patience: Duration,
) -> io::Result<u64> {
    todo!("3.3 strangers and control characters kept out")
}
