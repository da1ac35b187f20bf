//! Plays, checks and measures the lessons.
//!
//! For the lessons' tests:
//! - [`check_page`] replays a page's transcripts and compares its excerpts with the source.
//! - [`Server`] is one of the course's servers with its output, started on a free port.
//! - [`reset`] closes a connection the hard way.
//!
//! For `cargo course`: [`LESSONS`], and [`Replay`], which plays a session of a [`Page`] live.
//!
//! Every wait has a deadline of [`PATIENCE`] and says what it waited for.

mod excerpts;
mod lessons;
mod page;
mod program;
mod redact;
mod replay;
mod server;
mod terminal;

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use lessons::{LESSONS, Lesson};
pub use page::{Block, Page, Session};
pub use replay::{Mode, Replay, Trouble};
pub use server::Server;

/// How long any single wait may take. Only a failing test waits that long; a busy machine is
/// slow, so it is generous.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The folder of the workspace, in which the pages' commands run.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a folder of the workspace")
}

/// The folder into which Cargo put the programs of the profile this program was built with.
pub fn programs() -> PathBuf {
    let exe = std::env::current_exe().expect("the system knows where this program lies");
    let folder = exe.parent().expect("a program lies in a folder");
    // Tests lie one deeper, in `deps`.
    if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }.to_owned()
}

/// Checks that a page is true: its transcripts are what the programs show, its excerpts stand in
/// the source.
///
/// With `COURSE_REWRITE=1` in the environment it writes what is true into the page instead.
///
/// # Panics
/// With the file, the line and both versions of each thing that differs.
#[track_caller]
pub fn check_page(path: &str) {
    let rewrite = std::env::var_os("COURSE_REWRITE").is_some_and(|v| v == "1");
    let mut page = Page::read(path).unwrap_or_else(|e| panic!("{e}"));
    let mut complaints = excerpts::check(&mut page, rewrite);
    complaints.extend(replay::check(&mut page, rewrite));
    if rewrite {
        page.write().unwrap_or_else(|e| panic!("{e}"));
    }
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n\n"));
}

/// Closes a connection with RST instead of FIN, as a crashed or impolite peer does.
///
/// # Panics
/// If the socket does not take the option.
pub fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    let set = socket.set_linger(Some(Duration::ZERO));
    set.expect("an open socket takes SO_LINGER");
}
