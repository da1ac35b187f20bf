//! What authors try their programs with: `cargo course bench`, `fire` and `soak`. It is a package
//! of its own, so that nobody who plays a lesson or checks an exercise has to build it.

mod bench;
mod fire;
mod proof;
mod soak;
mod usage;

use std::env;
use std::process::{self, ExitCode};

use clap::{Parser, Subcommand};
use course::workspace;
use shared::Failure;

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
    /// Set hostile peers on the programs, and see whether they serve an ordinary one afterwards
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

/// Has Cargo build the programs and examples of all lessons, and show that it does.
fn build() -> Result<(), Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = process::Command::new(cargo);
    // All of it, as for `cargo test`: with other features of what they depend on, Cargo would put
    // new programs in the place of those that a test just uses.
    build.args(["build", "--workspace", "--bins", "--examples"]);
    if !cfg!(debug_assertions) {
        build.arg("--release"); // as this program was built, so that they lie beside it
    }
    let status = build
        .current_dir(workspace())
        .status()
        .map_err(|e| Failure::new(format!("cannot run cargo: {e}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new("cargo could not build the lessons"))
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
