//! A chat room: what one client says goes to all others. Ctrl-C stops it in order.
//!
//! Terminal 1: `cargo run --bin room-server`
//! Terminal 2: `cargo run --bin room-client -- mia`, and in terminal 3 the same with another name

use std::io::{self, IsTerminal};
use std::net::TcpListener;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use chat_room::{Limits, Room, Stop, poll, threads};
use clap::Parser;
use shared::{Addr, Failure, say};
use socket2::SockRef;

/// Pass on what each client says to all others, until Ctrl-C.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin room-server -- --threads")]
struct Args {
    /// Two threads for each client, instead of one thread for all
    #[arg(long)]
    threads: bool,

    /// How many clients may be here at once
    // Each needs an open file, and often a program may have 1,024 (`ulimit -n`); a few are ours.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = shared::number(1..=u32::MAX))]
    max_clients: u32,

    /// How long a client has to say its name, in seconds
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = shared::seconds)]
    name_timeout: Duration,

    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", default_value = chat_room::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(&args.addr).map_err(failed)?;
    // std has called listen with a backlog of 128; lesson 8 tells why that is few.
    SockRef::from(&listener).listen(4096).map_err(failed)?;
    let stop = Arc::new(Stop::new().map_err(failed)?);
    stop_at_ctrl_c(&stop)?;
    say!("listening on {}", listener.local_addr().map_err(failed)?);

    let limits = Limits {
        max_clients: usize::try_from(args.max_clients).unwrap_or(usize::MAX),
        name_timeout: args.name_timeout,
    };
    let room = Room::default();
    let served = if args.threads {
        threads::serve(listener, limits, &stop, room)
    } else {
        poll::serve(listener, limits, &stop, room)
    };
    served.map_err(|e| Failure::new(format!("cannot wait for clients: {e}")))?;
    say!("stopped");
    Ok(())
}

/// Ctrl-C stops the server; pressed once more, it ends the program at once.
fn stop_at_ctrl_c(stop: &Arc<Stop>) -> Result<(), Failure> {
    let stop = Arc::clone(stop);
    let stop = move || {
        if io::stdout().is_terminal() {
            say!(""); // the terminal shows ^C and stays in that line
        }
        say!("stopping");
        if stop.ask() {
            process::exit(130); // what shells expect of a program that Ctrl-C has ended
        }
    };
    ctrlc::set_handler(stop).map_err(|e| Failure::new(format!("cannot listen to Ctrl-C: {e}")))
}
