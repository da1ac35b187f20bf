//! Exercise 8.3: a room full of clients.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, WAIT, check};
use socket2::{Domain, Socket, Type};
use threaded_server::MAX_LINE;

use super::Chat;

const SHARED_STATE: &str = "docs/08-threaded-server.md: Shared state";
const ONE_CLIENT: &str = "docs/08-threaded-server.md: One client";
const HOW_TO_STOP: &str = "docs/08-threaded-server.md: How to stop";
const AS_SLOW: &str = "docs/08-threaded-server.md: As slow as possible";

/// 8.3 A chat room.
pub fn chat(chat: Chat) -> Verdict {
    check(move |trial| {
        passes_lines_on(trial, chat).read(ONE_CLIENT)?;
        lets_clients_go(trial, chat).read(HOW_TO_STOP)?;
        refuses_a_long_line(trial, chat).read(AS_SLOW)?;
        stands_a_burst(trial, chat).read(SHARED_STATE)?;
        is_not_stalled(trial, chat).read(SHARED_STATE)
    })
}

struct Room<'a> {
    trial: &'a Trial,
    addr: SocketAddr,
    attempt: Attempt<()>,
}

const LEFT: &str = "who has left is still waited for, or is still in the room";

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

    /// The next client, which has been told its number.
    fn enter(&self, number: usize) -> Step<Peer> {
        let mut client = self.trial.connect(self.addr)?;
        client
            .expect(
                format!("you are {number}\n").as_bytes(),
                "the first thing a client gets is its number",
            )
            .cause(
                "clients wait for each other; or numbers are given twice, when somebody has left",
            )?;
        Ok(client)
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
        self.attempt.result().when(what).cause(cause)
    }
}

fn hears(client: &mut Peer, line: &[u8], cause: &str) -> Step {
    client
        .expect(line, "each line should go to everybody else, as it is")
        .cause(cause)
}

fn passes_lines_on(trial: &Trial, chat: Chat) -> Step {
    const ORDINARY: &str = "a line goes to its sender, too; or not to all of the others; or without \
        its number or its line end; or it waits in a buffer";
    const LINES: &str = "one read is taken for one line: a line may come in pieces, and several at \
        once, the empty one among them";
    const TEXT: &str = "the bytes were taken for text, or more than the '\\n' was cut off";
    let room = Room::open(trial, chat, 3)?;
    let [mut one, mut two, mut three] = room.enter_all()?;

    one.send(b"hello\n")?;
    hears(&mut two, b"1: hello\n", ORDINARY)?;
    hears(&mut three, b"1: hello\n", ORDINARY)?;
    two.send(b"hi\n")?;
    hears(&mut one, b"2: hi\n", ORDINARY)?;
    hears(&mut three, b"2: hi\n", ORDINARY)?;
    two.send(b"a\n\nb\n")?;
    hears(&mut one, b"2: a\n2: \n2: b\n", LINES)?;
    hears(&mut three, b"2: a\n2: \n2: b\n", LINES)?;
    one.send(b"half")?;
    thread::sleep(Duration::from_millis(50)); // the pace of the client
    two.send(b"whole\n")?;
    hears(&mut one, b"2: whole\n", LINES)?;
    hears(&mut three, b"2: whole\n", LINES)?;
    one.send(b" a line\nand ")?;
    hears(&mut two, b"1: half a line\n", LINES)?;
    hears(&mut three, b"1: half a line\n", LINES)?;
    one.dribble(b"more\n", Duration::from_millis(10))?;
    hears(&mut two, b"1: and more\n", LINES)?;
    hears(&mut three, b"1: and more\n", LINES)?;

    three.send(b"\xff\x00 \xe4\r\n  \n")?;
    hears(&mut one, b"3: \xff\x00 \xe4\r\n3:   \n", TEXT)?;
    hears(&mut two, b"3: \xff\x00 \xe4\r\n3:   \n", TEXT)?;
    let long = vec![b'x'; MAX_LINE];
    one.send(&[&long[..], b"\n"].concat())?;
    let long = [b"1: ", &long[..], b"\n"].concat();
    let longest = "a line may have 8192 bytes, and its '\\n' does not count";
    hears(&mut two, &long, longest)?;
    hears(&mut three, &long, longest)?;

    drop((one, two, three));
    room.closes("three clients talked and left", LEFT)
}

fn lets_clients_go(trial: &Trial, chat: Chat) -> Step {
    let room = Room::open(trial, chat, 4)?;
    let [mut one, mut two, mut three] = room.enter_all()?;

    one.send(b"bye")?;
    one.half_close()?;
    let last = "what came behind the last '\\n' is a line, too";
    hears(&mut two, b"1: bye\n", last)?;
    hears(&mut three, b"1: bye\n", last)?;
    one.expect_end("when a client has finished, its connection should be closed")
        .cause(LEFT)?;

    two.reset();
    let mut four = room.enter(4)?;
    const GONE: &str = "one who is gone disturbs the others: an error of write, or a lock that is \
        poisoned";
    three.send(b"still here?\n")?;
    hears(&mut four, b"3: still here?\n", GONE)?;
    four.send(b"yes\n")?;
    hears(&mut three, b"4: yes\n", GONE)?;
    room.attempt
        .still_runs()
        .when("two clients were still there")
        .cause("the threads are not joined before the function returns")?;
    for mut client in [three, four] {
        client.half_close()?;
        client
            .expect_end("when a client has finished, its connection should be closed")
            .cause(LEFT)?;
    }
    room.closes("all had left", LEFT)
}

fn refuses_a_long_line(trial: &Trial, chat: Chat) -> Step {
    const ENDLESS: &str = "a line is collected for as long as it goes on";
    let room = Room::open(trial, chat, 3)?;
    let [mut one, mut two, mut three] = room.enter_all()?;
    two.send(&vec![b'x'; MAX_LINE + 1])?;
    two.expect_end("a line was longer than 8192 bytes: its client should be made to leave")
        .cause(ENDLESS)?;
    one.send(b"next\n")?;
    hears(
        &mut three,
        b"1: next\n",
        "a line that is too long goes to nobody",
    )?;
    drop((one, three));
    room.closes("all had left, one of them for its endless line", LEFT)
}

/// Who reads late, but reads, stays.
fn stands_a_burst(trial: &Trial, chat: Chat) -> Step {
    const LINES: usize = 60;
    let room = Room::open(trial, chat, 2)?;
    let [mut one, mut two] = room.enter_all()?;
    for _ in 0..20 {
        one.send(&b"a line of many\n".repeat(LINES))?;
        hears(
            &mut two,
            &b"1: a line of many\n".repeat(LINES),
            "60 lines came at once, and 100 may wait: the queue is shorter",
        )?;
    }
    drop((one, two));
    room.closes("two clients talked fast and left", LEFT)
}

/// A client that never reads more than its greeting.
fn stuck(room: &Room, number: usize) -> Step<TcpStream> {
    let connect = || -> std::io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(4096)?; // so that it is stuck sooner
        socket.connect_timeout(&room.addr.into(), WAIT)?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(WAIT))?;
        let mut greeting = vec![0; format!("you are {number}\n").len()];
        stream.read_exact(&mut greeting)?;
        Ok(stream)
    };
    connect().map_err(|e| Fault::new(format!("client {number} got no greeting: {e}")))
}

fn is_not_stalled(trial: &Trial, chat: Chat) -> Step {
    const STALLS: &str = "somebody waits for a client that does not read: a write in the sender's \
        thread or under the lock that all need, with a timeout or without, or a send into a full \
        queue";
    const NEVER_OUT: &str = "a client that does not read is never made to leave: its queue has no \
        limit, or lines are dropped instead, or nothing wakes the threads that wait for it in read \
        and write, as shutdown(Shutdown::Both) does";
    const WINDOW: usize = 20;
    // Ten million bytes for each who is stuck: more than the system's buffers and 100 lines.
    const WINDOWS: usize = 63;
    let room = Room::open(trial, chat, 5)?;
    let [mut talker, mut listener] = room.enter_all()?;
    let mut all_stuck = Vec::new();
    for number in 3..=5 {
        all_stuck.push(stuck(&room, number)?);
    }

    let line = [&[b'x'; 8000][..], b"\n"].concat();
    let heard = [b"1: ", &line[..]].concat();
    for _ in 0..WINDOWS {
        let started = Instant::now();
        let what = "three of five clients did not read";
        let talked = talker.send(&line.repeat(WINDOW));
        let listened = talked.and_then(|()| {
            listener.expect(&heard.repeat(WINDOW), "the others should hear each line")
        });
        listened.when(what).cause(STALLS)?;
        let took = started.elapsed();
        if took > Duration::from_secs(1) {
            return Err(Fault::new(format!(
                "{what}: for {:.1} s the others heard nothing new",
                took.as_secs_f64()
            ))
            .cause(STALLS));
        }
        // The pace of the talker: whoever writes to the others should come to its turn, too, so
        // that it is in its write when the queue is full.
        thread::sleep(Duration::from_millis(4));
    }
    listener.send(b"I hear you\n")?;
    hears(&mut talker, b"2: I hear you\n", STALLS)?;
    drop((talker, listener));
    room.closes(
        "10 million bytes were said, and who read them has left; three clients neither read nor close",
        NEVER_OUT,
    )?;
    drop(all_stuck); // they were there until now
    Ok(())
}
