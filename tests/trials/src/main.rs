//! What authors try their programs with: `cargo course bench`, `fire` and `soak`. It is a package
//! of its own, so that nobody who plays a lesson or checks an exercise has to build it.

mod bench;
mod fire;
#[cfg(test)]
mod network;
mod proof;
mod ready;
mod soak;
mod usage;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures the lessons' programs, and sets hostile peers on them.
#[derive(Parser)]
#[command(name = "cargo course", bin_name = "cargo course")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure a lesson's programs beside peers in C and Python
    Bench(bench::Args),
    /// Set hostile peers on the programs, or on one of your own, and see who is served afterwards
    Fire(fire::Args),
    /// Keep the servers under hostile and ordinary load, and compare what they hold before and after
    Soak(soak::Args),
}

fn main() -> ExitCode {
    shared::main(|args: Args| match args.command {
        Command::Bench(args) => bench::run(&args),
        Command::Fire(args) => fire::run(&args),
        Command::Soak(args) => soak::run(&args),
    })
}
