//! Checks your solutions of lesson 7: `cargo test -p legitimacy-check --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

#[test]
fn exercise_7_1_the_clients_answer() -> Result<(), Failed> {
    checks::log_in::log_in(exercise::log_in).solved()
}

#[test]
fn exercise_7_2_the_server() -> Result<(), Failed> {
    checks::server::check_clients(exercise::check_clients).solved()
}

#[test]
fn exercise_7_3_mutual_and_reflection_proof() -> Result<(), Failed> {
    checks::mutual::mutual(checks::mutual::Mutual {
        client: exercise::mutual_client,
        server: exercise::mutual_server,
    })
    .solved()
}
