//! How long a comparison takes, by how many first bytes of a forged answer are right.
//!
//! `cargo run -p legitimacy-check --example timing`

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use hmac::Hmac;
use hmac::digest::CtOutput;
use md5::Md5;
use shared::{Addr, Failure, say};

/// How many bytes of the forgery are right in each row.
const RIGHT: [usize; 5] = [0, 4, 8, 12, 16];
/// Rounds, of which the median counts; calls in each round.
const ROUNDS: usize = 201;
const CALLS: u32 = 1000;
/// Round trips over loopback for each row.
const TRIPS: usize = 2001;

/// Measure an early-exit and a constant-time comparison, in this process and over loopback.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p legitimacy-check --example timing")]
struct Args {
    /// Where the measured server listens, in this process; port 0 lets the system choose
    #[arg(short, long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let secret = *b"sixteen bytes it";
    let forgeries = RIGHT.map(|right| {
        let mut forgery = secret;
        forgery[right..].iter_mut().for_each(|byte| *byte ^= 1);
        forgery
    });

    say!("in this process, for one comparison:");
    say!("right bytes   early exit   constant time");
    let rows = forgeries.map(|forgery| (early(&secret, &forgery), constant(&secret, &forgery)));
    let longest = rows.iter().map(|row| row.0.max(row.1)).fold(0.0, f64::max);
    for (right, (early, constant)) in RIGHT.iter().zip(rows) {
        let bar = |time: f64| "#".repeat((time / longest * 20.0).round() as usize);
        say!(
            "{right:>11} {early:>9.1} ns {constant:>12.1} ns   {:<20} | {}",
            bar(early),
            bar(constant)
        );
    }

    say!("\nover loopback, early exit, for one question and answer:");
    say!("right bytes       median    half of them lie within");
    for (right, (low, median, high)) in RIGHT.iter().zip(trips(&args.addr, secret, &forgeries)?) {
        say!("{right:>11} {median:>9.2} µs    {low:.2} µs to {high:.2} µs");
    }
    Ok(())
}

/// What a hand-written comparison does: it stops at the first difference.
#[inline(never)]
fn is_equal(a: &[u8; 16], b: &[u8; 16]) -> bool {
    for i in 0..a.len() {
        if a[i] != b[i] {
            return false;
        }
    }
    true
}

fn early(secret: &[u8; 16], forgery: &[u8; 16]) -> f64 {
    time(|| is_equal(black_box(secret), black_box(forgery)))
}

/// The comparison inside `verify_slice`.
fn constant(secret: &[u8; 16], forgery: &[u8; 16]) -> f64 {
    let output = |tag: &[u8; 16]| CtOutput::<Hmac<Md5>>::new((*tag).into());
    let (secret, forgery) = (output(secret), output(forgery));
    time(|| black_box(&secret) == black_box(&forgery))
}

/// Nanoseconds for one call.
fn time(call: impl Fn() -> bool) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                black_box(call());
            }
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    quartiles(&mut times).1
}

/// Microseconds for one round trip to a thread that compares what comes and says what it found:
/// the first quarter, the median and the third quarter for each forgery.
fn trips(
    addr: &Addr,
    secret: [u8; 16],
    forgeries: &[[u8; 16]; RIGHT.len()],
) -> Result<Vec<(f64, f64, f64)>, Failure> {
    let bind_failed = |e| Failure::bind(addr, e);
    let listener = TcpListener::bind(addr).map_err(bind_failed)?;
    let local = listener.local_addr().map_err(bind_failed)?;
    thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut forgery = [0; 16];
        loop {
            stream.read_exact(&mut forgery)?;
            stream.write_all(&[u8::from(is_equal(&secret, &forgery))])?;
        }
    });

    let broken = |e| Failure::broken("measure", local, e);
    let mut stream = TcpStream::connect(local).map_err(broken)?;
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .map_err(broken)?;
    let mut times = vec![Vec::new(); forgeries.len()];
    for _ in 0..TRIPS {
        // In turn, so that whatever else the machine does falls on all of them.
        for (forgery, times) in forgeries.iter().zip(&mut times) {
            let start = Instant::now();
            stream.write_all(forgery).map_err(broken)?;
            stream.read_exact(&mut [0]).map_err(broken)?;
            times.push(start.elapsed().as_nanos() as f64 / 1000.0);
        }
    }
    Ok(times.iter_mut().map(|times| quartiles(times)).collect())
}

fn quartiles(times: &mut [f64]) -> (f64, f64, f64) {
    times.sort_by(f64::total_cmp);
    let n = times.len();
    (times[n / 4], times[n / 2], times[n * 3 / 4])
}
