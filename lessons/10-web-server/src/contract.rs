//! What only the exercises need.

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

pub use crate::head::MAX_HEAD;

/// The most header lines of one head, in exercise 10.1.
pub const MAX_LINES: usize = 100;

/// The longest body that a request may have, in bytes, in exercise 10.2.
pub const MAX_BODY: u64 = 100_000;

/// How long a client that has to go may take our last words, in exercises 10.2 and 10.3.
pub const FAREWELL: Duration = Duration::from_millis(200);

/// What there is to see, by its path, in exercise 10.2.
pub type Pages = HashMap<&'static str, &'static str>;

/// What is done with one connection, in exercise 10.3. It takes as long as it likes, and may panic.
pub type Handler = Arc<dyn Fn(&TcpStream) + Send + Sync>;

/// What a client is sent that cannot be served now, in exercise 10.3.
pub const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// A pool of threads that serve connections, in exercise 10.3.
pub trait Pool {
    /// Hands a connection in.
    fn take(&mut self, stream: TcpStream);

    /// Ends the pool. How many handlers have panicked.
    fn stop(self: Box<Self>) -> usize;
}
