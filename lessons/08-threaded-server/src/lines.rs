//! Lines from a peer that is not trusted: neither to end a line, nor to send it soon.

use std::io;
use std::mem;
use std::net::TcpStream;
use std::time::Instant;

use shared::read_by;

/// The longest line, in bytes, its end not counted.
pub const MAX_LINE: usize = 8 * 1024;

/// What [`LineReader::read_line`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A line with the `\n` at its end, which the last one may lack.
    Line(Vec<u8>),
    /// A line of more than [`MAX_LINE`] bytes; it was not read to its end.
    TooLong,
    /// The peer has finished.
    End,
}

/// Reads line by line, however the lines were cut on the way.
pub struct LineReader<'a> {
    stream: &'a TcpStream,
    /// What was read behind the last line.
    pending: Vec<u8>,
}

impl<'a> LineReader<'a> {
    /// Reads from this connection. Nobody else should.
    pub fn new(stream: &'a TcpStream) -> LineReader<'a> {
        let pending = Vec::new(); // takes no memory until something comes
        LineReader { stream, pending }
    }

    /// Reads one line, all of it by the deadline.
    ///
    /// # Errors
    /// `TimedOut` when the deadline has passed, otherwise what `read` fails with.
    pub fn read_line(&mut self, deadline: Instant) -> io::Result<Received> {
        let mut searched = 0;
        loop {
            let found = self.pending[searched..].iter().position(|&b| b == b'\n');
            let length = found.map_or(self.pending.len(), |i| searched + i);
            if length > MAX_LINE {
                return Ok(Received::TooLong);
            }
            if found.is_some() {
                let rest = self.pending.split_off(length + 1);
                return Ok(Received::Line(mem::replace(&mut self.pending, rest)));
            }

            searched = self.pending.len();
            let mut buffer = [0; 1024];
            match read_by(self.stream, &mut buffer, deadline)? {
                0 if self.pending.is_empty() => return Ok(Received::End),
                0 => return Ok(Received::Line(mem::take(&mut self.pending))),
                n => self.pending.extend_from_slice(&buffer[..n]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use arbtest::arbtest;

    use super::*;

    /// What the reader makes of bytes that come in pieces.
    fn read(pieces: Vec<Vec<u8>>) -> Vec<Received> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let sender = thread::spawn(move || {
            let mut stream = TcpStream::connect(addr).expect("the listener is there");
            stream
                .set_nodelay(true)
                .expect("a socket takes TCP_NODELAY");
            for piece in pieces {
                if stream.write_all(&piece).is_err() {
                    break; // the reader has had enough
                }
            }
        });
        let (stream, _) = listener.accept().expect("the sender connects");
        let mut reader = LineReader::new(&stream);
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut received = Vec::new();
        loop {
            let next = reader.read_line(deadline).expect("all of it comes in time");
            let last = !matches!(next, Received::Line(_));
            received.push(next);
            if last {
                break;
            }
        }
        drop(stream);
        sender.join().expect("the sender does not fail");
        received
    }

    fn lines(lines: &[&[u8]], end: Received) -> Vec<Received> {
        let lines = lines.iter().map(|line| Received::Line(line.to_vec()));
        lines.chain([end]).collect()
    }

    #[test]
    fn finds_the_lines_however_they_are_cut() {
        let bytes = b"one\n\ntwo\r\n\xff\x00\nlast".to_vec();
        let expected = lines(
            &[b"one\n", b"\n", b"two\r\n", b"\xff\x00\n", b"last"],
            Received::End,
        );
        for size in 1..=bytes.len() {
            let pieces = bytes.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(read(pieces), expected, "in pieces of {size}");
        }
        assert_eq!(read(Vec::new()), [Received::End]);
    }

    #[test]
    fn takes_lines_up_to_the_limit_and_no_longer_ones() {
        let longest = [vec![b'x'; MAX_LINE], vec![b'\n']].concat();
        let short = b"short\n".to_vec();
        let pieces = vec![longest.clone(), short.clone(), longest.clone()];
        assert_eq!(
            read(pieces),
            lines(&[&longest, &short, &longest], Received::End)
        );

        let longer = [vec![b'x'; MAX_LINE + 1], vec![b'\n']].concat();
        assert_eq!(
            read(vec![short.clone(), longer]),
            lines(&[&short], Received::TooLong)
        );
        let endless = vec![b'x'; 10 * MAX_LINE];
        assert_eq!(read(vec![endless]), [Received::TooLong]);
    }

    #[test]
    fn the_lines_are_what_was_sent_in_pieces() {
        arbtest(|u| {
            let size = u.int_in_range(1..=49)?;
            let mut bytes = Vec::new();
            for _ in 0..u.choose_index(300)? {
                bytes.push(if u.arbitrary()? {
                    b'\n'
                } else {
                    u.arbitrary()?
                });
            }
            let received = read(bytes.chunks(size).map(<[u8]>::to_vec).collect());
            let sent: Vec<&[u8]> = bytes.split_inclusive(|&b| b == b'\n').collect();
            assert_eq!(received, lines(&sent, Received::End));
            Ok(())
        });
    }
}
