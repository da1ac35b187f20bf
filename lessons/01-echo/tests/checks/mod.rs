//! What "right" means for each exercise of lesson 1: functions to which any solution is handed.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use course::Reserved;
use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, compare, show};
use echo::AskError;

pub type Shout = fn(&TcpListener) -> io::Result<()>;
pub type Ask = fn(SocketAddr, &[u8], Duration) -> Result<Vec<u8>, AskError>;
pub type ReplyAndClose = fn(TcpStream, &[u8]) -> io::Result<()>;

const READ_THE_CODE: &str = "docs/01-echo.md: Read the code";
const THE_IDEA: &str = "docs/01-echo.md: The idea";
const RESET: &str = "docs/01-echo.md: The client leaves in the middle";
const PRODUCTION: &str = "docs/01-echo.md: In production";

/// 1.1 The shouting echo.
pub fn shout(shout: Shout) -> Verdict {
    check(move |trial| {
        shouts(trial, shout).read(READ_THE_CODE)?;
        reports_a_reset(trial, shout).read(RESET)
    })
}

fn shouts(trial: &Trial, shout: Shout) -> Step {
    // Question and answer: the client waits for the answer before it goes on.
    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || shout(&listener));
    let mut client = trial.connect(addr)?;
    for (message, answer) in [
        ("hello, ", "HELLO, "),
        ("World 1!\r\n", "WORLD 1!\r\n"),
        ("x", "X"),
    ] {
        client.send(message.as_bytes())?;
        client
            .expect(answer.as_bytes(), "each byte should come back as soon as you have it")
            .cause("the answer is kept until the client has finished, or only one read is done, or more than the n bytes that were read goes back")?;
    }
    client.half_close()?;
    client.expect_end("after the client has finished you should close and send no more")?;
    let returned = attempt
        .result()
        .cause("a read of 0 does not end the loop")?;
    returned.map_err(|e| {
        Fault::new(format!(
            "after a polite client you should return Ok(()), not {e}"
        ))
    })?;

    // Every byte value, some of them in the middle of a character.
    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || shout(&listener));
    let mut client = trial.connect(addr)?;
    let bytes: Vec<u8> = (0..=255).collect();
    client.send(&bytes)?;
    client
        .expect(
            &bytes.to_ascii_uppercase(),
            "only the bytes a to z should change",
        )
        .cause("the bytes were taken for text (from_utf8, to_uppercase), or were trimmed")?;
    client.dribble("é 世".as_bytes(), Duration::from_millis(5))?;
    client
        .expect("é 世".as_bytes(), "only the bytes a to z should change")
        .cause("the bytes were taken for text: a character may be cut by a read, and only ASCII letters change")?;
    client.half_close()?;
    client.expect_end("after the client has finished you should send no more")?;
    let _ = attempt.result()?;

    // More than all buffers hold: the client writes and reads at the same time.
    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || shout(&listener));
    let mut client = trial.connect(addr)?;
    let long: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let came = client.exchange(&long, 2 * long.len())?;
    compare(&long.to_ascii_uppercase(), &came).map_err(|difference| {
        Fault::new(format!(
            "300,000 bytes were sent, then a half-close\n{difference}"
        ))
        .cause("only so many bytes are echoed, or a write that took fewer bytes is not repeated")
    })?;
    let _ = attempt.result()?;

    // Nothing at all.
    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || shout(&listener));
    let mut client = trial.connect(addr)?;
    client.half_close()?;
    client.expect_end("a client that sends nothing should get nothing")?;
    let returned = attempt
        .result()
        .cause("a read of 0 does not end the loop")?;
    returned.map_err(|e| {
        Fault::new(format!(
            "a client that sends nothing is no error, but you returned {e}"
        ))
    })
}

fn reports_a_reset(trial: &Trial, shout: Shout) -> Step {
    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || shout(&listener));
    let mut client = trial.connect(addr)?;
    client.send(b"hello")?;
    client.expect(
        b"HELLO",
        "each byte should come back as soon as you have it",
    )?;
    client.reset();
    let returned = attempt
        .result()
        .cause("an error of read is ignored, and the loop goes on")?;
    match returned {
        Err(_) => Ok(()),
        Ok(()) => Err(
            Fault::new("the client reset the connection, and you returned Ok(())")
                .cause("an error of read is taken for the end of the stream"),
        ),
    }
}

/// 1.2 A client with human errors.
pub fn ask(ask: Ask) -> Verdict {
    check(move |trial| {
        gets_the_whole_answer(trial, ask).read(THE_IDEA)?;
        tells_errors_apart(trial, ask).read("docs/01-echo.md: Break it")?;
        keeps_the_deadline(trial, ask).read("docs/01-echo.md: 1.2 ★★ A client with human errors")
    })
}

/// Time that is always enough when nothing goes wrong.
const AMPLE: Duration = Duration::from_secs(5);

fn gets_the_whole_answer(trial: &Trial, ask: Ask) -> Step {
    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || ask(addr, b"hello, server", AMPLE));
    let mut server = trial.accept(&listener)?;
    let request = server.read_to_end(1000).cause(
        "without shutdown(Shutdown::Write) the server cannot know that the message has ended",
    )?;
    compare(b"hello, server", &request).map_err(|difference| {
        Fault::new(format!("the server was sent another message\n{difference}"))
    })?;
    let answer: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let whole = "the answer is whole only when read returns 0";
    server
        .dribble(&answer[..3], Duration::from_millis(20))
        .cause(whole)?;
    server.send(&answer[3..]).cause(whole)?;
    drop(server);
    let came = attempt.result()?;
    let came =
        came.map_err(|e| Fault::new(format!("the server answered well, but you returned {e:?}")))?;
    compare(&answer, &came).map_err(|difference| {
        Fault::new(format!(
            "the server answered in several pieces, then closed\n{difference}"
        ))
        .cause("the answer is whole only when read returns 0")
    })?;

    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || ask(addr, b"", AMPLE));
    let mut server = trial.accept(&listener)?;
    server.expect_end("an empty message is just a half-close")?;
    drop(server);
    match attempt.result()? {
        Ok(came) if came.is_empty() => Ok(()),
        other => Err(Fault::new(format!(
            "the server closed without an answer: expected Ok([]), got {other:?}"
        ))),
    }
}

fn tells_errors_apart(trial: &Trial, ask: Ask) -> Step {
    let nobody = Reserved::new().map_err(|e| Fault::new(format!("no port for the check: {e}")))?;
    let addr = nobody.addr();
    let attempt = trial.start(move || ask(addr, b"hello", AMPLE));
    match attempt.result()? {
        Err(AskError::NobodyListening) => {}
        other => {
            return Err(Fault::new(format!(
                "nobody listened there: expected NobodyListening, got {other:?}"
            ))
            .cause("connect failed with ErrorKind::ConnectionRefused"));
        }
    }

    for answer in [b"".as_slice(), b"half an ans"] {
        let (listener, addr) = trial.listen()?;
        let attempt = trial.start(move || ask(addr, b"hello", AMPLE));
        let mut server = trial.accept(&listener)?;
        server.read_to_end(1000)?; // the reset must not meet the half-close
        server.send(answer)?;
        server.reset();
        match attempt.result()? {
            Err(AskError::Reset) => {}
            other => {
                return Err(Fault::new(format!(
                    "the server broke off: expected Reset, got {other:?}"
                ))
                .cause(
                    "read failed with ErrorKind::ConnectionReset; what came before it is no answer",
                ));
            }
        }
    }
    Ok(())
}

fn keeps_the_deadline(trial: &Trial, ask: Ask) -> Step {
    const LIMIT: Duration = Duration::from_millis(300);
    const BRIEF: Duration = Duration::from_millis(30);
    // The slack is for a busy machine; a mistake costs much more.
    const LATEST: Duration = Duration::from_millis(1200);
    let in_time = |attempt: Attempt<Result<Vec<u8>, AskError>>, what: &str, cause: &str| {
        let fault = |end: String| Fault::new(format!("{what}: {end}"));
        match attempt.result_within(LATEST) {
            Ok(Err(AskError::TimedOut)) => Ok(()),
            Ok(Err(AskError::Other(error))) if error.kind() == ErrorKind::InvalidInput => {
                Err(fault(error.to_string()).cause(
                    "set_read_timeout refuses a time of zero: when nothing is left, \
                     return TimedOut before you call it",
                ))
            }
            Ok(Ok(answer)) => {
                let answer = show(&answer);
                Err(fault(format!("expected TimedOut, got Ok of {answer}")).cause(cause))
            }
            Ok(other) => Err(fault(format!("expected TimedOut, got {other:?}")).cause(cause)),
            Err(_) => Err(fault("1.2 s later you had not returned".to_owned()).cause(cause)),
        }
    };

    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || ask(addr, b"hello", LIMIT));
    let silent = trial.accept(&listener)?;
    in_time(
        attempt,
        "the server never answered, the limit was 0.3 s",
        "a read without a timeout, or its error (WouldBlock on Unix) is not taken for one",
    )?;
    drop(silent);

    // If a busy machine makes the server fall silent for longer, nothing is learnt from it.
    for _ in 0..3 {
        let (listener, addr) = trial.listen()?;
        let attempt = trial.start(move || ask(addr, b"hello", LIMIT));
        let slow = trial.accept(&listener)?;
        let silence = thread::spawn(move || dribble(slow));
        in_time(
            attempt,
            "the server sent one byte every 50 ms, the limit was 0.3 s",
            "every read gets the whole time anew: a timeout for each read is no deadline",
        )?;
        if silence.join().is_ok_and(|longest| longest < LIMIT / 2) {
            break;
        }
    }

    // No read has to wait for this server, so the time runs out between two of them. Where a busy
    // machine makes the server pause, a read may have waited for it.
    for _ in 0..10 {
        let (listener, addr) = trial.listen()?;
        let attempt = trial.start(move || ask(addr, b"hello", BRIEF));
        let fast = trial.accept(&listener)?;
        let fast = thread::spawn(move || flood(fast));
        in_time(
            attempt,
            "the server sent and sent and made no pause, the limit was 0.03 s",
            "a read that need not wait takes no time, but many of them do: look at the clock \
             before each",
        )?;
        let pause = fast.join().map(|(longest, _)| longest);
        if pause.is_ok_and(|longest| longest < BRIEF / 10) {
            break;
        }
    }

    #[cfg(target_os = "linux")] // elsewhere a full queue refuses at once
    {
        let full = full_queue(trial)?;
        let addr = full.addr;
        let attempt = trial.start(move || ask(addr, b"hello", LIMIT));
        in_time(
            attempt,
            "the server's queue was full, so the connection was never made; the limit was 0.3 s",
            "TcpStream::connect waits for minutes; connect_timeout does not",
        )?;
    }
    Ok(())
}

/// Sends a byte every 50 ms until nobody takes them. Returns the longest time between two.
fn dribble(mut slow: Peer) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..100 {
        let started = Instant::now();
        if slow.send(b"x").is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(50)); // the pace of the server
        longest = longest.max(started.elapsed());
    }
    longest
}

/// Sends far more than anybody takes in a moment, until nobody takes it, and does not close. Returns
/// the longest time that a piece of it took.
fn flood(mut fast: Peer) -> (Duration, Peer) {
    let mut longest = Duration::ZERO;
    for _ in 0..1000 {
        let started = Instant::now();
        if fast.send(&[b'x'; 65_536]).is_err() {
            break;
        }
        longest = longest.max(started.elapsed());
    }
    (longest, fast)
}

/// A server that never accepts, and whose queue has no place left.
#[cfg(target_os = "linux")]
struct FullQueue {
    addr: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

#[cfg(target_os = "linux")]
fn full_queue(trial: &Trial) -> Step<FullQueue> {
    let (listener, addr) = trial.listen()?;
    // A second call of listen only changes the length of the queue.
    let shortened = socket2::SockRef::from(&listener).listen(0);
    shortened.map_err(|e| Fault::new(format!("the check could not shorten a queue: {e}")))?;
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
        queued.push(stream);
    }
    Ok(FullQueue {
        addr,
        _listener: listener,
        _queued: queued,
    })
}

/// 1.3 Reply and close.
pub fn reply_and_close(reply_and_close: ReplyAndClose) -> Verdict {
    check(move |trial| {
        the_reply_arrives(trial, reply_and_close).read(RESET)?;
        does_not_stay_for_ever(trial, reply_and_close).read(PRODUCTION)
    })
}

/// Connects a client with the function.
fn serve(
    trial: &Trial,
    function: ReplyAndClose,
    reply: &[u8],
) -> Step<(Peer, Attempt<io::Result<()>>)> {
    let (client, stream) = trial.pair()?;
    let reply = reply.to_vec();
    Ok((client, trial.start(move || function(stream, &reply))))
}

fn the_reply_arrives(trial: &Trial, function: ReplyAndClose) -> Step {
    const DROPPED: &str = "RST instead of a clean end: the socket was dropped while unread bytes \
        lay in it, or before the client had finished; neither waiting a little, nor one more \
        read, nor shutdown(Shutdown::Both) helps";
    const WAITING: &str =
        "the reply waits until the client has finished, and the client waits for the reply";
    const OPEN: &str = "no shutdown(Shutdown::Write) behind the reply, so that both sides wait";

    let reply: Vec<u8> = (0..=255).cycle().take(50_000).collect();
    for request in [5, 1024, 1025, 100_000] {
        let (mut client, attempt) = serve(trial, function, &reply)?;
        client.send(&vec![b'r'; request]).cause(DROPPED)?;
        let mut first = [0];
        if client.read(&mut first).cause(DROPPED)?.is_none() {
            return Err(
                Fault::new(format!("after {request} bytes were sent, no reply came"))
                    .cause(WAITING),
            );
        }
        client
            .expect(&reply[1..], "the whole reply should arrive")
            .cause(DROPPED)?;
        expect_clean_end(&mut client, DROPPED, OPEN)?;
        client.half_close().cause(DROPPED)?;
        let returned = attempt.result()?;
        client
            .expect_no_reset("there should be no reset")
            .cause(DROPPED)?;
        returned.map_err(|e| Fault::new(format!("all went well, but you returned {e}")))?;
    }

    // A client that goes on sending while the reply is on its way, and only then reads it.
    let (mut client, attempt) = serve(trial, function, &reply)?;
    client.send(b"first")?;
    client.read(&mut [0])?;
    for _ in 0..10 {
        client.send(&[b'r'; 10_000]).cause(DROPPED)?;
        thread::sleep(Duration::from_millis(10)); // the pace of the client
    }
    let promise = "a client that went on sending should still get the whole reply";
    client.expect(&reply[1..], promise).cause(DROPPED)?;
    expect_clean_end(&mut client, DROPPED, OPEN)?;
    client.half_close().cause(DROPPED)?;
    let _ = attempt.result()?;
    client
        .expect_no_reset("there should be no reset")
        .cause(DROPPED)
}

/// A read of 0 behind the reply, although the client has not closed its side.
fn expect_clean_end(client: &mut Peer, dropped: &str, open: &str) -> Step {
    match client.read(&mut [0]).cause(dropped)? {
        Some(0) => Ok(()),
        Some(_) => Err(Fault::new("more came than the reply")
            .cause("the reply was sent twice, or with something added")),
        None => Err(Fault::new("the whole reply arrived, but then no end").cause(open)),
    }
}

fn does_not_stay_for_ever(trial: &Trial, function: ReplyAndClose) -> Step {
    let (mut client, attempt) = serve(trial, function, b"reply")?;
    client.send(b"request")?;
    client.expect(b"reply", "the whole reply should arrive")?;
    attempt
        .result_within(Duration::from_millis(2500))
        .cause("a client that never closes must not hold you: a deadline of one second")?
        .map_err(|e| Fault::new(format!("the reply was sent, but you returned {e}")))?;

    let (mut client, attempt) = serve(trial, function, b"reply")?;
    client.send(b"request")?;
    let dribble = thread::spawn(move || client.dribble(&[b'x'; 150], Duration::from_millis(20)));
    attempt
        .result_within(Duration::from_millis(2500))
        .cause("every read gets a second anew: a timeout for each read is no deadline")?
        .map_err(|e| Fault::new(format!("the reply was sent, but you returned {e}")))?;
    let _ = dribble.join();
    Ok(())
}
