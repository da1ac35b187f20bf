//! Serves one client with one experiment, shows what a reader sees of five messages, and exits.
//!
//! Terminal 1: `cargo run --bin sticky-server -- glue`
//! Terminal 2: `cargo run --bin sticky-client -- glue`

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use shared::{Addr, Failure, preview, say, warn};
use sticky_packets::{MESSAGES, Piece, Reader, Writer, bytes, draw, mark_borders};

/// How long the next datagram may take. A lost one never comes.
const SILENCE: Duration = Duration::from_secs(5);

/// Serve one client with one experiment, show what a reader sees of five messages, and exit.
#[derive(Parser)]
#[command(after_help = "Examples:\n  sticky-server glue --wait 0\n  sticky-server slice --gap 300")]
struct Args {
    #[command(subcommand)]
    experiment: Experiment,

    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", global = true, default_value = sticky_packets::ADDR)]
    addr: Addr,
}

#[derive(Subcommand)]
enum Experiment {
    /// Read what the client writes: five writes, how many reads?
    Glue(Reader),
    /// Write to the client, which reads
    Slice(Writer),
    /// Receive five datagrams from the client
    Datagram(Reader),
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    match args.experiment {
        Experiment::Glue(options) => {
            let (stream, client) = accept_one(&args.addr)?;
            sticky_packets::read_pieces(stream, client, &options)
        }
        Experiment::Slice(options) => {
            let (stream, client) = accept_one(&args.addr)?;
            sticky_packets::write_messages(stream, client, &options)
        }
        Experiment::Datagram(options) => receive_datagrams(&args.addr, &options),
    }
}

/// Accepts one client, as lesson 1 does.
fn accept_one(addr: &Addr) -> Result<(TcpStream, SocketAddr), Failure> {
    let bind_failed = |e| Failure::bind(addr, e);
    let listener = TcpListener::bind(addr).map_err(bind_failed)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );

    let accept_failed = |e| Failure::new(format!("cannot accept a client: {e}"));
    let (stream, client) = listener.accept().map_err(accept_failed)?;
    say!("accepted {client}");
    Ok((stream, client))
}

/// Receives the five messages as datagrams: one call of `recv_from` for each.
fn receive_datagrams(addr: &Addr, options: &Reader) -> Result<(), Failure> {
    let bind_failed = |e| Failure::bind(addr, e);
    let socket = UdpSocket::bind(addr).map_err(bind_failed)?;
    say!("listening on {}", socket.local_addr().map_err(bind_failed)?);

    // peek_from waits for the first datagram and leaves it where it is.
    let receive_failed = |e| Failure::new(format!("cannot receive: {e}"));
    let mut buffer = vec![0; options.buffer()];
    match socket.peek_from(&mut buffer) {
        Err(e) if !was_cut(&e) => return Err(receive_failed(e)),
        _ => {}
    }
    options.wait()?;

    let set = socket.set_read_timeout(Some(SILENCE));
    set.map_err(receive_failed)?;
    let mut pieces = Vec::new();
    let mut next = 0; // the first message that has not come
    while next < MESSAGES.len() {
        let received = receive(&socket, &mut buffer).map_err(receive_failed)?;
        let Some((n, sender)) = received else {
            say!("nothing more for {} seconds", SILENCE.as_secs());
            break;
        };
        // The next message, or a later one if some were lost on the way. Anything else is from
        // a stranger: everybody may send to this port.
        let datagram = &buffer[..n];
        let Some(which) = (next..MESSAGES.len()).find(|&i| came(datagram, i, buffer.len())) else {
            let sender = sender.map_or("somebody".to_owned(), |sender| sender.to_string());
            warn!("{sender} sent something else: {}", preview(datagram));
            continue;
        };
        let text = mark_borders(MESSAGES[..which].concat().len(), datagram);
        let tail = MESSAGES[which].len() - n;
        let lost = match tail {
            0 => String::new(),
            _ => format!("  and {tail} lost"),
        };
        say!("receive {}: {}  {text}{lost}", which + 1, bytes(n));

        pieces.extend(MESSAGES[next..which].iter().map(|m| Piece::Lost(m.len())));
        pieces.extend([Piece::Came(n), Piece::Lost(tail)]);
        next = which + 1;
    }
    pieces.extend(MESSAGES[next..].iter().map(|m| Piece::Lost(m.len())));
    say!("\n{}", draw("send", "receive", &pieces));
    Ok(())
}

/// One datagram, as much of it as the buffer can take, and who sent it, where the system tells;
/// `None` if nothing comes any more.
fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
) -> io::Result<Option<(usize, Option<SocketAddr>)>> {
    match socket.recv_from(buffer) {
        Ok((n, sender)) => Ok(Some((n, Some(sender)))),
        Err(e) if was_cut(&e) => Ok(Some((buffer.len(), None))),
        // WouldBlock on Unix, TimedOut on Windows: SILENCE has passed.
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Where a datagram does not fit into the buffer, Windows fills the buffer and says that it is an
/// error (WSAEMSGSIZE); Unix says nothing.
fn was_cut(error: &io::Error) -> bool {
    cfg!(windows) && error.raw_os_error() == Some(10_040)
}

/// Whether the datagram is the message of that number, as much of it as a buffer of that size
/// can take.
fn came(datagram: &[u8], number: usize, buffer: usize) -> bool {
    let message = MESSAGES[number].as_bytes();
    datagram == &message[..message.len().min(buffer)]
}
