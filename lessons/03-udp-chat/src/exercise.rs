//! Your code for lesson 3. `docs/03-udp-chat.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p udp-chat --test exercise`
#![allow(unused_imports, unused_variables)] // until every exercise is solved

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use shared::MAX_TEXT; // 65,507
use shared::any_port; // the address to bind to, for one to send to
use udp_chat::contract::Reply; // Answer(Vec<u8>), Silence, NobodyThere, Failed(io::Error)

/// 3.1 ★ Answers whoever wrote: receives so many `datagrams`, sends each of them back to its
/// sender, and returns. `socket` is bound, and connected with nobody.
///
/// - The answer to a datagram is one datagram with the same bytes, sent from `socket` itself.
/// - It goes to the address, IP address and port, from which the datagram came; there may be many
///   who write, in any order.
/// - The bytes need not be UTF-8.
/// - A datagram has 0 to 65,507 bytes; the empty one is answered and counted like any other.
/// - Each answer goes out at once, before the next datagram is received.
/// - When `recv_from` fails, that is no datagram: goes on; on some systems it fails because an
///   earlier answer found nobody, and the check lets it fail now and then with a timeout.
/// - When `send_to` fails, the datagram counts as answered: goes on.
/// - When `datagrams` of them were answered, returns; it may be any number, and with 0 nothing is
///   received.
/// - Does not use the processor while it waits.
pub fn answer(socket: &UdpSocket, datagrams: usize) {
    todo!("3.1 answer whoever wrote")
}

/// 3.2 ★★ A client that never hangs: writes `texts` to `contact`, one after another, and returns
/// what became of each.
///
/// - `contact` is an IPv4 or an IPv6 address.
/// - Each text is sent to it once, as one datagram, the empty one too.
/// - The next text is sent when the answer to the one before is there, or when there will be none.
/// - The answer is the first datagram that comes from `contact`, and from nobody else.
/// - Nor is it what a stranger sent before the socket was connected.
/// - An answer has 0 to 65,507 bytes, which need not be UTF-8.
/// - What answers an earlier text is never taken for the answer to a later one, neither when it
///   comes late nor when it comes twice; nothing in a datagram says which text it answers.
/// - Does not use the processor while it waits.
/// - Returns what became of each text, in their order; nothing keeps the next one from being sent.
/// - [`Reply::Answer`]: the bytes of the answer.
/// - [`Reply::Silence`]: no answer came within `timeout`, which is from a millisecond to an hour,
///   whatever strangers sent meanwhile.
/// - [`Reply::NobodyThere`]: the system has reported that nobody is at that address; the rest of
///   the time is not waited out.
/// - [`Reply::Failed`]: anything else, with the error as it was, such as that of a text that is too
///   long to be sent.
pub fn converse(contact: SocketAddr, texts: &[&[u8]], timeout: Duration) -> Vec<Reply> {
    todo!("3.2 a client that never hangs")
}

/// 3.3 ★★★ Keeps strangers and control characters out: shows on `screen` what `friend` writes,
/// until the friend writes `q`. `socket` is bound, and connected with nobody.
///
/// - A datagram is from the friend if its sender's address is `friend`, IP address and port; any
///   other is thrown away, whatever is in it.
/// - What has come before the call is treated like what comes later.
/// - Nobody is answered.
/// - Every datagram of the friend is a text and is shown as one line that ends with `\n`, the
///   empty one too.
/// - But the datagram `q`, exactly, is not shown: it ends the function, which returns how many
///   texts were shown.
/// - A text has 0 to 65,507 bytes.
/// - The control characters (as [`is_control`](char::is_control) says) are replaced by what
///   [`escape_unicode`](char::escape_unicode) gives, such as `\u{1b}`.
/// - So are those that turn the direction of text around or end a line without being control
///   characters: U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069.
/// - Every other character stays as it is.
/// - Bytes that are not UTF-8 are replaced by U+FFFD, as [`String::from_utf8_lossy`] does.
/// - `screen` may take only a part of a write.
/// - A line is flushed before the next datagram is received.
/// - Does not use the processor while it waits.
///
/// # Errors
/// - [`ErrorKind::TimedOut`]: the friend has been silent for `patience`, which is from a
///   millisecond to an hour, since the call or since the last text; what strangers send does not
///   count.
/// - What a write or a flush of `screen` failed with, unchanged and at once.
/// - Any other error of `socket`, unchanged and at once.
pub fn watch(
    socket: &UdpSocket,
    friend: SocketAddr,
    screen: &mut dyn Write,
    patience: Duration,
) -> io::Result<u64> {
    todo!("3.3 strangers and control characters kept out")
}
