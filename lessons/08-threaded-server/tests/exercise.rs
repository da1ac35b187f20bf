//! Checks your solutions of lesson 8: `cargo test -p threaded-server --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_8_1_fifty_clients_at_once() -> Result<(), Failed> {
    checks::serve::serve(exercise::serve).solved()
}

#[test]
fn exercise_8_2_at_most_so_many() -> Result<(), Failed> {
    checks::places::serve_at_most(exercise::serve_at_most).solved()
}

#[test]
fn exercise_8_3_a_chat_room() -> Result<(), Failed> {
    checks::room::chat(exercise::chat).solved()
}
