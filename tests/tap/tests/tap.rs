//! Checks `cargo course tap`: what it shows, what it passes on, and how bad a network it can be.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use course::{PATIENCE, Reserved, Server, accept, connect, datagrams, has, receive, reset};

const TAP: &str = env!("CARGO_BIN_EXE_tap");

/// The tap of lesson 1 in front of a server.
fn tap(to: SocketAddr, more: &[&str]) -> Server {
    let to = to.to_string();
    let mut arguments = vec!["1", "--addr", "127.0.0.1:0", "--to", &to];
    arguments.extend(more);
    Server::start_at(TAP, &arguments)
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
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

/// A connection through a tap with these options: the client's end, the server's end, the tap.
fn through(more: &[&str]) -> (TcpStream, TcpStream, Server) {
    let listener = listen();
    let tap = tap(listener.local_addr().expect("it is bound"), more);
    let client = connect(tap.addr());
    let server = accept(&listener);
    (client, server, tap)
}

fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let read = stream.read_to_end(&mut received);
    read.expect("the tap passes bytes and FIN on");
    received
}

#[test]
fn the_tap_shows_text_as_text() {
    let (mut client, _server, tap) = through(&[]);
    client
        .write_all("你好, Zürich\u{9b}".as_bytes())
        .expect("the tap reads");
    tap.wait_for_stdout("    e4 bd a0 e5 a5 bd 2c 20 5a c3 bc 72 69 63 68 c2  你好, Zürich.");
    tap.wait_for_stdout("    9b");
}

#[test]
fn a_tap_does_not_speak_with_itself() {
    let arguments = ["1", "--addr", "127.0.0.1:9801", "--to", "localhost:9801"];
    let output = Command::new(TAP).args(arguments).output();
    let output = output.expect("it starts and ends");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let expected = "error: --addr 127.0.0.1:9801 and --to localhost:9801 are the same";
    assert!(stderr.starts_with(expected), "{stderr}");
}

#[test]
fn an_option_that_would_do_nothing_is_refused() {
    for (arguments, complaint) in [
        (["3", "--chop", "1"], "--chop is for a connection"),
        (["3", "--rate", "1"], "--rate is for a connection"),
        (["1", "--drop", "1"], "--drop is for datagrams"),
        (["1", "--seed", "1"], "--seed is for datagrams"),
        (["3", "--drop", "101"], "invalid value '101'"),
        (["1", "--chop", "0"], "invalid value '0'"),
    ] {
        let output = Command::new(TAP).args(arguments).output();
        let output = output.expect("it starts and ends");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(complaint), "{stderr}");
    }
}

#[test]
fn a_chopping_tap_says_in_how_many_pieces_and_loses_nothing() {
    let (mut client, server, tap) = through(&["--chop", "2"]);
    client.write_all(b"hello").expect("the tap reads");
    tap.wait_for_stdout("client → server  5 bytes  in 3 pieces");
    let big: Vec<u8> = (0..=255).cycle().take(30_000).collect();
    client.write_all(&big).expect("the tap reads");
    client
        .shutdown(Shutdown::Write)
        .expect("the connection is open");
    assert!(read_all(&server) == [b"hello", big.as_slice()].concat());
}

#[test]
fn a_slow_tap_takes_as_long_as_it_says() {
    let (mut client, server, tap) = through(&["--rate", "1000"]);
    let start = Instant::now();
    client.write_all(&[b'x'; 400]).expect("the tap reads");
    client
        .shutdown(Shutdown::Write)
        .expect("the connection is open");
    tap.wait_for_stdout("client → server  400 bytes  takes 0.400 s");
    assert_eq!(read_all(&server).len(), 400);
    // 0.4 s is what the rate gives; a tap without it takes a thousandth.
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_tap_that_resets_passes_on_exactly_so_many_bytes() {
    let (mut client, mut server, tap) = through(&["--reset-after", "6"]);
    client.write_all(b"four").expect("the tap reads");
    let mut received = [0; 4];
    server
        .read_exact(&mut received)
        .expect("four bytes are allowed");
    server.write_all(b"four").expect("the tap reads");
    let mut received = [0; 2];
    client.read_exact(&mut received).expect("two are left");
    for mut end in [client, server] {
        let error = end.read(&mut [0]).expect_err("the reset arrives");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    tap.wait_for_stdout("#1  RST to both sides after 6 bytes");
    tap.wait_for_stdout("#1  closed");
}

#[test]
fn a_black_hole_takes_everything_and_says_nothing() {
    let (mut client, mut server, tap) = through(&["--black-hole"]);
    client.write_all(b"hello?").expect("the tap reads");
    client
        .shutdown(Shutdown::Write)
        .expect("the connection is open");
    tap.wait_for_stdout("passing nothing on to 127.0.0.1:");
    tap.wait_for_stdout("client → server  6 bytes  dropped");
    tap.wait_for_stdout("client → server  FIN  dropped");
    server
        .set_nonblocking(true)
        .expect("an open socket takes it");
    let nothing = server.read(&mut [0]).expect_err("nothing is passed on");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    // Not even the end of the other side.
    drop(server);
    tap.wait_for_stdout("#1  closed");
    client
        .set_nonblocking(true)
        .expect("an open socket takes it");
    let nothing = client.read(&mut [0]).expect_err("nothing is passed on");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
}

#[cfg(unix)]
#[test]
fn what_the_tap_has_shown_is_passed_on_also_when_ctrl_c_is_pressed() {
    let (mut client, server, tap) = through(&["--delay", "300"]);
    client.write_all(b"hello").expect("the tap reads");
    tap.wait_for_stdout("5 bytes");
    tap.interrupt();
    let mut received = [0; 5];
    (&server)
        .read_exact(&mut received)
        .expect("the tap passes it on");
    assert_eq!(&received, b"hello");

    for options in [&["--delay", "300"][..], &["--reorder", "100"]] {
        let (server, client) = (datagrams(), datagrams());
        let to = server.local_addr().expect("it is bound");
        let tap = tap_of_datagrams(to, options);
        client
            .send_to(b"hello", tap.addr())
            .expect("the tap has a socket");
        tap.wait_for_stdout("5 bytes");
        tap.interrupt();
        assert_eq!(receive(&server).0, b"hello");
        assert_eq!(tap.wait().0.code(), Some(130));
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_does_not_wait_for_a_long_delay() {
    let (mut client, server, tap) = through(&["--delay", "60000"]);
    client.write_all(b"hello").expect("the tap reads");
    tap.wait_for_stdout("5 bytes");
    tap.interrupt();
    assert_eq!(tap.wait().0.code(), Some(130));
    let received = read_all(&server);
    assert!(received.is_empty(), "it ended first: {received:?}");
}

/// The tap of lesson 1 in front of a server of datagrams.
fn tap_of_datagrams(to: SocketAddr, more: &[&str]) -> Server {
    let mut options = vec!["--udp"];
    options.extend(more);
    tap(to, &options)
}

/// Sends numbered datagrams through a tap: what arrives, in order, and what the tap says of them.
fn lossy(more: &[&str], count: u8) -> (Vec<u8>, Vec<String>) {
    let server = datagrams();
    let tap = tap_of_datagrams(server.local_addr().expect("it is bound"), more);
    let client = datagrams();
    client
        .connect(tap.addr())
        .expect("connecting a datagram socket only sets its peer");
    for number in 0..count {
        client.send(&[number]).expect("the tap has a socket");
        tap.wait_for("the tap to see each datagram", |stdout, _| {
            let seen = stdout.iter().filter(|line| line.contains("  1 byte"));
            (seen.count() > usize::from(number)).then_some(())
        });
    }
    // What the tap says tells how many come.
    let said = tap.wait_for("the tap's lines", |stdout, _| {
        let lines = stdout.iter().filter(|line| line.contains("  1 byte"));
        let fates = lines.map(|line| line.split_once("  1 byte").expect("it is there").1);
        Some(fates.map(|fate| fate.trim().to_owned()).collect::<Vec<_>>())
    });
    let copies = |fate: &String| match fate {
        fate if fate.contains("dropped") => 0,
        fate if fate.contains("twice") => 2,
        _ => 1,
    };
    let coming: usize = said.iter().map(copies).sum();
    let arrived = (0..coming).map(|_| receive(&server).0[0]).collect();
    (arrived, said)
}

#[test]
fn a_tap_that_drops_half_says_which_and_a_seed_repeats_it() {
    let (arrived, said) = lossy(&["--drop", "50", "--seed", "1"], 20);
    let kept: Vec<u8> = (0..20)
        .filter(|&n| said[usize::from(n)] != "dropped")
        .collect();
    assert_eq!(arrived, kept);
    assert!((2..19).contains(&kept.len()), "{kept:?}");
    let again = lossy(&["--drop", "50", "--seed", "1"], 20);
    assert_eq!((arrived, said), again);
    assert_ne!(again, lossy(&["--drop", "50", "--seed", "2"], 20));
}

#[test]
fn a_tap_that_doubles_passes_each_on_twice() {
    let (arrived, said) = lossy(&["--duplicate", "100"], 3);
    assert_eq!(arrived, [0, 0, 1, 1, 2, 2]);
    assert_eq!(said, ["twice"; 3]);
}

#[test]
fn a_tap_that_reorders_loses_nothing() {
    // In which order they come depends on how soon they follow each other.
    let (mut arrived, said) = lossy(&["--reorder", "100"], 3);
    arrived.sort_unstable();
    assert_eq!(arrived, [0, 1, 2]);
    assert_eq!(said, ["held back"; 3]);
}

#[test]
fn a_tap_by_chance_says_how_to_repeat_it() {
    let server = datagrams();
    let to = server.local_addr().expect("it is bound");
    let tap = tap(to, &["--udp", "--drop", "50"]);
    tap.wait_for_stdout("to repeat what chance does: --seed ");
}

#[test]
fn a_capture_has_the_bytes_of_the_tap_in_order() {
    if !has("tcpdump") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("tap.pcap");
    let file = file.to_str().expect("the path is text");
    let (mut client, mut server, tap) = through(&["--pcap", file]);
    client.write_all(b"hello").expect("the tap reads");
    client
        .shutdown(Shutdown::Write)
        .expect("the connection is open");
    assert_eq!(read_all(&server), b"hello");
    server.write_all(b"good-bye").expect("the tap reads");
    tap.wait_for_stdout("8 bytes");
    reset(server);
    tap.wait_for_stdout("closed");
    drop(tap);

    let dump = |arguments: &[&str]| {
        let mut tcpdump = Command::new("tcpdump");
        let output = tcpdump.args(["-r", file, "-nn", "-t"]).args(arguments);
        let output = output.output().expect("tcpdump starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let shown = dump(&["-v"]);
    assert!(!shown.contains("incorrect"), "{shown}"); // the checksums
    let flags = dump(&[]);
    let flags: Vec<&str> = flags
        .lines()
        .filter_map(|line| line.split_once("Flags "))
        .filter_map(|(_, rest)| rest.split(',').next())
        .collect();
    let expected = [
        "[S]", "[S.]", "[.]", // the handshake
        "[P.]", "[.]", "[F.]", "[.]", // the client's bytes, and that it has finished
        "[P.]", "[.]", "[R.]", // the server's, and its reset
    ];
    assert_eq!(flags, expected);
    let bytes = dump(&["-A"]);
    let (hello, bye) = (bytes.find("hello"), bytes.find("good-bye"));
    assert!(hello.is_some() && hello < bye, "{bytes}");
}

#[test]
fn a_capture_has_datagrams() {
    if !has("tcpdump") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("tap.pcap");
    let server = datagrams();
    let to = server.local_addr().expect("it is bound");
    let path = file.to_str().expect("the path is text");
    let tap = tap(to, &["--udp", "--pcap", path]);
    let client = datagrams();
    client
        .send_to(b"a postcard", tap.addr())
        .expect("the tap has a socket");
    receive(&server);
    let client = client.local_addr().expect("it is bound").port();
    let here = tap.addr().port();
    drop(tap);
    let output = Command::new("tcpdump")
        .args(["-r", path, "-nn", "-tvv"])
        .output();
    let output = output.expect("tcpdump starts").stdout;
    let output = String::from_utf8_lossy(&output).into_owned();
    let line = format!("127.0.0.1.{client} > 127.0.0.1.{here}: [udp sum ok] UDP, length 10");
    assert!(output.contains(&line), "{output}");
    let size = fs::metadata(&file).expect("it was written").len();
    assert_eq!(size, 24 + 16 + 20 + 8 + 10);
}

#[cfg(unix)]
#[test]
fn a_tap_draws_what_passed_when_ctrl_c_is_pressed() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("tap.svg");
    let path = file.to_str().expect("the path is text");
    let (mut client, server, tap) = through(&["--picture", path]);
    client.write_all(b"<hello>").expect("the tap reads");
    client
        .shutdown(Shutdown::Write)
        .expect("the connection is open");
    assert_eq!(read_all(&server), b"<hello>");
    tap.interrupt();
    let (status, stdout, stderr) = tap.wait();
    assert!(status.success(), "{stderr}");
    assert!(stdout.ends_with(&format!("drawn: {path}")), "{stdout}");
    let picture = fs::read_to_string(&file).expect("it was written");
    for part in [
        ">connects</text>",
        ">7 bytes: &lt;hello&gt;</text>",
        ">FIN</text>",
    ] {
        assert!(picture.contains(part), "{picture}");
    }
}

#[test]
fn a_picture_that_cannot_be_written_is_refused_at_once() {
    let arguments = [
        "1",
        "--addr",
        "127.0.0.1:0",
        "--picture",
        "no/such/folder/x.svg",
    ];
    let output = Command::new(TAP).args(arguments).output();
    let output = output.expect("it starts and ends");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.starts_with("error: cannot write no/such/folder/x.svg: "),
        "{stderr}"
    );
}

/// Where a tap with `--browser` is looked at.
fn browser_at(tap: &Server) -> SocketAddr {
    let line = tap.wait_for_stdout("open http://");
    let addr = line.trim_start_matches("open http://").split('/').next();
    addr.and_then(|addr| addr.parse().ok())
        .unwrap_or_else(|| panic!("{line:?} has no address"))
}

/// What a browser gets: head and body.
fn get(addr: SocketAddr, path: &str, more: &str) -> (String, String) {
    try_get(addr, path, more).expect("the tap answers")
}

/// The same, or nothing where it is turned away.
fn try_get(addr: SocketAddr, path: &str, more: &str) -> Option<(String, String)> {
    let mut stream = connect(addr);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

#[test]
fn a_browser_sees_what_passes_and_the_bytes_of_an_arrow() {
    let (mut client, _server, tap) = through(&["--browser"]);
    let addr = browser_at(&tap);
    assert!(addr.ip().is_loopback());
    let (head, page) = get(addr, "/", "");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    for outside in ["http://", "https://", "//"] {
        assert!(!page.contains(outside), "the page asks elsewhere: {page}");
    }
    // The first answer may come before the bytes; the next one waits for them.
    client.write_all(b"hello <you>").expect("the tap reads");
    tap.wait_for_stdout("11 bytes");
    let (head, picture) = get(addr, "/picture?seen=1", "");
    assert!(head.contains("X-Seen: 2\r\n"), "{head}");
    assert!(
        picture.contains(">11 bytes: hello &lt;you&gt;</text>"),
        "{picture}"
    );
    let (_, bytes) = get(addr, "/event?number=1", "");
    assert!(
        bytes.ends_with("68 65 6c 6c 6f 20 3c 79 6f 75 3e                 hello <you>"),
        "{bytes}"
    );
    assert!(
        get(addr, "/event?number=9", "")
            .0
            .starts_with("HTTP/1.1 404")
    );
}

#[test]
fn a_page_of_another_origin_sees_nothing() {
    let (mut client, _server, tap) = through(&["--browser"]);
    client.write_all(b"a secret").expect("the tap reads");
    tap.wait_for_stdout("8 bytes");
    let addr = browser_at(&tap);
    let (head, body) = get(addr, "/picture?seen=0", "Origin: http://evil.example\r\n");
    assert!(head.starts_with("HTTP/1.1 403 Forbidden"), "{head}");
    assert_eq!(body, "403 Forbidden");
    // A name that somebody else has turned to this address.
    let mut stream = connect(addr);
    stream
        .write_all(b"GET /picture?seen=0 HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        .expect("the tap reads requests");
    let answer = read_all(&stream);
    assert!(answer.starts_with(b"HTTP/1.1 403 Forbidden"));
}

#[test]
fn a_browser_that_reads_nothing_or_goes_away_stops_nobody() {
    let (mut client, mut server, tap) = through(&["--browser"]);
    let addr = browser_at(&tap);
    // Tabs that ask for everything to come and never read it, one that is closed, one that says nothing.
    let mut tabs: Vec<TcpStream> = (0..40).map(|_| connect(addr)).collect();
    for tab in &mut tabs[..20] {
        let request = format!("GET /picture?seen=0 HTTP/1.1\r\nHost: {addr}\r\n\r\n");
        let _ = tab.write_all(request.as_bytes()); // too many tabs are turned away
    }
    drop(tabs.pop());
    let mut echo = [0; 3];
    for n in 0..10_000_u32 {
        let piece = [1, (n % 251) as u8, 2];
        client.write_all(&piece).expect("the tap reads");
        server.read_exact(&mut echo).expect("the tap passes it on");
        assert_eq!(echo, piece);
    }
    drop(tabs);
    let deadline = Instant::now() + PATIENCE;
    let (head, picture) = loop {
        if let Some(got) = try_get(addr, "/picture?seen=0", "") {
            break got;
        }
        // The tabs are still being closed.
        assert!(
            Instant::now() < deadline,
            "waited for the tap to answer a browser again"
        );
    };
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let seen = head.lines().find_map(|line| line.strip_prefix("X-Seen: "));
    let seen: usize = seen.and_then(|n| n.parse().ok()).expect("a number");
    assert!(seen > 5_000, "{seen}"); // several pieces may have come in one
    assert_eq!(picture.matches("<g id=").count(), 100);
}
