//! Chat rooms that are right, in other styles than the solution's.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use threaded_server::MAX_LINE;
use threaded_server::contract::MAX_WAITING;

fn accept(listener: &TcpListener) -> TcpStream {
    let mut accepted = listener.incoming();
    loop {
        match accepted.next() {
            Some(Ok(stream)) => return stream,
            _ => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// The lines of a client, one after another; the last one may lack its end.
fn lines(stream: &TcpStream) -> impl Iterator<Item = Vec<u8>> {
    let mut reader = BufReader::with_capacity(512, stream);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64 + 1;
        let read = reader.by_ref().take(limit).read_until(b'\n', &mut line);
        let end = line.pop_if(|byte| *byte == b'\n').is_some();
        let whole = read.is_ok() && (end || !line.is_empty()) && line.len() <= MAX_LINE;
        whole.then_some(line)
    })
}

/// What waits for one client.
#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    gone: bool,
}

struct Seat {
    number: usize,
    stream: TcpStream,
    waiting: Mutex<Waiting>,
    changed: Condvar,
    is_full: IsFull,
}

/// Whether one more line has no room.
type IsFull = fn(&VecDeque<Vec<u8>>) -> bool;

/// As it should be.
pub const BY_LINES: IsFull = |lines| lines.len() >= MAX_WAITING;

impl Seat {
    fn give(&self, line: Vec<u8>) {
        let mut waiting = self.waiting.lock().unwrap();
        if (self.is_full)(&waiting.lines) {
            waiting.gone = true;
        }
        if waiting.gone {
            waiting.lines.clear();
            let _ = self.stream.shutdown(Shutdown::Both);
        } else {
            waiting.lines.push_back(line);
        }
        self.changed.notify_one();
    }

    fn leave(&self) {
        self.waiting.lock().unwrap().gone = true;
        self.changed.notify_one();
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn is_gone(&self) -> bool {
        self.waiting.lock().unwrap().gone
    }

    /// Writes what waits. A line that is being written still counts as one that waits, or not.
    fn write(&self, counts: bool) {
        loop {
            let waiting = self.waiting.lock().unwrap();
            let idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.gone;
            let mut waiting = self.changed.wait_while(waiting, idle).unwrap();
            let next = match counts {
                true => waiting.lines.front().cloned(),
                false => waiting.lines.pop_front(),
            };
            let Some(line) = next.filter(|_| !waiting.gone) else {
                return;
            };
            drop(waiting);
            if (&self.stream).write_all(&line).is_err() {
                self.leave();
            }
            if counts {
                self.waiting.lock().unwrap().lines.pop_front();
            }
        }
    }
}

/// A list under a lock, and for each client a queue with a condition to wait for. `counts` says
/// whether the line that is being written counts as one that waits.
pub fn with_conditions(listener: &TcpListener, clients: usize, is_full: IsFull, counts: bool) {
    let seats: Mutex<Vec<Arc<Seat>>> = Mutex::default();
    let seats = &seats;
    thread::scope(|scope| {
        for number in 1..=clients {
            let seat = Arc::new(Seat {
                number,
                stream: accept(listener),
                waiting: Mutex::default(),
                changed: Condvar::new(),
                is_full,
            });
            seat.give(format!("you are {number}\n").into_bytes());
            seats.lock().unwrap().push(Arc::clone(&seat));
            let writer = Arc::clone(&seat);
            scope.spawn(move || writer.write(counts));
            scope.spawn(move || {
                for line in lines(&seat.stream) {
                    let line = [format!("{number}: ").as_bytes(), &line, b"\n"].concat();
                    let mut seats = seats.lock().unwrap();
                    let others = seats.iter().filter(|other| other.number != number);
                    others.for_each(|other| other.give(line.clone()));
                    seats.retain(|seat| !seat.is_gone());
                }
                seat.leave();
                seats.lock().unwrap().retain(|seat| !seat.is_gone());
            });
        }
    });
}

/// The lines that wait for one client.
type Queue = SyncSender<Arc<Vec<u8>>>;

/// What happens in a room.
enum Event {
    Enters(usize, Arc<TcpStream>),
    Says(usize, Vec<u8>),
    Leaves(usize),
}

/// One thread has the room, without a lock; the others tell it what happens.
pub fn with_one_owner(listener: &TcpListener, clients: usize) {
    let (tell, events) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut room: HashMap<usize, (Queue, Arc<TcpStream>)> = HashMap::new();
            let mut left = 0;
            while left < clients {
                match events
                    .recv()
                    .expect("readers tell when their clients leave")
                {
                    Event::Enters(number, stream) => {
                        let (queue, lines) = mpsc::sync_channel::<Arc<Vec<u8>>>(MAX_WAITING);
                        let _ = queue.send(Arc::new(format!("you are {number}\n").into_bytes()));
                        room.insert(number, (queue, Arc::clone(&stream)));
                        scope.spawn(move || {
                            for line in lines {
                                if (&*stream).write_all(&line).is_err() {
                                    break;
                                }
                            }
                            let _ = stream.shutdown(Shutdown::Both); // the reader tells
                        });
                    }
                    Event::Says(number, line) => {
                        if !room.contains_key(&number) {
                            continue;
                        }
                        let line = [format!("{number}: ").as_bytes(), &line, b"\n"].concat();
                        let line = Arc::new(line);
                        room.retain(|other, (queue, stream)| {
                            let fits =
                                *other == number || queue.try_send(Arc::clone(&line)).is_ok();
                            if !fits {
                                let _ = stream.shutdown(Shutdown::Both);
                            }
                            fits
                        });
                    }
                    Event::Leaves(number) => {
                        if let Some((_, stream)) = room.remove(&number) {
                            let _ = stream.shutdown(Shutdown::Both);
                        }
                        left += 1;
                    }
                }
            }
        });
        for number in 1..=clients {
            let stream = Arc::new(accept(listener));
            let tell: Sender<Event> = tell.clone();
            let _ = tell.send(Event::Enters(number, Arc::clone(&stream)));
            scope.spawn(move || {
                for line in lines(&stream) {
                    let _ = tell.send(Event::Says(number, line));
                }
                drop(stream);
                let _ = tell.send(Event::Leaves(number));
            });
        }
    });
}
