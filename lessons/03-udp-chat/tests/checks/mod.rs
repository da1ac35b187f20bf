//! What "right" means for each exercise of lesson 3: functions to which any solution is handed.

pub mod answer;
pub mod converse;
pub mod watch;

use std::time::Duration;

const READ_THE_CODE: &str = "docs/03-udp-chat.md: Read the code";
const PREDICT: &str = "docs/03-udp-chat.md: Predict";
const STRANGER: &str = "docs/03-udp-chat.md: A stranger writes";
const SHORT_BUFFER: &str = "docs/03-udp-chat.md: A short buffer";
const DEADLINES: &str = "docs/errors.md: Timeouts against deadlines";
const SPINNING: &str = "docs/troubleshooting.md: It is slow, or the fan starts";

const SPINS: &str = "the socket is asked again and again (set_nonblocking, or a very short \
    timeout) instead of waited for";

/// Time that is always enough.
const AMPLE: Duration = Duration::from_secs(3600);
