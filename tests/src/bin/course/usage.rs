//! What a process uses, as Linux tells it in /proc.

use std::fs;

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
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Some(Usage {
            memory: field("RssAnon:")?,
            peak: field("VmHWM:")?,
            files: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count(),
            threads: field("Threads:")?,
        })
    }
}
