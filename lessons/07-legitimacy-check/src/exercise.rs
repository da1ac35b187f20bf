//! Your code for lesson 7. `docs/07-legitimacy-check.md`, "Your turn", tells more about each
//! exercise.
//!
//! Check it: `cargo test -p legitimacy-check --test exercise`
#![allow(unused_imports, unused_variables)] // until every exercise is solved

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use legitimacy_check::contract::{Refusal, Secret}; // WrongAnswer, TimedOut, Gone(io::Error)
use legitimacy_check::{ANSWER_LEN, NONCE_LEN, WELCOME};
use md5::Md5;
use shared::{read_by, read_exact_by, write_all_by}; // for 7.2 and 7.3

/// 7.1 ★ The client's answer: proves to the server that it knows the key, and returns whether the
/// server welcomes it.
///
/// - `stream` is connected with the server, which sends a nonce of 32 bytes, whatever bytes they
///   are.
/// - The nonce may come in pieces, and the reply may come right behind it.
/// - Sends the answer, HMAC-MD5 of these 32 bytes under `key`, as 32 lowercase hexadecimal
///   characters.
/// - The key is one byte long or longer, and it need not be text.
/// - Sends nothing else; whether it half-closes behind its answer is its own choice.
/// - When the server then sends `welcome\n` and closes, returns `Ok(true)`.
/// - When the server then closes without a word, returns `Ok(false)`.
/// - The reply may come in pieces, too, and the server may take as long for it as it likes: also for
///   its end, behind which nothing comes.
/// - The reply may have no end: as soon as nine bytes of it have come, one too many, returns.
///
/// # Errors
/// - [`ErrorKind::UnexpectedEof`]: the server closed before all of the nonce had come, or when the
///   beginning of `welcome\n` had come and the rest had not.
/// - [`ErrorKind::InvalidData`]: the reply is anything else, long or short; it may be returned as soon
///   as a byte has come that cannot be right, or when the reply has ended.
/// - What the connection failed with, such as a reset.
pub fn log_in(stream: TcpStream, key: &[u8]) -> io::Result<bool> {
    todo!("7.1 the client's answer")
}

/// 7.2 ★★ The server: asks `clients` clients, one after another, whether they know the key, and
/// returns what came of each.
///
/// - Accepts one client after another from `listener`, and has closed the connection with one
///   before it accepts the next.
/// - Returns `clients` results, which may be none, in the order in which the clients were accepted;
///   one that left at once counts too.
/// - Speaks first: sends a nonce of 32 bytes, new for each client.
/// - The nonce comes from the system's random generator, so nobody can guess it.
/// - Reads an answer of 32 bytes, which may come in pieces.
/// - What comes behind these 32 bytes, if anything does, does not matter; it need not be read, though
///   the welcome may then get lost on its way (a close with unread bytes is a reset).
/// - When the answer is whole, nothing more is waited for, not even until the client closes, too.
/// - [`Secret::accepts`] alone says whether 32 lowercase hexadecimal characters are the answer to
///   the nonce, because it compares in constant time.
/// - Any other 32 bytes are a wrong answer, whether it is asked about them or not.
/// - If the answer is right, sends `welcome\n`; the result is `Ok(())`.
/// - If it is not, sends nothing, not even a reason.
/// - `limit`, from a millisecond to an hour, is the time from `accept` until the answer is whole,
///   whatever the client does in it; when it is over, the client is refused at once.
/// - When `accept` itself fails, there is no client to count: waits a tenth of a second and tries
///   again, however often it fails.
///
/// # Errors
/// - In the results, [`Refusal::WrongAnswer`]: 32 bytes came, and they are not the answer.
/// - In the results, [`Refusal::TimedOut`]: the time was over.
/// - In the results, [`Refusal::Gone`]: the client closed before its answer was whole (with
///   [`ErrorKind::UnexpectedEof`]), or the connection failed.
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
/// On the wire:
///
/// 1. client → server: the client's nonce, 32 bytes
/// 2. server → client: the server's proof, 32 bytes, and the server's nonce, 32 bytes
/// 3. client → server: the client's proof, 32 bytes
/// 4. server → client: `welcome\n`; the server closes
///
/// - Both nonces are new each time, from the system's random generator.
/// - A proof is what [`Secret::answer`] gives for a message of your choice, chosen so that the
///   proof of one side is worth nothing from the other side.
/// - A proof is worth nothing in any other conversation, although strangers may hold many of them
///   at once, with both of your functions, pass on what they like and choose their nonces.
/// - If 1, 2 or 3 was changed on the way, in whichever of its bytes, the side that next gets a
///   proof refuses it.
/// - Whoever refuses closes without sending another byte.
/// - The client sends no proof before the server's was right.
/// - Only [`Secret::accepts`] says whether a proof is right, because it compares in constant time.
/// - The bytes may come in pieces.
/// - `limit`, from a millisecond to an hour, is the time for all of it together, from the call; when
///   it is over, the function returns at once.
/// - Returns `Ok(())` when the other side has proved that it knows the key; the client, when
///   `welcome\n` has come as well; whether it then waits for the end, and what it makes of bytes
///   behind `welcome\n`, is its own choice.
///
/// # Errors
/// - [`Refusal::WrongAnswer`]: the proof of the other side is wrong.
/// - [`Refusal::TimedOut`]: the time was over.
/// - [`Refusal::Gone`]: the other side closed too early, or the connection failed; for the client
///   also: 4 was not `welcome\n`.
pub fn mutual_client(stream: TcpStream, key: &dyn Secret, limit: Duration) -> Result<(), Refusal> {
    todo!("7.3 mutual and reflection-proof")
}

/// 7.3, the server. What it must do stands above [`mutual_client`]; the check uses it with one
/// client after another, and with several at once.
///
/// # Errors
/// The same as for the client.
pub fn mutual_server(stream: TcpStream, key: &dyn Secret, limit: Duration) -> Result<(), Refusal> {
    todo!("7.3 mutual and reflection-proof")
}
