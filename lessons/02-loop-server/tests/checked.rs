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

use checks::{AnswerLines, Serve, Through};
use course::exercise::{Mistake, prove};
use loop_server::{End, LineError};

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_2_1_is_proved() {
    let skeleton = (SOURCE, "2.1 ", exercise::serve as Serve);
    prove(checks::serve, skeleton, solution::serve, SERVE_MISTAKES);
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

const SERVE_MISTAKES: &[Mistake<Serve>] = &[
    (
        "accepts one client",
        |listener, _| {
            let (mut stream, _) = listener.accept().unwrap();
            vec![end(echo(&mut stream))]
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
                    thread::yield_now(); // the real mistake does without
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
        "an error of read or write is taken for the end",
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
        "is ignored",
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
    let skeleton = (SOURCE, "2.2 ", exercise::answer_lines as AnswerLines);
    prove(
        checks::answer_lines,
        skeleton,
        solution::answer_lines,
        LINE_MISTAKES,
    );
}

/// One line as it is read, which is right: at most one byte more than a line may have.
fn read_one(reader: &mut impl BufRead, limit: usize) -> Result<Vec<u8>, LineError> {
    let mut line = Vec::new();
    reader
        .take(limit as u64 + 1)
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

const LINE_MISTAKES: &[Mistake<AnswerLines>] = &[
    (
        "takes a read for a line",
        |mut stream, limit| {
            let mut number = 0;
            let mut buffer = vec![0; limit + 1];
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
            let mut buffer = vec![0; limit + 1];
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
                    .take(limit as u64 + 1)
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
        "the bytes were taken for text",
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
        "the bytes were taken for text",
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
        "lines() takes '\\r'",
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
        "or without one",
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
            let mut reader = BufReader::new(&stream).take(limit as u64 + 1);
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
        "the limit is for one line, not for all of them",
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
        "TooLong is the end of the conversation",
    ),
    (
        "waits for the client's end behind a long line",
        |stream, limit| {
            let result = lines(&stream, limit, |line| cut(line, limit));
            let _ = io::copy(&mut &stream, &mut io::sink());
            result
        },
        "TooLong is the end of the conversation",
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
        "is read to its end before you close",
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
        "one byte at a time",
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
        |stream, limit| lines(&stream, limit + 1, |line| cut(line, limit + 1)),
        "the limit was 10",
    ),
    (
        "cuts a long line in pieces",
        |stream, limit| {
            lines(&stream, limit, |line| {
                line.pop_if(|b| *b == b'\n');
                Ok(())
            })
        },
        "cuts a long line in pieces",
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
    let skeleton = (SOURCE, "2.3 ", exercise::through as Through);
    prove(
        checks::through,
        skeleton,
        solution::through,
        THROUGH_MISTAKES,
    );
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

const THROUGH_MISTAKES: &[Mistake<Through>] = &[
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
        "no shutdown(Shutdown::Write) behind the last byte",
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
        "dropping a clone is none",
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
        "the whole source is read into memory",
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
        "the whole source is read into memory",
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
        "what is there already waits",
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
        "more than the n bytes that were read is written",
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
        "a write that took fewer is not repeated",
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
        "an error is dropped",
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
        "shutdown(Shutdown::Both) wakes it",
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
        "shutdown(Shutdown::Both) wakes it",
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
        "replaced by what it caused in the other direction",
    ),
];

/// The sender of the mistake that asks again and again.
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
