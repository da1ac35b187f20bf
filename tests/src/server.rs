//! A server of the course, with everything it prints.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::place::PATIENCE;
use crate::process::listens_at;

/// The most lines of each output that are kept. Only a soak prints more; the oldest go first.
const KEPT: usize = 20_000;

/// A server that runs on a free port of this machine. It is killed when this is dropped; what it
/// prints is read all the time, so it never waits for a full pipe.
pub struct Server {
    child: Child,
    addr: SocketAddr,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Output {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    stdout: Vec<String>,
    stderr: Vec<String>,
    /// How many of the two have ended.
    ended: usize,
}

impl Server {
    /// Starts the program with `--addr 127.0.0.1:0` and the arguments, and waits until it listens.
    ///
    /// # Panics
    /// If it cannot be started, or does not say `listening on …` in time.
    #[track_caller]
    pub fn start(program: &str, arguments: &[&str]) -> Server {
        let mut all = vec!["--addr", "127.0.0.1:0"];
        all.extend(arguments);
        Server::start_at(program, &all)
    }

    /// Starts the program with just these arguments, and waits until it listens.
    ///
    /// # Panics
    /// If it cannot be started, or does not say `listening on …` in time.
    #[track_caller]
    pub fn start_at(program: &str, arguments: &[impl AsRef<OsStr>]) -> Server {
        let mut server = Server::start_without_listening(program, arguments);
        let line = server.wait_for("the line 'listening on …'", |stdout, _| {
            stdout
                .iter()
                .find(|line| line.starts_with("listening on "))
                .cloned()
        });
        let addr = listens_at(&line);
        server.addr = addr.unwrap_or_else(|| panic!("{line:?} has no address"));
        server
    }

    /// Starts a program that does not listen: a client that is typed to step by step.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start_without_listening(program: &str, arguments: &[impl AsRef<OsStr>]) -> Server {
        let mut child = Command::new(program)
            .args(arguments)
            .env_remove("COURSE_KEY") // lesson 7's programs would take it
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {program}: {e}"));
        let output = Arc::new(Output::default());
        let stdout = child.stdout.take().expect("it was piped");
        let stderr = child.stderr.take().expect("it was piped");
        let readers = vec![
            output.collect(stdout, |lines| &mut lines.stdout),
            output.collect(stderr, |lines| &mut lines.stderr),
        ];
        Server {
            child,
            addr: SocketAddr::from(([0, 0, 0, 0], 0)),
            output,
            readers,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types a line into its standard input.
    ///
    /// # Panics
    /// If it does not read any more.
    #[track_caller]
    pub fn enter(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("it was not closed");
        let written = writeln!(stdin, "{line}");
        written.unwrap_or_else(|e| panic!("cannot type {line:?}: {e}"));
    }

    /// Its standard input; it ends when this is dropped.
    ///
    /// # Panics
    /// If it was taken before.
    #[track_caller]
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("it was not taken before")
    }

    /// Waits until a line of stdout contains the text, and returns that line.
    ///
    /// # Panics
    /// If there is no such line in time.
    #[track_caller]
    pub fn wait_for_stdout(&self, text: &str) -> String {
        self.wait_for(&format!("a line with {text:?} on stdout"), |stdout, _| {
            stdout.iter().find(|line| line.contains(text)).cloned()
        })
    }

    /// Waits until a line of stderr contains the text, and returns that line.
    ///
    /// # Panics
    /// If there is no such line in time.
    #[track_caller]
    pub fn wait_for_stderr(&self, text: &str) -> String {
        self.wait_for(&format!("a line with {text:?} on stderr"), |_, stderr| {
            stderr.iter().find(|line| line.contains(text)).cloned()
        })
    }

    /// Waits until `found` finds something in the lines of stdout and stderr.
    ///
    /// # Panics
    /// If it finds nothing in time.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, found: impl Fn(&[String], &[String]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.output.lock();
        loop {
            if let Some(found) = found(&lines.stdout, &lines.stderr) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || lines.ended == 2 {
                let ended = if lines.ended == 2 {
                    "the program ended"
                } else {
                    "no such thing came"
                };
                panic!(
                    "waited for {what}, but {ended}\nstdout: {:#?}\nstderr: {:#?}",
                    lines.stdout, lines.stderr
                );
            }
            let waited = self.output.changed.wait_timeout(lines, left);
            lines = waited.expect("no thread panics while it holds the lines").0;
        }
    }

    /// Presses Ctrl-C in its terminal, as it were. Nothing happens if it has ended.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    /// Asks it to end, as `kill` does (SIGTERM). Nothing happens if it has ended.
    #[cfg(unix)]
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        use rustix::process::{Pid, kill_process};
        let pid = self.pid().try_into().ok().and_then(Pid::from_raw);
        let _ = kill_process(pid.expect("a process has a number"), signal);
    }

    /// Waits until the program has exited by itself: its status, stdout and stderr.
    ///
    /// # Panics
    /// If it runs on.
    #[track_caller]
    pub fn wait(mut self) -> (ExitStatus, String, String) {
        // Its output ends when it exits; waiting for that needs no polling.
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.output.lock();
        while lines.ended < 2 {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited for the program to exit\nstdout: {:#?}",
                lines.stdout
            );
            let waited = self.output.changed.wait_timeout(lines, left);
            lines = waited.expect("no thread panics while it holds the lines").0;
        }
        let (stdout, stderr) = (lines.stdout.join("\n"), lines.stderr.join("\n"));
        drop(lines);
        let status = self.child.wait().expect("the program is our child");
        (status, stdout, stderr)
    }

    /// Waits until the program has exited by itself, for at most so long: its status.
    pub fn exits_within(&mut self, time: Duration) -> Option<ExitStatus> {
        let lines = self.output.lock();
        let changed = &self.output.changed;
        let waited = changed.wait_timeout_while(lines, time, |lines| lines.ended < 2);
        let ended = waited
            .expect("no thread panics while it holds the lines")
            .0
            .ended
            == 2;
        let status = ended.then(|| self.child.wait());
        Some(status?.expect("the program is our child"))
    }

    /// What it has printed so far: stdout and stderr.
    pub fn printed(&self) -> (Vec<String>, Vec<String>) {
        let lines = self.output.lock();
        (lines.stdout.clone(), lines.stderr.clone())
    }

    /// Kills the program; returns what it had printed, stdout and stderr.
    pub fn stop(mut self) -> (String, String) {
        self.kill();
        let lines = self.output.lock();
        (lines.stdout.join("\n"), lines.stderr.join("\n"))
    }

    /// How much time the processors have spent on it (Linux: `man 5 proc`, /proc/pid/stat).
    ///
    /// # Panics
    /// If the system does not tell.
    #[cfg(target_os = "linux")]
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        let stat = stat.expect("the program has a folder in /proc until we wait for it");
        // The second field is the name in parentheses; utime and stime are the 14th and 15th.
        let behind_name = stat
            .rsplit_once(") ")
            .expect("the name is in parentheses")
            .1;
        let ticks = behind_name.split(' ').skip(11).take(2);
        let ticks: u64 = ticks
            .map(|n| n.parse::<u64>().expect("a count of ticks"))
            .sum();
        Duration::from_millis(ticks * 10) // Linux tells it in hundredths of a second
    }

    /// How much time the processors spend on it during a span of time.
    ///
    /// # Panics
    /// If the system does not tell.
    #[cfg(target_os = "linux")]
    pub fn cpu_time_during(&self, span: Duration) -> Duration {
        let before = self.cpu_time();
        thread::sleep(span); // nothing is waited for: this is what is measured
        self.cpu_time() - before
    }

    fn kill(&mut self) {
        let _ = self.child.kill(); // it may have exited already
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines
            .lock()
            .expect("no thread panics while it holds the lines")
    }

    fn collect(
        self: &Arc<Self>,
        stream: impl Read + Send + 'static,
        place: fn(&mut Lines) -> &mut Vec<String>,
    ) -> JoinHandle<()> {
        let output = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                let mut lines = output.lock();
                let lines = place(&mut lines);
                if lines.len() == KEPT {
                    lines.drain(..KEPT / 2);
                }
                lines.push(line);
                output.changed.notify_all();
            }
            output.lock().ended += 1;
            output.changed.notify_all();
        })
    }
}
