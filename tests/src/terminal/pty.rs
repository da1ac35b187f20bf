//! A program in a pseudo-terminal.

use std::io::{Read, Write};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use portable_pty::{ChildKiller, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

use super::screen::{COLUMNS, Call, ROWS, Screen, lock};
use crate::place::workspace;

/// How long after its program's exit a terminal counts as closed, whoever still holds it.
const LET_GO: Duration = Duration::from_secs(2);

pub struct Pty {
    keyboard: Box<dyn Write + Send>,
    killer: Box<dyn ChildKiller + Send + Sync>,
    /// Closing it hangs up, which ends whatever still runs in the terminal.
    _master: Box<dyn MasterPty + Send>,
    /// Held open until the program has exited and its last output was seen: what a terminal
    /// still has to show is lost otherwise.
    slave: Option<Box<dyn SlavePty + Send>>,
}

impl Pty {
    pub fn start(call: &Call, screen: Arc<Mutex<Screen>>, bell: Sender<()>) -> Result<Pty, String> {
        let size = PtySize {
            rows: ROWS.get(),
            cols: COLUMNS.get(),
            ..PtySize::default()
        };
        let pair = native_pty_system()
            .openpty(size)
            .map_err(|e| format!("cannot open a pseudo-terminal: {e}"))?;

        let mut builder = CommandBuilder::from_argv(call.argv.to_vec());
        builder.cwd(workspace());
        builder.env("TERM", "xterm-256color");
        builder.env_remove("NO_COLOR");
        builder.env_remove("COURSE_KEY"); // lesson 7's programs would take it
        for (name, value) in call.environment {
            builder.env(name, value);
        }
        let mut child = pair
            .slave
            .spawn_command(builder)
            .map_err(|e| format!("cannot start {:?}: {e}", call.argv))?;

        let failed = |e| format!("cannot use the pseudo-terminal: {e}");
        let mut output = pair.master.try_clone_reader().map_err(failed)?;
        let keyboard = pair.master.take_writer().map_err(failed)?;
        let killer = child.clone_killer();

        // The bell's other end may be gone; then nobody wants to know.
        thread::spawn({
            let (screen, bell) = (Arc::clone(&screen), bell.clone());
            move || {
                let mut bytes = [0; 4096];
                // Linux ends a terminal that everybody has closed with an error, not with 0.
                while let Ok(n @ 1..) = output.read(&mut bytes) {
                    lock(&screen).process(&bytes[..n]);
                    let _ = bell.send(());
                }
                lock(&screen).closed = true;
                let _ = bell.send(());
            }
        });
        thread::spawn(move || {
            let _ = child.wait();
            lock(&screen).exited = true;
            let _ = bell.send(());
            // Whoever was started by another thread just when this terminal was opened may hold
            // it too. What the program wrote has long been read by then.
            thread::sleep(LET_GO);
            lock(&screen).closed = true;
            let _ = bell.send(());
        });

        Ok(Pty {
            keyboard,
            killer,
            _master: pair.master,
            slave: Some(pair.slave),
        })
    }

    pub fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.keyboard
            .write_all(bytes)
            .and_then(|()| self.keyboard.flush())
            .map_err(|e| format!("cannot type into the pseudo-terminal: {e}"))
    }

    /// Closes our own hold of the side that the program had.
    pub fn let_go(&mut self) {
        self.slave = None;
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.killer.kill(); // it may have exited already
    }
}
