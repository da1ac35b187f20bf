//! The answer to a nonce (lesson 7): 32 bytes of nonce, 32 bytes of answer, and the key.
#![no_main]

use legitimacy_check::{ANSWER_LEN, Key, NONCE_LEN};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((nonce, rest)) = bytes.split_first_chunk::<NONCE_LEN>() else {
        return;
    };
    let Some((answer, secret)) = rest.split_first_chunk::<ANSWER_LEN>() else {
        return;
    };
    let Some(key) = Key::new(secret) else {
        assert!(secret.is_empty());
        return;
    };

    let right = key.answer(nonce);
    assert!(right.iter().all(|c| b"0123456789abcdef".contains(c)));
    assert!(key.accepts(nonce, &right));
    assert_eq!(key.accepts(nonce, answer), *answer == right);
    // Few inputs come near the right answer by themselves.
    let mut near = right;
    for (near, change) in near.iter_mut().zip(answer) {
        *near ^= change;
    }
    assert_eq!(key.accepts(nonce, &near), near == right);

    let mut other = *nonce;
    other[0] ^= 1;
    assert!(!key.accepts(&other, &right));
});
