//! Asks a time server for as much as it gives, and compares what went out with what came back.
//!
//! Terminal 1: `cargo run --bin time-server`
//! Terminal 2: `cargo run -p time-sync --example amplify`

use std::net::UdpSocket;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use shared::{Addr, Failure, MAX_TEXT, any_port, say};

/// Ask a time server for as much as it gives, and compare the lengths.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p time-sync --example amplify -- --addr 127.0.0.1:8804"
)]
struct Args {
    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = time_sync::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let failed = |e| Failure::unreachable(&args.addr, "time-server", e);
    let server = args.addr.look_up().map_err(failed)?;
    let socket = UdpSocket::bind(any_port(server)).map_err(failed)?;
    socket.connect(server).map_err(failed)?;
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .map_err(failed)?;

    let mut buffer = [0; MAX_TEXT + 1];
    for (count, format) in [
        (1, "%F"),
        (100, "%F"),
        (128, "%F"),
        (512, "%F"),
        (170, "%1000Y"),
    ] {
        let sent = socket
            .send(format.repeat(count).as_bytes())
            .map_err(failed)?;
        let received = socket.recv(&mut buffer).map_err(failed)?;
        let factor = received as f64 / sent as f64;
        say!("{count:3} × {format:6}  {sent:4} bytes → {received:4} bytes, {factor:.1} times");
    }
    Ok(())
}
