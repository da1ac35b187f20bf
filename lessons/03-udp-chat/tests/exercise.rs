//! Checks your solutions of lesson 3: `cargo test -p udp-chat --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_3_1_answer_whoever_wrote() -> Result<(), Failed> {
    checks::answer::answer(exercise::answer).solved()
}

#[test]
fn exercise_3_2_a_client_that_never_hangs() -> Result<(), Failed> {
    checks::converse::converse(exercise::converse).solved()
}

#[test]
fn exercise_3_3_strangers_and_control_characters_kept_out() -> Result<(), Failed> {
    checks::watch::watch(exercise::watch).solved()
}
