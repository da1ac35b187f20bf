//! 1.2 A client with human errors.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use course::Reserved;
use course::exercise::{
    Attempt, Explain, Fault, Limit, Peer, Step, Trial, Verdict, WAIT, check, compare, show,
};
use echo::contract::AskError;

use super::{AMPLE, DEADLINES, SMALL, THE_IDEA};

pub type Ask = fn(SocketAddr, &[u8], Duration) -> Result<Vec<u8>, AskError>;

const SENDS: &str = "Connects to `addr`";
const MESSAGE: &str = "The message may have any length";
const ANSWER: &str = "The answer may come in pieces";
const LIMIT: &str = "`limit`, from a millisecond to an hour";
const NOBODY: &str = "[`AskError::NobodyListening`]";
const TIMED_OUT: &str = "[`AskError::TimedOut`]";
const RESET: &str = "[`AskError::Reset`]";
#[cfg(target_os = "linux")]
const OTHER: &str = "[`AskError::Other`]";
const PART: &str = "Part of an answer is no answer";

const NOBODY_LISTENS: &str = "docs/01-echo.md: Nobody is listening";
const LEFT: &str = super::LEAVES;
#[cfg(target_os = "linux")]
const REACHING: &str = "docs/errors.md: Starting and reaching somebody";

/// 1.2 A client with human errors.
pub fn ask(ask: Ask) -> Verdict {
    check(move |trial| {
        let late = start(trial, ask, b"hello", AMPLE).read(THE_IDEA)?;
        sends_the_message(trial, ask).read(THE_IDEA)?;
        gets_the_whole_answer(trial, ask).read(THE_IDEA)?;
        tells_who_is_not_there(trial, ask)?;
        tells_a_reset(trial, ask).breaks(RESET).read(LEFT)?;
        keeps_the_deadline(trial, ask)
            .breaks(LIMIT)
            .read(DEADLINES)?;
        waits_for_a_late_answer(late)
            .breaks(TIMED_OUT)
            .read(DEADLINES)?;
        #[cfg(target_os = "linux")] // elsewhere a full queue refuses at once
        begins_before_connecting(trial, ask)
            .breaks(LIMIT)
            .read(DEADLINES)?;
        Ok(())
    })
}

type AskAttempt = Attempt<Result<Vec<u8>, AskError>>;
/// The server's side, the function at work, and when it was called.
type Asked = (Peer, AskAttempt, Instant);

fn start(trial: &Trial, ask: Ask, message: &'static [u8], limit: Duration) -> Step<Asked> {
    let (listener, addr) = trial.listen_with_buffers(SMALL)?;
    let since = Instant::now();
    let attempt = trial.start(move || ask(addr, message, limit));
    Ok((trial.accept(&listener)?, attempt, since))
}

/// What came back when the server has answered well.
fn answer(attempt: &AskAttempt, what: &str) -> Step<Vec<u8>> {
    let answer = attempt.result().when(what)?;
    answer.map_err(|error| {
        let interrupted =
            matches!(&error, AskError::Other(e) if e.kind() == ErrorKind::Interrupted);
        let fault = Fault::new(format!("{what}, but you returned {error:?}"));
        if interrupted { fault.late() } else { fault }
    })
}

static LONG: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=250).cycle().take(300_000).collect());

fn sends_the_message(trial: &Trial, ask: Ask) -> Step {
    let messages: [&'static [u8]; 4] = [b"hello, server", b"", b"\0\n\xff trimmed? \r\n", &LONG];
    for message in messages {
        let (mut server, attempt, _) = start(trial, ask, message, AMPLE)?;
        let request = server.read_to_end(2 * LONG.len()).cause(
            "without shutdown(Shutdown::Write) the server cannot know that the message has ended",
        );
        let request = request.breaks(SENDS)?;
        compare(message, &request).map_err(|difference| {
            Fault::new(format!("the server was sent another message\n{difference}"))
                .cause("only a part of the message is sent, or it is changed, or taken for text")
                .breaks(MESSAGE)
        })?;
        server.send(b"fine")?;
        drop(server);
        let came = answer(&attempt, "the server answered 'fine' and closed").breaks(SENDS)?;
        compare(b"fine", &came).map_err(|difference| {
            Fault::new(format!("the server answered and closed\n{difference}"))
                .cause("something else than the answer is returned")
                .breaks(SENDS)
        })?;
    }
    Ok(())
}

fn gets_the_whole_answer(trial: &Trial, ask: Ask) -> Step {
    const WHOLE: &str = "the answer is whole only when read returns 0";
    let pieces = "the server answered in several pieces, then closed";
    for length in [3, 10_000, LONG.len()] {
        let expected = &LONG[..length];
        let (mut server, attempt, _) = start(trial, ask, b"hello", AMPLE)?;
        server.read_to_end(1000)?;
        let sent = server
            .dribble(&expected[..3], Duration::from_millis(10))
            .and_then(|()| server.send(&expected[3..]));
        sent.cause(WHOLE).breaks(ANSWER)?;
        drop(server);
        let came = answer(&attempt, pieces).cause(WHOLE).breaks(ANSWER)?;
        compare(expected, &came).map_err(|difference| {
            let cause = match came.len() {
                4097.. if came.len() < length => "there is only room for so many bytes of answer",
                _ => WHOLE,
            };
            Fault::new(format!("{pieces}\n{difference}"))
                .cause(cause)
                .breaks(ANSWER)
        })?;
    }

    let (mut server, attempt, _) = start(trial, ask, b"hello", AMPLE)?;
    server.read_to_end(1000)?;
    drop(server);
    let empty = "the server closed without an answer";
    let came = answer(&attempt, empty)
        .cause("an empty answer is taken for an error")
        .breaks(ANSWER)?;
    if came.is_empty() {
        return Ok(());
    }
    let what = format!("{empty}: expected Ok of nothing, got {}", show(&came));
    Err(Fault::new(what)
        .cause("more than the answer is returned")
        .breaks(ANSWER))
}

fn tells_who_is_not_there(trial: &Trial, ask: Ask) -> Step {
    let nobody = Reserved::new().map_err(|e| Fault::new(format!("no port for the check: {e}")))?;
    let addr = nobody.addr();
    let attempt = trial.start(move || ask(addr, b"hello", AMPLE));
    const NOBODY_WHAT: &str = "nobody listened there, and the limit was an hour";
    let result = if cfg!(windows) {
        attempt.result_within(WAIT) // there a refused connection takes two seconds
    } else {
        attempt.result()
    };
    let result = result
        .when(NOBODY_WHAT)
        .cause("connecting is tried again after it was refused")
        .breaks(NOBODY)
        .read(NOBODY_LISTENS)?;
    match result {
        Err(AskError::NobodyListening) => {}
        other => {
            let what = format!(
                "{NOBODY_WHAT}: expected NobodyListening, got {}",
                name(&other)
            );
            return Err(Fault::new(what)
                .cause("the kind ConnectionRefused, with which connect fails, is not looked for")
                .breaks(NOBODY)
                .read(NOBODY_LISTENS));
        }
    }

    // TCP cannot connect to a broadcast address; elsewhere the error may be another one.
    #[cfg(target_os = "linux")]
    {
        let attempt = trial.start(move || ask(([127, 255, 255, 255], 9).into(), b"hello", AMPLE));
        let what = "the address was one to which TCP cannot connect";
        let result = attempt.result().when(what).breaks(OTHER).read(REACHING)?;
        match result {
            Err(AskError::Other(error)) if error.kind() == ErrorKind::NetworkUnreachable => {}
            other => {
                let other = name(&other);
                let what = format!("{what}: expected Other(NetworkUnreachable), got {other}");
                return Err(Fault::new(what)
                    .cause("an error that has no name of its own is given one, or is replaced")
                    .breaks(OTHER)
                    .read(REACHING));
            }
        }
    }
    Ok(())
}

/// A result without its bytes, which may be many.
fn name(result: &Result<Vec<u8>, AskError>) -> String {
    match result {
        Ok(bytes) => format!("Ok of {}", show(bytes)),
        Err(error) => format!("Err({error:?})"),
    }
}

fn tells_a_reset(trial: &Trial, ask: Ask) -> Step {
    let reset = |attempt: &AskAttempt, what: &str, cause: &str| match attempt.result()? {
        Err(AskError::Reset) => Ok(()),
        Ok(bytes) if !bytes.is_empty() => Err(Fault::new(format!(
            "{what}: expected Reset, got Ok of {}",
            show(&bytes)
        ))
        .cause("what came before an error is taken for the answer")
        .breaks(PART)),
        other => {
            let what = format!("{what}: expected Reset, got {}", name(&other));
            Err(Fault::new(what).cause(cause))
        }
    };
    for part in [b"".as_slice(), b"half an ans"] {
        let (mut server, attempt, _) = start(trial, ask, b"hello", AMPLE)?;
        server.read_to_end(1000)?; // the reset must not meet the half-close
        server.send(part)?;
        server.reset();
        reset(
            &attempt,
            "the server broke off instead of answering",
            "read fails with ErrorKind::ConnectionReset, which is not looked for",
        )?;
    }

    // More than the buffers hold, so that a write waits for the server.
    let (mut server, attempt, _) = start(trial, ask, zeros(), AMPLE)?;
    server.read(&mut [0; 1000])?;
    attempt.expect_idle(Duration::from_millis(50))?;
    server.reset();
    reset(
        &attempt,
        "the server broke off while the message was being sent",
        "write fails with ConnectionReset or BrokenPipe, and that is not taken for a reset",
    )?;

    // After a half-close, a reset shows as BrokenPipe on Linux.
    let (mut server, attempt, _) = start(trial, ask, zeros(), AMPLE)?;
    server.read(&mut [0; 1000])?;
    server.half_close()?;
    attempt.expect_idle(Duration::from_millis(50))?;
    server.reset();
    reset(
        &attempt,
        "the server half-closed and broke off while the message was being sent",
        "write fails with BrokenPipe, and that is not taken for a reset",
    )
}

/// More than a quick machine sends in some seconds through small buffers. It takes no memory: nobody
/// has ever written to it.
fn zeros() -> &'static [u8] {
    static ZEROS: LazyLock<Vec<u8>> = LazyLock::new(|| vec![0; 48 << 20]);
    &ZEROS
}

fn in_time(attempt: &AskAttempt, limit: &Limit, since: Instant, what: &str, cause: &str) -> Step {
    let result = attempt.result_by(limit, since).when(what).cause(cause)?;
    timed_out(result, what, cause)
}

fn timed_out(result: Result<Vec<u8>, AskError>, what: &str, cause: &str) -> Step {
    let expected = |got: String| Fault::new(format!("{what}: expected TimedOut, got {got}"));
    match result {
        Err(AskError::TimedOut) => Ok(()),
        Err(AskError::Other(error)) if error.kind() == ErrorKind::InvalidInput => {
            Err(expected(error.to_string()).cause(
                "when nothing is left of the time, set_read_timeout is called with zero, which \
                 it refuses",
            ))
        }
        Err(AskError::Other(error))
            if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
        {
            Err(expected(format!("Other({error:?})"))
                .cause(
                    "the kind of a timeout is not looked for: it is WouldBlock on Unix, TimedOut \
                     on Windows and from connect_timeout",
                )
                .breaks(TIMED_OUT))
        }
        Err(AskError::Other(error)) if error.kind() == ErrorKind::Interrupted => {
            Err(expected(error.to_string()).cause(cause).late())
        }
        Ok(answer) => Err(expected(format!("Ok of {}", show(&answer)))
            .cause("what came before the time was over is taken for the answer")
            .breaks(PART)),
        other => Err(expected(name(&other)).cause(cause).breaks(TIMED_OUT)),
    }
}

/// The server of an attempt that has begun before everything else answers at last.
fn waits_for_a_late_answer((mut server, attempt, since): Asked) -> Step {
    const WHAT: &str = "the server took more than a second, the limit was an hour";
    const CAUSE: &str = "there is a time limit that is not the one that was given";
    let silence = Duration::from_millis(1200);
    thread::sleep(silence.saturating_sub(since.elapsed())); // the pace of the server
    server.read_to_end(1000).when(WHAT).cause(CAUSE)?;
    server.send(b"fine").when(WHAT).cause(CAUSE)?;
    drop(server);
    let came = answer(&attempt, WHAT).cause(CAUSE)?;
    compare(b"fine", &came)
        .map_err(|difference| Fault::new(format!("{WHAT}\n{difference}")).cause(CAUSE))
}

fn keeps_the_deadline(trial: &Trial, ask: Ask) -> Step {
    const GIVEN: Duration = Duration::from_millis(100);
    let limit = trial.limit(Duration::from_secs(1));

    let (silent, attempt, since) = start(trial, ask, b"hello", GIVEN)?;
    in_time(
        &attempt,
        &limit,
        since,
        "the server never answered, the limit was 0.1 s",
        "a read has no timeout",
    )?;
    drop(silent);

    trial.at_pace(GIVEN * 4 / 5, |pace| {
        let (mut slow, attempt, since) = start(trial, ask, b"hello", GIVEN)?;
        pace.beat();
        while !attempt.has_ended() && since.elapsed() < limit.duration() {
            let _ = slow.send(b"x"); // the function may have gone
            thread::sleep(GIVEN / 5); // the pace of the server
            pace.beat();
        }
        in_time(
            &attempt,
            &limit,
            since,
            "the server sent one byte every 20 ms, the limit was 0.1 s",
            "every read gets the whole time anew: a timeout for each read is no deadline",
        )
    })?;
    keeps_it_without_waiting(trial, ask)?;
    keeps_it_while_sending(trial, ask)?;
    #[cfg(target_os = "linux")]
    {
        let full = FullQueue::new(trial)?;
        let addr = full.addr;
        let since = Instant::now();
        let attempt = trial.start(move || ask(addr, b"hello", GIVEN));
        in_time(
            &attempt,
            &limit,
            since,
            "the server's queue was full, so the connection was never made; the limit was 0.1 s",
            "TcpStream::connect waits for minutes; connect_timeout does not",
        )
        .read(REACHING)?;
    }
    Ok(())
}

/// No read has to wait for this server, so the time runs out between two of them. How much was taken
/// decides, since nobody takes so much in so short a time.
fn keeps_it_without_waiting(trial: &Trial, ask: Ask) -> Step {
    const BRIEF: Duration = Duration::from_millis(5);
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 2048;
    trial.at_pace(BRIEF, |pace| {
        let (listener, addr) = trial.listen()?;
        let attempt = trial.start(move || ask(addr, b"hello", BRIEF));
        let mut fast = trial.accept(&listener)?;
        pace.beat();
        let mut sent = 0;
        while sent < PIECES && !attempt.has_ended() && fast.send(&[b'x'; PIECE]).is_ok() {
            sent += 1;
            pace.beat();
        }
        const WHAT: &str = "the server sent and sent and made no pause, the limit was 0.005 s";
        const CAUSE: &str = "a read that need not wait takes no time, so its timeout never \
            passes, and nobody looks at the clock";
        if sent < PIECES {
            return timed_out(attempt.result().when(WHAT).cause(CAUSE)?, WHAT, CAUSE);
        }
        Err(Fault::new(format!("{WHAT}: you took 128 MiB of answer")).cause(CAUSE))
    })
}

/// A server that takes the message so slowly that all writes together take long, and none does. How
/// much it got decides: in the time that there is it takes a sixth of that.
fn keeps_it_while_sending(trial: &Trial, ask: Ask) -> Step {
    const GIVEN: Duration = Duration::from_millis(100);
    const BEAT: Duration = Duration::from_millis(10);
    const EACH: usize = 256 * 1024;
    const MOST: usize = 16 * 1024 * 1024;
    let limit = trial.limit(Duration::from_secs(1));
    trial.at_pace(GIVEN / 3, |pace| {
        const WHAT: &str = "the server read the message slowly, the limit was 0.1 s";
        const CAUSE: &str =
            "every write gets the whole time anew: write_all calls write again and again";
        let (listener, addr) = trial.listen_with_buffers(EACH)?;
        let since = Instant::now();
        let attempt = trial.start(move || ask(addr, zeros(), GIVEN));
        let server = trial.accept(&listener)?;
        let _ = server.stream().set_nonblocking(true);
        pace.restart();
        let mut taken = 0;
        while !attempt.has_ended() && taken < MOST && since.elapsed() < limit.duration() {
            taken += take(&server, EACH);
            thread::sleep(BEAT); // the pace of the server
            pace.beat();
        }
        if taken >= MOST {
            return Err(Fault::new(format!("{WHAT}: you sent 16 MiB")).cause(CAUSE));
        }
        in_time(&attempt, &limit, since, WHAT, CAUSE)
    })
}

/// Takes so many bytes, if they are there; says how many.
fn take(server: &Peer, most: usize) -> usize {
    let mut buffer = [0; 65_536];
    let mut taken = 0;
    while taken < most {
        match server.stream().read(&mut buffer) {
            Ok(n @ 1..) => taken += n,
            _ => break,
        }
    }
    taken
}

/// A connection that takes a second to come about, of the 1.8 s that there are for everything.
///
/// The queue is full at first, so the request is thrown away; the system sends it again a second
/// later, and then there is room.
#[cfg(target_os = "linux")]
fn begins_before_connecting(trial: &Trial, ask: Ask) -> Step {
    const GIVEN: Duration = Duration::from_millis(1800);
    const LATEST: Duration = Duration::from_millis(2300); // a mistake needs 2.8 s
    const BEAT: Duration = Duration::from_millis(20);
    trial.at_pace(Duration::from_millis(250), |pace| {
        let mut full = FullQueue::new(trial)?;
        let addr = full.addr;
        pace.beat();
        let since = Instant::now();
        let attempt = trial.start(move || ask(addr, b"hello", GIVEN));
        while !attempt.has_ended() && since.elapsed() < LATEST {
            thread::sleep(BEAT); // the pace of the server
            pace.beat();
            if since.elapsed() > Duration::from_millis(300) {
                full.make_room();
            }
        }
        const WHAT: &str = "it took a second to connect, then the server was silent; the limit was \
            1.8 s";
        const CAUSE: &str = "the time begins when the connection is there, and not before";
        if !attempt.has_ended() {
            let what = format!("{WHAT}: you had not returned 2.3 s later");
            return Err(Fault::new(what).cause(CAUSE).late());
        }
        let took = since.elapsed();
        timed_out(attempt.result()?, WHAT, CAUSE)?;
        if took < GIVEN - Duration::from_millis(50) {
            let what = format!(
                "{WHAT}: you said TimedOut after {:.1} s",
                took.as_secs_f64()
            );
            return Err(Fault::new(what)
                .cause("each call has a part of the time for itself, and what is left is lost")
                .breaks(TIMED_OUT));
        }
        Ok(())
    })
}

/// A server that does not accept, and whose queue has no place left.
#[cfg(target_os = "linux")]
struct FullQueue {
    addr: SocketAddr,
    listener: TcpListener,
    queued: Vec<TcpStream>,
}

#[cfg(target_os = "linux")]
impl FullQueue {
    fn new(trial: &Trial) -> Step<FullQueue> {
        let (listener, addr) = trial.listen()?;
        // A second call of listen only changes the length of the queue.
        let shortened = socket2::SockRef::from(&listener).listen(0);
        shortened
            .and_then(|()| listener.set_nonblocking(true))
            .map_err(|e| Fault::new(format!("the check could not shorten a queue: {e}")))?;
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(100)) {
            queued.push(stream);
        }
        Ok(FullQueue {
            addr,
            listener,
            queued,
        })
    }

    /// Accepts whoever is in the queue, and keeps them.
    fn make_room(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            self.queued.push(stream);
        }
    }
}
