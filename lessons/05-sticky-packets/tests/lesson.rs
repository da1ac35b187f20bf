//! Checks the lesson's own server and client, and its page.
//!
//! TCP does not promise how many reads there are: no test here counts reads, except where the
//! buffer leaves no choice. The page's transcripts show counts that a late reader forces.

mod checked;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};

use assert_cmd::Command;
use course::{PATIENCE, Server, accept, connect, reset};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, diff, starts_with};

const SERVER: &str = env!("CARGO_BIN_EXE_sticky-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_sticky-client");

/// What the five messages are together.
const ALL: &str = "hejприветhihola你好";

const FIVE_WRITES: &str = "\
write 1:  3 bytes  hej
write 2: 12 bytes  привет
write 3:  2 bytes  hi
write 4:  4 bytes  hola
write 5:  6 bytes  你好
";

const WRITTEN: &str = "┌─ 3 ─┬───────── 12 ──────────┬─2─┬── 4 ──┬──── 6 ────┐";

fn client(arguments: &[&str], addr: SocketAddr) -> Command {
    let mut command = Command::new(CLIENT);
    command
        .args(arguments)
        .args(["--addr", &addr.to_string()])
        .timeout(PATIENCE);
    command
}

/// The lengths of the reads that a program has shown, and what it has read, borders not counted.
fn reads(stdout: &str) -> (Vec<usize>, String) {
    let mut sizes = Vec::new();
    let mut text = String::new();
    for line in stdout.lines().filter(|line| line.starts_with("read ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        sizes.push(words[2].parse().expect("a row says how many bytes"));
        text += words[4];
    }
    (sizes, text.replace('│', ""))
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/05-sticky-packets.md");
}

#[test]
fn glue_shows_what_each_read_returned_and_draws_it() {
    let server = Server::start(SERVER, &["glue"]);
    let written = client(&["glue"], server.addr()).assert().success();
    written.stdout(diff(FIVE_WRITES));
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stderr}");
    assert_eq!(reads(&stdout).0.iter().sum::<usize>(), 27, "{stdout}");
    assert!(
        stdout.contains(&format!("5 writes   {WRITTEN}")),
        "{stdout}"
    );
}

#[test]
fn reads_late_and_everything_at_once_when_told_to_by_enter() {
    course::play(&format!(
        "
**Terminal 1**
```console
$ cargo run -q --bin sticky-server -- glue --enter
listening on 127.0.0.1:8805
accepted 127.0.0.1:50000
```
**Terminal 2**
```console
$ cargo run -q --bin sticky-client -- glue --gap 5
{FIVE_WRITES}```
**Terminal 1**
```console
read>
read 1: 27 bytes  hej│привет│hi│hola│你好

5 writes   {WRITTEN}
           │h e j п · р · и · в · е · т · h i h o l a 你· · 好· ·│
           │0         5         10        15        20        25 │
1 read     └──────────────────────── 27 ─────────────────────────┘
```
"
    ));
}

#[test]
fn does_not_wait_for_enter_at_the_end_of_input() {
    let server = Server::start(SERVER, &["slice"]);
    let mut read = client(&["slice", "--enter"], server.addr());
    read.write_stdin("")
        .assert()
        .success()
        .stdout(contains(WRITTEN));
}

#[test]
fn slice_reads_in_the_client_what_the_server_writes() {
    let server = Server::start(SERVER, &["slice", "--nodelay"]);
    let read = client(&["slice", "--buffer", "3"], server.addr())
        .assert()
        .success();
    let stdout = String::from_utf8_lossy(&read.get_output().stdout).into_owned();
    let sizes = reads(&stdout).0;
    assert!(sizes.iter().all(|&n| (1..=3).contains(&n)), "{stdout}");
    assert_eq!(sizes.iter().sum::<usize>(), 27);
    assert!(stdout.contains(WRITTEN), "{stdout}"); // drawn only if the bytes were the right ones
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stderr}");
    assert!(stdout.ends_with(FIVE_WRITES.trim_end()), "{stdout}");
}

#[test]
fn a_buffer_of_one_byte_makes_a_read_of_each_byte() {
    let server = Server::start(SERVER, &["glue", "--buffer", "1", "--wait", "0"]);
    let mut stream = connect(server.addr());
    stream.write_all(ALL.as_bytes()).expect("the server reads");
    drop(stream);
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stderr}");
    assert_eq!(reads(&stdout).0, [1; 27]);
    assert!(stdout.contains("read 4:  1 byte   \\xd0\n"), "{stdout}");
    let walls = "─┴".repeat(26);
    assert!(
        stdout.ends_with(&format!("27 reads   └{walls}─┘")),
        "{stdout}"
    );
}

#[test]
fn the_reader_takes_the_bytes_however_they_are_cut() {
    for size in [1, 7, 27] {
        let server = Server::start(SERVER, &["glue", "--wait", "0"]);
        let mut stream = connect(server.addr());
        stream
            .set_nodelay(true)
            .expect("a socket takes TCP_NODELAY");
        for piece in ALL.as_bytes().chunks(size) {
            stream.write_all(piece).expect("the server reads");
        }
        drop(stream);
        let (status, stdout, stderr) = server.wait();
        assert!(status.success(), "in pieces of {size} bytes: {stderr}");
        assert_eq!(reads(&stdout).0.iter().sum::<usize>(), 27, "{stdout}");
    }
}

#[test]
fn five_datagrams_are_five_receives() {
    let server = Server::start(SERVER, &["datagram"]);
    let sent = client(&["datagram", "--gap", "1"], server.addr()).assert();
    sent.success()
        .stdout(diff(FIVE_WRITES.replace("write", "send")));
    let addr = server.addr();
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stderr}");
    let expected = format!(
        "listening on {addr}
receive 1:  3 bytes  hej
receive 2: 12 bytes  привет
receive 3:  2 bytes  hi
receive 4:  4 bytes  hola
receive 5:  6 bytes  你好

5 sends    {WRITTEN}
           │h e j п · р · и · в · е · т · h i h o l a 你· · 好· ·│
           │0         5         10        15        20        25 │
5 receives └─ 3 ─┴───────── 12 ──────────┴─2─┴── 4 ──┴──── 6 ────┘"
    );
    assert_eq!(stdout, expected);
}

#[test]
fn a_short_buffer_loses_the_tails_of_datagrams() {
    let server = Server::start(SERVER, &["datagram", "--buffer", "5"]);
    client(&["datagram"], server.addr()).assert().success();
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stderr}");
    let expected = "
receive 1:  3 bytes  hej
receive 2:  5 bytes  пр\\xd0  and 7 lost
receive 3:  2 bytes  hi
receive 4:  4 bytes  hola
receive 5:  5 bytes  你\\xe5\\xa5  and 1 lost
";
    assert!(stdout.contains(expected), "{stdout}");
}

#[test]
fn says_which_datagrams_never_came() {
    let server = Server::start(SERVER, &["datagram", "--wait", "0"]);
    send_all(&["hej", "hola"], server.addr());
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stderr}");
    assert!(
        stdout.ends_with("└─ 3 ─┴××××××× 12 lost ×××××××┴×2×┴── 4 ──┴× 6 lost ××┘"),
        "{stdout}"
    );
    assert!(stdout.contains("\nreceive 2:  4 bytes  hola\nnothing more for 5 seconds\n"));
}

/// Sends datagrams as any program might.
fn send_all(datagrams: &[&str], server: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    for datagram in datagrams {
        let sent = socket.send_to(datagram.as_bytes(), server);
        sent.expect("loopback takes datagrams");
    }
}

#[test]
fn shows_datagrams_of_any_sender() {
    let server = Server::start(SERVER, &["datagram", "--wait", "0", "--buffer", "20"]);
    let long = "twenty bytes and then some";
    // Two of them are among the five: that does not make them the lesson's, nor end it.
    send_all(
        &["你好", "boo\x1b[2J", "", long, "hi", "again"],
        server.addr(),
    );
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}: {stderr}");
    assert_eq!(stderr, "");
    let expected = "
receive 1:  6 bytes  你好
receive 2:  7 bytes  boo\\x1b[2J
receive 3:  0 bytes  \u{20}
receive 4: 20 bytes  twenty bytes and the  and perhaps more, lost
receive 5:  2 bytes  hi
receive 6:  5 bytes  again
nothing more for 5 seconds

6 receives, 40 bytes together: not the lesson's five messages, so their borders are not known here";
    let expected = expected.replace("  \u{20}\n", "  \n");
    assert!(stdout.ends_with(&expected), "{stdout}");
}

#[test]
fn shows_a_stream_of_any_writer() {
    let more = format!("{ALL}!");
    let long = "as long as anybody likes, and shown whole: no part is left out";
    for (bytes, rows, reads) in [
        ("GET/\r\n", &["GET/\\r\\n"][..], "1 read, 6 bytes"),
        ("hey\x1b[2J", &["hey\\x1b[2J"], "1 read, 7 bytes"),
        ("hej", &["hej"], "1 read, 3 bytes"),
        ("", &[], "0 reads, 0 bytes"),
        (&more, &["hejприветhihola你好!"], "1 read, 28 bytes"),
        (long, &[long], "1 read, 62 bytes"),
    ] {
        // The reader begins when all of it is there.
        let mut server = Server::start(SERVER, &["glue", "--enter"]);
        let mut stream = connect(server.addr());
        let sent = stream.write_all(bytes.as_bytes());
        sent.expect("the server reads");
        drop(stream);
        drop(server.take_stdin());
        let (status, stdout, stderr) = server.wait();
        assert!(status.success(), "{bytes:?}: {stderr}");
        assert_eq!(stderr, "");
        let shown = stdout.lines().filter(|line| line.contains("read 1: "));
        let shown: Vec<&str> = shown
            .filter_map(|line| line.get(line.find("read 1: ")? + 18..))
            .collect();
        assert_eq!(shown, rows, "{stdout}");
        let words = format!("\n{reads} together: not the lesson's five messages");
        assert!(stdout.contains(&words), "{stdout}");
        assert!(!stdout.contains('┌'), "{stdout}");
    }
}

#[test]
fn shows_what_nc_and_python_send() {
    let python = "import socket
peer = socket.create_connection(('127.0.0.1', PORT))
for i in range(9): peer.sendall(b'message')";
    for (program, arguments, typed, together) in [
        (
            "nc",
            &["-N", "127.0.0.1", "PORT"][..],
            "one\ntwo\n",
            "8 bytes",
        ),
        ("python3", &["-c", python], "", "63 bytes"),
    ] {
        if !course::has(program) {
            continue;
        }
        let server = Server::start(SERVER, &["glue"]);
        let port = server.addr().port().to_string();
        let mut peer = Command::new(program);
        peer.args(arguments.iter().map(|word| word.replace("PORT", &port)));
        peer.write_stdin(typed).timeout(PATIENCE).assert().success();
        let (status, stdout, stderr) = server.wait();
        assert!(status.success(), "{stderr}");
        let words = format!(", {together} together: not the lesson's five messages");
        assert!(stdout.contains(&words), "{stdout}");
    }
}

#[test]
fn does_not_read_for_ever_from_a_peer_that_never_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    let endless = std::thread::spawn(move || {
        let mut stream = accept(&listener);
        while stream.write_all(ALL.as_bytes()).is_ok() {}
    });
    let read = client(&["slice", "--wait", "0"], addr).assert().code(1);
    read.stderr(contains("than is shown: ").and(contains(" bytes > 1048576\n")));
    endless
        .join()
        .expect("the writer ends when the client has left");
}

#[test]
fn reports_a_reset_and_fails() {
    let server = Server::start(SERVER, &["glue", "--wait", "0"]);
    let mut stream = connect(server.addr());
    stream.write_all(b"hej").expect("the server reads");
    server.wait_for_stdout("read 1:  3 bytes  hej");
    reset(stream);
    let (status, _, stderr) = server.wait();
    assert_eq!(status.code(), Some(1));
    assert!(
        stderr.starts_with("error: cannot read from 127.0.0.1:")
            && stderr.contains("\nhint: the other side was stopped"),
        "{stderr}"
    );
}

#[test]
fn gives_the_command_when_nobody_listens() {
    // The port is taken but nobody listens on it.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("the system has sockets");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).expect("a port is free");
    let addr = socket.local_addr().expect("it is bound");
    let addr = addr.as_socket().expect("it is IPv4");

    for experiment in ["glue", "slice"] {
        let failed = client(&[experiment], addr).assert().code(1);
        failed.stderr(
            starts_with(format!("error: cannot connect to {addr}: ")).and(contains(format!(
                ": cargo run --bin sticky-server -- {experiment} --addr {addr}\n"
            ))),
        );
    }
    // UDP cannot know.
    client(&["datagram"], addr).assert().success();
}

#[test]
fn refuses_arguments_that_make_no_sense() {
    for (program, arguments, complaint) in [
        (SERVER, "", "Usage: sticky-server"),
        (
            SERVER,
            "glue --buffer 0",
            "expected a whole number from 1 to 65535",
        ),
        (SERVER, "glue --enter --wait 5", "cannot be used with"),
        (SERVER, "glue --nodelay", "unexpected argument '--nodelay'"),
        (SERVER, "slice --wait 5", "unexpected argument '--wait'"),
        (
            CLIENT,
            "glue --gap 1001",
            "expected a whole number from 0 to 1000",
        ),
        (
            CLIENT,
            "datagram --nodelay",
            "unexpected argument '--nodelay'",
        ),
        (CLIENT, "mix", "unrecognized subcommand 'mix'"),
    ] {
        let run = Command::new(program)
            .args(arguments.split_whitespace())
            .timeout(PATIENCE)
            .assert();
        run.code(2).stderr(contains(complaint));
    }
}

#[test]
fn datagrams_travel_over_ipv6_too() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let server = Server::start_at(SERVER, &["datagram", "-a", "[::1]:0"]);
    client(&["datagram"], server.addr()).assert().success();
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{stderr}");
    assert!(stdout.ends_with('┘'), "{stdout}");
}

#[test]
fn speaks_with_python() {
    if !course::has("python3") {
        return;
    }
    for (experiment, peer) in [
        ("glue", "peers/sticky_writer.py"),
        ("datagram", "peers/sticky_datagrams.py"),
    ] {
        let server = Server::start(SERVER, &[experiment]);
        let port = server.addr().port().to_string();
        let python = Command::new("python3")
            .args([peer, &port])
            .timeout(PATIENCE)
            .assert();
        python.success();
        let (status, stdout, stderr) = server.wait();
        assert!(status.success(), "{stderr}");
        assert!(stdout.contains(WRITTEN), "{stdout}");
    }

    let server = Server::start(SERVER, &["slice"]);
    let port = server.addr().port().to_string();
    let python = Command::new("python3")
        .args(["peers/sticky_reader.py", &port, "1"])
        .timeout(PATIENCE)
        .assert()
        .success();
    python.stdout(starts_with("1 b'h'\n1 b'e'\n1 b'j'\n1 b'\\xd0'\n"));
    assert!(server.wait().0.success());
}

#[test]
fn the_writer_closes_when_it_has_written_all() {
    let server = Server::start(SERVER, &["slice"]);
    let mut read = Vec::new();
    connect(server.addr())
        .read_to_end(&mut read)
        .expect("the server closes");
    assert_eq!(String::from_utf8_lossy(&read), ALL);
}
