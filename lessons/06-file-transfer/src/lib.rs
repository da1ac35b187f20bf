//! Lesson 6: framing, and files from strangers. Read `docs/06-file-transfer.md` beside it.
//!
//! On the wire: a frame (see [`shared::frame`]) with the [`Header`] as JSON, then exactly as
//! many bytes as it announces; then the sender closes. Server and client can both be the sender
//! and the receiver, so [`send`] and [`receive`] are here.

pub mod contract;
mod name;
mod paced;
mod partial;
mod progress;
mod receive;
mod send;
mod wire;

pub use name::check_name;
pub use receive::{ReceiveOptions, receive};
pub use send::{open, send};
pub use wire::{Header, MAX_HEADER, Wire};

/// Where the server listens and the client connects if `--addr` does not say otherwise.
pub const ADDR: &str = "127.0.0.1:8806";
