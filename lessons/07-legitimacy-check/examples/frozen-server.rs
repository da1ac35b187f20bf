//! WEAK ON PURPOSE, for an experiment: an auth-server whose nonce never changes.
//!
//! Terminal 1: `cargo run -p legitimacy-check --example frozen-server`
//! Terminal 2: `cargo run -p legitimacy-check --example replay`
//! Terminal 3: `cargo run --bin auth-client -- --addr 127.0.0.1:9807`

mod attack;

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use legitimacy_check::{ANSWER_LEN, Key, NONCE_LEN, WELCOME};
use shared::{Addr, Failure, read_exact_by, say, warn};

/// WEAK ON PURPOSE: an auth-server whose nonce never changes, to be attacked with `replay`.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p legitimacy-check --example frozen-server")]
struct Args {
    /// Where to listen, on this machine only
    #[arg(short, long, value_name = "HOST:PORT", default_value = legitimacy_check::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let key = Key::load(None)?;
    let bind_failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(attack::loopback_only(&args.addr)?).map_err(bind_failed)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );
    warn!("WEAK ON PURPOSE: the nonce never changes");

    loop {
        let accept_failed = |e| Failure::new(format!("cannot accept a client: {e}"));
        let (mut stream, client) = listener.accept().map_err(accept_failed)?;
        match is_legitimate(&stream, &key) {
            Ok(true) => {
                say!("{client} is legitimate");
                let _ = stream.write_all(WELCOME); // who does not wait for it is gone
            }
            Ok(false) => warn!("{client} is not legitimate: its answer is wrong"),
            Err(error) => warn!("{client} is not legitimate: {error}"),
        }
    }
}

fn is_legitimate(mut stream: &TcpStream, key: &Key) -> io::Result<bool> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let nonce = [7; NONCE_LEN]; // the mistake: everything else is as in auth-server
    stream.write_all(&nonce)?;
    let mut answer = [0; ANSWER_LEN];
    read_exact_by(stream, &mut answer, deadline)?;
    Ok(key.accepts(&nonce, &answer))
}
