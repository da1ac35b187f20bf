//! Your code for lesson 6. `docs/06-file-transfer.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p file-transfer --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::path::Path;

use file_transfer::contract::{NameError, TransferError};
use shared::frame::FrameError;

/// 6.1 ★ Writes a frame.
///
/// - On the wire a frame is the length of its body as four bytes, the most significant one first,
///   and then the body: any bytes, also none. The body is shorter than 4 GiB.
/// - Length and body leave in one write.
///
/// # Errors
/// What the connection failed with.
pub fn write_frame(stream: &TcpStream, body: &[u8]) -> io::Result<()> {
    todo!("6.1 write_frame")
}

/// 6.1 ★ Reads a frame and returns its body; `None` if the stream ends before its first byte.
///
/// - Bytes may come in pieces, and several frames may come at once. Reads just this frame: what
///   is behind it stays in the stream for the next call.
/// - Returns as soon as the frame is whole. The other side may keep the connection open.
/// - Takes memory only for bytes that have come. (The check cannot see this.)
///
/// # Errors
/// - [`FrameError::EndInLength`]: the stream ended behind one to three bytes of the length.
/// - [`FrameError::EndInBody`]: it ended inside the body.
/// - [`FrameError::TooLong`]: the length is greater than `limit`. Returned as soon as the length
///   is there; nothing behind it is read.
/// - [`FrameError::Io`]: what the connection failed with, such as a reset.
pub fn read_frame(stream: &TcpStream, limit: u32) -> Result<Option<Vec<u8>>, FrameError> {
    todo!("6.1 read_frame")
}

/// 6.2 ★★ File names from strangers: creates a new file of that name in the folder `dir`, and
/// returns it, open for writing.
///
/// - `name` came over the wire. It is refused, not repaired, and nothing is created, unless all of
///   this is true of it:
///   - It is UTF-8, at least 1 and at most 255 bytes long.
///   - There is no `/`, no `\`, no `:` and no control character ([`char::is_control`]) in it.
///   - It is neither `.` nor `..`, and does not end with a dot or a space.
///   - It is not the name of a device on Windows: `CON`, `PRN`, `AUX`, `NUL`, `COM1` to `COM9`,
///     `LPT1` to `LPT9`, in upper or lower case, alone or with a dot and anything behind it.
/// - Every other name is taken just as it is, on all systems. `塑料王国.mp4`, `.profile`, `a..b`,
///   `with space` and `COM10` are good names.
/// - Creates the file only if there is nothing of that name yet, whatever it may be: a file, a
///   folder, or a symbolic link, also one that leads nowhere. What is there stays as it is.
///
/// # Errors
/// - [`NameError::Refused`]: the name is not a good one.
/// - [`NameError::Taken`]: it is, but something has that name already.
/// - [`NameError::Io`]: the file could not be created for another reason, such as that there is no
///   folder `dir`.
pub fn create(dir: &Path, name: &[u8]) -> Result<File, NameError> {
    todo!("6.2 file names from strangers")
}

/// 6.3 ★★★ Complete or nothing: receives a file of `size` bytes, which is then `dir`/`name`.
///
/// - The header has been read, and `name` is a good name. What comes next from `stream` is the
///   file, and then the end: the sender closes. The bytes may come in pieces, and the sender may
///   take its time.
/// - The file appears under its name only when all of its bytes and the end have come, in one
///   step. Until then, and after every error, whatever had the name before is untouched. Then the
///   new file replaces an old one.
/// - While they come, the bytes go into a temporary file in `dir`, which has any other name or
///   none. Several transfers may run at the same time, also with the same name: they do not
///   disturb each other, and the last one to finish wins.
/// - However it ends, no temporary file is left.
/// - Holds at most 1 MiB of the file in memory. `size` comes from a stranger too: any `u64`.
/// - Lets the disk have the bytes ([`File::sync_all`]) before the file gets its name. (The check
///   cannot see this.)
///
/// # Errors
/// - [`TransferError::Short`]: the stream ended before `size` bytes.
/// - [`TransferError::TooMuch`]: there is a byte behind them.
/// - [`TransferError::Io`]: what the connection or the file system failed with, such as that a
///   folder has that name.
pub fn receive(stream: TcpStream, size: u64, dir: &Path, name: &str) -> Result<(), TransferError> {
    todo!("6.3 complete or nothing")
}
