//! Sends one file to each client, or receives a file from each; client after client, until Ctrl-C.
//!
//! Terminal 1: `cargo run --bin file-server -- send README.md`
//! Terminal 2: `cargo run --bin file-client -- receive --dir target`

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Parser, Subcommand};
use file_transfer::{ReceiveOptions, Wire};
use shared::{Addr, Failure, say, warn};

/// Send one file to each client, or receive a file from each; client after client, until Ctrl-C.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin file-server -- send holiday.mp4\n  cargo run -q --bin file-server -- receive --dir inbox"
)]
struct Args {
    #[command(subcommand)]
    job: Job,

    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", global = true, default_value = file_transfer::ADDR)]
    addr: Addr,

    #[command(flatten)]
    wire: Wire,
}

#[derive(Subcommand)]
enum Job {
    /// Send a file to each client
    Send {
        /// The file
        file: PathBuf,
    },
    /// Receive a file from each client
    Receive(ReceiveOptions),
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    // What cannot work is said now, not when the first client has come.
    match &args.job {
        Job::Send { file } => drop(file_transfer::open(file)?),
        Job::Receive(options) => options.check()?,
    }

    let bind_failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(&args.addr).map_err(bind_failed)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );

    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                say!("accepted {client}");
                if let Err(failure) = serve(&stream, client, &args) {
                    failure.print(); // the next client may do better
                }
            }
            Err(error) => {
                warn!("cannot accept a client: {error}");
                thread::sleep(Duration::from_millis(100)); // it may last: do not spin
            }
        }
    }
}

/// Does the job for one client.
fn serve(stream: &TcpStream, client: SocketAddr, args: &Args) -> Result<(), Failure> {
    match &args.job {
        Job::Send { file } => {
            let (mut file, header) = file_transfer::open(file)?;
            file_transfer::send(stream, &client, &mut file, &header, &args.wire)
        }
        Job::Receive(options) => file_transfer::receive(stream, &client, options, &args.wire),
    }
}
