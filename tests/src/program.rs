//! A command of a page as a command that a test can run.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use crate::lack::exists;
use crate::lessons::{LESSONS, Lesson};
use crate::place::{cargo, programs, workspace};
use crate::redact::Ports;
use regex::{Captures, Regex};

/// A command that stands behind `$ ` in a page.
#[derive(Clone, Debug)]
pub struct CommandLine<'a> {
    text: &'a str,
}

/// A command that can be run.
pub struct Runnable {
    /// The program and its arguments.
    pub argv: Vec<OsString>,
    /// What stands as `NAME=value` in front of the program.
    pub environment: Vec<(String, String)>,
    /// The page's port in whose place the program listens on a port that the system chooses; its
    /// line `listening on …` tells the real one.
    pub chooses: Option<u16>,
}

/// Why a command cannot be run.
#[derive(Debug)]
pub enum Unrunnable {
    /// It needs a program that this machine lacks.
    Missing(String),
    /// Something else is wrong.
    Other(String),
}

impl<'a> CommandLine<'a> {
    /// The command as it stands in the page.
    pub fn new(text: &'a str) -> CommandLine<'a> {
        CommandLine { text }
    }

    /// The page's port on which it makes a server of the course listen, or the tap.
    pub fn serves(&self) -> Option<u16> {
        let found = CARGO.captures(self.text)?;
        let name = found.name("name").map_or("", |name| name.as_str());
        if !name.ends_with("-server") && found.name("tap").is_none() {
            return None;
        }
        let text = self.complete();
        let address = text.split_once("-addr ").or(text.split_once("-a "))?.1;
        page_ports(address.split_whitespace().next()?)
            .first()
            .copied()
    }

    /// The command as the system can run it: with the programs that Cargo built, `--addr` spelt
    /// out, and real ports. Also the page's port for which the program chooses a real one itself,
    /// unless `restarts` says that the real one must be known before it starts.
    ///
    /// # Errors
    /// A program is missing on this machine, or was not built.
    pub fn to_run(&self, ports: &mut Ports, restarts: bool) -> Result<Runnable, Unrunnable> {
        let text = self.complete();
        let mut chooses = None;
        let mut reals = Vec::new();
        for port in page_ports(&text) {
            let real = match ports.real(port) {
                Some(real) => real,
                None if self.serves() == Some(port) && !restarts => {
                    chooses = Some(port);
                    0
                }
                None => ports.reserve(port).map_err(Unrunnable::Other)?,
            };
            reals.push((port.to_string(), real.to_string()));
        }
        if let Some(port) = self.serves() {
            ports.give_up(port);
        }
        // All at once: a real port may contain the digits of a page's port.
        let text = PORT.replace_all(&text, |found: &Captures| {
            let real = reals.iter().find(|(port, _)| *port == found[0]);
            real.map_or_else(|| found[0].to_owned(), |(_, real)| real.clone())
        });
        let command = replace_cargo(&text)?;
        let (argv, environment) = match words(&command) {
            Some(words) => program_of(words),
            None => {
                if let Some(word) = first_words(&text).into_iter().find(|word| !exists(word)) {
                    return Err(Unrunnable::Missing(word));
                }
                let shell = ["sh".to_owned(), "-c".to_owned(), command];
                (shell.to_vec(), Vec::new())
            }
        };
        match argv.first() {
            Some(program) if exists(program) => {}
            Some(program) => return Err(Unrunnable::Missing(program.clone())),
            None => return Err(Unrunnable::Other(format!("'{text}' starts no program"))),
        }
        Ok(Runnable {
            argv: argv.into_iter().map(OsString::from).collect(),
            environment,
            chooses,
        })
    }

    /// The command with the defaults of `--addr` and, for the tap, `--to` spelt out.
    fn complete(&self) -> String {
        let mut end = 0;
        let mut text = String::new();
        for found in CARGO.captures_iter(self.text) {
            let whole = found.get(0).expect("group 0 is the whole");
            text += &self.text[end..whole.start()];
            end = whole.end();
            text += whole.as_str();
            let rest = &self.text[end..];
            let arguments = &rest[..rest
                .find(['|', '&', ';', '<', '>', ')'])
                .unwrap_or(rest.len())];
            if arguments.contains("-addr ") || arguments.contains("-a ") {
                continue;
            }
            if let Some(lesson) = tapped(&found) {
                text += &format!(
                    " --addr 127.0.0.1:{} --to 127.0.0.1:{}",
                    lesson.tap_port(),
                    lesson.port()
                );
            } else if let Some(lesson) = lesson_of(&found)
                && (&found["kind"] == "bin" || lesson.example_takes_addr(&found["name"]))
            {
                let dashes = if whole.as_str().ends_with("--") {
                    ""
                } else {
                    " --"
                };
                text += &format!("{dashes} --addr 127.0.0.1:{}", lesson.port());
            }
        }
        text + &self.text[end..]
    }
}

/// What of a command Cargo would run: a lesson's program, an example of a lesson, or the tap.
static CARGO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"cargo (?:run -q(?: -p (?<package>[\w-]+))? --(?<kind>bin|example) (?<name>[\w-]+)(?: --)?|-q course (?<course>\w+)(?: (?<tap>\d+))?)",
    )
    .expect("the pattern is tested")
});

fn lesson_of(found: &Captures) -> Option<&'static Lesson> {
    match found.name("package") {
        Some(package) => LESSONS
            .iter()
            .find(|lesson| lesson.package == package.as_str()),
        None => Lesson::of_program(found.name("name")?.as_str()),
    }
}

/// The lesson whose tap it is.
fn tapped(found: &Captures) -> Option<&'static Lesson> {
    Lesson::of_number(found.name("tap")?.as_str().parse().ok()?)
}

static PORT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[89]8\d\d\b").expect("the pattern is tested"));

/// Whether a page uses this port for something.
pub fn is_page_port(port: u16) -> bool {
    (8801..=8899).contains(&port) || (9801..=9899).contains(&port)
}

/// The ports in a command: by agreement, a page uses 8801 to 8899 and 9801 to 9899 for nothing else.
fn page_ports(text: &str) -> Vec<u16> {
    let mut ports: Vec<u16> = PORT
        .find_iter(text)
        .filter_map(|p| p.as_str().parse().ok())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The programs that a command line starts, except what the shell itself does.
fn first_words(text: &str) -> Vec<String> {
    static QUOTED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""[^"]*"|'[^']*'"#).expect("the pattern is tested"));
    let text = QUOTED.replace_all(text, "quoted");
    let segments = text.split(['|', '&', ';', '(', '\n']);
    let assignment = |word: &&str| word.split_once('=').is_some_and(|(name, _)| is_name(name));
    let keyword = |word: &&str| ["until", "while", "do", "done"].contains(word);
    let words = segments.filter_map(|segment| {
        let mut words = segment.split_whitespace();
        words.find(|word| !assignment(word) && !keyword(word))
    });
    let words =
        words.filter(|word| !["cd", "echo", "printf", "kill", "wait", ":", ")"].contains(word));
    words.map(str::to_owned).collect()
}

/// Whether the shell takes `NAME=…` in front of a command for a variable of its environment.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// The words of a simple command, as a Unix shell cuts it; `None` where it takes a shell to run it:
/// for a pipe, several commands, `$…` and the like.
pub fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None; // there is one, perhaps empty: ''
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '$' | '`' => return None,
                        '\\' => {
                            let escaped = chars.next_if(|c| ['"', '\\', '$', '`'].contains(c));
                            word.push(escaped.unwrap_or('\\'));
                        }
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '*' | '?' | '\n' => return None,
            '~' | '#' if word.is_none() => return None,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let first = words.first()?;
    (!["cd", "wait"].contains(&first.as_str())).then_some(words)
}

/// The program with its arguments, and the variables that stand as `NAME=value` in front of it.
fn program_of(words: Vec<String>) -> (Vec<String>, Vec<(String, String)>) {
    let mut words = words.into_iter().peekable();
    let mut environment = Vec::new();
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('='))
        && is_name(name)
    {
        environment.push((name.to_owned(), value.to_owned()));
        words.next();
    }
    (words.collect(), environment)
}

/// As one word that stands for just these characters, whatever they mean to a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Puts the path of the program in the place of the words that make Cargo build and run it.
fn replace_cargo(text: &str) -> Result<String, Unrunnable> {
    let mut missing = None;
    let text = CARGO.replace_all(text, |found: &Captures| {
        if let Some(command) = found.name("course") {
            // `cargo course tap` has this program take its place.
            if let Some(lesson) = found.name("tap")
                && command.as_str() == "tap"
            {
                let tap = quoted(&own_program("tap").display().to_string());
                return format!("{tap} {}", lesson.as_str());
            }
            let arguments = found.name("tap").map_or("", |n| n.as_str());
            let course = quoted(&own_program("course").display().to_string());
            return format!("{course} {} {arguments}", command.as_str());
        }
        let path = match (&found["kind"], lesson_of(found)) {
            ("example", Some(lesson)) => example(lesson.package, &found["name"]),
            (_, lesson) => {
                if let Some(lesson) = lesson {
                    build_another(lesson, &found["name"]);
                }
                let path = programs().join(&found["name"]);
                path.with_extension(env::consts::EXE_EXTENSION)
            }
        };
        if !path.is_file() {
            missing = Some(format!(
                "{} is not built: run a plain cargo test once",
                &found["name"]
            ));
        }
        quoted(&path.display().to_string())
    });
    match missing {
        Some(message) => Err(Unrunnable::Other(message)),
        None => Ok(text.into_owned()),
    }
}

/// A program of the course itself. A lesson's test cannot rely on Cargo to have built it, so it is
/// built here.
pub fn own_program(name: &str) -> PathBuf {
    build_once(&["--workspace", "--bin", name]);
    programs()
        .join(name)
        .with_extension(env::consts::EXE_EXTENSION)
}

/// An example of the package, as its source is now: with `--test lesson` Cargo builds none.
pub fn example(package: &str, name: &str) -> PathBuf {
    build_once(&["--package", package, "--examples"]);
    let path = programs().join("examples").join(name);
    path.with_extension(env::consts::EXE_EXTENSION)
}

/// Builds a program of a lesson whose test this is not: a later lesson's page may look back. Cargo
/// has built those of the lesson whose test it is, and `cargo course demo` has had them built.
fn build_another(lesson: &'static Lesson, program: &str) {
    if env::var_os("CARGO_PKG_NAME").is_some_and(|name| name != lesson.package && name != "course")
    {
        build_once(&["--workspace", "--bin", program]);
    }
}

/// Has Cargo build something the first time that it is needed, however many ask for it at once.
fn build_once(what: &[&str]) {
    static BUILT: Mutex<Vec<String>> = Mutex::new(Vec::new());
    // A build that failed has said why to the thread that asked first.
    let mut built = BUILT.lock().expect("the build did not fail");
    let key = what.join(" ");
    if !built.contains(&key) {
        build(what);
        built.push(key);
    }
}

fn build(what: &[&str]) {
    let mut build = cargo();
    build.args(["build", "--quiet"]).args(what);
    // Of the package whose test this is: it knows its workspace.
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    build.current_dir(package.as_deref().unwrap_or(workspace()));
    let built = build.status().is_ok_and(|status| status.success());
    assert!(built, "cargo build {} failed", what.join(" "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_which_programs_a_command_needs() {
        for (command, programs) in [
            ("nc -N 127.0.0.1 8801", &["nc"][..]),
            ("printf 'a | b' | sort && ss -tn", &["sort", "ss"]),
            ("KEY=\"a b\" LANG=C cargo run", &["cargo"]),
            ("until ss -tan | grep ESTAB; do :; done", &["ss", "grep"]),
        ] {
            assert_eq!(first_words(command), programs, "{command}");
        }
    }

    #[test]
    fn cuts_a_simple_command_into_words_as_a_shell_does() {
        for (command, expected) in [
            (
                "nc -N  127.0.0.1 8801",
                &["nc", "-N", "127.0.0.1", "8801"][..],
            ),
            (
                r#"a "C:\boot.ini" "b'\x1b'""#,
                &["a", r"C:\boot.ini", r"b'\x1b'"],
            ),
            (r#"a '' x"y z"'$w' \"q\""#, &["a", "", "xy z$w", "\"q\""]),
            (
                r"'it'\''s' %Y:%M [::1]:8801",
                &["it's", "%Y:%M", "[::1]:8801"],
            ),
        ] {
            assert_eq!(words(command).expect("it is simple"), expected, "{command}");
        }
        for command in [
            "printf 'a' | sort",
            "a && b",
            "a $(b)",
            "a \"$b\"",
            "a > b",
            "a *.txt",
            "cd /",
            "a 'b",
            "",
        ] {
            assert_eq!(words(command), None, "{command}");
        }
    }

    #[test]
    fn takes_what_stands_in_front_of_a_program_into_its_environment() {
        let words = words("KEY=\"a b\" TZ=CST-8 run a=b").expect("it is simple");
        let (argv, environment) = program_of(words);
        assert_eq!(argv, ["run", "a=b"]);
        let pairs = [("KEY", "a b"), ("TZ", "CST-8")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(environment, pairs);
    }

    #[test]
    fn a_quoted_path_stays_one_word() {
        for path in [r"C:\My Files\a.exe", "/it's here/a b"] {
            assert_eq!(words(&quoted(path)), Some(vec![path.to_owned()]));
        }
    }
}
