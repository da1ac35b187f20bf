//! What only the exercises need.

use std::io;

/// How a conversation ended, in exercise 2.1.
#[derive(Debug)]
pub enum End {
    /// The client has finished (a read of 0). So many bytes went back to it, all together.
    Finished(u64),
    /// The client is gone: a read or a write failed with this.
    Gone(io::Error),
}

/// Why there are no more lines, in exercise 2.2.
#[derive(Debug)]
pub enum LineError {
    /// A line was longer than the limit.
    TooLong,
    /// The client is gone: a read or a write failed with this.
    Gone(io::Error),
}
