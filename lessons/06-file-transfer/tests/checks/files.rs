//! 6.2 File names from strangers, and 6.3 Complete or nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, WAIT, check, show};
use file_transfer::contract::{NameError, TransferError};
use tempfile::TempDir;

use super::{Create, Receive};

const ELSEWHERE: &str = "docs/06-file-transfer.md: A name that leads somewhere else";
const READ_THE_CODE: &str = "docs/06-file-transfer.md: Read the code";
const HALF_A_FILE: &str = "docs/06-file-transfer.md: Half a file";

/// A folder for the function inside a folder that it must not touch.
struct Room {
    outer: TempDir,
}

impl Room {
    fn new() -> Step<Room> {
        let outer = tempfile::tempdir().map_err(no_room)?;
        fs::create_dir(outer.path().join("folder")).map_err(no_room)?;
        Ok(Room { outer })
    }

    fn dir(&self) -> PathBuf {
        self.outer.path().join("folder")
    }

    fn put(&self, name: &str, content: &[u8]) -> Step {
        fs::write(self.dir().join(name), content).map_err(no_room)
    }

    /// Everything in it, with its content; links are not followed.
    fn content(&self) -> Step<BTreeMap<String, String>> {
        let mut content = BTreeMap::new();
        let mut folders = vec![self.outer.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(no_room)? {
                let path = entry.map_err(no_room)?.path();
                let metadata = match fs::symlink_metadata(&path) {
                    Ok(metadata) => metadata,
                    Err(_) => continue, // a temporary file that is gone by now
                };
                let what = if metadata.is_dir() {
                    folders.push(path.clone());
                    "a folder".to_owned()
                } else if metadata.is_symlink() {
                    "a link".to_owned()
                } else {
                    fs::read(&path).map_or("unreadable".to_owned(), |bytes| show(&bytes))
                };
                let name = path.strip_prefix(self.outer.path()).unwrap_or(&path);
                content.insert(name.display().to_string(), what);
            }
        }
        Ok(content)
    }

    /// Checks that all is as it was before.
    fn expect(&self, before: &BTreeMap<String, String>, did: &str, cause: &str) -> Step {
        let now = self.content()?;
        for (name, what) in before {
            match now.get(name) {
                Some(now) if now == what => {}
                now => {
                    let now = now.map_or("gone", String::as_str);
                    return Err(Fault::new(format!(
                        "{did}: '{}' was {what}, and is {now}",
                        name.escape_debug()
                    ))
                    .cause(cause));
                }
            }
        }
        for (name, what) in &now {
            if !before.contains_key(name) {
                return Err(Fault::new(format!(
                    "{did}: now there is '{}', {what}",
                    name.escape_debug()
                ))
                .cause(cause));
            }
        }
        Ok(())
    }
}

fn no_room(e: io::Error) -> Fault {
    Fault::new(format!("the check could not use its own folder: {e}"))
}

/// 6.2 File names from strangers.
pub fn create(create: Create) -> Verdict {
    check(move |trial| {
        refuses_bad_names(trial, create).read(ELSEWHERE)?;
        takes_good_names(trial, create).read(ELSEWHERE)?;
        leaves_what_is_there(trial, create).read(ELSEWHERE)?;
        gives_a_name_to_one_of_two(trial, create).read(ELSEWHERE)
    })
}

const LONG: &str = "A good name is UTF-8";
const SIGNS: &str = "There is no `/`";
const LAST: &str = "It does not end with a dot";
const DEVICES: &str = "It is not the name of a device";
const OTHERS: &str = "Every other name is good";
const JUST: &str = "The file has just that name";
const ONLY_IF: &str = "Creates the file only if";
const STAYS: &str = "Everything else in and around";
const WRITING: &str = "The file is open for writing";

const LEADS_OUT: &str = "join forgets the folder if the name begins with /, and .. climbs out of \
    it; a name is refused for what is in it, not repaired (file_name, replace), and \
    Path::starts_with compares words: folder/../x starts with folder";
const WINDOWS: &str = "on Unix \\ and : are letters like any other, so Path does not see them; on \
    Windows they lead out of the folder";
const CONTROL: &str = "whoever shows the name shows its control characters; there are some outside \
    ASCII, too";
const DROPPED: &str = "Windows drops a dot or a space at the end of a name, so it is not the name it \
    seems to be";
const DEVICE: &str = "Windows means the device, whatever the case of the letters and whatever \
    stands behind the first dot";
const TEXT: &str = "a name is at most 255 bytes of UTF-8: bytes, not characters";
const NOT_TEXT: &str = "bytes that are not UTF-8 are replaced (from_utf8_lossy), or left out";
const TOO_STRICT: &str = "more is refused than the contract says: look for what is bad, not for what \
    is good";

/// The names of the devices, as the contract has them.
fn devices() -> Vec<String> {
    let numbered = |n| [format!("COM{n}"), format!("LPT{n}")];
    let devices = ["CON", "PRN", "AUX", "NUL"].map(str::to_owned);
    devices
        .into_iter()
        .chain((1..=9).flat_map(numbered))
        .collect()
}

/// Each bad name, with the sentence that it breaks and the likely cause where it is taken.
fn bad_names(absolute: &str) -> Vec<(Vec<u8>, &'static str, &'static str)> {
    let mut bad: Vec<(Vec<u8>, _, _)> = Vec::new();
    let leads_out = [
        "../outside",
        absolute,
        "sub/inside",
        "sub/../../outside",
        "..././outside",
        "./here",
        "trailing/",
        "/",
        "//",
    ];
    bad.extend(leads_out.map(|name| (name.into(), SIGNS, LEADS_OUT)));
    for name in [".", ".."] {
        bad.push((name.into(), LAST, LEADS_OUT));
    }
    bad.push((Vec::new(), LONG, "the empty name is the folder itself"));
    let windows = [
        r"..\outside",
        r"C:\boot.ini",
        "C:boot",
        "a:b",
        r"a\b",
        r"\",
        ":",
    ];
    bad.extend(windows.map(|name| (name.into(), SIGNS, WINDOWS)));
    let dropped = ["...", "a.", "a ", " ", "a..", "a. ", "a .", "塑 ", "nul "];
    bad.extend(dropped.map(|name| (name.into(), LAST, DROPPED)));
    for device in devices() {
        let mixed = device[..1].to_owned() + &device[1..].to_lowercase();
        for name in [
            device.clone(),
            device.to_lowercase(),
            mixed.clone(),
            format!("{device}.txt"),
            format!("{mixed}.tar.gz"),
            format!("{}..x", device.to_lowercase()),
            format!("{device}. x"),
        ] {
            bad.push((name.into_bytes(), DEVICES, DEVICE));
        }
    }
    let controls = (0..=0x9f_u8).map(char::from).filter(|c| c.is_control());
    for control in controls {
        for name in [
            format!("a{control}b"),
            format!("{control}a"),
            format!("a{control}"),
        ] {
            bad.push((name.into_bytes(), SIGNS, CONTROL));
        }
    }
    for name in [
        &b"not \xff UTF-8"[..],
        b"\xff",
        b"cut \xe5\xa1",
        b"\xed\xa0\x80 half a pair",
        b"\xc0\xaf",
        b"a\x80",
    ] {
        bad.push((name.to_owned(), LONG, NOT_TEXT));
    }
    for sign in ["x", "é", "塑", "🚲"] {
        // Too long by one byte, and by many; the shortest that is too long in each.
        let n = 255 / sign.len() + 1;
        for name in [
            sign.repeat(n),
            sign.repeat(n + 1),
            sign.repeat(4 * n),
            format!("{:x>256}", sign),
        ] {
            bad.push((name.into_bytes(), LONG, TEXT));
        }
    }
    bad
}

fn refuses_bad_names(trial: &Trial, create: Create) -> Step {
    let room = Room::new()?;
    fs::create_dir(room.dir().join("sub")).map_err(no_room)?;
    let before = room.content()?;
    let absolute = room.outer.path().join("absolute");
    let nowhere = room.dir().join("no such folder");
    for (name, breaks, cause) in bad_names(&absolute.to_string_lossy()) {
        let did = format!("the name {} came", show(&name));
        let (dir, none) = (room.dir(), nowhere.clone());
        let attempt = trial.start(move || (create(&dir, &name), create(&none, &name)));
        let (result, elsewhere) = attempt.result().when(&did).breaks(breaks)?;
        if !matches!(result, Err(NameError::Refused)) {
            return Err(
                Fault::new(format!("{did}: expected Err(Refused), got {result:?}"))
                    .breaks(breaks)
                    .cause(cause),
            );
        }
        let left = "the file is created first, and the name looked at then; or a name is repaired";
        room.expect(&before, &format!("{did} and was refused"), left)
            .breaks(STAYS)?;
        if !matches!(elsewhere, Err(NameError::Refused)) {
            return Err(Fault::new(format!(
                "{did}, and there was no folder `dir`: expected Err(Refused), got {elsewhere:?}"
            ))
            .breaks("`Refused`")
            .cause("the folder is looked at before the name"));
        }
    }
    Ok(())
}

fn call(trial: &Trial, create: Create, dir: &Path, name: &[u8]) -> Step<Result<File, NameError>> {
    let (dir, name) = (dir.to_owned(), name.to_owned());
    trial.start(move || create(&dir, &name)).result()
}

/// Names that are good by the contract; none of them differs from another only in case.
fn good_names() -> Vec<String> {
    let mut good: Vec<String> = [
        "postcard.txt",
        "塑料王国.mp4",
        ".profile",
        "a..b",
        "..a",
        "with space",
        " in front",
        "-rf",
        "1+1=2 (draft)",
        "~",
        "$HOME",
        "%2e%2e",
        "it's, you; & me",
        "[x]{y}#!@^`",
        "COM10",
        "COM0",
        "LPT0",
        "LPT10",
        "COM",
        "COMX",
        "com1x",
        "null",
        "xnul",
        "console.txt",
        "a.nul",
        ".nul",
        "con-1",
        "auxiliary",
        "CONIN$",
        "été",
        "e\u{301}te\u{301}",
        "\u{200b}nothing to see",
        "🚲",
        "مرحبا",
        "x",
    ]
    .map(str::to_owned)
    .into();
    // Some systems take no such names; then the check cannot ask for them.
    good.extend(["a*b", "a?b", "a<b>c", "a|b", "a\"b"].map(str::to_owned));
    // As long as it may be, in signs of each length, and a little shorter.
    for sign in ["x", "é", "塑", "🚲"] {
        good.extend(
            [253, 254, 255].map(|n| sign.repeat(n / sign.len()) + &"y".repeat(n % sign.len())),
        );
    }
    good.extend((2..=4).map(|n| "z".repeat(n * 50)));
    good
}

fn takes_good_names(trial: &Trial, create: Create) -> Step {
    let (room, ours) = (Room::new()?, Room::new()?);
    for name in good_names() {
        if File::create_new(ours.dir().join(&name)).is_err() {
            continue; // nobody can, in this folder, on this system
        }
        let did = format!("the name {} came", show(name.as_bytes()));
        let file = call(trial, create, &room.dir(), name.as_bytes())?;
        let mut file = file.map_err(|e| {
            let fault = Fault::new(format!("{did}: expected a file, got {e:?}"));
            if (250..=255).contains(&name.len()) {
                fault.breaks(LONG).cause(TEXT)
            } else {
                fault.breaks(OTHERS).cause(TOO_STRICT)
            }
        })?;
        let written = file.write_all(b"hello");
        written.map_err(|e| {
            Fault::new(format!("{did}: the file cannot be written to: {e}"))
                .breaks(WRITING)
                .cause("File::open opens for reading only")
        })?;
        drop(file);
        let now = room.content()?;
        let just_that = BTreeMap::from([
            ("folder".to_owned(), "a folder".to_owned()),
            (
                Path::new("folder").join(&name).display().to_string(),
                "'hello'".to_owned(),
            ),
        ]);
        if now != just_that {
            return Err(Fault::new(format!(
                "{did}, and 'hello' was written to the file: expected it under that name and nothing \
                 else, and there is {now:?}"
            ))
            .breaks(JUST)
            .cause("the name was changed, or another file was made besides"));
        }
        fs::remove_file(room.dir().join(&name)).map_err(no_room)?;
    }
    Ok(())
}

fn leaves_what_is_there(trial: &Trial, create: Create) -> Step {
    const OLD: &str = "File::create empties what is there and follows links, and exists() does not \
        see a link that leads nowhere: create_new looks and creates in one step";
    let room = Room::new()?;
    room.put("file", b"old")?;
    room.put("empty", b"")?;
    fs::create_dir(room.dir().join("directory")).map_err(no_room)?;
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut taken = vec!["file", "empty", "directory"];
    #[cfg(unix)]
    {
        let link = |to: &Path, name| std::os::unix::fs::symlink(to, room.dir().join(name));
        link(&room.outer.path().join("nowhere"), "dangling").map_err(no_room)?;
        link(&room.dir().join("file"), "link").map_err(no_room)?;
        link(&room.dir().join("directory"), "door").map_err(no_room)?;
        taken.extend(["dangling", "link", "door"]);
    }
    let before = room.content()?;
    for name in taken {
        let did = format!("there was something called '{name}' already");
        let result = call(trial, create, &room.dir(), name.as_bytes())?;
        room.expect(&before, &did, OLD).breaks(STAYS)?;
        let fault = Fault::new(format!("{did}: expected Err(Taken), got {result:?}"));
        match result {
            Err(NameError::Taken) => {}
            Ok(_) => return Err(fault.breaks(ONLY_IF).cause(OLD)),
            Err(_) => {
                return Err(fault.breaks("`Taken`").cause(
                    "the error of open says why: ErrorKind::AlreadyExists means that the name is taken",
                ));
            }
        }
    }

    let nowhere = room.dir().join("no such folder");
    let did = "there was no folder `dir`";
    let result = call(trial, create, &nowhere, b"file")?;
    room.expect(
        &before,
        did,
        "the folder was made: `dir` is for the caller to make",
    )
    .breaks(STAYS)?;
    if matches!(result, Err(NameError::Io(_))) {
        return Ok(());
    }
    Err(
        Fault::new(format!("{did}: expected Err(Io(..)), got {result:?}"))
            .breaks("`Io`")
            .cause("not every error of open means that the name is taken: ErrorKind::AlreadyExists does"),
    )
}

/// Who looks first and creates then is found here on many a run, but not on every one.
fn gives_a_name_to_one_of_two(trial: &Trial, create: Create) -> Step {
    const ROUNDS: usize = 50;
    let room = Room::new()?;
    let start = Arc::new(Barrier::new(2));
    let callers = [(); 2].map(|()| {
        let (start, dir) = (Arc::clone(&start), room.dir());
        trial.start(move || -> Vec<bool> {
            let rounds = 0..ROUNDS;
            rounds
                .map(|n| {
                    start.wait();
                    create(&dir, format!("file {n}").as_bytes()).is_ok()
                })
                .collect()
        })
    });
    let [first, second] = callers.map(|caller| caller.result());
    for (first, second) in first?.into_iter().zip(second?) {
        if first == second {
            return Err(Fault::new(format!(
                "two callers asked for the same new name at once, and {} got the file",
                if first { "both" } else { "neither" }
            ))
            .breaks("Looks and creates in one step")
            .cause("between a look and a creation there is time for somebody else: create_new does both"));
        }
    }
    Ok(())
}

/// 6.3 Complete or nothing.
pub fn receive(receive: Receive) -> Verdict {
    check(move |trial| {
        receives_whole_files(trial, receive).read(READ_THE_CODE)?;
        refuses_what_is_not_whole(trial, receive).read(HALF_A_FILE)?;
        keeps_the_bytes_in_the_folder(trial, receive).read(READ_THE_CODE)?;
        receives_two_at_once(trial, receive).read(READ_THE_CODE)?;
        leaves_nothing_when_the_disk_fails(trial, receive).read(READ_THE_CODE)
    })
}

type Receiving = (Peer, Attempt<Result<(), TransferError>>);

fn start_receive(trial: &Trial, receive: Receive, size: u64, dir: &Path) -> Step<Receiving> {
    let (peer, stream) = trial.pair()?;
    let dir = dir.to_owned();
    let attempt = trial.start(move || receive(stream, size, &dir, NAME));
    Ok((peer, attempt))
}

/// The name that all files of the check have.
const NAME: &str = "postcard.txt";

const IN_PLACE: &str = "the bytes go straight into the file that they are for: nobody can tell half \
    a file from a whole one, and the old one is lost";

fn receives_whole_files(trial: &Trial, receive: Receive) -> Step {
    let room = Room::new()?;
    let all: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for size in [300_000, 5, 1, 0] {
        let file = &all[..size];
        let did = format!("a file of {size} bytes was sent, and then the end");
        let (mut peer, attempt) = start_receive(trial, receive, size as u64, &room.dir())?;
        let (first, rest) = file.split_at(size.min(3));
        // Where sending fails the function has returned already, and its result says more.
        let _ = peer.dribble(first, Duration::from_millis(5));
        let _ = peer.send(rest);
        let _ = peer.half_close();
        let result = attempt.result().when(&did)?;
        result.map_err(|e| Fault::new(format!("{did}: expected Ok(()), got Err({e:?})")))?;
        let content = fs::read(room.dir().join(NAME)).unwrap_or_default();
        if content != file || !room.dir().join(NAME).exists() {
            return Err(Fault::new(format!(
                "{did}, and you returned Ok(()): in the file is {}",
                show(&content)
            ))
            .cause("the bytes are not all in the file, or it is not under its name, or the old file is still there"));
        }
        let entries = room.content()?.len();
        if entries != 2 {
            return Err(Fault::new(format!(
                "{did}: in the folder there is more than the file: {:?}",
                room.content()?.keys()
            ))
            .cause("a temporary file is left"));
        }
    }
    Ok(())
}

const NOT_COMPARED: &str = "what came was not compared with the size: io::copy and take return \
    fewer bytes without an error, and an end is no proof that all is there";
const NO_END: &str = "nobody looked for the end behind the last byte: read must return 0 there";

fn refuses_what_is_not_whole(trial: &Trial, receive: Receive) -> Step {
    type Case = (
        u64,
        &'static [&'static [u8]],
        bool,
        &'static str,
        &'static str,
    );
    let cases: [Case; 7] = [
        (10, &[b"hello!"], true, "Short { got: 6 }", NOT_COMPARED),
        (10, &[], true, "Short { got: 0 }", NOT_COMPARED),
        (u64::MAX, &[b"abc"], true, "Short { got: 3 }", NOT_COMPARED),
        (5, &[b"hello!"], true, "TooMuch", NO_END),
        (5, &[b"hello", b"!"], true, "TooMuch", NO_END),
        (0, &[b"!"], true, "TooMuch", NO_END),
        (
            10,
            &[b"hello!"],
            false,
            "Io(..)",
            "an error of read is taken for the end",
        ),
    ];
    for old in [false, true] {
        for (size, parts, polite, expected, cause) in cases {
            let room = Room::new()?;
            if old {
                room.put(NAME, b"the old file")?;
            }
            let before = room.content()?;
            let (mut peer, attempt) = start_receive(trial, receive, size, &room.dir())?;
            for part in parts {
                let _ = peer.send(part); // as above
                if parts.len() > 1 {
                    thread::sleep(Duration::from_millis(30)); // the pace of the sender
                }
            }
            let end = if polite {
                let _ = peer.half_close();
                "the end"
            } else {
                peer.reset();
                "a reset"
            };
            let did = format!(
                "the size was {size}, {} was sent, and then {end}",
                show(&parts.concat())
            );
            let result = attempt.result().when(&did)?;
            let came = match &result {
                Ok(()) => "Ok(())".to_owned(),
                Err(TransferError::Io(_)) => "Io(..)".to_owned(),
                Err(error) => format!("{error:?}"),
            };
            if came != expected {
                return Err(Fault::new(format!(
                    "{did}: expected the error {expected}, got {came}"
                ))
                .cause(cause));
            }
            let left = format!("{IN_PLACE}; or a temporary file is left");
            room.expect(&before, &format!("{did}, so nothing should change"), &left)?;
        }
    }
    Ok(())
}

fn keeps_the_bytes_in_the_folder(trial: &Trial, receive: Receive) -> Step {
    const SIZE: usize = 4 * 1024 * 1024;
    const WHERE: &str = "the temporary file is not in the folder of the file, and between two file \
        systems nothing can be renamed; or all of it is kept in memory";
    let room = Room::new()?;
    room.put(NAME, b"the old file")?;
    let (mut peer, attempt) = start_receive(trial, receive, SIZE as u64, &room.dir())?;
    peer.send(&vec![b'x'; SIZE]).cause(WHERE)?;
    let since = Instant::now();
    while !has_another_file(&room.dir()) {
        if since.elapsed() > WAIT / 2 {
            return Err(Fault::new(
                "4 MiB had come, without the end, and there was no temporary file in the folder",
            )
            .cause(WHERE));
        }
        thread::sleep(Duration::from_millis(5)); // between two looks
    }
    attempt.still_runs().cause(NO_END)?;
    let now = fs::read(room.dir().join(NAME)).unwrap_or_default();
    if now != b"the old file" {
        return Err(Fault::new(format!(
            "the end had not come yet, and under the name there was {} instead of the old file",
            show(&now)
        ))
        .cause(IN_PLACE));
    }
    peer.half_close()?;
    let result = attempt.result()?;
    result.map_err(|e| {
        Fault::new(format!(
            "4 MiB and the end were sent: you returned Err({e:?})"
        ))
    })?;
    let now = fs::read(room.dir().join(NAME)).unwrap_or_default();
    if now.len() == SIZE && room.content()?.len() == 2 {
        return Ok(());
    }
    Err(Fault::new(format!(
        "a file of 4 MiB was sent: {} bytes are there",
        now.len()
    )))
}

/// Whether there is a file in the folder besides the one that has the name, or one without a name.
fn has_another_file(dir: &Path) -> bool {
    let others = fs::read_dir(dir).is_ok_and(|entries| {
        entries
            .filter_map(Result::ok)
            .any(|entry| entry.file_name() != NAME)
    });
    // Linux: an open file that has no name yet shows as one of the folder (O_TMPFILE).
    others
        || fs::read_dir("/proc/self/fd").is_ok_and(|files| {
            files
                .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
                .any(|path| path.starts_with(dir) && !path.ends_with(NAME))
        })
}

fn receives_two_at_once(trial: &Trial, receive: Receive) -> Step {
    const SAME: &str = "both transfers used the same temporary file: its name must be one that \
        nobody else uses (NamedTempFile::new_in)";
    let room = Room::new()?;
    let (mut slow, slow_attempt) = start_receive(trial, receive, 8, &room.dir())?;
    slow.send(b"slow")?;
    let since = Instant::now();
    while !has_another_file(&room.dir()) && since.elapsed() < WAIT / 2 {
        thread::sleep(Duration::from_millis(5)); // the slow one should have begun
    }
    let (mut fast, fast_attempt) = start_receive(trial, receive, 5, &room.dir())?;
    fast.send(b"quick")?;
    fast.half_close()?;
    let did = "while another transfer of the same name was stalled, a file was sent whole";
    let result = fast_attempt.result().when(did)?;
    result.map_err(|e| Fault::new(format!("{did}: you returned Err({e:?})")).cause(SAME))?;
    let expect = |expected: &[u8], did: &str| {
        let content = fs::read(room.dir().join(NAME)).unwrap_or_default();
        if content == expected {
            return Ok(());
        }
        Err(Fault::new(format!(
            "{did}: expected {} in the file, and there is {}",
            show(expected),
            show(&content)
        ))
        .cause(SAME))
    };
    expect(b"quick", did)?;
    let _ = slow.send(b"poke"); // as above
    expect(b"quick", "the stalled transfer went on")?;
    let _ = slow.half_close();
    let did = "two transfers of the same name ran at once, and the second to finish has finished";
    let result = slow_attempt.result().when(did)?;
    result.map_err(|e| Fault::new(format!("{did}: you returned Err({e:?})")).cause(SAME))?;
    expect(b"slowpoke", did)?;
    match room.content()?.len() {
        2 => Ok(()),
        _ => Err(Fault::new(format!("{did}: a temporary file is left")).cause(SAME)),
    }
}

fn leaves_nothing_when_the_disk_fails(trial: &Trial, receive: Receive) -> Step {
    let room = Room::new()?;
    fs::create_dir(room.dir().join(NAME)).map_err(no_room)?;
    let before = room.content()?;
    for (dir, did) in [
        (
            room.dir(),
            "a folder had the name of the file, and the file was sent whole",
        ),
        (
            room.dir().join("none"),
            "there was no such folder, and the file was sent whole",
        ),
    ] {
        let (mut peer, attempt) = start_receive(trial, receive, 5, &dir)?;
        // The function may have returned by now.
        let _ = peer.send(b"hello");
        let _ = peer.half_close();
        let result = attempt.result().when(did)?;
        if !matches!(result, Err(TransferError::Io(_))) {
            return Err(Fault::new(format!(
                "{did}: expected Err(Io(..)), got {result:?}"
            )));
        }
        let cause = "a rename can fail too, and then the temporary file is still there: it must be \
            removed on every way out";
        room.expect(&before, did, cause)?;
    }
    Ok(())
}
