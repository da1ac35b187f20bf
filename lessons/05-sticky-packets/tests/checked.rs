//! The checks of lesson 5, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::TcpStream;

use checks::{AskAll, NewDecoder, Split};
use course::exercise::prove;
use sticky_packets::contract::{Decode, DecodeError};

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_5_1_is_proved() {
    let skeleton = (SOURCE, "5.1 ", exercise::split as Split);
    prove(
        checks::split,
        skeleton,
        solution::split,
        &[
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
                "nothing is kept until the end",
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
                "differs",
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
                "but it was not called",
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
        ],
    );
}

#[test]
fn exercise_5_2_is_proved() {
    let skeleton = (SOURCE, "5.2 ", exercise::ask_all as AskAll);
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
            "more came before it was answered",
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
    ];
    prove(checks::ask_all, skeleton, solution::ask_all, &mistakes);
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
    let new: NewDecoder = |limit| Box::new(exercise::Decoder::new(limit));
    let skeleton = (SOURCE, "5.3 ", new);
    prove(
        checks::decoder,
        skeleton,
        |limit| Box::new(solution::Decoder::new(limit)),
        &[
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
                "expected",
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
                "expected",
            ),
            (
                "takes the empty message for none",
                |limit| {
                    made(limit, push, |state| {
                        Ok(next(state)?.filter(|message| !message.is_empty()))
                    })
                },
                "nothing may be lost",
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
                "of just `limit` bytes was refused",
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
        ],
    );
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
