//! Receives the server's file, or sends it one.
//!
//! Terminal 1: `cargo run --bin file-server -- send README.md`
//! Terminal 2: `cargo run --bin file-client -- receive --dir target`

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use file_transfer::{ReceiveOptions, Wire};
use shared::{Addr, Failure};

/// Receive the server's file, or send it one.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin file-client -- receive --dir inbox\n  cargo run -q --bin file-client -- send holiday.mp4"
)]
struct Args {
    #[command(subcommand)]
    job: Job,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", global = true, default_value = file_transfer::ADDR)]
    addr: Addr,

    #[command(flatten)]
    wire: Wire,
}

#[derive(Subcommand)]
enum Job {
    /// Receive the server's file
    Receive(ReceiveOptions),
    /// Send a file to the server
    Send {
        /// The file
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    match &args.job {
        Job::Receive(options) => {
            options.check()?;
            let stream = TcpStream::connect(&args.addr)
                .map_err(|e| Failure::connect(&args.addr, "file-server send FILE", e))?;
            file_transfer::receive(&stream, &args.addr, options, &args.wire)
        }
        Job::Send { file } => {
            let (mut file, header) = file_transfer::open(file)?;
            let stream = TcpStream::connect(&args.addr)
                .map_err(|e| Failure::connect(&args.addr, "file-server receive", e))?;
            file_transfer::send(&stream, &args.addr, &mut file, &header, &args.wire)
        }
    }
}
