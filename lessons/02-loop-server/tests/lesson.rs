//! Checks the lesson's own server and client, and its page.

mod checked;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

use assert_cmd::Command;
use course::{PATIENCE, Reserved, Server, accept, connect, reset};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, diff, starts_with};

const SERVER: &str = env!("CARGO_BIN_EXE_loop-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_loop-client");

fn client(server: &Server) -> Command {
    let mut command = Command::new(CLIENT);
    command
        .args(["--addr", &server.addr().to_string()])
        .timeout(PATIENCE);
    command
}

/// An ordinary exchange: whatever happened before, the next client is served.
#[track_caller]
fn serves_an_ordinary_client(server: &Server) {
    client(server)
        .write_stdin("hello\n")
        .assert()
        .success()
        .stdout(diff("hello\n"));
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/02-loop-server.md");
}

#[test]
fn echoes_each_line_of_a_pipe_and_skips_empty_ones() {
    let server = Server::start(SERVER, &[]);
    let run = client(&server).write_stdin("a\n\nb\n").assert();
    run.success().stdout(diff("a\nb\n")).stderr(diff(""));
    let run = client(&server).write_stdin("dos\r\nno line end").assert();
    run.success().stdout(diff("dos\nno line end\n"));
    client(&server)
        .write_stdin("a\nq\nb\n")
        .assert()
        .success()
        .stdout(diff("a\n"));
    client(&server)
        .write_stdin("")
        .assert()
        .success()
        .stdout(diff(""));
}

#[test]
fn shows_what_is_not_text_escaped() {
    let server = Server::start(SERVER, &[]);
    let run = client(&server)
        .write_stdin(b"\x00\x1b[31m\xff\n".as_slice())
        .assert();
    run.success().stdout(diff("\\x00\\x1b[31m\\xff\n"));
}

#[test]
fn takes_a_line_of_64_kib_and_refuses_a_longer_one() {
    let server = Server::start(SERVER, &[]);
    let line = "x".repeat(65_536);
    client(&server)
        .write_stdin(line.clone())
        .assert()
        .success()
        .stdout(diff(line.clone() + "\n"));
    for length in [65_537, 10_000_000] {
        let run = client(&server)
            .write_stdin("x".repeat(length))
            .assert()
            .code(1);
        let complaint = "…' is too long: more than 65536 bytes\n";
        run.stdout(diff(""))
            .stderr(starts_with("error: the line 'xxx").and(contains(complaint)));
    }
    serves_an_ordinary_client(&server);
}

#[test]
fn serves_fifty_clients_one_after_another() {
    let server = Server::start(SERVER, &[]);
    for _ in 0..50 {
        let mut stream = connect(server.addr());
        for message in [b"one".as_slice(), b"\x00\xff", &[b'x'; 5000]] {
            let mut echo = vec![0; message.len()];
            stream.write_all(message).expect("the server reads");
            stream.read_exact(&mut echo).expect("the echo comes");
            assert_eq!(echo, message);
        }
    }
}

#[test]
fn sends_back_what_comes_one_byte_at_a_time() {
    let server = Server::start(SERVER, &[]);
    let mut stream = connect(server.addr());
    stream
        .set_nodelay(true)
        .expect("a socket takes TCP_NODELAY");
    for byte in 0..=255 {
        stream.write_all(&[byte]).expect("the server reads");
        let mut echo = [0];
        stream.read_exact(&mut echo).expect("the echo comes");
        assert_eq!(echo, [byte]);
    }
}

/// A client that does something and leaves.
type Rude = (&'static str, fn(&Server));

const RUDE: [Rude; 6] = [
    ("closes at once", |server| drop(connect(server.addr()))),
    ("half-closes", |server| {
        let mut stream = connect(server.addr());
        stream.write_all(b"hello").expect("the server reads");
        stream
            .shutdown(Shutdown::Write)
            .expect("the connection is open");
        let mut echo = Vec::new();
        stream
            .read_to_end(&mut echo)
            .expect("the server answers and closes");
        assert_eq!(echo, b"hello");
    }),
    ("closes with unread data", |server| {
        let mut stream = connect(server.addr());
        stream.write_all(b"hello").expect("the server reads");
        stream.peek(&mut [0]).expect("the echo comes");
    }),
    ("resets", |server| reset(connect(server.addr()))),
    ("resets in the middle", |server| {
        let mut stream = connect(server.addr());
        stream.write_all(b"hello").expect("the server reads");
        reset(stream);
    }),
    ("closes before the echo is written", |server| {
        let mut stream = connect(server.addr());
        stream.write_all(&[b'x'; 10_000]).expect("the server reads");
    }),
];

#[test]
fn survives_each_rude_client() {
    let server = Server::start(SERVER, &[]);
    for (manner, rude) in RUDE {
        rude(&server);
        eprintln!("after a client that {manner}:"); // shown if the next line fails
        serves_an_ordinary_client(&server);
    }
    server.wait_for_stderr("is gone after 5 bytes: Connection reset");
}

#[test]
fn survives_a_client_that_never_reads_and_then_vanishes() {
    let server = Server::start(SERVER, &[]);
    let mut stream = connect(server.addr());
    let short = std::time::Duration::from_millis(200);
    stream
        .set_write_timeout(Some(short))
        .expect("the timeout is not zero");
    while stream.write_all(&[b'x'; 65_536]).is_ok() {} // until the server's own write is stuck
    drop(stream);
    server.wait_for_stderr("is gone after ");
    serves_an_ordinary_client(&server);
}

#[test]
fn survives_clients_that_are_reset_in_the_queue() {
    let server = Server::start(SERVER, &[]);
    let busy = connect(server.addr());
    server.wait_for_stdout("accepted");
    for _ in 0..3 {
        reset(connect(server.addr())); // the server is still with the first one
    }
    drop(busy);
    serves_an_ordinary_client(&server);
    server.wait_for("three clients reported as gone", |_, stderr| {
        let gone = stderr
            .iter()
            .filter(|line| line.contains("is gone after 0 bytes"));
        (gone.count() == 3).then_some(())
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_rude_clients_leave_it_serving_and_idle() {
    let server = Server::start(SERVER, &[]);
    for (_, rude) in RUDE.iter().cycle().take(1000) {
        rude(&server);
    }
    serves_an_ordinary_client(&server);
    let spent = server.cpu_time_during(std::time::Duration::from_millis(300));
    assert!(
        spent.as_millis() <= 20,
        "idle, it used the processor for {spent:?} of 300 ms"
    );
}

#[test]
fn starts_again_at_once_although_it_closed_first() {
    let reserved = Reserved::new().expect("a port is free");
    let addr = reserved.addr().to_string();
    if cfg!(not(target_os = "linux")) {
        drop(reserved); // a listener cannot share it
    }
    for _ in 0..2 {
        let server = Server::start_at(SERVER, &["--addr", &addr]);
        let mut stream = connect(server.addr());
        stream.write_all(b"hello").expect("the server reads");
        stream.read_exact(&mut [0; 5]).expect("the echo comes");
        server.stop(); // its side closes first and keeps TIME_WAIT
        assert_eq!(
            stream.read(&mut [0]).expect("the server's side was closed"),
            0
        );
    }
}

#[test]
fn the_client_takes_an_echo_in_pieces() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        stream
            .set_nodelay(true)
            .expect("a socket takes TCP_NODELAY");
        let mut message = [0; 5];
        stream.read_exact(&mut message).expect("the client writes");
        for byte in message {
            stream.write_all(&[byte]).expect("the client reads");
            thread::yield_now();
        }
        io::copy(&mut stream, &mut io::sink()).expect("the client closes");
    });
    let mut command = Command::new(CLIENT);
    let run = command
        .args(["--addr", &addr])
        .timeout(PATIENCE)
        .write_stdin("hello\n")
        .assert();
    run.success().stdout(diff("hello\n"));
    server.join().expect("the test's server does not fail");
}

#[test]
fn the_client_says_when_the_server_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        let mut message = [0; 5];
        stream.read_exact(&mut message).expect("the client writes");
        stream.write_all(b"hel").expect("the client reads");
    });
    let mut command = Command::new(CLIENT);
    let run = command
        .args(["--addr", &addr])
        .timeout(PATIENCE)
        .write_stdin("hello\n")
        .assert();
    run.code(1).stdout(diff("")).stderr(
        starts_with(format!("error: cannot read from {addr}: "))
            .and(contains("\nhint: the other side has ended")),
    );
    server.join().expect("the test's server does not fail");
}

#[test]
fn the_client_ends_at_ctrl_c_and_ctrl_d_and_q() {
    course::play(
        "
**Terminal 1**
```console
$ cargo run -q --bin loop-server
listening on 127.0.0.1:8802
accepted 127.0.0.1:50000
127.0.0.1:50000 has finished; 0 bytes went back
accepted 127.0.0.1:50000
127.0.0.1:50000 has finished; 2 bytes went back
accepted 127.0.0.1:50000
127.0.0.1:50000 has finished; 0 bytes went back
^C
```
**Terminal 2**
```console
$ cargo run -q --bin loop-client
connected; q or Ctrl-D ends
> ^C
$ cargo run -q --bin loop-client
connected; q or Ctrl-D ends
> hi
hi
> ^D
$ cargo run -q --bin loop-client
connected; q or Ctrl-D ends
> q
```
",
    );
}

#[test]
fn speaks_with_python() {
    if !course::has("python3") {
        return;
    }
    let server = Server::start(SERVER, &[]);
    let port = server.addr().port().to_string();
    let mut peer = Command::new("python3");
    peer.args(["peers/loop_client.py", &port]).timeout(PATIENCE);
    peer.write_stdin("hello\n\n世界\n")
        .assert()
        .success()
        .stdout(diff("hello\n世界\n"));

    let peer = Server::start_at("python3", &["peers/loop_server.py", "0"]);
    for (_, rude) in RUDE {
        rude(&peer);
    }
    serves_an_ordinary_client(&peer);
}

#[test]
fn speaks_with_netcat() {
    if !course::has_netcat() {
        return;
    }
    let server = Server::start(SERVER, &[]);
    let port = server.addr().port().to_string();
    let mut peer = Command::new("nc");
    peer.args(["-N", "127.0.0.1", &port]).timeout(PATIENCE);
    peer.write_stdin("hello\n")
        .assert()
        .success()
        .stdout(diff("hello\n"));
}

#[test]
fn the_tutorial_server_dies_of_a_polite_client_and_survives_a_reset() {
    if !course::has("python3") {
        return;
    }
    let start = || Server::start_at("python3", &["peers/tutorial_server.py", "0"]);
    let talk = |server: &Server| {
        let mut stream = connect(server.addr());
        stream.write_all(b"hello").expect("the server reads");
        let mut answer = [0; 14];
        stream.read_exact(&mut answer).expect("the answer comes");
        assert_eq!(&answer, b"you said hello");
        stream
    };

    let server = start();
    reset(talk(&server));
    drop(talk(&server)); // it served again; this one reads its answer and closes
    let (status, _, stderr) = server.wait();
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("BrokenPipeError"), "{stderr}");
}

#[test]
fn the_tutorial_server_spins_when_a_client_half_closes() {
    if !course::has("python3") {
        return;
    }
    let server = Server::start_at("python3", &["peers/tutorial_server.py", "0"]);
    let mut stream = connect(server.addr());
    stream.write_all(b"hello").expect("the server reads");
    stream
        .shutdown(Shutdown::Write)
        .expect("the connection is open");
    let mut answers = [0; 14 + 9 * 1000];
    stream
        .read_exact(&mut answers)
        .expect("the server answers nothing again and again");
    assert_eq!(&answers[..14], b"you said hello");
    assert_eq!(answers[14..], b"you said ".repeat(1000));
}

#[test]
fn dual_stack_takes_callers_by_ipv4_unless_it_is_told_not_to() {
    if TcpListener::bind("[::1]:0").is_err() {
        return; // this machine has no IPv6
    }
    let program = course::example("loop-server", "dual-stack");
    let program = program.to_str().expect("a name that Cargo chose");
    let server = Server::start_at(program, &["--port", "0"]);
    let port = server.addr().port();
    let client = connect((Ipv4Addr::LOCALHOST, port).into());
    let port_there = client.local_addr().expect("it is connected").port();
    server.wait_for_stdout(&format!(
        "accepted [::ffff:127.0.0.1]:{port_there}: this is 127.0.0.1, by IPv4"
    ));
    let client = connect((Ipv6Addr::LOCALHOST, port).into());
    let addr = client.local_addr().expect("it is connected");
    server.wait_for_stdout(&format!("accepted {addr}, by IPv6"));

    let server = Server::start_at(program, &["--port", "0", "--only-v6"]);
    let port = server.addr().port();
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    let error = refused.expect_err("nobody listens at the port for IPv4");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    connect((Ipv6Addr::LOCALHOST, port).into());
}
