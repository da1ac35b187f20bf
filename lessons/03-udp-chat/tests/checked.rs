//! The checks of lesson 3, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#![allow(clippy::unwrap_used)] // one of the mistakes

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::io::{self, ErrorKind, LineWriter, Write};
use std::iter;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use checks::answer::Answer;
use checks::converse::Converse;
use checks::watch::Watch;
use course::exercise::{Mistake, Proof, Right};
use shared::any_port;
use udp_chat::contract::Reply;

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_3_1_is_proved() {
    Proof {
        check: checks::answer::answer,
        source: SOURCE,
        exercise: "3.1",
        skeleton: exercise::answer as Answer,
        right: RIGHT_ANSWERS,
        mistakes: ANSWER_MISTAKES,
        unseen: &[
            #[cfg(not(target_os = "linux"))]
            (
                "When `send_to` fails",
                "the check can make it fail only on Linux",
            ),
        ],
    }
    .holds();
}

/// Receives so many datagrams, which is right, and does something with each.
fn each(socket: &UdpSocket, datagrams: usize, mut act: impl FnMut(&[u8], SocketAddr)) {
    let mut buffer = vec![0; 65_507];
    for _ in 0..datagrams {
        loop {
            if let Ok((n, sender)) = socket.recv_from(&mut buffer) {
                act(&buffer[..n], sender);
                break;
            }
        }
    }
}

const RIGHT_ANSWERS: &[Right<Answer>] = &[
    ("the solution", solution::answer),
    ("a for loop, and an array of 64 KiB", |socket, datagrams| {
        let mut buffer = [0; 65_536];
        for _ in 0..datagrams {
            let (n, sender) = loop {
                match socket.recv_from(&mut buffer) {
                    Ok(received) => break received,
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            };
            let _ = socket.send_to(&buffer[..n], sender);
        }
    }),
    ("an iterator of datagrams", |socket, datagrams| {
        let received = iter::repeat_with(|| {
            let mut buffer = vec![0; 65_507];
            let (n, sender) = socket.recv_from(&mut buffer).ok()?;
            buffer.truncate(n);
            Some((buffer, sender))
        });
        for (datagram, sender) in received.flatten().take(datagrams) {
            let _ = socket.send_to(&datagram, sender);
        }
    }),
    (
        "a thread that receives, and clones of the socket",
        |socket, datagrams| {
            let (receiver, sender) = (socket.try_clone().unwrap(), socket.try_clone().unwrap());
            let (letters, queue) = mpsc::sync_channel::<(Vec<u8>, SocketAddr)>(0);
            let (done, next) = mpsc::channel();
            thread::scope(|scope| {
                scope.spawn(move || {
                    let mut buffer = vec![0; 100_000];
                    for _ in 0..datagrams {
                        let letter = loop {
                            if let Ok((n, from)) = receiver.recv_from(&mut buffer) {
                                break (buffer[..n].to_vec(), from);
                            }
                        };
                        if letters.send(letter).is_err() || next.recv().is_err() {
                            return;
                        }
                    }
                });
                for (letter, from) in queue {
                    let _ = sender.send_to(&letter, from);
                    let _ = done.send(());
                }
            });
        },
    ),
];

const ANSWER_MISTAKES: &[Mistake<Answer>] = &[
    (
        "counts datagrams in two bytes",
        |socket, datagrams| solution::answer(socket, usize::from(datagrams as u16)),
        "the number overflows or is made smaller",
    ),
    (
        "answers what comes twice only once",
        |socket, datagrams| {
            let mut last = None;
            each(socket, datagrams, |datagram, sender| {
                let this = Some((datagram.to_vec(), sender));
                if this != last {
                    let _ = socket.send_to(datagram, sender);
                }
                last = this;
            });
        },
        "the same bytes as the one before is not answered",
    ),
    (
        "answers only IPv4",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                if sender.is_ipv4() {
                    let _ = socket.send_to(datagram, sender);
                }
            });
        },
        "only a sender with an IPv4 address",
    ),
    (
        "answers from a new socket",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                if let Ok(new) = UdpSocket::bind("127.0.0.1:0") {
                    let _ = new.send_to(datagram, sender);
                }
            });
        },
        "the answer is sent from another socket",
    ),
    (
        "has a buffer without a length",
        |socket, datagrams| {
            let mut buffer = Vec::with_capacity(65_507);
            for _ in 0..datagrams {
                if let Ok((n, sender)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer[..n], sender);
                }
            }
        },
        "Vec::with_capacity makes one of length 0",
    ),
    (
        "has no room for the longest",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                let n = datagram.len().min(65_506);
                let _ = socket.send_to(&datagram[..n], sender);
            });
        },
        "the buffer is too short",
    ),
    (
        "answers twice",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                let _ = socket.send_to(datagram, sender);
                let _ = socket.send_to(datagram, sender);
            });
        },
        "a datagram is answered twice",
    ),
    (
        "waits whether more comes",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                thread::sleep(Duration::from_millis(250));
                let _ = socket.send_to(datagram, sender);
            });
        },
        "each answer waits for a while",
    ),
    (
        "receives before it looks at the number",
        |socket, datagrams| {
            let mut buffer = vec![0; 65_507];
            let mut answered = 0;
            loop {
                if let Ok((n, sender)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer[..n], sender);
                    answered += 1;
                }
                if answered >= datagrams {
                    return;
                }
            }
        },
        "before the number is looked at",
    ),
    #[cfg(target_os = "linux")]
    (
        "sends until it works",
        |socket, datagrams| {
            let mut tries = 0..2000; // the real mistake has no end
            each(socket, datagrams, |datagram, sender| {
                while socket.send_to(datagram, sender).is_err() && tries.next().is_some() {
                    thread::sleep(Duration::from_millis(5));
                }
            });
        },
        "send_to is tried again",
    ),
    (
        "gives up after ten errors",
        |socket, datagrams| {
            let mut buffer = vec![0; 65_507];
            let (mut answered, mut errors) = (0, 0);
            while answered < datagrams && errors < 10 {
                match socket.recv_from(&mut buffer) {
                    Ok((n, sender)) => {
                        let _ = socket.send_to(&buffer[..n], sender);
                        answered += 1;
                    }
                    Err(_) => {
                        errors += 1;
                        thread::sleep(Duration::from_millis(5));
                    }
                }
            }
        },
        "an error of recv_from ends the loop",
    ),
    #[cfg(target_os = "linux")]
    (
        "knows only timeouts",
        |socket, datagrams| {
            let mut buffer = vec![0; 65_507];
            let mut answered = 0;
            while answered < datagrams {
                match socket.recv_from(&mut buffer) {
                    Ok((n, sender)) => {
                        let _ = socket.send_to(&buffer[..n], sender);
                        answered += 1;
                    }
                    Err(error) if is_timeout(&error) => {}
                    Err(_) => return,
                }
            }
        },
        "an error of recv_from ends the loop",
    ),
    #[cfg(target_os = "linux")]
    (
        "does not count what it could not send",
        |socket, datagrams| {
            let mut answered = 0;
            while answered < datagrams {
                each(socket, 1, |datagram, sender| {
                    answered += usize::from(socket.send_to(datagram, sender).is_ok());
                });
            }
        },
        "whose answer could not be sent is not counted",
    ),
    #[cfg(target_os = "linux")]
    (
        "ends when it cannot send",
        |socket, datagrams| {
            let mut ended = false;
            let mut answered = 0;
            while answered < datagrams && !ended {
                each(socket, 1, |datagram, sender| {
                    ended = socket.send_to(datagram, sender).is_err();
                });
                answered += 1;
            }
        },
        "an error of send_to ends the loop",
    ),
    (
        "answers the first sender",
        |socket, datagrams| {
            let mut first = None;
            each(socket, datagrams, |datagram, sender| {
                let first = *first.get_or_insert(sender);
                let _ = socket.send_to(datagram, first);
            });
        },
        "the answer goes to a fixed address",
    ),
    (
        "connects with the first sender",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                let _ = socket.connect(sender);
                let _ = socket.send(datagram);
            });
        },
        "the socket was connected with another one",
    ),
    #[cfg(target_os = "linux")]
    (
        "answers the port on this machine",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                let _ = socket.send_to(datagram, ("127.0.0.1", sender.port()));
            });
        },
        "only the port is taken from the sender's address",
    ),
    (
        "answers when all have come",
        |socket, datagrams| {
            let mut all = Vec::new();
            each(socket, datagrams, |datagram, sender| {
                all.push((datagram.to_vec(), sender));
            });
            for (datagram, sender) in all {
                let _ = socket.send_to(&datagram, sender);
            }
        },
        "the answers are kept until more datagrams have come",
    ),
    (
        "empties the queue, then answers the last sender",
        |socket, datagrams| {
            let mut buffer = vec![0; 65_507];
            let mut answered = 0;
            while answered < datagrams {
                let _ = socket.set_nonblocking(false);
                let Ok((n, mut last)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let mut queue = vec![buffer[..n].to_vec()];
                thread::sleep(Duration::from_millis(20)); // until more may have come
                let _ = socket.set_nonblocking(true);
                while let Ok((n, sender)) = socket.recv_from(&mut buffer) {
                    queue.push(buffer[..n].to_vec());
                    last = sender;
                }
                for datagram in queue {
                    let _ = socket.send_to(&datagram, last);
                    answered += 1;
                }
            }
        },
        "not of the last one",
    ),
    (
        "ends with the empty datagram",
        |socket, datagrams| {
            let mut buffer = vec![0; 65_507];
            let mut answered = 0;
            while answered < datagrams {
                match socket.recv_from(&mut buffer) {
                    Ok((0, _)) => return,
                    Ok((n, sender)) => {
                        let _ = socket.send_to(&buffer[..n], sender);
                        answered += 1;
                    }
                    Err(_) => {}
                }
            }
        },
        "a length of 0 is taken for the end",
    ),
    (
        "leaves the empty datagram out",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                if !datagram.is_empty() {
                    let _ = socket.send_to(datagram, sender);
                }
            });
        },
        "a length of 0 is taken for the end, or for nothing",
    ),
    (
        "does not count the empty datagram",
        |socket, datagrams| {
            let mut answered = 0;
            while answered < datagrams {
                each(socket, 1, |datagram, sender| {
                    let _ = socket.send_to(datagram, sender);
                    answered += usize::from(!datagram.is_empty());
                });
            }
        },
        "the empty datagram is not counted",
    ),
    (
        "has a short buffer",
        |socket, datagrams| {
            let mut buffer = [0; 1024];
            let mut answered = 0;
            while answered < datagrams {
                if let Ok((n, sender)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer[..n], sender);
                    answered += 1;
                }
            }
        },
        "the rest of a longer datagram is lost",
    ),
    (
        "sends in pieces that fit into a packet",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                if datagram.is_empty() {
                    let _ = socket.send_to(datagram, sender);
                }
                for piece in datagram.chunks(1472) {
                    let _ = socket.send_to(piece, sender);
                }
            });
        },
        "the answer goes back in pieces",
    ),
    (
        "sends the whole buffer",
        |socket, datagrams| {
            let mut buffer = [0; 1024];
            let mut answered = 0;
            while answered < datagrams {
                if let Ok((_, sender)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer, sender);
                    answered += 1;
                }
            }
        },
        "more than the n bytes that were received",
    ),
    (
        "takes bytes for text",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                let text = String::from_utf8_lossy(datagram);
                let _ = socket.send_to(text.as_bytes(), sender);
            });
        },
        "the bytes are taken for text",
    ),
    (
        "trims the text",
        |socket, datagrams| {
            each(socket, datagrams, |datagram, sender| {
                let _ = socket.send_to(datagram.trim_ascii(), sender);
            });
        },
        "the text is trimmed",
    ),
    (
        "ends at an error",
        |socket, datagrams| {
            let answer_all = || -> io::Result<()> {
                let mut buffer = vec![0; 65_507];
                for _ in 0..datagrams {
                    let (n, sender) = socket.recv_from(&mut buffer)?;
                    socket.send_to(&buffer[..n], sender)?;
                }
                Ok(())
            };
            let _ = answer_all();
        },
        "an error of recv_from ends the loop",
    ),
    (
        "counts an error",
        |socket, datagrams| {
            let mut buffer = vec![0; 65_507];
            for _ in 0..datagrams {
                if let Ok((n, sender)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer[..n], sender);
                }
            }
        },
        "is counted as a datagram",
    ),
    (
        "unwraps",
        |socket, datagrams| {
            let mut buffer = vec![0; 65_507];
            for _ in 0..datagrams {
                let (n, sender) = socket.recv_from(&mut buffer).unwrap();
                socket.send_to(&buffer[..n], sender).unwrap();
            }
        },
        "your function panicked at",
    ),
    #[cfg(target_os = "linux")]
    (
        "asks again and again",
        |socket, datagrams| {
            let _ = socket.set_nonblocking(true);
            let mut buffer = vec![0; 65_507];
            let mut answered = 0;
            let started = Instant::now(); // this test has other things to do as well
            while answered < datagrams && started.elapsed() < Duration::from_secs(1) {
                if let Ok((n, sender)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer[..n], sender);
                    answered += 1;
                }
            }
        },
        "asked again and again",
    ),
];

#[test]
fn exercise_3_2_is_proved() {
    Proof {
        check: checks::converse::converse,
        source: SOURCE,
        exercise: "3.2",
        skeleton: exercise::converse as Converse,
        right: RIGHT_CONVERSES,
        mistakes: CONVERSE_MISTAKES,
        unseen: &[
            (
                "Nor is it what a stranger sent before",
                "between bind and connect lie some microseconds, which no stranger of the check can hit",
            ),
            #[cfg(not(target_os = "linux"))]
            ("Does not use the processor", "only Linux tells whether a thread sleeps"),
        ],
    }
    .holds();
}

/// A socket that speaks with the contact, which is right.
fn socket_for(contact: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(any_port(contact))?;
    socket.connect(contact)?;
    Ok(socket)
}

fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 65_507];
    let n = socket.recv(&mut buffer)?;
    buffer.truncate(n);
    Ok(buffer)
}

fn exchange(socket: &UdpSocket, text: &[u8], timeout: Duration) -> io::Result<Vec<u8>> {
    socket.send(text)?;
    socket.set_read_timeout(Some(timeout))?;
    receive(socket)
}

fn reply(result: io::Result<Vec<u8>>) -> Reply {
    match result {
        Ok(bytes) => Reply::Answer(bytes),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Reply::Silence,
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Reply::NobodyThere,
            _ => Reply::Failed(error),
        },
    }
}

/// Asks for each text in some way.
fn for_each(texts: &[&[u8]], mut ask: impl FnMut(&[u8]) -> io::Result<Vec<u8>>) -> Vec<Reply> {
    texts.iter().map(|text| reply(ask(text))).collect()
}

/// Waits for the contact's datagram on a socket that is not connected, which is right.
fn receive_from(socket: &UdpSocket, contact: SocketAddr, timeout: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + timeout;
    let mut buffer = vec![0; 65_507];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let (n, sender) = socket.recv_from(&mut buffer)?;
        if sender == contact {
            buffer.truncate(n);
            return Ok(buffer);
        }
    }
}

const RIGHT_CONVERSES: &[Right<Converse>] = &[
    ("the solution", solution::converse),
    (
        "recv on a connected socket, and a loop with labels",
        |contact, texts, timeout| {
            let mut became = Vec::with_capacity(texts.len());
            let mut buffer = [0; 65_536];
            'texts: for text in texts {
                let socket = match socket_for(contact).and_then(|s| s.send(text).map(|_| s)) {
                    Ok(socket) => socket,
                    Err(error) => {
                        became.push(reply(Err(error)));
                        continue 'texts;
                    }
                };
                let end = Instant::now() + timeout;
                loop {
                    let left = end.saturating_duration_since(Instant::now());
                    if left < Duration::from_micros(1) {
                        became.push(Reply::Silence);
                        continue 'texts;
                    }
                    let _ = socket.set_read_timeout(Some(left));
                    match socket.recv(&mut buffer) {
                        Err(error) if is_timeout(&error) => {}
                        result => {
                            became.push(reply(result.map(|n| buffer[..n].to_vec())));
                            continue 'texts;
                        }
                    }
                }
            }
            became
        },
    ),
    (
        "a thread for each text, and a channel with a timeout",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = socket_for(contact)?;
                let ear = socket.try_clone()?;
                let (tell, told) = mpsc::channel();
                socket.send(text)?;
                thread::spawn(move || tell.send(receive(&ear)));
                told.recv_timeout(timeout)
                    .unwrap_or(Err(ErrorKind::TimedOut.into()))
            })
        },
    ),
    (
        "a socket that does not block, asked each millisecond",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = socket_for(contact)?;
                socket.set_nonblocking(true)?;
                socket.send(text)?;
                let since = Instant::now();
                loop {
                    match receive(&socket) {
                        Err(error) if is_timeout(&error) && since.elapsed() < timeout => {
                            thread::sleep(Duration::from_millis(1));
                        }
                        result => return result,
                    }
                }
            })
        },
    ),
];

const CONVERSE_MISTAKES: &[Mistake<Converse>] = &[
    (
        "gives up the contact when nobody is there",
        |contact, texts, timeout| {
            let mut became: Vec<Reply> = Vec::new();
            for text in texts {
                if matches!(became.last(), Some(Reply::NobodyThere)) {
                    became.push(Reply::NobodyThere);
                } else {
                    became.extend(solution::converse(contact, &[text], timeout));
                }
            }
            became
        },
        "after NobodyThere no further text is sent",
    ),
    (
        "makes the error anew from its kind",
        |contact, texts, timeout| {
            let became = solution::converse(contact, texts, timeout).into_iter();
            let anew = |reply| match reply {
                Reply::Failed(error) => Reply::Failed(error.kind().into()),
                other => other,
            };
            became.map(anew).collect()
        },
        "what send fails with is dropped, or replaced",
    ),
    (
        "wants a text",
        |contact, texts, timeout| {
            let mut became = solution::converse(contact, &texts[..1], timeout);
            became.extend(solution::converse(contact, &texts[1..], timeout));
            became
        },
        "your function panicked at",
    ),
    (
        "writes to another port",
        |contact, texts, timeout| {
            let other = SocketAddr::new(contact.ip(), contact.port() ^ 1);
            solution::converse(other, texts, timeout.min(Duration::from_secs(1)))
        },
        "to another address than the contact's",
    ),
    (
        "trims texts",
        |contact, texts, timeout| {
            let texts: Vec<&[u8]> = texts.iter().map(|text| text.trim_ascii()).collect();
            solution::converse(contact, &texts, timeout)
        },
        "a text is changed",
    ),
    (
        "returns the last reply first",
        |contact, texts, timeout| {
            let mut replies = solution::converse(contact, texts, timeout);
            replies.reverse();
            replies
        },
        "the buffer is too short", // the first answer is the long one
    ),
    (
        "takes answers for text",
        |contact, texts, timeout| {
            let mut replies = solution::converse(contact, texts, timeout);
            for reply in &mut replies {
                if let Reply::Answer(bytes) = reply {
                    *bytes = String::from_utf8_lossy(bytes).into_owned().into_bytes();
                }
            }
            replies
        },
        "the answer is taken for text",
    ),
    (
        "adds a line end to each answer",
        |contact, texts, timeout| {
            let mut replies = solution::converse(contact, texts, timeout);
            if let Some(Reply::Answer(bytes)) = replies.last_mut() {
                bytes.push(b'\n');
            }
            replies
        },
        "something else than the bytes of the answer",
    ),
    (
        "has an error of its own",
        |contact, texts, timeout| {
            let mut replies = solution::converse(contact, texts, timeout);
            for reply in &mut replies {
                if let Reply::Failed(error) = reply {
                    *error = io::Error::other("too long");
                }
            }
            replies
        },
        "what send fails with is dropped, or replaced",
    ),
    (
        "does not know that nobody is there",
        |contact, texts, timeout| {
            let mut replies = solution::converse(contact, texts, timeout);
            for reply in &mut replies {
                if let Reply::NobodyThere = reply {
                    *reply = Reply::Failed(ErrorKind::ConnectionRefused.into());
                }
            }
            replies
        },
        "the kind ConnectionRefused is not looked for",
    ),
    (
        "waits for half the time",
        |contact, texts, timeout| solution::converse(contact, texts, timeout / 2),
        "a text is given up too early",
    ),
    (
        "has no timeout",
        |contact, texts, _| {
            for_each(texts, |text| {
                let socket = socket_for(contact)?;
                socket.send(text)?;
                receive(&socket)
            })
        },
        "there is no timeout",
    ),
    (
        "has one socket for all texts",
        |contact, texts, timeout| {
            let Ok(socket) = socket_for(contact) else {
                return Vec::new();
            };
            for_each(texts, |text| exchange(&socket, text, timeout))
        },
        "an answer to an earlier text is taken for the answer to a later one",
    ),
    (
        "empties the socket before each text",
        |contact, texts, timeout| {
            let Ok(socket) = socket_for(contact) else {
                return Vec::new();
            };
            for_each(texts, |text| {
                socket.set_nonblocking(true)?;
                while receive(&socket).is_ok() {}
                socket.set_nonblocking(false)?;
                exchange(&socket, text, timeout)
            })
        },
        "Emptying the socket before each text does not help",
    ),
    (
        "takes a new socket only after a silence",
        |contact, texts, timeout| {
            let mut open = None;
            for_each(texts, |text| {
                let socket = match open.take() {
                    Some(socket) => socket,
                    None => socket_for(contact)?,
                };
                let answer = exchange(&socket, text, timeout)?;
                open = Some(socket);
                Ok(answer)
            })
        },
        "an answer to an earlier text is taken",
    ),
    (
        "takes two sockets by turns",
        |contact, texts, timeout| {
            let two = [socket_for(contact), socket_for(contact)];
            let mut turn = 0;
            for_each(texts, |text| {
                turn += 1;
                let Ok(socket) = &two[turn % 2] else {
                    return Err(ErrorKind::AddrInUse.into());
                };
                socket.set_nonblocking(true)?;
                while receive(socket).is_ok() {}
                socket.set_nonblocking(false)?;
                exchange(socket, text, timeout)
            })
        },
        "an answer to an earlier text is taken",
    ),
    (
        "ends when nobody is there",
        |contact, texts, timeout| {
            let mut replies = Vec::new();
            for text in texts {
                let result = socket_for(contact).and_then(|s| exchange(&s, text, timeout));
                replies.push(reply(result));
                if let Some(Reply::NobodyThere) = replies.last() {
                    break;
                }
            }
            replies
        },
        "ends the loop",
    ),
    (
        "leaves out what has no answer",
        |contact, texts, timeout| {
            let mut replies =
                for_each(texts, |text| exchange(&socket_for(contact)?, text, timeout));
            replies.retain(|reply| matches!(reply, Reply::Answer(_)));
            replies
        },
        "is left out",
    ),
    (
        "ends at a text that is too long",
        |contact, texts, timeout| {
            let mut replies = Vec::new();
            for text in texts {
                match socket_for(contact).and_then(|s| exchange(&s, text, timeout)) {
                    Err(error) if reply_is_failed(&error) => {
                        replies.push(Reply::Failed(error));
                        return replies;
                    }
                    result => replies.push(reply(result)),
                }
            }
            replies
        },
        "an error of send is a reason to stop",
    ),
    (
        "unwraps what send says",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = socket_for(contact)?;
                socket.send(text).unwrap();
                socket.set_read_timeout(Some(timeout))?;
                receive(&socket)
            })
        },
        "your function panicked at",
    ),
    (
        "does not look at what send says",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = socket_for(contact)?;
                let _ = socket.send(text);
                socket.set_read_timeout(Some(timeout.min(Duration::from_secs(1))))?;
                receive(&socket)
            })
        },
        "what send fails with is dropped",
    ),
    (
        "does not connect",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = UdpSocket::bind(any_port(contact))?;
                socket.send_to(text, contact)?;
                receive_from(&socket, contact, timeout)
            })
        },
        "the socket is not connected",
    ),
    (
        "takes whatever comes",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = UdpSocket::bind(any_port(contact))?;
                socket.send_to(text, contact)?;
                socket.set_read_timeout(Some(timeout))?;
                receive(&socket)
            })
        },
        "a stranger's datagram is taken for the answer",
    ),
    (
        "compares only the IP address",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = UdpSocket::bind(any_port(contact))?;
                socket.send_to(text, contact)?;
                socket.set_read_timeout(Some(timeout))?;
                let mut buffer = vec![0; 65_507];
                loop {
                    let (n, sender) = socket.recv_from(&mut buffer)?;
                    if sender.ip() == contact.ip() {
                        buffer.truncate(n);
                        return Ok(buffer);
                    }
                }
            })
        },
        "a stranger's datagram is taken for the answer",
    ),
    (
        "gives each stranger the whole time anew",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = UdpSocket::bind(any_port(contact))?;
                socket.send_to(text, contact)?;
                socket.set_read_timeout(Some(timeout))?;
                let mut buffer = vec![0; 65_507];
                loop {
                    let (n, sender) = socket.recv_from(&mut buffer)?;
                    if sender == contact {
                        buffer.truncate(n);
                        return Ok(buffer);
                    }
                }
            })
        },
        "each receive gets the whole time anew",
    ),
    (
        "sends all texts at once",
        |contact, texts, timeout| {
            let sent: Vec<_> = texts
                .iter()
                .map(|text| {
                    let socket = socket_for(contact)?;
                    socket.send(text)?;
                    Ok(socket)
                })
                .collect();
            let replies = sent.into_iter().map(|sent: io::Result<UdpSocket>| {
                let socket = sent?;
                socket.set_read_timeout(Some(timeout))?;
                receive(&socket)
            });
            replies.map(reply).collect()
        },
        "all texts are sent at once",
    ),
    (
        "sends again after a silence",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = socket_for(contact)?;
                match exchange(&socket, text, timeout / 2) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        exchange(&socket, text, timeout / 2)
                    }
                    result => result,
                }
            })
        },
        "after the timeout the text is sent once more",
    ),
    (
        "has a short buffer",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let mut answer = exchange(&socket_for(contact)?, text, timeout)?;
                answer.truncate(1024);
                Ok(answer)
            })
        },
        "the buffer is too short",
    ),
    (
        "takes an empty answer for none",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = socket_for(contact)?;
                let deadline = Instant::now() + timeout;
                let mut answer = exchange(&socket, text, timeout)?;
                while answer.is_empty() && Instant::now() < deadline {
                    answer = receive(&socket)?;
                }
                Ok(answer)
            })
        },
        "an empty datagram is not taken for an answer",
    ),
    (
        "leaves empty texts out",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                if text.is_empty() {
                    return Ok(Vec::new());
                }
                exchange(&socket_for(contact)?, text, timeout)
            })
        },
        "the empty text is left out",
    ),
    (
        "knows only IPv4",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = UdpSocket::bind("0.0.0.0:0")?;
                socket.connect(contact)?;
                exchange(&socket, text, timeout)
            })
        },
        "of another kind than the contact's",
    ),
    (
        "binds to [::]:0 for everybody",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = UdpSocket::bind("[::]:0")?;
                socket.connect(contact)?;
                socket.send(text)?;
                receive_from(&socket, contact, timeout)
            })
        },
        "::ffff:127.0.0.1",
    ),
    (
        "sets a timeout of zero",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = socket_for(contact)?;
                socket.send(text)?;
                let deadline = Instant::now() + timeout;
                loop {
                    let left = deadline.saturating_duration_since(Instant::now());
                    socket.set_read_timeout(Some(left))?;
                    match receive(&socket) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        result => return result,
                    }
                }
            })
        },
        "set_read_timeout is called with zero",
    ),
    #[cfg(target_os = "linux")]
    (
        "asks again and again",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let socket = socket_for(contact)?;
                socket.set_nonblocking(true)?;
                socket.send(text)?;
                let deadline = Instant::now() + timeout;
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
    (
        "gives up too early",
        |contact, texts, timeout| {
            for_each(texts, |text| {
                let most = timeout.saturating_sub(Duration::from_millis(600));
                let wait = most.max(Duration::from_millis(50));
                exchange(&socket_for(contact)?, text, wait)
            })
        },
        "given up too early",
    ),
    (
        "knows only the timeouts of Windows",
        |contact, texts, timeout| {
            let ask = |text: &&[u8]| {
                let result = socket_for(contact).and_then(|s| exchange(&s, text, timeout));
                match result {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Reply::Failed(error),
                    result => reply(result),
                }
            };
            texts.iter().map(ask).collect()
        },
        "the kind of a timeout is not looked for",
    ),
];

fn reply_is_failed(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused
    )
}

#[test]
fn exercise_3_3_is_proved() {
    Proof {
        check: checks::watch::watch,
        source: SOURCE,
        exercise: "3.3",
        skeleton: exercise::watch as Watch,
        right: RIGHT_WATCHES,
        mistakes: WATCH_MISTAKES,
        unseen: &[
            #[cfg(not(target_os = "linux"))]
            (
                "Any other error of `socket`",
                "the check can make it fail only on Linux",
            ),
        ],
    }
    .holds();
}

/// Receives until the friend's `q`, which is right; `ours` says whose datagrams are taken, and
/// `line` what they become on the screen.
fn window(
    socket: &UdpSocket,
    screen: &mut dyn Write,
    patience: Duration,
    ours: impl Fn(SocketAddr) -> bool,
    line: impl Fn(&[u8]) -> io::Result<String>,
) -> io::Result<u64> {
    let mut buffer = vec![0; 65_507];
    let mut shown = 0;
    let mut deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let (n, sender) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if is_timeout(&error) => continue,
            Err(error) => return Err(error),
        };
        if !ours(sender) {
            continue;
        }
        if &buffer[..n] == b"q" {
            return Ok(shown);
        }
        writeln!(screen, "{}", line(&buffer[..n])?)?;
        screen.flush()?;
        shown += 1;
        deadline = Instant::now() + patience;
    }
}

fn misleads(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn replace(text: &str, which: impl Fn(char) -> bool) -> String {
    let mut replaced = String::new();
    for c in text.chars() {
        if which(c) {
            replaced.extend(c.escape_unicode());
        } else {
            replaced.push(c);
        }
    }
    replaced
}

fn harmless(bytes: &[u8]) -> io::Result<String> {
    let text = String::from_utf8_lossy(bytes);
    Ok(replace(&text, |c| c.is_control() || misleads(c)))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

const RIGHT_WATCHES: &[Right<Watch>] = &[
    ("the solution", solution::watch),
    (
        "character by character, straight to the screen",
        |socket, friend, screen, patience| {
            let mut buffer = [0; 65_536];
            let (mut shown, mut since) = (0, Instant::now());
            while let Some(left) = patience.checked_sub(since.elapsed()) {
                socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
                match socket.recv_from(&mut buffer) {
                    Ok((1, sender)) if sender == friend && buffer[0] == b'q' => return Ok(shown),
                    Ok((n, sender)) if sender == friend => {
                        for c in String::from_utf8_lossy(&buffer[..n]).chars() {
                            if c.is_control() || misleads(c) {
                                write!(screen, "{}", c.escape_unicode())?;
                            } else {
                                write!(screen, "{c}")?;
                            }
                        }
                        screen.write_all(b"\n")?;
                        screen.flush()?;
                        shown += 1;
                        since = Instant::now();
                    }
                    Err(error) if !is_timeout(&error) => return Err(error),
                    _ => {}
                }
            }
            Err(ErrorKind::TimedOut.into())
        },
    ),
    (
        "a line writer, and flat_map",
        |socket, friend, screen, patience| {
            let mut screen = LineWriter::new(screen);
            let mut buffer = vec![0; 65_507];
            let mut deadline = Instant::now() + patience;
            for shown in 0.. {
                let n = loop {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(ErrorKind::TimedOut.into());
                    }
                    socket.set_read_timeout(Some(left))?;
                    match socket.recv_from(&mut buffer) {
                        Ok((n, sender)) if sender == friend => break n,
                        Err(error) if !is_timeout(&error) => return Err(error),
                        _ => {}
                    }
                };
                if buffer[..n] == *b"q" {
                    return Ok(shown);
                }
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                let bad = |c: &char| c.is_control() || misleads(*c);
                let line: String = text
                    .chars()
                    .flat_map(|c| {
                        match bad(&c) {
                            true => c.escape_unicode().to_string(),
                            false => c.to_string(),
                        }
                        .chars()
                        .collect::<Vec<_>>()
                    })
                    .chain(['\n'])
                    .collect();
                screen.write_all(line.as_bytes())?;
                screen.flush()?;
                deadline = Instant::now() + patience;
            }
            unreachable!("nobody writes so much")
        },
    ),
    (
        "connected after the queue was looked at, and peek",
        |socket, friend, screen, patience| {
            let mut buffer = vec![0; 70_000];
            let mut shown = 0;
            let mut last = Instant::now();
            loop {
                let left = (last + patience).saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                socket.set_read_timeout(Some(left))?;
                match socket.peek_from(&mut buffer) {
                    Err(error) if is_timeout(&error) => continue,
                    Err(error) => return Err(error),
                    Ok(_) => {}
                }
                let (n, sender) = socket.recv_from(&mut buffer)?;
                match (sender == friend, &buffer[..n]) {
                    (false, _) => {}
                    (true, b"q") => return Ok(shown),
                    (true, text) => {
                        let line = harmless(text)? + "\n";
                        screen
                            .write_all(line.as_bytes())
                            .and_then(|()| screen.flush())?;
                        shown += 1;
                        last = Instant::now();
                    }
                }
            }
        },
    ),
];

const WATCH_MISTAKES: &[Mistake<Watch>] = &[
    (
        "takes a q with a NUL behind it for q",
        |socket, friend, screen, patience| {
            let mut buffer = vec![0; 65_507];
            let mut shown = 0;
            socket.set_read_timeout(Some(patience))?;
            loop {
                let (n, sender) = socket.recv_from(&mut buffer)?;
                match &buffer[..n] {
                    _ if sender != friend => {}
                    b"q" | b"q\0" => return Ok(shown),
                    text => {
                        screen.write_all(format!("{}\n", harmless(text)?).as_bytes())?;
                        screen.flush()?;
                        shown += 1;
                    }
                }
            }
        },
        "something else than the one byte q",
    ),
    (
        "does not repeat a write that took a part",
        |socket, friend, screen, patience| {
            let mut once = Once(screen);
            window(
                socket,
                &mut once,
                patience,
                |sender| sender == friend,
                harmless,
            )
        },
        "a write that took fewer bytes is not repeated",
    ),
    (
        "does not look at what flush says",
        |socket, friend, screen, patience| {
            let mut deaf = DeafFlush(screen);
            window(
                socket,
                &mut deaf,
                patience,
                |sender| sender == friend,
                harmless,
            )
        },
        "an error of flush is dropped",
    ),
    (
        "has an error of its own",
        |socket, friend, screen, patience| {
            let shown = window(
                socket,
                screen,
                patience,
                |sender| sender == friend,
                harmless,
            );
            shown.map_err(|error| match error.kind() {
                ErrorKind::BrokenPipe => io::Error::other("cannot show it"),
                _ => error,
            })
        },
        "is replaced by another one",
    ),
    #[cfg(target_os = "linux")]
    (
        "goes on after every error",
        |socket, friend, screen, patience| {
            let began = Instant::now();
            loop {
                match window(
                    socket,
                    screen,
                    patience,
                    |sender| sender == friend,
                    harmless,
                ) {
                    Err(e) if e.kind() == ErrorKind::ConnectionRefused => {}
                    result => return result,
                }
                if began.elapsed() > Duration::from_secs(20) {
                    return Ok(0); // the real mistake does without
                }
            }
        },
        "every error of recv_from is taken for a timeout",
    ),
    #[cfg(target_os = "linux")]
    (
        "takes every error for a silence",
        |socket, friend, screen, patience| {
            let shown = window(
                socket,
                screen,
                patience,
                |sender| sender == friend,
                harmless,
            );
            shown.map_err(|error| match error.kind() {
                ErrorKind::ConnectionRefused => ErrorKind::TimedOut.into(),
                _ => error,
            })
        },
        "an error of recv_from is replaced",
    ),
    (
        "empties the queue first",
        |socket, friend, screen, patience| {
            socket.set_nonblocking(true)?;
            while socket.recv_from(&mut [0; 1]).is_ok() {}
            socket.set_nonblocking(false)?;
            let patience = patience.min(Duration::from_secs(2));
            window(
                socket,
                screen,
                patience,
                |sender| sender == friend,
                harmless,
            )
        },
        "the queue is emptied first",
    ),
    (
        "shows who wrote",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| Ok(format!("{friend}: {}", harmless(bytes)?));
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "the line has another form",
    ),
    (
        "shows the q",
        |socket, friend, screen, patience| {
            let shown = window(
                socket,
                screen,
                patience,
                |sender| sender == friend,
                harmless,
            )?;
            writeln!(screen, "q")?;
            screen.flush()?;
            Ok(shown)
        },
        "the friend's 'q' is shown",
    ),
    (
        "ends at whatever begins with q",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| match bytes.first() {
                Some(b'q' | b'Q') => Err(ErrorKind::UnexpectedEof.into()),
                _ => harmless(bytes),
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "something else than the one byte q",
    ),
    (
        "answers the friend",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| {
                socket.send_to(b"read", friend)?;
                harmless(bytes)
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "something is sent to the friend",
    ),
    (
        "gives the last receive the whole patience",
        |socket, friend, screen, patience| {
            socket.set_read_timeout(Some(patience))?;
            let mut buffer = vec![0; 65_507];
            let (mut shown, mut since) = (0, Instant::now());
            while since.elapsed() < patience {
                let (n, sender) = match socket.recv_from(&mut buffer) {
                    Ok(received) => received,
                    Err(error) if is_timeout(&error) => break,
                    Err(error) => return Err(error),
                };
                match &buffer[..n] {
                    _ if sender != friend => {}
                    b"q" => return Ok(shown),
                    text => {
                        writeln!(screen, "{}", harmless(text)?)?;
                        screen.flush()?;
                        shown += 1;
                        since = Instant::now();
                    }
                }
            }
            Err(ErrorKind::TimedOut.into())
        },
        "the last receive gets the whole patience",
    ),
    (
        "does not take the empty text for a sign of life",
        |socket, friend, screen, patience| {
            let mut buffer = vec![0; 65_507];
            let mut shown = 0;
            let mut deadline = Instant::now() + patience;
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                socket.set_read_timeout(Some(left))?;
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                match &buffer[..n] {
                    _ if sender != friend => {}
                    b"q" => return Ok(shown),
                    text => {
                        writeln!(screen, "{}", harmless(text)?)?;
                        screen.flush()?;
                        shown += 1;
                        if !text.is_empty() {
                            deadline = Instant::now() + patience;
                        }
                    }
                }
            }
        },
        "it is one limit for all of them",
    ),
    (
        "cuts a byte order mark off",
        |socket, friend, screen, patience| {
            let line =
                |bytes: &[u8]| harmless(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes));
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "a byte order mark is cut off",
    ),
    (
        "replaces the tags of plane 14",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                let tag = |c: char| ('\u{e0020}'..='\u{e007f}').contains(&c);
                Ok(replace(&text, |c| c.is_control() || misleads(c) || tag(c)))
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "a character is replaced that the contract does not name",
    ),
    (
        "replaces private characters",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                let bad = |c: char| c.is_control() || misleads(c) || c == '\u{e000}';
                Ok(replace(&text, bad))
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "a character is replaced that the contract does not name",
    ),
    (
        "waits for half the patience",
        |socket, friend, screen, patience| {
            window(
                socket,
                screen,
                patience / 2,
                |sender| sender == friend,
                harmless,
            )
        },
        "the patience is over too early",
    ),
    (
        "sets a timeout of zero",
        |socket, friend, screen, patience| {
            let mut buffer = vec![0; 65_507];
            let mut shown = 0;
            let mut deadline = Instant::now() + patience;
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                socket.set_read_timeout(Some(left))?;
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                match &buffer[..n] {
                    _ if sender != friend => {}
                    b"q" => return Ok(shown),
                    text => {
                        writeln!(screen, "{}", harmless(text)?)?;
                        screen.flush()?;
                        shown += 1;
                        deadline = Instant::now() + patience;
                    }
                }
            }
        },
        "set_read_timeout is called with zero",
    ),
    (
        "shows whoever writes",
        |socket, _, screen, patience| window(socket, screen, patience, |_| true, harmless),
        "the sender is not compared",
    ),
    (
        "compares only the IP address",
        |socket, friend, screen, patience| {
            let ours = |sender: SocketAddr| sender.ip() == friend.ip();
            window(socket, screen, patience, ours, harmless)
        },
        "or only its IP address",
    ),
    #[cfg(target_os = "linux")]
    (
        "compares only the port",
        |socket, friend, screen, patience| {
            let ours = |sender: SocketAddr| sender.port() == friend.port();
            window(socket, screen, patience, ours, harmless)
        },
        "only the port is compared",
    ),
    (
        "trusts the kernel",
        |socket, friend, screen, patience| {
            socket.connect(friend)?;
            window(socket, screen, patience, |_| true, harmless)
        },
        "what was in the queue is not compared",
    ),
    (
        "takes anybody's q",
        |socket, friend, screen, patience| {
            let mut buffer = vec![0; 65_507];
            let mut shown = 0;
            socket.set_read_timeout(Some(patience))?;
            loop {
                let (n, sender) = socket.recv_from(&mut buffer)?;
                if &buffer[..n] == b"q" {
                    return Ok(shown);
                }
                if sender == friend {
                    writeln!(screen, "{}", harmless(&buffer[..n])?)?;
                    screen.flush()?;
                    shown += 1;
                }
            }
        },
        "a stranger's 'q' ends it",
    ),
    (
        "counts strangers",
        |socket, friend, screen, patience| {
            let mut buffer = vec![0; 65_507];
            socket.set_read_timeout(Some(patience))?;
            for received in 0.. {
                let (n, sender) = socket.recv_from(&mut buffer)?;
                if sender != friend {
                    continue;
                }
                if &buffer[..n] == b"q" {
                    return Ok(received);
                }
                writeln!(screen, "{}", harmless(&buffer[..n])?)?;
                screen.flush()?;
            }
            unreachable!("nobody writes so much")
        },
        "or a stranger's datagram, is counted",
    ),
    (
        "sends strangers away",
        |socket, friend, screen, patience| {
            let ours = |sender: SocketAddr| {
                if sender != friend {
                    let _ = socket.send_to(b"go away", sender);
                }
                sender == friend
            };
            window(socket, screen, patience, ours, harmless)
        },
        "something is sent to a stranger",
    ),
    (
        "prints what comes",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| Ok(String::from_utf8_lossy(bytes).into_owned());
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "control characters reach the screen as they came",
    ),
    (
        "takes only ESC for a control character",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                Ok(replace(&text, |c| c == '\u{1b}' || misleads(c)))
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "a line end inside the text",
    ),
    (
        "takes white space for harmless",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                let bad = |c: char| (c.is_control() && !matches!(c, '\t' | '\r')) || misleads(c);
                Ok(replace(&text, bad))
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "'\\r', '\\t', NUL, backspace and 0x7f are others",
    ),
    (
        "knows only ASCII's control characters",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                Ok(replace(&text, |c| c.is_ascii_control() || misleads(c)))
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "there are control characters outside ASCII",
    ),
    (
        "knows only control characters",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                Ok(replace(&text, char::is_control))
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "the characters that turn text around",
    ),
    (
        "leaves control characters out",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).into_owned();
                Ok(text
                    .chars()
                    .filter(|&c| !c.is_control() && !misleads(c))
                    .collect())
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "or are left out",
    ),
    (
        "prints the Debug form",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| Ok(String::from_utf8_lossy(bytes).escape_debug().to_string());
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "more is replaced than the characters that the contract names",
    ),
    (
        "shows nothing but UTF-8",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| {
                let text = str::from_utf8(bytes).map_err(io::Error::other)?;
                harmless(text.as_bytes())
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "as from_utf8 does",
    ),
    (
        "unwraps UTF-8",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| harmless(str::from_utf8(bytes).unwrap().as_bytes());
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "your function panicked at",
    ),
    (
        "takes each byte for a character",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| match str::from_utf8(bytes) {
                Ok(text) => harmless(text.as_bytes()),
                Err(_) => harmless(
                    bytes
                        .iter()
                        .map(|&b| char::from(b))
                        .collect::<String>()
                        .as_bytes(),
                ),
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "bytes that are not UTF-8",
    ),
    (
        "trims the text",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| harmless(bytes.trim_ascii());
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "the text is trimmed",
    ),
    (
        "cuts a long text",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| harmless(&bytes[..bytes.len().min(1024)]);
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "the buffer is too short",
    ),
    (
        "does not flush",
        |socket, friend, screen, patience| {
            let mut unflushed = Vec::new();
            let shown = window(
                socket,
                &mut unflushed,
                patience,
                |sender| sender == friend,
                harmless,
            )?;
            screen.write_all(&unflushed)?;
            screen.flush()?;
            Ok(shown)
        },
        "the screen is not flushed behind each line",
    ),
    (
        "ends with the empty text",
        |socket, friend, screen, patience| {
            let line = |bytes: &[u8]| match bytes {
                b"" => Err(ErrorKind::UnexpectedEof.into()),
                text => harmless(text),
            };
            window(socket, screen, patience, |sender| sender == friend, line)
        },
        "a length of 0 is taken for the end",
    ),
    (
        "gives each stranger the whole time anew",
        |socket, friend, screen, patience| {
            let mut buffer = vec![0; 65_507];
            let mut shown = 0;
            socket.set_read_timeout(Some(patience))?;
            loop {
                let (n, sender) = match socket.recv_from(&mut buffer) {
                    Ok(received) => received,
                    Err(error) if is_timeout(&error) => return Err(ErrorKind::TimedOut.into()),
                    Err(error) => return Err(error),
                };
                match &buffer[..n] {
                    _ if sender != friend => {}
                    b"q" => return Ok(shown),
                    text => {
                        writeln!(screen, "{}", harmless(text)?)?;
                        screen.flush()?;
                        shown += 1;
                    }
                }
            }
        },
        "each receive gets the whole time anew",
    ),
    (
        "has one limit for all texts",
        |socket, friend, screen, patience| {
            let mut buffer = vec![0; 65_507];
            let mut shown = 0;
            let deadline = Instant::now() + patience;
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                socket.set_read_timeout(Some(left))?;
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                match &buffer[..n] {
                    _ if sender != friend => {}
                    b"q" => return Ok(shown),
                    text => {
                        writeln!(screen, "{}", harmless(text)?)?;
                        screen.flush()?;
                        shown += 1;
                    }
                }
            }
        },
        "it is one limit for all of them",
    ),
    (
        "knows only the timeouts of Unix",
        |socket, friend, screen, patience| {
            let shown = window(
                socket,
                screen,
                patience,
                |sender| sender == friend,
                harmless,
            );
            shown.map_err(|error| match error.kind() {
                ErrorKind::TimedOut => ErrorKind::WouldBlock.into(),
                _ => error,
            })
        },
        "WouldBlock on Unix",
    ),
    (
        "does not look at what the screen says",
        |socket, friend, screen, patience| {
            let mut ignored = Deaf(screen);
            window(
                socket,
                &mut ignored,
                patience,
                |sender| sender == friend,
                harmless,
            )
        },
        "an error of write is dropped",
    ),
    #[cfg(target_os = "linux")]
    (
        "asks again and again",
        |socket, friend, screen, patience| {
            let mut buffer = vec![0; 65_507];
            let mut shown = 0;
            socket.set_nonblocking(true)?;
            let patience = patience.min(Duration::from_secs(1));
            let mut deadline = Instant::now() + patience;
            while Instant::now() < deadline {
                let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                match &buffer[..n] {
                    _ if sender != friend => {}
                    b"q" => return Ok(shown),
                    text => {
                        writeln!(screen, "{}", harmless(text)?)?;
                        screen.flush()?;
                        shown += 1;
                        deadline = Instant::now() + patience;
                    }
                }
            }
            Err(ErrorKind::TimedOut.into())
        },
        "asked again and again",
    ),
];

/// A screen whose errors nobody looks at, as with `let _ = writeln!(…)`.
struct Deaf<'a>(&'a mut dyn Write);

impl Write for Deaf<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// A screen to which each line is written once, however much of it is taken.
struct Once<'a>(&'a mut dyn Write);

impl Write for Once<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A screen whose flush nobody looks at, as with `let _ = screen.flush()`.
struct DeafFlush<'a>(&'a mut dyn Write);

impl Write for DeafFlush<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}
