//! How far the learner is: read from the exercises' sources and from what the last check found,
//! without building anything.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::PathBuf;

use course::{Heading, Lesson, programs};

/// One exercise, as it stands.
pub struct Exercise {
    /// Such as `1.2`.
    pub number: String,
    /// Such as `A client with human errors`.
    pub title: String,
    /// How far it is.
    pub state: State,
}

/// How far an exercise is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The function is still `todo!`.
    NotStarted,
    /// The check passed.
    Solved,
    /// The check failed.
    Wrong,
    /// The file was changed since it was last checked.
    Unchecked,
}

/// The exercises of a lesson; none if it has no exercises.
pub fn exercises(lesson: &Lesson) -> Vec<Exercise> {
    let Ok(source) = fs::read_to_string(source_path(lesson)) else {
        return Vec::new();
    };
    let results = fs::read_to_string(results_path(lesson)).unwrap_or_default();
    let mut results = results.lines();
    let current = results.next() == Some(fingerprint(&source).as_str());
    let results: Vec<&str> = results.collect();

    let exercises = lesson.exercises().into_iter();
    exercises
        .map(|Heading { number, title }| {
            let found =
                |word: &str| current && results.contains(&format!("{number} {word}").as_str());
            let state = if source.contains(&format!("todo!(\"{number} ")) {
                State::NotStarted
            } else if found("solved") {
                State::Solved
            } else if found("wrong") {
                State::Wrong
            } else {
                State::Unchecked
            };
            Exercise {
                number,
                title,
                state,
            }
        })
        .collect()
}

/// Keeps what a check of the source has found, for the next call of [`exercises`].
///
/// # Errors
/// The file cannot be written.
pub fn record(lesson: &Lesson, source: &str, results: &[(String, State)]) -> io::Result<()> {
    let path = results_path(lesson);
    fs::create_dir_all(path.parent().unwrap_or(&path))?;
    let lines = results.iter().map(|(number, state)| match state {
        State::Solved => format!("{number} solved\n"),
        _ => format!("{number} wrong\n"),
    });
    fs::write(
        path,
        format!("{}\n{}", fingerprint(source), lines.collect::<String>()),
    )
}

/// The learner's file of a lesson.
pub fn source_path(lesson: &Lesson) -> PathBuf {
    lesson.path().join("src/exercise.rs")
}

fn results_path(lesson: &Lesson) -> PathBuf {
    programs().join("exercises").join(lesson.package)
}

fn fingerprint(source: &str) -> String {
    let mut hasher = DefaultHasher::new();
    source.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
