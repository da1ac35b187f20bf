//! Listens to an honest client's proof, then tries to get in with its answer, without the key.
//!
//! Terminal 1: `cargo run --bin auth-server`, or `--example frozen-server`, which is weak
//! Terminal 2: `cargo run -p legitimacy-check --example replay`
//! Terminal 3: `cargo run --bin auth-client -- --addr 127.0.0.1:9807`

mod attack;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use legitimacy_check::{ANSWER_LEN, NONCE_LEN, WELCOME};
use shared::{Addr, Failure, escape, read_by, read_exact_by, say};

/// Stand between an honest client and its server, record, and replay the answer.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p legitimacy-check --example replay")]
struct Args {
    /// Where to listen for the honest client
    #[arg(
        short,
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:9807"
    )]
    addr: Addr,

    /// Where its server listens
    #[arg(long, value_name = "HOST:PORT", default_value = legitimacy_check::ADDR)]
    to: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let to = attack::loopback_only(&args.to)?;
    let bind_failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(attack::loopback_only(&args.addr)?).map_err(bind_failed)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );

    let accept_failed = |e| Failure::new(format!("cannot accept a client: {e}"));
    let (client, _) = listener.accept().map_err(accept_failed)?;
    let connect =
        || TcpStream::connect(to).map_err(|e| Failure::connect(&args.to, "auth-server", e));
    let recorded =
        eavesdrop(&client, &connect()?).map_err(|e| Failure::broken("pass on to", to, e))?;
    say!("the honest client was told: '{}'", escape(&recorded.reply));

    let (nonce, reply) = replay(&connect()?, &recorded.answer).map_err(|e| broken(to, e))?;
    say!(
        "the second nonce is {}",
        if nonce == recorded.nonce {
            "the same as the first"
        } else {
            "another one"
        }
    );
    if reply == WELCOME {
        say!("the old answer was told: '{}'; we are in", escape(&reply));
    } else {
        say!("the old answer was told: nothing; the server closed");
    }
    Ok(())
}

fn broken(to: SocketAddr, error: io::Error) -> Failure {
    Failure::broken("replay to", to, error)
}

/// What passed between an honest client and its server.
struct Recorded {
    nonce: [u8; NONCE_LEN],
    answer: [u8; ANSWER_LEN],
    reply: Vec<u8>,
}

/// Passes everything on between the two, and keeps a copy.
fn eavesdrop(mut client: &TcpStream, mut server: &TcpStream) -> io::Result<Recorded> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut nonce = [0; NONCE_LEN];
    read_exact_by(server, &mut nonce, deadline)?;
    client.write_all(&nonce)?;
    let mut answer = [0; ANSWER_LEN];
    read_exact_by(client, &mut answer, deadline)?;
    server.write_all(&answer)?;
    let reply = read_reply(server, deadline)?;
    client.write_all(&reply)?;
    Ok(Recorded {
        nonce,
        answer,
        reply,
    })
}

/// Takes the nonce of a new connection and gives the old answer to it.
fn replay(
    mut server: &TcpStream,
    answer: &[u8; ANSWER_LEN],
) -> io::Result<([u8; NONCE_LEN], Vec<u8>)> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut nonce = [0; NONCE_LEN];
    read_exact_by(server, &mut nonce, deadline)?;
    server.write_all(answer)?;
    Ok((nonce, read_reply(server, deadline)?))
}

fn read_reply(server: &TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut reply = [0; WELCOME.len()];
    let mut n = 0;
    while n < reply.len() {
        match read_by(server, &mut reply[n..], deadline)? {
            0 => break,
            more => n += more,
        }
    }
    Ok(reply[..n].to_vec())
}
