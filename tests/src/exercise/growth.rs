use std::time::{Duration, Instant};

use super::fault::{Fault, Step};
use super::pace::processor_time;

/// Four times as much should take four times as long; with its square, it takes sixteen times.
const TOO_MUCH: f64 = 8.0;

/// Up to here the time grows as the size does. In between, what grows with the square may still be
/// hidden behind what does not: greater sizes tell.
const CLEARLY_LINEAR: f64 = 5.0;

/// From here on a difference is clear of the noise of measuring.
const CLEAR: Duration = Duration::from_millis(50);

/// Does something in this thread, and measures how long a processor worked for it. Unlike the time
/// that passed, that is the same when others are at work; where the system does not tell, it is the
/// time that passed.
pub fn work_of<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let (started, worked) = (Instant::now(), processor_time());
    let result = act();
    let work = worked
        .zip(processor_time())
        .map(|(before, after)| after.saturating_sub(before));
    (result, work.unwrap_or_else(|| started.elapsed()))
}

/// Checks that the time a thing takes grows as its size does, and not with its square.
///
/// `run` does it for a size and says how long that took, as [`work_of`] measures it. Sizes of
/// `first` and four times as much are compared, then greater ones, until the larger takes so long
/// that the difference is clear of noise, or `largest` is reached. It is a ratio of two measurements, so it is the same on a slow
/// machine; of several measurements the shortest counts.
///
/// # Errors
/// What `run` failed with; or the time grows too fast. Where the system does not tell the
/// processor's time, a machine that was busy just then could cause that, and it is tried again.
pub fn expect_linear(
    what: &str,
    first: usize,
    largest: usize,
    mut run: impl FnMut(usize) -> Step<Duration>,
) -> Step {
    let mut size = first;
    loop {
        let (small, large) = shortest(&mut run, size)?;
        let ratio = large.as_secs_f64() / small.as_secs_f64().max(1e-9);
        if ratio > TOO_MUCH && large > CLEAR {
            let (small, large) = shortest(&mut run, size)?; // once more: it was no accident
            let ratio = large.as_secs_f64() / small.as_secs_f64().max(1e-9);
            if ratio > TOO_MUCH {
                let fault = Fault::new(format!(
                    "{what}: {} took {:.1} ms, four times as many took {:.0} ms, {ratio:.0} times \
                     as long",
                    size,
                    small.as_secs_f64() * 1000.0,
                    large.as_secs_f64() * 1000.0,
                ));
                let busy_machines_count = processor_time().is_none();
                return Err(if busy_machines_count {
                    fault.late()
                } else {
                    fault
                });
            }
        }
        // A small time that was too long by accident would hide the square.
        if small > CLEAR / 2 && ratio < CLEARLY_LINEAR || size >= largest / 4 {
            return Ok(());
        }
        size *= 4;
    }
}

fn shortest(
    run: &mut impl FnMut(usize) -> Step<Duration>,
    size: usize,
) -> Step<(Duration, Duration)> {
    let (mut small, mut large) = (Duration::MAX, Duration::MAX);
    for _ in 0..2 {
        small = small.min(run(size)?);
        large = large.min(run(4 * size)?);
        small = small.min(run(size)?);
    }
    Ok((small, large))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(time: fn(f64) -> f64) -> Step {
        expect_linear("so many", 1000, 1_000_000_000, |size| {
            Ok(Duration::from_secs_f64(time(size as f64) / 1e9))
        })
    }

    #[test]
    fn tells_a_line_from_a_square() {
        assert!(takes(|n| 40.0 * n).is_ok());
        assert!(takes(|n| 5.0 * n * n.log2()).is_ok());
        assert!(takes(|n| 1e6 + n).is_ok());
        let square = takes(|n| 30.0 * n + 0.001 * n * n).expect_err("it grows with the square");
        assert!(square.to_string().contains("times as long"), "{square}");
    }
}
