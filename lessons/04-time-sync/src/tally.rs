use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{mem, process};

use shared::{Addr, Failure, say};

use crate::{Sample, Summary};

/// The summary of a client, which two threads need: the one that asks, and the one that waits for
/// Ctrl-C.
#[derive(Clone, Debug)]
pub struct Tally {
    addr: Addr,
    summary: Arc<Mutex<Summary>>,
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
            summary: Arc::default(),
        };
        let waiting = tally.clone();
        // It runs in a thread of its own, whatever the program is waiting for.
        let handler = move || {
            say!(""); // the terminal shows ^C in this line
            let code = match waiting.conclude() {
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
        self.lock().sent += 1;
    }

    /// Counts an answer.
    pub fn received(&self, round_trip: Duration) {
        self.lock().received(round_trip);
    }

    /// Keeps the sample with the shortest round trip.
    pub fn sampled(&self, sample: Sample) {
        self.lock().sampled(sample);
    }

    /// Prints the summary. Afterwards the program must end: a tally is concluded once, and whoever
    /// uses it again waits for ever.
    ///
    /// # Errors
    /// There were questions, and not one answer.
    pub fn conclude(&self) -> Result<(), Failure> {
        let summary = self.lock();
        say!("{summary}");
        let nothing_came = summary.nothing_came();
        // The lock stays: the program ends now, and the other thread must not print a second
        // summary meanwhile.
        mem::forget(summary);
        if !nothing_came {
            return Ok(());
        }
        let addr = &self.addr;
        Err(
            Failure::new(format!("nothing came back from {addr}")).hint(format!(
                "is a server there? cargo run --bin time-server -- --addr {addr}"
            )),
        )
    }

    fn lock(&self) -> MutexGuard<'_, Summary> {
        // The numbers are right even if a thread panicked while it held them.
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
