//! What a machine lacks, and what is not tried there.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use crate::place::workspace;

/// Whether there is a program of that name or, with a separator in it, at that path.
pub fn exists(program: &str) -> bool {
    which::which_in(program, env::var_os("PATH"), workspace()).is_ok()
}

/// Whether this machine has a program, such as `python3`. Says aloud what cannot be tried without
/// it.
///
/// # Panics
/// If it is missing where everything must be tried: on Linux, with `CI` in the environment.
#[track_caller]
pub fn has(program: &str) -> bool {
    let found = exists(program);
    if !found {
        skip(&format!("this machine lacks {program}"));
    }
    found
}

/// Whether this machine has OpenBSD's `nc`, whose `-N` half-closes at the end of input. Says aloud
/// what cannot be tried without it.
///
/// # Panics
/// As [`has`].
#[track_caller]
pub fn has_netcat() -> bool {
    if !has("nc") {
        return false;
    }
    // There are several programs of this name, with other meanings of -N. This one says who it is.
    let help = Command::new("nc").arg("-h").stdin(Stdio::null()).output();
    let found = help.is_ok_and(|help| {
        let says = |text: &[u8]| String::from_utf8_lossy(text).contains("OpenBSD");
        says(&help.stdout) || says(&help.stderr)
    });
    if !found {
        skip("this machine's nc is not OpenBSD's");
    }
    found
}

/// Whether everything must be tried: on Linux, with `CI` in the environment. Other systems lack
/// some programs whatever is installed.
pub fn must_try_everything() -> bool {
    cfg!(target_os = "linux") && env::var_os("CI").is_some()
}

/// Says aloud that something is not tried.
#[track_caller]
fn skip(why: &str) {
    assert!(!must_try_everything(), "a test cannot be run: {why}");
    // Not by `eprintln!`: of a test that passes, nobody would see it.
    let _ = writeln!(io::stderr(), "skipped: {why}");
}
