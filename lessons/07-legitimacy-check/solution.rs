//! One way to solve the exercises of lesson 7. Try your own first.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use legitimacy_check::contract::{Refusal, Secret};
use legitimacy_check::{ANSWER_LEN, NONCE_LEN, WELCOME};
use md5::Md5;
use shared::{read_exact_by, write_all_by};

/// 7.1 The client's answer.
pub fn log_in(mut stream: TcpStream, key: &[u8]) -> io::Result<bool> {
    let mut nonce = [0; NONCE_LEN];
    stream.read_exact(&mut nonce)?;

    let mac = Hmac::<Md5>::new_from_slice(key).map_err(io::Error::other)?;
    let tag = mac.chain_update(nonce).finalize().into_bytes();
    let answer: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    stream.write_all(answer.as_bytes())?;

    let mut reply = Vec::new();
    stream
        .take(WELCOME.len() as u64 + 1) // one more, to notice a reply that is too long
        .read_to_end(&mut reply)?;
    if reply.is_empty() {
        Ok(false)
    } else if reply == WELCOME {
        Ok(true)
    } else if WELCOME.starts_with(&reply) {
        Err(ErrorKind::UnexpectedEof.into())
    } else {
        Err(ErrorKind::InvalidData.into())
    }
}

/// 7.2 The server.
pub fn check_clients(
    listener: &TcpListener,
    clients: usize,
    key: &dyn Secret,
    limit: Duration,
) -> Vec<Result<(), Refusal>> {
    let mut results = Vec::new();
    while results.len() < clients {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        results.push(check_client(&stream, key, Instant::now() + limit));
    }
    results
}

fn check_client(
    mut stream: &TcpStream,
    key: &dyn Secret,
    deadline: Instant,
) -> Result<(), Refusal> {
    let nonce = fresh_nonce()?;
    stream.write_all(&nonce).map_err(explain)?; // always fits into the empty buffer

    let mut answer = [0; ANSWER_LEN];
    read_exact_by(stream, &mut answer, deadline).map_err(explain)?;
    if !key.accepts(&nonce, &answer) {
        return Err(Refusal::WrongAnswer);
    }
    stream.write_all(WELCOME).map_err(explain)
}

fn fresh_nonce() -> Result<[u8; NONCE_LEN], Refusal> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|e| Refusal::Gone(e.into()))?;
    Ok(nonce)
}

fn explain(error: io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Refusal::TimedOut,
        _ => Refusal::Gone(error),
    }
}

/// 7.3 Mutual and reflection-proof, the client.
pub fn mutual_client(stream: TcpStream, key: &dyn Secret, limit: Duration) -> Result<(), Refusal> {
    let deadline = Instant::now() + limit;
    let ours = fresh_nonce()?;
    write_all_by(&stream, &ours, deadline).map_err(explain)?;

    let (mut proof, mut theirs) = ([0; ANSWER_LEN], [0; NONCE_LEN]);
    read_exact_by(&stream, &mut proof, deadline).map_err(explain)?;
    read_exact_by(&stream, &mut theirs, deadline).map_err(explain)?;
    if !key.accepts(&message(b"server", &ours, &theirs), &proof) {
        return Err(Refusal::WrongAnswer);
    }

    let proof = key.answer(&message(b"client", &ours, &theirs));
    write_all_by(&stream, &proof, deadline).map_err(explain)?;
    let mut reply = [0; WELCOME.len()];
    read_exact_by(&stream, &mut reply, deadline).map_err(explain)?;
    if reply != WELCOME {
        return Err(Refusal::Gone(ErrorKind::InvalidData.into()));
    }
    Ok(())
}

/// 7.3 Mutual and reflection-proof, the server.
pub fn mutual_server(stream: TcpStream, key: &dyn Secret, limit: Duration) -> Result<(), Refusal> {
    let deadline = Instant::now() + limit;
    let mut theirs = [0; NONCE_LEN];
    read_exact_by(&stream, &mut theirs, deadline).map_err(explain)?;

    let ours = fresh_nonce()?;
    let proof = key.answer(&message(b"server", &theirs, &ours));
    write_all_by(&stream, &[&proof[..], &ours].concat(), deadline).map_err(explain)?;

    let mut proof = [0; ANSWER_LEN];
    read_exact_by(&stream, &mut proof, deadline).map_err(explain)?;
    if !key.accepts(&message(b"client", &theirs, &ours), &proof) {
        return Err(Refusal::WrongAnswer);
    }
    write_all_by(&stream, WELCOME, deadline).map_err(explain)
}

/// What a proof is the answer to: who gives it, and in which conversation. All three parts have a
/// fixed length, so no two conversations give the same message.
fn message(who: &[u8; 6], client: &[u8; NONCE_LEN], server: &[u8; NONCE_LEN]) -> Vec<u8> {
    [&who[..], client, server].concat()
}
