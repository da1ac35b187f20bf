//! Runs your functions of lesson 1 as programs: `cargo course play 1.1`

#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use course::play::{self, Play};
use shared::{Failure, escape, say};

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    match play.exercise.as_str() {
        "1.1" => {
            let shout = if play.solution {
                solution::shout
            } else {
                exercise::shout
            };
            let listener = play.listen(
                "Whatever a client sends comes back in upper case:\n  \
                 nc HOST PORT                (type lines; Ctrl-C there finishes)\n  \
                 cargo run -q --bin echo-client -- hello --addr ADDR\n\
                 The second one complains, and rightly: it is used to an echo that does not shout.",
            )?;
            play::again(|| shout(&listener))
        }
        "1.2" => {
            let ask = if play.solution {
                solution::ask
            } else {
                exercise::ask
            };
            let server = play.server("echo-server")?;
            let message = play.word(0, "hello, world").as_bytes();
            match ask(server, message, Duration::from_secs(10)) {
                Ok(answer) => {
                    say!("the answer has {} bytes: {}", answer.len(), escape(&answer));
                    Ok(())
                }
                Err(error) => Err(Failure::new(format!("your function returned {error:?}"))
                    .hint("start the server first: cargo run -q --bin echo-server")),
            }
        }
        "1.3" => {
            let reply_and_close = if play.solution {
                solution::reply_and_close
            } else {
                exercise::reply_and_close
            };
            let listener = play.listen(
                "Every client gets one reply, however much it sends:\n  \
                 nc HOST PORT                (type a line)\n  \
                 head -c 500000 /dev/zero | nc HOST PORT",
            )?;
            let reply = b"that is all I have to say\n";
            play::serve(&listener, |stream| {
                let result: io::Result<()> = reply_and_close(stream, reply, Duration::from_secs(5));
                play::returned(result);
            })
        }
        _ => play.none("all exercises of lesson 1 do"),
    }
}
