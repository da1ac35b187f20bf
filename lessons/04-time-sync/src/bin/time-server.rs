//! Answers each datagram, which is a strftime format, with the local time in it. Ctrl-C ends it.
//!
//! Terminal 1: `cargo run --bin time-server`
//! Terminal 2: `cargo run --bin time-client`

use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use jiff::Zoned;
use shared::{Addr, Failure, MAX_TEXT, preview, say, warn};
use time_sync::{ERROR, format_time};

/// Answer each datagram, which is a strftime format, with the local time in it, until Ctrl-C.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin time-server -- --addr 127.0.0.1:8804")]
struct Args {
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

    let mut buffer = [0; MAX_TEXT + 1]; // also the request that is too long shall be answered
    loop {
        let (n, sender) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) => {
                receive_failed(&error);
                continue;
            }
        };
        let request = &buffer[..n];
        let asked = preview(request);
        if request.starts_with(ERROR.as_bytes()) {
            // An answer, and nothing to answer: two servers would never come to an end.
            warn!("{sender} sent the answer of a server: {asked}");
            continue;
        }
        let answer = match format_time(request, &Zoned::now()) {
            Ok(time) => {
                say!("{sender} asked '{asked}'; {} bytes went back", time.len());
                time
            }
            Err(reason) => {
                warn!("{sender} asked '{asked}': {reason}");
                format!("{ERROR}{reason}")
            }
        };
        if let Err(error) = socket.send_to(answer.as_bytes(), sender) {
            warn!("cannot answer {sender}: {error}");
        }
    }
}

/// No error of a UDP socket is a reason to stop.
fn receive_failed(error: &io::Error) {
    match error.kind() {
        // An earlier answer found nobody. Windows may report that here (says Microsoft's page on
        // recvfrom; not tried), and the next datagram is fine.
        ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused => {}
        _ => {
            warn!("cannot receive: {error}");
            thread::sleep(Duration::from_millis(100)); // it may last: do not spin
        }
    }
}
