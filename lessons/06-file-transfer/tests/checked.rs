//! The checks of lesson 6, checked: the skeletons are not started, the solution passes, and each
//! known mistake is found for its reason.

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "../solution.rs"]
mod solution;

use std::fs::{self, File, OpenOptions};
#[cfg(target_os = "linux")]
use std::io::BufRead;
use std::io::{self, BufReader, BufWriter, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::path::Component;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use checks::{Create, Frames, ReadFrame, Receive, WriteFrame};
use course::exercise::Proof;
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
    let right = [
        ("the solution", solution),
        (
            "writes many at once, and reads byte by byte",
            Frames {
                read: read_bytes,
                write: write_vectored,
            },
        ),
        (
            "has a BufWriter of the frame's size, and read_exact",
            Frames {
                read: read_exactly,
                write: write_buffered,
            },
        ),
        (
            "chains, and reads blocks",
            Frames {
                read: read_blocks,
                write: write_chained,
            },
        ),
    ];
    let mistakes = [
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
            "before the first byte of a frame is a good one",
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
            "an end inside the length is not",
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
            "a body of just `limit` bytes is not too long",
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
        #[cfg(target_os = "linux")] // elsewhere nobody counts the writes
        (
            "has a BufWriter, for whatever body",
            writes(|stream, body| {
                let mut writer = BufWriter::new(stream);
                writer.write_all(&(body.len() as u32).to_be_bytes())?;
                writer.write_all(body)?;
                writer.flush()
            }),
            "a BufWriter::new holds 8 KiB",
        ),
        #[cfg(target_os = "linux")]
        (
            "sends both writes at once",
            writes(|mut stream, body| {
                let _ = stream.set_nodelay(true);
                stream.write_all(&(body.len() as u32).to_be_bytes())?;
                stream.write_all(body)
            }),
            "length and body leave in two writes",
        ),
        #[cfg(target_os = "linux")]
        (
            "puts only short bodies into one buffer",
            writes(|mut stream, body| {
                if body.len() < 65_536 {
                    return solution::write_frame(stream, body);
                }
                stream.write_all(&(body.len() as u32).to_be_bytes())?;
                stream.write_all(body)
            }),
            "length and body leave in two writes",
        ),
        #[cfg(unix)] // on Windows a write that times out has taken nothing
        (
            "writes once, however much that takes",
            writes(|mut stream, body| {
                let frame = [&(body.len() as u32).to_be_bytes(), body].concat();
                stream.write(&frame).map(drop)
            }),
            "`write` may take only a part",
        ),
        (
            "throws away what writing failed with",
            writes(|stream, body| {
                let _ = solution::write_frame(stream, body);
                Ok(())
            }),
            "an error of write is thrown away",
        ),
        (
            "replaces what writing failed with",
            writes(|stream, body| {
                solution::write_frame(stream, body).map_err(|_| ErrorKind::InvalidInput.into())
            }),
            "or replaced by another",
        ),
        (
            "cuts the length to three bytes",
            writes(|mut stream, body| {
                let length = (body.len() as u32) & 0xffff;
                stream.write_all(&[&length.to_be_bytes(), body].concat())
            }),
            "the length is four bytes",
        ),
        (
            "puts a newline behind the body",
            writes(|mut stream, body| {
                let length = (body.len() as u32).to_be_bytes();
                stream.write_all(&[&length, body, b"\n"].concat())
            }),
            "comes the body, just as it is",
        ),
        (
            "takes a number of little endian",
            reads(|stream, limit| {
                let Some(mut prefix) = read_prefix(stream)? else {
                    return Ok(None);
                };
                prefix.reverse();
                match read_body(stream, prefix, limit) {
                    Err(FrameError::TooLong {
                        mut prefix,
                        length,
                        limit,
                    }) => {
                        prefix.reverse();
                        Err(FrameError::TooLong {
                            prefix,
                            length,
                            limit,
                        })
                    }
                    other => other,
                }
            }),
            "taken in another order",
        ),
        (
            "waits for the end behind the frame",
            reads(|mut stream, limit| {
                let body = solution::read_frame(stream, limit)?;
                let _ = stream.read(&mut [0]);
                Ok(body)
            }),
            "there is nothing more to wait for",
        ),
        (
            "waits for the body that is too long",
            reads(|mut stream, limit| {
                let Some(prefix) = read_prefix(stream)? else {
                    return Ok(None);
                };
                if u32::from_be_bytes(prefix) > limit {
                    let _ = stream.read(&mut [0]);
                }
                read_body(stream, prefix, limit)
            }),
            "before anything is done with it",
        ),
        (
            "reads a little of the body that is too long",
            reads(|mut stream, limit| {
                let Some(prefix) = read_prefix(stream)? else {
                    return Ok(None);
                };
                if u32::from_be_bytes(prefix) > limit {
                    let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
                    let _ = stream.read(&mut [0]);
                }
                read_body(stream, prefix, limit)
            }),
            "or a part of it, before its length was compared",
        ),
        (
            "compares the length with a limit of its own",
            reads(|stream, limit| solution::read_frame(stream, limit.min(65_536))),
            "of just `limit` bytes is not too long",
        ),
        (
            "counts what is missing, not what came",
            reads(|stream, limit| match solution::read_frame(stream, limit) {
                Err(FrameError::EndInBody { got, of }) => {
                    Err(FrameError::EndInBody { got: of - got, of })
                }
                other => other,
            }),
            "does not say how many came",
        ),
        (
            "takes no more than 64 KiB of a body",
            reads(|stream, limit| {
                Ok(solution::read_frame(stream, limit)?.map(|mut body| {
                    body.truncate(65_536);
                    body
                }))
            }),
            "thrown away with the reader",
        ),
        (
            "takes a reset for the end",
            reads(|stream, limit| match solution::read_frame(stream, limit) {
                Err(FrameError::Io(_)) => Ok(None),
                other => other,
            }),
            "an error of read is taken for the end",
        ),
    ];
    Proof {
        check: checks::frames,
        source: SOURCE,
        exercise: "6.1",
        skeleton,
        right: &right,
        mistakes: &mistakes,
        unseen: &[(
            "Takes memory only",
            "the system gives memory that nobody has touched for nothing",
        )],
    }
    .holds();
}

/// One system call with two slices; it may take a part of them, so what is left is sent after it.
fn write_vectored(mut stream: &TcpStream, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len())
        .map_err(io::Error::other)?
        .to_be_bytes();
    let mut slices = &mut [IoSlice::new(&length), IoSlice::new(body)][..];
    while slices.iter().any(|slice| !slice.is_empty()) {
        match stream.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut slices, n),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn write_buffered(stream: &TcpStream, body: &[u8]) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(5 + body.len(), stream);
    writer.write_all(&(body.len() as u32).to_be_bytes())?;
    writer.write_all(body)?;
    writer.flush()
}

fn write_chained(mut stream: &TcpStream, body: &[u8]) -> io::Result<()> {
    let length = (body.len() as u32).to_be_bytes();
    let frame: Vec<u8> = length.iter().chain(body).copied().collect();
    let mut unsent = &frame[..];
    while !unsent.is_empty() {
        unsent = &unsent[stream.write(unsent)?..];
    }
    Ok(())
}

#[expect(clippy::unbuffered_bytes)] // slow, and right
fn read_bytes(stream: &TcpStream, limit: u32) -> Result<Option<Vec<u8>>, FrameError> {
    let mut bytes = stream.bytes();
    let mut length = 0;
    for got in 0..4 {
        match bytes.next().transpose()? {
            Some(byte) => length = length << 8 | u32::from(byte),
            None if got == 0 => return Ok(None),
            None => return Err(FrameError::EndInLength { got }),
        }
    }
    let of = checked(length.to_be_bytes(), limit)?;
    let body = bytes.take(of).collect::<io::Result<Vec<u8>>>()?;
    match body.len() {
        got if got < of => Err(FrameError::EndInBody { got, of }),
        _ => Ok(Some(body)),
    }
}

/// Each byte of the length with a read_exact of its own, and the body in growing pieces.
fn read_exactly(mut stream: &TcpStream, limit: u32) -> Result<Option<Vec<u8>>, FrameError> {
    let mut prefix = [0; 4];
    for got in 0..4 {
        match stream.read_exact(&mut prefix[got..=got]) {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof && got == 0 => return Ok(None),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                return Err(FrameError::EndInLength { got });
            }
            result => result?,
        }
    }
    read_body(stream, prefix, limit)
}

fn read_blocks(mut stream: &TcpStream, limit: u32) -> Result<Option<Vec<u8>>, FrameError> {
    let Some(prefix) = read_prefix(stream)? else {
        return Ok(None);
    };
    let (of, mut body, mut block) = (checked(prefix, limit)?, Vec::new(), [0; 777]);
    while body.len() < of {
        let room = block.len().min(of - body.len());
        match stream.read(&mut block[..room])? {
            0 => {
                return Err(FrameError::EndInBody {
                    got: body.len(),
                    of,
                });
            }
            n => body.extend_from_slice(&block[..n]),
        }
    }
    Ok(Some(body))
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
    let mistakes: Vec<(_, Create, _)> = vec![
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
        #[cfg(unix)] // on Windows Path sees them
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
            "bytes, not characters",
        ),
        (
            "repairs what is not UTF-8",
            |dir, name| solution::create(dir, String::from_utf8_lossy(name).as_bytes()),
            "are replaced (from_utf8_lossy)",
        ),
        (
            "empties what is there",
            |dir, name| {
                let path = good_path(dir, name)?;
                File::create(path).map_err(NameError::Io)
            },
            "create_new looks and creates in one step",
        ),
        #[cfg(unix)] // it takes a symbolic link
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
            "knows a list of good signs",
            |dir, name| {
                let good = |c: char| c.is_alphanumeric() || "._- ".contains(c);
                match text(name)?.chars().all(good) {
                    true => solution::create(dir, name),
                    false => Err(NameError::Refused),
                }
            },
            "look for what is bad, not for what is good",
        ),
        (
            "takes 0 for a number of a device",
            |dir, name| {
                let upper = text(name)?.to_ascii_uppercase();
                let stem = upper.split('.').next().unwrap_or_default();
                if ["COM0", "LPT0"].contains(&stem) {
                    return Err(NameError::Refused);
                }
                solution::create(dir, name)
            },
            "more is refused than the contract says",
        ),
        (
            "knows only ASCII's control characters",
            |dir, name| {
                let name = text(name)?;
                let is_c1 = |c: char| ('\u{80}'..'\u{a0}').contains(&c);
                good_path(dir, name.replace(is_c1, "x").as_bytes())?;
                new_file(&dir.join(name))
            },
            "there are some outside ASCII, too",
        ),
        (
            "looks for control characters in the middle only",
            |dir, name| {
                let name = text(name)?;
                let inner = name.trim_matches(char::is_control);
                good_path(dir, inner.as_bytes())?;
                new_file(&dir.join(name))
            },
            "whoever shows the name shows",
        ),
        (
            "takes 256 bytes",
            |dir, name| match name.len() {
                256 => new_file(&dir.join(text(name)?)),
                _ => solution::create(dir, name),
            },
            "a name is at most 255 bytes",
        ),
        (
            "takes only 254 bytes",
            |dir, name| match name.len() {
                255 => Err(NameError::Refused),
                _ => solution::create(dir, name),
            },
            "a name is at most 255 bytes",
        ),
        (
            "lets the last dot or space be",
            |dir, name| {
                let name = text(name)?;
                let trimmed = name.trim_end_matches(' ');
                if trimmed.ends_with('.') {
                    return Err(NameError::Refused);
                }
                good_path(dir, trimmed.as_bytes())?;
                new_file(&dir.join(name))
            },
            "Windows drops a dot or a space",
        ),
        (
            "takes the empty name",
            |dir, name| match name {
                b"" => new_file(dir),
                _ => solution::create(dir, name),
            },
            "the empty name is the folder itself",
        ),
        (
            "looks at the folder first",
            |dir, name| {
                fs::read_dir(dir).map_err(NameError::Io)?;
                solution::create(dir, name)
            },
            "the folder is looked at before the name",
        ),
        (
            "makes the folder",
            |dir, name| {
                good_path(dir, name)?;
                fs::create_dir_all(dir).map_err(NameError::Io)?;
                solution::create(dir, name)
            },
            "the folder was made",
        ),
        (
            "creates the file, and looks at the name then",
            |dir, name| {
                let made = text(name)
                    .ok()
                    .and_then(|name| File::create_new(dir.join(name)).ok());
                match good_path(dir, name) {
                    Ok(_) => made.ok_or(NameError::Taken),
                    Err(error) => Err(error),
                }
            },
            "the file is created first",
        ),
        (
            "takes what has the name out of the way",
            |dir, name| {
                let path = good_path(dir, name)?;
                let _ = fs::remove_file(&path);
                new_file(&path)
            },
            "create_new looks and creates in one step",
        ),
        (
            "opens what is there",
            |dir, name| {
                let path = good_path(dir, name)?;
                let open = OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(path);
                open.map_err(NameError::Io)
            },
            "create_new looks and creates in one step",
        ),
        (
            "takes a taken name for any error",
            |dir, name| match solution::create(dir, name) {
                Err(NameError::Taken) => Err(NameError::Io(ErrorKind::AlreadyExists.into())),
                other => other,
            },
            "the error of open says why",
        ),
        (
            "returns a file for reading",
            |dir, name| {
                solution::create(dir, name)?;
                File::open(dir.join(text(name)?)).map_err(NameError::Io)
            },
            "File::open opens for reading only",
        ),
        (
            "writes the name in small letters",
            |dir, name| solution::create(dir, text(name)?.to_lowercase().as_bytes()),
            "the name was changed",
        ),
        (
            "leaves out what is not UTF-8",
            |dir, name| {
                let text: String = name.utf8_chunks().map(|chunk| chunk.valid()).collect();
                match text.is_empty() {
                    true => Err(NameError::Refused),
                    false => solution::create(dir, text.as_bytes()),
                }
            },
            "or left out",
        ),
        (
            "takes every error for a taken name",
            |dir, name| match solution::create(dir, name) {
                Err(NameError::Io(_)) => Err(NameError::Taken),
                other => other,
            },
            "not every error of open means that the name is taken",
        ),
    ];
    Proof {
        check: checks::create,
        source: SOURCE,
        exercise: "6.2",
        skeleton: exercise::create as Create,
        right: &[
            ("the solution", solution::create),
            ("looks at each byte", create_by_bytes),
            (
                "looks at each character, and at a list of devices",
                create_by_list,
            ),
            ("makes a file without a name, and links it", create_by_link),
        ],
        mistakes: &mistakes,
        unseen: &[(
            "Looks and creates in one step",
            "two callers meet in that moment only by luck",
        )],
    }
    .holds();
}

/// Nothing but bytes, whose rules are those of the contract since UTF-8 has ASCII as it is.
fn create_by_bytes(dir: &Path, name: &[u8]) -> Result<File, NameError> {
    let text = text(name)?;
    let ([first, .., last] | [first @ last]) = name else {
        return Err(NameError::Refused);
    };
    // C1 controls are U+0080 to U+009F: c2 80 to c2 9f.
    let c1 = name
        .windows(2)
        .any(|two| two[0] == 0xc2 && (0x80..=0x9f).contains(&two[1]));
    let bad = name
        .iter()
        .any(|byte| byte.is_ascii_control() || b"/\\:".contains(byte));
    let stem = name.split(|&byte| byte == b'.').next().unwrap_or(name);
    let device = match stem.to_ascii_lowercase()[..] {
        [b'c', b'o', b'n'] | [b'p', b'r', b'n'] | [b'a', b'u', b'x'] | [b'n', b'u', b'l'] => true,
        [b'c', b'o', b'm', n] | [b'l', b'p', b't', n] => n.is_ascii_digit() && n != b'0',
        _ => false,
    };
    if name.len() > 255 || c1 || bad || device || *first == 0 || matches!(last, b'.' | b' ') {
        return Err(NameError::Refused);
    }
    OpenOptions::new()
        .read(true)
        .append(true)
        .create_new(true)
        .open(dir.join(text))
        .map_err(|e| {
            if e.kind() == ErrorKind::AlreadyExists {
                NameError::Taken
            } else {
                NameError::Io(e)
            }
        })
}

fn create_by_list(dir: &Path, name: &[u8]) -> Result<File, NameError> {
    let name = String::from_utf8(name.to_vec()).map_err(|_| NameError::Refused)?;
    let devices = ["CON", "PRN", "AUX", "NUL"].map(str::to_owned).into_iter();
    let numbered = (1..10).flat_map(|n| [format!("COM{n}"), format!("LPT{n}")]);
    let means_device = |device: String| {
        let rest = name.get(device.len()..);
        let begins = name
            .get(..device.len())
            .is_some_and(|b| b.eq_ignore_ascii_case(&device));
        begins && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut signs = name.chars();
    let refused = name.is_empty()
        || name.len() >= 256
        || signs.any(|c| c.is_control() || ['/', '\\', ':'].contains(&c))
        || [Some('.'), Some(' ')].contains(&name.chars().next_back())
        || devices.chain(numbered).any(means_device);
    if refused {
        return Err(NameError::Refused);
    }
    new_file(&[dir, Path::new(&name)].iter().collect::<PathBuf>())
}

/// The file is made under a name that nobody else uses; to persist it without replacing anything is
/// one step as well.
fn create_by_link(dir: &Path, name: &[u8]) -> Result<File, NameError> {
    let path = good_path(dir, name)?;
    let file = NamedTempFile::new_in(dir).map_err(NameError::Io)?;
    file.persist_noclobber(path)
        .map_err(|e| match e.error.kind() {
            ErrorKind::AlreadyExists => NameError::Taken,
            _ => NameError::Io(e.error),
        })
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
    let mistakes: Vec<(_, Receive, _)> = vec![
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
            "nobody looked for the end behind",
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
            "nobody looked for the end behind",
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
            "capacity overflow",
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
                let (mut file, path) = partial.keep().map_err(|e| TransferError::Io(e.error))?;
                all_of_it(&stream, size, &mut file)?;
                fs::rename(path, dir.join(name)).map_err(TransferError::Io)
            },
            "a temporary file is left",
        ),
        (
            "leaves the temporary file when the rename fails",
            |stream, size, dir, name| {
                let partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                let (mut file, path) = partial.keep().map_err(|e| TransferError::Io(e.error))?;
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
                let renamed = all_of_it(&stream, size, &mut file)
                    .and_then(|()| fs::rename(&path, dir.join(name)).map_err(TransferError::Io));
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
            "what has the name already is no reason",
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
        (
            "makes the temporary file first, and keeps all of it in memory",
            |stream, size, dir, name| {
                let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                let mut file = Vec::new();
                all_of_it(&stream, size, &mut file)?;
                partial.write_all(&file).map_err(TransferError::Io)?;
                publish(partial, &dir.join(name))
            },
            "the bytes are kept in memory",
        ),
        (
            "has a buffer of two megabytes",
            |stream, size, dir, name| {
                let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                let mut writer = BufWriter::with_capacity(2 << 20, &mut partial);
                all_of_it(&stream, size, &mut writer)?;
                writer.flush().map_err(TransferError::Io)?;
                drop(writer);
                publish(partial, &dir.join(name))
            },
            "the bytes are kept in memory",
        ),
        (
            "cuts the size to 32 bits",
            |stream, size, dir, name| solution::receive(stream, u64::from(size as u32), dir, name),
            "a cut size is another size",
        ),
        (
            "takes the size for a number with a sign",
            |stream, size, dir, name| {
                let size = u64::try_from(size as i64).unwrap_or(0);
                solution::receive(stream, size, dir, name)
            },
            "a cut size is another size",
        ),
        (
            "gives the name, and looks for the end then",
            |stream, size, dir, name| {
                let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                let got = io::copy(&mut (&stream).take(size), &mut partial);
                let got = got.map_err(TransferError::Io)?;
                if got < size {
                    return Err(TransferError::Short { got });
                }
                publish(partial, &dir.join(name))?;
                the_end(&stream)
            },
            "the file has its name before the end was seen",
        ),
        (
            "removes, then renames",
            |stream, size, dir, name| {
                let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                all_of_it(&stream, size, &mut partial)?;
                let path = dir.join(name);
                match fs::remove_file(&path) {
                    Err(e) if e.kind() != ErrorKind::NotFound => Err(TransferError::Io(e)),
                    _ => publish(partial, &path),
                }
            },
            "the old file is removed before the new one takes its name",
        ),
        (
            "copies its temporary file",
            |stream, size, dir, name| {
                let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                all_of_it(&stream, size, &mut partial)?;
                let copied = fs::copy(partial.path(), dir.join(name));
                copied.map(drop).map_err(TransferError::Io)
            },
            "the bytes are copied into the old file",
        ),
        (
            "gives a slow sender up",
            |stream, size, dir, name| {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
                solution::receive(stream, size, dir, name)
            },
            "a timeout is set",
        ),
        (
            "reads once",
            |mut stream, size, dir, name| {
                let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                let mut buffer = vec![0; size.min(100_000) as usize];
                let n = stream.read(&mut buffer).map_err(TransferError::Io)?;
                if (n as u64) < size {
                    return Err(TransferError::Short { got: n as u64 });
                }
                partial.write_all(&buffer[..n]).map_err(TransferError::Io)?;
                the_end(&stream)?;
                publish(partial, &dir.join(name))
            },
            "one read need not return all of it",
        ),
        (
            "makes the temporary name of the name",
            |stream, size, dir, name| {
                let partial = tempfile::Builder::new().prefix(name).tempfile_in(dir);
                let mut partial = partial.map_err(TransferError::Io)?;
                all_of_it(&stream, size, &mut partial)?;
                publish(partial, &dir.join(name))
            },
            "which has 255 bytes already",
        ),
        (
            "lets one transfer wait for the other",
            |stream, size, dir, name| {
                static ONE: Mutex<()> = Mutex::new(());
                let _one = ONE.lock();
                solution::receive(stream, size, dir, name)
            },
            "one transfer waits for another one",
        ),
        (
            "throws away what the rename failed with",
            |stream, size, dir, name| {
                let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                all_of_it(&stream, size, &mut partial)?;
                let _ = partial.persist(dir.join(name));
                Ok(())
            },
            "an error of the file system is thrown away",
        ),
        (
            "makes the folder",
            |stream, size, dir, name| {
                fs::create_dir_all(dir).map_err(TransferError::Io)?;
                solution::receive(stream, size, dir, name)
            },
            "or the folder was made",
        ),
        (
            "counts what is missing",
            |stream, size, dir, name| match solution::receive(stream, size, dir, name) {
                Err(TransferError::Short { got }) => Err(TransferError::Short { got: size - got }),
                other => other,
            },
            "was not compared with the size",
        ),
        (
            "takes a reset behind the last byte for the end",
            |stream, size, dir, name| {
                let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
                let got = io::copy(&mut (&stream).take(size), &mut partial);
                let got = got.map_err(TransferError::Io)?;
                if got < size {
                    return Err(TransferError::Short { got });
                }
                match (&stream).read(&mut [0]).unwrap_or(0) {
                    0 => publish(partial, &dir.join(name)),
                    _ => Err(TransferError::TooMuch),
                }
            },
            "an error of read is taken for the end",
        ),
        (
            "empties the old file when the new one fails",
            |stream, size, dir, name| {
                let result = solution::receive(stream, size, dir, name);
                if result.is_err() && dir.join(name).is_file() {
                    let _ = File::create(dir.join(name));
                }
                result
            },
            "the bytes go straight into the file",
        ),
    ];
    Proof {
        check: checks::receive,
        source: SOURCE,
        exercise: "6.3",
        skeleton: exercise::receive as Receive,
        right: &[
            ("the solution", solution::receive),
            ("reads blocks, and asks for one byte more", receive_blocks),
            (
                "has a name of its own, and a guard that removes it",
                receive_guarded,
            ),
            ("has a thread for the disk", receive_in_two_threads),
            #[cfg(target_os = "linux")]
            ("has a buffer of a megabyte", receive_buffered),
        ],
        mistakes: &mistakes,
        unseen: &[(
            "Lets the disk have the bytes",
            "what was written is there for every reader, whether the disk has it or not",
        )],
    }
    .holds();
}

fn receive_blocks(
    mut stream: TcpStream,
    size: u64,
    dir: &Path,
    name: &str,
) -> Result<(), TransferError> {
    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
    let (mut block, mut got) = (vec![0; 4096], 0);
    loop {
        // Never more than one byte behind the last.
        let room =
            usize::try_from(size - got).map_or(block.len(), |left| block.len().min(left.max(1)));
        match stream.read(&mut block[..room]) {
            Ok(0) if got < size => return Err(TransferError::Short { got }),
            Ok(0) => break,
            Ok(_) if got == size => return Err(TransferError::TooMuch),
            Ok(n) => {
                partial.write_all(&block[..n]).map_err(TransferError::Io)?;
                got += n as u64;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(TransferError::Io(e)),
        }
    }
    partial.as_file().sync_all().map_err(TransferError::Io)?;
    publish(partial, &dir.join(name))
}

/// Removes a file, unless it was told not to.
struct Guard(Option<PathBuf>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

fn receive_guarded(
    stream: TcpStream,
    size: u64,
    dir: &Path,
    name: &str,
) -> Result<(), TransferError> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = dir.join(format!(".{}-{number}.part", std::process::id()));
    let mut file = File::create_new(&path).map_err(TransferError::Io)?;
    let mut guard = Guard(Some(path.clone()));
    all_of_it(&stream, size, &mut file)?;
    file.sync_all().map_err(TransferError::Io)?;
    drop(file); // Windows renames no open file
    fs::rename(path, dir.join(name)).map_err(TransferError::Io)?;
    guard.0 = None;
    Ok(())
}

/// One thread reads, the other writes; between them there is room for four blocks.
fn receive_in_two_threads(
    mut stream: TcpStream,
    size: u64,
    dir: &Path,
    name: &str,
) -> Result<(), TransferError> {
    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
    let (blocks, to_write) = mpsc::sync_channel::<Vec<u8>>(4);
    let got = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let file = partial.as_file_mut();
            to_write
                .into_iter()
                .try_for_each(|block| file.write_all(&block))
        });
        let mut got = 0;
        let read = loop {
            let mut block = vec![0; 10_000];
            match stream.read(&mut block) {
                Ok(0) => break Ok(got),
                Ok(n) => {
                    got += n as u64;
                    block.truncate(n);
                    if got > size || blocks.send(block).is_err() {
                        break Ok(got);
                    }
                }
                Err(e) => break Err(e),
            }
        };
        drop(blocks);
        let written = writer.join().expect("it does not panic");
        written.and(read).map_err(TransferError::Io)
    })?;
    match got {
        got if got < size => Err(TransferError::Short { got }),
        got if got > size => Err(TransferError::TooMuch),
        _ => publish(partial, &dir.join(name)),
    }
}

#[cfg(target_os = "linux")]
fn receive_buffered(
    stream: TcpStream,
    size: u64,
    dir: &Path,
    name: &str,
) -> Result<(), TransferError> {
    let mut partial = NamedTempFile::new_in(dir).map_err(TransferError::Io)?;
    let mut writer = BufWriter::with_capacity(1 << 20, partial.as_file_mut());
    let mut reader = BufReader::with_capacity(64, stream);
    let got = io::copy(&mut reader.by_ref().take(size), &mut writer).map_err(TransferError::Io)?;
    if got < size {
        return Err(TransferError::Short { got });
    }
    if !reader.fill_buf().map_err(TransferError::Io)?.is_empty() {
        return Err(TransferError::TooMuch);
    }
    writer.flush().map_err(TransferError::Io)?;
    drop(writer);
    publish(partial, &dir.join(name))
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
