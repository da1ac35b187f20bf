//! The tap between the two ends of a connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use course::picture::{Fate, Way, What};
use shared::Failure;
use socket2::SockRef;

use crate::Tap;
use crate::on_the_way::Passage;
use crate::record::{Who, until};

/// How many pieces wait for their time in one direction. When there are more, the sender waits, as
/// it would for a slow network.
const QUEUED: usize = 64;

/// Passes connections on, until Ctrl-C.
pub fn run(tap: &'static Tap) -> Result<(), Failure> {
    let listener = TcpListener::bind(&tap.addr).map_err(|e| Failure::bind(&tap.addr, e))?;
    tap.announce(listener.local_addr())?;
    let mut number = 0;
    loop {
        match listener.accept() {
            Ok((client, peer)) => {
                number += 1;
                let here = client.local_addr().unwrap_or(peer);
                let who = Who::new(number, peer, here, false);
                tap.record.note(who, What::Connects(peer.to_string()));
                thread::spawn(move || connection(tap, who, client));
            }
            Err(error) => {
                shared::warn!("cannot accept a client: {error}");
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// One connection: the two sides, and what has become of it.
struct Link {
    tap: &'static Tap,
    who: Who,
    client: TcpStream,
    server: TcpStream,
    /// One of the sides broke off, or the tap did.
    reset: AtomicBool,
    /// How many bytes were passed on, both directions together.
    passed: AtomicU64,
}

fn connection(tap: &'static Tap, who: Who, client: TcpStream) {
    let server = match TcpStream::connect(&tap.to) {
        Ok(server) => server,
        Err(error) => {
            Failure::new(format!("cannot connect to {}: {error}", tap.to))
                .hint("start the lesson's server first, in another terminal")
                .print();
            return;
        }
    };
    // The tap must not hold back what the programs send.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let link = Link {
        tap,
        who,
        client,
        server,
        reset: AtomicBool::new(false),
        passed: AtomicU64::new(0),
    };
    thread::scope(|scope| {
        for way in [Way::ToServer, Way::ToClient] {
            let (queue, queued) = mpsc::sync_channel(QUEUED);
            let link = &link;
            scope.spawn(move || link.listen(way, &queue));
            scope.spawn(move || link.pass_on(way, &queued));
        }
    });
    link.note(What::Closed);
    if tap.network.black_hole {
        // Closing would say something, so the sockets stay for as long as the tap runs.
        loop {
            thread::park();
        }
    }
}

/// What came, and when.
struct Arrival {
    at: Instant,
    /// Nothing stands for FIN.
    bytes: Vec<u8>,
    _passage: Passage,
}

impl Link {
    fn ends(&self, way: Way) -> (&TcpStream, &TcpStream) {
        match way {
            Way::ToServer => (&self.client, &self.server),
            Way::ToClient => (&self.server, &self.client),
        }
    }

    /// Notes what comes from one side, at the time when it comes, and queues it.
    fn listen(&self, way: Way, queue: &SyncSender<Arrival>) {
        let (mut from, to) = self.ends(way);
        if cfg!(windows) {
            // There no `shutdown` wakes who reads: it looks up now and then.
            let _ = from.set_read_timeout(Some(Duration::from_millis(250)));
        }
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer);
            let at = Instant::now();
            if self.reset.load(Ordering::SeqCst) {
                return;
            }
            match read {
                Ok(n) => {
                    let fates = self.tap.network.fates(n);
                    let lost = fates.contains(&Fate::Dropped);
                    let passage = self.tap.on_the_way.begin();
                    self.note(match n {
                        0 => What::Fin(way, fates),
                        _ => What::piece(way, &buffer[..n], fates),
                    });
                    let arrival = Arrival {
                        at,
                        bytes: buffer[..n].to_vec(),
                        _passage: passage,
                    };
                    let sent = lost || queue.send(arrival).is_ok();
                    if n == 0 || !sent {
                        return;
                    }
                }
                Err(error) if is_pause(&error) => {}
                Err(error) => {
                    self.note(What::Reset(way, error.to_string()));
                    if !self.tap.network.black_hole {
                        self.reset.store(true, Ordering::SeqCst);
                        end_with_reset(to);
                    }
                    return;
                }
            }
        }
    }

    /// Writes to the other side what was queued, each part when its time has come.
    fn pass_on(&self, way: Way, queue: &Receiver<Arrival>) {
        let (_, mut to) = self.ends(way);
        let mut free = Instant::now(); // when a line of the given rate is free again
        for arrival in queue {
            let due = arrival.at + self.tap.network.delay();
            thread::sleep(until(due));
            if arrival.bytes.is_empty() {
                if !self.reset.load(Ordering::SeqCst) {
                    let _ = to.shutdown(Shutdown::Write); // whoever reads from that side sees why not
                }
                return;
            }
            for piece in arrival.bytes.chunks(self.tap.network.piece()) {
                free = free.max(due) + self.tap.network.takes(piece.len());
                thread::sleep(until(free));
                if self.reset.load(Ordering::SeqCst) {
                    return;
                }
                let (allowed, cut) = self.allowance(piece.len());
                if to.write_all(&piece[..allowed]).is_err() {
                    return; // whoever reads from that side sees why
                }
                if cut {
                    self.cut();
                    return;
                }
            }
        }
    }

    /// How many of so many bytes may still pass, and whether the connection is cut after them.
    fn allowance(&self, length: usize) -> (usize, bool) {
        let Some(limit) = self.tap.network.reset_after else {
            return (length, false);
        };
        let passed = self.passed.fetch_add(length as u64, Ordering::SeqCst);
        let left = usize::try_from(limit.saturating_sub(passed)).unwrap_or(usize::MAX);
        (length.min(left), length >= left)
    }

    /// Breaks off, as `--reset-after` says.
    fn cut(&self) {
        if !self.reset.swap(true, Ordering::SeqCst) {
            let limit = self.tap.network.reset_after.unwrap_or(0);
            self.note(What::Cut(limit));
            end_with_reset(&self.client);
            end_with_reset(&self.server);
        }
    }

    fn note(&self, what: What) {
        self.tap.record.note(self.who, what);
    }
}

/// Whether a read only looked up, to see whether the other side was reset.
fn is_pause(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

/// That side gets an RST when the last of us lets go of its socket.
fn end_with_reset(side: &TcpStream) {
    let _ = SockRef::from(side).set_linger(Some(Duration::ZERO));
    let _ = side.shutdown(Shutdown::Read); // wakes who reads there
}
