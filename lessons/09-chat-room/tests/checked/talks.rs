//! Exercise 9.1: right ways and wrong ones.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

fn close(a: &TcpStream, b: &TcpStream) {
    let _ = a.shutdown(Shutdown::Both);
    let _ = b.shutdown(Shutdown::Both);
}

fn copy(from: &TcpStream, to: &TcpStream) {
    let _ = io::copy(&mut &*from, &mut &*to);
}

pub fn keyboard_here(terminal: TcpStream, server: TcpStream) {
    let screen = terminal.try_clone().expect("it can be cloned");
    let ear = server.try_clone().expect("it can be cloned");
    let listener = thread::spawn(move || {
        let mut buffer = [0; 1000];
        while let Ok(n @ 1..) = (&ear).read(&mut buffer) {
            if (&screen).write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        close(&screen, &ear); // wakes the keyboard
    });
    let mut keys = [0; 1];
    while let Ok(1) = (&terminal).read(&mut keys) {
        if (&server).write_all(&keys).is_err() {
            break;
        }
        // Whatever has come since, in one go.
        let mut more = [0; 4096];
        terminal.set_nonblocking(false).expect("it is a socket");
        if let Ok(n @ 1..) = terminal.peek(&mut more) {
            let n = (&terminal).read(&mut more[..n]).unwrap_or(0);
            if (&server).write_all(&more[..n]).is_err() {
                break;
            }
        }
    }
    let _ = server.shutdown(Shutdown::Write);
    let _ = listener.join();
}

pub fn by_channel(terminal: TcpStream, server: TcpStream) {
    let (terminal, server) = (Arc::new(terminal), Arc::new(server));
    let (end, ended) = mpsc::channel();
    thread::spawn({
        let (terminal, server) = (terminal.clone(), server.clone());
        move || {
            copy(&terminal, &server);
            let _ = server.shutdown(Shutdown::Write);
        }
    });
    thread::spawn({
        let (terminal, server) = (terminal.clone(), server.clone());
        move || {
            copy(&server, &terminal);
            let _ = end.send(());
        }
    });
    let _ = ended.recv();
    close(&terminal, &server);
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    None,
    EndsAtHangUp,
    ForgetsItsQueue,
    LosesTheRest,
}

/// One direction: what was read and not written yet.
#[derive(Default)]
struct Way {
    waiting: Vec<u8>,
    ended: bool,
    told: bool,
}

impl Way {
    fn step(&mut self, from: &TcpStream, to: &TcpStream, bug: Bug) {
        let mut buffer = [0; 4096];
        if !self.ended && self.waiting.len() < 100_000 {
            match (&*from).read(&mut buffer) {
                Ok(n @ 1..) => self.waiting.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                _ => self.ended = true,
            }
        }
        match (&*to).write(&self.waiting) {
            _ if self.waiting.is_empty() => {}
            Ok(_) if bug == Bug::LosesTheRest => self.waiting.clear(),
            Ok(n) => drop(self.waiting.drain(..n)),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(_) => (self.ended, self.waiting) = (true, Vec::new()),
        }
        if self.ended && self.waiting.is_empty() && !self.told {
            let _ = to.shutdown(Shutdown::Write);
            self.told = true;
        }
    }

    fn events(&self, other: &Way) -> PollFlags {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, !self.ended && self.waiting.len() < 100_000);
        events.set(PollFlags::OUT, !other.waiting.is_empty());
        events
    }
}

/// The other side has finished. Only Linux has an event for that.
const HANG_UP: PollFlags = {
    #[cfg(target_os = "linux")]
    let event = PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    let event = PollFlags::HUP;
    event
};

pub fn by_poll(terminal: TcpStream, server: TcpStream, bug: Bug) {
    terminal.set_nonblocking(true).expect("it is a socket");
    server.set_nonblocking(true).expect("it is a socket");
    let (mut typed, mut said) = (Way::default(), Way::default());
    loop {
        let mut fds = Vec::new();
        let asked = [
            (&terminal, typed.events(&said)),
            (&server, said.events(&typed)),
        ];
        for (stream, events) in asked {
            // Nobody is asked for nothing: poll would tell of a hang-up again and again.
            let events = if bug == Bug::EndsAtHangUp {
                events | HANG_UP
            } else {
                events
            };
            if !events.is_empty() {
                fds.push(PollFd::new(stream, events));
            }
        }
        let _ = poll(&mut fds, None);
        let hang_up = |fd: &PollFd| fd.revents().intersects(HANG_UP);
        if bug == Bug::EndsAtHangUp && fds.last().is_some_and(hang_up) {
            return;
        }
        typed.step(&terminal, &server, bug);
        said.step(&server, &terminal, bug);
        if said.told || said.ended && bug == Bug::ForgetsItsQueue {
            return close(&terminal, &server);
        }
    }
}

pub fn takes_turns(terminal: TcpStream, server: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = (&terminal).read(&mut buffer) {
        let _ = (&server).write_all(&buffer[..n]);
        let n = (&server).read(&mut buffer).unwrap_or(0);
        let _ = (&terminal).write_all(&buffer[..n]);
    }
}

/// The solution with another way to copy.
fn with_copy(terminal: TcpStream, server: TcpStream, copy: fn(&TcpStream, &TcpStream)) {
    let (terminal, server) = (&terminal, &server);
    thread::scope(|scope| {
        scope.spawn(move || {
            copy(terminal, server);
            let _ = server.shutdown(Shutdown::Write);
        });
        copy(server, terminal);
        close(terminal, server);
    });
}

pub fn by_lines(terminal: TcpStream, server: TcpStream) {
    with_copy(terminal, server, |from, mut to| {
        let mut lines = BufReader::new(from);
        let mut line = Vec::new();
        while let Ok(1..) = lines.read_until(b'\n', &mut line) {
            let _ = to.write_all(&line);
            line.clear();
        }
    });
}

pub fn by_full_buffers(terminal: TcpStream, server: TcpStream) {
    with_copy(terminal, server, |from, to| {
        let (mut from, mut to) = (from, io::BufWriter::new(to));
        let mut buffer = [0; 512];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let _ = to.write_all(&buffer[..n]);
        }
    });
}

pub fn as_text(terminal: TcpStream, server: TcpStream) {
    with_copy(terminal, server, |mut from, mut to| {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            let _ = to.write_all(text.as_bytes());
        }
    });
}

pub fn one_byte_short(terminal: TcpStream, server: TcpStream) {
    with_copy(terminal, server, |mut from, mut to| {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let n = if n == 4096 || n == 12 { n - 1 } else { n };
            let _ = to.write_all(&buffer[..n]);
        }
    });
}

pub fn one_after_the_other(terminal: TcpStream, server: TcpStream) {
    copy(&terminal, &server);
    let _ = server.shutdown(Shutdown::Write);
    copy(&server, &terminal);
}

pub fn under_a_lock(terminal: TcpStream, server: TcpStream) {
    let (terminal, server, lock) = (&terminal, &server, &Mutex::new(()));
    let copy = move |mut from: &TcpStream, mut to: &TcpStream| {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let _lock = lock.lock();
            let _ = to.write_all(&buffer[..n]);
        }
    };
    thread::scope(|scope| {
        scope.spawn(move || {
            copy(terminal, server);
            let _ = server.shutdown(Shutdown::Write);
        });
        copy(server, terminal);
        close(terminal, server);
    });
}

pub fn polls_and_blocks(terminal: TcpStream, server: TcpStream) {
    let mut typing = true;
    let mut buffer = [0; 4096];
    loop {
        let mut fds = vec![PollFd::new(&server, PollFlags::IN)];
        if typing {
            fds.push(PollFd::new(&terminal, PollFlags::IN));
        }
        let _ = poll(&mut fds, None);
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready[0] {
            match (&server).read(&mut buffer) {
                Ok(n @ 1..) => drop((&terminal).write_all(&buffer[..n])),
                _ => return close(&terminal, &server),
            }
        }
        if ready.get(1) == Some(&true) {
            match (&terminal).read(&mut buffer) {
                Ok(n @ 1..) => drop((&server).write_all(&buffer[..n])),
                _ => {
                    typing = false;
                    let _ = server.shutdown(Shutdown::Write);
                }
            }
        }
    }
}

pub fn without_half_close(terminal: TcpStream, server: TcpStream) {
    let (terminal, server) = (&terminal, &server);
    thread::scope(|scope| {
        scope.spawn(move || copy(terminal, server));
        copy(server, terminal);
        close(terminal, server);
    });
}

pub fn ends_with_typing(terminal: TcpStream, server: TcpStream) {
    let (screen, ear) = (terminal.try_clone(), server.try_clone());
    thread::spawn(move || {
        if let (Ok(screen), Ok(ear)) = (screen, ear) {
            copy(&ear, &screen);
            close(&ear, &screen);
        }
    });
    copy(&terminal, &server);
    let _ = server.shutdown(Shutdown::Write);
}

pub fn shuts_both(terminal: TcpStream, server: TcpStream) {
    let (terminal, server) = (&terminal, &server);
    thread::scope(|scope| {
        scope.spawn(move || {
            copy(terminal, server);
            thread::sleep(Duration::from_millis(50)); // so that what was typed arrives
            close(terminal, server);
        });
        copy(server, terminal);
        close(terminal, server);
    });
}

#[cfg(not(windows))]
pub fn waits_for_the_keyboard(terminal: TcpStream, server: TcpStream) {
    let (terminal, server) = (&terminal, &server);
    thread::scope(|scope| {
        scope.spawn(move || {
            copy(terminal, server);
            let _ = server.shutdown(Shutdown::Write);
        });
        copy(server, terminal);
        let _ = server.shutdown(Shutdown::Both);
    });
}

#[cfg(target_os = "linux")]
pub fn keeps_a_clone(terminal: TcpStream, server: TcpStream) {
    std::mem::forget(terminal.try_clone());
    crate::checked::solution::converse(terminal, server);
}

#[cfg(not(windows))]
pub fn leaves_a_thread(terminal: TcpStream, server: TcpStream) {
    let (keys, mouth) = (terminal.try_clone(), server.try_clone());
    thread::spawn(move || {
        if let (Ok(keys), Ok(mouth)) = (keys, mouth) {
            copy(&keys, &mouth);
            let _ = mouth.shutdown(Shutdown::Write);
        }
    });
    copy(&server, &terminal);
}
