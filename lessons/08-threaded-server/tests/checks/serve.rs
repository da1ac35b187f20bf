//! Exercise 8.1: the check brings the clients and the handler.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check};
use threaded_server::contract::Handler;

use super::{
    ALONE, AT_ONCE, BOOM, CLOSED, COSTS, Crowd, HELLO, KEPT, READ_THE_CODE, THE_IDEA, leave, talk,
};

pub type Serve = fn(&TcpListener, usize, Handler) -> usize;

const ALL: &str = "Accepts one client after another";
const FIFTY: &str = "More than fifty may be there";
const PANIC: &str = "`handle` may panic";
const ACCEPT: &str = "When `accept` itself fails";
const RETURNS: &str = "Returns when `clients`";
const COUNTS: &str = "Returns how many of the handlers";

/// 8.1 Fifty clients at once.
pub fn serve(serve: Serve) -> Verdict {
    course::allow_many_files(); // macOS allows 256
    check(move |trial| {
        serves_all_at_once(trial, serve, 12).read(THE_IDEA)?;
        // Both take seconds, so they wait while the other scenes are played.
        let handler = Crowd::default().handler();
        let failing = trial
            .while_accept_fails(ACCEPT, move |listener| serve(listener, 2, handler))
            .read(COSTS)?;
        let stays = Stays::start(trial, serve).read(READ_THE_CODE)?;
        waits_for_all(trial, serve).read(READ_THE_CODE)?;
        survives_panics(trial, serve).read(READ_THE_CODE)?;
        serves_all_at_once(trial, serve, 140).read(THE_IDEA)?;
        stays.leaves().read(READ_THE_CODE)?;
        let enter = |addr| {
            for who in ["the first client", "the second client"] {
                leave(greeted(trial, addr, who)?, who)?;
            }
            Ok(())
        };
        let attempt = failing.ends(trial, enter).read(COSTS)?;
        panics(&attempt, 0, "accept had failed for a while").read(COSTS)
    })
}

fn start(trial: &Trial, serve: Serve, clients: usize) -> Step<(SocketAddr, Attempt<usize>)> {
    let (listener, addr) = trial.listen()?;
    let attempt = trial.start(move || serve(&listener, clients, Crowd::default().handler()));
    Ok((addr, attempt))
}

fn greeted(trial: &Trial, addr: SocketAddr, who: &str) -> Step<Peer> {
    let greeted = || {
        let mut client = trial.connect(addr)?;
        client.expect(
            HELLO,
            "its handler, which greets it, should be at work at once",
        )?;
        Ok(client)
    };
    greeted().when(who)
}

fn panics(attempt: &Attempt<usize>, panics: usize, what: &str) -> Step {
    let counted = attempt
        .result()
        .when(what)
        .breaks(RETURNS)
        .cause("a thread is still waited for, or a client is not counted")?;
    if counted == panics {
        return Ok(());
    }
    let cause = if counted > panics {
        "a panic is counted twice, or handlers are counted that did not panic"
    } else if counted == 0 {
        "join gives an error where the thread has panicked, and catch_unwind too; nothing counts them"
    } else {
        "some panics are not counted: the results of threads that had ended early are dropped, or \
         only the panics of some kind count, or the count is changed in two steps (load, then store) \
         instead of one (fetch_add)"
    };
    Err(Fault::new(format!(
        "{what}: expected {panics} panics, you returned {counted}"
    ))
    .breaks(COUNTS)
    .cause(cause))
}

const EARLY: &str = "the threads are not joined before the function returns, or are waited for only \
    so long";

/// A client that stays for seconds, while other scenes are played.
struct Stays {
    client: Peer,
    attempt: Attempt<usize>,
    since: Instant,
}

impl Stays {
    /// Longer than for who waits three seconds.
    const FOR: Duration = Duration::from_millis(3200);

    fn start(trial: &Trial, serve: Serve) -> Step<Stays> {
        let (addr, attempt) = start(trial, serve, 1)?;
        let client = greeted(trial, addr, "the only client came").breaks(AT_ONCE)?;
        let since = Instant::now();
        Ok(Stays {
            client,
            attempt,
            since,
        })
    }

    fn leaves(self) -> Step {
        const WHO: &str = "the only client, which had been there for three seconds";
        thread::sleep(Stays::FOR.saturating_sub(self.since.elapsed())); // the pace of the client
        self.attempt
            .still_runs()
            .when("all clients were accepted, and one stayed for three seconds")
            .breaks(RETURNS)
            .cause(EARLY)?;
        leave(self.client, WHO).breaks(CLOSED)?;
        panics(&self.attempt, 0, "the last client had left")
    }
}

/// So many at once, and two besides.
fn serves_all_at_once(trial: &Trial, serve: Serve, many: usize) -> Step {
    let (addr, attempt) = start(trial, serve, many + 2)?;
    let first = greeted(trial, addr, "the first client came");
    let mut idle = first.breaks(AT_ONCE).cause(ALONE)?;
    let mut clients = Vec::new();
    for number in 1..=many {
        let who = format!("client {number} of {many}, while the others are there and one is idle");
        let sentence = if many < 50 { AT_ONCE } else { FIFTY };
        let client = greeted(trial, addr, &who).breaks(sentence).cause(ALONE)?;
        clients.push(client);
    }
    for (number, client) in clients.iter_mut().enumerate().rev() {
        talk(client, &format!("client {} of {many}", number + 1))
            .breaks(AT_ONCE)
            .cause(ALONE)?;
    }
    for (number, client) in clients.into_iter().enumerate() {
        leave(client, &format!("client {} of {many}", number + 1)).breaks(CLOSED)?;
    }
    attempt
        .still_runs()
        .when("two clients had not been accepted or had not left")
        .breaks(RETURNS)
        .cause(EARLY)?;
    let last = greeted(trial, addr, "the last client came");
    leave(last.breaks(ALL)?, "the last client").breaks(CLOSED)?;
    talk(&mut idle, "the client that had been idle")
        .breaks(AT_ONCE)
        .cause(ALONE)?;
    leave(idle, "the client that had been idle").breaks(CLOSED)?;
    panics(&attempt, 0, "all clients were polite")
}

fn survives_panics(trial: &Trial, serve: Serve) -> Step {
    const SPREADS: &str = "the panic of one handler ends more than its client: join().unwrap(), a \
        scope with a thread that panicked, or no thread of its own";
    const HAD: &str = "a handler had panicked";
    let (addr, attempt) = start(trial, serve, 5)?;
    let mut other = greeted(trial, addr, "the first client came").breaks(AT_ONCE)?;
    for _ in 0..3 {
        let client = greeted(trial, addr, HAD).breaks(PANIC);
        let mut client = client.cause(SPREADS)?;
        client.send(BOOM)?;
        client
            .expect_end("when the handler has panicked, the connection should be closed")
            .breaks(CLOSED)
            .cause(KEPT)?;
    }
    talk(
        &mut other,
        "another client, after three handlers had panicked",
    )
    .breaks(PANIC)
    .cause(SPREADS)?;
    let last = greeted(trial, addr, "three handlers had panicked").breaks(PANIC);
    leave(last.cause(SPREADS)?, "the last client").breaks(CLOSED)?;
    other.send(BOOM)?;
    panics(&attempt, 4, "four of five handlers panicked")
}

/// It accepts no more than it should, and returns when the last handler has ended, not before.
fn waits_for_all(trial: &Trial, serve: Serve) -> Step {
    let (_addr, attempt) = start(trial, serve, 0)?;
    let none = attempt.result().when("there were no clients to serve");
    let none = none
        .breaks(ALL)
        .cause("the loop accepts before it looks whether anybody is left")?;
    if none != 0 {
        return Err(Fault::new(format!(
            "there were no clients to serve, and you returned {none}"
        )))
        .breaks(COUNTS);
    }

    let (addr, attempt) = start(trial, serve, 2)?;
    let first = greeted(trial, addr, "the first client came").breaks(AT_ONCE)?;
    let second = greeted(trial, addr, "the second client came").breaks(AT_ONCE)?;
    leave(second, "the second client").breaks(CLOSED)?;
    attempt
        .still_runs()
        .when("two clients were accepted, and one was still there")
        .breaks(RETURNS)
        .cause(EARLY)?;
    let third = trial.connect(addr)?;
    let _ = third
        .stream()
        .set_read_timeout(Some(Duration::from_millis(100))); // whoever accepts it has by then
    if std::io::Read::read(&mut third.stream(), &mut [0; 100]).is_ok_and(|n| n > 0) {
        return Err(
            Fault::new("there were two clients to serve, and a third was served")
                .breaks(ALL)
                .cause("more clients are accepted than `clients` says"),
        );
    }
    leave(first, "the first client").breaks(CLOSED)?;
    panics(&attempt, 0, "both clients had left")
}
