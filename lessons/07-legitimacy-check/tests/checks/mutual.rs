//! Exercise 7.3: the check is the wire between both sides, and the stranger on either end.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check};
use legitimacy_check::{ANSWER_LEN, NONCE_LEN, Refusal, Secret, WELCOME};

use super::watch::Watched;
use super::{
    A_DEADLINE, AMPLE, GAP, LATEST, LIMIT, PER_READ, PREDICT, PREDICTABLE, READ_THE_CODE, REPLAY,
    THE_COMPARISON, TIMEOUT_KIND, look_random, take,
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

const NOT_BOUND: &str = "a proof must be the answer to who gives it and to both nonces; this one \
    leaves something out, so it is right in more than one place";

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
        refuse_strangers(&stage)?;
        refuse_reflections(&stage).read(REFLECTION)?;
        refuse_replays(&stage, &record).read(REPLAY)?;
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
        let nonce = take(&mut peer, NONCE_LEN, "1, the client's nonce")?;
        Ok((peer, attempt, nonce))
    }

    /// The server refuses and closes without a word.
    fn server_refuses(&self, mut to: Peer, attempt: &SideAttempt, what: &str, cause: &str) -> Step {
        to.expect_end("the server should refuse, and close without another byte")
            .when(what)
            .cause(cause)?;
        refused(attempt, "server", what, cause)
    }

    /// The client refuses and closes without its proof.
    fn client_refuses(&self, mut to: Peer, attempt: &SideAttempt, what: &str, cause: &str) -> Step {
        to.expect_end("the client should refuse, and close without its proof")
            .when(what)
            .cause(cause)?;
        refused(attempt, "client", what, cause)
    }
}

fn refused(attempt: &SideAttempt, side: &str, what: &str, cause: &str) -> Step {
    match attempt.result().when(what)? {
        Err(Refusal::WrongAnswer) => Ok(()),
        other => Err(Fault::new(format!(
            "{what}: expected Err(WrongAnswer) from the {side}, got {other:?}"
        ))
        .cause(cause)),
    }
}

fn is_gone(attempt: &SideAttempt, side: &str, what: &str) -> Step {
    match attempt.result().when(what)? {
        Err(Refusal::Gone(_)) => Ok(()),
        other => Err(Fault::new(format!(
            "{what}: expected Err(Gone(…)) from the {side}, got {other:?}"
        ))
        .cause("an end that comes too early is taken for a success, or for a wrong answer")),
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
        let record = honest_talk(stage, None).when("your client and your server spoke")?;
        from_clients.push(record.client_nonce);
        from_servers.push(record.server_nonce);
    }
    let record = honest_talk(stage, Some(Duration::from_millis(1)))
        .when("your client and your server spoke, one byte at a time")
        .cause("one read is taken for the whole message")?;
    from_clients.push(record.client_nonce.clone());
    from_servers.push(record.server_nonce.clone());
    for (side, nonces) in [("client", from_clients), ("server", from_servers)] {
        look_random(&nonces).map_err(|how| {
            Fault::new(format!("of {TALKS} nonces of the {side}: {how}")).cause(PREDICTABLE)
        })?;
    }
    Ok(record)
}

/// Passes on what both sides say, unchanged.
fn honest_talk(stage: &Stage, gap: Option<Duration>) -> Step<Record> {
    let pass = |to: &mut Peer, bytes: &[u8]| match gap {
        None => to.send(bytes),
        Some(gap) => to.dribble(bytes, gap),
    };
    let (mut client, client_attempt, client_nonce) = stage.client()?;
    let (mut server, server_attempt) = stage.server()?;
    pass(&mut server, &client_nonce)?;
    let server_proof = take(&mut server, ANSWER_LEN, "2, the server's proof")?;
    let server_nonce = take(&mut server, NONCE_LEN, "2, the server's nonce")?;
    pass(&mut client, &server_proof)?;
    pass(&mut client, &server_nonce)?;
    let client_proof = take(&mut client, ANSWER_LEN, "3, the client's proof")?;
    pass(&mut server, &client_proof)?;
    server.expect(WELCOME, "4, the server should say welcome")?;
    server.expect_end("behind welcome the server should close")?;
    pass(&mut client, WELCOME)?;
    drop(server);
    client.half_close()?;
    client.expect_end("behind its proof the client should send nothing")?;
    for (side, attempt) in [("client", client_attempt), ("server", server_attempt)] {
        let result = attempt.result()?;
        result.map_err(|e| {
            Fault::new(format!(
                "both were honest, but the {side} returned Err({e:?})"
            ))
        })?;
    }
    Ok(Record {
        client_nonce,
        server_proof,
        server_nonce,
        client_proof,
    })
}

/// Strangers who know nothing, and some who leave.
fn refuse_strangers(stage: &Stage) -> Step {
    const GOES_ON: &str = "the proof is not checked, or the conversation goes on after it failed";

    for (garbage, what) in [
        (&[b'0'; ANSWER_LEN], "a stranger sent 32 zeros as its proof"),
        (
            &[0xff; ANSWER_LEN],
            "a stranger sent 32 bytes that are not text as its proof",
        ),
    ] {
        let (mut peer, attempt) = stage.server()?;
        peer.send(&[1; NONCE_LEN])?;
        take(&mut peer, ANSWER_LEN + NONCE_LEN, "2, proof and nonce")?;
        peer.send(garbage)?;
        stage
            .server_refuses(peer, &attempt, what, GOES_ON)
            .read(PREDICT)?;
        stage.key.was_shown(garbage, what).read(THE_COMPARISON)?;
    }

    let garbage = [b'1'; ANSWER_LEN];
    let what = "a stranger played the server, and sent 32 ones as its proof";
    let (mut peer, attempt, _) = stage.client()?;
    peer.send(&garbage)?;
    peer.send(&[1; NONCE_LEN])?;
    stage
        .client_refuses(peer, &attempt, what, GOES_ON)
        .read(PREDICT)?;
    stage.key.was_shown(&garbage, what).read(THE_COMPARISON)?;

    let what = "the client left after 31 bytes of its nonce";
    let (mut peer, attempt) = stage.server()?;
    peer.send(&[1; NONCE_LEN - 1])?;
    peer.half_close()?;
    peer.expect_end("the server should close without a word")
        .when(what)
        .read(READ_THE_CODE)?;
    is_gone(&attempt, "server", what).read(READ_THE_CODE)?;

    let what = "the server left instead of saying anything";
    let (peer, attempt, _) = stage.client()?;
    drop(peer);
    is_gone(&attempt, "client", what).read(READ_THE_CODE)?;

    for (reply, what) in [
        (
            "",
            "the client had proved itself, and the server closed without welcome",
        ),
        (
            "go home\n",
            "the client had proved itself, and the server said something else than welcome",
        ),
    ] {
        let (mut client, attempt, nonce) = stage.client()?;
        let (mut server, _) = stage.server()?;
        server.send(&nonce)?;
        client.send(&take(
            &mut server,
            ANSWER_LEN + NONCE_LEN,
            "2, proof and nonce",
        )?)?;
        take(&mut client, ANSWER_LEN, "3, the client's proof")?;
        client.send(reply.as_bytes())?;
        drop(client);
        is_gone(&attempt, "client", what).read(READ_THE_CODE)?;
    }
    Ok(())
}

/// The server's own words are given back to it.
fn refuse_reflections(stage: &Stage) -> Step {
    const SAME: &str = "both sides prove themselves by the same formula, so what the server says \
        can be said back to it";

    let (mut peer, attempt) = stage.server()?;
    peer.send(&[1; NONCE_LEN])?;
    let proof = take(&mut peer, ANSWER_LEN, "2, the server's proof")?;
    take(&mut peer, NONCE_LEN, "2, the server's nonce")?;
    peer.send(&proof)?;
    let what = "a stranger sent the server's own proof back to it";
    stage.server_refuses(peer, &attempt, what, SAME)?;

    // As in the lesson: a second connection is asked what the first one asks.
    let (mut first, attempt) = stage.server()?;
    first.send(&[1; NONCE_LEN])?;
    take(&mut first, ANSWER_LEN, "2, the server's proof")?;
    let question = take(&mut first, NONCE_LEN, "2, the server's nonce")?;
    let (mut second, _other) = stage.server()?;
    second.send(&question)?;
    let answer = take(&mut second, ANSWER_LEN, "2, the server's proof")?;
    first.send(&answer)?;
    let what = "a stranger had the server's question answered by the server, over a second \
        connection";
    stage.server_refuses(first, &attempt, what, SAME)?;

    // The same nonce as the server's own, as far as a stranger can have it.
    let (mut peer, attempt, nonce) = stage.client()?;
    peer.send(&nonce[..ANSWER_LEN])?;
    peer.send(&nonce)?;
    let what = "a stranger played the server, and sent the client's own nonce back to it";
    stage.client_refuses(peer, &attempt, what, SAME)
}

/// What was recorded earlier is said again.
fn refuse_replays(stage: &Stage, record: &Record) -> Step {
    let (mut peer, attempt) = stage.server()?;
    peer.send(&record.client_nonce)?;
    take(&mut peer, ANSWER_LEN + NONCE_LEN, "2, proof and nonce")?;
    peer.send(&record.client_proof)?;
    let what = "a stranger said to the server what the client had said in an earlier conversation";
    stage.server_refuses(peer, &attempt, what, NOT_BOUND)?;

    let (mut peer, attempt, _) = stage.client()?;
    peer.send(&record.server_proof)?;
    peer.send(&record.server_nonce)?;
    let what = "a stranger said to the client what the server had said in an earlier conversation";
    stage.client_refuses(peer, &attempt, what, NOT_BOUND)?;

    // The stranger chooses its nonce last, so that both together look as they did before.
    let (mut peer, attempt, nonce) = stage.client()?;
    let old = record.client_nonce.iter().zip(&record.server_nonce);
    let chosen: Vec<u8> = old.zip(&nonce).map(|((a, b), c)| a ^ b ^ c).collect();
    peer.send(&record.server_proof)?;
    peer.send(&chosen)?;
    let what = "a stranger said an old proof of the server to the client, with a nonce that gives \
        the same as before when XORed with the client's";
    stage.client_refuses(peer, &attempt, what, NOT_BOUND)
}

/// One byte is changed on the way.
fn refuse_changes(stage: &Stage) -> Step {
    for (message, what) in [
        (0, "1, the client's nonce, was changed on the way"),
        (1, "2, the server's proof, was changed on the way"),
        (2, "2, the server's nonce, was changed on the way"),
        (3, "3, the client's proof, was changed on the way"),
    ] {
        for at in [0, NONCE_LEN - 1] {
            let change = |number: usize, bytes: &mut [u8]| {
                if number == message {
                    // Still the form of a proof: a digit becomes another one.
                    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
                }
            };
            let (mut client, client_attempt, mut nonce) = stage.client()?;
            let (mut server, server_attempt) = stage.server()?;
            change(0, &mut nonce);
            server.send(&nonce)?;
            let mut proof = take(&mut server, ANSWER_LEN, "2, the server's proof")?;
            let mut nonce = take(&mut server, NONCE_LEN, "2, the server's nonce")?;
            change(1, &mut proof);
            change(2, &mut nonce);
            client.send(&proof)?;
            client.send(&nonce)?;
            if message < 3 {
                stage.client_refuses(client, &client_attempt, what, NOT_BOUND)?;
                continue;
            }
            let mut proof = take(&mut client, ANSWER_LEN, "3, the client's proof")?;
            change(3, &mut proof);
            server.send(&proof)?;
            stage.server_refuses(server, &server_attempt, what, NOT_BOUND)?;
        }
    }
    Ok(())
}

/// All who are kept waiting give up, at the same time.
fn keep_the_deadline(stage: &Stage) -> Step {
    struct Waiting {
        what: &'static str,
        peer: Peer,
        attempt: SideAttempt,
        slow: bool,
    }
    let start = Instant::now();
    let mut all = Vec::new();
    for (what, side, slow) in [
        ("the client of your server was silent", stage.server, false),
        ("the server of your client was silent", stage.client, false),
        (
            "the client of your server sent a byte every 50 ms",
            stage.server,
            true,
        ),
        (
            "the server of your client sent a byte every 50 ms",
            stage.client,
            true,
        ),
    ] {
        let (peer, attempt) = stage.start(side, LIMIT)?;
        all.push(Waiting {
            what,
            peer,
            attempt,
            slow,
        });
    }
    while let Some(first) = all.first() {
        if start.elapsed() > LATEST {
            return Err(Fault::new(format!(
                "{}, the limit was 0.3 s: 1.1 s later it had not returned",
                first.what
            ))
            .cause(PER_READ));
        }
        for waiting in all.iter().filter(|waiting| waiting.slow) {
            let _ = waiting.peer.stream().write_all(b"0"); // it may be closed already
        }
        let (next, mut still) = (Instant::now() + GAP, Vec::new());
        for waiting in all {
            let left = next.saturating_duration_since(Instant::now());
            match waiting.attempt.result_within(left) {
                Ok(Err(Refusal::TimedOut)) => {}
                Ok(other) => {
                    return Err(Fault::new(format!(
                        "{}, the limit was 0.3 s: expected Err(TimedOut), got {other:?}",
                        waiting.what
                    ))
                    .cause(TIMEOUT_KIND));
                }
                Err(_) => still.push(waiting),
            }
        }
        all = still;
    }
    Ok(())
}
