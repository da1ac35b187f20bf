//! Whether each lesson of the register is whole: its folder, its page, its exercises, and its
//! entries wherever lessons are listed. What is missing is said in one sentence each.
//!
//! That the programs are attacked and measured is tested beside the tables that say how, in the
//! package `trials`: `cargo test -p course -p trials --no-fail-fast register` runs these too.

use std::fs;
use std::path::{Path, PathBuf};

use course::{LESSONS, Lesson, Part, workspace};
use regex::Regex;

/// The headings of a page, in this order; others may stand between them.
const HEADINGS: &[&str] = &[
    "The idea",
    "Run it",
    "Read the code",
    "The same calls in C and Python",
    "On the wire",
    "Break it",
    "Your turn",
    "In production",
];

/// The word that the skeleton of a lesson leaves where content is missing.
const TO_WRITE: &str = concat!("TO", " WRITE");

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n\n"));
}

/// The complaints of a check about each lesson.
#[track_caller]
fn for_each_lesson(check: impl Fn(&Lesson) -> Vec<String>) {
    assert_none(&LESSONS.iter().flat_map(check).collect::<Vec<_>>());
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_default()
}

#[test]
fn the_lessons_stand_in_their_order() {
    let numbers: Vec<u16> = LESSONS.iter().map(|lesson| lesson.number).collect();
    assert!(
        numbers.is_sorted_by(|a, b| a < b),
        "tests/src/lessons.rs lists the lessons in this order: {numbers:?}"
    );
    let complete = numbers.starts_with(&[1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(complete, "the eight lessons are not complete: {numbers:?}");
}

#[test]
fn every_lesson_has_its_files() {
    for_each_lesson(|lesson| {
        let programs =
            ["server", "client"].map(|side| format!("src/bin/{}-{side}.rs", lesson.name));
        let files = [
            "Cargo.toml",
            "src/lib.rs",
            "src/exercise.rs",
            "solution.rs",
            "tests/lesson.rs",
            "tests/exercise.rs",
            "tests/play.rs",
            "tests/checked.rs",
            "tests/checks/mod.rs",
        ];
        let files = files.iter().map(|&file| file.to_owned()).chain(programs);
        let missing = files.filter(|file| !lesson.path().join(file).exists());
        let missing = missing.map(|file| format!("lessons/{}/{file} is missing", lesson.folder));
        missing.collect()
    });
}

#[test]
fn every_folder_of_lessons_is_in_the_register() {
    let folders = fs::read_dir(workspace().join("lessons")).expect("the folder lessons is there");
    let names = folders.map(|entry| entry.expect("it can be read").file_name());
    let unknown = names.filter(|name| LESSONS.iter().all(|lesson| name != lesson.folder));
    let complaints = unknown.map(|name| {
        let name = name.display();
        format!("lessons/{name} has no entry in tests/src/lessons.rs")
    });
    assert_none(&complaints.collect::<Vec<_>>());
}

#[test]
fn every_manifest_and_address_is_as_the_register_says() {
    for_each_lesson(|lesson| {
        let Lesson { folder, name, .. } = lesson;
        let must_have = [
            ("Cargo.toml", format!("name = \"{}\"", lesson.package)),
            ("Cargo.toml", format!("name = \"{name}-server\"")),
            ("Cargo.toml", format!("name = \"{name}-client\"")),
            ("Cargo.toml", "name = \"exercise\"\ntest = false".to_owned()),
            (
                "Cargo.toml",
                "name = \"play\"\nharness = false\ntest = false".to_owned(),
            ),
            ("src/lib.rs", format!("\"127.0.0.1:{}\"", lesson.port())),
        ];
        let missing = must_have
            .into_iter()
            .filter(|(file, words)| !read(&format!("lessons/{folder}/{file}")).contains(words));
        let missing = missing.map(|(file, words)| {
            format!("lessons/{folder}/{file} does not have what the register says: {words:?}")
        });
        missing.collect()
    });
}

#[test]
fn every_page_has_its_headings_in_their_order() {
    for_each_lesson(|lesson| {
        let page = read(&lesson.page());
        let headings: Vec<&str> = page.lines().filter_map(|l| l.strip_prefix("## ")).collect();
        let mut rest = headings.iter();
        let missing = HEADINGS.iter().find(|&heading| !rest.any(|h| h == heading));
        let complaint = missing.map(|heading| {
            format!(
                "{}: '## {heading}' is missing, or not in its place",
                lesson.page()
            )
        });
        complaint.into_iter().collect()
    });
}

#[test]
fn every_lesson_is_listed_under_its_part() {
    for_each_lesson(|lesson| {
        let (number, folder) = (lesson.number, lesson.folder);
        let title = lesson.part().title();
        [
            (
                "docs/SUMMARY.md",
                format!("# {title}"),
                format!("- [Lesson {number}: "),
                format!("]({folder}.md)"),
            ),
            (
                "README.md",
                format!("| | **{title}** | |"),
                format!("| {number} | ["),
                format!("](docs/{folder}.md)"),
            ),
        ]
        .into_iter()
        .filter(|(file, heading, start, link)| {
            let text = read(file);
            let lines = text.lines().skip_while(|line| line != heading);
            let mut lines = lines.skip(1).take_while(|line| !is_part(line));
            !lines.any(|line| line.starts_with(start) && line.contains(link))
        })
        .map(|(file, heading, start, link)| {
            format!("{file}: under '{heading}' there is no line '{start}…{link}'")
        })
        .collect()
    });
}

#[test]
fn the_readme_tells_of_the_parts() {
    let readme = read("README.md");
    let prose = readme.lines().filter(|line| !line.starts_with('|'));
    let prose = prose.collect::<Vec<_>>().join("\n").to_lowercase();
    assert!(
        prose.contains("eight lessons"),
        "README.md: how many lessons?"
    );
    let told = Part::Two.lessons().next().is_none() || prose.contains("part two");
    assert!(
        told,
        "README.md does not tell, above its table, that there is a part two"
    );
}

/// Whether a line is the heading of a part, in SUMMARY.md or in the README's table.
fn is_part(line: &str) -> bool {
    line.starts_with("# ") || line.starts_with("| | **")
}

#[test]
fn every_exercise_stands_in_the_page_in_its_checks_and_in_their_proof() {
    for_each_lesson(|lesson| {
        let number = lesson.number;
        let expected = [1, 2, 3].map(|n| format!("{number}.{n}"));
        let in_page: Vec<String> = lesson.exercises().into_iter().map(|e| e.number).collect();
        let in_tests = |start: &str| -> Vec<String> {
            let tests = lesson.path().join("tests");
            let files = files(&tests).into_iter().filter(|path| {
                let path = path.strip_prefix(&tests).unwrap_or(path);
                path.to_string_lossy().starts_with(start)
            });
            let text: String = files.flat_map(fs::read_to_string).collect();
            let name = Regex::new(r"fn exercise_(\d+)_(\d+)_").expect("the pattern is tested");
            let numbers = name.captures_iter(&text);
            let mut numbers: Vec<_> = numbers.map(|n| format!("{}.{}", &n[1], &n[2])).collect();
            numbers.sort();
            numbers.dedup();
            numbers
        };
        let tests = format!("lessons/{}/tests", lesson.folder);
        let places = [
            (
                lesson.page(),
                in_page,
                "headings such as '### 1.2 ★★ Title'",
            ),
            (
                format!("{tests}/exercise.rs"),
                in_tests("exercise"),
                "tests such as exercise_1_2_title",
            ),
            (
                format!("{tests}/checked.rs"),
                in_tests("checked"),
                "tests such as exercise_1_2_is_proved",
            ),
        ];
        let wrong = places
            .into_iter()
            .filter(|(_, found, _)| *found != expected);
        let complaints = wrong.map(|(file, found, what)| {
            format!("{file} has {what} for {found:?}, not for {expected:?}")
        });
        complaints.collect()
    });
}

#[test]
fn every_exercise_is_played_or_said_to_make_no_program() {
    for_each_lesson(|lesson| {
        let file = format!("lessons/{}/tests/play.rs", lesson.folder);
        let text = read(&file);
        let exercises = lesson.exercises().into_iter();
        let missing = exercises.filter(|exercise| {
            let played = format!("\"{}\"", exercise.number);
            let said = format!("play.none(\"{} ", exercise.number);
            !text.contains(&played) && !text.contains(&said)
        });
        let missing = missing.map(|exercise| format!("{file} does not know {}", exercise.number));
        missing.collect()
    });
}

#[test]
fn an_example_with_an_address_has_it_where_the_replay_looks_for_it() {
    for_each_lesson(|lesson| {
        let examples = files(&lesson.path().join("examples"));
        let hidden = examples.iter().filter_map(|path| {
            let name = path.file_stem()?.to_str()?;
            let takes_one = fs::read_to_string(path).ok()?.contains("::ADDR");
            (takes_one && !lesson.example_takes_addr(name)).then_some(path)
        });
        let complaints = hidden.map(|path| {
            format!(
                "{}: give it the option --addr by a field '{}': so the replay of a page knows that \
                 it may tell it a free port",
                path.display(),
                Lesson::ADDR_FIELD
            )
        });
        complaints.collect()
    });
}

#[test]
fn every_help_has_examples_that_can_be_typed_as_they_stand() {
    let after_help = Regex::new(r#"after_help = "((?:[^"\\]|\\.)*)""#).expect("it is tested");
    for_each_lesson(|lesson| {
        let bins = files(&lesson.path().join("src/bin")).into_iter();
        let all = bins.chain(files(&lesson.path().join("examples")));
        let sources = all.filter_map(|path| Some((fs::read_to_string(&path).ok()?, path)));
        let programs = sources.filter(|(source, _)| source.contains("derive(Parser)"));
        let complaints = programs.flat_map(|(source, path)| {
            let name = path.file_stem().unwrap_or_default().display().to_string();
            let start = match path.parent().is_some_and(|folder| folder.ends_with("bin")) {
                true => format!("cargo run -q --bin {name}"),
                false => format!("cargo run -q -p {} --example {name}", lesson.package),
            };
            let help = after_help
                .captures(&source)
                .map(|found| found[1].to_owned());
            let help = help
                .unwrap_or_default()
                .replace("\\\\", "\\")
                .replace("\\n  ", "\n  ");
            let wrong = |line: &&str| !line.contains(&start) || line.chars().count() > 80;
            let lines = help.lines().skip(1).filter(wrong);
            let mut complaints: Vec<String> = lines
                .map(|line| format!("{}: {line}", path.display()))
                .collect();
            if help.lines().count() < 2 {
                complaints.push(format!("{}: its help has no example", path.display()));
            }
            complaints
        });
        complaints.collect()
    });
}

#[test]
fn nothing_is_left_to_write() {
    let lessons = LESSONS.iter().flat_map(|lesson| files(&lesson.path()));
    let pages = LESSONS.iter().map(|lesson| workspace().join(lesson.page()));
    let all = lessons.chain(pages).chain([workspace().join("README.md")]);
    let complaints = all.flat_map(|path| {
        let text = fs::read_to_string(&path).unwrap_or_default(); // not all files are text
        let path = path.strip_prefix(workspace()).unwrap_or(&path).to_owned();
        let lines = text.lines().enumerate();
        let left = lines.filter(|(_, line)| line.contains(TO_WRITE));
        let left = left.map(|(i, line)| format!("{}:{}: {}", path.display(), i + 1, line.trim()));
        left.collect::<Vec<_>>()
    });
    assert_none(&complaints.collect::<Vec<_>>());
}

/// The files of a folder and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let files = paths.flat_map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    });
    files.collect()
}

#[test]
fn part_two_begins_behind_lesson_8() {
    assert_eq!((Part::of(8), Part::of(9)), (Part::One, Part::Two));
}
