//! Somebody who never reads what is said in the room, and somebody who talks until that is noticed.
//!
//! Terminal 1: `cargo run --bin room-server`, then with `-- --threads`
//! Terminal 2: `cargo run -p chat-room --example deaf`

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use chat_room::{MAX_LINE, MAX_UNREAD};
use clap::Parser;
use shared::{Addr, Failure, escape, say};

/// Enter the room as `deaf`, who never reads, and as `talker`, who talks until deaf has left.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p chat-room --example deaf")]
struct Args {
    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = chat_room::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let addr = &args.addr;
    let deaf = enter("deaf", addr)?;
    let talker = enter("talker", addr)?;
    let talked = talk(&talker).map_err(|e| Failure::broken("talk in", addr, e));
    drop(deaf); // it was there until now
    talked
}

/// Enters the room and reads one line, which tells who is here.
fn enter(name: &str, addr: &Addr) -> Result<TcpStream, Failure> {
    let mut stream =
        TcpStream::connect(addr).map_err(|e| Failure::connect(addr, "room-server", e))?;
    let welcome = writeln!(stream, "{name}").and_then(|()| next_line(&stream));
    let welcome = welcome.map_err(|e| Failure::broken("enter the room at", addr, e))?;
    say!("{name} hears: {welcome}");
    Ok(stream)
}

/// Talks in one thread, and listens in another one.
fn talk(talker: &TcpStream) -> io::Result<()> {
    let (said, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let heard = thread::scope(|scope| {
        scope.spawn(|| {
            let line = [vec![b'x'; MAX_LINE - 1], b"\n".to_vec()].concat();
            let mut stream = talker;
            while !over.load(Ordering::SeqCst) && stream.write_all(&line).is_ok() {
                said.fetch_add(line.len(), Ordering::SeqCst);
            }
        });
        let heard = next_line(talker);
        over.store(true, Ordering::SeqCst);
        heard
    })?;
    let enough = said.load(Ordering::SeqCst) > MAX_UNREAD;
    say!("talker hears: {heard}");
    say!("and has said more than 1 MiB by then: {enough}");
    Ok(())
}

/// Nothing follows the line yet, so nothing is lost with the reader.
fn next_line(stream: &TcpStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(escape(line.trim_end().as_bytes()))
}
