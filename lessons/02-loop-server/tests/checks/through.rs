//! 2.3 64 MiB through an echo server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check};

use super::BOTH_WAIT;
use super::load::{Load, PIECE, Said};

pub type Through =
    fn(TcpStream, &mut (dyn Read + Send), &mut (dyn Write + Send)) -> io::Result<u64>;

const SENDS: &str = "`stream` is connected with the echo server";
const WRITES: &str = "Writes what comes back to `sink`";
const PART: &str = "`sink` may take only a part";
const HOLDS: &str = "There may be 64 MiB and more";
const BUFFERS: &str = "The sizes of the socket's buffers";
const AS_IT_COMES: &str = "What a read of `source` gave";
const WHEN_IT_LIKES: &str = "The server answers when it likes";
const IDLE: &str = "Does not use the processor";
const UNCHANGED: &str = "What `source` or `sink` failed with";
#[cfg(not(windows))]
const CUT_OFF: &str = "When the server closes or breaks off";
#[cfg(not(windows))]
const AT_ONCE: &str = "After any of them it returns at once";

const HALF_CLOSE: &str = "docs/socket-calls.md: Half-close";
const READ_THE_CODE: &str = "docs/02-loop-server.md: Read the code";
const BACK_PRESSURE: &str = "docs/glossary.md: Back-pressure";
const SPINS: &str = "docs/troubleshooting.md: It is slow, or the fan starts";
#[cfg(not(windows))]
const WAKES: &str = "docs/08-threaded-server.md: How to stop";

/// 2.3 64 MiB through an echo server.
pub fn through(through: Through) -> Verdict {
    check(move |trial| {
        sends_and_half_closes(trial, through).read(READ_THE_CODE)?;
        leaves_the_rest_in_the_source(trial, through).read(BACK_PRESSURE)?;
        leaves_the_rest_to_the_server(trial, through).read(BACK_PRESSURE)?;
        passes_64_mib(trial, through).read(BOTH_WAIT)?;
        passes_on_what_is_there(trial, through).read(BOTH_WAIT)?;
        uses_no_processor(trial, through).read(SPINS)?;
        says_what_failed(trial, through).read(READ_THE_CODE)?;
        // Windows does not wake a call that waits when the socket is shut down.
        #[cfg(not(windows))]
        gives_up_at_once(trial, through).read(WAKES)?;
        #[cfg(target_os = "linux")] // elsewhere the reset may come at another time
        says_what_failed_first(trial, through).read(READ_THE_CODE)?;
        Ok(())
    })
}

type LoadAttempt = Attempt<io::Result<u64>>;

/// Each buffer has so many bytes, or twice as many (Linux), on every machine.
const BUFFER: usize = 64 * 1024;

/// What a function may hold, with what lies in the four buffers and in the check's own hands.
const HELD: u64 = 1024 * 1024 + 4 * 2 * BUFFER as u64 + 128 * 1024;

fn start(trial: &Trial, function: Through, load: &Load) -> Step<(Peer, LoadAttempt)> {
    let (server, stream) = trial.pair_with_buffers(BUFFER)?;
    Ok((server, start_on(trial, function, load, stream)))
}

fn start_on(trial: &Trial, function: Through, load: &Load, stream: TcpStream) -> LoadAttempt {
    let (mut source, mut sink) = (load.source(), load.sink());
    trial.start(move || function(stream, &mut source, &mut sink))
}

/// The function should say that all is back, and it should be.
fn all_is_back(attempt: &LoadAttempt, load: &Load, what: &str) -> Step {
    let returned = attempt
        .result()
        .when(what)
        .cause("the server has closed, and that is not seen")
        .breaks(WRITES)?;
    let wrong = load.sink_is_right().when(what);
    wrong
        .cause("more than the n bytes that were read goes to the sink, or a part of them twice")
        .breaks(WRITES)?;
    let (back, len) = (load.back(), load.len);
    let fault = |got: &dyn std::fmt::Debug| {
        Fault::new(format!(
            "{what}: expected Ok({len}), got {got:?}, and the sink has {back} bytes"
        ))
    };
    match returned {
        Ok(n) if n == len && back == len => Ok(()),
        Err(error) if error.kind() == ErrorKind::Interrupted => Err(fault(&error).late()),
        Ok(n) if back == len => Err(fault(&Ok::<u64, ()>(n))
            .cause("a byte is not counted, or one is counted twice")
            .breaks(WRITES)),
        Ok(n) => Err(fault(&Ok::<u64, ()>(n))
            .cause("the sink did not get everything")
            .breaks(WRITES)),
        Err(error) => Err(fault(&error)
            .cause("something fails although everything is back")
            .breaks(WRITES)),
    }
}

const NO_HALF_CLOSE: &str = "nothing says that the last byte was sent: dropping a clone does not, \
    and a lock that the other direction holds while it reads prevents it";

/// An echo server, as this lesson's: to the end of what comes, then it closes.
fn echo(mut server: Peer, load: &Load, what: &str) -> Step {
    let mut buffer = vec![0; 65_536];
    let mut echo = || -> Step {
        loop {
            match server.read(&mut buffer)? {
                Some(0) => return Ok(()),
                Some(n) => server.send(&buffer[..n])?,
                None => return Err(Fault::new("the server waited for more, or for the end").late()),
            }
        }
    };
    echo().map_err(|fault| {
        let (given, back) = (load.given(), load.back());
        let state = format!("{what}; {given} bytes from the source, {back} in the sink");
        let fault = fault.when(&state);
        match given {
            _ if given == load.len => fault.cause(NO_HALF_CLOSE).breaks(SENDS).read(HALF_CLOSE),
            ..BUFFERED => fault
                .cause("one direction holds a lock while it waits, and the other needs it")
                .breaks(WHEN_IT_LIKES),
            _ => fault
                .cause(
                    "everything is written before anything is read: the buffers of both \
                     directions fill, and both sides wait",
                )
                .breaks(WHEN_IT_LIKES),
        }
    })
}

/// Less than this is given only by a function that has hardly begun.
const BUFFERED: u64 = 65_536;

fn sends_and_half_closes(trial: &Trial, function: Through) -> Step {
    for (len, what) in [(0, "an empty source"), (1, "1 byte"), (1000, "1000 bytes")] {
        let load = Load::new(len, trial.patience());
        let (server, attempt) = start(trial, function, &load)?;
        echo(server, &load, what)?;
        all_is_back(&attempt, &load, what)?;
    }

    // A sink that takes three bytes at a time.
    let what = "1000 bytes, and a sink that takes three bytes with each write";
    let load = Load::new(1000, trial.patience()).bites(3);
    let (server, attempt) = start(trial, function, &load)?;
    echo(server, &load, what)?;
    let returned = attempt.result().when(what).breaks(WRITES)?;
    if load.back() < load.len || load.sink_is_right().is_err() {
        let what = format!(
            "{what}: it has {} bytes, you returned {returned:?}",
            load.back()
        );
        let cause = "a write that took fewer bytes is not repeated with the rest";
        return Err(Fault::new(what).cause(cause).breaks(PART));
    }
    Ok(())
}

fn leaves_the_rest_in_the_source(trial: &Trial, function: Through) -> Step {
    const WHAT: &str = "16 MiB, and a server that reads all of it before it sends anything back";
    let load = Load::new(16 << 20, trial.patience());
    let (mut server, stream) = trial.pair_with_buffers(BUFFER)?;
    let ours = |e| Fault::new(format!("the check could not look at a socket: {e}"));
    let window = stream.try_clone().map_err(ours)?;
    let sizes = || {
        let socket = socket2::SockRef::from(&window);
        socket
            .send_buffer_size()
            .and_then(|s| Ok((s, socket.recv_buffer_size()?)))
            .map_err(ours)
    };
    let sizes_before = sizes()?;
    let attempt = start_on(trial, function, &load, stream);
    let held = |given: u64, got: u64| {
        if given.saturating_sub(got) <= HELD {
            return Ok(());
        }
        let what = format!("you have taken {given} bytes from the source, the server has {got}");
        Err(Fault::new(what)
            .cause("the source is read into memory faster than the server takes it")
            .breaks(HOLDS))
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
                let what = format!("{WHAT}: {got} bytes came, then nothing more and no half-close");
                return Err(Fault::new(what)
                    .late()
                    .cause(
                        "the next piece waits for the echo of the last one, or for a lock that is \
                         held while the other direction reads",
                    )
                    .breaks(WHEN_IT_LIKES)
                    .read(BOTH_WAIT));
            }
        }
        if got == 1 {
            let given = load.given_until_it_stands_still(load.len);
            if sizes()? != sizes_before {
                let what = "the socket's buffers have another size than before";
                let cause = "SO_SNDBUF or SO_RCVBUF is set";
                return Err(Fault::new(what).cause(cause).breaks(BUFFERS));
            }
            held(given, got)?;
        }
        held(load.given(), got)?;
    }
    drop(window);
    for piece in load.pieces() {
        server
            .send(piece)
            .when(WHAT)
            .cause("the function has given up, or closed, although the server only took its time")
            .breaks(WHEN_IT_LIKES)?;
    }
    drop(server);
    all_is_back(&attempt, &load, WHAT)
}

/// The sink is stuck for a while: what the server sends back has to wait where it is.
fn leaves_the_rest_to_the_server(trial: &Trial, function: Through) -> Step {
    const WHAT: &str = "16 MiB, and a sink that is stuck for a while";
    let load = Load::new(16 << 20, trial.patience());
    load.sink_is_stuck(true);
    let (server, attempt) = start(trial, function, &load)?;
    thread::scope(|scope| {
        let echo = scope.spawn(|| echo(server, &load, WHAT));
        let given = load.given_until_it_stands_still(load.len);
        load.sink_is_stuck(false);
        let echoed = echo
            .join()
            .map_err(|_| Fault::new("the check's server panicked: this is our bug"))?;
        if given > HELD {
            let what = format!("{WHAT}: you had taken {given} bytes from the source by then");
            return Err(Fault::new(what)
                .cause("what comes back is kept in memory while the sink takes nothing")
                .breaks(HOLDS));
        }
        echoed
    })?;
    all_is_back(&attempt, &load, WHAT)
}

fn passes_64_mib(trial: &Trial, function: Through) -> Step {
    let what = "64 MiB and a little more";
    let load = Load::new((64 << 20) + 12_345, trial.patience());
    let (server, attempt) = start(trial, function, &load)?;
    echo(server, &load, what)?;
    all_is_back(&attempt, &load, what)
}

fn passes_on_what_is_there(trial: &Trial, function: Through) -> Step {
    // The source waits for the echo of its first bytes, as a person does.
    for first in [1, 5, 999] {
        let load = Load::new(1000, trial.patience()).asks_first(first);
        let (server, attempt) = start(trial, function, &load)?;
        let echoed = echo(server, &load, "1000 bytes");
        if load.asked_in_vain() || load.back() < first {
            let what = format!(
                "the source gave {first} bytes and waited for their echo before it gave more: the \
                 sink did not get it"
            );
            return Err(Fault::new(what)
                .late()
                .cause(
                    "what is there already waits for a full buffer, for a flush, or for the end \
                     of the source or of the stream",
                )
                .breaks(AS_IT_COMES));
        }
        echoed?;
        all_is_back(&attempt, &load, "1000 bytes")?;
    }
    Ok(())
}

/// The server is in no hurry.
fn uses_no_processor(trial: &Trial, function: Through) -> Step {
    let load = Load::new(5, trial.patience());
    let (mut server, attempt) = start(trial, function, &load)?;
    server.read(&mut [0; 10])?;
    attempt
        .expect_idle(Duration::from_millis(300))
        .when("the server took its time with the echo")
        .cause("a non-blocking socket is asked again and again")
        .breaks(IDLE)?;
    server.send(&PIECE[..5])?;
    drop(server);
    all_is_back(&attempt, &load, "5 bytes")
}

/// The error's own text, or any.
fn failed(attempt: &LoadAttempt, what: &str, message: Option<&str>) -> Step {
    let returned = attempt.result().when(what);
    let is_the_same = |error: &io::Error, message: &str| {
        let inner = error.get_ref().and_then(|e| e.downcast_ref::<Said>());
        inner.is_some_and(|said| said.0 == message)
    };
    match (returned?, message) {
        (Err(error), Some(message)) if is_the_same(&error, message) => Ok(()),
        (Err(error), None) if error.kind() != ErrorKind::Other => Ok(()),
        (Ok(n), _) => Err(
            Fault::new(format!("{what}, and you returned Ok({n})")).cause(match message {
                Some(_) => "the error is dropped",
                None => {
                    "an echo that ends too early is taken for a whole one, or its error is dropped"
                }
            }),
        ),
        (Err(error), _) => Err(
            Fault::new(format!("{what}, and you returned Err of {error:?}")).cause(
                "the error is replaced: by one of your own, or by what it caused in the other \
                direction",
            ),
        ),
    }
}

const DISK: &str = "the disk is on fire";

/// Here the server closes without an answer as soon as it sees an end, so nobody has to be woken.
fn says_what_failed(trial: &Trial, function: Through) -> Step {
    for len in [0, 1000, 300_000] {
        let load = Load::new(len, trial.patience()).source_fails(DISK);
        let (mut server, attempt) = start(trial, function, &load)?;
        let _ = server.read_to_end(400_000); // it may be broken off
        drop(server);
        let what = format!("the source failed after {len} bytes");
        failed(&attempt, &what, Some(DISK)).breaks(UNCHANGED)?;
    }
    let load = Load::new(1000, trial.patience()).sink_fails(DISK);
    let (server, attempt) = start(trial, function, &load)?;
    let _ = echo(server, &load, "the sink fails");
    failed(&attempt, "the sink failed", Some(DISK)).breaks(UNCHANGED)
}

/// The source fails while the sink is busy, so that what the function does about it breaks the
/// connection off before the other direction reads again.
#[cfg(target_os = "linux")]
fn says_what_failed_first(trial: &Trial, function: Through) -> Step {
    let load = Load::new(1000, trial.patience()).source_fails_later(DISK);
    load.sink_is_stuck(true);
    let (mut server, attempt) = start(trial, function, &load)?;
    server.read(&mut [0; 1000])?;
    server.send(&PIECE[..5])?;
    let _ = server.read_to_end(1000); // the source has failed
    for at in 5..8 {
        let _ = server.send(&PIECE[at..=at]); // to nobody, which is answered with a reset
    }
    load.sink_is_stuck(false);
    let what = "the source failed while the sink was busy, then the server was reset";
    failed(&attempt, what, Some(DISK)).breaks(UNCHANGED)
}

/// Whatever fails, both directions end.
#[cfg(not(windows))]
fn gives_up_at_once(trial: &Trial, function: Through) -> Step {
    const OTHER: &str = "one direction has failed, and the other still waits in its read or write, \
        which nobody wakes";
    let mut first = vec![0; 1000];

    let load = Load::new(1000, trial.patience()).source_fails(DISK);
    let (mut server, attempt) = start(trial, function, &load)?;
    server.read(&mut first)?;
    let what = "the source failed, and the server was silent";
    failed(&attempt, what, Some(DISK))
        .cause(OTHER)
        .breaks(AT_ONCE)?;
    drop(server);

    let load = Load::new(64 << 20, trial.patience()).sink_fails(DISK);
    let (mut server, attempt) = start(trial, function, &load)?;
    server.read(&mut first)?;
    server.send(&PIECE[..5])?;
    let what = "the sink failed, and the server had stopped reading";
    failed(&attempt, what, Some(DISK))
        .cause(OTHER)
        .breaks(AT_ONCE)?;
    drop(server);

    let load = Load::new(64 << 20, trial.patience());
    let (mut server, attempt) = start(trial, function, &load)?;
    server.read(&mut first)?;
    server.half_close()?;
    let what = "the server had stopped reading, and said that it would send nothing more";
    failed(&attempt, what, None).cause(OTHER).breaks(AT_ONCE)?;
    drop(server);

    for back in [0, 999] {
        let load = Load::new(1000, trial.patience());
        let (mut server, attempt) = start(trial, function, &load)?;
        let whole = server.read_to_end(1000)?;
        server.send(&whole[..back])?;
        drop(server);
        let what = format!("the server sent back {back} of 1000 bytes and closed");
        failed(&attempt, &what, None).cause(OTHER).breaks(CUT_OFF)?;
    }

    let load = Load::new(64 << 20, trial.patience());
    let (mut server, attempt) = start(trial, function, &load)?;
    server.read(&mut first)?;
    server.reset();
    let what = "the server reset the connection";
    failed(&attempt, what, None).cause(OTHER).breaks(CUT_OFF)
}
