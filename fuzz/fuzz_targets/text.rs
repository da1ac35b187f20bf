//! A datagram as a text (lesson 3), and bytes from outside as text that is safe to print.
#![no_main]

use std::str;

use fuzz::assert_safe;
use libfuzzer_sys::fuzz_target;
use shared::{MAX_TEXT, TextError, decode, encode, escape, preview};

fuzz_target!(|bytes: &[u8]| {
    match decode(bytes) {
        Ok(text) => assert_eq!(encode(text), Ok(bytes)),
        Err(error) => {
            assert_safe(&error.to_string());
            match error {
                TextError::NotUtf8 { at, .. } => {
                    assert!(str::from_utf8(&bytes[..at]).is_ok());
                    assert!(str::from_utf8(bytes).is_err());
                }
                TextError::Cut => assert!(bytes.len() > MAX_TEXT),
                TextError::TooLong(_) => panic!("nobody asked to encode"),
            }
        }
    }

    let escaped = escape(bytes);
    assert_safe(&escaped);
    assert!(escaped.len() <= 4 * bytes.len());
    assert_eq!(escape(escaped.as_bytes()), escaped, "what is safe stays");
    // Cut anywhere between two characters, the parts show what the whole shows.
    let cuts = (0..bytes.len()).filter(|&i| bytes[i] & 0b1100_0000 != 0b1000_0000);
    for cut in cuts.take(50) {
        let (first, second) = bytes.split_at(cut);
        assert_eq!(escape(first) + &escape(second), escaped, "cut at {cut}");
    }

    let preview = preview(bytes);
    assert!(preview.chars().count() <= 4 * 40 + 1);
    let start = preview.strip_suffix('…').unwrap_or(&preview);
    assert!(escaped.starts_with(start), "{preview} of {escaped}");
    if bytes.len() <= 40 {
        assert_eq!(preview, escaped);
    } else {
        assert!(preview.ends_with('…'));
    }
});
