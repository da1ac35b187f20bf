//! Connected is not accepted: how many clients get in while nobody calls `accept`.
//!
//! `cargo run -p loop-server --example backlog`

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use shared::{Addr, Failure, say};

/// Listen, never accept, and connect until one client is not answered within a second.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p loop-server --example backlog -- --addr 127.0.0.1:8802"
)]
struct Args {
    /// Where to listen
    #[arg(short, long, value_name = "HOST:PORT", default_value = loop_server::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let bind_failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(&args.addr).map_err(bind_failed)?;
    let addr = listener.local_addr().map_err(bind_failed)?;

    let mut clients = Vec::new();
    loop {
        match TcpStream::connect_timeout(&addr, Duration::from_secs(1)) {
            Ok(mut client) => {
                client
                    .write_all(b"hello")
                    .map_err(|e| Failure::broken("write to", addr, e))?;
                clients.push(client);
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                say!(
                    "{} clients connected and wrote; nobody called accept",
                    clients.len()
                );
                say!("client {} waited for a second: {error}", clients.len() + 1);
                return Ok(());
            }
            Err(error) => {
                // Some systems refuse when the queue is full.
                say!("client {}: {error}", clients.len() + 1);
                return Ok(());
            }
        }
    }
}
