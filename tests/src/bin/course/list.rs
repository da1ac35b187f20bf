//! `cargo course`: the lessons, and what to do next.

use anstyle::{AnsiColor, Style};
use course::LESSONS;
use shared::{Failure, say};

use crate::paint;

/// Prints the lessons.
pub fn run() -> Result<(), Failure> {
    let bold = Style::new().bold();
    say!(
        "{}",
        paint(bold, "Two Terminals: socket programming in blocking Rust")
    );
    for lesson in LESSONS {
        let number = paint(AnsiColor::Green.on_default(), &lesson.number.to_string());
        say!("\n  {number}  {}", lesson.title);
        say!("     page     {}", lesson.page());
        say!("     code     lessons/{}/src/bin/", lesson.folder);
        say!("     play it  cargo course demo {}", lesson.number);
    }
    say!("\nStart with a look at lesson 1, cargo course demo, and then read its page.");
    Ok(())
}
