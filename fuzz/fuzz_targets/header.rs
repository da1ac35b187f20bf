//! What a sender says about a file, and the name that it chooses for it (lesson 6).
#![no_main]

use std::path::{Component, Path};
use std::str;

use file_transfer::{Header, check_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = serde_json::from_slice::<Header>(bytes) {
        let json = serde_json::to_vec(&header).expect("it is a string and a number");
        let again: Header = serde_json::from_slice(&json).expect("it was just written");
        assert_eq!(again, header);
        check(&header.filename);
    }
    if let Ok(name) = str::from_utf8(bytes) {
        check(name);
    }
});

fn check(name: &str) {
    if check_name(name).is_err() {
        return;
    }
    // One step down from the folder that we choose, and nowhere else.
    let path = Path::new("folder").join(name);
    let steps: Vec<Component> = path.components().collect();
    let expected = [
        Component::Normal("folder".as_ref()),
        Component::Normal(name.as_ref()),
    ];
    assert_eq!(steps, expected);
    assert!((1..=255).contains(&name.len()));
    assert!(!name.contains(char::is_control));
    // What Windows would take for something else: a way to another folder or to a stream of the
    // file, a name that it shortens, a device.
    assert!(!name.contains(['/', '\\', ':']));
    assert!(!name.ends_with(['.', ' ']));
    let device = name
        .split(['.', ' '])
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let devices = [
        "con", "prn", "aux", "nul", "com1", "com9", "com¹", "lpt1", "lpt9", "lpt³",
    ];
    assert!(
        !devices.contains(&device.as_str()) || name.contains(' '),
        "{name:?}"
    );
}
