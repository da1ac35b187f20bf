//! What any function that reads or writes should stand.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::fault::{Explain, Fault, Step};
use super::trial::Trial;

/// Sizes around a limit: nothing, the smallest, the limit and its neighbours, and some between in no
/// one pattern, each once and in order.
pub fn around(limit: usize) -> Vec<usize> {
    let near = (0..=3).map(|n| limit.saturating_sub(n));
    let beyond = (1..=3).filter_map(|n| limit.checked_add(n));
    let inside = [0, 1, 2, 3, 5, limit / 7, limit / 3, limit / 2];
    let mut sizes: Vec<usize> = near.chain(beyond).chain(inside).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Something to write to that is not as obliging as a `Vec`.
#[derive(Debug, Default)]
pub struct Sink {
    /// What was taken.
    pub taken: Vec<u8>,
    /// How many bytes of `taken` were there when `flush` was last called and did not fail.
    pub flushed: usize,
    bite: Option<usize>,
    fails_after: Option<usize>,
    flush_fails: bool,
}

impl Sink {
    /// Takes at most so many bytes with each write.
    pub fn that_takes(bite: usize) -> Sink {
        Sink {
            bite: Some(bite),
            ..Sink::default()
        }
    }

    /// Fails each write when so many bytes were taken.
    pub fn that_fails_after(bytes: usize) -> Sink {
        Sink {
            fails_after: Some(bytes),
            ..Sink::default()
        }
    }

    /// Takes everything, and fails to flush it.
    pub fn that_does_not_flush() -> Sink {
        Sink {
            flush_fails: true,
            ..Sink::default()
        }
    }

    /// The error with which it fails.
    pub fn error() -> io::Error {
        io::Error::new(ErrorKind::StorageFull, "the check's sink is full")
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = match self.fails_after {
            Some(limit) => limit.saturating_sub(self.taken.len()),
            None => usize::MAX,
        };
        if room == 0 && !bytes.is_empty() {
            return Err(Sink::error());
        }
        let n = bytes.len().min(room).min(self.bite.unwrap_or(usize::MAX));
        self.taken.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.flush_fails {
            return Err(Sink::error());
        }
        self.flushed = self.taken.len();
        Ok(())
    }
}

/// What makes each `accept` of a listener fail, until it is told otherwise.
pub struct FailingAccept {
    addr: SocketAddr,
    switch: TcpListener,
}

impl Trial {
    /// A listener whose every `accept` fails, and what makes it so. It is non-blocking and nobody
    /// connects to it: the error is WouldBlock.
    pub fn failing_listener(&self) -> Step<(TcpListener, FailingAccept)> {
        let (listener, addr) = self.listen()?;
        let switch = listener.try_clone().map_err(cannot_fail)?;
        switch.set_nonblocking(true).map_err(cannot_fail)?;
        Ok((listener, FailingAccept { addr, switch }))
    }
}

impl FailingAccept {
    /// Where the listener listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The listener, for what else can be done to it.
    pub fn listener(&self) -> &TcpListener {
        &self.switch
    }

    /// From now on `accept` waits for a client, as it does elsewhere.
    pub fn ends(&self) -> Step {
        self.switch.set_nonblocking(false).map_err(cannot_fail)
    }
}

impl Drop for FailingAccept {
    /// A function that asks `accept` again without a pause would do so for as long as the tests run.
    fn drop(&mut self) {
        let _ = self.ends();
    }
}

fn cannot_fail(error: io::Error) -> Fault {
    Fault::new(format!("the check could not make accept fail: {error}"))
}

/// A function that serves clients, and whose `accept` has failed since it was started. It goes on
/// failing while the check plays other scenes.
pub struct WhileAcceptFails<T> {
    attempt: Attempt<T>,
    failing: FailingAccept,
    /// When the pauses were counted for the first time, and how many there were.
    counted: (Instant, Option<u64>),
    sentence: &'static str,
}

/// How long `accept` fails, at least: longer than for somebody who gives up after twenty times.
const FAILS_FOR: Duration = Duration::from_millis(2300);
const FAILED: &str = "accept failed again and again (the check made it fail for 2.3 s)";

impl Trial {
    /// Starts a function whose `accept` fails, and looks whether it spins. `sentence` is the one of
    /// the contract that wants a pause of a tenth of a second before `accept` is tried again.
    pub fn while_accept_fails<T: Send + 'static>(
        &self,
        sentence: &'static str,
        function: impl FnOnce(&TcpListener) -> T + Send + 'static,
    ) -> Step<WhileAcceptFails<T>> {
        let (listener, failing) = self.failing_listener()?;
        let attempt = self.start(move || function(&listener));
        let counted = (Instant::now(), attempt.pauses());
        let started = WhileAcceptFails {
            attempt,
            failing,
            counted,
            sentence,
        };
        let idle = started.attempt.expect_idle(Duration::from_millis(150));
        started.still_runs()?;
        idle.when("accept failed again and again")
            .breaks(sentence)
            .cause("no pause before the next accept: the loop spins")?;
        Ok(started)
    }
}

impl<T> WhileAcceptFails<T> {
    fn still_runs(&self) -> Step {
        let runs = self.attempt.still_runs().when(FAILED);
        runs.breaks(self.sentence)
            .cause("a failed accept is taken for a client, or ends the connection loop")
    }

    /// Lets `accept` fail until 2.3 s are over, looks at the pauses, then lets `enter` send the
    /// clients for whom the function waits.
    pub fn ends(self, trial: &Trial, enter: impl FnOnce(SocketAddr) -> Step) -> Step<Attempt<T>> {
        const AGAIN: &str = "accept had failed for 2.3 s, then it worked again";
        const TOO_LONG: &str = "the pause is much longer than a tenth of a second, or the pause \
            grows too long with each time";
        /// Of a tenth of a second there are ten in a second; who looks every 20 ms still passes.
        const MOST_PAUSES: f64 = 60.0;
        /// Who waits twice as long each time makes five in all, and then waits for 0.8 s. Where
        /// another thread accepts, this one makes few as well, but the next client is served soon.
        const FEWEST_PAUSES: u64 = 9;
        const SOON: Duration = Duration::from_millis(300);
        let (since, before) = self.counted;
        thread::sleep(FAILS_FOR.saturating_sub(since.elapsed())); // accept goes on failing
        self.still_runs()?;
        let pauses = self.attempt.pauses().zip(before);
        let pauses = pauses.map(|(now, before)| now - before);
        let a_second = pauses.map(|n| n as f64 / since.elapsed().as_secs_f64());
        if let Some(n) = a_second.filter(|n| *n > MOST_PAUSES) {
            return Err(Fault::new(format!(
                "{FAILED}: it was tried again {n:.0} times a second"
            ))
            .breaks(self.sentence)
            .cause("the pause before the next accept is much shorter than a tenth of a second"));
        }
        self.failing.ends()?;
        let (limit, since) = (trial.limit(Duration::from_secs(1)), Instant::now());
        enter(self.failing.addr())
            .when(AGAIN)
            .breaks(self.sentence)
            .cause(TOO_LONG)?;
        let took = since.elapsed();
        let late = limit.passed(since);
        if late || took > SOON && pauses.is_some_and(|n| n < FEWEST_PAUSES) {
            return Err(Fault::new(format!(
                "{AGAIN}: only {:.1} s later was the next client served",
                took.as_secs_f64()
            ))
            .late()
            .breaks(self.sentence)
            .cause(TOO_LONG));
        }
        Ok(self.attempt)
    }
}

/// Strangers who write datagrams at a steady pace, until this is dropped.
pub struct Strangers {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Trial {
    /// Lets strangers write to an address, one datagram `every` so often.
    pub fn strangers(&self, to: SocketAddr, every: Duration) -> Step<Strangers> {
        let mut stranger = self.correspondent_at(to.ip(), 0)?;
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if stranger.send_to(b"I am your contact", to).is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                thread::sleep(every); // the pace of the strangers
            }
        });
        Ok(Strangers {
            stop,
            sent,
            thread: Some(thread),
        })
    }
}

impl Strangers {
    /// How many datagrams they have sent.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Strangers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has nothing to say
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_around_a_limit_are_in_order_and_none_is_twice() {
        assert_eq!(around(8), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(around(0), [0, 1, 2, 3, 5]);
        assert!(around(usize::MAX).contains(&usize::MAX));
    }

    #[test]
    fn a_sink_is_as_hostile_as_it_says() {
        let mut small = Sink::that_takes(3);
        assert_eq!(small.write(b"helium").expect("it takes three"), 3);
        small.write_all(b"lo").expect("it takes the rest");
        assert_eq!((&small.taken[..], small.flushed), (&b"hello"[..], 0));
        small.flush().expect("it flushes");
        assert_eq!(small.flushed, 5);
        let mut full = Sink::that_fails_after(4);
        let error = full.write_all(b"hello").expect_err("the fifth is too much");
        assert_eq!(
            (error.kind(), &full.taken[..]),
            (ErrorKind::StorageFull, &b"hell"[..])
        );
        let mut stuck = Sink::that_does_not_flush();
        stuck.write_all(b"hello").expect("it takes everything");
        assert!(stuck.flush().is_err());
    }
}
