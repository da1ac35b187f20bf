//! Proves to the server that it knows the key, without sending the key.
//!
//! Terminal 1: `cargo run --bin auth-server`
//! Terminal 2: `cargo run --bin auth-client`

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use legitimacy_check::{Key, NONCE_LEN, WELCOME};
use shared::{Addr, Failure, preview, read_by, read_exact_by, say, warn};

/// Prove to the server that you know the key; exit 0 if it accepts, 1 if it does not.
///
/// The key comes from --key-file, else from the environment variable COURSE_KEY, else it is the
/// course's own.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin auth-client -- --key-file my.key")]
struct Args {
    /// A file that holds the key and nothing else; a line end behind it does not count
    #[arg(short, long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// How long to wait for the server once it is connected, in seconds: it may be busy with
    /// somebody else first
    #[arg(short, long, value_name = "SECS", default_value = "15", value_parser = shared::seconds)]
    timeout: Duration,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = legitimacy_check::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let addr = &args.addr;
    let key = Key::load(args.key_file.as_deref())?;
    if key.is_default() {
        warn!("the key is the course's own, which everybody knows; --help tells how to set yours");
    }

    let mut stream =
        TcpStream::connect(addr).map_err(|e| Failure::connect(addr, "auth-server", e))?;
    let deadline = Instant::now() + args.timeout;

    let mut nonce = [0; NONCE_LEN];
    read_exact_by(&stream, &mut nonce, deadline).map_err(|e| no_nonce(addr, e))?;
    stream
        .write_all(&key.answer(&nonce))
        .map_err(|e| Failure::broken("write to", addr, e))?;
    let reply = read_reply(&stream, deadline).map_err(|e| Failure::broken("read from", addr, e))?;

    if reply == WELCOME {
        say!("accepted");
        return Ok(());
    }
    Err(if reply.is_empty() {
        Failure::new(format!("rejected by {addr}"))
            .hint("the server has another key; both take it from --key-file or $COURSE_KEY")
    } else if WELCOME.starts_with(&reply) {
        Failure::new(format!("{addr} closed in the middle of its welcome"))
    } else {
        not_an_auth_server(addr, &format!("it says '{}'", preview(&reply)))
    })
}

/// Reads until the server closes, but no more than one byte over what it may say.
fn read_reply(stream: &TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut reply = Vec::new();
    let mut buffer = [0; WELCOME.len() + 1];
    while reply.len() <= WELCOME.len() {
        match read_by(stream, &mut buffer, deadline)? {
            0 => break,
            n => reply.extend_from_slice(&buffer[..n]),
        }
    }
    Ok(reply)
}

fn no_nonce(addr: &Addr, cause: io::Error) -> Failure {
    match cause.kind() {
        ErrorKind::TimedOut => not_an_auth_server(addr, "no 32 bytes came in time"),
        ErrorKind::UnexpectedEof => Failure::new(format!("{addr} closed too early: {cause}"))
            .hint("it may be no auth-server; its terminal tells more"),
        _ => Failure::broken("read from", addr, cause),
    }
}

fn not_an_auth_server(addr: &Addr, why: &str) -> Failure {
    Failure::new(format!("{addr} does not behave like an auth-server: {why}"))
        .hint("is it an auth-server that listens there, and does it serve somebody else just now?")
}
