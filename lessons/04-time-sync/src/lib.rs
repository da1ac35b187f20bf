//! Lesson 4: datagrams that ask and answer, and what a clock can know. Read
//! `docs/04-time-sync.md` beside it.
//!
//! The protocol: a request is a strftime format, UTF-8, or empty for the server's own. Its answer
//! is the local time in that format, or `error: ` and the reason.

pub mod contract;
mod summary;
mod tally;

use jiff::Zoned;
use jiff::fmt::strtime;
use shared::{Failure, decode, escape};

pub use summary::{SECONDS, Sample, Summary};
pub use tally::Tally;

/// Where the server listens and the client asks if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8804";

/// The format of an empty request.
pub const DEFAULT_FORMAT: &str = "%Y-%m-%d %X";

/// The longest format that is answered, in bytes.
pub const MAX_FORMAT: usize = 256;

/// The longest answer, in bytes.
pub const MAX_ANSWER: usize = 1024;

/// What an answer begins with that is not a time.
pub const ERROR: &str = "error: ";

/// The answer to a request: the time in the format that stands in it.
///
/// # Errors
/// A reason that the client is told, at most [`MAX_ANSWER`] bytes with [`ERROR`] before it.
pub fn format_time(request: &[u8], now: &Zoned) -> Result<String, String> {
    if request.len() > MAX_FORMAT {
        let length = request.len();
        return Err(format!(
            "the format is too long: {length} bytes > {MAX_FORMAT}"
        ));
    }
    let format = match decode(request).map_err(|e| e.to_string())? {
        "" => DEFAULT_FORMAT,
        format => format,
    };
    if format.contains(char::is_control) {
        return Err("there is a control character in the format".to_owned());
    }
    let answer = strtime::format(format, now).map_err(|e| e.to_string())?;
    if answer.len() > MAX_ANSWER {
        let length = answer.len();
        return Err(format!(
            "the answer would be too long: {length} bytes > {MAX_ANSWER}"
        ));
    }
    // Without this, a forged sender could make two servers answer each other for ever: an answer
    // such as "13:40:59" is a format too, and its time is "13:40:59".
    if answer == format {
        return Err("the format asks for nothing: there is no % in it".to_owned());
    }
    Ok(answer)
}

/// The text of an answer.
///
/// # Errors
/// It is not UTF-8, or tells why there is no time.
pub fn read_answer(answer: &[u8]) -> Result<&str, Failure> {
    let text =
        decode(answer).map_err(|e| Failure::new(format!("the server's answer is no text: {e}")))?;
    if let Some(reason) = text.strip_prefix(ERROR) {
        let shown = escape(reason.as_bytes());
        return Err(Failure::new(format!("the server refuses: {shown}")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use arbtest::arbitrary::{self, Unstructured};
    use arbtest::arbtest;

    use super::*;

    fn answer(request: &[u8]) -> Result<String, String> {
        let now = "2026-11-20T13:40:59.000045+01:00[+01:00]".parse();
        format_time(request, &now.expect("the form is right"))
    }

    #[test]
    fn gives_the_time_in_the_format_that_was_asked_for() {
        for (format, time) in [
            ("", "2026-11-20 13:40:59"),
            ("%Y/%m/%d %H:%M:%S", "2026/11/20 13:40:59"),
            ("%X", "13:40:59"),
            ("%s.%f", "1795178459.000045"),
            ("世界 %H 时", "世界 13 时"),
            ("%z", "+0100"),
            ("100 %%", "100 %"),
            (" %Y ", " 2026 "),
            // Not as in C, where %c is "Fri Nov 20 13:40:59 2026" and %x "11/20/26".
            ("%c", "2026 M11 20, Fri 13:40:59"),
            ("%x", "2026 M11 20"),
        ] {
            assert_eq!(answer(format.as_bytes()).as_deref(), Ok(time), "{format:?}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_format() {
        let long = "%Y".repeat(129);
        let much = "%c".repeat(128);
        for (format, reason) in [
            (&b"%"[..], "strftime formatting failed: "),
            (b"%Y %", "strftime formatting failed: "),
            (b"%!", "strftime formatting failed: "),
            (b"%1000Y", "strftime formatting failed: "),
            (b"\xff", "not UTF-8 from byte 0 on: \\xff"),
            (b"%Y\0", "there is a control character in the format"),
            (b"%Y\n", "there is a control character in the format"),
            (long.as_bytes(), "the format is too long: 258 bytes > 256"),
            (
                much.as_bytes(),
                "the answer would be too long: 3200 bytes > 1024",
            ),
            (b"13:40:59", "the format asks for nothing"),
        ] {
            let refused = answer(format).expect_err("it is refused");
            assert!(refused.starts_with(reason), "{format:?}: {refused}");
        }
    }

    /// A format of directives that exist, of some that make much of little, or of anything.
    fn format(u: &mut Unstructured) -> arbitrary::Result<String> {
        let kind = u.choose_index(3)?;
        let mut format = String::new();
        for _ in 0..u.choose_index(100)? {
            match kind {
                0 => {
                    let flag = u.choose(&["", "-", "_", "0", "^", "#"])?;
                    let letters = b"AaBbCcDdeFfGgHhIjklMmNnPpQqRrSsTtUuVWwXxYyZz%";
                    let directive = char::from(*u.choose(letters)?);
                    format += &format!("%{flag}{directive}");
                }
                1 => format += u.choose(&["%c", "%x", "%F", "%20d"])?,
                _ => format.push(if u.arbitrary()? { '%' } else { u.arbitrary()? }),
            }
        }
        Ok(format)
    }

    /// Somebody who forges the sender's address can have two servers speak with each other.
    #[test]
    fn answers_are_short_and_two_servers_come_to_an_end() {
        arbtest(|u| {
            let mut request = format(u)?;
            for _ in 0..10 {
                match answer(request.as_bytes()) {
                    Ok(time) => {
                        assert!(time.len() <= MAX_ANSWER, "{time}");
                        request = time;
                    }
                    Err(reason) => {
                        assert!(ERROR.len() + reason.len() <= MAX_ANSWER, "{reason}");
                        assert_eq!(escape(reason.as_bytes()), reason);
                        return Ok(()); // no server answers this
                    }
                }
            }
            panic!("they speak for ever");
        });
    }
}
