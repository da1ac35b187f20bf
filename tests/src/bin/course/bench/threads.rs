//! Lesson 8: a thousand clients at once, a thousand connects at the same moment, and the memory of
//! a thousand that only wait.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use shared::{Failure, say};
use socket2::{Domain, Socket, Type};

use super::peer::{Contestant, Peer, contestants};
use super::rounds::{interleave, median, ratio};

const CLIENTS: usize = 1000;
/// Lines that each client sends and reads back.
const EXCHANGES: usize = 10;
/// Where the burst is not what is measured, so many clients are ahead of their greeting.
const AHEAD: usize = 64;
/// No read takes longer, unless the server has lost the client.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints the tables.
pub fn run(rounds: u32) -> Result<(), Failure> {
    crate::allow_many_files()?;
    let mut c = vec![("C", "threaded_server")];
    if cfg!(target_os = "linux") {
        c.push(("C, epoll", "epoll_server"));
    }
    let contestants = contestants(
        "threaded-server",
        &["--max-clients", "10000"],
        &c,
        "lessons/08-threaded-server/peers/threaded_server.py",
    )?;
    say!("Lesson 8, medians of {rounds} rounds; ratios inside a round.");
    exchanges(&contestants, rounds)?;
    burst(&contestants, rounds)?;
    memory(&contestants, rounds)
}

fn exchanges(contestants: &[Contestant], rounds: u32) -> Result<(), Failure> {
    let peers = start(contestants)?;
    let measure = |i: usize| {
        let failed = |e| Failure::broken("exchange lines with", peers[i].addr, e);
        time_exchanges(peers[i].addr).map_err(failed)
    };
    for i in 0..peers.len() {
        measure(i)?; // so that everything is in the caches
    }
    let results = interleave(rounds, peers.len(), measure)?;
    say!("\n{CLIENTS} clients, {EXCHANGES} lines each");
    say!("server    seconds   this one : ours");
    for (contestant, times) in contestants.iter().zip(&results) {
        let (time, ratio) = (median(times.iter().copied()), ratio(times, &results[0]));
        say!("{:<8} {time:>8.3}   {ratio:>15.2}", contestant.name);
    }
    Ok(())
}

fn burst(contestants: &[Contestant], rounds: u32) -> Result<(), Failure> {
    let results = interleave(rounds, contestants.len(), |i| {
        let peer = contestants[i].start()?; // nothing is left of an earlier burst
        let failed = |e| Failure::broken("connect to", peer.addr, e);
        time_burst(peer.addr).map_err(failed)
    })?;
    say!("\n{CLIENTS} connects at the same moment, until the last greeting");
    say!("server    seconds   this one : ours   greeted, at least");
    let times = |results: &[(f64, usize)]| results.iter().map(|r| r.0).collect::<Vec<_>>();
    let ours = times(&results[0]);
    for (contestant, results) in contestants.iter().zip(&results) {
        let times = times(results);
        let (time, ratio) = (median(times.iter().copied()), ratio(&times, &ours));
        let greeted = results.iter().map(|r| r.1).min().unwrap_or(0);
        let name = contestant.name;
        say!("{name:<8} {time:>8.3}   {ratio:>15.2}   {greeted:>17}");
    }
    Ok(())
}

fn memory(contestants: &[Contestant], rounds: u32) -> Result<(), Failure> {
    let results = interleave(rounds, contestants.len(), |i| {
        let peer = contestants[i].start()?;
        memory_of_idle(&peer)
            .map_err(|e| Failure::new(format!("cannot measure {}: {e}", contestants[i].name)))
    })?;
    say!("\nAn idle connection, in KiB (a kernel stack is 16 KiB on x86-64 Linux)");
    say!("server      RSS   page tables   kernel stack   all in");
    for (contestant, results) in contestants.iter().zip(&results) {
        let of = |part: fn(&Memory) -> f64| median(results.iter().map(part));
        say!(
            "{:<8} {:>6.1} {:>13.1} {:>14.1} {:>8.1}",
            contestant.name,
            of(|m| m.resident),
            of(|m| m.page_tables),
            of(|m| m.kernel_stacks),
            of(|m| m.resident + m.page_tables + m.kernel_stacks),
        );
    }
    Ok(())
}

fn start(contestants: &[Contestant]) -> Result<Vec<Peer>, Failure> {
    contestants.iter().map(Contestant::start).collect()
}

/// Seconds from the first connect to the last echo.
fn time_exchanges(addr: SocketAddr) -> io::Result<f64> {
    let start = Instant::now();
    let streams = connect_all(addr)?;
    for _ in 0..EXCHANGES {
        for mut stream in &streams {
            stream.write_all(b"hello, world\n")?;
        }
        for stream in &streams {
            read_line(stream)?;
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Connects all clients, a few ahead of their greeting.
fn connect_all(addr: SocketAddr) -> io::Result<Vec<TcpStream>> {
    let mut streams: Vec<TcpStream> = Vec::with_capacity(CLIENTS);
    while streams.len() < CLIENTS {
        let greeted = streams.len();
        for _ in 0..AHEAD.min(CLIENTS - greeted) {
            let stream = TcpStream::connect(addr)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            streams.push(stream);
        }
        for stream in &streams[greeted..] {
            read_line(stream)?;
        }
    }
    Ok(streams)
}

/// Seconds until the last greeting, and how many were greeted.
fn time_burst(addr: SocketAddr) -> io::Result<(f64, usize)> {
    let start = Instant::now();
    let mut streams = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let _ = socket.connect(&addr.into()); // "in progress"; reading tells how it ended
        socket.set_nonblocking(false)?;
        streams.push(TcpStream::from(socket));
    }
    let deadline = start + PATIENCE;
    let mut greeted = 0;
    for stream in &streams {
        let left = deadline.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        greeted += usize::from(read_line(stream).is_ok());
    }
    Ok((start.elapsed().as_secs_f64(), greeted))
}

/// Reads to the end of one line, of which nothing else follows yet.
fn read_line(mut stream: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 64];
    let mut filled = 0;
    while !buffer[..filled].ends_with(b"\n") {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {} // by a signal
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What Linux says of a process's memory, in KiB (`man 5 proc_pid_status`).
struct Memory {
    resident: f64,
    page_tables: f64,
    kernel_stacks: f64,
}

/// What each of the clients that only wait adds to it.
fn memory_of_idle(peer: &Peer) -> io::Result<Memory> {
    let before = memory_of(peer)?;
    let streams = connect_all(peer.addr)?;
    let after = memory_of(peer)?;
    let each = |part: fn(&Memory) -> f64| (part(&after) - part(&before)) / streams.len() as f64;
    Ok(Memory {
        resident: each(|m| m.resident),
        page_tables: each(|m| m.page_tables),
        kernel_stacks: each(|m| m.kernel_stacks),
    })
}

fn memory_of(peer: &Peer) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{}/status", peer.pid()))?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        value.ok_or_else(|| io::Error::other(format!("no {name} in its status")))
    };
    Ok(Memory {
        resident: field("VmRSS:")?,
        page_tables: field("VmPTE:")?,
        kernel_stacks: 16.0 * field("Threads:")?,
    })
}
