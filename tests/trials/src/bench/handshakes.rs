//! Lesson 7: how many clients prove themselves in a second, each on a new connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use shared::Failure;

use super::exchange::compare;
use super::peer::contestants;
use super::table::Comparison;
use crate::proof;

/// Handshakes of each server in each round.
const HANDSHAKES: u32 = 3000;

pub fn run(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    let contestants = contestants(
        "auth-server",
        &[],
        &[("C", "tests/peers/auth_server.c")],
        "lessons/07-legitimacy-check/peers/auth_server.py",
    )?;
    let what = "handshakes, each on a new connection";
    measured.push(compare(what, &contestants, rounds, handshakes_per_second)?);
    Ok(())
}

fn handshakes_per_second(addr: SocketAddr) -> io::Result<f64> {
    let mac = proof::mac();
    let start = Instant::now();
    for _ in 0..HANDSHAKES {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let answer = proof::answer(&mac, &stream)?;
        stream.write_all(&answer)?;
        let mut reply = Vec::with_capacity(16);
        stream.take(16).read_to_end(&mut reply)?;
        if reply != b"welcome\n" {
            return Err(io::Error::other("it does not say welcome"));
        }
    }
    Ok(f64::from(HANDSHAKES) / start.elapsed().as_secs_f64())
}
