//! Checks your solutions of lesson 10: `cargo test -p web-server --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_10_1_a_request_head() -> Result<(), Failed> {
    checks::read_head(exercise::read_head).solved()
}

#[test]
fn exercise_10_2_keep_alive() -> Result<(), Failed> {
    checks::answer_all(exercise::answer_all).solved()
}

#[test]
fn exercise_10_3_a_pool_of_threads() -> Result<(), Failed> {
    checks::pool(exercise::pool).solved()
}
