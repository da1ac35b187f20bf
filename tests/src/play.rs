//! Runs an exercise's function as a program: what the lessons' `tests/play.rs` have in common.
//! `cargo course play 8.3` builds and starts them.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use shared::{Addr, Failure, say, warn};

use crate::lessons::Lesson;

/// What `cargo course play` and the lesson's program are told alike.
#[derive(Parser)]
#[command(name = "cargo course play", bin_name = "cargo course play")]
pub struct Play {
    /// The exercise's number, such as 8.3
    #[arg(value_parser = crate::exercise_number)]
    pub exercise: String,

    /// What the function is given, such as the message of a client
    pub words: Vec<String>,

    /// Where to listen, or the server to ask; 0.0.0.0:PORT can be reached from other machines
    #[arg(short, long, value_name = "HOST:PORT")]
    pub addr: Option<Addr>,

    /// Run the course's solution instead of your function
    #[arg(long)]
    pub solution: bool,
}

/// Parses the arguments and plays.
pub fn main(play: impl FnOnce(&Play) -> Result<(), Failure>) -> ExitCode {
    shared::main(|args: Play| play(&args))
}

impl Play {
    /// The address: what was given, or the lesson's own.
    pub fn addr(&self) -> Addr {
        let lesson = Lesson::of_exercise(&self.exercise);
        let own = || {
            let port = lesson.map_or(0, Lesson::port);
            let own = format!("127.0.0.1:{port}").parse();
            own.expect("it is an address and a port")
        };
        self.addr.clone().unwrap_or_else(own)
    }

    /// The word with that place, or what stands for it where none was given.
    pub fn word<'a>(&'a self, place: usize, otherwise: &'a str) -> &'a str {
        self.words.get(place).map_or(otherwise, String::as_str)
    }

    /// A listener, for a function that is a server. Says where it listens, and what to do there.
    ///
    /// # Errors
    /// It cannot listen.
    pub fn listen(&self, expects: &str) -> Result<TcpListener, Failure> {
        let addr = self.addr();
        let failed = |e| Failure::bind(&addr, e);
        let listener = TcpListener::bind(&addr).map_err(failed)?;
        self.listening(listener.local_addr().map_err(failed)?, expects);
        Ok(listener)
    }

    /// A bound socket, for a function that answers datagrams. Says where, and what to do there.
    ///
    /// # Errors
    /// It cannot be bound.
    pub fn bind(&self, expects: &str) -> Result<UdpSocket, Failure> {
        let addr = self.addr();
        let failed = |e| Failure::bind(&addr, e);
        let socket = UdpSocket::bind(&addr).map_err(failed)?;
        self.listening(socket.local_addr().map_err(failed)?, expects);
        Ok(socket)
    }

    fn listening(&self, addr: SocketAddr, expects: &str) {
        say!("listening on {addr}");
        self.begins();
        let port = addr.port();
        // Where it listens on all addresses, this machine's own is one of them.
        let here = match (addr.ip().is_unspecified(), addr.is_ipv6()) {
            (true, false) => format!("127.0.0.1:{port}"),
            (true, true) => format!("[::1]:{port}"),
            (false, _) => addr.to_string(),
        };
        // Netcat takes host and port apart.
        let host = here.rsplit_once(':').map_or("", |(host, _)| host);
        let apart = format!("{} {port}", host.trim_matches(['[', ']']));
        say!(
            "{}",
            expects.replace("ADDR", &here).replace("HOST PORT", &apart)
        );
        say!("Ctrl-C ends it.\n");
    }

    /// A connection, for a function that is a client of the `server`.
    ///
    /// # Errors
    /// Nobody listens there, or the connection fails otherwise.
    pub fn connect(&self, server: &str) -> Result<TcpStream, Failure> {
        let addr = self.addr();
        let failed = |e| match server.starts_with("cargo ") {
            // It is no program of its own.
            true => Failure::new(format!("cannot connect to {addr}: {e}"))
                .hint(format!("start it in another terminal: {server}")),
            false => Failure::connect(&addr, server, e),
        };
        let stream = TcpStream::connect(&addr).map_err(failed)?;
        self.asks(&addr, server);
        Ok(stream)
    }

    /// The address of the `server`, for a function that connects or binds itself.
    ///
    /// # Errors
    /// Nobody knows the host's name.
    pub fn server(&self, server: &str) -> Result<SocketAddr, Failure> {
        let addr = self.addr();
        let found = addr.look_up();
        let found = found.map_err(|e| Failure::connect(&addr, server, e))?;
        self.asks(&addr, server);
        Ok(found)
    }

    fn asks(&self, addr: &Addr, server: &str) {
        self.begins();
        say!("It asks {server} at {addr}. Ctrl-C ends it.\n");
    }

    fn begins(&self) {
        match self.solution {
            true => say!("{} is played by the course's solution.", self.exercise),
            false => say!("{} is played by your function.", self.exercise),
        }
    }

    /// What to say of an exercise whose function is no program.
    ///
    /// # Errors
    /// Always.
    pub fn none(&self, instead: &str) -> Result<(), Failure> {
        let message = format!("exercise {} makes no program", self.exercise);
        Err(Failure::new(message).hint(instead))
    }
}

/// Accepts client after client for a function that serves one, and says what became of each.
///
/// # Errors
/// There is none: it goes on until Ctrl-C.
pub fn serve(listener: &TcpListener, mut one: impl FnMut(TcpStream)) -> Result<(), Failure> {
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                say!("accepted {client}");
                one(stream);
            }
            Err(error) => {
                warn!("cannot accept a client: {error}");
                thread::sleep(Duration::from_millis(100)); // too many open files, say
            }
        }
    }
}

/// Says what a function has returned that serves one client.
pub fn returned<E: std::fmt::Debug>(result: Result<impl std::fmt::Debug, E>) {
    match result {
        Ok(value) => say!("your function returned Ok({value:?})\n"),
        Err(error) => say!("your function returned Err({error:?})\n"),
    }
}

/// Calls a function that accepts its clients itself, again and again. When it fails to accept at
/// once, there is a pause: nothing else would slow the loop down.
///
/// # Errors
/// There is none: it goes on until Ctrl-C.
pub fn again(mut once: impl FnMut() -> io::Result<()>) -> Result<(), Failure> {
    loop {
        let result = once();
        let pause = result.as_ref().is_err_and(|error| {
            !matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            )
        });
        returned(result);
        if pause {
            thread::sleep(Duration::from_millis(100));
        }
    }
}
