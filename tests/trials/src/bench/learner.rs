//! What a learner waits for, and what the profile in Cargo.toml does for it.

use std::fs::File;
use std::io;
use std::process::{Command, Output, Stdio};
use std::time::{Instant, SystemTime};

use course::{programs, workspace};
use shared::Failure;
use tempfile::TempDir;

use super::rounds::interleave;
use super::table::{Comparison, LIMIT, Unit};

/// Saved before each verdict; its exercises are the ones that are checked.
const EXERCISE: &str = "lessons/01-echo/src/exercise.rs";

pub fn run(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    run_cargo(Command::new("cargo").args(["fetch", "--locked"]))?; // no download is measured
    let own = "Cargo's own profile";
    let profiles = [
        Profile::new("ours", &[])?,
        Profile::new(
            own,
            &["profile.dev.debug=true", "profile.dev.incremental=true"],
        )?,
    ];
    let compare = |what: &str, rounds: u32, arguments: &[&str]| {
        let results = interleave(rounds, profiles.len(), |i| profiles[i].time(arguments))?;
        Ok::<_, Failure>(Comparison {
            what: what.to_owned(),
            unit: Unit::Seconds,
            results: profiles.iter().map(|p| p.name).zip(results).collect(),
            goals: &[],
        })
    };
    measured.push(compare(
        "the first `cargo build` after the download, once",
        1,
        &["build"],
    )?);
    let what = "then `cargo test --no-run`, once";
    measured.push(compare(what, 1, &["test", "--no-run"])?);

    let verdict = ["test", "-p", "echo", "--test", "exercise"];
    let mut edit = compare(
        "from an edit of exercise 1.1 to the verdict",
        rounds,
        &verdict,
    )?;
    edit.results.push((LIMIT, vec![0.5; rounds as usize]));
    edit.goals = &[(LIMIT, 1.0)];
    measured.push(edit);

    measured.push(Comparison {
        what: "`cargo test` of everything, once it is built, once".to_owned(),
        unit: Unit::Seconds,
        results: vec![
            ("ours", vec![profiles[0].time(&["test", "--no-fail-fast"])?]),
            (LIMIT, vec![60.0]),
        ],
        goals: &[(LIMIT, 1.0)],
    });
    Ok(())
}

/// How Cargo builds, and where: each has a folder of its own, which is empty at first.
struct Profile {
    name: &'static str,
    config: &'static [&'static str],
    target: TempDir,
}

impl Profile {
    fn new(name: &'static str, config: &'static [&'static str]) -> Result<Profile, Failure> {
        let target = TempDir::with_prefix_in("bench-", programs().with_file_name(""));
        let target =
            target.map_err(|e| Failure::new(format!("cannot make a folder to build in: {e}")))?;
        Ok(Profile {
            name,
            config,
            target,
        })
    }

    /// How many seconds Cargo takes after the exercise was saved.
    fn time(&self, arguments: &[&str]) -> Result<f64, Failure> {
        save_exercise().map_err(|e| Failure::new(format!("cannot save {EXERCISE}: {e}")))?;
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).arg("--locked");
        for setting in self.config {
            cargo.args(["--config", setting]);
        }
        cargo.env("CARGO_TARGET_DIR", self.target.path());
        let start = Instant::now();
        run_cargo(&mut cargo)?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// As an editor does that changes nothing: to Cargo, the file is newer than what was built from it.
fn save_exercise() -> io::Result<()> {
    let file = File::options()
        .append(true)
        .open(workspace().join(EXERCISE))?;
    file.set_modified(SystemTime::now())
}

/// A test that fails is a verdict too, such as that of an exercise which is not solved: how long it
/// took does not hang on it. Anything else must succeed.
fn run_cargo(cargo: &mut Command) -> Result<(), Failure> {
    let cargo = cargo.current_dir(workspace()).stdin(Stdio::null());
    let output = cargo.env_remove("COURSE_REWRITE").output();
    match output {
        Ok(output) if output.status.success() || is_verdict(&output) => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Failure::new(format!(
                "{cargo:?} failed:\n{}",
                said.trim_end()
            )))
        }
        Err(error) => Err(Failure::new(format!("cannot run cargo: {error}"))),
    }
}

fn is_verdict(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stdout).contains("test result: FAILED")
}
