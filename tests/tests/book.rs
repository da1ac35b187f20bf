//! Checks the pages as one book: what belongs to no lesson is true as well, links lead somewhere,
//! and the reading order has no hole. The checks themselves are checked at the end.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::LazyLock;

use course::{LESSONS, Lesson, Page, cargo, check, workspace};
use regex::Regex;

/// The words of prose that a page may have. The glossary may have more. A lesson's exercises, which
/// are done and not read in one go, do not count, nor does what says how something was measured, or
/// which terminal it is.
const MOST_WORDS: usize = 1500;

/// Every page that a reader opens, by its path in the workspace.
type Pages = BTreeMap<String, String>;

fn pages() -> Pages {
    let folder = fs::read_dir(workspace().join("docs")).expect("the folder docs is there");
    let names = folder.map(|entry| entry.expect("it can be read").file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    let docs = names.filter(|name| name.ends_with(".md"));
    let paths = docs.map(|name| format!("docs/{name}"));
    let paths = paths.chain(["README.md".to_owned(), "CONTRIBUTING.md".to_owned()]);
    let read = |path: String| {
        let text = fs::read_to_string(workspace().join(&path)).expect("the page can be read");
        (path, text)
    };
    paths.map(read).collect()
}

fn rewrite() -> bool {
    std::env::var_os("COURSE_REWRITE").is_some_and(|v| v == "1")
}

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n\n"));
}

#[test]
fn what_belongs_to_no_lesson_is_true() {
    // The sessions run the lessons' programs, which a test of this package cannot rely on.
    let mut build = cargo();
    build.args(["build", "--quiet", "--workspace", "--bins", "--examples"]);
    let status = build.status();
    assert!(
        status.is_ok_and(|s| s.success()),
        "the lessons do not build"
    );

    let rewrite = rewrite();
    let mut complaints = Vec::new();
    let pages = pages();
    // Each lesson's test checks the lesson's page, and lesson 1's also the README.
    let others = pages.keys().filter(|path| {
        *path != "README.md" && LESSONS.iter().all(|lesson| lesson.page() != **path)
    });
    for path in others {
        let mut page = Page::read(path).expect("it was read before");
        complaints.extend(check(&mut page, rewrite));
        if rewrite {
            page.write().expect("the page can be written");
        }
    }
    assert_none(&complaints);
}

#[test]
fn every_link_leads_somewhere() {
    assert_none(&dead_links(&pages()));
}

#[test]
fn the_reading_order_has_no_hole() {
    assert_none(&holes(&pages()));
}

#[test]
fn a_page_that_speaks_of_a_finished_lesson_links_it() {
    if rewrite() {
        for (path, text) in pages().iter().filter(|page| page.0.starts_with("docs/")) {
            let page = workspace().join(path);
            fs::write(page, linked(path, text)).expect("the page can be written");
        }
    }
    assert_none(&unlinked_lessons(&pages()));
}

#[test]
fn no_page_is_too_long() {
    assert_none(&long_pages(&pages()));
}

#[test]
fn every_output_is_replayed_or_says_that_it_was_measured() {
    assert_none(&unproved(&pages()));
}

/// The blocks of output that are neither replayed nor measured as they say: a `text` block that is
/// no drawing has the line "Measured once with `COMMAND` on MACHINE." below it, or "with the
/// command above". The machine is Linux, with its version.
fn unproved(pages: &Pages) -> Vec<String> {
    static MEASURED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^Measured once(, as an ordinary user,)? with (`[^`]+`|the commands? above) on Linux \d.*\.$",
        )
        .expect("the pattern is tested")
    });
    let mut complaints = Vec::new();
    for (path, text) in pages.iter().filter(|page| page.0.starts_with("docs/")) {
        let page = Page::from_text(path, text);
        let fences = match page.fences() {
            Ok(fences) => fences,
            Err(complaint) => {
                complaints.push(complaint);
                continue;
            }
        };
        let lines: Vec<&str> = text.lines().collect();
        for fence in fences {
            let words: Vec<&str> = fence.info.iter().map(String::as_str).collect();
            let below = lines[fence.lines.end + 1..].iter();
            let mut below = below.filter(|line| !line.is_empty() && **line != "</details>");
            let proved = match words.as_slice() {
                [] | ["text"] => below.next().is_some_and(|line| MEASURED.is_match(line)),
                _ => true,
            };
            if !proved {
                let line = fence.lines.start;
                complaints.push(format!(
                    "{path}:{line}: this output is not replayed, and does not say that it was \
                     measured: Measured once with `COMMAND` on Linux VERSION with N cores. \
                     (a drawing opens with ```text,drawing)"
                ));
            }
        }
    }
    complaints
}

/// The links that lead to no file, to no heading, or out of the book.
fn dead_links(pages: &Pages) -> Vec<String> {
    static LINK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]*))?\)").expect("the pattern is tested")
    });
    let anchors: HashMap<_, _> = pages
        .iter()
        .map(|(path, text)| (path.as_str(), anchors(text)))
        .collect();
    let mut complaints = Vec::new();
    for (path, text) in pages {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, line) in prose(text) {
            for link in LINK.captures_iter(line) {
                let (file, anchor) = (&link[1], link.get(2).map(|a| a.as_str()));
                if file.starts_with("https://") {
                    continue; // a test does not ask the internet
                }
                let target = match (file, folder) {
                    ("", _) => path.clone(),
                    (file, "") => file.to_owned(),
                    (file, folder) => format!("{folder}/{file}"),
                };
                let trouble =
                    if folder == "docs" && file.contains('/') && !file.starts_with("pictures/") {
                        "leads out of the book"
                    } else if let Some(anchors) = anchors.get(target.as_str()) {
                        match anchor {
                            Some(anchor) if !anchors.iter().any(|a| a == anchor) => {
                                "leads to a heading that is not there"
                            }
                            _ => continue,
                        }
                    } else if anchor.is_none() && workspace().join(&target).exists() {
                        continue;
                    } else {
                        "leads to a file that is not there"
                    };
                complaints.push(format!("{path}:{number}: {} {trouble}", &link[0]));
            }
        }
    }
    complaints
}

/// What is wrong with the order of SUMMARY.md, of the README's links, and of each page's `Next:`.
fn holes(pages: &Pages) -> Vec<String> {
    static FILE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\]\(([\w-]+\.md)(?:#[^)]*)?\)").expect("the pattern is tested")
    });
    let files = |text: &str| -> Vec<String> {
        let links = FILE.captures_iter(text);
        links.map(|link| format!("docs/{}", &link[1])).collect()
    };
    let order = files(&pages["docs/SUMMARY.md"]);
    let mut complaints = Vec::new();

    let docs = pages.keys().filter(|path| path.starts_with("docs/"));
    for path in docs.filter(|path| *path != "docs/SUMMARY.md") {
        let times = order.iter().filter(|listed| *listed == path).count();
        if times != 1 {
            complaints.push(format!("docs/SUMMARY.md lists {path} {times} times"));
        }
    }

    let readme = pages["README.md"].replace("](docs/", "](");
    let mut listed = files(&readme);
    listed.retain(|file| order.contains(file));
    if listed != order {
        complaints.push(format!(
            "README.md: its links are not in the order of docs/SUMMARY.md\n  README:  {}\n  SUMMARY: {}",
            listed.join(" "),
            order.join(" ")
        ));
    }

    for (i, path) in order.iter().enumerate() {
        let next = &order[(i + 1) % order.len()]; // the last page leads to the first
        let text = pages.get(path).map_or("", String::as_str);
        let last = text.trim_end().lines().last().unwrap_or("");
        if !last.starts_with("Next: [") || files(last) != [next.as_str()] {
            complaints.push(format!(
                "{path}: its last line must be 'Next: [...]({})'",
                next.trim_start_matches("docs/")
            ));
        }
    }
    complaints
}

/// Where a page first names a lesson that is finished, if it links that lesson's page nowhere.
fn unlinked_lessons(pages: &Pages) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in pages.iter().filter(|page| page.0.starts_with("docs/")) {
        for (line, lesson) in unlinked(path, text) {
            let (number, link) = (lesson.number, link(lesson));
            complaints.push(format!(
                "{path}:{line}: lesson {number} is finished, so link it here: [lesson {number}]({link})\n\
                 to link it wherever it is missing: COURSE_REWRITE=1 and the same test"
            ));
        }
    }
    complaints
}

fn unlinked(path: &str, text: &str) -> Vec<(usize, &'static Lesson)> {
    let others = LESSONS.iter().filter(|lesson| lesson.page() != path);
    let missing = others.filter(|lesson| !text.contains(&format!("]({}", link(lesson))));
    let named = missing.filter_map(|lesson| {
        let name = name(lesson);
        let (line, _) = prose(text).find(|(_, line)| name.is_match(line))?;
        Some((line, lesson))
    });
    named.collect()
}

/// The page with a link at each place that [`unlinked`] finds.
fn linked(path: &str, text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (line, lesson) in unlinked(path, text) {
        let link = format!("[$0]({})", link(lesson));
        lines[line - 1] = name(lesson).replace(&lines[line - 1], link).into_owned();
    }
    lines.join("\n") + "\n"
}

fn name(lesson: &Lesson) -> Regex {
    Regex::new(&format!(r"\b[Ll]esson {}\b", lesson.number)).expect("a number changes no pattern")
}

fn link(lesson: &Lesson) -> String {
    format!("{}.md", lesson.folder)
}

fn long_pages(pages: &Pages) -> Vec<String> {
    let pages = pages.iter().filter(|page| *page.0 != "docs/glossary.md");
    let counted = pages.map(|(path, text)| {
        let mut to_do = false;
        let lines = prose(text).filter(|(_, line)| {
            if line.starts_with("## ") {
                to_do = *line == "## Your turn";
            }
            !to_do
                && !["|", "Measured once", "**Terminal "]
                    .iter()
                    .any(|no| line.starts_with(no))
        });
        let words = lines.flat_map(|(_, line)| line.split_whitespace());
        let words = words.filter(|word| word.contains(char::is_alphanumeric));
        (path, words.count())
    });
    let long = counted.filter(|(_, words)| *words > MOST_WORDS);
    long.map(|(path, words)| format!("{path} has {words} words > {MOST_WORDS}"))
        .collect()
}

/// The lines outside of fenced blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    let lines = text.lines().enumerate();
    let outside = lines.filter(move |(_, line)| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    outside.map(|(i, line)| (i + 1, line))
}

/// The names of a page's headings in links, as GitHub and mdBook make them.
fn anchors(text: &str) -> Vec<String> {
    static TARGET: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\]\([^)]*\)").expect("the pattern is tested"));
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text).filter(|(_, line)| line.starts_with('#')) {
        let heading = TARGET.replace_all(line.trim_start_matches('#').trim(), "");
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let name = heading
            .to_lowercase()
            .chars()
            .filter(kept)
            .collect::<String>();
        let name = name.replace(' ', "-");
        let same = (1..).map(|n| format!("{name}-{n}"));
        let mut names = std::iter::once(name.clone()).chain(same);
        anchors.extend(names.find(|name| !anchors.contains(name)));
    }
    anchors
}

/// A book of two pages, in order.
fn small_book() -> Pages {
    let pages = [
        ("README.md", "[a](docs/a.md) [b](docs/b.md#two-words)"),
        ("docs/SUMMARY.md", "- [A](a.md)\n- [B](b.md)\n"),
        (
            "docs/a.md",
            "# A\n\n```\n[x](x.md)\n```\n\nMeasured once with `a` on Linux 6.18.\n\nNext: [B](b.md)\n",
        ),
        (
            "docs/b.md",
            "# B\n\n## `Two` words\n\n[up](#b)\n\nNext: [A](a.md)\n",
        ),
    ];
    pages
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into()
}

#[test]
fn a_sound_book_passes_and_each_fault_is_found() {
    let all = |pages: &Pages| {
        let checks = [dead_links, holes, unlinked_lessons, long_pages, unproved];
        checks.map(|check| check(pages)).concat()
    };
    assert_none(&all(&small_book()));
    let page = linked("docs/a.md", "See lesson 1 and lesson 99.\n");
    assert_eq!(page, "See [lesson 1](01-echo.md) and lesson 99.\n");

    let mut pages = small_book();
    pages.insert("docs/c.md".to_owned(), "# C\n".to_owned());
    assert_eq!(all(&pages), ["docs/SUMMARY.md lists docs/c.md 0 times"]);

    let long = "word ".repeat(MOST_WORDS);
    for (page, from, to, complaint) in [
        (
            "docs/a.md",
            "# A",
            "# A\n[x](x.md)",
            "docs/a.md:2: [x](x.md) leads to a file",
        ),
        (
            "docs/b.md",
            "(#b)",
            "(#c)",
            "docs/b.md:5: [up](#c) leads to a heading",
        ),
        (
            "README.md",
            "#two-words",
            "#two",
            "README.md:1: [b](docs/b.md#two) leads to a heading",
        ),
        (
            "docs/a.md",
            "# A",
            "# A\n[x](../README.md)",
            "docs/a.md:2: [x](../README.md) leads out of the book",
        ),
        (
            "README.md",
            "[a](docs/a.md) ",
            "",
            "README.md: its links are not in the order",
        ),
        (
            "docs/b.md",
            "Next: [A](a.md)",
            "",
            "docs/b.md: its last line must be 'Next: [...](a.md)'",
        ),
        (
            "docs/a.md",
            "# A",
            "# A\nAs in Lesson 1.",
            "docs/a.md:2: lesson 1 is finished, so link it",
        ),
        (
            "docs/a.md",
            "Measured once with `a` on Linux 6.18.",
            "So it is.",
            "docs/a.md:3: this output is not replayed",
        ),
        (
            "docs/a.md",
            "# A",
            &format!("# A\n{long}"),
            "docs/a.md has 1503 words > 1500",
        ),
    ] {
        let mut pages = small_book();
        let text = pages.get_mut(page).expect("the small book has it");
        *text = text.replacen(from, to, 1);
        let found = all(&pages);
        assert!(
            found.len() == 1 && found[0].starts_with(complaint),
            "{to:?}: {found:#?}"
        );
    }
}
