//! One way to solve the exercises of lesson 2. Try your own first.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use loop_server::contract::{End, LineError};

/// 2.1 Client after client.
pub fn serve(listener: &TcpListener, clients: usize) -> Vec<End> {
    let mut ends = Vec::new();
    while ends.len() < clients {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        ends.push(match echo(stream) {
            Ok(bytes) => End::Finished(bytes),
            Err(error) => End::Gone(error),
        });
    }
    ends
}

/// Takes the stream, so the connection is closed when this returns.
fn echo(mut stream: TcpStream) -> io::Result<u64> {
    let mut total = 0;
    let mut buffer = [0; 1024];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(total);
        }
        stream.write_all(&buffer[..n])?;
        total += n as u64;
    }
}

/// 2.2 Lines, the empty line included.
pub fn answer_lines(stream: TcpStream, limit: usize) -> Result<u64, LineError> {
    // One reader for the whole conversation: what it has read ahead is the next line.
    let mut reader = BufReader::new(&stream);
    let mut count = 0;
    loop {
        let mut line = Vec::new();
        // One byte more than a line may have: its `\n`, or the byte too many.
        (&mut reader)
            .take((limit as u64).saturating_add(1))
            .read_until(b'\n', &mut line)
            .map_err(LineError::Gone)?;
        if line.is_empty() {
            return Ok(count);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() > limit {
            return Err(LineError::TooLong);
        }
        count += 1;
        let mut answer = format!("{count}: ").into_bytes();
        answer.extend(line);
        answer.push(b'\n');
        (&stream).write_all(&answer).map_err(LineError::Gone)?;
    }
}

/// 2.3 64 MiB through an echo server.
pub fn through(
    stream: TcpStream,
    source: &mut (dyn Read + Send),
    sink: &mut (dyn Write + Send),
) -> io::Result<u64> {
    // The first error counts: others are what it caused in the other direction.
    let first = OnceLock::new();
    let give_up = |error| {
        let _ = first.set(error);
        // The other direction may be waiting in its read or write.
        let _ = stream.shutdown(Shutdown::Both);
        0
    };
    let (sent, received) = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let sent = copy(source, &mut &stream).unwrap_or_else(give_up);
            let _ = stream.shutdown(Shutdown::Write); // behind the last byte, FIN
            sent
        });
        let received = copy(&mut &stream, sink).unwrap_or_else(give_up);
        // The server has closed. The sender, which may be waiting in a write, need not go on.
        let _ = stream.shutdown(Shutdown::Both);
        let sent = sender.join().expect("copying does not panic");
        (sent, received)
    });
    match first.into_inner() {
        Some(error) => Err(error),
        None if received < sent => Err(ErrorKind::UnexpectedEof.into()),
        None => Ok(sent),
    }
}

/// Passes on until the end, piece by piece as it comes.
fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<u64> {
    let mut total = 0;
    let mut buffer = vec![0; 65_536];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(&buffer[..n])?;
        total += n as u64;
    }
}
