//! Frames: messages with borders, on a stream that has none. Lesson 6 teaches it.
//!
//! On the wire a frame is its length in bytes, as a number of four bytes, and then its body.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use byteorder::{BigEndian, ByteOrder as _, LittleEndian};

/// How many bytes the length takes.
const PREFIX: usize = 4;

/// For so many bytes of a body there is room before they come: one allocation for most frames.
const BELIEVED: usize = 8 * 1024;

/// Which byte of a number goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ByteOrder {
    /// The most significant one: network order
    Big,
    /// The least significant one, as in the memory of most machines
    Little,
}

/// Why there is no whole frame.
#[derive(Debug)]
pub enum FrameError {
    /// The stream ended inside the length.
    EndInLength {
        /// How many of its four bytes came.
        got: usize,
    },
    /// The stream ended inside the body.
    EndInBody {
        /// How many of its bytes came.
        got: usize,
        /// How many were announced.
        of: usize,
    },
    /// The length is over the limit. Nothing behind it was read.
    TooLong {
        /// The length as it came.
        prefix: [u8; PREFIX],
        /// The number that it means in the byte order that was asked for.
        length: u32,
        /// The greatest length that the caller accepts.
        limit: u32,
    },
    /// The stream could not be read.
    Io(io::Error),
}

/// Writes a frame: length and body leave in one write.
///
/// # Errors
/// The stream cannot be written to, or the body is too long for a length of four bytes.
pub fn write_frame(writer: &mut impl Write, order: ByteOrder, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(|_| {
        let message = format!("a frame is too long: {} bytes > {}", body.len(), u32::MAX);
        io::Error::new(ErrorKind::InvalidInput, message)
    })?;
    let mut frame = vec![0; PREFIX];
    match order {
        ByteOrder::Big => BigEndian::write_u32(&mut frame, length),
        ByteOrder::Little => LittleEndian::write_u32(&mut frame, length),
    }
    frame.extend_from_slice(body);
    writer.write_all(&frame)
}

/// Reads a frame of at most `limit` bytes and returns its body; `None` if the stream ends before
/// the frame's first byte, which is a good place to end.
///
/// It reads exactly the frame, so what follows is still in the stream. However long the body
/// claims to be: beyond the first 8 KiB, memory is only taken for bytes that have come.
///
/// # Errors
/// The stream ends inside the frame, the frame is longer than `limit`, or reading fails.
pub fn read_frame(
    reader: &mut impl Read,
    order: ByteOrder,
    limit: u32,
) -> Result<Option<Vec<u8>>, FrameError> {
    let mut prefix = [0; PREFIX];
    match fill(reader, &mut prefix)? {
        0 => return Ok(None),
        PREFIX => {}
        got => return Err(FrameError::EndInLength { got }),
    }
    let length = match order {
        ByteOrder::Big => BigEndian::read_u32(&prefix),
        ByteOrder::Little => LittleEndian::read_u32(&prefix),
    };
    if length > limit {
        return Err(FrameError::TooLong {
            prefix,
            length,
            limit,
        });
    }

    let of = length as usize; // at most `limit`; usize has at least 32 bits where std has sockets
    let mut body = Vec::with_capacity(of.min(BELIEVED));
    let got = reader.take(length.into()).read_to_end(&mut body)?;
    if got < of {
        return Err(FrameError::EndInBody { got, of });
    }
    Ok(Some(body))
}

/// Reads until the buffer is full or the stream ends; returns how many bytes came.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> FrameError {
        FrameError::Io(error)
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            FrameError::EndInLength { got } => {
                write!(
                    f,
                    "it ended inside the length: {got} of {PREFIX} bytes came"
                )
            }
            FrameError::EndInBody { got, of } => {
                write!(f, "it ended inside the message: {got} of {of} bytes came")
            }
            FrameError::TooLong {
                prefix: [a, b, c, d],
                length,
                limit,
            } => write!(
                f,
                "the length {a:02x} {b:02x} {c:02x} {d:02x} is too great: {length} > {limit}"
            ),
            FrameError::Io(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use arbtest::arbitrary::{self, Unstructured};
    use arbtest::arbtest;

    use super::*;

    const LIMIT: u32 = 64 * 1024;

    /// Gives at most `size` bytes at each read, as a connection may.
    struct Pieces<'a> {
        bytes: &'a [u8],
        size: usize,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.size.min(buffer.len()).min(self.bytes.len());
            let (now, later) = self.bytes.split_at(n);
            buffer[..n].copy_from_slice(now);
            self.bytes = later;
            Ok(n)
        }
    }

    /// The frames up to the stream's end, and how it ended.
    fn read_all(reader: &mut impl Read) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
        let mut frames = Vec::new();
        loop {
            match read_frame(reader, ByteOrder::Big, LIMIT) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, Ok(())),
                Err(error) => return (frames, Err(error)),
            }
        }
    }

    fn stream_of(frames: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let mut stream = Vec::new();
        for frame in frames {
            let written = write_frame(&mut stream, ByteOrder::Big, frame.as_ref());
            written.expect("a vector takes everything");
        }
        stream
    }

    fn read(stream: &[u8], order: ByteOrder) -> Result<Option<Vec<u8>>, FrameError> {
        read_frame(&mut { stream }, order, LIMIT)
    }

    #[test]
    fn writes_the_length_in_the_order_asked_for() {
        let mut big = Vec::new();
        write_frame(&mut big, ByteOrder::Big, b"hej").expect("a vector takes everything");
        assert_eq!(big, b"\x00\x00\x00\x03hej");
        let mut little = Vec::new();
        write_frame(&mut little, ByteOrder::Little, b"hej").expect("a vector takes everything");
        assert_eq!(little, b"\x03\x00\x00\x00hej");
    }

    #[test]
    fn leaves_in_one_write() {
        struct Writes(usize);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writes = Writes(0);
        write_frame(&mut writes, ByteOrder::Big, &[7; 1000]).expect("it takes everything");
        assert_eq!(writes.0, 1);
    }

    #[test]
    fn reads_three_frames_cut_anywhere_and_for_every_size_of_read() {
        let frames = [b"hello".to_vec(), Vec::new(), vec![0xff; 5000]];
        let stream = stream_of(&frames);
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            let (read, end) = read_all(&mut first.chain(second));
            assert!(read == frames && end.is_ok(), "cut at {cut}");
        }
        for size in 1..=4096 {
            let mut pieces = Pieces {
                bytes: &stream,
                size,
            };
            let (read, end) = read_all(&mut pieces);
            assert!(read == frames && end.is_ok(), "in reads of {size} bytes");
        }
    }

    #[test]
    fn tells_a_clean_end_from_a_broken_one_at_every_place() {
        let stream = stream_of(&["hej", "hello"]);
        for length in 0..=stream.len() {
            let (frames, end) = read_all(&mut &stream[..length]);
            let right = match (length, &end) {
                (0, Ok(())) => frames.is_empty(),
                (1..4, Err(FrameError::EndInLength { got })) => *got == length,
                (4..7, Err(FrameError::EndInBody { got, of: 3 })) => *got == length - 4,
                (7, Ok(())) => frames == [b"hej"],
                (8..11, Err(FrameError::EndInLength { got })) => *got == length - 7,
                (11..16, Err(FrameError::EndInBody { got, of: 5 })) => *got == length - 11,
                (16, Ok(())) => frames.len() == 2,
                _ => false,
            };
            assert!(right, "{length} bytes: {frames:?}, {end:?}");
        }
    }

    #[test]
    fn takes_lengths_up_to_the_limit_and_reads_nothing_behind_a_greater_one() {
        let with_length = |length: u32| [&length.to_be_bytes()[..], &[7; 100_000]].concat();
        for length in [0, 1, LIMIT] {
            let body = read(&with_length(length), ByteOrder::Big);
            let body = body.expect("it is short enough").expect("there is one");
            assert_eq!(body.len(), length as usize);
        }
        for length in [
            LIMIT + 1,
            u32::MAX,
            (-1_i32).cast_unsigned(),
            u32::from_be_bytes(*b"GET "),
            u32::from_be_bytes(*b"HTTP"),
        ] {
            let stream = with_length(length);
            let mut reader = stream.as_slice();
            let error = read_frame(&mut reader, ByteOrder::Big, LIMIT).expect_err("too long");
            let message = error.to_string();
            assert!(message.ends_with(&format!("{length} > 65536")), "{message}");
            assert_eq!(reader.len(), 100_000);
        }
    }

    #[test]
    fn says_what_came_when_the_sides_disagree_about_the_order() {
        let error = read(b"\x2a\0\0\0{}", ByteOrder::Big).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "the length 2a 00 00 00 is too great: 704643072 > 65536"
        );
        let body = read(b"\x02\0\0\0{}", ByteOrder::Little).expect("the order is right");
        assert_eq!(body, Some(b"{}".to_vec()));
    }

    #[test]
    fn goes_on_after_an_interrupted_read_and_reports_any_other_failure() {
        struct Fails(Option<ErrorKind>);
        impl Read for Fails {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if let Some(kind) = self.0.take() {
                    return Err(kind.into());
                }
                buffer[0] = 0;
                Ok(1)
            }
        }
        let read = |kind| read_frame(&mut Fails(Some(kind)), ByteOrder::Big, LIMIT);
        assert_eq!(read(ErrorKind::Interrupted).expect("retried"), Some(vec![]));
        let error = read(ErrorKind::ConnectionReset).expect_err("it fails");
        assert!(matches!(error, FrameError::Io(e) if e.kind() == ErrorKind::ConnectionReset));
    }

    /// Fewer than so many bytes.
    fn bytes<'a>(u: &mut Unstructured<'a>, limit: usize) -> arbitrary::Result<&'a [u8]> {
        let length = u.choose_index(limit)?.min(u.len());
        u.bytes(length)
    }

    #[test]
    fn what_was_written_is_read_however_it_is_cut() {
        arbtest(|u| {
            let size = u.int_in_range(1..=700)?;
            let surplus = bytes(u, 4)?;
            let mut frames = Vec::new();
            for _ in 0..u.choose_index(20)? {
                frames.push(bytes(u, 300)?.to_vec());
            }
            let mut stream = stream_of(&frames);
            stream.extend_from_slice(surplus);
            let (read, end) = read_all(&mut Pieces {
                bytes: &stream,
                size,
            });
            assert_eq!(read, frames);
            match end {
                Ok(()) => assert!(surplus.is_empty()),
                Err(FrameError::EndInLength { got }) => assert_eq!(got, surplus.len()),
                Err(other) => panic!("{other:?}"),
            }
            Ok(())
        });
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        arbtest(|u| {
            let bytes: Vec<u8> = u.arbitrary()?;
            let (frames, _) = read_all(&mut bytes.as_slice());
            assert!(frames.concat().len() <= bytes.len());
            Ok(())
        });
    }
}
