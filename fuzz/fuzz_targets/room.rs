//! The room's protocol (lesson 9): lines of three clients, in pieces. Each piece of the input begins
//! with a byte that says who sends it and how long it is.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use chat_room::{Heard, Lines, MAX_HEARD, MAX_LINE, MAX_NAME, Outboxes, Room, Service};
use libfuzzer_sys::fuzz_target;

/// What each client was sent.
#[derive(Default)]
struct Sent(BTreeMap<usize, Vec<u8>>);

impl Outboxes for Sent {
    fn put(&mut self, to: usize, line: &[u8]) {
        assert!(line.len() <= MAX_HEARD && line.ends_with(b"\n"));
        self.0.entry(to).or_default().extend_from_slice(line);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let (mut room, mut sent) = (Room::default(), Sent::default());
    let mut inputs: Vec<Option<Lines>> = (0..3).map(|_| Some(Lines::new(MAX_LINE))).collect();
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut of: BTreeMap<usize, String> = BTreeMap::new();

    let mut rest = bytes;
    while let Some((&head, behind)) = rest.split_first() {
        let (id, length) = (usize::from(head % 3), usize::from(head / 3));
        let (piece, behind) = behind.split_at(length.min(behind.len()));
        rest = behind;
        let Some(mut lines) = inputs[id].take() else {
            continue; // it had to go
        };
        lines.push(piece);
        let stays = loop {
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break true,
                Err(too_long) => {
                    assert_eq!(too_long.0, MAX_LINE);
                    break false;
                }
            };
            assert!(line.len() < MAX_LINE && !line.contains(&b'\n'));
            match room.line(id, line, &mut sent) {
                Heard::Fine => assert!(of.contains_key(&id), "nobody speaks without a name"),
                Heard::Named(name) => {
                    assert!((1..=MAX_NAME).contains(&name.len()) && name != "error");
                    let safe = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
                    assert!(name.chars().all(safe), "{name:?}");
                    assert!(names.insert(name.clone()), "{name} is here twice");
                    assert_eq!(of.insert(id, name), None);
                }
                Heard::Refused(reason) => {
                    fuzz::assert_safe(&reason);
                    break false;
                }
            }
        };
        if stays {
            inputs[id] = Some(lines);
        } else {
            room.left(id, &mut sent);
            if let Some(name) = of.remove(&id) {
                names.remove(&name);
            }
        }
    }

    // Nobody has spoken with the room's voice, and nothing moves a cursor.
    for heard in sent.0.values() {
        let heard = std::str::from_utf8(heard).expect("the room speaks UTF-8");
        for line in heard.lines() {
            assert!(
                !line.contains(|c: char| c.is_control() && c != '\t'),
                "{line:?}"
            );
            let (who, _) = line.split_once(' ').expect("somebody speaks");
            let announces = who == "*";
            let speaks = who
                .strip_suffix(':')
                .is_some_and(|name| !name.is_empty() && name != "error");
            assert!(announces || speaks, "{line:?}");
        }
    }
});
