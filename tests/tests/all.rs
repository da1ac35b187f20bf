//! The tests that span the lessons, in one program: most of the time each of them waits, so they
//! run side by side.

mod book;
mod builds;
mod command;
mod fire;
mod lab;
mod nine_ways;
mod pages;
mod pictures;
mod register;
