//! Checks your solutions of lesson 9: `cargo test -p chat-room --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_9_1_a_duplex_client() -> Result<(), Failed> {
    checks::converse(exercise::converse).solved()
}

#[test]
fn exercise_9_2_a_write_queue() -> Result<(), Failed> {
    checks::write_queue(exercise::write_queue).solved()
}

#[test]
fn exercise_9_3_an_echo_server_in_one_thread() -> Result<(), Failed> {
    checks::echo(exercise::echo).solved()
}
