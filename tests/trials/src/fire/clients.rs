//! Hostile servers, to which a client connects.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use course::{PATIENCE, accept, reset};
use socket2::SockRef;

use super::behaviour::{Behaviour, GARBAGE, Scale, Verdict, garbage};
use super::pairs::Pair;
use super::servers::{BRIEF, closes, deafen, drip, flood};
use super::target::{Target, check_end};

/// Who takes so much of an endless answer has no limit. The system's buffers take a few MiB.
const TOO_MUCH: usize = 64 << 20;

/// What is typed to a client whose server never reads: more than the buffers on the way take.
const MUCH: usize = 2000;
const LONG_LINE: usize = 8000;

/// Behaves so towards the client.
pub fn attack(behaviour: Behaviour, target: &Target, scale: Scale) -> Verdict {
    let pair = target.pair;
    let deadline = pair.client_deadline;
    match behaviour {
        Behaviour::Leave => visit(target, drop),
        Behaviour::Reset => {
            for step in RESETS {
                visit(target, |stream| step(pair, stream));
            }
        }
        Behaviour::HalfClose => {
            visit(target, |stream| finish(stream, b""));
            visit(target, |stream| finish(stream, pair.answers));
        }
        Behaviour::Drip => return visit(target, |stream| drip(&stream, deadline, scale)),
        Behaviour::Flood => visit(target, |stream| {
            let (sent, _, cut) = flood(&stream, TOO_MUCH);
            assert!(cut, "it took {sent} bytes and wanted more");
        }),
        Behaviour::Garbage => {
            for &length in GARBAGE {
                visit(target, |stream| finish(stream, &garbage(length)));
            }
        }
        Behaviour::Mixed => {
            for &length in GARBAGE {
                let answer = [pair.answers, &garbage(length)].concat();
                visit(target, |stream| finish(stream, &answer));
            }
        }
        Behaviour::Deaf => {
            let line = format!("{}\n", "x".repeat(LONG_LINE));
            return visit_with(target, MUCH, &line, |stream| deafen(&stream, deadline));
        }
        Behaviour::Hold => {
            if deadline {
                // The connection is open until the client has ended.
                visit(target, |stream| {
                    closes(&stream, PATIENCE);
                    stream
                });
                return Verdict::Ok;
            }
            visit(target, |stream| {
                closes(&stream, BRIEF);
            });
            return Verdict::Waits;
        }
        Behaviour::Many => return Verdict::None, // a client has one server
    }
    Verdict::Ok
}

/// Where a server breaks off with RST.
const RESETS: &[fn(&Pair, TcpStream)] = &[
    |_, stream| reset(stream),
    |pair, mut stream| {
        let _ = stream.write_all(&pair.answers[..pair.answers.len() / 2]);
        reset(stream);
    },
    |pair, mut stream| {
        let _ = stream.write_all(pair.answers);
        reset(stream);
    },
];

/// Has the client connect to a hostile server. It must end before what that returns is dropped.
fn visit<T>(target: &Target, hostile: impl FnOnce(TcpStream) -> T) -> T {
    visit_with(target, 1, target.pair.typed, hostile)
}

/// The same, with other lines typed to it.
fn visit_with<T>(
    target: &Target,
    times: usize,
    typed: &str,
    hostile: impl FnOnce(TcpStream) -> T,
) -> T {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = TcpListener::bind(any).expect("a port is free");
    if times > 1 {
        // A small buffer is full sooner.
        let set = SockRef::from(&listener).set_recv_buffer_size(4096);
        set.expect("a socket takes SO_RCVBUF");
    }
    let addr = listener.local_addr().expect("it is bound");
    let client = target.start_client(addr, target.pair.hasty, times, typed);
    let result = hostile(accept(&listener));
    check_end(client.wait());
    result
}

/// Answers, half-closes, and reads until the client has closed.
fn finish(mut stream: TcpStream, answer: &[u8]) {
    let _ = stream.write_all(answer); // it may have had enough
    let _ = stream.shutdown(Shutdown::Write);
    assert!(
        closes(&stream, PATIENCE),
        "it does not close after the half-close"
    );
}
