//! What all three exercises do when `accept` fails.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Step, Trial};

use super::COSTS;

/// Makes `accept` fail for a while, then lets `enter` send the clients for whom the function waits.
///
/// `sentence` is the one of the contract that says what to do.
pub fn survives_failures<T: Send + 'static>(
    trial: &Trial,
    sentence: &'static str,
    function: impl FnOnce(&TcpListener) -> T + Send + 'static,
    enter: impl FnOnce(SocketAddr) -> Step,
) -> Step<Attempt<T>> {
    survives(trial, sentence, function, enter).read(COSTS)
}

fn survives<T: Send + 'static>(
    trial: &Trial,
    sentence: &'static str,
    function: impl FnOnce(&TcpListener) -> T + Send + 'static,
    enter: impl FnOnce(SocketAddr) -> Step,
) -> Step<Attempt<T>> {
    const WHAT: &str = "accept failed again and again (the check made it fail for 0.8 s)";
    /// Of a tenth of a second there are eight; who looks every 20 ms still passes.
    const MOST_PAUSES: f64 = 60.0;
    let (listener, failing) = trial.failing_listener()?;
    let attempt = trial.start(move || function(&listener));
    let (started, before) = (Instant::now(), attempt.pauses());
    let idle = attempt.expect_idle(Duration::from_millis(800));
    let pauses = attempt
        .pauses()
        .zip(before)
        .map(|(after, before)| after - before);
    let a_second = pauses.map(|n| n as f64 / started.elapsed().as_secs_f64());
    attempt
        .still_runs()
        .when(WHAT)
        .breaks(sentence)
        .cause("a failed accept is taken for a client, or ends the connection loop")?;
    idle.when(WHAT)
        .breaks(sentence)
        .cause("no pause before the next accept: the loop spins")?;
    if let Some(n) = a_second.filter(|n| *n > MOST_PAUSES) {
        return Err(
            Fault::new(format!("{WHAT}: it was tried again {n:.0} times a second"))
                .breaks(sentence)
                .cause("the pause before the next accept is much shorter than a tenth of a second"),
        );
    }
    failing.ends()?;
    let (limit, since) = (trial.limit(Duration::from_secs(1)), Instant::now());
    enter(failing.addr())
        .when("accept had failed for 0.8 s, then it worked again")
        .breaks(sentence)
        .cause("a failed accept ends the connection loop, or the pause grows too long")?;
    if limit.passed(since) {
        return Err(Fault::new(format!(
            "accept had failed for 0.8 s, then it worked again: {limit} later the next client had \
             not been served"
        ))
        .late()
        .breaks(sentence)
        .cause("the pause is much longer than a tenth of a second, or grows"));
    }
    Ok(attempt)
}
