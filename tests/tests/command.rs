//! Checks `cargo course`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;

use assert_cmd::Command;
use course::{LESSONS, PATIENCE, Reserved, Server, connect};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, starts_with};

const COURSE: &str = env!("CARGO_BIN_EXE_course");

fn course() -> Command {
    let mut command = Command::new(COURSE);
    command.timeout(PATIENCE);
    command
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
fn says_which_lesson_has_no_benchmark() {
    let mut bench = course();
    bench.args(["bench", "5"]).timeout(10 * PATIENCE); // it may have to build
    let run = bench.assert().code(1);
    run.stderr(contains("error: lesson 5 has no benchmark: "));
}

/// The course with a folder of its own for what it remembers.
fn course_with(state: &std::path::Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    course().args(arguments).env("COURSE_STATE", state).assert()
}

#[test]
fn gives_one_hint_after_another_and_remembers_how_many() {
    let state = tempfile::tempdir().expect("there is room for a folder");
    let hint = |more: &[&str]| course_with(state.path(), &[&["hint", "1.2"], more].concat());
    hint(&["--again"])
        .code(1)
        .stderr(contains("hint: the first one: cargo course hint 1.2"));
    for (n, then) in [
        (1, "2 more are left"),
        (2, "One more is left"),
        (3, "last one"),
        (3, "last one"),
    ] {
        let heading = format!("1.2, hint {n} of 3: ");
        let shown = hint(&[])
            .success()
            .stdout(starts_with(heading).and(contains(then)));
        let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
    hint(&["--again"])
        .success()
        .stdout(contains("hint 1 of 3").and(contains("hint 3 of 3")));
    course_with(state.path(), &["hint", "1.3"])
        .success()
        .stdout(starts_with("1.3, hint 1 of 3: "));
}

#[test]
fn says_which_exercises_there_are() {
    for command in ["hint", "reset"] {
        for (number, expected) in [
            ("1.9", "lesson 1 has 1.1, 1.2, 1.3"),
            ("99.1", "expected the number of an exercise, such as 1.2"),
            ("1", "expected the number of an exercise"),
            ("", "expected the number of an exercise"),
        ] {
            course()
                .args([command, number])
                .assert()
                .code(2)
                .stderr(contains(expected));
        }
    }
}

/// Builds the programs that play a lesson's exercises: that may take longer than a test waits.
fn build_play(package: &str) {
    let mut build = course::cargo();
    build.args([
        "test",
        "--quiet",
        "--package",
        package,
        "--test",
        "play",
        "--no-run",
    ]);
    assert!(build.status().expect("cargo runs").success());
}

/// An exercise as a server, played by the course's solution.
fn play(exercise: &str) -> Server {
    let addr = "127.0.0.1:0";
    let server = Server::start_at(COURSE, &["play", exercise, "--solution", "--addr", addr]);
    server.wait_for_stdout("Ctrl-C ends it.");
    server
}

#[test]
fn plays_exercises_of_lesson_1_as_programs() {
    build_play("echo");
    let shout = play("1.1");
    for _ in 0..2 {
        let mut client = connect(shout.addr());
        client.write_all(b"hello").expect("the server reads");
        client
            .shutdown(Shutdown::Write)
            .expect("the connection is open");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("the server answers");
        assert_eq!(answer, b"HELLO");
    }
    shout.wait_for_stdout("your function returned Ok(())");

    let addr = shout.addr().to_string();
    course()
        .args(["play", "1.2", "good day", "--solution", "--addr", &addr])
        .assert()
        .success()
        .stdout(contains("the answer has 8 bytes: GOOD DAY"));

    let nobody = Reserved::new().expect("a port is free");
    let addr = nobody.addr().to_string();
    course()
        .args(["play", "1.2", "--solution", "--addr", &addr])
        .assert()
        .code(1)
        .stderr(contains("NobodyListening").and(contains("hint: start the server first")));
}

#[test]
fn plays_the_chat_room_of_exercise_8_3() {
    build_play("threaded-server");
    let room = play("8.3");
    let line = |reader: &mut BufReader<std::net::TcpStream>| {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the room speaks");
        line
    };
    let mut clients = [1, 2].map(|n| {
        let mut client = BufReader::new(connect(room.addr()));
        assert_eq!(line(&mut client), format!("you are {n}\n"));
        client
    });
    let said = clients[0].get_mut().write_all(b"hello\n");
    said.expect("the room reads");
    assert_eq!(line(&mut clients[1]), "1: hello\n");
}

#[test]
fn says_which_exercise_makes_no_program() {
    build_play("file-transfer");
    course()
        .args(["play", "6.2", "--solution"])
        .assert()
        .code(1)
        .stderr(contains("exercise 6.2 makes no program").and(contains("hint: ")));
}

#[test]
fn help_breaks_its_lines_at_words() {
    for columns in ["50", "80", "200"] {
        for command in [&[][..], &["demo"], &["play"], &["check-program"]] {
            let arguments = [command, &["--help"]].concat();
            let help = course().args(&arguments).env("COLUMNS", columns).assert();
            let help = String::from_utf8_lossy(&help.success().get_output().stdout).into_owned();
            let most = columns.parse::<usize>().expect("it is a number").min(80);
            let mut lines = help.lines().filter(|line| !line.starts_with("Usage: ")); // one command
            let long = lines.find(|line| line.chars().count() > most);
            assert_eq!(long, None, "{arguments:?} at {columns} columns");
        }
    }
}

#[test]
fn a_typing_error_gets_a_suggestion() {
    course()
        .arg("chekc")
        .assert()
        .code(2)
        .stderr(contains("'check'"));
    course()
        .args(["demo", "--pase", "1"])
        .assert()
        .code(2)
        .stderr(contains("'--pace'"));
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

/// As on a system without pseudo-terminals.
#[test]
fn plays_every_lesson_to_its_end_in_pipes() {
    for lesson in LESSONS {
        let number = lesson.number.to_string();
        let mut demo = course();
        demo.args(["demo", &number, "--any-port", "--pipes"]);
        let run = demo.timeout(10 * PATIENCE).assert().success();
        run.stdout(contains("Now you. In "));
    }
}

#[test]
#[cfg(unix)] // in pipes a client reads before it has printed what it was told
fn tells_of_no_answer_before_its_question() {
    let mut demo = course();
    demo.args(["demo", "3", "--any-port"])
        .timeout(10 * PATIENCE); // it may have to build
    let run = demo.assert().success();
    let output = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    let mut rest = output.as_str();
    for line in [
        "terminal 1 │ $ cargo run -q --bin chat-server",
        "terminal 1 │ listening on ",
        "terminal 2 │ $ cargo run -q --bin chat-client",
        "terminal 2 │ contact> alice",
        "terminal 2 │ > hello, is anybody there?",
        "] hello, is anybody there?",
        "terminal 1 │ reply> yes, in the other terminal",
        "] yes, in the other terminal",
        "terminal 2 │ > 你好",
        "] 你好",
        "terminal 1 │ reply> 你好",
        "] 你好",
        "terminal 2 │ > q",
        "terminal 2 │ contact> q",
        "terminal 1 │ ^C",
        "Now you. In two terminals:",
    ] {
        let Some((_, behind)) = rest.split_once(line) else {
            panic!("{line:?} is not in its place:\n{output}");
        };
        rest = behind;
    }
    let typed = output.matches("│ > hello, is anybody there?").count();
    assert_eq!(typed, 1, "{output}");
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
