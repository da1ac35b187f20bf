//! What the tap has shown and not yet passed on.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How long Ctrl-C waits for it: a delay may be long, and a peer may take nothing.
const ENOUGH: Duration = Duration::from_secs(1);

/// How many pieces and datagrams are on their way.
#[derive(Default)]
pub struct OnTheWay {
    count: Mutex<usize>,
    none: Condvar,
}

/// One of them, until this is dropped.
pub struct Passage(&'static OnTheWay);

impl OnTheWay {
    /// Counts one. Whoever shows a piece asks for this first: what is shown is passed on, also when
    /// Ctrl-C is pressed a moment later.
    pub fn begin(&'static self) -> Passage {
        *self.lock() += 1;
        Passage(self)
    }

    /// Waits until everything has been passed on, or for a second.
    pub fn wait(&self) {
        let waited = self
            .none
            .wait_timeout_while(self.lock(), ENOUGH, |count| *count > 0);
        drop(waited.expect("no thread panics while it holds this"));
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count
            .lock()
            .expect("no thread panics while it holds this")
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let mut count = self.0.lock();
        *count -= 1;
        if *count == 0 {
            self.0.none.notify_all();
        }
    }
}
