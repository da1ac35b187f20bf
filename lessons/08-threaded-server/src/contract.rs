//! What only the exercises need.

use std::net::TcpStream;
use std::sync::Arc;

/// What is done with one client, in exercises 8.1 and 8.2. It is called with the connection, takes
/// as long as it likes, and may panic; the connection closes when it ends, whichever way.
pub type Handler = Arc<dyn Fn(TcpStream) + Send + Sync>;

/// How many lines may wait for a client that does not read, in exercise 8.3.
pub const MAX_WAITING: usize = 100;
