use std::fmt::Write;

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

/// Whether a character can be printed as it is: it is no control character, and neither hides text
/// nor turns its direction around.
pub fn is_safe_to_print(c: char) -> bool {
    !c.is_control() && !turns_direction(c)
}

/// The characters that hide text or show it in another order (Unicode Standard Annex 9), and the
/// two that end a line without being control characters.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use arbtest::arbitrary::{self, Unstructured};
    use arbtest::arbtest;

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
    fn bytes(u: &mut Unstructured) -> arbitrary::Result<Vec<u8>> {
        let control = ["\x1b[2J", "\u{9b}", "\u{202e}", "\r\n", "…"];
        let mut bytes = Vec::new();
        for _ in 0..u.choose_index(30)? {
            match u.choose_index(3)? {
                0 => bytes.extend(u.arbitrary::<char>()?.to_string().bytes()),
                1 => bytes.extend(u.choose(&control)?.bytes()),
                _ => bytes.push(u.arbitrary()?),
            }
        }
        Ok(bytes)
    }

    #[test]
    fn what_was_escaped_is_safe_to_print_and_to_escape_again() {
        arbtest(|u| {
            let bytes = bytes(u)?;
            for shown in [escape(&bytes), preview(&bytes)] {
                let unsafe_char = shown.chars().find(|&c| !is_safe_to_print(c));
                assert_eq!(unsafe_char, None, "{shown:?}");
                assert_eq!(escape(shown.as_bytes()), shown);
            }
            assert!(preview(&bytes.repeat(40)).chars().count() <= 4 * 40 + 1);
            Ok(())
        });
    }

    #[test]
    fn parts_are_escaped_as_the_whole_is() {
        arbtest(|u| {
            let first = bytes(u)?;
            let second: String = u.arbitrary::<Vec<char>>()?.into_iter().collect();
            let whole = [&first, second.as_bytes()].concat();
            let parts = escape(&first) + &escape(second.as_bytes());
            assert_eq!(parts, escape(&whole));
            Ok(())
        });
    }
}
