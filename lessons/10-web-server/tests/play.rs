//! Runs your functions of lesson 10 as programs: `cargo course play 10.3`

#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::io::{self, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;

use course::play::{self, Play};
use shared::{Failure, escape, say};
use web_server::contract::{Handler, Pages};

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    let cannot_accept = |e| Failure::new(format!("cannot accept a client: {e}"));
    match play.exercise.as_str() {
        "10.1" => {
            let read_head = match play.solution {
                true => solution::read_head,
                false => exercise::read_head,
            };
            let listener = play.listen(
                "Shows the heads that come; a browser's, or what you type:\n  \
                 nc -C HOST PORT",
            )?;
            let (stream, _) = listener.accept().map_err(cannot_accept)?;
            let mut rest = Vec::new();
            loop {
                match read_head(&stream, &mut rest) {
                    Ok(Some(head)) => say!("{}", escape(&head)),
                    Ok(None) => return Ok(()),
                    Err(error) => return Err(Failure::broken("read from", "the client", error)),
                }
            }
        }
        "10.2" => {
            let answer_all = match play.solution {
                true => solution::answer_all,
                false => exercise::answer_all,
            };
            let listener = play.listen(
                "A site of two pages, for one client after the other:\n  \
                 curl -v http://ADDR/ http://ADDR/two",
            )?;
            let pages = Pages::from([("/", "one: größer\n"), ("/two", "two\n")]);
            loop {
                let (stream, _) = listener.accept().map_err(cannot_accept)?;
                answer_all(stream, &pages);
            }
        }
        "10.3" => {
            let pool = match play.solution {
                true => solution::pool,
                false => exercise::pool,
            };
            let listener = play.listen(
                "Two at once, two wait, and further ones get 503; each gets its bytes back:\n  \
                 nc HOST PORT                (in five terminals)",
            )?;
            let echo: Handler = Arc::new(|stream: &TcpStream| {
                let _ = io::copy(&mut &*stream, &mut &*stream);
                let _ = (&*stream).flush();
            });
            let mut pool = pool(2, 2, echo);
            loop {
                pool.take(listener.accept().map_err(cannot_accept)?.0);
            }
        }
        _ => play.none("all exercises of lesson 10 do"),
    }
}
