//! Plays, checks and measures the lessons.
