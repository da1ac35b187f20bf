//! What only the exercises need.

use std::io;

/// Why there is no answer, in exercise 1.2.
#[derive(Debug)]
pub enum AskError {
    /// The machine is there, but no program listens on that port.
    NobodyListening,
    /// The time was over before the whole answer had come.
    TimedOut,
    /// The server broke the connection off (RST).
    Reset,
    /// Something else.
    Other(io::Error),
}
