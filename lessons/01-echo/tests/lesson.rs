//! Checks the lesson's own server and client, and its page.

mod checked;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

use assert_cmd::Command;
use course::{PATIENCE, Reserved, Server, accept, connect, reset};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, diff, starts_with};

const SERVER: &str = env!("CARGO_BIN_EXE_echo-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_echo-client");

fn client() -> Command {
    let mut command = Command::new(CLIENT);
    command.timeout(PATIENCE);
    command
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/01-echo.md");
}

#[test]
fn the_readme_is_true() {
    course::check_page("README.md");
}

#[test]
fn serves_one_client_then_exits() {
    let server = Server::start(SERVER, &[]);
    let addr = server.addr().to_string();
    client()
        .args(["--addr", &addr, "hello, 世界"])
        .assert()
        .success()
        .stdout(diff(
            "sent 13 bytes and finished\n13 bytes came back: hello, 世界\n",
        ));
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stderr}");
    assert!(
        stdout.ends_with("has finished; 13 bytes went back"),
        "{stdout}"
    );
}

#[test]
fn sends_back_every_byte_however_they_are_cut() {
    let message: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for piece in [1, 3, 1024, 100_000] {
        let server = Server::start(SERVER, &[]);
        let mut stream = connect(server.addr());
        let mut sender = stream.try_clone().expect("a socket can be cloned");
        sender
            .set_nodelay(true)
            .expect("a socket takes TCP_NODELAY");
        let message = if piece == 1 {
            &message[..1000]
        } else {
            &message
        };
        let echo = thread::scope(|scope| {
            scope.spawn(move || {
                for piece in message.chunks(piece) {
                    sender.write_all(piece).expect("the server reads");
                }
                sender
                    .shutdown(Shutdown::Write)
                    .expect("the connection is open");
            });
            let mut echo = Vec::new();
            stream
                .read_to_end(&mut echo)
                .expect("the server sends it back");
            echo
        });
        assert!(
            echo == message,
            "in pieces of {piece} bytes: {} bytes came back",
            echo.len()
        );
    }
}

#[test]
fn answers_before_the_client_has_finished() {
    let server = Server::start(SERVER, &[]);
    let mut stream = connect(server.addr());
    let mut echo = [0; 4];
    stream.write_all(b"ping").expect("the server reads");
    stream
        .read_exact(&mut echo)
        .expect("the echo comes at once");
    assert_eq!(&echo, b"ping");
}

#[test]
fn reports_a_reset_and_fails() {
    let server = Server::start(SERVER, &[]);
    let stream = connect(server.addr());
    server.wait_for_stdout("accepted");
    reset(stream);
    let (status, _, stderr) = server.wait();
    assert_eq!(status.code(), Some(1));
    assert!(
        stderr.starts_with("error: cannot read from 127.0.0.1:"),
        "{stderr}"
    );
    assert!(
        stderr.contains("\nhint: the other side was stopped"),
        "{stderr}"
    );
}

#[test]
fn shows_control_characters_of_the_peer_escaped() {
    let server = Server::start(SERVER, &[]);
    let addr = server.addr().to_string();
    let echo = client()
        .args(["--addr", &addr, "\x1b[2J\u{202e}"])
        .assert()
        .success();
    echo.stdout(contains("7 bytes came back: \\x1b[2J\\u{202e}\n"));
    let (_, stdout, _) = server.wait();
    assert!(
        stdout.contains("read 7 bytes: \\x1b[2J\\u{202e}"),
        "{stdout}"
    );
}

#[test]
fn sends_nothing_and_gets_nothing() {
    let server = Server::start(SERVER, &[]);
    let addr = server.addr().to_string();
    let echo = client().args(["--addr", &addr, ""]).assert().success();
    echo.stdout(diff("sent 0 bytes and finished\n0 bytes came back: \n"));
    assert!(server.wait().0.success());
}

#[test]
#[cfg(not(windows))] // there a whole command line has at most 32,767 characters
fn takes_a_long_message_and_refuses_a_longer_one() {
    let server = Server::start(SERVER, &[]);
    let addr = server.addr().to_string();
    let send = |length: usize| {
        client()
            .args(["--addr", &addr, &"x".repeat(length)])
            .assert()
    };
    send(102_401).code(1).stderr(diff(
        "error: the message is too long: 102401 bytes > 102400\n",
    ));
    send(102_400)
        .success()
        .stdout(starts_with("sent 102400 bytes"));
    assert!(server.wait().0.success());
}

#[test]
fn the_client_complains_when_something_else_comes_back() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let liar = thread::spawn(move || {
        let mut stream = accept(&listener);
        io::copy(&mut &stream, &mut io::sink()).expect("the client half-closes");
        stream.write_all(b"HELLO").expect("the client reads");
    });
    let echo = client().args(["--addr", &addr, "hello"]).assert().code(1);
    echo.stderr(starts_with(
        "error: what came back is not what was sent\nhint: ",
    ));
    liar.join().expect("the test's server does not fail");
}

/// How the system says it; what Windows says depends on its language.
const REFUSED: &str = if cfg!(unix) { "Connection refused" } else { "" };

#[test]
fn the_client_gives_the_command_when_nobody_listens() {
    let nobody = Reserved::new().expect("a port is free");
    let addr = nobody.addr();

    client().args(["--addr", &addr.to_string()]).assert().code(1).stderr(
        starts_with(format!("error: cannot connect to {addr}: {REFUSED}")).and(contains(
            format!("\nhint: nobody listens there; start the server in another terminal: cargo run --bin echo-server -- --addr {addr}\n"),
        )),
    );
}

#[test]
fn says_what_is_wrong_with_an_address() {
    for (addr, complaint) in [
        ("", "there is no port"),
        ("127.0.0.1", "there is no port"),
        (
            "127.0.0.1:65536",
            "the port '65536' is not a number from 0 to 65535",
        ),
    ] {
        for program in [SERVER, CLIENT] {
            let run = Command::new(program)
                .args(["--addr", addr])
                .timeout(PATIENCE)
                .assert();
            run.code(2)
                .stderr(contains(complaint).and(contains("\nhint: write HOST:PORT")));
        }
    }
    client()
        .args(["--addr", "127.0.0.1:0"])
        .assert()
        .code(1)
        .stderr(contains("hint: port 0 is for servers"));
}

#[test]
fn says_that_a_name_is_unknown() {
    // The top-level domain "invalid" is reserved for names that do not exist (RFC 2606).
    for program in [SERVER, CLIENT] {
        let run = Command::new(program)
            .args(["--addr", "nobody.invalid:80"])
            .timeout(PATIENCE)
            .assert();
        run.code(1).stderr(
            contains("nobody.invalid:80: ")
                .and(contains("\nhint: the name could not be looked up")),
        );
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
        .args(["peers/echo_client.py", &port, "hello, 世界"])
        .timeout(PATIENCE)
        .assert();
    peer.success().stdout(diff("hello, 世界\n"));

    let peer = Server::start_at("python3", &["peers/echo_server.py", "0"]);
    let addr = peer.addr().to_string();
    client()
        .args(["--addr", &addr, "hello, 世界"])
        .assert()
        .success()
        .stdout(contains("13 bytes came back: hello, 世界"));
}

#[test]
fn speaks_with_netcat() {
    if !course::has_netcat() {
        return;
    }
    let server = Server::start(SERVER, &[]);
    let port = server.addr().port().to_string();
    let peer = Command::new("nc")
        .args(["-N", "127.0.0.1", &port])
        .write_stdin("hello\n")
        .timeout(PATIENCE)
        .assert();
    peer.success().stdout(diff("hello\n"));
    assert!(server.wait().0.success());
}
