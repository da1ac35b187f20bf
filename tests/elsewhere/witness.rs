//! Says which faults this machine's wine has: what it does otherwise than Windows is documented to
//! do, seen with std alone and nothing of the course. Each line is a name, `yes` or `no`, and what
//! was seen.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

fn main() {
    let faults: [(&str, fn() -> Result<(bool, String), Error>); 4] = [
        ("reset-as-end", reset_as_end),
        ("port-unreachable", port_unreachable),
        ("no-text", no_text),
        ("broken-pipe", broken_pipe),
    ];
    for (name, look) in faults {
        match look() {
            Ok((true, seen)) => println!("{name}: yes, {seen}"),
            Ok((false, seen)) => println!("{name}: no, {seen}"),
            Err(error) => println!("{name}: cannot tell: {error}"),
        }
    }
}

/// Windows: a read after the peer's reset fails with WSAECONNRESET, 10054 (recv's page). Closing a
/// socket with unread bytes resets.
fn reset_as_end() -> Result<(bool, String), Error> {
    let mut ends = 0;
    let mut last = String::new();
    for _ in 0..20 {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        client.write_all(b"never read")?;
        std::thread::sleep(Duration::from_millis(20));
        drop(server);
        std::thread::sleep(Duration::from_millis(20));
        client.set_read_timeout(Some(Duration::from_secs(5)))?;
        let read = client.read(&mut [0; 16]);
        ends += usize::from(matches!(read, Ok(0)));
        last = format!("{read:?}");
    }
    let seen = format!("{ends} of 20 reads after a reset gave Ok(0); the last gave {last}");
    Ok((ends > 0, seen))
}

/// Windows: a receive after a datagram that found nobody fails with WSAECONNRESET (recvfrom's page).
fn port_unreachable() -> Result<(bool, String), Error> {
    let nobody = UdpSocket::bind("127.0.0.1:0")?.local_addr()?; // closed again at once
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(nobody)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.send(b"anybody there?")?;
    let received = socket.recv(&mut [0; 16]);
    let silent = received
        .as_ref()
        .is_err_and(|error| matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock));
    Ok((silent, format!("the receive gave {received:?}")))
}

/// Windows has a text for each error of its sockets (FormatMessage).
fn no_text() -> Result<(bool, String), Error> {
    let silent = |number: &i32| {
        let text = Error::from_raw_os_error(*number).to_string();
        text.starts_with("OS Error ") || text.starts_with(" (os error") || text.starts_with("(os")
    };
    let without: Vec<i32> = [10_040, 10_048, 10_057, 10_060]
        .into_iter()
        .filter(silent)
        .collect();
    Ok((!without.is_empty(), format!("no text for {without:?}")))
}

/// Windows: a write to a pipe that nobody reads fails with ERROR_NO_DATA, 232, or
/// ERROR_BROKEN_PIPE, 109, which std takes for `BrokenPipe`.
fn broken_pipe() -> Result<(bool, String), Error> {
    let (reader, mut writer) = std::io::pipe()?;
    drop(reader);
    let written = writer.write(b"x");
    let other = written
        .as_ref()
        .is_err_and(|error| error.kind() != ErrorKind::BrokenPipe);
    Ok((other, format!("the write gave {written:?}")))
}
