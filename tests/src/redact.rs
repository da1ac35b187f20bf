//! What differs from one run to the next, made equal. Nothing else is touched.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::reserved::Reserved;

/// The real ports behind the ports of a page.
///
/// A page says 8801. A test must not use a fixed port, so the server listens on a free one.
#[derive(Debug, Default)]
pub struct Ports {
    /// The page's port, the real port.
    pairs: Vec<(u16, u16)>,
    reservations: Vec<(u16, Reserved)>,
}

impl Ports {
    /// Says which real port stands for a page's port.
    pub fn set(&mut self, page: u16, real: u16) {
        self.pairs.push((page, real));
    }

    /// The real port that stands for a page's port.
    pub fn real(&self, page: u16) -> Option<u16> {
        self.pairs.iter().find(|p| p.0 == page).map(|p| p.1)
    }

    /// Takes a free port for a page's port before anything is there.
    ///
    /// # Errors
    /// The system has no port left.
    pub fn reserve(&mut self, page: u16) -> Result<u16, String> {
        let reserved = Reserved::new().map_err(|e| format!("cannot reserve a port: {e}"))?;
        let real = reserved.addr().port();
        self.reservations.push((page, reserved));
        self.set(page, real);
        Ok(real)
    }

    /// Lets a server of either protocol have the real port, if one was taken for a page's port.
    pub fn give_up(&mut self, page: u16) {
        // Only Linux lets a listener have a port that another socket is bound to.
        if cfg!(not(target_os = "linux")) {
            self.reservations.retain(|(of, _)| *of != page);
        }
        for (_, reserved) in self.reservations.iter_mut().filter(|(of, _)| *of == page) {
            reserved.give_up_udp();
        }
    }

    /// Takes the pairs from two lines that differ only in their ports.
    pub fn learn(&mut self, page: &str, real: &str) {
        let ports = |line: &str| -> Vec<u16> {
            PORT.captures_iter(line)
                .filter_map(|found| found[2].parse().ok())
                .collect()
        };
        for (page, real) in ports(page).into_iter().zip(ports(real)) {
            self.set(page, real);
        }
    }

    /// A line of the screen, with the page's ports in the place of the real ones.
    pub fn to_page(&self, line: &str) -> String {
        replace_ports(line, |port| {
            self.pairs
                .iter()
                .find(|p| p.1 == port)
                .map(|p| p.0.to_string())
        })
    }

    /// A line of a page or, after [`Ports::to_page`], of the screen, with `<port>` for each port
    /// that the system chose, and a placeholder for times, durations and speeds.
    pub fn redact(&self, line: &str) -> String {
        static VARYING: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
            [
                (r"\b\d{4}[-/]\d\d[-/]\d\d\b", "<date>"),
                (r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4}\b", "<date>"), // as HTTP writes it
                (r"\b\d\d:\d\d:\d\d(\.\d+)?\b", "<time>"),
                (r"\b\d[\d,]*(\.\d+)? ?[kKMG]?i?B/s", "<speed>"),
                (r"[+-]?\b\d[\d,]*(\.\d+)? ?(ns|µs|ms|s|sec)\b", "<duration>"),
            ]
            .map(|(pattern, name)| (Regex::new(pattern).expect("the pattern is tested"), name))
        });
        let chosen = |port| self.real(port).is_none() && port >= 10_000;
        let mut line = replace_ports(line, |port| chosen(port).then(|| "<port>".to_owned()));
        if PORT.is_match(&line) {
            // Behind a port of another length the columns of a table stand elsewhere.
            line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        for (pattern, name) in VARYING.iter() {
            line = pattern.replace_all(&line, *name).into_owned();
        }
        if cfg!(not(target_os = "linux")) {
            // The pages show Linux's numbers: 111 for "Connection refused" is 61 on macOS.
            line = OS_ERROR
                .replace_all(&line, "(os error <number>)")
                .into_owned();
        }
        line
    }
}

/// The number of an error of the system.
static OS_ERROR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\(os error \d+\)").expect("the pattern is tested"));

/// A port behind an address of this machine.
static PORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(127\.0\.0\.1|\[::1\]|localhost):(\d+)\b").expect("the pattern is tested")
});

/// Replaces the numbers behind an address of this machine.
fn replace_ports(line: &str, replacement: impl Fn(u16) -> Option<String>) -> String {
    PORT.replace_all(line, |found: &Captures| {
        let other = found[2].parse().ok().and_then(&replacement);
        format!("{}:{}", &found[1], other.as_deref().unwrap_or(&found[2]))
    })
    .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_pages_port_for_the_real_one_and_hides_what_the_system_chose() {
        let mut ports = Ports::default();
        ports.set(8801, 40_000);
        let screen = ports.to_page("127.0.0.1:40000 serves 127.0.0.1:50312");
        assert_eq!(screen, "127.0.0.1:8801 serves 127.0.0.1:50312");
        assert_eq!(
            ports.redact(&screen),
            "127.0.0.1:8801 serves 127.0.0.1:<port>"
        );
        assert_eq!(ports.redact("127.0.0.1:8802"), "127.0.0.1:8802");
    }

    #[test]
    fn hides_times_durations_and_speeds_and_nothing_else() {
        let ports = Ports::default();
        for (line, redacted) in [
            ("at 2026-11-20 13:40:59", "at <date> <time>"),
            (
                "2026/11/20 13:40:59.123 in 0.043 ms",
                "<date> <time> in <duration>",
            ),
            ("12 µs, 3s, 1,200 ns", "<duration>, <duration>, <duration>"),
            ("+0.012 ms or -0.012 ms", "<duration> or <duration>"),
            ("35 B/s, 1.2 GiB/s", "<speed>, <speed>"),
            (
                "12 bytes in 1 read, os error 104, 3 seats",
                "12 bytes in 1 read, os error 104, 3 seats",
            ),
        ] {
            assert_eq!(ports.redact(line), redacted);
        }
    }
}
