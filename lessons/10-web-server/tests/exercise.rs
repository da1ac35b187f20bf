//! Checks your solutions of lesson 10: `cargo test -p web-server --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_10_1_the_first() -> Result<(), Failed> {
    checks::first(exercise::first).solved()
}

#[test]
fn exercise_10_2_the_second() -> Result<(), Failed> {
    checks::second(exercise::second).solved()
}

#[test]
fn exercise_10_3_the_third() -> Result<(), Failed> {
    checks::third(exercise::third).solved()
}
