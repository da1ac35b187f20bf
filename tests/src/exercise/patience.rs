//! How long a check waits, and what it learns about its own time.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a check waits for any single thing, at most. Every right function does it in a small
/// part of that; on a machine that stalls, the check is tried again with more patience.
pub const WAIT: Duration = Duration::from_secs(3);

/// How long a whole check may take. Only a function that makes many of its waits long needs that.
pub const TOTAL: Duration = Duration::from_secs(60);

/// Who is checked: a proof knows whether the function is right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nobody knows.
    Learner,
    /// It is right, so it has to need at most a quarter of each wait.
    Right,
    /// It is wrong, so it has to need more than four times of each limit that a contract names.
    Mistake,
}

thread_local! {
    /// What the checks are told that this thread starts.
    pub(super) static MODE: Cell<Mode> = const { Cell::new(Mode::Learner) };

    /// What the last check that this thread started has noted.
    pub(super) static LAST_NOTES: RefCell<Arc<Notes>> = RefCell::default();
}

impl Mode {
    fn wait(self) -> Duration {
        match self {
            Mode::Learner => WAIT,
            Mode::Right => WAIT / 4,
            Mode::Mistake => WAIT / 2, // it waits for what will not come
        }
    }

    fn limits(self) -> f64 {
        match self {
            Mode::Learner => 1.0,
            Mode::Right => 0.25,
            Mode::Mistake => 4.0,
        }
    }

    /// How many times longer the waits are at each try, where the machine stalled.
    pub(super) fn tries(self) -> &'static [u32] {
        match self {
            Mode::Learner => &[1, 4, 8],
            Mode::Right => &[1, 4, 16, 32],
            Mode::Mistake => &[1],
        }
    }
}

/// The patience of one run of a check.
#[derive(Clone)]
pub(super) struct Patience {
    pub(super) end: Instant,
    pub(super) wait: Duration,
    pub(super) limits: f64,
    pub(super) notes: Arc<Notes>,
}

impl Patience {
    pub(super) fn new(mode: Mode, stretch: u32) -> Patience {
        Patience {
            end: Instant::now() + TOTAL * stretch,
            wait: mode.wait() * stretch,
            limits: mode.limits() * f64::from(stretch),
            notes: Arc::default(),
        }
    }

    /// The time that a single wait may take now.
    pub(super) fn left(&self) -> Duration {
        time_left(self.end, self.wait)
    }
}

/// At least a moment, because no socket takes a timeout of zero.
pub(super) fn time_left(end: Instant, longest: Duration) -> Duration {
    let left = end.saturating_duration_since(Instant::now());
    left.max(Duration::from_millis(1)).min(longest)
}

/// What a run of a check learnt about its own time.
#[derive(Default)]
pub(super) struct Notes {
    /// Some wait took all the patience that there was.
    ran_out: AtomicBool,
    /// Some scene was never played at its pace, so nothing was learnt from it.
    unlearnt: AtomicBool,
    margins: Mutex<Margins>,
}

/// The closest that a run came to its limits.
#[derive(Clone, Copy, Default)]
pub(super) struct Margins {
    /// The longest wait for anything.
    pub(super) wait: Duration,
    /// What was needed of a limit that the contract names, and that limit, where the ratio is
    /// smallest.
    pub(super) limit: Option<(Duration, Duration)>,
}

impl Notes {
    pub(super) fn ran_out(&self) {
        self.ran_out.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_run_out(&self) -> bool {
        self.ran_out.load(Ordering::Relaxed)
    }

    pub(super) fn learnt_nothing(&self) {
        self.unlearnt.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_learnt_nothing(&self) -> bool {
        self.unlearnt.load(Ordering::Relaxed)
    }

    pub(super) fn waited(&self, took: Duration) {
        let mut margins = self.margins();
        margins.wait = margins.wait.max(took);
    }

    pub(super) fn needed(&self, took: Duration, of: Duration) {
        let mut margins = self.margins();
        let ratio = |(took, of): (Duration, Duration)| of.as_secs_f64() / took.as_secs_f64();
        if margins
            .limit
            .is_none_or(|limit| ratio((took, of)) < ratio(limit))
        {
            margins.limit = Some((took, of));
        }
    }

    pub(super) fn margins(&self) -> MutexGuard<'_, Margins> {
        self.margins.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_quarter_for_what_is_right_and_four_times_for_a_mistake() {
        let second = Duration::from_secs(1);
        let scaled = |mode| Patience::new(mode, 1).limit(second).duration();
        assert_eq!(scaled(Mode::Learner), second);
        assert_eq!(scaled(Mode::Right), second / 4);
        assert_eq!(scaled(Mode::Mistake), 4 * second);
        assert_eq!(Patience::new(Mode::Learner, 8).wait, 8 * WAIT);
    }
}
