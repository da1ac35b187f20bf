//! A `poll` loop that always asks whether it may write, and one that asks only for what it needs.
//!
//! `cargo run -p chat-room --example spin`

use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use shared::{Failure, say};

/// Wait for a client that says nothing, in two ways, and count how often poll returns.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p chat-room --example spin -- --seconds 10")]
struct Args {
    /// How long each way, in seconds
    #[arg(long, value_name = "SECS", default_value = "1", value_parser = shared::seconds)]
    seconds: Duration,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let failed = |e| Failure::new(format!("cannot connect to myself: {e}"));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let _silent = TcpStream::connect(addr).map_err(failed)?;
    let (stream, _) = listener.accept().map_err(failed)?;
    for (how, events) in [
        ("IN     ", PollFlags::IN),
        ("IN, OUT", PollFlags::IN | PollFlags::OUT),
    ] {
        let returns = count_returns(&stream, events, args.seconds)
            .map_err(|e| Failure::new(format!("cannot wait: {e}")))?;
        let s = args.seconds.as_secs_f64();
        say!("asked for {how}: poll returned {returns} times in {s} s");
    }
    Ok(())
}

fn count_returns(
    stream: &TcpStream,
    events: PollFlags,
    during: Duration,
) -> Result<u64, Box<dyn std::error::Error>> {
    let end = Instant::now() + during;
    let mut returns = 0;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(returns);
        }
        let mut fds = [PollFd::new(stream, events)];
        returns += u64::from(poll(&mut fds, Some(&Timespec::try_from(left)?))? > 0);
    }
}
