//! `--picture FILE.svg`: what passed, as a space-time diagram.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

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

/// Draws when Ctrl-C is pressed, and ends.
///
/// # Errors
/// The file cannot be written, or the system does not let us know of Ctrl-C.
pub fn at_the_end(tap: &'static Tap, path: PathBuf) -> Result<(), Failure> {
    write(&path, "")?; // better now than after an hour
    ctrlc::set_handler(move || {
        let drawing = tap.record.drawing();
        let picture = drawing.draw(tap);
        if let Err(failure) = write(&path, &picture) {
            failure.print();
            process::exit(1);
        }
        if drawing.more > 0 {
            let more = drawing.more;
            warn!("the picture shows the first {MOST} events; {more} more are left out");
        }
        say!("drawn: {}", shown(&path));
        process::exit(0);
    })
    .map_err(|e| Failure::new(format!("cannot wait for Ctrl-C: {e}")))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = fs::write(path, text);
    written.map_err(|e| Failure::new(format!("cannot write {}: {e}", shown(path))))
}

fn shown(path: &Path) -> String {
    escape(path.display().to_string().as_bytes())
}
