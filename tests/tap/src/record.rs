//! What the tap keeps of what it sees: the lines on the screen, and a capture.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anstyle::AnsiColor;
use course::picture::{Event, Way, What};
use shared::{Failure, say};

use crate::browser::Live;
use crate::drawing::Drawing;
use crate::pcap::{Capture, Ends};
use course::paint;

/// One thing after the other, whichever thread saw it.
pub struct Record {
    kept: Mutex<Kept>,
}

struct Kept {
    /// When the first event was; the times are counted from there.
    start: Option<Instant>,
    capture: Option<Capture>,
    drawing: Option<Drawing>,
    live: Option<&'static Live>,
}

/// Whose events are noted: a connection, or a client that sends datagrams.
#[derive(Clone, Copy)]
pub struct Who {
    pub number: usize,
    /// The addresses that a capture shows.
    pub ends: Ends,
}

impl Record {
    /// Creates the files.
    pub fn new(
        pcap: Option<&Path>,
        draws: bool,
        live: Option<&'static Live>,
    ) -> Result<Record, Failure> {
        let kept = Mutex::new(Kept {
            start: None,
            capture: pcap.map(Capture::create).transpose()?,
            drawing: draws.then(Drawing::default),
            live,
        });
        Ok(Record { kept })
    }

    /// Notes one thing at the time when it is seen: nobody else's lines come between its lines.
    pub fn note(&self, who: Who, what: What) {
        let mut kept = self.lock();
        let now = Instant::now();
        let start = *kept.start.get_or_insert(now);
        let event = Event {
            at: now - start,
            number: who.number,
            what,
        };
        say!("{}", event.lines(arrow).join("\n"));
        if let Some(capture) = &mut kept.capture
            && let Err(failure) = capture.add(&who.ends, &event)
        {
            failure.print(); // once: a capture with a hole would be a lie
            kept.capture = None;
        }
        if let Some(live) = kept.live {
            live.add(&event);
        }
        if let Some(drawing) = &mut kept.drawing {
            drawing.add(event);
        }
    }

    /// Takes what is to be drawn.
    pub fn drawing(&self) -> Drawing {
        self.lock().drawing.take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .expect("no thread panics while it holds this")
    }
}

impl Who {
    pub fn new(number: usize, client: SocketAddr, server: SocketAddr, udp: bool) -> Who {
        let ends = Ends {
            client,
            server,
            udp,
        };
        Who { number, ends }
    }
}

fn arrow(way: Way) -> String {
    let colour = match way {
        Way::ToServer => AnsiColor::Cyan,
        Way::ToClient => AnsiColor::Green,
    };
    paint(colour.on_default(), way.arrow())
}

/// How long until `at`; nothing if it has passed.
pub fn until(at: Instant) -> Duration {
    at.saturating_duration_since(Instant::now())
}
