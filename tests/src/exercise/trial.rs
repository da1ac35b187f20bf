use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, Once};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::attempt::{Attempt, Thread};
use super::fault::{Fault, Step, Time, Verdict};
use super::pace::{self, Limit, Pace, Since};
use super::patience::WAIT;
use super::patience::{LAST_NOTES, MODE, Mode, Patience};
use super::peer::Peer;
use crate::reserved::Reserved;

/// Runs a check.
///
/// Where something did not happen in time and the machine stalled meanwhile, nothing is known: it
/// is run again, with more patience.
pub fn check(steps: impl Fn(&Trial) -> Step + Send + Sync + 'static) -> Verdict {
    pace::watch();
    let steps: Arc<Steps> = Arc::new(steps);
    let mode = MODE.get();
    let mut verdict = Verdict::NotStarted;
    for &stretch in mode.tries() {
        let started = Instant::now();
        let patience = Patience::new(mode, stretch);
        let (wait, notes) = (patience.wait, Arc::clone(&patience.notes));
        LAST_NOTES.set(Arc::clone(&notes));
        verdict = run(Arc::clone(&steps), patience);
        let Verdict::Wrong(fault) = &mut verdict else {
            return verdict;
        };
        if fault.time != Time::Spoilt {
            let pace = Since::moment(started);
            let late = fault.time == Time::Late || notes.has_run_out();
            if !late || (pace.slowness < 2.0 && pace.stall < wait / 4) {
                return verdict;
            }
        }
        fault.time = Time::Spoilt;
    }
    match verdict {
        Verdict::Wrong(fault) if mode == Mode::Learner => Verdict::Wrong(too_busy(&fault)),
        verdict => verdict,
    }
}

/// Nothing is said of a cause, since nothing is known.
fn too_busy(seen: &Fault) -> Fault {
    Fault::new(format!(
        "this machine was too busy to tell: things took several times longer than they should, and \
         the check was tried again and again. Try it when less is going on; if nothing else runs, \
         your function itself may keep the processor busy\nwhat the check saw: {}",
        seen.what
    ))
}

type Steps = dyn Fn(&Trial) -> Step + Send + Sync;

fn run(steps: Arc<Steps>, patience: Patience) -> Verdict {
    let (report, reports) = mpsc::channel();
    let end = patience.end;
    let trial = Trial {
        patience,
        report: report.clone(),
        ports: Mutex::default(),
    };
    thread::spawn(move || {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| steps(&trial)));
        if !matches!(outcome, Ok(Ok(()))) {
            trial.keep_last_port();
        }
        let _ = report.send(Report::Outcome(outcome.ok()));
    });

    // The steps have deadlines of their own; a little more is for a busy machine.
    let deadline = end + WAIT;
    let mut panicked: Option<Panic> = None;
    let outcome = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match reports.recv_timeout(left) {
            Ok(Report::Panicked(panic)) if panic.message.starts_with("not yet implemented") => {
                return Verdict::NotStarted;
            }
            Ok(Report::Panicked(panic)) => {
                panicked.get_or_insert(panic);
            }
            Ok(Report::Outcome(outcome)) => break Some(outcome),
            Err(_) => break None,
        }
    };
    match (panicked, outcome) {
        (Some(panic), outcome) => {
            let mut fault = Fault::new(format!("your function panicked at {panic}"));
            // What the steps saw says when that was, and they know where to read about it.
            if let Some(Some(Err(seen))) = outcome {
                fault.what = format!("{}\nwhat the check saw: {}", fault.what, seen.what);
                fault.read = seen.read;
            }
            Verdict::Wrong(fault.cause(if panic.message.contains("capacity overflow") {
                "memory was asked for as much as a number says, and the number is from a stranger"
            } else {
                "an unwrap, an expect, an index or a slice that trusts the peer, or the system"
            }))
        }
        (None, Some(Some(Ok(())))) => Verdict::Solved,
        (None, Some(Some(Err(fault)))) => Verdict::Wrong(with_strays(fault)),
        (None, Some(None)) => {
            Verdict::Wrong(Fault::new("the check itself panicked: this is our bug"))
        }
        (None, None) => Verdict::Wrong(with_strays(Fault::new("the check was not done")).late()),
    }
}

/// One run of a check.
pub struct Trial {
    pub(super) patience: Patience,
    report: Sender<Report>,
    ports: Mutex<VecDeque<Reserved>>,
}

/// What the threads of a check tell.
enum Report {
    /// The learner's function has panicked.
    Panicked(Panic),
    /// The steps are done; `None` if they panicked themselves.
    Outcome(Option<Step>),
}

#[derive(Clone)]
struct Panic {
    place: String,
    message: String,
}

impl std::fmt::Display for Panic {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        // A path into the standard library is no help, and not on the learner's disk.
        match self.place.contains("/library/") {
            true => write!(f, "a call of the standard library: {}", self.message),
            false => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

thread_local! {
    /// Where a learner's function that runs in this thread reports its panic.
    static REPORT_TO: RefCell<Option<Sender<Report>>> = const { RefCell::new(None) };
}

/// Panics in threads that a learner's code has started itself. Nobody can tell of which exercise.
static STRAYS: Mutex<Vec<Panic>> = Mutex::new(Vec::new());

fn strays() -> MutexGuard<'static, Vec<Panic>> {
    STRAYS.lock().unwrap_or_else(|e| e.into_inner())
}

/// Tells with a fault that threads of the learner's own have panicked.
fn with_strays(mut fault: Fault) -> Fault {
    for panic in strays().iter() {
        fault.what += &format!("\na thread that you started panicked at {panic}");
    }
    fault
}

/// Panics of the learners' functions are kept for the verdict. They are reported before anything
/// is dropped, so a check that sees the sockets close can already know why.
fn keep_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let mut file = info
                .location()
                .map_or_else(String::new, |place| place.file().to_owned());
            if cfg!(windows) {
                file = file.replace('\\', "/"); // as the pages write paths
            }
            let place = info.location().map_or(0, |place| place.line());
            let panic = Panic {
                place: format!("{file}:{place}"),
                message: info.payload_as_str().unwrap_or("no message").to_owned(),
            };
            if let Some(report_to) = REPORT_TO.with_borrow(Clone::clone) {
                let _ = report_to.send(Report::Panicked(panic));
            } else if is_a_learners(&file) && strays().len() < 3 {
                strays().push(panic);
            } else {
                usual(info);
            }
        }));
    });
}

/// Whether code lies in the file of a lesson in which learners write.
fn is_a_learners(file: &str) -> bool {
    file.contains("lessons") && file.ends_with("exercise.rs")
}

impl Trial {
    /// A listener on a free port of 127.0.0.1, and its address.
    ///
    /// The port stays this check's own for a while: where a function has dropped its listener too
    /// early, the next client of this check does not come to another check's listener.
    pub fn listen(&self) -> Step<(TcpListener, SocketAddr)> {
        let listen = || {
            // Elsewhere no listener gets a reserved port.
            if cfg!(not(target_os = "linux")) {
                return listen_anywhere();
            }
            let mut reserved = Reserved::new()?;
            reserved.give_up_udp();
            let addr = reserved.addr();
            let listener = TcpListener::bind(addr)?;
            let mut ports = self.ports.lock().unwrap_or_else(|e| e.into_inner());
            ports.push_back(reserved);
            if ports.len() > 4 {
                ports.pop_front(); // each is an open file
            }
            Ok((listener, addr))
        };
        listen().map_err(no_port)
    }

    /// The same; each connection that it accepts has buffers of about so many bytes, in each
    /// direction. See [`connect_with_buffers`](Trial::connect_with_buffers).
    pub fn listen_with_buffers(&self, bytes: usize) -> Step<(TcpListener, SocketAddr)> {
        let (listener, addr) = self.listen()?;
        // What is accepted has the listener's sizes.
        set_buffers(socket2::SockRef::from(&listener), bytes).map_err(no_buffers)?;
        Ok((listener, addr))
    }

    /// Keeps the port of the last listener for good. A wrong function may still be connecting to it
    /// when the check is over, and must not come to a server of another test.
    fn keep_last_port(&self) {
        let mut ports = self.ports.lock().unwrap_or_else(|e| e.into_inner());
        std::mem::forget(ports.pop_back());
    }

    /// Runs a learner's function in a thread of its own.
    pub fn start<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> Attempt<T> {
        keep_panics();
        let (sender, result) = mpsc::channel();
        let (thread_sender, thread) = mpsc::channel();
        let report = self.report.clone();
        thread::spawn(move || {
            REPORT_TO.set(Some(report));
            let _ = thread_sender.send(Thread::this());
            if let Ok(result) = panic::catch_unwind(AssertUnwindSafe(function)) {
                let _ = sender.send(result);
            }
        });
        Attempt {
            result,
            returned: RefCell::new(None),
            patience: self.patience.clone(),
            thread: thread.recv().ok().flatten(),
        }
    }

    /// A connection: the check's side, and the side for the learner's function.
    pub fn pair(&self) -> Step<(Peer, TcpStream)> {
        let (listener, addr) = listen_anywhere().map_err(no_port)?;
        accept_queued(&listener, self.connect(addr)?)
    }

    /// The same, with buffers of about so many bytes at both ends, in each direction. See
    /// [`connect_with_buffers`](Trial::connect_with_buffers).
    pub fn pair_with_buffers(&self, bytes: usize) -> Step<(Peer, TcpStream)> {
        let (listener, addr) = listen_anywhere().map_err(no_port)?;
        set_buffers(socket2::SockRef::from(&listener), bytes).map_err(no_buffers)?;
        accept_queued(&listener, self.connect_with_buffers(addr, bytes)?)
    }

    /// A pair that shows how the function writes: each of its writes is a read of the check, of just
    /// those bytes. They are sockets of this machine (SOCK_SEQPACKET), which a stream can be made of;
    /// what is special to TCP, such as its options, fails on them. A write has at most 100,000 bytes.
    #[cfg(target_os = "linux")]
    pub fn pair_of_records(&self) -> Step<(Peer, TcpStream)> {
        let pair = Socket::pair(Domain::UNIX, Type::SEQPACKET, None);
        let (ours, theirs) =
            pair.map_err(|e| Fault::new(format!("this machine gave the check no sockets: {e}")))?;
        Ok((self.peer(ours.into()), theirs.into()))
    }

    /// Connects to the learner's server.
    pub fn connect(&self, addr: SocketAddr) -> Step<Peer> {
        let stream = TcpStream::connect_timeout(&addr, self.patience.left());
        Ok(self.peer(stream.map_err(no_connection)?))
    }

    /// The same, with a send and a receive buffer of about so many bytes (SO_SNDBUF and SO_RCVBUF;
    /// Linux takes twice as much, and no less than about 4 KiB). Otherwise the system makes them
    /// larger while they are in use, how large is its administrator's choice.
    pub fn connect_with_buffers(&self, addr: SocketAddr, bytes: usize) -> Step<Peer> {
        let connect = || {
            let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
            set_buffers(socket2::SockRef::from(&socket), bytes)?;
            socket.connect_timeout(&addr.into(), self.patience.left())?;
            Ok(TcpStream::from(socket))
        };
        Ok(self.peer(connect().map_err(no_connection)?))
    }

    /// Waits until the learner's client has connected to the check's server.
    pub fn accept(&self, listener: &TcpListener) -> Step<Peer> {
        let failed = |e| Fault::new(format!("the check's server could not accept: {e}"));
        let listener = listener.try_clone().map_err(failed)?;
        let (sender, accepted) = mpsc::channel();
        thread::spawn(move || sender.send(listener.accept()));
        match accepted.recv_timeout(self.patience.left()) {
            Ok(accepted) => {
                let (stream, _) = accepted.map_err(failed)?;
                Ok(self.peer(stream))
            }
            Err(_) => Err(Fault::new("your client did not connect").late()),
        }
    }

    fn peer(&self, stream: TcpStream) -> Peer {
        Peer::new(stream, self.patience.clone())
    }

    /// How long the check waits now for a single thing, for what waits otherwise than on a peer.
    pub fn patience(&self) -> Duration {
        self.patience.left()
    }

    /// A length of time that the contract names, with the room that this verdict gives it: a right
    /// function needs at most a quarter of it, a mistake more than four times of it.
    pub fn limit(&self, named: Duration) -> Limit {
        self.patience.limit(named)
    }

    /// Plays a scene whose meaning hangs on the check's own rhythm, such as a byte every 50 ms.
    ///
    /// Where two [beats](Pace::beat) were further apart than `allowed`, or the machine stalled for
    /// so long, nothing is learnt from it, whatever came of it, and it is played again. A function
    /// that cannot be judged in five tries is not found wrong by it. What was waited for in vain a
    /// second time is missing, whatever the rhythm was.
    ///
    /// # Errors
    /// What the scene found, when it was played at its pace.
    pub fn at_pace(&self, allowed: Duration, mut scene: impl FnMut(&mut Pace) -> Step) -> Step {
        const TRIES: usize = 5;
        let mut last = Ok(());
        for _ in 0..TRIES {
            let was_late = is_late(&last);
            let started = Instant::now();
            let mut pace = Pace::new();
            last = scene(&mut pace);
            let kept = pace.longest() <= allowed && Since::moment(started).stall <= allowed;
            if kept || was_late && is_late(&last) {
                return last;
            }
        }
        self.patience.notes.learnt_nothing();
        last.map_err(Fault::spoilt)
    }
}

fn is_late(scene: &Step) -> bool {
    matches!(scene, Err(fault) if fault.time == Time::Late)
}

fn accept_queued(listener: &TcpListener, peer: Peer) -> Step<(Peer, TcpStream)> {
    // It is in the queue already, so this does not block.
    let (stream, _) = listener
        .accept()
        .map_err(|e| Fault::new(format!("the check could not accept: {e}")))?;
    Ok((peer, stream))
}

fn listen_anywhere() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

fn set_buffers(socket: socket2::SockRef, bytes: usize) -> io::Result<()> {
    socket.set_send_buffer_size(bytes)?;
    socket.set_recv_buffer_size(bytes)
}

fn no_port(error: io::Error) -> Fault {
    Fault::new(format!("this machine gave the check no port: {error}"))
}

fn no_buffers(error: io::Error) -> Fault {
    Fault::new(format!(
        "the check could not set the size of its buffers: {error}"
    ))
}

fn no_connection(error: io::Error) -> Fault {
    let fault = Fault::new(format!(
        "a client could not connect to your server: {error}"
    ));
    if error.kind() == io::ErrorKind::TimedOut {
        return fault.late();
    }
    fault
}
