//! 2.1 Client after client.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{
    Attempt, Explain, FailingAccept, Fault, Peer, Step, Trial, Verdict, check, compare,
};
use loop_server::contract::End;

use super::{BAD_MANNERS, READ_THE_CODE, SMALL, is_reset};

pub type Serve = fn(&TcpListener, usize) -> Vec<End>;

const ONE_BY_ONE: &str = "Serves one client at a time";
const AT_ONCE: &str = "Sends back every byte";
const ANY_NUMBER: &str = "Any number of bytes";
const SILENT: &str = "The client may be silent";
const FINISHED: &str = "At a read of 0";
const GONE: &str = "When a read or a write fails";
const CLOSES: &str = "Either way closes the connection";
const COUNTS: &str = "Each client that was accepted counts";
const RETURNS: &str = "When there were `clients` of them";
const ACCEPT: &str = "When `accept` itself fails";

const ONE_AT_A_TIME: &str = "docs/02-loop-server.md: One at a time";

/// 2.1 Client after client.
pub fn serve(serve: Serve) -> Verdict {
    check(move |trial| {
        let queue = Queue::start(trial, serve).read(READ_THE_CODE)?;
        let mut accept = Failing::start(trial, serve).read(READ_THE_CODE)?;
        serves_polite_clients(trial, serve).read(READ_THE_CODE)?;
        for rude in RUDE {
            survives(trial, serve, &rude).read(BAD_MANNERS)?;
        }
        closes_each(trial, serve).read(READ_THE_CODE)?;
        serves_so_many(trial, serve).read(READ_THE_CODE)?;
        accept.notes_its_pace();
        queue.go_on_in_order(trial).read(ONE_AT_A_TIME)?;
        survives_resets_in_the_queue(trial, serve).read(ONE_AT_A_TIME)?;
        accept.ends_well(trial).breaks(ACCEPT).read(READ_THE_CODE)
    })
}

const AS_IT_COMES: &str = "every byte should come back as soon as you have it";
const STILL: &str = "the next client should be served";
const KEPT: &str = "the stream is kept, so that it is not dropped and stays open";
const NO_END: &str = "a read of 0 is not taken for the end";

type ServeAttempt = Attempt<Vec<End>>;

/// Starts the function; it should return when it has served so many clients.
fn start(trial: &Trial, serve: Serve, clients: usize) -> Step<(SocketAddr, ServeAttempt)> {
    let (listener, addr) = trial.listen_with_buffers(SMALL)?;
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
        .cause("only one read is done for each client")
        .breaks(AT_ONCE)?;
    finish(trial, client, addr)
}

/// The client has finished, and the function should close.
fn finish(trial: &Trial, mut client: Peer, addr: SocketAddr) -> Step {
    client.half_close()?;
    let ended =
        client.expect_end("after the client has finished you should close and send no more");
    let Err(fault) = ended else { return Ok(()) };
    // Either it still reads, or it has gone on and the stream is open.
    let goes_on = trial.connect(addr).and_then(|mut next| {
        next.send(b"next")?;
        next.expect(b"next", STILL)
    });
    Err(match goes_on {
        Ok(()) => fault.cause(KEPT).breaks(CLOSES),
        Err(_) => fault.cause(NO_END).breaks(FINISHED),
    })
}

/// What the function returned: an end for each client.
fn ends(attempt: &ServeAttempt, clients: usize, what: &str) -> Step<Vec<End>> {
    let ends = attempt
        .result()
        .when(what)
        .cause("a client that is gone, or that said nothing, was not counted")
        .breaks(COUNTS)?;
    if ends.len() == clients {
        return Ok(ends);
    }
    let what = format!(
        "{what}: there were {clients} clients, and you returned {} ends: {ends:?}",
        ends.len()
    );
    Err(Fault::new(what)
        .cause("there is not one end for each client that was accepted")
        .breaks(RETURNS))
}

fn finished(end: &End, bytes: u64, what: &str) -> Step {
    let fault = Fault::new(format!("{what}: expected Finished({bytes}), got {end:?}"));
    let fault = match end {
        End::Finished(n) if *n == bytes => return Ok(()),
        End::Finished(_) => fault
            .cause("only the last read is counted, or the count goes on from the client before"),
        End::Gone(error) => match error.kind() {
            ErrorKind::Interrupted => fault.late(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => fault
                .cause("a read has a timeout, and the client is slower")
                .breaks(SILENT),
            _ => fault.cause("a read of 0 is taken for an error"),
        },
    };
    Err(fault.breaks(FINISHED))
}

fn serves_polite_clients(trial: &Trial, serve: Serve) -> Step {
    const CLIENTS: usize = 20;
    const TIMED: usize = 8;
    let (addr, attempt) = start(trial, serve, CLIENTS + 4)?;
    let (since, limit) = (Instant::now(), trial.limit(Duration::from_millis(750)));
    for number in 1..=CLIENTS {
        if number <= TIMED && limit.passed(since) {
            let what = format!("{number} clients, two questions each, took {limit}");
            return Err(Fault::new(what)
                .late()
                .cause("each echo waits for a while, whether more comes")
                .breaks(AT_ONCE));
        }
        ordinary(trial, addr)
            .when(&format!("client {number} of {CLIENTS}, one after another"))
            .cause(match number {
                1 => "what came waits for more bytes, or for the client's end",
                _ => "only one client is accepted, or the loop ends with the first client",
            })
            .breaks(if number == 1 { AT_ONCE } else { RETURNS })?;
    }

    // Every byte value, one at a time; then all at once.
    let bytes: Vec<u8> = (0..=255).collect();
    for (gap, number) in [(Some(Duration::ZERO), CLIENTS + 1), (None, CLIENTS + 2)] {
        let mut client = trial.connect(addr)?;
        match gap {
            Some(gap) => client.dribble(&bytes, gap)?,
            None => client.send(&bytes)?,
        }
        client
            .expect(&bytes, AS_IT_COMES)
            .when(&format!("client {number} sent every byte value"))
            .cause("the bytes are taken for text, or for lines")
            .breaks(AT_ONCE)?;
        finish(trial, client, addr)?;
    }

    // More than all buffers hold.
    let long: Vec<u8> = bytes.iter().copied().cycle().take(300_000).collect();
    let mut client = trial.connect_with_buffers(addr, SMALL)?;
    let came = client.exchange(&long, 2 * long.len()).breaks(ANY_NUMBER)?;
    compare(&long, &came).map_err(|difference| {
        Fault::new(format!(
            "300000 bytes were sent, then a half-close\n{difference}"
        ))
        .cause("only so many bytes are echoed, or a part of a buffer is lost")
        .breaks(ANY_NUMBER)
    })?;

    finish(trial, trial.connect(addr)?, addr)
        .when("a client that sends nothing")
        .cause(NO_END)
        .breaks(FINISHED)?;

    let ends = ends(&attempt, CLIENTS + 4, "all clients were polite")?;
    let bytes = [10; CLIENTS].into_iter().chain([256, 256, 300_000, 0]);
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
    /// What failed, if anything did.
    call: &'static str,
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
        call: "nothing",
    },
    Rude {
        what: "a client reset the connection while you waited for more",
        act: |client| {
            client.send(b"hello")?;
            client.expect(b"hello", AS_IT_COMES)
        },
        leave: Peer::reset,
        end: IS_GONE,
        call: "a read",
    },
    Rude {
        what: "a client closed with its echo unread, which sends a reset",
        act: |client| {
            client.send(b"hello")?;
            client.expect(b"hell", AS_IT_COMES)
        },
        leave: drop,
        end: IS_GONE,
        call: "a read",
    },
    Rude {
        what: "a client sent 50000 bytes while it was in the queue and closed, so that a write failed",
        act: |client| client.send(&[b'x'; 50_000]),
        leave: drop,
        end: EITHER, // who reads all of it at once sees the end first
        call: "a write",
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
        call: "a write",
    },
];

fn survives(trial: &Trial, serve: Serve, rude: &Rude) -> Step {
    const ENDED: &str = "an error of read or write ends more than this client's conversation: \
        break, return, ? or unwrap in the connection loop";
    let clients = 2 + usize::from(rude.end == EITHER);
    let (listener, addr) = trial.listen()?;
    if rude.end != EITHER {
        // What it sends should fill the buffers soon.
        drop(listener);
        return survives_at(trial, start(trial, serve, clients)?, rude, clients, ENDED);
    }
    let attempt = trial.start(move || serve(&listener, clients));
    survives_at(trial, (addr, attempt), rude, clients, ENDED)
}

fn survives_at(
    trial: &Trial,
    (addr, attempt): (SocketAddr, ServeAttempt),
    rude: &Rude,
    clients: usize,
    ended: &str,
) -> Step {
    // For the client that has come and gone while the server was with another one.
    let busy = match rude.end {
        EITHER => {
            let mut busy = trial.connect(addr)?;
            busy.send(b"busy")?;
            busy.expect(b"busy", AS_IT_COMES)?;
            Some(busy)
        }
        _ => None,
    };
    let mut client = trial.connect(addr)?;
    (rude.act)(&mut client).when(rude.what).breaks(AT_ONCE)?;
    (rude.leave)(client);
    drop(busy);

    ordinary(trial, addr)
        .when(&format!("{}, then another one came", rude.what))
        .cause(ended)
        .breaks(GONE)?;
    let ends = ends(&attempt, clients, rude.what)?;
    finished(&ends[clients - 1], 10, "the client after it was polite")?;
    let end = &ends[clients - 2];
    let (what, call) = (rude.what, rude.call);
    match (rude.end, end) {
        (IS_GONE, End::Finished(_)) => {
            let fault = Fault::new(format!("{what}: expected Gone, got {end:?}"));
            let cause =
                format!("an error of {call} is taken for the end of the stream, or ignored");
            Err(fault.cause(cause).breaks(GONE))
        }
        (HAS_FINISHED, _) => finished(end, 0, what),
        (_, End::Gone(error)) if !is_reset(error) => {
            let fault = Fault::new(format!("{what}: expected Gone of a reset, got {end:?}"));
            Err(fault
                .cause("the error is replaced by another one")
                .breaks(GONE))
        }
        _ => Ok(()),
    }
}

/// A client that is served, silent while the other steps go on; and one that waits behind it.
struct Queue {
    addr: SocketAddr,
    attempt: ServeAttempt,
    first: Peer,
    second: Peer,
    silent_since: Instant,
}

impl Queue {
    fn start(trial: &Trial, serve: Serve) -> Step<Queue> {
        let (addr, attempt) = start(trial, serve, 3)?;
        let mut first = trial.connect(addr)?;
        first.send(b"first")?;
        let waits = "what came waits for more bytes, or for the client's end";
        first
            .expect(b"first", AS_IT_COMES)
            .cause(waits)
            .breaks(AT_ONCE)?;
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
            .cause("a read has a timeout, and the client is slower")
            .breaks(SILENT)?;
        let _ = self.second.stream().set_nonblocking(true);
        if let Ok(n @ 1..) = self.second.stream().peek(&mut [0; 100]) {
            let what =
                format!("{n} bytes came back to a second client, while the first was served");
            return Err(Fault::new(what)
                .cause("clients are served side by side, in threads")
                .breaks(ONE_BY_ONE));
        }
        let _ = self.second.stream().set_nonblocking(false);
        drop(self.first);
        self.second
            .expect(b"second", "what was sent in the queue should come back")
            .cause("the connection loop does not go on to the next client")
            .breaks(ONE_BY_ONE)?;
        drop(self.second);
        ordinary(trial, self.addr)
            .cause("the connection loop ended")
            .breaks(RETURNS)?;
        let what = "three polite clients, of which two came while you served the first";
        let ends = ends(&self.attempt, 3, what)?;
        for (end, bytes) in ends.iter().zip([6, 6, 10]) {
            finished(end, bytes, what)?;
        }
        Ok(())
    }
}

fn closes_each(trial: &Trial, serve: Serve) -> Step {
    for rude in [false, true] {
        let (addr, attempt) = start(trial, serve, 2)?;
        let mut client = trial.connect(addr)?;
        client.send(b"hello")?;
        client.expect(b"hello", AS_IT_COMES)?;
        let end = client.other_end();
        match rude {
            true => client.reset(),
            false => drop(client),
        }
        let mut next = trial.connect(addr)?;
        next.send(b"next")?;
        next.expect(b"next", STILL).breaks(RETURNS)?;
        if end.is_held() {
            let what = "the next client was served, and somebody still held the stream of the \
                client before it, or a clone of it";
            return Err(Fault::new(what).cause(KEPT).breaks(CLOSES));
        }
        finish(trial, next, addr)?;
        attempt.result().breaks(RETURNS)?;
    }
    Ok(())
}

fn serves_so_many(trial: &Trial, serve: Serve) -> Step {
    let (addr, attempt) = start(trial, serve, 0)?;
    let what = "the number of clients was 0, and one waited in the queue";
    let _client = trial.connect(addr);
    let ends = attempt
        .result()
        .when(what)
        .cause("a client is accepted before the number is looked at")
        .breaks(RETURNS)?;
    if !ends.is_empty() {
        let what = format!("{what}: expected no ends, got {ends:?}");
        let cause = "a client is accepted before the number is looked at";
        return Err(Fault::new(what).cause(cause).breaks(RETURNS));
    }

    // More than two bytes can count. It goes on for as long as the tests do.
    let (addr, _endless) = start(trial, serve, 1 << 16)?;
    let served = trial.connect(addr).and_then(|mut client| {
        client.send(b"hello")?;
        client.expect(b"hello", STILL)
    });
    served
        .when("the number of clients was 65536")
        .cause("the number overflows or is made smaller")
        .breaks(RETURNS)
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
    let cause = "a client that was gone when it was accepted is not counted, as when even its \
        peer_addr fails";
    ordinary(trial, addr)
        .when(what)
        .cause(cause)
        .breaks(COUNTS)?;
    let ends = ends(&attempt, 4, what).cause(cause)?;
    if !matches!(ends[1..3], [End::Gone(_), End::Gone(_)]) {
        let what = format!("{what}: expected Gone twice, got {:?}", &ends[1..3]);
        return Err(Fault::new(what).cause(cause).breaks(COUNTS));
    }
    Ok(())
}

/// Elsewhere `accept` may skip them, or fail.
#[cfg(not(target_os = "linux"))]
fn survives_resets_in_the_queue(_: &Trial, _: Serve) -> Step {
    Ok(())
}

/// A function whose every accept fails while the other steps go on.
struct Failing {
    accept: FailingAccept,
    attempt: ServeAttempt,
    since: Instant,
    /// How often it had paused when so much of the time was over.
    early: Option<(u64, Duration)>,
}

#[cfg(target_os = "linux")]
fn ours(error: std::io::Error) -> Fault {
    Fault::new(format!("the check could not make accept fail: {error}"))
}

impl Failing {
    fn start(trial: &Trial, serve: Serve) -> Step<Failing> {
        let (listener, accept) = trial.failing_listener()?;
        let since = Instant::now();
        let attempt = trial.start(move || serve(&listener, 1));
        Ok(Failing {
            accept,
            attempt,
            since,
            early: None,
        })
    }

    fn notes_its_pace(&mut self) {
        let soon = Duration::from_millis(350);
        thread::sleep(soon.saturating_sub(self.since.elapsed())); // for so long it fails at least
        self.early = self
            .attempt
            .pauses()
            .map(|pauses| (pauses, self.since.elapsed()));
    }

    fn ends_well(self, trial: &Trial) -> Step {
        const WHAT: &str = "accept failed again and again (the check made it fail)";
        const LONGER: &str = "the pause is much longer than a tenth of a second, or grows";
        let idle = self.attempt.expect_idle(Duration::from_millis(100));
        let failing = Duration::from_millis(1300);
        thread::sleep(failing.saturating_sub(self.since.elapsed())); // for so long it fails
        let pauses = self.attempt.pauses().unwrap_or_default();
        let each_second = pauses as f64 / self.since.elapsed().as_secs_f64();
        if self.attempt.has_ended() {
            let ends = self.attempt.result().when(WHAT)?;
            let what = format!("{WHAT}, and you returned {} ends", ends.len());
            return Err(Fault::new(what).cause(match ends.len() {
                0 => "a failed accept ends the connection loop, at once or after some of them",
                _ => "a failed accept is taken for a client",
            }));
        }
        idle.when(WHAT)
            .cause("no pause before the next accept: the loop spins")?;
        if each_second > 40.0 {
            let what = format!("{WHAT}: you paused {each_second:.0} times a second");
            return Err(
                Fault::new(what).cause("the pause is much shorter than a tenth of a second")
            );
        }
        if let Some((before, time)) = self.early {
            let early = before as f64 / time.as_secs_f64();
            let later = self.since.elapsed().saturating_sub(time);
            let late = pauses.saturating_sub(before) as f64 / later.as_secs_f64();
            if late * 2.5 < early {
                let what =
                    format!("{WHAT}: you paused {early:.0} times a second, and later {late:.1}");
                return Err(Fault::new(what).late().cause(LONGER));
            }
        }
        #[cfg(target_os = "linux")]
        self.fails_otherwise(WHAT)?;
        if self.attempt.pauses().is_some() && each_second < 2.5 {
            let what = format!("{WHAT}: you paused {each_second:.1} times a second");
            return Err(Fault::new(what).late().cause(LONGER));
        }
        self.accept.ends()?;
        let since = Instant::now();
        let limit = trial.limit(Duration::from_secs(1));
        let what = "accept had failed for more than a second, then it worked again";
        let mut client = trial.connect(self.accept.addr())?;
        client.send(b"hello")?;
        while !limit.passed(since) {
            let _ = client.stream().set_nonblocking(true);
            if client.stream().peek(&mut [0]).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(1)); // between two looks
        }
        let passed = limit.passed(since);
        let _ = client.stream().set_nonblocking(false);
        if passed {
            let what = format!("{what}: a client was not served within {limit}");
            return Err(Fault::new(what).late().cause(LONGER));
        }
        client.expect(b"hello", STILL).when(what)?;
        drop(client);
        let ends = ends(&self.attempt, 1, what)?;
        finished(&ends[0], 5, &format!("{what}, and a client was polite"))
    }

    /// A listener that was shut down fails with InvalidInput, until it listens again.
    #[cfg(target_os = "linux")]
    fn fails_otherwise(&self, what: &str) -> Step {
        let listener = socket2::SockRef::from(self.accept.listener());
        listener.shutdown(std::net::Shutdown::Both).map_err(ours)?;
        thread::sleep(Duration::from_millis(300)); // for so long it fails
        self.attempt
            .still_runs()
            .when(&format!("{what}, with another error than before"))
            .cause("only one kind of error of accept is survived")?;
        listener.listen(128).map_err(ours)
    }
}
