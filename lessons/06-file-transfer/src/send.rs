use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use shared::frame::write_frame;
use shared::{Failure, escape, warn};

use crate::name::check_name;
use crate::paced::Paced;
use crate::progress::Progress;
use crate::wire::{BLOCK, Header, Wire};

/// How long the receiver's disk may take at the end: a second for each 10 MiB, ten minutes at most.
/// Who says nothing after a small file cannot hold us for so long.
fn disk_time(filesize: u64) -> Duration {
    Duration::from_secs((filesize / (10 << 20)).min(600))
}

/// Opens a file to send and says what the header must say about it.
///
/// # Errors
/// It is not a regular file, its name would be refused, or it cannot be opened.
pub fn open(path: &Path) -> Result<(File, Header), Failure> {
    let shown = escape(path.as_os_str().as_encoded_bytes());
    let failed = |e: io::Error| Failure::new(format!("cannot send '{shown}': {e}"));
    // Asked before it is opened: a named pipe would wait for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        let message = format!("cannot send '{shown}': it is not a regular file");
        return Err(Failure::new(message).hint("a folder can be packed into one file first"));
    }
    let file = File::open(path).map_err(failed)?;
    let filesize = file.metadata().map_err(failed)?.len();

    let name = path.file_name().and_then(|name| name.to_str());
    let refused = |why: &str| Failure::new(format!("cannot send '{shown}': its name: {why}"));
    let filename = name.ok_or_else(|| refused("it is not UTF-8"))?.to_owned();
    check_name(&filename).map_err(refused)?;
    Ok((file, Header { filename, filesize }))
}

/// Sends header and file, says that it has finished, and waits until the receiver has closed.
///
/// # Errors
/// The connection broke, the receiver was too slow, or the file is shorter than it was.
pub fn send(
    stream: &TcpStream,
    peer: &dyn fmt::Display,
    file: &mut File,
    header: &Header,
    wire: &Wire,
) -> Result<(), Failure> {
    let mut connection = Paced::new(stream, wire.patience());
    let send_failed = |e| broken(header, peer, e);
    let json = serde_json::to_vec(header).expect("a string and a number can be written as JSON");
    write_frame(&mut connection, wire.byte_order, &json).map_err(send_failed)?;

    let progress = Progress::new(header.filesize);
    send_body(&mut connection, peer, file, header, &progress)?;

    stream.shutdown(Shutdown::Write).map_err(send_failed)?; // we have finished
    wait_for_close(stream, peer, header, wire)?;
    progress.finish("sent", &header.filename);
    Ok(())
}

/// Sends the file: exactly the announced size, whatever happens to the file meanwhile.
fn send_body(
    connection: &mut Paced,
    peer: &dyn fmt::Display,
    file: &mut File,
    header: &Header,
    progress: &Progress,
) -> Result<(), Failure> {
    let (name, size) = (escape(header.filename.as_bytes()), header.filesize);
    let read_failed = |e| Failure::new(format!("cannot read {name}: {e}"));
    let mut body = file.take(size);
    let mut block = vec![0; BLOCK];
    loop {
        let n = body.read(&mut block).map_err(read_failed)?;
        if n == 0 {
            break;
        }
        connection
            .write_all(&block[..n])
            .map_err(|e| broken(header, peer, e))?;
        progress.add(n);
    }

    let missing = body.limit();
    if missing > 0 {
        let left = size - missing;
        let message = format!("{name} shrank while it was sent: {left} of {size} bytes are left");
        return Err(Failure::new(message));
    }
    let now = file.metadata().map_err(read_failed)?.len();
    if now > size {
        warn!("{name} grew while it was sent: the first {size} of {now} bytes went");
    }
    Ok(())
}

/// The receiver closes when it is done. One that has not read everything closes with a reset; a
/// receipt in words is not in this protocol.
fn wait_for_close(
    mut stream: &TcpStream,
    peer: &dyn fmt::Display,
    header: &Header,
    wire: &Wire,
) -> Result<(), Failure> {
    // First it waits for its disk, which takes a large file longer than the network.
    let patience = wire.patience() + disk_time(header.filesize);
    stream
        .set_read_timeout(Some(patience))
        .map_err(|e| broken(header, peer, e))?;
    match stream.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Failure::new(format!(
            "{peer} answered, which no receiver does"
        ))),
        // WouldBlock on Unix, TimedOut on Windows.
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Err(never_closed(header, peer, patience))
        }
        Err(e) => Err(broken(header, peer, e)),
    }
}

fn broken(header: &Header, peer: &dyn fmt::Display, cause: io::Error) -> Failure {
    let name = escape(header.filename.as_bytes());
    Failure::broken(&format!("send {name} to"), peer, cause)
}

fn never_closed(header: &Header, peer: &dyn fmt::Display, waited: Duration) -> Failure {
    let (name, seconds) = (escape(header.filename.as_bytes()), waited.as_secs());
    Failure::new(format!(
        "all of {name} was sent, but {peer} has not closed within {seconds} s"
    ))
    .hint("perhaps it has the file, perhaps not; its terminal may tell")
}
