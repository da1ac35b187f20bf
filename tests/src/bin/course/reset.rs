//! `cargo course reset 1.2`: one exercise begins again, as the course's own history has it. What was
//! there is kept in a copy.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use course::{Lesson, progress, workspace};
use shared::{Failure, say};

/// Puts the skeleton of the exercise in the place of what is there now.
pub fn run(number: &str) -> Result<(), Failure> {
    let lesson = Lesson::of_exercise(number).ok_or_else(|| Failure::new("no such exercise"))?;
    let file = lesson.exercise_file();
    let place = file.strip_prefix(workspace()).unwrap_or(&file).to_owned();
    let copy = reset(workspace(), &place, number, &progress::folder())?;
    say!("{number} begins again, in {}.", place.display());
    let copy = copy.strip_prefix(workspace()).unwrap_or(&copy);
    say!("What was there is kept in {}.", copy.display());
    Ok(())
}

/// The same in a work tree of Git; the path of the copy.
fn reset(tree: &Path, place: &Path, number: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let path = tree.join(place);
    let shown = place.display();
    let cannot =
        |doing: &str, error: io::Error| Failure::new(format!("cannot {doing} {shown}: {error}"));
    let source = fs::read_to_string(&path).map_err(|e| cannot("read", e))?;
    let skeleton = skeleton(tree, place, number).ok_or_else(|| {
        Failure::new(format!("cannot find how exercise {number} began"))
            .hint("it is taken from Git's history: is the course a clone?")
    })?;
    let new = replaced(&source, &skeleton, number).ok_or_else(|| {
        Failure::new(format!(
            "{shown} has no line that begins with '/// {number} ★': where does the exercise begin?"
        ))
        .hint(format!(
            "the whole file begins again with: git checkout main -- {shown}"
        ))
    })?;
    if new == source {
        return Err(Failure::new(format!(
            "exercise {number} is as it was at the beginning"
        )));
    }
    let copy = keep(&source, folder, place).map_err(|e| cannot("keep a copy of", e))?;
    fs::write(&path, new).map_err(|e| cannot("write", e))?;
    progress::forget(folder, number).map_err(|e| cannot("forget the last check of", e))?;
    Ok(copy)
}

/// Writes the source into a file that is not there yet.
fn keep(source: &str, folder: &Path, place: &Path) -> io::Result<PathBuf> {
    let copies = folder.join("copies");
    fs::create_dir_all(&copies)?;
    let lesson = place.iter().nth(1).unwrap_or_default().display();
    let mut free = (1..).map(|n| copies.join(format!("{lesson}-{n}.rs")));
    let path = free.find(|path| !path.exists());
    let path = path.expect("there are more numbers than files");
    fs::write(&path, source)?;
    Ok(path)
}

/// The newest version of the file in which nothing of the exercise was done yet. A learner may have
/// committed a half of it, so the one with most `todo!`s counts.
fn skeleton(tree: &Path, place: &Path, number: &str) -> Option<String> {
    let commits = git(tree, &["log", "--format=%H", "--", &slashes(place)])?;
    let mut best: Option<(usize, String)> = None;
    for commit in commits.lines() {
        let Some(source) = git(tree, &["show", &format!("{commit}:{}", slashes(place))]) else {
            continue; // it was not there
        };
        let left = source.matches(&format!("todo!(\"{number} ")).count();
        if left > best.as_ref().map_or(0, |best| best.0) {
            best = Some((left, source));
        }
    }
    best.map(|best| best.1)
}

/// The path as Git writes it.
fn slashes(place: &Path) -> String {
    let parts = place.iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

fn git(tree: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(tree)
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// The source, with the exercise as it is in the skeleton.
fn replaced(source: &str, skeleton: &str, number: &str) -> Option<String> {
    let old: Vec<&str> = source.lines().collect();
    let new: Vec<&str> = skeleton.lines().collect();
    let fresh = &new[section(&new, number)?];
    let range = section(&old, number)?;
    let mut lines = old[..range.start].to_vec();
    lines.extend(fresh);
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    if range.end < old.len() {
        lines.push("");
    }
    lines.extend(&old[range.end..]);
    Some(lines.join("\n") + "\n")
}

/// The lines of an exercise: from `/// 1.2 ★` to the next exercise.
fn section(lines: &[&str], number: &str) -> Option<Range<usize>> {
    let start = format!("/// {number} ★");
    let begins = lines.iter().position(|line| line.starts_with(&start))?;
    let is_next = |line: &&str| {
        let (number, rest) = line
            .strip_prefix("/// ")
            .and_then(|line| line.split_once(' '))
            .unwrap_or_default();
        rest.starts_with('★') && number.contains('.')
    };
    let length = lines[begins + 1..].iter().position(is_next);
    let ends = length.map_or(lines.len(), |length| begins + 1 + length);
    Some(begins..ends)
}

#[cfg(test)]
mod tests {
    use course::LESSONS;

    use super::*;

    const SKELETON: &str = "use a;\n\n/// 1.1 ★ A\npub fn a() {\n    todo!(\"1.1 a\")\n}\n\n\
        /// 1.2 ★★ B\n/// - does b\npub fn b() {\n    todo!(\"1.2 b\")\n}\n\n\
        /// 1.2, the other half.\npub fn c() {\n    todo!(\"1.2 c\")\n}\n";

    fn write(path: &Path, text: &str) {
        fs::write(path, text).expect("there is room for a file");
    }

    #[test]
    fn one_exercise_begins_again_and_the_others_stay() {
        let solved = SKELETON
            .replace("todo!(\"1.1 a\")", "one()")
            .replace("todo!(\"1.2 b\")", "two()\n}\n\nfn helper() {")
            .replace("todo!(\"1.2 c\")", "three()");
        let again = replaced(&solved, SKELETON, "1.2").expect("it is there");
        assert_eq!(again, SKELETON.replace("todo!(\"1.1 a\")", "one()"));
        let again = replaced(&solved, SKELETON, "1.1").expect("it is there");
        assert!(again.contains("todo!(\"1.1 a\")") && again.contains("two()"));
        assert!(again.contains("}\n\n/// 1.2 ★★ B"), "{again}");
        assert_eq!(
            replaced(SKELETON, SKELETON, "1.1").as_deref(),
            Some(SKELETON)
        );
        assert_eq!(replaced("fn a() {}", SKELETON, "1.1"), None);
        assert_eq!(replaced(SKELETON, "fn a() {}", "1.1"), None);
    }

    #[test]
    fn every_exercise_of_the_course_has_its_section() {
        for lesson in LESSONS {
            let source = fs::read_to_string(lesson.exercise_file()).expect("it is there");
            let lines: Vec<&str> = source.lines().collect();
            for exercise in lesson.exercises() {
                assert!(
                    section(&lines, &exercise.number).is_some(),
                    "{}",
                    exercise.number
                );
            }
        }
    }

    #[test]
    fn takes_the_skeleton_from_the_history_and_keeps_a_copy() {
        let tree = tempfile::tempdir().expect("there is room for a folder");
        let tree = tree.path();
        let place = Path::new("lessons/01-echo/src/exercise.rs");
        let path = tree.join(place);
        let folder = tree.join(".course");
        fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
        let in_git = |arguments: &[&str]| {
            let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
            let arguments = [&who, arguments].concat();
            assert!(git(tree, &arguments).is_some(), "git {arguments:?}");
        };
        let commit = |text: &str| {
            write(&path, text);
            in_git(&["add", "."]);
            in_git(&["commit", "-q", "-m", "a commit"]);
        };
        write(&path, "fn a() {}\n");
        let error = reset(tree, place, "1.2", &folder).expect_err("it is no work tree");
        assert!(
            error.to_string().contains("how exercise 1.2 began"),
            "{error}"
        );

        in_git(&["init", "-q"]);
        commit(&SKELETON.replace("- does b", "- an older contract"));
        commit(SKELETON);
        commit(&SKELETON.replace("todo!(\"1.2 b\")", "half()"));
        let mine = SKELETON.replace("todo!(\"1.2 ", "mine(\"");
        write(&path, &mine);

        let copy = reset(tree, place, "1.2", &folder).expect("it can begin again");
        let text = |path: &Path| fs::read_to_string(path).expect("it was written");
        assert_eq!(text(&path), SKELETON);
        assert_eq!(text(&copy), mine);

        let error = reset(tree, place, "1.2", &folder).expect_err("there is nothing to do");
        assert!(
            error.to_string().contains("as it was at the beginning"),
            "{error}"
        );
        write(&path, "fn a() {}\n");
        let error = reset(tree, place, "1.2", &folder).expect_err("where is it?");
        assert!(
            error.to_string().contains("where does the exercise begin"),
            "{error}"
        );
        assert_eq!(text(&path), "fn a() {}\n");
    }
}
