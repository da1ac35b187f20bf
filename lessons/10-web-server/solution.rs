//! One way to solve the exercises of lesson 10. Try your own first.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use web_server::contract::{BUSY, FAREWELL, Handler, MAX_BODY, MAX_HEAD, MAX_LINES, Pages, Pool};

/// 10.1 A request head.
pub fn read_head(mut stream: &TcpStream, rest: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let (mut seen, mut lines) = (0, 0);
    let mut piece = [0; 4096];
    loop {
        // Each byte is looked at once, together with those before it: the end may stand across the
        // border of two pieces.
        while seen < rest.len() {
            seen += 1;
            let head = &rest[..seen];
            lines += usize::from(head.ends_with(b"\r\n"));
            let ends = head.ends_with(b"\r\n\r\n");
            // The first line is no header, nor is the empty one.
            let headers = lines.saturating_sub(if ends { 2 } else { 1 });
            if seen > MAX_HEAD || headers > MAX_LINES {
                return Err(ErrorKind::InvalidData.into());
            }
            if ends {
                let behind = rest.split_off(seen);
                return Ok(Some(std::mem::replace(rest, behind)));
            }
        }
        match stream.read(&mut piece)? {
            0 if rest.is_empty() => return Ok(None),
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => rest.extend_from_slice(&piece[..n]),
        }
    }
}

/// 10.2 Keep-alive.
pub fn answer_all(stream: TcpStream, pages: &Pages) {
    // Whatever fails, there is nobody left to tell.
    let _ = answer_each(&stream, pages);
}

fn answer_each(mut stream: &TcpStream, pages: &Pages) -> io::Result<()> {
    let mut rest = Vec::new();
    loop {
        let request = match read_head(stream, &mut rest) {
            Ok(None) => return Ok(()),
            Ok(Some(head)) => parse(&head),
            Err(e) if e.kind() == ErrorKind::InvalidData => Err(431),
            Err(error) => return Err(error),
        };
        let request = match request {
            Ok(request) => request,
            Err(status) => {
                stream.write_all(&answer(status, "no", "", true, false))?;
                return say_goodbye(stream);
            }
        };
        drop_body(stream, &mut rest, request.length)?;
        let is_head = request.method == b"HEAD";
        let path = request.target.split(|&b| b == b'?').next();
        let page = path.and_then(|path| pages.get(str::from_utf8(path).ok()?));
        let bytes = match (request.method.as_slice(), page) {
            (b"GET" | b"HEAD", Some(page)) => answer(200, page, "", request.closes, is_head),
            (b"GET" | b"HEAD", None) => {
                answer(404, "there is no such page\n", "", request.closes, is_head)
            }
            _ => answer(405, "", "Allow: GET, HEAD\r\n", request.closes, false),
        };
        stream.write_all(&bytes)?;
        if request.closes {
            return say_goodbye(stream);
        }
    }
}

struct Request {
    method: Vec<u8>,
    target: Vec<u8>,
    length: u64,
    closes: bool,
}

/// A whole head, or the status that refuses it.
fn parse(head: &[u8]) -> Result<Request, u16> {
    let head = head.strip_suffix(b"\r\n\r\n").ok_or(400_u16)?;
    let mut lines = head.split(|&b| b == b'\n');
    let first = lines.next().unwrap_or_default();
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    let words: Vec<&[u8]> = first.split(|&b| b == b' ').collect();
    let &[method, target, b"HTTP/1.1"] = words.as_slice() else {
        return Err(400);
    };
    if method.is_empty() || target.is_empty() {
        return Err(400);
    }
    let (mut length, mut closes) = (None, false);
    for line in lines {
        let colon = line.iter().position(|&b| b == b':').ok_or(400_u16)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        match name.to_ascii_lowercase().as_slice() {
            b"content-length" if length.is_none() => length = Some(digits(value).ok_or(400_u16)?),
            b"content-length" | b"transfer-encoding" => return Err(400),
            b"connection" => closes |= value.eq_ignore_ascii_case(b"close"),
            _ => {}
        }
    }
    let length = length.unwrap_or(0);
    if length > MAX_BODY {
        return Err(413);
    }
    Ok(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        length,
        closes,
    })
}

/// `parse` would also take `+5`. A number that is too large for it is too large for us.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(str::from_utf8(value).ok()?.parse().unwrap_or(u64::MAX))
}

fn drop_body(mut stream: &TcpStream, rest: &mut Vec<u8>, length: u64) -> io::Result<()> {
    let mut missing = usize::try_from(length).unwrap_or(usize::MAX);
    let mut piece = [0; 4096];
    loop {
        let n = missing.min(rest.len());
        rest.drain(..n);
        missing -= n;
        if missing == 0 {
            return Ok(());
        }
        match stream.read(&mut piece)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => rest.extend_from_slice(&piece[..n]),
        }
    }
}

fn answer(status: u16, body: &str, headers: &str, closes: bool, is_head: bool) -> Vec<u8> {
    let length = body.len(); // in bytes, not in characters
    let close = if closes { "Connection: close\r\n" } else { "" };
    let body = if is_head { "" } else { body };
    format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n{headers}{close}\r\n{body}").into()
}

/// Closing with bytes unread sends RST, and the client may lose our last answer.
fn say_goodbye(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + FAREWELL;
    let mut piece = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        stream.set_read_timeout(Some(left))?;
        if stream.read(&mut piece)? == 0 {
            return Ok(());
        }
    }
}

/// 10.3 A pool of threads.
pub fn pool(workers: usize, waiting: usize, handle: Handler) -> Box<dyn Pool> {
    let shared = Arc::new(Shared {
        most: workers.saturating_add(waiting),
        state: Mutex::default(),
        changed: Condvar::new(),
    });
    let work = |_| {
        let (shared, handle) = (Arc::clone(&shared), Arc::clone(&handle));
        thread::spawn(move || shared.work(&handle))
    };
    let workers = (0..workers).map(work).collect();
    Box::new(Workers { shared, workers })
}

struct Workers {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    /// How many connections there may be, at work and waiting. A thread that is free may not have
    /// come to its connection yet, so those who wait alone tell nothing.
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<TcpStream>,
    /// Those with a handler, by a number.
    at_work: HashMap<u64, Arc<TcpStream>>,
    next: u64,
    panicked: usize,
    stopped: bool,
}

impl Pool for Workers {
    fn take(&mut self, stream: TcpStream) {
        let mut state = self.shared.lock();
        if state.queue.len() + state.at_work.len() < self.shared.most {
            state.queue.push_back(stream);
            self.shared.changed.notify_one();
        } else {
            drop(state);
            turn_away(stream);
        }
    }

    fn stop(self: Box<Self>) -> usize {
        let mut state = self.shared.lock();
        state.stopped = true;
        let farewells: Vec<_> = state.queue.drain(..).map(turn_away).collect();
        for stream in state.at_work.values() {
            let _ = stream.shutdown(Shutdown::Read); // a handler that waits in `read` reads 0
        }
        drop(state);
        self.shared.changed.notify_all();
        for thread in self
            .workers
            .into_iter()
            .chain(farewells.into_iter().flatten())
        {
            let _ = thread.join();
        }
        self.shared.lock().panicked
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.state.lock();
        state.expect("nobody panics while holding the state")
    }

    /// What each thread does. The lock is held while it waits for a connection, and not while it
    /// serves one: with `while let Ok(…) = receiver.lock().unwrap().recv()` it would be.
    fn work(&self, handle: &Handler) {
        loop {
            let state = self.lock();
            let idle = |state: &mut State| state.queue.is_empty() && !state.stopped;
            let state = self.changed.wait_while(state, idle);
            let mut state = state.expect("nobody panics while holding the state");
            let Some(stream) = state.queue.pop_front() else {
                return;
            };
            let stream = Arc::new(stream);
            let number = state.next;
            state.next += 1;
            state.at_work.insert(number, Arc::clone(&stream));
            drop(state);
            let handled = panic::catch_unwind(AssertUnwindSafe(|| handle(&stream)));
            let mut state = self.lock();
            state.at_work.remove(&number);
            state.panicked += usize::from(handled.is_err());
            // The last owner of the connection is this function: here it is closed.
        }
    }
}

/// Tells a client that it is not served. The thread waits for it to finish.
fn turn_away(mut stream: TcpStream) -> Option<JoinHandle<()>> {
    let _ = stream.write_all(BUSY); // always fits into the empty buffer
    let farewell = move || drop(say_goodbye(&stream));
    thread::Builder::new().spawn(farewell).ok()
}
