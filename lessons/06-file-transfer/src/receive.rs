use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use shared::frame::{ByteOrder, FrameError, read_frame};
use shared::{Failure, escape};

use crate::name::check_name;
use crate::paced::Paced;
use crate::partial::Partial;
use crate::progress::Progress;
use crate::wire::{BLOCK, Header, MAX_HEADER, Wire};

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

/// Receives one file: complete, or not at all.
///
/// # Errors
/// The sender did not keep to the protocol, broke off, was too slow, or chose a name or a size
/// that is refused; or the file cannot be written.
pub fn receive(
    stream: &TcpStream,
    peer: &dyn fmt::Display,
    options: &ReceiveOptions,
    wire: &Wire,
) -> Result<(), Failure> {
    let mut connection = Paced::new(stream, wire.patience());
    let header = receive_header(&mut connection, peer, wire.byte_order)?;
    options.check_header(&header, peer)?;

    let write_failed = |e| cannot_write(&header, peer, &e);
    let mut partial = Partial::new(&options.dir).map_err(write_failed)?;
    let progress = Progress::new(header.filesize);
    receive_body(&mut connection, peer, &header, &mut partial, &progress)?;
    expect_end(&mut connection, peer, &header)?;

    let path = options.dir.join(&header.filename);
    partial
        .publish(&path, options.force)
        .map_err(write_failed)?;
    progress.finish("received", &header.filename);
    Ok(())
}

/// What the sender says about the file: one frame.
fn receive_header(
    connection: &mut Paced,
    peer: &dyn fmt::Display,
    order: ByteOrder,
) -> Result<Header, Failure> {
    let json = match read_frame(connection, order, MAX_HEADER) {
        Ok(Some(json)) => json,
        Ok(None) => return Err(refuse(peer, "it closed without sending anything")),
        Err(error) => return Err(no_header(peer, order, error)),
    };
    serde_json::from_slice(&json)
        .map_err(|e| refuse(peer, &format!("its header is no header: {}", brief(&e))))
}

/// The file: exactly as many bytes as announced. The end of the stream is no proof that all has
/// come.
fn receive_body(
    connection: &mut Paced,
    peer: &dyn fmt::Display,
    header: &Header,
    partial: &mut Partial,
    progress: &Progress,
) -> Result<(), Failure> {
    let (name, size) = (escape(header.filename.as_bytes()), header.filesize);
    let write_failed = |e| cannot_write(header, peer, &e);
    let mut block = vec![0; BLOCK];
    let mut left = size;
    while left > 0 {
        let came = || format!("{} of {size} bytes of {name} came", size - left);
        let n = connection
            .take(left)
            .read(&mut block)
            .map_err(|e| Failure::broken(&format!("go on ({}) with", came()), peer, e))?;
        if n == 0 {
            return Err(refuse(peer, &format!("only {}", came())));
        }
        partial.write_all(&block[..n]).map_err(write_failed)?;
        progress.add(n);
        left -= n as u64;
    }
    Ok(())
}

/// Behind the last byte the sender closes. More bytes mean that the size was wrong, and then
/// perhaps the file is, too.
fn expect_end(
    connection: &mut Paced,
    peer: &dyn fmt::Display,
    header: &Header,
) -> Result<(), Failure> {
    let n = connection
        .read(&mut [0])
        .map_err(|e| Failure::broken("wait for the end of", peer, e))?;
    if n > 0 {
        let (name, size) = (escape(header.filename.as_bytes()), header.filesize);
        let why = format!("more than the {size} bytes of {name} came");
        return Err(refuse(peer, &why));
    }
    Ok(())
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

    /// Whether we want the file that a header announces.
    fn check_header(&self, header: &Header, peer: &dyn fmt::Display) -> Result<(), Failure> {
        let (name, size) = (escape(header.filename.as_bytes()), header.filesize);
        if let Err(why) = check_name(&header.filename) {
            return Err(refuse(peer, &format!("the name '{}': {why}", brief(&name))));
        }
        if size > self.max_size {
            let why = format!("{name} is too large: {size} bytes > {}", self.max_size);
            return Err(refuse(peer, &why).hint("accept more with --max-size"));
        }
        // Said now, before the whole file has come; what counts is how `publish` finds it.
        let path = self.dir.join(&header.filename);
        if !self.force && fs::symlink_metadata(path).is_ok() {
            return Err(is_there(&name, peer));
        }
        Ok(())
    }
}

fn refuse(peer: &dyn fmt::Display, why: &str) -> Failure {
    Failure::new(format!("received nothing from {peer}: {why}"))
}

fn is_there(name: &str, peer: &dyn fmt::Display) -> Failure {
    refuse(peer, &format!("{name} is there already"))
        .hint("replace it with --force, or receive into another folder with --dir")
}

fn cannot_write(header: &Header, peer: &dyn fmt::Display, cause: &io::Error) -> Failure {
    let name = escape(header.filename.as_bytes());
    match cause.kind() {
        ErrorKind::AlreadyExists => is_there(&name, peer),
        _ => Failure::new(format!("cannot write {name}: {cause}")),
    }
}

/// There is no header; some reasons have a known remedy.
fn no_header(peer: &dyn fmt::Display, order: ByteOrder, error: FrameError) -> Failure {
    let prefix = match error {
        FrameError::TooLong { prefix, .. } => prefix,
        FrameError::Io(error) => return Failure::broken("receive a header from", peer, error),
        other => return refuse(peer, &format!("no header: {other}")),
    };
    let failure = refuse(peer, &format!("no header: {error}"));
    if prefix.iter().all(|&b| b == b' ' || b.is_ascii_graphic()) {
        let text = escape(&prefix);
        return failure.hint(format!(
            "these bytes are the text '{text}': is it a sender of files that speaks there?"
        ));
    }
    let (other_way, other_order) = match order {
        ByteOrder::Big => (u32::from_le_bytes(prefix), "little"),
        ByteOrder::Little => (u32::from_be_bytes(prefix), "big"),
    };
    if other_way <= MAX_HEADER {
        return failure.hint(format!(
            "read from the other end it is {other_way}: does the sender use the other byte \
             order? try --byte-order {other_order}"
        ));
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
