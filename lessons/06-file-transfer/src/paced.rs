use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How many bytes must pass before the patience begins anew.
const STEP: usize = 64 * 1024;

/// A connection whose other side must make progress: at least 64 KiB in each `patience`.
///
/// A timeout for each read would not do: a peer that sends one byte just before each of them
/// runs out could stay for ever.
pub struct Paced<'a> {
    stream: &'a TcpStream,
    patience: Duration,
    deadline: Instant,
    moved: usize,
}

impl Paced<'_> {
    pub fn new(stream: &TcpStream, patience: Duration) -> Paced<'_> {
        Paced {
            stream,
            patience,
            deadline: Instant::now() + patience,
            moved: 0,
        }
    }

    /// What is left until the deadline.
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.too_slow());
        }
        Ok(left)
    }

    fn moved(&mut self, moved: io::Result<usize>) -> io::Result<usize> {
        match moved {
            Ok(n) => {
                self.moved += n;
                if self.moved >= STEP {
                    self.moved = 0;
                    self.deadline = Instant::now() + self.patience;
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
            match self.stream.read(buffer) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {} // a signal; nothing is lost
                read => return self.moved(read),
            }
        }
    }
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // write_all tries again by itself when a signal interrupts it.
        self.stream.set_write_timeout(Some(self.left()?))?;
        let written = self.stream.write(bytes);
        self.moved(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
