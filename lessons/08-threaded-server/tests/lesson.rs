//! Checks the lesson's own server and client, and its page.

mod checked;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use course::{PATIENCE, Server, accept, allow_many_files, connect, is_timeout, reset};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, diff, starts_with};
use socket2::{Domain, Socket, Type};
use threaded_server::{Client, FULL, Limits, MAX_LINE, Stop, serve};

const SERVER: &str = env!("CARGO_BIN_EXE_threaded-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_threaded-client");

fn client() -> Command {
    let mut command = Command::new(CLIENT);
    command.timeout(PATIENCE);
    command
}

/// A client of the test's own.
struct Visitor {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Visitor {
    #[track_caller]
    fn new(addr: SocketAddr) -> Visitor {
        Visitor::from(connect(addr))
    }

    #[track_caller]
    fn from(stream: TcpStream) -> Visitor {
        let lines = BufReader::new(stream.try_clone().expect("a socket can be cloned"));
        Visitor { stream, lines }
    }

    /// The server's next line; nothing when it has closed.
    #[track_caller]
    fn read_line(&mut self) -> String {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(_) => line,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => String::new(),
            Err(error) => panic!("waited for a line of the server: {error}"),
        }
    }

    #[track_caller]
    fn greeted(mut self) -> Visitor {
        let greeting = self.read_line();
        assert!(
            greeting.starts_with("hello, you are client "),
            "{greeting:?}"
        );
        self
    }

    #[track_caller]
    fn gets_an_answer(&mut self) {
        self.stream
            .write_all(b"are you there?\n")
            .expect("the server reads");
        assert_eq!(self.read_line(), "are you there?\n");
    }
}

/// An ordinary client is served.
#[track_caller]
fn serves_an_ordinary_client(addr: SocketAddr) {
    Visitor::new(addr).greeted().gets_an_answer();
}

/// Runs the machine with another handler, and stops it.
fn with_machine(
    limits: Limits,
    handle: impl Fn(&Client) + Send + Sync + 'static,
    test: impl FnOnce(SocketAddr, &Stop),
) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    let stop = Arc::new(Stop::new(&listener).expect("it is bound"));
    let (end, ended) = mpsc::channel();
    thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            serve(listener, limits, &stop, handle);
            let _ = end.send(()); // a failed test does not wait for it
        }
    });
    test(addr, &stop);
    stop.ask();
    let ended = ended.recv_timeout(PATIENCE);
    ended.expect("waited for the machine to stop");
}

/// In seconds, the most that a server takes: who is closed before is closed for another reason.
#[cfg(unix)]
const NEVER: &str = "86400";

/// Limits that no test reaches by accident.
const WIDE: Limits = Limits {
    max_clients: 1000,
    stack_size: 256 * 1024,
};

#[test]
fn the_page_is_true() {
    course::check_page("docs/08-threaded-server.md");
}

#[test]
fn greets_and_sends_back_every_line() {
    let server = Server::start(SERVER, &[]);
    let addr = server.addr().to_string();
    let run = client()
        .args(["--addr", &addr])
        .write_stdin("hello\n\n你好\nlast\x1b")
        .assert();
    run.success()
        .stdout(diff("hello, you are client 1\nhello\n\n你好\nlast\\x1b\n"));
    server.wait_for_stdout("has finished; 4 lines went back");
    let run = client()
        .args(["--addr", &addr])
        .write_stdin("q\nmore\n")
        .assert();
    run.success().stdout(diff("hello, you are client 2\n"));
}

#[test]
fn sends_back_lines_that_come_byte_by_byte_or_all_at_once() {
    let server = Server::start(SERVER, &[]);
    let mut visitor = Visitor::new(server.addr()).greeted();
    visitor
        .stream
        .set_nodelay(true)
        .expect("a socket takes TCP_NODELAY");
    for byte in b"byte by byte\n" {
        visitor
            .stream
            .write_all(&[*byte])
            .expect("the server reads");
    }
    assert_eq!(visitor.read_line(), "byte by byte\n");

    let longest = "x".repeat(MAX_LINE);
    let many = format!("{longest}\n\n{longest}\nshort\r\nthe last one has no end");
    visitor
        .stream
        .write_all(many.as_bytes())
        .expect("the server reads");
    visitor
        .stream
        .shutdown(Shutdown::Write)
        .expect("it is open");
    let mut back = String::new();
    visitor
        .lines
        .read_to_string(&mut back)
        .expect("all comes back");
    assert!(back == many, "{} bytes came back", back.len());
}

#[test]
fn answers_fifty_clients_while_one_idles() {
    let server = Server::start(SERVER, &[]);
    let _idle = Visitor::new(server.addr()).greeted();
    let mut visitors: Vec<Visitor> = (0..50)
        .map(|_| Visitor::new(server.addr()).greeted())
        .collect();
    for _ in 0..2 {
        for visitor in visitors.iter_mut().rev() {
            visitor.gets_an_answer();
        }
    }
}

#[test]
fn gives_every_client_a_number_of_its_own() {
    let server = Server::start(SERVER, &[]);
    let mut visitors: Vec<Visitor> = (0..50).map(|_| Visitor::new(server.addr())).collect();
    let greetings: HashSet<String> = visitors.iter_mut().map(Visitor::read_line).collect();
    let expected = (1..=50).map(|n| format!("hello, you are client {n}\n"));
    assert_eq!(greetings, expected.collect());
}

#[test]
fn turns_clients_away_when_it_is_full_and_takes_them_again() {
    let server = Server::start(SERVER, &["--max-clients", "3"]);
    let mut here: Vec<Visitor> = (0..3)
        .map(|_| Visitor::new(server.addr()).greeted())
        .collect();
    for _ in 0..20 {
        let mut visitor = Visitor::new(server.addr());
        assert_eq!(visitor.read_line().as_bytes(), FULL);
        assert_eq!(visitor.read_line(), "", "and then it closes");
    }
    let addr = server.addr().to_string();
    let run = client().args(["--addr", &addr]).assert().code(1);
    run.stdout(diff("")).stderr(diff(format!(
        "error: no place is free at {addr}\nhint: try again when a client has left\n"
    )));
    server.wait_for_stderr("was turned away: no more than 3 at once");

    for _ in 0..20 {
        let mut leaving = here.remove(0);
        leaving
            .stream
            .shutdown(Shutdown::Write)
            .expect("it is open");
        assert_eq!(leaving.read_line(), "", "the server closes too");
        // Who has seen that finds a place.
        here.push(Visitor::new(server.addr()).greeted());
    }
    for visitor in &mut here {
        visitor.gets_an_answer();
    }
}

#[test]
fn a_thousand_clients_that_come_and_go_keep_the_count_right() {
    let server = Server::start(SERVER, &["--max-clients", "4"]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for i in 0..250 {
                    let mut visitor = Visitor::new(server.addr());
                    match i % 4 {
                        0 => drop(visitor),
                        1 => reset(visitor.stream),
                        2 => drop(visitor.read_line()),
                        _ => visitor.tries_its_luck(),
                    }
                }
            });
        }
    });
    // Whoever is still on the way out leaves first.
    let mut here = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while here.len() < 4 {
        let mut visitor = Visitor::new(server.addr());
        if visitor.read_line().starts_with("hello") {
            here.push(visitor);
        }
        assert!(Instant::now() < deadline, "waited for four places");
    }
    assert_eq!(Visitor::new(server.addr()).read_line().as_bytes(), FULL);
    for visitor in &mut here {
        visitor.gets_an_answer();
    }
}

impl Visitor {
    #[track_caller]
    fn tries_its_luck(mut self) {
        let first = self.read_line();
        if first.as_bytes() != FULL {
            assert!(first.starts_with("hello"), "{first:?}");
            self.gets_an_answer();
        }
    }
}

#[test]
fn a_panicking_handler_ends_its_client_and_nothing_else() {
    let limits = Limits {
        max_clients: 2,
        ..WIDE
    };
    let handled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&handled);
    let handle = move |client: &Client| {
        count.fetch_add(1, Ordering::SeqCst);
        let mut byte = [0];
        let read = (&*client.stream)
            .read(&mut byte)
            .expect("the client writes or closes");
        assert!(
            read == 0 || byte != [b'!'],
            "a panic made on purpose by this test"
        );
        let _ = (&*client.stream).write_all(&byte);
    };
    with_machine(limits, handle, |addr, _| {
        let mut bystander = connect(addr);
        for _ in 0..100 {
            let mut stream = connect(addr);
            stream.write_all(b"!").expect("the handler reads");
            let closed = stream.read(&mut [0]);
            assert!(matches!(closed, Ok(0)), "{closed:?}");
        }
        bystander.write_all(b"?").expect("the handler reads");
        bystander.read_exact(&mut [0]).expect("it is still served");
    });
    assert_eq!(handled.load(Ordering::SeqCst), 101); // nobody was turned away
}

#[test]
fn a_refused_thread_ends_its_client_and_nothing_else() {
    let limits = Limits {
        max_clients: 1,
        stack_size: isize::MAX as usize, // no system has so much
    };
    with_machine(
        limits,
        |_| panic!("there is no thread to call this"),
        |addr, _| {
            for _ in 0..10 {
                let mut reply = Vec::new();
                let mut stream = connect(addr);
                stream.read_to_end(&mut reply).expect("the machine closes");
                assert_eq!(reply, b"", "each found the place free and was not served");
            }
        },
    );
}

#[test]
fn stops_without_any_client() {
    for _ in 0..20 {
        with_machine(WIDE, |_| (), |_, _| ());
    }
}

#[test]
fn survives_rude_clients() {
    let server = Server::start(SERVER, &[]);
    for _ in 0..50 {
        drop(connect(server.addr()));
        reset(connect(server.addr()));
        let mut unread = connect(server.addr());
        unread.write_all(b"hello\n").expect("the server reads");
        drop(unread); // with the greeting unread: an RST
        let visitor = Visitor::new(server.addr()).greeted();
        reset(visitor.stream);
    }
    serves_an_ordinary_client(server.addr());
}

#[test]
fn answers_a_line_that_is_too_long_with_an_error_and_closes() {
    let server = Server::start(SERVER, &[]);
    for length in [MAX_LINE + 1, 100_000, 5_000_000] {
        let mut visitor = Visitor::new(server.addr()).greeted();
        // The server may have closed before it was given everything.
        let _ = visitor.stream.write_all(&vec![b'x'; length]);
        if length == MAX_LINE + 1 {
            assert_eq!(
                visitor.read_line(),
                "error: a line is longer than 8192 bytes\n"
            );
        }
        let _ = visitor.stream.shutdown(Shutdown::Write);
        while !visitor.read_line().is_empty() {}
        serves_an_ordinary_client(server.addr());
    }
    server.wait_for("three complaints", |_, stderr| {
        let complaints = stderr
            .iter()
            .filter(|l| l.ends_with("is gone after 0 lines: a line is longer than 8192 bytes"));
        (complaints.count() == 3).then_some(())
    });
}

#[test]
fn cuts_a_client_that_dribbles_at_one_deadline_for_the_line() {
    let server = Server::start(SERVER, &["--idle-timeout", "0.5"]);
    let start = Instant::now();
    let mut visitor = Visitor::new(server.addr()).greeted();
    let stream = &mut visitor.stream;
    stream
        .set_read_timeout(Some(Duration::from_millis(25)))
        .expect("the timeout is not zero");
    while stream.write_all(b".").is_ok() && stream.read(&mut [0]).is_err_and(|e| is_timeout(&e)) {
        assert!(start.elapsed() < PATIENCE, "waited for the server to close");
    }
    assert!(start.elapsed() >= Duration::from_millis(500));
    server.wait_for_stderr("is gone after 0 lines: its time is over");
}

#[test]
fn cuts_an_idle_client_and_counts_from_its_last_line() {
    let server = Server::start(SERVER, &["--idle-timeout", "0.3"]);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut visitor = Visitor::new(server.addr()).greeted();
        let _ = visitor.stream.write_all(b"are you there?\n");
        match visitor.read_line().as_str() {
            "are you there?\n" => {
                assert_eq!(visitor.read_line(), "", "the server closes");
                break;
            }
            // On a busy machine its time was over before it had said anything.
            "" => assert!(Instant::now() < deadline, "waited for a client in time"),
            line => panic!("{line:?}"),
        }
    }
    server.wait_for_stderr("is gone after 1 line: its time is over");
}

/// Sends lines and never reads. Returns when the server seems to read no longer either; what the
/// server still takes, because it was only slow, goes on being sent.
fn stuff(addr: SocketAddr) -> TcpStream {
    let stream = connect(addr);
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .expect("the timeout is not zero");
    let line = [vec![b'x'; 1023], vec![b'\n']].concat();
    loop {
        match (&stream).write(&line) {
            Err(error) if error.kind() != ErrorKind::Interrupted => break,
            _ => {}
        }
    }
    let theirs = stream.try_clone().expect("a socket can be cloned");
    theirs
        .set_write_timeout(Some(PATIENCE))
        .expect("the timeout is not zero");
    thread::spawn(move || while (&theirs).write_all(&line).is_ok() {}); // until the server closes
    stream
}

#[test]
fn a_client_that_never_reads_holds_nobody_up_and_is_cut() {
    let server = Server::start(SERVER, &["--write-timeout", "0.5"]);
    let stuffed = stuff(server.addr());
    for _ in 0..20 {
        serves_an_ordinary_client(server.addr());
    }
    server.wait_for_stderr(": its time is over");
    serves_an_ordinary_client(server.addr());
    drop(stuffed);
}

/// A thousand connections whose handshakes all begin before anybody is served.
#[test]
fn serves_a_burst_of_a_thousand() {
    allow_many_files();
    let server = Server::start(SERVER, &[]);
    let sockets: Vec<Socket> = (0..1000)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None);
            let socket = socket.expect("a thousand files may be open");
            socket.set_nonblocking(true).expect("it is a socket");
            let _ = socket.connect(&server.addr().into()); // goes on in the background
            socket
        })
        .collect();
    let mut visitors: Vec<Visitor> = sockets
        .into_iter()
        .map(|socket| {
            socket.set_nonblocking(false).expect("it is a socket");
            let stream = TcpStream::from(socket);
            let patience = Some(PATIENCE);
            stream.set_read_timeout(patience).expect("it is not zero");
            Visitor::from(stream).greeted()
        })
        .collect();
    for visitor in &mut visitors {
        visitor.gets_an_answer();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn waits_without_work_when_no_more_files_may_be_open() {
    let script = "ulimit -n 32; exec \"$0\" --addr 127.0.0.1:0";
    let server = Server::start_at("sh", &["-c", script, SERVER]);
    let mut here = Vec::new();
    // Some of these find no file left at the server and stay in its queue.
    let mut queue: Vec<Visitor> = (0..40).map(|_| Visitor::new(server.addr())).collect();
    server.wait_for_stderr("cannot accept a client: Too many open files");
    let before = server.cpu_time();
    let start = Instant::now();
    let last = &queue[39].stream; // it is in the queue and waits for its greeting
    let brief = Some(Duration::from_millis(250));
    last.set_read_timeout(brief).expect("it is not zero");
    while start.elapsed() < Duration::from_secs(1) {
        let greeted = (&*last).read(&mut [0]);
        assert!(greeted.is_err_and(|e| is_timeout(&e)));
    }
    let patience = Some(PATIENCE);
    last.set_read_timeout(patience).expect("it is not zero");
    let spent = server.cpu_time() - before; // in this second
    assert!(spent <= Duration::from_millis(100), "{spent:?}");

    // As the first ones leave, the others are served.
    while !queue.is_empty() {
        let mut visitor = queue.remove(0).greeted();
        visitor.gets_an_answer();
        here.push(visitor);
        if here.len() > 10 {
            here.remove(0);
        }
    }
    serves_an_ordinary_client(server.addr());
}

#[test]
#[cfg(unix)]
fn sigterm_stops_it_as_ctrl_c_does() {
    let server = Server::start(SERVER, &[]);
    let mut idle = Visitor::new(server.addr()).greeted();
    server.terminate();
    assert_eq!(idle.read_line(), "", "the server closes");
    let (status, stdout, _) = server.wait();
    assert!(
        status.success() && stdout.ends_with("\nstopped"),
        "{status}: {stdout}"
    );
}

#[test]
#[cfg(unix)]
fn ctrl_c_closes_idle_clients_and_frees_the_port_at_once() {
    let server = Server::start(SERVER, &["--idle-timeout", NEVER]);
    let addr = server.addr();
    let mut idle: Vec<Visitor> = (0..20).map(|_| Visitor::new(addr).greeted()).collect();
    server.interrupt();
    for visitor in &mut idle {
        assert_eq!(visitor.read_line(), "", "the server closes");
    }
    let (status, stdout, stderr) = server.wait();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
    assert!(stdout.ends_with("\nstopped"), "{stdout}");
    assert_eq!(
        stdout.matches("has finished; 0 lines went back").count(),
        20
    );
    TcpListener::bind(addr).expect("the port is free");
}

#[test]
fn stopping_ends_the_waiting_of_a_handler_and_lets_it_say_goodbye() {
    let handle = |client: &Client| {
        let mut stream = &*client.stream;
        let read = stream.read(&mut [0]);
        let _ = stream.write_all(format!("{read:?}").as_bytes());
    };
    let mut waiting = Vec::new();
    with_machine(WIDE, handle, |addr, _| {
        waiting = (0..20).map(|_| connect(addr)).collect();
        // The last one has its thread when another one behind it is served.
        let mut last = connect(addr);
        last.write_all(b"?").expect("the handler reads");
        let read = last.read_exact(&mut [0; 5]);
        read.expect("the handler answers");
    });
    for mut stream in waiting {
        let mut goodbye = String::new();
        let read = stream.read_to_string(&mut goodbye);
        read.expect("the machine closes in order");
        assert_eq!(goodbye, "Ok(0)");
    }
}

#[test]
fn stopping_lets_a_reply_in_flight_complete() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let handle = move |client: &Client| {
        let mut stream = &*client.stream;
        while let Ok(1..) = stream.read(&mut [0; 100]) {
            let (half, rest) = (b"half of the reply, ", b"and the other half");
            stream.write_all(half).expect("the client reads");
            let wait = wait.lock().expect("no thread panics while it holds this");
            wait.recv_timeout(PATIENCE).expect("the test says when");
            stream.write_all(rest).expect("the client reads");
        }
    };
    with_machine(WIDE, handle, |addr, stop| {
        let mut stream = connect(addr);
        stream.write_all(b"hello").expect("the handler reads");
        let mut half = [0; 19];
        stream.read_exact(&mut half).expect("the handler answers");
        assert_eq!(&half, b"half of the reply, ");
        assert!(!stop.ask(), "it was not asked before");
        assert!(stop.ask(), "it was asked before");
        go_on.send(()).expect("the handler waits for it");
        let mut rest = String::new();
        let read = stream.read_to_string(&mut rest);
        read.expect("the machine closes in order");
        assert_eq!(rest, "and the other half");
    });
}

#[test]
fn stopping_does_not_wait_for_a_client_that_never_reads() {
    let (write, written) = mpsc::channel();
    let handle = move |client: &Client| {
        let mut stream = &*client.stream;
        while let Ok(n) = stream.write(&[0; 65_536]) {
            let _ = write.send(n);
        }
    };
    let mut never_reads = None;
    with_machine(WIDE, handle, |addr, _| {
        never_reads = Some(connect(addr));
        let written = written.recv_timeout(PATIENCE);
        written.expect("waited for the handler to write");
    }); // which has stopped although the handler could write for ever
}

#[test]
#[cfg(unix)]
fn ctrl_c_stops_also_while_clients_send_and_never_read() {
    let server = Server::start(SERVER, &["--write-timeout", NEVER]);
    let _stuffed = [stuff(server.addr()), stuff(server.addr())];
    server.interrupt();
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stdout}\n{stderr}");
}

#[test]
#[cfg(unix)]
fn a_second_ctrl_c_ends_it_hard() {
    // The second one must come while the machine still waits for its clients. Mostly it does.
    for _ in 0..20 {
        let server = Server::start(SERVER, &["--write-timeout", NEVER]);
        let _stuffed = stuff(server.addr());
        server.interrupt();
        server.wait_for_stdout("stopping");
        server.interrupt();
        if server.wait().0.code() == Some(130) {
            return;
        }
    }
    panic!("the second Ctrl-C never ended the server with exit code 130");
}

#[test]
fn the_client_tells_what_can_happen() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "it has closed\nhint: the other side has ended"),
        (b"hello\n", "it has closed\nhint: the other side has ended"),
        (&[b'x'; 9000], "a line is longer than 8192 bytes"),
        (b"hello\nan\x1b[2Jswer\n", ""),
    ];
    for (says, complaint) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it is bound").to_string();
        let server = thread::spawn(move || {
            let mut stream = accept(&listener);
            stream.write_all(says).expect("the client reads");
            stream.shutdown(Shutdown::Write).expect("it is open");
            let _ = stream.read_to_end(&mut Vec::new()); // until the client leaves
        });
        let run = client()
            .args(["--addr", &addr])
            .write_stdin("hello?\n")
            .assert();
        if complaint.is_empty() {
            run.success().stdout(diff("hello\nan\\x1b[2Jswer\n"));
        } else {
            let start = format!("error: cannot read from {addr}: ");
            run.code(1)
                .stderr(starts_with(start).and(contains(complaint)));
        }
        server.join().expect("the test's server does not fail");
    }
}

#[test]
fn the_client_does_not_wait_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let run = client()
        .args(["--addr", &addr, "--timeout", "0.2"])
        .assert();
    run.code(1).stderr(starts_with(format!(
        "error: cannot read from {addr}: its time is over"
    )));
}

#[test]
fn the_client_refuses_a_line_that_is_too_long() {
    let server = Server::start(SERVER, &[]);
    let addr = server.addr().to_string();
    let run = client()
        .args(["--addr", &addr])
        .write_stdin("x".repeat(MAX_LINE) + "\n" + &"y".repeat(MAX_LINE + 1))
        .assert();
    run.code(1)
        .stdout(contains("x".repeat(MAX_LINE)))
        .stderr(contains("y…' is too long: 8193 bytes > 8192\n"));
    serves_an_ordinary_client(server.addr());
}

#[test]
fn says_what_is_wrong_with_an_argument() {
    for (argument, complaint) in [
        ("--max-clients=0", "--max-clients"),
        ("--max-clients=-1", "--max-clients"),
        ("--idle-timeout=0", "expected seconds from 0.001 to 86400"),
        (
            "--write-timeout=never",
            "expected seconds from 0.001 to 86400",
        ),
        ("--backlog=0", "--backlog"),
    ] {
        let run = Command::new(SERVER)
            .arg(argument)
            .timeout(PATIENCE)
            .assert();
        run.code(2).stderr(contains(complaint));
    }
}

#[test]
fn speaks_with_python() {
    if !course::has("python3") {
        return;
    }
    let server = Server::start(SERVER, &[]);
    let port = server.addr().port().to_string();
    let peer = Command::new("python3")
        .args(["peers/threaded_client.py", &port])
        .write_stdin("hello, 世界\n\nlast\n")
        .timeout(PATIENCE)
        .assert();
    peer.success()
        .stdout(diff("hello, you are client 1\nhello, 世界\n\nlast\n"));

    let peer = Server::start_at("python3", &["peers/threaded_server.py", "0"]);
    let addr = peer.addr().to_string();
    let _idle = Visitor::new(peer.addr()).greeted();
    let run = client()
        .args(["--addr", &addr])
        .write_stdin("hello, 世界\n\nlast\n")
        .assert();
    run.success()
        .stdout(diff("hello, you are client 2\nhello, 世界\n\nlast\n"));
}
