use std::collections::{BTreeMap, HashSet};
use std::str;

use shared::preview;

use crate::{Heard, Outboxes, Service};

/// The longest name, in bytes.
pub const MAX_NAME: usize = 32;

/// Of more than so many people a newcomer is told only how many they are.
const LISTED: usize = 100;

/// The chat room: who is here, and who hears what.
///
/// What the room says itself begins with `* ` or `error: `, what somebody says with a name and
/// `: `. No name is `*` or `error`, so nobody can speak with the room's voice.
#[derive(Default)]
pub struct Room {
    names: BTreeMap<usize, String>,
    /// The same names, to find one quickly.
    taken: HashSet<String>,
}

impl Service for Room {
    fn line(&mut self, id: usize, line: &[u8], out: &mut impl Outboxes) -> Heard {
        let line = line.strip_suffix(b"\r").unwrap_or(line); // some clients end lines with \r\n
        let Some(name) = self.names.get(&id) else {
            return self.enter(id, line, out);
        };
        let said = format!("{name}: {}\n", text(line));
        self.tell_others(id, &said, out);
        Heard::Fine
    }

    fn left(&mut self, id: usize, out: &mut impl Outboxes) {
        if let Some(name) = self.names.remove(&id) {
            self.taken.remove(&name);
            self.tell_others(id, &format!("* {name} has left\n"), out);
        }
    }
}

impl Room {
    /// A client's first line is its name.
    fn enter(&mut self, id: usize, line: &[u8], out: &mut impl Outboxes) -> Heard {
        let name = match name(line) {
            Ok(name) => name.to_owned(),
            Err(reason) => return Heard::Refused(reason),
        };
        if !self.taken.insert(name.clone()) {
            return Heard::Refused(format!("the name {name} is taken"));
        }
        out.put(id, self.who_is_here().as_bytes());
        self.tell_others(id, &format!("* {name} is here\n"), out);
        self.names.insert(id, name.clone());
        Heard::Named(name)
    }

    fn who_is_here(&self) -> String {
        let names: Vec<&str> = self
            .names
            .values()
            .map(String::as_str)
            .take(LISTED)
            .collect();
        match self.names.len() - names.len() {
            0 if names.is_empty() => "* nobody else is here\n".to_owned(),
            0 => format!("* here: {}\n", names.join(", ")),
            more => format!("* here: {} and {more} more\n", names.join(", ")),
        }
    }

    fn tell_others(&self, id: usize, line: &str, out: &mut impl Outboxes) {
        for &other in self.names.keys().filter(|&&other| other != id) {
            out.put(other, line.as_bytes());
        }
    }
}

/// The name that a line gives, or what is wrong with it.
fn name(line: &[u8]) -> Result<&str, String> {
    let Some(name) = str::from_utf8(line).ok().filter(|name| is_name(name)) else {
        return Err(format!(
            "'{}' is no name: it needs 1 to {MAX_NAME} bytes of letters, digits, - and _",
            preview(line)
        ));
    };
    if name.eq_ignore_ascii_case("error") {
        return Err(format!("the name {name} is the server's own"));
    }
    Ok(name)
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_name_char)
}

/// A letter or a digit of any script. Four letters of Korean are blank.
fn is_name_char(c: char) -> bool {
    let blank = matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    (c.is_alphanumeric() && !blank) || c == '-' || c == '_'
}

/// A line as text that moves no cursor: what is not UTF-8, and each control character but the tab,
/// becomes `?`. It gets no longer by that.
fn text(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        let safe = |c: char| if c.is_control() && c != '\t' { '?' } else { c };
        text.extend(chunk.valid().chars().map(safe));
        if !chunk.invalid().is_empty() {
            text.push('?');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;

    /// What each client was sent.
    #[derive(Default)]
    struct Sent(BTreeMap<usize, String>);

    impl Outboxes for Sent {
        fn put(&mut self, to: usize, line: &[u8]) {
            let line = str::from_utf8(line).expect("the room speaks UTF-8");
            *self.0.entry(to).or_default() += line;
        }
    }

    #[test]
    fn passes_on_and_announces() {
        let (mut room, mut sent) = (Room::default(), Sent::default());
        assert_eq!(room.line(1, b"mia", &mut sent), Heard::Named("mia".into()));
        assert_eq!(
            room.line(2, "小明\r".as_bytes(), &mut sent),
            Heard::Named("小明".into())
        );
        assert_eq!(room.line(1, b"hello\r", &mut sent), Heard::Fine);
        assert_eq!(room.line(2, b"", &mut sent), Heard::Fine);
        let taken = Heard::Refused("the name mia is taken".into());
        assert_eq!(room.line(3, b"mia", &mut sent), taken);
        room.left(3, &mut sent);
        room.left(1, &mut sent);
        assert_eq!(room.line(3, b"mia", &mut sent), Heard::Named("mia".into()));
        assert_eq!(
            sent.0[&1],
            "* nobody else is here\n* 小明 is here\n小明: \n"
        );
        assert_eq!(
            sent.0[&2],
            "* here: mia\nmia: hello\n* mia has left\n* mia is here\n"
        );
        assert_eq!(sent.0[&3], "* here: 小明\n");
    }

    #[test]
    fn tells_a_newcomer_of_at_most_a_hundred() {
        let (mut room, mut sent) = (Room::default(), Sent::default());
        for id in 0..150 {
            let name = format!("{id:032}");
            assert_eq!(
                room.line(id, name.as_bytes(), &mut sent),
                Heard::Named(name)
            );
        }
        let (mut last, id) = (Sent::default(), 150);
        assert_eq!(
            room.line(id, b"last", &mut last),
            Heard::Named("last".into())
        );
        assert!(
            last.0[&id].ends_with("99 and 50 more\n"),
            "{:?}",
            last.0[&id]
        );
        assert!(last.0[&id].len() <= crate::MAX_HEARD);
    }

    #[test]
    fn knows_a_name() {
        for name in ["a", "Jean-Luc_2", "小明", "Ζωή", "שלום", &"x".repeat(32)] {
            assert_eq!(super::name(name.as_bytes()), Ok(name));
        }
        for bad in [
            "",
            "*",
            "* mia",
            "a b",
            "mia:",
            "a\tb",
            "a\u{1b}",
            "\u{202e}a",
            "\u{3164}",
            "error",
            "Error",
            &"x".repeat(33),
        ] {
            assert!(super::name(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(super::name(b"mia\xff").is_err());
    }

    #[test]
    fn nothing_that_is_said_moves_the_cursor_or_grows() {
        arbtest(|u| {
            let line: Vec<u8> = u.arbitrary()?;
            let text = text(&line);
            assert!(text.len() <= line.len());
            assert!(text.chars().all(|c| !c.is_control() || c == '\t'));
            Ok(())
        });
    }
}
