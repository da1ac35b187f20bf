//! Measures what two small writes in a row cost, when the answer comes only after the second.
//!
//! `cargo run --release -p sticky-packets --example nagle`

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How often each way is tried.
const ROUNDS: usize = 11;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || answer(&listener));

    type Ask = fn(&mut TcpStream) -> io::Result<()>;
    let two_writes: Ask = |stream| {
        stream.write_all(b"leng")?;
        stream.write_all(b"body")
    };
    let one_write: Ask = |stream| stream.write_all(b"lengbody");
    for (name, nodelay, ask) in [
        ("two writes", false, two_writes),
        ("one write", false, one_write),
        ("two writes, TCP_NODELAY", true, two_writes),
    ] {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_nodelay(nodelay)?;
        println!("{name}, then read: {:.1?}", round_trip(&mut stream, ask)?);
    }
    Ok(())
}

/// The median time from the first write to the answer.
fn round_trip(
    stream: &mut TcpStream,
    ask: impl Fn(&mut TcpStream) -> io::Result<()>,
) -> io::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        ask(stream)?;
        stream.read_exact(&mut [0; 8])?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[ROUNDS / 2])
}

/// Sends back every eight bytes, for each client in its turn.
fn answer(listener: &TcpListener) -> io::Result<()> {
    let mut request = [0; 8];
    loop {
        let (mut stream, _) = listener.accept()?;
        while stream.read_exact(&mut request).is_ok() {
            stream.write_all(&request)?;
        }
    }
}
