//! Your code for lesson 6. `docs/06-file-transfer.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p file-transfer --test exercise`
//!
//! Of the package `shared` you may use everything but `shared::frame::read_frame` and
//! `write_frame`: they are what 6.1 asks for. The crate `tempfile` is there for 6.3.
#![allow(unused_imports, unused_variables)] // until every exercise is solved

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use file_transfer::contract::{NameError, TransferError};
use shared::frame::FrameError;
use tempfile::NamedTempFile;

/// 6.1 ★ Writes a frame.
///
/// - On the wire a frame is the length of its body as four bytes, the most significant one first,
///   and then the body: any bytes, also none, and fewer than 4 GiB.
/// - Length and body leave in one write, however long the body is: one call with both.
///
/// # Errors
/// What writing failed with, such as a reset, or a write timeout that the caller has set.
pub fn write_frame(stream: &TcpStream, body: &[u8]) -> io::Result<()> {
    todo!("6.1 write_frame")
}

/// 6.1 ★ Reads a frame.
///
/// - Returns the body, also an empty one; `None` if the stream ends before the frame's first byte.
/// - Bytes may come in pieces, and several frames may come at once.
/// - Reads just this frame: what comes after it stays in the stream for the next call.
/// - Returns as soon as the frame is whole, although the other side keeps the connection open.
/// - Takes memory only for bytes that have come, which the check cannot see.
///
/// # Errors
/// - `EndInLength { got }`: the stream ended after one to three bytes of the length.
/// - `EndInBody { got, of }`: it ended inside the body, of which `got` bytes had come.
/// - `TooLong { prefix, length, limit }`: the length is greater than `limit`; `prefix` is its four
///   bytes. It is returned as soon as the length is there, and nothing after it is read.
/// - `Io`: what reading failed with, such as a reset.
pub fn read_frame(stream: &TcpStream, limit: u32) -> Result<Option<Vec<u8>>, FrameError> {
    todo!("6.1 read_frame")
}

/// 6.2 ★★ File names from strangers: creates a new file of that name in the folder `dir`.
///
/// `name` came over the wire. The rules are less strict than those of the lesson's `check_name`.
///
/// - A good name is UTF-8, at least 1 and at most 255 bytes long.
/// - There is no `/`, no `\`, no `:` and no control character ([`char::is_control`]) in it.
/// - It does not end with a dot or a space; so it is neither `.` nor `..`.
/// - It is not the name of a device on Windows: `CON`, `PRN`, `AUX`, `NUL`, `COM1` to `COM9`,
///   `LPT1` to `LPT9`, in upper or lower case or both, alone or with a dot and anything after it.
/// - Every other name is good, whatever is in it: `塑料王国.mp4`, `.profile`, `a..b`, `with space`,
///   `1+1=2 (draft)`, `COM10`.
/// - The file has just that name, in `dir`; a name that is not good is refused and not repaired.
/// - Creates the file only if there is nothing of that name: no file, no folder, no symbolic link,
///   also none that leads nowhere.
/// - Looks and creates in one step, so that of two callers at once only one gets the file, which
///   the check cannot see for sure.
/// - Everything else in and around `dir` stays as it is, whatever is returned.
/// - The file is open for writing.
///
/// # Errors
/// - `Refused`: the name is not a good one, whatever else is wrong.
/// - `Taken`: it is good, but something has it already.
/// - `Io`: the file could not be created for another reason, such as that there is no folder `dir`.
pub fn create(dir: &Path, name: &[u8]) -> Result<File, NameError> {
    todo!("6.2 file names from strangers")
}

/// 6.3 ★★★ Complete or nothing: receives a file of `size` bytes, which is then `dir`/`name`.
///
/// The header has been read, and `name` is a good name. What comes next from `stream` is the file,
/// and then the end: the sender closes.
///
/// - The bytes may come in pieces, with pauses of any length: no timeout is set.
/// - The file appears under its name in one step, when all of its bytes and the end have come.
/// - Until then, and after every error, whatever had the name before is untouched.
/// - In the end the new file takes the place of an old one, whose bytes are not overwritten.
/// - While they come, the bytes go into a temporary file in `dir`, which has another name or none.
/// - Several transfers may run at once, also with the same name: they do not disturb each other,
///   and the last one to finish wins.
/// - However it ends, no temporary file is left.
/// - Holds at most 1 MiB of the file in memory, and takes no memory for what `size` says.
/// - `size` is from a stranger, too: any `u64`.
/// - Lets the disk have the bytes ([`File::sync_all`]) before the file gets its name, which the
///   check cannot see.
///
/// # Errors
/// - `Short { got }`: the stream ended before `size` bytes.
/// - `TooMuch`: more than `size` bytes came.
/// - `Io`: what the connection or the file system failed with, such as a reset, or that a folder has
///   that name.
pub fn receive(stream: TcpStream, size: u64, dir: &Path, name: &str) -> Result<(), TransferError> {
    todo!("6.3 complete or nothing")
}
