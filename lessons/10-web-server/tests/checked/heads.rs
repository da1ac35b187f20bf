//! Other ways to solve exercise 10.1, right ones and wrong ones.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::TcpStream;

use web_server::contract::{MAX_HEAD, MAX_LINES};

type Head = io::Result<Option<Vec<u8>>>;

/// One byte at a time: slow, but nothing is ever read too early.
pub fn byte_by_byte(stream: &TcpStream, rest: &mut Vec<u8>) -> Head {
    let early = std::mem::take(rest);
    let mut bytes = early.as_slice().chain(stream);
    let mut head = Vec::new();
    let mut lines = 0;
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match bytes.read(&mut byte)? {
            0 if head.is_empty() => return Ok(None),
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            _ => head.push(byte[0]),
        }
        if head.ends_with(b"\r\n") {
            lines += 1;
        }
        let most = MAX_LINES + 1 + usize::from(head.ends_with(b"\r\n\r\n"));
        if head.len() > MAX_HEAD || lines > most {
            return Err(ErrorKind::InvalidData.into());
        }
    }
    *rest = bytes.into_inner().0.to_vec();
    Ok(Some(head))
}

/// Lines out of a `BufReader`, whose buffer is not forgotten.
pub fn by_lines(stream: &TcpStream, rest: &mut Vec<u8>) -> Head {
    let early = std::mem::take(rest);
    let mut reader = BufReader::new(early.as_slice().chain(stream));
    let mut head: Vec<u8> = Vec::new();
    let mut lines = 0;
    loop {
        let before = head.len();
        let room = (MAX_HEAD + 1 - before) as u64;
        (&mut reader).take(room).read_until(b'\n', &mut head)?;
        if head.len() > MAX_HEAD {
            return Err(ErrorKind::InvalidData.into());
        }
        if head.is_empty() {
            return Ok(None);
        }
        if head.last() != Some(&b'\n') {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if head.ends_with(b"\r\n\r\n") {
            let buffered = reader.buffer().to_vec();
            let (unread, _) = reader.into_inner().into_inner();
            *rest = [buffered.as_slice(), unread].concat();
            return Ok(Some(head));
        }
        lines += usize::from(head.ends_with(b"\r\n"));
        if lines > MAX_LINES + 1 {
            return Err(ErrorKind::InvalidData.into());
        }
    }
}

/// A state machine that counts how much of the end it has seen.
pub fn by_states(mut stream: &TcpStream, rest: &mut Vec<u8>) -> Head {
    let mut bytes = std::mem::take(rest);
    let (mut at, mut matched, mut lines) = (0, 0, 0);
    loop {
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            matched = match (matched, byte) {
                (0 | 2, b'\r') => matched + 1,
                (1 | 3, b'\n') => matched + 1,
                (_, b'\r') => 1,
                _ => 0,
            };
            if at > MAX_HEAD {
                return Err(ErrorKind::InvalidData.into());
            }
            if matched == 4 {
                *rest = bytes.split_off(at);
                return Ok(Some(bytes));
            }
            if matched == 2 {
                lines += 1;
                if lines > MAX_LINES + 1 {
                    return Err(ErrorKind::InvalidData.into());
                }
            }
        }
        let mut piece = vec![0; 1000];
        let n = stream.read(&mut piece)?;
        if n == 0 {
            return match bytes.is_empty() {
                true => Ok(None),
                false => Err(ErrorKind::UnexpectedEof.into()),
            };
        }
        bytes.extend(&piece[..n]);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    None,
    OneRead,
    LastPieceOnly,
    BareNewlines,
    LastEnd,
    ForgetsTheRest,
    KeepsAll,
    ReadsFirst,
    IgnoresRest,
    RestBehind,
    AsText,
    EndIsAnError,
    EndIsAHead,
    EndInsideIsNone,
    LoopsAtTheEnd,
    NoLimit,
    NoLineLimit,
    LimitWhenWhole,
    OffByOne,
    OneTooMany,
    LinesOffByOne,
    CountsWhatIsBehind,
    TimeoutIsTheEnd,
    OtherError,
    RetriesTimeouts,
    WithoutTheEmptyLine,
    RestNotCounted,
}

/// The same, with a mistake.
pub fn faulty(mut stream: &TcpStream, rest: &mut Vec<u8>, bug: Bug) -> Head {
    let invalid = || Err(ErrorKind::InvalidData.into());
    let mut bytes = std::mem::take(rest);
    let early = bytes.len();
    if bug == Bug::IgnoresRest {
        bytes.clear();
    }
    let mut from = 0;
    let mut first = true;
    let mut piece = vec![0; 4096];
    loop {
        let end = match bug {
            Bug::BareNewlines => {
                let at = |end: &[u8]| bytes.windows(end.len()).position(|w| w == end);
                at(b"\r\n\r\n")
                    .map(|a| a + 4)
                    .into_iter()
                    .chain(at(b"\n\n").map(|a| a + 2))
                    .min()
            }
            Bug::LastEnd => {
                let mut windows = bytes.windows(4);
                windows.rposition(|w| w == b"\r\n\r\n").map(|a| a + 4)
            }
            Bug::LastPieceOnly => {
                let mut windows = bytes[from..].windows(4);
                windows.position(|w| w == b"\r\n\r\n").map(|a| from + a + 4)
            }
            Bug::ReadsFirst if first => None,
            Bug::OneRead if !first || !bytes.is_empty() => Some(bytes.len()),
            _ => {
                let mut windows = bytes.windows(4);
                windows.position(|w| w == b"\r\n\r\n").map(|a| a + 4)
            }
        };
        from = bytes.len();
        let mut length = end.unwrap_or(bytes.len());
        if bug == Bug::CountsWhatIsBehind {
            length = bytes.len();
        }
        if bug == Bug::RestNotCounted {
            length -= early.min(length);
        }
        let ends = bytes[..length.min(bytes.len())]
            .windows(2)
            .filter(|w| w == b"\r\n")
            .count();
        let lines = ends.saturating_sub(if end.is_some() { 2 } else { 1 });
        let most = match bug {
            Bug::OffByOne => MAX_HEAD - 1,
            Bug::OneTooMany => MAX_HEAD + 1,
            Bug::NoLimit => usize::MAX,
            _ => MAX_HEAD,
        };
        let most_lines = match bug {
            Bug::LinesOffByOne => MAX_LINES - 1,
            Bug::NoLimit | Bug::NoLineLimit => usize::MAX,
            _ => MAX_LINES,
        };
        if (length > most || lines > most_lines) && (end.is_some() || bug != Bug::LimitWhenWhole) {
            return invalid();
        }
        if let Some(end) = end {
            let behind = bytes.split_off(end);
            if bug == Bug::AsText {
                let text = String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData)?;
                *rest = behind;
                return Ok(Some(text.into_bytes()));
            }
            match bug {
                Bug::ForgetsTheRest => {}
                Bug::KeepsAll => *rest = [bytes.as_slice(), &behind].concat(),
                _ => *rest = behind,
            }
            if bug == Bug::WithoutTheEmptyLine {
                bytes.truncate(bytes.len() - 2);
            }
            return Ok(Some(bytes));
        }
        let n = match stream.read(&mut piece) {
            Ok(n) => n,
            Err(_) if bug == Bug::TimeoutIsTheEnd => return Ok(None),
            Err(_) if bug == Bug::OtherError => return Err(io::Error::other("it broke")),
            Err(e) if bug == Bug::RetriesTimeouts && e.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(std::time::Duration::from_millis(1));
                continue;
            }
            Err(error) => return Err(error),
        };
        first = false;
        if n == 0 {
            return match bug {
                Bug::LoopsAtTheEnd => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    continue;
                }
                Bug::EndIsAHead => Ok(Some(bytes)),
                Bug::EndInsideIsNone => Ok(None),
                _ if bytes.is_empty() && bug != Bug::EndIsAnError => Ok(None),
                _ => Err(ErrorKind::UnexpectedEof.into()),
            };
        }
        if bug == Bug::RestBehind {
            let before = std::mem::take(&mut bytes);
            bytes = [&piece[..n], &before].concat();
        } else {
            bytes.extend_from_slice(&piece[..n]);
        }
    }
}
