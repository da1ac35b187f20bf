//! A chunked body (lesson 10), in one piece and in several. The first byte says how large they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use web_server::Chunks;

/// What was in the chunks, how many bytes they took, and whether that was all; or that it is none.
fn decode(bytes: &[u8], size: usize) -> Option<(Vec<u8>, usize, bool)> {
    let (mut chunks, mut body, mut used) = (Chunks::default(), Vec::new(), 0);
    for piece in bytes.chunks(size) {
        used += chunks.decode(piece, &mut body).ok()?;
    }
    Some((body, used, chunks.is_done()))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&size, bytes)) = bytes.split_first() else {
        return;
    };
    let whole = decode(bytes, bytes.len().max(1));
    assert_eq!(decode(bytes, usize::from(size).max(1)), whole);
    if let Some((body, used, done)) = whole {
        assert!(body.len() <= used && used <= bytes.len());
        assert!(done || used == bytes.len());
    }
});
