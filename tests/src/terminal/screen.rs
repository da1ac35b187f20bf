//! What a pseudo-terminal and pipes have in common: what goes in, and what is shown.

use std::ffi::OsString;
use std::num::NonZeroU16;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// Lines of the screen: more than any transcript has, so that nothing scrolls away.
pub const ROWS: NonZeroU16 = NonZeroU16::new(400).expect("it is not 0");
/// Columns of the screen. What wraps is joined again.
pub const COLUMNS: NonZeroU16 = NonZeroU16::new(80).expect("it is not 0");

/// A key pressed together with Ctrl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Ctrl-C: the terminal interrupts the program.
    C,
    /// Ctrl-D: the end of input.
    D,
}

/// A program to start.
pub struct Call<'a> {
    /// The program and its arguments.
    pub argv: &'a [OsString],
    /// Variables of its environment beside our own.
    pub environment: &'a [(String, String)],
}

/// What a program shows, and whether more can come.
pub struct Screen {
    pub parser: vt100::Parser,
    /// When each row was left for the next one, in their order.
    pub left: Vec<Instant>,
    pub exited: bool,
    /// Nobody holds the terminal any more, or none of ours: everything written to it was read.
    pub closed: bool,
}

impl Screen {
    /// An empty one.
    pub fn new() -> Screen {
        Screen {
            parser: vt100::Parser::new(ROWS, COLUMNS, 0),
            left: Vec::new(),
            exited: false,
            closed: false,
        }
    }

    /// Shows what the program wrote.
    pub fn process(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        let row = self.parser.screen().cursor_position().0;
        // A cursor that goes up again changes nothing of what was.
        let rows = self.left.len().max(usize::from(row));
        self.left.resize(rows, Instant::now());
    }
}

/// The screen, for as long as it is looked at or written to.
pub fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen
        .lock()
        .expect("no thread panics while it holds the screen")
}
