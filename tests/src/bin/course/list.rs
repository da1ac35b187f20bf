//! `cargo course`: the lessons, how many exercises are solved, and what to do next.

use anstyle::{AnsiColor, Style};
use course::LESSONS;
use shared::{Failure, say};

use crate::paint;
use crate::progress::{Exercise, State, exercises};

/// Prints the lessons.
pub fn run() -> Result<(), Failure> {
    let bold = Style::new().bold();
    say!(
        "{}",
        paint(bold, "Two Terminals: socket programming in blocking Rust")
    );
    let mut next = None;
    for lesson in LESSONS {
        let exercises = exercises(lesson);
        let number = paint(AnsiColor::Green.on_default(), &lesson.number.to_string());
        say!("\n  {number}  {}", lesson.title);
        say!("     page       {}", lesson.page());
        say!("     code       lessons/{}/src/bin/", lesson.folder);
        say!("     play it    cargo course demo {}", lesson.number);
        if !exercises.is_empty() {
            say!("     exercises  {}", summary(&exercises));
        }
        let open = exercises
            .into_iter()
            .find(|exercise| exercise.state != State::Solved);
        next = next.or(open.map(|exercise| (lesson, exercise)));
    }
    let Some((lesson, exercise)) = next else {
        say!("\nAll exercises are solved.");
        return Ok(());
    };
    say!(
        "\nNext: {}, then exercise {}, {}, in lessons/{}/src/exercise.rs",
        lesson.page(),
        exercise.number,
        exercise.title,
        lesson.folder
    );
    say!(
        "      check it with: cargo course check {} --watch",
        lesson.number
    );
    Ok(())
}

/// Such as `1 of 3 solved (1.2 wrong, 1.3 not started)`.
fn summary(exercises: &[Exercise]) -> String {
    let solved = exercises
        .iter()
        .filter(|e| e.state == State::Solved)
        .count();
    let open = exercises.iter().filter_map(|exercise| {
        let state = match exercise.state {
            State::Solved => return None,
            State::NotStarted => "not started",
            State::Wrong => "wrong",
            State::Unchecked => "not checked since it was changed",
        };
        Some(format!("{} {state}", exercise.number))
    });
    let open: Vec<String> = open.collect();
    let mut text = format!("{solved} of {} solved", exercises.len());
    if solved > 0 && !open.is_empty() {
        text += &format!(" ({})", open.join(", "));
    }
    text
}
