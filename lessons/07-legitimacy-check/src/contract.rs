//! What only the exercises need.

use std::io;

use crate::{ANSWER_LEN, Key};

/// What the exercises may do with a key: have a message answered, and have an answer checked.
///
/// A [`Key`] can do both. The checks hand over one that also notes what it was asked: nobody can
/// measure reliably whether an answer was compared in constant time, but who asked
/// [`accepts`](Secret::accepts) can be seen.
pub trait Secret: Send + Sync {
    /// The answer to a message of any length.
    fn answer(&self, message: &[u8]) -> [u8; ANSWER_LEN];

    /// Whether this is the answer to the message, compared in constant time.
    fn accepts(&self, message: &[u8], answer: &[u8; ANSWER_LEN]) -> bool;
}

impl Secret for Key {
    fn answer(&self, message: &[u8]) -> [u8; ANSWER_LEN] {
        Key::answer(self, message)
    }

    fn accepts(&self, message: &[u8], answer: &[u8; ANSWER_LEN]) -> bool {
        Key::accepts(self, message, answer)
    }
}

/// Why somebody is not legitimate, in exercises 7.2 and 7.3.
#[derive(Debug)]
pub enum Refusal {
    /// The answer is whole, and wrong.
    WrongAnswer,
    /// The time was over before everything had come.
    TimedOut,
    /// The other side closed too early, or broke off.
    Gone(io::Error),
}
