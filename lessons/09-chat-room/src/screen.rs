//! A terminal on which lines arrive while somebody types.
//!
//! A terminal shows what is typed by itself, and hands it to the program only when Enter is
//! pressed. What another thread prints meanwhile lands in the middle of the half-typed line. So
//! here the program takes each key, shows it itself, and knows what to draw again below a line
//! that has come.
//!
//! On Unix. On Windows, and where the input or the output is no terminal, lines are just printed:
//! there the keys would need another interface, which was not tried.

use std::io::{self, BufRead, Write};
use std::mem;
use std::process;
use std::sync::{Mutex, MutexGuard};

use shared::{Failure, ask, escape, say};

const PROMPT: &str = "> ";

/// The keyboard and the screen of a client.
pub struct Screen {
    state: Mutex<State>,
    #[cfg(unix)]
    keys: Option<keys::Keys>,
}

#[derive(Default)]
struct State {
    /// What has been typed of a line; `None` while nobody is asked for one.
    typed: Option<Vec<u8>>,
}

impl Screen {
    /// Takes over the terminal, if there is one.
    pub fn new() -> Screen {
        Screen {
            state: Mutex::default(),
            #[cfg(unix)]
            keys: keys::Keys::take(),
        }
    }

    /// Shows a line. If somebody is typing one, that goes on below it.
    pub fn show(&self, line: &str) {
        let state = self.lock(); // nothing is typed in between
        if let Some(typed) = &state.typed {
            draw(&format!("\r\x1b[K{line}\n{}", self.half_line(typed)));
        } else {
            say!("{line}");
        }
    }

    /// Waits for the next line from the keyboard, or from a pipe; `None` at the end of input.
    ///
    /// # Errors
    /// As [`ask`].
    pub fn ask(&self) -> Result<Option<Vec<u8>>, Failure> {
        if !self.has_keys() {
            return ask("");
        }
        self.lock().typed = Some(Vec::new());
        draw(PROMPT);
        let mut stdin = io::stdin().lock();
        loop {
            let bytes = stdin
                .fill_buf()
                .map_err(|e| Failure::new(format!("cannot read from standard input: {e}")))?;
            let mut used = 0;
            let mut done = bytes.is_empty().then_some(None); // the terminal is gone
            while used < bytes.len() && done.is_none() {
                used += 1;
                done = self.press(bytes[used - 1]);
            }
            stdin.consume(used);
            if let Some(line) = done {
                return Ok(line);
            }
        }
    }

    /// Takes one byte from the keyboard: goes on (`None`), or ends the line or all input.
    fn press(&self, byte: u8) -> Option<Option<Vec<u8>>> {
        let mut state = self.lock();
        let typed = state.typed.as_mut()?;
        match byte {
            b'\n' | b'\r' => {
                let line = mem::take(typed);
                state.typed = None;
                draw(&format!("\r\x1b[K{PROMPT}{}\n", escape(&line)));
                return Some(Some(line));
            }
            CTRL_C => {
                draw("^C\n");
                self.give_back();
                process::exit(130); // what shells expect of a program that Ctrl-C has ended
            }
            CTRL_D if typed.is_empty() => {
                draw("\n");
                state.typed = None;
                return Some(None);
            }
            BACKSPACE | DELETE => rub_out(typed),
            CTRL_U => typed.clear(),
            // An arrow, say, sends ESC and some letters, which are typed here. This is no editor.
            0..b' ' => return None,
            _ => typed.push(byte),
        }
        draw(&format!("\r\x1b[K{}", self.half_line(typed)));
        None
    }

    /// Gives the terminal back as it was, and wipes the prompt away.
    pub fn close(&self) {
        let mut state = self.lock();
        if state.typed.take().is_some() {
            draw("\r\x1b[K");
        }
        self.give_back();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no thread panics while it holds this")
    }

    /// The prompt and the end of what was typed, as much as fits into one row.
    fn half_line(&self, typed: &[u8]) -> String {
        // The last character may have come in half.
        let whole = typed
            .utf8_chunks()
            .map(|chunk| chunk.valid())
            .collect::<String>();
        let shown = escape(whole.as_bytes());
        let mut room = self.columns().saturating_sub(PROMPT.len() + 2);
        let fits = |(_, c): &(usize, char)| {
            let width = if *c < '\u{1100}' { 1 } else { 2 };
            let enough = room >= width;
            room = room.saturating_sub(width);
            enough
        };
        let start = shown.char_indices().rev().take_while(fits).last();
        let start = start.map_or(shown.len(), |(i, _)| i);
        let more = if start > 0 { "…" } else { "" };
        format!("{PROMPT}{more}{}", &shown[start..])
    }
}

#[cfg(unix)]
impl Screen {
    fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    fn give_back(&self) {
        if let Some(keys) = &self.keys {
            keys.give_back();
        }
    }

    fn columns(&self) -> usize {
        keys::columns()
    }
}

#[cfg(not(unix))]
impl Screen {
    fn has_keys(&self) -> bool {
        false
    }

    fn give_back(&self) {}

    fn columns(&self) -> usize {
        80
    }
}

impl Default for Screen {
    fn default() -> Screen {
        Screen::new()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

fn draw(text: &str) {
    let mut stdout = io::stdout().lock();
    // If the terminal is gone, there is nobody to tell.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Takes the last character away, all of its bytes.
fn rub_out(typed: &mut Vec<u8>) {
    while let Some(byte) = typed.pop() {
        if byte & 0b1100_0000 != 0b1000_0000 {
            break;
        }
    }
}

#[cfg(unix)]
mod keys {
    use std::io::{self, IsTerminal};

    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
    };

    /// A terminal that hands each key to the program and shows none by itself.
    pub struct Keys {
        before: Termios,
    }

    impl Keys {
        pub fn take() -> Option<Keys> {
            let (stdin, stdout) = (io::stdin(), io::stdout());
            if !stdin.is_terminal() || !stdout.is_terminal() {
                return None;
            }
            let before = tcgetattr(&stdin).ok()?;
            let mut modes = before.clone();
            modes.local_modes -=
                LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(&stdin, OptionalActions::Drain, &modes).ok()?;
            Some(Keys { before })
        }

        pub fn give_back(&self) {
            // If the terminal is gone, there is nothing to give back.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
        }
    }

    pub fn columns() -> usize {
        let size = tcgetwinsize(io::stdout());
        size.map_or(80, |size| usize::from(size.ws_col).max(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubs_out_whole_characters() {
        let mut typed = "a你".as_bytes().to_vec();
        rub_out(&mut typed);
        assert_eq!(typed, b"a");
        rub_out(&mut typed);
        rub_out(&mut typed);
        assert_eq!(typed, b"");
    }
}
