//! Lesson {{number}}: {{title}}. Read `docs/{{folder}}.md` beside it.

pub mod contract;

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:{{port}}";
