//! `cargo course check [N] [--watch]`: runs the checks of the exercises and sums them up.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anstyle::AnsiColor;
use course::{LESSONS, Lesson, workspace};
use notify::{Event, RecursiveMode, Watcher};
use shared::{Failure, say, warn};

use crate::paint;
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

fn watch_lessons(lessons: &[&Lesson]) -> Result<(), Failure> {
    // Many editors save by putting a new file in the old one's place: the folder is watched.
    let sources = lessons.iter().map(|lesson| progress::source_path(lesson));
    let folders = sources.filter_map(|path| Some(path.parent()?.to_owned()));
    let (_watcher, changes) = changes_in(folders)
        .map_err(|e| Failure::new(format!("cannot watch the exercises: {e}")))?;
    let source = |lesson: &Lesson| fs::read(progress::source_path(lesson)).ok();
    let mut checked: Vec<Option<Vec<u8>>> = lessons.iter().map(|_| None).collect();
    loop {
        for (lesson, checked) in lessons.iter().zip(&mut checked) {
            let now = source(lesson);
            if *checked != now {
                *checked = now;
                if let Err(failure) = check(lesson) {
                    failure.print(); // such as an error of the compiler; it may be mended
                }
            }
        }
        say!("\nwaiting for you to save an exercise; Ctrl-C ends");
        if changes.recv().is_err() {
            return Err(Failure::new("the system tells no more about changed files"));
        }
        // One save is several events.
        while changes.recv_timeout(Duration::from_millis(100)).is_ok() {}
    }
}

/// Everything that changes in these folders, until the watcher is dropped.
fn changes_in(
    folders: impl Iterator<Item = PathBuf>,
) -> notify::Result<(impl Watcher, Receiver<notify::Result<Event>>)> {
    let (sender, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Linux also tells that a file was opened or closed, as we do to read it.
        if !event.as_ref().is_ok_and(|event| event.kind.is_access()) {
            let _ = sender.send(event); // nobody waits for it at the end
        }
    })?;
    for folder in folders {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok((watcher, changes))
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
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
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
    use super::*;

    #[test]
    #[cfg(target_os = "linux")] // elsewhere nobody tells of reading, or not in this order
    fn is_not_woken_by_its_own_reading() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let (read, written) = (folder.path().join("read"), folder.path().join("written"));
        fs::write(&read, "before").expect("there is room for a file");
        let folders = [folder.path().to_owned()].into_iter();
        let (_watcher, changes) = changes_in(folders).expect("the system watches folders");
        fs::read(&read).expect("it was written");
        fs::write(&written, "after").expect("there is room for a file");
        let first = changes.recv_timeout(course::PATIENCE);
        let first = first.expect("the file that was written shows up");
        assert_eq!(first.expect("it is no error").paths, [written]);
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
