//! The servers that are measured: ours, and the peers in other languages.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use course::{has, programs, workspace};
use shared::Failure;

/// How to start a server, and what it is called in the tables.
pub struct Contestant {
    pub name: &'static str,
    program: String,
    arguments: Vec<String>,
}

/// A server that runs. It is killed when this is dropped.
pub struct Peer {
    child: Child,
    pub addr: SocketAddr,
}

/// Ours, then those of the peers that this machine can run: it says which it cannot. Those in C
/// have a name for the tables and one of a file in `tests/peers/`.
pub fn contestants(
    ours: &str,
    arguments: &[&str],
    c: &[(&'static str, &str)],
    python: &str,
) -> Result<Vec<Contestant>, Failure> {
    let to_strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut all = vec![Contestant {
        name: "ours",
        program: programs().join(ours).display().to_string(),
        arguments: to_strings(&[&["--addr", "127.0.0.1:0"], arguments].concat()),
    }];
    if has("cc") {
        for &(name, source) in c {
            all.push(Contestant {
                name,
                program: compile(source)?,
                arguments: Vec::new(),
            });
        }
    }
    if has("python3") {
        let script = workspace().join(python).display().to_string();
        all.push(Contestant {
            name: "Python",
            program: "python3".to_owned(),
            arguments: vec![script, "0".to_owned()],
        });
    }
    Ok(all)
}

/// Compiles `tests/peers/NAME.c` beside our programs.
fn compile(name: &str) -> Result<String, Failure> {
    let failed = |e: io::Error| Failure::new(format!("cannot compile {name}.c: {e}"));
    let folder = programs().join("peers");
    fs::create_dir_all(&folder).map_err(failed)?;
    let (source, program) = (format!("tests/peers/{name}.c"), folder.join(name));
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-pthread", "-o"]).arg(&program);
    compiler.args([&source, "-lm"]).current_dir(workspace());
    if compiler.status().map_err(failed)?.success() {
        return Ok(program.display().to_string());
    }
    Err(Failure::new(format!("cc could not compile {source}")))
}

impl Contestant {
    /// Starts it and waits until it listens. Its log is read and thrown away.
    pub fn start(&self) -> Result<Peer, Failure> {
        let name = self.name;
        let failed = |e: io::Error| Failure::new(format!("cannot start {name}'s server: {e}"));
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_remove("COURSE_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let mut log = BufReader::new(child.stdout.take().expect("it was piped"));
        let mut line = String::new();
        let read = log.read_line(&mut line);
        let addr = line.trim().strip_prefix("listening on ");
        let addr = addr.and_then(|addr| addr.parse().ok());
        thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        let any = SocketAddr::from(([0, 0, 0, 0], 0));
        let addr_or_any = addr.unwrap_or(any);
        let peer = Peer {
            child,
            addr: addr_or_any,
        };
        read.map_err(failed)?;
        match addr {
            Some(_) => Ok(peer),
            None => Err(Failure::new(format!("{name}'s server does not listen"))),
        }
    }
}

impl Peer {
    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended already
        let _ = self.child.wait();
    }
}
