//! 3.2 A client that never hangs.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use course::Reserved;
use course::exercise::{
    Attempt, Correspondent, Explain, Fault, Pace, Step, Trial, Verdict, check, compare, show,
};
use udp_chat::contract::Reply;

use super::{AMPLE, DEADLINES, PREDICT, READ_THE_CODE, SHORT_BUFFER, SPINNING, SPINS, STRANGER};

pub type Converse = fn(SocketAddr, &[&[u8]], Duration) -> Vec<Reply>;

const FAMILIES: &str = "`contact` is an IPv4 or an IPv6 address";
const SENT_ONCE: &str = "Each text is sent to it once";
const NEXT: &str = "The next text is sent when";
const FROM_CONTACT: &str = "The answer is the first datagram";
const LENGTHS: &str = "An answer has 0 to 65,507 bytes";
const EARLIER: &str = "What answers an earlier text";
const IDLE: &str = "Does not use the processor";
const RETURNS: &str = "Returns what became of each text";
const ANSWER: &str = "[`Reply::Answer`]";
const SILENCE: &str = "[`Reply::Silence`]";
const NOBODY_THERE: &str = "[`Reply::NobodyThere`]";
const FAILED: &str = "[`Reply::Failed`]";

const NOBODY: &str = "docs/03-udp-chat.md: Nobody is there";
const TOO_LATE: &str = "docs/03-udp-chat.md: The answer comes too late";
const THE_IDEA: &str = "docs/03-udp-chat.md: The idea";
const IP_VERSIONS: &str = "docs/before-you-start.md: IPv4, IPv6 and loopback";
const UDP_ERRORS: &str = "docs/errors.md: UDP";

/// A moment in which the other side does something: its pace, not a wait for anything.
const MOMENT: Duration = Duration::from_millis(20);

/// 3.2 A client that never hangs.
pub fn converse(converse: Converse) -> Verdict {
    check(move |trial| {
        asks_one_after_another(trial, converse)?;
        waits_no_longer(trial, converse)
            .breaks(SILENCE)
            .read(DEADLINES)?;
        hears_that_nobody_is_there(trial, converse).read(NOBODY)?;
        keeps_late_answers_apart(trial, converse).read(TOO_LATE)?;
        speaks_ipv6(trial, converse).read(IP_VERSIONS)?;
        let contact = trial.correspondent()?;
        let none = begin(trial, converse, contact.addr(), &[], AMPLE).result();
        replies(
            none.when("there were no texts")
                .breaks(RETURNS)
                .read(READ_THE_CODE)?,
            0,
        )
        .map(drop)
    })
}

fn begin(
    trial: &Trial,
    converse: Converse,
    contact: SocketAddr,
    texts: &[&[u8]],
    timeout: Duration,
) -> Attempt<Vec<Reply>> {
    let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    trial.start(move || {
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        converse(contact, &texts, timeout)
    })
}

const SENT: &str = "each text should be sent once, as one datagram, one after another";

/// Waits for a text; says from which address it came, as the check can write to it.
fn text(contact: &Correspondent, expected: &[u8]) -> Step<SocketAddr> {
    contact.expect(expected, SENT).breaks(SENT_ONCE)
}

/// As many replies as texts.
fn replies(came: Vec<Reply>, texts: usize) -> Step<Vec<Reply>> {
    if came.len() == texts {
        return Ok(came);
    }
    let what = format!(
        "there were {texts} texts, and you returned {} replies",
        came.len()
    );
    Err(Fault::new(what)
        .cause("an error or a silence ends the loop, or is left out")
        .breaks(RETURNS)
        .read(READ_THE_CODE))
}

fn is_answer(reply: &Reply, expected: &[u8], what: &str) -> Step {
    let fault = match reply {
        Reply::Answer(came) => match compare(expected, came) {
            Ok(()) => return Ok(()),
            Err(difference) => Fault::new(format!("{what}\n{difference}")),
        },
        other => Fault::new(format!("{what}: expected an Answer, got {}", name(other))),
    };
    match reply {
        Reply::Failed(error) if error.kind() == ErrorKind::Interrupted => Err(fault.late()),
        _ => Err(fault),
    }
}

/// A reply without its bytes, which may be many.
fn name(reply: &Reply) -> String {
    match reply {
        Reply::Answer(bytes) => format!("Answer({})", show(bytes)),
        other => format!("{other:?}"),
    }
}

const NOBODY_ELSE: &str = "a stranger's datagram is taken for the answer: connect keeps strangers \
    out, and comparing the sender's IP address and port does";

const NOT_TAKEN: &str = "the answer is not taken for one, because its sender is compared with \
    something else than the contact: a socket that is bound to [::]:0 sees 127.0.0.1 as \
    ::ffff:127.0.0.1";

const FAMILY: &str = "the socket is bound to an address of another kind than the contact's: \
    0.0.0.0:0 is for IPv4, [::]:0 for IPv6";

fn asks_one_after_another(trial: &Trial, converse: Converse) -> Step {
    let mut contact = trial.correspondent()?;
    let mut stranger = trial.correspondent()?;
    let too_long = vec![b'x'; 65_508];
    let texts: [&[u8]; 5] = [
        b"who are you?",
        b"",
        &too_long,
        b"\xff\0 and now?\n",
        b"last",
    ];
    let attempt = begin(trial, converse, contact.addr(), &texts, AMPLE);

    let client = match text(&contact, texts[0]) {
        Ok(client) => client,
        Err(fault) => {
            return Err(match attempt.has_ended().then(|| attempt.result()) {
                Some(Ok(replies)) if matches!(replies.first(), Some(Reply::Failed(_))) => fault
                    .when(&format!("you returned {}", name(&replies[0])))
                    .cause(FAMILY)
                    .breaks(FAMILIES)
                    .read(IP_VERSIONS),
                _ => fault
                    .cause("the text is not sent, or to another address than the contact's")
                    .breaks(SENT_ONCE)
                    .read(READ_THE_CODE),
            });
        }
    };
    const WAITS: &str = "before its answer has come, no other text should be sent";
    thread::sleep(MOMENT);
    contact
        .expect_nothing(WAITS)
        .cause("all texts are sent at once, or one is sent twice")
        .breaks(NEXT)
        .read(THE_IDEA)?;
    stranger.send_to(b"I am your contact", client)?;
    thread::sleep(MOMENT);
    contact
        .expect_nothing(WAITS)
        .when("a stranger had written before the contact did")
        .cause(NOBODY_ELSE)
        .breaks(FROM_CONTACT)
        .read(STRANGER)?;
    let long: Vec<u8> = (b' '..=b'~').cycle().take(65_507).collect();
    contact.send_to(&long, client)?;

    let client = match contact.receive()? {
        Some((came, client)) if came.is_empty() => client,
        Some((came, _)) => {
            let what = format!(
                "the second text was empty: {SENT}, but {} came",
                show(&came)
            );
            return Err(Fault::new(what)
                .cause("the empty text is left out")
                .breaks(SENT_ONCE)
                .read(PREDICT));
        }
        None => {
            let what =
                "the contact had answered with 65507 bytes, and the second text did not come";
            return Err(Fault::new(what)
                .late()
                .cause(NOT_TAKEN)
                .breaks(FROM_CONTACT)
                .read(READ_THE_CODE));
        }
    };
    contact.send_to(b"", client)?;
    let client = match contact.receive()? {
        Some((came, client)) if came == texts[3] => client,
        Some((came, _)) => {
            let what = format!(
                "{SENT}: expected {}, but {} came",
                show(texts[3]),
                show(&came)
            );
            return Err(Fault::new(what)
                .cause("a text is changed, cut, or sent in pieces")
                .breaks(SENT_ONCE)
                .read(READ_THE_CODE));
        }
        None => {
            let what = "the second text was answered with an empty datagram, and the third was too \
                long to be sent: the fourth did not come";
            let ended = attempt.has_ended();
            let fault = Fault::new(what).late().read(PREDICT);
            return Err(match ended {
                true => fault
                    .cause("an error of send is a reason to stop")
                    .breaks(RETURNS),
                false => fault
                    .cause("an empty datagram is not taken for an answer")
                    .breaks(LENGTHS),
            });
        }
    };
    contact.send_to(b"\x80\xff\0", client)?;
    let client = text(&contact, texts[4])
        .cause("the answer was not taken for one")
        .read(READ_THE_CODE)?;
    contact.send_to(b"bye", client)?;
    let came = attempt.result().breaks(RETURNS).read(READ_THE_CODE)?;
    contact
        .expect_nothing(SENT)
        .cause("a text is sent once more")
        .breaks(SENT_ONCE)
        .read(READ_THE_CODE)?;

    let came = replies(came, 5)?;
    is_answer(&came[0], &long, "the contact answered with 65507 bytes")
        .cause("the buffer is too short")
        .breaks(LENGTHS)
        .read(SHORT_BUFFER)?;
    is_answer(&came[1], b"", "the contact answered with an empty datagram")
        .cause("an empty datagram is not taken for an answer")
        .breaks(LENGTHS)
        .read(PREDICT)?;
    match &came[2] {
        Reply::Failed(error) if error.raw_os_error().is_some() => {}
        other => {
            let got = name(other);
            let what = format!(
                "a text of 65508 bytes cannot be sent: expected Failed with the system's error, got \
                 {got}"
            );
            return Err(Fault::new(what)
                .cause("what send fails with is dropped, or replaced")
                .breaks(FAILED)
                .read("docs/03-udp-chat.md: On the wire"));
        }
    }
    is_answer(
        &came[3],
        b"\x80\xff\0",
        "the contact answered with bytes that are no text",
    )
    .cause("the answer is taken for text")
    .breaks(LENGTHS)
    .read(READ_THE_CODE)?;
    is_answer(&came[4], b"bye", "the last text was answered")
        .cause("something else than the bytes of the answer is returned, or in another order")
        .breaks(ANSWER)
        .read(READ_THE_CODE)
}

fn waits_no_longer(trial: &Trial, converse: Converse) -> Step {
    const GIVEN: Duration = Duration::from_millis(100);
    let limit = trial.limit(Duration::from_secs(1));
    trial.at_pace(GIVEN * 4 / 5, |pace| {
        let contact = trial.correspondent()?;
        let mut stranger = trial.correspondent()?;
        let since = Instant::now();
        let attempt = begin(trial, converse, contact.addr(), &[b"hello?"], GIVEN);
        let client = text(&contact, b"hello?")?;
        pace.beat();
        let mut sent = 0;
        while !attempt.has_ended() && since.elapsed() < limit.duration() {
            stranger.send_to(b"I am your contact", client)?;
            sent += 1;
            thread::sleep(MOMENT);
            pace.beat();
        }
        let what = format!(
            "the contact was silent, the timeout was 0.1 s, and strangers wrote every 20 ms ({sent} \
             datagrams)"
        );
        let came = attempt.result_by(&limit, since).when(&what).cause(
            "there is no timeout, or each receive gets the whole time anew, also after a \
             stranger's datagram",
        )?;
        let took = since.elapsed();
        contact
            .expect_nothing(SENT)
            .cause("after the timeout the text is sent once more")
            .breaks(SENT_ONCE)?;
        let reply = &replies(came, 1)?[0];
        let fault = Fault::new(format!("{what}: expected Silence, got {}", name(reply)));
        match reply {
            Reply::Silence if took >= GIVEN - Duration::from_millis(5) => Ok(()),
            Reply::Silence => {
                let what = format!("{what}: you said Silence after {took:.0?}");
                Err(Fault::new(what).cause("a text is given up too early"))
            }
            Reply::Answer(_) => Err(fault.cause(NOBODY_ELSE).breaks(FROM_CONTACT).read(STRANGER)),
            Reply::Failed(error) if error.kind() == ErrorKind::InvalidInput => Err(fault.cause(
                "when nothing is left of the time, set_read_timeout is called with zero, which it \
                 refuses",
            )),
            Reply::Failed(error) if error.kind() == ErrorKind::Interrupted => Err(fault.late()),
            _ => Err(fault.cause(
                "the kind of a timeout is not looked for: it is WouldBlock on Unix and TimedOut \
                 on Windows",
            )),
        }
    })
}

fn hears_that_nobody_is_there(trial: &Trial, converse: Converse) -> Step {
    const WHAT: &str = "nobody was at that address, and the timeout was an hour";
    let nobody = Reserved::new().map_err(|e| Fault::new(format!("no port for the check: {e}")))?;
    let too_long = vec![b'x'; 65_508];
    let texts = [b"one".as_slice(), b"two", &too_long];
    let attempt = begin(trial, converse, nobody.addr(), &texts, AMPLE);
    let came = attempt
        .result()
        .when(WHAT)
        .cause("the socket is not connected, so that nobody tells it; or it goes on waiting")
        .breaks(NOBODY_THERE)?;
    let came = replies(came, 3)?;
    for (number, reply) in (1..).zip(&came[..2]) {
        if !matches!(reply, Reply::NobodyThere) {
            let reply = name(reply);
            let what = format!("{WHAT}: expected NobodyThere, got {reply} for text {number} of 2");
            return Err(Fault::new(what)
                .cause("the kind ConnectionRefused is not looked for (on Windows: ConnectionReset)")
                .breaks(NOBODY_THERE)
                .read(UDP_ERRORS));
        }
    }
    if !matches!(came[2], Reply::Failed(_)) {
        let got = name(&came[2]);
        let what = "nobody was at that address, and a third text was too long to be sent";
        return Err(Fault::new(format!("{what}: expected Failed, got {got}"))
            .cause("after NobodyThere no further text is sent")
            .breaks(RETURNS));
    }
    Ok(())
}

fn keeps_late_answers_apart(trial: &Trial, converse: Converse) -> Step {
    // Once in 28,000 times the system gives a text the port of the one before. Then nobody could
    // know that the late answer is late, so that does not count.
    // A function that does so on purpose does it every time.
    trial.at_pace(TIMEOUT / 4, |pace| {
        for _ in 0..2 {
            let same_port = Cell::new(false);
            let kept_apart = late_answers(trial, converse, pace, &same_port);
            if kept_apart.is_ok() || !same_port.get() {
                return kept_apart;
            }
            pace.restart();
        }
        late_answers(trial, converse, pace, &Cell::new(false))
    })
}

const TIMEOUT: Duration = Duration::from_millis(600);

fn late_answers(
    trial: &Trial,
    converse: Converse,
    pace: &mut Pace,
    same_port: &Cell<bool>,
) -> Step {
    const EARLY: &str = "an answer to an earlier text is taken for the answer to a later one. \
        Emptying the socket before each text does not help against what comes afterwards";
    const AGAIN: &str = "after the timeout the text is sent once more, or the next one is not sent";
    let mut contact = trial.correspondent()?;
    let texts: [&[u8]; 6] = [
        b"shall I sell?",
        b"shall I buy?",
        b"how old?",
        b"4",
        b"5",
        b"6",
    ];
    let answers: [&[u8]; 6] = [
        b"yes, at once",
        b"never",
        b"forty-two",
        b"four",
        b"five",
        b"six",
    ];
    let since = Instant::now();
    let attempt = begin(trial, converse, contact.addr(), &texts, TIMEOUT);

    let first = text(&contact, texts[0])?;
    attempt
        .expect_idle(Duration::from_millis(150))
        .cause(SPINS)
        .breaks(IDLE)
        .read(SPINNING)?;
    contact
        .expect_nothing("the timeout of 0.6 s was not over yet")
        .cause("a text is given up too early")
        .breaks(SILENCE)?;
    let mut asked = vec![first];
    for number in 1..texts.len() {
        let client = text(&contact, texts[number])
            .when("the contact did not answer the first text within 0.6 s, and each later one at once")
            .cause(AGAIN)?;
        if number == 1 {
            if since.elapsed() < TIMEOUT - Duration::from_millis(5) {
                let what = format!(
                    "the second text came {:.0?} after the call",
                    since.elapsed()
                );
                return Err(Fault::new(format!("the timeout was 0.6 s: {what}"))
                    .cause("a text is given up too early")
                    .breaks(SILENCE));
            }
            pace.restart();
        }
        // All earlier answers once more, the first of them late; then the right one.
        for (answer, &client) in answers.iter().zip(&asked) {
            contact.send_to(answer, client)?;
        }
        thread::sleep(MOMENT);
        contact.send_to(answers[number], client)?;
        pace.beat();
        if asked.contains(&client) {
            same_port.set(true);
        }
        asked.push(client);
    }

    let came = replies(attempt.result()?, texts.len())?;
    contact
        .expect_nothing(SENT)
        .cause("a text is sent once more")
        .breaks(SENT_ONCE)?;
    if !matches!(came[0], Reply::Silence) {
        let got = name(&came[0]);
        let what = "the answer to the first text came after its timeout";
        return Err(Fault::new(format!("{what}: expected Silence, got {got}"))
            .cause("an answer is taken that came after the time was over")
            .breaks(SILENCE));
    }
    for number in 1..texts.len() {
        let what = format!(
            "text {}: the answers to all earlier texts came once more before its own",
            number + 1
        );
        is_answer(&came[number], answers[number], &what)
            .cause(EARLY)
            .breaks(EARLIER)?;
    }
    Ok(())
}

fn speaks_ipv6(trial: &Trial, converse: Converse) -> Step {
    let Ok(mut contact) = trial.correspondent_at(IpAddr::V6(Ipv6Addr::LOCALHOST), 0) else {
        return Ok(()); // this machine has no IPv6
    };
    const WHAT: &str = "the contact was at [::1]";
    let attempt = begin(trial, converse, contact.addr(), &[b"hello"], AMPLE);
    let client = contact.expect(b"hello", SENT);
    let client = client.when(WHAT).cause(FAMILY).breaks(FAMILIES)?;
    contact.send_to(b"world", client)?;
    let came = replies(attempt.result().when(WHAT).breaks(FAMILIES)?, 1)?;
    is_answer(&came[0], b"world", WHAT)
        .cause(FAMILY)
        .breaks(FAMILIES)
}
