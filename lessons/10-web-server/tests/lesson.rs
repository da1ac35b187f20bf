//! Checks the lesson's own server and client, and its page.

mod checked;

use assert_cmd::Command;
use course::{PATIENCE, Server};
use predicates::str::contains;

const SERVER: &str = env!("CARGO_BIN_EXE_web-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_web-client");

fn client() -> Command {
    let mut command = Command::new(CLIENT);
    command.timeout(PATIENCE);
    command
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/10-web-server.md");
}

#[test]
fn serves_an_ordinary_client() {
    let server = Server::start(SERVER, &[]);
    let run = client()
        .args(["--addr", &server.addr().to_string()])
        .assert();
    run.success()
        .stdout(contains("TO WRITE: what the client shows"));
}
