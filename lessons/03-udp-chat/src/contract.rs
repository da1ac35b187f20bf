//! What only the exercises need.

use std::io;

/// What became of a text, in exercise 3.2.
#[derive(Debug)]
pub enum Reply {
    /// The bytes of the answer.
    Answer(Vec<u8>),
    /// The time has passed, and no answer came.
    Silence,
    /// The system has reported that nobody is at that address.
    NobodyThere,
    /// Something else.
    Failed(io::Error),
}
