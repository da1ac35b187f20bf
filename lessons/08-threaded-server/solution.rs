//! One way to solve the exercises of lesson 8. Try your own first.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use threaded_server::contract::{Handler, MAX_WAITING};
use threaded_server::{FULL, MAX_LINE};

/// The next client. When `accept` fails, tries again after a pause.
fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return stream,
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// 8.1 Fifty clients at once.
pub fn serve(listener: &TcpListener, clients: usize, handle: Handler) -> usize {
    let mut threads = Vec::new();
    while threads.len() < clients {
        let stream = accept(listener);
        let handle = Arc::clone(&handle);
        // `thread::spawn` would panic where the system refuses a thread.
        match thread::Builder::new().spawn(move || handle(stream)) {
            Ok(thread) => threads.push(thread),
            Err(_) => thread::sleep(Duration::from_millis(100)), // its client is closed
        }
    }
    // `join` gives an error where the thread has panicked.
    let ended = threads.into_iter().map(thread::JoinHandle::join);
    ended.filter(Result::is_err).count()
}

/// 8.2 At most so many.
pub fn serve_at_most(
    listener: &TcpListener,
    clients: usize,
    places: usize,
    handle: Handler,
) -> usize {
    let taken = AtomicUsize::new(0);
    let (mut served, mut turned_away) = (0, 0);
    thread::scope(|scope| {
        while served < clients {
            let mut stream = accept(listener);
            // Taken here, by the only thread that takes places: nobody comes in between.
            let Some(place) = Place::take(&taken, places) else {
                let _ = stream.write_all(FULL); // always fits into the empty buffer
                turned_away += 1;
                continue;
            };
            let handle = &handle;
            let thread = thread::Builder::new().spawn_scoped(scope, move || {
                let _place = place; // dropped at the end, after a panic as well
                // A scope panics if one of its threads has.
                let _ = panic::catch_unwind(AssertUnwindSafe(|| handle(stream)));
            });
            match thread {
                Ok(_) => served += 1,
                Err(_) => thread::sleep(Duration::from_millis(100)), // its client is closed
            }
        }
    });
    turned_away
}

/// One of the places. Dropping it gives it back.
struct Place<'a>(&'a AtomicUsize);

impl Place<'_> {
    fn take(taken: &AtomicUsize, places: usize) -> Option<Place<'_>> {
        if taken.fetch_add(1, Ordering::SeqCst) < places {
            return Some(Place(taken));
        }
        taken.fetch_sub(1, Ordering::SeqCst);
        None
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// 8.3 A chat room in which one stuck client stalls nobody.
///
/// Each client has two threads: one reads its lines and puts them into the queues of the others,
/// one writes what waits in its own queue. Only the writer ever waits for the client.
pub fn chat(listener: &TcpListener, clients: usize) {
    let room = &Room::default();
    thread::scope(|scope| {
        for number in 1..=clients {
            let stream = Arc::new(accept(listener));
            let (queue, lines) = mpsc::sync_channel::<Line>(MAX_WAITING);
            let greeting = format!("you are {number}\n").into_bytes();
            let _ = queue.try_send(greeting.into()); // the first in an empty queue
            let member = Member {
                queue,
                stream: Arc::clone(&stream),
            };
            room.members().insert(number, member);

            let theirs = Arc::clone(&stream);
            let writer = thread::Builder::new().spawn_scoped(scope, move || {
                // Ends when the member has left, and with it the queue's other end.
                for line in lines {
                    if theirs.as_ref().write_all(&line).is_err() {
                        room.put_out(number); // wakes the reader
                    }
                }
            });
            let reader = thread::Builder::new().spawn_scoped(scope, move || {
                let _ = read_lines(&stream, |line| room.say(number, line));
                room.put_out(number); // wakes the writer
            });
            if writer.is_err() || reader.is_err() {
                room.put_out(number);
            }
        }
    });
}

/// Shared by all for whom it waits.
type Line = Arc<[u8]>;

struct Member {
    queue: SyncSender<Line>,
    stream: Arc<TcpStream>,
}

impl Member {
    /// Wakes the threads that wait for this client in `read` and `write`.
    fn put_out(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

#[derive(Default)]
struct Room {
    members: Mutex<HashMap<usize, Member>>,
}

impl Room {
    /// Puts a line into everybody else's queue. Nothing here waits for a client.
    fn say(&self, from: usize, line: &[u8]) {
        let line: Line = [format!("{from}: ").as_bytes(), line, b"\n"]
            .concat()
            .into();
        let mut members = self.members();
        let full = members.extract_if(|&number, member| {
            number != from && member.queue.try_send(Arc::clone(&line)).is_err()
        });
        full.for_each(|(_, member)| member.put_out());
    }

    fn put_out(&self, number: usize) {
        let member = self.members().remove(&number);
        if let Some(member) = member {
            member.put_out();
        }
    }

    fn members(&self) -> MutexGuard<'_, HashMap<usize, Member>> {
        let members = self.members.lock();
        members.expect("nobody panics while holding the members")
    }
}

/// Calls `say` with each line, until the client has finished.
fn read_lines(stream: &TcpStream, say: impl Fn(&[u8])) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        // One byte more than a line may have: its `\n`, or the byte too many.
        (&mut reader)
            .take(MAX_LINE as u64 + 1)
            .read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() > MAX_LINE {
            return Err(io::Error::other("the line is too long"));
        }
        say(&line);
    }
}
