//! What was measured: ours beside each peer, as a table in Markdown.

use std::fmt::Write;

use super::rounds::median;

/// One piece of work, as each contestant did it in every round.
pub struct Comparison {
    pub what: String,
    pub unit: Unit,
    /// Names and what was measured, by round; ours is the first.
    pub results: Vec<(&'static str, Vec<f64>)>,
    /// By how much ours shall at least be better than the contestants of these names.
    pub goals: &'static [(&'static str, f64)],
}

/// The name of a contestant that is no program: a figure that ours shall keep.
pub const LIMIT: &str = "the goal";

/// What the figures are.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Less is better.
    Seconds,
    /// Less is better.
    KiB,
    /// More is better.
    PerSecond,
}

impl Unit {
    /// The figure with its unit, between which no line is broken.
    fn show(self, value: f64) -> String {
        let shown = match self {
            Unit::Seconds if value < 0.1 => format!("{:.2} ms", value * 1e3),
            Unit::Seconds => format!("{value:.2} s"),
            Unit::KiB => format!("{value:.1} KiB"),
            Unit::PerSecond if value >= 1e6 => format!("{:.1} M/s", value / 1e6),
            Unit::PerSecond => format!("{:.1} k/s", value / 1e3),
        };
        shown.replace(' ', "\u{a0}")
    }

    /// How many times better `ours` is.
    fn better(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Unit::Seconds | Unit::KiB => theirs / ours,
            Unit::PerSecond => ours / theirs,
        }
    }
}

/// Everything in one table, behind the number of its lesson (0 for none). A ratio is the median of
/// the ratios inside each round.
pub fn table<'a>(measured: impl IntoIterator<Item = &'a (u16, Vec<Comparison>)>) -> String {
    let head = [
        "lesson",
        "what",
        "ours",
        "beside it",
        "has",
        "ours is better by",
        "goal",
    ];
    let mut rows = vec![head.map(str::to_owned), head.map(|_| "---".to_owned())];
    for (lesson, comparisons) in measured {
        for comparison in comparisons {
            rows.extend(comparison.rows(*lesson));
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).filter_map(width).collect();
    let mut table = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(table, "| {cell:<width$} "); // a String takes everything
        }
        table.push_str("|\n");
    }
    table
}

impl Comparison {
    /// A row for each peer; the first also says what was measured.
    fn rows(&self, lesson: u16) -> Vec<[String; 7]> {
        let Some(((_, ours), peers)) = self.results.split_first() else {
            return Vec::new();
        };
        let shown = |values: &[f64]| self.unit.show(median(values.iter().copied()));
        let mut first = <[String; 7]>::default();
        if lesson > 0 {
            first[0] = lesson.to_string();
        }
        first[1].clone_from(&self.what);
        first[2] = shown(ours);
        let mut rows = vec![first];
        rows.resize(peers.len().max(1), <[String; 7]>::default());
        for ((peer, theirs), row) in peers.iter().zip(&mut rows) {
            let ratios = ours.iter().zip(theirs);
            let ratio = median(ratios.map(|(ours, theirs)| self.unit.better(*ours, *theirs)));
            row[3] = (*peer).to_owned();
            row[4] = shown(theirs);
            let ratio = (ratio * 100.0).round() / 100.0; // as it is shown: the verdict fits to it
            if ratio > 0.0 {
                row[5] = format!("{ratio:.2}\u{a0}×"); // what is nothing beside ours has no ratio
            }
            if let Some((_, least)) = self.goals.iter().find(|(name, _)| name == peer) {
                let verdict = if ratio >= *least { "met" } else { "missed" };
                row[6] = format!("{least}\u{a0}×: {verdict}");
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_the_ratio_that_it_shows() {
        for (theirs, shown, verdict) in [
            (3.194, "3.19\u{a0}×", "missed"),
            (3.196, "3.20\u{a0}×", "met"),
            (3.2, "3.20\u{a0}×", "met"),
        ] {
            let race = Comparison {
                what: "a race".to_owned(),
                unit: Unit::Seconds,
                results: vec![("ours", vec![1.0]), ("Python", vec![theirs])],
                goals: &[("Python", 3.2)],
            };
            let table = table(&[(6, vec![race])]);
            assert!(table.contains(shown), "{table}");
            assert!(table.contains(&format!("3.2\u{a0}×: {verdict}")), "{table}");
        }
    }

    #[test]
    fn shows_the_median_of_the_ratios_and_whether_the_goal_is_met() {
        let race = Comparison {
            what: "a race".to_owned(),
            unit: Unit::Seconds,
            // Round by round theirs takes 2, 4 and 3 times as long.
            results: vec![
                ("ours", vec![1.0, 2.0, 9.0]),
                ("C", vec![2.0, 8.0, 27.0]),
                ("cp", vec![1.0, 1.0, 9.0]),
            ],
            goals: &[("C", 3.0), ("cp", 1.5)],
        };
        let weight = Comparison {
            what: "weight".to_owned(),
            unit: Unit::KiB,
            results: vec![("ours", vec![7.0])],
            goals: &[],
        };
        let rate = Comparison {
            what: "frames".to_owned(),
            unit: Unit::PerSecond,
            results: vec![("ours", vec![3e6]), ("C", vec![2500.0])],
            goals: &[],
        };
        let table = table(&[(8, vec![race, weight]), (0, vec![rate])]);
        let lines: Vec<String> = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "| lesson | what | ours | beside it | has | ours is better by | goal |",
                "| --- | --- | --- | --- | --- | --- | --- |",
                "| 8 | a race | 2.00 s | C | 8.00 s | 3.00 × | 3 ×: met |",
                "| | | | cp | 1.00 s | 1.00 × | 1.5 ×: missed |",
                "| 8 | weight | 7.0 KiB | | | | |",
                "| | frames | 3.0 M/s | C | 2.5 k/s | 1200.00 × | |",
            ]
        );
    }
}
