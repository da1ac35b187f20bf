use std::fmt::{self, Write as _};
use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};
use std::process;

use crate::Failure;

/// The longest line that [`ask`] takes from the keyboard or a pipe, in bytes, its end not counted.
pub const MAX_LINE: usize = 64 * 1024;

/// Prints a line to stdout, as `println!` does.
///
/// When nobody reads stdout any more (`… | head -1`), `println!` panics; this ends the program
/// quietly, as the commands of a Unix shell end.
#[macro_export]
macro_rules! say {
    ($($arg:tt)*) => { $crate::print_line(format_args!($($arg)*)) };
}

/// Prints a line to stderr, as `eprintln!` does, but does not panic when nobody reads it.
#[macro_export]
macro_rules! warn {
    ($($arg:tt)*) => { $crate::print_warning(format_args!($($arg)*)) };
}

/// What [`say!`] calls.
pub fn print_line(text: fmt::Arguments<'_>) {
    let mut stdout = io::stdout().lock();
    // stdout is flushed at each line's end, also into a pipe.
    if let Err(error) = writeln!(stdout, "{text}") {
        stdout_failed(&error);
    }
}

/// What [`warn!`] calls.
pub fn print_warning(text: fmt::Arguments<'_>) {
    // There is nowhere left to report that stderr is gone.
    let _ = writeln!(io::stderr(), "{text}");
}

fn stdout_failed(error: &io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        process::exit(0);
    }
    warn!("error: cannot write to standard output: {error}");
    process::exit(1);
}

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
            say!(""); // the shell's next prompt starts a line of its own
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
            Err(error) => warn!(
                "error: the line '{}' is not UTF-8",
                preview(error.as_bytes())
            ),
        }
    }
    Ok(None)
}

/// Bytes from outside as text that is safe to print.
///
/// Readable UTF-8 stays as it is. Control characters become `\n`, `\t`, `\x1b`, `\u{85}`, and so
/// do the marks that turn the direction of text around; bytes that are not UTF-8 become `\xff`.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' | '\r' | '\t' => text.extend(c.escape_default()),
                '\0'..='\x1f' | '\x7f' => push_hex(&mut text, u32::from(c)),
                _ if c.is_control() || turns_direction(c) => text.extend(c.escape_unicode()),
                _ => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            push_hex(&mut text, u32::from(*byte));
        }
    }
    text
}

fn push_hex(text: &mut String, byte: u32) {
    write!(text, "\\x{byte:02x}").expect("writing to a String cannot fail");
}

/// The first 40 bytes or so, [escaped](escape), and `…` where more follows.
pub fn preview(bytes: &[u8]) -> String {
    const LONGEST: usize = 40;
    if bytes.len() <= LONGEST {
        return escape(bytes);
    }
    // A character may have begun before the cut.
    let start_of_char = |&i: &usize| bytes[i] & 0b1100_0000 != 0b1000_0000;
    let end = (LONGEST - 3..=LONGEST).rev().find(start_of_char);
    escape(&bytes[..end.unwrap_or(LONGEST)]) + "…"
}

/// The characters that hide text or show it in another order (Unicode Standard Annex 9), and the
/// two that end a line without being control characters.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shows_control_characters_and_broken_utf8_escaped() {
        let bytes = b"a\x1b[2J\n\x00\x7f\xff \xe4\xbd\xa0\xe5";
        assert_eq!(escape(bytes), "a\\x1b[2J\\n\\x00\\x7f\\xff 你\\xe5");
        assert_eq!(escape("\u{85}\u{202e}".as_bytes()), "\\u{85}\\u{202e}");
    }

    #[test]
    fn previews_forty_bytes_without_cutting_a_character() {
        assert_eq!(preview(&[b'x'; 40]), "x".repeat(40));
        assert_eq!(preview(&[b'x'; 41]), "x".repeat(40) + "…");
        assert_eq!(preview("你".repeat(14).as_bytes()), "你".repeat(13) + "…");
        assert_eq!(preview(&[0x80; 41]), "\\x80".repeat(40) + "…");
    }

    /// Bytes as a peer may send them: text of any kind, between bytes that are none.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let text = any::<char>().prop_map(|c| c.to_string().into_bytes());
        let control = prop::sample::select(vec!["\x1b[2J", "\u{9b}", "\u{202e}", "\r\n", "…"]);
        let control = control.prop_map(|text| text.as_bytes().to_vec());
        let broken = prop::collection::vec(any::<u8>(), 1..4);
        let parts = prop::collection::vec(prop_oneof![text, control, broken], 0..30);
        parts.prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn what_was_escaped_is_safe_to_print_and_to_escape_again(bytes in bytes()) {
            for shown in [escape(&bytes), preview(&bytes)] {
                let unsafe_char = shown.chars().find(|&c| c.is_control() || turns_direction(c));
                prop_assert_eq!(unsafe_char, None, "{:?}", shown);
                prop_assert_eq!(escape(shown.as_bytes()), shown);
            }
            prop_assert!(preview(&bytes.repeat(40)).chars().count() <= 4 * 40 + 1);
        }

        #[test]
        fn parts_are_escaped_as_the_whole_is(first in bytes(), second in any::<String>()) {
            let whole = [&first, second.as_bytes()].concat();
            prop_assert_eq!(escape(&first) + &escape(second.as_bytes()), escape(&whole));
        }
    }
}
