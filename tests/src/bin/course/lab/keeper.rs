//! What keeps a lab as long as somebody is in it, and where the next one finds it.
//!
//! Each host has a keeper: a small shell that waits for the end of its input. All of them read from
//! one pipe. Whoever enters the lab holds the pipe's other end, and so does every program that
//! they start there. When the last of them has ended, the pipe is closed; the keepers end, and with
//! them the namespaces, the cables and the addresses. Nothing is written to any file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::geteuid;
use shared::Failure;

use super::Host;
use super::linux::path;
use super::namespace;
use super::plan::Plan;

/// What the shell does, and how it is told from others. Behind it stand the lab's name, the host,
/// and how many hosts there are.
const KEEPER: [&str; 4] = ["sh", "-c", "read line", "two-terminals-lab"];

/// A lab that somebody else has made.
pub struct Lab {
    /// How many hosts it has.
    pub hosts: u8,
    keepers: Vec<(String, u32)>,
}

/// Looks for a lab of this user with that name. One that is just being made is waited for, and so
/// is the end of one that everybody has left.
pub fn find(name: &str) -> Option<Lab> {
    for _ in 0..LOOKS {
        match look(name) {
            Some(lab) if !lab.is_whole() => thread::sleep(BETWEEN_LOOKS),
            found => return found,
        }
    }
    look(name)
}

/// Two seconds: it takes a fiftieth of one, unless the machine is very busy.
const LOOKS: u32 = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

fn look(name: &str) -> Option<Lab> {
    let mut lab: Option<Lab> = None;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(process) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue; // not a process
        };
        // A process may end at any moment; then there is nothing to read.
        let own = entry
            .metadata()
            .is_ok_and(|of| of.uid() == geteuid().as_raw());
        let Some(line) = own
            .then(|| fs::read(entry.path().join("cmdline")).ok())
            .flatten()
        else {
            continue;
        };
        if let Some((host, hosts)) = keeps(&line, name) {
            let lab = lab.get_or_insert(Lab {
                hosts,
                keepers: Vec::new(),
            });
            lab.keepers.push((host, process));
        }
    }
    lab
}

/// If a process with this command line is a keeper of the lab: its host, and how many there are.
fn keeps(line: &[u8], name: &str) -> Option<(String, u8)> {
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.trim_end_matches('\0').split('\0').collect();
    match words.strip_prefix(&KEEPER)? {
        [of, host, hosts] if *of == name => Some(((*host).to_owned(), hosts.parse().ok()?)),
        _ => None,
    }
}

impl Lab {
    /// Whether all of its hosts are there, and somebody in it.
    fn is_whole(&self) -> bool {
        let somebody_in_it = |process: &u32| {
            // A pipe whose other end nobody holds is at its end, otherwise it would have to wait.
            let mut pipe = OpenOptions::new();
            pipe.read(true)
                .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
            let pipe = pipe.open(format!("/proc/{process}/fd/0"));
            let read = pipe.and_then(|mut pipe| pipe.read(&mut [0]));
            read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        let mut processes = self.keepers.iter().map(|(_, process)| process);
        self.keepers.len() == usize::from(self.hosts) && processes.all(somebody_in_it)
    }

    /// Enters a host, and keeps the lab from now on.
    pub fn enter(&self, host: Host) -> Result<(), Failure> {
        let failed = |cause: io::Error| Failure::new(format!("cannot enter host {host}: {cause}"));
        let gone = || failed(io::Error::other("the lab is just closing"));
        let name = host.to_string();
        let keeper = self.keepers.iter().find(|(of, _)| *of == name);
        let process = keeper.ok_or_else(gone)?.1;
        let pipe = format!("/proc/{process}/fd/0");
        let pipe = OpenOptions::new().write(true).open(pipe).map_err(failed)?;
        namespace::join(process).map_err(failed)?;
        hold(pipe).map_err(failed)
    }
}

/// Makes the lab and moves to a host; keeps the lab from now on.
pub fn make(name: &str, plan: &Plan, host: Host) -> Result<(), Failure> {
    namespace::leave_the_network()?;
    namespace::keep_power()?;
    build(name, plan, host)
}

fn build(name: &str, plan: &Plan, host: Host) -> Result<(), Failure> {
    let failed = |cause: io::Error| Failure::new(format!("cannot make the lab: {cause}"));
    let (input, pipe) = io::pipe().map_err(failed)?;
    let mut hosts = Vec::new();
    for &host in plan.hosts() {
        if !hosts.is_empty() {
            namespace::new_network().map_err(failed)?;
        }
        let keeper = keep(name, plan, host, &input).map_err(failed)?;
        for (file, value) in plan.settings(host) {
            fs::write(format!("/proc/sys/net/{file}"), value).map_err(failed)?;
        }
        hosts.push((host, keeper, namespace::network().map_err(failed)?));
    }
    let process = |host| {
        let mut found = hosts.iter().filter(|(of, ..)| *of == host);
        found.next().map_or(0, |(_, process, _)| *process)
    };
    ip(&plan.cables(process))?;
    // Each step on all hosts before the next one: a link is up when both of its ends are.
    for step in [Plan::links, Plan::addresses] {
        for (host, _, network) in &hosts {
            namespace::move_to(network).map_err(failed)?;
            ip(&step(plan, *host))?;
        }
    }
    for (_, _, network) in hosts.iter().filter(|(of, ..)| *of == host) {
        namespace::move_to(network).map_err(failed)?;
    }
    hold(pipe_file(pipe)).map_err(failed)
}

fn pipe_file(pipe: PipeWriter) -> File {
    File::from(std::os::fd::OwnedFd::from(pipe))
}

/// Starts a keeper in the network in which this program is.
fn keep(name: &str, plan: &Plan, host: Host, input: &PipeReader) -> io::Result<u32> {
    let [program, words @ ..] = KEEPER;
    let hosts = plan.hosts().len().to_string();
    let mut keeper = Command::new(program);
    keeper.args(words).args([name, &host.to_string(), &hosts]);
    keeper.stdin(input.try_clone()?);
    keeper.stdout(Stdio::null()).stderr(Stdio::null());
    keeper.process_group(0); // Ctrl-C is not for it
    keeper.current_dir("/");
    Ok(keeper.spawn()?.id())
}

/// Has whatever is started here keep the lab: it inherits the pipe.
fn hold(pipe: File) -> io::Result<()> {
    fcntl_setfd(pipe.as_fd(), FdFlags::empty())?;
    std::mem::forget(pipe); // it stays open until this program and all that it started have ended
    Ok(())
}

/// Has `ip` do something, one command a line, on the host on which this program is.
fn ip(lines: &str) -> Result<(), Failure> {
    let failed = |cause: &str| {
        let failure = Failure::new(format!("cannot set up the network by `ip`: {cause}"));
        failure.hint("it is in the package iproute2: sudo apt-get install iproute2")
    };
    let mut command = Command::new("ip");
    command.args(["-batch", "-"]).env("PATH", path());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| failed(&e.to_string()))?;
    let mut input = child.stdin.take().expect("it was asked for");
    let written = input.write_all(lines.as_bytes());
    drop(input);
    let output = child
        .wait_with_output()
        .map_err(|e| failed(&e.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!(
            "cannot set up the network: {}",
            shared::escape(said.trim().as_bytes())
        )));
    }
    written.map_err(|e| failed(&e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_keeper_by_its_command_line() {
        let line = b"sh\0-c\0read line\0two-terminals-lab\0x\0b\x002\0";
        assert_eq!(keeps(line, "x"), Some(("b".to_owned(), 2)));
        assert_eq!(keeps(line, ""), None);
        let unnamed = b"sh\0-c\0read line\0two-terminals-lab\0\0a\x003\0";
        assert_eq!(keeps(unnamed, ""), Some(("a".to_owned(), 3)));
        assert_eq!(keeps(b"sh\0-c\0read line\0", ""), None);
    }
}
