//! What the programs of one's own have to do, after they have said where they listen.

use std::net::SocketAddr;
use std::time::Duration;

use course::exercise::{Explain, Fault, Peer, Step as Checked, Trial};

/// The pace of a client that sends one byte after the other.
const GAP: Duration = Duration::from_millis(20);

/// A step, as the page calls it, and the scene that shows whether it is done.
#[derive(Clone, Copy)]
pub struct Step {
    pub title: &'static str,
    pub scene: fn(&Trial, SocketAddr) -> Checked,
}

/// The steps of a lesson's program.
pub fn steps(lesson: u16) -> &'static [Step] {
    match lesson {
        1 => COUNT,
        3 => TALLY,
        _ => MIRROR,
    }
}

const COUNT: &[Step] = &[
    Step {
        title: "It counts the bytes of a client, and answers when the client has finished.",
        scene: |trial, addr| {
            let mut client = trial.connect(addr)?;
            let cause = "it answers before read has returned 0";
            client.send(b"hel")?;
            nothing_yet(&mut client).cause(cause)?;
            client.send(b"lo").cause(cause)?;
            counted(&mut client, 5).cause(cause)
        },
    },
    Step {
        title: "It counts all of them, however many, and however they are cut.",
        scene: |trial, addr| {
            for bytes in [vec![], vec![0xff; 1], vec![b'\n'; 300_000]] {
                let mut client = trial.connect(addr)?;
                client.send(&bytes)?;
                counted(&mut client, bytes.len())?;
            }
            let mut client = trial.connect(addr)?;
            let cause = "it takes one read for a whole message";
            client.dribble(b"piece", GAP).cause(cause)?;
            counted(&mut client, 5).cause(cause)
        },
    },
    Step {
        title: "It serves one client after another.",
        scene: |trial, addr| {
            for n in 0..20 {
                let mut client = trial.connect(addr).cause("it ends after some clients")?;
                client.send(&vec![b'x'; n])?;
                counted(&mut client, n)?;
            }
            Ok(())
        },
    },
    Step {
        title: "It goes on when a client breaks the connection off.",
        scene: |trial, addr| {
            for _ in 0..3 {
                let mut client = trial.connect(addr)?;
                client.send(b"hello")?;
                client.reset();
            }
            let cause = "an error of one client ends the whole program";
            let mut client = trial
                .connect(addr)
                .when("after three clients that reset their connections")
                .cause(cause)?;
            client.send(b"hello")?;
            counted(&mut client, 5)
                .when("after three clients that reset their connections")
                .cause(cause)
        },
    },
];

/// Half-closes; the answer must be the number of bytes, and then the end.
fn counted(client: &mut Peer, bytes: usize) -> Checked {
    client.half_close()?;
    client.expect(
        format!("{bytes} bytes\n").as_bytes(),
        "when the client has half-closed, answer with the number of its bytes",
    )?;
    client
        .expect_end("behind the answer comes nothing more")
        .cause("the connection is still open, or more was written than the answer")
}

/// What answers too early mostly does so by now; if it is slower than that, its number is often too
/// small. A right program is never found wrong by it.
fn nothing_yet(client: &mut Peer) -> Checked {
    let stream = client.stream();
    let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
    match stream.peek(&mut [0]) {
        Ok(0) => Err(Fault::new(
            "after 'hel' was sent, and before the client had finished, you closed the connection",
        )),
        Ok(_) => Err(Fault::new(
            "after 'hel' was sent, an answer came before the client had finished",
        )),
        Err(_) => Ok(()), // it waits, as it should
    }
}

const TALLY: &[Step] = &[
    Step {
        title: "It answers a datagram with its number, a space and the same bytes.",
        scene: |trial, addr| {
            let mut client = trial.correspondent()?;
            client.send_to(b"hello", addr)?;
            let sender = client.expect(b"1 hello", "answer with '1 ' and the same bytes")?;
            if sender == addr {
                return Ok(());
            }
            let what = format!("the answer came from {sender}, and not from {addr}");
            Err(Fault::new(what).cause("it answers from a second socket"))
        },
    },
    Step {
        title: "It counts for each sender apart.",
        scene: |trial, addr| {
            let (mut a, mut b) = (trial.correspondent()?, trial.correspondent()?);
            let promise = "count the datagrams of this sender, and of no other";
            let cause = "one number for everybody: who sent it is what recv_from tells";
            for (client, text, answer) in [
                (0, "a", "1 a"),
                (0, "b", "2 b"),
                (1, "a", "1 a"),
                (0, "c", "3 c"),
                (1, "b", "2 b"),
            ] {
                let client = if client == 0 { &mut a } else { &mut b };
                client.send_to(text.as_bytes(), addr)?;
                client.expect(answer.as_bytes(), promise).cause(cause)?;
            }
            Ok(())
        },
    },
    Step {
        title: "It takes every datagram: the empty one, any bytes, 60,000 of them.",
        scene: |trial, addr| {
            let mut client = trial.correspondent()?;
            let datagrams = [
                (vec![], "it takes a datagram of 0 bytes for an end"),
                (
                    vec![0xff, 0, b'\n'],
                    "it takes the bytes for text, or cuts something off",
                ),
                (vec![b'x'; 60_000], "its buffer is too short"),
            ];
            for ((datagram, cause), number) in datagrams.iter().zip(1..) {
                client.send_to(datagram, addr)?;
                let answer = [format!("{number} ").as_bytes(), datagram].concat();
                let promise = "answer with the number and the same bytes";
                client.expect(&answer, promise).cause(cause)?;
            }
            Ok(())
        },
    },
    Step {
        title: "It goes on when a sender is gone.",
        scene: |trial, addr| {
            for _ in 0..20 {
                let mut client = trial.correspondent()?;
                client.send_to(b"bye", addr)?;
                drop(client); // its answer finds nobody
            }
            let mut client = trial.correspondent()?;
            client.send_to(b"hello", addr)?;
            let promise = "answer the next sender";
            let answered = client.expect(b"1 hello", promise);
            answered
                .map(|_| ())
                .when("after twenty senders that were gone before their answers")
                .cause("an error of send_to or recv_from ends the program")
        },
    },
];

const MIRROR: &[Step] = &[
    Step {
        title: "A frame comes back with its bytes in reverse order.",
        scene: |trial, addr| {
            let mut client = trial.connect(addr)?;
            client.send(&frame(b"hello"))?;
            let promise = "answer with a frame whose bytes are in reverse order";
            client
                .expect(&frame(b"olleh"), promise)
                .cause("the length is four bytes, the most significant one first")?;
            client.half_close()?;
            client.expect_end("behind the answer comes nothing more, and you close")
        },
    },
    Step {
        title: "However the bytes are cut, the frames are the same.",
        scene: |trial, addr| {
            let promise = "one answer for each frame, in their order";
            let bodies: [&[u8]; 4] = [b"one", b"", b"two", b"\xff\0"];
            let all: Vec<u8> = bodies.iter().flat_map(|body| frame(body)).collect();
            let answers: Vec<u8> = bodies.iter().flat_map(|body| mirrored(body)).collect();
            let mut client = trial.connect(addr)?;
            client.send(&all)?;
            client
                .expect(&answers, promise)
                .when("four frames in one write, the second of them empty")
                .cause("it takes one read for one frame, or an empty frame for the end")?;
            drop(client);
            let mut client = trial.connect(addr)?;
            let cause = "it takes one read for one frame";
            client.dribble(&frame(b"piece"), GAP).cause(cause)?;
            client
                .expect(&mirrored(b"piece"), promise)
                .when("a frame, one byte after the other")
                .cause(cause)?;
            drop(client);
            let mut client = trial.connect(addr)?;
            let long: Vec<u8> = (0..=255).cycle().take(100_000).collect();
            client.send(&frame(&long))?;
            client.expect(&mirrored(&long), promise)
        },
    },
    Step {
        title: "A frame of more than 1,048,576 bytes is refused: it closes at once.",
        scene: |trial, addr| {
            for length in [1_048_577_u32, u32::MAX] {
                let mut client = trial.connect(addr)?;
                client.send(&length.to_be_bytes())?;
                client
                    .expect_end("close, without an answer")
                    .when(&format!("a frame that claims to have {length} bytes"))
                    .cause("it believes the length, and waits for the bytes")?;
            }
            ordinary(trial, addr).cause("it ends with the client that it refuses")
        },
    },
    Step {
        title: "A client that leaves inside a frame gets no answer, and the next one is served.",
        scene: |trial, addr| {
            for cut in [2, 4, 6] {
                let mut client = trial.connect(addr)?;
                client.send(&frame(b"hello")[..cut])?;
                client.half_close()?;
                client
                    .expect_end("close, without an answer")
                    .when("a client that finishes inside a frame")
                    .cause("a half of a frame is taken for a frame")?;
                ordinary(trial, addr)
                    .when("after a client that finished inside a frame")
                    .cause("an error of one client ends the whole program")?;
            }
            let mut client = trial.connect(addr)?;
            client.send(&frame(b"hello")[..6])?;
            client.reset();
            ordinary(trial, addr)
                .when("after a client that reset its connection inside a frame")
                .cause("an error of one client ends the whole program")
        },
    },
];

fn ordinary(trial: &Trial, addr: SocketAddr) -> Checked {
    let mut client = trial.connect(addr)?;
    client.send(&frame(b"hello"))?;
    client.expect(&frame(b"olleh"), "an ordinary client is served")
}

/// Four bytes with the length, the most significant one first, and the bytes.
fn frame(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("the steps' frames are short");
    [&length.to_be_bytes()[..], body].concat()
}

fn mirrored(body: &[u8]) -> Vec<u8> {
    frame(&body.iter().rev().copied().collect::<Vec<_>>())
}
