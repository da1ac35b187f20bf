//! `cargo course bench`, `fire`, `soak` and `tap`: the packages `trials` and `tap` do that. Who plays
//! and checks need not build them.

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

/// Has `trials` built and run with this command.
pub fn run(command: &str, args: &Args) -> Result<(), Failure> {
    run_program("trials", &[command.into()], args)
}

/// Has the program of that name built and run.
pub fn run_as(program: &str, args: &Args) -> Result<(), Failure> {
    run_program(program, &[], args)
}

fn run_program(name: &str, first: &[OsString], args: &Args) -> Result<(), Failure> {
    build(&[name])?;
    let program = programs().join(name);
    let mut command = Command::new(program.with_extension(env::consts::EXE_EXTENSION));
    let status = end_with(command.args(first).args(&args.arguments));
    match status.map(|status| status.code()) {
        Ok(Some(0)) => Ok(()),
        Ok(code) => process::exit(code.unwrap_or(1)), // it has said why
        Err(error) => Err(Failure::new(format!("cannot run {name}: {error}"))),
    }
}

/// Runs a program in our place: whoever ends us ends it.
#[cfg(unix)]
fn end_with(command: &mut Command) -> std::io::Result<process::ExitStatus> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()) // it only comes back when it has failed
}

/// Runs a program to its end.
#[cfg(not(unix))]
fn end_with(command: &mut Command) -> std::io::Result<process::ExitStatus> {
    command.status()
}
