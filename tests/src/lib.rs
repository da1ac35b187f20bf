//! Plays, checks and measures the lessons.
//!
//! For the lessons' tests:
//! - [`check_page`] replays a page's transcripts, and compares its excerpts with the source and its
//!   pictures with the transcripts.
//! - [`Server`] is one of the course's servers with its output, started on a free port.
//! - [`connect`], [`accept`] and [`reset`] open connections that cannot hang, and close them badly.
//! - [`Reserved`] is an address at which nobody listens.
//! - [`first_line`] and [`exited`] wait for a program that a test has started by itself.
//! - [`is_timeout`] tells a wait that ended from a connection that broke.
//! - [`allow_many_files`] makes room for a thousand clients.
//! - [`datagrams`] is a UDP socket that cannot hang, [`receive`] waits for what comes.
//! - [`play()`] replays a transcript that stands in a test.
//! - [`has`] and [`has_netcat`] tell whether a peer that is not ours can be tried here, [`has_lab`]
//!   whether a [`Lab`] can be had, a private network of two or three hosts.
//! - [`example`] is a lesson's example, built from its source as it is now.
//!
//! For the exercises: the module [`exercise`].
//!
//! For `cargo course`: [`LESSONS`] and their [`Part`]s, and [`Replay`], which plays a session of a [`Page`] live;
//! [`progress`] knows how far the learner is.
//!
//! Every wait has a deadline of [`PATIENCE`] and says what it waited for.

mod excerpts;
pub mod exercise;
mod lab;
mod lack;
mod lessons;
mod page;
pub mod picture;
mod place;
pub mod play;
mod process;
mod program;
pub mod progress;
mod redact;
mod replay;
mod reserved;
mod server;
mod sockets;
mod terminal;

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;

pub use lab::Lab;
pub use lack::{has, has_lab, has_netcat};
pub use lessons::{Heading, LESSONS, Lesson, Part, exercise_number, lesson};
pub use page::{Block, Page, Session};
pub use place::{PATIENCE, cargo, programs, workspace};
pub use process::{allow_many_files, exited, first_line, listens_at, status};
pub use program::{example, words as shell_words};
pub use replay::{Mode, Pace, Replay, Trouble};
pub use reserved::Reserved;
pub use server::Server;
pub use sockets::{accept, connect, datagrams, is_timeout, receive, reset};

/// The text in a style, where stdout is a terminal that shows styles and nobody has asked for
/// plain text (`NO_COLOR`, `TERM=dumb`).
pub fn paint(style: Style, text: &str) -> String {
    match AutoStream::choice(&io::stdout()) {
        ColorChoice::Never => text.to_owned(),
        _ => format!("{style}{text}{style:#}"),
    }
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
    let complaints = check(&mut page, rewrite);
    if rewrite {
        page.write().unwrap_or_else(|e| panic!("{e}"));
    }
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n\n"));
}

/// What is not true in a page: one complaint for each excerpt and each session that differs, with
/// file and line. With `rewrite`, the page is made true instead, as far as that is possible.
pub fn check(page: &mut Page, rewrite: bool) -> Vec<String> {
    let mut complaints = excerpts::check(page, rewrite);
    complaints.extend(replay::check(page, rewrite));
    complaints.extend(picture::check(page, rewrite)); // last: they are drawn from the transcripts
    complaints
}

/// Replays transcripts as they stand in a page: `**Terminal 1**` and a `console` block, and so on.
///
/// # Panics
/// With both versions of the first line that differs.
#[track_caller]
pub fn play(transcripts: &str) {
    let complaints = check(&mut Page::from_text("transcript", transcripts), false);
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n\n"));
}
