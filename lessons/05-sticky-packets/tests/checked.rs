//! The checks of lesson 5, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use checks::{AskAll, NewDecoder, Split};
use course::exercise::Proof;
use sticky_packets::contract::{Decode, DecodeError};

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_5_1_is_proved() {
    let mistakes: Vec<(_, Split, _)> = vec![
        (
            "splits each read on its own",
            |mut stream, size, each| {
                let mut buffer = vec![0; size];
                loop {
                    let n = stream.read(&mut buffer)?;
                    if n == 0 {
                        return Ok(Vec::new());
                    }
                    for message in buffer[..n].split(|&byte| byte == b'\n') {
                        each(message);
                    }
                }
            },
            "is the beginning of the next message",
        ),
        (
            "takes one message from each read",
            |mut stream, size, each| {
                let (mut buffer, mut begun) = (vec![0; size], Vec::new());
                loop {
                    let n = stream.read(&mut buffer)?;
                    if n == 0 {
                        return Ok(begun);
                    }
                    begun.extend_from_slice(&buffer[..n]);
                    if let Some(end) = begun.iter().position(|&byte| byte == b'\n') {
                        each(&begun[..end]);
                        begun.drain(..=end);
                    }
                }
            },
            "a read may bring several messages",
        ),
        (
            "looks for the newline only at the end of a read",
            |mut stream, size, each| {
                let (mut buffer, mut begun) = (vec![0; size], Vec::new());
                loop {
                    let n = stream.read(&mut buffer)?;
                    if n == 0 {
                        return Ok(begun);
                    }
                    begun.extend_from_slice(&buffer[..n]);
                    if let Some(messages) = begun.strip_suffix(b"\n") {
                        messages.split(|&byte| byte == b'\n').for_each(&mut *each);
                        begun.clear();
                    }
                }
            },
            "all of them go to `each` before the next read",
        ),
        (
            "waits for the end",
            |mut stream, _, each| {
                let mut all = Vec::new();
                stream.read_to_end(&mut all)?;
                let mut messages: Vec<_> = all.split(|&byte| byte == b'\n').collect();
                let rest = messages.pop().unwrap_or_default().to_vec();
                messages.into_iter().for_each(each);
                Ok(rest)
            },
            "nothing goes to `each` before the end",
        ),
        (
            "takes each read for text",
            |mut stream, size, each| {
                let (mut buffer, mut begun) = (vec![0; size], String::new());
                loop {
                    let n = stream.read(&mut buffer)?;
                    if n == 0 {
                        return Ok(begun.into_bytes());
                    }
                    begun += &String::from_utf8_lossy(&buffer[..n]);
                    while let Some((message, rest)) = begun.split_once('\n') {
                        each(message.as_bytes());
                        begun = rest.to_owned();
                    }
                }
            },
            "each read is taken for text",
        ),
        (
            "takes lines for messages",
            |stream, size, each| {
                let mut reader = BufReader::with_capacity(size, stream);
                let mut message = Vec::new();
                while reader.read_until(b'\n', &mut message)? > 0 {
                    let Some(line) = message.strip_suffix(b"\n") else {
                        break;
                    };
                    each(line.strip_suffix(b"\r").unwrap_or(line));
                    message.clear();
                }
                Ok(message)
            },
            "only \\n is cut off",
        ),
        (
            "leaves the empty message out",
            |stream, size, each| {
                solution::split(stream, size, &mut |message| {
                    if !message.is_empty() {
                        each(message);
                    }
                })
            },
            "the empty message is left out",
        ),
        (
            "takes the rest for a message",
            |stream, size, each| {
                let rest = solution::split(stream, size, each)?;
                if !rest.is_empty() {
                    each(&rest);
                }
                Ok(rest)
            },
            "what came behind the last \\n is no message",
        ),
        (
            "loses the rest",
            |stream, size, each| solution::split(stream, size, each).map(|_| Vec::new()),
            "the bytes behind the last \\n were lost",
        ),
        (
            "reads as much as it likes",
            |stream, _, each| solution::split(stream, 8192, each),
            "such as the 8 KiB of a BufReader::new",
        ),
        (
            "takes a reset for the end",
            |mut stream, size, each| {
                let (mut buffer, mut begun) = (vec![0; size], Vec::new());
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    for &byte in &buffer[..n] {
                        if byte == b'\n' {
                            each(&begun);
                            begun.clear();
                        } else {
                            begun.push(byte);
                        }
                    }
                }
                Ok(begun)
            },
            "an error of read is taken for the end",
        ),
        (
            "takes a reset between two messages for the end",
            |mut stream, size, each| {
                let (mut buffer, mut begun) = (vec![0; size], Vec::new());
                loop {
                    let n = match stream.read(&mut buffer) {
                        Err(e) if e.kind() == ErrorKind::ConnectionReset && begun.is_empty() => 0,
                        read => read?,
                    };
                    if n == 0 {
                        return Ok(begun);
                    }
                    for &byte in &buffer[..n] {
                        if byte == b'\n' {
                            each(&begun);
                            begun.clear();
                        } else {
                            begun.push(byte);
                        }
                    }
                }
            },
            "an error of read is taken for the end",
        ),
        (
            "has room for 1,024 bytes of a message",
            |stream, size, each| {
                solution::split(stream, size, &mut |message| {
                    each(&message[..message.len().min(1024)])
                })
            },
            "a message that has begun has no more room",
        ),
        (
            "leaves the newline where it is",
            |stream, size, each| {
                solution::split(stream, size, &mut |message| {
                    each(&[message, b"\n"].concat())
                })
            },
            "the \\n is no part of the message",
        ),
        (
            "takes a short read for the end",
            |mut stream, size, each| {
                let (mut buffer, mut begun) = (vec![0; size], Vec::new());
                loop {
                    let n = stream.read(&mut buffer)?;
                    for &byte in &buffer[..n] {
                        if byte == b'\n' {
                            each(&begun);
                            begun.clear();
                        } else {
                            begun.push(byte);
                        }
                    }
                    if n < size {
                        return Ok(begun);
                    }
                }
            },
            "only a read of 0 is the end",
        ),
        (
            "waits for the message behind it",
            |stream, size, each| {
                let mut last: Option<Vec<u8>> = None;
                let rest = solution::split(stream, size, &mut |message| {
                    if let Some(last) = last.replace(message.to_vec()) {
                        each(&last);
                    }
                });
                last.iter().for_each(|last| each(last));
                rest
            },
            "or a message waits for the one behind it",
        ),
        (
            "searches all of it at each read",
            |mut stream, size, each| {
                let (mut buffer, mut begun) = (vec![0; size], Vec::new());
                loop {
                    let n = stream.read(&mut buffer)?;
                    if n == 0 {
                        return Ok(begun);
                    }
                    begun.extend_from_slice(&buffer[..n]);
                    while let Some(end) = begun.iter().position(|&byte| byte == b'\n') {
                        each(&begun[..end]);
                        begun.drain(..=end);
                    }
                }
            },
            "is searched, or copied, again at each read",
        ),
        (
            "copies all of it at each read",
            |mut stream, size, each| {
                let (mut buffer, mut begun) = (vec![0; size], Vec::new());
                loop {
                    let n = stream.read(&mut buffer)?;
                    if n == 0 {
                        return Ok(begun);
                    }
                    let mut parts = buffer[..n].split(|&byte| byte == b'\n').peekable();
                    while let Some(part) = parts.next() {
                        begun = [&begun[..], part].concat();
                        if parts.peek().is_some() {
                            each(&begun);
                            begun.clear();
                        }
                    }
                }
            },
            "is searched, or copied, again at each read",
        ),
        (
            "reads one byte more",
            |stream, size, each| solution::split(stream, size + 1, each),
            "a buffer that is not `size` bytes long",
        ),
        (
            "replaces the error",
            |stream, size, each| {
                let result = solution::split(stream, size, each);
                result.map_err(|_| ErrorKind::UnexpectedEof.into())
            },
            "or replaced by another",
        ),
        (
            "takes a rest for an error",
            |stream, size, each| match solution::split(stream, size, each)? {
                rest if rest.is_empty() => Ok(rest),
                _ => Err(ErrorKind::UnexpectedEof.into()),
            },
            "the end is no error",
        ),
        (
            "takes two newlines for one",
            |stream, size, each| {
                let mut before = false;
                solution::split(stream, size, &mut |message| {
                    if !(before && message.is_empty()) {
                        each(message);
                    }
                    before = message.is_empty();
                })
            },
            "the empty message is left out",
        ),
    ];
    Proof {
        check: checks::split,
        source: SOURCE,
        exercise: "5.1",
        skeleton: exercise::split as Split,
        right: &[
            ("the solution", solution::split),
            ("has a BufReader of that size", split_with_a_reader),
            ("has a buffer of half of the size", |stream, size, each| {
                solution::split(stream, size.div_ceil(2), each)
            }),
            ("looks for newlines in the new bytes", split_by_searching),
            ("reads byte by byte", split_bytes),
        ],
        mistakes: &mistakes,
        unseen: &[],
    }
    .holds();
}

fn split_with_a_reader(
    stream: TcpStream,
    size: usize,
    each: &mut dyn FnMut(&[u8]),
) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::with_capacity(size, stream);
    let mut message = Vec::new();
    while reader.read_until(b'\n', &mut message)? > 0 {
        if message.pop_if(|last| *last == b'\n').is_none() {
            break;
        }
        each(&message);
        message.clear();
    }
    Ok(message)
}

fn split_by_searching(
    mut stream: TcpStream,
    size: usize,
    each: &mut dyn FnMut(&[u8]),
) -> io::Result<Vec<u8>> {
    let (mut buffer, mut begun) = ([0; 4096], Vec::new());
    loop {
        let n = stream.read(&mut buffer[..size])?;
        if n == 0 {
            return Ok(begun);
        }
        let mut new = &buffer[..n];
        while let Some(end) = new.iter().position(|&byte| byte == b'\n') {
            begun.extend_from_slice(&new[..end]);
            each(&std::mem::take(&mut begun));
            new = &new[end + 1..];
        }
        begun.extend_from_slice(new);
    }
}

#[expect(clippy::unbuffered_bytes)] // slow, and right: a read may ask for fewer
fn split_bytes(stream: TcpStream, _: usize, each: &mut dyn FnMut(&[u8])) -> io::Result<Vec<u8>> {
    let mut begun = Vec::new();
    for byte in stream.bytes() {
        match byte? {
            b'\n' => each(&std::mem::take(&mut begun)),
            byte => begun.push(byte),
        }
    }
    Ok(begun)
}

#[test]
fn exercise_5_2_is_proved() {
    let mistakes: Vec<(_, AskAll, _)> = vec![
        // On other systems the stall may be shorter, or not be there at all.
        #[cfg(target_os = "linux")]
        (
            "writes twice",
            |stream, questions| {
                converse(stream, questions, |mut stream, length, question| {
                    stream.write_all(&[length])?;
                    stream.write_all(question)
                })
            },
            "two small writes, then a read",
        ),
        #[cfg(target_os = "linux")]
        (
            "flushes the stream",
            |stream, questions| {
                converse(stream, questions, |mut stream, length, question| {
                    stream.write_all(&[length])?;
                    stream.flush()?;
                    stream.write_all(question)?;
                    stream.flush()
                })
            },
            "flush does not help",
        ),
        #[cfg(target_os = "linux")]
        (
            "flushes a BufWriter between the two",
            |stream, questions| {
                converse(stream, questions, |stream, length, question| {
                    let mut writer = BufWriter::new(stream);
                    writer.write_all(&[length])?;
                    writer.flush()?;
                    writer.write_all(question)?;
                    writer.flush()
                })
            },
            "two small writes, then a read",
        ),
        (
            "never flushes its BufWriter",
            |stream, questions| {
                let mut writer = BufWriter::new(stream);
                let mut answers = Vec::new();
                for question in questions {
                    writer.write_all(&[fits(question)?])?;
                    writer.write_all(question)?;
                    answers.push(answer(stream)?);
                }
                Ok(answers)
            },
            "a BufWriter that was not flushed",
        ),
        (
            "sends all questions first",
            |mut stream, questions| {
                let mut all = Vec::new();
                for question in questions {
                    all.push(fits(question)?);
                    all.extend_from_slice(question);
                }
                stream.write_all(&all)?;
                questions.iter().map(|_| answer(stream)).collect()
            },
            "all questions are sent before the first answer is read",
        ),
        (
            "puts a newline behind",
            |stream, questions| {
                converse(stream, questions, |mut stream, length, question| {
                    stream.write_all(&[&[length], question, b"\n"].concat())
                })
            },
            "more is sent than the length",
        ),
        (
            "cuts the length off",
            |mut stream, questions| {
                let mut answers = Vec::new();
                for question in questions {
                    stream.write_all(&[&[question.len() as u8], &question[..]].concat())?;
                    answers.push(answer(stream)?);
                }
                Ok(answers)
            },
            "keeps the lowest eight bits",
        ),
        (
            "takes a read for an answer",
            |mut stream, questions| {
                let (mut answers, mut buffer) = (Vec::new(), [0; 256]);
                for question in questions {
                    stream.write_all(&[&[fits(question)?], &question[..]].concat())?;
                    let n = stream.read(&mut buffer)?;
                    if n == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                    answers.push(buffer[1..n].to_vec());
                }
                Ok(answers)
            },
            "one read",
        ),
        (
            "takes an end for an answer",
            |mut stream, questions| {
                let mut answers = Vec::new();
                for question in questions {
                    stream.write_all(&[&[fits(question)?], &question[..]].concat())?;
                    let (mut length, mut answer) = ([0], Vec::new());
                    let _ = stream.read(&mut length)?;
                    stream.take(length[0].into()).read_to_end(&mut answer)?;
                    answers.push(answer);
                }
                Ok(answers)
            },
            "an end inside an answer is an error",
        ),
        (
            "asks the next question when the length of the answer has come",
            |mut stream, questions| {
                let (mut answers, mut unread) = (Vec::new(), None);
                for question in questions {
                    stream.write_all(&[&[fits(question)?], &question[..]].concat())?;
                    if let Some(length) = unread.take() {
                        let mut answer = vec![0; length];
                        stream.read_exact(&mut answer)?;
                        answers.push(answer);
                    }
                    let mut length = [0];
                    stream.read_exact(&mut length)?;
                    unread = Some(length[0].into());
                }
                if let Some(length) = unread {
                    let mut answer = vec![0; length];
                    stream.read_exact(&mut answer)?;
                    answers.push(answer);
                }
                Ok(answers)
            },
            "the next question is sent before the answer is whole",
        ),
        (
            "pauses before each question",
            |stream, questions| {
                converse(stream, questions, |mut stream, length, question| {
                    thread::sleep(Duration::from_millis(15));
                    stream.write_all(&[&[length], question].concat())
                })
            },
            "or a pause before each question",
        ),
        (
            "takes two bytes for the length",
            |mut stream, questions| {
                let mut answers = Vec::new();
                for question in questions {
                    stream.write_all(&[&[fits(question)?], &question[..]].concat())?;
                    let mut length = [0; 2];
                    stream.read_exact(&mut length)?;
                    let mut answer = vec![0; u16::from_be_bytes(length).into()];
                    stream.read_exact(&mut answer)?;
                    answers.push(answer);
                }
                Ok(answers)
            },
            "the answer before it was read otherwise",
        ),
        (
            "does not ask an empty question",
            |stream, questions| {
                let mut answers = Vec::new();
                for question in questions {
                    answers.extend(match &question[..] {
                        b"" => vec![Vec::new()],
                        _ => solution::ask_all(stream, std::slice::from_ref(question))?,
                    });
                }
                Ok(answers)
            },
            "is not one byte with the length",
        ),
        (
            "sends the beginning of a question that is too long",
            |mut stream, questions| {
                if questions.iter().any(|question| question.len() > 255) {
                    stream.write_all(&[255])?;
                    return Err(ErrorKind::InvalidInput.into());
                }
                solution::ask_all(stream, questions)
            },
            "or something is sent before the length is looked at",
        ),
        (
            "leaves out what is too long, and asks the rest",
            |stream, questions| {
                let fit = questions.iter().filter(|question| question.len() < 256);
                let fit: Vec<Vec<u8>> = fit.cloned().collect();
                let answers = solution::ask_all(stream, &fit)?;
                match fit.len() == questions.len() {
                    true => Ok(answers),
                    false => Err(ErrorKind::InvalidInput.into()),
                }
            },
            "or something is sent before",
        ),
        (
            "returns at once",
            |_, _| Ok(Vec::new()),
            "questions are left out",
        ),
        (
            "takes 255 bytes for too many",
            |stream, questions| match questions.iter().any(|question| question.len() > 254) {
                true => Err(ErrorKind::InvalidInput.into()),
                false => solution::ask_all(stream, questions),
            },
            "questions are left out, or an answer",
        ),
        (
            "says goodbye",
            |mut stream, questions| {
                let answers = solution::ask_all(stream, questions);
                let _ = stream.write_all(&[0]);
                answers
            },
            "something is sent behind the last question",
        ),
        (
            "shuts the connection down",
            |stream, questions| {
                let answers = solution::ask_all(stream, questions);
                let _ = stream.shutdown(std::net::Shutdown::Write);
                answers
            },
            "the connection was shut down",
        ),
        (
            "sets a timeout",
            |stream, questions| {
                stream.set_read_timeout(Some(Duration::from_secs(20)))?;
                solution::ask_all(stream, questions)
            },
            "timeouts belong to the socket",
        ),
        (
            "takes a reset for an end",
            |stream, questions| match solution::ask_all(stream, questions) {
                Err(e) if e.kind() == ErrorKind::ConnectionReset => {
                    Err(ErrorKind::UnexpectedEof.into())
                }
                other => other,
            },
            "or replaced by another",
        ),
        (
            "takes an end for the end of the conversation",
            |stream, questions| match solution::ask_all(stream, questions) {
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(Vec::new()),
                other => other,
            },
            "an end inside an answer is an error",
        ),
        (
            "drops the last byte of a long answer",
            |stream, questions| {
                let mut answers = solution::ask_all(stream, questions)?;
                answers.iter_mut().for_each(|answer| answer.truncate(254));
                Ok(answers)
            },
            "as many bytes are there as its first byte says",
        ),
    ];
    Proof {
        check: checks::ask_all,
        source: SOURCE,
        exercise: "5.2",
        skeleton: exercise::ask_all as AskAll,
        right: &[
            ("the solution", solution::ask_all),
            (
                "has a BufWriter that is flushed, and a BufReader",
                ask_buffered,
            ),
            (
                "writes both slices at once, and reads in a loop",
                ask_vectored,
            ),
            (
                "looks at all lengths first, and sends each write at once",
                ask_without_delay,
            ),
            ("has a thread that reads", ask_in_two_threads),
        ],
        mistakes: &mistakes,
        unseen: &[],
    }
    .holds();
}

fn ask_buffered(stream: &TcpStream, questions: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
    let (mut writer, mut reader) = (BufWriter::new(stream), BufReader::new(stream));
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        writer.write_all(&[fits(question)?])?;
        writer.write_all(question)?;
        writer.flush()?;
        let mut length = [0];
        reader.read_exact(&mut length)?;
        let mut answer = Vec::new();
        let n = reader
            .by_ref()
            .take(length[0].into())
            .read_to_end(&mut answer)?;
        if n < length[0].into() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        answers.push(answer);
    }
    Ok(answers)
}

fn ask_vectored(mut stream: &TcpStream, questions: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
    let ask = |question: &Vec<u8>| {
        let length = [fits(question)?];
        let slices = [IoSlice::new(&length), IoSlice::new(question)];
        let sent = stream.write_vectored(&slices)?;
        if sent == 0 {
            stream.write_all(&length)?;
        }
        stream.write_all(&question[sent.max(1) - 1..])?;
        let (mut came, mut buffer) = (Vec::new(), [0; 7]);
        loop {
            let whole = came.first().map_or(1, |&n| 1 + usize::from(n));
            let missing = whole - came.len();
            if missing == 0 {
                return Ok(came[1..].to_vec());
            }
            match stream.read(&mut buffer[..missing.min(7)])? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                n => came.extend_from_slice(&buffer[..n]),
            }
        }
    };
    questions.iter().map(ask).collect()
}

fn ask_without_delay(mut stream: &TcpStream, questions: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
    let lengths: Vec<u8> = questions
        .iter()
        .map(|q| fits(q))
        .collect::<Result<_, _>>()?;
    stream.set_nodelay(true)?;
    let mut answers = Vec::new();
    for (length, question) in lengths.into_iter().zip(questions) {
        stream.write_all(&[length])?;
        stream.write_all(question)?;
        answers.push(answer(stream)?);
    }
    Ok(answers)
}

fn ask_in_two_threads(stream: &TcpStream, questions: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
    let lengths: Vec<u8> = questions
        .iter()
        .map(|q| fits(q))
        .collect::<Result<_, _>>()?;
    let (sender, answers) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..lengths.len() {
                let answer = answer(stream);
                let failed = answer.is_err();
                if sender.send(answer).is_err() || failed {
                    return;
                }
            }
        });
        let mut all = Vec::new();
        for question in questions {
            { stream }.write_all(&[&[fits(question)?], &question[..]].concat())?;
            all.push(answers.recv().map_err(io::Error::other)??);
        }
        Ok(all)
    })
}

/// Asks and reads as it should; how a question is sent is up to `send`.
fn converse(
    stream: &TcpStream,
    questions: &[Vec<u8>],
    send: impl Fn(&TcpStream, u8, &[u8]) -> io::Result<()>,
) -> io::Result<Vec<Vec<u8>>> {
    let mut answers = Vec::new();
    for question in questions {
        send(stream, fits(question)?, question)?;
        answers.push(answer(stream)?);
    }
    Ok(answers)
}

fn fits(question: &[u8]) -> io::Result<u8> {
    u8::try_from(question.len()).map_err(|_| ErrorKind::InvalidInput.into())
}

fn answer(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; length[0].into()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[test]
fn exercise_5_3_is_proved() {
    let mistakes: Vec<(_, NewDecoder, _)> = vec![
        (
            "reads half a length",
            |limit| {
                made(limit, push, |state| {
                    if state.bytes.is_empty() {
                        return Ok(None);
                    }
                    let (prefix, _) = state.bytes.split_at(state.bytes.len().min(2));
                    let length = prefix.iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
                    let end = prefix.len() + length;
                    if length > state.limit || state.bytes.len() < end {
                        return next(state);
                    }
                    let message = state.bytes[prefix.len()..end].to_vec();
                    state.bytes.drain(..end);
                    Ok(Some(message))
                })
            },
            "between the two bytes of the length",
        ),
        (
            "indexes the length",
            |limit| {
                made(limit, push, |state| {
                    if state.bytes.is_empty() {
                        return Ok(None);
                    }
                    let length = state.bytes[..2].try_into().unwrap();
                    take(state, length)
                })
            },
            "your function panicked at",
        ),
        (
            "keeps one message of a push",
            |limit| {
                made(limit, push, |state| {
                    let message = next(state);
                    if let Ok(Some(_)) = message {
                        state.bytes.clear();
                    }
                    message
                })
            },
            "and only one of them was kept",
        ),
        (
            "forgets what a push left over",
            |limit| {
                made(
                    limit,
                    |state, bytes| {
                        state.bytes = bytes.to_vec();
                    },
                    next,
                )
            },
            "nothing may be lost",
        ),
        (
            "reads the length from the wrong end",
            |limit| {
                made(limit, push, |state| match state.bytes[..] {
                    [high, low, ..] => take(state, [low, high]),
                    _ => Ok(None),
                })
            },
            "the more significant one first",
        ),
        (
            "takes the empty message for none",
            |limit| {
                made(limit, push, |state| {
                    Ok(next(state)?.filter(|message| !message.is_empty()))
                })
            },
            "or an empty message was taken for none",
        ),
        (
            "takes every end for a good one",
            |limit| {
                let state = State::new(limit);
                Box::new(Made {
                    state,
                    push,
                    next,
                    end: |_| Ok(()),
                })
            },
            "the beginning of a message that never became whole",
        ),
        (
            "looks at the limit when the message is whole",
            |limit| {
                made(limit, push, |state| {
                    let &[high, low, ref rest @ ..] = &state.bytes[..] else {
                        return Ok(None);
                    };
                    if rest.len() < usize::from(u16::from_be_bytes([high, low])) {
                        return Ok(None);
                    }
                    next(state)
                })
            },
            "as soon as it was there",
        ),
        (
            "has no limit",
            |limit| {
                made(limit, push, |state| {
                    state.limit = usize::MAX;
                    next(state)
                })
            },
            "was not compared with the limit",
        ),
        (
            "refuses what just fits",
            |limit| {
                made(limit, push, |state| {
                    let limit = state.limit;
                    match state.bytes[..] {
                        [high, low, ..]
                            if usize::from(u16::from_be_bytes([high, low])) >= limit =>
                        {
                            let length = u16::from_be_bytes([high, low]).into();
                            Err(DecodeError::TooLong { length, limit })
                        }
                        _ => next(state),
                    }
                })
            },
            "a message of just `limit` bytes is not too long",
        ),
        (
            "goes on behind a message that is too long",
            |limit| {
                made(limit, push, |state| {
                    let message = next(state);
                    if message.is_err() {
                        state.bytes.drain(..2);
                    }
                    message
                })
            },
            "nobody can find the next one",
        ),
        (
            "moves the rest for every message",
            |limit| made(limit, push, next),
            "with the square of the bytes",
        ),
        (
            "splits the rest off for every message",
            |limit| {
                made(limit, push, |state| {
                    let message = match state.bytes[..] {
                        [high, low, ..] => {
                            let length = usize::from(u16::from_be_bytes([high, low]));
                            if length > state.limit || state.bytes.len() < 2 + length {
                                return next(state);
                            }
                            let rest = state.bytes.split_off(2 + length);
                            std::mem::replace(&mut state.bytes, rest)
                        }
                        _ => return Ok(None),
                    };
                    Ok(Some(message[2..].to_vec()))
                })
            },
            "with the square of the bytes",
        ),
        (
            "copies the rest for every message",
            |limit| {
                made(limit, push, |state| {
                    let before = state.bytes.len();
                    let kept = state.bytes.clone();
                    let message = next(state)?;
                    let taken = before - state.bytes.len();
                    state.bytes = kept[taken..].to_vec();
                    Ok(message)
                })
            },
            "with the square of the bytes",
        ),
        (
            "copies all for each push",
            |limit| {
                let push = |state: &mut State, bytes: &[u8]| {
                    state.bytes = state.bytes.iter().chain(bytes).copied().collect();
                };
                let state = (State::new(limit), 0);
                Box::new(Fast { state, push })
            },
            "again for each push",
        ),
        (
            "tells of the long message first",
            |limit| {
                made(limit, push, |state| {
                    let (mut at, limit) = (0, state.limit);
                    while let [high, low, ..] = state.bytes[at..] {
                        let length = usize::from(u16::from_be_bytes([high, low]));
                        if length > limit {
                            return Err(DecodeError::TooLong { length, limit });
                        }
                        at = (at + 2 + length).min(state.bytes.len());
                    }
                    next(state)
                })
            },
            "come first",
        ),
        (
            "forgets that it has failed when nothing is pushed",
            |limit| {
                made(limit, push, |state| {
                    let message = next(state);
                    if message.is_err() && state.bytes.len() > 2000 {
                        state.bytes.clear();
                        return Ok(None);
                    }
                    message
                })
            },
            "has to remember that it has failed",
        ),
        (
            "takes the length for a number with a sign",
            |limit| {
                made(limit, push, |state| match state.bytes[..] {
                    [high, low, ..] if i16::from_be_bytes([high, low]) < 0 => Ok(None),
                    _ => next(state),
                })
            },
            "the length is two bytes",
        ),
        (
            "counts only the bytes behind the length",
            |limit| {
                let state = State::new(limit);
                Box::new(Made {
                    state,
                    push,
                    next,
                    end: |state| match state.bytes.len() {
                        0 => Ok(()),
                        got => Err(DecodeError::Cut {
                            got: got.saturating_sub(2),
                        }),
                    },
                })
            },
            "the beginning of a message that never became whole",
        ),
        (
            "takes half a length for a good end",
            |limit| {
                let state = State::new(limit);
                Box::new(Made {
                    state,
                    push,
                    next,
                    end: |state| match state.bytes.len() {
                        0 | 1 => Ok(()),
                        got => Err(DecodeError::Cut { got }),
                    },
                })
            },
            "be it one byte of a length",
        ),
        (
            "is never at its end",
            |limit| {
                let state = State::new(limit);
                Box::new(Made {
                    state,
                    push,
                    next,
                    end: |state| {
                        Err(DecodeError::Cut {
                            got: state.bytes.len(),
                        })
                    },
                })
            },
            "between two messages nothing is left over",
        ),
        (
            "adds to the limit",
            |limit| {
                made(limit, push, |state| match state.bytes[..] {
                    [high, low, ..] => {
                        let length = usize::from(u16::from_be_bytes([high, low]));
                        match length + 2 > state.limit + 2 {
                            true => next(state),
                            false => take(state, [high, low]),
                        }
                    }
                    _ => Ok(None),
                })
            },
            "your function panicked at",
        ),
        (
            "ignores a push while messages wait",
            |limit| {
                made(
                    limit,
                    |state, bytes| match state.bytes[..] {
                        [0, length, ref rest @ ..] if rest.len() > usize::from(length) + 2 => {}
                        _ => state.bytes.extend_from_slice(bytes),
                    },
                    next,
                )
            },
            "nothing may be lost of what is",
        ),
        (
            "takes only what a push brings as a whole",
            |limit| {
                made(
                    limit,
                    |state, bytes| {
                        if state.bytes.is_empty() || bytes.len() != 1 {
                            state.bytes.extend_from_slice(bytes);
                        } else if !bytes.is_empty() {
                            state.bytes.push(bytes[0]);
                        }
                        if bytes.is_empty() {
                            state.bytes.clear();
                        }
                    },
                    next,
                )
            },
            "nothing may be lost of what is",
        ),
    ];
    Proof {
        check: checks::decoder,
        source: SOURCE,
        exercise: "5.3",
        skeleton: (|limit| Box::new(exercise::Decoder::new(limit))) as NewDecoder,
        right: &[
            ("the solution", |limit| {
                Box::new(solution::Decoder::new(limit))
            }),
            ("has a queue of bytes", |limit| {
                Box::new(Queue {
                    limit,
                    bytes: VecDeque::new(),
                })
            }),
            ("has a state for each part of a message", |limit| {
                Box::new(States::new(limit))
            }),
            ("takes messages apart in push", |limit| {
                Box::new(Eager::new(limit))
            }),
        ],
        mistakes: &mistakes,
        unseen: &[(
            "Keeps no messages",
            "nobody tells how much memory a value has",
        )],
    }
    .holds();
}

/// Bytes are taken from the front of a queue, which moves nothing.
struct Queue {
    limit: usize,
    bytes: VecDeque<u8>,
}

impl Decode for Queue {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    fn next(&mut self) -> Next {
        let (Some(&high), Some(&low)) = (self.bytes.front(), self.bytes.get(1)) else {
            return Ok(None);
        };
        let (length, limit) = (usize::from(high) * 256 + usize::from(low), self.limit);
        if length > limit {
            return Err(DecodeError::TooLong { length, limit });
        }
        if self.bytes.len() < length + 2 {
            return Ok(None);
        }
        Ok(Some(self.bytes.drain(..length + 2).skip(2).collect()))
    }

    fn end(&self) -> Result<(), DecodeError> {
        let got = self.bytes.len();
        if got == 0 {
            Ok(())
        } else {
            Err(DecodeError::Cut { got })
        }
    }
}

/// A state machine by the book: each byte leads from one state into another.
struct States {
    limit: usize,
    unread: VecDeque<u8>,
    state: Part,
}

enum Part {
    Nothing,
    HalfALength(u8),
    Body(usize, Vec<u8>),
    Failed(DecodeError),
}

impl States {
    fn new(limit: usize) -> States {
        let (unread, state) = (VecDeque::new(), Part::Nothing);
        States {
            limit,
            unread,
            state,
        }
    }
}

impl Decode for States {
    fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, Part::Failed(_)) {
            self.unread.extend(bytes);
        }
    }

    fn next(&mut self) -> Next {
        let limit = self.limit;
        loop {
            match &mut self.state {
                Part::Failed(error) => return Err(*error),
                Part::Body(length, body) if body.len() == *length => {
                    let body = std::mem::take(body);
                    self.state = Part::Nothing;
                    return Ok(Some(body));
                }
                _ => {}
            }
            let Some(byte) = self.unread.pop_front() else {
                return Ok(None);
            };
            match &mut self.state {
                Part::Nothing => self.state = Part::HalfALength(byte),
                Part::HalfALength(high) => {
                    let length = u16::from_be_bytes([*high, byte]).into();
                    self.state = match length > limit {
                        true => Part::Failed(DecodeError::TooLong { length, limit }),
                        false => Part::Body(length, Vec::new()),
                    };
                }
                Part::Body(_, body) => body.push(byte),
                Part::Failed(_) => {}
            }
        }
    }

    fn end(&self) -> Result<(), DecodeError> {
        match &self.state {
            Part::Nothing => Ok(()),
            Part::HalfALength(_) => Err(DecodeError::Cut { got: 1 }),
            Part::Body(_, body) => Err(DecodeError::Cut {
                got: 2 + body.len(),
            }),
            Part::Failed(error) => Err(*error),
        }
    }
}

/// All the work is done in `push`.
struct Eager {
    limit: usize,
    begun: Vec<u8>,
    whole: VecDeque<Vec<u8>>,
    failed: Option<DecodeError>,
}

impl Eager {
    fn new(limit: usize) -> Eager {
        let (begun, whole, failed) = (Vec::new(), VecDeque::new(), None);
        Eager {
            limit,
            begun,
            whole,
            failed,
        }
    }
}

impl Decode for Eager {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.failed.is_some() {
                return;
            }
            self.begun.push(byte);
            if let [high, low, ref body @ ..] = self.begun[..] {
                let (length, limit) = (u16::from_be_bytes([high, low]).into(), self.limit);
                if length > limit {
                    self.failed = Some(DecodeError::TooLong { length, limit });
                } else if body.len() == length {
                    self.whole.push_back(body.to_vec());
                    self.begun.clear();
                }
            }
        }
    }

    fn next(&mut self) -> Next {
        match (self.whole.pop_front(), self.failed) {
            (None, Some(error)) => Err(error),
            (message, _) => Ok(message),
        }
    }

    fn end(&self) -> Result<(), DecodeError> {
        match self.begun.len() {
            0 => Ok(()),
            got => Err(DecodeError::Cut { got }),
        }
    }
}

/// As [`Made`], but with a place where the next message begins, so that it is not slow by itself.
struct Fast {
    state: (State, usize),
    push: fn(&mut State, &[u8]),
}

impl Decode for Fast {
    fn push(&mut self, bytes: &[u8]) {
        let (state, at) = &mut self.state;
        state.bytes.drain(..*at);
        *at = 0;
        (self.push)(state, bytes);
    }

    fn next(&mut self) -> Next {
        let (state, at) = &mut self.state;
        let limit = state.limit;
        let [high, low, ref rest @ ..] = state.bytes[*at..] else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > limit {
            return Err(DecodeError::TooLong { length, limit });
        }
        let message = rest.get(..length).map(<[u8]>::to_vec);
        *at += message.as_ref().map_or(0, |_| 2 + length);
        Ok(message)
    }

    fn end(&self) -> Result<(), DecodeError> {
        match self.state.0.bytes.len() - self.state.1 {
            0 => Ok(()),
            got => Err(DecodeError::Cut { got }),
        }
    }
}

/// A decoder as many are made. All of it is right, but slow; each mistake replaces a part.
struct Made {
    state: State,
    push: fn(&mut State, &[u8]),
    next: fn(&mut State) -> Next,
    end: fn(&State) -> Result<(), DecodeError>,
}

type Next = Result<Option<Vec<u8>>, DecodeError>;

struct State {
    limit: usize,
    bytes: Vec<u8>,
}

impl State {
    fn new(limit: usize) -> State {
        let bytes = Vec::new();
        State { limit, bytes }
    }
}

fn made(
    limit: usize,
    push: fn(&mut State, &[u8]),
    next: fn(&mut State) -> Next,
) -> Box<dyn Decode> {
    let state = State::new(limit);
    Box::new(Made {
        state,
        push,
        next,
        end: |state| match state.bytes.len() {
            0 => Ok(()),
            got => Err(DecodeError::Cut { got }),
        },
    })
}

impl Decode for Made {
    fn push(&mut self, bytes: &[u8]) {
        (self.push)(&mut self.state, bytes);
    }

    fn next(&mut self) -> Next {
        (self.next)(&mut self.state)
    }

    fn end(&self) -> Result<(), DecodeError> {
        (self.end)(&self.state)
    }
}

fn push(state: &mut State, bytes: &[u8]) {
    state.bytes.extend_from_slice(bytes);
}

fn next(state: &mut State) -> Next {
    match state.bytes[..] {
        [high, low, ..] => take(state, [high, low]),
        _ => Ok(None),
    }
}

/// Takes the message of that length, if it is whole.
fn take(state: &mut State, length: [u8; 2]) -> Next {
    let (length, limit) = (usize::from(u16::from_be_bytes(length)), state.limit);
    if length > limit {
        return Err(DecodeError::TooLong { length, limit });
    }
    if state.bytes.len() < 2 + length {
        return Ok(None);
    }
    let message = state.bytes[2..2 + length].to_vec();
    state.bytes.drain(..2 + length);
    Ok(Some(message))
}
