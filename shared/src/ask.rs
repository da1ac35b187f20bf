use std::io::{self, BufRead, IsTerminal, Read, Write};

use crate::escape::preview;
use crate::failure::Failure;
use crate::print::{print_line, print_warning, stdout_failed};

/// The longest line that [`ask`] takes from the keyboard or a pipe, in bytes, its end not counted.
pub const MAX_LINE: usize = 64 * 1024;

/// Reads one line from stdin, without the `\n` or `\r\n` at its end; `None` at the end of input.
///
/// `prompt` is shown only where a person sits at a terminal. The last line counts also without
/// an end. The bytes need not be UTF-8.
///
/// # Errors
/// The line is longer than [`MAX_LINE`], or stdin cannot be read.
pub fn ask(prompt: &str) -> Result<Option<Vec<u8>>, Failure> {
    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
    if interactive {
        let mut stdout = io::stdout().lock();
        if let Err(error) = write!(stdout, "{prompt}").and_then(|()| stdout.flush()) {
            stdout_failed(&error);
        }
    }

    let mut line = Vec::new();
    let limit = MAX_LINE as u64 + 2; // and its end, which may be two bytes
    io::stdin()
        .lock()
        .take(limit)
        .read_until(b'\n', &mut line)
        .map_err(|e| Failure::new(format!("cannot read from standard input: {e}")))?;
    if line.is_empty() {
        if interactive {
            print_line(format_args!("")); // the shell's next prompt starts a line of its own
        }
        return Ok(None);
    }

    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    if line.len() > MAX_LINE {
        return Err(Failure::new(format!(
            "the line '{}' is too long: more than {MAX_LINE} bytes",
            preview(&line)
        )));
    }
    Ok(Some(line))
}

/// Reads one line of text from stdin, as [`ask`] does. A line that is not UTF-8 is reported on
/// stderr, and the next one is asked for.
///
/// # Errors
/// As [`ask`].
pub fn ask_text(prompt: &str) -> Result<Option<String>, Failure> {
    while let Some(line) = ask(prompt)? {
        match String::from_utf8(line) {
            Ok(text) => return Ok(Some(text)),
            Err(error) => {
                let line = preview(error.as_bytes());
                print_warning(format_args!("error: the line '{line}' is not UTF-8"));
            }
        }
    }
    Ok(None)
}
