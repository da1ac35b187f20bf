//! The page as it should be, taken from the screens.

use super::run::Run;
use super::script::{Part, Step};
use crate::page::Edit;
use crate::redact::Ports;

/// After a rewrite: what each block should hold.
pub fn blocks(parts: &[Part], runs: &mut [Run], ports: &Ports) -> Vec<Edit> {
    let mut contents: Vec<Vec<String>> = parts.iter().map(|_| Vec::new()).collect();
    for run in runs {
        let mut lines: Vec<String> = run
            .screen()
            .lines
            .iter()
            .map(|l| ports.to_page(l))
            .collect();
        for &line in &run.ended_at {
            if let Some(line) = lines.get_mut(line) {
                *line += " ^D";
            }
        }
        // What appeared since a group began belongs to the next block that shows this program.
        let from = |i: usize| match i.checked_sub(1) {
            None => 0,
            Some(before) => {
                let group = parts[run.parts[before]].group + 1;
                let mark = run.at_group.iter().find(|mark| mark.0 == group);
                mark.map_or(lines.len(), |mark| mark.1)
            }
        };
        for (i, &part) in run.parts.iter().enumerate() {
            let to = if i + 1 < run.parts.len() {
                from(i + 1)
            } else {
                lines.len()
            };
            if i == 0 {
                let is_command = |line: &&String| line.starts_with("$ ");
                let commands = parts[part].block.lines.iter().filter(is_command);
                let started = contents[part].iter().filter(is_command).count();
                contents[part].extend(commands.skip(started).take(1).cloned());
            }
            contents[part].extend_from_slice(lines.get(from(i)..to).unwrap_or(&[]));
        }
    }
    // A line that differs only in what varies from run to run stays as it is, and a client
    // keeps the port that it has there.
    let mut chosen = Ports::default();
    for (part, content) in parts.iter().zip(&mut contents) {
        let mut old = part.block.lines.iter();
        for line in content {
            let redacted = ports.redact(line);
            if let Some(same) = old.clone().find(|old| ports.redact(old) == redacted) {
                chosen.learn(same, line);
                line.clone_from(same);
                old.find(|old| *old == same);
            } else {
                *line = chosen.to_page(line);
            }
        }
    }
    let ranges = parts
        .iter()
        .map(|p| p.block.start..p.block.start + p.block.lines.len());
    ranges.zip(contents).collect()
}

/// The first line of the page that is typed or pressed, and that the rewritten blocks would lose: its
/// part, and its number in the block. No program took it, so the screens are not the truth.
pub fn lost_input(parts: &[Part], edits: &[Edit]) -> Option<(usize, usize)> {
    let typed = |line: &str| match Step::parse(line) {
        Step::Input { input, .. } => Some(input.to_string().trim_end().to_owned()),
        Step::Start(_) | Step::Show(_) => None,
    };
    let mut kept: Vec<(usize, String)> = Vec::new();
    for (part, (_, content)) in parts.iter().zip(edits) {
        let inputs = content.iter().filter_map(|line| typed(line));
        kept.extend(inputs.map(|input| (part.block.terminal, input)));
    }
    for (index, part) in parts.iter().enumerate() {
        for (number, line) in part.block.lines.iter().enumerate() {
            let Some(input) = typed(line) else { continue };
            let input = (part.block.terminal, input);
            match kept.iter().position(|kept| *kept == input) {
                Some(found) => drop(kept.remove(found)),
                None => return Some((index, number)),
            }
        }
    }
    None
}
