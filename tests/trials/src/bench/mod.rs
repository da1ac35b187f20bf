//! `cargo course bench`: the lessons' programs beside peers in C and Python, in one run; and what a
//! learner waits for.

mod cores;
mod echo;
mod exchange;
mod files;
mod frames;
mod handshakes;
mod learner;
mod page;
mod peer;
mod room;
mod rounds;
mod table;
mod threads;
mod web;

use std::env;
use std::process::{self, Command};

use course::{LESSONS, Lesson, cargo, lesson, programs, workspace};
use shared::{Failure, say, warn};

use crate::fire::quietly;
use table::{Comparison, table};

#[derive(clap::Args)]
pub struct Args {
    /// The lesson's number; without it, everything there is to measure
    #[arg(value_parser = lesson)]
    lesson: Option<&'static Lesson>,

    /// How many rounds, of which the median counts
    #[arg(long, value_name = "N", default_value = "7", value_parser = shared::number(1..=1000_u32))]
    rounds: u32,

    /// Write the tables into the pages in docs/ instead of showing them
    #[arg(long, conflicts_with = "lesson")]
    write: bool,
}

/// What is measured together.
struct Topic {
    /// The number of the lesson; 0 for what belongs to none.
    lesson: u16,
    title: &'static str,
    measure: Measure,
}

/// Measures in so many rounds and appends each comparison as soon as it is whole, so that it is
/// kept when a later one fails.
type Measure = fn(u32, &mut Vec<Comparison>) -> Result<(), Failure>;

const TOPICS: &[Topic] = &[
    Topic {
        lesson: 1,
        title: "a one-shot echo",
        measure: echo::run,
    },
    Topic {
        lesson: 2,
        title: "requests over TCP",
        measure: exchange::run_tcp,
    },
    Topic {
        lesson: 3,
        title: "requests over UDP",
        measure: exchange::run_udp,
    },
    Topic {
        lesson: 4,
        title: "requests for the time",
        measure: exchange::run_time,
    },
    Topic {
        lesson: 6,
        title: "a file",
        measure: files::run,
    },
    Topic {
        lesson: 6,
        title: "frames",
        measure: frames::run,
    },
    Topic {
        lesson: 7,
        title: "handshakes",
        measure: handshakes::run,
    },
    Topic {
        lesson: 8,
        title: "a thousand clients",
        measure: threads::run,
    },
    Topic {
        lesson: 9,
        title: "one thread for all",
        measure: room::run,
    },
    Topic {
        lesson: 10,
        title: "small files over HTTP",
        measure: web::run,
    },
    Topic {
        lesson: 0,
        title: "what a learner waits for",
        measure: learner::run,
    },
];

/// The lessons with nothing to measure, and why.
const UNMEASURED: &[(u16, &str)] = &[(5, "its experiments wait on purpose")];

/// Measures in release builds, which it has Cargo make first.
pub fn run(args: &Args) -> Result<(), Failure> {
    let wanted = |topic: &&Topic| args.lesson.is_none_or(|l| l.number == topic.lesson);
    let topics: Vec<&Topic> = TOPICS.iter().filter(wanted).collect();
    if let (Some(lesson), true) = (args.lesson, topics.is_empty()) {
        return Err(unmeasured(lesson));
    }
    if cfg!(debug_assertions) {
        return run_in_release(args);
    }
    let machine = page::machine(args.rounds);
    let mut measured = Vec::new();
    let mut failed = Vec::new();
    for topic in topics {
        warn!("measuring {} ...", topic.title);
        let (comparisons, failure) = topic.measure(args.rounds);
        measured.push((topic.lesson, comparisons));
        if let Some(failure) = failure {
            failure.print();
            failed.push(topic.title);
        }
    }
    if args.write && failed.is_empty() {
        return page::write(&machine, &measured);
    }
    say!("{machine}\n\n{}", table(&measured).trim_end());
    if failed.is_empty() {
        return Ok(());
    }
    let failure = Failure::new(format!("could not measure {}", failed.join(", ")));
    Err(match args.write {
        true => failure.hint("the pages are left as they were; what was measured stands above"),
        false => failure,
    })
}

impl Topic {
    /// What was measured of it, and why not all of it was.
    fn measure(&self, rounds: u32) -> (Vec<Comparison>, Option<Failure>) {
        let mut measured = Vec::new();
        // A server that does not start is told by a panic, as in a test.
        let outcome = quietly(|| (self.measure)(rounds, &mut measured));
        let outcome = outcome.unwrap_or_else(|panic| Err(Failure::new(panic)));
        (measured, outcome.err())
    }
}

fn unmeasured(lesson: &Lesson) -> Failure {
    let number = lesson.number;
    match UNMEASURED
        .iter()
        .find(|(unmeasured, _)| *unmeasured == number)
    {
        Some((_, why)) => Failure::new(format!("lesson {number} has no benchmark: {why}")),
        None => Failure::new(format!(
            "tests/trials/src/bench/mod.rs has neither a topic for lesson {number} nor says why not"
        )),
    }
}

/// Builds this program and the lessons' in release, and hands over to that build.
fn run_in_release(args: &Args) -> Result<(), Failure> {
    let failed = |e| Failure::new(format!("cannot run the release build: {e}"));
    let mut build = cargo();
    build.args([
        "build",
        "--release",
        "--bins",
        "--examples",
        "--package",
        "trials",
    ]);
    for lesson in LESSONS {
        let wanted = |wanted: &Lesson| {
            // Lesson 9's engines are measured beside lesson 8's.
            wanted.number == lesson.number || (wanted.number, lesson.number) == (9, 8)
        };
        if args.lesson.is_none_or(wanted) {
            build.args(["--package", lesson.package]);
        }
    }
    let status = build.current_dir(workspace()).status();
    if !status.map_err(failed)?.success() {
        return Err(Failure::new("cargo could not build in release"));
    }

    let release = programs().with_file_name("release").join("trials");
    let mut bench = Command::new(release.with_extension(env::consts::EXE_EXTENSION));
    bench.arg("bench");
    bench.args(args.lesson.map(|lesson| lesson.number.to_string()));
    bench.args(["--rounds", &args.rounds.to_string()]);
    bench.args(args.write.then_some("--write"));
    if !bench.status().map_err(failed)?.success() {
        process::exit(1); // it has said why
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_measured_when_a_part_fails() {
        fn comparison(what: &str) -> Comparison {
            Comparison {
                what: what.to_owned(),
                unit: table::Unit::Seconds,
                results: vec![("ours", vec![1.0])],
                goals: &[],
            }
        }
        let cases: [(Measure, &str); 2] = [
            (
                |_, measured| {
                    measured.push(comparison("a"));
                    Err(Failure::new("the tests do not compile"))
                },
                "the tests do not compile",
            ),
            (
                |_, measured| {
                    measured.push(comparison("a"));
                    panic!("no server starts")
                },
                "no server starts",
            ),
        ];
        for (measure, why) in cases {
            let (lesson, title) = (1, "a topic");
            let topic = Topic {
                lesson,
                title,
                measure,
            };
            let (measured, failure) = topic.measure(1);
            assert_eq!(failure.map(|f| f.to_string()).as_deref(), Some(why));
            assert_eq!(measured.len(), 1);
            assert_eq!(measured[0].what, "a");
        }
    }

    #[test]
    fn every_lesson_of_the_register_is_measured_or_says_why_not() {
        for lesson in LESSONS {
            let number = lesson.number;
            let measured = TOPICS.iter().filter(|topic| topic.lesson == number).count();
            let excused = UNMEASURED.iter().filter(|(n, _)| *n == number).count();
            assert!(measured > 0 || excused > 0, "{}", unmeasured(lesson));
        }
    }
}
