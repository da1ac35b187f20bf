//! Asks a server for the time, again and again, and says how long each answer took.
//!
//! Terminal 1: `cargo run --bin time-server`
//! Terminal 2: `cargo run --bin time-client`

use std::io;
use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use shared::{Addr, Failure, MAX_TEXT, any_port, ask_text, encode, escape, say, warn};
use time_sync::{SECONDS, Sample, Tally, read_answer};

/// Ask a server for the time each second, until Ctrl-C; then say how that went.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  cargo run -q --bin time-client\n  cargo run -q --bin time-client -- %A -c 3 -i 0.5\n  cargo run -q --bin time-client -- --offset -c 10"
)]
struct Args {
    /// How the server shall write the time, as in strftime; "" leaves it to the server
    #[arg(default_value = "%Y/%m/%d %H:%M:%S")]
    format: String,

    /// How many questions to ask
    #[arg(short, long, value_parser = shared::number(1..=u32::MAX))]
    count: Option<u32>,

    /// From one question to the next
    #[arg(short, long, value_name = "SECS", default_value = "1", value_parser = shared::seconds)]
    interval: Duration,

    /// How long to wait for an answer
    #[arg(long, value_name = "SECS", default_value = "1", value_parser = shared::seconds)]
    timeout: Duration,

    /// Ask for a format each time, until q
    #[arg(long, conflicts_with_all = ["format", "count", "interval"])]
    prompt: bool,

    /// Say how far the server's clock is ahead of ours
    #[arg(long, conflicts_with_all = ["format", "prompt"])]
    offset: bool,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = time_sync::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let look_up_failed = |e| Failure::unreachable(&args.addr, "time-server", e);
    let server = args.addr.look_up().map_err(look_up_failed)?;
    let tally = Tally::start(&args.addr)?; // also concluded by Ctrl-C
    if args.prompt {
        while let Some(format) = ask_text("format> ")? {
            if format == "q" {
                break;
            }
            if let Err(failure) = ask_server(server, &format, &args, &tally) {
                failure.print(); // another format may do
            }
        }
    } else {
        poll(server, &args, &tally)?;
    }
    tally.conclude()
}

/// Asks at a steady beat.
fn poll(server: SocketAddr, args: &Args, tally: &Tally) -> Result<(), Failure> {
    let format = if args.offset { SECONDS } else { &args.format };
    let mut due = Instant::now();
    let mut asked = 0;
    while args.count.is_none_or(|count| asked < count) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        ask_server(server, format, args, tally)?;
        asked += 1;
        // Counted from when this question was due, not from now: otherwise every round trip would
        // make the next one later. Beats that have passed altogether are left out.
        due += args.interval;
        while due + args.interval <= Instant::now() {
            due += args.interval;
        }
    }
    Ok(())
}

/// Asks once and shows the answer, or says that there is none.
fn ask_server(server: SocketAddr, format: &str, args: &Args, tally: &Tally) -> Result<(), Failure> {
    let question = encode(format).map_err(|e| Failure::new(e.to_string()))?;
    tally.sent();
    let answer = match exchange(server, question, args.timeout) {
        Ok(Some(answer)) => answer,
        Ok(None) => {
            warn!("no answer within {} s", args.timeout.as_secs_f64());
            return Ok(());
        }
        Err(error) => {
            warn!("no answer: {error}");
            return Ok(());
        }
    };
    tally.received(answer.round_trip);

    let text = read_answer(&answer.bytes)?;
    let mut shown = escape(text.as_bytes());
    if args.offset {
        let sample = Sample::new(text, answer.round_trip, answer.arrival)?;
        tally.sampled(sample);
        shown = sample.to_string();
    }
    let milliseconds = answer.round_trip.as_secs_f64() * 1000.0;
    say!("{shown}  round trip {milliseconds:.3} ms");
    Ok(())
}

struct Answer {
    bytes: Vec<u8>,
    round_trip: Duration,
    arrival: SystemTime,
}

/// Sends a question and waits for its answer; `None` if the time has passed.
fn exchange(server: SocketAddr, question: &[u8], timeout: Duration) -> io::Result<Option<Answer>> {
    // Every question has a socket of its own, and so a port of its own: what comes there answers
    // this question and no other. A late answer finds nobody.
    let socket = UdpSocket::bind(any_port(server))?;
    socket.connect(server)?;
    let server = socket.peer_addr()?; // 0.0.0.0 has become 127.0.0.1 (on Linux)

    let mut buffer = [0; MAX_TEXT + 1];
    let sent = Instant::now();
    socket.send(question)?;
    loop {
        let left = timeout.saturating_sub(sent.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut buffer) {
            // An Instant measures the time that passes. A SystemTime is what our clock shows, and
            // somebody may set it meanwhile.
            Ok((n, sender)) if sender == server => {
                return Ok(Some(Answer {
                    round_trip: sent.elapsed(),
                    arrival: SystemTime::now(),
                    bytes: buffer[..n].to_vec(),
                }));
            }
            Ok(_) => {} // somebody was quicker than our `connect`
            Err(e) if matches!(e.kind(), WouldBlock | TimedOut | Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
}
