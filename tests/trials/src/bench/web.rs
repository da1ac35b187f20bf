//! Lesson 10: small files over HTTP, beside the same in C and Python's library.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use course::{has, workspace};
use shared::Failure;

use super::peer::{Contestant, compile, measure, program};
use super::table::{Comparison, Unit};

/// No read takes longer, unless the server has lost the client.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many clients ask at the same time …
const CLIENTS: usize = 8;

/// … so many times each, for a file of so many bytes.
const REQUESTS: usize = 1000;
const BYTES: usize = 600;

pub fn run(rounds: u32, measured: &mut Vec<Comparison>) -> Result<(), Failure> {
    let folder = tempfile::tempdir();
    let folder = folder.map_err(|e| Failure::new(format!("cannot make a folder: {e}")))?;
    let path = folder.path().display().to_string();
    let file = folder.path().join("small.html");
    fs::write(&file, "x".repeat(BYTES))
        .map_err(|e| Failure::new(format!("cannot write '{}': {e}", file.display())))?;

    let ours = [
        &path,
        "--addr",
        "127.0.0.1:0",
        "--quiet",
        "--max-requests",
        "100000000",
    ];
    let mut all = vec![Contestant::new("ours", program("web-server"), &ours)];
    if has("cc") {
        let c = compile("tests/peers/web_server.c")?;
        all.push(Contestant::new("C, threads", c, &["0", &path]));
    }
    if has("python3") {
        let script = workspace().join("lessons/10-web-server/peers/web_server.py");
        let script = script.display().to_string();
        let python = Contestant::new("Python", "python3".to_owned(), &[&script, "0", &path]);
        all.push(python);
    }
    measured.push(Comparison {
        what: format!("{CLIENTS} clients, files of {BYTES} bytes, keep-alive"),
        unit: Unit::PerSecond,
        results: measure(&all, rounds, |peer| requests_per_second(peer.addr))?,
        goals: &[("C, threads", 0.9), ("Python", 5.0)],
    });
    Ok(())
}

fn requests_per_second(addr: SocketAddr) -> io::Result<f64> {
    let start = Instant::now();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| client(addr))).collect();
        clients.into_iter().try_for_each(|client| {
            client
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
        })
    })?;
    Ok((CLIENTS * REQUESTS) as f64 / start.elapsed().as_secs_f64())
}

/// Asks again and again on one connection. The answer ends with the file's bytes.
fn client(addr: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = [0; 4096];
    for _ in 0..REQUESTS {
        stream.write_all(b"GET /small.html HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let (mut filled, mut whole) = (0, None);
        while whole.is_none_or(|whole| filled < whole) {
            match stream.read(&mut buffer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
            let mut four = buffer[..filled].windows(4);
            whole = four.position(|w| w == b"\r\n\r\n").map(|at| at + 4 + BYTES);
        }
        if !buffer.starts_with(b"HTTP/1.1 200 ") {
            return Err(io::Error::other("the answer is not 200"));
        }
    }
    Ok(())
}
