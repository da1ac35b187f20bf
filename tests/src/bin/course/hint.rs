//! `cargo course hint 5.1`: the exercise's hints, one at a time. The page has them too, folded; an
//! editor shows them all at once.

use std::path::Path;

use anstyle::Style;
use course::{Lesson, Page, paint, progress};
use shared::{Failure, say, warn};

use crate::wrap::wrap;

/// A hint: what the page calls it, and what it says, a paragraph or a line of code a piece.
struct Hint {
    title: String,
    text: Vec<String>,
}

/// Shows the next hint, or with `again` those that were shown already.
pub fn run(number: &str, again: bool) -> Result<(), Failure> {
    let lesson = Lesson::of_exercise(number).ok_or_else(|| Failure::new("no such exercise"))?;
    let page = Page::read(&lesson.page()).map_err(Failure::new)?;
    let hints = hints(&page.text(), number);
    if hints.is_empty() {
        return Err(Failure::new(format!("exercise {number} has no hints")));
    }
    let folder = progress::folder();
    let before = progress::hints_shown(&folder, number).min(hints.len());
    if again {
        return show_again(number, &hints[..before]);
    }
    let shown = (before + 1).min(hints.len());
    show(number, &hints[shown - 1], shown, hints.len());
    match hints.len() - shown {
        0 => say!(
            "\nThat was the last one. {} solves it too.",
            Path::new("lessons")
                .join(lesson.folder)
                .join("solution.rs")
                .display()
        ),
        1 => say!("\nOne more is left: cargo course hint {number}"),
        left => say!("\n{left} more are left: cargo course hint {number}"),
    }
    if let Err(error) = progress::keep_hints(&folder, number, shown) {
        warn!("cannot remember that this hint was shown: {error}");
    }
    Ok(())
}

fn show_again(number: &str, hints: &[Hint]) -> Result<(), Failure> {
    if hints.is_empty() {
        return Err(Failure::new(format!("no hint of {number} was shown yet"))
            .hint(format!("the first one: cargo course hint {number}")));
    }
    for (i, hint) in hints.iter().enumerate() {
        if i > 0 {
            say!("");
        }
        show(number, hint, i + 1, hints.len());
    }
    Ok(())
}

fn show(number: &str, hint: &Hint, place: usize, of: usize) {
    let heading = format!("{number}, hint {place} of {of}: {}", hint.title);
    say!("{}", paint(Style::new().bold(), &heading));
    for piece in &hint.text {
        for line in wrap(piece) {
            say!("{line}");
        }
    }
}

/// The hints of an exercise: the folded parts under its heading.
fn hints(page: &str, number: &str) -> Vec<Hint> {
    let start = format!("### {number} ★");
    let lines = page.lines().skip_while(|line| !line.starts_with(&start));
    let section = lines.skip(1).take_while(|line| !line.starts_with("##"));
    let mut hints: Vec<Hint> = Vec::new();
    let mut open = false;
    let mut code = false;
    for line in section {
        if let Some(title) = line.strip_prefix("<details><summary>") {
            let title = title.trim_end_matches("</summary>").to_owned();
            let text = Vec::new();
            hints.push(Hint { title, text });
            open = true;
        } else if line == "</details>" {
            open = false;
        } else if let Some(hint) = hints.last_mut().filter(|_| open) {
            if line.starts_with("```") {
                code = !code;
            } else if code {
                hint.text.push(format!("    {line}"));
            } else if !line.is_empty() || !hint.text.is_empty() {
                hint.text.push(without_links(line));
            }
        }
    }
    for hint in &mut hints {
        while hint.text.last().is_some_and(String::is_empty) {
            hint.text.pop();
        }
    }
    hints
}

/// `[text](target)` as `text`.
fn without_links(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('[') {
        let link = behind.split_once("](");
        let link = link.and_then(|(label, more)| Some((label, more.split_once(')')?.1)));
        text += before;
        let Some((label, after)) = link.filter(|(label, _)| !label.contains(['[', ']'])) else {
            text.push('[');
            rest = behind;
            continue;
        };
        text += label;
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use course::LESSONS;

    use super::*;

    #[test]
    fn every_exercise_has_hints_in_plain_text() {
        for lesson in LESSONS {
            let page = Page::read(&lesson.page()).expect("the page is there");
            for exercise in lesson.exercises() {
                let hints = hints(&page.text(), &exercise.number);
                assert!(hints.len() >= 2, "{}: {}", exercise.number, hints.len());
                for hint in hints {
                    let text = hint.text.join("\n");
                    assert!(!text.is_empty(), "{}: {}", exercise.number, hint.title);
                    assert!(!text.contains("]("), "{}: {text}", exercise.number);
                    assert!(!text.contains("<summary>"), "{}: {text}", exercise.number);
                }
            }
        }
    }

    #[test]
    fn takes_only_the_hints_under_the_heading() {
        let page = "### 1.1 ★ A\n<details><summary>One</summary>\n\nSee [it](#x), `a[1]`.\n\n\
            ```rust,ignore\nlet x;\n```\n</details>\n\n<details><summary>Two</summary>\n\nEnd.\n\
            </details>\n### 1.2 ★ B\n<details><summary>Three</summary>\n\nNo.\n</details>\n";
        let found = hints(page, "1.1");
        let titles: Vec<&str> = found.iter().map(|hint| hint.title.as_str()).collect();
        assert_eq!(titles, ["One", "Two"]);
        assert_eq!(found[0].text, ["See it, `a[1]`.", "", "    let x;"]);
        assert_eq!(found[1].text, ["End."]);
    }
}
