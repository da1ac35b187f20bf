//! Counts how often five writes become how many reads, when nobody is made to wait.
//!
//! `cargo run -p sticky-packets --example coin -- 100` (pause between two writes: 0 ms)
//! `cargo run -p sticky-packets --example coin -- 100 20` (20 ms)

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use std::{env, thread};

fn main() -> io::Result<()> {
    let numbers: Vec<u64> = env::args().skip(1).flat_map(|n| n.parse()).collect();
    let runs = numbers.first().copied().unwrap_or(100);
    let gap = Duration::from_millis(numbers.get(1).copied().unwrap_or(0));

    let mut counts = [0; 6];
    for _ in 0..runs {
        counts[count_reads(gap)?] += 1;
    }
    for (reads, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let plural = if reads == 1 { "" } else { "s" };
        println!("{count:4} of {runs} times: {reads} read{plural}");
    }
    Ok(())
}

/// Five writes of nine bytes in one thread; how many reads are they in the other?
fn count_reads(gap: Duration) -> io::Result<usize> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut writer = TcpStream::connect(listener.local_addr()?)?;
    let (mut reader, _) = listener.accept()?;
    thread::spawn(move || {
        for _ in 0..5 {
            writer.write_all(b"a message")?;
            thread::sleep(gap);
        }
        io::Result::Ok(())
    });
    let mut reads = 0;
    while reader.read(&mut [0; 1024])? > 0 {
        reads += 1;
    }
    Ok(reads)
}
