//! Checks the lesson's own server and client, and its page.

mod checked;

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use course::{PATIENCE, Reserved, Server, datagrams, receive};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, diff, starts_with};

const SERVER: &str = env!("CARGO_BIN_EXE_time-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_time-client");

/// Runs a client that asks the server at `addr`.
fn ask(addr: SocketAddr, arguments: &[&str]) -> Assert {
    Command::new(CLIENT)
        .args(["--addr", &addr.to_string()])
        .args(arguments)
        .timeout(PATIENCE)
        .assert()
}

/// A server that does what the function says with a socket of its own.
fn other_server(acts: impl FnOnce(&UdpSocket) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let socket = datagrams();
    let addr = socket.local_addr().expect("it is bound");
    (addr, thread::spawn(move || acts(&socket)))
}

/// The lesson's server for experiments.
fn crooked_server(arguments: &[&str]) -> Server {
    let example = course::example("time-sync", "crooked-server");
    Server::start(&example.display().to_string(), arguments)
}

/// The output of a program that succeeded or failed, by lines.
fn stdout(run: &Assert) -> Vec<String> {
    let stdout = String::from_utf8_lossy(&run.get_output().stdout);
    stdout.lines().map(str::to_owned).collect()
}

/// Sends a request, and waits for the answer.
#[track_caller]
fn request(server: &Server, request: &[u8]) -> String {
    let socket = datagrams();
    socket
        .send_to(request, server.addr())
        .expect("a datagram of that length can be sent");
    let (answer, sender) = receive(&socket);
    assert_eq!(sender, server.addr());
    String::from_utf8(answer).expect("an answer is UTF-8")
}

/// The text with `#` for each digit.
fn shape(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_digit(), "#")
}

/// An ordinary exchange: whatever happened before, the next question is answered.
#[track_caller]
fn serves_an_ordinary_client(server: &Server) {
    assert_eq!(shape(&request(server, b"%Y/%m/%d")), "####/##/##");
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/04-time-sync.md");
}

#[test]
fn answers_with_the_local_time_in_the_format_that_was_asked_for() {
    let server = Server::start(SERVER, &[]);
    for (format, expected) in [
        ("", "####-##-## ##:##:##"),
        ("%Y/%m/%d %H:%M:%S", "####/##/## ##:##:##"),
        ("现在 %X", "现在 ##:##:##"),
        ("100 %%", "### %"),
    ] {
        let answer = request(&server, format.as_bytes());
        assert_eq!(shape(&answer), expected, "{format:?}");
    }
    let unix_time = || {
        let since = std::time::UNIX_EPOCH.elapsed();
        since.expect("the clock was set").as_secs()
    };
    let before = unix_time();
    let seconds: u64 = request(&server, b"%s").parse().expect("it is a number");
    assert!((before..=unix_time()).contains(&seconds), "{seconds}");
}

#[test]
fn answers_every_bad_format_with_an_error_and_goes_on() {
    let server = Server::start(SERVER, &[]);
    let long = "%1000Y".repeat(170);
    let longer = "%F".repeat(512);
    let much = "%F".repeat(128);
    let longest = vec![b'%'; 65_507];
    for (format, reason) in [
        (&b"%"[..], "strftime formatting failed"),
        (b"%Y %", "strftime formatting failed"),
        (b"%!", "strftime formatting failed"),
        (b"%1000Y", "strftime formatting failed"),
        (b"\xff", "not UTF-8"),
        (b"%Y\xe4\xbd", "not UTF-8"),
        (b"\0", "control character"),
        (b"%Y\n%m", "control character"),
        (b"%Y\x1b[2J", "control character"),
        (b"no time at all", "asks for nothing"),
        (long.as_bytes(), "too long: 1020 bytes > 256"),
        (longer.as_bytes(), "too long: 1024 bytes > 256"),
        (&longest, "too long: 65507 bytes > 256"),
        (much.as_bytes(), "too long: 1280 bytes > 1024"),
    ] {
        let answer = request(&server, format);
        let asked = &format[..format.len().min(20)];
        assert!(answer.starts_with("error: "), "{asked:?}: {answer:?}");
        assert!(answer.contains(reason), "{asked:?}: {answer:?}");
        assert!(answer.len() <= 1024, "{asked:?}: {} bytes", answer.len());
        serves_an_ordinary_client(&server);
    }
    let (_, stderr) = server.stop();
    assert!(stderr.contains("asked '%Y\\x1b[2J': "), "{stderr}");
}

#[test]
fn never_comes_to_answer_answers_for_ever() {
    let server = Server::start(SERVER, &[]);
    // What another server would do if somebody forged its address.
    let socket = datagrams();
    let mut answer = b"%H:%M".to_vec();
    let mut exchanges = 0;
    while !answer.starts_with(b"error: ") {
        socket.send_to(&answer, server.addr()).expect("it is there");
        answer = receive(&socket).0;
        exchanges += 1;
        assert!(exchanges < 10, "{:?}", String::from_utf8_lossy(&answer));
    }
    socket.send_to(&answer, server.addr()).expect("it is there");
    server.wait_for_stderr("sent the answer of a server: error: ");
    serves_an_ordinary_client(&server);
    socket.set_nonblocking(true).expect("a socket can do that");
    assert!(socket.recv(&mut [0; 99]).is_err(), "an error was answered");
}

#[test]
fn survives_100_000_datagrams_of_every_kind() {
    // They outlive the server, so that nobody else gets their ports while it still answers.
    let (hostile, ordinary) = (datagrams(), datagrams());
    let server = Server::start(SERVER, &[]);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = vec![0; 65_507];
    for i in 0..100_000_usize {
        let length = match i {
            _ if i % 1000 == 0 => 65_507,
            _ if i % 2 == 0 => i % 2001,
            _ => i % 257,
        };
        let datagram = &mut bytes[..length];
        for (j, byte) in datagram.iter_mut().enumerate() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let next = random.to_le_bytes()[0];
            // Some are formats, or look like them.
            *byte = match i % 4 {
                1 if j % 2 == 0 => b'%',
                1 => b' ' + next % 95,
                _ => next,
            };
        }
        hostile
            .send_to(datagram, server.addr())
            .expect("a datagram of that length can be sent");
        // Then somebody ordinary, often enough that the receive buffer never overflows.
        if i % 16 == 0 {
            ordinary.send_to(b"%Y", server.addr()).expect("it is there");
            let (answer, _) = receive(&ordinary);
            assert_eq!(shape(&String::from_utf8_lossy(&answer)), "####");
        }
    }
    serves_an_ordinary_client(&server);
    hostile.set_nonblocking(true).expect("a socket can do that");
    while let Ok(n) = hostile.recv(&mut bytes) {
        assert!(n <= 1024, "{n} bytes went back");
    }
}

#[test]
fn asks_and_says_how_that_went() {
    let server = Server::start(SERVER, &[]);
    let run = ask(server.addr(), &["-c", "3", "-i", "0.05", "--timeout", "20"]).success();
    let lines = stdout(&run);
    assert_eq!(lines.len(), 5, "{lines:?}");
    for line in &lines[..3] {
        let (time, round_trip) = line.split_once("  round trip ").expect(line);
        assert_eq!(shape(time), "####/##/## ##:##:##");
        assert!(round_trip.ends_with(" ms"), "{line}");
    }
    assert_eq!(lines[3], "3 sent, 3 received, 0 lost");
    assert!(lines[4].starts_with("round trip: min "), "{}", lines[4]);
    server.wait_for_stdout("asked '%Y/%m/%d %H:%M:%S'; 19 bytes went back");
}

#[test]
fn asks_from_another_port_each_time() {
    let (addr, server) = other_server(|socket| {
        let mut ports = HashSet::new();
        for _ in 0..5 {
            let (question, sender) = receive(socket);
            assert_eq!(question, b"%A");
            socket.send_to(b"Friday", sender).expect("it is there");
            ports.insert(sender.port());
        }
        // The system may choose one again, but hardly all of them.
        assert!(ports.len() > 1, "{ports:?}");
    });
    let run = ask(addr, &["%A", "-c", "5", "-i", "0.01", "--timeout", "20"]).success();
    run.stdout(contains("Friday  round trip "));
    server.join().expect("five questions come");
}

#[test]
fn asks_for_the_servers_own_format_with_an_empty_one() {
    let server = Server::start(SERVER, &[]);
    let run = ask(server.addr(), &["", "-c", "1", "--timeout", "20"]).success();
    let lines = stdout(&run);
    assert!(
        shape(&lines[0]).starts_with("####-##-## ##:##:##  round trip "),
        "{lines:?}"
    );
}

#[test]
fn ends_when_the_server_refuses_the_format() {
    let server = Server::start(SERVER, &[]);
    let run = ask(server.addr(), &["%!"]).code(1);
    run.stdout(diff("")).stderr(starts_with(
        "error: the server refuses: strftime formatting failed",
    ));
    ask(server.addr(), &[&"%Y".repeat(129)])
        .code(1)
        .stderr(starts_with(
            "error: the server refuses: the format is too long: 258 bytes > 256",
        ));
    if cfg!(windows) {
        return; // there a whole command line has at most 32,767 characters
    }
    ask(server.addr(), &[&"%".repeat(65_508)])
        .code(1)
        .stderr(diff(
            "error: the text is too long for a datagram: 65508 bytes > 65507\n",
        ));
}

#[test]
fn asks_for_formats_until_q() {
    let server = Server::start(SERVER, &[]);
    let run = Command::new(CLIENT)
        .args(["--prompt", "--addr", &server.addr().to_string()])
        .write_stdin("%Y\n\n%\n%H\nq\n%M\n")
        .timeout(PATIENCE)
        .assert()
        .success();
    let lines = stdout(&run);
    let times: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split("  ").next())
        .collect();
    assert_eq!(shape(times[0]), "####");
    assert_eq!(shape(times[1]), "####-##-## ##:##:##");
    assert_eq!(shape(times[2]), "##");
    assert_eq!(times[3], "4 sent, 4 received, 0 lost");
    run.stderr(starts_with("error: the server refuses: strftime"));
}

#[test]
fn has_nothing_to_say_when_nothing_was_asked() {
    let nobody = Reserved::new().expect("a port is free");
    let run = Command::new(CLIENT)
        .args(["--prompt", "--addr", &nobody.addr().to_string()])
        .write_stdin("")
        .timeout(PATIENCE)
        .assert();
    run.success()
        .stdout(diff("0 sent, 0 received, 0 lost\n"))
        .stderr(diff(""));
}

#[test]
fn fails_when_nobody_is_there() {
    let nobody = Reserved::new().expect("a port is free");
    let addr = nobody.addr();
    let run = ask(addr, &["-c", "2", "-i", "0.05"]).code(1);
    // What Windows says depends on its language.
    let refused = if cfg!(unix) { "Connection refused" } else { "" };
    run.stdout(diff("2 sent, 0 received, 2 lost\n")).stderr(
        starts_with(format!("no answer: {refused}"))
            .and(contains(format!(
                "error: nothing came back from {addr}\nhint: "
            )))
            .and(contains(format!("--bin time-server -- --addr {addr}\n"))),
    );
}

#[test]
fn fails_when_nobody_answers() {
    let silent = datagrams();
    let addr = silent.local_addr().expect("it is bound");
    let run = ask(addr, &["-c", "2", "-i", "0.1", "--timeout", "0.1"]).code(1);
    run.stdout(diff("2 sent, 0 received, 2 lost\n"))
        .stderr(diff(format!(
            "no answer within 0.1 s\nno answer within 0.1 s\nerror: nothing came back from {addr}\n\
         hint: is a server there? cargo run --bin time-server -- --addr {addr}\n"
        )));
}

#[test]
fn goes_on_when_every_second_answer_is_lost() {
    let server = crooked_server(&["--drop", "2"]);
    let run = ask(server.addr(), &["-c", "4", "-i", "0.1", "--timeout", "2"]).success();
    let lines = stdout(&run);
    assert_eq!(lines[2], "4 sent, 2 received, 2 lost", "{lines:?}");
    run.stderr(diff("no answer within 2 s\nno answer within 2 s\n"));
}

#[test]
fn never_takes_a_late_answer_for_the_next() {
    let (addr, server) = other_server(|socket| {
        let mut late = None;
        for i in 0..3 {
            let (_, sender) = receive(socket);
            // The one before was given up: only now it is answered. Whether that fails where nobody
            // is depends on the system.
            if let Some(before) = late.replace(sender) {
                let _ = socket.send_to(format!("late {i}").as_bytes(), before);
                let _ = socket.send_to(format!("late {i}").as_bytes(), before);
            }
        }
    });
    let run = ask(addr, &["-c", "3"]).code(1);
    run.stdout(diff("3 sent, 0 received, 3 lost\n"))
        .stderr(starts_with("no answer within 1 s\n"));
    server.join().expect("three questions come");
}

#[test]
fn shows_an_answer_that_comes_after_the_next_is_due_if_it_may_wait_so_long() {
    let (addr, server) = other_server(|socket| {
        for i in 0..2 {
            let (_, sender) = receive(socket);
            thread::sleep(Duration::from_millis(300)); // how slow it is, not a wait
            let answer = format!("answer {i}");
            socket
                .send_to(answer.as_bytes(), sender)
                .expect("it is there");
        }
    });
    let run = ask(addr, &["-c", "2", "-i", "0.1", "--timeout", "20"]).success();
    let lines = stdout(&run);
    assert!(lines[0].starts_with("answer 0  round trip "), "{lines:?}");
    assert!(lines[1].starts_with("answer 1  round trip "), "{lines:?}");
    assert_eq!(lines[2], "2 sent, 2 received, 0 lost");
    server.join().expect("two questions come");
}

#[test]
fn asks_at_a_steady_beat_however_long_the_answers_take() {
    /// Of the client, in seconds.
    const BEAT: f64 = 0.2;
    // Each answer takes half a beat. If that were added to the beat, every question would come late,
    // by half a beat more than the one before it. A machine that stalls makes some of them late.
    let mut all = Vec::new();
    for _ in 0..5 {
        let (arrived, arrivals) = mpsc::channel();
        let (addr, server) = other_server(move |socket| {
            for _ in 0..11 {
                let (_, sender) = receive(socket);
                let _ = arrived.send(Instant::now()); // the test waits for it
                thread::sleep(Duration::from_millis(100)); // how slow it is, not a wait
                socket.send_to(b"%", sender).expect("it is there");
            }
        });
        let start = Instant::now();
        ask(addr, &["-c", "11", "-i", "0.2", "--timeout", "20"]).success();
        // Ten beats, and the last answer.
        let took = start.elapsed();
        let due = Duration::from_millis(2100);
        assert!(took >= due, "it did not wait for its beats: {took:?}");
        server.join().expect("eleven questions come");
        let arrivals: Vec<Instant> = arrivals.iter().collect();
        let late = |i: usize| (arrivals[i] - arrivals[0]).as_secs_f64() - BEAT * i as f64;
        if (5..11).any(|i| late(i) < BEAT / 4.0 * i as f64) {
            return;
        }
        all.push((0..11).map(late).collect::<Vec<_>>());
    }
    panic!("so late came the eleven questions, in seconds, at each try: {all:.3?}");
}

/// The number in a line such as `of the shortest round trip: offset +5.000123 s ± 0.100456 s`.
fn offset(line: &str) -> f64 {
    let number = line
        .split_once("offset ")
        .and_then(|(_, rest)| rest.split_once(" s "))
        .expect(line)
        .0;
    number.parse().expect(line)
}

#[test]
fn tells_how_far_the_servers_clock_is_ahead() {
    for ahead in ["5", "-5"] {
        let server = crooked_server(&["--ahead", ahead, "--delay", "200"]);
        let run = ask(
            server.addr(),
            &["--offset", "-c", "3", "-i", "0.1", "--timeout", "20"],
        )
        .success();
        let lines = stdout(&run);
        assert_eq!(lines[3], "3 sent, 3 received, 0 lost", "{lines:?}");
        let best = offset(&lines[5]);
        let real: f64 = ahead.parse().expect("it is a number");
        // Each way takes 0.2 s. By as much as the round trip took longer, the ways may differ.
        let (_, error) = lines[5].split_once(" ± ").expect(&lines[5]);
        let error: f64 = error.trim_end_matches(" s").parse().expect(&lines[5]);
        assert!(error >= 0.2, "{}", lines[5]);
        let off = (best - real).abs();
        assert!(off <= error - 0.2 + 0.01, "{ahead}: {}", lines[5]);
    }
}

#[test]
fn says_that_a_server_does_not_tell_seconds() {
    let (addr, server) = other_server(|socket| {
        let (question, sender) = receive(socket);
        assert_eq!(question, b"%s.%f");
        socket.send_to(b"\x1b%s.%f", sender).expect("it is there");
    });
    let run = ask(addr, &["--offset"]).code(1);
    run.stdout(diff("")).stderr(diff(
        "error: the answer '\\x1b%s.%f' is no number of seconds\n\
         hint: the server must know the format %s.%f\n",
    ));
    server.join().expect("a question comes");
}

#[test]
fn takes_no_answer_from_a_stranger_and_shows_none_raw() {
    let (addr, server) = other_server(|socket| {
        let (_, client) = receive(socket);
        let stranger = datagrams();
        for _ in 0..10 {
            // It may be told that nobody listens to it there.
            let _ = stranger.send_to(b"midnight", client);
        }
        socket.send_to(b"\x1b[2Jnoon\n", client).expect("it waits");
    });
    let run = ask(addr, &["-c", "1", "--timeout", "20"]).success();
    run.stdout(starts_with("\\x1b[2Jnoon\\n  round trip ").and(contains("midnight").not()));
    server.join().expect("a question comes");

    let (addr, server) = other_server(|socket| {
        let (_, client) = receive(socket);
        socket.send_to(b"\xff", client).expect("it waits");
    });
    let run = ask(addr, &["--timeout", "20"]).code(1);
    run.stderr(diff(
        "error: the server's answer is no text: not UTF-8 from byte 0 on: \\xff\n",
    ));
    server.join().expect("a question comes");
}

#[test]
#[cfg(unix)]
fn says_at_ctrl_c_how_it_went() {
    let server = Server::start(SERVER, &[]);
    let addr = server.addr().to_string();
    let client = Server::start_without_listening(CLIENT, &["-i", "3600", "--addr", &addr]);
    client.wait_for_stdout("round trip ");
    client.interrupt();
    let (status, stdout, stderr) = client.wait();
    assert!(status.success(), "{status}: {stderr}");
    assert!(stdout.contains("\n\n1 sent, 1 received, 0 lost\nround trip: min "));
}

#[test]
#[cfg(unix)]
fn fails_at_ctrl_c_when_nothing_came_and_does_not_wait_for_it() {
    let silent = datagrams();
    let addr = silent.local_addr().expect("it is bound").to_string();
    let arguments = ["--timeout", "3600", "--addr", &addr];
    let client = Server::start_without_listening(CLIENT, &arguments);
    receive(&silent);
    client.interrupt();
    let (status, stdout, stderr) = client.wait();
    assert_eq!(status.code(), Some(1), "{stdout}\n{stderr}");
    assert_eq!(stdout, "\n1 sent, 0 received, 1 lost");
    assert!(
        stderr.starts_with("error: nothing came back from "),
        "{stderr}"
    );
}

#[test]
fn says_what_is_wrong_with_an_argument() {
    for arguments in [
        &["--addr", "127.0.0.1"][..],
        &["-c", "0"],
        &["-i", "0"],
        &["--timeout", "-1"],
        &["--prompt", "%Y"],
        &["--offset", "%Y"],
        &["--offset", "--prompt"],
    ] {
        let run = Command::new(CLIENT)
            .args(arguments)
            .timeout(PATIENCE)
            .assert();
        run.code(2).stdout(diff("")).stderr(starts_with("error: "));
    }
    let run = Command::new(SERVER)
        .args(["--addr", "nobody.invalid:80"])
        .timeout(PATIENCE)
        .assert();
    run.code(1)
        .stderr(contains("\nhint: the name could not be looked up"));
    let run = Command::new(CLIENT)
        .args(["--addr", "nobody.invalid:80"])
        .timeout(PATIENCE)
        .assert();
    run.code(1).stderr(
        starts_with("error: cannot reach nobody.invalid:80: ")
            .and(contains("\nhint: the name could not be looked up")),
    );
}

#[test]
#[cfg(target_os = "linux")] // elsewhere, nobody may be at 0.0.0.0
fn knows_the_answer_of_a_server_that_it_asked_at_0_0_0_0() {
    let server = Server::start(SERVER, &[]);
    let addr = SocketAddr::from(([0, 0, 0, 0], server.addr().port()));
    let run = ask(addr, &["-c", "1", "--timeout", "20"]).success();
    run.stdout(contains("1 sent, 1 received, 0 lost\n"));
}

#[test]
fn speaks_with_python() {
    if !course::has("python3") {
        return;
    }
    let server = Server::start(SERVER, &[]);
    let port = server.addr().port().to_string();
    let peer = Command::new("python3")
        .args(["peers/time_client.py", &port, "", "现在 %H", "%"])
        .env("PYTHONUTF8", "1")
        .timeout(PATIENCE)
        .assert()
        .success();
    let lines = stdout(&peer);
    assert!(shape(&lines[0]).starts_with("####-##-## ##:##:##  round trip "));
    assert!(shape(&lines[1]).starts_with("现在 ##  round trip "));
    assert!(lines[2].starts_with("error: strftime formatting failed"));

    let peer = Server::start_at("python3", &["peers/time_server.py", "0"]);
    let run = ask(peer.addr(), &["现在 %Y", "-c", "1", "--timeout", "20"]).success();
    assert!(shape(&stdout(&run)[0]).starts_with("现在 ####  round trip "));
    let arguments = ["--offset", "-c", "1", "--timeout", "20"];
    let run = ask(peer.addr(), &arguments).success();
    assert!(offset(&stdout(&run)[0]).abs() < 10.0, "{:?}", stdout(&run));
}
