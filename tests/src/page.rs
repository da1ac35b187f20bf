//! A page of `docs/`: its fenced blocks, and the sessions that its transcripts make.

use std::fs;
use std::ops::Range;

use crate::place::workspace;

/// A page, by lines.
pub struct Page {
    /// The path in the workspace, such as `docs/01-echo.md`.
    pub path: String,
    lines: Vec<String>,
}

/// Lines of a page, counted from 0, and what to put in their place.
pub type Edit = (Range<usize>, Vec<String>);

/// A fenced block: what its opening fence says, and where its content lies.
pub struct Fence {
    /// The words behind the backticks.
    pub info: Vec<String>,
    /// The content's lines, counted from 0, without the fences.
    pub lines: Range<usize>,
}

/// The transcripts under one heading: what two or more terminals show together.
#[derive(Clone, Debug)]
pub struct Session {
    /// The heading's text.
    pub heading: String,
    /// The transcripts, in the page's order.
    pub blocks: Vec<Block>,
}

/// One `console` block: a part of what one terminal shows.
#[derive(Clone, Debug)]
pub struct Block {
    /// The N of the line `**Terminal N**` above it.
    pub terminal: usize,
    /// The host of a lab on which it is, as `**Terminal N, host a**` says.
    pub host: Option<Host>,
    /// The number of the content's first line in the page, counted from 0.
    pub start: usize,
    /// The content.
    pub lines: Vec<String>,
}

/// A host of a lab of [`cargo course lab`](crate::Lab).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// `a`, `b`, or `r` for the router.
    pub name: String,
    /// How many hosts the lab has: 3 after `host a of 3`, otherwise 2.
    pub of: u8,
}

impl Host {
    /// What follows the number in `**Terminal 1, host a of 3**`.
    fn parse(text: &str) -> Option<Host> {
        let text = text.strip_prefix(", host ")?.split_once("**")?.0;
        let (name, of) = match text.split_once(" of ") {
            Some((name, of)) => (name, of.parse().ok()?),
            None => (text, 2),
        };
        let name = name.to_owned();
        Some(Host { name, of })
    }
}

impl Session {
    /// The commands, each with the number of the terminal in which it is typed.
    pub fn commands(&self) -> Vec<(usize, &str)> {
        let lines = self
            .blocks
            .iter()
            .flat_map(|b| b.lines.iter().map(move |line| (b.terminal, line)));
        lines
            .filter_map(|(terminal, line)| Some((terminal, line.strip_prefix("$ ")?)))
            .collect()
    }
}

impl Page {
    /// Reads a page of the workspace.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(path: &str) -> Result<Page, String> {
        let text = fs::read_to_string(workspace().join(path))
            .map_err(|e| format!("cannot read {path}: {e}"))?;
        Ok(Page::from_text(path, &text))
    }

    /// A page that is not in a file.
    pub fn from_text(path: &str, text: &str) -> Page {
        Page {
            path: path.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// Writes the page back.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self) -> Result<(), String> {
        fs::write(workspace().join(&self.path), self.text())
            .map_err(|e| format!("cannot write {}: {e}", self.path))
    }

    /// The whole page.
    pub fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// Some of its lines.
    pub fn lines(&self, range: Range<usize>) -> &[String] {
        &self.lines[range]
    }

    /// `path:line`, where the line is counted from 0 and shown from 1, as editors do.
    pub fn place(&self, line: usize) -> String {
        format!("{}:{}", self.path, line + 1)
    }

    /// Puts other lines in the place of some. The ranges must be in the page's order.
    pub fn replace(&mut self, edits: Vec<Edit>) {
        for (range, lines) in edits.into_iter().rev() {
            self.lines.splice(range, lines);
        }
    }

    /// The fenced blocks that start at the beginning of a line.
    ///
    /// # Errors
    /// A block is not closed.
    pub fn fences(&self) -> Result<Vec<Fence>, String> {
        let mut fences = Vec::new();
        let mut open: Option<(Vec<String>, usize)> = None;
        for (i, line) in self.lines.iter().enumerate() {
            let Some(info) = line.strip_prefix("```") else {
                continue;
            };
            open = match open {
                None => Some((info.split_whitespace().map(str::to_owned).collect(), i + 1)),
                Some((info, start)) => {
                    fences.push(Fence {
                        info,
                        lines: start..i,
                    });
                    None
                }
            };
        }
        match open {
            Some((_, start)) => Err(format!(
                "{}: this block is not closed",
                self.place(start - 1)
            )),
            None => Ok(fences),
        }
    }

    /// The sessions: the `console` blocks, gathered by the heading they stand under.
    ///
    /// # Errors
    /// A `console` block has no `**Terminal N**` above it, or a block is not closed.
    pub fn sessions(&self) -> Result<Vec<Session>, String> {
        let fences = self.fences()?;
        let mut sessions: Vec<Session> = Vec::new();
        let mut heading = String::new();
        let mut heading_is_new = true;
        let mut terminal = None;
        let mut fences = fences.into_iter().peekable();
        let mut i = 0;
        while i < self.lines.len() {
            let line = &self.lines[i];
            if fences.peek().is_some_and(|f| f.lines.start == i + 1) {
                let Some(fence) = fences.next() else { break };
                i = fence.lines.end + 1;
                if fence.info.first().is_none_or(|word| word != "console") {
                    continue;
                }
                let Some((terminal, host)) = terminal.take() else {
                    return Err(format!(
                        "{}: there is no line **Terminal 1** (or 2, 3 …) above this transcript",
                        self.place(fence.lines.start - 1)
                    ));
                };
                if heading_is_new {
                    sessions.push(Session {
                        heading: heading.clone(),
                        blocks: Vec::new(),
                    });
                    heading_is_new = false;
                }
                let session = sessions.last_mut().expect("one was just added");
                session.blocks.push(Block {
                    terminal,
                    host,
                    start: fence.lines.start,
                    lines: self.lines[fence.lines].to_vec(),
                });
                continue;
            }
            if line.starts_with('#') {
                heading = line.trim_start_matches('#').trim().to_owned();
                heading_is_new = true;
                terminal = None;
            } else if let Some(rest) = line.strip_prefix("**Terminal ") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                let host = Host::parse(&rest[digits.len()..]);
                terminal = digits.parse().ok().map(|number| (number, host));
            }
            i += 1;
        }
        Ok(sessions)
    }
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;

    /// The lines that mean something, and what looks like them.
    const LINES: &[&str] = &[
        "```console",
        "```console x",
        "```",
        "````",
        "``",
        "```rust a/b.rs",
        " ```",
        "## Run it",
        "#",
        "**Terminal 1**",
        "**Terminal 2**, in another folder",
        "**Terminal 3, host a of 3**",
        "**Terminal**",
        "**Terminal 99999999999999999999**",
        "$ cargo run -q --bin echo-server",
        "> hej",
        "^C",
        "世界",
        "",
    ];

    #[test]
    fn a_terminal_may_be_on_a_host_of_a_lab() {
        let host = |name: &str, of| {
            let name = name.to_owned();
            Some(Host { name, of })
        };
        assert_eq!(Host::parse(", host b**"), host("b", 2));
        assert_eq!(Host::parse(", host r of 3**"), host("r", 3));
        assert_eq!(Host::parse("**, host b"), None);
    }

    #[test]
    fn the_blocks_stand_in_the_page_where_they_say() {
        arbtest(|u| {
            let mut lines = Vec::new();
            for _ in 0..u.choose_index(40)? {
                lines.push(*u.choose(LINES)?);
            }
            let mut page = Page::from_text("page", &lines.join("\n"));
            let text = page.text();
            let Ok(sessions) = page.sessions() else {
                return Ok(()); // a block is not closed, or has no terminal
            };
            let blocks = sessions.iter().flat_map(|session| &session.blocks);
            let edits: Vec<Edit> = blocks
                .map(|block| {
                    (
                        block.start..block.start + block.lines.len(),
                        block.lines.clone(),
                    )
                })
                .collect();
            for (range, lines) in &edits {
                assert_eq!(page.lines(range.clone()), lines);
                assert!(page.lines[range.start - 1].starts_with("```console"));
                assert_eq!(&page.lines[range.end][..3], "```");
            }
            page.replace(edits);
            assert_eq!(page.text(), text);
            Ok(())
        });
    }
}
