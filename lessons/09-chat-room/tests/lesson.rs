//! Checks the lesson's own server, with both of its engines, its client, and its page.

mod checked;

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use chat_room::{MAX_LINE, MAX_UNREAD};
use course::{PATIENCE, Server, accept, connect, reset};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, diff, starts_with};
use socket2::{Domain, Socket, Type};

const SERVER: &str = env!("CARGO_BIN_EXE_room-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_room-client");

/// Each of these is run with either engine.
macro_rules! both_engines {
    ($($name:ident)*) => {
        mod one_thread {
            $(#[test] fn $name() { super::$name(&[]) })*
        }
        mod threads {
            $(#[test] fn $name() { super::$name(&["--threads"]) })*
        }
    };
}

both_engines! {
    tells_everybody_else_what_somebody_says
    lets_nobody_in_without_a_name_of_his_own
    lets_nobody_speak_with_the_voice_of_the_room
    takes_a_last_line_without_an_end_and_sends_what_is_under_way
    refuses_a_line_that_is_too_long
    drops_who_does_not_read_and_tells_the_others
    keeps_a_late_reader_and_loses_nothing
    survives_rude_clients
    gives_one_deadline_for_the_name_and_none_for_what_follows
    a_flood_starves_nobody
    serves_very_many_at_once
    turns_clients_away_when_it_is_full_and_takes_them_again
    speaks_with_python
}

#[cfg(target_os = "linux")]
mod on_linux {
    use super::{no_more_files, waits_without_work};

    both_engines! {
        waits_without_work
        no_more_files
    }
}

#[cfg(unix)]
mod on_unix {
    use super::{ctrl_c_stops_also_while_somebody_never_reads, ctrl_c_stops_it_in_order};

    both_engines! {
        ctrl_c_stops_it_in_order
        ctrl_c_stops_also_while_somebody_never_reads
    }
}

type Engine<'a> = &'a [&'a str];

fn start(engine: Engine, arguments: &[&str]) -> Server {
    // On a machine that stalls, somebody's ten seconds may be over before a test comes to them.
    let patient: &[&str] = match arguments {
        ["--name-timeout", ..] => &[],
        _ => &["--name-timeout", "3600"],
    };
    Server::start(SERVER, &[engine, patient, arguments].concat())
}

/// A client of the test's own.
struct Visitor {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Visitor {
    #[track_caller]
    fn connect(addr: SocketAddr) -> Visitor {
        Visitor::from(connect(addr))
    }

    #[track_caller]
    fn from(stream: TcpStream) -> Visitor {
        stream
            .set_nodelay(true)
            .expect("a socket takes TCP_NODELAY");
        let lines = BufReader::new(stream.try_clone().expect("a socket can be cloned"));
        Visitor { stream, lines }
    }

    /// Says its name and is told who is here.
    #[track_caller]
    fn enter(addr: SocketAddr, name: &str) -> Visitor {
        let mut visitor = Visitor::connect(addr);
        visitor.say(name);
        let welcome = visitor.read_line();
        let here = welcome.starts_with("* here: ") || welcome == "* nobody else is here\n";
        assert!(here, "{welcome:?}");
        visitor
    }

    #[track_caller]
    fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes());
    }

    #[track_caller]
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// The server's next line; nothing when it has closed. A reset fails the test.
    #[track_caller]
    fn read_line(&mut self) -> String {
        let mut line = Vec::new();
        let read = self.lines.read_until(b'\n', &mut line);
        read.unwrap_or_else(|error| panic!("waited for a line of the server: {error}"));
        String::from_utf8(line).expect("the server speaks UTF-8")
    }

    #[track_caller]
    fn hears(&mut self, line: &str) {
        assert_eq!(self.read_line(), format!("{line}\n"));
    }

    /// Reads on to a line.
    #[track_caller]
    fn hears_at_last(&mut self, line: &str) {
        let line = format!("{line}\n");
        loop {
            let heard = self.read_line();
            assert!(
                !heard.is_empty(),
                "the server closed before it said {line:?}"
            );
            if heard == line {
                return;
            }
        }
    }

    #[track_caller]
    fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).expect("it is open");
    }
}

/// Two ordinary clients can talk.
#[track_caller]
fn serves_ordinary_clients(addr: SocketAddr) {
    static NUMBER: AtomicUsize = AtomicUsize::new(1);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let (one, two) = (format!("one-{number}"), format!("two-{number}"));
    let mut first = Visitor::enter(addr, &one);
    let mut second = Visitor::enter(addr, &two);
    first.hears_at_last(&format!("* {two} is here"));
    first.say("are you there?");
    second.hears_at_last(&format!("{one}: are you there?"));
    second.finish();
    first.hears_at_last(&format!("* {two} has left"));
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/09-chat-room.md");
}

fn tells_everybody_else_what_somebody_says(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::connect(server.addr());
    mia.say("mia");
    mia.hears("* nobody else is here");
    let mut tom = Visitor::connect(server.addr());
    tom.say("tom\r");
    tom.hears("* here: mia");
    mia.hears("* tom is here");
    let mut ming = Visitor::connect(server.addr());
    for byte in "小明\nbyte by byte\n".as_bytes() {
        ming.send(&[*byte]);
    }
    ming.hears("* here: mia, tom");
    for other in [&mut mia, &mut tom] {
        other.hears("* 小明 is here");
        other.hears("小明: byte by byte");
    }
    mia.send("\nseveral at once\r\n你好\nhal".as_bytes());
    tom.say("whole");
    mia.hears("tom: whole");
    mia.say("f a line");
    for line in ["mia: ", "mia: several at once", "mia: 你好"] {
        tom.hears(line);
    }
    tom.hears("mia: half a line");
    let mut heard: Vec<String> = (0..5).map(|_| ming.read_line()).collect();
    assert_eq!(heard.pop().as_deref(), Some("mia: half a line\n"));
    tom.finish();
    tom.hears_the_end();
    for other in [&mut mia, &mut ming] {
        other.hears("* tom has left");
    }
    server.wait_for_stdout(" is 小明");
}

impl Visitor {
    #[track_caller]
    fn hears_the_end(&mut self) {
        assert_eq!(self.read_line(), "", "the server closes");
    }
}

fn lets_nobody_in_without_a_name_of_his_own(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let long = "x".repeat(33);
    for name in [
        "",
        " ",
        "* tom has left",
        "tom:",
        "a b",
        "error",
        "ERROR",
        "\u{1b}[2J",
        "\u{3164}",
        &long,
    ] {
        let mut visitor = Visitor::connect(server.addr());
        // What follows the name is on the way when the server closes. That must not turn into a
        // reset, which could swallow the reason.
        visitor.say(&format!("{name}\nhello\nhello"));
        let reason = visitor.read_line();
        assert!(reason.starts_with("error: "), "{name:?}: {reason:?}");
        assert!(!reason.contains('\u{1b}'), "{reason:?}");
        visitor.hears_the_end();
    }
    let mut second = Visitor::connect(server.addr());
    second.say("mia");
    second.hears("error: the name mia is taken");
    second.hears_the_end();
    mia.finish();
    mia.hears_the_end(); // and nothing before
    let mut again = Visitor::connect(server.addr());
    again.say("mia");
    again.hears("* nobody else is here");
}

fn lets_nobody_speak_with_the_voice_of_the_room(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut tom = Visitor::enter(server.addr(), "tom");
    mia.hears("* tom is here");
    tom.send(b"* mia has left\nx\r* mia has left\n\x1b[2K\x1b[1Gerror: go\n\xff\xe4\x00\t!\n");
    for line in [
        "* mia has left",
        "x?* mia has left",
        "?[2K?[1Gerror: go",
        "???\t!",
    ] {
        mia.hears(&format!("tom: {line}"));
    }
    // A line in two parts, with another one's between them.
    tom.send(b"first half");
    mia.say("in between");
    tom.hears("mia: in between");
    tom.say(", second half");
    mia.hears("tom: first half, second half");
}

fn takes_a_last_line_without_an_end_and_sends_what_is_under_way(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut tom = Visitor::enter(server.addr(), "tom");
    mia.hears("* tom is here");
    let mut zoe = Visitor::enter(server.addr(), "zoe");
    mia.hears("* zoe is here");
    tom.hears("* zoe is here");
    // Less than 1 MiB. When zoe has heard all of it, it waits for tom, too, who has read nothing.
    let line = "x".repeat(1000);
    mia.send(format!("{line}\n").repeat(900).as_bytes());
    for _ in 0..900 {
        zoe.hears(&format!("mia: {line}"));
    }
    tom.send(b"bye");
    tom.finish();
    for other in [&mut mia, &mut zoe] {
        other.hears("tom: bye");
        other.hears("* tom has left");
    }
    for _ in 0..900 {
        tom.hears(&format!("mia: {line}"));
    }
    tom.hears_the_end();
}

fn refuses_a_line_that_is_too_long(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    for length in [MAX_LINE, 100_000, 5_000_000] {
        let mut tom = Visitor::enter(server.addr(), "tom");
        mia.hears("* tom is here");
        let longest = "y".repeat(MAX_LINE - 1);
        tom.say(&longest);
        mia.hears(&format!("tom: {longest}"));
        // The server may have closed before it was given everything.
        let _ = tom.stream.write_all(&vec![b'x'; length]);
        if length == MAX_LINE {
            tom.hears("error: a line is longer than 8192 bytes");
            tom.hears_the_end();
        }
        mia.hears("* tom has left");
    }
    serves_ordinary_clients(server.addr());
}

/// A client that takes as little as the system allows before it reads.
fn with_a_small_buffer(addr: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a file is free");
    socket
        .set_recv_buffer_size(4096)
        .expect("a socket takes SO_RCVBUF");
    socket.connect(&addr.into()).expect("the server is there");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("it is not zero");
    socket
        .set_write_timeout(Some(PATIENCE))
        .expect("it is not zero");
    socket.into()
}

fn drops_who_does_not_read_and_tells_the_others(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut tom = Visitor::enter(server.addr(), "tom");
    mia.hears("* tom is here");
    let mut stuck = Vec::new();
    for i in 0..3 {
        let mut stream = with_a_small_buffer(server.addr());
        let name = format!("stuck-{i}");
        stream
            .write_all(format!("{name}\n").as_bytes())
            .expect("the server reads");
        mia.hears(&format!("* {name} is here"));
        tom.hears(&format!("* {name} is here"));
        stuck.push(stream);
    }
    // Line by line, so that nothing waits for mia and tom but what the stuck ones make wait.
    let (line, mut said, mut gone) = ("x".repeat(MAX_LINE - 1), 0, 0);
    while gone < 3 {
        mia.say(&line);
        said += MAX_LINE;
        assert!(said < 100_000_000, "waited for three clients to be dropped");
        loop {
            let heard = tom.read_line();
            if heard.starts_with("mia: ") {
                break;
            }
            assert!(
                heard.starts_with("* stuck-") && heard.ends_with(" has left\n"),
                "{heard:?}"
            );
            gone += 1;
        }
    }
    assert!(said > MAX_UNREAD, "{said} bytes are not yet too many");
    for _ in 0..3 {
        assert!(mia.read_line().ends_with(" has left\n"));
    }
    let complaint = "is gone: it has more than 1048576 bytes unread";
    server.wait_for("three complaints", |_, stderr| {
        (stderr
            .iter()
            .filter(|line| line.ends_with(complaint))
            .count()
            == 3)
            .then_some(())
    });
    tom.say("I hear you");
    mia.hears("tom: I hear you");
    drop(stuck); // they were there until now
}

/// So much that no system takes it all at once: the rest waits in the server, and is written in
/// many parts.
fn keeps_a_late_reader_and_loses_nothing(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut tom = Visitor::from(with_a_small_buffer(server.addr()));
    tom.say("tom");
    tom.hears("* here: mia");
    mia.hears("* tom is here");
    let mut zoe = Visitor::enter(server.addr(), "zoe");
    let line = |i: usize| format!("{i} {}", "x".repeat(i % 700));
    for i in 0..2400 {
        mia.say(&line(i)); // 846 KB in all
    }
    for i in 0..2400 {
        zoe.hears(&format!("mia: {}", line(i)));
    }
    // All of it has been said, and most of it waits for tom.
    mia.hears("* zoe is here");
    tom.say("now I read");
    mia.hears("tom: now I read");
    tom.hears("* zoe is here");
    for i in 0..2400 {
        tom.hears(&format!("mia: {}", line(i)));
    }
    mia.say("and on");
    tom.hears("mia: and on");
}

fn survives_rude_clients(engine: Engine) {
    let server = start(engine, &[]);
    for i in 0..40 {
        drop(connect(server.addr()));
        reset(connect(server.addr()));
        let mut unread = connect(server.addr());
        unread
            .write_all(b"rude\nhello\n")
            .expect("the server reads");
        drop(unread); // with the welcome unread, perhaps: an RST
        let visitor = Visitor::enter(server.addr(), &format!("ruder-{i}"));
        reset(visitor.stream);
        let visitor = Visitor::enter(server.addr(), &format!("rudest-{i}"));
        visitor.finish(); // and it never closes
        std::mem::forget(visitor);
    }
    serves_ordinary_clients(server.addr());
}

fn gives_one_deadline_for_the_name_and_none_for_what_follows(engine: Engine) {
    let server = start(engine, &["--name-timeout", "0.4"]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut silent = Visitor::connect(server.addr());
    let start = Instant::now();
    let mut slow = connect(server.addr());
    slow.set_read_timeout(Some(Duration::from_millis(20)))
        .expect("it is not zero");
    // Waiting for the server to close is the pause between two bytes.
    while slow.write_all(b".").is_ok() && slow.read(&mut [0]).is_err_and(|e| is_waiting(&e)) {
        assert!(start.elapsed() < PATIENCE, "waited for the server to close");
    }
    assert!(start.elapsed() >= Duration::from_millis(400));
    silent.hears_the_end();
    server.wait_for("two complaints", |_, stderr| {
        let late = |line: &&String| line.ends_with("is gone: its time is over");
        (stderr.iter().filter(late).count() == 2).then_some(())
    });
    // mia came before both and has been silent since.
    let mut tom = Visitor::enter(server.addr(), "tom");
    mia.hears("* tom is here");
    mia.say("still here");
    tom.hears("mia: still here");
}

fn is_waiting(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

/// While one says lines without end, two others talk.
fn a_flood_starves_nobody(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut tom = Visitor::enter(server.addr(), "tom");
    mia.hears("* tom is here");
    let flooder = Visitor::enter(server.addr(), "flooder");
    let (over, windows) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            // It is never far ahead of those who listen: how fast they are must not matter.
            let (mut stream, flood) = (&flooder.stream, b"la la la\n".repeat(2000));
            for window in 0.. {
                while windows.load(Ordering::SeqCst) + 8 < window {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    thread::yield_now();
                }
                if over.load(Ordering::SeqCst) || stream.write_all(&flood).is_err() {
                    return;
                }
            }
        });
        // What the flooder says is heard, too, and counted by the slower one.
        let mut heard = [0, 0];
        let mut listen = |visitor: &mut Visitor, i: usize, line: &str| {
            loop {
                match visitor.read_line() {
                    other if other == "flooder: la la la\n" => heard[i] += 1,
                    other if other == "* flooder is here\n" => {}
                    other => break assert_eq!(other, format!("{line}\n")),
                }
                windows.store(heard[0].min(heard[1]) / 2000, Ordering::SeqCst);
            }
        };
        for i in 0..50 {
            mia.say(&format!("ping {i}"));
            listen(&mut tom, 0, &format!("mia: ping {i}"));
            tom.say(&format!("pong {i}"));
            listen(&mut mia, 1, &format!("tom: pong {i}"));
        }
        over.store(true, Ordering::SeqCst);
        let _ = flooder.stream.shutdown(Shutdown::Both); // it may wait in its write
    });
}

fn serves_very_many_at_once(engine: Engine) {
    // Each newcomer is announced to everybody. With threads, each announcement wakes as many of
    // them: a thousand clients are half a million wake-ups, which took 7 s where one thread took 0.3.
    let many = if engine.is_empty() { 1000 } else { 300 };
    course::allow_many_files(); // a thousand clients on both sides
    let server = start(engine, &[]);
    let mut visitors: Vec<Visitor> = (0..many)
        .map(|i| {
            let mut visitor = Visitor::connect(server.addr());
            visitor.say(&format!("visitor-{i}"));
            visitor
        })
        .collect();
    for visitor in &mut visitors {
        assert!(visitor.read_line().starts_with("* "));
    }
    let (last, others) = visitors.split_last_mut().expect("there are many");
    last.say("good evening");
    let (mut announced, good_evening) = (0, format!("visitor-{}: good evening\n", many - 1));
    for visitor in &mut *others {
        loop {
            let heard = visitor.read_line();
            if heard == good_evening {
                break;
            }
            assert!(
                heard.starts_with("* visitor-") && heard.ends_with(" is here\n"),
                "{heard:?}"
            );
            announced += 1;
        }
    }
    others[0].say("you, too");
    loop {
        let heard = last.read_line();
        if heard == "visitor-0: you, too\n" {
            break;
        }
        assert!(heard.ends_with(" is here\n"), "{heard:?}");
        announced += 1;
    }
    // Each pair has met once.
    assert_eq!(announced, many * (many - 1) / 2);
}

fn turns_clients_away_when_it_is_full_and_takes_them_again(engine: Engine) {
    let server = start(engine, &["--max-clients", "2"]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut tom = Visitor::enter(server.addr(), "tom");
    mia.hears("* tom is here");
    for _ in 0..2 {
        let mut visitor = Visitor::connect(server.addr());
        visitor.say("zoe\nhello");
        visitor.hears("error: the room is full");
        visitor.hears_the_end();
    }
    tom.finish();
    tom.hears_the_end();
    // Its place may be given back a moment after its connection has ended.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut visitor = Visitor::connect(server.addr());
        visitor.say("zoe");
        if visitor.read_line() == "* here: mia\n" {
            return;
        }
        assert!(Instant::now() < deadline, "waited for a place");
    }
}

fn speaks_with_python(engine: Engine) {
    if !course::has("python3") {
        return;
    }
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let port = server.addr().port().to_string();
    let mut tom =
        Server::start_without_listening("python3", &["peers/room_client.py", &port, "tom"]);
    mia.hears("* tom is here");
    mia.say("hello, 世界");
    tom.wait_for_stdout("mia: hello, 世界");
    tom.enter("你好");
    mia.hears("tom: 你好");
    drop(tom.take_stdin());
    mia.hears("* tom has left");
    let (status, stdout, stderr) = tom.wait();
    assert!(status.success(), "{stderr}");
    assert_eq!(stdout, "* here: mia\nmia: hello, 世界");
}

#[test]
fn the_client_speaks_with_python() {
    if !course::has("python3") {
        return;
    }
    let peer = Server::start_at("python3", &["peers/room_server.py", "0"]);
    let mut mia = Visitor::connect(peer.addr());
    mia.say("mia");
    mia.hears("* nobody else is here");
    let addr = peer.addr().to_string();
    let run = client()
        .args(["--addr", &addr, "tom"])
        .write_stdin("hello, 世界\n")
        .assert();
    run.success().stdout(diff("* here: mia\n"));
    for line in ["* tom is here", "tom: hello, 世界", "* tom has left"] {
        mia.hears(line);
    }
}

/// Two clients idle, and one has stopped reading, so that something waits for it all the time.
#[cfg(target_os = "linux")]
fn waits_without_work(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut stuck = with_a_small_buffer(server.addr());
    stuck.write_all(b"stuck\n").expect("the server reads");
    mia.hears("* stuck is here");
    stuck.shutdown(Shutdown::Read).ok();
    let mut tom = Visitor::enter(server.addr(), "tom");
    mia.hears("* tom is here");
    let line = "x".repeat(1000);
    for _ in 0..700 {
        mia.say(&line); // 0.7 MB: it may wait
    }
    for _ in 0..700 {
        tom.hears(&format!("mia: {line}"));
    }
    let before = server.cpu_time();
    thread::sleep(Duration::from_millis(500)); // the time in which nothing is to be done
    let spent = server.cpu_time() - before;
    assert!(spent <= Duration::from_millis(100), "{spent:?} of 0.5 s");
}

#[cfg(target_os = "linux")]
fn no_more_files(engine: Engine) {
    let script = format!(
        "ulimit -n 32; exec \"$0\" --addr 127.0.0.1:0 {}",
        engine.join(" ")
    );
    let server = Server::start_at("sh", &["-c", &script, SERVER]);
    // Some of these find no file left at the server and stay in its queue.
    let mut queue: Vec<Visitor> = (0..40).map(|_| Visitor::connect(server.addr())).collect();
    server.wait_for_stderr("cannot accept a client: Too many open files");
    let before = server.cpu_time();
    thread::sleep(Duration::from_millis(500)); // a hot loop would be seen in it
    let spent = server.cpu_time() - before;
    assert!(spent <= Duration::from_millis(100), "{spent:?} of 0.5 s");

    // Those inside can talk meanwhile, and as they leave, the others come in.
    let mut here: Vec<Visitor> = Vec::new();
    for (i, mut visitor) in queue.drain(..).enumerate() {
        visitor.say(&format!("visitor-{i}"));
        if here.len() > 10 {
            drop(here.remove(0));
        }
        assert!(visitor.read_line().starts_with("* "));
        if let Some(before) = here.last_mut() {
            before.say("welcome");
            visitor.hears_at_last(&format!("visitor-{}: welcome", i - 1));
        }
        here.push(visitor);
    }
}

/// Presses Ctrl-C in the server's terminal, as it were. Nothing happens if it has ended.
#[cfg(unix)]
fn interrupt(server: &Server) {
    signal(server, rustix::process::Signal::INT);
}

#[cfg(unix)]
fn signal(server: &Server, signal: rustix::process::Signal) {
    use rustix::process::{Pid, kill_process};
    let pid = server.pid().try_into().ok().and_then(Pid::from_raw);
    let _ = kill_process(pid.expect("a process has a number"), signal);
}

#[cfg(unix)]
fn ctrl_c_stops_it_in_order(engine: Engine) {
    for how in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let server = start(engine, &[]);
        let addr = server.addr();
        let mut nameless = Visitor::connect(addr);
        let mut here: Vec<Visitor> = (0..20)
            .map(|i| Visitor::enter(addr, &format!("visitor-{i}")))
            .collect();
        here[19].say("goodbye");
        here[0].hears_at_last("visitor-19: goodbye");
        signal(&server, how);
        nameless.hears_the_end();
        here[0].hears_the_end(); // nobody is told who leaves
        for visitor in &mut here[1..19] {
            visitor.hears_at_last("visitor-19: goodbye");
            visitor.hears_the_end();
        }
        drop((nameless, here));
        let (status, stdout, stderr) = server.wait();
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
        assert!(stdout.ends_with("\nstopped"), "{stdout}");
        assert_eq!(stdout.matches(" has left").count(), 21);
        TcpListener::bind(addr).expect("the port is free");
    }
}

#[cfg(unix)]
fn ctrl_c_stops_also_while_somebody_never_reads(engine: Engine) {
    let server = start(engine, &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut stuck = with_a_small_buffer(server.addr());
    stuck.write_all(b"stuck\n").expect("the server reads");
    mia.hears("* stuck is here");
    let mut tom = Visitor::enter(server.addr(), "tom");
    mia.hears("* tom is here");
    for _ in 0..100 {
        mia.say(&"x".repeat(8000));
    }
    for _ in 0..100 {
        tom.read_line();
    }
    interrupt(&server);
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stdout}\n{stderr}");
    drop((stuck, mia, tom)); // none of them has closed
}

#[test]
#[cfg(unix)]
fn a_second_ctrl_c_ends_it_hard() {
    // The second one must come while the server still waits for its clients. Mostly it does.
    for _ in 0..20 {
        let server = start(&[], &[]);
        let _stays = Visitor::enter(server.addr(), "stays");
        interrupt(&server);
        server.wait_for_stdout("stopping");
        interrupt(&server);
        if server.wait().0.code() == Some(130) {
            return;
        }
    }
    panic!("the second Ctrl-C never ended the server with exit code 130");
}

fn client() -> Command {
    let mut command = Command::new(CLIENT);
    command.timeout(PATIENCE);
    command
}

#[test]
fn the_client_talks_in_a_pipe() {
    let server = start(&[], &[]);
    let addr = server.addr().to_string();
    let mut mia = Server::start_without_listening(CLIENT, &["--addr", &addr, "mia"]);
    mia.wait_for_stdout("* nobody else is here");
    let run = client()
        .args(["--addr", &addr, "tom"])
        .write_stdin("hello\n\n你好\nlast")
        .assert();
    run.success().stdout(diff("* here: mia\n"));
    mia.wait_for_stdout("* tom has left");
    mia.enter("q");
    let (status, stdout, stderr) = mia.wait();
    assert!(status.success(), "{stderr}");
    let all = "* nobody else is here\n* tom is here\ntom: hello\ntom: \ntom: 你好\ntom: last\n* tom has left";
    assert_eq!(stdout, all);
}

#[test]
fn the_client_tells_why_it_is_refused() {
    let server = start(&[], &["--max-clients", "1"]);
    let addr = server.addr().to_string();
    let run = client()
        .args(["--addr", &addr, "a b"])
        .write_stdin("hello\n")
        .assert();
    run.code(1).stdout("").stderr(diff(
        "error: 'a b' is no name: it needs 1 to 32 bytes of letters, digits, - and _\n",
    ));
    let run = client().args(["--addr", &addr, "a\nb"]).assert();
    run.code(2).stderr(contains("a name has no line end"));
}

/// A server of the test's own says something and does not close.
fn with_a_server(says: &'static [u8], test: impl FnOnce(&mut Server, TcpStream)) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let mut client =
        Server::start_without_listening(CLIENT, &["--timeout", "0.5", "--addr", &addr, "mia"]);
    let mut stream = accept(&listener);
    stream
        .read_exact(&mut [0; 4])
        .expect("the client says its name"); // unread, it would turn into a reset
    stream.write_all(says).expect("the client reads");
    test(&mut client, stream);
}

#[test]
fn the_client_shows_what_comes_after_it_has_finished() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let mut client = Server::start_without_listening(CLIENT, &["--addr", &addr, "mia"]);
    let mut stream = accept(&listener);
    drop(client.take_stdin());
    let mut sent = Vec::new();
    stream
        .read_to_end(&mut sent)
        .expect("the client half-closes");
    assert_eq!(sent, b"mia\n");
    stream
        .write_all(b"tom: under way\n")
        .expect("the client reads");
    drop(stream);
    let (status, stdout, _) = client.wait();
    assert!(status.success());
    assert_eq!(stdout, "tom: under way");
}

#[test]
fn the_client_ends_at_once_when_the_server_leaves() {
    // Its standard input stays open, and nobody presses Enter.
    let cases: [(&[u8], &str); 4] = [
        (b"", "it has closed\nhint: the other side has ended"),
        (
            b"* here: tom\ntom: hal",
            "it has closed\nhint: the other side has ended",
        ),
        (&[b'x'; 9000], "a line is longer than 8226 bytes"),
        (
            b"error: a line\x1b[2J is too long\n",
            "error: a line\\x1b[2J is too long",
        ),
    ];
    for (says, complaint) in cases {
        with_a_server(says, |client, stream| {
            let stdin = client.take_stdin();
            drop(stream);
            client.wait_for_stderr(complaint.lines().next().expect("it is not empty"));
            drop(stdin);
        });
    }
}

#[test]
fn the_client_shows_nothing_raw_and_does_not_wait_for_ever() {
    with_a_server(b"tom: a\x1b[2Jb\xff\n", |client, stream| {
        client.wait_for_stdout("tom: a\\x1b[2Jb\\xff");
        client.enter("q");
        client.wait_for_stderr("it does not say goodbye");
        drop(stream);
    });
}

#[test]
fn the_client_refuses_a_line_that_is_too_long() {
    let server = start(&[], &[]);
    let addr = server.addr().to_string();
    let mut mia = Visitor::enter(server.addr(), "mia");
    let long = "x".repeat(MAX_LINE - 1);
    let run = client()
        .args(["--addr", &addr, "tom"])
        .write_stdin(format!("{long}\n{}\n", "y".repeat(MAX_LINE)))
        .assert();
    run.code(1)
        .stderr(contains("y…' is too long: 8192 bytes > 8191\n"));
    for line in ["* tom is here", &format!("tom: {long}"), "* tom has left"] {
        mia.hears(line);
    }
}

#[test]
fn the_client_tells_when_nobody_listens() {
    let nobody = course::Reserved::new().expect("a port is free");
    let run = client()
        .args(["--addr", &nobody.addr().to_string(), "mia"])
        .assert();
    let start = starts_with(format!("error: cannot connect to {}", nobody.addr()));
    run.code(1)
        .stderr(start.and(contains("cargo run --bin room-server")));
}

/// On a terminal: what comes stands above the line that is being typed, which goes on below.
#[test]
#[cfg(unix)]
fn a_line_that_comes_does_not_tear_the_one_being_typed() {
    let server = start(&[], &[]);
    let mut mia = Visitor::enter(server.addr(), "mia");
    let mut tom = Pty::start(&["--addr", &server.addr().to_string(), "tom"]);
    mia.hears("* tom is here");
    tom.shows("* here: mia\n> ");
    tom.types("half a l你x\x7f");
    tom.shows("* here: mia\n> half a l你");
    mia.say("hello");
    tom.shows("* here: mia\nmia: hello\n> half a l你");
    tom.types("\x7fine\r");
    tom.shows("* here: mia\nmia: hello\n> half a line\n> ");
    mia.hears("tom: half a line");
    let long = "long ".repeat(40);
    tom.types(&long);
    tom.shows(&format!(
        "* here: mia\nmia: hello\n> half a line\n> …{}",
        &long[200 - 76..]
    ));
    mia.say("again");
    tom.types("\x15gone");
    tom.shows("* here: mia\nmia: hello\n> half a line\nmia: again\n> gone");
    interrupt(&server); // it leaves, and the terminal is as it was
    tom.shows(
        "* here: mia\nmia: hello\n> half a line\nmia: again\n\
         error: cannot read from <addr>: it has closed\n\
         hint: the other side has ended; its terminal may tell why\n",
    );
    tom.is_as_before();
}

#[test]
#[cfg(unix)]
fn ctrl_c_and_ctrl_d_leave_the_terminal_as_it_was() {
    let server = start(&[], &[]);
    for (key, shown) in [("\x03", "> ^C\n"), ("\x04", "> \n"), ("q\r", "> q\n")] {
        let mut tom = Pty::start(&["--addr", &server.addr().to_string(), "tom"]);
        tom.shows("* nobody else is here\n> ");
        tom.types(key);
        tom.shows(&format!("* nobody else is here\n{shown}"));
        tom.is_as_before();
        wait_until_empty(server.addr());
    }
}

/// Whoever was here has left.
#[cfg(unix)]
fn wait_until_empty(addr: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut probe = Visitor::connect(addr);
        probe.say("probe");
        if probe.read_line() == "* nobody else is here\n" {
            probe.finish();
            while !probe.read_line().is_empty() {}
            return;
        }
        assert!(Instant::now() < deadline, "waited for everybody to leave");
    }
}

/// The client in a pseudo-terminal.
#[cfg(unix)]
struct Pty {
    screen: std::sync::Arc<std::sync::Mutex<vt100::Parser>>,
    changed: std::sync::mpsc::Receiver<()>,
    keyboard: Box<dyn Write + Send>,
    pair: portable_pty::PtyPair,
    child: Box<dyn portable_pty::Child + Send + Sync>,
}

#[cfg(unix)]
impl Pty {
    #[track_caller]
    fn start(arguments: &[&str]) -> Pty {
        use portable_pty::{CommandBuilder, PtySize, native_pty_system};
        let size = PtySize::default(); // 24 rows, 80 columns
        let pair = native_pty_system()
            .openpty(size)
            .expect("a terminal is free");
        let mut command = CommandBuilder::new(CLIENT);
        command.args(arguments);
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the client starts");
        let mut output = pair.master.try_clone_reader().expect("it can be read");
        let keyboard = pair.master.take_writer().expect("it can be written");
        let (rows, columns) = (24.try_into().expect("not 0"), 80.try_into().expect("not 0"));
        let screen =
            std::sync::Arc::new(std::sync::Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let (bell, changed) = std::sync::mpsc::channel();
        let shown = std::sync::Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                shown
                    .lock()
                    .expect("nobody panics while holding it")
                    .process(&bytes[..n]);
                let _ = bell.send(());
            }
        });
        Pty {
            screen,
            changed,
            keyboard,
            pair,
            child,
        }
    }

    fn types(&mut self, keys: &str) {
        let typed = self.keyboard.write_all(keys.as_bytes());
        typed
            .and_then(|()| self.keyboard.flush())
            .expect("the terminal is open");
    }

    /// Up to where the cursor stands.
    fn text(&self) -> String {
        let parser = self.screen.lock().expect("nobody panics while holding it");
        let (row, column) = parser.screen().cursor_position();
        let text = parser.screen().contents_between(0, 0, row, column);
        let addr = text.find("127.0.0.1:").map_or("", |at| {
            let rest = &text[at..];
            &rest[..rest.find(": ").unwrap_or(rest.len())]
        });
        if addr.is_empty() {
            text
        } else {
            text.replace(addr, "<addr>")
        }
    }

    #[track_caller]
    fn shows(&mut self, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.text() != expected {
            let left = deadline.saturating_duration_since(Instant::now());
            let rang = self.changed.recv_timeout(left);
            assert!(rang.is_ok(), "expected: {expected}\nshown: {}", self.text());
        }
    }

    /// It has ended, and the terminal shows what is typed and waits for Enter again.
    #[track_caller]
    fn is_as_before(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("it is our child").is_none() {
            assert!(Instant::now() < deadline, "waited for the client to end");
            thread::yield_now();
        }
        // Whoever opens the terminal sees its modes.
        let modes = std::process::Command::new("stty")
            .args([
                "-F",
                &self
                    .pair
                    .master
                    .tty_name()
                    .expect("it has a name")
                    .to_string_lossy(),
                "-a",
            ])
            .output();
        let modes = modes.expect("stty is part of every Linux").stdout;
        let modes = String::from_utf8_lossy(&modes);
        for mode in ["icanon", "echo", "isig"] {
            assert!(modes.split_whitespace().any(|m| m == mode), "{modes}");
        }
    }
}

#[test]
fn says_what_is_wrong_with_an_argument() {
    for (program, argument, complaint) in [
        (SERVER, "--max-clients=0", "--max-clients"),
        (
            SERVER,
            "--name-timeout=0",
            "expected seconds from 0.001 to 86400",
        ),
        (
            CLIENT,
            "--timeout=never",
            "expected seconds from 0.001 to 86400",
        ),
        (CLIENT, "--addr=127.0.0.1:1", "<NAME>"),
    ] {
        let run = Command::new(program)
            .arg(argument)
            .timeout(PATIENCE)
            .assert();
        run.code(2).stderr(contains(complaint));
    }
}

#[test]
fn listens_on_ipv6_too() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let server = Server::start_at(SERVER, &["-a", "[::1]:0"]);
    let addr = server.addr().to_string();
    let run = client()
        .args(["-a", &addr, "mia"])
        .write_stdin("hello\n")
        .assert();
    run.success().stdout(diff("* nobody else is here\n"));
}
