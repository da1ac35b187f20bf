//! `cargo course fire [N]`: hostile peers for every program. A table of program × behaviour.

mod behaviour;
mod clients;
mod datagrams;
#[cfg(test)]
mod habits;
mod own;
mod pairs;
mod servers;
mod target;

use std::any::Any;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::Instant;

use anstyle::AnsiColor;
use course::{LESSONS, Lesson, lesson, paint};
use shared::{Failure, say};

use crate::ready::build;
use behaviour::{BEHAVIOURS, Behaviour, FULL, Scale, Verdict};
use pairs::PAIRS;

pub use behaviour::QUICK;
pub use pairs::{Pair, Side};
pub use target::Target;

#[derive(clap::Args)]
pub struct Args {
    /// The lesson's number; all lessons if it is left out
    #[arg(value_parser = lesson)]
    lesson: Option<&'static Lesson>,

    /// With fewer clients and less to send, all programs at the same time, as in cargo test
    #[arg(long, conflicts_with_all = ["server", "client"])]
    quick: bool,

    #[command(flatten)]
    own: own::Own,
}

/// Prints the table, cell by cell.
pub fn run(args: &Args) -> Result<(), Failure> {
    if let (Some(lesson), true) = (args.lesson, args.own.given()) {
        return own::run(lesson, &args.own);
    }
    let pairs = prepare(args.lesson)?;

    say!("Hostile peers, each followed by an ordinary exchange:\n");
    for (_, name, what) in BEHAVIOURS {
        say!("  {name:<8} {what}");
    }
    let names = BEHAVIOURS.iter().map(|(_, name, _)| format!(" {name:>5}"));
    say!("\n{:<19}{}", "", names.collect::<String>());
    let start = Instant::now();
    let tried = if args.quick {
        quick_rows(&pairs)
    } else {
        let rows = pairs
            .iter()
            .flat_map(|pair| [(pair, Side::Server), (pair, Side::Client)]);
        rows.map(|(pair, side)| row(pair, side, FULL, show))
            .collect()
    };
    say!("\n  ok     it ended the matter itself, at its deadline if need be");
    say!("  waits  it has no deadline, by design: it waited until the peer left");
    say!("  -      there is no such thing here");
    let cells: usize = tried.iter().map(|row| row.cells).sum();
    say!("\n{cells} cells in {:.0} s", start.elapsed().as_secs_f64());
    let failures: Vec<&String> = tried.iter().flat_map(|row| &row.failures).collect();
    for failure in &failures {
        say!("\n{failure}");
    }
    match failures.len() {
        0 => Ok(()),
        n => Err(Failure::new(format!("{n} of {cells} cells failed"))),
    }
}

/// The rows of all pairs, which are tried at the same time: most of it is waiting.
fn quick_rows(pairs: &[&'static Pair]) -> Vec<Row> {
    let two_rows = |pair: &'static Pair| {
        [Side::Server, Side::Client].map(|side| {
            let mut line = String::new();
            let row = row(pair, side, QUICK, |cell| line.push_str(cell));
            (line, row)
        })
    };
    thread::scope(|scope| {
        let workers: Vec<_> = pairs
            .iter()
            .map(|&pair| scope.spawn(move || two_rows(pair)))
            .collect();
        let mut rows = Vec::new();
        for worker in workers {
            let two = worker
                .join()
                .unwrap_or_else(|panic| panic::resume_unwind(panic));
            for (line, row) in two {
                show(&line);
                rows.push(row);
            }
        }
        rows
    })
}

/// Builds the programs and returns the pairs of a lesson, or of all.
pub fn prepare(lesson: Option<&'static Lesson>) -> Result<Vec<&'static Pair>, Failure> {
    let lessons: Vec<&Lesson> = match lesson {
        Some(lesson) => vec![lesson],
        None => LESSONS.iter().collect(),
    };
    let mut pairs = Vec::new();
    for lesson in &lessons {
        let before = pairs.len();
        pairs.extend(PAIRS.iter().filter(|pair| pair.lesson == lesson.number));
        if pairs.len() == before {
            return Err(Failure::new(unknown(lesson)));
        }
    }
    course::allow_many_files();
    build()?;
    Ok(pairs)
}

fn unknown(lesson: &Lesson) -> String {
    format!(
        "tests/trials/src/fire/pairs.rs does not say how lesson {} is attacked",
        lesson.number
    )
}

/// What became of a program.
struct Row {
    /// How many cells were tried.
    cells: usize,
    failures: Vec<String>,
}

/// Tries every behaviour on one program, and shows its line of the table piece by piece.
fn row(pair: &'static Pair, side: Side, scale: Scale, mut show: impl FnMut(&str)) -> Row {
    let name = pair.row(side);
    show(&format!("{name:<19}"));
    let (mut cells, mut failures) = (0, Vec::new());
    let mut target = None;
    for &(behaviour, column, _) in BEHAVIOURS {
        let tried = quietly(|| {
            let target = target.get_or_insert_with(|| Target::start(pair));
            cell(behaviour, side, target, scale)
        });
        let (word, colour) = match tried {
            Ok(Verdict::Ok) => ("ok", AnsiColor::Green),
            Ok(Verdict::Waits) => ("waits", AnsiColor::Yellow),
            Ok(Verdict::None) => ("-", AnsiColor::BrightBlack),
            Err(why) => {
                failures.push(format!("{name}, {column}: {why}"));
                target = None; // the next peer finds a new one
                ("FAIL", AnsiColor::Red)
            }
        };
        cells += usize::from(word != "-");
        show(&paint(colour.on_default(), &format!(" {word:>5}")));
    }
    show("\n");
    Row { cells, failures }
}

/// Shows a part of a line at once.
fn show(text: &str) {
    let mut stdout = io::stdout().lock();
    // If nobody reads it, the line's end will tell.
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

/// One behaviour towards one program, then an ordinary exchange.
fn cell(behaviour: Behaviour, side: Side, target: &Target, scale: Scale) -> Verdict {
    let attack = match (side, target.pair.lesson().udp) {
        (Side::Server, false) => servers::attack,
        (Side::Server, true) => datagrams::attack_server,
        (Side::Client, false) => clients::attack,
        (Side::Client, true) => datagrams::attack_client,
    };
    let before = target.usage();
    let verdict = attack(behaviour, target, scale);
    if verdict != Verdict::None {
        target.ordinary();
        target.check(behaviour, before);
    }
    verdict
}

/// Every behaviour towards a server, each followed by an ordinary exchange; what failed.
pub fn round(target: &Target, scale: Scale) -> Result<(), String> {
    for &(behaviour, name, _) in BEHAVIOURS {
        let tried = quietly(|| cell(behaviour, Side::Server, target, scale));
        tried.map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(())
}

/// Runs something that tells by a panic what is wrong, as a test does; the panic's message.
pub fn quietly<T>(try_it: impl FnOnce() -> T) -> Result<T, String> {
    panic::set_hook(Box::new(|_| {})); // the table tells it
    let tried = panic::catch_unwind(AssertUnwindSafe(try_it));
    tried.map_err(|panic| message(&*panic))
}

/// Its first lines: what follows may be all that a program has printed.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let lines: Vec<&str> = text.unwrap_or("it panicked").lines().take(20).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_of_the_register_is_attacked() {
        for lesson in LESSONS {
            let attacked = PAIRS.iter().any(|pair| pair.lesson == lesson.number);
            assert!(attacked, "{}", unknown(lesson));
        }
    }
}
