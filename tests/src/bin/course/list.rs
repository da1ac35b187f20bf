//! `cargo course`: the lessons, how many exercises are solved, and what to do next.

use anstyle::{AnsiColor, Style};
use course::{Lesson, Part, paint};
use shared::{Failure, say};

use crate::progress::{Exercise, State, exercises};

/// Prints the lessons, part by part.
pub fn run() -> Result<(), Failure> {
    say!(
        "{}",
        bold("Two Terminals: socket programming in blocking Rust")
    );
    let mut open = Vec::new();
    for part in Part::ALL {
        let mut lessons = part.lessons().peekable();
        if lessons.peek().is_some() {
            say!("\n{}", bold(part.title()));
        }
        for lesson in lessons {
            let exercises = exercises(lesson);
            show(lesson, &exercises);
            let unsolved = exercises.into_iter().find(|e| e.state != State::Solved);
            open.extend(unsolved.map(|exercise| (lesson, exercise)));
        }
    }
    let Some((lesson, exercise)) = open.first() else {
        say!("\nAll exercises are solved.");
        return Ok(());
    };
    if lesson.part() != Part::One {
        say!("\nThe eight lessons are solved.");
    }
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

fn bold(text: &str) -> String {
    paint(Style::new().bold(), text)
}

fn show(lesson: &Lesson, exercises: &[Exercise]) {
    let number = format!("{:>3}", lesson.number);
    let number = paint(AnsiColor::Green.on_default(), &number);
    say!("\n{number}  {}", lesson.title);
    say!("     page       {}", lesson.page());
    say!("     code       lessons/{}/src/bin/", lesson.folder);
    say!("     play it    cargo course demo {}", lesson.number);
    if !exercises.is_empty() {
        say!("     exercises  {}", summary(exercises));
    }
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
