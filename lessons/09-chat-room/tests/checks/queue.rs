//! Exercise 9.2: a write queue.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use chat_room::WriteQueue;
use course::exercise::{
    Explain, Fault, Peer, Step, TOTAL, Trial, Verdict, check, compare, expect_linear, show, work_of,
};

use super::NewQueue;

const THE_QUEUE: &str = "docs/09-chat-room.md: The write queue";
const SPIN: &str = "docs/09-chat-room.md: The loop that spins";

const WHOLE: &str = "`push` takes a whole message";
const REFUSES: &str = "It refuses a message only";
const ROOM: &str = "Bytes that were written do not";
const EMPTY: &str = "An empty message";
const ORDER: &str = "`write_to` writes what waits";
const GOES_ON: &str = "It goes on until nothing waits";
const REST: &str = "A write may take fewer";
const WOULD_BLOCK: &str = "`WouldBlock` says";
const INTERRUPTED: &str = "`Interrupted` is none";
const WANTS: &str = "`wants_to_write` is true";
const TIME: &str = "The time for all of this";
const ZERO: &str = "`write_to` returns `WriteZero`";
const OTHER: &str = "Any other error is returned";

/// 9.2 A write queue.
pub fn write_queue(new: NewQueue) -> Verdict {
    check(move |trial| {
        // Each scene runs as the learner's function: it may panic, or never return.
        let scene = |scene: fn(NewQueue) -> Step| trial.start(move || scene(new)).result()?;
        let endless = "write_to asks again and again where the answer cannot change";
        scene(stands_would_block)
            .breaks(WOULD_BLOCK)
            .cause(endless)
            .read(THE_QUEUE)?;
        scene(wants_only_what_it_needs)
            .breaks(WANTS)
            .cause(endless)
            .read(SPIN)?;
        scene(writes_in_order)
            .breaks(GOES_ON)
            .cause(endless)
            .read(THE_QUEUE)?;
        scene(is_interrupted_often)
            .breaks(INTERRUPTED)
            .cause(endless)
            .read(THE_QUEUE)?;
        scene(keeps_its_limit)
            .breaks(WHOLE)
            .cause(endless)
            .read(THE_QUEUE)?;
        scene(returns_errors)
            .breaks(ZERO)
            .cause(endless)
            .read(THE_QUEUE)?;
        fills_a_real_socket(trial, new)
            .cause(endless)
            .read(THE_QUEUE)?;
        // It measures, so it may take long.
        let measured = trial.start(move || takes_no_longer_when_more_waits(new));
        let measured = measured.result_within(TOTAL / 2);
        measured
            .breaks(TIME)
            .cause(MOVES)
            .read(THE_QUEUE)?
            .read(THE_QUEUE)
    })
}

/// A socket that does at each write what the scene says, and then takes no more.
#[derive(Default)]
struct Script {
    answers: Vec<Answer>,
    taken: Vec<u8>,
    /// Writes that came although it had said that it takes no more.
    too_many: usize,
}

#[derive(Clone, Copy)]
enum Answer {
    Takes(usize),
    Fails(ErrorKind),
}

use Answer::{Fails, Takes};

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.answers.is_empty() {
            self.too_many += 1;
            // A loop that asks for ever is let go.
            let lets_go = self.too_many > 1000;
            return Err(if lets_go {
                ErrorKind::Unsupported
            } else {
                ErrorKind::WouldBlock
            }
            .into());
        }
        match self.answers.remove(0) {
            Takes(n) => {
                let n = n.min(bytes.len());
                self.taken.extend_from_slice(&bytes[..n]);
                Ok(n)
            }
            Fails(kind) => Err(io::Error::new(kind, SAID)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a socket's error says, by which it is known again.
const SAID: &str = "the socket said no";

/// One `write_to`: what the socket took, and how it ended.
fn write(queue: &mut dyn WriteQueue, answers: &[Answer]) -> (Vec<u8>, io::Result<()>, usize) {
    let mut script = Script {
        answers: answers.to_vec(),
        ..Script::default()
    };
    let written = queue.write_to(&mut script);
    (script.taken, written, script.too_many)
}

/// One `write_to` that must take these bytes and be no error.
fn takes(
    queue: &mut dyn WriteQueue,
    answers: &[Answer],
    expected: &[u8],
    what: &str,
    (sentence, cause): (&'static str, &'static str),
) -> Step {
    let (taken, written, _) = write(queue, answers);
    let fault = |what: String| Err(Fault::new(what).breaks(sentence).cause(cause));
    if let Err(error) = written {
        return fault(format!("{what}: write_to failed: {error}"));
    }
    match compare(expected, &taken) {
        Ok(()) => Ok(()),
        Err(difference) => fault(format!(
            "{what}: the socket got something else\n{difference}"
        )),
    }
}

fn pushes(queue: &mut dyn WriteQueue, message: &[u8], what: &str) -> Step {
    if queue.push(message) {
        return Ok(());
    }
    let what = format!("{what}: push refused {}", show(message));
    Err(Fault::new(what)
        .breaks(REFUSES)
        .cause("the comparison with the limit is off by one, or counts something else"))
}

fn refuses(queue: &mut dyn WriteQueue, message: &[u8], what: &str) -> Step {
    if !queue.push(message) {
        return Ok(());
    }
    let what = format!("{what}: push took {}", show(message));
    Err(Fault::new(what)
        .breaks(WHOLE)
        .cause("there is no limit, or the comparison with it is off by one"))
}

const ALL: Answer = Takes(usize::MAX);

const SHORT: (&str, &str) = (
    REST,
    "the rest of a write that took fewer bytes is lost, as with write_all, or comes twice",
);

const MOVES: &str =
    "the rest is moved to the front after each write: Vec::remove(0), Vec::drain(..n), to_vec";

fn is_interrupted_often(new: NewQueue) -> Step {
    const OFTEN: (&str, &str) = (INTERRUPTED, "only so many times is Interrupted tried again");
    let mut queue = new(100);
    let queue = queue.as_mut();
    pushes(queue, b"hello", "a queue for 100 bytes")?;
    let mut answers = vec![Fails(ErrorKind::Interrupted); 300];
    answers.push(ALL);
    let what = "the socket said Interrupted 300 times, then it took everything";
    takes(queue, &answers, b"hello", what, OFTEN)
}

fn keeps_its_limit(new: NewQueue) -> Step {
    const PART: (&str, &str) = (
        WHOLE,
        "a message that is refused leaves a part of it, or replaces what waited",
    );
    const COUNTS: &str = "what was written is still counted, or counted for more than it was";
    let mut queue = new(10);
    let queue = queue.as_mut();
    pushes(queue, b"1234", "a queue for 10 bytes")?;
    refuses(queue, b"1234567", "4 of 10 bytes waited")?;
    takes(
        queue,
        &[ALL; 2],
        b"1234",
        "4 bytes waited, and 7 more were refused",
        PART,
    )?;
    let mut queue = new(10);
    let queue = queue.as_mut();
    pushes(queue, b"1234", "a queue for 10 bytes")?;
    pushes(queue, b"567890", "4 of 10 bytes waited")?;
    refuses(queue, b"x", "10 of 10 bytes waited")?;
    takes(queue, &[ALL, ALL], b"1234567890", "10 bytes waited", PART)?;
    for round in 0..5 {
        let what = format!("all was written, {} bytes so far", 10 * (round + 1));
        let pushed = pushes(queue, b"abcdefghij", &what);
        pushed.map_err(|_| {
            Fault::new(format!("{what}: push refused 10 more"))
                .breaks(ROOM)
                .cause(COUNTS)
        })?;
        refuses(queue, b"x", "10 of 10 bytes waited")?;
        takes(queue, &[ALL, ALL], b"abcdefghij", &what, PART)?;
    }
    pushes(queue, b"abcdefghij", "nothing waited")?;
    takes(
        queue,
        &[Takes(3)],
        b"abc",
        "10 bytes waited, and 3 were taken",
        PART,
    )?;
    let what = "10 bytes had waited, and 3 of them were written";
    refuses(queue, b"klmn", what)?;
    let pushed = queue.push(b"klm");
    if !pushed {
        return Err(Fault::new(format!("{what}: push refused 3 more"))
            .breaks(ROOM)
            .cause(COUNTS));
    }
    takes(queue, &[ALL, ALL, ALL], b"defghijklm", what, PART)?;
    let _ = queue.push(&[b'x'; 200]);
    if queue.wants_to_write() {
        let what = "nothing waited, and a message was refused: wants_to_write is true";
        return Err(Fault::new(what).breaks(WHOLE).cause(PART.1));
    }
    let mut none = new(0);
    refuses(none.as_mut(), b"x", "a queue for 0 bytes")?;
    if !none.push(b"") {
        return Err(
            Fault::new("a queue for 0 bytes: push refused an empty message")
                .breaks(EMPTY)
                .cause("an empty message is refused where there is no room"),
        );
    }
    let mut large = new(100_000);
    let large = large.as_mut();
    pushes(large, &[b'x'; 70_000], "a queue for 100,000 bytes")?;
    refuses(large, &[b'x'; 30_001], "70,000 of 100,000 bytes waited")?;
    pushes(large, &[b'x'; 30_000], "70,000 of 100,000 bytes waited")?;
    let mut wide = new(usize::MAX);
    pushes(wide.as_mut(), b"x", "a queue without a limit (usize::MAX)")?;
    pushes(
        wide.as_mut(),
        b"y",
        "a queue without a limit (usize::MAX), with 1 byte",
    )
}

fn writes_in_order(new: NewQueue) -> Step {
    const RULE: (&str, &str) = (
        ORDER,
        "what is left of a message goes behind those that came later, or is written twice",
    );
    const AGAIN: (&str, &str) = (
        INTERRUPTED,
        "Interrupted is taken for an error, or for WouldBlock",
    );
    const STOPS: (&str, &str) = (
        GOES_ON,
        "it writes once and returns, or one message at a time",
    );
    let mut queue = new(1000);
    let queue = queue.as_mut();
    let three = [&b"one "[..], b"two ", b"three "];
    for message in three {
        pushes(queue, message, "a queue for 1000 bytes")?;
    }
    let what = "three messages waited, and the socket took everything";
    takes(queue, &[ALL; 20], b"one two three ", what, RULE)?;
    for message in [&b"a"[..], b"b", b"c"] {
        pushes(queue, message, "nothing waited")?;
    }
    let what = "three messages waited, and each write took 1 byte, as often as it was asked";
    takes(queue, &[Takes(1); 20], b"abc", what, STOPS)?;
    let interrupted = Fails(ErrorKind::Interrupted);
    pushes(queue, b"hello", "nothing waited")?;
    let answers = [
        interrupted,
        Takes(1),
        interrupted,
        interrupted,
        Takes(2),
        ALL,
    ];
    takes(
        queue,
        &answers,
        b"hello",
        "the socket said Interrupted now and then",
        AGAIN,
    )?;

    for message in three {
        pushes(queue, message, "nothing waited")?;
    }
    let one_by_one = [Takes(1); 6];
    takes(
        queue,
        &one_by_one,
        b"one tw",
        "each of six writes took one byte",
        RULE,
    )?;
    pushes(queue, b"four ", "8 of 1000 bytes waited")?;
    takes(
        queue,
        &[Takes(1); 3],
        b"o t",
        "each of three writes took one byte",
        RULE,
    )?;
    takes(queue, &[], b"", "the socket took nothing", RULE)?;
    pushes(queue, b"five", "10 of 1000 bytes waited")?;
    let what = "the socket took everything";
    takes(queue, &[ALL; 20], b"hree four five", what, RULE)?;
    takes(queue, &[ALL; 3], b"", "nothing waited", RULE)?;
    let what = "an empty message was pushed";
    let fault = |what: String| {
        Fault::new(what)
            .breaks(EMPTY)
            .cause("an empty message is written, and that takes no byte")
    };
    if !queue.push(b"") {
        return Err(fault(format!("{what}: it was refused")));
    }
    if queue.wants_to_write() {
        return Err(fault(format!(
            "{what}, and nothing else: wants_to_write is true"
        )));
    }
    pushes(queue, b"d", what)?;
    queue.push(b"");
    pushes(queue, b"e", what)?;
    let (taken, written, _) = write(queue, &[ALL; 20]);
    match (written, &taken[..]) {
        (Ok(()), b"de") => Ok(()),
        (Ok(()), other) => Err(fault(format!(
            "{what}: of 'de', {} was written",
            show(other)
        ))),
        (Err(error), _) => Err(fault(format!("{what}: write_to failed: {error}"))),
    }
}

fn stands_would_block(new: NewQueue) -> Step {
    const LATER: (&str, &str) = (
        WOULD_BLOCK,
        "WouldBlock is taken for an error, or for the end of what waits",
    );
    let mut queue = new(100);
    let queue = queue.as_mut();
    pushes(queue, b"hello", "a queue for 100 bytes")?;
    let (_, _, too_many) = write(queue, &[]);
    if too_many > 100 {
        let what = "the socket said WouldBlock, and write_to asked it more than 100 times again";
        let fault = Fault::new(what).breaks(WOULD_BLOCK);
        return Err(fault.cause("it asks again instead of returning: a busy loop"));
    }
    let blocks = Fails(ErrorKind::WouldBlock);
    takes(queue, &[blocks], b"", "the socket said WouldBlock", LATER)?;
    let what = "the socket took 2 bytes, then said WouldBlock";
    takes(queue, &[Takes(2), blocks], b"he", what, LATER)?;
    let what = "the socket had taken 'he' of 'hello', and now took everything";
    takes(queue, &[ALL; 5], b"llo", what, SHORT)
}

fn returns_errors(new: NewQueue) -> Step {
    const SWALLOWED: &str = "the error is swallowed, or turned into another one";
    let mut queue = new(100);
    let queue = queue.as_mut();
    pushes(queue, b"hello", "a queue for 100 bytes")?;
    let (_, written, too_many) = write(queue, &[Takes(1), Takes(0)]);
    let kind = written.as_ref().err().map(io::Error::kind);
    if kind != Some(ErrorKind::WriteZero) {
        let what = format!(
            "5 bytes waited, and a write took 0 of them: write_to gave {written:?}, after {too_many} more writes"
        );
        return Err(Fault::new(what)
            .breaks(ZERO)
            .cause("Ok(0) is not looked at: a loop would ask for ever"));
    }
    for kind in [
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionReset,
        ErrorKind::TimedOut,
    ] {
        let mut queue = new(100);
        let queue = queue.as_mut();
        pushes(queue, b"hello", "a queue for 100 bytes")?;
        let (taken, written, _) = write(queue, &[Takes(2), Fails(kind)]);
        let same = |error: &io::Error| error.kind() == kind && error.to_string() == SAID;
        if !written.as_ref().is_err_and(same) {
            let what =
                format!("the socket failed with {kind:?} ('{SAID}'): write_to gave {written:?}");
            return Err(Fault::new(what).breaks(OTHER).cause(SWALLOWED));
        }
        let (rest, _, _) = write(queue, &[ALL; 20]);
        let all = [&taken[..], &rest].concat();
        if all.len() > 5
            || !b"hello".starts_with(&taken)
            || taken != b"he"
            || rest.starts_with(b"he")
        {
            let what = format!(
                "after 'he' of 'hello' the socket failed; the next write_to wrote {}",
                show(&rest)
            );
            let cause = "what was written is taken out only at the end";
            return Err(Fault::new(what).breaks(OTHER).cause(cause));
        }
    }
    Ok(())
}

fn wants_only_what_it_needs(new: NewQueue) -> Step {
    const ALWAYS: &str = "the interest is never given up when all is written, or never taken, or \
        always there: poll returns at once, or never";
    let mut queue = new(100);
    let queue = queue.as_mut();
    let wants = |queue: &dyn WriteQueue, expected: bool, what: &str| {
        if queue.wants_to_write() == expected {
            return Ok(());
        }
        let what = format!("{what}: wants_to_write was {}", !expected);
        Err(Fault::new(what).breaks(WANTS).cause(ALWAYS))
    };
    wants(queue, false, "nothing was pushed")?;
    pushes(queue, b"hello", "a queue for 100 bytes")?;
    wants(queue, true, "5 bytes were pushed")?;
    let _ = write(queue, &[Takes(4)]);
    wants(queue, true, "4 of 5 bytes were written")?;
    let _ = write(queue, &[]);
    wants(queue, true, "1 byte waited, and the socket took nothing")?;
    let _ = write(queue, &[Takes(1)]);
    wants(queue, false, "all was written")?;
    let _ = write(queue, &[Takes(1)]);
    wants(
        queue,
        false,
        "all was written, and write_to was called again",
    )
}

/// With small buffers, so that most of it waits.
fn fills_a_real_socket(trial: &Trial, new: NewQueue) -> Step {
    const LOST: &str = "what the socket does not take at once is lost, or written twice";
    let (mut peer, stream) = trial.pair_with_buffers(8 * 1024)?;
    let bytes: Vec<u8> = (0..1_000_000_u32)
        .map(|i| (i.wrapping_mul(i) / 7) as u8)
        .collect();
    let ours = |e| Fault::new(format!("the check could not use its socket: {e}"));
    stream.set_nonblocking(true).map_err(ours)?;
    let pushed = bytes.clone();
    let sent = trial.start(move || send(new, &pushed, &stream));
    let came = read_all(&mut peer, bytes.len());
    sent.result().breaks(GOES_ON).cause(LOST)??;
    compare(&bytes, &came?)
        .map_err(Fault::new)
        .when("1 MB was pushed, in messages of 1 to 997 bytes, for a real socket")
        .breaks(REST)
        .cause(LOST)
}

/// Pushes all of it, and writes until nothing waits. It ends when the peer has gone.
fn send(new: NewQueue, bytes: &[u8], mut stream: &TcpStream) -> Step {
    let mut queue = new(bytes.len());
    let mut rest = bytes;
    let mut size = 1;
    while !rest.is_empty() {
        let (message, behind) = rest.split_at(size.min(rest.len()));
        pushes(queue.as_mut(), message, "a queue with room for all of it")?;
        (rest, size) = (behind, size % 997 + 1);
    }
    let until = Instant::now() + Duration::from_secs(20);
    while queue.wants_to_write() && Instant::now() < until {
        let failed = |e| Fault::new(format!("on a real socket, write_to failed: {e}"));
        let written = queue.write_to(&mut stream).map_err(failed);
        let cause = "WouldBlock is taken for an error, or for the end of what waits";
        written.breaks(WOULD_BLOCK).cause(cause)?;
        std::thread::sleep(Duration::from_micros(100)); // the reader's turn
    }
    Ok(())
}

fn read_all(peer: &mut Peer, size: usize) -> Step<Vec<u8>> {
    let mut came = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while came.len() <= size {
        match peer.read(&mut buffer)? {
            Some(n @ 1..) => came.extend_from_slice(&buffer[..n]),
            _ => break, // the sender has closed, or sends nothing more
        }
    }
    Ok(came)
}

/// A socket that takes ten bytes with each write.
struct Sips(usize);

impl Write for Sips {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(10);
        self.0 += n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn takes_no_longer_when_more_waits(new: NewQueue) -> Step {
    let linear = expect_linear(
        "bytes that wait, in messages of 100",
        4_000,
        16_000_000,
        |size| {
            let mut queue = new(size);
            let mut sips = Sips(0);
            let (written, took) = work_of(|| {
                for _ in 0..size / 100 {
                    pushes(
                        queue.as_mut(),
                        &[b'x'; 100],
                        "a queue with room for all of it",
                    )?;
                }
                Ok(queue.write_to(&mut sips))
            });
            let written = written?;
            match written {
                Ok(()) if sips.0 == size / 100 * 100 => Ok(took),
                _ => Err(Fault::new(format!(
                    "{size} bytes waited, and each write took 10: {} were written ({written:?})",
                    sips.0
                ))
                .breaks(GOES_ON)
                .cause("it writes once and returns, or one message at a time")),
            }
        },
    );
    linear.breaks(TIME).cause(MOVES)
}
