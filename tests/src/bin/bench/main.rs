//! Measures the lessons' programs beside other programs that do the same work.
//!
//! `cargo run --release -p course --bin bench -- 6`

mod files;
mod measure;

use std::env;
use std::process::{Command, ExitCode};

use clap::Parser;
use course::workspace;
use shared::{Failure, say};

/// Measure a lesson's programs beside other programs that do the same work.
#[derive(Parser)]
#[command(
    name = "bench",
    after_help = "Example:\n  cargo run --release -p course --bin bench -- 6"
)]
struct Args {
    /// The lesson's number; all that have a benchmark if it is missing
    #[arg(value_parser = ["6"])]
    lesson: Option<String>,

    /// How often everything is measured; the table has the medians
    #[arg(long, default_value = "7", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    if cfg!(debug_assertions) {
        let failure = Failure::new("a program that is not optimised measures nothing");
        return Err(failure.hint("cargo run --release -p course --bin bench"));
    }
    let wanted = |number: &str| args.lesson.as_deref().is_none_or(|wanted| wanted == number);
    if wanted("6") {
        build("file-transfer")?;
        say!("{}", files::run(args.rounds)?);
    }
    Ok(())
}

/// Has Cargo build a lesson's programs as they are measured.
fn build(package: &str) -> Result<(), Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--bins", "--package", package]);
    let status = build.current_dir(workspace()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Failure::new(format!(
            "cargo could not build the package {package}"
        ))),
    }
}
