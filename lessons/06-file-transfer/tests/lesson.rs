//! Checks the lesson's own server and client, and its page.

mod checked;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{self, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use course::{PATIENCE, Server, accept, connect, reset};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, ends_with, starts_with};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

const SERVER: &str = env!("CARGO_BIN_EXE_file-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_file-client");

fn folder() -> TempDir {
    tempfile::tempdir().expect("the system has a folder for temporary files")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the folders' names are ASCII")
}

/// The names of everything in a folder, the hidden files too.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|e| e.file_name());
    let mut names: Vec<String> = entries
        .map(|e| {
            name(e)
                .expect("it can be read")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// A server that receives into a folder. Where a client is silent on purpose, `more` makes it
/// less patient; an ordinary client may be slow on a busy machine.
fn receiver(inbox: &Path, more: &[&str]) -> Server {
    let mut arguments = vec!["receive", "--dir", text(inbox)];
    arguments.extend(more);
    Server::start(SERVER, &arguments)
}

fn client(arguments: &[&str], addr: SocketAddr) -> Command {
    let mut command = Command::new(CLIENT);
    command
        .args(arguments)
        .args(["--addr", &addr.to_string()])
        .timeout(PATIENCE);
    command
}

/// A header as it goes over the wire.
fn frame(json: &str) -> Vec<u8> {
    let length = u32::try_from(json.len()).expect("the test's headers are short");
    [&length.to_be_bytes(), json.as_bytes()].concat()
}

fn header(name: &str, size: usize) -> Vec<u8> {
    let name = serde_json::to_string(name).expect("a string can be written as JSON");
    frame(&format!("{{\"filename\":{name},\"filesize\":{size}}}"))
}

/// Sends bytes to a server and closes; the server may have closed before.
fn offer(addr: SocketAddr, bytes: &[u8]) {
    let mut stream = connect(addr);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0]); // until the server has closed
}

/// An ordinary client is still served: it sends a file, which is complete and alone there.
fn still_serves(server: &Server, inbox: &Path) {
    let outbox = folder();
    let file = outbox.path().join("ordinary.txt");
    fs::write(&file, "ordinary").expect("the folder can be written to");
    let sent = client(&["send", text(&file)], server.addr()).assert();
    sent.success();
    assert_eq!(names(inbox), ["ordinary.txt"]);
    let received = fs::read(inbox.join("ordinary.txt")).expect("it is there");
    assert_eq!(received, b"ordinary");
    fs::remove_file(inbox.join("ordinary.txt")).expect("it is ours");
}

/// A file of that many bytes, with a pattern that fits no power of two.
fn file_of(size: usize, path: &Path) -> Vec<u8> {
    let pattern: Vec<u8> = (0..251).collect();
    let mut bytes = pattern.repeat(size / 251 + 1);
    bytes.truncate(size);
    fs::write(path, &bytes).expect("the folder can be written to");
    bytes
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/06-file-transfer.md");
}

#[test]
fn carries_files_of_every_size_both_ways() {
    let (outbox, inbox) = (folder(), folder());
    let file = outbox.path().join("塑料王国.mp4");
    for size in [0, 1, 2048, 65_537, 3_000_000] {
        let bytes = file_of(size, &file);
        let received = inbox.path().join("塑料王国.mp4");

        let server = Server::start(SERVER, &["send", text(&file)]);
        let receive = ["receive", "--dir", text(inbox.path())];
        let got = client(&receive, server.addr()).assert().success();
        got.stdout(starts_with(format!("received 塑料王国.mp4: {size} byte")));
        assert!(fs::read(&received).expect("it is there") == bytes);
        server.wait_for_stdout(&format!("sent 塑料王国.mp4: {size} byte"));
        fs::remove_file(&received).expect("it is ours");

        let server = receiver(inbox.path(), &[]);
        let sent = client(&["send", text(&file)], server.addr()).assert();
        sent.success()
            .stdout(starts_with(format!("sent 塑料王国.mp4: {size} byte")));
        assert!(fs::read(&received).expect("it is there") == bytes);
        server.wait_for_stdout(&format!("received 塑料王国.mp4: {size} byte"));
        assert_eq!(names(inbox.path()), ["塑料王国.mp4"]);
        fs::remove_file(&received).expect("it is ours");
    }
}

#[test]
fn serves_client_after_client() {
    let (outbox, inbox) = (folder(), folder());
    let file = outbox.path().join("file");
    fs::write(&file, "x").expect("the folder can be written to");
    let server = Server::start(SERVER, &["send", text(&file)]);
    for _ in 0..3 {
        let receive = ["receive", "--force", "--dir", text(inbox.path())];
        client(&receive, server.addr()).assert().success();
    }
}

#[test]
fn puts_length_and_header_on_the_wire_as_agreed() {
    let outbox = folder();
    let file = outbox.path().join("a.txt");
    fs::write(&file, "hello").expect("the folder can be written to");
    let json = br#"{"filename":"a.txt","filesize":5}"#;
    for (order, length) in [("big", [0, 0, 0, 33]), ("little", [33, 0, 0, 0])] {
        let arguments = ["send", text(&file), "--byte-order", order];
        let server = Server::start(SERVER, &arguments);
        let mut wire = Vec::new();
        let mut stream = connect(server.addr());
        stream.read_to_end(&mut wire).expect("the server closes");
        assert_eq!(wire, [&length[..], json, b"hello"].concat());
    }
}

#[test]
fn takes_a_file_byte_by_byte_and_ignores_unknown_keys() {
    let inbox = folder();
    let server = receiver(inbox.path(), &[]);
    let mut stream = connect(server.addr());
    stream
        .set_nodelay(true)
        .expect("a socket takes TCP_NODELAY");
    let json = r#"{"sha256":[[1,{"a":null}]],"filesize":5,"filename":"a.txt"}"#;
    for byte in [frame(json).as_slice(), b"hello"].concat() {
        stream.write_all(&[byte]).expect("the server reads");
    }
    drop(stream);
    server.wait_for_stdout("received a.txt: 5 bytes");
    let received = fs::read(inbox.path().join("a.txt"));
    assert_eq!(received.expect("it is there"), b"hello");
}

#[test]
fn a_file_appears_only_when_it_is_complete() {
    let inbox = folder();
    let server = receiver(inbox.path(), &[]);
    let mut stream = connect(server.addr());
    stream
        .write_all(&header("a.txt", 200_000))
        .expect("the server reads");
    stream
        .write_all(&[b'x'; 199_999])
        .expect("the server reads");
    assert!(!inbox.path().join("a.txt").exists());
    stream.write_all(b"x").expect("the server reads");
    drop(stream);
    server.wait_for_stdout("received a.txt: 200000 bytes");
    assert_eq!(names(inbox.path()), ["a.txt"]);
}

#[test]
fn refuses_thirty_hostile_headers_and_serves_the_next_client() {
    let inbox = folder();
    let server = receiver(inbox.path(), &[]);
    let nested = format!("{{\"x\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let deep = format!("{{\"x\":{}", "[".repeat(60_000));
    let size = |size: &str| format!("{{\"filename\":\"a\",\"filesize\":{size}}}");
    let raw = |prefix: u32, body: &[u8]| [&prefix.to_be_bytes(), body].concat();
    let headers: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "it closed without sending anything"),
        (vec![0], "it ended inside the length: 1 of 4 bytes came"),
        (
            vec![0, 0, 0],
            "it ended inside the length: 3 of 4 bytes came",
        ),
        (
            raw(5, b""),
            "it ended inside the message: 0 of 5 bytes came",
        ),
        (
            raw(65_536, b"{"),
            "it ended inside the message: 1 of 65536 bytes came",
        ),
        (raw(0, b""), "its header is no header: EOF while parsing"),
        (
            raw(65_537, b"{}"),
            "00 01 00 01 is too great: 65537 > 65536",
        ),
        (
            raw(0x2a00_0000, b"{}"),
            "2a 00 00 00 is too great: 704643072 > 65536",
        ),
        (
            raw(u32::MAX, b"{}"),
            "ff ff ff ff is too great: 4294967295 > 65536",
        ),
        (
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            "is too great: 1195725856 > 65536",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
            "is too great: 1213486160 > 65536",
        ),
        (frame("hello"), "its header is no header"),
        (frame("\u{1b}[2J"), "its header is no header"),
        (raw(2, b"\xff\xfe"), "its header is no header"),
        (frame("[]"), "its header is no header"),
        (frame("null"), "its header is no header"),
        (frame("{}"), "missing field `filename`"),
        (frame(r#"{"filename":"a"}"#), "missing field `filesize`"),
        (frame(r#"{"filesize":1}"#), "missing field `filename`"),
        (
            frame(r#"{"filename":"a","filename":"b","filesize":1}"#),
            "duplicate field `filename`",
        ),
        (
            frame(r#"{"filename":"a","filesize":1,"filesize":2}"#),
            "duplicate field `filesize`",
        ),
        (frame(r#"{"filename":7,"filesize":1}"#), "expected a string"),
        (
            frame(r#"{"filename":"\ud800","filesize":1}"#),
            "its header is no header",
        ),
        (
            frame(&size("-1")),
            "invalid value: integer `-1`, expected u64",
        ),
        (
            frame(&size("3.0")),
            "invalid type: floating point `3.0`, expected u64",
        ),
        (
            frame(&size("\"3\"")),
            "invalid type: string \"3\", expected u64",
        ),
        (frame(&size("18446744073709551616")), "expected u64"),
        (
            frame(&size("9223372036854775808")),
            "a is too large: 9223372036854775808 bytes > 1099511627776",
        ),
        (frame(&size("1e400")), "its header is no header"),
        (frame(&nested), "missing field `filename`"),
        (frame(&deep), "its header is no header"),
        (frame(&format!("{}x", size("0"))), "trailing characters"),
    ];
    assert!(headers.len() >= 30);
    for (bytes, why) in headers {
        offer(server.addr(), &bytes);
        let line = server.wait_for_stderr(why);
        assert!(
            line.starts_with("error: received nothing from 127.0.0.1:"),
            "{line}"
        );
        assert!(line.len() < 300 && !line.contains('\u{1b}'), "{line}");
        assert_eq!(names(inbox.path()), [""; 0], "after {why}");
    }
    still_serves(&server, inbox.path());
    assert_memory_is_low(&server);
}

/// No allocation follows an announced length: the most memory the server ever had.
fn assert_memory_is_low(server: &Server) {
    if cfg!(target_os = "linux") {
        let most = course::status(server.pid(), "VmHWM").expect("the server still runs");
        assert!(
            most < 12 * 1024,
            "{most} KiB (not optimised, so more than 8 MiB is allowed)"
        );
    }
}

#[test]
fn says_what_a_wrong_length_may_mean() {
    let inbox = folder();
    for (arguments, bytes, hint) in [
        (
            [].as_slice(),
            b"\x2a\0\0\0".as_slice(),
            "try --byte-order little",
        ),
        (
            &["--byte-order", "little"],
            b"\0\0\0\x2a",
            "try --byte-order big",
        ),
        (
            &[],
            b"GET / HTTP/1.1\r\n\r\n",
            "these bytes are the text 'GET '",
        ),
        (&[], b"\xff\xff\xff\xff", ""),
    ] {
        let server = receiver(inbox.path(), arguments);
        offer(server.addr(), bytes);
        server.wait_for_stderr("is too great");
        still_serves_in_order(&server, inbox.path(), arguments);
        let (_, stderr) = server.stop();
        let hints: Vec<&str> = stderr.lines().filter(|l| l.starts_with("hint: ")).collect();
        assert_eq!(hints.len(), usize::from(!hint.is_empty()), "{stderr}");
        assert!(hints.concat().contains(hint), "{stderr}");
    }
}

fn still_serves_in_order(server: &Server, inbox: &Path, arguments: &[&str]) {
    let outbox = folder();
    let file = outbox.path().join("ordinary.txt");
    fs::write(&file, "ordinary").expect("the folder can be written to");
    let send = [&["send", text(&file)], arguments].concat();
    client(&send, server.addr()).assert().success();
    fs::remove_file(inbox.join("ordinary.txt")).expect("it has come");
}

#[test]
fn refuses_twenty_hostile_names_and_writes_nothing_outside_the_folder() {
    let outside = folder();
    let inbox = outside.path().join("inbox");
    fs::create_dir(&inbox).expect("the folder can be written to");
    let server = receiver(&inbox, &["--force"]);
    let long = "x".repeat(256);
    let absolute = outside.path().join("absolute");
    let names_refused = [
        "",
        ".",
        "..",
        "../up",
        "a/../../up",
        "a/b",
        "/",
        "a/",
        "./a",
        text(&absolute),
        "..\\up",
        "a\\b",
        "C:x",
        "C:\\x",
        "a:stream",
        "x\0y",
        "a\nb",
        "\u{1b}[2J",
        "\u{85}",
        "NUL",
        "com1.txt",
        "Lpt9",
        "aux.",
        "CON .txt",
        "COM¹",
        "name.",
        "name ",
        "...",
        "..././",
        &long,
    ];
    assert!(names_refused.len() >= 20);
    for (i, name) in names_refused.iter().enumerate() {
        offer(server.addr(), &[header(name, 1), b"x".to_vec()].concat());
        let line = server.wait_for("one more error", |_, stderr| {
            stderr
                .iter()
                .filter(|l| l.starts_with("error: "))
                .nth(i)
                .cloned()
        });
        assert!(
            line.contains(": the name '") && !line.contains('\u{1b}'),
            "{name:?}: {line}"
        );
        assert_eq!(names(&inbox), [""; 0], "{name:?}");
        assert_eq!(names(outside.path()), ["inbox"], "{name:?}");
    }
    still_serves(&server, &inbox);
}

#[test]
fn takes_names_that_are_only_unusual() {
    let inbox = folder();
    let server = receiver(inbox.path(), &[]);
    let long = "x".repeat(255);
    for name in [
        "塑料王国.mp4",
        "a b",
        "...a",
        "nul2",
        "COM10",
        "-rf",
        if cfg!(windows) { "'$`" } else { "'\"$`" }, // Windows has no " in a name
        &long,
    ] {
        offer(server.addr(), &[header(name, 1), b"x".to_vec()].concat());
        server.wait_for_stdout(&format!("received {name}: 1 byte"));
        assert_eq!(names(inbox.path()), [name]);
        fs::remove_file(inbox.path().join(name)).expect("it is ours");
    }
}

#[test]
fn refuses_a_file_that_is_there_and_replaces_it_with_force() {
    let inbox = folder();
    let mine = inbox.path().join("a.txt");
    fs::write(&mine, "mine").expect("the folder can be written to");
    let bytes = [header("a.txt", 6), b"theirs".to_vec()].concat();

    let server = receiver(inbox.path(), &[]);
    offer(server.addr(), &bytes);
    server.wait_for_stderr("a.txt is there already");
    server.wait_for_stderr("hint: replace it with --force");
    assert_eq!(fs::read(&mine).expect("it is there"), b"mine");

    let server = receiver(inbox.path(), &["--force"]);
    offer(server.addr(), &bytes);
    server.wait_for_stdout("received a.txt");
    assert_eq!(fs::read(&mine).expect("it is there"), b"theirs");
    assert_eq!(names(inbox.path()), ["a.txt"]);
}

#[test]
fn keeps_the_file_that_is_there_when_its_replacement_breaks_off() {
    let inbox = folder();
    let mine = inbox.path().join("a.txt");
    fs::write(&mine, "mine").expect("the folder can be written to");
    let server = receiver(inbox.path(), &["--force"]);
    offer(
        server.addr(),
        &[header("a.txt", 6), b"the".to_vec()].concat(),
    );
    server.wait_for_stderr("only 3 of 6 bytes of a.txt came");
    assert_eq!(fs::read(&mine).expect("it is there"), b"mine");
    assert_eq!(names(inbox.path()), ["a.txt"]);
}

#[cfg(unix)]
#[test]
fn follows_no_symbolic_link() {
    let (inbox, elsewhere) = (folder(), folder());
    let target = elsewhere.path().join("target");
    let link = inbox.path().join("a.txt");
    let bytes = [header("a.txt", 1), b"x".to_vec()].concat();
    for exists in [false, true] {
        if exists {
            fs::write(&target, "mine").expect("the folder can be written to");
        }
        std::os::unix::fs::symlink(&target, &link).expect("the folder can be written to");
        let server = receiver(inbox.path(), &[]);
        offer(server.addr(), &bytes);
        server.wait_for_stderr("a.txt is there already");
        drop(server);
        let server = receiver(inbox.path(), &["--force"]);
        offer(server.addr(), &bytes);
        server.wait_for_stdout("received a.txt");
        let kind = fs::symlink_metadata(&link)
            .expect("it is there")
            .file_type();
        assert!(kind.is_file(), "the link itself was replaced");
        assert_eq!(target.exists(), exists);
        fs::remove_file(&link).expect("it is ours");
    }
    assert_eq!(fs::read(&target).expect("it is there"), b"mine");
}

#[test]
fn nothing_is_left_when_the_sender_stops_resets_or_sends_too_much() {
    let inbox = folder();
    let server = receiver(inbox.path(), &[]);
    let (mut first, body) = (header("big", 1_000_000), vec![7; 600_000]);
    first.extend(&body);
    offer(server.addr(), &first);
    server.wait_for_stderr("only 600000 of 1000000 bytes of big came");

    let mut stream = connect(server.addr());
    stream.write_all(&first).expect("the server reads");
    reset(stream);
    let line = server.wait_for_stderr("of 1000000 bytes of big came) with");
    assert!(line.starts_with("error: cannot go on ("), "{line}");

    offer(
        server.addr(),
        &[header("a.txt", 5), b"hello!".to_vec()].concat(),
    );
    server.wait_for_stderr("more than the 5 bytes of a.txt came");
    offer(server.addr(), &[header("a.txt", 0), b"!".to_vec()].concat());
    server.wait_for_stderr("more than the 0 bytes of a.txt came");
    assert_eq!(names(inbox.path()), [""; 0]);
    still_serves(&server, inbox.path());
}

const TOO_SLOW: &str = "no progress: less than 64 KiB passed in 2 s";

#[test]
fn a_silent_sender_is_dropped() {
    let starts = [
        vec![0, 0],
        header("a", 9),
        [header("a", 9), vec![1]].concat(),
    ];
    thread::scope(|scope| {
        for start in &starts {
            scope.spawn(move || {
                let inbox = folder();
                let server = receiver(inbox.path(), &["--timeout", "2"]);
                let mut stream = connect(server.addr());
                stream.write_all(start).expect("the server reads");
                server.wait_for_stderr(TOO_SLOW);
                assert_eq!(names(inbox.path()), [""; 0]);
                still_serves(&server, inbox.path());
            });
        }
    });
}

#[test]
fn a_sender_that_dribbles_is_dropped() {
    let inbox = folder();
    let server = receiver(inbox.path(), &["--timeout", "2"]);
    let mut stream = connect(server.addr());
    stream
        .write_all(&header("a", 1_000_000))
        .expect("the server reads");
    // One byte in 50 ms is never silent for two seconds.
    let begin = Instant::now();
    while stream.write_all(b"x").is_ok() {
        assert!(
            begin.elapsed() < PATIENCE,
            "waited for the server to give up"
        );
        thread::sleep(Duration::from_millis(50));
    }
    server.wait_for_stderr(TOO_SLOW);
    assert_eq!(names(inbox.path()), [""; 0]);
    still_serves(&server, inbox.path());
}

fn connect_with_small_buffers(addr: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None);
    let socket = socket.expect("the system has sockets");
    let set = socket.set_recv_buffer_size(64 * 1024);
    set.expect("a socket takes SO_RCVBUF");
    let connected = socket.connect(&addr.into());
    connected.expect("the server listens");
    socket.into()
}

#[test]
fn a_receiver_that_never_reads_is_dropped() {
    let (outbox, inbox) = (folder(), folder());
    let file = outbox.path().join("big");
    let bytes = file_of(20_000_000, &file);
    let server = Server::start(SERVER, &["send", text(&file), "--timeout", "2"]);
    // However much this machine's buffers could hold, these hold little.
    let stream = connect_with_small_buffers(server.addr());
    server.wait_for_stderr(TOO_SLOW);
    drop(stream);
    let receive = ["receive", "--dir", text(inbox.path())];
    client(&receive, server.addr()).assert().success();
    assert!(fs::read(inbox.path().join("big")).expect("it is there") == bytes);
}

#[test]
fn a_receiver_may_wait_for_its_disk() {
    // 200 MiB of zeros that take no room on the disk: the sender waits 20 s more than its 2 s.
    const SIZE: u64 = 200 << 20;
    let outbox = folder();
    let path = outbox.path().join("big");
    let file = File::create(&path).expect("the folder can be written to");
    file.set_len(SIZE).expect("the file can be made longer");
    let server = Server::start(SERVER, &["send", text(&path), "--timeout", "2"]);
    let mut stream = connect(server.addr());
    let read = io::copy(&mut stream, &mut io::sink());
    read.expect("the server says that it has finished");
    thread::sleep(Duration::from_millis(2500)); // our slow disk
    drop(stream);
    server.wait_for_stdout(&format!("sent big: {SIZE} bytes"));
}

#[test]
fn a_receiver_that_never_closes_is_dropped() {
    let outbox = folder();
    let file = outbox.path().join("a.txt");
    fs::write(&file, "hello").expect("the folder can be written to");
    let server = Server::start(SERVER, &["send", text(&file), "--timeout", "1"]);
    let stream = connect(server.addr());
    server.wait_for_stderr("has not closed within 1 s");
    drop(stream);
}

/// Passes on so many bytes of what the first sends to the second, then waits for the word.
fn pass_on(from: &TcpStream, to: &TcpStream, bytes: u64) {
    let passed = io::copy(&mut from.take(bytes), &mut { to });
    assert_eq!(passed.expect("both sides are there"), bytes);
}

#[test]
fn a_sender_that_is_killed_at_sixty_percent_leaves_nothing() {
    let (outbox, inbox) = (folder(), folder());
    let file = outbox.path().join("big");
    file_of(50_000_000, &file);
    let server = receiver(inbox.path(), &[]);
    let between = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = between.local_addr().expect("it is bound").to_string();
    let mut sender = process::Command::new(CLIENT)
        .args(["send", text(&file), "--addr", &addr])
        .stdout(Stdio::null())
        .spawn()
        .expect("the client starts");
    let from = accept(&between);
    let to = connect(server.addr());
    pass_on(&from, &to, 30_000_000);
    sender
        .kill()
        .expect("it still runs: it cannot have sent everything");
    sender.wait().expect("it is our child");
    // What it had sent before is still on the way; then comes the end.
    let rest = io::copy(&mut &from, &mut { &to });
    match rest {
        Ok(_) => to.shutdown(Shutdown::Write).expect("the server is there"),
        Err(_) => reset(to),
    }
    server.wait_for("the server's complaint", |_, stderr| {
        let complaint = stderr.iter().find(|l| l.contains("of 50000000 bytes"));
        complaint.cloned()
    });
    assert_eq!(names(inbox.path()), [""; 0]);
    still_serves(&server, inbox.path());
}

#[test]
fn a_receiver_that_is_killed_leaves_nothing() {
    if !cfg!(target_os = "linux") {
        return; // elsewhere the temporary file stays, and the page says so
    }
    let (outbox, inbox) = (folder(), folder());
    let file = outbox.path().join("big");
    file_of(50_000_000, &file);
    let server = Server::start(SERVER, &["send", text(&file)]);
    let between = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = between.local_addr().expect("it is bound").to_string();
    let mut receiver = process::Command::new(CLIENT)
        .args(["receive", "--dir", text(inbox.path()), "--addr", &addr])
        .stdout(Stdio::null())
        .spawn()
        .expect("the client starts");
    let to = accept(&between);
    let from = connect(server.addr());
    pass_on(&from, &to, 30_000_000);
    receiver.kill().expect("it still waits for the rest");
    receiver.wait().expect("it is our child");
    reset(from);
    let line = server.wait_for_stderr("cannot send big to 127.0.0.1:");
    assert!(
        line.contains("Connection reset") || line.contains("Broken pipe"),
        "{line}"
    );
    assert_eq!(names(inbox.path()), [""; 0]);
    client(&["receive", "--dir", text(inbox.path())], server.addr())
        .assert()
        .success();
}

#[test]
fn the_sender_learns_that_its_file_was_refused() {
    let (outbox, inbox) = (folder(), folder());
    for folder in [&outbox, &inbox] {
        fs::write(folder.path().join("a.txt"), "x").expect("the folder can be written to");
    }
    let server = receiver(inbox.path(), &[]);
    let file = outbox.path().join("a.txt");
    let refused = client(&["send", text(&file)], server.addr())
        .assert()
        .code(1);
    refused.stderr(
        starts_with("error: cannot send a.txt to 127.0.0.1:")
            .and(contains("\nhint: the other side was stopped")),
    );
}

#[test]
fn a_full_disk_leaves_nothing() {
    // A file system of 1 MiB of our own, where the system lets us have one.
    let inbox = folder();
    let script = "mount -t tmpfs -o size=1m none \"$1\" && exec \"$0\" receive --dir \"$1\" -a 127.0.0.1:0 2>&1";
    let arguments = ["-rm", "sh", "-c", script, SERVER, text(inbox.path())];
    let may = process::Command::new("unshare")
        .args(["-rm", "sh", "-c", "mount -t tmpfs none /tmp"])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this machine does not let us mount a file system");
        return;
    }
    let server = Server::start_at("unshare", &arguments);
    offer(
        server.addr(),
        &[header("big", 2_000_000), vec![7; 2_000_000]].concat(),
    );
    let line = server.wait_for_stdout("cannot write big: ");
    assert!(line.contains("No space left on device"), "{line}");
    // Nothing is left of it: the next one, which needs most of the space, fits.
    offer(
        server.addr(),
        &[header("small", 900_000), vec![7; 900_000]].concat(),
    );
    server.wait_for_stdout("received small: 900000 bytes");
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_further_leaves_nothing() {
    // In the place of a full disk where no file system can be mounted: files of at most 64 KiB.
    let inbox = folder();
    let script =
        "trap '' XFSZ; ulimit -f 128; exec \"$0\" receive --dir \"$1\" -a 127.0.0.1:0 --timeout 5";
    let server = Server::start_at("sh", &["-c", script, SERVER, text(inbox.path())]);
    offer(
        server.addr(),
        &[header("big", 2_000_000), vec![7; 2_000_000]].concat(),
    );
    let line = server.wait_for_stderr("cannot write big: ");
    assert!(line.contains("File too large"), "{line}");
    assert_eq!(names(inbox.path()), [""; 0]);
    still_serves(&server, inbox.path());
}

/// A server that is in the middle of sending a file of 50 MB, of which its client has read the
/// header. It cannot have read much further: nobody takes what it sends.
fn in_the_middle(outbox: &Path) -> (Server, TcpStream) {
    let file = outbox.join("big");
    file_of(50_000_000, &file);
    let server = Server::start(SERVER, &["send", text(&file)]);
    let mut stream = connect(server.addr());
    let length = header("big", 50_000_000).len();
    stream
        .read_exact(&mut vec![0; length])
        .expect("the server sends");
    (server, stream)
}

#[test]
fn says_that_the_file_shrank_while_it_was_sent() {
    let outbox = folder();
    let (server, mut stream) = in_the_middle(outbox.path());
    let file = fs::OpenOptions::new()
        .write(true)
        .open(outbox.path().join("big"));
    file.and_then(|f| f.set_len(40_000_000))
        .expect("it is ours");
    let mut came = Vec::new();
    stream.read_to_end(&mut came).expect("the server closes");
    assert_eq!(came.len(), 40_000_000);
    server.wait_for_stderr(
        "error: big shrank while it was sent: 40000000 of 50000000 bytes are left",
    );
}

#[test]
fn sends_what_it_announced_when_the_file_grows() {
    let outbox = folder();
    let (server, mut stream) = in_the_middle(outbox.path());
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(outbox.path().join("big"))
        .expect("it is ours");
    file.write_all(&[9; 1000]).expect("it is ours");
    let mut came = Vec::new();
    stream.read_to_end(&mut came).expect("the server closes");
    assert_eq!(came.len(), 50_000_000);
    assert!(came.last() != Some(&9));
    drop(stream);
    server.wait_for_stderr("big grew while it was sent: the first 50000000 of 50001000 bytes went");
    server.wait_for_stdout("sent big: 50000000 bytes");
}

#[test]
fn sends_only_regular_files_with_names_that_a_receiver_takes() {
    let outbox = folder();
    let send = |path: &Path| {
        let mut run = Command::new(SERVER);
        run.args(["send", text(path), "-a", "127.0.0.1:0"])
            .timeout(PATIENCE);
        run.assert().code(1)
    };
    send(outbox.path()).stderr(contains(": it is not a regular file\nhint: "));
    let no_such_file = if cfg!(unix) {
        "No such file"
    } else {
        "(os error 2)"
    };
    send(&outbox.path().join("missing")).stderr(contains(no_such_file));
    let bad = outbox.path().join("a:b");
    if fs::write(&bad, "x").is_ok() {
        send(&bad).stderr(ends_with("a:b': its name: there is a / or \\ or : in it\n"));
    }
    if course::has("mkfifo") {
        let pipe = outbox.path().join("pipe");
        let made = process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        send(&pipe).stderr(contains(": it is not a regular file\n"));
    }
}

#[test]
fn refuses_a_folder_that_is_not_there() {
    for program in [SERVER, CLIENT] {
        let run = Command::new(program)
            .args(["receive", "--dir", "/no/such/folder", "-a", "127.0.0.1:0"])
            .timeout(PATIENCE)
            .assert();
        run.code(1).stderr(starts_with(
            "error: there is no folder '/no/such/folder'\nhint: ",
        ));
    }
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
    let failed = client(&["receive"], addr).assert().code(1);
    failed.stderr(contains(format!(
        ": cargo run --bin file-server -- send FILE --addr {addr}\n"
    )));
}

#[test]
fn refuses_arguments_that_make_no_sense() {
    for (arguments, complaint) in [
        ("", "Usage: "),
        ("send", "<FILE>"),
        (
            "receive --timeout 0",
            "expected a whole number from 1 to 86400",
        ),
        ("receive --byte-order middle", "invalid value 'middle'"),
        ("receive --max-size -1", "unexpected argument '-1'"),
    ] {
        for program in [SERVER, CLIENT] {
            let run = Command::new(program)
                .args(arguments.split_whitespace())
                .timeout(PATIENCE)
                .assert();
            run.code(2).stderr(contains(complaint));
        }
    }
}

#[test]
fn refuses_a_file_that_is_larger_than_it_wants() {
    let inbox = folder();
    let server = receiver(inbox.path(), &["--max-size", "8"]);
    offer(server.addr(), &[header("a", 9), vec![7; 9]].concat());
    server.wait_for_stderr("a is too large: 9 bytes > 8");
    still_serves(&server, inbox.path());
}

#[test]
fn speaks_with_python_in_both_byte_orders() {
    if !course::has("python3") {
        return;
    }
    let (outbox, inbox) = (folder(), folder());
    let file = outbox.path().join("塑料王国.mp4");
    let received = inbox.path().join("塑料王国.mp4");
    let bytes = file_of(100_000, &file);
    // Native order is little on the machines this is likely to run on; struct knows.
    let native = if cfg!(target_endian = "little") {
        "little"
    } else {
        "big"
    };
    for (python_order, our_order) in [("!i", &[][..]), ("i", &["--byte-order", native])] {
        let peer = ["peers/file_sender.py", "0", text(&file), python_order];
        let server = Server::start_at("python3", &peer);
        let receive = [&["receive", "--dir", text(inbox.path())], our_order].concat();
        client(&receive, server.addr()).assert().success();
        assert!(fs::read(&received).expect("it is there") == bytes);
        fs::remove_file(&received).expect("it is ours");

        let server = Server::start(SERVER, &[&["send", text(&file)], our_order].concat());
        let port = server.addr().port().to_string();
        let peer = [
            "peers/file_receiver.py",
            &port,
            text(inbox.path()),
            python_order,
        ];
        let python = Command::new("python3")
            .args(peer)
            .timeout(PATIENCE)
            .assert();
        python.success();
        assert!(fs::read(&received).expect("it is there") == bytes);
        server.wait_for_stdout("sent 塑料王国.mp4: 100000 bytes");
        fs::remove_file(&received).expect("it is ours");
    }
}
