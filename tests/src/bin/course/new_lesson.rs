//! `cargo course new-lesson N NAME`: the skeleton of a lesson, for authors.

use std::fs;
use std::io;
use std::path::Path;

use course::{LESSONS, Lesson, Part, workspace};
use shared::{Failure, say};

#[derive(clap::Args)]
pub struct Args {
    /// The lesson's number, such as 9
    #[arg(value_parser = shared::number(1..=99_u16))]
    number: u16,

    /// The name of its package, such as chat-room
    #[arg(value_name = "NAME", value_parser = name)]
    package: String,

    /// Its programs are called NAME-server and NAME-client [default: the package's name, without -server]
    #[arg(long, value_name = "NAME", value_parser = name)]
    programs: Option<String>,
}

/// The files of a lesson: where each lies in its folder, and its text with `{{words}}` to replace.
const FILES: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        include_str!("../../../skeleton/manifest.toml"),
    ),
    ("src/lib.rs", include_str!("../../../skeleton/src/lib.rs")),
    (
        "src/contract.rs",
        include_str!("../../../skeleton/src/contract.rs"),
    ),
    (
        "src/bin/{{name}}-server.rs",
        include_str!("../../../skeleton/src/bin/server.rs"),
    ),
    (
        "src/bin/{{name}}-client.rs",
        include_str!("../../../skeleton/src/bin/client.rs"),
    ),
    (
        "src/exercise.rs",
        include_str!("../../../skeleton/src/exercise.rs"),
    ),
    ("solution.rs", include_str!("../../../skeleton/solution.rs")),
    (
        "tests/lesson.rs",
        include_str!("../../../skeleton/tests/lesson.rs"),
    ),
    (
        "tests/exercise.rs",
        include_str!("../../../skeleton/tests/exercise.rs"),
    ),
    (
        "tests/play.rs",
        include_str!("../../../skeleton/tests/play.rs"),
    ),
    (
        "tests/checked.rs",
        include_str!("../../../skeleton/tests/checked.rs"),
    ),
    (
        "tests/checks/mod.rs",
        include_str!("../../../skeleton/tests/checks/mod.rs"),
    ),
];

const PAGE: &str = include_str!("../../../skeleton/page.md");

const REGISTER: &str = "tests/src/lessons.rs";
const SUMMARY: &str = "docs/SUMMARY.md";
const README: &str = "README.md";

/// Writes the lesson's files, and its entry wherever lessons are listed.
pub fn run(args: &Args) -> Result<(), Failure> {
    let new = NewLesson::new(args)?;
    new.write(workspace())?;
    say!("wrote lessons/{0} and docs/{0}.md", new.folder);
    say!(
        "entered lesson {} in {REGISTER}, {SUMMARY} and {README}",
        new.number
    );
    say!("led {} on to it: `Next:`", new.before.page());
    let first_free = new.before.number + 1;
    if first_free < new.number {
        say!("(lesson {first_free}, which comes before it, is not there yet)");
    }
    say!("\nWhat is missing now: cargo test -p course -p trials --no-fail-fast register");
    say!("What to write: grep -rn \"TO WRITE\" README.md docs lessons");
    Ok(())
}

/// A name that is good for a package and a folder.
fn name(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err("expected lowercase letters, digits and hyphens, such as chat-room".to_owned())
    }
}

/// What the skeleton's words become.
struct NewLesson {
    number: u16,
    folder: String,
    package: String,
    name: String,
    title: String,
    /// The lesson in front of it.
    before: &'static Lesson,
}

impl NewLesson {
    fn new(args: &Args) -> Result<NewLesson, Failure> {
        let (number, package) = (args.number, args.package.clone());
        if Lesson::of_number(number).is_some() {
            let next = LESSONS.last().map_or(1, |last| last.number + 1);
            let failure = Failure::new(format!("there is a lesson {number} already"));
            return Err(failure.hint(format!(
                "the next one: cargo course new-lesson {next} {package}"
            )));
        }
        let before = LESSONS.iter().rfind(|lesson| lesson.number < number);
        let Some(before) = before else {
            return Err(Failure::new(format!(
                "no lesson comes before lesson {number}"
            )));
        };
        let programs = args.programs.as_deref().unwrap_or(&package);
        Ok(NewLesson {
            number,
            folder: format!("{number:02}-{package}"),
            name: programs.trim_end_matches("-server").to_owned(),
            title: package.replace('-', " "),
            package,
            before,
        })
    }

    /// Writes it all, below that folder.
    fn write(&self, workspace: &Path) -> Result<(), Failure> {
        let page = workspace.join("docs").join(format!("{}.md", self.folder));
        let lesson = workspace.join("lessons").join(&self.folder);
        for there in [&page, &lesson] {
            if there.exists() {
                let there = there.display();
                return Err(Failure::new(format!("{there} is there already")));
            }
        }
        // The page in front has led to what comes behind the new one.
        let mut next = String::new();
        edit(&workspace.join(self.before.page()), |text| {
            let (rest, last) = text.trim_end().rsplit_once('\n')?;
            next = last.to_owned();
            let next = self.fill("Next: [Lesson {{number}}, {{title}}]({{folder}}.md)");
            Some(format!("{rest}\n{next}\n"))
        })?;
        write(&page, &self.fill(PAGE).replace("{{next}}", &next))?;
        for (path, text) in FILES {
            write(&lesson.join(self.fill(path)), &self.fill(text))?;
        }
        self.enter(workspace)
    }

    /// Enters it wherever lessons are listed, behind the lesson in front of it.
    fn enter(&self, workspace: &Path) -> Result<(), Failure> {
        let before = self.before;
        let part = self.part_begins().map(Part::title);
        let behind = |path: &str, mark: &str, entry: &str| {
            edit(&workspace.join(path), |text| {
                insert(text, mark, &self.fill(entry))
            })
        };

        let mark = format!("        folder: \"{}\",", before.folder);
        edit(&workspace.join(REGISTER), |text| {
            let entry = text.find(&mark)?;
            let end = entry + text[entry..].find("    },\n")? + "    },\n".len();
            Some(format!(
                "{}{}{}",
                &text[..end],
                self.fill(ENTRY),
                &text[end..]
            ))
        })?;

        let heading = part.map_or(String::new(), |title| format!("\n# {title}\n\n"));
        let line = heading + "- [Lesson {{number}}: {{title}}]({{folder}}.md)\n";
        behind(SUMMARY, &format!("]({}.md)", before.folder), &line)?;

        let row = part.map_or(String::new(), |title| format!("| | **{title}** | |\n"));
        let row = row + "| {{number}} | [{{Title}}](docs/{{folder}}.md) | TO WRITE |\n";
        behind(README, &format!("| {} | [", before.number), &row)
    }

    /// The part whose first lesson it is.
    fn part_begins(&self) -> Option<Part> {
        let part = Part::of(self.number);
        (part != self.before.part()).then_some(part)
    }

    /// The text with the lesson's own words in it.
    fn fill(&self, text: &str) -> String {
        let mut title = self.title.clone();
        title[..1].make_ascii_uppercase();
        text.replace("{{number}}", &self.number.to_string())
            .replace("{{folder}}", &self.folder)
            .replace("{{package}}", &self.package)
            .replace("{{crate}}", &self.package.replace('-', "_"))
            .replace("{{name}}", &self.name)
            .replace("{{title}}", &self.title)
            .replace("{{Title}}", &title)
            .replace("{{port}}", &(8800 + self.number).to_string())
    }
}

/// Its entry in the register.
const ENTRY: &str = "    Lesson {
        number: {{number}},
        folder: \"{{folder}}\",
        package: \"{{package}}\",
        name: \"{{name}}\",
        title: \"{{title}}\",
        udp: false,
    },
";

/// The text with these lines behind the first line that contains the mark.
fn insert(text: &str, mark: &str, lines: &str) -> Option<String> {
    let found = text.find(mark)?;
    let end = found + text[found..].find('\n')? + 1;
    Some(format!("{}{lines}{}", &text[..end], &text[end..]))
}

/// Changes a file; `change` finds no place in it if it returns `None`.
fn edit(path: &Path, change: impl FnOnce(&str) -> Option<String>) -> Result<(), Failure> {
    let text = fs::read_to_string(path).map_err(|e| cannot("read", path, &e))?;
    let Some(text) = change(&text) else {
        let path = path.display();
        return Err(Failure::new(format!("{path} has no place for the lesson")));
    };
    write(path, &text)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|e| cannot("write", path, &e))
}

fn cannot(what: &str, path: &Path, cause: &io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use course::{cargo, programs};
    use tempfile::TempDir;

    use super::*;

    /// A workspace with a skeleton in it, behind the last lesson.
    fn skeleton() -> (TempDir, NewLesson) {
        let workspace = tempfile::tempdir().expect("there is room for a folder");
        let last = LESSONS.last().expect("there are lessons");
        for file in [REGISTER, SUMMARY, README, &last.page()] {
            let text = fs::read_to_string(super::workspace().join(file));
            write(&workspace.path().join(file), &text.expect("it is there")).expect("it has room");
        }
        let args = Args {
            number: 99,
            package: "two-words".to_owned(),
            programs: Some("skeleton".to_owned()),
        };
        let new = NewLesson::new(&args).expect("there is no lesson 99");
        new.write(workspace.path()).expect("every list has a place");
        (workspace, new)
    }

    #[test]
    fn enters_the_lesson_in_every_list() {
        let (workspace, new) = skeleton();
        let read = |file: &str| {
            let text = fs::read_to_string(workspace.path().join(file));
            text.expect("it was written")
        };
        let before = new.before.page();
        for (file, words) in [
            (
                REGISTER,
                "        number: 99,\n        folder: \"99-two-words\",\n",
            ),
            (SUMMARY, "\n- [Lesson 99: two words](99-two-words.md)\n"),
            (README, "\n| 99 | [Two words](docs/99-two-words.md) | "),
            (&before, "\nNext: [Lesson 99, two words](99-two-words.md)\n"),
            (
                "docs/99-two-words.md",
                "cargo run -q --bin skeleton-server\n",
            ),
            ("lessons/99-two-words/src/lib.rs", "\"127.0.0.1:8899\""),
        ] {
            let text = read(file);
            assert!(text.contains(words), "{file} lacks {words:?}:\n{text}");
        }
        let old = fs::read_to_string(super::workspace().join(&before)).expect("it is there");
        let next = old.trim_end().lines().last();
        assert_eq!(read("docs/99-two-words.md").trim_end().lines().last(), next);
        for (file, _) in FILES {
            assert!(!read(&format!("lessons/99-two-words/{}", new.fill(file))).contains("{{"));
        }
        let again = new.write(workspace.path()).map_err(|e| e.to_string());
        let again = again.expect_err("nothing may be written over");
        assert!(
            again.ends_with("99-two-words.md is there already"),
            "{again}"
        );
    }

    #[test]
    #[ignore = "compiles a whole lesson; .ci/run does it"]
    fn the_skeleton_compiles_as_it_should_look() {
        let (folder, _) = skeleton();
        let read = |file| fs::read_to_string(super::workspace().join(file)).expect("it is there");
        let manifest = read("Cargo.toml");
        let lines = manifest.lines().map(|line| match line {
            line if line.starts_with("members = ") => "members = [\"lessons/*\"]\n".to_owned(),
            line => format!("{line}\n"),
        });
        let mut manifest: String = lines.collect();
        for member in ["shared", "tests"] {
            let path = super::workspace().join(member);
            let path = format!("path = \"{}\"", path.display());
            manifest = manifest.replace(&format!("path = \"{member}\""), &path);
        }
        fs::write(folder.path().join("Cargo.toml"), manifest).expect("there is room");
        fs::write(folder.path().join("Cargo.lock"), read("Cargo.lock")).expect("there is room");
        let run = |arguments: &[&str]| {
            let mut command = cargo();
            command.args(arguments).current_dir(folder.path());
            // What is built already need not be built again.
            command.env("CARGO_TARGET_DIR", programs().with_file_name(""));
            let status = command.status().expect("cargo runs");
            assert!(status.success(), "cargo {arguments:?} failed");
        };
        run(&["fmt", "--all", "--check"]);
        run(&["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]);
        run(&["test", "--quiet", "--no-run"]);
    }
}
