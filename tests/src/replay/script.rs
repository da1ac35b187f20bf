//! What a session's blocks ask for, line by line.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use crate::page::{Block, Session};
use crate::terminal::Key;

/// One block of the session.
pub struct Part {
    pub block: Block,
    pub steps: Vec<Step>,
    /// The step that comes next.
    pub next: usize,
    /// The input of the next step has been typed; what remains is to see it on the screen.
    pub typed: bool,
    /// A terminal's later block, and the blocks below it up to the next such block.
    pub group: usize,
    /// Whether it is its terminal's first block in the session.
    pub first: bool,
    /// Whether it is its terminal's last.
    pub last: bool,
    /// Whether its last command shows nothing, and the terminal goes on with another one.
    pub silent: bool,
}

/// What one line of a block asks for.
pub enum Step {
    /// Start a program.
    Start(String),
    /// The screen shows a line.
    Show(String),
    /// The screen shows a prompt; something is typed or pressed there.
    Input {
        prompt: String,
        input: Input,
        line: String,
    },
}

/// What is typed at a prompt.
#[derive(Clone)]
pub enum Input {
    Line(String),
    Key(Key),
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Input::Line(text) => text,
            Input::Key(Key::C) => "^C",
            Input::Key(Key::D) => "^D",
        })
    }
}

impl Part {
    /// The session's blocks, in the page's order.
    pub fn all(session: &Session) -> Vec<Part> {
        let mut group = 0;
        let mut parts: Vec<Part> = Vec::new();
        for (i, block) in session.blocks.iter().enumerate() {
            let same = |other: &Block| other.terminal == block.terminal;
            let first = !session.blocks[..i].iter().any(same);
            let next = session.blocks[i + 1..].iter().find(|other| same(other));
            let last = next.is_none();
            let starts = |line: Option<&String>| line.is_some_and(|line| line.starts_with("$ "));
            let silent =
                starts(block.lines.last()) && next.is_some_and(|next| starts(next.lines.first()));
            group += usize::from(!first);
            let steps = block.lines.iter().map(|line| Step::parse(line)).collect();
            let (block, next, typed) = (block.clone(), 0, false);
            parts.push(Part {
                block,
                steps,
                next,
                typed,
                group,
                first,
                last,
                silent,
            });
        }
        parts
    }

    pub fn complete(&self) -> bool {
        self.next == self.steps.len()
    }

    pub fn begun(&self) -> bool {
        self.next > 0 || self.typed
    }

    /// Whether its program has shown something.
    pub fn under_way(&self) -> bool {
        self.next >= 2 || self.complete()
    }
}

impl Step {
    pub fn parse(line: &str) -> Step {
        // A prompt is at most one word and `> `; an arrow in an output is none.
        static PROMPT: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"^(\w*>(?: |$))(.*)$").expect("the pattern is tested"));
        if let Some(command) = line.strip_prefix("$ ") {
            return Step::Start(command.to_owned());
        }
        let (prompt, input) = match PROMPT.captures(line) {
            Some(found) => (format!("{} ", found[1].trim_end()), found[2].to_owned()),
            None if line == "^C" || line == "^D" => (String::new(), line.to_owned()),
            None => return Step::Show(line.to_owned()),
        };
        let input = match input.as_str() {
            "^C" => Input::Key(Key::C),
            "^D" => Input::Key(Key::D),
            _ => Input::Line(input),
        };
        Step::Input {
            prompt,
            input,
            line: line.to_owned(),
        }
    }
}
