//! Checks `cargo course`.

use assert_cmd::Command;
use course::PATIENCE;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
#[cfg(unix)]
use predicates::str::starts_with;

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
