//! What "right" means for each exercise of lesson 10: functions to which any solution is handed.

use std::io;
use std::net::TcpStream;

use course::exercise::{Fault, Step, Trial, Verdict, check};

pub type First = fn(TcpStream) -> io::Result<()>;
pub type Second = fn(TcpStream) -> io::Result<()>;
pub type Third = fn(TcpStream) -> io::Result<()>;

/// 10.1 The first.
pub fn first(first: First) -> Verdict {
    check(move |trial| scene(trial, first))
}

/// 10.2 The second.
pub fn second(second: Second) -> Verdict {
    check(move |trial| scene(trial, second))
}

/// 10.3 The third.
pub fn third(third: Third) -> Verdict {
    check(move |trial| scene(trial, third))
}

/// TO WRITE: a scene for every sentence of the contract.
fn scene(trial: &Trial, function: First) -> Step {
    let (peer, stream) = trial.pair()?;
    let attempt = trial.start(move || function(stream));
    drop(peer);
    let returned = attempt.result()?;
    Err(Fault::new(format!("TO WRITE: is {returned:?} right?")))
}
