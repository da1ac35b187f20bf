//! Long lines for a terminal.

/// The widest line, in characters.
const WIDTH: usize = 80;

/// The text in lines of at most 80 characters, broken at spaces. A line that begins with spaces is
/// code and stays as it is.
pub fn wrap(text: &str) -> Vec<String> {
    if text.starts_with("    ") {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        let length = line.chars().count() + 1 + word.chars().count();
        if line.is_empty() {
            line.push_str(word);
        } else if length <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_at_words_and_loses_none() {
        let text = "塑料 word ".repeat(60);
        let lines = wrap(&text);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(lines.join(" "), text.trim());
        let long = "x".repeat(100);
        assert_eq!(wrap(&format!("a {long} b")), ["a", long.as_str(), "b"]);
        assert_eq!(wrap(""), [""]);
        assert_eq!(wrap("    let  x;"), ["    let  x;"]);
    }
}
