//! Keys that note what they are asked.

use std::sync::{Mutex, MutexGuard};

use course::exercise::{Explain, Fault, Step, show};
use legitimacy_check::contract::Secret;
use legitimacy_check::{ANSWER_LEN, Key};

pub struct Watched {
    /// The key, for the check's own use, which is not noted.
    pub key: Key,
    /// What `answer` uses instead, where only `accepts` should be asked.
    decoy: Option<Key>,
    asked: Mutex<Vec<Question>>,
    computed: Mutex<Vec<Vec<u8>>>,
}

/// What `accepts` was asked: a message and an answer.
type Question = (Vec<u8>, [u8; ANSWER_LEN]);

impl Watched {
    pub fn new() -> Watched {
        Watched {
            key: Key::new(b"the check's own key, of 33 bytes.").expect("it is not empty"),
            decoy: None,
            asked: Mutex::default(),
            computed: Mutex::default(),
        }
    }

    /// One whose `accepts` takes what its `answer` does not give.
    pub fn for_comparing_only() -> Watched {
        let decoy = Key::new(b"another key");
        Watched {
            decoy,
            ..Watched::new()
        }
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Question>> {
        self.asked.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Checks that the answer to this nonce was not computed, in order to compare it.
    pub fn was_not_computed(&self, nonce: &[u8], what: &str) -> Step {
        let computed = self.computed.lock().unwrap_or_else(|e| e.into_inner());
        if !computed.iter().any(|message| message == nonce) {
            return Ok(());
        }
        Err(Fault::new(format!(
            "{what}: you had `answer` compute the answer to the nonce"
        )))
        .cause(OWN)
    }

    /// Checks that `accepts` was asked about this nonce since the last time, if it had to be: its
    /// own comparison takes equally long for every answer.
    pub fn was_asked(&self, nonce: &[u8], what: &str, had_to: bool) -> Step {
        let asked = std::mem::take(&mut *self.asked());
        if !had_to || asked.iter().any(|(message, _)| message == nonce) {
            return Ok(());
        }
        let seen = match asked.first() {
            None => "was not asked at all".to_owned(),
            Some((message, _)) => format!("was asked about {}, not the nonce", show(message)),
        };
        Err(Fault::new(format!("{what}: you decided, but `accepts` {seen}")).cause(OWN))
    }

    /// Checks that `accepts` was asked about this proof.
    pub fn was_shown(&self, proof: &[u8], what: &str) -> Step {
        if self.asked().iter().any(|(_, answer)| answer == proof) {
            return Ok(());
        }
        Err(Fault::new(format!(
            "{what}: it was decided, but `accepts` was not asked about that proof"
        ))
        .cause(OWN))
    }
}

const OWN: &str = "the answer is computed and compared with ==, which may stop at the first byte \
    that differs, so that its time tells how many were right";

impl Secret for Watched {
    fn answer(&self, message: &[u8]) -> [u8; ANSWER_LEN] {
        let mut computed = self.computed.lock().unwrap_or_else(|e| e.into_inner());
        computed.push(message.to_vec());
        self.decoy.as_ref().unwrap_or(&self.key).answer(message)
    }

    fn accepts(&self, message: &[u8], answer: &[u8; ANSWER_LEN]) -> bool {
        self.asked().push((message.to_vec(), *answer));
        self.key.accepts(message, answer)
    }
}
