//! Reads frames from one client after another, and does nothing with them: `cargo course bench 6`
//! measures how fast.

use std::io::{self, BufReader};
use std::net::TcpListener;

use shared::frame::{ByteOrder, read_frame};
use shared::say;

/// The longest frame that is read, in bytes.
const LIMIT: u32 = 64 * 1024;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        // One reader for the whole connection: it asks the kernel for 64 KiB at a time.
        let mut reader = BufReader::with_capacity(64 * 1024, stream);
        while let Ok(Some(_body)) = read_frame(&mut reader, ByteOrder::Big, LIMIT) {}
    }
}
