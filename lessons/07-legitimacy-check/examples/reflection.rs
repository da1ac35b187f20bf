//! Gets into a server that proves itself by the same formula as its clients, without the key: it
//! has the server answer its own question.
//!
//! Terminal 1: `cargo run -p legitimacy-check --example mutual-server`
//! Terminal 2: `cargo run -p legitimacy-check --example reflection`

mod attack;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use legitimacy_check::{ANSWER_LEN, NONCE_LEN, WELCOME};
use shared::{Addr, Failure, read_by, read_exact_by, say};

/// Have a mutual-server answer its own question.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p legitimacy-check --example reflection -- --addr 127.0.0.1:8807"
)]
struct Args {
    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = legitimacy_check::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let addr = attack::loopback_only(&args.addr)?;
    let connect =
        || TcpStream::connect(addr).map_err(|e| Failure::connect(&args.addr, "mutual-server", e));
    let (first, second) = (connect()?, connect()?);
    let accepted = attack(&first, &second).map_err(|e| broken(addr, e))?;
    if accepted {
        say!("first connection: the server says welcome; we are in, without the key");
    } else {
        say!("first connection: the server closed");
    }
    Ok(())
}

fn broken(addr: SocketAddr, error: io::Error) -> Failure {
    Failure::broken("attack", addr, error)
}

fn attack(mut first: &TcpStream, mut second: &TcpStream) -> io::Result<bool> {
    let deadline = Instant::now() + Duration::from_secs(10);

    first.write_all(&[1; NONCE_LEN])?; // a question that nobody needs to answer
    let (_, question) = read_proof(first, deadline)?;
    say!("first connection: the server asks us");

    second.write_all(&question)?;
    let (answer, _) = read_proof(second, deadline)?;
    say!("second connection: we ask the server the same, and it answers");

    first.write_all(&answer)?;
    let mut reply = [0; WELCOME.len()];
    let n = read_by(first, &mut reply, deadline)?;
    Ok(n > 0)
}

/// The server's answer and its question.
fn read_proof(
    stream: &TcpStream,
    deadline: Instant,
) -> io::Result<([u8; ANSWER_LEN], [u8; NONCE_LEN])> {
    let (mut answer, mut question) = ([0; ANSWER_LEN], [0; NONCE_LEN]);
    read_exact_by(stream, &mut answer, deadline)?;
    read_exact_by(stream, &mut question, deadline)?;
    Ok((answer, question))
}
