//! `cargo course lab`: a private network of two or three hosts, without sudo. Each host is a
//! network namespace of Linux; `lab/plan.rs` says how they are joined.

#[cfg(target_os = "linux")]
mod keeper;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod plan;

use std::ffi::OsString;
use std::fmt;

#[cfg(not(target_os = "linux"))]
use shared::Failure;

#[derive(clap::Args)]
pub struct Args {
    /// The host to be on; the first terminal makes the network, the others enter it
    #[arg(value_enum, default_value_t = Host::A)]
    host: Host,

    /// How many hosts: 2, joined by a cable, or 3, with a router between two networks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=3))]
    hosts: Option<u8>,

    /// What to run there; a shell if it is left out
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// One of the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Host {
    /// The first host
    A,
    /// The second host
    B,
    /// The router between them, where there are three
    R,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Host::A => "a",
            Host::B => "b",
            Host::R => "r",
        })
    }
}

#[cfg(target_os = "linux")]
pub use self::linux::run;

#[cfg(not(target_os = "linux"))]
pub fn run(_: &Args) -> Result<(), Failure> {
    let failure = Failure::new("cannot make a private network: only Linux has network namespaces");
    Err(failure.hint("use a virtual machine with Linux, or WSL 2 on Windows"))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::env;
    use std::ffi::OsString;
    use std::io::IsTerminal;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use shared::{Failure, say};

    use super::plan::Plan;
    use super::{Args, Host, keeper, namespace};

    /// The lab's name, where one user wants several at once, as the tests do.
    const NAME: &str = "COURSE_LAB";

    /// Enters the lab, which is made if there is none, and runs a shell or a command there.
    pub fn run(args: &Args) -> Result<(), Failure> {
        let name = env::var(NAME).unwrap_or_default();
        let plan = match keeper::find(&name) {
            Some(lab) => {
                if args.hosts.is_some_and(|hosts| hosts != lab.hosts) {
                    let found = lab.hosts;
                    let failure = format!("there is a lab already, with {found} hosts");
                    return Err(Failure::new(failure).hint("leave it in every terminal first"));
                }
                let plan = Plan::new(lab.hosts);
                check(&plan, args.host)?;
                lab.enter(args.host)?;
                plan
            }
            None => {
                let plan = Plan::new(args.hosts.unwrap_or(2));
                check(&plan, args.host)?;
                keeper::make(&name, &plan, args.host)?;
                plan
            }
        };
        // What runs there has power over this network, as root has over the machine's.
        namespace::keep_power()?;
        start(args, &plan)
    }

    fn check(plan: &Plan, host: Host) -> Result<(), Failure> {
        if plan.has(host) {
            return Ok(());
        }
        let failure = Failure::new(format!("this lab has no host {host}: it has 2 hosts"));
        Err(failure.hint("with a router between a and b: cargo course lab --hosts 3"))
    }

    /// Runs the command, or a shell, in the place of this program.
    fn start(args: &Args, plan: &Plan) -> Result<(), Failure> {
        let host = args.host;
        let mut words = args.command.iter();
        let program = match words.next() {
            Some(program) => program.clone(),
            None => {
                if std::io::stdin().is_terminal() {
                    say!("{}", plan.introduce(host));
                }
                env::var_os("SHELL").unwrap_or_else(|| "sh".into())
            }
        };
        let mut command = Command::new(&program);
        command.args(words).env("COURSE_HOST", host.to_string());
        if args.command.is_empty() {
            let prompt = format!("{host}:\\w\\$ ");
            // The first is for a plain shell, the second for bash, which sets the first by itself.
            command.env("PS1", format!("{host}$ "));
            command.env("PROMPT_COMMAND", format!("PS1='{prompt}'"));
        }
        // An ordinary user's PATH need not hold where `tcpdump` and `ip` may lie.
        command.env("PATH", path());
        let error = command.exec(); // it only comes back when it has failed
        let program = program.display();
        Err(Failure::new(format!("cannot run {program}: {error}")))
    }

    /// The places where programs are looked for, with those for the administrator at the end.
    pub fn path() -> OsString {
        let path = env::var_os("PATH").unwrap_or_default();
        let more = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
        let all = env::split_paths(&path).chain(more);
        env::join_paths(all).unwrap_or(path)
    }
}
