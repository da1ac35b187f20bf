use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::addr::Addr;
use crate::print::print_warning;

/// An error a person reads: what was tried, on which value, why it failed, and the remedy.
///
/// [`Failure::print`] shows it as `error: what was tried: cause` and, where there is a remedy, a
/// second line `hint: …`.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
}

/// The tap of lesson N listens on port 9800 + N.
const TAPS: u16 = 9800;

impl Failure {
    /// A failure without a remedy. The message is lowercase, without a full stop, and anything
    /// in it that came from outside is escaped already (see [`escape`](crate::escape)).
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            hint: None,
        }
    }

    /// Adds the remedy.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Prints the error to stderr, and the hint if there is one.
    pub fn print(&self) {
        print_warning(format_args!("error: {self}"));
        if let Some(hint) = &self.hint {
            print_warning(format_args!("hint: {hint}"));
        }
    }

    /// A server could not bind to `addr` and listen there.
    pub fn bind(addr: &Addr, cause: io::Error) -> Failure {
        let failure = Failure::new(format!("cannot listen on {addr}: {cause}"));
        match cause.kind() {
            ErrorKind::AddrInUse => failure.hint(
                "another program listens there, perhaps this server in another terminal; \
                 stop it, or let the system choose a free port: --addr 127.0.0.1:0",
            ),
            ErrorKind::PermissionDenied => {
                failure.hint("a port below 1024 may need the administrator; choose a higher one")
            }
            ErrorKind::AddrNotAvailable => failure.hint(
                "no network interface of this machine has this address; \
                 127.0.0.1 is for programs on this machine, 0.0.0.0 for everybody who can reach it",
            ),
            _ => failure.hint_for_unknown_host(&cause),
        }
    }

    /// A client could not connect to `addr`, where `server` is the program that should listen,
    /// with its arguments if it needs some.
    pub fn connect(addr: &Addr, server: &str, cause: io::Error) -> Failure {
        Failure::new(format!("cannot connect to {addr}: {cause}"))
            .hint_for_absent_server(addr, server, &cause)
    }

    /// A client's datagrams cannot get to `addr`, where `server` is the program that should be.
    pub fn unreachable(addr: &Addr, server: &str, cause: io::Error) -> Failure {
        Failure::new(format!("cannot reach {addr}: {cause}"))
            .hint_for_absent_server(addr, server, &cause)
    }

    /// No datagram came back from `addr` in the time that the program waited.
    pub fn unanswered(addr: &Addr, waited: Duration) -> Failure {
        let seconds = waited.as_secs_f64();
        Failure::new(format!("no answer from {addr} within {seconds} s")).hint(
            "UDP cannot tell whether anybody is there; \
             the message or its answer may also be lost, or late",
        )
    }

    /// A connection to `peer` broke while the program was `doing` something with it.
    pub fn broken(doing: &str, peer: impl fmt::Display, cause: io::Error) -> Failure {
        // Of its own, std says "failed to fill whole buffer".
        let cause = match (cause.kind(), cause.get_ref()) {
            (kind @ ErrorKind::UnexpectedEof, None) => {
                io::Error::new(kind, "it closed before everything had come")
            }
            _ => cause,
        };
        let failure = Failure::new(format!("cannot {doing} {peer}: {cause}"));
        match cause.kind() {
            // NotConnected: a shutdown that comes after the other side's reset.
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected => failure.hint(
                "the other side was stopped, or closed before it had read everything; \
                 its terminal may tell why",
            ),
            ErrorKind::UnexpectedEof => {
                failure.hint("the other side has ended; its terminal may tell why")
            }
            // A timeout of a socket is WouldBlock on Unix and may be TimedOut on Windows (std).
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                failure.hint("it took too long; is the other side busy with somebody else?")
            }
            _ => failure,
        }
    }

    fn hint_for_absent_server(self, addr: &Addr, server: &str, cause: &io::Error) -> Failure {
        if addr.port() == 0 {
            return self.hint(
                "port 0 is for servers; give the port from the server's line 'listening on …'",
            );
        }
        let lesson = addr.port().wrapping_sub(TAPS);
        match cause.kind() {
            ErrorKind::ConnectionRefused if (1..=99).contains(&lesson) => self.hint(format!(
                "{} is the tap's port, and no tap runs; start it in another terminal: \
                 cargo course tap {lesson}",
                addr.port()
            )),
            kind if kind == ErrorKind::ConnectionRefused
                // Of datagrams that find nobody, Windows says so (WSAECONNRESET).
                || (cfg!(windows) && kind == ErrorKind::ConnectionReset) =>
            {
                let (server, arguments) = server.split_once(' ').unwrap_or((server, ""));
                let space = if arguments.is_empty() { "" } else { " " };
                self.hint(format!(
                    "nobody listens there; start the server in another terminal: \
                     cargo run --bin {server} -- {arguments}{space}--addr {addr}"
                ))
            }
            ErrorKind::NetworkUnreachable => self.hint(
                "this machine knows no way to that address; check the address and the network",
            ),
            ErrorKind::TimedOut | ErrorKind::HostUnreachable => self.hint(
                "no answer from that machine; check the address, the network and the firewall",
            ),
            _ => self.hint_for_unknown_host(cause),
        }
    }

    /// On Unix a failed lookup carries a code of getaddrinfo (man 3 getaddrinfo), not a number of
    /// the operating system's own errors; on Windows it is one of WSAHOST_NOT_FOUND,
    /// WSATRY_AGAIN, WSANO_RECOVERY, WSANO_DATA.
    fn hint_for_unknown_host(self, cause: &io::Error) -> Failure {
        match cause.raw_os_error() {
            None => {}
            Some(11_001..=11_004) if cfg!(windows) => {}
            Some(_) => return self,
        }
        self.hint("the name could not be looked up; check its spelling, or give the address in numbers: 127.0.0.1 is this machine")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_at_a_taps_port_is_told_of_the_tap() {
        let refused = |addr: &str| {
            let addr = addr.parse().expect("it is an address");
            let failure =
                Failure::connect(&addr, "echo-server", ErrorKind::ConnectionRefused.into());
            failure.hint.expect("there is a remedy")
        };
        assert!(refused("127.0.0.1:9801").ends_with("cargo course tap 1"));
        assert!(refused("127.0.0.1:9810").ends_with("cargo course tap 10"));
        for port in [1, 8801, 9800, 9900, 65_535] {
            let hint = refused(&format!("127.0.0.1:{port}"));
            assert!(hint.contains("--bin echo-server"), "{hint}");
        }
    }
}
