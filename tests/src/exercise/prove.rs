use std::env;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use super::contract;
use super::fault::{Fault, Verdict};
use super::fault::{LONGEST, MOST_LINES, Time};
use super::pace;
use super::patience::{LAST_NOTES, MODE, Margins, Mode, Notes, WAIT};
use crate::page::Page;

/// A right solution: what is different about it, and the function.
pub type Right<F> = (&'static str, F);

/// A wrong solution: its name, the function, and the words that the cause of its fault must contain
/// (or the fault itself, where the function panics).
pub type Mistake<F> = (&'static str, F, &'static str);

/// What is known about a check: the functions that it takes, and those that it refuses.
pub struct Proof<'a, C, F> {
    /// The check.
    pub check: C,
    /// The text of `src/exercise.rs`, with the contract and the `todo!`.
    pub source: &'a str,
    /// The exercise's number, such as `1.2`.
    pub exercise: &'a str,
    /// The function of `src/exercise.rs`.
    pub skeleton: F,
    /// The solution, and at least three others in clearly different styles.
    pub right: &'a [Right<F>],
    /// What learners, and those who wanted to fool the check, have written.
    pub mistakes: &'a [Mistake<F>],
    /// Sentences of the contract that no check can see, by their first words, and why not.
    pub unseen: &'a [(&'static str, &'static str)],
}

/// A mistake or a right solution that the machine spoilt is tried again, at most so often.
const TRIES: usize = 5;

impl<C: Fn(F) -> Verdict + Sync, F: Copy + Send + Sync> Proof<'_, C, F> {
    /// Proves the check:
    /// - The skeleton is not started. Where a learner has replaced its `todo!`, there is no skeleton
    ///   and no contract left to prove.
    /// - Each right solution passes, and needs at most a quarter of each wait.
    /// - Each mistake is refused at its first run, for its reason, though limits that the contract
    ///   names are four times as long. Its fault names a sentence of the contract, a heading of a
    ///   page, and is short.
    /// - Each sentence of the contract is broken by a mistake, or no check can see it, and the page
    ///   says so.
    ///
    /// With `COURSE_TABLE=1` in the environment it prints what is covered and the smallest margins.
    ///
    /// # Panics
    /// With each thing that is not proved.
    #[track_caller]
    pub fn holds(&self) {
        let complaints = self.complaints(pace::was_busy);
        assert!(
            complaints.is_empty(),
            "\n\n{}: {}\n",
            self.exercise,
            complaints.join("\n\n")
        );
    }

    /// Each thing that is not proved; `was_busy` tells whether the machine was, since a moment.
    fn complaints(&self, was_busy: fn(Instant) -> bool) -> Vec<String> {
        let untouched = self.source.contains(&format!("todo!(\"{} ", self.exercise));
        let sentences = contract::sentences(self.source, self.exercise);
        let mut complaints = self.formalities(untouched, &sentences);
        let broken: Mutex<Vec<String>> = Mutex::default();
        let margins: Mutex<Margins> = Mutex::default();
        let unproved = AtomicBool::new(false);
        let started = Instant::now();

        // Most of the time they wait, so they wait together. Mistakes wait for what will not come.
        complaints.extend(thread::scope(|scope| {
            let skeleton = scope.spawn(|| {
                let started =
                    untouched && !matches!((self.check)(self.skeleton), Verdict::NotStarted);
                started.then(|| "the skeleton is not told apart as not started".to_owned())
            });
            let right = self.right.iter().map(|&(name, function)| {
                let margins = &margins;
                scope.spawn(move || self.accepts(name, function, margins))
            });
            let right: Vec<_> = right.collect();
            let mistakes = self.mistakes.iter().map(|&(name, function, words)| {
                let (sentences, broken) = (&sentences, &broken);
                let unproved = &unproved;
                scope.spawn(move || {
                    let Some(fault) = self.refuses((name, function, words), was_busy) else {
                        unproved.store(true, Ordering::Relaxed);
                        return None;
                    };
                    let known = untouched.then_some(sentences);
                    complaint(name, &fault, known, broken)
                })
            });
            let proofs = [skeleton]
                .into_iter()
                .chain(right)
                .chain(mistakes.collect::<Vec<_>>());
            let joined = proofs.map(|proof| proof.join().expect("a proof does not panic"));
            joined.flatten().collect::<Vec<_>>()
        }));

        let broken = broken.into_inner().unwrap_or_else(|e| e.into_inner());
        let unguarded = sentences.iter().filter(|sentence| {
            !broken.contains(sentence)
                && !self
                    .unseen
                    .iter()
                    .any(|(words, _)| sentence.starts_with(words))
        });
        // On a busy machine a mistake may be refused for another of its faults than it usually is.
        if untouched && !unproved.load(Ordering::Relaxed) && !was_busy(started) {
            complaints.extend(unguarded.clone().map(|sentence| {
                format!("no known mistake breaks this sentence of the contract: \"{sentence}\"")
            }));
        }
        if env::var_os("COURSE_TABLE").is_some() {
            let margins = *margins.lock().unwrap_or_else(|e| e.into_inner());
            self.print(&sentences, unguarded.count(), margins);
        }
        complaints
    }

    /// What can be seen without running anything.
    fn formalities(&self, untouched: bool, sentences: &[String]) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.mistakes.len() < 4 {
            complaints.push(format!(
                "{} mistakes are known, at least 4 are needed",
                self.mistakes.len()
            ));
        }
        if self.right.len() < 4 {
            complaints.push(format!(
                "{} right solutions are known, at least 4 are needed",
                self.right.len()
            ));
        }
        if !untouched && env::var_os("CI").is_some() {
            complaints.push(format!(
                "src/exercise.rs has no todo!(\"{} …\")",
                self.exercise
            ));
        }
        if untouched && sentences.is_empty() {
            complaints.push("the contract has no sentences".to_owned());
        }
        let page = self.page().unwrap_or_default();
        if !self.unseen.is_empty() && !page.contains("the check cannot see") {
            complaints.push("the page does not say what 'the check cannot see'".to_owned());
        }
        for (words, _) in self.unseen {
            if untouched && sentences.iter().filter(|s| s.starts_with(words)).count() != 1 {
                complaints.push(format!(
                    "not one sentence of the contract begins with '{words}'"
                ));
            }
        }
        complaints
    }

    /// What the lesson's page tells of the exercise.
    fn page(&self) -> Option<String> {
        let number = self.exercise.split('.').next()?.parse().ok()?;
        let lesson = crate::lessons::LESSONS
            .iter()
            .find(|lesson| lesson.number == number)?;
        let text = Page::read(&lesson.page()).ok()?.text();
        let (_, section) = text.split_once(&format!("\n### {} ", self.exercise))?;
        let section = section.split("\n### ").next()?.split("\n## ").next()?;
        Some(section.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Whether a right solution passes; what it needed.
    fn accepts(&self, name: &str, function: F, smallest: &Mutex<Margins>) -> Option<String> {
        MODE.set(Mode::Right);
        match (self.check)(function) {
            Verdict::Solved => {
                let needed = *last_notes().margins();
                let mut smallest = smallest.lock().unwrap_or_else(|e| e.into_inner());
                smallest.wait = smallest.wait.max(needed.wait);
                if let Some((took, of)) = needed.limit {
                    let ratio = of.as_secs_f64() / took.as_secs_f64();
                    let before = smallest
                        .limit
                        .map(|(t, o)| o.as_secs_f64() / t.as_secs_f64());
                    if before.is_none_or(|before| ratio < before) {
                        smallest.limit = Some((took, of));
                    }
                }
                None
            }
            Verdict::NotStarted => Some(format!("'{name}' ends in a todo!, and should be right")),
            Verdict::Wrong(fault) if fault.time == Time::Spoilt => {
                self.is_unproved(&format!("'{name}' is right, and fails:\n{fault}"));
                None
            }
            Verdict::Wrong(fault) => Some(format!(
                "'{name}' is right, and fails (with a quarter of the time that a learner has):\n{fault}"
            )),
        }
    }

    /// The fault that a mistake is told; or a complaint, as the complaint that it hands on. Nothing
    /// where the machine was too busy at each try to learn anything: that is no proof, and said.
    fn refuses(
        &self,
        (name, function, words): Mistake<F>,
        was_busy: fn(Instant) -> bool,
    ) -> Option<Refused> {
        MODE.set(Mode::Mistake);
        let mut complaint = String::new();
        for _ in 0..TRIES {
            let started = Instant::now();
            match (self.check)(function) {
                Verdict::Wrong(fault) if is_about(&fault, words) => return Some(Ok(fault)),
                Verdict::Wrong(fault) => {
                    complaint = format!("'{name}' fails without the words '{words}':\n{fault}");
                    if fault.time == Time::Spoilt {
                        continue;
                    }
                }
                Verdict::Solved => complaint = format!("'{name}' passes"),
                Verdict::NotStarted => return Some(Err(format!("'{name}' is not started"))),
            }
            if !last_notes().has_learnt_nothing() && !was_busy(started) {
                return Some(Err(complaint));
            }
        }
        self.is_unproved(&complaint);
        None
    }

    fn is_unproved(&self, complaint: &str) {
        let exercise = self.exercise;
        // Not by `eprintln!`: of a test that passes, nobody would see it.
        let _ = writeln!(
            io::stderr(),
            "not proved: the machine was busy, {exercise}: {complaint}"
        );
    }

    fn print(&self, sentences: &[String], unguarded: usize, margins: Margins) {
        let mut line = format!(
            "{}: {} sentences, {} guarded, {} unseen; {} mistakes refused, {} right ones accepted; \
             longest wait {:.0} ms of {} s",
            self.exercise,
            sentences.len(),
            sentences.len() - self.unseen.len() - unguarded,
            self.unseen.len(),
            self.mistakes.len(),
            self.right.len(),
            margins.wait.as_secs_f64() * 1000.0,
            WAIT.as_secs(),
        );
        if let Some((took, of)) = margins.limit {
            line += &format!(
                "; closest limit {:.0} ms of {:.0} ms ({:.1} times)",
                took.as_secs_f64() * 1000.0,
                of.as_secs_f64() * 1000.0,
                of.as_secs_f64() / took.as_secs_f64()
            );
        }
        println!("{line}");
        for (words, why) in self.unseen {
            println!("    unseen: {words} …: {why}");
        }
    }
}

/// A fault, or the complaint that there is none of the kind.
type Refused = Result<Fault, String>;

fn last_notes() -> Arc<Notes> {
    LAST_NOTES.with_borrow(Arc::clone)
}

fn is_about(fault: &Fault, words: &str) -> bool {
    let panicked = fault.what.starts_with("your function panicked");
    let cause = fault.cause.as_deref().unwrap_or_default();
    cause.contains(words) || panicked && fault.what.contains(words)
}

/// What is not as it should be with the fault of a mistake; notes the sentence that it names.
fn complaint(
    name: &str,
    refused: &Refused,
    sentences: Option<&Vec<String>>,
    broken: &Mutex<Vec<String>>,
) -> Option<String> {
    let fault = match refused {
        Ok(fault) => fault,
        Err(complaint) => return Some(complaint.clone()),
    };
    let text = fault.to_string();
    let complain = |what: String| Some(format!("'{name}': {what}\n{text}"));
    if let Err(what) = heading_exists(fault) {
        return complain(what);
    }
    if text.len() > LONGEST || text.lines().count() > MOST_LINES {
        return complain(format!("the fault is long: {} bytes", text.len()));
    }
    if fault.what.starts_with("your function panicked") {
        return None; // no contract allows it, and no sentence says so
    }
    let Some(words) = fault.breaks else {
        return complain("the fault does not name a sentence of the contract".to_owned());
    };
    let sentences = sentences?;
    let named: Vec<&String> = sentences.iter().filter(|s| s.starts_with(words)).collect();
    let [sentence] = named[..] else {
        let n = named.len();
        return complain(format!(
            "{n} sentences of the contract begin with '{words}'"
        ));
    };
    let mut broken = broken.lock().unwrap_or_else(|e| e.into_inner());
    broken.push(sentence.clone());
    None
}

/// Whether the page that a fault names has the heading that it names.
fn heading_exists(fault: &Fault) -> Result<(), String> {
    let Some(read) = &fault.read else {
        return Err("the fault does not say where to read about it".to_owned());
    };
    let Some((page, heading)) = read.split_once(": ") else {
        return Err(format!(
            "'{read}' is not of the form 'docs/page.md: Heading'"
        ));
    };
    let text = Page::read(page)?.text();
    let found = text
        .lines()
        .any(|line| line.starts_with('#') && line.trim_start_matches('#').trim() == heading);
    if found {
        Ok(())
    } else {
        Err(format!("{page} has no heading '{heading}'"))
    }
}

#[cfg(test)]
mod tests {
    use std::thread::park;
    use std::time::{Duration, Instant};

    use super::super::{Explain, check};
    use super::*;

    type Double = fn(u32) -> u32;

    const SOURCE: &str = "
/// 1.1 ★ Doubles a number.
///
/// - Returns twice as much. Does so at once.
pub fn double(n: u32) -> u32 {
    todo!(\"1.1 double\")
}
";
    const IDEA: &str = "docs/01-echo.md: The idea";

    fn check_double(double: Double) -> Verdict {
        check(move |trial| {
            let limit = trial.limit(Duration::from_millis(200));
            let since = Instant::now();
            let attempt = trial.start(move || double(4));
            let came = attempt.result_by(&limit, since);
            let came = came.breaks("Does so").cause("it sleeps").read(IDEA)?;
            if came == 8 {
                return Ok(());
            }
            let fault = Fault::new(format!("4 was doubled to {came}")).breaks("Returns twice");
            Err(fault.cause("it does not double").read(IDEA))
        })
    }

    fn proof(mistakes: &[Mistake<Double>]) -> Proof<'_, fn(Double) -> Verdict, Double> {
        Proof {
            check: check_double,
            source: SOURCE,
            exercise: "1.1",
            skeleton: |_| todo!("1.1 double"),
            right: &[
                ("the solution", |n| 2 * n),
                ("adds", |n| n + n),
                ("shifts", |n| n << 1),
                ("counts", |n| (0..n).map(|_| 2).sum()),
            ],
            mistakes,
            unseen: &[],
        }
    }

    const SLOW: Mistake<Double> = (
        "never returns",
        |_| {
            loop {
                park(); // nobody wakes it
            }
        },
        "it sleeps",
    );
    const WRONG: [Mistake<Double>; 3] = [
        ("halves", |n| n / 2, "it does not double"),
        ("squares", |n| n * n, "it does not double"),
        ("panics", |_| panic!("oh no"), "oh no"),
    ];

    #[test]
    fn a_check_that_guards_every_sentence_is_proved() {
        proof(&[SLOW, WRONG[0], WRONG[1], WRONG[2]]).holds();
    }

    fn complaints(mistakes: &[Mistake<Double>]) -> String {
        proof(mistakes).complaints(|_| false).join("\n")
    }

    #[test]
    fn a_sentence_that_no_mistake_breaks_is_a_complaint() {
        assert_eq!(
            complaints(&[WRONG[0], WRONG[1], WRONG[2], WRONG[0]]),
            "no known mistake breaks this sentence of the contract: \"Does so at once\""
        );
    }

    #[test]
    fn a_mistake_that_passes_is_a_complaint() {
        let right: Mistake<Double> = ("right", |n| 2 * n, "it does not double");
        assert_eq!(
            complaints(&[right, SLOW, WRONG[0], WRONG[1]]),
            "'right' passes"
        );
    }
}
