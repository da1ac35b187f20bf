//! Sets hostile peers on every program, and keeps the servers under load for a moment: the bounded
//! part of `cargo course fire` and `cargo course soak`. Not yet steady enough for every run:
//! `cargo test -p course fire -- --ignored`.

use std::thread;

use assert_cmd::Command;
use course::{LESSONS, PATIENCE};

/// Runs `cargo course` with these arguments; what it printed.
fn course(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_course"));
    let run = command.args(arguments).timeout(10 * PATIENCE).assert(); // it may have to build
    let run = run.success();
    String::from_utf8_lossy(&run.get_output().stdout).into_owned()
}

#[test]
#[ignore = "on a busy machine it failed once in a few runs, for a reason not found yet"]
fn every_program_stands_every_hostile_peer() {
    thread::scope(|scope| {
        for lesson in LESSONS {
            scope.spawn(|| {
                let table = course(&["fire", &lesson.number.to_string(), "--quick"]);
                for side in ["server", "client"] {
                    let row = format!("\n{}-{side} ", lesson.name);
                    assert!(table.contains(&row), "{table}");
                }
            });
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "on a busy machine it failed once in a few runs, for a reason not found yet"]
fn no_server_holds_more_after_a_soak() {
    let table = course(&["soak", "--minutes", "0.01"]);
    let clean = table.lines().filter(|line| line.ends_with(" clean"));
    assert!(clean.count() >= LESSONS.len(), "{table}");
}
