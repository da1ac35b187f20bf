//! The checks of lesson 2, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use checks::answer_lines::AnswerLines;
use checks::serve::Serve;
use checks::through::Through;
use course::exercise::{Mistake, Proof, Right};
use loop_server::contract::{End, LineError};

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_2_1_is_proved() {
    Proof {
        check: checks::serve::serve,
        source: SOURCE,
        exercise: "2.1",
        skeleton: exercise::serve as Serve,
        right: RIGHT_SERVERS,
        mistakes: SERVE_MISTAKES,
        unseen: &[],
    }
    .holds();
}

/// The communication loop, which is right.
fn echo(stream: &mut TcpStream) -> io::Result<u64> {
    let mut total = 0;
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(total),
            n => {
                stream.write_all(&buffer[..n])?;
                total += n as u64;
            }
        }
    }
}

fn end(result: io::Result<u64>) -> End {
    result.map_or_else(End::Gone, End::Finished)
}

/// The connection loop around a conversation.
fn each(
    listener: &TcpListener,
    clients: usize,
    mut conversation: impl FnMut(TcpStream) -> End,
) -> Vec<End> {
    let mut ends = Vec::new();
    while ends.len() < clients {
        match listener.accept() {
            Ok((stream, _)) => ends.push(conversation(stream)),
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
    ends
}

const RIGHT_SERVERS: &[Right<Serve>] = &[
    ("the solution", solution::serve),
    (
        "an iterator over those that were accepted, and io::copy",
        |listener, clients| {
            let accepted = listener.incoming().filter_map(|stream| {
                if stream.is_err() {
                    thread::sleep(Duration::from_millis(100));
                }
                stream.ok()
            });
            let streams = accepted.take(clients);
            streams
                .map(|stream| end(io::copy(&mut &stream, &mut &stream)))
                .collect()
        },
    ),
    ("a range, a map and collect", |listener, clients| {
        let next = |_| loop {
            match listener.accept() {
                Ok((mut stream, _)) => break end(echo(&mut stream)),
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        };
        (0..clients).map(next).collect()
    }),
    (
        "a thread for each conversation, waited for",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let conversation = thread::spawn(move || echo(&mut stream));
                end(conversation.join().unwrap())
            })
        },
    ),
    (
        "one loop with a state, and fill_buf",
        |listener, clients| {
            let mut ends = Vec::new();
            let mut now: Option<(BufReader<TcpStream>, u64)> = None;
            while ends.len() < clients {
                let Some((reader, total)) = &mut now else {
                    match listener.accept() {
                        Ok((stream, _)) => now = Some((BufReader::with_capacity(333, stream), 0)),
                        Err(_) => thread::sleep(Duration::from_millis(100)),
                    }
                    continue;
                };
                let ended = match reader.fill_buf() {
                    Ok([]) => Some(End::Finished(*total)),
                    Ok(bytes) => {
                        let bytes = bytes.to_vec();
                        reader.consume(bytes.len());
                        *total += bytes.len() as u64;
                        reader.get_mut().write_all(&bytes).err().map(End::Gone)
                    }
                    Err(error) => Some(End::Gone(error)),
                };
                if let Some(end) = ended {
                    now = None; // closes the connection
                    ends.push(end);
                }
            }
            ends
        },
    ),
];

const SERVE_MISTAKES: &[Mistake<Serve>] = &[
    #[cfg(target_os = "linux")]
    (
        "shuts down and keeps the streams",
        |listener, clients| {
            let mut streams = Vec::new();
            each(listener, clients, |mut stream| {
                let ended = end(echo(&mut stream));
                let _ = stream.shutdown(Shutdown::Both);
                streams.push(stream);
                ended
            })
        },
        "the stream is kept",
    ),
    (
        "counts clients in two bytes",
        |listener, clients| solution::serve(listener, usize::from(clients as u16)),
        "the number overflows or is made smaller",
    ),
    (
        "makes the error anew from its kind",
        |listener, clients| {
            let ends = solution::serve(listener, clients).into_iter();
            let anew = |end| match end {
                End::Gone(error) => End::Gone(error.kind().into()),
                finished => finished,
            };
            ends.map(anew).collect()
        },
        "the error is replaced by another one",
    ),
    #[cfg(target_os = "linux")]
    (
        "pauses twice as long each time",
        |listener, clients| {
            let (mut ends, mut pause) = (Vec::new(), Duration::from_millis(100));
            while ends.len() < clients {
                match listener.accept() {
                    Ok((mut stream, _)) => ends.push(end(echo(&mut stream))),
                    Err(_) => {
                        thread::sleep(pause);
                        pause = (2 * pause).min(Duration::from_millis(1600));
                    }
                }
            }
            ends
        },
        "or grows",
    ),
    (
        "serves clients side by side",
        |listener, clients| {
            thread::scope(|scope| {
                let mut conversations = Vec::new();
                while conversations.len() < clients {
                    match listener.accept() {
                        Ok((mut stream, _)) => {
                            conversations.push(scope.spawn(move || end(echo(&mut stream))));
                        }
                        Err(_) => thread::sleep(Duration::from_millis(100)),
                    }
                }
                let ends = conversations.into_iter();
                ends.map(|conversation| conversation.join().unwrap())
                    .collect()
            })
        },
        "clients are served side by side",
    ),
    (
        "echoes lines",
        |listener, clients| {
            each(listener, clients, |stream| {
                let mut reader = BufReader::new(&stream);
                let (mut line, mut total) = (Vec::new(), 0);
                loop {
                    match reader.read_until(b'\n', &mut line) {
                        Ok(0) => return End::Finished(total),
                        Ok(n) => total += n as u64,
                        Err(error) => return End::Gone(error),
                    }
                    if let Err(error) = (&stream).write_all(&line) {
                        return End::Gone(error);
                    }
                    line.clear();
                }
            })
        },
        "waits for more bytes",
    ),
    (
        "waits whether more comes",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let (mut buffer, mut total) = ([0; 1024], 0);
                loop {
                    match stream.read(&mut buffer) {
                        Ok(0) => return End::Finished(total),
                        Ok(n) => {
                            thread::sleep(Duration::from_millis(250));
                            total += n as u64;
                            if let Err(error) = stream.write_all(&buffer[..n]) {
                                return End::Gone(error);
                            }
                        }
                        Err(error) => return End::Gone(error),
                    }
                }
            })
        },
        "each echo waits for a while",
    ),
    (
        "waits for the client's end",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let mut all = Vec::new();
                let copied = stream.read_to_end(&mut all);
                end(copied.and_then(|n| stream.write_all(&all).map(|()| n as u64)))
            })
        },
        "or for the client's end",
    ),
    (
        "echoes text",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let (mut buffer, mut total) = ([0; 1024], 0);
                loop {
                    match stream.read(&mut buffer) {
                        Ok(0) => return End::Finished(total),
                        Ok(n) => {
                            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                            total += n as u64;
                            if let Err(error) = stream.write_all(text.as_bytes()) {
                                return End::Gone(error);
                            }
                        }
                        Err(error) => return End::Gone(error),
                    }
                }
            })
        },
        "the bytes are taken for text",
    ),
    (
        "echoes only 64 KiB",
        |listener, clients| {
            each(listener, clients, |stream| {
                let mut left = 65_536;
                let mut buffer = [0; 1024];
                let mut total = 0;
                loop {
                    match (&stream).read(&mut buffer) {
                        Ok(0) => return End::Finished(total),
                        Ok(n) => {
                            total += n as u64;
                            let n = n.min(left);
                            left -= n;
                            if let Err(error) = (&stream).write_all(&buffer[..n]) {
                                return End::Gone(error);
                            }
                        }
                        Err(error) => return End::Gone(error),
                    }
                }
            })
        },
        "only so many bytes are echoed",
    ),
    (
        "takes the end for an error",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let mut byte = [0];
                loop {
                    let echoed = stream.read_exact(&mut byte);
                    if let Err(error) = echoed.and_then(|()| stream.write_all(&byte)) {
                        return End::Gone(error);
                    }
                }
            })
        },
        "a read of 0 is taken for an error",
    ),
    (
        "has an error of its own",
        |listener, clients| {
            each(listener, clients, |mut stream| match echo(&mut stream) {
                Ok(total) => End::Finished(total),
                Err(_) => End::Gone(io::Error::other("the client is gone")),
            })
        },
        "the error is replaced",
    ),
    (
        "adds an end for nobody",
        |listener, clients| {
            let mut ends = each(listener, clients, |mut stream| end(echo(&mut stream)));
            ends.push(End::Finished(0));
            ends
        },
        "there is not one end for each client",
    ),
    (
        "accepts before it looks at the number",
        |listener, clients| {
            let mut ends = Vec::new();
            loop {
                match listener.accept() {
                    Ok((mut stream, _)) => ends.push(end(echo(&mut stream))),
                    Err(_) => thread::sleep(Duration::from_millis(100)),
                }
                if ends.len() >= clients {
                    return ends;
                }
            }
        },
        "before the number is looked at",
    ),
    (
        "gives up after five failed accepts",
        |listener, clients| {
            let (mut ends, mut failed) = (Vec::new(), 0);
            while ends.len() < clients && failed < 5 {
                match listener.accept() {
                    Ok((mut stream, _)) => ends.push(end(echo(&mut stream))),
                    Err(_) => {
                        failed += 1;
                        thread::sleep(Duration::from_millis(100));
                    }
                }
            }
            ends
        },
        "at once or after some of them",
    ),
    #[cfg(target_os = "linux")]
    (
        "survives only one kind of error",
        |listener, clients| {
            let mut ends = Vec::new();
            while ends.len() < clients {
                match listener.accept() {
                    Ok((mut stream, _)) => ends.push(end(echo(&mut stream))),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        thread::sleep(Duration::from_millis(100));
                    }
                    Err(_) => break,
                }
            }
            ends
        },
        "only one kind of error of accept",
    ),
    #[cfg(target_os = "linux")]
    (
        "pauses for a millisecond",
        |listener, clients| {
            let mut ends = Vec::new();
            while ends.len() < clients {
                match listener.accept() {
                    Ok((mut stream, _)) => ends.push(end(echo(&mut stream))),
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            }
            ends
        },
        "much shorter than a tenth of a second",
    ),
    #[cfg(target_os = "linux")]
    (
        "pauses for a second",
        |listener, clients| {
            let mut ends = Vec::new();
            while ends.len() < clients {
                match listener.accept() {
                    Ok((mut stream, _)) => ends.push(end(echo(&mut stream))),
                    Err(_) => thread::sleep(Duration::from_secs(1)),
                }
            }
            ends
        },
        "the pause is much longer",
    ),
    (
        "pauses for longer each time",
        |listener, clients| {
            let (mut ends, mut pause) = (Vec::new(), Duration::from_millis(100));
            while ends.len() < clients {
                match listener.accept() {
                    Ok((mut stream, _)) => ends.push(end(echo(&mut stream))),
                    Err(_) => {
                        thread::sleep(pause);
                        pause *= 8;
                    }
                }
            }
            ends
        },
        "the pause is much longer",
    ),
    (
        "accepts one client",
        |listener, clients| {
            each(listener, clients.min(1), |mut stream| {
                end(echo(&mut stream))
            })
        },
        "only one client is accepted",
    ),
    (
        "reads once for each client",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let mut buffer = [0; 1024];
                end(stream
                    .read(&mut buffer)
                    .and_then(|n| stream.write_all(&buffer[..n]).map(|()| n as u64)))
            })
        },
        "only one read is done for each client",
    ),
    (
        "does not see the end",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let mut buffer = [0; 1024];
                loop {
                    let echoed = stream
                        .read(&mut buffer)
                        .and_then(|n| stream.write_all(&buffer[..n]));
                    if let Err(error) = echoed {
                        return End::Gone(error);
                    }
                    thread::sleep(Duration::from_millis(1)); // the real mistake does without
                }
            })
        },
        "a read of 0 is not taken for the end",
    ),
    (
        "keeps every stream",
        |listener, clients| {
            let mut streams = Vec::new();
            each(listener, clients, |mut stream| {
                let end = end(echo(&mut stream));
                streams.push(stream);
                end
            })
        },
        "the stream is kept",
    ),
    (
        "ends at the first error",
        |listener, clients| {
            let mut ends = Vec::new();
            while ends.len() < clients {
                let Ok((mut stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(100));
                    continue;
                };
                match echo(&mut stream) {
                    Ok(total) => ends.push(End::Finished(total)),
                    Err(error) => {
                        ends.push(End::Gone(error));
                        break;
                    }
                }
            }
            ends
        },
        "an error of read or write ends more than this client's conversation",
    ),
    (
        "knows only one error",
        |listener, clients| {
            each(listener, clients, |mut stream| match echo(&mut stream) {
                Ok(total) => End::Finished(total),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Gone(error),
                Err(error) => panic!("{error}"),
            })
        },
        "your function panicked at",
    ),
    (
        "unwraps the conversation",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                End::Finished(echo(&mut stream).unwrap())
            })
        },
        "your function panicked at",
    ),
    (
        "takes an error for the end",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let mut total = 0;
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                    total += n as u64;
                }
                End::Finished(total)
            })
        },
        "is taken for the end of the stream",
    ),
    (
        "ignores what a write says",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let mut total = 0;
                let mut buffer = [0; 1024];
                loop {
                    match stream.read(&mut buffer) {
                        Ok(0) => return End::Finished(total),
                        Ok(n) => {
                            let _ = stream.write_all(&buffer[..n]);
                            total += n as u64;
                        }
                        Err(error) => return End::Gone(error),
                    }
                }
            })
        },
        "or ignored",
    ),
    (
        "counts only polite clients",
        |listener, clients| {
            let mut ends = Vec::new();
            while ends.len() < clients {
                let Ok((mut stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(100));
                    continue;
                };
                if let Ok(total) = echo(&mut stream) {
                    ends.push(End::Finished(total));
                }
            }
            ends
        },
        "was not counted",
    ),
    (
        "does not count a client that says nothing",
        |listener, clients| {
            let mut ends = Vec::new();
            while ends.len() < clients {
                let Ok((mut stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(100));
                    continue;
                };
                match echo(&mut stream) {
                    Ok(0) => {}
                    result => ends.push(end(result)),
                }
            }
            ends
        },
        "was not counted",
    ),
    (
        "goes on counting from the client before",
        |listener, clients| {
            let mut total = 0;
            each(listener, clients, |mut stream| {
                echo(&mut stream).map_or_else(End::Gone, |n| {
                    total += n;
                    End::Finished(total)
                })
            })
        },
        "the count goes on from the client before",
    ),
    (
        "loses patience with a silent client",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let second = Some(Duration::from_secs(1));
                end(stream
                    .set_read_timeout(second)
                    .and_then(|()| echo(&mut stream)))
            })
        },
        "a read has a timeout",
    ),
    #[cfg(target_os = "linux")]
    (
        "asks for the address later",
        |listener, clients| {
            each(listener, clients, |mut stream| {
                let client = stream.peer_addr().unwrap();
                let result = echo(&mut stream);
                drop(format!("{client}: {result:?}")); // a line for a log
                end(result)
            })
        },
        "your function panicked at",
    ),
    (
        "unwraps accept",
        |listener, clients| {
            (0..clients)
                .map(|_| end(echo(&mut listener.accept().unwrap().0)))
                .collect()
        },
        "your function panicked at",
    ),
    (
        "ends when accept fails",
        |listener, clients| {
            let mut ends = Vec::new();
            while ends.len() < clients {
                let Ok((mut stream, _)) = listener.accept() else {
                    break;
                };
                ends.push(end(echo(&mut stream)));
            }
            ends
        },
        "ends the connection loop",
    ),
    (
        "takes a failed accept for a client",
        |listener, clients| {
            let incoming = listener.incoming().take(clients);
            incoming
                .map(|stream| end(stream.and_then(|mut stream| echo(&mut stream))))
                .collect()
        },
        "a failed accept is taken for a client",
    ),
    #[cfg(target_os = "linux")]
    (
        "spins while accept fails",
        |listener, clients| {
            let mut ends = Vec::new();
            while ends.len() < clients {
                if let Ok((mut stream, _)) = listener.accept() {
                    ends.push(end(echo(&mut stream)));
                }
            }
            ends
        },
        "the loop spins",
    ),
];

#[test]
fn exercise_2_2_is_proved() {
    Proof {
        check: checks::answer_lines::answer_lines,
        source: SOURCE,
        exercise: "2.2",
        skeleton: exercise::answer_lines as AnswerLines,
        right: RIGHT_LINES,
        mistakes: LINE_MISTAKES,
        unseen: &[],
    }
    .holds();
}

/// One line as it is read, which is right: at most one byte more than a line may have.
fn read_one(reader: &mut impl BufRead, limit: usize) -> Result<Vec<u8>, LineError> {
    let mut line = Vec::new();
    reader
        .take((limit as u64).saturating_add(1))
        .read_until(b'\n', &mut line)
        .map_err(LineError::Gone)?;
    Ok(line)
}

/// Cuts the line's end off; refuses what is too long.
fn cut(line: &mut Vec<u8>, limit: usize) -> Result<(), LineError> {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.len() > limit {
        return Err(LineError::TooLong);
    }
    Ok(())
}

fn answer(mut to: impl Write, number: u64, line: &[u8]) -> Result<(), LineError> {
    let mut answer = format!("{number}: ").into_bytes();
    answer.extend(line);
    answer.push(b'\n');
    to.write_all(&answer).map_err(LineError::Gone)
}

/// A whole solution around the treatment of a line, which begins with its end still on it.
fn lines(
    stream: &TcpStream,
    limit: usize,
    mut treat: impl FnMut(&mut Vec<u8>) -> Result<(), LineError>,
) -> Result<u64, LineError> {
    let mut reader = BufReader::new(stream);
    for number in 1.. {
        let mut line = read_one(&mut reader, limit)?;
        if line.is_empty() {
            return Ok(number - 1);
        }
        treat(&mut line)?;
        answer(stream, number, &line)?;
    }
    unreachable!("there are fewer lines than numbers")
}

const RIGHT_LINES: &[Right<AnswerLines>] = &[
    ("the solution", solution::answer_lines),
    ("byte by byte", |stream, limit| {
        let (mut line, mut number) = (Vec::new(), 0);
        for byte in BufReader::new(&stream).bytes() {
            match byte.map_err(LineError::Gone)? {
                b'\n' => {
                    number += 1;
                    answer(&stream, number, &line)?;
                    line.clear();
                }
                _ if line.len() == limit => return Err(LineError::TooLong),
                byte => line.push(byte),
            }
        }
        if !line.is_empty() {
            number += 1;
            answer(&stream, number, &line)?;
        }
        Ok(number)
    }),
    ("a buffer of its own, and position", |mut stream, limit| {
        let (mut rest, mut number) = (Vec::new(), 0);
        let mut buffer = vec![0; 700];
        loop {
            let n = stream.read(&mut buffer).map_err(LineError::Gone)?;
            rest.extend_from_slice(&buffer[..n]);
            if n == 0 && !rest.is_empty() {
                rest.push(b'\n');
            }
            while let Some(end) = rest.iter().position(|&b| b == b'\n') {
                if end > limit {
                    return Err(LineError::TooLong);
                }
                number += 1;
                answer(&stream, number, &rest[..end])?;
                rest.drain(..=end);
            }
            if rest.len() > limit {
                return Err(LineError::TooLong);
            }
            if n == 0 {
                return Ok(number);
            }
        }
    }),
    (
        "fill_buf, a writer that is flushed, an iterator of pieces",
        |stream, limit| {
            let mut reader = BufReader::with_capacity(64, &stream);
            let mut writer = BufWriter::new(&stream);
            let (mut line, mut number) = (Vec::new(), 0);
            loop {
                let bytes = reader.fill_buf().map_err(LineError::Gone)?;
                let (taken, ended) = (bytes.len(), bytes.is_empty());
                let pieces: Vec<Vec<u8>> = bytes
                    .split_inclusive(|&b| b == b'\n')
                    .map(<[u8]>::to_vec)
                    .collect();
                reader.consume(taken);
                for piece in pieces {
                    let text = piece.strip_suffix(b"\n").unwrap_or(&piece);
                    line.extend_from_slice(text);
                    if line.len() > limit {
                        let _ = writer.into_parts(); // nothing is in it
                        return Err(LineError::TooLong);
                    }
                    if text.len() < piece.len() {
                        number += 1;
                        answer(&mut writer, number, &line)?;
                        writer.flush().map_err(LineError::Gone)?;
                        line.clear();
                    }
                }
                if ended {
                    if !line.is_empty() {
                        number += 1;
                        answer(&mut writer, number, &line)?;
                        writer.flush().map_err(LineError::Gone)?;
                    }
                    return Ok(number);
                }
            }
        },
    ),
];

const LINE_MISTAKES: &[Mistake<AnswerLines>] = &[
    #[cfg(target_os = "linux")]
    (
        "shuts down and keeps a clone",
        |stream, limit| {
            let clone = stream.try_clone();
            let done = lines(&stream, limit, |line| cut(line, limit));
            let _ = stream.shutdown(Shutdown::Both);
            std::mem::forget(clone);
            done
        },
        "a shutdown alone does not close",
    ),
    (
        "makes the error anew from its kind",
        |stream, limit| {
            solution::answer_lines(stream, limit).map_err(|error| match error {
                LineError::Gone(error) => LineError::Gone(error.kind().into()),
                too_long => too_long,
            })
        },
        "is replaced by another one",
    ),
    (
        "takes a last '\\r' for no line",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            for number in 1.. {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() || line == b"\r" {
                    return Ok(number - 1);
                }
                cut(&mut line, limit)?;
                let answer = [format!("{number}: ").as_bytes(), &line, b"\n"].concat();
                (&stream).write_all(&answer).map_err(LineError::Gone)?;
            }
            unreachable!("there are fewer lines than numbers")
        },
        "the last line is answered only if",
    ),
    (
        "allows one empty line where none may have a byte",
        |stream, limit| {
            let mut before = 0;
            lines(&stream, limit, |line| {
                cut(line, limit)?;
                before += 1;
                match limit {
                    0 if before > 2 => Err(LineError::TooLong),
                    _ => Ok(()),
                }
            })
        },
        "the '\\n' is counted, or <",
    ),
    (
        "flushes when nothing more is there",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut writer = BufWriter::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                number += 1;
                answer(&mut writer, number, &line)?;
                if reader.buffer().is_empty() {
                    writer.flush().map_err(LineError::Gone)?;
                }
            }
        },
        "while something of the next line is there",
    ),
    (
        "waits whether more comes",
        |stream, limit| {
            lines(&stream, limit, |line| {
                thread::sleep(Duration::from_millis(250));
                cut(line, limit)
            })
        },
        "each answer waits for a while",
    ),
    (
        "forgets the space",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            for number in 1.. {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number - 1);
                }
                cut(&mut line, limit)?;
                let answer = [format!("{number}:").as_bytes(), &line, b"\n"].concat();
                (&stream).write_all(&answer).map_err(LineError::Gone)?;
            }
            unreachable!("there are fewer lines than numbers")
        },
        "the answer has another form",
    ),
    (
        "counts lines in two bytes",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0_u16;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number.into());
                }
                cut(&mut line, limit)?;
                number = number.wrapping_add(1);
                answer(&stream, number.into(), &line)?;
            }
        },
        "some line is lost, or cut",
    ),
    (
        "counts the end",
        |stream, limit| lines(&stream, limit, |line| cut(line, limit)).map(|n| n + 1),
        "something is counted that is none",
    ),
    (
        "keeps the stream",
        |stream, limit| {
            std::mem::forget(stream.try_clone());
            lines(&stream, limit, |line| cut(line, limit))
        },
        "something still holds the stream",
    ),
    (
        "adds 1 to the limit",
        |stream, limit| {
            let most = limit.wrapping_add(1);
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = Vec::new();
                let mut one = (&mut reader).take(most as u64);
                one.read_until(b'\n', &mut line).map_err(LineError::Gone)?;
                if line.is_empty() {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "the limit is calculated with or made smaller",
    ),
    #[cfg(target_pointer_width = "64")]
    (
        "has a limit of 32 bits",
        |stream, limit| {
            let limit = limit as u32 as usize;
            lines(&stream, limit, |line| cut(line, limit))
        },
        "the limit is calculated with or made smaller",
    ),
    (
        "takes a failed write for the end",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                if answer(&stream, number + 1, &line).is_err() {
                    return Ok(number);
                }
                number += 1;
            }
        },
        "an error of write is taken for the end",
    ),
    (
        "says Gone where a line is too long",
        |stream, limit| {
            let result = lines(&stream, limit, |line| cut(line, limit));
            result.map_err(|error| match error {
                LineError::TooLong => LineError::Gone(ErrorKind::ConnectionReset.into()),
                gone => gone,
            })
        },
        "the reason is not told",
    ),
    (
        "takes a read for a line",
        |mut stream, limit| {
            let mut number = 0;
            let mut buffer = vec![0; limit.min(100_000) + 1];
            loop {
                let n = stream.read(&mut buffer).map_err(LineError::Gone)?;
                if n == 0 {
                    return Ok(number);
                }
                let mut line = buffer[..n].to_vec();
                cut(&mut line, limit)?;
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "one read is taken for one line",
    ),
    (
        "splits each read at its line ends",
        |mut stream, limit| {
            let mut number = 0;
            let mut buffer = vec![0; limit.min(100_000) + 1];
            loop {
                let n = stream.read(&mut buffer).map_err(LineError::Gone)?;
                if n == 0 {
                    return Ok(number);
                }
                for line in buffer[..n].split_inclusive(|&b| b == b'\n') {
                    let mut line = line.to_vec();
                    cut(&mut line, limit)?;
                    number += 1;
                    answer(&stream, number, &line)?;
                }
            }
        },
        "one read is taken for one line",
    ),
    (
        "takes a new reader for each line",
        |stream, limit| {
            let mut number = 0;
            loop {
                let mut line = read_one(&mut BufReader::new(&stream), limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "each line gets a new BufReader",
    ),
    (
        "trims",
        |stream, limit| {
            lines(&stream, limit, |line| {
                cut(line, limit)?;
                *line = line.trim_ascii().to_vec();
                Ok(())
            })
        },
        "more than the '\\n' is cut off",
    ),
    (
        "reads text",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = String::new();
                let n = (&mut reader)
                    .take((limit as u64).saturating_add(1))
                    .read_line(&mut line)
                    .map_err(LineError::Gone)?;
                if n == 0 {
                    return Ok(number);
                }
                let mut line = line.into_bytes();
                cut(&mut line, limit)?;
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "the bytes are taken for text",
    ),
    (
        "makes text of the bytes",
        |stream, limit| {
            lines(&stream, limit, |line| {
                cut(line, limit)?;
                *line = String::from_utf8_lossy(line).into_owned().into_bytes();
                Ok(())
            })
        },
        "the bytes are taken for text",
    ),
    (
        "takes the lines of the standard library",
        |stream, limit| {
            let mut number = 0;
            for line in BufReader::new(&stream).lines() {
                let line = line.map_err(LineError::Gone)?;
                if line.len() > limit {
                    return Err(LineError::TooLong);
                }
                number += 1;
                answer(&stream, number, line.as_bytes())?;
            }
            Ok(number)
        },
        "more than the '\\n' is cut off",
    ),
    (
        "stops at the empty line",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                cut(&mut line, limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "the empty line is skipped, or taken for the end",
    ),
    (
        "skips the empty line",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                if line.is_empty() {
                    continue;
                }
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "the empty line is skipped, or taken for the end",
    ),
    (
        "does not flush",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut writer = BufWriter::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                number += 1;
                answer(&mut writer, number, &line)?;
            }
        },
        "the answer waits in a buffer",
    ),
    (
        "reads everything first",
        |mut stream, limit| {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).map_err(LineError::Gone)?;
            let mut number = 0;
            for line in all.split_inclusive(|&b| b == b'\n') {
                let mut line = line.to_vec();
                cut(&mut line, limit)?;
                number += 1;
                answer(&stream, number, &line)?;
            }
            Ok(number)
        },
        "or for the client's end",
    ),
    (
        "loses the last line",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                let whole = line.ends_with(b"\n");
                cut(&mut line, limit)?;
                if !whole {
                    return Ok(number);
                }
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "the last line is answered only if it ends with '\\n'",
    ),
    (
        "answers the last line without its end",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                cut(&mut line.clone(), limit)?;
                number += 1;
                let answer = [format!("{number}: ").as_bytes(), &line].concat();
                (&stream).write_all(&answer).map_err(LineError::Gone)?;
            }
        },
        "without a '\\n'",
    ),
    (
        "takes the end for an empty line",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                let whole = line.ends_with(b"\n");
                cut(&mut line, limit)?;
                number += 1;
                answer(&stream, number, &line)?;
                if !whole {
                    return Ok(number);
                }
            }
        },
        "is answered as one more line",
    ),
    (
        "limits the whole conversation",
        |stream, limit| {
            let mut reader = BufReader::new(&stream).take((limit as u64).saturating_add(1));
            let mut number = 0;
            loop {
                let mut line = Vec::new();
                let n = reader
                    .read_until(b'\n', &mut line)
                    .map_err(LineError::Gone)?;
                if n == 0 {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "the limit is taken for all lines together",
    ),
    (
        "numbers from 0",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                answer(&stream, number, &line)?;
                number += 1;
            }
        },
        "the first line is number 1",
    ),
    (
        "goes on with the line behind a long one",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                if cut(&mut line, limit).is_err() {
                    reader.skip_until(b'\n').map_err(LineError::Gone)?;
                    continue;
                }
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "TooLong does not end the conversation",
    ),
    (
        "waits for the client's end behind a long line",
        |stream, limit| {
            let result = lines(&stream, limit, |line| cut(line, limit));
            let _ = io::copy(&mut &stream, &mut io::sink());
            result
        },
        "TooLong does not end the conversation",
    ),
    (
        "reads a long line to its end",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = read_one(&mut reader, limit)?;
                if line.is_empty() {
                    return Ok(number);
                }
                let whole = line.ends_with(b"\n");
                if cut(&mut line, limit).is_err() {
                    if !whole {
                        let _ = reader.skip_until(b'\n');
                    }
                    return Err(LineError::TooLong);
                }
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "is read before you close",
    ),
    (
        "looks at the length when the line is whole",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let mut line = Vec::new();
                let n = reader
                    .read_until(b'\n', &mut line)
                    .map_err(LineError::Gone)?;
                if n == 0 {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "the length is looked at only when the line is whole",
    ),
    (
        "limits each read, not the line",
        |mut stream, limit| {
            let mut number = 0;
            let mut line = Vec::new();
            let mut buffer = vec![0; 65_536];
            loop {
                let n = stream.read(&mut buffer).map_err(LineError::Gone)?;
                if n == 0 && line.is_empty() {
                    return Ok(number);
                }
                for piece in buffer[..n].split_inclusive(|&b| b == b'\n') {
                    cut(&mut piece.to_vec(), limit)?;
                    line.extend(piece);
                    if line.pop_if(|b| *b == b'\n').is_some() {
                        number += 1;
                        answer(&stream, number, &line)?;
                        line.clear();
                    }
                }
                if n == 0 {
                    answer(&stream, number + 1, &line)?;
                    return Ok(number + 1);
                }
            }
        },
        "the length is looked at only when the line is whole",
    ),
    (
        "counts the line's end",
        |stream, limit| {
            lines(&stream, limit, |line| {
                if line.len() > limit {
                    return Err(LineError::TooLong);
                }
                cut(line, limit)
            })
        },
        "the '\\n' is counted",
    ),
    (
        "allows one byte too many",
        |stream, limit| {
            let limit = limit.saturating_add(1);
            lines(&stream, limit, |line| cut(line, limit))
        },
        "it is one byte too large",
    ),
    (
        "a long line is cut",
        |stream, limit| {
            lines(&stream, limit, |line| {
                line.pop_if(|b| *b == b'\n');
                Ok(())
            })
        },
        "a long line is cut",
    ),
    (
        "takes a reset for the end",
        |stream, limit| {
            let mut reader = BufReader::new(&stream);
            let mut number = 0;
            loop {
                let Ok(mut line) = read_one(&mut reader, limit) else {
                    return Ok(number);
                };
                if line.is_empty() {
                    return Ok(number);
                }
                cut(&mut line, limit)?;
                number += 1;
                answer(&stream, number, &line)?;
            }
        },
        "an error of read is taken for the end",
    ),
];

#[test]
fn exercise_2_3_is_proved() {
    Proof {
        check: checks::through::through,
        source: SOURCE,
        exercise: "2.3",
        skeleton: exercise::through as Through,
        right: RIGHT_THROUGHS,
        mistakes: THROUGH_MISTAKES,
        unseen: &[
            #[cfg(windows)]
            (
                "After any of them it returns at once",
                "Windows wakes no call that waits",
            ),
            #[cfg(windows)]
            (
                "When the server closes or breaks off",
                "Windows wakes no call that waits",
            ),
        ],
    }
    .holds();
}

/// Passes on until the end, piece by piece, which is right.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<u64> {
    let mut total = 0;
    let mut buffer = vec![0; 8192];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(total),
            n => {
                to.write_all(&buffer[..n])?;
                total += n as u64;
            }
        }
    }
}

/// Half-closes behind the last byte, and ends both directions after an error.
fn send(stream: &TcpStream, source: impl Read) -> io::Result<u64> {
    let sent = copy(source, stream);
    let _ = stream.shutdown(how(&sent));
    sent
}

fn how(sent: &io::Result<u64>) -> Shutdown {
    if sent.is_ok() {
        Shutdown::Write
    } else {
        Shutdown::Both
    }
}

fn receive(stream: &TcpStream, sink: impl Write) -> io::Result<u64> {
    let received = copy(stream, sink);
    let _ = stream.shutdown(Shutdown::Both);
    received
}

fn all(sent: u64, received: u64) -> io::Result<u64> {
    if received < sent {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(received)
}

const RIGHT_THROUGHS: &[Right<Through>] = &[
    ("the solution", solution::through),
    (
        "two threads, io::copy, and the first error in a channel",
        |stream, source, sink| {
            let (failed, errors) = mpsc::channel();
            let (sent, received) = thread::scope(|scope| {
                let stream = &stream;
                let give_up = move |error, failed: mpsc::Sender<io::Error>| {
                    let _ = failed.send(error);
                    let _ = stream.shutdown(Shutdown::Both);
                    0
                };
                let of_sender = failed.clone();
                let sender = scope.spawn(move || {
                    let sent = io::copy(source, &mut &*stream);
                    let sent = sent.unwrap_or_else(|error| give_up(error, of_sender));
                    let _ = stream.shutdown(Shutdown::Write);
                    sent
                });
                let receiver = scope.spawn(move || {
                    let received = io::copy(&mut &*stream, sink);
                    let received = received.unwrap_or_else(|error| give_up(error, failed));
                    let _ = stream.shutdown(Shutdown::Both);
                    received
                });
                (sender.join().unwrap(), receiver.join().unwrap())
            });
            match errors.try_recv() {
                Ok(error) => Err(error),
                Err(_) => all(sent, received),
            }
        },
    ),
    ("errors that know whose they are", |stream, source, sink| {
        enum Whose {
            Ours(io::Error),
            Streams(io::Error),
        }
        use Whose::{Ours, Streams};
        let sent = |source: &mut dyn Read| {
            let (mut buffer, mut total) = (vec![0; 4096], 0);
            loop {
                match source.read(&mut buffer).map_err(Ours)? {
                    0 => return Ok(total),
                    n => (&stream).write_all(&buffer[..n]).map_err(Streams)?,
                }
                total += 1;
            }
        };
        let received = |sink: &mut dyn Write| {
            let (mut buffer, mut total) = (vec![0; 100_000], 0);
            loop {
                let n = (&stream).read(&mut buffer).map_err(Streams)?;
                if n == 0 {
                    return Ok(total);
                }
                sink.write_all(&buffer[..n]).map_err(Ours)?;
                total += n as u64;
            }
        };
        let mut given = Counted(source, 0);
        let (sent, received) = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let sent: Result<u64, Whose> = sent(&mut given);
                let _ = stream.shutdown(if sent.is_ok() {
                    Shutdown::Write
                } else {
                    Shutdown::Both
                });
                sent
            });
            let received: Result<u64, Whose> = received(sink);
            let _ = stream.shutdown(Shutdown::Both);
            (sender.join().unwrap(), received)
        });
        match (sent, received) {
            (Err(Ours(error)), _) | (_, Err(Ours(error))) => Err(error),
            (_, Err(Streams(error))) | (Err(Streams(error)), _) => Err(error),
            (Ok(_), Ok(received)) => all(given.1, received),
        }
    }),
    (
        "a sender fed through a narrow channel",
        |stream, source, sink| {
            let first = Mutex::new(None);
            let stop = |error| {
                first.lock().unwrap().get_or_insert(error);
                let _ = stream.shutdown(Shutdown::Both);
                0
            };
            let (fed, received) = thread::scope(|scope| {
                let (pieces, queue) = mpsc::sync_channel::<Vec<u8>>(1);
                scope.spawn(|| {
                    for piece in queue {
                        if let Err(error) = (&stream).write_all(&piece) {
                            return stop(error);
                        }
                    }
                    let _ = stream.shutdown(Shutdown::Write);
                    0
                });
                let feeder = scope.spawn(|| {
                    let pieces = pieces; // dropped when this ends
                    let (mut buffer, mut total) = (vec![0; 4096], 0);
                    loop {
                        match source.read(&mut buffer) {
                            Ok(0) => return total,
                            Ok(n) => {
                                if pieces.send(buffer[..n].to_vec()).is_err() {
                                    return total;
                                }
                                total += n as u64;
                            }
                            Err(error) => return stop(error),
                        }
                    }
                });
                let received = copy(&stream, sink).unwrap_or_else(&stop);
                let _ = stream.shutdown(Shutdown::Both);
                (feeder.join().unwrap(), received)
            });
            match first.into_inner().unwrap() {
                Some(error) => Err(error),
                None => all(fed, received),
            }
        },
    ),
];

/// Counts what a source gives.
struct Counted<'a>(&'a mut (dyn Read + Send), u64);

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        self.1 += n as u64;
        Ok(n)
    }
}

const THROUGH_MISTAKES: &[Mistake<Through>] = &[
    (
        "makes the error anew from its kind and text",
        |stream, source, sink| {
            let anew = |error: io::Error| io::Error::new(error.kind(), error.to_string());
            solution::through(stream, source, sink).map_err(anew)
        },
        "the error is replaced: by one of your own",
    ),
    (
        "reads 16 MiB at once",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender =
                    scope.spawn(|| send(&stream, BufReader::with_capacity(16 << 20, source)));
                let received = receive(&stream, sink)?;
                all(sender.join().unwrap()?, received)
            })
        },
        "read into memory faster than the server takes it",
    ),
    #[cfg(target_os = "linux")]
    (
        "prefers what the receiver failed with",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| send(&stream, source));
                let received = receive(&stream, sink);
                let sent = sender.join().unwrap();
                let received = received?;
                all(sent?, received)
            })
        },
        "or by what it caused in the other",
    ),
    (
        "lets the echo run ahead in a channel",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| send(&stream, source));
                let (pieces, queue) = mpsc::channel::<Vec<u8>>();
                let receiver = scope.spawn(|| -> io::Result<()> {
                    let pieces = pieces;
                    let mut buffer = vec![0; 8192];
                    loop {
                        match (&stream).read(&mut buffer)? {
                            0 => return Ok(()),
                            n => drop(pieces.send(buffer[..n].to_vec())),
                        }
                    }
                });
                let mut received = 0;
                for piece in queue {
                    sink.write_all(&piece)?;
                    received += piece.len() as u64;
                }
                receiver.join().unwrap()?;
                all(sender.join().unwrap()?, received)
            })
        },
        "what comes back is kept in memory",
    ),
    (
        "has room for 8 MiB on the way back",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| send(&stream, source));
                let (pieces, queue) = mpsc::sync_channel::<Vec<u8>>(128);
                let receiver = scope.spawn(|| -> io::Result<()> {
                    let pieces = pieces;
                    loop {
                        let mut buffer = vec![0; 65_536];
                        match (&stream).read(&mut buffer)? {
                            0 => return Ok(()),
                            n => buffer.truncate(n),
                        }
                        drop(pieces.send(buffer));
                    }
                });
                let mut received = 0;
                for piece in queue {
                    sink.write_all(&piece)?;
                    received += piece.len() as u64;
                }
                receiver.join().unwrap()?;
                all(sender.join().unwrap()?, received)
            })
        },
        "what comes back is kept in memory",
    ),
    (
        "makes the buffers larger",
        |stream, source, sink| {
            let socket = socket2::SockRef::from(&stream);
            socket.set_send_buffer_size(4 << 20)?;
            socket.set_recv_buffer_size(4 << 20)?;
            solution::through(stream, source, sink)
        },
        "SO_SNDBUF or SO_RCVBUF is set",
    ),
    (
        "passes 64 MiB and no more",
        |stream, mut source, sink| {
            let mut source = (&mut source).take(64 << 20);
            solution::through(stream, &mut source, sink)
        },
        "the sink did not get everything",
    ),
    (
        "loses patience",
        |stream, source, sink| {
            stream.set_read_timeout(Some(Duration::from_millis(50)))?;
            solution::through(stream, source, sink)
        },
        "although the server only took its time",
    ),
    (
        "counts twice",
        |stream, source, sink| solution::through(stream, source, sink).map(|n| 2 * n),
        "or one is counted twice",
    ),
    (
        "fails at the end",
        |stream, source, sink| {
            let done = solution::through(stream.try_clone()?, source, sink)?;
            stream.shutdown(Shutdown::Both)?;
            Ok(done)
        },
        "something fails although everything is back",
    ),
    (
        "has an error of its own",
        |stream, source, sink| {
            solution::through(stream, source, sink)
                .map_err(|e| io::Error::other(format!("copy: {e}")))
        },
        "the error is replaced: by one of your own",
    ),
    (
        "sends everything, then reads",
        |stream, source, sink| {
            let sent = send(&stream, source)?;
            all(sent, receive(&stream, sink)?)
        },
        "everything is written before anything is read",
    ),
    (
        "waits for the echo of each piece",
        |mut stream, source, sink| {
            let mut total = 0;
            let mut buffer = vec![0; 8192];
            loop {
                let n = source.read(&mut buffer)?;
                if n == 0 {
                    stream.shutdown(Shutdown::Write)?;
                    return Ok(total);
                }
                stream.write_all(&buffer[..n])?;
                stream.read_exact(&mut buffer[..n])?;
                sink.write_all(&buffer[..n])?;
                total += n as u64;
            }
        },
        "the next piece waits for the echo of the last one",
    ),
    (
        "waits with the lock in its hand",
        |stream, source, sink| {
            let stream = Mutex::new(stream);
            thread::scope(|scope| {
                let receiver = scope.spawn(|| -> io::Result<u64> {
                    let mut total = 0;
                    let mut buffer = vec![0; 8192];
                    loop {
                        let n = stream.lock().unwrap().read(&mut buffer)?;
                        if n == 0 {
                            return Ok(total);
                        }
                        sink.write_all(&buffer[..n])?;
                        total += n as u64;
                    }
                });
                let mut sent = 0;
                let mut buffer = vec![0; 8192];
                loop {
                    let n = source.read(&mut buffer)?;
                    let mut stream = stream.lock().unwrap();
                    if n == 0 {
                        stream.shutdown(Shutdown::Write)?;
                        break;
                    }
                    stream.write_all(&buffer[..n])?;
                    sent += n as u64;
                }
                all(sent, receiver.join().unwrap()?)
            })
        },
        " lock ",
    ),
    (
        "does not half-close",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| copy(source, &stream));
                let received = receive(&stream, sink)?;
                all(sender.join().unwrap()?, received)
            })
        },
        "nothing says that the last byte was sent",
    ),
    (
        "drops a clone for a half-close",
        |stream, source, sink| {
            let clone = stream.try_clone()?;
            thread::scope(|scope| {
                let sender = scope.spawn(move || copy(source, clone));
                let received = receive(&stream, sink)?;
                all(sender.join().unwrap()?, received)
            })
        },
        "dropping a clone does not",
    ),
    (
        "takes the whole source into memory",
        |stream, source, sink| {
            let mut message = Vec::new();
            thread::scope(|scope| {
                let sender = scope.spawn(|| {
                    source.read_to_end(&mut message)?;
                    send(&stream, message.as_slice())
                });
                let received = receive(&stream, sink)?;
                all(sender.join().unwrap()?, received)
            })
        },
        "read into memory faster than the server takes it",
    ),
    (
        "lets the sender run ahead in a channel",
        |stream, source, sink| {
            thread::scope(|scope| {
                let (pieces, queue) = mpsc::channel::<Vec<u8>>();
                let sender = scope.spawn(|| -> io::Result<u64> {
                    let mut sent = 0;
                    for piece in queue {
                        (&stream).write_all(&piece)?;
                        sent += piece.len() as u64;
                    }
                    stream.shutdown(Shutdown::Write)?;
                    Ok(sent)
                });
                let receiver = scope.spawn(|| receive(&stream, sink));
                let mut buffer = vec![0; 8192];
                loop {
                    match source.read(&mut buffer)? {
                        0 => break,
                        n if pieces.send(buffer[..n].to_vec()).is_ok() => {}
                        _ => break,
                    }
                }
                drop(pieces);
                all(sender.join().unwrap()?, receiver.join().unwrap()?)
            })
        },
        "read into memory faster than the server takes it",
    ),
    (
        "keeps the echo until it is whole",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| send(&stream, source));
                let mut echo = Vec::new();
                receive(&stream, &mut echo)?;
                sink.write_all(&echo)?;
                all(sender.join().unwrap()?, echo.len() as u64)
            })
        },
        "what comes back is kept in memory",
    ),
    (
        "does not flush",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| -> io::Result<u64> {
                    let mut writer = BufWriter::new(&stream);
                    let sent = copy(source, &mut writer);
                    let sent = sent.and_then(|n| writer.flush().map(|()| n));
                    let _ = stream.shutdown(how(&sent));
                    sent
                });
                let received = receive(&stream, sink)?;
                all(sender.join().unwrap()?, received)
            })
        },
        "for a flush",
    ),
    #[cfg(target_os = "linux")]
    (
        "asks again and again",
        |stream, source, sink| {
            stream.set_nonblocking(true)?;
            thread::scope(|scope| {
                let sender = scope.spawn(|| send_again(&stream, source));
                let mut received = 0;
                let mut buffer = vec![0; 8192];
                loop {
                    match (&stream).read(&mut buffer) {
                        Ok(0) => break,
                        Ok(n) => {
                            sink.write_all(&buffer[..n])?;
                            received += n as u64;
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error),
                    }
                }
                all(sender.join().unwrap()?, received)
            })
        },
        "asked again and again",
    ),
    (
        "writes the whole buffer",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| send(&stream, source));
                let mut buffer = vec![0; 8192];
                let mut received = 0;
                loop {
                    match (&stream).read(&mut buffer)? {
                        0 => break,
                        n => received += n as u64,
                    }
                    sink.write_all(&buffer)?;
                }
                all(sender.join().unwrap()?, received)
            })
        },
        "more than the n bytes that were read goes to the sink",
    ),
    (
        "does not repeat a write that took a part",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| send(&stream, source));
                let mut buffer = vec![0; 8192];
                let mut received = 0;
                loop {
                    match (&stream).read(&mut buffer)? {
                        0 => break,
                        n => received += sink.write(&buffer[..n])? as u64,
                    }
                }
                all(sender.join().unwrap()?, received)
            })
        },
        "a write that took fewer bytes is not repeated",
    ),
    (
        "takes a short echo for a whole one",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| send(&stream, source));
                let received = receive(&stream, sink)?;
                sender.join().unwrap()?;
                Ok(received)
            })
        },
        "an echo that ends too early is taken for a whole one",
    ),
    (
        "does not look at the sender's error",
        |stream, source, sink| {
            thread::scope(|scope| {
                scope.spawn(|| send(&stream, source));
                receive(&stream, sink)
            })
        },
        "the error is dropped",
    ),
    (
        "half-closes when the source fails",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| {
                    let sent = copy(source, &stream);
                    let _ = stream.shutdown(Shutdown::Write);
                    sent
                });
                let received = receive(&stream, sink)?;
                all(sender.join().unwrap()?, received)
            })
        },
        "which nobody wakes",
    ),
    (
        "leaves the sender in its write",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| send(&stream, source));
                let received = copy(&stream, sink)?;
                all(sender.join().unwrap()?, received)
            })
        },
        "which nobody wakes",
    ),
    (
        "says what the sender failed with",
        |stream, source, sink| {
            thread::scope(|scope| {
                let sender = scope.spawn(|| send(&stream, source));
                let received = receive(&stream, sink);
                let sent = sender.join().unwrap()?;
                all(sent, received?)
            })
        },
        "or by what it caused in the other",
    ),
];

/// The sender of the mistake that asks again and again.
#[cfg(target_os = "linux")]
fn send_again(mut stream: &TcpStream, source: &mut dyn Read) -> io::Result<u64> {
    let mut total = 0;
    let mut buffer = vec![0; 8192];
    loop {
        let n = source.read(&mut buffer)?;
        if n == 0 {
            stream.shutdown(Shutdown::Write)?;
            return Ok(total);
        }
        let mut unsent = &buffer[..n];
        while !unsent.is_empty() {
            match stream.write(unsent) {
                Ok(n) => unsent = &unsent[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
                Err(error) => return Err(error),
            }
        }
        total += n as u64;
    }
}
