//! The checks of lesson 6, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Component, Path, PathBuf};

use checks::{Create, Frames, ReadFrame, Receive, WriteFrame};
use course::exercise::prove;
use file_transfer::contract::{NameError, TransferError};
use shared::frame::FrameError;
use tempfile::NamedTempFile;

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_6_1_is_proved() {
    let skeleton = Frames {
        read: exercise::read_frame,
        write: exercise::write_frame,
    };
    let solution = Frames {
        read: solution::read_frame,
        write: solution::write_frame,
    };
    let writes = |write: WriteFrame| Frames { write, ..solution };
    let reads = |read: ReadFrame| Frames { read, ..solution };
    prove(
        checks::frames,
        (SOURCE, "6.1 ", skeleton),
        solution,
        &[
            (
                "writes twice",
                writes(|mut stream, body| {
                    stream.write_all(&(body.len() as u32).to_be_bytes())?;
                    stream.write_all(body)
                }),
                "length and body leave in two writes",
            ),
            (
                "takes the machine's byte order",
                writes(|mut stream, body| {
                    let length = (body.len() as u32).to_le_bytes();
                    stream.write_all(&[&length, body].concat())
                }),
                "the most significant one first",
            ),
            (
                "counts the length with the body",
                writes(|mut stream, body| {
                    let length = (4 + body.len() as u32).to_be_bytes();
                    stream.write_all(&[&length, body].concat())
                }),
                "counts the bytes of the body only",
            ),
            (
                "reads the length once",
                reads(|mut stream, limit| {
                    let mut prefix = [0; 4];
                    match stream.read(&mut prefix)? {
                        0 => Ok(None),
                        4 => read_body(stream, prefix, limit),
                        got => Err(FrameError::EndInLength { got }),
                    }
                }),
                "one read need not return four bytes",
            ),
            (
                "reads the body once",
                reads(|mut stream, limit| {
                    let Some(prefix) = read_prefix(stream)? else {
                        return Ok(None);
                    };
                    let of = checked(prefix, limit)?;
                    let mut body = vec![0; of];
                    if of == 0 {
                        return Ok(Some(body));
                    }
                    match stream.read(&mut body)? {
                        got if got == of => Ok(Some(body)),
                        got => Err(FrameError::EndInBody { got, of }),
                    }
                }),
                "nor the whole body",
            ),
            (
                "takes every end for an error",
                reads(|mut stream, limit| {
                    let mut prefix = [0; 4];
                    if stream.read_exact(&mut prefix).is_err() {
                        return Err(FrameError::EndInLength { got: 0 });
                    }
                    read_body(stream, prefix, limit)
                }),
                "then Err(EndInLength { got: 0 })",
            ),
            (
                "takes an end inside the length for a good one",
                reads(|mut stream, limit| {
                    let mut prefix = [0; 4];
                    match stream.read_exact(&mut prefix) {
                        Ok(()) => read_body(stream, prefix, limit),
                        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
                        Err(e) => Err(e.into()),
                    }
                }),
                "an end before the first byte is a good one",
            ),
            (
                "takes half a body",
                reads(|stream, limit| {
                    let Some(prefix) = read_prefix(stream)? else {
                        return Ok(None);
                    };
                    let (of, mut body) = (checked(prefix, limit)?, Vec::new());
                    stream.take(of as u64).read_to_end(&mut body)?;
                    Ok(Some(body))
                }),
                "take(n) returns fewer than n bytes",
            ),
            (
                "makes a BufReader for each frame",
                reads(|stream, limit| {
                    let mut reader = BufReader::new(stream);
                    let mut prefix = [0; 4];
                    let mut got = 0;
                    while got < 4 {
                        match reader.read(&mut prefix[got..])? {
                            0 if got == 0 => return Ok(None),
                            0 => return Err(FrameError::EndInLength { got }),
                            n => got += n,
                        }
                    }
                    let (of, mut body) = (checked(prefix, limit)?, Vec::new());
                    let got = reader.take(of as u64).read_to_end(&mut body)?;
                    if got < of {
                        return Err(FrameError::EndInBody { got, of });
                    }
                    Ok(Some(body))
                }),
                "such as a BufReader of your own for each call",
            ),
            (
                "takes the empty frame for the end",
                reads(|stream, limit| {
                    let body = solution::read_frame(stream, limit)?;
                    Ok(body.filter(|body| !body.is_empty()))
                }),
                "the empty body is a body",
            ),
            (
                "has no limit",
                reads(|stream, _| solution::read_frame(stream, u32::MAX)),
                "must be compared with the limit before anything is done",
            ),
            (
                "refuses what just fits",
                reads(|stream, limit| match solution::read_frame(stream, limit)? {
                    Some(body) if body.len() == limit as usize => Err(FrameError::TooLong {
                        prefix: limit.to_be_bytes(),
                        length: limit,
                        limit,
                    }),
                    other => Ok(other),
                }),
                "frames came, then Err(TooLong",
            ),
            (
                "takes the length for a number with a sign",
                reads(|stream, limit| {
                    let Some(prefix) = read_prefix(stream)? else {
                        return Ok(None);
                    };
                    if i64::from(i32::from_be_bytes(prefix)) < 0 {
                        return Ok(Some(Vec::new()));
                    }
                    read_body(stream, prefix, limit)
                }),
                "must be compared with the limit before anything is done",
            ),
            (
                "takes a reset for the end",
                reads(|stream, limit| match solution::read_frame(stream, limit) {
                    Err(FrameError::Io(_)) => Ok(None),
                    other => other,
                }),
                "an error of read is taken for the end",
            ),
        ],
    );
}

/// The first half of a reader, which is right.
fn read_prefix(mut stream: &TcpStream) -> Result<Option<[u8; 4]>, FrameError> {
    let (mut prefix, mut got) = ([0; 4], 0);
    while got < 4 {
        match stream.read(&mut prefix[got..])? {
            0 if got == 0 => return Ok(None),
            0 => return Err(FrameError::EndInLength { got }),
            n => got += n,
        }
    }
    Ok(Some(prefix))
}

/// And the second half.
fn read_body(
    stream: &TcpStream,
    prefix: [u8; 4],
    limit: u32,
) -> Result<Option<Vec<u8>>, FrameError> {
    let (of, mut body) = (checked(prefix, limit)?, Vec::new());
    let got = stream.take(of as u64).read_to_end(&mut body)?;
    if got < of {
        return Err(FrameError::EndInBody { got, of });
    }
    Ok(Some(body))
}

fn checked(prefix: [u8; 4], limit: u32) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(prefix);
    if length > limit {
        return Err(FrameError::TooLong {
            prefix,
            length,
            limit,
        });
    }
    Ok(length as usize)
}

#[test]
fn exercise_6_2_is_proved() {
    let skeleton = (SOURCE, "6.2 ", exercise::create as Create);
    prove(
        checks::create,
        skeleton,
        solution::create,
        &[
            (
                "joins and trusts",
                |dir, name| new_file(&dir.join(text(name)?)),
                "join forgets the folder",
            ),
            (
                "keeps the last part of the path",
                |dir, name| {
                    let name = Path::new(text(name)?).file_name();
                    new_file(&dir.join(name.ok_or(NameError::Refused)?))
                },
                "not repaired",
            ),
            (
                "takes the dots out",
                |dir, name| {
                    let name = text(name)?.replace("../", "").replace(['/', '\\', ':'], "");
                    solution::create(dir, name.as_bytes())
                },
                "not repaired",
            ),
            (
                "asks whether the path starts with the folder",
                |dir, name| {
                    let path = dir.join(text(name)?);
                    if !path.starts_with(dir) {
                        return Err(NameError::Refused);
                    }
                    new_file(&path)
                },
                "compares words",
            ),
            (
                "trusts the components of Path",
                |dir, name| {
                    let name = text(name)?;
                    let mut parts = Path::new(name).components();
                    match (parts.next(), parts.next()) {
                        (Some(Component::Normal(part)), None) if part == name => {
                            new_file(&dir.join(name))
                        }
                        _ => Err(NameError::Refused),
                    }
                },
                "Path does not see them",
            ),
            (
                "refuses every name with two dots",
                |dir, name| match text(name)?.contains("..") {
                    true => Err(NameError::Refused),
                    false => solution::create(dir, name),
                },
                "more is refused than the contract says",
            ),
            (
                "knows nothing of devices",
                |dir, name| new_file(&dir.join(all_but_devices(name)?)),
                "Windows means the device",
            ),
            (
                "knows devices in capitals only",
                |dir, name| {
                    let name = all_but_devices(name)?;
                    if is_device(name.split('.').next().unwrap_or(name)) {
                        return Err(NameError::Refused);
                    }
                    new_file(&dir.join(name))
                },
                "whatever the case of the letters",
            ),
            (
                "knows devices without a dot only",
                |dir, name| {
                    let name = all_but_devices(name)?;
                    if is_device(&name.to_ascii_uppercase()) {
                        return Err(NameError::Refused);
                    }
                    new_file(&dir.join(name))
                },
                "behind the first dot",
            ),
            (
                "takes every beginning for a device",
                |dir, name| {
                    let name = all_but_devices(name)?;
                    let upper = name.to_ascii_uppercase();
                    let devices = ["CON", "PRN", "AUX", "NUL", "COM", "LPT"];
                    if devices.iter().any(|device| upper.starts_with(device)) {
                        return Err(NameError::Refused);
                    }
                    new_file(&dir.join(name))
                },
                "more is refused than the contract says",
            ),
            (
                "counts characters",
                |dir, name| {
                    let name = text(name)?;
                    if name.chars().count() > 255 || leads_elsewhere(name) {
                        return Err(NameError::Refused);
                    }
                    let stem = name.split('.').next().unwrap_or(name);
                    if is_device(&stem.to_ascii_uppercase()) {
                        return Err(NameError::Refused);
                    }
                    new_file(&dir.join(name))
                },
                "(not characters)",
            ),
            (
                "repairs what is not UTF-8",
                |dir, name| solution::create(dir, String::from_utf8_lossy(name).as_bytes()),
                "of UTF-8",
            ),
            (
                "empties what is there",
                |dir, name| {
                    let path = good_path(dir, name)?;
                    File::create(path).map_err(NameError::Io)
                },
                "create_new looks and creates in one step",
            ),
            (
                "asks first, then creates",
                |dir, name| {
                    let path = good_path(dir, name)?;
                    if path.exists() {
                        return Err(NameError::Taken);
                    }
                    File::create(path).map_err(NameError::Io)
                },
                "exists() does not see a link that leads nowhere",
            ),
            (
                "takes every error for a taken name",
                |dir, name| match solution::create(dir, name) {
                    Err(NameError::Io(_)) => Err(NameError::Taken),
                    other => other,
                },
                "not every error of open means that the name is taken",
            ),
        ],
    );
}

fn text(name: &[u8]) -> Result<&str, NameError> {
    str::from_utf8(name).map_err(|_| NameError::Refused)
}

fn new_file(path: &Path) -> Result<File, NameError> {
    File::create_new(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => NameError::Taken,
        _ => NameError::Io(error),
    })
}

/// The rules for characters, which are right.
fn leads_elsewhere(name: &str) -> bool {
    let bad = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    name.is_empty() || name.contains(bad) || name.ends_with(['.', ' '])
}

fn all_but_devices(name: &[u8]) -> Result<&str, NameError> {
    let name = text(name)?;
    if name.len() > 255 || leads_elsewhere(name) {
        return Err(NameError::Refused);
    }
    Ok(name)
}

fn is_device(name: &str) -> bool {
    let numbered = ["COM", "LPT"].iter().find_map(|d| name.strip_prefix(d));
    matches!(name, "CON" | "PRN" | "AUX" | "NUL")
        || numbered.is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'9']))
}

/// The path, if the name is a good one.
fn good_path(dir: &Path, name: &[u8]) -> Result<PathBuf, NameError> {
    let name = all_but_devices(name)?;
    let stem = name.split('.').next().unwrap_or(name);
    if is_device(&stem.to_ascii_uppercase()) {
        return Err(NameError::Refused);
    }
    Ok(dir.join(name))
}

#[test]
fn exercise_6_3_is_proved() {
    let skeleton = (SOURCE, "6.3 ", exercise::receive as Receive);
    prove(
        checks::receive,
        skeleton,
        solution::receive,
        &[
            (
                "writes straight into the file",
                |stream, size, dir, name| {
                    let path = dir.join(name);
                    let mut file = File::create(&path).map_err(TransferError::Io)?;
                    let result = all_of_it(&stream, size, &mut file);
                    if result.is_err() {
                        let _ = fs::remove_file(path);
                    }
                    result
                },
                "the bytes go straight into the file",
            ),
            (
                "does not compare what came",
                |stream, size, dir, name| {
                    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                    let copied = io::copy(&mut (&stream).take(size), &mut partial);
                    copied.map_err(TransferError::Io)?;
                    the_end(&stream)?;
                    publish(partial, &dir.join(name))
                },
                "was not compared with the size",
            ),
            (
                "takes what comes until the end",
                |mut stream, size, dir, name| {
                    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                    let got = io::copy(&mut stream, &mut partial).map_err(TransferError::Io)?;
                    if got < size {
                        return Err(TransferError::Short { got });
                    }
                    publish(partial, &dir.join(name))
                },
                "nobody looked for the end",
            ),
            (
                "does not wait for the end",
                |stream, size, dir, name| {
                    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                    let got = io::copy(&mut (&stream).take(size), &mut partial);
                    match got.map_err(TransferError::Io)? {
                        got if got < size => Err(TransferError::Short { got }),
                        _ => publish(partial, &dir.join(name)),
                    }
                },
                "nobody looked for the end",
            ),
            (
                "makes room for what is announced",
                |stream, size, dir, name| {
                    let mut file = Vec::with_capacity(usize::try_from(size).unwrap_or(usize::MAX));
                    let got = (&stream).take(size).read_to_end(&mut file);
                    let got = got.map_err(TransferError::Io)? as u64;
                    if got < size {
                        return Err(TransferError::Short { got });
                    }
                    the_end(&stream)?;
                    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                    partial.write_all(&file).map_err(TransferError::Io)?;
                    publish(partial, &dir.join(name))
                },
                "your function panicked at",
            ),
            (
                "keeps all of it in memory",
                |stream, size, dir, name| {
                    let mut file = Vec::new();
                    all_of_it(&stream, size, &mut file)?;
                    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                    partial.write_all(&file).map_err(TransferError::Io)?;
                    publish(partial, &dir.join(name))
                },
                "all of it is kept in memory",
            ),
            (
                "takes the system's folder for temporary files",
                |stream, size, dir, name| {
                    let mut partial = NamedTempFile::new().map_err(TransferError::Io)?;
                    all_of_it(&stream, size, &mut partial)?;
                    publish(partial, &dir.join(name))
                },
                "between two file systems nothing can be renamed",
            ),
            (
                "leaves the temporary file when the stream ends",
                |stream, size, dir, name| {
                    let partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                    let (mut file, path) =
                        partial.keep().map_err(|e| TransferError::Io(e.error))?;
                    all_of_it(&stream, size, &mut file)?;
                    fs::rename(path, dir.join(name)).map_err(TransferError::Io)
                },
                "a temporary file is left",
            ),
            (
                "leaves the temporary file when the rename fails",
                |stream, size, dir, name| {
                    let partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                    let (mut file, path) =
                        partial.keep().map_err(|e| TransferError::Io(e.error))?;
                    if let Err(error) = all_of_it(&stream, size, &mut file) {
                        let _ = fs::remove_file(path);
                        return Err(error);
                    }
                    fs::rename(path, dir.join(name)).map_err(TransferError::Io)
                },
                "removed on every way out",
            ),
            (
                "uses one temporary name",
                |stream, size, dir, name| {
                    let path = dir.join(format!("{name}.part"));
                    let mut file = File::create(&path).map_err(TransferError::Io)?;
                    let renamed = all_of_it(&stream, size, &mut file).and_then(|()| {
                        fs::rename(&path, dir.join(name)).map_err(TransferError::Io)
                    });
                    if renamed.is_err() {
                        let _ = fs::remove_file(path);
                    }
                    renamed
                },
                "both transfers used the same temporary file",
            ),
            (
                "refuses to replace",
                |stream, size, dir, name| {
                    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                    all_of_it(&stream, size, &mut partial)?;
                    let named = partial.persist_noclobber(dir.join(name));
                    named.map(drop).map_err(|e| TransferError::Io(e.error))
                },
                "expected Ok(())",
            ),
            (
                "takes a reset for the end",
                |stream, size, dir, name| match solution::receive(stream, size, dir, name) {
                    Err(TransferError::Io(e)) if e.kind() == ErrorKind::ConnectionReset => {
                        Err(TransferError::Short { got: 0 })
                    }
                    other => other,
                },
                "an error of read is taken for the end",
            ),
        ],
    );
}

/// Exactly so many bytes and then the end, as it should be.
fn all_of_it(stream: &TcpStream, size: u64, to: &mut impl Write) -> Result<(), TransferError> {
    let got = io::copy(&mut stream.take(size), to).map_err(TransferError::Io)?;
    if got < size {
        return Err(TransferError::Short { got });
    }
    the_end(stream)
}

fn the_end(mut stream: &TcpStream) -> Result<(), TransferError> {
    match stream.read(&mut [0]).map_err(TransferError::Io)? {
        0 => Ok(()),
        _ => Err(TransferError::TooMuch),
    }
}

fn publish(partial: NamedTempFile, path: &Path) -> Result<(), TransferError> {
    let named = partial.persist(path);
    named.map(drop).map_err(|e| TransferError::Io(e.error))
}
