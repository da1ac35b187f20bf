//! `cargo course check [N] [--watch]`: runs the checks of the exercises and sums them up.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anstyle::AnsiColor;
use course::{LESSONS, Lesson, cargo, paint, workspace};
use shared::{Failure, say, warn};

use crate::progress::{self, State};

/// Checks one lesson or all; with `watch`, again at each save.
pub fn run(lesson: Option<&'static Lesson>, watch: bool) -> Result<(), Failure> {
    let lessons: Vec<&Lesson> = match lesson {
        Some(lesson) => vec![lesson],
        None => LESSONS.iter().collect(),
    };
    if watch {
        return watch_lessons(&lessons);
    }
    let mut unsolved = 0;
    for lesson in lessons {
        unsolved += check(lesson)?;
    }
    match unsolved {
        0 => Ok(()),
        1 => Err(Failure::new("1 exercise is not solved yet")),
        n => Err(Failure::new(format!("{n} exercises are not solved yet"))),
    }
}

/// How often a watch looks at the files. A few small files are read in a moment, and this works on
/// every file system and with every way in which an editor saves.
const LOOKS: Duration = Duration::from_millis(100);

fn watch_lessons(lessons: &[&Lesson]) -> Result<(), Failure> {
    let look = || -> Vec<Option<Vec<u8>>> {
        let paths = lessons.iter().map(|lesson| progress::source_path(lesson));
        paths.map(|path| fs::read(path).ok()).collect()
    };
    let mut checked = vec![None; lessons.len()];
    loop {
        let sources = settled(look, LOOKS);
        if sources != checked {
            for ((lesson, source), checked) in lessons.iter().zip(&sources).zip(&checked) {
                if source != checked
                    && let Err(failure) = check(lesson)
                {
                    failure.print(); // such as an error of the compiler; it may be mended
                }
            }
            checked = sources;
            say!("\nwaiting for you to save an exercise; Ctrl-C ends");
        }
    }
}

/// What is seen twice in a row: one save may be several writes, with a moment in which the file is
/// empty or gone.
fn settled<T: PartialEq>(look: impl Fn() -> T, pause: Duration) -> T {
    let mut before = look();
    loop {
        thread::sleep(pause);
        let now = look();
        if now == before {
            return now;
        }
        before = now;
    }
}

/// Checks one lesson's exercises and prints what was found. Returns how many are not solved.
fn check(lesson: &Lesson) -> Result<usize, Failure> {
    let path = progress::source_path(lesson);
    let Ok(source) = fs::read_to_string(&path) else {
        say!(
            "\nLesson {}, {}: no exercises yet",
            lesson.number,
            lesson.title
        );
        return Ok(0);
    };
    // First only built, so that the compiler's words and the verdicts do not mix.
    let built = test(lesson, &["--no-run"]).status();
    if !built.map_err(cannot_run)?.success() {
        let place = path.strip_prefix(workspace()).unwrap_or(&path).display();
        return Err(Failure::new(format!("{place} does not compile"))
            .hint("the first error above is the one to mend first"));
    }
    let run = test(lesson, &[])
        .stderr(Stdio::null())
        .output()
        .map_err(cannot_run)?;
    let output = String::from_utf8_lossy(&run.stdout);
    if broke_off(&output) {
        let (number, status) = (lesson.number, run.status);
        let message = format!("the check of lesson {number} broke off: {status}");
        return Err(Failure::new(message).hint(
            "your code ended the whole program: recursion without end, memory, or process::exit",
        ));
    }

    say!("\nLesson {}, {}", lesson.number, lesson.title);
    let mut results = Vec::new();
    for exercise in progress::exercises(lesson) {
        let name = format!("exercise_{}_", exercise.number.replace('.', "_"));
        let (state, fault) = verdict(&output, &name);
        let (mark, colour, words) = match state {
            State::Solved => ("✓", AnsiColor::Green, "solved"),
            _ if exercise.state == State::NotStarted => ("·", AnsiColor::Yellow, "not started"),
            _ => ("✗", AnsiColor::Red, "wrong"),
        };
        let mark = paint(colour.on_default(), mark);
        let words = paint(colour.on_default(), words);
        say!("  {mark} {} {}: {words}", exercise.number, exercise.title);
        if state == State::Wrong && exercise.state != State::NotStarted {
            for line in fault.lines() {
                say!("      {line}");
            }
        }
        results.push((exercise.number, state));
    }
    if let Err(error) = progress::record(lesson, &source, &results) {
        warn!("cannot keep the results: {error}");
    }
    Ok(results
        .iter()
        .filter(|result| result.1 != State::Solved)
        .count())
}

/// `cargo test` of the lesson's exercises.
fn test(lesson: &Lesson, arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args([
        "test",
        "--quiet",
        "--package",
        lesson.package,
        "--test",
        "exercise",
    ]);
    command.args(arguments).current_dir(workspace());
    command
}

fn cannot_run(error: std::io::Error) -> Failure {
    Failure::new(format!("cannot run cargo: {error}"))
}

/// Whether the test program was ended before the harness could sum up. Then there are no sections,
/// and nothing is known about any exercise.
fn broke_off(output: &str) -> bool {
    !output.lines().any(|line| line.starts_with("test result: "))
}

/// What the test harness says of the test whose name begins so: failed tests have a section
/// `---- NAME stdout ----` with what they print.
fn verdict(output: &str, name: &str) -> (State, String) {
    let Some((_, section)) = output.split_once(&format!("---- {name}")) else {
        return (State::Solved, String::new());
    };
    let text = section.split_once('\n').map_or("", |lines| lines.1);
    let end = text
        .find("\n---- ")
        .or_else(|| text.find("\nfailures:\n"))
        .unwrap_or(text.len());
    let fault = text[..end].trim().trim_start_matches("Error:").trim();
    (State::Wrong, fault.to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn waits_until_a_file_is_written() {
        let looks = Cell::new(0);
        let look = || {
            let sources = ["old", "", "ne", "new", "new", "later"];
            looks.set(looks.get() + 1);
            sources[looks.get() - 1]
        };
        assert_eq!(settled(look, Duration::ZERO), "new");
    }

    #[test]
    fn finds_a_tests_section() {
        let output = "running 2 tests\n.F\nfailures:\n\n---- exercise_1_2_b stdout ----\nError: \n\
            it is wrong\nlikely cause: x\n\n\nfailures:\n    exercise_1_2_b\n";
        let (state, fault) = verdict(output, "exercise_1_2_");
        assert!(state == State::Wrong);
        assert_eq!(fault, "it is wrong\nlikely cause: x");
        assert!(verdict(output, "exercise_1_1_").0 == State::Solved);
    }

    #[test]
    fn knows_a_program_that_was_ended() {
        assert!(broke_off("\nrunning 2 tests\n"));
        assert!(broke_off(""));
        let solved = "\nrunning 2 tests\n..\ntest result: ok. 2 passed; 0 failed; 0 ignored\n";
        assert!(!broke_off(solved));
        let wrong = "\nrunning 1 test\nF\nfailures:\n\ntest result: FAILED. 0 passed; 1 failed\n";
        assert!(!broke_off(wrong));
    }
}
