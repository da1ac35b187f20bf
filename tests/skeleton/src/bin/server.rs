//! TO WRITE: what the server does, in one sentence.
//!
//! Terminal 1: `cargo run --bin {{name}}-server`
//! Terminal 2: `cargo run --bin {{name}}-client`

use std::net::TcpListener;
use std::process::ExitCode;

use clap::Parser;
use shared::{Addr, Failure, say};

/// TO WRITE: what the server does, as --help says it.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin {{name}}-server -- --addr 127.0.0.1:{{port}}")]
struct Args {
    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", default_value = {{crate}}::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let bind_failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(&args.addr).map_err(bind_failed)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );

    let accept_failed = |e| Failure::new(format!("cannot accept a client: {e}"));
    let (stream, client) = listener.accept().map_err(accept_failed)?;
    say!("accepted {client}");
    todo!("TO WRITE: what the server does with {stream:?}")
}
