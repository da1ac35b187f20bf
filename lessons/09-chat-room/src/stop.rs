use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

/// The way to stop a server from another thread while it waits in `poll`.
pub struct Stop {
    asked: AtomicBool,
    /// Connected to itself: nobody else can send to it, and a byte sent to it can be read from it.
    /// The server waits for it together with all its other sockets. (On Unix a pipe would do; on
    /// Windows `poll` takes sockets only.)
    bell: UdpSocket,
}

impl Stop {
    /// Nobody has asked yet.
    ///
    /// # Errors
    /// The system has no socket left.
    pub fn new() -> io::Result<Stop> {
        let bell = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        bell.connect(bell.local_addr()?)?;
        let asked = AtomicBool::new(false);
        Ok(Stop { asked, bell })
    }

    /// Asks the server to stop. Says whether it had been asked before.
    pub fn ask(&self) -> bool {
        let before = self.asked.swap(true, Ordering::SeqCst);
        if !before {
            let _ = self.bell.send(b"!"); // its buffer is empty: there is room for one byte
        }
        before
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Readable from the moment at which it is asked.
    pub(crate) fn bell(&self) -> &UdpSocket {
        &self.bell
    }
}
