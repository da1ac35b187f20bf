//! Lesson 7: how many clients prove themselves in a second, each on a new connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use shared::{Failure, say};

use super::peer::contestants;
use super::rounds::{interleave, median, ratio};
use crate::proof;

/// Handshakes of each server in each round.
const HANDSHAKES: u32 = 3000;

/// Prints the table.
pub fn run(rounds: u32) -> Result<(), Failure> {
    pin_to_one_core();
    let contestants = contestants(
        "auth-server",
        &[],
        &[("C", "auth_server")],
        "lessons/07-legitimacy-check/peers/auth_server.py",
    )?;
    let peers = contestants.iter().map(|c| c.start());
    let peers = peers.collect::<Result<Vec<_>, Failure>>()?;
    let measure = |i: usize, n: u32| {
        let failed = |e| Failure::broken("shake hands with", peers[i].addr, e);
        handshakes_per_second(peers[i].addr, n).map_err(failed)
    };
    for i in 0..peers.len() {
        measure(i, HANDSHAKES / 10)?; // so that everything is in the caches
    }
    let results = interleave(rounds, peers.len(), |i| measure(i, HANDSHAKES))?;

    say!("Handshakes of lesson 7, each on a new connection; client and server on one core.");
    say!("Medians of {rounds} rounds of {HANDSHAKES}; ratios inside a round.\n");
    say!("server   handshakes/s   ours : this one");
    for (contestant, rates) in contestants.iter().zip(&results) {
        say!(
            "{:<8} {:>12.0}   {:>15.2}",
            contestant.name,
            median(rates.iter().copied()),
            ratio(&results[0], rates)
        );
    }
    Ok(())
}

fn handshakes_per_second(addr: SocketAddr, n: u32) -> io::Result<f64> {
    let mac = proof::mac();
    let start = Instant::now();
    for _ in 0..n {
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
    Ok(f64::from(n) / start.elapsed().as_secs_f64())
}

/// On several cores, most of a short exchange is the scheduler's work. Children inherit this.
fn pin_to_one_core() {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
        let mut one = CpuSet::new();
        one.set(sched_getcpu());
        if let Err(error) = sched_setaffinity(None, &one) {
            shared::warn!("cannot stay on one core: {error}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    shared::warn!("only on Linux does this benchmark know how to stay on one core");
}
