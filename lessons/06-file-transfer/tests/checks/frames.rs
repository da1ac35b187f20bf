//! 6.1 read_frame and write_frame.

use std::io::{self, Read};
use std::time::Duration;

use course::exercise::{Explain, Fault, Peer, Step, Trial, Verdict, check, compare, show};
use shared::frame::FrameError;

use super::{Frames, ReadFrame, WriteFrame};

const THE_IDEA: &str = "docs/06-file-transfer.md: The idea";
const READ_THE_CODE: &str = "docs/06-file-transfer.md: Read the code";
const ON_THE_WIRE: &str = "docs/06-file-transfer.md: On the wire";
const BYTE_ORDER: &str = "docs/06-file-transfer.md: The sides disagree about the byte order";
const SWALLOWS: &str = "docs/06-file-transfer.md: The BufReader that swallows the file";

/// The limit where nothing else is said.
const LIMIT: u32 = 100_000;

/// 6.1 read_frame and write_frame.
pub fn frames(frames: Frames) -> Verdict {
    check(move |trial| {
        writes_frames(trial, frames.write).read(ON_THE_WIRE)?;
        writes_once(trial, frames.write).read(READ_THE_CODE)?;
        reads_a_frame(trial, frames.read).read(THE_IDEA)?;
        reads_frame_after_frame(trial, frames.read).read(SWALLOWS)?;
        tells_the_ends_apart(trial, frames.read).read(READ_THE_CODE)?;
        keeps_the_limit(trial, frames.read).read(BYTE_ORDER)?;
        reports_a_reset(trial, frames.read).read(READ_THE_CODE)
    })
}

fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("the check's bodies are short");
    [&length.to_be_bytes()[..], body].concat()
}

fn writes_frames(trial: &Trial, write: WriteFrame) -> Step {
    let bodies = [
        b"hej".to_vec(),
        Vec::new(),
        (0..=255).collect(),
        "塑料王国".into(),
        vec![b'x'; 300_000],
    ];
    for body in bodies {
        let (mut peer, stream) = trial.pair()?;
        let expected = framed(&body);
        let did = format!("write_frame was given {}", show(&body));
        let attempt = trial.start(move || write(&stream, &body));
        let came = peer.read_to_end(2 * expected.len())?;
        compare(&expected, &came).map_err(|difference| {
            Fault::new(format!("{did}\n{difference}")).cause(
                "the length is four bytes, the most significant one first (to_be_bytes), and \
                 counts the bytes of the body only",
            )
        })?;
        let returned = attempt.result()?;
        returned
            .map_err(|e| Fault::new(format!("{did}, all of it arrived, and you returned {e}")))?;
    }
    Ok(())
}

fn writes_once(trial: &Trial, write: WriteFrame) -> Step {
    // The other side answers each frame, so that TCP soon delays its acknowledgements. What was
    // written in two pieces then also comes in two.
    const ROUNDS: usize = 30;
    let (mut peer, stream) = trial.pair()?;
    let attempt = trial.start(move || -> io::Result<()> {
        for _ in 0..ROUNDS {
            write(&stream, b"hej")?;
            (&stream).read_exact(&mut [0])?;
        }
        Ok(())
    });
    for _ in 0..ROUNDS {
        let mut came = [0; 100];
        match peer.read(&mut came)? {
            Some(7) => peer.send(b".")?,
            Some(n) => {
                return Err(Fault::new(format!(
                    "write_frame was given 'hej', and the first read of the other side returned {n} \
                     bytes of 7"
                ))
                .cause("length and body leave in two writes: put them into one buffer first"));
            }
            None => return Err(Fault::new("write_frame was given 'hej', and nothing came")),
        }
    }
    let _ = attempt.result()?;
    Ok(())
}

/// What `read` returned, as far as it matters, in words.
fn told(result: &Result<Option<Vec<u8>>, FrameError>) -> String {
    match result {
        Ok(None) => "Ok(None)".to_owned(),
        Ok(Some(body)) => format!("Ok(Some({}))", show(body)),
        Err(error) => format!("Err({error:?})"),
    }
}

/// Sends bytes to one call of `read` and compares what it returns. Then closes, if `close` is set.
fn one_call(
    trial: &Trial,
    (read, limit): (ReadFrame, u32),
    (bytes, close): (&[u8], bool),
    expected: &Result<Option<Vec<u8>>, FrameError>,
    cause: &str,
) -> Step {
    let (mut peer, stream) = trial.pair()?;
    let attempt = trial.start(move || read(&stream, limit));
    // Where sending fails the function has returned already, and its result says more.
    let _ = peer.send(bytes);
    let then = if close {
        let _ = peer.half_close();
        "then the end"
    } else {
        "and the connection left open"
    };
    let did = format!("{} was sent, {then}; the limit is {limit}", show(bytes));
    let result = attempt.result().when(&did).cause(cause)?;
    if told(&result) == told(expected) {
        return Ok(());
    }
    Err(Fault::new(format!(
        "{did}\nexpected {}\ncame     {}",
        told(expected),
        told(&result)
    ))
    .cause(cause))
}

fn reads_a_frame(trial: &Trial, read: ReadFrame) -> Step {
    for body in [&b"hej"[..], b"", &[0xff; 3000]] {
        let cause = "the empty body is a body; and when the frame is whole there is nothing more \
            to wait for";
        let whole = Ok(Some(body.to_vec()));
        one_call(trial, (read, LIMIT), (&framed(body), false), &whole, cause)?;
    }

    const PIECES: &str = "one read need not return four bytes, nor the whole body: only read_exact \
        or a loop does";
    let (mut peer, stream) = trial.pair()?;
    let attempt = trial.start(move || read(&stream, LIMIT));
    let dribbled = peer.dribble(&framed(b"hello"), Duration::from_millis(10));
    dribbled.cause(PIECES)?;
    let result = attempt.result().cause(PIECES)?;
    if told(&result) == "Ok(Some('hello'))" {
        return Ok(());
    }
    Err(Fault::new(format!(
        "a frame with 'hello' was sent one byte at a time, and you returned {}",
        told(&result)
    ))
    .cause(PIECES))
}

fn reads_frame_after_frame(trial: &Trial, read: ReadFrame) -> Step {
    let bodies = [
        b"one".to_vec(),
        Vec::new(),
        (0..=255).collect(),
        vec![b'x'; LIMIT as usize],
        b"last".to_vec(),
    ];
    let bytes: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
    let (mut peer, stream) = trial.pair()?;
    let attempt = trial.start(move || {
        let mut came = Vec::new();
        loop {
            match read(&stream, LIMIT) {
                Ok(Some(body)) if came.len() < 10 => came.push(body),
                end => return (came, end),
            }
        }
    });
    let _ = send(&mut peer, &bytes); // where it fails, the result says more
    let (came, end) = attempt.result()?;
    let fault = |what: String| {
        Fault::new(format!(
            "five frames were sent in one write, and read_frame called until it returned no more: \
             {what}"
        ))
        .cause(
            "more was read than one frame, and thrown away with the reader that kept it, such as a \
             BufReader of your own for each call",
        )
    };
    for (number, (expected, came)) in bodies.iter().zip(&came).enumerate() {
        compare(expected, came)
            .map_err(|difference| fault(format!("frame {}\n{difference}", number + 1)))?;
    }
    if came.len() == bodies.len() && matches!(end, Ok(None)) {
        return Ok(());
    }
    Err(fault(format!(
        "{} frames came, then {}",
        came.len(),
        told(&end)
    )))
}

/// Sends all, whatever the reader does, and half-closes.
fn send(peer: &mut Peer, bytes: &[u8]) -> Step {
    peer.send(bytes)?;
    peer.half_close()
}

fn tells_the_ends_apart(trial: &Trial, read: ReadFrame) -> Step {
    let frame = framed(b"hello");
    for end in 0..=frame.len() {
        let expected = match end {
            0 => Ok(None),
            1..4 => Err(FrameError::EndInLength { got: end }),
            9 => Ok(Some(b"hello".to_vec())),
            _ => {
                let (got, of) = (end - 4, 5);
                Err(FrameError::EndInBody { got, of })
            }
        };
        let cause = "an end before the first byte is a good one, an end at any other place is not; \
            and take(n) returns fewer than n bytes, without an error, if no more came";
        one_call(
            trial,
            (read, LIMIT),
            (&frame[..end], true),
            &expected,
            cause,
        )?;
    }
    Ok(())
}

fn keeps_the_limit(trial: &Trial, read: ReadFrame) -> Step {
    const AT_ONCE: &str = "the length is from a stranger: it must be compared with the limit before \
        anything is done with it, and a body of just `limit` bytes is none too long";
    for (length, limit) in [
        (6, 5),
        (1, 0),
        (u32::from_be_bytes(*b"GET "), 65_536),
        (0x8000_0000, 65_536), // negative, if it is taken for an i32
        (u32::MAX, u32::MAX - 1),
    ] {
        let prefix = length.to_be_bytes();
        let expected = Err(FrameError::TooLong {
            prefix,
            length,
            limit,
        });
        one_call(trial, (read, limit), (&prefix, false), &expected, AT_ONCE)?;
    }
    let fits = Ok(Some(b"hello".to_vec()));
    one_call(trial, (read, 5), (&framed(b"hello"), false), &fits, AT_ONCE)?;

    // What is behind the length stays there.
    let failed = |e: io::Error| Fault::new(format!("the check's socket failed: {e}"));
    let (mut peer, stream) = trial.pair()?;
    let look = stream.try_clone().map_err(failed)?;
    send(&mut peer, b"\0\0\0\x06hello!")?;
    let attempt = trial.start(move || read(&stream, 5).is_err());
    let _ = attempt.result()?;
    // All that was sent and not read, up to the end.
    let (mut left, mut rest) = (Vec::new(), look);
    rest.set_read_timeout(Some(Duration::from_secs(1)))
        .map_err(failed)?;
    rest.read_to_end(&mut left).map_err(failed)?;
    compare(b"hello!", &left).map_err(|difference| {
        Fault::new(format!(
            "a frame of 6 bytes was sent, the limit is 5; then the check read what you left\n\
             {difference}"
        ))
        .cause(AT_ONCE)
    })
}

fn reports_a_reset(trial: &Trial, read: ReadFrame) -> Step {
    for bytes in [&b"\0\0"[..], b"\0\0\0\x05hel"] {
        let (mut peer, stream) = trial.pair()?;
        let attempt = trial.start(move || read(&stream, LIMIT));
        peer.send(bytes)?;
        peer.reset();
        let result = attempt.result()?;
        if !matches!(result, Err(FrameError::Io(_))) {
            return Err(Fault::new(format!(
                "{} was sent, then a reset: expected Err(Io(..)), got {}",
                show(bytes),
                told(&result)
            ))
            .cause("an error of read is taken for the end of the stream"));
        }
    }
    Ok(())
}
