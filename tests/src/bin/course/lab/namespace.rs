//! Namespaces of Linux: new ones, those of another process, and power in them. All of it must
//! happen in a program's only thread.

use std::fs::{self, File};
use std::io;

use rustix::process::{Pid, PidfdFlags, geteuid, getgid, getuid, pidfd_open};
use rustix::thread::{
    ThreadNameSpaceType, UnshareFlags, capabilities, configure_capability_in_ambient_set,
    move_into_link_name_space, move_into_thread_name_spaces, set_capabilities,
};
use shared::Failure;

/// Leaves the machine's network for a new one with nothing in it. Whoever is not root gets power
/// over it, in a user namespace in which all other files and processes stay as they are.
pub fn leave_the_network() -> Result<(), Failure> {
    if geteuid().is_root() {
        return new_network().map_err(|cause| forbidden("a network namespace", &cause));
    }
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    unshare(UnshareFlags::NEWUSER).map_err(|cause| forbidden("a user namespace", &cause))?;
    // You stay who you are. (As root of the namespace, tcpdump would try to become another user.)
    let maps = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{uid} {uid} 1")),
        ("gid_map", format!("{gid} {gid} 1")),
    ];
    for (file, text) in maps {
        let path = format!("/proc/self/{file}");
        fs::write(&path, text).map_err(|cause| powerless(&path, &cause))?;
    }
    new_network().map_err(|cause| forbidden("a network namespace", &cause))
}

/// Moves to another new network.
pub fn new_network() -> io::Result<()> {
    unshare(UnshareFlags::NEWNET)
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // The reason why it is deprecated is `UnshareFlags::FILES` in a program with several threads.
    #[expect(
        deprecated,
        reason = "its successor is unsafe for a flag that is not used here"
    )]
    Ok(rustix::thread::unshare(flags)?)
}

/// The network in which this program is, to come back to it.
pub fn network() -> io::Result<File> {
    File::open("/proc/self/ns/net")
}

/// Moves to a network in which this program was before.
pub fn move_to(network: &File) -> io::Result<()> {
    use std::os::fd::AsFd;
    Ok(move_into_link_name_space(network.as_fd(), None)?)
}

/// Moves into the network of another process, and into its user namespace.
pub fn join(process: u32) -> io::Result<()> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    let process_handle = pidfd_open(pid, PidfdFlags::empty())?;
    let mut kinds = ThreadNameSpaceType::NETWORK;
    // Nobody may enter the user namespace in which they are.
    if fs::read_link("/proc/self/ns/user")? != fs::read_link(format!("/proc/{process}/ns/user"))? {
        kinds |= ThreadNameSpaceType::USER;
    }
    use std::os::fd::AsFd;
    Ok(move_into_thread_name_spaces(process_handle.as_fd(), kinds)?)
}

/// Lets the programs that this one starts have the power that this one has. A user who is not root
/// loses it otherwise as soon as another program takes over.
pub fn keep_power() -> Result<(), Failure> {
    keep_capabilities().map_err(|error| Failure::new(format!("cannot keep capabilities: {error}")))
}

fn keep_capabilities() -> io::Result<()> {
    if geteuid().is_root() {
        return Ok(());
    }
    let mut sets = capabilities(None)?;
    sets.inheritable = sets.permitted;
    set_capabilities(None, sets)?;
    for capability in sets.permitted.iter() {
        configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

/// The system refuses a namespace: why, and what to do.
fn forbidden(what: &str, cause: &io::Error) -> Failure {
    let failure = Failure::new(format!("cannot make {what}: {cause}"));
    match cause.kind() {
        io::ErrorKind::StorageFull => failure.hint(
            "the system allows no more of them; see `sysctl user.max_user_namespaces \
             user.max_net_namespaces`, and let the administrator set what is 0: \
             `sudo sysctl user.max_user_namespaces=10000`",
        ),
        io::ErrorKind::PermissionDenied => failure.hint(
            "the system forbids it: a container does so by default (for Docker: `--privileged`), \
             some systems do so for ordinary users (`sudo sysctl kernel.unprivileged_userns_clone=1`); \
             otherwise run it as root, or in a virtual machine",
        ),
        _ => failure.hint("a virtual machine with Linux has namespaces"),
    }
}

/// There is a namespace, but no power in it.
fn powerless(path: &str, cause: &io::Error) -> Failure {
    let failure = Failure::new(format!("cannot write to {path}: {cause}"));
    match cause.kind() {
        io::ErrorKind::PermissionDenied => failure.hint(
            "the system gives ordinary users a user namespace without power in it; Ubuntu does so \
             by AppArmor: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run it \
             as root",
        ),
        _ => failure,
    }
}
