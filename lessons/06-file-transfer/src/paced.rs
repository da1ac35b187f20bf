use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How many bytes must pass before the patience begins anew.
const STEP: usize = 64 * 1024;

/// A connection whose other side must make progress: at least 64 KiB in each `patience`. Only the
/// time in `read` and `write` counts, not what we do in between, such as writing to a slow disk.
///
/// A timeout for each read would not do: a peer that sends one byte just before each of them
/// runs out could stay for ever.
pub struct Paced<'a> {
    stream: &'a TcpStream,
    patience: Duration,
    /// What is left of it.
    left: Duration,
    moved: usize,
}

impl Paced<'_> {
    pub fn new(stream: &TcpStream, patience: Duration) -> Paced<'_> {
        Paced {
            stream,
            patience,
            left: patience,
            moved: 0,
        }
    }

    /// What is left of the patience, as the timeout of the next call.
    fn left(&self) -> io::Result<Duration> {
        if self.left.is_zero() {
            return Err(self.too_slow());
        }
        Ok(self.left)
    }

    /// Counts what a call has moved, and how long it took.
    fn count(&mut self, start: Instant, moved: io::Result<usize>) -> io::Result<usize> {
        self.left = self.left.saturating_sub(start.elapsed());
        match moved {
            Ok(n) => {
                self.moved += n;
                if self.moved >= STEP {
                    self.moved = 0;
                    self.left = self.patience;
                }
                Ok(n)
            }
            // WouldBlock on Unix, TimedOut on Windows.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(self.too_slow())
            }
            Err(e) => Err(e),
        }
    }

    fn too_slow(&self) -> io::Error {
        let seconds = self.patience.as_secs();
        let message = format!("no progress: less than 64 KiB passed in {seconds} s");
        io::Error::new(ErrorKind::TimedOut, message)
    }
}

impl Read for Paced<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            let start = Instant::now();
            let read = self.stream.read(buffer);
            match self.count(start, read) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {} // a signal; nothing is lost
                read => return read,
            }
        }
    }
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // write_all tries again by itself when a signal interrupts it.
        self.stream.set_write_timeout(Some(self.left()?))?;
        let start = Instant::now();
        let written = self.stream.write(bytes);
        self.count(start, written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn our_own_time_is_not_the_peers() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let mut peer = TcpStream::connect(addr).expect("it listens");
        let (stream, _) = listener.accept().expect("the peer is in the queue");
        peer.write_all(b"ab")
            .expect("two bytes fit into the buffer");

        let patience = Duration::from_millis(500);
        let mut connection = Paced::new(&stream, patience);
        let mut byte = [0];
        connection.read_exact(&mut byte).expect("a byte is there");
        thread::sleep(patience); // our slow disk
        connection.read_exact(&mut byte).expect("a byte is there");
        let error = connection.read(&mut byte).expect_err("no byte is there");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
