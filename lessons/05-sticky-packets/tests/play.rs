//! Runs your functions of lesson 5 as programs: `cargo course play 5.1`

#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::io::Read;
use std::process::ExitCode;

use course::play::{self, Play};
use shared::{Failure, escape, say};
use sticky_packets::contract::Decode;

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    match play.exercise.as_str() {
        "5.1" => {
            let split = if play.solution {
                solution::split
            } else {
                exercise::split
            };
            let listener = play.listen(
                "A message ends at a newline, however the bytes are cut:\n  \
                 nc HOST PORT                (type lines)\n  \
                 printf 'one\\ntwo\\nthr' | nc HOST PORT",
            )?;
            play::serve(&listener, |stream| {
                let rest = split(stream, 16, &mut |message| {
                    say!("a message: {}", escape(message))
                });
                match rest {
                    Ok(rest) => say!("behind the last newline: '{}'\n", escape(&rest)),
                    Err(error) => say!("your function returned Err({error:?})\n"),
                }
            })
        }
        "5.2" => {
            let ask_all = if play.solution {
                solution::ask_all
            } else {
                exercise::ask_all
            };
            let stream = play.connect("loop-server")?;
            let questions: Vec<Vec<u8>> = match play.words.as_slice() {
                [] => (1..=50).map(|n| format!("question {n}").into()).collect(),
                words => words.iter().map(|word| word.clone().into()).collect(),
            };
            let begun = std::time::Instant::now();
            let answers = ask_all(&stream, &questions);
            let answers =
                answers.map_err(|e| Failure::new(format!("your function failed: {e}")))?;
            let took = begun.elapsed().as_millis();
            say!("{} questions took {took} ms", questions.len());
            let last = answers.last().map(|answer| escape(answer).to_string());
            say!("the last answer: {}", last.unwrap_or_default());
            Ok(())
        }
        "5.3" => {
            let listener = play.listen(
                "A message is two bytes with its length, and so many bytes:\n  \
                 printf '\\0\\5hello\\0\\0\\0\\2hi' | nc HOST PORT",
            )?;
            play::serve(&listener, |mut stream| {
                let mut decoder: Box<dyn Decode> = match play.solution {
                    true => Box::new(solution::Decoder::new(1000)),
                    false => Box::new(exercise::Decoder::new(1000)),
                };
                let mut buffer = [0; 16];
                loop {
                    let n = match stream.read(&mut buffer) {
                        Ok(0) => return say!("the end: {:?}\n", decoder.end()),
                        Ok(n) => n,
                        Err(error) => return say!("the connection broke: {error}\n"),
                    };
                    decoder.push(&buffer[..n]);
                    loop {
                        match decoder.next() {
                            Ok(Some(message)) => say!("a message: '{}'", escape(&message)),
                            Ok(None) => break,
                            Err(error) => return say!("your decoder says {error:?}\n"),
                        }
                    }
                }
            })
        }
        _ => play.none("all exercises of lesson 5 do"),
    }
}
