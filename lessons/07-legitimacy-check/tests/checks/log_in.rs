//! Exercise 7.1: the check is the server.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use course::exercise::{
    Attempt, Explain, Fault, Pace, Peer, Step, Trial, Verdict, check, compare, show,
};
use legitimacy_check::{ANSWER_LEN, DEFAULT_KEY, Key, NONCE_LEN, WELCOME};
use md5::{Digest, Md5};

use super::{PREDICT, READ_THE_CODE, THE_IDEA, rest, take, take_up_to};

pub type LogIn = fn(TcpStream, &[u8]) -> io::Result<bool>;

type LogInAttempt = Attempt<io::Result<bool>>;

const ANSWER: &str = "Sends the answer, HMAC-MD5 of these 32 bytes";
const ANY_BYTES: &str = "`stream` is connected with the server";
const PIECES: &str = "The nonce may come in pieces";
const REPLY_PIECES: &str = "The reply may come in pieces, too";
const ENDLESS: &str = "The reply may have no end";
const EOF: &str = "[`ErrorKind::UnexpectedEof`]: the server closed";
const INVALID: &str = "[`ErrorKind::InvalidData`]: the reply is anything else";

/// 7.1 The client's answer.
pub fn log_in(log_in: LogIn) -> Verdict {
    check(move |trial| {
        answers(trial, log_in).read(THE_IDEA)?;
        is_of_no_use_to_strangers(trial, log_in).read(PREDICT)?;
        understands_the_reply(trial, log_in).read(READ_THE_CODE)?;
        trusts_no_server(trial, log_in).read(READ_THE_CODE)
    })
}

fn start(trial: &Trial, log_in: LogIn, key: &[u8]) -> Step<(Peer, LogInAttempt)> {
    let (server, stream) = trial.pair()?;
    let key = key.to_vec();
    Ok((server, trial.start(move || log_in(stream, &key))))
}

fn answer_of(key: &[u8], message: &[u8]) -> Step<Vec<u8>> {
    let key = Key::new(key).ok_or_else(|| Fault::new("an empty key: this is our bug"))?;
    Ok(key.answer(message).to_vec())
}

/// How a nonce travels.
type Sending = fn(&mut Peer, &[u8]) -> Step;

fn answers(trial: &Trial, log_in: LogIn) -> Step {
    let whole: Sending = |server, bytes| server.send(bytes);
    let first_alone: Sending = |server, bytes| {
        server.dribble(&bytes[..1], Duration::from_millis(100))?;
        server.send(&bytes[1..])
    };
    let last_alone: Sending = |server, bytes| {
        server.send(&bytes[..NONCE_LEN - 1])?;
        thread::sleep(Duration::from_millis(50)); // the pace of the server
        server.send(&bytes[NONCE_LEN - 1..])
    };
    let bytewise: Sending = |server, bytes| server.dribble(bytes, Duration::from_millis(2));
    let with_the_reply: Sending = |server, bytes| server.send(&[bytes, WELCOME].concat());

    let counting: Vec<u8> = (0..).take(NONCE_LEN).collect();
    let high: Vec<u8> = (0xe0..=0xff).collect();
    let zeros = vec![0; NONCE_LEN];
    let line = b"\n is one of the 32 random bytes\n".to_vec();
    let letters = b"aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpP".to_vec();
    let text = DEFAULT_KEY.as_bytes();
    let binary = b"\xff\x00 key \n";
    let long: Vec<u8> = (0..200).collect();
    let block = &long[..64];
    let longer = &long[..65];
    for (what, key, nonce, send) in [
        ("the nonce came at once", text, &counting, whole),
        ("the nonce was not text", text, &high, whole),
        ("the nonce was 32 zeros", text, &zeros, whole),
        ("the nonce began and ended with \\n", text, &line, whole),
        (
            "the nonce was letters, large and small",
            text,
            &letters,
            whole,
        ),
        ("the key was not text", binary, &high, whole),
        ("the key was one zero byte", b"\0", &counting, whole),
        ("the key had 64 bytes", block, &counting, whole),
        ("the key had 65 bytes", longer, &counting, whole),
        ("the key had 200 bytes", &long, &counting, whole),
        (
            "the nonce came as 1 byte and 31",
            text,
            &counting,
            first_alone,
        ),
        (
            "the nonce came as 31 bytes and 1",
            text,
            &counting,
            last_alone,
        ),
        ("the nonce came byte by byte", text, &high, bytewise),
        (WITH_THE_REPLY, text, &counting, with_the_reply),
    ] {
        answers_this(trial, log_in, what, key, nonce, send)?;
    }
    Ok(())
}

const WITH_THE_REPLY: &str = "welcome came together with the nonce";

fn answers_this(
    trial: &Trial,
    log_in: LogIn,
    what: &str,
    key: &[u8],
    nonce: &[u8],
    send: Sending,
) -> Step {
    const LOST: &str = "what came behind the nonce is lost, with a BufReader that was used only for \
        the nonce, or with another buffer of more than 32 bytes";
    const WHOLE: &str =
        "the reply is whole only when read returns 0, and 'welcome\\n' is a welcome";
    let has_replied = what == WITH_THE_REPLY;
    let (mut server, attempt) = start(trial, log_in, key)?;
    send(&mut server, nonce)
        .when(what)
        .breaks(PIECES)
        .cause("one read is taken for the whole nonce, or the nonce is not waited for at all")?;
    let (came, _) = take_up_to(&mut server, ANSWER_LEN)?;
    let expected = answer_of(key, nonce)?;
    compare(&expected, &came).map_err(|difference| {
        let fault = Fault::new(format!("{what}: the answer\n{difference}"));
        let (sentence, cause) = suspect(key, nonce, &came);
        fault.breaks(sentence).cause(cause)
    })?;
    if !has_replied {
        server.send(WELCOME)?;
    }
    let _ = server.half_close(); // you may be gone by then
    let (sentence, cause) = if has_replied {
        (PIECES, LOST)
    } else {
        ("When the server then sends `welcome\\n`", WHOLE)
    };
    accepted(&attempt, true, what, cause).breaks(sentence)?;
    let behind = server.read_to_end(4096)?;
    if behind.is_empty() {
        return Ok(());
    }
    let cause = if behind == b"\n" {
        "a line end behind the answer: nothing in this protocol ends with one but the welcome"
    } else {
        "more than the answer is sent"
    };
    Err(Fault::new(format!(
        "{what}: behind the answer nothing else should be sent, but more came: {}",
        show(&behind)
    ))
    .breaks("Sends nothing else")
    .cause(cause))
}

/// The sentence that a wrong answer breaks, and how it was computed, if that can be told.
fn suspect(key: &[u8], nonce: &[u8], came: &[u8]) -> (&'static str, &'static str) {
    let answer = |key: &[u8], message: &[u8]| answer_of(key, message).unwrap_or_default();
    let right = answer(key, nonce);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let is = |key: &[u8], message: &[u8]| answer(key, message) == came;

    if came.is_empty() {
        let cause = "nothing was sent: it still waits, or has given up; the server speaks first, \
            and the nonce has 32 bytes, whatever they are";
        return (PIECES, cause);
    }
    if came.to_ascii_lowercase() == right {
        let cause = "the hexadecimal letters must be lowercase ({:02x}, not {:02X})";
        return (ANSWER, cause);
    }
    if came.len() == ANSWER_LEN / 2 {
        let cause = "the bytes of the tag were sent, and not two characters for each of them";
        return (ANSWER, cause);
    }
    if came.len() < ANSWER_LEN {
        let cause = "the answer is too short: each byte is two characters, also below 16 ({:02x}, \
            not {:x})";
        return (ANSWER, cause);
    }
    if (0..NONCE_LEN).any(|n| is(key, &nonce[..n])) || came == answer(key, &padded(nonce)) {
        return (PIECES, "one read is taken for the whole nonce");
    }
    if is(key, &[nonce, WELCOME].concat()) {
        return (PIECES, "more than its 32 bytes are taken for the nonce");
    }
    if is(key, hexadecimal(nonce).as_bytes()) {
        let cause =
            "it is the answer to the nonce's hexadecimal form, not to its bytes as they came";
        return (ANSWER, cause);
    }
    let as_text = text(nonce);
    let altered = [
        as_text.as_bytes(),
        as_text.trim().as_bytes(),
        nonce.trim_ascii(),
        nonce.trim_ascii_end(),
        &nonce.to_ascii_lowercase(),
        as_text.trim_end_matches('\0').as_bytes(),
    ];
    if altered.iter().any(|message| is(key, message)) {
        let cause = "the nonce is taken for text: bytes that are none are replaced, or trimmed";
        return (ANY_BYTES, cause);
    }
    let key_text = text(key);
    let altered = [
        key_text.as_bytes(),
        key_text.trim().as_bytes(),
        key.trim_ascii(),
        key.trim_ascii_end(),
    ];
    if altered.iter().any(|key| !key.is_empty() && is(key, nonce)) {
        let cause = "the key is taken for text: bytes that are none are replaced, or trimmed";
        return ("The key is one byte long or longer", cause);
    }
    if is(nonce, key) {
        return (ANSWER, "key and nonce are swapped");
    }
    let hashes = [
        Md5::digest([key, nonce].concat()),
        Md5::digest([nonce, key].concat()),
    ];
    if hashes
        .iter()
        .any(|hash| hexadecimal(hash).as_bytes() == came)
    {
        return (ANSWER, "it is MD5 of key and nonce, without HMAC");
    }
    (
        ANSWER,
        "it is another formula than HMAC-MD5 of the 32 bytes under the key, as it stands in RFC 2104",
    )
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A buffer of 32 zeros into which one byte was read.
fn padded(nonce: &[u8]) -> Vec<u8> {
    let mut padded = vec![0; NONCE_LEN];
    padded[..1].copy_from_slice(&nonce[..1]);
    padded
}

/// A stranger has the client answer a nonce that is like the one of the real server, and says the
/// answer there.
fn is_of_no_use_to_strangers(trial: &Trial, log_in: LogIn) -> Step {
    let real: Vec<u8> = (0..NONCE_LEN).map(|i| 0xff - i as u8).collect();
    let last: Vec<u8> = [&real[..NONCE_LEN - 1], b"\0"].concat();
    let other_high: Vec<u8> = real.iter().map(|byte| byte ^ 1).collect();
    for (what, similar) in [
        ("differed only in its last byte", last),
        (
            "differed only in bytes that are not text",
            other_high.clone(),
        ),
    ] {
        let (mut server, attempt) = start(trial, log_in, b"key")?;
        server.send(&similar)?;
        let came = take(&mut server, ANSWER_LEN, "the answer")?;
        drop(server);
        attempt.result().map(drop)?;
        if came == answer_of(b"key", &real)? {
            return Err(Fault::new(format!(
                "a stranger had your client answer a nonce that {what} from the real server's, and \
                 was welcomed there with that answer"
            ))
            .breaks(ANY_BYTES)
            .cause("the nonce is shortened or taken for text"));
        }
    }
    Ok(())
}

fn accepted(attempt: &LogInAttempt, welcome: bool, what: &str, cause: &str) -> Step {
    let server = if welcome {
        "said welcome and closed"
    } else {
        "closed without a word"
    };
    let what = format!("{what}, and the server {server}");
    match attempt.result().when(&what).cause(cause)? {
        Ok(came) if came == welcome => Ok(()),
        other => {
            let expected = format!("expected Ok({welcome}), got {other:?}");
            Err(Fault::new(format!("{what}: {expected}")).cause(cause))
        }
    }
}

/// A server whose client has answered.
fn asked(trial: &Trial, log_in: LogIn) -> Step<(Peer, LogInAttempt)> {
    let (mut server, attempt) = start(trial, log_in, b"key")?;
    server.send(&[7; NONCE_LEN])?;
    take(&mut server, ANSWER_LEN, "the answer").breaks(ANSWER)?;
    Ok((server, attempt))
}

fn understands_the_reply(trial: &Trial, log_in: LogIn) -> Step {
    const ONE_READ: &str = "only one read is done for the reply, so a part of it is taken for the \
        whole; or it is waited for with a timeout";
    const NO_END: &str = "the eighth byte is taken for the end: the welcome is whole when read \
        returns 0";
    /// How long the server pauses. Somebody who does not wait has returned by then.
    const PAUSE: Duration = Duration::from_millis(250);
    const ALLOWED: Duration = Duration::from_millis(400);

    let (server, attempt) = asked(trial, log_in)?;
    drop(server);
    let rejected = "a read of 0 at once is a rejection: no error, and no welcome";
    accepted(&attempt, false, "your answer was read", rejected)
        .breaks("When the server then closes without a word")?;

    trial.at_pace(ALLOWED, |pace| {
        let (mut server, stream) = trial.pair()?;
        let ours = |e| Fault::new(format!("the check could not clone its socket: {e}"));
        let theirs = stream.try_clone().map_err(ours)?;
        let attempt = trial.start(move || log_in(stream, b"key"));
        server.send(&[7; NONCE_LEN])?;
        take(&mut server, ANSWER_LEN, "the answer").breaks(ANSWER)?;
        pace.restart();
        for (part, what, cause) in [
            (&WELCOME[..0], "the server thought about it", ONE_READ),
            (&WELCOME[..3], "3 bytes of the welcome had come", ONE_READ),
            (&WELCOME[3..7], "7 bytes of the welcome had come", ONE_READ),
            (
                &WELCOME[7..],
                "the welcome had come, and the server had not closed",
                NO_END,
            ),
        ] {
            server
                .send(part)
                .when(what)
                .breaks(REPLY_PIECES)
                .cause(cause)?;
            pace.beat();
            thread::sleep(PAUSE); // the pace of the server
            pace.beat();
            attempt
                .still_runs()
                .when(what)
                .breaks(REPLY_PIECES)
                .cause(cause)?;
            let is_pause = part.is_empty() || part.ends_with(b"\n");
            if is_pause && let Ok(Some(timeout)) = theirs.read_timeout() {
                outlasts(&attempt, timeout, what, pace)?;
            }
        }
        server.half_close()?;
        accepted(&attempt, true, "the server took its time", ONE_READ).breaks(REPLY_PIECES)
    })
}

/// The function waits with a timeout, which may be how it waits, again and again.
fn outlasts(attempt: &LogInAttempt, timeout: Duration, what: &str, pace: &mut Pace) -> Step {
    const LONGEST: Duration = Duration::from_millis(5500);
    rest(pace, (timeout + Duration::from_millis(250)).min(LONGEST)); // the pace of the server
    attempt
        .still_runs()
        .when(&format!(
            "{what}, and you waited for more with a timeout of {} s",
            timeout.as_secs_f64()
        ))
        .breaks(REPLY_PIECES)
        .cause(
            "the timeout is taken for the end, or for a failure: the server may take as long as it \
             likes, and the welcome is whole when read returns 0",
        )
}

fn trusts_no_server(trial: &Trial, log_in: LogIn) -> Step {
    for n in [0, 1, NONCE_LEN / 2, NONCE_LEN - 1] {
        let (mut server, attempt) = start(trial, log_in, b"key")?;
        server.send(&[7; NONCE_LEN][..n])?;
        let what = format!("the server closed after {n} bytes of the nonce");
        let _ = server.half_close(); // you may be gone by then
        server
            .expect_end("no whole nonce, so no answer")
            .when(&what)
            .breaks(EOF)
            .cause("one read is taken for the whole nonce")?;
        let cause = "an end inside the nonce is an error: only an end behind your answer is a \
            rejection";
        failed(&attempt, &what, ErrorKind::UnexpectedEof, EOF, cause)?;
    }

    const CUT: &str = "the beginning of a welcome, and then the end, is neither a welcome nor a \
        rejection, but UnexpectedEof; the line end belongs to the welcome";
    const OTHER: &str = "only all of 'welcome\\n' is a welcome, only a read of 0 at once is a \
        rejection, only the beginning of 'welcome\\n' is UnexpectedEof, and every other reply is \
        InvalidData, however short";
    const LONGER: &str = "take(8) cannot see the ninth byte: take one byte more than the welcome \
        has, and compare all that came";
    for n in 1..WELCOME.len() {
        let (server, attempt) = asked(trial, log_in)?;
        replies(server, &WELCOME[..n], true, |what| {
            failed(&attempt, what, ErrorKind::UnexpectedEof, EOF, CUT)
        })?;
    }
    // A welcome with one byte that is another.
    for n in 1..=WELCOME.len() {
        let mut reply = WELCOME[..n].to_vec();
        reply[n - 1] ^= 0x20;
        let (server, attempt) = asked(trial, log_in)?;
        replies(server, &reply, true, |what| {
            failed(&attempt, what, ErrorKind::InvalidData, INVALID, OTHER)
        })?;
    }
    for reply in [
        &b"abc"[..],
        b"no",
        b"\n",
        b"elcome\n",
        b"go away\n",
        b"welcome\r\n",
        b" welcome\n",
        b"\xff\xff\xff",
    ] {
        let (server, attempt) = asked(trial, log_in)?;
        replies(server, reply, true, |what| {
            failed(&attempt, what, ErrorKind::InvalidData, INVALID, OTHER)
        })?;
    }
    for (reply, closes) in [
        (&b"welcome\n\n"[..], true),
        (b"welcome\nwelcome\n", true),
        (b"welcome\n!", false),
        (b"welcome\nand so on", false),
        (b"no no no no no no no", false),
    ] {
        let (server, attempt) = asked(trial, log_in)?;
        let sentence = if closes { INVALID } else { ENDLESS };
        replies(server, reply, closes, |what| {
            failed(&attempt, what, ErrorKind::InvalidData, sentence, LONGER)
        })?;
    }

    let (mut server, attempt) = start(trial, log_in, b"key")?;
    server.send(&[7; NONCE_LEN - 1])?;
    server.reset();
    is_reset(&attempt, "the last byte of the nonce")?;
    let (server, attempt) = asked(trial, log_in)?;
    server.reset();
    is_reset(&attempt, "a reply")?;
    let (mut server, attempt) = asked(trial, log_in)?;
    server.send(&WELCOME[..4])?;
    server.reset();
    is_reset(&attempt, "the second half of its welcome")?;
    let (mut server, attempt) = asked(trial, log_in)?;
    server.send(WELCOME)?;
    server.reset();
    is_reset(&attempt, "an end behind its welcome")
}

/// The function tells that the connection was reset.
fn is_reset(attempt: &LogInAttempt, instead_of: &str) -> Step {
    const FAILED: &str = "What the connection failed with";
    match attempt.result().breaks(FAILED)? {
        // NotConnected and BrokenPipe: you found out when you closed your side, or wrote.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::NotConnected
                    | ErrorKind::BrokenPipe
            ) =>
        {
            Ok(())
        }
        other => Err(Fault::new(format!(
            "the server reset the connection instead of {instead_of}: expected its error, got {other:?}"
        ))
        .breaks(FAILED)
        .cause("a read that fails is no rejection and no end: only a read of 0 is")),
    }
}

/// The server replies; then the function is judged, and only then the server goes.
fn replies(mut server: Peer, reply: &[u8], closes: bool, judge: impl FnOnce(&str) -> Step) -> Step {
    server.send(reply)?;
    let how = if closes {
        let _ = server.half_close(); // you may have seen enough already
        "and closed"
    } else {
        "and did not close"
    };
    judge(&format!("the reply was {} {how}", show(reply)))
}

fn failed(
    attempt: &LogInAttempt,
    what: &str,
    kind: ErrorKind,
    sentence: &'static str,
    cause: &str,
) -> Step {
    const WAITS: &str = "it waits for the end of a reply that may have none: read_to_end without take, \
        or with a take of more than nine bytes; the ninth is one too many already";
    match attempt.result().when(what).breaks(ENDLESS).cause(WAITS)? {
        Err(error) if error.kind() == kind => Ok(()),
        other => Err(Fault::new(format!(
            "{what}: expected an error of kind {kind:?}, got {other:?}"
        ))
        .breaks(sentence)
        .cause(cause)),
    }
}
