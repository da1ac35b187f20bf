//! `cargo course soak [N] [--minutes M]`: keeps the servers under hostile and ordinary load, then
//! compares what they hold with what they held before.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use course::{Lesson, lesson};
use shared::{Failure, say};

use crate::fire::{Pair, QUICK, Side, Target, prepare, quietly, round};
use crate::usage::Usage;

/// By so much the memory of a server may have grown, in KiB. That of a server with many threads
/// grows by 1 to 2 MiB in its first 5,000 clients, and then no more: the allocator keeps a place for
/// each thread that was there at once. In ten minutes more than 10,000 come: 250 bytes that each
/// leaves behind would be too many.
const GROWTH: u64 = 2560;

/// Rounds before the start is measured: the allocator and the stacks of threads take memory once
/// and keep it.
const WARM_UP: u32 = 1;

#[derive(clap::Args)]
pub struct Args {
    /// The lesson's number; all lessons if it is left out
    #[arg(value_parser = lesson)]
    lesson: Option<&'static Lesson>,

    /// How long, in minutes, such as 0.5
    #[arg(short, long, value_name = "M", default_value = "10", value_parser = minutes)]
    minutes: Duration,
}

/// What became of a server.
struct Soaked {
    rounds: u32,
    /// What it used at the start and at the end; `None` where the system does not tell, and where
    /// the server is a new one for each client.
    usage: Option<(Usage, Usage)>,
}

/// Soaks all servers at the same time and prints a table.
pub fn run(args: &Args) -> Result<(), Failure> {
    let pairs = prepare(args.lesson)?;
    let end = Instant::now() + args.minutes;
    let minutes = args.minutes.as_secs_f64() / 60.0;
    say!(
        "{} servers for {minutes} min: rounds of every hostile peer of cargo course fire,",
        pairs.len()
    );
    say!("an ordinary exchange after each");

    let results = thread::scope(|scope| {
        let (sender, done) = mpsc::channel::<()>();
        let workers: Vec<_> = pairs
            .iter()
            .map(|pair| {
                let sender = sender.clone();
                scope.spawn(move || {
                    let _sender = sender; // dropped when this server is done
                    soak(pair, end)
                })
            })
            .collect();
        drop(sender);
        while done.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            let left = end.saturating_duration_since(Instant::now()).as_secs_f64() / 60.0;
            say!("{left:.0} min left");
        }
        let results = workers.into_iter().map(|worker| {
            let result = worker.join();
            result.unwrap_or_else(|_| Err("its thread panicked".to_owned()))
        });
        results.collect::<Vec<_>>()
    });

    say!(
        "\n{:<22} rounds   memory, KiB   descriptors   threads   exit",
        ""
    );
    let mut failed = 0;
    for (pair, result) in pairs.iter().zip(results) {
        let name = pair.row(Side::Server);
        match result.and_then(|soaked| judge(&soaked)) {
            Ok(line) => say!("{name:<22} {line}"),
            Err(why) => {
                failed += 1;
                say!("{name:<22} FAIL: {why}");
            }
        }
    }
    match failed {
        0 => Ok(()),
        n => Err(Failure::new(format!(
            "{n} of {} servers failed",
            pairs.len()
        ))),
    }
}

/// Attacks one server until the time is over, and has it end.
fn soak(pair: &'static Pair, end: Instant) -> Result<Soaked, String> {
    let target = quietly(|| Target::start(pair))?;
    for _ in 0..WARM_UP {
        round(&target, QUICK)?;
    }
    let before = target.usage();
    let mut rounds = 0;
    while rounds == 0 || Instant::now() < end {
        round(&target, QUICK).map_err(|why| format!("in round {}, {why}", rounds + 1))?;
        rounds += 1;
    }
    let usage = before.zip(target.usage());
    quietly(|| target.terminate())?;
    Ok(Soaked { rounds, usage })
}

/// The server's line in the table, unless it holds more than at the start.
fn judge(soaked: &Soaked) -> Result<String, String> {
    let rounds = soaked.rounds;
    let Some((before, after)) = soaked.usage else {
        return Ok(format!(
            "{rounds:>6}   a new server for each client   clean"
        ));
    };
    let line = format!(
        "{rounds:>6}   {:>11}   {:>11}   {:>7}   clean",
        format!("{} → {}", before.memory, after.memory),
        format!("{} → {}", before.files, after.files),
        format!("{} → {}", before.threads, after.threads),
    );
    let grown = after.memory > before.memory + GROWTH;
    if grown || (before.files, before.threads) != (after.files, after.threads) {
        return Err(line);
    }
    Ok(line)
}

fn minutes(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(minutes) if (0.01..=1440.0).contains(&minutes) => {
            Ok(Duration::from_secs_f64(60.0 * minutes))
        }
        _ => Err("expected minutes from 0.01 to 1440, such as 0.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Usage = Usage {
        memory: 1000,
        peak: 4000,
        files: 6,
        threads: 2,
    };

    fn judged(after: Usage) -> bool {
        let usage = Some((IDLE, after));
        judge(&Soaked { rounds: 9, usage }).is_ok()
    }

    #[test]
    fn refuses_a_server_that_holds_more_than_before() {
        assert!(judged(IDLE));
        assert!(!judged(Usage { files: 7, ..IDLE }));
        assert!(!judged(Usage { threads: 3, ..IDLE }));
        let memory = IDLE.memory + GROWTH + 1;
        assert!(!judged(Usage { memory, ..IDLE }));
    }
}
