//! Checks your solutions of lesson 2: `cargo test -p loop-server --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_2_1_client_after_client() -> Result<(), Failed> {
    checks::serve::serve(exercise::serve).solved()
}

#[test]
fn exercise_2_2_lines_the_empty_line_included() -> Result<(), Failed> {
    checks::answer_lines::answer_lines(exercise::answer_lines).solved()
}

#[test]
fn exercise_2_3_64_mib_through_an_echo_server() -> Result<(), Failed> {
    checks::through::through(exercise::through).solved()
}
