use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use shared::frame::{ByteOrder, FrameError, read_frame};
use shared::{Failure, escape};

use crate::paced::Paced;
use crate::partial::Partial;
use crate::{BLOCK, Header, MAX_HEADER, Progress, Wire, check_name};

/// Where received files go, and which.
#[derive(clap::Args)]
pub struct ReceiveOptions {
    /// The folder into which the file is written
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,

    /// Replace a file that is there already
    #[arg(long)]
    force: bool,

    /// Refuse a larger file [default: 1 TiB]
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "1099511627776",
        hide_default_value = true
    )]
    max_size: u64,
}

impl ReceiveOptions {
    /// Checks what can be checked before anybody connects.
    ///
    /// # Errors
    /// The folder is not there.
    pub fn check(&self) -> Result<(), Failure> {
        if self.dir.is_dir() {
            return Ok(());
        }
        let dir = escape(self.dir.as_os_str().as_encoded_bytes());
        Err(Failure::new(format!("there is no folder '{dir}'"))
            .hint("make it first, or give another one with --dir"))
    }
}

/// Receives one file: complete, or not at all.
///
/// # Errors
/// The sender did not keep to the protocol, broke off, was too slow, or chose a name or a size
/// that is refused; or the file cannot be written.
pub fn receive(
    stream: &TcpStream,
    peer: impl fmt::Display,
    options: &ReceiveOptions,
    wire: &Wire,
) -> Result<(), Failure> {
    let mut connection = Paced::new(stream, wire.patience());
    let json = match read_frame(&mut connection, wire.byte_order, MAX_HEADER) {
        Ok(Some(json)) => json,
        Ok(None) => return Err(refuse(peer, "it closed without sending anything")),
        Err(error) => return Err(no_header(peer, wire.byte_order, error)),
    };
    let header: Header = serde_json::from_slice(&json)
        .map_err(|e| refuse(&peer, &format!("its header is no header: {}", brief(&e))))?;
    let (name, size) = (escape(header.filename.as_bytes()), header.filesize);
    check_name(&header.filename)
        .map_err(|why| refuse(&peer, &format!("the name '{}': {why}", brief(&name))))?;
    if size > options.max_size {
        let limit = options.max_size;
        return Err(refuse(
            &peer,
            &format!("{name} is too large: {size} bytes > {limit}"),
        )
        .hint("accept more with --max-size"));
    }
    let path = options.dir.join(&header.filename);
    let is_there = || {
        refuse(&peer, &format!("{name} is there already"))
            .hint("replace it with --force, or receive into another folder with --dir")
    };
    if !options.force && fs::symlink_metadata(&path).is_ok() {
        return Err(is_there()); // before the whole file has come; `publish` decides
    }

    let write_failed = |e: io::Error| match e.kind() {
        ErrorKind::AlreadyExists => is_there(),
        _ => Failure::new(format!("cannot write {name}: {e}")),
    };
    let mut partial = Partial::new(&options.dir).map_err(write_failed)?;
    let progress = Progress::new(size);
    let mut body = connection.take(size);
    let mut block = vec![0; BLOCK];
    loop {
        let left = body.limit();
        let come = size - left;
        let n = body.read(&mut block).map_err(|e| {
            Failure::broken(
                &format!("receive {name} ({come} of {size} bytes came) from"),
                &peer,
                e,
            )
        })?;
        if n == 0 && left > 0 {
            return Err(refuse(
                &peer,
                &format!("only {come} of {size} bytes of {name} came"),
            ));
        }
        if n == 0 {
            break;
        }
        partial.write_all(&block[..n]).map_err(write_failed)?;
        progress.add(n);
    }
    // The sender closes behind the last byte. More bytes mean that the size was wrong, and then
    // perhaps the file is, too.
    let mut connection = body.into_inner();
    let more = connection
        .read(&mut block[..1])
        .map_err(|e| Failure::broken("wait for the end of", &peer, e))?;
    if more > 0 {
        return Err(refuse(
            &peer,
            &format!("more than the {size} bytes of {name} came"),
        ));
    }
    partial
        .publish(&path, options.force)
        .map_err(write_failed)?;
    progress.finish("received", &header.filename);
    Ok(())
}

fn refuse(peer: impl fmt::Display, why: &str) -> Failure {
    Failure::new(format!("received nothing from {peer}: {why}"))
}

/// There is no header; some reasons have a known remedy.
fn no_header(peer: impl fmt::Display, order: ByteOrder, error: FrameError) -> Failure {
    let (prefix, limit) = match error {
        FrameError::TooLong { prefix, limit, .. } => (prefix, limit),
        FrameError::Io(error) => return Failure::broken("receive a header from", peer, error),
        other => return refuse(peer, &format!("no header: {other}")),
    };
    let failure = refuse(peer, &format!("no header: {error}"));
    let (other_way, other_name) = match order {
        ByteOrder::Big => (u32::from_le_bytes(prefix), "little"),
        ByteOrder::Little => (u32::from_be_bytes(prefix), "big"),
    };
    if prefix.iter().all(u8::is_ascii_graphic) || prefix.starts_with(b"GET") {
        let text = escape(&prefix);
        return failure.hint(format!(
            "these bytes are the text '{text}': is it a sender of files that speaks there?"
        ));
    }
    if other_way <= limit {
        return failure.hint(format!("read from the other end it is {other_way}: does the sender use the other byte order? try --byte-order {other_name}"));
    }
    failure
}

/// The beginning of a text that may be very long and that a stranger has chosen.
fn brief(text: &impl ToString) -> String {
    const LONGEST: usize = 100;
    let text = escape(text.to_string().as_bytes());
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
