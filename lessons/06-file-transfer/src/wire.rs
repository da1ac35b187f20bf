use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::frame::ByteOrder;

/// The longest header, in bytes.
pub const MAX_HEADER: u32 = 64 * 1024;

/// How many bytes of a file are in memory at once. Large steps cost fewer calls of the kernel.
pub const BLOCK: usize = 1024 * 1024;

/// What the sender says about the file before the file. Keys that are not known are ignored.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The file's name without its folder. It comes from a stranger: see [`check_name`](crate::check_name).
    pub filename: String,
    /// The file's size in bytes.
    pub filesize: u64,
}

/// What both sides must agree on, and how patient they are.
#[derive(Clone, Copy, clap::Args)]
pub struct Wire {
    /// Which byte of the header's length goes first; Python's struct.pack("i") means little
    #[arg(long, value_name = "ORDER", global = true, default_value = "big")]
    pub byte_order: ByteOrder,

    /// Give the other side up after so many seconds without progress
    #[arg(long, value_name = "SECS", global = true, default_value = "30", value_parser = shared::number(1..=86_400_u64))]
    timeout: u64,
}

impl Wire {
    /// How long the other side may be silent.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;

    #[test]
    fn a_header_that_was_written_is_read() {
        arbtest(|u| {
            let filesize = u.arbitrary()?;
            let filename = u.arbitrary::<Vec<char>>()?.into_iter().collect();
            let header = Header { filename, filesize };
            let json = serde_json::to_vec(&header).expect("it is a string and a number");
            assert_eq!(serde_json::from_slice::<Header>(&json).ok(), Some(header));
            Ok(())
        });
    }
}
