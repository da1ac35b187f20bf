//! Checks the pictures: they are what their transcripts give, and the check finds what is not.

use std::fs;

use course::picture::{PICTURES, check, compare};
use course::{Page, workspace};

/// The page with a picture, the picture's file and its text.
fn half_close() -> (Page, &'static str, String) {
    let page = Page::read("docs/01-echo.md").expect("the page is there");
    let file = "docs/pictures/01-half-close.svg";
    let text = fs::read_to_string(workspace().join(file)).expect("the picture is there");
    (page, file, text)
}

fn complaints(page: &Page, picture: &str) -> Vec<String> {
    compare(page, &|_| picture.to_owned(), None)
}

/// The pages as (path, text).
fn pages() -> Vec<(String, String)> {
    let folder = fs::read_dir(workspace().join("docs")).expect("the folder is there");
    let names = folder.map(|entry| entry.expect("it can be read").file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    let pages = names.filter(|name| name.ends_with(".md")).map(|name| {
        let text = fs::read_to_string(workspace().join("docs").join(&name));
        (name, text.expect("the page can be read"))
    });
    pages.collect()
}

#[test]
fn every_picture_is_used_and_every_file_is_a_picture() {
    let pages = pages();
    for picture in PICTURES {
        let link = format!("](pictures/{}.svg)", picture.name);
        let used = pages
            .iter()
            .filter(|(_, text)| text.contains(&link))
            .count();
        assert_eq!(used, 1, "{} pages show {}", used, picture.name);
    }
    for file in fs::read_dir(workspace().join("docs/pictures")).expect("the folder is there") {
        let name = file.expect("it can be read").file_name();
        let name = name.to_str().expect("the name is text").to_owned();
        let known = PICTURES.iter().any(|p| format!("{}.svg", p.name) == name);
        assert!(known, "docs/pictures/{name} is drawn by nobody");
    }
}

/// Fast, and without a run: the tests of the pages hold the transcripts true.
#[test]
fn every_picture_is_what_its_transcript_gives() {
    let rewrite = std::env::var_os("COURSE_REWRITE").is_some_and(|v| v == "1");
    let complaints: Vec<String> = pages()
        .iter()
        .flat_map(|(name, text)| {
            let page = Page::from_text(&format!("docs/{name}"), text);
            check(&page, rewrite)
        })
        .collect();
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n\n"));
}

#[test]
fn a_picture_needs_nothing_from_elsewhere_and_says_what_it_shows() {
    for picture in PICTURES {
        let file = format!("docs/pictures/{}.svg", picture.name);
        let text = fs::read_to_string(workspace().join(&file)).expect("the picture is there");
        for nothing in ["<script", "href", "url(", "<image", "@import"] {
            assert!(!text.contains(nothing), "{file} has {nothing}");
        }
        for part in [
            "<title id=\"t\">",
            "<desc id=\"d\">",
            "prefers-color-scheme:dark",
        ] {
            assert!(text.contains(part), "{file} lacks {part}");
        }
        assert!(
            !text.contains("<desc id=\"d\"></desc>"),
            "{file} is not described"
        );
    }
}

#[test]
fn a_changed_byte_and_a_swapped_arrow_are_found_with_file_and_line() {
    let (page, file, text) = half_close();
    assert_eq!(complaints(&page, &text), [""; 0]);
    let byte = text.replacen("hello, world", "hello, worlt", 1);
    let class = |text: &str, from: &str, to: &str| text.replacen(from, to, 1);
    let swapped = class(&text, "<line class=\"s\"", "<line class=\"c\"");
    for (changed, what) in [
        (byte, "a byte"),
        (swapped, "an arrow"),
        (String::new(), "all"),
    ] {
        assert_ne!(changed, text);
        let found = complaints(&page, &changed);
        let expected = format!("the picture is not what its transcript gives: {file}:");
        assert_eq!(found.len(), 1, "{what}: {found:#?}");
        assert!(found[0].starts_with("docs/01-echo.md:"), "{found:#?}");
        assert!(found[0].contains(&expected), "{found:#?}");
    }
}

#[test]
fn a_changed_line_of_the_transcript_is_found() {
    let (page, _, text) = half_close();
    let source = page.text();
    for (from, to) in [
        (
            "    68 65 6c 6c 6f 2c 20 77 6f 72 6c 64 ",
            "    68 65 6c 6c 6f 2c 20 77 6f 72 6c 74 ",
        ),
        (
            "0.201 s  #1  client ← server  FIN",
            "0.401 s  #1  client ← server  FIN",
        ),
        ("#1  client → server  FIN", "#1  client ← server  FIN"),
        ("tap 1 --delay 200", "tap 1 --delay 300"),
        ("accepted 127.0.0.1:50316", "accepted 127.0.0.1:50317"),
        (
            "read 12 bytes: hello, world\n127.0.0.1:50316",
            "127.0.0.1:50316",
        ),
    ] {
        let changed = source.replacen(from, to, 1);
        assert_ne!(changed, source, "{from}");
        let found = complaints(&Page::from_text("docs/01-echo.md", &changed), &text);
        assert_eq!(found.len(), 1, "{from:?} → {to:?}: {found:#?}");
        assert!(found[0].starts_with("docs/01-echo.md:"), "{found:#?}");
    }
}

#[test]
fn a_picture_of_nothing_and_one_without_words_are_found() {
    for (line, complaint) in [
        (
            "![A text](pictures/nobody.svg)",
            "page.md:1: tests/src/picture/list.rs does not say",
        ),
        (
            "![](pictures/01-half-close.svg)",
            "page.md:1: a picture needs a text",
        ),
        (
            "![A text](pictures/01-half-close.svg)",
            "page.md:1: there is no session under",
        ),
    ] {
        let found = complaints(&Page::from_text("page.md", line), "");
        assert!(
            found.len() == 1 && found[0].starts_with(complaint),
            "{found:#?}"
        );
    }
}

#[test]
fn a_wrong_picture_is_drawn_anew() {
    let (page, file, text) = half_close();
    let written = std::cell::RefCell::new(Vec::new());
    let write = |file: &str, drawn: &str| {
        written
            .borrow_mut()
            .push((file.to_owned(), drawn.to_owned()));
        Ok(())
    };
    assert_eq!(compare(&page, &|_| String::new(), Some(&write)), [""; 0]);
    assert_eq!(written.into_inner(), [(file.to_owned(), text)]);
}
