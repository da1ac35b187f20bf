//! Plays, checks and looks into the lessons: `cargo course`.

mod bench;
mod check;
mod demo;
mod list;
mod progress;
mod tap;

use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use clap::{Parser, Subcommand};
use course::{LESSONS, Lesson};

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
    /// Stand between a lesson's client and server and print what passes: every piece, its first 256
    /// bytes, its direction and time, and who closed how
    Tap(tap::Args),
}

fn main() -> ExitCode {
    shared::main(|args: Args| match args.command {
        None => list::run(),
        Some(Command::Demo { lesson, any_port }) => demo::run(lesson, any_port),
        Some(Command::Check { lesson, watch }) => check::run(lesson, watch),
        Some(Command::Bench(args)) => bench::run(&args),
        Some(Command::Tap(args)) => tap::run(&args),
    })
}

/// The lesson of that number.
fn lesson(number: &str) -> Result<&'static Lesson, String> {
    let found = LESSONS
        .iter()
        .find(|lesson| lesson.number.to_string() == number);
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
