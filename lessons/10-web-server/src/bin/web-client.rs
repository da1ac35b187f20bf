//! Fetches a page over HTTP/1.1, and shows its status, headers and body.
//!
//! Terminal 1: `cargo run --bin web-server -- lessons/10-web-server/site`
//! Terminal 2: `cargo run --bin web-client -- http://127.0.0.1:8810/`

use std::io::{self, ErrorKind, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use shared::{Addr, Failure, escape, say, write_all_by};
use tempfile::NamedTempFile;
use web_server::{
    Incoming, Length, Refusal, Response, Trouble, Url, parse_response, response_length,
};

/// The longest body that is shown, in bytes. For a longer one there is `--output`.
const MAX_SHOWN: usize = 1024 * 1024;

/// So many times a server may say that the answer is still to come (1xx).
const MAX_INTERIM: u32 = 10;

/// Fetch a page, and show its status, headers and body.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin web-client -- http://127.0.0.1:8810/ --head\n  cargo run -q --bin web-client -- http://127.0.0.1:8810/ --output page"
)]
struct Args {
    // No comment for rustdoc, which would take the brackets for a link.
    #[arg(
        default_value = "http://127.0.0.1:8810/",
        help = "Where the page is: http://HOST[:PORT]/PATH"
    )]
    url: Url,

    /// Ask for the head alone
    #[arg(long, conflicts_with = "output")]
    head: bool,

    /// Keep the body in a new file, complete or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How long to wait for the connection, for the head, and for each piece of the body, in
    /// seconds
    #[arg(short, long, value_name = "SECS", default_value = "10", value_parser = shared::seconds)]
    timeout: Duration,

    /// Connect there, whatever the URL says: to a tap, for example
    #[arg(short, long, value_name = "HOST:PORT")]
    addr: Option<Addr>,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let addr = args.addr.as_ref().unwrap_or(&args.url.addr);
    let stream =
        connect(addr, args.timeout).map_err(|e| Failure::connect(addr, "web-server DIR", e))?;
    let deadline = Instant::now() + args.timeout;
    write_all_by(&stream, request(&args).as_bytes(), deadline)
        .map_err(|e| Failure::broken("write to", addr, e))?;

    let mut incoming = Incoming::new(&stream);
    let (response, length) = receive_head(&mut incoming, args.head, deadline)
        .map_err(|trouble| not_received(addr, trouble))?;
    say!("{}", escape(&response.line));
    for (name, value) in response.headers.iter() {
        say!("{name}: {}", escape(value));
    }
    let mut body = Body {
        incoming,
        length,
        timeout: args.timeout,
    };
    match &args.output {
        None => show(&mut body).map_err(|e| broken_body(addr, e)),
        Some(path) if response.status == 200 => keep(&mut body, path, addr),
        Some(_) => Err(Failure::new(format!(
            "nothing was kept, because {addr} did not answer 200"
        ))),
    }
}

/// Tries each address of the host in turn, and has one deadline for all: an address that does not
/// answer leaves the others their share of the time. (The look-up has no deadline; std has none.)
fn connect(addr: &Addr, timeout: Duration) -> io::Result<TcpStream> {
    let deadline = Instant::now() + timeout;
    let addresses: Vec<_> = addr.to_socket_addrs()?.collect();
    let mut failed = io::Error::other("the name has no address");
    for (i, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - i).unwrap_or(u32::MAX);
        if share.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// One write for all of it (lesson 5). The header Host says which site is meant: one server, at one
/// address, may have many.
fn request(args: &Args) -> String {
    let method = if args.head { "HEAD" } else { "GET" };
    let Url { target, host, .. } = &args.url;
    format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
}

/// The head of the answer, and how long its body is.
fn receive_head(
    incoming: &mut Incoming,
    to_head: bool,
    deadline: Instant,
) -> Result<(Response, Length), Trouble> {
    for _ in 0..MAX_INTERIM {
        let response = parse_response(&incoming.read_head(deadline)?)?;
        if response.status >= 200 {
            let length = response_length(&response, to_head)?;
            return Ok((response, length));
        }
    }
    Err(Refusal::bad("it says again and again that the answer is still to come").into())
}

/// The body of the answer, which is still to be read.
struct Body<'a> {
    incoming: Incoming<'a>,
    length: Length,
    timeout: Duration,
}

impl Body<'_> {
    /// Hands it on, piece by piece.
    fn read(&mut self, take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let deadline = || Instant::now() + self.timeout;
        self.incoming.read_body(self.length, deadline, take)
    }
}

/// Prints the body, safe for a terminal.
fn show(body: &mut Body) -> io::Result<()> {
    let mut bytes = Vec::new();
    let read = body.read(|piece| {
        bytes.extend_from_slice(piece);
        match bytes.len() > MAX_SHOWN {
            true => Err(ErrorKind::FileTooLarge.into()),
            false => Ok(()),
        }
    });
    // Also what came before it broke off.
    if !bytes.is_empty() {
        say!("");
    }
    for line in bytes
        .strip_suffix(b"\n")
        .unwrap_or(&bytes)
        .split(|&b| b == b'\n')
    {
        if !bytes.is_empty() {
            say!("{}", escape(line));
        }
    }
    read
}

/// Keeps the body in a file that appears under its name when it is complete: lesson 6.
fn keep(body: &mut Body, path: &Path, addr: &Addr) -> Result<(), Failure> {
    let shown = escape(path.as_os_str().as_encoded_bytes());
    let cannot_keep = |e: io::Error| Failure::new(format!("cannot keep '{shown}': {e}"));
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Dropping it removes it, however this ends.
    let mut file = NamedTempFile::new_in(folder).map_err(cannot_keep)?;
    let (mut length, mut unwritten) = (0, None);
    let read = body.read(|piece| {
        length += piece.len();
        file.write_all(piece).map_err(|error| {
            unwritten = Some(error);
            io::Error::other("it could not be written")
        })
    });
    if let Some(error) = unwritten {
        return Err(cannot_keep(error));
    }
    read.map_err(|e| broken_body(addr, e))?;
    file.as_file().sync_all().map_err(cannot_keep)?;
    file.persist_noclobber(path)
        .map_err(|e| match e.error.kind() {
            ErrorKind::AlreadyExists => {
                cannot_keep(e.error).hint("choose another name, or remove the file")
            }
            _ => cannot_keep(e.error),
        })?;
    say!("\nkept {shown}: {length} bytes");
    Ok(())
}

fn not_received(addr: &Addr, trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Broken(error) => Failure::broken("read from", addr, error),
        Trouble::Refused(refusal) => Failure::new(format!(
            "cannot understand the answer of {addr}: {}",
            refusal.why
        )),
    }
}

fn broken_body(addr: &Addr, error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::FileTooLarge => {
            let why =
                format!("the body of {addr} is too long to be shown: more than {MAX_SHOWN} bytes");
            Failure::new(why).hint("keep it with --output FILE")
        }
        _ => Failure::broken("read from", addr, error),
    }
}
