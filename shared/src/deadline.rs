use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Reads as `read` does, but no longer than until the deadline: at least one byte, or 0 when the
/// other side has finished.
///
/// The stream keeps the timeout that was set last.
///
/// # Errors
/// `TimedOut` when the deadline has passed, otherwise what `read` fails with (on Unix `TimedOut`
/// too, when TCP gives the peer up).
pub fn read_by(mut stream: &TcpStream, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
    loop {
        // The time that is left, not the whole time again: who sends a byte now and then gains
        // nothing by it.
        stream.set_read_timeout(Some(time_left(deadline)?))?;
        match stream.read(buffer) {
            Err(error) if is_timeout(&error) => {} // `time_left` tells whether it was the deadline
            result => return result,
        }
    }
}

/// Fills the buffer, in however many reads it takes, until the deadline at the latest.
///
/// # Errors
/// `UnexpectedEof` when the other side finishes before the buffer is full; `TimedOut` when the
/// deadline has passed. What had come by then is lost.
pub fn read_exact_by(stream: &TcpStream, buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_by(stream, &mut buffer[filled..], deadline)? {
            0 => {
                let message = format!("it closed after {filled} of {} bytes", buffer.len());
                return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
            }
            n => filled += n,
        }
    }
    Ok(())
}

/// Writes all of the bytes, until the deadline at the latest. A peer that never reads, or reads a
/// byte now and then, does not hold it longer.
///
/// # Errors
/// `TimedOut` when the deadline has passed; nobody knows how much was written.
pub fn write_all_by(mut stream: &TcpStream, bytes: &[u8], deadline: Instant) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        stream.set_write_timeout(Some(all_time_left(deadline)?))?;
        match stream.write(&bytes[written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => written += n,
            // There a part may have been sent, and nobody knows how much: it cannot go on.
            Err(error) if cfg!(windows) && is_timeout(&error) => return Err(over()),
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Windows wakes no call that waits when another thread shuts the socket down. Shorter reads, one
/// after the other until the deadline, find out by themselves.
const LONGEST_READ: Duration = if cfg!(windows) {
    Duration::from_millis(250)
} else {
    Duration::MAX
};

/// The time until the deadline, but no more than one read may take; or the error that it has passed.
fn time_left(deadline: Instant) -> io::Result<Duration> {
    Ok(all_time_left(deadline)?.min(LONGEST_READ))
}

fn all_time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(over());
    }
    Ok(left)
}

fn over() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "its time is over")
}

/// A timeout of the socket is `WouldBlock` on Unix and may be `TimedOut` on Windows. On Unix
/// `TimedOut` says that TCP gave the peer up: it is told once, and the next read would give 0, as
/// if the peer had finished. A signal that came in between counts like a timeout that was too short.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
        || (cfg!(windows) && error.kind() == ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// Two ends of a connection.
    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let near = TcpStream::connect(addr).expect("the listener is there");
        let (far, _) = listener.accept().expect("a client is there");
        (near, far)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(200)
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn fills_the_buffer_from_single_bytes() {
        let (near, far) = pair();
        far.set_nodelay(true).expect("a socket takes TCP_NODELAY");
        let sender = thread::spawn(move || {
            for byte in b"nonce" {
                (&far).write_all(&[*byte]).expect("the other end reads");
            }
            far
        });
        let mut buffer = [0; 5];
        read_exact_by(&near, &mut buffer, later()).expect("all of it comes in time");
        assert_eq!(&buffer, b"nonce");
        sender.join().expect("the sender does not fail");
    }

    #[test]
    fn a_byte_now_and_then_does_not_move_the_deadline() {
        let (near, far) = pair();
        let (stop, stopped) = mpsc::channel::<()>();
        let dribbler = thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(10))
                == Err(mpsc::RecvTimeoutError::Timeout)
            {
                if (&far).write_all(b".").is_err() {
                    break;
                }
            }
        });
        let start = Instant::now();
        let mut buffer = [0; 2000]; // it takes at least 20 s until so much has come
        let error = read_exact_by(&near, &mut buffer, soon()).expect_err("it never fills");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        let took = start.elapsed();
        let expected = Duration::from_millis(200)..Duration::from_secs(10);
        assert!(expected.contains(&took), "{took:?}");
        drop(stop);
        dribbler.join().expect("the sender does not fail");
    }

    #[test]
    fn says_how_much_had_come_when_the_other_side_closes() {
        let (near, far) = pair();
        (&far).write_all(b"abc").expect("the other end is open");
        drop(far);
        let error = read_exact_by(&near, &mut [0; 5], later()).expect_err("two bytes are missing");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), "it closed after 3 of 5 bytes");
    }

    #[test]
    #[cfg(unix)]
    fn a_peer_that_tcp_gave_up_is_no_timeout_of_the_socket() {
        assert!(is_timeout(&ErrorKind::WouldBlock.into()));
        assert!(!is_timeout(&ErrorKind::TimedOut.into()));
    }

    #[test]
    fn gives_up_writing_to_a_peer_that_never_reads() {
        let (near, _far) = pair();
        let error = write_all_by(&near, &vec![0; 64 << 20], soon()).expect_err("nobody reads it");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    }
}
