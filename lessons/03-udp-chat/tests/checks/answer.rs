//! 3.1 Answer whoever wrote.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use course::exercise::{
    Attempt, Correspondent, Explain, Fault, Step, Trial, Verdict, around, check, own_address,
};

use super::{PREDICT, READ_THE_CODE, SHORT_BUFFER, SPINNING, SPINS};

pub type Answer = fn(&UdpSocket, usize);

const SAME: &str = "The answer to a datagram is one datagram";
const ADDRESS: &str = "It goes to the address";
const NOT_TEXT: &str = "The bytes need not be UTF-8";
const LENGTHS: &str = "A datagram has 0 to 65,507 bytes";
const AT_ONCE: &str = "Each answer goes out at once";
const RECEIVE_FAILS: &str = "When `recv_from` fails";
#[cfg(target_os = "linux")]
const SEND_FAILS: &str = "When `send_to` fails";
const RETURNS: &str = "When `datagrams` of them were answered";
const IDLE: &str = "Does not use the processor";

const NOBODY: &str = "docs/03-udp-chat.md: Nobody is there";
const TWO_PEOPLE: &str = "docs/03-udp-chat.md: Two people at once";

/// 3.1 Answer whoever wrote.
pub fn answer(answer: Answer) -> Verdict {
    check(move |trial| {
        answers_each_sender(trial, answer).read(TWO_PEOPLE)?;
        answers_the_empty_datagram(trial, answer).read(PREDICT)?;
        answers_every_length(trial, answer).read(SHORT_BUFFER)?;
        goes_on_after_errors(trial, answer).read(NOBODY)?;
        answers_ipv6(trial, answer).read(TWO_PEOPLE)?;
        answers_so_many(trial, answer).read(READ_THE_CODE)
    })
}

const LATER: &str = "the answers are kept until more datagrams have come, or only one datagram is \
    answered";
const BACK: &str = "each datagram should go back to its sender as it is";

/// Starts the function; it should return when it has answered so many datagrams.
fn start(trial: &Trial, answer: Answer, datagrams: usize) -> Step<(SocketAddr, Attempt<()>)> {
    let (socket, addr) = trial.socket()?;
    Ok((addr, trial.start(move || answer(&socket, datagrams))))
}

/// Sends a datagram and waits for its answer, which should come from where it was sent to.
fn asks(asker: &mut Correspondent, text: &[u8], addr: SocketAddr) -> Step {
    asker.send_to(text, addr)?;
    let from = asker.expect(text, BACK)?;
    if from == addr {
        return Ok(());
    }
    let what = format!("the answer to a datagram that was sent to {addr} came from {from}");
    Err(Fault::new(what)
        .cause("the answer is sent from another socket")
        .breaks(SAME))
}

fn answers_each_sender(trial: &Trial, answer: Answer) -> Step {
    const FIXED: &str = "the answer goes to a fixed address, such as that of the first sender, \
        and not to the address that recv_from gave with this datagram";
    const CONNECTED: &str = "what this sender writes does not arrive, because the socket was \
        connected with another one";
    let mut alice = trial.correspondent()?;
    let mut bob = trial.correspondent()?;
    let binary: Vec<u8> = (0..=255).collect();

    // One after another, each with an answer before the next.
    let (addr, attempt) = start(trial, answer, 7)?;
    let hello = b"hello, I am alice";
    if let Err(fault) = asks(&mut alice, hello, addr) {
        let shown = fault.to_string();
        return Err(if shown.contains("came       0 bytes") {
            fault
                .cause("the buffer has no room: Vec::with_capacity makes one of length 0")
                .breaks(LENGTHS)
                .read(SHORT_BUFFER)
        } else if shown.contains("is too many") {
            fault
                .cause("more than the n bytes that were received goes back")
                .breaks(SAME)
        } else {
            fault.cause(LATER).breaks(AT_ONCE)
        });
    }
    // Before more datagrams wait for a function that is slow.
    answers_at_once(trial, answer).read(READ_THE_CODE)?;
    for (text, bobs) in [
        (b"and I am bob".as_slice(), true),
        (b"alice again\n", false),
    ] {
        let (asker, other) = match bobs {
            true => (&mut bob, &mut alice),
            false => (&mut alice, &mut bob),
        };
        asks(asker, text, addr).map_err(|fault| {
            let shown = fault.to_string();
            if shown.contains("is missing") {
                return fault.cause("the text is trimmed").breaks(SAME);
            }
            if shown.contains("differs") {
                return fault.cause("a datagram is answered twice").breaks(SAME);
            }
            match other.receive_within(Duration::from_millis(1)) {
                Ok(Some(_)) => fault.cause(FIXED).breaks(ADDRESS),
                _ if attempt.has_ended() => fault.cause(LATER).breaks(RETURNS),
                _ => fault.cause(CONNECTED).breaks(ADDRESS),
            }
        })?;
    }
    asks(&mut alice, &binary, addr).map_err(|fault| {
        let cause = "the bytes are taken for text, and not all of them are";
        fault.cause(cause).breaks(NOT_TEXT)
    })?;
    attempt
        .still_runs()
        .cause("something is counted that is no datagram")
        .breaks(RETURNS)?;
    attempt
        .expect_idle(Duration::from_millis(100))
        .cause(SPINS)
        .breaks(IDLE)
        .read(SPINNING)?;

    // Several wait in the queue. The function may already be at work on the first.
    alice.send_to(b"one", addr)?;
    bob.send_to(b"two", addr)?;
    alice.send_to(b"three", addr)?;
    const QUEUE: &str =
        "an answer has to go to the sender of its own datagram, not of the last one";
    for (asker, text) in [
        (&alice, b"one".as_slice()),
        (&bob, b"two"),
        (&alice, b"three"),
    ] {
        asker.expect(text, BACK).cause(QUEUE).breaks(ADDRESS)?;
    }
    attempt
        .result()
        .when("7 datagrams were answered")
        .cause("a datagram is not counted")
        .breaks(RETURNS)?;
    for sender in [&alice, &bob] {
        sender
            .expect_nothing("each datagram should be answered once")
            .cause("a datagram is answered twice")
            .breaks(SAME)?;
    }

    #[cfg(target_os = "linux")] // elsewhere 127.0.0.2 is no address of this machine
    {
        let (addr, _attempt) = start(trial, answer, 1)?;
        let mut neighbour = trial.correspondent_at([127, 0, 0, 2].into(), 0)?;
        asks(&mut neighbour, b"I am at 127.0.0.2", addr)
            .cause("only the port is taken from the sender's address, and the IP address is fixed")
            .breaks(ADDRESS)?;
    }
    Ok(())
}

fn answers_the_empty_datagram(trial: &Trial, answer: Answer) -> Step {
    const END: &str = "a length of 0 is taken for the end, or for nothing";
    const TWICE: &str = "a datagram with the same bytes as the one before is not answered";
    let (addr, attempt) = start(trial, answer, 4)?;
    let mut alice = trial.correspondent()?;
    for (text, cause, sentence) in [
        (b"".as_slice(), END, LENGTHS),
        (b"still there?", END, LENGTHS),
        (b"still there?", TWICE, SAME),
        (b"", END, LENGTHS),
    ] {
        asks(&mut alice, text, addr).cause(cause).breaks(sentence)?;
    }
    attempt
        .result()
        .when("4 datagrams were answered, two of them empty")
        .cause("the empty datagram is not counted")
        .breaks(LENGTHS)
}

fn answers_every_length(trial: &Trial, answer: Answer) -> Step {
    const MOST: usize = 65_507;
    let bytes: Vec<u8> = (0..=250).cycle().take(MOST).collect();
    let mut lengths: Vec<usize> = around(MOST).into_iter().filter(|&n| n <= MOST).collect();
    lengths.extend([512, 1025, 1473, 4097, 9217, 32_769]);
    let (addr, attempt) = start(trial, answer, lengths.len())?;
    let mut alice = trial.correspondent()?;
    for n in lengths {
        asks(&mut alice, &bytes[..n], addr).map_err(|fault| {
            match alice.receive_within(Duration::from_millis(1)) {
                Ok(Some(_)) => fault
                    .cause("the answer goes back in pieces, and not as one datagram")
                    .breaks(SAME),
                _ => fault
                    .cause("the buffer is too short, so that the rest of a longer datagram is lost")
                    .breaks(LENGTHS),
            }
        })?;
        alice
            .expect_nothing("each datagram should be answered with one")
            .cause("a datagram is answered twice")
            .breaks(SAME)?;
    }
    attempt.result().breaks(RETURNS)
}

fn answers_at_once(trial: &Trial, answer: Answer) -> Step {
    const ROUNDS: usize = 20;
    let limit = trial.limit(Duration::from_millis(750));
    let (addr, attempt) = start(trial, answer, ROUNDS)?;
    let mut alice = trial.correspondent()?;
    let since = Instant::now();
    for round in 1..=ROUNDS {
        asks(&mut alice, format!("now, {round}?").as_bytes(), addr).map_err(|fault| {
            if fault.to_string().contains("differs") {
                return fault.cause("a datagram is answered twice").breaks(SAME);
            }
            fault.cause(LATER).breaks(match attempt.has_ended() {
                true => RETURNS,
                false => AT_ONCE,
            })
        })?;
        if limit.passed(since) {
            let what = format!("{round} datagrams, each after the last answer, took {limit}");
            return Err(Fault::new(what)
                .late()
                .cause("each answer waits for a while, whether more comes")
                .breaks(AT_ONCE));
        }
    }
    attempt.result().breaks(RETURNS)
}

fn goes_on_after_errors(trial: &Trial, answer: Answer) -> Step {
    const RECEIVE: &str = "an error of recv_from ends the loop, or is counted as a datagram";
    let mut alice = trial.correspondent()?;

    // Three leave before they can be answered, then recv_from fails several times. A busy machine
    // gives the function its turn late, so this waits until it has been seen to wait; whether it
    // may do otherwise is not asked here.
    let (socket, addr) = trial.socket()?;
    for number in 0..3 {
        // The late answer must not come to another check, which was given this port meanwhile.
        let mut gone = trial.correspondent_at(own_address(), 0)?;
        gone.send_to(format!("I leave, {number}").as_bytes(), addr)?;
    }
    let _ = socket.set_read_timeout(Some(Duration::from_millis(1)));
    let attempt = trial.start(move || answer(&socket, 4));
    let _ = attempt.expect_idle(Duration::from_millis(300));
    let what = "three had written and gone, and recv_from had failed with a timeout";
    let asked = asks(&mut alice, b"hello", addr);
    asked.when(what).cause(RECEIVE).breaks(RECEIVE_FAILS)?;
    let returned = attempt.result().when(what);
    returned
        .cause("an answer that finds nobody is not counted")
        .breaks(RETURNS)?;

    // Only a connected socket fails otherwise than by a timeout, so the check connects it, first
    // with nobody, then with Alice.
    #[cfg(target_os = "linux")]
    {
        let ours = |e| Fault::new(format!("the check could not make a socket fail: {e}"));
        let (socket, addr) = trial.socket()?;
        let window = socket.try_clone().map_err(ours)?;
        let attempt = trial.start(move || answer(&socket, 1));
        let nobody = course::Reserved::new().map_err(ours)?;
        window.connect(nobody.addr()).map_err(ours)?;
        window.send(b"is anybody there?").map_err(ours)?;
        let what = "recv_from had failed with ConnectionRefused (the check had made it fail)";
        let _ = attempt.expect_idle(Duration::from_millis(50));
        window.connect(alice.addr()).map_err(ours)?;
        let asked = asks(&mut alice, b"hello", addr);
        asked.when(what).cause(RECEIVE).breaks(RECEIVE_FAILS)?;
        attempt.result().when(what).breaks(RETURNS)?;
    }

    // Its sending half is closed, so nothing can be sent. Linux does that to a socket that is not
    // connected, too, although it says that it did not.
    #[cfg(target_os = "linux")]
    {
        let (socket, addr) = trial.socket()?;
        let window = socket.try_clone();
        let window = window.map_err(|e| Fault::new(format!("the check could not clone: {e}")))?;
        let _ = socket2::SockRef::from(&window).shutdown(std::net::Shutdown::Write);
        let _ = window.set_read_timeout(Some(Duration::from_millis(1)));
        let attempt = trial.start(move || answer(&socket, 3));
        let what = "send_to failed (the check had shut the socket's sending half down)";
        for number in 1..=3 {
            alice.send_to(b"hello", addr)?;
            let (since, patience) = (Instant::now(), trial.patience());
            while window.peek_from(&mut [0]).is_ok() && !attempt.has_ended() {
                if since.elapsed() > patience {
                    let what = format!("{what}: datagram {number} is not received");
                    return Err(Fault::new(what)
                        .late()
                        .cause("send_to is tried again until it works")
                        .breaks(SEND_FAILS));
                }
            }
            if number < 3 {
                let _ = attempt.expect_idle(Duration::from_millis(50));
                attempt
                    .still_runs()
                    .when(what)
                    .cause("an error of send_to ends the loop")
                    .breaks(SEND_FAILS)?;
            }
        }
        attempt
            .result()
            .when(what)
            .cause("a datagram whose answer could not be sent is not counted")
            .breaks(SEND_FAILS)?;
    }
    Ok(())
}

fn answers_so_many(trial: &Trial, answer: Answer) -> Step {
    let mut alice = trial.correspondent()?;
    let (socket, addr) = trial.socket()?;
    alice.send_to(b"hello", addr)?;
    let attempt = trial.start(move || answer(&socket, 0));
    let what = "the number of datagrams was 0, and one was there";
    let cause = "a datagram is received before the number is looked at";
    attempt.result().when(what).cause(cause).breaks(RETURNS)?;
    alice.expect_nothing(what).cause(cause).breaks(RETURNS)?;

    // It goes on for as long as the tests do.
    for datagrams in [usize::MAX, 1 << 16, (u32::MAX as usize).saturating_add(1)] {
        let (addr, _endless) = start(trial, answer, datagrams)?;
        asks(&mut alice, b"hello", addr)
            .when(&format!("the number of datagrams was {datagrams}"))
            .cause(
                "memory is set aside for all of them, or the number overflows or is made smaller",
            )
            .breaks(RETURNS)?;
    }
    Ok(())
}

fn answers_ipv6(trial: &Trial, answer: Answer) -> Step {
    let Ok(socket) = UdpSocket::bind("[::1]:0") else {
        return Ok(()); // this machine has no IPv6
    };
    let addr = socket.local_addr();
    let addr = addr.map_err(|e| Fault::new(format!("the check has no address: {e}")))?;
    let mut alice = trial.correspondent_at(addr.ip(), 0)?;
    let attempt = trial.start(move || answer(&socket, 1));
    asks(&mut alice, b"hello", addr)
        .when("both were at [::1]")
        .cause("only a sender with an IPv4 address is answered")
        .breaks(ADDRESS)?;
    attempt.result().breaks(RETURNS)
}
