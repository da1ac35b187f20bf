//! How the machine kept pace while a check ran.
//!
//! A verdict must not hang on how fast the machine is. A thread of the kit's own sleeps a moment,
//! again and again, and now and then works a moment: how much longer both took than they should
//! tells how long the machine stalled (a stopped process, a share of a processor) and how busy it
//! was (others at work).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::patience::{Notes, Patience};

/// How long the thread sleeps each time.
const TICK: Duration = Duration::from_millis(5);

/// How long it works, of the processor's time, once in [`WORK_EVERY`] ticks.
const WORK: Duration = Duration::from_millis(4);
const WORK_EVERY: usize = 40;

/// So many moments are remembered: those of the last minute, at least.
const REMEMBERED: usize = 15_000;

/// One tick, or one piece of work.
struct Moment {
    end: Instant,
    should: Duration,
    took: Duration,
}

static MOMENTS: OnceLock<Mutex<VecDeque<Moment>>> = OnceLock::new();

/// Begins to watch the machine's pace; once is enough.
pub(super) fn watch() {
    drop(moments());
}

fn moments() -> MutexGuard<'static, VecDeque<Moment>> {
    let moments = MOMENTS.get_or_init(|| {
        thread::spawn(|| {
            for round in 0.. {
                note(TICK, || thread::sleep(TICK));
                if round % WORK_EVERY == 0 && processor_time().is_some() {
                    note(WORK, work);
                }
            }
        });
        Mutex::default()
    });
    moments.lock().unwrap_or_else(|e| e.into_inner())
}

fn note(should: Duration, act: impl Fn()) {
    let start = Instant::now();
    act();
    let end = Instant::now();
    let took = end.duration_since(start);
    let mut moments = moments();
    moments.push_back(Moment { end, should, took });
    if moments.len() > REMEMBERED {
        moments.pop_front();
    }
}

/// Works for as long as [`WORK`] says, whatever the processor's speed.
fn work() {
    let Some(begin) = processor_time() else {
        return;
    };
    while processor_time().is_some_and(|now| now < begin + WORK) {
        std::hint::spin_loop();
    }
}

/// The processor's time that this thread has used so far, where the system tells it.
pub(super) fn processor_time() -> Option<Duration> {
    #[cfg(unix)]
    return rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)
        .try_into()
        .ok();
    #[cfg(not(unix))]
    None
}

/// How the machine kept pace since a moment.
pub(super) struct Since {
    /// The longest time by which it was late.
    pub(super) stall: Duration,
    /// How many times longer things took than on an idle machine, roughly.
    pub(super) slowness: f64,
}

impl Since {
    pub(super) fn moment(start: Instant) -> Since {
        let moments = moments();
        let recent = moments.iter().rev().take_while(|moment| moment.end > start);
        let late = |moment: &Moment| moment.took.saturating_sub(moment.should);
        let (mut stall, mut lost) = (Duration::ZERO, Duration::ZERO);
        let (mut worked, mut work_took) = (Duration::ZERO, Duration::ZERO);
        for moment in recent {
            stall = stall.max(late(moment));
            if moment.should == WORK {
                worked += moment.should;
                work_took += moment.took;
            } else {
                lost += late(moment);
            }
        }
        // The thread may be in a stall just now.
        if let Some(last) = moments.back() {
            let quiet = last.end.max(start).elapsed().saturating_sub(2 * TICK);
            stall = stall.max(quiet);
            lost += quiet;
        }
        let elapsed = start.elapsed().as_secs_f64();
        let ran = (elapsed - lost.as_secs_f64()).max(elapsed / 1000.0);
        let busy = match worked {
            Duration::ZERO => 1.0,
            _ => work_took.as_secs_f64() / worked.as_secs_f64(),
        };
        let slowness = if elapsed > 0.0 { elapsed / ran } else { 1.0 };
        Since {
            stall,
            slowness: slowness.max(busy),
        }
    }
}

/// Whether the machine was so busy since a moment that a race may have gone another way than it
/// usually does.
pub(super) fn was_busy(start: Instant) -> bool {
    let since = Since::moment(start);
    since.slowness >= 2.0 || since.stall >= Duration::from_millis(50)
}

/// The rhythm of a scene in which the check itself has to keep time, such as a peer that sends a
/// byte every 50 ms.
pub struct Pace {
    last: Instant,
    longest: Duration,
}

impl Pace {
    pub(super) fn new() -> Pace {
        let (last, longest) = (Instant::now(), Duration::ZERO);
        Pace { last, longest }
    }

    /// To be called at each step of the scene.
    pub fn beat(&mut self) {
        self.longest = self.longest.max(self.last.elapsed());
        self.last = Instant::now();
    }

    /// Begins anew, after a wait for the function that is no part of the rhythm.
    pub fn restart(&mut self) {
        self.last = Instant::now();
    }

    /// The longest time between two beats so far.
    pub fn longest(&self) -> Duration {
        self.longest.max(self.last.elapsed())
    }
}

/// A length of time that a contract names, with the room that a verdict gives it.
///
/// A right function needs at most a quarter of it, a wrong one more than four times of it: the
/// proof of a check makes it four times shorter for the first and four times longer for the second.
#[derive(Clone)]
pub struct Limit {
    pub(super) named: Duration,
    scaled: Duration,
    notes: Arc<Notes>,
}

impl Patience {
    /// A length of time that a contract names.
    pub(super) fn limit(&self, named: Duration) -> Limit {
        Limit {
            named,
            scaled: named.mul_f64(self.limits),
            notes: Arc::clone(&self.notes),
        }
    }
}

impl Limit {
    /// How long it is here and now: in a proof, a quarter of what it is called, or four times.
    pub fn duration(&self) -> Duration {
        self.scaled
    }

    /// Whether it is over, if it began then.
    pub fn passed(&self, since: Instant) -> bool {
        let took = since.elapsed();
        let passed = took > self.scaled;
        if !passed {
            self.notes.needed(took, self.named);
        }
        passed
    }

    /// When it is over, if it began then.
    pub fn end(&self, since: Instant) -> Instant {
        since + self.scaled
    }
}

impl std::fmt::Display for Limit {
    /// As the learner is told: `1.2 s`.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} s", self.named.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_did_nothing_else_kept_pace() {
        watch();
        let start = Instant::now();
        let deadline = start + crate::place::PATIENCE;
        while moments().len() < 2 * WORK_EVERY {
            assert!(
                Instant::now() < deadline,
                "waited for the thread that watches"
            );
            thread::sleep(TICK); // between two looks
        }
        let since = Since::moment(start);
        assert!(since.slowness >= 1.0, "{}", since.slowness);
        assert!(since.stall <= start.elapsed(), "{:?}", since.stall);
    }

    #[test]
    fn a_pause_shows_in_the_pace() {
        let mut pace = Pace::new();
        pace.beat();
        thread::sleep(Duration::from_millis(30)); // the pause
        pace.beat();
        assert!(pace.longest() >= Duration::from_millis(30));
    }
}
