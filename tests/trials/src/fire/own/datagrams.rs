//! Hostile peers without a connection.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::Duration;

use course::datagrams;
use course::exercise::{Fault, Step};

use super::{Fire, Scene};
use crate::fire::behaviour::{GARBAGE, QUICK, garbage};
use crate::fire::pairs::Asks;
use crate::fire::servers::BRIEF;

/// How often an ordinary client asks, and how long it waits each time: a datagram may be lost behind
/// a flood, and a program may still begin.
const TRIES: u32 = 60;
const EACH: Duration = Duration::from_millis(500);

/// What nobody may take for an answer.
const STRANGER: &[u8] = b"from a stranger";

/// A datagram may be so long at most.
const LONGEST: usize = 65_507;

/// The hostile clients.
pub const SERVER: &[Scene] = &[
    Scene {
        name: "serve",
        what: "an ordinary client is answered; then the next one",
        read: "docs/03-udp-chat.md: Read the code",
        meets: |_| true,
        play: |_, fire| {
            serve(fire, "at its beginning")?;
            serve(fire, "after an ordinary client")
        },
    },
    Scene {
        name: "leave",
        what: "asks and leaves before the answer comes",
        read: "docs/03-udp-chat.md: Nobody is there",
        meets: |_| true,
        play: |_, fire| {
            let addr = fire.program.addr(false)?;
            for _ in 0..QUICK.many {
                send(&datagrams(), question(fire), addr);
            }
            serve(fire, "after clients that left before their answer came")
        },
    },
    Scene {
        name: "flood",
        what: "asks without end, as fast as it is let, and never reads",
        read: "docs/03-udp-chat.md: A receiver that sleeps",
        meets: |_| true,
        play: |_, fire| {
            let addr = fire.program.addr(false)?;
            let socket = datagrams();
            for _ in 0..QUICK.datagrams {
                send(&socket, question(fire), addr);
            }
            serve(fire, "after a client that asked without end")
        },
    },
    Scene {
        name: "noise",
        what: "sends bytes at random, nothing, and the longest datagram",
        read: "docs/03-udp-chat.md: A short buffer",
        meets: |_| true,
        play: |_, fire| {
            let addr = fire.program.addr(false)?;
            let socket = datagrams();
            for &length in GARBAGE.iter().chain(&[0, LONGEST]) {
                send(&socket, &garbage(length), addr);
                serve(
                    fire,
                    &format!("after a datagram of {length} bytes at random"),
                )?;
            }
            Ok(())
        },
    },
    Scene {
        name: "many",
        what: "a hundred clients at once",
        read: "docs/03-udp-chat.md: Two people at once",
        meets: |_| true,
        play: |_, fire| {
            let addr = fire.program.addr(false)?;
            let sockets: Vec<UdpSocket> = (0..QUICK.many).map(|_| datagrams()).collect();
            for socket in &sockets {
                send(socket, question(fire), addr);
            }
            serve(fire, "after a hundred clients at once")
        },
    },
];

/// The hostile servers.
pub const CLIENT: &[Scene] = &[
    Scene {
        name: "noise",
        what: "answers with bytes at random, nothing, and the longest datagram",
        read: "docs/03-udp-chat.md: A short buffer",
        meets: |_| true,
        play: |_, fire| {
            for &length in GARBAGE.iter().chain(&[0, LONGEST]) {
                let when = format!("the server answered with {length} bytes at random");
                visit(fire, &when, |socket, client| {
                    send(socket, &garbage(length), client)
                })?;
            }
            Ok(())
        },
    },
    Scene {
        name: "many",
        what: "a hundred strangers answer, too",
        read: "docs/03-udp-chat.md: A stranger writes",
        meets: |_| true,
        play: |_, fire| {
            let when = "a hundred strangers answered before the server";
            visit(fire, when, |socket, client| {
                for _ in 0..QUICK.many {
                    send(&datagrams(), STRANGER, client);
                }
                send(socket, fire.pair.answers, client);
            })?;
            let (stdout, _) = fire.program.printed();
            let stranger = String::from_utf8_lossy(STRANGER);
            match stdout.iter().find(|line| line.contains(&*stranger)) {
                None => Ok(()),
                Some(line) => Err(Fault::new(format!(
                    "{when}\nexpected: the server's answer\ncame:     '{line}'"
                ))
                .cause("the socket is not connected, and nobody looks at the sender")),
            }
        },
    },
    Scene {
        name: "hold",
        what: "hears and never answers",
        read: "docs/03-udp-chat.md: Nobody is there",
        meets: |_| true,
        play: |_, fire| {
            let socket = datagrams();
            start(fire, &socket)?;
            receive(&socket)?;
            let _ = socket.set_read_timeout(Some(BRIEF));
            if fire.program.ended().is_none() {
                fire.waits.store(true, Ordering::SeqCst);
            }
            fire.program.end();
            Ok(())
        },
    },
];

fn question(fire: &Fire) -> &'static [u8] {
    match fire.pair.asks {
        Asks::This(question) => question,
        Asks::Proof => b"", // nothing comes before a datagram
    }
}

/// An ordinary client is answered.
fn serve(fire: &Fire, when: &str) -> Step {
    let addr = fire.program.addr(false)?;
    let socket = datagrams();
    let _ = socket.set_read_timeout(Some(EACH));
    let mut buffer = vec![0; LONGEST + 1];
    for _ in 0..TRIES {
        send(&socket, question(fire), addr);
        // An error may be that it does not listen yet.
        if matches!(socket.recv_from(&mut buffer), Ok((1.., sender)) if sender == addr) {
            fire.program.begun();
            return Ok(());
        }
        if fire.program.ended().is_some() {
            break;
        }
    }
    let question = String::from_utf8_lossy(question(fire));
    Err(Fault::new(format!(
        "{when}: an ordinary client sent '{question}'\nexpected: an answer\ncame:     nothing"
    )))
}

/// Has the client ask a hostile server, and end.
fn visit(fire: &Fire, when: &str, hostile: impl Fn(&UdpSocket, SocketAddr)) -> Step {
    let socket = datagrams();
    start(fire, &socket)?;
    let client = receive(&socket)?;
    hostile(&socket, client);
    // It may ask again: those who are answered then get what is right.
    let _ = socket.set_read_timeout(Some(Duration::from_millis(20)));
    let mut buffer = vec![0; LONGEST + 1];
    for _ in 0..TRIES * 25 {
        if let Ok((_, client)) = socket.recv_from(&mut buffer) {
            send(&socket, fire.pair.answers, client);
        }
        if fire.program.ended().is_some() {
            break;
        }
    }
    fire.program.client_ends(when)
}

fn start(fire: &Fire, socket: &UdpSocket) -> Step {
    let addr = socket.local_addr();
    let addr = addr.map_err(|e| Fault::new(format!("the check's socket has no address: {e}")))?;
    fire.program.start_client(addr.port(), 1)
}

fn receive(socket: &UdpSocket) -> Step<SocketAddr> {
    let received = socket.recv_from(&mut [0; 2048]);
    let (_, client) = received.map_err(|_| Fault::new("your client sent nothing"))?;
    Ok(client)
}

/// An error would be about an earlier datagram, or that there is no room: UDP loses some.
fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
    let _ = socket.send_to(bytes, to);
}
