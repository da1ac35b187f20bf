//! Rounds in which every contestant is measured once, and medians.

use shared::Failure;

/// Measures each of `n` contestants once in every round, in turns of changing order, so that
/// whatever else the machine does falls on all of them. The results by contestant, then round.
///
/// # Errors
/// The first failure of `measure`.
pub fn interleave<T>(
    rounds: u32,
    n: usize,
    mut measure: impl FnMut(usize) -> Result<T, Failure>,
) -> Result<Vec<Vec<T>>, Failure> {
    let mut results: Vec<Vec<T>> = (0..n).map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for turn in 0..n {
            let contestant = if round % 2 == 0 { turn } else { n - 1 - turn };
            results[contestant].push(measure(contestant)?);
        }
    }
    Ok(results)
}

/// The median; of an even number of values, the greater of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
