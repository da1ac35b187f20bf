//! 3.3 Strangers and control characters kept out.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{
    Attempt, Correspondent, Explain, Fault, Step, Trial, Verdict, check, compare, show,
};

use super::{AMPLE, DEADLINES, PREDICT, READ_THE_CODE, SHORT_BUFFER, SPINNING, SPINS, STRANGER};

pub type Watch = fn(&UdpSocket, SocketAddr, &mut dyn Write, Duration) -> io::Result<u64>;

const FROM_FRIEND: &str = "A datagram is from the friend";
const BEFORE: &str = "What has come before the call";
const NO_ANSWER: &str = "Nobody is answered";
const LINE: &str = "Every datagram of the friend is a text";
const Q: &str = "But the datagram `q`";
const LENGTHS: &str = "A text has 0 to 65,507 bytes";
const CONTROL: &str = "The control characters";
const TURN: &str = "So are those that turn";
const AS_IT_IS: &str = "Every other character stays";
const NOT_UTF_8: &str = "Bytes that are not UTF-8";
const PART: &str = "`screen` may take only a part";
const FLUSHED: &str = "A line is flushed";
const IDLE: &str = "Does not use the processor";
const TIMED_OUT: &str = "[`ErrorKind::TimedOut`]";
const SCREEN: &str = "What a write or a flush";
#[cfg(target_os = "linux")]
const OTHER: &str = "Any other error of `socket`";

#[cfg(target_os = "linux")]
const UDP_ERRORS: &str = "docs/errors.md: UDP";
const BROKEN_PIPE: &str = "docs/errors.md: How to read an error";

/// 3.3 Strangers and control characters kept out.
pub fn watch(watch: Watch) -> Verdict {
    check(move |trial| {
        shows_what_came_before(trial, watch).read(READ_THE_CODE)?;
        shows_the_friend_as_it_comes(trial, watch).read(READ_THE_CODE)?;
        keeps_strangers_out(trial, watch).read(STRANGER)?;
        keeps_control_characters_out(trial, watch).read(STRANGER)?;
        shows_every_length(trial, watch).read(SHORT_BUFFER)?;
        shows_every_other_character(trial, watch).read(STRANGER)?;
        waits_for_the_friend(trial, watch)
            .breaks(TIMED_OUT)
            .read(DEADLINES)?;
        does_not_wait_for_strangers(trial, watch)
            .breaks(TIMED_OUT)
            .read(DEADLINES)?;
        does_not_begin_again(trial, watch)
            .breaks(TIMED_OUT)
            .read(DEADLINES)?;
        reports_a_failing_screen(trial, watch)
            .breaks(SCREEN)
            .read(BROKEN_PIPE)?;
        #[cfg(target_os = "linux")] // elsewhere such a socket may not be told, or otherwise
        reports_a_failing_socket(trial, watch)
            .breaks(OTHER)
            .read(UDP_ERRORS)?;
        Ok(())
    })
}

/// A screen: what was written to it shows when it is flushed.
struct Screen {
    unflushed: Vec<u8>,
    shows: Sender<Vec<u8>>,
    /// So many bytes it takes with each write.
    bite: usize,
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.bite);
        self.unflushed.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Whoever looks at it may have gone.
        let _ = self.shows.send(std::mem::take(&mut self.unflushed));
        Ok(())
    }
}

/// The function at work, its friend, and what the friend's texts became on the screen.
struct Window {
    addr: SocketAddr,
    /// Held so that nobody else gets the port while somebody still writes there.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    port: UdpSocket,
    friend: Correspondent,
    screen: Receiver<Vec<u8>>,
    attempt: Attempt<io::Result<u64>>,
    wait: Duration,
}

impl Window {
    fn open(trial: &Trial, watch: Watch, patience: Duration) -> Step<Window> {
        Window::open_with(trial, watch, patience, usize::MAX, |_, _| Ok(()))
    }

    /// `before` may send datagrams before the function is called.
    fn open_with(
        trial: &Trial,
        watch: Watch,
        patience: Duration,
        bite: usize,
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
            let mut screen = Screen {
                unflushed,
                shows,
                bite,
            };
            watch(&socket, friend_addr, &mut screen, patience)
        });
        Ok(Window {
            addr,
            port,
            friend,
            screen,
            attempt,
            wait: trial.patience(),
        })
    }

    fn friend_writes(&mut self, text: &[u8]) -> Step {
        self.friend.send_to(text, self.addr)
    }

    /// Waits until a line shows, and compares it.
    fn expect(&self, line: &str, what: &str) -> Step {
        let line = format!("{line}\n");
        let mut shown = Vec::new();
        let mut late = false;
        while shown.len() < line.len() && !late {
            match self.screen.recv_timeout(self.wait) {
                Ok(more) => shown.extend(more),
                Err(_) => late = true,
            }
        }
        compare(line.as_bytes(), &shown).map_err(|difference| {
            let fault = Fault::new(format!("{what}\non the screen:\n{difference}"));
            if late { fault.late() } else { fault }
        })
    }

    /// The friend leaves; the function should return how many texts were shown.
    fn close(mut self, texts: u64, what: &str) -> Step {
        let what = format!("{what}, then the friend wrote 'q'");
        self.friend_writes(b"q")?;
        let returned = self
            .attempt
            .result()
            .when(&what)
            .cause("'q' does not end it")
            .breaks(Q)?;
        let rest: Vec<u8> = self.screen.try_iter().flatten().collect();
        if !rest.is_empty() {
            let shown = show(&rest);
            let fault = Fault::new(format!("{what}, and more showed: {shown}"));
            return Err(match rest.starts_with(b"q") {
                true => fault.cause("the friend's 'q' is shown").breaks(Q),
                false => fault
                    .cause("more is shown than the friend's texts")
                    .breaks(LINE),
            });
        }
        match returned {
            Ok(n) if n == texts => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                return Err(Fault::new(format!("{what}: {error}")).late());
            }
            other => {
                let what = format!("{what}: expected Ok({texts}), got {other:?}");
                return Err(Fault::new(what)
                    .cause("'q', or a stranger's datagram, is counted, or a text is not")
                    .breaks(Q));
            }
        }
        self.friend
            .expect_nothing("nobody should be answered")
            .cause("something is sent to the friend")
            .breaks(NO_ANSWER)
    }
}

fn shows_what_came_before(trial: &Trial, watch: Watch) -> Step {
    let what = "the friend wrote before the function was called";
    let mut window = Window::open_with(trial, watch, AMPLE, usize::MAX, |friend, addr| {
        friend.send_to(b"hello", addr)
    })?;
    let Err(fault) = window.expect("hello", what) else {
        return Ok(());
    };
    // If nothing shows at all, there is something more to find.
    window.friend_writes(b"again")?;
    match window.expect("again", what) {
        Ok(()) => Err(fault.cause("the queue is emptied first").breaks(BEFORE)),
        Err(_) => Ok(()),
    }
}

fn shows_the_friend_as_it_comes(trial: &Trial, watch: Watch) -> Step {
    let mut window = Window::open(trial, watch, AMPLE)?;
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
        let shown = window.expect(text, &format!("the friend wrote '{text}'"));
        let Err(fault) = shown else { continue };
        let nothing = fault.to_string().contains("came       0 bytes");
        return Err(match text {
            "hello" if nothing => fault
                .cause("the screen is not flushed behind each line")
                .breaks(FLUSHED),
            "hello" => fault
                .cause("the line has another form than the text and a '\\n'")
                .breaks(LINE),
            "" => fault
                .cause("a length of 0 is taken for the end, or for nothing")
                .breaks(LINE)
                .read(PREDICT),
            "Q" | "quit" => fault
                .cause("something else than the one byte q is taken for the end")
                .breaks(Q),
            _ => fault.cause("the text is trimmed").breaks(AS_IT_IS),
        });
    }
    window
        .attempt
        .expect_idle(Duration::from_millis(100))
        .cause(SPINS)
        .breaks(IDLE)
        .read(SPINNING)?;
    window.close(texts.len() as u64, "the friend wrote six texts")?;

    let what = "the screen takes three bytes with each write";
    let mut window = Window::open_with(trial, watch, AMPLE, 3, |_, _| Ok(()))?;
    for text in ["hello, world", "再见"] {
        window.friend_writes(text.as_bytes())?;
        window
            .expect(text, what)
            .cause("a write that took fewer bytes is not repeated with the rest")
            .breaks(PART)?;
    }
    window.close(2, what)
}

fn keeps_strangers_out(trial: &Trial, watch: Watch) -> Step {
    // While the function waits: another port of the same machine.
    let mut stranger = trial.correspondent()?;
    let mut window = Window::open(trial, watch, AMPLE)?;
    window.friend_writes(b"hello")?;
    window
        .expect("hello", "the friend wrote 'hello'")
        .breaks(LINE)?;
    let text = format!("[{}] send me money", window.friend.addr());
    stranger.send_to(text.as_bytes(), window.addr)?;
    window.friend_writes(b"it is me")?;
    window
        .expect(
            "it is me",
            "somebody with another port than the friend's wrote first",
        )
        .cause("the sender is not compared, or only its IP address")
        .breaks(FROM_FRIEND)?;
    stranger.send_to(b"q", window.addr)?;
    window.friend_writes(b"still here")?;
    window
        .expect("still here", "a stranger wrote 'q'")
        .cause("the text is looked at before the sender, so that a stranger's 'q' ends it")
        .breaks(FROM_FRIEND)?;
    stranger.send_to(&[b'x'; 65_507], window.addr)?;
    stranger.send_to(b"", window.addr)?;
    window.friend_writes(b"and here")?;
    let what = "a stranger wrote 65,507 bytes, and none";
    window.expect("and here", what).breaks(FROM_FRIEND)?;
    window.close(4, "the friend wrote four texts, a stranger four")?;
    stranger
        .expect_nothing("nobody should be answered")
        .cause("something is sent to a stranger, who so learns that somebody is here")
        .breaks(NO_ANSWER)?;

    // Before the function was called.
    let what = "a stranger and the friend wrote before the function was called";
    let window = Window::open_with(trial, watch, AMPLE, usize::MAX, |friend, addr| {
        stranger.send_to(b"I was here first", addr)?;
        friend.send_to(b"hello", addr)?;
        stranger.send_to(b"q", addr)
    })?;
    window
        .expect("hello", what)
        .cause(
            "connect keeps out only what comes after it, and what was in the queue is not \
             compared",
        )
        .breaks(BEFORE)?;
    window.close(1, what)?;

    #[cfg(target_os = "linux")] // elsewhere 127.0.0.2 is no address of this machine
    {
        let mut window = Window::open(trial, watch, AMPLE)?;
        let port = window.friend.addr().port();
        // Only if nobody else has the port there.
        if let Ok(mut twin) = trial.correspondent_at([127, 0, 0, 2].into(), port) {
            twin.send_to(b"I have the same port", window.addr)?;
            window.friend_writes(b"hello")?;
            let what = "somebody with the friend's port, but another IP address, wrote";
            window
                .expect("hello", what)
                .cause("only the port is compared")
                .breaks(FROM_FRIEND)?;
            window.close(1, what)?;
        }
    }
    Ok(())
}

/// What the friend writes, what shows, and what is wrong if something else does.
const TEXTS: [(&[u8], &str, &str, &str); 14] = [
    (
        "世界, é, 👩\u{200d}🔬, 'single' and \"double\" \\ back".as_bytes(),
        "世界, é, 👩\u{200d}🔬, 'single' and \"double\" \\ back",
        "more is replaced than the characters that the contract names",
        AS_IT_IS,
    ),
    (
        b"clear \x1b[2J your screen",
        "clear \\u{1b}[2J your screen",
        "control characters reach the screen as they came, or are left out",
        CONTROL,
    ),
    (
        b"one\n[friend] two",
        "one\\u{a}[friend] two",
        "a line end inside the text, which is a control character too, makes a second line",
        CONTROL,
    ),
    (
        b"\0\x07\x08\t\r\x7f",
        "\\u{0}\\u{7}\\u{8}\\u{9}\\u{d}\\u{7f}",
        "only some control characters are replaced: '\\r', '\\t', NUL, backspace and 0x7f are \
         others",
        CONTROL,
    ),
    (
        "\u{9b}31m red, \u{85}".as_bytes(),
        "\\u{9b}31m red, \\u{85}",
        "there are control characters outside ASCII, U+0080 to U+009F, which is_ascii_control \
         does not know",
        CONTROL,
    ),
    (
        "\u{202e}dlog\u{202c}, \u{2066}\u{2069}".as_bytes(),
        "\\u{202e}dlog\\u{202c}, \\u{2066}\\u{2069}",
        "the characters that turn text around are no control characters for is_control, and yet \
         are in the contract",
        TURN,
    ),
    (
        "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202d}\u{2067}".as_bytes(),
        "\\u{61c}\\u{200e}\\u{200f}\\u{2028}\\u{2029}\\u{202a}\\u{202d}\\u{2067}",
        "some of the characters in the contract are missing",
        TURN,
    ),
    (
        "\u{200d}\u{2027}\u{202f}\u{2065}\u{206a}\u{a0}".as_bytes(),
        "\u{200d}\u{2027}\u{202f}\u{2065}\u{206a}\u{a0}",
        "more is replaced than the characters that the contract names",
        AS_IT_IS,
    ),
    (
        b"ab\xff\xfecd \xe4\xb8",
        "ab\u{fffd}\u{fffd}cd \u{fffd}",
        "bytes that are not UTF-8 are refused, or the whole text is, as from_utf8 does",
        NOT_UTF_8,
    ),
    (
        b"\x9b31m",
        "\u{fffd}31m",
        "bytes that are not UTF-8 are taken for characters one by one",
        NOT_UTF_8,
    ),
    (
        "\u{feff}hello".as_bytes(),
        "\u{feff}hello",
        "a byte order mark is cut off",
        AS_IT_IS,
    ),
    (b"\n", "\\u{a}", "the text is trimmed", CONTROL),
    (
        b"q\n",
        "q\\u{a}",
        "the text is trimmed before it is compared with 'q'",
        Q,
    ),
    (
        b"q\0",
        "q\\u{0}",
        "something else than the one byte q is taken for the end",
        Q,
    ),
];

fn keeps_control_characters_out(trial: &Trial, watch: Watch) -> Step {
    let mut window = Window::open(trial, watch, AMPLE)?;
    for (text, line, cause, sentence) in TEXTS {
        window.friend_writes(text)?;
        window
            .expect(line, &format!("the friend wrote {}", show(text)))
            .cause(cause)
            .breaks(sentence)?;
    }
    window.close(
        TEXTS.len() as u64,
        "the friend wrote all kinds of characters",
    )
}

/// The characters that the contract names.
fn is_replaced(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// Every character of the first two planes and of the beginning of plane 14, and one of each block
/// of 256 of the others.
fn shows_every_other_character(trial: &Trial, watch: Watch) -> Step {
    let tags = '\u{e0000}'..='\u{e01ff}';
    let beyond = ('\u{20000}'..=char::MAX).step_by(256);
    let all: Vec<char> = ('\0'..='\u{1ffff}').chain(tags).chain(beyond).collect();
    let mut window = Window::open(trial, watch, AMPLE)?;
    let mut texts = 0;
    for some in all.chunks(10_000) {
        let text: String = some.iter().collect();
        let mut line = String::new();
        for &c in some {
            match is_replaced(c) {
                true => drop(write!(line, "{}", c.escape_unicode())),
                false => line.push(c),
            }
        }
        let (first, last) = (u32::from(some[0]), u32::from(some[some.len() - 1]));
        window.friend_writes(text.as_bytes())?;
        window
            .expect(
                &line,
                &format!("the friend wrote the characters U+{first:04X} to U+{last:04X}"),
            )
            .cause(
                "a character is replaced that the contract does not name, or the other way round",
            )
            .breaks(AS_IT_IS)?;
        texts += 1;
    }
    window.close(texts, "the friend wrote all characters")
}

fn shows_every_length(trial: &Trial, watch: Watch) -> Step {
    let mut window = Window::open(trial, watch, AMPLE)?;
    let lengths = [1, 2, 511, 1025, 1473, 4097, 32_769, 65_506, 65_507];
    for n in lengths {
        let text = "x".repeat(n);
        window.friend_writes(text.as_bytes())?;
        window
            .expect(&text, &format!("the friend wrote {n} bytes"))
            .cause("the buffer is too short, and the rest of a longer datagram is lost")
            .breaks(LENGTHS)?;
    }
    window.close(lengths.len() as u64, "the friend wrote long texts")
}

/// The friend writes now and then, for longer than the patience altogether, and then no more.
fn waits_for_the_friend(trial: &Trial, watch: Watch) -> Step {
    const PATIENCE: Duration = Duration::from_millis(400);
    const GAP: Duration = Duration::from_millis(150);
    trial.at_pace(PATIENCE / 2, |pace| {
        let what = "the patience was 0.4 s, the friend wrote five texts, one every 0.15 s, three of them \
            empty";
        let mut window = Window::open(trial, watch, PATIENCE)?;
        let mut last = Instant::now();
        for number in 0..5 {
            if number > 0 {
                thread::sleep(GAP); // the pace of the friend
            }
            let text = ["I am slow", "", "", "", "I am slow"][number];
            window.friend_writes(text.as_bytes())?;
            pace.beat();
            last = Instant::now();
            window.expect(text, what).cause(
                "the time does not begin anew with each text of the friend: it is one limit for \
                 all of them together, or the empty one does not count",
            )?;
        }
        let since = last;
        let returned = window.attempt.result().when(what)?;
        pace.restart();
        if since.elapsed() < PATIENCE - Duration::from_millis(5) {
            let what = format!(
                "{what}: {:.0?} after the last you returned",
                since.elapsed()
            );
            return Err(Fault::new(what).cause("the patience is over too early"));
        }
        is_timed_out(returned, what)
    })
}

fn is_timed_out(returned: io::Result<u64>, what: &str) -> Step {
    let expected = |got: &dyn std::fmt::Debug| {
        Fault::new(format!(
            "{what}: expected an error of the kind TimedOut, got {got:?}"
        ))
    };
    match returned {
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
        Err(error) if error.kind() == ErrorKind::Interrupted => Err(expected(&error).late()),
        Err(error) if error.kind() == ErrorKind::InvalidInput => Err(expected(&error).cause(
            "when nothing is left of the time, set_read_timeout is called with zero, which it \
             refuses",
        )),
        Err(error) => Err(expected(&error)
            .cause("what the socket says of a timeout is returned: WouldBlock on Unix")),
        Ok(n) => Err(expected(&Ok::<u64, ()>(n)).cause("a silence is taken for the end")),
    }
}

fn does_not_wait_for_strangers(trial: &Trial, watch: Watch) -> Step {
    const PATIENCE: Duration = Duration::from_millis(100);
    let limit = trial.limit(Duration::from_secs(1));
    trial.at_pace(PATIENCE * 4 / 5, |pace| {
        let what = "the friend was silent, the patience was 0.1 s, and strangers wrote every 20 ms";
        let mut stranger = trial.correspondent()?;
        let since = Instant::now();
        let window = Window::open(trial, watch, PATIENCE)?;
        pace.beat();
        while !window.attempt.has_ended() && since.elapsed() < limit.duration() {
            let _ = stranger.send_to(b"it is me", window.addr);
            thread::sleep(PATIENCE / 5); // the pace of the strangers
            pace.beat();
        }
        let returned = window.attempt.result_by(&limit, since).when(what).cause(
            "there is no timeout, or each receive gets the whole time anew, also after a \
             stranger's datagram",
        )?;
        is_timed_out(returned, what)
    })
}

/// A stranger writes once, when the most part of the patience is over.
fn does_not_begin_again(trial: &Trial, watch: Watch) -> Step {
    const PATIENCE: Duration = Duration::from_secs(1);
    const LATEST: Duration = Duration::from_millis(1350); // a mistake needs 1.7 s
    trial.at_pace(Duration::from_millis(200), |pace| {
        let what = "a stranger wrote after 0.7 s, and nobody else did; the patience was 1 s";
        let mut stranger = trial.correspondent()?;
        let since = Instant::now();
        let window = Window::open(trial, watch, PATIENCE)?;
        let mut wrote = false;
        pace.restart();
        while !window.attempt.has_ended() && since.elapsed() < LATEST {
            thread::sleep(Duration::from_millis(20)); // the pace of the stranger
            pace.beat();
            if !wrote && since.elapsed() > Duration::from_millis(700) {
                stranger.send_to(b"it is me", window.addr)?;
                wrote = true;
            }
        }
        if !window.attempt.has_ended() {
            let what = format!("{what}: 1.35 s later you had not returned");
            return Err(Fault::new(what)
                .late()
                .cause("the last receive gets the whole patience, although most of it is over"));
        }
        is_timed_out(window.attempt.result()?, what)
    })
}

/// A screen that fails.
struct Broken {
    /// So many bytes it takes before.
    room: usize,
    flushes: bool,
}

impl Broken {
    fn error() -> io::Error {
        io::Error::new(ErrorKind::BrokenPipe, "the screen is gone")
    }
}

impl Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.room);
        if n == 0 && !bytes.is_empty() {
            return Err(Broken::error());
        }
        self.room -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.flushes {
            Ok(())
        } else {
            Err(Broken::error())
        }
    }
}

fn reports_a_failing_screen(trial: &Trial, watch: Watch) -> Step {
    for (room, flushes, call) in [
        (0, false, "write"),
        (3, true, "write"),
        (100, false, "flush"),
    ] {
        let (socket, addr) = trial.socket()?;
        let mut friend = trial.correspondent()?;
        let friend_addr = friend.addr();
        let attempt = trial.start(move || {
            let mut screen = Broken { room, flushes };
            watch(&socket, friend_addr, &mut screen, AMPLE)
        });
        friend.send_to(b"hello", addr)?;
        let what = format!("a {call} of the screen failed with 'the screen is gone'");
        let returned = attempt.result().when(&what);
        match returned.cause(&format!(
            "an error of {call} is dropped, and the loop goes on"
        ))? {
            Err(error) if error.to_string() == "the screen is gone" => {}
            other => {
                let what = format!("{what}: expected that error, got {other:?}");
                return Err(Fault::new(what).cause(match other {
                    Ok(_) => format!("an error of {call} is dropped"),
                    Err(_) => format!("an error of {call} is replaced by another one"),
                }));
            }
        }
    }
    Ok(())
}

/// Only a connected socket fails otherwise than by a timeout, so the check connects it.
#[cfg(target_os = "linux")]
fn reports_a_failing_socket(trial: &Trial, watch: Watch) -> Step {
    let ours = |e: io::Error| Fault::new(format!("the check could not make a socket fail: {e}"));
    let mut window = Window::open(trial, watch, AMPLE)?;
    window.friend_writes(b"hello")?;
    window.expect("hello", "the friend wrote 'hello'")?;
    let nobody = course::Reserved::new().map_err(ours)?;
    window.port.connect(nobody.addr()).map_err(ours)?;
    window.port.send(b"is anybody there?").map_err(ours)?;
    let what = "recv_from failed with ConnectionRefused (the check made it fail)";
    let returned = window.attempt.result().when(what);
    match returned.cause("every error of recv_from is taken for a timeout, or dropped")? {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        other => {
            let what = format!("{what}: expected that error, got {other:?}");
            Err(Fault::new(what).cause("an error of recv_from is replaced by another one"))
        }
    }
}
