//! The checks of pages, checked: they accept what is true, find what is not, and can mend it.
//!
//! The sessions run small shell scripts, so that no lesson's program need be built.
#![cfg(unix)]

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::process::Command;
use std::thread;
use std::time::Duration;

use course::{Mode, Page, Replay, Trouble, check};
#[cfg(target_os = "linux")]
use course::{has, has_lab};

/// Two terminals: one that waits for input, and one that is done at once.
const PAGE: &str = "# A page

## A session

**Terminal 1**

```console
$ sh -c 'echo ready; printf \"name> \"; read name; echo \"hello $name\"; sleep 60'
ready
name> you
hello you
^C
```

**Terminal 2**

```console
$ printf 'one\\ntwo\\n'
one
two
$ sh -c 'printf \"> \"; read line || printf \"\\nno line\\n\"'
> ^D
no line
```
";

fn complaints(text: &str) -> Vec<String> {
    check(&mut Page::from_text("page.md", text), false)
}

#[test]
fn a_true_page_passes() {
    assert_eq!(complaints(PAGE), [""; 0]);
}

#[test]
fn a_changed_word_is_found_and_mended() {
    let changes = [
        ("\nready", "\nreddy", "page.md:9: terminal 1"),
        ("hello you", "hello me", "page.md:11: terminal 1"),
        ("\ntwo", "\ntoo", "page.md:20: terminal 2"),
        ("\nno line", "\na line", "page.md:23: terminal 2"),
    ];
    // A rewrite waits for what does not come, so all of them wait at once.
    thread::scope(|scope| {
        for (from, to, line) in changes {
            scope.spawn(move || {
                let changed = PAGE.replacen(from, to, 1);
                let found = complaints(&changed);
                assert!(
                    found.len() == 1 && found[0].starts_with(line),
                    "{to:?}: {found:#?}"
                );

                let mut page = Page::from_text("page.md", &changed);
                assert_eq!(check(&mut page, true), [""; 0]);
                assert_eq!(page.text(), PAGE);
            });
        }
    });
}

#[test]
fn a_taps_connections_are_compared_each_by_itself() {
    let page = |shown: &str, expected: &str| {
        complaints(&format!(
            "**Terminal 1**\n```console\n$ printf '{shown}'\n{expected}```\n"
        ))
    };
    let shown =
        "a\\n0.001 s  #1  one\\n    61\\n0.002 s  #2  two\\n    62\\n0.003 s  #1  three\\nb\\n";
    let first = "0.001 s  #1  one\n    61\n";
    let second = "0.002 s  #2  two\n    62\n";
    let third = "0.003 s  #1  three\n";
    for (expected, true_page) in [
        (format!("a\n{first}{second}{third}b\n"), true),
        (format!("a\n{second}{first}{third}b\n"), true),
        (format!("a\n{first}{third}{second}b\n"), true),
        (format!("a\n{third}{first}{second}b\n"), false),
        (format!("a\n{first}{second}b\n"), false),
        (format!("a\n{second}{first}{third}{third}b\n"), false),
        (format!("a\n{second}    61\n{third}b\n"), false),
    ] {
        let found = page(shown, &expected);
        assert_eq!(found.is_empty(), true_page, "{expected}\n{found:#?}");
    }
}

#[test]
fn a_missing_line_and_a_surplus_line_are_found_and_mended() {
    for (from, to, line) in [
        ("one\ntwo\n", "one\n", "page.md:20"),
        ("two\n", "two\nthree\n", "page.md:21"),
    ] {
        let changed = PAGE.replacen(from, to, 1);
        let changed = changed.replacen("$ printf 'one\ntwo", "$ printf 'one\\ntwo", 1);
        let found = complaints(&changed);
        assert!(
            found.len() == 1 && found[0].starts_with(line),
            "{to:?}: {found:#?}"
        );

        let mut page = Page::from_text("page.md", &changed);
        assert_eq!(check(&mut page, true), [""; 0]);
        assert_eq!(page.text(), PAGE);
    }
}

#[test]
fn a_rewrite_that_would_lose_what_is_typed_is_refused() {
    let text = "**Terminal 1**\n```console\n$ echo gone\n> hello\n```\n";
    let mut page = Page::from_text("page.md", text);
    let found = check(&mut page, true);
    let complaint =
        "page.md:4: nothing was rewritten: terminal 1's program did not take '> hello'.";
    assert!(
        found.len() == 1 && found[0].starts_with(complaint),
        "{found:#?}"
    );
    assert_eq!(page.text(), text);
}

#[test]
fn a_program_that_is_left_running_or_stays_silent_is_found() {
    for (line, complaint) in [
        (
            "",
            "page.md:3: at the end of this session, programs still run in terminal 1",
        ),
        (
            "hello\n",
            "page.md:4: terminal 1 shows something else\n  page:   hello\n  screen:  (for 300ms)",
        ),
    ] {
        let text = format!("**Terminal 1**\n```console\n$ sh -c 'read line'\n{line}```\n");
        let page = Page::from_text("page.md", &text);
        let sessions = page.sessions().expect("the page is well formed");
        let mut replay = Replay::new(&page, &sessions[0], Mode::Check);
        replay.patience = Duration::from_millis(300);
        let trouble = replay
            .play(&mut |_, _| {})
            .expect_err("the program does not end");
        let Trouble::Complaint(found) = trouble else {
            panic!("sh is not missing")
        };
        assert!(found.starts_with(complaint), "{found}");
    }
}

/// Plays the page of an example that is a lesson's. The test below runs it where the lesson is
/// another one.
#[test]
#[ignore = "run by a_changed_example_is_found"]
fn the_page_of_an_example() {
    let page = "**Terminal 1**\n```console\n\
        $ cargo run -q -p loop-server --example rude\nas the page shows\n```\n";
    assert_eq!(complaints(page), [""; 0]);
}

/// Nobody builds an example for `cargo test --test lesson the_page` but the page's own check.
#[test]
fn a_changed_example_is_found() {
    let package = tempfile::tempdir().expect("there is room for a folder");
    let folder = package.path();
    for inside in ["src", "examples", "target/debug/deps"] {
        fs::create_dir_all(folder.join(inside)).expect("there is room for a folder");
    }
    let write = |file: &str, text: &str| {
        fs::write(folder.join(file), text).expect("there is room for a file");
    };
    write(
        "Cargo.toml",
        "[package]\nname = \"loop-server\"\nedition = \"2024\"\n[workspace]\n",
    );
    write("src/lib.rs", "");
    // This program, as the test of that package: where Cargo would put it, in Cargo's environment.
    let test = folder.join("target/debug/deps/lesson");
    let this = env::current_exe().expect("the system knows where this program lies");
    fs::copy(this, &test).expect("there is room for a program");
    let play = || {
        let mut command = Command::new(&test);
        command.args(["--ignored", "--exact", "pages::the_page_of_an_example"]);
        command.env("CARGO_MANIFEST_DIR", folder);
        command.env("CARGO_PKG_NAME", "loop-server");
        command.env("CARGO_TARGET_DIR", folder.join("target"));
        // Whatever another test starts may hold the copy for a moment, as it was while it was written.
        let output = loop {
            match command.output() {
                Err(e) if e.kind() == ErrorKind::ExecutableFileBusy => {
                    thread::sleep(Duration::from_millis(10));
                }
                output => break output.expect("it was copied"),
            }
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said)
    };

    for (prints, fits) in [("as the page shows", true), ("something else", false)] {
        let source = format!("fn main() {{ println!({prints:?}) }}");
        write("examples/rude.rs", &source);
        let (passed, said) = play();
        assert!(
            said.contains("1 passed") || said.contains("1 failed"),
            "{said}"
        );
        assert_eq!(passed, fits, "{said}");
        assert!(fits || said.contains("screen: something else"), "{said}");
    }
}

#[cfg(target_os = "linux")]
/// Two hosts; the second command finds what the first has left behind.
const LAB_PAGE: &str = "**Terminal 1, host b**

```console
$ tcpdump -ntl -i b0 -c 4 arp or icmp
tcpdump: verbose output suppressed, use -v[v]... for full protocol decode
listening on b0, link-type EN10MB (Ethernet), snapshot length 262144 bytes
ARP, Request who-has 10.9.0.2 tell 10.9.0.1, length 28
ARP, Reply 10.9.0.2 is-at 02:00:00:00:00:0b, length 28
IP 10.9.0.1 > 10.9.0.2: ICMP echo request, id 1, seq 1, length 64
IP 10.9.0.2 > 10.9.0.1: ICMP echo reply, id 1, seq 1, length 64
4 packets captured
4 packets received by filter
0 packets dropped by kernel
```

**Terminal 2, host a**

```console
$ ping -qc 1 10.9.0.2 | grep received
1 packets transmitted, 1 received, 0% packet loss, time 0ms
$ ip neigh show 10.9.0.2 | cut -d' ' -f1-5
10.9.0.2 dev a0 lladdr 02:00:00:00:00:0b
```
";

#[cfg(target_os = "linux")]
#[test]
fn a_session_on_hosts_is_played_in_a_lab() {
    if !has_lab() || !has("tcpdump") || !has("ping") {
        return;
    }
    assert_eq!(complaints(LAB_PAGE), [""; 0]);
    let changed = LAB_PAGE.replace("is-at 02:00:00:00:00:0b", "is-at 02:00:00:00:00:0a");
    let found = complaints(&changed);
    assert!(
        found.len() == 1 && found[0].starts_with("page.md:8: terminal 1"),
        "{found:#?}"
    );
}

#[test]
fn a_transcript_without_a_terminal_is_found() {
    let found = complaints("```console\n$ true\n```\n");
    assert!(
        found.len() == 1 && found[0].starts_with("page.md:1: there is no line"),
        "{found:#?}"
    );
}

#[test]
fn an_excerpt_that_is_not_in_its_file_is_found_and_mended() {
    let excerpt = "```rust tests/src/reserved.rs\n/// The address with the port.\npub fn addr(&self) -> SocketAddr {\n    self.addr\n}\n```\n";
    assert_eq!(complaints(excerpt), [""; 0]);

    let changed = excerpt.replace("self.addr\n", "self.port\n");
    let found = complaints(&changed);
    let place = "page.md:4: this line does not stand in tests/src/reserved.rs";
    assert!(
        found.len() == 1 && found[0].starts_with(place),
        "{found:#?}"
    );

    let mut page = Page::from_text("page.md", &changed);
    assert_eq!(check(&mut page, true), [""; 0]);
    assert_eq!(page.text(), excerpt);
}

#[test]
fn an_excerpt_without_a_file_is_found() {
    let found = complaints("```rust\nlet x = 1;\n```\n");
    assert!(
        found[0].starts_with("page.md:1: this block does not say in which file"),
        "{found:#?}"
    );
    assert_eq!(complaints("```rust,ignore\nlet x = 1;\n```\n"), [""; 0]);
}
