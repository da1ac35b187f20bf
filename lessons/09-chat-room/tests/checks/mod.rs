//! What "right" means for each exercise of lesson 9: functions to which any solution is handed.

mod many;
mod queue;

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use chat_room::WriteQueue;
use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, compare};

pub use many::echo;
pub use queue::write_queue;

pub type Converse = fn(TcpStream, TcpStream);
pub type NewQueue = fn(usize) -> Box<dyn WriteQueue>;
pub type Echo = fn(&TcpListener, usize);

const THE_IDEA: &str = "docs/09-chat-room.md: The idea";
const READ_THE_CODE: &str = "docs/09-chat-room.md: Read the code";
const SERVER_LEAVES: &str = "docs/09-chat-room.md: The server leaves";

/// 9.1 A duplex client.
pub fn converse(converse: Converse) -> Verdict {
    check(move |trial| {
        passes_both_ways(trial, converse).read(THE_IDEA)?;
        passes_all_bytes(trial, converse).read(THE_IDEA)?;
        goes_on_while_a_peer_does_not_read(trial, converse).read(THE_IDEA)?;
        shows_what_comes_after_typing_has_ended(trial, converse).read(THE_IDEA)?;
        ends_when_the_server_leaves(trial, converse).read(SERVER_LEAVES)
    })
}

/// Both ends of what the learner's function connects.
struct Talk {
    terminal: Peer,
    server: Peer,
    attempt: Attempt<()>,
}

const BYTES: &str = "What is typed goes to";
const EACH_WAY: &str = "Each direction goes on";
const HALF_CLOSE: &str = "When typing has ended";
const STILL_SHOWN: &str = "What it still says";
const RETURNS: &str = "When the server closes";
const SHOWN_BEFORE: &str = "What the server had said";
const BOTH_CLOSED: &str = "When the function returns, both";

/// More than all buffers on the way hold.
const PLENTY: usize = 20_000_000;

const TURNS: &str = "the two take turns: one thread reads here, then there, and waits in one of \
    the two; or each waits for whole lines, or for a full buffer";

impl Talk {
    fn begin(trial: &Trial, converse: Converse) -> Step<Talk> {
        Talk::with(converse, trial, Trial::pair)
    }

    fn with_small_buffers(trial: &Trial, converse: Converse) -> Step<Talk> {
        Talk::with(converse, trial, |trial| trial.pair_with_buffers(8 * 1024))
    }

    fn with(
        converse: Converse,
        trial: &Trial,
        pair: impl Fn(&Trial) -> Step<(Peer, TcpStream)>,
    ) -> Step<Talk> {
        let (terminal, near) = pair(trial)?;
        let (server, far) = pair(trial)?;
        let attempt = trial.start(move || converse(near, far));
        Ok(Talk {
            terminal,
            server,
            attempt,
        })
    }

    fn types(&mut self, bytes: &[u8]) -> Step {
        self.terminal.send(bytes)?;
        let came = self
            .server
            .expect(bytes, "what is typed should go to the server");
        came.breaks(BYTES).cause(TURNS)
    }

    fn hears(&mut self, bytes: &[u8]) -> Step {
        self.server.send(bytes)?;
        let came = self
            .terminal
            .expect(bytes, "what the server says should be shown");
        came.breaks(BYTES).cause(TURNS)
    }
}

fn passes_both_ways(trial: &Trial, converse: Converse) -> Step {
    let mut talk = Talk::begin(trial, converse)?;
    talk.hears(b"* nobody else is here\n")?;
    talk.hears(b"tom: hello\n")?;
    talk.types(b"hello\n")?;
    talk.types(b"are you there?\n")?;
    talk.hears(b"half a line, ")?;
    talk.types(b"half an ans")?;
    talk.types(b"wer\n\n")?;
    talk.hears(b"and the rest\n\xff\x00\xe4\r\n")?;
    talk.types(b"\xff\x00\xe4\r\nq\n")?;
    talk.attempt
        .still_runs()
        .breaks(RETURNS)
        .cause("it ends before anybody has left")
}

fn passes_all_bytes(trial: &Trial, converse: Converse) -> Step {
    const LOST: &str = "a write takes fewer bytes than it was given, and the rest is lost; or the \
        bytes are taken for text";
    let mut talk = Talk::begin(trial, converse)?;
    let bytes: Vec<u8> = (0..3_000_000_u32)
        .map(|i| (i.wrapping_mul(i) / 7) as u8)
        .collect();
    let mut typing = clone(talk.terminal.stream())?;
    let mut saying = clone(talk.server.stream())?;
    let (typed, said) = thread::scope(|scope| {
        // If these fail, too little comes, and that is reported.
        scope.spawn(|| {
            let _ = typing.write_all(&bytes);
        });
        scope.spawn(|| {
            let _ = saying.write_all(&bytes);
        });
        let shown = scope.spawn(|| read_so_many(&mut talk.terminal, bytes.len()));
        let typed = read_so_many(&mut talk.server, bytes.len());
        (typed, shown.join())
    });
    let said = said.unwrap_or_else(|_| Err(Fault::new("the check panicked: this is our bug")));
    for (came, what) in [(typed, "3 MB were typed"), (said, "the server said 3 MB")] {
        let came = came.when(what).breaks(BYTES).cause(LOST)?;
        let same = compare(&bytes, &came).map_err(Fault::new);
        same.when(what).breaks(BYTES).cause(LOST)?;
    }
    Ok(())
}

fn clone(stream: &TcpStream) -> Step<TcpStream> {
    let ours = |e| Fault::new(format!("the check could not clone its socket: {e}"));
    let clone = stream.try_clone().map_err(ours)?;
    let _ = clone.set_write_timeout(Some(course::exercise::WAIT));
    Ok(clone)
}

/// What comes, until it is so much or nothing more comes.
fn read_so_many(peer: &mut Peer, size: usize) -> Step<Vec<u8>> {
    let mut came = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while came.len() < size {
        match peer.read(&mut buffer)? {
            Some(n @ 1..) => came.extend_from_slice(&buffer[..n]),
            Some(0) => break,
            None => return Err(Fault::new("then nothing more came").late()),
        }
    }
    Ok(came)
}

/// Sends until no more is taken, or so much. How much it was.
pub fn stuff(peer: &Peer, most: usize) -> Step<usize> {
    let ours = |e| Fault::new(format!("the check could not use its socket: {e}"));
    let mut stream = peer.stream();
    stream.set_nonblocking(true).map_err(ours)?;
    let (mut sent, mut full) = (0, 0);
    while full < 5 && sent < most {
        match stream.write(&[b'x'; 4096][..4096.min(most - sent)]) {
            Ok(n) => (sent, full) = (sent + n, 0),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                full += 1;
                thread::sleep(Duration::from_millis(5)); // the pace of the sender
            }
            Err(error) => return Err(ours(error)),
        }
    }
    stream.set_nonblocking(false).map_err(ours)?;
    Ok(sent)
}

fn goes_on_while_a_peer_does_not_read(trial: &Trial, converse: Converse) -> Step {
    const STUCK: &str = "one thread writes in both directions, or under a lock, and waits for the \
        one that does not read";
    const LOST: &str = "the rest of a write is lost, or somebody still waits";
    // Nobody reads what is shown: more and more is said, while somebody types.
    let mut talk = Talk::with_small_buffers(trial, converse)?;
    let mut shown = 0;
    for _ in 0..ROUNDS {
        shown += stuff(&talk.server, PLENTY)?;
        talk.terminal.send(b"hello\n")?;
        let came = talk
            .server
            .expect(b"hello\n", "what is typed should go to the server");
        let what = "nobody read what was shown, and then something was typed";
        came.when(what).breaks(EACH_WAY).cause(STUCK)?;
    }
    all_comes(&mut talk.terminal, shown, "the screen was read again", LOST)?;

    let mut typed = 0;
    for _ in 0..ROUNDS {
        typed += stuff(&talk.terminal, PLENTY)?;
        talk.server.send(b"tom: hello\n")?;
        let came = talk
            .terminal
            .expect(b"tom: hello\n", "what the server says should be shown");
        let what = "the server did not read what was typed, and then said something";
        came.when(what).breaks(EACH_WAY).cause(STUCK)?;
    }
    all_comes(&mut talk.server, typed, "the server read again", LOST)
}

/// So often is tried whether one direction is held up by the other: at the first times, the buffers
/// may not be full yet.
const ROUNDS: usize = 8;

fn all_comes(peer: &mut Peer, size: usize, what: &str, cause: &str) -> Step {
    let came = read_so_many(peer, size);
    let came = came.when(what).breaks(BYTES).cause(cause)?.len();
    if came == size {
        return Ok(());
    }
    let fault = Fault::new(format!("{what}: of {size} bytes {came} came"));
    Err(fault.breaks(BYTES).cause(cause))
}

fn shows_what_comes_after_typing_has_ended(trial: &Trial, converse: Converse) -> Step {
    let mut talk = Talk::begin(trial, converse)?;
    talk.terminal.send(b"bye")?;
    talk.terminal.half_close()?;
    let told = talk.server.read_to_end(100);
    let told = told.when("typing had ended").breaks(HALF_CLOSE).cause(
        "nobody half-closes: dropping a clone closes nothing, shutdown(Shutdown::Write) does",
    )?;
    let same = compare(b"bye", &told).map_err(Fault::new);
    same.when("'bye' was typed, and then typing ended")
        .breaks(BYTES)
        .cause("what was typed last, without a line end, is lost")?;

    const GIVES_UP: &str = "the end of typing ends everything: both directions are closed, or the \
        function returns";
    let what = "typing had ended, and the server had not";
    talk.attempt
        .still_runs()
        .when(what)
        .breaks(STILL_SHOWN)
        .cause(GIVES_UP)?;
    for line in [&b"tom: wait\n"[..], b"tom: now\n"] {
        let sent = talk.server.send(line);
        sent.when(what).breaks(STILL_SHOWN).cause(GIVES_UP)?;
        let shown = talk
            .terminal
            .expect(line, "what the server still says should be shown");
        shown.when(what).breaks(STILL_SHOWN).cause(GIVES_UP)?;
    }
    thread::sleep(Duration::from_millis(20)); // the pace of the server
    let running = talk.attempt.still_runs().when(what);
    running.breaks(STILL_SHOWN).cause(GIVES_UP)?;
    let Talk {
        mut terminal,
        server,
        attempt,
    } = talk;
    drop(server);
    let ended = attempt
        .result()
        .when("typing had ended, then the server closed");
    ended
        .breaks(STILL_SHOWN)
        .cause("somebody still waits for the one or the other")?;
    let end = terminal.expect_end("the function has returned");
    end.breaks(BOTH_CLOSED)
        .cause("a thread that runs on keeps it, or a clone does")
}

fn ends_when_the_server_leaves(trial: &Trial, converse: Converse) -> Step {
    const WAITS: &str = "the thread that reads what is typed is waited for, and nobody wakes it: \
        shutdown(Shutdown::Both) on the terminal's stream does";
    const KEPT: &str = "a thread that still reads what is typed keeps it, or a clone does";
    for (breaks_off, what) in [
        (false, "the server closed, and nobody typed"),
        (
            true,
            "the server broke the connection off, and nobody typed",
        ),
    ] {
        let mut talk = Talk::begin(trial, converse)?;
        talk.types(b"hello\n")?;
        let ends = [talk.terminal.other_end(), talk.server.other_end()];
        talk.server.send(b"tom: I must go\n")?;
        if breaks_off {
            let shown = talk
                .terminal
                .expect(b"tom: I must go\n", "it should be shown");
            shown.breaks(BYTES).cause(TURNS)?;
            talk.server.reset();
        } else {
            drop(talk.server);
        }
        ends_typing_on_windows(&mut talk.terminal)?;
        talk.attempt
            .result()
            .when(what)
            .breaks(RETURNS)
            .cause(WAITS)?;
        if !breaks_off {
            let shown = talk
                .terminal
                .expect(b"tom: I must go\n", "its last words should be shown");
            shown
                .when(what)
                .breaks(SHOWN_BEFORE)
                .cause("the end is noticed before what came first")?;
        }
        let end = talk
            .terminal
            .expect_end("the function has returned")
            .when(what);
        end.breaks(BOTH_CLOSED).cause(KEPT)?;
        for end in ends {
            end.expect_closed()
                .when("the function has returned")
                .breaks(BOTH_CLOSED)
                .cause("a clone is kept, and a shutdown alone does not close")?;
        }
    }
    // Much is on the way when it closes, and the screen is slow.
    let mut talk = Talk::with_small_buffers(trial, converse)?;
    let said = stuff(&talk.server, PLENTY)?;
    drop(talk.server);
    let what = "the server had said a lot, and closed; the screen was read later";
    let shown = read_so_many(&mut talk.terminal, said).when(what);
    let shown = shown
        .breaks(SHOWN_BEFORE)
        .cause("what was read is not written to its end")?;
    if shown.len() != said {
        let what = format!("{what}: of {said} bytes {} were shown", shown.len());
        let fault = Fault::new(what).breaks(SHOWN_BEFORE);
        return Err(fault.cause("the end is noticed before what came first"));
    }
    ends_typing_on_windows(&mut talk.terminal)?;
    let returned = talk.attempt.result().when(what);
    returned.breaks(RETURNS).cause(WAITS).read(READ_THE_CODE)
}

/// There `shutdown` wakes nobody who waits in a read.
fn ends_typing_on_windows(terminal: &mut Peer) -> Step {
    if cfg!(windows) {
        return terminal.half_close();
    }
    Ok(())
}
