//! Exercise 10.3: a pool of threads.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Instant;

use course::exercise::{Attempt, Explain, Fault, Peer, Step, TOTAL, Trial, Verdict, check};
use web_server::contract::{BUSY, Handler};

use super::{NO_PLACE, NewPool, READ_THE_CODE};

const AT_ONCE: &str = "`take` has the handler called";
const WAITS: &str = "If all are at work";
const IN_TURN: &str = "Those who wait get their turn";
const TOLD: &str = "If so many wait already";
const NOT_LOST: &str = "That is not lost by closing";
const NEVER_WAITS: &str = "`take` itself waits";
const CLOSED: &str = "The connection is closed";
const PANICS: &str = "A handler may panic";
const ENDS_ITS_OWN: &str = "That ends its connection";
const STOP_BUSY: &str = "`stop` sends `BUSY`";
const WOKEN: &str = "To a handler that waits in `read`";
const RETURNS: &str = "`stop` returns when";
const COUNTS: &str = "It returns how many";

/// 10.3 A pool of threads.
pub fn pool(pool: NewPool) -> Verdict {
    check(move |trial| {
        serves_so_many(trial, pool).read(READ_THE_CODE)?;
        turns_away(trial, pool).read(NO_PLACE)?;
        survives_panics(trial, pool).read(READ_THE_CODE)?;
        stops(trial, pool).read(READ_THE_CODE)?;
        stops_when_all_have_ended(trial, pool).read(READ_THE_CODE)
    })
}

/// What the pool is told, in the thread that has it.
enum Order {
    Take(TcpStream, Sender<()>),
    Stop,
}

struct Desk<'a> {
    trial: &'a Trial,
    orders: Sender<Order>,
    attempt: Attempt<usize>,
    most: Arc<(AtomicUsize, AtomicUsize)>,
}

struct Here(Arc<(AtomicUsize, AtomicUsize)>);

impl Drop for Here {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

const HELLO: &[u8] = b"hello\n";
const BYE: &[u8] = b"bye\n";

/// Greets, sends back each line, and says goodbye at the end; panics at the line `boom`.
fn handler(most: Arc<(AtomicUsize, AtomicUsize)>) -> Handler {
    Arc::new(move |mut stream: &TcpStream| {
        let now = most.0.fetch_add(1, Ordering::SeqCst) + 1;
        most.1.fetch_max(now, Ordering::SeqCst);
        let _here = Here(Arc::clone(&most));
        let _ = stream.set_read_timeout(Some(TOTAL * 10)); // never for ever
        let mut lines = BufReader::new(stream);
        let _ = stream.write_all(HELLO);
        let mut line = Vec::new();
        while let Ok(1..) = lines.read_until(b'\n', &mut line) {
            if line == b"boom\n" {
                // A panic like any other, but without the lines on stderr.
                panic::resume_unwind(Box::new("boom"));
            }
            let _ = stream.write_all(&line);
            line.clear();
        }
        let _ = stream.write_all(BYE);
    })
}

impl<'a> Desk<'a> {
    fn open(trial: &'a Trial, new: NewPool, workers: usize, waiting: usize) -> Desk<'a> {
        let most = Arc::default();
        let handle = handler(Arc::clone(&most));
        Desk::with(trial, new, workers, waiting, handle, most)
    }

    fn with(
        trial: &'a Trial,
        new: NewPool,
        workers: usize,
        waiting: usize,
        handle: Handler,
        most: Arc<(AtomicUsize, AtomicUsize)>,
    ) -> Desk<'a> {
        let (orders, ordered) = mpsc::channel();
        let attempt = trial.start(move || {
            let mut pool = new(workers, waiting, handle);
            for order in ordered {
                match order {
                    Order::Take(stream, taken) => {
                        pool.take(stream);
                        let _ = taken.send(());
                    }
                    Order::Stop => return pool.stop(),
                }
            }
            0 // the check is over
        });
        Desk {
            trial,
            orders,
            attempt,
            most,
        }
    }

    /// Hands a connection in, on which this was sent already.
    fn take(&self, sent: &[u8]) -> Step<Peer> {
        let (mut peer, stream) = self.trial.pair()?;
        if !sent.is_empty() {
            peer.send(sent)?;
        }
        let (taken, wait) = mpsc::channel();
        let _ = self.orders.send(Order::Take(stream, taken));
        if wait.recv_timeout(self.trial.patience()).is_ok() {
            return Ok(peer);
        }
        if self.attempt.has_ended() {
            self.attempt.result()?;
        }
        Err(Fault::new("`take` did not return")
            .late()
            .breaks(NEVER_WAITS)
            .cause(TAKE_WAITS))
    }

    fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
    }

    fn stopped(&self, what: &str, panicked: usize) -> Step {
        let counted = self.attempt.result().when(what);
        let counted = counted
            .breaks(RETURNS)
            .cause("a thread is joined that nobody wakes, or that waits for a client which was turned away, \
                as long as it likes")?;
        if counted == panicked {
            return Ok(());
        }
        Err(Fault::new(format!(
            "{what}: {panicked} handlers had panicked, and `stop` returned {counted}"
        ))
        .breaks(COUNTS)
        .cause("not each panic is counted, once: also those long ago"))
    }
}

const TAKE_WAITS: &str = "it sends into a channel that is full, or waits for the client that it \
    turns away";
const ONE_BY_ONE: &str = "the threads work one after the other: the lock of the queue is held while \
    a handler is at work, as in `while let Ok(…) = receiver.lock().unwrap().recv()`; or a queue of \
    so many is full before a free thread has come to it; or the count is off by one";
const BACK: &str = "a place that has become free is not counted as free";

fn greeted(peer: &mut Peer, what: &str) -> Step {
    peer.expect(HELLO, "its handler should be called")
        .when(what)
}

fn talks(peer: &mut Peer, what: &str) -> Step {
    peer.send(b"are you there?\n")?;
    peer.expect(b"are you there?\n", "its handler should answer")
        .when(what)
}

fn leaves(mut peer: Peer, what: &str) -> Step {
    peer.half_close()?;
    peer.expect(BYE, "its handler says goodbye").when(what)?;
    peer.expect_end("the connection should be closed")
        .when(what)
        .breaks(CLOSED)
        .cause("the pool keeps it, or a clone of it, when its handler has ended")
}

fn told_busy(mut peer: Peer, what: &str) -> Step {
    const LOST: &str = "it closes while the request is unread, which sends RST; half-close, and read \
        on in another thread";
    peer.expect(BUSY, "it should be sent BUSY")
        .when(what)
        .breaks(TOLD)
        .cause("the queue has no limit, or another one, or nothing is sent, or only later")?;
    peer.expect_end("then it should see the end")
        .when(what)
        .breaks(NOT_LOST)
        .cause(LOST)?;
    peer.half_close().breaks(NOT_LOST).cause(LOST)?;
    peer.expect_no_reset("the connection should end in order")
        .when(what)
        .breaks(NOT_LOST)
        .cause(LOST)
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

const OUT_OF_TURN: &str = "the queue is a stack, or a thread that is free waits for something else; \
    or the queue is full before a free thread has come to it";

fn serves_so_many(trial: &Trial, new: NewPool) -> Step {
    for (workers, waiting) in [(1, 1), (3, 2), (2, 1)] {
        // All at once, before a thread can have begun.
        let desk = Desk::open(trial, new, workers, waiting);
        let mut inside = Vec::new();
        for _ in 0..workers + waiting {
            inside.push(desk.take(b"")?);
        }
        let what = format!("{workers} threads, a queue for {waiting}, as many connections");
        let mut queued = inside.split_off(workers);
        for peer in &mut inside {
            greeted(peer, &what).breaks(AT_ONCE).cause(ONE_BY_ONE)?;
        }
        for peer in inside.iter_mut().rev() {
            talks(peer, &what).breaks(AT_ONCE).cause(ONE_BY_ONE)?;
        }
        // One leaves, and the first of those who wait comes in.
        while !queued.is_empty() {
            leaves(inside.remove(0), &what)?;
            let mut next = queued.remove(0);
            greeted(
                &mut next,
                "a handler had ended, and this one waited longest",
            )
            .breaks(if waiting == 1 { WAITS } else { IN_TURN })
            .cause(OUT_OF_TURN)?;
            inside.push(next);
        }
        for peer in inside {
            leaves(peer, &what)?;
        }
        // And again: what has ended does not count any more.
        let mut again = desk.take(b"")?;
        greeted(&mut again, "all had left")
            .breaks(AT_ONCE)
            .cause(BACK)?;
        leaves(again, &what)?;
        let most = desk.most.1.load(Ordering::SeqCst);
        if most > workers {
            return Err(
                Fault::new(format!("{what}: {most} handlers were at work at once"))
                    .breaks(AT_ONCE)
                    .cause("each connection has a thread of its own, or there are too many"),
            );
        }
        desk.stop();
        desk.stopped(&what, 0)?;
    }
    Ok(())
}

fn turns_away(trial: &Trial, new: NewPool) -> Step {
    const SILENT: usize = 30;
    let desk = Desk::open(trial, new, 1, 1);
    let what = "1 thread was at work, and 1 connection waited";
    let mut inside = desk.take(b"")?;
    greeted(&mut inside, what)?;
    let mut second = desk.take(b"")?;
    // Whoever has a queue without end, or one too long, does not tell these.
    for sent in [b"".as_slice(), REQUEST, &[b'x'; 20_000]] {
        told_busy(desk.take(sent)?, what)?;
    }
    // They neither close nor finish, and hold up nobody.
    let mut silent = Vec::new();
    let started = Instant::now();
    for _ in 0..SILENT {
        silent.push(desk.take(REQUEST)?);
        if started.elapsed() > trial.patience() {
            return Err(Fault::new(format!(
                "{SILENT} clients were turned away that do not close, and `take` was held up"
            ))
            .late()
            .breaks(NEVER_WAITS)
            .cause(TAKE_WAITS));
        }
    }
    for peer in silent.iter_mut().rev() {
        peer.expect(BUSY, "it should be sent BUSY at once")
            .when(what)
            .breaks(TOLD)
            .cause("it is told only when those before it have closed")?;
    }
    talks(&mut inside, "others were turned away")?;
    leaves(inside, "others were turned away")?;
    greeted(&mut second, "the one before it had left")
        .breaks(WAITS)
        .cause("who waits is lost, or a thread that is free waits for something else")?;
    leaves(second, what)?;
    desk.stop();
    desk.stopped("30 who were turned away have not closed", 0)
}

fn survives_panics(trial: &Trial, new: NewPool) -> Step {
    const DEAD: &str = "a panic ends the pool's thread, or poisons a lock, or its place is not given \
        back";
    let desk = Desk::open(trial, new, 2, 1);
    let mut bystander = desk.take(b"")?;
    greeted(&mut bystander, "it was the first")?;
    for _ in 0..5 {
        let mut peer = desk.take(b"")?;
        greeted(&mut peer, "a thread was free")
            .breaks(ENDS_ITS_OWN)
            .cause(DEAD)?;
        peer.send(b"boom\n")?;
        peer.expect_end("when the handler has panicked, the connection should be closed")
            .breaks(PANICS)
            .cause("the pool keeps it, or a clone of it")?;
    }
    talks(&mut bystander, "others had panicked")
        .breaks(ENDS_ITS_OWN)
        .cause(DEAD)?;
    desk.stop();
    bystander
        .expect(BYE, "its handler should read 0 and say goodbye")
        .breaks(WOKEN)
        .cause(NOT_WOKEN)?;
    desk.stopped("5 handlers had panicked", 5)
}

const NOT_WOKEN: &str = "nobody wakes a handler that waits in `read`: shutdown(Read) does; or the \
    connection is closed in both directions, and its last words are lost";

fn stops(trial: &Trial, new: NewPool) -> Step {
    let desk = Desk::open(trial, new, 2, 2);
    let what = "2 were at work and 2 waited when `stop` was called";
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(desk.take(b"")?);
    }
    let waiting = all.split_off(2);
    for peer in &mut all {
        greeted(peer, what)?;
    }
    desk.stop();
    for mut peer in waiting {
        peer.expect(BUSY, "it should be sent BUSY")
            .when(what)
            .breaks(STOP_BUSY)
            .cause("who waits is closed without a word, or still served, or waited for")?;
        peer.expect_end("then it should see the end")
            .when(what)
            .breaks(STOP_BUSY)
            .cause("who waits is still served")?;
        let _ = peer.half_close();
    }
    for peer in &mut all {
        peer.expect(BYE, "its handler should read 0 and say goodbye")
            .when(what)
            .breaks(WOKEN)
            .cause(NOT_WOKEN)?;
        peer.expect_end("then it should see the end").when(what)?;
    }
    desk.stopped(what, 0)
}

/// A handler that is busy with something else than its client.
fn stops_when_all_have_ended(trial: &Trial, new: NewPool) -> Step {
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let handle: Handler = Arc::new(move |mut stream: &TcpStream| {
        let _ = stream.write_all(HELLO);
        // Until the check says so, or is over.
        if let Ok(released) = released.lock() {
            let _ = released.recv();
        }
        let _ = stream.write_all(BYE);
    });
    let desk = Desk::with(trial, new, 1, 1, handle, Arc::default());
    let what = "a handler was busy when `stop` was called";
    let mut peer = desk.take(b"")?;
    greeted(&mut peer, what)?;
    desk.stop();
    // Long enough for a `stop` that waits for nobody.
    desk.attempt
        .expect_idle(std::time::Duration::from_millis(50))
        .when(what)?;
    desk.attempt
        .still_runs()
        .when(what)
        .breaks(RETURNS)
        .cause("the threads are not joined")?;
    drop(release);
    peer.expect(BYE, "its handler still writes")
        .when(what)
        .breaks(WOKEN)
        .cause(NOT_WOKEN)?;
    desk.stopped(what, 0)
}
