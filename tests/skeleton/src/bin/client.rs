//! TO WRITE: what the client does, in one sentence.
//!
//! Terminal 1: `cargo run --bin {{name}}-server`
//! Terminal 2: `cargo run --bin {{name}}-client`

use std::net::TcpStream;
use std::process::ExitCode;

use clap::Parser;
use shared::{Addr, Failure};

/// TO WRITE: what the client does, as --help says it.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin {{name}}-client -- --addr 127.0.0.1:{{port}}")]
struct Args {
    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = {{crate}}::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let stream = TcpStream::connect(&args.addr)
        .map_err(|e| Failure::connect(&args.addr, "{{name}}-server", e))?;
    todo!("TO WRITE: what the client does with {stream:?}")
}
