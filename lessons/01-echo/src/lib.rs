//! Lesson 1: one client, one message, back again. Read `docs/01-echo.md` beside it.

use std::io;

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8801";

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
