//! Lesson 8's machine: a thread for each client, up to a limit, and an orderly stop. Read it there.
//!
//! New is what becomes of a client for whom there is no place. In lesson 8 it waited for a greeting,
//! and a few bytes and a close were enough. An HTTP client has sent its request already: closing
//! without having read that sends RST, and the answer is lost. Somebody has to read it, and that
//! must not be the thread that accepts.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use shared::{read_by, warn, write_all_by};

/// How long a handler has to complete its answer when the machine stops.
const GRACE: Duration = Duration::from_secs(1);

/// So many who found no place may wait to be told so; further ones are just closed.
const MAX_TURNED_AWAY: usize = 64;

/// How long each of them has to send its request and take the answer.
const FAREWELL: Duration = Duration::from_millis(250);

/// The size of each thread's stack, in bytes. `Incoming` reads into 16 KiB of it.
const STACK: usize = 256 * 1024;

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

/// Serves client after client, each in a thread of its own, at most so many at once, until it is
/// asked to stop. Who finds no place is sent `busy`. Returns when every thread has ended: within two
/// seconds, unless a handler does something for longer that is neither reading nor writing.
///
/// `handle` is called with each client. When it returns, or panics, the connection is closed.
pub fn serve(
    listener: TcpListener,
    max_clients: usize,
    busy: &[u8],
    stop: &Stop,
    handle: impl Fn(&Client) + Sync,
) {
    let places = Places::new(max_clients);
    let (handle, places) = (&handle, &places);
    let leaving = &AtomicUsize::new(0);
    let mut number = 0;

    thread::scope(|scope| {
        while !stop.is_asked() {
            let (stream, addr) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!("cannot accept a client: {error}");
                    thread::sleep(Duration::from_millis(100)); // too many open files, say
                    continue;
                }
            };
            if stop.is_asked() {
                break; // perhaps this is no client, but `Stop::ask`, which has woken us
            }
            let stream = Arc::new(stream);
            let Some(place) = places.take(number + 1, &stream) else {
                warn!("{addr} was turned away: no more than {max_clients} at once");
                if leaving.fetch_add(1, Ordering::SeqCst) >= MAX_TURNED_AWAY {
                    leaving.fetch_sub(1, Ordering::SeqCst);
                    continue;
                }
                let farewell = thread::Builder::new().stack_size(STACK);
                let farewell = farewell.spawn_scoped(scope, move || {
                    see_off(&stream, busy);
                    leaving.fetch_sub(1, Ordering::SeqCst);
                });
                if farewell.is_err() {
                    leaving.fetch_sub(1, Ordering::SeqCst); // it is closed without a word
                }
                continue;
            };
            number += 1;
            let client = Client {
                stream,
                addr,
                number,
            };
            let thread = thread::Builder::new()
                .name(format!("client {number}"))
                .stack_size(STACK)
                .spawn_scoped(scope, move || {
                    let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(&client)));
                    if handled.is_err() {
                        warn!("{client} is gone: its handler panicked");
                    }
                    drop(place); // first: whoever sees the connection close finds a place
                });
            if let Err(error) = thread {
                warn!("#{number} {addr} is gone: no thread for it: {error}");
            }
        }
        drop(listener); // from here on, the system refuses new clients
        places.clear();
    });
}

/// Tells a client that there is no place, and reads on until it has closed as well. How much it may
/// send is limited by the time alone.
fn see_off(stream: &TcpStream, busy: &[u8]) {
    let deadline = Instant::now() + FAREWELL;
    let told = write_all_by(stream, busy, deadline);
    if told.is_ok() && stream.shutdown(Shutdown::Write).is_ok() {
        while let Ok(1..) = read_by(stream, &mut [0; 1024], deadline) {}
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
            let _ = TcpStream::connect_timeout(&self.door, GRACE); // wakes it in `accept`
        }
        before
    }

    /// Whether the machine was asked to stop: then nobody should wait for another request.
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

    /// Has everybody leave: at once who waits for a request, after the answer who is busy with one,
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
