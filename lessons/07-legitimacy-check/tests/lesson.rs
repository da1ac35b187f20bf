//! Checks the lesson's own server and client, and its page.

mod checked;

use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use course::{PATIENCE, Server, accept, connect, is_timeout, reset};
use legitimacy_check::{ANSWER_LEN, DEFAULT_KEY, Key, NONCE_LEN, WELCOME};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, diff, starts_with};

const SERVER: &str = env!("CARGO_BIN_EXE_auth-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_auth-client");

/// What both programs say on stderr when nobody has set a key.
const OWN_KEY: &str =
    "the key is the course's own, which everybody knows; --help tells how to set yours\n";

/// Where time is not what is tested, nobody's may be over because the machine is busy.
const PATIENT: [&str; 2] = ["--timeout", "60"];

fn client() -> Command {
    let mut command = hasty_client();
    command.args(PATIENT);
    command
}

/// A client that is told how long it shall wait.
fn hasty_client() -> Command {
    let mut command = Command::new(CLIENT);
    command.timeout(PATIENCE).env_remove("COURSE_KEY");
    command
}

fn server() -> Command {
    let mut command = Command::new(SERVER);
    command.timeout(PATIENCE).env_remove("COURSE_KEY");
    command
}

/// Connects and reads the nonce.
fn connect_and_read_nonce(addr: SocketAddr) -> (TcpStream, [u8; NONCE_LEN]) {
    let mut stream = connect(addr);
    let mut nonce = [0; NONCE_LEN];
    stream
        .read_exact(&mut nonce)
        .expect("the server sends its nonce");
    (stream, nonce)
}

fn right_answer(nonce: &[u8]) -> [u8; ANSWER_LEN] {
    let key = Key::new(DEFAULT_KEY.as_bytes()).expect("it is not empty");
    key.answer(nonce)
}

/// What still comes: nothing after an RST, which a server sends that closes with bytes unread.
fn read_to_close(mut stream: &TcpStream) -> Vec<u8> {
    let mut reply = Vec::new();
    match stream.read_to_end(&mut reply) {
        Ok(_) => reply,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => reply,
        Err(error) => panic!("waited for the server to close: {error}"),
    }
}

/// An honest client is welcomed.
#[track_caller]
fn welcomes_an_honest_client(addr: SocketAddr) {
    let (mut stream, nonce) = connect_and_read_nonce(addr);
    stream
        .write_all(&right_answer(&nonce))
        .expect("the server reads");
    assert_eq!(read_to_close(&stream), WELCOME);
}

/// The same where a client has so little time that it may be over because the machine is busy: then
/// it tries again.
#[track_caller]
fn welcomes_an_honest_client_in_time(addr: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (mut stream, nonce) = connect_and_read_nonce(addr);
        let _ = stream.write_all(&right_answer(&nonce)); // or it has closed
        let reply = read_to_close(&stream);
        if reply == WELCOME {
            return;
        }
        assert_eq!(reply, b"");
        assert!(Instant::now() < deadline, "waited for a client in time");
    }
}

/// A server of the test's own: does with one client what `behave` says.
fn impostor(behave: impl FnOnce(TcpStream) + Send + 'static) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    (addr, thread::spawn(move || behave(accept(&listener))))
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/07-legitimacy-check.md");
}

#[test]
fn accepts_a_client_with_the_same_key_and_goes_on() {
    let server = Server::start(SERVER, &PATIENT);
    let addr = server.addr().to_string();
    for _ in 0..3 {
        let run = client().args(["--addr", &addr]).assert().success();
        run.stdout(diff("accepted\n")).stderr(diff(OWN_KEY));
    }
    server.wait_for("three legitimate clients", |stdout, _| {
        let legitimate = stdout.iter().filter(|l| l.ends_with(" is legitimate"));
        (legitimate.count() == 3).then_some(())
    });
}

#[test]
fn rejects_a_client_with_another_key_and_goes_on() {
    let server = Server::start(SERVER, &PATIENT);
    let addr = server.addr().to_string();
    let run = client()
        .env("COURSE_KEY", "another key")
        .args(["--addr", &addr])
        .assert();
    run.code(1).stdout(diff("")).stderr(diff(format!(
        "error: rejected by {addr}\n\
         hint: the server has another key; both take it from --key-file or $COURSE_KEY\n"
    )));
    server.wait_for_stderr("is not legitimate: its answer is wrong");
    welcomes_an_honest_client(server.addr());
}

#[test]
fn takes_the_key_from_the_file_before_the_environment() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let key_file = |name: &str, key: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, key).expect("there is room for a key");
        path
    };
    let plain = key_file("plain", b"correct horse");
    let path = plain.to_str().expect("the path is UTF-8");
    let server = Server::start(SERVER, &["--key-file", path, "--timeout", "60"]);
    let addr = server.addr().to_string();

    let unix = key_file("unix", b"correct horse\n");
    let windows = key_file("windows", b"correct horse\r\n");
    for path in [plain, unix, windows] {
        let mut run = client();
        run.args(["--addr", &addr, "--key-file"]).arg(path);
        let run = run.env("COURSE_KEY", "another key").assert().success();
        run.stdout(diff("accepted\n")).stderr(diff(""));
    }
    let mut run = client();
    run.args(["--addr", &addr])
        .env("COURSE_KEY", "correct horse");
    run.assert().success().stdout(diff("accepted\n"));

    // Only one line end is not part of the key, and other white space is.
    for other in [
        &b"correct horse\n\n"[..],
        b"correct horse ",
        b"correct hors",
    ] {
        let mut run = client();
        run.args(["--addr", &addr, "--key-file"]);
        run.arg(key_file("other", other)).assert().code(1);
    }
    let (stdout, stderr) = server.stop();
    let printed = stdout + &stderr;
    assert!(!printed.contains("horse"), "{printed}");
    assert!(!printed.contains("everybody knows"), "{printed}");
}

#[test]
fn refuses_a_key_that_is_none() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let key_file = |name: &str, key: &[u8]| -> String {
        let path = folder.path().join(name);
        fs::write(&path, key).expect("there is room for a key");
        path.to_str().expect("the path is UTF-8").to_owned()
    };
    let missing = folder.path().join("missing");
    for (path, complaint) in [
        (key_file("empty", b""), "is empty\nhint: an empty key"),
        (key_file("line", b"\r\n"), "is empty\nhint: an empty key"),
        (
            key_file("long", &[b'x'; 4097]),
            "is too long: more than 4096 bytes",
        ),
        (
            folder.path().display().to_string(),
            "cannot read the key from ",
        ),
        (missing.display().to_string(), "cannot read the key from "),
    ] {
        for mut program in [server(), client()] {
            let run = program.args(["--addr", "127.0.0.1:0", "--key-file", &path]);
            let run = run.assert().code(1).stdout(diff(""));
            run.stderr(starts_with("error: ").and(contains(complaint)));
        }
    }
    for mut program in [server(), client()] {
        let run = program
            .args(["--addr", "127.0.0.1:0"])
            .env("COURSE_KEY", "");
        let run = run.assert().code(1);
        run.stderr(starts_with(
            "error: the key in $COURSE_KEY is empty\nhint: ",
        ));
    }
}

#[test]
fn answers_nothing_to_wrong_and_malformed_answers_and_welcomes_the_next() {
    let server = Server::start(SERVER, &PATIENT);
    let (old_stream, old_nonce) = connect_and_read_nonce(server.addr());
    (&old_stream)
        .write_all(&right_answer(&old_nonce))
        .expect("the server reads");
    assert_eq!(read_to_close(&old_stream), WELCOME);

    let other_key = Key::new(b"another key").expect("it is not empty");
    type Answer<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let hostile: [(&str, Answer); 9] = [
        ("0 characters", &|_| Vec::new()),
        ("31 characters", &|nonce| right_answer(nonce)[..31].to_vec()),
        ("33 characters", &|_| vec![b'a'; 33]),
        ("uppercase", &|_| vec![b'A'; 32]),
        ("no hexadecimal", &|_| vec![b'g'; 32]),
        ("not UTF-8", &|_| vec![0xff; 32]),
        ("another key", &|nonce| other_key.answer(nonce).to_vec()),
        ("another nonce", &|_| right_answer(&old_nonce).to_vec()),
        ("much", &|_| vec![b'0'; 100_000]),
    ];
    for (name, answer) in hostile {
        let (mut stream, nonce) = connect_and_read_nonce(server.addr());
        // The server may have closed before it was given everything.
        let _ = stream.write_all(&answer(&nonce));
        let _ = stream.shutdown(Shutdown::Write);
        assert_eq!(read_to_close(&stream), b"", "{name}");
        welcomes_an_honest_client(server.addr());
    }
    let lines = server.wait_for("nine complaints", |_, stderr| {
        let complaints = stderr.iter().filter(|l| l.contains(" is not legitimate: "));
        (complaints.clone().count() == 9).then(|| complaints.cloned().collect::<Vec<_>>())
    });
    assert!(
        lines[0].ends_with("it closed after 0 of 32 bytes"),
        "{lines:?}"
    );
    assert!(
        lines[1].ends_with("it closed after 31 of 32 bytes"),
        "{lines:?}"
    );
    for line in &lines[2..] {
        assert!(line.ends_with("its answer is wrong"), "{lines:?}");
    }
}

#[test]
fn judges_the_right_answer_by_its_32_characters_in_lowercase() {
    let server = Server::start(SERVER, &PATIENT);
    // An answer without any letter would be the same in uppercase.
    loop {
        let (mut stream, nonce) = connect_and_read_nonce(server.addr());
        let answer = right_answer(&nonce);
        let upper = answer.map(|c| c.to_ascii_uppercase());
        stream.write_all(&upper).expect("the server reads");
        if upper != answer {
            assert_eq!(read_to_close(&stream), b"");
            break;
        }
    }
    welcomes_an_honest_client(server.addr());
}

#[test]
fn survives_clients_that_leave_at_any_time() {
    let server = Server::start(SERVER, &PATIENT);
    for _ in 0..50 {
        drop(connect(server.addr()));
        reset(connect(server.addr()));
        let (stream, nonce) = connect_and_read_nonce(server.addr());
        (&stream)
            .write_all(&right_answer(&nonce))
            .expect("the server reads");
        reset(stream); // perhaps before the welcome, perhaps after
        let (stream, _) = connect_and_read_nonce(server.addr());
        reset(stream);
    }
    welcomes_an_honest_client(server.addr());
}

#[test]
fn accepts_an_answer_that_comes_byte_by_byte_in_time() {
    let server = Server::start(SERVER, &PATIENT);
    let (mut stream, nonce) = connect_and_read_nonce(server.addr());
    stream
        .set_nodelay(true)
        .expect("a socket takes TCP_NODELAY");
    for byte in right_answer(&nonce) {
        stream.write_all(&[byte]).expect("the server reads");
    }
    assert_eq!(read_to_close(&stream), WELCOME);
}

#[test]
fn cuts_a_client_that_dribbles_at_one_deadline_for_all() {
    let server = Server::start(SERVER, &["--timeout", "0.5"]);
    let start = Instant::now();
    let (mut stream, nonce) = connect_and_read_nonce(server.addr());
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .expect("the timeout is not zero");
    // A right answer, each character well before any timeout of a single read, all of it too late.
    let mut cut = false;
    for byte in right_answer(&nonce) {
        let written = stream.write_all(&[byte]);
        let reply = stream.read(&mut [0; 8]);
        if written.is_err() || !reply.is_err_and(|e| is_timeout(&e)) {
            cut = true;
            break;
        }
    }
    assert!(cut, "all characters were taken, in {:?}", start.elapsed());
    assert!(start.elapsed() >= Duration::from_millis(500));
    server.wait_for_stderr("is not legitimate: its time is over");
    welcomes_an_honest_client_in_time(server.addr());
}

#[test]
fn cuts_a_silent_client_at_the_deadline() {
    let server = Server::start(SERVER, &["--timeout", "0.2"]);
    let (stream, _) = connect_and_read_nonce(server.addr());
    assert_eq!(read_to_close(&stream), b"");
    server.wait_for_stderr("is not legitimate: its time is over");
    welcomes_an_honest_client_in_time(server.addr());
}

#[test]
fn gives_each_of_200_clients_another_nonce() {
    let server = Server::start(SERVER, &PATIENT);
    let nonces: HashSet<[u8; NONCE_LEN]> = (0..200)
        .map(|_| connect_and_read_nonce(server.addr()).1)
        .collect();
    assert_eq!(nonces.len(), 200);
    // Not only a part of them changes: each byte takes many values.
    for i in 0..NONCE_LEN {
        let values: HashSet<u8> = nonces.iter().map(|nonce| nonce[i]).collect();
        assert!(values.len() > 64, "byte {i} takes {} values", values.len());
    }
}

#[test]
fn never_prints_what_must_stay_secret() {
    let server = Server::start(SERVER, &PATIENT);
    let (mut stream, nonce) = connect_and_read_nonce(server.addr());
    let answer = right_answer(&nonce);
    stream.write_all(&answer).expect("the server reads");
    assert_eq!(read_to_close(&stream), WELCOME);
    server.wait_for_stdout("is legitimate");
    let (stdout, stderr) = server.stop();
    let printed = stdout + &stderr;
    for secret in [DEFAULT_KEY, &String::from_utf8_lossy(&answer)] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn the_client_waits_for_the_whole_nonce() {
    let (addr, server) = impostor(|mut stream| {
        stream
            .set_nodelay(true)
            .expect("a socket takes TCP_NODELAY");
        let nonce: Vec<u8> = (0..32).collect();
        stream.write_all(&nonce[..1]).expect("the client reads");
        let brief = Some(Duration::from_millis(100));
        stream.set_read_timeout(brief).expect("it is not zero");
        let early = stream.read(&mut [0; 32]);
        assert!(early.is_err(), "the client answers to one byte: {early:?}");
        stream.write_all(&nonce[1..]).expect("the client reads");
        let patient = Some(PATIENCE);
        stream.set_read_timeout(patient).expect("it is not zero");
        let mut answer = [0; ANSWER_LEN];
        stream.read_exact(&mut answer).expect("the client answers");
        assert_eq!(answer, right_answer(&nonce));
        for byte in WELCOME {
            stream.write_all(&[*byte]).expect("the client reads");
        }
        drop(stream);
    });
    let run = client().args(["--addr", &addr]).assert().success();
    run.stdout(diff("accepted\n"));
    server.join().expect("the test's server does not fail");
}

#[test]
fn the_client_tells_what_else_can_happen() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "rejected by "),
        (b"welc", " closed in the middle of its welcome"),
        (
            b"welcome\n!",
            "does not behave like an auth-server: it says 'welcome\\n!'",
        ),
        (
            b"\x1b[2J\xff",
            "does not behave like an auth-server: it says '\\x1b[2J\\xff'",
        ),
        (
            b"HTTP/1.1 400 Bad Request",
            "does not behave like an auth-server: it says 'HTTP/1.1 ",
        ),
    ];
    for (reply, complaint) in cases {
        let (addr, server) = impostor(move |mut stream| {
            stream.write_all(&[9; NONCE_LEN]).expect("the client reads");
            let mut answer = [0; ANSWER_LEN];
            stream.read_exact(&mut answer).expect("the client answers");
            stream.write_all(reply).expect("the client reads");
        });
        let run = client().args(["--addr", &addr]).assert().code(1);
        run.stdout(diff(""))
            .stderr(contains("\nerror: ").and(contains(complaint)));
        server.join().expect("the test's server does not fail");
    }
}

#[test]
fn the_client_tells_closing_early_from_a_rejection() {
    for sent in [0, 5, 31] {
        let (addr, server) = impostor(move |mut stream| {
            stream
                .write_all(&[9; 31][..sent])
                .expect("the client reads");
        });
        let run = client().args(["--addr", &addr]).assert().code(1);
        run.stderr(contains(format!(
            "\nerror: {addr} closed too early: it closed after {sent} of 32 bytes\nhint: "
        )));
        server.join().expect("the test's server does not fail");
    }
    let (addr, server) = impostor(|mut stream| {
        stream.write_all(&[9; NONCE_LEN]).expect("the client reads");
        stream.read_exact(&mut [0; 1]).expect("the client answers");
        reset(stream);
    });
    let run = client().args(["--addr", &addr]).assert().code(1);
    run.stderr(contains(format!("\nerror: cannot read from {addr}: ")));
    server.join().expect("the test's server does not fail");
}

#[test]
fn the_client_does_not_wait_for_ever() {
    let (addr, server) = impostor(|mut stream| {
        // The client goes first: it half-closes nothing, it leaves.
        assert_eq!(stream.read(&mut [0; 1]).expect("the client leaves"), 0);
    });
    let run = hasty_client()
        .args(["--addr", &addr, "--timeout", "0.2"])
        .assert()
        .code(1);
    run.stderr(contains(format!(
        "\nerror: {addr} does not behave like an auth-server: no 32 bytes came in time\nhint: "
    )));
    server.join().expect("the test's server does not fail");
}

#[test]
fn says_that_a_timeout_is_none() {
    for program in [SERVER, CLIENT] {
        for timeout in ["0", "-1", "soon", "nan", "1e99"] {
            let run = Command::new(program)
                .arg(format!("--timeout={timeout}"))
                .timeout(PATIENCE)
                .assert();
            run.code(2)
                .stderr(contains("expected seconds from 0.001 to 86400"));
        }
    }
}

#[test]
fn speaks_with_python() {
    if !course::has("python3") {
        return;
    }
    let server = Server::start(SERVER, &PATIENT);
    let port = server.addr().port().to_string();
    for (key, verdict) in [(DEFAULT_KEY, "accepted\n"), ("another", "rejected\n")] {
        let peer = Command::new("python3")
            .args(["peers/auth_client.py", &port])
            .env("COURSE_KEY", key)
            .timeout(PATIENCE)
            .assert();
        peer.success().stdout(diff(verdict));
    }

    let peer = Server::start_at("python3", &["peers/auth_server.py", "0"]);
    let addr = peer.addr().to_string();
    let run = client()
        .env("COURSE_KEY", "another")
        .args(["--addr", &addr])
        .assert();
    run.code(1).stderr(contains("error: rejected by "));
    let run = client().args(["--addr", &addr]).assert().success();
    run.stdout(diff("accepted\n"));
}

#[test]
fn the_experiments_stay_on_this_machine() {
    for example in ["frozen-server", "mutual-server", "replay", "reflection"] {
        let run = Command::new(course::example("legitimacy-check", example))
            .args(["--addr", "0.0.0.0:0"])
            .timeout(PATIENCE)
            .assert();
        run.code(1).stderr(contains(
            "error: 0.0.0.0:0 is not an address of this machine alone",
        ));
    }
}

#[test]
fn the_timing_experiment_shows_its_rows() {
    let program = course::example("legitimacy-check", "timing");
    let run = Command::new(program).timeout(PATIENCE).assert().success();
    let printed = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    for row in [" 0 ", " 4 ", " 8 ", " 12 ", " 16 "] {
        let rows = printed
            .lines()
            .filter(|line| line.trim_start().starts_with(row.trim_start()));
        assert_eq!(rows.count(), 2, "{printed}");
    }
}
