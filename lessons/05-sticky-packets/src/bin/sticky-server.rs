//! Serves one client with one experiment, shows what a reader sees of five messages, and exits.
//!
//! Terminal 1: `cargo run --bin sticky-server -- glue`
//! Terminal 2: `cargo run --bin sticky-client -- glue`

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use shared::{Addr, Failure, escape, say};
use sticky_packets::{MESSAGES, Piece, Reader, Writer, borders_unknown, bytes, draw, mark_borders};

/// How long the next datagram may take. A lost one never comes.
const SILENCE: Duration = Duration::from_secs(5);

/// Somebody who sends datagrams without end is left alone after so many.
const MOST: usize = 1000;

/// Serve one client with one experiment, show what a reader sees of five messages, and exit.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin sticky-server -- glue --wait 0\n  cargo run -q --bin sticky-server -- slice --gap 300"
)]
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
    /// Receive datagrams: five sends, how many receives?
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

/// Receives datagrams, one call of `recv_from` for each, whoever sends them, and shows each as it
/// comes. Draws the picture if they are the five messages.
fn receive_datagrams(addr: &Addr, options: &Reader) -> Result<(), Failure> {
    let bind_failed = |e| Failure::bind(addr, e);
    let socket = UdpSocket::bind(addr).map_err(bind_failed)?;
    say!("listening on {}", socket.local_addr().map_err(bind_failed)?);

    let receive_failed = |e| Failure::new(format!("cannot receive: {e}"));
    let mut buffer = vec![0; options.buffer()];
    // peek_from waits for the first datagram and leaves it where it is.
    match socket.peek_from(&mut buffer) {
        Err(e) if !was_cut(&e) => return Err(receive_failed(e)),
        _ => options.wait()?,
    }
    let set = socket.set_read_timeout(Some(SILENCE));
    set.map_err(receive_failed)?;

    let came = collect(&socket, &mut buffer).map_err(receive_failed)?;
    if let Some(pieces) = pieces(&came) {
        say!("\n{}", draw("send", "receive", &pieces));
    } else {
        let total = came.iter().map(|datagram| datagram.length).sum();
        say!("\n{}", borders_unknown("receive", came.len(), total));
    }
    Ok(())
}

/// What one call of `recv_from` returned.
struct Datagram {
    length: usize,
    /// Which of the five messages it is, by its place in [`MESSAGES`]; none if it is something else.
    message: Option<usize>,
}

/// Receives and shows datagrams until the five messages are there, nothing more comes, or it is
/// enough.
fn collect(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Vec<Datagram>> {
    let mut came: Vec<Datagram> = Vec::new();
    let mut next = 0; // the first message that has not come
    while came.iter().filter(|d| d.message.is_some()).count() < MESSAGES.len() {
        if came.len() == MOST {
            say!("more than {MOST} datagrams are not shown");
            break;
        }
        let Some(length) = receive(socket, buffer)? else {
            say!("nothing more for {} seconds", SILENCE.as_secs());
            break;
        };
        let datagram = &buffer[..length];
        // The next message, or a later one if some were lost on the way.
        let message = (next..MESSAGES.len()).find(|&i| is_message(datagram, i, buffer.len()));
        let number = came.len() + 1;
        let text = describe(datagram, message, length == buffer.len());
        say!("receive {number}: {}  {text}", bytes(length));
        next = message.map_or(next, |message| message + 1);
        came.push(Datagram { length, message });
    }
    Ok(came)
}

/// The length of one datagram, or of as much of it as the buffer can take; `None` if nothing comes
/// any more.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match socket.recv_from(buffer) {
        Ok((n, _sender)) => Ok(Some(n)),
        Err(e) if was_cut(&e) => Ok(Some(buffer.len())),
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
fn is_message(datagram: &[u8], number: usize, buffer: usize) -> bool {
    let message = MESSAGES[number].as_bytes();
    datagram == &message[..message.len().min(buffer)]
}

/// The datagram as text, and what is known of a tail that did not fit into the buffer.
fn describe(datagram: &[u8], message: Option<usize>, full: bool) -> String {
    let Some(message) = message else {
        let more = if full { "  and perhaps more, lost" } else { "" };
        return format!("{}{more}", escape(datagram));
    };
    let text = mark_borders(MESSAGES[..message].concat().len(), datagram);
    match MESSAGES[message].len() - datagram.len() {
        0 => text,
        tail => format!("{text}  and {tail} lost"),
    }
}

/// The receiver's side of the picture; `None` if something else than the five messages came.
fn pieces(came: &[Datagram]) -> Option<Vec<Piece>> {
    let lost = |message: &&str| Piece::Lost(message.len());
    let mut pieces = Vec::new();
    let mut next = 0;
    for datagram in came {
        let message = datagram.message?;
        pieces.extend(MESSAGES[next..message].iter().map(lost));
        let tail = MESSAGES[message].len() - datagram.length;
        pieces.extend([Piece::Came(datagram.length), Piece::Lost(tail)]);
        next = message + 1;
    }
    pieces.extend(MESSAGES[next..].iter().map(lost));
    Some(pieces)
}
