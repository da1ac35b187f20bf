//! Lesson 7: who is there. Read `docs/07-legitimacy-check.md` beside it.
//!
//! The server sends a nonce of 32 random bytes. The client answers with the HMAC-MD5 of the nonce
//! under the key that both know, as 32 lowercase hexadecimal characters. The server says
//! `welcome` and closes, or only closes.

pub mod contract;

use std::env;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use shared::{Failure, escape};

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8807";

/// How many random bytes the server sends.
pub const NONCE_LEN: usize = 32;

/// How many characters the client answers: two for each of the 16 bytes of HMAC-MD5.
pub const ANSWER_LEN: usize = 32;

/// What the server says to a legitimate client.
pub const WELCOME: &[u8] = b"welcome\n";

/// The key where nobody has set another one.
pub const DEFAULT_KEY: &str = "这是一个秘钥";

/// The longest key file, in bytes.
const MAX_KEY: usize = 4096;

/// The secret that both sides know. There is no way to print it.
pub struct Key {
    /// An HMAC that has seen the key and no message yet: each message goes into a copy.
    mac: Hmac<Md5>,
    is_default: bool,
}

impl Key {
    /// A key of any length but 0: an empty one is nobody's secret.
    pub fn new(bytes: &[u8]) -> Option<Key> {
        if bytes.is_empty() {
            return None;
        }
        let mac = Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length");
        let is_default = false;
        Some(Key { mac, is_default })
    }

    /// The key from the file, else from `$COURSE_KEY`, else the course's own. One line end behind
    /// the key in the file is not part of it: editors put it there.
    ///
    /// # Errors
    /// The file cannot be read or is longer than 4,096 bytes; the key is empty.
    pub fn load(file: Option<&Path>) -> Result<Key, Failure> {
        let empty = |place: &str| {
            Failure::new(format!("the key in {place} is empty"))
                .hint("an empty key is known to everybody; 32 random bytes make a good one")
        };
        if let Some(path) = file {
            let place = escape(path.as_os_str().as_encoded_bytes());
            return Key::new(&read_key(path, &place)?).ok_or_else(|| empty(&place));
        }
        if let Some(key) = env::var_os("COURSE_KEY") {
            return Key::new(key.as_encoded_bytes()).ok_or_else(|| empty("$COURSE_KEY"));
        }
        let mut key = Key::new(DEFAULT_KEY.as_bytes()).expect("the course's key is not empty");
        key.is_default = true;
        Ok(key)
    }

    /// Whether it is the course's own key because nobody has set another one.
    pub fn is_default(&self) -> bool {
        self.is_default
    }

    /// The answer to a nonce, which only somebody who knows the key can give.
    pub fn answer(&self, nonce: &[u8]) -> [u8; ANSWER_LEN] {
        let tag = self.mac.clone().chain_update(nonce).finalize();
        let mut answer = [0; ANSWER_LEN];
        hex::encode_to_slice(tag.into_bytes(), &mut answer).expect("two characters for each byte");
        answer
    }

    /// Whether this is the answer to the nonce. It takes as long for a wrong one as for the right
    /// one: `verify_slice` compares all 16 bytes, wherever the first difference is.
    pub fn accepts(&self, nonce: &[u8], answer: &[u8; ANSWER_LEN]) -> bool {
        let Some(tag) = decode_hex(answer) else {
            return false; // not the form of an answer, as whoever sent it knows: as wrong as any other
        };
        let mac = self.mac.clone().chain_update(nonce);
        mac.verify_slice(&tag).is_ok()
    }
}

/// 32 lowercase hexadecimal characters as 16 bytes.
fn decode_hex(answer: &[u8; ANSWER_LEN]) -> Option<[u8; ANSWER_LEN / 2]> {
    if answer.iter().any(u8::is_ascii_uppercase) {
        return None; // the crate would take them
    }
    let mut tag = [0; ANSWER_LEN / 2];
    hex::decode_to_slice(answer, &mut tag).ok()?;
    Some(tag)
}

fn read_key(path: &Path, place: &str) -> Result<Vec<u8>, Failure> {
    let failed = |e| Failure::new(format!("cannot read the key from {place}: {e}"));
    let mut key = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let limit = MAX_KEY as u64 + 1;
    file.take(limit).read_to_end(&mut key).map_err(failed)?;
    if key.len() > MAX_KEY {
        let message = format!("the key in {place} is too long: more than {MAX_KEY} bytes");
        return Err(Failure::new(message));
    }
    if key.ends_with(b"\n") {
        key.pop();
        if key.ends_with(b"\r") {
            key.pop();
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;

    fn tag(key: &[u8], message: &[u8]) -> String {
        let key = Key::new(key).expect("the key is not empty");
        let answer = key.answer(message);
        assert!(key.accepts(message, &answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn computes_the_vectors_of_rfc_2202() {
        let counting: Vec<u8> = (1..=25).collect();
        let longer = b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data";
        let vectors: [(&[u8], &[u8], &str); 7] = [
            (&[0x0b; 16], b"Hi There", "9294727a3638bb1c13f48ef8158bfc9d"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "750c783e6ab0b503eaa86e310a5db738",
            ),
            (&[0xaa; 16], &[0xdd; 50], "56be34521d144c88dbb8c733f0e8b3f6"),
            (&counting, &[0xcd; 50], "697eaf0aca3a3aea3a75164746ffaa79"),
            (
                &[0x0c; 16],
                b"Test With Truncation",
                "56461ef2342edc00f9bab995690efd4c",
            ),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
            ),
            (&[0xaa; 80], longer, "6f630fad67cda0ee1fb1f562db3aa53e"),
        ];
        for (key, message, expected) in vectors {
            assert_eq!(tag(key, message), expected);
        }
    }

    #[test]
    fn accepts_nothing_but_the_answer() {
        let key = Key::new(b"secret").expect("the key is not empty");
        let answer = key.answer(b"nonce");
        for i in 0..ANSWER_LEN {
            let mut wrong = answer;
            wrong[i] = if wrong[i] == b'0' { b'1' } else { b'0' };
            assert!(!key.accepts(b"nonce", &wrong), "character {i} is wrong");
            for byte in [b'g', b'/', b':', b'`', b' ', 0, 0xff] {
                wrong[i] = byte;
                assert!(!key.accepts(b"nonce", &wrong), "character {i} is {byte}");
            }
        }
        assert!(!key.accepts(b"another nonce", &answer));
        let upper = answer.map(|c| c.to_ascii_uppercase());
        assert!(answer == upper || !key.accepts(b"nonce", &upper));
    }

    #[test]
    fn accepts_the_answer_of_the_same_key_to_the_same_nonce() {
        arbtest(|u| {
            let secret = [u.arbitrary::<Vec<u8>>()?, vec![u.arbitrary()?]].concat();
            let nonce: [u8; NONCE_LEN] = u.arbitrary()?;
            let other_nonce: [u8; NONCE_LEN] = u.arbitrary()?;
            let noise: [u8; ANSWER_LEN] = u.arbitrary()?;
            let place = u.choose_index(ANSWER_LEN)?;

            let key = Key::new(&secret).expect("the key is not empty");
            let right = key.answer(&nonce);
            assert!(key.accepts(&nonce, &right));
            let mut near = right;
            near[place] = u.arbitrary()?;
            for answer in [near, noise, key.answer(&other_nonce)] {
                assert_eq!(key.accepts(&nonce, &answer), answer == right);
            }
            let other_key = Key::new(&[&secret[..], b"!"].concat()).expect("it is not empty");
            assert!(!other_key.accepts(&nonce, &right));
            Ok(())
        });
    }
}
