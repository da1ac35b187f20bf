//! Everything that a sender of a file may send, over a real connection (lesson 6).
//!
//! It says `received …` for each file; `-close_fd_mask=1` keeps that from the terminal.
#![no_main]

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::path::Path;
use std::sync::LazyLock;

use clap::Parser;
use file_transfer::{Header, ReceiveOptions, Wire, receive};
use fuzz::{assert_safe, pair};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: ReceiveOptions,
    #[command(flatten)]
    wire: Wire,
}

/// The folder for received files; nothing may ever stand beside it.
static OUTER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("there is room"));

static ARGS: LazyLock<Args> = LazyLock::new(|| {
    let inner = OUTER.path().join("inner");
    fs::create_dir(&inner).expect("the name is free");
    let words = ["receive", "--timeout", "10", "--dir"].map(OsString::from);
    Args::parse_from(words.into_iter().chain([inner.into_os_string()]))
});

fuzz_target!(|bytes: &[u8]| {
    let args = &*ARGS;
    let (mut sender, receiver) = pair();
    // So few bytes fit into the empty buffers: nobody has to read them at the same time.
    sender.write_all(bytes).expect("there is room for them");
    sender.shutdown(Shutdown::Write).expect("it is connected");
    let received = receive(&receiver, &"the sender", &args.options, &args.wire);

    let names = |dir: &Path| -> Vec<OsString> {
        let entries = fs::read_dir(dir).expect("the folder is there");
        entries
            .map(|entry| entry.expect("it is there").file_name())
            .collect()
    };
    let inner = OUTER.path().join("inner");
    match received {
        Ok(()) => {
            let (header, content) = parts(bytes).expect("it was taken for whole");
            assert_eq!(header.filesize, content.len() as u64);
            assert_eq!(names(&inner), [OsString::from(&header.filename)]);
            let path = inner.join(header.filename);
            assert_eq!(fs::read(&path).expect("it is there"), content);
            fs::remove_file(path).expect("it is there");
        }
        Err(failure) => {
            assert_safe(&failure.to_string());
            assert!(failure.to_string().len() < 3000, "{failure}");
        }
    }
    assert!(names(&inner).is_empty());
    assert_eq!(names(OUTER.path()), ["inner"]);
});

/// Header and file.
fn parts(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (json, content) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some((serde_json::from_slice(json).ok()?, content))
}
