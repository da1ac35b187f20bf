//! `cargo course tap N`: stands between client and server and prints every byte that passes.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use anstyle::AnsiColor;
use course::{Lesson, lesson, paint};
use shared::{Addr, Failure, say};
use socket2::SockRef;

/// How many bytes of one piece are shown.
const SHOWN: usize = 256;

/// The times are counted from here.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

#[derive(clap::Args)]
pub struct Args {
    /// The lesson's number
    #[arg(value_parser = lesson)]
    lesson: &'static Lesson,

    /// Where the tap listens; point the client here [default: 127.0.0.1:98NN]
    #[arg(short, long, value_name = "HOST:PORT")]
    addr: Option<Addr>,

    /// Where the server listens [default: 127.0.0.1:88NN]
    #[arg(long, value_name = "HOST:PORT")]
    to: Option<Addr>,

    /// Pass everything on so much later, in milliseconds, as a long way would
    #[arg(long, value_name = "MS", default_value = "0", value_parser = clap::value_parser!(u64).range(..=60_000))]
    delay: u64,

    /// Pass on datagrams, not connections [default for the lessons that use UDP]
    #[arg(long)]
    udp: bool,
}

/// Passes on whatever comes, until Ctrl-C.
pub fn run(args: &Args) -> Result<(), Failure> {
    let default = |port: u16| -> Addr {
        format!("127.0.0.1:{port}")
            .parse()
            .expect("host and port are given")
    };
    let addr = args
        .addr
        .clone()
        .unwrap_or_else(|| default(args.lesson.tap_port()));
    let to = args
        .to
        .clone()
        .unwrap_or_else(|| default(args.lesson.port()));
    let delay = Duration::from_millis(args.delay);
    if args.udp || args.lesson.udp {
        tap_datagrams(&addr, &to, delay)
    } else {
        tap_connections(&addr, to, delay)
    }
}

fn tap_connections(addr: &Addr, to: Addr, delay: Duration) -> Result<(), Failure> {
    let bind_failed = |e| Failure::bind(addr, e);
    let listener = TcpListener::bind(addr).map_err(bind_failed)?;
    say!(
        "listening on {}",
        listener.local_addr().map_err(bind_failed)?
    );
    say!("passing everything on to {to}");
    let mut number = 0;
    loop {
        match listener.accept() {
            Ok((client, peer)) => {
                number += 1;
                show(number, &format!("{peer} connects"));
                let to = to.clone();
                thread::spawn(move || connection(number, client, &to, delay));
            }
            Err(error) => {
                shared::warn!("cannot accept a client: {error}");
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// One connection: the two sides, and whether one of them broke off.
struct Link {
    number: usize,
    client: TcpStream,
    server: TcpStream,
    reset: AtomicBool,
}

fn connection(number: usize, client: TcpStream, to: &Addr, delay: Duration) {
    let server = match TcpStream::connect(to) {
        Ok(server) => server,
        Err(error) => {
            Failure::new(format!("cannot connect to {to}: {error}"))
                .hint("start the lesson's server first, in another terminal")
                .print();
            return;
        }
    };
    // The tap must not hold back what the programs send.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let link = Link {
        number,
        client,
        server,
        reset: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        for direction in [Direction::ToServer, Direction::ToClient] {
            let (queue, queued) = mpsc::channel();
            let link = &link;
            scope.spawn(move || link.listen(direction, &queue));
            scope.spawn(move || link.pass_on(direction, &queued, delay));
        }
    });
    show(number, "closed");
}

#[derive(Clone, Copy)]
enum Direction {
    ToServer,
    ToClient,
}

/// What came, and when.
struct Arrival {
    at: Instant,
    /// Nothing stands for FIN.
    bytes: Vec<u8>,
}

impl Link {
    fn ends(&self, direction: Direction) -> (&TcpStream, &TcpStream) {
        match direction {
            Direction::ToServer => (&self.client, &self.server),
            Direction::ToClient => (&self.server, &self.client),
        }
    }

    /// Shows what comes from one side, at the time when it comes, and queues it.
    fn listen(&self, direction: Direction, queue: &Sender<Arrival>) {
        let (mut from, to) = self.ends(direction);
        if cfg!(windows) {
            // There no `shutdown` wakes who reads: it looks up now and then.
            let _ = from.set_read_timeout(Some(Duration::from_millis(250)));
        }
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer);
            let at = Instant::now();
            if self.reset.load(Ordering::SeqCst) {
                return;
            }
            match read {
                Ok(n) => {
                    show(self.number, &headline(direction, n));
                    show_bytes(&buffer[..n]);
                    let sent = queue.send(Arrival {
                        at,
                        bytes: buffer[..n].to_vec(),
                    });
                    if n == 0 || sent.is_err() {
                        return;
                    }
                }
                Err(error) if is_pause(&error) => {}
                Err(error) => {
                    self.reset.store(true, Ordering::SeqCst);
                    show(self.number, &format!("{}  RST ({error})", arrow(direction)));
                    // The other side gets an RST too, when the last of us lets go of its socket.
                    let _ = SockRef::from(to).set_linger(Some(Duration::ZERO));
                    let _ = to.shutdown(Shutdown::Read); // wakes who reads there
                    return;
                }
            }
        }
    }

    /// Writes to the other side what was queued, each part `delay` after it came.
    fn pass_on(&self, direction: Direction, queue: &Receiver<Arrival>, delay: Duration) {
        let (_, mut to) = self.ends(direction);
        for arrival in queue {
            thread::sleep((arrival.at + delay).saturating_duration_since(Instant::now()));
            if self.reset.load(Ordering::SeqCst) {
                return;
            }
            let passed = match arrival.bytes.as_slice() {
                [] => to.shutdown(Shutdown::Write),
                bytes => to.write_all(bytes),
            };
            if passed.is_err() {
                return; // whoever reads from that side sees why
            }
        }
    }
}

/// Whether a read only looked up, to see whether the other side was reset.
fn is_pause(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

fn tap_datagrams(addr: &Addr, to: &Addr, delay: Duration) -> Result<(), Failure> {
    let bind_failed = |e| Failure::bind(addr, e);
    let socket = UdpSocket::bind(addr).map_err(bind_failed)?;
    let local = socket.local_addr().map_err(bind_failed)?;
    say!("listening on {local}");
    say!("passing everything on to {to}");
    let socket = Arc::new(socket);
    // One socket for each client, so that the answers find their way back.
    let mut clients: HashMap<SocketAddr, (usize, Arc<UdpSocket>)> = HashMap::new();
    let mut buffer = vec![0; 65_535];
    loop {
        let (n, client) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) => {
                shared::warn!("cannot receive: {error}"); // some systems report an unreachable client here
                continue;
            }
        };
        let next = clients.len() + 1;
        let known = clients.get(&client).cloned();
        let (number, server) = match known {
            Some(known) => known,
            None => {
                // This asks nobody: the server need not be there yet, but its address must be good.
                let server = connect_datagrams(local, to).map_err(|e| {
                    Failure::new(format!("cannot reach {to}: {e}")).hint("check --to")
                })?;
                let server = Arc::new(server);
                clients.insert(client, (next, Arc::clone(&server)));
                show(next, &format!("{client} sends its first datagram"));
                let (server_side, client_side) = (Arc::clone(&server), Arc::clone(&socket));
                thread::spawn(move || answers(next, &server_side, &client_side, client, delay));
                (next, server)
            }
        };
        show(number, &datagram_headline(Direction::ToServer, n));
        show_bytes(&buffer[..n]);
        let datagram = buffer[..n].to_vec();
        after(delay, move || {
            if let Err(error) = server.send(&datagram) {
                show(number, &format!("not passed on to the server: {error}"));
            }
        });
    }
}

/// A socket that speaks with the server only.
fn connect_datagrams(local: SocketAddr, to: &Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((local.ip(), 0))?;
    socket.connect(to)?;
    Ok(socket)
}

/// Passes the server's datagrams back to one client.
fn answers(
    number: usize,
    server: &UdpSocket,
    socket: &Arc<UdpSocket>,
    client: SocketAddr,
    delay: Duration,
) {
    let mut buffer = vec![0; 65_535];
    loop {
        match server.recv(&mut buffer) {
            Ok(n) => {
                show(number, &datagram_headline(Direction::ToClient, n));
                show_bytes(&buffer[..n]);
                let (datagram, socket) = (buffer[..n].to_vec(), Arc::clone(socket));
                after(delay, move || {
                    if let Err(error) = socket.send_to(&datagram, client) {
                        show(number, &format!("not passed on to the client: {error}"));
                    }
                });
            }
            Err(error) => show(
                number,
                &format!("{}  nobody there ({error})", arrow(Direction::ToClient)),
            ),
        }
    }
}

/// Does it now, or later without holding up what comes next.
fn after(delay: Duration, action: impl FnOnce() + Send + 'static) {
    if delay.is_zero() {
        action();
    } else {
        thread::spawn(move || {
            thread::sleep(delay);
            action();
        });
    }
}

fn arrow(direction: Direction) -> String {
    match direction {
        Direction::ToServer => paint(AnsiColor::Cyan.on_default(), "client → server"),
        Direction::ToClient => paint(AnsiColor::Green.on_default(), "client ← server"),
    }
}

fn headline(direction: Direction, n: usize) -> String {
    match n {
        0 => format!("{}  FIN", arrow(direction)),
        _ => datagram_headline(direction, n),
    }
}

fn datagram_headline(direction: Direction, n: usize) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{}  {n} byte{plural}", arrow(direction))
}

fn show(number: usize, what: &str) {
    say!("{:.3} s  #{number}  {what}", START.elapsed().as_secs_f64());
}

/// Sixteen bytes a line, in hexadecimal and as text.
fn show_bytes(bytes: &[u8]) {
    for row in bytes[..bytes.len().min(SHOWN)].chunks(16) {
        let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = row
            .iter()
            .map(|&byte| {
                if byte == b' ' || byte.is_ascii_graphic() {
                    char::from(byte)
                } else {
                    '.'
                }
            })
            .collect();
        say!("    {:<47}  {text}", hex.join(" "));
    }
    if bytes.len() > SHOWN {
        say!("    … and {} bytes more", bytes.len() - SHOWN);
    }
}
