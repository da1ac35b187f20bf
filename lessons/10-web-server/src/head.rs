//! The head of a message: its first line and its headers, as HTTP/1.1 writes them (RFC 9112).
//!
//! Everything here is about bytes that have come. Who reads them is in `incoming.rs`.

use shared::preview;

use crate::Refusal;

/// The longest head, in bytes, with the empty line at its end.
pub const MAX_HEAD: usize = 8 * 1024;

/// The most headers of one head.
pub const MAX_HEADERS: usize = 100;

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD` and so on, as it came: methods are case-sensitive.
    pub method: String,
    /// What is asked for, as it came: visible ASCII, still percent-encoded.
    pub target: String,
    /// Whether it speaks HTTP/1.1 (or a later 1.x), and not HTTP/1.0.
    pub is_1_1: bool,
    /// Its headers.
    pub headers: Headers,
}

/// The head of a response.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// 100 to 999.
    pub status: u16,
    /// The first line as it came, without its end. It is not safe to print.
    pub line: Vec<u8>,
    /// Its headers.
    pub headers: Headers,
}

/// The headers of a message, in the order in which they came.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// The values of all headers of that name, which is given in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.iter().filter(move |(n, _)| *n == name);
        named.map(|(_, value)| value)
    }

    /// The first value of that name.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Whether a header that is a list, such as `Connection`, has that element, in any case.
    pub fn lists(&self, name: &str, element: &str) -> bool {
        let mut elements = self.all(name).flat_map(|value| value.split(|&b| b == b','));
        elements.any(|e| e.trim_ascii().eq_ignore_ascii_case(element.as_bytes()))
    }

    /// Each name, in lower case, and its value, without spaces around it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_slice()))
    }
}

/// Where the head ends that the bytes begin with: behind the first empty line. `None` as long as it
/// is not whole. Looks only from `from` on; an earlier call has seen what is before it.
///
/// # Errors
/// 400 for a line that ends with `\n` alone: such a head never ends.
pub fn end_of_head(bytes: &[u8], from: usize) -> Result<Option<usize>, Refusal> {
    for at in from..bytes.len() {
        if bytes[at] == b'\n' {
            if at == 0 || bytes[at - 1] != b'\r' {
                return Err(Refusal::bad("a line ends with \\n alone, not with \\r\\n"));
            }
            if bytes[..=at].ends_with(b"\r\n\r\n") {
                return Ok(Some(at + 1));
            }
        }
    }
    Ok(None)
}

/// Takes a request's whole head apart. What it means is not looked at, but for the version.
///
/// # Errors
/// 400 for what is no head, 431 for too many headers, 505 for a version other than 1.x.
pub fn parse_request(head: &[u8]) -> Result<Request, Refusal> {
    let (line, headers) = parse_lines(head)?;
    let mut words = line.split(|&b| b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::bad(format!(
            "the first line is not METHOD TARGET VERSION: '{}'",
            preview(line)
        )));
    };
    let method = token(method).ok_or_else(|| Refusal::bad("the method is no word"))?;
    let is_1_1 = match version {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            minor @ b'0'..=b'9',
        ] => *minor != b'0',
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            return Err(Refusal::new(505, "this server speaks HTTP/1.1"));
        }
        _ => return Err(Refusal::bad(format!("no version: '{}'", preview(version)))),
    };
    if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
        return Err(Refusal::bad("the target is not visible ASCII"));
    }
    Ok(Request {
        method: method.to_owned(),
        target: String::from_utf8_lossy(target).into_owned(),
        is_1_1,
        headers,
    })
}

/// Takes a response's whole head apart.
///
/// # Errors
/// What is wrong with it.
pub fn parse_response(head: &[u8]) -> Result<Response, Refusal> {
    let (line, headers) = parse_lines(head)?;
    let status = match line.strip_prefix(b"HTTP/1.").unwrap_or_default() {
        [b'0'..=b'9', b' ', a, b, c] | [b'0'..=b'9', b' ', a, b, c, b' ', ..] => {
            crate::decimal(&[*a, *b, *c])
        }
        _ => None,
    };
    let status = status.and_then(|status| u16::try_from(status).ok());
    let Some(status @ 100..) = status else {
        return Err(Refusal::bad(format!(
            "the first line is no HTTP/1.x status: '{}'",
            preview(line)
        )));
    };
    Ok(Response {
        status,
        line: line.to_owned(),
        headers,
    })
}

/// The first line, and the headers behind it.
fn parse_lines(head: &[u8]) -> Result<(&[u8], Headers), Refusal> {
    let Some(head) = head.strip_suffix(b"\r\n\r\n") else {
        return Err(Refusal::bad("no empty line at its end"));
    };
    let mut lines = head.split(|&b| b == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line); // the last has lost it already
        let fine = |&b: &u8| b == b'\t' || !b.is_ascii_control();
        match line.iter().all(fine) {
            true => Ok(line),
            false => Err(Refusal::bad("a control character in its head")),
        }
    });
    let first = lines.next().unwrap_or(Ok(b""))?;
    let mut headers = Vec::new();
    for line in lines {
        if headers.len() == MAX_HEADERS {
            let why = format!("more than {MAX_HEADERS} headers");
            return Err(Refusal::new(431, why));
        }
        headers.push(parse_header(line?)?);
    }
    Ok((first, Headers(headers)))
}

/// `Name: value`. A space before the colon, or at the line's start, is refused: two readers could
/// take the same bytes for different headers.
fn parse_header(line: &[u8]) -> Result<(String, Vec<u8>), Refusal> {
    let colon = line.iter().position(|&b| b == b':');
    let (name, value) = line.split_at(colon.unwrap_or(0));
    let Some(name) = token(name) else {
        return Err(Refusal::bad(format!("no header: '{}'", preview(line))));
    };
    let value = value[1..].trim_ascii(); // without the colon
    Ok((name.to_ascii_lowercase(), value.to_owned()))
}

/// A word of the characters that RFC 9110 (5.6.2) allows in names, at least one.
fn token(bytes: &[u8]) -> Option<&str> {
    let fine = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    if bytes.is_empty() || !bytes.iter().all(fine) {
        return None;
    }
    str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(head: &str) -> u16 {
        let parsed = parse_request(head.as_bytes());
        parsed.map_or_else(|refusal| refusal.status, |_| 200)
    }

    #[test]
    fn takes_a_request_apart() {
        let head = b"GET /a?b HTTP/1.1\r\nHost: x\r\nACCEPT:\t*/*  \r\nEmpty:\r\nhost: y\r\n\r\n";
        let request = parse_request(head).expect("it is a head");
        assert_eq!(request.method, "GET");
        assert_eq!(request.target, "/a?b");
        assert!(request.is_1_1);
        let all: Vec<_> = request.headers.iter().collect();
        let expected: [(&str, &[u8]); 4] = [
            ("host", b"x"),
            ("accept", b"*/*"),
            ("empty", b""),
            ("host", b"y"),
        ];
        assert_eq!(all, expected);
        assert_eq!(request.headers.all("host").count(), 2);
    }

    #[test]
    fn knows_the_elements_of_a_list() {
        let head = b"GET / HTTP/1.0\r\nConnection: Keep-Alive , x\r\nConnection: y\r\n\r\n";
        let request = parse_request(head).expect("it is a head");
        assert!(!request.is_1_1);
        for element in ["keep-alive", "x", "y"] {
            assert!(request.headers.lists("connection", element), "{element}");
        }
        assert!(!request.headers.lists("connection", "close"));
    }

    #[test]
    fn refuses_what_is_no_head() {
        for (head, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 200),
            ("G!T / HTTP/1.9\r\n\r\n", 200),
            ("\r\n\r\n", 400),
            ("GET /\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1 \r\n\r\n", 400),
            ("GET / x HTTP/1.1\r\n\r\n", 400),
            (" / HTTP/1.1\r\n\r\n", 400),
            ("GET(x) / HTTP/1.1\r\n\r\n", 400),
            ("GET /\u{e9} HTTP/1.1\r\n\r\n", 400),
            ("GET /\0 HTTP/1.1\r\n\r\n", 400),
            ("GET / http/1.1\r\n\r\n", 400),
            ("GET / HTTP/11\r\n\r\n", 400),
            ("GET / HTTP/1.10\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\n\r\n", 505),
            ("GET / HTTP/0.9\r\n\r\n", 505),
            ("GET / HTTP/1.1\r\nHost\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: x\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: x\ry\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: x\0\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: \u{e9}\r\n\r\n", 200),
        ] {
            assert_eq!(status_of(head), status, "{head:?}");
        }
        let many = |n: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(n));
        assert_eq!(status_of(&many(MAX_HEADERS)), 200);
        assert_eq!(status_of(&many(MAX_HEADERS + 1)), 431);
    }

    #[test]
    fn takes_a_response_apart() {
        for (line, status) in [
            ("HTTP/1.1 200 OK", Some(200)),
            ("HTTP/1.0 404", Some(404)),
            ("HTTP/1.1 999 ", Some(999)),
            ("HTTP/1.1 099 x", None),
            ("HTTP/1.1 20 OK", None),
            ("HTTP/1.1 2000 OK", None),
            ("HTTP/1.1 +20 OK", None),
            ("HTTP/2 200", None),
            ("SSH-2.0-x", None),
        ] {
            let response = parse_response(format!("{line}\r\nA: b\r\n\r\n").as_bytes());
            assert_eq!(response.ok().map(|r| r.status), status, "{line:?}");
        }
    }

    #[test]
    fn finds_the_end_whatever_was_seen_before() {
        let bytes = b"GET / HTTP/1.1\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
        for seen in 0..24 {
            assert_eq!(end_of_head(&bytes[..seen], 0), Ok(None), "{seen}");
            assert_eq!(end_of_head(bytes, seen), Ok(Some(24)), "{seen}");
        }
        assert!(end_of_head(b"GET / HTTP/1.1\nA", 0).is_err());
        assert!(end_of_head(b"\n", 0).is_err());
    }
}
