//! Plays, checks and looks into the lessons: `cargo course`.

mod bench;
mod check;
mod demo;
mod fire;
mod list;
mod new_lesson;
mod progress;
mod proof;
mod soak;
mod tap;
mod usage;

use std::env;
use std::process::{self, ExitCode};

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use clap::{Parser, Subcommand};
use course::{LESSONS, Lesson, workspace};
use shared::Failure;

/// Shows the lessons, plays them, checks your exercises, and shows what passes on the wire.
#[derive(Parser)]
#[command(name = "cargo course", bin_name = "cargo course")]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Play a lesson's session, server and client live in one window
    Demo {
        /// The lesson's number
        #[arg(default_value = "1", value_parser = lesson)]
        lesson: &'static Lesson,

        /// Let the server listen on any free port instead of the lesson's own
        #[arg(long)]
        any_port: bool,

        /// Through pipes, as where the system has no pseudo-terminals (Windows)
        #[arg(long)]
        pipes: bool,
    },
    /// Run the checks of the exercises: solved, not started, or what is wrong
    Check {
        /// The lesson's number; all lessons if it is left out
        #[arg(value_parser = lesson)]
        lesson: Option<&'static Lesson>,

        /// Run them again whenever an exercise is saved, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// Measure a lesson's programs beside peers in C and Python
    Bench(bench::Args),
    /// Set hostile peers on the programs, and see whether they serve an ordinary one afterwards
    Fire(fire::Args),
    /// Write the skeleton of a new lesson, for authors
    NewLesson(new_lesson::Args),
    /// Keep the servers under hostile and ordinary load, and compare what they hold before and after
    Soak(soak::Args),
    /// Stand between a lesson's client and server and print what passes: every piece, its first 256
    /// bytes, its direction and time, and who closed how
    Tap(tap::Args),
}

fn main() -> ExitCode {
    shared::main(|args: Args| match args.command {
        None => list::run(),
        Some(Command::Demo {
            lesson,
            any_port,
            pipes,
        }) => demo::run(lesson, any_port, pipes),
        Some(Command::Check { lesson, watch }) => check::run(lesson, watch),
        Some(Command::Bench(args)) => bench::run(&args),
        Some(Command::Fire(args)) => fire::run(&args),
        Some(Command::NewLesson(args)) => new_lesson::run(&args),
        Some(Command::Soak(args)) => soak::run(&args),
        Some(Command::Tap(args)) => tap::run(&args),
    })
}

/// The lesson of that number.
fn lesson(number: &str) -> Result<&'static Lesson, String> {
    let found = number.parse().ok().and_then(Lesson::of_number);
    found.ok_or_else(|| {
        let last = LESSONS.last().map_or(0, |lesson| lesson.number);
        format!("expected the number of a lesson, 1 to {last}")
    })
}

/// The text in a style, where stdout is a terminal that shows styles and nobody has asked for
/// plain text (`NO_COLOR`, `TERM=dumb`).
fn paint(style: Style, text: &str) -> String {
    match AutoStream::choice(&std::io::stdout()) {
        ColorChoice::Never => text.to_owned(),
        _ => format!("{style}{text}{style:#}"),
    }
}

/// Has Cargo build the programs of a lesson, or of all, and show that it does.
fn build(lesson: Option<&Lesson>) -> Result<(), Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = process::Command::new(cargo);
    build.args(["build", "--bins"]).current_dir(workspace());
    if !cfg!(debug_assertions) {
        build.arg("--release"); // as this program was built, so that they lie beside it
    }
    match lesson {
        Some(lesson) => build.args(["--package", lesson.package]),
        // Just as for `cargo test`. With other features of what they depend on, Cargo would put new
        // programs in the place of those that a test just uses.
        None => build.args(["--workspace", "--examples"]),
    };
    let status = build
        .status()
        .map_err(|e| Failure::new(format!("cannot run cargo: {e}")))?;
    if status.success() {
        return Ok(());
    }
    let what = lesson.map_or("the lessons", |lesson| lesson.package);
    Err(Failure::new(format!("cargo could not build {what}")))
}

/// A thousand connections are a thousand open files. The programs that are started inherit this.
fn allow_many_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // macOS may name a maximum, or none, that it then refuses; it takes 10,240 (OPEN_MAX).
        for current in [limit.maximum, Some(10_240)] {
            if setrlimit(Resource::Nofile, Rlimit { current, ..limit }).is_ok() {
                break; // where neither is taken, a program says that it has no more files
            }
        }
    }
}
