//! Runs your functions of lesson {{number}} as programs: `cargo course play {{number}}.1`

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
        "{{number}}.1" => functions[0],
        "{{number}}.2" => functions[1],
        "{{number}}.3" => functions[2],
        _ => return play.none("all exercises of lesson {{number}} make a program"),
    };
    let listener = play.listen("TO WRITE: what a client does:\n  nc HOST PORT")?;
    play::serve(&listener, |stream| play::returned(function(stream)))
}
