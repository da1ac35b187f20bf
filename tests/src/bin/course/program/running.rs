//! The learner's program while it is judged.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use course::exercise::Fault;
use course::{listens_at, workspace};
use shared::escape;

/// How long a program has to say where it listens. Some languages take seconds to begin.
const BEGINNING: Duration = Duration::from_secs(30);

/// A first line may be this long.
const LONGEST: u64 = 1000;

/// A program that listens. It is ended with this.
pub struct Running {
    child: Mutex<Child>,
    addr: SocketAddr,
}

impl Running {
    /// Starts the command, with an address behind it, and waits until it says where it listens.
    pub fn start(command: &[String]) -> Result<Running, Fault> {
        let given = "127.0.0.1:0";
        let program = &command[0];
        let mut started = Command::new(program);
        started.args(&command[1..]).arg(given);
        started.current_dir(workspace());
        started.stdin(Stdio::null()).stdout(Stdio::piped());
        if cfg!(test) {
            started.stderr(Stdio::null()); // what a wrong program says is no part of the tests' output
        }
        let mut child = started.spawn().map_err(|e| {
            let shown = escape(program.as_bytes());
            Fault::new(format!("cannot start {shown}: {e}"))
        })?;
        let line = first_line(&mut child);
        let mut running = Running {
            child: Mutex::new(child),
            addr: SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        let asked = format!(
            "your program was started with the argument {given}\n\
             expected: a first line such as 'listening on 127.0.0.1:40123'"
        );
        let line = match line {
            Some(line) if !line.is_empty() => line,
            came => {
                let what = match (came, running.end()) {
                    (_, Some(end)) => format!("nothing; it ended ({end})"),
                    (None, None) => format!("no line in {} s", BEGINNING.as_secs()),
                    (Some(_), None) => "an empty line, or the end of its output".to_owned(),
                };
                return Err(Fault::new(format!("{asked}\ncame:     {what}")).cause(
                    "it does not print the line yet, or the line waits in a buffer: flush it",
                ));
            }
        };
        let came = format!("{asked}\ncame:     '{}'", escape(&line));
        let text = String::from_utf8_lossy(&line);
        let addr = listens_at(text.trim_end()).ok_or_else(|| {
            let cause = "the line is just 'listening on ', the address, a colon and the port";
            Fault::new(came.clone()).cause(cause)
        })?;
        if addr.port() == 0 {
            return Err(Fault::new(came).cause(
                "port 0 lets the system choose: the socket, once bound, knows which port it got",
            ));
        }
        running.addr = addr;
        Ok(running)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Adds to a fault that the program is not there any more.
    pub fn with_end(&self, fault: Fault) -> Fault {
        match self.end() {
            Some(end) => fault.then(&format!(
                "your program has ended ({end}); its terminal output above may say why"
            )),
            None => fault,
        }
    }

    /// How it ended, if it did.
    fn end(&self) -> Option<String> {
        let mut child = self.child.lock().unwrap_or_else(|e| e.into_inner());
        // What closes its output has not yet ended: that takes a moment.
        for _ in 0..20 {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status.to_string());
            }
            thread::sleep(Duration::from_millis(10)); // between two looks
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(|e| e.into_inner());
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The first line that the program prints; `None` if none came in time. What it prints later is read
/// too, so that it need not wait, and thrown away.
fn first_line(child: &mut Child) -> Option<Vec<u8>> {
    let stdout = child.stdout.take()?;
    let (sender, line) = mpsc::channel();
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        let _ = (&mut stdout).take(LONGEST).read_until(b'\n', &mut line);
        while line.last().is_some_and(|byte| b"\r\n".contains(byte)) {
            line.pop();
        }
        let _ = sender.send(line);
        let _ = std::io::copy(&mut stdout, &mut std::io::sink());
    });
    line.recv_timeout(BEGINNING).ok()
}
