//! Stands in for Cargo under wine, where nothing can be built: `cargo build` and `--no-run` succeed,
//! and `cargo test --package NAME` runs the program NAME of the folder ELSEWHERE_EXERCISES, which
//! was built before.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    if !has("test") || has("--no-run") {
        return ExitCode::SUCCESS;
    }
    let behind = arguments.iter().skip_while(|word| *word != "--package");
    let (Some(package), Some(folder)) = (behind.skip(1).next(), env::var_os("ELSEWHERE_EXERCISES"))
    else {
        eprintln!("error: no --package, or no ELSEWHERE_EXERCISES");
        return ExitCode::FAILURE;
    };
    let program = PathBuf::from(folder).join(package).with_extension("exe");
    match Command::new(&program).arg("-q").status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cannot run {}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}
