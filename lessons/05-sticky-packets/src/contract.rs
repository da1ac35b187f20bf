//! What only the exercises need: the decoder of 5.3 as its users see it.

/// A decoder, in exercise 5.3: bytes go in as they come, messages come out whole. It has no
/// socket, so it can be tried with every cut there is.
pub trait Decode {
    /// Takes bytes as a read returned them, however many, and wherever they were cut.
    fn push(&mut self, bytes: &[u8]);

    /// The next message that is whole; `None` if more bytes are needed for it.
    ///
    /// # Errors
    /// The next message is announced with a length over the limit.
    fn next(&mut self) -> Result<Option<Vec<u8>>, DecodeError>;

    /// Says whether the stream may end here. Only called after `next` has returned `Ok(None)`.
    ///
    /// # Errors
    /// The stream ends inside a message.
    fn end(&self) -> Result<(), DecodeError>;
}

/// Why there is no further message, in exercise 5.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A message is longer than the limit.
    TooLong {
        /// The length that was announced.
        length: usize,
        /// The greatest length that is taken.
        limit: usize,
    },
    /// The stream ended inside a message.
    Cut {
        /// How many of its bytes came, those of its length included.
        got: usize,
    },
}
