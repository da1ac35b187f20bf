//! Prints every address of a name, in the order in which the system gives them.
//!
//! `cargo run -p udp-chat --example look-up -- localhost`

use std::net::ToSocketAddrs;
use std::process::ExitCode;

use clap::Parser;
use shared::{Failure, escape, say};

/// Print every address of a name, in the system's order.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p udp-chat --example look-up -- localhost")]
struct Args {
    /// The name, or an address
    name: String,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    // The port means nothing here: std only looks up names that have one.
    let found = (args.name.as_str(), 0).to_socket_addrs().map_err(|e| {
        let name = escape(args.name.as_bytes());
        Failure::new(format!("cannot look {name} up: {e}"))
    })?;
    for addr in found {
        let kind = if addr.is_ipv4() { "IPv4" } else { "IPv6" };
        say!("{kind}  {}", addr.ip());
    }
    Ok(())
}
