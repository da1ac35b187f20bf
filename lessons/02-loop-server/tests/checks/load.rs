//! Many bytes, of which none is kept: a source that makes them and a sink that compares them.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use course::exercise::{Fault, Step, compare};

/// The bytes are this piece, again and again. Its length is a prime, so a piece that is lost,
/// doubled or swapped shows.
pub static PIECE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state: u32 = 1;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(65_521).collect()
});

/// What a source gives and a sink should get.
#[derive(Clone)]
pub struct Load {
    pub len: u64,
    wait: Duration,
    asks_first: Option<u64>,
    source_fails: Option<&'static str>,
    sink_fails: Option<&'static str>,
    /// The source fails only when the sink is stuck with what came back.
    waits_for_the_sink: bool,
    /// So many bytes the sink takes with each write.
    bite: usize,
    shared: Arc<(Mutex<Progress>, Condvar)>,
}

#[derive(Default)]
struct Progress {
    given: u64,
    back: u64,
    asked_in_vain: bool,
    /// The sink takes nothing for now, nor says no.
    stuck: bool,
    /// Somebody waits for the sink.
    waits: bool,
    difference: Option<String>,
}

impl Load {
    /// `wait` is how long the source and the sink wait for each other.
    pub fn new(len: u64, wait: Duration) -> Load {
        Load {
            len,
            wait,
            asks_first: None,
            source_fails: None,
            sink_fails: None,
            waits_for_the_sink: false,
            bite: 3000,
            shared: Arc::default(),
        }
    }

    /// The source gives so many bytes, and the rest when the sink has got as many.
    pub fn asks_first(self, bytes: u64) -> Load {
        Load {
            asks_first: Some(bytes),
            ..self
        }
    }

    /// The source fails when it should give 0.
    pub fn source_fails(self, message: &'static str) -> Load {
        Load {
            source_fails: Some(message),
            ..self
        }
    }

    #[cfg(target_os = "linux")]
    /// The source fails, but not before the sink is stuck with what came back.
    pub fn source_fails_later(self, message: &'static str) -> Load {
        Load {
            waits_for_the_sink: true,
            ..self.source_fails(message)
        }
    }

    /// The sink takes nothing.
    pub fn sink_fails(self, message: &'static str) -> Load {
        Load {
            sink_fails: Some(message),
            ..self
        }
    }

    /// The sink takes so few bytes with each write.
    pub fn bites(self, bite: usize) -> Load {
        Load { bite, ..self }
    }

    /// The sink takes nothing until this is called with `false`; its callers wait.
    pub fn sink_is_stuck(&self, stuck: bool) {
        self.progress().stuck = stuck;
        self.shared.1.notify_all();
    }

    pub fn source(&self) -> impl Read + Send + 'static {
        Source(self.clone())
    }

    pub fn sink(&self) -> impl Write + Send + 'static {
        Sink(self.clone())
    }

    pub fn given(&self) -> u64 {
        self.progress().given
    }

    pub fn back(&self) -> u64 {
        self.progress().back
    }

    /// Waits until the source has given `enough`, or nothing for 0.3 s; says how much it gave.
    pub fn given_until_it_stands_still(&self, enough: u64) -> u64 {
        let (mut given, mut since) = (0, Instant::now());
        let mut progress = self.progress();
        loop {
            if progress.given > given {
                (given, since) = (progress.given, Instant::now());
            }
            let left = Duration::from_millis(300).saturating_sub(since.elapsed());
            if given >= enough || left.is_zero() {
                return given;
            }
            progress = self.changed(progress, left);
        }
    }

    /// Whether the source waited for an echo that did not come.
    pub fn asked_in_vain(&self) -> bool {
        self.progress().asked_in_vain
    }

    pub fn sink_is_right(&self) -> Step {
        match &self.progress().difference {
            None => Ok(()),
            Some(difference) => Err(Fault::new(format!(
                "what came back is not what the sink got\n{difference}"
            ))),
        }
    }

    /// All the bytes, in pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &'static [u8]> {
        let len = self.len;
        let mut at = 0;
        std::iter::from_fn(move || {
            let piece = piece_at(at, usize::MAX, len);
            at += piece.len() as u64;
            (!piece.is_empty()).then_some(piece)
        })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.shared.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn changed<'a>(
        &self,
        progress: MutexGuard<'a, Progress>,
        wait: Duration,
    ) -> MutexGuard<'a, Progress> {
        let waited = self.shared.1.wait_timeout(progress, wait);
        waited.unwrap_or_else(|e| e.into_inner()).0
    }
}

/// What of the piece lies at a place in the whole, at most so much, and not beyond the end.
fn piece_at(at: u64, most: usize, end: u64) -> &'static [u8] {
    let piece: &'static [u8] = &PIECE;
    let from = (at % piece.len() as u64) as usize;
    let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
    let n = most.min(left).min(piece.len() - from);
    &piece[from..from + n]
}

/// What the source or the sink fails with, by which its error is known again.
#[derive(Debug)]
pub struct Said(pub &'static str);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Said {}

struct Source(Load);

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let load = &self.0;
        let mut progress = load.progress();
        let mut end = load.len;
        if let Some(first) = load.asks_first {
            if progress.given < first {
                end = first;
            }
            let deadline = Instant::now() + load.wait;
            while progress.given >= first && progress.back < first {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    progress.asked_in_vain = true;
                    return Ok(0);
                }
                progress = load.changed(progress, left);
            }
        }
        let piece = piece_at(progress.given, buffer.len(), end);
        if let (true, Some(message)) = (piece.is_empty(), load.source_fails) {
            let deadline = Instant::now() + load.wait;
            while load.waits_for_the_sink && !progress.waits && Instant::now() < deadline {
                progress = load.changed(progress, load.wait);
            }
            return Err(io::Error::other(Said(message)));
        }
        // As much as there is room for, as a file gives it.
        let mut n = 0;
        loop {
            let piece = piece_at(progress.given, buffer.len() - n, end);
            buffer[n..n + piece.len()].copy_from_slice(piece);
            progress.given += piece.len() as u64;
            n += piece.len();
            if piece.is_empty() {
                break;
            }
        }
        load.shared.1.notify_all();
        Ok(n)
    }
}

struct Sink(Load);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let load = &self.0;
        if let Some(message) = load.sink_fails {
            return Err(io::Error::other(Said(message)));
        }
        let mut progress = load.progress();
        while progress.stuck {
            progress.waits = true;
            load.shared.1.notify_all();
            progress = load.changed(progress, load.wait);
        }
        let bytes = &bytes[..bytes.len().min(load.bite)];
        let mut rest = bytes;
        while !rest.is_empty() && progress.difference.is_none() {
            let expected = piece_at(progress.back, rest.len(), load.len);
            let came = if expected.is_empty() {
                rest
            } else {
                &rest[..expected.len()]
            };
            if let Err(difference) = compare(expected, came) {
                let at = progress.back;
                progress.difference = Some(format!("from byte {at} on:\n{difference}"));
            }
            progress.back += came.len() as u64;
            rest = &rest[came.len()..];
        }
        load.shared.1.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
