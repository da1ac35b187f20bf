//! Where a message's body ends: the three ways of RFC 9112, section 6.

use std::io::{self, ErrorKind};

use crate::head::{MAX_HEAD, Request, Response};
use crate::{Headers, Refusal};

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Known(u64),
    /// In pieces, each with its length in front.
    Chunked,
    /// All that comes until the other side has finished. Only a response may say so.
    UntilEnd,
}

/// How long a request's body is.
///
/// # Errors
/// 400 for what two readers could understand in two ways, 501 for a coding that we do not know.
pub fn request_length(request: &Request) -> Result<Length, Refusal> {
    let length = declared_length(&request.headers)?;
    if length == Some(Length::Chunked) && !request.is_1_1 {
        return Err(Refusal::bad("Transfer-Encoding in HTTP/1.0"));
    }
    Ok(length.unwrap_or(Length::Known(0)))
}

/// How long a response's body is. The answer to HEAD has none, whatever its headers say.
///
/// # Errors
/// What is ambiguous, or unknown to us.
pub fn response_length(response: &Response, to_head: bool) -> Result<Length, Refusal> {
    if to_head || matches!(response.status, 100..=199 | 204 | 304) {
        return Ok(Length::Known(0));
    }
    let length = declared_length(&response.headers)?;
    Ok(length.unwrap_or(Length::UntilEnd))
}

fn declared_length(headers: &Headers) -> Result<Option<Length>, Refusal> {
    let mut codings = headers.all("transfer-encoding");
    let mut lengths = headers.all("content-length");
    match (codings.next(), lengths.next()) {
        (Some(_), Some(_)) => Err(Refusal::bad(
            "both Transfer-Encoding and Content-Length: where would its body end?",
        )),
        (Some(coding), None) => match codings.next() {
            None if coding.eq_ignore_ascii_case(b"chunked") => Ok(Some(Length::Chunked)),
            _ => Err(Refusal::new(501, "a Transfer-Encoding other than chunked")),
        },
        (None, Some(length)) => match (decimal(length), lengths.next()) {
            (Some(length), None) => Ok(Some(Length::Known(length))),
            (_, Some(_)) => Err(Refusal::bad("more than one Content-Length")),
            (None, None) => Err(Refusal::bad("the Content-Length is no number")),
        },
        (None, None) => Ok(None),
    }
}

/// A number of digits only: `parse` would also take `+5`. `None` if it is none, or too large.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

/// The longest line in front of a chunk, in bytes, with what is behind its length.
const MAX_SIZE_LINE: usize = 256;

/// Takes a chunked body apart, in whatever pieces it comes: for each chunk its length in hexadecimal
/// digits, `\r\n`, so many bytes, `\r\n`. A chunk of length 0 ends it, and perhaps some more
/// headers, of which we take no notice.
#[derive(Debug, Default)]
pub struct Chunks {
    state: State,
    /// The line that is not whole yet: of a chunk's length, or of a header at the end.
    line: Vec<u8>,
    /// How many bytes of headers came at the end.
    trailer: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In the line with a chunk's length.
    #[default]
    Size,
    /// In a chunk of which so many bytes are missing.
    Data(u64),
    /// In the `\r\n` behind a chunk.
    DataEnd,
    /// In a line behind the last chunk.
    Trailer,
    Done,
}

impl Chunks {
    /// Takes what came, puts what was in chunks into `body`, and returns how many bytes it used: all,
    /// unless the body ends before.
    ///
    /// # Errors
    /// `InvalidData` with what is wrong.
    pub fn decode(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> io::Result<usize> {
        let mut used = 0;
        while used < bytes.len() && self.state != State::Done {
            let rest = &bytes[used..];
            if let State::Data(missing) = self.state {
                let n = usize::try_from(missing).map_or(rest.len(), |m| m.min(rest.len()));
                body.extend_from_slice(&rest[..n]);
                used += n;
                self.state = match missing - n as u64 {
                    0 => State::DataEnd,
                    missing => State::Data(missing),
                };
                continue;
            }
            let end = rest.iter().position(|&b| b == b'\n');
            let n = end.map_or(rest.len(), |end| end + 1);
            self.line.extend_from_slice(&rest[..n]);
            used += n;
            let most = match self.state {
                State::DataEnd => 2,
                State::Trailer => MAX_HEAD - self.trailer,
                _ => MAX_SIZE_LINE,
            };
            if self.line.len() > most {
                return wrong("a line is too long between chunks");
            }
            if end.is_some() {
                self.state = self.next()?;
                self.line.clear();
            }
        }
        Ok(used)
    }

    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// What comes behind the line that is whole.
    fn next(&mut self) -> io::Result<State> {
        let Some(line) = self.line.strip_suffix(b"\r\n") else {
            return wrong("a line between chunks ends with \\n alone");
        };
        match self.state {
            State::Size => match chunk_size(line) {
                Some(0) => Ok(State::Trailer),
                Some(size) => Ok(State::Data(size)),
                None => wrong("a chunk's length is no hexadecimal number"),
            },
            State::DataEnd if line.is_empty() => Ok(State::Size),
            State::DataEnd => wrong("a chunk is longer than it said"),
            _ if line.is_empty() => Ok(State::Done),
            _ => {
                self.trailer += self.line.len();
                Ok(State::Trailer)
            }
        }
    }
}

fn wrong<T>(what: &str) -> io::Result<T> {
    Err(io::Error::new(ErrorKind::InvalidData, what))
}

/// The number in front of a chunk. What stands behind a `;` is of no concern to us.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&b| b == b';').next()?;
    let digits = digits.trim_ascii_end();
    // `from_str_radix` would also take "+5".
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{parse_request, parse_response};

    fn of_request(headers: &str) -> Result<Length, u16> {
        let head = format!("GET / HTTP/1.1\r\n{headers}\r\n");
        let request = parse_request(head.as_bytes()).map_err(|r| r.status)?;
        request_length(&request).map_err(|r| r.status)
    }

    #[test]
    fn refuses_every_length_that_can_be_understood_in_two_ways() {
        for (headers, expected) in [
            ("", Ok(Length::Known(0))),
            ("Content-Length: 5\r\n", Ok(Length::Known(5))),
            ("Content-Length: 005\r\n", Ok(Length::Known(5))),
            ("content-LENGTH:5\r\n", Ok(Length::Known(5))),
            ("Content-Length: +5\r\n", Err(400)),
            ("Content-Length: -5\r\n", Err(400)),
            ("Content-Length: 0x5\r\n", Err(400)),
            ("Content-Length: 5 5\r\n", Err(400)),
            ("Content-Length: 5, 5\r\n", Err(400)),
            ("Content-Length: 5, 6\r\n", Err(400)),
            ("Content-Length:\r\n", Err(400)),
            (
                "Content-Length: 18446744073709551615\r\n",
                Ok(Length::Known(u64::MAX)),
            ),
            ("Content-Length: 18446744073709551616\r\n", Err(400)),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(400)),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(400)),
            ("Transfer-Encoding: chunked\r\n", Ok(Length::Chunked)),
            ("Transfer-Encoding: CHUNKED\r\n", Ok(Length::Chunked)),
            ("Transfer-Encoding: xchunked\r\n", Err(501)),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
            ("Transfer-Encoding: chunked, identity\r\n", Err(501)),
            ("Transfer-Encoding: identity\r\n", Err(501)),
            ("Transfer-Encoding: \"chunked\"\r\n", Err(501)),
            ("Transfer-Encoding: \x0bchunked\r\n", Err(400)),
            ("Transfer-Encoding : chunked\r\n", Err(400)),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Err(501),
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                Err(400),
            ),
            ("Content-Length: 5\r\nTransfer-Encoding: x\r\n", Err(400)),
        ] {
            assert_eq!(of_request(headers), expected, "{headers:?}");
        }
        let old = parse_request(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(request_length(&old.expect("it is a head")).is_err());
    }

    #[test]
    fn knows_which_responses_have_no_body() {
        let long = |status: u16| {
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 5\r\n\r\n");
            parse_response(head.as_bytes()).expect("it is a head")
        };
        assert_eq!(response_length(&long(200), false), Ok(Length::Known(5)));
        assert_eq!(response_length(&long(200), true), Ok(Length::Known(0)));
        for status in [100, 204, 304] {
            assert_eq!(response_length(&long(status), false), Ok(Length::Known(0)));
        }
        let bare = parse_response(b"HTTP/1.1 200 x\r\n\r\n").expect("it is a head");
        assert_eq!(response_length(&bare, false), Ok(Length::UntilEnd));
    }

    /// What was in the chunks, and how many bytes they took; the bytes come in pieces of that size.
    fn decoded(bytes: &[u8], piece: usize) -> io::Result<Option<(Vec<u8>, usize)>> {
        let (mut chunks, mut body, mut used) = (Chunks::default(), Vec::new(), 0);
        for piece in bytes.chunks(piece) {
            used += chunks.decode(piece, &mut body)?;
        }
        Ok(chunks.is_done().then_some((body, used)))
    }

    #[test]
    fn takes_chunks_apart_however_they_are_cut() {
        let bytes = b"5\r\nhello\r\n00A ;x=\"y\"\r\n, chunks\r\n\r\n0\r\nTrailer: x\r\n\r\nGET /";
        for piece in 1..=bytes.len() {
            let (body, used) = decoded(bytes, piece)
                .expect("it is chunked")
                .expect("it is whole");
            assert_eq!(body, b"hello, chunks\r\n");
            assert_eq!(&bytes[used..], b"GET /");
        }
        for length in 0..bytes.len() - 5 {
            assert!(matches!(decoded(&bytes[..length], 7), Ok(None)), "{length}");
        }
    }

    #[test]
    fn refuses_what_are_no_chunks() {
        for bytes in [
            "\r\n",
            "-5\r\nhello\r\n",
            "+5\r\nhello\r\n",
            "0x5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "5\nhello\r\n",
            "5\r\nhello!\r\n",
            "5\r\nhello\n",
            "ffffffffffffffff0\r\n",
            "0\r\nx\n",
            ";\r\n",
        ] {
            assert!(decoded(bytes.as_bytes(), 3).is_err(), "{bytes:?}");
        }
        let endless_line = format!("5;{}", "x".repeat(MAX_SIZE_LINE));
        assert!(decoded(endless_line.as_bytes(), 100).is_err());
        let endless_end = format!("0\r\n{}", "a: b\r\n".repeat(MAX_HEAD));
        assert!(decoded(endless_end.as_bytes(), 100).is_err());
        // As many bytes as there can be: nothing is set aside for them.
        assert!(matches!(decoded(b"ffffffffffffffff\r\nx", 1), Ok(None)));
    }
}
