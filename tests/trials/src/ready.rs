//! What must be there before anything is tried: the programs, and room for many open files.

use course::cargo;
use shared::Failure;

/// Has Cargo build the programs and examples of all lessons, and show that it does.
pub fn build() -> Result<(), Failure> {
    let mut build = cargo();
    // All of it, as for `cargo test`: with other features of what they depend on, Cargo would put
    // new programs in the place of those that a test just uses.
    build.args(["build", "--workspace", "--bins", "--examples"]);
    if cfg!(test) {
        build.arg("--quiet"); // a test says nothing while all is well
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
    Err(Failure::new("cargo could not build the lessons"))
}
