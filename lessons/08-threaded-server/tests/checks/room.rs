//! Exercise 8.3: a room full of clients.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, compare, show};
use threaded_server::MAX_LINE;
use threaded_server::contract::MAX_WAITING;

use super::accept::survives_failures;
use super::{AS_SLOW, HOW_TO_STOP, ONE_CLIENT, SHARED_STATE};

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
        for length in [MAX_LINE + 1, MAX_LINE + 2, 3 * MAX_LINE] {
            refuses_a_long_line(trial, chat, length).read(AS_SLOW)?;
        }
        lets_lines_wait(trial, chat).read(SHARED_STATE)?;
        all_speak_at_once(trial, chat).read(SHARED_STATE)?;
        is_not_stalled(trial, chat).read(SHARED_STATE)?;
        greets_first(trial, chat).read(SHARED_STATE)?;
        survives_a_failing_accept(trial, chat)
    })
}

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
    fn enter(&self, number: usize) -> Step<Peer> {
        greeted(self.trial.connect(self.addr)?, number)
    }

    /// The same, with small buffers.
    fn enter_small(&self, number: usize) -> Step<Peer> {
        greeted(self.trial.connect_with_buffers(self.addr, SMALL)?, number)
    }

    fn enter_all<const N: usize>(&self) -> Step<[Peer; N]> {
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

fn greeted(mut client: Peer, number: usize) -> Step<Peer> {
    let sentence = if number == 1 { GREETING } else { NUMBERS };
    client
        .expect(
            format!("you are {number}\n").as_bytes(),
            "the first thing a client gets is its number",
        )
        .breaks(sentence)
        .cause("clients wait for each other; or numbers are given twice, when somebody has left")?;
    Ok(client)
}

fn hears(client: &mut Peer, line: &[u8], sentence: &'static str, cause: &str) -> Step {
    client
        .expect(line, "each line should go to everybody else, as it is")
        .breaks(sentence)
        .cause(cause)
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
    let both = |first: &mut Peer, second: &mut Peer, line: &[u8], sentence, cause: &str| {
        hears(first, line, sentence, cause)?;
        hears(second, line, sentence, cause)
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
    one.dribble(b"more\n", Duration::from_millis(10))?;
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
        poisoned";
    const EARLY: &str = "the threads are not joined before the function returns";
    let ends = |client: &mut Peer| {
        client.half_close()?;
        client
            .expect_end("when a client has finished, its connection should be closed")
            .breaks(LEAVES)
            .cause(LEFT)
    };
    let room = Room::open(trial, chat, 6)?;
    let [mut one, mut two, mut three, mut four] = room.enter_all()?;

    one.send(b"that is all\n")?;
    ends(&mut one)?;
    hears(
        &mut two,
        b"1: that is all\n",
        EACH,
        "what a client says last is lost",
    )?;
    two.send(b"next\n")?;
    for other in [&mut three, &mut four] {
        hears(other, b"1: that is all\n2: next\n", LAST_LINE, NOTHING)?;
    }
    four.send(b"bye")?;
    four.half_close()?;
    hears(&mut two, b"4: bye\n", LAST_LINE, LAST)?;
    hears(&mut three, b"4: bye\n", LAST_LINE, LAST)?;
    four.expect_end("when a client has finished, its connection should be closed")
        .breaks(LEAVES)
        .cause(LEFT)?;

    two.reset();
    let mut five = room.enter(5)?;
    three.send(b"still here?\n")?;
    hears(&mut five, b"3: still here?\n", FAILS, GONE)?;
    five.send(b"yes\n")?;
    hears(&mut three, b"5: yes\n", FAILS, GONE)?;
    room.attempt
        .still_runs()
        .when("two clients were still there, and one had not come")
        .breaks(RETURNS)
        .cause(EARLY)?;
    let mut six = room.enter(6)?;
    let long = vec![b'y'; MAX_LINE];
    six.send(&long)?;
    six.half_close()?;
    let long = [b"6: ", &long[..], b"\n"].concat();
    hears(&mut three, &long, LAST_LINE, LONGEST)?;
    hears(&mut five, &long, LAST_LINE, LONGEST)?;
    room.attempt
        .still_runs()
        .when("two clients were still there")
        .breaks(RETURNS)
        .cause(EARLY)?;
    ends(&mut three)?;
    ends(&mut five)?;
    room.closes("all had left", LEFT)
}

fn refuses_a_long_line(trial: &Trial, chat: Chat, length: usize) -> Step {
    const ENDLESS: &str = "a line is collected for as long as it goes on";
    const NOBODY: &str = "a line that is too long goes to nobody, neither whole nor in pieces";
    const LOST: &str = "a line is lost while another client leaves, or the one that leaves ends more \
        than its own conversation";
    for end in [&b""[..], b"\n", b"\nand another\n"] {
        let room = Room::open(trial, chat, 3)?;
        let [mut one, mut two, mut three] = room.enter_all()?;
        // You may close while it is being sent.
        let _ = two.send(&[&vec![b'x'; length][..], end].concat());
        // A reset closes as well.
        if let Ok(came) = two.read_to_end(100).or_else(|fault| {
            let closed = two.stream().take_error().is_ok() && fault_is_reset(&fault);
            if closed { Ok(Vec::new()) } else { Err(fault) }
        }) {
            if !came.is_empty() {
                return Err(Fault::new(format!("its sender heard {}", show(&came)))
                    .breaks(EACH)
                    .cause("a line goes to its sender, too"));
            }
        } else {
            return Err(Fault::new(format!(
                "a line was longer than 8192 bytes, {length}: its client should be made to leave"
            ))
            .late()
            .breaks(TOO_LONG)
            .cause(ENDLESS));
        }
        one.send(b"next\n")?;
        let (came, _) = read_late(&mut three, b"1: next\n".len());
        if came.is_empty() {
            let what = "a client was made to leave for a line that was too long; then another one \
                said something, and nobody heard it";
            return Err(Fault::new(what).late().breaks(EACH).cause(LOST));
        }
        compare(b"1: next\n", &came)
            .map_err(|difference| Fault::new(difference).breaks(TOO_LONG).cause(NOBODY))?;
        drop((one, three));
        room.closes("all had left, one of them for its endless line", LEFT)?;
    }
    Ok(())
}

/// A read that fails for another reason than that nothing came in time.
fn fault_is_reset(fault: &Fault) -> bool {
    fault.to_string().contains("reading your answer failed")
}

/// Six clients, each with its own lines, all at the same time.
fn all_speak_at_once(trial: &Trial, chat: Chat) -> Step {
    const SPEAKERS: usize = 6;
    const ROUNDS: usize = 24;
    const LINES: usize = 18; // of five others: no more than may wait
    let room = Room::open(trial, chat, SPEAKERS)?;
    let mut clients = room.enter_all::<SPEAKERS>()?;
    for round in 0..ROUNDS {
        for (number, client) in (1..).zip(&mut clients) {
            let lines: String = (0..LINES).map(|n| said(number, round, n)).collect();
            client.send(lines.as_bytes())?;
        }
        for (number, client) in (1..).zip(&mut clients) {
            let others = (1..=SPEAKERS).filter(|other| *other != number);
            let mut next: Vec<(usize, usize)> = others.map(|other| (other, 0)).collect();
            let size = next
                .iter()
                .flat_map(|(other, _)| (0..LINES).map(|n| heard(*other, round, n).len()));
            let size = size.sum::<usize>();
            let came = read_just(client, size, round)?;
            for line in came.split_inclusive(|byte| *byte == b'\n') {
                let expected = next
                    .iter_mut()
                    .find(|(other, n)| *n < LINES && heard(*other, round, *n).as_bytes() == line);
                let Some((_, n)) = expected else {
                    return Err(out_of_order(line, round));
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

fn read_just(client: &mut Peer, size: usize, round: usize) -> Step<Vec<u8>> {
    let mut came = vec![0; size];
    let mut filled = 0;
    while filled < size {
        match client.read(&mut came[filled..])? {
            Some(n @ 1..) => filled += n,
            end => {
                let closed = end.is_some();
                let fault = Fault::new(format!(
                    "six clients sent 18 lines each at the same time, in round {}: each should hear \
                     {size} bytes; {filled} came, then {}",
                    round + 1,
                    if closed { "the end" } else { "nothing more" }
                ));
                let cause = "fewer than 100 lines may wait for a client; or lines get lost when \
                    several speak at once";
                let fault = if closed { fault } else { fault.late() };
                return Err(fault.breaks(WAITING).cause(cause));
            }
        }
    }
    Ok(came)
}

fn out_of_order(line: &[u8], round: usize) -> Fault {
    Fault::new(format!(
        "six clients sent 18 lines each at the same time, in round {}: this is none of them, or not \
         the next one of its sender: {}",
        round + 1,
        show(line)
    ))
    .breaks(ORDER)
    .cause(
        "a line goes out in pieces, with other lines in between; or each line has a thread of its \
         own, so that they overtake each other",
    )
}

/// Newcomers, while somebody talks.
fn greets_first(trial: &Trial, chat: Chat) -> Step {
    const NEWCOMERS: usize = 12;
    let room = Room::open(trial, chat, NEWCOMERS + 2)?;
    let [mut talker, mut listener] = room.enter_all()?;
    for number in 3..=NEWCOMERS + 2 {
        let mut newcomer = trial.connect(room.addr)?;
        talker.send(&b"bla\n".repeat(60))?;
        newcomer
            .expect(
                format!("you are {number}\n").as_bytes(),
                "the first thing a client gets is its number, also while others talk",
            )
            .breaks(GREETING)
            .cause("the newcomer is in the room before its greeting is on the way")?;
        let all = b"1: bla\n".repeat(60);
        hears(&mut listener, &all, EACH, "a line was lost")?;
    }
    drop((talker, listener));
    room.closes("twelve clients came and left, and one talked", LEFT)
}

/// How many lines wait for one who reads late, and when it has to leave.
fn lets_lines_wait(trial: &Trial, chat: Chat) -> Step {
    const LONGER: &str = "its queue has no limit, or a greater one, or is limited by something else \
        than the number of lines";
    const DROPPED: &str = "lines that find no room are dropped, and the client stays";
    let short = |n: usize| format!("line {n}\n").into_bytes();
    let long = |n: usize| format!("line {n} {}\n", "x".repeat(2 * LONG)).into_bytes();
    let heard = |line: Vec<u8>| [&b"1: "[..], &line].concat();

    for (length, line) in [
        ("short", &short as &dyn Fn(usize) -> Vec<u8>),
        ("long", &long),
    ] {
        let room = Room::open_small(trial, chat, 3)?;
        let (mut talker, mut listener) = (room.enter(1)?, room.enter(2)?);
        let mut late = room.enter_small(3)?;
        let lines: Vec<u8> = (1..MAX_WAITING).flat_map(line).collect();
        let expected: Vec<u8> = (1..MAX_WAITING).flat_map(|n| heard(line(n))).collect();
        let what = format!("99 {length} lines came at once, and client 3 read only then");
        talker
            .send(&lines)
            .when(&what)
            .breaks(STALLS_NOBODY)
            .cause(STALLS)?;
        let (came, silent) = read_late(&mut listener, expected.len());
        if silent && came.len() < expected.len() {
            return Err(Fault::new(format!(
                "{what}: client 2, which reads, got only {} of {} bytes before that",
                came.len(),
                expected.len()
            ))
            .late()
            .breaks(STALLS_NOBODY)
            .cause(STALLS));
        }
        in_order(&what, &expected, &came, WAITING)?;
        if length == "long" {
            thread::sleep(Duration::from_millis(400)); // the pace of the client that reads late
        }
        let (came, _) = read_late(&mut late, expected.len());
        in_order(&what, &expected, &came, LATE)?;
        drop((talker, listener, late));
        room.closes("one read late, and all have left", LEFT)?;
    }

    // More than may wait, and than the system can have taken.
    let room = Room::open_small(trial, chat, 3)?;
    let (mut talker, mut listener) = (room.enter(1)?, room.enter(2)?);
    let mut stuck = room.enter_small(3)?;
    let count = MAX_WAITING + FIT_NOWHERE;
    let what = format!("{count} lines of 8 KB came, and client 3 did not read");
    let (mut from, mut expected) = (1, Vec::new());
    while from <= count {
        let window = from..from + 20;
        let lines: Vec<u8> = window.clone().flat_map(long).collect();
        let part: Vec<u8> = window.clone().flat_map(|n| heard(long(n))).collect();
        talker.send(&lines).when(&what).breaks(STALLS_NOBODY)?;
        let heard = listener.expect(&part, "each line should go to everybody else, as it is");
        let (sentence, cause) = if heard.is_err() && is_closed(&talker) {
            (
                OUT,
                "the one that speaks is made to leave, and not the one that does not read",
            )
        } else {
            (STALLS_NOBODY, STALLS)
        };
        heard.when(&what).breaks(sentence).cause(cause)?;
        expected.extend(part);
        from = window.end;
    }
    let (came, _) = read_late(&mut stuck, expected.len());
    if came.len() >= expected.len() {
        return Err(Fault::new(format!(
            "{what}: then it read, and all of them had waited for it"
        ))
        .breaks(OUT)
        .cause(LONGER));
    }
    if !expected.starts_with(&came) {
        return Err(Fault::new(format!(
            "{what}: then it read, and some were missing between others"
        ))
        .breaks(OUT)
        .cause(DROPPED));
    }
    listener.send(b"Is client 3 still here?\n")?;
    hears(
        &mut talker,
        b"2: Is client 3 still here?\n",
        EACH,
        "a line went to its sender, or one was lost",
    )?;
    let (more, _) = read_late(&mut stuck, 100);
    if !more.is_empty() {
        return Err(Fault::new(format!(
            "{what}: then it read, and it was still in the room: it got {}",
            show(&more)
        ))
        .breaks(OUT)
        .cause(DROPPED));
    }
    drop((talker, listener, stuck));
    room.closes("all have left", LEFT)
}

const STALLS: &str = "somebody waits for a client that does not read: a write in the sender's thread \
    or under the lock that all need, with a timeout or without, or a send into a full queue";

/// What comes, until the end, a reset or so many bytes; and whether it ended because nothing more
/// came.
fn read_late(client: &mut Peer, size: usize) -> (Vec<u8>, bool) {
    let mut came = vec![0; size];
    let (mut filled, mut silent) = (0, false);
    while filled < size {
        match client.read(&mut came[filled..]) {
            Ok(Some(n @ 1..)) => filled += n,
            Ok(None) => {
                silent = true;
                break;
            }
            Ok(Some(0)) | Err(_) => break,
        }
    }
    came.truncate(filled);
    (came, silent)
}

/// Whether the function has closed this connection, as far as one can see now.
fn is_closed(client: &Peer) -> bool {
    let stream = client.stream();
    let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
    match stream.peek(&mut [0]) {
        Ok(n) => n == 0,
        Err(e) => !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// All lines have come, in their order.
fn in_order(what: &str, expected: &[u8], came: &[u8], sentence: &'static str) -> Step {
    const SHORTER: &str = "99 lines came at once, and 100 may wait: the queue is shorter, or a write \
        that takes long is taken for one that fails";
    const OVERTAKE: &str = "lines overtake each other: each has a thread of its own, or they are not \
        taken out in the order in which they were put in";
    if came.len() < expected.len() {
        let (all, some) = (expected.len(), came.len());
        return Err(
            Fault::new(format!("{what}: it should get {all} bytes, and got {some}"))
                .breaks(sentence)
                .cause(SHORTER),
        );
    }
    compare(expected, came).map_err(|difference| {
        Fault::new(format!("{what}\n{difference}"))
            .breaks(ORDER)
            .cause(OVERTAKE)
    })
}

fn is_not_stalled(trial: &Trial, chat: Chat) -> Step {
    const NEVER_OUT: &str = "a client that does not read is never made to leave: nothing wakes the \
        threads that wait for it in read and write, as shutdown(Shutdown::Both) does";
    const WINDOW: usize = 5;
    // More than 100 lines, and than the system can have taken.
    const WINDOWS: usize = (MAX_WAITING + FIT_NOWHERE).div_ceil(WINDOW);
    let what = "three of five clients did not read";
    let room = Room::open_small(trial, chat, 5)?;
    let (mut talker, mut listener) = (room.enter(1)?, room.enter(2)?);
    let mut all_stuck = Vec::new();
    for number in 3..=5 {
        all_stuck.push(room.enter_small(number)?);
    }

    let line = [&[b'x'; LONG][..], b"\n"].concat();
    let heard = [b"1: ", &line[..]].concat();
    let limit = trial.limit(Duration::from_secs(1));
    for _ in 0..WINDOWS {
        let since = Instant::now();
        let talked = talker.send(&line.repeat(WINDOW));
        let listened = talked.and_then(|()| {
            listener.expect(&heard.repeat(WINDOW), "the others should hear each line")
        });
        listened.when(what).breaks(STALLS_NOBODY).cause(STALLS)?;
        if limit.passed(since) {
            return Err(Fault::new(format!(
                "{what}: in {limit} the others did not hear 5 lines"
            ))
            .late()
            .breaks(STALLS_NOBODY)
            .cause(STALLS));
        }
        // The pace of the talker: whoever writes to the others should come to its turn, too, so
        // that it is in its write when the queue is full.
        thread::sleep(Duration::from_millis(4));
    }
    listener.send(b"I hear you\n")?;
    hears(&mut talker, b"2: I hear you\n", STALLS_NOBODY, STALLS)?;
    drop((talker, listener));
    if cfg!(windows) {
        // There `shutdown` wakes nobody who waits in read or write: the clients have to go.
        all_stuck.clear();
    }
    room.closes(
        "160 lines of 4 KB were said, and those who read them have left; three clients neither read \
         nor close",
        NEVER_OUT,
    )?;
    drop(all_stuck); // they were there until now
    Ok(())
}

fn survives_a_failing_accept(trial: &Trial, chat: Chat) -> Step {
    let attempt = survives_failures(
        trial,
        ACCEPT,
        move |listener| chat(listener, 1),
        |addr| greeted(trial.connect(addr)?, 1).map(drop),
    )?;
    attempt.result().breaks(RETURNS).map(drop)
}
