//! Listens on `[::]`, and shows who gets through: IPv6 only, or IPv4 as well.
//!
//! `cargo run -p loop-server --example dual-stack -- --only-v6`

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::process::ExitCode;

use clap::Parser;
use shared::{Failure, say};
use socket2::{Domain, Socket, Type};

/// Listen on [::] and say who connects.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p loop-server --example dual-stack")]
struct Args {
    /// Let only IPv6 through
    #[arg(long)]
    only_v6: bool,

    /// The TCP port
    #[arg(long, default_value = "8802")]
    port: u16,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let failed = |e| Failure::new(format!("cannot listen on [::]:{}: {e}", args.port));
    let listener = listen(&args).map_err(failed)?;
    say!("listening on {}", listener.local_addr().map_err(failed)?);
    loop {
        let (_, peer) = listener.accept().map_err(failed)?;
        match peer.ip().to_canonical() {
            ip if ip.is_ipv4() => say!("accepted {peer}: this is {ip}, by IPv4"),
            _ => say!("accepted {peer}, by IPv6"),
        }
    }
}

/// The option must be set before the socket is bound, so std's `TcpListener::bind` comes too late.
fn listen(args: &Args) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    socket.set_only_v6(args.only_v6)?;
    if cfg!(unix) {
        socket.set_reuse_address(true)?; // as std does
    }
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, args.port)).into())?;
    socket.listen(128)?;
    Ok(socket.into())
}
