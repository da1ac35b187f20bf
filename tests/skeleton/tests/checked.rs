//! The checks of lesson {{number}}, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use checks::{First, Second, Third};
use course::exercise::Proof;

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_{{number}}_1_is_proved() {
    Proof {
        check: checks::first,
        source: SOURCE,
        exercise: "{{number}}.1",
        skeleton: exercise::first as First,
        // TO WRITE: at least three others, in clearly different styles.
        right: &[("the solution", solution::first)],
        // TO WRITE: what learners do wrong: each with words of the cause that its fault names.
        mistakes: &[],
        unseen: &[],
    }
    .holds();
}

#[test]
fn exercise_{{number}}_2_is_proved() {
    Proof {
        check: checks::second,
        source: SOURCE,
        exercise: "{{number}}.2",
        skeleton: exercise::second as Second,
        // TO WRITE: the others that are right, and the mistakes.
        right: &[("the solution", solution::second)],
        mistakes: &[],
        unseen: &[],
    }
    .holds();
}

#[test]
fn exercise_{{number}}_3_is_proved() {
    Proof {
        check: checks::third,
        source: SOURCE,
        exercise: "{{number}}.3",
        skeleton: exercise::third as Third,
        // TO WRITE: the others that are right, and the mistakes.
        right: &[("the solution", solution::third)],
        mistakes: &[],
        unseen: &[],
    }
    .holds();
}
