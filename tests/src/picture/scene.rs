//! A space-time diagram: a lifeline for each side, time downwards, arrows that slant by the delay.

use std::time::Duration;

use super::svg::{Hold, LETTER, Svg, letters, shorten, wrap};

/// What happens between two or three sides.
pub struct Scene {
    /// The sides, from the left to the right.
    pub lanes: Vec<String>,
    /// What passes, in the order in which it leaves.
    pub arrows: Vec<Arrow>,
    /// What the sides say, and their states.
    pub notes: Vec<Note>,
    /// Which arrows a side waits for, and since which.
    pub waits: Vec<Wait>,
}

/// A side waits: from where an arrow leaves it until another one comes.
pub struct Wait {
    /// The arrow that leaves.
    pub since: usize,
    /// The arrow that comes.
    pub until: usize,
}

/// Something on its way from one side to another.
pub struct Arrow {
    /// The side that it leaves.
    pub from: usize,
    /// The side to which it goes.
    pub to: usize,
    /// When it leaves.
    pub leaves: Duration,
    /// When it arrives.
    pub arrives: Duration,
    /// What it carries.
    pub label: String,
    /// What else it carries; it stands below the arrow.
    pub below: String,
    /// What stands beside the side that it leaves, such as the time.
    pub beside: String,
    /// How it looks.
    pub look: Look,
    /// What it is, in a sentence.
    pub told: String,
}

/// How an arrow looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Bytes.
    Plain,
    /// A side has finished, or something else without bytes.
    Mark,
    /// A side broke off.
    Reset,
    /// It does not arrive.
    Lost,
    /// It arrives twice.
    Twice,
}

/// A text beside a lifeline.
pub struct Note {
    /// The arrow at whose end it stands.
    pub arrow: usize,
    /// Whether that is the end at which it arrives.
    pub arrives: bool,
    /// The text.
    pub text: String,
}

/// A point on a lifeline.
struct Point {
    lane: usize,
    at: Duration,
    /// Whether the arrow leaves here.
    leaves: bool,
    arrow: usize,
    /// The texts beside it, with their class.
    beside: Vec<(String, &'static str)>,
    y: f64,
}

/// The side that everybody speaks with.
const SERVER: usize = 1;
/// The width of a picture: on a phone it is shrunk by a fifth.
const WIDTH: f64 = 460.0;
/// Where the lifelines begin.
const TOP: f64 = 50.0;
/// The size of the letters beside the lifelines, and of their lines.
const SMALL: f64 = 12.0;
const LINE: f64 = 14.5;
/// The least distance of two points of a lifeline.
const GAP: f64 = 24.0;
/// The least slant: also what takes no time to speak of goes downwards.
const SLANT: f64 = 7.0;
/// How tall the longest way is.
const WAY: f64 = 110.0;
/// A longer wait is cut to this.
const PAUSE: f64 = 56.0;
/// A shorter wait is as good as none.
const SHORT: Duration = Duration::from_millis(40);
/// The longest wait that is drawn to scale where everything else takes less.
const UNCUT: Duration = Duration::from_secs(3);

impl Scene {
    /// Draws it.
    pub fn draw(&self, title: &str) -> String {
        let xs = match self.lanes.len() {
            2 => vec![128.0, WIDTH - 128.0],
            _ => vec![78.0, WIDTH / 2.0, WIDTH - 78.0],
        };
        let (points, breaks) = self.place(&xs);
        let end = points
            .iter()
            .map(|p| p.y + LINE * p.beside.len().max(1) as f64);
        let end = end.fold(TOP + GAP, f64::max);

        let mut svg = Svg::new(WIDTH, title);
        for (name, x) in self.lanes.iter().zip(&xs) {
            svg.text("h", (*x, 24.0), Hold::Middle, 0.0, name);
            svg.line("l", (*x, TOP - 18.0), (*x, end));
        }
        let y_of = |arrow: usize, leaves: bool| {
            let point = points
                .iter()
                .find(|p| p.arrow == arrow && p.leaves == leaves);
            point.map_or(TOP, |point| point.y)
        };
        for wait in &self.waits {
            let x = xs[self.arrows[wait.since].from];
            let (from, to) = (y_of(wait.since, true), y_of(wait.until, false));
            svg.rect("w", (x - 5.0, from), (10.0, to - from));
        }
        for (y, wait) in breaks {
            for x in &xs {
                svg.rect("b", (x - 4.0, y - 4.0), (8.0, 8.0));
                for dy in [-4.0, 4.0] {
                    svg.line("g", (x - 8.0, y + dy + 3.0), (x + 8.0, y + dy - 3.0));
                }
            }
            let text = seconds(wait);
            let middle = (xs[0] + xs[1]) / 2.0;
            svg.text("d", (middle, y + 4.0), Hold::Middle, 0.0, &text);
        }
        for (i, arrow) in self.arrows.iter().enumerate() {
            let from = (xs[arrow.from], y_of(i, true));
            let to = (xs[arrow.to], y_of(i, false));
            svg.begin(i, &arrow.told);
            draw_arrow(&mut svg, arrow, from, to);
            svg.end();
            svg.describe(&arrow.told);
        }
        for point in &points {
            let right = point.lane + 1 == self.lanes.len();
            let (x, hold) = match right {
                true => (xs[point.lane] + 8.0, Hold::Start),
                false => (xs[point.lane] - 8.0, Hold::End),
            };
            for (i, (text, class)) in point.beside.iter().enumerate() {
                let y = point.y + 4.0 + LINE * i as f64;
                svg.text(class, (x, y), hold, 0.0, text);
            }
        }
        svg.finish(end + 12.0)
    }

    /// Where everything stands: to scale, but never so near that texts overlap, and with a break
    /// where nothing happens for long.
    fn place(&self, xs: &[f64]) -> (Vec<Point>, Vec<(f64, Duration)>) {
        let mut points = self.points(xs);
        // What came before, in the tap's order, has arrived before the next leaves.
        points.sort_by_key(|point| (point.at, point.arrow, !point.leaves));
        let longest = self.longest(&points);
        let scale = |time: Duration| WAY * time.as_secs_f64() / longest.as_secs_f64();

        let mut breaks = Vec::new();
        let mut free = vec![TOP; self.lanes.len()]; // where each lifeline has room again
        let mut now = (Duration::ZERO, TOP);
        if let Some(first) = points.first() {
            now.0 = first.at;
        }
        for i in 0..points.len() {
            let (at, lane, arrow) = (points[i].at, points[i].lane, points[i].arrow);
            let wait = at.saturating_sub(now.0);
            let under_way = self
                .arrows
                .iter()
                .any(|a| a.leaves <= now.0 && a.arrives >= at && a.arrives > a.leaves);
            let mut y = now.1 + scale(wait);
            if y > now.1 + WAY + 1.0 && !under_way {
                let lowest = free.iter().copied().fold(now.1, f64::max);
                y = lowest + PAUSE - GAP;
                breaks.push(((lowest - GAP + y) / 2.0 + 4.0, wait));
            }
            y = y.max(free[lane]);
            if !points[i].leaves {
                let left = points[..i]
                    .iter()
                    .find(|p| p.arrow == arrow)
                    .map_or(TOP, |p| p.y);
                y = y.max(left + SLANT);
            }
            now = (at, y.max(now.1));
            // What leaves at the same moment need not stand lower than what happens elsewhere.
            points[i].y = y;
            let gap = if self.arrows[arrow].below.is_empty() {
                GAP
            } else {
                1.7 * GAP
            };
            free[lane] = y + gap.max(LINE * points[i].beside.len() as f64 + 6.0);
        }
        (points, breaks)
    }

    /// What [`WAY`] stands for: the longest way, or, where nothing takes time to speak of, the
    /// longest wait that is not cut.
    fn longest(&self, points: &[Point]) -> Duration {
        let ways = self.arrows.iter();
        let way = ways
            .map(|arrow| arrow.arrives.saturating_sub(arrow.leaves))
            .max();
        let way = way.unwrap_or_default();
        if !way.is_zero() {
            return way;
        }
        let waits = points
            .windows(2)
            .map(|pair| pair[1].at.saturating_sub(pair[0].at));
        let wait = waits
            .filter(|wait| *wait <= UNCUT)
            .max()
            .unwrap_or_default();
        wait.max(SHORT)
    }

    fn points(&self, xs: &[f64]) -> Vec<Point> {
        let mut points = Vec::new();
        for (i, arrow) in self.arrows.iter().enumerate() {
            for leaves in [true, false] {
                let (lane, at) = match leaves {
                    true => (arrow.from, arrow.leaves),
                    false => (arrow.to, arrow.arrives),
                };
                if !leaves && arrow.look == Look::Lost {
                    continue;
                }
                // In the middle there is no room for the time: it stands where the arrow arrives.
                let inner = |lane| lane > 0 && lane + 1 < self.lanes.len();
                let timed = leaves != inner(arrow.from);
                let room = (xs[0] - 14.0) / (SMALL * LETTER);
                let mut beside = Vec::new();
                if timed && !arrow.beside.is_empty() {
                    beside.push((arrow.beside.clone(), "d"));
                }
                for note in self
                    .notes
                    .iter()
                    .filter(|n| n.arrow == i && n.arrives != leaves)
                {
                    let lines = wrap(&note.text, room as usize);
                    beside.extend(lines.into_iter().map(|line| (line, "n")));
                }
                points.push(Point {
                    lane,
                    at,
                    leaves,
                    arrow: i,
                    beside,
                    y: 0.0,
                });
            }
        }
        points
    }
}

fn draw_arrow(svg: &mut Svg, arrow: &Arrow, from: (f64, f64), to: (f64, f64)) {
    let rightwards = to.0 > from.0;
    let class = match (arrow.look, arrow.to == SERVER) {
        (Look::Reset | Look::Lost, _) => "r",
        (_, true) => "s",
        (_, false) => "c",
    };
    let sign = if rightwards { 1.0 } else { -1.0 };
    let lost = arrow.look == Look::Lost;
    // What is lost goes half of the way.
    let to = match lost {
        true => ((from.0 + to.0) / 2.0, from.1 + SLANT / 2.0),
        false => (to.0 - sign * 2.0, to.1),
    };
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    let (ux, uy) = (dx / length, dy / length);
    svg.line(class, from, to);
    match arrow.look {
        Look::Lost | Look::Reset => {
            let at = if lost {
                to
            } else {
                (to.0 - 10.0 * ux, to.1 - 10.0 * uy)
            };
            svg.line(class, (at.0 - 5.0, at.1 - 5.0), (at.0 + 5.0, at.1 + 5.0));
            svg.line(class, (at.0 - 5.0, at.1 + 5.0), (at.0 + 5.0, at.1 - 5.0));
        }
        Look::Plain | Look::Mark | Look::Twice => {}
    }
    if !lost {
        head(svg, class, to, (ux, uy));
    }
    if arrow.look == Look::Twice {
        let (from, to) = ((from.0, from.1 + 5.0), (to.0, to.1 + 5.0));
        svg.line(class, from, to);
        head(svg, class, to, (ux, uy));
    }

    let room = ((dx.abs() - 20.0) / (13.0 * LETTER)).max(6.0) as usize;
    let room = if lost { room * 2 } else { room };
    let label = shorten(&arrow.label, room);
    debug_assert!(letters(&label) <= room);
    let turn = uy.atan2(ux.abs()).to_degrees() * sign;
    // Beside the side that it leaves, above the line.
    let (x, y) = (from.0 + 9.0 * ux + sign * 2.0, from.1 + 9.0 * uy - 4.5);
    let hold = if rightwards { Hold::Start } else { Hold::End };
    let class = match class {
        "r" => "tr",
        "s" => "ts",
        _ => "tc",
    };
    svg.text(class, (x, y), hold, turn, &label);
    if !arrow.below.is_empty() {
        svg.text(class, (x, y + 19.0), hold, turn, &arrow.below);
    }
}

fn head(svg: &mut Svg, class: &str, (x, y): (f64, f64), (ux, uy): (f64, f64)) {
    let (back, side) = (8.0, 4.5);
    svg.path(
        class,
        &[
            (x - back * ux - side * uy, y - back * uy + side * ux),
            (x, y),
            (x - back * ux + side * uy, y - back * uy - side * ux),
        ],
    );
}

/// A time as a person says it.
pub fn seconds(time: Duration) -> String {
    let ms = time.as_millis();
    match ms {
        0..1000 => format!("{ms} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: usize, leaves: u64, arrives: u64, look: Look) -> Arrow {
        Arrow {
            from,
            to: 1 - from,
            leaves: Duration::from_millis(leaves),
            arrives: Duration::from_millis(arrives),
            label: "label".to_owned(),
            below: String::new(),
            beside: format!("{leaves} ms"),
            look,
            told: "something".to_owned(),
        }
    }

    fn scene(arrows: Vec<Arrow>) -> Scene {
        Scene {
            lanes: vec!["client".to_owned(), "server".to_owned()],
            arrows,
            notes: Vec::new(),
            waits: Vec::new(),
        }
    }

    /// Where the scene's points stand: arrow, whether it leaves, and how far down.
    fn points(scene: &Scene) -> Vec<(usize, bool, f64)> {
        let (points, _) = scene.place(&[128.0, 332.0]);
        points.iter().map(|p| (p.arrow, p.leaves, p.y)).collect()
    }

    #[test]
    fn time_is_to_scale_while_something_is_under_way() {
        let scene = scene(vec![
            arrow(0, 0, 200, Look::Plain),
            arrow(1, 200, 400, Look::Plain),
        ]);
        let points = points(&scene);
        assert_eq!(points[0].2, TOP);
        assert_eq!(points[1].2, TOP + WAY);
        assert_eq!(points[2].2, TOP + WAY + GAP); // the arrival and what leaves need room
        assert_eq!(points[3].2, TOP + 2.0 * WAY + GAP);
    }

    #[test]
    fn what_happens_at_the_same_time_stands_in_the_order_of_the_tap() {
        let instant = |from| arrow(from, 5, 5, Look::Plain);
        let scene = scene(vec![instant(0), instant(1), instant(0)]);
        let order: Vec<(usize, bool)> = points(&scene).iter().map(|p| (p.0, p.1)).collect();
        let expected = [
            (0, true),
            (0, false),
            (1, true),
            (1, false),
            (2, true),
            (2, false),
        ];
        assert_eq!(order, expected);
        let downwards = points(&scene).windows(2).all(|pair| pair[0].2 < pair[1].2);
        assert!(downwards, "{:?}", points(&scene));
    }

    #[test]
    fn a_long_wait_is_cut_and_says_how_long_it_was() {
        let long = scene(vec![
            arrow(0, 0, 100, Look::Plain),
            arrow(0, 60_100, 60_200, Look::Plain),
        ]);
        let (_, breaks) = long.place(&[128.0, 332.0]);
        assert_eq!(breaks.len(), 1);
        assert!(long.draw("A wait").contains(">60.0 s</text>"));
    }

    #[test]
    fn what_is_lost_does_not_arrive() {
        let lost = scene(vec![arrow(0, 0, 100, Look::Lost)]);
        assert_eq!(points(&lost).len(), 1);
        assert!(
            !lost.draw("A loss").contains("<path"),
            "it has an arrowhead"
        );
    }
}
