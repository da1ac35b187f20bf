//! What every pair of programs does alike, tried for all pairs of the table.

use std::io;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;

use course::exited;

use super::pairs::{PAIRS, Pair, Side};
use super::target::Target;
use crate::ready::build;

/// Has the programs built, and tries something with every pair at the same time.
fn for_every_pair(try_it: impl Fn(&'static Pair) + Sync) {
    static BUILT: LazyLock<()> = LazyLock::new(|| build().expect("the lessons build"));
    LazyLock::force(&BUILT);
    thread::scope(|scope| {
        for pair in PAIRS {
            let try_it = &try_it;
            scope.spawn(move || try_it(pair)); // whose panic is the test's
        }
    });
}

#[test]
fn every_pair_works_over_ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    for_every_pair(|pair| drop(Target::start_at(pair, "[::1]:0")));
}

#[test]
fn every_server_says_that_its_port_is_taken() {
    for_every_pair(|pair| {
        let target = Target::start(pair);
        let first = target.start_server();
        let addr = first.addr().to_string();
        let mut second = Command::new(target.program(Side::Server));
        second.args(target.arguments(pair.server));
        second.args(["--addr", &addr]);
        second.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = exited(second.spawn().expect("the server starts"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        let name = pair.row(Side::Server);
        assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
        let error = format!("error: cannot listen on {addr}: ");
        let hint = "\nhint: another program listens there";
        let clear = stderr.starts_with(&error) && stderr.contains(hint);
        assert!(clear, "{name}: {stderr}");
    });
}

#[test]
fn every_program_ends_quietly_when_nobody_reads_its_output() {
    for_every_pair(|pair| {
        let target = Target::start(pair);
        let mut server = Command::new(target.program(Side::Server));
        server.args(target.arguments(pair.server));
        server.args(["--addr", "127.0.0.1:0"]);
        ends_quietly(server, &pair.row(Side::Server));

        let typed = typed(pair);
        target.visit(|addr| {
            let mut client = Command::new(target.program(Side::Client));
            client.args(target.arguments(pair.client));
            client.args(["--addr", &addr.to_string()]);
            client.stdin(typed);
            ends_quietly(client, &pair.row(Side::Client));
        });
    });
}

/// What is typed into the pair's client, ready to be read.
fn typed(pair: &Pair) -> io::PipeReader {
    let (reader, mut writer) = io::pipe().expect("the system has pipes");
    let written = io::Write::write_all(&mut writer, pair.typed.as_bytes());
    written.expect("a pipe has room for so little");
    reader
}

/// A program whose first line finds nobody: the pipe's other end is closed before it starts.
fn ends_quietly(mut program: Command, name: &str) {
    let (reader, writer) = io::pipe().expect("the system has pipes");
    drop(reader);
    program.stdout(writer).stderr(Stdio::piped());
    let child = program.spawn().expect("the program starts");
    drop(program); // and with it our copies of its pipes
    let output = exited(child);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name}: {}: {stderr}",
        output.status
    );
    let quiet = !stderr.contains("error: ") && !stderr.contains("panicked"); // a remark may be there
    assert!(quiet, "{name}: {stderr}");
}
