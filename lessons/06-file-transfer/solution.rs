//! One way to solve the exercises of lesson 6. Try your own first.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use file_transfer::contract::{NameError, TransferError};
use shared::frame::FrameError;
use tempfile::NamedTempFile;

/// 6.1 Writes a frame.
pub fn write_frame(mut stream: &TcpStream, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(|_| ErrorKind::InvalidInput)?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    stream.write_all(&frame)
}

/// 6.1 Reads a frame.
pub fn read_frame(mut stream: &TcpStream, limit: u32) -> Result<Option<Vec<u8>>, FrameError> {
    let mut prefix = [0; 4];
    let mut got = 0;
    while got < prefix.len() {
        match stream.read(&mut prefix[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(FrameError::EndInLength { got }),
            Ok(n) => got += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    let length = u32::from_be_bytes(prefix);
    if length > limit {
        return Err(FrameError::TooLong {
            prefix,
            length,
            limit,
        });
    }

    // The vector grows with what comes. The number alone is no reason to take memory.
    let mut body = Vec::new();
    let got = stream.take(length.into()).read_to_end(&mut body)?;
    let of = length as usize; // usize has at least 32 bits where std has sockets
    if got < of {
        return Err(FrameError::EndInBody { got, of });
    }
    Ok(Some(body))
}

/// 6.2 File names from strangers.
pub fn create(dir: &Path, name: &[u8]) -> Result<File, NameError> {
    let name = str::from_utf8(name).map_err(|_| NameError::Refused)?;
    if !is_good(name) {
        return Err(NameError::Refused);
    }
    // The system looks and creates in one step, so nobody can come between.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(dir.join(name));
    file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => NameError::Taken,
        _ => NameError::Io(error),
    })
}

fn is_good(name: &str) -> bool {
    let leads_elsewhere = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    (1..=255).contains(&name.len())
        && !name.contains(leads_elsewhere)
        && !name.ends_with(['.', ' ']) // `.` and `..` as well
        && !is_device(name)
}

/// Windows means the device whatever stands behind the first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    match stem.as_bytes() {
        b"CON" | b"PRN" | b"AUX" | b"NUL" => true,
        [b'C', b'O', b'M', number] | [b'L', b'P', b'T', number] => matches!(number, b'1'..=b'9'),
        _ => false,
    }
}

/// 6.3 Complete or nothing.
pub fn receive(stream: TcpStream, size: u64, dir: &Path, name: &str) -> Result<(), TransferError> {
    // Only in the same folder is it sure to be on the same file system, where a rename is one
    // step. The file is removed when it is dropped, so every return below leaves nothing behind.
    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
    let got = io::copy(&mut (&stream).take(size), &mut partial).map_err(TransferError::Io)?;
    if got < size {
        return Err(TransferError::Short { got });
    }
    match (&stream).read(&mut [0]) {
        Ok(0) => {}
        Ok(_) => return Err(TransferError::TooMuch),
        Err(error) => return Err(TransferError::Io(error)),
    }
    partial.as_file().sync_all().map_err(TransferError::Io)?;
    let named = partial.persist(dir.join(name));
    named.map_err(|error| TransferError::Io(error.error))?; // the file in it is removed, too
    Ok(())
}
