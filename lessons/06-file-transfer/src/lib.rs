//! Lesson 6: framing, and files from strangers. Read `docs/06-file-transfer.md` beside it.
//!
//! On the wire: a frame (see [`shared::frame`]) with the [`Header`] as JSON, then exactly as
//! many bytes as it announces; then the sender closes. Server and client can both be the sender
//! and the receiver, so [`send`] and [`receive`] are here.

pub mod contract;
mod name;
mod paced;
mod partial;
mod receive;
mod send;

pub use name::check_name;
pub use receive::{ReceiveOptions, receive};
pub use send::{open, send};

use std::env;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};
use shared::frame::ByteOrder;
use shared::{escape, say};

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8806";

/// The longest header, in bytes.
pub const MAX_HEADER: u32 = 64 * 1024;

/// How many bytes of a file are in memory at once. Large steps cost fewer calls of the kernel.
const BLOCK: usize = 1024 * 1024;

/// What the sender says about the file before the file. Keys that are not known are ignored.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The file's name without its folder. It comes from a stranger: see [`check_name`].
    pub filename: String,
    /// The file's size in bytes.
    pub filesize: u64,
}

/// What both sides must agree on, and how patient they are.
#[derive(Clone, Copy, clap::Args)]
pub struct Wire {
    /// Which byte of the header's length goes first; Python's struct.pack("i") means little
    #[arg(long, value_name = "ORDER", global = true, default_value = "big")]
    byte_order: ByteOrder,

    /// Give the other side up after so many seconds without progress
    #[arg(long, value_name = "SECS", global = true, default_value = "30", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

impl Wire {
    fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// How far a transfer is: a bar on a terminal, nothing elsewhere, and a line at the end.
struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    fn new(size: u64) -> Progress {
        // indicatif hides the bar by itself where stderr is not a terminal.
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let target = if dumb {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let template = "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        let style = ProgressStyle::with_template(template).expect("the template is tested");
        let bar = ProgressBar::with_draw_target(Some(size), target).with_style(style);
        let start = Instant::now();
        Progress { bar, start }
    }

    fn add(&self, bytes: usize) {
        self.bar.inc(bytes as u64);
    }

    /// Takes the bar away and says what was done with the file of that name.
    fn finish(self, done: &str, name: &str) {
        self.bar.finish_and_clear();
        let (time, size) = (self.start.elapsed(), self.bar.position());
        // A transfer that the clock could not measure has no speed.
        let speed = (size as f64 / time.as_secs_f64().max(1e-9)) as u64;
        let (name, speed) = (escape(name.as_bytes()), HumanBytes(speed));
        let plural = if size == 1 { "" } else { "s" };
        say!("{done} {name}: {size} byte{plural} in {time:.1?}, {speed}/s");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear(); // also when the transfer fails
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_that_was_written_is_read(filename in any::<String>(), filesize in any::<u64>()) {
            let header = Header { filename, filesize };
            let json = serde_json::to_vec(&header).expect("it is a string and a number");
            prop_assert_eq!(serde_json::from_slice::<Header>(&json).ok(), Some(header));
        }
    }
}
