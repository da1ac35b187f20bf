//! Says "here" to everybody who asks, by broadcast or in a multicast group, who is there.
//!
//! `cargo run -p udp-chat --example here`, and in another terminal the example `who-is-there`

use std::net::{Ipv4Addr, UdpSocket};
use std::process::ExitCode;

use clap::Parser;
use shared::{Failure, escape, say};

/// Answer those who ask who is there.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p udp-chat --example here -- --group 239.88.3.3 --on 10.9.0.2"
)]
struct Args {
    /// A multicast group to join
    #[arg(long)]
    group: Option<Ipv4Addr>,

    /// The address of the network card on which the group is joined; 0.0.0.0 lets the system choose
    #[arg(long, default_value = "0.0.0.0")]
    on: Ipv4Addr,

    /// The UDP port
    #[arg(long, default_value = "8803")]
    port: u16,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    // Whoever binds to one of the machine's own addresses hears no broadcast (on Linux).
    let any = (Ipv4Addr::UNSPECIFIED, args.port);
    let socket = UdpSocket::bind(any)
        .map_err(|e| Failure::new(format!("cannot bind to port {}: {e}", args.port)))?;
    if let Some(group) = args.group {
        // Otherwise the kernel throws away what is sent to the group.
        socket
            .join_multicast_v4(&group, &args.on)
            .map_err(|e| Failure::new(format!("cannot join {group} on {}: {e}", args.on)))?;
    }
    let failed = |e| Failure::new(format!("cannot use the socket: {e}"));
    say!("listening on {}", socket.local_addr().map_err(failed)?);

    let mut buffer = [0; 1024];
    loop {
        let (n, asker) = socket.recv_from(&mut buffer).map_err(failed)?;
        say!("{asker} asks: {}", escape(&buffer[..n]));
        // The answer goes to the one who asked, from this host's own address: so it is found.
        if let Err(error) = socket.send_to(b"here", asker) {
            say!("cannot answer {asker}: {error}");
        }
    }
}
