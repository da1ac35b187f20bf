//! Plays a page's transcripts: every program runs in a terminal of its own, what stands behind a
//! prompt is typed, and the screens must show what the page shows.
//!
//! Several terminals are played at once, so the order in which things happen matters:
//!
//! - A terminal's first block begins when every block above it has shown its first line.
//! - A terminal's later blocks begin when everything above has happened: all lines are there, and
//!   the programs of terminals that do not come again have ended.
//! - Inside a block, what stands behind a prompt is typed when the prompt is there and all lines
//!   above it have appeared. A second `$ ` waits for the end of the first program.
//! - `^C` at the start of a block, or right behind a prompt, is pressed like any input. Otherwise
//!   it waits until also the blocks below have happened, up to a terminal's later block.
//! - At the end of the session, every program must have ended.

use std::env;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;

use crate::PATIENCE;
use crate::page::{Block, Edit, Page, Session};
use crate::program::{CommandLine, Unrunnable};
use crate::redact::Ports;
use crate::terminal::{Key, Terminal};

/// How long a rewrite waits for a line before it takes the screen as it is.
const REWRITE_PATIENCE: Duration = Duration::from_secs(4);

/// Replays a page's sessions. With `rewrite`, the transcripts are taken from the screens.
pub fn check(page: &mut Page, rewrite: bool) -> Vec<String> {
    let sessions = match page.sessions() {
        Ok(sessions) => sessions,
        Err(complaint) => return vec![complaint],
    };
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
        Ok(()) if rewrite => Ok(replay.rewritten()),
        Ok(()) => Ok(Vec::new()),
        Err(Trouble::Complaint(complaint)) => Err(complaint),
        Err(Trouble::Missing(program)) => {
            let place = page.place(session.blocks[0].start);
            let heading = &session.heading;
            let message = format!(
                "{place}: the session '{heading}' needs {program}, which this machine lacks"
            );
            // Where everything must be checked, nothing may be skipped.
            if env::var_os("CI").is_some() {
                return Err(message);
            }
            eprintln!("skipped: {message}");
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

/// Why a session could not be played to its end.
#[derive(Debug)]
pub enum Trouble {
    /// This machine lacks a program.
    Missing(String),
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
    ring: Sender<()>,
    bell: Receiver<()>,
    /// Rewriting: the next input is typed although its time does not seem to have come.
    force: bool,
}

/// One block of the session.
struct Part {
    block: Block,
    steps: Vec<Step>,
    /// The step that comes next.
    next: usize,
    /// The input of the next step has been typed; what remains is to see it on the screen.
    typed: bool,
    /// A terminal's later block, and the blocks below it up to the next such block.
    group: usize,
    /// Whether it is its terminal's first block in the session.
    first: bool,
    /// Whether it is its terminal's last.
    last: bool,
}

enum Step {
    /// Start a program.
    Start(String),
    /// The screen shows a line.
    Show(String),
    /// The screen shows a prompt; something is typed or pressed there.
    Input {
        prompt: String,
        input: Input,
        line: String,
    },
}

#[derive(Clone)]
enum Input {
    Line(String),
    Key(Key),
}

/// One program of the session, from its start to its end.
struct Run {
    terminal: Terminal,
    /// The N of its terminal, and the part that started it.
    number: usize,
    /// How many lines of its screen the page has accounted for.
    seen: usize,
    /// How many lines of its screen were reported to whoever watches.
    reported: usize,
    /// The page's port whose real one its first line tells.
    chooses: Option<u16>,
    /// The parts that show it.
    parts: Vec<usize>,
    /// How many lines its screen had when a group of blocks began.
    at_group: Vec<(usize, usize)>,
    /// The lines in which Ctrl-D was pressed, which the screen does not show.
    ended_at: Vec<usize>,
}

/// What a program's screen shows at one moment.
struct Screen {
    /// The lines that are finished; after the program's end, also one without a line's end.
    lines: Vec<String>,
    /// The line in which the cursor stands.
    current: String,
    /// Nothing more will come.
    finished: bool,
}

impl Run {
    /// What the screen shows now.
    fn screen(&mut self) -> Screen {
        let finished = self.terminal.finished(); // asked first: afterwards nothing more comes
        let (mut lines, mut current) = self.terminal.lines();
        if finished && !current.is_empty() {
            lines.push(std::mem::take(&mut current).trim_end().to_owned());
        }
        Screen {
            lines,
            current,
            finished,
        }
    }
}

impl<'a> Replay<'a> {
    /// Prepares a session; nothing runs yet.
    pub fn new(page: &'a Page, session: &Session, mode: Mode) -> Replay<'a> {
        let mut group = 0;
        let mut parts: Vec<Part> = Vec::new();
        for (i, block) in session.blocks.iter().enumerate() {
            let same = |other: &Block| other.terminal == block.terminal;
            let first = !session.blocks[..i].iter().any(same);
            let last = !session.blocks[i + 1..].iter().any(same);
            group += usize::from(!first);
            let steps = block.lines.iter().map(|line| Step::parse(line)).collect();
            let (block, next, typed) = (block.clone(), 0, false);
            parts.push(Part {
                block,
                steps,
                next,
                typed,
                group,
                first,
                last,
            });
        }
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
            ring,
            bell,
            force: false,
        }
    }

    /// Lets the page's port stand for itself.
    pub fn use_port(&mut self, port: u16) {
        self.ports.set(port, port);
    }

    /// Plays the session to its end. `watch` is told each command and each line as it appears,
    /// with the number of its terminal.
    ///
    /// # Errors
    /// The first thing that differs from the page, or the program that is missing.
    pub fn play(&mut self, watch: &mut dyn FnMut(usize, &str)) -> Result<(), Trouble> {
        let mut last_progress = Instant::now();
        loop {
            let mut progress = false;
            for part in 0..self.parts.len() {
                while self.advance(part, watch)? {
                    progress = true;
                }
            }
            self.report(watch);
            if self.parts.iter().all(Part::complete) && self.all_ended() {
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
    fn advance(
        &mut self,
        index: usize,
        watch: &mut dyn FnMut(usize, &str),
    ) -> Result<bool, Trouble> {
        let part = &self.parts[index];
        if part.complete() || (part.next == 0 && !part.typed && !self.may_begin(index)) {
            return Ok(false);
        }
        if part.next == 0 && !part.typed {
            let group = part.group;
            for run in &mut self.runs {
                if run.at_group.last().is_none_or(|mark| mark.0 < group) {
                    let lines = run.screen().lines.len();
                    run.at_group.push((group, lines));
                }
            }
        }
        let part = &self.parts[index];
        let number = part.block.terminal;
        let place = self.page.place(part.block.start + part.next);

        if let Step::Start(command) = &part.steps[part.next] {
            let command = command.clone();
            let checks = self.mode != Mode::Rewrite;
            if let Some(run) = self.runs.iter_mut().rev().find(|run| run.number == number) {
                let Screen {
                    lines, finished, ..
                } = run.screen();
                if !finished {
                    return Ok(false);
                }
                if let Some(line) = lines.get(run.seen).filter(|_| checks) {
                    let line = self.ports.to_page(line);
                    return Err(differs(&place, number, &format!("$ {command}"), &line));
                }
            }
            self.pause();
            watch(number, &format!("$ {command}"));
            self.start(index, number, &command, &place)?;
            self.parts[index].next += 1;
            return Ok(true);
        }

        let waits_for_others = self.interrupt_must_wait(index);
        let (part, ports, mode) = (&mut self.parts[index], &mut self.ports, self.mode);
        let Some(run) = self.runs.iter_mut().rev().find(|run| run.number == number) else {
            return Err(Trouble::Complaint(format!(
                "{place}: no program runs in terminal {number}"
            )));
        };
        if run.parts.last() != Some(&index) {
            run.parts.push(index);
        }
        let Screen {
            lines,
            current,
            finished,
        } = run.screen();
        if let (Some(port), Some(first)) = (run.chooses, lines.first()) {
            let address = first.strip_prefix("listening on 127.0.0.1:");
            if let Some(real) = address.and_then(|port| port.parse().ok()) {
                ports.set(port, real);
                run.chooses = None;
            }
        }

        let expected = match &part.steps[part.next] {
            Step::Start(_) => return Ok(false), // handled above
            Step::Show(line) => line,
            Step::Input { line, .. } if part.typed => line,
            Step::Input { prompt, input, .. } => {
                let ready =
                    current == *prompt && (lines.len() == run.seen || mode == Mode::Rewrite);
                if (ready && !waits_for_others) || self.force {
                    self.force = false;
                    let (prompt, input) = (prompt.clone(), input.clone());
                    let run_index = self.runs.iter().rposition(|run| run.number == number);
                    self.pause();
                    let run = &mut self.runs[run_index.expect("it was just found")];
                    run.enter(&input).map_err(Trouble::Complaint)?;
                    let part = &mut self.parts[index];
                    part.typed = true;
                    if matches!(input, Input::Key(Key::D)) {
                        run.ended_at.push(lines.len());
                        part.steps[part.next] = Step::Show(prompt.trim_end().to_owned());
                    }
                    return Ok(true);
                }
                if mode != Mode::Rewrite && (lines.len() > run.seen || finished) {
                    let shown = lines
                        .get(run.seen)
                        .map_or("(the program has ended)", String::as_str);
                    let expected = format!("{prompt}(a prompt)");
                    return Err(differs(&place, number, &expected, shown));
                }
                return Ok(false);
            }
        };

        let redacted = ports.redact(expected.trim_end());
        let shown = lines.get(run.seen).map(|line| ports.to_page(line));
        match shown {
            Some(shown) if ports.redact(&shown) == redacted => run.seen += 1,
            _ if mode == Mode::Rewrite => {
                let same = |line: &String| ports.redact(&ports.to_page(line)) == redacted;
                match lines[run.seen.min(lines.len())..].iter().position(same) {
                    Some(further) => run.seen += further + 1,
                    None if finished => {} // it will not come any more
                    None => return Ok(false),
                }
            }
            Some(shown) => return Err(differs(&place, number, expected, &shown)),
            None if finished => {
                return Err(differs(&place, number, expected, "(the program has ended)"));
            }
            None => return Ok(false),
        }
        part.next += 1;
        part.typed = false;
        Ok(true)
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
        let runnable =
            command
                .to_run(&mut self.ports, restarts)
                .map_err(|trouble| match trouble {
                    Unrunnable::Missing(program) => Trouble::Missing(program),
                    Unrunnable::Other(message) => Trouble::Complaint(format!("{place}: {message}")),
                })?;
        let terminal = Terminal::start(&runnable.argv, self.ring.clone())
            .map_err(|message| Trouble::Complaint(format!("{place}: {message}")))?;
        self.runs.push(Run {
            terminal,
            number,
            seen: 0,
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
    /// session does not come back to it.
    fn happened(&self, part: &Part) -> bool {
        let number = part.block.terminal;
        let run = self.runs.iter().rev().find(|run| run.number == number);
        part.complete() && (!part.last || run.is_some_and(|run| run.terminal.exited()))
    }

    fn run_of(&mut self, number: usize) -> Option<&mut Run> {
        self.runs.iter_mut().rev().find(|run| run.number == number)
    }

    fn all_ended(&mut self) -> bool {
        self.runs.iter_mut().all(|run| run.terminal.finished())
    }

    /// In a demonstration, the time that a person takes before typing.
    fn pause(&self) {
        if self.mode == Mode::Demo {
            thread::sleep(Duration::from_millis(700));
        }
    }

    fn report(&mut self, watch: &mut dyn FnMut(usize, &str)) {
        for run in &mut self.runs {
            let lines = run.screen().lines;
            for line in &lines[run.reported.min(lines.len())..] {
                watch(run.number, &self.ports.to_page(line));
            }
            run.reported = lines.len();
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

    /// After a rewrite: what each block should hold.
    fn rewritten(&mut self) -> Vec<Edit> {
        let mut contents: Vec<Vec<String>> = self.parts.iter().map(|_| Vec::new()).collect();
        for run in &mut self.runs {
            let mut lines: Vec<String> = run
                .screen()
                .lines
                .iter()
                .map(|l| self.ports.to_page(l))
                .collect();
            for &line in &run.ended_at {
                if let Some(line) = lines.get_mut(line) {
                    *line += " ^D";
                }
            }
            // What appeared since a group began belongs to the next block that shows this program.
            let from = |i: usize| match i.checked_sub(1) {
                None => 0,
                Some(before) => {
                    let group = self.parts[run.parts[before]].group + 1;
                    let mark = run.at_group.iter().find(|mark| mark.0 == group);
                    mark.map_or(lines.len(), |mark| mark.1)
                }
            };
            for (i, &part) in run.parts.iter().enumerate() {
                let to = if i + 1 < run.parts.len() {
                    from(i + 1)
                } else {
                    lines.len()
                };
                if i == 0 {
                    let is_command = |line: &&String| line.starts_with("$ ");
                    let commands = self.parts[part].block.lines.iter().filter(is_command);
                    let started = contents[part].iter().filter(is_command).count();
                    contents[part].extend(commands.skip(started).take(1).cloned());
                }
                contents[part].extend_from_slice(lines.get(from(i)..to).unwrap_or(&[]));
            }
        }
        // A line that differs only in what varies from run to run stays as it is, and a client
        // keeps the port that it has there.
        let mut chosen = Ports::default();
        for (part, content) in self.parts.iter().zip(&mut contents) {
            let mut old = part.block.lines.iter();
            for line in content {
                let redacted = self.ports.redact(line);
                if let Some(same) = old.clone().find(|old| self.ports.redact(old) == redacted) {
                    chosen.learn(same, line);
                    line.clone_from(same);
                    old.find(|old| *old == same);
                } else {
                    *line = chosen.to_page(line);
                }
            }
        }
        let ranges = self
            .parts
            .iter()
            .map(|p| p.block.start..p.block.start + p.block.lines.len());
        ranges.zip(contents).collect()
    }
}

impl Run {
    fn enter(&mut self, input: &Input) -> Result<(), String> {
        match input {
            Input::Line(text) => self.terminal.type_line(text),
            Input::Key(key) => self.terminal.press(*key),
        }
    }
}

impl Part {
    fn complete(&self) -> bool {
        self.next == self.steps.len()
    }

    /// Whether its program has shown something.
    fn under_way(&self) -> bool {
        self.next >= 2 || self.complete()
    }
}

impl Step {
    fn parse(line: &str) -> Step {
        // A prompt is at most one word and `> `; an arrow in an output is none.
        static PROMPT: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"^(\w*>(?: |$))(.*)$").expect("the pattern is tested"));
        if let Some(command) = line.strip_prefix("$ ") {
            return Step::Start(command.to_owned());
        }
        let (prompt, input) = match PROMPT.captures(line) {
            Some(found) => (format!("{} ", found[1].trim_end()), found[2].to_owned()),
            None if line == "^C" || line == "^D" => (String::new(), line.to_owned()),
            None => return Step::Show(line.to_owned()),
        };
        let input = match input.as_str() {
            "^C" => Input::Key(Key::C),
            "^D" => Input::Key(Key::D),
            _ => Input::Line(input),
        };
        Step::Input {
            prompt,
            input,
            line: line.to_owned(),
        }
    }
}

fn differs(place: &str, terminal: usize, page: &str, screen: &str) -> Trouble {
    Trouble::Complaint(format!(
        "{place}: terminal {terminal} shows something else\n  page:   {page}\n  screen: {screen}\n\
         to take the transcripts from the screens: COURSE_REWRITE=1 and the same test"
    ))
}
