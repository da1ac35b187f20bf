//! Lesson 6: how many frames a second are read from a connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use course::{has, workspace};
use shared::Failure;

use super::peer::{Contestant, compile, measure, program};
use super::table::{Comparison, Unit};

/// A frame: its length, 28, and so many bytes.
const FRAME: [u8; 32] = *b"\0\0\0\x1ctwenty-eight bytes of a body";

/// How many are sent at once.
const BLOCK: usize = 2048;

pub fn run(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    let mut readers = vec![Contestant::new("ours", program("examples/frames"), &[])];
    if has("cc") {
        for (name, source) in [
            ("C", "tests/peers/frame_reader.c"),
            ("C that looks at nothing", "tests/peers/drain.c"),
        ] {
            readers.push(Contestant::new(name, compile(source)?, &[]));
        }
    }
    if has("python3") {
        let script = workspace().join("tests/peers/frame_reader.py");
        let (python, script) = ("python3".to_owned(), script.display().to_string());
        readers.push(Contestant::new(
            "Python, unbuffered",
            python,
            &[&script, "0"],
        ));
    }
    let results = measure(&readers, rounds, |peer| {
        // A slow reader gets fewer, so that each takes some tenths of a second.
        let blocks = if peer.name.starts_with("Python") {
            100
        } else {
            4000
        };
        frames_per_second(peer.addr, blocks)
    })?;
    measured.push(Comparison {
        what: "frames of 32 bytes, read".to_owned(),
        unit: Unit::PerSecond,
        results,
        goals: &[("Python, unbuffered", 100.0)],
    });
    Ok(())
}

/// Sends so many blocks of frames, and waits until the reader has read them all and closes.
fn frames_per_second(addr: SocketAddr, blocks: u32) -> io::Result<f64> {
    let block = FRAME.repeat(BLOCK);
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let start = Instant::now();
    for _ in 0..blocks {
        stream.write_all(&block)?;
    }
    stream.shutdown(Shutdown::Write)?;
    if stream.read(&mut [0])? != 0 {
        return Err(io::Error::other("a reader of frames sends nothing"));
    }
    Ok(f64::from(blocks) * BLOCK as f64 / start.elapsed().as_secs_f64())
}
