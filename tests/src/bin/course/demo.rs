//! `cargo course demo N`: the first session of lesson N's page, live.

use std::io::{self, BufRead, IsTerminal};
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use course::{Lesson, Mode, Pace, Page, Replay, Trouble, lesson, paint};
use shared::{Failure, say};

use crate::build::build;

#[derive(clap::Args)]
pub struct Args {
    /// The lesson's number
    #[arg(default_value = "1", value_parser = lesson)]
    lesson: &'static Lesson,

    /// How many seconds each step waits, or 'enter' to wait for Enter [default: 2 on a terminal, else 0]
    #[arg(long, value_name = "SECS", value_parser = wait)]
    pace: Option<Wait>,

    /// Let the server listen on any free port instead of the lesson's own
    #[arg(long)]
    any_port: bool,

    /// Through pipes, as where the system has no pseudo-terminals (Windows)
    #[arg(long)]
    pipes: bool,
}

/// How long each step waits; without a time, for Enter.
type Wait = Option<Duration>;

fn wait(text: &str) -> Result<Wait, String> {
    if text == "enter" {
        return Ok(None);
    }
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.0..=60.0).contains(seconds));
    let wait = seconds.map(Duration::from_secs_f64);
    wait.map(Some)
        .ok_or_else(|| "expected 0 to 60 seconds, such as 1.5, or 'enter'".to_owned())
}

/// The pace that was asked for, or one at which a person can read, or none for a program.
fn pace(asked: Option<Wait>) -> Pace {
    let person = io::stdin().is_terminal() && io::stdout().is_terminal();
    let usual = if person { 2 } else { 0 };
    let wait = asked.unwrap_or(Some(Duration::from_secs(usual)));
    if wait == Some(Duration::ZERO) {
        return Pace { wait, enter: None };
    }
    match wait {
        Some(_) if person => say!("Enter goes on at once; --pace sets how long each step waits.\n"),
        Some(_) => {}
        None => say!("Enter goes on with the next step.\n"),
    }
    let (pressed, enter) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if line.is_err() || pressed.send(()).is_err() {
                return;
            }
        }
    });
    let enter = Some(enter);
    Pace { wait, enter }
}

/// Builds the lesson's programs and plays the session, both terminals in one window.
pub fn run(args: &Args) -> Result<(), Failure> {
    let &Args {
        lesson,
        any_port,
        pipes,
        ..
    } = args;
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
    replay.set_pace(pace(args.pace));
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
        Err(Trouble::NoLab(why)) => return Err(Failure::new(why)),
        Err(Trouble::Complaint(complaint)) => return Err(Failure::new(complaint)),
    }

    say!("\nNow you. In {} terminals:", terminals(&commands));
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

/// How many terminals the commands need, as a word.
fn terminals(commands: &[(usize, &str)]) -> &'static str {
    let most = commands.iter().map(|command| command.0).max();
    match most {
        Some(3) => "three",
        Some(4..) => "several",
        _ => "two",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_seconds_or_enter_as_a_pace() {
        assert_eq!(wait("enter"), Ok(None));
        assert_eq!(wait("1.5"), Ok(Some(Duration::from_millis(1500))));
        assert_eq!(wait("0"), Ok(Some(Duration::ZERO)));
        for wrong in ["", "-1", "61", "NaN", "inf", "soon"] {
            let said = wait(wrong).expect_err("it is no pace");
            assert!(said.starts_with("expected 0 to 60 seconds"), "{said}");
        }
    }

    #[test]
    fn ends_with_as_many_terminals_as_it_lists() {
        for (number, expected) in [(1, "two"), (3, "two"), (8, "three")] {
            let lesson = Lesson::of_number(number).expect("it is in the register");
            let page = Page::read(&lesson.page()).expect("the page is there");
            let sessions = page.sessions().expect("the page is well formed");
            assert_eq!(terminals(&sessions[0].commands()), expected);
        }
    }
}
