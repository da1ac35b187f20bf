//! A pair's programs while they are under fire: started, visited, and looked at afterwards.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use course::{PATIENCE, Server, programs};
use tempfile::TempDir;

use super::behaviour::Behaviour;
use super::pairs::{Pair, Serves, Side};
use crate::usage::Usage;

/// How often an ordinary client tries: a busy machine may miss one of the server's short deadlines,
/// and datagrams may be lost behind a flood.
const TRIES: u32 = 20;

/// No peer makes a server need so much more memory, in KiB, unless it keeps what it should not.
const GROWTH: u64 = 4 * 1024;

/// A crowd may: each of its clients may have a thread.
const GROWTH_BY_A_CROWD: u64 = 64 * 1024;

/// A pair and its running server. What is wrong with it is told by panics, as in a test.
pub struct Target {
    pub pair: &'static Pair,
    /// Where its servers listen, with port 0.
    addr: &'static str,
    /// Where files are sent from and received.
    folder: TempDir,
    /// None where the server serves one client and ends: then each visit has its own.
    server: Option<Server>,
    /// What the server used when nobody was there.
    idle: Option<Usage>,
}

impl Target {
    /// Starts the server, if it serves more than one client, and has it serve the first one.
    pub fn start(pair: &'static Pair) -> Target {
        Target::start_at(pair, "127.0.0.1:0")
    }

    /// The same, at that address.
    pub fn start_at(pair: &'static Pair, addr: &'static str) -> Target {
        let mut target = Target {
            pair,
            addr,
            folder: folder().expect("the system has a folder for temporary files"),
            server: None,
            idle: None,
        };
        if pair.serves != Serves::One {
            target.server = Some(target.start_server());
        }
        target.idle = target.usage();
        target.ordinary();
        target
    }

    /// Starts another server of the pair, and somebody at its keyboard.
    pub fn start_server(&self) -> Server {
        let mut arguments = self.arguments(self.pair.server);
        arguments.extend(["--addr", self.addr].map(str::to_owned));
        let mut server = Server::start_at(&self.program(Side::Server), &arguments);
        // The operator of lesson 3's server types one reply after the other, as fast as it is read.
        let mut operator = server.take_stdin();
        thread::spawn(move || while operator.write_all(b"ok\n").is_ok() {});
        server
    }

    /// Where one of its programs lies.
    pub fn program(&self, side: Side) -> String {
        let program = programs().join(self.pair.program(side));
        program.display().to_string()
    }

    /// Arguments of the pair, with the target's own folder.
    pub fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let folder = self.folder.path().display().to_string();
        let replaced = arguments.iter().map(|a| a.replace("{dir}", &folder));
        replaced.collect()
    }

    /// Lets a hostile peer visit the server. One that serves a single client must then end.
    pub fn visit<T>(&self, hostile: impl FnOnce(SocketAddr) -> T) -> T {
        if let Some(server) = &self.server {
            return hostile(server.addr());
        }
        let server = self.start_server();
        let result = hostile(server.addr());
        check_end(server.wait());
        result
    }

    /// Starts the client with further arguments; `typed` is typed to it so many times.
    pub fn start_client(
        &self,
        server: SocketAddr,
        further: &[&str],
        times: usize,
        typed: &str,
    ) -> Server {
        let mut arguments = self.arguments(self.pair.client);
        arguments.extend(further.iter().map(|&a| a.to_owned()));
        arguments.extend(["--addr".to_owned(), server.to_string()]);
        let program = self.program(Side::Client);
        let mut client = Server::start_without_listening(&program, &arguments);
        let mut stdin = client.take_stdin();
        let typed = typed.to_owned();
        thread::spawn(move || {
            for _ in 0..times {
                if stdin.write_all(typed.as_bytes()).is_err() {
                    break; // it has ended
                }
            }
        });
        client
    }

    /// Has an ordinary client served.
    pub fn ordinary(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut ended = String::new();
        for _ in 0..TRIES {
            let exchange = |addr| self.start_client(addr, &[], 1, self.pair.typed).wait();
            let (status, stdout, stderr) = self.visit(exchange);
            if status.success() && stdout.contains(self.pair.shows) {
                return;
            }
            ended = format!("{status}\nstdout: {stdout}\nstderr: {stderr}");
            if Instant::now() > deadline {
                break;
            }
        }
        panic!("an ordinary client is not served: {ended}");
    }

    /// Looks at the server when its hostile peers are gone: its output, and what it still holds.
    /// `before` is what it used before they came.
    pub fn check(&self, behaviour: Behaviour, before: Option<Usage>) {
        let inbox = fs::read_dir(self.folder.path().join("inbox"));
        let names = inbox.expect("it was made").flatten().map(|e| e.file_name());
        let left: Vec<_> = names.filter(|name| name != "parcel").collect();
        assert!(left.is_empty(), "it left {left:?} in the inbox");

        let Some(server) = &self.server else { return };
        let complaint = server.wait_for("its output", |stdout, stderr| {
            let mut lines = stdout.iter().chain(stderr);
            Some(lines.find_map(|line| complaint(line)))
        });
        assert!(complaint.is_none(), "{}", complaint.unwrap_or_default());

        let (Some(idle), Some(before), Some(now)) = (self.idle, before, self.usage()) else {
            return; // the system does not tell
        };
        let grown = now.peak.saturating_sub(before.peak); // Linux counts it roughly
        let limit = match behaviour {
            Behaviour::Many => GROWTH_BY_A_CROWD,
            _ => GROWTH,
        };
        assert!(grown < limit, "its memory grew by {grown} KiB");
        let deadline = Instant::now() + PATIENCE;
        while let Some(now) = self.usage() {
            if (now.files, now.threads) == (idle.files, idle.threads) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "it still holds {} descriptors and {} threads; before, {} and {}",
                now.files,
                now.threads,
                idle.files,
                idle.threads
            );
            thread::sleep(Duration::from_millis(10)); // nothing tells when /proc changes
        }
    }

    /// What the server uses, where it goes on and the system tells.
    pub fn usage(&self) -> Option<Usage> {
        self.server.as_ref().and_then(|s| Usage::of(s.pid()))
    }

    /// Asks the server to end, with SIGTERM, as `kill` does. Ctrl-C would not do: who was started in
    /// the background by a shell, and all it starts, may ignore that.
    pub fn terminate(self) {
        let Some(server) = self.server else { return };
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            server.terminate();
            let (status, stdout, stderr) = server.wait();
            if status.signal() == Some(rustix::process::Signal::TERM.as_raw()) {
                return check_output(&stdout, &stderr); // it leaves that to the system
            }
            check_end((status, stdout, stderr));
        }
        #[cfg(not(unix))]
        drop(server.stop());
    }
}

/// A folder with a file to send, larger than the buffers on the way, a small one, and an inbox.
fn folder() -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    File::create(folder.path().join("parcel"))?.set_len(8 << 20)?;
    fs::write(folder.path().join("page"), "hello\n")?;
    fs::create_dir(folder.path().join("inbox"))?;
    Ok(folder)
}

/// A program that a hostile peer has met must end with 0, or with 1 and an error.
pub fn check_end((status, stdout, stderr): (ExitStatus, String, String)) {
    let clear = match status.code() {
        Some(0) => true,
        Some(1) => stderr.contains("error: "),
        _ => false,
    };
    assert!(clear, "it ended with {status}\nstderr: {stderr}");
    check_output(&stdout, &stderr);
}

fn check_output(stdout: &str, stderr: &str) {
    let complaint = stdout.lines().chain(stderr.lines()).find_map(complaint);
    assert!(complaint.is_none(), "{}", complaint.unwrap_or_default());
}

/// What is wrong with a line that a program has printed.
fn complaint(line: &str) -> Option<String> {
    if line.contains("panicked at") {
        return Some(format!("it panicked: {line}"));
    }
    // Bytes that are not UTF-8 have become U+FFFD when the line was read.
    let raw = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    line.contains(raw)
        .then(|| format!("it printed a peer's bytes raw: {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complains_of_panics_and_of_raw_bytes() {
        for line in [
            "thread 'main' (7) panicked at src/main.rs:1:1:",
            "\x1b[2J",
            "\r",
            "\u{fffd}",
        ] {
            assert!(complaint(line).is_some(), "{line:?}");
        }
        assert_eq!(complaint("read 3 bytes: \\x1b[2J 你好"), None);
    }
}
