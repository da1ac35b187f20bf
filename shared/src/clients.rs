//! Who is here, and how all of them leave: the clients of a server that has a thread for each.
//! Lesson 8 teaches it, lesson 10 uses it again. The loop around `accept` is each lesson's own.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

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

    /// Whether the machine was asked to stop.
    pub fn is_asked(&self) -> bool {
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

/// The clients that are here, by their numbers, and a limit to how many there may be.
pub struct Places {
    max: usize,
    taken: Mutex<HashMap<u64, Arc<TcpStream>>>,
    changed: Condvar,
}

/// A client's place. Dropping it gives it back, however the thread ends that holds it.
pub struct Place<'a> {
    places: &'a Places,
    number: u64,
}

impl Places {
    /// For so many clients at once.
    pub fn new(max: usize) -> Places {
        let (taken, changed) = (Mutex::default(), Condvar::new());
        Places {
            max,
            taken,
            changed,
        }
    }

    /// Looks for a free place and takes it, under one lock. `None` where all are taken.
    pub fn take(&self, number: u64, stream: &Arc<TcpStream>) -> Option<Place<'_>> {
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

    /// Has everybody leave: at once who waits for a request, after the reply who is busy with one,
    /// and after a second who is still there.
    pub fn clear(&self) {
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
