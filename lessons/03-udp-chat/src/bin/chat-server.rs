//! Shows each text that comes, asks for a reply, and sends it to whoever wrote. Ctrl-C ends it.
//!
//! Terminal 1: `cargo run --bin chat-server`
//! Terminal 2: `cargo run --bin chat-client`

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use shared::{Addr, Failure, MAX_TEXT, ask_text, decode, encode, say, warn};
use udp_chat::{allow_long_texts, line_from};

/// Show each text that comes, ask for a reply and send it to whoever wrote, until Ctrl-C.
///
/// Ctrl-D at the prompt ends it too. A reply without a character is a reply: an empty datagram.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q --bin chat-server -- --addr 127.0.0.1:8803")]
struct Args {
    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", default_value = udp_chat::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let bind_failed = |e| Failure::bind(&args.addr, e);
    let socket = UdpSocket::bind(&args.addr).map_err(bind_failed)?;
    allow_long_texts(&socket).map_err(bind_failed)?;
    say!("listening on {}", socket.local_addr().map_err(bind_failed)?);

    let mut buffer = [0; MAX_TEXT + 1]; // what fills it was longer than a text may be
    loop {
        let (n, sender) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) => {
                receive_failed(&error);
                continue;
            }
        };
        match decode(&buffer[..n]) {
            Ok(text) => say!("{}", line_from(sender, text)),
            Err(error) => {
                warn!("{sender} sent something that is no text: {error}");
                continue;
            }
        }

        // While the operator types, whatever else comes waits in the socket's receive buffer.
        // Nobody else's text can get between this one and its reply.
        if !reply(&socket, sender)? {
            return Ok(());
        }
    }
}

/// Asks for a reply and sends it. Says whether there may be more input.
fn reply(socket: &UdpSocket, sender: SocketAddr) -> Result<bool, Failure> {
    while let Some(text) = ask_text("reply> ")? {
        let datagram = match encode(&text) {
            Ok(datagram) => datagram,
            Err(error) => {
                warn!("error: {error}");
                continue; // somebody still waits for a reply: ask again
            }
        };
        if let Err(error) = socket.send_to(datagram, sender) {
            warn!("cannot reply to {sender}: {error}");
        }
        return Ok(true);
    }
    Ok(false)
}

/// No error of a UDP socket is a reason to stop.
fn receive_failed(error: &io::Error) {
    match error.kind() {
        // An earlier reply found nobody. Windows may report that here (says Microsoft's page on
        // recvfrom; not tried), and the next datagram is fine.
        ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused => {}
        _ => {
            warn!("cannot receive: {error}");
            thread::sleep(Duration::from_millis(100)); // it may last: do not spin
        }
    }
}
