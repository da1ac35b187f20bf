//! What "right" means for each exercise of lesson 6: functions to which any solution is handed.

mod files;
mod frames;

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::path::Path;

use file_transfer::contract::{NameError, TransferError};
use shared::frame::FrameError;

pub use files::{create, receive};
pub use frames::frames;

pub type ReadFrame = fn(&TcpStream, u32) -> Result<Option<Vec<u8>>, FrameError>;
pub type WriteFrame = fn(&TcpStream, &[u8]) -> io::Result<()>;
pub type Create = fn(&Path, &[u8]) -> Result<File, NameError>;
pub type Receive = fn(TcpStream, u64, &Path, &str) -> Result<(), TransferError>;

/// The two functions of exercise 6.1.
#[derive(Clone, Copy)]
pub struct Frames {
    pub read: ReadFrame,
    pub write: WriteFrame,
}
