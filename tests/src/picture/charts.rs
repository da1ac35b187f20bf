//! Bytes, counts and figures, to scale.

use super::event::{Event, SHOWN, What};
use super::svg::{Hold, Svg, shorten};
use shared::is_safe_to_print;

const WIDTH: f64 = 460.0;
const LEFT: f64 = 16.0;

/// The bytes that a sender of lesson 6 sends, each as a cell: the length of the header, the header,
/// the file.
///
/// # Errors
/// The tap has not shown all of it, or it is not what such a sender sends.
pub fn frame(events: &[Event], title: &str) -> Result<String, String> {
    const CELL: f64 = 26.0;
    const ROW: usize = 16;
    let mut bytes = Vec::new();
    let mut sender = None;
    for event in events {
        let What::Piece {
            way,
            length,
            bytes: piece,
            ..
        } = &event.what
        else {
            continue;
        };
        if *sender.get_or_insert(*way) != *way {
            continue; // the receiver says nothing of its own
        }
        if *length > SHOWN {
            return Err(format!("the tap shows only {SHOWN} of {length} bytes"));
        }
        bytes.extend_from_slice(piece);
    }
    let Some((length, _)) = bytes.split_first_chunk::<4>() else {
        return Err("the tap has not shown four bytes".to_owned());
    };
    let header = u32::from_be_bytes(*length) as usize;
    let file = bytes.len().checked_sub(4 + header);
    let file = file.ok_or_else(|| format!("the tap has not shown a header of {header} bytes"))?;

    let mut svg = Svg::new(WIDTH, title);
    let parts = [
        ("fs", 4, format!("4 bytes: the header's length, {header}")),
        ("fy", header, format!("{header} bytes: the header")),
        ("fc", file, format!("{file} bytes: the file")),
    ];
    let mut y = 16.0;
    for (class, _, text) in &parts {
        svg.rect(class, (LEFT, y), (14.0, 14.0));
        svg.text("", (LEFT + 22.0, y + 12.0), Hold::Start, 0.0, text);
        svg.describe(format!("{text}."));
        y += 20.0;
    }
    y += 8.0;
    let mut cells = cells(&bytes);
    for (cell, byte) in cells.iter_mut().zip(length) {
        *cell = format!("{byte:02x}"); // a number is no text
    }
    for (i, text) in cells.iter().enumerate() {
        let part = if i < 4 {
            0
        } else if i < 4 + header {
            1
        } else {
            2
        };
        let x = LEFT + 6.0 + (i % ROW) as f64 * CELL;
        let top = y + (i / ROW) as f64 * CELL;
        svg.rect(parts[part].0, (x, top), (CELL - 1.5, CELL - 1.5));
        svg.text(
            "n",
            (x + CELL / 2.0 - 1.0, top + 17.0),
            Hold::Middle,
            0.0,
            text,
        );
    }
    Ok(svg.finish(y + cells.len().div_ceil(ROW) as f64 * CELL + 12.0))
}

/// What stands in the cell of each byte: its character, or its two hexadecimal digits.
fn cells(bytes: &[u8]) -> Vec<String> {
    let mut cells = Vec::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ' ' => cells.push(" ".to_owned()),
                c if is_safe_to_print(c) => cells.push(c.to_string()),
                c => cells.push(format!("{:02x}", u32::from(c))),
            }
            // A character's further bytes.
            cells.extend((1..c.len_utf8()).map(|_| "·".to_owned()));
        }
        cells.extend(chunk.invalid().iter().map(|byte| format!("{byte:02x}")));
    }
    cells
}

/// One bar.
pub struct Bar {
    /// What it stands for.
    pub name: String,
    /// How long it is.
    pub value: f64,
    /// The value as the page has it.
    pub shown: String,
}

/// Groups of bars, each with a heading; the longest of all fills the width.
pub fn bars(groups: &[(String, Vec<Bar>)], title: &str) -> String {
    const NAME: f64 = 84.0;
    let most = groups
        .iter()
        .flat_map(|(_, bars)| bars)
        .map(|bar| bar.value);
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = Svg::new(WIDTH, title);
    let mut y = 12.0;
    for (heading, bars) in groups {
        svg.text(
            "h",
            (LEFT, y + 14.0),
            Hold::Start,
            0.0,
            &shorten(heading, 54),
        );
        y += 26.0;
        for bar in bars {
            let start = LEFT + NAME;
            let room = WIDTH - start - 60.0;
            svg.text("", (start - 8.0, y + 13.0), Hold::End, 0.0, &bar.name);
            let width = (room * bar.value / most).max(1.0);
            svg.rect("fs", (start, y), (width, 18.0));
            svg.text(
                "",
                (start + width + 6.0, y + 13.0),
                Hold::Start,
                0.0,
                &bar.shown,
            );
            svg.describe(format!("{heading}: {}: {}.", bar.name, bar.shown));
            y += 24.0;
        }
        y += 8.0;
    }
    svg.finish(y + 4.0)
}

/// One row of ratios.
pub struct Ratio {
    /// What was done.
    pub what: String,
    /// Beside whom, and how many times better ours was.
    pub beside: Vec<(String, f64)>,
}

/// Ratios around 1, on a scale on which twice and half are equally far from it.
pub fn ratios(rows: &[Ratio], title: &str) -> String {
    const ROW: f64 = 21.0;
    let all = rows
        .iter()
        .flat_map(|row| &row.beside)
        .map(|(_, ratio)| *ratio);
    let lowest = all.clone().fold(0.5, f64::min).log2().floor();
    let highest = all.fold(2.0, f64::max).log2().ceil();
    let (start, end) = (176.0, WIDTH - 54.0);
    let x_of = |ratio: f64| start + (end - start) * (ratio.log2() - lowest) / (highest - lowest);
    let height: f64 = rows
        .iter()
        .map(|row| 24.0 + ROW * row.beside.len() as f64)
        .sum();

    let mut svg = Svg::new(WIDTH, title);
    let one = x_of(1.0);
    svg.text("d", (one - 8.0, 20.0), Hold::End, 0.0, "← worse");
    svg.text("d", (one + 8.0, 20.0), Hold::Start, 0.0, "ours is better →");
    let mut y = 28.0;
    let ticks =
        (lowest as i32..=highest as i32).filter(|tick| (highest - lowest) < 5.0 || tick % 2 == 0);
    for tick in ticks {
        let x = x_of(f64::from(tick).exp2());
        let class = if tick == 0 { "l" } else { "g" };
        svg.line(class, (x, y), (x, y + height));
        let text = match tick {
            0.. => format!("{} ×", f64::from(tick).exp2()),
            _ => format!("1/{} ×", f64::from(-tick).exp2()),
        };
        svg.text("d", (x, y + height + 16.0), Hold::Middle, 0.0, &text);
    }
    for row in rows {
        let what = shorten(&row.what, 54);
        // On a ground of its own, or the lines would cross it.
        let ground = what.chars().count() as f64 * 7.9;
        svg.rect("b", (LEFT, y + 4.0), (ground, 18.0));
        svg.text("h", (LEFT, y + 17.0), Hold::Start, 0.0, &what);
        y += 24.0;
        for (beside, ratio) in &row.beside {
            svg.text(
                "",
                (start - 8.0, y + 13.0),
                Hold::End,
                0.0,
                &shorten(beside, 19),
            );
            let (from, to) = (one.min(x_of(*ratio)), one.max(x_of(*ratio)));
            let class = if *ratio < 1.0 { "fy" } else { "fc" };
            svg.rect(class, (from, y + 1.0), ((to - from).max(1.5), 15.0));
            let shown = ratio.to_string();
            let ground = shown.chars().count() as f64 * 7.3;
            svg.rect("b", (to + 3.0, y + 2.0), (ground + 2.0, 14.0));
            svg.text("n", (to + 4.0, y + 13.0), Hold::Start, 0.0, &shown);
            svg.describe(format!("{}, beside {beside}: {ratio} times.", row.what));
            y += ROW;
        }
    }
    svg.finish(y + 28.0)
}

/// A sample of a clock: its round trip, and how far the other clock seemed to be ahead, in ms.
pub struct Sample {
    /// How long question and answer took together.
    pub round_trip: f64,
    /// By how much the server's clock seemed to be ahead.
    pub offset: f64,
}

/// Round trips against offsets, with the bounds inside which the error must lie.
pub fn scatter(samples: &[Sample], title: &str) -> Result<String, String> {
    let best = samples
        .iter()
        .min_by(|a, b| a.round_trip.total_cmp(&b.round_trip));
    let best = best.ok_or("there are no samples here")?;
    let longest = samples
        .iter()
        .map(|sample| sample.round_trip)
        .fold(0.0, f64::max);
    let (left, right, top, bottom) = (66.0, WIDTH - 20.0, 30.0, 290.0);
    let middle = (top + bottom) / 2.0;
    let x_of = |ms: f64| left + (right - left) * ms / (1.05 * longest);
    let y_of = |offset: f64| middle - (bottom - top) * (offset - best.offset) / (1.1 * longest);
    let mut svg = Svg::new(WIDTH, title);
    svg.text(
        "d",
        (left, 18.0),
        Hold::Start,
        0.0,
        "offset, beside that of the shortest round trip",
    );
    svg.line("g", (left, top), (left, bottom));
    svg.line("g", (left, middle), (right, middle));
    let end = 1.05 * longest;
    for sign in [1.0, -1.0] {
        let from = (x_of(0.0), y_of(best.offset));
        svg.line("r", from, (x_of(end), y_of(best.offset + sign * end / 2.0)));
        let y = y_of(best.offset + sign * longest / 2.0);
        let text = format!(
            "{}{:.1} ms",
            if sign > 0.0 { "+" } else { "-" },
            longest / 2.0
        );
        svg.text("d", (left - 6.0, y + 4.0), Hold::End, 0.0, &text);
    }
    svg.text("d", (left - 6.0, middle + 4.0), Hold::End, 0.0, "0");
    for tick in [0.5, 1.0] {
        let x = x_of(tick * longest);
        svg.line("g", (x, middle - 4.0), (x, middle + 4.0));
        svg.text(
            "d",
            (x, bottom + 20.0),
            Hold::Middle,
            0.0,
            &format!("{:.1} ms", tick * longest),
        );
    }
    svg.text("d", (left, bottom + 20.0), Hold::Start, 0.0, "round trip:");
    for sample in samples {
        svg.dot("ts", (x_of(sample.round_trip), y_of(sample.offset)));
        svg.describe(format!(
            "Round trip {:.3} ms, offset {:+.3} ms beside that of the shortest.",
            sample.round_trip,
            sample.offset - best.offset
        ));
    }
    Ok(svg.finish(bottom + 34.0))
}
