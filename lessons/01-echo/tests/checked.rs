//! The checks of lesson 1, checked: the skeletons are not started, right solutions pass, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use checks::ask::Ask;
use checks::reply_and_close::ReplyAndClose;
use checks::shout::Shout;
use course::exercise::{Mistake, Proof, Right};
use echo::contract::AskError;

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_1_1_is_proved() {
    Proof {
        check: checks::shout::shout,
        source: SOURCE,
        exercise: "1.1",
        skeleton: exercise::shout as Shout,
        right: RIGHT_SHOUTS,
        mistakes: WRONG_SHOUTS,
        unseen: &[(
            "A `write` may take only a part",
            "a write that blocks takes all of it on Linux, unless a signal comes",
        )],
    }
    .holds();
}

const RIGHT_SHOUTS: &[Right<Shout>] = &[
    ("the solution", solution::shout),
    ("fill_buf, and no buffer of its own", |listener| {
        let (stream, _) = listener.accept()?;
        let mut reader = BufReader::new(&stream);
        loop {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(());
            }
            let n = bytes.len();
            (&stream).write_all(&bytes.to_ascii_uppercase())?;
            reader.consume(n);
        }
    }),
    ("byte by byte, with an iterator", |listener| {
        let stream = listener.incoming().next().unwrap()?;
        for byte in BufReader::new(&stream).bytes() {
            (&stream).write_all(&[byte?.to_ascii_uppercase()])?;
        }
        Ok(())
    }),
    ("a thread that reads and one that writes", |listener| {
        let (stream, _) = listener.accept()?;
        thread::scope(|scope| {
            let (pieces, queue) = mpsc::sync_channel::<Vec<u8>>(4);
            let reader = scope.spawn(|| -> io::Result<()> {
                let pieces = pieces;
                let mut buffer = vec![0; 10_000];
                loop {
                    let n = (&stream).read(&mut buffer)?;
                    if n == 0 || pieces.send(buffer[..n].to_vec()).is_err() {
                        return Ok(());
                    }
                }
            });
            for mut piece in queue {
                piece.make_ascii_uppercase();
                let sent = (&stream).write_all(&piece);
                if sent.is_err() {
                    let _ = stream.shutdown(Shutdown::Both); // wakes the reader
                    return sent;
                }
            }
            reader.join().unwrap()
        })
    }),
    ("std's writer that is flushed, and a map", |listener| {
        let mut stream = listener.accept()?.0;
        let mut writer = BufWriter::new(stream.try_clone()?);
        let mut buffer = [0; 7];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break writer.flush(),
                Ok(n) => {
                    let shouted: Vec<u8> = buffer
                        .iter()
                        .take(n)
                        .map(|b| match b {
                            b'a'..=b'z' => b - 32,
                            other => *other,
                        })
                        .collect();
                    writer.write_all(&shouted)?;
                    writer.flush()?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        }
    }),
];

/// Serves one client, which is right; `shouted` is what goes back for a piece.
fn shout_with(
    listener: &std::net::TcpListener,
    mut shouted: impl FnMut(&[u8]) -> Vec<u8>,
) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&shouted(&buffer[..n]))?,
        }
    }
}

const WRONG_SHOUTS: &[Mistake<Shout>] = &[
    #[cfg(target_os = "linux")]
    (
        "shuts down and keeps a clone",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            std::mem::forget(stream.try_clone()?);
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer)? {
                    0 => return stream.shutdown(Shutdown::Both),
                    n => stream.write_all(&buffer[..n].to_ascii_uppercase())?,
                }
            }
        },
        "a shutdown alone does not close",
    ),
    #[cfg(target_os = "linux")]
    (
        "takes a second client out of the queue",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            listener.set_nonblocking(true)?;
            let _second = listener.accept();
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(()),
                    n => stream.write_all(&buffer[..n].to_ascii_uppercase())?,
                }
            }
        },
        "accept is called again",
    ),
    (
        "makes the error anew from its kind",
        |listener| solution::shout(listener).map_err(|error| error.kind().into()),
        "the error of read is replaced",
    ),
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
        "more than the n bytes that were read went back",
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
        "the answer waits in a buffer, for more bytes or for the client's end",
    ),
    (
        "does not flush",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            let mut writer = BufWriter::new(stream.try_clone()?);
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer)? {
                    0 => return writer.flush(),
                    n => writer.write_all(&buffer[..n].to_ascii_uppercase())?,
                }
            }
        },
        "the answer waits in a buffer",
    ),
    (
        "answers lines",
        |listener| {
            let (stream, _) = listener.accept()?;
            let mut reader = BufReader::new(&stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line)? > 0 {
                (&stream).write_all(&line.to_ascii_uppercase())?;
                line.clear();
            }
            Ok(())
        },
        "for more bytes",
    ),
    (
        "serves whoever comes",
        |listener| {
            for stream in listener.incoming() {
                let mut stream = stream?;
                let mut buffer = [0; 1024];
                loop {
                    match stream.read(&mut buffer)? {
                        0 => break,
                        n => stream.write_all(&buffer[..n].to_ascii_uppercase())?,
                    }
                }
            }
            Ok(())
        },
        "a loop around accept",
    ),
    (
        "takes bytes for text",
        |listener| {
            shout_with(listener, |bytes| {
                String::from_utf8_lossy(bytes).to_uppercase().into_bytes()
            })
        },
        "to_uppercase changes other letters",
    ),
    (
        "makes text of the bytes",
        |listener| {
            shout_with(listener, |bytes| {
                let text = String::from_utf8_lossy(bytes);
                text.to_ascii_uppercase().into_bytes()
            })
        },
        "not every byte is part of a character",
    ),
    (
        "skips what is not text",
        |listener| {
            shout_with(listener, |bytes| {
                let text = std::str::from_utf8(bytes).unwrap_or_default();
                text.to_ascii_uppercase().into_bytes()
            })
        },
        "not every byte is part of a character",
    ),
    (
        "trims",
        |listener| shout_with(listener, |bytes| bytes.trim_ascii().to_ascii_uppercase()),
        "white space is cut off",
    ),
    (
        "cuts line ends off",
        |listener| {
            shout_with(listener, |bytes| {
                let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
                text.to_ascii_uppercase()
            })
        },
        "white space is cut off",
    ),
    (
        "takes Ctrl-D for the end",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            let mut buffer = [0; 1024];
            loop {
                let n = stream.read(&mut buffer)?;
                if n == 0 || buffer[..n] == [4] {
                    return Ok(());
                }
                stream.write_all(&buffer[..n].to_ascii_uppercase())?;
            }
        },
        "a byte that comes alone",
    ),
    (
        "unwraps the text",
        |listener| {
            shout_with(listener, |bytes| {
                let text = std::str::from_utf8(bytes).unwrap();
                text.to_ascii_uppercase().into_bytes()
            })
        },
        "your function panicked at",
    ),
    (
        "does not see the end",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            let mut buffer = [0; 1024];
            loop {
                let n = stream.read(&mut buffer)?;
                buffer[..n].make_ascii_uppercase();
                stream.write_all(&buffer[..n])?;
                if n == 0 {
                    thread::sleep(Duration::from_millis(1)); // the real mistake does without
                }
            }
        },
        "a read of 0 does not end the loop",
    ),
    (
        "takes the end for an error",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            let mut byte = [0];
            loop {
                stream.read_exact(&mut byte)?;
                stream.write_all(&byte.to_ascii_uppercase())?;
            }
        },
        "a read of 0 is taken for an error",
    ),
    (
        "echoes only so many bytes",
        |listener| {
            let (stream, _) = listener.accept()?;
            let mut left = 65_536;
            let mut buffer = [0; 1024];
            loop {
                let n = (&stream).read(&mut buffer)?;
                if n == 0 {
                    return Ok(());
                }
                let n = n.min(left);
                (&stream).write_all(&buffer[..n].to_ascii_uppercase())?;
                left -= n;
            }
        },
        "only so many bytes are echoed",
    ),
    (
        "takes silence for an error",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            let mut buffer = [0; 1024];
            let mut total = 0;
            loop {
                match stream.read(&mut buffer)? {
                    0 if total == 0 => return Err(ErrorKind::UnexpectedEof.into()),
                    0 => return Ok(()),
                    n => {
                        total += n;
                        stream.write_all(&buffer[..n].to_ascii_uppercase())?;
                    }
                }
            }
        },
        "a client that sends nothing is taken for an error",
    ),
    (
        "loses patience",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(()),
                    n => stream.write_all(&buffer[..n].to_ascii_uppercase())?,
                }
            }
        },
        "a read has a timeout",
    ),
    (
        "leaves the client to a thread",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            thread::spawn(move || -> io::Result<()> {
                let mut buffer = [0; 1024];
                loop {
                    match stream.read(&mut buffer)? {
                        0 => return Ok(()),
                        n => stream.write_all(&buffer[..n].to_ascii_uppercase())?,
                    }
                }
            });
            Ok(())
        },
        "a thread of its own still serves the client",
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
    (
        "takes a reset before the first byte for the end",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            let mut buffer = [0; 1024];
            let mut total = 0;
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Err(_) if total == 0 => return Ok(()),
                    read => {
                        let n = read?;
                        total += n;
                        stream.write_all(&buffer[..n].to_ascii_uppercase())?;
                    }
                }
            }
        },
        "an error of read is taken for the end",
    ),
    (
        "takes a failed write for the end",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            let mut buffer = [0; 1024];
            loop {
                let n = stream.read(&mut buffer)?;
                buffer[..n].make_ascii_uppercase();
                if n == 0 || stream.write_all(&buffer[..n]).is_err() {
                    return Ok(());
                }
            }
        },
        "an error of write is taken for the end",
    ),
    (
        "has an error of its own",
        |listener| {
            solution::shout(listener).map_err(|error| match error.kind() {
                ErrorKind::ConnectionReset => io::Error::other("the client is gone"),
                _ => error,
            })
        },
        "the error of read is replaced",
    ),
    (
        "waits whether more comes",
        |listener| {
            let (mut stream, _) = listener.accept()?;
            let mut buffer = [0; 65_536];
            loop {
                let mut n = stream.read(&mut buffer)?;
                if n == 0 {
                    return Ok(());
                }
                stream.set_read_timeout(Some(Duration::from_millis(250)))?;
                while let Ok(more @ 1..) = stream.read(&mut buffer[n..]) {
                    n += more;
                }
                stream.set_read_timeout(None)?;
                stream.write_all(&buffer[..n].to_ascii_uppercase())?;
            }
        },
        "each answer waits for a while",
    ),
    (
        "keeps the stream",
        |listener| {
            let (stream, _) = listener.accept()?;
            let stream = std::mem::ManuallyDrop::new(stream);
            let mut buffer = [0; 1024];
            loop {
                match (&*stream).read(&mut buffer)? {
                    0 => return Ok(()),
                    n => (&*stream).write_all(&buffer[..n].to_ascii_uppercase())?,
                }
            }
        },
        "something still holds the stream",
    ),
    (
        "accepts until it works",
        |listener| {
            let mut stream = loop {
                match listener.accept() {
                    Ok((stream, _)) => break stream,
                    Err(_) => thread::sleep(Duration::from_millis(100)),
                }
            };
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(()),
                    n => stream.write_all(&buffer[..n].to_ascii_uppercase())?,
                }
            }
        },
        "accept is tried again",
    ),
    (
        "drops what accept says",
        |listener| {
            let Ok((mut stream, _)) = listener.accept() else {
                return Ok(());
            };
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(()),
                    n => stream.write_all(&buffer[..n].to_ascii_uppercase())?,
                }
            }
        },
        "the error of accept is dropped",
    ),
];

#[test]
fn exercise_1_2_is_proved() {
    Proof {
        check: checks::ask::ask,
        source: SOURCE,
        exercise: "1.2",
        skeleton: exercise::ask as Ask,
        right: RIGHT_ASKS,
        mistakes: WRONG_ASKS,
        unseen: &[
            #[cfg(not(target_os = "linux"))]
            (
                "[`AskError::Other`]",
                "the check knows such an address only on Linux",
            ),
        ],
    }
    .holds();
}

/// A stream whose every read and write gets what is left of the time.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.checked_duration_since(Instant::now());
        match left.filter(|left| !left.is_zero()) {
            Some(left) => Ok(Some(left)),
            None => Err(ErrorKind::TimedOut.into()),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything but the time, which is right.
fn converse(
    mut stream: impl Read + Write,
    message: &[u8],
    end: impl FnOnce() -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    stream.write_all(message)?;
    end()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

const RIGHT_ASKS: &[Right<Ask>] = &[
    ("the solution", solution::ask),
    (
        "a stream of its own type, and read_to_end",
        |addr, message, limit| {
            let deadline = Instant::now() + limit;
            let stream = TcpStream::connect_timeout(&addr, limit).map_err(explain)?;
            let clone = stream.try_clone().map_err(explain)?;
            let timed = Timed { stream, deadline };
            converse(timed, message, || clone.shutdown(Shutdown::Write)).map_err(explain)
        },
    ),
    (
        "a thread that does it, and a channel with a timeout",
        |addr, message, limit| {
            let deadline = Instant::now() + limit;
            let (done, result) = mpsc::channel();
            let message = message.to_vec();
            thread::spawn(move || {
                let stream = TcpStream::connect_timeout(&addr, limit);
                let result = stream.and_then(|stream| {
                    converse(&stream, &message, || stream.shutdown(Shutdown::Write))
                });
                let _ = done.send(result);
            });
            let left = deadline.saturating_duration_since(Instant::now());
            match result.recv_timeout(left) {
                Ok(result) => result.map_err(explain),
                Err(_) => Err(AskError::TimedOut),
            }
        },
    ),
    (
        "a socket that does not block, asked each millisecond",
        |addr, message, limit| {
            let deadline = Instant::now() + limit;
            let mut stream = TcpStream::connect_timeout(&addr, limit).map_err(explain)?;
            stream.set_nonblocking(true).map_err(explain)?;
            let (mut sent, mut ended) = (0, false);
            let mut answer = Vec::new();
            let mut buffer = vec![0; 100_000];
            while Instant::now() < deadline {
                let step = if sent < message.len() {
                    stream.write(&message[sent..]).map(|n| sent += n)
                } else if !ended {
                    ended = true;
                    stream.shutdown(Shutdown::Write)
                } else {
                    match stream.read(&mut buffer) {
                        Ok(0) => return Ok(answer),
                        read => read.map(|n| answer.extend(&buffer[..n])),
                    }
                };
                match step {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        thread::sleep(Duration::from_millis(1));
                    }
                    step => step.map_err(explain)?,
                }
            }
            Err(AskError::TimedOut)
        },
    ),
];

const WRONG_ASKS: &[Mistake<Ask>] = &[
    (
        "does not half-close",
        |addr, message, limit| {
            let stream = send(addr, message, limit, false)?;
            read_all(&stream).map_err(explain)
        },
        "without shutdown(Shutdown::Write)",
    ),
    (
        "sends only the first 64 KiB",
        |addr, message, limit| solution::ask(addr, &message[..message.len().min(65_536)], limit),
        "only a part of the message is sent",
    ),
    (
        "sends a line",
        |addr, message, limit| solution::ask(addr, &[message, b"\n"].concat(), limit),
        "only a part of the message is sent, or it is changed",
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
        "has room for 64 KiB",
        |addr, message, limit| {
            let mut answer = solution::ask(addr, message, limit)?;
            answer.truncate(65_536);
            Ok(answer)
        },
        "there is only room for so many bytes",
    ),
    (
        "takes no answer for an error",
        |addr, message, limit| match solution::ask(addr, message, limit)? {
            answer if answer.is_empty() => Err(AskError::Reset),
            answer => Ok(answer),
        },
        "an empty answer is taken for an error",
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
        "looks at the clock only when a read has waited in vain",
        |addr, message, limit| {
            let deadline = Instant::now() + limit;
            let mut stream = send(addr, message, limit, true)?;
            let mut answer = Vec::new();
            let mut buffer = [0; 1024];
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let left = left.max(Duration::from_millis(1));
                stream.set_read_timeout(Some(left)).map_err(explain)?;
                match stream.read(&mut buffer).map_err(explain)? {
                    0 => return Ok(answer),
                    n => answer.extend_from_slice(&buffer[..n]),
                }
            }
        },
        "nobody looks at the clock",
    ),
    (
        "has one timeout for all writes",
        |addr, message, limit| {
            let deadline = Instant::now() + limit;
            let stream = TcpStream::connect_timeout(&addr, limit).map_err(explain)?;
            stream.set_write_timeout(Some(limit)).map_err(explain)?;
            (&stream).write_all(message).map_err(explain)?;
            stream.shutdown(Shutdown::Write).map_err(explain)?;
            let mut answer = Vec::new();
            let mut timed = Timed { stream, deadline };
            timed.read_to_end(&mut answer).map_err(explain)?;
            Ok(answer)
        },
        "write_all calls write again and again",
    ),
    (
        // It ends, so that a check whose limit is far too long would take it.
        "waits sixty times as long",
        |addr, message, limit| solution::ask(addr, message, limit.saturating_mul(60)),
        "a read has no timeout",
    ),
    (
        "waits for ever",
        |addr, message, limit| {
            let stream = send(addr, message, limit, true)?;
            stream.set_read_timeout(None).map_err(explain)?;
            read_all(&stream).map_err(explain)
        },
        "a read has no timeout",
    ),
    #[cfg(unix)] // on Windows it is TimedOut
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
        "the kind of a timeout is not looked for",
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
        "what came before an error is taken for the answer",
    ),
    (
        "returns what it has when the time is over",
        |addr, message, limit| {
            let deadline = Instant::now() + limit;
            let stream = TcpStream::connect_timeout(&addr, limit).map_err(explain)?;
            (&stream).write_all(message).map_err(explain)?;
            stream.shutdown(Shutdown::Write).map_err(explain)?;
            let mut answer = Vec::new();
            match (Timed { stream, deadline })
                .read_to_end(&mut answer)
                .map_err(explain)
            {
                Err(AskError::TimedOut) if !answer.is_empty() => Ok(answer),
                Err(error) => Err(error),
                Ok(_) => Ok(answer),
            }
        },
        "what came before the time was over is taken for the answer",
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
        "tries again when nobody listens",
        |addr, message, limit| {
            let deadline = Instant::now() + limit;
            loop {
                match solution::ask(addr, message, limit) {
                    Err(AskError::NobodyListening) if Instant::now() < deadline => {
                        thread::sleep(Duration::from_millis(50));
                    }
                    result => return result,
                }
            }
        },
        "connecting is tried again",
    ),
    (
        "takes a refusal for something else",
        |addr, message, limit| match solution::ask(addr, message, limit) {
            Err(AskError::NobodyListening) => {
                Err(AskError::Other(ErrorKind::ConnectionRefused.into()))
            }
            result => result,
        },
        "the kind ConnectionRefused",
    ),
    #[cfg(target_os = "linux")]
    (
        "takes every failure of connect for a refusal",
        |addr, message, limit| match solution::ask(addr, message, limit) {
            Err(AskError::Other(_)) => Err(AskError::NobodyListening),
            result => result,
        },
        "an error that has no name of its own is given one",
    ),
    (
        "does not know a reset while it reads",
        |addr, message, limit| match solution::ask(addr, message, limit) {
            Err(AskError::Reset) => Err(AskError::Other(ErrorKind::ConnectionReset.into())),
            result => result,
        },
        "read fails with ErrorKind::ConnectionReset",
    ),
    #[cfg(target_os = "linux")]
    (
        "does not know BrokenPipe",
        |addr, message, limit| {
            let stream = TcpStream::connect_timeout(&addr, limit).map_err(explain)?;
            let sent = (&stream).write_all(message);
            sent.map_err(|error| match error.kind() {
                ErrorKind::BrokenPipe => AskError::Other(error),
                _ => explain(error),
            })?;
            stream.shutdown(Shutdown::Write).map_err(explain)?;
            read_all(&stream).map_err(explain)
        },
        "write fails with BrokenPipe",
    ),
    (
        "does not know a reset while it writes",
        |addr, message, limit| {
            let stream = TcpStream::connect_timeout(&addr, limit).map_err(explain)?;
            (&stream).write_all(message).map_err(AskError::Other)?;
            stream.shutdown(Shutdown::Write).map_err(explain)?;
            read_all(&stream).map_err(explain)
        },
        "write fails with ConnectionReset or BrokenPipe",
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
        "set_read_timeout is called with zero",
    ),
    (
        "has a limit of its own",
        |addr, message, limit| solution::ask(addr, message, limit.min(Duration::from_secs(1))),
        "a time limit that is not the one that was given",
    ),
    #[cfg(target_os = "linux")]
    (
        "gives a part to each call",
        |addr, message, limit| {
            let stream = TcpStream::connect_timeout(&addr, limit * 5 / 6).map_err(explain)?;
            let clone = stream.try_clone().map_err(explain)?;
            let deadline = Instant::now() + limit / 6;
            let timed = Timed { stream, deadline };
            converse(timed, message, || clone.shutdown(Shutdown::Write)).map_err(explain)
        },
        "each call has a part of the time for itself",
    ),
    #[cfg(target_os = "linux")] // elsewhere no queue is full
    (
        "connects without a limit",
        |addr, message, limit| {
            let deadline = Instant::now() + limit;
            let stream = TcpStream::connect(addr).map_err(explain)?;
            let clone = stream.try_clone().map_err(explain)?;
            let timed = Timed { stream, deadline };
            converse(timed, message, || clone.shutdown(Shutdown::Write)).map_err(explain)
        },
        "connect_timeout does not",
    ),
    #[cfg(target_os = "linux")]
    (
        "begins to count when it is connected",
        |addr, message, limit| {
            let stream = TcpStream::connect_timeout(&addr, limit).map_err(explain)?;
            let deadline = Instant::now() + limit;
            let clone = stream.try_clone().map_err(explain)?;
            let timed = Timed { stream, deadline };
            converse(timed, message, || clone.shutdown(Shutdown::Write)).map_err(explain)
        },
        "the time begins when the connection is there",
    ),
];

/// The first half of a client, which is right but for what comes after a long message.
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
    Proof {
        check: checks::reply_and_close::reply_and_close,
        source: SOURCE,
        exercise: "1.3",
        skeleton: exercise::reply_and_close as ReplyAndClose,
        right: RIGHT_CLOSES,
        mistakes: WRONG_CLOSES,
        unseen: &[],
    }
    .holds();
}

const MIB: usize = 1024 * 1024;

const RIGHT_CLOSES: &[Right<ReplyAndClose>] = &[
    ("the solution", solution::reply_and_close),
    (
        "io::copy from a stream of its own type",
        |stream, reply, patience| {
            let _ = (&stream).read(&mut [0; 100])?;
            (&stream).write_all(reply)?;
            let deadline = Instant::now() + patience;
            if stream.shutdown(Shutdown::Write).is_ok() {
                let rest = Timed { stream, deadline };
                let _ = io::copy(&mut rest.take(MIB as u64), &mut io::sink());
            }
            Ok(())
        },
    ),
    (
        "a thread that drains, woken by a shutdown",
        |mut stream, reply, patience| {
            read_some(&mut stream)?;
            stream.write_all(reply)?;
            let _ = stream.shutdown(Shutdown::Write);
            let (done, drained) = mpsc::channel::<()>();
            thread::scope(|scope| {
                let rest = &stream;
                scope.spawn(move || {
                    let done = done; // dropped when this ends
                    let _ = io::copy(&mut rest.take(MIB as u64), &mut io::sink());
                    drop(done);
                });
                let _ = drained.recv_timeout(patience);
                let _ = stream.shutdown(Shutdown::Both);
            });
            Ok(())
        },
    ),
    (
        "a socket that does not block, asked each millisecond",
        |mut stream, reply, patience| {
            read_some(&mut stream)?;
            stream.write_all(reply)?;
            let since = Instant::now();
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.set_nonblocking(true);
            let (mut taken, mut buffer) = (0, vec![0; 65_536]);
            while since.elapsed() < patience && taken < MIB {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(n) => taken += n,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        thread::sleep(Duration::from_millis(1));
                    }
                    Err(_) => break,
                }
            }
            Ok(())
        },
    ),
];

/// Reads the request, replies and half-closes, which is right.
fn reply_to(stream: &mut TcpStream, reply: &[u8]) -> io::Result<()> {
    read_some(stream)?;
    stream.write_all(reply)?;
    let _ = stream.shutdown(Shutdown::Write);
    Ok(())
}

/// Takes what still comes, until a deadline, which is right.
fn drain(stream: TcpStream, patience: Duration) {
    let deadline = Instant::now() + patience;
    let rest = Timed { stream, deadline };
    let _ = io::copy(&mut rest.take(MIB as u64), &mut io::sink());
}

fn read_some(stream: &mut TcpStream) -> io::Result<usize> {
    stream.read(&mut [0; 1024])
}

const WRONG_CLOSES: &[Mistake<ReplyAndClose>] = &[
    (
        "takes only 950,000 bytes",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            let deadline = Instant::now() + patience;
            let rest = Timed { stream, deadline };
            let _ = io::copy(&mut rest.take(950_000), &mut io::sink());
            Ok(())
        },
        "or not so much of it",
    ),
    (
        "closes at once",
        |mut stream, reply, _| {
            read_some(&mut stream)?;
            stream.write_all(reply)
        },
        "before the client has finished",
    ),
    (
        "waits a little before it closes",
        |mut stream, reply, _| {
            reply_to(&mut stream, reply)?;
            thread::sleep(Duration::from_millis(200));
            Ok(())
        },
        "waits for a fixed time",
    ),
    (
        "sleeps through the patience",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            thread::sleep(patience.min(Duration::from_secs(20)));
            Ok(())
        },
        "the time is waited out",
    ),
    (
        "shuts both directions down",
        |mut stream, reply, _| {
            read_some(&mut stream)?;
            stream.write_all(reply)?;
            stream.shutdown(Shutdown::Both)
        },
        "",
    ),
    (
        "reads once more, then closes",
        |mut stream, reply, _| {
            reply_to(&mut stream, reply)?;
            let _ = read_some(&mut stream);
            Ok(())
        },
        "",
    ),
    (
        "reads everything before it replies",
        |mut stream, reply, patience| {
            io::copy(&mut &stream, &mut io::sink())?;
            stream.write_all(reply)?;
            drain(stream, patience);
            Ok(())
        },
        "more of the request is waited for",
    ),
    (
        "reads 1,024 bytes exactly",
        |mut stream, reply, patience| {
            let _ = stream.read_exact(&mut [0; 1024]);
            stream.write_all(reply)?;
            let _ = stream.shutdown(Shutdown::Write);
            drain(stream, patience);
            Ok(())
        },
        "more of the request is waited for",
    ),
    (
        "reads 4 KiB of the request",
        |mut stream, reply, patience| {
            let _ = stream.read(&mut [0; 4096])?;
            stream.write_all(reply)?;
            let _ = stream.shutdown(Shutdown::Write);
            drain(stream, patience);
            Ok(())
        },
        "the buffer has more than 1,024 bytes",
    ),
    (
        "does not reply to nothing",
        |mut stream, reply, patience| {
            if read_some(&mut stream)? > 0 {
                stream.write_all(reply)?;
            }
            let _ = stream.shutdown(Shutdown::Write);
            drain(stream, patience);
            Ok(())
        },
        "a read of 0 is taken for a reason not to reply",
    ),
    (
        "sends a line end behind the reply",
        |mut stream, reply, patience| {
            read_some(&mut stream)?;
            stream.write_all(reply)?;
            stream.write_all(b"\n")?;
            let _ = stream.shutdown(Shutdown::Write);
            drain(stream, patience);
            Ok(())
        },
        "with something added",
    ),
    (
        "drains without a half-close",
        |mut stream, reply, patience| {
            read_some(&mut stream)?;
            stream.write_all(reply)?;
            drain(stream, patience);
            Ok(())
        },
        "no shutdown(Shutdown::Write)",
    ),
    (
        "leaves the rest to a thread",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            thread::spawn(move || drain(stream, patience.min(Duration::from_secs(20))));
            Ok(())
        },
        "leaves the client to a thread",
    ),
    (
        "drains before the reply",
        |mut stream, reply, patience| {
            read_some(&mut stream)?;
            stream.set_nonblocking(true)?;
            while let Ok(1..) = read_some(&mut stream) {}
            stream.set_nonblocking(false)?;
            stream.write_all(reply)?;
            let _ = stream.shutdown(Shutdown::Write);
            drain(stream, patience);
            Ok(())
        },
        "there is more than one read",
    ),
    (
        "begins to count before the reply",
        |mut stream, reply, patience| {
            let deadline = Instant::now() + patience;
            reply_to(&mut stream, reply)?;
            let rest = Timed { stream, deadline };
            let _ = io::copy(&mut rest.take(MIB as u64), &mut io::sink());
            Ok(())
        },
        "the time begins before the whole reply is sent",
    ),
    (
        "closes at once when the reply is empty",
        |mut stream, reply, patience| {
            if reply.is_empty() {
                return read_some(&mut stream).map(|_| ());
            }
            reply_to(&mut stream, reply)?;
            drain(stream, patience);
            Ok(())
        },
        "then the client is told of a reset",
    ),
    (
        "takes only 64 KiB",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            let deadline = Instant::now() + patience;
            let rest = Timed { stream, deadline };
            let _ = io::copy(&mut rest.take(65_536), &mut io::sink());
            Ok(())
        },
        "or not so much of it",
    ),
    (
        "counts reads, and not bytes",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            let deadline = Instant::now() + patience;
            let mut rest = Timed { stream, deadline };
            let mut buffer = [0; 8192];
            for _ in 0..128 {
                match rest.read(&mut buffer) {
                    Ok(1..) => {}
                    _ => break,
                }
            }
            Ok(())
        },
        "so many reads are done",
    ),
    (
        "gives the last read the whole patience",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            let since = Instant::now();
            if patience.is_zero() || stream.set_read_timeout(Some(patience)).is_err() {
                return Ok(());
            }
            let (mut left, mut buffer) = (MIB, [0; 8192]);
            while since.elapsed() < patience && left > 0 {
                match stream.read(&mut buffer) {
                    Ok(n @ 1..) => left = left.saturating_sub(n),
                    _ => break,
                }
            }
            Ok(())
        },
        "the last read gets the whole patience",
    ),
    (
        "takes whatever comes",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            let deadline = Instant::now() + patience;
            let _ = io::copy(&mut Timed { stream, deadline }, &mut io::sink());
            Ok(())
        },
        "nothing limits how much is taken",
    ),
    (
        "drains for ever",
        |mut stream, reply, _| {
            reply_to(&mut stream, reply)?;
            let _ = io::copy(&mut stream.take(MIB as u64), &mut io::sink());
            Ok(())
        },
        "a read has no timeout",
    ),
    (
        "gives each read the patience",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            if patience.is_zero() {
                return Ok(());
            }
            let _ = stream.set_read_timeout(Some(patience));
            let _ = io::copy(&mut stream.take(MIB as u64), &mut io::sink());
            Ok(())
        },
        "a timeout for each read is no deadline",
    ),
    (
        "sets a timeout of zero",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            stream.set_read_timeout(Some(patience))?;
            drain(stream, patience);
            Ok(())
        },
        "set_read_timeout refuses a time of zero",
    ),
    (
        "keeps a clone",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            std::mem::forget(stream.try_clone());
            drain(stream, patience);
            Ok(())
        },
        "a clone of the stream is kept",
    ),
    (
        "stays for a second, whatever the patience",
        |mut stream, reply, _| {
            reply_to(&mut stream, reply)?;
            drain(stream, Duration::from_secs(1));
            Ok(())
        },
        "waits for a fixed time",
    ),
    (
        "drops what read says",
        |mut stream, reply, patience| {
            let _ = read_some(&mut stream);
            let _ = stream.write_all(reply);
            let _ = stream.shutdown(Shutdown::Write);
            drain(stream, patience);
            Ok(())
        },
        "before the end of the reply is dropped",
    ),
    (
        "drops what write says",
        |mut stream, reply, patience| {
            read_some(&mut stream)?;
            let _ = stream.write_all(reply);
            let _ = stream.shutdown(Shutdown::Write);
            drain(stream, patience);
            Ok(())
        },
        "before the end of the reply is dropped",
    ),
    (
        "returns a reset after the reply",
        |mut stream, reply, patience| {
            reply_to(&mut stream, reply)?;
            let deadline = Instant::now() + patience;
            let mut rest = Timed { stream, deadline }.take(MIB as u64);
            match io::copy(&mut rest, &mut io::sink()) {
                Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(error),
                _ => Ok(()),
            }
        },
        "what a call says after the reply is returned",
    ),
    #[cfg(target_os = "linux")]
    (
        "returns what shutdown says",
        |mut stream, reply, patience| {
            read_some(&mut stream)?;
            stream.write_all(reply)?;
            stream.shutdown(Shutdown::Write)?;
            drain(stream, patience);
            Ok(())
        },
        "what a call says after the reply is returned",
    ),
];
