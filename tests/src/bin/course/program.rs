//! `cargo course new-program 1` and `check-program 1`: a program that begins with an empty file, and
//! is judged from outside, in whatever language it is written.

mod running;
mod steps;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anstyle::AnsiColor;
use course::exercise::{Fault, Verdict};
use course::{Lesson, cargo, lesson, paint, shell_words, workspace};
use shared::{Failure, say};

use self::running::Running;
use self::steps::{Step, steps};
use crate::build::executable;

#[derive(clap::Args)]
pub struct New {
    /// The lesson whose page tells what to write: 1, 3 or 6
    #[arg(value_parser = program)]
    program: &'static Program,
}

#[derive(clap::Args)]
pub struct Check {
    /// The lesson whose page tells what to write: 1, 3 or 6
    #[arg(value_parser = program)]
    program: &'static Program,

    /// What starts the program, if it is not the one in my-programs; the address comes behind it
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
}

/// A task that begins with an empty file.
pub struct Program {
    /// Of the lesson.
    number: u16,
    /// What the program is called, and its folder in `my-programs`.
    name: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        number: 1,
        name: "count-server",
    },
    Program {
        number: 3,
        name: "tally-server",
    },
    Program {
        number: 6,
        name: "mirror-server",
    },
];

fn program(number: &str) -> Result<&'static Program, String> {
    let lesson = lesson(number)?;
    let found = PROGRAMS.iter().find(|it| it.number == lesson.number);
    found.ok_or_else(|| "lessons 1, 3 and 6 have such a program".to_owned())
}

impl Program {
    fn lesson(&self) -> &'static Lesson {
        Lesson::of_number(self.number).expect("the lesson is in the register")
    }

    /// In the workspace, but no part of it, and ignored by Git.
    fn folder(&self) -> PathBuf {
        Path::new("my-programs").join(self.name)
    }

    fn page(&self) -> String {
        format!("{}, \"From an empty file\"", self.lesson().page())
    }
}

/// Makes the folder with an empty program.
pub fn new(args: &New) -> Result<(), Failure> {
    let program = args.program;
    make(program, workspace())?;
    let folder = program.folder();
    say!(
        "made {0}; your program is {0}/src/main.rs",
        folder.display()
    );
    say!("What it should do: {}", program.page());
    say!("Judge it: cargo course check-program {}", program.number);
    Ok(())
}

fn make(program: &Program, workspace: &Path) -> Result<(), Failure> {
    let folder = program.folder();
    let shown = folder.display();
    let folder = workspace.join(&folder);
    if folder.exists() {
        return Err(Failure::new(format!("{shown} is there already"))
            .hint("to begin again, give it another name first"));
    }
    let cannot = |e| Failure::new(format!("cannot make {shown}: {e}"));
    fs::create_dir_all(folder.join("src")).map_err(cannot)?;
    // The empty [workspace] keeps it apart from the course's.
    let manifest = format!(
        "[package]\nname = \"{}\"\nedition = \"2024\"\n\n[dependencies]\n\n[workspace]\n",
        program.name
    );
    fs::write(folder.join("Cargo.toml"), manifest).map_err(cannot)?;
    fs::write(folder.join("src/main.rs"), "fn main() {}\n").map_err(cannot)
}

/// Starts the program and judges it, step by step, up to the first that is not right.
pub fn check(args: &Check) -> Result<(), Failure> {
    let program = args.program;
    let command = match &args.command {
        Some(command) => shell_words(command)
            .filter(|words| !words.is_empty())
            .ok_or_else(|| {
                Failure::new(
                    "cannot read the command: pipes, redirections and variables are not \
                              understood here",
                )
                .hint("put them into a script, and give its name")
            })?,
        None => vec![build(program)?],
    };
    say!("Program {}, {}", program.number, program.name);
    match judge(program, &command, show) {
        None => {
            say!("  All is right. {}", after(program));
            Ok(())
        }
        Some((step, of)) => Err(
            Failure::new(format!("step {step} of {of} is not right yet"))
                .hint(format!("the steps are in {}", program.page())),
        ),
    }
}

/// What to do with a program that is right.
fn after(program: &Program) -> String {
    format!(
        "Use it from the other terminal, at an address of your choice.\n  Read on: {}",
        program.lesson().page()
    )
}

/// The learner's own program, built.
fn build(program: &Program) -> Result<String, Failure> {
    let manifest = workspace().join(program.folder()).join("Cargo.toml");
    if !manifest.exists() {
        let number = program.number;
        return Err(
            Failure::new(format!("there is no {}", program.folder().display())).hint(format!(
                "make it with: cargo course new-program {number}; a program in another place or \
                 language is named with --command"
            )),
        );
    }
    let mut build = cargo();
    build
        .args(["build", "--quiet", "--manifest-path"])
        .arg(&manifest);
    build.arg("--message-format=json-render-diagnostics");
    let output = build.stderr(Stdio::inherit()).output();
    let output = output.map_err(|e| Failure::new(format!("cannot run cargo: {e}")))?;
    if !output.status.success() {
        let message = format!("{} does not compile", program.folder().display());
        return Err(Failure::new(message).hint("the first error above is the one to mend first"));
    }
    executable(&String::from_utf8_lossy(&output.stdout), None)
        .ok_or_else(|| Failure::new("cargo has built no program: is there a src/main.rs?"))
}

/// Prints what becomes of each step; the first that is not right, and how many there are.
fn judge(
    program: &Program,
    command: &[String],
    show: fn(usize, &str, Option<&Fault>),
) -> Option<(usize, usize)> {
    let steps = steps(program.number);
    let of = steps.len() + 1;
    let page = format!("{}: From an empty file", program.lesson().page());
    let running = match Running::start(command) {
        Ok(running) => running,
        Err(fault) => {
            show(1, LISTENS, Some(&fault.read(page)));
            return Some((1, of));
        }
    };
    show(1, LISTENS, None);
    for (step, number) in steps.iter().zip(2..) {
        let Step { title, scene } = *step;
        let addr = running.addr();
        let verdict = course::exercise::check(move |trial| scene(trial, addr));
        if let Verdict::Wrong(fault) = verdict {
            let fault = running.with_end(fault).read(page);
            show(number, title, Some(&fault));
            return Some((number, of));
        }
        show(number, title, None);
    }
    None
}

/// The first step of every program.
const LISTENS: &str = "It says where it listens.";

fn show(number: usize, title: &str, fault: Option<&Fault>) {
    let (mark, colour) = match fault {
        None => ("✓", AnsiColor::Green),
        Some(_) => ("✗", AnsiColor::Red),
    };
    say!("  {} {number} {title}", paint(colour.on_default(), mark));
    for line in fault.map(Fault::to_string).unwrap_or_default().lines() {
        say!("      {line}");
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::thread;

    use course::Page;

    use super::*;

    #[test]
    fn the_page_tells_each_step_in_the_same_words() {
        for program in PROGRAMS {
            let page = Page::read(&program.lesson().page()).expect("the page is there");
            let text = page.text();
            let (_, task) = text
                .split_once("### From an empty file\n")
                .expect("the page has the heading");
            let titles = steps(program.number).iter().map(|step| step.title);
            for (title, number) in [LISTENS].into_iter().chain(titles).zip(1..) {
                let line = format!("\n{number}. **{title}**");
                assert!(task.contains(&line), "{}: {line}", program.lesson().page());
            }
            assert!(task.contains(&format!("cargo course new-program {}", program.number)));
            assert!(task.contains(&format!("cargo course check-program {}", program.number)));
        }
    }

    #[test]
    fn makes_a_folder_that_is_no_part_of_the_workspace() {
        let workspace = tempfile::tempdir().expect("there is room for a folder");
        let workspace = workspace.path();
        fs::write(workspace.join("Cargo.toml"), "[workspace]\nmembers = []\n").expect("room");
        let program = &PROGRAMS[0];
        make(program, workspace).expect("it can be made");
        let source = workspace.join("my-programs/count-server/src/main.rs");
        assert_eq!(
            fs::read_to_string(source).expect("it was made"),
            "fn main() {}\n"
        );
        let manifest = workspace.join("my-programs/count-server/Cargo.toml");
        let mut metadata = cargo();
        metadata.args(["metadata", "--offline", "--no-deps", "--format-version=1"]);
        let output = metadata.arg("--manifest-path").arg(manifest).output();
        let output = output.expect("cargo runs");
        assert!(output.status.success(), "{output:?}");
        let again = make(program, workspace).expect_err("it is there");
        assert!(again.to_string().contains("is there already"), "{again}");
    }

    /// A program of the tests: this file's peers in Python, each right, or wrong in one way.
    fn python(program: &Program, arguments: &[&str]) -> Option<Vec<String>> {
        if !course::has("python3") {
            return None;
        }
        let file = format!("tests/peers/{}.py", program.name.replace('-', "_"));
        let file = workspace().join(file).display().to_string();
        let words = ["python3", &file]
            .into_iter()
            .chain(arguments.iter().copied());
        Some(words.map(str::to_owned).collect())
    }

    #[test]
    fn takes_a_right_program_in_another_language() {
        for program in PROGRAMS {
            let Some(command) = python(program, &[]) else {
                return;
            };
            assert_eq!(
                judge(program, &command, |_, _, _| {}),
                None,
                "{}",
                program.name
            );
        }
    }

    #[test]
    fn refuses_each_mistake_at_its_step() {
        let mistakes = [
            (0, "says-port-0", 1),
            (0, "silent", 1),
            (0, "one-read", 3),
            (0, "does-not-wait", 2),
            (0, "keeps-open", 2),
            (0, "one-client", 4),
            (0, "dies-of-reset", 5),
            (1, "one-count", 3),
            (1, "text-only", 4),
            (1, "short-buffer", 4),
            (1, "stops-at-empty", 4),
            (2, "little-endian", 2),
            (2, "one-read", 3),
            (2, "no-empty", 3),
            (2, "no-limit", 4),
            (2, "answers-half", 5),
            (2, "dies-of-half", 5),
        ];
        // Most of the time they wait, so they wait together.
        thread::scope(|scope| {
            for (program, mistake, step) in mistakes {
                scope.spawn(move || {
                    let program = &PROGRAMS[program];
                    let Some(command) = python(program, &[mistake]) else {
                        return;
                    };
                    // A mistake shows only at its pace, which a busy machine may not keep.
                    let judged = || judge(program, &command, |_, _, _| {}).map(|(step, _)| step);
                    let found = (0..5).map(|_| judged()).find(|found| *found == Some(step));
                    assert!(found.is_some(), "{} {mistake}", program.name);
                });
            }
        });
    }

    #[test]
    fn an_empty_program_is_told_what_comes_first() {
        let this = env::current_exe().expect("the system knows where this program lies");
        let this = this.display().to_string();
        // It lists no test and ends.
        let command = [&this, "--list", "--exact", "no such test", "--format=terse"];
        let command = command.map(str::to_owned);
        let fault = Running::start(&command).err().expect("it does not listen");
        let text = fault.to_string();
        assert!(text.contains("it ended"), "{text}");
        assert!(text.contains("listening on 127.0.0.1:"), "{text}");

        let fault = Running::start(&["no-such-program".to_owned()]).err();
        let text = fault.expect("it is not there").to_string();
        assert!(text.contains("cannot start no-such-program"), "{text}");
    }
}
