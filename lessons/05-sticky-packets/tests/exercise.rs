//! Checks your solutions of lesson 5: `cargo test -p sticky-packets --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_5_1_split_at_newlines() -> Result<(), Failed> {
    checks::split(exercise::split).solved()
}

#[test]
fn exercise_5_2_kill_the_40_ms() -> Result<(), Failed> {
    checks::ask_all(exercise::ask_all).solved()
}

#[test]
fn exercise_5_3_a_decoder_as_a_state_machine() -> Result<(), Failed> {
    checks::decoder(|limit| Box::new(exercise::Decoder::new(limit))).solved()
}
