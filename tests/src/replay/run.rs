//! One program of a session, and what it shows.

use std::collections::BTreeSet;
use std::time::Instant;

use super::script::Input;
use crate::process::listens_at;
use crate::redact::Ports;
use crate::terminal::Terminal;

/// One program of the session, from its start to its end.
pub struct Run {
    pub terminal: Terminal,
    /// The N of its terminal, and the part that started it.
    pub number: usize,
    /// How many lines of its screen the page has accounted for.
    pub seen: usize,
    /// Lines behind these that the page has accounted for too, and where the last one was: a tap's
    /// connections need not come in the page's order.
    pub ahead: BTreeSet<usize>,
    pub last: usize,
    /// How many lines of its screen were reported to whoever watches.
    pub reported: usize,
    /// The page's port whose real one its first line tells.
    pub chooses: Option<u16>,
    /// The parts that show it.
    pub parts: Vec<usize>,
    /// How many lines its screen had when a group of blocks began.
    pub at_group: Vec<(usize, usize)>,
    /// The lines in which Ctrl-D was pressed, which the screen does not show.
    pub ended_at: Vec<usize>,
}

/// What a program's screen shows at one moment.
pub struct Screen {
    /// The lines that are finished; after the program's end, also one without a line's end.
    pub lines: Vec<String>,
    /// The line in which the cursor stands.
    pub current: String,
    /// Nothing more will come.
    pub finished: bool,
}

impl Run {
    /// Which line of the screen the page's next line is compared with.
    pub fn next(&self, expected: &str, lines: &[String]) -> usize {
        let unseen = |i: &usize| !self.ahead.contains(i);
        let Some(connection) = connection(expected) else {
            // A row of bytes stands below the line that it belongs to.
            let below = self.last + 1;
            let goes_on = self.last > self.seen && unseen(&below);
            return if goes_on { below } else { self.seen };
        };
        let first = lines.get(self.seen).and_then(|line| self::connection(line));
        if first.is_none_or(|first| first == connection) {
            return self.seen;
        }
        let mut further = (self.seen..lines.len()).filter(unseen);
        let same = further.find(|&i| self::connection(&lines[i]) == Some(connection));
        same.unwrap_or(lines.len()) // it may still come
    }

    /// Notes that the page has accounted for a line.
    pub fn see(&mut self, line: usize) {
        self.last = line;
        self.ahead.insert(line);
        while self.ahead.remove(&self.seen) {
            self.seen += 1;
        }
    }

    /// The lines that nobody was told of yet and that were finished up to that time, which are told
    /// now.
    pub fn news(&mut self, until: Option<Instant>) -> Vec<(Instant, String)> {
        let finished = self.terminal.finished();
        let (mut lines, current) = self.terminal.timed_lines();
        if finished && !current.is_empty() {
            // Without a line's end; it came behind the others.
            let last = lines.last().map(|line| line.0);
            let time = last.or(until).unwrap_or_else(Instant::now);
            lines.push((time, current.trim_end().to_owned()));
        }
        let known = self.reported.min(lines.len());
        let news = lines.split_off(known);
        let is_due = |line: &(Instant, String)| until.is_none_or(|until| line.0 <= until);
        let news: Vec<_> = news.into_iter().take_while(is_due).collect();
        self.reported += news.len();
        news
    }

    /// What the screen shows now.
    pub fn screen(&mut self) -> Screen {
        let finished = self.terminal.finished(); // asked first: afterwards nothing more comes
        let (mut lines, mut current) = self.terminal.lines();
        if finished && !current.is_empty() {
            lines.push(std::mem::take(&mut current).trim_end().to_owned());
        }
        Screen {
            lines,
            current,
            finished,
        }
    }

    /// Takes the port that the system chose from the line `listening on …`.
    pub fn learn_port(&mut self, lines: &[String], ports: &mut Ports) {
        let (Some(page), Some(first)) = (self.chooses, lines.first()) else {
            return;
        };
        if let Some(real) = listens_at(first) {
            ports.set(page, real.port());
            self.chooses = None;
        }
    }

    /// Types or presses what stands behind the prompt.
    pub fn enter(&mut self, prompt: &str, input: &Input) -> Result<(), String> {
        match input {
            Input::Line(text) => self.terminal.type_line(prompt, text),
            Input::Key(key) => self.terminal.press(prompt, *key),
        }
    }
}

/// The number of the connection of which a tap's line tells, as in `0.001 s  #1  closed`.
fn connection(line: &str) -> Option<u32> {
    let (time, rest) = line.split_once(" s  #")?;
    let is_time = time.bytes().all(|b| b == b'.' || b.is_ascii_digit());
    let number = rest.split_once("  ")?.0;
    is_time.then(|| number.parse().ok()).flatten()
}
