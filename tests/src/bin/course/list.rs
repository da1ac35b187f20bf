//! `cargo course`: the lessons, how many exercises are solved, and what to do next.

use anstyle::{AnsiColor, Style};
use course::progress::{Exercise, State, exercises};
use course::{Lesson, Part, paint};
use shared::{Failure, say};

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
            let unsolved = exercises.into_iter().find(|e| !e.state.solved());
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
    let solved = exercises.iter().filter(|e| e.state.solved()).count();
    let notes = exercises.iter().filter_map(|exercise| {
        let note = match exercise.state {
            State::Solved => return None,
            State::SolvedBefore => "changed since the last check",
            State::NotStarted => "not started",
            State::Wrong => "wrong",
            State::WrongBefore => "wrong, changed since the last check",
            State::Unchecked => "not checked yet",
        };
        Some(format!("{} {note}", exercise.number))
    });
    let notes: Vec<String> = notes.collect();
    let mut text = format!("{solved} of {} solved", exercises.len());
    let begun = exercises.iter().any(|e| e.state != State::NotStarted);
    if begun && !notes.is_empty() {
        text += &format!(" ({})", notes.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up_what_is_solved_and_what_was_changed_since() {
        let summary = |states: [State; 3]| {
            let exercises = states.iter().zip(1..).map(|(&state, n)| Exercise {
                number: format!("1.{n}"),
                title: String::new(),
                state,
            });
            summary(&exercises.collect::<Vec<_>>())
        };
        assert_eq!(summary([State::NotStarted; 3]), "0 of 3 solved");
        assert_eq!(summary([State::Solved; 3]), "3 of 3 solved");
        assert_eq!(
            summary([State::SolvedBefore, State::WrongBefore, State::Unchecked]),
            "1 of 3 solved (1.1 changed since the last check, 1.2 wrong, changed since the last \
             check, 1.3 not checked yet)"
        );
        assert_eq!(
            summary([State::Solved, State::Wrong, State::NotStarted]),
            "1 of 3 solved (1.2 wrong, 1.3 not started)"
        );
    }
}
