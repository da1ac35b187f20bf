//! Your code for lesson 10. `docs/10-web-server.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p web-server --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::io;
use std::net::TcpStream;

/// 10.1 ★ The first.
///
/// - TO WRITE: the whole contract; a check may look at nothing that it does not say.
///
/// # Errors
/// TO WRITE: each error, and when.
pub fn first(stream: TcpStream) -> io::Result<()> {
    todo!("10.1 the first")
}

/// 10.2 ★★ The second.
///
/// - TO WRITE: the whole contract.
///
/// # Errors
/// TO WRITE: each error, and when.
pub fn second(stream: TcpStream) -> io::Result<()> {
    todo!("10.2 the second")
}

/// 10.3 ★★★ The third.
///
/// - TO WRITE: the whole contract.
///
/// # Errors
/// TO WRITE: each error, and when.
pub fn third(stream: TcpStream) -> io::Result<()> {
    todo!("10.3 the third")
}
