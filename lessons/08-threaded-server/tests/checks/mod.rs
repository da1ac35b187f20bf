//! What "right" means for each exercise of lesson 8: functions to which any solution is handed.

mod room;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, TOTAL, Trial, Verdict, check, show};
use threaded_server::{FULL, Handler};

pub use room::chat;

pub type Serve = fn(&TcpListener, usize, Handler) -> usize;
pub type Chat = fn(&TcpListener, usize);
pub type ServeAtMost = fn(&TcpListener, usize, usize, Handler) -> usize;

const THE_IDEA: &str = "docs/08-threaded-server.md: The idea";
const READ_THE_CODE: &str = "docs/08-threaded-server.md: Read the code";
const NO_PLACE: &str = "docs/08-threaded-server.md: No place";
const COSTS: &str = "docs/08-threaded-server.md: What a thread costs";

/// Greets, then sends back each line; panics at the line `boom`.
fn handler() -> Handler {
    Arc::new(|stream: TcpStream| {
        let _ = stream.set_read_timeout(Some(TOTAL)); // never for ever
        let _ = stream.set_nodelay(true);
        let mut lines = BufReader::new(&stream);
        let _ = (&stream).write_all(HELLO);
        let mut line = Vec::new();
        while let Ok(1..) = lines.read_until(b'\n', &mut line) {
            if line == BOOM {
                // A panic like any other, but without the lines on stderr.
                panic::resume_unwind(Box::new("boom"));
            }
            let _ = (&stream).write_all(&line);
            line.clear();
        }
    })
}

const HELLO: &[u8] = b"hello\n";
const BOOM: &[u8] = b"boom\n";

const GREETED: &str = "its handler, which greets it, should be at work at once";
const ALONE: &str = "clients wait for each other: the handler runs in the thread that accepts, or \
    its thread is joined in the loop, or it runs under a lock, or only so many threads are there";
const KEPT: &str = "the connection is still open somewhere: a clone, or a list of streams";

/// One line there and back.
fn talk(client: &mut Peer, who: &str) -> Step {
    client.send(b"is anybody there?\n")?;
    client
        .expect(b"is anybody there?\n", "its handler should answer")
        .when(who)
        .cause(ALONE)
}

/// The client has finished, so its handler ends.
fn leave(mut client: Peer, who: &str) -> Step {
    client.half_close()?;
    client
        .expect_end("when the handler has ended, the connection should be closed")
        .when(who)
        .cause(KEPT)
}

/// 8.1 Fifty clients at once.
pub fn serve(serve: Serve) -> Verdict {
    check(move |trial| {
        serves_all_at_once(trial, serve).read(THE_IDEA)?;
        survives_panics(trial, serve).read(READ_THE_CODE)?;
        survives_a_failing_accept(trial, serve).read(COSTS)
    })
}

fn start(trial: &Trial, serve: Serve, clients: usize) -> Step<(SocketAddr, Attempt<usize>)> {
    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || serve(&listener, clients, handler()));
    Ok((addr, attempt))
}

fn greeted(trial: &Trial, addr: SocketAddr, who: &str, cause: &str) -> Step<Peer> {
    let greeted = || {
        let mut client = trial.connect(addr)?;
        client.expect(HELLO, GREETED)?;
        Ok(client)
    };
    greeted().when(who).cause(cause)
}

fn panics(attempt: &Attempt<usize>, panics: usize, what: &str) -> Step {
    let counted = attempt
        .result()
        .when(what)
        .cause("a thread is still waited for, or a client is not counted")?;
    if counted == panics {
        return Ok(());
    }
    Err(Fault::new(format!(
        "{what}: expected {panics} panics, you returned {counted}"
    ))
    .cause("join gives an error where the thread has panicked, and catch_unwind too"))
}

fn serves_all_at_once(trial: &Trial, serve: Serve) -> Step {
    const MANY: usize = 50;
    const EARLY: &str = "the threads are not joined before the function returns";
    let (addr, attempt) = start(trial, serve, MANY + 2)?;
    let mut idle = greeted(trial, addr, "the first client came", ALONE)?;
    let mut clients = Vec::new();
    for number in 1..=MANY {
        let who = format!("client {number} of {MANY}, while the others are there and one is idle");
        clients.push(greeted(trial, addr, &who, ALONE)?);
    }
    for (number, client) in clients.iter_mut().enumerate().rev() {
        talk(client, &format!("client {} of {MANY}", number + 1))?;
    }
    for (number, client) in clients.into_iter().enumerate() {
        leave(client, &format!("client {} of {MANY}", number + 1))?;
    }
    attempt
        .still_runs()
        .when("two clients had not been accepted or had not left")
        .cause(EARLY)?;
    let last = greeted(trial, addr, "the last client came", ALONE)?;
    leave(last, "the last client")?;
    thread::sleep(Duration::from_millis(100)); // the pace of the idle client
    attempt
        .still_runs()
        .when("all clients were accepted, and one was still there")
        .cause(EARLY)?;
    talk(&mut idle, "the client that had been idle")?;
    leave(idle, "the client that had been idle")?;
    panics(&attempt, 0, "all clients were polite")
}

fn survives_panics(trial: &Trial, serve: Serve) -> Step {
    const SPREADS: &str = "the panic of one handler ends more than its client: join().unwrap(), a \
        scope with a thread that panicked, or no thread of its own";
    let (addr, attempt) = start(trial, serve, 5)?;
    let mut other = greeted(trial, addr, "the first client came", ALONE)?;
    for _ in 0..3 {
        let mut client = greeted(trial, addr, "a handler had panicked", SPREADS)?;
        client.send(BOOM)?;
        client
            .expect_end("when the handler has panicked, the connection should be closed")
            .cause(KEPT)?;
    }
    talk(
        &mut other,
        "another client, after three handlers had panicked",
    )
    .cause(SPREADS)?;
    let last = greeted(trial, addr, "three handlers had panicked", SPREADS)?;
    leave(last, "the last client")?;
    other.send(BOOM)?;
    panics(&attempt, 4, "four of five handlers panicked").cause(SPREADS)
}

fn survives_a_failing_accept(trial: &Trial, serve: Serve) -> Step {
    const WHAT: &str = "accept failed again and again (the check made it fail for 0.3 s)";
    let ours = |e| Fault::new(format!("the check could not make accept fail: {e}"));
    let (listener, addr) = trial.listen()?;
    let switch = listener.try_clone().map_err(ours)?;
    // A non-blocking listener to which nobody connects: each accept fails with WouldBlock.
    switch.set_nonblocking(true).map_err(ours)?;
    let attempt = trial.start(move || serve(&listener, 2, handler()));
    let idle = attempt.expect_idle(Duration::from_millis(300));
    attempt
        .still_runs()
        .when(WHAT)
        .cause("a failed accept is taken for a client, or ends the connection loop")?;
    idle.when(WHAT)
        .cause("no pause before the next accept: the loop spins")?;
    switch.set_nonblocking(false).map_err(ours)?;
    for _ in 0..2 {
        let who = "accept had failed for 0.3 s, then it worked again";
        let cause = "a failed accept ends the connection loop, or the pause grows too long";
        leave(greeted(trial, addr, who, cause)?, who)?;
    }
    panics(&attempt, 0, WHAT)
}

/// 8.2 At most so many.
pub fn serve_at_most(serve: ServeAtMost) -> Verdict {
    check(move |trial| {
        for _ in 0..BURSTS {
            takes_no_more_than_it_may(trial, serve).read(NO_PLACE)?;
        }
        gives_places_back(trial, serve).read(READ_THE_CODE)
    })
}

/// Two steps that should be one go wrong only sometimes, often in every second burst. One takes
/// about 3 ms.
const BURSTS: usize = 40;

const PLACES: usize = 3;

/// A server that is at work, and how many it has told that it is full.
struct Full<'a> {
    trial: &'a Trial,
    addr: SocketAddr,
    attempt: Attempt<usize>,
    turned_away: usize,
}

const NOT_TOLD: &str = "a client that finds no place is kept waiting: accept waits for a free \
    place, or the connection is closed without a word, or not closed";

const COUNTED: &str = "those who were turned away are counted as served, or a thread is still \
    waited for";

impl Full<'_> {
    /// Whether this client is greeted; if not, it must be told that the server is full.
    fn has_place(&mut self, client: &mut Peer, what: &str) -> Step<bool> {
        let mut first = [0; 6];
        let mut filled = 0;
        while filled < first.len() {
            match client.read(&mut first[filled..]).when(what)? {
                Some(n @ 1..) => filled += n,
                end => {
                    let how = if end.is_some() { "the end" } else { "nothing" };
                    return Err(Fault::new(format!(
                        "{what}: it should be greeted by its handler, or told 'server full\\n'; \
                         it got {}, then {how}",
                        show(&first[..filled])
                    ))
                    .cause(NOT_TOLD));
                }
            }
        }
        if first == HELLO {
            return Ok(true);
        }
        let rest = client.read_to_end(100).when(what).cause(NOT_TOLD)?;
        let told = [&first[..], &rest].concat();
        if told != FULL {
            return Err(Fault::new(format!(
                "{what}: it should be told 'server full\\n', and got {}",
                show(&told)
            ))
            .cause("the words differ, or the line end is missing"));
        }
        self.turned_away += 1;
        Ok(false)
    }

    /// A client for whom a place must become free, perhaps after a moment.
    fn enters(&mut self, what: &str) -> Step<Peer> {
        const BACK: &str = "the place was not given back: by a line behind the handler, which a \
            panic skips, or only when the thread is joined, or not at all; a guard's drop is not \
            skipped";
        let deadline = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < deadline {
            let mut client = self.trial.connect(self.addr).when(what).cause(COUNTED)?;
            if self.has_place(&mut client, what).cause(COUNTED)? {
                return Ok(client);
            }
            thread::sleep(Duration::from_millis(10)); // the pace of a client that tries again
        }
        Err(Fault::new(format!(
            "{what}: 1.5 s later the next client was still told that the server is full"
        ))
        .cause(BACK))
    }

    fn returns(&self, what: &str) -> Step {
        let counted =
            self.attempt.result().when(what).cause(
                "those who were turned away were counted, or a thread is still waited for",
            )?;
        if counted == self.turned_away {
            return Ok(());
        }
        Err(Fault::new(format!(
            "{what}: {} clients were turned away, you returned {counted}",
            self.turned_away
        )))
    }
}

/// All are in the queue before the first is accepted.
fn takes_no_more_than_it_may(trial: &Trial, serve: ServeAtMost) -> Step {
    const QUEUED: usize = 15;
    let (listener, addr) = trial.listen()?;
    let mut queued = Vec::new();
    for _ in 0..QUEUED {
        queued.push(trial.connect(addr)?);
    }
    let attempt = trial.start(move || serve(&listener, QUEUED + 1, PLACES, handler()));
    let mut full = Full {
        trial,
        addr,
        attempt,
        turned_away: 0,
    };
    let what = "15 clients came at once, for 3 places";
    let mut inside = Vec::new();
    for mut client in queued {
        if full.has_place(&mut client, what)? {
            inside.push(client);
        }
    }
    if inside.len() != PLACES {
        return Err(Fault::new(format!("{what}: {} of them were served", inside.len())).cause(
            "looking for a place and taking it are two steps, and others look in between; or the \
             comparison is off by one; or the guard is dropped at once, as with `let _ =`",
        ));
    }
    // On a busy machine all were accepted before a thread had begun. These have.
    let mut late = trial.connect(addr)?;
    if full.has_place(&mut late, "3 clients were there, for 3 places")? {
        let what = "3 clients were there, for 3 places, and the next one was served";
        return Err(
            Fault::new(what).cause("the guard is dropped at once, as with `let _ =`, or not kept")
        );
    }
    for client in inside {
        leave(client, "a client that had a place")?;
    }
    for _ in PLACES..=QUEUED {
        let next = full.enters("those inside had left")?;
        leave(next, "a client that had a place")?;
    }
    full.returns(what)
}

fn gives_places_back(trial: &Trial, serve: ServeAtMost) -> Step {
    const ROUNDS: usize = 2 * PLACES;
    let (listener, addr) = trial.listen()?;
    let clients = PLACES + 2 * ROUNDS;
    let attempt = trial.start(move || serve(&listener, clients, PLACES, handler()));
    let mut full = Full {
        trial,
        addr,
        attempt,
        turned_away: 0,
    };
    let mut inside = Vec::new();
    for _ in 0..PLACES {
        inside.push(full.enters("places were free")?);
    }
    for round in 0..ROUNDS {
        leave(inside.remove(round % PLACES), "a client that had a place")?;
        inside.push(full.enters("a handler had returned")?);
    }
    for round in 0..ROUNDS {
        let mut client = inside.remove(round % PLACES);
        client.send(BOOM)?;
        client
            .expect_end("when the handler has panicked, the connection should be closed")
            .cause(KEPT)?;
        inside.push(full.enters("a handler had panicked")?);
    }
    // All have been served, so nobody else is accepted. Who is inside is still there.
    for (client, number) in inside.iter_mut().zip(1..) {
        talk(client, &format!("the {number}. of the last three clients"))?;
    }
    full.attempt
        .still_runs()
        .when("all were accepted, three were still there")
        .cause("the threads are not joined before the function returns")?;
    let mut last = inside.pop();
    for client in inside {
        leave(client, "one of the last clients")?;
    }
    if let Some(last) = &mut last {
        last.send(BOOM)?;
    }
    full.returns("the last handler panicked")
}
