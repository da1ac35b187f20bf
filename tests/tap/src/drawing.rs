//! `--picture FILE.svg`: what passed, as a space-time diagram.

use std::fs;
use std::path::Path;

use course::picture::{Event, SHOWN, Tapped, What};
use shared::{Failure, escape, say, warn};

use crate::Tap;

/// How many events are drawn: a picture of more is read by nobody, and a tap may run for days.
const MOST: usize = 2_000;

/// What is to be drawn.
#[derive(Default)]
pub struct Drawing {
    events: Vec<Event>,
    /// How many were too many.
    more: usize,
}

impl Drawing {
    /// Keeps what a picture shows of an event.
    pub fn add(&mut self, mut event: Event) {
        if self.events.len() == MOST {
            self.more += 1;
            return;
        }
        if let What::Piece { bytes, .. } = &mut event.what {
            bytes.truncate(SHOWN);
            bytes.shrink_to_fit();
        }
        self.events.push(event);
    }

    /// The picture.
    fn draw(&self, tap: &Tap) -> String {
        let tapped = Tapped {
            lanes: lanes(&self.events),
            delay: tap.network.delay(),
            waits: false,
        };
        let title = format!("What passed on the way to {}", tap.to);
        tapped.scene(&self.events).draw(&title)
    }
}

/// The lifelines that these events need.
pub fn lanes(events: &[Event]) -> &'static [&'static str] {
    let clients = events.iter().map(|event| event.number).max();
    match clients.unwrap_or(1) {
        1 => &["client", "server"],
        2 => &["client 1", "server", "client 2"],
        _ => &["client 1", "server", "the others"],
    }
}

/// Creates the file: better now than after an hour.
///
/// # Errors
/// It cannot be written.
pub fn create(path: &Path) -> Result<(), Failure> {
    write(path, "")
}

/// Draws what has passed into the file.
///
/// # Errors
/// It cannot be written.
pub fn draw(tap: &Tap, path: &Path) -> Result<(), Failure> {
    let drawing = tap.record.drawing();
    write(path, &drawing.draw(tap))?;
    if drawing.more > 0 {
        let more = drawing.more;
        warn!("the picture shows the first {MOST} events; {more} more are left out");
    }
    say!("drawn: {}", shown(path));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = fs::write(path, text);
    written.map_err(|e| Failure::new(format!("cannot write {}: {e}", shown(path))))
}

fn shown(path: &Path) -> String {
    escape(path.display().to_string().as_bytes())
}
