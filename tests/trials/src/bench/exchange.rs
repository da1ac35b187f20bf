//! Lessons 2 to 4: requests and replies, one after the other on one socket.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use shared::Failure;

use super::cores::OneCore;
use super::peer::{Contestant, contestants, measure};
use super::table::{Comparison, Unit};

/// Exchanges with each server in each round.
const EXCHANGES: u32 = 20_000;

/// No reply takes longer, unless it is lost.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run_tcp(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    let contestants = contestants(
        "loop-server",
        &[],
        &[("C", "tests/peers/loop_server.c")],
        "lessons/02-loop-server/peers/loop_server.py",
    )?;
    let what = "TCP, 6 bytes there and back";
    measured.push(compare(what, &contestants, rounds, over_tcp)?);
    Ok(())
}

pub fn run_udp(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    let contestants = contestants(
        "chat-server",
        &[],
        &[("C", "tests/peers/chat_server.c")],
        "lessons/03-udp-chat/peers/chat_server.py",
    )?;
    let contestants = contestants.into_iter().map(|c| c.typing("hello!\n"));
    let contestants: Vec<Contestant> = contestants.collect();
    let what = "UDP, 6 bytes and a typed reply of 6";
    let rate = |addr| over_udp(addr, b"hello!");
    measured.push(compare(what, &contestants, rounds, rate)?);
    Ok(())
}

pub fn run_time(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    let contestants = contestants(
        "time-server",
        &[],
        &[("C", "tests/peers/time_server.c")],
        "lessons/04-time-sync/peers/time_server.py",
    )?;
    let what = "UDP, what time it is";
    let rate = |addr| over_udp(addr, b"%H:%M:%S");
    measured.push(compare(what, &contestants, rounds, rate)?);
    Ok(())
}

/// Measures the servers on one core, client and all.
pub fn compare(
    what: &str,
    contestants: &[Contestant],
    rounds: u32,
    rate: fn(SocketAddr) -> io::Result<f64>,
) -> Result<Comparison, Failure> {
    let _core = OneCore::pin();
    Ok(Comparison {
        what: what.to_owned(),
        unit: Unit::PerSecond,
        results: measure(contestants, rounds, |peer| rate(peer.addr))?,
        goals: &[("C", 0.95)],
    })
}

fn over_tcp(addr: SocketAddr) -> io::Result<f64> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut echo = [0; 6];
    let start = Instant::now();
    for _ in 0..EXCHANGES {
        stream.write_all(b"hello!")?;
        stream.read_exact(&mut echo)?;
    }
    Ok(f64::from(EXCHANGES) / start.elapsed().as_secs_f64())
}

fn over_udp(addr: SocketAddr, request: &[u8]) -> io::Result<f64> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(addr)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut reply = [0; 2048];
    let start = Instant::now();
    for _ in 0..EXCHANGES {
        socket.send(request)?;
        socket.recv(&mut reply)?;
    }
    Ok(f64::from(EXCHANGES) / start.elapsed().as_secs_f64())
}
