//! Checks the lesson's own server and client, and its page.

mod checked;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{self, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use course::{PATIENCE, Server, accept, connect, has, has_netcat, reset};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, diff, starts_with};
use tempfile::TempDir;
use web_server::{Length, MAX_HEAD, Response, end_of_head, parse_response, response_length};

const SERVER: &str = env!("CARGO_BIN_EXE_web-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_web-client");

/// What stands in every file that nobody may get.
const SECRET: &str = "TOP SECRET";

/// More than all buffers on the way hold.
const PLENTY: usize = 40_000_000;

/// A folder with a site, something beside it, and a server.
struct Site {
    folder: TempDir,
    server: Server,
}

impl Site {
    #[track_caller]
    fn start(arguments: &[&str]) -> Site {
        let folder = tempfile::tempdir().expect("the system has a folder for temporary files");
        let write = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            let parent = path.parent().expect("it lies in the folder");
            fs::create_dir_all(parent).expect("the folder can be written to");
            fs::write(path, content).expect("the folder can be written to");
        };
        write("www/index.html", INDEX.as_bytes());
        write("www/page.txt", PAGE.as_bytes());
        write("www/a b.txt", b"a space");
        write("www/..hidden", SECRET.as_bytes());
        write("www/.env", SECRET.as_bytes());
        write("www/.git/config", SECRET.as_bytes());
        write("www/sub/index.html", b"sub");
        write("www/sub/x.css", b"b {}");
        write("www/without/x.txt", b"x");
        write("www/big.bin", &big());
        write("secret.txt", SECRET.as_bytes());
        write("www-secret/x.txt", SECRET.as_bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            let www = folder.path().join("www");
            for (to, name) in [
                ("../secret.txt", "link"),
                ("..", "up"),
                ("/dev/zero", "zero"),
                ("/etc/passwd", "passwd"),
                ("loop", "loop"),
                ("nowhere", "dangling"),
                ("page.txt", "inside"),
                ("../www-secret", "out"),
            ] {
                symlink(to, www.join(name)).expect("the folder can be written to");
            }
            let made = process::Command::new("mkfifo")
                .arg(www.join("fifo"))
                .status();
            assert!(made.is_ok_and(|status| status.success()), "mkfifo works");
            fs::create_dir(www.join("bad")).expect("the folder can be written to");
            symlink("../../secret.txt", www.join("bad/index.html")).expect("it can be written to");
        }
        let www = folder.path().join("www");
        let www = www.to_str().expect("its name is text");
        let server = Server::start(SERVER, &[&[www], arguments].concat());
        Site { folder, server }
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr())
    }

    /// An ordinary request is served.
    #[track_caller]
    fn serves(&self) {
        let mut visitor = Visitor::new(self.addr());
        visitor.send(get("/page.txt").as_bytes());
        assert_eq!(visitor.reply().body, PAGE.as_bytes());
    }
}

const INDEX: &str = "<!doctype html><title>A page</title><p>It works.\n";
const PAGE: &str = "größer als man denkt: 你好\n"; // more bytes than characters

fn big() -> Vec<u8> {
    (0..300_000_u32)
        .map(|i| (i.wrapping_mul(i) / 7) as u8)
        .collect()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

/// A client of the test's own, which believes only what the RFC says.
struct Visitor {
    stream: TcpStream,
    came: Vec<u8>,
}

/// A whole response.
#[derive(Debug)]
struct Reply {
    head: Response,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<String> {
        let value = self.head.headers.get(name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

impl Visitor {
    #[track_caller]
    fn new(addr: SocketAddr) -> Visitor {
        let stream = connect(addr);
        stream
            .set_nodelay(true)
            .expect("a socket takes TCP_NODELAY");
        let came = Vec::new();
        Visitor { stream, came }
    }

    #[track_caller]
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// One read more; whether there was something.
    #[track_caller]
    fn more(&mut self) -> bool {
        let mut piece = [0; 64 * 1024];
        let n = self.stream.read(&mut piece);
        let n = n.unwrap_or_else(|e| {
            let came = String::from_utf8_lossy(&self.came);
            panic!("waited for the server behind {came:?}: {e}")
        });
        self.came.extend_from_slice(&piece[..n]);
        n > 0
    }

    #[track_caller]
    fn reply(&mut self) -> Reply {
        self.reply_to(false)
    }

    #[track_caller]
    fn reply_to(&mut self, head: bool) -> Reply {
        let end = loop {
            match end_of_head(&self.came, 0).expect("its lines end with \\r\\n") {
                Some(end) => break end,
                None => assert!(self.more(), "it ended in a head: {:?}", self.came),
            }
        };
        let response = parse_response(&self.came[..end]).expect("it is a response");
        self.came.drain(..end);
        let length = response_length(&response, head).expect("its length is clear");
        let Length::Known(length) = length else {
            panic!("the server always says how long a body is, not {length:?}");
        };
        let length = usize::try_from(length).expect("it is not that long");
        while self.came.len() < length {
            assert!(self.more(), "it ended in a body");
        }
        let body = self.came.drain(..length).collect();
        Reply {
            head: response,
            body,
        }
    }

    /// It closes, with FIN, and without another byte.
    #[track_caller]
    fn sees_the_end(&mut self) {
        while self.more() {}
        let came = String::from_utf8_lossy(&self.came);
        assert_eq!(came, "", "it closes without another byte");
    }
}

/// The answer to these bytes on a connection of their own.
#[track_caller]
fn reply_to(addr: SocketAddr, request: &[u8]) -> Reply {
    let mut visitor = Visitor::new(addr);
    visitor.send(request);
    visitor.reply_to(request.starts_with(b"HEAD"))
}

fn client() -> Command {
    let mut command = Command::new(CLIENT);
    command.timeout(PATIENCE);
    command
}

/// A server of the test's own: reads a request, answers with these bytes, and closes.
fn fake_server(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let mut stream = accept(&listener);
        let mut request = Vec::new();
        let mut piece = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(n @ 1..) => request.extend_from_slice(&piece[..n]),
                _ => return,
            }
        }
        let _ = stream.write_all(&answer);
    });
    addr
}

#[test]
fn the_page_is_true() {
    course::check_page("docs/10-web-server.md");
}

#[test]
fn the_client_shows_status_headers_and_body() {
    let site = Site::start(&[]);
    let run = client().arg(site.url("/page.txt")).assert().success();
    run.stdout(starts_with("HTTP/1.1 200 OK\ndate: ").and(contains(
        "content-type: text/plain; charset=utf-8\nlast-modified: ",
    )))
    .stdout(predicates::str::ends_with(format!(
        "content-length: {}\nconnection: close\n\n{PAGE}",
        PAGE.len()
    )));
    let run = client().arg(site.url("/page.txt")).arg("--head").assert();
    run.success().stdout(predicates::str::ends_with(format!(
        "content-length: {}\nconnection: close\n",
        PAGE.len()
    )));
    let run = client().arg(site.url("/no\u{7f}")).assert().code(2);
    run.stderr(contains("only visible ASCII"));
    let run = client().arg(site.url("/nothing")).assert().success();
    run.stdout(contains("404 Not Found: there is no such file\n"));
    let (stdout, _) = site.server.stop();
    assert!(
        stdout.contains(" GET /page.txt 200 OK, 31 bytes\n"),
        "{stdout}"
    );
    assert!(
        stdout.contains(" HEAD /page.txt 200 OK, 31 bytes\n"),
        "{stdout}"
    );
}

#[test]
fn the_client_keeps_a_body_complete_or_not_at_all() {
    let site = Site::start(&[]);
    let path = site.folder.path().join("kept.bin");
    let keep = |url: String| {
        let mut command = client();
        command
            .args(["--output".as_ref(), path.as_os_str()])
            .arg(url);
        command
    };
    let run = keep(site.url("/nothing")).assert().code(1);
    run.stderr(starts_with("error: nothing was kept, because "));
    let cut = fake_server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello".to_vec());
    let run = keep(format!("http://{cut}/")).assert().code(1);
    run.stderr(contains("it ended 5 bytes before its body's end"));
    assert!(!path.exists());
    keep(site.url("/big.bin")).assert().success();
    assert!(fs::read(&path).expect("it is there") == big());
    let run = keep(site.url("/page.txt")).assert().code(1);
    run.stderr(contains("hint: choose another name, or remove the file\n"));
    assert!(fs::read(&path).expect("it is there") == big());
    // Nothing else is left.
    let left = fs::read_dir(site.folder.path()).expect("it is there");
    assert_eq!(left.count(), 4);
}

#[test]
fn the_client_understands_where_a_body_ends_or_refuses_it() {
    let ok = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    for (answer, shown) in [
        (ok("Content-Length: 5\r\n\r\nhello and more"), "\nhello\n"),
        (ok("\r\nhello"), "\nhello\n"),
        (ok("Content-Length: 0\r\n\r\n"), "content-length: 0\n"),
        (
            ok("Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\n\r\n"),
            "\nhello\n",
        ),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello".to_vec(),
            "\nhello\n",
        ),
        (
            b"HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n".to_vec(),
            "304 x\n",
        ),
        (ok("\r\n\x1b[31mred\r\n\0"), "\n\\x1b[31mred\\r\n\\x00\n"),
    ] {
        let addr = fake_server(answer.clone());
        let run = client().arg(format!("http://{addr}/")).assert().success();
        run.stdout(contains(shown));
    }
    for (answer, error) in [
        (
            ok("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
            "more than one Content-Length",
        ),
        (
            ok("Content-Length: +5\r\n\r\nhello"),
            "the Content-Length is no number",
        ),
        (
            ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "both Transfer-Encoding and Content-Length",
        ),
        (ok("Transfer-Encoding: gzip\r\n\r\nx"), "other than chunked"),
        (
            ok("Content-Length: 9\r\n\r\nhello"),
            "it ended 4 bytes before its body's end",
        ),
        (
            ok("Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
            "it ended before the last chunk",
        ),
        (
            ok("Transfer-Encoding: chunked\r\n\r\n-5\r\n"),
            "no hexadecimal number",
        ),
        (ok("Broken header\r\n\r\n"), "no header: 'Broken header'"),
        (
            b"<h1>hello</h1>\r\n\r\n".to_vec(),
            "the first line is no HTTP/1.x status",
        ),
        (
            b"HTTP/1.1 200 OK\n\nhello".to_vec(),
            "a line ends with \\n alone",
        ),
        (b"HTTP/1.1 200 OK\r\nA: b".to_vec(), "it ended in a head"),
        (b"".to_vec(), "it ended in a head"),
        (
            "x".repeat(MAX_HEAD + 1).into_bytes(),
            "a head of more than 8192 bytes",
        ),
        (b"HTTP/1.1 100 x\r\n\r\n".repeat(20), "again and again"),
        (
            [ok("\r\n"), vec![b'x'; 1024 * 1024 + 1]].concat(),
            "hint: keep it with --output FILE",
        ),
    ] {
        let addr = fake_server(answer);
        let run = client().arg(format!("http://{addr}/")).assert().code(1);
        run.stderr(contains(error).and(starts_with("error: ")));
    }
}

#[test]
fn the_client_says_what_is_wrong() {
    let run = client().arg("https://127.0.0.1/").assert().code(2);
    run.stderr(contains("https needs TLS").and(contains("rustls")));
    let reserved = course::Reserved::new().expect("a port is free");
    let url = format!("http://{}/", reserved.addr());
    let run = client().arg(url).assert().code(1);
    run.stderr(contains("--bin web-server -- DIR --addr "));
    // A server that does not answer.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    let url = format!("http://{addr}/");
    let run = client()
        .arg(url)
        .args(["--timeout", "0.2"])
        .assert()
        .code(1);
    run.stderr(contains("its time is over"));
}

#[test]
fn the_client_tries_every_address_of_a_name() {
    use std::net::ToSocketAddrs;
    let site = Site::start(&[]);
    let name = format!("localhost:{}", site.addr().port());
    let found = name.to_socket_addrs();
    if !found.is_ok_and(|mut found| found.any(|addr| addr == site.addr())) {
        return; // a system without that name
    }
    // Where the name has ::1 as well, that is tried, refused, and then this.
    let run = client().arg(format!("http://{name}/page.txt")).assert();
    run.success().stdout(predicates::str::ends_with(PAGE));
}

#[test]
fn serves_over_ipv6() {
    let folder = tempfile::tempdir().expect("the system has a folder for temporary files");
    fs::write(folder.path().join("index.html"), INDEX).expect("it can be written to");
    if TcpListener::bind("[::1]:0").is_err() {
        return; // a system without IPv6
    }
    let arguments = [
        folder.path().as_os_str(),
        "--addr".as_ref(),
        "[::1]:0".as_ref(),
    ];
    let server = Server::start_at(SERVER, &arguments);
    let run = client().arg(format!("http://{}", server.addr())).assert();
    run.success().stdout(predicates::str::ends_with(INDEX));
}

/// What the server says to whole requests, and whether it goes on.
#[test]
fn answers_each_request_with_its_status() {
    let site = Site::start(&[]);
    let line = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let with = |headers: &str| format!("GET /page.txt HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let go_on = [
        (line("GET", "/"), 200),
        (line("GET", "/?a=b"), 200),
        (line("GET", "/index.html"), 200),
        (line("GET", "/a%20b.txt"), 200),
        (line("GET", "http://x/page.txt"), 200),
        (line("GET", "/sub/"), 200),
        (line("GET", "/sub"), 301),
        (line("GET", "//sub"), 301),
        (line("GET", "/without/"), 404),
        (line("GET", "/page.txt/"), 404),
        (line("GET", "/nothing"), 404),
        (line("GET", "/INDEX.HTM"), 404),
        (line("POST", "/"), 405),
        (line("PUT", "/new"), 405),
        (line("DELETE", "/page.txt"), 405),
        (line("OPTIONS", "*"), 405),
        (line("get", "/"), 501),
        (line("BREW", "/"), 501),
        (with("Content-Length: 0\r\n"), 200),
        (with("hOST2: y\r\n"), 200),
        (with("Content-Length: 5\r\n") + "hello", 200),
        (
            with("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n",
            200,
        ),
        ("\r\n".to_owned() + &get("/page.txt"), 200),
        (with("A: b\r\n".repeat(99).as_str()), 200),
        (with(&format!("A: {}\r\n", "x".repeat(MAX_HEAD - 43))), 200),
    ];
    let mut visitor = Visitor::new(site.addr());
    for (request, status) in &go_on {
        visitor.send(request.as_bytes());
        let reply = visitor.reply();
        assert_eq!(reply.head.status, *status, "{request:?}");
        assert_eq!(reply.header("connection").as_deref(), Some("keep-alive"));
        assert!(
            reply
                .header("date")
                .is_some_and(|date| date.ends_with(" GMT"))
        );
    }
    let last = [
        (with("Connection: close\r\n"), 200),
        (with("connection: x, CLOSE\r\n"), 200),
        ("GET /page.txt HTTP/1.0\r\n\r\n".to_owned(), 200),
        (with("Expect: 100-continue\r\nContent-Length: 5\r\n"), 200),
        (line("GET", "*"), 400),
        (line("GET", "/%zz"), 400),
        (line("GET", "/a/../page.txt"), 400),
        ("GET /\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (with("Host: y\r\n"), 400),
        ("\x16\x03\x01\x02\0\x01\0\x01\x7c\n".to_owned(), 400),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n".to_owned(), 505),
        ("PRI * HTTP/2.0\r\n\r\n".to_owned(), 505),
        (with("A: b\r\n".repeat(100).as_str()), 431),
        (with(&format!("A: {}\r\n", "x".repeat(MAX_HEAD))), 431),
        (line("GET", &format!("/{}", "x".repeat(MAX_HEAD))), 414),
        (with("Content-Length: 65537\r\n") + &"x".repeat(65537), 413),
        (
            with("Transfer-Encoding: chunked\r\n") + "10001\r\n" + &"x".repeat(65537),
            413,
        ),
    ];
    for (request, status) in &last {
        let mut visitor = Visitor::new(site.addr());
        visitor.send(request.as_bytes());
        let reply = visitor.reply();
        assert_eq!(reply.head.status, *status, "{request:?}");
        let goes_on = reply.header("connection").as_deref() == Some("keep-alive");
        let climbs = *status == 400 && request.contains("Host: x\r\n\r\n") && request.len() < 60;
        assert_eq!(goes_on, climbs, "{request:?}");
        if !goes_on {
            visitor
                .stream
                .shutdown(Shutdown::Write)
                .expect("it is open");
            visitor.sees_the_end();
        }
    }
    site.serves();
}

#[test]
fn a_head_says_what_the_answer_to_get_would() {
    let site = Site::start(&[]);
    for path in [
        "/page.txt",
        "/big.bin",
        "/",
        "/sub",
        "/nothing",
        "/up/secret.txt",
    ] {
        let mut visitor = Visitor::new(site.addr());
        visitor.send(get(path).as_bytes());
        let whole = visitor.reply();
        visitor.send(get(path).replace("GET", "HEAD").as_bytes());
        let head = visitor.reply_to(true);
        assert_eq!(head.head.line, whole.head.line);
        let without_date = |reply: &Reply| -> Vec<_> {
            let all = reply.head.headers.iter();
            let all = all.filter(|(name, _)| *name != "date");
            all.map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        };
        assert_eq!(without_date(&head), without_date(&whole));
        assert_eq!(
            whole.header("content-length"),
            Some(whole.body.len().to_string())
        );
        // No body came: what comes next is the next answer.
        visitor.send(get("/page.txt").as_bytes());
        assert_eq!(visitor.reply().body, PAGE.as_bytes());
    }
}

#[test]
fn says_304_to_who_has_it_already() {
    let site = Site::start(&[]);
    let first = reply_to(site.addr(), get("/big.bin").as_bytes());
    assert!(first.body == big());
    let changed = first.header("last-modified").expect("it says when");
    let again = format!("GET /big.bin HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: {changed}\r\n\r\n");
    let mut visitor = Visitor::new(site.addr());
    visitor.send(again.as_bytes());
    let reply = visitor.reply();
    assert_eq!(reply.head.status, 304);
    assert_eq!(reply.header("content-length"), None);
    let other = again.replace(&changed, "Sun, 06 Nov 1994 08:49:37 GMT");
    visitor.send(other.as_bytes());
    assert!(visitor.reply().body == big());
}

#[test]
fn every_pair_that_two_readers_could_take_apart_differently_is_refused() {
    let site = Site::start(&[]);
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4\r\nContent-Length: 4\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: 0x4\r\n",
        "Content-Length: -4\r\n",
        "Content-Length: 4 4\r\n",
        "Content-Length: \r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length : 4\r\n",
        " Content-Length: 4\r\n",
        "Content-Length\x0b: 4\r\n",
        "A: b\nContent-Length: 4\r\n",
        "A: b\rContent-Length: 4\r\n",
        "A: \0\r\n",
    ] {
        let mut visitor = Visitor::new(site.addr());
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n0\r\n\r\n{smuggled}");
        visitor.send(request.as_bytes());
        let status = visitor.reply().head.status;
        assert!(matches!(status, 400 | 501), "{headers:?}: {status}");
        visitor
            .stream
            .shutdown(Shutdown::Write)
            .expect("it is open");
        visitor.sees_the_end();
    }
    for chunks in [
        "-5\r\nhello",
        "+5\r\n",
        "0x5\r\n",
        " 5\r\n",
        "fffffffffffffffff\r\n",
        "5\nhello",
    ] {
        let headers = "Transfer-Encoding: chunked\r\n";
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n{chunks}\r\n{smuggled}");
        let reply = reply_to(site.addr(), request.as_bytes());
        assert_eq!(reply.head.status, 400, "{chunks:?}");
    }
    site.serves();
    let (stdout, _) = site.server.stop();
    assert!(!stdout.contains("smuggled"), "{stdout}");
}

/// Raw, as no browser and no curl would send them.
#[test]
fn serves_nothing_outside_its_folder() {
    let site = Site::start(&[]);
    let far_up = format!("/{}etc/passwd", "../".repeat(40));
    let far_up_encoded = format!("/{}etc/passwd", "%2e%2e/".repeat(40));
    let long_name = format!("/{}", "x".repeat(256));
    let long_path = format!("/{}", "x/".repeat(3000));
    let own = format!("/..{}/page.txt", site.folder.path().join("www").display());
    let mut paths = vec![
        "/etc/passwd",
        "//etc/passwd",
        "///etc/passwd",
        "/%2fetc/passwd",
        "/%2Fetc%2Fpasswd",
        "/../../../../../../etc/passwd",
        &far_up,
        &far_up_encoded,
        "/proc/self/environ",
        "/../../../../proc/self/environ",
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/sub/%2e%2e/%2e%2e/secret.txt",
        "/../www-secret/x.txt",
        "/..",
        "/../",
        "/.",
        "/./",
        "/%2e%2e/secret.txt",
        "/%2E%2E/secret.txt",
        "/.%2e/secret.txt",
        "/%2e./secret.txt",
        "/..%2fsecret.txt",
        "/..%2Fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/sub%2f..%2f..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/%uff0e%uff0e/secret.txt",
        "/..%c0%afsecret.txt",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/%5c..%5csecret.txt",
        "/sub\\..\\..\\secret.txt",
        "/....//secret.txt",
        "/.../secret.txt",
        "/..;/secret.txt",
        "/..%00/secret.txt",
        "/secret.txt%00.html",
        "/%00",
        "/page.txt%00",
        "/page.txt%00/../../secret.txt",
        "/..%0d%0a/secret.txt",
        "/..%20/secret.txt",
        "/~root/",
        "/~",
        "/C:/secret.txt",
        "/C:%5csecret.txt",
        "/file:///etc/passwd",
        "file:///etc/passwd",
        "http://x/../secret.txt",
        "http://../secret.txt",
        "*",
        "secret.txt",
        "../secret.txt",
        "/..hidden",
        "/.env",
        "/.git/config",
        "/%2eenv",
        "/%2egit/config",
        "/sub/..",
        "/%",
        "/%2",
        "/%zz",
        "/%ff",
        "/%2e%2e%",
        &long_name,
        &long_path,
        &own,
        "/page.txt/../../secret.txt",
        "/nothing/../page.txt",
        "/page.txt/.",
        "/CON",
        "/nul",
        "/page.txt::$DATA",
        "/dev/stdin",
        "/dev/zero",
    ];
    if cfg!(unix) {
        paths.extend([
            "/link",
            "/up/secret.txt",
            "/up/",
            "/up",
            "/up/www/page.txt/",
            "/zero",
            "/passwd",
            "/loop",
            "/loop/x",
            "/dangling",
            "/fifo",
            "/out/x.txt",
            "/out/",
            "/out",
            "/bad/",
        ]);
    }
    assert!(paths.len() >= 60, "{}", paths.len());
    let mut visitor = Visitor::new(site.addr());
    for path in &paths {
        visitor.send(get(path).as_bytes());
        let reply = visitor.reply();
        let body = String::from_utf8_lossy(&reply.body);
        let status = reply.head.status;
        assert!(matches!(status, 400 | 403 | 404), "{path}: {status}");
        assert!(
            !body.contains(SECRET) && !body.contains("root:"),
            "{path}: {body}"
        );
    }
    if cfg!(unix) {
        for (path, status) in [
            ("/inside", 200),
            ("/link", 403),
            ("/zero", 403),
            ("/fifo", 403),
        ] {
            visitor.send(get(path).as_bytes());
            assert_eq!(visitor.reply().head.status, status, "{path}");
        }
    }
    site.serves();
}

#[test]
fn reads_a_request_however_it_is_cut() {
    let site = Site::start(&[]);
    let requests = get("/page.txt") + &get("/nothing").replace("GET", "HEAD") + &get("/sub/x.css");
    let expect = |visitor: &mut Visitor| {
        assert_eq!(visitor.reply().body, PAGE.as_bytes());
        assert_eq!(visitor.reply_to(true).head.status, 404);
        assert_eq!(visitor.reply().body, b"b {}");
    };
    let mut visitor = Visitor::new(site.addr());
    for byte in requests.as_bytes() {
        visitor.send(&[*byte]);
    }
    expect(&mut visitor);
    for size in [2, 3, 5, 37, 38, 39, 40, 100] {
        for piece in requests.as_bytes().chunks(size) {
            visitor.send(piece);
        }
        expect(&mut visitor);
    }
}

#[test]
fn answers_pipelined_requests_in_order() {
    let site = Site::start(&[]);
    let mut all = String::new();
    for _ in 0..50 {
        all += &get("/page.txt");
        all += "HEAD /big.bin HTTP/1.1\r\nHost: x\r\n\r\n";
        all += "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 36\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n!";
        all += &get("/nothing");
    }
    let mut visitor = Visitor::new(site.addr());
    visitor.send(all.as_bytes());
    visitor
        .stream
        .shutdown(Shutdown::Write)
        .expect("it is open");
    for _ in 0..50 {
        assert_eq!(visitor.reply().body, PAGE.as_bytes());
        assert_eq!(
            visitor.reply_to(true).header("content-length"),
            Some("300000".to_owned())
        );
        let refused = visitor.reply();
        assert_eq!(refused.head.status, 405);
        assert_eq!(refused.header("allow").as_deref(), Some("GET, HEAD"));
        assert_eq!(visitor.reply().head.status, 404);
    }
    visitor.sees_the_end();
}

#[test]
fn closes_after_as_many_requests_as_a_connection_may_have() {
    let site = Site::start(&["--max-requests", "3"]);
    let mut visitor = Visitor::new(site.addr());
    visitor.send(get("/page.txt").repeat(5).as_bytes());
    for connection in ["keep-alive", "keep-alive", "close"] {
        assert_eq!(
            visitor.reply().header("connection").as_deref(),
            Some(connection)
        );
    }
    visitor
        .stream
        .shutdown(Shutdown::Write)
        .expect("it is open");
    visitor.sees_the_end();
}

#[test]
fn keeps_a_connection_of_http_1_0_if_it_is_asked_to() {
    let site = Site::start(&[]);
    let mut visitor = Visitor::new(site.addr());
    let request = b"GET /page.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
    for _ in 0..3 {
        visitor.send(request); // as `ab -k` does
        assert_eq!(
            visitor.reply().header("connection").as_deref(),
            Some("keep-alive")
        );
    }
}

#[test]
fn gives_deadlines_to_who_is_silent_or_slow() {
    let site = Site::start(&["--idle-timeout", "0.4", "--request-timeout", "0.4"]);
    let mut silent = Visitor::new(site.addr());
    let mut slow = Visitor::new(site.addr());
    slow.send(b"GET / HTTP/1.1\r\nHost: x\r\nA: ");
    let mut without_body = Visitor::new(site.addr());
    without_body.send(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
    // A byte now and then does not help: the deadline is one for the whole head.
    let start = Instant::now();
    let mut dribbles = slow.stream.try_clone().expect("a socket can be cloned");
    let dribbler = thread::spawn(move || {
        while dribbles.write_all(b"x").is_ok() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20)); // the pace of a slow client
        }
    });
    for visitor in [&mut slow, &mut without_body] {
        assert_eq!(visitor.reply().head.status, 408);
    }
    silent.sees_the_end(); // it has asked for nothing, so it is told nothing
    drop(slow);
    dribbler.join().expect("it does not fail");
    site.serves();
}

#[test]
fn silent_connections_hold_up_nobody() {
    let site = Site::start(&[]);
    let _silent: Vec<_> = (0..100).map(|_| Visitor::new(site.addr())).collect();
    let mut kept: Vec<_> = (0..100).map(|_| Visitor::new(site.addr())).collect();
    for _ in 0..2 {
        for visitor in &mut kept {
            visitor.send(get("/page.txt").as_bytes());
            assert_eq!(visitor.reply().head.status, 200);
        }
    }
    site.serves();
}

#[test]
fn who_finds_no_place_is_told_so_and_not_reset() {
    let site = Site::start(&["--max-clients", "2"]);
    let here: Vec<_> = (0..2)
        .map(|_| {
            let mut visitor = Visitor::new(site.addr());
            visitor.send(get("/page.txt").as_bytes());
            assert_eq!(visitor.reply().head.status, 200);
            visitor
        })
        .collect();
    for _ in 0..20 {
        let mut visitor = Visitor::new(site.addr());
        visitor.send(get("/page.txt").as_bytes()); // which nobody answers
        assert_eq!(visitor.reply().head.status, 503);
        visitor
            .stream
            .shutdown(Shutdown::Write)
            .expect("it is open");
        visitor.sees_the_end();
    }
    drop(here);
    let deadline = Instant::now() + PATIENCE;
    while reply_to(site.addr(), get("/page.txt").as_bytes())
        .head
        .status
        != 200
    {
        assert!(Instant::now() < deadline, "waited for a place");
    }
}

#[test]
fn an_answer_is_not_lost_though_the_request_was_not_read() {
    let site = Site::start(&[]);
    for _ in 0..5 {
        let mut visitor = Visitor::new(site.addr());
        let body = "x".repeat(400_000);
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n{body}");
        visitor.send(request.as_bytes());
        visitor
            .stream
            .shutdown(Shutdown::Write)
            .expect("it is open");
        let reply = visitor.reply();
        assert_eq!(reply.head.status, 413);
        visitor.sees_the_end();
    }
}

#[test]
fn a_file_that_becomes_shorter_ends_the_connection_too_early() {
    let site = Site::start(&[]);
    let path = site.folder.path().join("www/growing.bin");
    let file = fs::File::create(&path).expect("it can be written to");
    file.set_len(PLENTY as u64).expect("the system takes it");
    let mut visitor = Visitor::new(site.addr());
    visitor.send(get("/growing.bin").as_bytes());
    while visitor.came.len() < 1000 {
        assert!(visitor.more(), "it ended too early");
    }
    file.set_len(0).expect("the system takes it");
    let mut came = visitor.came.len();
    let mut piece = vec![0; 64 * 1024];
    // The end, or a reset: either says that something is missing.
    while let Ok(n @ 1..) = visitor.stream.read(&mut piece) {
        came += n;
    }
    assert!(came < PLENTY, "{came}");
    site.server.wait_for_stderr("the file has become shorter");
    site.serves();
}

#[test]
fn survives_rude_clients() {
    let site = Site::start(&["--write-timeout", "0.3"]);
    for bytes in ["", "GET", "GET / HTTP/1.1\r\nHost: x\r\n", &get("/big.bin")] {
        let mut visitor = Visitor::new(site.addr());
        visitor.send(bytes.as_bytes());
        reset(visitor.stream);
        site.serves();
        let mut visitor = Visitor::new(site.addr());
        visitor.send(bytes.as_bytes());
        drop(visitor);
        site.serves();
    }
    // Asks for more than all buffers hold, and reads nothing.
    let path = site.folder.path().join("www/endless.bin");
    let file = fs::File::create(&path).expect("it can be written to");
    file.set_len(PLENTY as u64).expect("the system takes it");
    let mut deaf = Visitor::new(site.addr());
    deaf.send(get("/endless.bin").as_bytes());
    site.server.wait_for_stderr("its time is over");
    site.serves();
}

#[test]
fn what_a_client_sends_is_escaped_in_the_log() {
    let site = Site::start(&[]);
    for request in [
        "GET /\x1b[31m HTTP/1.1\r\n\r\n",
        "GET /%1b[31m HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        reply_to(site.addr(), request.as_bytes());
    }
    let (stdout, stderr) = site.server.stop();
    assert!(!(stdout.clone() + &stderr).contains('\x1b'));
    assert!(stdout.contains(" GET /%1b[31m 404 Not Found"), "{stdout}");
}

#[test]
#[cfg(unix)]
fn ctrl_c_stops_it_in_order() {
    let site = Site::start(&[]);
    let mut silent = Visitor::new(site.addr());
    let mut kept = Visitor::new(site.addr());
    kept.send(get("/page.txt").as_bytes());
    assert_eq!(kept.reply().head.status, 200);
    let mut half = Visitor::new(site.addr());
    half.send(b"GET / HT");
    site.server.wait_for("three connections", |stdout, _| {
        let came = stdout.iter().filter(|line| line.ends_with("has come"));
        (came.count() == 3).then_some(())
    });
    site.server.interrupt();
    // An idle connection does not hold it.
    silent.sees_the_end();
    kept.sees_the_end();
    assert_eq!(half.reply().head.status, 503);
    drop(half);
    let (status, stdout, _) = site.server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(stdout.ends_with("stopped"), "{stdout}");
}

#[test]
#[cfg(unix)]
fn ctrl_c_stops_it_also_while_somebody_never_reads() {
    let site = Site::start(&["--write-timeout", "60"]);
    let path = site.folder.path().join("www/endless.bin");
    let file = fs::File::create(&path).expect("it can be written to");
    file.set_len(PLENTY as u64).expect("the system takes it");
    let mut deaf = Visitor::new(site.addr());
    deaf.send(get("/endless.bin").as_bytes());
    site.server.wait_for_stdout("GET /endless.bin 200 OK");
    let start = Instant::now();
    site.server.interrupt();
    let (status, ..) = site.server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn says_what_is_wrong_with_a_folder() {
    for (dir, why) in [
        (
            "no-such-folder",
            "cannot serve the folder 'no-such-folder': ",
        ),
        ("Cargo.toml", "it is not a folder"),
    ] {
        let mut command = Command::new(SERVER);
        let run = command.timeout(PATIENCE).arg(dir).assert().code(1);
        run.stderr(starts_with("error: ").and(contains(why)))
            .stdout(diff(""));
    }
}

#[test]
fn speaks_with_curl() {
    if !has("curl") {
        return;
    }
    let site = Site::start(&[]);
    let curl = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.timeout(PATIENCE).args(["-sS", "--noproxy", "*"]);
        command.args(arguments).assert().success()
    };
    let (page, index) = (site.url("/page.txt"), site.url("/"));
    curl(&[&page]).stdout(PAGE);
    // One connection for three.
    curl(&[&page, &index, &page, "-w", "%{num_connects};"])
        .stdout(predicates::str::is_empty().not().and(contains("0;")));
    curl(&["-I", &page]).stdout(starts_with("HTTP/1.1 200 OK\r\n"));
    curl(&["-d", "a=b", &page]).stdout(contains("405 Method Not Allowed"));
    // It asks before it sends the body, and is told no at once.
    let file = site.folder.path().join("www/big.bin");
    let file = file.to_str().expect("its name is text");
    curl(&["-T", file, &page]).stdout(contains("405 Method Not Allowed"));
    curl(&["--path-as-is", &site.url("/../secret.txt")]).stdout(contains("400 Bad Request"));
    curl(&["-L", &site.url("/sub")]).stdout("sub");
}

#[test]
fn speaks_with_python() {
    if !has("python3") {
        return;
    }
    let site = Site::start(&[]);
    let script = "
import http.client, sys, urllib.request
port = int(sys.argv[1])
connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
for method, path in [('GET', '/page.txt'), ('HEAD', '/big.bin'), ('POST', '/'), ('GET', '/big.bin'), ('GET', '/nothing')]:
    connection.request(method, path, body=b'x' * 1000 if method == 'POST' else None)
    first = first if 'first' in globals() else connection.sock
    answer = connection.getresponse()
    print(answer.status, len(answer.read()), answer.getheader('Content-Length'), connection.sock is first)
print(urllib.request.urlopen(f'http://127.0.0.1:{port}/page.txt', timeout=20).read().decode(), end='')
";
    let mut command = Command::new("python3");
    let port = site.addr().port().to_string();
    let run = command
        .timeout(PATIENCE)
        .env("no_proxy", "*")
        .env("PYTHONIOENCODING", "utf-8")
        .args(["-c", script, &port])
        .assert()
        .success();
    let nothing = "404 Not Found: there is no such file\n".len();
    let refused = "405 Method Not Allowed: only GET and HEAD are served here\n".len();
    run.stdout(diff(format!(
        "200 31 31 True\n200 0 300000 True\n405 {refused} {refused} True\n\
         200 300000 300000 True\n404 {nothing} {nothing} True\n{PAGE}"
    )));
}

/// The peers of the lesson, at either end.
#[test]
fn speaks_with_its_peers_in_python() {
    if !has("python3") {
        return;
    }
    let peer = |name: &str| format!("{}/peers/{name}", env!("CARGO_MANIFEST_DIR"));
    let site = Site::start(&[]);
    let run = Command::new("python3")
        .timeout(PATIENCE)
        .env("PYTHONIOENCODING", "utf-8")
        .args([&peer("web_client.py"), &site.url("/page.txt")])
        .assert()
        .success();
    run.stdout(starts_with("HTTP/1.1 200 OK\n").and(predicates::str::ends_with(PAGE)));

    let www = site.folder.path().join("www");
    let python = Server::start_at(
        "python3",
        &[Path::new(&peer("web_server.py")), Path::new("0"), &www],
    );
    let url = format!("http://{}/page.txt", python.addr());
    let run = client().arg(url).assert().success();
    run.stdout(starts_with("HTTP/1.1 200 OK\n").and(predicates::str::ends_with(PAGE)));
}

#[test]
fn a_request_can_be_typed_by_hand() {
    if !has_netcat() {
        return;
    }
    let site = Site::start(&[]);
    let nc = |input: &str| {
        let mut command = Command::new("nc");
        let addr = site.addr();
        let run = command
            .timeout(PATIENCE)
            .args(["-N", &addr.ip().to_string(), &addr.port().to_string()])
            .write_stdin(input)
            .assert();
        String::from_utf8(run.success().get_output().stdout.clone()).expect("it is text")
    };
    let answer = nc("GET /page.txt HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        answer.ends_with(&format!("keep-alive\r\n\r\n{PAGE}")),
        "{answer}"
    );
    // Without -C it sends \n alone, and is told at once.
    let answer = nc("GET /page.txt HTTP/1.1\nHost: x\n\n");
    assert!(answer.contains("a line ends with \\n alone"), "{answer}");
}

/// The 1-pixel image of which a page shows ten.
const PIXEL: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

#[test]
fn a_browser_shows_a_page_with_ten_images_over_few_connections() {
    if !has("chromium") {
        return;
    }
    let site = Site::start(&[]);
    let www = site.folder.path().join("www");
    let mut page = String::from("<!doctype html><title>Ten</title><body>");
    for i in 0..10 {
        fs::write(www.join(format!("{i}.gif")), PIXEL).expect("it can be written to");
        page += &format!("<img src='{i}.gif' alt=''>");
    }
    page += "<script>onload = () => document.body.dataset.seen = \
        [...document.images].filter(i => i.naturalWidth == 1).length + ' of 10'</script>";
    fs::write(www.join("ten.html"), page).expect("it can be written to");
    let profile = tempfile::tempdir().expect("the system has a folder for temporary files");
    let data = format!("--user-data-dir={}", profile.path().display());
    let mut command = process::Command::new("chromium");
    command
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--dump-dom",
            &data,
        ])
        .arg(site.url("/ten.html"))
        .stdin(Stdio::null());
    let run = Command::from_std(command).timeout(PATIENCE).assert();
    let shown = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert!(shown.contains("data-seen=\"10 of 10\""), "{shown}");

    let (stdout, _) = site.server.stop();
    let images = stdout.matches(".gif 200 OK").count();
    let connections = stdout.matches("has come").count();
    assert_eq!(images, 10, "{stdout}");
    // Six at most for one site, and one more that may be opened ahead.
    assert!(connections <= 7, "{stdout}");
}

#[test]
fn an_error_of_a_connection_is_reported_and_ends_nothing_else() {
    let site = Site::start(&[]);
    let mut visitor = Visitor::new(site.addr());
    visitor.send(get("/page.txt").as_bytes());
    assert_eq!(visitor.reply().head.status, 200);
    reset(visitor.stream);
    site.server.wait_for_stderr("is gone after 1 request: ");
    site.serves();
    let broken = TcpStream::connect(site.addr()).expect("it listens");
    let mut byte = [0];
    broken.set_nonblocking(true).expect("a socket takes it");
    let read = (&broken).read(&mut byte).map_err(|e| e.kind());
    assert_eq!(read, Err(ErrorKind::WouldBlock)); // the server says nothing first
}
