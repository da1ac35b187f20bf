//! Exercise 7.2: the check is all the clients, honest ones and strangers.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, show};
use legitimacy_check::contract::{Refusal, Secret};
use legitimacy_check::{ANSWER_LEN, Key, NONCE_LEN, WELCOME};

use super::watch::Watched;
use super::{
    A_DEADLINE, AMPLE, AT_THE_LATEST, GAP, NO_TIMEOUT, PACE, PER_READ, PREDICTABLE, READ_THE_CODE,
    REPLAY, SHORT, SHORTEST, SLOWLY, THE_COMPARISON, closes_by, has_closed, look_random, rest,
    take, timed_out,
};

pub type CheckClients = fn(&TcpListener, usize, &dyn Secret, Duration) -> Vec<Result<(), Refusal>>;

const ONE_BY_ONE: &str = "Accepts one client after another";
const RESULTS: &str = "Returns `clients` results";
const FIRST: &str = "Speaks first";
const UNGUESSABLE: &str = "The nonce comes from the system's random generator";
const PIECES: &str = "Reads an answer of 32 bytes";
const BEHIND: &str = "What comes behind these 32 bytes";
const NO_MORE: &str = "When the answer is whole, nothing more";
const ALONE: &str = "[`Secret::accepts`] alone says";
const OTHERS: &str = "Any other 32 bytes are a wrong answer";
const RIGHT: &str = "If the answer is right";
const NOTHING: &str = "If it is not, sends nothing";
const IN_TIME: &str = "`limit`, from a millisecond";
const ACCEPT: &str = "When `accept` itself fails";
const WRONG: &str = "In the results, [`Refusal::WrongAnswer`]";
const TIMED_OUT: &str = "In the results, [`Refusal::TimedOut`]";
const GONE: &str = "In the results, [`Refusal::Gone`]";

/// 7.2 The server.
pub fn check_clients(check_clients: CheckClients) -> Verdict {
    check(move |trial| {
        tells_right_from_wrong(trial, check_clients).read(THE_COMPARISON)?;
        // It takes seconds, so it waits while the other scenes are played.
        let key = Arc::new(Watched::for_comparing_only());
        let theirs = Arc::clone(&key);
        let failing = trial
            .while_accept_fails(ACCEPT, move |listener| {
                check_clients(listener, 1, &*theirs, AMPLE)
            })
            .read(READ_THE_CODE)?;
        takes_one_after_another(trial, check_clients).read(READ_THE_CODE)?;
        asks_something_new(trial, check_clients).read(REPLAY)?;
        keeps_the_deadline(trial, check_clients).read(A_DEADLINE)?;
        let enter = |addr| {
            let mut client = trial.connect(addr)?;
            let nonce = take(&mut client, NONCE_LEN, "the nonce of the next client")?;
            client.send(&key.key.answer(&nonce))?;
            client.expect(WELCOME, "an ordinary client should be welcomed")
        };
        let attempt = failing.ends(trial, enter).read(READ_THE_CODE)?;
        let results = attempt.result().breaks(RESULTS).read(READ_THE_CODE)?;
        let what = "accept had failed for a while, then a client came";
        match &results[..] {
            [result] => Expected::Right.is(result, what).read(READ_THE_CODE),
            _ => Err(Fault::new(format!("{what}: you returned {results:?}"))
                .breaks(ACCEPT)
                .cause("a failed accept is taken for a client")
                .read(READ_THE_CODE)),
        }
    })
}

/// A server at work for so many clients.
struct Asking<'a> {
    trial: &'a Trial,
    addr: SocketAddr,
    key: Arc<Watched>,
    attempt: Attempt<Vec<Result<(), Refusal>>>,
}

impl<'a> Asking<'a> {
    fn start(
        trial: &'a Trial,
        function: CheckClients,
        clients: usize,
        limit: Duration,
    ) -> Step<Asking<'a>> {
        let (listener, addr) = trial.listen()?;
        let key = Arc::new(Watched::for_comparing_only());
        let theirs = Arc::clone(&key);
        let attempt = trial.start(move || function(&listener, clients, &*theirs, limit));
        Ok(Asking {
            trial,
            addr,
            key,
            attempt,
        })
    }

    /// A client that has got its nonce.
    fn client(&self, after: &str) -> Step<(Peer, Vec<u8>)> {
        let next = || {
            let mut client = self.trial.connect(self.addr)?;
            let nonce = take(&mut client, NONCE_LEN, "the nonce of the next client")?;
            Ok((client, nonce))
        };
        let next = next().when(after);
        if after == FIRST_CLIENT {
            return next
                .breaks(FIRST)
                .cause("the client is waited for, or its nonce has another length");
        }
        next.breaks(RESULTS).cause(
            "a client that is gone, silent or wrong ends more than its own conversation: return, \
             break, ? or unwrap in the connection loop; or it is still waited for",
        )
    }

    fn answer(&self, nonce: &[u8]) -> [u8; ANSWER_LEN] {
        self.key.key.answer(nonce)
    }

    fn results(&self, clients: usize) -> Step<Vec<Result<(), Refusal>>> {
        const COUNTED: &str = "a client that was refused or gone is not counted, or one that is gone \
            is still waited for";
        let results = self.attempt.result().breaks(RESULTS).cause(COUNTED)?;
        if results.len() == clients {
            return Ok(results);
        }
        Err(Fault::new(format!(
            "there were {clients} clients, and you returned {} results: {results:?}",
            results.len()
        )))
        .breaks(RESULTS)
        .cause(COUNTED)
    }
}

const FIRST_CLIENT: &str = "the first client came and waited for its nonce";

const RIGHT_ONLY: &str = "an answer is right only when all of its 32 bytes are there and `accepts` \
    takes them as they came: no part of them, nothing trimmed, no letters made small";

/// What must come of a client.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    Right,
    /// It has the form of an answer.
    Wrong,
    /// It has not.
    Formless,
    Gone,
}

impl Expected {
    fn is(self, result: &Result<(), Refusal>, what: &str) -> Step {
        let (expected, sentence) = match (self, result) {
            (Expected::Right, Ok(()))
            | (Expected::Wrong | Expected::Formless, Err(Refusal::WrongAnswer)) => return Ok(()),
            (Expected::Gone, Err(Refusal::Gone(_))) => return Ok(()),
            (Expected::Right, _) => ("Ok(())", RIGHT),
            (Expected::Wrong, _) => ("Err(WrongAnswer)", WRONG),
            (Expected::Formless, _) => ("Err(WrongAnswer)", OTHERS),
            (Expected::Gone, _) => ("Err(Gone(…))", GONE),
        };
        let fault = Fault::new(format!("{what}: expected {expected}, got {result:?}"));
        let cause = match self {
            Expected::Gone => "an end that comes too early is no answer, not even a wrong one",
            _ => RIGHT_ONLY,
        };
        Err(fault.breaks(sentence).cause(cause))
    }
}

/// A client that answers in its own way.
struct Client {
    what: &'static str,
    act: fn(&mut Peer, &Key, &[u8]) -> Step,
    expected: Expected,
}

const CLIENTS: &[Client] = &[
    Client {
        what: "the answer was right",
        act: |client, key, nonce| client.send(&key.answer(nonce)),
        expected: Expected::Right,
    },
    Client {
        what: "the answer was right and came byte by byte, after a while",
        act: |client, key, nonce| {
            thread::sleep(Duration::from_millis(100)); // the pace of the client
            client.dribble(&key.answer(nonce), Duration::from_millis(4))
        },
        expected: Expected::Right,
    },
    Client {
        what: "only the first character of the answer was wrong",
        act: |client, key, nonce| client.send(&wrong_at(key, nonce, 0)),
        expected: Expected::Wrong,
    },
    Client {
        what: "only the character in the middle of the answer was wrong",
        act: |client, key, nonce| client.send(&wrong_at(key, nonce, ANSWER_LEN / 2)),
        expected: Expected::Wrong,
    },
    Client {
        what: "only the last character of the answer was wrong",
        act: |client, key, nonce| client.send(&wrong_at(key, nonce, ANSWER_LEN - 1)),
        expected: Expected::Wrong,
    },
    Client {
        what: "the client had another key",
        act: |client, _, nonce| {
            let other = Key::new(b"not the same key");
            let other = other.ok_or_else(|| Fault::new("an empty key: this is our bug"))?;
            client.send(&other.answer(nonce))
        },
        expected: Expected::Wrong,
    },
    Client {
        what: "the answer was right but for its letters, which were capitals",
        act: |client, key, nonce| {
            let mut answer = key.answer(nonce);
            answer.make_ascii_uppercase();
            if answer == key.answer(nonce) {
                answer[0] = b'A'; // it had no letters
            }
            client.send(&answer)
        },
        expected: Expected::Formless,
    },
    Client {
        what: "the answer was 32 bytes that are not text",
        act: |client, _, _| client.send(&[0xff; ANSWER_LEN]),
        expected: Expected::Formless,
    },
    Client {
        what: "the answer was 32 zero bytes",
        act: |client, _, _| client.send(&[0; ANSWER_LEN]),
        expected: Expected::Formless,
    },
    Client {
        what: "the answer was 32 bytes of UTF-8, but no hexadecimal characters",
        act: |client, _, _| client.send("这是一个秘钥这是一个..".as_bytes()),
        expected: Expected::Formless,
    },
    Client {
        what: "the client sent 31 right characters and a line end",
        act: |client, key, nonce| {
            let mut answer = key.answer(nonce);
            answer[ANSWER_LEN - 1] = b'\n';
            client.send(&answer)
        },
        expected: Expected::Formless,
    },
    Client {
        what: "the client sent back the nonce",
        act: |client, _, nonce| client.send(nonce),
        expected: Expected::Formless,
    },
    Client {
        what: "the client sent 16 right characters and 16 spaces",
        act: |client, key, nonce| {
            let mut answer = key.answer(nonce);
            answer[ANSWER_LEN / 2..].fill(b' ');
            client.send(&answer)
        },
        expected: Expected::Formless,
    },
    Client {
        what: "the client sent 31 right characters and finished",
        act: |client, key, nonce| {
            client.send(&key.answer(nonce)[..ANSWER_LEN - 1])?;
            client.half_close()
        },
        expected: Expected::Gone,
    },
    Client {
        what: "the client sent one right character and finished",
        act: |client, key, nonce| {
            client.send(&key.answer(nonce)[..1])?;
            client.half_close()
        },
        expected: Expected::Gone,
    },
    Client {
        what: "the client finished without an answer",
        act: |client, _, _| client.half_close(),
        expected: Expected::Gone,
    },
];

/// The answer with one character changed to another hexadecimal one.
fn wrong_at(key: &Key, nonce: &[u8], at: usize) -> [u8; ANSWER_LEN] {
    let mut answer = key.answer(nonce);
    answer[at] = if answer[at] == b'0' { b'1' } else { b'0' };
    answer
}

fn tells_right_from_wrong(trial: &Trial, function: CheckClients) -> Step {
    const LEAVERS: usize = 2;
    let clients = CLIENTS.len() + LEAVERS + 1;
    let server = Asking::start(trial, function, clients, AMPLE)?;
    let mut after = FIRST_CLIENT;
    let mut all = Stay::default();
    for client in CLIENTS {
        let (mut peer, nonce) = all.next(&server, after)?;
        meet(&server, client, &mut peer, &nonce)?;
        all.peers.push(peer);
        after = client.what;
    }
    // Two that leave without a word, then an ordinary one.
    let (client, _) = server.client(after)?;
    client.reset();
    drop(trial.connect(server.addr)?);
    let (mut client, nonce) = server.client("a client had reset, another had left at once")?;
    client.send(&server.answer(&nonce))?;
    client
        .expect(WELCOME, "an ordinary client should be welcomed")
        .breaks(RIGHT)?;
    drop(client);

    let results = server.results(clients)?;
    for (client, result) in CLIENTS.iter().zip(&results) {
        client.expected.is(result, client.what)?;
    }
    let what = ["the client reset the connection", "the client left at once"];
    for (what, result) in what.iter().zip(&results[CLIENTS.len()..]) {
        Expected::Gone.is(result, what)?;
    }
    for (client, result) in CLIENTS.iter().zip(&results) {
        if client.expected == Expected::Gone
            && !matches!(result, Err(Refusal::Gone(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof)
        {
            return Err(Fault::new(format!(
                "{}: expected Gone with an error of kind UnexpectedEof, got {result:?}",
                client.what
            ))
            .breaks(GONE)
            .cause("the error is of another kind than the contract says"));
        }
    }

    // What stands behind the answer is not part of it.
    for (more, how) in [(&b"\n"[..], "one more byte"), (&[b'x'; 5000], "much more")] {
        let server = Asking::start(trial, function, 1, AMPLE)?;
        let (mut client, nonce) = server.client(FIRST_CLIENT)?;
        client.send(&[&server.answer(&nonce)[..], more].concat())?;
        let results = server.results(1)?;
        let what = format!("the answer was right, and {how} came behind it");
        if let Err(result) = &results[0] {
            return Err(
                Fault::new(format!("{what}: expected Ok(()), got Err({result:?})"))
                    .breaks(BEHIND)
                    .cause("more than 32 bytes are taken for the answer"),
            );
        }
    }
    let server = Asking::start(trial, function, 0, AMPLE)?;
    let results = server
        .attempt
        .result()
        .when("there were no clients to ask")
        .breaks(RESULTS)
        .cause("the loop asks before it looks whether anybody is left to ask")?;
    if results.is_empty() {
        return Ok(());
    }
    Err(Fault::new(format!(
        "there were no clients to ask, and you returned {results:?}"
    )))
    .breaks(RESULTS)
    .cause("there is a result where there was no client")
}

/// Clients that stay connected when all has been said.
#[derive(Default)]
struct Stay {
    peers: Vec<Peer>,
    /// Whether any client was asked in time. A busy machine makes one late, not each.
    in_time: bool,
    late: usize,
}

impl Stay {
    /// The next client, while all who came before it are still connected.
    fn next(&mut self, server: &Asking, after: &str) -> Step<(Peer, Vec<u8>)> {
        const LATE: usize = 3;
        let (limit, since) = (server.trial.limit(Duration::from_secs(1)), Instant::now());
        let next = server.client(after);
        if self.peers.is_empty() {
            return next;
        }
        if next.is_ok() {
            self.in_time |= !limit.passed(since);
            self.late += 1;
            if self.in_time || self.late < LATE {
                return next;
            }
        }
        self.peers.clear();
        // Whoever is asked now was not asked as long as they were there.
        match next {
            Err(fault) if server.client(after).is_err() => Err(fault),
            _ => Err(Fault::new(format!(
                "{after}, and it did not close its side: the next client was asked only when it had, \
                 or much later"
            ))
            .late()
            .breaks(NO_MORE)
            .cause(
                "the client is waited for, though all has been said: a read until it closes, too, \
                 with a timeout or without",
            )),
        }
    }
}

/// One client's conversation, from its nonce to the end.
fn meet(server: &Asking, client: &Client, peer: &mut Peer, nonce: &[u8]) -> Step {
    let Client {
        what,
        act,
        expected,
    } = client;
    let right = *expected == Expected::Right;
    let (sentence, cause) = if right {
        let cause = "one read is taken for the whole answer, or another length is waited for";
        (PIECES, cause)
    } else {
        (NOTHING, RIGHT_ONLY)
    };
    act(peer, &server.key.key, nonce)
        .when(what)
        .breaks(sentence)
        .cause(cause)?;
    let came = peer
        .read_to_end(100)
        .when(what)
        .breaks(ONE_BY_ONE)
        .map_err(|fault| {
            let broken = fault.to_string().contains("reading your answer failed");
            fault.cause(if broken {
                "the connection is not closed but broken off: with SO_LINGER of 0, or before all \
                 that came was read"
            } else {
                "the connection is kept, or the end of the answer is not seen"
            })
        })?;
    server.key.was_not_computed(nonce, what).breaks(ALONE)?;
    if right && came != WELCOME {
        return Err(Fault::new(format!(
            "{what}: 'welcome\\n' should come, and then the end; {} came",
            show(&came)
        ))
        .breaks(if came.is_empty() { sentence } else { RIGHT })
        .cause(if came.is_empty() {
            cause
        } else {
            "the welcome is 'welcome\\n', with its line end and nothing else"
        }));
    }
    if !right && !came.is_empty() {
        let fault = Fault::new(format!(
            "{what}: you should close without a word, and you sent {}",
            show(&came)
        ));
        return Err(if came.starts_with(WELCOME) {
            let sentence = match expected {
                Expected::Formless => OTHERS,
                _ => WRONG,
            };
            fault.breaks(sentence).cause(RIGHT_ONLY)
        } else {
            fault
                .breaks(NOTHING)
                .cause("a wrong answer gets no reply but the end: a reason helps only the stranger")
        });
    }
    let had_to = matches!(expected, Expected::Right | Expected::Wrong);
    server.key.was_asked(nonce, what, had_to).breaks(ALONE)
}

/// A second client waits until the first one is done.
fn takes_one_after_another(trial: &Trial, function: CheckClients) -> Step {
    const ALLOWED: Duration = Duration::from_millis(250);
    trial.at_pace(ALLOWED, |pace| {
        let server = Asking::start(trial, function, 2, AMPLE)?;
        let (mut first, nonce) = server.client(FIRST_CLIENT)?;
        let mut second = trial.connect(server.addr)?;
        pace.beat();
        let _ = second
            .stream()
            .set_read_timeout(Some(Duration::from_millis(120))); // somebody who is asked is asked by then
        let early = second.stream().peek(&mut [0]);
        pace.beat();
        if matches!(early, Ok(1..)) {
            return Err(Fault::new(
                "a second client was asked while the first one had not answered yet",
            )
            .breaks(ONE_BY_ONE)
            .cause("each client has a thread of its own, which is the next lesson's way"));
        }
        first.send(&server.answer(&nonce))?;
        first
            .expect(WELCOME, "the first client should be welcomed")
            .breaks(RIGHT)?;
        let nonce = take(&mut second, NONCE_LEN, "the nonce of the second client")
            .breaks(ONE_BY_ONE)
            .cause("the first one is still waited for")?;
        second.send(&wrong_at(&server.key.key, &nonce, 5))?;
        let results = server.results(2)?;
        Expected::Right.is(&results[0], "the first client's answer was right")?;
        Expected::Wrong.is(&results[1], "the second client's answer was wrong")
    })
}

/// Strangers listen, and say again what they have heard; or they guess the next nonce, and have the
/// honest client answer it beforehand.
fn asks_something_new(trial: &Trial, function: CheckClients) -> Step {
    const CLIENTS: usize = 140;
    const OLD: &str = "the nonce is not new for each client, or older ones are accepted, too";
    let server = Asking::start(trial, function, CLIENTS, AMPLE)?;
    // The first nonce of each call is another one, too.
    let mut firsts = Vec::new();
    for _ in 0..3 {
        firsts.push(
            Asking::start(trial, function, 1, AMPLE)?
                .client(FIRST_CLIENT)?
                .1,
        );
    }
    let mut nonces: Vec<Vec<u8>> = Vec::new();
    let mut after = FIRST_CLIENT;
    for number in 0..CLIENTS {
        let (mut client, nonce) = server.client(after)?;
        after = "one client after another came";
        // What a stranger says, and where it has it from.
        let old = |ago: usize| nonces.len().checked_sub(ago).map(|at| &nonces[at]);
        let guessed = match &nonces[..] {
            [.., last, next] => counted_up(last, next),
            _ => Vec::new(),
        };
        let known = guessed.iter().find(|guess| **guess == nonce);
        let (says, stranger): (&[u8], &str) = match (number % 4, known) {
            (_, Some(guess)) => (
                guess,
                "a stranger guessed the nonce and had it answered before",
            ),
            (1, _) => (
                old(1).unwrap_or(&nonce),
                "a stranger gave the answer that the client before had given",
            ),
            (2, _) => (
                old(2).unwrap_or(&nonce),
                "a stranger gave the answer to the nonce before the last",
            ),
            (3, _) if number > 6 => (
                &nonces[0],
                "a stranger gave the answer that the first client had given",
            ),
            _ => (&nonce, ""),
        };
        client.send(&server.answer(says))?;
        let reply = client.read_to_end(100)?;
        if !stranger.is_empty() && !reply.is_empty() {
            let sentence = if known.is_some() { UNGUESSABLE } else { FIRST };
            let cause = if known.is_some() { PREDICTABLE } else { OLD };
            return Err(Fault::new(format!("{stranger}, and was welcomed"))
                .breaks(sentence)
                .cause(cause));
        }
        nonces.push(nonce);
    }
    firsts.extend(nonces);
    look_random(&firsts)
        .map_err(|how| {
            Fault::new(format!(
                "of {CLIENTS} nonces and the first ones of three other calls: {how}"
            ))
            .cause(PREDICTABLE)
        })
        .breaks(UNGUESSABLE)?;
    let results = server.results(CLIENTS)?;
    for (number, result) in results.iter().enumerate() {
        let (expected, what) = match number % 4 {
            0 => (Expected::Right, "the answer was right"),
            3 if number <= 6 => (Expected::Right, "the answer was right"),
            _ => (Expected::Wrong, "the answer belonged to an older nonce"),
        };
        expected.is(result, what)?;
    }
    Ok(())
}

/// The nonces that would follow two others if the server counted, from either end.
fn counted_up(last: &[u8], next: &[u8]) -> Vec<Vec<u8>> {
    let follow = |from: Vec<u8>, to: Vec<u8>| -> Vec<u8> {
        // The most significant byte is the last one here.
        let (mut carry, mut borrow) = (0, 0);
        let bytes = from.iter().zip(&to).map(|(&a, &b)| {
            let step = i16::from(b) - i16::from(a) - borrow;
            borrow = i16::from(step < 0);
            let sum = i16::from(b) + (step & 0xff) + carry;
            carry = sum >> 8;
            (sum & 0xff) as u8
        });
        bytes.collect()
    };
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let from_the_end = follow(reversed(last), reversed(next));
    vec![
        next.to_vec(),
        follow(last.to_vec(), next.to_vec()),
        reversed(&from_the_end),
    ]
}

fn keeps_the_deadline(trial: &Trial, function: CheckClients) -> Step {
    const SILENT: &str = "a client sent nothing";
    let server = Asking::start(trial, function, 2, SHORT)?;
    let limit = trial.limit(AT_THE_LATEST);
    let since = Instant::now();
    let (client, _) = server.client(FIRST_CLIENT)?;
    if !closes_by(&client, &limit, since) {
        return Err(Fault::new(format!(
            "{SILENT}, the limit was 0.1 s: {limit} later you had not closed the connection"
        ))
        .late()
        .breaks(IN_TIME)
        .cause(NO_TIMEOUT));
    }
    drop(server.client(SILENT)?);
    timed_out(SILENT, SHORT, &server.results(2)?[0]).breaks(TIMED_OUT)?;
    // Its time may be over before it has got its nonce.
    let server = Asking::start(trial, function, 1, SHORTEST)?;
    let _client = trial.connect(server.addr)?;
    timed_out(SILENT, SHORTEST, &server.results(1)?[0]).breaks(TIMED_OUT)?;

    trial.at_pace(PACE, |pace| {
        const SLOW: &str = "a client sent a byte every 40 ms";
        let server = Asking::start(trial, function, 1, SLOWLY)?;
        let (client, nonce) = server.client(FIRST_CLIENT)?;
        let mut closed = false;
        for byte in &server.answer(&nonce)[..ANSWER_LEN - 1] {
            let _ = client.stream().write_all(&[*byte]); // it may be closed already
            pace.beat();
            closed = has_closed(&client, Instant::now() + GAP);
            if closed {
                break;
            }
        }
        pace.beat();
        if !closed {
            return Err(Fault::new(format!(
                "{SLOW}, the limit was 0.3 s: 1.2 s later you had not closed the connection"
            ))
            .late()
            .breaks(IN_TIME)
            .cause(PER_READ));
        }
        timed_out(SLOW, SLOWLY, &server.results(1)?[0]).breaks(TIMED_OUT)
    })?;

    // Time begins with `accept`, neither before nor behind it.
    const LIMIT: Duration = Duration::from_millis(600);
    const LATE: Duration = Duration::from_millis(960);
    const EARLY: Duration = Duration::from_millis(420);
    trial.at_pace(PACE, |pace| {
        let server = Asking::start(trial, function, 2, LIMIT)?;
        rest(pace, LATE); // the first client comes late
        let (mut client, nonce) = server.client(FIRST_CLIENT)?;
        pace.beat();
        rest(pace, EARLY); // and answers in time
        let answer = server.answer(&nonce);
        let what = "the limit was 0.6 s, and a client came after 0.96 s and answered 0.42 s later";
        let sent = client.send(&answer).and_then(|()| client.read_to_end(100));
        pace.beat();
        if sent.as_deref().unwrap_or_default() != WELCOME {
            return Err(Fault::new(format!("{what}: it was not welcomed"))
                .late()
                .breaks(IN_TIME)
                .cause(
                    "the time begins before the client is accepted, or is shorter than `limit`",
                ));
        }
        let (mut client, nonce) = server.client("a client had been welcomed")?;
        pace.beat();
        // Most of its answer comes in time, and the last byte too late.
        let answer = server.answer(&nonce);
        let (most, last) = answer.split_at(ANSWER_LEN - 1);
        rest(pace, EARLY);
        client.send(most)?;
        rest(pace, LATE - EARLY);
        let sent = client.send(last).and_then(|()| client.read_to_end(100));
        pace.beat();
        if sent.is_ok_and(|reply| reply == WELCOME) {
            return Err(Fault::new(
                "the limit was 0.6 s, and a client was welcomed of whose answer 31 bytes came after \
                 0.42 s and the last one after 0.96 s",
            )
            .late()
            .breaks(IN_TIME)
            .cause(
                "the client is given more than `limit`, or its time begins anew when a part of the \
                 answer has come",
            ));
        }
        let what = "the last byte of the answer came after 0.96 s";
        timed_out(what, LIMIT, &server.results(2)?[1]).breaks(TIMED_OUT)
    })
}
