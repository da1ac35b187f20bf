//! What a process uses, as Linux tells it in /proc.

use std::fs;

use course::status;

/// What a process uses.
#[derive(Clone, Copy)]
pub struct Usage {
    /// Memory of its own that is not a file's: heap and stacks (`RssAnon`), in KiB.
    pub memory: u64,
    /// The most memory it has had at any time, with what it has in common with files (`VmHWM`),
    /// in KiB.
    pub peak: u64,
    /// Open descriptors.
    pub files: usize,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    /// Of the process with that number; `None` where the system does not tell.
    pub fn of(pid: u32) -> Option<Usage> {
        Some(Usage {
            memory: status(pid, "RssAnon")?,
            peak: status(pid, "VmHWM")?,
            files: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count(),
            threads: status(pid, "Threads")?,
        })
    }
}
