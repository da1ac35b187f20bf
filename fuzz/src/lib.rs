//! What several targets need.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use socket2::SockRef;

/// Panics if a terminal would obey the text, or show it in another order than it stands there.
#[track_caller]
pub fn assert_safe(text: &str) {
    let obeyed = |c: char| c.is_control() || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".contains(c);
    let turned = |c: char| ('\u{202a}'..='\u{202e}').contains(&c);
    let isolated = |c: char| ('\u{2066}'..='\u{2069}').contains(&c);
    let found = text.find(|c| obeyed(c) || turned(c) || isolated(c));
    assert_eq!(found, None, "not safe to print: {text:?}");
}

/// A stream that gives at most `size` bytes at each read, as a connection may.
pub struct Pieces<'a> {
    /// What was not read yet.
    pub bytes: &'a [u8],
    /// The most that one read gives.
    pub size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.size.min(buffer.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(n);
        buffer[..n].copy_from_slice(now);
        self.bytes = later;
        Ok(n)
    }
}

/// Two ends of a connection.
///
/// They are closed with RST: closed politely, thousands of connections a second would wait for
/// stray packets until no port is left.
pub fn pair() -> (TcpStream, TcpStream) {
    static LISTENER: LazyLock<TcpListener> =
        LazyLock::new(|| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    let addr = LISTENER.local_addr().expect("it is bound");
    let near = TcpStream::connect(addr).expect("the listener is there");
    let (far, _) = LISTENER.accept().expect("a client is there");
    for end in [&near, &far] {
        let set = SockRef::from(end).set_linger(Some(Duration::ZERO));
        set.expect("an open socket takes SO_LINGER");
        end.set_nodelay(true).expect("a socket takes TCP_NODELAY");
    }
    (near, far)
}
