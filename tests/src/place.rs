//! Where the workspace and its programs lie, and how long a wait may take in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long any single wait may take. Only a failing test waits that long; a busy machine is
/// slow, so it is generous.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the workspace, in which the pages' commands run.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a folder of the workspace")
}

/// The folder into which Cargo put the programs of the profile this program was built with.
pub fn programs() -> PathBuf {
    let exe = env::current_exe().expect("the system knows where this program lies");
    let folder = exe.parent().expect("a program lies in a folder");
    // Tests lie one deeper, in `deps`.
    if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    }
    .to_owned()
}

/// Cargo, to be run in the workspace's folder: the one that runs this program, if one does.
pub fn cargo() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace());
    command
}
