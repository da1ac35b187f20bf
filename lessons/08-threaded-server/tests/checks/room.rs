//! Exercise 8.3: a room full of clients.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, compare, show};
use threaded_server::MAX_LINE;
use threaded_server::contract::MAX_WAITING;

use super::{AS_SLOW, COSTS, HOW_TO_STOP, ONE_CLIENT, SHARED_STATE};

pub type Chat = fn(&TcpListener, usize);

const NUMBERS: &str = "Accepts one client after another";
const GREETING: &str = "The first thing that client 7 gets";
const LINE: &str = "A line is all bytes up to";
const PIECES: &str = "A line may be empty";
const EACH: &str = "Each line goes to everybody else";
const ORDER: &str = "The lines of one client arrive in the order";
const LAST_LINE: &str = "When a client has finished";
const LEAVES: &str = "Then it leaves: its connection is closed";
const FAILS: &str = "A client also leaves when a read";
const TOO_LONG: &str = "A client also leaves as soon as";
const STALLS_NOBODY: &str = "A client that does not read stalls nobody";
const WAITING: &str = "Up to [`MAX_WAITING`] lines wait";
const OUT: &str = "When one more would have to wait";
const LATE: &str = "A client that reads late stays";
const ACCEPT: &str = "When `accept` itself fails";
const RETURNS: &str = "Returns when `clients`";

/// The buffers of a client that does not read, so that it is stuck soon, on every machine.
const SMALL: usize = 4096;

/// The buffers of the room, for each of its clients. With much smaller ones TCP itself would pause
/// for fifths of a second, since it waits for room that is worth a segment.
const ROOMY: usize = 32_768;

/// So many long lines, 240 KB, are more than both hold together, though Linux takes twice as much.
const FIT_NOWHERE: usize = 60;

/// The bytes of a long line.
const LONG: usize = 4000;

/// 8.3 A chat room.
pub fn chat(chat: Chat) -> Verdict {
    check(move |trial| {
        passes_lines_on(trial, chat).read(ONE_CLIENT)?;
        lets_clients_go(trial, chat).read(HOW_TO_STOP)?;
        // These take seconds, so they wait while the other scenes are played.
        let failing = trial
            .while_accept_fails(ACCEPT, move |listener| chat(listener, 1))
            .read(COSTS)?;
        let late = ReadsLate::start(trial, chat).read(SHARED_STATE)?;
        let half = HalfALine::start(trial, chat).read(HOW_TO_STOP)?;
        for (length, end) in [
            (MAX_LINE + 1, &b""[..]),
            (MAX_LINE + 1, b"\n"),
            (MAX_LINE + 2, b"\nand another\n"),
            (3 * MAX_LINE, b""),
            (3 * MAX_LINE, b"\nand another\n"),
        ] {
            refuses_a_long_line(trial, chat, length, end).read(AS_SLOW)?;
        }
        lets_lines_wait(trial, chat).read(SHARED_STATE)?;
        is_not_stalled(trial, chat).read(SHARED_STATE)?;
        all_speak_at_once(trial, chat).read(SHARED_STATE)?;
        greets_first(trial, chat).read(SHARED_STATE)?;
        half.goes_to_nobody().read(HOW_TO_STOP)?;
        late.reads().read(SHARED_STATE)?;
        let enter = |addr| Guest::greeted(trial, trial.connect(addr)?, 1).map(drop);
        let attempt = failing.ends(trial, enter).read(COSTS)?;
        attempt.result().breaks(RETURNS).map(drop).read(COSTS)
    })
}

const LOST: &str = "a line is lost because another client speaks or leaves just then; or the one that \
    leaves ends more than its own conversation";

struct Room<'a> {
    trial: &'a Trial,
    addr: SocketAddr,
    attempt: Attempt<()>,
}

const LEFT: &str = "a client that has left is still waited for, or is still in the room";

impl Room<'_> {
    fn open(trial: &Trial, chat: Chat, clients: usize) -> Step<Room<'_>> {
        let (listener, addr) = trial.listen()?;
        let attempt = trial.start(move || chat(&listener, clients));
        Ok(Room {
            trial,
            addr,
            attempt,
        })
    }

    /// One in which the system holds little for a client that does not read.
    fn open_small(trial: &Trial, chat: Chat, clients: usize) -> Step<Room<'_>> {
        let (listener, addr) = trial.listen_with_buffers(ROOMY)?;
        let attempt = trial.start(move || chat(&listener, clients));
        Ok(Room {
            trial,
            addr,
            attempt,
        })
    }

    /// The next client, which has been told its number.
    fn enter(&self, number: usize) -> Step<Guest> {
        Guest::greeted(self.trial, self.trial.connect(self.addr)?, number)
    }

    /// The same, with small buffers.
    fn enter_small(&self, number: usize) -> Step<Guest> {
        Guest::greeted(
            self.trial,
            self.trial.connect_with_buffers(self.addr, SMALL)?,
            number,
        )
    }

    fn enter_all<const N: usize>(&self) -> Step<[Guest; N]> {
        let mut clients = Vec::new();
        for number in 1..=N {
            clients.push(self.enter(number)?);
        }
        let ours = || Fault::new("the check miscounted its clients: this is our bug");
        clients.try_into().map_err(|_| ours())
    }

    fn closes(&self, what: &str, cause: &str) -> Step {
        let result = self.attempt.result().when(what);
        result.breaks(RETURNS).cause(cause)
    }
}

/// A client in a room.
struct Guest {
    number: usize,
    peer: Peer,
}

impl Guest {
    /// A client that is told its number.
    fn greeted(trial: &Trial, peer: Peer, number: usize) -> Step<Guest> {
        let _ = peer.stream().set_write_timeout(Some(trial.patience()));
        let mut client = Guest { number, peer };
        let (greeting, sentence) = (
            format!("you are {number}\n"),
            if number == 1 { GREETING } else { NUMBERS },
        );
        client.gets(
            greeting.as_bytes(),
            "the first thing that a client gets is its number",
            |_, _| {
                (sentence, "clients wait for each other; or numbers are given twice, when somebody has left")
            },
        )?;
        Ok(client)
    }

    /// Sends bytes in one write. What is told later is about what is heard, not about these bytes.
    fn send(&self, bytes: &[u8]) -> Step {
        let mut stream = self.peer.stream();
        let _ = stream.set_nodelay(true);
        stream.write_all(bytes).map_err(|e| {
            let late = matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            let fault = Fault::new(format!("{self} sent {}, and it failed: {e}", show(bytes)));
            if late { fault.late() } else { fault }
        })
    }

    /// Reads just so many bytes as are expected, and compares them. `why` tells, from what came
    /// instead, the sentence that is broken, and the cause.
    fn gets(
        &mut self,
        expected: &[u8],
        promise: &str,
        why: impl Fn(&[u8], End) -> (&'static str, &'static str),
    ) -> Step {
        let (came, end) = self.read_up_to(expected.len());
        compare(expected, &came).map_err(|difference| {
            let (sentence, cause) = why(&came, end);
            let how = match end {
                End::None => "",
                End::Silence => ": nothing more came",
                End::Closed => ": you closed the connection",
                End::Broken => ": the connection was broken off",
            };
            let fault = Fault::new(format!("{self}: {promise}\n{difference}{how}"));
            let fault = if end == End::Silence {
                fault.late()
            } else {
                fault
            };
            fault.breaks(sentence).cause(cause)
        })
    }

    /// Hears just this.
    fn hears(&mut self, lines: &[u8], sentence: &'static str, cause: &'static str) -> Step {
        let promise = "each line should go to everybody else, as it is";
        self.gets(lines, promise, |_, _| (sentence, cause))
    }

    /// What comes, at most so many bytes, and why no more came.
    fn read_up_to(&mut self, size: usize) -> (Vec<u8>, End) {
        let mut came = vec![0; size];
        let (mut filled, mut end) = (0, End::None);
        while filled < size && end == End::None {
            match self.peer.read(&mut came[filled..]) {
                Ok(Some(0)) => end = End::Closed,
                Ok(Some(n)) => filled += n,
                Ok(None) => end = End::Silence,
                Err(_) => end = End::Broken,
            }
        }
        came.truncate(filled);
        (came, end)
    }

    /// Its connection is closed, and nothing comes before that.
    fn is_let_go(&mut self, what: &str) -> Step {
        let (came, end) = self.read_up_to(100);
        if came.is_empty() && matches!(end, End::Closed | End::Broken) {
            return Ok(());
        }
        let came = show(&came);
        let fault = Fault::new(match end {
            End::Silence => format!("{self} {what}: its connection should be closed, and was not"),
            _ => format!("{self} {what}: its connection should be closed, and {came} came"),
        });
        let fault = if end == End::Silence {
            fault.late()
        } else {
            fault
        };
        Err(fault.breaks(LEAVES).cause(LEFT))
    }

    /// Finishes, and is let go.
    fn leaves(&mut self) -> Step {
        self.peer.half_close()?;
        self.is_let_go("has finished")
    }

    /// Whether the function has closed this connection, as far as one can see now.
    fn is_closed(&self) -> bool {
        let stream = self.peer.stream();
        let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
        match stream.peek(&mut [0]) {
            Ok(n) => n == 0,
            Err(e) => !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "client {}", self.number)
    }
}

/// Why no more bytes came.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// All that were wanted have come.
    None,
    Silence,
    Closed,
    /// A reset, which closes, too.
    Broken,
}

fn passes_lines_on(trial: &Trial, chat: Chat) -> Step {
    const ORDINARY: &str = "a line goes to its sender, too; or not to all of the others; or without \
        its number or its line end; or it waits in a buffer";
    const LINES: &str = "one read is taken for one line: a line may come in pieces, and several at \
        once, the empty one among them";
    const TEXT: &str = "the bytes were taken for text, or more than the '\\n' was cut off";
    const BUFFERED: &str = "a line waits in a buffer until more comes, or nobody is woken for it";
    let room = Room::open(trial, chat, 3)?;
    let [mut one, mut two, mut three] = room.enter_all()?;
    let both = |first: &mut Guest, second: &mut Guest, line: &[u8], sentence, cause| {
        first.hears(line, sentence, cause)?;
        second.hears(line, sentence, cause)
    };

    one.send(b"hello\n")?;
    both(&mut two, &mut three, b"1: hello\n", EACH, ORDINARY)?;
    two.send(b"hi\n")?;
    both(&mut one, &mut three, b"2: hi\n", EACH, ORDINARY)?;
    two.send(b"a\n\nb\n")?;
    both(&mut one, &mut three, b"2: a\n2: \n2: b\n", PIECES, LINES)?;
    one.send(b"half")?;
    thread::sleep(Duration::from_millis(50)); // the pace of the client
    two.send(b"whole\n")?;
    both(&mut one, &mut three, b"2: whole\n", PIECES, LINES)?;
    one.send(b" a line\nand ")?;
    both(&mut two, &mut three, b"1: half a line\n", EACH, BUFFERED)?;
    for byte in b"more\n" {
        one.send(&[*byte])?;
        thread::sleep(Duration::from_millis(10)); // the pace of the client
    }
    both(&mut two, &mut three, b"1: and more\n", PIECES, LINES)?;

    three.send(b"\xff\x00 \xe4\r\n  \n\t1: no\n")?;
    let heard = b"3: \xff\x00 \xe4\r\n3:   \n3: \t1: no\n";
    both(&mut one, &mut two, heard, PIECES, TEXT)?;
    const LONGEST: &str = "a line may have 8192 bytes, and its '\\n' does not count";
    for length in [MAX_LINE - 1, MAX_LINE] {
        let long = vec![b'x'; length];
        one.send(&[&long[..], b"\n"].concat())?;
        let long = [b"1: ", &long[..], b"\n"].concat();
        both(&mut two, &mut three, &long, LINE, LONGEST)?;
    }
    drop((one, two, three));
    room.closes("three clients talked and left", LEFT)?;
    let room = Room::open(trial, chat, 0)?;
    room.closes(
        "nobody was to come",
        "the loop accepts before it looks whether anybody is left",
    )
}

fn lets_clients_go(trial: &Trial, chat: Chat) -> Step {
    const LAST: &str = "what came behind the last '\\n' is a line, too";
    const NOTHING: &str = "nothing came behind the last '\\n', and nothing is no line";
    const LONGEST: &str = "a line may have 8192 bytes, and its '\\n' does not count";
    const GONE: &str = "one who is gone disturbs the others: an error of write, or a lock that is \
        poisoned; or a line is lost because another client speaks or leaves just then";
    const EARLY: &str = "the threads are not joined before the function returns";
    let room = Room::open(trial, chat, 6)?;
    let [mut one, mut two, mut three, mut four] = room.enter_all()?;

    one.send(b"that is all\n")?;
    one.leaves()?;
    two.hears(b"1: that is all\n", EACH, "what a client says last is lost")?;
    two.send(b"next\n")?;
    for other in [&mut three, &mut four] {
        let lines = b"1: that is all\n2: next\n";
        other.gets(
            lines,
            "client 1 has finished: the others go on",
            |came, _| {
                if came.len() < lines.len() {
                    (EACH, LOST)
                } else {
                    (LAST_LINE, NOTHING)
                }
            },
        )?;
    }
    four.send(b"bye")?;
    four.peer.half_close()?;
    two.hears(b"4: bye\n", LAST_LINE, LAST)?;
    three.hears(b"4: bye\n", LAST_LINE, LAST)?;
    four.is_let_go("has finished")?;

    two.peer.reset();
    let hears = |client: &mut Guest, line: &[u8]| {
        let promise = "client 2 has reset its connection: the others go on";
        client.gets(line, promise, |_, _| (FAILS, GONE))
    };
    let mut five = room.enter(5)?;
    three.send(b"still here?\n")?;
    hears(&mut five, b"3: still here?\n")?;
    five.send(b"yes\n")?;
    hears(&mut three, b"5: yes\n")?;
    room.attempt
        .still_runs()
        .when("two clients were still there, and one had not come")
        .breaks(RETURNS)
        .cause(EARLY)?;
    let mut six = room.enter(6)?;
    let long = vec![b'y'; MAX_LINE];
    six.send(&long)?;
    six.peer.half_close()?;
    let long = [b"6: ", &long[..], b"\n"].concat();
    three.hears(&long, LAST_LINE, LONGEST)?;
    five.hears(&long, LAST_LINE, LONGEST)?;
    six.is_let_go("has finished")?;
    room.attempt
        .still_runs()
        .when("two clients were still there")
        .breaks(RETURNS)
        .cause(EARLY)?;
    three.leaves()?;
    five.leaves()?;
    room.closes("all had left", LEFT)
}

/// A client that has reset its connection inside a line. Nobody speaks while it leaves: a write to it
/// would get the error instead of the read, which could then be taken for the end.
struct HalfALine<'a> {
    room: Room<'a>,
    listener: Guest,
}

impl HalfALine<'_> {
    fn start(trial: &Trial, chat: Chat) -> Step<HalfALine<'_>> {
        let room = Room::open(trial, chat, 2)?;
        let [mut listener, broken] = room.enter_all()?;
        // Its first line is heard, so what stands behind it has come as well.
        broken.send(b"a line\nhalf a line")?;
        listener.hears(b"2: a line\n", EACH, "a line waits in a buffer")?;
        broken.peer.reset();
        Ok(HalfALine { room, listener })
    }

    fn goes_to_nobody(mut self) -> Step {
        self.listener.peer.half_close()?;
        match self.listener.read_up_to(100) {
            (came, _) if !came.is_empty() => Err(Fault::new(format!(
                "client 2 sent 'half a line' and reset its connection: nobody should hear that, and \
                 client 1 heard {}",
                show(&came)
            ))
            .breaks(FAILS)
            .cause(
                "an error of read is taken for the end, so what came behind the last '\\n' is passed \
                 on: after a reset it goes to nobody",
            )),
            (_, End::Silence) => {
                let what = "client 1 has finished: its connection should be closed, and was not";
                Err(Fault::new(what).late().breaks(LEAVES).cause(LEFT))
            }
            _ => self.room.closes("one has reset, one has left", LEFT),
        }
    }
}

fn refuses_a_long_line(trial: &Trial, chat: Chat, length: usize, end: &[u8]) -> Step {
    const ENDLESS: &str = "a line is collected for as long as it goes on";
    const NOBODY: &str = "a line that is too long goes to nobody, neither whole nor in pieces";
    let what = format!("client 2 sent a line of {length} bytes, where 8192 are allowed");
    let room = Room::open(trial, chat, 3)?;
    let [one, mut two, mut three] = room.enter_all()?;
    // You may close while it is being sent.
    let _ = two.send(&[&vec![b'x'; length][..], end].concat());
    match two.read_up_to(100) {
        (came, _) if !came.is_empty() => {
            return Err(Fault::new(format!("{what}, and heard {}", show(&came)))
                .breaks(EACH)
                .cause("a line goes to its sender, too"));
        }
        (_, End::Silence) => {
            return Err(
                Fault::new(format!("{what}: it should be made to leave, and was not"))
                    .late()
                    .breaks(TOO_LONG)
                    .cause(ENDLESS),
            );
        }
        _ => {}
    }
    one.send(b"next\n")?;
    let promise = format!("{what}, and left; then client 1 said 'next'");
    three.gets(b"1: next\n", &promise, |came, _| {
        if came.is_empty() {
            (EACH, LOST)
        } else {
            (TOO_LONG, NOBODY)
        }
    })?;
    drop((one, three));
    room.closes("all had left, one of them for its endless line", LEFT)
}

/// Six clients, each with its own lines, all at the same time.
fn all_speak_at_once(trial: &Trial, chat: Chat) -> Step {
    const SPEAKERS: usize = 6;
    const ROUNDS: usize = 12;
    const LINES: usize = 18; // of five others: no more than may wait
    let room = Room::open(trial, chat, SPEAKERS)?;
    let mut clients = room.enter_all::<SPEAKERS>()?;
    for round in 0..ROUNDS {
        for client in &clients {
            let lines = (0..LINES).map(|n| said(client.number, round, n));
            client.send(lines.collect::<String>().as_bytes())?;
        }
        for client in &mut clients {
            let others = (1..=SPEAKERS).filter(|other| *other != client.number);
            let mut next: Vec<(usize, usize)> = others.map(|other| (other, 0)).collect();
            let size = next
                .iter()
                .flat_map(|(other, _)| (0..LINES).map(|n| heard(*other, round, n).len()));
            let size = size.sum::<usize>();
            let (came, end) = client.read_up_to(size);
            if end != End::None {
                return Err(too_few(client, size, came.len(), end));
            }
            for line in came.split_inclusive(|byte| *byte == b'\n') {
                let expected = next
                    .iter_mut()
                    .find(|(other, n)| *n < LINES && heard(*other, round, *n).as_bytes() == line);
                let Some((_, n)) = expected else {
                    return Err(out_of_order(client, line));
                };
                *n += 1;
            }
        }
    }
    drop(clients);
    room.closes("six clients talked at the same time and left", LEFT)
}

fn said(number: usize, round: usize, n: usize) -> String {
    // Of many lengths, so that a part of one is never a part of another.
    format!("{round}.{n} {}\n", "word ".repeat((number * 7 + n) % 11))
}

fn heard(number: usize, round: usize, n: usize) -> String {
    format!("{number}: {}", said(number, round, n))
}

fn too_few(client: &Guest, size: usize, came: usize, end: End) -> Fault {
    let how = match end {
        End::Silence => "nothing more",
        _ => "the end",
    };
    let fault = Fault::new(format!(
        "six clients sent 18 lines each at the same time: {client} should hear {size} bytes; {came} \
         came, then {how}"
    ))
    .breaks(WAITING)
    .cause(
        "fewer than 100 lines may wait for a client; or a line is lost because another client speaks \
         just then",
    );
    if end == End::Silence {
        fault.late()
    } else {
        fault
    }
}

fn out_of_order(client: &Guest, line: &[u8]) -> Fault {
    Fault::new(format!(
        "six clients sent 18 lines each at the same time: {client} heard {}, which is none of them, \
         or not the next one of its sender",
        show(line)
    ))
    .breaks(ORDER)
    .cause(
        "a line goes out in pieces, with other lines in between; or each line has a thread of its \
         own, so that they overtake each other",
    )
}

/// Newcomers, while others talk, so that the room is in use at each moment.
fn greets_first(trial: &Trial, chat: Chat) -> Step {
    const TALKERS: usize = 3;
    const ROUNDS: usize = 10;
    const NEWCOMERS: usize = 8;
    const LINES: usize = TALKERS * (6 + 3 * NEWCOMERS); // no more than may wait: nobody has to leave
    let room = Room::open(trial, chat, TALKERS + 1 + ROUNDS * NEWCOMERS)?;
    let [mut listener, one, two, three] = room.enter_all()?;
    let mut talkers: [Guest; TALKERS] = [one, two, three];
    let mut number = TALKERS + 1;
    for _ in 0..ROUNDS {
        let mut newcomers = Vec::new();
        for talker in &talkers {
            talker.send(&b"bla\n".repeat(6))?;
        }
        for _ in 0..NEWCOMERS {
            newcomers.push(trial.connect(room.addr)?);
            for talker in &talkers {
                talker.send(&b"bla\n".repeat(3))?;
            }
        }
        for peer in newcomers {
            number += 1;
            let mut newcomer = Guest { number, peer };
            newcomer.gets(
                format!("you are {number}\n").as_bytes(),
                "the first thing that a client gets is its number, also while others talk",
                |_, _| {
                    (
                        GREETING,
                        "the newcomer is in the room before its greeting is on the way",
                    )
                },
            )?;
        }
        // All of them hear the whole round, so that in the next one no more waits for anybody.
        for (client, lines) in talkers
            .iter_mut()
            .map(|talker| (talker, LINES - LINES / TALKERS))
            .chain([(&mut listener, LINES)])
        {
            let size = lines * b"2: bla\n".len();
            let (came, end) = client.read_up_to(size);
            if end != End::None {
                let came = came.len();
                let fault = Fault::new(format!(
                    "three clients talked: {client} should hear {size} bytes, and {came} came"
                ));
                return Err(fault.late().breaks(EACH).cause(LOST));
            }
        }
    }
    drop((talkers, listener));
    room.closes("eighty clients came and left, and three talked", LEFT)
}

/// A client that reads only after seconds, in which other scenes are played.
struct ReadsLate<'a> {
    room: Room<'a>,
    talker: Guest,
    late: Guest,
    expected: Vec<u8>,
    since: Instant,
}

impl ReadsLate<'_> {
    /// Twice as long as for who gives a write a second and a half: the first write that waits may
    /// have written a part, and then the next one begins anew.
    const FOR: Duration = Duration::from_millis(3200);

    fn start(trial: &Trial, chat: Chat) -> Step<ReadsLate<'_>> {
        let room = Room::open_small(trial, chat, 2)?;
        let talker = room.enter(1)?;
        let late = room.enter_small(2)?;
        let line = |n: usize| format!("line {n} {}\n", "x".repeat(LONG)).into_bytes();
        let lines = (1..=FIT_NOWHERE).map(line).collect::<Vec<_>>().concat();
        let heard = (1..=FIT_NOWHERE).map(|n| [&b"1: "[..], &line(n)].concat());
        let talked = talker.send(&lines);
        talked.breaks(STALLS_NOBODY).cause(STALLS)?;
        Ok(ReadsLate {
            room,
            talker,
            late,
            expected: heard.collect::<Vec<_>>().concat(),
            since: Instant::now(),
        })
    }

    fn reads(mut self) -> Step {
        const WHAT: &str = "60 lines of 4 KB came, and client 2 read them three seconds later";
        thread::sleep(ReadsLate::FOR.saturating_sub(self.since.elapsed())); // the pace of the client
        let (came, _) = self.late.read_up_to(self.expected.len());
        if came.len() < self.expected.len() {
            let (all, some) = (self.expected.len(), came.len());
            return Err(
                Fault::new(format!("{WHAT}: it should get {all} bytes, and got {some}"))
                    .breaks(LATE)
                    .cause(
                        "a write that takes long is taken for one that fails: a timeout of write",
                    ),
            );
        }
        in_order(WHAT, &self.expected, &came)?;
        drop((self.talker, self.late));
        self.room.closes("one read late, and both have left", LEFT)
    }
}

/// How many long lines the system takes for a client that does not read, in such a room.
fn taken_by_the_system(trial: &Trial) -> Step<usize> {
    let ours = |e| Fault::new(format!("the check could not try its own buffers: {e}"));
    let (listener, addr) = trial.listen_with_buffers(ROOMY)?;
    let _stuck = trial.connect_with_buffers(addr, SMALL)?;
    let (mut stream, _) = listener.accept().map_err(ours)?;
    stream.set_nonblocking(true).map_err(ours)?;
    let (mut lines, mut silent) = (0, 0);
    let line = vec![b'x'; 2 * LONG];
    let mut from = 0;
    while silent < 3 && lines < FIT_NOWHERE {
        match stream.write(&line[from..]) {
            Ok(n) if from + n < line.len() => from += n,
            Ok(_) => {
                from = 0;
                lines += 1;
            }
            Err(_) => {
                silent += 1;
                thread::sleep(Duration::from_millis(1)); // what was sent is on its way
            }
        }
    }
    Ok(lines + 1)
}

/// How many lines wait for one who reads late, and when it has to leave.
fn lets_lines_wait(trial: &Trial, chat: Chat) -> Step {
    const LONGER: &str = "its queue has no limit, or a greater one, or is limited by something else \
        than the number of lines; or whoever writes takes many lines out at once, so that they wait \
        there and the queue has room again";
    const DROPPED: &str = "lines that find no room are dropped, and the client stays";
    const SENDER: &str = "the one that speaks is made to leave, and not the one that does not read";
    const SHORTER: &str = "100 lines may wait: the queue is shorter, or a write that takes long is \
        taken for one that fails";
    const READ_AT_FIRST: usize = 40;
    let system = taken_by_the_system(trial)?;
    // As many as may wait, and some that the system takes. They are long, those behind them short.
    let first = 1..MAX_WAITING + system * 3 / 4;
    let line = |n: usize| match first.contains(&n) {
        true => format!("line {n} {}\n", "x".repeat(2 * LONG)).into_bytes(),
        false => format!("line {n}\n").into_bytes(),
    };
    let all = |lines: Range<usize>| lines.map(line).collect::<Vec<_>>().concat();
    let heard = |n: usize| [&b"1: "[..], &line(n)].concat();
    let all_heard = |lines: Range<usize>| lines.map(heard).collect::<Vec<_>>().concat();

    let room = Room::open_small(trial, chat, 3)?;
    let (talker, mut listener) = (room.enter(1)?, room.enter(2)?);
    let mut late = room.enter_small(3)?;
    let say = |listener: &mut Guest, lines: Range<usize>, what: &str| -> Step {
        let mut from = lines.start;
        while from < lines.end {
            let window = from..lines.end.min(from + 20);
            from = window.end;
            let said = talker.send(&all(window.clone()));
            said.when(what).breaks(STALLS_NOBODY).cause(STALLS)?;
            let promise = "each line should go to everybody else, as it is";
            let expected = all_heard(window);
            let heard = listener.gets(&expected, promise, |_, end| match end {
                End::None => (ORDER, OVERTAKE),
                End::Closed | End::Broken => (WAITING, SHORTER),
                End::Silence if talker.is_closed() => (OUT, SENDER),
                End::Silence => (STALLS_NOBODY, STALLS),
            });
            heard.when(what)?;
        }
        Ok(())
    };

    // A part of the long ones is read.
    let what = format!(
        "{} lines of 8 KB came (the system takes about {system}), and client 3 read only then",
        first.len()
    );
    say(&mut listener, 1..21, &what)?;
    // Whoever writes to client 3 comes to its turn before the others are said.
    let _ = late.peer.stream().set_read_timeout(Some(trial.patience()));
    let _ = late.peer.stream().peek(&mut [0]);
    say(&mut listener, 21..first.end, &what)?;
    let expected = all_heard(1..1 + READ_AT_FIRST);
    let (came, _) = late.read_up_to(expected.len());
    if came.len() < expected.len() {
        let (all, some) = (expected.len(), came.len());
        return Err(Fault::new(format!(
            "{what}: of the first {all} bytes it got {some}, then no more"
        ))
        .late() // where nobody wrote to it meanwhile, more had to wait
        .breaks(WAITING)
        .cause(SHORTER));
    }
    in_order(&what, &expected, &came)?;

    // More than may wait now, though the system takes some again.
    let last = READ_AT_FIRST + MAX_WAITING + system * 3 / 2 + 3;
    let waiting = last - READ_AT_FIRST;
    let what = format!(
        "client 3 read 40 of {} lines of 8 KB, then no more, while short ones came, so that there were \
         {waiting} for it (the system takes about {system}, and 100 may wait)",
        first.len()
    );
    say(&mut listener, first.end..last + 1, &what)?;
    let expected = all_heard(1 + READ_AT_FIRST..last + 1);
    let (came, _) = late.read_up_to(expected.len());
    if came.len() >= expected.len() {
        return Err(
            Fault::new(format!("{what}: then it read, and got all of them"))
                .breaks(OUT)
                .cause(LONGER),
        );
    }
    if !expected.starts_with(&came) {
        return Err(Fault::new(format!(
            "{what}: then it read, and some were missing between others"
        ))
        .breaks(OUT)
        .cause(DROPPED));
    }
    listener.send(b"Is client 3 still here?\n")?;
    let mut talker = talker;
    let promise = "each line should go to everybody else, as it is";
    talker.gets(
        b"2: Is client 3 still here?\n",
        promise,
        |_, end| match end {
            End::Closed | End::Broken => (OUT, SENDER),
            _ => (EACH, "a line goes to its sender, or a line is lost"),
        },
    )?;
    let (more, _) = late.read_up_to(100);
    if !more.is_empty() {
        return Err(Fault::new(format!(
            "{what}: then it read, and it was still in the room: it got {}",
            show(&more)
        ))
        .breaks(OUT)
        .cause(DROPPED));
    }
    drop((talker, listener, late));
    room.closes("all have left", LEFT)
}

const STALLS: &str = "somebody waits for a client that does not read: a write in the sender's thread \
    or under the lock that all need, with a timeout or without, or a send into a full queue";

const OVERTAKE: &str = "lines overtake each other: each has a thread of its own, or they are not taken \
    out in the order in which they were put in";

/// All lines have come: they are in their order.
fn in_order(what: &str, expected: &[u8], came: &[u8]) -> Step {
    compare(expected, came).map_err(|difference| {
        Fault::new(format!("{what}\n{difference}"))
            .breaks(ORDER)
            .cause(OVERTAKE)
    })
}

/// Three clients stop reading: one leaves, one has to leave for its line, and one for what waits.
fn is_not_stalled(trial: &Trial, chat: Chat) -> Step {
    const NEVER_OUT: &str = "a client that does not read is never made to leave: nothing wakes the \
        threads that wait for it in read and write, as shutdown(Shutdown::Both) does";
    const WRITES_ON: &str = "a client that leaves is woken in read only, or not at all: the thread \
        that waits for it in write needs shutdown(Shutdown::Both), too";
    const WINDOW: usize = 10;
    // More than 100 lines, and than the system can have taken; half of that is less than 100.
    const WINDOWS: usize = (MAX_WAITING + FIT_NOWHERE).div_ceil(WINDOW);
    let what = "three of five clients did not read";
    let room = Room::open_small(trial, chat, 6)?;
    let (talker, mut listener) = (room.enter(1)?, room.enter(2)?);
    let (stuck, mut finished, endless) = (
        room.enter_small(3)?,
        room.enter_small(4)?,
        room.enter_small(5)?,
    );

    let line = [&[b'x'; LONG][..], b"\n"].concat();
    let heard = [b"1: ", &line[..]].concat();
    let limit = trial.limit(Duration::from_secs(1));
    for window in 0..WINDOWS {
        if window == WINDOWS / 2 {
            finished.peer.half_close()?;
            let _ = endless.send(&[b'y'; MAX_LINE + 1]); // you may close while it is being sent
        }
        let since = Instant::now();
        let talked = talker.send(&line.repeat(WINDOW));
        talked.when(what).breaks(STALLS_NOBODY).cause(STALLS)?;
        listener
            .hears(&heard.repeat(WINDOW), STALLS_NOBODY, STALLS)
            .when(what)?;
        if limit.passed(since) {
            return Err(Fault::new(format!(
                "{what}: in {limit} the others did not hear {WINDOW} lines"
            ))
            .late()
            .breaks(STALLS_NOBODY)
            .cause(STALLS));
        }
        // The pace of the talker: whoever writes to the others should come to its turn, too, so
        // that it is in its write when the queue is full.
        thread::sleep(Duration::from_millis(4));
    }
    let entered = room.enter(6).when(what);
    let mut newcomer = entered.breaks(STALLS_NOBODY).cause(STALLS)?;
    listener.send(b"I hear you\n")?;
    let mut talker = talker;
    for other in [&mut talker, &mut newcomer] {
        other.hears(b"2: I hear you\n", STALLS_NOBODY, STALLS)?;
    }
    drop((talker, listener, newcomer));
    if cfg!(windows) {
        // There `shutdown` wakes nobody who waits in read or write: the clients have to go.
        drop((stuck, finished, endless));
        return room.closes("all have left", LEFT);
    }
    let what = "160 lines of 4 KB were said, and those who read them have left. Of the three who did \
        not read, one finished, one sent a line that was too long, and one did nothing; none of them \
        closes";
    let Err(fault) = room.attempt.result().when(what).breaks(RETURNS) else {
        return Ok(());
    };
    // Is it for these two that the function waits?
    drop((finished, endless));
    let waited = room.attempt.result().is_ok();
    drop(stuck);
    Err(fault.cause(if waited { WRITES_ON } else { NEVER_OUT }))
}
