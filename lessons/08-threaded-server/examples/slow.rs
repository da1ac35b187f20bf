//! A client that is slow on purpose: it sends a line one byte at a time and never ends it.
//!
//! Terminal 1: `cargo run --bin threaded-server -- --idle-timeout 2`
//! Terminal 2: `cargo run -p threaded-server --example slow`

use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use shared::{Addr, Failure, say};

/// Send a byte now and then and never end the line, until the server closes.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p threaded-server --example slow -- --every 0.1")]
struct Args {
    /// How long to wait between two bytes, in seconds
    #[arg(long, value_name = "SECS", default_value = "0.1", value_parser = shared::seconds)]
    every: Duration,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = threaded_server::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let addr = &args.addr;
    let mut stream =
        TcpStream::connect(addr).map_err(|e| Failure::connect(addr, "threaded-server", e))?;
    stream
        .set_read_timeout(Some(args.every))
        .map_err(|e| Failure::broken("use", addr, e))?;
    let start = Instant::now();
    say!("connected; a byte each {:.1} s", args.every.as_secs_f64());

    let mut buffer = [0; 1024];
    loop {
        // Waiting for the server to close is the pause between two bytes.
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) => {} // the greeting
            Err(e) if matches!(e.kind(), WouldBlock | TimedOut | Interrupted) => {
                if stream.write_all(b".").is_err() {
                    break;
                }
            }
            Err(_) => break, // reset: it closed with a byte of ours unread
        }
    }
    say!(
        "the server closed after {:.1} s",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
