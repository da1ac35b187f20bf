use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::compare::{SHOWN, count, show_start};
use super::compare::{compare, show};
use super::fault::{Fault, Step};
use super::patience::Patience;
use crate::sockets::reset;

/// How many bytes have come to a socket and were not read yet; 0 where the system does not tell.
pub fn unread(stream: &TcpStream) -> usize {
    #[cfg(unix)]
    return rustix::io::ioctl_fionread(stream)
        .ok()
        .and_then(|n| n.try_into().ok())
        .unwrap_or(0);
    #[cfg(not(unix))]
    {
        let _ = stream;
        0
    }
}

/// Writes everything. Each piece has the socket's timeout for itself, because Windows counts it for
/// all that a write is given.
fn write_in_pieces(mut stream: &TcpStream, bytes: &[u8], piece: usize) -> io::Result<()> {
    bytes
        .chunks(piece)
        .try_for_each(|piece| stream.write_all(piece))
}

/// The check's side of a connection with the learner's function.
pub struct Peer {
    stream: TcpStream,
    patience: Patience,
    /// The first bytes of what was sent, for the beginning of a sentence.
    sent: Vec<u8>,
    sent_in_all: usize,
}

/// The function's end of a connection. Whether it was accepted and is still open can be seen on
/// Linux; elsewhere nothing is known.
pub struct OtherEnd {
    /// As Linux names it: `socket:[12345]`.
    name: Option<String>,
    patience: Patience,
}

impl OtherEnd {
    /// Whether this process holds the socket. One that waits in a listener's queue is held by
    /// nobody.
    pub fn is_held(&self) -> bool {
        let Some(name) = &self.name else { return false };
        let files = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
        let mut links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        links.any(|link| link.as_os_str() == name.as_str())
    }

    /// Waits until nobody holds the socket any more: also a shutdown leaves it open.
    pub fn expect_closed(&self) -> Step {
        let started = Instant::now();
        let wait = self.patience.left();
        while self.is_held() {
            if started.elapsed() > wait {
                let what = "somebody still holds the stream, or a clone of it";
                return Err(Fault::new(what).late());
            }
            thread::sleep(Duration::from_millis(5)); // between two looks
        }
        self.patience.notes.waited(started.elapsed());
        Ok(())
    }
}

/// The name of the socket that is connected so, if this is Linux and somebody has accepted it.
fn name_of(local: SocketAddr, remote: SocketAddr) -> Option<String> {
    let shown = |addr: SocketAddr| match addr {
        SocketAddr::V4(addr) => {
            let ip = u32::from_ne_bytes(addr.ip().octets());
            Some(format!("{ip:08X}:{:04X}", addr.port()))
        }
        SocketAddr::V6(_) => None,
    };
    let (local, remote) = (shown(local)?, shown(remote)?);
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let inode = *fields.get(9)?;
        let it = fields[1] == local && fields[2] == remote && inode != "0";
        it.then(|| format!("socket:[{inode}]"))
    })
}

impl Peer {
    /// The function's end, while the connection is there.
    pub fn other_end(&self) -> OtherEnd {
        let ends = (self.stream.peer_addr(), self.stream.local_addr());
        let name = match ends {
            (Ok(theirs), Ok(ours)) => name_of(theirs, ours),
            _ => None,
        };
        let patience = self.patience.clone();
        OtherEnd { name, patience }
    }

    pub(super) fn new(stream: TcpStream, patience: Patience) -> Peer {
        Peer {
            stream,
            patience,
            sent: Vec::new(),
            sent_in_all: 0,
        }
    }

    /// The socket, for what the methods do not offer.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes in one write, or in several if they are very many.
    pub fn send(&mut self, bytes: &[u8]) -> Step {
        let _ = self.stream.set_nodelay(true);
        let _ = self.stream.set_write_timeout(Some(self.patience.left()));
        let written = write_in_pieces(&self.stream, bytes, 256 * 1024);
        written.map_err(|e| match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Fault::new(format!(
                "{}you did not read what was sent next ({})",
                self.story(),
                count(bytes.len())
            ))
            .late(),
            _ => Fault::new(format!(
                "{}then sending {} failed: {e}",
                self.story(),
                count(bytes.len())
            )),
        })?;
        self.note(bytes);
        Ok(())
    }

    fn note(&mut self, bytes: &[u8]) {
        let room = SHOWN - self.sent.len();
        self.sent.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.sent_in_all += bytes.len();
    }

    /// Sends bytes while it reads what comes back, half-closes behind them, and reads until the
    /// function closes, at most `limit` bytes. For more bytes than all buffers hold.
    pub fn exchange(&mut self, bytes: &[u8], limit: usize) -> Step<Vec<u8>> {
        let sender = self.stream.try_clone();
        let sender =
            sender.map_err(|e| Fault::new(format!("the check could not clone its socket: {e}")))?;
        let _ = sender.set_write_timeout(Some(self.patience.left()));
        self.note(bytes);
        let notes = Arc::clone(&self.patience.notes);
        thread::scope(|scope| {
            scope.spawn(move || {
                // If this fails, too little comes back, and that is reported.
                if let Err(error) = write_in_pieces(&sender, bytes, 8 * 1024)
                    && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
                {
                    notes.ran_out();
                }
                let _ = sender.shutdown(Shutdown::Write);
            });
            self.read_to_end(limit)
        })
    }

    /// Sends bytes one at a time, `gap` apart, so that they come in as many reads.
    pub fn dribble(&mut self, bytes: &[u8], gap: Duration) -> Step {
        for byte in bytes {
            self.send(std::slice::from_ref(byte))?;
            thread::sleep(gap); // the pace of the client, not a wait for anything
        }
        Ok(())
    }

    /// Sends bytes one at a time, each when the function has read the one before it, so that they
    /// come in as many reads. `theirs` is a clone of the function's socket.
    pub fn send_one_by_one(&mut self, bytes: &[u8], theirs: &TcpStream) -> Step {
        for byte in bytes {
            self.send(std::slice::from_ref(byte))?;
            self.wait_until_read(theirs);
        }
        Ok(())
    }

    /// Waits until the function has read all that has come to its socket, of which `theirs` is a
    /// clone. One that never does is found by what comes next.
    pub fn wait_until_read(&self, theirs: &TcpStream) {
        let deadline = Instant::now() + self.patience.left() / 2;
        thread::sleep(Duration::from_millis(1)); // it may not even have arrived
        while unread(theirs) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1)); // between two looks
        }
        if cfg!(not(unix)) {
            thread::sleep(Duration::from_millis(10)); // there nobody tells
        }
    }

    /// Says that nothing more will be sent.
    pub fn half_close(&mut self) -> Step {
        self.stream
            .shutdown(Shutdown::Write)
            .map_err(|e| Fault::new(format!("{}the half-close failed: {e}", self.story())))
    }

    /// Reads just as many bytes as are expected, and compares them. `promise` says what the
    /// function should do, in the words of its contract.
    pub fn expect(&mut self, expected: &[u8], promise: &str) -> Step {
        let mut came = vec![0; expected.len()];
        let mut n = 0;
        let (mut why, mut silent) = ("", false);
        while n < expected.len() {
            match self.read(&mut came[n..])? {
                Some(0) => why = ": you closed the connection",
                Some(more) => {
                    n += more;
                    continue;
                }
                None => (why, silent) = (": nothing more came", true),
            }
            break;
        }
        compare(expected, &came[..n]).map_err(|difference| {
            let fault = Fault::new(format!("{}{promise}\n{difference}{why}", self.story()));
            if silent { fault.late() } else { fault }
        })
    }

    /// Reads until the function closes, at most `limit` bytes.
    pub fn read_to_end(&mut self, limit: usize) -> Step<Vec<u8>> {
        let mut came = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.read(&mut buffer)? {
                Some(0) => return Ok(came),
                Some(n) => came.extend_from_slice(&buffer[..n]),
                None => {
                    let before = match came.len() {
                        0 => String::new(),
                        _ => format!("you sent {}, and then nothing more: ", show(&came)),
                    };
                    let story = self.story();
                    let what = format!("{story}{before}you did not close the connection");
                    return Err(Fault::new(what).late());
                }
            }
            if came.len() > limit {
                return Err(Fault::new(format!(
                    "{}you sent more than {limit} bytes and went on",
                    self.story()
                )));
            }
        }
    }

    /// Checks that the function closes without another byte.
    pub fn expect_end(&mut self, promise: &str) -> Step {
        let came = self.read_to_end(4096)?;
        if came.is_empty() {
            return Ok(());
        }
        Err(Fault::new(format!(
            "{}{promise}\nbut more came: {}",
            self.story(),
            show(&came)
        )))
    }

    /// Checks that the function did not break the connection off, once it has returned.
    pub fn expect_no_reset(&self, promise: &str) -> Step {
        match self.stream.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(e)) | Err(e) => Err(Fault::new(format!("{}{promise}, but: {e}", self.story()))),
        }
    }

    /// One read: how many bytes, 0 at the end; `None` when nothing came in time.
    pub fn read(&mut self, buffer: &mut [u8]) -> Step<Option<usize>> {
        let started = Instant::now();
        let deadline = started + self.patience.left();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1));
            let _ = self.stream.set_read_timeout(Some(left));
            match self.stream.read(buffer) {
                Ok(n) => {
                    self.patience.notes.waited(started.elapsed());
                    return Ok(Some(n));
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    self.patience.notes.ran_out();
                    return Ok(None);
                }
                // The process was stopped, and goes on (Ctrl-Z and fg).
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    let story = self.story();
                    return Err(Fault::new(format!(
                        "{story}reading your answer failed: {e}"
                    )));
                }
            }
        }
    }

    /// Reads until the function closes, at most `limit` bytes, but only a few at a time, with a
    /// pause after each read.
    pub fn read_slowly(
        &mut self,
        at_a_time: usize,
        pause: Duration,
        limit: usize,
    ) -> Step<Vec<u8>> {
        let mut came = Vec::new();
        let mut buffer = vec![0; at_a_time];
        while came.len() <= limit {
            match self.read(&mut buffer)? {
                Some(0) | None => return Ok(came),
                Some(n) => came.extend_from_slice(&buffer[..n]),
            }
            thread::sleep(pause); // the pace of the reader
        }
        Ok(came)
    }

    /// Breaks the connection off with RST.
    pub fn reset(self) {
        reset(self.stream);
    }

    /// What the check has done so far, as the beginning of a sentence.
    pub(super) fn story(&self) -> String {
        match self.sent_in_all {
            0 => String::new(),
            n => format!("after {} was sent: ", show_start(&self.sent, n)),
        }
    }
}
