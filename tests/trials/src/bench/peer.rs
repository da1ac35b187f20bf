//! The servers that are measured: ours, and the peers in other languages.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use course::{first_line, has, listens_at, programs, workspace};
use shared::Failure;

use super::rounds::interleave;

/// How to start a server, and what it is called in the tables.
pub struct Contestant {
    pub name: &'static str,
    program: String,
    arguments: Vec<String>,
    typed: &'static str,
}

/// A server that runs. It is killed when this is dropped.
pub struct Peer {
    pub name: &'static str,
    child: Child,
    pub addr: SocketAddr,
}

/// Ours, then those of the peers that this machine can run: it says which it cannot. Those in C
/// have a name for the tables and a file in the workspace, the one in Python a file.
pub fn contestants(
    ours: &str,
    arguments: &[&str],
    c: &[(&'static str, &str)],
    python: &str,
) -> Result<Vec<Contestant>, Failure> {
    let arguments = [&["--addr", "127.0.0.1:0"], arguments].concat();
    let mut all = vec![Contestant::new("ours", program(ours), &arguments)];
    if has("cc") {
        for &(name, source) in c {
            all.push(Contestant::new(name, compile(source)?, &[]));
        }
    }
    if has("python3") {
        let script = workspace().join(python).display().to_string();
        all.push(Contestant::new(
            "Python",
            "python3".to_owned(),
            &[&script, "0"],
        ));
    }
    Ok(all)
}

/// Where a program of ours lies.
pub fn program(name: &str) -> String {
    programs().join(name).display().to_string()
}

/// Compiles a file of the workspace; returns where the program lies, beside ours.
pub fn compile(source: &str) -> Result<String, Failure> {
    let failed = |e: io::Error| Failure::new(format!("cannot compile {source}: {e}"));
    let folder = programs().join("peers");
    fs::create_dir_all(&folder).map_err(failed)?;
    let name = Path::new(source).file_stem().unwrap_or_default();
    let program = folder.join(name);
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-pthread", "-o"]).arg(&program);
    compiler.args([source, "-lm"]).current_dir(workspace());
    if compiler.status().map_err(failed)?.success() {
        return Ok(program.display().to_string());
    }
    Err(Failure::new(format!("cc could not compile {source}")))
}

/// Starts each of them, has it do the work once so that everything is in the caches, and then once
/// in each round: their names, and what was measured.
pub fn measure(
    contestants: &[Contestant],
    rounds: u32,
    work: impl Fn(&Peer) -> io::Result<f64>,
) -> Result<Vec<(&'static str, Vec<f64>)>, Failure> {
    let peers = contestants.iter().map(Contestant::start);
    let peers = peers.collect::<Result<Vec<_>, Failure>>()?;
    let work = |peer: &Peer| {
        let what = format!("measure {}'s server", peer.name);
        work(peer).map_err(|e| Failure::broken(&what, peer.addr, e))
    };
    for peer in &peers {
        work(peer)?;
    }
    let results = interleave(rounds, peers.len(), |i| work(&peers[i]))?;
    Ok(peers.iter().map(|peer| peer.name).zip(results).collect())
}

impl Contestant {
    pub fn new(name: &'static str, program: String, arguments: &[&str]) -> Contestant {
        Contestant {
            name,
            program,
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            typed: "",
        }
    }

    /// The same, with somebody at its keyboard who types this again and again.
    pub fn typing(self, typed: &'static str) -> Contestant {
        Contestant { typed, ..self }
    }

    /// Starts it and waits until it listens. Its log is read and thrown away.
    pub fn start(&self) -> Result<Peer, Failure> {
        let name = self.name;
        let failed = |e: io::Error| Failure::new(format!("cannot start {name}'s server: {e}"));
        let stdin = if self.typed.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_remove("COURSE_KEY")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        if let Some(mut keyboard) = child.stdin.take() {
            let lines = self.typed.repeat(1000);
            thread::spawn(move || while keyboard.write_all(lines.as_bytes()).is_ok() {});
        }
        let addr = SocketAddr::from(([0, 0, 0, 0], 0)); // until it says where it listens
        let mut peer = Peer { name, child, addr };
        let line = first_line(&mut peer.child).map_err(failed)?;
        let mut log = peer.child.stdout.take().expect("it was piped");
        thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        let silent = || Failure::new(format!("{name}'s server does not listen"));
        peer.addr = listens_at(line.trim()).ok_or_else(silent)?;
        Ok(peer)
    }
}

impl Peer {
    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself.
    pub fn end(mut self) -> Result<(), Failure> {
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::new(format!("{}'s server: {status}", self.name))),
            Err(error) => Err(Failure::new(format!("cannot wait for a server: {error}"))),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended already
        let _ = self.child.wait();
    }
}
