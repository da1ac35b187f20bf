//! Exercise 8.2: more clients than places.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, show};
use threaded_server::FULL;
use threaded_server::contract::Handler;

use super::{BOOM, COSTS, Crowd, HELLO, KEPT, NO_PLACE, READ_THE_CODE, leave, talk};

pub type ServeAtMost = fn(&TcpListener, usize, usize, Handler) -> usize;

const AT_MOST: &str = "Accepts and serves as in 8.1";
const NEXT: &str = "As long as a place is free";
const TOLD: &str = "A client that finds no place is told";
const NOT_COUNTED: &str = "No handler is called for it";
const FREE: &str = "A place is free again";
const ACCEPT: &str = "When `accept` itself fails";
const RETURNS: &str = "Returns when `clients`";
const COUNTS: &str = "Returns how many were turned away";

/// 8.2 At most so many.
pub fn serve_at_most(serve: ServeAtMost) -> Verdict {
    course::allow_many_files(); // macOS allows 256
    check(move |trial| {
        // Two steps that should be one go wrong only sometimes, often in every second burst.
        takes_no_more_than_it_may(trial, serve).read(NO_PLACE)?;
        let handler = Crowd::default().handler();
        let failing = trial
            .while_accept_fails(ACCEPT, move |listener| serve(listener, 1, 1, handler))
            .read(COSTS)?;
        let begin = Instant::now();
        for burst in 1..MOST_BURSTS {
            takes_no_more_than_it_may(trial, serve).read(NO_PLACE)?;
            if burst >= LEAST_BURSTS && begin.elapsed() > BURSTS_FOR {
                break; // this machine is slow; those will do
            }
        }
        gives_places_back(trial, serve).read(READ_THE_CODE)?;
        is_free_at_the_first_try(trial, serve).read(READ_THE_CODE)?;
        stands_any_number(trial, serve).read(READ_THE_CODE)?;
        has_many_places(trial, serve).read(READ_THE_CODE)?;
        let enter = |addr| {
            let mut client = trial.connect(addr)?;
            client.expect(HELLO, "its handler should be at work at once")?;
            leave(client, "the client")
        };
        let attempt = failing.ends(trial, enter).read(COSTS)?;
        attempt.result().breaks(RETURNS).map(drop).read(COSTS)
    })
}

const MOST_BURSTS: usize = 12;
const LEAST_BURSTS: usize = 6;
const BURSTS_FOR: Duration = Duration::from_secs(1);

const PLACES: usize = 3;

/// A server that is at work, and how many it has told that it is full.
struct Full<'a> {
    trial: &'a Trial,
    addr: SocketAddr,
    attempt: Attempt<usize>,
    crowd: Crowd,
    places: usize,
    /// Those who were told that the server is full. They stay, and say nothing.
    turned_away: Vec<Peer>,
    /// How many of them were told so late, one after another.
    late: usize,
}

const NOT_TOLD: &str = "a client that finds no place is kept waiting: accept waits for a free \
    place, or the connection is closed without a word, or not closed";

const COUNTED: &str = "those who were turned away are counted as served, or a thread is still \
    waited for";

const WAITED_FOR: &str = "one who was turned away is waited for in the thread that accepts: what it \
    sends, or its end, is read there";

const NOT_USED: &str = "the comparison is off by one, or a place is taken and not used, or the number \
    of places is cut: to a maximum, or to fewer bits";

const TWO_STEPS: &str = "looking for a place and taking it are two steps, and others look in \
    between; or the comparison is off by one; or the guard is dropped at once, as with `let _ =`";

impl<'a> Full<'a> {
    fn start(
        trial: &'a Trial,
        serve: ServeAtMost,
        clients: usize,
        places: usize,
    ) -> Step<Full<'a>> {
        let (listener, addr) = trial.listen()?;
        Full::start_at(trial, serve, clients, places, listener, addr)
    }

    fn start_at(
        trial: &'a Trial,
        serve: ServeAtMost,
        clients: usize,
        places: usize,
        listener: TcpListener,
        addr: SocketAddr,
    ) -> Step<Full<'a>> {
        let crowd = Crowd::default();
        let handler = crowd.handler();
        let attempt = trial.start(move || serve(&listener, clients, places, handler));
        Ok(Full {
            trial,
            addr,
            attempt,
            crowd,
            places,
            turned_away: Vec::new(),
            late: 0,
        })
    }

    /// The client, if it is greeted; if not, it must be told that the server is full.
    fn has_place(&mut self, mut client: Peer, what: &str) -> Step<Option<Peer>> {
        let mut first = [0; 6];
        let mut filled = 0;
        while filled < first.len() {
            match client.read(&mut first[filled..]).when(what)? {
                Some(n @ 1..) => filled += n,
                None if self.waits_for_those_turned_away(&client) => {
                    return Err(Fault::new(format!(
                        "{what}: it was told nothing, until those who had been told that the \
                         server is full were gone"
                    ))
                    .late()
                    .breaks(NOT_COUNTED)
                    .cause(WAITED_FOR));
                }
                end => {
                    let how = if end.is_some() { "the end" } else { "nothing" };
                    let fault = Fault::new(format!(
                        "{what}: it should be greeted by its handler, or told 'server full\\n'; \
                         it got {}, then {how}",
                        show(&first[..filled])
                    ));
                    let fault = if end.is_none() { fault.late() } else { fault };
                    return Err(fault.breaks(TOLD).cause(NOT_TOLD));
                }
            }
        }
        if first == HELLO {
            return Ok(Some(client));
        }
        let rest = client.read_to_end(100).when(what);
        let rest = rest.breaks(TOLD).cause(NOT_TOLD)?;
        let told = [&first[..], &rest].concat();
        if told != FULL {
            return Err(Fault::new(format!(
                "{what}: it should be told 'server full\\n', and got {}",
                show(&told)
            ))
            .breaks(TOLD)
            .cause("the words differ, or the line end is missing"));
        }
        self.turned_away.push(client);
        Ok(None)
    }

    /// Whether a client that was told nothing hears something as soon as those have gone who were
    /// turned away before.
    fn waits_for_those_turned_away(&mut self, client: &Peer) -> bool {
        let were_there = !self.turned_away.is_empty();
        self.turned_away.clear();
        let stream = client.stream();
        let _ = stream.set_read_timeout(Some(self.trial.patience()));
        were_there && stream.peek(&mut [0]).is_ok_and(|n| n > 0)
    }

    fn connect(&self, what: &str) -> Step<Peer> {
        let client = self.trial.connect(self.addr).when(what);
        client.breaks(NOT_COUNTED).cause(COUNTED)
    }

    /// A client for whom a place must become free, perhaps after a moment.
    fn enters(&mut self, what: &str) -> Step<Peer> {
        const BACK: &str = "the place was not given back: by a line behind the handler, which a \
            panic skips, or only when the thread is joined, or not at all; a guard's drop is not \
            skipped";
        let (limit, since) = (self.trial.limit(Duration::from_secs(1)), Instant::now());
        while !limit.passed(since) {
            let client = self.connect(what)?;
            let inside = self.has_place(client, what);
            if let Some(client) = inside.breaks(NOT_COUNTED).cause(COUNTED)? {
                return Ok(client);
            }
            thread::sleep(Duration::from_millis(10)); // the pace of a client that tries again
        }
        Err(Fault::new(format!(
            "{what}: {limit} later the next client was still told that the server is full"
        ))
        .late()
        .breaks(FREE)
        .cause(BACK))
    }

    /// A client for whom there must be a place at once.
    fn walks_in(&mut self, what: &str) -> Step<Peer> {
        let client = self.connect(what)?;
        if let Some(client) = self.has_place(client, what)? {
            return Ok(client);
        }
        Err(Fault::new(format!(
            "{what}: a place was free, and the next client was told that the server is full"
        ))
        .breaks(NEXT)
        .cause(NOT_USED))
    }

    /// A client for whom there is no place.
    fn finds_no_place(&mut self, what: &str, cause: &str) -> Step {
        let (limit, since) = (self.trial.limit(Duration::from_secs(1)), Instant::now());
        let late = self.connect(what)?;
        if self.has_place(late, what)?.is_some() {
            return Err(Fault::new(format!("{what}: and the next one was served"))
                .breaks(AT_MOST)
                .cause(cause));
        }
        self.late = if limit.passed(since) {
            self.late + 1
        } else {
            0
        };
        if self.late == 3 {
            return Err(Fault::new(format!(
                "{what}: only {limit} later, and more, the next three were told so"
            ))
            .late()
            .breaks(TOLD)
            .cause(WAITED_FOR));
        }
        Ok(())
    }

    fn returns(&self, what: &str) -> Step {
        let counted = self.attempt.result().when(what);
        let counted = counted.breaks(RETURNS).cause(
            "those who were turned away were counted, or one of them, who has not gone, is still \
                 waited for, or another thread",
        )?;
        let most = self.crowd.most();
        if most > self.places {
            return Err(Fault::new(format!(
                "{what}: {most} handlers were at work at the same time, for {} places",
                self.places
            ))
            .breaks(AT_MOST)
            .cause(TWO_STEPS));
        }
        let turned_away = self.turned_away.len();
        if counted == turned_away {
            return Ok(());
        }
        Err(Fault::new(format!(
            "{what}: {turned_away} clients were turned away, you returned {counted}"
        ))
        .breaks(COUNTS)
        .cause("not each client that was turned away is counted, once"))
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
    let mut full = Full::start_at(trial, serve, QUEUED + 1, PLACES, listener, addr)?;
    let what = "15 clients came at once, for 3 places";
    let mut inside = Vec::new();
    for client in queued {
        inside.extend(full.has_place(client, what)?);
    }
    let served = inside.len();
    if served > PLACES {
        return Err(Fault::new(format!("{what}: {served} of them were served"))
            .breaks(AT_MOST)
            .cause(TWO_STEPS));
    }
    if served < PLACES {
        return Err(
            Fault::new(format!("{what}: only {served} of them got a place"))
                .breaks(NEXT)
                .cause(NOT_USED),
        );
    }
    // On a busy machine all were accepted before a thread had begun. These have.
    full.finds_no_place(
        "3 clients were there, for 3 places",
        "the guard is dropped at once, as with `let _ =`, or not kept",
    )?;
    for client in inside {
        leave(client, "a client that had a place").breaks(AT_MOST)?;
    }
    for _ in PLACES..=QUEUED {
        let next = full.enters("those inside had left")?;
        leave(next, "a client that had a place").breaks(AT_MOST)?;
    }
    full.returns(what)
}

fn gives_places_back(trial: &Trial, serve: ServeAtMost) -> Step {
    const ROUNDS: usize = 2 * PLACES;
    const TWICE: &str = "a place is given back twice, or before its handler has ended";
    let clients = PLACES + 2 * ROUNDS;
    let mut full = Full::start(trial, serve, clients, PLACES)?;
    let mut inside = Vec::new();
    for _ in 0..PLACES {
        inside.push(full.walks_in("places were free")?);
    }
    let (mut returned, mut panicked) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        leave(inside.remove(round % PLACES), "a client that had a place").breaks(AT_MOST)?;
        let since = Instant::now();
        inside.push(full.enters("a handler had returned")?);
        returned.push(since.elapsed());
        full.finds_no_place("handlers had returned, and 3 others were there", TWICE)?;
    }
    for round in 0..ROUNDS {
        let mut client = inside.remove(round % PLACES);
        client.send(BOOM)?;
        client
            .expect_end("when the handler has panicked, the connection should be closed")
            .breaks(AT_MOST)
            .cause(KEPT)?;
        let since = Instant::now();
        inside.push(full.enters("a handler had panicked")?);
        panicked.push(since.elapsed());
        if round + 1 < ROUNDS {
            full.finds_no_place("handlers had panicked, and 3 others were there", TWICE)?;
        }
    }
    let middle = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (returned, panicked) = (middle(&mut returned), middle(&mut panicked));
    if panicked > 10 * returned + Duration::from_millis(100) {
        return Err(Fault::new(format!(
            "{} ms after a handler had panicked its place was free again; after a handler had \
             returned it took {} ms",
            panicked.as_millis(),
            returned.as_millis()
        ))
        .late()
        .breaks(FREE)
        .cause(
            "after a panic the place is given back only later: behind a pause, or by somebody \
            who looks now and then",
        ));
    }
    // All have been served, so nobody else is accepted. Who is inside is still there.
    for (client, number) in inside.iter_mut().zip(1..) {
        talk(client, &format!("client {number} of the last three")).breaks(AT_MOST)?;
    }
    full.attempt
        .still_runs()
        .when("all were accepted, three were still there")
        .breaks(RETURNS)
        .cause("the threads are not joined before the function returns")?;
    let mut last = inside.pop();
    for client in inside {
        leave(client, "one of the last clients").breaks(AT_MOST)?;
    }
    if let Some(last) = &mut last {
        last.send(BOOM)?;
    }
    full.returns("the last handler panicked")
}

/// Who comes when a handler has ended is the first to come since, and gets its place.
fn is_free_at_the_first_try(trial: &Trial, serve: ServeAtMost) -> Step {
    const PLACES: usize = 2;
    const STALE: &str = "handlers that have ended are counted off too early: before accept waits for \
        the next client, and not when it has come";
    let mut full = Full::start(trial, serve, 2 * PLACES, PLACES)?;
    let one = full.walks_in("places were free")?;
    let mut two = full.walks_in("places were free")?;
    full.finds_no_place("2 clients were there, for 2 places", TWO_STEPS)?;
    leave(one, "a client that had a place").breaks(AT_MOST)?;
    two.send(BOOM)?;
    two.expect_end("when the handler has panicked, the connection should be closed")
        .breaks(AT_MOST)
        .cause(KEPT)?;
    full.crowd.wait_for_threads();
    let mut inside = Vec::new();
    for _ in 0..PLACES {
        let what = "one handler had returned, one had panicked, and then a client came";
        let client = full.connect(what)?;
        let Some(client) = full.has_place(client, what)? else {
            return Err(
                Fault::new(format!("{what}: it was told that the server is full"))
                    .late()
                    .breaks(FREE)
                    .cause(STALE),
            );
        };
        inside.push(client);
    }
    for client in inside {
        leave(client, "a client that had a place").breaks(AT_MOST)?;
    }
    full.returns("four clients were served")
}

/// One place, and more than there can ever be clients; and no client at all.
fn stands_any_number(trial: &Trial, serve: ServeAtMost) -> Step {
    // Whoever cuts a number to 8, 16 or 32 bits has nothing left of some of these. The greatest comes
    // before them: who asks for memory for that many is told so, and for the last might get it.
    let cut = usize::try_from(1_u64 << 32).unwrap_or(1 << 16);
    for places in [1, 2, usize::MAX, 1 << 8, 1 << 16, cut] {
        let what = format!("there were {places} places");
        let mut full = Full::start(trial, serve, 3, places)?;
        let mut inside = Vec::new();
        for _ in 0..places.min(3) {
            inside.push(full.walks_in(&what).breaks(AT_MOST)?);
        }
        if places < 3 {
            full.finds_no_place(&what, TWO_STEPS)?;
        }
        for client in inside {
            leave(client, &what).breaks(AT_MOST)?;
        }
        for _ in places.min(3)..3 {
            leave(full.enters(&what)?, &what).breaks(AT_MOST)?;
        }
        full.returns(&what)?;
    }
    let full = Full::start(trial, serve, 0, 1)?;
    full.returns("there were no clients to serve")
}

/// More than a few places, all of them taken.
fn has_many_places(trial: &Trial, serve: ServeAtMost) -> Step {
    const MANY: usize = 70;
    let what = format!("there were {MANY} places");
    let mut full = Full::start(trial, serve, MANY, MANY)?;
    let mut inside = Vec::new();
    for _ in 1..MANY {
        inside.push(full.walks_in(&what).breaks(NEXT)?);
    }
    let last = full.walks_in(&what).breaks(NEXT)?;
    for client in inside.into_iter().chain([last]) {
        leave(client, &what).breaks(AT_MOST)?;
    }
    full.returns(&what)
}
