//! Checks your solutions of lesson 1: `cargo test -p echo --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_1_1_the_shouting_echo() -> Result<(), Failed> {
    checks::shout::shout(exercise::shout).solved()
}

#[test]
fn exercise_1_2_a_client_with_human_errors() -> Result<(), Failed> {
    checks::ask::ask(exercise::ask).solved()
}

#[test]
fn exercise_1_3_reply_and_close() -> Result<(), Failed> {
    checks::reply_and_close::reply_and_close(exercise::reply_and_close).solved()
}
