//! Plays, checks and looks into the lessons: `cargo course`.

mod build;
mod check;
mod demo;
mod hint;
mod lab;
mod list;
mod new_lesson;
mod play;
mod program;
mod reset;
mod trials;
mod wrap;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use course::play::Play;
use course::{Lesson, exercise_number, lesson};

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
    Demo(demo::Args),
    /// Run the checks of the exercises: solved, not started, or what is wrong
    Check {
        /// The lesson's number; all lessons if it is left out
        #[arg(value_parser = lesson)]
        lesson: Option<&'static Lesson>,

        /// Run them again whenever an exercise is saved, until Ctrl-C
        #[arg(long)]
        watch: bool,

        /// Print what was found as JSON, for a program that gathers it
        #[arg(long, conflicts_with = "watch")]
        json: bool,
    },
    /// Judge a program of your own from outside, in whatever language it is written
    CheckProgram(program::Check),
    /// Show the next hint of an exercise, one at a time
    Hint {
        /// The exercise's number, such as 1.2
        #[arg(value_parser = exercise_number)]
        exercise: String,

        /// Show the hints that were shown already, and no new one
        #[arg(long)]
        again: bool,
    },
    /// Open a shell, or run a command, in a private network of two or three hosts (Linux, no sudo)
    Lab(lab::Args),
    /// Make a folder with an empty program of your own
    NewProgram(program::New),
    /// Run an exercise's function as a program, to use it from the other terminal
    Play(Play),
    /// Let one exercise begin again, and keep a copy of what was there
    Reset {
        /// The exercise's number, such as 1.2
        #[arg(value_parser = exercise_number)]
        exercise: String,
    },
    /// Measure a lesson's programs beside peers in C and Python
    Bench(trials::Args),
    /// Set hostile peers on the programs, or on one of your own, and see who is served afterwards
    Fire(trials::Args),
    /// Write the skeleton of a new lesson, for authors
    NewLesson(new_lesson::Args),
    /// Keep the servers under hostile and ordinary load, and compare what they hold before and after
    Soak(trials::Args),
    /// Stand between a lesson's client and server and print what passes: every piece, its first 256
    /// bytes, its direction and time, and who closed how. Be a bad network for them if you like
    Tap(trials::Args),
}

fn main() -> ExitCode {
    shared::main(|args: Args| match args.command {
        None => list::run(),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Check {
            lesson,
            watch,
            json,
        }) => check::run(lesson, watch, json),
        Some(Command::Hint { exercise, again }) => hint::run(&exercise, again),
        Some(Command::Lab(args)) => lab::run(&args),
        Some(Command::CheckProgram(args)) => program::check(&args),
        Some(Command::NewProgram(args)) => program::new(&args),
        Some(Command::Play(play)) => play::run(&play),
        Some(Command::Reset { exercise }) => reset::run(&exercise),
        Some(Command::Bench(args)) => trials::run("bench", &args),
        Some(Command::Fire(args)) => trials::run("fire", &args),
        Some(Command::NewLesson(args)) => new_lesson::run(&args),
        Some(Command::Soak(args)) => trials::run("soak", &args),
        Some(Command::Tap(args)) => trials::run_as("tap", &args),
    })
}
