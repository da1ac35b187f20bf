//! `cargo course tap N`: stands between client and server, prints every byte that passes, and can
//! be a bad network. It is a package of its own, so that nobody who checks an exercise has to build
//! it.

mod browser;
mod connections;
mod datagrams;
mod drawing;
mod network;
mod on_the_way;
mod pcap;
mod record;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use course::{Lesson, lesson};
use shared::{Addr, Failure, say};

use self::browser::Live;
use self::network::Chance;
use self::on_the_way::OnTheWay;
use self::record::Record;

/// Stands between a lesson's client and server and prints what passes: every piece, its first 256
/// bytes, its direction and time, and who closed how. It can be a bad network for them.
#[derive(Parser)]
#[command(name = "cargo course tap", bin_name = "cargo course tap")]
struct Args {
    /// The lesson's number
    #[arg(value_parser = lesson)]
    lesson: &'static Lesson,

    /// Where the tap listens; point the client here [default: 127.0.0.1:98NN]
    #[arg(short, long, value_name = "HOST:PORT")]
    addr: Option<Addr>,

    /// Where the server listens [default: 127.0.0.1:88NN]
    #[arg(long, value_name = "HOST:PORT")]
    to: Option<Addr>,

    /// Pass on datagrams, not connections [default for the lessons that use UDP]
    #[arg(long)]
    udp: bool,

    /// Write what passes into a file that Wireshark and tcpdump open
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,

    /// At Ctrl-C, draw what passed into a file that browsers open
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,

    /// Show what passes live in a web page, on this machine only
    #[arg(long)]
    browser: bool,

    #[command(flatten)]
    network: Network,
}

/// What makes the network a bad one.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "A bad network")]
struct Network {
    /// Pass everything on so much later, in milliseconds, as a long way would
    #[arg(long, value_name = "MS", default_value = "0", value_parser = clap::value_parser!(u64).range(..=60_000))]
    delay: u64,

    /// Lose so many of a hundred datagrams
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent())]
    drop: u8,

    /// Pass so many of a hundred datagrams on twice
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent())]
    duplicate: u8,

    /// Hold so many of a hundred datagrams back until the next one has passed, or for half a second
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent())]
    reorder: u8,

    /// Where chance begins: the same number repeats what --drop, --duplicate and --reorder did
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Pass a connection's bytes on in pieces of so many, each in a packet of its own
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    chop: Option<u64>,

    /// Pass on no more than so many bytes a second in each direction of a connection
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,

    /// Break a connection off with a reset after so many bytes, both directions together
    #[arg(long, value_name = "BYTES")]
    reset_after: Option<u64>,

    /// Take everything, pass nothing on, and say nothing
    #[arg(long)]
    black_hole: bool,
}

fn percent() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(..=100)
}

/// What all parts of the tap know, for as long as the program runs.
struct Tap {
    addr: Addr,
    to: Addr,
    network: Network,
    chance: Chance,
    record: Record,
    on_the_way: OnTheWay,
    live: Option<&'static Live>,
}

fn main() -> ExitCode {
    shared::main(run)
}

/// Passes on whatever comes, until Ctrl-C.
fn run(args: Args) -> Result<(), Failure> {
    let default = |port: u16| -> Addr {
        format!("127.0.0.1:{port}")
            .parse()
            .expect("host and port are given")
    };
    let lesson = args.lesson;
    let addr = args.addr.unwrap_or_else(|| default(lesson.tap_port()));
    let to = args.to.unwrap_or_else(|| default(lesson.port()));
    let udp = args.udp || lesson.udp;
    if let Err(complaint) = makes_sense(&addr, &to, &args.network, udp) {
        usage_error(&complaint);
    }
    let live: Option<&'static Live> = args.browser.then(|| &*Box::leak(Box::default()));
    let record = Record::new(args.pcap.as_deref(), args.picture.is_some(), live)?;
    let tap: &'static Tap = Box::leak(Box::new(Tap {
        addr,
        to,
        chance: Chance::new(&args.network),
        network: args.network,
        record,
        on_the_way: OnTheWay::default(),
        live,
    }));
    if let Some(picture) = &args.picture {
        drawing::create(picture)?;
    }
    let picture = args.picture;
    ctrlc::set_handler(move || end(tap, picture.as_deref()))
        .map_err(|e| Failure::new(format!("cannot wait for Ctrl-C: {e}")))?;
    if udp {
        datagrams::run(tap)
    } else {
        connections::run(tap)
    }
}

/// Ends when Ctrl-C is pressed.
fn end(tap: &Tap, picture: Option<&Path>) {
    /// What a shell says of a program that Ctrl-C has ended.
    const INTERRUPTED: i32 = 130;
    tap.on_the_way.wait();
    let Some(picture) = picture else {
        process::exit(INTERRUPTED);
    };
    match drawing::draw(tap, picture) {
        Ok(()) => process::exit(0),
        Err(failure) => {
            failure.print();
            process::exit(1);
        }
    }
}

impl Tap {
    /// The first lines: where the tap is reached, and what it does.
    fn announce(&'static self, local: io::Result<SocketAddr>) -> Result<SocketAddr, Failure> {
        let local = local.map_err(|e| Failure::bind(&self.addr, e))?;
        say!("listening on {local}");
        if self.network.black_hole {
            say!("passing nothing on to {}", self.to);
        } else {
            say!("passing everything on to {}", self.to);
        }
        if self.network.seed.is_none()
            && let Some(seed) = self.chance.to_repeat()
        {
            say!("to repeat what chance does: --seed {seed}");
        }
        if let Some(live) = self.live {
            browser::serve(self, live)?;
        }
        Ok(local)
    }
}

/// Refuses a tap that would speak with itself, and options that would do nothing.
fn makes_sense(addr: &Addr, to: &Addr, network: &Network, udp: bool) -> Result<(), String> {
    let same = match (addr.look_up(), to.look_up()) {
        (Ok(addr), Ok(to)) => speaks_with_itself(addr, to),
        _ => false, // whoever uses the address says what is wrong with it
    };
    if same {
        return Err(format!(
            "--addr {addr} and --to {to} are the same: the tap would pass everything on to itself"
        ));
    }
    let chances = [
        ("--drop", network.drop > 0),
        ("--duplicate", network.duplicate > 0),
        ("--reorder", network.reorder > 0),
        ("--seed", network.seed.is_some()),
    ];
    let streams = [
        ("--chop", network.chop.is_some()),
        ("--rate", network.rate.is_some()),
        ("--reset-after", network.reset_after.is_some()),
    ];
    let (useless, what, passed) = if udp {
        (&streams[..], "a connection", "datagrams")
    } else {
        (&chances[..], "datagrams", "connections")
    };
    match useless.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(format!(
            "{option} is for {what}, and this tap passes {passed} on"
        )),
        None => Ok(()),
    }
}

/// Whether what is sent to `to` comes to who listens at `addr`.
fn speaks_with_itself(addr: SocketAddr, to: SocketAddr) -> bool {
    let anywhere =
        addr.ip().is_unspecified() && (to.ip().is_loopback() || to.ip().is_unspecified());
    addr.port() == to.port() && addr.port() != 0 && (addr.ip() == to.ip() || anywhere)
}

/// Ends as clap does when arguments make no sense.
fn usage_error(complaint: &str) -> ! {
    let mut command = Args::command();
    command.error(ErrorKind::ArgumentConflict, complaint).exit()
}

impl Network {
    fn delay(&self) -> Duration {
        Duration::from_millis(self.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_when_it_would_speak_with_itself() {
        for (addr, to, same) in [
            ("127.0.0.1:9801", "127.0.0.1:9801", true),
            ("0.0.0.0:9801", "127.0.0.1:9801", true),
            ("[::]:9801", "[::1]:9801", true),
            ("[::]:9801", "127.0.0.1:9801", true),
            ("127.0.0.1:9801", "127.0.0.1:8801", false),
            ("127.0.0.1:9801", "127.0.0.2:9801", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let parse = |text: &str| text.parse().expect("an address");
            assert_eq!(
                speaks_with_itself(parse(addr), parse(to)),
                same,
                "{addr} {to}"
            );
        }
    }
}
