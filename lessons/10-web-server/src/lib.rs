//! Lesson 10: HTTP by hand. Read `docs/10-web-server.md` beside it.
//!
//! - [`Incoming`] reads messages from a connection: heads and bodies, in whatever pieces they come.
//! - [`parse_request`] and [`parse_response`] take a head apart; [`request_length`] and
//!   [`response_length`] say where the body ends.
//! - [`find`] goes from what is asked for to a file, and never out of the folder.
//! - [`serve`] is lesson 8's machine, with another farewell for those who find no place.

mod body;
pub mod contract;
mod files;
mod head;
mod incoming;
mod machine;
mod url;

use std::io;

pub use body::{Chunks, Length, decimal, request_length, response_length};
pub use files::{Found, content_type, find, http_date, segments};
pub use head::{
    Headers, MAX_HEAD, MAX_HEADERS, Request, Response, end_of_head, parse_request, parse_response,
};
pub use incoming::Incoming;
pub use machine::serve;
pub use shared::{Client, Stop};
pub use url::Url;

/// Where the server listens, if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8810";

/// Why a request is not served, or a response not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status that says so, such as 400.
    pub status: u16,
    /// In words that are safe to print.
    pub why: String,
}

impl Refusal {
    /// With that status, and those words.
    pub fn new(status: u16, why: impl Into<String>) -> Refusal {
        let why = why.into();
        Refusal { status, why }
    }

    /// 400: it is no message of HTTP/1.x, or one that could be understood in two ways.
    pub fn bad(why: impl Into<String>) -> Refusal {
        Refusal::new(400, why)
    }
}

/// Why no message was read.
#[derive(Debug)]
pub enum Trouble {
    /// What came is refused.
    Refused(Refusal),
    /// The connection broke, ended, or took too long.
    Broken(io::Error),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        Trouble::Refused(refusal)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Broken(error)
    }
}

/// The words that belong to a status.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}
