use std::fmt;
use std::io::{self, ErrorKind};

use crate::Addr;

/// An error a person reads: what was tried, on which value, why it failed, and the remedy.
///
/// It is displayed as `error: what was tried: cause` and, where there is a remedy, a second line
/// `hint: …`.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
}

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

    /// A server could not bind to `addr` and listen there.
    pub fn bind(addr: &Addr, cause: io::Error) -> Failure {
        let failure = Failure::new(format!("cannot listen on {addr}: {cause}"));
        match cause.kind() {
            ErrorKind::AddrInUse => failure.hint(
                "another program listens there, perhaps this server in another terminal; \
                 stop it, or let the system choose a free port: --addr 127.0.0.1:0",
            ),
            ErrorKind::PermissionDenied => failure.hint(
                "most systems keep the ports below 1024 for the administrator; choose a higher one",
            ),
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
        let failure = Failure::new(format!("cannot connect to {addr}: {cause}"));
        if addr.port() == 0 {
            return failure.hint(
                "port 0 is for servers; give the port from the server's line 'listening on …'",
            );
        }
        match cause.kind() {
            ErrorKind::ConnectionRefused => {
                let server = server.replacen(' ', " -- ", 1);
                let dashes = if server.contains(" -- ") { "" } else { "-- " };
                failure.hint(format!(
                    "nobody listens there; start the server in another terminal: \
                     cargo run --bin {server} {dashes}--addr {addr}"
                ))
            }
            ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                failure.hint(
                    "no answer from that machine; check the address, the network and the firewall",
                )
            }
            _ => failure.hint_for_unknown_host(&cause),
        }
    }

    /// A connection to `peer` broke while the program was `doing` something with it.
    pub fn broken(doing: &str, peer: impl fmt::Display, cause: io::Error) -> Failure {
        let failure = Failure::new(format!("cannot {doing} {peer}: {cause}"));
        match cause.kind() {
            // NotConnected: a shutdown that comes after the other side's reset.
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected => failure.hint(
                "the other side stopped, or closed before it had read everything; its terminal tells more",
            ),
            ErrorKind::UnexpectedEof => {
                failure.hint("the other side closed before everything had come; its terminal tells more")
            }
            _ => failure,
        }
    }

    /// A name that nobody knows is found out before the kernel is asked for anything: the error
    /// has no number of the operating system.
    fn hint_for_unknown_host(self, cause: &io::Error) -> Failure {
        if cause.raw_os_error().is_some() {
            return self;
        }
        self.hint("the name could not be looked up; check its spelling, or give the address in numbers: 127.0.0.1 is this machine")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}
