//! Runs your functions of lesson 7 as programs: `cargo course play 7.1`

#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::process::ExitCode;
use std::time::Duration;

use course::play::{self, Play};
use legitimacy_check::Key;
use shared::{Failure, say};

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    match play.exercise.as_str() {
        "7.1" => {
            let log_in = if play.solution {
                solution::log_in
            } else {
                exercise::log_in
            };
            let key = play.word(0, legitimacy_check::DEFAULT_KEY);
            let stream = play.connect("auth-server")?;
            match log_in(stream, key.as_bytes()) {
                Ok(true) => say!("welcome"),
                Ok(false) => say!("the server closed without a word: it has another key"),
                Err(error) => return Err(Failure::new(format!("your function failed: {error}"))),
            }
            Ok(())
        }
        "7.2" => {
            let check_clients = match play.solution {
                true => solution::check_clients,
                false => exercise::check_clients,
            };
            let key = Key::load(None)?;
            let listener = play.listen(
                "Every client has five seconds to prove that it knows the key:\n  \
                 cargo run -q --bin auth-client -- --addr ADDR\n  \
                 COURSE_KEY=wrong cargo run -q --bin auth-client -- --addr ADDR",
            )?;
            loop {
                for result in check_clients(&listener, 1, &key, Duration::from_secs(5)) {
                    play::returned(result);
                }
            }
        }
        "7.3" if play.word(0, "") == "client" => {
            let mutual_client = match play.solution {
                true => solution::mutual_client,
                false => exercise::mutual_client,
            };
            let key = Key::load(None)?;
            let stream = play.connect("cargo course play 7.3")?;
            play::returned(mutual_client(stream, &key, Duration::from_secs(5)));
            Ok(())
        }
        "7.3" => {
            let mutual_server = match play.solution {
                true => solution::mutual_server,
                false => exercise::mutual_server,
            };
            let key = Key::load(None)?;
            let listener = play.listen(
                "Both sides prove that they know the key:\n  \
                 cargo course play 7.3 client --addr ADDR\n  \
                 COURSE_KEY=wrong cargo course play 7.3 client --addr ADDR",
            )?;
            play::serve(&listener, |stream| {
                play::returned(mutual_server(stream, &key, Duration::from_secs(5)));
            })
        }
        _ => play.none("all exercises of lesson 7 do"),
    }
}
