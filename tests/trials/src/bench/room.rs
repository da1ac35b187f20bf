//! Lesson 9: one thread that waits for all clients, beside lesson 8's threads and the same in other
//! languages; and a room in which everybody hears everybody.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use shared::Failure;

use super::peer::{Contestant, contestants, measure, program};
use super::table::{Comparison, Unit};
use super::threads::{EXCHANGES, memory, time_exchanges};

/// No read takes longer, unless the server has lost the client.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many people are in the room, and how many lines each says. With threads, each line wakes all
/// of them, so that is measured in a smaller room.
const LARGE: (usize, usize) = (500, 2);
const SMALL: (usize, usize) = (100, 10);

pub fn run(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    course::allow_many_files();
    let lines = lines()?;
    for clients in [1000, 5000] {
        measured.push(Comparison {
            what: format!("{clients} clients, {EXCHANGES} lines each"),
            unit: Unit::Seconds,
            results: measure(&lines, rounds, |peer| time_exchanges(peer.addr, clients))?,
            goals: if clients == 1000 {
                &[("C, poll", 0.9)]
            } else {
                &[]
            },
        });
    }
    let (mut large, small) = (rooms()?, rooms()?);
    large.retain(|contestant| contestant.name != "threads");
    measured.push(room(&large, rounds, LARGE, &[("Python", 2.0)])?);
    measured.push(room(&small, rounds, SMALL, &[])?);
    if cfg!(target_os = "linux") {
        let mut memory = memory(&lines, rounds, 2.0)?;
        memory.remove(1); // page tables by themselves: one thread needs no more of them
        measured.extend(memory);
    }
    Ok(())
}

/// Who sends back lines: lesson 8's protocol.
fn lines() -> Result<Vec<Contestant>, Failure> {
    let mut c = vec![("C, poll", "tests/peers/poll_server.c")];
    if cfg!(target_os = "linux") {
        c.push(("C, epoll", "tests/peers/epoll_server.c"));
    }
    let mut all = contestants("examples/lines", &[], &c, "tests/peers/poll_server.py")?;
    let lesson_8 = Contestant::new(
        "lesson 8",
        program("threaded-server"),
        &["--addr", "127.0.0.1:0", "--max-clients", "10000"],
    );
    all.insert(1, lesson_8);
    Ok(all)
}

/// Who passes lines on to everybody else.
fn rooms() -> Result<Vec<Contestant>, Failure> {
    let python = "lessons/09-chat-room/peers/room_server.py";
    let mut all = contestants("room-server", &[], &[], python)?;
    let threads = ["--addr", "127.0.0.1:0", "--threads"];
    all.insert(
        1,
        Contestant::new("threads", program("room-server"), &threads),
    );
    Ok(all)
}

fn room(
    contestants: &[Contestant],
    rounds: u32,
    (people, lines): (usize, usize),
    goals: &'static [(&'static str, f64)],
) -> Result<Comparison, Failure> {
    let s = if lines == 1 { "" } else { "s" };
    Ok(Comparison {
        what: format!("a room of {people}: all come in, and each says {lines} line{s} to all"),
        unit: Unit::Seconds,
        results: measure(contestants, rounds, |peer| {
            time_talk(peer.addr, people, lines)
        })?,
        goals,
    })
}

/// Seconds from the first connect until everybody has heard everything.
fn time_talk(addr: SocketAddr, many: usize, lines_each: usize) -> io::Result<f64> {
    let start = Instant::now();
    let mut people = Vec::with_capacity(many);
    for i in 0..many {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("person-{i:04}\n").as_bytes())?;
        let mut lines = 0;
        read_lines(&mut stream, &mut lines, 1)?; // who is here
        people.push((stream, lines));
    }
    // And who came later.
    for (i, (stream, lines)) in people.iter_mut().enumerate() {
        read_lines(stream, lines, many - i)?;
    }
    for said in 1..=lines_each {
        for (stream, _) in &mut people {
            stream.write_all(b"good evening\n")?;
        }
        for (i, (stream, lines)) in people.iter_mut().enumerate() {
            read_lines(stream, lines, many - i + said * (many - 1))?;
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Reads until so many lines have come, of which some have come already.
fn read_lines(stream: &mut TcpStream, lines: &mut usize, all: usize) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    while *lines < all {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => *lines += buffer[..n].iter().filter(|&&b| b == b'\n').count(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {} // by a signal
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
