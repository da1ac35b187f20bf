//! Programs that a test has started by itself.

use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::process::{Child, Output};
use std::sync::mpsc;
use std::thread;

use crate::place::PATIENCE;

/// Waits for the first line of a program whose stdout is piped. What it prints behind that line
/// can still be read.
///
/// # Errors
/// Its output ended before, or no line came in time.
///
/// # Panics
/// If its stdout is not piped.
pub fn first_line(child: &mut Child) -> io::Result<String> {
    let mut stdout = child.stdout.take().expect("its stdout is piped");
    let (sender, read) = mpsc::channel();
    thread::spawn(move || {
        let mut line = Vec::new();
        let mut byte = [0];
        // Byte by byte, so that nothing behind the line is taken.
        let result = loop {
            match stdout.read_exact(&mut byte) {
                Ok(()) if byte == *b"\n" => break Ok(line),
                Ok(()) => line.push(byte[0]),
                Err(error) => break Err(error),
            }
        };
        let _ = sender.send((result, stdout)); // nobody waits any more
    });
    let waited = read.recv_timeout(PATIENCE);
    let (line, stdout) = waited.map_err(|_| io::Error::other("no first line came"))?;
    child.stdout = Some(stdout);
    String::from_utf8(line?).map_err(io::Error::other)
}

/// Where a server listens, as its first line tells.
pub fn listens_at(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("listening on ")?.parse().ok()
}

/// Waits until a program has exited by itself: its status, and what it wrote into the pipes that it
/// still has.
///
/// # Panics
/// If it runs on.
#[track_caller]
pub fn exited(child: Child) -> Output {
    let (sender, exited) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let output = exited.recv_timeout(PATIENCE);
    let output = output.expect("waited for a program to exit");
    output.expect("the program is our child")
}

/// A number that Linux tells of a process, such as `VmHWM`, the most memory it ever had, in KiB
/// (`man 5 proc`, /proc/pid/status). `None` where the system does not tell.
pub fn status(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.into_iter().find(|(name, _)| *name == field)?;
    value.split_whitespace().next()?.parse().ok()
}

/// Raises how many files this process may have open, and the programs that it starts, as far as the
/// system allows. Some hundred clients on both sides are more than many systems allow by default.
pub fn allow_many_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // macOS may name a maximum, or none, that it then refuses; it takes 10,240 (OPEN_MAX).
        for current in [limit.maximum, Some(10_240)] {
            if setrlimit(Resource::Nofile, Rlimit { current, ..limit }).is_ok() {
                break;
            }
        }
    }
}
