//! What "right" means for each exercise of lesson 1: functions to which any solution is handed.

pub mod ask;
pub mod reply_and_close;
pub mod shout;

use std::time::Duration;

const READ_THE_CODE: &str = "docs/01-echo.md: Read the code";
const THE_IDEA: &str = "docs/01-echo.md: The idea";
const LEAVES: &str = "docs/01-echo.md: The client leaves in the middle";
const DEADLINES: &str = "docs/errors.md: Timeouts against deadlines";

/// Time that is always enough.
const AMPLE: Duration = Duration::from_secs(3600);

/// Buffers so small that a stuck peer is noticed soon, on every machine.
const SMALL: usize = 16 * 1024;
