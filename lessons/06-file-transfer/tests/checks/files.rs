//! 6.2 File names from strangers, and 6.3 Complete or nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{
    Attempt, Explain, Fault, Peer, Step, Trial, Verdict, WAIT, check, compare, show,
};
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

    /// Checks after a transfer that failed that all is as it was.
    fn expect_as_before(&self, before: &BTreeMap<String, String>, did: &str) -> Step {
        let now = self.content()?;
        let file = Path::new("folder").join(NAME).display().to_string();
        if now.get(&file) != before.get(&file) && !before.contains_key(&file) {
            return self.expect(before, did, EARLY).breaks(APPEARS);
        }
        if before
            .iter()
            .any(|(name, what)| now.get(name) != Some(what))
        {
            return self.expect(before, did, IN_PLACE).breaks(UNTOUCHED);
        }
        self.expect(before, did, LEFT).breaks(NONE_LEFT)
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
        leaves_nothing_when_the_disk_fails(trial, receive).read(READ_THE_CODE)?;
        keeps_the_old_file_to_the_last(trial, receive).read(HALF_A_FILE)?;
        replaces_the_old_file(trial, receive).read(HALF_A_FILE)?;
        takes_the_longest_name(trial, receive).read(READ_THE_CODE)
    })
}

const PAUSES: &str = "The bytes may come in pieces";
const APPEARS: &str = "The file appears under its name in one step";
const UNTOUCHED: &str = "Until then, and after every error";
const REPLACES: &str = "In the end the new file takes the place";
const TEMPORARY: &str = "While they come, the bytes go";
const AT_ONCE: &str = "Several transfers may run at once";
const NONE_LEFT: &str = "However it ends";
const MEMORY: &str = "Holds at most 1 MiB";
const ANY_SIZE: &str = "`size` is from a stranger";
const IO: &str = "`Io`: what the connection";

struct Receiving {
    peer: Peer,
    /// A clone of the function's socket, to look at.
    theirs: TcpStream,
    attempt: Attempt<Result<(), TransferError>>,
}

fn start_receive(
    trial: &Trial,
    receive: Receive,
    size: u64,
    dir: &Path,
    name: &str,
) -> Step<Receiving> {
    let (peer, stream) = trial.pair_with_buffers(64 * 1024)?;
    let theirs = stream
        .try_clone()
        .map_err(|e| Fault::new(format!("the check's socket failed: {e}")))?;
    let (dir, name) = (dir.to_owned(), name.to_owned());
    let attempt = trial.start(move || receive(stream, size, &dir, &name));
    Ok(Receiving {
        peer,
        theirs,
        attempt,
    })
}

/// The name that most files of the check have.
const NAME: &str = "postcard.txt";

const IN_PLACE: &str = "the bytes go straight into the file that they are for: nobody can tell half \
    a file from a whole one, and the old one is lost";
const EARLY: &str =
    "the file has its name before the end was seen; or the bytes go straight into it";
const LEFT: &str = "a temporary file is left: it must be removed on every way out, also by `?`";

fn receives_whole_files(trial: &Trial, receive: Receive) -> Step {
    let all: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let files = [
        (300_000, NAME),
        (5, NAME),
        (65_536, ".profile"),
        (1, NAME),
        (8192, "塑料王国.mp4"),
        (0, NAME),
    ];
    for (size, name) in files {
        let room = Room::new()?;
        if fs::write(room.outer.path().join(name), b"").is_err() {
            continue; // this system takes no such name
        }
        room.put(name, b"the old file")?;
        let before = room.content()?;

        let file = &all[..size];
        let did = format!("a file of {size} bytes was sent, and then the end");
        let mut receiving = start_receive(trial, receive, size as u64, &room.dir(), name)?;
        let (first, rest) = file.split_at(size.min(3));
        // Where sending fails the function has returned already, and its result says more.
        let _ = receiving.peer.send_one_by_one(first, &receiving.theirs);
        if let Ok(Some(timeout)) = receiving.theirs.read_timeout() {
            return Err(
                Fault::new(format!("the stream has a read timeout of {timeout:?}"))
                    .breaks(PAUSES)
                    .cause("a timeout is set: who gives up a slow sender is not asked here"),
            );
        }
        let _ = receiving.peer.send(rest);
        let _ = receiving.peer.half_close();
        let result = receiving.attempt.result().when(&did).breaks(APPEARS)?;
        result.map_err(|e| {
            let fault = Fault::new(format!("{did}: expected Ok(()), got Err({e:?})"));
            match e {
                TransferError::Io(_) => fault
                    .breaks(REPLACES)
                    .cause("what has the name already is no reason to fail"),
                _ => fault
                    .breaks(PAUSES)
                    .cause("one read need not return all of it: only a read of 0 is the end"),
            }
        })?;
        let content = fs::read(room.dir().join(name)).unwrap_or_default();
        if content != file {
            let what = compare(file, &content).err().unwrap_or_default();
            return Err(Fault::new(format!(
                "{did}, and you returned Ok(()): in the file is {}\n{what}",
                show(&content)
            ))
            .breaks(APPEARS)
            .cause("the bytes are not all in the file, or the old file is still there"));
        }
        // But for the file all is as before.
        let mut now = before;
        let path = Path::new("folder").join(name).display().to_string();
        now.insert(path, show(file));
        room.expect(&now, &did, LEFT).breaks(NONE_LEFT)?;
    }
    Ok(())
}

const NOT_COMPARED: &str = "what came was not compared with the size: io::copy and take return \
    fewer bytes without an error, and an end is no proof that all is there";
const NO_END: &str = "nobody looked for the end behind the last byte: read must return 0 there";

fn refuses_what_is_not_whole(trial: &Trial, receive: Receive) -> Step {
    const RESET: &str = "an error of read is taken for the end";
    const SHORTENED: &str = "the size does not fit into the type that it is put into (`as u32`, `as \
        i64`): a cut size is another size";
    const SHORT: &str = "`Short";
    const TOO_MUCH: &str = "`TooMuch`";
    const OVER_4_GIB: u64 = 1 << 32;
    type Case = (
        u64,
        &'static [&'static [u8]],
        bool,
        &'static str,
        &'static str,
        &'static str,
    );
    let cases: [Case; 15] = [
        (
            10,
            &[b"hello!"],
            true,
            "Short { got: 6 }",
            SHORT,
            NOT_COMPARED,
        ),
        (10, &[], true, "Short { got: 0 }", SHORT, NOT_COMPARED),
        (
            7,
            &[b"hello!"],
            true,
            "Short { got: 6 }",
            SHORT,
            NOT_COMPARED,
        ),
        (
            u64::MAX,
            &[b"abc"],
            true,
            "Short { got: 3 }",
            ANY_SIZE,
            SHORTENED,
        ),
        (1 << 63, &[], true, "Short { got: 0 }", ANY_SIZE, SHORTENED),
        (
            OVER_4_GIB,
            &[],
            true,
            "Short { got: 0 }",
            ANY_SIZE,
            SHORTENED,
        ),
        (
            OVER_4_GIB + 5,
            &[b"hello"],
            true,
            "Short { got: 5 }",
            ANY_SIZE,
            SHORTENED,
        ),
        (
            OVER_4_GIB + 1,
            &[b"hi"],
            true,
            "Short { got: 2 }",
            ANY_SIZE,
            SHORTENED,
        ),
        (5, &[b"hello!"], true, "TooMuch", TOO_MUCH, NO_END),
        (5, &[b"hello", b"!"], true, "TooMuch", TOO_MUCH, NO_END),
        (5, &[b"hello!!!!!!!!!!"], true, "TooMuch", TOO_MUCH, NO_END),
        (0, &[b"!"], true, "TooMuch", TOO_MUCH, NO_END),
        (10, &[b"hello!"], false, "Io(..)", IO, RESET),
        (6, &[b"hello!"], false, "Io(..)", IO, RESET),
        (0, &[], false, "Io(..)", IO, RESET),
    ];
    for old in [false, true] {
        for (size, parts, polite, expected, breaks, cause) in cases {
            let room = Room::new()?;
            if old {
                room.put(NAME, b"the old file")?;
            }
            let before = room.content()?;
            let Receiving {
                mut peer,
                theirs,
                attempt,
            } = start_receive(trial, receive, size, &room.dir(), NAME)?;
            for part in parts {
                let _ = peer.send(part); // as above
                if parts.len() > 1 {
                    peer.wait_until_read(&theirs);
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
            let result = attempt.result().when(&did).breaks(breaks)?;
            let came = match &result {
                Ok(()) => "Ok(())".to_owned(),
                Err(TransferError::Io(_)) => "Io(..)".to_owned(),
                Err(error) => format!("{error:?}"),
            };
            if came != expected {
                return Err(Fault::new(format!(
                    "{did}: expected the error {expected}, got {came}"
                ))
                .breaks(breaks)
                .cause(cause));
            }
            let did = format!("{did}, so nothing should change");
            room.expect_as_before(&before, &did)?;
        }
    }
    Ok(())
}

fn keeps_the_bytes_in_the_folder(trial: &Trial, receive: Receive) -> Step {
    const SIZE: usize = 3 * 1024 * 1024;
    /// What may be in memory, and what the buffers of the sockets may hold.
    const IN_MEMORY: usize = 1024 * 1024 + 512 * 1024;
    const WHERE: &str = "the temporary file is not in the folder of the file, and between two file \
        systems nothing can be renamed; or all of it is kept in memory until the end";
    const KEPT: &str = "the bytes are kept in memory, until the end or too many of them";
    let room = Room::new()?;
    room.put(NAME, b"the old file")?;
    let Receiving {
        mut peer, attempt, ..
    } = start_receive(trial, receive, SIZE as u64, &room.dir(), NAME)?;
    let mut sent = 0;
    // A buffer that is too large is found where it is almost full.
    for next in [SIZE * 5 / 8, SIZE] {
        peer.send(&vec![b'x'; next - sent])
            .breaks(MEMORY)
            .cause("nothing more is read")?;
        sent = next;
        let in_the_file = (sent - IN_MEMORY) as u64;
        let since = Instant::now();
        while bytes_in_other_files(&room.dir()).is_none_or(|n| n < in_the_file) {
            if since.elapsed() > WAIT / 2 {
                let fault = match bytes_in_other_files(&room.dir()) {
                    None => Fault::new(format!(
                        "{sent} bytes had come, without the end, and there was no temporary file in \
                         the folder"
                    ))
                    .breaks(TEMPORARY)
                    .cause(WHERE),
                    Some(n) => Fault::new(format!(
                        "{sent} bytes had come, without the end, and {n} of them were in the \
                         temporary file"
                    ))
                    .breaks(MEMORY)
                    .cause(KEPT),
                };
                return Err(fault.late());
            }
            thread::sleep(Duration::from_millis(5)); // between two looks
        }
    }
    attempt.still_runs().breaks(APPEARS).cause(NO_END)?;
    let now = fs::read(room.dir().join(NAME)).unwrap_or_default();
    if now != b"the old file" {
        return Err(Fault::new(format!(
            "the end had not come yet, and under the name there was {} instead of the old file",
            show(&now)
        ))
        .breaks(UNTOUCHED)
        .cause(IN_PLACE));
    }
    peer.half_close()?;
    let result = attempt.result().breaks(APPEARS)?;
    result.map_err(|e| {
        Fault::new(format!(
            "3 MiB and the end were sent: you returned Err({e:?})"
        ))
        .breaks(APPEARS)
    })?;
    let now = fs::read(room.dir().join(NAME)).unwrap_or_default();
    if now.len() == SIZE && room.content()?.len() == 2 {
        return Ok(());
    }
    Err(Fault::new(format!(
        "a file of 3 MiB was sent: {} bytes are there",
        now.len()
    ))
    .breaks(APPEARS))
}

/// How many bytes are in files of the folder besides the ones that have the name, or that have no
/// name; `None` if there is no such file.
fn bytes_in_other_files(dir: &Path) -> Option<u64> {
    let named = fs::read_dir(dir).into_iter().flatten().filter_map(|entry| {
        let path = entry.ok()?.path();
        (!path.ends_with(NAME)).then(|| fs::metadata(&path).map_or(0, |file| file.len()))
    });
    // Linux: an open file that has no name yet shows as one of the folder (O_TMPFILE).
    let open = fs::read_dir("/proc/self/fd");
    let nameless = open.into_iter().flatten().filter_map(|file| {
        let file = file.ok()?.path();
        let path = fs::read_link(&file).ok()?;
        let nameless = path.starts_with(dir) && path.to_string_lossy().ends_with(" (deleted)");
        nameless.then(|| fs::metadata(&file).map_or(0, |file| file.len()))
    });
    named.chain(nameless).reduce(|a, b| a + b)
}

/// Waits until a transfer has begun: its temporary file is there.
fn wait_for_another_file(dir: &Path) {
    let since = Instant::now();
    while bytes_in_other_files(dir).is_none() && since.elapsed() < WAIT / 4 {
        thread::sleep(Duration::from_millis(2)); // between two looks
    }
}

fn receives_two_at_once(trial: &Trial, receive: Receive) -> Step {
    const SAME: &str = "both transfers used the same temporary file: its name must be one that \
        nobody else uses (NamedTempFile::new_in)";
    const LOCKED: &str = "one transfer waits for another one";
    let room = Room::new()?;
    let mut slow = start_receive(trial, receive, 8, &room.dir(), NAME)?;
    slow.peer.send(b"slow")?;
    slow.peer.wait_until_read(&slow.theirs);
    wait_for_another_file(&room.dir());
    let mut fast = start_receive(trial, receive, 5, &room.dir(), NAME)?;
    fast.peer.send(b"quick")?;
    fast.peer.half_close()?;
    let did = "while another transfer of the same name was stalled, a file was sent whole";
    let result = fast
        .attempt
        .result()
        .when(did)
        .breaks(AT_ONCE)
        .cause(LOCKED)?;
    result.map_err(|e| {
        Fault::new(format!("{did}: you returned Err({e:?})"))
            .breaks(AT_ONCE)
            .cause(SAME)
    })?;
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
        .breaks(AT_ONCE)
        .cause(SAME))
    };
    expect(b"quick", did)?;
    let _ = slow.peer.send(b"poke"); // as above
    slow.peer.wait_until_read(&slow.theirs);
    expect(b"quick", "the stalled transfer went on")?;
    let _ = slow.peer.half_close();
    let did = "two transfers of the same name ran at once, and the second to finish has finished";
    let result = slow.attempt.result().when(did).breaks(AT_ONCE)?;
    result.map_err(|e| {
        Fault::new(format!("{did}: you returned Err({e:?})"))
            .breaks(AT_ONCE)
            .cause(SAME)
    })?;
    expect(b"slowpoke", did)?;
    match room.content()?.len() {
        2 => Ok(()),
        _ => Err(Fault::new(format!("{did}: a temporary file is left"))
            .breaks(NONE_LEFT)
            .cause(LEFT)),
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
        let mut receiving = start_receive(trial, receive, 5, &dir, NAME)?;
        // The function may have returned by now.
        let _ = receiving.peer.send(b"hello");
        let _ = receiving.peer.half_close();
        let result = receiving.attempt.result().when(did).breaks(IO)?;
        if !matches!(result, Err(TransferError::Io(_))) {
            return Err(
                Fault::new(format!("{did}: expected Err(Io(..)), got {result:?}"))
                    .breaks(IO)
                    .cause("an error of the file system is thrown away, or the folder was made"),
            );
        }
        let cause = "a rename can fail too, and then the temporary file is still there: it must be \
            removed on every way out";
        room.expect(&before, did, cause).breaks(NONE_LEFT)?;
    }
    Ok(())
}

/// Somebody takes the temporary file away: the transfer fails, and the old file has to be there.
fn keeps_the_old_file_to_the_last(trial: &Trial, receive: Receive) -> Step {
    const GONE: &str = "the old file is removed before the new one takes its name: in between there \
        is none, and if the rename fails, none for ever. rename replaces it in one step";
    if cfg!(not(unix)) {
        return Ok(()); // there nobody can remove an open file
    }
    let room = Room::new()?;
    room.put(NAME, b"the old file")?;
    let before = room.content()?;
    let mut receiving = start_receive(trial, receive, 5, &room.dir(), NAME)?;
    receiving.peer.send(b"hello")?;
    receiving.peer.wait_until_read(&receiving.theirs);
    wait_for_another_file(&room.dir());
    let entries = fs::read_dir(room.dir()).map_err(no_room)?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if !path.ends_with(NAME) {
            fs::remove_file(path).map_err(no_room)?;
        }
    }
    receiving.peer.half_close()?;
    let did = "before the end of a file came, somebody removed all temporary files in the folder";
    match receiving.attempt.result().when(did).breaks(IO)? {
        // A file without a name cannot be removed.
        Ok(()) if fs::read(room.dir().join(NAME)).is_ok_and(|bytes| bytes == b"hello") => Ok(()),
        Err(TransferError::Io(_)) => room.expect(&before, did, GONE).breaks(UNTOUCHED),
        result => Err(Fault::new(format!(
            "{did}: expected Err(Io(..)), since nothing can be renamed, got {result:?}"
        ))
        .breaks(IO)
        .cause("an error of rename is thrown away")),
    }
}

/// Sends a file of seven bytes over an old one of that name, and expects no error.
fn replace(
    trial: &Trial,
    receive: Receive,
    room: &Room,
    name: &str,
) -> Step<Option<TransferError>> {
    room.put(name, b"the old file")?;
    let mut receiving = start_receive(trial, receive, 7, &room.dir(), name)?;
    let _ = receiving.peer.send(b"the new");
    let _ = receiving.peer.half_close();
    Ok(receiving.attempt.result()?.err())
}

fn replaces_the_old_file(trial: &Trial, receive: Receive) -> Step {
    const COPIED: &str = "the bytes are copied into the old file, and who reads it meanwhile sees half \
        of it: rename puts the new file in its place in one step";
    let room = Room::new()?;
    // The old file has a second name: whoever writes into it changes what is under that.
    let (first, second) = (room.dir().join(NAME), room.outer.path().join("second"));
    fs::write(&first, b"the old file").map_err(no_room)?;
    if fs::hard_link(&first, &second).is_err() {
        return Ok(()); // not on every file system
    }
    let failed = replace(trial, receive, &room, NAME).breaks(REPLACES)?;
    let (new, old) = (fs::read(first), fs::read(second));
    if failed.is_none()
        && new.is_ok_and(|new| new == b"the new")
        && old.is_ok_and(|old| old == b"the old file")
    {
        return Ok(());
    }
    Err(Fault::new(
        "the old file had a second name (a hard link), under which it should still be there when the \
         new file has the first name: it was overwritten",
    )
    .breaks(REPLACES)
    .cause(COPIED))
}

fn takes_the_longest_name(trial: &Trial, receive: Receive) -> Step {
    let room = Room::new()?;
    let name = "塑".repeat(85); // 255 bytes
    if File::create(room.dir().join(&name)).is_err() {
        return Ok(()); // this system takes no such name
    }
    let failed = replace(trial, receive, &room, &name).breaks(TEMPORARY)?;
    if failed.is_none() {
        return Ok(());
    }
    Err(Fault::new(format!(
        "the name had 255 bytes: expected Ok(()), got {failed:?}"
    ))
    .breaks(TEMPORARY)
    .cause("the temporary name is made of the name, which has 255 bytes already"))
}
