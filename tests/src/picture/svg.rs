//! The text of an SVG file: it needs no script, has its own colours for light and dark, and says
//! what it shows to those who cannot see it.

use std::fmt::Write as _;

/// Letters as wide as this part of their size: every font for code is near it.
pub const LETTER: f64 = 0.602;

/// A picture in the making.
pub struct Svg {
    width: f64,
    title: String,
    description: Vec<String>,
    body: String,
}

/// Where a text is held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// At its beginning.
    Start,
    /// In its middle.
    Middle,
    /// At its end.
    End,
}

const STYLE: &str = "\
.p{fill:#fcfcf9;stroke:#c9c9c2}.b{fill:#fcfcf9}text{fill:#1c1c1c;font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.h{font-weight:bold}.d{fill:#5c5c5c;font-size:12px}.n{font-size:12px}
.l{stroke:#8a8a8a;stroke-width:2}.s{stroke:#0b57a4;fill:none;stroke-width:2}.c{stroke:#0a6b35;fill:none;stroke-width:2}
.r{stroke:#b3261e;fill:none;stroke-width:2}.g{stroke:#8a8a8a;fill:none}.w{fill:#e8b84a;opacity:.55}
.ts{fill:#0b57a4}.tc{fill:#0a6b35}.tr{fill:#b3261e}.fs{fill:#c5dcf5}.fc{fill:#c8e8d2}.fy{fill:#f4e2b0}.fg{fill:#e3e3de}
@media(prefers-color-scheme:dark){.p{fill:#1b202c;stroke:#454c5c}.b{fill:#1b202c}text{fill:#e6e6e6}.d{fill:#a9afba}.l,.g{stroke:#8a90a0}\
.s{stroke:#7db8f5}.c{stroke:#74d197}.r{stroke:#ff8a80}.ts{fill:#7db8f5}.tc{fill:#74d197}.tr{fill:#ff8a80}\
.fs{fill:#1f4468}.fc{fill:#1d5135}.fy{fill:#5f4a12}.fg{fill:#3a4150}}
";

impl Svg {
    /// A picture of that width, in pixels of its own.
    pub fn new(width: f64, title: &str) -> Svg {
        Svg {
            width,
            title: title.to_owned(),
            description: Vec::new(),
            body: String::new(),
        }
    }

    /// Adds a sentence for those who cannot see the picture.
    pub fn describe(&mut self, sentence: impl Into<String>) {
        self.description.push(sentence.into());
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x1, y1, x2, y2) = (n(x1), n(y1), n(x2), n(y2));
        self.push(&format!(
            r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#
        ));
    }

    /// A path, as SVG writes it.
    pub fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{} {}", n(*x), n(*y)))
            .collect();
        self.push(&format!(
            r#"<path class="{class}" d="M{}"/>"#,
            points.join("L")
        ));
    }

    /// A filled rectangle.
    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let (x, y, width, height) = (n(x), n(y), n(width), n(height));
        self.push(&format!(
            r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#
        ));
    }

    /// A small disk.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64)) {
        let (x, y) = (n(x), n(y));
        self.push(&format!(
            r#"<circle class="{class}" cx="{x}" cy="{y}" r="3.5"/>"#
        ));
    }

    /// Begins something that a mouse can point at: its number, and what it is.
    pub fn begin(&mut self, number: usize, what: &str) {
        self.push(&format!(
            r#"<g id="a{number}"><title>{}</title>"#,
            escape(what)
        ));
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.push("</g>");
    }

    /// One line of text; `turn` in degrees.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), hold: Hold, turn: f64, text: &str) {
        let hold = match hold {
            Hold::Start => "",
            Hold::Middle => r#" text-anchor="middle""#,
            Hold::End => r#" text-anchor="end""#,
        };
        let class = match class {
            "" => String::new(),
            class => format!(r#" class="{class}""#),
        };
        let (x, y) = (n(x), n(y));
        let turn = match n(turn).as_str() {
            "0" | "-0" => String::new(),
            turn => format!(r#" transform="rotate({turn} {x} {y})""#),
        };
        self.push(&format!(
            r#"<text{class} x="{x}" y="{y}"{hold}{turn}>{}</text>"#,
            escape(text)
        ));
    }

    fn push(&mut self, element: &str) {
        self.body += element;
        self.body.push('\n');
    }

    /// The whole file.
    pub fn finish(self, height: f64) -> String {
        let (width, height) = (n(self.width), n(height));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="t d">"#
        );
        let _ = writeln!(text, r#"<title id="t">{}</title>"#, escape(&self.title));
        let description = escape(&self.description.join("\n"));
        let _ = writeln!(text, "<desc id=\"d\">{description}</desc>");
        let _ = write!(text, "<style>\n{STYLE}</style>\n");
        let _ = writeln!(
            text,
            r#"<rect class="p" x="0.5" y="0.5" width="{}" height="{}" rx="6"/>"#,
            n(self.width - 1.0),
            height.parse::<f64>().map_or(0.0, |height| height - 1.0)
        );
        text + &self.body + "</svg>\n"
    }
}

/// A number with at most one digit behind the point: the same on every machine.
fn n(number: f64) -> String {
    let tenths = (number * 10.0).round() as i64;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => {
            let sign = if tenths < 0 && whole == 0 { "-" } else { "" };
            format!("{sign}{whole}.{}", rest.abs())
        }
    }
}

/// Text as XML has it. What a peer sent was made safe to print before.
fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

/// How wide a text is, in letters: those of East Asia are two wide.
pub fn letters(text: &str) -> usize {
    text.chars().map(|c| 1 + usize::from(is_wide(c))).sum()
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}')
}

/// The beginning of a text that is at most so many letters wide, with `…` if more follows.
pub fn shorten(text: &str, most: usize) -> String {
    if letters(text) <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if letters(&short) + letters(&c.to_string()) + 1 > most {
            break;
        }
        short.push(c);
    }
    short + "…"
}

/// A text in lines of at most so many letters, broken between words where that is possible.
pub fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && letters(line) + 1 + letters(&word) <= most {
            line.push(' ');
            line.push_str(&word);
            continue;
        }
        if !line.is_empty() {
            lines.push(String::new());
        }
        while letters(&word) > most {
            let cut = word.char_indices().nth(most).map_or(word.len(), |(i, _)| i);
            let rest = word.split_off(cut);
            *lines.last_mut().expect("there is always a line") = word;
            lines.push(String::new());
            word = rest;
        }
        *lines.last_mut().expect("there is always a line") = word;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_digit_behind_the_point_at_most() {
        for (number, text) in [
            (0.0, "0"),
            (1.25, "1.3"),
            (-0.26, "-0.3"),
            (99.96, "100"),
            (-3.0, "-3"),
        ] {
            assert_eq!(n(number), text);
        }
    }

    #[test]
    fn texts_are_wrapped_between_words_and_cut_where_they_must() {
        assert_eq!(
            wrap("read 12 bytes: hello, world", 15),
            ["read 12 bytes:", "hello, world"]
        );
        assert_eq!(wrap("aaaaaaaaaa b", 4), ["aaaa", "aaaa", "aa b"]);
        assert_eq!(shorten("世界世界", 5), "世界…");
    }
}
