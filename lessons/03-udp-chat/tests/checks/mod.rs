//! What "right" means for each exercise of lesson 3: functions to which any solution is handed.

use std::cell::Cell;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use course::Reserved;
use course::exercise::{
    Attempt, Correspondent, Explain, Fault, Step, Trial, Verdict, WAIT, check, compare, show,
};
use udp_chat::Reply;

pub type Answer = fn(&UdpSocket, usize);
pub type Converse = fn(SocketAddr, &[&[u8]], Duration) -> Vec<Reply>;
pub type Watch = fn(&UdpSocket, SocketAddr, &mut dyn Write, Duration) -> io::Result<u64>;

const THE_IDEA: &str = "docs/03-udp-chat.md: The idea";
const PREDICT: &str = "docs/03-udp-chat.md: Predict";
const READ_THE_CODE: &str = "docs/03-udp-chat.md: Read the code";
const NOBODY: &str = "docs/03-udp-chat.md: Nobody is there";
const TOO_LATE: &str = "docs/03-udp-chat.md: The answer comes too late";
const TWO_PEOPLE: &str = "docs/03-udp-chat.md: Two people at once";
const STRANGER: &str = "docs/03-udp-chat.md: A stranger writes";
const SHORT_BUFFER: &str = "docs/03-udp-chat.md: A short buffer";
const EXERCISE_3_2: &str = "docs/03-udp-chat.md: 3.2 ★★ A client that never hangs";
const EXERCISE_3_3: &str = "docs/03-udp-chat.md: 3.3 ★★★ Strangers and control characters kept out";

/// A moment in which the other side does something: its pace, not a wait for anything.
const MOMENT: Duration = Duration::from_millis(30);

/// 3.1 Answer whoever wrote.
pub fn answer(answer: Answer) -> Verdict {
    check(move |trial| {
        answers_each_sender(trial, answer).read(TWO_PEOPLE)?;
        answers_the_empty_datagram(trial, answer).read(PREDICT)?;
        answers_every_length(trial, answer).read(SHORT_BUFFER)?;
        goes_on_after_errors(trial, answer).read(NOBODY)
    })
}

const BACK: &str = "each datagram should go back to its sender as it is";

/// Starts the function; it should return when it has answered so many datagrams.
fn start(trial: &Trial, answer: Answer, datagrams: usize) -> Step<(SocketAddr, Attempt<()>)> {
    let (socket, addr) = trial.socket()?;
    Ok((addr, trial.start(move || answer(&socket, datagrams))))
}

/// Sends a datagram and waits for its answer. Where the answer went to another one instead, the
/// cause is known.
fn asks(asker: &mut Correspondent, other: &Correspondent, text: &[u8], addr: SocketAddr) -> Step {
    const FIXED: &str = "the answer goes to a fixed address, such as that of the first sender, \
        and not to the address that recv_from gave with this datagram";
    const CONNECTED: &str = "connect makes the kernel throw away what anybody else sends; or the \
        answer went to another IP address or port than the sender's, or is kept until later";
    asker.send_to(text, addr)?;
    asker.expect(text, BACK).map(drop).map_err(|fault| {
        match other.receive_within(Duration::from_millis(1)) {
            Ok(Some(_)) => fault.cause(FIXED),
            _ => fault.cause(CONNECTED),
        }
    })
}

fn answers_each_sender(trial: &Trial, answer: Answer) -> Step {
    const LATER: &str = "the answers are kept until more datagrams have come, or only one \
        datagram is answered";
    const SPINS: &str = "the socket is asked again and again (set_nonblocking, or a very short \
        timeout) instead of waited for";
    let mut alice = trial.correspondent()?;
    let mut bob = trial.correspondent()?;
    let binary: Vec<u8> = (0..=255).collect();

    // One after another, each with an answer before the next.
    let (addr, attempt) = start(trial, answer, 7)?;
    alice.send_to(b"hello, I am alice", addr)?;
    alice.expect(b"hello, I am alice", BACK).cause(LATER)?;
    asks(&mut bob, &alice, b"and I am bob", addr)?;
    asks(&mut alice, &bob, b"alice again\n", addr)?;
    alice.send_to(&binary, addr)?;
    alice.expect(&binary, BACK).cause(
        "the bytes were taken for text (from_utf8, trim), or more than the n bytes that were \
         received goes back",
    )?;
    attempt.still_runs()?;
    attempt
        .expect_idle(Duration::from_millis(100))
        .cause(SPINS)
        .read(READ_THE_CODE)?;

    // Several wait in the queue. The function may already be at work on the first.
    alice.send_to(b"one", addr)?;
    bob.send_to(b"two", addr)?;
    alice.send_to(b"three", addr)?;
    const QUEUE: &str =
        "an answer has to go to the sender of its own datagram, not of the last one";
    alice.expect(b"one", BACK).cause(QUEUE)?;
    bob.expect(b"two", BACK).cause(QUEUE)?;
    alice.expect(b"three", BACK).cause(QUEUE)?;
    attempt
        .result()
        .when("7 datagrams were answered")
        .cause("a datagram was not counted")?;
    for sender in [&alice, &bob] {
        sender
            .expect_nothing("each datagram should be answered once")
            .cause("a datagram is answered twice, or in pieces")?;
    }

    #[cfg(target_os = "linux")] // elsewhere 127.0.0.2 is no address of this machine
    {
        let (addr, _attempt) = start(trial, answer, 1)?;
        let mut neighbour = trial.correspondent_at([127, 0, 0, 2].into(), 0)?;
        neighbour.send_to(b"I am at 127.0.0.2", addr)?;
        neighbour.expect(b"I am at 127.0.0.2", BACK).cause(
            "only the port is taken from the sender's address, and the IP address is fixed",
        )?;
    }
    Ok(())
}

fn answers_the_empty_datagram(trial: &Trial, answer: Answer) -> Step {
    const END: &str = "a length of 0 is taken for the end, or for nothing: here it is a datagram \
        like any other";
    let (addr, attempt) = start(trial, answer, 3)?;
    let mut alice = trial.correspondent()?;
    alice.send_to(b"", addr)?;
    alice
        .expect(b"", "the empty datagram should go back too")
        .cause(END)?;
    alice.send_to(b"still there?", addr)?;
    alice
        .expect(
            b"still there?",
            "the empty datagram should not end anything",
        )
        .cause(END)?;
    alice.send_to(b"", addr)?;
    alice
        .expect(b"", "the empty datagram should go back too")
        .cause(END)?;
    attempt
        .result()
        .when("3 datagrams were answered, two of them empty")
        .cause("the empty datagram is not counted")
}

fn answers_every_length(trial: &Trial, answer: Answer) -> Step {
    let bytes: Vec<u8> = (0..=250).cycle().take(65_507).collect();
    let lengths = [1, 512, 1025, 1473, 4097, 65_507];
    let (addr, attempt) = start(trial, answer, lengths.len())?;
    let mut alice = trial.correspondent()?;
    for n in lengths {
        alice.send_to(&bytes[..n], addr)?;
        alice.expect(&bytes[..n], BACK).cause(
            "the buffer is too short, and the rest of a longer datagram is lost; or the answer \
             does not go back as one datagram",
        )?;
    }
    attempt.result()?;
    alice
        .expect_nothing("each datagram should be answered once")
        .cause("the answer does not go back as one datagram")
}

fn goes_on_after_errors(trial: &Trial, answer: Answer) -> Step {
    let (socket, addr) = trial.socket()?;
    for number in 0..3 {
        let mut gone = trial.correspondent()?; // dropped here, before it can be answered
        gone.send_to(format!("I leave, {number}").as_bytes(), addr)?;
    }
    let _ = socket.set_read_timeout(Some(Duration::from_millis(20)));
    let attempt = trial.start(move || answer(&socket, 4));
    // Here recv_from fails several times. A busy machine gives the function its turn late, so this
    // waits until it has been seen to wait; whether it may do otherwise is not asked here.
    let _ = attempt.expect_idle(Duration::from_millis(120));

    const ENDED: &str = "an error of recv_from or send_to ends the loop (?, return, break, \
        unwrap), or is counted as a datagram: it should go on";
    let mut alice = trial.correspondent()?;
    let what = "three had written and gone, and recv_from had failed with a timeout";
    alice.send_to(b"hello", addr)?;
    alice.expect(b"hello", BACK).when(what).cause(ENDED)?;
    attempt.result().when(what).cause(ENDED)
}

/// 3.2 A client that never hangs.
pub fn converse(converse: Converse) -> Verdict {
    check(move |trial| {
        asks_one_after_another(trial, converse)?;
        waits_no_longer(trial, converse).read(TOO_LATE)?;
        hears_that_nobody_is_there(trial, converse).read(NOBODY)?;
        keeps_late_answers_apart(trial, converse).read(TOO_LATE)?;
        speaks_ipv6(trial, converse).read(READ_THE_CODE)
    })
}

/// Time that is always enough when nothing goes wrong.
const AMPLE: Duration = Duration::from_secs(5);

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
    contact.expect(expected, SENT)
}

/// As many replies as texts.
fn replies(came: Vec<Reply>, texts: usize) -> Step<Vec<Reply>> {
    if came.len() == texts {
        return Ok(came);
    }
    Err(Fault::new(format!(
        "there were {texts} texts, and you returned {} replies",
        came.len()
    ))
    .cause("an error or a silence ends the loop, or is left out"))
}

fn is_answer(reply: &Reply, expected: &[u8], what: &str) -> Step {
    match reply {
        Reply::Answer(came) => compare(expected, came)
            .map_err(|difference| Fault::new(format!("{what}\n{difference}"))),
        Reply::Silence => Err(Fault::new(format!(
            "{what}: expected an Answer, got Silence"
        ))),
        other => Err(Fault::new(format!(
            "{what}: expected an Answer, got {other:?}"
        ))),
    }
}

const NOBODY_ELSE: &str = "a stranger's datagram is taken for the answer: connect keeps strangers \
    out, and comparing the sender's IP address and port does";

const NOT_TAKEN: &str = "the answer is not taken for one, because its sender is compared with \
    something else than the contact: a socket that is bound to [::]:0 sees 127.0.0.1 as \
    ::ffff:127.0.0.1; shared::any_port(contact) gives the address to bind to";

const FAMILY: &str = "the socket must be bound to an address of the same kind as the contact's, \
    0.0.0.0:0 for IPv4 and [::]:0 for IPv6: shared::any_port(contact) gives it";

fn asks_one_after_another(trial: &Trial, converse: Converse) -> Step {
    let mut contact = trial.correspondent()?;
    let mut stranger = trial.correspondent()?;
    let too_long = vec![b'x'; 65_508];
    let texts: [&[u8]; 4] = [b"who are you?", b"", &too_long, b"last"];
    let attempt = begin(trial, converse, contact.addr(), &texts, AMPLE);

    let client = text(&contact, texts[0]).cause(FAMILY).read(READ_THE_CODE)?;
    const WAITS: &str = "before its answer has come, no other text should be sent";
    thread::sleep(MOMENT);
    contact
        .expect_nothing(WAITS)
        .cause("all texts are sent at once")
        .read(THE_IDEA)?;
    stranger.send_to(b"I am your contact", client)?;
    thread::sleep(MOMENT);
    contact
        .expect_nothing(WAITS)
        .when("a stranger had written before the contact did")
        .cause(NOBODY_ELSE)
        .read(READ_THE_CODE)?;
    let long: Vec<u8> = (0..=250).cycle().take(65_507).collect();
    contact.send_to(&long, client)?;

    let client = match contact.receive()? {
        Some((came, client)) if came.is_empty() => client,
        Some((came, _)) => {
            return Err(Fault::new(format!(
                "the second text was empty: {SENT}, but {} came",
                show(&came)
            ))
            .cause("the empty text is left out")
            .read(PREDICT));
        }
        None => {
            return Err(Fault::new(
                "the contact had answered with 65507 bytes, and the second text did not come",
            )
            .cause(NOT_TAKEN)
            .read(READ_THE_CODE));
        }
    };
    contact.send_to(b"", client)?;
    let client = text(&contact, texts[3])
        .when("the second text was answered with an empty datagram; the third was too long to be sent")
        .cause(
            "an empty datagram is an answer, and an error of send is no reason to stop: go on \
             with the next text",
        )
        .read(PREDICT)?;
    contact.send_to(b"bye", client)?;
    let came = attempt.result().read(READ_THE_CODE)?;
    contact.expect_nothing(SENT).read(EXERCISE_3_2)?;

    let came = replies(came, 4).read(READ_THE_CODE)?;
    is_answer(&came[0], &long, "the contact answered with 65507 bytes")
        .cause("the buffer is too short")
        .read(SHORT_BUFFER)?;
    is_answer(&came[1], b"", "the contact answered with an empty datagram")
        .cause("a length of 0 is an answer")
        .read(PREDICT)?;
    if !matches!(came[2], Reply::Failed(_)) {
        let fault = Fault::new(format!(
            "a text of 65508 bytes cannot be sent: expected Failed, got {}",
            name(&came[2])
        ));
        return Err(fault
            .cause("what send fails with is dropped")
            .read("docs/03-udp-chat.md: On the wire"));
    }
    is_answer(&came[3], b"bye", "the last text was answered")
        .cause("an earlier text that failed leaves something behind, such as a socket that is gone")
        .read(READ_THE_CODE)
}

/// A reply without its bytes, which may be many.
fn name(reply: &Reply) -> String {
    match reply {
        Reply::Answer(bytes) => format!("Answer({})", show(bytes)),
        other => format!("{other:?}"),
    }
}

fn waits_no_longer(trial: &Trial, converse: Converse) -> Step {
    const LIMIT: Duration = Duration::from_millis(300);
    // The slack is for a busy machine; a mistake costs much more.
    const LATEST: Duration = Duration::from_millis(1200);
    let contact = trial.correspondent()?;
    let mut stranger = trial.correspondent()?;
    let attempt = begin(trial, converse, contact.addr(), &[b"hello?"], LIMIT);
    let client = text(&contact, b"hello?")?;

    let end = Instant::now() + LATEST;
    let mut sent = 0;
    let came = loop {
        match attempt.result_within(Duration::from_millis(1)) {
            Ok(came) => break came,
            Err(_) if Instant::now() < end => {}
            Err(_) => {
                return Err(Fault::new(format!(
                    "the contact was silent, the timeout was 0.3 s, and strangers wrote every \
                     30 ms: 1.2 s later, and {sent} datagrams of strangers, you had not returned"
                ))
                .cause(
                    "there is no timeout, or each receive gets the whole time anew, also after a \
                     stranger's datagram",
                ));
            }
        }
        stranger.send_to(b"I am your contact", client)?;
        sent += 1;
        thread::sleep(MOMENT);
    };
    contact
        .expect_nothing(SENT)
        .cause("after the timeout the text is sent once more")
        .read(EXERCISE_3_2)?;
    let reply = &replies(came, 1)?[0];
    let fault = Fault::new(format!(
        "the contact was silent, strangers were not: expected Silence, got {}",
        name(reply)
    ));
    match reply {
        Reply::Silence => Ok(()),
        Reply::Answer(_) => Err(fault.cause(NOBODY_ELSE)),
        Reply::Failed(error) if error.kind() == ErrorKind::InvalidInput => Err(fault
            .cause("set_read_timeout refuses a time of zero: when nothing is left, it is Silence")),
        _ => Err(fault.cause("a timeout is WouldBlock on Unix and TimedOut on Windows")),
    }
    .read(READ_THE_CODE)
}

fn hears_that_nobody_is_there(trial: &Trial, converse: Converse) -> Step {
    let nobody = Reserved::new().map_err(|e| Fault::new(format!("no port for the check: {e}")))?;
    let attempt = begin(trial, converse, nobody.addr(), &[b"one", b"two"], AMPLE);
    let came = attempt
        .result()
        .when("nobody was at that address, and the timeout was 5 s")
        .cause(
            "only a connected socket is told that nobody is there, and its time is not waited out",
        )?;
    for (number, reply) in replies(came, 2)?.iter().enumerate() {
        if !matches!(reply, Reply::NobodyThere) {
            return Err(Fault::new(format!(
                "nobody was at that address: expected NobodyThere for each of two texts, got {} \
                 for text {}",
                name(reply),
                number + 1
            ))
            .cause("recv or send of a connected socket fails with ErrorKind::ConnectionRefused"));
        }
    }
    Ok(())
}

fn keeps_late_answers_apart(trial: &Trial, converse: Converse) -> Step {
    // Once in 28,000 times the system gives a text the port of the one before. Then nobody could
    // know that the late answer is late, so that does not count.
    let same_port = Cell::new(false);
    let kept_apart = late_answers(trial, converse, &same_port);
    if kept_apart.is_err() && same_port.get() {
        return late_answers(trial, converse, &same_port);
    }
    kept_apart
}

fn late_answers(trial: &Trial, converse: Converse, same_port: &Cell<bool>) -> Step {
    const TIMEOUT: Duration = Duration::from_millis(700);
    const PORT: &str = "an answer to an earlier text is taken for the answer to a later one. \
        Emptying the socket before each text does not help against what comes afterwards: give \
        each text a socket, and so a port, of its own";
    const AGAIN: &str = "after the timeout the text is sent once more, or the next one is not sent";
    let mut contact = trial.correspondent()?;
    let texts: [&[u8]; 3] = [b"shall I sell?", b"shall I buy?", b"how old are you?"];
    let attempt = begin(trial, converse, contact.addr(), &texts, TIMEOUT);

    let first = text(&contact, texts[0])?;
    attempt.expect_idle(Duration::from_millis(150)).cause(
        "the socket is asked again and again (set_nonblocking, or a very short timeout) instead \
         of waited for",
    )
    .read(READ_THE_CODE)?;
    contact
        .expect_nothing("the timeout of 0.7 s was not over yet")
        .cause("a text is given up too early")?;
    let second = text(&contact, texts[1])
        .when("the contact did not answer the first text within 0.7 s")
        .cause(AGAIN)?;
    contact.send_to(b"yes, at once", first)?; // late
    thread::sleep(MOMENT);
    contact.send_to(b"never", second)?;
    let third = text(&contact, texts[2])?;
    same_port.set(first == second || second == third);
    contact.send_to(b"never", second)?; // twice
    thread::sleep(MOMENT);
    contact.send_to(b"forty-two", third)?;

    let came = replies(attempt.result()?, 3)?;
    contact.expect_nothing(SENT).cause(AGAIN)?;
    if !matches!(came[0], Reply::Silence) {
        return Err(Fault::new(format!(
            "the answer to the first text came after its timeout: expected Silence, got {}",
            name(&came[0])
        )));
    }
    is_answer(
        &came[1],
        b"never",
        "the answer to the first text came late, when the second text was out",
    )
    .cause(PORT)?;
    is_answer(
        &came[2],
        b"forty-two",
        "the answer to the second text came once more, when the third text was out",
    )
    .cause(PORT)
}

fn speaks_ipv6(trial: &Trial, converse: Converse) -> Step {
    let Ok(mut contact) = trial.correspondent_at(IpAddr::V6(Ipv6Addr::LOCALHOST), 0) else {
        return Ok(()); // this machine has no IPv6
    };
    let attempt = begin(trial, converse, contact.addr(), &[b"hello"], AMPLE);
    let client = text(&contact, b"hello")
        .when("the contact was at [::1]")
        .cause(FAMILY)?;
    contact.send_to(b"world", client)?;
    let came = replies(attempt.result()?, 1)?;
    is_answer(&came[0], b"world", "the contact was at [::1]").cause(FAMILY)
}

/// 3.3 Strangers and control characters kept out.
pub fn watch(watch: Watch) -> Verdict {
    check(move |trial| {
        shows_the_friend_as_it_comes(trial, watch).read(READ_THE_CODE)?;
        keeps_strangers_out(trial, watch).read(STRANGER)?;
        keeps_control_characters_out(trial, watch).read(STRANGER)?;
        shows_every_length(trial, watch).read(SHORT_BUFFER)?;
        waits_for_the_friend_only(trial, watch).read(EXERCISE_3_3)?;
        reports_a_failing_screen(trial, watch).read(EXERCISE_3_3)
    })
}

/// A screen: what was written to it shows when it is flushed.
struct Screen {
    unflushed: Vec<u8>,
    shows: Sender<Vec<u8>>,
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unflushed.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Who looks at it may have gone.
        let _ = self.shows.send(std::mem::take(&mut self.unflushed));
        Ok(())
    }
}

/// The function at work, its friend, and what the friend's texts became on the screen.
struct Window {
    addr: SocketAddr,
    /// Held so that nobody else gets the port while somebody still writes there.
    _port: UdpSocket,
    friend: Correspondent,
    screen: Receiver<Vec<u8>>,
    attempt: Attempt<io::Result<u64>>,
}

impl Window {
    /// `before` may send datagrams before the function is called.
    fn open(
        trial: &Trial,
        watch: Watch,
        patience: Duration,
        before: impl FnOnce(&mut Correspondent, SocketAddr) -> Step,
    ) -> Step<Window> {
        let (socket, addr) = trial.socket()?;
        let port = socket.try_clone();
        let port = port.map_err(|e| Fault::new(format!("the check could not clone: {e}")))?;
        let mut friend = trial.correspondent()?;
        before(&mut friend, addr)?;
        let (shows, screen) = mpsc::channel();
        let friend_addr = friend.addr();
        let attempt = trial.start(move || {
            let unflushed = Vec::new();
            let mut screen = Screen { unflushed, shows };
            watch(&socket, friend_addr, &mut screen, patience)
        });
        Ok(Window {
            addr,
            _port: port,
            friend,
            screen,
            attempt,
        })
    }

    fn friend_writes(&mut self, text: &[u8]) -> Step {
        self.friend.send_to(text, self.addr)
    }

    /// Waits until so many bytes show, or nothing more does.
    fn shown(&self, bytes: usize) -> Vec<u8> {
        let mut shown = Vec::new();
        while shown.len() < bytes {
            match self.screen.recv_timeout(WAIT / 2) {
                Ok(more) => shown.extend(more),
                Err(_) => break,
            }
        }
        shown
    }

    /// Waits until a line shows, and compares it.
    fn expect(&self, line: &str, what: &str) -> Step {
        let line = format!("{line}\n");
        let shown = self.shown(line.len());
        compare(line.as_bytes(), &shown)
            .map_err(|difference| Fault::new(format!("{what}\non the screen:\n{difference}")))
    }

    /// The friend leaves; the function should return how many texts were shown.
    fn close(mut self, texts: u64, what: &str) -> Step {
        self.friend_writes(b"q")?;
        let returned = self
            .attempt
            .result()
            .when(&format!("{what}, then the friend wrote 'q'"))?;
        let rest: Vec<u8> = self.screen.try_iter().flatten().collect();
        if !rest.is_empty() {
            return Err(Fault::new(format!(
                "{what}, then the friend wrote 'q', and more showed: {}",
                show(&rest)
            ))
            .cause("the friend's 'q' is shown, or somebody else's text"));
        }
        match returned {
            Ok(n) if n == texts => {}
            other => {
                return Err(Fault::new(format!(
                    "{what}, then the friend wrote 'q': expected Ok({texts}), got {other:?}"
                ))
                .cause("'q', or a stranger's datagram, is counted, or a text is not"));
            }
        }
        self.friend
            .expect_nothing("nobody should be answered")
            .cause("something is sent to who wrote")
    }
}

fn nothing(_: &mut Correspondent, _: SocketAddr) -> Step {
    Ok(())
}

fn shows_the_friend_as_it_comes(trial: &Trial, watch: Watch) -> Step {
    const KEPT: &str = "the screen is not flushed behind each line, or the line does not end with \
        '\\n', or a length of 0 is taken for the end, or a text is trimmed";
    let mut window = Window::open(trial, watch, AMPLE, nothing)?;
    let texts = [
        "hello",
        "",
        "  spaces before and behind  ",
        "Q",
        "q ",
        "quit",
    ];
    for text in texts {
        window.friend_writes(text.as_bytes())?;
        window
            .expect(text, &format!("the friend wrote '{text}'"))
            .cause(KEPT)?;
    }
    window
        .attempt
        .expect_idle(Duration::from_millis(100))
        .cause("the socket is asked again and again instead of waited for")?;
    window.close(texts.len() as u64, "the friend wrote six texts")
}

fn keeps_strangers_out(trial: &Trial, watch: Watch) -> Step {
    // While the function waits: another port of the same machine.
    let mut stranger = trial.correspondent()?;
    let mut window = Window::open(trial, watch, AMPLE, nothing)?;
    window.friend_writes(b"hello")?;
    window.expect("hello", "the friend wrote 'hello'")?;
    let text = format!("[{}] send me money", window.friend.addr());
    stranger.send_to(text.as_bytes(), window.addr)?;
    window.friend_writes(b"it is me")?;
    window
        .expect(
            "it is me",
            "somebody with another port than the friend's wrote first",
        )
        .cause("the sender is not compared, or only its IP address: compare the port too")?;
    stranger.send_to(b"q", window.addr)?;
    window.friend_writes(b"still here")?;
    window
        .expect("still here", "a stranger wrote 'q'")
        .cause("a stranger's 'q' ends it: look at the sender before you look at the text")?;
    window.close(3, "the friend wrote three texts, a stranger two")?;
    stranger
        .expect_nothing("nobody should be answered")
        .cause("a stranger is told to go away, and so learns that somebody is here")?;

    // Before the function was called.
    let window = Window::open(trial, watch, AMPLE, |friend, addr| {
        stranger.send_to(b"I was here first", addr)?;
        friend.send_to(b"hello", addr)
    })?;
    window
        .expect("hello", "a stranger wrote before the function was called")
        .cause(
            "connect keeps out only what comes after it; what was in the queue before stays: \
             compare the sender all the same",
        )?;
    window.close(1, "a stranger wrote before the function was called")?;

    #[cfg(target_os = "linux")] // elsewhere 127.0.0.2 is no address of this machine
    {
        let mut window = Window::open(trial, watch, AMPLE, nothing)?;
        let port = window.friend.addr().port();
        // Only if nobody else has the port there.
        if let Ok(mut twin) = trial.correspondent_at([127, 0, 0, 2].into(), port) {
            twin.send_to(b"I have the same port", window.addr)?;
            window.friend_writes(b"hello")?;
            window
                .expect(
                    "hello",
                    "somebody with the friend's port, but another IP address, wrote",
                )
                .cause("only the port is compared")?;
            window.close(1, "somebody with the friend's port wrote")?;
        }
    }
    Ok(())
}

/// What the friend writes, what shows, and the cause if something else does.
const TEXTS: [(&[u8], &str, &str); 12] = [
    (
        "世界, é, 👩\u{200d}🔬, 'single' and \"double\" \\ back".as_bytes(),
        "世界, é, 👩\u{200d}🔬, 'single' and \"double\" \\ back",
        "more is replaced than the characters that the contract names (escape_debug, {:?}, only ASCII)",
    ),
    (
        b"clear \x1b[2J your screen",
        "clear \\u{1b}[2J your screen",
        "control characters reach the screen as they came, or are left out",
    ),
    (
        b"one\n[friend] two",
        "one\\u{a}[friend] two",
        "a line end inside the text makes a second line, which anybody may have written: it is a \
         control character too",
    ),
    (
        b"\0\x07\x08\t\r\x7f",
        "\\u{0}\\u{7}\\u{8}\\u{9}\\u{d}\\u{7f}",
        "only some control characters are replaced: '\\r', '\\t', NUL, backspace and 0x7f are \
         others",
    ),
    (
        "\u{9b}31m red, \u{85}".as_bytes(),
        "\\u{9b}31m red, \\u{85}",
        "there are control characters outside ASCII, U+0080 to U+009F: is_control knows them, \
         is_ascii_control does not",
    ),
    (
        "\u{202e}dlog\u{202c}, \u{2066}\u{2069}".as_bytes(),
        "\\u{202e}dlog\\u{202c}, \\u{2066}\\u{2069}",
        "the characters that turn text around are no control characters for is_control, and yet \
         are in the contract",
    ),
    (
        "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202d}\u{2067}".as_bytes(),
        "\\u{61c}\\u{200e}\\u{200f}\\u{2028}\\u{2029}\\u{202a}\\u{202d}\\u{2067}",
        "some of the characters in the contract are missing",
    ),
    (
        "\u{200d}\u{2027}\u{202f}\u{2065}\u{206a}\u{a0}".as_bytes(),
        "\u{200d}\u{2027}\u{202f}\u{2065}\u{206a}\u{a0}",
        "more is replaced than the characters that the contract names",
    ),
    (
        b"ab\xff\xfecd \xe4\xb8",
        "ab\u{fffd}\u{fffd}cd \u{fffd}",
        "bytes that are not UTF-8 are the friend's text all the same: from_utf8 refuses all of it",
    ),
    (
        b"\x9b31m",
        "\u{fffd}31m",
        "bytes that are not UTF-8 are taken for characters one by one",
    ),
    (b"\n", "\\u{a}", "the text is trimmed"),
    (
        b"q\n",
        "q\\u{a}",
        "'q' ends it only exactly: the text is trimmed",
    ),
];

fn keeps_control_characters_out(trial: &Trial, watch: Watch) -> Step {
    let mut window = Window::open(trial, watch, AMPLE, nothing)?;
    for (text, line, cause) in TEXTS {
        window.friend_writes(text)?;
        window
            .expect(line, &format!("the friend wrote {}", show(text)))
            .cause(cause)?;
    }
    window.close(
        TEXTS.len() as u64,
        "the friend wrote all kinds of characters",
    )
}

fn shows_every_length(trial: &Trial, watch: Watch) -> Step {
    let mut window = Window::open(trial, watch, AMPLE, nothing)?;
    for n in [1025, 4097, 65_507] {
        let text = "x".repeat(n);
        window.friend_writes(text.as_bytes())?;
        window
            .expect(&text, &format!("the friend wrote {n} bytes"))
            .cause("the buffer is too short, and the rest of a longer datagram is lost")?;
    }
    window.close(3, "the friend wrote long texts")
}

fn waits_for_the_friend_only(trial: &Trial, watch: Watch) -> Step {
    // If a busy machine makes the friend or the stranger fall silent for longer, nothing is learnt.
    for _ in 0..3 {
        let (heard, stranger, friend) = two_windows(trial, watch)?;
        if friend < LIVELY * 2 / 3 {
            heard?;
            if stranger < SILENT / 2 {
                break;
            }
        }
    }
    Ok(())
}

/// How long the friend may be silent in each of two windows.
const LIVELY: Duration = Duration::from_millis(1200);
const SILENT: Duration = Duration::from_millis(300);

/// Two windows at once, to save time: in one the friend writes now and then, for longer than the
/// patience altogether; in the other only a stranger writes. Returns what was seen, and the longest
/// silences of the stranger and of the friend.
fn two_windows(trial: &Trial, watch: Watch) -> Step<(Step, Duration, Duration)> {
    let stranger = trial.correspondent()?;
    let mut lively = Window::open(trial, watch, LIVELY, nothing)?;
    let began = Instant::now();
    let silent = Window::open(trial, watch, SILENT, nothing)?;
    let (end, ended) = mpsc::channel::<()>();
    let to = silent.addr;
    let stranger = thread::spawn(move || pester(stranger, to, began, &ended));
    let mut friend = Duration::ZERO;
    let heard = now_and_then(&mut lively, began, &mut friend).and_then(|()| ended_in_time(&silent));
    let heard = heard.and_then(|()| lively.close(4, "the friend wrote now and then"));
    drop(end);
    let stranger = stranger
        .join()
        .map_err(|_| Fault::new("the check's stranger panicked: this is our bug"))?;
    Ok((heard, stranger, friend))
}

/// The friend writes four times. Notes its longest silence.
fn now_and_then(window: &mut Window, mut last: Instant, longest: &mut Duration) -> Step {
    for number in 0..4 {
        if number > 0 {
            thread::sleep(Duration::from_millis(450)); // the pace of the friend
        }
        window.friend_writes(b"I am slow")?;
        *longest = last.elapsed().max(*longest);
        last = Instant::now();
        window
            .expect(
                "I am slow",
                &format!(
                    "the patience was 1.2 s, the friend wrote every 0.45 s; text {number}, counted \
                     from 0"
                ),
            )
            .cause(
                "the time begins anew with each text of the friend: it is not a limit for all of \
                 them together",
            )?;
    }
    Ok(())
}

/// The strangers' window has been open for long enough.
fn ended_in_time(silent: &Window) -> Step {
    let returned = silent
        .attempt
        .result_within(Duration::from_millis(10)) // strangers write until now
        .when("the friend was silent for 1.35 s, the patience was 0.3 s, and a stranger wrote every 30 ms")
        .cause(
            "each receive gets the whole time anew, also after a stranger's datagram, or there is \
             no timeout",
        )?;
    match returned {
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
        other => Err(Fault::new(format!(
            "the friend was silent: expected an error of the kind TimedOut, got {other:?}"
        ))
        .cause("a timeout of a socket is WouldBlock on Unix and TimedOut on Windows")),
    }
}

/// A stranger writes every 30 ms, until it is told to end. Returns its longest silence.
fn pester(
    mut stranger: Correspondent,
    to: SocketAddr,
    mut last: Instant,
    ended: &Receiver<()>,
) -> Duration {
    let mut longest = Duration::ZERO;
    loop {
        let _ = stranger.send_to(b"it is me", to); // the function may have returned
        longest = longest.max(last.elapsed());
        last = Instant::now();
        if ended.recv_timeout(MOMENT) != Err(mpsc::RecvTimeoutError::Timeout) {
            return longest;
        }
    }
}

/// A screen that nobody can write to.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::new(ErrorKind::BrokenPipe, "the screen is gone"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::new(ErrorKind::BrokenPipe, "the screen is gone"))
    }
}

fn reports_a_failing_screen(trial: &Trial, watch: Watch) -> Step {
    const DROPPED: &str = "an error of the screen is dropped, or replaced by another one";
    let (socket, addr) = trial.socket()?;
    let mut friend = trial.correspondent()?;
    let friend_addr = friend.addr();
    let attempt = trial.start(move || watch(&socket, friend_addr, &mut Broken, AMPLE));
    friend.send_to(b"hello", addr)?;
    let what = "the friend wrote, and the screen failed with 'the screen is gone'";
    match attempt.result().when(what).cause(DROPPED)? {
        Err(error) if error.to_string() == "the screen is gone" => Ok(()),
        other => {
            Err(Fault::new(format!("{what}: expected that error, got {other:?}")).cause(DROPPED))
        }
    }
}
