//! The page as it should be, taken from the screens.

use super::Replay;
use crate::page::Edit;
use crate::redact::Ports;

impl Replay<'_> {
    /// After a rewrite: what each block should hold.
    pub fn rewritten(&mut self) -> Vec<Edit> {
        let mut contents: Vec<Vec<String>> = self.parts.iter().map(|_| Vec::new()).collect();
        for run in &mut self.runs {
            let mut lines: Vec<String> = run
                .screen()
                .lines
                .iter()
                .map(|l| self.ports.to_page(l))
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
                    let group = self.parts[run.parts[before]].group + 1;
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
                    let commands = self.parts[part].block.lines.iter().filter(is_command);
                    let started = contents[part].iter().filter(is_command).count();
                    contents[part].extend(commands.skip(started).take(1).cloned());
                }
                contents[part].extend_from_slice(lines.get(from(i)..to).unwrap_or(&[]));
            }
        }
        // A line that differs only in what varies from run to run stays as it is, and a client
        // keeps the port that it has there.
        let mut chosen = Ports::default();
        for (part, content) in self.parts.iter().zip(&mut contents) {
            let mut old = part.block.lines.iter();
            for line in content {
                let redacted = self.ports.redact(line);
                if let Some(same) = old.clone().find(|old| self.ports.redact(old) == redacted) {
                    chosen.learn(same, line);
                    line.clone_from(same);
                    old.find(|old| *old == same);
                } else {
                    *line = chosen.to_page(line);
                }
            }
        }
        let ranges = self
            .parts
            .iter()
            .map(|p| p.block.start..p.block.start + p.block.lines.len());
        ranges.zip(contents).collect()
    }
}
