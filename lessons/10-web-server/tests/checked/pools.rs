//! Other ways to solve exercise 10.3, right ones and wrong ones.

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use web_server::contract::{BUSY, FAREWELL, Handler, Pool};

fn drain(mut stream: &TcpStream) {
    let end = Instant::now() + FAREWELL;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let left = left.max(Duration::from_millis(1));
        let _ = stream.set_read_timeout(Some(left));
        if !matches!(stream.read(&mut [0; 1000]), Ok(1..)) {
            break;
        }
    }
}

fn turn_away(mut stream: TcpStream) -> JoinHandle<()> {
    let _ = stream.write_all(BUSY);
    let _ = stream.shutdown(Shutdown::Write);
    thread::spawn(move || drain(&stream))
}

fn run(handle: &Handler, stream: &TcpStream, panicked: &AtomicUsize) {
    if panic::catch_unwind(AssertUnwindSafe(|| handle(stream))).is_err() {
        panicked.fetch_add(1, Ordering::SeqCst);
    }
}

/// A channel that all threads share, and a count of all who are there.
struct Channel {
    count: Arc<AtomicUsize>,
    most: usize,
    jobs: Option<Sender<TcpStream>>,
    here: Arc<Mutex<HashMap<usize, TcpStream>>>,
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    panicked: Arc<AtomicUsize>,
}

pub fn by_channel(workers: usize, waiting: usize, handle: Handler) -> Box<dyn Pool> {
    let (jobs, receiver) = mpsc::channel::<TcpStream>();
    let receiver = Arc::new(Mutex::new(receiver));
    let mut pool = Channel {
        count: Arc::default(),
        most: workers + waiting,
        jobs: Some(jobs),
        here: Arc::default(),
        stopped: Arc::default(),
        threads: Vec::new(),
        panicked: Arc::default(),
    };
    for worker in 0..workers {
        let receiver = Arc::clone(&receiver);
        let (count, here) = (Arc::clone(&pool.count), Arc::clone(&pool.here));
        let (stopped, panicked) = (Arc::clone(&pool.stopped), Arc::clone(&pool.panicked));
        let handle = Arc::clone(&handle);
        pool.threads.push(thread::spawn(move || {
            loop {
                let job = receiver.lock().expect("no panic").recv();
                let Ok(stream) = job else { return };
                let clone = stream.try_clone().expect("it can be cloned");
                let mut map = here.lock().expect("no panic");
                if stopped.load(Ordering::SeqCst) {
                    drop(map);
                    let _ = turn_away(stream).join();
                    continue;
                }
                map.insert(worker, clone);
                drop(map);
                run(&handle, &stream, &panicked);
                here.lock().expect("no panic").remove(&worker);
                count.fetch_sub(1, Ordering::SeqCst);
            }
        }));
    }
    Box::new(pool)
}

impl Pool for Channel {
    fn take(&mut self, stream: TcpStream) {
        if self.count.fetch_add(1, Ordering::SeqCst) < self.most {
            let jobs = self.jobs.as_ref().expect("it is not stopped");
            jobs.send(stream).expect("the threads are there");
        } else {
            self.count.fetch_sub(1, Ordering::SeqCst);
            self.threads.push(turn_away(stream));
        }
    }

    fn stop(mut self: Box<Self>) -> usize {
        let here = self.here.lock().expect("no panic");
        self.stopped.store(true, Ordering::SeqCst);
        for stream in here.values() {
            let _ = stream.shutdown(Shutdown::Read);
        }
        drop(here);
        self.jobs = None;
        for thread in self.threads {
            let _ = thread.join();
        }
        self.panicked.load(Ordering::SeqCst)
    }
}

/// A thread that manages: everything is a message to it.
struct Managed {
    messages: Sender<Message>,
    manager: JoinHandle<usize>,
}

enum Message {
    Job(TcpStream),
    Ended(usize, bool),
    Stop,
}

pub fn with_a_manager(workers: usize, waiting: usize, handle: Handler) -> Box<dyn Pool> {
    let (messages, inbox) = mpsc::channel();
    let outbox = messages.clone();
    let manager = thread::spawn(move || manage(workers, waiting, &handle, &inbox, &outbox));
    Box::new(Managed { messages, manager })
}

fn manage(
    workers: usize,
    waiting: usize,
    handle: &Handler,
    inbox: &Receiver<Message>,
    outbox: &Sender<Message>,
) -> usize {
    let mut free: Vec<usize> = (0..workers).collect();
    let mut busy: HashMap<usize, Arc<TcpStream>> = HashMap::new();
    let mut queue = VecDeque::new();
    let mut farewells = Vec::new();
    let (mut panicked, mut stopped) = (0, false);
    let desks: Vec<Sender<Arc<TcpStream>>> = (0..workers)
        .map(|worker| {
            let (desk, jobs) = mpsc::channel::<Arc<TcpStream>>();
            let (handle, outbox) = (Arc::clone(handle), outbox.clone());
            thread::spawn(move || {
                for stream in jobs {
                    let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(&stream)));
                    drop(stream);
                    let _ = outbox.send(Message::Ended(worker, handled.is_err()));
                }
            });
            desk
        })
        .collect();
    while !stopped || !busy.is_empty() {
        match inbox.recv().expect("we have a sender ourselves") {
            Message::Job(stream) if queue.len() < waiting || !free.is_empty() => {
                queue.push_back(stream);
            }
            Message::Job(stream) => farewells.push(turn_away(stream)),
            Message::Ended(worker, in_panic) => {
                busy.remove(&worker);
                free.push(worker);
                panicked += usize::from(in_panic);
            }
            Message::Stop => {
                stopped = true;
                farewells.extend(queue.drain(..).map(turn_away));
                for stream in busy.values() {
                    let _ = stream.shutdown(Shutdown::Read);
                }
            }
        }
        while !free.is_empty() && !queue.is_empty() {
            let worker = free.pop().expect("it is not empty");
            let stream = Arc::new(queue.pop_front().expect("it is not empty"));
            busy.insert(worker, Arc::clone(&stream));
            let _ = desks[worker].send(stream);
        }
    }
    for farewell in farewells {
        let _ = farewell.join();
    }
    panicked
}

impl Pool for Managed {
    fn take(&mut self, stream: TcpStream) {
        let _ = self.messages.send(Message::Job(stream));
    }

    fn stop(self: Box<Self>) -> usize {
        let _ = self.messages.send(Message::Stop);
        self.manager.join().expect("the manager does not panic")
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    None,
    LockHeld,
    CountsQueueAlone,
    NoLimit,
    OffByOne,
    OneMore,
    ThreadEach,
    Stack,
    DiesInPanic,
    PanicKeepsPlace,
    NoWord,
    NoDrain,
    DrainsInTake,
    DrainsForEver,
    WaitsInTake,
    KeepsStreams,
    HangsOnIdle,
    ShutsBoth,
    ServesTheQueue,
    DropsTheQueue,
    DoesNotJoin,
    CountsNothing,
    CountsTwice,
    KeepsThePanicked,
    ForgetsWhoWaits,
    TellsInTurn,
}

#[derive(Default)]
struct State {
    queue: VecDeque<TcpStream>,
    at_work: usize,
    here: Vec<Option<TcpStream>>,
    panicked: usize,
    stopped: bool,
}

struct Faulty {
    bug: Bug,
    workers: usize,
    waiting: usize,
    shared: Arc<(Mutex<State>, Condvar)>,
    serial: Arc<Mutex<()>>,
    handle: Handler,
    threads: Vec<JoinHandle<()>>,
    doorman: Option<Sender<TcpStream>>,
}

/// Threads that are started when they are needed, each for as long as somebody waits; and a mistake.
pub fn faulty(workers: usize, waiting: usize, handle: Handler, bug: Bug) -> Box<dyn Pool> {
    Box::new(Faulty {
        bug,
        workers,
        waiting,
        shared: Arc::default(),
        serial: Arc::default(),
        handle,
        threads: Vec::new(),
        doorman: None,
    })
}

impl Faulty {
    fn send_away(&mut self, mut stream: TcpStream) {
        match self.bug {
            Bug::NoWord => {}
            Bug::NoDrain => drop(stream.write_all(BUSY)),
            Bug::DrainsInTake => drop(turn_away(stream).join()),
            Bug::DrainsForEver => {
                let _ = stream.write_all(BUSY);
                let _ = stream.shutdown(Shutdown::Write);
                self.threads.push(thread::spawn(move || {
                    while let Ok(1..) = stream.read(&mut [0; 100]) {}
                }));
            }
            Bug::TellsInTurn => {
                let doorman = self.doorman.get_or_insert_with(|| {
                    let (doorman, come) = mpsc::channel::<TcpStream>();
                    self.threads.push(thread::spawn(move || {
                        for stream in come {
                            let _ = turn_away(stream).join();
                        }
                    }));
                    doorman
                });
                let _ = doorman.send(stream);
            }
            _ => self.threads.push(turn_away(stream)),
        }
    }

    fn start_thread(&mut self, first: TcpStream) {
        let (shared, handle) = (Arc::clone(&self.shared), Arc::clone(&self.handle));
        let serial = Arc::clone(&self.serial);
        let bug = self.bug;
        self.threads.push(thread::spawn(move || {
            let mut stream = first;
            loop {
                let mut index = 0;
                if let Ok(clone) = stream.try_clone() {
                    let mut state = shared.0.lock().expect("no panic");
                    index = state.here.len();
                    state.here.push(Some(clone));
                }
                let lock = (bug == Bug::LockHeld).then(|| serial.lock().expect("no panic"));
                let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(&stream)));
                drop(lock);
                let mut state = shared.0.lock().expect("no panic");
                let died = handled.is_err();
                let keeps = bug == Bug::KeepsStreams || died && bug == Bug::KeepsThePanicked;
                if !keeps {
                    state.here[index] = None;
                }
                state.panicked += match bug {
                    _ if !died => 0,
                    Bug::CountsNothing => 0,
                    Bug::CountsTwice => 2,
                    _ => 1,
                };
                drop(stream);
                if died && matches!(bug, Bug::PanicKeepsPlace | Bug::DiesInPanic) {
                    return; // and its place is lost
                }
                let next = match bug {
                    Bug::Stack => state.queue.pop_back(),
                    Bug::ForgetsWhoWaits => None,
                    _ => state.queue.pop_front(),
                };
                let Some(next) = next else {
                    state.at_work -= 1;
                    shared.1.notify_all();
                    return;
                };
                stream = next;
            }
        }));
    }
}

impl Pool for Faulty {
    fn take(&mut self, stream: TcpStream) {
        let mut state = self.shared.0.lock().expect("no panic");
        if self.bug == Bug::CountsQueueAlone {
            // A queue of so many, and threads that come to it a moment later.
            if state.queue.len() >= self.waiting {
                drop(state);
                return self.send_away(stream);
            }
            state.queue.push_back(stream);
            drop(state);
            let (shared, handle) = (Arc::clone(&self.shared), Arc::clone(&self.handle));
            let workers = self.workers;
            self.threads.push(thread::spawn(move || {
                thread::sleep(Duration::from_millis(5)); // as on a busy machine
                let state = shared.0.lock().expect("no panic");
                let full = |s: &mut State| s.at_work >= workers;
                let mut state = shared.1.wait_while(state, full).expect("no panic");
                let Some(stream) = state.queue.pop_front() else {
                    return;
                };
                state.at_work += 1;
                drop(state);
                run(&handle, &stream, &AtomicUsize::new(0));
                drop(stream);
                shared.0.lock().expect("no panic").at_work -= 1;
                shared.1.notify_all();
            }));
            return;
        }
        let workers = match self.bug {
            Bug::ThreadEach => self.workers + self.waiting,
            _ => self.workers,
        };
        if state.at_work < workers {
            state.at_work += 1;
            drop(state);
            return self.start_thread(stream);
        }
        let most = match self.bug {
            Bug::NoLimit => usize::MAX,
            Bug::OffByOne => self.waiting - 1,
            Bug::OneMore => self.waiting + 1,
            _ => self.waiting,
        };
        if state.queue.len() < most {
            state.queue.push_back(stream);
            return;
        }
        if self.bug == Bug::WaitsInTake {
            let full = |s: &mut State| s.queue.len() >= most && s.at_work >= workers;
            let mut state = self.shared.1.wait_while(state, full).expect("no panic");
            state.queue.push_back(stream);
            return;
        }
        drop(state);
        self.send_away(stream);
    }

    fn stop(mut self: Box<Self>) -> usize {
        let mut state = self.shared.0.lock().expect("no panic");
        state.stopped = true;
        let queue = match self.bug {
            Bug::ServesTheQueue => VecDeque::new(),
            _ => std::mem::take(&mut state.queue),
        };
        let how = match self.bug {
            Bug::ShutsBoth => Shutdown::Both,
            _ => Shutdown::Read,
        };
        if self.bug != Bug::HangsOnIdle {
            for stream in state.here.iter().flatten() {
                let _ = stream.shutdown(how);
            }
        }
        drop(state);
        if self.bug != Bug::DropsTheQueue {
            for stream in queue {
                self.send_away(stream);
            }
        }
        self.doorman = None;
        if self.bug != Bug::DoesNotJoin {
            for thread in self.threads {
                let _ = thread.join();
            }
        }
        self.shared.0.lock().expect("no panic").panicked
    }
}
