//! Writes to a contact and shows the answers, until `q` or the end of input.
//!
//! Terminal 1: `cargo run --bin chat-server`
//! Terminal 2: `cargo run --bin chat-client`

use std::io;
use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use shared::{Addr, Failure, MAX_TEXT, any_port, ask_text, decode, encode, preview, say, warn};
use udp_chat::{allow_long_texts, built_in_contacts, line_from, names, read_contacts};

/// Choose a contact, write, see the answer; q leaves the contact, then the program.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin chat-client\n  printf 'alice\\nhello\\n' | cargo run -q --bin chat-client"
)]
struct Args {
    /// A JSON file with contacts, such as {"alice": "127.0.0.1:8803"}
    #[arg(long, value_name = "FILE")]
    contacts: Option<PathBuf>,

    /// How long to wait for an answer
    #[arg(long, value_name = "SECS", default_value = "30", value_parser = shared::seconds)]
    timeout: Duration,

    /// Where alice, bob, carol and dave are, if there is no file with contacts
    #[arg(short, long, value_name = "HOST:PORT", default_value = udp_chat::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let contacts = match &args.contacts {
        Some(file) => read_contacts(file)?,
        None => built_in_contacts(&args.addr),
    };
    say!("contacts: {}", names(&contacts));

    while let Some(name) = ask_text("contact> ")? {
        if name == "q" {
            break;
        }
        match contacts.get(&name) {
            Some(addr) if talk(addr, args.timeout)? => {}
            Some(_) => break, // the input has ended
            None if name.is_empty() => {}
            None => warn!("there is no contact '{}'", preview(name.as_bytes())),
        }
    }
    Ok(())
}

/// Writes to one contact until `q`. Says whether there may be more input.
fn talk(addr: &Addr, timeout: Duration) -> Result<bool, Failure> {
    let mut buffer = [0; MAX_TEXT + 1]; // what fills it was longer than a text may be
    while let Some(text) = ask_text("> ")? {
        if text == "q" {
            return Ok(true);
        }
        if text.is_empty() {
            continue;
        }
        let datagram = match encode(&text) {
            Ok(datagram) => datagram,
            Err(error) => {
                warn!("error: {error}");
                continue;
            }
        };
        match exchange(addr, datagram, &mut buffer, timeout) {
            Ok(Some((n, sender))) => show(sender, &buffer[..n]),
            Ok(None) => Failure::unanswered(addr, timeout).print(),
            Err(error) => Failure::unreachable(addr, "chat-server", error).print(),
        }
    }
    Ok(false)
}

/// Sends a text and waits for its answer: how long it is and who sent it, or `None` if the time
/// has passed.
fn exchange(
    addr: &Addr,
    datagram: &[u8],
    buffer: &mut [u8],
    timeout: Duration,
) -> io::Result<Option<(usize, SocketAddr)>> {
    // Each text has a socket of its own, and so a port of its own. It is given up with the text: an
    // answer that comes later, or twice, finds nobody, and cannot be taken for the next answer.
    let socket = socket_for(addr)?;
    socket.send(datagram)?;
    receive(&socket, buffer, Instant::now() + timeout)
}

/// Waits for a datagram of the contact, until the deadline at the latest.
fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    deadline: Instant,
) -> io::Result<Option<(usize, SocketAddr)>> {
    let contact = socket.peer_addr()?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(buffer) {
            Ok((n, sender)) if sender == contact => return Ok(Some((n, sender))),
            Ok(_) => {} // a stranger who was quicker than our `connect`
            // The time has passed (Unix says WouldBlock, Windows TimedOut), or a signal woke us:
            // the clock decides.
            Err(e) if matches!(e.kind(), WouldBlock | TimedOut | Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A socket of our own that speaks with one address: once connected, it takes in nobody else's datagrams.
fn socket_for(addr: &Addr) -> io::Result<UdpSocket> {
    let contact = addr.look_up()?;
    let socket = UdpSocket::bind(any_port(contact))?;
    socket.connect(contact)?; // sends nothing: it tells the system whose datagrams we want
    allow_long_texts(&socket)?;
    Ok(socket)
}

fn show(sender: SocketAddr, datagram: &[u8]) {
    match decode(datagram) {
        Ok(text) => say!("{}", line_from(sender, text)),
        Err(error) => warn!("{sender} sent something that is no text: {error}"),
    }
}
