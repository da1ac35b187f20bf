//! Runs your functions of lesson 10 as programs: `cargo course play 10.1`

#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::process::ExitCode;

use course::play::{self, Play};
use shared::Failure;

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    let functions = match play.solution {
        true => [solution::first, solution::second, solution::third],
        false => [exercise::first, exercise::second, exercise::third],
    };
    let function = match play.exercise.as_str() {
        "10.1" => functions[0],
        "10.2" => functions[1],
        "10.3" => functions[2],
        _ => return play.none("all exercises of lesson 10 make a program"),
    };
    let listener = play.listen("TO WRITE: what a client does:\n  nc HOST PORT")?;
    play::serve(&listener, |stream| play::returned(function(stream)))
}
