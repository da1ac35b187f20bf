//! Exercise 7.3: the check is the wire between both sides, and the stranger on either end.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Pace, Peer, Step, Trial, Verdict, check, show};
use legitimacy_check::contract::{Refusal, Secret};
use legitimacy_check::{ANSWER_LEN, NONCE_LEN, WELCOME};

use super::watch::Watched;
use super::{
    A_DEADLINE, AMPLE, AT_THE_LATEST, GAP, NO_TIMEOUT, PACE, PER_READ, PREDICT, PREDICTABLE,
    READ_THE_CODE, REPLAY, SHORT, SHORTEST, SLOWLY, THE_COMPARISON, closes_by, has_closed,
    look_random, rest, take, timed_out,
};

/// One side.
pub type Side = fn(TcpStream, &dyn Secret, Duration) -> Result<(), Refusal>;
/// Both sides.
#[derive(Clone, Copy)]
pub struct Mutual {
    pub client: Side,
    pub server: Side,
}

const REFLECTION: &str = "docs/07-legitimacy-check.md: Reflection";
const MENDED: &str = "docs/07-legitimacy-check.md: Reflection, mended";

const NEW: &str = "Both nonces are new each time";
const NOT_FROM_HERE: &str = "A proof is what [`Secret::answer`] gives";
const NOT_ELSEWHERE: &str = "A proof is worth nothing in any other conversation";
const CHANGED: &str = "If 1, 2 or 3 was changed on the way";
const NO_WORD: &str = "Whoever refuses closes without sending another byte";
const SERVER_FIRST: &str = "The client sends no proof before";
const ALONE: &str = "Only [`Secret::accepts`] says";
const PIECES: &str = "The bytes may come in pieces";
const IN_TIME: &str = "`limit`, from a millisecond";
const OK: &str = "Returns `Ok(())` when the other side";
const WRONG: &str = "[`Refusal::WrongAnswer`]";
const TIMED_OUT: &str = "[`Refusal::TimedOut`]";
const GONE: &str = "[`Refusal::Gone`]";

const NOT_BOUND: &str = "a proof must be the answer to who gives it and to both nonces; this one \
    leaves something out, so it is right in more than one place";
const MIXED: &str = "the two nonces are mixed into one value, and whoever chooses one of them last \
    can have any value; each needs its own fixed place in the message, whole";
const LOSSY: &str = "a nonce is shortened, taken for text, or put in order before it is answered, so \
    that different nonces give the same message";
const ONE_READ: &str = "one read is taken for the whole message";

/// 7.3 Mutual and reflection-proof.
pub fn mutual(sides: Mutual) -> Verdict {
    check(move |trial| {
        let stage = Stage {
            trial,
            client: sides.client,
            server: sides.server,
            key: Arc::new(Watched::new()),
        };
        let record = honest_talks(&stage).read(READ_THE_CODE)?;
        two_talk_at_once(&stage).read(READ_THE_CODE)?;
        refuse_strangers(&stage)?;
        refuse_reflections(&stage).read(REFLECTION)?;
        refuse_replays(&stage, &record).read(REPLAY)?;
        refuse_relays(&stage).read(MENDED)?;
        refuse_mixtures(&stage, &record).read(MENDED)?;
        refuse_changes(&stage).read(MENDED)?;
        keep_the_deadline(&stage).read(A_DEADLINE)
    })
}

struct Stage<'a> {
    trial: &'a Trial,
    client: Side,
    server: Side,
    key: Arc<Watched>,
}

type SideAttempt = Attempt<Result<(), Refusal>>;

const CLIENT: &str = "your client";
const SERVER: &str = "your server";

impl Stage<'_> {
    fn start(&self, side: Side, limit: Duration) -> Step<(Peer, SideAttempt)> {
        let (peer, stream) = self.trial.pair()?;
        let key = Arc::clone(&self.key);
        Ok((peer, self.trial.start(move || side(stream, &*key, limit))))
    }

    /// Our end of a connection with the server.
    fn server(&self) -> Step<(Peer, SideAttempt)> {
        self.start(self.server, AMPLE)
    }

    /// Our end of a connection with the client, and the client's nonce, which comes first.
    fn client(&self) -> Step<(Peer, SideAttempt, Vec<u8>)> {
        let (mut peer, attempt) = self.start(self.client, AMPLE)?;
        let nonce = take(&mut peer, NONCE_LEN, "1, your client's nonce,").breaks(NEW)?;
        Ok((peer, attempt, nonce))
    }

    /// The server refuses and closes without a word.
    fn server_refuses(&self, to: Peer, attempt: &SideAttempt, why: Why) -> Step {
        refuses(to, attempt, SERVER, why)
    }

    /// The client refuses and closes without its proof.
    fn client_refuses(&self, to: Peer, attempt: &SideAttempt, why: Why) -> Step {
        refuses(to, attempt, CLIENT, why)
    }

    /// A server that was asked with this nonce: its proof and its nonce.
    fn ask_server(&self, nonce: &[u8]) -> Step<(Peer, SideAttempt, Vec<u8>, Vec<u8>)> {
        let (mut peer, attempt) = self.server()?;
        peer.send(nonce)?;
        let proof = proof_of_server(&mut peer)?;
        let nonce = nonce_of_server(&mut peer)?;
        Ok((peer, attempt, proof, nonce))
    }
}

fn proof_of_server(peer: &mut Peer) -> Step<Vec<u8>> {
    take(peer, ANSWER_LEN, "2, your server's proof,").breaks(OK)
}

fn nonce_of_server(peer: &mut Peer) -> Step<Vec<u8>> {
    take(peer, NONCE_LEN, "2, your server's nonce,").breaks(NEW)
}

fn proof_of_client(peer: &mut Peer) -> Step<Vec<u8>> {
    take(peer, ANSWER_LEN, "3, your client's proof,").breaks(OK)
}

/// What was done, what sentence it breaks to fall for it, and why one does.
#[derive(Clone, Copy)]
struct Why<'a> {
    what: &'a str,
    sentence: &'static str,
    cause: &'a str,
}

fn refuses(mut to: Peer, attempt: &SideAttempt, side: &str, why: Why) -> Step {
    const SPEAKS_ON: &str = "the conversation goes on after the proof was found wrong, or before it \
        was looked at";
    let Why {
        what,
        sentence,
        cause,
    } = why;
    let came = to
        .read_to_end(4096)
        .when(what)
        .breaks(sentence)
        .cause(cause)?;
    match attempt.result().when(what).breaks(sentence).cause(cause)? {
        Err(Refusal::WrongAnswer) if came.is_empty() => Ok(()),
        Err(Refusal::WrongAnswer) => {
            let sentence = if side == CLIENT {
                SERVER_FIRST
            } else {
                NO_WORD
            };
            Err(Fault::new(format!(
                "{what}: {side} refused, but had sent {} bytes before it closed",
                came.len()
            ))
            .breaks(sentence)
            .cause(SPEAKS_ON)
            .read(PREDICT))
        }
        Ok(()) => Err(Fault::new(format!(
            "{what}: {side} took it for proved and returned Ok(())"
        ))
        .breaks(sentence)
        .cause(cause)),
        other if !came.is_empty() => Err(Fault::new(format!(
            "{what}: {side} should refuse and close without another byte; it sent {} bytes and \
             returned {other:?}",
            came.len()
        ))
        .breaks(sentence)
        .cause(cause)),
        other => Err(Fault::new(format!(
            "{what}: expected Err(WrongAnswer) from {side}, got {other:?}"
        ))
        .breaks(WRONG)
        .cause("a wrong proof is told as something else")),
    }
}

fn is_gone(attempt: &SideAttempt, side: &str, what: &str) -> Step {
    match attempt.result().when(what).breaks(GONE)? {
        Err(Refusal::Gone(_)) => Ok(()),
        other => {
            let sentence = if matches!(other, Ok(())) { OK } else { GONE };
            Err(Fault::new(format!(
                "{what}: expected Err(Gone(…)) from {side}, got {other:?}"
            ))
            .breaks(sentence)
            .cause("an end that comes too early is taken for a success, or for a wrong answer"))
        }
    }
}

/// What went over the wire in one honest conversation.
struct Record {
    client_nonce: Vec<u8>,
    server_proof: Vec<u8>,
    server_nonce: Vec<u8>,
    client_proof: Vec<u8>,
}

fn honest_talks(stage: &Stage) -> Step<Record> {
    const TALKS: usize = 16;
    let (mut from_clients, mut from_servers) = (Vec::new(), Vec::new());
    for _ in 1..TALKS {
        let record = honest_talk(stage, None)
            .when("your client and your server spoke")
            .cause(
                "they do not agree: each must ask `accepts` about the same message of which the \
                 other has the answer, and send what the list says, in its order",
            )?;
        from_clients.push(record.client_nonce);
        from_servers.push(record.server_nonce);
    }
    let record = honest_talk(stage, Some(Duration::from_millis(2)))
        .map_err(|fault| {
            Fault::breaks(
                fault.when("your client and your server spoke, one byte at a time"),
                PIECES,
            )
        })
        .cause(ONE_READ)?;
    from_clients.push(record.client_nonce.clone());
    from_servers.push(record.server_nonce.clone());
    let is_proof = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    if !is_proof(&record.server_proof) || !is_proof(&record.client_proof) {
        return Err(Fault::new(format!(
            "the proofs should be 32 hexadecimal characters each; the server's is {}, the client's {}",
            show(&record.server_proof),
            show(&record.client_proof)
        ))
        .breaks(NOT_FROM_HERE)
        .cause("the server sends its nonce before its proof, or something else than `answer` gives"));
    }
    if record.client_nonce == record.server_nonce {
        return Err(Fault::new("both nonces were the same")
            .breaks(NEW)
            .cause("the other side's nonce is sent back instead of one's own"));
    }
    for (side, nonces) in [(CLIENT, from_clients), (SERVER, from_servers)] {
        look_random(&nonces).map_err(|how| {
            Fault::new(format!("of {TALKS} nonces of {side}: {how}"))
                .breaks(NEW)
                .cause(PREDICTABLE)
        })?;
    }
    Ok(record)
}

/// Passes on what both sides say, unchanged.
fn honest_talk(stage: &Stage, gap: Option<Duration>) -> Step<Record> {
    let sentence = if gap.is_some() { PIECES } else { OK };
    let pass = |to: &mut Peer, bytes: &[u8]| {
        match gap {
            None => to.send(bytes),
            Some(gap) => to.dribble(bytes, gap),
        }
        .breaks(sentence)
    };
    let (mut client, client_attempt, client_nonce) = stage.client()?;
    let (mut server, server_attempt) = stage.server()?;
    pass(&mut server, &client_nonce)?;
    let mut proof = || take(&mut server, ANSWER_LEN, "2, your server's proof,").breaks(sentence);
    let server_proof = proof()?;
    let server_nonce = take(&mut server, NONCE_LEN, "2, your server's nonce,").breaks(sentence)?;
    pass(&mut client, &server_proof)?;
    pass(&mut client, &server_nonce)?;
    let client_proof = take(&mut client, ANSWER_LEN, "3, your client's proof,").breaks(sentence)?;
    pass(&mut server, &client_proof)?;
    server
        .expect(WELCOME, "4, your server should say welcome")
        .breaks(sentence)?;
    server
        .expect_end("behind welcome your server should close")
        .breaks(sentence)?;
    pass(&mut client, WELCOME)?;
    drop(server);
    client.half_close()?;
    client
        .expect_end("behind its proof your client should send nothing")
        .breaks(OK)?;
    for (side, attempt) in [(CLIENT, client_attempt), (SERVER, server_attempt)] {
        let result = attempt.result().breaks(sentence)?;
        result.map_err(|e| {
            Fault::new(format!("both were honest, but {side} returned Err({e:?})")).breaks(sentence)
        })?;
    }
    Ok(Record {
        client_nonce,
        server_proof,
        server_nonce,
        client_proof,
    })
}

/// Two honest conversations, each step of one between two steps of the other.
fn two_talk_at_once(stage: &Stage) -> Step {
    const SHARED: &str = "something of one conversation is used in another: a nonce or a message in a \
        static or behind the key, and not in the function's own variables";
    let what = "two honest clients talked to your server at the same time";
    let step = || {
        let (mut one, one_attempt, one_nonce) = stage.client()?;
        let (mut two, two_attempt, two_nonce) = stage.client()?;
        let (mut server, server_attempt, proof, question) = stage.ask_server(&one_nonce)?;
        let (mut other, other_attempt, other_proof, other_question) =
            stage.ask_server(&two_nonce)?;
        one.send(&[proof, question].concat())?;
        two.send(&[other_proof, other_question].concat())?;
        let proofs = (proof_of_client(&mut one)?, proof_of_client(&mut two)?);
        server.send(&proofs.0)?;
        other.send(&proofs.1)?;
        for (server, client) in [(&mut server, &mut one), (&mut other, &mut two)] {
            server.expect(WELCOME, "4, your server should say welcome")?;
            client.send(WELCOME)?;
            client.half_close()?;
        }
        for (side, attempt) in [
            (CLIENT, one_attempt),
            (CLIENT, two_attempt),
            (SERVER, server_attempt),
            (SERVER, other_attempt),
        ] {
            let result = attempt.result()?;
            result.map_err(|e| {
                Fault::new(format!("all were honest, but {side} returned Err({e:?})"))
            })?;
        }
        Ok(())
    };
    // The steps name sentences of their own, which are not at issue here.
    step().map_err(|fault: Fault| fault.when(what).breaks(OK).cause(SHARED))
}

/// Strangers who know nothing, and some who leave.
fn refuse_strangers(stage: &Stage) -> Step {
    const NOT_CHECKED: &str =
        "the proof is not checked, or the conversation goes on after it failed";

    for (garbage, what) in [
        (&[b'0'; ANSWER_LEN], "a stranger sent 32 zeros as its proof"),
        (
            &[0xff; ANSWER_LEN],
            "a stranger sent 32 bytes that are not text as its proof",
        ),
    ] {
        let (mut peer, attempt, ..) = stage.ask_server(&[1; NONCE_LEN])?;
        peer.send(garbage)?;
        let why = Why {
            what,
            sentence: OK,
            cause: NOT_CHECKED,
        };
        stage.server_refuses(peer, &attempt, why).read(PREDICT)?;
        let shown = stage.key.was_shown(garbage, what);
        shown.breaks(ALONE).read(THE_COMPARISON)?;
    }

    let garbage = [b'1'; ANSWER_LEN];
    let what = "a stranger played the server, and sent 32 ones as its proof";
    let (mut peer, attempt, _) = stage.client()?;
    peer.send(&garbage)?;
    peer.send(&[1; NONCE_LEN])?;
    let why = Why {
        what,
        sentence: OK,
        cause: NOT_CHECKED,
    };
    stage.client_refuses(peer, &attempt, why).read(PREDICT)?;
    let shown = stage.key.was_shown(&garbage, what);
    shown.breaks(ALONE).read(THE_COMPARISON)?;

    people_leave(stage).read(READ_THE_CODE)
}

fn people_leave(stage: &Stage) -> Step {
    let what = "the client left after 31 bytes of its nonce";
    let (mut peer, attempt) = stage.server()?;
    peer.send(&[1; NONCE_LEN - 1])?;
    peer.half_close()?;
    peer.expect_end("your server should close without a word")
        .when(what)
        .breaks(PIECES)
        .cause(ONE_READ)?;
    is_gone(&attempt, SERVER, what)?;

    let what = "the client left instead of proving itself";
    let (peer, attempt, ..) = stage.ask_server(&[1; NONCE_LEN])?;
    drop(peer);
    is_gone(&attempt, SERVER, what)?;

    let what = "the client left after 31 bytes of its proof";
    let (mut peer, attempt, ..) = stage.ask_server(&[1; NONCE_LEN])?;
    peer.send(&[b'0'; ANSWER_LEN - 1])?;
    peer.half_close()?;
    peer.expect_end("your server should close without a word")
        .when(what)
        .breaks(PIECES)
        .cause(ONE_READ)?;
    is_gone(&attempt, SERVER, what)?;

    for n in [0, ANSWER_LEN, ANSWER_LEN + NONCE_LEN - 1] {
        let what = format!("the server left after {n} bytes of 2");
        let (mut client, attempt, nonce) = stage.client()?;
        let (_, _, proof, theirs) = stage.ask_server(&nonce)?;
        client.send(&[proof, theirs].concat()[..n])?;
        client.half_close()?;
        client
            .expect_end("your client should close without a word")
            .when(&what)
            .breaks(PIECES)
            .cause(ONE_READ)?;
        is_gone(&attempt, CLIENT, &what)?;
    }

    for (reply, what) in [
        (
            "",
            "your client had proved itself, and the server closed without welcome",
        ),
        (
            "welcome",
            "your client had proved itself, and the server closed after 7 bytes of welcome",
        ),
        (
            "go home\n",
            "your client had proved itself, and the server said something else than welcome",
        ),
    ] {
        let (mut client, attempt, nonce) = stage.client()?;
        let (_server, _, proof, theirs) = stage.ask_server(&nonce)?;
        client.send(&[proof, theirs].concat())?;
        proof_of_client(&mut client)?;
        client.send(reply.as_bytes())?;
        drop(client);
        is_gone(&attempt, CLIENT, what)?;
    }
    Ok(())
}

/// The server's own words are given back to it.
fn refuse_reflections(stage: &Stage) -> Step {
    const SAME: &str = "both sides prove themselves by the same formula, so what the server says \
        can be said back to it";
    let why = |what| Why {
        what,
        sentence: NOT_FROM_HERE,
        cause: SAME,
    };

    let (mut peer, attempt, proof, _) = stage.ask_server(&[1; NONCE_LEN])?;
    peer.send(&proof)?;
    let what = "a stranger sent the server's own proof back to it";
    stage.server_refuses(peer, &attempt, why(what))?;

    // As in the lesson: a second connection is asked what the first one asks.
    let (mut first, attempt, _, question) = stage.ask_server(&[1; NONCE_LEN])?;
    let (_second, _, answer, _) = stage.ask_server(&question)?;
    first.send(&answer)?;
    let what = "a stranger had the server's question answered by the server, over a second \
        connection";
    stage.server_refuses(first, &attempt, why(what))?;

    // A server that takes the nonce it is given for its own would be asked its own question.
    let (mut first, attempt, proof, question) = stage.ask_server(&[1; NONCE_LEN])?;
    let (mut second, _, _, other) = stage.ask_server(&question)?;
    second.send(&proof)?;
    let (_third, _, answer, _) = stage.ask_server(&other)?;
    first.send(&answer)?;
    let what = "a stranger passed questions and answers on between three connections to the server";
    stage.server_refuses(first, &attempt, why(what))?;

    // The same nonce as the server's own, as far as a stranger can have it.
    let (mut peer, attempt, nonce) = stage.client()?;
    peer.send(&nonce[..ANSWER_LEN])?;
    peer.send(&nonce)?;
    let what = "a stranger played the server, and sent the client's own nonce back to it";
    stage.client_refuses(peer, &attempt, why(what))
}

/// What was recorded earlier is said again.
fn refuse_replays(stage: &Stage, record: &Record) -> Step {
    let why = |what| Why {
        what,
        sentence: NOT_ELSEWHERE,
        cause: NOT_BOUND,
    };
    let (mut peer, attempt, ..) = stage.ask_server(&record.client_nonce)?;
    peer.send(&record.client_proof)?;
    let what = "a stranger said to the server what the client had said in an earlier conversation";
    stage.server_refuses(peer, &attempt, why(what))?;

    let (mut peer, attempt, _) = stage.client()?;
    peer.send(&record.server_proof)?;
    peer.send(&record.server_nonce)?;
    let what = "a stranger said to the client what the server had said in an earlier conversation";
    stage.client_refuses(peer, &attempt, why(what))
}

/// A stranger holds several conversations at once, and passes words on from one to another.
fn refuse_relays(stage: &Stage) -> Step {
    let why = |what| Why {
        what,
        sentence: NOT_ELSEWHERE,
        cause: NOT_BOUND,
    };

    // The client proves itself to one server; its proof is said to another one.
    let (mut client, _client, nonce) = stage.client()?;
    let (_one, _, proof, question) = stage.ask_server(&nonce)?;
    let (mut other, attempt, ..) = stage.ask_server(&nonce)?;
    client.send(&[proof, question].concat())?;
    other.send(&proof_of_client(&mut client)?)?;
    let what = "a stranger passed the client's proof on to a second server, which it had asked with \
        the same nonce";
    stage.server_refuses(other, &attempt, why(what))?;

    // The proof of one server, the nonce of another.
    let (mut client, attempt, nonce) = stage.client()?;
    let (_one, _, proof, _) = stage.ask_server(&nonce)?;
    let (_other, _, _, question) = stage.ask_server(&nonce)?;
    client.send(&[proof, question].concat())?;
    let what = "a stranger gave the client the proof of one server and the nonce of another";
    stage.client_refuses(client, &attempt, why(what))?;

    // The server was asked with the nonce of another client.
    let (_first, _, nonce) = stage.client()?;
    let (mut second, attempt, _) = stage.client()?;
    let (_server, _, proof, question) = stage.ask_server(&nonce)?;
    second.send(&[proof, question].concat())?;
    let what = "a stranger gave the client what the server had said to another client";
    stage.client_refuses(second, &attempt, why(what))?;

    // The server's nonce was the question to another server.
    let (mut client, attempt, nonce) = stage.client()?;
    let (_one, _, _, question) = stage.ask_server(&nonce)?;
    let (_other, _, proof, _) = stage.ask_server(&question)?;
    client.send(&[proof, nonce].concat())?;
    let what =
        "a stranger had another server answer the server's nonce, and gave that to the client";
    stage.client_refuses(client, &attempt, why(what))
}

/// A stranger who chooses its nonce last can make the two give whatever it likes, where they are not
/// kept apart.
fn refuse_mixtures(stage: &Stage, record: &Record) -> Step {
    type Choose = fn(&[u8], &[u8], &[u8]) -> Vec<u8>;
    fn each(a: &[u8], b: &[u8], c: &[u8], choose: impl Fn(u8, u8, u8) -> u8) -> Vec<u8> {
        let bytes = a.iter().zip(b).zip(c);
        bytes.map(|((&a, &b), &c)| choose(a, b, c)).collect()
    }
    // From the old client's nonce, the old server's and the new client's: a server's nonce that
    // gives the same as before.
    let choices: [(&str, Choose); 6] = [
        ("XORed with the client's", |a, b, c| {
            each(a, b, c, |a, b, c| a ^ b ^ c)
        }),
        ("added to the client's, byte by byte", |a, b, c| {
            each(a, b, c, |a, b, c| a.wrapping_add(b).wrapping_sub(c))
        }),
        ("subtracted from the client's, byte by byte", |a, b, c| {
            each(a, b, c, |a, b, c| c.wrapping_sub(a).wrapping_add(b))
        }),
        (
            "added to the client's, as two numbers, the first byte the largest",
            |a, b, c| sum_less(a, b, c, true),
        ),
        (
            "added to the client's, as two numbers, the last byte the largest",
            |a, b, c| sum_less(a, b, c, false),
        ),
        (
            "XORed with the client's, which is turned round",
            |a, b, c| {
                let turned = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<_>>();
                each(&turned(a), b, &turned(c), |a, b, c| a ^ b ^ c)
            },
        ),
    ];
    for (how, choose) in choices {
        let (mut peer, attempt, nonce) = stage.client()?;
        peer.send(&record.server_proof)?;
        peer.send(&choose(&record.client_nonce, &record.server_nonce, &nonce))?;
        let what = format!(
            "a stranger said an old proof of the server to the client, with a nonce that gives the \
             same as before when {how}"
        );
        let why = Why {
            what: &what,
            sentence: NOT_ELSEWHERE,
            cause: MIXED,
        };
        stage.client_refuses(peer, &attempt, why)?;
    }
    // Nothing and everything, for AND, OR and products.
    for byte in [0, 0xff] {
        let (_server, _, proof, _) = stage.ask_server(&[byte; NONCE_LEN])?;
        let (mut peer, attempt, _) = stage.client()?;
        peer.send(&proof)?;
        peer.send(&[byte; NONCE_LEN])?;
        let what = format!(
            "a stranger asked the server with a nonce of 32 times {byte}, and said its proof to the \
             client, with the same nonce"
        );
        let why = Why {
            what: &what,
            sentence: NOT_ELSEWHERE,
            cause: MIXED,
        };
        stage.client_refuses(peer, &attempt, why)?;
    }
    Ok(())
}

/// a + b - c, as numbers of 256 bits.
fn sum_less(a: &[u8], b: &[u8], c: &[u8], first_is_largest: bool) -> Vec<u8> {
    let order = |bytes: &[u8]| -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if first_is_largest {
            bytes.reverse();
        }
        bytes
    };
    let (a, b, c) = (order(a), order(b), order(c));
    let mut carry = 0;
    let digits = a.iter().zip(&b).zip(&c).map(|((&a, &b), &c)| {
        let digit = i16::from(a) + i16::from(b) - i16::from(c) + carry;
        carry = digit >> 8;
        (digit & 0xff) as u8
    });
    let digits: Vec<u8> = digits.collect();
    order(&digits)
}

/// Something is changed on the way.
fn refuse_changes(stage: &Stage) -> Step {
    const MESSAGES: [&str; 4] = [
        "1, the client's nonce,",
        "2, the server's proof,",
        "2, the server's nonce,",
        "3, the client's proof,",
    ];
    for (message, name) in MESSAGES.into_iter().enumerate() {
        for at in [0, 1, 7, 8, 15, 16, 23, 24, 30, 31] {
            // Still the form of a proof: a digit becomes another one.
            change_one(stage, message, &format!("byte {at} of {name}"), &|bytes| {
                bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            })?;
        }
    }
    for message in [0, 2] {
        let name = MESSAGES[message];
        let all = |how: &str, change: &dyn Fn(&mut [u8])| {
            change_one(stage, message, &format!("{name} ({how})"), change)
        };
        all("bytes that are no text became others", &other_garbage)?;
        all("all bits of each byte but the lowest four", &|bytes| {
            bytes.iter_mut().for_each(|byte| *byte ^= 0xf0);
        })?;
        all("the lowest bit of each byte", &|bytes| {
            bytes.iter_mut().for_each(|byte| *byte ^= 1);
        })?;
        all("the letters, from large to small and back", &|bytes| {
            let letters = bytes.iter_mut().filter(|byte| byte.is_ascii_alphabetic());
            letters.for_each(|byte| *byte ^= 0x20);
        })?;
        all("its bytes came in another order", &<[u8]>::reverse)?;
        for n in [16, 8, 4] {
            all("its parts changed places", &|bytes| bytes.rotate_left(n))?;
        }
        for at in [2, 5, 11, 14, 19, 28] {
            all("the lowest bit of one byte", &|bytes| bytes[at] ^= 1)?;
        }
        all("two of its bytes changed places", &|bytes| {
            bytes.swap(3, 20)
        })?;
    }
    Ok(())
}

/// Changes bytes so that whoever replaces what is not UTF-8 has the same text as before.
fn other_garbage(bytes: &mut [u8]) {
    for at in 0..bytes.len() {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let before = bytes[at];
        bytes[at] = if before == 0xff { 0xfe } else { 0xff };
        if String::from_utf8_lossy(bytes) != text {
            bytes[at] = before;
        }
    }
}

/// Nobody takes this conversation for an honest one.
fn change_one(stage: &Stage, message: usize, what: &str, change: &dyn Fn(&mut [u8])) -> Step {
    let what = format!("{what} was changed on the way");
    let why = Why {
        what: &what,
        sentence: CHANGED,
        cause: LOSSY,
    };
    // A change may change nothing, when the bytes happen to be so.
    for _ in 0..20 {
        let meddle = |number: usize, bytes: &mut Vec<u8>| {
            let before = bytes.clone();
            if number == message {
                change(bytes);
            }
            *bytes != before
        };
        let (mut client, client_attempt, mut nonce) = stage.client()?;
        let mut changed = meddle(0, &mut nonce);
        let (mut server, server_attempt, mut proof, mut nonce) = stage.ask_server(&nonce)?;
        changed |= meddle(1, &mut proof);
        changed |= meddle(2, &mut nonce);
        if message < 3 && !changed {
            continue;
        }
        client.send(&[proof, nonce].concat())?;
        if message < 3 {
            return stage.client_refuses(client, &client_attempt, why);
        }
        let mut proof = proof_of_client(&mut client)?;
        meddle(3, &mut proof);
        server.send(&proof)?;
        return stage.server_refuses(server, &server_attempt, why);
    }
    Ok(())
}

fn keep_the_deadline(stage: &Stage) -> Step {
    for (what, side) in [
        ("the client of your server was silent", stage.server),
        ("the server of your client was silent", stage.client),
    ] {
        let limit = stage.trial.limit(AT_THE_LATEST);
        let since = Instant::now();
        let (peer, attempt) = stage.start(side, SHORT)?;
        if !closes_by(&peer, &limit, since) {
            return Err(Fault::new(format!(
                "{what}, the limit was 0.1 s: {limit} later it had not closed the connection"
            ))
            .late()
            .breaks(IN_TIME)
            .cause(NO_TIMEOUT));
        }
        timed_out(what, SHORT, &attempt.result()?).breaks(TIMED_OUT)?;
        let (_peer, attempt) = stage.start(side, SHORTEST)?;
        timed_out(what, SHORTEST, &attempt.result().breaks(IN_TIME)?).breaks(TIMED_OUT)?;
    }
    stage.trial.at_pace(PACE, |pace| slow_ones(stage, pace))?;
    stage.trial.at_pace(PACE, |pace| late_ones(stage, pace))
}

/// Peers that never stop for long.
fn slow_ones(stage: &Stage, pace: &mut Pace) -> Step {
    struct Slow {
        what: &'static str,
        peer: Peer,
        attempt: SideAttempt,
        closed: bool,
    }
    let start = |what, side| {
        let (peer, attempt) = stage.start(side, SLOWLY)?;
        Ok(Slow {
            what,
            peer,
            attempt,
            closed: false,
        })
    };
    let mut both = [
        start(
            "the client of your server sent a byte every 40 ms",
            stage.server,
        )?,
        start(
            "the server of your client sent a byte every 40 ms",
            stage.client,
        )?,
    ];
    for _ in 1..NONCE_LEN {
        for slow in both.iter_mut().filter(|slow| !slow.closed) {
            let _ = slow.peer.stream().write_all(b"0"); // it may be closed already
            slow.closed = has_closed(&slow.peer, Instant::now() + GAP / 2);
        }
        if both.iter().all(|slow| slow.closed) {
            break;
        }
        if both.iter().any(|slow| slow.closed) {
            std::thread::sleep(GAP / 2); // the pace of the peer that is left
        }
        pace.beat();
    }
    for slow in both {
        let what = slow.what;
        if !slow.closed {
            return Err(Fault::new(format!(
                "{what}, the limit was 0.3 s: 1.2 s later it had not closed the connection"
            ))
            .late()
            .breaks(IN_TIME)
            .cause(PER_READ));
        }
        timed_out(what, SLOWLY, &slow.attempt.result()?).breaks(TIMED_OUT)?;
    }
    Ok(())
}

/// Each message comes in time, and all of them together too late.
fn late_ones(stage: &Stage, pace: &mut Pace) -> Step {
    const LIMIT: Duration = Duration::from_millis(600);
    const WAIT: Duration = Duration::from_millis(420);
    const AGAIN: Duration = Duration::from_millis(420);
    let welcome = |what: &str| {
        Err(Fault::new(format!(
            "{what} 0.42 s, and again, the limit was 0.6 s: it went on to the end"
        ))
        .late()
        .breaks(IN_TIME)
        .cause(PER_READ))
    };

    // One honest client for the server that is put off, one honest server for the client.
    let (mut other_client, _attempt, nonce) = stage.client()?;
    let (mut server, server_attempt) = stage.start(stage.server, LIMIT)?;
    let (mut client, client_attempt) = stage.start(stage.client, LIMIT)?;
    pace.beat();
    rest(pace, WAIT);
    server.send(&nonce)?;
    let proof = proof_of_server(&mut server)?;
    let question = nonce_of_server(&mut server)?;
    other_client.send(&[proof, question].concat())?;
    let proof_for_server = proof_of_client(&mut other_client)?;
    let nonce = take(&mut client, NONCE_LEN, "1, your client's nonce,")?;
    let (_server, _, proof, question) = stage.ask_server(&nonce)?;
    client.send(&[proof, question].concat())?;
    proof_of_client(&mut client)?;
    pace.beat();
    rest(pace, AGAIN);
    let _ = server.send(&proof_for_server); // it may be closed already
    let _ = client.send(WELCOME);
    let welcomed = server.read_to_end(100).is_ok_and(|reply| reply == WELCOME);
    let result = client_attempt.result().breaks(IN_TIME)?;
    pace.beat();
    if welcomed {
        return welcome("the client of your server waited");
    }
    if result.is_ok() {
        return welcome("the server of your client waited");
    }
    timed_out(
        "the client of your server was late twice",
        LIMIT,
        &server_attempt.result()?,
    )
    .breaks(TIMED_OUT)?;
    timed_out("the server of your client was late twice", LIMIT, &result).breaks(TIMED_OUT)
}
