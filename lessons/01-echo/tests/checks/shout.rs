//! 1.1 The shouting echo.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, compare};

use super::{LEAVES, READ_THE_CODE, SMALL};

pub type Shout = fn(&TcpListener) -> io::Result<()>;

const ONE: &str = "Accepts one client";
const AT_ONCE: &str = "Sends back every byte";
const SILENT: &str = "The client may be silent";
const ANY_NUMBER: &str = "Any number of bytes";
const LETTERS: &str = "The ASCII letters";
const NOT_TEXT: &str = "The bytes need not be UTF-8";
const FINISHED: &str = "When the client has finished";
const ERRORS: &str = "What `accept`, `read` or `write` failed with";

const BACK: &str = "each byte should come back as soon as you have it";
const NO_END: &str = "a read of 0 does not end the loop";
const TOO_EARLY: &str = "the function returns while a thread of its own still serves the client";

/// 1.1 The shouting echo.
pub fn shout(shout: Shout) -> Verdict {
    check(move |trial| {
        let silent = Silent::start(trial, shout).read(READ_THE_CODE)?;
        answers_each_piece(trial, shout).read(READ_THE_CODE)?;
        answers_at_once(trial, shout).read(READ_THE_CODE)?;
        leaves_the_next_one_in_the_queue(trial, shout).read(READ_THE_CODE)?;
        shouts_bytes(trial, shout).read(READ_THE_CODE)?;
        takes_any_number(trial, shout).read(READ_THE_CODE)?;
        reports_a_reset(trial, shout).breaks(ERRORS).read(LEAVES)?;
        reports_a_failing_accept(trial, shout)
            .breaks(ERRORS)
            .read(READ_THE_CODE)?;
        silent.goes_on().read(READ_THE_CODE)
    })
}

type ShoutAttempt = Attempt<io::Result<()>>;

fn start(trial: &Trial, shout: Shout) -> Step<(Peer, ShoutAttempt, SocketAddr)> {
    let (listener, addr) = trial.listen_with_buffers(SMALL)?;
    let attempt = trial.start(move || shout(&listener));
    Ok((trial.connect_with_buffers(addr, SMALL)?, attempt, addr))
}

/// The client half-closes, and the function closes and returns.
fn finish(mut client: Peer, attempt: &ShoutAttempt) -> Step {
    client.half_close()?;
    closes(&mut client, attempt)?;
    returned_ok(attempt)
}

fn closes(client: &mut Peer, attempt: &ShoutAttempt) -> Step {
    let ended =
        client.expect_end("after the client has finished you should close and send no more");
    ended
        .cause(match attempt.has_ended() {
            true => "the function has returned, and something still holds the stream",
            false => NO_END,
        })
        .breaks(FINISHED)
}

fn returned_ok(attempt: &ShoutAttempt) -> Step {
    attempt
        .result()
        .cause(NO_END)
        .breaks(FINISHED)?
        .map_err(|e| {
            let what = format!("after a polite client you should return Ok(()), not Err of '{e}'");
            Fault::new(what)
                .cause("a read of 0 is taken for an error")
                .breaks(FINISHED)
        })
}

fn answers_each_piece(trial: &Trial, shout: Shout) -> Step {
    // Question and answer: the client waits for the answer before it goes on.
    let (mut client, attempt, addr) = start(trial, shout)?;
    for (number, (message, answer)) in
        [("hello", "HELLO"), (", World 1!", ", WORLD 1!"), ("x", "X")]
            .into_iter()
            .enumerate()
    {
        client.send(message.as_bytes())?;
        client
            .expect(answer.as_bytes(), BACK)
            .cause(match number {
                0 => "the answer waits in a buffer, for more bytes or for the client's end",
                _ => {
                    "only one read is done, or more than the n bytes that were read went back \
                     before"
                }
            })
            .breaks(AT_ONCE)?;
    }
    attempt.still_runs().cause(TOO_EARLY).breaks(FINISHED)?;
    let end = client.other_end();
    client.half_close()?;
    closes(&mut client, &attempt)?;
    let Err(late) = attempt.result() else {
        return end
            .expect_closed()
            .when("the function has returned")
            .cause("a clone of the stream is kept, and a shutdown alone does not close")
            .breaks(FINISHED);
    };
    // Either it waits for another client, or for nothing.
    if let Ok(mut second) = trial.connect(addr)
        && second.send(b"me too").is_ok()
        && second.expect(b"ME TOO", BACK).is_ok()
    {
        let what = "a second client was served after the first had finished";
        return Err(Fault::new(what)
            .cause("a loop around accept, such as for stream in listener.incoming()")
            .breaks(ONE));
    }
    Err(late).cause(NO_END).breaks(FINISHED)
}

fn leaves_the_next_one_in_the_queue(trial: &Trial, shout: Shout) -> Step {
    let (listener, addr) = trial.listen()?;
    let mut client = trial.connect(addr)?;
    let second = trial.connect(addr)?;
    let attempt = trial.start(move || shout(&listener));
    client.send(b"hello")?;
    client.expect(b"HELLO", BACK)?;
    if second.other_end().is_held() {
        return Err(Fault::new("a second client was accepted, too")
            .cause("accept is called again, and what it gives is dropped")
            .breaks(ONE));
    }
    finish(client, &attempt)
}

fn shouts_bytes(trial: &Trial, shout: Shout) -> Step {
    const CHANGED: &str = "only the bytes a to z should change";
    let (mut client, attempt, _) = start(trial, shout)?;
    client.send("é ß ı".as_bytes())?;
    client
        .expect("é ß ı".as_bytes(), CHANGED)
        .cause("to_uppercase changes other letters than the ASCII ones")
        .breaks(LETTERS)?;
    let spaces = b" \t two lines \r\n\n";
    client.send(spaces)?;
    client
        .expect(&spaces.to_ascii_uppercase(), CHANGED)
        .cause("white space is cut off")
        .breaks(LETTERS)?;
    let bytes: Vec<u8> = (0..=255).collect();
    client.send(&bytes)?;
    client
        .expect(&bytes.to_ascii_uppercase(), CHANGED)
        .cause("the bytes are taken for text: not every byte is part of a character")
        .breaks(NOT_TEXT)?;
    for byte in &bytes {
        client.send(&[*byte])?;
        client
            .expect(&[byte.to_ascii_uppercase()], CHANGED)
            .cause("a byte that comes alone is taken for something else, such as the end")
            .breaks(LETTERS)?;
    }
    client.dribble("世".as_bytes(), Duration::from_millis(5))?;
    client
        .expect("世".as_bytes(), CHANGED)
        .cause("the bytes are taken for text: a read may end inside a character")
        .breaks(NOT_TEXT)?;
    finish(client, &attempt)
}

fn takes_any_number(trial: &Trial, shout: Shout) -> Step {
    // More than all buffers hold: the client writes and reads at the same time.
    let (mut client, attempt, _) = start(trial, shout)?;
    let long: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    let what = "300,000 bytes were sent, then a half-close";
    let came = client
        .exchange(&long, 2 * long.len())
        .when(what)
        .cause(NO_END)
        .breaks(FINISHED)?;
    compare(&long.to_ascii_uppercase(), &came).map_err(|difference| {
        Fault::new(format!("{what}\n{difference}"))
            .cause("only so many bytes are echoed, or a part of a buffer is lost")
            .breaks(ANY_NUMBER)
    })?;
    returned_ok(&attempt).when(what)?;

    let (mut client, attempt, _) = start(trial, shout)?;
    client.half_close()?;
    let what = "the client sent nothing and half-closed";
    let ended = client.expect_end("nothing should come back");
    ended.when(what).cause(NO_END).breaks(FINISHED)?;
    let returned = attempt.result().when(what).cause(NO_END).breaks(FINISHED)?;
    returned.map_err(|e| {
        Fault::new(format!(
            "{what}: that is no error, but you returned Err of '{e}'"
        ))
        .cause("a client that sends nothing is taken for an error")
        .breaks(ANY_NUMBER)
    })
}

fn answers_at_once(trial: &Trial, shout: Shout) -> Step {
    const ROUNDS: usize = 20;
    let limit = trial.limit(Duration::from_millis(750));
    let (mut client, attempt, _) = start(trial, shout)?;
    let since = Instant::now();
    for round in 1..=ROUNDS {
        client.send(b"x")?; // a single byte, which Nagle's algorithm does not hold back
        client.expect(b"X", BACK).breaks(AT_ONCE)?;
        if limit.passed(since) {
            let what = format!("{round} questions, each after the last answer, took {limit}");
            return Err(Fault::new(what)
                .late()
                .cause("each answer waits for a while, whether more comes")
                .breaks(AT_ONCE));
        }
    }
    finish(client, &attempt)
}

fn reports_a_reset(trial: &Trial, shout: Shout) -> Step {
    let (client, attempt, _) = start(trial, shout)?;
    client.reset();
    is_reset(
        &attempt,
        "the client reset the connection before it sent anything",
        "read",
    )?;

    let (mut client, attempt, _) = start(trial, shout)?;
    client.send(b"hello")?;
    client.expect(b"HELLO", BACK).breaks(AT_ONCE)?;
    attempt.still_runs().cause(TOO_EARLY).breaks(FINISHED)?;
    client.reset();
    is_reset(
        &attempt,
        "the client reset the connection while you waited",
        "read",
    )?;

    let (client, attempt, _) = start(trial, shout)?;
    let mut stream = client.stream();
    let _ = stream.set_write_timeout(Some(Duration::from_millis(150)));
    while stream.write_all(&[b'x'; 65_536]).is_ok() {} // until your write is stuck
    client.reset();
    is_reset(
        &attempt,
        "the client sent and sent, never read, and reset the connection",
        "write",
    )
}

fn is_reset(attempt: &ShoutAttempt, what: &str, call: &str) -> Step {
    let returned = attempt.result().when(what);
    let returned = returned.cause(&format!(
        "an error of {call} is ignored, and the loop goes on"
    ));
    match returned? {
        Ok(()) => Err(
            Fault::new(format!("{what}, and you returned Ok(())")).cause(format!(
                "an error of {call} is taken for the end of the stream"
            )),
        ),
        Err(error) => match error.kind() {
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
                if error.raw_os_error().is_some() =>
            {
                Ok(())
            }
            _ => Err(
                Fault::new(format!("{what}, and you returned Err of {error:?}"))
                    .cause(format!("the error of {call} is replaced by another one")),
            ),
        },
    }
}

fn reports_a_failing_accept(trial: &Trial, shout: Shout) -> Step {
    const WHAT: &str = "accept failed (the check made it fail with WouldBlock)";
    let (listener, _) = trial.listen()?;
    // A non-blocking listener to which nobody connects.
    let set = listener.set_nonblocking(true);
    set.map_err(|e| Fault::new(format!("the check could not make accept fail: {e}")))?;
    let attempt = trial.start(move || shout(&listener));
    let returned = attempt.result().when(WHAT);
    match returned.cause("accept is tried again instead of its error being returned")? {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(
            Fault::new(format!("{WHAT}, and you returned Err of '{error}'"))
                .cause("the error of accept is replaced by another one"),
        ),
        Ok(()) => Err(Fault::new(format!("{WHAT}, and you returned Ok(())"))
            .cause("the error of accept is dropped")),
    }
}

/// A client that is silent while the other steps go on.
struct Silent {
    client: Peer,
    attempt: ShoutAttempt,
    since: Instant,
}

impl Silent {
    fn start(trial: &Trial, shout: Shout) -> Step<Silent> {
        let (client, attempt, _) = start(trial, shout)?;
        let since = Instant::now();
        Ok(Silent {
            client,
            attempt,
            since,
        })
    }

    fn goes_on(mut self) -> Step {
        const WHAT: &str = "the client had been silent for more than a second";
        let silence = Duration::from_millis(1200);
        thread::sleep(silence.saturating_sub(self.since.elapsed())); // the client's pace
        let runs = self.attempt.still_runs();
        let answered = self
            .client
            .send(b"now")
            .and_then(|()| self.client.expect(b"NOW", BACK));
        if answered.is_ok() {
            runs.cause(TOO_EARLY).breaks(FINISHED)?;
        }
        answered
            .when(WHAT)
            .cause("a read has a timeout, and the client is slower")
            .breaks(SILENT)?;
        finish(self.client, &self.attempt)
    }
}
