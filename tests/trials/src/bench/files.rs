//! Lesson 6: a file of 1 GiB over loopback, beside `cp`, Python and nc.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use course::{Server, has, status, workspace};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use shared::{Failure, warn};

use super::peer::program;
use super::rounds::interleave;
use super::table::{Comparison, Unit};

const SIZE: u64 = 1 << 30;

pub fn run(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    let folder = Folder::new().map_err(|e| Failure::new(format!("cannot make the files: {e}")))?;
    let mut ways: Vec<(&'static str, Way)> = vec![
        ("ours", ours),
        ("ours, its bar on a terminal", ours_with_bar),
        ("cp", copy),
    ];
    if has("python3") {
        ways.push(("Python, blocks of 2,048", python));
    }
    if has("nc") {
        // There are several programs of this name, and only OpenBSD's takes these arguments.
        match netcat(&folder) {
            Ok(_) => ways.push(("nc", netcat)),
            Err(failure) => warn!("nc is left out: {failure}"),
        }
    }
    for (_, way) in &ways {
        way(&folder)?; // so that the memory has been used once
    }
    let results = interleave(rounds, ways.len(), |i| {
        let before = work_of_children();
        let time = ways[i].1(&folder)?.as_secs_f64();
        let work = work_of_children().zip(before);
        Ok((
            time,
            work.map_or(f64::NAN, |(after, before)| after - before),
        ))
    })?;
    let named = |part: fn(&(f64, f64)) -> f64| {
        let parts = results
            .iter()
            .map(|rounds| rounds.iter().map(part).collect());
        ways.iter().map(|way| way.0).zip(parts).collect()
    };
    let gib = SIZE as f64 / f64::from(1 << 30);
    let most = |side: &str, kib: f64| Comparison {
        what: format!("the most memory of the file's {side}"),
        unit: Unit::KiB,
        results: vec![("ours", vec![kib])],
        goals: &[],
    };
    measured.extend([
        Comparison {
            what: format!("a file of {gib} GiB, from {0} to {0}", folder.kind),
            unit: Unit::Seconds,
            results: named(|r| r.0),
            goals: &[("cp", 1.0), ("Python, blocks of 2,048", 3.2)],
        },
        Comparison {
            what: "processor time for it, both sides".to_owned(),
            unit: Unit::Seconds,
            results: named(|r| r.1),
            goals: &[],
        },
    ]);
    let (sender, receiver) = memory(&folder)?;
    measured.extend([most("sender", sender), most("receiver", receiver)]);
    Ok(())
}

/// One way to move the file: how long it took.
type Way = fn(&Folder) -> Result<Duration, Failure>;

/// A folder with the file to send, and one to receive it into. Removed at the end.
struct Folder {
    _folder: tempfile::TempDir,
    kind: &'static str,
    file: PathBuf,
    inbox: PathBuf,
}

impl Folder {
    /// In memory where Linux offers that: a disk would be measured otherwise.
    fn new() -> io::Result<Folder> {
        let (folder, kind) = match tempfile::tempdir_in("/dev/shm") {
            Ok(folder) => (folder, "tmpfs"),
            Err(_) => (
                tempfile::tempdir()?,
                "the system's folder for temporary files",
            ),
        };
        let (file, inbox) = (folder.path().join("big"), folder.path().join("inbox"));
        fs::create_dir(&inbox)?;
        // Not zeros: nothing on the way may find them easier than other bytes.
        let mut out = File::create(&file)?;
        let mut block = vec![0; 1 << 20];
        let mut state = 1_u64;
        for _ in 0..SIZE >> 20 {
            for bytes in block.chunks_exact_mut(8) {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                bytes.copy_from_slice(&state.to_le_bytes());
            }
            out.write_all(&block)?;
        }
        let _folder = folder;
        Ok(Folder {
            _folder,
            kind,
            file,
            inbox,
        })
    }

    fn received(&self) -> PathBuf {
        self.inbox.join("big")
    }

    /// Checks that the whole file has come, and makes room for the next one.
    fn check(&self) -> Result<(), Failure> {
        let size = fs::metadata(self.received()).map_or(0, |m| m.len());
        let removed = fs::remove_file(self.received());
        if size == SIZE && removed.is_ok() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "only {size} of {SIZE} bytes were copied"
        )))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the folders' names are ASCII")
}

/// From the start of the command to its end.
fn time(command: &mut Command) -> Result<Duration, Failure> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(start.elapsed()),
        other => Err(Failure::new(format!("{command:?} failed: {other:?}"))),
    }
}

fn ours(folder: &Folder) -> Result<Duration, Failure> {
    let server = Server::start(&program("file-server"), &["send", text(&folder.file)]);
    let addr = server.addr().to_string();
    let mut client = Command::new(program("file-client"));
    client.args(["receive", "--addr", &addr, "--dir", text(&folder.inbox)]);
    let took = time(client.stderr(Stdio::null()))?;
    folder.check()?;
    Ok(took)
}

fn ours_with_bar(folder: &Folder) -> Result<Duration, Failure> {
    let server = Server::start(&program("file-server"), &["send", text(&folder.file)]);
    let addr = server.addr().to_string();
    let failed = |e| Failure::new(format!("cannot use a pseudo-terminal: {e}"));
    let pair = native_pty_system()
        .openpty(PtySize::default())
        .map_err(failed)?;
    let mut client = CommandBuilder::new(program("file-client"));
    client.args(["receive", "--addr", &addr, "--dir", text(&folder.inbox)]);
    client.env("TERM", "xterm");
    let mut screen = pair.master.try_clone_reader().map_err(failed)?;
    let start = Instant::now();
    let mut child = pair.slave.spawn_command(client).map_err(failed)?;
    drop(pair.slave);
    let mut shown = Vec::new();
    let _ = screen.read_to_end(&mut shown); // Linux ends a terminal with an error
    let status = child.wait();
    let took = start.elapsed();
    if !status.is_ok_and(|s| s.success()) || !String::from_utf8_lossy(&shown).contains("left") {
        return Err(Failure::new("file-client failed, or drew no bar"));
    }
    folder.check()?;
    Ok(took)
}

fn copy(folder: &Folder) -> Result<Duration, Failure> {
    let took = time(Command::new("cp").args([&folder.file, &folder.received()]))?;
    folder.check()?;
    Ok(took)
}

fn python(folder: &Folder) -> Result<Duration, Failure> {
    let peers = workspace().join("lessons/06-file-transfer/peers");
    let sender = peers.join("file_sender.py");
    let arguments = [text(&sender), "0", text(&folder.file), "!i"];
    let server = Server::start_at("python3", &arguments);
    let port = server.addr().port().to_string();
    let mut client = Command::new("python3");
    client.arg(peers.join("file_receiver.py"));
    let took = time(client.args([&port, text(&folder.inbox), "!i"]))?;
    folder.check()?;
    Ok(took)
}

/// nc does not say when it listens, so this tries until somebody is there; the bytes of a
/// connection that came too early were never sent.
fn netcat(folder: &Folder) -> Result<Duration, Failure> {
    let took = netcat_to(folder);
    if took.is_err() {
        let _ = fs::remove_file(folder.received()); // the next way needs the name
    }
    took
}

fn netcat_to(folder: &Folder) -> Result<Duration, Failure> {
    let failed = |e: io::Error| Failure::new(format!("cannot measure nc: {e}"));
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let port = free.map_err(failed)?.port().to_string();
    let into = File::create(folder.received()).map_err(failed)?;
    let receiver = Command::new("nc")
        .args(["-l", "127.0.0.1", &port])
        .stdout(into)
        .stdin(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut receiver = Ended(receiver);
    let deadline = Instant::now() + course::PATIENCE;
    loop {
        let from = File::open(&folder.file).map_err(failed)?;
        let start = Instant::now();
        let mut sender = Command::new("nc");
        sender.args(["-N", "127.0.0.1", &port]).stdin(from);
        if sender.status().map_err(failed)?.success() {
            receiver.0.wait().map_err(failed)?;
            let took = start.elapsed();
            folder.check()?;
            return Ok(took);
        }
        if let Some(status) = receiver.0.try_wait().map_err(failed)? {
            return Err(Failure::new(format!("nc did not listen: {status}")));
        }
        if Instant::now() > deadline {
            return Err(Failure::new("waited for nc to listen"));
        }
    }
}

/// A program that does not outlive this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended by itself
        let _ = self.0.wait();
    }
}

/// The most memory that the sender and the receiver have had at any time, in KiB.
fn memory(folder: &Folder) -> Result<(f64, f64), Failure> {
    let (file, inbox) = (text(&folder.file), text(&folder.inbox));
    let sender = Server::start(&program("file-server"), &["send", file]);
    let mut client = Command::new(program("file-client"));
    client.args([
        "receive",
        "--addr",
        &sender.addr().to_string(),
        "--dir",
        inbox,
    ]);
    time(client.stderr(Stdio::null()))?;
    folder.check()?;

    let receiver = Server::start(&program("file-server"), &["receive", "--dir", inbox]);
    let mut client = Command::new(program("file-client"));
    client.args(["send", file, "--addr", &receiver.addr().to_string()]);
    time(client.stderr(Stdio::null()))?;
    folder.check()?;
    Ok((most_memory(sender.pid()), most_memory(receiver.pid())))
}

fn most_memory(pid: u32) -> f64 {
    status(pid, "VmHWM").map_or(f64::NAN, |kib| kib as f64) // not known everywhere
}

/// How many seconds the processors have spent on the programs that this one has started and seen
/// end (Linux: `man 5 proc`, /proc/pid/stat: cutime and cstime).
fn work_of_children() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields = stat.rsplit_once(") ")?.1.split(' ');
    let ticks: Option<Vec<u32>> = fields.skip(13).take(2).map(|n| n.parse().ok()).collect();
    Some(f64::from(ticks?.iter().sum::<u32>()) / 100.0) // told in hundredths of a second
}
