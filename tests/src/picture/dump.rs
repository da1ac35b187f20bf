//! What tcpdump saw, as a space-time diagram with the states of both ends.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use super::scene::{Arrow, Look, Note, Scene};

/// One segment of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    at: Duration,
    from: String,
    to: String,
    syn: bool,
    fin: bool,
    reset: bool,
    /// Its first sequence number, where tcpdump shows one.
    seq: Option<u32>,
    ack: Option<u32>,
    length: u32,
}

/// The scene of tcpdump's lines; lines that are none of tcpdump's are left out. With `states`, the
/// state of each end stands beside its lifeline, as RFC 9293 (section 3.3.2) has it.
///
/// # Errors
/// There is no segment.
pub fn scene(lines: &[String], lanes: &[&str], states: bool) -> Result<Scene, String> {
    let segments: Vec<Segment> = lines.iter().filter_map(|line| parse(line)).collect();
    let client = &segments
        .first()
        .ok_or("there are no lines of tcpdump here")?
        .from;
    let timed = segments.iter().any(|segment| !segment.at.is_zero());
    let arrows = segments.iter().map(|segment| {
        let from = usize::from(segment.from != *client);
        let (label, below) = label(segment);
        let at = format!("{:.3} s", segment.at.as_secs_f64());
        let both = [label.as_str(), below.as_str()].join(" ");
        Arrow {
            from,
            to: 1 - from,
            leaves: segment.at,
            arrives: segment.at,
            told: format!(
                "From {} to {}: {}.",
                lanes[from],
                lanes[1 - from],
                both.trim()
            ),
            label,
            below,
            beside: if timed { at } else { String::new() },
            look: match segment {
                segment if segment.reset => Look::Reset,
                _ => Look::Plain,
            },
        }
    });
    Ok(Scene {
        lanes: lanes.iter().map(|&name| name.to_owned()).collect(),
        arrows: arrows.collect(),
        notes: if states {
            walk(&segments, client)
        } else {
            Vec::new()
        },
        waits: Vec::new(),
    })
}

fn parse(line: &str) -> Option<Segment> {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r"^ ?(?:\d\d:(?<m>\d\d):(?<s>\d\d)\.(?<us>\d{6}) )?(?:IP6? )?",
            r"(?<from>\S+) > (?<to>\S+): Flags \[(?<flags>[A-Z.]+)\],",
            r"(?: seq (?<seq>\d+)(?::\d+)?,)?(?: ack (?<ack>\d+),)?.* length (?<length>\d+)$"
        ))
        .expect("the pattern is tested")
    });
    let found = LINE.captures(line)?;
    let number = |name: &str| -> Option<u64> { found.name(name)?.as_str().parse().ok() };
    let at = 60 * number("m").unwrap_or(0) + number("s").unwrap_or(0);
    let flags = &found["flags"];
    Some(Segment {
        at: Duration::from_secs(at) + Duration::from_micros(number("us").unwrap_or(0)),
        from: found["from"].to_owned(),
        to: found["to"].to_owned(),
        syn: flags.contains('S'),
        fin: flags.contains('F'),
        reset: flags.contains('R'),
        seq: number("seq").and_then(|n| u32::try_from(n).ok()),
        ack: number("ack").and_then(|n| u32::try_from(n).ok()),
        length: found["length"].parse().ok()?,
    })
}

/// What stands above a segment's arrow, and what below.
fn label(segment: &Segment) -> (String, String) {
    let ack = segment.ack.map(|ack| format!("ACK {ack}"));
    let seq = segment.seq.map_or(String::new(), |seq| format!(" {seq}"));
    let bytes = match segment.length {
        0 => String::new(),
        1 => "1 byte".to_owned(),
        n => format!("{n} bytes"),
    };
    let what = match segment {
        s if s.reset => "RST".to_owned(),
        s if s.syn => format!("SYN{seq}"),
        s if s.fin && s.length > 0 => format!("{bytes} and FIN{seq}"),
        s if s.fin => format!("FIN{seq}"),
        s if s.length > 0 => format!("{bytes} from{seq}"),
        _ => return (ack.unwrap_or_default(), String::new()),
    };
    (what, ack.unwrap_or_default())
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    None,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    Closing,
    TimeWait,
    CloseWait,
    LastAck,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::None => "no record",
            State::Listen => "LISTEN",
            State::SynSent => "SYN-SENT",
            State::SynReceived => "SYN-RECEIVED",
            State::Established => "ESTABLISHED",
            State::FinWait1 => "FIN-WAIT-1",
            State::FinWait2 => "FIN-WAIT-2",
            State::Closing => "CLOSING",
            State::TimeWait => "TIME-WAIT",
            State::CloseWait => "CLOSE-WAIT",
            State::LastAck => "LAST-ACK",
        }
    }
}

/// One end of the connection.
struct End {
    state: State,
    /// The number behind its FIN: who acknowledges that has seen the FIN.
    finished: Option<u32>,
}

/// The states through which the two ends go, each noted where it begins.
fn walk(segments: &[Segment], client: &str) -> Vec<Note> {
    let begins = segments.first().is_some_and(|segment| segment.syn);
    let mut ends = [State::None, State::Listen].map(|state| End {
        state: if begins { state } else { State::Established },
        finished: None,
    });
    let mut notes = Vec::new();
    for (arrow, segment) in segments.iter().enumerate() {
        let sender = usize::from(segment.from != client);
        for (end, arrives) in [(sender, false), (1 - sender, true)] {
            let before = ends[end].state;
            if arrives {
                ends[end].receive(segment);
            } else {
                ends[end].send(segment);
            }
            if ends[end].state != before {
                notes.push(Note {
                    arrow,
                    arrives,
                    text: ends[end].state.name().to_owned(),
                });
            }
        }
    }
    notes
}

impl End {
    fn send(&mut self, segment: &Segment) {
        self.state = match self.state {
            _ if segment.reset => State::None,
            State::None if segment.syn => State::SynSent,
            State::Established if segment.fin => State::FinWait1,
            State::CloseWait if segment.fin => State::LastAck,
            state => state,
        };
        if segment.fin {
            let seq = segment.seq.unwrap_or(0);
            self.finished = Some(seq.wrapping_add(segment.length).wrapping_add(1));
        }
    }

    fn receive(&mut self, segment: &Segment) {
        let seen = self.finished.is_some() && segment.ack == self.finished;
        self.state = match self.state {
            _ if segment.reset => State::None,
            State::Listen if segment.syn => State::SynReceived,
            State::SynSent if segment.syn && segment.ack.is_some() => State::Established,
            State::SynReceived if segment.ack.is_some() => State::Established,
            State::FinWait1 if segment.fin && seen => State::TimeWait,
            State::FinWait1 if segment.fin => State::Closing,
            State::FinWait1 if seen => State::FinWait2,
            State::FinWait2 if segment.fin => State::TimeWait,
            State::Closing if seen => State::TimeWait,
            State::LastAck if seen => State::None,
            state => state,
        };
        if segment.fin && self.state == State::Established {
            self.state = State::CloseWait;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "127.0.0.1.41942 > 127.0.0.1.8802";
    const SERVER: &str = "127.0.0.1.8802 > 127.0.0.1.41942";

    fn states(lines: &[String]) -> Vec<(usize, bool, String)> {
        let scene = scene(lines, &["client", "server"], true).expect("there are segments");
        let notes = scene.notes.into_iter();
        notes
            .map(|note| (note.arrow, note.arrives, note.text))
            .collect()
    }

    #[test]
    fn reads_times_and_numbers() {
        let line =
            format!("00:01:02.000300 IP {CLIENT}: Flags [P.], seq 7:12, ack 9, win 512, length 5");
        let segment = parse(&line).expect("it is a line of tcpdump");
        assert_eq!(segment.at, Duration::from_micros(62_000_300));
        assert_eq!(
            (segment.seq, segment.ack, segment.length),
            (Some(7), Some(9), 5)
        );
        assert_eq!(
            label(&segment),
            ("5 bytes from 7".to_owned(), "ACK 9".to_owned())
        );
    }

    #[test]
    fn both_ends_go_through_their_states() {
        let lines = [
            format!("{CLIENT}: Flags [S], seq 10, win 65495, length 0"),
            format!("{SERVER}: Flags [S.], seq 20, ack 11, win 65483, length 0"),
            format!("{CLIENT}: Flags [.], ack 21, win 64, length 0"),
            format!("{CLIENT}: Flags [FP.], seq 11:16, ack 21, win 64, length 5"),
            format!("{SERVER}: Flags [.], ack 17, win 64, length 0"),
            format!("{SERVER}: Flags [F.], seq 21, ack 17, win 64, length 0"),
            format!("{CLIENT}: Flags [.], ack 22, win 64, length 0"),
        ];
        let expected = [
            (0, false, "SYN-SENT"),
            (0, true, "SYN-RECEIVED"),
            (1, true, "ESTABLISHED"),
            (2, true, "ESTABLISHED"),
            (3, false, "FIN-WAIT-1"),
            (3, true, "CLOSE-WAIT"),
            (4, true, "FIN-WAIT-2"),
            (5, false, "LAST-ACK"),
            (5, true, "TIME-WAIT"),
            (6, true, "no record"),
        ];
        assert_eq!(
            states(&lines),
            expected.map(|(a, b, c)| (a, b, c.to_owned()))
        );
    }

    #[test]
    fn both_may_close_first_and_a_reset_ends_both() {
        let lines = [
            format!("{CLIENT}: Flags [F.], seq 11, ack 21, win 64, length 0"),
            format!("{SERVER}: Flags [F.], seq 21, ack 11, win 64, length 0"),
            format!("{CLIENT}: Flags [R], seq 12, win 0, length 0"),
        ];
        let expected = [
            (0, false, "FIN-WAIT-1"),
            (0, true, "CLOSE-WAIT"),
            (1, false, "LAST-ACK"),
            (1, true, "CLOSING"),
            (2, false, "no record"),
            (2, true, "no record"),
        ];
        assert_eq!(
            states(&lines),
            expected.map(|(a, b, c)| (a, b, c.to_owned()))
        );
    }
}
