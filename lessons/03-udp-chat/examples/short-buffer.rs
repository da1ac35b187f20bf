//! Receives two datagrams of 18 bytes into a buffer of so many bytes.
//!
//! `cargo run -p udp-chat --example short-buffer -- 9`

use std::net::UdpSocket;
use std::process::ExitCode;

use clap::Parser;
use shared::{Failure, escape, say};

/// Receive two datagrams of 18 bytes into a buffer of another size.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p udp-chat --example short-buffer -- 9")]
struct Args {
    /// How many bytes the buffer takes
    #[arg(value_parser = shared::number(1..=2000_u16))]
    bytes: u16,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let failed = |e| Failure::new(format!("cannot exchange datagrams with myself: {e}"));
    let receiver = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
    let sender = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
    let to = receiver.local_addr().map_err(failed)?;

    for text in ["sell it, not today", "buy more, tomorrow"] {
        let n = sender.send_to(text.as_bytes(), to).map_err(failed)?;
        say!("sent {n} bytes: {text}");
    }
    let mut buffer = vec![0; usize::from(args.bytes)];
    for _ in 0..2 {
        // Where the datagram does not fit, Unix cuts it and says nothing; Windows returns an error.
        match receiver.recv_from(&mut buffer) {
            Ok((n, _)) => say!("received {n} bytes: {}", escape(&buffer[..n])),
            Err(error) => say!("received an error: {error}"),
        }
    }
    Ok(())
}
