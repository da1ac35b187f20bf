//! Runs your functions of lesson 9 as programs: `cargo course play 9.3`

#[path = "../src/exercise.rs"]
#[allow(dead_code)] // 9.2 is not played
mod exercise;
#[path = "../solution.rs"]
#[allow(dead_code)] // only what is played
mod solution;

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;

use course::play::{self, Play};
use shared::{Failure, say};

fn main() -> ExitCode {
    play::main(run)
}

fn run(play: &Play) -> Result<(), Failure> {
    match play.exercise.as_str() {
        "9.1" => {
            let converse = if play.solution {
                solution::converse
            } else {
                exercise::converse
            };
            let server = play.connect("room-server")?;
            say!("What you type goes to the room: first your name. Ctrl-D leaves it.");
            let terminal = terminal().map_err(|e| Failure::new(format!("no terminal: {e}")))?;
            converse(terminal, server);
            Ok(())
        }
        "9.3" => {
            let echo = if play.solution {
                solution::echo
            } else {
                exercise::echo
            };
            let listener = play.listen(
                "Any number of clients in one thread; each gets back what it sends:\n  \
                 cargo run -q --bin loop-client -- --addr ADDR\n  \
                 nc HOST PORT",
            )?;
            echo(&listener, usize::MAX);
            Ok(())
        }
        _ => play.none("9.2 is a queue without a socket of its own; play 9.1 or 9.3"),
    }
}

/// Keyboard and screen as a connection: what is typed can be read from it, and what is written to it
/// is shown.
fn terminal() -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let theirs = TcpStream::connect(listener.local_addr()?)?;
    let (ours, _) = listener.accept()?;
    let keyboard = ours.try_clone()?;
    // What copies ends with its connection; so does, with the program, what waits for the keyboard.
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut &keyboard);
        let _ = keyboard.shutdown(Shutdown::Write);
    });
    thread::spawn(move || io::copy(&mut &ours, &mut io::stdout()));
    Ok(theirs)
}
