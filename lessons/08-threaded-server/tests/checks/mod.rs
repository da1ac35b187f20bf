//! What "right" means for each exercise of lesson 8: functions to which any solution is handed.

pub mod places;
pub mod room;
pub mod serve;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::panic;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use course::exercise::{Explain, Peer, Step, TOTAL};
use threaded_server::contract::Handler;

const THE_IDEA: &str = "docs/08-threaded-server.md: The idea";
const READ_THE_CODE: &str = "docs/08-threaded-server.md: Read the code";
const NO_PLACE: &str = "docs/08-threaded-server.md: No place";
const COSTS: &str = "docs/08-threaded-server.md: What a thread costs";
const SHARED_STATE: &str = "docs/08-threaded-server.md: Shared state";
const ONE_CLIENT: &str = "docs/08-threaded-server.md: One client";
const HOW_TO_STOP: &str = "docs/08-threaded-server.md: How to stop";
const AS_SLOW: &str = "docs/08-threaded-server.md: As slow as possible";

/// The handlers that are at work, and those that have ended.
#[derive(Clone, Default)]
struct Crowd(Arc<Seen>);

#[derive(Default)]
struct Seen {
    at_work: AtomicUsize,
    /// How many were at work at the same time, at most.
    most: AtomicUsize,
    panics: AtomicUsize,
    /// The threads of those that have ended: where Linux tells of them.
    ended: Mutex<Vec<Option<PathBuf>>>,
}

impl Crowd {
    /// Greets, then sends back each line; panics at the line `boom`.
    fn handler(&self) -> Handler {
        let crowd = self.clone();
        Arc::new(move |stream: TcpStream| {
            let _here = crowd.enter();
            let _ = stream.set_read_timeout(Some(TOTAL * 10)); // never for ever
            let _ = stream.set_nodelay(true);
            let mut lines = BufReader::new(&stream);
            let _ = (&stream).write_all(HELLO);
            let mut line = Vec::new();
            while let Ok(1..) = lines.read_until(b'\n', &mut line) {
                if line == BOOM {
                    // A panic like any other, but without the lines on stderr.
                    // What it carries is nobody's business.
                    let panics = crowd.0.panics.fetch_add(1, Ordering::SeqCst);
                    panic::resume_unwind(match panics % 3 {
                        0 => Box::new("boom"),
                        1 => Box::new(String::from("boom")),
                        _ => Box::new(42),
                    });
                }
                let _ = (&stream).write_all(&line);
                line.clear();
            }
        })
    }

    fn enter(&self) -> Here {
        let now = self.0.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        Here(self.clone())
    }

    fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    fn ended(&self) -> MutexGuard<'_, Vec<Option<PathBuf>>> {
        self.0.ended.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Waits until the threads of all handlers that have ended are gone: then all has been done that
    /// they do behind their handlers. Where they stay (they are used again), or the system does not
    /// tell, half a second has to do.
    fn wait_for_threads(&self) {
        for _ in 0..50 {
            let exists = |thread: &Option<PathBuf>| thread.as_ref().is_none_or(|t| t.exists());
            if !self.ended().iter().any(exists) {
                return;
            }
            thread::sleep(Duration::from_millis(10)); // until the next look
        }
    }
}

/// One handler at work.
struct Here(Crowd);

impl Drop for Here {
    fn drop(&mut self) {
        self.0.0.at_work.fetch_sub(1, Ordering::SeqCst);
        let thread = fs::read_link("/proc/thread-self").ok();
        let thread = thread.map(|thread| PathBuf::from("/proc").join(thread));
        self.0.ended().push(thread);
    }
}

const HELLO: &[u8] = b"hello\n";
const BOOM: &[u8] = b"boom\n";

const ALONE: &str = "clients wait for each other: the handler runs in the thread that accepts, or \
    its thread is joined in the loop, or it runs under a lock, or only so many threads are there";
const KEPT: &str = "the connection is still open somewhere: a clone, or a list of streams";

const AT_ONCE: &str = "Calls `handle` with each as soon as";
const CLOSED: &str = "Keeps nothing of the connection";

/// One line there and back.
fn talk(client: &mut Peer, who: &str) -> Step {
    client.send(b"is anybody there?\n")?;
    client
        .expect(b"is anybody there?\n", "its handler should answer")
        .when(who)
}

/// The client has finished, so its handler ends.
fn leave(mut client: Peer, who: &str) -> Step {
    client.half_close()?;
    client
        .expect_end("when the handler has ended, the connection should be closed")
        .when(who)
        .cause(KEPT)
}
