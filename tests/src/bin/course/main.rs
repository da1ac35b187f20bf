//! Plays, checks and looks into the lessons: `cargo course`.

mod bench;
mod demo;
mod list;
mod tap;

use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use clap::{Parser, Subcommand};
use course::{LESSONS, Lesson};

/// Shows the lessons; plays them; looks at what passes between their programs.
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
    },
    /// Measure a lesson's programs beside peers in C and Python
    Bench(bench::Args),
    /// Stand between a lesson's client and server and print every byte that passes
    Tap(tap::Args),
}

fn main() -> ExitCode {
    shared::main(|args: Args| match args.command {
        None => list::run(),
        Some(Command::Demo { lesson }) => demo::run(lesson),
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
