//! A time server that is wrong, slow and loses requests, for trying out a client.
//!
//! `cargo run -p time-sync --example crooked-server -- --ahead 5 --delay 200 --drop 2`

use std::net::UdpSocket;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use jiff::{SignedDuration, Zoned};
use shared::{Addr, Failure, MAX_TEXT, say, warn};
use time_sync::{ERROR, format_time};

/// Answer as a time server, but wrong, slowly, and not always.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p time-sync --example crooked-server -- --ahead 5 --drop 2"
)]
struct Args {
    /// How many seconds its clock is ahead, or behind if it is negative
    #[arg(
        long,
        value_name = "SECS",
        default_value = "0",
        allow_negative_numbers = true,
        value_parser = shared::number(i32::MIN..=i32::MAX)
    )]
    ahead: i32,

    /// How many milliseconds each way takes: the request's, and the answer's
    #[arg(long, value_name = "MS", default_value = "0", value_parser = shared::number(0..=60_000_u64))]
    delay: u64,

    /// Lose each Nth request
    #[arg(long, value_name = "N", value_parser = shared::number(1..=u64::MAX))]
    drop: Option<u64>,

    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", default_value = time_sync::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let bind_failed = |e| Failure::bind(&args.addr, e);
    let socket = UdpSocket::bind(&args.addr).map_err(bind_failed)?;
    say!("listening on {}", socket.local_addr().map_err(bind_failed)?);

    let mut buffer = [0; MAX_TEXT + 1];
    let mut number = 0;
    loop {
        let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
            thread::sleep(Duration::from_millis(100)); // it may last: do not spin
            continue;
        };
        let request = &buffer[..n];
        if request.starts_with(ERROR.as_bytes()) {
            continue; // the answer of a server: two of them would never come to an end
        }
        number += 1;
        if args.drop.is_some_and(|nth| number % nth == 0) {
            say!("request {number} gets lost");
            continue;
        }
        thread::sleep(Duration::from_millis(args.delay));
        let now = Zoned::now().saturating_add(SignedDuration::from_secs(args.ahead.into()));
        let answer = format_time(request, &now).unwrap_or_else(|reason| format!("{ERROR}{reason}"));
        thread::sleep(Duration::from_millis(args.delay));
        match socket.send_to(answer.as_bytes(), sender) {
            Ok(_) => say!("request {number} is answered"),
            Err(error) => warn!("cannot answer {sender}: {error}"),
        }
    }
}
