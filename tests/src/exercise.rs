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
//!     client.expect(b"HELLO", "send everything back")?;
//!     …
//! })                                               a Verdict
//! ```
//!
//! For datagrams there are [`Trial::socket`] and [`Trial::correspondent`] instead.

mod correspondent;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use shared::escape;

pub use correspondent::Correspondent;

use crate::Reserved;
use crate::page::Page;

/// How long a check waits for any single thing, at most.
pub const WAIT: Duration = Duration::from_secs(3);

/// How long a whole check may take.
pub const TOTAL: Duration = Duration::from_secs(10);

/// What a check has found.
pub enum Verdict {
    /// The function does all that its contract says.
    Solved,
    /// The function is still a skeleton.
    NotStarted,
    /// It does something else.
    Wrong(Fault),
}

/// What is wrong, as a sentence for the learner: what was done, what was expected, what came; the
/// likely cause; and the heading of the page that explains it.
#[derive(Clone)]
pub struct Fault {
    what: String,
    cause: Option<String>,
    read: Option<String>,
}

/// A step of a check: fine, or what is wrong.
pub type Step<T = ()> = Result<T, Fault>;

impl Fault {
    /// A fault of which no more is known than what was seen.
    pub fn new(what: impl Into<String>) -> Fault {
        Fault {
            what: what.into(),
            cause: None,
            read: None,
        }
    }

    /// Says in front under what circumstances it happened.
    pub fn when(self, circumstances: &str) -> Fault {
        let what = format!("{circumstances}: {}", self.what);
        Fault { what, ..self }
    }

    /// Adds the likely cause, unless a more precise one is there already.
    pub fn cause(mut self, cause: impl Into<String>) -> Fault {
        self.cause.get_or_insert_with(|| cause.into());
        self
    }

    /// Adds where to read about it: a page and one of its headings, as in
    /// `docs/01-echo.md: Read the code`.
    pub fn read(mut self, read: impl Into<String>) -> Fault {
        self.read.get_or_insert_with(|| read.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(cause) = &self.cause {
            write!(f, "\nlikely cause: {cause}")?;
        }
        if let Some(read) = &self.read {
            write!(f, "\nread: {read}")?;
        }
        Ok(())
    }
}

impl Verdict {
    /// For `tests/exercise.rs`: the test fails with the sentence, not with a panic of ours.
    ///
    /// # Errors
    /// The exercise is not solved.
    pub fn solved(self) -> Result<(), Failed> {
        match self {
            Verdict::Solved => Ok(()),
            Verdict::NotStarted => Err(Failed(NOT_STARTED.to_owned())),
            Verdict::Wrong(fault) => Err(Failed(fault.to_string())),
        }
    }
}

/// What a skeleton's test says.
const NOT_STARTED: &str = "not started: the function is still todo!()";

/// Why an exercise's test fails. Its `Debug` form, which the test harness prints, is the sentence.
pub struct Failed(String);

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "\n{}\n", self.0)
    }
}

/// Adds circumstances, cause and page to a fault on its way up.
pub trait Explain {
    /// Says in front under what circumstances it happened.
    fn when(self, circumstances: &str) -> Self;
    /// Adds the likely cause, unless there is one.
    fn cause(self, cause: &str) -> Self;
    /// Adds where to read about it, unless that is there.
    fn read(self, read: &str) -> Self;
}

impl<T> Explain for Step<T> {
    fn when(self, circumstances: &str) -> Step<T> {
        self.map_err(|fault| fault.when(circumstances))
    }

    fn cause(self, cause: &str) -> Step<T> {
        self.map_err(|fault| fault.cause(cause))
    }

    fn read(self, read: &str) -> Step<T> {
        self.map_err(|fault| fault.read(read))
    }
}

/// Runs a check.
pub fn check(steps: impl FnOnce(&Trial) -> Step + Send + 'static) -> Verdict {
    let (report, reports) = mpsc::channel();
    let (end, wait) = (Instant::now() + TOTAL, LONGEST_WAIT.get());
    let trial = Trial {
        end,
        wait,
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
            let mut what = format!(
                "your function panicked at {}: {}",
                panic.place, panic.message
            );
            let mut read = None;
            // What the steps saw says when that was, and they know where to read about it.
            if let Some(Some(Err(seen))) = outcome {
                what = format!("{what}\nwhat the check saw: {}", seen.what);
                read = seen.read;
            }
            let fault = Fault::new(what).cause(
                "an unwrap, an expect, an index or a slice that trusts the peer, or the system",
            );
            Verdict::Wrong(Fault { read, ..fault })
        }
        (None, Some(Some(Ok(())))) => Verdict::Solved,
        (None, Some(Some(Err(fault)))) => Verdict::Wrong(fault),
        (None, Some(None)) => {
            Verdict::Wrong(Fault::new("the check itself panicked: this is our bug"))
        }
        (None, None) => Verdict::Wrong(Fault::new(format!(
            "the check was not done after {} s",
            TOTAL.as_secs()
        ))),
    }
}

/// One run of a check.
pub struct Trial {
    end: Instant,
    wait: Duration,
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

struct Panic {
    place: String,
    message: String,
}

thread_local! {
    /// Where a learner's function that runs in this thread reports its panic.
    static REPORT_TO: RefCell<Option<Sender<Report>>> = const { RefCell::new(None) };

    /// The longest wait of the checks that this thread starts.
    static LONGEST_WAIT: Cell<Duration> = const { Cell::new(WAIT) };
}

/// Panics of the learners' functions are kept for the verdict. They are reported before anything
/// is dropped, so a check that sees the sockets close can already know why.
fn keep_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let report_to = REPORT_TO.with_borrow(Clone::clone);
            let Some(report_to) = report_to else {
                return usual(info);
            };
            let place = info.location().map_or_else(String::new, |place| {
                format!("{}:{}", place.file(), place.line())
            });
            let message = info.payload_as_str().unwrap_or("no message").to_owned();
            let _ = report_to.send(Report::Panicked(Panic { place, message }));
        }));
    });
}

impl Trial {
    /// A listener on a free port of 127.0.0.1, and its address.
    ///
    /// The port stays this check's own for a while: where a function has dropped its listener too
    /// early, the next client of this check does not come to another check's listener.
    pub fn listen(&self) -> Step<(TcpListener, SocketAddr)> {
        let listen = || {
            if cfg!(not(unix)) {
                return listen_anywhere(); // there no listener gets a reserved port
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
            wait: self.wait,
            thread: thread.recv().ok().flatten(),
        }
    }

    /// A connection: the check's side, and the side for the learner's function.
    pub fn pair(&self) -> Step<(Peer, TcpStream)> {
        let (listener, addr) = listen_anywhere().map_err(no_port)?;
        let peer = self.connect(addr)?;
        // It is in the queue already, so this does not block.
        let (stream, _) = listener
            .accept()
            .map_err(|e| Fault::new(format!("the check could not accept: {e}")))?;
        Ok((peer, stream))
    }

    /// Connects to the learner's server.
    pub fn connect(&self, addr: SocketAddr) -> Step<Peer> {
        let stream = TcpStream::connect_timeout(&addr, self.wait())
            .map_err(|e| Fault::new(format!("a client could not connect to your server: {e}")))?;
        Ok(self.peer(stream))
    }

    /// Waits until the learner's client has connected to the check's server.
    pub fn accept(&self, listener: &TcpListener) -> Step<Peer> {
        let failed = |e| Fault::new(format!("the check's server could not accept: {e}"));
        let listener = listener.try_clone().map_err(failed)?;
        let (sender, accepted) = mpsc::channel();
        thread::spawn(move || sender.send(listener.accept()));
        match accepted.recv_timeout(self.wait()) {
            Ok(accepted) => {
                let (stream, _) = accepted.map_err(failed)?;
                Ok(self.peer(stream))
            }
            Err(_) => Err(Fault::new("your client did not connect")),
        }
    }

    fn peer(&self, stream: TcpStream) -> Peer {
        Peer {
            stream,
            end: self.end,
            wait: self.wait,
            sent: Vec::new(),
            sent_in_all: 0,
        }
    }

    /// The time that a single wait may take now.
    fn wait(&self) -> Duration {
        time_left(self.end, self.wait)
    }
}

fn listen_anywhere() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

fn no_port(error: io::Error) -> Fault {
    Fault::new(format!("this machine gave the check no port: {error}"))
}

/// At least a moment, because no socket takes a timeout of zero.
fn time_left(end: Instant, longest: Duration) -> Duration {
    let left = end.saturating_duration_since(Instant::now());
    left.clamp(Duration::from_millis(1), longest)
}

/// A learner's function at work.
pub struct Attempt<T> {
    result: Receiver<T>,
    wait: Duration,
    thread: Option<Thread>,
}

impl<T> Attempt<T> {
    /// Waits until the function returns.
    pub fn result(&self) -> Step<T> {
        self.result_within(self.wait)
    }

    /// Waits until the function returns, at most so long from now.
    pub fn result_within(&self, within: Duration) -> Step<T> {
        self.result
            .recv_timeout(within)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => Fault::new(format!(
                    "your function had not returned {:.1} s later",
                    within.as_secs_f64()
                )),
                RecvTimeoutError::Disconnected => Fault::new("your function panicked"),
            })
    }

    /// Checks that the function is still at work.
    pub fn still_runs(&self) -> Step {
        match self.result.try_recv() {
            Err(mpsc::TryRecvError::Empty) => Ok(()),
            Ok(_) => Err(Fault::new("your function returned too early")),
            Err(mpsc::TryRecvError::Disconnected) => Err(Fault::new("your function panicked")),
        }
    }

    /// Checks that the function waits without using the processor, when for so long there is
    /// nothing to do for it. Sees only the thread in which the function was called, and only on
    /// Linux; elsewhere it just lets the time pass.
    ///
    /// It looks again and again whether the thread sleeps. On a very busy machine also one that
    /// does sleep waits for a processor each time it wakes up, so it may need up to three times as
    /// long to see that; a thread that spins never sleeps.
    pub fn expect_idle(&self, during: Duration) -> Step {
        for _ in 0..3 {
            let end = Instant::now() + during;
            let (mut looks, mut asleep) = (0, 0);
            while Instant::now() < end {
                match self.thread.as_ref().and_then(Thread::sleeps) {
                    Some(sleeps) => asleep += i32::from(sleeps),
                    None => asleep += 1, // not Linux, or the function has returned
                }
                looks += 1;
                thread::sleep(Duration::from_millis(5)); // until the next look
            }
            if asleep * 4 >= looks {
                return Ok(());
            }
        }
        Err(Fault::new(format!(
            "for {:.1} s there was nothing to do, and your function wanted the processor all the time",
            during.as_secs_f64(),
        )))
    }
}

/// Where Linux tells what a thread is doing.
struct Thread(PathBuf);

impl Thread {
    fn this() -> Option<Thread> {
        let thread = fs::read_link("/proc/thread-self").ok()?;
        Some(Thread(Path::new("/proc").join(thread).join("stat")))
    }

    /// Whether it waits for something other than a processor.
    fn sleeps(&self) -> Option<bool> {
        let text = fs::read_to_string(&self.0).ok()?;
        // The name stands in parentheses and may contain anything; the state is behind it.
        let (_, behind) = text.rsplit_once(')')?;
        Some(!behind.trim_start().starts_with('R'))
    }
}

/// The check's side of a connection with the learner's function.
pub struct Peer {
    stream: TcpStream,
    end: Instant,
    wait: Duration,
    /// The first bytes of what was sent, for the beginning of a sentence.
    sent: Vec<u8>,
    sent_in_all: usize,
}

impl Peer {
    /// The socket, for what the methods do not offer.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes in one write.
    pub fn send(&mut self, bytes: &[u8]) -> Step {
        let _ = self.stream.set_nodelay(true);
        let _ = self
            .stream
            .set_write_timeout(Some(time_left(self.end, self.wait)));
        self.stream.write_all(bytes).map_err(|e| match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Fault::new(format!(
                "{}you did not read what was sent next ({})",
                self.story(),
                count(bytes.len())
            )),
            _ => Fault::new(format!(
                "{}then sending {} failed: {e}",
                self.story(),
                count(bytes.len())
            )),
        })?;
        self.note(bytes);
        Ok(())
    }

    fn note(&mut self, bytes: &[u8]) {
        let room = SHOWN - self.sent.len();
        self.sent.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.sent_in_all += bytes.len();
    }

    /// Sends bytes while it reads what comes back, half-closes behind them, and reads until the
    /// function closes, at most `limit` bytes. For more bytes than all buffers hold.
    pub fn exchange(&mut self, bytes: &[u8], limit: usize) -> Step<Vec<u8>> {
        let sender = self.stream.try_clone();
        let mut sender =
            sender.map_err(|e| Fault::new(format!("the check could not clone its socket: {e}")))?;
        let _ = sender.set_write_timeout(Some(time_left(self.end, self.wait)));
        self.note(bytes);
        thread::scope(|scope| {
            scope.spawn(move || {
                // If this fails, too little comes back, and that is reported.
                let _ = sender.write_all(bytes);
                let _ = sender.shutdown(Shutdown::Write);
            });
            self.read_to_end(limit)
        })
    }

    /// Sends bytes one at a time, `gap` apart, so that they come in as many reads.
    pub fn dribble(&mut self, bytes: &[u8], gap: Duration) -> Step {
        for byte in bytes {
            self.send(std::slice::from_ref(byte))?;
            thread::sleep(gap); // the pace of the client, not a wait for anything
        }
        Ok(())
    }

    /// Says that nothing more will be sent.
    pub fn half_close(&mut self) -> Step {
        self.stream
            .shutdown(Shutdown::Write)
            .map_err(|e| Fault::new(format!("{}the half-close failed: {e}", self.story())))
    }

    /// Reads just as many bytes as are expected, and compares them. `promise` says what the
    /// function should do, in the words of its contract.
    pub fn expect(&mut self, expected: &[u8], promise: &str) -> Step {
        let mut came = vec![0; expected.len()];
        let mut n = 0;
        let mut why = "";
        while n < expected.len() {
            match self.read(&mut came[n..])? {
                Some(0) => why = ": you closed the connection",
                Some(more) => {
                    n += more;
                    continue;
                }
                None => why = ": nothing more came",
            }
            break;
        }
        compare(expected, &came[..n]).map_err(|difference| {
            Fault::new(format!("{}{promise}\n{difference}{why}", self.story()))
        })
    }

    /// Reads until the function closes, at most `limit` bytes.
    pub fn read_to_end(&mut self, limit: usize) -> Step<Vec<u8>> {
        let mut came = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.read(&mut buffer)? {
                Some(0) => return Ok(came),
                Some(n) => came.extend_from_slice(&buffer[..n]),
                None => {
                    return Err(Fault::new(format!(
                        "{}you sent {}, and then nothing more: you did not close the connection",
                        self.story(),
                        show(&came)
                    )));
                }
            }
            if came.len() > limit {
                return Err(Fault::new(format!(
                    "{}you sent more than {limit} bytes and went on",
                    self.story()
                )));
            }
        }
    }

    /// Checks that the function closes without another byte.
    pub fn expect_end(&mut self, promise: &str) -> Step {
        let came = self.read_to_end(4096)?;
        if came.is_empty() {
            return Ok(());
        }
        Err(Fault::new(format!(
            "{}{promise}\nbut more came: {}",
            self.story(),
            show(&came)
        )))
    }

    /// Checks that the function did not break the connection off, once it has returned.
    pub fn expect_no_reset(&self, promise: &str) -> Step {
        match self.stream.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(e)) | Err(e) => Err(Fault::new(format!("{}{promise}, but: {e}", self.story()))),
        }
    }

    /// One read: how many bytes, 0 at the end; `None` when nothing came in time.
    pub fn read(&mut self, buffer: &mut [u8]) -> Step<Option<usize>> {
        let _ = self
            .stream
            .set_read_timeout(Some(time_left(self.end, self.wait)));
        match self.stream.read(buffer) {
            Ok(n) => Ok(Some(n)),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(e) => Err(Fault::new(format!(
                "{}reading your answer failed: {e}",
                self.story()
            ))),
        }
    }

    /// Breaks the connection off with RST.
    pub fn reset(self) {
        crate::reset(self.stream);
    }

    /// What the check has done so far, as the beginning of a sentence.
    fn story(&self) -> String {
        match self.sent_in_all {
            0 => String::new(),
            n => format!("after {} was sent: ", show_start(&self.sent, n)),
        }
    }
}

/// Compares bytes; the difference is shown escaped, with the first byte that differs marked.
pub fn compare(expected: &[u8], came: &[u8]) -> Result<(), String> {
    if expected == came {
        return Ok(());
    }
    let at = expected
        .iter()
        .zip(came)
        .take_while(|(a, b)| a == b)
        .count();
    let from = at.saturating_sub(16);
    let excerpt = |bytes: &[u8]| {
        let end = bytes.len().min(from + 40);
        let start = if from > 0 { "…" } else { "" };
        let more = if end < bytes.len() { "…" } else { "" };
        let before = format!("{start}{}", escape(&bytes[from.min(end)..at.min(end)]));
        let behind = format!("{}{more}", escape(&bytes[at.min(end)..end]));
        (before, behind)
    };
    let (before, expected_behind) = excerpt(expected);
    let (_, came_behind) = excerpt(came);
    let how = match at {
        _ if at == came.len() => "is missing",
        _ if at == expected.len() => "is too many",
        _ => "differs",
    };
    Err(format!(
        "expected {:>9}: {before}{expected_behind}\n\
         came     {:>9}: {before}{came_behind}\n\
         {:20}{}^ byte {at} {how}",
        count(expected.len()),
        count(came.len()),
        "",
        " ".repeat(before.chars().count()),
    ))
}

/// Bytes as a learner can read them: quoted and escaped where they are few, else their number.
pub fn show(bytes: &[u8]) -> String {
    show_start(&bytes[..bytes.len().min(SHOWN)], bytes.len())
}

/// Up to so many bytes are shown whole.
const SHOWN: usize = 40;

/// The same, of bytes of which only the first [`SHOWN`] are known.
fn show_start(first: &[u8], all: usize) -> String {
    match all {
        0..=SHOWN => format!("'{}'", escape(first)),
        n => format!("{} ('{}…')", count(n), escape(&first[..16])),
    }
}

fn count(n: usize) -> String {
    format!("{n} byte{}", if n == 1 { "" } else { "s" })
}

/// A wrong solution: its name, the function, and the words that its fault must contain.
pub type Mistake<F> = (&'static str, F, &'static str);

/// Proves a check: the skeleton is not started, the solution passes, and every known mistake is
/// found, for its reason.
///
/// `source` is the text of `src/exercise.rs` and `marker` what the exercise's `todo!` says in it.
/// Where a learner has replaced the marker there is no skeleton left to prove.
///
/// # Panics
/// With each thing that is not proved.
#[track_caller]
pub fn prove<F: Copy + Send + Sync>(
    check: impl Fn(F) -> Verdict + Sync,
    (source, marker, skeleton): (&str, &str, F),
    solution: F,
    mistakes: &[Mistake<F>],
) {
    assert!(
        mistakes.len() >= 4,
        "only {} mistakes are known",
        mistakes.len()
    );
    let check = &check;
    // Most of the time they wait, so they wait together. The mistakes wait for what will not come.
    let complaints: Vec<String> = thread::scope(|scope| {
        let skeleton = scope.spawn(|| prove_skeleton(source, marker, || check(skeleton)));
        let solution = scope.spawn(|| match check(solution) {
            Verdict::Solved => None,
            Verdict::NotStarted => Some("the solution is not started".to_owned()),
            Verdict::Wrong(fault) => Some(format!("the solution fails: {fault}")),
        });
        let mistakes = mistakes.iter().map(|(name, function, words)| {
            let (function, words) = (*function, *words);
            scope.spawn(move || {
                LONGEST_WAIT.set(WAIT / 2);
                prove_mistake(name, || check(function), words)
            })
        });
        let proofs: Vec<_> = [skeleton, solution].into_iter().chain(mistakes).collect();
        let joined = proofs
            .into_iter()
            .map(|proof| proof.join().expect("a proof does not panic"));
        joined.flatten().collect()
    });
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n\n"));
}

fn prove_skeleton(source: &str, marker: &str, check: impl FnOnce() -> Verdict) -> Option<String> {
    if !source.contains(&format!("todo!(\"{marker}")) {
        let must_be_there = std::env::var_os("CI").is_some();
        return must_be_there.then(|| format!("src/exercise.rs has no todo!(\"{marker}…\")"));
    }
    match check() {
        Verdict::NotStarted => None,
        _ => Some("the skeleton is not told apart as not started".to_owned()),
    }
}

/// A busy machine can spoil a scene. Then another one finds the mistake or, more rarely, none does.
/// So of up to three runs one must find it for its reason, and no two may miss it.
fn prove_mistake(name: &str, check: impl Fn() -> Verdict, words: &str) -> Option<String> {
    let mut missed = false;
    let mut complaint = None;
    for _ in 0..3 {
        let fault = match check() {
            Verdict::Wrong(fault) => fault,
            Verdict::Solved if missed => return Some(format!("'{name}' passes")),
            Verdict::Solved => {
                missed = true;
                continue;
            }
            Verdict::NotStarted => return Some(format!("'{name}' is not started")),
        };
        if fault.to_string().contains(words) {
            let complaint = heading_exists(&fault).err()?;
            return Some(format!("'{name}': {complaint}\n{fault}"));
        }
        complaint = Some(format!(
            "'{name}' fails without the words '{words}':\n{fault}"
        ));
    }
    complaint
}

/// Whether the page that a fault names has the heading that it names.
fn heading_exists(fault: &Fault) -> Result<(), String> {
    let Some(read) = &fault.read else {
        return Err("the fault does not say where to read about it".to_owned());
    };
    let Some((page, heading)) = read.split_once(": ") else {
        return Err(format!(
            "'{read}' is not of the form 'docs/page.md: Heading'"
        ));
    };
    let text = Page::read(page)?.text();
    let found = text
        .lines()
        .any(|line| line.starts_with('#') && line.trim_start_matches('#').trim() == heading);
    if found {
        Ok(())
    } else {
        Err(format!("{page} has no heading '{heading}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_the_first_byte_that_differs() {
        assert_eq!(compare(b"same", b"same"), Ok(()));
        let difference = compare(b"HELLO\n", b"HELlo\n").expect_err("they differ");
        assert_eq!(
            difference,
            "expected   6 bytes: HELLO\\n\n\
             came       6 bytes: HELlo\\n\n                       ^ byte 3 differs"
        );
        let difference = compare(b"abc", b"").expect_err("they differ");
        assert!(
            difference.contains("came       0 bytes: \n"),
            "{difference}"
        );
        assert!(difference.ends_with("^ byte 0 is missing"), "{difference}");
        let difference = compare(&[b'x'; 100], &[b'x'; 99]).expect_err("they differ");
        assert!(difference.contains("byte 99 is missing"), "{difference}");
        let difference = compare(b"abc", b"abcd").expect_err("they differ");
        assert!(difference.ends_with("^ byte 3 is too many"), "{difference}");
    }

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
        assert_eq!(fault.what, "your function had not returned 0.1 s later");
    }

    #[test]
    #[cfg(unix)]
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
    #[cfg(unix)]
    fn a_wrong_function_keeps_the_port_of_its_check() {
        let (tell, told) = mpsc::channel();
        let verdict = check(move |trial| {
            let (_, addr) = trial.listen()?;
            tell.send(addr).expect("the test waits for it");
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
}
