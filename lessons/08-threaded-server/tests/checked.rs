//! The checks of lesson 8, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "other_rooms.rs"]
mod other_rooms;
#[path = "../solution.rs"]
mod solution;

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(windows))]
use std::sync::mpsc::TrySendError;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use checks::places::ServeAtMost;
use checks::room::Chat;
use checks::serve::Serve;
use course::exercise::{Mistake, Proof, Right};
use threaded_server::contract::{Handler, MAX_WAITING};
use threaded_server::{FULL, MAX_LINE};

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_8_1_is_proved() {
    course::allow_many_files(); // all the mistakes together
    Proof {
        check: checks::serve::serve,
        source: SOURCE,
        exercise: "8.1",
        skeleton: exercise::serve as Serve,
        right: RIGHT_SERVERS,
        mistakes: WRONG_SERVERS,
        unseen: &[],
    }
    .holds();
}

const RIGHT_SERVERS: &[Right<Serve>] = &[
    ("the solution", solution::serve),
    ("catch_unwind, and a count", |listener, clients, handle| {
        let panicked = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..clients {
                let (stream, handle, panicked) = (accept(listener), &handle, &panicked);
                scope.spawn(move || {
                    if panic::catch_unwind(AssertUnwindSafe(|| handle(stream))).is_err() {
                        panicked.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        panicked.into_inner()
    }),
    (
        "a thread that collects what the others tell",
        |listener, clients, handle| {
            let (tell, told) = mpsc::channel();
            for _ in 0..clients {
                let (stream, handle, tell) = (accept(listener), Arc::clone(&handle), tell.clone());
                thread::spawn(move || {
                    let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(stream)));
                    let _ = tell.send(handled.is_err());
                });
            }
            drop(tell);
            thread::spawn(move || told.iter().filter(|panicked| *panicked).count())
                .join()
                .unwrap()
        },
    ),
    (
        "incoming, and joins those that have ended",
        |listener, clients, handle| {
            let (mut threads, mut panicked, mut left) = (Vec::new(), 0, clients);
            let mut streams = listener.incoming();
            while left > 0 {
                match streams.next() {
                    Some(Ok(stream)) => {
                        threads.push(spawn(&handle, stream));
                        left -= 1;
                    }
                    _ => thread::sleep(Duration::from_millis(100)),
                }
                let (ended, rest): (Vec<_>, Vec<_>) =
                    threads.into_iter().partition(JoinHandle::is_finished);
                panicked += join_all(ended);
                threads = rest;
            }
            panicked + join_all(threads)
        },
    ),
    (
        "as many threads as clients, made beforehand",
        |listener, clients, handle| {
            let (sender, streams) = mpsc::channel::<TcpStream>();
            let streams = Arc::new(Mutex::new(streams));
            let threads = (0..clients).map(|_| {
                let (streams, handle) = (Arc::clone(&streams), Arc::clone(&handle));
                thread::spawn(move || {
                    if let Some(stream) = next(&streams) {
                        handle(stream);
                    }
                })
            });
            let threads = threads.collect();
            for _ in 0..clients {
                let _ = sender.send(accept(listener));
            }
            join_all(threads)
        },
    ),
    (
        "accepts in a thread of its own",
        |listener, clients, handle| {
            let (give, take) = mpsc::channel();
            thread::scope(|scope| {
                scope.spawn(move || {
                    for _ in 0..clients {
                        let _ = give.send(spawn(&handle, accept(listener)));
                    }
                });
                let ended = take.into_iter().collect::<Vec<JoinHandle<()>>>();
                join_all(ended)
            })
        },
    ),
];

const WRONG_SERVERS: &[Mistake<Serve>] = &[
    (
        "serves one after another",
        |listener, clients, handle| {
            for _ in 0..clients {
                handle(accept(listener));
            }
            0
        },
        "clients wait for each other",
    ),
    (
        "joins each thread in the loop",
        |listener, clients, handle| {
            let served = (0..clients).map(|_| spawn(&handle, accept(listener)).join());
            served.filter(Result::is_err).count()
        },
        "its thread is joined in the loop",
    ),
    (
        "holds a lock while it serves",
        |listener, clients, handle| {
            let busy = Arc::new(Mutex::new(()));
            let threads = (0..clients).map(|_| {
                let (stream, handle) = (accept(listener), Arc::clone(&handle));
                let busy = Arc::clone(&busy);
                thread::spawn(move || {
                    let _busy = busy.lock();
                    handle(stream);
                })
            });
            join_all(threads.collect())
        },
        "or it runs under a lock",
    ),
    (
        "has eight threads for all",
        |listener, clients, handle| pool(listener, clients, &handle, 8),
        "only so many threads are there",
    ),
    (
        "has fifty threads for all",
        |listener, clients, handle| pool(listener, clients, &handle, 50),
        "only so many threads are there",
    ),
    (
        "has 128 threads for all",
        |listener, clients, handle| pool(listener, clients, &handle, 128),
        "only so many threads are there",
    ),
    (
        "accepts all, then serves them",
        |listener, clients, handle| {
            let streams: Vec<_> = (0..clients).map(|_| accept(listener)).collect();
            let threads = streams.into_iter().map(|stream| spawn(&handle, stream));
            join_all(threads.collect())
        },
        "clients wait for each other",
    ),
    (
        "does not wait for its threads",
        |listener, clients, handle| {
            for _ in 0..clients {
                spawn(&handle, accept(listener));
            }
            0
        },
        "the threads are not joined before the function returns",
    ),
    (
        "unwraps what join gives",
        |listener, clients, handle| {
            let threads = (0..clients).map(|_| spawn(&handle, accept(listener)));
            let threads: Vec<_> = threads.collect();
            for thread in threads {
                thread.join().unwrap();
            }
            0
        },
        "your function panicked at",
    ),
    (
        "leaves the panics to the scope",
        |listener, clients, handle| {
            thread::scope(|scope| {
                for _ in 0..clients {
                    let (stream, handle) = (accept(listener), &handle);
                    scope.spawn(move || handle(stream));
                }
            });
            0
        },
        "your function panicked",
    ),
    (
        "does not count the panics",
        |listener, clients, handle| {
            let threads = (0..clients).map(|_| spawn(&handle, accept(listener)));
            join_all(threads.collect());
            0
        },
        "join gives an error where the thread has panicked",
    ),
    (
        "keeps a clone of each connection",
        |listener, clients, handle| {
            let (mut streams, mut threads) = (Vec::new(), Vec::new());
            for _ in 0..clients {
                let stream = accept(listener);
                streams.push(stream.try_clone());
                threads.push(spawn(&handle, stream));
            }
            join_all(threads)
        },
        "the connection is still open somewhere",
    ),
    (
        "unwraps accept",
        |listener, clients, handle| {
            let threads = (0..clients).map(|_| {
                let (stream, _) = listener.accept().unwrap();
                spawn(&handle, stream)
            });
            join_all(threads.collect())
        },
        "your function panicked at",
    ),
    (
        "counts a failed accept",
        |listener, clients, handle| {
            let streams = listener.incoming().take(clients).flatten();
            join_all(streams.map(|stream| spawn(&handle, stream)).collect())
        },
        "a failed accept is taken for a client",
    ),
    #[cfg(target_os = "linux")] // elsewhere nobody can see that it spins
    (
        "spins while accept fails",
        |listener, clients, handle| {
            let streams = listener.incoming().filter_map(Result::ok).take(clients);
            join_all(streams.map(|stream| spawn(&handle, stream)).collect())
        },
        "no pause before the next accept",
    ),
    (
        "gives up after five failed accepts",
        |listener, clients, handle| {
            let (mut threads, mut failed) = (Vec::new(), 0);
            while threads.len() < clients && failed < 5 {
                match listener.accept() {
                    Ok((stream, _)) => threads.push(spawn(&handle, stream)),
                    Err(_) => {
                        failed += 1;
                        thread::sleep(Duration::from_millis(100));
                    }
                }
            }
            join_all(threads)
        },
        "or ends the connection loop",
    ),
    (
        "stops when a handler has panicked",
        |listener, clients, handle| {
            let panicked = Arc::new(AtomicUsize::new(0));
            let mut threads = Vec::new();
            while threads.len() < clients && panicked.load(Ordering::SeqCst) == 0 {
                let (stream, handle) = (accept(listener), Arc::clone(&handle));
                let panicked = Arc::clone(&panicked);
                threads.push(thread::spawn(move || {
                    if panic::catch_unwind(AssertUnwindSafe(|| handle(stream))).is_err() {
                        panicked.fetch_add(1, Ordering::SeqCst);
                    }
                }));
            }
            join_all(threads);
            panicked.load(Ordering::SeqCst)
        },
        "the panic of one handler ends more than its client",
    ),
    (
        "pauses for ten seconds",
        |listener, clients, handle| {
            let pause = Duration::from_secs(10);
            let threads = (0..clients).map(|_| spawn(&handle, accept_after(listener, pause)));
            join_all(threads.collect())
        },
        "or the pause grows too long",
    ),
    (
        "accepts one even if nobody is to come",
        |listener, clients, handle| {
            let mut threads = Vec::new();
            loop {
                threads.push(spawn(&handle, accept(listener)));
                if threads.len() >= clients {
                    return join_all(threads);
                }
            }
        },
        "accepts before it looks whether anybody is left",
    ),
    (
        "serves one more than it should",
        |listener, clients, handle| {
            let mut threads = Vec::new();
            let more = if clients == 2 { 3 } else { clients };
            for _ in 0..more {
                threads.push(spawn(&handle, accept(listener)));
            }
            join_all(threads)
        },
        "more clients are accepted than",
    ),
    #[cfg(target_os = "linux")] // elsewhere no pauses are counted
    (
        "pauses for a millisecond",
        |listener, clients, handle| {
            let pause = Duration::from_millis(1);
            let threads = (0..clients).map(|_| spawn(&handle, accept_after(listener, pause)));
            join_all(threads.collect())
        },
        "much shorter than a tenth of a second",
    ),
    (
        "counts the client whose handler panicked again",
        |listener, clients, handle| {
            2 * join_all(
                (0..clients)
                    .map(|_| spawn(&handle, accept(listener)))
                    .collect(),
            )
        },
        "a panic is counted twice",
    ),
    (
        "counts only panics that tell why",
        |listener, clients, handle| {
            let threads = (0..clients).map(|_| spawn(&handle, accept(listener)));
            let threads: Vec<_> = threads.collect();
            let ended = threads.into_iter().map(JoinHandle::join);
            ended
                .filter_map(Result::err)
                .filter(|why| why.is::<&str>() && why.is::<String>())
                .count()
        },
        "join gives an error where the thread has panicked",
    ),
    (
        "counts only panics with a text",
        |listener, clients, handle| {
            let threads = (0..clients).map(|_| spawn(&handle, accept(listener)));
            let threads: Vec<_> = threads.collect();
            let ended = threads.into_iter().map(JoinHandle::join);
            ended
                .filter_map(Result::err)
                .filter(|why| why.is::<&str>() || why.is::<String>())
                .count()
        },
        "or only the panics of some kind count",
    ),
    (
        "has sixty threads for all",
        |listener, clients, handle| {
            let at_work = Arc::new((Mutex::new(0), Condvar::new()));
            let threads = (0..clients).map(|_| {
                let count = at_work.0.lock().unwrap();
                let mut count = at_work.1.wait_while(count, |count| *count >= 60).unwrap();
                *count += 1;
                let (stream, handle) = (accept(listener), Arc::clone(&handle));
                let at_work = Arc::clone(&at_work);
                thread::spawn(move || {
                    let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(stream)));
                    *at_work.0.lock().unwrap() -= 1;
                    at_work.1.notify_all();
                    if let Err(why) = handled {
                        panic::resume_unwind(why);
                    }
                })
            });
            let threads = threads.collect();
            join_all(threads)
        },
        "only so many threads are there",
    ),
    (
        "waits for its threads for two seconds",
        |listener, clients, handle| {
            let threads: Vec<_> = (0..clients)
                .map(|_| spawn(&handle, accept(listener)))
                .collect();
            for _ in 0..200 {
                if threads.iter().all(JoinHandle::is_finished) {
                    break;
                }
                thread::sleep(Duration::from_millis(10));
            }
            let ended = threads.into_iter().filter(JoinHandle::is_finished);
            join_all(ended.collect())
        },
        "or are waited for only so long",
    ),
    (
        "gives up after twenty failed accepts in a row",
        |listener, clients, handle| {
            let (mut threads, mut failed) = (Vec::new(), 0);
            while threads.len() < clients && failed < 20 {
                match listener.accept() {
                    Ok((stream, _)) => {
                        threads.push(spawn(&handle, stream));
                        failed = 0;
                    }
                    Err(_) => {
                        failed += 1;
                        thread::sleep(Duration::from_millis(100));
                    }
                }
            }
            join_all(threads)
        },
        "or ends the connection loop",
    ),
    #[cfg(target_os = "linux")] // elsewhere no pauses are counted
    (
        "waits twice as long after each failed accept",
        |listener, clients, handle| {
            let threads = (0..clients).map(|_| {
                let mut pause = Duration::from_millis(100);
                let stream = loop {
                    match listener.accept() {
                        Ok((stream, _)) => break stream,
                        Err(_) => thread::sleep(pause),
                    }
                    pause *= 2;
                };
                spawn(&handle, stream)
            });
            join_all(threads.collect())
        },
        "the pause grows too long with each time",
    ),
    (
        "forgets the threads that have ended",
        |listener, clients, handle| {
            let mut threads = Vec::new();
            for _ in 0..clients {
                let stream = accept(listener);
                thread::sleep(Duration::from_millis(10));
                threads.retain(|thread: &JoinHandle<()>| !thread.is_finished());
                threads.push(spawn(&handle, stream));
            }
            join_all(threads)
        },
        "the results of threads that had ended early are dropped",
    ),
];

/// So many threads take the clients from a queue.
fn pool(listener: &TcpListener, clients: usize, handle: &Handler, threads: usize) -> usize {
    let (sender, streams) = mpsc::channel::<TcpStream>();
    let (streams, panics) = (Mutex::new(streams), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(stream) = next(&streams) {
                    if panic::catch_unwind(AssertUnwindSafe(|| handle(stream))).is_err() {
                        panics.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for _ in 0..clients {
            let _ = sender.send(accept(listener));
        }
        drop(sender);
    });
    panics.into_inner()
}

/// The next client, as it should be accepted.
fn accept(listener: &TcpListener) -> TcpStream {
    accept_after(listener, Duration::from_millis(100))
}

/// The same with another pause.
fn accept_after(listener: &TcpListener, pause: Duration) -> TcpStream {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return stream,
            Err(_) => thread::sleep(pause),
        }
    }
}

fn spawn(handle: &Handler, stream: TcpStream) -> JoinHandle<()> {
    let handle = Arc::clone(handle);
    thread::spawn(move || handle(stream))
}

fn join_all(threads: Vec<JoinHandle<()>>) -> usize {
    let ended = threads.into_iter().map(JoinHandle::join);
    ended.filter(Result::is_err).count()
}

fn next(streams: &Mutex<Receiver<TcpStream>>) -> Option<TcpStream> {
    streams.lock().ok()?.recv().ok()
}

#[test]
fn exercise_8_2_is_proved() {
    course::allow_many_files(); // all the mistakes together
    Proof {
        check: checks::places::serve_at_most,
        source: SOURCE,
        exercise: "8.2",
        skeleton: exercise::serve_at_most as ServeAtMost,
        right: RIGHT_LIMITS,
        mistakes: WRONG_LIMITS,
        unseen: &[],
    }
    .holds();
}

const RIGHT_LIMITS: &[Right<ServeAtMost>] = &[
    ("the solution", solution::serve_at_most),
    (
        "counts under a lock, with catch_unwind",
        |listener, clients, places, handle| {
            let taken = Arc::new(Mutex::new(0));
            admit(listener, clients, || {
                let mut count = taken.lock().unwrap();
                if *count == places {
                    return None;
                }
                *count += 1;
                let (taken, handle) = (Arc::clone(&taken), Arc::clone(&handle));
                Some(Box::new(move |stream| {
                    let _ = panic::catch_unwind(AssertUnwindSafe(|| handle(stream)));
                    *taken.lock().unwrap() -= 1;
                }))
            })
        },
    ),
    (
        "an Arc is the guard, its count the places taken",
        |listener, clients, places, handle| {
            let guard = Arc::new(());
            admit(listener, clients, || {
                if Arc::strong_count(&guard) > places {
                    return None;
                }
                let (guard, handle) = (Arc::clone(&guard), Arc::clone(&handle));
                Some(Box::new(move |stream| {
                    let _guard = guard;
                    handle(stream);
                }))
            })
        },
    ),
    (
        "looks which threads have ended",
        |listener, clients, places, handle| {
            let (mut threads, mut served, mut turned_away) = (Vec::<JoinHandle<()>>::new(), 0, 0);
            while served < clients {
                let mut stream = accept(listener);
                threads.retain(|thread| !thread.is_finished());
                if threads.len() >= places {
                    let _ = stream.write_all(FULL);
                    turned_away += 1;
                    continue;
                }
                threads.push(spawn(&handle, stream));
                served += 1;
            }
            join_all(threads);
            turned_away
        },
    ),
    (
        "looks for clients every 25 ms",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            let (mut threads, mut turned_away) = (Vec::new(), 0);
            listener.set_nonblocking(true).unwrap();
            while threads.len() < clients {
                let Ok((mut stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(25));
                    continue;
                };
                stream.set_nonblocking(false).unwrap();
                if taken.fetch_add(1, Ordering::SeqCst) >= places {
                    taken.fetch_sub(1, Ordering::SeqCst);
                    turned_away += 1;
                    let _ = stream.write_all(FULL);
                    continue;
                }
                let (guard, handle) = (Guard(Arc::clone(&taken)), Arc::clone(&handle));
                threads.push(thread::spawn(move || {
                    let _guard = guard;
                    handle(stream);
                }));
            }
            join_all(threads);
            turned_away
        },
    ),
    (
        "a thread of their own for those it turns away, for which nobody waits",
        |listener, clients, places, handle| {
            turn_away(listener, clients, places, &handle, |mut stream| {
                thread::spawn(move || {
                    let _ = stream.write_all(FULL);
                    let _ = stream.shutdown(Shutdown::Write);
                    let _ = io::copy(&mut stream, &mut io::sink());
                });
            })
        },
    ),
];

const WRONG_LIMITS: &[Mistake<ServeAtMost>] = &[
    (
        "gives the place back behind the handler",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            admit(listener, clients, || {
                if taken.load(Ordering::SeqCst) >= places {
                    return None;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let (taken, handle) = (Arc::clone(&taken), Arc::clone(&handle));
                Some(Box::new(move |stream| {
                    handle(stream);
                    taken.fetch_sub(1, Ordering::SeqCst);
                }))
            })
        },
        "by a line behind the handler, which a panic skips",
    ),
    (
        "lets the thread take its place",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            admit(listener, clients, || {
                if taken.load(Ordering::SeqCst) >= places {
                    return None;
                }
                let (taken, handle) = (Arc::clone(&taken), Arc::clone(&handle));
                Some(Box::new(move |stream| {
                    taken.fetch_add(1, Ordering::SeqCst);
                    let _guard = Guard(taken);
                    handle(stream);
                }))
            })
        },
        "looking for a place and taking it are two steps",
    ),
    (
        "drops the guard at once",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            admit(listener, clients, || {
                if taken.load(Ordering::SeqCst) >= places {
                    return None;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let (taken, handle) = (Arc::clone(&taken), Arc::clone(&handle));
                Some(Box::new(move |stream| {
                    let _ = Guard(taken);
                    handle(stream);
                }))
            })
        },
        "the guard is dropped at once",
    ),
    (
        "drops the guard in the thread that accepts",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            admit(listener, clients, || {
                if taken.load(Ordering::SeqCst) >= places {
                    return None;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let _guard = Guard(Arc::clone(&taken));
                let handle = Arc::clone(&handle);
                Some(Box::new(move |stream| handle(stream)))
            })
        },
        "the guard is dropped at once",
    ),
    (
        "lets one too many in",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            admit(listener, clients, || {
                if taken.load(Ordering::SeqCst) > places {
                    return None;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let (guard, handle) = (Guard(Arc::clone(&taken)), Arc::clone(&handle));
                Some(Box::new(move |stream| {
                    let _guard = guard;
                    handle(stream);
                }))
            })
        },
        "the comparison is off by one",
    ),
    (
        "never gives a place back",
        |listener, clients, places, handle| {
            let mut taken = 0;
            admit(listener, clients, || {
                if taken >= places {
                    return None;
                }
                taken += 1;
                let handle = Arc::clone(&handle);
                Some(Box::new(move |stream| handle(stream)))
            })
        },
        "or not at all",
    ),
    (
        "waits for a free place",
        |listener, clients, places, handle| {
            let taken = Arc::new((Mutex::new(0), Condvar::new()));
            admit(listener, clients, || {
                let count = taken.0.lock().unwrap();
                let full = |taken: &mut usize| *taken >= places;
                *taken.1.wait_while(count, full).unwrap() += 1;
                let (taken, handle) = (Arc::clone(&taken), Arc::clone(&handle));
                Some(Box::new(move |stream| {
                    let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(stream)));
                    *taken.0.lock().unwrap() -= 1;
                    taken.1.notify_one();
                    drop(handled);
                }))
            })
        },
        "accept waits for a free place",
    ),
    (
        "closes without a word",
        |listener, clients, places, handle| turn_away(listener, clients, places, &handle, drop),
        "closed without a word",
    ),
    (
        "forgets the line end",
        |listener, clients, places, handle| {
            turn_away(listener, clients, places, &handle, |mut stream| {
                let _ = stream.write_all(b"server full");
            })
        },
        "or the line end is missing",
    ),
    (
        "says it and keeps the connection",
        |listener, clients, places, handle| {
            let kept = Mutex::new(Vec::new());
            turn_away(listener, clients, places, &handle, |mut stream| {
                let _ = stream.write_all(FULL);
                kept.lock().unwrap().push(stream);
            })
        },
        "or not closed",
    ),
    (
        "waits until the client says something",
        |listener, clients, places, handle| {
            turn_away(listener, clients, places, &handle, |mut stream| {
                let _ = stream.read(&mut [0; 100]);
                let _ = stream.write_all(FULL);
            })
        },
        "a client that finds no place is kept waiting",
    ),
    (
        "counts those it turned away as served",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            let (mut threads, mut turned_away) = (Vec::new(), 0);
            for _ in 0..clients {
                let mut stream = accept(listener);
                if taken.load(Ordering::SeqCst) >= places {
                    let _ = stream.write_all(FULL);
                    turned_away += 1;
                    continue;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let guard = Guard(Arc::clone(&taken));
                let handle = Arc::clone(&handle);
                threads.push(thread::spawn(move || {
                    let _guard = guard;
                    handle(stream);
                }));
            }
            join_all(threads);
            turned_away
        },
        "those who were turned away are counted as served",
    ),
    (
        "does not count those it turned away",
        |listener, clients, places, handle| {
            solution::serve_at_most(listener, clients, places, handle);
            0
        },
        "not each client that was turned away is counted",
    ),
    (
        "gives places back when it joins",
        |listener, clients, places, handle| {
            let mut threads: Vec<JoinHandle<()>> = Vec::new();
            let (mut served, mut turned_away) = (0, 0);
            while served < clients {
                let mut stream = accept(listener);
                // Only the oldest thread is looked at.
                if threads.first().is_some_and(JoinHandle::is_finished) {
                    let _ = threads.remove(0).join();
                }
                if threads.len() >= places {
                    let _ = stream.write_all(FULL);
                    turned_away += 1;
                    continue;
                }
                threads.push(spawn(&handle, stream));
                served += 1;
            }
            join_all(threads);
            turned_away
        },
        "or only when the thread is joined",
    ),
    (
        "gives the place back twice after a panic",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            admit(listener, clients, || {
                if taken.load(Ordering::SeqCst) >= places {
                    return None;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let (guard, handle) = (Guard(Arc::clone(&taken)), Arc::clone(&handle));
                let taken = Arc::clone(&taken);
                Some(Box::new(move |stream| {
                    let _guard = guard;
                    if panic::catch_unwind(AssertUnwindSafe(|| handle(stream))).is_err()
                        && taken.load(Ordering::SeqCst) > 1
                    {
                        taken.fetch_sub(1, Ordering::SeqCst);
                    }
                }))
            })
        },
        "a place is given back twice",
    ),
    (
        "keeps one place for itself",
        |listener, clients, places, handle| {
            solution::serve_at_most(listener, clients, places.max(2) - 1, handle)
        },
        "the comparison is off by one, or a place is taken and not used",
    ),
    (
        "makes room for all places beforehand",
        |listener, clients, places, handle| {
            let _guards: Vec<u64> = Vec::with_capacity(places);
            solution::serve_at_most(listener, clients, places, handle)
        },
        "your function panicked at",
    ),
    (
        "unwraps accept",
        |listener, clients, places, handle| {
            listener.take_error().unwrap();
            if places == 1 && clients == 1 {
                let (stream, _) = listener.accept().unwrap();
                handle(stream);
                return 0;
            }
            solution::serve_at_most(listener, clients, places, handle)
        },
        "your function panicked at",
    ),
    (
        "takes a failed accept for the last client",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            let (mut threads, mut turned_away) = (Vec::new(), 0);
            while threads.len() < clients {
                let Ok((mut stream, _)) = listener.accept() else {
                    break;
                };
                if taken.load(Ordering::SeqCst) >= places {
                    let _ = stream.write_all(FULL);
                    turned_away += 1;
                    continue;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let (guard, handle) = (Guard(Arc::clone(&taken)), Arc::clone(&handle));
                threads.push(thread::spawn(move || {
                    let _guard = guard;
                    handle(stream);
                }));
            }
            join_all(threads);
            turned_away
        },
        "or ends the connection loop",
    ),
    #[cfg(target_os = "linux")] // elsewhere nobody can see that it spins
    (
        "spins while accept fails",
        |listener, clients, places, handle| {
            if places == 1 && clients == 1 {
                let stream = listener.incoming().find_map(Result::ok).unwrap();
                handle(stream);
                return 0;
            }
            solution::serve_at_most(listener, clients, places, handle)
        },
        "no pause before the next accept",
    ),
    (
        "does not wait for its threads",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            let (mut served, mut turned_away) = (0, 0);
            while served < clients {
                let mut stream = accept(listener);
                if taken.load(Ordering::SeqCst) >= places {
                    let _ = stream.write_all(FULL);
                    turned_away += 1;
                    continue;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let (guard, handle) = (Guard(Arc::clone(&taken)), Arc::clone(&handle));
                thread::spawn(move || {
                    let _guard = guard;
                    handle(stream);
                });
                served += 1;
            }
            turned_away
        },
        "the threads are not joined before the function returns",
    ),
    (
        "counts places in 32 bits",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            admit(listener, clients, || {
                if taken.load(Ordering::SeqCst) as i32 >= places as i32 {
                    return None;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let (guard, handle) = (Guard(Arc::clone(&taken)), Arc::clone(&handle));
                Some(Box::new(move |stream| {
                    let _guard = guard;
                    handle(stream);
                }))
            })
        },
        "the comparison is off by one, or a place is taken and not used",
    ),
    (
        "turns away with a word too many",
        |listener, clients, places, handle| {
            turn_away(listener, clients, places, &handle, |mut stream| {
                let _ = stream.write_all(b"server full\nplease try again\n");
            })
        },
        "the words differ",
    ),
    (
        "lets the handler tell that the server is full",
        |listener, clients, places, handle| {
            let at_work = Arc::new(AtomicUsize::new(0));
            let (mut threads, mut turned_away) = (Vec::new(), 0);
            while threads.len() < clients + turned_away {
                let mut stream = accept(listener);
                let full = at_work.load(Ordering::SeqCst) >= places;
                turned_away += usize::from(full);
                at_work.fetch_add(1, Ordering::SeqCst);
                let (guard, handle) = (Guard(Arc::clone(&at_work)), Arc::clone(&handle));
                threads.push(thread::spawn(move || {
                    let _guard = guard;
                    if full {
                        let _ = stream.write_all(FULL);
                    }
                    handle(stream);
                }));
            }
            join_all(threads);
            turned_away
        },
        "a client that finds no place is kept waiting",
    ),
    (
        "reads what those it turns away send, to its end",
        |listener, clients, places, handle| {
            turn_away(listener, clients, places, &handle, |mut stream| {
                let _ = stream.write_all(FULL);
                let _ = stream.shutdown(Shutdown::Write);
                let _ = io::copy(&mut stream, &mut io::sink());
            })
        },
        "one who was turned away is waited for in the thread that accepts",
    ),
    (
        "gives those it turns away two seconds to go",
        |listener, clients, places, handle| {
            turn_away(listener, clients, places, &handle, |mut stream| {
                let _ = stream.write_all(FULL);
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let _ = stream.read(&mut [0; 100]);
            })
        },
        "one who was turned away is waited for in the thread that accepts",
    ),
    (
        "waits in other threads for those it turns away",
        |listener, clients, places, handle| {
            let waiting = Mutex::new(Vec::new());
            let count = turn_away(listener, clients, places, &handle, |mut stream| {
                let thread = thread::spawn(move || {
                    let _ = stream.write_all(FULL);
                    let _ = stream.shutdown(Shutdown::Write);
                    let _ = io::copy(&mut stream, &mut io::sink());
                });
                waiting.lock().unwrap().push(thread);
            });
            join_all(waiting.into_inner().unwrap());
            count
        },
        "or one of them, who has not gone, is still waited for",
    ),
    (
        "counts off who has gone before it accepts",
        |listener, clients, places, handle| {
            let (mut threads, mut served, mut turned_away) = (Vec::<JoinHandle<()>>::new(), 0, 0);
            while served < clients {
                threads.retain(|thread| !thread.is_finished());
                let mut stream = accept(listener);
                if threads.len() >= places {
                    let _ = stream.write_all(FULL);
                    turned_away += 1;
                    continue;
                }
                threads.push(spawn(&handle, stream));
                served += 1;
            }
            join_all(threads);
            turned_away
        },
        "before accept waits for the next client",
    ),
    (
        "gives a place back 300 ms after a panic",
        |listener, clients, places, handle| {
            let taken = Arc::new(AtomicUsize::new(0));
            admit(listener, clients, || {
                if taken.load(Ordering::SeqCst) >= places {
                    return None;
                }
                taken.fetch_add(1, Ordering::SeqCst);
                let (guard, handle) = (Guard(Arc::clone(&taken)), Arc::clone(&handle));
                Some(Box::new(move |stream| {
                    let _guard = guard;
                    if panic::catch_unwind(AssertUnwindSafe(|| handle(stream))).is_err() {
                        thread::sleep(Duration::from_millis(300));
                    }
                }))
            })
        },
        "after a panic the place is given back only later",
    ),
    (
        "counts places in eight bits",
        |listener, clients, places, handle| {
            let places = places.min(usize::MAX - 1) as u8;
            solution::serve_at_most(listener, clients, places.into(), handle)
        },
        "or to fewer bits",
    ),
    (
        "has 64 places at most",
        |listener, clients, places, handle| {
            solution::serve_at_most(listener, clients, places.min(64), handle)
        },
        "the number of places is cut",
    ),
];

/// What is done with a client that has a place.
type Job = Box<dyn FnOnce(TcpStream) + Send>;

/// A connection loop that is right, if `enter` is.
fn admit(listener: &TcpListener, clients: usize, mut enter: impl FnMut() -> Option<Job>) -> usize {
    let (mut threads, mut turned_away) = (Vec::new(), 0);
    while threads.len() < clients {
        let mut stream = accept(listener);
        match enter() {
            Some(job) => threads.push(thread::spawn(move || job(stream))),
            None => {
                turned_away += 1;
                let _ = stream.write_all(FULL);
            }
        }
    }
    join_all(threads);
    turned_away
}

struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A server that is right but for what it does with those it turns away.
fn turn_away(
    listener: &TcpListener,
    clients: usize,
    places: usize,
    handle: &Handler,
    refuse: impl Fn(TcpStream),
) -> usize {
    let taken = Arc::new(AtomicUsize::new(0));
    let (mut threads, mut turned_away) = (Vec::new(), 0);
    while threads.len() < clients {
        let stream = accept(listener);
        if taken.load(Ordering::SeqCst) >= places {
            refuse(stream);
            turned_away += 1;
            continue;
        }
        taken.fetch_add(1, Ordering::SeqCst);
        let (guard, handle) = (Guard(Arc::clone(&taken)), Arc::clone(handle));
        threads.push(thread::spawn(move || {
            let _guard = guard;
            handle(stream);
        }));
    }
    join_all(threads);
    turned_away
}

#[test]
fn exercise_8_3_is_proved() {
    Proof {
        check: checks::room::chat,
        source: SOURCE,
        exercise: "8.3",
        skeleton: exercise::chat as Chat,
        right: RIGHT_ROOMS,
        mistakes: WRONG_ROOMS,
        unseen: &[],
    }
    .holds();
}

const RIGHT_ROOMS: &[Right<Chat>] = &[
    ("the solution", solution::chat),
    (
        "a room whose members are taken out by retain",
        |listener, clients| {
            chat(listener, clients, RIGHT);
        },
    ),
    (
        "a queue of its own, with a condition to wait for",
        |listener, clients| {
            other_rooms::with_conditions(listener, clients, other_rooms::BY_LINES, false);
        },
    ),
    (
        "the same, and a line is in the queue until it is written",
        |listener, clients| {
            other_rooms::with_conditions(listener, clients, other_rooms::BY_LINES, true);
        },
    ),
    (
        "one thread has the room, and all others tell it what happens",
        |listener, clients| {
            other_rooms::with_one_owner(listener, clients);
        },
    ),
    (
        "reads with a buffer of its own, byte by byte",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |mut stream, say| {
                        let (mut line, mut byte) = (Vec::new(), [0]);
                        loop {
                            if stream.read(&mut byte)? == 0 {
                                if !line.is_empty() {
                                    say(&line);
                                }
                                return Ok(());
                            }
                            if byte == *b"\n" {
                                say(&line);
                                line.clear();
                            } else if line.len() == MAX_LINE {
                                return Ok(());
                            } else {
                                line.push(byte[0]);
                            }
                        }
                    },
                    ..RIGHT
                },
            );
        },
    ),
];

const WRONG_ROOMS: &[Mistake<Chat>] = &[
    (
        "writes to all under the lock",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        let mut members = room.members();
                        members
                            .retain(|&number, member| number == from || member.write(line).is_ok());
                    },
                    ..RIGHT
                },
            );
        },
        "a write in the sender's thread or under the lock",
    ),
    (
        "writes to all in the sender's thread, without the lock",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        let streams: Vec<_> = {
                            let members = room.members();
                            let others = members.iter().filter(|(number, _)| **number != from);
                            others
                                .map(|(_, member)| Arc::clone(&member.stream))
                                .collect()
                        };
                        for stream in streams {
                            let _ = stream.as_ref().write_all(line);
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "a write in the sender's thread or under the lock",
    ),
    (
        "gives each write five seconds",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        let mut members = room.members();
                        members.retain(|&number, member| {
                            let _ = member
                                .stream
                                .set_write_timeout(Some(Duration::from_secs(5)));
                            if number == from || member.write(line).is_ok() {
                                return true;
                            }
                            let _ = member.stream.shutdown(Shutdown::Both);
                            false
                        });
                    },
                    ..RIGHT
                },
            );
        },
        "with a timeout or without",
    ),
    (
        "waits where a queue is full",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        let mut members = room.members();
                        members.retain(|&number, member| {
                            number == from || member.queue.send(line.to_vec()).is_ok()
                        });
                    },
                    ..RIGHT
                },
            );
        },
        "or a send into a full queue",
    ),
    (
        "has queues as good as endless",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    waiting: 10_000,
                    ..RIGHT
                },
            );
        },
        "its queue has no limit",
    ),
    (
        "drops the lines that find no room",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        for (number, member) in room.members().iter() {
                            if *number != from {
                                let _ = member.queue.try_send(line.to_vec());
                            }
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "lines that find no room are dropped",
    ),
    #[cfg(not(windows))] // there shutdown wakes nobody
    (
        "makes leave and wakes nobody",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        room.members().retain(|&number, member| {
                            number == from
                                || !matches!(
                                    member.queue.try_send(line.to_vec()),
                                    Err(TrySendError::Full(_))
                                )
                        });
                    },
                    ..RIGHT
                },
            );
        },
        "nothing wakes the threads that wait for it",
    ),
    #[cfg(not(windows))] // there shutdown wakes nobody
    (
        "wakes only the reader",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        room.members().retain(|&number, member| {
                            if number == from || member.queue.try_send(line.to_vec()).is_ok() {
                                return true;
                            }
                            let _ = member.stream.shutdown(Shutdown::Read);
                            false
                        });
                    },
                    leave: |room, number| {
                        room.members().remove(&number);
                    },
                    ..RIGHT
                },
            );
        },
        "in read and write, as shutdown(Shutdown::Both) does",
    ),
    (
        "has queues for five lines",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    waiting: 5,
                    ..RIGHT
                },
            );
        },
        "the queue is shorter",
    ),
    (
        "sends to the sender, too",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, _, line| right_say(room, usize::MAX, line),
                    ..RIGHT
                },
            );
        },
        "a line goes to its sender, too",
    ),
    (
        "passes on what a read gives",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |mut stream, say| {
                        let mut buffer = [0; MAX_LINE + 1];
                        loop {
                            match stream.read(&mut buffer)? {
                                0 => return Ok(()),
                                n => say(buffer[..n].trim_ascii_end()),
                            }
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "one read is taken for one line",
    ),
    (
        "takes lines for text",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| {
                        for line in BufReader::new(stream).lines() {
                            say(line?.as_bytes());
                        }
                        Ok(())
                    },
                    ..RIGHT
                },
            );
        },
        "the bytes were taken for text",
    ),
    (
        "trims the lines",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| right_read(stream, &mut |line| say(line.trim_ascii())),
                    ..RIGHT
                },
            );
        },
        "more than the '\\n' was cut off",
    ),
    (
        "skips empty lines",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| {
                        right_read(stream, &mut |line| {
                            if !line.is_empty() {
                                say(line);
                            }
                        })
                    },
                    ..RIGHT
                },
            );
        },
        "the empty one among them",
    ),
    (
        "collects a line for as long as it goes on",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| {
                        for line in BufReader::new(stream).split(b'\n') {
                            let line = line?;
                            if line.len() > MAX_LINE {
                                return Ok(());
                            }
                            say(&line);
                        }
                        Ok(())
                    },
                    ..RIGHT
                },
            );
        },
        "a line is collected for as long as it goes on",
    ),
    (
        "cuts a long line into several",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| {
                        let mut reader = BufReader::new(stream);
                        loop {
                            let mut line = Vec::new();
                            let limit = MAX_LINE as u64 + 1;
                            (&mut reader).take(limit).read_until(b'\n', &mut line)?;
                            if line.is_empty() {
                                return Ok(());
                            }
                            say(line.strip_suffix(b"\n").unwrap_or(&line));
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "a line is collected for as long as it goes on",
    ),
    (
        "forgets the last line",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| {
                        let mut reader = BufReader::new(stream);
                        loop {
                            let mut line = Vec::new();
                            let limit = MAX_LINE as u64 + 1;
                            (&mut reader).take(limit).read_until(b'\n', &mut line)?;
                            match line.strip_suffix(b"\n") {
                                Some(line) => say(line),
                                None => return Ok(()),
                            }
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "what came behind the last '\\n' is a line, too",
    ),
    (
        "does not take out who has left",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    leave: |_, _| {},
                    ..RIGHT
                },
            );
        },
        "is still in the room",
    ),
    (
        "numbers by how many are there",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    number: |room, _| room.members().len() + 1,
                    ..RIGHT
                },
            );
        },
        "or numbers are given twice",
    ),
    (
        "does not wait for its threads",
        |listener, clients| drop(start(listener, clients, RIGHT)),
        "the threads are not joined",
    ),
    (
        "has queues for 62 lines",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    waiting: 62,
                    ..RIGHT
                },
            );
        },
        "the queue is shorter",
    ),
    (
        "has queues for 500 lines",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    waiting: 500,
                    ..RIGHT
                },
            );
        },
        "or a greater one",
    ),
    (
        "passes each line on in two pieces, each under the lock",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    waiting: 2 * MAX_WAITING,
                    say: |room, from, line| {
                        let (number, rest) = line.split_at(2);
                        for piece in [number, rest] {
                            right_say(room, from, piece);
                            thread::yield_now();
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "a line goes out in pieces",
    ),
    (
        "has a thread for each line",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| {
                        let mut lines = Vec::new();
                        right_read(stream, &mut |line| {
                            lines.push(line.to_vec());
                            // The last one overtakes those before it.
                            if lines.len() == 2 || !more_comes(stream) {
                                for line in lines.drain(..).rev() {
                                    say(&line);
                                }
                            }
                        })
                    },
                    ..RIGHT
                },
            );
        },
        "lines overtake each other",
    ),
    (
        "takes a slow write for one that fails",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    greet: |stream| stream.set_write_timeout(Some(Duration::from_millis(120))),
                    ..RIGHT
                },
            );
        },
        "a write that takes long is taken for one that fails",
    ),
    (
        "lets newcomers in before they are greeted",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    greet: |_| {
                        thread::sleep(Duration::from_millis(1));
                        Ok(())
                    },
                    greets_late: true,
                    ..RIGHT
                },
            );
        },
        "the newcomer is in the room before its greeting",
    ),
    (
        "passes nothing on as a line",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| {
                        right_read(stream, say)?;
                        say(b"");
                        Ok(())
                    },
                    ..RIGHT
                },
            );
        },
        "and nothing is no line",
    ),
    (
        "allows lines of one byte less",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| {
                        let mut long = false;
                        right_read(stream, &mut |line| {
                            long |= line.len() >= MAX_LINE;
                            if !long {
                                say(line);
                            }
                        })
                    },
                    ..RIGHT
                },
            );
        },
        "a line may have 8192 bytes",
    ),
    (
        "ends with a panic when a client resets",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |stream, say| {
                        right_read(stream, say).or_else(|_| {
                            // As a lock that was poisoned would end the others.
                            for _ in 0..1000 {
                                say(b"it is gone");
                                thread::sleep(Duration::from_millis(1));
                            }
                            Ok(())
                        })
                    },
                    ..RIGHT
                },
            );
        },
        "one who is gone disturbs the others",
    ),
    (
        "unwraps accept",
        |listener, clients| {
            let mut first = true;
            chat_with(listener, clients, RIGHT, |listener| {
                if clients == 1 && std::mem::take(&mut first) {
                    return listener.accept().unwrap().0;
                }
                accept(listener)
            });
        },
        "your function panicked at",
    ),
    (
        "takes a failed accept for the last client",
        |listener, clients| {
            // Only in the scene in which it fails, only one client is awaited.
            if clients != 1 {
                chat(listener, clients, RIGHT);
            } else if let Ok((stream, _)) = listener.accept() {
                let _ = (&stream).write_all(b"you are 1\n");
                let _ = io::copy(&mut &stream, &mut io::sink());
            }
        },
        "or ends the connection loop",
    ),
    #[cfg(target_os = "linux")] // elsewhere nobody can see that it spins
    (
        "spins while accept fails",
        |listener, clients| {
            chat_with(listener, clients, RIGHT, |listener| {
                accept_after(listener, Duration::ZERO)
            });
        },
        "no pause before the next accept",
    ),
    (
        "has queues for 85 lines",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    waiting: 85,
                    ..RIGHT
                },
            );
        },
        "the queue is shorter",
    ),
    (
        "sends the first line of a talk to all but the first",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        let first = if from == 2 { 1 } else { from };
                        if line.len() > 1000 || from != 2 {
                            right_say(room, from, line);
                        } else {
                            right_say(room, first, line);
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "a line goes to its sender, too",
    ),
    (
        "makes the sender of a full queue leave",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        let mut members = room.members();
                        let full = members.iter().any(|(&number, member)| {
                            number != from && member.queue.try_send(line.to_vec()).is_err()
                        });
                        if full && let Some(member) = members.remove(&from) {
                            let _ = member.stream.shutdown(Shutdown::Both);
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "the one that speaks is made to leave",
    ),
    (
        "passes no line on while somebody leaves",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    say: |room, from, line| {
                        if let Ok(mut members) = room.0.try_lock() {
                            members.retain(|&number, member| {
                                number == from || member.queue.try_send(line.to_vec()).is_ok()
                            });
                        }
                    },
                    leave: |room, number| {
                        let mut members = room.members();
                        if let Some(member) = members.remove(&number) {
                            let _ = member.stream.shutdown(Shutdown::Both);
                            thread::sleep(Duration::from_millis(100)); // it has the room
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "a line is lost",
    ),
    #[cfg(not(windows))] // there shutdown wakes nobody
    (
        "wakes only the reader of one that leaves",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    leave: |room, number| {
                        if let Some(member) = room.members().remove(&number) {
                            let _ = member.stream.shutdown(Shutdown::Read);
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "the thread that waits for it in write needs shutdown(Shutdown::Both), too",
    ),
    (
        "takes a reset for the end",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    read: |mut stream, say| {
                        let (mut line, mut buffer) = (Vec::new(), [0; 512]);
                        loop {
                            let n = stream.read(&mut buffer).unwrap_or(0);
                            for &byte in &buffer[..n] {
                                if byte == b'\n' {
                                    say(&line);
                                    line.clear();
                                } else if line.len() == MAX_LINE {
                                    return Ok(());
                                } else {
                                    line.push(byte);
                                }
                            }
                            if n == 0 {
                                if !line.is_empty() {
                                    say(&line);
                                }
                                return Ok(());
                            }
                        }
                    },
                    ..RIGHT
                },
            );
        },
        "an error of read is taken for the end",
    ),
    (
        "gives each client a second for a write",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    greet: |stream| stream.set_write_timeout(Some(Duration::from_secs(1))),
                    ..RIGHT
                },
            );
        },
        "a timeout of write",
    ),
    (
        "takes all that waits out of the queue, to write it at once",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    writes_all: true,
                    ..RIGHT
                },
            );
        },
        "whoever writes takes many lines out at once",
    ),
    (
        "has queues for 120 lines",
        |listener, clients| {
            chat(
                listener,
                clients,
                Way {
                    waiting: 120,
                    ..RIGHT
                },
            );
        },
        "or a greater one",
    ),
    (
        "limits what waits by its bytes",
        |listener, clients| {
            let is_full = |lines: &VecDeque<Vec<u8>>| {
                lines.iter().map(Vec::len).sum::<usize>() > MAX_WAITING * MAX_LINE
            };
            other_rooms::with_conditions(listener, clients, is_full, false);
        },
        "or is limited by something else than the number of lines",
    ),
];

/// What is done with each line of a client.
type Say<'a> = &'a mut dyn FnMut(&[u8]);

/// How a room works. A mistake changes one thing of it.
#[derive(Clone, Copy)]
struct Way {
    waiting: usize,
    number: fn(&Room, usize) -> usize,
    read: fn(&TcpStream, Say) -> io::Result<()>,
    /// The line has its number and its end.
    say: fn(&Room, usize, &[u8]),
    leave: fn(&Room, usize),
    /// What is done with the stream before the greeting.
    greet: fn(&TcpStream) -> io::Result<()>,
    greets_late: bool,
    /// Whether all lines that wait are written at once.
    writes_all: bool,
}

const RIGHT: Way = Way {
    waiting: MAX_WAITING,
    number: |_, accepted| accepted,
    read: right_read,
    say: right_say,
    greet: |_| Ok(()),
    greets_late: false,
    writes_all: false,
    leave: |room, number| {
        if let Some(member) = room.members().remove(&number) {
            let _ = member.stream.shutdown(Shutdown::Both);
        }
    },
};

fn right_read(stream: &TcpStream, say: Say) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64 + 1;
        (&mut reader).take(limit).read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\n") {
            Some(line) => say(line),
            None if line.is_empty() || line.len() > MAX_LINE => return Ok(()),
            None => say(&line),
        }
    }
}

fn right_say(room: &Room, from: usize, line: &[u8]) {
    room.members().retain(|&number, member| {
        if number == from || member.queue.try_send(line.to_vec()).is_ok() {
            return true;
        }
        let _ = member.stream.shutdown(Shutdown::Both);
        false
    });
}

struct Member {
    queue: SyncSender<Vec<u8>>,
    stream: Arc<TcpStream>,
}

impl Member {
    fn write(&self, line: &[u8]) -> io::Result<()> {
        self.stream.as_ref().write_all(line)
    }
}

#[derive(Default)]
struct Room(Mutex<HashMap<usize, Member>>);

impl Room {
    fn members(&self) -> MutexGuard<'_, HashMap<usize, Member>> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

fn chat(listener: &TcpListener, clients: usize, way: Way) {
    join_all(start(listener, clients, way));
}

fn start(listener: &TcpListener, clients: usize, way: Way) -> Vec<JoinHandle<()>> {
    start_with(listener, clients, way, accept)
}

/// With another way to accept.
fn chat_with(
    listener: &TcpListener,
    clients: usize,
    way: Way,
    accept: impl FnMut(&TcpListener) -> TcpStream,
) {
    join_all(start_with(listener, clients, way, accept));
}

/// Whether more has come already, or comes within a moment.
fn more_comes(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).is_ok_and(|()| {
        let more = stream.peek(&mut [0]).is_ok_and(|n| n > 0);
        stream.set_nonblocking(false).is_ok() && more
    })
}

fn start_with(
    listener: &TcpListener,
    clients: usize,
    way: Way,
    mut accept: impl FnMut(&TcpListener) -> TcpStream,
) -> Vec<JoinHandle<()>> {
    let room = Arc::new(Room::default());
    let mut threads = Vec::new();
    for accepted in 1..=clients {
        let stream = Arc::new(accept(listener));
        let number = (way.number)(&room, accepted);
        let (queue, lines) = mpsc::sync_channel::<Vec<u8>>(way.waiting);
        let greeting = format!("you are {number}\n").into_bytes();
        let theirs = Arc::clone(&stream);
        let member = Member {
            queue: queue.clone(),
            stream: Arc::clone(&stream),
        };
        if way.greets_late {
            room.members().insert(number, member);
            let _ = (way.greet)(&stream);
            let _ = queue.try_send(greeting);
        } else {
            let _ = (way.greet)(&stream);
            let _ = queue.try_send(greeting);
            room.members().insert(number, member);
        }
        drop(queue);
        threads.push(thread::spawn(move || {
            while let Ok(mut line) = lines.recv() {
                if way.writes_all {
                    line.extend(lines.try_iter().flatten());
                }
                if theirs.as_ref().write_all(&line).is_err() {
                    let _ = theirs.shutdown(Shutdown::Both);
                }
            }
        }));
        let room = Arc::clone(&room);
        threads.push(thread::spawn(move || {
            let _ = (way.read)(&stream, &mut |line| {
                let line = [format!("{number}: ").as_bytes(), line, b"\n"].concat();
                (way.say)(&room, number, &line);
            });
            (way.leave)(&room, number);
        }));
    }
    threads
}
