//! What the lessons promise on a bad network: the tap stands between their programs, and bends it.

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use course::{PATIENCE, Server, exited, programs};

use crate::ready::build;

/// With these seeds chance does its worst to the clients of lessons 3 and 4.
const SEEDS: usize = 20;

/// How many taps run at once.
const AT_ONCE: usize = 4;

/// How many questions each client asks.
const QUESTIONS: usize = 8;

/// A client that waits so long for an answer misses one that is held back for half a second.
const TIMEOUT: &str = "0.3";

fn program(name: &str) -> String {
    static BUILT: LazyLock<()> = LazyLock::new(|| build().expect("the lessons build"));
    LazyLock::force(&BUILT);
    programs().join(name).display().to_string()
}

/// A lesson's tap in front of a server.
fn tap(lesson: &str, to: SocketAddr, options: &[&str]) -> Server {
    let to = to.to_string();
    let mut arguments = vec![lesson, "--addr", "127.0.0.1:0", "--to", &to];
    arguments.extend(options);
    Server::start_at(&program("tap"), &arguments)
}

/// Asks one question after the other through a network that loses, doubles and reorders, and looks
/// at each answer that the client shows. Says how many came.
fn ask(lesson: &str, server: SocketAddr, seed: usize, client: &str, arguments: &[&str]) -> usize {
    let seed = seed.to_string();
    let bad = [
        "--drop",
        "30",
        "--duplicate",
        "20",
        "--reorder",
        "20",
        "--seed",
        &seed,
    ];
    let tap = tap(lesson, server, &bad);
    let addr = tap.addr().to_string();
    let mut all = vec!["--addr", &addr, "--timeout", TIMEOUT];
    all.extend(arguments);
    let mut client = Server::start_without_listening(&program(client), &all);
    if lesson == "3" {
        client.enter("alice");
    }
    let answers = |stdout: &[String]| -> Vec<String> {
        let lines = stdout.iter().filter(|line| line.contains("answer-"));
        lines.cloned().collect()
    };
    let mut answered = 0;
    for number in 1..=QUESTIONS {
        client.enter(&format!("answer-{number}!%%")); // lesson 4 wants a format
        let came = client.wait_for("an answer, or that there is none", |stdout, stderr| {
            let none = stderr
                .iter()
                .filter(|line| line.contains("no answer"))
                .count();
            let came = answers(stdout);
            (came.len() + none == number).then_some(came)
        });
        if came.len() > answered {
            answered += 1;
            let last = came.last().expect("there is one");
            let right = last.contains(&format!("answer-{number}!"));
            assert!(
                right,
                "seed {seed}: answer-{number}! was asked for, and this came: {last}"
            );
        }
    }
    for _ in 0..if lesson == "3" { 2 } else { 1 } {
        client.enter("q");
    }
    let (status, stdout, stderr) = client.wait();
    let orderly = status.success() || answered == 0; // lesson 4 says when nothing came back
    assert!(orderly, "seed {seed}: {status}\n{stdout}\n{stderr}");
    answered
}

/// The same with each seed; all of them must not have come to nothing.
fn with_every_seed(ask: impl Fn(usize) -> usize + Sync) {
    let (next, answered) = (AtomicUsize::new(1), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed > SEEDS {
                        break;
                    }
                    answered.fetch_add(ask(seed), Ordering::SeqCst);
                }
            });
        }
    });
    let answered = answered.into_inner();
    let asked = SEEDS * QUESTIONS;
    assert!((1..asked).contains(&answered), "{answered} of {asked}");
}

#[test]
fn lesson_3s_client_shows_no_wrong_answer_whatever_the_network_does() {
    let friend = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let addr = friend.local_addr().expect("it is bound");
    // Whoever writes gets his own text back; the thread ends with the test.
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((n, sender)) = friend.recv_from(&mut buffer) {
            let _ = friend.send_to(&buffer[..n], sender); // he may be gone
        }
    });
    with_every_seed(|seed| ask("3", addr, seed, "chat-client", &[]));
}

#[test]
fn lesson_4s_client_shows_no_wrong_answer_whatever_the_network_does() {
    let server = Server::start(&program("time-server"), &[]);
    with_every_seed(|seed| ask("4", server.addr(), seed, "time-client", &["--prompt"]));
}

/// A client of a lesson, its server, and what is typed.
struct Exchange {
    lesson: &'static str,
    server: &'static [&'static str],
    client: &'static [&'static str],
    typed: &'static str,
}

/// `{dir}` is a folder with a file `parcel` and a folder `inbox`.
const EXCHANGES: &[Exchange] = &[
    Exchange {
        lesson: "1",
        server: &["echo-server"],
        client: &["echo-client", "hello, 你好"],
        typed: "",
    },
    Exchange {
        lesson: "2",
        server: &["loop-server"],
        client: &["loop-client"],
        typed: "hello\n你好\nq\n",
    },
    Exchange {
        lesson: "6",
        server: &["file-server", "send", "{dir}/parcel"],
        client: &["file-client", "receive", "--dir", "{dir}/inbox", "--force"],
        typed: "",
    },
    Exchange {
        lesson: "6",
        server: &["file-server", "receive", "--dir", "{dir}/inbox", "--force"],
        client: &["file-client", "send", "{dir}/parcel"],
        typed: "",
    },
    Exchange {
        lesson: "7",
        server: &["auth-server"],
        client: &["auth-client"],
        typed: "",
    },
    Exchange {
        lesson: "8",
        server: &["threaded-server"],
        client: &["threaded-client"],
        typed: "hello\n你好\n",
    },
    Exchange {
        lesson: "9",
        server: &["room-server"],
        client: &["room-client", "mia"],
        typed: "hello\n",
    },
    Exchange {
        lesson: "5",
        server: &["sticky-server", "slice"],
        client: &["sticky-client", "slice", "--wait", "0"],
        typed: "",
    },
];

/// What the client printed, without what depends on the time.
fn exchange(exchange: &Exchange, folder: &Path, chop: bool) -> String {
    let folder = folder.display().to_string();
    let full = |words: &[&str]| -> Vec<String> {
        words
            .iter()
            .map(|word| word.replace("{dir}", &folder))
            .collect()
    };
    let words = full(exchange.server);
    let arguments = [
        &words[1..],
        &["--addr".to_owned(), "127.0.0.1:0".to_owned()],
    ]
    .concat();
    let server = Server::start_at(&program(&words[0]), &arguments);
    let tap = chop.then(|| tap(exchange.lesson, server.addr(), &["--chop", "1"]));
    let addr = tap.as_ref().map_or(server.addr(), Server::addr).to_string();

    let words = full(exchange.client);
    let mut client = Command::new(program(&words[0]));
    client
        .args(&words[1..])
        .args(["--addr", &addr])
        .env_remove("COURSE_KEY");
    client.stdout(Stdio::piped()).stderr(Stdio::piped());
    let (input, mut keyboard) = io::pipe().expect("the system has pipes");
    keyboard
        .write_all(exchange.typed.as_bytes())
        .expect("it is little");
    drop(keyboard);
    let child = client.stdin(input).spawn().expect("the client starts");
    let output = exited(child);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}: {}\n{text}{stderr}",
        words[0],
        output.status
    );
    if exchange.lesson == "5" {
        return stream(&text);
    }
    assert!(!text.is_empty(), "{}", words[0]);
    let lines = text
        .lines()
        .map(|line| line.split(" in ").next().expect("a part is there"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What lesson 5's reader read, put together. How many reads there were, and where they ended, is
/// nobody's promise: that is the lesson's subject.
fn stream(text: &str) -> String {
    let reads = text.lines().filter(|line| line.starts_with("read "));
    let text = reads.filter_map(|line| line.split_once(" byte"));
    let shown: String = text
        .map(|(_, text)| text.trim_start_matches('s').trim_start())
        .collect();
    let shown = shown.replace('│', "");
    let mut parts = shown.split("\\x"); // a part of a character
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(byte, 16).expect("two digits follow"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("all of it came")
}

#[test]
fn every_lesson_over_tcp_does_the_same_when_each_byte_comes_alone() {
    thread::scope(|scope| {
        for each in EXCHANGES {
            scope.spawn(move || {
                let folder = tempfile::tempdir().expect("a folder can be made");
                let parcel: Vec<u8> = (0..=255).cycle().take(3000).collect();
                fs::create_dir(folder.path().join("inbox")).expect("there is room");
                fs::write(folder.path().join("parcel"), &parcel).expect("there is room");
                let whole = exchange(each, folder.path(), false);
                let inbox = folder.path().join("inbox/parcel");
                let _ = fs::remove_file(&inbox);
                let chopped = exchange(each, folder.path(), true);
                assert_eq!(whole, chopped, "lesson {}", each.lesson);
                if each.lesson == "6" {
                    let deadline = Instant::now() + PATIENCE;
                    // A server has the file a moment after its client has sent it.
                    while fs::read(&inbox).ok().as_ref() != Some(&parcel) {
                        assert!(Instant::now() < deadline, "waited for the whole file");
                        thread::sleep(Duration::from_millis(10));
                    }
                }
            });
        }
    });
}
