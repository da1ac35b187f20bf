//! Lesson 8's machine: a thread for each client, up to a limit, and an orderly stop. Read it there;
//! what both have in common is in `shared`.
//!
//! New is what becomes of a client for whom there is no place. In lesson 8 it waited for a greeting,
//! and a few bytes and a close were enough. An HTTP client has sent its request already: closing
//! without having read that sends RST, and the answer is lost. Somebody has to read it, and that
//! must not be the thread that accepts.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shared::{Client, Places, Stop, read_by, warn, write_all_by};

/// So many who found no place may wait to be told so; further ones are just closed.
const MAX_TURNED_AWAY: usize = 64;

/// How long each of them has to send its request and take the answer.
const FAREWELL: Duration = Duration::from_millis(250);

/// The size of each thread's stack, in bytes. `Incoming` reads into 16 KiB of it.
const STACK: usize = 256 * 1024;

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
