//! What any function that reads or writes should stand.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::fault::{Fault, Step};
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
