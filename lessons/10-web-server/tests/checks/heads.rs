//! Exercise 10.1: request heads, whatever pieces they come in.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, show};
use web_server::contract::{MAX_HEAD, MAX_LINES};

use super::{ENDS, READ_THE_CODE, ReadHead, SLOW};

const HEAD: &str = "A head is all bytes";
const PIECES: &str = "It may come in any pieces";
const FIRST: &str = "`rest` holds what came behind the head before";
const BEHIND: &str = "When the function returns, `rest`";
const NO_READ: &str = "If `rest` has a whole head";
const NOT_TEXT: &str = "The bytes need not be text";
const NONE: &str = "Returns `None` when";
const INSIDE: &str = "`UnexpectedEof` when";
const TOO_LONG: &str = "`InvalidData` when";
const AT_ONCE: &str = "It is said as soon as";
const ERRORS: &str = "Any other error";

const ONE_READ: &str = "one read is taken for one head";
const BORDER: &str = "the end is looked for in the last piece alone, and it stands across a border";
const EOF_LOOP: &str = "a read of 0 is the end, and not a piece without bytes";

/// 10.1 A request head.
pub fn read_head(read_head: ReadHead) -> Verdict {
    check(move |trial| {
        reads_a_head(trial, read_head).read(READ_THE_CODE)?;
        reads_it_in_any_pieces(trial, read_head).read(READ_THE_CODE)?;
        keeps_what_is_behind(trial, read_head).read(ENDS)?;
        ends_at_the_first_empty_line(trial, read_head).read(ENDS)?;
        tells_the_end(trial, read_head).read(READ_THE_CODE)?;
        has_limits(trial, read_head).read(SLOW)?;
        returns_errors(trial, read_head).read(READ_THE_CODE)
    })
}

/// What came of some calls: their results, and what is in `rest` then.
type Calls = (Vec<io::Result<Option<Vec<u8>>>>, Vec<u8>);

/// Calls the function so often, with the same `rest`. An error ends it.
fn start(
    trial: &Trial,
    read_head: ReadHead,
    calls: usize,
    rest: &[u8],
) -> Step<(Peer, TcpStream, Attempt<Calls>)> {
    let (peer, stream) = trial.pair()?;
    let clone = stream.try_clone();
    let clone = clone.map_err(|e| Fault::new(format!("the check could not clone: {e}")))?;
    let mut rest = rest.to_vec();
    let attempt = trial.start(move || {
        let mut results = Vec::new();
        for _ in 0..calls {
            results.push(read_head(&stream, &mut rest));
            if matches!(results.last(), Some(Err(_))) {
                break;
            }
        }
        (results, rest)
    });
    Ok((peer, clone, attempt))
}

/// The calls gave these heads, and this is left.
fn gave(
    attempt: &Attempt<Calls>,
    mut theirs: &TcpStream,
    what: &str,
    heads: &[&[u8]],
    left: &[u8],
) -> Step {
    let (results, mut rest) = attempt.result().when(what)?;
    // Who reads byte by byte has left the rest where it was.
    let _ = theirs.set_nonblocking(true);
    let mut piece = [0; 1024];
    while let Ok(n @ 1..) = theirs.read(&mut piece) {
        rest.extend_from_slice(&piece[..n]);
    }
    for (i, head) in heads.iter().enumerate() {
        let came = results.get(i);
        match came {
            Some(Ok(Some(came))) if came == head => {}
            _ => {
                let came = came.map_or("nothing".to_owned(), shown);
                return Err(Fault::new(format!(
                    "{what}: you returned {came}, and the head was {}",
                    show(head)
                )));
            }
        }
    }
    if rest == left {
        return Ok(());
    }
    Err(Fault::new(format!(
        "{what}: `rest` should then hold {}, and holds {}",
        show(left),
        show(&rest)
    ))
    .breaks(BEHIND)
    .cause(
        "what came behind the head in the same read is lost, or stays together with the head, or \
         is a reader's own buffer",
    ))
}

fn shown(result: &io::Result<Option<Vec<u8>>>) -> String {
    match result {
        Ok(Some(head)) => format!("a head: {}", show(head)),
        Ok(None) => "None".to_owned(),
        Err(error) => format!("an error: {error} ({:?})", error.kind()),
    }
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const SECOND: &[u8] = b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
const BODY: &[u8] = b"a\r\n\r\nb\r\n\r";

fn reads_a_head(trial: &Trial, read_head: ReadHead) -> Step {
    let (mut peer, theirs, attempt) = start(trial, read_head, 1, b"")?;
    peer.send(GET)?;
    gave(&attempt, &theirs, "a head came in one piece", &[GET], b"")
        .breaks(HEAD)
        .cause("it is not returned whole, with the empty line; or more is waited for")
}

fn reads_it_in_any_pieces(trial: &Trial, read_head: ReadHead) -> Step {
    let (mut peer, theirs, attempt) = start(trial, read_head, 2, b"")?;
    let both = [GET, SECOND].concat();
    for byte in &both {
        if attempt.has_ended() {
            break; // too early, which is reported below
        }
        peer.send_one_by_one(&[*byte], &theirs)
            .breaks(PIECES)
            .cause(ONE_READ)?;
    }
    gave(
        &attempt,
        &theirs,
        "two heads came byte by byte",
        &[GET, SECOND],
        b"",
    )
    .breaks(PIECES)
    .cause(ONE_READ)?;
    for cut in GET.len() - 6..GET.len() {
        let (mut peer, theirs, attempt) = start(trial, read_head, 1, b"")?;
        peer.send(&GET[..cut])?;
        peer.wait_until_read(&theirs);
        peer.send(&GET[cut..]).breaks(PIECES).cause(ONE_READ)?;
        let what = format!("a head came as {} bytes and {}", cut, GET.len() - cut);
        gave(&attempt, &theirs, &what, &[GET], b"")
            .breaks(PIECES)
            .cause(BORDER)?;
    }
    Ok(())
}

fn keeps_what_is_behind(trial: &Trial, read_head: ReadHead) -> Step {
    const LOST: &str = "what came behind the first head is lost: it was in a buffer of one call; or \
        the last empty line is taken for the first one";
    for cut in [1, 10, GET.len() - 3, GET.len() - 1] {
        let (mut peer, theirs, attempt) = start(trial, read_head, 1, &GET[..cut])?;
        peer.send(&[&GET[cut..], b"body"].concat())?;
        let what = format!("the first {cut} bytes of a head were in `rest`");
        gave(&attempt, &theirs, &what, &[GET], b"body")
            .breaks(FIRST)
            .cause("`rest` is not looked at, or put behind what is read")?;
    }
    // Nothing comes: whoever reads waits.
    let (_peer, theirs, attempt) = start(trial, read_head, 1, GET)?;
    let what = "a head was in `rest`, and nothing came";
    gave(&attempt, &theirs, what, &[GET], b"")
        .breaks(NO_READ)
        .cause("it reads before it looks at what is there")?;

    let (mut peer, theirs, attempt) = start(trial, read_head, 2, b"")?;
    peer.send(&[GET, SECOND, BODY].concat())?;
    let what = "two heads and a body came in one piece";
    gave(&attempt, &theirs, what, &[GET, SECOND], BODY)
        .breaks(BEHIND)
        .cause(LOST)
}

fn ends_at_the_first_empty_line(trial: &Trial, read_head: ReadHead) -> Step {
    for head in [
        b"GET /a HTTP/1.1\n\nA: \r\r\n\n\r\nB: \n\r\n\r\n".as_slice(),
        b"\n\n\r\n\r\n",
        b" \r\n \r\n\t\r\n\r\n",
    ] {
        let (mut peer, theirs, attempt) = start(trial, read_head, 1, b"")?;
        peer.send(&[head, GET].concat())?;
        gave(
            &attempt,
            &theirs,
            "a head with strange lines came",
            &[head],
            GET,
        )
        .breaks(HEAD)
        .cause("the end is something else than the first \\r\\n\\r\\n: the last one, or \\n\\n")?;
    }
    let head = b"GET /\xff\xfe\0 HTTP/1.1\r\nA: \xc3\r\n\r\n";
    let (mut peer, theirs, attempt) = start(trial, read_head, 1, b"")?;
    peer.send(&[head.as_slice(), b"\xe4"].concat())?;
    gave(
        &attempt,
        &theirs,
        "a head came that is no text",
        &[head],
        b"\xe4",
    )
    .breaks(NOT_TEXT)
    .cause("it is read as lines of text, or turned into a String")
}

/// The last call gave this kind of error.
fn failed(attempt: &Attempt<Calls>, what: &str, kind: ErrorKind) -> Step {
    let (results, _) = attempt.result().when(what)?;
    match results.last() {
        Some(Err(error)) if error.kind() == kind => Ok(()),
        other => {
            let came = other.map_or("nothing".to_owned(), shown);
            Err(Fault::new(format!(
                "{what}: you should return {kind:?}, and returned {came}"
            )))
        }
    }
}

fn tells_the_end(trial: &Trial, read_head: ReadHead) -> Step {
    let (mut peer, _stream, attempt) = start(trial, read_head, 2, b"")?;
    peer.send(GET)?;
    peer.half_close()?;
    let what = "the client sent a head and finished";
    let (results, _) = attempt.result().when(what).breaks(NONE).cause(EOF_LOOP)?;
    if !matches!(results.as_slice(), [Ok(Some(_)), Ok(None)]) {
        let last = results.last().map_or("nothing".to_owned(), shown);
        return Err(Fault::new(format!(
            "{what}: the second call should return None, and returned {last}"
        ))
        .breaks(NONE)
        .cause("the end between two heads is no error, and no head"));
    }
    for (rest, sent) in [
        (b"".as_slice(), b"G".as_slice()),
        (b"", &GET[..GET.len() - 1]),
        (b"GET / HT", b""),
    ] {
        let (mut peer, _stream, attempt) = start(trial, read_head, 1, rest)?;
        if !sent.is_empty() {
            peer.send(sent)?;
        }
        peer.half_close()?;
        failed(
            &attempt,
            "the client finished inside a head",
            ErrorKind::UnexpectedEof,
        )
        .breaks(INSIDE)
        .cause(EOF_LOOP)?;
    }
    Ok(())
}

/// A head of just so many bytes.
fn head_of(bytes: usize) -> Vec<u8> {
    let start = b"GET / HTTP/1.1\r\nA: ";
    let filler = vec![b'x'; bytes - start.len() - 4];
    [start.as_slice(), &filler, b"\r\n\r\n"].concat()
}

/// The start of a head with so many headers.
fn lines_of(headers: usize) -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\n".to_vec();
    head.extend(b"a: b\r\n".repeat(headers));
    head
}

fn has_limits(trial: &Trial, read_head: ReadHead) -> Step {
    const OFF: &str = "a limit is off by one, or counts what is behind the head as well";
    const NO_LIMIT: &str = "there is no limit: whoever sends without end gets all of the memory";
    const WAITS: &str = "the limits are looked at when the head is whole, and it never is";
    let most_lines = [lines_of(MAX_LINES), b"\r\n".to_vec()].concat();
    let few_lines = [lines_of(MAX_LINES - 1), b"\r\n".to_vec()].concat();
    for head in [
        head_of(MAX_HEAD),
        head_of(MAX_HEAD - 1),
        most_lines,
        few_lines,
    ] {
        let (mut peer, _stream, attempt) = start(trial, read_head, 1, b"")?;
        let behind = head_of(MAX_HEAD);
        peer.send(&[head.as_slice(), &behind].concat())?;
        // How much of what is behind was read is its own affair.
        let what = "a head came that is as long as it may be, and another one behind it";
        let (results, rest) = attempt.result().when(what).breaks(TOO_LONG).cause(OFF)?;
        let fine = matches!(results.as_slice(), [Ok(Some(came))] if *came == head);
        if !fine || !behind.starts_with(&rest) {
            let came = results.last().map_or("nothing".to_owned(), shown);
            return Err(Fault::new(format!("{what}: you returned {came}"))
                .breaks(TOO_LONG)
                .cause(OFF));
        }
    }
    let too_many = [lines_of(MAX_LINES + 1), b"\r\n".to_vec()].concat();
    for head in [head_of(MAX_HEAD + 1), too_many] {
        let (mut peer, _stream, attempt) = start(trial, read_head, 1, b"")?;
        peer.send(&head)?;
        failed(
            &attempt,
            "a head came that is longer than it may be",
            ErrorKind::InvalidData,
        )
        .breaks(TOO_LONG)
        .cause(NO_LIMIT)?;
        let (_peer, _stream, attempt) = start(trial, read_head, 1, &head)?;
        failed(
            &attempt,
            "a head was in `rest` that is longer than it may be",
            ErrorKind::InvalidData,
        )
        .breaks(TOO_LONG)
        .cause("what is in `rest` already is not counted")?;
    }
    for start_of_head in [vec![b'x'; MAX_HEAD + 1], lines_of(MAX_LINES + 1)] {
        let (mut peer, _stream, attempt) = start(trial, read_head, 1, b"")?;
        peer.send(&start_of_head)?;
        failed(
            &attempt,
            "more came than a head may have, and its end did not",
            ErrorKind::InvalidData,
        )
        .breaks(AT_ONCE)
        .cause(WAITS)?;
    }
    Ok(())
}

fn returns_errors(trial: &Trial, read_head: ReadHead) -> Step {
    const SWALLOWED: &str = "an error is taken for the end, or for nothing, or made into another";
    let (mut peer, stream) = trial.pair()?;
    let timeout = Some(Duration::from_millis(20));
    let set = stream.set_read_timeout(timeout);
    set.map_err(|e| Fault::new(format!("the check could not set a timeout: {e}")))?;
    peer.send(b"GET /")?;
    let attempt = trial.start(move || {
        let mut rest = Vec::new();
        let result = read_head(&stream, &mut rest);
        (vec![result], rest)
    });
    let what = "the stream has a timeout of 20 ms, and no more came";
    let kind = if cfg!(windows) {
        ErrorKind::TimedOut
    } else {
        ErrorKind::WouldBlock
    };
    failed(&attempt, what, kind)
        .breaks(ERRORS)
        .cause(SWALLOWED)?;
    let (peer, _stream, attempt) = start(trial, read_head, 1, b"")?;
    peer.reset();
    failed(
        &attempt,
        "the client reset the connection",
        ErrorKind::ConnectionReset,
    )
    .breaks(ERRORS)
    .cause(SWALLOWED)
}
