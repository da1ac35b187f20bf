//! One way to solve the exercises of lesson 9. Try your own first.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use chat_room::{MAX_WAITING, WriteQueue};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// 9.1 A duplex client.
pub fn converse(terminal: TcpStream, server: TcpStream) {
    let (terminal, server) = (&terminal, &server);
    thread::scope(|scope| {
        scope.spawn(move || {
            // An error is an end, too.
            let _ = io::copy(&mut &*terminal, &mut &*server);
            let _ = server.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &*server, &mut &*terminal);
        // The server has closed. The other thread may wait in read or in write: this wakes it.
        let _ = terminal.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// 9.2 A write queue.
pub fn write_queue(limit: usize) -> Box<dyn WriteQueue> {
    let bytes = VecDeque::new();
    Box::new(Queue { bytes, limit })
}

struct Queue {
    bytes: VecDeque<u8>,
    limit: usize,
}

impl WriteQueue for Queue {
    fn push(&mut self, message: &[u8]) -> bool {
        let fits = message.len() <= self.limit - self.bytes.len();
        if fits {
            self.bytes.extend(message);
        }
        fits
    }

    fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<()> {
        while self.wants_to_write() {
            let (front, _) = self.bytes.as_slices();
            match socket.write(front) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => drop(self.bytes.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wants_to_write(&self) -> bool {
        !self.bytes.is_empty()
    }
}

/// What `poll` tells unasked of a client that is gone. On Windows `HUP` says only that it has
/// finished. (It says so again and again, so there this server spins until the rest is taken.)
const GONE: PollFlags = if cfg!(windows) {
    PollFlags::ERR.union(PollFlags::NVAL)
} else {
    PollFlags::ERR.union(PollFlags::NVAL).union(PollFlags::HUP)
};

/// 9.3 An echo server in one thread.
pub fn echo(listener: &TcpListener, clients: usize) {
    if listener.set_nonblocking(true).is_err() {
        return; // then nothing can be done with it
    }
    let (mut accepted, mut here) = (0, Vec::new());
    let mut try_again_at: Option<Instant> = None;
    while accepted < clients || !here.is_empty() {
        let pause = try_again_at.map(|at| at.saturating_duration_since(Instant::now()));
        let door_open = accepted < clients && pause.is_none_or(|pause| pause.is_zero());
        wait(listener, door_open, pause.filter(|_| !door_open), &mut here);

        if door_open {
            try_again_at = None;
            accepted += accept(listener, clients - accepted, &mut here, &mut try_again_at);
        }
        for client in &mut here {
            client.serve();
        }
        here.retain(|client| !client.is_gone());
    }
}

/// Waits, and leaves with each client what can be done with it.
fn wait(listener: &TcpListener, door_open: bool, pause: Option<Duration>, here: &mut [Client]) {
    let mut fds: Vec<PollFd> = here
        .iter()
        .map(|client| PollFd::new(&client.stream, client.interest()))
        .collect();
    if door_open {
        fds.push(PollFd::new(listener, PollFlags::IN));
    }
    let timeout = pause.and_then(|pause| Timespec::try_from(pause).ok());
    // After an error, such as an interruption by a signal, nothing is ready.
    let ready = poll(&mut fds, timeout.as_ref()).is_ok();
    let revents: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
    for (client, revents) in here.iter_mut().zip(revents) {
        client.ready = if ready { revents } else { PollFlags::empty() };
    }
}

fn accept(
    listener: &TcpListener,
    at_most: usize,
    here: &mut Vec<Client>,
    try_again_at: &mut Option<Instant>,
) -> usize {
    for accepted in 0..at_most {
        match listener.accept() {
            // On Linux, the stream does not have it from the listener.
            Ok((stream, _)) => here.push(Client::new(stream)),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return accepted,
            Err(_) => {
                *try_again_at = Some(Instant::now() + Duration::from_millis(100));
                return accepted;
            }
        }
    }
    at_most
}

struct Client {
    stream: TcpStream,
    waiting: VecDeque<u8>,
    finished: bool,
    broken: bool,
    ready: PollFlags,
}

impl Client {
    fn new(stream: TcpStream) -> Client {
        let broken = stream.set_nonblocking(true).is_err();
        Client {
            stream,
            waiting: VecDeque::new(),
            finished: false,
            broken,
            ready: PollFlags::empty(),
        }
    }

    fn interest(&self) -> PollFlags {
        let mut events = PollFlags::empty();
        let reads = !self.finished && self.waiting.len() < MAX_WAITING;
        events.set(PollFlags::IN, reads);
        events.set(PollFlags::OUT, !self.waiting.is_empty());
        events
    }

    fn serve(&mut self) {
        let reads = self.interest().contains(PollFlags::IN);
        if self.ready.intersects(GONE) && !reads {
            self.broken = true; // nobody reads from it, so nobody else would find out
        } else if self.ready.intersects(PollFlags::IN | PollFlags::HUP | GONE) && reads {
            self.read();
        }
        while !self.waiting.is_empty() && !self.broken {
            match self.stream.write(self.waiting.as_slices().0) {
                Ok(0) => self.broken = true,
                Ok(n) => drop(self.waiting.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.broken = true,
            }
        }
    }

    /// One read, then it is another one's turn.
    fn read(&mut self) {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.finished = true,
            Ok(n) => self.waiting.extend(&buffer[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.broken = true,
        }
    }

    fn is_gone(&self) -> bool {
        self.broken || self.finished && self.waiting.is_empty()
    }
}
