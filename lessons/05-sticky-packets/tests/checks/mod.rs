//! What "right" means for each exercise of lesson 5: functions to which any solution is handed.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{
    Attempt, Explain, Fault, Peer, Step, Trial, Verdict, WAIT, check, compare, show,
};
use sticky_packets::contract::{Decode, DecodeError};

pub type Split = fn(TcpStream, usize, &mut dyn FnMut(&[u8])) -> io::Result<Vec<u8>>;
pub type AskAll = fn(&TcpStream, &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>>;
pub type NewDecoder = fn(usize) -> Box<dyn Decode>;

const THE_IDEA: &str = "docs/05-sticky-packets.md: The idea";
const READ_THE_CODE: &str = "docs/05-sticky-packets.md: Read the code";
const ONE_MORE: &str = "docs/05-sticky-packets.md: One byte more";
const NAGLE: &str = "docs/05-sticky-packets.md: What Nagle does cost";
const FOUR_WAYS: &str = "docs/05-sticky-packets.md: Four ways to frame";

/// 5.1 Split at newlines.
pub fn split(split: Split) -> Verdict {
    check(move |trial| {
        splits_at_once(trial, split).read(THE_IDEA)?;
        splits_for_any_size(trial, split).read(ONE_MORE)?;
        reads_no_more_than_size(trial, split).read(READ_THE_CODE)?;
        reports_a_reset(trial, split).read(READ_THE_CODE)
    })
}

/// The check's side, the messages as they are handed over, and the function at work.
type Splitting = (Peer, Receiver<Vec<u8>>, Attempt<io::Result<Vec<u8>>>);

fn start_split(trial: &Trial, split: Split, size: usize) -> Step<Splitting> {
    let (peer, stream) = trial.pair()?;
    let (sender, messages) = mpsc::channel();
    let attempt = trial.start(move || {
        split(stream, size, &mut |message| {
            let _ = sender.send(message.to_vec());
        })
    });
    Ok((peer, messages, attempt))
}

const ACROSS_READS: &str = "what a read leaves behind its last \\n is the beginning of the next \
    message: it must be kept, and put in front of what the next read returns";

fn splits_at_once(trial: &Trial, split: Split) -> Step {
    const SEVERAL: &str = "a read may bring several messages: all of them go to `each` before the \
        next read, and nothing is kept until the end";
    let (mut peer, messages, attempt) = start_split(trial, split, 64)?;
    let stream = "hej\nпривет\nhi\n\nho";
    for (part, expected) in [
        (&stream.as_bytes()[..4], &["hej"][..]),
        (&stream.as_bytes()[4..9], &[]), // the third letter is cut
        (&stream.as_bytes()[9..], &["привет", "hi", ""]),
        (b"la\n", &["hola"]),
        (b"the rest", &[]),
    ] {
        peer.send(part)?;
        for message in expected {
            let came = messages.recv_timeout(WAIT / 2).map_err(|_| {
                Fault::new(format!(
                    "{} was sent and nothing behind it: expected that `each` is called with \
                     '{message}', but it was not called",
                    show(part)
                ))
                .cause(SEVERAL)
            })?;
            compare(message.as_bytes(), &came).map_err(|difference| {
                Fault::new(format!("{} was sent\n{difference}", show(part))).cause(ACROSS_READS)
            })?;
        }
    }
    peer.half_close()?;
    let rest = returned(&attempt)?;
    compare(b"the rest", &rest).map_err(|difference| {
        Fault::new(format!(
            "the stream ended without a \\n behind 'the rest', which you should return\n{difference}"
        ))
        .cause("the bytes behind the last \\n were lost, or taken for a message")
    })?;
    match messages.try_recv() {
        Err(_) => Ok(()),
        Ok(message) => Err(Fault::new(format!(
            "`each` was called once more than there were messages, with {}",
            show(&message)
        ))
        .cause("what came behind the last \\n is no message: nobody knows whether it is whole")),
    }
}

/// What the function returned; the stream ended well.
fn returned<T>(attempt: &Attempt<io::Result<T>>) -> Step<T> {
    let returned = attempt
        .result()
        .cause("a read of 0 does not end the loop")?;
    returned.map_err(|e| Fault::new(format!("the stream ended well, but you returned {e}")))
}

fn splits_for_any_size(trial: &Trial, split: Split) -> Step {
    let sizes = (1..=40).chain([63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 300, 301, 302]);
    let sizes = sizes.chain([511, 512, 513, 1000, 1023, 1024, 1025, 2048, 4095, 4096]);
    for size in sizes {
        let long = if size < 50 { 300 } else { 5000 };
        let messages: Vec<Vec<u8>> = vec![
            b"".to_vec(),
            b"with a return\r".to_vec(),
            b" spaces ".to_vec(),
            "你好, привет".into(),
            (0..=255).filter(|&byte| byte != b'\n').collect(),
            b"".to_vec(),
            b"".to_vec(),
            vec![b'x'; long],
            b"last".to_vec(),
        ];
        let mut stream = messages.join(&b'\n');
        stream.push(b'\n');

        let (mut peer, received, attempt) = start_split(trial, split, size)?;
        peer.send(&stream)?;
        peer.half_close()?;
        let rest = returned(&attempt)?;
        let received: Vec<Vec<u8>> = received.try_iter().collect();
        let circumstances = format!(
            "{} messages were sent in {} bytes, and you were told to read {size} at a time",
            messages.len(),
            stream.len()
        );
        for (number, (expected, came)) in messages.iter().zip(&received).enumerate() {
            compare(expected, came).map_err(|difference| {
                Fault::new(format!("message {}\n{difference}", number + 1))
                    .when(&circumstances)
                    .cause(if *expected == came.trim_ascii() || *came == expected.trim_ascii() {
                        "only \\n ends a message, and only \\n is cut off: \\r and spaces belong to it"
                    } else if came.len() < expected.len() && size < expected.len() {
                        ACROSS_READS
                    } else {
                        "the bytes were taken for text, or the empty message was left out"
                    })
            })?;
        }
        if received.len() != messages.len() {
            return Err(
                Fault::new(format!("`each` was called {} times", received.len()))
                    .when(&circumstances)
                    .cause(ACROSS_READS),
            );
        }
        if !rest.is_empty() {
            return Err(Fault::new(format!(
                "nothing came behind the last \\n, but you returned {}",
                show(&rest)
            ))
            .when(&circumstances)
            .cause("a message that was handed over is still kept"));
        }
    }
    Ok(())
}

fn reads_no_more_than_size(trial: &Trial, split: Split) -> Step {
    const STREAM: &[u8] = b"1234\n1234\n1234\n1234\n";
    const SIZE: usize = 5;
    let failed = |e: io::Error| Fault::new(format!("the check's socket failed: {e}"));
    let (mut peer, stream) = trial.pair()?;
    let look = stream.try_clone().map_err(failed)?;
    peer.send(STREAM)?;
    peer.half_close()?;
    let since = Instant::now();
    let mut buffer = [0; STREAM.len() + 1];
    while look.peek(&mut buffer).map_err(failed)? < STREAM.len() {
        if since.elapsed() > WAIT {
            return Err(Fault::new("the check's own bytes did not arrive"));
        }
        thread::sleep(Duration::from_millis(1)); // between two looks
    }
    let attempt = trial.start(move || {
        let mut unread = None;
        let result = split(stream, SIZE, &mut |_| {
            unread.get_or_insert_with(|| look.peek(&mut [0; STREAM.len()]).unwrap_or(0));
        });
        result.map(|_| unread.unwrap_or(0))
    });
    let unread = returned(&attempt)?;
    if unread == STREAM.len() - SIZE {
        return Ok(());
    }
    Err(Fault::new(format!(
        "four messages of {SIZE} bytes lay in the socket, and you were told to read {SIZE} at a \
         time: when `each` was first called, {} bytes had been read",
        STREAM.len() - unread
    ))
    .cause("a buffer that is not `size` bytes long, such as the 8 KiB of a BufReader::new"))
}

fn reports_a_reset(trial: &Trial, split: Split) -> Step {
    let (mut peer, messages, attempt) = start_split(trial, split, 64)?;
    peer.send(b"hej\nhalf a mess")?;
    let _ = messages.recv_timeout(WAIT / 2);
    peer.reset();
    match attempt.result()? {
        Err(_) => Ok(()),
        Ok(_) => Err(
            Fault::new("the other side reset the connection, and you returned Ok")
                .cause("an error of read is taken for the end of the stream"),
        ),
    }
}

/// 5.2 Kill the 40 ms.
pub fn ask_all(ask_all: AskAll) -> Verdict {
    check(move |trial| {
        asks_one_by_one(trial, ask_all).read(FOUR_WAYS)?;
        refuses_what_does_not_fit(trial, ask_all).read(FOUR_WAYS)?;
        reports_a_cut_answer(trial, ask_all).read(READ_THE_CODE)?;
        does_not_stall(trial, ask_all).read(NAGLE)
    })
}

/// The check's server, and the function at work.
type Asking = (Peer, Attempt<io::Result<Vec<Vec<u8>>>>);

fn start_asking(trial: &Trial, ask_all: AskAll, questions: &[Vec<u8>]) -> Step<Asking> {
    let (peer, stream) = trial.pair()?;
    let questions = questions.to_vec();
    Ok((peer, trial.start(move || ask_all(&stream, &questions))))
}

/// One byte with the length, and then so many bytes.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u8::try_from(message.len()).expect("the check's messages are short");
    [&[length], message].concat()
}

const ON_THE_WIRE: &str = "what is sent is not one byte with the length and then so many bytes; or \
    it still lies in a BufWriter that was not flushed before the answer is read";

fn asks_one_by_one(trial: &Trial, ask_all: AskAll) -> Step {
    const TOO_EARLY: &str = "the next question is sent before the answer is whole (one read is not an \
        answer), or all questions are sent before the first answer is read: that is fast too, but \
        this server takes one at a time";
    let questions = [
        b"how are you?".to_vec(),
        Vec::new(),
        (1..=255).collect(),
        b"bye\n".to_vec(),
    ];
    let answers = [
        (0..=254).collect(),
        b"fine".to_vec(),
        Vec::new(),
        b"b".to_vec(),
    ];
    let (mut server, attempt) = start_asking(trial, ask_all, &questions)?;
    for (question, answer) in questions.iter().zip(&answers) {
        server
            .expect(&framed(question), "the next question should be sent")
            .cause(ON_THE_WIRE)?;
        let too_early = server
            .stream()
            .set_read_timeout(Some(Duration::from_millis(30)));
        if too_early.is_ok() && server.stream().peek(&mut [0]).is_ok_and(|n| n > 0) {
            return Err(Fault::new(format!(
                "after the question {} more came before it was answered",
                show(question)
            ))
            .cause(TOO_EARLY));
        }
        let answer = framed(answer);
        let (first, rest) = answer.split_at(answer.len().min(3));
        server.send(first)?;
        if !rest.is_empty() {
            thread::sleep(Duration::from_millis(150)); // the pace of the server
            server.send(rest)?;
        }
    }
    let came = attempt.result()?;
    let came =
        came.map_err(|e| Fault::new(format!("every question was answered, but you returned {e}")))?;
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
    .cause("an answer is whole when as many bytes are there as its first byte says, not after one read"))
}

fn refuses_what_does_not_fit(trial: &Trial, ask_all: AskAll) -> Step {
    const TOO_LONG: &str = "`as u8` keeps the lowest eight bits of the length and says nothing: \
        u8::try_from does not";
    let (mut server, attempt) = start_asking(trial, ask_all, &[vec![b'?'; 256]])?;
    let result = attempt
        .result()
        .cause(TOO_LONG)
        .when("a question has 256 bytes")?;
    if !matches!(&result, Err(e) if e.kind() == ErrorKind::InvalidInput) {
        return Err(Fault::new(format!(
            "a question has 256 bytes: expected the error InvalidInput, got {result:?}"
        ))
        .cause(TOO_LONG));
    }
    server
        .expect_end("nothing of a question that is too long should be sent")
        .cause(TOO_LONG)
}

fn reports_a_cut_answer(trial: &Trial, ask_all: AskAll) -> Step {
    for answer in [&b""[..], b"\x05hal"] {
        let (mut server, attempt) = start_asking(trial, ask_all, &[b"hello".to_vec()])?;
        server
            .expect(b"\x05hello", "the question should be sent")
            .cause(ON_THE_WIRE)?;
        // Where this fails the function has returned already, and its result says more.
        let _ = server.send(answer);
        let _ = server.half_close();
        let result = attempt
            .result()
            .cause("a read of 0 does not end the loop")?;
        if !matches!(&result, Err(e) if e.kind() == ErrorKind::UnexpectedEof) {
            return Err(Fault::new(format!(
                "the server sent only {} and closed: expected the error UnexpectedEof, got {result:?}",
                show(answer)
            ))
            .cause("a read of 0 is an end, and an end inside an answer is an error; what one read returned is not an answer: see read_exact"));
        }
    }
    Ok(())
}

fn does_not_stall(trial: &Trial, ask_all: AskAll) -> Step {
    /// More than the contract says: the slack is for a busy machine. A stall costs 2 s.
    const LATEST: Duration = Duration::from_millis(1200);
    let questions = vec![b"are you there?".to_vec(); 50];
    let (mut server, attempt) = start_asking(trial, ask_all, &questions)?;
    let start = Instant::now();
    for (number, question) in questions.iter().enumerate() {
        server
            .expect(&framed(question), "the next question should be sent")
            .cause(ON_THE_WIRE)?;
        if start.elapsed() > LATEST {
            return Err(Fault::new(format!(
                "50 questions should take less than 0.5 s; {} took {:.1} s, about {} ms each",
                number + 1,
                start.elapsed().as_secs_f64(),
                start.elapsed().as_millis() / (number as u128 + 1)
            ))
            .cause(
                "two small writes, then a read: the second write waits until the first is \
                 acknowledged, and flush does not help",
            ));
        }
        server.send(b"\x03yes")?;
    }
    let _ = attempt.result()?;
    Ok(())
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
            wastes_no_time(new).read("docs/05-sticky-packets.md: In production")
        });
        attempt.result().read(THE_IDEA)??;
        decodes_a_connection(trial, new).read(THE_IDEA)
    })
}

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
fn expect<T: PartialEq + std::fmt::Debug>(did: &str, expected: &T, came: &T, cause: &str) -> Step {
    if expected == came {
        return Ok(());
    }
    Err(Fault::new(format!("{did}\nexpected {expected:?}\ncame     {came:?}")).cause(cause))
}

fn decodes_every_cut(new: NewDecoder) -> Step {
    const CUT: &str = "a push may end anywhere, also between the two bytes of the length: nothing \
        may be read before it is there, and nothing may be lost of what is";
    let messages = [b"hej".to_vec(), Vec::new(), vec![0, 1, b'\n']];
    let stream: Vec<u8> = messages.iter().flat_map(|m| with_length(m)).collect();

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
        expect(&did, &Ok(expected), &take_all(&mut *decoder, 3), CUT)?;
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
                expect(&did, &messages.to_vec(), &came, CUT)?;
                expect(
                    &format!("{did}, then `end` was called"),
                    &Ok(()),
                    &decoder.end(),
                    CUT,
                )?;
            }
        }
    }
    Ok(())
}

fn decodes_many_in_one_push(new: NewDecoder) -> Step {
    // Nothing is taken until all is pushed; one message is taken before more is pushed.
    let mut decoder = new(LIMIT);
    decoder.push(b"\0\x01a\0\x01b\0");
    expect(
        "'\\0\\x01a\\0\\x01b\\0' was pushed",
        &Ok(Some(b"a".to_vec())),
        &decoder.next(),
        ONE,
    )?;
    decoder.push(b"\x01c");
    for letter in [b"b", b"c"] {
        let did = "'\\0\\x01a\\0\\x01b\\0' was pushed, one message taken, and '\\x01c' pushed";
        expect(did, &Ok(Some(letter.to_vec())), &decoder.next(), ONE)?;
    }
    expect("then all was taken", &Ok(None), &decoder.next(), ONE)?;

    let long = vec![b'x'; 65_535];
    let mut decoder = new(100_000);
    decoder.push(&with_length(&long));
    let came = decoder.next().map(|message| message.map(|m| m.len()));
    let did = "a message of 65,535 bytes was pushed (only lengths are shown)";
    expect(
        did,
        &Ok(Some(65_535)),
        &came,
        "the length is two bytes, the more significant one first",
    )
}

const ONE: &str = "a push may bring several messages, and only one of them was kept";

fn tells_the_end(new: NewDecoder) -> Step {
    const END: &str = "the stream may end only between two messages: what is left over, be it one \
        byte of a length, is the beginning of a message that never became whole";
    let stream = b"\0\x02hi\0\x03hej";
    for end in 0..=stream.len() {
        let mut decoder = new(LIMIT);
        decoder.push(&stream[..end]);
        let _ = take_all(&mut *decoder, 2);
        let expected = match end {
            0 | 4 | 9 => Ok(()),
            1..4 => Err(DecodeError::Cut { got: end }),
            _ => Err(DecodeError::Cut { got: end - 4 }),
        };
        let did = format!(
            "{} was pushed, all messages taken, and `end` called",
            show(&stream[..end])
        );
        expect(&did, &expected, &decoder.end(), END)?;
    }
    Ok(())
}

fn keeps_the_limit(new: NewDecoder) -> Step {
    const AT_ONCE: &str = "the length was not compared with the limit as soon as it was there, or \
        a message of just `limit` bytes was refused";
    const FOR_EVER: &str = "behind a message that is refused nobody can find the next one: the \
        decoder has to remember that it has failed";
    let mut decoder = new(5);
    decoder.push(b"\0\x05hello\0");
    let did = "the limit is 5, and '\\0\\x05hello\\0' was pushed";
    expect(did, &Ok(Some(b"hello".to_vec())), &decoder.next(), AT_ONCE)?;
    expect(did, &Ok(None), &decoder.next(), AT_ONCE)?;
    decoder.push(&[6]);
    let too_long = Err(DecodeError::TooLong {
        length: 6,
        limit: 5,
    });
    let did = "the limit is 5, and the length 6 was pushed, with nothing behind it";
    expect(did, &too_long, &decoder.next(), AT_ONCE)?;
    expect(
        "`next` was called again after TooLong",
        &too_long,
        &decoder.next(),
        FOR_EVER,
    )?;
    for more in [&b"123456"[..], b"\0\x01a"] {
        decoder.push(more);
        let did = format!("{} was pushed behind a length that is too long", show(more));
        expect(&did, &too_long, &decoder.next(), FOR_EVER)?;
    }

    // In one push with a message in front, and one behind.
    let mut decoder = new(5);
    decoder.push(b"\0\x02hi\xff\xff\0\x02hi");
    let did = "the limit is 5, and '\\0\\x02hi\\xff\\xff\\0\\x02hi' was pushed";
    expect(did, &Ok(Some(b"hi".to_vec())), &decoder.next(), AT_ONCE)?;
    for _ in 0..3 {
        let too_long = Err(DecodeError::TooLong {
            length: 65_535,
            limit: 5,
        });
        expect(did, &too_long, &decoder.next(), FOR_EVER)?;
    }
    Ok(())
}

fn wastes_no_time(new: NewDecoder) -> Step {
    let messages = 256 * 1024;
    let mut decoder = new(LIMIT);
    let start = Instant::now();
    decoder.push(&vec![0; 2 * messages]);
    let mut came = 0;
    while let Ok(Some(_)) = decoder.next() {
        came += 1;
        if start.elapsed() > Duration::from_secs(1) {
            return Err(Fault::new(format!(
                "{messages} empty messages were pushed at once, and after a second only {came} of \
                 them had come out"
            ))
            .cause(
                "what is left is moved to the front for every message (drain, remove, to_vec): the \
                 time grows with the square of the bytes",
            ));
        }
        if came > messages {
            break;
        }
    }
    let did = "512 KiB of empty messages were pushed at once, and counted";
    expect(did, &messages, &came, ONE)
}

fn decodes_a_connection(trial: &Trial, new: NewDecoder) -> Step {
    let messages: Vec<Vec<u8>> = (0..200).map(|n| vec![b'm'; n]).collect();
    let stream: Vec<u8> = messages.iter().flat_map(|m| with_length(m)).collect();
    let (mut peer, mut socket) = trial.pair()?;
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
    peer.dribble(&stream[..20], Duration::from_millis(1))?;
    peer.send(&stream[20..])?;
    peer.half_close()?;
    let (came, end) = attempt
        .result()?
        .map_err(|e| Fault::new(format!("the check's connection failed: {e}")))?;
    let cause = "something was lost between two pushes";
    expect(
        "200 messages came over a connection (counted here)",
        &200,
        &came.len(),
        cause,
    )?;
    expect(
        "200 messages came over a connection (are they right?)",
        &true,
        &(came == messages),
        cause,
    )?;
    expect(
        "200 messages came over a connection, then `end` was called",
        &Ok(()),
        &end,
        cause,
    )
}
