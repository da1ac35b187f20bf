//! What "right" means for each exercise of lesson 10: functions to which any solution is handed.

mod answers;
mod heads;
mod pools;

use std::io;
use std::net::TcpStream;

use web_server::contract::{Handler, Pages, Pool};

pub use answers::answer_all;
pub use heads::read_head;
pub use pools::pool;

pub type ReadHead = fn(&TcpStream, &mut Vec<u8>) -> io::Result<Option<Vec<u8>>>;
pub type AnswerAll = fn(TcpStream, &Pages);
pub type NewPool = fn(usize, usize, Handler) -> Box<dyn Pool>;

const READ_THE_CODE: &str = "docs/10-web-server.md: Read the code";
const ENDS: &str = "docs/10-web-server.md: Where a message ends";
const RESET: &str = "docs/10-web-server.md: Connection reset";
const SLOW: &str = "docs/10-web-server.md: Slow on purpose";
const SMUGGLED: &str = "docs/10-web-server.md: Two lengths";
const NO_PLACE: &str = "docs/10-web-server.md: No place";
