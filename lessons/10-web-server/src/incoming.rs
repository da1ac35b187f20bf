//! Reads messages from a connection: a head, its body, the next head, whatever pieces they come in.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::time::Instant;

use shared::read_by;

use crate::body::{Chunks, Length};
use crate::head::{MAX_HEAD, end_of_head};
use crate::{Refusal, Trouble};

/// What comes from the other side, and what has come too early: bytes of the next message.
pub struct Incoming<'a> {
    stream: &'a TcpStream,
    waiting: Vec<u8>,
}

impl Incoming<'_> {
    /// Of a connection from which nobody else reads.
    pub fn new(stream: &TcpStream) -> Incoming<'_> {
        Incoming {
            stream,
            waiting: Vec::new(),
        }
    }

    /// Waits for the first byte of a message. `false` when the other side has finished instead.
    ///
    /// # Errors
    /// `TimedOut` when the deadline has passed, otherwise what `read` fails with.
    pub fn begins(&mut self, deadline: Instant) -> io::Result<bool> {
        Ok(!self.waiting.is_empty() || self.read_more(deadline)? > 0)
    }

    /// The next head, with the empty line at its end. An empty line before it is passed over, as
    /// RFC 9112 (2.2) advises.
    ///
    /// # Errors
    /// - 400, 414 or 431 for what can be no head any more.
    /// - `TimedOut` when the deadline has passed before it is whole.
    /// - `UnexpectedEof` when the other side finishes before that.
    /// - Otherwise what `read` fails with.
    pub fn read_head(&mut self, deadline: Instant) -> Result<Vec<u8>, Trouble> {
        let mut seen = 0;
        let mut passed_over = false;
        loop {
            if !passed_over && self.waiting.starts_with(b"\r\n") {
                self.waiting.drain(..2);
                passed_over = true;
                seen = 0;
            }
            // Only what is new: going through all of it after each byte would take time that
            // grows with the square of the head's length.
            let end = end_of_head(&self.waiting, seen)?;
            seen = self.waiting.len();
            if end.unwrap_or(seen) > MAX_HEAD {
                return Err(too_long(&self.waiting).into());
            }
            if let Some(end) = end {
                let rest = self.waiting.split_off(end);
                return Ok(std::mem::replace(&mut self.waiting, rest));
            }
            if self.read_more(deadline)? == 0 {
                return Err(ended("in a head").into());
            }
        }
    }

    /// Reads a body to its end and hands it on, piece by piece. `deadline` tells for each read until
    /// when it may wait.
    ///
    /// # Errors
    /// As `read_head`; `InvalidData` for what are no chunks; and what `take` fails with.
    pub fn read_body(
        &mut self,
        length: Length,
        mut deadline: impl FnMut() -> Instant,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        match length {
            Length::Known(mut missing) => {
                while missing > 0 {
                    if self.waiting.is_empty() && self.read_more(deadline())? == 0 {
                        return Err(ended(&format!("{missing} bytes before its body's end")));
                    }
                    let here = self.waiting.len();
                    let n = usize::try_from(missing).map_or(here, |m| m.min(here));
                    take(&self.waiting[..n])?;
                    self.waiting.drain(..n);
                    missing -= n as u64;
                }
            }
            Length::Chunked => {
                let (mut chunks, mut piece) = (Chunks::default(), Vec::new());
                while !chunks.is_done() {
                    if self.waiting.is_empty() && self.read_more(deadline())? == 0 {
                        return Err(ended("before the last chunk"));
                    }
                    let used = chunks.decode(&self.waiting, &mut piece)?;
                    self.waiting.drain(..used);
                    take(&piece)?;
                    piece.clear();
                }
            }
            Length::UntilEnd => {
                while !self.waiting.is_empty() || self.read_more(deadline())? > 0 {
                    take(&self.waiting)?;
                    self.waiting.clear();
                }
            }
        }
        Ok(())
    }

    fn read_more(&mut self, deadline: Instant) -> io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let n = read_by(self.stream, &mut piece, deadline)?;
        self.waiting.extend_from_slice(&piece[..n]);
        Ok(n)
    }
}

fn ended(place: &str) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, format!("it ended {place}"))
}

fn too_long(bytes: &[u8]) -> Refusal {
    // Without a whole first line within the limit, it is the target that is too long.
    let first = &bytes[..MAX_HEAD];
    let status = if first.contains(&b'\n') { 431 } else { 414 };
    Refusal::new(status, format!("a head of more than {MAX_HEAD} bytes"))
}
