//! Whether "build once" is true: after `cargo build-all`, no command of a page compiles anything.
//!
//! Cargo compiles a crate again where another command needs it with other features. So every kind
//! of command in the pages must choose the same features for the same crates, whatever it selects.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use course::{LESSONS, cargo, workspace};
use regex::Regex;

/// The crates that Cargo compiles for a selection, each with its features. With `dev`, those of the
/// tests and examples too.
fn crates(selection: &[&str], dev: bool) -> BTreeSet<String> {
    let mut tree = cargo();
    tree.args(["tree", "--quiet", "--prefix", "none", "--format", "{p} {f}"]);
    tree.args([
        "--edges",
        if dev {
            "normal,build,dev"
        } else {
            "normal,build"
        },
    ]);
    let output = tree.args(selection).current_dir(workspace()).output();
    let output = output.expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree {selection:?}: {said}");
    let text = String::from_utf8_lossy(&output.stdout);
    let crates = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)").trim_end());
    let crates = crates.filter(|line| !line.is_empty());
    crates.map(str::to_owned).collect()
}

#[test]
fn every_command_needs_the_same_features() {
    let built = crates(&["--workspace"], true); // `cargo build-all`, `cargo test`
    assert!(built.len() > 50, "{built:#?}");
    let mut others = vec![(
        "cargo build, cargo run --bin, cargo course",
        crates(&["--workspace"], false),
    )];
    for lesson in LESSONS {
        let package = crates(&["--package", lesson.package], true);
        others.push((lesson.package, package));
    }
    for (command, needed) in others {
        let again: Vec<_> = needed.difference(&built).collect();
        assert!(
            again.is_empty(),
            "{command} would compile again: {again:#?}"
        );
    }
}

/// Every place in the pages where Cargo is called.
static CARGO: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bcargo [^`|#&\n]*").expect("the pattern is tested"));

/// The forms whose features the test above compares, and one that builds nothing. `bench` is for
/// authors, and says that it builds.
static FORMS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^cargo( -q)? (…|vendor\b|build-all|test$|test -p [\w-]+|course|run( -q)? (--bin [\w-]+|-p [\w-]+ --example [\w-]+))",
    )
    .expect("the pattern is tested")
});

#[test]
fn the_pages_name_one_build_and_commands_that_need_no_other() {
    let docs = fs::read_dir(workspace().join("docs")).expect("the folder docs is there");
    let docs = docs.map(|entry| entry.expect("it can be read").path());
    let pages = docs.filter(|path| path.extension().is_some_and(|it| it == "md"));
    let mut found = 0;
    for page in pages.chain([workspace().join("README.md")]) {
        // What is measured there is said of any build.
        if page.ends_with("measured.md") {
            continue;
        }
        let text = fs::read_to_string(&page).expect("the page can be read");
        for command in CARGO.find_iter(&text) {
            found += 1;
            let command = command.as_str().trim_end();
            assert!(FORMS.is_match(command), "{}: {command}", page.display());
        }
    }
    assert!(found > 100, "only {found} commands were found");
}
