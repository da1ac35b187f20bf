//! The other side of an experiment: writes five messages, or reads what the server writes.
//!
//! Terminal 1: `cargo run --bin sticky-server -- glue`
//! Terminal 2: `cargo run --bin sticky-client -- glue`

use std::net::{TcpStream, UdpSocket};
use std::process::ExitCode;
use std::thread;

use clap::{Parser, Subcommand};
use shared::{Addr, Failure, any_port, say};
use sticky_packets::{Gap, MESSAGES, Reader, Writer};

/// The other side of an experiment: write five messages, or read what the server writes.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin sticky-client -- glue --gap 300\n  cargo run -q --bin sticky-client -- slice --buffer 9"
)]
struct Args {
    #[command(subcommand)]
    experiment: Experiment,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", global = true, default_value = sticky_packets::ADDR)]
    addr: Addr,
}

#[derive(Subcommand)]
enum Experiment {
    /// Write five messages to the server
    Glue(Writer),
    /// Read what the server writes: five writes, how many reads?
    Slice(Reader),
    /// Send five datagrams to the server
    Datagram(Gap),
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    match args.experiment {
        Experiment::Glue(options) => {
            let stream = TcpStream::connect(&args.addr)
                .map_err(|e| Failure::connect(&args.addr, "sticky-server glue", e))?;
            sticky_packets::write_messages(stream, &args.addr, &options)
        }
        Experiment::Slice(options) => {
            let stream = TcpStream::connect(&args.addr)
                .map_err(|e| Failure::connect(&args.addr, "sticky-server slice", e))?;
            sticky_packets::read_pieces(stream, &args.addr, &options)
        }
        Experiment::Datagram(gap) => send_datagrams(&args.addr, &gap),
    }
}

/// Sends the five messages as datagrams, and learns nothing about what becomes of them.
fn send_datagrams(addr: &Addr, gap: &Gap) -> Result<(), Failure> {
    let send_failed = |e| Failure::unreachable(addr, "sticky-server datagram", e);
    let server = addr.look_up().map_err(send_failed)?;
    let socket = UdpSocket::bind(any_port(server)).map_err(send_failed)?;

    for (message, number) in MESSAGES.iter().zip(1..) {
        if number > 1 {
            thread::sleep(gap.time());
        }
        let sent = socket.send_to(message.as_bytes(), server);
        sent.map_err(send_failed)?;
        say!("send {number}: {:2} bytes  {message}", message.len());
    }
    Ok(())
}
