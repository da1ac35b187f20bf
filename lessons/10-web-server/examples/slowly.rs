//! Sends what it gets on stdin and then a byte every 200 ms, as long as it is let, and shows what
//! comes back.
//!
//! Terminal 1: `cargo run --bin web-server -- lessons/10-web-server/site --request-timeout 1`
//! Terminal 2: `printf 'GET / HTTP/1.1\r\nHost: ' | cargo run -p web-server --example slowly`

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use shared::{Addr, Failure, escape, say};

/// Send what is on stdin, then a byte every 200 ms.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  cargo run -q -p web-server --example slowly -- --addr 127.0.0.1:8810"
)]
struct Args {
    /// Where the server listens
    #[arg(short, long, value_name = "HOST:PORT", default_value = web_server::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let addr = &args.addr;
    let mut stream =
        TcpStream::connect(addr).map_err(|e| Failure::connect(addr, "web-server DIR", e))?;
    let broken = |e| Failure::broken("speak with", addr, e);
    let mut start = Vec::new();
    io::stdin().read_to_end(&mut start).map_err(broken)?;
    stream.write_all(&start).map_err(broken)?;
    let pause = Some(Duration::from_millis(200));
    stream.set_read_timeout(pause).map_err(broken)?;
    let mut piece = [0; 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => {
                let _ = stream.shutdown(Shutdown::Both);
                say!("and then the server has closed");
                return Ok(());
            }
            Ok(n) => {
                let answer = String::from_utf8_lossy(&piece[..n]).into_owned();
                let first = answer.lines().next().unwrap_or_default();
                say!("{}", escape(first.as_bytes()));
                stream.shutdown(Shutdown::Write).map_err(broken)?; // enough
            }
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                stream.write_all(b"x").map_err(broken)?;
            }
            Err(error) => return Err(broken(error)),
        }
    }
}
