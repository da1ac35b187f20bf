//! `cargo course bench`, `fire` and `soak`: the package `trials` does that. Who plays and checks
//! need not build it.

use std::env;
use std::ffi::OsString;
use std::process::{self, Command};

use course::programs;
use shared::Failure;

use crate::build::build;

#[derive(clap::Args)]
#[command(disable_help_flag = true)] // the other program has it
pub struct Args {
    /// What it is told: --help says what there is
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Has the program built and run with this command.
pub fn run(command: &str, args: &Args) -> Result<(), Failure> {
    build(&["trials"])?;
    let program = programs().join("trials");
    let mut trials = Command::new(program.with_extension(env::consts::EXE_EXTENSION));
    let status = trials.arg(command).args(&args.arguments).status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => Ok(()),
        Ok(code) => process::exit(code.unwrap_or(1)), // it has said why
        Err(error) => Err(Failure::new(format!("cannot run trials: {error}"))),
    }
}
