//! Your code for lesson 7. `docs/07-legitimacy-check.md`, "Your turn", tells more about each
//! exercise.
//!
//! Check it: `cargo test -p legitimacy-check --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use legitimacy_check::{Refusal, Secret};

/// 7.1 ★ The client's answer: proves to the server that it knows the key, and returns whether the
/// server welcomes it.
///
/// - `stream` is connected with the server. The server sends a nonce of 32 bytes, which may come
///   in pieces, and behind which more may come at once.
/// - Sends the answer: HMAC-MD5 of these 32 bytes under `key`, as 32 lowercase hexadecimal
///   characters, and nothing else. The key is at least one byte long; it need not be text.
/// - The server then sends `welcome\n` and closes: returns `Ok(true)`. Or it closes without a
///   word: returns `Ok(false)`. The reply may come in pieces, too.
/// - The server may take as long as it likes, but may not send as much as it likes: reads at most
///   one byte more than `welcome\n`, and returns without waiting for the end if that byte comes.
///
/// # Errors
/// - [`io::ErrorKind::UnexpectedEof`]: the server closed inside the nonce or inside `welcome\n`.
/// - [`io::ErrorKind::InvalidData`]: the reply is something else, or longer.
/// - What the connection failed with, such as a reset.
pub fn log_in(stream: TcpStream, key: &[u8]) -> io::Result<bool> {
    todo!("7.1 the client's answer")
}

/// 7.2 ★★ The server: asks `clients` clients, one after another, whether they know the key, and
/// returns what came of each, in the order in which they were accepted.
///
/// - Accepts one client after another from `listener`. Each that was accepted counts.
/// - Sends it a nonce: 32 bytes from the system's random generator, new for each client.
/// - Reads an answer of 32 bytes, which may come in pieces. What comes behind them, if
///   anything does, does not matter.
/// - [`Secret::accepts`] says whether it is the answer to the nonce, and nothing else does: it
///   compares in constant time. The check notes what it is asked, and cannot measure time.
/// - If it is right: sends `welcome\n`; the result is `Ok(())`. If not: sends nothing, not even a
///   reason; the result is an error. Either way closes the connection before the next one is
///   accepted.
/// - `limit`, which is not zero, is the time from `accept` until the answer is whole, whatever
///   the client does in it. Takes a little more at most.
/// - When `accept` itself fails, waits a tenth of a second and tries again, as in exercise 2.1.
///
/// # Errors
/// In the results:
/// - [`Refusal::WrongAnswer`]: 32 bytes came, and they are not the answer, or have not its form.
/// - [`Refusal::TimedOut`]: the time was over.
/// - [`Refusal::Gone`]: the client closed before its answer was whole (with
///   [`io::ErrorKind::UnexpectedEof`]), or the connection failed.
pub fn check_clients(
    listener: &TcpListener,
    clients: usize,
    key: &dyn Secret,
    limit: Duration,
) -> Vec<Result<(), Refusal>> {
    todo!("7.2 the server")
}

/// 7.3 ★★★ Mutual and reflection-proof, the client: both sides prove that they know the key.
///
/// On the wire, both nonces new and random each time:
///
/// 1. client → server: the client's nonce, 32 bytes
/// 2. server → client: the server's proof, 32 bytes, and the server's nonce, 32 bytes
/// 3. client → server: the client's proof, 32 bytes
/// 4. server → client: `welcome\n`; the server closes
///
/// - A proof is what [`Secret::answer`] gives for a message of your choice. Choose the messages so
///   that a proof is worth nothing anywhere else: not from the other side, and not in any other
///   conversation, although strangers may hold many of them at once, with both of your functions,
///   and have them answer what they like.
/// - If anything in 1 to 3 was changed on the way, the side that gets a proof next refuses it.
///   Whoever refuses closes without sending another byte. The client sends no proof before the
///   server's was right.
/// - Only [`Secret::accepts`] says whether a proof is right.
/// - Takes at most `limit`, which is not zero, for all of it together, and a little more. The
///   bytes may come in pieces.
///
/// # Errors
/// - [`Refusal::WrongAnswer`]: the proof of the other side is wrong.
/// - [`Refusal::TimedOut`]: the time was over.
/// - [`Refusal::Gone`]: the other side closed too early, or the connection failed; for the client
///   also: 4 was not `welcome\n`.
pub fn mutual_client(stream: TcpStream, key: &dyn Secret, limit: Duration) -> Result<(), Refusal> {
    todo!("7.3 mutual and reflection-proof")
}

/// 7.3 ★★★ Mutual and reflection-proof, the server. What it must do stands above
/// [`mutual_client`]; the check uses it with one client after another, and with several at once.
///
/// # Errors
/// The same as for the client.
pub fn mutual_server(stream: TcpStream, key: &dyn Secret, limit: Duration) -> Result<(), Refusal> {
    todo!("7.3 mutual and reflection-proof")
}
