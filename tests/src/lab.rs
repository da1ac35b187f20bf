//! A lab of one's own: the private network of `cargo course lab`.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::first_line;
use crate::program::own_program;

/// A lab that nobody else enters. It is there until this is dropped.
pub struct Lab {
    name: String,
    holder: Child,
}

impl Lab {
    /// Makes a lab with 2 hosts, or with 3 of which one is a router.
    ///
    /// # Errors
    /// What `cargo course lab` says.
    pub fn new(hosts: u8) -> Result<Lab, String> {
        static LABS: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{}-{}", process::id(), LABS.fetch_add(1, Ordering::Relaxed));
        let mut holder = host(&name, "a");
        holder.args(["--hosts", &hosts.to_string()]);
        // It ends when its input does: when this lab is dropped, however this program ends.
        holder.args(["--", "sh", "-c", "echo ready; read line"]);
        holder
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let holder = holder
            .spawn()
            .map_err(|e| format!("cannot start the lab: {e}"))?;
        let mut lab = Lab { name, holder };
        match first_line(&mut lab.holder) {
            Ok(line) if line == "ready" => Ok(lab),
            _ => {
                let stderr = lab.holder.stderr.take().expect("it is piped");
                let said = BufReader::new(stderr).lines().map_while(Result::ok);
                Err(said.collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// A command that runs on a host, `a`, `b` or `r`. Its words follow as arguments.
    pub fn on(&self, host: &str) -> Command {
        let mut command = self::host(&self.name, host);
        command.arg("--").stdin(Stdio::null());
        command
    }

    /// The same, for who starts a command by its words: what stands in front of them, and a variable
    /// of the environment with its value.
    pub fn call(&self, host: &str) -> (Vec<OsString>, (String, String)) {
        let course = own_program("course").into_os_string();
        let words = ["lab", host, "--"].map(OsString::from);
        let argv = [course].into_iter().chain(words).collect();
        (argv, self.variable())
    }

    /// The variable of the environment that names this lab, for `cargo course lab`, and its value.
    pub fn variable(&self) -> (String, String) {
        (NAME.to_owned(), self.name.clone())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.holder.kill(); // it may have failed already
        let _ = self.holder.wait();
    }
}

/// The variable that names a lab.
const NAME: &str = "COURSE_LAB";

fn host(name: &str, host: &str) -> Command {
    let mut command = Command::new(own_program("course"));
    command.args(["lab", host]).env(NAME, name);
    command
}
