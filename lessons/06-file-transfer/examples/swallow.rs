//! A BufReader that is made for the header, and takes the body with it.
//!
//! `cargo run -p file-transfer --example swallow`

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use shared::frame::{ByteOrder, read_frame, write_frame};

fn main() -> io::Result<()> {
    let mut stream = header_and_body()?;
    // A BufReader reads as much as it can get, 8 KiB at a time, and keeps what nobody has asked
    // for yet. When it is dropped, that is gone.
    read_header(&mut BufReader::new(&stream))?;
    let mut body = Vec::new();
    stream.read_to_end(&mut body)?;
    println!(
        "BufReader for the header:  {} of 8 bytes of the body",
        body.len()
    );

    let mut stream = header_and_body()?;
    read_header(&mut stream)?;
    let mut body = Vec::new();
    stream.read_to_end(&mut body)?;
    println!(
        "no BufReader:              {} of 8 bytes of the body",
        body.len()
    );

    let mut stream = BufReader::new(header_and_body()?);
    read_header(&mut stream)?;
    let mut body = Vec::new();
    stream.read_to_end(&mut body)?;
    println!(
        "one BufReader for both:    {} of 8 bytes of the body",
        body.len()
    );
    Ok(())
}

fn read_header(reader: &mut impl Read) -> io::Result<()> {
    let header =
        read_frame(reader, ByteOrder::Big, 100).map_err(|e| io::Error::other(e.to_string()))?;
    assert_eq!(header, Some(b"header".to_vec()));
    Ok(())
}

/// A connection on which everything has come: a header in a frame, and eight bytes of body.
fn header_and_body() -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let mut message = Vec::new();
    write_frame(&mut message, ByteOrder::Big, b"header")?;
    message.extend(b"BODYBODY");
    sender.write_all(&message)?;
    Ok(listener.accept()?.0)
}
