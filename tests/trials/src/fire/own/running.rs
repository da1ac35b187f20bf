//! The learner's program while it is judged: started, found, ended.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Fault, Peer, Step, Trial};
use course::{Reserved, Server};
use shared::escape;

use crate::fire::quietly;

/// How long a program has to begin. Some languages take seconds.
const BEGINNING: Duration = Duration::from_secs(30);

/// Between two looks whether it is there.
const LOOKS: Duration = Duration::from_millis(20);

/// After so long, a program that has lost its listener or its peer has ended, if it ends at all.
const ENDING: Duration = Duration::from_secs(5);

/// How much of what a program has said is shown.
const LAST_LINES: usize = 2;

/// A command, and the program that it has started, if one runs.
pub struct Program {
    words: Vec<String>,
    typed: String,
    running: Mutex<Option<Running>>,
    cannot_start: AtomicBool,
}

struct Running {
    server: Server,
    addr: SocketAddr,
    /// What it held when the first client had been served.
    descriptors: Option<usize>,
}

impl Program {
    /// `PORT` in the words stands for the port.
    pub fn new(words: Vec<String>, typed: String) -> Program {
        Program {
            words,
            typed,
            running: Mutex::new(None),
            cannot_start: AtomicBool::new(false),
        }
    }

    /// Whether there is no such program.
    pub fn cannot_start(&self) -> bool {
        self.cannot_start.load(Ordering::SeqCst)
    }

    /// Where the server listens. It is started if none runs, or if it serves one client and ends.
    pub fn addr(&self, anew: bool) -> Step<SocketAddr> {
        let mut running = self.lock();
        if anew {
            *running = None;
        }
        if let Some(running) = &*running {
            return Ok(running.addr);
        }
        // While this is held nobody else is given the port, and a listener may have it.
        let reserved = Reserved::new();
        let reserved = reserved.map_err(|e| Fault::new(format!("no port is free: {e}")))?;
        let addr = reserved.addr();
        drop(reserved);
        *running = Some(self.start(addr)?);
        Ok(addr)
    }

    /// Starts it again where it was.
    pub fn restart(&self) -> Step<SocketAddr> {
        let mut running = self.lock();
        let addr = running.take().map(|running| running.addr); // dropped: killed
        let addr = addr.ok_or_else(|| Fault::new("your server does not run"))?;
        *running = Some(self.start(addr)?);
        Ok(addr)
    }

    fn start(&self, addr: SocketAddr) -> Step<Running> {
        let mut server = self.spawn(addr.port())?;
        // At the keyboard of lesson 3's server somebody types one reply after the other.
        let mut keyboard = server.take_stdin();
        thread::spawn(move || while keyboard.write_all(b"ok\n").is_ok() {});
        Ok(Running {
            server,
            addr,
            descriptors: None,
        })
    }

    fn spawn(&self, port: u16) -> Step<Server> {
        let port = port.to_string();
        let mut words = self.words.iter().map(|word| word.replace("PORT", &port));
        let program = words.next().expect("the command has a word");
        let arguments: Vec<String> = words.collect();
        let server = quietly(|| Server::start_without_listening(&program, &arguments));
        server.map_err(|why| {
            self.cannot_start.store(true, Ordering::SeqCst);
            Fault::new(why)
        })
    }

    /// Connects to the server, which may still begin.
    pub fn connect(&self, trial: &Trial, anew: bool) -> Step<Peer> {
        let addr = self.addr(anew)?;
        let deadline = Instant::now() + BEGINNING;
        loop {
            let fault = match trial.connect(addr) {
                Ok(peer) => return Ok(peer),
                Err(fault) => fault,
            };
            let fresh = self
                .lock()
                .as_ref()
                .is_some_and(|it| it.descriptors.is_none());
            if !fresh || self.ended().is_some() || Instant::now() > deadline {
                return Err(fault.cause("it does not listen on 127.0.0.1 at the port it was given"));
            }
            thread::sleep(LOOKS);
        }
    }

    /// Notes that the server has served somebody: it has begun.
    pub fn begun(&self) {
        if let Some(running) = &mut *self.lock() {
            let descriptors = descriptors(running.server.pid());
            running.descriptors.get_or_insert(descriptors.unwrap_or(0));
        }
    }

    /// Waits until the server holds no more descriptors than at its beginning.
    pub fn lets_go(&self) -> Step {
        let (pid, before) = match &*self.lock() {
            Some(running) => (running.server.pid(), running.descriptors.unwrap_or(0)),
            None => return Ok(()),
        };
        let deadline = Instant::now() + ENDING;
        loop {
            match descriptors(pid) {
                Some(now) if now > before && Instant::now() > deadline => {
                    return Err(Fault::new(format!(
                        "all clients have left\nexpected: the {before} open descriptors of the \
                         beginning\ncame:     {now}"
                    ))
                    .cause("a connection is not closed on every way out"));
                }
                Some(now) if now > before => thread::sleep(LOOKS), // nothing tells when /proc changes
                _ => return Ok(()),
            }
        }
    }

    /// Starts the client towards that port; it is told what is typed so many times.
    pub fn start_client(&self, port: u16, times: usize) -> Step {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = self.spawn(port)?;
        let (mut keyboard, typed) = (server.take_stdin(), self.typed.clone());
        thread::spawn(move || {
            for _ in 0..times {
                if keyboard.write_all(typed.as_bytes()).is_err() {
                    break; // it has ended
                }
            }
        });
        *self.lock() = Some(Running {
            server,
            addr,
            descriptors: None,
        });
        Ok(())
    }

    /// Waits until the client has ended by itself, and not of an error that it did not foresee.
    pub fn client_ends(&self, when: &str) -> Step {
        let mut kept = self.lock();
        let Some(mut running) = kept.take() else {
            return Ok(());
        };
        let came = match running.server.exits_within(BEGINNING) {
            None => format!("it runs on, {} s later", BEGINNING.as_secs()),
            Some(status) => {
                let (_, stderr) = running.server.printed();
                let thrown =
                    |line: &String| line.contains("panicked at") || line.starts_with("Traceback");
                if status.code().is_some() && !stderr.iter().any(thrown) {
                    *kept = Some(running);
                    return Ok(());
                }
                end(status, &stderr)
            }
        };
        Err(Fault::new(format!(
            "{when}\nexpected: your client ends, and says why\ncame:     {came}"
        ))
        .cause("an error that nobody catches, or a wait for what cannot come any more"))
    }

    /// Whether the client ends in that time.
    pub fn ends_within(&self, time: Duration) -> bool {
        self.ended_within(time).is_some()
    }

    /// What it has printed.
    pub fn printed(&self) -> (Vec<String>, Vec<String>) {
        let running = self.lock();
        running
            .as_ref()
            .map(|it| it.server.printed())
            .unwrap_or_default()
    }

    /// What is wrong with what it has printed.
    pub fn complaint(&self) -> Option<Fault> {
        let (stdout, stderr) = self.printed();
        let line = stdout.iter().chain(&stderr).find(|line| is_wrong(line))?;
        let shown = escape(line.as_bytes());
        Some(if line.contains("panicked at") {
            Fault::new(format!("your program panicked: {shown}"))
                .cause("an unwrap, an index or a slice that trusts the peer")
        } else {
            Fault::new(format!(
                "a peer's bytes were printed as they came: {shown}\nexpected: no control characters, \
                 with which a stranger writes where he likes in your terminal"
            ))
            .read("docs/03-udp-chat.md: 3.3 ★★★ Strangers and control characters kept out")
        })
    }

    /// Adds to a fault that the server is not there any more.
    pub fn with_end(&self, fault: Fault) -> Fault {
        match self.ended_within(Duration::from_secs(1)) {
            Some(end) => fault.then(&format!("your program has ended: {end}")),
            None => fault,
        }
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<String> {
        self.ended_within(LOOKS)
    }

    fn ended_within(&self, time: Duration) -> Option<String> {
        let mut running = self.lock();
        let server = &mut running.as_mut()?.server;
        let status = server.exits_within(time)?;
        Some(end(status, &server.printed().1))
    }

    /// Ends it.
    pub fn end(&self) {
        *self.lock() = None; // dropped: killed
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        // A scene that panicked has said so.
        self.running
            .lock()
            .unwrap_or_else(|error| error.into_inner())
    }
}

/// How a program ended, and the last that it said.
fn end(status: ExitStatus, stderr: &[String]) -> String {
    // Python underlines what has failed.
    let underlines = |line: &str| line.chars().all(|c| "^~ ".contains(c));
    let said = stderr.iter().map(|line| line.trim());
    let said: Vec<&str> = said.filter(|line| !underlines(line)).collect();
    let last = said.len().saturating_sub(LAST_LINES);
    let said = said[last..].iter().map(|line| escape(line.as_bytes()));
    let said: Vec<String> = said.collect();
    match said.len() {
        0 => status.to_string(),
        _ => format!("{status}; it said: {}", said.join(" / ")),
    }
}

fn is_wrong(line: &str) -> bool {
    line.contains("panicked at") || line.contains(|c: char| c.is_control() && c != '\t')
}

/// How many descriptors the process holds, where the system tells.
fn descriptors(pid: u32) -> Option<usize> {
    Some(std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Whether the other side closes in that time.
pub fn closes(stream: &TcpStream, time: Duration) -> bool {
    super::super::servers::closes(stream, time)
}
