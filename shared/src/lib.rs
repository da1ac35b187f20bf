//! What no lesson teaches, and what an earlier lesson taught and a later one uses again.
//!
//! - [`main`] runs a program and ends it as every program of the course ends.
//! - [`Addr`] is the value of `--addr`.
//! - [`Failure`] is an error a person reads, with its remedy. Lesson 1 shows which errors there are.
//! - [`encode`] and [`decode`] turn texts into datagrams and back. Lesson 3 teaches them.
//! - `frame` (with the feature of that name) puts borders into a stream of bytes. Lesson 6
//!   teaches it.
//! - [`read_by`], [`read_exact_by`] and [`write_all_by`] keep a deadline. Lesson 7 teaches them.
//! - [`Places`] and [`Stop`] know a server's clients, and end it in order. Lesson 8 teaches them.
//! - [`say!`], [`warn!`], [`ask`], [`ask_text`] and [`escape`] speak with the person at the terminal.

mod addr;
mod ask;
mod clients;
mod deadline;
mod escape;
mod failure;
pub mod frame;
mod number;
mod print;
mod seconds;
mod text;

pub use addr::{Addr, any_port};
pub use ask::{MAX_LINE, ask, ask_text};
pub use clients::{Client, Place, Places, Stop};
pub use deadline::{read_by, read_exact_by, write_all_by};
pub use escape::{escape, is_safe_to_print, preview};
pub use failure::Failure;
pub use number::number;
pub use print::{print_line, print_warning};
pub use seconds::seconds;
pub use text::{MAX_TEXT, TextError, decode, encode};

use std::process::ExitCode;

/// Parses the arguments, runs the program, and says how it ended.
///
/// The exit code is 0 for success, 1 for a failure, which is printed to stderr, and 2 for
/// arguments that make no sense.
pub fn main<A: clap::Parser>(run: impl FnOnce(A) -> Result<(), Failure>) -> ExitCode {
    // Help breaks its lines at the terminal's width, or at 80 columns where it is wider.
    let arguments = A::command().max_term_width(80).get_matches();
    let arguments = A::from_arg_matches(&arguments).unwrap_or_else(|error| error.exit());
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::FAILURE
        }
    }
}
