//! Which pictures there are, and what they are drawn from.
//!
//! An image of `docs/pictures/` is drawn from lines that stand in its page: a session's, which the
//! page's test replays, or a measured block's. The image's text in the page becomes the picture's
//! title. A page's test fails when a file is not what its lines give. To draw all of them anew,
//! without replaying anything: `COURSE_REWRITE=1 cargo test -p course --test all every_picture`.
//!
//! A replay does not compare times. So for the sake of its picture, record a session at a person's
//! pace, and put the tap's lines into the page.

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use super::charts::{self, Bar, Ratio, Sample};
use super::dump;
use super::event::Event;
use super::lifetimes::lifetimes;
use super::scene::Note;
use super::states::states;
use super::tapped::Tapped;
use crate::page::{Page, Session};
use crate::place::workspace;

/// A picture of a page.
pub struct Picture {
    /// Its file in `docs/pictures/`, without `.svg`. The page refers to it by that name, and what
    /// the page has as the image's text becomes the picture's title.
    pub name: &'static str,
    /// The heading under which the session stands from which it is drawn.
    heading: &'static str,
    /// How it is drawn.
    kind: Kind,
}

enum Kind {
    /// As a space-time diagram of what the tap saw.
    Tap {
        lanes: &'static [&'static str],
        says: &'static [Says],
        /// Only what belongs to the client with this number.
        only: Option<usize>,
        /// Whether it is marked how long the client waits for an answer.
        waits: bool,
    },
    /// As a space-time diagram of tcpdump's lines, perhaps with the states of both ends.
    Dump {
        lanes: &'static [&'static str],
        states: bool,
    },
    /// As a space-time diagram of a tap's lines that were measured once: random bytes cannot be
    /// replayed.
    MeasuredTap { lanes: &'static [&'static str] },
    /// As the bytes of a file with its header, which the tap saw.
    Frame,
    /// As bars of how often lesson 5's `coin` counted how many reads.
    Coin,
    /// As the round trips and offsets that lesson 4's client printed.
    Scatter,
    /// As the states of both ends of a connection, as `ss` saw them.
    States,
    /// As the lifetimes of the clients that taps saw, each in a page, under a heading, with a name.
    Lifetimes {
        taps: &'static [(&'static str, &'static str, &'static str)],
    },
    /// As the ratios of the table of measurements.
    Ratios,
}

/// A line that a terminal shows, beside the lifeline where it belongs.
struct Says {
    /// The terminal; 0 for a mark that no terminal shows.
    terminal: usize,
    /// How the line begins, or the mark.
    begins: &'static str,
    /// The arrow at whose end it stands, counted from 0.
    arrow: usize,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Leaves,
    Arrives,
}
use End::{Arrives, Leaves};

const fn says(terminal: usize, begins: &'static str, arrow: usize, end: End) -> Says {
    Says {
        terminal,
        begins,
        arrow,
        end,
    }
}

/// All pictures.
pub static PICTURES: &[Picture] = &[
    Picture {
        name: "01-half-close",
        heading: "On the wire",
        kind: Kind::Tap {
            lanes: &["echo-client", "echo-server"],
            says: &[
                says(1, "accepted", 0, Arrives),
                says(3, "sent 12 bytes", 2, Leaves),
                says(1, "read 12 bytes", 1, Arrives),
                says(1, "127.0.0.1", 2, Arrives),
                says(3, "12 bytes came back", 4, Arrives),
            ],
            only: None,
            waits: false,
        },
    },
    Picture {
        name: "02-one-at-a-time",
        heading: "One at a time",
        kind: Kind::Tap {
            lanes: &["first client", "loop-server", "second client"],
            says: &[],
            only: None,
            waits: true,
        },
    },
    Picture {
        name: "03-twice",
        heading: "Everything comes twice",
        kind: Kind::Tap {
            lanes: &["chat_client.py", "chat-server"],
            says: &[
                says(3, "yes, at once", 1, Arrives),
                says(0, "reads the second copy: yes, at once", 2, Leaves),
            ],
            only: None,
            waits: false,
        },
    },
    Picture {
        name: "04-round-trip",
        heading: "On the wire",
        kind: Kind::Tap {
            lanes: &["time-client", "time-server"],
            says: &[
                says(0, "T1", 0, Leaves),
                says(0, "T2", 0, Arrives),
                says(0, "T3", 1, Leaves),
                says(0, "T4", 1, Arrives),
                says(3, "20  round trip", 1, Arrives),
            ],
            only: Some(1),
            waits: false,
        },
    },
    Picture {
        name: "04-offsets",
        heading: "How far is my clock from yours?",
        kind: Kind::Scatter,
    },
    Picture {
        name: "05-coin",
        heading: "Run it",
        kind: Kind::Coin,
    },
    Picture {
        name: "05-nagle",
        heading: "What Nagle does cost",
        kind: Kind::Dump {
            lanes: &["writer", "reader"],
            states: false,
        },
    },
    Picture {
        name: "06-bytes",
        heading: "On the wire",
        kind: Kind::Frame,
    },
    Picture {
        name: "07-handshake",
        heading: "On the wire",
        kind: Kind::Tap {
            lanes: &["auth-client", "auth-server"],
            says: &[
                says(3, "accepted", 3, Arrives),
                says(1, "127.0.0.1", 2, Arrives),
            ],
            only: None,
            waits: false,
        },
    },
    Picture {
        name: "07-replay",
        heading: "Replay against a frozen nonce",
        kind: Kind::Tap {
            lanes: &["honest client", "frozen-server", "attacker"],
            says: &[],
            only: None,
            waits: false,
        },
    },
    Picture {
        name: "07-reflection",
        heading: "Reflection",
        kind: Kind::MeasuredTap {
            lanes: &["connection 1", "mutual-server", "connection 2"],
        },
    },
    Picture {
        name: "08-no-queue",
        heading: "On the wire",
        kind: Kind::Tap {
            lanes: &["first client", "threaded-server", "second client"],
            says: &[],
            only: None,
            waits: true,
        },
    },
    Picture {
        name: "measured",
        heading: "Measured",
        kind: Kind::Ratios,
    },
    Picture {
        name: "06-measured",
        heading: "How fast",
        kind: Kind::Ratios,
    },
    Picture {
        name: "07-measured",
        heading: "How fast",
        kind: Kind::Ratios,
    },
    Picture {
        name: "08-lifetimes",
        heading: "On the wire",
        kind: Kind::Lifetimes {
            taps: &[
                (
                    "docs/02-loop-server.md",
                    "One at a time",
                    "lesson 2: one after the other",
                ),
                (
                    "docs/08-threaded-server.md",
                    "On the wire",
                    "lesson 8: a thread for each",
                ),
            ],
        },
    },
    Picture {
        name: "08-measured",
        heading: "What a thread costs",
        kind: Kind::Ratios,
    },
    Picture {
        name: "tcp-handshake",
        heading: "The handshake",
        kind: Kind::Dump {
            lanes: &["client's kernel", "server's kernel"],
            states: true,
        },
    },
    Picture {
        name: "tcp-closing",
        heading: "Closing",
        kind: Kind::Dump {
            lanes: &["echo-client", "loop-server"],
            states: true,
        },
    },
    Picture {
        name: "tcp-states",
        heading: "Closing",
        kind: Kind::States,
    },
];

/// Compares the pictures to which a page refers with what its transcripts give. With `rewrite`
/// they are drawn anew instead.
pub fn check(page: &Page, rewrite: bool) -> Vec<String> {
    let read = |file: &str| fs::read_to_string(workspace().join(file)).unwrap_or_default();
    let write = |file: &str, drawn: &str| {
        let written = fs::write(workspace().join(file), drawn);
        written.map_err(|e| format!("cannot write {file}: {e}"))
    };
    compare(page, &read, rewrite.then_some(&write))
}

/// Writes a text into a file of the workspace.
pub type Write<'a> = &'a dyn Fn(&str, &str) -> Result<(), String>;

/// As [`check`], with the files that `read` gives, and `write` for those that are to be mended.
pub fn compare(
    page: &Page,
    read: &dyn Fn(&str) -> String,
    write: Option<Write<'_>>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for image in images(page) {
        let place = page.place(image.line);
        let file = format!("docs/pictures/{}.svg", image.name);
        let drawn = match draw(page, &image.name, &image.text) {
            Ok(drawn) => drawn,
            Err(complaint) => {
                complaints.push(complaint_at(&place, &complaint));
                continue;
            }
        };
        let there = read(&file);
        if there == drawn {
            continue;
        }
        let mended = match write {
            Some(write) => write(&file, &drawn),
            None => Err(difference(&file, &there, &drawn)),
        };
        if let Err(complaint) = mended {
            complaints.push(format!("{place}: {complaint}"));
        }
    }
    complaints
}

/// A complaint that knows its own place keeps it.
fn complaint_at(place: &str, complaint: &str) -> String {
    if complaint.starts_with("docs/") {
        complaint.to_owned()
    } else {
        format!("{place}: {complaint}")
    }
}

fn difference(file: &str, there: &str, drawn: &str) -> String {
    let lines = there.lines().zip(drawn.lines());
    let same = lines.take_while(|(there, drawn)| there == drawn).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(the end)").to_owned();
    format!(
        "the picture is not what its transcript gives: {file}:{}\n  file:       {}\n  transcript: {}\n\
         to draw it from the transcript: COURSE_REWRITE=1 and the same test",
        same + 1,
        line(there),
        line(drawn),
    )
}

/// An image of a page.
struct Image {
    line: usize,
    text: String,
    name: String,
}

fn images(page: &Page) -> Vec<Image> {
    static IMAGE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^!\[(?<text>[^\]]*)\]\(pictures/(?<name>[^)]*)\.svg\)$")
            .expect("the pattern is tested")
    });
    let text = page.text();
    let lines = text.lines().enumerate();
    let images = lines.filter_map(|(line, text)| {
        let found = IMAGE.captures(text)?;
        Some(Image {
            line,
            text: found["text"].to_owned(),
            name: found["name"].to_owned(),
        })
    });
    images.collect()
}

/// Draws a picture from a page's transcripts.
///
/// # Errors
/// Nobody said from what it is drawn, or the page lacks that.
pub fn draw(page: &Page, name: &str, title: &str) -> Result<String, String> {
    let picture = PICTURES.iter().find(|picture| picture.name == name);
    let picture = picture.ok_or(format!(
        "tests/src/picture/list.rs does not say from what '{name}' is drawn"
    ))?;
    if title.is_empty() {
        return Err("a picture needs a text for those who cannot see it".to_owned());
    }
    let heading = picture.heading;
    let session = || -> Result<Session, String> {
        let sessions = page.sessions()?;
        let found = sessions.into_iter().find(|s| s.heading == heading);
        found.ok_or(format!(
            "there is no session under '{heading}', from which '{name}' is drawn"
        ))
    };
    match &picture.kind {
        Kind::Tap {
            lanes,
            says,
            only,
            waits,
        } => from_tap(page, &session()?, (lanes, *only, *waits), says, title),
        Kind::Dump { lanes, states } => {
            let lines = dumped(page, heading)?;
            Ok(dump::scene(&lines, lanes, *states)?.draw(title))
        }
        Kind::MeasuredTap { lanes } => {
            let lines = measured(page, heading, "0.000 s  #1")?;
            let events: Vec<Event> = Event::read(&lines).into_iter().map(|e| e.1).collect();
            let (delay, waits) = (Duration::ZERO, false);
            Ok(Tapped {
                lanes,
                delay,
                waits,
            }
            .scene(&events)
            .draw(title))
        }
        Kind::Frame => charts::frame(&tapped_events(&session()?)?.1, title),
        Kind::Coin => Ok(charts::bars(&coins(page)?, title)),
        Kind::Scatter => {
            let lines = measured(page, heading, "offset ")?;
            let samples: Vec<Sample> = lines.iter().filter_map(|line| sample(line)).collect();
            charts::scatter(&samples, title)
        }
        Kind::States => states(&measured(page, heading, "$ while sleep")?, title),
        Kind::Lifetimes { taps } => {
            let mut groups = Vec::new();
            for &(path, heading, name) in *taps {
                let other = Page::read(path)?;
                // The page itself may be a changed one.
                let page = if path == page.path { page } else { &other };
                let sessions = page.sessions()?;
                let session = sessions.iter().find(|s| s.heading == heading);
                let session = session.ok_or(format!("{path} has no session under '{heading}'"))?;
                groups.push((name, tapped_events(session)?.1));
            }
            Ok(lifetimes(&groups, title))
        }
        Kind::Ratios => match ratios(page).as_slice() {
            [] => Err("this page has no table of measurements".to_owned()),
            rows => Ok(charts::ratios(rows, title)),
        },
    }
}

/// What the tap of a session saw, and its command.
fn tapped_events(session: &Session) -> Result<(String, Vec<Event>), String> {
    let commands = session.commands();
    let tap = commands
        .iter()
        .find(|(_, text)| text.contains(" course tap "));
    let (terminal, command) = tap.ok_or("there is no tap in this session")?;
    let events = Event::read(&shown_by(session, *terminal));
    let events = events.into_iter().map(|(_, event)| event).collect();
    Ok(((*command).to_owned(), events))
}

/// All lines of a terminal.
fn shown_by(session: &Session, terminal: usize) -> Vec<String> {
    let own = session.blocks.iter().filter(|b| b.terminal == terminal);
    own.flat_map(|block| block.lines.clone()).collect()
}

fn from_tap(
    page: &Page,
    session: &Session,
    (lanes, only, waits): (&[&str], Option<usize>, bool),
    says: &[Says],
    title: &str,
) -> Result<String, String> {
    let (command, mut events) = tapped_events(session)?;
    events.retain(|event| only.is_none_or(|number| number == event.number));
    let delay = delay(&command);
    let tapped = Tapped {
        lanes,
        delay,
        waits,
    };
    let mut scene = tapped.scene(&events);
    for said in says {
        let lines = match said.terminal {
            0 => vec![said.begins.to_owned()],
            terminal => shown_by(session, terminal),
        };
        let text = lines.into_iter().find(|line| line.starts_with(said.begins));
        let text = text.ok_or_else(|| {
            let place = page.place(session.blocks[0].start);
            format!(
                "{place}: in this session terminal {} shows no line that begins with '{}', as its picture does",
                said.terminal, said.begins
            )
        })?;
        if said.arrow >= scene.arrows.len() {
            return Err(format!("the tap saw fewer than {} things", said.arrow + 1));
        }
        scene.notes.push(Note {
            arrow: said.arrow,
            arrives: said.end == End::Arrives,
            text,
        });
    }
    Ok(scene.draw(title))
}

/// The block under a heading that is no transcript and has a line with these words.
fn measured(page: &Page, heading: &str, words: &str) -> Result<Vec<String>, String> {
    let blocks = text_blocks(page, Some(heading))?;
    let has = |lines: &Vec<String>| lines.iter().any(|line| line.starts_with(words));
    blocks.into_iter().find(has).ok_or(format!(
        "under '{heading}' there is no block with lines of '{words}'"
    ))
}

/// What tcpdump shows under a heading: in a terminal, or in a block that was measured once.
fn dumped(page: &Page, heading: &str) -> Result<Vec<String>, String> {
    let sessions = page.sessions()?.into_iter();
    let terminals = sessions
        .filter(|session| session.heading == heading)
        .flat_map(|session| (1..=9).map(move |terminal| shown_by(&session, terminal)));
    let mut all = terminals.chain(text_blocks(page, Some(heading))?);
    let has = |lines: &Vec<String>| lines.iter().any(|line| line.contains(": Flags ["));
    all.find(has)
        .ok_or(format!("under '{heading}' there are no lines of tcpdump"))
}

/// The blocks of these kinds, under one heading or in the whole page.
fn text_blocks(page: &Page, heading: Option<&str>) -> Result<Vec<Vec<String>>, String> {
    let mut blocks = Vec::new();
    let mut from = 0;
    let mut here = heading.is_none();
    for fence in page.fences()? {
        for line in page.lines(from..fence.lines.start) {
            if line.starts_with('#') {
                let text = line.trim_start_matches('#').trim();
                here = heading.is_none_or(|heading| heading == text);
            }
        }
        from = fence.lines.end + 1;
        if here && fence.info.first().is_some_and(|word| word == "text") {
            blocks.push(page.lines(fence.lines).to_vec());
        }
    }
    Ok(blocks)
}

/// What `coin` counted, for each of its commands.
fn coins(page: &Page) -> Result<Vec<(String, Vec<Bar>)>, String> {
    let mut groups = Vec::new();
    for block in text_blocks(page, None)? {
        let command = block
            .first()
            .and_then(|line| line.split_once("--example coin -- "));
        let Some((_, arguments)) = command else {
            continue;
        };
        let heading = match arguments.split_once(' ') {
            Some((_, gap)) => format!("with a pause of {gap} ms between the writes"),
            None => "without a pause".to_owned(),
        };
        let bars = block.iter().filter_map(|line| {
            let (times, reads) = line.split_once(" times: ")?;
            let count = times.trim().split_once(" of ")?.0;
            Some(Bar {
                name: reads.to_owned(),
                value: count.parse().ok()?,
                shown: count.to_owned(),
            })
        });
        groups.push((heading, bars.collect()));
    }
    if groups.is_empty() {
        return Err("there is no block in which coin has counted".to_owned());
    }
    Ok(groups)
}

/// A line `offset +4.999131 s ± 0.201047 s  round trip 402.094 ms`.
fn sample(line: &str) -> Option<Sample> {
    let offset = line.strip_prefix("offset ")?.split_once(" s ")?.0;
    let round_trip = line.split_once("round trip ")?.1.strip_suffix(" ms")?;
    Some(Sample {
        round_trip: round_trip.parse().ok()?,
        offset: 1000.0 * offset.parse::<f64>().ok()?,
    })
}

/// The rows of the page's table of measurements that have a ratio.
fn ratios(page: &Page) -> Vec<Ratio> {
    let text = page.text();
    let mut rows: Vec<Ratio> = Vec::new();
    let mut lesson = String::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", number, what, _, beside, _, ratio, _, ""] = cells.as_slice() else {
            continue;
        };
        if !what.is_empty() {
            lesson = (*number).to_owned();
            let name = match lesson.as_str() {
                "" => (*what).to_owned(),
                number => format!("{number}: {what}"),
            };
            rows.push(Ratio {
                what: name,
                beside: Vec::new(),
            });
        }
        let ratio = ratio
            .strip_suffix('×')
            .and_then(|ratio| ratio.trim().parse().ok());
        if let (Some(ratio), Some(row), false) = (ratio, rows.last_mut(), lesson.is_empty()) {
            row.beside.push(((*beside).to_owned(), ratio));
        }
    }
    rows.retain(|row| !row.beside.is_empty());
    rows
}

/// How much later a tap of this command passes everything on.
fn delay(command: &str) -> Duration {
    let delay = command.split_once("--delay ").and_then(|(_, rest)| {
        let word = rest.split_whitespace().next()?;
        word.parse().ok()
    });
    Duration::from_millis(delay.unwrap_or(0))
}
