//! 6.2 File names from strangers, and 6.3 Complete or nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, WAIT, check, show};
use file_transfer::contract::{NameError, TransferError};
use tempfile::TempDir;

use super::{Create, Receive};

const ELSEWHERE: &str = "docs/06-file-transfer.md: A name that leads somewhere else";
const READ_THE_CODE: &str = "docs/06-file-transfer.md: Read the code";
const HALF_A_FILE: &str = "docs/06-file-transfer.md: Half a file";
const EXERCISE_6_2: &str = "docs/06-file-transfer.md: 6.2 ★★ File names from strangers";

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
        takes_good_names(trial, create).read(EXERCISE_6_2)?;
        leaves_what_is_there(trial, create).read(EXERCISE_6_2)
    })
}

const LEADS_OUT: &str = "join forgets the folder if the name begins with /, and .. climbs out of \
    it; a name is refused for what is in it, not repaired (file_name, replace), and \
    Path::starts_with compares words: folder/../x starts with folder";
const WINDOWS: &str = "on Unix \\ and : are letters like any other, so Path does not see them; on \
    Windows they lead out of the folder";
const DEVICE: &str = "Windows means the device, whatever the case of the letters and whatever \
    stands behind the first dot";
const TEXT: &str = "a name is at most 255 bytes (not characters) of UTF-8 without control \
    characters";

fn refuses_bad_names(trial: &Trial, create: Create) -> Step {
    let room = Room::new()?;
    fs::create_dir(room.dir().join("sub")).map_err(no_room)?;
    let before = room.content()?;
    let absolute = room.outer.path().join("absolute");
    let absolute = absolute.to_string_lossy().into_owned();
    let (long, characters) = ("x".repeat(256), "塑".repeat(86)); // 256 and 258 bytes
    let bad: &[(&str, &[&[u8]])] = &[
        (
            LEADS_OUT,
            &[
                b"../outside",
                absolute.as_bytes(),
                b"sub/inside",
                b"sub/../../outside",
                b"..././outside",
                b"./here",
                b"trailing/",
                b".",
                b"..",
                b"",
            ],
        ),
        (
            WINDOWS,
            &[br"..\outside", br"C:\boot.ini", b"C:boot", b"a:b", br"a\b"],
        ),
        (
            "Windows drops a dot or a space at the end of a name, so it is not the name it seems \
             to be",
            &[b"a.", b"a ", b"...", b" "],
        ),
        (
            DEVICE,
            &[
                b"NUL",
                b"nul",
                b"Con",
                b"PRN",
                b"aux",
                b"COM1",
                b"com9",
                b"lpt1",
                b"LPT9",
                b"nul.txt",
                b"CON.tar.gz",
                b"com1.",
            ],
        ),
        (
            TEXT,
            &[
                b"a\0b",
                b"two\nlines",
                b"\x1b[2J",
                "\u{85}".as_bytes(),
                b"not \xff UTF-8",
                long.as_bytes(),
                characters.as_bytes(),
            ],
        ),
    ];
    for (cause, names) in bad {
        for name in *names {
            let did = format!("the name {} came", show(name));
            let result = call(trial, create, &room.dir(), name)?;
            if !matches!(result, Err(NameError::Refused)) {
                return Err(
                    Fault::new(format!("{did}: expected Err(Refused), got {result:?}"))
                        .cause(*cause),
                );
            }
            room.expect(&before, &format!("{did} and was refused"), cause)?;
        }
    }
    Ok(())
}

fn call(trial: &Trial, create: Create, dir: &Path, name: &[u8]) -> Step<Result<File, NameError>> {
    let (dir, name) = (dir.to_owned(), name.to_owned());
    trial.start(move || create(&dir, &name)).result()
}

fn takes_good_names(trial: &Trial, create: Create) -> Step {
    let room = Room::new()?;
    let (long, characters) = ("x".repeat(255), "塑".repeat(85)); // 255 bytes each
    for name in [
        "postcard.txt",
        "塑料王国.mp4",
        ".profile",
        "a..b",
        "..a",
        "with space",
        " in front",
        "-rf",
        "COM10",
        "COM",
        "COMX",
        "null",
        "console.txt",
        "a.nul",
        &long,
        &characters,
    ] {
        let did = format!("the name '{name}' came");
        let cause = "more is refused than the contract says, or the name was changed";
        let file = call(trial, create, &room.dir(), name.as_bytes())?;
        let mut file = file
            .map_err(|e| Fault::new(format!("{did}: expected a file, got {e:?}")).cause(cause))?;
        let written = file.write_all(b"hello");
        written.map_err(|e| Fault::new(format!("{did}: the file cannot be written to: {e}")))?;
        drop(file);
        let content = fs::read(room.dir().join(name)).ok();
        if content.as_deref() != Some(b"hello") {
            return Err(Fault::new(format!(
                "{did}, and 'hello' was written to the file: it is not in the folder under that name"
            ))
            .cause(cause));
        }
    }
    Ok(())
}

fn leaves_what_is_there(trial: &Trial, create: Create) -> Step {
    const OLD: &str = "File::create empties what is there and follows links, and exists() does not \
        see a link that leads nowhere: create_new looks and creates in one step";
    let room = Room::new()?;
    room.put("file", b"old")?;
    fs::create_dir(room.dir().join("directory")).map_err(no_room)?;
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut taken = vec!["file", "directory"];
    #[cfg(unix)]
    {
        let link = |to: &Path, name| std::os::unix::fs::symlink(to, room.dir().join(name));
        link(&room.outer.path().join("nowhere"), "dangling").map_err(no_room)?;
        link(&room.dir().join("file"), "link").map_err(no_room)?;
        taken.extend(["dangling", "link"]);
    }
    let before = room.content()?;
    for name in taken {
        let did = format!("there was something called '{name}' already");
        let result = call(trial, create, &room.dir(), name.as_bytes())?;
        if !matches!(result, Err(NameError::Taken)) {
            return Err(
                Fault::new(format!("{did}: expected Err(Taken), got {result:?}")).cause(OLD),
            );
        }
        room.expect(&before, &did, OLD)?;
    }

    let nowhere = room.dir().join("no such folder");
    let result = call(trial, create, &nowhere, b"file")?;
    if matches!(result, Err(NameError::Io(_))) {
        return Ok(());
    }
    Err(Fault::new(format!(
        "there was no folder of that name: expected Err(Io(..)), got {result:?}"
    ))
    .cause("not every error of open means that the name is taken: ErrorKind::AlreadyExists does"))
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
