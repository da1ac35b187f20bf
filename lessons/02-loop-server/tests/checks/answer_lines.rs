//! 2.2 Lines, the empty line included.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use course::exercise::{
    Attempt, Explain, Fault, Peer, Step, Trial, Verdict, around, check, compare, show,
};
use loop_server::contract::LineError;

use super::{BAD_MANNERS, BOTH_WAIT, READ_THE_CODE, SMALL, is_reset};

pub type AnswerLines = fn(TcpStream, usize) -> Result<u64, LineError>;

const ANSWER: &str = "The answer to a line is its number";
const ANY_BYTE: &str = "A line is all bytes up to `\\n`";
const NOT_TEXT: &str = "The bytes need not be UTF-8";
const PIECES: &str = "A line may come in pieces";
const AT_ONCE: &str = "Each answer goes out as soon as";
const ANY_NUMBER: &str = "There may be any number of lines";
const LAST: &str = "When the client has finished, what came behind the last";
const RETURNS: &str = "Then closes the connection";
const LIMIT: &str = "A line has at most `limit` bytes";
const TOO_MANY: &str = "As soon as one byte more has come";
const TOO_LONG: &str = "[`LineError::TooLong`]";
const GONE: &str = "[`LineError::Gone`]";

const AN_EMPTY_MESSAGE: &str = "docs/02-loop-server.md: An empty message";
const ON_THE_WIRE: &str = "docs/02-loop-server.md: On the wire";
const ERRORS: &str = "docs/errors.md: While a TCP connection lasts";
const SWALLOWS: &str = "docs/06-file-transfer.md: The BufReader that swallows the file";
const FRAMES: &str = "docs/05-sticky-packets.md: Four ways to frame";

/// 2.2 Lines, the empty line included.
pub fn answer_lines(answer_lines: AnswerLines) -> Verdict {
    check(move |trial| {
        answers_each_line(trial, answer_lines)?;
        puts_pieces_together(trial, answer_lines)?;
        ends_with_the_client(trial, answer_lines).read(READ_THE_CODE)?;
        answers_any_number(trial, answer_lines).read(FRAMES)?;
        tells_who_is_gone(trial, answer_lines)
            .breaks(GONE)
            .read(BAD_MANNERS)?;
        allows_so_much(trial, answer_lines).read(FRAMES)?;
        refuses_one_byte_more(trial, answer_lines).read(FRAMES)
    })
}

type LineAttempt = Attempt<Result<u64, LineError>>;

fn start(trial: &Trial, function: AnswerLines, limit: usize) -> Step<(Peer, LineAttempt)> {
    let (client, stream) = trial.pair_with_buffers(SMALL)?;
    Ok((client, trial.start(move || function(stream, limit))))
}

const EACH: &str = "each line should be answered as soon as it is whole";

/// The client half-closes; the function should close and return the number of lines.
fn finish(mut client: Peer, attempt: &LineAttempt, lines: u64) -> Step {
    client.half_close()?;
    let ended =
        client.expect_end("after the client has finished you should close and send no more");
    if let Err(fault) = ended {
        let fault = match (fault.to_string().contains("more came"), attempt.has_ended()) {
            (true, _) => fault
                .cause("the end of the stream is answered as one more line")
                .breaks(LAST),
            (false, true) => fault
                .cause("the function has returned, and something still holds the stream")
                .breaks(RETURNS),
            (false, false) => fault
                .cause("a read of 0 does not end the loop")
                .breaks(RETURNS),
        };
        return Err(fault.read(READ_THE_CODE));
    }
    lines_were(attempt, lines)
}

fn lines_were(attempt: &LineAttempt, lines: u64) -> Step {
    let what = format!("the client sent {lines} lines and finished");
    let returned = attempt
        .result()
        .when(&what)
        .breaks(RETURNS)
        .read(READ_THE_CODE)?;
    let fault = |got: &dyn std::fmt::Debug| {
        Fault::new(format!("{what}: expected Ok({lines}), got {got:?}")).read(READ_THE_CODE)
    };
    match returned {
        Ok(n) if n == lines => Ok(()),
        Err(LineError::Gone(e)) if e.kind() == ErrorKind::Interrupted => Err(fault(&e).late()),
        other => Err(fault(&other)
            .cause("a line is not counted, or something is counted that is none")
            .breaks(RETURNS)),
    }
}

fn answers_each_line(trial: &Trial, function: AnswerLines) -> Step {
    const WAITS: &str = "the answer waits in a buffer, or for more lines, or for the client's end";
    const EMPTY: &str = "the empty line is skipped, or taken for the end";
    const TRIMMED: &str = "more than the '\\n' is cut off";
    const TEXT: &str = "the bytes are taken for text";
    const WRONG: &str = "the answer has another form than its number, a colon, a space, the line";
    let (mut client, attempt) = start(trial, function, 100)?;
    let lines: [(&[u8], &[u8], _, _, _); 7] = [
        (b"hello\n", b"1: hello\n", WRONG, ANSWER, READ_THE_CODE),
        (b"\n", b"2: \n", EMPTY, ANY_BYTE, AN_EMPTY_MESSAGE),
        (b"\r\n", b"3: \r\n", TRIMMED, ANY_BYTE, FRAMES),
        (
            b" two  words \t\n",
            b"4:  two  words \t\n",
            TRIMMED,
            ANY_BYTE,
            FRAMES,
        ),
        (
            b"a\0b\x1b\x04\n",
            b"5: a\0b\x1b\x04\n",
            TRIMMED,
            ANY_BYTE,
            FRAMES,
        ),
        (
            b"\xff\x00\xe4\n",
            b"6: \xff\x00\xe4\n",
            TEXT,
            NOT_TEXT,
            ERRORS,
        ),
        (b"\n", b"7: \n", EMPTY, ANY_BYTE, AN_EMPTY_MESSAGE),
    ];
    for (line, answer, cause, sentence, page) in lines {
        client.send(line)?;
        let Err(fault) = client.expect(answer, EACH) else {
            if line == b"hello\n" {
                // Before more lines wait for a function that is slow.
                answers_at_once(trial, function).read(BOTH_WAIT)?;
            }
            continue;
        };
        let shown = fault.to_string();
        return Err(if shown.contains(" bytes: 0: ") {
            fault
                .cause("the first line is number 1")
                .breaks(ANSWER)
                .read(READ_THE_CODE)
        } else if line == b"hello\n" && shown.contains("came       0 bytes") {
            fault.cause(WAITS).breaks(AT_ONCE).read(BOTH_WAIT)
        } else {
            fault.cause(cause).breaks(sentence).read(page)
        });
    }
    finish(client, &attempt, 7)
}

fn puts_pieces_together(trial: &Trial, function: AnswerLines) -> Step {
    const READ: &str = "one read is taken for one line";
    const AHEAD: &str =
        "what was read beyond a line is lost, as when each line gets a new BufReader";
    let (mut client, attempt) = start(trial, function, 100)?;
    client.dribble("é世\n".as_bytes(), Duration::from_millis(5))?;
    client
        .expect("1: é世\n".as_bytes(), EACH)
        .cause(READ)
        .breaks(PIECES)
        .read(ON_THE_WIRE)?;
    client.send(b"a\n\n\nb\nta")?;
    let promise = "several lines came at once; each should be answered";
    if let Err(fault) = client.expect(b"2: a\n3: \n4: \n5: b\n", promise) {
        // Whether the answers come later, all together.
        client.send(b"il\n")?;
        let kept = client
            .expect(b"2: a\n3: \n4: \n5: b\n6: tail\n", EACH)
            .is_ok();
        return Err(
            match (kept, fault.to_string().contains("came       0 bytes")) {
                (true, true) => fault
                    .cause("the answers wait in a buffer while something of the next line is there")
                    .breaks(AT_ONCE)
                    .read(BOTH_WAIT),
                _ if fault.to_string().contains("is missing") => {
                    fault.cause(AHEAD).breaks(PIECES).read(SWALLOWS)
                }
                _ => fault.cause(READ).breaks(PIECES).read(ON_THE_WIRE),
            },
        );
    }
    client.send(b"il\nlast")?;
    client
        .expect(b"6: tail\n", "a line that came in two pieces is one line")
        .cause(READ)
        .breaks(PIECES)
        .read(ON_THE_WIRE)?;
    client.half_close()?;
    let promise = "what came behind the last '\\n' is a line too";
    if let Err(fault) = client.expect(b"7: last\n", promise) {
        let shown = fault.to_string();
        return Err(match shown.contains("byte 7 is missing") {
            true => fault.cause("the last line is answered without a '\\n', as it came"),
            false => fault.cause("the last line is answered only if it ends with '\\n'"),
        }
        .breaks(LAST)
        .read(READ_THE_CODE));
    }
    client
        .expect_end("after the client has finished you should close and send no more")
        .cause("a read of 0 does not end the loop")
        .breaks(RETURNS)
        .read(READ_THE_CODE)?;
    lines_were(&attempt, 7)
}

fn answers_at_once(trial: &Trial, function: AnswerLines) -> Step {
    let (mut client, attempt) = start(trial, function, 100)?;
    let (since, limit) = (Instant::now(), trial.limit(Duration::from_millis(750)));
    for number in 1..=20 {
        client.send(b"now?\n")?;
        client
            .expect(format!("{number}: now?\n").as_bytes(), EACH)
            .breaks(AT_ONCE)?;
        if limit.passed(since) {
            let what = format!("{number} lines, each sent after the last answer, took {limit}");
            return Err(Fault::new(what)
                .late()
                .cause("each answer waits for a while, whether more comes")
                .breaks(AT_ONCE));
        }
    }
    finish(client, &attempt, 20)
}

fn ends_with_the_client(trial: &Trial, function: AnswerLines) -> Step {
    for (sent, answer, lines) in [
        (b"".as_slice(), b"".as_slice(), 0),
        (b"\n", b"1: \n", 1),
        (b"x", b"1: x\n", 1),
        (b"x\n\r", b"1: x\n2: \r\n", 2),
    ] {
        let (mut client, attempt) = start(trial, function, 100)?;
        let what = format!("the client sent {} and finished", show(sent));
        client.send(sent)?;
        client.half_close()?;
        let came = client.read_to_end(1000).when(&what).breaks(RETURNS)?;
        compare(answer, &came).map_err(|difference| {
            let cause = match came.len() > answer.len() {
                true => "the end of the stream is taken for a line",
                false => "the last line is answered only if it ends with '\\n'",
            };
            Fault::new(format!("{what}\n{difference}"))
                .cause(cause)
                .breaks(LAST)
        })?;
        lines_were(&attempt, lines)?;
    }
    Ok(())
}

/// More lines than all buffers hold; together they are much longer than a line may be.
fn answers_any_number(trial: &Trial, function: AnswerLines) -> Step {
    const ALL: &str = "the limit is taken for all lines together";
    let (mut client, attempt) = start(trial, function, 20)?;
    let lines = 1..=70_000;
    let sent: String = lines.clone().map(|n| format!("{}\n", n % 7)).collect();
    let answer: String = lines.map(|n| format!("{n}: {}\n", n % 7)).collect();
    let came = client
        .exchange(sent.as_bytes(), 2 * answer.len())
        .cause(ALL)
        .breaks(ANY_NUMBER)?;
    compare(answer.as_bytes(), &came).map_err(|difference| {
        let what = "70000 lines were sent at once, each shorter than the limit of 20";
        Fault::new(format!("{what}\n{difference}"))
            .cause(if came.len() < 100 {
                ALL
            } else {
                "some line is lost, or cut"
            })
            .breaks(ANY_NUMBER)
    })?;
    lines_were(&attempt, 70_000)
}

fn tells_who_is_gone(trial: &Trial, function: AnswerLines) -> Step {
    for sent in [b"a\n".as_slice(), b"a\nhalf a li"] {
        let (mut client, attempt) = start(trial, function, 100)?;
        client.send(sent)?;
        client.expect(b"1: a\n", EACH)?;
        client.reset();
        let what = format!("after {} the client reset the connection", show(sent));
        is_gone(&attempt, &what, "read")?;
    }

    let (client, attempt) = start(trial, function, 100)?;
    let mut stream = client.stream();
    let _ = stream.set_write_timeout(Some(Duration::from_millis(150)));
    while stream.write_all(&b"another\n".repeat(1000)).is_ok() {} // until your write is stuck
    client.reset();
    let what = "the client sent lines, never read, and reset the connection";
    is_gone(&attempt, what, "write")
}

fn is_gone(attempt: &LineAttempt, what: &str, call: &str) -> Step {
    let result = attempt.result().when(what);
    let result = result.cause(&format!("an error of {call} does not end the loop"))?;
    match result {
        Err(LineError::Gone(error)) if is_reset(&error) => Ok(()),
        Err(LineError::Gone(error)) => Err(Fault::new(format!(
            "{what}: expected Gone of a reset, as the system gave it, got {error:?}"
        ))
        .cause(format!("the error of {call} is replaced by another one"))),
        other => Err(
            Fault::new(format!("{what}: expected Err(Gone(…)), got {other:?}")).cause(format!(
                "an error of {call} is taken for the end of the stream"
            )),
        ),
    }
}

fn allows_so_much(trial: &Trial, function: AnswerLines) -> Step {
    const ALLOWED: &str = "a line that is not longer than the limit should be answered";
    const OFF: &str = "the '\\n' is counted, or < is written where <= is meant";
    let large = (u32::MAX as usize).saturating_add(1);
    for limit in [0, 1, 10, 8191, 8192, 100_000, large, usize::MAX] {
        let when = match limit {
            usize::MAX => "the limit was usize::MAX".to_owned(),
            _ => format!("the limit was {limit}"),
        };
        let most = limit.min(100_000);
        let sizes = around(most).into_iter().filter(|&size| size <= most);
        let (mut client, attempt) = start(trial, function, limit)?;
        let mut number = 0;
        let sizes = sizes.chain([0, 0]);
        let mut ask = |client: &mut Peer, size: usize| {
            number += 1;
            let line = vec![b'x'; size];
            let answer = [format!("{number}: ").as_bytes(), &line, b"\n"].concat();
            let sent = client.send(&line).and_then(|()| client.send(b"\n"));
            sent.and_then(|()| client.expect(&answer, ALLOWED))
                .when(&when)
                .cause(if limit >= large {
                    "the limit is calculated with or made smaller, and overflows"
                } else {
                    OFF
                })
                .breaks(LIMIT)
        };
        for size in sizes {
            ask(&mut client, size)?;
        }
        // And as the last line, without its '\n'.
        let last = vec![b'x'; most];
        client.send(&last)?;
        client.half_close()?;
        let came = client
            .read_to_end(2 * most + 100)
            .when(&when)
            .breaks(LIMIT)?;
        let answer = match most {
            0 => Vec::new(),
            _ => [format!("{}: ", number + 1).as_bytes(), &last, b"\n"].concat(),
        };
        compare(&answer, &came).map_err(|difference| {
            Fault::new(format!(
                "{when}, and the last line just so long\n{difference}"
            ))
            .cause(OFF)
            .breaks(LIMIT)
        })?;
        lines_were(&attempt, number + u64::from(most > 0))?;
    }
    Ok(())
}

/// With its end, without, and far beyond: when one byte too many has come, it is enough.
fn refuses_one_byte_more(trial: &Trial, function: AnswerLines) -> Step {
    const WHOLE: &str = "the length is looked at only when the line is whole, or the rest of the \
        line is read before you close";
    const READS_ON: &str = "TooLong does not end the conversation: you read on, for the next line \
        or until the client has finished";
    const CUTS: &str = "a long line is cut, or there is no limit, or it is one byte too large";
    let slowly = Duration::from_millis(5);
    for (limit, end, gap) in [
        (10, "\n", Duration::ZERO),
        (10, "", Duration::ZERO),
        (10, "", slowly),
        (0, "", Duration::ZERO),
        (0, "\n", Duration::ZERO),
        (8192, "", Duration::ZERO),
    ] {
        let (mut client, attempt) = start(trial, function, limit)?;
        let first = if limit == 0 { "" } else { "ok" };
        client.send(format!("{first}\n").as_bytes())?;
        client
            .expect(format!("1: {first}\n").as_bytes(), EACH)
            .breaks(AT_ONCE)?;
        let theirs = client.other_end();
        let long = "x".repeat(limit + 1) + end;
        if gap.is_zero() {
            client.send(long.as_bytes())?;
        } else {
            client.dribble(long.as_bytes(), gap)?;
        }
        let bytes = limit + 1;
        let what = match (end, gap) {
            ("\n", _) => format!("a line of {bytes} bytes came, the limit was {limit}"),
            (_, Duration::ZERO) => {
                format!("{bytes} bytes and no '\\n' came, the limit was {limit}")
            }
            _ => format!("{bytes} bytes came, one at a time, and no '\\n'; the limit was {limit}"),
        };
        let mut answer = [0; 40];
        match client.read(&mut answer) {
            Ok(None) => {
                let stays = if end == "\n" { READS_ON } else { WHOLE };
                let what = format!("{what}: you did not close the connection");
                return Err(Fault::new(what).late().cause(stays).breaks(TOO_MANY));
            }
            Ok(Some(n @ 1..)) => {
                let answer = show(&answer[..n]);
                let what = format!("{what}: you should not answer it, and you sent {answer}");
                return Err(Fault::new(what).cause(CUTS).breaks(TOO_MANY));
            }
            // You closed. It may be a reset, since the client's bytes may lie unread.
            Ok(Some(0)) | Err(_) => {}
        }
        let result = attempt.result().when(&what).breaks(TOO_LONG)?;
        if !matches!(result, Err(LineError::TooLong)) {
            let what = format!("{what}: expected Err(TooLong), got {result:?}");
            let cause = "the connection is closed, and the reason is not told";
            return Err(Fault::new(what).cause(cause).breaks(TOO_LONG));
        }
        theirs
            .expect_closed()
            .when(&what)
            .cause("a clone of the stream is kept, and a shutdown alone does not close")
            .breaks(TOO_MANY)?;
    }
    Ok(())
}
