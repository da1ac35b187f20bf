use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::{Failure, preview};

/// The format of a request that asks how late it is, exactly: seconds since 1970, in UTC, and
/// their fraction.
pub const SECONDS: &str = "%s.%f";

/// How the questions of a client went.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many were sent.
    pub sent: u64,
    received: u64,
    total: Duration,
    least: Option<Duration>,
    most: Duration,
    best: Option<Sample>,
}

impl Summary {
    /// Counts an answer.
    pub fn received(&mut self, round_trip: Duration) {
        self.received += 1;
        self.total += round_trip;
        self.least = Some(self.least.map_or(round_trip, |least| least.min(round_trip)));
        self.most = self.most.max(round_trip);
    }

    /// Keeps the sample if its round trip is the shortest so far: the shorter it is, the less
    /// room there is for an error.
    pub fn sampled(&mut self, sample: Sample) {
        if self
            .best
            .is_none_or(|best| sample.round_trip < best.round_trip)
        {
            self.best = Some(sample);
        }
    }

    /// Whether there were questions, and not one answer.
    pub fn nothing_came(&self) -> bool {
        self.sent > 0 && self.received == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, received) = (self.sent, self.received);
        let lost = sent - received;
        write!(f, "{sent} sent, {received} received, {lost} lost")?;
        if let Some(least) = self.least {
            let ms = |time: Duration| time.as_secs_f64() * 1000.0;
            let (least, most) = (ms(least), ms(self.most));
            let average = ms(self.total) / received as f64;
            write!(
                f,
                "\nround trip: min {least:.3} ms, avg {average:.3} ms, max {most:.3} ms"
            )?;
        }
        if let Some(best) = &self.best {
            write!(f, "\nof the shortest round trip: {best}")?;
        }
        Ok(())
    }
}

/// What one answer tells about the server's clock (Cristian's algorithm).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// How far the server's clock is ahead of ours, in nanoseconds.
    ahead: i128,
    round_trip: Duration,
}

impl Sample {
    /// The answer said `seconds` since 1970, such as `1795178459.000045`, and was here at
    /// `arrival` by our clock, `round_trip` after the question was sent.
    ///
    /// # Errors
    /// It is no such number.
    pub fn new(
        seconds: &str,
        round_trip: Duration,
        arrival: SystemTime,
    ) -> Result<Sample, Failure> {
        let stamp = nanoseconds(seconds).ok_or_else(|| {
            let shown = preview(seconds.as_bytes());
            Failure::new(format!("the answer '{shown}' is no number of seconds"))
                .hint(format!("the server must know the format {SECONDS}"))
        })?;
        // Nobody can tell how long the answer alone was under way. Half of both ways is the best
        // guess, and it is wrong by at most that half.
        let server = stamp + nanos(round_trip) / 2;
        let ours = match arrival.duration_since(UNIX_EPOCH) {
            Ok(since) => nanos(since),
            Err(before) => -nanos(before.duration()), // a clock that was never set
        };
        Ok(Sample {
            ahead: server - ours,
            round_trip,
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ahead = self.ahead as f64 / 1e9;
        let error = self.round_trip.as_secs_f64() / 2.0;
        write!(f, "offset {ahead:+.6} s ± {error:.6} s")
    }
}

/// `1795178459.000045` as nanoseconds; the fraction may be missing, and has at most nine digits.
fn nanoseconds(seconds: &str) -> Option<i128> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let digits = |text: &str, most: usize| {
        let fits = (1..=most).contains(&text.len());
        fits && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 12) || !digits(fraction, 9) {
        return None;
    }
    format!("{whole}{fraction:0<9}").parse().ok()
}

fn nanos(time: Duration) -> i128 {
    // A Duration has at most 2^64 seconds: its nanoseconds fit by far.
    time.as_nanos() as i128
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;

    #[test]
    fn adds_half_the_round_trip_to_what_the_server_said() {
        let arrival = UNIX_EPOCH + Duration::from_millis(1_000_000);
        let sample = |stamp| Sample::new(stamp, Duration::from_millis(200), arrival);
        let shown = |stamp| sample(stamp).ok().map(|sample| sample.to_string());
        let offset = |text: &str| Some(text.to_owned());
        assert_eq!(shown("999.9"), offset("offset +0.000000 s ± 0.100000 s"));
        assert_eq!(shown("1004.900"), offset("offset +5.000000 s ± 0.100000 s"));
        assert_eq!(shown("994.9"), offset("offset -5.000000 s ± 0.100000 s"));
        assert_eq!(shown("1000"), offset("offset +0.100000 s ± 0.100000 s"));
        assert_eq!(
            shown("999.900000001"),
            offset("offset +0.000000 s ± 0.100000 s")
        );
    }

    #[test]
    fn takes_nothing_but_seconds_and_their_fraction() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1.5",
            "+1",
            "1e9",
            "1,5",
            "1.5 ",
            "inf",
            "１",
            "1.0000000001",
            "1000000000000",
            "1.2.3",
        ] {
            assert_eq!(nanoseconds(text), None, "{text:?}");
        }
        assert_eq!(
            nanoseconds("999999999999.999999999"),
            Some(10_i128.pow(21) - 1)
        );
    }

    #[test]
    fn counts_and_keeps_the_sample_with_the_shortest_round_trip() {
        let mut summary = Summary::default();
        assert_eq!(summary.to_string(), "0 sent, 0 received, 0 lost");
        for (stamp, milliseconds) in [("1000.1", 300), ("1000.0", 100), ("1000.3", 200)] {
            let round_trip = Duration::from_millis(milliseconds);
            let arrival = UNIX_EPOCH + Duration::from_secs(1000);
            summary.sent += 1;
            summary.received(round_trip);
            summary.sampled(Sample::new(stamp, round_trip, arrival).expect("it is a number"));
        }
        summary.sent += 1;
        let lines = "4 sent, 3 received, 1 lost\n\
             round trip: min 100.000 ms, avg 200.000 ms, max 300.000 ms\n\
             of the shortest round trip: offset +0.050000 s ± 0.050000 s";
        assert_eq!(summary.to_string(), lines);
    }

    #[test]
    fn reads_every_number_of_seconds_and_survives_everything_else() {
        arbtest(|u| {
            let seconds = u.int_in_range(0..=10_i128.pow(12))?;
            let fraction = u.int_in_range(0..=10_i128.pow(9) - 1)?;
            let round_trip: Duration = u.arbitrary()?;
            let answer: String = u.arbitrary::<Vec<char>>()?.into_iter().collect();

            let stamp = format!("{seconds}.{fraction:09}");
            let expected = seconds * 10_i128.pow(9) + fraction;
            assert_eq!(nanoseconds(&stamp), Some(expected));
            for text in [stamp, answer] {
                if let Ok(sample) = Sample::new(&text, round_trip, UNIX_EPOCH) {
                    assert!(sample.to_string().starts_with("offset "));
                }
            }
            Ok(())
        });
    }
}
