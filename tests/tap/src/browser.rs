//! `--browser`: the picture of what passes, live in a web page on this machine.
//!
//! The page asks for the picture again and again; each answer waits until there is something new.
//! The tap itself only adds to a list: it never waits for a browser.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use course::picture::{Event, Tapped, Way, What, is_drawn};
use shared::{Failure, say};

use crate::Tap;

/// How many events are kept: the oldest go first.
const KEPT: usize = 20_000;
/// How many of them one picture shows.
const SHOWN_AT_ONCE: usize = 100;
/// How many requests are answered at once.
const AT_ONCE: usize = 32;
/// The longest head of a request.
const MAX_HEAD: usize = 8 * 1024;
/// How long a request may take to come, and its answer to leave.
const HURRY: Duration = Duration::from_secs(5);
/// How long an answer waits for something new.
const NEWS: Duration = Duration::from_secs(20);

/// What a browser may see.
#[derive(Default)]
pub struct Live {
    seen: Mutex<Seen>,
    news: Condvar,
}

#[derive(Default)]
struct Seen {
    events: VecDeque<Arc<Event>>,
    /// How many were there before the first that is kept.
    gone: usize,
}

impl Seen {
    fn total(&self) -> usize {
        self.gone + self.events.len()
    }
}

impl Live {
    /// Adds what a picture shows of an event.
    pub fn add(&self, event: &Event) {
        if !is_drawn(event) {
            return;
        }
        let mut event = event.clone();
        if let What::Piece { bytes, .. } = &mut event.what {
            bytes.truncate(course::picture::SHOWN);
            bytes.shrink_to_fit();
        }
        let mut seen = self.lock();
        if seen.events.len() == KEPT {
            seen.events.pop_front();
            seen.gone += 1;
        }
        seen.events.push_back(Arc::new(event));
        drop(seen);
        self.news.notify_all();
    }

    /// Waits until there are more than so many events, but not for ever. Gives the newest of them
    /// and the number of the first, counted from 0.
    fn newest(&self, more_than: usize) -> (Vec<Arc<Event>>, usize) {
        let deadline = Instant::now() + NEWS;
        let mut seen = self.lock();
        while seen.total() <= more_than {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.news.wait_timeout(seen, left);
            seen = waited.expect("no thread panics while it holds this").0;
        }
        let skipped = seen.events.len().saturating_sub(SHOWN_AT_ONCE);
        let newest = seen.events.iter().skip(skipped).cloned().collect();
        (newest, seen.gone + skipped)
    }

    fn event(&self, number: usize) -> Option<Arc<Event>> {
        let seen = self.lock();
        let index = number.checked_sub(seen.gone)?;
        seen.events.get(index).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen
            .lock()
            .expect("no thread panics while it holds this")
    }
}

/// Begins to answer a browser, and says where.
///
/// # Errors
/// The system has no port left.
pub fn serve(tap: &'static Tap, live: &'static Live) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::new(format!("cannot listen for a browser: {e}"));
    // Nobody but this machine: whatever passes can be read there.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    say!("open http://{addr}/ in a browser");
    thread::spawn(move || {
        static BUSY: AtomicUsize = AtomicUsize::new(0);
        loop {
            let Ok((stream, _)) = listener.accept() else {
                thread::sleep(Duration::from_millis(100)); // too many files are open
                continue;
            };
            if BUSY.fetch_add(1, Ordering::SeqCst) >= AT_ONCE {
                BUSY.fetch_sub(1, Ordering::SeqCst);
                continue; // dropped: whoever opens so many tabs tries again
            }
            thread::spawn(move || {
                // A browser that goes away is nobody's trouble.
                let _ = answer(&stream, addr, tap, live);
                BUSY.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    Ok(())
}

/// Answers one request.
fn answer(stream: &TcpStream, addr: SocketAddr, tap: &Tap, live: &Live) -> io::Result<()> {
    stream.set_write_timeout(Some(HURRY))?;
    let head = read_head(stream)?;
    let (status, kind, body, seen) = match path(&head, addr) {
        Err(status) => (status, "text/plain", status.to_owned(), 0),
        Ok("/") => ("200 OK", "text/html", PAGE.to_owned(), 0),
        Ok("/look.js") => ("200 OK", "text/javascript", SCRIPT.to_owned(), 0),
        Ok(path) => {
            let number = |prefix| path.strip_prefix(prefix).and_then(|n: &str| n.parse().ok());
            if let Some(seen) = number("/picture?seen=") {
                let (events, first) = live.newest(seen);
                let picture = draw(&events, tap);
                ("200 OK", "image/svg+xml", picture, first + events.len())
            } else if let Some(event) = number("/event?number=").and_then(|n| live.event(n)) {
                let lines = event.lines(|way| Way::arrow(way).to_owned());
                ("200 OK", "text/plain", lines.join("\n"), 0)
            } else {
                ("404 Not Found", "text/plain", "404 Not Found".to_owned(), 0)
            }
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nX-Seen: {seen}\r\n\
         Content-Security-Policy: default-src 'none'; script-src 'self'; connect-src 'self'; \
         style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\r\n",
        body.len()
    );
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// Reads a request up to the empty line behind its head.
fn read_head(mut stream: &TcpStream) -> io::Result<String> {
    let deadline = Instant::now() + HURRY;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || head.len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.set_read_timeout(Some(left))?;
        match io::Read::read(&mut stream, &mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => head.extend_from_slice(&buffer[..n]),
        }
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The path that a request asks for, or the status with which it is refused.
///
/// Any page in the browser may send requests here. One from another origin says so in `Origin`, and
/// one that has turned its own name to this address (DNS rebinding) says that name in `Host`.
fn path(head: &str, addr: SocketAddr) -> Result<&str, &'static str> {
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap_or("").split(' ');
    let (method, path) = (request.next(), request.next());
    let names = [addr.to_string(), format!("localhost:{}", addr.port())];
    let mut hosts = 0;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("host") {
            hosts += 1;
            if !names.iter().any(|name| name.eq_ignore_ascii_case(value)) {
                return Err("403 Forbidden");
            }
        }
        let own = |name: &String| value.strip_prefix("http://") == Some(name);
        if name.eq_ignore_ascii_case("origin") && !names.iter().any(own) {
            return Err("403 Forbidden");
        }
    }
    match (method, path, hosts) {
        (_, _, hosts) if hosts != 1 => Err("400 Bad Request"),
        (Some("GET"), Some(path), _) => Ok(path),
        (Some(_), Some(_), _) => Err("405 Method Not Allowed"),
        _ => Err("400 Bad Request"),
    }
}

fn draw(events: &[Arc<Event>], tap: &Tap) -> String {
    let events: Vec<Event> = events.iter().map(|event| Event::clone(event)).collect();
    let tapped = Tapped {
        lanes: crate::drawing::lanes(&events),
        delay: tap.network.delay(),
        waits: false,
    };
    tapped.scene(&events).draw("What passes just now")
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Two Terminals: the tap</title>
<style>
:root { color-scheme: light dark; font: 16px system-ui, sans-serif }
body { margin: 1em auto; max-width: 60em; padding: 0 1em }
#look { display: flex; flex-wrap: wrap; gap: 1em }
#picture svg { max-width: 100%; height: auto }
#picture g { cursor: pointer }
#bytes { font: 14px ui-monospace, monospace; overflow-x: auto; white-space: pre; position: sticky; top: 1em }
</style>
<h1>What passes</h1>
<p id="state" role="status">Nothing has passed yet.</p>
<div id="look"><div id="picture"></div><div id="bytes" aria-live="polite">Click on an arrow to see its bytes.</div></div>
<script src="/look.js"></script>
"#;

const SCRIPT: &str = r#""use strict";
const [state, picture, bytes] = ["state", "picture", "bytes"].map((id) => document.getElementById(id));
let seen = 0;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function look() {
  for (;;) {
    try {
      const answer = await fetch(`/picture?seen=${seen}`);
      if (!answer.ok) throw new Error(answer.status);
      const total = Number(answer.headers.get("X-Seen"));
      if (total > seen) {
        seen = total;
        const svg = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
        const below = innerHeight + scrollY >= document.body.scrollHeight - 40;
        picture.replaceChildren(document.adoptNode(svg.documentElement));
        const arrows = picture.querySelectorAll("g").length;
        state.textContent = arrows < seen ? `The last ${arrows} of ${seen}.` : `${seen} until now.`;
        picture.dataset.first = seen - arrows;
        if (below) scrollTo(0, document.body.scrollHeight);
      }
      await pause(100); // no browser needs more than ten pictures a second
    } catch {
      state.textContent = "The tap does not answer.";
      await pause(1000);
    }
  }
}

picture.addEventListener("click", async (event) => {
  const arrow = event.target.closest("g");
  if (!arrow) return;
  const number = Number(picture.dataset.first) + Number(arrow.id.slice(1));
  const answer = await fetch(`/event?number=${number}`);
  bytes.textContent = answer.ok ? await answer.text() : "That is no longer kept.";
});

look();
"#;

#[cfg(test)]
mod tests {
    use super::*;

    const ADDR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 12345);

    #[test]
    fn only_its_own_page_is_answered() {
        for (head, expected) in [
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n\r\n", Ok("/")),
            ("GET /x HTTP/1.1\r\nhost: LocalHost:12345\r\n\r\n", Ok("/x")),
            (
                "GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\nOrigin: http://127.0.0.1:12345\r\n\r\n",
                Ok("/"),
            ),
            (
                "GET / HTTP/1.1\r\nHost: evil.example:12345\r\n\r\n",
                Err("403 Forbidden"),
            ),
            (
                "GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\nORIGIN: http://evil.example\r\n\r\n",
                Err("403 Forbidden"),
            ),
            (
                "GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\nOrigin: null\r\n\r\n",
                Err("403 Forbidden"),
            ),
            (
                "GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\nOrigin: http://127.0.0.1:1\r\n\r\n",
                Err("403 Forbidden"),
            ),
            ("GET / HTTP/1.1\r\n\r\n", Err("400 Bad Request")),
            (
                "GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\nHost: 127.0.0.1:12345\r\n\r\n",
                Err("400 Bad Request"),
            ),
            (
                "POST / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n\r\n",
                Err("405 Method Not Allowed"),
            ),
        ] {
            assert_eq!(path(head, ADDR), expected, "{head}");
        }
    }

    #[test]
    fn keeps_the_newest_and_knows_their_numbers() {
        let live = Live::default();
        for n in 0..KEPT + 5 {
            live.add(&Event {
                at: Duration::ZERO,
                number: 1,
                what: What::piece(Way::ToServer, n.to_string().as_bytes(), Vec::new()),
            });
        }
        let (events, first) = live.newest(0);
        assert_eq!(
            (events.len(), first),
            (SHOWN_AT_ONCE, KEPT + 5 - SHOWN_AT_ONCE)
        );
        assert!(live.event(4).is_none(), "it is gone");
        let event = live.event(5).expect("it is kept");
        assert_eq!(event.what, What::piece(Way::ToServer, b"5", Vec::new()));
    }
}
