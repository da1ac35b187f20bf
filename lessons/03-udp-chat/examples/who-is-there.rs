//! Asks all hosts of a network, or all members of a group, who is there.
//!
//! `cargo run -p udp-chat --example who-is-there -- 127.255.255.255`

use std::net::{Ipv4Addr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use shared::{Failure, escape, say};
use socket2::SockRef;

/// Ask everybody at an address who is there, and list who answers.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p udp-chat --example who-is-there -- 239.88.3.3 --on 10.9.0.1"
)]
struct Args {
    /// A broadcast address or a multicast group
    to: Ipv4Addr,

    /// The address of the network card through which a group is asked; 0.0.0.0 lets the system choose
    #[arg(long, default_value = "0.0.0.0")]
    on: Ipv4Addr,

    /// The UDP port
    #[arg(long, default_value = "8803")]
    port: u16,

    /// Do not ask for the permission to broadcast
    #[arg(long)]
    no_permission: bool,

    /// How many seconds to wait for answers
    #[arg(long, default_value = "5", value_parser = shared::seconds)]
    wait: Duration,

    /// Wait no longer when so many have answered
    #[arg(long)]
    enough: Option<u32>,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let failed = |e| Failure::new(format!("cannot use the socket: {e}"));
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(failed)?;
    socket.set_broadcast(!args.no_permission).map_err(failed)?;
    if args.to.is_multicast() {
        // No route says which network a group is in. std cannot choose one.
        SockRef::from(&socket)
            .set_multicast_if_v4(&args.on)
            .map_err(failed)?;
    }
    socket
        .send_to(b"who is there?", (args.to, args.port))
        .map_err(|e| Failure::new(format!("cannot ask {}: {e}", args.to)))?;

    // Nobody can know how many will answer: only the time ends this, or that it is enough.
    let end = Instant::now() + args.wait;
    let mut buffer = [0; 1024];
    let mut answers = 0;
    while args.enough.is_none_or(|enough| answers < enough) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(left)).map_err(failed)?;
        // A timeout ends the loop; any other error is an answer that got lost.
        if let Ok((n, from)) = socket.recv_from(&mut buffer) {
            say!("{from}: {}", escape(&buffer[..n]));
            answers += 1;
        }
    }
    say!("{answers} answered");
    Ok(())
}
