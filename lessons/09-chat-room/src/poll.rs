//! One thread for all clients: it waits for all of their sockets at once.
//!
//! Each round waits until something can be done without waiting, and does it. The kernel keeps no
//! place in the program for each client, as the stack of a thread is one; so we keep it ourselves:
//! what it has sent of a line that has not ended, and what it has not taken yet.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use shared::{say, warn};

use crate::{
    FULL, GOODBYE, Heard, Limits, Lines, MAX_LINE, MAX_UNREAD, Outboxes, PAUSE, Service, Stop,
    Visitor, unread,
};

/// So much is read from one client before it is another one's turn.
const TURN: usize = 16 * 1024;

/// So many clients are accepted before it is the others' turn.
const AT_ONCE: usize = 1024;

/// So many bytes for one client are sent without waiting for the end of the round.
const PLENTY: usize = 64 * 1024;

/// What `poll` tells, without being asked, of a client that is gone. On Windows HUP says only that it
/// has finished, so there nobody who has is taken for gone until a write to it fails.
const GONE: PollFlags = if cfg!(windows) {
    PollFlags::ERR.union(PollFlags::NVAL)
} else {
    PollFlags::ERR.union(PollFlags::NVAL).union(PollFlags::HUP)
};

/// Serves clients in this thread alone until it is asked to stop, then says goodbye to those who
/// are here, which takes a second at most.
///
/// # Errors
/// The system refuses the listener or the wait itself.
pub fn serve(
    listener: TcpListener,
    limits: Limits,
    stop: &Stop,
    service: impl Service,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut house = House {
        door: Some(Door {
            listener,
            closed_until: None,
        }),
        clients: Clients(Vec::new()),
        limits,
        service,
        number: 0,
        buffer: vec![0; TURN],
    };
    loop {
        let ready = house.wait(stop)?;
        for (id, events) in ready.clients {
            house.serve_client(id, events);
        }
        if ready.door {
            house.accept();
        }
        if house.door.is_some() && stop.is_asked() {
            house.close();
        }
        house.end_round();
        if house.door.is_none() && house.clients.here().next().is_none() {
            return Ok(());
        }
    }
}

/// What can be done now without waiting.
struct Ready {
    door: bool,
    clients: Vec<(usize, PollFlags)>,
}

struct House<S> {
    /// None when the server stops.
    door: Option<Door>,
    clients: Clients,
    limits: Limits,
    service: S,
    /// How many clients have come.
    number: u64,
    /// What a read has brought, until it is handed to its client's input.
    buffer: Vec<u8>,
}

struct Door {
    listener: TcpListener,
    /// No file was left for another client. It stays in the queue, where it would wake us at once,
    /// again and again.
    closed_until: Option<Instant>,
}

impl<S: Service> House<S> {
    /// Waits until something can be done, or until a deadline has passed.
    fn wait(&mut self, stop: &Stop) -> io::Result<Ready> {
        let now = Instant::now();
        let deadlines = self
            .clients
            .here()
            .filter_map(|(_, client)| client.deadline);
        let mut deadline = deadlines.min();
        let mut fds = Vec::with_capacity(self.clients.0.len() + 2);
        let mut door_at = None;
        if let Some(door) = &mut self.door {
            fds.push(PollFd::new(stop.bell(), PollFlags::IN));
            match door.closed_until.filter(|&until| until > now) {
                Some(until) => deadline = Some(deadline.map_or(until, |d| d.min(until))),
                None => {
                    door.closed_until = None;
                    door_at = Some(fds.len());
                    fds.push(PollFd::new(&door.listener, PollFlags::IN));
                }
            }
        }
        let before = fds.len();
        for (_, client) in self.clients.here() {
            fds.push(PollFd::new(&client.stream, client.interest()));
        }

        // Rounded up: a round before the deadline would find nothing to do.
        let left = deadline.map(|d| d.saturating_duration_since(now) + Duration::from_millis(1));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => fds.iter_mut().for_each(PollFd::clear_revents), // by a signal
            Err(error) => return Err(error.into()),
        }

        // The list borrows the sockets, so its answers are copied before anything is changed.
        let door = door_at.is_some_and(|at| !fds[at].revents().is_empty());
        let ids = self.clients.here().map(|(id, _)| id);
        let clients = ids
            .zip(&fds[before..])
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|(id, fd)| (id, fd.revents()))
            .collect();
        Ok(Ready { door, clients })
    }

    /// Accepts who is in the queue.
    fn accept(&mut self) {
        let Some(door) = &mut self.door else { return };
        for _ in 0..AT_ONCE {
            match door.listener.accept() {
                Ok((stream, addr)) => {
                    let id = self.clients.free_place();
                    let full = id >= self.limits.max_clients;
                    if id >= 2 * self.limits.max_clients {
                        warn!("{addr} was turned away: too many of those who were do not leave");
                        continue;
                    }
                    if stream.set_nonblocking(true).is_err() || stream.set_nodelay(true).is_err() {
                        continue; // on some systems: it is gone already
                    }
                    self.number += 1;
                    let mut client = Client::new(stream, self.number, addr);
                    if full {
                        warn!("{} was turned away: the room is full", client.visitor);
                        client.output.extend(FULL);
                        client.say_goodbye();
                    } else {
                        say!("{} has come", client.visitor);
                        client.deadline = Some(Instant::now() + self.limits.name_timeout);
                    }
                    self.clients.put_in_place(id, client);
                    if !full {
                        self.service.came(id, &mut self.clients);
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return, // nobody else
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        warn!("cannot accept a client: {error}");
                        door.closed_until = Some(Instant::now() + PAUSE);
                        return;
                    }
                },
            }
        }
    }

    fn serve_client(&mut self, id: usize, events: PollFlags) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        // What HUP and the like mean, `read` tells. And `intersects`, not `contains`: on Windows IN is
        // two bits, of which one comes.
        if client.finished && events.intersects(GONE) {
            client.fail("it has closed before it had read everything".to_owned());
        } else if !client.finished && events.intersects(GONE | PollFlags::HUP | PollFlags::IN) {
            self.read(id);
        }
        if events.intersects(PollFlags::OUT)
            && let Some(client) = self.clients.get(id)
        {
            client.write();
        }
    }

    /// One read, then it is another one's turn. Whatever is left, the next `poll` tells again.
    fn read(&mut self, id: usize) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        match client.stream.read(&mut self.buffer) {
            Ok(0) => {
                client.finished = true;
                if client.stays() {
                    self.hear_rest(id);
                    self.say_goodbye(id);
                }
            }
            Ok(n) if !client.stays() => client.ignore(n),
            Ok(n) => {
                client.input.push(&self.buffer[..n]);
                self.hear(id);
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => client.fail(error.to_string()),
        }
    }

    /// Hands every whole line to the service.
    fn hear(&mut self, id: usize) {
        // Taken out while the service may put something into anybody's outbox.
        let Some(mut input) = self.clients.take_input(id) else {
            return;
        };
        loop {
            match input.next_line() {
                Ok(Some(line)) => {
                    let heard = self.service.line(id, line, &mut self.clients);
                    if !self.obey(id, heard) {
                        return;
                    }
                }
                Ok(None) => break,
                Err(too_long) => {
                    self.refuse(id, &too_long.to_string());
                    return;
                }
            }
        }
        if let Some(client) = self.clients.get(id) {
            client.input = input;
        }
    }

    /// What came behind its last `\n` is a line, too.
    fn hear_rest(&mut self, id: usize) {
        let Some(mut input) = self.clients.take_input(id) else {
            return;
        };
        if let Some(line) = input.rest() {
            let heard = self.service.line(id, line, &mut self.clients);
            self.obey(id, heard);
        }
    }

    /// Does what the service says. Whether the client stays.
    fn obey(&mut self, id: usize, heard: Heard) -> bool {
        match heard {
            Heard::Refused(reason) => self.refuse(id, &reason),
            Heard::Named(name) => {
                if let Some(client) = self.clients.get(id) {
                    client.deadline = None; // it may be silent for as long as it likes
                    say!("{} is {name}", client.visitor);
                }
            }
            Heard::Fine => {}
        }
        self.clients.get(id).is_some_and(|client| client.stays())
    }

    fn refuse(&mut self, id: usize, reason: &str) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        warn!("{} is refused: {reason}", client.visitor);
        client
            .output
            .extend(format!("error: {reason}\n").as_bytes());
        self.say_goodbye(id);
    }

    /// It is no longer in the room. What waits for it is still sent.
    fn say_goodbye(&mut self, id: usize) {
        if let Some(client) = self.clients.get(id) {
            client.say_goodbye();
            self.service.left(id, &mut self.clients);
        }
    }

    /// Nobody else comes in, and everybody leaves.
    fn close(&mut self) {
        self.door = None; // from here on, the system refuses new clients
        for (_, client) in self.clients.here_mut() {
            client.say_goodbye();
        }
    }

    /// Sends what waits, and parts with those who are gone.
    fn end_round(&mut self) {
        let now = Instant::now();
        for (_, client) in self.clients.here_mut() {
            client.write();
            client.watch_the_clock(now);
        }
        // Somebody's leaving is announced, which may be too much for somebody else.
        while let Some((id, client)) = self.clients.take_gone() {
            match client.ending {
                Some(Ending::Gone(reason)) => warn!("{} is gone: {reason}", client.visitor),
                _ => say!("{} has left", client.visitor),
            }
            self.service.left(id, &mut self.clients);
        }
    }
}

struct Client {
    stream: TcpStream,
    visitor: Visitor,
    /// What it has sent of a line that has not ended.
    input: Lines,
    /// What it has not taken yet.
    output: VecDeque<u8>,
    /// So many bytes of it were read and thrown away since it had to go.
    ignored: usize,
    /// It has half-closed, so there is nothing more to read.
    finished: bool,
    ending: Option<Ending>,
    deadline: Option<Instant>,
}

enum Ending {
    /// It gets what waits for it, and nothing more.
    Goodbye,
    /// It got everything, and we have half-closed. Closing at once would send RST if it had sent
    /// something that we did not read, and our last words might be lost: lesson 1.
    HalfClosed,
    /// All is said.
    Closed,
    /// The connection is broken, or we break it off.
    Gone(String),
}

impl Client {
    fn new(stream: TcpStream, number: u64, addr: SocketAddr) -> Client {
        Client {
            stream,
            visitor: Visitor { number, addr },
            input: Lines::new(MAX_LINE),
            output: VecDeque::new(),
            ignored: 0,
            finished: false,
            ending: None,
            deadline: None,
        }
    }

    fn stays(&self) -> bool {
        self.ending.is_none()
    }

    fn is_over(&self) -> bool {
        matches!(self.ending, Some(Ending::Closed | Ending::Gone(_)))
    }

    /// What `poll` shall tell us. A socket can nearly always be written to: who asks for OUT with
    /// nothing to write is told so at once, again and again.
    fn interest(&self) -> PollFlags {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, !self.finished);
        events.set(PollFlags::OUT, !self.output.is_empty());
        events
    }

    /// Sends what waits, as much as the system takes now.
    fn write(&mut self) {
        while !self.output.is_empty() && !self.is_over() {
            let (front, _) = self.output.as_slices();
            match self.stream.write(front) {
                Ok(0) => self.fail(ErrorKind::WriteZero.to_string()),
                Ok(n) => drop(self.output.drain(..n)), // the rest stays, in its order
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return, // `poll` will tell
                Err(error) => self.fail(error.to_string()),
            }
        }
        if self.output.capacity() > 0 {
            self.output = VecDeque::new(); // who is silent holds no memory
        }
        if let Some(Ending::Goodbye) = self.ending {
            let closed = self.finished || self.stream.shutdown(Shutdown::Write).is_err();
            self.ending = Some(if closed {
                Ending::Closed
            } else {
                Ending::HalfClosed
            });
        } else if let (Some(Ending::HalfClosed), true) = (&self.ending, self.finished) {
            self.ending = Some(Ending::Closed);
        }
    }

    fn say_goodbye(&mut self) {
        if self.stays() {
            self.ending = Some(Ending::Goodbye);
            self.deadline = Some(Instant::now() + GOODBYE);
        }
    }

    /// What it says no longer counts. For a moment it may go on, but not for ever.
    fn ignore(&mut self, bytes: usize) {
        self.ignored += bytes;
        if self.ignored > MAX_UNREAD {
            self.fail("it goes on talking".to_owned());
        }
    }

    fn fail(&mut self, reason: String) {
        if !self.is_over() {
            self.ending = Some(Ending::Gone(reason));
            self.output = VecDeque::new();
        }
    }

    fn watch_the_clock(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            match self.ending {
                Some(Ending::HalfClosed) => self.ending = Some(Ending::Closed),
                _ => self.fail("its time is over".to_owned()),
            }
        }
    }
}

/// The clients, each in a place with a number. Nobody moves when somebody leaves.
struct Clients(Vec<Option<Client>>);

impl Clients {
    fn here(&self) -> impl Iterator<Item = (usize, &Client)> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(id, place)| Some((id, place.as_ref()?)))
    }

    fn here_mut(&mut self) -> impl Iterator<Item = (usize, &mut Client)> {
        let places = self.0.iter_mut().enumerate();
        places.filter_map(|(id, place)| Some((id, place.as_mut()?)))
    }

    fn get(&mut self, id: usize) -> Option<&mut Client> {
        self.0.get_mut(id)?.as_mut()
    }

    fn take_input(&mut self, id: usize) -> Option<Lines> {
        Some(mem::replace(&mut self.get(id)?.input, Lines::new(MAX_LINE)))
    }

    fn free_place(&self) -> usize {
        let free = self.0.iter().position(Option::is_none);
        free.unwrap_or(self.0.len())
    }

    fn put_in_place(&mut self, id: usize, client: Client) {
        if id == self.0.len() {
            self.0.push(None);
        }
        self.0[id] = Some(client);
    }

    fn take_gone(&mut self) -> Option<(usize, Client)> {
        let is_over = |(_, client): &(usize, &Client)| client.is_over();
        let (id, _) = self.here().find(is_over)?;
        Some((id, self.0[id].take()?))
    }
}

impl Outboxes for Clients {
    fn put(&mut self, to: usize, line: &[u8]) {
        let Some(client) = self.get(to).filter(|client| client.stays()) else {
            return;
        };
        client.output.extend(line);
        if client.output.len() > PLENTY {
            client.write(); // at once: what the system takes does not wait here
        }
        if client.output.len() > MAX_UNREAD {
            client.fail(unread());
        }
    }
}
