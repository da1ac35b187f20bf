//! What "right" means for each exercise of lesson 2: functions to which any solution is handed.

pub mod answer_lines;
mod load;
pub mod serve;
pub mod through;

use std::io::{self, ErrorKind};

const READ_THE_CODE: &str = "docs/02-loop-server.md: Read the code";
const BAD_MANNERS: &str = "docs/02-loop-server.md: Bad manners";
const BOTH_WAIT: &str = "docs/troubleshooting.md: Both wait, and nothing happens";

/// Buffers so small that a stuck peer is noticed soon, on every machine.
const SMALL: usize = 16 * 1024;

/// Whether this is what a call fails with when the peer has broken the connection off: the system's
/// error itself, and not one that was made from its kind.
fn is_reset(error: &io::Error) -> bool {
    let kinds = [
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::NotConnected,
    ];
    kinds.contains(&error.kind()) && error.raw_os_error().is_some()
}
