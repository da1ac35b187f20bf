//! Asks client after client to prove that it knows the key. Ctrl-C ends it.
//!
//! Terminal 1: `cargo run --bin auth-server`
//! Terminal 2: `cargo run --bin auth-client`

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use legitimacy_check::{ANSWER_LEN, Key, NONCE_LEN, WELCOME};
use shared::{Addr, Failure, read_exact_by, say, warn};

/// Ask client after client to prove that it knows the key, until Ctrl-C.
///
/// The key comes from --key-file, else from the environment variable COURSE_KEY, else it is the
/// course's own.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin auth-server -- --key-file my.key")]
struct Args {
    /// A file that holds the key and nothing else; a line end behind it does not count
    #[arg(short, long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// How long a client has for its whole proof, in seconds
    #[arg(short, long, value_name = "SECS", default_value = "5", value_parser = shared::seconds)]
    timeout: Duration,

    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", default_value = legitimacy_check::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let key = Key::load(args.key_file.as_deref())?;

    let bind_failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(&args.addr).map_err(bind_failed)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );
    if key.is_default() {
        warn!("the key is the course's own, which everybody knows; --help tells how to set yours");
    }

    loop {
        match listener.accept() {
            Ok((stream, client)) => serve(&stream, client, &key, args.timeout),
            Err(error) => {
                warn!("cannot accept a client: {error}");
                thread::sleep(Duration::from_millis(100)); // as in lesson 2
            }
        }
    }
}

/// Checks one client and reports who it was. Neither key nor answer is ever printed.
fn serve(mut stream: &TcpStream, client: SocketAddr, key: &Key, timeout: Duration) {
    match is_legitimate(stream, key, timeout) {
        Ok(true) => {
            say!("{client} is legitimate");
            if let Err(error) = stream.write_all(WELCOME) {
                warn!("{client} was gone before its welcome: {error}");
            }
            // Here its conversation would begin.
        }
        Ok(false) => warn!("{client} is not legitimate: its answer is wrong"),
        Err(error) => warn!("{client} is not legitimate: {error}"),
    }
}

/// Sends a nonce and reads the answer, all of it by one deadline.
fn is_legitimate(mut stream: &TcpStream, key: &Key, timeout: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + timeout;

    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce)?; // fresh for each client: an old answer is worth nothing
    stream.write_all(&nonce)?; // so few bytes always fit into the empty buffer: no waiting

    let mut answer = [0; ANSWER_LEN];
    read_exact_by(stream, &mut answer, deadline)?;
    Ok(key.accepts(&nonce, &answer))
}
