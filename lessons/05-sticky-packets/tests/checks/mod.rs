//! What "right" means for each exercise of lesson 5: functions to which any solution is handed.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{
    Attempt, Explain, Fault, Pace, Peer, Step, Trial, Verdict, WAIT, check, compare, expect_linear,
    show, unread, work_of,
};
use sticky_packets::contract::{Decode, DecodeError};

pub type Split = fn(TcpStream, usize, &mut dyn FnMut(&[u8])) -> io::Result<Vec<u8>>;
pub type AskAll = fn(&TcpStream, &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>>;
pub type NewDecoder = fn(usize) -> Box<dyn Decode>;

const THE_IDEA: &str = "docs/05-sticky-packets.md: The idea";
const READ_THE_CODE: &str = "docs/05-sticky-packets.md: Read the code";
const ONE_MORE: &str = "docs/05-sticky-packets.md: One byte more";
const NAGLE: &str = "docs/05-sticky-packets.md: What Nagle does cost";
const IN_PRODUCTION: &str = "docs/05-sticky-packets.md: In production";
const FOUR_WAYS: &str = "docs/05-sticky-packets.md: Four ways to frame";

/// 5.1 Split at newlines.
pub fn split(split: Split) -> Verdict {
    check(move |trial| {
        splits_at_once(trial, split).read(THE_IDEA)?;
        splits_for_any_size(trial, split).read(ONE_MORE)?;
        reads_no_more_than_size(trial, split).read(READ_THE_CODE)?;
        reports_a_reset(trial, split).read(READ_THE_CODE)?;
        splits_long_messages(trial, split).read(IN_PRODUCTION)
    })
}

const A_MESSAGE: &str = "A message is all bytes";
const OTHER_BYTES: &str = "Every other byte";
const AT_MOST: &str = "Each read asks for at most";
const IN_EVERY_CASE: &str = "It may return fewer";
const BEFORE: &str = "Calls `each` for every message";
const ANY_LENGTH: &str = "A message may have any length";
const THE_REST: &str = "When the other side has finished";
const NO_MESSAGE: &str = "They are no message";
const READING: &str = "What reading failed with";

/// The check's side, the function at work, and the messages as they are handed over.
struct Splitting {
    peer: Peer,
    /// A clone of the function's socket, to look at.
    theirs: TcpStream,
    messages: Receiver<Vec<u8>>,
    attempt: Attempt<io::Result<Vec<u8>>>,
}

fn start_split(trial: &Trial, split: Split, size: usize) -> Step<Splitting> {
    let (peer, stream) = trial.pair()?;
    let theirs = stream.try_clone().map_err(failed)?;
    let (sender, messages) = mpsc::channel();
    let attempt = trial.start(move || {
        split(stream, size, &mut |message| {
            let _ = sender.send(message.to_vec());
        })
    });
    Ok(Splitting {
        peer,
        theirs,
        messages,
        attempt,
    })
}

fn failed(e: io::Error) -> Fault {
    Fault::new(format!("the check's socket failed: {e}"))
}

const ACROSS_READS: &str = "what a read leaves behind its last \\n is the beginning of the next \
    message: it must be kept, and put in front of what the next read returns";
const SEVERAL: &str = "a read may bring several messages: all of them go to `each` before the \
    next read";

fn splits_at_once(trial: &Trial, split: Split) -> Step {
    const AT_THE_END: &str = "nothing goes to `each` before the end; or a message waits for the one \
        behind it";
    const NO_END: &str = "only a read of 0 is the end: one that brings fewer bytes than it asked for, \
        or no whole message, is not";
    let Splitting {
        mut peer,
        theirs,
        messages,
        attempt,
    } = start_split(trial, split, 64)?;
    let stream = "hej\nпривет\nhi\n\nho";
    for (part, expected) in [
        (&stream.as_bytes()[..4], &["hej"][..]),
        (&stream.as_bytes()[4..9], &[]), // the third letter is cut
        (&stream.as_bytes()[9..], &["привет", "hi", ""]),
        (b"la\n", &["hola"]),
        (b"\n", &[""]),
        (b"the rest", &[]),
    ] {
        let sent = peer.send(part);
        sent.breaks(IN_EVERY_CASE).cause(NO_END)?;
        peer.wait_until_read(&theirs);
        for (number, message) in expected.iter().enumerate() {
            let came = messages.recv_timeout(WAIT / 2).map_err(|_| {
                let fault = Fault::new(format!(
                    "{} was sent and nothing behind it: expected that `each` is called with \
                     '{message}', but it was not called",
                    show(part)
                ));
                if attempt.still_runs().is_err() {
                    return fault.breaks(IN_EVERY_CASE).cause(NO_END);
                }
                let fault = fault.late();
                match (*message, number) {
                    ("hej", _) => fault.breaks(BEFORE).cause(AT_THE_END),
                    ("", _) => fault.breaks(A_MESSAGE).cause(
                        "the empty message is left out: between two \\n there is one of no bytes",
                    ),
                    ("hola", _) => fault.breaks(IN_EVERY_CASE).cause(ACROSS_READS),
                    _ => fault.breaks(BEFORE).cause(SEVERAL),
                }
            })?;
            compare(message.as_bytes(), &came).map_err(|difference| {
                let fault = Fault::new(format!("{} was sent\n{difference}", show(part)));
                if came.strip_suffix(b"\n") == Some(message.as_bytes()) {
                    return fault
                        .breaks(A_MESSAGE)
                        .cause("the \\n is no part of the message");
                }
                if number > 0 && !came.is_empty() && message.is_empty() {
                    return fault
                        .breaks(A_MESSAGE)
                        .cause("the empty message is left out");
                }
                if came.windows(3).any(|three| three == "\u{fffd}".as_bytes()) {
                    return fault
                        .breaks(OTHER_BYTES)
                        .cause("each read is taken for text, and a character may be cut");
                }
                fault.breaks(IN_EVERY_CASE).cause(ACROSS_READS)
            })?;
        }
    }
    peer.half_close()?;
    let rest = returned(&attempt)?;
    compare(b"the rest", &rest).map_err(|difference| {
        Fault::new(format!(
            "the stream ended without a \\n behind 'the rest', which you should return\n{difference}"
        ))
        .breaks(THE_REST)
        .cause("the bytes behind the last \\n were lost, or taken for a message")
    })?;
    match messages.try_recv() {
        Err(_) => Ok(()),
        Ok(message) => Err(Fault::new(format!(
            "`each` was called once more than there were messages, with {}",
            show(&message)
        ))
        .breaks(NO_MESSAGE)
        .cause("what came behind the last \\n is no message: nobody knows whether it is whole")),
    }
}

/// What the function returned; the stream ended well.
fn returned<T>(attempt: &Attempt<io::Result<T>>) -> Step<T> {
    let returned = attempt
        .result()
        .breaks(THE_REST)
        .cause("a read of 0 does not end the loop")?;
    returned.map_err(|e| {
        Fault::new(format!("the stream ended well, but you returned {e}"))
            .breaks(THE_REST)
            .cause("the end is no error, also if it comes inside a message")
    })
}

fn splits_for_any_size(trial: &Trial, split: Split) -> Step {
    let sizes = (1..=40).chain([63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 300, 301, 302]);
    let sizes = sizes.chain([511, 512, 513, 1000, 1023, 1024, 1025, 2048, 4095, 4096]);
    for size in sizes {
        let long = if size < 50 { 300 } else { 9000 };
        let messages: Vec<Vec<u8>> = vec![
            b"".to_vec(),
            b"with a return\r".to_vec(),
            b" spaces ".to_vec(),
            "你好, привет".into(),
            (0..=255).filter(|&byte| byte != b'\n').collect(),
            b"".to_vec(),
            b"".to_vec(),
            b"\r".to_vec(),
            vec![b'x'; long],
            vec![b'x'; size],
            vec![b'y'; size - 1],
            b"last".to_vec(),
        ];
        let mut stream = messages.join(&b'\n');
        stream.push(b'\n');
        // With something behind the last newline, or with nothing.
        let rest = if size % 3 == 0 {
            &b"the rest\r"[..]
        } else {
            b""
        };
        stream.extend_from_slice(rest);

        let mut splitting = start_split(trial, split, size)?;
        splitting.peer.send(&stream).breaks(ANY_LENGTH)?;
        splitting.peer.half_close()?;
        let came_behind = returned(&splitting.attempt)?;
        let received: Vec<Vec<u8>> = splitting.messages.try_iter().collect();
        let circumstances = format!(
            "{} messages were sent in {} bytes, and you were told to read {size} at a time",
            messages.len(),
            stream.len()
        );
        for (number, (expected, came)) in messages.iter().zip(&received).enumerate() {
            compare(expected, came).map_err(|difference| {
                let fault = Fault::new(format!("message {}\n{difference}", number + 1))
                    .when(&circumstances);
                if expected.is_empty() {
                    fault.breaks(A_MESSAGE).cause(
                        "the empty message is left out: between two \\n there is one of no bytes",
                    )
                } else if *expected == came.trim_ascii() || *came == expected.trim_ascii() {
                    fault.breaks(OTHER_BYTES).cause(
                        "only \\n ends a message, and only \\n is cut off: \\r and spaces belong to it",
                    )
                } else if expected.len() >= 1000 && expected.starts_with(came) {
                    fault
                        .breaks(ANY_LENGTH)
                        .cause("a message that has begun has no more room than a buffer of some size")
                } else if came.len() < expected.len() && size < expected.len() {
                    fault.breaks(IN_EVERY_CASE).cause(ACROSS_READS)
                } else {
                    fault
                        .breaks(OTHER_BYTES)
                        .cause("the bytes were taken for text")
                }
            })?;
        }
        if received.len() != messages.len() {
            return Err(
                Fault::new(format!("`each` was called {} times", received.len()))
                    .when(&circumstances)
                    .breaks(IN_EVERY_CASE)
                    .cause(ACROSS_READS),
            );
        }
        compare(rest, &came_behind).map_err(|difference| {
            Fault::new(format!("behind the last \\n\n{difference}"))
                .when(&circumstances)
                .breaks(THE_REST)
                .cause("a message that was handed over is still kept, or the rest is changed")
        })?;
    }
    Ok(())
}

fn reads_no_more_than_size(trial: &Trial, split: Split) -> Step {
    if cfg!(not(unix)) {
        return Ok(()); // there nobody tells how much is not read yet
    }
    for size in [1, 2, 3, 5, 7, 16, 100, 1000, 4095, 4096] {
        // The first message ends at the first byte.
        let mut stream = b"\n".to_vec();
        while stream.len() < size + 300 {
            stream.extend_from_slice(b"1234\n\n12\n");
        }
        let ends: Vec<usize> = (1..=stream.len())
            .filter(|&end| stream[end - 1] == b'\n')
            .collect();
        let (mut peer, socket) = trial.pair()?;
        let look = socket.try_clone().map_err(failed)?;
        peer.send(&stream)?;
        peer.half_close()?;
        let since = Instant::now();
        while unread(&look) < stream.len() {
            if since.elapsed() > WAIT {
                return Err(Fault::new("the check's own bytes did not arrive").late());
            }
            thread::sleep(Duration::from_millis(1)); // between two looks
        }
        let all = stream.len();
        let attempt = trial.start(move || {
            let mut read = Vec::new();
            let result = split(socket, size, &mut |_| read.push(all - unread(&look)));
            result.map(|_| read)
        });
        let read = returned(&attempt)?;
        for (number, (read, end)) in read.into_iter().zip(ends).enumerate() {
            let did = format!(
                "{all} bytes lay in the socket, and you were told to read {size} at a time: when \
                 `each` was called with message {}, which ends at byte {end}, {read} bytes had been \
                 read",
                number + 1
            );
            if number == 0 && read > size {
                return Err(Fault::new(did).breaks(AT_MOST).cause(
                    "a buffer that is not `size` bytes long, such as the 8 KiB of a BufReader::new; or \
                     `each` is called after the next read",
                ));
            }
            if read >= end + size {
                return Err(Fault::new(did).breaks(BEFORE).cause(SEVERAL));
            }
        }
    }
    Ok(())
}

fn reports_a_reset(trial: &Trial, split: Split) -> Step {
    // Inside a message, between two, and before there is any.
    for sent in [&b"hej\nhalf a mess"[..], b"hej\n", b""] {
        let mut splitting = start_split(trial, split, 64)?;
        splitting.peer.send(sent)?;
        splitting.peer.wait_until_read(&splitting.theirs);
        splitting.peer.reset();
        let result = splitting.attempt.result().breaks(READING)?;
        let kind = result.as_ref().err().map(io::Error::kind);
        if !matches!(
            kind,
            Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
        ) {
            return Err(Fault::new(format!(
                "after {} the other side reset the connection: expected its error, got {result:?}",
                show(sent)
            ))
            .breaks(READING)
            .cause("an error of read is taken for the end of the stream, or replaced by another"));
        }
    }
    Ok(())
}

/// One message of so many bytes, read 16 at a time.
fn splits_long_messages(trial: &Trial, split: Split) -> Step {
    let what = "one message came in pieces of 16 bytes; how long that took, for so many bytes";
    let run = |size| {
        let mut message = vec![b'x'; size];
        message.push(b'\n');
        let (mut peer, stream) = trial.pair()?;
        let attempt = trial.start(move || work_of(|| split(stream, 16, &mut |_| {})));
        peer.send(&message)?;
        peer.half_close()?;
        let (_, work) = attempt.result_within(course::PATIENCE)?;
        Ok(work)
    };
    expect_linear(what, 16 * 1024, 4 * 1024 * 1024, run)
        .breaks(ANY_LENGTH)
        .cause(
            "all that came before is searched, or copied, again at each read: look for the \\n in the \
             new bytes only",
        )
}

/// 5.2 Kill the 40 ms.
pub fn ask_all(ask_all: AskAll) -> Verdict {
    check(move |trial| {
        asks_one_by_one(trial, ask_all).read(FOUR_WAYS)?;
        refuses_what_does_not_fit(trial, ask_all).read(FOUR_WAYS)?;
        reports_a_cut_answer(trial, ask_all).read(READ_THE_CODE)?;
        reports_a_reset_of_the_server(trial, ask_all).read(READ_THE_CODE)?;
        leaves_the_stream_as_it_was(trial, ask_all).read(READ_THE_CODE)?;
        does_not_stall(trial, ask_all).read(NAGLE)
    })
}

const ON_WIRE: &str = "A question goes over the wire";
const BOTH: &str = "Both may be empty";
const PIECES: &str = "An answer may come in pieces";
const ONLY_WHEN: &str = "Sends a question only when";
const NOT_ONE_MORE: &str = "Not one byte more";
const HALF_A_SECOND: &str = "Two hundred questions";
const BORROWED: &str = "`stream` is borrowed";
const INVALID: &str = "`InvalidInput`";
const EOF: &str = "`UnexpectedEof`";
const ELSE: &str = "What else the connection failed with";

/// The check's server, and the function at work.
struct Asking {
    server: Peer,
    /// A clone of the function's socket, to look at.
    theirs: TcpStream,
    attempt: Attempt<io::Result<Vec<Vec<u8>>>>,
}

fn start_asking(trial: &Trial, ask_all: AskAll, questions: &[Vec<u8>]) -> Step<Asking> {
    let (server, stream) = trial.pair()?;
    let theirs = stream.try_clone().map_err(failed)?;
    let questions = questions.to_vec();
    let attempt = trial.start(move || ask_all(&stream, &questions));
    Ok(Asking {
        server,
        theirs,
        attempt,
    })
}

/// One byte with the length, and then so many bytes.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u8::try_from(message.len()).expect("the check's messages are short");
    [&[length], message].concat()
}

const ON_THE_WIRE: &str = "what is sent is not one byte with the length and then so many bytes; or \
    it still lies in a BufWriter that was not flushed before the answer is read";
const READ_OTHERWISE: &str = "the answer before it was read otherwise: one byte is its length, and then \
    there are so many bytes, no more";

fn asks_one_by_one(trial: &Trial, ask_all: AskAll) -> Step {
    let questions = [
        b"how are you?".to_vec(),
        Vec::new(),
        (1..=255).collect(),
        b"?".to_vec(),
        vec![0xff; 254],
        b"bye\n".to_vec(),
    ];
    let answers = [
        (0..=254).collect(),
        b"fine".to_vec(),
        Vec::new(),
        b"b".to_vec(),
        b"\xff\0".to_vec(),
        vec![b'z'; 254],
    ];
    // A question that comes too early has some time to come.
    trial.at_pace(Duration::from_millis(25), |pace| {
        let Asking {
            mut server,
            theirs,
            attempt,
        } = start_asking(trial, ask_all, &questions)?;
        for (number, (question, answer)) in questions.iter().zip(&answers).enumerate() {
            let asked = wait_for_question(trial, &server, &attempt)
                .and_then(|()| expect_question(&mut server, question, number));
            pace.restart(); // the wait is no part of the rhythm
            asked?;
            let answer = framed(answer);
            let cuts: Vec<usize> = [0, 1, 3, answer.len() - 1, answer.len()].into();
            let mut from = 0;
            for to in cuts.into_iter().filter(|&to| to <= answer.len()) {
                if to > from {
                    server.send(&answer[from..to])?;
                    server.wait_until_read(&theirs);
                }
                from = from.max(to);
                pace.restart();
                if from < answer.len() {
                    expect_no_question(&server, question, from, pace)?;
                }
            }
        }
        let came = attempt.result().breaks(PIECES)?;
        let came = came.map_err(|e| {
            Fault::new(format!("every question was answered, but you returned {e}")).breaks(PIECES)
        })?;
        if came == answers {
            return Ok(());
        }
        let (number, came) = (came.len(), came.concat());
        let difference = compare(&answers.concat(), &came).err();
        Err(Fault::new(format!(
            "{} answers were sent in pieces, and you returned {number}{}",
            answers.len(),
            difference.map_or(String::new(), |d| format!("\n{d}"))
        ))
        .breaks(PIECES)
        .cause(
            "an answer is whole when as many bytes are there as its first byte says, not after one read",
        ))
    })
}

/// Waits until something comes, or the function has returned instead. The check has a clone of its
/// socket, so the connection does not show that.
fn wait_for_question<T>(trial: &Trial, server: &Peer, attempt: &Attempt<T>) -> Step {
    let since = Instant::now();
    while cfg!(unix) && unread(server.stream()) == 0 && since.elapsed() < trial.patience() {
        let returned = attempt.still_runs();
        if unread(server.stream()) == 0 {
            returned
                .when("not every question had been asked")
                .breaks(ON_WIRE)
                .cause("questions are left out, or an answer is taken for an error")?;
        }
        thread::sleep(Duration::from_millis(1)); // between two looks
    }
    Ok(())
}

/// Waits for a question; says whether nothing of it came, or something else.
fn expect_question(server: &mut Peer, question: &[u8], number: usize) -> Step {
    let expected = framed(question);
    let (mut came, mut n, mut silent) = (vec![0; expected.len()], 0, false);
    while n < expected.len() && !silent {
        match server.read(&mut came[n..])? {
            Some(0) => break,
            Some(more) => n += more,
            None => silent = true,
        }
    }
    compare(&expected, &came[..n]).map_err(|difference| {
        let what = format!("question {} should be sent next\n{difference}", number + 1);
        let fault = Fault::new(what).breaks(if question.is_empty() { BOTH } else { ON_WIRE });
        let fault = fault.cause(if number > 0 && n == 0 {
            READ_OTHERWISE
        } else {
            ON_THE_WIRE
        });
        if silent { fault.late() } else { fault }
    })
}

/// Waits a little for a question that should not come yet: of the answer before it, so many bytes
/// were sent.
fn expect_no_question(server: &Peer, question: &[u8], sent: usize, pace: &mut Pace) -> Step {
    for _ in 0..4 {
        let wait = Some(Duration::from_millis(10));
        let peeked = server.stream().set_read_timeout(wait);
        if peeked.is_ok() && server.stream().peek(&mut [0]).is_ok_and(|n| n > 0) {
            let did = format!("after the question {}", show(question));
            return Err(if sent == 0 {
                Fault::new(format!("{did} more came before it was answered"))
                    .breaks(NOT_ONE_MORE)
                    .cause(
                        "more is sent than the length and so many bytes; or all questions are sent \
                         before the first answer is read: that is fast too, but this server takes one \
                         at a time",
                    )
            } else {
                Fault::new(format!("{did} more came when only {sent} bytes of its answer were sent"))
                    .breaks(ONLY_WHEN)
                    .cause("the next question is sent before the answer is whole: one read is not an answer")
            });
        }
        pace.beat();
    }
    Ok(())
}

fn refuses_what_does_not_fit(trial: &Trial, ask_all: AskAll) -> Step {
    const TOO_LONG: &str = "`as u8` keeps the lowest eight bits of the length and says nothing: \
        u8::try_from does not; or something is sent before the length is looked at";
    // The longest that fits; and none at all.
    for questions in [vec![vec![b'?'; 255]], vec![]] {
        let mut asking = start_asking(trial, ask_all, &questions)?;
        for question in &questions {
            let sent = asking.server.expect(&framed(question), "255 bytes fit");
            sent.breaks(ON_WIRE).cause("the limit is off by one")?;
            asking.server.send(&[0])?;
        }
        let n = questions.len();
        let result = asking.attempt.result().breaks(ON_WIRE)?;
        if !result.as_ref().is_ok_and(|answers| answers.len() == n) {
            return Err(Fault::new(format!(
                "{n} questions were asked for: expected as many answers, got {result:?}"
            ))
            .breaks(ON_WIRE)
            .cause("the limit is off by one; or no question is taken for an error"));
        }
        drop(asking.theirs);
        asking
            .server
            .expect_end("no more should be sent than what was asked for")
            .breaks(NOT_ONE_MORE)
            .cause("something is sent behind the last question")?;
    }

    for length in [256, 257, 511, 512, 65_536, 65_541] {
        let questions = [vec![b'?'; length], b"next".to_vec()];
        let mut asking = start_asking(trial, ask_all, &questions)?;
        // Whoever sends it all the same waits for no answer.
        asking.server.half_close()?;
        let did = format!("a question has {length} bytes");
        let result = asking.attempt.result();
        let result = result.when(&did).breaks(INVALID).cause(TOO_LONG)?;
        if !matches!(&result, Err(e) if e.kind() == ErrorKind::InvalidInput) {
            let result = format!("{result:?}").chars().take(200).collect::<String>();
            return Err(Fault::new(format!(
                "{did}: expected the error InvalidInput, got {result}"
            ))
            .breaks(INVALID)
            .cause(TOO_LONG));
        }
        drop(asking.theirs); // the function has dropped its own
        asking
            .server
            .expect_end("nothing of a question that is too long should be sent")
            .breaks(INVALID)
            .cause(TOO_LONG)?;
    }
    Ok(())
}

fn reports_a_cut_answer(trial: &Trial, ask_all: AskAll) -> Step {
    for (first, answer) in [
        (false, &b""[..]),
        (false, b"\x05hal"),
        (false, b"\x05"),
        (false, b"\xff"),
        (true, b""),
        (true, b"\x02h"),
    ] {
        let questions = vec![b"hello".to_vec(); 1 + usize::from(first)];
        let Asking {
            mut server,
            attempt,
            ..
        } = start_asking(trial, ask_all, &questions)?;
        for number in 0..questions.len() {
            server
                .expect(b"\x05hello", "the question should be sent")
                .breaks(ON_WIRE)
                .cause(if number == 0 {
                    ON_THE_WIRE
                } else {
                    READ_OTHERWISE
                })?;
            if number + 1 < questions.len() {
                server.send(b"\x02ok")?;
            }
        }
        // Where this fails the function has returned already, and its result says more.
        let _ = server.send(answer);
        let _ = server.half_close();
        let result = attempt
            .result()
            .breaks(EOF)
            .cause("a read of 0 does not end the loop")?;
        if !matches!(&result, Err(e) if e.kind() == ErrorKind::UnexpectedEof) {
            return Err(Fault::new(format!(
                "the server sent only {} of its last answer and closed: expected the error \
                 UnexpectedEof, got {result:?}",
                show(answer)
            ))
            .breaks(EOF)
            .cause(
                "a read of 0 is an end, and an end inside an answer is an error; what one read \
                 returned is not an answer: see read_exact",
            ));
        }
    }
    Ok(())
}

fn reports_a_reset_of_the_server(trial: &Trial, ask_all: AskAll) -> Step {
    // Inside an answer, behind its length, and before it.
    for sent in [&b"\x05hal"[..], b"\x05", b""] {
        let mut asking = start_asking(trial, ask_all, &[b"hello".to_vec()])?;
        let asked = asking
            .server
            .expect(b"\x05hello", "the question should be sent");
        asked.breaks(ON_WIRE).cause(ON_THE_WIRE)?;
        asking.server.send(sent)?;
        asking.server.wait_until_read(&asking.theirs);
        asking.server.reset();
        let result = asking.attempt.result().breaks(ELSE)?;
        let kind = result.as_ref().err().map(io::Error::kind);
        if !matches!(
            kind,
            Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
        ) {
            return Err(Fault::new(format!(
                "after {} of the answer the server reset the connection: expected that error, \
                 got {result:?}",
                show(sent)
            ))
            .breaks(ELSE)
            .cause("an error of read is taken for the end, or replaced by another"));
        }
    }
    Ok(())
}

fn leaves_the_stream_as_it_was(trial: &Trial, ask_all: AskAll) -> Step {
    for timeout in [None, Some(Duration::from_secs(77))] {
        let (mut server, stream) = trial.pair()?;
        let theirs = stream.try_clone().map_err(failed)?;
        theirs.set_read_timeout(timeout).map_err(failed)?;
        theirs.set_write_timeout(timeout).map_err(failed)?;
        let attempt = trial.start(move || ask_all(&stream, &[b"?".to_vec()]));
        server
            .expect(b"\x01?", "the question should be sent")
            .breaks(ON_WIRE)
            .cause(ON_THE_WIRE)?;
        server.send(b"\x01!")?;
        let _ = attempt.result().breaks(PIECES)?;
        let now = theirs
            .read_timeout()
            .and_then(|r| Ok((r, theirs.write_timeout()?)));
        let now = now.map_err(failed)?;
        if now.0.is_some() != timeout.is_some() || now.1.is_some() != timeout.is_some() {
            return Err(Fault::new(format!(
                "the stream had the timeouts {timeout:?}, and now it has {now:?}"
            ))
            .breaks(BORROWED)
            .cause("timeouts belong to the socket, and the caller goes on with it"));
        }
        let did = "when you had returned, the caller wrote to the stream and read from it";
        let written = (&theirs).write_all(b"more");
        let came = server.expect(b"more", did);
        written
            .map_err(failed)
            .and(came)
            .breaks(BORROWED)
            .cause(SHUT)?;
        server.send(b"m")?;
        if timeout.is_none() {
            theirs.set_read_timeout(Some(WAIT)).map_err(failed)?;
        }
        if (&theirs).read(&mut [0]).is_err() {
            return Err(Fault::new(format!("{did}: reading failed"))
                .breaks(BORROWED)
                .cause(SHUT));
        }
    }
    Ok(())
}

const SHUT: &str =
    "the connection was shut down, or made one that does not wait: it is only borrowed";

fn does_not_stall(trial: &Trial, ask_all: AskAll) -> Step {
    let limit = trial.limit(Duration::from_millis(500));
    let questions = vec![b"are you there?".to_vec(); 200];
    let start = Instant::now();
    let Asking {
        mut server,
        attempt,
        ..
    } = start_asking(trial, ask_all, &questions)?;
    let too_slow = |number: usize| {
        Fault::new(format!(
            "200 questions should take less than {limit}; {number} took {:.1} s, about {} ms each",
            start.elapsed().as_secs_f64(),
            start.elapsed().as_millis() / number as u128
        ))
        .breaks(HALF_A_SECOND)
        .cause(
            "two small writes, then a read: the second write waits until the first is \
             acknowledged, and flush does not help; or a pause before each question",
        )
        .late()
    };
    for (number, question) in questions.iter().enumerate() {
        server
            .expect(&framed(question), "the next question should be sent")
            .breaks(ON_WIRE)
            .cause(ON_THE_WIRE)?;
        if limit.passed(start) {
            return Err(too_slow(number + 1));
        }
        server.send(b"\x03yes")?;
    }
    let answers = attempt.result_by(&limit, start);
    let answers = answers.map_err(|_| too_slow(200))?;
    if answers.is_ok_and(|answers| answers == vec![b"yes".to_vec(); 200]) {
        return Ok(());
    }
    Err(
        Fault::new("200 questions were answered with 'yes', and you returned something else")
            .breaks(PIECES)
            .cause("an answer is lost where there are many"),
    )
}

/// 5.3 A decoder as a state machine.
pub fn decoder(new: NewDecoder) -> Verdict {
    check(move |trial| {
        // The decoder has no socket and may never leave this thread.
        let attempt = trial.start(move || {
            decodes_every_cut(new).read(THE_IDEA)?;
            decodes_many_in_one_push(new).read(FOUR_WAYS)?;
            tells_the_end(new).read(FOUR_WAYS)?;
            keeps_the_limit(new).read(FOUR_WAYS)?;
            stands_any_order(new).read(THE_IDEA)
        });
        let done = attempt.result_within(WAIT);
        done.breaks(NEXT)
            .cause("a loop does not end")
            .read(THE_IDEA)??;
        decodes_a_connection(trial, new).read(THE_IDEA)?;
        let attempt = trial.start(move || wastes_no_time(new).read(IN_PRODUCTION));
        let spent = attempt.result_within(course::PATIENCE);
        spent.breaks(TIME).read(IN_PRODUCTION)?
    })
}

const PREFIX: &str = "On the wire a message is two bytes";
const PUSH: &str = "`push` takes bytes";
const NEXT: &str = "`next` returns the messages";
const NOTHING_LOST: &str = "Nothing is lost or changed";
const FITS: &str = "A message may have `limit` bytes";
const GREATER: &str = "If its length is greater";
const FOR_EVER: &str = "Nobody can find the next message";
const END: &str = "`end` returns `Ok(())`";
const INSIDE: &str = "Inside one it returns `Cut";
const TIME: &str = "The time grows with the number";

/// The limit of the check's decoders, where nothing else is said.
const LIMIT: usize = 1000;

/// Two bytes with the length, and then so many bytes.
fn with_length(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("the check's messages are short");
    [&length.to_be_bytes()[..], message].concat()
}

/// All messages that are whole, at most one more than there can be.
fn take_all(decoder: &mut dyn Decode, at_most: usize) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut messages = Vec::new();
    while messages.len() <= at_most {
        match decoder.next()? {
            Some(message) => messages.push(message),
            None => break,
        }
    }
    Ok(messages)
}

/// Says what was pushed, what was expected and what came.
fn expect<T: PartialEq + std::fmt::Debug>(
    did: &str,
    expected: &T,
    came: &T,
    breaks: &'static str,
    cause: &str,
) -> Step {
    if expected == came {
        return Ok(());
    }
    Err(
        Fault::new(format!("{did}\nexpected {expected:?}\ncame     {came:?}"))
            .breaks(breaks)
            .cause(cause),
    )
}

fn decodes_every_cut(new: NewDecoder) -> Step {
    const CUT: &str = "a push may end anywhere, also between the two bytes of the length: nothing \
        may be read before it is there, and nothing may be lost of what is";
    let messages = [b"hej".to_vec(), Vec::new(), vec![0, 1, b'\n']];
    let stream: Vec<u8> = messages.iter().flat_map(|m| with_length(m)).collect();

    // In one push, to begin with.
    let mut decoder = new(LIMIT);
    decoder.push(&stream);
    let did = format!("{} was pushed", show(&stream));
    let came = take_all(&mut *decoder, 3);
    let first = came.as_ref().ok().and_then(|came| came.first().cloned());
    let (breaks, cause) = match (&came, first) {
        (Ok(_), Some(first)) if first == b"hej" => (NEXT, ONE),
        _ => (PREFIX, ORDER),
    };
    expect(&did, &Ok(messages.to_vec()), &came, breaks, cause)?;

    // Byte by byte, with `next` called until it says None behind each.
    let mut decoder = new(LIMIT);
    for (at, byte) in stream.iter().enumerate() {
        decoder.push(&[*byte]);
        let expected: Vec<Vec<u8>> = match at + 1 {
            5 => vec![messages[0].clone()],
            7 => vec![messages[1].clone()],
            12 => vec![messages[2].clone()],
            _ => vec![],
        };
        let did = format!(
            "{} was pushed one byte at a time, and `next` called behind each, now behind byte {at}",
            show(&stream)
        );
        let came = take_all(&mut *decoder, 3);
        expect(&did, &Ok(expected), &came, NOTHING_LOST, CUT)?;
    }

    // Every two cuts, with `next` called in between, and only at the end.
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let parts = [&stream[..first], &stream[first..second], &stream[second..]];
            for each_time in [true, false] {
                let mut decoder = new(LIMIT);
                let mut came = Vec::new();
                for (number, part) in parts.iter().enumerate() {
                    decoder.push(part);
                    if each_time || number == 2 {
                        let more = take_all(&mut *decoder, 3).map_err(|e| {
                            Fault::new(format!("{} was pushed and decoded as {e:?}", show(&stream)))
                                .breaks(NOTHING_LOST)
                                .cause(CUT)
                        })?;
                        came.extend(more);
                    }
                }
                let did = format!(
                    "{}, {} and {} were pushed, and all messages taken {}",
                    show(parts[0]),
                    show(parts[1]),
                    show(parts[2]),
                    if each_time {
                        "behind each push"
                    } else {
                        "at the end"
                    }
                );
                let breaks = if each_time { NOTHING_LOST } else { PUSH };
                expect(&did, &messages.to_vec(), &came, breaks, CUT)?;
                let did = format!("{did}, then `end` was called");
                expect(&did, &Ok(()), &decoder.end(), END, WHOLE)?;
            }
        }
    }
    Ok(())
}

const ORDER: &str = "the length is two bytes, the more significant one first (from_be_bytes), and counts \
    the bytes behind it";
const ONE: &str = "a push may bring several messages, and only one of them was kept; or an empty message \
    was taken for none: it is Ok(Some(..)), and not Ok(None)";
const WHOLE: &str = "between two messages nothing is left over, also if the last one was empty";

fn decodes_many_in_one_push(new: NewDecoder) -> Step {
    // Nothing is taken until all is pushed; one message is taken before more is pushed.
    let mut decoder = new(LIMIT);
    decoder.push(b"\0\x01a\0\x01b\0");
    let did = "'\\0\\x01a\\0\\x01b\\0' was pushed";
    expect(did, &Ok(Some(b"a".to_vec())), &decoder.next(), NEXT, ONE)?;
    decoder.push(b"\x01c");
    for letter in [b"b", b"c"] {
        let did = "'\\0\\x01a\\0\\x01b\\0' was pushed, one message taken, and '\\x01c' pushed";
        let expected = Ok(Some(letter.to_vec()));
        expect(did, &expected, &decoder.next(), NOTHING_LOST, ONE)?;
    }
    expect("then all was taken", &Ok(None), &decoder.next(), NEXT, ONE)?;

    // Around each byte of the length, and the greatest there is.
    for length in [
        255, 256, 257, 511, 512, 32_767, 32_768, 65_280, 65_534, 65_535,
    ] {
        let long: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let mut decoder = new(100_000);
        decoder.push(&with_length(&long));
        let came = decoder.next();
        let did = format!("a message of {length} bytes was pushed (only lengths are shown)");
        let lengths = came.as_ref().map(|m| m.as_ref().map(Vec::len));
        expect(
            &did,
            &Ok(Some(length)),
            &lengths.map_err(|e| *e),
            PREFIX,
            ORDER,
        )?;
        let did = format!("a message of {length} bytes was pushed (is it the same?)");
        expect(&did, &true, &(came == Ok(Some(long))), NOTHING_LOST, ORDER)?;
        let did = format!("{did}, then `end` was called");
        expect(&did, &Ok(None), &decoder.next(), NEXT, ONE)?;
        expect(&did, &Ok(()), &decoder.end(), END, WHOLE)?;
    }
    Ok(())
}

fn tells_the_end(new: NewDecoder) -> Step {
    const OVER: &str = "the stream may end only between two messages: what is left over, be it one \
        byte of a length, is the beginning of a message that never became whole";
    let stream = b"\0\x02hi\0\x03hej";
    for end in 0..=stream.len() {
        let mut decoder = new(LIMIT);
        decoder.push(&stream[..end]);
        let _ = take_all(&mut *decoder, 2);
        let (expected, breaks) = match end {
            0 | 4 | 9 => (Ok(()), END),
            1..4 => (Err(DecodeError::Cut { got: end }), INSIDE),
            _ => (Err(DecodeError::Cut { got: end - 4 }), INSIDE),
        };
        let did = format!(
            "{} was pushed, all messages taken, and `end` called",
            show(&stream[..end])
        );
        expect(&did, &expected, &decoder.end(), breaks, OVER)?;
    }
    Ok(())
}

fn keeps_the_limit(new: NewDecoder) -> Step {
    const JUST: &str = "a message of just `limit` bytes is not too long";
    const AT_ONCE: &str = "the length was not compared with the limit as soon as it was there";
    const FIRST: &str = "the messages before the one that is too long come first";
    const REMEMBERS: &str = "behind a message that is refused nobody can find the next one: the \
        decoder has to remember that it has failed";
    let too_long = |length, limit| Err(DecodeError::TooLong { length, limit });
    for limit in [0, 1, 5, 255, 256, 257, 65_534, 65_535, 65_536, usize::MAX] {
        for length in [0, 1, limit.saturating_sub(1), limit] {
            let length = length.min(limit).min(65_535);
            let mut decoder = new(limit);
            decoder.push(&with_length(&vec![b'x'; length]));
            let came = decoder.next().map(|message| message.map(|m| m.len()));
            let did = format!(
                "the limit is {limit}, and a message of {length} bytes was pushed (only lengths are \
                 shown)"
            );
            expect(&did, &Ok(Some(length)), &came, FITS, JUST)?;
        }
        for length in [limit.saturating_add(1), 65_535] {
            if length <= limit || length > 65_535 {
                continue;
            }
            let prefix = (length as u16).to_be_bytes();
            let mut decoder = new(limit);
            decoder.push(b"\0\0");
            decoder.push(&prefix[..1]);
            let did =
                format!("the limit is {limit}, and an empty message and half a length were pushed");
            expect(&did, &Ok(Some(Vec::new())), &decoder.next(), FITS, JUST)?;
            expect(&did, &Ok(None), &decoder.next(), NEXT, AT_ONCE)?;
            decoder.push(&prefix[1..]);
            let did = format!(
                "the limit is {limit}, and the length {length} was pushed, with nothing behind it"
            );
            let expected = too_long(length, limit);
            expect(&did, &expected, &decoder.next(), GREATER, AT_ONCE)?;
            let did = "`next` was called again after TooLong";
            expect(did, &expected, &decoder.next(), FOR_EVER, REMEMBERS)?;
            for more in [&b"123456"[..], b"", b"\0\x01a", b"\0\0", &vec![0; 3000]] {
                decoder.push(more);
                let did = format!("{} was pushed behind a length that is too long", show(more));
                expect(&did, &expected, &decoder.next(), FOR_EVER, REMEMBERS)?;
            }
        }
    }

    // In one push with messages in front, and one behind.
    let mut decoder = new(5);
    decoder.push(b"\0\x02hi\0\0\xff\xff\0\x02hi");
    let did = "the limit is 5, and '\\0\\x02hi\\0\\0\\xff\\xff\\0\\x02hi' was pushed";
    expect(
        did,
        &Ok(Some(b"hi".to_vec())),
        &decoder.next(),
        GREATER,
        FIRST,
    )?;
    expect(did, &Ok(Some(Vec::new())), &decoder.next(), GREATER, FIRST)?;
    for _ in 0..3 {
        expect(
            did,
            &too_long(65_535, 5),
            &decoder.next(),
            FOR_EVER,
            REMEMBERS,
        )?;
    }
    Ok(())
}

/// Messages of many lengths, pushed in pieces of many lengths, taken now and then.
fn stands_any_order(new: NewDecoder) -> Step {
    const CAUSE: &str = "something is lost or changed where bytes are pushed while messages wait to be \
        taken";
    // The same numbers each time, without a pattern.
    let mut state = 12_345_u32;
    let mut number = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    for round in 0..60 {
        let messages: Vec<Vec<u8>> = (0..20)
            .map(|_| {
                let length = [0, 1, 2, 3, 300][number(5) as usize];
                (0..length).map(|_| number(256) as u8).collect()
            })
            .collect();
        let stream: Vec<u8> = messages.iter().flat_map(|m| with_length(m)).collect();
        let (mut decoder, mut came, mut from) = (new(LIMIT), Vec::new(), 0);
        while from < stream.len() {
            let to = stream
                .len()
                .min(from + number(if round % 2 == 0 { 9 } else { 700 }) as usize);
            decoder.push(&stream[from..to]);
            from = to;
            for _ in 0..number(4) {
                match decoder.next() {
                    Ok(Some(message)) => came.push(message),
                    Ok(None) => break,
                    Err(e) => {
                        let did = "20 messages were pushed in pieces, and some taken now and then";
                        return expect(
                            did,
                            &"no error",
                            &format!("{e:?}").as_str(),
                            NOTHING_LOST,
                            CAUSE,
                        );
                    }
                }
            }
        }
        came.extend(take_all(&mut *decoder, 20).unwrap_or_default());
        let did = "20 messages were pushed in pieces, and some taken now and then";
        expect(
            &format!("{did} (counted here)"),
            &20,
            &came.len(),
            NOTHING_LOST,
            CAUSE,
        )?;
        let difference = compare(&messages.concat(), &came.concat());
        difference.map_err(|difference| {
            Fault::new(format!("{did}; all their bytes\n{difference}"))
                .breaks(NOTHING_LOST)
                .cause(CAUSE)
        })?;
        expect(
            &format!("{did} (are their borders right?)"),
            &true,
            &(came == messages),
            NOTHING_LOST,
            CAUSE,
        )?;
    }
    Ok(())
}

fn wastes_no_time(new: NewDecoder) -> Step {
    const MOVED: &str = "what is left is moved to the front for every message (drain, remove, to_vec): \
        the time grows with the square of the bytes";
    let many = |messages: usize| {
        let mut decoder = new(LIMIT);
        let bytes = vec![0; 2 * messages];
        let (came, took) = work_of(|| {
            decoder.push(&bytes);
            let mut came = 0;
            while came <= messages && decoder.next() == Ok(Some(Vec::new())) {
                came += 1;
            }
            came
        });
        let did = "so many empty messages were pushed at once, and counted";
        expect(did, &messages, &came, NEXT, ONE)?;
        Ok(took)
    };
    let what = "so many empty messages were pushed at once, and taken";
    expect_linear(what, 4096, 512 * 1024, many)
        .breaks(TIME)
        .cause(MOVED)?;

    // The same with messages that have bytes.
    let full = |messages: usize| {
        let mut decoder = new(LIMIT);
        let bytes = with_length(b"12345678").repeat(messages);
        let (came, took) = work_of(|| {
            decoder.push(&bytes);
            let mut came = 0;
            while came <= messages && decoder.next().is_ok_and(|message| message.is_some()) {
                came += 1;
            }
            came
        });
        let did = "so many messages of eight bytes were pushed at once, and counted";
        expect(did, &messages, &came, NEXT, ONE)?;
        Ok(took)
    };
    let what = "so many messages of eight bytes were pushed at once, and taken";
    expect_linear(what, 4096, 256 * 1024, full)
        .breaks(TIME)
        .cause(MOVED)?;

    // Messages of 60,000 bytes in pushes of one byte: longer ones there are not.
    let one_by_one = |bytes: usize| {
        let mut decoder = new(100_000);
        let message = with_length(&vec![b'x'; bytes]);
        let (came, took) = work_of(|| {
            message.iter().any(|byte| {
                decoder.push(std::slice::from_ref(byte));
                decoder
                    .next()
                    .is_ok_and(|message| message.is_some_and(|m| m.len() == bytes))
            })
        });
        let did = "one message was pushed one byte at a time";
        expect(did, &true, &came, NOTHING_LOST, "it never came out")?;
        Ok(took)
    };
    let what = "one message of so many bytes was pushed one byte at a time";
    expect_linear(what, 1000, 64_000, one_by_one).breaks(TIME).cause(
        "all that has come is copied, or searched, again for each push: the time grows with the square \
         of the bytes",
    )
}

fn decodes_a_connection(trial: &Trial, new: NewDecoder) -> Step {
    let messages: Vec<Vec<u8>> = (0..200).map(|n| vec![b'm'; n]).collect();
    let stream: Vec<u8> = messages.iter().flat_map(|m| with_length(m)).collect();
    let (mut peer, mut socket) = trial.pair()?;
    let theirs = socket.try_clone().map_err(failed)?;
    let attempt = trial.start(move || -> io::Result<_> {
        let mut decoder = new(LIMIT);
        let (mut buffer, mut came) = ([0; 777], Vec::new());
        loop {
            let n = socket.read(&mut buffer)?;
            if n == 0 {
                return Ok((came, decoder.end()));
            }
            decoder.push(&buffer[..n]);
            while came.len() <= 200 {
                match decoder.next() {
                    Ok(Some(message)) => came.push(message),
                    _ => break,
                }
            }
        }
    });
    peer.send_one_by_one(&stream[..20], &theirs)?;
    peer.send(&stream[20..])?;
    peer.half_close()?;
    let (came, end) = attempt.result()?.map_err(failed)?;
    let cause = "something was lost between two pushes";
    expect(
        "200 messages came over a connection (counted here)",
        &200,
        &came.len(),
        NOTHING_LOST,
        cause,
    )?;
    expect(
        "200 messages came over a connection (are they right?)",
        &true,
        &(came == messages),
        NOTHING_LOST,
        cause,
    )?;
    expect(
        "200 messages came over a connection, then `end` was called",
        &Ok(()),
        &end,
        END,
        cause,
    )
}
