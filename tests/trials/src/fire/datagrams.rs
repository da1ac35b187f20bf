//! Hostile peers without a connection.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use course::{datagrams, receive};

use super::behaviour::{Behaviour, GARBAGE, Scale, Verdict, garbage};
use super::pairs::Asks;
use super::target::{Target, check_end};

/// What nobody may take for an answer.
const STRANGER: &[u8] = b"from a stranger";

/// Behaves so towards the server.
pub fn attack_server(behaviour: Behaviour, target: &Target, scale: Scale) -> Verdict {
    let Asks::This(question) = target.pair.asks else {
        return Verdict::None; // nothing comes before a datagram
    };
    target.visit(|addr| match behaviour {
        Behaviour::Leave => {
            for _ in 0..scale.many {
                send(&datagrams(), question, addr);
            }
            Verdict::Ok
        }
        Behaviour::Drip => drip(&datagrams(), addr, scale),
        Behaviour::Flood => {
            // What comes back is read, as far as it has come.
            let socket = datagrams();
            socket.set_nonblocking(true).expect("a socket takes it");
            let mut buffer = [0; 2048];
            for _ in 0..scale.datagrams {
                send(&socket, question, addr);
                while socket.recv_from(&mut buffer).is_ok() {}
            }
            Verdict::Ok
        }
        Behaviour::Garbage | Behaviour::Mixed => {
            let socket = datagrams();
            for &length in GARBAGE.iter().chain(&[0, 65_507]) {
                if behaviour == Behaviour::Mixed {
                    send(&socket, question, addr);
                }
                send(&socket, &garbage(length), addr);
            }
            Verdict::Ok
        }
        Behaviour::Deaf => {
            let socket = datagrams();
            for _ in 0..scale.datagrams {
                send(&socket, question, addr);
            }
            target.ordinary(); // while the socket is still there, and full
            Verdict::Ok
        }
        Behaviour::Many => {
            let sockets: Vec<UdpSocket> = (0..scale.many).map(|_| datagrams()).collect();
            for socket in &sockets {
                send(socket, question, addr);
            }
            Verdict::Ok
        }
        // There is no connection that could be reset, half-closed or held open.
        Behaviour::Reset | Behaviour::HalfClose | Behaviour::Hold => Verdict::None,
    })
}

/// Behaves so towards the client.
pub fn attack_client(behaviour: Behaviour, target: &Target, scale: Scale) -> Verdict {
    let answer = target.pair.answers;
    match behaviour {
        Behaviour::Leave => visit(target, |socket| {
            receive(&socket);
        }),
        Behaviour::Drip => visit(target, |socket| {
            let (_, client) = receive(&socket);
            drip(&socket, client, scale);
            socket
        }),
        Behaviour::Flood => visit(target, |socket| {
            let (_, client) = receive(&socket);
            for _ in 0..scale.datagrams {
                send(&socket, answer, client);
            }
            socket
        }),
        Behaviour::Garbage | Behaviour::Mixed => {
            for &length in GARBAGE.iter().chain(&[0, 65_507]) {
                visit(target, |socket| {
                    let (_, client) = receive(&socket);
                    if behaviour == Behaviour::Mixed {
                        send(&socket, answer, client);
                    }
                    send(&socket, &garbage(length), client);
                    socket
                });
            }
        }
        Behaviour::Deaf => visit(target, |socket| socket),
        Behaviour::Hold => visit(target, |socket| {
            receive(&socket);
            socket
        }),
        Behaviour::Many => visit(target, |socket| {
            let (_, client) = receive(&socket);
            for _ in 0..scale.many {
                send(&datagrams(), STRANGER, client);
            }
            socket
        }),
        Behaviour::Reset | Behaviour::HalfClose => return Verdict::None,
    }
    Verdict::Ok
}

/// Has the client ask a hostile server. It must end before what that returns is dropped.
fn visit<T>(target: &Target, hostile: impl FnOnce(UdpSocket) -> T) {
    let socket = datagrams();
    let addr = socket.local_addr().expect("it is bound");
    let client = target.start_client(addr, target.pair.hasty, 1, target.pair.typed);
    let kept = hostile(socket);
    let ended = client.wait();
    drop(kept);
    let stranger = String::from_utf8_lossy(STRANGER);
    assert!(
        !ended.1.contains(&*stranger),
        "it took a stranger's answer: {}",
        ended.1
    );
    check_end(ended);
}

fn drip(socket: &UdpSocket, to: SocketAddr, scale: Scale) -> Verdict {
    for _ in 0..scale.drips {
        send(socket, b"x", to);
        thread::sleep(Duration::from_millis(10)); // this is what is tried
    }
    Verdict::Ok
}

/// An error would be about an earlier datagram, or that there is no room: UDP loses some.
fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
    let _ = socket.send_to(bytes, to);
}
