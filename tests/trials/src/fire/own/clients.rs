//! Hostile servers towards a client of the learner's own.

use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use course::exercise::{Fault, Peer, Step, Trial};

use super::running::closes;
use super::{Fire, Scene};
use crate::fire::behaviour::{GARBAGE, QUICK, garbage};
use crate::fire::servers::{BRIEF, TOO_MUCH};

const MIDDLE: &str = "docs/01-echo.md: The client leaves in the middle";
const CODE: &str = "docs/01-echo.md: Read the code";

/// The scenes, in the order in which they are played.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "leave",
        what: "accepts and leaves at once",
        read: CODE,
        meets: |_| true,
        play: |trial, fire| {
            visit(
                trial,
                fire,
                "the server accepted and closed at once",
                |_| {},
            )
        },
    },
    Scene {
        name: "reset",
        what: "ends with RST: at once, inside the answer, and behind it",
        read: MIDDLE,
        meets: |_| true,
        play: |trial, fire| {
            let answer = fire.pair.answers;
            for length in [0, answer.len() / 2, answer.len()] {
                visit(trial, fire, "the server broke off with a reset", |peer| {
                    let _ = peer.send(&answer[..length]); // it may have had enough
                    let _ = socket2::SockRef::from(peer.stream()).set_linger(Some(Duration::ZERO));
                })?;
            }
            Ok(())
        },
    },
    Scene {
        name: "half",
        what: "half-closes, at once and behind an answer",
        read: CODE,
        meets: |_| true,
        play: |trial, fire| {
            for answer in [b"", fire.pair.answers] {
                visit(trial, fire, "the server half-closed", |peer| {
                    let _ = peer.send(answer);
                    finish(peer);
                })?;
            }
            Ok(())
        },
    },
    Scene {
        name: "drip",
        what: "answers one byte every 10 ms",
        read: "docs/07-legitimacy-check.md: A deadline that holds",
        meets: |_| true,
        play: |trial, fire| {
            visit(
                trial,
                fire,
                "the server sent some bytes slowly, and closed",
                |peer| {
                    for _ in 0..QUICK.drips {
                        let _ = peer.send(b"x");
                        thread::sleep(Duration::from_millis(10)); // this is what is tried
                    }
                    stays(fire);
                },
            )
        },
    },
    Scene {
        name: "flood",
        what: "answers without end, as fast as it is let",
        read: "docs/05-sticky-packets.md: Four ways to frame",
        meets: |_| true,
        play: |trial, fire| {
            let mut took = 0;
            visit(
                trial,
                fire,
                "the server sent without end, and closed",
                |peer| {
                    while took < TOO_MUCH && peer.send(&[b'x'; 65_536]).is_ok() {
                        took += 65_536;
                    }
                },
            )?;
            if took < TOO_MUCH {
                return Ok(());
            }
            Err(Fault::new(format!(
                "the server sent without end\nexpected: a limit\ncame:     your client took {took} \
                 bytes, and wanted more"
            )))
        },
    },
    Scene {
        name: "noise",
        what: "answers with bytes at random",
        read: "docs/01-echo.md: Read the code",
        meets: |_| true,
        play: |trial, fire| {
            for &length in GARBAGE {
                visit(
                    trial,
                    fire,
                    "the server sent bytes at random, and closed",
                    |peer| {
                        let _ = peer.send(&garbage(length));
                        finish(peer);
                    },
                )?;
            }
            Ok(())
        },
    },
    Scene {
        name: "mixed",
        what: "answers as it should, then with bytes at random",
        read: "docs/01-echo.md: Read the code",
        meets: |_| true,
        play: |trial, fire| {
            for &length in GARBAGE {
                let answer = [fire.pair.answers, &garbage(length)].concat();
                visit(
                    trial,
                    fire,
                    "the server answered, sent bytes at random, and closed",
                    |peer| {
                        let _ = peer.send(&answer);
                        finish(peer);
                    },
                )?;
            }
            Ok(())
        },
    },
    Scene {
        name: "hold",
        what: "says nothing and stays",
        read: "docs/07-legitimacy-check.md: A deadline that holds",
        meets: |_| true,
        play: |trial, fire| {
            visit(trial, fire, "the server said nothing, and closed", |_| {
                stays(fire)
            })
        },
    },
];

/// Has the client connect to a hostile server, and end.
fn visit(trial: &Trial, fire: &Fire, when: &str, hostile: impl FnOnce(&mut Peer)) -> Step {
    let cannot = |e| Fault::new(format!("the check cannot listen: {e}"));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(cannot)?;
    let addr = listener.local_addr().map_err(cannot)?;
    fire.program.start_client(addr.port(), 1)?;
    let mut peer = trial.accept(&listener)?;
    hostile(&mut peer);
    drop(peer);
    drop(listener);
    fire.program.client_ends(when)
}

/// Half-closes, and reads until the client has closed, or for a moment.
fn finish(peer: &mut Peer) {
    let _ = peer.half_close();
    closes(peer.stream(), BRIEF);
}

/// Waits for a moment whether the client has had enough.
fn stays(fire: &Fire) {
    if !fire.program.ends_within(BRIEF) {
        fire.waits.store(true, Ordering::SeqCst);
    }
}
