//! Lesson 8: many at once. Read `docs/08-threaded-server.md` beside it.
//!
//! This file is the machine: it accepts clients, counts them, turns away those for whom there is
//! no place, starts a thread for each of the others, and stops in order. What is done with one
//! client is a function that the machine is given; ours is in `src/bin/threaded-server.rs`.

pub mod contract;
mod lines;

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use shared::warn;

pub use lines::{LineReader, MAX_LINE, Received};

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8808";

/// What a client is told for whom there is no place.
pub const FULL: &[u8] = b"server full\n";

/// How long a handler has to complete its reply when the machine stops.
const GRACE: Duration = Duration::from_secs(1);

/// One client, as its handler sees it. It is displayed as `#NUMBER IP:PORT`.
pub struct Client {
    /// The connection. The machine holds it too, to wake a handler that waits in `read`.
    pub stream: Arc<TcpStream>,
    /// Where it comes from.
    pub addr: SocketAddr,
    /// 1 for the first client that got a place, and so on.
    pub number: u64,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "#{} {}", self.number, self.addr)
    }
}

/// What the machine may use.
#[derive(Clone, Copy)]
pub struct Limits {
    /// How many clients may be there at once.
    pub max_clients: usize,
    /// The size of each thread's stack, in bytes. The system may round it up.
    pub stack_size: usize,
}

/// Serves client after client, each in a thread of its own, until it is asked to stop. Returns
/// when every thread has ended: within two seconds, unless a handler does something for longer
/// that is neither reading nor writing.
///
/// `handle` is called with each client. When it returns, or panics, the connection is closed.
pub fn serve(listener: TcpListener, limits: Limits, stop: &Stop, handle: impl Fn(&Client) + Sync) {
    let places = Places::new(limits.max_clients);
    let (handle, places) = (&handle, &places);
    let mut number = 0;

    // The scope ends when all of its threads have ended.
    thread::scope(|scope| {
        while !stop.is_asked() {
            let (stream, addr) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!("cannot accept a client: {error}");
                    // Too many open files, say. The client stays in the queue, so accept would
                    // fail again at once.
                    thread::sleep(Duration::from_millis(100));
                    continue;
                }
            };
            if stop.is_asked() {
                break; // perhaps this is no client, but `Stop::ask`, which has woken us
            }

            // The place is taken here, before the thread is there: if each thread took its own,
            // ten clients could find the same last place free.
            let stream = Arc::new(stream);
            let Some(place) = places.take(number + 1, &stream) else {
                warn!(
                    "{addr} was turned away: no more than {} at once",
                    limits.max_clients
                );
                // So few bytes always fit into the empty buffer: nobody waits for this client. It
                // waits for a greeting and has sent nothing, so closing does not reset (lesson 1).
                let _ = stream.as_ref().write_all(FULL);
                continue;
            };
            number += 1;
            let client = Client {
                stream,
                addr,
                number,
            };

            // `thread::spawn` would panic where the system refuses a thread, and end the server.
            let thread = thread::Builder::new()
                .name(format!("client {number}"))
                .stack_size(limits.stack_size)
                .spawn_scoped(scope, move || {
                    // A handler's panic ends its client and nothing else.
                    let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(&client)));
                    if handled.is_err() {
                        warn!("{client} is gone: its handler panicked");
                    }
                    drop(place); // first: whoever sees the connection close finds a place
                });
            if let Err(error) = thread {
                // The thread's closure is dropped, and with it the connection and the place.
                warn!("#{number} {addr} is gone: no thread for it: {error}");
            }
        }

        drop(listener); // from here on, the system refuses new clients
        places.clear();
    });
}

/// The way to stop the machine from another thread.
pub struct Stop {
    asked: AtomicBool,
    /// Where the machine waits for clients.
    door: SocketAddr,
}

impl Stop {
    /// For the machine that will use this listener.
    ///
    /// # Errors
    /// The system does not tell the listener's address.
    pub fn new(listener: &TcpListener) -> io::Result<Stop> {
        let asked = AtomicBool::new(false);
        let door = reachable(listener.local_addr()?);
        Ok(Stop { asked, door })
    }

    /// Asks the machine to stop. Says whether it had been asked before.
    pub fn ask(&self) -> bool {
        let before = self.asked.swap(true, Ordering::SeqCst);
        if !before {
            // The machine waits in `accept`, and no portable call wakes it there. A client does.
            // If the queue is full, this fails, and the machine does not wait.
            let _ = TcpStream::connect_timeout(&self.door, GRACE);
        }
        before
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

/// 0.0.0.0 and [::] are addresses to listen on; not every system connects to them.
fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    addr
}

/// The clients that are here, by their numbers.
struct Places {
    max: usize,
    taken: Mutex<HashMap<u64, Arc<TcpStream>>>,
    changed: Condvar,
}

/// A client's place. Dropping it gives it back, however the thread ends that holds it.
struct Place<'a> {
    places: &'a Places,
    number: u64,
}

impl Places {
    fn new(max: usize) -> Places {
        let (taken, changed) = (Mutex::default(), Condvar::new());
        Places {
            max,
            taken,
            changed,
        }
    }

    /// Looks for a free place and takes it, under one lock.
    fn take(&self, number: u64, stream: &Arc<TcpStream>) -> Option<Place<'_>> {
        let mut taken = self.lock();
        if taken.len() >= self.max {
            return None;
        }
        taken.insert(number, Arc::clone(stream));
        Some(Place {
            places: self,
            number,
        })
    }

    /// Has everybody leave: at once who waits for a line, after the reply who is busy with one,
    /// and after `GRACE` who is still there.
    fn clear(&self) {
        self.shut_down(Shutdown::Read); // a handler that waits in `read` now reads 0: the end
        let taken = self.lock();
        let left = self
            .changed
            .wait_timeout_while(taken, GRACE, |taken| !taken.is_empty());
        drop(left); // the lock, which the threads need to give back their places
        self.shut_down(Shutdown::Both); // a handler that waits in `write` now gets an error
    }

    fn shut_down(&self, how: Shutdown) {
        for stream in self.lock().values() {
            let _ = stream.shutdown(how); // the client may be gone already
        }
    }

    /// Nobody does anything slow while holding this lock: no reading, no writing, no printing.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<TcpStream>>> {
        let taken = self.taken.lock();
        taken.expect("no thread panics while it holds the places")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.lock().remove(&self.number);
        self.places.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knocks_at_an_address_that_can_be_reached() {
        for (listening, door) in [
            ("0.0.0.0:8808", "127.0.0.1:8808"),
            ("[::]:8808", "[::1]:8808"),
            ("127.0.0.2:8808", "127.0.0.2:8808"),
        ] {
            let listening = listening.parse().expect("it is an address");
            assert_eq!(reachable(listening).to_string(), door);
        }
    }
}
