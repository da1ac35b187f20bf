//! Lesson 8: many at once. Read `docs/08-threaded-server.md` beside it.
//!
//! This file is the machine: it accepts clients, counts them, turns away those for whom there is
//! no place, starts a thread for each of the others, and stops in order. What is done with one
//! client is a function that the machine is given; ours is in `src/bin/threaded-server.rs`. Who is
//! here and how all of them leave is in `shared/src/clients.rs`, because lesson 10 uses it again.

pub mod contract;
mod lines;

use std::io::Write;
use std::net::TcpListener;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use shared::{Places, warn};

pub use lines::{LineReader, MAX_LINE, Received};
pub use shared::{Client, Stop};

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8808";

/// What a client is told for whom there is no place.
pub const FULL: &[u8] = b"server full\n";

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
