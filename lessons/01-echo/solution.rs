//! One way to solve the exercises of lesson 1. Try your own first.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use echo::contract::AskError;

/// 1.1 The shouting echo.
pub fn shout(listener: &TcpListener) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    let mut buffer = [0; 1024];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        let bytes = &mut buffer[..n];
        bytes.make_ascii_uppercase(); // bytes of longer UTF-8 characters are never ASCII letters
        stream.write_all(bytes)?;
    }
}

/// 1.2 A client with human errors.
pub fn ask(addr: SocketAddr, message: &[u8], limit: Duration) -> Result<Vec<u8>, AskError> {
    let deadline = Instant::now() + limit;
    let mut stream = TcpStream::connect_timeout(&addr, time_left(deadline)?).map_err(explain)?;
    let mut rest = message;
    while !rest.is_empty() {
        // Each write gets only what is left of the whole time; write_all would give it to each anew.
        stream
            .set_write_timeout(Some(time_left(deadline)?))
            .map_err(explain)?;
        match stream.write(rest) {
            Ok(n) => rest = &rest[n..],
            Err(e) if e.kind() == ErrorKind::Interrupted => {} // by a signal, such as Ctrl-Z
            Err(e) => return Err(explain(e)),
        }
    }
    stream.shutdown(Shutdown::Write).map_err(explain)?;

    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        // And so does each read.
        stream
            .set_read_timeout(Some(time_left(deadline)?))
            .map_err(explain)?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(explain(e)),
        }
    }
}

/// What is left until the deadline; never zero, which the socket would refuse.
fn time_left(deadline: Instant) -> Result<Duration, AskError> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(AskError::TimedOut),
        left => Ok(left),
    }
}

fn explain(error: io::Error) -> AskError {
    match error.kind() {
        ErrorKind::ConnectionRefused => AskError::NobodyListening,
        // A timeout of a socket is WouldBlock on Unix and TimedOut on Windows.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => AskError::TimedOut,
        // NotConnected is what shutdown says if the reset has come before it.
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => AskError::Reset,
        _ => AskError::Other(error),
    }
}

/// 1.3 Reply and close.
pub fn reply_and_close(mut stream: TcpStream, reply: &[u8], patience: Duration) -> io::Result<()> {
    let mut request = [0; 1024];
    stream.read(&mut request).map(|_| ())?; // a request of 0 bytes is one, too
    stream.write_all(reply)?;
    let deadline = Instant::now() + patience;

    // FIN goes out behind the reply. Closing now would send RST if unread bytes lie here, so they
    // are read and thrown away until the client has finished, within bounds.
    if stream.shutdown(Shutdown::Write).is_err() {
        return Ok(()); // the client is gone already
    }
    let mut left: usize = 1024 * 1024;
    let mut rest = [0; 8192];
    while left > 0 {
        let wait = deadline.saturating_duration_since(Instant::now());
        if wait.is_zero() || stream.set_read_timeout(Some(wait)).is_err() {
            break;
        }
        match stream.read(&mut rest) {
            Ok(0) => break, // the client has finished
            Ok(n) => left = left.saturating_sub(n),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => break, // it is gone, or said nothing
        }
    }
    Ok(())
}
