//! What "right" means for each exercise of lesson 2: functions to which any solution is handed.

mod load;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, compare, show};
use load::{Load, PIECE};
use loop_server::{End, LineError};

pub type Serve = fn(&TcpListener, usize) -> Vec<End>;
pub type AnswerLines = fn(TcpStream, usize) -> Result<u64, LineError>;
pub type Through =
    fn(TcpStream, &mut (dyn Read + Send), &mut (dyn Write + Send)) -> io::Result<u64>;

const THE_IDEA: &str = "docs/02-loop-server.md: The idea";
const FIND_THE_BUG: &str = "docs/02-loop-server.md: Find the bug";
const READ_THE_CODE: &str = "docs/02-loop-server.md: Read the code";
const AN_EMPTY_MESSAGE: &str = "docs/02-loop-server.md: An empty message";
const BAD_MANNERS: &str = "docs/02-loop-server.md: Bad manners";
const ON_THE_WIRE: &str = "docs/02-loop-server.md: On the wire";
const ONE_AT_A_TIME: &str = "docs/02-loop-server.md: One at a time";
const EXERCISE_2_2: &str = "docs/02-loop-server.md: 2.2 ★★ Lines, the empty line included";
const NOT_TEXT: &str = "docs/errors.md: While a TCP connection lasts";
const BOTH_WAIT: &str = "docs/troubleshooting.md: Both wait, and nothing happens";
const SWALLOWS: &str = "docs/06-file-transfer.md: The BufReader that swallows the file";
const EXERCISE_2_3: &str = "docs/02-loop-server.md: 2.3 ★★★ 64 MiB through an echo server";

/// 2.1 Client after client.
pub fn serve(serve: Serve) -> Verdict {
    check(move |trial| {
        let queue = Queue::start(trial, serve).read(READ_THE_CODE)?;
        serves_polite_clients(trial, serve).read(READ_THE_CODE)?;
        for rude in RUDE {
            survives(trial, serve, &rude).read(BAD_MANNERS)?;
        }
        survives_a_failing_accept(trial, serve).read(READ_THE_CODE)?;
        queue.go_on_in_order(trial).read(ONE_AT_A_TIME)?;
        survives_resets_in_the_queue(trial, serve).read(ONE_AT_A_TIME)
    })
}

const AS_IT_COMES: &str = "every byte should come back as soon as you have it";
const STILL: &str = "the next client should be served";
const NO_END: &str = "a read of 0 is not taken for the end, or the stream is kept, so that it is \
    not dropped and stays open";

const TIMEOUT: &str = "a read has a timeout, but a client may be silent for as long as it likes";

/// Starts the function; it should return when it has served so many clients.
fn start(trial: &Trial, serve: Serve, clients: usize) -> Step<(SocketAddr, Attempt<Vec<End>>)> {
    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || serve(&listener, clients));
    Ok((addr, attempt))
}

/// An ordinary client: two messages, then it has finished. Ten bytes.
fn ordinary(trial: &Trial, addr: SocketAddr) -> Step {
    let mut client = trial.connect(addr)?;
    client.send(b"hello")?;
    client.expect(b"hello", STILL)?;
    client.send(b"again")?;
    client
        .expect(b"again", AS_IT_COMES)
        .cause("only one read is done for each client")?;
    client.half_close()?;
    client
        .expect_end("after the client has finished you should close and send no more")
        .cause(NO_END)
}

/// What the function returned: an end for each client.
fn ends(attempt: &Attempt<Vec<End>>, clients: usize, what: &str) -> Step<Vec<End>> {
    let ends = attempt
        .result()
        .when(what)
        .cause("a client that is gone, or that said nothing, was not counted")?;
    if ends.len() == clients {
        return Ok(ends);
    }
    Err(Fault::new(format!(
        "{what}: there were {clients} clients, and you returned {} ends: {ends:?}",
        ends.len()
    )))
}

fn finished(end: &End, bytes: u64, what: &str) -> Step {
    match end {
        End::Finished(n) if *n == bytes => Ok(()),
        End::Finished(n) => Err(Fault::new(format!(
            "{what}: expected Finished({bytes}), got Finished({n})"
        ))
        .cause("only the last read is counted, or the count goes on from the client before")),
        End::Gone(error) => {
            let fault = Fault::new(format!("{what}: expected Finished({bytes}), got {end:?}"));
            Err(match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => fault.cause(TIMEOUT),
                _ => fault,
            })
        }
    }
}

fn serves_polite_clients(trial: &Trial, serve: Serve) -> Step {
    const CLIENTS: usize = 20;
    let (addr, attempt) = start(trial, serve, CLIENTS + 3)?;
    for number in 1..=CLIENTS {
        ordinary(trial, addr)
            .when(&format!("client {number} of {CLIENTS}, one after another"))
            .cause("only one client is accepted, or the loop ends with the first client")?;
    }

    // Every byte value, one at a time.
    let bytes: Vec<u8> = (0..=255).collect();
    let mut client = trial.connect(addr)?;
    client.dribble(&bytes, Duration::ZERO)?;
    client
        .expect(&bytes, AS_IT_COMES)
        .cause("the bytes were taken for text, or for lines")?;
    client.half_close()?;
    client
        .expect_end("nothing else should come")
        .cause(NO_END)?;

    // More than all buffers hold.
    let long: Vec<u8> = bytes.iter().copied().cycle().take(300_000).collect();
    let mut client = trial.connect(addr)?;
    let came = client.exchange(&long, 2 * long.len())?;
    compare(&long, &came).map_err(|difference| {
        Fault::new(format!(
            "300000 bytes were sent, then a half-close\n{difference}"
        ))
        .cause("only so many bytes are echoed, or a write that took fewer bytes is not repeated")
    })?;

    let mut client = trial.connect(addr)?;
    client.half_close()?;
    client
        .expect_end("a client that sends nothing should get nothing")
        .cause(NO_END)?;

    let ends = ends(&attempt, CLIENTS + 3, "all clients were polite")?;
    let bytes = [10; CLIENTS].into_iter().chain([256, 300_000, 0]);
    for (number, (end, bytes)) in (1..).zip(ends.iter().zip(bytes)) {
        finished(end, bytes, &format!("client {number} was polite"))?;
    }
    Ok(())
}

/// A client that does something and leaves.
struct Rude {
    what: &'static str,
    act: fn(&mut Peer) -> Step,
    leave: fn(Peer),
    /// What its end must be, where only one thing can be right.
    end: Option<bool>,
}

const HAS_FINISHED: Option<bool> = Some(true);
const IS_GONE: Option<bool> = Some(false);
const EITHER: Option<bool> = None;

const RUDE: [Rude; 5] = [
    Rude {
        what: "a client connected and closed at once",
        act: |_| Ok(()),
        leave: drop,
        end: HAS_FINISHED,
    },
    Rude {
        what: "a client connected and reset the connection",
        act: |client| {
            client.send(b"hello")?;
            client.expect(b"hello", AS_IT_COMES)
        },
        leave: Peer::reset,
        end: IS_GONE,
    },
    Rude {
        what: "a client closed with its echo unread, which sends a reset",
        act: |client| {
            client.send(b"hello")?;
            client.expect(b"hell", AS_IT_COMES)
        },
        leave: drop,
        end: IS_GONE,
    },
    Rude {
        what: "a client sent 50000 bytes while it was in the queue and closed, so that a write failed",
        act: |client| client.send(&[b'x'; 50_000]),
        leave: drop,
        end: EITHER, // who reads all of it at once sees the end first
    },
    Rude {
        what: "a client sent and sent, never read, and reset the connection",
        act: |client| {
            let mut stream = client.stream();
            let _ = stream.set_write_timeout(Some(Duration::from_millis(150)));
            while stream.write_all(&[b'x'; 65_536]).is_ok() {} // until your write is stuck
            Ok(())
        },
        leave: Peer::reset,
        end: IS_GONE,
    },
];

fn survives(trial: &Trial, serve: Serve, rude: &Rude) -> Step {
    const ENDED: &str = "an error of read or write ends more than this client's conversation: \
        break, return, ? or unwrap in the connection loop";
    let (addr, attempt) = start(trial, serve, 2 + usize::from(rude.end == EITHER))?;
    let mut clients = 2;
    // For the client that has come and gone while the server was with another one.
    let busy = match rude.end {
        EITHER => {
            clients += 1;
            let mut busy = trial.connect(addr)?;
            busy.send(b"busy")?;
            busy.expect(b"busy", AS_IT_COMES)?;
            Some(busy)
        }
        _ => None,
    };
    let mut client = trial.connect(addr)?;
    (rude.act)(&mut client)?;
    (rude.leave)(client);
    drop(busy);

    ordinary(trial, addr)
        .when(&format!("{}, then another one came", rude.what))
        .cause(ENDED)?;
    let ends = ends(&attempt, clients, rude.what).cause(ENDED)?;
    finished(&ends[clients - 1], 10, "the client after it was polite")?;
    let end = &ends[clients - 2];
    match (rude.end, end) {
        (IS_GONE, End::Finished(_)) => Err(Fault::new(format!(
            "{}: expected Gone, got {end:?}",
            rude.what
        ))
        .cause("an error of read or write is taken for the end of the stream, or is ignored")),
        (HAS_FINISHED, End::Gone(_)) => Err(Fault::new(format!(
            "{}: expected Finished(0), got {end:?}",
            rude.what
        ))
        .cause("a read of 0 is taken for an error")),
        (HAS_FINISHED, _) => finished(end, 0, rude.what),
        _ => Ok(()),
    }
}

/// A client that is served, silent while the other steps go on; and one that waits behind it.
struct Queue {
    addr: SocketAddr,
    attempt: Attempt<Vec<End>>,
    first: Peer,
    second: Peer,
    silent_since: Instant,
}

impl Queue {
    fn start(trial: &Trial, serve: Serve) -> Step<Queue> {
        let (addr, attempt) = start(trial, serve, 3)?;
        let mut first = trial.connect(addr)?;
        first.send(b"first")?;
        first.expect(b"first", AS_IT_COMES)?;
        let silent_since = Instant::now();
        let mut second = trial.connect(addr)?;
        second.send(b"second")?;
        Ok(Queue {
            addr,
            attempt,
            first,
            second,
            silent_since,
        })
    }

    fn go_on_in_order(mut self, trial: &Trial) -> Step {
        let silence = Duration::from_millis(1300);
        thread::sleep(silence.saturating_sub(self.silent_since.elapsed())); // the client's pace
        self.first
            .send(b"!")
            .and_then(|()| {
                let promise = "after a silence, and although another one waits, go on with it";
                self.first.expect(b"!", promise)
            })
            .cause(TIMEOUT)?;
        drop(self.first);
        self.second
            .expect(b"second", "what was sent in the queue should come back")
            .cause("the connection loop does not go on to the next client")?;
        drop(self.second);
        ordinary(trial, self.addr).cause("the connection loop ended")?;
        let what = "three polite clients, of which two came while you served the first";
        let ends = ends(&self.attempt, 3, what)?;
        for (end, bytes) in ends.iter().zip([6, 6, 10]) {
            finished(end, bytes, what)?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn survives_resets_in_the_queue(trial: &Trial, serve: Serve) -> Step {
    let (addr, attempt) = start(trial, serve, 4)?;
    let mut busy = trial.connect(addr)?;
    busy.send(b"busy")?;
    busy.expect(b"busy", AS_IT_COMES)?;
    for _ in 0..2 {
        trial.connect(addr)?.reset();
    }
    drop(busy);
    let what = "two clients were reset while they waited in the queue";
    let cause = "a client may be gone before it is accepted, so that even peer_addr fails";
    ordinary(trial, addr).when(what).cause(cause)?;
    let ends = ends(&attempt, 4, what).cause(cause)?;
    if !matches!(ends[1..3], [End::Gone(_), End::Gone(_)]) {
        return Err(Fault::new(format!(
            "{what}: expected Gone twice, got {:?}",
            &ends[1..3]
        ))
        .cause(cause));
    }
    Ok(())
}

/// Elsewhere `accept` may skip them, or fail.
#[cfg(not(target_os = "linux"))]
fn survives_resets_in_the_queue(_: &Trial, _: Serve) -> Step {
    Ok(())
}

fn survives_a_failing_accept(trial: &Trial, serve: Serve) -> Step {
    const WHAT: &str = "accept failed again and again (the check made it fail for 0.4 s)";
    let ours = |e| Fault::new(format!("the check could not make accept fail: {e}"));
    let (listener, addr) = trial.listen()?;
    let switch = listener.try_clone().map_err(ours)?;
    // A non-blocking listener to which nobody connects: each accept fails with WouldBlock.
    switch.set_nonblocking(true).map_err(ours)?;
    let attempt = trial.start(move || serve(&listener, 1));
    let idle = attempt.expect_idle(Duration::from_millis(400));
    attempt
        .still_runs()
        .when(WHAT)
        .cause("a failed accept is taken for a client, or ends the connection loop")?;
    idle.when(WHAT)
        .cause("no pause before the next accept: the loop spins")?;
    switch.set_nonblocking(false).map_err(ours)?;
    ordinary(trial, addr)
        .when("accept had failed for 0.4 s, then it worked again")
        .cause("a failed accept ends the connection loop, or the pause grows too long")?;
    let ends = ends(&attempt, 1, WHAT)?;
    finished(&ends[0], 10, "the client after that was polite")
}

/// 2.2 Lines, the empty line included.
pub fn answer_lines(answer_lines: AnswerLines) -> Verdict {
    check(move |trial| {
        answers_each_line(trial, answer_lines).read(EXERCISE_2_2)?;
        tells_how_it_ended(trial, answer_lines).read(FIND_THE_BUG)?;
        refuses_a_long_line(trial, answer_lines).read(EXERCISE_2_2)
    })
}

type LineAttempt = Attempt<Result<u64, LineError>>;

fn start_lines(trial: &Trial, function: AnswerLines, limit: usize) -> Step<(Peer, LineAttempt)> {
    let (client, stream) = trial.pair()?;
    Ok((client, trial.start(move || function(stream, limit))))
}

fn lines_were(attempt: &LineAttempt, lines: u64) -> Step {
    match attempt.result()? {
        Ok(n) if n == lines => Ok(()),
        other => Err(Fault::new(format!(
            "the client sent {lines} lines and finished: expected Ok({lines}), got {other:?}"
        ))),
    }
}

/// Says so if the answer to the first line has the number 0.
fn numbered_from_one(answered: Step) -> Step {
    answered.map_err(|fault| match fault.to_string() {
        what if what.contains(" bytes: 0: ") => {
            fault.cause("the first line is number 1").read(EXERCISE_2_2)
        }
        _ => fault,
    })
}

fn answers_each_line(trial: &Trial, function: AnswerLines) -> Step {
    const EACH: &str = "each line should be answered as soon as it is whole";
    const ENDS: &str = "the answer waits in a buffer, or for more lines, or for the client's end";
    const EMPTY: &str = "the empty line is skipped, or taken for the end";
    const TRIMMED: &str =
        "more than the '\\n' is cut off: trim() or lines() takes '\\r' or spaces too";
    const TEXT: &str = "the bytes were taken for text: String, str and lines() need UTF-8";

    // Question and answer.
    let (mut client, attempt) = start_lines(trial, function, 100)?;
    for (line, answer, cause, read) in [
        (
            b"hello\n".as_slice(),
            b"1: hello\n".as_slice(),
            ENDS,
            BOTH_WAIT,
        ),
        (b"\n", b"2: \n", EMPTY, AN_EMPTY_MESSAGE),
        (b"\r\n", b"3: \r\n", TRIMMED, EXERCISE_2_2),
        (
            b" two  words \t\n",
            b"4:  two  words \t\n",
            TRIMMED,
            EXERCISE_2_2,
        ),
        (b"\xff\x00\xe4\n", b"5: \xff\x00\xe4\n", TEXT, NOT_TEXT),
        (b"\n", b"6: \n", EMPTY, AN_EMPTY_MESSAGE),
    ] {
        client.send(line)?;
        let answered = client.expect(answer, EACH);
        numbered_from_one(answered).cause(cause).read(read)?;
    }
    client.half_close()?;
    client
        .expect_end("after the client has finished you should close and send no more")
        .cause("a read of 0 does not end the loop, or is answered as one more line")
        .read(READ_THE_CODE)?;
    lines_were(&attempt, 6).cause("what came behind the last '\\n' was nothing, so no line")?;

    // Pieces of lines, and several lines in a piece.
    const PIECES: &str = "one read is taken for one line";
    let (mut client, attempt) = start_lines(trial, function, 100)?;
    client.dribble("é世\n".as_bytes(), Duration::from_millis(5))?;
    client
        .expect("1: é世\n".as_bytes(), EACH)
        .cause(PIECES)
        .read(ON_THE_WIRE)?;
    const AHEAD: &str = "one read is taken for one line, or each line gets a new BufReader, and \
        what the last one had read ahead is lost";
    client.send(b"a\n\n\nb\nta")?;
    client
        .expect(
            b"2: a\n3: \n4: \n5: b\n",
            "several lines came at once; each should be answered",
        )
        .cause(AHEAD)
        .read(SWALLOWS)?;
    client.send(b"il\nlast")?;
    client
        .expect(b"6: tail\n", "a line that came in two pieces is one line")
        .cause(AHEAD)
        .read(SWALLOWS)?;
    client.half_close()?;
    client
        .expect(
            b"7: last\n",
            "what came behind the last '\\n' is a line too",
        )
        .cause("the last line is answered only if it ends with '\\n', or without one")?;
    client.expect_end("after the client has finished you should close and send no more")?;
    lines_were(&attempt, 7)?;

    // Nothing at all.
    let (mut client, attempt) = start_lines(trial, function, 100)?;
    client.half_close()?;
    client
        .expect_end("a client that sends nothing should get nothing")
        .cause("the end of the stream is taken for an empty line")
        .read(READ_THE_CODE)?;
    lines_were(&attempt, 0)?;

    // More lines than all buffers hold; together they are much longer than a line may be.
    let (mut client, attempt) = start_lines(trial, function, 20)?;
    let lines = 1..=20_000;
    let sent: String = lines.clone().map(|n| format!("line {}\n", n % 7)).collect();
    let answer: String = lines.map(|n| format!("{n}: line {}\n", n % 7)).collect();
    let came = client
        .exchange(sent.as_bytes(), 2 * answer.len())
        .cause("the limit is for one line, not for all of them together")?;
    compare(answer.as_bytes(), &came).map_err(|difference| {
        Fault::new(format!("20000 lines were sent at once, each shorter than the limit of 20\n{difference}"))
            .cause("the limit is for one line, not for all of them together; or what was read ahead is lost")
    })?;
    lines_were(&attempt, 20_000)
}

fn tells_how_it_ended(trial: &Trial, function: AnswerLines) -> Step {
    for sent in [b"a\n".as_slice(), b"a\nhalf a li"] {
        let (mut client, attempt) = start_lines(trial, function, 100)?;
        client.send(sent)?;
        client.expect(
            b"1: a\n",
            "each line should be answered as soon as it is whole",
        )?;
        client.reset();
        match attempt.result()? {
            Err(LineError::Gone(_)) => {}
            other => {
                return Err(Fault::new(format!(
                    "after {} the client reset the connection: expected Err(Gone(…)), got {other:?}",
                    show(sent)
                ))
                .cause("an error of read is taken for the end of the stream"));
            }
        }
    }
    Ok(())
}

fn refuses_a_long_line(trial: &Trial, function: AnswerLines) -> Step {
    const ALLOWED: &str = "a line as long as the limit should be answered";
    const OFF: &str = "the '\\n' is counted, or < is written where <= is meant";
    for limit in [10, 100_000] {
        let line = vec![b'x'; limit];
        let (mut client, attempt) = start_lines(trial, function, limit)?;
        client.send(&[&line[..], b"\n"].concat())?;
        client
            .expect(&[b"1: ", &line[..], b"\n"].concat(), ALLOWED)
            .cause(OFF)?;
        client.send(&line)?;
        client.half_close()?;
        client
            .expect(&[b"2: ", &line[..], b"\n"].concat(), ALLOWED)
            .cause(OFF)?;
        lines_were(&attempt, 2).cause(OFF)?;
    }

    // With its end, without, and far beyond: when one byte too many has come, it is enough.
    const WHOLE: &str = "the length is looked at only when the line is whole, so it may grow \
        without limit; or a line that is too long is read to its end before you close";
    const READS_ON: &str = "TooLong is the end of the conversation: you read on, for the next line \
        or until the client has finished";
    const NO_LIMIT: &str = "there is no limit, or it is one byte too large, or it cuts a long line \
        in pieces instead of refusing it";
    let slowly = Duration::from_millis(5);
    for (sent, gap, what, stays) in [
        (
            b"ok\n12345678901\n".as_slice(),
            Duration::ZERO,
            "a line of 11 bytes",
            READS_ON,
        ),
        (
            b"ok\n12345678901",
            Duration::ZERO,
            "11 bytes and no '\\n'",
            WHOLE,
        ),
        (
            b"ok\n12345678901",
            slowly,
            "11 bytes, one byte at a time, and no '\\n'",
            WHOLE,
        ),
    ] {
        let (mut client, attempt) = start_lines(trial, function, 10)?;
        client.send(&sent[..3])?;
        client.expect(b"1: ok\n", ALLOWED)?;
        if gap.is_zero() {
            client.send(&sent[3..])?;
        } else {
            client.dribble(&sent[3..], gap)?;
        }
        let what = format!("{what} came, the limit was 10");
        let mut answer = [0; 40];
        match client.read(&mut answer) {
            Ok(None) => {
                let what = format!("{what}: you did not close the connection");
                return Err(Fault::new(what).cause(stays));
            }
            Ok(Some(n @ 1..)) => {
                let answer = show(&answer[..n]);
                let what = format!("{what}: you should not answer it, and you sent {answer}");
                return Err(Fault::new(what).cause(NO_LIMIT));
            }
            // You closed. It may be a reset, since the client's bytes may lie unread.
            Ok(Some(0)) | Err(_) => {}
        }
        let result = attempt.result().when(&what)?;
        if !matches!(result, Err(LineError::TooLong)) {
            let what = format!("{what}: expected Err(TooLong), got {result:?}");
            return Err(Fault::new(what).cause(NO_LIMIT));
        }
    }
    Ok(())
}

/// 2.3 64 MiB through an echo server.
pub fn through(through: Through) -> Verdict {
    check(move |trial| {
        sends_and_half_closes(trial, through).read(THE_IDEA)?;
        leaves_the_rest_in_the_source(trial, through).read(EXERCISE_2_3)?;
        passes_64_mib(trial, through).read(EXERCISE_2_3)?;
        passes_on_what_is_there(trial, through).read(EXERCISE_2_3)?;
        gives_up_at_once(trial, through).read(EXERCISE_2_3)
    })
}

type LoadAttempt = Attempt<io::Result<u64>>;

fn start_through(trial: &Trial, function: Through, load: &Load) -> Step<(Peer, LoadAttempt)> {
    let (server, stream) = trial.pair()?;
    // Buffers of the same size on every machine.
    for stream in [&stream, server.stream()] {
        let socket = socket2::SockRef::from(stream);
        let set = socket.set_send_buffer_size(256 * 1024);
        set.and_then(|()| socket.set_recv_buffer_size(256 * 1024))
            .map_err(|e| Fault::new(format!("the check could not set its buffers: {e}")))?;
    }
    let (mut source, mut sink) = (load.source(), load.sink());
    let attempt = trial.start(move || function(stream, &mut source, &mut sink));
    Ok((server, attempt))
}

/// The function should say that all is back, and it should be.
fn all_is_back(attempt: &LoadAttempt, load: &Load, what: &str) -> Step {
    let returned = attempt.result().when(what).cause(
        "something waits for what will not come: is every byte counted, and the read of 0 seen?",
    )?;
    load.sink_is_right().when(what)?;
    match returned {
        Ok(n) if n == load.len && load.back() == load.len => Ok(()),
        other => Err(Fault::new(format!(
            "{what}: expected Ok({}), got {other:?}, and the sink has {} bytes",
            load.len,
            load.back()
        ))
        .cause("a byte is not counted, or something fails although everything is back")),
    }
}

/// An echo server, as this lesson's: to the end of what comes, then it closes.
fn echo(mut server: Peer, load: &Load, what: &str) -> Step {
    let mut buffer = vec![0; 65_536];
    let mut echo = || -> Step {
        loop {
            match server.read(&mut buffer)? {
                Some(0) => return Ok(()),
                Some(n) => server.send(&buffer[..n])?,
                None => return Err(Fault::new("the server waited for more, or for the end")),
            }
        }
    };
    echo().map_err(|fault| {
        let (given, back) = (load.given(), load.back());
        let state = format!("{what}; {given} bytes from the source, {back} in the sink");
        fault.when(&state).cause(match given {
            _ if given == load.len => HALF_CLOSE,
            ..65_536 => LOCK,
            _ => {
                "everything is written before anything is read, or under a lock that reading \
                needs: the buffers of both directions fill, and both sides wait"
            }
        })
    })
}

const HALF_CLOSE: &str = "no shutdown(Shutdown::Write) behind the last byte: dropping a clone is none, and a lock that \
    the other direction holds while it reads prevents it";
const LOCK: &str = "one direction holds a lock while it waits, and the other needs it";

fn sends_and_half_closes(trial: &Trial, function: Through) -> Step {
    for (len, what) in [(1000, "1000 bytes"), (0, "an empty source")] {
        let load = Load::new(len);
        let (server, attempt) = start_through(trial, function, &load)?;
        echo(server, &load, what)?;
        all_is_back(&attempt, &load, what)?;
    }
    Ok(())
}

fn leaves_the_rest_in_the_source(trial: &Trial, function: Through) -> Step {
    const WHAT: &str = "16 MiB, and a server that reads all of it before it sends anything back";
    let load = Load::new(16 << 20);
    let (mut server, attempt) = start_through(trial, function, &load)?;
    // The buffers of both sockets together take less than 2 MiB.
    let held = |given: u64, got: u64| {
        if given.saturating_sub(got) <= load.len / 2 {
            return Ok(());
        }
        let what = format!("you have taken {given} bytes from the source, the server has {got}");
        Err(Fault::new(what).cause("the whole source is read into memory"))
    };
    let mut got: u64 = 0;
    let mut buffer = vec![0; 65_536];
    loop {
        // The server reads a byte, to see that you have begun; then nothing for a while.
        let most = if got == 0 { 1 } else { buffer.len() };
        match server.read(&mut buffer[..most])? {
            Some(0) => break,
            Some(n) => got += n as u64,
            None => {
                return Err(Fault::new(format!(
                    "{WHAT}: {got} bytes came, then nothing more and no half-close"
                ))
                .cause(
                    "the next piece waits for the echo of the last one, which may come later, or \
                     for a lock that is held while the other direction reads",
                ));
            }
        }
        if got == 1 {
            held(load.given_until_it_stands_still(load.len), got)?;
        }
        held(load.given(), got)?;
    }
    for piece in load.pieces() {
        server.send(piece)?;
    }
    drop(server);
    all_is_back(&attempt, &load, WHAT)
}

fn passes_64_mib(trial: &Trial, function: Through) -> Step {
    let what = "64 MiB";
    let load = Load::new(64 << 20);
    let (server, attempt) = start_through(trial, function, &load)?;
    echo(server, &load, what)?;
    all_is_back(&attempt, &load, what)
}

fn passes_on_what_is_there(trial: &Trial, function: Through) -> Step {
    // The source waits for the echo of its first bytes, as a person does.
    let load = Load::new(1000).asks_first(5);
    let (server, attempt) = start_through(trial, function, &load)?;
    let echoed = echo(server, &load, "1000 bytes");
    if load.asked_in_vain() || load.back() < 5 {
        let what = "the source gave 5 bytes and waited for their echo before it gave more: the \
            sink did not get it";
        let cause = "what is there already waits for a full buffer, for a flush, or for the end of \
            the source or of the stream";
        return Err(Fault::new(what).cause(cause));
    }
    echoed?;
    all_is_back(&attempt, &load, "1000 bytes")?;

    // The server is in no hurry.
    let load = Load::new(5);
    let (mut server, attempt) = start_through(trial, function, &load)?;
    server.read(&mut [0; 10])?;
    attempt
        .expect_idle(Duration::from_millis(300))
        .when("the server took its time with the echo")
        .cause("a non-blocking socket is asked again and again")?;
    server.send(&PIECE[..5])?;
    drop(server);
    all_is_back(&attempt, &load, "5 bytes")
}

/// Whatever fails, both directions end.
fn gives_up_at_once(trial: &Trial, function: Through) -> Step {
    const OTHER: &str = "one direction has failed, and the other still waits in its read or write: \
        shutdown(Shutdown::Both) wakes it";
    let failed = |attempt: &LoadAttempt, what: &str, message: Option<&str>| {
        let returned = attempt.result().when(what).cause(OTHER)?;
        match (returned, message) {
            (Err(error), Some(message)) if error.to_string() == message => Ok(()),
            (Err(_), None) => Ok(()),
            (other, message) => {
                let expected = message.map_or("an error".to_owned(), |m| format!("Err('{m}')"));
                let got = match other {
                    Ok(n) => format!("Ok({n})"),
                    Err(e) => format!("Err('{e}')"),
                };
                Err(Fault::new(format!("{what}: expected {expected}, got {got}")).cause(
                    "an error is dropped, or replaced by what it caused in the other direction; \
                     or an echo that ends too early is taken for a whole one",
                ))
            }
        }
    };

    let disk = "the disk is on fire";
    let load = Load::new(1000).source_fails(disk);
    let (mut server, attempt) = start_through(trial, function, &load)?;
    let mut first = vec![0; 1000];
    server.read(&mut first)?;
    failed(
        &attempt,
        "the source failed, and the server was silent",
        Some(disk),
    )?;
    drop(server);

    let load = Load::new(64 << 20).sink_fails(disk);
    let (mut server, attempt) = start_through(trial, function, &load)?;
    server.read(&mut first)?;
    server.send(&PIECE[..5])?;
    failed(
        &attempt,
        "the sink failed, and the server had stopped reading",
        Some(disk),
    )?;
    drop(server);

    let load = Load::new(64 << 20);
    let (mut server, attempt) = start_through(trial, function, &load)?;
    server.read(&mut first)?;
    server.half_close()?;
    failed(
        &attempt,
        "the server had stopped reading, and said that it would send nothing more",
        None,
    )?;
    drop(server);

    let load = Load::new(1000);
    let (mut server, attempt) = start_through(trial, function, &load)?;
    let whole = server.read_to_end(1000)?;
    server.send(&whole[..999])?;
    drop(server);
    failed(
        &attempt,
        "the server sent back 999 of 1000 bytes and closed",
        None,
    )?;

    let load = Load::new(64 << 20);
    let (mut server, attempt) = start_through(trial, function, &load)?;
    server.read(&mut first)?;
    server.reset();
    failed(&attempt, "the server reset the connection", None)
}
