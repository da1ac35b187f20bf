//! Serves many clients at once: greets each and sends back its lines. Ctrl-C stops it in order.
//!
//! Terminal 1: `cargo run --bin threaded-server`
//! Terminal 2: `cargo run --bin threaded-client`, and in terminal 3 the same

use std::io::{self, IsTerminal};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use shared::{Addr, Failure, read_by, say, warn, write_all_by};
use socket2::SockRef;
use threaded_server::{Client, Limits, LineReader, MAX_LINE, Received, Stop, serve};

/// How much of what a client sends is taken after our last words, as in exercise 1.3.
const MAX_REST: usize = 1024 * 1024;

/// Greet every client and send back each of its lines, many clients at once, until Ctrl-C.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q --bin threaded-server -- --max-clients 2 --idle-timeout 10"
)]
struct Args {
    /// How many clients may be here at once; the next one is told 'server full'
    // Each needs an open file, and often a program may have 1,024 (`ulimit -n`); a few are ours.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = shared::number(1..=u32::MAX))]
    max_clients: u32,

    /// How long a client has for each of its lines, in seconds
    #[arg(long, value_name = "SECS", default_value = "300", value_parser = shared::seconds)]
    idle_timeout: Duration,

    /// How long a client has to take each reply, in seconds
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = shared::seconds)]
    write_timeout: Duration,

    /// How many clients may wait to be accepted; the system may have a lower limit
    #[arg(long, value_name = "N", default_value = "4096", value_parser = shared::number(1..=i32::MAX))]
    backlog: i32,

    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", default_value = threaded_server::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let bind_failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(&args.addr).map_err(bind_failed)?;
    // std has called listen with a backlog of 128. A second call only changes that number.
    SockRef::from(&listener)
        .listen(args.backlog)
        .map_err(bind_failed)?;

    let stop = Arc::new(Stop::new(&listener).map_err(bind_failed)?);
    stop_at_ctrl_c(&stop)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );

    let limits = Limits {
        max_clients: usize::try_from(args.max_clients).unwrap_or(usize::MAX),
        stack_size: 256 * 1024, // std's default is 2 MiB; `handle` needs a few KiB
    };
    serve(listener, limits, &stop, |client| handle(client, &args));
    say!("stopped");
    Ok(())
}

/// Ctrl-C stops the machine; pressed once more, it ends the program at once.
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

/// Does everything for one client, in a thread of its own, and reports how it ended.
fn handle(client: &Client, args: &Args) {
    say!("accepted {client}");
    let mut total = 0;
    let ended = echo_lines(client, args, &mut total);
    let s = if total == 1 { "" } else { "s" };
    match ended {
        Ok(()) => say!("{client} has finished; {total} line{s} went back"),
        Err(error) => warn!("{client} is gone after {total} line{s}: {error}"),
    }
}

/// The communication loop. Each read and each write has its deadline, so no client can hold its
/// thread for ever.
fn echo_lines(client: &Client, args: &Args, total: &mut usize) -> io::Result<()> {
    let stream = &*client.stream;
    stream.set_nodelay(true)?; // a client may send several lines at once: lesson 5
    let write = |bytes: &[u8]| write_all_by(stream, bytes, Instant::now() + args.write_timeout);

    write(format!("hello, you are client {}\n", client.number).as_bytes())?;
    let mut lines = LineReader::new(stream);
    loop {
        match lines.read_line(Instant::now() + args.idle_timeout)? {
            Received::Line(line) => write(&line)?,
            Received::End => return Ok(()),
            Received::TooLong => {
                let reason = format!("a line is longer than {MAX_LINE} bytes");
                write(format!("error: {reason}\n").as_bytes())?;
                finish(stream)?;
                return Err(io::Error::other(reason));
            }
        }
        *total += 1;
    }
}

/// Half-closes and reads on, for at most a second and at most [`MAX_REST`] bytes: closing with bytes
/// unread would send RST, and the client might lose our last words. Who sends more than that does
/// not read them.
fn finish(stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut left = MAX_REST;
    let mut buffer = [0; 1024];
    while left > 0 {
        let most = left.min(buffer.len());
        match read_by(stream, &mut buffer[..most], deadline) {
            Ok(n @ 1..) => left -= n,
            _ => break, // it has closed, or its second is over
        }
    }
    Ok(())
}
