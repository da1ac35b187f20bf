//! The checks of lesson 4, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use checks::{FindOffset, Poll, Serve};
use course::exercise::{Mistake, Proof};
use jiff::Zoned;
use jiff::fmt::strtime;
use shared::any_port;
use time_sync::SECONDS;
use time_sync::contract::Offset;

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_4_1_is_proved() {
    Proof {
        check: checks::serve,
        source: SOURCE,
        exercise: "4.1",
        skeleton: exercise::serve as Serve,
        right: &[
            ("the solution", solution::serve),
            (
                "tells the formatter's reason, cut at a character",
                serve_with_reasons,
            ),
            ("writes into a buffer that has a limit", serve_into_a_buffer),
            ("has a thread that sends", serve_in_two_threads),
        ],
        mistakes: SERVE_MISTAKES,
        unseen: &[],
    }
    .holds();
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

/// The reason is jiff's own, without its control characters, and as much of it as fits.
fn serve_with_reasons(socket: &UdpSocket, requests: usize, longest: usize) {
    each(socket, requests, |request| {
        let answer = short(request)
            .and_then(format_of)
            .map_err(str::to_owned)
            .and_then(|format| {
                let answer = strtime::format(format, &Zoned::now()).map_err(|e| e.to_string())?;
                match answer.len() {
                    _ if answer == format => Err(format!("'{format}' asks for nothing")),
                    n if n > longest => Err(format!("{n} bytes")),
                    _ => Ok(answer),
                }
            });
        let answer = answer.unwrap_or_else(|reason| {
            let mut answer = String::from("error: ");
            for sign in reason.chars().filter(|sign| !sign.is_control()) {
                if answer.len() + sign.len_utf8() > longest {
                    break;
                }
                answer.push(sign);
            }
            answer
        });
        Some(answer.into_bytes())
    });
}

/// What is formatted is written into this, which has no room for more than its limit.
struct Limited {
    text: String,
    limit: usize,
}

impl fmt::Write for Limited {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.text.len() + more.len() > self.limit {
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}

fn serve_into_a_buffer(socket: &UdpSocket, requests: usize, longest: usize) {
    let mut buffer = [0; 257]; // one byte more than a request may have
    for _ in 0..requests {
        let (request, sender) = loop {
            match socket.recv_from(&mut buffer) {
                Ok((n, sender)) if !buffer[..n].starts_with(b"error: ") => {
                    break (&buffer[..n], sender);
                }
                Ok(_) => {}
                Err(_) => thread::yield_now(),
            }
        };
        let mut answer = Limited {
            text: String::new(),
            limit: longest,
        };
        let text = str::from_utf8(request)
            .ok()
            .filter(|text| text.len() <= 256);
        let format = text.filter(|text| !text.chars().any(char::is_control));
        let format = format.map(|format| if format.is_empty() { "%F %T" } else { format });
        let formatted = format.is_some_and(|format| {
            let now = strtime::BrokenDownTime::from(&Zoned::now());
            now.format(format, jiff::fmt::StdFmtWrite(&mut answer))
                .is_ok()
                && answer.text != format
        });
        let answer = if formatted { &answer.text } else { "error: no" };
        let _ = socket.send_to(answer.as_bytes(), sender);
    }
}

/// The thread in which the function was called receives; another one sends, from the same socket.
fn serve_in_two_threads(socket: &UdpSocket, requests: usize, longest: usize) {
    let (answers, to_send) = mpsc::channel::<(Vec<u8>, SocketAddr)>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for (answer, sender) in to_send {
                let _ = socket.send_to(&answer, sender);
            }
        });
        let mut answered = 0;
        while answered < requests {
            let mut buffer = vec![0; 65_507];
            let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                continue;
            };
            if !buffer[..n].starts_with(b"error: ") {
                answered += 1;
                let answer = refusable(time_for(&buffer[..n], longest)).unwrap_or_default();
                let _ = answers.send((answer, sender));
            }
        }
        drop(answers);
    });
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
        "an error of the formatter ends the loop",
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
        "the reason behind 'error: ' has no limit",
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
        "is counted as a request",
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
        "the empty request has a format of its own",
    ),
    (
        "trims the format",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                refusable(time_for(request.trim_ascii(), longest))
            });
        },
        "not trimmed",
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
        "answers from a new socket",
        |socket, requests, longest| {
            let other = UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut buffer = vec![0; 65_507];
            for _ in 0..requests {
                let (n, sender) = socket.recv_from(&mut buffer).unwrap();
                let answer = refusable(time_for(&buffer[..n], longest)).unwrap();
                let _ = other.send_to(&answer, sender);
            }
        },
        "another socket answers",
    ),
    (
        "connects with the first who asks",
        |socket, requests, longest| {
            let mut buffer = vec![0; 65_507];
            let mut answered = 0;
            while answered < requests {
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                if buffer[..n].starts_with(b"error: ") {
                    continue;
                }
                let answer = refusable(time_for(&buffer[..n], longest)).unwrap();
                let _ = socket.connect(sender).and_then(|()| socket.send(&answer));
                answered += 1;
            }
        },
        "is connected with one who asked",
    ),
    (
        "counts characters",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let text = str::from_utf8(request).map_err(|_| "not UTF-8");
                let short = text.and_then(|text| match text.chars().count() {
                    0..=256 => format_of(request),
                    _ => Err("too long"),
                });
                let answer = short.and_then(filled_in);
                refusable(answer.and_then(|answer| not_over(answer, longest)))
            });
        },
        "or characters are counted and not bytes",
    ),
    (
        "cuts its reason wherever that is",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let answer = time_for(request, longest).unwrap_or_else(|_| {
                    let request = String::from_utf8_lossy(request).replace(char::is_control, "");
                    let mut answer = format!("error: not a format: {request}");
                    answer.truncate(longest);
                    answer
                });
                Some(answer.into_bytes())
            });
        },
        "your function panicked at",
    ),
    (
        "cuts the bytes of its reason",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let answer = time_for(request, longest).unwrap_or_else(|_| {
                    let request = String::from_utf8_lossy(request).replace(char::is_control, "");
                    format!("error: not a format: {request}")
                });
                let mut answer = answer.into_bytes();
                answer.truncate(longest);
                Some(answer)
            });
        },
        "is cut inside a character",
    ),
    (
        "repeats the request as it came",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                let mut answer = match time_for(request, longest) {
                    Ok(answer) => answer.into_bytes(),
                    Err(_) => {
                        let text = str::from_utf8(request).unwrap_or("?");
                        format!("error: no format: {text}").into_bytes()
                    }
                };
                if str::from_utf8(&answer[..answer.len().min(longest)]).is_err() {
                    answer = b"error: no".to_vec();
                }
                answer.truncate(longest);
                Some(answer)
            });
        },
        "the reason repeats the request",
    ),
    (
        "adds one to the limit",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                refusable(time_for(request, longest + 1))
            });
        },
        "the length of the answer has no limit",
    ),
    (
        "has a limit of its own, too",
        |socket, requests, longest| {
            each(socket, requests, |request| {
                refusable(time_for(request, longest.min(1024)))
            });
        },
        "there is a limit besides `longest`",
    ),
    (
        "waits for a request before it counts",
        |socket, requests, longest| {
            let mut counted = 0;
            loop {
                each(socket, 1, |request| refusable(time_for(request, longest)));
                counted += 1;
                if counted >= requests {
                    break;
                }
            }
        },
        "is waited for before it is looked",
    ),
    (
        "counts what could not be received",
        |socket, requests, longest| {
            let mut buffer = vec![0; 65_507];
            for _ in 0..requests {
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                if let Some(answer) = refusable(time_for(&buffer[..n], longest)) {
                    let _ = socket.send_to(&answer, sender);
                }
            }
        },
        "a datagram that begins with 'error: '",
    ),
    #[cfg(target_os = "linux")] // elsewhere no send fails for sure
    (
        "ends when an answer cannot be sent",
        |socket, requests, longest| {
            let mut answered = 0;
            while answered < requests {
                let mut failed = false;
                let mut buffer = vec![0; 65_507];
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                if buffer[..n].starts_with(b"error: ") {
                    continue;
                }
                if let Some(answer) = refusable(time_for(&buffer[..n], longest)) {
                    failed = socket.send_to(&answer, sender).is_err();
                }
                if failed {
                    return;
                }
                answered += 1;
            }
        },
        "an error of send_to ends the loop",
    ),
    #[cfg(target_os = "linux")]
    (
        "counts only what it could send",
        |socket, requests, longest| {
            let mut answered = 0;
            while answered < requests {
                let mut buffer = vec![0; 65_507];
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                if buffer[..n].starts_with(b"error: ") {
                    continue;
                }
                let answer = refusable(time_for(&buffer[..n], longest)).unwrap();
                answered += usize::from(socket.send_to(&answer, sender).is_ok());
            }
        },
        "or what could not be answered is not counted",
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
        "an error of recv_from ends the loop",
    ),
];

#[test]
fn exercise_4_2_is_proved() {
    Proof {
        check: checks::poll,
        source: SOURCE,
        exercise: "4.2",
        skeleton: exercise::poll as Poll,
        right: &[
            ("the solution", solution::poll),
            ("has a thread for each question", poll_in_threads),
            (
                "looks at all its sockets each few milliseconds",
                poll_by_looking,
            ),
            (
                "counts beats from the beginning, and connects with nobody",
                poll_unconnected,
            ),
        ],
        mistakes: POLL_MISTAKES,
        unseen: &[],
    }
    .holds();
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

/// Each thread waits until its question is due, and for its answer.
fn poll_in_threads(
    server: SocketAddr,
    question: &str,
    questions: usize,
    beat: Duration,
    timeout: Duration,
) -> Answers {
    let start = Instant::now();
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut due = start;
        for _ in 0..questions {
            sleep_until(due);
            let ask = move || ask_by(&socket_for(server).ok()?, server, question, due + timeout);
            threads.push(scope.spawn(ask));
            due += beat;
        }
        let join = |thread: thread::ScopedJoinHandle<_>| thread.join().expect("it does not panic");
        threads.into_iter().map(join).collect()
    })
}

type Answers = Vec<Option<Vec<u8>>>;

/// One question on a socket that is connected or not.
fn ask_by(
    socket: &UdpSocket,
    server: SocketAddr,
    question: &str,
    deadline: Instant,
) -> Option<Vec<u8>> {
    socket
        .send_to(question.as_bytes(), server)
        .ok()
        .or_else(|| socket.send(question.as_bytes()).ok())?;
    let mut buffer = vec![0; 65_507];
    loop {
        let left = deadline.checked_duration_since(Instant::now())?;
        socket
            .set_read_timeout(Some(left.max(Duration::from_nanos(1))))
            .ok()?;
        match socket.recv_from(&mut buffer) {
            Ok((n, sender)) if sender == server => return Some(buffer[..n].to_vec()),
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => return None,
            _ => {}
        }
    }
}

fn poll_unconnected(
    server: SocketAddr,
    question: &str,
    questions: usize,
    beat: Duration,
    timeout: Duration,
) -> Answers {
    let start = Instant::now();
    let ask = |number| {
        let due = start + beat * number;
        sleep_until(due);
        ask_by(
            &UdpSocket::bind(any_port(server)).ok()?,
            server,
            question,
            due + timeout,
        )
    };
    (0..).map(ask).take(questions).collect()
}

/// One thread, which sends what is due and looks whether something has come.
fn poll_by_looking(
    server: SocketAddr,
    question: &str,
    questions: usize,
    beat: Duration,
    timeout: Duration,
) -> Answers {
    let mut due = Instant::now();
    let mut answers = vec![None; questions];
    let mut waiting: VecDeque<(usize, Instant, UdpSocket)> = VecDeque::new();
    let mut next = 0;
    let mut buffer = vec![0; 65_507];
    while next < questions || !waiting.is_empty() {
        if next < questions && Instant::now() >= due {
            let send = || {
                let socket = socket_for(server)?;
                socket.set_nonblocking(true)?;
                socket.send(question.as_bytes())?;
                io::Result::Ok(socket)
            };
            waiting.extend(send().ok().map(|socket| (next, due + timeout, socket)));
            (next, due) = (next + 1, due + beat);
        }
        waiting.retain(
            |(number, deadline, socket)| match socket.recv(&mut buffer) {
                Ok(n) => {
                    answers[*number] = Some(buffer[..n].to_vec());
                    false
                }
                Err(e) => e.kind() == ErrorKind::WouldBlock && Instant::now() < *deadline,
            },
        );
        thread::sleep(Duration::from_micros(300));
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
        "is taken for the answer to another question",
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
        "is taken for the answer to another question",
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
        "is taken for the answer to another question",
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
        "or a quick answer, makes the next one leave before",
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
        "a question is sent again, after its timeout",
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
        "sleeps for what is left of a beat",
        |server, question, questions, beat, timeout| {
            let mut answers = Vec::new();
            for number in 0..questions {
                let started = Instant::now();
                answers.push(ask_server(server, question, timeout).ok());
                if number + 1 < questions {
                    thread::sleep(beat.saturating_sub(started.elapsed()));
                }
            }
            answers
        },
        "or a sleep is always a little longer",
    ),
    #[cfg(target_os = "linux")] // elsewhere the quick beat is left out
    (
        "sleeps for what is left, counted from when it woke",
        |server, question, questions, beat, timeout| {
            let mut answers = Vec::new();
            let mut due = Instant::now();
            for _ in 0..questions {
                sleep_until(due);
                let woke = Instant::now();
                let deadline = due + timeout;
                let socket = socket_for(server);
                answers.push(
                    socket
                        .ok()
                        .and_then(|s| ask_by(&s, server, question, deadline)),
                );
                due = woke + beat;
            }
            answers
        },
        "or a sleep is always a little longer",
    ),
    (
        "counts the timeout from when the question was sent",
        |server, question, questions, beat, timeout| {
            let mut due = Instant::now();
            let mut answers = Vec::new();
            for _ in 0..questions {
                sleep_until(due);
                let deadline = Instant::now() + timeout;
                let socket = socket_for(server);
                answers.push(
                    socket
                        .ok()
                        .and_then(|s| ask_by(&s, server, question, deadline)),
                );
                due += beat;
            }
            answers
        },
        "the moments between a timeout and the next question add up",
    ),
    (
        "takes an empty answer for silence",
        |server, question, questions, beat, timeout| {
            let answers = solution::poll(server, question, questions, beat, timeout);
            let full = |answer: Option<Vec<u8>>| answer.filter(|answer| !answer.is_empty());
            answers.into_iter().map(full).collect()
        },
        "a length of 0 is no silence",
    ),
    (
        "has room for 1,500 bytes",
        |server, question, questions, beat, timeout| {
            let mut answers = solution::poll(server, question, questions, beat, timeout);
            answers
                .iter_mut()
                .flatten()
                .for_each(|answer| answer.truncate(1500));
            answers
        },
        "an answer is any bytes",
    ),
    (
        "takes an answer for text",
        |server, question, questions, beat, timeout| {
            let answers = solution::poll(server, question, questions, beat, timeout);
            let text = |answer: Option<Vec<u8>>| String::from_utf8(answer?).ok();
            answers
                .into_iter()
                .map(|answer| text(answer).map(String::into_bytes))
                .collect()
        },
        "an answer is any bytes",
    ),
    (
        "starts the timeout anew for each datagram",
        |server, question, questions, beat, timeout| {
            at_each(questions, beat, || {
                let socket = UdpSocket::bind(any_port(server))?;
                socket.set_read_timeout(Some(timeout))?;
                socket.send_to(question.as_bytes(), server)?;
                let mut buffer = vec![0; 65_507];
                loop {
                    let (n, sender) = socket.recv_from(&mut buffer)?;
                    if sender == server {
                        return Ok(buffer[..n].to_vec());
                    }
                }
            })
        },
        "starts the timeout anew",
    ),
    (
        "knows IPv4 only",
        |server, question, questions, beat, timeout| match server {
            SocketAddr::V4(_) => solution::poll(server, question, questions, beat, timeout),
            SocketAddr::V6(_) => vec![None; questions],
        },
        "of the other family",
    ),
    (
        "waits for half of the timeout",
        |server, question, questions, beat, timeout| {
            solution::poll(server, question, questions, beat, timeout / 2)
        },
        "a question is given up before its timeout",
    ),
    (
        "asks once more than it should",
        |server, question, questions, beat, timeout| {
            let mut answers = solution::poll(server, question, questions + 1, beat, timeout);
            answers.pop();
            answers
        },
        "one question more is sent",
    ),
    (
        "sends each question twice",
        |server, question, questions, beat, timeout| {
            at_each(questions, beat, || {
                let socket = socket_for(server)?;
                if timeout < Duration::from_secs(1) {
                    socket.send(question.as_bytes())?;
                }
                ask(&socket, question, timeout)
            })
        },
        "a question is sent again",
    ),
    (
        "spins until the next beat",
        |server, question, questions, beat, timeout| {
            let mut due = Instant::now();
            let mut answers = Vec::new();
            for _ in 0..questions {
                while Instant::now() < due {
                    std::hint::spin_loop();
                }
                let socket = socket_for(server);
                answers.push(
                    socket
                        .ok()
                        .and_then(|s| ask_by(&s, server, question, due + timeout)),
                );
                due += beat;
            }
            answers
        },
        "asked again and again",
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
    Proof {
        check: checks::offset,
        source: SOURCE,
        exercise: "4.3",
        skeleton: exercise::offset as FindOffset,
        right: &[
            ("the solution", solution::offset),
            (
                "folds, and reads whole and fraction as integers",
                offset_of_integers,
            ),
            ("has a thread that receives", offset_in_threads),
            ("goes through the characters", offset_by_characters),
        ],
        mistakes: OFFSET_MISTAKES,
        unseen: &[],
    }
    .holds();
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

/// Nanoseconds in integers; the best so far goes through the loop.
fn offset_of_integers(server: SocketAddr, questions: usize, timeout: Duration) -> Option<Offset> {
    let nanos = |answer: &[u8]| -> Option<i128> {
        let text = str::from_utf8(answer).ok()?;
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let is_number = |text: &str, most| {
            !text.is_empty() && text.len() <= most && text.chars().all(|c| c.is_ascii_digit())
        };
        if !is_number(whole, 12) || !fraction.is_none_or(|fraction| is_number(fraction, 9)) {
            return None;
        }
        let fraction = format!("{:0<9}", fraction.unwrap_or("0"));
        Some(whole.parse::<i128>().ok()? * 1_000_000_000 + fraction.parse::<i128>().ok()?)
    };
    let mut best: Option<(Duration, i128)> = None;
    for _ in 0..questions {
        let Ok(socket) = socket_for(server) else {
            continue;
        };
        let sent = Instant::now();
        let Some(answer) = ask_by(&socket, server, SECONDS, sent + timeout) else {
            continue;
        };
        let round_trip = sent.elapsed();
        let ours = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let Some(theirs) = nanos(&answer) else {
            continue;
        };
        let ahead = theirs + round_trip.as_nanos() as i128 / 2 - ours.as_nanos() as i128;
        best = match best {
            Some(best) if best.0 <= round_trip => Some(best),
            _ => Some((round_trip, ahead)),
        };
    }
    let (round_trip, ahead) = best?;
    Some(Offset {
        ahead: ahead as f64 / 1e9,
        error: round_trip.as_secs_f64() / 2.0,
    })
}

/// A thread of its own takes both clocks when something comes.
fn offset_in_threads(server: SocketAddr, questions: usize, timeout: Duration) -> Option<Offset> {
    let mut offsets: Vec<Offset> = Vec::new();
    for _ in 0..questions {
        let Ok(socket) = socket_for(server) else {
            continue;
        };
        let receiver = socket.try_clone().ok()?;
        let _ = receiver.set_read_timeout(Some(timeout));
        let waits = thread::spawn(move || {
            let came = receive(&receiver);
            (came, Instant::now(), now())
        });
        let sent = Instant::now();
        let _ = socket.send(SECONDS.as_bytes());
        let (came, arrived, ours) = waits.join().ok()?;
        if let Ok(server) = came.and_then(|answer| seconds(&answer)) {
            let round_trip = (arrived - sent).as_secs_f64();
            offsets.push(
                Exchange {
                    server,
                    ours,
                    round_trip,
                }
                .offset(),
            );
        }
    }
    offsets.sort_by(|a, b| a.error.total_cmp(&b.error));
    offsets.first().copied()
}

fn offset_by_characters(server: SocketAddr, questions: usize, timeout: Duration) -> Option<Offset> {
    reading(server, questions, timeout, |answer| {
        let (mut number, mut digits, mut unit) = (0.0, 0, 1.0);
        let mut fraction = false;
        for &byte in answer {
            match byte {
                b'0'..=b'9' if !fraction && digits < 12 => {
                    number = number * 10.0 + f64::from(byte - b'0')
                }
                b'0'..=b'9' if fraction && digits < 9 => {
                    unit /= 10.0;
                    number += f64::from(byte - b'0') * unit;
                }
                b'.' if !fraction && digits > 0 => {
                    (fraction, digits) = (true, 0);
                    continue;
                }
                _ => return Err(ErrorKind::InvalidData.into()),
            }
            digits += 1;
        }
        if digits == 0 {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(number)
    })
}

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
        "the whole round trip is taken for the error",
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
        "wants a fraction",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                match answer.contains(&b'.') {
                    true => seconds(answer),
                    false => Err(ErrorKind::InvalidData.into()),
                }
            })
        },
        "a time may have no fraction",
    ),
    (
        "takes six digits of a fraction at most",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                match answer.iter().rev().position(|&byte| byte == b'.') {
                    Some(7..) => Err(ErrorKind::InvalidData.into()),
                    _ => seconds(answer),
                }
            })
        },
        "and one of up to nine digits",
    ),
    (
        "takes ten digits of seconds only",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                match answer
                    .iter()
                    .position(|&byte| byte == b'.')
                    .unwrap_or(answer.len())
                {
                    10 => seconds(answer),
                    _ => Err(ErrorKind::InvalidData.into()),
                }
            })
        },
        "up to twelve digits before",
    ),
    (
        "keeps seven digits",
        |server, questions, timeout| {
            reading(server, questions, timeout, |answer| {
                Ok(f64::from(seconds(answer)? as f32))
            })
        },
        "the number is kept in an f32",
    ),
    (
        "goes on waiting after a bad answer",
        |server, questions, timeout| {
            let ask = |_| {
                let socket = socket_for(server)?;
                socket.set_read_timeout(Some(timeout))?;
                let sent = Instant::now();
                socket.send(SECONDS.as_bytes())?;
                loop {
                    let answer = receive(&socket)?;
                    let (round_trip, ours) = (sent.elapsed().as_secs_f64(), now());
                    if let Ok(server) = seconds(&answer) {
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
        "that question is over",
    ),
    (
        "starts the timeout anew for each datagram",
        |server, questions, timeout| {
            let ask = |_| {
                let nobody = socket_for(server)?; // to hear that nobody is there
                nobody.set_read_timeout(Some(Duration::from_millis(1)))?;
                let socket = UdpSocket::bind(any_port(server))?;
                socket.set_read_timeout(Some(timeout))?;
                if timeout > Duration::from_secs(1) {
                    return exchange_on(&nobody, timeout);
                }
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
        "starts the timeout anew",
    ),
    (
        "reports an error of zero when there is no sample",
        |server, questions, timeout| {
            let offset = solution::offset(server, questions, timeout);
            Some(offset.unwrap_or(Offset {
                ahead: 0.0,
                error: 0.0,
            }))
        },
        "without a sample nothing is known",
    ),
    (
        "gives the whole round trip as the error",
        |server, questions, timeout| {
            let offset = solution::offset(server, questions, timeout)?;
            Some(Offset {
                error: 2.0 * offset.error,
                ..offset
            })
        },
        "the whole round trip is taken for the error",
    ),
    (
        "asks once more than it should",
        |server, questions, timeout| solution::offset(server, questions + 1, timeout),
        "more questions are sent",
    ),
    (
        "knows IPv4 only",
        |server, questions, timeout| match server {
            SocketAddr::V4(_) => solution::offset(server, questions, timeout),
            SocketAddr::V6(_) => None,
        },
        "of the other family",
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
        "is taken for the answer to another question",
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
    #[cfg(target_os = "linux")] // elsewhere such a socket may be told, too
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
        "more questions are sent",
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
        "the arrival is not when the answer came",
    ),
];
