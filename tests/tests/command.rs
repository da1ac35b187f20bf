//! Checks `cargo course`.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::thread;

use assert_cmd::Command;
use course::{PATIENCE, Reserved, Server, accept, connect, reset};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, starts_with};

const COURSE: &str = env!("CARGO_BIN_EXE_course");

fn course() -> Command {
    let mut command = Command::new(COURSE);
    command.timeout(PATIENCE);
    command
}

/// The tap of lesson 1 in front of a server.
fn tap(to: std::net::SocketAddr, more: &[&str]) -> Server {
    let to = to.to_string();
    let mut arguments = vec!["tap", "1", "--addr", "127.0.0.1:0", "--to", &to];
    arguments.extend(more);
    Server::start_at(COURSE, &arguments)
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
}

#[test]
fn lists_the_lessons() {
    course()
        .assert()
        .success()
        .stdout(contains("docs/01-echo.md").and(contains("docs/02-loop-server.md")));
}

#[test]
fn says_which_lessons_there_are() {
    for number in ["0", "99", "x", ""] {
        let expected = "expected the number of a lesson, 1 to ";
        course()
            .args(["demo", number])
            .assert()
            .code(2)
            .stderr(contains(expected));
    }
}

#[test]
fn the_tap_shows_both_directions_and_passes_a_half_close_on() {
    let listener = listen();
    let tap = tap(listener.local_addr().expect("it is bound"), &[]);
    let mut client = connect(tap.addr());
    let mut server = accept(&listener);

    client.write_all(b"hi\x1b").expect("the tap reads");
    client
        .shutdown(Shutdown::Write)
        .expect("the connection is open");
    let mut received = Vec::new();
    server
        .read_to_end(&mut received)
        .expect("the tap passes bytes and FIN on");
    assert_eq!(received, b"hi\x1b");

    server.write_all(b"hello").expect("the tap still reads");
    drop(server);
    received.clear();
    client
        .read_to_end(&mut received)
        .expect("the tap passes bytes and FIN on");
    assert_eq!(received, b"hello");

    tap.wait_for_stdout("closed");
    let (stdout, _) = tap.stop();
    let shown: Vec<&str> = stdout
        .lines()
        .skip(3)
        .map(|line| line.split_once(" s  ").map_or(line, |l| l.1).trim())
        .collect();
    assert_eq!(
        shown,
        [
            "#1  client → server  3 bytes",
            "68 69 1b                                         hi.",
            "#1  client → server  FIN",
            "#1  client ← server  5 bytes",
            "68 65 6c 6c 6f                                   hello",
            "#1  client ← server  FIN",
            "#1  closed",
        ]
    );
}

#[test]
fn the_tap_passes_a_reset_on_in_either_direction() {
    for from_client in [true, false] {
        let listener = listen();
        let tap = tap(listener.local_addr().expect("it is bound"), &[]);
        let client = connect(tap.addr());
        let server = accept(&listener);
        let (from, mut to) = if from_client {
            (client, server)
        } else {
            (server, client)
        };
        reset(from);
        let error = to.read(&mut [0]).expect_err("the reset arrives");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let direction = if from_client {
            "client → server  RST"
        } else {
            "client ← server  RST"
        };
        tap.wait_for_stdout(direction);
    }
}

#[test]
fn the_tap_says_when_nobody_listens_behind_it() {
    let nobody = Reserved::new().expect("a port is free");
    let tap = tap(nobody.addr(), &[]);
    let mut client = connect(tap.addr());
    let end = client
        .read(&mut [0])
        .expect("the tap closes the connection");
    assert_eq!(end, 0);
    tap.wait_for_stderr("error: cannot connect to 127.0.0.1:");
    tap.wait_for_stderr("hint: start the lesson's server first");
}

#[test]
fn the_tap_passes_large_messages_on_whole() {
    let listener = listen();
    let tap = tap(listener.local_addr().expect("it is bound"), &[]);
    let mut client = connect(tap.addr());
    let server = accept(&listener);
    let message: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    let received = thread::scope(|scope| {
        scope.spawn(|| {
            client.write_all(&message).expect("the tap reads");
            client
                .shutdown(Shutdown::Write)
                .expect("the connection is open");
        });
        let mut received = Vec::new();
        (&server)
            .read_to_end(&mut received)
            .expect("the tap passes it on");
        received
    });
    assert!(received == message, "{} bytes came through", received.len());
    tap.wait_for_stdout("bytes more");
}

#[test]
fn the_tap_passes_datagrams_on_the_empty_one_too() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let tap = tap(server.local_addr().expect("it is bound"), &["--udp"]);
    let clients = [(); 2].map(|()| {
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        client
            .connect(tap.addr())
            .expect("connecting a datagram socket only sets its peer");
        client
            .set_read_timeout(Some(PATIENCE))
            .expect("the timeout is not zero");
        client
    });
    server
        .set_read_timeout(Some(PATIENCE))
        .expect("the timeout is not zero");
    let mut buffer = [0; 100];
    for (client, message) in clients.iter().zip([b"hello".as_slice(), b""]) {
        client.send(message).expect("the tap has a socket");
        let (n, from) = server.recv_from(&mut buffer).expect("the tap passes it on");
        assert_eq!(&buffer[..n], message);
        server.send_to(message, from).expect("the tap has a socket");
        let n = client
            .recv(&mut buffer)
            .expect("the tap passes the answer back");
        assert_eq!(&buffer[..n], message);
    }
    tap.wait_for_stdout("#2  client ← server  0 bytes");
}

#[test]
fn says_which_lesson_has_no_benchmark() {
    let mut bench = course();
    bench.args(["bench", "5"]).timeout(10 * PATIENCE); // it may have to build
    let run = bench.assert().code(1);
    run.stderr(contains("error: lesson 5 has no benchmark: "));
}

#[test]
fn uses_no_colours_in_a_pipe() {
    course().assert().success().stdout(contains("\x1b").not());
}

#[test]
#[cfg(unix)] // it takes a shell to stop reading after a line
fn ends_quietly_when_nobody_reads_its_output() {
    let script = format!("{COURSE} | head -1");
    let run = Command::new("sh")
        .args(["-c", &script])
        .timeout(PATIENCE)
        .assert();
    run.success()
        .stdout(starts_with("Two Terminals"))
        .stderr("");
}

#[test]
fn plays_lesson_1_to_its_end_in_terminals_and_in_pipes() {
    let play = |arguments: &[&str]| {
        let mut child = Command::new(COURSE);
        child.arg("demo").args(arguments);
        child.timeout(10 * PATIENCE); // it may have to build
        let run = child.assert().success();
        String::from_utf8_lossy(&run.get_output().stdout).into_owned()
    };
    for arguments in [&["--any-port"][..], &["--any-port", "--pipes"]] {
        is_lesson_1(&play(arguments));
    }
}

fn is_lesson_1(output: &str) {
    assert!(
        output.contains("terminal 1 │ listening on 127.0.0.1:"),
        "{output}"
    );
    assert!(
        output.contains("terminal 2 │ 12 bytes came back: hello, world"),
        "{output}"
    );
    assert!(output.contains("Then read docs/01-echo.md"), "{output}");
}
