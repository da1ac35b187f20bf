//! The pages that show what was measured: what stands between two marks is written anew.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use course::workspace;
use shared::{Failure, say};

use super::table::{Comparison, table};

/// Opens a place for the tables of one lesson (`<!-- measured: lesson 6 -->`) or for everything.
const OPEN: &str = "<!-- measured: ";
const CLOSE: &str = "<!-- measured: end -->";

/// Where everything stands, and on which machine it was measured.
const EVERYTHING: &str = "everything -->";

/// On what it was measured, with which versions, when, and how.
pub fn machine(rounds: u32) -> String {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().next().map(str::to_owned)
    };
    let of_file = |path: &str, key: &str| {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_start_matches([':', '\t', ' ']).to_owned())
    };
    let cores = available_parallelism().map_or(String::new(), |n| format!("{n} cores"));
    let memory = of_file("/proc/meminfo", "MemTotal:").and_then(|memory| {
        let kib: f64 = memory.split(' ').next()?.parse().ok()?;
        Some(format!("{:.0} GiB of memory", kib / f64::from(1 << 20)))
    });
    let machine = [
        Some(cores),
        of_file("/proc/cpuinfo", "model name"),
        memory,
        said("uname", "-sr").map(|kernel| kernel.split('-').next().unwrap_or_default().to_owned()),
        said("rustc", "--version"),
        said("python3", "--version"),
        said("cc", "--version"),
    ];
    let machine: Vec<String> = machine.into_iter().flatten().collect();
    let date = said("date", "+%F").map_or(String::new(), |date| format!(" on {date}"));
    let load = of_file("/proc/loadavg", "");
    let load = load.and_then(|load| Some(load.split(' ').next()?.to_owned()));
    let load = load.map_or(String::new(), |load| format!("; load before it {load}"));
    format!(
        "Measured{date} with `cargo course bench`, medians of {rounds} rounds{load}. The machine: {}.",
        machine.join("; ")
    )
}

/// Writes the tables into every page of `docs/` that has a place for them.
pub fn write(machine: &str, measured: &[(u16, Vec<Comparison>)]) -> Result<(), Failure> {
    let docs = workspace().join("docs");
    let failed = |e| Failure::new(format!("cannot read docs/: {e}"));
    for entry in fs::read_dir(docs).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            fill(&path, machine, measured)?;
        }
    }
    Ok(())
}

fn fill(path: &Path, machine: &str, measured: &[(u16, Vec<Comparison>)]) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().display();
    let failed = |e| Failure::new(format!("cannot change docs/{name}: {e}"));
    let page = fs::read_to_string(path).map_err(failed)?;
    let filled = filled(&page, machine, measured);
    let filled = filled.map_err(|why| Failure::new(format!("docs/{name} {why}")))?;
    if let Some(filled) = filled {
        fs::write(path, filled).map_err(failed)?;
        say!("docs/{name} has the new figures");
    }
    Ok(())
}

/// The page with the tables that it has a place for; `None` if it has none.
///
/// # Errors
/// What is wrong with its marks.
fn filled(
    page: &str,
    machine: &str,
    measured: &[(u16, Vec<Comparison>)],
) -> Result<Option<String>, String> {
    let Some((before, rest)) = page.split_once(OPEN) else {
        return Ok(None);
    };
    let (subject, rest) = rest.split_once('\n').unwrap_or((rest, ""));
    let Some((_, after)) = rest.split_once(CLOSE) else {
        return Err(format!("lacks the line '{CLOSE}'"));
    };
    let lesson = subject.strip_prefix("lesson ");
    let tables = match lesson.and_then(|lesson| lesson.strip_suffix(" -->")) {
        Some(number) => table(
            measured
                .iter()
                .filter(|(lesson, _)| lesson.to_string() == number),
        ),
        None if subject == EVERYTHING => format!("{machine}\n\n{}", table(measured)),
        None => {
            return Err(format!(
                "has the line '{OPEN}{subject}'; expected '{OPEN}lesson N -->' or '{OPEN}{EVERYTHING}'"
            ));
        }
    };
    Ok(Some(format!(
        "{before}{OPEN}{subject}\n\n{tables}\n{CLOSE}{after}"
    )))
}

#[cfg(test)]
mod tests {
    use super::super::table::Unit;
    use super::*;

    fn measured() -> Vec<(u16, Vec<Comparison>)> {
        let comparison = |what: &str| Comparison {
            what: what.to_owned(),
            unit: Unit::Seconds,
            results: vec![("ours", vec![1.0])],
            goals: &[],
        };
        vec![
            (6, vec![comparison("a file")]),
            (7, vec![comparison("handshakes")]),
        ]
    }

    #[test]
    fn writes_between_the_marks_what_belongs_there() {
        let page = "before\n<!-- measured: lesson 7 -->\nold\n<!-- measured: end -->\nafter\n";
        let new = filled(page, "a machine", &measured()).expect("its marks are right");
        let new = new.expect("it has a place");
        assert!(
            new.starts_with("before\n<!-- measured: lesson 7 -->\n\n| "),
            "{new}"
        );
        assert!(
            new.ends_with(" |\n\n<!-- measured: end -->\nafter\n"),
            "{new}"
        );
        assert!(new.contains("| handshakes |"), "{new}");
        assert!(
            ["old", "a file", "a machine"]
                .iter()
                .all(|gone| !new.contains(gone)),
            "{new}"
        );

        let page = "<!-- measured: everything -->\n<!-- measured: end -->\n";
        let new = filled(page, "a machine", &measured()).expect("its marks are right");
        let new = new.expect("it has a place");
        assert!(
            ["a file", "handshakes", "a machine"]
                .iter()
                .all(|all| new.contains(all)),
            "{new}"
        );
    }

    #[test]
    fn leaves_other_pages_alone_and_says_which_mark_is_wrong() {
        assert_eq!(filled("no marks\n", "", &[]), Ok(None));
        let lacks = filled("<!-- measured: lesson 7 -->\n", "", &[]);
        assert!(lacks.is_err_and(|why| why.starts_with("lacks the line")));
        let page = "<!-- measured: lesson seven\n<!-- measured: end -->\n";
        let wrong = filled(page, "", &[]).expect_err("the mark is not closed");
        assert!(
            wrong.starts_with("has the line '<!-- measured: lesson seven'"),
            "{wrong}"
        );
    }
}
