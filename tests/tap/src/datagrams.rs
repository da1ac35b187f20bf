//! The tap between those who send each other datagrams.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use course::picture::{Fate, Way, What};
use shared::{Addr, Failure};

use crate::Tap;
use crate::network::Dice;
use crate::on_the_way::Passage;
use crate::record::{Who, until};

/// How long a datagram is held back for another that may overtake it.
const HELD: Duration = Duration::from_millis(500);

/// Passes datagrams on, until Ctrl-C.
pub fn run(tap: &'static Tap) -> Result<(), Failure> {
    let socket = UdpSocket::bind(&tap.addr).map_err(|e| Failure::bind(&tap.addr, e))?;
    let local = tap.announce(socket.local_addr())?;
    let socket = Arc::new(socket);
    let mut clients: HashMap<SocketAddr, Flow> = HashMap::new();
    let mut buffer = vec![0; 65_535];
    loop {
        let (n, client) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) => {
                shared::warn!("cannot receive: {error}"); // some systems report an unreachable client here
                continue;
            }
        };
        let next = clients.len() + 1;
        let to_server = match clients.get_mut(&client) {
            Some(flow) => flow,
            None => {
                let who = Who::new(next, client, local, true);
                let flow = new_client(tap, who, &socket).map_err(|e| {
                    let failure = Failure::new(format!("cannot reach {}: {e}", tap.to));
                    failure.hint("check --to")
                })?;
                clients.entry(client).or_insert(flow)
            }
        };
        to_server.take(&buffer[..n]);
    }
}

/// Makes what a client needs: a socket of its own, so that the answers find their way back. Gives
/// the way to the server; a thread takes care of the way back.
fn new_client(tap: &'static Tap, who: Who, socket: &Arc<UdpSocket>) -> io::Result<Flow> {
    // This asks nobody: the server need not be there yet, but its address must be good.
    let server = Arc::new(connected(who.ends.server, &tap.to)?);
    let client = who.ends.client;
    tap.record.note(who, What::Appears(client.to_string()));

    let (answering, asked) = (Arc::clone(socket), Arc::clone(&server));
    let back = Flow::new(tap, who, Way::ToClient, move |datagram| {
        answering.send_to(datagram, client)
    });
    thread::spawn(move || answers(&asked, back));
    Ok(Flow::new(tap, who, Way::ToServer, move |datagram| {
        server.send(datagram)
    }))
}

/// A socket that speaks with the server only.
fn connected(local: SocketAddr, to: &Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((local.ip(), 0))?;
    socket.connect(to)?;
    Ok(socket)
}

/// Passes the server's datagrams back to one client.
fn answers(server: &UdpSocket, mut back: Flow) {
    let mut buffer = vec![0; 65_535];
    loop {
        match server.recv(&mut buffer) {
            Ok(n) => back.take(&buffer[..n]),
            Err(error) => {
                let nobody = format!("{}  nobody there ({error})", Way::ToClient.arrow());
                back.tap.record.note(back.who, What::Other(nobody));
            }
        }
    }
}

/// One client's datagrams in one direction.
struct Flow {
    tap: &'static Tap,
    who: Who,
    way: Way,
    dice: Dice,
    line: Sender<Parcel>,
}

/// A datagram on its way.
struct Parcel {
    due: Instant,
    datagram: Vec<u8>,
    /// Whether it is passed on twice.
    twice: bool,
    /// Whether the next one overtakes it.
    held_back: bool,
    _passage: Option<Passage>,
}

impl Flow {
    /// Makes a direction whose datagrams leave by `send`.
    fn new(
        tap: &'static Tap,
        who: Who,
        way: Way,
        send: impl Fn(&[u8]) -> io::Result<usize> + Send + 'static,
    ) -> Flow {
        let (line, parcels) = mpsc::channel();
        let whom = match way {
            Way::ToServer => "server",
            Way::ToClient => "client",
        };
        thread::spawn(move || {
            carry(&parcels, |datagram| {
                if let Err(error) = send(datagram) {
                    let trouble = format!("not passed on to the {whom}: {error}");
                    tap.record.note(who, What::Other(trouble));
                }
            });
        });
        Flow {
            tap,
            who,
            way,
            dice: tap.chance.dice(who.number, way),
            line,
        }
    }

    /// Notes a datagram, and sends it on its way if it is not lost.
    fn take(&mut self, datagram: &[u8]) {
        let fates = self.dice.throw();
        let is = |fate| fates.contains(&fate);
        let parcel = Parcel {
            due: Instant::now() + self.tap.network.delay(),
            datagram: datagram.to_vec(),
            twice: is(Fate::Twice),
            held_back: is(Fate::HeldBack),
            _passage: Some(self.tap.on_the_way.begin()),
        };
        let lost = is(Fate::Dropped);
        let what = What::piece(self.way, datagram, fates);
        self.tap.record.note(self.who, what);
        if !lost {
            let _ = self.line.send(parcel); // who carries it never ends before us
        }
    }
}

/// Sends each datagram when it is due, in order but for those that are held back.
fn carry(parcels: &Receiver<Parcel>, send: impl Fn(&[u8])) {
    let deliver = |parcel: Parcel| {
        for _ in 0..1 + usize::from(parcel.twice) {
            send(&parcel.datagram);
        }
    };
    let mut held: Option<Parcel> = None;
    loop {
        let next = match &held {
            Some(parcel) => parcels.recv_timeout(until(parcel.due + HELD)),
            None => parcels.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(parcel) => {
                thread::sleep(until(parcel.due));
                if parcel.held_back && held.is_none() {
                    held = Some(parcel);
                    continue;
                }
                deliver(parcel);
                held.take().into_iter().for_each(deliver);
            }
            Err(RecvTimeoutError::Timeout) => held.take().into_iter().for_each(deliver),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn the_next_datagram_overtakes_one_that_is_held_back() {
        let (line, parcels) = mpsc::channel();
        for (text, twice, held_back) in [
            (b"a", false, true),
            (b"b", true, false),
            (b"c", false, false),
            (b"d", false, true),
            (b"e", false, true), // only one is held at a time
        ] {
            let parcel = Parcel {
                due: Instant::now(),
                datagram: text.to_vec(),
                twice,
                held_back,
                _passage: None,
            };
            line.send(parcel).expect("the other end is there");
        }
        drop(line);
        let sent = RefCell::new(Vec::<u8>::new());
        carry(&parcels, |datagram| sent.borrow_mut().extend(datagram));
        assert_eq!(sent.into_inner(), b"bbaced");
    }
}
