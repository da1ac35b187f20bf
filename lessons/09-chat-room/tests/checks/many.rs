//! Exercise 9.3: an echo server for many clients in one thread.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chat_room::MAX_WAITING;
use course::exercise::{Attempt, Explain, Fault, Peer, Step, Trial, Verdict, check, compare, show};

use super::{Echo, stuff};

const THE_IDEA: &str = "docs/09-chat-room.md: The idea";
const READ_THE_CODE: &str = "docs/09-chat-room.md: Read the code";
const THE_QUEUE: &str = "docs/09-chat-room.md: The write queue";
const NOT_READ: &str = "docs/09-chat-room.md: Who does not read";
const SPIN: &str = "docs/09-chat-room.md: The loop that spins";

const ACCEPTS: &str = "Accepts `clients` clients";
const BYTES: &str = "Every client gets back";
const NO_HOLDING: &str = "No client holds up";
const LIMIT: &str = "When [`MAX_WAITING`]";
const FINISHED: &str = "When a client has finished";
const CLOSED: &str = "Then its connection is closed";
const BREAKS: &str = "When a connection breaks";
const IDLE: &str = "While there is nothing to do";
const RETURNS: &str = "Returns when `clients`";

/// 9.3 An echo server in one thread.
pub fn echo(echo: Echo) -> Verdict {
    check(move |trial| {
        serves_many(trial, echo).read(THE_IDEA)?;
        is_not_held_up(trial, echo).read(NOT_READ)?;
        goodbye_comes_last(trial, echo).read(READ_THE_CODE)?;
        sends_everything_back(trial, echo).read(THE_QUEUE)?;
        survives_rude_clients(trial, echo).read(READ_THE_CODE)?;
        is_not_flooded(trial, echo).read(READ_THE_CODE)
    })
}

struct Server {
    addr: SocketAddr,
    attempt: Attempt<()>,
}

impl Server {
    /// Each connection has small buffers, so that the queues of the function are used.
    fn start(trial: &Trial, echo: Echo, clients: usize) -> Step<Server> {
        let (listener, addr) = trial.listen_with_buffers(8 * 1024)?;
        let attempt = trial.start(move || echo(&listener, clients));
        Ok(Server { addr, attempt })
    }

    fn client(&self, trial: &Trial) -> Step<Peer> {
        let came = trial.connect_with_buffers(self.addr, 8 * 1024);
        came.breaks(ACCEPTS)
            .cause("the function returns too early, and drops the listener")
    }

    fn still_runs(&self, what: &str) -> Step {
        let runs = self.attempt.still_runs().when(what).breaks(RETURNS);
        runs.cause("it returns when all were accepted, not when all have left")
    }

    fn ends(&self, what: &str) -> Step {
        let ended = self.attempt.result().when(what);
        ended.breaks(RETURNS).cause(
            "a client that has left is still in the list, or Ok(0) is not looked at, or a \
             connection that broke is kept",
        )
    }
}

const ALONE: &str = "clients wait for each other: a blocking read or write, on a stream without \
    set_nonblocking, or a loop that stays with one client; or events went to the wrong client";

fn talk(
    client: &mut Peer,
    bytes: &[u8],
    who: &str,
    (sentence, cause): (&'static str, &str),
) -> Step {
    let sent = client.send(bytes);
    let talked = sent.and_then(|()| client.expect(bytes, "every byte should come back"));
    talked.when(who).breaks(sentence).cause(cause)
}

fn leave(mut client: Peer, who: &str) -> Step {
    client.half_close()?;
    let end = client
        .expect_end("it has finished, and has got everything")
        .when(who);
    end.breaks(CLOSED)
        .cause("Ok(0) is not looked at, or the stream is kept somewhere")
}

const SPINS: &str = "a busy loop: poll is asked for OUT while nothing waits, or for IN after the \
    end or while too much waits, or it is not used at all";

fn idle(server: &Server, what: &str) -> Step {
    let idle = server.attempt.expect_idle(Duration::from_millis(150));
    idle.when(what).breaks(IDLE).cause(SPINS).read(SPIN)
}

fn serves_many(trial: &Trial, echo: Echo) -> Step {
    const MANY: usize = 20;
    let server = Server::start(trial, echo, MANY)?;
    idle(&server, "nobody had come")?;
    let mut clients = Vec::new();
    for _ in 0..MANY {
        clients.push(server.client(trial)?);
    }
    let mut outside = trial.connect(server.addr)?; // one too many
    outside.send(b"let me in")?;
    let mut silent = clients.remove(0);
    for (i, client) in clients.iter_mut().enumerate().rev() {
        let who = format!("client {} of {MANY}", i + 2);
        let talked = talk(client, b"hello\n", &who, (NO_HOLDING, ALONE));
        if talked.is_err() {
            server.still_runs(&who)?;
        }
        talked?;
    }
    idle(&server, "20 clients were there, and none said anything")?;
    for (i, client) in clients.iter_mut().enumerate() {
        client.send(&[b'a', i as u8, 0xff])?;
    }
    for (i, client) in clients.iter_mut().enumerate() {
        let back = client.expect(&[b'a', i as u8, 0xff], "every byte should come back");
        back.when("19 clients spoke at once")
            .breaks(BYTES)
            .cause(ALONE)?;
    }
    // Those who stay speak in the moment in which others leave.
    while clients.len() > 3 {
        let leaving = clients.remove(clients.len() / 3);
        leaving.half_close_and(&mut clients)?;
        leave_now(leaving)?;
    }
    server.still_runs("four clients were still there")?;
    talk(
        &mut silent,
        b"here I am",
        "the client that had been silent",
        (NO_HOLDING, ALONE),
    )?;
    // It has waited in the queue behind the others. They were served again and again.
    let _ = outside.stream().set_nonblocking(true);
    let mut buffer = [0; 16];
    if let Ok(n @ 1..) = outside.stream().read(&mut buffer) {
        let got = show(&buffer[..n]);
        let what = format!("{MANY} clients were to be accepted; one more got {got}");
        let cause = "the listener is still in the list when all have come";
        return Err(Fault::new(what).breaks(ACCEPTS).cause(cause));
    }
    clients.push(silent);
    for client in clients {
        leave(client, "one of the last clients")?;
    }
    server.ends("all had left")
}

trait HalfCloseAnd {
    fn half_close_and(&self, others: &mut [Peer]) -> Step;
}

impl HalfCloseAnd for Peer {
    /// Half-closes, and all others speak.
    fn half_close_and(&self, others: &mut [Peer]) -> Step {
        for other in others.iter_mut() {
            other.send(b"bye")?;
        }
        let _ = self.stream().shutdown(std::net::Shutdown::Write);
        for other in others {
            other.send(b", bye\n")?;
            let back = other.expect(b"bye, bye\n", "every byte should come back");
            back.when("somebody left while the others spoke")
                .breaks(BYTES)
                .cause(ALONE)?;
        }
        Ok(())
    }
}

fn leave_now(mut client: Peer) -> Step {
    let end = client
        .expect_end("it has finished")
        .when("others were speaking");
    end.breaks(CLOSED)
        .cause("Ok(0) is not looked at, or the stream is kept somewhere")
}

fn sends_everything_back(trial: &Trial, echo: Echo) -> Step {
    const LOST: &str = "what a write does not take is lost (write_all on a non-blocking socket), or \
        comes twice, or WouldBlock is taken for an error";
    let server = Server::start(trial, echo, 4)?;
    let bytes: Vec<u8> = (0..500_000_u32)
        .map(|i| (i.wrapping_mul(i) / 7) as u8)
        .collect();
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(server.client(trial)?);
    }
    let what = "4 clients sent 500 KB each and read it, at the same time";
    thread::scope(|scope| {
        let exchanges = clients
            .iter_mut()
            .map(|client| scope.spawn(|| client.exchange(&bytes, bytes.len())));
        for exchange in exchanges.collect::<Vec<_>>() {
            let ours = |_| Err(Fault::new("the check panicked: this is our bug"));
            let came = exchange.join().unwrap_or_else(ours);
            let came = came.when(what).breaks(BYTES).cause(LOST)?;
            let same = compare(&bytes, &came).map_err(Fault::new);
            same.when(what).breaks(BYTES).cause(LOST)?;
        }
        Ok(())
    })?;
    drop(clients);
    server.ends(what)
}

/// Who has finished gets what waits for it, whenever it reads.
fn goodbye_comes_last(trial: &Trial, echo: Echo) -> Step {
    const SIZE: usize = 40_000; // less than may wait, and more than the buffers hold
    let server = Server::start(trial, echo, 4)?;
    let mut other = server.client(trial)?;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(server.client(trial)?);
    }
    let what = "a client sent 40 KB, half-closed, and read later";
    let mut sent = Vec::new();
    for client in &mut clients {
        sent.push(stuff(client, SIZE)?);
        client.half_close()?;
    }
    idle(&server, what)?;
    const BLOCKS: &str = "what waits for a client that has finished is written with a write that \
        blocks, and it does not read";
    let who = "another one, while a client that had half-closed did not read";
    talk(&mut other, b"hello\n", who, (NO_HOLDING, BLOCKS))?;
    leave(other, who)?;
    for (mut client, sent) in clients.into_iter().zip(sent) {
        let came = client.read_to_end(SIZE + 1).when(what);
        let came = came
            .breaks(CLOSED)
            .cause("its connection is not closed when all is written")?;
        if came.len() != sent {
            let what = format!(
                "{what}: it got {} of {sent} bytes, then the end",
                came.len()
            );
            let cause = "it is closed at Ok(0), although something waits for it";
            return Err(Fault::new(what).breaks(FINISHED).cause(cause));
        }
    }
    server.ends(what)
}

fn is_not_held_up(trial: &Trial, echo: Echo) -> Step {
    const HELD: &str = "a write waits for a client that does not read: its stream is blocking \
        (on Linux it does not have that from the listener), or a loop waits for it";
    const NO_LIMIT: &str = "it is read from although 64 KiB wait for it: the queue has no limit, or \
        what waits is thrown away";
    // What waits, what the buffers hold, and plenty of room.
    const ENOUGH: usize = 20 * MAX_WAITING;
    let server = Server::start(trial, echo, 2)?;
    let (mut other, mut deaf) = (server.client(trial)?, server.client(trial)?);
    talk(
        &mut deaf,
        b"hello\n",
        "a client that will not read any more",
        (NO_HOLDING, ALONE),
    )?;
    // It sends until nothing more is taken, while another client is served a hundred times.
    let ours = |e| Fault::new(format!("the check could not use its socket: {e}"));
    deaf.stream().set_nonblocking(true).map_err(ours)?;
    let (mut sent, mut stalled) = (0, 0);
    while stalled < 100 {
        match deaf.stream().write(&pattern(sent, 4096)) {
            Ok(n) => (sent, stalled) = (sent + n, 0),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                stalled += 1;
                let who = "while another client did not read what came back";
                talk(&mut other, b"are you there?\n", who, (NO_HOLDING, HELD))?;
            }
            Err(error) => {
                let what = format!("a client sent and did not read, and was dropped: {error}");
                let cause = "a write that would block is taken for an error";
                return Err(Fault::new(what).breaks(LIMIT).cause(cause));
            }
        }
        if sent > ENOUGH {
            let what = format!("a client that read nothing could send {sent} bytes, and more");
            return Err(Fault::new(what).breaks(LIMIT).cause(NO_LIMIT));
        }
    }
    deaf.stream().set_nonblocking(false).map_err(ours)?;
    idle(
        &server,
        "one client did not read, and the other one was silent",
    )?;
    // It reads again, sends on, and loses nothing.
    let what = "a client read again after a long time";
    let back = deaf.expect(&pattern(0, sent), "every byte should come back");
    let cause = "what a write does not take is lost, or nothing asks for IN again when there is room, \
        or for OUT while something waits";
    back.when(what).breaks(BYTES).cause(cause)?;
    talk(&mut deaf, b"I am back", what, (BYTES, cause))?;
    leave(deaf, what)?;
    leave(other, "the other client")?;
    server.ends("both had left")
}

/// Bytes of which each place has its own.
fn pattern(from: usize, length: usize) -> Vec<u8> {
    (from..from + length)
        .map(|i| (i.wrapping_mul(i) / 7) as u8)
        .collect()
}

fn survives_rude_clients(trial: &Trial, echo: Echo) -> Step {
    const SPREADS: &str = "the trouble of one client ends the function, or the round: a `?`, a \
        return, an unwrap; or the broken connection stays in the list";
    let server = Server::start(trial, echo, 13)?;
    let mut other = server.client(trial)?;
    for round in 0..4 {
        let mut client = server.client(trial)?;
        if cfg!(not(target_os = "linux")) {
            // Elsewhere `accept` may fail for one that has reset before, and nobody counts it.
            talk(&mut client, b"hi\n", "a client", (BREAKS, SPREADS))?;
        }
        client.reset();
        let mut client = server.client(trial)?;
        talk(
            &mut client,
            b"hello\n",
            "a client that will reset",
            (BREAKS, SPREADS),
        )?;
        client.send(b"unread")?;
        client.reset();
        let mut client = server.client(trial)?;
        // It has finished, something waits for it, and then it breaks off.
        stuff(&client, 40_000)?;
        client.half_close()?;
        talk(
            &mut other,
            b"still here",
            "another client",
            (BREAKS, SPREADS),
        )?;
        client.reset();
        let who = format!(
            "after {} clients had reset their connections, another client",
            3 * round + 3
        );
        talk(&mut other, b"and here", &who, (BREAKS, SPREADS))?;
    }
    let running = server
        .attempt
        .still_runs()
        .when("12 of 13 clients had reset their connections");
    running.breaks(BREAKS).cause(SPREADS)?;
    idle(&server, "12 of 13 clients had reset their connections")?;
    leave(other, "the last client, after 12 resets")?;
    server.ends("12 clients had reset their connections, and the last one had left")
}

/// One sends without end, and reads all of it.
fn is_not_flooded(trial: &Trial, echo: Echo) -> Step {
    let server = Server::start(trial, echo, 2)?;
    let (flooder, mut other) = (server.client(trial)?, server.client(trial)?);
    let over = AtomicBool::new(false);
    let ours = |e| Fault::new(format!("the check could not clone its socket: {e}"));
    let mut sender: TcpStream = flooder.stream().try_clone().map_err(ours)?;
    let mut reader: TcpStream = flooder.stream().try_clone().map_err(ours)?;
    let _ = sender.set_write_timeout(Some(Duration::from_millis(500)));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut sent = Ok(());
            while !over.load(Ordering::SeqCst) && sent.is_ok() {
                sent = sender.write_all(&[b'x'; 4096]);
            }
            let _ = sender.shutdown(std::net::Shutdown::Both);
        });
        scope.spawn(|| {
            let mut buffer = [0; 16 * 1024];
            while let Ok(1..) = reader.read(&mut buffer) {}
        });
        let served = (0..20).try_for_each(|_| {
            talk(
                &mut other,
                b"are you there?\n",
                "while another client sent and read without end",
                (NO_HOLDING, ALONE),
            )
        });
        over.store(true, Ordering::SeqCst);
        served
    })?;
    drop(flooder);
    leave(other, "the other client")?;
    server.ends("one had sent without end, and both had left")
}
