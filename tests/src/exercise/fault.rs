use std::fmt;
use std::fs;
use std::panic::Location;

use crate::place::workspace;
use crate::progress;

/// What a check has found.
#[derive(Clone)]
pub enum Verdict {
    /// The function does all that its contract says.
    Solved,
    /// The function is still a skeleton.
    NotStarted,
    /// It does something else.
    Wrong(Fault),
}

/// What is wrong, as a sentence for the learner: what was done, what was expected, what came; the
/// sentence of the contract that it breaks; the likely cause; and the heading of the page that
/// explains it.
#[derive(Clone)]
pub struct Fault {
    pub(super) what: String,
    pub(super) breaks: Option<&'static str>,
    pub(super) cause: Option<String>,
    pub(super) read: Option<String>,
    pub(super) time: Time,
}

/// What time has to do with a fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Time {
    /// Nothing: the function did something else than it should.
    Aside,
    /// Something did not happen in time. On a machine that stalls it might still have happened.
    Late,
    /// The check itself was too slow for its scene: nothing is learnt from it.
    Spoilt,
}

/// A step of a check: fine, or what is wrong.
pub type Step<T = ()> = Result<T, Fault>;

/// A fault is shown in at most so many bytes …
pub(super) const LONGEST: usize = 2000;

/// … and so many lines.
pub(super) const MOST_LINES: usize = 25;

impl Fault {
    /// A fault of which no more is known than what was seen.
    pub fn new(what: impl Into<String>) -> Fault {
        Fault {
            what: what.into(),
            breaks: None,
            cause: None,
            read: None,
            time: Time::Aside,
        }
    }

    /// Says in front under what circumstances it happened.
    pub fn when(self, circumstances: &str) -> Fault {
        let what = format!("{circumstances}: {}", self.what);
        Fault { what, ..self }
    }

    /// Says what was seen besides.
    pub fn then(self, seen: &str) -> Fault {
        let what = format!("{}\n{seen}", self.what);
        Fault { what, ..self }
    }

    /// Names the sentence of the contract that is broken, by its first words, unless a more precise
    /// one is there already.
    pub fn breaks(mut self, sentence: &'static str) -> Fault {
        self.breaks.get_or_insert(sentence);
        self
    }

    /// Adds the likely cause, unless a more precise one is there already.
    pub fn cause(mut self, cause: impl Into<String>) -> Fault {
        self.cause.get_or_insert_with(|| cause.into());
        self
    }

    /// Adds where to read about it: a page and one of its headings, as in
    /// `docs/01-echo.md: Read the code`.
    pub fn read(mut self, read: impl Into<String>) -> Fault {
        self.read.get_or_insert_with(|| read.into());
        self
    }

    /// Says that it came about because something did not happen in time. Where the machine stalled
    /// meanwhile, the check is tried again.
    pub fn late(mut self) -> Fault {
        self.time = self.time.max(Time::Late);
        self
    }

    pub(super) fn spoilt(mut self) -> Fault {
        self.time = Time::Spoilt;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut text = cut(&self.what);
        if let Some(sentence) = self.breaks {
            text += &format!("\nthe contract: \"{sentence} …\"");
        }
        if let Some(cause) = &self.cause {
            text += &format!("\nlikely cause: {cause}");
        }
        if let Some(read) = &self.read {
            text += &format!("\nread: {read}");
        }
        f.write_str(&text)
    }
}

/// What was seen, without what is too much of it: a function may return anything.
fn cut(what: &str) -> String {
    const ROOM: usize = LONGEST - 900; // for the sentence, the cause and the page
    let mut lines: Vec<&str> = what.lines().collect();
    let too_many = lines.len() > MOST_LINES - 5;
    if too_many {
        lines.truncate(MOST_LINES - 6);
        lines.push("…");
    }
    let mut text = lines.join("\n");
    if text.len() > ROOM {
        let end = (0..=ROOM).rev().find(|&end| text.is_char_boundary(end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

impl Verdict {
    /// For `tests/exercise.rs`: the test fails with the sentence, not with a panic of ours. The
    /// test's name, such as `exercise_1_2_title`, tells of which exercise the result is kept.
    ///
    /// # Errors
    /// The exercise is not solved.
    #[track_caller]
    pub fn solved(self) -> Result<(), Failed> {
        if let Some(number) = exercise_of(Location::caller())
            && let Err(error) = progress::record(&number, matches!(self, Verdict::Solved))
        {
            shared::warn!("cannot keep the result of {number}: {error}");
        }
        match self {
            Verdict::Solved => Ok(()),
            Verdict::NotStarted => Err(Failed(NOT_STARTED.to_owned())),
            Verdict::Wrong(fault) => Err(Failed(fault.to_string())),
        }
    }
}

/// The exercise whose test has this line: the last `fn exercise_1_2_title` up to it. The thread's
/// name would not do, because tests that run one after another have no thread of their own.
fn exercise_of(place: &Location) -> Option<String> {
    let source = fs::read_to_string(workspace().join(place.file())).ok()?;
    let line = usize::try_from(place.line()).ok()?;
    exercise_above(&source, line)
}

fn exercise_above(source: &str, line: usize) -> Option<String> {
    let lines = source.lines().take(line);
    let names = lines.filter_map(|line| line.trim_start().strip_prefix("fn exercise_"));
    let mut parts = names.last()?.split('_');
    let (lesson, exercise) = (parts.next()?, parts.next()?);
    let number = |part: &str| part.parse::<u16>().is_ok();
    (number(lesson) && number(exercise)).then(|| format!("{lesson}.{exercise}"))
}

/// What a skeleton's test says.
const NOT_STARTED: &str = "not started: the function is still todo!()";

/// Why an exercise's test fails. Its `Debug` form, which the test harness prints, is the sentence.
pub struct Failed(String);

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "\n{}\n", self.0)
    }
}

/// Adds circumstances, sentence, cause and page to a fault on its way up.
pub trait Explain {
    /// Says in front under what circumstances it happened.
    fn when(self, circumstances: &str) -> Self;
    /// Names the sentence of the contract that is broken, by its first words, unless one is named.
    fn breaks(self, sentence: &'static str) -> Self;
    /// Adds the likely cause, unless there is one.
    fn cause(self, cause: &str) -> Self;
    /// Adds where to read about it, unless that is there.
    fn read(self, read: &str) -> Self;
}

impl<T> Explain for Step<T> {
    fn when(self, circumstances: &str) -> Step<T> {
        self.map_err(|fault| fault.when(circumstances))
    }

    fn breaks(self, sentence: &'static str) -> Step<T> {
        self.map_err(|fault| fault.breaks(sentence))
    }

    fn cause(self, cause: &str) -> Step<T> {
        self.map_err(|fault| fault.cause(cause))
    }

    fn read(self, read: &str) -> Step<T> {
        self.map_err(|fault| fault.read(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_wins_and_the_rest_is_in_order() {
        let step: Step = Err(Fault::new("it was closed").cause("a drop"));
        let step = step.when("after 'x'").breaks("Stays open").cause("another");
        let fault = step.read("docs/01-echo.md: The idea").expect_err("it is");
        assert_eq!(
            fault.to_string(),
            "after 'x': it was closed\nthe contract: \"Stays open …\"\nlikely cause: a drop\n\
             read: docs/01-echo.md: The idea"
        );
    }

    #[test]
    fn what_a_function_returns_is_not_shown_without_end() {
        let fault = Fault::new("\u{4f60}\n".repeat(1000)).cause("c");
        assert!(fault.to_string().lines().count() <= MOST_LINES);
        let fault = Fault::new("\u{4f60}".repeat(100_000)).cause("c");
        assert!(fault.to_string().len() <= LONGEST);
        assert!(fault.to_string().ends_with("…\nlikely cause: c"));
    }

    #[test]
    fn knows_the_exercise_of_a_line_of_the_tests() {
        let source = "mod exercise;\n#[test]\nfn exercise_1_2_a() {\n    a()\n}\nfn exercise_10_3_b() { b() }\n";
        let above = |line| exercise_above(source, line);
        assert_eq!(above(1), None);
        assert_eq!(above(4).as_deref(), Some("1.2"));
        assert_eq!(above(6).as_deref(), Some("10.3"));
        assert_eq!(exercise_above("fn exercise_of(x)", 1), None);
    }
}
