//! Several ways to do the same work, measured side by side.

use std::time::Duration;

use shared::{Failure, warn};

/// One way to do the work.
pub struct Way<'a> {
    /// What the table calls it.
    pub name: String,
    /// Does the work once, and says how long it took.
    pub run: Box<dyn FnMut() -> Result<Duration, Failure> + 'a>,
}

/// How long one way took, in each round.
pub struct Measured {
    pub name: String,
    pub times: Vec<Duration>,
}

/// Does the work in each way, `rounds` times, after one round that does not count. Every other
/// round goes backwards, so that no way always follows the same other one.
pub fn side_by_side(mut ways: Vec<Way>, rounds: u32) -> Result<Vec<Measured>, Failure> {
    let mut measured: Vec<Measured> = ways
        .iter()
        .map(|way| Measured {
            name: way.name.clone(),
            times: Vec::new(),
        })
        .collect();
    for round in 0..=rounds {
        warn!(
            "round {round} of {rounds}{}",
            if round == 0 {
                ", which does not count"
            } else {
                ""
            }
        );
        let mut order: Vec<usize> = (0..ways.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for i in order {
            let time = (ways[i].run)()?;
            if round > 0 {
                measured[i].times.push(time);
            }
        }
    }
    Ok(measured)
}

impl Measured {
    pub fn median(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times[times.len() / 2]
    }

    /// How many times as fast as the other: the median of what it was in each round.
    pub fn times_as_fast_as(&self, other: &Measured) -> f64 {
        let pairs = self.times.iter().zip(&other.times);
        let mut ratios: Vec<f64> = pairs
            .map(|(own, other)| other.as_secs_f64() / own.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }
}
