//! Checks your solutions of lesson {{number}}: `cargo test -p {{package}} --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_{{number}}_1_the_first() -> Result<(), Failed> {
    checks::first(exercise::first).solved()
}

#[test]
fn exercise_{{number}}_2_the_second() -> Result<(), Failed> {
    checks::second(exercise::second).solved()
}

#[test]
fn exercise_{{number}}_3_the_third() -> Result<(), Failed> {
    checks::third(exercise::third).solved()
}
