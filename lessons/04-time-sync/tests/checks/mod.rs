//! What "right" means for each exercise of lesson 4: functions to which any solution is handed.

use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use course::Reserved;
use course::exercise::{
    Attempt, Correspondent, Explain, Fault, Step, Trial, Verdict, check, compare, show,
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
        goes_on_after_errors(trial, serve).read(READ_THE_CODE)
    })
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
        let (socket, addr) = trial.socket()?;
        Ok(Server {
            addr,
            attempt: trial.start(move || serve(&socket, requests, longest)),
            asker: trial.correspondent()?,
            longest,
        })
    }

    /// The answer to a request.
    fn ask(&mut self, request: &[u8]) -> Step<String> {
        self.asker.send_to(request, self.addr)?;
        let what = format!("the request was {}", show(request));
        let Some((answer, _)) = self.asker.receive()? else {
            return Err(Fault::new(format!("{what}, and no answer came")));
        };
        if answer.len() > self.longest {
            return Err(Fault::new(format!(
                "{what}: the answer is too long: {} bytes > {}: {}",
                answer.len(),
                self.longest,
                show(&answer)
            ))
            .cause(
                "the length of the answer has no limit, or the reason behind 'error: ' has none: \
                 jiff's can be long",
            )
            .read(AMPLIFIER));
        }
        String::from_utf8(answer).map_err(|error| {
            let shown = show(error.as_bytes());
            Fault::new(format!("{what}: the answer is not UTF-8: {shown}"))
                .cause("bytes of the request go back, or the answer is cut inside a character")
        })
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
            fault.cause("the clock is asked once, and not for each request")
        })
    }

    fn returns(&self, requests: usize) -> Step {
        self.attempt
            .result()
            .when(&format!("{requests} requests were answered"))
            .cause("a request that is refused, or is empty, is not counted")?;
        self.asker
            .expect_nothing("each request should be answered once, in one datagram")
            .cause("an answer is sent twice, or in pieces")
    }
}

fn seconds_now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

fn gives_the_time(trial: &Trial, serve: Serve) -> Step {
    const ENDS: &str = "only one request is answered, or the empty one is taken for the end";
    let formats = [
        "",
        "%Y",
        "%H:%M:%S %z",
        " %Y-%m-%d ",
        "世界 %Y",
        "100 %%",
        "%Y",
        "",
        "   %%",
    ];
    let mut server = Server::start(trial, serve, formats.len() + 2, 1024)?;
    server.tells_the_time().cause(ENDS)?;
    thread::sleep(Duration::from_millis(20)); // it gets later
    server.tells_the_time().cause(ENDS)?;
    for format in formats {
        // The text is the same size at any time, so it can be compared as text.
        let meant = if format.is_empty() {
            "%Y-%m-%d %X"
        } else {
            format
        };
        let before = time_in(meant)?;
        let answer = server.ask(format.as_bytes()).cause(ENDS)?;
        let after = time_in(meant)?;
        // Around midnight the text may run backwards.
        if !(before..=after.clone()).contains(&answer) && answer != after {
            return Err(Fault::new(format!(
                "the request was '{format}': expected '{after}' or a little before, got {}",
                show(answer.as_bytes())
            ))
            .cause(
                "the empty request stands for '%Y-%m-%d %X', and no other does; no format is \
                 trimmed; the time is local, as Zoned::now gives it",
            ));
        }
    }
    server.returns(formats.len() + 2)
}

fn time_in(format: &str) -> Step<String> {
    strtime::format(format, &Zoned::now())
        .map_err(|e| Fault::new(format!("the check could not format the time: {e}")))
}

fn survives_formats(trial: &Trial, serve: Serve) -> Step {
    const REFUSED: &str = "an error of the formatter, or of from_utf8, ends the loop, or is not \
        answered; or the formatter is one that copies what it does not know (Zoned::strftime)";
    const CONTROL: &str = "control characters are not looked for: whoever prints the answer \
        prints them";
    let malformed: [(&[u8], &str, &str); 9] = [
        (b"%", "which is malformed", REFUSED),
        (b"%Y %", "which is malformed", REFUSED),
        (b"%!", "which is malformed", REFUSED),
        (b"%1000Y", "which is malformed", REFUSED),
        (
            b"%Y \xff",
            "which is not UTF-8",
            "bytes that are not UTF-8 are replaced (from_utf8_lossy) and not refused",
        ),
        (
            b"%Y \xe4\xb8",
            "which is not UTF-8",
            "bytes that are not UTF-8 are replaced (from_utf8_lossy) and not refused",
        ),
        (b"%Y\0", "which has a control character", CONTROL),
        (b"\x1b[2J%Y\n", "which has a control character", CONTROL),
        (
            b"\xc2\x9b31m%Y",
            "which has a control character, U+009B",
            "there are control characters outside ASCII",
        ),
    ];
    let mut server = Server::start(trial, serve, 2 * malformed.len(), 1024)?;
    for (request, why, cause) in malformed {
        server
            .refuses(request, why)
            .cause(cause)
            .read(READ_THE_CODE)?;
        server
            .tells_the_time()
            .when(&format!("before, the request was {}", show(request)))
            .cause(REFUSED)?;
    }
    server.returns(2 * malformed.len())
}

fn keeps_its_limits(trial: &Trial, serve: Serve) -> Step {
    const LONG: &str = "the request has no limit; or the buffer is so short that a longer one is \
        cut to 256 bytes";
    const CUT: &str = "an answer that is too long is cut, not refused";

    let text = |n: usize| format!("%%{}", "x".repeat(n - 2)); // its answer is a byte shorter
    let mut server = Server::start(trial, serve, 5, 300)?;
    let answer = server.ask(text(256).as_bytes())?;
    compare(&text(256).as_bytes()[1..], answer.as_bytes()).map_err(|difference| {
        Fault::new(format!("a request may have 256 bytes\n{difference}"))
            .cause("the limit is off by one, or the format is changed")
    })?;
    for n in [257, 258, 1024, 65_507] {
        server
            .refuses(text(n).as_bytes(), &format!("{n} bytes > 256"))
            .cause(LONG)?;
    }
    server.returns(5)?;

    let mut server = Server::start(trial, serve, 6, 100)?;
    let answer = server.ask(text(101).as_bytes())?;
    compare(&text(101).as_bytes()[1..], answer.as_bytes()).map_err(|difference| {
        Fault::new(format!("an answer may have 100 bytes here\n{difference}"))
            .cause("the limit is off by one")
    })?;
    for request in [
        text(102),
        "%c".repeat(10),
        "%c".repeat(128),
        "%255Y".repeat(51),
        "世".repeat(80) + "%Y",
    ] {
        server
            .refuses(
                request.as_bytes(),
                "whose answer would have more than 100 bytes",
            )
            .cause(CUT)?;
    }
    server.returns(6)?;

    // So short that a reason must be cut.
    let mut server = Server::start(trial, serve, 4, 16)?;
    for request in ["%", "%Y-%m-%d %H:%M:%S", "%世", "世界世界世界\n"] {
        server
            .refuses(request.as_bytes(), "and an answer may have 16 bytes here")
            .cause(CUT)?;
    }
    server.returns(4)
}

fn answers_no_answer(trial: &Trial, serve: Serve) -> Step {
    const COUNTED: &str = "the answer of a server is counted as a request, or ends the loop";
    let mut server = Server::start(trial, serve, 4, 1024)?;
    for answer in ["error: ", "error: the format is malformed", "error: %Y"] {
        server.asker.send_to(answer.as_bytes(), server.addr)?;
        server
            .tells_the_time()
            .when(&format!(
                "'{answer}' was sent, which should not be answered, then an ordinary request"
            ))
            .cause(
                "a datagram that begins with 'error: ' is answered, and two servers answer each \
                 other for ever; or it ends the loop",
            )?;
    }
    server
        .refuses(b"13:40:59", "which is the same as its answer")
        .cause(
            "a format that has nothing to fill in is answered with itself, and two servers answer \
         each other for ever",
        )?;
    server.attempt.result().cause(COUNTED)?;
    server
        .asker
        .expect_nothing("what begins with 'error: ' should not be answered")
        .cause(COUNTED)
}

fn goes_on_after_errors(trial: &Trial, serve: Serve) -> Step {
    const ENDED: &str = "an error of recv_from or send_to ends the loop (?, return, break, \
        unwrap), or is counted as a request: it should go on";
    let (socket, addr) = trial.socket()?;
    for request in ["%Y", "%"] {
        let mut gone = trial.correspondent()?; // dropped here, before it can be answered
        gone.send_to(request.as_bytes(), addr)?;
    }
    let _ = socket.set_read_timeout(Some(Duration::from_millis(20)));
    let mut server = Server {
        addr,
        attempt: trial.start(move || serve(&socket, 3, 1024)),
        asker: trial.correspondent()?,
        longest: 1024,
    };
    thread::sleep(Duration::from_millis(100)); // recv_from fails several times
    server
        .tells_the_time()
        .when("two had asked and gone, and recv_from had failed with a timeout")
        .cause(ENDED)?;
    server.attempt.result().cause(ENDED)
}

/// 4.2 Steady polling.
pub fn poll(poll: Poll) -> Verdict {
    check(move |trial| keeps_the_beat(trial, poll).read(READ_THE_CODE))
}

/// What the check's server does with a question.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// It is answered at once.
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
        let answers = poll(server, "%X 世界", questions, beat, timeout);
        (answers, started.elapsed())
    })
}

fn keeps_the_beat(trial: &Trial, poll: Poll) -> Step {
    // Three at once, to save time. At two of them nobody answers.
    let nobody = Reserved::new().map_err(|e| Fault::new(format!("no port for the check: {e}")))?;
    let refused = timed(trial, poll, nobody.addr(), 4, BEAT, BEAT);
    let silent = trial.correspondent()?;
    let silence = Duration::from_millis(300);
    let once = timed(trial, poll, silent.addr(), 1, 30 * BEAT, silence);
    question(&silent)?;
    once.expect_idle(Duration::from_millis(80))
        .cause("the socket, or the clock, is asked again and again instead of waited for")?;

    answers_some(trial, poll)?;

    hears_errors(&refused).read(NOBODY)?;
    ends_with_the_last_answer(&once)?;
    silent
        .expect_nothing("one question was asked for")
        .cause("a question is sent again after its timeout")
}

/// Waits for a question.
fn question(server: &Correspondent) -> Step<SocketAddr> {
    server.expect(
        "%X 世界".as_bytes(),
        "each question should be one datagram, as it is",
    )
}

fn answers_some(trial: &Trial, poll: Poll) -> Step {
    let (mut answers, ports) = play(trial, poll)?;
    // Questions that have ports and threads of their own may overtake each other while the machine
    // is busy, and the check counts them as they come. That will not happen again.
    let alone = (1..ports.len()).all(|i| !ports[..i].contains(&ports[i]));
    let mixed_up = answers.iter().enumerate().any(|(number, answer)| {
        let own = format!("answer {number}");
        answer
            .as_ref()
            .is_some_and(|answer| answer.starts_with(b"answer") && *answer != own.as_bytes())
    });
    if alone && mixed_up {
        (answers, _) = play(trial, poll)?;
    }
    judge(&answers)
}

/// Asks for as many questions as there are fates; what was returned, and where each came from.
fn play(trial: &Trial, poll: Poll) -> Step<(Answers, Vec<SocketAddr>)> {
    const HURRIES: &str = "a question without an answer, or a quick answer, makes the next one \
        leave before its time; or a question is sent again after its timeout";
    const AGAIN: &str = "a question is sent again after its timeout, or all are sent at once";
    let mut server = trial.correspondent()?;
    let mut stranger = trial.correspondent()?;
    let started = Instant::now();
    let attempt = timed(trial, poll, server.addr(), FATES.len(), BEAT, BEAT);

    let mut late: Option<(usize, SocketAddr)> = None;
    let mut behind = Vec::new(); // how long after it was due each question came
    let mut ports = Vec::new();
    for (number, fate) in FATES.into_iter().enumerate() {
        let client = question(&server)
            .when(&format!(
                "question {number} of {}, where some before it had no answer",
                FATES.len()
            ))
            .cause("there is no timeout, or a question without an answer ends the loop")?;
        let came = started.elapsed();
        let due = BEAT * number as u32;
        let Some(after) = came.checked_sub(due) else {
            let (due, came) = (due.as_secs_f64(), came.as_secs_f64());
            return Err(Fault::new(format!(
                "question {number} was due {due:.3} s after the call, and came after {came:.3} s"
            ))
            .cause(HURRIES));
        };
        behind.push(after);
        ports.push(client);

        if let Some((number, client)) = late.take() {
            server.send_to(format!("answer {number}").as_bytes(), client)?;
        }
        match fate {
            Answered => {
                stranger.send_to(b"a stranger's answer", client)?;
                server.send_to(format!("answer {number}").as_bytes(), client)?;
            }
            Late => late = Some((number, client)),
            Lost => {}
        }
    }
    let (answers, _) = attempt
        .result()
        .cause("after the last answer you should return")?;
    server
        .expect_nothing("no question should be sent twice")
        .cause(AGAIN)?;

    // One that is late may be the system's fault. All of the last ones are not.
    let least = behind[10..].iter().min().copied().unwrap_or_default();
    if least > Duration::from_millis(400) {
        return Err(Fault::new(format!(
            "the beat was 0.1 s; the last four questions all came at least {:.2} s after they \
             were due",
            least.as_secs_f64()
        ))
        .cause(
            "the time that a question takes is added to the beat: sleep until the next is due, \
             not for a whole beat",
        )
        .read(PREDICT));
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
        .cause("a question without an answer is left out: it is None"));
    }
    let mut found = 0;
    for (number, (fate, answer)) in FATES.into_iter().zip(answers).enumerate() {
        let right = format!("answer {number}");
        match answer {
            // A late one may have been there in time, and the system was late to say so.
            Some(answer) if answer == right.as_bytes() => found += usize::from(fate == Answered),
            Some(answer) => {
                let expected = match fate {
                    Answered => format!("'{right}'"),
                    Late | Lost => "None".to_owned(),
                };
                let fault = Fault::new(format!(
                    "question {number}: expected {expected}, got {}",
                    show(answer)
                ));
                return Err(if answer.starts_with(b"a stranger") {
                    fault.cause("a datagram of somebody else is taken for the answer")
                } else {
                    fault.cause(
                        "a late answer is taken for the answer to another question: give each \
                         question a socket, and so a port, of its own",
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
        .cause(
            "an answer is dropped: the first datagram may be a stranger's, and the answer comes \
             behind it",
        ));
    }
    Ok(())
}

fn hears_errors(attempt: &Attempt<(Answers, Duration)>) -> Step {
    const ENDS: &str = "an error ends the loop, or makes the next question leave before its time: \
        nobody there is a question without an answer, no more";
    let what = "nobody was at that address, and four questions were asked for, one each 0.1 s";
    let (answers, took) = attempt.result().when(what)?;
    if answers.len() != 4 || answers.iter().any(Option::is_some) {
        return Err(
            Fault::new(format!("{what}: expected None four times, got {answers:?}")).cause(ENDS),
        );
    }
    if took < 3 * BEAT {
        return Err(Fault::new(format!(
            "{what}: the last is due after 0.3 s, and you returned after {:.3} s",
            took.as_secs_f64()
        ))
        .cause(ENDS));
    }
    Ok(())
}

fn ends_with_the_last_answer(attempt: &Attempt<(Answers, Duration)>) -> Step {
    const STAYS: &str = "the answer is waited for until the next beat, or the last question is \
        followed by a beat too";
    let what = "one question was asked for, with a beat of 3 s and a timeout of 0.3 s, and nobody \
        answered";
    let (answers, took) = attempt
        .result_within(Duration::from_millis(10)) // it had more than a second
        .when(what)
        .cause(STAYS)?;
    if answers != [None] {
        return Err(Fault::new(format!(
            "{what}: expected [None], got {answers:?}"
        )));
    }
    let took = took.as_secs_f64();
    if took > 1.1 {
        return Err(Fault::new(format!("{what}: you returned after {took:.1} s")).cause(STAYS));
    }
    if took < 0.2 {
        return Err(
            Fault::new(format!("{what}: you returned after {took:.3} s"))
                .cause("a question is given up before its timeout"),
        );
    }
    Ok(())
}

/// 4.3 Cristian's offset from the best of several samples.
pub fn offset(find: FindOffset) -> Verdict {
    check(move |trial| {
        refuses_what_is_no_time(trial, find).read(HOW_FAR)?;
        hears_that_nobody_is_there(trial, find).read(NOBODY)?;
        takes_the_best_sample(trial, find).read(HOW_FAR)?;
        lives_with_loss(trial, find).read(HOW_FAR)
    })
}

/// Time that is always enough when nothing goes wrong.
const AMPLE: Duration = Duration::from_secs(5);

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
            server: trial.correspondent()?,
            ahead: ahead + 0.3 - seconds_now().fract(),
            started: Instant::now(),
            log: Vec::new(),
        })
    }

    /// Waits for a question.
    fn question(&mut self) -> Step<SocketAddr> {
        let client = self.server.expect(
            SECONDS.as_bytes(),
            "so many questions as were asked for should come, one after another",
        )?;
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
        let offset = attempt.result()?;
        let returned = Instant::now();
        self.server
            .expect_nothing("no more questions should come")
            .cause(
                "more questions are sent than were asked for, such as one again after its timeout",
            )?;
        let Some(Offset { ahead, error }) = offset else {
            return Err(
                Fault::new("some questions were answered well: expected Some, got None")
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
            return Err(Fault::new(expected).cause(
                "a late answer is taken for the answer to another question, or a bad answer for \
                 a sample, or less is measured than from send to receive",
            ));
        }
        if error > longest / 2.0 + TOLERANCE {
            return Err(Fault::new(expected).cause(
                "another sample than the one with the shortest round trip counts, or its whole \
                 round trip is taken for the error, or more is measured than from send to receive",
            ));
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
        .cause(if (off + 2.0 * self.ahead).abs() < 1.0 {
            "the sign is wrong: a server that is ahead has a positive offset"
        } else if off.abs() < 0.25 {
            "half of the round trip is to be added to what the server said: not nothing, not the \
             whole, nor taken away; and samples with a longer round trip have no say. Or the arrival \
             is not when the answer came"
        } else {
            "the fraction is missing, or is not read as a decimal fraction ('.5' is half a \
             second), or the arrival is not when the answer came, or a late answer is taken for \
             the answer to another question"
        }))
    }
}

fn takes_the_best_sample(trial: &Trial, find: FindOffset) -> Step {
    // How long each question and each answer is on its way, in milliseconds.
    let ways: [(f64, &[(u64, u64)]); 2] = [
        (5.0, &[(0, 300), (80, 0), (0, 300)]),
        (-3600.0, &[(0, 60), (120, 0)]),
    ];
    for (ahead, ways) in ways {
        let mut crooked = Crooked::new(trial, ahead)?;
        let (addr, questions) = (crooked.server.addr(), ways.len());
        let attempt = trial.start(move || find(addr, questions, AMPLE));
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
    const TIMEOUT: Duration = Duration::from_millis(600);
    let mut crooked = Crooked::new(trial, 7.0)?;
    let mut stranger = trial.correspondent()?;
    let addr = crooked.server.addr();
    let attempt = trial.start(move || find(addr, 5, TIMEOUT));

    let first = crooked.question()?;
    let late = crooked.shows();
    let second = crooked
        .question()
        .when("the first question was not answered within 0.6 s")
        .cause("there is no timeout, or a question without an answer ends it all")?;
    same_port.set(first == second);
    crooked.send(&late, first)?;
    stranger.send_to(b"1000000000.5", second)?;
    let text = crooked.shows();
    thread::sleep(Duration::from_millis(60)); // the way back
    crooked.send(&text, second)?;

    for bad in ["error: no", "nan"] {
        let client = crooked
            .question()
            .when("the second question was answered well")?;
        crooked.server.send_to(bad.as_bytes(), client)?;
    }
    crooked.answer(100, 0).when("two answers were no times")?;
    crooked
        .judge(&attempt)
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
        let mut server = trial.correspondent()?;
        let addr = server.addr();
        let attempt = trial.start(move || find(addr, 1, AMPLE));
        let client = server.expect(SECONDS.as_bytes(), "one question should come")?;
        server.send_to(answer, client)?;
        let offset = attempt
            .result()
            .when(&format!("the answer was {}", show(answer)))
            .cause("a bad answer is an answer: that question is over")?;
        if let Some(offset) = offset {
            return Err(Fault::new(format!(
                "the answer was {}, which is no time: expected None, got {offset:?}",
                show(answer)
            ))
            .cause(
                "parse::<f64> takes more than digits and a point: signs, exponents, 'nan' and \
                 'inf', and any length; trim takes even more",
            ));
        }
    }
    Ok(())
}

fn hears_that_nobody_is_there(trial: &Trial, find: FindOffset) -> Step {
    let nobody = Reserved::new().map_err(|e| Fault::new(format!("no port for the check: {e}")))?;
    let addr = nobody.addr();
    let attempt = trial.start(move || find(addr, 3, AMPLE));
    let what = "nobody was at that address, and the timeout was 5 s";
    match attempt.result().when(what).cause(
        "only a connected socket is told that nobody is there, and its time is not waited out",
    )? {
        None => Ok(()),
        Some(offset) => Err(Fault::new(format!("{what}: expected None, got {offset:?}"))),
    }
}
