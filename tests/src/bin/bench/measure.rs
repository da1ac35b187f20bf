//! Several ways to do the same work, measured side by side.

use std::fs;
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
    /// How much time the processors spent on it, where the system tells.
    pub work: Vec<Duration>,
}

/// Does the work in each way, `rounds` times, after one round that does not count. Every other
/// round goes backwards, so that no way always follows the same other one.
pub fn side_by_side(mut ways: Vec<Way>, rounds: u32) -> Result<Vec<Measured>, Failure> {
    let mut measured: Vec<Measured> = ways
        .iter()
        .map(|way| Measured {
            name: way.name.clone(),
            times: Vec::new(),
            work: Vec::new(),
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
            let before = work_of_children();
            let time = (ways[i].run)()?;
            if round > 0 {
                measured[i].times.push(time);
                let work = work_of_children().zip(before);
                measured[i]
                    .work
                    .extend(work.map(|(after, before)| after - before));
            }
        }
    }
    Ok(measured)
}

impl Measured {
    /// The median of the times that it took.
    pub fn time(&self) -> Duration {
        median(&self.times)
    }

    /// The median of what the processors spent on it.
    pub fn work(&self) -> Option<Duration> {
        (!self.work.is_empty()).then(|| median(&self.work))
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

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

/// How much time the processors have spent on the programs that this one has started and seen
/// end (Linux: `man 5 proc_pid_stat`, cutime and cstime).
fn work_of_children() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields = stat.rsplit_once(") ")?.1.split(' ');
    let ticks: Option<Vec<u64>> = fields.skip(13).take(2).map(|n| n.parse().ok()).collect();
    Some(Duration::from_millis(ticks?.iter().sum::<u64>() * 10)) // told in hundredths of a second
}

/// How many programs wanted to run at once in the last minute, where the system tells. Where
/// that is not near 0 before a measurement, others disturb it.
pub fn load() -> Option<f64> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    load.split(' ').next()?.parse().ok()
}
