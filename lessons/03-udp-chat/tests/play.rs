//! Runs your functions of lesson 3 as programs: `cargo course play 3.1`

#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::io::stdout;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use course::play::{self, Play};
use shared::{Failure, escape, say};
use udp_chat::contract::Reply;

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    match play.exercise.as_str() {
        "3.1" => {
            let answer = if play.solution {
                solution::answer
            } else {
                exercise::answer
            };
            let socket = play.bind(
                "Every datagram goes back to its sender:\n  \
                 nc -u HOST PORT             (type lines; Ctrl-C there finishes)",
            )?;
            answer(&socket, usize::MAX);
            Ok(())
        }
        "3.2" => {
            let converse = if play.solution {
                solution::converse
            } else {
                exercise::converse
            };
            let contact = play.server("chat-server")?;
            let words: Vec<&[u8]> = match play.words.as_slice() {
                [] => vec![b"hello"],
                words => words.iter().map(|word| word.as_bytes()).collect(),
            };
            say!("Answer in the other terminal, within 30 seconds each time.");
            for reply in converse(contact, &words, Duration::from_secs(30)) {
                match reply {
                    Reply::Answer(bytes) => say!("an answer: {}", escape(&bytes)),
                    other => say!("no answer: {other:?}"),
                }
            }
            Ok(())
        }
        "3.3" => {
            let watch = if play.solution {
                solution::watch
            } else {
                exercise::watch
            };
            let friend = play.word(0, "127.0.0.1:4003");
            let friend: SocketAddr = friend.parse().map_err(|_| {
                Failure::new(format!("'{}' is no address", escape(friend.as_bytes())))
                    .hint("the friend's, such as: cargo course play 3.3 127.0.0.1:4003")
            })?;
            let socket = play.bind(&format!(
                "What {friend} writes is shown, until it writes q or is silent for two minutes:\n  \
                 nc -u -p {} HOST PORT     (type lines; q and Ctrl-D have it end)",
                friend.port()
            ))?;
            let patience = Duration::from_secs(120);
            play::returned(watch(&socket, friend, &mut stdout(), patience));
            Ok(())
        }
        _ => play.none("all exercises of lesson 3 do"),
    }
}
