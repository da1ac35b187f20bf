//! One way to solve the exercises of lesson 4. Try your own first.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use jiff::Zoned;
use jiff::fmt::strtime;
use shared::{MAX_TEXT, any_port};
use time_sync::SECONDS;
use time_sync::contract::Offset;

/// 4.1 A time server that no format can crash or swell.
pub fn serve(socket: &UdpSocket, requests: usize, longest: usize) {
    let mut buffer = vec![0; MAX_TEXT];
    let mut answered = 0;
    while answered < requests {
        let Ok((n, sender)) = socket.recv_from(&mut buffer) else {
            thread::sleep(Duration::from_millis(10)); // it may last: do not spin
            continue;
        };
        let request = &buffer[..n];
        if request.starts_with(b"error: ") {
            continue; // two servers would never come to an end
        }
        let answer = format_time(request, longest).unwrap_or_else(|reason| {
            // A reason of our own, in ASCII: it can be cut anywhere.
            let mut answer = format!("error: {reason}");
            answer.truncate(longest);
            answer
        });
        let _ = socket.send_to(answer.as_bytes(), sender);
        answered += 1;
    }
}

fn format_time(request: &[u8], longest: usize) -> Result<String, &'static str> {
    if request.len() > 256 {
        return Err("the format is longer than 256 bytes");
    }
    let format = match str::from_utf8(request) {
        Ok("") => "%Y-%m-%d %X",
        Ok(format) => format,
        Err(_) => return Err("the format is not UTF-8"),
    };
    if format.contains(char::is_control) {
        return Err("there is a control character in the format");
    }
    let answer = strtime::format(format, &Zoned::now()).map_err(|_| "the format is malformed")?;
    if answer.len() > longest {
        return Err("the answer would be too long");
    }
    if answer == format {
        return Err("the format asks for nothing");
    }
    Ok(answer)
}

/// 4.2 Steady polling.
pub fn poll(
    server: SocketAddr,
    question: &str,
    questions: usize,
    beat: Duration,
    timeout: Duration,
) -> Vec<Option<Vec<u8>>> {
    let mut due = Instant::now();
    let mut answers = Vec::new();
    for _ in 0..questions {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Its time is counted from when it was due, too. Otherwise each question that is lost would
        // take a moment of the next one's time, and all those moments would add up.
        let exchange = exchange(server, question.as_bytes(), due + timeout);
        answers.push(exchange.ok().map(|exchange| exchange.answer));
        due += beat; // counted from when this one was due, not from now
    }
    answers
}

/// An answer, and when it came.
struct Exchange {
    answer: Vec<u8>,
    round_trip: Duration,
    arrival: SystemTime,
}

/// Asks once; no answer before the deadline is an error too.
fn exchange(server: SocketAddr, question: &[u8], deadline: Instant) -> io::Result<Exchange> {
    // A port for this question alone: what comes there cannot answer another one.
    let socket = UdpSocket::bind(any_port(server))?;
    socket.connect(server)?;
    let mut answer = vec![0; MAX_TEXT];
    let sent = Instant::now();
    socket.send(question)?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut answer) {
            Ok((n, sender)) if sender == server => {
                let (round_trip, arrival) = (sent.elapsed(), SystemTime::now());
                answer.truncate(n);
                return Ok(Exchange {
                    answer,
                    round_trip,
                    arrival,
                });
            }
            Ok(_) => {} // somebody was quicker than our `connect`
            // The time has passed, or a signal woke us: the clock decides.
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
    }
}

/// 4.3 Cristian's offset from the best of several samples.
pub fn offset(server: SocketAddr, questions: usize, timeout: Duration) -> Option<Offset> {
    (0..questions)
        .filter_map(|_| {
            let deadline = Instant::now() + timeout;
            let exchange = exchange(server, SECONDS.as_bytes(), deadline).ok()?;
            sample(&exchange)
        })
        .min_by(|a, b| a.error.total_cmp(&b.error))
}

fn sample(exchange: &Exchange) -> Option<Offset> {
    let error = exchange.round_trip.as_secs_f64() / 2.0;
    let ours = exchange.arrival.duration_since(SystemTime::UNIX_EPOCH);
    let server = seconds(&exchange.answer)? + error;
    Some(Offset {
        ahead: server - ours.ok()?.as_secs_f64(),
        error,
    })
}

/// `1795178459.000045`, and nothing else that is a number for `parse`.
fn seconds(answer: &[u8]) -> Option<f64> {
    let text = str::from_utf8(answer).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 12) || !digits(fraction, 9) {
        return None;
    }
    text.parse().ok()
}
