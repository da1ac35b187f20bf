//! From when to when each client was there, and when it waited.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Event, Way, What};
use super::svg::{Hold, Svg};

const WIDTH: f64 = 460.0;
const LEFT: f64 = 16.0;
const NAME: f64 = 74.0;

/// One client.
struct Life {
    from: Duration,
    to: Duration,
    /// When its questions were asked and answered.
    waits: Vec<(Duration, Duration)>,
}

/// The clients of one tap, by their number.
fn lives(events: &[Event]) -> BTreeMap<usize, Life> {
    let mut lives: BTreeMap<usize, Life> = BTreeMap::new();
    let mut asked: BTreeMap<usize, Duration> = BTreeMap::new();
    for event in events {
        let life = lives.entry(event.number).or_insert(Life {
            from: event.at,
            to: event.at,
            waits: Vec::new(),
        });
        life.to = event.at;
        let What::Piece { way, .. } = &event.what else {
            continue;
        };
        match way {
            Way::ToServer => {
                asked.entry(event.number).or_insert(event.at);
            }
            Way::ToClient => {
                let asked = asked.remove(&event.number);
                life.waits.extend(asked.map(|asked| (asked, event.at)));
            }
        }
    }
    lives
}

/// A bar for each client, in groups with a heading each, all on one scale of time.
pub fn lifetimes(groups: &[(&str, Vec<Event>)], title: &str) -> String {
    let groups: Vec<_> = groups
        .iter()
        .map(|(heading, events)| (*heading, lives(events)))
        .collect();
    let all = groups.iter().flat_map(|(_, lives)| lives.values());
    let end = all.map(|life| life.to).max().unwrap_or_default();
    let end = end.as_secs_f64().ceil().max(1.0);
    let (start, room) = (LEFT + NAME, WIDTH - 2.0 * LEFT - NAME);
    let x_of = |at: Duration| start + room * at.as_secs_f64() / end;

    let mut svg = Svg::new(WIDTH, title);
    for (class, x, text) in [
        ("fc", LEFT, "connected"),
        ("w", LEFT + 120.0, "waits for an answer"),
    ] {
        svg.rect(class, (x, 14.0), (14.0, 14.0));
        svg.text("", (x + 22.0, 26.0), Hold::Start, 0.0, text);
    }
    let mut y = 40.0;
    for (heading, lives) in &groups {
        svg.text("h", (LEFT, y + 14.0), Hold::Start, 0.0, heading);
        y += 24.0;
        for (number, life) in lives {
            let name = format!("client {number}");
            svg.text("", (start - 8.0, y + 13.0), Hold::End, 0.0, &name);
            let bar = |from, to| ((x_of(from), y), ((x_of(to) - x_of(from)).max(2.0), 18.0));
            let (at, size) = bar(life.from, life.to);
            svg.rect("fc", at, size);
            let seconds = |at: Duration| format!("{:.3} s", at.as_secs_f64());
            let mut sentence = format!(
                "{heading}, {name}: there from {} to {}",
                seconds(life.from),
                seconds(life.to)
            );
            for &(asked, answered) in &life.waits {
                let (at, size) = bar(asked, answered);
                svg.rect("b", at, size); // the colours must not mix
                svg.rect("w", at, size);
                sentence += &format!(
                    "; asked at {}, answered at {}",
                    seconds(asked),
                    seconds(answered)
                );
            }
            svg.describe(sentence + ".");
            y += 24.0;
        }
        y += 8.0;
    }
    svg.line("g", (start, y), (start + room, y));
    for second in 0..=end as u64 {
        let x = x_of(Duration::from_secs(second));
        svg.line("g", (x, y), (x, y + 5.0));
        svg.text("d", (x, y + 20.0), Hold::Middle, 0.0, &second.to_string());
    }
    svg.text("d", (start - 8.0, y + 20.0), Hold::End, 0.0, "seconds");
    svg.finish(y + 32.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_when_each_client_was_there_and_waited() {
        let lines = [
            "0.000 s  #1  127.0.0.1:50330 connects",
            "1.000 s  #1  client → server  2 bytes",
            "    68 69                                            hi",
            "3.500 s  #1  client ← server  2 bytes",
            "    68 69                                            hi",
            "4.000 s  #1  closed",
        ];
        let events = Event::read(&lines.map(str::to_owned));
        let events = events.into_iter().map(|(_, event)| event).collect();
        let picture = lifetimes(&[("a server", events)], "a title");
        let sentence = "a server, client 1: there from 0.000 s to 4.000 s; asked at 1.000 s, answered at 3.500 s.";
        assert!(picture.contains(sentence), "{picture}");
    }
}
