use std::fmt::Write;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use shared::escape;

use crate::messages::MESSAGES;

/// The colours of the five messages.
const COLOURS: [AnsiColor; 5] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Magenta,
    AnsiColor::Green,
    AnsiColor::BrightBlue,
];

/// How wide a byte is drawn, in columns: one for a letter, and one for a border in front of it.
const BYTE: usize = 2;

/// The reader's side of the picture: how long each piece is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What one read returned.
    Came(usize),
    /// What no read returned, and none will.
    Lost(usize),
}

/// The picture of a session, in 66 columns: the bytes, with the borders of the five messages
/// above them and the borders of the reader's pieces below.
///
/// `write` and `read` are what the two sides did: `write` and `read`, `send` and `receive`.
pub fn draw(write: &str, read: &str, pieces: &[Piece]) -> String {
    let mut above = Edge::new('┌', '┬', '┐');
    let mut text = String::new();
    for (message, colour) in MESSAGES.iter().zip(COLOURS) {
        let style = colour.on_default();
        above.add(message.len(), '─', "", style);
        let gap = if text.is_empty() { "" } else { " " };
        text += gap;
        text += &paint(style, spread(message).trim_end());
    }
    let mut below = Edge::new('└', '┴', '┘');
    let mut reads = 0;
    for piece in pieces {
        match *piece {
            Piece::Came(n) => {
                reads += 1;
                below.add(n, '─', "", Style::new().bold());
            }
            Piece::Lost(n) => below.add(n, '×', " lost", AnsiColor::Red.on_default()),
        }
    }

    let (writes, reads) = (times(MESSAGES.len(), write), times(reads, read));
    let total = MESSAGES.concat().len();
    let scale: String = (0..total)
        .step_by(5)
        .map(|at| format!("{at:<10}"))
        .collect();
    let inside = total * BYTE - 1;
    format!(
        "{writes:<11}{}\n{:11}│{text}│\n{:11}│{:.inside$}│\n{reads:<11}{}",
        above.line(),
        "",
        "",
        scale,
        below.line(),
    )
}

/// What stands in the picture's place when something else than the five messages came: nobody but
/// its writer knows where those messages end.
pub fn borders_unknown(read: &str, reads: usize, total: usize) -> String {
    format!(
        "{}, {} together: not the lesson's five messages, so their borders are not known here",
        times(reads, read),
        times(total, "byte"),
    )
}

/// What came at byte `from` of the stream, as text that is safe to print, with `│` where one of
/// the five messages ends and the next begins.
pub fn mark_borders(from: usize, piece: &[u8]) -> String {
    let mut marked = String::new();
    let mut end = 0;
    for (message, colour) in MESSAGES.iter().zip(COLOURS) {
        let start = end;
        end += message.len();
        let part = start.max(from)..end.min(from + piece.len());
        if part.is_empty() {
            continue;
        }
        if !marked.is_empty() {
            marked.push('│');
        }
        let part = &piece[part.start - from..part.end - from];
        marked += &paint(colour.on_default(), &escape(part));
    }
    marked
}

/// `1 byte`, `2 bytes`, in one width.
pub fn bytes(n: usize) -> String {
    format!("{n:2} {:5}", if n == 1 { "byte" } else { "bytes" })
}

/// One of the two long sides of the box.
struct Edge {
    line: String,
    between: char,
    end: char,
}

impl Edge {
    fn new(start: char, between: char, end: char) -> Edge {
        Edge {
            line: start.to_string(),
            between,
            end,
        }
    }

    /// Draws one more piece of `n` bytes, with its length in the middle if there is room.
    fn add(&mut self, n: usize, stroke: char, what: &str, style: Style) {
        if n == 0 {
            return;
        }
        if self.line.chars().count() > 1 {
            self.line.push(self.between);
        }
        let room = n * BYTE - 1; // the last column is for the border
        let labels = [format!(" {n}{what} "), format!(" {n} "), n.to_string()];
        let label = labels.into_iter().find(|label| label.len() + 2 <= room);
        let label = label.unwrap_or_default();
        let strokes = room - label.len();
        let line = |n: usize| stroke.to_string().repeat(n);
        let (left, right) = (line(strokes / 2), line(strokes - strokes / 2));
        self.line += &paint(style, &format!("{left}{label}{right}"));
    }

    fn line(&self) -> String {
        format!("{}{}", self.line, self.end)
    }
}

/// Each character over the columns of its bytes: a point stands for each byte after its first.
fn spread(message: &str) -> String {
    let mut text = String::new();
    for c in message.chars() {
        // Chinese characters are two columns wide, the other letters of the messages one.
        let wide = c >= '\u{2e80}';
        let _ = write!(text, "{c}{}", if wide { "" } else { " " });
        text += &"· ".repeat(c.len_utf8() - 1);
    }
    text
}

fn times(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The text in a style, where stdout is a terminal that shows styles and nobody has asked for
/// plain text (`NO_COLOR`, `TERM=dumb`).
fn paint(style: Style, text: &str) -> String {
    match AutoStream::choice(&std::io::stdout()) {
        ColorChoice::Never => text.to_owned(),
        _ => format!("{style}{text}{style:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the tests run in a terminal, `paint` paints.
    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn draws_the_borders_of_both_sides() {
        let pieces = [9, 9, 9].map(Piece::Came);
        let expected = "\
5 writes   ┌─ 3 ─┬───────── 12 ──────────┬─2─┬── 4 ──┬──── 6 ────┐
           │h e j п · р · и · в · е · т · h i h o l a 你· · 好· ·│
           │0         5         10        15        20        25 │
3 reads    └─────── 9 ───────┴─────── 9 ───────┴─────── 9 ───────┘";
        assert_eq!(plain(&draw("write", "read", &pieces)), expected);
    }

    #[test]
    fn draws_what_is_lost() {
        let pieces = [
            Piece::Came(3),
            Piece::Came(5),
            Piece::Lost(7),
            Piece::Lost(2),
            Piece::Came(4),
            Piece::Came(5),
            Piece::Lost(1),
        ];
        let picture = plain(&draw("send", "receive", &pieces));
        let below = picture.lines().last().expect("it has four lines");
        let expected = "4 receives └─ 3 ─┴─── 5 ───┴×× 7 lost ×××┴×2×┴── 4 ──┴─── 5 ───┴×┘";
        assert_eq!(below, expected);
    }

    #[test]
    fn is_as_wide_as_it_says_for_any_size_of_reads() {
        for size in 1..=27 {
            let sizes = (0..27).step_by(size).map(|at| size.min(27 - at));
            let pieces: Vec<Piece> = sizes.map(Piece::Came).collect();
            let picture = plain(&draw("write", "read", &pieces));
            let below = picture.lines().last().expect("it has four lines");
            assert_eq!(below.chars().count(), 66, "{below}");
        }
    }

    #[test]
    fn marks_the_borders_inside_a_piece_and_escapes_half_a_character() {
        let all = MESSAGES.concat();
        let piece = |range: std::ops::Range<usize>| {
            plain(&mark_borders(range.start, &all.as_bytes()[range]))
        };
        assert_eq!(piece(0..27), "hej│привет│hi│hola│你好");
        assert_eq!(piece(0..10), "hej│при\\xd0");
        assert_eq!(piece(10..20), "\\xb2ет│hi│hol");
        assert_eq!(piece(15..17), "hi");
        assert_eq!(piece(22..23), "\\xbd");
    }
}
