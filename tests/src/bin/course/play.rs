//! `cargo course play 8.3`: runs the function of an exercise as a server or client on the lesson's
//! port. What it is given there is in the lesson's `tests/play.rs`.

use std::env;
use std::process::{Command, Stdio};

use course::play::Play;
use course::progress::{self, State};
use course::{Lesson, cargo};
use shared::Failure;

use crate::build::executable;

/// Builds the lesson's program and runs it with the same arguments.
pub fn run(play: &Play) -> Result<(), Failure> {
    let number = &play.exercise;
    let lesson = Lesson::of_exercise(number).ok_or_else(|| Failure::new("no such exercise"))?;
    let mut exercises = progress::exercises(lesson).into_iter();
    let exercise = exercises.find(|exercise| exercise.number == *number);
    let state = exercise.map(|exercise| exercise.state);
    if state == Some(State::NotStarted) && !play.solution {
        let file = format!("lessons/{}/src/exercise.rs", lesson.folder);
        let message = format!("exercise {number} is not started: {file} still has its todo!()");
        return Err(Failure::new(message).hint(format!(
            "the course's solution shows what it should do: cargo course play {number} --solution"
        )));
    }
    let program = build(lesson)?;
    let mut program = Command::new(program);
    program.args(env::args_os().skip(2));
    become_it(program)
}

/// Runs the program in the place of this one, so that whoever ends this one ends it.
#[cfg(unix)]
fn become_it(mut program: Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    let error = program.exec(); // returns only if it fails
    Err(Failure::new(format!("cannot run the exercise: {error}")))
}

#[cfg(not(unix))]
fn become_it(mut program: Command) -> Result<(), Failure> {
    match program.status().map(|status| status.code()) {
        Ok(Some(0)) => Ok(()),
        Ok(code) => std::process::exit(code.unwrap_or(1)), // it has said why
        Err(error) => Err(Failure::new(format!("cannot run the exercise: {error}"))),
    }
}

/// Has Cargo build the lesson's program, as one of its tests: `cargo test` and `cargo build` do not
/// build it, so that they need not compile what a learner is still writing. Returns its path.
fn build(lesson: &Lesson) -> Result<String, Failure> {
    let mut build = cargo();
    build.args(["test", "--quiet", "--package", lesson.package]);
    build.args(["--test", "play", "--no-run"]);
    build.arg("--message-format=json-render-diagnostics");
    let output = build.stderr(Stdio::inherit()).output();
    let output = output.map_err(|e| Failure::new(format!("cannot run cargo: {e}")))?;
    if !output.status.success() {
        let message = format!("lessons/{}/src/exercise.rs does not compile", lesson.folder);
        return Err(Failure::new(message).hint("the first error above is the one to mend first"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    executable(&messages, Some("play"))
        .ok_or_else(|| Failure::new("cargo did not say what it has built"))
}
