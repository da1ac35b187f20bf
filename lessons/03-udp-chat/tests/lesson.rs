//! Checks the lesson's own server and client, and its page.

mod checked;

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use course::{PATIENCE, Reserved, Server, datagrams, receive};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, diff, starts_with};

const SERVER: &str = env!("CARGO_BIN_EXE_chat-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_chat-client");

/// Runs a client that alice, bob, carol and dave are at `addr` for, and types `input`.
fn chat(addr: SocketAddr, arguments: &[&str], input: impl Into<Vec<u8>>) -> Assert {
    Command::new(CLIENT)
        .args(["--addr", &addr.to_string()])
        .args(arguments)
        .write_stdin(input)
        .timeout(PATIENCE)
        .assert()
}

/// Somebody to chat with: does what the function says with a socket of its own.
fn friend(acts: impl FnOnce(&UdpSocket) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let socket = datagrams();
    let addr = socket.local_addr().expect("it is bound");
    (addr, thread::spawn(move || acts(&socket)))
}

#[track_caller]
fn answer(friend: &UdpSocket, expected: &str, answer: &[u8]) -> SocketAddr {
    let (text, sender) = receive(friend);
    assert_eq!(text, expected.as_bytes());
    friend.send_to(answer, sender).expect("the client is there");
    sender
}

/// An ordinary exchange: whatever happened before, the next one who writes gets a reply.
#[track_caller]
fn serves_an_ordinary_client(server: &mut Server) {
    let client = datagrams();
    let addr = client.local_addr().expect("it is bound");
    client
        .send_to("hello, 世界".as_bytes(), server.addr())
        .expect("the server is there");
    server.wait_for_stdout(&format!("[{addr}] hello, 世界"));
    server.enter("hello, you");
    assert_eq!(
        receive(&client),
        (b"hello, you".to_vec(), server.addr()),
        "the ordinary client"
    );
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/03-udp-chat.md");
}

#[test]
fn each_gets_the_reply_meant_for_them_although_all_wrote_at_once() {
    let mut server = Server::start(SERVER, &[]);
    let people = [datagrams(), datagrams(), datagrams()];
    for round in 0..2 {
        for (i, socket) in people.iter().enumerate() {
            let text = format!("{round}: I am {i}");
            socket
                .send_to(text.as_bytes(), server.addr())
                .expect("the server is there");
        }
    }
    for round in 0..2 {
        for (i, socket) in people.iter().enumerate() {
            let addr = socket.local_addr().expect("it is bound");
            server.wait_for_stdout(&format!("[{addr}] {round}: I am {i}"));
            server.enter(&format!("{round}: you are {i}"));
        }
    }
    for (i, socket) in people.iter().enumerate() {
        for round in 0..2 {
            let reply = format!("{round}: you are {i}").into_bytes();
            assert_eq!(receive(socket), (reply, server.addr()));
        }
        socket.set_nonblocking(true).expect("a socket can do that");
        assert!(socket.recv(&mut [0; 99]).is_err(), "one more came to {i}");
    }
}

#[test]
fn takes_the_empty_datagram_for_a_message_and_sends_it_too() {
    let mut server = Server::start(SERVER, &[]);
    let client = datagrams();
    let addr = client.local_addr().expect("it is bound");
    client.send_to(b"", server.addr()).expect("it is there");
    server.wait_for_stdout(&format!("[{addr}] "));
    server.enter("");
    assert_eq!(receive(&client), (Vec::new(), server.addr()));
    serves_an_ordinary_client(&mut server);
}

#[test]
fn takes_the_longest_text_whole() {
    let mut server = Server::start(SERVER, &[]);
    let client = datagrams();
    let text = "y".repeat(65_507);
    client
        .send_to(text.as_bytes(), server.addr())
        .expect("it is there");
    server.wait_for_stdout(&format!("] {text}"));
    server.enter(&"z".repeat(65_507));
    assert_eq!(receive(&client).0, vec![b'z'; 65_507]);
}

#[test]
fn refuses_a_reply_that_is_too_long_and_asks_again() {
    let mut server = Server::start(SERVER, &[]);
    let client = datagrams();
    client.send_to(b"hi", server.addr()).expect("it is there");
    server.wait_for_stdout("] hi");
    server.enter(&"z".repeat(65_508));
    server.wait_for_stderr("error: the text is too long for a datagram: 65508 bytes > 65507");
    server.enter("short");
    assert_eq!(receive(&client).0, b"short");
}

#[test]
fn reports_what_is_no_text_and_shows_control_characters_escaped() {
    let mut server = Server::start(SERVER, &[]);
    let client = datagrams();
    let addr = client.local_addr().expect("it is bound");
    client
        .send_to(b"ab\xff\x1b[2J", server.addr())
        .expect("it is there");
    let complaint = "sent something that is no text: not UTF-8 from byte 2 on: \\xff\\x1b[2J";
    server.wait_for_stderr(&format!("{addr} {complaint}"));
    client
        .send_to("\x1b[2J\r\n\u{202e}".as_bytes(), server.addr())
        .expect("it is there");
    server.wait_for_stdout(&format!("[{addr}] \\x1b[2J\\r\\n\\u{{202e}}"));
    server.enter("");
    serves_an_ordinary_client(&mut server);
}

#[test]
fn goes_on_when_who_wrote_is_gone() {
    let mut server = Server::start(SERVER, &[]);
    for _ in 0..3 {
        let client = datagrams();
        client.send_to(b"bye", server.addr()).expect("it is there");
        let addr = client.local_addr().expect("it is bound");
        drop(client);
        server.wait_for_stdout(&format!("[{addr}] bye"));
        server.enter("are you there?");
    }
    serves_an_ordinary_client(&mut server);
}

#[test]
fn ends_at_the_end_of_input() {
    let mut server = Server::start(SERVER, &[]);
    drop(server.take_stdin());
    let client = datagrams();
    client.send_to(b"hi", server.addr()).expect("it is there");
    let (status, stdout, stderr) = server.wait();
    assert!(status.success(), "{status}");
    assert!(stdout.ends_with("] hi"), "{stdout}");
    assert_eq!(stderr, "");
}

#[test]
fn survives_100_000_datagrams_of_every_kind() {
    // They outlive the server, so that nobody else gets their ports while it still replies.
    let (hostile, ordinary) = (datagrams(), datagrams());
    let mut server = Server::start(SERVER, &[]);
    // The operator says "ok" to everybody, as fast as the server asks.
    let mut stdin = server.take_stdin();
    let operator = thread::spawn(move || while stdin.write_all(b"ok\n").is_ok() {});

    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = vec![0; 65_507];
    for i in 0..100_000_usize {
        let length = if i % 1000 == 0 { 65_507 } else { i % 2001 };
        let datagram = &mut bytes[..length];
        for byte in datagram.iter_mut() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            *byte = random.to_le_bytes()[0];
            // Some are text.
            if i % 8 == 0 {
                *byte &= 0x7f;
            }
        }
        hostile
            .send_to(datagram, server.addr())
            .expect("a datagram of that length can be sent");
        // Then somebody ordinary, often enough that the receive buffer never overflows.
        if i % 16 == 0 {
            ordinary
                .send_to(b"hello", server.addr())
                .expect("it is there");
            assert_eq!(receive(&ordinary).0, b"ok", "after {i} datagrams");
        }
    }
    let (_, stderr) = server.stop();
    let refused = stderr.lines().count();
    // Of most of them; only the last lines are kept.
    assert!(refused >= 10_000, "{refused} were reported as no text");
    operator.join().expect("it ends when nobody reads");
}

#[test]
fn colours_what_others_say_where_colours_are_shown() {
    for (variable, coloured) in [
        ("CLICOLOR_FORCE", true),
        ("NO_COLOR", false),
        ("UNRELATED", false),
    ] {
        let (addr, friend) = friend(|friend| {
            answer(friend, "hi", b"hello");
        });
        let run = Command::new(CLIENT)
            .args(["--addr", &addr.to_string()])
            .env(variable, "1")
            .write_stdin("bob\nhi\n")
            .timeout(PATIENCE)
            .assert()
            .success();
        let stdout = String::from_utf8_lossy(&run.get_output().stdout);
        assert_eq!(stdout.contains("\x1b["), coloured, "{variable}: {stdout:?}");
        friend.join().expect("the friend gets the text");
    }
}

#[test]
fn asks_again_for_unknown_contacts_and_empty_lines() {
    let (addr, friend) = friend(|friend| {
        answer(friend, "one", b"1");
        answer(friend, "two", "二".as_bytes());
        answer(friend, "three", b"3");
    });
    let input = "\nmallory\x1b\nalice\n\none\n\ntwo\nq\nbob\nthree\nq\nq\nfour\n";
    chat(addr, &[], input)
        .success()
        .stdout(diff(format!(
            "contacts: alice, bob, carol, dave\n[{addr}] 1\n[{addr}] 二\n[{addr}] 3\n"
        )))
        .stderr(diff("there is no contact 'mallory\\x1b'\n"));
    friend.join().expect("the friend gets three texts");
}

#[test]
fn ends_at_the_end_of_input_at_either_prompt() {
    let nobody = Reserved::new().expect("a port is free");
    for input in ["", "alice\n", "q\n", "alice\nq\n", "alice\nq"] {
        let run = chat(nobody.addr(), &[], input).success();
        run.stdout(diff("contacts: alice, bob, carol, dave\n"))
            .stderr(diff(""));
    }
}

#[test]
fn reads_contacts_from_a_file() {
    let (addr, friend) = friend(|friend| {
        answer(friend, "hi", b"hello");
    });
    let contacts = format!("{{\"张三\": \"{addr}\", \"eve\\u001b\": \"nobody.invalid:1\"}}");
    let file = file("good.json", contacts.as_bytes());
    let run = Command::new(CLIENT)
        .args(["--contacts", &file])
        .write_stdin("alice\n张三\nhi\nq\neve\x1b\nhi\n")
        .timeout(PATIENCE)
        .assert();
    run.success()
        .stdout(diff(format!("contacts: eve\\x1b, 张三\n[{addr}] hello\n")))
        .stderr(
            starts_with("there is no contact 'alice'\nerror: cannot reach nobody.invalid:1: ")
                .and(contains("\nhint: the name could not be looked up")),
        );
    friend.join().expect("the friend gets the text");
}

#[test]
fn says_what_is_wrong_with_a_file_of_contacts() {
    let long = "[".repeat(1024 * 1024 + 1);
    for (i, (contents, complaint)) in [
        ("", "EOF while parsing"),
        ("[]", "invalid type: sequence, expected a map"),
        ("{}", "there is no name in it"),
        ("{\"a\": 1}", "expected a string"),
        (
            "{\"a\": \"127.0.0.1\"}",
            "the address of 'a': there is no port",
        ),
        (
            "{\"a\": \"127.0.0.1:\\u001b[2J\"}",
            "the address of 'a': the port '\\x1b[2J' is not a number",
        ),
        ("{\"q\": \"127.0.0.1:1\"}", "nobody can choose the name 'q'"),
        ("{\"\": \"127.0.0.1:1\"}", "nobody can choose the name ''"),
        ("{\"a\nb\": \"\"}", "control character"),
        (&long, "it is longer than 1048576 bytes"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = file(&format!("bad-{i}.json"), contents.as_bytes());
        let run = Command::new(CLIENT)
            .args(["--contacts", &file])
            .timeout(PATIENCE)
            .assert();
        run.code(1).stdout(diff("")).stderr(
            starts_with(format!("error: cannot read contacts from '{file}': "))
                .and(contains(complaint))
                .and(contains("\nhint: the form is JSON")),
        );
    }
    let run = Command::new(CLIENT)
        .args(["--contacts", "no such file"])
        .assert();
    run.code(1).stderr(starts_with(
        "error: cannot read contacts from 'no such file': ",
    ));
}

/// A file for a test, in the folder that Cargo has for such files.
fn file(name: &str, contents: &[u8]) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, contents).expect("the folder is there");
    path.display().to_string()
}

#[test]
fn says_that_nobody_is_there_and_goes_on() {
    let nobody = Reserved::new().expect("a port is free");
    let addr = nobody.addr();
    let run = chat(addr, &[], "alice\nhi\nhi again\nq\nq\n").success();
    let output = run.get_output();
    let stderr = String::from_utf8_lossy(&output.stderr);
    // What Windows says depends on its language.
    let refused = if cfg!(unix) { "Connection refused" } else { "" };
    let error = format!("error: cannot reach {addr}: {refused}");
    assert_eq!(stderr.matches(&error).count(), 2, "{stderr}");
    let hint = format!("cargo run --bin chat-server -- --addr {addr}\n");
    assert_eq!(stderr.matches(&hint).count(), 2, "{stderr}");
}

#[test]
fn never_takes_a_late_answer_for_the_answer_to_the_next_text() {
    let (addr, friend) = friend(|friend| {
        let (text, first) = receive(friend);
        assert_eq!(text, b"one");
        let (text, second) = receive(friend); // the client has given up the first
        assert_eq!(text, b"two");
        // The late answer finds nobody: whether sending it fails depends on the system.
        let _ = friend.send_to(b"late", first);
        friend.send_to(b"2", second).expect("the client waits");
    });
    // It gives up the first text after three seconds, and has as long for the second answer.
    chat(addr, &["--timeout", "3"], "alice\none\ntwo\nq\nq\n")
        .success()
        .stdout(diff(format!(
            "contacts: alice, bob, carol, dave\n[{addr}] 2\n"
        )))
        .stderr(
            starts_with(format!("error: no answer from {addr} within 3 s\n")).and(contains(
                "hint: UDP cannot tell whether anybody is there; the message or its answer may",
            )),
        );
    friend.join().expect("the friend gets both texts");
}

#[test]
fn never_takes_a_second_answer_for_the_answer_to_the_next_text() {
    let (done, sent) = mpsc::channel();
    let (addr, friend) = friend(move |friend| {
        let sender = answer(friend, "one", b"1");
        // Whether it still finds somebody depends on who is quicker.
        let _ = friend.send_to(b"1, I said", sender);
        done.send(()).expect("the test waits");
        let next = answer(friend, "two", b"2");
        assert_ne!(sender, next, "each text has a port of its own");
    });
    let mut client = Server::start_without_listening(CLIENT, &["--addr", &addr.to_string()]);
    client.enter("alice\none");
    client.wait_for_stdout("] 1");
    sent.recv_timeout(PATIENCE)
        .expect("waited for the second answer to be sent");
    client.enter("two");
    client.wait_for_stdout("] 2");
    drop(client.take_stdin());
    let (status, stdout, _) = client.wait();
    assert!(status.success(), "{status}");
    let expected = format!("[{addr}] 1\n[{addr}] 2");
    assert!(stdout.ends_with(&expected), "{stdout}");
    friend.join().expect("the friend gets both texts");
}

#[test]
fn does_not_show_what_strangers_send() {
    let (addr, friend) = friend(|friend| {
        let (_, client) = receive(friend);
        let stranger = datagrams();
        for _ in 0..10 {
            // It may be told that nobody listens to it there.
            let _ = stranger.send_to(b"I am alice, honestly", client);
        }
        friend.send_to(b"1", client).expect("the client waits");
        answer(friend, "two", b"2");
    });
    chat(addr, &[], "alice\none\ntwo\n")
        .success()
        .stdout(diff(format!(
            "contacts: alice, bob, carol, dave\n[{addr}] 1\n[{addr}] 2\n"
        )))
        .stderr(diff(""));
    friend.join().expect("the friend gets both texts");
}

#[test]
fn shows_an_answer_only_as_text() {
    let (addr, friend) = friend(|friend| {
        answer(friend, "one", b"\x1b[2J\x07");
        answer(friend, "two", b"\xff\xfe");
        answer(friend, "three", b"");
    });
    chat(addr, &[], "alice\none\ntwo\nthree\n")
        .success()
        .stdout(diff(format!(
            "contacts: alice, bob, carol, dave\n[{addr}] \\x1b[2J\\x07\n[{addr}] \n"
        )))
        .stderr(diff(format!(
            "{addr} sent something that is no text: not UTF-8 from byte 0 on: \\xff\\xfe\n"
        )));
    friend.join().expect("the friend gets three texts");
}

#[test]
fn refuses_what_cannot_be_sent_and_goes_on() {
    let (addr, friend) = friend(|friend| {
        let longest = "x".repeat(65_507);
        answer(friend, &longest, b"1");
    });
    let mut input = b"alice\n\xff\xfe\n".to_vec();
    input.extend([b'x'; 65_508]);
    input.push(b'\n');
    input.extend([b'x'; 65_507]);
    chat(addr, &[], input)
        .success()
        .stdout(contains("] 1\n"))
        .stderr(diff(
            "error: the line '\\xff\\xfe' is not UTF-8\n\
             error: the text is too long for a datagram: 65508 bytes > 65507\n",
        ));
    friend.join().expect("the friend gets the text that fits");
}

#[test]
fn says_what_is_wrong_with_an_argument() {
    for program in [SERVER, CLIENT] {
        let run = Command::new(program)
            .args(["--addr", "127.0.0.1:65536"])
            .timeout(PATIENCE)
            .assert();
        run.code(2)
            .stderr(contains("the port '65536' is not a number from 0 to 65535"));
    }
    let run = Command::new(CLIENT)
        .args(["--timeout", "0"])
        .timeout(PATIENCE)
        .assert();
    run.code(2)
        .stderr(contains("expected seconds from 0.001 to 86400"));
    let port_0 = SocketAddr::from(([127, 0, 0, 1], 0));
    chat(port_0, &[], "alice\nhi\n")
        .success()
        .stderr(contains("hint: port 0 is for servers"));
}

#[test]
fn speaks_with_python() {
    if !course::has("python3") {
        return;
    }
    let mut server = Server::start(SERVER, &[]);
    server.enter("你好"); // typed ahead
    let port = server.addr().port().to_string();
    let peer = Command::new("python3")
        .args(["peers/chat_client.py", &port])
        .env("PYTHONUTF8", "1")
        .write_stdin("hello, 世界\n")
        .timeout(PATIENCE)
        .assert();
    peer.success().stdout(diff("你好\n"));
    server.wait_for_stdout("] hello, 世界");

    let mut peer = Server::start_at("python3", &["peers/chat_server.py", "0"]);
    peer.enter("hello from Python");
    let addr = peer.addr();
    chat(addr, &[], "carol\nhello, snake\n")
        .success()
        .stdout(contains(format!("\n[{addr}] hello from Python\n")));
    peer.wait_for_stdout("] hello, snake");
}

#[test]
fn a_receiver_that_sleeps_loses_datagrams_without_an_error() {
    let mut command = Command::new(course::example("udp-chat", "asleep"));
    let run = command.timeout(PATIENCE).assert().success();
    let stdout = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    let received = stdout
        .strip_prefix("sent 5000 datagrams; 0 errors\nreceived ")
        .and_then(|rest| rest.split_once(';')?.0.parse::<u32>().ok());
    assert!(received.is_some_and(|n| (1..5000).contains(&n)), "{stdout}");
}

#[cfg(target_os = "linux")] // elsewhere 127.255.255.255 is nobody's, and a group needs a route
#[test]
fn who_is_there_finds_a_server_by_broadcast_and_in_a_group() {
    let here = course::example("udp-chat", "here");
    let here = here.to_str().expect("a name that Cargo chose");
    let group = ["--group", "239.88.3.3", "--on", "127.0.0.1"];
    let arguments = [&["--port", "0"], &group[..]].concat();
    let server = Server::start_at(here, &arguments);
    let port = server.addr().port().to_string();
    let ask = |arguments: &[&str]| {
        Command::new(course::example("udp-chat", "who-is-there"))
            .args(["--port", &port, "--wait", "60", "--enough", "1"])
            .args(arguments)
            .timeout(PATIENCE)
            .assert()
    };
    let found = format!("127.0.0.1:{port}: here\n1 answered\n");
    ask(&["127.255.255.255"])
        .success()
        .stdout(diff(found.clone()));
    ask(&["239.88.3.3", "--on", "127.0.0.1"])
        .success()
        .stdout(diff(found.clone()));
    ask(&["127.255.255.255", "--no-permission"])
        .code(1)
        .stderr(starts_with("error: cannot ask 127.255.255.255: "));
}

#[test]
fn look_up_prints_each_address_with_its_kind() {
    let look_up = |name: &str| {
        Command::new(course::example("udp-chat", "look-up"))
            .arg(name)
            .timeout(PATIENCE)
            .assert()
    };
    look_up("127.0.0.1")
        .success()
        .stdout(diff("IPv4  127.0.0.1\n"));
    look_up("::1").success().stdout(diff("IPv6  ::1\n"));
    look_up("not a name\x1b")
        .code(1)
        .stderr(starts_with(r"error: cannot look not a name\x1b up: "));
}
