//! Checks your solutions of lesson 4: `cargo test -p time-sync --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_4_1_a_time_server_that_no_format_can_crash_or_swell() -> Result<(), Failed> {
    checks::serve(exercise::serve).solved()
}

#[test]
fn exercise_4_2_steady_polling() -> Result<(), Failed> {
    checks::poll(exercise::poll).solved()
}

#[test]
fn exercise_4_3_cristians_offset_from_the_best_of_several_samples() -> Result<(), Failed> {
    checks::offset(exercise::offset).solved()
}
