//! Lesson 1: server and client as whole processes, from the start of the first to the end of both.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Instant;

use course::{has, workspace};
use shared::Failure;

use super::cores::OneCore;
use super::peer::{Contestant, compile, program};
use super::rounds::interleave;
use super::table::{Comparison, Unit};

/// Pairs in each round, one after the other.
const PAIRS: u32 = 20;

const MESSAGE: &str = "hello, world";

pub fn run(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    let _core = OneCore::pin();
    let pairs = pairs()?;
    for pair in &pairs {
        pair.run()?; // so that everything is in the caches
    }
    let results = interleave(rounds, pairs.len(), |i| {
        let start = Instant::now();
        for _ in 0..PAIRS {
            pairs[i].run()?;
        }
        Ok(start.elapsed().as_secs_f64() / f64::from(PAIRS))
    })?;
    let names = pairs.iter().map(|pair| pair.server.name);
    measured.push(Comparison {
        what: "a one-shot echo: start server and client, echo 12 bytes, end both".to_owned(),
        unit: Unit::Seconds,
        results: names.zip(results).collect(),
        goals: &[("Python", 25.0)],
    });
    Ok(())
}

/// A server, and how to start the client that sends the message to it.
struct Pair {
    server: Contestant,
    client: Box<dyn Fn(SocketAddr) -> Command>,
}

fn pairs() -> Result<Vec<Pair>, Failure> {
    let (ours, port) = (program("echo-client"), |addr: SocketAddr| {
        addr.port().to_string()
    });
    let mut pairs = vec![Pair {
        server: Contestant::new("ours", program("echo-server"), &["--addr", "127.0.0.1:0"]),
        client: Box::new(move |addr| command(&ours, &["--addr", &addr.to_string(), MESSAGE])),
    }];
    if has("cc") {
        let server = compile("tests/echo-pairs/echo_server.c")?;
        let client = compile("tests/echo-pairs/echo_client.c")?;
        pairs.push(Pair {
            server: Contestant::new("C", server, &["127.0.0.1", "0"]),
            client: Box::new(move |addr| command(&client, &["127.0.0.1", &port(addr), MESSAGE])),
        });
    }
    if has("python3") {
        let peers = workspace().join("lessons/01-echo/peers");
        let script = |name: &str| peers.join(name).display().to_string();
        let (server, client) = (script("echo_server.py"), script("echo_client.py"));
        let python = "python3".to_owned();
        pairs.push(Pair {
            server: Contestant::new("Python", python, &[&server, "0"]),
            client: Box::new(move |addr| command("python3", &[&client, &port(addr), MESSAGE])),
        });
    }
    Ok(pairs)
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

impl Pair {
    fn run(&self) -> Result<(), Failure> {
        let name = self.server.name;
        let server = self.server.start()?;
        let client = (self.client)(server.addr).output();
        let client =
            client.map_err(|e| Failure::new(format!("cannot run {name}'s client: {e}")))?;
        if !String::from_utf8_lossy(&client.stdout).contains(MESSAGE) {
            return Err(Failure::new(format!("{name}'s client shows no echo")));
        }
        server.end()
    }
}
