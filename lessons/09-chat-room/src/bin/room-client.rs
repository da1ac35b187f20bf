//! Takes part in the chat room: shows what comes, also while you type, until `q` or Ctrl-D.
//!
//! Terminal 1: `cargo run --bin room-server`
//! Terminal 2: `cargo run --bin room-client -- mia`, and in terminal 3 the same with another name

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use chat_room::{Lines, MAX_HEARD, MAX_LINE, Screen};
use clap::Parser;
use shared::{Addr, Failure, escape, preview, write_all_by};

/// Talk in the chat room and see what the others say; q or Ctrl-D ends.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin room-client -- mia\n  printf 'a\\nb\\n' | cargo run -q --bin room-client -- tom"
)]
struct Args {
    /// How you are called there: letters, digits, - and _
    #[arg(value_parser = one_line)]
    name: String,

    /// How long the server has to take each line, and to say goodbye, in seconds
    #[arg(short, long, value_name = "SECS", default_value = "10", value_parser = shared::seconds)]
    timeout: Duration,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = chat_room::ADDR)]
    addr: Addr,
}

fn one_line(name: &str) -> Result<String, String> {
    if name.contains('\n') {
        return Err("a name has no line end".to_owned());
    }
    Ok(name.to_owned())
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let addr = &args.addr;
    let stream = TcpStream::connect(addr).map_err(|e| Failure::connect(addr, "room-server", e))?;
    let stream = Arc::new(stream);
    let send = |mut line: Vec<u8>| {
        line.push(b'\n'); // and one write for both: lesson 5
        write_all_by(&stream, &line, Instant::now() + args.timeout)
            .map_err(|e| Failure::broken("write to", addr, e))
    };
    send(args.name.into_bytes())?;

    // One thread can wait for one thing. This one waits for the keyboard, and the other one for the
    // server.
    let screen = Arc::new(Screen::new());
    let leaving = Arc::new(AtomicBool::new(false));
    let (end, ended) = mpsc::channel();
    thread::spawn({
        let (stream, screen, leaving) = (stream.clone(), screen.clone(), leaving.clone());
        let addr = addr.clone();
        move || {
            let heard = listen(&stream, &screen, &addr, &leaving);
            if leaving.load(Ordering::SeqCst) {
                let _ = end.send(heard);
                return;
            }
            // The other thread waits for a key and cannot be woken. So the program ends here.
            screen.close();
            if let Err(failure) = heard {
                failure.print();
            }
            process::exit(1);
        }
    });

    let talked = talk(&screen, send);
    screen.close();
    // We have finished, and the server will close when it has sent us what is still under way.
    leaving.store(true, Ordering::SeqCst);
    let _ = stream.shutdown(Shutdown::Write); // or it is closed already, which the listener tells
    let late = |_| {
        let error = io::Error::new(ErrorKind::TimedOut, "it does not say goodbye");
        Err(Failure::broken("read from", addr, error))
    };
    let heard = ended.recv_timeout(args.timeout).unwrap_or_else(late);
    heard.and(talked) // why the server has closed says more than a write that failed
}

/// Sends each line from the keyboard.
fn talk(screen: &Screen, send: impl Fn(Vec<u8>) -> Result<(), Failure>) -> Result<(), Failure> {
    while let Some(line) = screen.ask()? {
        if line == b"q" {
            break;
        }
        if line.len() >= MAX_LINE {
            let (start, length, longest) = (preview(&line), line.len(), MAX_LINE - 1);
            let message = format!("the line '{start}' is too long: {length} bytes > {longest}");
            return Err(Failure::new(message));
        }
        send(line)?;
    }
    Ok(())
}

/// Shows each line that comes, until the server closes.
fn listen(
    mut stream: &TcpStream,
    screen: &Screen,
    addr: &Addr,
    leaving: &AtomicBool,
) -> Result<(), Failure> {
    let broken = |e| Failure::broken("read from", addr, e);
    let mut lines = Lines::new(MAX_HEARD);
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) if leaving.load(Ordering::SeqCst) => return Ok(()),
            Ok(0) => {
                let error = io::Error::new(ErrorKind::UnexpectedEof, "it has closed");
                return Err(broken(error));
            }
            Ok(n) => lines.push(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
        while let Some(line) = lines
            .next_line()
            .map_err(|e| broken(io::Error::other(e.to_string())))?
        {
            // Nobody can have the name `error`: so speaks the server.
            if let Some(reason) = line.strip_prefix(b"error: ") {
                return Err(Failure::new(escape(reason)));
            }
            screen.show(&escape(line));
        }
    }
}
