//! What the checks of the exercises have in common.
//!
//! A check drives a learner's function over real sockets and says what went wrong as a sentence
//! for the learner. It never hangs: every wait has a deadline, the whole check has one too, and
//! the learner's function runs in a thread of its own, where it may block, spin or panic.
//!
//! ```text
//! check(|trial| {                                  tests/checks/mod.rs of a lesson
//!     let (listener, addr) = trial.listen()?;
//!     let attempt = trial.start(move || shout(listener));
//!     let mut client = trial.connect(addr)?;       a Peer: the check's side of a connection
//!     client.send(b"hello")?;
//!     client
//!         .expect(b"HELLO", "send everything back")
//!         .breaks("Sends back every byte")         the sentence of the contract
//!         .cause("…")
//!         .read("docs/01-echo.md: The idea")?;
//!     …
//! })                                               a Verdict
//! ```
//!
//! For datagrams there are [`Trial::socket`] and [`Trial::correspondent`] instead.
//!
//! No verdict hangs on how fast the machine is. A check decides by an order, a count, a size that it
//! has set ([`Trial::pair_with_buffers`]) or a ratio ([`expect_linear`]); by a length of time only
//! where the contract names it ([`Trial::limit`]). A scene in which the check itself has to keep
//! time is played by [`Trial::at_pace`]. What came too late while the machine stalled is tried
//! again.
//!
//! A [`Proof`] shows that a check takes what is right and refuses what is known to be wrong, for its
//! reason, and that no sentence of the contract is without a guard.

mod attempt;
mod compare;
mod contract;
mod correspondent;
mod fault;
mod growth;
mod hostile;
mod pace;
mod patience;
mod peer;
mod prove;
mod trial;

pub use attempt::Attempt;
pub use compare::{compare, show};
pub use correspondent::{Correspondent, own_address};
pub use fault::{Explain, Failed, Fault, Step, Verdict};
pub use growth::{expect_linear, work_of};
pub use hostile::{FailingAccept, Sink, Strangers, WhileAcceptFails, around};
pub use pace::{Limit, Pace};
pub use patience::{TOTAL, WAIT};
pub use peer::{OtherEnd, Peer, unread};
pub use prove::{Mistake, Proof, Right};
pub use trial::{Trial, check};

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use std::io::ErrorKind;
    use std::io::{self, Read, Write};
    #[cfg(target_os = "linux")]
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    #[cfg(target_os = "linux")]
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn tells_a_skeleton_from_a_panic_and_both_from_a_hang() {
        let skeleton = check(|trial| trial.start(|| -> () { todo!("1.1") }).result());
        assert!(matches!(skeleton, Verdict::NotStarted));

        let panics = check(|trial| trial.start(|| -> () { panic!("oh no") }).result());
        let Verdict::Wrong(fault) = panics else {
            panic!("it is wrong")
        };
        assert!(
            fault
                .what
                .starts_with("your function panicked at tests/src/exercise.rs:"),
            "{fault}"
        );
        assert!(
            fault
                .what
                .ends_with(": oh no\nwhat the check saw: your function panicked"),
            "{fault}"
        );

        let hangs = check(|trial| {
            let attempt = trial.start(|| {
                loop {
                    thread::park()
                }
            });
            attempt.result_within(Duration::from_millis(100))
        });
        let Verdict::Wrong(fault) = hangs else {
            panic!("it is wrong")
        };
        // On a machine that stalls, something is said in front of it.
        let seen = "your function had not returned 0.1 s later";
        assert!(fault.what.ends_with(seen), "{fault}");
    }

    #[test]
    #[cfg(target_os = "linux")] // elsewhere the system may give it to somebody else
    fn nobody_else_gets_a_port_whose_listener_is_gone() {
        let verdict = check(|trial| {
            let (listener, addr) = trial.listen()?;
            drop(listener);
            let others: Vec<_> = (0..500)
                .filter_map(|_| TcpListener::bind("127.0.0.1:0").ok())
                .collect();
            let same = others.iter().filter_map(|other| other.local_addr().ok());
            assert!(!same.into_iter().any(|other| other == addr));
            let refused = TcpStream::connect(addr).expect_err("nobody listens there");
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            Ok(())
        });
        if let Verdict::Wrong(fault) = verdict {
            panic!("{fault}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")] // elsewhere no port is reserved
    fn a_wrong_function_keeps_the_port_of_its_check() {
        let (tell, told) = mpsc::channel();
        let verdict = check(move |trial| {
            let (_, addr) = trial.listen()?;
            let _ = tell.send(addr); // the test waits for it
            Err(Fault::new("wrong"))
        });
        assert!(matches!(verdict, Verdict::Wrong(_)));
        let addr = told.recv().expect("it was sent");
        // Again and again, because the check's thread may not have ended yet. Without
        // SO_REUSEADDR, which std sets, nobody can bind a port that somebody has.
        for _ in 0..1000 {
            use socket2::{Domain, Socket, Type};
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("it is a socket");
            let taken = socket.bind(&addr.into()).expect_err("somebody has it");
            assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        }
    }

    #[test]
    fn sends_more_than_the_buffers_hold_while_it_reads() {
        let bytes = vec![b'x'; 20_000_000];
        let verdict = check(move |trial| {
            let (mut peer, stream) = trial.pair()?;
            let echo = trial.start(move || io::copy(&mut &stream, &mut &stream).is_ok());
            let came = peer.exchange(&bytes, bytes.len())?;
            compare(&bytes, &came).map_err(Fault::new)?;
            assert_eq!(
                peer.story(),
                "after 20000000 bytes ('xxxxxxxxxxxxxxxx…') was sent: "
            );
            echo.result().map(|_| ())
        });
        if let Verdict::Wrong(fault) = verdict {
            panic!("{fault}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn tells_who_waits_from_who_spins() {
        let during = Duration::from_millis(200);
        let waits = check(move |trial| {
            let (peer, mut stream) = trial.pair()?;
            let waits = trial.start(move || stream.read(&mut [0]).is_ok());
            waits.expect_idle(during)?;
            drop(peer);
            waits.result().map(|_| ())
        });
        assert!(matches!(waits, Verdict::Solved));

        let spins = check(move |trial| {
            let (stop, stopped) = mpsc::channel::<()>();
            let spins = trial.start(move || {
                while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                    std::hint::spin_loop();
                }
            });
            let idle = spins.expect_idle(during);
            drop(stop);
            idle
        });
        let Verdict::Wrong(fault) = spins else {
            panic!("it is wrong")
        };
        assert!(fault.what.contains("wanted the processor"), "{fault}");
    }

    #[test]
    fn what_came_too_late_on_a_machine_that_stalls_is_tried_again() {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let verdict = check(move |trial| {
            let run = counted.fetch_add(1, Ordering::Relaxed);
            // A scene that the check itself plays too slowly, but for its last run.
            trial.at_pace(Duration::ZERO, |_| match run {
                0 => Err(Fault::new("a stall").cause("a guess")),
                _ => Ok(()),
            })
        });
        assert!(matches!(verdict, Verdict::Solved));
        assert_eq!(runs.load(Ordering::Relaxed), 2);

        let verdict = check(|trial| {
            trial.at_pace(Duration::ZERO, |_| {
                Err(Fault::new("a stall").cause("a guess"))
            })
        });
        let Verdict::Wrong(fault) = verdict else {
            panic!("nothing was learnt")
        };
        let text = fault.to_string();
        assert!(
            text.starts_with("this machine was too busy to tell"),
            "{text}"
        );
        assert!(text.ends_with("what the check saw: a stall"), "{text}");
    }

    #[test]
    fn a_scene_that_kept_its_pace_is_played_once() {
        let verdict = check(|trial| {
            let mut played = 0;
            let scene = trial.at_pace(crate::place::PATIENCE, |pace| {
                played += 1;
                pace.beat();
                Err(Fault::new("wrong"))
            });
            assert_eq!(played, 1);
            scene
        });
        let Verdict::Wrong(fault) = verdict else {
            panic!("it is wrong")
        };
        assert_eq!(fault.to_string(), "wrong");
    }

    #[test]
    fn buffers_that_the_check_has_set_are_soon_full() {
        let verdict = check(|trial| {
            let (peer, stream) = trial.pair_with_buffers(4096)?;
            stream
                .set_nonblocking(true)
                .map_err(|e| Fault::new(e.to_string()))?;
            let mut taken = 0;
            while let Ok(n) = (&stream).write(&[b'x'; 1000]) {
                taken += n;
                if taken > 200_000 {
                    return Err(Fault::new("200,000 bytes found room"));
                }
            }
            drop(peer);
            Ok(())
        });
        if let Verdict::Wrong(fault) = verdict {
            panic!("{fault}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pair_of_records_shows_each_write() {
        let verdict = check(|trial| {
            let (mut peer, stream) = trial.pair_of_records()?;
            let writer = trial.start(move || {
                (&stream).write_all(b"one").is_ok() && (&stream).write_all(&[b'x'; 100_000]).is_ok()
            });
            let mut buffer = vec![0; 200_000];
            for expected in [3, 100_000, 0] {
                assert_eq!(peer.read(&mut buffer)?, Some(expected));
            }
            writer.result().map(|_| ())
        });
        if let Verdict::Wrong(fault) = verdict {
            panic!("{fault}");
        }
    }

    #[test]
    fn bytes_that_are_sent_one_by_one_come_in_as_many_reads() {
        let verdict = check(|trial| {
            let (mut peer, mut stream) = trial.pair()?;
            let theirs = stream.try_clone().expect("a socket can be cloned");
            let reader = trial.start(move || {
                let mut reads = 0;
                while stream.read(&mut [0; 100]).is_ok_and(|n| n > 0) {
                    reads += 1;
                }
                reads
            });
            peer.send_one_by_one(b"hello", &theirs)?;
            peer.half_close()?;
            assert_eq!(reader.result()?, 5);
            Ok(())
        });
        if let Verdict::Wrong(fault) = verdict {
            panic!("{fault}");
        }
    }
}
