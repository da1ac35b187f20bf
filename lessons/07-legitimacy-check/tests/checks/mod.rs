//! What "right" means for each exercise of lesson 7: functions to which any solution is handed.

pub mod log_in;
pub mod mutual;
pub mod server;
mod watch;

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Explain, Fault, Limit, Pace, Peer, Step, show};
use legitimacy_check::NONCE_LEN;
use legitimacy_check::contract::Refusal;

const THE_IDEA: &str = "docs/07-legitimacy-check.md: The idea";
const PREDICT: &str = "docs/07-legitimacy-check.md: Predict";
const READ_THE_CODE: &str = "docs/07-legitimacy-check.md: Read the code";
const A_DEADLINE: &str = "docs/07-legitimacy-check.md: A deadline that holds";
const THE_COMPARISON: &str = "docs/07-legitimacy-check.md: The comparison";
const REPLAY: &str = "docs/07-legitimacy-check.md: Replay";

/// Time that is always enough, also on a machine that stalls.
const AMPLE: Duration = Duration::from_secs(3600);

/// The limit for those who must not wait longer, where only its end matters.
const SHORT: Duration = Duration::from_millis(100);

/// The shortest limit that there is.
const SHORTEST: Duration = Duration::from_millis(1);

/// When it must be over at the latest.
const AT_THE_LATEST: Duration = Duration::from_secs(1);

/// A slow peer sends a byte each time, and its last one after four times [`SLOWLY`].
const GAP: Duration = Duration::from_millis(40);

/// The limit for a slow peer.
const SLOWLY: Duration = Duration::from_millis(300);

/// A slow peer that itself was held up by more than this has shown nothing.
const PACE: Duration = Duration::from_millis(140);

const TIMEOUT_KIND: &str = "a timeout of a socket is WouldBlock on Unix and TimedOut on Windows; \
    and set_read_timeout refuses a time of zero (InvalidInput), which is what is left of a time that \
    is rounded or over";
const NO_TIMEOUT: &str = "there is no timeout at all, or the clock is looked at only when everything \
    has come";
const PER_READ: &str = "every read, or every message, gets the whole time anew: a timeout for each \
    read is no deadline";

/// Reads just so many bytes.
fn take(peer: &mut Peer, n: usize, what: &str) -> Step<Vec<u8>> {
    let (came, end) = take_up_to(peer, n)?;
    if came.len() == n {
        return Ok(came);
    }
    let how = match end {
        End::Closed => "then the connection was closed",
        End::Silence => "then nothing more",
    };
    let fault = Fault::new(format!(
        "{what} should be {n} bytes\ncame {}: {}, {how}",
        came.len(),
        show(&came)
    ));
    Err(if end == End::Silence {
        fault.late()
    } else {
        fault
    })
}

/// Why no more bytes came.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Closed,
    Silence,
}

/// Reads so many bytes, or fewer where no more come.
fn take_up_to(peer: &mut Peer, n: usize) -> Step<(Vec<u8>, End)> {
    let mut came = vec![0; n];
    let mut filled = 0;
    let mut end = End::Closed;
    while filled < n {
        match peer.read(&mut came[filled..])? {
            Some(more @ 1..) => filled += more,
            Some(0) => break,
            None => {
                end = End::Silence;
                break;
            }
        }
    }
    came.truncate(filled);
    Ok((came, end))
}

/// Waits until the function closes, whatever it sends before that; says whether it did in time.
fn closes_by(peer: &Peer, limit: &Limit, since: Instant) -> bool {
    while Instant::now() < limit.end(since) {
        if has_closed(peer, limit.end(since)) {
            return !limit.passed(since);
        }
    }
    false
}

/// Looks whether the function closes until then.
fn has_closed(peer: &Peer, until: Instant) -> bool {
    let mut stream = peer.stream();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        if stream.set_read_timeout(Some(left)).is_err() {
            return false;
        }
        match io::Read::read(&mut stream, &mut [0; 100]) {
            Ok(1..) => {}
            Ok(0) => return true,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return false;
            }
            Err(_) => return true, // a reset closes as well
        }
    }
}

/// The peer does nothing for so long.
fn rest(pace: &mut Pace, how_long: Duration) {
    let end = Instant::now() + how_long;
    while Instant::now() < end {
        thread::sleep(Duration::from_millis(10)); // the pace of the peer
        pace.beat();
    }
}

/// What must come of it when the time was over.
fn timed_out(what: &str, limit: Duration, result: &Result<(), Refusal>) -> Step {
    if matches!(result, Err(Refusal::TimedOut)) {
        return Ok(());
    }
    let limit = limit.as_secs_f64();
    Err(Fault::new(format!(
        "{what}, the limit was {limit} s: expected Err(TimedOut), got {result:?}"
    )))
    .cause(TIMEOUT_KIND)
}

/// Whether these bytes can have been chosen at random. Random ones are refused less often than
/// once in 10^30 times.
fn look_random(nonces: &[Vec<u8>]) -> Result<(), &'static str> {
    let distinct: HashSet<&[u8]> = nonces.iter().map(Vec::as_slice).collect();
    if distinct.len() < nonces.len() {
        return Err("the same nonce came twice");
    }
    let column = |at: usize| nonces.iter().map(|nonce| nonce[at]).collect();
    let columns: Vec<Vec<u8>> = (0..NONCE_LEN).map(column).collect();
    for (at, column) in columns.iter().enumerate() {
        if column.iter().all(|byte| *byte == column[0]) {
            return Err("some bytes of the nonce were the same every time");
        }
        if columns[..at].contains(column) {
            return Err("some bytes of the nonce were always repeated elsewhere in it");
        }
    }
    if nonces.iter().flatten().all(|byte| byte & 0x80 == 0) {
        return Err("no byte of any nonce was greater than 127, as in text");
    }
    Ok(())
}

const PREDICTABLE: &str = "the nonce is made once, or counted, or made from the time, the address \
    or a pseudo-random generator, or written as text; getrandom::fill gives 32 bytes that nobody \
    can guess";
