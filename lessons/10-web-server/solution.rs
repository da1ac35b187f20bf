//! One way to solve the exercises of lesson 10. Try your own first.

use std::io;
use std::net::TcpStream;

/// 10.1 The first.
pub fn first(stream: TcpStream) -> io::Result<()> {
    todo!("TO WRITE: 10.1 for {stream:?}")
}

/// 10.2 The second.
pub fn second(stream: TcpStream) -> io::Result<()> {
    todo!("TO WRITE: 10.2 for {stream:?}")
}

/// 10.3 The third.
pub fn third(stream: TcpStream) -> io::Result<()> {
    todo!("TO WRITE: 10.3 for {stream:?}")
}
