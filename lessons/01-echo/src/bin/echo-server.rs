//! Accepts one client, sends back every byte it reads, and exits when the client has finished.
//!
//! Terminal 1: `cargo run --bin echo-server`
//! Terminal 2: `cargo run --bin echo-client -- "hello, world"`

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ExitCode;

use clap::Parser;
use shared::{Addr, Failure, preview, say};

/// Accept one client, send back every byte it sends, and exit when it has finished.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin echo-server -- --addr 127.0.0.1:8801")]
struct Args {
    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", default_value = echo::ADDR)]
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
    let (mut stream, client) = listener.accept().map_err(accept_failed)?;
    say!("accepted {client}");

    let mut buffer = [0; 1024];
    let mut total = 0;
    loop {
        let n = stream
            .read(&mut buffer)
            .map_err(|e| Failure::broken("read from", client, e))?;
        if n == 0 {
            break; // the client has finished: it will send no more
        }
        let bytes = &buffer[..n]; // what lies behind is left from an earlier read
        say!("read {n} bytes: {}", preview(bytes));
        stream
            .write_all(bytes)
            .map_err(|e| Failure::broken("write to", client, e))?;
        total += n;
    }
    say!("{client} has finished; {total} bytes went back");
    Ok(())
}
