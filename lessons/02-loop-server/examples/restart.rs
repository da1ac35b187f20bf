//! Why a server can start again at once: SO_REUSEADDR, with it and without it.
//!
//! `cargo run -p loop-server --example restart`

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;

use clap::Parser;
use shared::{Addr, Failure, say};
use socket2::{Domain, Socket, Type};

/// Close a connection on the server's side first, then try to listen on its port again.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p loop-server --example restart -- --addr 127.0.0.1:8802"
)]
struct Args {
    /// Where to listen
    #[arg(
        short,
        long,
        value_name = "HOST:PORT",
        default_value = loop_server::ADDR
    )]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let listener = TcpListener::bind(&args.addr).map_err(|e| Failure::bind(&args.addr, e))?;
    let addr = leave_time_wait(listener)
        .map_err(|e| Failure::new(format!("cannot serve a first client: {e}")))?;
    say!("{addr} has served a client and closed first");

    match bind_without_reuse(addr) {
        Ok(()) => say!("without SO_REUSEADDR: listening again"),
        Err(error) => say!("without SO_REUSEADDR: {error}"),
    }
    let as_std_binds = if cfg!(unix) {
        "with SO_REUSEADDR, as std binds on Unix"
    } else {
        "as std binds here, without SO_REUSEADDR"
    };
    match TcpListener::bind(addr) {
        Ok(_) => say!("{as_std_binds}: listening again"),
        Err(error) => say!("{as_std_binds}: {error}"),
    }
    Ok(())
}

/// A server's short life. Its side closes first, so its side keeps the connection in TIME_WAIT.
fn leave_time_wait(listener: TcpListener) -> io::Result<SocketAddr> {
    let addr = listener.local_addr()?;
    let client = TcpStream::connect(addr)?;
    let (server, _) = listener.accept()?;
    drop(server);
    drop(client);
    Ok(addr)
}

/// What `TcpListener::bind` does, except for one option.
fn bind_without_reuse(addr: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.bind(&addr.into())?;
    socket.listen(128)
}
