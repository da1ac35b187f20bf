//! Lesson 1: one client, one message, back again. Read `docs/01-echo.md` beside it.

pub mod contract;

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8801";
