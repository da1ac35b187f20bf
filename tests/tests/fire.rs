//! Sets hostile peers on every program, and keeps the servers under load for a moment: the bounded
//! part of `cargo course fire` and `cargo course soak`.

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
fn every_program_stands_every_hostile_peer() {
    let table = course(&["fire", "--quick"]);
    for lesson in LESSONS {
        for side in ["server", "client"] {
            let row = format!("\n{}-{side} ", lesson.name);
            assert!(table.contains(&row), "{table}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_server_holds_more_after_a_soak() {
    let table = course(&["soak", "--minutes", "0.01"]);
    let clean = table.lines().filter(|line| line.ends_with(" clean"));
    assert!(clean.count() >= LESSONS.len(), "{table}");
}
