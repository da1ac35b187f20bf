//! Prints the server's greeting, then sends each line it is given and prints the echo, until `q`
//! or the end of input.
//!
//! Terminal 1: `cargo run --bin threaded-server`
//! Terminal 2: `cargo run --bin threaded-client`, and in terminal 3 the same

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use shared::{Addr, Failure, ask, escape, preview, say, write_all_by};
use threaded_server::{FULL, LineReader, MAX_LINE, Received};

/// Print the greeting, send each line from the keyboard, print the echo; q or Ctrl-D ends.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin threaded-client\n  printf 'a\\nb\\n' | cargo run -q --bin threaded-client"
)]
struct Args {
    /// How long to wait for each line of the server, in seconds
    #[arg(short, long, value_name = "SECS", default_value = "10", value_parser = shared::seconds)]
    timeout: Duration,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = threaded_server::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let addr = &args.addr;
    let stream =
        TcpStream::connect(addr).map_err(|e| Failure::connect(addr, "threaded-server", e))?;
    let mut lines = LineReader::new(&stream);
    let mut receive = || {
        read_line(&mut lines, Instant::now() + args.timeout)
            .map_err(|e| Failure::broken("read from", addr, e))
    };

    let greeting = receive()?;
    if greeting == FULL {
        let failure = Failure::new(format!("no place is free at {addr}"));
        return Err(failure.hint("try again when a client has left"));
    }
    say!("{}", shown(&greeting));

    while let Some(mut line) = ask("> ")? {
        if line == b"q" {
            break;
        }
        if line.len() > MAX_LINE {
            let (start, length) = (preview(&line), line.len());
            let message = format!("the line '{start}' is too long: {length} bytes > {MAX_LINE}");
            return Err(Failure::new(message));
        }
        line.push(b'\n'); // and one write for both: lesson 5
        write_all_by(&stream, &line, Instant::now() + args.timeout)
            .map_err(|e| Failure::broken("write to", addr, e))?;
        say!("{}", shown(&receive()?));
    }
    Ok(())
}

/// The server's next line. It must not end before it has answered.
fn read_line(lines: &mut LineReader, deadline: Instant) -> io::Result<Vec<u8>> {
    match lines.read_line(deadline)? {
        Received::Line(line) => Ok(line),
        Received::TooLong => Err(io::Error::other(format!(
            "a line is longer than {MAX_LINE} bytes"
        ))),
        Received::End => Err(io::Error::new(ErrorKind::UnexpectedEof, "it has closed")),
    }
}

/// A line without its end, safe to print.
fn shown(line: &[u8]) -> String {
    escape(line.strip_suffix(b"\n").unwrap_or(line))
}
