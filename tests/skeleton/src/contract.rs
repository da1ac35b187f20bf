//! What only the exercises need. TO WRITE: error types, traits, limits; or take this file away.
