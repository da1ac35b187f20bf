//! The checks of lesson 1, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use checks::{Ask, ReplyAndClose, Shout};
use course::exercise::prove;
use echo::AskError;

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_1_1_is_proved() {
    let skeleton = (SOURCE, "1.1 ", exercise::shout as Shout);
    prove(
        checks::shout,
        skeleton,
        solution::shout,
        &[
            (
                "reads once",
                |listener| {
                    let (mut stream, _) = listener.accept()?;
                    let mut buffer = [0; 1024];
                    let n = stream.read(&mut buffer)?;
                    buffer[..n].make_ascii_uppercase();
                    stream.write_all(&buffer[..n])
                },
                "only one read is done",
            ),
            (
                "sends the whole buffer back",
                |listener| {
                    let (mut stream, _) = listener.accept()?;
                    let mut buffer = [0; 1024];
                    while stream.read(&mut buffer)? > 0 {
                        buffer.make_ascii_uppercase();
                        stream.write_all(&buffer)?;
                    }
                    Ok(())
                },
                "more than the n bytes that were read goes back",
            ),
            (
                "waits for the end before it answers",
                |listener| {
                    let (mut stream, _) = listener.accept()?;
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all)?;
                    all.make_ascii_uppercase();
                    stream.write_all(&all)
                },
                "the answer is kept until the client has finished",
            ),
            (
                "takes bytes for text",
                |listener| {
                    let (mut stream, _) = listener.accept()?;
                    let mut buffer = [0; 1024];
                    loop {
                        match stream.read(&mut buffer)? {
                            0 => return Ok(()),
                            n => {
                                let text = String::from_utf8_lossy(&buffer[..n]).to_uppercase();
                                stream.write_all(text.as_bytes())?;
                            }
                        }
                    }
                },
                "the bytes were taken for text",
            ),
            (
                "unwraps the text",
                |listener| {
                    let (mut stream, _) = listener.accept()?;
                    let mut buffer = [0; 1024];
                    loop {
                        match stream.read(&mut buffer)? {
                            0 => return Ok(()),
                            n => {
                                let text = std::str::from_utf8(&buffer[..n])
                                    .unwrap()
                                    .to_ascii_uppercase();
                                stream.write_all(text.as_bytes())?;
                            }
                        }
                    }
                },
                "your function panicked at",
            ),
            (
                "does not see the end",
                |listener| {
                    let (mut stream, _) = listener.accept()?;
                    let mut buffer = [0; 1024];
                    let started = Instant::now();
                    while started.elapsed() < Duration::from_secs(5) {
                        let n = stream.read(&mut buffer)?;
                        buffer[..n].make_ascii_uppercase();
                        stream.write_all(&buffer[..n])?;
                    }
                    Ok(())
                },
                "did not close the connection",
            ),
            (
                "takes a reset for the end",
                |listener| {
                    let (mut stream, _) = listener.accept()?;
                    let mut buffer = [0; 1024];
                    while let Ok(n @ 1..) = stream.read(&mut buffer) {
                        buffer[..n].make_ascii_uppercase();
                        stream.write_all(&buffer[..n])?;
                    }
                    Ok(())
                },
                "an error of read is taken for the end",
            ),
        ],
    );
}

#[test]
fn exercise_1_2_is_proved() {
    let skeleton = (SOURCE, "1.2 ", exercise::ask as Ask);
    prove(
        checks::ask,
        skeleton,
        solution::ask,
        &[
            (
                "does not half-close",
                |addr, message, limit| {
                    let stream = send(addr, message, limit, false)?;
                    read_all(&stream).map_err(explain)
                },
                "without shutdown(Shutdown::Write)",
            ),
            (
                "reads once",
                |addr, message, limit| {
                    let mut stream = send(addr, message, limit, true)?;
                    let mut answer = vec![0; 65_536];
                    let n = stream.read(&mut answer).map_err(explain)?;
                    answer.truncate(n);
                    Ok(answer)
                },
                "the answer is whole only when read returns 0",
            ),
            (
                "gives each read the whole time",
                |addr, message, limit| {
                    let stream = send(addr, message, limit, true)?;
                    read_all(&stream).map_err(explain)
                },
                "a timeout for each read is no deadline",
            ),
            (
                "waits for ever",
                |addr, message, limit| {
                    let stream = send(addr, message, limit, true)?;
                    stream.set_read_timeout(None).map_err(explain)?;
                    read_all(&stream).map_err(explain)
                },
                "a read without a timeout",
            ),
            (
                "does not know the kind of a timeout",
                |addr, message, limit| {
                    let stream = send(addr, message, limit, true)?;
                    read_all(&stream).map_err(|error| match error.kind() {
                        ErrorKind::TimedOut => AskError::TimedOut,
                        ErrorKind::ConnectionReset => AskError::Reset,
                        _ => AskError::Other(error),
                    })
                },
                "WouldBlock on Unix",
            ),
            (
                "takes half an answer",
                |addr, message, limit| {
                    let mut stream = send(addr, message, limit, true)?;
                    let mut answer = Vec::new();
                    match stream.read_to_end(&mut answer) {
                        Err(error) if answer.is_empty() => Err(explain(error)),
                        _ => Ok(answer),
                    }
                },
                "what came before it is no answer",
            ),
            (
                "unwraps the connection",
                |addr, message, limit| {
                    let mut stream = TcpStream::connect(addr).unwrap();
                    stream.set_read_timeout(Some(limit)).map_err(explain)?;
                    stream.write_all(message).map_err(explain)?;
                    stream.shutdown(Shutdown::Write).map_err(explain)?;
                    read_all(&stream).map_err(explain)
                },
                "your function panicked at",
            ),
            (
                "sets a timeout of zero",
                |addr, message, limit| {
                    let deadline = Instant::now() + limit;
                    let mut stream = send(addr, message, limit, true)?;
                    let mut answer = Vec::new();
                    let mut buffer = [0; 1024];
                    loop {
                        let left = deadline.saturating_duration_since(Instant::now());
                        stream.set_read_timeout(Some(left)).map_err(explain)?;
                        match stream.read(&mut buffer).map_err(explain)? {
                            0 => return Ok(answer),
                            n => answer.extend_from_slice(&buffer[..n]),
                        }
                    }
                },
                "set_read_timeout refuses a time of zero",
            ),
            (
                "connects without a limit",
                |addr, message, limit| {
                    let deadline = Instant::now() + limit;
                    let mut stream = TcpStream::connect(addr).map_err(explain)?;
                    stream.write_all(message).map_err(explain)?;
                    stream.shutdown(Shutdown::Write).map_err(explain)?;
                    let mut answer = Vec::new();
                    let mut buffer = [0; 1024];
                    loop {
                        let left = deadline.saturating_duration_since(Instant::now());
                        if left.is_zero() {
                            return Err(AskError::TimedOut);
                        }
                        stream.set_read_timeout(Some(left)).map_err(explain)?;
                        match stream.read(&mut buffer).map_err(explain)? {
                            0 => return Ok(answer),
                            n => answer.extend_from_slice(&buffer[..n]),
                        }
                    }
                },
                "connect_timeout does not",
            ),
        ],
    );
}

/// The first half of a client, which is right.
fn send(
    addr: SocketAddr,
    message: &[u8],
    limit: Duration,
    half_close: bool,
) -> Result<TcpStream, AskError> {
    let mut stream = TcpStream::connect_timeout(&addr, limit).map_err(explain)?;
    stream.set_read_timeout(Some(limit)).map_err(explain)?;
    stream.write_all(message).map_err(explain)?;
    if half_close {
        stream.shutdown(Shutdown::Write).map_err(explain)?;
    }
    Ok(stream)
}

fn read_all(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn explain(error: io::Error) -> AskError {
    match error.kind() {
        ErrorKind::ConnectionRefused => AskError::NobodyListening,
        ErrorKind::WouldBlock | ErrorKind::TimedOut => AskError::TimedOut,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => AskError::Reset,
        _ => AskError::Other(error),
    }
}

#[test]
fn exercise_1_3_is_proved() {
    let skeleton = (SOURCE, "1.3 ", exercise::reply_and_close as ReplyAndClose);
    prove(
        checks::reply_and_close,
        skeleton,
        solution::reply_and_close,
        &[
            (
                "closes at once",
                |mut stream, reply| {
                    read_some(&mut stream)?;
                    stream.write_all(reply)
                },
                "RST instead of a clean end",
            ),
            (
                "waits a little before it closes",
                |mut stream, reply| {
                    read_some(&mut stream)?;
                    stream.write_all(reply)?;
                    thread::sleep(Duration::from_millis(100));
                    Ok(())
                },
                "neither waiting a little",
            ),
            (
                "shuts both directions down",
                |mut stream, reply| {
                    read_some(&mut stream)?;
                    stream.write_all(reply)?;
                    stream.shutdown(Shutdown::Both)
                },
                "RST",
            ),
            (
                "reads once more, then closes",
                |mut stream, reply| {
                    read_some(&mut stream)?;
                    stream.write_all(reply)?;
                    stream.shutdown(Shutdown::Write)?;
                    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
                    let _ = read_some(&mut stream);
                    Ok(())
                },
                "RST",
            ),
            (
                "reads everything before it replies",
                |mut stream, reply| {
                    io::copy(&mut &stream, &mut io::sink())?;
                    stream.write_all(reply)
                },
                "the reply waits until the client has finished",
            ),
            (
                "drains without a half-close",
                |mut stream, reply| {
                    read_some(&mut stream)?;
                    stream.write_all(reply)?;
                    stream.set_read_timeout(Some(Duration::from_secs(4)))?;
                    let _ = io::copy(&mut &stream, &mut io::sink());
                    Ok(())
                },
                "no shutdown(Shutdown::Write)",
            ),
            (
                "drains for ever",
                |mut stream, reply| {
                    read_some(&mut stream)?;
                    stream.write_all(reply)?;
                    stream.shutdown(Shutdown::Write)?;
                    io::copy(&mut &stream, &mut io::sink()).map(|_| ())
                },
                "a client that never closes must not hold you",
            ),
            (
                "gives each read a second",
                |mut stream, reply| {
                    read_some(&mut stream)?;
                    stream.write_all(reply)?;
                    stream.shutdown(Shutdown::Write)?;
                    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                    let _ = io::copy(&mut &stream, &mut io::sink());
                    Ok(())
                },
                "a timeout for each read is no deadline",
            ),
        ],
    );
}

fn read_some(stream: &mut TcpStream) -> io::Result<usize> {
    stream.read(&mut [0; 1024])
}
