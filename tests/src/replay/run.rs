//! One program of a session, and what it shows.

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
