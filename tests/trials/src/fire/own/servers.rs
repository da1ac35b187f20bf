//! Hostile clients towards a server of the learner's own.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Explain, Fault, Peer, Step, Trial, show};

use super::running::closes;
use super::{Fire, Scene};
use crate::fire::behaviour::{GARBAGE, QUICK, garbage};
use crate::fire::pairs::{Asks, Pair, Serves};
use crate::fire::servers::{BRIEF, TOO_MANY_LINES, TOO_MUCH, knock};
use crate::proof;

/// Nobody has to answer so few bytes with more than that; the files of lesson 6 may be larger.
const MUCH: usize = 1 << 20;
const FILE: usize = 1 << 30;

/// A server that takes nothing for so long takes no more.
const STUCK: Duration = Duration::from_secs(1);

/// A server that still takes more after so long has no limit.
const LONG: Duration = Duration::from_secs(20);

const LOOP: &str = "docs/02-loop-server.md: Find the bug";

/// The scenes, in the order in which they are played.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "serve",
        what: "an ordinary client reads its answer and closes; then the next one",
        read: LOOP,
        meets: |_| true,
        play: |trial, fire| {
            serve(trial, fire)?;
            serve(trial, fire)
                .when("after an ordinary client had read its answer and closed")
                .cause("the end of the stream (recv returns nothing) is not looked for, or one client is all")
        },
    },
    Scene {
        name: "leave",
        what: "connects and leaves at once",
        read: LOOP,
        meets: |_| true,
        play: |trial, fire| {
            drop(connect(trial, fire)?);
            serve(trial, fire).when("after a client that connected and left at once")
        },
    },
    Scene {
        name: "reset",
        what: "ends with RST: at once, inside a message, before and inside the answer",
        read: "docs/01-echo.md: The client leaves in the middle",
        meets: |_| true,
        play: |trial, fire| {
            for step in 0..4 {
                let mut peer = connect(trial, fire)?;
                if step > 0 {
                    let question = question(fire.pair, &peer)?;
                    let end = if step == 1 {
                        question.len() / 2
                    } else {
                        question.len()
                    };
                    let _ = peer.send(&question[..end]); // it may have had enough
                }
                if step == 3 {
                    let _ = peer.half_close();
                    let _ = peer.read(&mut [0]); // the answer has begun, or it is the end
                }
                peer.reset();
                serve(trial, fire)
                    .when("after a client that broke off with a reset")
                    .cause("an error of one client ends the whole program")?;
            }
            Ok(())
        },
    },
    Scene {
        name: "half",
        what: "half-closes, at once and behind a message, and still reads",
        read: LOOP,
        meets: |_| true,
        play: |trial, fire| {
            for asks in [true, false] {
                let mut peer = connect(trial, fire)?;
                if asks {
                    let question = question(fire.pair, &peer)?;
                    peer.send(&question)?;
                }
                peer.half_close()?;
                let limit = if fire.pair.lesson == 6 { FILE } else { MUCH };
                peer.read_to_end(limit)
                    .when("a client half-closed: it sends no more, and still reads")
                    .cause("the end of the stream (recv returns nothing) is not looked for")?;
            }
            serve(trial, fire).when("after a client that half-closed")
        },
    },
    Scene {
        name: "drip",
        what: "sends one byte every 10 ms",
        read: "docs/08-threaded-server.md: As slow as possible",
        meets: |_| true,
        play: |trial, fire| {
            let peer = connect(trial, fire)?;
            for _ in 0..QUICK.drips {
                let _ = { peer.stream() }.write_all(b"x"); // it may have had enough
                thread::sleep(Duration::from_millis(10)); // this is what is tried
            }
            stays(
                trial,
                fire,
                &peer,
                "while a client sent one byte after the other",
            )?;
            drop(peer);
            serve(trial, fire).when("after a client that sent one byte every 10 ms")
        },
    },
    Scene {
        name: "hold",
        what: "says nothing and stays",
        read: "docs/08-threaded-server.md: The idea",
        meets: |_| true,
        play: |trial, fire| {
            let peer = connect(trial, fire)?;
            stays(
                trial,
                fire,
                &peer,
                "while a client was there that said nothing",
            )?;
            drop(peer);
            serve(trial, fire).when("after a client that said nothing")
        },
    },
    Scene {
        name: "flood",
        what: "sends one message without end, as fast as it is let",
        read: "docs/05-sticky-packets.md: Four ways to frame",
        meets: |_| true,
        play: |trial, fire| {
            let mut peer = connect(trial, fire)?;
            if fire.pair.endless {
                let sent = vec![b'x'; QUICK.flood];
                let came = peer.exchange(&sent, 4 * sent.len())?.len();
                if came < sent.len() {
                    return Err(Fault::new(format!(
                        "{} bytes were sent, and a half-close behind them\nexpected: as many come \
                         back\ncame:     {came}",
                        sent.len()
                    )));
                }
            } else {
                let (took, more) = taken(peer.stream(), &[b'x'; 65_536], TOO_MUCH);
                if more {
                    return Err(Fault::new(format!(
                        "a message without an end was sent\nexpected: a limit\ncame:     you took \
                         {took} bytes, and wanted more"
                    ))
                    .cause("a message is collected until it is whole, however long it grows"));
                }
            }
            drop(peer);
            serve(trial, fire).when("after a client that sent without end")
        },
    },
    Scene {
        name: "noise",
        what: "sends bytes at random",
        read: "docs/02-loop-server.md: Bad manners",
        meets: |_| true,
        play: |trial, fire| noise(trial, fire, false),
    },
    Scene {
        name: "mixed",
        what: "says the right thing, then bytes at random",
        read: "docs/02-loop-server.md: Bad manners",
        meets: |_| true,
        play: |trial, fire| noise(trial, fire, true),
    },
    Scene {
        name: "deaf",
        what: "sends messages without end and never reads",
        read: "docs/08-threaded-server.md: Nobody at the other end",
        meets: |_| true,
        play: |trial, fire| {
            let peer = connect(trial, fire)?;
            let line = [[b'x'; 999].as_slice(), b"\n"].concat();
            let (took, more) = taken(peer.stream(), &line, TOO_MANY_LINES * line.len());
            if more {
                return Err(Fault::new(format!(
                    "lines were sent, and no answer was read\nexpected: at some point you take no \
                     more\ncame:     you took {} lines, and wanted more",
                    took / line.len()
                ))
                .cause("answers that nobody reads are kept without a limit"));
            }
            stays(
                trial,
                fire,
                &peer,
                "while a client was there that did not read",
            )?;
            drop(peer);
            serve(trial, fire).when("after a client that did not read")
        },
    },
    Scene {
        name: "many",
        what: "a hundred clients at once",
        read: "docs/08-threaded-server.md: A thousand at the same moment",
        meets: |pair| pair.serves != Serves::One,
        play: |trial, fire| {
            let addr = fire.program.addr(false)?;
            let streams: Vec<TcpStream> = (0..QUICK.many).map(|_| knock(addr)).collect();
            for mut stream in &streams {
                let _ = stream.write(b"x\n"); // the connection may still be on its way
            }
            if fire.pair.serves == Serves::AtOnce {
                serve(trial, fire).when("while a hundred other clients were there")?;
            }
            drop(streams);
            serve(trial, fire).when("after a hundred clients at once")
        },
    },
    Scene {
        name: "restart",
        what: "it is ended while a client is there, and started again at once",
        read: "docs/02-loop-server.md: Address already in use",
        meets: |pair| pair.serves != Serves::One && cfg!(unix),
        play: |trial, fire| {
            let mut peer = fire.program.connect(trial, true)?;
            let question = question(fire.pair, &peer)?;
            peer.send(&question)?;
            if !fire.pair.answers.is_empty() {
                peer.read(&mut [0; 4096])?; // what it has not read would make its end a reset
            }
            // Its side closes first, so the connection stays there in TIME_WAIT.
            fire.program.restart()?;
            while let Ok(Some(1..)) = peer.read(&mut [0; 4096]) {}
            drop(peer);
            serve(trial, fire)
                .when("after it was ended while a client was there, and started again at once")
                .cause("SO_REUSEADDR is not set before bind")
        },
    },
    Scene {
        name: "tidy",
        what: "holds no more when all have left than at the beginning",
        read: "docs/09-chat-room.md: A client that vanished",
        meets: |pair| pair.serves != Serves::One && cfg!(target_os = "linux"),
        play: |trial, fire| {
            serve(trial, fire)?;
            for _ in 0..10 {
                drop(connect(trial, fire)?);
                connect(trial, fire)?.reset();
            }
            serve(trial, fire)?;
            fire.program.lets_go()
        },
    },
];

/// Connects; to a new program where the lesson's serves one client and ends.
fn connect(trial: &Trial, fire: &Fire) -> Step<Peer> {
    fire.program.connect(trial, fire.pair.serves == Serves::One)
}

/// What an ordinary client says on this connection.
fn question(pair: &Pair, peer: &Peer) -> Step<Vec<u8>> {
    match pair.asks {
        Asks::This(bytes) => Ok(bytes.to_vec()),
        Asks::Proof => {
            let _ = peer.stream().set_read_timeout(Some(STUCK * 3));
            let answer = proof::answer(&proof::mac(), peer.stream());
            let answer = answer.map_err(|e| {
                Fault::new(format!(
                    "a client connected\nexpected: a nonce of 32 bytes\ncame:     {e}"
                ))
            })?;
            Ok(answer.to_vec())
        }
    }
}

/// What stands in an ordinary answer, whatever else does; nothing where a server only closes.
fn answer(pair: &Pair) -> &'static [u8] {
    match pair.lesson {
        1 | 2 => b"hello",
        5 => pair.answers,
        7 => b"welcome\n",
        8 => b"\nhello\n",
        9 => b"* ",
        _ => b"",
    }
}

/// An ordinary client is served.
fn serve(trial: &Trial, fire: &Fire) -> Step {
    let mut peer = connect(trial, fire)?;
    let question = question(fire.pair, &peer)?;
    peer.send(&question)?;
    let expected = answer(fire.pair);
    if matches!(fire.pair.lesson, 1 | 5 | 6) {
        peer.half_close()?; // the lesson's client does
        let came = peer.read_to_end(FILE)?;
        if !contains(&came, expected) {
            return Err(unlike(&question, expected, &came));
        }
    } else {
        let (mut came, mut buffer) = (Vec::new(), [0; 4096]);
        while !contains(&came, expected) {
            match peer.read(&mut buffer)? {
                Some(n @ 1..) if came.len() < MUCH => came.extend_from_slice(&buffer[..n]),
                end => {
                    let fault = unlike(&question, expected, &came);
                    return Err(if end.is_none() { fault.late() } else { fault });
                }
            }
        }
    }
    drop(peer);
    fire.program.begun();
    Ok(())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}

fn unlike(question: &[u8], expected: &[u8], came: &[u8]) -> Fault {
    let came = match came.len() {
        0 => "nothing".to_owned(),
        _ => show(came),
    };
    Fault::new(format!(
        "an ordinary client sent {}\nexpected: an answer with {}\ncame:     {came}",
        show(question),
        show(expected)
    ))
}

/// A peer that is not done stays for a moment. A server of many must serve another one meanwhile.
fn stays(trial: &Trial, fire: &Fire, peer: &Peer, when: &str) -> Step {
    if fire.pair.serves == Serves::AtOnce {
        serve(trial, fire)
            .when(when)
            .cause("one client is served after the other: the second waits for the first")?;
    }
    if !closes(peer.stream(), BRIEF) {
        fire.waits.store(true, Ordering::SeqCst);
    }
    Ok(())
}

/// Sends the bytes again and again, until the server takes no more, or it is enough: how many it
/// took, and whether it wanted more.
fn taken(mut stream: &TcpStream, bytes: &[u8], most: usize) -> (usize, bool) {
    let _ = stream.set_write_timeout(Some(STUCK));
    let end = Instant::now() + LONG;
    let mut took = 0;
    while took < most && Instant::now() < end {
        match stream.write(bytes) {
            Ok(n) => took += n,
            Err(_) => return (took, false), // it has had enough, or takes nothing any more
        }
    }
    (took, true)
}

fn noise(trial: &Trial, fire: &Fire, asks: bool) -> Step {
    for &length in GARBAGE {
        let mut peer = connect(trial, fire)?;
        if asks {
            let question = question(fire.pair, &peer)?;
            let _ = peer.send(&question); // it may have had enough
        }
        let _ = peer.send(&garbage(length));
        drop(peer);
        serve(trial, fire).when("after a client that sent bytes at random")?;
    }
    Ok(())
}
