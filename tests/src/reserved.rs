use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A TCP port of 127.0.0.1 on which nobody listens.
///
/// While this is held, the system gives the port to nobody who lets it choose one; a
/// `TcpListener` that asks for it by its number gets it (on Unix, where std sets SO_REUSEADDR).
#[derive(Debug)]
pub struct Reserved {
    addr: SocketAddr,
    _socket: Socket,
}

impl Reserved {
    /// Takes a free port.
    ///
    /// # Errors
    /// The system has none left.
    pub fn new() -> io::Result<Reserved> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let addr = socket.local_addr()?.as_socket();
        let addr = addr.ok_or_else(|| io::Error::other("the address is not an IP address"))?;
        Ok(Reserved {
            addr,
            _socket: socket,
        })
    }

    /// The address with the port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
