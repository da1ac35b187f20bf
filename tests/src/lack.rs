//! What a machine lacks, and what is not tried there.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::lab::Lab;
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

/// Whether this machine lets this user make a lab (`cargo course lab`). Says aloud what cannot be
/// tried without one.
///
/// # Panics
/// As [`has`], unless the system forbids it even to root, as containers do.
#[track_caller]
pub fn has_lab() -> bool {
    static LACKS: OnceLock<Option<String>> = OnceLock::new();
    match LACKS.get_or_init(|| Lab::new(2).err()) {
        None => true,
        Some(why) => {
            assert!(!must_have_lab(), "a lab cannot be made: {why}");
            say_skipped(&format!("there is no lab here: {why}"));
            false
        }
    }
}

/// Whether a lab must be possible: where everything must be tried, and this program has the power
/// that a lab takes.
pub fn must_have_lab() -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let power = line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    must_try_everything() && power.is_some_and(|power| power & SYS_ADMIN != 0)
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
    say_skipped(why);
}

fn say_skipped(why: &str) {
    // Not by `eprintln!`: of a test that passes, nobody would see it.
    let _ = writeln!(io::stderr(), "skipped: {why}");
}
