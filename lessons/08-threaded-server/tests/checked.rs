//! The checks of lesson 8, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use checks::{Chat, Serve, ServeAtMost};
use course::exercise::prove;
use threaded_server::{FULL, Handler, MAX_LINE, MAX_WAITING};

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_8_1_is_proved() {
    allow_many_files();
    let skeleton = (SOURCE, "8.1 ", exercise::serve as Serve);
    prove(
        checks::serve,
        skeleton,
        solution::serve,
        &[
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
                |listener, clients, handle| {
                    let (sender, streams) = mpsc::channel::<TcpStream>();
                    let streams = Arc::new(Mutex::new(streams));
                    let panics = Arc::new(AtomicUsize::new(0));
                    let workers = (0..8).map(|_| {
                        let (streams, handle) = (Arc::clone(&streams), Arc::clone(&handle));
                        let panics = Arc::clone(&panics);
                        thread::spawn(move || {
                            while let Some(stream) = next(&streams) {
                                let handled =
                                    panic::catch_unwind(AssertUnwindSafe(|| handle(stream)));
                                if handled.is_err() {
                                    panics.fetch_add(1, Ordering::SeqCst);
                                }
                            }
                        })
                    });
                    let workers = workers.collect();
                    for _ in 0..clients {
                        let _ = sender.send(accept(listener));
                    }
                    drop(sender);
                    join_all(workers);
                    panics.load(Ordering::SeqCst)
                },
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
                "a scoped thread panicked",
            ),
            (
                "does not count the panics",
                |listener, clients, handle| {
                    let threads = (0..clients).map(|_| spawn(&handle, accept(listener)));
                    join_all(threads.collect());
                    0
                },
                "expected 4 panics, you returned 0",
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
            (
                "spins while accept fails",
                |listener, clients, handle| {
                    let streams = listener.incoming().filter_map(Result::ok).take(clients);
                    join_all(streams.map(|stream| spawn(&handle, stream)).collect())
                },
                "no pause before the next accept",
            ),
        ],
    );
}

/// All the mistakes together need more open files than many systems allow by default.
fn allow_many_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit).expect("anybody may raise it up to the maximum");
    }
}

/// The next client, as it should be accepted.
fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return stream,
            Err(_) => thread::sleep(Duration::from_millis(100)),
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
    allow_many_files();
    let skeleton = (SOURCE, "8.2 ", exercise::serve_at_most as ServeAtMost);
    prove(
        checks::serve_at_most,
        skeleton,
        solution::serve_at_most,
        &[
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
                |listener, clients, places, handle| {
                    turn_away(listener, clients, places, &handle, drop)
                },
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
                "clients were turned away, you returned 0",
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
        ],
    );
}

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
    let skeleton = (SOURCE, "8.3 ", exercise::chat as Chat);
    prove(
        checks::chat,
        skeleton,
        solution::chat,
        &[
            (
                "writes to all under the lock",
                |listener, clients| {
                    chat(
                        listener,
                        clients,
                        Way {
                            say: |room, from, line| {
                                let mut members = room.members();
                                members.retain(|&number, member| {
                                    number == from || member.write(line).is_ok()
                                });
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
                                    let others =
                                        members.iter().filter(|(number, _)| **number != from);
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
                "gives each write a second",
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
                                        .set_write_timeout(Some(Duration::from_secs(1)));
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
                "or lines are dropped instead",
            ),
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
            (
                "wakes only the reader",
                |listener, clients| {
                    chat(
                        listener,
                        clients,
                        Way {
                            say: |room, from, line| {
                                room.members().retain(|&number, member| {
                                    if number == from
                                        || member.queue.try_send(line.to_vec()).is_ok()
                                    {
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
                            read: |stream, say| {
                                right_read(stream, &mut |line| say(line.trim_ascii()))
                            },
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
        ],
    );
}

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
}

const RIGHT: Way = Way {
    waiting: MAX_WAITING,
    number: |_, accepted| accepted,
    read: right_read,
    say: right_say,
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
    let room = Arc::new(Room::default());
    let mut threads = Vec::new();
    for accepted in 1..=clients {
        let stream = Arc::new(accept(listener));
        let number = (way.number)(&room, accepted);
        let (queue, lines) = mpsc::sync_channel::<Vec<u8>>(way.waiting);
        let _ = queue.try_send(format!("you are {number}\n").into_bytes());
        let theirs = Arc::clone(&stream);
        let member = Member {
            queue,
            stream: Arc::clone(&stream),
        };
        room.members().insert(number, member);
        threads.push(thread::spawn(move || {
            for line in lines {
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
