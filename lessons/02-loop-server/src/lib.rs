//! Lesson 2: client after client, message after message. Read `docs/02-loop-server.md` beside it.

pub mod contract;

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8802";
