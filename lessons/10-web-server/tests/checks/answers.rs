//! Exercise 10.2: many requests on one connection.

use std::time::Duration;

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, show};
use web_server::contract::{MAX_BODY, MAX_HEAD, Pages};
use web_server::{Length, Response, end_of_head, parse_response, response_length};

use super::{AnswerAll, ENDS, READ_THE_CODE, RESET, SLOW, SMUGGLED};

const REQUEST: &str = "A request is a head";
const PIECES: &str = "It may come in any pieces";
const ORDER: &str = "Each is answered as soon as";
const LENGTH: &str = "An answer begins with";
const GET: &str = "`GET`: 200";
const QUERY: &str = "In the target";
const HEAD: &str = "`HEAD`: the same";
const OTHER: &str = "Another method";
const NAMES: &str = "The case of a header's name";
const CLOSE: &str = "After a request with";
const STAYS: &str = "After others it stays";
const BAD: &str = "400 is the answer";
const LARGE: &str = "413 is the answer";
const THEN_CLOSED: &str = "After 400, 413 and 431";
const NOT_LOST: &str = "No answer is lost";
const FINISHED: &str = "When the client has finished";
const BREAKS: &str = "When the connection breaks";

/// 10.2 Keep-alive.
pub fn answer_all(answer_all: AnswerAll) -> Verdict {
    check(move |trial| {
        answers_one(trial, answer_all).read(ENDS)?;
        answers_what_was_asked(trial, answer_all).read(ENDS)?;
        answers_whatever_the_cuts(trial, answer_all).read(READ_THE_CODE)?;
        closes_when_it_is_asked_to(trial, answer_all).read(READ_THE_CODE)?;
        refuses(trial, answer_all).read(SMUGGLED)?;
        has_limits(trial, answer_all).read(SLOW)?;
        loses_no_answer(trial, answer_all).read(RESET)?;
        ends(trial, answer_all).read(READ_THE_CODE)
    })
}

/// Neither page has as many characters as bytes.
const HOME: &str = "größer als man denkt\n";
const OTHER_PAGE: &str = "你好";

fn pages() -> Pages {
    Pages::from([("/", HOME), ("/a/b", OTHER_PAGE)])
}

struct Talk {
    peer: Peer,
    attempt: Attempt<()>,
    came: Vec<u8>,
}

struct Reply {
    head: Response,
    body: Vec<u8>,
}

impl Talk {
    fn begin(trial: &Trial, answer_all: AnswerAll) -> Step<Talk> {
        let (peer, stream) = trial.pair()?;
        let attempt = trial.start(move || answer_all(stream, &pages()));
        let came = Vec::new();
        Ok(Talk {
            peer,
            attempt,
            came,
        })
    }

    fn more(&mut self, what: &str) -> Step {
        let mut piece = [0; 4096];
        match self.peer.read(&mut piece).when(what)? {
            Some(n @ 1..) => {
                self.came.extend_from_slice(&piece[..n]);
                Ok(())
            }
            end => {
                let came = match self.came.len() {
                    0 => "nothing".to_owned(),
                    _ => format!("only {}", show(&self.came)),
                };
                if self.attempt.has_ended() {
                    self.attempt.result().when(what).breaks(BREAKS)?;
                }
                let fault = match end {
                    Some(_) => Fault::new(format!(
                        "{what}: {came} came of your answer, then you closed the connection"
                    )),
                    None => Fault::new(format!(
                        "{what}: {came} came of your answer, then nothing more"
                    ))
                    .late(),
                };
                Err(fault)
            }
        }
    }

    fn reply(&mut self, what: &str, to_head: bool) -> Step<Reply> {
        let wrong = |what: String| Err(Fault::new(what).breaks(LENGTH));
        let end = loop {
            match end_of_head(&self.came, 0) {
                Ok(Some(end)) => break end,
                Ok(None) => self.more(what)?,
                Err(refusal) => return wrong(format!("{what}: in your answer {}", refusal.why)),
            }
        };
        let head = match parse_response(&self.came[..end]) {
            Ok(head) => head,
            Err(refusal) => {
                return wrong(format!("{what}: your answer is none: {}", refusal.why))
                    .cause(NO_BODY);
            }
        };
        if !head.line.starts_with(b"HTTP/1.1 ") || head.headers.all("content-length").count() != 1 {
            let answer = show(&self.came[..end]);
            return wrong(format!(
                "{what}: your answer should have HTTP/1.1 and one Content-Length: {answer}"
            ))
            .cause("each answer needs its length, also one without a page");
        }
        self.came.drain(..end);
        let length = match response_length(&head, to_head) {
            Ok(Length::Known(length)) => usize::try_from(length).unwrap_or(usize::MAX),
            _ => return wrong(format!("{what}: the length of your answer is not clear")),
        };
        while self.came.len() < length {
            self.more(what).breaks(LENGTH).cause(BYTES)?;
        }
        let body = self.came.drain(..length).collect();
        Ok(Reply { head, body })
    }

    /// Sends a request; its answer has this status and, where it is given, this body.
    fn ask(&mut self, request: &str, status: u16, body: Option<&str>) -> Step<Reply> {
        self.peer.send(request.as_bytes())?;
        self.expect(request, status, body)
    }

    fn expect(&mut self, request: &str, status: u16, body: Option<&str>) -> Step<Reply> {
        let shown = show(request.as_bytes());
        let reply = self.reply(&format!("after {shown}"), request.starts_with("HEAD"))?;
        if reply.head.status != status {
            return Err(Fault::new(format!(
                "after {shown}: the status should be {status}, and is {}",
                reply.head.status
            )));
        }
        if let Some(body) = body.filter(|body| body.as_bytes() != reply.body) {
            return Err(Fault::new(format!(
                "after {shown}: the body should be '{}', and is {}",
                body.escape_debug(),
                show(&reply.body)
            ))
            .breaks(LENGTH)
            .cause(BYTES));
        }
        Ok(reply)
    }

    /// It closes without another byte, and in order.
    fn closed(&mut self, what: &str) -> Step {
        if !self.came.is_empty() {
            return Err(Fault::new(format!(
                "{what}: more came than the answer: {}",
                show(&self.came)
            )));
        }
        let end = self.peer.expect_end("the connection should be closed");
        end.when(what)
    }
}

const NO_BODY: &str = "what was taken for the next answer is a body that should not be there, or is \
    longer than its Content-Length: that counts bytes, and not characters";
const BYTES: &str = "Content-Length counts bytes, and not characters; and an answer without a page \
    has a length, too";
const ONCE: &str = "the connection is closed after an answer; or what came behind a request is lost \
    with a buffer of its own";
const WHOLE: &str = "one read is taken for one request, or the next one is looked for only when \
    something more comes, or answers wait for each other";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn answers_one(trial: &Trial, answer_all: AnswerAll) -> Step {
    let mut talk = Talk::begin(trial, answer_all)?;
    talk.ask(&get("/"), 200, Some(HOME))
        .breaks(GET)
        .cause("the page is not found, or the request not understood")?;
    for (path, body) in [("/", HOME), ("/a/b", OTHER_PAGE), ("/", HOME)] {
        let reply = talk.ask(&get(path), 200, Some(body));
        reply.breaks(STAYS).cause(ONCE)?;
    }
    Ok(())
}

fn answers_what_was_asked(trial: &Trial, answer_all: AnswerAll) -> Step {
    let mut talk = Talk::begin(trial, answer_all)?;
    for path in ["/nothing", "/a", "/a/b/", "//", "/A/B"] {
        let missing = talk
            .ask(&get(path), 404, None)
            .breaks(GET)
            .cause("a path that is not there needs an answer of its own")?;
        if missing.body.is_empty() {
            return Err(Fault::new("a 404 came with an empty body")
                .breaks(GET)
                .cause("a browser would show a page of its own"));
        }
    }
    talk.ask(&get("/"), 200, Some(HOME))
        .when("after a 404")
        .breaks(STAYS)
        .cause(ONCE)?;
    for path in ["/?", "/?a=b", "/?x?y/z"] {
        talk.ask(&get(path), 200, Some(HOME))
            .breaks(QUERY)
            .cause("the path ends before the first ?")?;
    }
    for (path, status) in [("/", 200), ("/a/b", 200), ("/nothing", 404)] {
        let whole = talk.ask(&get(path), status, None)?;
        let request = get(path).replace("GET", "HEAD");
        let head = talk
            .ask(&request, status, None)
            .breaks(HEAD)
            .cause("HEAD is treated as another method")?;
        let length = |reply: &Reply| reply.head.headers.get("content-length").map(<[u8]>::to_vec);
        if length(&head) != length(&whole) {
            return Err(Fault::new(format!(
                "the Content-Length for HEAD {path} is another one than for GET"
            ))
            .breaks(HEAD)
            .cause("it is the length that the body would have"));
        }
        // A body would be taken for the next answer.
        talk.ask(&get("/"), 200, Some(HOME))
            .when("after a HEAD")
            .breaks(HEAD)
            .cause("HEAD was answered with a body")?;
    }
    for request in [
        "POST / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /",
        "get / HTTP/1.1\r\n\r\n",
        "DELETE /nothing HTTP/1.1\r\n\r\n",
    ] {
        let refused = talk
            .ask(request, 405, None)
            .breaks(OTHER)
            .cause("only GET and HEAD are known, in capitals")?;
        let allowed = refused.head.headers.get("allow");
        if allowed != Some(b"GET, HEAD") {
            return Err(Fault::new("a 405 came without the header Allow: GET, HEAD")
                .breaks(OTHER)
                .cause("the header that says what is allowed is missing"));
        }
        talk.ask(&get("/"), 200, Some(HOME))
            .when("after a 405")
            .breaks(REQUEST)
            .cause("the body is not read, and taken for the next request")?;
    }
    for headers in [
        "cOnTeNt-LeNgTh:  \t5 \t\r\nA: \r\n",
        "CONTENT-LENGTH:5\r\n",
        "A: \u{e4}\r\nContent-length: 005\r\n",
    ] {
        let mut request = b"GET / HTTP/1.1\r\nX: \xff\xfe\r\n".to_vec();
        request.extend_from_slice(headers.as_bytes());
        request.extend_from_slice(b"\r\nGET /");
        talk.peer.send(&request)?;
        const STRICT: &str = "names are compared with their case, or values with their spaces, or \
            the head is taken for text";
        talk.expect("GET with strange headers", 200, Some(HOME))
            .breaks(NAMES)
            .cause(STRICT)?;
        talk.ask(&get("/a/b"), 200, Some(OTHER_PAGE))
            .when("after GET with strange headers and a body")
            .breaks(NAMES)
            .cause(STRICT)?;
    }
    Ok(())
}

fn answers_whatever_the_cuts(trial: &Trial, answer_all: AnswerAll) -> Step {
    let all = get("/")
        + "POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET / HTTP/1.1\r\n\r\n!!"
        + &get("/a/b").replace("GET", "HEAD")
        + &get("/nothing")
        + &get("/a/b");
    let expect = |talk: &mut Talk| -> Step {
        talk.expect("GET of five", 200, Some(HOME))?;
        talk.expect("POST of five", 405, None)?;
        talk.expect("HEAD of five", 200, None)?;
        talk.expect("GET of five, which is not there", 404, None)?;
        talk.expect("the last of five", 200, Some(OTHER_PAGE))?;
        Ok(())
    };
    let mut talk = Talk::begin(trial, answer_all)?;
    for _ in 0..3 {
        talk.peer.send(all.as_bytes())?;
        expect(&mut talk)
            .when("five requests came in one piece")
            .breaks(PIECES)
            .cause(WHOLE)?;
    }
    for size in [1, 7, 61] {
        for piece in all.as_bytes().chunks(size) {
            talk.peer.send(piece).breaks(PIECES).cause(WHOLE)?;
        }
        expect(&mut talk)
            .when("five requests came in small pieces")
            .breaks(PIECES)
            .cause(WHOLE)?;
    }
    // One and a half: the one is answered though the other is not whole.
    let request = get("/");
    talk.peer
        .send((request.clone() + &request[..20]).as_bytes())?;
    talk.expect(&request, 200, Some(HOME))
        .when("a request and the half of another came")
        .breaks(ORDER)
        .cause(WHOLE)?;
    talk.peer.send(&request.as_bytes()[20..])?;
    talk.expect(&request, 200, Some(HOME))
        .breaks(ORDER)
        .cause(WHOLE)
        .map(drop)
}

fn closes_when_it_is_asked_to(trial: &Trial, answer_all: AnswerAll) -> Step {
    const NOT_SEEN: &str = "the header Connection is not looked at, or not sent back";
    let mut talk = Talk::begin(trial, answer_all)?;
    for request in [
        "GET /?Connection:close HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nX-Connection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nA: Connection: close\r\n\r\n",
    ] {
        let reply = talk
            .ask(request, 200, Some(HOME))
            .breaks(STAYS)
            .cause("the words are looked for anywhere in the head")?;
        if reply.head.headers.lists("connection", "close") {
            return Err(
                Fault::new("an answer says Connection: close to who did not ask for it")
                    .breaks(STAYS)
                    .cause("the words are looked for anywhere in the head"),
            );
        }
    }
    for (request, status) in [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 200),
        ("HEAD / HTTP/1.1\r\nCONNECTION:close\r\n\r\n", 200),
        ("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", 404),
        ("PUT / HTTP/1.1\r\nConnection: close\r\n\r\n", 405),
    ] {
        let mut talk = Talk::begin(trial, answer_all)?;
        let reply = talk.ask(request, status, None)?;
        if !reply.head.headers.lists("connection", "close") {
            return Err(Fault::new("the last answer came without Connection: close")
                .breaks(CLOSE)
                .cause(NOT_SEEN));
        }
        talk.closed("after a request with Connection: close")
            .breaks(CLOSE)
            .cause(NOT_SEEN)?;
    }
    Ok(())
}

fn refused(trial: &Trial, answer_all: AnswerAll, request: &[u8], status: u16) -> Step {
    let mut talk = Talk::begin(trial, answer_all)?;
    talk.peer.send(request)?;
    let shown = show(request);
    let reply = talk.reply(&format!("after {shown}"), false)?;
    if reply.head.status != status {
        return Err(Fault::new(format!(
            "after {shown}: the status should be {status}, and is {}",
            reply.head.status
        )));
    }
    const GOES_ON: &str = "where the next request begins is not known, so there can be none";
    if !reply.head.headers.lists("connection", "close") {
        return Err(
            Fault::new(format!("after {shown}: no Connection: close came"))
                .breaks(THEN_CLOSED)
                .cause(GOES_ON),
        );
    }
    talk.closed(&format!("after {shown}"))
        .breaks(THEN_CLOSED)
        .cause(GOES_ON)
}

fn refuses(trial: &Trial, answer_all: AnswerAll) -> Step {
    const TWO_WAYS: &str = "two readers could take these bytes for different requests: digits only, \
        one length, no Transfer-Encoding";
    for line in [
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.0",
        "",
        "x",
    ] {
        refused(
            trial,
            answer_all,
            format!("{line}\r\nA: b\r\n\r\n").as_bytes(),
            400,
        )
        .breaks(BAD)
        .cause("the first line is cut at any white space, or not looked at")?;
    }
    refused(trial, answer_all, b"\xff\r\n\r\n", 400)
        .breaks(BAD)
        .cause("it is taken for text")?;
    for headers in [
        "Host",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 5, 5",
        "Content-Length:",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\ncontent-length: 5",
        "Transfer-Encoding: chunked",
        "transfer-encoding: x",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
    ] {
        let request = format!("GET / HTTP/1.1\r\n{headers}\r\n\r\nhello");
        refused(trial, answer_all, request.as_bytes(), 400)
            .breaks(BAD)
            .cause(TWO_WAYS)?;
    }
    Ok(())
}

fn has_limits(trial: &Trial, answer_all: AnswerAll) -> Step {
    const NO_LIMIT: &str = "the limit is missing, or off by one, or looked at when all has come";
    let mut talk = Talk::begin(trial, answer_all)?;
    let body = vec![b'x'; usize::try_from(MAX_BODY).unwrap_or_default()];
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {MAX_BODY}\r\n\r\n");
    talk.peer.send(&[head.as_bytes(), &body].concat())?;
    talk.expect(&head, 405, None)
        .breaks(LARGE)
        .cause(NO_LIMIT)?;
    for length in ["100001", "18446744073709551615", "99999999999999999999999"] {
        let request = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        refused(trial, answer_all, request.as_bytes(), 413)
            .breaks(LARGE)
            .cause(NO_LIMIT)?;
    }
    let request = [b"GET /".as_slice(), &vec![b'x'; MAX_HEAD]].concat();
    refused(trial, answer_all, &request, 431)
        .breaks(LARGE)
        .cause(NO_LIMIT)
}

fn loses_no_answer(trial: &Trial, answer_all: AnswerAll) -> Step {
    const RESET: &str =
        "it closes while bytes are unread, which sends RST; half-close, and read on";
    const FOR_EVER: &str = "it reads on as long as the client likes";
    for request in [
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 999999\r\n\r\n",
    ] {
        let mut talk = Talk::begin(trial, answer_all)?;
        let more = vec![b'x'; 30_000];
        talk.peer.send(&[request.as_bytes(), &more].concat())?;
        let what = "a request came that is the last, and 30,000 bytes behind it";
        talk.reply(what, false).breaks(NOT_LOST).cause(RESET)?;
        talk.closed(what).breaks(NOT_LOST).cause(RESET)?;
        talk.peer.half_close().breaks(NOT_LOST).cause(RESET)?;
        talk.attempt
            .result()
            .when(what)
            .breaks(NOT_LOST)
            .cause(FOR_EVER)?;
        talk.peer
            .expect_no_reset("the connection should end in order")
            .breaks(NOT_LOST)
            .cause(RESET)?;
    }
    let mut talk = Talk::begin(trial, answer_all)?;
    talk.peer.send(b"x\r\n\r\n")?;
    let what = "a client got its 400, and neither closed nor finished";
    talk.reply(what, false)?;
    talk.attempt
        .result()
        .when(what)
        .breaks(NOT_LOST)
        .cause(FOR_EVER)
}

fn ends(trial: &Trial, answer_all: AnswerAll) -> Step {
    const AT_ZERO: &str = "a read of 0 is the end: nothing comes any more, and nobody waits";
    for sent in [
        String::new(),
        get("/"),
        get("/")[..9].to_owned(),
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel".to_owned(),
    ] {
        let mut talk = Talk::begin(trial, answer_all)?;
        talk.peer.send(sent.as_bytes())?;
        if sent == get("/") {
            talk.expect(&sent, 200, Some(HOME))?;
        }
        talk.peer.half_close()?;
        let what = format!("the client finished after {}", show(sent.as_bytes()));
        talk.closed(&what).breaks(FINISHED).cause(AT_ZERO)?;
        talk.attempt
            .result()
            .when(&what)
            .breaks(FINISHED)
            .cause(AT_ZERO)?;
    }
    let mut talk = Talk::begin(trial, answer_all)?;
    talk.ask(&get("/"), 200, None)?;
    let Talk { peer, attempt, .. } = talk;
    peer.reset();
    attempt
        .result()
        .when("the client reset the connection")
        .breaks(BREAKS)
        .cause("an error of a read is not looked at, or tried again")?;
    // Not idle waiting, but looking again and again, would show here.
    let talk = Talk::begin(trial, answer_all)?;
    talk.attempt
        .expect_idle(Duration::from_millis(50))
        .breaks(FINISHED)
        .cause(AT_ZERO)
}
