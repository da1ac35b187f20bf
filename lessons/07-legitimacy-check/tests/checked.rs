//! The checks of lesson 7, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use checks::log_in::LogIn;
use checks::mutual::Mutual;
use checks::server::CheckClients;
use course::exercise::{Mistake, Proof, Right};
use hmac::{Hmac, KeyInit, Mac};
use legitimacy_check::contract::{Refusal, Secret};
use legitimacy_check::{ANSWER_LEN, NONCE_LEN, WELCOME};
use md5::{Digest, Md5};
use shared::{read_by, read_exact_by, write_all_by};

const SOURCE: &str = include_str!("../src/exercise.rs");

/// Both sides are right but for the formula.
macro_rules! by {
    ($formula:expr) => {
        Mutual {
            client: |stream, key, limit| client(&stream, key, limit, $formula),
            server: |stream, key, limit| server(&stream, key, limit, $formula),
        }
    };
}

#[test]
fn exercise_7_1_is_proved() {
    Proof {
        check: checks::log_in::log_in,
        source: SOURCE,
        exercise: "7.1",
        skeleton: exercise::log_in as LogIn,
        right: RIGHT_LOG_INS,
        mistakes: WRONG_LOG_INS,
        unseen: &[],
    }
    .holds();
}

const RIGHT_LOG_INS: &[Right<LogIn>] = &[
    ("the solution", solution::log_in),
    (
        "one BufReader for all that comes, and the crate hex",
        |stream, key| {
            let mut reader = BufReader::new(&stream);
            let mut nonce = [0; NONCE_LEN];
            reader.read_exact(&mut nonce)?;
            let mut answer = [0; ANSWER_LEN];
            hex::encode_to_slice(tag(key, &nonce), &mut answer).expect("two for each byte");
            (&stream).write_all(&answer)?;
            let mut reply = Vec::new();
            reader.take(9).read_to_end(&mut reply)?;
            judge(&reply)
        },
    ),
    ("half-closes, and counts bytes", |mut stream, key| {
        let nonce: Vec<u8> = BufReader::with_capacity(1, &stream)
            .bytes()
            .take(NONCE_LEN)
            .collect::<io::Result<_>>()?;
        if nonce.len() < NONCE_LEN {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        stream.write_all(&hex(&tag(key, &nonce)))?;
        stream.shutdown(Shutdown::Write)?;
        let mut right = 0;
        for byte in BufReader::new(stream).bytes() {
            if WELCOME.get(right) != Some(&byte?) {
                return Err(ErrorKind::InvalidData.into());
            }
            right += 1;
        }
        match right {
            0 => Ok(false),
            8 => Ok(true),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }),
    (
        "loops over read, with buffers of its own",
        |mut stream, key| {
            let (mut nonce, mut filled) = ([0; NONCE_LEN], 0);
            while filled < NONCE_LEN {
                match stream.read(&mut nonce[filled..]) {
                    Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "no nonce")),
                    Ok(n) => filled += n,
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            const DIGITS: &[u8] = b"0123456789abcdef";
            for byte in tag(key, &nonce) {
                let pair = [
                    DIGITS[usize::from(byte >> 4)],
                    DIGITS[usize::from(byte & 15)],
                ];
                stream.write_all(&pair)?;
            }
            let (mut reply, mut filled) = ([0; 9], 0);
            loop {
                match stream.read(&mut reply[filled..])? {
                    0 => return judge(&reply[..filled]),
                    n => filled += n,
                }
                if filled == reply.len() {
                    return Err(io::Error::new(ErrorKind::InvalidData, "too long"));
                }
            }
        },
    ),
    ("looks up from its read every 50 ms", |mut stream, key| {
        let nonce = nonce(&mut stream)?;
        stream.write_all(&hex(&tag(key, &nonce)))?;
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        let (mut reply, mut buffer) = (Vec::new(), [0; 9]);
        while reply.len() < 9 {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => reply.extend_from_slice(&buffer[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) => return Err(e),
            }
        }
        judge(&reply)
    }),
];

const WRONG_LOG_INS: &[Mistake<LogIn>] = &[
    (
        "reads the nonce once",
        |mut stream, key| {
            let mut nonce = [0; NONCE_LEN];
            let n = stream.read(&mut nonce)?;
            stream.write_all(&hex(&tag(key, &nonce[..n])))?;
            reply(stream)
        },
        "one read is taken for the whole nonce",
    ),
    (
        "takes all that has come for the nonce",
        |mut stream, key| {
            let mut nonce = Vec::new();
            while nonce.len() < NONCE_LEN {
                let mut buffer = [0; 1024];
                match stream.read(&mut buffer)? {
                    0 => return Err(ErrorKind::UnexpectedEof.into()),
                    n => nonce.extend_from_slice(&buffer[..n]),
                }
            }
            stream.write_all(&hex(&tag(key, &nonce)))?;
            reply(stream)
        },
        "more than its 32 bytes are taken for the nonce",
    ),
    (
        "answers the nonce's hexadecimal form",
        |mut stream, key| {
            let nonce = hex(&nonce(&mut stream)?);
            stream.write_all(&hex(&tag(key, &nonce)))?;
            reply(stream)
        },
        "the answer to the nonce's hexadecimal form",
    ),
    (
        "takes the nonce for text",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            let text = String::from_utf8_lossy(&nonce);
            stream.write_all(&hex(&tag(key, text.as_bytes())))?;
            reply(stream)
        },
        "the nonce is taken for text",
    ),
    (
        "takes the key for text and trims it",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            let key = String::from_utf8_lossy(key);
            stream.write_all(&hex(&tag(key.trim().as_bytes(), &nonce)))?;
            reply(stream)
        },
        "the key is taken for text",
    ),
    (
        "hashes key and nonce without HMAC",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            let hash = Md5::new().chain_update(key).chain_update(nonce).finalize();
            stream.write_all(&hex(&hash))?;
            reply(stream)
        },
        "MD5 of key and nonce, without HMAC",
    ),
    (
        "swaps key and nonce",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(&nonce, key)))?;
            reply(stream)
        },
        "key and nonce are swapped",
    ),
    (
        "answers in capitals",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)).to_ascii_uppercase())?;
            reply(stream)
        },
        "must be lowercase",
    ),
    (
        "forgets the leading zeros",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            let answer: String = tag(key, &nonce)
                .iter()
                .map(|byte| format!("{byte:x}"))
                .collect();
            stream.write_all(answer.as_bytes())?;
            reply(stream)
        },
        "the answer is too short",
    ),
    (
        "answers the bytes themselves",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&tag(key, &nonce))?;
            reply(stream)
        },
        "the bytes of the tag were sent",
    ),
    (
        "ends the answer with a line end",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&[hex(&tag(key, &nonce)), b"\n".to_vec()].concat())?;
            reply(stream)
        },
        "a line end behind the answer",
    ),
    (
        "takes any reply for a welcome",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            Ok(stream.read(&mut [0; 1024])? > 0)
        },
        "only one read is done for the reply",
    ),
    (
        "takes every other reply for a rejection",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            stream.take(9).read_to_end(&mut reply)?;
            Ok(reply == WELCOME)
        },
        "is neither a welcome nor a rejection, but UnexpectedEof",
    ),
    (
        "takes a rejection for an error",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = [0; WELCOME.len()];
            stream.read_exact(&mut reply)?;
            Ok(reply == WELCOME)
        },
        "a read of 0 at once is a rejection",
    ),
    (
        "waits for the end of an endless reply",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            stream.read_to_end(&mut reply)?;
            judge(&reply)
        },
        "it waits for the end of a reply that may have none",
    ),
    (
        "does not miss the welcome's line end",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            stream.take(9).read_to_end(&mut reply)?;
            match reply.as_slice() {
                b"welcome" => Ok(true),
                reply => judge(reply),
            }
        },
        "the line end belongs to the welcome",
    ),
    (
        "takes other words for a rejection",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            reply(stream).or_else(|error| match error.kind() {
                ErrorKind::InvalidData => Ok(false),
                _ => Err(error),
            })
        },
        "every other reply is InvalidData",
    ),
    (
        "does not look behind the welcome",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            stream.take(8).read_to_end(&mut reply)?;
            judge(&reply)
        },
        "the eighth byte is taken for the end",
    ),
    (
        "takes an end inside the nonce for a rejection",
        |mut stream, key| {
            let Ok(nonce) = nonce(&mut stream) else {
                return Ok(false);
            };
            stream.write_all(&hex(&tag(key, &nonce)))?;
            reply(stream)
        },
        "an end inside the nonce is an error",
    ),
    (
        "drops a BufReader with the reply in it",
        |mut stream, key| {
            let mut nonce = [0; NONCE_LEN];
            BufReader::new(&stream).read_exact(&mut nonce)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            reply(stream)
        },
        "with a BufReader that was used only for the nonce",
    ),
    (
        "takes a reset for a rejection",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            reply(stream).or_else(|error| match error.kind() {
                ErrorKind::ConnectionReset => Ok(false),
                _ => Err(error),
            })
        },
        "a read that fails is no rejection",
    ),
    (
        "takes a short reply for the beginning of a welcome",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            stream.take(9).read_to_end(&mut reply)?;
            match reply.len() {
                0 => Ok(false),
                1..8 => Err(ErrorKind::UnexpectedEof.into()),
                _ => judge(&reply),
            }
        },
        "every other reply is InvalidData, however short",
    ),
    (
        "reads eight bytes, and then any number of others",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            (&stream).take(8).read_to_end(&mut reply)?;
            let _ = stream.read(&mut [0; 100]);
            judge(&reply)
        },
        "take(8) cannot see the ninth byte",
    ),
    (
        "compares with a welcome without its line end",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            stream.take(9).read_to_end(&mut reply)?;
            match &reply[..] {
                b"welcome" => Ok(true),
                b"" => Ok(false),
                _ => Err(ErrorKind::InvalidData.into()),
            }
        },
        "and 'welcome\\n' is a welcome",
    ),
    (
        "waits a tenth of a second for the reply",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            stream.set_read_timeout(Some(Duration::from_millis(100)))?;
            reply(stream)
        },
        "or it is waited for with a timeout",
    ),
    (
        "cuts a long key",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(&key[..key.len().min(64)], &nonce)))?;
            reply(stream)
        },
        "another formula than HMAC-MD5",
    ),
    (
        "trims the nonce",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, nonce.trim_ascii())))?;
            reply(stream)
        },
        "the nonce is taken for text",
    ),
    (
        "looks at the end without waiting for it",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            (&stream).take(8).read_to_end(&mut reply)?;
            stream.set_nonblocking(true)?;
            if stream.read(&mut [0]).is_ok_and(|n| n > 0) {
                return Err(ErrorKind::InvalidData.into());
            }
            judge(&reply)
        },
        "the eighth byte is taken for the end",
    ),
    (
        "takes a reset inside the nonce for a rejection",
        |mut stream, key| {
            let nonce = match nonce(&mut stream) {
                Err(e) if e.kind() != ErrorKind::UnexpectedEof => return Ok(false),
                nonce => nonce?,
            };
            stream.write_all(&hex(&tag(key, &nonce)))?;
            reply(stream)
        },
        "a read that fails is no rejection",
    ),
    (
        "judges what had come before a reset",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            match stream.take(9).read_to_end(&mut reply) {
                Err(e) if reply.is_empty() => Err(e),
                _ => judge(&reply),
            }
        },
        "a read that fails is no rejection and no end",
    ),
    (
        "takes ten bytes of the reply",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            stream.take(10).read_to_end(&mut reply)?;
            judge(&reply)
        },
        "with a take of more than nine bytes",
    ),
    (
        "waits two seconds for the reply",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            reply(stream)
        },
        "the timeout is taken for the end, or for a failure",
    ),
    (
        "waits a second for a ninth byte",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            (&stream).take(8).read_to_end(&mut reply)?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            match (&stream).take(1).read_to_end(&mut reply) {
                Err(e) if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    Err(e)
                }
                _ => judge(&reply),
            }
        },
        "the timeout is taken for the end, or for a failure",
    ),
    (
        "takes a reset behind the welcome for the end",
        |mut stream, key| {
            let nonce = nonce(&mut stream)?;
            stream.write_all(&hex(&tag(key, &nonce)))?;
            let mut reply = Vec::new();
            match stream.take(9).read_to_end(&mut reply) {
                Err(_) if reply == WELCOME => Ok(true),
                Err(e) => Err(e),
                Ok(_) => judge(&reply),
            }
        },
        "a read that fails is no rejection and no end",
    ),
];

fn nonce(stream: &mut TcpStream) -> io::Result<[u8; NONCE_LEN]> {
    let mut nonce = [0; NONCE_LEN];
    stream.read_exact(&mut nonce)?;
    Ok(nonce)
}

fn tag(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Md5>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.into_bytes()
}

/// The last part of a client, which is right.
fn reply(stream: TcpStream) -> io::Result<bool> {
    let mut reply = Vec::new();
    stream.take(9).read_to_end(&mut reply)?;
    judge(&reply)
}

fn judge(reply: &[u8]) -> io::Result<bool> {
    match reply {
        b"" => Ok(false),
        WELCOME => Ok(true),
        _ if WELCOME.starts_with(reply) => Err(ErrorKind::UnexpectedEof.into()),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

#[test]
fn exercise_7_2_is_proved() {
    Proof {
        check: checks::server::check_clients,
        source: SOURCE,
        exercise: "7.2",
        skeleton: exercise::check_clients as CheckClients,
        right: RIGHT_SERVERS,
        mistakes: WRONG_SERVERS,
        unseen: &[],
    }
    .holds();
}

const RIGHT_SERVERS: &[Right<CheckClients>] = &[
    ("the solution", solution::check_clients),
    (
        "a timeout for each read, of what is left, by hand",
        |listener, clients, key, limit| {
            let mut results = Vec::with_capacity(clients);
            for _ in 0..clients {
                let mut stream = loop {
                    match listener.accept() {
                        Ok((stream, _)) => break stream,
                        Err(_) => thread::sleep(Duration::from_millis(100)),
                    }
                };
                let start = Instant::now();
                let mut talk = || {
                    let nonce = fresh();
                    stream.write_all(&nonce).map_err(Refusal::Gone)?;
                    let mut answer = Vec::new();
                    while answer.len() < ANSWER_LEN {
                        let left = limit.checked_sub(start.elapsed()).filter(|l| !l.is_zero());
                        let left = left.ok_or(Refusal::TimedOut)?;
                        stream.set_read_timeout(Some(left)).map_err(Refusal::Gone)?;
                        let mut buffer = [0; ANSWER_LEN];
                        match stream.read(&mut buffer[answer.len()..]) {
                            Ok(0) => return Err(Refusal::Gone(ErrorKind::UnexpectedEof.into())),
                            Ok(n) => answer.extend_from_slice(&buffer[answer.len()..][..n]),
                            Err(e) if e.kind() == ErrorKind::Interrupted => {}
                            Err(e) => return Err(explain(e)),
                        }
                    }
                    let answer = answer.try_into().expect("it has 32 bytes");
                    welcome(&stream, key.accepts(&nonce, &answer))
                };
                results.push(talk());
            }
            results
        },
    ),
    (
        "looks at the form before it asks",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let answer = answer(stream, deadline)?;
                let form = answer
                    .iter()
                    .all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
                welcome(stream, form && key.accepts(&nonce, &answer))
            })
        },
    ),
    (
        "a thread for each conversation, which it waits for",
        |listener, clients, key, limit| {
            (0..clients)
                .map(|_| {
                    let mut streams = listener.incoming().inspect(|accepted| {
                        if accepted.is_err() {
                            thread::sleep(Duration::from_millis(100));
                        }
                    });
                    let stream = streams.find_map(Result::ok).expect("incoming has no end");
                    let deadline = Instant::now() + limit;
                    thread::scope(|scope| {
                        let talk = scope.spawn(move || ask(&stream, key, &fresh(), deadline));
                        talk.join().expect("it does not panic")
                    })
                })
                .collect()
        },
    ),
    (
        "looks for bytes every 2 ms",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                stream.set_nonblocking(true).map_err(Refusal::Gone)?;
                let (mut answer, mut filled) = ([0; ANSWER_LEN], 0);
                while filled < ANSWER_LEN {
                    match stream.read(&mut answer[filled..]) {
                        Ok(0) => return Err(Refusal::Gone(ErrorKind::UnexpectedEof.into())),
                        Ok(n) => filled += n,
                        Err(e) if e.kind() == ErrorKind::WouldBlock => {
                            if Instant::now() >= deadline {
                                return Err(Refusal::TimedOut);
                            }
                            thread::sleep(Duration::from_millis(2));
                        }
                        Err(e) => return Err(Refusal::Gone(e)),
                    }
                }
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
    ),
    (
        "reads what has come behind the answer, without waiting for it",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let result = ask(stream, key, &fresh(), deadline);
                let _ = stream.shutdown(Shutdown::Write);
                if stream.set_nonblocking(true).is_ok() {
                    while stream.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
                }
                result
            })
        },
    ),
];

const WRONG_SERVERS: &[Mistake<CheckClients>] = &[
    (
        // It ends, so that a check whose limit is far too long would take it.
        "gives sixty times the time",
        |listener, clients, key, limit| {
            solution::check_clients(listener, clients, key, limit.saturating_mul(60))
        },
        "there is no timeout at all",
    ),
    (
        "makes one nonce for all clients",
        |listener, clients, key, limit| {
            let nonce = fresh();
            each(listener, clients, limit, |stream, deadline| {
                ask(stream, key, &nonce, deadline)
            })
        },
        "the nonce is not new for each client",
    ),
    (
        "counts",
        |listener, clients, key, limit| {
            let mut count: u64 = 0;
            each(listener, clients, limit, |stream, deadline| {
                count += 1;
                let mut nonce = [0; NONCE_LEN];
                nonce[..8].copy_from_slice(&count.to_be_bytes());
                ask(stream, key, &nonce, deadline)
            })
        },
        "or counted",
    ),
    (
        "makes the nonce from the time",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |stream, deadline| {
                let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
                let nanos = time.as_nanos().to_le_bytes();
                let nonce: [u8; NONCE_LEN] = std::array::from_fn(|i| nanos[i % 16]);
                ask(stream, key, &nonce, deadline)
            })
        },
        "made from the time",
    ),
    (
        "repeats a few random bytes",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |stream, deadline| {
                let random = fresh();
                let nonce: [u8; NONCE_LEN] = std::array::from_fn(|i| random[i % 8]);
                ask(stream, key, &nonce, deadline)
            })
        },
        "or a pseudo-random generator",
    ),
    (
        "writes the nonce as text",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |stream, deadline| {
                let text = hex(&fresh()[..NONCE_LEN / 2]);
                let nonce: [u8; NONCE_LEN] = std::array::from_fn(|i| text[i]);
                ask(stream, key, &nonce, deadline)
            })
        },
        "or written as text",
    ),
    (
        "accepts the answer to the nonce before",
        |listener, clients, key, limit| {
            let mut before: Option<[u8; NONCE_LEN]> = None;
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let answer = answer(stream, deadline)?;
                let right = key.accepts(&nonce, &answer)
                    || before.is_some_and(|before| key.accepts(&before, &answer));
                before = Some(nonce);
                welcome(stream, right)
            })
        },
        "or older ones are accepted, too",
    ),
    (
        "compares with ==",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let right = answer(stream, deadline)? == key.answer(&nonce);
                welcome(stream, right)
            })
        },
        "compared with ==",
    ),
    (
        "looks at the first byte before it asks",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let answer = answer(stream, deadline)?;
                let right = answer[0] == key.answer(&nonce)[0] && key.accepts(&nonce, &answer);
                welcome(stream, right)
            })
        },
        "compared with ==",
    ),
    (
        "takes capitals, too",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let answer = answer(stream, deadline)?.map(|c| c.to_ascii_lowercase());
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
        "no letters made small",
    ),
    (
        "takes the answer for text",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let answer = answer(stream, deadline)?;
                let text = std::str::from_utf8(&answer).unwrap();
                let answer = text.as_bytes().try_into().unwrap();
                welcome(stream, key.accepts(&nonce, answer))
            })
        },
        "your function panicked at",
    ),
    (
        "reads once",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, _| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let mut answer = [0; ANSWER_LEN];
                stream
                    .set_read_timeout(Some(limit))
                    .map_err(Refusal::Gone)?;
                stream.read(&mut answer).map_err(explain)?;
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
        "one read is taken for the whole answer",
    ),
    (
        "takes half an answer for a wrong one",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let (mut answer, mut filled) = ([0; ANSWER_LEN], 0);
                while filled < ANSWER_LEN {
                    match read_by(stream, &mut answer[filled..], deadline) {
                        Ok(0) => break,
                        Ok(n) => filled += n,
                        Err(error) => return Err(explain(error)),
                    }
                }
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
        "an end that comes too early is no answer",
    ),
    (
        "tells why",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let result = ask(stream, key, &fresh(), deadline);
                if matches!(result, Err(Refusal::WrongAnswer)) {
                    let _ = stream.write_all(b"wrong answer\n");
                }
                result
            })
        },
        "a reason helps only the stranger",
    ),
    (
        "ends with the first stranger",
        |listener, clients, key, limit| {
            let mut results = Vec::new();
            for _ in 0..clients {
                let (stream, _) = listener.accept().unwrap();
                let result = ask(&stream, key, &fresh(), Instant::now() + limit);
                let failed = result.is_err();
                results.push(result);
                if failed {
                    break;
                }
            }
            results
        },
        "ends more than its own conversation",
    ),
    (
        "keeps the connections of those it refused",
        |listener, clients, key, limit| {
            let (mut results, mut refused) = (Vec::new(), Vec::new());
            while results.len() < clients {
                let (stream, _) = listener.accept().unwrap();
                let result = ask(&stream, key, &fresh(), Instant::now() + limit);
                if result.is_err() {
                    refused.push(stream);
                }
                results.push(result);
            }
            results
        },
        "the connection is kept",
    ),
    (
        "gives each read the whole time",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, _| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                stream
                    .set_read_timeout(Some(limit))
                    .map_err(Refusal::Gone)?;
                let mut answer = [0; ANSWER_LEN];
                stream.read_exact(&mut answer).map_err(explain)?;
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
        "a timeout for each read is no deadline",
    ),
    (
        "looks at the clock only when the answer is whole",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let mut answer = [0; ANSWER_LEN];
                stream.read_exact(&mut answer).map_err(explain)?;
                if Instant::now() > deadline {
                    return Err(Refusal::TimedOut);
                }
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
        "or the clock is looked at only when everything has come",
    ),
    (
        "does not know the kind of a timeout",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let mut answer = [0; ANSWER_LEN];
                read_exact_by(stream, &mut answer, deadline).map_err(Refusal::Gone)?;
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
        "a timeout of a socket is WouldBlock on Unix",
    ),
    (
        "unwraps accept",
        |listener, clients, key, limit| {
            let asked = (0..clients).map(|_| {
                let (stream, _) = listener.accept().unwrap();
                ask(&stream, key, &fresh(), Instant::now() + limit)
            });
            asked.collect()
        },
        "your function panicked at",
    ),
    (
        "counts a failed accept",
        |listener, clients, key, limit| {
            let asked = listener.incoming().take(clients).map(|accepted| {
                let stream = accepted.map_err(Refusal::Gone)?;
                ask(&stream, key, &fresh(), Instant::now() + limit)
            });
            asked.collect()
        },
        "a failed accept is taken for a client",
    ),
    #[cfg(target_os = "linux")] // elsewhere nobody can see that it spins
    (
        "spins while accept fails",
        |listener, clients, key, limit| {
            let streams = listener.incoming().filter_map(Result::ok).take(clients);
            streams
                .map(|stream| ask(&stream, key, &fresh(), Instant::now() + limit))
                .collect()
        },
        "no pause before the next accept",
    ),
    (
        "serves each client in a thread of its own",
        |listener, clients, key, limit| {
            thread::scope(|scope| {
                let talks: Vec<_> = (0..clients)
                    .map(|_| {
                        let stream = accept(listener);
                        let deadline = Instant::now() + limit;
                        scope.spawn(move || ask(&stream, key, &fresh(), deadline))
                    })
                    .collect();
                talks.into_iter().map(|talk| talk.join().unwrap()).collect()
            })
        },
        "each client has a thread of its own",
    ),
    (
        "waits twice as long",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |stream, deadline| {
                ask(stream, key, &fresh(), deadline + limit)
            })
        },
        "the client is given more than `limit`",
    ),
    (
        "begins its time before accept",
        |listener, clients, key, limit| {
            let mut results = Vec::new();
            while results.len() < clients {
                let deadline = Instant::now() + limit;
                let stream = accept(listener);
                results.push(ask(&stream, key, &fresh(), deadline));
            }
            results
        },
        "the time begins before the client is accepted",
    ),
    (
        "has one deadline for all clients",
        |listener, clients, key, limit| {
            let deadline = Instant::now() + limit;
            let asked = (0..clients).map(|_| ask(&accept(listener), key, &fresh(), deadline));
            asked.collect()
        },
        "the time begins before the client is accepted",
    ),
    (
        "gives half of the time",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |stream, deadline| {
                ask(stream, key, &fresh(), deadline - limit / 2)
            })
        },
        "or is shorter than `limit`",
    ),
    (
        "lets the client speak first",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |stream, deadline| {
                read_by(stream, &mut [0], deadline).map_err(explain)?;
                ask(stream, key, &fresh(), deadline)
            })
        },
        "the client is waited for",
    ),
    (
        "asks accepts and does not listen",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let answer = answer(stream, deadline)?;
                key.accepts(&nonce, &answer);
                welcome(stream, answer.iter().all(u8::is_ascii_hexdigit))
            })
        },
        "an answer is right only when",
    ),
    (
        "accepts the answers to the last ten nonces",
        |listener, clients, key, limit| {
            let mut nonces: Vec<[u8; NONCE_LEN]> = Vec::new();
            each(listener, clients, limit, |mut stream, deadline| {
                nonces.insert(0, fresh());
                nonces.truncate(10);
                stream.write_all(&nonces[0]).map_err(Refusal::Gone)?;
                let answer = answer(stream, deadline)?;
                welcome(
                    stream,
                    nonces.iter().any(|nonce| key.accepts(nonce, &answer)),
                )
            })
        },
        "or older ones are accepted, too",
    ),
    (
        "takes what comes behind the answer for a part of it",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let (mut answer, mut filled) = ([0; 2 * ANSWER_LEN], 0);
                while filled < ANSWER_LEN {
                    match read_by(stream, &mut answer[filled..], deadline).map_err(explain)? {
                        0 => return Err(Refusal::Gone(ErrorKind::UnexpectedEof.into())),
                        n => filled += n,
                    }
                }
                let whole = answer[..filled].try_into();
                welcome(
                    stream,
                    whole.is_ok_and(|answer| key.accepts(&nonce, answer)),
                )
            })
        },
        "more than 32 bytes are taken for the answer",
    ),
    (
        "asks one even if there is nobody to ask",
        |listener, clients, key, limit| {
            let mut results = Vec::new();
            loop {
                let stream = accept(listener);
                results.push(ask(&stream, key, &fresh(), Instant::now() + limit));
                if results.len() >= clients {
                    return results;
                }
            }
        },
        "asks before it looks whether anybody is left",
    ),
    (
        "welcomes without a line end",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let answer = answer(stream, deadline)?;
                if !key.accepts(&nonce, &answer) {
                    return Err(Refusal::WrongAnswer);
                }
                stream.write_all(b"welcome").map_err(Refusal::Gone)
            })
        },
        "the welcome is 'welcome\\n'",
    ),
    (
        "has a store of 64 nonces",
        |listener, clients, key, limit| {
            let nonces: Vec<_> = (0..64).map(|_| fresh()).collect();
            let mut nonces = nonces.iter().cycle();
            each(listener, clients, limit, |stream, deadline| {
                ask(stream, key, nonces.next().unwrap(), deadline)
            })
        },
        "the nonce is made once",
    ),
    (
        "leaves out spaces and line ends",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                let mut answer = Vec::new();
                while answer.len() < ANSWER_LEN {
                    let mut byte = [0];
                    read_exact_by(stream, &mut byte, deadline).map_err(explain)?;
                    answer.extend(byte.iter().filter(|byte| !byte.is_ascii_whitespace()));
                }
                let answer = answer.try_into().unwrap();
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
        "or the end of the answer is not seen",
    ),
    (
        "takes what the client sends for its own nonce",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let mut nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                nonce[NONCE_LEN - 1] = 0;
                let answer = answer(stream, deadline)?;
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
        "one read is taken for the whole answer",
    ),
    (
        "begins its time anew with the first byte",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |stream, deadline| {
                ask_in_parts(stream, key, deadline, 1, limit)
            })
        },
        "or its time begins anew when a part of the answer has come",
    ),
    (
        "begins its time anew with half of the answer",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |stream, deadline| {
                ask_in_parts(stream, key, deadline, 16, limit)
            })
        },
        "or its time begins anew when a part of the answer has come",
    ),
    (
        "gives up after five failed accepts in a row",
        |listener, clients, key, limit| {
            give_up_after(5, listener, clients, |stream| {
                ask(stream, key, &fresh(), Instant::now() + limit)
            })
        },
        "or ends the connection loop",
    ),
    (
        "gives up after twenty failed accepts in a row",
        |listener, clients, key, limit| {
            give_up_after(20, listener, clients, |stream| {
                ask(stream, key, &fresh(), Instant::now() + limit)
            })
        },
        "or ends the connection loop",
    ),
    #[cfg(target_os = "linux")] // elsewhere no pauses are counted
    (
        "waits twice as long after each failed accept",
        |listener, clients, key, limit| {
            let asked = (0..clients).map(|_| {
                let mut pause = Duration::from_millis(100);
                let stream = loop {
                    match listener.accept() {
                        Ok((stream, _)) => break stream,
                        Err(_) => thread::sleep(pause),
                    }
                    pause *= 2;
                };
                ask(&stream, key, &fresh(), Instant::now() + limit)
            });
            asked.collect()
        },
        "the pause grows too long with each time",
    ),
    (
        "waits until the client closes, too",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |mut stream, deadline| {
                let result = ask(stream, key, &fresh(), deadline);
                let _ = stream.shutdown(Shutdown::Write);
                let _ = io::copy(&mut stream, &mut io::sink());
                result
            })
        },
        "though all has been said",
    ),
    (
        "breaks the connection off instead of closing it",
        |listener, clients, key, limit| {
            each(listener, clients, limit, |stream, deadline| {
                let result = ask(stream, key, &fresh(), deadline);
                course::reset(stream.try_clone().unwrap()); // it closes when both are dropped
                result
            })
        },
        "not closed but broken off",
    ),
    (
        "rounds the limit to hundredths of a second",
        |listener, clients, key, limit| {
            let limit = Duration::from_millis(limit.as_millis() as u64 / 10 * 10);
            each(listener, clients, limit, |mut stream, deadline| {
                let nonce = fresh();
                stream.write_all(&nonce).map_err(Refusal::Gone)?;
                stream
                    .set_read_timeout(Some(limit))
                    .map_err(Refusal::Gone)?;
                let answer = answer(stream, deadline)?;
                welcome(stream, key.accepts(&nonce, &answer))
            })
        },
        "which is what is left of a time that is rounded or over",
    ),
    (
        "has a pseudo-random generator that begins alike in each call",
        |listener, clients, key, limit| {
            let mut state: u64 = 42;
            each(listener, clients, limit, |stream, deadline| {
                let nonce = std::array::from_fn(|_| {
                    // xorshift64
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state >> 32) as u8
                });
                ask(stream, key, &nonce, deadline)
            })
        },
        "or a pseudo-random generator",
    ),
];

/// A conversation in which the time begins anew when so many bytes of the answer have come.
fn ask_in_parts(
    mut stream: &TcpStream,
    key: &dyn Secret,
    deadline: Instant,
    first: usize,
    limit: Duration,
) -> Result<(), Refusal> {
    let nonce = fresh();
    stream.write_all(&nonce).map_err(Refusal::Gone)?;
    let mut answer = [0; ANSWER_LEN];
    read_exact_by(stream, &mut answer[..first], deadline).map_err(explain)?;
    read_exact_by(stream, &mut answer[first..], Instant::now() + limit).map_err(explain)?;
    welcome(stream, key.accepts(&nonce, &answer))
}

/// A connection loop that ends when `accept` has failed so many times in a row.
fn give_up_after(
    most: usize,
    listener: &TcpListener,
    clients: usize,
    mut serve: impl FnMut(&TcpStream) -> Result<(), Refusal>,
) -> Vec<Result<(), Refusal>> {
    let (mut results, mut failed) = (Vec::new(), 0);
    while results.len() < clients && failed < most {
        match listener.accept() {
            Ok((stream, _)) => {
                results.push(serve(&stream));
                failed = 0;
            }
            Err(_) => {
                failed += 1;
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
    results
}

/// The connection loop, which is right.
fn each(
    listener: &TcpListener,
    clients: usize,
    limit: Duration,
    mut serve: impl FnMut(&TcpStream, Instant) -> Result<(), Refusal>,
) -> Vec<Result<(), Refusal>> {
    let mut results = Vec::new();
    while results.len() < clients {
        let stream = accept(listener);
        results.push(serve(&stream, Instant::now() + limit));
    }
    results
}

/// The next client, as it should be accepted.
fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return stream,
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// The conversation with a nonce that somebody else has chosen.
fn ask(
    mut stream: &TcpStream,
    key: &dyn Secret,
    nonce: &[u8; NONCE_LEN],
    deadline: Instant,
) -> Result<(), Refusal> {
    stream.write_all(nonce).map_err(Refusal::Gone)?;
    let answer = answer(stream, deadline)?;
    welcome(stream, key.accepts(nonce, &answer))
}

fn answer(stream: &TcpStream, deadline: Instant) -> Result<[u8; ANSWER_LEN], Refusal> {
    let mut answer = [0; ANSWER_LEN];
    read_exact_by(stream, &mut answer, deadline).map_err(explain)?;
    Ok(answer)
}

fn welcome(mut stream: &TcpStream, right: bool) -> Result<(), Refusal> {
    if !right {
        return Err(Refusal::WrongAnswer);
    }
    stream.write_all(WELCOME).map_err(Refusal::Gone)
}

fn fresh() -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).expect("the system has random bytes");
    nonce
}

fn explain(error: io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Refusal::TimedOut,
        _ => Refusal::Gone(error),
    }
}

#[test]
fn exercise_7_3_is_proved() {
    Proof {
        check: checks::mutual::mutual,
        source: SOURCE,
        exercise: "7.3",
        skeleton: Mutual {
            client: exercise::mutual_client,
            server: exercise::mutual_server,
        },
        right: RIGHT_MUTUALS,
        mistakes: WRONG_MUTUALS,
        unseen: &[],
    }
    .holds();
}

const RIGHT_MUTUALS: &[Right<Mutual>] = &[
    (
        "the solution",
        Mutual {
            client: solution::mutual_client,
            server: solution::mutual_server,
        },
    ),
    (
        "tells the sides apart by the order of the nonces",
        by!(|c, s| { ([&c[..], s].concat(), [&s[..], c].concat()) }),
    ),
    (
        "answers a text",
        by!(|c, s| {
            let text = |who: &str| {
                let (c, s) = (hex(c), hex(s));
                let (c, s) = (String::from_utf8_lossy(&c), String::from_utf8_lossy(&s));
                format!("{who} says that the client asked {c} and the server {s}").into_bytes()
            };
            (text("the server"), text("the client"))
        }),
    ),
    (
        "names the server's nonce first, and the side last",
        by!(|c, s| {
            let from = |who: u8| [&s[..], c, &[who]].concat();
            (from(0), from(1))
        }),
    ),
    (
        "answers all that was said before, and reads with a timeout of its own",
        Mutual {
            client: |mut stream, key, limit| {
                let start = Instant::now();
                let mut said = fresh().to_vec();
                stream.write_all(&said).map_err(explain)?;
                let mut reply = [0; ANSWER_LEN + NONCE_LEN];
                fill(&stream, &mut reply, start, limit)?;
                let (proof, theirs) = reply.split_at(ANSWER_LEN);
                said.extend_from_slice(theirs);
                let proof: [u8; ANSWER_LEN] = proof.try_into().expect("it has 32 bytes");
                if !key.accepts(&said, &proof) {
                    return Err(Refusal::WrongAnswer);
                }
                said.extend_from_slice(&proof);
                stream.write_all(&key.answer(&said)).map_err(explain)?;
                let mut reply = [0; WELCOME.len()];
                fill(&stream, &mut reply, start, limit)?;
                let other = || Refusal::Gone(ErrorKind::InvalidData.into());
                (reply == WELCOME).then_some(()).ok_or_else(other)
            },
            server: |mut stream, key, limit| {
                let start = Instant::now();
                let mut said = vec![0; NONCE_LEN];
                fill(&stream, &mut said, start, limit)?;
                let ours = fresh();
                said.extend_from_slice(&ours);
                let proof = key.answer(&said);
                stream.write_all(&proof).map_err(explain)?;
                stream.write_all(&ours).map_err(explain)?;
                said.extend_from_slice(&proof);
                let mut proof = [0; ANSWER_LEN];
                fill(&stream, &mut proof, start, limit)?;
                welcome(&stream, key.accepts(&said, &proof))
            },
        },
    ),
];

const WRONG_MUTUALS: &[Mistake<Mutual>] = &[
    (
        "answers the other's nonce, both by the same formula",
        Mutual {
            client: |stream, key, limit| client(&stream, key, limit, EACH_OTHER),
            server: |stream, key, limit| server(&stream, key, limit, EACH_OTHER),
        },
        "both sides prove themselves by the same formula",
    ),
    (
        "answers both nonces, but does not say who",
        Mutual {
            client: |stream, key, limit| client(&stream, key, limit, NO_ROLES),
            server: |stream, key, limit| server(&stream, key, limit, NO_ROLES),
        },
        "both sides prove themselves by the same formula",
    ),
    (
        "says who, but the server leaves out its own nonce",
        Mutual {
            client: |stream, key, limit| client(&stream, key, limit, SERVER_LESS),
            server: |stream, key, limit| server(&stream, key, limit, SERVER_LESS),
        },
        "this one leaves something out",
    ),
    (
        "says who, but the server leaves out the client's nonce",
        Mutual {
            client: |stream, key, limit| client(&stream, key, limit, CLIENT_LESS),
            server: |stream, key, limit| server(&stream, key, limit, CLIENT_LESS),
        },
        "this one leaves something out",
    ),
    (
        "says who, but the client leaves out the server's nonce",
        Mutual {
            client: |stream, key, limit| client(&stream, key, limit, STALE),
            server: |stream, key, limit| server(&stream, key, limit, STALE),
        },
        "this one leaves something out",
    ),
    (
        "mixes the nonces with XOR",
        Mutual {
            client: |stream, key, limit| client(&stream, key, limit, XOR),
            server: |stream, key, limit| server(&stream, key, limit, XOR),
        },
        "the two nonces are mixed into one value",
    ),
    (
        "takes only the first half of each nonce",
        Mutual {
            client: |stream, key, limit| client(&stream, key, limit, HALVES),
            server: |stream, key, limit| server(&stream, key, limit, HALVES),
        },
        "a nonce is shortened",
    ),
    (
        "the server sends the client's nonce back as its own",
        Mutual {
            client: solution::mutual_client,
            server: |stream, key, limit| {
                let deadline = Instant::now() + limit;
                let theirs = get(&stream, deadline)?;
                serve(&stream, key, deadline, RIGHT, theirs, theirs)
            },
        },
        "the other side's nonce is sent back",
    ),
    (
        "the client's nonce is always the same",
        Mutual {
            client: |stream, key, limit| {
                let deadline = Instant::now() + limit;
                ask_server(&stream, key, deadline, RIGHT, [7; NONCE_LEN])
            },
            server: solution::mutual_server,
        },
        "the nonce is made once",
    ),
    (
        "the client proves itself before it has looked",
        Mutual {
            client: |mut stream, key, limit| {
                let deadline = Instant::now() + limit;
                let ours = fresh();
                stream.write_all(&ours).map_err(explain)?;
                let proof = answer(&stream, deadline)?;
                let theirs = get(&stream, deadline)?;
                let (from_server, from_client) = RIGHT(&ours, &theirs);
                stream
                    .write_all(&key.answer(&from_client))
                    .map_err(explain)?;
                if !key.accepts(&from_server, &proof) {
                    return Err(Refusal::WrongAnswer);
                }
                expect_welcome(&stream, deadline)
            },
            server: solution::mutual_server,
        },
        "before it was looked at",
    ),
    (
        "the client does not check the server",
        Mutual {
            client: |mut stream, key, limit| {
                let deadline = Instant::now() + limit;
                let ours = fresh();
                stream.write_all(&ours).map_err(explain)?;
                answer(&stream, deadline)?;
                let theirs = get(&stream, deadline)?;
                let (_, from_client) = RIGHT(&ours, &theirs);
                stream
                    .write_all(&key.answer(&from_client))
                    .map_err(explain)?;
                expect_welcome(&stream, deadline)
            },
            server: solution::mutual_server,
        },
        "the proof is not checked",
    ),
    (
        "the client does not look at the welcome",
        Mutual {
            client: |mut stream, key, limit| {
                let deadline = Instant::now() + limit;
                let ours = fresh();
                stream.write_all(&ours).map_err(explain)?;
                let proof = answer(&stream, deadline)?;
                let theirs = get(&stream, deadline)?;
                let (from_server, from_client) = RIGHT(&ours, &theirs);
                if !key.accepts(&from_server, &proof) {
                    return Err(Refusal::WrongAnswer);
                }
                stream
                    .write_all(&key.answer(&from_client))
                    .map_err(explain)?;
                stream.set_read_timeout(Some(limit)).map_err(explain)?;
                let mut reply = Vec::new();
                stream.take(9).read_to_end(&mut reply).map_err(explain)?;
                Ok(())
            },
            server: solution::mutual_server,
        },
        "an end that comes too early is taken for a success",
    ),
    (
        "the server compares with ==",
        Mutual {
            client: solution::mutual_client,
            server: |mut stream, key, limit| {
                let deadline = Instant::now() + limit;
                let (theirs, ours) = (get(&stream, deadline)?, fresh());
                let (from_server, from_client) = RIGHT(&theirs, &ours);
                let proof = key.answer(&from_server);
                stream
                    .write_all(&[&proof[..], &ours].concat())
                    .map_err(explain)?;
                let right = answer(&stream, deadline)? == key.answer(&from_client);
                welcome(&stream, right)
            },
        },
        "compared with ==",
    ),
    (
        "the client compares with ==",
        Mutual {
            client: |mut stream, key, limit| {
                let deadline = Instant::now() + limit;
                let ours = fresh();
                stream.write_all(&ours).map_err(explain)?;
                let proof = answer(&stream, deadline)?;
                let theirs = get(&stream, deadline)?;
                let (from_server, from_client) = RIGHT(&ours, &theirs);
                if proof != key.answer(&from_server) {
                    return Err(Refusal::WrongAnswer);
                }
                stream
                    .write_all(&key.answer(&from_client))
                    .map_err(explain)?;
                expect_welcome(&stream, deadline)
            },
            server: solution::mutual_server,
        },
        "compared with ==",
    ),
    (
        "the server reads once",
        Mutual {
            client: solution::mutual_client,
            server: |mut stream, key, limit| {
                let deadline = Instant::now() + limit;
                let mut theirs = [0; NONCE_LEN];
                stream
                    .set_read_timeout(Some(limit))
                    .and_then(|()| stream.read(&mut theirs))
                    .map_err(explain)?;
                serve(&stream, key, deadline, RIGHT, theirs, fresh())
            },
        },
        "one read is taken for the whole message",
    ),
    (
        "the server gives each read the whole time",
        Mutual {
            client: solution::mutual_client,
            server: |mut stream, key, limit| {
                stream.set_read_timeout(Some(limit)).map_err(explain)?;
                let mut theirs = [0; NONCE_LEN];
                stream.read_exact(&mut theirs).map_err(explain)?;
                serve(&stream, key, Instant::now() + limit, RIGHT, theirs, fresh())
            },
        },
        "a timeout for each read is no deadline",
    ),
    (
        "the client waits for ever",
        Mutual {
            client: |mut stream, key, _| {
                let ours = fresh();
                stream.write_all(&ours).map_err(explain)?;
                let (mut proof, mut theirs) = ([0; ANSWER_LEN], [0; NONCE_LEN]);
                stream.read_exact(&mut proof).map_err(explain)?;
                stream.read_exact(&mut theirs).map_err(explain)?;
                let (from_server, from_client) = RIGHT(&ours, &theirs);
                if !key.accepts(&from_server, &proof) {
                    return Err(Refusal::WrongAnswer);
                }
                stream
                    .write_all(&key.answer(&from_client))
                    .map_err(explain)?;
                expect_welcome(&stream, Instant::now() + Duration::from_secs(5))
            },
            server: solution::mutual_server,
        },
        "there is no timeout at all",
    ),
    (
        "adds the nonces byte by byte",
        by!(|c, s| roles(each_byte(c, s, u8::wrapping_add))),
        "the two nonces are mixed into one value",
    ),
    (
        "subtracts the nonces byte by byte",
        by!(|c, s| roles(each_byte(c, s, u8::wrapping_sub))),
        "the two nonces are mixed into one value",
    ),
    (
        "keeps only what both nonces have",
        by!(|c, s| roles(each_byte(c, s, |c, s| c & s))),
        "the two nonces are mixed into one value",
    ),
    (
        "keeps what either nonce has",
        by!(|c, s| roles(each_byte(c, s, |c, s| c | s))),
        "the two nonces are mixed into one value",
    ),
    (
        "adds the nonces as numbers",
        by!(|c, s| {
            let mut carry = 0;
            let sum = c.iter().zip(s).map(|(c, s)| {
                carry += u16::from(*c) + u16::from(*s);
                let digit = carry as u8;
                carry >>= 8;
                digit
            });
            roles(sum.collect())
        }),
        "the two nonces are mixed into one value",
    ),
    (
        "takes the nonces for text",
        by!(|c, s| {
            let text = |nonce: &[u8]| String::from_utf8_lossy(nonce).into_owned();
            roles([text(c), text(s)].concat().into_bytes())
        }),
        "a nonce is shortened",
    ),
    (
        "makes the letters of the nonces small",
        by!(|c, s| roles([*c, *s].concat().to_ascii_lowercase())),
        "a nonce is shortened",
    ),
    (
        "sorts the bytes of each nonce",
        by!(|c, s| {
            let sorted = |nonce: &[u8; NONCE_LEN]| {
                let mut nonce = *nonce;
                nonce.sort_unstable();
                nonce
            };
            roles([sorted(c), sorted(s)].concat())
        }),
        "a nonce is shortened",
    ),
    (
        "answers all but the last byte of each nonce",
        by!(|c, s| roles([&c[..31], &s[..31]].concat())),
        "a nonce is shortened",
    ),
    (
        "leaves out a byte in the middle",
        by!(|c, s| roles([&c[..16], &c[17..], s].concat())),
        "a nonce is shortened",
    ),
    (
        "proves only the nonce of the other side",
        by!(|c, s| ([b"server", &c[..]].concat(), [b"client", &s[..]].concat())),
        "this one leaves something out",
    ),
    (
        "the server gives each message the whole time",
        Mutual {
            client: solution::mutual_client,
            server: |stream, key, limit| {
                let theirs = get(&stream, Instant::now() + limit)?;
                serve(&stream, key, Instant::now() + limit, RIGHT, theirs, fresh())
            },
        },
        "every read, or every message, gets the whole time anew",
    ),
    (
        "the client gives each message the whole time",
        Mutual {
            client: |mut stream, key, limit| {
                let ours = fresh();
                stream.write_all(&ours).map_err(explain)?;
                let deadline = Instant::now() + limit;
                let proof = answer(&stream, deadline)?;
                let theirs = get(&stream, deadline)?;
                let (from_server, from_client) = RIGHT(&ours, &theirs);
                if !key.accepts(&from_server, &proof) {
                    return Err(Refusal::WrongAnswer);
                }
                stream
                    .write_all(&key.answer(&from_client))
                    .map_err(explain)?;
                expect_welcome(&stream, Instant::now() + limit)
            },
            server: solution::mutual_server,
        },
        "every read, or every message, gets the whole time anew",
    ),
    (
        "the server tells the stranger that it is one",
        Mutual {
            client: solution::mutual_client,
            server: |mut stream, key, limit| {
                let copy = stream.try_clone().map_err(explain)?;
                let result = solution::mutual_server(copy, key, limit);
                if matches!(result, Err(Refusal::WrongAnswer)) {
                    let _ = stream.write_all(b"go away\n");
                }
                result
            },
        },
        "the conversation goes on after the proof was found wrong",
    ),
    (
        "the server tells a wrong proof as an error of the connection",
        Mutual {
            client: solution::mutual_client,
            server: |stream, key, limit| {
                solution::mutual_server(stream, key, limit).map_err(|refusal| match refusal {
                    Refusal::WrongAnswer => Refusal::Gone(ErrorKind::InvalidData.into()),
                    refusal => refusal,
                })
            },
        },
        "a wrong proof is told as something else",
    ),
    (
        "the client takes an end for a wrong proof",
        Mutual {
            client: |stream, key, limit| {
                solution::mutual_client(stream, key, limit).map_err(|refusal| match refusal {
                    Refusal::Gone(_) => Refusal::WrongAnswer,
                    refusal => refusal,
                })
            },
            server: solution::mutual_server,
        },
        "or for a wrong answer",
    ),
    (
        "the client does not know the kind of a timeout",
        Mutual {
            client: |stream, key, limit| {
                solution::mutual_client(stream, key, limit).map_err(|refusal| match refusal {
                    Refusal::TimedOut => Refusal::Gone(ErrorKind::WouldBlock.into()),
                    refusal => refusal,
                })
            },
            server: solution::mutual_server,
        },
        "a timeout of a socket is WouldBlock on Unix",
    ),
    (
        "averages the nonces",
        by!(|c, s| roles(each_byte(c, s, |c, s| c.midpoint(s)))),
        "a nonce is shortened",
    ),
    (
        "both send the nonce before the proof",
        Mutual {
            client: |mut stream, key, limit| {
                let deadline = Instant::now() + limit;
                let ours = fresh();
                stream.write_all(&ours).map_err(explain)?;
                let theirs = get(&stream, deadline)?;
                let proof = answer(&stream, deadline)?;
                let (from_server, from_client) = RIGHT(&ours, &theirs);
                if !key.accepts(&from_server, &proof) {
                    return Err(Refusal::WrongAnswer);
                }
                stream
                    .write_all(&key.answer(&from_client))
                    .map_err(explain)?;
                expect_welcome(&stream, deadline)
            },
            server: |mut stream, key, limit| {
                let deadline = Instant::now() + limit;
                let (theirs, ours) = (get(&stream, deadline)?, fresh());
                let (from_server, from_client) = RIGHT(&theirs, &ours);
                let proof = key.answer(&from_server);
                stream
                    .write_all(&[&ours, &proof[..]].concat())
                    .map_err(explain)?;
                let proof = answer(&stream, deadline)?;
                welcome(&stream, key.accepts(&from_client, &proof))
            },
        },
        "the server sends its nonce before its proof",
    ),
    (
        "names only the sums of the nonces",
        by!(|c, s| {
            let sum = |nonce: &[u8]| nonce.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            roles([sum(c).to_be_bytes(), sum(s).to_be_bytes()].concat())
        }),
        "a nonce is shortened",
    ),
    (
        "takes the nonces for numbers of 128 bits",
        by!(|c, s| {
            let number = |nonce: &[u8; NONCE_LEN]| {
                let (high, low) = nonce.split_at(16);
                let number = |bytes: &[u8]| u128::from_be_bytes(bytes.try_into().unwrap());
                number(high).wrapping_add(number(low))
            };
            roles([number(c).to_be_bytes(), number(s).to_be_bytes()].concat())
        }),
        "a nonce is shortened",
    ),
    (
        "takes the smaller nonce in each place",
        by!(|c, s| roles(each_byte(c, s, Ord::min))),
        "the two nonces are mixed into one value",
    ),
    (
        "keeps the server's last nonce in a static",
        Mutual {
            client: solution::mutual_client,
            server: |mut stream, key, limit| {
                static LAST: Mutex<[u8; NONCE_LEN]> = Mutex::new([0; NONCE_LEN]);
                let deadline = Instant::now() + limit;
                let (theirs, ours) = (get(&stream, deadline)?, fresh());
                *LAST.lock().unwrap() = ours;
                let proof = key.answer(&RIGHT(&theirs, &ours).0);
                stream
                    .write_all(&[&proof[..], &ours].concat())
                    .map_err(explain)?;
                let proof = answer(&stream, deadline)?;
                let last = *LAST.lock().unwrap();
                welcome(&stream, key.accepts(&RIGHT(&theirs, &last).1, &proof))
            },
        },
        "something of one conversation is used in another",
    ),
    (
        "keeps the client's last nonce in a static",
        Mutual {
            client: |mut stream, key, limit| {
                static LAST: Mutex<[u8; NONCE_LEN]> = Mutex::new([0; NONCE_LEN]);
                let deadline = Instant::now() + limit;
                let ours = fresh();
                *LAST.lock().unwrap() = ours;
                stream.write_all(&ours).map_err(explain)?;
                let proof = answer(&stream, deadline)?;
                let theirs = get(&stream, deadline)?;
                let last = *LAST.lock().unwrap();
                let (from_server, from_client) = RIGHT(&last, &theirs);
                if !key.accepts(&from_server, &proof) {
                    return Err(Refusal::WrongAnswer);
                }
                stream
                    .write_all(&key.answer(&from_client))
                    .map_err(explain)?;
                expect_welcome(&stream, deadline)
            },
            server: solution::mutual_server,
        },
        "something of one conversation is used in another",
    ),
    (
        "the server rounds the limit to hundredths of a second",
        Mutual {
            client: solution::mutual_client,
            server: |stream, key, limit| {
                let limit = Duration::from_millis(limit.as_millis() as u64 / 10 * 10);
                stream
                    .set_read_timeout(Some(limit))
                    .map_err(Refusal::Gone)?;
                solution::mutual_server(stream, key, limit)
            },
        },
        "which is what is left of a time that is rounded or over",
    ),
];

/// What the server's proof answers, and what the client's, from the client's nonce and the server's.
type Formula = fn(&[u8; NONCE_LEN], &[u8; NONCE_LEN]) -> (Vec<u8>, Vec<u8>);

/// The same from both sides, but for who says it.
fn roles(message: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let from = |who: &[u8]| [who, &message].concat();
    (from(b"server"), from(b"client"))
}

fn each_byte(c: &[u8], s: &[u8], mix: impl Fn(u8, u8) -> u8) -> Vec<u8> {
    c.iter().zip(s).map(|(&c, &s)| mix(c, s)).collect()
}

/// Fills the buffer with what is left of the time.
fn fill(
    mut stream: &TcpStream,
    buffer: &mut [u8],
    start: Instant,
    limit: Duration,
) -> Result<(), Refusal> {
    let mut filled = 0;
    while filled < buffer.len() {
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(Refusal::TimedOut);
        }
        stream.set_read_timeout(Some(left)).map_err(explain)?;
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => return Err(Refusal::Gone(ErrorKind::UnexpectedEof.into())),
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(explain(e)),
        }
    }
    Ok(())
}

const RIGHT: Formula = |c, s| {
    let from = |who: &[u8]| [who, c, s].concat();
    (from(b"server"), from(b"client"))
};
const EACH_OTHER: Formula = |c, s| (c.to_vec(), s.to_vec());
const NO_ROLES: Formula = |c, s| ([*c, *s].concat(), [*c, *s].concat());
const SERVER_LESS: Formula = |c, s| {
    (
        [b"server", &c[..]].concat(),
        [b"client", &c[..], s].concat(),
    )
};
const CLIENT_LESS: Formula = |c, s| {
    (
        [b"server", &s[..]].concat(),
        [b"client", &c[..], s].concat(),
    )
};
const STALE: Formula = |c, s| {
    (
        [b"server", &c[..], s].concat(),
        [b"client", &c[..]].concat(),
    )
};
const XOR: Formula = |c, s| {
    let mixed: Vec<u8> = c.iter().zip(s).map(|(c, s)| c ^ s).collect();
    (
        [b"server", &mixed[..]].concat(),
        [b"client", &mixed[..]].concat(),
    )
};
const HALVES: Formula = |c, s| {
    let from = |who: &[u8]| [who, &c[..16], &s[..16]].concat();
    (from(b"server"), from(b"client"))
};

/// A client that is right but for the formula.
fn client(
    stream: &TcpStream,
    key: &dyn Secret,
    limit: Duration,
    formula: Formula,
) -> Result<(), Refusal> {
    ask_server(stream, key, Instant::now() + limit, formula, fresh())
}

fn ask_server(
    stream: &TcpStream,
    key: &dyn Secret,
    deadline: Instant,
    formula: Formula,
    ours: [u8; NONCE_LEN],
) -> Result<(), Refusal> {
    write_all_by(stream, &ours, deadline).map_err(explain)?;
    let proof = answer(stream, deadline)?;
    let theirs = get(stream, deadline)?;
    let (from_server, from_client) = formula(&ours, &theirs);
    if !key.accepts(&from_server, &proof) {
        return Err(Refusal::WrongAnswer);
    }
    write_all_by(stream, &key.answer(&from_client), deadline).map_err(explain)?;
    expect_welcome(stream, deadline)
}

fn expect_welcome(stream: &TcpStream, deadline: Instant) -> Result<(), Refusal> {
    let mut reply = [0; WELCOME.len()];
    read_exact_by(stream, &mut reply, deadline).map_err(explain)?;
    match reply == WELCOME {
        true => Ok(()),
        false => Err(Refusal::Gone(ErrorKind::InvalidData.into())),
    }
}

/// A server that is right but for the formula.
fn server(
    stream: &TcpStream,
    key: &dyn Secret,
    limit: Duration,
    formula: Formula,
) -> Result<(), Refusal> {
    let deadline = Instant::now() + limit;
    let theirs = get(stream, deadline)?;
    serve(stream, key, deadline, formula, theirs, fresh())
}

fn serve(
    stream: &TcpStream,
    key: &dyn Secret,
    deadline: Instant,
    formula: Formula,
    theirs: [u8; NONCE_LEN],
    ours: [u8; NONCE_LEN],
) -> Result<(), Refusal> {
    let (from_server, from_client) = formula(&theirs, &ours);
    let proof = key.answer(&from_server);
    write_all_by(stream, &[&proof[..], &ours].concat(), deadline).map_err(explain)?;
    let proof = answer(stream, deadline)?;
    welcome(stream, key.accepts(&from_client, &proof))
}

fn get(stream: &TcpStream, deadline: Instant) -> Result<[u8; NONCE_LEN], Refusal> {
    let mut nonce = [0; NONCE_LEN];
    read_exact_by(stream, &mut nonce, deadline).map_err(explain)?;
    Ok(nonce)
}
