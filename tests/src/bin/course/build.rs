//! What a command builds before it runs.

use course::cargo;
use shared::Failure;

/// Has Cargo build some of the course's programs, and show that it does.
pub fn build(programs: &[&str]) -> Result<(), Failure> {
    let mut build = cargo();
    build.arg("build");
    // Not by their package: Cargo would choose other features of what they depend on, and compile
    // that once more.
    for program in programs {
        build.args(["--bin", program]);
    }
    if !cfg!(debug_assertions) {
        build.arg("--release"); // as this program was built, so that they lie beside it
    }
    let status = build
        .status()
        .map_err(|e| Failure::new(format!("cannot run cargo: {e}")))?;
    if status.success() {
        return Ok(());
    }
    let programs = programs.join(" and ");
    Err(Failure::new(format!("cargo could not build {programs}")))
}
