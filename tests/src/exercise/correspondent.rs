use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::compare::{compare, show};
use super::fault::{Fault, Step};
use super::patience::{Patience, time_left};
use super::trial::Trial;

/// The check's side of a conversation in datagrams.
pub struct Correspondent {
    socket: UdpSocket,
    addr: SocketAddr,
    patience: Patience,
    /// How the sentence begins that says what went wrong: what was sent last.
    story: String,
}

impl Trial {
    /// A UDP socket for the learner's function, on a free port of 127.0.0.1, and its address.
    pub fn socket(&self) -> Step<(UdpSocket, SocketAddr)> {
        bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// A correspondent on a free port of 127.0.0.1.
    pub fn correspondent(&self) -> Step<Correspondent> {
        self.correspondent_at(Ipv4Addr::LOCALHOST.into(), 0)
    }

    /// A correspondent at an address of this machine; port 0 lets the system choose one.
    pub fn correspondent_at(&self, ip: IpAddr, port: u16) -> Step<Correspondent> {
        let (socket, addr) = bind(SocketAddr::new(ip, port))?;
        Ok(Correspondent {
            socket,
            addr,
            patience: self.patience.clone(),
            story: String::new(),
        })
    }
}

/// An address of this machine, of 127.0.0.0/8, that nobody else has. What a function of another check
/// sends too late, to a port that was given away meanwhile, does not come there. Only Linux has so
/// many; elsewhere it is 127.0.0.1.
pub fn own_address() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    if cfg!(not(target_os = "linux")) {
        return Ipv4Addr::LOCALHOST.into();
    }
    let number = std::process::id()
        .wrapping_mul(4099)
        .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    let [_, a, b, c] = number.to_be_bytes();
    Ipv4Addr::new(127, a, b, c.clamp(1, 254)).into()
}

fn bind(addr: SocketAddr) -> Step<(UdpSocket, SocketAddr)> {
    let bound = UdpSocket::bind(addr).and_then(|s| s.local_addr().map(|addr| (s, addr)));
    if let Ok((socket, _)) = &bound {
        // macOS sends no more than 9,216 bytes at once otherwise. Where this is refused, the first
        // large datagram says so.
        let _ = socket2::SockRef::from(socket).set_send_buffer_size(128 * 1024);
    }
    bound.map_err(|e| Fault::new(format!("this machine gave the check no port: {e}")))
}

impl Correspondent {
    /// Where it can be written to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends a datagram.
    pub fn send_to(&mut self, datagram: &[u8], to: SocketAddr) -> Step {
        self.socket.send_to(datagram, to).map_err(|e| {
            let n = datagram.len();
            Fault::new(format!("the check could not send {n} bytes to {to}: {e}"))
        })?;
        self.story = format!("after {} was sent to you: ", show(datagram));
        Ok(())
    }

    /// Waits for a datagram: its bytes, and who sent it; `None` when nothing came in time.
    pub fn receive(&self) -> Step<Option<(Vec<u8>, SocketAddr)>> {
        self.receive_within(self.patience.wait)
    }

    /// The same, at most so long from now.
    pub fn receive_within(&self, within: Duration) -> Step<Option<(Vec<u8>, SocketAddr)>> {
        let deadline = self.patience.end.min(Instant::now() + within);
        let mut buffer = vec![0; 65_536];
        loop {
            let _ = self
                .socket
                .set_read_timeout(Some(time_left(deadline, within)));
            match self.socket.recv_from(&mut buffer) {
                Ok((n, sender)) => {
                    buffer.truncate(n);
                    return Ok(Some((buffer, sender)));
                }
                // What was sent before found nobody; Windows says so here. Or the process was
                // stopped, and goes on (Ctrl-Z and fg).
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::ConnectionReset | ErrorKind::Interrupted
                    ) => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if within >= self.patience.wait {
                        self.patience.notes.ran_out();
                    }
                    return Ok(None);
                }
                Err(e) => return Err(Fault::new(format!("the check could not receive: {e}"))),
            }
        }
    }

    /// Waits for a datagram and compares it; says who sent it. `promise` says what the function
    /// should do, in the words of its contract.
    pub fn expect(&self, expected: &[u8], promise: &str) -> Step<SocketAddr> {
        let story = &self.story;
        let Some((came, sender)) = self.receive()? else {
            let expected = show(expected);
            return Err(Fault::new(format!(
                "{story}{promise}\nexpected {expected}, and no datagram came"
            ))
            .late());
        };
        compare(expected, &came)
            .map_err(|difference| Fault::new(format!("{story}{promise}\n{difference}")))?;
        Ok(sender)
    }

    /// Checks that nothing more has come. It does not wait: what was sent to this machine's own
    /// addresses is there as soon as it was sent.
    pub fn expect_nothing(&self, promise: &str) -> Step {
        match self.receive_within(Duration::from_millis(1))? {
            None => Ok(()),
            Some((came, _)) => Err(Fault::new(format!(
                "{}{promise}\nbut one more datagram came: {}",
                self.story,
                show(&came)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, check};
    use super::*;

    #[test]
    fn says_what_was_sent_and_what_came() {
        let verdict = check(|trial| {
            let (socket, addr) = trial.socket()?;
            let mut alice = trial.correspondent()?;
            alice.send_to(b"hello", addr)?;
            let echo = trial.start(move || {
                let mut buffer = [0; 16];
                let (n, sender) = socket.recv_from(&mut buffer).expect("alice has written");
                for _ in 0..3 {
                    socket
                        .send_to(&buffer[..n], sender)
                        .expect("alice is there");
                }
            });
            echo.result()?;
            assert_eq!(alice.expect(b"hello", "send it back")?, addr);

            let fault = alice.expect(b"hullo", "send it back").expect_err("hello");
            let start = "after 'hello' was sent to you: send it back\nexpected   5 bytes: hullo\n";
            assert!(fault.to_string().starts_with(start), "{fault}");

            let fault = alice.expect_nothing("be quiet").expect_err("a third came");
            let all =
                "after 'hello' was sent to you: be quiet\nbut one more datagram came: 'hello'";
            assert_eq!(fault.to_string(), all);
            alice.expect_nothing("be quiet")?;
            let nothing = alice.receive_within(Duration::from_millis(10))?;
            assert!(nothing.is_none());
            Ok(())
        });
        if let Verdict::Wrong(fault) = verdict {
            panic!("{fault}");
        }
    }
}
