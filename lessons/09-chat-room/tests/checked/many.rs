//! Exercise 9.3: right ways and wrong ones.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use chat_room::MAX_WAITING;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Whether the error says "later".
fn later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Clients by their numbers. It writes only when `poll` has said that it may.
pub fn by_map(listener: &TcpListener, clients: usize) {
    struct Conn {
        stream: TcpStream,
        out: Vec<u8>,
        from: usize,
        eof: bool,
    }

    impl Conn {
        fn waiting(&self) -> usize {
            self.out.len() - self.from
        }

        fn read(&mut self) -> io::Result<()> {
            let mut bytes = [0; 8000];
            let n = self.stream.read(&mut bytes)?;
            self.eof = n == 0;
            self.out.drain(..self.from);
            self.from = 0;
            self.out.extend_from_slice(&bytes[..n]);
            Ok(())
        }

        fn write(&mut self) -> io::Result<()> {
            let n = self.stream.write(&self.out[self.from..])?;
            if n == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            self.from += n;
            Ok(())
        }
    }

    let _ = listener.set_nonblocking(true);
    let mut conns: HashMap<u64, Conn> = HashMap::new();
    let mut next = 0;
    while next < clients as u64 || !conns.is_empty() {
        let mut keys = Vec::new();
        let mut fds = Vec::new();
        if next < clients as u64 {
            keys.push(u64::MAX);
            fds.push(PollFd::new(listener, PollFlags::IN));
        }
        for (key, conn) in &conns {
            let mut flags = PollFlags::empty();
            if !conn.eof && conn.waiting() < MAX_WAITING {
                flags |= PollFlags::IN;
            }
            if conn.waiting() > 0 {
                flags |= PollFlags::OUT;
            }
            keys.push(*key);
            fds.push(PollFd::new(&conn.stream, flags));
        }
        if poll(&mut fds, None).is_err() {
            continue;
        }
        let events: Vec<_> = keys
            .iter()
            .copied()
            .zip(fds.iter().map(PollFd::revents))
            .collect();
        for (key, revents) in events {
            if key == u64::MAX {
                if !revents.is_empty()
                    && let Ok((stream, _)) = listener.accept()
                {
                    let _ = stream.set_nonblocking(true);
                    let (out, from, eof) = (Vec::new(), 0, false);
                    conns.insert(
                        next,
                        Conn {
                            stream,
                            out,
                            from,
                            eof,
                        },
                    );
                    next += 1;
                }
                continue;
            }
            let Some(conn) = conns.get_mut(&key) else {
                continue;
            };
            let wants_in = !conn.eof && conn.waiting() < MAX_WAITING;
            let mut result = Ok(());
            if revents.intersects(PollFlags::IN | PollFlags::HUP) && wants_in {
                result = conn.read();
            } else if revents.intersects(GONE) {
                result = Err(ErrorKind::ConnectionReset.into());
            }
            if result.is_ok() && revents.intersects(PollFlags::OUT) && conn.waiting() > 0 {
                result = conn.write();
            }
            let broken = result.is_err_and(|e| !later(&e));
            if broken || conn.eof && conn.waiting() == 0 {
                conns.remove(&key);
            }
        }
    }
}

/// What `poll` tells unasked of a client that is gone.
const GONE: PollFlags = if cfg!(windows) {
    PollFlags::ERR // HUP says there that it has finished
} else {
    PollFlags::ERR.union(PollFlags::HUP)
};

/// Reads only when all is written: never more than one read waits.
pub fn stop_and_go(listener: &TcpListener, clients: usize) {
    enum State {
        Reads,
        Writes(Vec<u8>),
        Over,
    }

    fn step(stream: &mut TcpStream, state: State) -> State {
        match state {
            State::Reads => {
                let mut bytes = vec![0; 16_384];
                match stream.read(&mut bytes) {
                    Ok(0) => State::Over,
                    Ok(n) => {
                        bytes.truncate(n);
                        step(stream, State::Writes(bytes))
                    }
                    Err(e) if later(&e) => State::Reads,
                    Err(_) => State::Over,
                }
            }
            State::Writes(mut bytes) => match stream.write(&bytes) {
                Ok(n) if n == bytes.len() => State::Reads,
                Ok(0) => State::Over,
                Ok(n) => State::Writes(bytes.split_off(n)),
                Err(e) if later(&e) => State::Writes(bytes),
                Err(_) => State::Over,
            },
            State::Over => State::Over,
        }
    }

    let _ = listener.set_nonblocking(true);
    let mut left = clients;
    let mut slots: Vec<(TcpStream, State)> = Vec::new();
    while left > 0 || !slots.is_empty() {
        let mut fds: Vec<PollFd> = slots
            .iter()
            .map(|(stream, state)| match state {
                State::Reads => PollFd::new(stream, PollFlags::IN),
                _ => PollFd::new(stream, PollFlags::OUT),
            })
            .collect();
        if left > 0 {
            fds.push(PollFd::new(listener, PollFlags::IN));
        }
        if poll(&mut fds, None).is_err() {
            continue;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        for (i, (stream, state)) in slots.iter_mut().enumerate() {
            if ready[i] {
                *state = step(stream, std::mem::replace(state, State::Over));
            }
        }
        slots.retain(|(_, state)| !matches!(state, State::Over));
        while left > 0 {
            let Ok((stream, _)) = listener.accept() else {
                break;
            };
            let _ = stream.set_nonblocking(true);
            slots.push((stream, State::Reads));
            left -= 1;
        }
    }
}

/// A fixed ring for each client, in places that stay where they are.
pub fn with_rings(listener: &TcpListener, clients: usize) {
    struct Ring {
        bytes: Box<[u8]>,
        head: usize,
        full: usize,
    }

    impl Ring {
        fn fill(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
            let tail = (self.head + self.full) % self.bytes.len();
            let end = if tail >= self.head && self.full < self.bytes.len() {
                self.bytes.len()
            } else {
                self.head
            };
            let n = stream.read(&mut self.bytes[tail..end])?;
            self.full += n;
            Ok(n)
        }

        fn empty(&mut self, stream: &mut TcpStream) -> io::Result<()> {
            while self.full > 0 {
                let end = self.bytes.len().min(self.head + self.full);
                let n = stream.write(&self.bytes[self.head..end])?;
                if n == 0 {
                    return Err(ErrorKind::WriteZero.into());
                }
                self.head = (self.head + n) % self.bytes.len();
                self.full -= n;
            }
            Ok(())
        }
    }

    struct Place {
        stream: TcpStream,
        ring: Ring,
        finished: bool,
    }

    let _ = listener.set_nonblocking(true);
    let mut places: Vec<Option<Place>> = Vec::new();
    let mut gone = 0;
    while gone < clients {
        let mut fds = Vec::new();
        let mut numbers = Vec::new();
        for (number, place) in places.iter().enumerate() {
            let Some(place) = place else { continue };
            let mut events = PollFlags::empty();
            events.set(
                PollFlags::IN,
                !place.finished && place.ring.full < MAX_WAITING,
            );
            events.set(PollFlags::OUT, place.ring.full > 0);
            fds.push(PollFd::new(&place.stream, events));
            numbers.push((number, events));
        }
        let accepting = places.len() < clients;
        if accepting {
            fds.push(PollFd::new(listener, PollFlags::IN));
        }
        if poll(&mut fds, None).is_err() {
            continue;
        }
        let revents: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        for ((number, asked), revents) in numbers.iter().zip(&revents) {
            let Some(place) = &mut places[*number] else {
                continue;
            };
            if revents.is_empty() {
                continue;
            }
            let unasked = revents.difference(*asked);
            let mut work = || {
                if asked.contains(PollFlags::IN) {
                    match place.ring.fill(&mut place.stream) {
                        Ok(0) => place.finished = true,
                        Err(e) if !later(&e) => return Err(e),
                        _ => {}
                    }
                } else if unasked.intersects(GONE) {
                    return Err(ErrorKind::ConnectionReset.into());
                }
                match place.ring.empty(&mut place.stream) {
                    Err(e) if !later(&e) => Err(e),
                    _ => Ok(()),
                }
            };
            if work().is_err() || place.finished && place.ring.full == 0 {
                places[*number] = None;
                gone += 1;
            }
        }
        if accepting && revents.last().is_some_and(|r| !r.is_empty()) {
            while places.len() < clients
                && let Ok((stream, _)) = listener.accept()
            {
                let _ = stream.set_nonblocking(true);
                let bytes = vec![0; MAX_WAITING].into_boxed_slice();
                let (head, full) = (0, 0);
                places.push(Some(Place {
                    stream,
                    ring: Ring { bytes, head, full },
                    finished: false,
                }));
            }
        }
    }
}

pub fn one_after_the_other(listener: &TcpListener, clients: usize) {
    for _ in 0..clients {
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        let _ = io::copy(&mut &stream, &mut &stream);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    None,
    AlwaysOut,
    DoesNotWait,
    InWhilePaused,
    InAfterTheEnd,
    WouldBlockIsAnError,
    WriteAll,
    ForgetsTheRest,
    Blocking,
    IgnoresTheEnd,
    ClosesAtTheEnd,
    NoLimit,
    NeverReadsOn,
    NeverOut,
    RemovesWhileWalking,
    ReturnsTooEarly,
    AcceptsEverybody,
    ErrorEndsIt,
    KeepsBroken,
    DropsTheDeaf,
    BlocksAtTheEnd,
}

struct Client {
    stream: TcpStream,
    queue: VecDeque<u8>,
    finished: bool,
    gone: bool,
    paused: bool,
}

pub fn faulty(listener: &TcpListener, clients: usize, bug: Bug) {
    let _ = listener.set_nonblocking(true);
    let (mut accepted, mut here) = (0, Vec::new());
    loop {
        let done = accepted >= clients && (here.is_empty() || bug == Bug::ReturnsTooEarly);
        if done {
            return;
        }
        let opens = accepted < clients || bug == Bug::AcceptsEverybody;
        let mut fds: Vec<PollFd> = here
            .iter()
            .map(|client: &Client| PollFd::new(&client.stream, client.interest(bug)))
            .collect();
        if opens {
            fds.push(PollFd::new(listener, PollFlags::IN));
        }
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let timeout = (bug == Bug::DoesNotWait).then_some(&now);
        let _ = poll(&mut fds, timeout);
        let revents: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        drop(fds);

        for i in 0..here.len() {
            if here[i].serve(revents[i], bug).is_err() && bug == Bug::ErrorEndsIt {
                return;
            }
            if bug == Bug::RemovesWhileWalking && here[i].is_over(bug) {
                here.swap_remove(i);
            }
        }
        here.retain(|client| !client.is_over(bug));
        while opens && (accepted < clients || bug == Bug::AcceptsEverybody) {
            let Ok((stream, _)) = listener.accept() else {
                break;
            };
            let _ = stream.set_nonblocking(bug != Bug::Blocking);
            accepted += 1;
            here.push(Client {
                stream,
                queue: VecDeque::new(),
                finished: false,
                gone: false,
                paused: false,
            });
        }
    }
}

impl Client {
    fn is_full(&self, bug: Bug) -> bool {
        self.queue.len() >= MAX_WAITING && bug != Bug::NoLimit || self.paused
    }

    fn interest(&self, bug: Bug) -> PollFlags {
        let mut events = PollFlags::empty();
        let reads = (!self.finished || bug == Bug::InAfterTheEnd)
            && (!self.is_full(bug) || bug == Bug::InWhilePaused);
        events.set(PollFlags::IN, reads);
        let writes = !self.queue.is_empty() && bug != Bug::NeverOut;
        events.set(PollFlags::OUT, writes || bug == Bug::AlwaysOut);
        events
    }

    fn serve(&mut self, events: PollFlags, bug: Bug) -> io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let result = self.read_and_write(events, bug);
        self.gone |= result.is_err() && bug != Bug::KeepsBroken;
        result
    }

    fn read_and_write(&mut self, events: PollFlags, bug: Bug) -> io::Result<()> {
        let trouble = events.intersects(GONE);
        if trouble && (self.finished || self.is_full(bug)) {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let readable = events.intersects(PollFlags::IN | PollFlags::HUP);
        if !self.finished && !self.is_full(bug) && (trouble || readable) {
            let mut buffer = [0; 16_384];
            match self.stream.read(&mut buffer) {
                Ok(0) => self.finished = bug != Bug::IgnoresTheEnd,
                Ok(n) => self.queue.extend(&buffer[..n]),
                Err(e) if later(&e) => {}
                Err(error) => return Err(error),
            }
            self.paused |= bug == Bug::NeverReadsOn && self.queue.len() >= MAX_WAITING;
            if bug == Bug::DropsTheDeaf && self.queue.len() >= MAX_WAITING {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        if bug == Bug::BlocksAtTheEnd && self.finished {
            let _ = self.stream.set_nonblocking(false);
        }
        while !self.queue.is_empty() {
            let all = self.queue.make_contiguous();
            let written = match bug {
                Bug::WriteAll => match self.stream.write_all(all) {
                    Err(e) if !later(&e) => Err(e),
                    _ => Ok(self.queue.len()),
                },
                _ => self.stream.write(all),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) if bug == Bug::ForgetsTheRest => self.queue.clear(),
                Ok(n) => drop(self.queue.drain(..n)),
                Err(e) if later(&e) && bug != Bug::WouldBlockIsAnError => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn is_over(&self, bug: Bug) -> bool {
        let all_written = self.queue.is_empty() || bug == Bug::ClosesAtTheEnd;
        self.gone || self.finished && all_written
    }
}
