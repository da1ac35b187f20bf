//! Hostile clients, which connect to a server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use course::{PATIENCE, connect, is_timeout, reset};
use shared::read_by;
use socket2::{Domain, SockRef, Socket, Type};

use super::behaviour::{Behaviour, GARBAGE, Scale, Verdict, garbage};
use super::pairs::{Pair, Serves};
use super::target::Target;

/// After so long a silence, a program without a deadline is believed to wait for ever.
pub const BRIEF: Duration = Duration::from_millis(200);

/// Who takes so much of an endless message has no limit. A server may take 1 MiB more after it has
/// said no; the other side's buffer takes a few MiB, ours [`SEND_BUFFER`].
pub const TOO_MUCH: usize = 64 << 20;

/// How many bytes that were not taken may count as sent.
const SEND_BUFFER: usize = 256 << 10;

/// The same for lines whose answers nobody reads.
pub const TOO_MANY_LINES: usize = 64_000;

/// Behaves so towards the server.
pub fn attack(behaviour: Behaviour, target: &Target, scale: Scale) -> Verdict {
    let pair = target.pair;
    match behaviour {
        Behaviour::Leave => target.visit(|addr| drop(connect(addr))),
        Behaviour::Reset => {
            for step in RESETS {
                target.visit(|addr| step(pair, connect(addr)));
            }
        }
        Behaviour::HalfClose => {
            target.visit(|addr| finish(&connect(addr)));
            target.visit(|addr| {
                let stream = connect(addr);
                ask(pair, &stream);
                finish(&stream);
            });
        }
        Behaviour::Drip => {
            return target.visit(|addr| drip(&connect(addr), pair.server_deadline, scale));
        }
        Behaviour::Flood => target.visit(|addr| {
            let (sent, came, cut) = flood(
                &connect(addr),
                if pair.endless { scale.flood } else { TOO_MUCH },
            );
            assert!(cut || pair.endless, "it took {sent} bytes and wanted more");
            assert!(
                !pair.endless || sent == came,
                "of {sent} bytes {came} came back"
            );
        }),
        Behaviour::Garbage => {
            for &length in GARBAGE {
                target.visit(|addr| {
                    let stream = connect(addr);
                    let _ = (&stream).write_all(&garbage(length)); // it may have had enough
                    finish(&stream);
                });
            }
        }
        Behaviour::Mixed => {
            for &length in GARBAGE {
                target.visit(|addr| {
                    let stream = connect(addr);
                    ask(pair, &stream);
                    let _ = (&stream).write_all(&garbage(length));
                    finish(&stream);
                });
            }
        }
        Behaviour::Deaf => {
            return target.visit(|addr| deafen(&connect(addr), pair.server_deadline));
        }
        Behaviour::Hold => return target.visit(|addr| hold(&connect(addr), pair.server_deadline)),
        Behaviour::Many => target.visit(|addr| crowd(pair, addr, scale.many)),
    }
    Verdict::Ok
}

/// Where a client breaks off with RST.
const RESETS: &[fn(&Pair, TcpStream)] = &[
    |_, stream| reset(stream),
    |pair, stream| {
        let message = pair.question(&stream);
        let _ = (&stream).write_all(&message[..message.len() / 2]);
        reset(stream);
    },
    |pair, stream| {
        ask(pair, &stream);
        reset(stream);
    },
    |pair, stream| {
        ask(pair, &stream);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = (&stream).read(&mut [0]); // the answer has begun, or it is the end
        reset(stream);
    },
];

/// Says what an ordinary client says.
fn ask(pair: &Pair, mut stream: &TcpStream) {
    let message = pair.question(stream);
    let _ = stream.write_all(&message); // the server may have had enough
}

/// Half-closes; then the server must close.
fn finish(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write); // the server may have closed already
    assert!(
        closes(stream, PATIENCE),
        "it does not close after the half-close"
    );
}

/// Reads on, and says whether the other side closes in that time, by FIN or RST.
pub fn closes(stream: &TcpStream, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    let mut buffer = vec![0; 65_536];
    loop {
        match read_by(stream, &mut buffer, deadline) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => return false,
            Ok(0) | Err(_) => return true,
        }
    }
}

/// What it means that the other side has closed, or has not, while its peer stayed.
pub fn verdict(closed: bool, deadline: bool) -> Verdict {
    assert!(
        closed || !deadline,
        "it has a deadline, but did not close within {} s",
        PATIENCE.as_secs()
    );
    if closed { Verdict::Ok } else { Verdict::Waits }
}

/// Stays and says nothing.
fn hold(stream: &TcpStream, deadline: bool) -> Verdict {
    verdict(
        closes(stream, if deadline { PATIENCE } else { BRIEF }),
        deadline,
    )
}

/// Sends byte by byte.
pub fn drip(mut stream: &TcpStream, deadline: bool, scale: Scale) -> Verdict {
    let end = Instant::now() + PATIENCE;
    let mut sent = 0;
    while if deadline {
        Instant::now() < end
    } else {
        sent < scale.drips
    } {
        if stream.write_all(b"x").is_err() {
            return Verdict::Ok;
        }
        sent += 1;
        thread::sleep(Duration::from_millis(10)); // this is what is tried
    }
    verdict(false, deadline)
}

/// Sends up to so many bytes and reads what comes back: how many were sent, how many came, and
/// whether the other side has cut it off.
pub fn flood(stream: &TcpStream, most: usize) -> (usize, usize, bool) {
    let set = SockRef::from(stream).set_send_buffer_size(SEND_BUFFER);
    set.expect("a socket takes SO_SNDBUF");
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut buffer, mut came) = (vec![0; 65_536], 0);
            let mut stream = stream;
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                came += n;
            }
            came
        });
        let mut sent = 0;
        let mut cut = false;
        while sent < most && !cut {
            match { stream }.write(&[b'x'; 65_536]) {
                Ok(n) => sent += n,
                Err(error) => {
                    assert!(!is_timeout(&error), "it neither reads nor closes");
                    cut = true;
                }
            }
        }
        let _ = stream.shutdown(Shutdown::Write);
        (sent, reader.join().expect("reading does not panic"), cut)
    })
}

/// Sends lines and reads nothing, until it cannot send any more.
pub fn deafen(mut stream: &TcpStream, deadline: bool) -> Verdict {
    let line = [[b'x'; 999].as_slice(), b"\n"].concat();
    let time = if deadline { PATIENCE } else { BRIEF };
    stream
        .set_write_timeout(Some(time))
        .expect("the timeout is not zero");
    for _ in 0..TOO_MANY_LINES {
        if let Err(error) = stream.write_all(&line) {
            return verdict(!is_timeout(&error), deadline);
        }
    }
    panic!("it took {TOO_MANY_LINES} lines and wanted more");
}

/// Many clients at the same moment. A server of many must serve them all while all are there; the
/// others see them knock and leave.
fn crowd(pair: &Pair, addr: SocketAddr, many: usize) {
    let streams: Vec<TcpStream> = (0..many).map(|_| knock(addr)).collect();
    // Whether it could not say a word yet: the connection may still be on its way.
    let is_silent = |stream: &mut &TcpStream| {
        let written = stream.write(b"x\n");
        written.is_err_and(|e| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected))
    };
    let mut silent: Vec<&TcpStream> = streams.iter().collect();
    silent.retain_mut(is_silent);
    if pair.serves != Serves::AtOnce {
        return;
    }
    let deadline = Instant::now() + PATIENCE;
    // A web server answers only who has asked.
    while !silent.is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1)); // nothing tells for all of them when they are there
        silent.retain_mut(is_silent);
    }
    let served = streams.iter().filter(|stream| {
        stream.set_nonblocking(false).is_ok()
            && matches!(read_by(stream, &mut [0], deadline), Ok(1))
    });
    let served = served.count();
    assert!(
        served == many,
        "{served} of {many} clients were served within {} s",
        PATIENCE.as_secs()
    );
}

/// Begins to connect, and does not wait for it.
pub fn knock(addr: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None);
    let socket = socket.expect("the limit of open files was raised");
    socket.set_nonblocking(true).expect("a socket takes it");
    let _ = socket.connect(&addr.into()); // "in progress"; reading tells how it ended
    TcpStream::from(socket)
}
