//! 6.1 read_frame and write_frame.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
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
        reports_what_writing_failed_with(trial, frames.write).read(READ_THE_CODE)?;
        reads_a_frame(trial, frames.read).read(THE_IDEA)?;
        reads_pieces(trial, frames.read).read(READ_THE_CODE)?;
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
    const ON_WIRE: &str = "On the wire a frame";
    let bodies = [
        b"hej".to_vec(),
        Vec::new(),
        (0..=255).collect(),
        "塑料王国".into(),
        vec![0; 65_536],
        vec![b'x'; 300_000],
    ];
    for body in bodies {
        // What is long finds no room in the buffers, and is read late.
        let (mut peer, stream) = trial.pair_with_buffers(16 * 1024)?;
        let expected = framed(&body);
        let did = format!("write_frame was given {}", show(&body));
        let attempt = trial.start(move || write(&stream, &body));
        let came = peer.read_to_end(2 * expected.len()).breaks(ON_WIRE)?;
        compare(&expected, &came).map_err(|difference| {
            Fault::new(format!("{did}\n{difference}"))
                .breaks(ON_WIRE)
                .cause(if came.get(4..) == expected.get(4..) {
                    "the length is four bytes, the most significant one first (to_be_bytes), and \
                     counts the bytes of the body only"
                } else {
                    "after the four bytes of the length comes the body, just as it is"
                })
        })?;
        let returned = attempt.result().breaks(ON_WIRE)?;
        returned.map_err(|e| {
            Fault::new(format!("{did}, all of it arrived, and you returned {e}")).breaks(ON_WIRE)
        })?;
    }
    Ok(())
}

const IN_ONE_WRITE: &str = "Length and body leave in one write";
const TWO_WRITES: &str = "length and body leave in two writes: a BufWriter::new holds 8 KiB, and what \
    is longer goes past it";

fn writes_once(trial: &Trial, write: WriteFrame) -> Step {
    #[cfg(target_os = "linux")]
    {
        let lengths = [1, 3, 1000, 8187, 8188, 8189, 8192, 8193, 50_000, 99_996];
        let (mut peer, stream) = trial.pair_of_records()?;
        let attempt = trial.start(move || -> io::Result<()> {
            lengths
                .iter()
                .try_for_each(|&n| write(&stream, &vec![b'x'; n]))
        });
        let mut buffer = vec![0; 200_000];
        for n in lengths {
            match peer.read(&mut buffer).breaks(IN_ONE_WRITE)? {
                Some(came) if came == 4 + n => {}
                // It sets an option that only TCP has: those sockets cannot tell.
                Some(0) => match attempt.result()? {
                    Err(e) if e.kind() == ErrorKind::Unsupported => break,
                    result => return Err(one_write(n, 0, &result)),
                },
                Some(came) => return Err(one_write(n, came, &Ok(()))),
                None => return Err(one_write(n, 0, &Ok(())).late()),
            }
        }
    }
    writes_once_over_tcp(trial, write)
}

#[cfg(target_os = "linux")]
fn one_write(n: usize, came: usize, result: &io::Result<()>) -> Fault {
    let returned = match result {
        Ok(()) => String::new(),
        Err(e) => format!(", and you returned {e}"),
    };
    Fault::new(format!(
        "write_frame was given a body of {n} bytes: the first write was of {came} bytes, and not of \
         {}{returned}",
        4 + n
    ))
    .breaks(IN_ONE_WRITE)
    .cause(TWO_WRITES)
}

fn writes_once_over_tcp(trial: &Trial, write: WriteFrame) -> Step {
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
                .breaks(IN_ONE_WRITE)
                .cause(TWO_WRITES));
            }
            None => {
                return Err(Fault::new("write_frame was given 'hej', and nothing came")
                    .breaks(IN_ONE_WRITE)
                    .late());
            }
        }
    }
    let _ = attempt.result()?;
    Ok(())
}

fn reports_what_writing_failed_with(trial: &Trial, write: WriteFrame) -> Step {
    const WHAT: &str = "What writing failed with";
    let (peer, stream) = trial.pair()?;
    peer.reset();
    let did = "the other side reset the connection, and write_frame was called again and again";
    // Until it fails: on some systems the reset is on its way for a while.
    let attempt = trial.start(move || (0..1000).try_for_each(|_| write(&stream, &[b'x'; 1000])));
    let result = attempt.result().when(did).breaks(WHAT)?;
    let kind = result.as_ref().err().map(io::Error::kind);
    if !matches!(
        kind,
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted)
    ) {
        return Err(Fault::new(format!(
            "{did}: expected the error of the connection, got {result:?}"
        ))
        .breaks(WHAT)
        .cause("an error of write is thrown away, or replaced by another"));
    }

    // Nobody reads, and the buffers are small: after a part of it there is no room.
    let (_peer, stream) = trial.pair_with_buffers(4096)?;
    let _ = stream.set_write_timeout(Some(Duration::from_millis(50)));
    let did = "nobody read, and the caller had set a write timeout of 0.05 s; write_frame was given \
        1,000,000 bytes";
    let attempt = trial.start(move || write(&stream, &vec![b'x'; 1_000_000]));
    let result = attempt.result().when(did).breaks(WHAT)?;
    if matches!(&result, Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    {
        return Ok(());
    }
    Err(Fault::new(format!(
        "{did}: expected the timeout as the error, got {result:?}"
    ))
    .breaks(WHAT)
    .cause("`write` may take only a part of the bytes, and says how many: write_all goes on"))
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
    let result = attempt.result().when(&did)?;
    if told(&result) == told(expected) && same_body(&result, expected) {
        return Ok(());
    }
    let fault = Fault::new(format!(
        "{did}\nexpected {}\ncame     {}",
        told(expected),
        told(&result)
    ));
    Err(match result {
        Err(FrameError::TooLong { prefix, length, .. })
            if length != u32::from_be_bytes(prefix) || u32::from_be_bytes(prefix) <= limit =>
        {
            fault
                .breaks("On the wire a frame")
                .cause("the bytes of the length are taken in another order: the first one is the most significant (from_be_bytes)")
        }
        _ => fault,
    })
}

fn same_body(
    a: &Result<Option<Vec<u8>>, FrameError>,
    b: &Result<Option<Vec<u8>>, FrameError>,
) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => a == b,
        _ => true,
    }
}

const RETURNS: &str = "Returns the body";
const AS_SOON: &str = "Returns as soon as the frame is whole";
const PIECES: &str = "Bytes may come in pieces";

fn reads_a_frame(trial: &Trial, read: ReadFrame) -> Step {
    for body in [&b"hej"[..], &[0xff; 3000], b"\0", &[b'x'; 256], b""] {
        let whole = Ok(Some(body.to_vec()));
        let step = one_call(trial, (read, LIMIT), (&framed(body), false), &whole);
        match body {
            b"" => step
                .breaks(RETURNS)
                .cause("the empty body is a body: Some, and not None")?,
            _ => step
                .breaks(AS_SOON)
                .cause("when the frame is whole there is nothing more to wait for")?,
        }
    }
    Ok(())
}

fn reads_pieces(trial: &Trial, read: ReadFrame) -> Step {
    const ONE_READ: &str = "one read need not return four bytes, nor the whole body: only \
        read_exact or a loop does";
    let (mut peer, stream) = trial.pair()?;
    let theirs = stream
        .try_clone()
        .map_err(|e| Fault::new(format!("the check's socket failed: {e}")))?;
    let attempt = trial.start(move || read(&stream, LIMIT));
    let sent = peer.send_one_by_one(&framed(b"hello"), &theirs);
    sent.breaks(PIECES).cause(ONE_READ)?;
    let result = attempt.result().breaks(PIECES).cause(ONE_READ)?;
    if told(&result) == "Ok(Some('hello'))" {
        return Ok(());
    }
    Err(Fault::new(format!(
        "a frame with 'hello' was sent one byte at a time, and you returned {}",
        told(&result)
    ))
    .breaks(PIECES)
    .cause(ONE_READ))
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
    };
    let swallowed = |fault: Fault| {
        fault.breaks("Reads just this frame").cause(
            "more was read than one frame, and thrown away with the reader that kept it, such as a \
             BufReader of your own for each call",
        )
    };
    for (number, (expected, came)) in bodies.iter().zip(&came).enumerate() {
        compare(expected, came).map_err(|difference| {
            swallowed(fault(format!("frame {}\n{difference}", number + 1)))
        })?;
    }
    if came.len() == bodies.len() && matches!(end, Ok(None)) {
        return Ok(());
    }
    let fault = fault(format!("{} frames came, then {}", came.len(), told(&end)));
    Err(match end {
        Err(FrameError::TooLong { length, .. }) if length <= LIMIT => fault
            .breaks("`TooLong")
            .cause("a body of just `limit` bytes is not too long"),
        Ok(None) if came.len() == 1 => fault
            .breaks(RETURNS)
            .cause("the empty body is a body: Some, and not None; or the reader kept the rest"),
        Err(FrameError::EndInLength { got: 0 }) => fault
            .breaks(RETURNS)
            .cause("an end before the first byte of a frame is a good one: None"),
        _ => swallowed(fault),
    })
}

/// Sends all, whatever the reader does, and half-closes.
fn send(peer: &mut Peer, bytes: &[u8]) -> Step {
    peer.send(bytes)?;
    peer.half_close()
}

fn tells_the_ends_apart(trial: &Trial, read: ReadFrame) -> Step {
    let short = framed(b"hello");
    let long = framed(&[b'x'; 70_000]);
    let ends = (0..=short.len()).map(|end| (&short, end));
    for (frame, end) in ends.chain([5, 8195, 65_540, 70_003].map(|end| (&long, end))) {
        let of = frame.len() - 4;
        let (expected, breaks, cause) = match end {
            0 => (
                Ok(None),
                RETURNS,
                "an end before the first byte of a frame is a good one: None",
            ),
            1..4 => (
                Err(FrameError::EndInLength { got: end }),
                "`EndInLength",
                "an end before the first byte of a frame is a good one, an end inside the length is \
                 not; read_exact does not say how many bytes came",
            ),
            end if end == frame.len() => (
                Ok(Some(frame[4..].to_vec())),
                AS_SOON,
                "the frame was whole when the end came",
            ),
            _ => (
                Err(FrameError::EndInBody { got: end - 4, of }),
                "`EndInBody",
                "take(n) returns fewer than n bytes, without an error, if no more came; and \
                 read_exact does not say how many came",
            ),
        };
        one_call(trial, (read, LIMIT), (&frame[..end], true), &expected)
            .breaks(breaks)
            .cause(cause)?;
    }
    Ok(())
}

fn keeps_the_limit(trial: &Trial, read: ReadFrame) -> Step {
    const TOO_LONG: &str = "`TooLong";
    const NOTHING: &str = "It is returned as soon as the length is there";
    const FIRST: &str = "the length is from a stranger: it must be compared with the limit before \
        anything is done with it";
    for (length, limit) in [
        (6, 5),
        (1, 0),
        (257, 256),
        (65_537, 65_536),
        (u32::from_be_bytes(*b"GET "), 65_536),
        (0x8000_0000, 65_536), // negative, if it is taken for an i32
        (u32::MAX, 5),
        (u32::MAX, u32::MAX - 1),
    ] {
        let prefix = length.to_be_bytes();
        let expected = Err(FrameError::TooLong {
            prefix,
            length,
            limit,
        });
        // With the end behind it, one that waits for the body returns, too.
        for (close, breaks) in [(true, TOO_LONG), (false, NOTHING)] {
            one_call(trial, (read, limit), (&prefix, close), &expected)
                .breaks(breaks)
                .cause(FIRST)?;
        }
    }
    for (body, limit) in [(&b""[..], 0), (b"x", 1), (b"hello", 5), (b"hi", u32::MAX)] {
        let fits = Ok(Some(body.to_vec()));
        one_call(trial, (read, limit), (&framed(body), false), &fits)
            .breaks(TOO_LONG)
            .cause("a body of just `limit` bytes is not too long")?;
    }

    // What is behind the length stays there.
    let failed = |e: io::Error| Fault::new(format!("the check's socket failed: {e}"));
    let (mut peer, stream) = trial.pair()?;
    let theirs = stream.try_clone().map_err(failed)?;
    send(&mut peer, b"\0\0\0\x06hello!")?;
    let attempt = trial.start(move || read(&stream, 5).is_err());
    let _ = attempt.result().breaks(NOTHING)?;
    let left = left_in(theirs).map_err(failed)?;
    compare(b"hello!", &left).map_err(|difference| {
        Fault::new(format!(
            "a frame of 6 bytes was sent, the limit is 5; then the check read what you left\n\
             {difference}"
        ))
        .breaks(NOTHING)
        .cause("the body was read, or a part of it, before its length was compared with the limit")
    })
}

/// All that was sent and not read, up to the end, which is there.
fn left_in(mut stream: TcpStream) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(course::PATIENCE))?;
    let mut left = Vec::new();
    stream.read_to_end(&mut left)?;
    Ok(left)
}

fn reports_a_reset(trial: &Trial, read: ReadFrame) -> Step {
    for bytes in [&b""[..], b"\0\0", b"\0\0\0\x05", b"\0\0\0\x05hel"] {
        let (mut peer, stream) = trial.pair()?;
        let attempt = trial.start(move || read(&stream, LIMIT));
        peer.send(bytes)?;
        peer.reset();
        let result = attempt.result().breaks("`Io`")?;
        let is_reset = |e: &io::Error| {
            matches!(
                e.kind(),
                ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
            )
        };
        if !matches!(&result, Err(FrameError::Io(e)) if is_reset(e)) {
            return Err(Fault::new(format!(
                "{} was sent, then a reset: expected Err(Io(..)) with the reset, got {}",
                show(bytes),
                told(&result)
            ))
            .breaks("`Io`")
            .cause("an error of read is taken for the end of the stream, or replaced by another"));
        }
    }
    Ok(())
}
