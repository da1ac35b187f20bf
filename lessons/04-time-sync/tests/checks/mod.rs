//! What "right" means for each exercise of lesson 4: functions to which any solution is handed.

use std::cell::Cell;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use course::Reserved;
use course::exercise::{
    Attempt, Correspondent, Explain, Fault, Step, Strangers, Trial, Verdict, WAIT, check, compare,
    own_address, show,
};
use jiff::Zoned;
use jiff::fmt::strtime;
use time_sync::SECONDS;
use time_sync::contract::Offset;

pub type Serve = fn(&UdpSocket, usize, usize);
pub type Poll = fn(SocketAddr, &str, usize, Duration, Duration) -> Vec<Option<Vec<u8>>>;
pub type FindOffset = fn(SocketAddr, usize, Duration) -> Option<Offset>;

/// What 4.2 returns.
type Answers = Vec<Option<Vec<u8>>>;

const READ_THE_CODE: &str = "docs/04-time-sync.md: Read the code";
const FORMATS: &str = "docs/04-time-sync.md: Ask for formats";
const AMPLIFIER: &str = "docs/04-time-sync.md: A small question, a large answer";
const HOW_FAR: &str = "docs/04-time-sync.md: How far is my clock from yours?";
const PREDICT: &str = "docs/04-time-sync.md: Predict";
const NOBODY: &str = "docs/04-time-sync.md: Nobody answers";

/// 4.1 A time server that no format can crash or swell.
pub fn serve(serve: Serve) -> Verdict {
    check(move |trial| {
        gives_the_time(trial, serve).read(FORMATS)?;
        survives_formats(trial, serve).read(READ_THE_CODE)?;
        keeps_its_limits(trial, serve).read(AMPLIFIER)?;
        answers_no_answer(trial, serve).read(AMPLIFIER)?;
        answers_whoever_asked(trial, serve).read(READ_THE_CODE)?;
        goes_on_after_errors(trial, serve).read(READ_THE_CODE)
    })
}

const IS_A_FORMAT: &str = "A request is a format";
const EMPTY: &str = "The empty request stands for";
const ONE_DATAGRAM: &str = "The answer is one datagram";
const OVER_256: &str = "A request over 256 bytes";
const NOT_TEXT: &str = "So is one that is not UTF-8";
const REFUSED: &str = "So is one that `format` refuses";
const TOO_LONG: &str = "So is one whose answer";
const SAME: &str = "So is one that is the same";
const REASON: &str = "The reason is up to you";
const LONGEST: &str = "No answer is longer";
const OF_A_SERVER: &str = "A datagram that begins with `error: `";
const RECEIVE_FAILS: &str = "When `recv_from` fails";
#[cfg(target_os = "linux")]
const SEND_FAILS: &str = "When `send_to` fails";
const COUNTED: &str = "Returns when `requests`";

/// Somebody who speaks with the function, at an address of the scene's own.
fn correspondent(trial: &Trial) -> Step<Correspondent> {
    trial.correspondent_at(own_address(), 0)
}

/// A socket for the function, at an address of the scene's own.
fn socket() -> Step<(UdpSocket, SocketAddr)> {
    let bound =
        UdpSocket::bind((own_address(), 0)).and_then(|s| s.local_addr().map(|addr| (s, addr)));
    bound.map_err(|e| Fault::new(format!("this machine gave the check no port: {e}")))
}

/// The function at work, and somebody who asks it.
struct Server {
    addr: SocketAddr,
    attempt: Attempt<()>,
    asker: Correspondent,
    longest: usize,
}

impl Server {
    fn start(trial: &Trial, serve: Serve, requests: usize, longest: usize) -> Step<Server> {
        let (socket, addr) = socket()?;
        Ok(Server {
            addr,
            attempt: trial.start(move || serve(&socket, requests, longest)),
            asker: correspondent(trial)?,
            longest,
        })
    }

    /// The answer to a request.
    fn ask(&mut self, request: &[u8]) -> Step<String> {
        self.asker.send_to(request, self.addr)?;
        let what = format!("the request was {}", show(request));
        let Some((answer, sender)) = self.asker.receive()? else {
            return Err(Fault::new(format!("{what}, and no answer came")).late());
        };
        if sender != self.addr {
            return Err(Fault::new(format!(
                "{what}: the answer came from {sender}, and the request went to {}",
                self.addr
            ))
            .breaks(ONE_DATAGRAM)
            .cause("another socket answers: who is connected with yours never hears it")
            .read(READ_THE_CODE));
        }
        if answer.len() > self.longest {
            return Err(Fault::new(format!(
                "{what}: the answer is too long: {} bytes > {}: {}",
                answer.len(),
                self.longest,
                show(&answer)
            ))
            .breaks(LONGEST)
            .cause(if answer.starts_with(b"error: ") {
                "the reason behind 'error: ' has no limit: jiff's can be long"
            } else {
                "the length of the answer has no limit"
            })
            .read(AMPLIFIER));
        }
        let answer = String::from_utf8(answer).map_err(|error| {
            let shown = show(error.as_bytes());
            Fault::new(format!("{what}: the answer is not UTF-8: {shown}"))
                .breaks(LONGEST)
                .cause("bytes of the request go back, or the answer is cut inside a character")
        })?;
        if answer.starts_with("error: ") && answer.contains(char::is_control) {
            return Err(Fault::new(format!(
                "{what}: there is a control character in the reason: {}",
                show(answer.as_bytes())
            ))
            .breaks(REASON)
            .cause("the reason repeats the request, or a part of it, as it came"));
        }
        Ok(answer)
    }

    fn refuses(&mut self, request: &[u8], why: &str) -> Step {
        let answer = self.ask(request)?;
        if answer.starts_with("error: ") {
            return Ok(());
        }
        Err(Fault::new(format!(
            "the request was {}, {why}: expected 'error: ' and a reason, got {}",
            show(request),
            show(answer.as_bytes())
        )))
    }

    /// An ordinary request: the time to the microsecond is the time now.
    fn tells_the_time(&mut self) -> Step {
        let before = seconds_now();
        let answer = self.ask(SECONDS.as_bytes())?;
        let after = seconds_now();
        let right = |time: &f64| (before - 0.002..=after + 0.002).contains(time);
        if answer.parse().ok().as_ref().is_some_and(right) {
            return Ok(());
        }
        let fault = Fault::new(format!(
            "the request was '%s.%f': expected the time between {before:.6} and {after:.6}, got {}",
            show(answer.as_bytes())
        ));
        Err(if answer.starts_with("error: ") {
            fault // what was asked before may be the cause
        } else {
            fault
                .breaks(IS_A_FORMAT)
                .cause("the clock is asked once, and not for each request")
        })
    }

    /// Checks that it returns now, and that nothing more was sent.
    fn returns(&self, requests: usize, cause: &str) -> Step {
        self.attempt
            .result()
            .when(&format!("{requests} requests were answered"))
            .breaks(COUNTED)
            .cause(cause)?;
        self.asker
            .expect_nothing("each request should be answered once, in one datagram")
            .breaks(ONE_DATAGRAM)
            .cause("an answer is sent twice, or in pieces")
    }
}

const ITSELF: &str = "a format that has nothing to fill in is answered with itself, and two servers \
    answer each other for ever";
const NOT_COUNTED: &str = "a request that is refused, or is empty, is not counted";

fn seconds_now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

fn gives_the_time(trial: &Trial, serve: Serve) -> Step {
    const ENDS: &str = "only one request is answered, or the empty one is taken for the end";
    let formats = [
        "%Y",
        "",
        "%H:%M:%S %z",
        " %Y-%m-%d ",
        "世界 %Y",
        "100 %%",
        "%Y",
        "",
        "   %%",
        "%%",
        "%-d/%m",
        "error:%Y",
        "Error: %Y",
        " error: %Y",
    ];
    let mut server = Server::start(trial, serve, formats.len() + 2, 1024)?;
    server.tells_the_time().breaks(COUNTED).cause(ENDS)?;
    thread::sleep(Duration::from_millis(20)); // it gets later
    server.tells_the_time().breaks(COUNTED).cause(ENDS)?;
    for format in formats {
        // The text is the same size at any time, so it can be compared as text.
        let meant = if format.is_empty() {
            "%Y-%m-%d %X"
        } else {
            format
        };
        let breaks = if format.is_empty() {
            EMPTY
        } else {
            IS_A_FORMAT
        };
        let before = time_in(meant)?;
        let answer = server.ask(format.as_bytes());
        let answer = answer.breaks(breaks).cause(ENDS)?;
        let after = time_in(meant)?;
        // Around midnight the text may run backwards.
        if !(before..=after.clone()).contains(&answer) && answer != after {
            let fault = Fault::new(format!(
                "the request was '{format}': expected '{after}' or a little before, got {}",
                show(answer.as_bytes())
            ));
            return Err(if format.is_empty() {
                fault
                    .breaks(EMPTY)
                    .cause("the empty request has a format of its own, and no other has")
            } else {
                fault.breaks(IS_A_FORMAT).cause(
                    "a format is taken just as it is, not trimmed; and the time is local, as \
                     Zoned::now gives it",
                )
            });
        }
    }
    server.returns(formats.len() + 2, NOT_COUNTED)?;

    let none = Server::start(trial, serve, 0, 1024)?;
    none.attempt
        .result()
        .when("no requests should be answered")
        .breaks(COUNTED)
        .cause("a request is waited for before it is looked how many were counted")
}

fn time_in(format: &str) -> Step<String> {
    strtime::format(format, &Zoned::now())
        .map_err(|e| Fault::new(format!("the check could not format the time: {e}")))
}

fn survives_formats(trial: &Trial, serve: Serve) -> Step {
    const ENDS: &str = "an error of the formatter ends the loop, or is not answered; or the \
        formatter is one that copies what it does not know (Zoned::strftime)";
    const LOSSY: &str = "bytes that are not UTF-8 are replaced (from_utf8_lossy) and not refused";
    const CONTROL: &str = "control characters are not looked for: whoever prints the answer \
        prints them";
    const BEYOND: &str = "there are control characters outside ASCII";
    let malformed: [(&[u8], &str, &str, &str); 14] = [
        (b"%", "which is malformed", REFUSED, ENDS),
        (b"%Y %", "which is malformed", REFUSED, ENDS),
        (b"%!", "which is malformed", REFUSED, ENDS),
        (b"%1000Y", "which is malformed", REFUSED, ENDS),
        ("%世".as_bytes(), "which is malformed", REFUSED, ENDS),
        (b"%Y \xff", "which is not UTF-8", NOT_TEXT, LOSSY),
        (b"%Y \xe4\xb8", "which is not UTF-8", NOT_TEXT, LOSSY),
        (b"\x80%Y", "which is not UTF-8", NOT_TEXT, LOSSY),
        (b"%Y\0", "which has a control character", NOT_TEXT, CONTROL),
        (
            b"\x1b[2J%Y\n",
            "which has control characters",
            NOT_TEXT,
            CONTROL,
        ),
        (
            b"%Y\x7f",
            "which has a control character",
            NOT_TEXT,
            CONTROL,
        ),
        (b"a\tb", "which has a control character", NOT_TEXT, CONTROL),
        (
            b"\x1b[1m%",
            "which has a control character",
            NOT_TEXT,
            CONTROL,
        ),
        (
            b"\xc2\x9b31m%Y",
            "which has a control character, U+009B",
            NOT_TEXT,
            BEYOND,
        ),
    ];
    let mut server = Server::start(trial, serve, 2 * malformed.len(), 1024)?;
    for (request, why, breaks, cause) in malformed {
        server.refuses(request, why).breaks(breaks).cause(cause)?;
        server
            .tells_the_time()
            .when(&format!("before, the request was {}", show(request)))
            .breaks(breaks)
            .cause(ENDS)?;
    }
    server.returns(2 * malformed.len(), NOT_COUNTED)
}

fn keeps_its_limits(trial: &Trial, serve: Serve) -> Step {
    const LONG: &str = "the request has no limit, or characters are counted and not bytes; or the \
        buffer is so short that a longer one is cut to 256 bytes";
    const CUT: &str = "an answer that is too long is cut, not refused";

    let text = |n: usize| format!("%%{}", "x".repeat(n - 2)); // its answer is a byte shorter
    let mut server = Server::start(trial, serve, 9, 300)?;
    let answer = server.ask(text(256).as_bytes()).breaks(OVER_256)?;
    compare(&text(256).as_bytes()[1..], answer.as_bytes()).map_err(|difference| {
        Fault::new(format!("a request may have 256 bytes\n{difference}"))
            .breaks(OVER_256)
            .cause("the limit is off by one, or the format is changed")
    })?;
    for n in [257, 258, 300, 1024, 65_507] {
        server
            .refuses(text(n).as_bytes(), &format!("{n} bytes > 256"))
            .breaks(OVER_256)
            .cause(LONG)?;
    }
    for sign in ["é", "世", "🚲"] {
        let many = "%%".to_owned() + &sign.repeat(254 / sign.len() + 1);
        server
            .refuses(many.as_bytes(), &format!("{} bytes > 256", many.len()))
            .breaks(OVER_256)
            .cause(LONG)?;
    }
    server.returns(9, NOT_COUNTED)?;

    // Around each length: just as long, and one byte more.
    for longest in (16..=48).chain([100, 255]) {
        let mut server = Server::start(trial, serve, 7, longest)?;
        let answer = server.ask(text(longest + 1).as_bytes()).breaks(TOO_LONG)?;
        compare(&text(longest + 1).as_bytes()[1..], answer.as_bytes()).map_err(|difference| {
            Fault::new(format!(
                "an answer may have {longest} bytes here\n{difference}"
            ))
            .breaks(TOO_LONG)
            .cause("the limit is off by one")
        })?;
        for request in [
            if longest < 255 {
                text(longest + 2)
            } else {
                "%c".repeat(85)
            },
            "%c".repeat(longest / 3),
            "世".repeat(longest / 3) + "%Y",
        ] {
            let why = format!("whose answer would have more than {longest} bytes");
            server
                .refuses(request.as_bytes(), &why)
                .breaks(TOO_LONG)
                .cause(CUT)?;
        }
        // Reasons that are too long, perhaps with characters of several bytes in them.
        const REASONS: &str = "an error of the formatter is not answered with its reason";
        for (request, breaks, cause) in [
            ("%世", REFUSED, REASONS),
            ("世界世界世界世界世界", SAME, ITSELF),
            ("%", REFUSED, REASONS),
        ] {
            let why = format!("and an answer may have {longest} bytes here");
            server
                .refuses(request.as_bytes(), &why)
                .breaks(breaks)
                .cause(cause)?;
        }
        server.returns(7, NOT_COUNTED)?;
    }

    // No limit at all.
    let mut server = Server::start(trial, serve, 2, usize::MAX)?;
    let answer = server.ask("%c".repeat(128).as_bytes()).breaks(TOO_LONG)?;
    if answer.starts_with("error: ") {
        return Err(Fault::new(format!(
            "an answer may have usize::MAX bytes here: expected '%c' 128 times, got {}",
            show(answer.as_bytes())
        ))
        .breaks(TOO_LONG)
        .cause("there is a limit besides `longest`"));
    }
    server.refuses(b"%", "which is malformed").breaks(REFUSED)?;
    server.returns(2, NOT_COUNTED)
}

fn answers_no_answer(trial: &Trial, serve: Serve) -> Step {
    const LOOP: &str = "a datagram that begins with 'error: ' is answered, and two servers answer \
        each other for ever";
    const COUNTS: &str = "the answer of a server is counted as a request, or ends the loop";
    let long = format!("error: {}", "x".repeat(300));
    let answers: [&[u8]; 6] = [
        b"error: ",
        b"error: the format is malformed",
        b"error: %Y",
        b"error: \xff",
        b"error: \x1b[1m",
        long.as_bytes(),
    ];
    let same = ["13:40:59", "世界", " ", "error:", "x"];
    let mut server = Server::start(trial, serve, answers.len() + same.len(), 1024)?;
    for answer in answers {
        server.asker.send_to(answer, server.addr)?;
        let step = server.tells_the_time().when(&format!(
            "{} was sent, which should not be answered, then an ordinary request",
            show(answer)
        ));
        // An answer to it is the wrong one here; none at all is a function that has returned.
        let silent = server.attempt.still_runs().is_err();
        step.breaks(OF_A_SERVER)
            .cause(if silent { COUNTS } else { LOOP })?;
    }
    for request in same {
        server
            .refuses(request.as_bytes(), "which is the same as its answer")
            .breaks(SAME)
            .cause(ITSELF)?;
    }
    server.returns(answers.len() + same.len(), COUNTS)
}

fn answers_whoever_asked(trial: &Trial, serve: Serve) -> Step {
    const CONNECTED: &str = "the socket is connected with one who asked, and hears nobody else; or \
        the answer goes to another one";
    let mut first = Server::start(trial, serve, 6, 1024)?;
    let mut second = correspondent(trial)?;
    for _ in 0..3 {
        let step = first.tells_the_time().when("two ask by turns");
        step.breaks(ONE_DATAGRAM).cause(CONNECTED)?;
        second.send_to(b"%Y", first.addr)?;
        let came = second.receive()?;
        if came.is_none_or(|(answer, _)| answer.len() != 4) {
            return Err(
                Fault::new("two ask by turns, and the second got no answer to '%Y'")
                    .breaks(ONE_DATAGRAM)
                    .cause(CONNECTED)
                    .late(),
            );
        }
    }
    first.returns(6, NOT_COUNTED)
}

fn goes_on_after_errors(trial: &Trial, serve: Serve) -> Step {
    const ENDED: &str = "an error of recv_from ends the loop (?, return, break, unwrap), or is \
        counted as a request: it should go on";
    // recv_from fails several times, with a timeout.
    trial.at_pace(Duration::from_millis(50), |pace| {
        let (socket, addr) = socket()?;
        let _ = socket.set_read_timeout(Some(Duration::from_millis(5)));
        let mut server = Server {
            addr,
            attempt: trial.start(move || serve(&socket, 3, 1024)),
            asker: correspondent(trial)?,
            longest: 1024,
        };
        for _ in 0..10 {
            thread::sleep(Duration::from_millis(12)); // meanwhile it fails
            pace.beat();
        }
        let told = (0..3).try_for_each(|_| {
            server
                .tells_the_time()
                .when("recv_from had failed several times, with a timeout")
        });
        let served = told.and_then(|()| server.attempt.result());
        pace.restart(); // what it was waited for is no part of the rhythm
        served.breaks(RECEIVE_FAILS).cause(ENDED)
    })?;
    sends_in_vain(trial, serve)
}

/// On Linux a datagram socket can be shut down for sending.
#[cfg(target_os = "linux")]
fn sends_in_vain(trial: &Trial, serve: Serve) -> Step {
    const ENDED: &str = "an error of send_to ends the loop (?, return, break, unwrap), or what could \
        not be answered is not counted";
    let (socket, addr) = socket()?;
    // It says that nobody is connected, and does it all the same.
    let _ = socket2::SockRef::from(&socket).shutdown(std::net::Shutdown::Write);
    if socket.send_to(b"?", addr).is_ok() {
        return Ok(()); // not on this system
    }
    let look = socket.try_clone();
    let look = look.map_err(|e| Fault::new(format!("the check's socket failed: {e}")))?;
    let attempt = trial.start(move || serve(&socket, 3, 1024));
    let mut asker = correspondent(trial)?;
    let did = "three asked, and send_to failed each time";
    for request in ["%Y", "%", ""] {
        asker.send_to(request.as_bytes(), addr)?;
    }
    attempt.result().when(did).breaks(SEND_FAILS).cause(ENDED)?;
    // All three were taken.
    let _ = look.set_nonblocking(true);
    match look.recv_from(&mut [0; 10]) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
        _ => Err(Fault::new(format!("{did}: you returned before the third"))
            .breaks(SEND_FAILS)
            .cause(ENDED)),
    }
}

#[cfg(not(target_os = "linux"))]
fn sends_in_vain(_: &Trial, _: Serve) -> Step {
    Ok(()) // nothing makes send_to fail there for sure
}

/// 4.2 Steady polling.
pub fn poll(poll: Poll) -> Verdict {
    check(move |trial| {
        // The rest takes its time, most of it waiting, so it waits together.
        let scenes: [Scene; 8] = [
            answers_some,
            hears_errors,
            ends_with_the_last_answer,
            ends_whatever_strangers_send,
            gives_time_to_answer,
            waits_idle,
            keeps_a_quick_beat,
            keeps_the_beat_without_answers,
        ];
        let results = thread::scope(|scope| {
            let played = scenes.map(|scene| scope.spawn(move || scene(trial, poll)));
            played.map(|scene| scene.join())
        });
        for result in results {
            result.map_err(|_| Fault::new("the check itself panicked: this is our bug"))??;
        }
        takes_any_answer(trial, poll).read(READ_THE_CODE)
    })
}

type Scene = fn(&Trial, Poll) -> Step;

const SENDS: &str = "Sends `question` so many times";
const DUE: &str = "Question number i, counted from 0";
const LEAVES: &str = "It leaves when it is due";
const FIRST: &str = "The answer to a question is the first datagram";
const ANY_KIND: &str = "An answer has 0 to 65,507 bytes";
const LATER: &str = "An answer that comes later";
const LOST: &str = "A question that is lost";
const TWICE: &str = "No question is sent twice";
const RETURNS: &str = "Returns when the last question";
const IDLE: &str = "Does not use the processor";

/// What the check's server does with a question.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// It is answered at once, and once more.
    Answered,
    /// It is answered when the next one has come.
    Late,
    Lost,
}

use Fate::{Answered, Late, Lost};

const FATES: [Fate; 14] = [
    Answered, Late, Answered, Lost, Late, Answered, Lost, Late, Answered, Lost, Late, Answered,
    Lost, Answered,
];

const BEAT: Duration = Duration::from_millis(100);

/// Much longer than anything takes.
const LONG: Duration = Duration::from_secs(30);

/// What every question of the check is.
const QUESTION: &str = "%X 世界";

/// The function with a clock beside it: what it returned, and how long it took.
fn timed(
    trial: &Trial,
    poll: Poll,
    server: SocketAddr,
    questions: usize,
    beat: Duration,
    timeout: Duration,
) -> Attempt<(Answers, Duration)> {
    trial.start(move || {
        let started = Instant::now();
        let answers = poll(server, QUESTION, questions, beat, timeout);
        (answers, started.elapsed())
    })
}

/// Waits for a question.
fn question(server: &Correspondent) -> Step<SocketAddr> {
    let promise = "each question should be one datagram, as it is";
    expect_question(server, QUESTION, promise).breaks(SENDS)
}

/// The same, for 4.3 too.
fn expect_question(server: &Correspondent, question: &str, promise: &str) -> Step<SocketAddr> {
    loop {
        let Some((came, client)) = server.receive()? else {
            let question = show(question.as_bytes());
            let fault = Fault::new(format!(
                "{promise}\nexpected {question}, and no datagram came"
            ));
            return Err(fault.late());
        };
        if is_of_a_check(&came) {
            continue;
        }
        compare(question.as_bytes(), &came)
            .map_err(|difference| Fault::new(format!("{promise}\n{difference}")))?;
        return Ok(client);
    }
}

/// An answer that finds nobody any more may come to a server of a check that was given the port
/// meanwhile.
fn is_of_a_check(datagram: &[u8]) -> bool {
    let texts = [
        &b"noon"[..],
        b"answer ",
        b"a stranger",
        b"I am your contact",
        b"17",
    ];
    texts.iter().any(|text| datagram.starts_with(text))
}

/// A datagram that has come already, and from where.
fn one_more(server: &Correspondent) -> Step<Option<(Vec<u8>, SocketAddr)>> {
    loop {
        match server.receive_within(Duration::from_millis(1))? {
            Some((came, _)) if is_of_a_check(&came) => {}
            more => return Ok(more),
        }
    }
}

/// Checks that nothing more has come.
fn expect_no_more(server: &Correspondent, promise: &str) -> Step {
    match one_more(server)? {
        None => Ok(()),
        Some((came, _)) => Err(Fault::new(format!(
            "{promise}, and one more datagram came: {}",
            show(&came)
        ))),
    }
}

fn takes_any_answer(trial: &Trial, poll: Poll) -> Step {
    const KIND: &str = "an answer is any bytes, also none: a length of 0 is no silence, and no more is \
        known of it than that it came";
    let longest = vec![0xfe; 65_507];
    let answers: [&[u8]; 6] = [
        b"",
        b"noon",
        b"\xff\0\n",
        b"error: no",
        &[b'x'; 3000],
        &longest,
    ];
    let ours = [own_address(), Ipv6Addr::LOCALHOST.into()];
    for (answer, ip) in answers
        .iter()
        .map(|a| (a, ours[0]))
        .chain([(&answers[1], ours[1])])
    {
        let Ok(mut server) = trial.correspondent_at(ip, 0) else {
            continue; // this machine has no IPv6
        };
        let what = format!("a server at {} answered {}", server.addr(), show(answer));
        let attempt = timed(trial, poll, server.addr(), 1, LONG, LONG);
        let client = question(&server)
            .when(&format!("the server is at {}", server.addr()))
            .cause("the socket is bound to an address of the other family (any_port)")?;
        server.send_to(answer, client)?;
        let (came, _) = attempt.result().when(&what).breaks(ANY_KIND).cause(KIND)?;
        if came != [Some(answer.to_vec())] {
            let came: Vec<_> = came.iter().map(|a| a.as_deref().map(show)).collect();
            return Err(Fault::new(format!(
                "{what}: expected just that, got {}",
                format!("{came:?}").chars().take(200).collect::<String>()
            ))
            .breaks(ANY_KIND)
            .cause(KIND));
        }
    }

    let server = correspondent(trial)?;
    let attempt = timed(trial, poll, server.addr(), 0, LONG, LONG);
    let (came, _) = attempt
        .result()
        .when("no questions were asked for")
        .breaks(SENDS)?;
    let none = expect_no_more(&server, "no questions were asked for");
    none.breaks(SENDS).cause("one question more is sent")?;
    if came.is_empty() {
        return Ok(());
    }
    Err(Fault::new(format!(
        "no questions were asked for, and you returned {came:?}"
    ))
    .breaks(SENDS))
}

fn waits_idle(trial: &Trial, poll: Poll) -> Step {
    /// Long enough to look at both, and soon over.
    const BEAT: Duration = Duration::from_secs(3);
    const SPINS: &str = "the socket, or the clock, is asked again and again instead of waited for";
    let mut server = correspondent(trial)?;
    let attempt = timed(trial, poll, server.addr(), 2, BEAT, BEAT);
    let client = question(&server)?;
    let idle = attempt.expect_idle(Duration::from_millis(80));
    idle.when("while you waited for an answer")
        .breaks(IDLE)
        .cause(SPINS)
        .read(READ_THE_CODE)?;
    server.send_to(b"noon", client)?;
    thread::sleep(Duration::from_millis(20)); // it takes the answer
    let idle = attempt.expect_idle(Duration::from_millis(80));
    idle.when("while you waited for the next beat")
        .breaks(IDLE)
        .cause(SPINS)
        .read(READ_THE_CODE)?;
    Ok(())
}

/// The timeout of scenes in which nobody answers, and how often strangers write in them.
const TIMEOUT: Duration = Duration::from_millis(100);
const STRANGERS: Duration = Duration::from_millis(5);

/// Asks nobody who answers once, with a timeout of 0.1 s and a beat of 30 s.
fn ask_in_vain(
    trial: &Trial,
    poll: Poll,
    cause: &str,
    meanwhile: impl FnOnce(SocketAddr) -> Step<Option<Strangers>>,
) -> Step {
    let limit = trial.limit(Duration::from_secs(1));
    let silent = correspondent(trial)?;
    let since = Instant::now();
    let attempt = timed(trial, poll, silent.addr(), 1, LONG, TIMEOUT);
    let client = question(&silent)?;
    let strangers = meanwhile(client)?;
    let what = "one question was asked for, with a beat of 30 s and a timeout of 0.1 s, and the server \
        did not answer";
    let (answers, _) = attempt
        .result_by(&limit, since)
        .when(what)
        .breaks(RETURNS)
        .cause(cause)?;
    drop(strangers);
    if answers != [None] {
        return Err(
            Fault::new(format!("{what}: expected [None], got {answers:?}"))
                .breaks(FIRST)
                .cause("a datagram of somebody else is taken for the answer"),
        );
    }
    expect_no_more(&silent, "one question was asked for")
        .breaks(TWICE)
        .cause("a question is sent again after its timeout")
}

fn ends_with_the_last_answer(trial: &Trial, poll: Poll) -> Step {
    const STAYS: &str = "the answer is waited for until the next beat, or the last question is \
        followed by a beat too";
    ask_in_vain(trial, poll, STAYS, |_| Ok(None)).read(READ_THE_CODE)
}

/// Nobody answers, so the whole timeout has to pass.
fn gives_time_to_answer(trial: &Trial, poll: Poll) -> Step {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let silent = correspondent(trial)?;
    let attempt = timed(trial, poll, silent.addr(), 1, TIMEOUT, TIMEOUT);
    question(&silent).read(READ_THE_CODE)?;
    let what = "one question was asked for, with a timeout of 1 s, and the server did not answer";
    let (_, took) = attempt
        .result_within(WAIT)
        .when(what)
        .breaks(RETURNS)
        .read(READ_THE_CODE)?;
    // A clock may be a little coarse.
    if took >= TIMEOUT.mul_f64(0.9) {
        return Ok(());
    }
    let took = took.as_secs_f64();
    Err(
        Fault::new(format!("{what}: you returned after {took:.3} s"))
            .breaks(FIRST)
            .cause("a question is given up before its timeout")
            .read(READ_THE_CODE),
    )
}

fn ends_whatever_strangers_send(trial: &Trial, poll: Poll) -> Step {
    const ANEW: &str = "each datagram of a stranger starts the timeout anew: what counts is one \
        deadline for the question";
    // Where the strangers themselves stall for as long as the timeout, nothing is learnt.
    let scene = trial.at_pace(TIMEOUT / 2, |pace| {
        pace.restart();
        let scene = ask_in_vain(trial, poll, ANEW, |client| {
            trial.strangers(client, STRANGERS).map(Some)
        });
        pace.restart();
        scene
    });
    scene
        .when("strangers wrote to you all the time")
        .read(READ_THE_CODE)
}

fn hears_errors(trial: &Trial, poll: Poll) -> Step {
    const ENDS: &str =
        "an error ends the loop: nobody there is a question without an answer, no more";
    let nobody = Reserved::new().map_err(|e| Fault::new(format!("no port for the check: {e}")))?;
    let beat = BEAT / 2;
    let attempt = timed(trial, poll, nobody.addr(), 4, beat, beat);
    let what = "nobody was at that address, and four questions were asked for, one each 0.05 s";
    let (answers, took) = attempt.result().when(what).breaks(LOST).read(NOBODY)?;
    let fault = if answers.len() != 4 || answers.iter().any(Option::is_some) {
        Fault::new(format!("{what}: expected None four times, got {answers:?}"))
            .breaks(LOST)
            .cause(ENDS)
    } else if took < 3 * beat {
        Fault::new(format!(
            "{what}: the last is due after 0.15 s, and you returned after {:.3} s",
            took.as_secs_f64()
        ))
        .breaks(DUE)
        .cause("an error makes the next question leave before its time")
    } else {
        return Ok(());
    };
    Err(fault.read(NOBODY))
}

fn answers_some(trial: &Trial, poll: Poll) -> Step {
    let mut answers = Vec::new();
    for _ in 0..3 {
        let ports;
        (answers, ports) = play(trial, poll).read(READ_THE_CODE)?;
        // Questions that have ports and threads of their own may overtake each other while the
        // machine is busy, and the check counts them as they come. Once in 28,000 times the system
        // gives a question the port of the one before. That will not happen again.
        let alone = (1..ports.len()).all(|i| !ports[..i].contains(&ports[i]));
        let mixed_up = answers.iter().enumerate().any(|(number, answer)| {
            answer
                .as_ref()
                .is_some_and(|answer| answer.starts_with(b"answer") && *answer != own(number))
        });
        if !(mixed_up && (alone || ports.windows(2).all(|two| two[0] != two[1]))) {
            break;
        }
    }
    judge(&answers).read(READ_THE_CODE)
}

/// The answer to that question.
fn own(number: usize) -> Vec<u8> {
    format!("answer {number}").into_bytes()
}

/// Asks for as many questions as there are fates; what was returned, and where each came from.
fn play(trial: &Trial, poll: Poll) -> Step<(Answers, Vec<SocketAddr>)> {
    const HURRIES: &str = "a question without an answer, or a quick answer, makes the next one \
        leave before its time; or all are sent at once";
    const AGAIN: &str = "a question is sent again, after its timeout or at once";
    let mut server = correspondent(trial)?;
    let mut stranger = correspondent(trial)?;
    let started = Instant::now();
    let attempt = timed(trial, poll, server.addr(), FATES.len(), BEAT, BEAT);

    let mut late: Option<(usize, SocketAddr)> = None;
    let mut ports: Vec<SocketAddr> = Vec::new();
    for (number, fate) in FATES.into_iter().enumerate() {
        let client = question(&server)
            .when(&format!(
                "question {number} of {}, where some before it had no answer",
                FATES.len()
            ))
            .breaks(LOST)
            .cause("there is no timeout, or a question without an answer ends the loop")?;
        let came = started.elapsed();
        let due = BEAT * number as u32;
        if came < due {
            // One that has a port for each question, and has used one twice.
            let twice =
                ports.windows(2).any(|two| two[0] == two[1]) || ports.last() == Some(&client);
            let again = twice && (number == 1 || ports[0] != client);
            let (due, came) = (due.as_secs_f64(), came.as_secs_f64());
            let fault = Fault::new(format!(
                "question {number} was due {due:.3} s after the call, and a question came after \
                 {came:.3} s"
            ));
            return Err(if again {
                fault.breaks(TWICE).cause(AGAIN)
            } else {
                fault.breaks(DUE).cause(HURRIES)
            });
        }
        ports.push(client);

        if let Some((number, client)) = late.take() {
            server.send_to(&own(number), client)?;
        }
        match fate {
            Answered => {
                stranger.send_to(b"a stranger's answer", client)?;
                server.send_to(&own(number), client)?;
                server.send_to(&own(number), client)?;
            }
            Late => late = Some((number, client)),
            Lost => {}
        }
    }
    let (answers, _) = attempt
        .result()
        .breaks(RETURNS)
        .cause("after the last answer you should return")?;
    if let Some((more, client)) = one_more(&server)? {
        let fault = Fault::new(format!(
            "{} questions were asked for, and one more datagram came: {}",
            FATES.len(),
            show(&more)
        ));
        return Err(if ports.contains(&client) {
            fault.breaks(TWICE).cause(AGAIN)
        } else {
            fault
                .breaks(SENDS)
                .cause("one question more is sent than was asked for")
        });
    }
    Ok((answers, ports))
}

/// Whether each question has its own answer.
fn judge(answers: &[Option<Vec<u8>>]) -> Step {
    if answers.len() != FATES.len() {
        return Err(Fault::new(format!(
            "{} questions were asked for, and you returned {} answers",
            FATES.len(),
            answers.len()
        ))
        .breaks(LOST)
        .cause("a question without an answer is left out: it is None"));
    }
    let mut found = 0;
    for (number, (fate, answer)) in FATES.into_iter().zip(answers).enumerate() {
        let right = own(number);
        match answer {
            // A late one may have been there in time, and the system was late to say so.
            Some(answer) if *answer == right => found += usize::from(fate == Answered),
            Some(answer) => {
                let expected = match fate {
                    Answered => show(&right),
                    Late | Lost => "None".to_owned(),
                };
                let fault = Fault::new(format!(
                    "question {number}: expected {expected}, got {}",
                    show(answer)
                ));
                return Err(if answer.starts_with(b"a stranger") {
                    fault
                        .breaks(FIRST)
                        .cause("a datagram of somebody else is taken for the answer")
                } else {
                    fault.breaks(LATER).cause(
                        "an answer that came late, or twice, is taken for the answer to another \
                         question: give each question a socket, and so a port, of its own",
                    )
                });
            }
            None => {}
        }
    }
    // A busy system may make a right client miss some.
    if found < 3 {
        return Err(Fault::new(format!(
            "6 of {} questions were answered at once, and you returned {found} of their answers",
            FATES.len()
        ))
        .breaks(FIRST)
        .cause(
            "an answer is dropped: the first datagram may be a stranger's, and the answer comes \
             behind it",
        )
        .late());
    }
    Ok(())
}

/// How long after it was due each of so many questions came. They are answered at once, or never.
fn lateness(
    trial: &Trial,
    poll: Poll,
    questions: u32,
    beat: Duration,
    answered: bool,
) -> Step<Vec<Duration>> {
    let mut server = correspondent(trial)?;
    let started = Instant::now();
    let attempt = timed(trial, poll, server.addr(), questions as usize, beat, beat);
    let mut late = Vec::new();
    for number in 0..questions {
        let client = question(&server)
            .when(&format!(
                "question {number} of {questions}, one each {beat:?}"
            ))
            .breaks(LOST)?;
        late.push(started.elapsed().saturating_sub(beat * number));
        if answered {
            server.send_to(b"noon", client)?;
        }
    }
    attempt.result().breaks(RETURNS)?;
    Ok(late)
}

/// How much each of these adds depends on how late the system wakes who waits.
const DRIFTS: &str = "the time that a question takes is added to the beat, or the moments between a \
    timeout and the next question add up (count the timeout from when the question was due, too), or \
    a sleep is always a little longer: sleep until the next one is due, counted from the beginning";

/// Every question is lost, and its timeout is the whole beat. However late the system wakes who
/// waits, that is no reason for the next one to be later: the last ones come as the first did.
fn keeps_the_beat_without_answers(trial: &Trial, poll: Poll) -> Step {
    const BEAT: Duration = Duration::from_millis(10);
    let late = lateness(trial, poll, 128, BEAT, false).read(READ_THE_CODE)?;
    let least = |late: &[Duration]| late.iter().min().copied().unwrap_or_default();
    let (first, last) = (least(&late[2..8]), least(&late[96..]));
    if last < first + BEAT / 2 {
        return Ok(());
    }
    Err(Fault::new(format!(
        "128 questions were asked for, one each 0.01 s, and none was answered: at first they came \
         {:.1} ms after they were due, and the last all at least {:.1} ms",
        first.as_secs_f64() * 1000.0,
        last.as_secs_f64() * 1000.0
    ))
    .breaks(LEAVES)
    .cause(DRIFTS)
    .read(PREDICT)
    .late())
}

/// Every question is answered at once, so that nothing but the sleep between two of them takes time.
fn keeps_a_quick_beat(trial: &Trial, poll: Poll) -> Step {
    if cfg!(not(target_os = "linux")) {
        return Ok(()); // elsewhere a sleep may be longer than this beat
    }
    const BEAT: Duration = Duration::from_micros(1500);
    let limit = trial.limit(Duration::from_millis(8));
    let started = Instant::now();
    let late = lateness(trial, poll, 800, BEAT, true).read(READ_THE_CODE)?;
    let least = late[700..].iter().min().copied().unwrap_or_default();
    let now = Instant::now();
    if !limit.passed(now.checked_sub(least).unwrap_or(started)) {
        return Ok(());
    }
    Err(Fault::new(format!(
        "800 questions were asked for, one each 0.0015 s, and answered at once: the last hundred all \
         came at least {:.1} ms after they were due",
        least.as_secs_f64() * 1000.0
    ))
    .breaks(LEAVES)
    .cause(DRIFTS)
    .read(PREDICT)
    .late())
}

/// 4.3 Cristian's offset from the best of several samples.
pub fn offset(find: FindOffset) -> Verdict {
    check(move |trial| {
        asks_nothing(trial, find).read(HOW_FAR)?;
        refuses_what_is_no_time(trial, find).read(HOW_FAR)?;
        hears_that_nobody_is_there(trial, find).read(NOBODY)?;
        takes_the_best_sample(trial, find).read(HOW_FAR)?;
        lives_with_loss(trial, find).read(HOW_FAR)?;
        takes_every_time(trial, find).read(HOW_FAR)?;
        waits_no_longer_for_strangers(trial, find).read(HOW_FAR)
    })
}

const ASKS: &str = "Sends the question [`time_sync::SECONDS`]";
const ITS_ANSWER: &str = "The answer is the first datagram that comes";
const NEXT: &str = "The next question follows as soon as";
const REPORTS: &str = "When the system reports";
const A_TIME: &str = "A time is 1 to 12 ASCII digits";
const NO_TIME: &str = "Anything else is no time";
const EARLIER: &str = "What answers an earlier question";
const SHORTEST: &str = "Of all samples";
const AHEAD: &str = "[`Offset::ahead`]";
const ERROR: &str = "[`Offset::error`]";
const NO_SAMPLE: &str = "Returns `None`";

/// A server whose clock is wrong, and whose answers need their time.
struct Crooked {
    server: Correspondent,
    /// How far its clock is ahead, in seconds.
    ahead: f64,
    started: Instant,
    /// When each question came, and when its answer left.
    log: Vec<(Instant, Option<Instant>)>,
}

impl Crooked {
    /// Its clock is ahead by so much, and a little more: now it shows a fraction of 0.3 s, so that
    /// whole seconds are wrong by as much.
    fn new(trial: &Trial, ahead: f64) -> Step<Crooked> {
        Ok(Crooked {
            server: correspondent(trial)?,
            ahead: ahead + 0.3 - seconds_now().fract(),
            started: Instant::now(),
            log: Vec::new(),
        })
    }

    /// Waits for a question.
    fn question(&mut self) -> Step<SocketAddr> {
        let promise = "so many questions as were asked for should come, one after another";
        let client = expect_question(&self.server, SECONDS, promise).breaks(ASKS)?;
        self.log.push((Instant::now(), None));
        Ok(client)
    }

    /// What its clock shows, to the millisecond, without zeros behind.
    fn shows(&self) -> String {
        let text = format!("{:.3}", seconds_now() + self.ahead);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Waits for a question; lets time pass before and behind the look at the clock; answers.
    fn answer(&mut self, before: u64, behind: u64) -> Step {
        let client = self.question()?;
        // The network, on the way there and on the way back.
        thread::sleep(Duration::from_millis(before));
        let text = self.shows();
        thread::sleep(Duration::from_millis(behind));
        self.send(&text, client)
    }

    fn send(&mut self, text: &str, client: SocketAddr) -> Step {
        if let Some((_, answered)) = self.log.last_mut() {
            *answered = Some(Instant::now());
        }
        self.server.send_to(text.as_bytes(), client)
    }

    /// Whether an offset is right, whatever else the machine had to do: the round trip of the best
    /// sample lies between what the server knows to have passed for sure and at most, and the
    /// offset is wrong by no more than half of it.
    fn judge(&self, attempt: &Attempt<Option<Offset>>) -> Step {
        const TOLERANCE: f64 = 0.002;
        let offset = attempt.result().breaks(NEXT)?;
        let returned = Instant::now();
        expect_no_more(&self.server, "no more questions should come")
            .breaks(ASKS)
            .cause(
                "more questions are sent than were asked for, such as one again after its timeout",
            )?;
        let Some(Offset { ahead, error }) = offset else {
            return Err(
                Fault::new("some questions were answered well: expected Some, got None")
                    .breaks(NO_SAMPLE)
                    .cause("one question without an answer, or with a bad one, ends it all"),
            );
        };

        let (mut shortest, mut longest) = (f64::INFINITY, f64::INFINITY);
        for (i, (came, answered)) in self.log.iter().enumerate() {
            let Some(answered) = answered else { continue };
            // It was sent behind the answer to the one before, and there before the next came.
            let earliest = match i.checked_sub(1) {
                Some(before) => self.log[before].1.unwrap_or(self.started),
                None => self.started,
            };
            let latest = self.log.get(i + 1).map_or(returned, |next| next.0);
            shortest = shortest.min((*answered - *came).as_secs_f64());
            longest = longest.min((latest - earliest).as_secs_f64());
        }
        let expected = format!(
            "the shortest round trip took {shortest:.3} s to {longest:.3} s: expected half of it \
             as the error, got {error:.3} s"
        );
        if error < shortest / 2.0 - TOLERANCE {
            return Err(Fault::new(expected).breaks(EARLIER).cause(
                "a late answer is taken for the answer to another question, or a bad answer for \
                 a sample, or less is measured than from send to receive",
            ));
        }
        if error > longest / 2.0 + TOLERANCE {
            let whole = (shortest - TOLERANCE..=longest + TOLERANCE).contains(&error);
            let fault = Fault::new(expected);
            return Err(if whole && self.log.len() < 3 {
                fault
                    .breaks(ERROR)
                    .cause("the whole round trip is taken for the error, and not half of it")
            } else {
                fault.breaks(SHORTEST).cause(
                    "another sample than the one with the shortest round trip counts, or more is \
                     measured than from send to receive",
                )
            });
        }
        let off = ahead - self.ahead;
        if off.abs() <= error + TOLERANCE {
            return Ok(());
        }
        Err(Fault::new(format!(
            "the server's clock is {:+.3} s ahead of yours: expected that within ± {error:.3} s, \
             got {ahead:+.3} s, which is off by {off:+.3} s",
            self.ahead
        ))
        .breaks(AHEAD)
        .cause(if (off + 2.0 * self.ahead).abs() < 1.0 {
            "the sign is wrong: a server that is ahead has a positive offset"
        } else if off.abs() < 0.25 {
            "half of the round trip is to be added to what the server said: not nothing, not the \
             whole, nor taken away; and samples with a longer round trip have no say. Or the arrival \
             is not when the answer came"
        } else if off.abs() < 1.1 {
            "the fraction is missing, or is not read as a decimal fraction ('.5' is half a second); or \
             the arrival is not when the answer came"
        } else {
            "the number is kept in an f32, which has seven digits; or a late answer is taken for the \
             answer to another question"
        }))
    }
}

fn takes_the_best_sample(trial: &Trial, find: FindOffset) -> Step {
    // How long each question and each answer is on its way, in milliseconds.
    let ways: [(f64, &[(u64, u64)]); 3] = [
        (2.0, &[(30, 70)]),
        (5.0, &[(0, 300), (80, 0), (0, 300)]),
        (-3600.0, &[(0, 60), (120, 0)]),
    ];
    for (ahead, ways) in ways {
        let mut crooked = Crooked::new(trial, ahead)?;
        let (addr, questions) = (crooked.server.addr(), ways.len());
        let attempt = trial.start(move || find(addr, questions, LONG));
        for (there, back) in ways {
            crooked.answer(*there, *back)?;
        }
        crooked.judge(&attempt)?;
    }
    Ok(())
}

fn lives_with_loss(trial: &Trial, find: FindOffset) -> Step {
    // Once in 28,000 times the system gives a question the port of the one before. Then nobody
    // could know that the late answer is late, so that does not count.
    let same_port = Cell::new(false);
    let lives = loses_some(trial, find, &same_port);
    if lives.is_err() && same_port.get() {
        return loses_some(trial, find, &same_port);
    }
    lives
}

fn loses_some(trial: &Trial, find: FindOffset, same_port: &Cell<bool>) -> Step {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let mut crooked = Crooked::new(trial, 7.0)?;
    let mut stranger = correspondent(trial)?;
    let addr = crooked.server.addr();
    let attempt = trial.start(move || find(addr, 5, TIMEOUT));

    let first = crooked.question()?;
    let late = crooked.shows();
    let second = crooked
        .question()
        .when("the first question was not answered within 0.3 s")
        .breaks(NEXT)
        .cause("there is no timeout, or a question without an answer ends it all")?;
    same_port.set(first == second);
    crooked.send(&late, first)?;
    stranger.send_to(b"1000000000.5", second)?;
    let text = crooked.shows();
    thread::sleep(Duration::from_millis(40)); // the way back
    crooked.send(&text, second)?;
    crooked.server.send_to(late.as_bytes(), second)?; // once more

    for bad in ["error: no", "nan"] {
        let client = crooked
            .question()
            .when("the second question was answered well")?;
        crooked.server.send_to(bad.as_bytes(), client)?;
    }
    crooked.answer(60, 0).when("two answers were no times")?;
    crooked
        .judge(&attempt)
        .map_err(Fault::late) // where the machine stalled, its timeout may have passed
        .when("a question got lost, its answer came late, a stranger answered too")
}

fn refuses_what_is_no_time(trial: &Trial, find: FindOffset) -> Step {
    let nines = "9".repeat(60_000);
    let answers: [&[u8]; 16] = [
        b"error: the format is malformed",
        b"",
        b"nan",
        b"inf",
        b"1e9",
        b"-1795178459.5",
        b"+1795178459.5",
        b" 1795178459.5",
        b"1795178459.5\n",
        b"1795178459.",
        b".5",
        b"1.2.3",
        b"1234567890123",
        b"1795178459.1234567890",
        b"\xff\xfe",
        nines.as_bytes(),
    ];
    for answer in answers {
        let (attempt, server, _) = answered_with(trial, find, own_address(), answer)?;
        let offset = attempt.result();
        expect_no_more(&server, "one question was asked for")
            .breaks(ASKS)
            .cause(
                "more questions are sent than were asked for, such as one again after a bad answer",
            )?;
        let offset = offset
            .when(&format!("the answer was {}", show(answer)))
            .breaks(NEXT)
            .cause("a bad answer is an answer: that question is over")?;
        if let Some(offset) = offset {
            return Err(Fault::new(format!(
                "the answer was {}, which is no time: expected None, got {offset:?}",
                show(answer)
            ))
            .breaks(NO_TIME)
            .cause(
                "parse::<f64> takes more than digits and a point: signs, exponents, 'nan' and \
                 'inf', and any length; trim takes even more",
            ));
        }
    }
    Ok(())
}

fn asks_nothing(trial: &Trial, find: FindOffset) -> Step {
    let server = correspondent(trial)?;
    let addr = server.addr();
    let attempt = trial.start(move || find(addr, 0, LONG));
    let offset = attempt.result();
    expect_no_more(&server, "no question was asked for")
        .breaks(ASKS)
        .cause("more questions are sent than were asked for")?;
    match offset.when("no question was asked for").breaks(ASKS)? {
        None => Ok(()),
        Some(offset) => Err(Fault::new(format!(
            "no question was asked for: expected None, got {offset:?}"
        ))
        .breaks(NO_SAMPLE)
        .cause("without a sample nothing is known, and 0 is a number like any other")),
    }
}

/// The function with one question, to which that was answered; and when it was sent.
fn answered_with(
    trial: &Trial,
    find: FindOffset,
    ip: IpAddr,
    answer: &[u8],
) -> Step<(Attempt<Option<Offset>>, Correspondent, f64)> {
    let mut server = trial.correspondent_at(ip, 0)?;
    let addr = server.addr();
    let attempt = trial.start(move || find(addr, 1, LONG));
    let client = expect_question(&server, SECONDS, "one question should come")
        .when(&format!("the server is at {addr}"))
        .breaks(ASKS)
        .cause("the socket is bound to an address of the other family (any_port)")?;
    let sent = seconds_now();
    server.send_to(answer, client)?;
    Ok((attempt, server, sent))
}

fn takes_every_time(trial: &Trial, find: FindOffset) -> Step {
    const FORM: &str = "a time may have no fraction, and one of up to nine digits; it has up to twelve \
        digits before";
    let times = [
        "1795178459.5",
        "1795178459",
        "0",
        "7.0",
        "0.999999999",
        "1795178459.000000001",
        "1795178459.25",
        "1795178459.099",
        "001795178459.5",
        "999999999999.5",
    ];
    let (v4, v6) = (own_address(), IpAddr::from(Ipv6Addr::LOCALHOST));
    let has_v6 = trial.correspondent_at(v6, 0).is_ok();
    let once_more = has_v6.then_some((times[0], v6));
    for (text, ip) in times.map(|text| (text, v4)).into_iter().chain(once_more) {
        let started = Instant::now();
        let (attempt, _server, sent) = answered_with(trial, find, ip, text.as_bytes())?;
        let did = format!("the answer was '{text}'");
        let offset = attempt.result().when(&did).breaks(NEXT)?;
        let (returned, longest) = (seconds_now(), started.elapsed().as_secs_f64());
        let Some(Offset { ahead, .. }) = offset else {
            return Err(Fault::new(format!("{did}: expected Some, got None"))
                .breaks(A_TIME)
                .cause(FORM));
        };
        // It arrived after it was sent, and before you returned.
        let time: f64 = text.parse().expect("it is a number");
        let (least, most) = (time - returned, time - sent + longest / 2.0);
        if !(least - 0.002..=most + 0.002).contains(&ahead) {
            let off = if ahead < least {
                ahead - least
            } else {
                ahead - most
            };
            return Err(Fault::new(format!(
                "{did}: expected that the server's clock is {least:+.3} s ahead of yours, or a little \
                 more, got {ahead:+.3} s"
            ))
            .breaks(if off.abs() < 1.0 || (ahead + least).abs() < 1.0 { AHEAD } else { A_TIME })
            .cause(if (ahead + least).abs() < 1.0 {
                "the sign is wrong: a server that is ahead has a positive offset"
            } else if off.abs() <= 1.0 {
                "the fraction is missing, or is not read as a decimal fraction ('.5' is half a second)"
            } else if off.abs() < 200.0 {
                "the number is kept in an f32, which has seven digits, or its digits are read otherwise"
            } else {
                FORM
            }));
        }
    }
    Ok(())
}

fn waits_no_longer_for_strangers(trial: &Trial, find: FindOffset) -> Step {
    const ANEW: &str = "each datagram of a stranger starts the timeout anew: what counts is one \
        deadline for the question";
    trial.at_pace(TIMEOUT / 2, |pace| {
        let limit = trial.limit(Duration::from_secs(1));
        let server = correspondent(trial)?;
        let (addr, since) = (server.addr(), Instant::now());
        let attempt = trial.start(move || find(addr, 1, TIMEOUT));
        let client = expect_question(&server, SECONDS, "one question should come");
        let _strangers = trial.strangers(client.breaks(ASKS)?, STRANGERS)?;
        let what =
            "the timeout was 0.1 s, the server did not answer, and strangers wrote all the time";
        let offset = attempt.result_by(&limit, since);
        pace.restart();
        match offset.when(what).breaks(ITS_ANSWER).cause(ANEW)? {
            None => Ok(()),
            Some(offset) => Err(Fault::new(format!("{what}: expected None, got {offset:?}"))
                .breaks(ITS_ANSWER)
                .cause("a datagram of somebody else is taken for the answer")),
        }
    })
}

fn hears_that_nobody_is_there(trial: &Trial, find: FindOffset) -> Step {
    let nobody = Reserved::new().map_err(|e| Fault::new(format!("no port for the check: {e}")))?;
    let addr = nobody.addr();
    let attempt = trial.start(move || find(addr, 3, LONG));
    let what = "nobody was at that address, and the timeout was 30 s";
    match attempt.result().when(what).breaks(REPORTS).cause(
        "only a connected socket is told that nobody is there, and its time is not waited out",
    )? {
        None => Ok(()),
        Some(offset) => {
            Err(Fault::new(format!("{what}: expected None, got {offset:?}")).breaks(NO_SAMPLE))
        }
    }
}
