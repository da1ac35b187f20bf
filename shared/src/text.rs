use std::error::Error;
use std::fmt;
use std::str;

use crate::escape::preview;

/// The longest text that one datagram carries, in bytes.
///
/// An IPv4 packet has at most 65,535 bytes, 20 of them IP's header and 8 of them UDP's. Receive
/// into a buffer of `MAX_TEXT + 1` bytes: [`decode`] takes a datagram that fills it for one that
/// was cut.
pub const MAX_TEXT: usize = 65_507;

/// A text as the bytes of one datagram.
///
/// # Errors
/// It is longer than [`MAX_TEXT`].
pub fn encode(text: &str) -> Result<&[u8], TextError> {
    if text.len() > MAX_TEXT {
        return Err(TextError::TooLong(text.len()));
    }
    Ok(text.as_bytes()) // a str is UTF-8 already
}

/// The text that one received datagram carries; none of its bytes gives the empty text.
///
/// # Errors
/// It is longer than [`MAX_TEXT`], or not UTF-8.
pub fn decode(datagram: &[u8]) -> Result<&str, TextError> {
    if datagram.len() > MAX_TEXT {
        return Err(TextError::Cut);
    }
    str::from_utf8(datagram).map_err(|e| TextError::NotUtf8 {
        at: e.valid_up_to(),
        bytes: preview(&datagram[e.valid_up_to()..]),
    })
}

/// Why a text does not go into a datagram, or a datagram is not a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextError {
    /// The text has so many bytes.
    TooLong(usize),
    /// More came than the buffer takes; the end is lost.
    Cut,
    /// Where the first byte stands that is not UTF-8, counted from 0, and what begins there.
    NotUtf8 {
        /// How many bytes of text stand before it.
        at: usize,
        /// The bytes from there on, as [`preview`] shows them.
        bytes: String,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextError::TooLong(length) => write!(
                f,
                "the text is too long for a datagram: {length} bytes > {MAX_TEXT}"
            ),
            TextError::Cut => write!(f, "longer than {MAX_TEXT} bytes, and cut"),
            TextError::NotUtf8 { at, bytes } => {
                write!(f, "not UTF-8 from byte {at} on: {bytes}")
            }
        }
    }
}

impl Error for TextError {}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;

    #[test]
    fn takes_texts_up_to_the_longest_and_says_both_numbers() {
        assert_eq!(encode("世界"), Ok("世界".as_bytes()));
        assert_eq!(encode(""), Ok(&b""[..]));
        let longest = "x".repeat(MAX_TEXT);
        assert_eq!(encode(&longest).map(<[u8]>::len), Ok(MAX_TEXT));
        let error = encode(&(longest + "x")).expect_err("it is longer");
        let message = "the text is too long for a datagram: 65508 bytes > 65507";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn gives_the_text_of_a_datagram_or_says_why_it_has_none() {
        assert_eq!(decode("世界".as_bytes()), Ok("世界"));
        assert_eq!(decode(b""), Ok(""));
        assert_eq!(decode(&[b'x'; MAX_TEXT]).map(str::len), Ok(MAX_TEXT));
        let complaint = |datagram: &[u8]| decode(datagram).expect_err("no text").to_string();
        assert_eq!(
            complaint(&[b'x'; MAX_TEXT + 1]),
            "longer than 65507 bytes, and cut"
        );
        assert_eq!(
            complaint(b"ab\xff\x1b"),
            "not UTF-8 from byte 2 on: \\xff\\x1b"
        );
    }

    #[test]
    fn what_was_encoded_is_decoded_and_nothing_else() {
        arbtest(|u| {
            let text: String = u.arbitrary::<Vec<char>>()?.into_iter().collect();
            assert_eq!(encode(&text).and_then(decode), Ok(text.as_str()));
            let other: Vec<u8> = u.arbitrary()?;
            if let Ok(text) = decode(&other) {
                assert_eq!(encode(text), Ok(&other[..]));
            }
            Ok(())
        });
    }
}
