//! What only the exercises need: their error types.

use std::io;

/// Why there is no file of that name, in exercise 6.2.
#[derive(Debug)]
pub enum NameError {
    /// The name is not one that we take from strangers.
    Refused,
    /// The name is good, but something has it already.
    Taken,
    /// The file could not be created for another reason.
    Io(io::Error),
}

/// Why a file was not received, in exercise 6.3.
#[derive(Debug)]
pub enum TransferError {
    /// The stream ended too early.
    Short {
        /// How many bytes of the file came.
        got: u64,
    },
    /// More came than the file's size.
    TooMuch,
    /// The connection or the file system failed.
    Io(io::Error),
}
