//! Other ways to solve exercise 10.2, right ones and wrong ones.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use web_server::contract::{FAREWELL, MAX_BODY, MAX_HEAD, Pages};
use web_server::{Incoming, Length, Trouble, end_of_head, parse_request, request_length};

/// Lines of a `BufReader` that lives as long as the connection.
pub fn by_lines(stream: TcpStream, pages: &Pages) {
    let _ = lines(&stream, pages);
}

fn lines(stream: &TcpStream, pages: &Pages) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let room = (MAX_HEAD + 1 - head.len()) as u64;
            let n = (&mut reader).take(room).read_until(b'\n', &mut head)?;
            if head.len() > MAX_HEAD {
                return last(stream, 431);
            }
            if n == 0 {
                return Ok(());
            }
        }
        match understand(&head) {
            Err(status) => return last(stream, status),
            Ok(request) => {
                let n = io::copy(&mut (&mut reader).take(request.length), &mut io::sink())?;
                if n < request.length {
                    return Ok(());
                }
                let mut writer = stream;
                writer.write_all(&respond(&request, pages))?;
                if request.closes {
                    return goodbye(stream);
                }
            }
        }
    }
}

struct Asked {
    method: String,
    path: String,
    length: u64,
    closes: bool,
}

fn understand(head: &[u8]) -> Result<Asked, u16> {
    let text: String = head.iter().map(|&b| char::from(b)).collect();
    let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
    let words: Vec<_> = lines.next().ok_or(400_u16)?.split(' ').collect();
    if words.len() != 3 || words[2] != "HTTP/1.1" || words[0].is_empty() || words[1].is_empty() {
        return Err(400);
    }
    let mut asked = Asked {
        method: words[0].to_owned(),
        path: words[1].split('?').next().unwrap_or_default().to_owned(),
        length: 0,
        closes: false,
    };
    let mut lengths = 0;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(400_u16)?;
        let value = value.trim();
        match name.to_lowercase().as_str() {
            "transfer-encoding" => return Err(400),
            "content-length" => {
                lengths += 1;
                let fine = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit());
                if lengths > 1 || !fine {
                    return Err(400);
                }
                asked.length = value.parse().map_err(|_| 413_u16)?;
            }
            "connection" if value.eq_ignore_ascii_case("close") => asked.closes = true,
            _ => {}
        }
    }
    match asked.length > MAX_BODY {
        true => Err(413),
        false => Ok(asked),
    }
}

fn respond(asked: &Asked, pages: &Pages) -> Vec<u8> {
    let (status, body) = match (asked.method.as_str(), pages.get(asked.path.as_str())) {
        ("GET" | "HEAD", Some(page)) => (200, *page),
        ("GET" | "HEAD", None) => (404, "nothing here"),
        _ => (405, "no"),
    };
    let mut out = format!("HTTP/1.1 {status} \r\ncontent-length: {}\r\n", body.len());
    if status == 405 {
        out += "allow: GET, HEAD\r\n";
    }
    if asked.closes {
        out += "connection: close\r\n";
    }
    out += "\r\n";
    if asked.method != "HEAD" {
        out += body;
    }
    out.into_bytes()
}

fn last(mut stream: &TcpStream, status: u16) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    goodbye(stream)
}

fn goodbye(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let end = Instant::now() + FAREWELL;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        if !matches!(stream.read(&mut [0; 1000]), Ok(1..)) {
            break;
        }
    }
    Ok(())
}

/// With the lesson's own library.
pub fn with_the_library(stream: TcpStream, pages: &Pages) {
    let _ = library(&stream, pages);
}

fn library(stream: &TcpStream, pages: &Pages) -> io::Result<()> {
    let mut incoming = Incoming::new(stream);
    let never = || Instant::now() + std::time::Duration::from_secs(3600);
    loop {
        if !incoming.begins(never())? {
            return Ok(());
        }
        let head = match incoming.read_head(never()) {
            Ok(head) => head,
            Err(Trouble::Refused(refusal)) => {
                let status = if refusal.status == 414 {
                    431
                } else {
                    refusal.status
                };
                return last(stream, status);
            }
            Err(Trouble::Broken(error)) => return Err(error),
        };
        // Ours is stricter and looser here and there.
        let asked = match understand(&head) {
            Ok(asked) => asked,
            Err(status) => return last(stream, status),
        };
        if let Ok(request) = parse_request(&head)
            && request_length(&request) != Ok(Length::Known(asked.length))
        {
            return last(stream, 400);
        }
        incoming.read_body(Length::Known(asked.length), never, |_| Ok(()))?;
        let mut writer = stream;
        writer.write_all(&respond(&asked, pages))?;
        if asked.closes {
            return goodbye(stream);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    None,
    Characters,
    HeadWithBody,
    HeadOfZero,
    EmptyNotFound,
    WithoutLength,
    OneRead,
    LosesTheRest,
    ClosesEachTime,
    ClosesAfter404,
    IgnoresClose,
    CloseAnywhere,
    SaysNotClose,
    NoDrain,
    DrainsForEver,
    CaseSensitive,
    NoBody,
    PlusFive,
    FirstLength,
    IgnoresEncoding,
    KeepsQuery,
    Unwraps,
    NoAllow,
    WaitsForAll,
    LoopsAtTheEnd,
    NoHeadLimit,
    NoBodyLimit,
    AnyWhitespace,
    GoesOnAfter400,
    AnswersHalf,
    PostIsGet,
    IgnoresErrors,
}

/// One buffer, one loop; and a mistake.
pub fn faulty(mut stream: TcpStream, pages: &Pages, bug: Bug) {
    let mut bytes: Vec<u8> = Vec::new();
    let mut kept = Vec::new();
    let mut ended = false;
    loop {
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map(|at| at + 4);
        let end = match end {
            None if bug == Bug::OneRead && !bytes.is_empty() => Some(bytes.len()),
            None if bug == Bug::AnswersHalf && ended && !bytes.is_empty() => Some(bytes.len()),
            end => end,
        };
        if end.unwrap_or(bytes.len()) > MAX_HEAD && bug != Bug::NoHeadLimit {
            return drop(last(&stream, 431));
        }
        let Some(end) = end else {
            if ended && bug != Bug::LoopsAtTheEnd {
                let _ = stream.write_all(&kept);
                return;
            }
            match read(&mut stream, &mut bytes, bug) {
                Ok(0) => ended = true,
                Ok(_) => {}
                Err(_) if bug == Bug::IgnoresErrors => loop {
                    std::thread::sleep(std::time::Duration::from_millis(10)); // tries again for ever
                },
                Err(_) => return,
            }
            continue;
        };
        let head: Vec<u8> = bytes.drain(..end).collect();
        if bug == Bug::Unwraps {
            let text = String::from_utf8(head.clone()).expect("invalid UTF-8");
            let first = text.lines().next().expect("no first line").to_owned();
            assert_eq!(first.split(' ').count(), 3, "not three words");
        }
        let asked = match misunderstand(&head, bug) {
            Ok(asked) => asked,
            Err(status) if bug == Bug::GoesOnAfter400 => {
                let no = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(no.as_bytes());
                continue;
            }
            Err(status) => {
                let _ = last_with(&stream, status, bug);
                return;
            }
        };
        let length = usize::try_from(asked.length).unwrap_or(usize::MAX);
        if bug != Bug::NoBody {
            while bytes.len() < length {
                match read(&mut stream, &mut bytes, bug) {
                    Ok(1..) => {}
                    _ => return,
                }
            }
            bytes.drain(..length);
        }
        let answer = misrespond(&asked, pages, bug);
        let not_found = !pages.contains_key(asked.path.as_str());
        match bug {
            Bug::WaitsForAll if !bytes.is_empty() => kept.extend(answer),
            _ => {
                kept.extend(answer);
                if stream.write_all(&kept).is_err() && bug != Bug::IgnoresErrors {
                    return;
                }
                kept.clear();
            }
        }
        if bug == Bug::LosesTheRest {
            bytes.clear();
        }
        let closes = match bug {
            Bug::ClosesEachTime => true,
            Bug::ClosesAfter404 => asked.closes || not_found,
            Bug::IgnoresClose => false,
            _ => asked.closes,
        };
        if closes {
            return farewell(&stream, bug);
        }
    }
}

fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>, bug: Bug) -> io::Result<usize> {
    let mut piece = [0; 4096];
    let n = stream.read(&mut piece);
    if matches!(bug, Bug::LoopsAtTheEnd | Bug::IgnoresErrors) && !matches!(n, Ok(1..)) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let n = n?;
    bytes.extend_from_slice(&piece[..n]);
    Ok(n)
}

fn last_with(mut stream: &TcpStream, status: u16, bug: Bug) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    farewell(stream, bug);
    Ok(())
}

fn farewell(mut stream: &TcpStream, bug: Bug) {
    match bug {
        Bug::NoDrain => {}
        Bug::DrainsForEver => {
            let _ = stream.shutdown(Shutdown::Write);
            while let Ok(1..) = stream.read(&mut [0; 1000]) {}
        }
        _ => drop(goodbye(stream)),
    }
}

fn misunderstand(head: &[u8], bug: Bug) -> Result<Asked, u16> {
    let mut text: String = head.iter().map(|&b| char::from(b)).collect();
    if bug == Bug::AnyWhitespace {
        let (first, rest) = text.split_once("\r\n").unwrap_or((&text, ""));
        let words: Vec<_> = first.split_whitespace().collect();
        text = format!("{}\r\n{rest}", words.join(" "));
    }
    if bug == Bug::PlusFive {
        text = text.replace(": +", ": ");
    }
    if bug == Bug::IgnoresEncoding {
        text = text.replace("ransfer-", "X-");
    }
    if bug == Bug::CaseSensitive {
        let lines: Vec<_> = text
            .split("\r\n")
            .map(|line| match line.split_once(':') {
                Some((name, value))
                    if !["Content-Length", "Connection", "Transfer-Encoding"].contains(&name)
                        && !name.contains(' ') =>
                {
                    format!("X-{name}:{value}")
                }
                _ => line.to_owned(),
            })
            .collect();
        text = lines.join("\r\n");
    }
    if bug == Bug::FirstLength {
        let mut seen = false;
        let lines: Vec<_> = text
            .split("\r\n")
            .filter(|line| {
                let is_length = line.to_lowercase().starts_with("content-length:");
                !(is_length && std::mem::replace(&mut seen, true))
            })
            .map(str::to_owned)
            .collect();
        text = lines.join("\r\n");
    }
    let bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let mut asked = match understand(&bytes) {
        Err(413) if bug == Bug::NoBodyLimit => {
            let text = text.to_lowercase();
            let digits = text.split("content-length: ").nth(1).unwrap_or_default();
            let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
            Asked {
                method: "POST".to_owned(),
                path: "/".to_owned(),
                length: digits.parse().unwrap_or(u64::MAX),
                closes: false,
            }
        }
        other => other?,
    };
    if bug == Bug::CloseAnywhere {
        asked.closes = text.replace(' ', "").contains("Connection:close");
    }
    if bug == Bug::KeepsQuery {
        let target = text.split(' ').nth(1).unwrap_or_default();
        asked.path = target.to_owned();
    }
    if bug == Bug::PostIsGet && asked.method == "POST" {
        asked.method = "GET".to_owned();
    }
    Ok(asked)
}

fn misrespond(asked: &Asked, pages: &Pages, bug: Bug) -> Vec<u8> {
    let answer = respond(asked, pages);
    let end = end_of_head(&answer, 0)
        .ok()
        .flatten()
        .unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = String::from_utf8_lossy(&answer[end..]).into_owned();
    let length = format!("content-length: {}\r\n", body.len());
    let page = pages.get(asked.path.as_str()).copied();
    let (head, body) = match bug {
        Bug::Characters => {
            let characters = format!("content-length: {}\r\n", body.chars().count());
            (head.replace(&length, &characters), body)
        }
        Bug::HeadWithBody if asked.method == "HEAD" => {
            let body = page.unwrap_or("nothing here").to_owned();
            (head, body)
        }
        Bug::HeadOfZero if asked.method == "HEAD" => {
            let real = page.unwrap_or("nothing here").len();
            let real = format!("content-length: {real}\r\n");
            (head.replace(&real, "content-length: 0\r\n"), body)
        }
        Bug::EmptyNotFound if page.is_none() && asked.method == "GET" => (
            head.replace(&length, "content-length: 0\r\n"),
            String::new(),
        ),
        Bug::WithoutLength if page.is_none() => (head.replace(&length, ""), body),
        Bug::NoAllow => (head.replace("allow: GET, HEAD\r\n", ""), body),
        Bug::SaysNotClose => (head.replace("connection: close\r\n", ""), body),
        _ => (head, body),
    };
    (head + &body).into_bytes()
}
