//! What the tap saw: the lines that it prints, and the same read back from a transcript.

use std::fmt;
use std::time::Duration;

use shared::is_safe_to_print;

/// How many bytes of one piece are shown.
pub const SHOWN: usize = 256;

/// One thing that the tap saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, counted from the tap's first event.
    pub at: Duration,
    /// The number of the connection, or of the client that sends datagrams.
    pub number: usize,
    /// What it saw.
    pub what: What,
}

/// In which direction something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A client opens a connection.
    Connects(String),
    /// A client is seen for the first time that sends datagrams.
    Appears(String),
    /// Bytes: a datagram, or a piece of a stream.
    Piece {
        /// Where they go.
        way: Way,
        /// How many there are.
        length: usize,
        /// The first of them; at most [`SHOWN`] can be read back from a transcript.
        bytes: Vec<u8>,
        /// What the tap does to them.
        fates: Vec<Fate>,
    },
    /// One side has finished.
    Fin(Way, Vec<Fate>),
    /// One side broke off, and what the system calls that.
    Reset(Way, String),
    /// The tap broke off, after so many bytes.
    Cut(u64),
    /// The connection is over.
    Closed,
    /// Anything else.
    Other(String),
}

/// What the tap does to something, other than to pass it on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is not passed on.
    Dropped,
    /// It is passed on twice.
    Twice,
    /// The next one overtakes it.
    HeldBack,
    /// It is passed on in so many pieces.
    Pieces(usize),
    /// Passing it on takes so long.
    Takes(Duration),
}

impl Way {
    /// The direction as the tap prints it.
    pub fn arrow(self) -> &'static str {
        match self {
            Way::ToServer => "client → server",
            Way::ToClient => "client ← server",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Dropped => f.write_str("dropped"),
            Fate::Twice => f.write_str("twice"),
            Fate::HeldBack => f.write_str("held back"),
            Fate::Pieces(n) => write!(f, "in {n} pieces"),
            Fate::Takes(time) => write!(f, "takes {:.3} s", time.as_secs_f64()),
        }
    }
}

impl Fate {
    fn parse(text: &str) -> Option<Fate> {
        Some(match text {
            "dropped" => Fate::Dropped,
            "twice" => Fate::Twice,
            "held back" => Fate::HeldBack,
            _ => match text.strip_prefix("takes ") {
                Some(time) => Fate::Takes(seconds(time.strip_suffix(" s")?)?),
                None => {
                    let n = text.strip_prefix("in ")?.strip_suffix(" pieces")?;
                    Fate::Pieces(n.parse().ok()?)
                }
            },
        })
    }
}

impl What {
    /// Bytes that are passed on at once.
    pub fn piece(way: Way, bytes: &[u8], fates: Vec<Fate>) -> What {
        What::Piece {
            way,
            length: bytes.len(),
            bytes: bytes.to_vec(),
            fates,
        }
    }
}

impl Event {
    /// The lines in which the tap shows it; `paint` may colour the direction.
    pub fn lines(&self, paint: impl Fn(Way) -> String) -> Vec<String> {
        let what = match &self.what {
            What::Connects(client) => format!("{client} connects"),
            What::Appears(client) => format!("{client} sends its first datagram"),
            What::Piece {
                way, length, fates, ..
            } => {
                let plural = if *length == 1 { "" } else { "s" };
                format!("{}  {length} byte{plural}{}", paint(*way), suffix(fates))
            }
            What::Fin(way, fates) => format!("{}  FIN{}", paint(*way), suffix(fates)),
            What::Reset(way, error) => format!("{}  RST ({error})", paint(*way)),
            What::Cut(after) => format!("RST to both sides after {after} bytes"),
            What::Closed => "closed".to_owned(),
            What::Other(text) => text.clone(),
        };
        let at = self.at.as_secs_f64();
        let mut lines = vec![format!("{at:.3} s  #{}  {what}", self.number)];
        if let What::Piece { bytes, length, .. } = &self.what {
            // Of a character that begins in the last row, the end may stand behind it.
            let near = &bytes[..bytes.len().min(SHOWN + 16)];
            lines.extend(rows(near).take(SHOWN / 16));
            if *length > SHOWN {
                lines.push(format!("    … and {} bytes more", length - SHOWN));
            }
        }
        lines
    }

    /// Reads the tap's lines back; each event comes with the number of its line, counted from 0.
    /// Lines that are none of the tap's are left out.
    pub fn read(lines: &[String]) -> Vec<(usize, Event)> {
        let mut events: Vec<(usize, Event)> = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            if let Some(event) = headline(line) {
                events.push((number, event));
            } else if let (Some(row), Some((_, event))) = (row(line), events.last_mut())
                && let What::Piece { bytes, .. } = &mut event.what
            {
                bytes.extend(row);
            }
        }
        events
    }
}

fn suffix(fates: &[Fate]) -> String {
    let fates: Vec<String> = fates.iter().map(Fate::to_string).collect();
    let gap = if fates.is_empty() { "" } else { "  " };
    format!("{gap}{}", fates.join(", "))
}

/// Sixteen bytes a row, in hexadecimal and as text. A character stands in the row in which it
/// begins; what is no character that can be shown is a dot.
fn rows(bytes: &[u8]) -> impl Iterator<Item = String> {
    let mut texts = vec![String::new(); bytes.len().div_ceil(16)];
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            texts[at / 16].push(if is_safe_to_print(c) { c } else { '.' });
            at += c.len_utf8();
        }
        for _ in chunk.invalid() {
            texts[at / 16].push('.');
            at += 1;
        }
    }
    bytes.chunks(16).zip(texts).map(|(row, text)| {
        let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("    {:<47}  {text}", hex.join(" "))
    })
}

/// The bytes of one row.
fn row(line: &str) -> Option<Vec<u8>> {
    let hex = line.strip_prefix("    ")?;
    let hex = hex.split("  ").next()?; // two spaces before the text
    let bytes = hex.split(' ').map(|pair| {
        let is_pair = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
        is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    });
    bytes.collect()
}

fn headline(line: &str) -> Option<Event> {
    let (at, rest) = line.split_once(" s  #")?;
    let (number, what) = rest.split_once("  ")?;
    Some(Event {
        at: seconds(at)?,
        number: number.parse().ok()?,
        what: what_of(what),
    })
}

fn seconds(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() != 3 {
        return None;
    }
    let (whole, part): (u64, u64) = (whole.parse().ok()?, part.parse().ok()?);
    Some(Duration::from_secs(whole) + Duration::from_millis(part))
}

fn what_of(text: &str) -> What {
    let other = || What::Other(text.to_owned());
    if text == "closed" {
        return What::Closed;
    }
    if let Some(client) = text.strip_suffix(" connects") {
        return What::Connects(client.to_owned());
    }
    if let Some(client) = text.strip_suffix(" sends its first datagram") {
        return What::Appears(client.to_owned());
    }
    if let Some(after) = text.strip_prefix("RST to both sides after ") {
        let after = after.strip_suffix(" bytes").and_then(|n| n.parse().ok());
        return after.map_or_else(other, What::Cut);
    }
    for way in [Way::ToServer, Way::ToClient] {
        if let Some(rest) = text
            .strip_prefix(way.arrow())
            .and_then(|t| t.strip_prefix("  "))
        {
            return directed(way, rest).unwrap_or_else(other);
        }
    }
    other()
}

fn directed(way: Way, text: &str) -> Option<What> {
    if let Some(error) = text.strip_prefix("RST (") {
        return Some(What::Reset(way, error.strip_suffix(')')?.to_owned()));
    }
    let (what, fates) = text.split_once("  ").unwrap_or((text, ""));
    let fates = match fates {
        "" => Vec::new(),
        _ => fates.split(", ").map(Fate::parse).collect::<Option<_>>()?,
    };
    if what == "FIN" {
        return Some(What::Fin(way, fates));
    }
    let length = what.strip_suffix(" bytes").or(what.strip_suffix(" byte"))?;
    Some(What::Piece {
        way,
        length: length.parse().ok()?,
        bytes: Vec::new(), // the rows below bring them
        fates,
    })
}

#[cfg(test)]
mod tests {
    use arbtest::arbitrary::{self, Unstructured};
    use arbtest::arbtest;

    use super::*;

    fn way(u: &mut Unstructured) -> arbitrary::Result<Way> {
        Ok(*u.choose(&[Way::ToServer, Way::ToClient])?)
    }

    fn fates(u: &mut Unstructured) -> arbitrary::Result<Vec<Fate>> {
        let mut fates = Vec::new();
        for _ in 0..u.choose_index(3)? {
            fates.push(match u.choose_index(5)? {
                0 => Fate::Dropped,
                1 => Fate::Twice,
                2 => Fate::HeldBack,
                3 => Fate::Pieces(u.int_in_range(2..=10_000)?),
                _ => Fate::Takes(Duration::from_millis(u.int_in_range(0..=100_000)?)),
            });
        }
        Ok(fates)
    }

    fn what(u: &mut Unstructured) -> arbitrary::Result<What> {
        Ok(match u.choose_index(8)? {
            0 => What::Connects("127.0.0.1:50312".to_owned()),
            1 => What::Appears("[::1]:50312".to_owned()),
            2 => What::Closed,
            3 => What::Cut(u.arbitrary()?),
            4 => What::Fin(way(u)?, fates(u)?),
            5 => What::Reset(way(u)?, "os error (104)".to_owned()),
            6 => What::Other("client ← server  nobody there (x)".to_owned()),
            _ => {
                let mut bytes = Vec::new();
                for _ in 0..u.choose_index(300)? {
                    match u.choose_index(3)? {
                        0 => bytes.extend(u.choose(&["世", "é", " ", "\x1b"])?.bytes()),
                        _ => bytes.push(u.arbitrary()?),
                    }
                }
                What::piece(way(u)?, &bytes, fates(u)?)
            }
        })
    }

    #[test]
    fn what_the_tap_prints_can_be_read_back() {
        arbtest(|u| {
            let mut events = Vec::new();
            for _ in 0..u.choose_index(6)? {
                events.push(Event {
                    at: Duration::from_millis(u.int_in_range(0..=10_000_000)?),
                    number: u.int_in_range(1..=1000)?,
                    what: what(u)?,
                });
            }
            let lines = events
                .iter()
                .flat_map(|event| event.lines(|way| way.arrow().to_owned()));
            // A terminal keeps no space at a line's end.
            let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
            let read = Event::read(&lines).into_iter().map(|(_, event)| event);
            let read: Vec<Event> = read.collect();
            for event in &mut events {
                if let What::Piece { bytes, .. } = &mut event.what {
                    bytes.truncate(SHOWN);
                }
            }
            assert_eq!(read, events);
            Ok(())
        });
    }

    #[test]
    fn no_line_breaks_the_reader() {
        let parts = [
            "0.001 s  #1  ",
            "client → server",
            "  ",
            "12 bytes",
            "FIN",
            "RST (",
            "    61 6",
            "é",
            ".",
        ];
        arbtest(|u| {
            let mut lines = Vec::new();
            for _ in 0..u.choose_index(6)? {
                let mut line = String::new();
                for _ in 0..u.choose_index(6)? {
                    line += u.choose(&parts)?;
                }
                lines.push(line);
            }
            Event::read(&lines);
            Ok(())
        });
    }

    #[test]
    fn shows_text_as_text_and_a_character_in_the_row_in_which_it_begins() {
        let text = "x".repeat(14) + "世界\x1b\u{202e}!";
        let what = What::piece(Way::ToServer, &[text.as_bytes(), b"\xff"].concat(), vec![]);
        let event = Event {
            at: Duration::ZERO,
            number: 1,
            what,
        };
        let lines = event.lines(|way| way.arrow().to_owned());
        assert!(lines[1].ends_with("  xxxxxxxxxxxxxx世"), "{lines:#?}");
        assert!(lines[2].ends_with("  界..!."), "{lines:#?}");
    }
}
