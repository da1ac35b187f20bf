use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::vec;

use crate::escape::escape;

/// The value of `--addr`: `HOST:PORT`, not looked up yet.
///
/// The host is an IPv4 address, an IPv6 address in brackets, or a name; the port is 0 to 65535.
/// `TcpListener::bind`, `TcpStream::connect` and their like take a reference to it and look the
/// name up themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addr {
    text: String,
    port: u16,
}

impl Addr {
    /// The port, 0 to 65535. 0 asks the system to choose one, which only makes sense for a server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Looks the name up: the first of its addresses. A UDP socket cannot try one after the other
    /// as `TcpStream::connect` does, because nothing tells it that nobody is there.
    ///
    /// # Errors
    /// Nobody knows the name.
    pub fn look_up(&self) -> io::Result<SocketAddr> {
        let mut found = self.to_socket_addrs()?;
        found
            .next()
            .ok_or_else(|| io::Error::other("the name has no address"))
    }
}

/// Where a socket that speaks with `peer` is bound: any address of this machine, of the same kind
/// as the peer's (IPv4 or IPv6), and any free port.
pub fn any_port(peer: SocketAddr) -> SocketAddr {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(any, 0)
}

impl FromStr for Addr {
    type Err = String;

    /// Checks the form. Whether the host exists is found out when it is looked up.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the form and which form is expected.
    fn from_str(text: &str) -> Result<Addr, String> {
        let wrong = |what: &str| {
            Err(format!(
                "{what}\nhint: write HOST:PORT, such as 127.0.0.1:8801, localhost:8801 or [::1]:8801"
            ))
        };
        let Some((host, port)) = text.rsplit_once(':') else {
            return wrong("there is no port");
        };
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() {
            return wrong("there is no host before the colon");
        }
        if !bracketed && host.contains([':', '[', ']']) {
            return wrong("an IPv6 address stands in brackets, and the port behind them");
        }
        // u16::from_str would also take "+80".
        match port.parse() {
            Ok(number) if !port.starts_with('+') => Ok(Addr {
                text: text.to_owned(),
                port: number,
            }),
            _ => wrong(&format!(
                "the port '{}' is not a number from 0 to 65535",
                escape(port.as_bytes())
            )),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(self.text.as_bytes()))
    }
}

impl ToSocketAddrs for Addr {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.text.to_socket_addrs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_addresses_and_names_with_a_port() {
        for (text, port) in [
            ("127.0.0.1:8801", 8801),
            ("[::1]:0", 0),
            ("localhost:65535", 65535),
        ] {
            let addr: Addr = text.parse().expect("the form is right");
            assert_eq!((addr.to_string().as_str(), addr.port()), (text, port));
        }
    }

    #[test]
    fn says_what_is_wrong_with_the_form() {
        for (text, complaint) in [
            ("", "there is no port"),
            ("127.0.0.1", "there is no port"),
            (":8801", "there is no host"),
            ("::1:8801", "an IPv6 address stands in brackets"),
            ("[::1]8801", "an IPv6 address stands in brackets"),
            ("127.0.0.1:", "the port '' is not a number"),
            (
                "127.0.0.1:65536",
                "the port '65536' is not a number from 0 to 65535",
            ),
            ("127.0.0.1:+80", "the port '+80' is not a number"),
            ("127.0.0.1:http", "the port 'http' is not a number"),
        ] {
            let message = text.parse::<Addr>().expect_err(text);
            assert!(message.starts_with(complaint), "{text:?}: {message}");
            assert!(message.contains("hint: write HOST:PORT"), "{message}");
        }
    }
}
