//! Pictures that are drawn from what a page's transcripts show.
//!
//! [`check`] compares a page's pictures, the files in `docs/pictures/` that it refers to, with what
//! its transcripts give. `list.rs` says from which transcript each picture is drawn, and how.

mod charts;
mod dump;
mod event;
mod lifetimes;
mod list;
mod scene;
mod states;
mod svg;
mod tapped;

pub use event::{Event, Fate, SHOWN, Way, What};
pub use list::{PICTURES, Picture, check, compare, draw};
pub use tapped::{Tapped, is_drawn};
