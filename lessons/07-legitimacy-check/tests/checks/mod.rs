//! What "right" means for each exercise of lesson 7: functions to which any solution is handed.

mod mutual;
mod watch;

use std::collections::HashSet;
use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, compare, show};
use legitimacy_check::{ANSWER_LEN, DEFAULT_KEY, Key, NONCE_LEN, Refusal, Secret, WELCOME};

pub use mutual::{Mutual, mutual};
use watch::Watched;

pub type LogIn = fn(TcpStream, &[u8]) -> io::Result<bool>;
pub type CheckClients = fn(&TcpListener, usize, &dyn Secret, Duration) -> Vec<Result<(), Refusal>>;

const THE_IDEA: &str = "docs/07-legitimacy-check.md: The idea";
const PREDICT: &str = "docs/07-legitimacy-check.md: Predict";
const READ_THE_CODE: &str = "docs/07-legitimacy-check.md: Read the code";
const A_DEADLINE: &str = "docs/07-legitimacy-check.md: A deadline that holds";
const THE_COMPARISON: &str = "docs/07-legitimacy-check.md: The comparison";
const REPLAY: &str = "docs/07-legitimacy-check.md: Replay";
const EXERCISE_7_1: &str = "docs/07-legitimacy-check.md: 7.1 ★ The client's answer";

/// Time that is always enough when nothing goes wrong.
const AMPLE: Duration = Duration::from_secs(5);

/// A short limit for who must not wait longer.
const LIMIT: Duration = Duration::from_millis(300);

/// When it must be over, counted from the beginning. The slack is for a busy machine; a mistake
/// costs more.
const LATEST: Duration = Duration::from_millis(1100);

/// A client sends a byte each time, when it wants to be slow.
const GAP: Duration = Duration::from_millis(50);

const PER_READ: &str = "every read gets the whole time anew: a timeout for each read is no \
    deadline; or there is no timeout at all";
const TIMEOUT_KIND: &str = "a timeout of a socket is WouldBlock on Unix and TimedOut on Windows; \
    and set_read_timeout refuses a time of zero (InvalidInput)";

/// Reads just so many bytes.
fn take(peer: &mut Peer, n: usize, what: &str) -> Step<Vec<u8>> {
    let mut came = vec![0; n];
    let mut filled = 0;
    while filled < n {
        match peer.read(&mut came[filled..])? {
            Some(more @ 1..) => filled += more,
            end => {
                let how = if end.is_some() {
                    "you closed the connection"
                } else {
                    "nothing more came"
                };
                return Err(Fault::new(format!(
                    "{what} should be {n} bytes\ncame {filled}: {}, then {how}",
                    show(&came[..filled])
                )));
            }
        }
    }
    Ok(came)
}

/// Waits until the function closes, whatever it sends before that; says whether it did in time.
fn closes_by(peer: &Peer, deadline: Instant) -> bool {
    let mut stream = peer.stream();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return false;
        }
        match io::Read::read(&mut stream, &mut [0; 100]) {
            Ok(1..) => {}
            Ok(0) => return true,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return true, // a reset closes as well
        }
    }
}

/// 7.1 The client's answer.
pub fn log_in(log_in: LogIn) -> Verdict {
    check(move |trial| {
        answers(trial, log_in).read(THE_IDEA)?;
        understands_the_reply(trial, log_in).read(READ_THE_CODE)?;
        trusts_no_server(trial, log_in).read(EXERCISE_7_1)
    })
}

fn start_log_in(
    trial: &Trial,
    log_in: LogIn,
    key: &[u8],
) -> Step<(Peer, Attempt<io::Result<bool>>)> {
    let (server, stream) = trial.pair()?;
    let key = key.to_vec();
    Ok((server, trial.start(move || log_in(stream, &key))))
}

/// How a nonce or a reply travels.
type Sending = fn(&mut Peer, &[u8]) -> Step;

fn answers(trial: &Trial, log_in: LogIn) -> Step {
    let whole: Sending = |server, bytes| server.send(bytes);
    let first_alone: Sending = |server, bytes| {
        server.dribble(&bytes[..1], Duration::from_millis(100))?;
        server.send(&bytes[1..])
    };
    let bytewise: Sending = |server, bytes| server.dribble(bytes, Duration::from_millis(2));
    let with_the_reply: Sending = |server, bytes| server.send(&[bytes, WELCOME].concat());
    let replied = "welcome came together with the nonce";

    let counting: Vec<u8> = (0..).take(NONCE_LEN).collect();
    let high: Vec<u8> = (0xe0..=0xff).collect();
    let line = b"\n is one of the 32 random bytes\n".to_vec();
    let text = DEFAULT_KEY.as_bytes();
    let long: Vec<u8> = (0..200).collect();
    let binary = b"\xff\x00 key \n";
    const READS: &str = "one read is taken for the whole nonce, or more than its 32 bytes for it";
    const LOST: &str = "what came behind the nonce is lost, with a BufReader that was used only for \
        the nonce, or with another buffer of more than 32 bytes";
    const FORMULA: &str = "the answer is HMAC(key, nonce), of the bytes as they came: not MD5 of \
        key and nonce, not of the nonce's hexadecimal form or as text, and not with the two \
        swapped; each byte of it is two characters, also below 16 ({:02x}, not {:x})";
    for (what, key, nonce, send, cause) in [
        ("the nonce came at once", text, &counting, whole, FORMULA),
        ("the nonce was not text", text, &high, whole, FORMULA),
        (
            "the nonce was full of line ends and letters",
            text,
            &line,
            whole,
            FORMULA,
        ),
        ("the key was not text", binary, &high, whole, FORMULA),
        ("the key had 200 bytes", &long, &counting, whole, FORMULA),
        (
            "the nonce came as 1 byte and 31",
            text,
            &high,
            first_alone,
            READS,
        ),
        (
            "the nonce came byte by byte",
            text,
            &counting,
            bytewise,
            READS,
        ),
        (replied, text, &counting, with_the_reply, READS),
    ] {
        let has_replied = what == replied;
        let (mut server, attempt) = start_log_in(trial, log_in, key)?;
        send(&mut server, nonce)?;
        let expected = Key::new(key).ok_or_else(|| Fault::new("an empty key: this is our bug"))?;
        let expected = expected.answer(nonce);
        let came = take(&mut server, ANSWER_LEN, "the answer")
            .when(what)
            .cause(cause)?;
        if came.to_ascii_lowercase() == expected && came != expected {
            return Err(
                Fault::new(format!("{what}: the answer was {}", show(&came)))
                    .cause("the hexadecimal letters must be lowercase ({:02x}, not {:02X})"),
            );
        }
        compare(&expected, &came)
            .map_err(|difference| Fault::new(format!("{what}\n{difference}")).cause(cause))?;
        if !has_replied {
            server.send(WELCOME)?;
        }
        let _ = server.half_close(); // you may be gone by then
        if has_replied {
            accepted(&attempt, true, what, LOST).read(EXERCISE_7_1)?;
        } else {
            accepted(&attempt, true, what, WHOLE)?;
        }
        server
            .expect_end("behind the answer nothing else should be sent")
            .when(what)
            .cause(
                "a line end behind the answer: nothing in this protocol ends with one but welcome",
            )?;
    }
    Ok(())
}

const WHOLE: &str = "the reply is whole only when read returns 0, and 'welcome\\n' is a welcome";

fn accepted(attempt: &Attempt<io::Result<bool>>, welcome: bool, what: &str, cause: &str) -> Step {
    let server = if welcome {
        "said welcome and closed"
    } else {
        "closed without a word"
    };
    let what = format!("{what}, and the server {server}");
    match attempt.result().when(&what).cause(cause)? {
        Ok(came) if came == welcome => Ok(()),
        other => {
            let expected = format!("expected Ok({welcome}), got {other:?}");
            Err(Fault::new(format!("{what}: {expected}")).cause(cause))
        }
    }
}

fn understands_the_reply(trial: &Trial, log_in: LogIn) -> Step {
    let asked = |what: &str| {
        let (mut server, attempt) = start_log_in(trial, log_in, b"key")?;
        server.send(&[7; NONCE_LEN])?;
        take(&mut server, ANSWER_LEN, "the answer").when(what)?;
        Ok((server, attempt))
    };

    let (server, attempt) = asked("the reply is a rejection")?;
    drop(server);
    let rejected = "a read of 0 at once is a rejection: no error, and no welcome";
    accepted(&attempt, false, "your answer was read", rejected)?;

    let (mut server, attempt) = asked("the reply comes in pieces")?;
    const ONE_READ: &str = "only one read is done for the reply, so a part of it is taken for the \
        whole";
    server.send(&WELCOME[..3])?;
    thread::sleep(Duration::from_millis(150)); // the pace of the server
    attempt
        .still_runs()
        .when("3 bytes of the welcome had come")
        .cause(ONE_READ)?;
    let rest = server.send(&WELCOME[3..]);
    rest.and_then(|()| server.half_close()).map_err(|_| {
        Fault::new("you closed before the server had finished its reply").cause(ONE_READ)
    })?;
    accepted(&attempt, true, "the server took its time", ONE_READ)
}

fn trusts_no_server(trial: &Trial, log_in: LogIn) -> Step {
    let failed = |attempt: &Attempt<io::Result<bool>>, what: &str, kind: ErrorKind, cause: &str| {
        const ENDLESS: &str = "read_to_end without take waits for the end of a reply that may \
            have none, and keeps as much of it as the server likes to send";
        match attempt.result().when(what).cause(ENDLESS)? {
            Err(error) if error.kind() == kind => Ok(()),
            other => Err(Fault::new(format!(
                "{what}: expected an error of kind {kind:?}, got {other:?}"
            ))
            .cause(cause)),
        }
    };

    for nonce in [&b""[..], &[7; NONCE_LEN - 1]] {
        let (mut server, attempt) = start_log_in(trial, log_in, b"key")?;
        server.send(nonce)?;
        let what = format!("the server closed after {} bytes of the nonce", nonce.len());
        let _ = server.half_close(); // you may be gone by then
        server
            .expect_end("no whole nonce, so no answer")
            .when(&what)
            .cause("one read is taken for the whole nonce")?;
        let cause = "an end inside the nonce is an error: only an end behind your answer is a \
            rejection";
        failed(&attempt, &what, ErrorKind::UnexpectedEof, cause)?;
    }

    const CUT: &str = "the beginning of a welcome, and then the end, is neither a welcome nor a \
        rejection, but UnexpectedEof; the line end belongs to the welcome";
    const OTHER: &str = "only all of 'welcome\\n' is a welcome, only a read of 0 at once is a \
        rejection, and every other reply is InvalidData";
    const LONGER: &str = "take(8) cannot see the ninth byte: take one byte more than the welcome \
        has, and compare all that came";
    for (reply, closes, kind, cause) in [
        ("welc", true, ErrorKind::UnexpectedEof, CUT),
        ("welcome", true, ErrorKind::UnexpectedEof, CUT),
        ("go away\n", true, ErrorKind::InvalidData, OTHER),
        ("welcome!\n", true, ErrorKind::InvalidData, OTHER),
        ("welcome\n\n", true, ErrorKind::InvalidData, LONGER),
        ("welcome\nand so on", false, ErrorKind::InvalidData, LONGER),
        ("no no no no no no no", false, ErrorKind::InvalidData, OTHER),
    ] {
        let (mut server, attempt) = start_log_in(trial, log_in, b"key")?;
        server.send(&[7; NONCE_LEN])?;
        take(&mut server, ANSWER_LEN, "the answer")?;
        server.send(reply.as_bytes())?;
        let how = if closes {
            let _ = server.half_close(); // you may have seen enough already
            "and closed"
        } else {
            "and did not close"
        };
        let what = format!("the reply was {} {how}", show(reply.as_bytes()));
        failed(&attempt, &what, kind, cause)?;
    }

    let (mut server, attempt) = start_log_in(trial, log_in, b"key")?;
    server.send(&[7; NONCE_LEN])?;
    take(&mut server, ANSWER_LEN, "the answer")?;
    server.reset();
    match attempt.result()? {
        // NotConnected and BrokenPipe: you found out when you closed your side, or wrote.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::NotConnected | ErrorKind::BrokenPipe
            ) =>
        {
            Ok(())
        }
        other => Err(Fault::new(format!(
            "the server reset the connection instead of a reply: expected its error, got {other:?}"
        ))
        .cause("a read that fails is no rejection: only a read of 0 is")),
    }
}

/// 7.2 The server.
pub fn check_clients(check_clients: CheckClients) -> Verdict {
    check(move |trial| {
        tells_right_from_wrong(trial, check_clients).read(THE_COMPARISON)?;
        asks_something_new(trial, check_clients).read(REPLAY)?;
        keeps_the_deadline(trial, check_clients).read(A_DEADLINE)
    })
}

type ServerAttempt = Attempt<Vec<Result<(), Refusal>>>;

/// A server at work for so many clients.
struct Asking<'a> {
    trial: &'a Trial,
    addr: std::net::SocketAddr,
    key: Arc<Watched>,
    attempt: ServerAttempt,
}

impl<'a> Asking<'a> {
    fn start(
        trial: &'a Trial,
        function: CheckClients,
        clients: usize,
        limit: Duration,
    ) -> Step<Asking<'a>> {
        let (listener, addr) = trial.listen()?;
        let key = Arc::new(Watched::new());
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
        next().when(after).cause(
            "a client that is gone, silent or wrong ends more than its own conversation: return, \
             break, ? or unwrap in the connection loop; or it is still waited for",
        )
    }

    fn results(&self, clients: usize) -> Step<Vec<Result<(), Refusal>>> {
        let results = self.attempt.result().cause(
            "a client that was refused or gone is not counted, or one that is gone is still waited for",
        )?;
        if results.len() == clients {
            return Ok(results);
        }
        Err(Fault::new(format!(
            "there were {clients} clients, and you returned {} results: {results:?}",
            results.len()
        )))
    }
}

const RIGHT_ONLY: &str = "an answer is right only when all of its 32 bytes are there and `accepts` \
    takes them as they came: no part of them, nothing trimmed, no letters made small; and a wrong \
    one gets no reply but the end";

/// What must come of a client.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    Right,
    Wrong,
    Gone,
}

impl Expected {
    fn is(self, result: &Result<(), Refusal>, what: &str) -> Step {
        let expected = match (self, result) {
            (Expected::Right, Ok(()))
            | (Expected::Wrong, Err(Refusal::WrongAnswer))
            | (Expected::Gone, Err(Refusal::Gone(_))) => return Ok(()),
            (Expected::Right, _) => "Ok(())",
            (Expected::Wrong, _) => "Err(WrongAnswer)",
            (Expected::Gone, _) => "Err(Gone(…))",
        };
        let fault = Fault::new(format!("{what}: expected {expected}, got {result:?}"));
        Err(fault.cause(RIGHT_ONLY))
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
        what: "only the last character of the answer was wrong",
        act: |client, key, nonce| client.send(&wrong_at(key, nonce, ANSWER_LEN - 1)),
        expected: Expected::Wrong,
    },
    Client {
        what: "the client had another key",
        act: |client, _, nonce| {
            let other = Key::new(b"another key");
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
        expected: Expected::Wrong,
    },
    Client {
        what: "the answer was 32 bytes that are not text",
        act: |client, _, _| client.send(&[0xff; ANSWER_LEN]),
        expected: Expected::Wrong,
    },
    Client {
        what: "the answer was 32 bytes of UTF-8, but no hexadecimal characters",
        act: |client, _, _| client.send("这是一个秘钥这是一个..".as_bytes()),
        expected: Expected::Wrong,
    },
    Client {
        what: "the client sent 31 right characters and a line end",
        act: |client, key, nonce| {
            let mut answer = key.answer(nonce);
            answer[ANSWER_LEN - 1] = b'\n';
            client.send(&answer)
        },
        expected: Expected::Wrong,
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
    let mut after = "the first client came";
    for Client {
        what,
        act,
        expected,
    } in CLIENTS
    {
        let (mut client, nonce) = server.client(after)?;
        let cause = if *expected == Expected::Right {
            "one read is taken for the whole answer, or another length is waited for"
        } else {
            RIGHT_ONLY
        };
        act(&mut client, &server.key.key, &nonce)
            .when(what)
            .cause(cause)?;
        if *expected == Expected::Right {
            client
                .expect(WELCOME, "the client should be welcomed")
                .when(what)
                .cause(cause)?;
        }
        client
            .expect_end("you should close without another byte: no reason, no farewell")
            .when(what)
            .cause(cause)?;
        server
            .key
            .was_asked(&nonce, what, *expected != Expected::Gone)?;
        after = what;
    }
    // Two that leave without a word, then an ordinary one.
    let (client, _) = server.client(after)?;
    client.reset();
    drop(trial.connect(server.addr)?);
    let (mut client, nonce) = server.client("a client had reset, another had left at once")?;
    client.send(&server.key.key.answer(&nonce))?;
    client.expect(WELCOME, "an ordinary client should be welcomed")?;
    drop(client);

    let results = server.results(clients)?;
    for (client, result) in CLIENTS.iter().zip(&results) {
        client.expected.is(result, client.what)?;
    }
    let what = ["the client reset the connection", "the client left at once"];
    for (what, result) in what.iter().zip(&results[CLIENTS.len()..]) {
        Expected::Gone.is(result, what)?;
    }

    // What stands behind the answer is not part of it.
    let server = Asking::start(trial, function, 1, AMPLE)?;
    let (mut client, nonce) = server.client("a client came")?;
    client.send(&[&server.key.key.answer(&nonce)[..], b"\n"].concat())?;
    let results = server.results(1)?;
    Expected::Right
        .is(
            &results[0],
            "the answer was right, and one more byte came behind it",
        )
        .cause("more than 32 bytes are taken for the answer")
}

/// Whether these bytes can have been chosen at random. Random ones are refused less often than
/// once in 10^30 times.
fn look_random(nonces: &[Vec<u8>]) -> Result<(), &'static str> {
    let distinct: HashSet<&[u8]> = nonces.iter().map(Vec::as_slice).collect();
    if distinct.len() < nonces.len() {
        return Err("the same nonce came twice");
    }
    let column = |at: usize| nonces.iter().map(|nonce| nonce[at]).collect();
    let columns: Vec<Vec<u8>> = (0..NONCE_LEN).map(column).collect();
    for (at, column) in columns.iter().enumerate() {
        if column.iter().all(|byte| *byte == column[0]) {
            return Err("some bytes of the nonce were the same every time");
        }
        if columns[..at].contains(column) {
            return Err("some bytes of the nonce were always repeated elsewhere in it");
        }
    }
    if nonces.iter().flatten().all(|byte| byte & 0x80 == 0) {
        return Err("no byte of any nonce was greater than 127, as in text");
    }
    Ok(())
}

const PREDICTABLE: &str = "the nonce is made once, or counted, or made from the time, the address \
    or a pseudo-random generator, or written as text; getrandom::fill gives 32 bytes that nobody \
    can guess";

fn asks_something_new(trial: &Trial, function: CheckClients) -> Step {
    const CLIENTS: usize = 24;
    let server = Asking::start(trial, function, CLIENTS, AMPLE)?;
    let mut nonces: Vec<Vec<u8>> = Vec::new();
    for number in 0..CLIENTS {
        let (mut client, nonce) = server.client("one client after another came")?;
        let replayed = nonces.last().filter(|_| number % 2 == 1);
        client.send(&server.key.key.answer(replayed.unwrap_or(&nonce)))?;
        nonces.push(nonce);
        let reply = client.read_to_end(100)?;
        if number % 2 == 1 && !reply.is_empty() {
            return Err(Fault::new(
                "a stranger gave the answer that the client before had given, and was welcomed",
            )
            .cause("the nonce is not new for each client, or older ones are accepted, too"));
        }
    }
    look_random(&nonces)
        .map_err(|how| Fault::new(format!("of {CLIENTS} nonces: {how}")).cause(PREDICTABLE))?;
    let results = server.results(CLIENTS)?;
    for (number, result) in results.iter().enumerate() {
        let (expected, what) = if number % 2 == 1 {
            (Expected::Wrong, "the answer belonged to the nonce before")
        } else {
            (Expected::Right, "the answer was right")
        };
        expected.is(result, what)?;
    }
    Ok(())
}

fn keeps_the_deadline(trial: &Trial, function: CheckClients) -> Step {
    let late = |what: &str| {
        Err(Fault::new(format!(
            "{what}, the limit was 0.3 s: 1.1 s later you had not closed the connection"
        ))
        .cause(PER_READ))
    };
    const SILENT: &str = "a client sent nothing";
    const SLOW: &str = "a client sent a byte every 50 ms";
    let server = Asking::start(trial, function, 2, LIMIT)?;
    let (client, _) = server.client("the first client came")?;
    if !closes_by(&client, Instant::now() + LATEST) {
        return late(SILENT);
    }
    drop(server.client(SILENT)?);
    timed_out(SILENT, &server.results(2)?[0])?;

    for _ in 0..TRIES {
        let server = Asking::start(trial, function, 1, LIMIT)?;
        let (client, nonce) = server.client("the first client came")?;
        let answer = server.key.key.answer(&nonce);
        let deadline = Instant::now() + LATEST;
        let (mut closed, mut pace) = (false, Pace::new());
        for byte in &answer[..ANSWER_LEN - 1] {
            let _ = client.stream().write_all(&[*byte]); // it may be closed already
            pace.step();
            closed = closes_by(&client, deadline.min(Instant::now() + GAP));
            if closed || Instant::now() >= deadline {
                break;
            }
        }
        if !closed {
            return late(SLOW);
        }
        timed_out(SLOW, &server.results(1)?[0])?;
        if pace.was_kept() {
            break;
        }
    }
    Ok(())
}

fn timed_out(what: &str, result: &Result<(), Refusal>) -> Step {
    if matches!(result, Err(Refusal::TimedOut)) {
        return Ok(());
    }
    Err(Fault::new(format!(
        "{what}, the limit was 0.3 s: expected Err(TimedOut), got {result:?}"
    ))
    .cause(TIMEOUT_KIND))
}

/// How often a slow peer tries to be slow enough and yet not too slow.
const TRIES: usize = 5;

/// Whether a slow peer kept sending. On a very busy machine it may pause for as long as the limit,
/// and then even a timeout for each read ends the wait: that proves nothing.
struct Pace {
    last: Instant,
    longest: Duration,
}

impl Pace {
    fn new() -> Pace {
        let (last, longest) = (Instant::now(), Duration::ZERO);
        Pace { last, longest }
    }

    fn step(&mut self) {
        self.longest = self.longest.max(self.last.elapsed());
        self.last = Instant::now();
    }

    /// To be asked when the function has closed: it waited for the next step until then.
    fn was_kept(&mut self) -> bool {
        self.step();
        self.longest < LIMIT / 2
    }
}
