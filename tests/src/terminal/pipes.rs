//! A program whose input and output are pipes.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use super::screen::{Call, Key, Screen, lock};
use crate::place::workspace;

pub struct Pipes {
    screen: Arc<Mutex<Screen>>,
    child: Arc<Mutex<Child>>,
    /// Dropped, it ends the program's input.
    keyboard: Option<ChildStdin>,
}

impl Pipes {
    pub fn start(
        call: &Call,
        screen: Arc<Mutex<Screen>>,
        bell: Sender<()>,
    ) -> Result<Pipes, String> {
        let (program, arguments) = call.argv.split_first().ok_or("the command is empty")?;
        let failed = |e: io::Error| format!("cannot start {:?}: {e}", call.argv);
        // One pipe for both outputs, so that their lines keep their order.
        let (mut output, stderr) = io::pipe().map_err(failed)?;
        let stdout = stderr.try_clone().map_err(failed)?;
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(workspace())
            .env_remove("COURSE_KEY") // lesson 7's programs would take it
            .envs(call.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(failed)?;
        let keyboard = child.stdin.take();
        let child = Arc::new(Mutex::new(child));

        thread::spawn({
            let (screen, child) = (Arc::clone(&screen), Arc::clone(&child));
            move || {
                let mut bytes = [0; 4096];
                while let Ok(n @ 1..) = output.read(&mut bytes) {
                    show(&screen, &bytes[..n]);
                    let _ = bell.send(()); // its other end may be gone
                }
                // Nobody holds the pipe any more: the program has ended, or is about to.
                let _ = lock_child(&child).wait();
                let mut screen = lock(&screen);
                screen.exited = true;
                screen.closed = true;
                drop(screen);
                let _ = bell.send(());
            }
        });
        Ok(Pipes {
            screen,
            child,
            keyboard,
        })
    }

    pub fn type_line(&mut self, prompt: &str, text: &str) -> Result<(), String> {
        self.echo(&format!("{prompt}{text}\n"));
        let keyboard = self.keyboard.as_mut().ok_or("its input has ended")?;
        writeln!(keyboard, "{text}").map_err(|e| format!("cannot write into its input: {e}"))
    }

    pub fn press(&mut self, prompt: &str, key: Key) -> Result<(), String> {
        match key {
            Key::C => {
                self.echo(&format!("{prompt}^C\n"));
                self.interrupt()
            }
            Key::D => {
                self.echo(&format!("{prompt}\n"));
                self.keyboard = None;
                Ok(())
            }
        }
    }

    /// As a terminal shows what is typed.
    fn echo(&self, text: &str) {
        show(&self.screen, text.as_bytes());
    }

    /// What a terminal does at Ctrl-C.
    #[cfg(unix)]
    fn interrupt(&mut self) -> Result<(), String> {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = i32::try_from(lock_child(&self.child).id());
        let pid = pid.ok().and_then(Pid::from_raw);
        let pid = pid.ok_or("its process has no number")?;
        let signal = if ignores_interrupts() {
            Signal::TERM
        } else {
            Signal::INT
        };
        kill_process(pid, signal).map_err(|e| format!("cannot interrupt it: {e}"))
    }

    /// Windows passes Ctrl-C to everybody who shares a console, us included; so the program is
    /// ended by force.
    #[cfg(not(unix))]
    fn interrupt(&mut self) -> Result<(), String> {
        let killed = lock_child(&self.child).kill();
        killed.map_err(|e| format!("cannot end it: {e}"))
    }
}

/// Whether this process, and so what it starts, ignores Ctrl-C: a shell script lets its background
/// jobs do so. Only Linux tells.
#[cfg(unix)]
fn ignores_interrupts() -> bool {
    const SIGINT: u32 = 2;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    ignored.is_some_and(|bits| bits & (1 << (SIGINT - 1)) != 0)
}

impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = lock_child(&self.child).kill(); // it may have exited already
    }
}

/// A pipe brings line feeds alone, where a terminal adds the carriage return.
fn show(screen: &Mutex<Screen>, bytes: &[u8]) {
    let mut screen = lock(screen);
    for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
        match piece.strip_suffix(b"\n") {
            Some(line) => {
                screen.process(line);
                screen.process(b"\r\n");
            }
            None => screen.process(piece),
        }
    }
}

fn lock_child(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child
        .lock()
        .expect("no thread panics while it holds the program")
}
