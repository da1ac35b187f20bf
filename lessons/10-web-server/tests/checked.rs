//! The checks of lesson 10, checked: the skeletons are not started, the solution passes, and each
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
fn exercise_10_1_is_proved() {
    Proof {
        check: checks::first,
        source: SOURCE,
        exercise: "10.1",
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
fn exercise_10_2_is_proved() {
    Proof {
        check: checks::second,
        source: SOURCE,
        exercise: "10.2",
        skeleton: exercise::second as Second,
        right: &[("the solution", solution::second)],
        mistakes: &[],
        unseen: &[],
    }
    .holds();
}

#[test]
fn exercise_10_3_is_proved() {
    Proof {
        check: checks::third,
        source: SOURCE,
        exercise: "10.3",
        skeleton: exercise::third as Third,
        right: &[("the solution", solution::third)],
        mistakes: &[],
        unseen: &[],
    }
    .holds();
}
