//! Exercise 9.2: right ways and wrong ones.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

use chat_room::WriteQueue;

/// Message by message, with the place in the first one.
pub fn of_messages(limit: usize) -> Box<dyn WriteQueue> {
    struct Messages {
        messages: VecDeque<Box<[u8]>>,
        written: usize,
        room: usize,
    }

    impl WriteQueue for Messages {
        fn push(&mut self, message: &[u8]) -> bool {
            let Some(room) = self.room.checked_sub(message.len()) else {
                return false;
            };
            self.room = room;
            if !message.is_empty() {
                self.messages.push_back(message.into());
            }
            true
        }

        fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<()> {
            while let Some(message) = self.messages.front() {
                let n = match socket.write(&message[self.written..]) {
                    Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => return Err(e),
                    Ok(n) => n,
                };
                if n == 0 {
                    return Err(io::Error::new(ErrorKind::WriteZero, "nothing was taken"));
                }
                self.written += n;
                self.room += n;
                if self.written == message.len() {
                    self.messages.pop_front();
                    self.written = 0;
                }
            }
            Ok(())
        }

        fn wants_to_write(&self) -> bool {
            !self.messages.is_empty()
        }
    }

    let (messages, written, room) = (VecDeque::new(), 0, limit);
    Box::new(Messages {
        messages,
        written,
        room,
    })
}

/// Bytes in a row; those in front of `start` are written, and thrown away now and then.
pub fn with_a_start(limit: usize) -> Box<dyn WriteQueue> {
    struct Row {
        bytes: Vec<u8>,
        start: usize,
        limit: usize,
    }

    impl WriteQueue for Row {
        fn push(&mut self, message: &[u8]) -> bool {
            let waits = self.bytes.len() - self.start;
            if waits
                .checked_add(message.len())
                .is_none_or(|all| all > self.limit)
            {
                return false;
            }
            if self.start > self.bytes.len() / 2 {
                self.bytes.drain(..self.start);
                self.start = 0;
            }
            self.bytes.extend_from_slice(message);
            true
        }

        fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<()> {
            loop {
                let rest = &self.bytes[self.start..];
                if rest.is_empty() {
                    self.bytes.clear();
                    self.start = 0;
                    return Ok(());
                }
                match socket.write(rest).map_err(|e| (e.kind(), e)) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(n) => self.start += n,
                    Err((ErrorKind::WouldBlock, _)) => return Ok(()),
                    Err((ErrorKind::Interrupted, _)) => {}
                    Err((_, error)) => return Err(error),
                }
            }
        }

        fn wants_to_write(&self) -> bool {
            self.start < self.bytes.len()
        }
    }

    let (bytes, start) = (Vec::new(), 0);
    Box::new(Row {
        bytes,
        start,
        limit,
    })
}

/// One is written from, the other one is filled; then they change places.
pub fn of_two_vectors(limit: usize) -> Box<dyn WriteQueue> {
    struct Two {
        front: Vec<u8>,
        done: usize,
        back: Vec<u8>,
        limit: usize,
    }

    impl WriteQueue for Two {
        fn push(&mut self, message: &[u8]) -> bool {
            let free = self.limit - (self.front.len() - self.done) - self.back.len();
            let ok = free >= message.len();
            if ok {
                self.back.extend(message);
            }
            ok
        }

        fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<()> {
            while self.wants_to_write() {
                if self.done == self.front.len() {
                    self.front.clear();
                    self.done = 0;
                    std::mem::swap(&mut self.front, &mut self.back);
                }
                let written = socket.write(&self.front[self.done..]);
                match written {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(n) => self.done += n,
                    Err(e) => match e.kind() {
                        ErrorKind::WouldBlock => return Ok(()),
                        ErrorKind::Interrupted => continue,
                        _ => return Err(e),
                    },
                }
            }
            Ok(())
        }

        fn wants_to_write(&self) -> bool {
            self.done < self.front.len() || !self.back.is_empty()
        }
    }

    Box::new(Two {
        front: Vec::new(),
        done: 0,
        back: Vec::new(),
        limit,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    WriteAll,
    ForgetsTheRest,
    KeepsAll,
    WouldBlockIsAnError,
    DropsAtWouldBlock,
    AsksAgain,
    InterruptedIsAnError,
    InterruptedIsLater,
    ZeroIsFine,
    ZeroIsAskedAgain,
    SwallowsErrors,
    AllErrorsAreZero,
    TakesOutAtTheEnd,
    NoLimit,
    OffByOne,
    OneTooMany,
    TakesAPart,
    CountsForEver,
    RoomWhenEmpty,
    Overflows,
    LastFirst,
    WritesOnce,
    WritesEmpty,
    RefusesEmpty,
    WantsAlways,
    WantsNever,
    WantsAfterBlock,
    MovesTheRest,
    ErrorAnew,
    TwoByteLimit,
    ZeroRefusesEmpty,
    InterruptedTwenty,
}

pub fn faulty(limit: usize, bug: Bug) -> Box<dyn WriteQueue> {
    Box::new(Faulty {
        bytes: VecDeque::new(),
        empties: 0,
        counted: 0,
        interrupted: 0,
        blocked: false,
        limit,
        bug,
    })
}

struct Faulty {
    bytes: VecDeque<u8>,
    empties: usize,
    counted: usize,
    interrupted: usize,
    blocked: bool,
    limit: usize,
    bug: Bug,
}

impl Faulty {
    fn room(&self) -> usize {
        match self.bug {
            Bug::NoLimit => usize::MAX,
            Bug::TwoByteLimit => usize::from(self.limit as u16).saturating_sub(self.bytes.len()),
            Bug::CountsForEver | Bug::RoomWhenEmpty => self.limit.saturating_sub(self.counted),
            Bug::OffByOne => self.limit.saturating_sub(self.bytes.len() + 1),
            Bug::OneTooMany => self.limit.saturating_add(1) - self.bytes.len(),
            _ => self.limit.saturating_sub(self.bytes.len()),
        }
    }
}

impl WriteQueue for Faulty {
    fn push(&mut self, message: &[u8]) -> bool {
        if self.bug == Bug::Overflows {
            let most = self.limit + 1; // more than fits into a usize, perhaps
            if self.bytes.len() + message.len() >= most {
                return false;
            }
        }
        let refuses_empty = match self.bug {
            Bug::RefusesEmpty => true,
            Bug::ZeroRefusesEmpty => self.limit == 0,
            _ => false,
        };
        if message.is_empty() && refuses_empty {
            return false;
        }
        if message.len() > self.room() {
            if self.bug == Bug::TakesAPart {
                let room = self.room();
                self.bytes.extend(&message[..room]);
            }
            return false;
        }
        self.counted += message.len();
        self.empties += usize::from(message.is_empty() && self.bug == Bug::WritesEmpty);
        if self.bug == Bug::LastFirst {
            for &byte in message.iter().rev() {
                self.bytes.push_front(byte);
            }
        } else {
            self.bytes.extend(message);
        }
        true
    }

    fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<()> {
        let mut written = 0;
        self.blocked = false;
        while written < self.bytes.len() || self.empties > 0 {
            if self.empties > 0 {
                self.empties -= 1;
                if socket.write(b"")? == 0 {
                    return Err(ErrorKind::WriteZero.into());
                }
            }
            let at_once = self.bug == Bug::TakesOutAtTheEnd;
            let all = self.bytes.make_contiguous();
            let front = if at_once { &all[written..] } else { &*all };
            if self.bug == Bug::WriteAll {
                let result = socket.write_all(front);
                self.bytes.clear();
                return match result {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(()),
                    other => other,
                };
            }
            match socket.write(front) {
                Ok(0) if self.bug == Bug::ZeroIsFine => return Ok(()),
                Ok(0) if self.bug == Bug::ZeroIsAskedAgain => {}
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    match self.bug {
                        Bug::ForgetsTheRest => self.bytes.clear(),
                        Bug::KeepsAll if n == self.bytes.len() => self.bytes.clear(),
                        Bug::KeepsAll => return Ok(()),
                        Bug::TakesOutAtTheEnd => written += n,
                        Bug::MovesTheRest => {
                            let rest: Vec<u8> = self.bytes.iter().skip(n).copied().collect();
                            self.bytes = rest.into();
                        }
                        _ => drop(self.bytes.drain(..n)),
                    }
                    if self.bug == Bug::RoomWhenEmpty && self.bytes.is_empty() {
                        self.counted = 0;
                    }
                    if self.bug == Bug::WritesOnce {
                        return Ok(());
                    }
                }
                Err(error) => match (error.kind(), self.bug) {
                    (ErrorKind::WouldBlock, Bug::WouldBlockIsAnError) => return Err(error),
                    (ErrorKind::WouldBlock, Bug::DropsAtWouldBlock) => {
                        self.bytes.clear();
                        return Ok(());
                    }
                    (ErrorKind::WouldBlock, Bug::AsksAgain) => {}
                    (ErrorKind::WouldBlock, _) => {
                        self.blocked = true;
                        break;
                    }
                    (ErrorKind::Interrupted, Bug::InterruptedIsAnError) => return Err(error),
                    (ErrorKind::Interrupted, Bug::InterruptedIsLater) => break,
                    (ErrorKind::Interrupted, Bug::InterruptedTwenty) if self.interrupted > 20 => {
                        return Err(error);
                    }
                    (ErrorKind::Interrupted, _) => self.interrupted += 1,
                    (_, Bug::ErrorAnew) => return Err(error.kind().into()),
                    (_, Bug::SwallowsErrors) => return Ok(()),
                    (_, Bug::AllErrorsAreZero) => return Err(ErrorKind::WriteZero.into()),
                    _ => return Err(error),
                },
            }
        }
        self.bytes.drain(..written);
        Ok(())
    }

    fn wants_to_write(&self) -> bool {
        match self.bug {
            Bug::WantsAlways => true,
            Bug::WantsNever => false,
            Bug::WantsAfterBlock => self.blocked,
            _ => !self.bytes.is_empty(),
        }
    }
}

/// What is left of a message goes behind those that came later.
pub fn rest_goes_behind(limit: usize) -> Box<dyn WriteQueue> {
    struct Shuffled(VecDeque<Vec<u8>>, usize);

    impl WriteQueue for Shuffled {
        fn push(&mut self, message: &[u8]) -> bool {
            let waits: usize = self.0.iter().map(Vec::len).sum();
            let fits = message.len() <= self.1 - waits;
            if fits && !message.is_empty() {
                self.0.push_back(message.to_vec());
            }
            fits
        }

        fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<()> {
            while let Some(mut message) = self.0.pop_front() {
                match socket.write(&message) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(n) => message.drain(..n).for_each(drop),
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => {
                        self.0.push_front(message);
                        return if e.kind() == ErrorKind::WouldBlock {
                            Ok(())
                        } else {
                            Err(e)
                        };
                    }
                }
                if !message.is_empty() {
                    self.0.push_back(message);
                }
            }
            Ok(())
        }

        fn wants_to_write(&self) -> bool {
            !self.0.is_empty()
        }
    }

    Box::new(Shuffled(VecDeque::new(), limit))
}
