//! A program in a terminal: a real pseudo-terminal or, where there is none, pipes.

mod pipes;
#[cfg(unix)]
mod pty;
mod screen;

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use self::pipes::Pipes;
#[cfg(unix)]
use self::pty::Pty;
use self::screen::{COLUMNS, Screen, lock};

pub use self::screen::{Call, Key};

/// What is between the program and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A pseudo-terminal: the program sees a person at a keyboard. Only on Unix: Windows has
    /// them too, but there they were not tried.
    Pseudo,
    /// Pipes: the program shows no prompt and no colour, and what is typed does not appear by
    /// itself, so we show prompt and text in its place.
    Pipes,
}

impl Kind {
    /// What is tried first on this system.
    pub const FIRST: Kind = if cfg!(unix) {
        Kind::Pseudo
    } else {
        Kind::Pipes
    };
}

/// A program that runs in a terminal of its own. It is killed when this is dropped.
pub struct Terminal {
    screen: Arc<Mutex<Screen>>,
    program: Program,
    interrupted: bool,
}

enum Program {
    #[cfg(unix)]
    Pseudo(Pty),
    Pipes(Pipes),
}

impl Terminal {
    /// Starts a program in the workspace's folder. `bell` is rung whenever the screen changes and
    /// when the program exits.
    pub fn start(call: &Call, kind: Kind, bell: Sender<()>) -> Result<Terminal, String> {
        let screen = Arc::new(Mutex::new(Screen::new()));
        let shared = Arc::clone(&screen);
        let program = match kind {
            #[cfg(unix)]
            Kind::Pseudo => Program::Pseudo(Pty::start(call, shared, bell)?),
            #[cfg(not(unix))]
            Kind::Pseudo => return Err("there are no pseudo-terminals here".to_owned()),
            Kind::Pipes => Program::Pipes(Pipes::start(call, shared, bell)?),
        };
        Ok(Terminal {
            screen,
            program,
            interrupted: false,
        })
    }

    /// Types text and presses Enter. The prompt is shown where the program shows none.
    pub fn type_line(&mut self, prompt: &str, text: &str) -> Result<(), String> {
        match &mut self.program {
            #[cfg(unix)]
            Program::Pseudo(pty) => pty.send(format!("{text}\r").as_bytes()),
            Program::Pipes(pipes) => pipes.type_line(prompt, text),
        }
    }

    /// Presses a key together with Ctrl. The prompt is shown where the program shows none.
    pub fn press(&mut self, prompt: &str, key: Key) -> Result<(), String> {
        self.interrupted |= key == Key::C;
        match &mut self.program {
            #[cfg(unix)]
            Program::Pseudo(pty) => pty.send(match key {
                Key::C => b"\x03",
                Key::D => b"\x04",
            }),
            Program::Pipes(pipes) => pipes.press(prompt, key),
        }
    }

    /// Whether the program shows its prompts.
    pub fn prompts(&self) -> bool {
        !matches!(self.program, Program::Pipes(_))
    }

    /// Whether it was ended by force, where Ctrl-C cannot be passed on: what it says at Ctrl-C does
    /// not come.
    pub fn killed(&self) -> bool {
        self.interrupted && !self.prompts() && cfg!(not(unix))
    }

    /// What the screen shows: the lines that are finished, and the one the cursor stands in.
    pub fn lines(&self) -> (Vec<String>, String) {
        let (lines, current) = self.timed_lines();
        (lines.into_iter().map(|(_, line)| line).collect(), current)
    }

    /// The same; each finished line with the time at which it was finished.
    pub fn timed_lines(&self) -> (Vec<(Instant, String)>, String) {
        let locked = lock(&self.screen);
        let screen = locked.parser.screen();
        let (cursor_row, cursor_column) = screen.cursor_position();
        let mut lines = Vec::new();
        let mut line = String::new();
        for (row, text) in (0..cursor_row).zip(screen.rows(0, COLUMNS.get())) {
            line += &text;
            if !screen.row_wrapped(row) {
                let finished = locked.left[usize::from(row)];
                lines.push((finished, std::mem::take(&mut line).trim_end().to_owned()));
            }
        }
        line += &screen.contents_between(cursor_row, 0, cursor_row, cursor_column);
        (lines, line)
    }

    /// Whether the program has exited; its last output may still be on the way.
    pub fn exited(&self) -> bool {
        lock(&self.screen).exited
    }

    /// Whether the program has exited and everything it wrote is on the screen.
    pub fn finished(&mut self) -> bool {
        let screen = lock(&self.screen);
        // The terminal shows ^C by itself, perhaps after the program has died of it.
        let all_shown = !self.interrupted || screen.parser.screen().contents().contains("^C");
        if screen.exited && all_shown {
            match &mut self.program {
                #[cfg(unix)]
                Program::Pseudo(pty) => pty.let_go(),
                Program::Pipes(_) => {}
            }
        }
        screen.closed
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsString;
    use std::sync::mpsc;

    use super::*;
    use crate::place::PATIENCE;

    #[test]
    fn ends_with_its_program_although_somebody_else_holds_the_terminal() {
        let (bell, rung) = mpsc::channel();
        let call = Call {
            argv: &["sh", "-c", "trap '' HUP; echo hello; sleep 10 &"].map(OsString::from),
            environment: &[],
        };
        let started = Terminal::start(&call, Kind::Pseudo, bell);
        let mut terminal = started.expect("the shell starts");
        while !terminal.finished() {
            let rang = rung.recv_timeout(PATIENCE);
            rang.expect("waited for the terminal to count as closed");
        }
        assert_eq!(terminal.lines().0, ["hello"]);
    }
}
