//! The sentences of an exercise's contract, as they stand in its function's comment.

/// The sentences of the bullets and of what stands under `# Errors`, in the comments that begin
/// with the exercise's number and stars. An exercise of two functions has two comments.
pub(super) fn sentences(source: &str, exercise: &str) -> Vec<String> {
    let title = format!("/// {exercise} ★");
    let mut inside = false;
    let comments = source.lines().filter_map(|line| {
        let comment = line.strip_prefix("///");
        inside = comment.is_some() && (inside || line.starts_with(&title));
        // What is no comment of the exercise is empty, and ends its last item.
        match comment {
            Some(text) if inside => Some(text.strip_prefix(' ').unwrap_or(text)),
            Some(_) => None,
            None => Some("# "),
        }
    });
    // A bullet, or a paragraph under `# Errors`, is one item.
    let mut items: Vec<String> = Vec::new();
    let (mut in_item, mut in_errors) = (false, false);
    for line in comments {
        if let Some(heading) = line.strip_prefix("# ") {
            (in_item, in_errors) = (false, heading == "Errors");
        } else if line.is_empty() {
            in_item = false;
        } else if let Some(bullet) = line.strip_prefix("- ") {
            items.push(bullet.to_owned());
            in_item = true;
        } else if let Some(item) = items.last_mut().filter(|_| in_item) {
            *item += " ";
            *item += line.trim_start();
        } else if in_errors {
            items.push(line.to_owned());
            in_item = true;
        }
    }
    items.iter().flat_map(|item| split(item)).collect()
}

/// A full stop ends a sentence where a new one begins behind it.
fn split(item: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut rest = item;
    let mut from = 0;
    while let Some(at) = rest[from..].find(". ").map(|at| at + from) {
        let next = rest[at + 2..].trim_start_matches(['`', '[', '(']);
        if next.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()) {
            sentences.push(rest[..at].to_owned());
            rest = &rest[at + 2..];
            from = 0;
        } else {
            from = at + 2;
        }
    }
    let last = rest.trim_end().trim_end_matches('.');
    if !last.is_empty() {
        sentences.push(last.to_owned());
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_is_its_bullets_and_errors_sentence_by_sentence() {
        let source = "\
use std::io;

/// 1.1 ★ The echo: serves one client. This is no promise.
///
/// - Sends back every byte, in
///   order. [`Any`] number may come, e.g. none.
/// - Closes.
///
/// # Errors
/// What the listener failed
/// with. Nothing else.
pub fn echo() {
    todo!(\"1.1 echo\")
}

/// 1.2 ★★ Another one.
///
/// # Errors
/// - `TimedOut`: too late.
pub fn other() {}
";
        assert_eq!(
            sentences(source, "1.1"),
            [
                "Sends back every byte, in order",
                "[`Any`] number may come, e.g. none",
                "Closes",
                "What the listener failed with",
                "Nothing else",
            ]
        );
        assert_eq!(sentences(source, "1.2"), ["`TimedOut`: too late"]);
        let both = source.replace("1.2 ★★", "1.1 ★");
        assert_eq!(
            sentences(&both, "1.1").last().map(String::as_str),
            Some("`TimedOut`: too late")
        );
        assert_eq!(sentences(&both, "1.1").len(), 6);
        assert!(sentences(source, "1.3").is_empty());
    }
}
