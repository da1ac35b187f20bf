//! What the tap saw, as a space-time diagram.

use std::collections::HashMap;
use std::time::Duration;

use shared::{escape, is_safe_to_print};

use super::event::{Event, Fate, SHOWN, Way, What};
use super::scene::{Arrow, Look, Scene, Wait};
use super::svg::letters;

/// How many letters of a label there is room for between two lifelines.
const ROOM: usize = 22;

/// How a session is drawn.
pub struct Tapped<'a> {
    /// The client's name, the server's, and perhaps that of a second client.
    pub lanes: &'a [&'a str],
    /// How much later the tap passes everything on.
    pub delay: Duration,
    /// Whether it is marked how long a client waits for an answer.
    pub waits: bool,
}

impl Tapped<'_> {
    /// The scene of what the tap saw. What belongs to a client is drawn at its lifeline: with three
    /// lifelines the second client's is the right one.
    pub fn scene(&self, events: &[Event]) -> Scene {
        let lanes = self.lanes.iter().map(|&name| name.to_owned()).collect();
        let arrows = events
            .iter()
            .filter_map(|event| self.arrow(event))
            .collect();
        let waits = if self.waits {
            waits(events)
        } else {
            Vec::new()
        };
        Scene {
            lanes,
            arrows,
            notes: Vec::new(),
            waits,
        }
    }

    fn arrow(&self, event: &Event) -> Option<Arrow> {
        let client = if self.lanes.len() > 2 && event.number > 1 {
            2
        } else {
            0
        };
        let (way, label, look) = match &event.what {
            What::Connects(_) => (Way::ToServer, "connects".to_owned(), Look::Mark),
            What::Piece {
                way,
                length,
                bytes,
                fates,
            } => {
                let text = label(*length, bytes, self.lanes.len() > 2);
                (*way, text, look(fates))
            }
            What::Fin(way, fates) => {
                let look = if fates.contains(&Fate::Dropped) {
                    Look::Lost
                } else {
                    Look::Mark
                };
                (*way, "FIN".to_owned(), look)
            }
            What::Reset(way, _) => (*way, "RST".to_owned(), Look::Reset),
            What::Cut(_) => (Way::ToClient, "RST by the tap".to_owned(), Look::Reset),
            What::Appears(_) | What::Closed | What::Other(_) => return None,
        };
        let (from, to) = match way {
            Way::ToServer => (client, 1),
            Way::ToClient => (1, client),
        };
        let instant = matches!(
            event.what,
            What::Connects(_) | What::Reset(..) | What::Cut(_)
        );
        let delay = if instant { Duration::ZERO } else { self.delay };
        let at = time(event.at);
        let (sender, receiver) = (self.lanes[from], self.lanes[to]);
        let told = match &event.what {
            What::Connects(_) => format!("After {at} {sender} connects."),
            what => match below(what).as_str() {
                "" => format!("After {at} from {sender} to {receiver}: {label}."),
                more => format!("After {at} from {sender} to {receiver}: {label}, {more}."),
            },
        };
        Some(Arrow {
            from,
            to,
            leaves: event.at,
            arrives: event.at + delay,
            label: match event.number {
                // More clients than lifelines: whose it is.
                3.. if self.lanes.len() > 2 => format!("#{} {label}", event.number),
                _ => label,
            },
            below: below(&event.what),
            // Of three lifelines the middle one has no room for it: the time of its arrival.
            beside: match from {
                1 if self.lanes.len() > 2 => time(event.at + delay),
                _ => at,
            },
            look,
            told,
        })
    }
}

fn time(at: Duration) -> String {
    format!("{:.3} s", at.as_secs_f64())
}

/// Whether a picture shows an event as an arrow.
pub fn is_drawn(event: &Event) -> bool {
    shows(&event.what)
}

/// Who has asked and has no answer yet, as arrows of the scene.
fn waits(events: &[Event]) -> Vec<Wait> {
    let drawn = events.iter().filter(|event| is_drawn(event));
    let mut asked: HashMap<usize, usize> = HashMap::new();
    let mut waits = Vec::new();
    for (arrow, event) in drawn.enumerate() {
        match event.what {
            What::Piece {
                way: Way::ToServer, ..
            } => {
                asked.entry(event.number).or_insert(arrow);
            }
            What::Piece {
                way: Way::ToClient, ..
            } => {
                if let Some(since) = asked.remove(&event.number) {
                    waits.push(Wait {
                        since,
                        until: arrow,
                    });
                }
            }
            _ => {}
        }
    }
    waits
}

fn shows(what: &What) -> bool {
    !matches!(what, What::Appears(_) | What::Closed | What::Other(_))
}

fn look(fates: &[Fate]) -> Look {
    if fates.contains(&Fate::Dropped) {
        Look::Lost
    } else if fates.contains(&Fate::Twice) {
        Look::Twice
    } else {
        Look::Plain
    }
}

/// How long it is, and what it says.
fn label(length: usize, bytes: &[u8], short: bool) -> String {
    let more = if length > SHOWN.min(bytes.len()) {
        "…"
    } else {
        ""
    };
    let text = match text_part(bytes) {
        0 => hex(bytes),
        end => escape(&bytes[..end]) + more,
    };
    let plural = if length == 1 { "" } else { "s" };
    let long = format!("{length} byte{plural}: {text}");
    match text.as_str() {
        "" => format!("{length} byte{plural}"),
        text if short || letters(&long) > ROOM => text.to_owned(),
        _ => long,
    }
}

/// How many bytes at the beginning are text: all of them, or so many that they are a part by
/// themselves.
fn text_part(bytes: &[u8]) -> usize {
    const PART: usize = 8;
    let readable = |c: char| is_safe_to_print(c) || c.is_ascii_whitespace();
    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let end = valid.find(|c| !readable(c)).unwrap_or(valid.len());
    if end == bytes.len() || end >= PART {
        end
    } else {
        0
    }
}

/// The first bytes, as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let hex: Vec<String> = bytes.iter().take(4).map(|b| format!("{b:02x}")).collect();
    hex.join(" ") + if bytes.len() > 4 { " …" } else { "" }
}

/// What the tap does to it; otherwise the bytes behind its text.
fn below(what: &What) -> String {
    match what {
        What::Piece { bytes, fates, .. } if fates.is_empty() => match text_part(bytes) {
            0 => String::new(),
            end if end == bytes.len() => String::new(),
            end => hex(&bytes[end..]),
        },
        What::Piece { fates, .. } | What::Fin(_, fates) => {
            let fates: Vec<String> = fates.iter().map(Fate::to_string).collect();
            fates.join(", ")
        }
        _ => String::new(),
    }
}
