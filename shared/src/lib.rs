//! What no lesson teaches, and what an earlier lesson taught and a later one uses again.
//!
//! - [`main`] runs a program and ends it as every program of the course ends.
//! - [`Addr`] is the value of `--addr`.
//! - [`Failure`] is an error a person reads, with its remedy. Lesson 1 teaches it.
//! - `frame` (with the feature of that name) puts borders into a stream of bytes. Lesson 6
//!   teaches it.
//! - [`say!`], [`warn!`], [`ask`] and [`escape`] speak with the person at the terminal.

mod addr;
mod failure;
#[cfg(feature = "frame")]
pub mod frame;
mod terminal;

pub use addr::Addr;
pub use failure::Failure;
pub use terminal::{MAX_LINE, ask, escape, preview, print_line, print_warning};

use std::process::ExitCode;

/// Parses the arguments, runs the program, and says how it ended.
///
/// The exit code is 0 for success, 1 for a failure, which is printed to stderr, and 2 for
/// arguments that make no sense.
pub fn main<A: clap::Parser>(run: impl FnOnce(A) -> Result<(), Failure>) -> ExitCode {
    match run(A::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            warn!("{failure}");
            ExitCode::FAILURE
        }
    }
}
