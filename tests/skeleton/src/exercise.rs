//! Your code for lesson {{number}}. `docs/{{folder}}.md`, "Your turn", tells more about each exercise.
//!
//! Check it: `cargo test -p {{package}} --test exercise`
#![allow(unused_variables)] // until every exercise is solved

use std::io;
use std::net::TcpStream;

/// {{number}}.1 ★ The first.
/// (TO WRITE: a name for it, here, in solution.rs, tests/ and on the page.)
///
/// - TO WRITE: the whole contract; a check may look at nothing that it does not say.
///
/// # Errors
/// TO WRITE: each error, and when.
pub fn first(stream: TcpStream) -> io::Result<()> {
    todo!("{{number}}.1 the first")
}

/// {{number}}.2 ★★ The second.
/// (TO WRITE: a name for it.)
///
/// - TO WRITE: the whole contract.
///
/// # Errors
/// TO WRITE: each error, and when.
pub fn second(stream: TcpStream) -> io::Result<()> {
    todo!("{{number}}.2 the second")
}

/// {{number}}.3 ★★★ The third.
/// (TO WRITE: a name for it.)
///
/// - TO WRITE: the whole contract.
///
/// # Errors
/// TO WRITE: each error, and when.
pub fn third(stream: TcpStream) -> io::Result<()> {
    todo!("{{number}}.3 the third")
}
