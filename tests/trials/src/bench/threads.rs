//! Lesson 8: a thousand clients at once, a thousand connects at the same moment, and the memory of
//! a thousand that only wait.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use course::status;
use shared::Failure;
use socket2::{Domain, Socket, Type};

use super::peer::{Contestant, Peer, contestants, measure};
use super::rounds::interleave;
use super::table::{Comparison, LIMIT, Unit};

const CLIENTS: usize = 1000;
/// Lines that each client sends and reads back.
pub const EXCHANGES: usize = 10;
/// Where the burst is not what is measured, so many clients are ahead of their greeting.
const AHEAD: usize = 64;
/// No read takes longer, unless the server has lost the client.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    course::allow_many_files();
    let mut c = vec![("C", "tests/peers/threaded_server.c")];
    if cfg!(target_os = "linux") {
        c.push(("C, epoll", "tests/peers/epoll_server.c"));
    }
    let contestants = contestants(
        "threaded-server",
        &["--max-clients", "10000"],
        &c,
        "lessons/08-threaded-server/peers/threaded_server.py",
    )?;
    measured.push(Comparison {
        what: format!("{CLIENTS} clients, {EXCHANGES} lines each"),
        unit: Unit::Seconds,
        results: measure(&contestants, rounds, |peer| {
            time_exchanges(peer.addr, CLIENTS)
        })?,
        goals: &[("Python", 2.2)],
    });
    measured.push(burst(&contestants, rounds)?);
    if cfg!(target_os = "linux") {
        measured.extend(memory(&contestants, rounds, 30.0)?);
    }
    Ok(())
}

fn burst(contestants: &[Contestant], rounds: u32) -> Result<Comparison, Failure> {
    let results = interleave(rounds, contestants.len(), |i| {
        let peer = contestants[i].start()?; // nothing is left of an earlier burst
        time_burst(peer.addr).map_err(|e| Failure::broken("connect to", peer.addr, e))
    })?;
    Ok(Comparison {
        what: format!("{CLIENTS} connects at the same moment, until the last greeting"),
        unit: Unit::Seconds,
        results: named(contestants, results),
        goals: &[],
    })
}

/// What an idle connection costs, in all and in parts; `goal` is in KiB.
pub fn memory(
    contestants: &[Contestant],
    rounds: u32,
    goal: f64,
) -> Result<Vec<Comparison>, Failure> {
    let results = interleave(rounds, contestants.len(), |i| {
        let peer = contestants[i].start()?;
        memory_of_idle(&peer)
            .map_err(|e| Failure::new(format!("cannot measure {}: {e}", contestants[i].name)))
    })?;
    let comparison = |what: &str, part: fn(&Memory) -> f64| {
        let parts = results
            .iter()
            .map(|rounds| rounds.iter().map(part).collect());
        Comparison {
            what: format!("an idle connection: {what}"),
            unit: Unit::KiB,
            results: named(contestants, parts.collect()),
            goals: &[],
        }
    };
    let mut whole = comparison("both, and 16 KiB of kernel stack", |m| {
        m.resident + m.page_tables + m.kernel_stacks
    });
    whole.results.push((LIMIT, vec![goal; results[0].len()]));
    whole.goals = &[(LIMIT, 1.0)];
    Ok(vec![
        comparison("memory (RSS)", |m| m.resident),
        comparison("page tables", |m| m.page_tables),
        whole,
    ])
}

fn named(contestants: &[Contestant], results: Vec<Vec<f64>>) -> Vec<(&'static str, Vec<f64>)> {
    contestants.iter().map(|c| c.name).zip(results).collect()
}

/// Seconds from the first connect to the last echo.
pub fn time_exchanges(addr: SocketAddr, clients: usize) -> io::Result<f64> {
    let start = Instant::now();
    let streams = connect_all(addr, clients)?;
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
pub fn connect_all(addr: SocketAddr, clients: usize) -> io::Result<Vec<TcpStream>> {
    let mut streams: Vec<TcpStream> = Vec::with_capacity(clients);
    while streams.len() < clients {
        let greeted = streams.len();
        for _ in 0..AHEAD.min(clients - greeted) {
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

/// Seconds until the last greeting.
fn time_burst(addr: SocketAddr) -> io::Result<f64> {
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
    if greeted < CLIENTS {
        let message = format!("only {greeted} of {CLIENTS} clients were greeted");
        return Err(io::Error::new(io::ErrorKind::TimedOut, message));
    }
    Ok(start.elapsed().as_secs_f64())
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

/// What Linux says of a process's memory, in KiB (`man 5 proc`, /proc/pid/status).
struct Memory {
    resident: f64,
    page_tables: f64,
    kernel_stacks: f64,
}

/// What each of the clients that only wait adds to it.
fn memory_of_idle(peer: &Peer) -> io::Result<Memory> {
    let before = memory_of(peer)?;
    let streams = connect_all(peer.addr, CLIENTS)?;
    let after = memory_of(peer)?;
    let each = |part: fn(&Memory) -> f64| (part(&after) - part(&before)) / streams.len() as f64;
    Ok(Memory {
        resident: each(|m| m.resident),
        page_tables: each(|m| m.page_tables),
        kernel_stacks: each(|m| m.kernel_stacks),
    })
}

fn memory_of(peer: &Peer) -> io::Result<Memory> {
    let field = |name: &str| {
        let value = status(peer.pid(), name).map(|value| value as f64);
        value.ok_or_else(|| io::Error::other(format!("no {name} in its status")))
    };
    Ok(Memory {
        resident: field("VmRSS")?,
        page_tables: field("VmPTE")?,
        kernel_stacks: 16.0 * field("Threads")?,
    })
}
