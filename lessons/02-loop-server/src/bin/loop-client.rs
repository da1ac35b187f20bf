//! Sends each line it is given and prints the echo, until `q` or the end of input.
//!
//! Terminal 1: `cargo run --bin loop-server`
//! Terminal 2: `cargo run --bin loop-client`

use std::io::{self, IsTerminal, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use clap::Parser;
use shared::{Addr, Failure, ask, escape, say};

/// Send each line from the keyboard, print the echo; q or Ctrl-D ends.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin loop-client\n  printf 'a\\nb\\n' | cargo run -q --bin loop-client"
)]
struct Args {
    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = loop_server::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(&args.addr)
        .map_err(|e| Failure::connect(&args.addr, "loop-server", e))?;
    if io::stdin().is_terminal() {
        say!("connected; q or Ctrl-D ends");
    }

    while let Some(message) = ask("> ")? {
        if message == b"q" {
            break;
        }
        if message.is_empty() {
            continue; // zero bytes would never reach the server: there is no echo to wait for
        }

        // `ask` takes at most 64 KiB, which fits into the buffers on the way. A much longer
        // message would have to be read back while it is still being written.
        stream
            .write_all(&message)
            .map_err(|e| Failure::broken("write to", &args.addr, e))?;

        // The echo is exactly as long as the message, in however many pieces it comes.
        let mut echo = vec![0; message.len()];
        stream
            .read_exact(&mut echo)
            .map_err(|e| Failure::broken("read from", &args.addr, e))?;
        say!("{}", escape(&echo));
    }
    Ok(())
}
