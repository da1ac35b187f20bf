//! Checks your solutions of lesson 6: `cargo test -p file-transfer --test exercise`

mod checks;
#[path = "../src/exercise.rs"]
mod exercise;

use course::exercise::Failed;

use checks::Frames;

#[test]
fn exercise_6_1_read_frame_and_write_frame() -> Result<(), Failed> {
    checks::frames(Frames {
        read: exercise::read_frame,
        write: exercise::write_frame,
    })
    .solved()
}

#[test]
fn exercise_6_2_file_names_from_strangers() -> Result<(), Failed> {
    checks::create(exercise::create).solved()
}

#[test]
fn exercise_6_3_complete_or_nothing() -> Result<(), Failed> {
    checks::receive(exercise::receive).solved()
}
