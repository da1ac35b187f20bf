//! A client without manners: what a server must survive.
//!
//! Terminal 1: `cargo run --bin loop-server`
//! Terminal 2: `cargo run -p loop-server --example rude -- unread`

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use shared::{Addr, Failure, say};

/// Connect to the server and behave badly.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p loop-server --example rude -- unread")]
struct Args {
    /// How to behave
    manner: Manner,

    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = loop_server::ADDR)]
    addr: Addr,
}

#[derive(Clone, Copy, ValueEnum)]
enum Manner {
    /// Connect and close at once
    Close,
    /// Send something, say that this was all, and read the echo: polite, but unusual
    HalfClose,
    /// Send something, and close before the echo is read
    Unread,
    /// Connect and reset the connection, as a crashed machine does when it is back
    Reset,
    /// Write without ever reading, until both sides are stuck, and close
    Flood,
    /// Send an empty message and wait two seconds for its echo
    Empty,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let stream = TcpStream::connect(&args.addr)
        .map_err(|e| Failure::connect(&args.addr, "loop-server", e))?;
    misbehave(args.manner, stream).map_err(|e| Failure::broken("be rude to", &args.addr, e))
}

fn misbehave(manner: Manner, mut stream: TcpStream) -> io::Result<()> {
    match manner {
        Manner::Close => say!("connected; closing at once"),
        Manner::HalfClose => {
            stream.write_all(b"hello")?;
            stream.shutdown(Shutdown::Write)?;
            let mut echo = Vec::new();
            stream.take(100).read_to_end(&mut echo)?;
            say!("finished first and still read {} bytes", echo.len());
        }
        Manner::Unread => {
            stream.write_all(b"hello")?;
            stream.peek(&mut [0])?; // the echo is there, and there it stays
            say!("sent 5 bytes; closing with the echo unread");
        }
        Manner::Reset => {
            // With a linger time of zero, closing sends RST (tried on Linux; man 7 socket names the option).
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            say!("connected; resetting the connection");
        }
        Manner::Flood => {
            stream.set_write_timeout(Some(Duration::from_millis(500)))?;
            let stuck = loop {
                if let Err(error) = stream.write_all(&[b'x'; 65_536]) {
                    break error;
                }
            };
            // A timeout is WouldBlock on Unix and TimedOut on Windows.
            if !matches!(stuck.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                return Err(stuck);
            }
            say!("wrote until nothing moved any more; closing");
        }
        Manner::Empty => {
            let _ = stream.write(b"")?; // write_all would not even call the system
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            say!("wrote an empty message; waiting for its echo");
            match stream.read(&mut [0]) {
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    say!("nothing after 2 s: the server never saw a message");
                }
                Ok(0) => say!("the server closed the connection"),
                Ok(_) => say!("something came back"),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
