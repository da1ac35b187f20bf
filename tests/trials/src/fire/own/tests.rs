#[cfg(unix)]
use std::process::Command;
use std::thread;

use course::{Lesson, Page, has, workspace};

use super::*;
use crate::fire::pairs::Side;
use crate::fire::target::Target;
use crate::ready::build;

/// What became of the scenes of those names, or of all: the outcome's word, and the fault.
fn outcomes(
    number: u16,
    command: &[&str],
    scenes: &'static [Scene],
    names: &[&str],
) -> Vec<(&'static str, String)> {
    let lesson = Lesson::of_number(number).expect("the lesson is there");
    let pair = pair(lesson, None).expect("the lesson has one pair");
    let words = command.iter().map(|word| (*word).to_owned()).collect();
    let program = Program::new(words, pair.typed.to_owned());
    let named = |scene: &&Scene| names.is_empty() || names.contains(&scene.name);
    let scenes: Vec<&Scene> = scenes.iter().filter(named).collect();
    let mut outcomes = Vec::new();
    judge(pair, program, &scenes, &mut |scene, outcome| {
        let fault = match outcome {
            Outcome::Ok | Outcome::Waits => String::new(),
            Outcome::Wrong(fault) => fault.to_string(),
        };
        outcomes.push((scene.name, fault));
    });
    outcomes
}

fn python(file: &str) -> [String; 3] {
    let file = workspace().join(file).display().to_string();
    ["python3".to_owned(), file, "PORT".to_owned()]
}

fn words(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

/// All is right.
fn stands(outcomes: &[(&str, String)]) {
    let wrong = outcomes.iter().find(|(_, fault)| !fault.is_empty());
    assert!(wrong.is_none(), "{wrong:?}");
    assert!(!outcomes.is_empty());
}

#[test]
fn the_tutorial_server_fails_for_the_reasons_of_its_page() {
    if !has("python3") {
        return;
    }
    let command = python("lessons/02-loop-server/peers/tutorial_server.py");
    let names = ["serve", "half", "restart"];
    let outcomes = outcomes(2, &words(&command), servers::SCENES, &names);
    for ((name, fault), [what, read]) in outcomes.iter().zip([
        ["BrokenPipeError", "docs/02-loop-server.md: Find the bug"],
        ["bytes and went on", "docs/02-loop-server.md: Find the bug"],
        [
            "Address already in use",
            "docs/02-loop-server.md: Address already in use",
        ],
    ]) {
        assert!(fault.contains(what), "{name}: {fault}");
        assert!(fault.ends_with(&format!("read: {read}")), "{name}: {fault}");
    }
    assert_eq!(outcomes.len(), 3);
}

#[test]
fn a_right_server_in_python_stands_everything() {
    if !has("python3") {
        return;
    }
    thread::scope(|scope| {
        for (number, file, scenes) in [
            (
                2,
                "lessons/02-loop-server/peers/loop_server.py",
                servers::SCENES,
            ),
            (
                7,
                "lessons/07-legitimacy-check/peers/auth_server.py",
                servers::SCENES,
            ),
            (
                4,
                "lessons/04-time-sync/peers/time_server.py",
                datagrams::SERVER,
            ),
        ] {
            scope.spawn(move || {
                let command = python(file);
                stands(&outcomes(number, &words(&command), scenes, &[]));
            });
        }
    });
}

#[test]
fn a_python_server_of_many_has_the_fault_that_its_comment_names() {
    if !has("python3") {
        return;
    }
    let command = python("lessons/08-threaded-server/peers/threaded_server.py");
    for (name, fault) in outcomes(8, &words(&command), servers::SCENES, &[]) {
        let expected = if name == "flood" {
            "expected: a limit"
        } else {
            ""
        };
        assert!(fault.contains(expected), "{name}: {fault}");
        assert_eq!(fault.is_empty(), expected.is_empty(), "{name}: {fault}");
    }
}

#[cfg(unix)]
#[test]
fn a_server_in_c_stands_everything() {
    if !has("cc") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    thread::scope(|scope| {
        for (number, name) in [(2, "loop_server"), (8, "threaded_server")] {
            let program = folder.path().join(name);
            scope.spawn(move || {
                let mut compiler = Command::new("cc");
                compiler.args(["-pthread", "-o"]).arg(&program);
                compiler.arg(workspace().join(format!("tests/peers/{name}.c")));
                assert!(compiler.status().expect("cc starts").success());
                let program = program.display().to_string();
                stands(&outcomes(number, &[&program, "PORT"], servers::SCENES, &[]));
            });
        }
    });
}

#[test]
fn the_courses_own_programs_stand_it_as_anybody_elses() {
    build().expect("the lessons build");
    thread::scope(|scope| {
        for pair in PAIRS.iter().filter(|pair| [2, 8].contains(&pair.lesson)) {
            scope.spawn(move || {
                let target = Target::start(pair);
                let program = target.program(Side::Server);
                let mut command = vec![program.as_str(), "--addr", "127.0.0.1:PORT"];
                command.extend(pair.server);
                stands(&outcomes(pair.lesson, &command, servers::SCENES, &[]));

                let program = target.program(Side::Client);
                let mut command = vec![program.as_str(), "--addr", "127.0.0.1:PORT"];
                command.extend(pair.hasty);
                stands(&outcomes(pair.lesson, &command, clients::SCENES, &[]));
            });
        }
    });
}

#[test]
fn clients_in_python_fail_for_what_they_do_not_catch() {
    if !has("python3") {
        return;
    }
    let mut command = python("lessons/01-echo/peers/echo_client.py").to_vec();
    command.push("hello".to_owned());
    let names = ["reset", "half", "noise"];
    let echo = outcomes(1, &words(&command), clients::SCENES, &names);
    for ((name, fault), expected) in
        echo.iter()
            .zip(["ConnectionResetError", "", "UnicodeDecodeError"])
    {
        assert!(fault.contains(expected), "{name}: {fault}");
        assert_eq!(fault.is_empty(), expected.is_empty(), "{name}: {fault}");
    }

    let command = python("lessons/03-udp-chat/peers/chat_client.py");
    let names = ["noise", "many"];
    let chat = outcomes(3, &words(&command), datagrams::CLIENT, &names);
    assert!(chat[0].1.contains("printed as they came"), "{}", chat[0].1);
    assert_eq!(chat[1].1, "");
}

#[test]
fn a_command_needs_a_program_and_a_place_for_the_port() {
    for (command, complaint) in [
        ("cargo run", "'cargo run' does not say where the port goes"),
        ("cargo run {port} | cat", "cannot read the command"),
    ] {
        let failure = super::words(command).expect_err("it is refused");
        assert!(failure.to_string().contains(complaint), "{failure}");
    }
    let words = super::words("cargo 'a b' --addr 127.0.0.1:{port}").expect("it is right");
    assert_eq!(words, ["cargo", "a b", "--addr", "127.0.0.1:PORT"]);

    let missing = outcomes(2, &["nonesuch", "PORT"], servers::SCENES, &[]);
    assert_eq!(missing.len(), 1, "all the others would say the same");
    assert!(
        missing[0].1.starts_with("cannot start nonesuch: "),
        "{}",
        missing[0].1
    );

    let files = Lesson::of_number(6).expect("the lesson is there");
    assert!(pair(files, None).is_err());
    assert!(pair(files, Some("send")).is_ok());
    assert!(pair(files, Some("glue")).is_err());
}

#[test]
fn every_scene_names_a_heading_that_is_there() {
    let scenes = servers::SCENES.iter().chain(clients::SCENES);
    let scenes = scenes.chain(datagrams::SERVER).chain(datagrams::CLIENT);
    for scene in scenes {
        let (page, heading) = scene.read.split_once(": ").expect("a page and a heading");
        let page = Page::read(page).expect("the page is there");
        let text = page.text();
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("##")).collect();
        let found = headings
            .iter()
            .any(|line| line.trim_start_matches(['#', ' ']) == heading);
        assert!(found, "{}", scene.read);
    }
}
