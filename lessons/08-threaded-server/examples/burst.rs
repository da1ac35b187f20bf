//! Many clients at the same moment: how many get their greeting, and when.
//!
//! Terminal 1: `cargo run --bin threaded-server`, then with `-- --backlog 128`
//! Terminal 2: `cargo run -p threaded-server --example burst`

use std::io::Read;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use shared::{Addr, Failure, read_by, say};
use socket2::{Domain, Socket, Type};

/// Connect many clients at once and count the greetings.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p threaded-server --example burst -- --clients 1000 --wait 5"
)]
struct Args {
    /// How many clients
    #[arg(long, value_name = "N", default_value = "1000", value_parser = shared::number(1..=10_000_u32))]
    clients: u32,

    /// How long to wait for the greetings, in seconds
    #[arg(long, value_name = "SECS", default_value = "5", value_parser = shared::seconds)]
    wait: Duration,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = threaded_server::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let failed = |e| Failure::connect(&args.addr, "threaded-server", e);
    let mut addrs = args.addr.to_socket_addrs().map_err(failed)?;
    let Some(addr) = addrs.next() else {
        return Err(Failure::new(format!("{} has no address", args.addr)));
    };
    TcpStream::connect(addr).map_err(failed)?; // is anybody there?

    let start = Instant::now();
    let mut streams = Vec::new();
    for _ in 0..args.clients {
        streams.push(begin_to_connect(addr).map_err(|e| {
            Failure::new(format!("cannot open client {}: {e}", streams.len() + 1))
                .hint("ulimit -n tells how many files a program may open, and sockets are files")
        })?);
    }
    let deadline = start + args.wait;
    let mut greeted = 0;
    for stream in &streams {
        let mut greeting = [0; 64];
        let n = match read_by(stream, &mut greeting, deadline) {
            Ok(n) => n,
            Err(_) => read_now(stream, &mut greeting), // it came while we waited for others
        };
        greeted += u32::from(greeting[..n].starts_with(b"hello"));
    }
    let time = start.elapsed().as_secs_f64();
    let clients = args.clients;
    say!("{greeted} of {clients} clients were greeted within {time:.2} s");
    Ok(())
}

/// Sends the request to connect and does not wait for the answer.
fn begin_to_connect(addr: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let _ = socket.connect(&addr.into()); // "in progress", and reading tells how it ended
    socket.set_nonblocking(false)?;
    Ok(socket.into())
}

/// What has come already.
fn read_now(mut stream: &TcpStream, buffer: &mut [u8]) -> usize {
    let set = stream.set_nonblocking(true);
    set.and_then(|()| stream.read(buffer)).unwrap_or(0)
}
