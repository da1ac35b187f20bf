//! Two threads for each client: one reads its lines, one writes what waits for it. Only the writer
//! ever waits for the client to take something.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use shared::{read_by, say, warn};

use crate::{
    FULL, GOODBYE, Heard, Limits, Lines, MAX_LINE, MAX_UNREAD, Outboxes, PAUSE, Service, Stop,
    Visitor, unread,
};

/// The size of each thread's stack; std's default is 2 MiB.
const STACK: usize = 256 * 1024;

/// Windows wakes no call that waits when the socket is shut down. So there a read looks up now and
/// then, and a client that takes nothing has to leave.
const LONGEST_READ: Option<Duration> = if cfg!(windows) {
    Some(Duration::from_millis(250))
} else {
    None
};
const LONGEST_WRITE: Option<Duration> = if cfg!(windows) {
    Some(Duration::from_secs(10))
} else {
    None
};

/// Serves clients, each in two threads of its own, until it is asked to stop, then says goodbye to
/// those who are here, which takes two seconds at most.
///
/// # Errors
/// The system refuses the listener.
pub fn serve(
    listener: TcpListener,
    limits: Limits,
    stop: &Stop,
    service: impl Service + Send,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let house = &Mutex::new(House {
        service,
        outboxes: HashMap::new(),
    });
    let mut number = 0;
    thread::scope(|scope| {
        loop {
            wait(&listener, stop)?;
            if stop.is_asked() {
                break;
            }
            let (stream, addr) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(e) if e.kind() == ErrorKind::WouldBlock => continue, // gone again
                Err(error) => {
                    warn!("cannot accept a client: {error}");
                    thread::sleep(PAUSE); // nobody else waits for this thread
                    continue;
                }
            };
            // Some systems hand the listener's mode down.
            if stream.set_nonblocking(false).is_err()
                || stream.set_nodelay(true).is_err()
                || stream.set_write_timeout(LONGEST_WRITE).is_err()
            {
                continue;
            }
            number += 1;
            let visitor = Visitor { number, addr };
            let builder = || thread::Builder::new().stack_size(STACK);
            let id = usize::try_from(number).unwrap_or(usize::MAX);
            if lock(house).outboxes.len() >= limits.max_clients {
                warn!("{visitor} was turned away: the room is full");
                let _ = (&stream).write_all(FULL); // so few bytes always fit into an empty buffer
                // Where the system refuses the thread, the client may miss these words.
                let _ = builder().spawn_scoped(scope, move || part(&stream));
                continue;
            }
            say!("{visitor} has come");

            // Here, not in its thread: when the server stops, it must be known already.
            let outbox = Arc::new(Outbox::new(stream));
            outbox.enter(id, house);
            let theirs = Arc::clone(&outbox);
            let writer = builder().spawn_scoped(scope, move || theirs.empty());
            let theirs = Arc::clone(&outbox);
            let reader = builder().spawn_scoped(scope, move || {
                let ended = read_lines(id, visitor, &theirs, house, limits);
                theirs.leave(id, house);
                match ended.err().or_else(|| theirs.trouble()) {
                    Some(error) => warn!("{visitor} is gone: {error}"),
                    None => say!("{visitor} has left"),
                }
            });
            if let Err(error) = writer.and(reader) {
                warn!("{visitor} is gone: no thread for it: {error}");
                outbox.break_off(); // wakes the one that is there
                outbox.leave(id, house);
            }
        }
        drop(listener); // from here on, the system refuses new clients
        let outboxes = mem::take(&mut lock(house).outboxes); // nobody is told who leaves now
        for outbox in outboxes.values() {
            let _ = outbox.stream.shutdown(Shutdown::Read); // its reader now reads 0: the end
        }
        Ok(())
    })
}

/// Waits for a client or for the bell. std's `accept` alone could not be woken.
fn wait(listener: &TcpListener, stop: &Stop) -> io::Result<()> {
    let mut fds = [
        PollFd::new(stop.bell(), PollFlags::IN),
        PollFd::new(listener, PollFlags::IN),
    ];
    match poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What the threads share. Nobody reads, writes or prints while holding it.
struct House<S> {
    service: S,
    outboxes: HashMap<usize, Arc<Outbox>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it holds this")
}

impl Outboxes for HashMap<usize, Arc<Outbox>> {
    fn put(&mut self, to: usize, line: &[u8]) {
        if let Some(outbox) = self.get(&to) {
            outbox.put(line);
        }
    }
}

/// Reads lines until the client has finished or must go.
fn read_lines<S: Service>(
    id: usize,
    visitor: Visitor,
    outbox: &Outbox,
    house: &Mutex<House<S>>,
    limits: Limits,
) -> io::Result<()> {
    let mut stream = &outbox.stream;
    let mut lines = Lines::new(MAX_LINE);
    let mut buffer = vec![0; 4096];
    let mut deadline = Some(Instant::now() + limits.name_timeout);
    let mut finished = false;
    let refuse = |reason: String| {
        warn!("{visitor} is refused: {reason}");
        outbox.put(format!("error: {reason}\n").as_bytes());
        Ok(())
    };
    while !finished {
        let n = match deadline {
            Some(deadline) => read_by(stream, &mut buffer, deadline)?,
            None => match stream.read(&mut buffer) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) if cfg!(windows) && e.kind() == ErrorKind::TimedOut => continue,
                read => read?,
            },
        };
        finished = n == 0;
        lines.push(&buffer[..n]);
        loop {
            let line = match lines.next_line() {
                Ok(None) if finished => lines.rest(),
                Ok(line) => line,
                Err(too_long) => return refuse(too_long.to_string()),
            };
            let Some(line) = line else { break };
            let heard = {
                let House { service, outboxes } = &mut *lock(house);
                service.line(id, line, outboxes)
            };
            match heard {
                Heard::Fine => {}
                Heard::Named(name) => {
                    deadline = None; // it may be silent for as long as it likes
                    stream.set_read_timeout(LONGEST_READ)?;
                    say!("{visitor} is {name}");
                }
                Heard::Refused(reason) => return refuse(reason),
            }
        }
    }
    Ok(())
}

/// Half-closes and reads on for a moment: closing with bytes unread would send RST, and the client
/// might lose our last words (lesson 1).
fn part(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let deadline = Instant::now() + GOODBYE;
    let (mut buffer, mut ignored) = ([0; 4096], 0);
    while let Ok(n @ 1..) = read_by(stream, &mut buffer, deadline) {
        ignored += n;
        if ignored > MAX_UNREAD {
            break; // it goes on talking
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// What waits for one client, and its connection.
struct Outbox {
    stream: TcpStream,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// What the writer has taken out and not written yet.
    writing: usize,
    /// Nothing more is put in.
    closed: bool,
    trouble: Option<String>,
    /// The writer has ended.
    done: bool,
}

impl Outbox {
    fn new(stream: TcpStream) -> Outbox {
        Outbox {
            stream,
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn enter<S: Service>(self: &Arc<Outbox>, id: usize, house: &Mutex<House<S>>) {
        let House { service, outboxes } = &mut *lock(house);
        outboxes.insert(id, Arc::clone(self));
        service.came(id, outboxes);
    }

    /// The client is no longer in the room. What waits for it is still written, for a second.
    fn leave<S: Service>(&self, id: usize, house: &Mutex<House<S>>) {
        {
            let House { service, outboxes } = &mut *lock(house);
            outboxes.remove(&id);
            service.left(id, outboxes);
        }
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        self.changed.notify_all();
        let until_done = self
            .changed
            .wait_timeout_while(waiting, GOODBYE, |waiting| !waiting.done);
        drop(until_done);
        part(&self.stream); // a writer that still waits then gets an error
    }

    fn put(&self, line: &[u8]) {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return;
        }
        if waiting.bytes.len() + waiting.writing + line.len() > MAX_UNREAD {
            waiting.trouble = Some(unread());
            waiting.closed = true;
            waiting.bytes = Vec::new();
            self.break_off(); // both of its threads wake up
            return;
        }
        // A writer that is at work looks again before it waits.
        let waits = waiting.bytes.is_empty() && waiting.writing == 0;
        waiting.bytes.extend_from_slice(line);
        drop(waiting); // first: the writer needs it
        if waits {
            self.changed.notify_all();
        }
    }

    fn trouble(&self) -> Option<io::Error> {
        let trouble = lock(&self.waiting).trouble.take();
        trouble.map(io::Error::other)
    }

    fn break_off(&self) {
        let _ = self.stream.shutdown(Shutdown::Both); // it may be broken already
    }

    /// The writer: writes what waits until nothing more is put in, then half-closes.
    fn empty(&self) {
        loop {
            let mut waiting = lock(&self.waiting);
            waiting.writing = 0;
            while waiting.bytes.is_empty() && !waiting.closed {
                let woken = self.changed.wait(waiting);
                waiting = woken.expect("no thread panics while it holds this");
            }
            let bytes = mem::take(&mut waiting.bytes);
            waiting.writing = bytes.len();
            drop(waiting);
            if bytes.is_empty() {
                break;
            }
            if let Err(error) = (&self.stream).write_all(&bytes) {
                lock(&self.waiting).trouble.get_or_insert(error.to_string());
                self.break_off(); // wakes the reader
                break;
            }
        }
        let _ = self.stream.shutdown(Shutdown::Write);
        let mut waiting = lock(&self.waiting);
        (waiting.done, waiting.closed) = (true, true);
        self.changed.notify_all();
    }
}
