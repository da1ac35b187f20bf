use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1 at which nobody is, with TCP or with UDP.
///
/// While this is held, the system gives the port to nobody who lets it choose one. On Linux a
/// `TcpListener` that asks for it by its number gets it, because std sets SO_REUSEADDR there too;
/// elsewhere this must be dropped first (macOS wants SO_REUSEPORT on both sockets, and on Windows
/// std sets neither).
#[derive(Debug)]
pub struct Reserved {
    addr: SocketAddr,
    _tcp: Socket,
    /// Connected to itself, it hears nobody else: the system tells whoever writes to it that
    /// nobody is there.
    udp: Option<UdpSocket>,
}

impl Reserved {
    /// Takes a free port.
    ///
    /// # Errors
    /// The system has none left.
    pub fn new() -> io::Result<Reserved> {
        let mut others = Vec::new(); // held, so that the system chooses another port each time
        loop {
            let tcp = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            #[cfg(unix)] // on Windows the option would let anybody have the port
            tcp.set_reuse_address(true)?;
            tcp.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            let addr = tcp.local_addr()?.as_socket();
            let addr = addr.ok_or_else(|| io::Error::other("the address is not an IP address"))?;
            match UdpSocket::bind(addr) {
                Ok(udp) => {
                    udp.connect(addr)?;
                    return Ok(Reserved {
                        addr,
                        _tcp: tcp,
                        udp: Some(udp),
                    });
                }
                // Somebody has the same port with UDP.
                Err(_) if others.len() < 100 => others.push(tcp),
                Err(error) => return Err(error),
            }
        }
    }

    /// The address with the port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Lets a `UdpSocket` have the port that asks for it by its number.
    pub fn give_up_udp(&mut self) {
        self.udp = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_there_until_the_port_is_given_up() {
        let mut reserved = Reserved::new().expect("a port is free");
        let client = crate::datagrams();
        client.connect(reserved.addr()).expect("it is an address");
        client.send(b"anybody there?").expect("UDP does not know");
        let answer = client.recv(&mut [0; 16]).expect_err("nobody is there");
        let refused = if cfg!(windows) {
            io::ErrorKind::ConnectionReset // what Windows says for "port unreachable" (WSAECONNRESET)
        } else {
            io::ErrorKind::ConnectionRefused
        };
        assert_eq!(answer.kind(), refused);

        assert!(UdpSocket::bind(reserved.addr()).is_err());
        reserved.give_up_udp();
        UdpSocket::bind(reserved.addr()).expect("the port was given up");
    }
}
