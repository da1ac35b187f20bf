//! `cargo course bench N`: lesson N's programs beside peers in C and Python, in one run.

mod files;
mod handshakes;
mod peer;
mod rounds;
mod threads;

use std::env;
use std::process::{self, Command};

use course::{Lesson, programs, workspace};
use shared::Failure;

use crate::lesson;

#[derive(clap::Args)]
pub struct Args {
    /// The lesson's number
    #[arg(value_parser = lesson)]
    lesson: &'static Lesson,

    /// How many rounds, of which the median counts
    #[arg(long, value_name = "N", default_value = "7", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

/// Measures in release builds, which it has Cargo make first.
pub fn run(args: &Args) -> Result<(), Failure> {
    let measure = match args.lesson.number {
        6 => files::run,
        7 => handshakes::run,
        8 => threads::run,
        n => return Err(Failure::new(format!("lesson {n} has no benchmark"))),
    };
    if cfg!(debug_assertions) {
        return run_in_release(args);
    }
    measure(args.rounds)
}

/// Builds this program and the lesson's in release, and hands over to that build.
fn run_in_release(args: &Args) -> Result<(), Failure> {
    let failed = |e| Failure::new(format!("cannot run the release build: {e}"));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--release", "--bins"])
        .args(["--package", "course", "--package", args.lesson.package])
        .current_dir(workspace());
    if !build.status().map_err(failed)?.success() {
        return Err(Failure::new("cargo could not build in release"));
    }

    let release = programs().with_file_name("release").join("course");
    let mut bench = Command::new(release.with_extension(env::consts::EXE_EXTENSION));
    bench.args(["bench", &args.lesson.number.to_string()]);
    bench.args(["--rounds", &args.rounds.to_string()]);
    if !bench.status().map_err(failed)?.success() {
        process::exit(1); // it has said why
    }
    Ok(())
}
