//! The checks of lesson {{number}}, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use checks::{First, Second, Third};
use course::exercise::prove;

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_{{number}}_1_is_proved() {
    let skeleton = (SOURCE, "{{number}}.1 ", exercise::first as First);
    // TO WRITE: what learners do wrong, at least four ways, each with words of its fault.
    prove(checks::first, skeleton, solution::first, &[]);
}

#[test]
fn exercise_{{number}}_2_is_proved() {
    let skeleton = (SOURCE, "{{number}}.2 ", exercise::second as Second);
    prove(checks::second, skeleton, solution::second, &[]);
}

#[test]
fn exercise_{{number}}_3_is_proved() {
    let skeleton = (SOURCE, "{{number}}.3 ", exercise::third as Third);
    prove(checks::third, skeleton, solution::third, &[]);
}
