//! What the attacks of this lesson have in common: they stay on this machine.

use std::net::{SocketAddr, ToSocketAddrs};

use shared::{Addr, Failure};

/// The address, if it belongs to this machine alone.
pub fn loopback_only(addr: &Addr) -> Result<SocketAddr, Failure> {
    let mut found = addr
        .to_socket_addrs()
        .map_err(|e| Failure::new(format!("cannot look up {addr}: {e}")))?;
    match found.next() {
        Some(found) if found.ip().is_loopback() => Ok(found),
        _ => Err(
            Failure::new(format!("{addr} is not an address of this machine alone"))
                .hint("this experiment stays on 127.0.0.1 or [::1]"),
        ),
    }
}
