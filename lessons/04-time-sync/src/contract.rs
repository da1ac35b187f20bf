//! What only the exercises need.

/// How far a server's clock is from ours, in exercise 4.3.
#[derive(Clone, Copy, Debug)]
pub struct Offset {
    /// How far the server's clock is ahead of ours, in seconds; negative if it is behind.
    pub ahead: f64,
    /// By how much that may be wrong, in seconds.
    pub error: f64,
}
