//! Lines over a real connection, sent in pieces (lesson 8). The first byte says how large a piece
//! is.
#![no_main]

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use fuzz::pair;
use libfuzzer_sys::fuzz_target;
use threaded_server::{LineReader, MAX_LINE, Received};

fuzz_target!(|bytes: &[u8]| {
    let Some((&size, bytes)) = bytes.split_first() else {
        return;
    };
    let (mut near, far) = pair();
    thread::scope(|scope| {
        // Reader and sender run at the same time, so that a read may find any part of a line. No
        // more than 64 pieces: each of them costs a call.
        let size = usize::from(size).max(bytes.len().div_ceil(64)).max(1);
        scope.spawn(move || {
            for piece in bytes.chunks(size) {
                if near.write_all(piece).is_err() {
                    return; // the reader has had enough
                }
            }
            let _ = near.shutdown(Shutdown::Write);
            let _ = near.peek(&mut [0]); // until the reader closes
        });

        let mut reader = LineReader::new(&far);
        let deadline = Instant::now() + Duration::from_secs(10);
        for expected in expected(bytes) {
            let received = reader.read_line(deadline).expect("all of it comes in time");
            assert_eq!(received, expected);
        }
        drop(far);
    });
});

/// The lines, and the end that follows them.
fn expected(bytes: &[u8]) -> Vec<Received> {
    let mut expected = Vec::new();
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if text.len() > MAX_LINE {
            expected.push(Received::TooLong);
            return expected;
        }
        expected.push(Received::Line(line.to_vec()));
    }
    expected.push(Received::End);
    expected
}
