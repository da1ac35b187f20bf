//! Serves the files of a folder over HTTP/1.1, to browsers and everybody else. Ctrl-C stops it in
//! order.
//!
//! Terminal 1: `cargo run --bin web-server -- lessons/10-web-server/site`
//! Terminal 2: `cargo run --bin web-client`, or a browser at `http://127.0.0.1:8810/`

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use shared::{Addr, Failure, escape, read_by, say, warn, write_all_by};
use web_server::{
    Client, Found, Incoming, Refusal, Request, Stop, Trouble, content_type, find, http_date,
    parse_request, reason, request_length, serve,
};

/// The longest body of a request that is read, and dropped, in bytes.
const MAX_BODY: u64 = 64 * 1024;

/// How much of a file is in memory at a time, in bytes. A file that fits goes out with its head in
/// one write.
const PIECE: u64 = 64 * 1024;

/// How much of what a client sends is taken after our last words, as in exercise 1.3.
const MAX_REST: usize = 1024 * 1024;

/// Serve the files of a folder over HTTP/1.1, many clients at once, until Ctrl-C.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q --bin web-server -- lessons/10-web-server/site --idle-timeout 5"
)]
struct Args {
    /// The folder; nothing outside of it is served, nor any name that begins with a dot
    dir: PathBuf,

    /// How many connections there may be at once; further ones are told 503
    // A browser opens up to six for one page.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = shared::number(1..=u32::MAX))]
    max_clients: u32,

    /// How many requests a connection may have
    #[arg(long, value_name = "N", default_value = "1000", value_parser = shared::number(1..=u32::MAX))]
    max_requests: u32,

    /// How long a connection may stay open without a request, in seconds
    #[arg(long, value_name = "SECS", default_value = "15", value_parser = shared::seconds)]
    idle_timeout: Duration,

    /// How long a client has for a whole request once it has begun, in seconds
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = shared::seconds)]
    request_timeout: Duration,

    /// How long a client has to take each 64 KiB of an answer, in seconds
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = shared::seconds)]
    write_timeout: Duration,

    /// Print no line for each connection and request
    #[arg(short, long)]
    quiet: bool,

    /// Where to listen; port 0 lets the system choose a free one
    #[arg(short, long, value_name = "HOST:PORT", default_value = web_server::ADDR)]
    addr: Addr,
}

/// What all connections share.
struct Site {
    /// The folder's real path.
    root: PathBuf,
    stop: Arc<Stop>,
    args: Args,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let root = open_folder(&args.dir)?;
    let bind_failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(&args.addr).map_err(bind_failed)?;
    let stop = Arc::new(Stop::new(&listener).map_err(bind_failed)?);
    stop_at_ctrl_c(&stop)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );

    let max_clients = usize::try_from(args.max_clients).unwrap_or(usize::MAX);
    let busy = Refusal::new(503, "all places are taken");
    let busy = Answer::refusal(busy).bytes(true, false);
    let site = Site {
        root,
        stop: Arc::clone(&stop),
        args,
    };
    serve(listener, max_clients, &busy, &stop, |client| {
        handle(client, &site);
    });
    say!("stopped");
    Ok(())
}

fn open_folder(dir: &Path) -> Result<PathBuf, Failure> {
    let shown = escape(dir.as_os_str().as_encoded_bytes());
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(format!("cannot serve the folder '{shown}': {why}"))
    };
    let root = dir.canonicalize().map_err(|e| failed(&e))?;
    match root.is_dir() {
        true => Ok(root),
        false => Err(failed(&"it is not a folder")),
    }
}

/// Ctrl-C stops the machine; pressed once more, it ends the program at once.
fn stop_at_ctrl_c(stop: &Arc<Stop>) -> Result<(), Failure> {
    let stop = Arc::clone(stop);
    let stop = move || {
        if io::stdout().is_terminal() {
            say!(""); // the terminal shows ^C and stays in that line
        }
        say!("stopping");
        if stop.ask() {
            process::exit(130); // what shells expect of a program that Ctrl-C has ended
        }
    };
    ctrlc::set_handler(stop).map_err(|e| Failure::new(format!("cannot listen to Ctrl-C: {e}")))
}

/// Does everything for one connection, in a thread of its own, and reports how it ended.
fn handle(client: &Client, site: &Site) {
    let log = !site.args.quiet;
    if log {
        say!("{client} has come");
    }
    let mut served = 0;
    let ended = answer_requests(client, site, &mut served);
    let s = if served == 1 { "" } else { "s" };
    match ended {
        Ok(()) if log => say!("{client} has left after {served} request{s}"),
        Ok(()) => {}
        Err(error) => warn!("{client} is gone after {served} request{s}: {error}"),
    }
}

/// One request after the other, in the order in which they come: the next may be here already
/// before the answer to this one is out.
fn answer_requests(client: &Client, site: &Site, served: &mut u32) -> io::Result<()> {
    let (stream, args) = (&*client.stream, &site.args);
    stream.set_nodelay(true)?;
    let mut incoming = Incoming::new(stream);
    loop {
        match incoming.begins(Instant::now() + args.idle_timeout) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // It has asked for nothing, so there is nothing to answer.
            Err(e) if e.kind() == ErrorKind::TimedOut => return Ok(()),
            Err(error) => return Err(error),
        }
        let request = read_request(&mut incoming, Instant::now() + args.request_timeout);
        let request = match request {
            Ok(request) => request,
            Err(Trouble::Broken(error)) => {
                let refusal = match error.kind() {
                    _ if site.stop.is_asked() => Refusal::new(503, "the server stops"),
                    ErrorKind::TimedOut => Refusal::new(408, "the request took too long"),
                    ErrorKind::UnexpectedEof => Refusal::bad(error.to_string()),
                    _ => return Err(error),
                };
                return refuse(client, args, refusal);
            }
            // Where this request ends is not known, so neither is where the next one begins.
            Err(Trouble::Refused(refusal)) => return refuse(client, args, refusal),
        };

        *served += 1;
        let last = *served == args.max_requests || site.stop.is_asked() || !wants_more(&request);
        let mut answer = answer(&request, &site.root);
        if !args.quiet {
            let (method, target) = (&request.method, &request.target);
            let target = escape(target.as_bytes());
            say!("{client} {method} {target} {}", answer.summary());
        }
        let to_head = request.method == "HEAD";
        write_answer(stream, &mut answer, to_head, last, args.write_timeout)?;
        if last {
            return finish(stream);
        }
    }
}

/// Reads a whole request. Its body is dropped: nothing here needs one.
fn read_request(incoming: &mut Incoming, deadline: Instant) -> Result<Request, Trouble> {
    let request = parse_request(&incoming.read_head(deadline)?)?;
    // Without one, nobody knows which site is meant; with two, neither.
    if request.is_1_1 && request.headers.all("host").count() != 1 {
        return Err(Refusal::bad("it needs one header Host").into());
    }
    let length = request_length(&request)?;
    if expects_word(&request) {
        return Ok(request);
    }
    let mut came = 0;
    let read = incoming.read_body(
        length,
        || deadline,
        |piece| {
            came += piece.len() as u64;
            match came > MAX_BODY {
                true => Err(ErrorKind::FileTooLarge.into()),
                false => Ok(()),
            }
        },
    );
    match read {
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            let why = format!("a body of more than {MAX_BODY} bytes");
            Err(Refusal::new(413, why).into())
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(Refusal::bad(error.to_string()).into())
        }
        Err(error) => Err(error.into()),
        Ok(()) => Ok(request),
    }
}

/// Whether the client asks before it sends the body. Our answer does not need it, and says so. It may
/// send it all the same, so nobody knows whether a body or a request comes next.
fn expects_word(request: &Request) -> bool {
    request.headers.lists("expect", "100-continue")
}

/// Whether the client may send another request on this connection.
fn wants_more(request: &Request) -> bool {
    match request.is_1_1 {
        true => !expects_word(request) && !request.headers.lists("connection", "close"),
        false => request.headers.lists("connection", "keep-alive"),
    }
}

/// What goes back.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

enum Body {
    None,
    Text(String),
    /// A file, and its length when it was opened.
    File(File, u64),
}

/// Everything that is known about a request's answer before it is written.
fn answer(request: &Request, root: &Path) -> Answer {
    match request.method.as_str() {
        "GET" | "HEAD" => page(request, root).unwrap_or_else(Answer::refusal),
        "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "CONNECT" | "TRACE" => {
            let refusal = Refusal::new(405, "only GET and HEAD are served here");
            let mut answer = Answer::refusal(refusal);
            answer.headers.push(("Allow", "GET, HEAD".to_owned()));
            answer
        }
        _ => Answer::refusal(Refusal::new(501, "nobody knows this method")),
    }
}

fn page(request: &Request, root: &Path) -> Result<Answer, Refusal> {
    let path = match find(root, &request.target)? {
        Found::File(path) => path,
        Found::Moved(to) => {
            let mut answer = Answer::refusal(Refusal::new(301, format!("it is at {to}")));
            answer.headers.push(("Location", to));
            return Ok(answer);
        }
    };
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => Refusal::new(404, "there is no such file any more"),
        ErrorKind::PermissionDenied => Refusal::new(403, "it may not be read"),
        _ => Refusal::new(500, "it cannot be read"),
    };
    let file = File::open(&path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let changed = metadata.modified().map(http_date).unwrap_or_default();
    // A browser that has it asks whether it has changed, and repeats what we said of it.
    let since = request.headers.get("if-modified-since");
    if !changed.is_empty() && since == Some(changed.as_bytes()) {
        return Ok(Answer {
            status: 304,
            headers: vec![("Last-Modified", changed)],
            body: Body::None,
        });
    }
    Ok(Answer {
        status: 200,
        headers: vec![
            ("Content-Type", content_type(&path).to_owned()),
            ("Last-Modified", changed),
        ],
        body: Body::File(file, metadata.len()),
    })
}

impl Answer {
    /// An answer that says why there is no other.
    fn refusal(refusal: Refusal) -> Answer {
        let Refusal { status, why } = refusal;
        Answer {
            status,
            headers: vec![("Content-Type", "text/plain; charset=utf-8".to_owned())],
            body: Body::Text(format!("{status} {}: {why}\n", reason(status))),
        }
    }

    /// The body's length in bytes; a length in characters would be another one.
    fn length(&self) -> u64 {
        match &self.body {
            Body::None => 0,
            Body::Text(text) => text.len() as u64,
            Body::File(_, length) => *length,
        }
    }

    /// The head, and a text behind it.
    fn bytes(&self, last: bool, to_head: bool) -> Vec<u8> {
        let status = self.status;
        let mut bytes = format!(
            "HTTP/1.1 {status} {}\r\nDate: {}\r\n",
            reason(status),
            http_date(SystemTime::now())
        );
        for (name, value) in &self.headers {
            bytes += &format!("{name}: {value}\r\n");
        }
        if status != 304 {
            bytes += &format!("Content-Length: {}\r\n", self.length());
        }
        let connection = if last { "close" } else { "keep-alive" };
        bytes += &format!("Connection: {connection}\r\n\r\n");
        if let (Body::Text(text), false) = (&self.body, to_head) {
            bytes += text;
        }
        bytes.into_bytes()
    }

    /// The status and the length, for the log; and why, if it is a refusal.
    fn summary(&self) -> String {
        let (status, length) = (self.status, self.length());
        match &self.body {
            Body::Text(text) => text.trim_end().to_owned(),
            _ => format!("{status} {}, {length} bytes", reason(status)),
        }
    }
}

/// Writes an answer; to HEAD only its head, which says the same as to GET.
fn write_answer(
    stream: &TcpStream,
    answer: &mut Answer,
    to_head: bool,
    last: bool,
    timeout: Duration,
) -> io::Result<()> {
    let mut bytes = answer.bytes(last, to_head);
    let Body::File(file, length) = &mut answer.body else {
        return write_all_by(stream, &bytes, Instant::now() + timeout);
    };
    let mut missing = if to_head { 0 } else { *length };
    loop {
        // No more than was promised, if the file has grown meanwhile.
        let most = missing.min(PIECE);
        let n = file.by_ref().take(most).read_to_end(&mut bytes)? as u64;
        write_all_by(stream, &bytes, Instant::now() + timeout)?;
        missing -= n;
        if missing == 0 {
            return Ok(());
        }
        if n < most {
            // The rest was promised and is not there. Only a connection that ends too early says so.
            return Err(io::Error::other("the file has become shorter"));
        }
        bytes.clear();
    }
}

/// Answers what is no request, and closes.
fn refuse(client: &Client, args: &Args, refusal: Refusal) -> io::Result<()> {
    let answer = Answer::refusal(refusal);
    if !args.quiet {
        say!("{client} - {}", answer.summary());
    }
    let bytes = answer.bytes(true, false);
    let deadline = Instant::now() + args.write_timeout;
    write_all_by(&client.stream, &bytes, deadline)?;
    finish(&client.stream)
}

/// Half-closes and reads on, for at most a second and at most [`MAX_REST`] bytes: closing with bytes
/// unread would send RST, and the client might lose our answer. A browser shows "connection reset".
fn finish(stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut left = MAX_REST;
    let mut buffer = [0; 4096];
    while left > 0 {
        let most = left.min(buffer.len());
        match read_by(stream, &mut buffer[..most], deadline) {
            Ok(n @ 1..) => left -= n,
            _ => break, // it has closed, or its second is over
        }
    }
    Ok(())
}
