//! WEAK ON PURPOSE, for an experiment: both sides prove that they know the key, by the same formula.
//! With `--mended`, by formulas that cannot be taken for each other.
//!
//! Terminal 1: `cargo run -p legitimacy-check --example mutual-server`
//! Terminal 2: `cargo run -p legitimacy-check --example reflection`
//!
//! The client sends 32 random bytes C. The server proves itself with the answer to them, and
//! sends 32 random bytes S. The client proves itself with the answer to those.

mod attack;

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use legitimacy_check::{ANSWER_LEN, Key, NONCE_LEN, WELCOME};
use shared::{Addr, Failure, read_exact_by, say, warn};

/// WEAK ON PURPOSE: prove the key to each other by the same formula, to be attacked with `reflection`.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p legitimacy-check --example mutual-server -- --mended"
)]
struct Args {
    /// Make every answer say who gives it and in which conversation
    #[arg(long)]
    mended: bool,

    /// Where to listen, on this machine only
    #[arg(short, long, value_name = "HOST:PORT", default_value = legitimacy_check::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let key = Arc::new(Key::load(None)?);
    let bind_failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(attack::loopback_only(&args.addr)?).map_err(bind_failed)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );
    if !args.mended {
        warn!("WEAK ON PURPOSE: client and server answer by the same formula");
    }

    loop {
        let accept_failed = |e| Failure::new(format!("cannot accept a client: {e}"));
        let (mut stream, client) = listener.accept().map_err(accept_failed)?;
        let key = Arc::clone(&key);
        // The attack needs two conversations at once, as a real server holds them: lesson 8.
        thread::spawn(move || match is_legitimate(&stream, &key, args.mended) {
            Ok(true) => {
                say!("{client} is legitimate");
                let _ = stream.write_all(WELCOME); // who does not wait for it is gone
            }
            Ok(false) => warn!("{client} is not legitimate: its answer is wrong"),
            Err(error) => warn!("{client} is not legitimate: {error}"),
        });
    }
}

fn is_legitimate(mut stream: &TcpStream, key: &Key, mended: bool) -> io::Result<bool> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut theirs = [0; NONCE_LEN];
    read_exact_by(stream, &mut theirs, deadline)?;
    let mut ours = [0; NONCE_LEN];
    getrandom::fill(&mut ours)?;

    let (from_server, from_client) = if mended {
        (
            [b"server", &theirs[..], &ours].concat(),
            [b"client", &theirs[..], &ours].concat(),
        )
    } else {
        (theirs.to_vec(), ours.to_vec())
    };
    stream.write_all(&[&key.answer(&from_server)[..], &ours].concat())?;
    let mut answer = [0; ANSWER_LEN];
    read_exact_by(stream, &mut answer, deadline)?;
    Ok(key.accepts(&from_client, &answer))
}
