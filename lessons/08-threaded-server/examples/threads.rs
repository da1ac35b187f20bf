//! What a thread costs: the time to start and end one, and the memory of many that only wait.
//!
//! `cargo run -p threaded-server --example threads -- --stack 2048`

use std::fs;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use clap::Parser;
use shared::{Failure, say};

/// Start threads and measure time and memory.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p threaded-server --example threads -- --stack 2048"
)]
struct Args {
    /// How many threads
    #[arg(long, value_name = "N", default_value = "1000", value_parser = shared::number(1..=100_000_u32))]
    threads: u32,

    /// The size of each stack, in KiB
    #[arg(long, value_name = "KIB", default_value = "256", value_parser = shared::number(16..=1_048_576_u32))]
    stack: u32,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let Args { threads, stack } = args;
    let builder = || thread::Builder::new().stack_size(stack as usize * 1024);
    let refused = |e| Failure::new(format!("the system refuses a thread: {e}"));

    let start = Instant::now();
    for _ in 0..threads {
        let thread = builder().spawn(|| ()).map_err(refused)?;
        thread.join().expect("it does nothing that could panic");
    }
    let each = start.elapsed().as_secs_f64() / f64::from(threads);
    say!("start and end a thread: {:.1} µs", each * 1e6);

    let before = Memory::now();
    let (ready, all_ready) = mpsc::sync_channel(0);
    let (hold, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    thread::scope(|scope| {
        let hold = hold; // dropped at the end of this block, which lets the threads go
        for _ in 0..threads {
            let (ready, held) = (ready.clone(), &held);
            let wait = move || {
                let _ = ready.send(());
                // Whoever has the lock waits for the end of the channel, the others for the lock.
                let _ = held.lock().map(|held| held.recv());
            };
            builder().spawn_scoped(scope, wait).map_err(refused)?;
            let _ = all_ready.recv();
        }
        let after = Memory::now();
        drop(hold);
        match (before, after) {
            (Some(before), Some(after)) => after.since(&before).show(threads, stack),
            _ => say!("this system has no /proc/self/status, which tells the memory on Linux"),
        }
        Ok(())
    })
}

/// What Linux says of this process's memory, in KiB (`man 5 proc`, /proc/pid/status).
struct Memory {
    virtual_size: f64,
    resident: f64,
    page_tables: f64,
}

impl Memory {
    fn now() -> Option<Memory> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let field = |name: &str| -> Option<f64> {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Some(Memory {
            virtual_size: field("VmSize:")?,
            resident: field("VmRSS:")?,
            page_tables: field("VmPTE:")?,
        })
    }

    fn since(&self, before: &Memory) -> Memory {
        Memory {
            virtual_size: self.virtual_size - before.virtual_size,
            resident: self.resident - before.resident,
            page_tables: self.page_tables - before.page_tables,
        }
    }

    fn show(&self, threads: u32, stack: u32) {
        let each = |total: f64| total / f64::from(threads);
        say!("each of {threads} waiting threads, with stacks of {stack} KiB:");
        say!("  address space  {:>8.1} KiB", each(self.virtual_size));
        say!("  memory         {:>8.1} KiB", each(self.resident));
        say!("  page tables    {:>8.1} KiB", each(self.page_tables));
    }
}
