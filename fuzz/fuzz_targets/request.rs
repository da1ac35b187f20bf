//! A request's head: where it ends, what it says, and what its target names (lesson 10).
#![no_main]

use fuzz::assert_safe;
use libfuzzer_sys::fuzz_target;
use web_server::{MAX_HEADERS, end_of_head, parse_request, request_length, segments};

fuzz_target!(|bytes: &[u8]| {
    let end = end_of_head(bytes, 0);
    // Whatever was seen before, the end is the same.
    for seen in [bytes.len() / 2, bytes.len().saturating_sub(1)] {
        if end_of_head(&bytes[..seen], 0) == Ok(None) {
            assert_eq!(end_of_head(bytes, seen), end);
        }
    }
    let Ok(Some(end)) = end else { return };
    let request = match parse_request(&bytes[..end]) {
        Ok(request) => request,
        Err(refusal) => return assert_safe(&refusal.why),
    };
    assert!(request.headers.iter().count() <= MAX_HEADERS);
    assert_safe(&request.target);
    if let Err(refusal) = request_length(&request) {
        assert_safe(&refusal.why);
    }
    match segments(&request.target) {
        Err(refusal) => assert_safe(&refusal.why),
        Ok((names, _)) => {
            for name in names {
                assert!(!name.is_empty() && name != "." && name != "..", "{name:?}");
                assert!(!name.contains(['/', '\\', '\0']), "{name:?}");
            }
        }
    }
});
