//! Frames, cut in pieces of any size (lesson 6).
#![no_main]

use fuzz::Pieces;
use libfuzzer_sys::fuzz_target;
use shared::frame::{ByteOrder, FrameError, read_frame, write_frame};

/// How a stream ended: without an error, or with this one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Clean,
    InLength(usize),
    InBody(usize, usize),
    TooLong(u32),
}

fuzz_target!(|stream: &[u8]| {
    for order in [ByteOrder::Big, ByteOrder::Little] {
        for limit in [0, 10, 64 * 1024, u32::MAX] {
            let (frames, end, rest) = expected(stream, order, limit);

            for size in [1, 2, 3, 5, 8, usize::MAX] {
                let mut pieces = Pieces {
                    bytes: stream,
                    size,
                };
                assert_eq!(read_all(&mut pieces, order, limit), (frames.clone(), end));
                assert_eq!(pieces.bytes, rest);
            }

            let mut written = Vec::new();
            for frame in &frames {
                let result = write_frame(&mut written, order, frame);
                result.expect("a vector takes everything");
            }
            assert!(stream.starts_with(&written));
            if end == End::Clean {
                assert_eq!(stream, written);
            }
        }
    }
});
/// What the bytes mean: the frames, how they end, and what nobody may read.
fn expected(mut stream: &[u8], order: ByteOrder, limit: u32) -> (Vec<Vec<u8>>, End, &[u8]) {
    let mut frames = Vec::new();
    loop {
        let Some((prefix, rest)) = stream.split_first_chunk() else {
            let end = match stream.len() {
                0 => End::Clean,
                got => End::InLength(got),
            };
            return (frames, end, &[]);
        };
        let length = match order {
            ByteOrder::Big => u32::from_be_bytes(*prefix),
            ByteOrder::Little => u32::from_le_bytes(*prefix),
        };
        if length > limit {
            return (frames, End::TooLong(length), rest);
        }
        let Some((body, rest)) = rest.split_at_checked(length as usize) else {
            return (frames, End::InBody(rest.len(), length as usize), &[]);
        };
        frames.push(body.to_vec());
        stream = rest;
    }
}

/// What `read_frame` makes of them.
fn read_all(pieces: &mut Pieces, order: ByteOrder, limit: u32) -> (Vec<Vec<u8>>, End) {
    let came = pieces.bytes.len();
    let mut frames = Vec::new();
    let error = loop {
        match read_frame(pieces, order, limit) {
            Ok(Some(frame)) => {
                assert!(
                    frame.capacity() <= 2 * came + 64,
                    "memory for bytes that never came"
                );
                frames.push(frame);
            }
            Ok(None) => return (frames, End::Clean),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().len() < 100);
    let end = match error {
        FrameError::EndInLength { got } => End::InLength(got),
        FrameError::EndInBody { got, of } => End::InBody(got, of),
        FrameError::TooLong { length, .. } => End::TooLong(length),
        FrameError::Io(error) => panic!("{error}"),
    };
    (frames, end)
}
