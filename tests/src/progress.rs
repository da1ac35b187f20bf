//! How far the learner is: what the checks have found, and how many hints were shown. It is kept in
//! the folder `.course` of the workspace, which outlives `cargo clean` and which Git ignores.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::lessons::{Heading, Lesson};
use crate::place::workspace;

/// One exercise, as it is now.
pub struct Exercise {
    /// Such as `1.2`.
    pub number: String,
    /// Such as `A client with human errors`.
    pub title: String,
    /// How far it is.
    pub state: State,
}

/// How far an exercise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The function is still `todo!`.
    NotStarted,
    /// The check passed, and the file is the same.
    Solved,
    /// The check passed, and the file was changed since.
    SolvedBefore,
    /// The check failed, and the file is the same.
    Wrong,
    /// The check failed, and the file was changed since.
    WrongBefore,
    /// It was never checked.
    Unchecked,
}

impl State {
    /// Whether the last check has passed.
    pub fn solved(self) -> bool {
        matches!(self, State::Solved | State::SolvedBefore)
    }
}

/// The folder in which all of this is kept; `$COURSE_STATE` names another one.
pub fn folder() -> PathBuf {
    match env::var_os("COURSE_STATE") {
        Some(folder) => folder.into(),
        None => workspace().join(".course"),
    }
}

/// The exercises of a lesson; none if it has no exercises.
pub fn exercises(lesson: &Lesson) -> Vec<Exercise> {
    let Ok(source) = fs::read_to_string(lesson.exercise_file()) else {
        return Vec::new();
    };
    let exercises = lesson.exercises().into_iter();
    exercises
        .map(|Heading { number, title }| {
            let kept = fs::read_to_string(results(&folder(), &number)).unwrap_or_default();
            let state = state(&source, &number, &kept);
            Exercise {
                number,
                title,
                state,
            }
        })
        .collect()
}

/// What the source and the last check's result, as it was kept, say of an exercise.
fn state(source: &str, number: &str, kept: &str) -> State {
    if source.contains(&format!("todo!(\"{number} ")) {
        return State::NotStarted;
    }
    let Some((verdict, checked)) = kept.trim_end().split_once(' ') else {
        return State::Unchecked;
    };
    match (verdict, checked == fingerprint(source)) {
        ("solved", true) => State::Solved,
        ("solved", false) => State::SolvedBefore,
        ("wrong", true) => State::Wrong,
        ("wrong", false) => State::WrongBefore,
        _ => State::Unchecked,
    }
}

/// Keeps what the check of an exercise has found in the program that runs now.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn record(number: &str, solved: bool) -> io::Result<()> {
    let Some(lesson) = Lesson::of_exercise(number) else {
        return Ok(());
    };
    let path = lesson.exercise_file();
    let source = fs::read_to_string(&path)?;
    // What was saved after this program was built is not what it has checked.
    let saved = fs::metadata(&path)?.modified()?;
    let current = built().is_some_and(|built| saved <= built);
    let source = if current { source.as_str() } else { "" };
    keep(&folder(), number, source, solved)
}

fn built() -> Option<SystemTime> {
    fs::metadata(env::current_exe().ok()?).ok()?.modified().ok()
}

fn keep(folder: &Path, number: &str, source: &str, solved: bool) -> io::Result<()> {
    let path = results(folder, number);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    let verdict = if solved { "solved" } else { "wrong" };
    fs::write(path, format!("{verdict} {}\n", fingerprint(source)))
}

/// Forgets what the last check of an exercise has found.
///
/// # Errors
/// It cannot be removed.
pub fn forget(folder: &Path, number: &str) -> io::Result<()> {
    match fs::remove_file(results(folder, number)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// How many hints of an exercise were shown.
pub fn hints_shown(folder: &Path, number: &str) -> usize {
    let kept = fs::read_to_string(hints(folder, number)).unwrap_or_default();
    kept.trim().parse().unwrap_or(0)
}

/// Keeps how many hints of an exercise were shown.
///
/// # Errors
/// The folder cannot be written.
pub fn keep_hints(folder: &Path, number: &str, shown: usize) -> io::Result<()> {
    let path = hints(folder, number);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    fs::write(path, format!("{shown}\n"))
}

fn results(folder: &Path, number: &str) -> PathBuf {
    folder.join("checked").join(number)
}

fn hints(folder: &Path, number: &str) -> PathBuf {
    folder.join("hints").join(number)
}

/// FNV-1a: the same for every version of Rust, and nobody wants to deceive it.
fn fingerprint(source: &str) -> String {
    let hash = source.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| {
        (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_survives_an_edit_and_says_so() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let kept =
            |number: &str| fs::read_to_string(results(folder.path(), number)).unwrap_or_default();
        let now = |source: &str| state(source, "1.1", &kept("1.1"));
        assert_eq!(now("fn a() { todo!(\"1.1 a\") }"), State::NotStarted);
        assert_eq!(now("one"), State::Unchecked);

        keep(folder.path(), "1.1", "one", true).expect("there is room for a file");
        assert_eq!(now("one"), State::Solved);
        assert_eq!(now("two"), State::SolvedBefore);
        keep(folder.path(), "1.1", "two", false).expect("there is room for a file");
        assert_eq!(now("two"), State::Wrong);
        assert_eq!(now("one"), State::WrongBefore);
        assert_eq!(now("todo!(\"1.1 a\")"), State::NotStarted);

        assert_eq!(state("two", "1.2", &kept("1.2")), State::Unchecked);
        forget(folder.path(), "1.1").expect("it can be removed");
        forget(folder.path(), "1.1").expect("it is gone already");
        assert_eq!(now("two"), State::Unchecked);
    }

    #[test]
    fn what_was_kept_may_be_anything() {
        for kept in ["", "solved", "\0", "x y", "solved ", "wrong\n\n"] {
            assert_ne!(state("one", "1.1", kept), State::Solved, "{kept:?}");
        }
        let folder = tempfile::tempdir().expect("there is room for a folder");
        assert_eq!(hints_shown(folder.path(), "1.1"), 0);
        keep_hints(folder.path(), "1.1", 2).expect("there is room for a file");
        assert_eq!(hints_shown(folder.path(), "1.1"), 2);
        fs::write(hints(folder.path(), "1.1"), "-7 x").expect("there is room for a file");
        assert_eq!(hints_shown(folder.path(), "1.1"), 0);
    }
}
