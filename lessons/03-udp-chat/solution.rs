//! One way to solve the exercises of lesson 3. Try your own first.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use shared::{MAX_TEXT, any_port};
use udp_chat::contract::Reply;

/// 3.1 Answer whoever wrote.
pub fn answer(socket: &UdpSocket, datagrams: usize) {
    let mut buffer = vec![0; MAX_TEXT];
    let mut answered = 0;
    while answered < datagrams {
        match socket.recv_from(&mut buffer) {
            Ok((n, sender)) => {
                // An error concerns this sender only, and is nobody's reason to stop.
                let _ = socket.send_to(&buffer[..n], sender);
                answered += 1;
            }
            Err(_) => thread::sleep(Duration::from_millis(10)), // it may last: do not spin
        }
    }
}

/// 3.2 A client that never hangs.
pub fn converse(contact: SocketAddr, texts: &[&[u8]], timeout: Duration) -> Vec<Reply> {
    let ask = |text: &&[u8]| match ask(contact, text, timeout) {
        Ok(Some(answer)) => Reply::Answer(answer),
        Ok(None) => Reply::Silence,
        // The second is what Windows says.
        Err(e)
            if matches!(
                e.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
            ) =>
        {
            Reply::NobodyThere
        }
        Err(error) => Reply::Failed(error),
    };
    texts.iter().map(ask).collect()
}

/// The answer to one text, or `None` when the time has passed.
fn ask(contact: SocketAddr, text: &[u8], timeout: Duration) -> io::Result<Option<Vec<u8>>> {
    // A port for this text alone: what comes there cannot answer another one.
    let socket = UdpSocket::bind(any_port(contact))?;
    socket.connect(contact)?;
    socket.send(text)?;
    let deadline = Instant::now() + timeout;
    let mut buffer = vec![0; MAX_TEXT];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut buffer) {
            Ok((n, sender)) if sender == contact => {
                buffer.truncate(n);
                return Ok(Some(buffer));
            }
            Ok(_) => {} // somebody was quicker than our `connect`
            Err(e) if is_timeout(&e) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A timeout of a socket is `WouldBlock` on Unix and `TimedOut` on Windows; a signal may have woken
/// us too. The clock decides.
fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// 3.3 Strangers and control characters kept out.
pub fn watch(
    socket: &UdpSocket,
    friend: SocketAddr,
    screen: &mut dyn Write,
    patience: Duration,
) -> io::Result<u64> {
    let mut buffer = vec![0; MAX_TEXT];
    let mut shown = 0;
    let mut deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let text = match socket.recv_from(&mut buffer) {
            Ok((n, sender)) if sender == friend => &buffer[..n],
            Ok(_) => continue, // the deadline stays
            Err(e) if is_timeout(&e) => continue,
            Err(error) => return Err(error),
        };
        if text == b"q" {
            return Ok(shown);
        }
        writeln!(screen, "{}", harmless(&String::from_utf8_lossy(text)))?;
        screen.flush()?;
        shown += 1;
        deadline = Instant::now() + patience;
    }
}

/// The text without anything that a terminal might obey.
fn harmless(text: &str) -> String {
    let mut harmless = String::new();
    for c in text.chars() {
        let misleads = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || misleads {
            harmless.extend(c.escape_unicode());
        } else {
            harmless.push(c);
        }
    }
    harmless
}
