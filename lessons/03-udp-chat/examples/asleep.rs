//! Sends datagrams to a receiver that does not read for a while, and counts how many it gets.
//!
//! `cargo run -p udp-chat --example asleep`

use std::net::UdpSocket;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use shared::{Failure, say};

/// Send datagrams to a receiver that does not read until all are sent, and count what it gets.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p udp-chat --example asleep -- --count 5000 --size 1000"
)]
struct Args {
    /// How many datagrams
    #[arg(long, default_value = "5000", value_parser = shared::number(1..=1_000_000_u32))]
    count: u32,

    /// How many bytes each of them has
    #[arg(long, default_value = "1000", value_parser = shared::number(4..=65_507_u16))]
    size: u16,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let failed = |e| Failure::new(format!("cannot exchange datagrams with myself: {e}"));
    let receiver = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
    let sender = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
    sender
        .connect(receiver.local_addr().map_err(failed)?)
        .map_err(failed)?;

    // Each begins with its number. Nobody reads yet: the system keeps them in the receive buffer.
    let mut datagram = vec![0; usize::from(args.size)];
    let mut errors = 0;
    for number in 0..args.count {
        datagram[..4].copy_from_slice(&number.to_be_bytes());
        if sender.send(&datagram).is_err() {
            errors += 1;
        }
    }
    say!("sent {} datagrams; {errors} errors", args.count);

    // Now the receiver wakes up. What is not there within 200 ms will not come.
    receiver
        .set_read_timeout(Some(Duration::from_millis(200)))
        .map_err(failed)?;
    let (mut received, mut last) = (0, 0);
    while let Ok(n) = receiver.recv(&mut datagram) {
        received += 1;
        if let Some(number) = datagram[..n].first_chunk() {
            last = u32::from_be_bytes(*number);
        }
    }
    say!("received {received}; the last of them was number {last}, counted from 0");
    Ok(())
}
