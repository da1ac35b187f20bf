use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process;

/// Prints a line to stdout, as `println!` does.
///
/// When nobody reads stdout any more (`… | head -1`), `println!` panics; this ends the program
/// quietly, as the commands of a Unix shell end.
#[macro_export]
macro_rules! say {
    ($($arg:tt)*) => { $crate::print_line(format_args!($($arg)*)) };
}

/// Prints a line to stderr, as `eprintln!` does, but does not panic when nobody reads it.
#[macro_export]
macro_rules! warn {
    ($($arg:tt)*) => { $crate::print_warning(format_args!($($arg)*)) };
}

/// What [`say!`] calls.
pub fn print_line(text: fmt::Arguments<'_>) {
    let mut stdout = io::stdout().lock();
    // stdout is flushed at each line's end, also into a pipe.
    if let Err(error) = writeln!(stdout, "{text}") {
        stdout_failed(&error);
    }
}

/// What [`warn!`] calls.
pub fn print_warning(text: fmt::Arguments<'_>) {
    // Only what the macro prints does the test harness keep back until a test fails. The macro
    // panics when stderr is gone; there is nowhere left to report that.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| eprintln!("{text}")));
}

/// Ends the program: quietly if nobody reads stdout any more.
pub fn stdout_failed(error: &io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        process::exit(0);
    }
    warn!("error: cannot write to standard output: {error}");
    process::exit(1);
}
