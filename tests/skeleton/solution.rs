//! One way to solve the exercises of lesson {{number}}. Try your own first.

use std::io;
use std::net::TcpStream;

/// {{number}}.1 The first.
pub fn first(stream: TcpStream) -> io::Result<()> {
    todo!("TO WRITE: {{number}}.1 for {stream:?}")
}

/// {{number}}.2 The second.
pub fn second(stream: TcpStream) -> io::Result<()> {
    todo!("TO WRITE: {{number}}.2 for {stream:?}")
}

/// {{number}}.3 The third.
pub fn third(stream: TcpStream) -> io::Result<()> {
    todo!("TO WRITE: {{number}}.3 for {stream:?}")
}
