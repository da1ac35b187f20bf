use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::place::PATIENCE;

/// Connects to a server; every read and write on the connection fails after [`PATIENCE`].
///
/// # Panics
/// If the server does not accept in time.
#[track_caller]
pub fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, PATIENCE);
    patient(stream.unwrap_or_else(|e| panic!("cannot connect to {addr}: {e}")))
}

/// Waits for a client to connect; every read and write on the connection fails after [`PATIENCE`].
///
/// # Panics
/// If no client connects in time.
#[track_caller]
pub fn accept(listener: &TcpListener) -> TcpStream {
    // A blocked accept cannot be woken, so a thread of its own waits in it.
    let listener = listener.try_clone().expect("a socket can be cloned");
    let (sender, accepted) = mpsc::channel();
    thread::spawn(move || sender.send(listener.accept()));
    let accepted = accepted
        .recv_timeout(PATIENCE)
        .expect("waited for a client to connect");
    patient(accepted.expect("a client connects").0)
}

fn patient(stream: TcpStream) -> TcpStream {
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("the timeout is not zero");
    stream
        .set_write_timeout(Some(PATIENCE))
        .expect("the timeout is not zero");
    stream
}

/// A UDP socket on a free port of this machine; every wait for a datagram fails after [`PATIENCE`].
///
/// # Panics
/// If no port is free.
#[track_caller]
pub fn datagrams() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    if cfg!(not(target_os = "linux")) {
        // macOS and FreeBSD send no more than 9,216 bytes at once where nobody asks for more.
        let raised = socket2::SockRef::from(&socket).set_send_buffer_size(65_535);
        raised.expect("an open socket takes SO_SNDBUF");
    }
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("the timeout is not zero");
    socket
}

/// Waits for a datagram: its bytes, and who sent it.
///
/// # Panics
/// If none comes in time.
#[track_caller]
pub fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let deadline = Instant::now() + PATIENCE;
    let (n, sender) = loop {
        match socket.recv_from(&mut buffer) {
            Ok(received) => break received,
            // With a timeout set, Linux interrupts the wait when a stopped process goes on.
            Err(e) if e.kind() == ErrorKind::Interrupted && Instant::now() < deadline => {}
            Err(e) => panic!("waited for a datagram: {e}"),
        }
    };
    buffer.truncate(n);
    (buffer, sender)
}

/// Whether a socket's timeout has passed (Unix says `WouldBlock`, Windows `TimedOut`), or a signal
/// has cut the wait short: nothing has come, and the connection is as it was.
pub fn is_timeout(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

/// Closes a connection with RST instead of FIN, as a crashed or impolite peer does.
///
/// # Panics
/// If the socket does not take the option.
pub fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    let set = socket.set_linger(Some(Duration::ZERO));
    set.expect("an open socket takes SO_LINGER");
}
