//! A client that resets its connection while it waits in the queue, and what `accept` makes of it.
//!
//! `cargo run -p chat-room --example vanished`

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Parser;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use shared::{Failure, say};
use socket2::Socket;

/// Accept a client that is gone already, and then the next one, who is not there.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p chat-room --example vanished")]
struct Args {}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(_: Args) -> Result<(), Failure> {
    vanish().map_err(|e| Failure::new(format!("cannot play it: {e}")))
}

fn vanish() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = Socket::from(TcpStream::connect(listener.local_addr()?)?);
    client.set_linger(Some(Duration::ZERO))?; // closing will send RST
    drop(client);

    let mut fds = [PollFd::new(&listener, PollFlags::IN)];
    let ready = poll(
        &mut fds,
        Some(&Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        }),
    )?;
    say!("poll: {ready} socket is ready");
    let (mut stream, _) = listener.accept()?;
    say!("accept: Ok");
    say!("read: {}", kind(stream.read(&mut [0]).err()));
    say!("peer_addr: {}", kind(stream.peer_addr().err()));

    listener.set_nonblocking(true)?;
    say!("accept, non-blocking: {}", kind(listener.accept().err()));
    listener.set_nonblocking(false)?;
    let (accepted, result) = mpsc::channel();
    thread::spawn(move || accepted.send(listener.accept().is_ok()));
    match result.recv_timeout(Duration::from_secs(1)) {
        Ok(_) => say!("accept, blocking: it returned"),
        Err(_) => say!("accept, blocking: a second later it still waits, and so would everybody"),
    }
    Ok(())
}

fn kind(error: Option<std::io::Error>) -> String {
    error.map_or_else(
        || "Ok".to_owned(),
        |error| match error.kind() {
            ErrorKind::WouldBlock => "WouldBlock: nobody else is there".to_owned(),
            kind => format!("{kind:?}"),
        },
    )
}
