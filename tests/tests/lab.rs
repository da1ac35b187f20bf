//! Checks `cargo course lab`, as whoever runs the tests. Where the system forbids a lab, they say
//! `skipped:`.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use course::{Lab, PATIENCE, exited, first_line, has, has_lab};

const COURSE: &str = env!("CARGO_BIN_EXE_course");

/// What a command says on a host.
fn on(lab: &Lab, host: &str, words: &[&str]) -> Output {
    let mut command = lab.on(host);
    command
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    exited(command.spawn().expect("the course was built"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A lab with that many hosts; `None` where there can be none.
fn lab(hosts: u8) -> Option<Lab> {
    has_lab().then(|| Lab::new(hosts).expect("a lab could be made a moment ago"))
}

#[test]
fn two_hosts_reach_each_other_by_ipv4_and_ipv6() {
    let Some(lab) = lab(2).filter(|_| has("ping")) else {
        return;
    };
    for (host, peer) in [
        ("a", "10.9.0.2"),
        ("a", "fd00:9::2"),
        ("b", "10.9.0.1"),
        ("b", "fd00:9::1"),
    ] {
        let said = on(&lab, host, &["ping", "-c", "1", "-W", "10", peer]);
        assert!(
            stdout(&said).contains("1 received"),
            "{host} to {peer}: {said:?}"
        );
    }
}

#[test]
fn a_router_passes_on_between_two_networks_and_counts_down() {
    let Some(lab) = lab(3).filter(|_| has("ping")) else {
        return;
    };
    for peer in ["10.9.2.2", "fd00:9:2::2"] {
        let said = on(&lab, "a", &["ping", "-c", "1", "-W", "10", peer]);
        assert!(stdout(&said).contains("1 received"), "{said:?}");
        let said = on(&lab, "a", &["ping", "-c", "1", "-W", "10", "-t", "1", peer]);
        let said = stdout(&said);
        assert!(said.contains("xceeded") && said.contains("254"), "{said}");
    }
}

#[test]
fn there_is_power_over_this_network_and_no_other() {
    let Some(lab) = lab(2) else { return };
    let outside = fs::read_link("/proc/self/ns/net").expect("Linux has namespaces");
    let inside = on(&lab, "a", &["readlink", "/proc/self/ns/net"]);
    assert_ne!(stdout(&inside).trim(), outside.to_string_lossy());
    for words in ["link set a0 mtu 1000", "route add 10.8.0.0/16 via 10.9.0.2"] {
        let words: Vec<&str> = ["ip"].into_iter().chain(words.split(' ')).collect();
        let said = on(&lab, "a", &words);
        assert!(said.status.success(), "{said:?}");
    }
    let links = stdout(&on(&lab, "a", &["ip", "-o", "link"]));
    let names: Vec<&str> = links
        .lines()
        .filter_map(|line| line.split([' ', '@', ':']).nth(2))
        .collect();
    assert_eq!(names, ["lo", "a0"]);
    let links = stdout(&on(&lab, "b", &["ip", "-o", "link"]));
    assert!(
        links.contains("b0@") && links.contains("mtu 1500"),
        "{links}"
    );
}

#[test]
fn a_capture_shows_who_has_an_address() {
    let Some(lab) = lab(2).filter(|_| has("tcpdump") && has("ping")) else {
        return;
    };
    let mut capture = lab.on("b");
    capture.args([
        "tcpdump",
        "-ntl",
        "-i",
        "b0",
        "--immediate-mode",
        "-c",
        "4",
        "arp or icmp",
    ]);
    capture.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut capture = capture.spawn().expect("the course was built");
    let mut ping = lab.on("a");
    // As often as it takes until the capture has begun and has seen four packets.
    let loop_of_pings = "while ping -c 1 -W 10 10.9.0.2; do ip neigh flush dev a0; done";
    let mut ping = ping
        .args(["sh", "-c", loop_of_pings])
        .stdout(Stdio::null())
        .spawn()
        .expect("as above");
    let line = first_line(&mut capture).expect("waited for a packet");
    let captured = exited(capture);
    ping.kill().expect("it is our child");
    ping.wait().expect("it was killed");
    let lines = line + "\n" + &stdout(&captured);
    let asks = "ARP, Request who-has 10.9.0.2 tell 10.9.0.1, length 28";
    let answers = "ARP, Reply 10.9.0.2 is-at 02:00:00:00:00:0b, length 28";
    assert!(lines.contains(asks) || lines.contains(answers), "{lines}");
    assert_eq!(lines.lines().count(), 4, "{lines}");
}

#[test]
fn passes_on_how_a_command_ended_and_what_it_cannot_run() {
    let Some(lab) = lab(2) else { return };
    assert_eq!(
        on(&lab, "b", &["sh", "-c", "exit 7"]).status.code(),
        Some(7)
    );
    assert_eq!(stdout(&on(&lab, "b", &["printenv", "COURSE_HOST"])), "b\n");
    let said = on(&lab, "b", &["no-such-program"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(
        stderr(&said).starts_with("error: cannot run no-such-program: "),
        "{said:?}"
    );
}

#[test]
fn a_lab_has_the_hosts_that_it_was_made_with() {
    let Some(lab) = lab(2) else { return };
    let said = on(&lab, "r", &["true"]);
    assert!(
        stderr(&said).starts_with("error: this lab has no host r"),
        "{said:?}"
    );
    let (name, value) = lab.variable();
    let said = Command::new(COURSE)
        .args(["lab", "--hosts", "3", "--", "true"])
        .env(name, value)
        .output();
    let said = said.expect("the course was built");
    assert!(
        stderr(&said).starts_with("error: there is a lab already, with 2 hosts"),
        "{said:?}"
    );
}

#[test]
fn nothing_remains_when_the_last_one_has_left() {
    let Some(lab) = lab(3) else { return };
    let name = lab.variable().1;
    let mut last = lab.on("b");
    // It holds the lab although whoever has made it is gone.
    last.args(["sh", "-c", "echo in; read line"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut last = last.spawn().expect("the course was built");
    assert_eq!(first_line(&mut last).expect("waited for host b"), "in");
    drop(lab);
    assert_eq!(keepers(&name), 3);
    drop(last.stdin.take());
    exited(last);
    let deadline = Instant::now() + PATIENCE;
    while keepers(&name) > 0 {
        assert!(Instant::now() < deadline, "waited for the keepers to end");
        thread::sleep(Duration::from_millis(2));
    }
}

/// How many processes keep a host of that lab.
fn keepers(name: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("Linux has it").flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let middle = format!("\0two-terminals-lab\0{name}\0");
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(&middle))
        .count()
}

#[test]
fn says_why_it_is_forbidden_and_what_to_do() {
    if !has_lab() || !has("unshare") {
        return;
    }
    // In a user namespace the limits are its own: nobody else is harmed.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces
        echo 0 > /proc/sys/user/max_net_namespaces
        exec \"$0\" lab -- true";
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-current-user",
        "--keep-caps",
        "sh",
        "-c",
        script,
        COURSE,
    ]);
    let said = command
        .env("COURSE_LAB", "forbidden")
        .output()
        .expect("unshare is there");
    let text = stderr(&said);
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(text.starts_with("error: cannot make a "), "{text}");
    assert!(
        text.contains("hint: the system allows no more of them; see `sysctl user.max_"),
        "{text}"
    );
}
