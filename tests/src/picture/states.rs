//! Which states `ss` saw at both ends of a connection, and for how long.

use super::svg::{Hold, Svg};

const WIDTH: f64 = 460.0;
const LEFT: f64 = 16.0;
const NAME: f64 = 66.0;

/// A span of time that is longer than this, in seconds, is drawn shorter, with a break in it.
const LONGEST: f64 = 4.0;

/// What both ends were in from that moment on.
struct Look {
    at: f64,
    states: [String; 2],
}

/// Lines such as `16:43:20.1 FIN-WAIT-2 / CLOSE-WAIT`, of which each tells of a change.
///
/// # Errors
/// There are fewer than two such lines, or one of them has no time.
pub fn states(lines: &[String], title: &str) -> Result<String, String> {
    let looks: Result<Vec<Look>, String> = lines
        .iter()
        .filter(|line| !line.starts_with('$'))
        .map(|line| look(line).ok_or(format!("this line has no time: {line}")))
        .collect();
    let looks = looks?;
    let [first, .., _] = looks.as_slice() else {
        return Err("two changes are needed, from when to when".to_owned());
    };
    let begin = first.at;
    let spans: Vec<f64> = looks.windows(2).map(|two| two[1].at - two[0].at).collect();
    let shown: f64 = spans.iter().map(|span| span.min(LONGEST)).sum();
    let (start, room) = (LEFT + NAME, WIDTH - 2.0 * LEFT - NAME - 24.0);

    let mut svg = Svg::new(WIDTH, title);
    for (row, name) in ["client", "server"].iter().enumerate() {
        let y = 16.0 + 40.0 * row as f64;
        svg.text("h", (start - 8.0, y + 19.0), Hold::End, 0.0, name);
        let mut x = start;
        for (look, span) in looks.iter().zip(&spans) {
            let width = room * span.min(LONGEST) / shown;
            let state = look.states[row].as_str();
            if !state.is_empty() {
                svg.rect(colour(state), (x, y), (width - 1.5, 28.0));
                svg.text("n", (x + width / 2.0, y + 18.0), Hold::Middle, 0.0, state);
                svg.describe(format!(
                    "The {name}'s end is {state} from {:.1} s to {:.1} s.",
                    look.at - begin,
                    look.at - begin + span
                ));
            }
            x += width;
        }
    }
    let y = 100.0;
    svg.line("g", (start, y), (start + room, y));
    let mut x = start;
    for (i, look) in looks.iter().enumerate() {
        svg.line("g", (x, y), (x, y + 5.0));
        let text = format!("{:.1} s", look.at - begin);
        svg.text("d", (x, y + 20.0), Hold::Middle, 0.0, &text);
        let Some(span) = spans.get(i) else { break };
        let width = room * span.min(LONGEST) / shown;
        if *span > LONGEST {
            let middle = x + width / 2.0;
            svg.rect("b", (middle - 4.0, y - 6.0), (8.0, 12.0));
            for side in [-4.0, 4.0] {
                svg.line(
                    "g",
                    (middle + side - 3.0, y + 6.0),
                    (middle + side + 3.0, y - 6.0),
                );
            }
        }
        x += width;
    }
    Ok(svg.finish(y + 32.0))
}

fn look(line: &str) -> Option<Look> {
    let (time, states) = line.split_once(' ')?;
    let at = time.split(':').try_fold(0.0, |sum, part| {
        let part: f64 = part.parse().ok()?;
        Some(60.0 * sum + part)
    })?;
    let (client, server) = states.split_once('/')?;
    let states = [client, server].map(|state| state.trim().to_owned());
    Some(Look { at, states })
}

fn colour(state: &str) -> &'static str {
    match state {
        "CLOSE-WAIT" => "fy",
        "TIME-WAIT" => "fg",
        "ESTAB" => "fc",
        _ => "fs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(lines: &[&str]) -> Result<String, String> {
        states(
            &lines
                .iter()
                .map(|line| (*line).to_owned())
                .collect::<Vec<_>>(),
            "a title",
        )
    }

    #[test]
    fn a_long_state_is_drawn_shorter_and_told_in_full() {
        let picture = draw(&[
            "$ a command",
            "23:59:00.0 FIN-WAIT-2 / CLOSE-WAIT",
            "23:59:02.0 TIME-WAIT /",
            "24:00:02.5 /",
        ]);
        let picture = picture.expect("it can be drawn");
        for sentence in [
            "The client's end is FIN-WAIT-2 from 0.0 s to 2.0 s.",
            "The server's end is CLOSE-WAIT from 0.0 s to 2.0 s.",
            "The client's end is TIME-WAIT from 2.0 s to 62.5 s.",
        ] {
            assert!(picture.contains(sentence), "{picture}");
        }
    }

    #[test]
    fn a_line_without_a_time_is_no_look() {
        let why = draw(&["noon / ESTAB", "12:00:01.0 /"]).expect_err("noon is no number");
        assert_eq!(why, "this line has no time: noon / ESTAB");
        draw(&["12:00:01.0 ESTAB /"]).expect_err("nothing tells when it ended");
    }
}
