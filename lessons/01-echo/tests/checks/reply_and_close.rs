//! 1.3 Reply and close.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, compare};

use super::{AMPLE, DEADLINES, LEAVES, SMALL};

pub type ReplyAndClose = fn(TcpStream, &[u8], Duration) -> io::Result<()>;

const READS: &str = "Reads the request once";
const NOTHING: &str = "When that read gives 0";
const SENDS: &str = "Sends `reply`, whole and nothing else";
const ENDS: &str = "Then half-closes";
const ARRIVES: &str = "The whole reply arrives, and no reset";
const STAYS: &str = "After the reply, stays until the client has finished";
const AT_MOST: &str = "Stays for at most `patience`";
const TAKES: &str = "Takes at most 1 MiB";
const DROPS: &str = "Then drops the connection";
const ERRORS: &str = "What the read of the request failed with";
const NO_ERROR: &str = "What happens after the reply";

const HALF_CLOSE: &str = "docs/socket-calls.md: Half-close";

/// 1.3 Reply and close.
pub fn reply_and_close(function: ReplyAndClose) -> Verdict {
    check(move |trial| {
        let patient = Patient::start(trial, function).read(LEAVES)?;
        let mut slow = start(trial, function, &HUGE, Duration::from_secs(1))?;
        slow.0.send(b"request")?;
        let slow_since = Instant::now();
        the_reply_arrives(trial, function).read(LEAVES)?;
        reads_once(trial, function).read(LEAVES)?;
        takes_so_much(trial, function).read(LEAVES)?;
        does_not_stay_for_ever(trial, function).read(DEADLINES)?;
        tells_errors_apart(trial, function).read(LEAVES)?;
        does_not_begin_again(trial, function).read(DEADLINES)?;
        patient.goes_on().read(LEAVES)?;
        begins_behind_the_reply(slow, slow_since).read(DEADLINES)
    })
}

type CloseAttempt = Attempt<io::Result<()>>;
/// The client's side, and the function at work.
type Closed = (Peer, CloseAttempt);

static HUGE: LazyLock<Vec<u8>> = LazyLock::new(|| vec![b'x'; 8 << 20]);

static LONG: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=250).cycle().take(50_000).collect());

const WHOLE: &str = "the whole reply should arrive";

/// Connects a client with the function.
fn start(
    trial: &Trial,
    function: ReplyAndClose,
    reply: &'static [u8],
    patience: Duration,
) -> Step<Closed> {
    let (client, stream) = trial.pair_with_buffers(SMALL)?;
    Ok((
        client,
        trial.start(move || function(stream, reply, patience)),
    ))
}

const RESET: &str = "the connection is dropped while unread bytes lie in the socket, or before the \
    client has finished: then the client is told of a reset";

/// The client gets the reply, and behind it the end.
fn expect_reply(client: &mut Peer, reply: &[u8]) -> Step {
    client
        .expect(reply, WHOLE)
        .map_err(|fault| {
            if fault.to_string().contains("nothing more came") {
                return fault.cause(
                    "the reply waits until the client has finished, and the client waits for the \
                     reply",
                );
            }
            fault.cause(RESET)
        })
        .breaks(ARRIVES)?;
    match client.read(&mut [0]).cause(RESET).breaks(ARRIVES)? {
        Some(0) => Ok(()),
        Some(_) => Err(Fault::new("more came than the reply")
            .cause("the reply is sent twice, or with something added")
            .breaks(SENDS)),
        None => Err(Fault::new("the whole reply arrived, but then no end")
            .late()
            .cause(
                "nothing says that the reply is complete: no shutdown(Shutdown::Write) behind it",
            )
            .breaks(ENDS)
            .read(HALF_CLOSE)),
    }
}

/// The client finishes; the function should return, without a reset.
fn finish(mut client: Peer, attempt: &CloseAttempt) -> Step {
    const LOST: &str = "the connection is dropped while unread bytes lie in the socket, or before \
        the client has finished";
    client.half_close().cause(LOST).breaks(ARRIVES)?;
    let returned = attempt
        .result()
        .when("the client had finished")
        .cause("nobody waits for the client's end: the time is waited out")
        .breaks(DROPS)?;
    client
        .expect_no_reset("there should be no reset")
        .cause(LOST)
        .breaks(ARRIVES)?;
    ok(returned, "all went well")
}

fn ok(returned: io::Result<()>, what: &str) -> Step {
    returned.map_err(|error| {
        let fault = Fault::new(format!("{what}, but you returned Err of '{error}'"));
        let fault = match error.kind() {
            ErrorKind::Interrupted => fault.late(),
            ErrorKind::InvalidInput => fault.cause(
                "set_read_timeout refuses a time of zero, and what it says after the reply is \
                 returned",
            ),
            _ => fault.cause("what a call says after the reply is returned"),
        };
        fault.breaks(NO_ERROR)
    })
}

fn the_reply_arrives(trial: &Trial, function: ReplyAndClose) -> Step {
    // Requests around the 1,024 bytes that are read.
    for request in [1, 1023, 1024, 1025, 9000] {
        let (mut client, attempt) = start(trial, function, &LONG, AMPLE)?;
        client.send(&vec![b'r'; request])?;
        first_byte(&mut client, request)?;
        expect_reply(&mut client, &LONG[1..]).when(&format!("the request had {request} bytes"))?;
        finish(client, &attempt)?;
    }

    // A reply of no bytes.
    let (mut client, attempt) = start(trial, function, b"", AMPLE)?;
    client.send(&[b'r'; 9000])?;
    expect_reply(&mut client, b"").when("the reply was empty, the request had 9000 bytes")?;
    finish(client, &attempt).when("the reply was empty")?;

    // A client that has finished before it gets anything.
    let (mut client, attempt) = start(trial, function, b"reply", AMPLE)?;
    client.half_close()?;
    let what = "the client half-closed without a request";
    let came = client.read_to_end(100).when(what).breaks(NOTHING)?;
    compare(b"reply", &came).map_err(|difference| {
        Fault::new(format!("{what}\n{difference}"))
            .cause("a read of 0 is taken for a reason not to reply")
            .breaks(NOTHING)
    })?;
    let returned = attempt.result().when(what).breaks(DROPS)?;
    ok(returned, what)?;

    // A client that goes on sending while it reads the reply.
    let (mut client, attempt) = start(trial, function, &LONG, AMPLE)?;
    client.send(b"first")?;
    first_byte(&mut client, 5)?;
    const MORE: &str = "the client went on sending while it read the reply";
    for (number, piece) in LONG[1..].chunks(10_000).enumerate() {
        client
            .expect(piece, WHOLE)
            .when(MORE)
            .cause(RESET)
            .breaks(ARRIVES)?;
        if number < 4 {
            let sent = client.send(&[b'r'; 1000]).when(MORE);
            sent.cause(RESET).breaks(ARRIVES)?;
        }
    }
    expect_reply(&mut client, b"").when(MORE)?;
    finish(client, &attempt).when(MORE)
}

fn first_byte(client: &mut Peer, request: usize) -> Step {
    let none = |how: &str| format!("after a request of {request} bytes, {how}");
    match client.read(&mut [0]).cause(RESET).breaks(ARRIVES)? {
        Some(1) => Ok(()),
        Some(_) => Err(Fault::new(none("you closed without a reply"))
            .cause("the reply is not sent")
            .breaks(SENDS)),
        None => Err(Fault::new(none("no reply came"))
            .late()
            .cause("more of the request is waited for: for its end, or for 1,024 bytes")
            .breaks(READS)),
    }
}

/// While the function is stuck in its reply, what lies unread in its socket can be counted.
fn reads_once(trial: &Trial, function: ReplyAndClose) -> Step {
    const SENT: usize = 5000;
    let (mut client, stream) = trial.pair_with_buffers(SMALL)?;
    let ours = |e: io::Error| Fault::new(format!("the check could not look: {e}"));
    let window = stream.try_clone().map_err(ours)?;
    client.send(&[b'r'; SENT])?;
    let mut buffer = [0; 2 * SENT];
    while window.peek(&mut buffer).map_err(ours)? < SENT {} // it is on its way
    let attempt = trial.start(move || function(stream, &HUGE, AMPLE));
    first_byte(&mut client, SENT)?;
    // The function is stuck in its write, so this timeout is not its own.
    let _ = window.set_read_timeout(Some(Duration::from_millis(1)));
    let taken = SENT - window.peek(&mut buffer).unwrap_or(0);
    let _ = window.set_read_timeout(None);
    drop(window);
    let mut reply = client.read_to_end(2 * HUGE.len()).breaks(ENDS)?;
    reply.push(b'x'); // the first one
    compare(&HUGE, &reply).map_err(|difference| {
        Fault::new(format!("the reply has 8 MiB\n{difference}"))
            .cause("only a part of the reply is sent")
            .breaks(SENDS)
    })?;
    finish(client, &attempt)?;
    if taken <= 1024 {
        return Ok(());
    }
    let what = format!("of a request of {SENT} bytes you had read {taken} before you replied");
    Err(Fault::new(what)
        .cause("the buffer has more than 1,024 bytes, or there is more than one read")
        .breaks(READS))
}

/// A client that has its reply, and takes its time with the rest while the other steps go on.
struct Patient {
    client: Peer,
    attempt: CloseAttempt,
    since: Instant,
}

impl Patient {
    fn start(trial: &Trial, function: ReplyAndClose) -> Step<Patient> {
        let (mut client, attempt) = start(trial, function, b"reply", AMPLE)?;
        client.send(b"request")?;
        first_byte(&mut client, 7)?;
        expect_reply(&mut client, b"eply")?;
        let since = Instant::now();
        Ok(Patient {
            client,
            attempt,
            since,
        })
    }

    fn goes_on(mut self) -> Step {
        let silence = Duration::from_millis(1200);
        thread::sleep(silence.saturating_sub(self.since.elapsed())); // the client's pace
        let what = "more than a second after the reply, while the client was there and the \
            patience was an hour";
        self.attempt
            .still_runs()
            .when(what)
            .cause("the function waits for a fixed time, or leaves the client to a thread")
            .breaks(STAYS)?;
        for _ in 0..400 {
            thread::sleep(Duration::from_millis(1)); // the client's pace
            self.client
                .send(b"r")
                .when("the client went on sending after the reply, a byte at a time")
                .cause("so many reads are done after the reply, however few bytes they give")
                .breaks(STAYS)?;
        }
        // Far more than the buffers hold, and less than 1 MiB.
        for _ in 0..10 {
            self.client
                .send(&[b'r'; 100_000])
                .when("the client went on sending after the reply, 1,000,000 bytes in all")
                .cause("nobody takes what the client still sends, or not so much of it")
                .breaks(STAYS)?;
        }
        finish(self.client, &self.attempt)
    }
}

fn takes_so_much(trial: &Trial, function: ReplyAndClose) -> Step {
    const MOST: usize = 64 << 20;
    let (mut client, attempt) = start(trial, function, b"reply", AMPLE)?;
    client.send(b"request")?;
    expect_reply(&mut client, b"reply")?;
    let mut sent = 0;
    while sent < MOST && client.send(&[b'r'; 65_536]).is_ok() {
        sent += 65_536;
    }
    let what = format!("after the reply the client sent and sent, {sent} bytes in all");
    if sent > 2 << 20 {
        let cause = "nothing limits how much is taken from the client";
        return Err(Fault::new(what).cause(cause).breaks(TAKES));
    }
    let returned = attempt
        .result()
        .when(&what)
        .cause("after 1 MiB nothing more is read, and the connection is not dropped")
        .breaks(DROPS)?;
    ok(returned, &what)?;
    is_dropped(&client, &what)
}

fn does_not_stay_for_ever(trial: &Trial, function: ReplyAndClose) -> Step {
    const PATIENCE: Duration = Duration::from_millis(100);
    let limit = trial.limit(Duration::from_secs(1));

    for (patience, what) in [
        (PATIENCE, "the client never closed, the patience was 0.1 s"),
        (
            Duration::ZERO,
            "the client did not close, the patience was zero",
        ),
    ] {
        let (mut client, attempt) = start(trial, function, b"reply", patience)?;
        client.send(b"request")?;
        let since = Instant::now();
        client.expect(b"reply", WHOLE)?;
        let returned = attempt
            .result_by(&limit, since)
            .when(what)
            .cause("a read has no timeout, and the client need not ever close")
            .breaks(AT_MOST)?;
        ok(returned, what)?;
        is_dropped(&client, what)?;
    }

    trial.at_pace(PATIENCE * 4 / 5, |pace| {
        let what = "the client sent a byte every 20 ms, the patience was 0.1 s";
        let (mut client, attempt) = start(trial, function, b"reply", PATIENCE)?;
        client.send(b"request")?;
        let since = Instant::now();
        client.expect(b"reply", WHOLE)?;
        pace.beat();
        while !attempt.has_ended() && since.elapsed() < limit.duration() {
            let _ = client.send(b"x"); // the function may have gone
            thread::sleep(PATIENCE / 5); // the pace of the client
            pace.beat();
        }
        let returned = attempt
            .result_by(&limit, since)
            .when(what)
            .cause("every read gets the whole time anew: a timeout for each read is no deadline")
            .breaks(AT_MOST)?;
        ok(returned, what)
    })
}

/// The client sends once more when the most part of the patience is over.
fn does_not_begin_again(trial: &Trial, function: ReplyAndClose) -> Step {
    const PATIENCE: Duration = Duration::from_secs(1);
    const LATEST: Duration = Duration::from_millis(1350); // a mistake needs 1.7 s
    trial.at_pace(Duration::from_millis(200), |pace| {
        let what = "0.7 s after the reply the client sent a byte, the patience was 1 s";
        let (mut client, attempt) = start(trial, function, b"reply", PATIENCE)?;
        client.send(b"request")?;
        client.expect(b"reply", WHOLE)?;
        let (since, mut sent) = (Instant::now(), false);
        pace.restart();
        while !attempt.has_ended() && since.elapsed() < LATEST {
            thread::sleep(Duration::from_millis(20)); // the pace of the client
            pace.beat();
            if !sent && since.elapsed() > Duration::from_millis(700) {
                let _ = client.send(b"x");
                sent = true;
            }
        }
        if !attempt.has_ended() {
            let what = format!("{what}: 1.35 s after the reply you had not returned");
            return Err(Fault::new(what)
                .late()
                .cause("the last read gets the whole patience, although most of it is over")
                .breaks(AT_MOST));
        }
        ok(attempt.result()?, what)
    })
}

/// A client that takes its reply after more time than the patience, which begins behind the reply.
fn begins_behind_the_reply((mut client, attempt): Closed, since: Instant) -> Step {
    let what = "the client took a second to read the reply of 8 MiB; 0.2 s later, while the client \
        was there and the patience was 1 s";
    let silence = Duration::from_millis(1200);
    thread::sleep(silence.saturating_sub(since.elapsed())); // the client's pace
    client.expect(&HUGE, WHOLE).breaks(ARRIVES)?;
    thread::sleep(Duration::from_millis(200)); // the client's pace
    if let Err(fault) = attempt.still_runs() {
        return Err(fault
            .when(what)
            .late()
            .cause("the time begins before the whole reply is sent")
            .breaks(STAYS));
    }
    finish(client, &attempt)
}

/// Whoever has dropped a connection answers what still comes with a reset.
fn is_dropped(client: &Peer, what: &str) -> Step {
    let _ = client.stream().set_nonblocking(true);
    for _ in 0..200 {
        match client.stream().write(b"x") {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Ok(()),
            _ => thread::sleep(Duration::from_millis(5)), // between two looks
        }
    }
    Err(Fault::new(format!(
        "{what}: you have returned, and the connection is still there"
    ))
    .late()
    .cause("a clone of the stream is kept somewhere: in a thread, or in mem::forget")
    .breaks(DROPS))
}

fn tells_errors_apart(trial: &Trial, function: ReplyAndClose) -> Step {
    let failed =
        |attempt: &CloseAttempt, what: &str| match attempt.result().when(what).breaks(ERRORS)? {
            Err(error) if error.kind() != ErrorKind::Other => Ok(()),
            returned => Err(Fault::new(format!("{what}, and you returned {returned:?}"))
                .cause(
                    "an error of read or write before the end of the reply is dropped or replaced",
                )
                .breaks(ERRORS)),
        };
    let (client, attempt) = start(trial, function, &LONG, AMPLE)?;
    client.reset();
    failed(
        &attempt,
        "the client reset the connection instead of a request",
    )?;

    let (mut client, attempt) = start(trial, function, &HUGE, AMPLE)?;
    client.send(b"request")?;
    client.expect(b"xxxxx", WHOLE)?;
    client.reset();
    failed(
        &attempt,
        "the client reset the connection in the middle of the reply",
    )?;

    let (mut client, attempt) = start(trial, function, b"reply", AMPLE)?;
    client.send(b"request")?;
    expect_reply(&mut client, b"reply")?;
    client.reset();
    let what = "the client reset the connection after the reply";
    let returned = attempt.result().when(what);
    let returned = returned.cause("an error of a read after the reply is read over again");
    ok(returned.breaks(DROPS)?, what)?;

    // The client is gone before the half-close: a reply of no bytes is sent without touching the
    // socket.
    #[cfg(target_os = "linux")] // elsewhere what came before a reset may be gone
    {
        let (mut client, stream) = trial.pair_with_buffers(SMALL)?;
        client.send(b"request")?;
        client.reset();
        let attempt = trial.start(move || function(stream, b"", AMPLE));
        let what = "the reply was empty, and the client was gone when it had been sent";
        let returned = attempt.result().when(what).breaks(DROPS)?;
        ok(returned, what)?;
    }
    Ok(())
}
