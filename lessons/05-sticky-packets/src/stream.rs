use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use shared::{Failure, ask, escape, say};

use crate::messages::MESSAGES;
use crate::picture::{Piece, borders_unknown, bytes, draw, mark_borders};

/// How the writer writes.
#[derive(clap::Args)]
pub struct Writer {
    #[command(flatten)]
    gap: Gap,

    /// Set TCP_NODELAY: the kernel sends each write at once
    #[arg(long)]
    nodelay: bool,
}

/// The pause between two messages.
#[derive(clap::Args)]
pub struct Gap {
    /// Pause between two messages, in milliseconds, at most 1000
    #[arg(long, value_name = "MS", default_value = "0", value_parser = shared::number(0..=1000_u64))]
    gap: u64,
}

/// How the reader reads.
#[derive(clap::Args)]
pub struct Reader {
    /// Begin to read so long after the first byte has arrived, in milliseconds
    #[arg(long, value_name = "MS", default_value = "300", value_parser = shared::number(0..=60_000_u64))]
    wait: u64,

    /// Begin to read when Enter is pressed
    #[arg(long, conflicts_with = "wait")]
    enter: bool,

    /// The size of the buffer: the most that one read can return
    #[arg(long, value_name = "BYTES", default_value = "1024", value_parser = shared::number(1..=u16::MAX))]
    buffer: u16,
}

/// A writer that does not end is left alone after so many bytes.
pub const MOST: usize = 1024 * 1024;

/// Writes the five messages, and closes.
///
/// # Errors
/// The connection broke.
pub fn write_messages(
    mut stream: TcpStream,
    peer: impl fmt::Display,
    options: &Writer,
) -> Result<(), Failure> {
    let write_failed = |e| Failure::broken("write to", &peer, e);
    stream.set_nodelay(options.nodelay).map_err(write_failed)?;
    for (message, number) in MESSAGES.iter().zip(1..) {
        if number > 1 {
            thread::sleep(options.gap.time());
        }
        stream.write_all(message.as_bytes()).map_err(write_failed)?;
        say!("write {number}: {:2} bytes  {message}", message.len());
    }
    Ok(())
}

/// Reads until the writer has closed and shows what each read returned, whoever the writer is. Draws
/// the picture if it was the five messages.
///
/// # Errors
/// The connection broke, or more than [`MOST`] bytes came.
pub fn read_pieces(
    mut stream: TcpStream,
    peer: impl fmt::Display,
    options: &Reader,
) -> Result<(), Failure> {
    let read_failed = |e| Failure::broken("read from", &peer, e);
    if options.wait > 0 {
        // peek waits for the first byte and leaves it where it is.
        stream.peek(&mut [0]).map_err(read_failed)?;
        options.wait()?;
    }

    let mut buffer = vec![0; options.buffer()];
    let mut came = Vec::new();
    let mut pieces = Vec::new();
    loop {
        let n = stream.read(&mut buffer).map_err(read_failed)?;
        if n == 0 {
            break; // the writer has closed: there is no more
        }
        let piece = &buffer[..n];
        let from = came.len();
        came.extend_from_slice(piece);
        pieces.push(Piece::Came(n));
        let known = MESSAGES.concat().as_bytes().starts_with(&came);
        let text = if known {
            mark_borders(from, piece)
        } else {
            escape(piece)
        };
        say!("read {}: {}  {text}", pieces.len(), bytes(n));
        if came.len() > MOST {
            let message = format!(
                "more came from {peer} than is shown: {} bytes > {MOST}",
                came.len()
            );
            return Err(Failure::new(message));
        }
    }

    if came == MESSAGES.concat().as_bytes() {
        say!("\n{}", draw("write", "read", &pieces));
    } else {
        say!("\n{}", borders_unknown("read", pieces.len(), came.len()));
    }
    Ok(())
}

impl Gap {
    /// How long the pause is.
    pub fn time(&self) -> Duration {
        Duration::from_millis(self.gap)
    }
}

impl Reader {
    /// Lets time pass before the first read.
    ///
    /// # Errors
    /// The keyboard cannot be read.
    pub fn wait(&self) -> Result<(), Failure> {
        if self.enter {
            ask("read> ")?;
        } else {
            thread::sleep(Duration::from_millis(self.wait));
        }
        Ok(())
    }

    /// The size of the buffer, in bytes.
    pub fn buffer(&self) -> usize {
        usize::from(self.buffer)
    }
}
