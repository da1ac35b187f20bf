//! Runs your functions of lesson 2 as programs: `cargo course play 2.1`

#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::io;
use std::process::ExitCode;

use course::play::{self, Play};
use shared::{Failure, say};

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    match play.exercise.as_str() {
        "2.1" => {
            let serve = if play.solution {
                solution::serve
            } else {
                exercise::serve
            };
            let listener = play.listen(
                "Client after client gets back what it sends:\n  \
                 cargo run -q --bin loop-client -- --addr ADDR\n  \
                 nc HOST PORT",
            )?;
            loop {
                for end in serve(&listener, 1) {
                    say!("your function returned {end:?}\n");
                }
            }
        }
        "2.2" => {
            let answer_lines = if play.solution {
                solution::answer_lines
            } else {
                exercise::answer_lines
            };
            let listener = play.listen(
                "Each line of a client is answered with its number; 80 bytes are the longest:\n  \
                 nc HOST PORT                (type lines)",
            )?;
            play::serve(&listener, |stream| play::returned(answer_lines(stream, 80)))
        }
        "2.3" => {
            let through = if play.solution {
                solution::through
            } else {
                exercise::through
            };
            let stream = play.connect("loop-server")?;
            say!("What you type goes to the server and comes back; Ctrl-D ends it.");
            let result = through(stream, &mut io::stdin(), &mut io::stdout());
            let bytes = result.map_err(|e| Failure::new(format!("your function failed: {e}")))?;
            say!("your function returned Ok({bytes})");
            Ok(())
        }
        _ => play.none("all exercises of lesson 2 do"),
    }
}
