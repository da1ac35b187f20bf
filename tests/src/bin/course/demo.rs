//! `cargo course demo N`: the first session of lesson N's page, live.

use std::net::{TcpListener, UdpSocket};

use anstyle::{AnsiColor, Style};
use course::{Lesson, Mode, Page, Replay, Trouble, paint};
use shared::{Failure, say};

use crate::build::build;

/// Builds the lesson's programs and plays the session, both terminals in one window.
pub fn run(lesson: &Lesson, any_port: bool, pipes: bool) -> Result<(), Failure> {
    let programs = ["server", "client"].map(|side| format!("{}-{side}", lesson.name));
    build(&[&programs[0], &programs[1]])?;
    let page = Page::read(&lesson.page()).map_err(Failure::new)?;
    let sessions = page.sessions().map_err(Failure::new)?;
    let session = sessions
        .first()
        .ok_or_else(|| Failure::new("the page has no session"))?;

    say!(
        "{}\n",
        paint(
            Style::new().bold(),
            &format!("Lesson {}, {}", lesson.number, lesson.title)
        )
    );
    let mut replay = Replay::new(&page, session, Mode::Demo);
    if pipes {
        replay.use_pipes();
    }
    let own = ("127.0.0.1", lesson.port());
    let free = match lesson.udp {
        true => UdpSocket::bind(own).is_ok(),
        false => TcpListener::bind(own).is_ok(),
    };
    if free && !any_port {
        replay.use_port(lesson.port());
    } else if !any_port {
        say!(
            "Another program uses port {}: the demonstration takes another one.\n",
            lesson.port()
        );
    }
    let commands = session.commands();
    let played = replay.play(&mut |terminal, line| {
        let colour =
            [AnsiColor::Green, AnsiColor::Cyan, AnsiColor::Yellow][terminal.saturating_sub(1) % 3];
        let label = paint(colour.on_default(), &format!("terminal {terminal} │"));
        let line = if line.starts_with("$ ") {
            paint(Style::new().bold(), line)
        } else {
            line.to_owned()
        };
        say!("{label} {line}");
    });
    match played {
        Ok(()) => {}
        Err(Trouble::Missing(program)) => {
            return Err(Failure::new(format!(
                "this session needs {program}, which this machine lacks"
            )));
        }
        Err(Trouble::Complaint(complaint)) => return Err(Failure::new(complaint)),
    }

    say!("\nNow you. In two terminals:");
    for (terminal, command) in commands {
        say!("  {terminal}  {}", paint(Style::new().bold(), command));
    }
    say!(
        "Then read {}; the code is in lessons/{}/src/bin/.",
        lesson.page(),
        lesson.folder
    );
    Ok(())
}
