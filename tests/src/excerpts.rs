//! Whether the code that a page shows stands in the file that it names, line for line.

use std::cmp::Reverse;
use std::fs;
use std::ops::Range;

use crate::page::Page;
use crate::place::workspace;

/// A line of an excerpt that stands for lines left out.
const GAP: &str = "// …";

/// Compares a page's excerpts with the source: the blocks whose first line is, for instance,
/// ` ```rust lessons/01-echo/src/bin/echo-server.rs `. The lines must stand in that file one
/// after the other; how far all of them are indented does not count.
///
/// With `rewrite`, the lines are taken from the file instead, as far as they can be found there.
pub fn check(page: &mut Page, rewrite: bool) -> Vec<String> {
    let fences = match page.fences() {
        Ok(fences) => fences,
        Err(complaint) => return vec![complaint],
    };
    let mut complaints = Vec::new();
    let mut edits = Vec::new();
    for fence in fences {
        let place = page.place(fence.lines.start - 1);
        let file = match fence.info.as_slice() {
            [_, file] => file,
            [language] if language == "rust" => {
                complaints.push(format!(
                    "{place}: this block does not say in which file it stands \
                     (or that it stands in none: ```rust,ignore)"
                ));
                continue;
            }
            _ => continue,
        };
        let source = match fs::read_to_string(workspace().join(file)) {
            Ok(source) => source,
            Err(error) => {
                complaints.push(format!("{place}: cannot read {file}: {error}"));
                continue;
            }
        };
        let source: Vec<&str> = source.lines().collect();
        let shown = page.lines(fence.lines.clone());

        let mut from = 0; // the parts between gaps stand in the file in this order
        let mut start = fence.lines.start;
        for part in shown.split(|line| line.trim() == GAP) {
            match find(part, &source[from..]) {
                Ok(at) => from += at + part.len(),
                Err(_) if rewrite && best_match(part, &source[from..]).is_some() => {
                    let region = best_match(part, &source[from..]).unwrap_or(0..0);
                    let lines = dedent(&source[from..][region.clone()]);
                    edits.push((start..start + part.len(), lines));
                    from += region.end;
                }
                Err((line, expected)) => {
                    let shown = part.get(line).map_or("", String::as_str);
                    let hint = match expected {
                        Some(expected) => format!("\n  file: {}", expected.trim()),
                        None => String::new(),
                    };
                    complaints.push(format!(
                        "{}: this line does not stand in {file} at this place\n  page: {}{hint}\n\
                         to take the excerpts from the source: COURSE_REWRITE=1 and the same test",
                        page.place(start + line),
                        shown.trim(),
                    ));
                    break;
                }
            }
            start += part.len() + 1;
        }
    }
    page.replace(edits);
    complaints
}

/// Where the part stands in the source. Otherwise the part's first line that differs at the
/// place where most of its first lines stand, and what the source has there.
fn find<'a>(part: &[String], source: &[&'a str]) -> Result<usize, (usize, Option<&'a str>)> {
    let part = dedent(part);
    let mut closest = (0, None);
    for at in 0..source.len() {
        let window = dedent(&source[at..source.len().min(at + part.len())]);
        let equal = part.iter().zip(&window).take_while(|(a, b)| a == b).count();
        if equal == part.len() {
            return Ok(at);
        }
        if equal > closest.0 {
            closest = (equal, source.get(at + equal).copied());
        }
    }
    Err(closest)
}

/// The region of the source that the part was most likely taken from: the one that begins and
/// ends with the most lines of the part, if these are at least half of it.
fn best_match(part: &[String], source: &[&str]) -> Option<Range<usize>> {
    let equal = |range: &Range<usize>| {
        let same = |pair: &(&String, &&str)| pair.0.trim() == pair.1.trim();
        let region = &source[range.clone()];
        let first = part.iter().zip(region).take_while(same).count();
        let last = part
            .iter()
            .rev()
            .zip(region.iter().rev())
            .take_while(same)
            .count();
        part.len().min(first + last)
    };
    let longest = 2 * part.len();
    let ends = |start: usize| start + 1..=source.len().min(start + longest);
    let regions = (0..source.len()).flat_map(|start| ends(start).map(move |end| start..end));
    let best = regions.max_by_key(|r| (equal(r), Reverse(r.len().abs_diff(part.len()))))?;
    (2 * equal(&best) >= part.len()).then_some(best)
}

/// The lines without the indentation that all of them have.
fn dedent(lines: &[impl AsRef<str>]) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let filled = lines
        .iter()
        .map(AsRef::as_ref)
        .filter(|line| !line.trim().is_empty());
    let least = filled.map(indent).min().unwrap_or(0);
    let cut = |line: &str| line.get(least..).unwrap_or("").trim_end().to_owned();
    lines.iter().map(|line| cut(line.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: [&str; 5] = ["fn a() {", "    let x = 1;", "    let y = 2;", "", "}"];

    fn part(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn finds_lines_whatever_their_common_indentation() {
        assert_eq!(find(&part(&["let x = 1;", "let y = 2;"]), &SOURCE), Ok(1));
        assert_eq!(find(&part(&["fn a() {", "    let x = 1;"]), &SOURCE), Ok(0));
    }

    #[test]
    fn tells_the_first_line_that_differs() {
        let changed = part(&["let x = 1;", "let z = 2;"]);
        assert_eq!(find(&changed, &SOURCE), Err((1, Some("    let y = 2;"))));
        let indented = part(&["fn a() {", "let x = 1;"]);
        assert_eq!(find(&indented, &SOURCE), Err((1, Some("    let x = 1;"))));
        assert_eq!(find(&part(&["x"]), &SOURCE), Err((0, None)));
    }

    #[test]
    fn finds_again_what_was_changed_on_either_side() {
        let changed = part(&["let x = 1;", "let z = 2;"]);
        assert_eq!(best_match(&changed, &SOURCE), Some(1..3));
        let shorter = part(&["fn a() {", "    let x = 1;", "}"]);
        assert_eq!(best_match(&shorter, &SOURCE), Some(0..5));
        assert_eq!(best_match(&part(&["other", "lines"]), &SOURCE), None);
    }
}
