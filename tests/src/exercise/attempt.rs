use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::fault::{Fault, Step};
use super::pace::Limit;
use super::patience::Patience;

/// A learner's function at work.
pub struct Attempt<T> {
    pub(super) result: Receiver<T>,
    /// What came while somebody only wanted to know whether it had come.
    pub(super) returned: RefCell<Option<T>>,
    pub(super) patience: Patience,
    pub(super) thread: Option<Thread>,
}

impl<T> Attempt<T> {
    /// Waits until the function returns.
    pub fn result(&self) -> Step<T> {
        let started = Instant::now();
        let result = self.result_within(self.patience.left());
        self.patience.notes.waited(started.elapsed());
        result
    }

    /// Waits until the function returns, at most so long from now.
    pub fn result_within(&self, within: Duration) -> Step<T> {
        self.wait(within, || format!("{:.1} s", within.as_secs_f64()))
    }

    /// Waits until the function returns, at most until the limit is over that began then.
    pub fn result_by(&self, limit: &Limit, since: Instant) -> Step<T> {
        let left = limit.end(since).saturating_duration_since(Instant::now());
        let result = self.wait(left, || limit.to_string())?;
        self.patience.notes.needed(since.elapsed(), limit.named);
        Ok(result)
    }

    fn wait(&self, within: Duration, how_long: impl Fn() -> String) -> Step<T> {
        if let Some(returned) = self.returned.take() {
            return Ok(returned);
        }
        self.result
            .recv_timeout(within)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => {
                    let how_long = how_long();
                    Fault::new(format!("your function had not returned {how_long} later")).late()
                }
                RecvTimeoutError::Disconnected => Fault::new("your function panicked"),
            })
    }

    /// Checks that the function is still at work.
    pub fn still_runs(&self) -> Step {
        match self.has_ended() {
            false => Ok(()),
            true if self.returned.borrow().is_some() => {
                Err(Fault::new("your function returned too early"))
            }
            true => Err(Fault::new("your function panicked")),
        }
    }

    /// Whether the function has returned, or panicked. What it returned is still there.
    pub fn has_ended(&self) -> bool {
        if self.returned.borrow().is_some() {
            return true;
        }
        match self.result.try_recv() {
            Ok(returned) => self.returned.replace(Some(returned)).is_none(),
            Err(error) => error == TryRecvError::Disconnected,
        }
    }

    /// How often the function's thread has begun to wait so far: in a sleep, or for the system.
    /// `None` where the system does not tell: elsewhere than on Linux, or when it has returned.
    pub fn pauses(&self) -> Option<u64> {
        self.thread.as_ref().and_then(Thread::pauses)
    }

    /// Checks that the function waits without using the processor, when for so long there is
    /// nothing to do for it. Sees only the thread in which the function was called, and only on
    /// Linux; elsewhere it just lets the time pass.
    ///
    /// It looks again and again whether the thread sleeps. On a very busy machine also one that
    /// does sleep waits for a processor each time it wakes up, so it may need up to three times as
    /// long to see that; a thread that spins never sleeps.
    pub fn expect_idle(&self, during: Duration) -> Step {
        for _ in 0..3 {
            let end = Instant::now() + during;
            let (mut looks, mut asleep) = (0, 0);
            while Instant::now() < end {
                match self.thread.as_ref().and_then(Thread::sleeps) {
                    Some(sleeps) => asleep += i32::from(sleeps),
                    None => asleep += 1, // not Linux, or the function has returned
                }
                looks += 1;
                thread::sleep(Duration::from_millis(5)); // until the next look
            }
            if asleep * 4 >= looks {
                return Ok(());
            }
        }
        Err(Fault::new(format!(
            "for {:.1} s there was nothing to do, and your function wanted the processor all the time",
            during.as_secs_f64(),
        ))
        .late()) // a thread that waits for its turn looks like one that works
    }
}

/// Where Linux tells what a thread is doing.
pub(super) struct Thread(PathBuf);

impl Thread {
    pub(super) fn this() -> Option<Thread> {
        let thread = fs::read_link("/proc/thread-self").ok()?;
        Some(Thread(Path::new("/proc").join(thread)))
    }

    /// Whether it waits for something other than a processor.
    fn sleeps(&self) -> Option<bool> {
        let text = fs::read_to_string(self.0.join("stat")).ok()?;
        // The name stands in parentheses and may contain anything; the state is behind it.
        let (_, behind) = text.rsplit_once(')')?;
        Some(!behind.trim_start().starts_with('R'))
    }

    /// How often it gave the processor away of itself.
    fn pauses(&self) -> Option<u64> {
        let text = fs::read_to_string(self.0.join("status")).ok()?;
        let mut lines = text.lines();
        let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        count.trim().parse().ok()
    }
}
