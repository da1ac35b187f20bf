//! `cargo course check [N] [--watch] [--json]`: runs the checks of the exercises and sums them up.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anstyle::AnsiColor;
use course::progress::{self, State};
use course::{LESSONS, Lesson, cargo, paint, workspace};
use shared::{Failure, say};

/// What the check of an exercise has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Solved,
    NotStarted,
    Wrong,
}

/// An exercise with what was found, and the sentences that say what is wrong.
struct Report {
    number: String,
    title: String,
    found: Found,
    fault: String,
}

/// Checks one lesson or all; with `watch`, again at each save. What is not started is no failure.
pub fn run(lesson: Option<&'static Lesson>, watch: bool, json: bool) -> Result<(), Failure> {
    let lessons: Vec<&Lesson> = match lesson {
        Some(lesson) => vec![lesson],
        None => LESSONS.iter().collect(),
    };
    if watch {
        return watch_lessons(&lessons);
    }
    let mut all = Vec::new();
    let mut failed = None;
    for lesson in lessons {
        match check(lesson) {
            Ok(reports) if json => all.extend(reports.into_iter().map(|report| (lesson, report))),
            Ok(reports) => {
                show(lesson, &reports);
                all.extend(reports.into_iter().map(|report| (lesson, report)));
            }
            // One lesson that does not compile says nothing of the others.
            Err(failure) => {
                failure.print();
                failed.get_or_insert(lesson);
            }
        }
    }
    if json {
        say!("{}", as_json(&all));
    }
    let wrong = all.iter().filter(|it| it.1.found == Found::Wrong).count();
    match (failed, wrong) {
        (Some(lesson), _) => {
            let number = lesson.number;
            Err(Failure::new(format!(
                "lesson {number} could not be checked"
            )))
        }
        (None, 0) => Ok(()),
        (None, 1) => Err(Failure::new("1 exercise is wrong")),
        (None, n) => Err(Failure::new(format!("{n} exercises are wrong"))),
    }
}

/// How often a watch looks at the files. A few small files are read in a moment, and this works on
/// every file system and with every way in which an editor saves.
const LOOKS: Duration = Duration::from_millis(100);

fn watch_lessons(lessons: &[&Lesson]) -> Result<(), Failure> {
    let look = || -> Vec<Option<Vec<u8>>> {
        let paths = lessons.iter().map(|lesson| lesson.exercise_file());
        paths.map(|path| fs::read(path).ok()).collect()
    };
    let mut checked = vec![None; lessons.len()];
    loop {
        let sources = settled(look, LOOKS);
        if sources != checked {
            for ((lesson, source), checked) in lessons.iter().zip(&sources).zip(&checked) {
                if source == checked {
                    continue;
                }
                match check(lesson) {
                    Ok(reports) => show(lesson, &reports),
                    Err(failure) => failure.print(), // such as an error of the compiler
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

/// Checks one lesson's exercises. The check itself keeps what it finds, for `cargo course`.
fn check(lesson: &Lesson) -> Result<Vec<Report>, Failure> {
    let path = lesson.exercise_file();
    if !path.exists() {
        return Ok(Vec::new());
    }
    // First only built, so that the compiler's words and the verdicts do not mix.
    let built = test(lesson, &["--no-run"]).stdout(Stdio::null()).status();
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
    let exercises = progress::exercises(lesson).into_iter();
    let reports = exercises.map(|exercise| {
        let name = format!("exercise_{}_", exercise.number.replace('.', "_"));
        let (found, fault) = match verdict(&output, &name) {
            None => (Found::Solved, String::new()),
            Some(_) if exercise.state == State::NotStarted => (Found::NotStarted, String::new()),
            Some(fault) => (Found::Wrong, fault),
        };
        Report {
            number: exercise.number,
            title: exercise.title,
            found,
            fault,
        }
    });
    Ok(reports.collect())
}

/// Prints what was found, and what comes next.
fn show(lesson: &Lesson, reports: &[Report]) {
    say!("\nLesson {}, {}", lesson.number, lesson.title);
    if reports.is_empty() {
        say!("  no exercises yet");
    }
    for report in reports {
        let (mark, colour, words) = match report.found {
            Found::Solved => ("✓", AnsiColor::Green, "solved"),
            Found::NotStarted => ("·", AnsiColor::Yellow, "not started"),
            Found::Wrong => ("✗", AnsiColor::Red, "wrong"),
        };
        let mark = paint(colour.on_default(), mark);
        let words = paint(colour.on_default(), words);
        say!("  {mark} {} {}: {words}", report.number, report.title);
        for line in report.fault.lines() {
            say!("      {line}");
        }
    }
    for line in next(lesson, reports) {
        say!("  {line}");
    }
}

/// What to do now: of a lesson that is solved the next one, of one in which something is wrong the
/// hints.
fn next(lesson: &Lesson, reports: &[Report]) -> Vec<String> {
    if let Some(wrong) = reports.iter().find(|it| it.found == Found::Wrong) {
        return vec![format!("A hint: cargo course hint {}", wrong.number)];
    }
    if reports.is_empty() || reports.iter().any(|it| it.found != Found::Solved) {
        return Vec::new();
    }
    let compare = format!(
        "All {} solved. Compare yours with lessons/{}/solution.rs.",
        reports.len(),
        lesson.folder
    );
    let mut later = LESSONS.iter().filter(|it| it.number > lesson.number);
    let next = match later.next() {
        Some(next) => format!(
            "Next: {}, and cargo course demo {}",
            next.page(),
            next.number
        ),
        None => "Next: docs/where-next.md".to_owned(),
    };
    vec![compare, next]
}

/// What was found, for a program that gathers it from a class.
fn as_json(reports: &[(&Lesson, Report)]) -> String {
    let objects = reports.iter().map(|(lesson, report)| {
        let found = match report.found {
            Found::Solved => "solved",
            Found::NotStarted => "not started",
            Found::Wrong => "wrong",
        };
        format!(
            "  {{\"lesson\": {}, \"exercise\": {}, \"title\": {}, \"state\": {}, \"message\": {}}}",
            lesson.number,
            quoted(&report.number),
            quoted(&report.title),
            quoted(found),
            quoted(&report.fault)
        )
    });
    let objects: Vec<String> = objects.collect();
    format!("[\n{}\n]", objects.join(",\n"))
}

/// The text as a string of JSON (RFC 8259, section 7).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if u32::from(c) < 0x20 => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
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

/// What is wrong by the test whose name begins so, if anything is: failed tests have a section
/// `---- NAME stdout ----` with what they print.
fn verdict(output: &str, name: &str) -> Option<String> {
    let (_, section) = output.split_once(&format!("---- {name}"))?;
    let text = section.split_once('\n').map_or("", |lines| lines.1);
    let end = text
        .find("\n---- ")
        .or_else(|| text.find("\nfailures:\n"))
        .unwrap_or(text.len());
    let fault = text[..end].trim().trim_start_matches("Error:").trim();
    Some(fault.to_owned())
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
        let fault = verdict(output, "exercise_1_2_");
        assert_eq!(fault.as_deref(), Some("it is wrong\nlikely cause: x"));
        assert_eq!(verdict(output, "exercise_1_1_"), None);
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

    fn report(number: &str, found: Found, fault: &str) -> Report {
        Report {
            number: number.to_owned(),
            title: "A \"title\"".to_owned(),
            found,
            fault: fault.to_owned(),
        }
    }

    #[test]
    fn after_the_last_exercise_says_what_comes_next() {
        let said = |found: [Found; 2], lesson: &Lesson| {
            let reports = found.map(|found| report("1.2", found, ""));
            next(lesson, &reports).join("\n")
        };
        let first = &LESSONS[0];
        let solved = said([Found::Solved; 2], first);
        assert!(solved.contains("lessons/01-echo/solution.rs"), "{solved}");
        assert!(solved.contains("Next: docs/02-loop-server.md"), "{solved}");
        let last = LESSONS.last().expect("there are lessons");
        assert!(said([Found::Solved; 2], last).contains("docs/where-next.md"));
        assert_eq!(said([Found::Solved, Found::NotStarted], first), "");
        let wrong = said([Found::Solved, Found::Wrong], first);
        assert_eq!(wrong, "A hint: cargo course hint 1.2");
        assert_eq!(next(first, &[]), [""; 0]);
    }

    #[test]
    fn json_can_be_read_whatever_the_check_says() {
        let fault = "expected \"a\\b\"\n\tcame \u{1b} 塑料 \u{7f}";
        let reports = [
            (&LESSONS[0], report("1.1", Found::Wrong, fault)),
            (&LESSONS[1], report("2.1", Found::NotStarted, "")),
        ];
        let read: serde_json::Value = serde_json::from_str(&as_json(&reports)).expect("it is JSON");
        assert_eq!(read[0]["lesson"], 1);
        assert_eq!(read[0]["exercise"], "1.1");
        assert_eq!(read[0]["title"], "A \"title\"");
        assert_eq!(read[0]["state"], "wrong");
        assert_eq!(read[0]["message"], fault);
        assert_eq!(read[1]["state"], "not started");
        let none: serde_json::Value = serde_json::from_str(&as_json(&[])).expect("it is JSON");
        assert_eq!(none, serde_json::json!([]));
    }
}
