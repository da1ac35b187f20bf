//! Lesson 8's protocol on this lesson's engines: a greeting, then each line is sent back. To measure
//! what an engine costs where everybody talks to the server alone.
//!
//! Terminal 1: `cargo run --release -p chat-room --example lines`, also with `-- --threads`
//! Terminal 2: `cargo run --bin threaded-client -- --addr 127.0.0.1:8809`

use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use chat_room::{Heard, Limits, Outboxes, Service, Stop, poll, threads};
use clap::Parser;
use shared::{Addr, Failure, say};
use socket2::SockRef;

/// Greet everybody and send back each line, with one thread for all.
#[derive(Parser)]
#[command(after_help = "Example:\n  cargo run -q -p chat-room --example lines -- --threads")]
struct Args {
    /// Two threads for each client, instead of one thread for all
    #[arg(long)]
    threads: bool,

    /// Where to listen
    #[arg(short, long, value_name = "HOST:PORT", default_value = chat_room::ADDR)]
    addr: Addr,
}

fn main() -> ExitCode {
    shared::main(run)
}

fn run(args: Args) -> Result<(), Failure> {
    let failed = |e| Failure::bind(&args.addr, e);
    let listener = TcpListener::bind(&args.addr).map_err(failed)?;
    SockRef::from(&listener).listen(4096).map_err(failed)?;
    say!("listening on {}", listener.local_addr().map_err(failed)?);
    let limits = Limits {
        max_clients: 10_000,
        name_timeout: Duration::from_secs(86_400), // nobody has to say anything
    };
    let stop = Stop::new().map_err(failed)?;
    let served = if args.threads {
        threads::serve(listener, limits, &stop, Echo(0))
    } else {
        poll::serve(listener, limits, &stop, Echo(0))
    };
    served.map_err(|e| Failure::new(format!("cannot wait for clients: {e}")))
}

/// How many clients have come.
struct Echo(u64);

impl Service for Echo {
    fn came(&mut self, id: usize, out: &mut impl Outboxes) {
        self.0 += 1;
        out.put(id, format!("hello, you are client {}\n", self.0).as_bytes());
    }

    fn line(&mut self, id: usize, line: &[u8], out: &mut impl Outboxes) -> Heard {
        out.put(id, line);
        out.put(id, b"\n");
        Heard::Fine
    }

    fn left(&mut self, _id: usize, _out: &mut impl Outboxes) {}
}
