//! Serves client after client; sends back every byte each of them sends. Ctrl-C ends it.
//!
//! Terminal 1: `cargo run --bin loop-server`
//! Terminal 2: `cargo run --bin loop-client`

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use shared::{Addr, Failure, say, warn};

/// Serve client after client and send back every byte each of them sends, until Ctrl-C.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin loop-server -- --addr 127.0.0.1:8802")]
struct Args {
    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", default_value = loop_server::ADDR)]
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

    // The connection loop: nothing that one client does ends it.
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                say!("accepted {client}");
                serve(stream, client);
            }
            Err(error) => {
                warn!("cannot accept a client: {error}");
                // It may last (too many open files): without a pause this loop would spin.
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// Serves one client and reports how that ended.
fn serve(mut stream: TcpStream, client: SocketAddr) {
    let mut total = 0;
    match echo(&mut stream, &mut total) {
        Ok(()) => say!("{client} has finished; {total} bytes went back"),
        Err(error) => warn!("{client} is gone after {total} bytes: {error}"),
    }
}

/// The communication loop: ends when the client has finished, or with the error that ended it.
/// `total` counts what went back, so that it is known after an error too.
fn echo(stream: &mut TcpStream, total: &mut usize) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n])?;
        *total += n;
    }
}
