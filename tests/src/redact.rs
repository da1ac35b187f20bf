//! What differs from one run to the next, made equal. Nothing else is touched.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::program::is_page_port;
use crate::reserved::Reserved;

/// The real ports behind the ports of a page.
///
/// A page says 8801. A test must not use a fixed port, so the server listens on a free one.
#[derive(Debug, Default)]
pub struct Ports {
    /// The page's port, the real port.
    pairs: Vec<(u16, u16)>,
    reservations: Vec<(u16, Reserved)>,
    /// Whether a page's port stands for itself, as in a lab, where nobody else has it.
    own_network: bool,
}

impl Ports {
    /// Says which real port stands for a page's port.
    pub fn set(&mut self, page: u16, real: u16) {
        self.pairs.push((page, real));
    }

    /// Lets every port of a page stand for itself from now on: the programs run in a network of
    /// their own.
    pub fn in_own_network(&mut self) {
        self.own_network = true;
    }

    /// The real port that stands for a page's port.
    pub fn real(&self, page: u16) -> Option<u16> {
        if self.own_network && is_page_port(page) {
            return Some(page);
        }
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
        static VARYING: LazyLock<[(Regex, &str); 12]> = LazyLock::new(|| {
            [
                // What tcpdump tells: whole sequence numbers, windows and what belongs to them,
                // time stamps, the numbers of echo requests.
                (r"\b(seq|ack) \d{5,}(:\d{5,})?", "$1 <number>"),
                (r"\bwin \d+", "win <number>"),
                (r"\bwscale \d+", "wscale <number>"),
                (r"\bTS val \d+ ecr \d+", "TS <time>"),
                (r"\bid \d+", "id <number>"),
                (
                    r"^\d+ packets? received by filter",
                    "<number> packets received by filter",
                ),
                (r" = [\d.]+/[\d.]+/[\d.]+/[\d.]+ ms", " = <duration>"), // ping
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
        line = PORT_BEHIND_DOT.replace_all(&line, "$1.<port>").into_owned();
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

/// A port behind an address of this machine or of a lab.
static PORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(127\.0\.0\.1|\[::1\]|localhost|\b10\.9\.\d+\.\d+|\[::ffff:10\.9\.\d+\.\d+\]|\[fd00:9[\da-f:]*\]):(\d+)\b")
        .expect("the pattern is tested")
});

/// The same, as tcpdump writes it.
static PORT_BEHIND_DOT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b((?:127\.0\.0|10\.9\.\d+)\.\d+|::1|fd00:9[\da-f:]*)\.(\d{5})\b")
        .expect("the pattern is tested")
});

/// Replaces the numbers behind an address of this machine or of a lab.
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
                "IP 10.9.0.1.41942 > 10.9.0.2.8802: Flags [S.], seq 1255990162, ack 2848865055, win 65483, options [mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 10], length 0",
                "IP 10.9.0.1.<port> > 10.9.0.2.8802: Flags [S.], seq <number>, ack <number>, win <number>, options [mss 1460,sackOK,TS <time>,nop,wscale <number>], length 0",
            ),
            (
                "IP6 fd00:9::1.41942 > fd00:9::2.8802: Flags [P.], seq 1:6, ack 1, win 64, length 5",
                "IP6 fd00:9::1.<port> > fd00:9::2.8802: Flags [P.], seq 1:6, ack 1, win <number>, length 5",
            ),
            (
                "rtt min/avg/max/mdev = 0.076/0.076/0.076/0.000 ms",
                "rtt min/avg/max/mdev = <duration>",
            ),
            (
                "12 bytes in 1 read, os error 104, 3 seats",
                "12 bytes in 1 read, os error 104, 3 seats",
            ),
        ] {
            assert_eq!(ports.redact(line), redacted);
        }
    }
}
