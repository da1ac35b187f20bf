//! Plays a page's transcripts: every program runs in a terminal of its own, what stands behind a
//! prompt is typed, and the screens must show what the page shows.
//!
//! Several terminals are played at once, so the order in which things happen matters:
//!
//! - A terminal's first block begins when every block above it has shown its first line.
//! - A terminal's later blocks begin when everything above has happened: all lines are there, and
//!   the programs of terminals that do not come again have ended, as have commands that show
//!   nothing and are followed by others.
//! - Inside a block, what stands behind a prompt is typed when the prompt is there and all lines
//!   above it have appeared. A second `$ ` waits for the end of the first program.
//! - `^C` at the start of a block, or right behind a prompt, is pressed like any input. Otherwise
//!   it waits until also the blocks below have happened, up to a terminal's later block.
//! - At the end of the session, every program must have ended.
//!
//! - A session whose terminals are on hosts (`**Terminal 1, host a**`) is played in a lab of its
//!   own, which is there from its start to its end.
//!
//! The lines of a tap are compared connection by connection: which of two connections moves first is
//! nobody's promise.

mod rewrite;
mod run;
mod script;

use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use self::run::{Run, Screen};
use self::script::{Input, Part, Step};
use crate::lab::Lab;
use crate::lack::{must_have_lab, must_try_everything};
use crate::page::{Edit, Page, Session};
use crate::place::{PATIENCE, workspace};
use crate::program::{CommandLine, Unrunnable};
use crate::redact::Ports;
use crate::terminal::{Call, Key, Kind, Terminal};

/// Who is told each command and each line as it appears, with the number of its terminal.
type Watch<'a> = &'a mut dyn FnMut(usize, &str);

/// What a program of the lessons shows only to a person at a terminal, not through pipes.
const FOR_PEOPLE: &str = "connected; q or Ctrl-D ends";

/// What a complaint says in the place of a line that can no longer come.
const ENDED: &str = "(the program has ended)";

/// What a session needs in which `[::1]` stands. Some machines and containers have it switched off.
const IPV6: &str = "IPv6";

/// How long a rewrite waits for a line before it takes the screen as it is.
const REWRITE_PATIENCE: Duration = Duration::from_secs(4);

/// Replays a page's sessions. With `rewrite`, the transcripts are taken from the screens.
pub fn check(page: &mut Page, rewrite: bool) -> Vec<String> {
    let sessions = match page.sessions() {
        Ok(sessions) => sessions,
        Err(complaint) => return vec![complaint],
    };
    if Kind::FIRST == Kind::Pipes {
        // In pipes no prompt appears, and a program that is ended by force says no goodbye.
        let message = "skipped: transcripts are replayed on Unix only";
        let _ = writeln!(io::stderr(), "{message} ({})", page.path); // past the test's capture
        return Vec::new();
    }
    // Sessions do not know of each other, and most of the time they wait: some are played at once.
    let sessions = Mutex::new(sessions.into_iter().enumerate());
    let played = Mutex::new(Vec::new());
    let unchanged: &Page = page;
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((i, session)) = next(&sessions) {
                    let outcome = check_session(unchanged, &session, rewrite);
                    lock(&played).push((i, outcome));
                }
            });
        }
    });

    let mut played = played
        .into_inner()
        .expect("no thread panics while it holds this");
    played.sort_by_key(|(i, _)| *i);
    let mut complaints = Vec::new();
    let mut edits = Vec::new();
    for (_, outcome) in played {
        match outcome {
            Ok(changed) => edits.extend(changed),
            Err(complaint) => complaints.push(complaint),
        }
    }
    page.replace(edits);
    complaints
}

/// How many sessions are played at once.
const AT_ONCE: usize = 3;

fn next<T>(queue: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    lock(queue).next()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it holds this")
}

/// Replays one session: what to change in the page, or what is wrong.
fn check_session(page: &Page, session: &Session, rewrite: bool) -> Result<Vec<Edit>, String> {
    let mode = if rewrite { Mode::Rewrite } else { Mode::Check };
    let mut replay = Replay::new(page, session, mode);
    match replay.play(&mut |_, _| {}) {
        Ok(()) if rewrite => {
            let edits = rewrite::blocks(&replay.parts, &mut replay.runs, &replay.ports);
            match rewrite::lost_input(&replay.parts, &edits) {
                Some((part, line)) => Err(replay.not_taken(part, line)),
                None => Ok(edits),
            }
        }
        Ok(()) => Ok(Vec::new()),
        Err(trouble) => {
            let place = page.place(session.blocks[0].start);
            let heading = &session.heading;
            let needs = format!("{place}: the session '{heading}' needs");
            let (message, must) = match trouble {
                Trouble::Complaint(complaint) => return Err(complaint),
                Trouble::Missing(program) => {
                    let must = must_try_everything() && program != IPV6;
                    (format!("{needs} {program}, which this machine lacks"), must)
                }
                Trouble::NoLab(why) => (format!("{needs} a lab: {why}"), must_have_lab()),
            };
            // Where everything must be checked, nothing may be skipped.
            if must {
                return Err(message);
            }
            let _ = writeln!(io::stderr(), "skipped: {message}"); // past the test's capture
            Ok(Vec::new())
        }
    }
}

/// What to do when the screen differs from the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Say so and stop.
    Check,
    /// Keep what the screen shows.
    Rewrite,
    /// As `Check`, at a pace at which a person can follow.
    Demo,
}

/// How long each step of a demonstration waits, so that a person can read what came before.
#[derive(Default)]
pub struct Pace {
    /// So long; `None` for ever, where somebody can press Enter.
    pub wait: Option<Duration>,
    /// What is told here ends the wait at once.
    pub enter: Option<Receiver<()>>,
}

/// Why a session could not be played to its end.
#[derive(Debug)]
pub enum Trouble {
    /// This machine lacks a program.
    Missing(String),
    /// There can be no private network here, and why.
    NoLab(String),
    /// Something differs, in a sentence with file and line.
    Complaint(String),
}

/// A session that is being played.
pub struct Replay<'a> {
    page: &'a Page,
    mode: Mode,
    /// How long nothing may happen.
    pub patience: Duration,
    parts: Vec<Part>,
    runs: Vec<Run>,
    ports: Ports,
    kind: Kind,
    pace: Pace,
    ring: Sender<()>,
    bell: Receiver<()>,
    /// The private network, if its terminals are on hosts.
    lab: Option<Lab>,
    /// Rewriting: the next input is typed although its time does not seem to have come.
    force: bool,
}

impl<'a> Replay<'a> {
    /// Prepares a session; nothing runs yet.
    pub fn new(page: &'a Page, session: &Session, mode: Mode) -> Replay<'a> {
        let parts = Part::all(session);
        let patience = match mode {
            Mode::Rewrite => REWRITE_PATIENCE,
            Mode::Check | Mode::Demo => PATIENCE,
        };
        let (ring, bell) = mpsc::channel();
        let (runs, ports) = (Vec::new(), Ports::default());
        Replay {
            page,
            mode,
            patience,
            parts,
            runs,
            ports,
            kind: Kind::FIRST,
            pace: Pace::default(),
            ring,
            bell,
            lab: None,
            force: false,
        }
    }

    /// Lets the page's port stand for itself.
    pub fn use_port(&mut self, port: u16) {
        self.ports.set(port, port);
    }

    /// In a demonstration, how long each step waits.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Plays it through pipes, as where the system has no pseudo-terminals.
    pub fn use_pipes(&mut self) {
        self.kind = Kind::Pipes;
    }

    /// Plays the session to its end; `watch` is told what appears in which terminal.
    ///
    /// # Errors
    /// The first thing that differs from the page, or the program that is missing.
    pub fn play(&mut self, watch: Watch<'_>) -> Result<(), Trouble> {
        let mut lines = self.parts.iter().flat_map(|part| &part.block.lines);
        let is_ipv6 = |line: &String| line.starts_with("$ ") && line.contains("[::1]");
        if lines.any(is_ipv6) && TcpListener::bind("[::1]:0").is_err() {
            return Err(Trouble::Missing(IPV6.to_owned()));
        }
        let hosts = self
            .parts
            .iter()
            .filter_map(|part| part.block.host.as_ref());
        if let Some(hosts) = hosts.map(|host| host.of).max() {
            self.lab = Some(Lab::new(hosts).map_err(Trouble::NoLab)?);
            self.ports.in_own_network();
        }
        let mut last_progress = Instant::now();
        loop {
            let mut progress = false;
            for part in 0..self.parts.len() {
                while self.advance(part, watch)? {
                    progress = true;
                }
            }
            self.report(watch, Some(Instant::now()));
            if self.parts.iter().all(Part::complete) && self.all_ended() {
                self.report(watch, None);
                return self.find_surplus();
            }
            if progress {
                last_progress = Instant::now();
                continue;
            }
            let left = self.patience.saturating_sub(last_progress.elapsed());
            if self.bell.recv_timeout(left).is_err() {
                if self.mode != Mode::Rewrite || !self.skip_step() {
                    return Err(self.stuck());
                }
                last_progress = Instant::now();
            }
        }
    }

    /// Takes the next step of a part, if its time has come. Says whether it did.
    fn advance(&mut self, index: usize, watch: Watch<'_>) -> Result<bool, Trouble> {
        let part = &self.parts[index];
        if part.complete() {
            return Ok(false);
        }
        if !part.begun() {
            if !self.may_begin(index) {
                return Ok(false);
            }
            self.mark_group(part.group);
        }
        let part = &self.parts[index];
        match &part.steps[part.next] {
            Step::Start(command) => {
                let command = command.clone();
                self.start_when_free(index, &command, watch)
            }
            Step::Input { prompt, input, .. } if !part.typed => {
                let (prompt, input) = (prompt.clone(), input.clone());
                self.enter_at_prompt(index, &prompt, &input, watch)
            }
            Step::Show(line) | Step::Input { line, .. } => {
                let line = line.clone();
                let run = self.run(index)?;
                if line == FOR_PEOPLE && !self.runs[run].terminal.prompts() {
                    self.parts[index].next += 1;
                    return Ok(true);
                }
                self.see(index, &line)
            }
        }
    }

    /// Remembers how much each screen showed when a group of blocks began.
    fn mark_group(&mut self, group: usize) {
        for run in &mut self.runs {
            if run.at_group.last().is_none_or(|mark| mark.0 < group) {
                let lines = run.screen().lines.len();
                run.at_group.push((group, lines));
            }
        }
    }

    /// Starts the command, once its terminal's last program has ended.
    fn start_when_free(
        &mut self,
        index: usize,
        command: &str,
        watch: Watch<'_>,
    ) -> Result<bool, Trouble> {
        let (number, place) = (self.parts[index].block.terminal, self.place(index));
        let checks = self.mode != Mode::Rewrite;
        if let Some(run) = self.runs.iter_mut().rev().find(|run| run.number == number) {
            let screen = run.screen();
            if !screen.finished {
                return Ok(false);
            }
            if let Some(line) = screen.lines.get(run.seen).filter(|_| checks) {
                let line = self.ports.to_page(line);
                return Err(differs(&place, number, &format!("$ {command}"), &line));
            }
        }
        self.pause(watch);
        self.report(watch, None);
        watch(number, &format!("$ {command}"));
        self.start(index, number, command, &place)?;
        self.parts[index].next += 1;
        Ok(true)
    }

    /// Types or presses what the page says, once the prompt is there.
    fn enter_at_prompt(
        &mut self,
        index: usize,
        prompt: &str,
        input: &Input,
        watch: Watch<'_>,
    ) -> Result<bool, Trouble> {
        let (number, place) = (self.parts[index].block.terminal, self.place(index));
        let waits_for_others = self.interrupt_must_wait(index);
        let rewrites = self.mode == Mode::Rewrite;
        let run = self.run(index)?;
        let screen = self.runs[run].screen();
        let seen = self.runs[run].seen;
        // A program in pipes shows no prompt: nothing tells when it reads, but its input waits.
        let prompted = screen.current == prompt || !self.runs[run].terminal.prompts();
        let ready = prompted && (screen.lines.len() == seen || rewrites);
        if (ready && !waits_for_others) || self.force {
            self.force = false;
            if self.mode == Mode::Demo {
                self.pause(watch);
                // Told before it is typed: what comes of it may appear elsewhere sooner.
                self.report(watch, None);
                watch(number, &format!("{prompt}{input}"));
                self.runs[run].reported += 1;
            }
            let run = &mut self.runs[run];
            run.enter(prompt, input).map_err(Trouble::Complaint)?;
            let part = &mut self.parts[index];
            part.typed = true;
            if matches!(input, Input::Key(Key::D)) {
                // Nothing of it appears but the prompt.
                run.ended_at.push(screen.lines.len());
                part.steps[part.next] = Step::Show(prompt.trim_end().to_owned());
            }
            return Ok(true);
        }
        if !rewrites && (screen.lines.len() > seen || screen.finished) {
            let shown = screen.lines.get(seen).map_or(ENDED, String::as_str);
            let shown = self.ports.to_page(shown);
            return Err(differs(&place, number, &format!("{prompt}{input}"), &shown));
        }
        Ok(false)
    }

    /// Compares the next line of the screen with the page's, once it is there.
    fn see(&mut self, index: usize, expected: &str) -> Result<bool, Trouble> {
        let (number, place) = (self.parts[index].block.terminal, self.place(index));
        let rewrites = self.mode == Mode::Rewrite;
        let run = self.run(index)?;
        let run = &mut self.runs[run];
        let Screen {
            lines, finished, ..
        } = run.screen();
        run.learn_port(&lines, &mut self.ports);

        let redacted = self.ports.redact(expected.trim_end());
        let same = |line: &String| self.ports.redact(&self.ports.to_page(line)) == redacted;
        let next = run.next(expected, &lines);
        let further = lines.get(run.seen..).unwrap_or(&[]);
        match lines.get(next) {
            Some(line) if same(line) => run.see(next),
            _ if rewrites => match further.iter().position(same) {
                Some(skipped) => run.seen += skipped + 1,
                None if finished => {} // it will not come any more
                None => return Ok(false),
            },
            None if !finished => return Ok(false),
            None if run.terminal.killed() => {} // it had no time to say this
            shown => {
                let shown = shown.map_or(ENDED.to_owned(), |line| self.ports.to_page(line));
                return Err(differs(&place, number, expected, &shown));
            }
        }
        let part = &mut self.parts[index];
        part.next += 1;
        part.typed = false;
        Ok(true)
    }

    /// Where the part's next step stands in the page.
    fn place(&self, index: usize) -> String {
        let part = &self.parts[index];
        self.page.place(part.block.start + part.next)
    }

    /// The program that the part shows; it belongs to the part from now on.
    fn run(&mut self, index: usize) -> Result<usize, Trouble> {
        let number = self.parts[index].block.terminal;
        let Some(run) = self.runs.iter().rposition(|run| run.number == number) else {
            let place = self.place(index);
            let message = format!("{place}: no program runs in terminal {number}");
            return Err(Trouble::Complaint(message));
        };
        if self.runs[run].parts.last() != Some(&index) {
            self.runs[run].parts.push(index);
        }
        Ok(run)
    }

    /// Starts a program for the part.
    fn start(
        &mut self,
        index: usize,
        number: usize,
        command: &str,
        place: &str,
    ) -> Result<(), Trouble> {
        let command = CommandLine::new(command);
        let restarts = command
            .serves()
            .is_some_and(|port| self.servers_on(port) > 1);
        let mut runnable = command
            .to_run(&mut self.ports, restarts)
            .map_err(|trouble| match trouble {
                Unrunnable::Missing(program) => Trouble::Missing(program),
                Unrunnable::Other(message) => Trouble::Complaint(format!("{place}: {message}")),
            })?;
        let host = self.parts[index].block.host.as_ref();
        if let (Some(lab), Some(host)) = (&self.lab, host) {
            let (mut argv, variable) = lab.call(&host.name);
            argv.append(&mut runnable.argv);
            runnable.argv = argv;
            runnable.environment.push(variable);
        }
        let call = Call {
            argv: &runnable.argv,
            environment: &runnable.environment,
        };
        // The pages put files there: Cargo's own folder, unless it builds somewhere else.
        let _ = fs::create_dir_all(workspace().join("target"));
        let terminal = match Terminal::start(&call, self.kind, self.ring.clone()) {
            // A demonstration needs no prompts; for a page, they are a part of what is checked.
            Err(_) if self.mode == Mode::Demo => {
                Terminal::start(&call, Kind::Pipes, self.ring.clone())
            }
            started => started,
        };
        let terminal =
            terminal.map_err(|message| Trouble::Complaint(format!("{place}: {message}")))?;
        self.runs.push(Run {
            terminal,
            number,
            seen: 0,
            ahead: std::collections::BTreeSet::new(),
            last: 0,
            reported: 0,
            chooses: runnable.chooses,
            parts: vec![index],
            at_group: Vec::new(),
            ended_at: Vec::new(),
        });
        Ok(())
    }

    /// How many times the session starts a server on a port of the page.
    fn servers_on(&self, port: u16) -> usize {
        let steps = self.parts.iter().flat_map(|part| &part.steps);
        steps
            .filter(|step| match step {
                Step::Start(command) => CommandLine::new(command).serves() == Some(port),
                _ => false,
            })
            .count()
    }

    fn may_begin(&self, index: usize) -> bool {
        let above = &self.parts[..index];
        if self.parts[index].first {
            above.iter().all(Part::under_way)
        } else {
            above.iter().all(|part| self.happened(part))
        }
    }

    /// Whether the next step is a `^C` that ends the program when the rest has happened.
    fn interrupt_must_wait(&self, index: usize) -> bool {
        let part = &self.parts[index];
        let Some(Step::Input {
            prompt,
            input: Input::Key(Key::C),
            ..
        }) = part.steps.get(part.next)
        else {
            return false;
        };
        let below = &self.parts[index + 1..];
        part.next > 0
            && prompt.is_empty()
            && !below
                .iter()
                .take_while(|p| p.group == part.group)
                .all(|p| self.happened(p))
    }

    /// Whether everything that the block shows has happened, and its program has ended if the
    /// session does not come back to it, or if that is all that the block tells of it.
    fn happened(&self, part: &Part) -> bool {
        let is_this = |&i: &usize| self.parts[i].block.start == part.block.start;
        let shows_it = |run: &&Run| run.parts.iter().any(is_this);
        let run = self.runs.iter().rev().find(shows_it);
        let must_end = part.last || part.silent;
        part.complete() && (!must_end || run.is_some_and(|run| run.terminal.exited()))
    }

    fn run_of(&mut self, number: usize) -> Option<&mut Run> {
        self.runs.iter_mut().rev().find(|run| run.number == number)
    }

    fn all_ended(&mut self) -> bool {
        self.runs.iter_mut().all(|run| run.terminal.finished())
    }

    /// In a demonstration, the time that a person has to read what came before the next step.
    fn pause(&mut self, watch: Watch<'_>) {
        /// Between two looks at the terminals.
        const LOOKS: Duration = Duration::from_millis(20);
        let start = Instant::now();
        while self.mode == Mode::Demo && self.pace.wait.is_none_or(|wait| start.elapsed() < wait) {
            self.report(watch, Some(Instant::now()));
            match &self.pace.enter {
                None if self.pace.wait.is_none() => return,
                None => thread::sleep(LOOKS),
                Some(enter) => match enter.recv_timeout(LOOKS) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) => return,
                    Err(RecvTimeoutError::Disconnected) => self.pace.enter = None,
                },
            }
        }
    }

    /// Tells what has appeared, of all terminals in the order in which it happened, up to that time.
    /// What came while they were looked at, one after the other, is told the next time.
    fn report(&mut self, watch: Watch<'_>, until: Option<Instant>) {
        let mut news = Vec::new();
        for run in &mut self.runs {
            let number = run.number;
            let lines = run.news(until).into_iter();
            news.extend(lines.map(|(time, line)| (time, number, line)));
        }
        news.sort_by_key(|line| line.0);
        for (_, number, line) in news {
            watch(number, &self.ports.to_page(&line));
        }
    }

    /// After the end: a screen must not show more than the page.
    fn find_surplus(&mut self) -> Result<(), Trouble> {
        if self.mode == Mode::Rewrite {
            return Ok(());
        }
        for run in &mut self.runs {
            if let Some(line) = run.screen().lines.get(run.seen) {
                let index = *run.parts.last().expect("a run begins in a part");
                let block = &self.parts[index].block;
                let place = self.page.place(block.start + block.lines.len() - 1);
                let shown = self.ports.to_page(line);
                return Err(differs(&place, run.number, "(no further line)", &shown));
            }
        }
        Ok(())
    }

    /// Rewriting: gives up the first step that waits. Says whether there was one.
    fn skip_step(&mut self) -> bool {
        let waiting = (0..self.parts.len())
            .find(|&i| !self.parts[i].complete() && (self.parts[i].next > 0 || self.may_begin(i)));
        let Some(index) = waiting else { return false };
        let part = &mut self.parts[index];
        if matches!(part.steps[part.next], Step::Input { .. }) && !part.typed && !self.force {
            self.force = true;
            return true;
        }
        self.force = false;
        part.next += 1;
        part.typed = false;
        true
    }

    /// Rewriting: what is wrong where no program took a line that the page types or presses.
    fn not_taken(&self, part: usize, line: usize) -> String {
        let block = &self.parts[part].block;
        let place = self.page.place(block.start + line);
        format!(
            "{place}: nothing was rewritten: terminal {}'s program did not take '{}'. It had ended, \
             or asked for nothing. (A ^C that is the first line of its block is pressed at once; \
             below other lines it waits for the rest of the session.)",
            block.terminal, block.lines[line]
        )
    }

    /// What nothing happened for so long.
    fn stuck(&mut self) -> Trouble {
        let waiting = (0..self.parts.len())
            .find(|&i| !self.parts[i].complete() && (self.parts[i].next > 0 || self.may_begin(i)));
        let Some(index) = waiting else {
            let place = self.page.place(self.parts[0].block.start);
            let running = self.runs.iter_mut().filter_map(|run| {
                (!run.terminal.finished()).then(|| format!("terminal {}", run.number))
            });
            let running = running.collect::<Vec<_>>().join(", ");
            return Trouble::Complaint(format!(
                "{place}: at the end of this session, programs still run in {running}: \
                 end them with ^C in the page"
            ));
        };
        let part = &self.parts[index];
        let place = self.page.place(part.block.start + part.next);
        let (number, expected) = (part.block.terminal, part.block.lines[part.next].clone());
        let shown = self.run_of(number).map_or(String::new(), |run| {
            let Screen { lines, current, .. } = run.screen();
            let lines = lines.get(run.seen..).unwrap_or(&[]).join("\n          ");
            format!("{lines}{current}")
        });
        differs(
            &place,
            number,
            &expected,
            &format!("{shown} (for {:?})", self.patience),
        )
    }
}

fn differs(place: &str, terminal: usize, page: &str, screen: &str) -> Trouble {
    Trouble::Complaint(format!(
        "{place}: terminal {terminal} shows something else\n  page:   {page}\n  screen: {screen}\n\
         to take the transcripts from the screens: COURSE_REWRITE=1 and the same test"
    ))
}
