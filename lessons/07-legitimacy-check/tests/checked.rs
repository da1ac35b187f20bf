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
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use checks::{CheckClients, LogIn, Mutual};
use course::exercise::prove;
use hmac::{Hmac, KeyInit, Mac};
use legitimacy_check::{ANSWER_LEN, NONCE_LEN, Refusal, Secret, WELCOME};
use md5::{Digest, Md5};
use shared::{read_by, read_exact_by, write_all_by};

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_7_1_is_proved() {
    let skeleton = (SOURCE, "7.1 ", exercise::log_in as LogIn);
    prove(
        checks::log_in,
        skeleton,
        solution::log_in,
        &[
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
                "or more than its 32 bytes for it",
            ),
            (
                "answers the nonce's hexadecimal form",
                |mut stream, key| {
                    let nonce = hex(&nonce(&mut stream)?);
                    stream.write_all(&hex(&tag(key, &nonce)))?;
                    reply(stream)
                },
                "not of the nonce's hexadecimal form",
            ),
            (
                "takes the nonce for text",
                |mut stream, key| {
                    let nonce = nonce(&mut stream)?;
                    let text = String::from_utf8_lossy(&nonce);
                    stream.write_all(&hex(&tag(key, text.as_bytes())))?;
                    reply(stream)
                },
                "or as text",
            ),
            (
                "takes the key for text and trims it",
                |mut stream, key| {
                    let nonce = nonce(&mut stream)?;
                    let key = String::from_utf8_lossy(key);
                    stream.write_all(&hex(&tag(key.trim().as_bytes(), &nonce)))?;
                    reply(stream)
                },
                "the key was not text",
            ),
            (
                "hashes key and nonce without HMAC",
                |mut stream, key| {
                    let nonce = nonce(&mut stream)?;
                    let hash = Md5::new().chain_update(key).chain_update(nonce).finalize();
                    stream.write_all(&hex(&hash))?;
                    reply(stream)
                },
                "not MD5 of key and nonce",
            ),
            (
                "swaps key and nonce",
                |mut stream, key| {
                    let nonce = nonce(&mut stream)?;
                    stream.write_all(&hex(&tag(&nonce, key)))?;
                    reply(stream)
                },
                "with the two swapped",
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
                "the answer should be 32 bytes",
            ),
            (
                "answers the bytes themselves",
                |mut stream, key| {
                    let nonce = nonce(&mut stream)?;
                    stream.write_all(&tag(key, &nonce))?;
                    reply(stream)
                },
                "the answer should be 32 bytes",
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
                "a part of it is taken for the whole",
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
                "read_to_end without take",
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
                "take(8) cannot see the ninth byte",
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
                "the server reset the connection",
            ),
        ],
    );
}

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
    let skeleton = (SOURCE, "7.2 ", exercise::check_clients as CheckClients);
    prove(
        checks::check_clients,
        skeleton,
        solution::check_clients,
        &[
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
                "always repeated elsewhere in it",
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
                        let right =
                            answer[0] == key.answer(&nonce)[0] && key.accepts(&nonce, &answer);
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
                "expected Err(Gone(…)), got Err(WrongAnswer)",
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
                "a wrong one gets no reply but the end",
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
                "you did not close the connection",
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
                "or there is no timeout at all",
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
        ],
    );
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
        if let Ok((stream, _)) = listener.accept() {
            results.push(serve(&stream, Instant::now() + limit));
        }
    }
    results
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
    let skeleton = (
        SOURCE,
        "7.3 ",
        Mutual {
            client: exercise::mutual_client,
            server: exercise::mutual_server,
        },
    );
    prove(
        checks::mutual,
        skeleton,
        Mutual {
            client: solution::mutual_client,
            server: solution::mutual_server,
        },
        &[
            (
                "answers the other's nonce, both by the same formula",
                Mutual {
                    client: |stream, key, limit| client(&stream, key, limit, EACH_OTHER),
                    server: |stream, key, limit| server(&stream, key, limit, EACH_OTHER),
                },
                "answered by the server, over a second connection",
            ),
            (
                "answers both nonces, but does not say who",
                Mutual {
                    client: |stream, key, limit| client(&stream, key, limit, NO_ROLES),
                    server: |stream, key, limit| server(&stream, key, limit, NO_ROLES),
                },
                "sent the server's own proof back to it",
            ),
            (
                "says who, but the server leaves out its own nonce",
                Mutual {
                    client: |stream, key, limit| client(&stream, key, limit, SERVER_LESS),
                    server: |stream, key, limit| server(&stream, key, limit, SERVER_LESS),
                },
                "2, the server's nonce, was changed on the way",
            ),
            (
                "says who, but the server leaves out the client's nonce",
                Mutual {
                    client: |stream, key, limit| client(&stream, key, limit, CLIENT_LESS),
                    server: |stream, key, limit| server(&stream, key, limit, CLIENT_LESS),
                },
                "what the server had said in an earlier conversation",
            ),
            (
                "says who, but the client leaves out the server's nonce",
                Mutual {
                    client: |stream, key, limit| client(&stream, key, limit, STALE),
                    server: |stream, key, limit| server(&stream, key, limit, STALE),
                },
                "what the client had said in an earlier conversation",
            ),
            (
                "mixes the nonces with XOR",
                Mutual {
                    client: |stream, key, limit| client(&stream, key, limit, XOR),
                    server: |stream, key, limit| server(&stream, key, limit, XOR),
                },
                "when XORed with the client's",
            ),
            (
                "takes only the first half of each nonce",
                Mutual {
                    client: |stream, key, limit| client(&stream, key, limit, HALVES),
                    server: |stream, key, limit| server(&stream, key, limit, HALVES),
                },
                "this one leaves something out",
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
                "what the client had said in an earlier conversation",
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
                "of 16 nonces of the client: the same nonce came twice",
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
                "or the conversation goes on after it failed",
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
                "or there is no timeout at all",
            ),
        ],
    );
}

/// What the server's proof answers, and what the client's, from the client's nonce and the server's.
type Formula = fn(&[u8; NONCE_LEN], &[u8; NONCE_LEN]) -> (Vec<u8>, Vec<u8>);

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
