//! Runs your functions of lesson 4 as programs: `cargo course play 4.1`

#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::process::ExitCode;
use std::time::Duration;

use course::play::{self, Play};
use shared::{Failure, escape, say};

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    match play.exercise.as_str() {
        "4.1" => {
            let serve = if play.solution {
                solution::serve
            } else {
                exercise::serve
            };
            let socket = play.bind(
                "Each datagram is a format and is answered with the time:\n  \
                 cargo run -q --bin time-client -- --prompt --addr ADDR\n  \
                 printf %%H:%%M | nc -u -w 1 HOST PORT",
            )?;
            serve(&socket, usize::MAX, 512);
            Ok(())
        }
        "4.2" => {
            let poll = if play.solution {
                solution::poll
            } else {
                exercise::poll
            };
            let server = play.server("time-server")?;
            let question = play.word(0, "%H:%M:%S");
            say!("Five questions, one a second.");
            let (beat, timeout) = (Duration::from_secs(1), Duration::from_millis(500));
            for answer in poll(server, question, 5, beat, timeout) {
                match answer {
                    Some(answer) => say!("an answer: {}", escape(&answer)),
                    None => say!("no answer"),
                }
            }
            Ok(())
        }
        "4.3" => {
            let offset = if play.solution {
                solution::offset
            } else {
                exercise::offset
            };
            let server = play.server("time-server")?;
            match offset(server, 8, Duration::from_millis(500)) {
                Some(offset) => say!(
                    "the server's clock is {:.6} s ahead of ours, give or take {:.6} s",
                    offset.ahead,
                    offset.error
                ),
                None => say!("no sample: is the server there?"),
            }
            Ok(())
        }
        _ => play.none("all exercises of lesson 4 do"),
    }
}
