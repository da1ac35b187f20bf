//! The checks of lesson 4, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use checks::{FindOffset, Poll, Serve};
use course::exercise::{Mistake, prove};
use jiff::Zoned;
use jiff::fmt::strtime;
use shared::any_port;
use time_sync::SECONDS;
use time_sync::contract::Offset;

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_4_1_is_proved() {
    let skeleton = (SOURCE, "4.1 ", exercise::serve as Serve);
    prove(checks::serve, skeleton, solution::serve, SERVE_MISTAKES);
}

/// The loop, which is right; `answer` makes an answer of a request, or `None` for no answer.
fn each(socket: &UdpSocket, requests: usize, mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    let mut buffer = vec![0; 65_507];
    let mut answered = 0;
    while answered < requests {
        let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        if buffer[..n].starts_with(b"error: ") {
            continue;
        }
        if let Some(answer) = answer(&buffer[..n]) {
            let _ = socket.send_to(&answer, sender);
        }
        answered += 1;
    }
}

fn format_of(request: &[u8]) -> Result<&str, &'static str> {
    match str::from_utf8(request) {
        Ok("") => Ok("%Y-%m-%d %X"),
        Ok(format) if format.contains(char::is_control) => Err("control character"),
        Ok(format) => Ok(format),
        Err(_) => Err("not UTF-8"),
    }
}

fn short(request: &[u8]) -> Result<&[u8], &'static str> {
    if request.len() > 256 {
        return Err("too long");
    }
    Ok(request)
}

fn filled_in(format: &str) -> Result<String, &'static str> {
    let answer = strtime::format(format, &Zoned::now()).map_err(|_| "malformed")?;
    if answer == format {
        return Err("nothing to fill in");
    }
    Ok(answer)
}

fn not_over(answer: String, longest: usize) -> Result<String, &'static str> {
    if answer.len() > longest {
        return Err("too long");
    }
    Ok(answer)
}

/// The whole way from a request to its answer, which is right.
fn time_for(request: &[u8], longest: usize) -> Result<String, &'static str> {
    not_over(filled_in(format_of(short(request)?)?)?, longest)
}

/// An answer with a reason that is short enough, which is right.
fn refusable(answer: Result<String, &str>) -> Option<Vec<u8>> {
    let answer = answer.unwrap_or_else(|reason| {
        let mut answer = format!("error: {reason}");
        answer.truncate(16);
        answer
    });
    Some(answer.into_bytes())
}

const SERVE_MISTAKES: &[Mistake<Serve>] = &[
    (
        "unwraps what the formatter says",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                refusable(short(request).and_then(format_of).and_then(|format| {
                    let answer = strtime::format(format, &Zoned::now()).unwrap();
                    not_over(answer, longest)
                }))
            });
        },
        "your function panicked at",
    ),
    (
        "has a formatter that copies what it does not know",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                refusable(short(request).and_then(format_of).and_then(|format| {
                    let answer = Zoned::now().strftime(format).to_string();
                    not_over(answer, longest)
                }))
            });
        },
        "copies what it does not know",
    ),
    (
        "unwraps UTF-8",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let _ = str::from_utf8(request).unwrap();
                refusable(time_for(request, longest))
            });
        },
        "your function panicked at",
    ),
    (
        "replaces what is not UTF-8",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let text = String::from_utf8_lossy(request).into_owned();
                match short(request) {
                    Ok(_) => refusable(time_for(text.as_bytes(), longest)),
                    refused => refusable(refused.map(|_| String::new())),
                }
            });
        },
        "are replaced (from_utf8_lossy)",
    ),
    (
        "lets control characters through",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let format = short(request)
                    .and_then(|request| str::from_utf8(request).map_err(|_| "not UTF-8"))
                    .map(|format| {
                        if format.is_empty() {
                            "%Y-%m-%d %X"
                        } else {
                            format
                        }
                    });
                let answer = format.and_then(filled_in);
                refusable(answer.and_then(|answer| not_over(answer, longest)))
            });
        },
        "control characters are not looked for",
    ),
    (
        "knows only ASCII's control characters",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let format = short(request)
                    .and_then(|request| str::from_utf8(request).map_err(|_| "not UTF-8"));
                let answer = match format {
                    Ok("") => filled_in("%Y-%m-%d %X"),
                    Ok(format) if format.contains(|c: char| c.is_ascii_control()) => {
                        Err("control character")
                    }
                    Ok(format) => filled_in(format),
                    Err(reason) => Err(reason),
                };
                refusable(answer.and_then(|answer| not_over(answer, longest)))
            });
        },
        "there are control characters outside ASCII",
    ),
    (
        "ends at a format that is malformed",
        |socket, requests, longest| {
            let mut over = false;
            each(socket, requests, |request| {
                over |= format_of(request).and_then(filled_in) == Err("malformed");
                if over {
                    return None;
                }
                refusable(time_for(request, longest))
            });
        },
        "an error of the formatter, or of from_utf8, ends the loop",
    ),
    (
        "does not answer a bad format",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let answer = time_for(request, longest).ok()?;
                Some(answer.into_bytes())
            });
        },
        "or is not answered",
    ),
    (
        "does not count what it refuses",
        |socket, requests, longest| {
            let mut good = 0;
            while good < requests {
                each(socket, 1, |request| {
                    let answer = time_for(request, longest);
                    good += usize::from(answer.is_ok());
                    refusable(answer)
                });
            }
        },
        "is not counted",
    ),
    (
        "limits only the request",
        |socket, requests, _| {
            each(socket, requests, |request| {
                refusable(time_for(request, usize::MAX))
            });
        },
        "the length of the answer has no limit",
    ),
    (
        "limits only the answer",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let answer = format_of(request).and_then(filled_in);
                refusable(answer.and_then(|answer| not_over(answer, longest)))
            });
        },
        "the request has no limit",
    ),
    (
        "has a buffer for just the longest request",
        |socket, requests, longest| {
            let mut buffer = [0; 256];
            let mut answered = 0;
            while answered < requests {
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                if let Some(answer) = refusable(time_for(&buffer[..n], longest)) {
                    let _ = socket.send_to(&answer, sender);
                }
                answered += 1;
            }
        },
        "the buffer is so short that a longer one is cut",
    ),
    (
        "cuts an answer that is too long",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let answer = time_for(request, usize::MAX).map(|mut answer| {
                    while answer.len() > longest {
                        answer.pop();
                    }
                    answer
                });
                refusable(answer)
            });
        },
        "an answer that is too long is cut, not refused",
    ),
    (
        "cuts inside a character",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let mut answer = refusable(time_for(request, usize::MAX))?;
                answer.truncate(longest);
                Some(answer)
            });
        },
        "an answer that is too long is cut",
    ),
    (
        "keeps an answer below the limit",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                refusable(time_for(request, longest - 1))
            });
        },
        "the limit is off by one",
    ),
    (
        "tells the formatter's whole reason",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                match time_for(request, longest) {
                    Err("malformed") => {
                        let format = str::from_utf8(request).unwrap_or_default();
                        let reason = strtime::format(format, &Zoned::now()).err()?;
                        Some(format!("error: {reason}").into_bytes())
                    }
                    answer => refusable(answer),
                }
            });
        },
        "the reason behind 'error: '",
    ),
    (
        "answers the answer of a server",
        |socket, requests, longest| {
            let mut buffer = vec![0; 65_507];
            let mut answered = 0;
            while answered < requests {
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                if let Some(answer) = refusable(time_for(&buffer[..n], longest)) {
                    let _ = socket.send_to(&answer, sender);
                }
                answered += 1;
            }
        },
        "a datagram that begins with 'error: ' is answered",
    ),
    (
        "counts the answer of a server",
        |socket, requests, longest| {
            let mut buffer = vec![0; 65_507];
            let mut came = 0;
            while came < requests {
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                came += 1;
                if buffer[..n].starts_with(b"error: ") {
                    continue;
                }
                if let Some(answer) = refusable(time_for(&buffer[..n], longest)) {
                    let _ = socket.send_to(&answer, sender);
                }
            }
        },
        "which should not be answered, then an ordinary request",
    ),
    (
        "answers what asks for nothing",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let answer = short(request).and_then(format_of).and_then(|format| {
                    strtime::format(format, &Zoned::now()).map_err(|_| "malformed")
                });
                refusable(answer.and_then(|answer| not_over(answer, longest)))
            });
        },
        "is answered with itself",
    ),
    (
        "has no format of its own",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                if request.is_empty() {
                    return Some(Vec::new());
                }
                refusable(time_for(request, longest))
            });
        },
        "the empty request stands for",
    ),
    (
        "trims the format",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                refusable(time_for(request.trim_ascii(), longest))
            });
        },
        "no format is trimmed",
    ),
    (
        "ends with the empty request",
        |socket, requests, longest| {
            let mut over = false;
            each(socket, requests, |request| {
                over |= request.is_empty();
                if over {
                    return None;
                }
                refusable(time_for(request, longest))
            });
        },
        "the empty one is taken for the end",
    ),
    (
        "asks the clock once",
        |socket, requests, longest| {
            let now = Zoned::now();
            each(socket, requests, |request| {
                let answer = short(request).and_then(format_of).and_then(|format| {
                    let answer = strtime::format(format, &now).map_err(|_| "malformed")?;
                    if answer == format {
                        return Err("nothing to fill in");
                    }
                    not_over(answer, longest)
                });
                thread::sleep(Duration::from_millis(5)); // it has other things to do
                refusable(answer)
            });
        },
        "the clock is asked once",
    ),
    (
        "ends at an error",
        |socket, requests, longest| {
            let serve = || -> io::Result<()> {
                let mut buffer = vec![0; 65_507];
                let mut answered = 0;
                while answered < requests {
                    let (n, sender) = socket.recv_from(&mut buffer)?;
                    if buffer[..n].starts_with(b"error: ") {
                        continue;
                    }
                    if let Some(answer) = refusable(time_for(&buffer[..n], longest)) {
                        socket.send_to(&answer, sender)?;
                    }
                    answered += 1;
                }
                Ok(())
            };
            let _ = serve();
        },
        "an error of recv_from or send_to ends the loop",
    ),
];

#[test]
fn exercise_4_2_is_proved() {
    let skeleton = (SOURCE, "4.2 ", exercise::poll as Poll);
    prove(checks::poll, skeleton, solution::poll, POLL_MISTAKES);
}

/// A socket that speaks with the server, which is right.
fn socket_for(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(any_port(server))?;
    socket.connect(server)?;
    Ok(socket)
}

fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 65_507];
    let n = socket.recv(&mut buffer)?;
    buffer.truncate(n);
    Ok(buffer)
}

fn ask(socket: &UdpSocket, question: &str, timeout: Duration) -> io::Result<Vec<u8>> {
    socket.set_read_timeout(Some(timeout))?;
    socket.send(question.as_bytes())?;
    receive(socket)
}

/// One question with a socket of its own, which is right.
fn ask_server(server: SocketAddr, question: &str, timeout: Duration) -> io::Result<Vec<u8>> {
    ask(&socket_for(server)?, question, timeout)
}

fn sleep_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}

/// The beat, which is right.
fn at_each(
    questions: usize,
    beat: Duration,
    mut ask: impl FnMut() -> io::Result<Vec<u8>>,
) -> Vec<Option<Vec<u8>>> {
    let mut due = Instant::now();
    let mut answers = Vec::new();
    for _ in 0..questions {
        sleep_until(due);
        answers.push(ask().ok());
        due += beat;
    }
    answers
}

const POLL_MISTAKES: &[Mistake<Poll>] = &[
    (
        "sleeps for a whole beat behind each answer",
        |server, question, questions, beat, timeout| {
            let mut answers = Vec::new();
            for number in 0..questions {
                if number > 0 {
                    thread::sleep(beat);
                }
                answers.push(ask_server(server, question, timeout).ok());
            }
            answers
        },
        "the time that a question takes is added to the beat",
    ),
    (
        "counts the beat from when the answer came",
        |server, question, questions, beat, timeout| {
            let mut answers = Vec::new();
            let mut due = Instant::now();
            for _ in 0..questions {
                sleep_until(due);
                answers.push(ask_server(server, question, timeout).ok());
                due = Instant::now() + beat;
            }
            answers
        },
        "the time that a question takes is added to the beat",
    ),
    (
        "subtracts more than there is",
        |server, question, questions, beat, timeout| {
            let mut answers = Vec::new();
            for _ in 0..questions {
                let started = Instant::now();
                answers.push(ask_server(server, question, timeout).ok());
                thread::sleep(beat - started.elapsed());
            }
            answers
        },
        "your function panicked at",
    ),
    (
        "has no timeout",
        |server, question, questions, beat, _| {
            at_each(questions, beat, || {
                let socket = socket_for(server)?;
                socket.send(question.as_bytes())?;
                receive(&socket)
            })
        },
        "there is no timeout",
    ),
    (
        "has one socket for all questions",
        |server, question, questions, beat, timeout| {
            let socket = socket_for(server).unwrap();
            at_each(questions, beat, || ask(&socket, question, timeout))
        },
        "a late answer is taken for the answer to another question",
    ),
    (
        "empties the socket before each question",
        |server, question, questions, beat, timeout| {
            let socket = socket_for(server).unwrap();
            at_each(questions, beat, || {
                socket.set_nonblocking(true)?;
                while receive(&socket).is_ok() {}
                socket.set_nonblocking(false)?;
                ask(&socket, question, timeout)
            })
        },
        "a late answer is taken for the answer to another question",
    ),
    (
        "puts answers to questions in the order in which they come",
        |server, question, questions, beat, timeout| {
            let socket = socket_for(server).unwrap();
            thread::scope(|scope| {
                let receiver = scope.spawn(|| {
                    let mut answers = Vec::new();
                    let _ = socket.set_read_timeout(Some(timeout + 4 * beat));
                    while let Ok(answer) = receive(&socket) {
                        answers.push(Some(answer));
                    }
                    answers
                });
                let mut due = Instant::now();
                for _ in 0..questions {
                    sleep_until(due);
                    let _ = socket.send(question.as_bytes());
                    due += beat;
                }
                let mut answers = receiver.join().unwrap();
                answers.resize(questions, None);
                answers
            })
        },
        "a late answer is taken for the answer to another question",
    ),
    (
        "ends when an answer is lost",
        |server, question, questions, beat, timeout| {
            let mut lost = false;
            let mut due = Instant::now();
            let mut answers = Vec::new();
            while answers.len() < questions && !lost {
                sleep_until(due);
                answers.push(ask_server(server, question, timeout).ok());
                lost = answers.last() == Some(&None);
                due += beat;
            }
            answers
        },
        "a question without an answer ends the loop",
    ),
    (
        "ends when nobody is there",
        |server, question, questions, beat, timeout| {
            let mut answers = Vec::new();
            let mut due = Instant::now();
            for _ in 0..questions {
                sleep_until(due);
                match ask_server(server, question, timeout) {
                    Ok(answer) => answers.push(Some(answer)),
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
                    Err(_) => answers.push(None),
                }
                due += beat;
            }
            answers
        },
        "an error ends the loop",
    ),
    (
        "unwraps an error",
        |server, question, questions, beat, timeout| {
            at_each(questions, beat, || {
                match ask_server(server, question, timeout) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Err(error),
                    result => Ok(result.unwrap()),
                }
            })
        },
        "your function panicked at",
    ),
    (
        "takes the timeout for the beat",
        |server, question, questions, beat, timeout| {
            let mut answers = Vec::new();
            for number in 0..questions {
                let started = Instant::now();
                let answer = ask_server(server, question, timeout);
                // An answer came early: the rest of the beat is still to come.
                if answer.is_ok() && number + 1 < questions {
                    sleep_until(started + beat);
                }
                answers.push(answer.ok());
            }
            answers
        },
        "makes the next question leave before its time",
    ),
    (
        "hurries behind an answer",
        |server, question, questions, _, timeout| {
            let ask = |_| ask_server(server, question, timeout).ok();
            (0..questions).map(ask).collect()
        },
        "or a quick answer, makes the next one leave before its time",
    ),
    (
        "leaves out what got lost",
        |server, question, questions, beat, timeout| {
            let mut answers = at_each(questions, beat, || ask_server(server, question, timeout));
            answers.retain(Option::is_some);
            answers
        },
        "a question without an answer is left out",
    ),
    (
        "asks again after a silence",
        |server, question, questions, beat, timeout| {
            at_each(questions, beat, || {
                let socket = socket_for(server)?;
                ask(&socket, question, timeout / 2).or_else(|_| ask(&socket, question, timeout / 2))
            })
        },
        "a question is sent again after its timeout",
    ),
    (
        "takes the first datagram for the answer",
        |server, question, questions, beat, timeout| {
            at_each(questions, beat, || {
                let socket = UdpSocket::bind(any_port(server))?;
                socket.set_read_timeout(Some(timeout))?;
                socket.send_to(question.as_bytes(), server)?;
                receive(&socket)
            })
        },
        "a datagram of somebody else is taken for the answer",
    ),
    (
        "gives up when a stranger writes",
        |server, question, questions, beat, timeout| {
            at_each(questions, beat, || {
                let socket = UdpSocket::bind(any_port(server))?;
                socket.set_read_timeout(Some(timeout))?;
                socket.send_to(question.as_bytes(), server)?;
                let mut buffer = vec![0; 65_507];
                match socket.recv_from(&mut buffer)? {
                    (n, sender) if sender == server => Ok(buffer[..n].to_vec()),
                    _ => Err(ErrorKind::InvalidData.into()),
                }
            })
        },
        "the first datagram may be a stranger's",
    ),
    (
        "waits for an answer until the next beat",
        |server, question, questions, beat, _| {
            at_each(questions, beat, || ask_server(server, question, beat))
        },
        "the answer is waited for until the next beat",
    ),
    (
        "sleeps behind the last answer",
        |server, question, questions, beat, timeout| {
            let mut due = Instant::now();
            let mut answers = Vec::new();
            for _ in 0..questions {
                answers.push(ask_server(server, question, timeout).ok());
                due += beat;
                sleep_until(due);
            }
            answers
        },
        "the last question is followed by a beat too",
    ),
    (
        "asks again and again",
        |server, question, questions, beat, timeout| {
            at_each(questions, beat, || {
                let socket = socket_for(server)?;
                socket.set_nonblocking(true)?;
                let deadline = Instant::now() + timeout;
                socket.send(question.as_bytes())?;
                loop {
                    match receive(&socket) {
                        Err(error)
                            if error.kind() == ErrorKind::WouldBlock
                                && Instant::now() < deadline => {}
                        result => return result,
                    }
                }
            })
        },
        "asked again and again",
    ),
];

#[test]
fn exercise_4_3_is_proved() {
    let skeleton = (SOURCE, "4.3 ", exercise::offset as FindOffset);
    prove(checks::offset, skeleton, solution::offset, OFFSET_MISTAKES);
}

/// An answer that is a time, and when it came.
#[derive(Clone, Copy)]
struct Exchange {
    /// What the server's clock showed.
    server: f64,
    /// What ours showed when the answer came.
    ours: f64,
    round_trip: f64,
}

impl Exchange {
    /// Cristian's algorithm, which is right.
    fn offset(&self) -> Offset {
        let error = self.round_trip / 2.0;
        let ahead = self.server + error - self.ours;
        Offset { ahead, error }
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// A time, read strictly, which is right.
fn seconds(answer: &[u8]) -> io::Result<f64> {
    let text = str::from_utf8(answer).unwrap_or_default();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    match text.parse() {
        Ok(number) if digits(whole, 12) && digits(fraction, 9) => Ok(number),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn exchange_on(socket: &UdpSocket, timeout: Duration) -> io::Result<Exchange> {
    exchange_read(socket, timeout, seconds)
}

fn exchange_read(
    socket: &UdpSocket,
    timeout: Duration,
    read: impl Fn(&[u8]) -> io::Result<f64>,
) -> io::Result<Exchange> {
    let sent = Instant::now();
    let answer = ask(socket, SECONDS, timeout)?;
    let (round_trip, ours) = (sent.elapsed().as_secs_f64(), now());
    Ok(Exchange {
        server: read(&answer)?,
        ours,
        round_trip,
    })
}

/// All samples, each with a socket of its own, which is right.
fn samples(server: SocketAddr, questions: usize, timeout: Duration) -> Vec<Exchange> {
    let ask = |_| exchange_on(&socket_for(server)?, timeout);
    (0..questions).flat_map(ask).collect()
}

/// The one with the shortest round trip, which is right.
fn best(samples: Vec<Exchange>) -> Option<Exchange> {
    let order = |a: &Exchange, b: &Exchange| a.round_trip.total_cmp(&b.round_trip);
    samples.into_iter().min_by(order)
}

/// As many questions, read in some way.
fn reading(
    server: SocketAddr,
    questions: usize,
    timeout: Duration,
    read: impl Fn(&[u8]) -> io::Result<f64>,
) -> Option<Offset> {
    let ask = |_| exchange_read(&socket_for(server)?, timeout, &read);
    best((0..questions).flat_map(ask).collect()).map(|best| best.offset())
}

fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let numbers: Vec<f64> = numbers.collect();
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// When the program started, more or less.
static START: LazyLock<f64> = LazyLock::new(now);

const OFFSET_MISTAKES: &[Mistake<FindOffset>] = &[
    (
        "forgets the way back",
        |server, questions, timeout| {
            let best = best(samples(server, questions, timeout))?;
            Some(Offset {
                ahead: best.server - best.ours,
                ..best.offset()
            })
        },
        "half of the round trip is to be added",
    ),
    (
        "adds the whole round trip",
        |server, questions, timeout| {
            let best = best(samples(server, questions, timeout))?;
            Some(Offset {
                ahead: best.server + best.round_trip - best.ours,
                error: best.round_trip,
            })
        },
        "its whole round trip is taken for the error",
    ),
    (
        "adds the whole round trip to the time only",
        |server, questions, timeout| {
            let best = best(samples(server, questions, timeout))?;
            Some(Offset {
                ahead: best.server + best.round_trip - best.ours,
                ..best.offset()
            })
        },
        "not the whole",
    ),
    (
        "subtracts half of the round trip",
        |server, questions, timeout| {
            let best = best(samples(server, questions, timeout))?;
            let Offset { error, .. } = best.offset();
            let ahead = best.server - error - best.ours;
            Some(Offset { ahead, error })
        },
        "nor taken away",
    ),
    (
        "has the sign wrong",
        |server, questions, timeout| {
            let Offset { ahead, error } = best(samples(server, questions, timeout))?.offset();
            Some(Offset {
                ahead: -ahead,
                error,
            })
        },
        "the sign is wrong",
    ),
    (
        "averages all samples",
        |server, questions, timeout| {
            let samples = samples(server, questions, timeout);
            let offsets = || samples.iter().map(Exchange::offset);
            let ahead = mean(offsets().map(|offset| offset.ahead));
            let error = mean(offsets().map(|offset| offset.error));
            (!samples.is_empty()).then_some(Offset { ahead, error })
        },
        "another sample than the one with the shortest round trip counts",
    ),
    (
        "averages the offsets, and claims the best error",
        |server, questions, timeout| {
            let samples = samples(server, questions, timeout);
            let ahead = mean(samples.iter().map(|sample| sample.offset().ahead));
            Some(Offset {
                ahead,
                ..best(samples)?.offset()
            })
        },
        "samples with a longer round trip have no say",
    ),
    (
        "takes the first sample",
        |server, questions, timeout| {
            let samples = samples(server, questions, timeout);
            samples.first().map(Exchange::offset)
        },
        "another sample than the one with the shortest round trip counts",
    ),
    (
        "takes the last sample",
        |server, questions, timeout| {
            let samples = samples(server, questions, timeout);
            samples.last().map(Exchange::offset)
        },
        "another sample than the one with the shortest round trip counts",
    ),
    (
        "takes the longest round trip",
        |server, questions, timeout| {
            let samples = samples(server, questions, timeout);
            let order = |a: &Exchange, b: &Exchange| a.round_trip.total_cmp(&b.round_trip);
            samples.into_iter().max_by(order).map(|s| s.offset())
        },
        "another sample than the one with the shortest round trip counts",
    ),
    (
        "takes the smallest offset",
        |server, questions, timeout| {
            let offsets = samples(server, questions, timeout)
                .into_iter()
                .map(|sample| sample.offset());
            offsets.min_by(|a, b| a.ahead.abs().total_cmp(&b.ahead.abs()))
        },
        "another sample than the one with the shortest round trip counts",
    ),
    (
        "looks at its clock too late",
        |server, questions, timeout| {
            let best = best(samples(server, questions, timeout))?;
            Some(
                Exchange {
                    ours: now(),
                    ..best
                }
                .offset(),
            )
        },
        "the arrival is not when the answer came",
    ),
    (
        "measures from the start",
        |server, questions, timeout| {
            let start = Instant::now();
            let ask = |_| {
                let exchange = exchange_on(&socket_for(server)?, timeout)?;
                let round_trip = start.elapsed().as_secs_f64();
                io::Result::Ok(Exchange {
                    round_trip,
                    ..exchange
                })
            };
            best((0..questions).flat_map(ask).collect()).map(|best| best.offset())
        },
        "more is measured than from send to receive",
    ),
    (
        "has one socket for all questions",
        |server, questions, timeout| {
            let socket = socket_for(server).ok()?;
            let ask = |_| exchange_on(&socket, timeout);
            best((0..questions).flat_map(ask).collect()).map(|best| best.offset())
        },
        "a late answer is taken for the answer to another question",
    ),
    (
        "has no timeout",
        |server, questions, _| {
            let ask = |_| exchange_on(&socket_for(server)?, Duration::from_secs(60));
            best((0..questions).flat_map(ask).collect()).map(|best| best.offset())
        },
        "there is no timeout",
    ),
    (
        "ends when an answer is lost",
        |server, questions, timeout| {
            let ask = |_| exchange_on(&socket_for(server)?, timeout);
            let samples: io::Result<Vec<Exchange>> = (0..questions).map(ask).collect();
            best(samples.ok()?).map(|best| best.offset())
        },
        "a question without an answer ends it all",
    ),
    (
        "does not connect",
        |server, questions, timeout| {
            let ask = |_| {
                let socket = UdpSocket::bind(any_port(server))?;
                socket.set_read_timeout(Some(timeout))?;
                let sent = Instant::now();
                socket.send_to(SECONDS.as_bytes(), server)?;
                let mut buffer = [0; 100];
                loop {
                    let (n, sender) = socket.recv_from(&mut buffer)?;
                    if sender == server {
                        let (round_trip, ours) = (sent.elapsed().as_secs_f64(), now());
                        let server = seconds(&buffer[..n])?;
                        return io::Result::Ok(Exchange {
                            server,
                            ours,
                            round_trip,
                        });
                    }
                }
            };
            best((0..questions).flat_map(ask).collect()).map(|best| best.offset())
        },
        "only a connected socket is told that nobody is there",
    ),
    (
        "asks until there are enough samples",
        |server, questions, timeout| {
            let mut samples = Vec::new();
            let started = Instant::now();
            for _ in 0..100 * questions {
                samples.extend(exchange_on(&socket_for(server).ok()?, timeout));
                if samples.len() == questions || started.elapsed() > Duration::from_secs(1) {
                    break;
                }
            }
            best(samples).map(|best| best.offset())
        },
        "that question is over",
    ),
    (
        "parses and hopes",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                Ok(str::from_utf8(answer).unwrap().parse().unwrap())
            })
        },
        "your function panicked at",
    ),
    (
        "takes whatever parses",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                let text = String::from_utf8_lossy(answer);
                text.parse().map_err(io::Error::other)
            })
        },
        "parse::<f64> takes more than digits and a point",
    ),
    (
        "takes whatever is finite",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                let text = String::from_utf8_lossy(answer);
                let number: f64 = text.parse().map_err(io::Error::other)?;
                if !number.is_finite() || number < 0.0 {
                    return Err(ErrorKind::InvalidData.into());
                }
                Ok(number)
            })
        },
        "parse::<f64> takes more than digits and a point",
    ),
    (
        "trims what it reads",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                seconds(answer.trim_ascii())
            })
        },
        "trim takes even more",
    ),
    (
        "reads whole seconds",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                seconds(answer).map(f64::trunc)
            })
        },
        "the fraction is missing",
    ),
    (
        "reads the fraction as microseconds",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                seconds(answer)?;
                let text = String::from_utf8_lossy(answer).into_owned();
                let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
                let number = |text: &str| text.parse::<f64>().map_err(io::Error::other);
                Ok(number(whole)? + number(fraction)? / 1e6)
            })
        },
        "is not read as a decimal fraction",
    ),
    (
        "remembers the time instead of asking for it",
        |server, questions, timeout| {
            let started = Instant::now();
            let best = best(samples(server, questions, timeout))?;
            let ours = *START + started.elapsed().as_secs_f64() - 1.0;
            Some(Exchange { ours, ..best }.offset())
        },
        "is off by",
    ),
];
