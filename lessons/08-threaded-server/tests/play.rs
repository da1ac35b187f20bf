//! Runs your functions of lesson 8 as programs: `cargo course play 8.3`

#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;

use course::play::{self, Play};
use shared::{Failure, say};
use threaded_server::contract::Handler;

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    match play.exercise.as_str() {
        "8.1" => {
            let serve = if play.solution {
                solution::serve
            } else {
                exercise::serve
            };
            let listener = play.listen(
                "Any number of clients at once; each gets back what it sends. A line with 'panic'\n\
                 lets its handler panic:\n  \
                 cargo run -q --bin loop-client -- --addr ADDR\n  \
                 nc HOST PORT",
            )?;
            serve(&listener, usize::MAX, echo());
            Ok(())
        }
        "8.2" => {
            let serve_at_most = match play.solution {
                true => solution::serve_at_most,
                false => exercise::serve_at_most,
            };
            let listener = play.listen(
                "Two clients at once; a third is told that the server is full:\n  \
                 nc HOST PORT                (in three terminals)",
            )?;
            serve_at_most(&listener, usize::MAX, 2, echo());
            Ok(())
        }
        "8.3" => {
            let chat = if play.solution {
                solution::chat
            } else {
                exercise::chat
            };
            let listener = play.listen(
                "A chat room; each line goes to everybody else:\n  \
                 nc HOST PORT                (in two terminals or more)\n\
                 From another machine: start it with --addr 0.0.0.0:PORT, and give nc this\n\
                 machine's address there.",
            )?;
            chat(&listener, usize::MAX);
            Ok(())
        }
        _ => play.none("all exercises of lesson 8 do"),
    }
}

/// What is done with a client: its bytes go back.
fn echo() -> Handler {
    Arc::new(|stream: TcpStream| {
        let mut buffer = [0; 1024];
        loop {
            let n = match (&stream).read(&mut buffer) {
                Ok(n @ 1..) => n,
                _ => return say!("a client is gone"),
            };
            assert!(
                !buffer[..n].starts_with(b"panic"),
                "the client asked for it"
            );
            if (&stream).write_all(&buffer[..n]).is_err() {
                return;
            }
        }
    })
}
