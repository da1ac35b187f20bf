use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::{Addr, Failure, say};

use crate::summary::{Sample, Summary};

/// The summary of a client, which two threads need: the one that asks, and the one that waits for
/// Ctrl-C.
#[derive(Clone, Debug)]
pub struct Tally {
    addr: Addr,
    count: Arc<Mutex<Count>>,
}

#[derive(Debug, Default)]
struct Count {
    summary: Summary,
    /// Whether the program prints it, because it ends by itself.
    concluded: bool,
}

impl Tally {
    /// Begins to count what the server at `addr` is asked. Ctrl-C now concludes the tally and
    /// ends the program.
    ///
    /// # Errors
    /// The system does not let a program wait for Ctrl-C.
    pub fn start(addr: &Addr) -> Result<Tally, Failure> {
        let tally = Tally {
            addr: addr.clone(),
            count: Arc::default(),
        };
        let waiting = tally.clone();
        // It runs in a thread of its own, whatever the program is waiting for.
        let handler = move || {
            // Held until the program has ended: the other thread counts and says no more.
            let count = waiting.lock();
            if count.concluded {
                return;
            }
            say!(""); // the terminal shows ^C in this line
            let code = match waiting.tell(&count.summary) {
                Ok(()) => 0,
                Err(failure) => {
                    failure.print();
                    1
                }
            };
            process::exit(code);
        };
        ctrlc::set_handler(handler)
            .map_err(|e| Failure::new(format!("cannot wait for Ctrl-C: {e}")))?;
        Ok(tally)
    }

    /// Counts a question.
    pub fn sent(&self) {
        self.lock().summary.sent += 1;
    }

    /// Counts an answer.
    pub fn received(&self, round_trip: Duration) {
        self.lock().summary.received(round_trip);
    }

    /// Keeps the sample with the shortest round trip.
    pub fn sampled(&self, sample: Sample) {
        self.lock().summary.sampled(sample);
    }

    /// Prints the summary, when the program ends by itself. Ctrl-C prints no second one.
    ///
    /// # Errors
    /// There were questions, and not one answer.
    pub fn conclude(&self) -> Result<(), Failure> {
        let mut count = self.lock();
        count.concluded = true;
        self.tell(&count.summary)
    }

    fn tell(&self, summary: &Summary) -> Result<(), Failure> {
        say!("{summary}");
        if !summary.nothing_came() {
            return Ok(());
        }
        let addr = &self.addr;
        Err(
            Failure::new(format!("nothing came back from {addr}")).hint(format!(
                "is a server there? cargo run --bin time-server -- --addr {addr}"
            )),
        )
    }

    fn lock(&self) -> MutexGuard<'_, Count> {
        // The numbers are right even if a thread panicked while it held them.
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
