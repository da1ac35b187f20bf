//! A program in a real pseudo-terminal.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use portable_pty::{ChildKiller, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

/// Lines of the screen: more than any transcript has, so that nothing scrolls away.
const ROWS: NonZeroU16 = NonZeroU16::new(400).expect("it is not 0");
/// Columns of the screen. What wraps is joined again.
const COLUMNS: NonZeroU16 = NonZeroU16::new(80).expect("it is not 0");

/// How long after its program's exit a terminal counts as closed, whoever still holds it.
const LET_GO: Duration = Duration::from_secs(2);

/// A key pressed together with Ctrl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Ctrl-C: the terminal interrupts the program.
    C,
    /// Ctrl-D: the end of input.
    D,
}

/// A program that runs in a pseudo-terminal of its own. It is killed when this is dropped.
pub struct Terminal {
    screen: Arc<Mutex<Screen>>,
    keyboard: Box<dyn Write + Send>,
    killer: Box<dyn ChildKiller + Send + Sync>,
    /// Closing it hangs up, which ends whatever still runs in the terminal.
    _master: Box<dyn MasterPty + Send>,
    /// Held open until the program has exited and its last output was seen: what a terminal
    /// still has to show is lost otherwise.
    slave: Option<Box<dyn SlavePty + Send>>,
    interrupted: bool,
}

struct Screen {
    parser: vt100::Parser,
    exited: bool,
    /// Nobody holds the terminal any more, or none of ours: everything written to it was read.
    closed: bool,
}

impl Terminal {
    /// Starts a program with its arguments in the workspace's folder. `bell` is rung whenever the
    /// screen changes and when the program exits.
    pub fn start(command: &[OsString], bell: Sender<()>) -> Result<Terminal, String> {
        let size = PtySize {
            rows: ROWS.get(),
            cols: COLUMNS.get(),
            ..PtySize::default()
        };
        let pair = native_pty_system()
            .openpty(size)
            .map_err(|e| format!("cannot open a pseudo-terminal: {e}"))?;

        let mut builder = CommandBuilder::from_argv(command.to_vec());
        builder.cwd(crate::place::workspace());
        builder.env("TERM", "xterm-256color");
        builder.env_remove("NO_COLOR");
        builder.env_remove("COURSE_KEY"); // lesson 7's programs would take it
        let mut child = pair
            .slave
            .spawn_command(builder)
            .map_err(|e| format!("cannot start {command:?}: {e}"))?;

        let failed = |e| format!("cannot use the pseudo-terminal: {e}");
        let mut output = pair.master.try_clone_reader().map_err(failed)?;
        let keyboard = pair.master.take_writer().map_err(failed)?;
        let killer = child.clone_killer();
        let screen = Arc::new(Mutex::new(Screen {
            parser: vt100::Parser::new(ROWS, COLUMNS, 0),
            exited: false,
            closed: false,
        }));

        // The bell's other end may be gone; then nobody wants to know.
        thread::spawn({
            let (screen, bell) = (Arc::clone(&screen), bell.clone());
            move || {
                let mut bytes = [0; 4096];
                // Linux ends a terminal that everybody has closed with an error, not with 0.
                while let Ok(n @ 1..) = output.read(&mut bytes) {
                    lock(&screen).parser.process(&bytes[..n]);
                    let _ = bell.send(());
                }
                lock(&screen).closed = true;
                let _ = bell.send(());
            }
        });
        thread::spawn({
            let screen = Arc::clone(&screen);
            move || {
                let _ = child.wait();
                lock(&screen).exited = true;
                let _ = bell.send(());
                // Whoever was started by another thread just when this terminal was opened may hold
                // it too. What the program wrote has long been read by then.
                thread::sleep(LET_GO);
                lock(&screen).closed = true;
                let _ = bell.send(());
            }
        });

        Ok(Terminal {
            screen,
            keyboard,
            killer,
            _master: pair.master,
            slave: Some(pair.slave),
            interrupted: false,
        })
    }

    /// Types text and presses Enter.
    pub fn type_line(&mut self, text: &str) -> Result<(), String> {
        self.send(format!("{text}\r").as_bytes())
    }

    /// Presses a key together with Ctrl.
    pub fn press(&mut self, key: Key) -> Result<(), String> {
        self.interrupted |= key == Key::C;
        self.send(match key {
            Key::C => b"\x03",
            Key::D => b"\x04",
        })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.keyboard
            .write_all(bytes)
            .and_then(|()| self.keyboard.flush())
            .map_err(|e| format!("cannot type into the pseudo-terminal: {e}"))
    }

    /// What the screen shows: the lines that are finished, and the one the cursor stands in.
    pub fn lines(&self) -> (Vec<String>, String) {
        let screen = lock(&self.screen);
        let screen = screen.parser.screen();
        let (cursor_row, cursor_column) = screen.cursor_position();
        let mut lines = Vec::new();
        let mut line = String::new();
        for (row, text) in (0..cursor_row).zip(screen.rows(0, COLUMNS.get())) {
            line += &text;
            if !screen.row_wrapped(row) {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
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
            self.slave = None;
        }
        screen.closed
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.killer.kill(); // it may have exited already
    }
}

fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen
        .lock()
        .expect("no thread panics while it holds the screen")
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::place::PATIENCE;

    #[test]
    fn ends_with_its_program_although_somebody_else_holds_the_terminal() {
        let (bell, rung) = mpsc::channel();
        let command = ["sh", "-c", "trap '' HUP; echo hello; sleep 10 &"].map(OsString::from);
        let mut terminal = Terminal::start(&command, bell).expect("the shell starts");
        while !terminal.finished() {
            let rang = rung.recv_timeout(PATIENCE);
            rang.expect("waited for the terminal to count as closed");
        }
        assert_eq!(terminal.lines().0, ["hello"]);
    }
}
