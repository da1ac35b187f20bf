//! `cargo course fire N --server COMMAND`: the hostile peers of a lesson against a program of the
//! learner's own, in whatever language it is written.
//!
//! Of such a program no more is known than what the lesson's peers say on the wire. What is wrong is
//! told as the checks of the exercises tell it: what was done, what was expected, what came, where
//! to read about it.

mod clients;
mod datagrams;
mod running;
mod servers;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::AnsiColor;
use course::exercise::{Fault, Step, Trial, Verdict, check};
use course::{Lesson, paint, shell_words};
use shared::{Failure, say};

use self::running::Program;
use super::pairs::{PAIRS, Pair};

/// A program of one's own under fire.
#[derive(clap::Args)]
#[command(next_help_heading = "A program of your own")]
pub struct Own {
    /// What starts a server in any language, such as 'python3 my_server.py {port}'; no shell is used
    #[arg(long, value_name = "COMMAND", requires = "lesson")]
    server: Option<String>,

    /// What starts a client; the port of the hostile server stands in the place of {port}
    #[arg(
        long,
        value_name = "COMMAND",
        requires = "lesson",
        conflicts_with = "server"
    )]
    client: Option<String>,

    /// Which of the lesson's servers it is like: glue or slice in lesson 5, send or receive in 6
    #[arg(long, value_name = "NAME")]
    mode: Option<String>,

    /// What is typed into the client; \n ends a line [default: what the lesson's client is told]
    #[arg(long = "type", value_name = "TEXT", requires = "client")]
    typed: Option<String>,
}

impl Own {
    /// Whether a program is named.
    pub fn given(&self) -> bool {
        self.server.is_some() || self.client.is_some()
    }
}

/// One thing that hostile peers do.
pub struct Scene {
    pub name: &'static str,
    pub what: &'static str,
    /// The page and heading that tell of it.
    pub read: &'static str,
    /// Whether the lesson's programs can meet it.
    pub meets: fn(&Pair) -> bool,
    pub play: fn(&Trial, &Fire) -> Step,
}

/// What a scene knows.
pub struct Fire {
    pub pair: &'static Pair,
    pub program: Program,
    /// Set by a scene whose program has no deadline: it would have waited for ever.
    pub waits: AtomicBool,
}

/// Judges the program and prints one line for each scene.
pub fn run(lesson: &'static Lesson, args: &Own) -> Result<(), Failure> {
    let pair = pair(lesson, args.mode.as_deref())?;
    let (scenes, command, peers) = match (&args.server, &args.client) {
        (Some(command), _) if lesson.udp => (datagrams::SERVER, command, "clients"),
        (Some(command), _) => (servers::SCENES, command, "clients"),
        (None, Some(command)) if lesson.udp => (datagrams::CLIENT, command, "servers"),
        (None, Some(command)) => (clients::SCENES, command, "servers"),
        (None, None) => return Ok(()),
    };
    let typed = args.typed.as_ref().map(|text| text.replace("\\n", "\n"));
    let typed = typed.unwrap_or_else(|| pair.typed.to_owned());
    let program = Program::new(words(command)?, typed);
    course::allow_many_files();
    let scenes: Vec<&Scene> = scenes.iter().filter(|scene| (scene.meets)(pair)).collect();
    say!("Hostile {peers}, as in lesson {}:\n", lesson.number);
    let wrong = judge(pair, program, &scenes, &mut show);
    say!("\n  ok     it ended the matter itself");
    say!("  waits  it has no deadline: it waited until the peer left");
    match wrong {
        0 => Ok(()),
        n => Err(Failure::new(format!(
            "{n} of {} are not right yet",
            scenes.len()
        ))),
    }
}

/// What the command starts; the port comes in the place of `{port}`.
fn words(command: &str) -> Result<Vec<String>, Failure> {
    let words = shell_words(&command.replace("{port}", "PORT").replace('\\', "\\\\"));
    let read = words.filter(|words| !words.is_empty()).ok_or_else(|| {
        Failure::new(
            "cannot read the command: pipes, redirections and variables are not understood here",
        )
        .hint("put them into a script, and give its name")
    })?;
    if !command.contains("{port}") {
        return Err(
            Failure::new(format!("'{command}' does not say where the port goes")).hint(
                "write {port} where your program is told its port: 'python3 my_server.py {port}'",
            ),
        );
    }
    Ok(read)
}

/// The lesson's pair that the program is like.
fn pair(lesson: &Lesson, mode: Option<&str>) -> Result<&'static Pair, Failure> {
    let pairs = || PAIRS.iter().filter(|pair| pair.lesson == lesson.number);
    let modes: Vec<&str> = pairs()
        .filter_map(|pair| pair.server.first().copied())
        .filter(|mode| !mode.starts_with('-'))
        .collect();
    let found = match mode {
        None if modes.len() < 2 => pairs().next(),
        None => None,
        Some(mode) => pairs().find(|pair| pair.server.first() == Some(&mode)),
    };
    found.ok_or_else(|| {
        let failure = Failure::new(match mode {
            Some(mode) => format!("lesson {} has no server '{mode}'", lesson.number),
            None => format!("lesson {} has several servers", lesson.number),
        });
        match modes.len() {
            0 | 1 => failure.hint("leave --mode out"),
            _ => failure.hint(format!("--mode {}", modes.join(" or --mode "))),
        }
    })
}

/// Plays the scenes, tells each outcome, and counts what is wrong.
pub fn judge(
    pair: &'static Pair,
    program: Program,
    scenes: &[&'static Scene],
    tell: &mut dyn FnMut(&Scene, Outcome),
) -> usize {
    let fire = Arc::new(Fire {
        pair,
        program,
        waits: AtomicBool::new(false),
    });
    let mut wrong = 0;
    for &scene in scenes {
        fire.waits.store(false, Ordering::SeqCst);
        let played = Arc::clone(&fire);
        let verdict = check(move |trial| (scene.play)(trial, &played));
        let fault = match verdict {
            Verdict::Solved => fire.program.complaint(),
            Verdict::Wrong(fault) => Some(fire.program.with_end(fault)),
            Verdict::NotStarted => Some(Fault::new("it is not written yet")),
        };
        let outcome = match fault {
            Some(fault) => {
                wrong += 1;
                fire.program.end(); // the next scene finds a new one
                Outcome::Wrong(fault.read(scene.read))
            }
            None if fire.waits.load(Ordering::SeqCst) => Outcome::Waits,
            None => Outcome::Ok,
        };
        tell(scene, outcome);
        if fire.program.cannot_start() {
            break; // the next scene would say the same
        }
    }
    wrong
}

/// How a program stood a scene.
pub enum Outcome {
    Ok,
    Waits,
    Wrong(Fault),
}

fn show(scene: &Scene, outcome: Outcome) {
    let (word, colour) = match &outcome {
        Outcome::Ok => ("ok", AnsiColor::Green),
        Outcome::Waits => ("waits", AnsiColor::Yellow),
        Outcome::Wrong(_) => ("FAIL", AnsiColor::Red),
    };
    let word = paint(colour.on_default(), &format!("{word:<5}"));
    say!("  {word}  {:<8} {}", scene.name, scene.what);
    if let Outcome::Wrong(fault) = outcome {
        for line in fault.to_string().lines() {
            say!("           {line}");
        }
    }
}
