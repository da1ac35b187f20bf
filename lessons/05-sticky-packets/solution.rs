//! One way to solve the exercises of lesson 5. Try your own first.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use sticky_packets::contract::{Decode, DecodeError};

/// 5.1 Split at newlines.
pub fn split(
    mut stream: TcpStream,
    size: usize,
    each: &mut dyn FnMut(&[u8]),
) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; size];
    let mut begun = Vec::new(); // the message that is not whole yet
    loop {
        let n = match stream.read(&mut buffer) {
            Ok(0) => return Ok(begun),
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for &byte in &buffer[..n] {
            if byte == b'\n' {
                each(&begun);
                begun.clear();
            } else {
                begun.push(byte);
            }
        }
    }
}

/// 5.2 Kill the 40 ms.
pub fn ask_all(mut stream: &TcpStream, questions: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
    let mut answers = Vec::new();
    for question in questions {
        let length = u8::try_from(question.len()).map_err(|_| ErrorKind::InvalidInput)?;
        // One write: a second one would wait for the acknowledgement of the first.
        let mut bytes = vec![length];
        bytes.extend_from_slice(question);
        stream.write_all(&bytes)?;

        let mut length = [0];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; length[0].into()];
        stream.read_exact(&mut answer)?;
        answers.push(answer);
    }
    Ok(answers)
}

/// How many bytes the length takes.
const PREFIX: usize = 2;

/// 5.3 A decoder as a state machine.
pub struct Decoder {
    limit: usize,
    /// All that was pushed and is not thrown away yet.
    bytes: Vec<u8>,
    /// Where the next message begins in it.
    next: usize,
}

impl Decoder {
    /// A decoder for a new stream.
    pub fn new(limit: usize) -> Decoder {
        Decoder {
            limit,
            bytes: Vec::new(),
            next: 0,
        }
    }
}

impl Decode for Decoder {
    fn push(&mut self, bytes: &[u8]) {
        // Once for each push: taking every message away from the front would move the rest of the
        // bytes each time.
        self.bytes.drain(..self.next);
        self.next = 0;
        self.bytes.extend_from_slice(bytes);
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, DecodeError> {
        let &[high, low, ref rest @ ..] = &self.bytes[self.next..] else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > self.limit {
            // `next` stays where it is, so that the length is found again.
            let limit = self.limit;
            return Err(DecodeError::TooLong { length, limit });
        }
        let Some(message) = rest.get(..length) else {
            return Ok(None);
        };
        self.next += PREFIX + length;
        Ok(Some(message.to_vec()))
    }

    fn end(&self) -> Result<(), DecodeError> {
        match self.bytes.len() - self.next {
            0 => Ok(()),
            got => Err(DecodeError::Cut { got }),
        }
    }
}
