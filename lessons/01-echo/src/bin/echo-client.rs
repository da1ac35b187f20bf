//! Sends one message, says that it is done, and prints what comes back.
//!
//! Terminal 1: `cargo run --bin echo-server`
//! Terminal 2: `cargo run --bin echo-client -- "hello, world"`

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;

use clap::Parser;
use shared::{Addr, Failure, escape, say};

/// The longest message, in bytes. All of it is written before anything is read, so it must fit
/// into the buffers that the two kernels have for this connection; exercise 2.3 goes beyond.
const MAX_MESSAGE: usize = 100 * 1024;

/// Send one message, say that it is done, and print what comes back.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin echo-client -- \"hello, world\"")]
struct Args {
    /// What to send, at most 100 KiB
    #[arg(default_value = "hello")]
    message: OsString,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = echo::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let message = args.message.as_encoded_bytes();
    if message.len() > MAX_MESSAGE {
        let length = message.len();
        let message = format!("the message is too long: {length} bytes > {MAX_MESSAGE}");
        return Err(Failure::new(message));
    }

    let mut stream = TcpStream::connect(&args.addr)
        .map_err(|e| Failure::connect(&args.addr, "echo-server", e))?;

    let write_failed = |e| Failure::broken("write to", &args.addr, e);
    stream.write_all(message).map_err(write_failed)?;
    stream.shutdown(Shutdown::Write).map_err(write_failed)?; // half-close: we have finished
    say!("sent {} bytes and finished", message.len());

    let mut echo = Vec::new();
    stream
        .take(MAX_MESSAGE as u64 + 1) // one more, to notice an echo that is too long
        .read_to_end(&mut echo)
        .map_err(|e| Failure::broken("read from", &args.addr, e))?;
    say!("{} bytes came back: {}", echo.len(), escape(&echo));

    if echo != message {
        return Err(
            Failure::new("what came back is not what was sent").hint(format!(
                "is it an echo-server that listens on {}?",
                args.addr
            )),
        );
    }
    Ok(())
}
