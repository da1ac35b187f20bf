//! The checks of lesson 9, checked: the skeletons are not started, right solutions of different
//! styles pass, and each known mistake is found for its reason.

#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "checked/many.rs"]
mod many;
#[path = "checked/queues.rs"]
mod queues;
#[path = "../solution.rs"]
mod solution;
#[path = "checked/talks.rs"]
mod talks;

use checks::{Converse, Echo, NewQueue};
use course::exercise::Proof;
use many::Bug as ManyBug;
use queues::Bug as QueueBug;
use talks::Bug as TalkBug;

const SOURCE: &str = include_str!("../src/exercise.rs");

#[test]
fn exercise_9_1_is_proved() {
    Proof {
        check: checks::converse,
        source: SOURCE,
        exercise: "9.1",
        skeleton: exercise::converse as Converse,
        right: &[
            ("the solution", solution::converse),
            (
                "the keyboard in the function's own thread",
                talks::keyboard_here,
            ),
            ("detached threads and a channel", talks::by_channel),
            ("one thread with poll", |t, s| {
                talks::by_poll(t, s, TalkBug::None)
            }),
        ],
        mistakes: &[
            ("takes turns", talks::takes_turns, "the two take turns"),
            (
                "passes whole lines on",
                talks::by_lines,
                "waits for whole lines",
            ),
            (
                "waits for a full buffer",
                talks::by_full_buffers,
                "or for a full buffer",
            ),
            (
                "listens when typing has ended",
                talks::one_after_the_other,
                "the two take turns",
            ),
            ("takes it for text", talks::as_text, "the two take turns"),
            ("one lock for both", talks::under_a_lock, "or under a lock"),
            (
                "polls, and writes in one thread",
                talks::polls_and_blocks,
                "one thread writes in both",
            ),
            (
                "does not half-close",
                talks::without_half_close,
                "nobody half-closes",
            ),
            (
                "ends when typing ends",
                talks::ends_with_typing,
                "the end of typing ends everything",
            ),
            (
                "closes both when typing ends",
                talks::shuts_both,
                "the end of typing ends everything",
            ),
            #[cfg(not(windows))] // there the check ends typing
            (
                "waits for the keyboard",
                talks::waits_for_the_keyboard,
                "and nobody wakes it",
            ),
            #[cfg(not(windows))]
            (
                "leaves a thread behind",
                talks::leaves_a_thread,
                "keeps it, or a clone does",
            ),
            #[cfg(target_os = "linux")]
            (
                "keeps a clone",
                talks::keeps_a_clone,
                "a shutdown alone does not close",
            ),
            #[cfg(target_os = "linux")] // elsewhere no event tells of the half-close
            (
                "ends at HUP",
                |t, s| talks::by_poll(t, s, TalkBug::EndsAtHangUp),
                "the end is noticed before",
            ),
            (
                "forgets its queue",
                |t, s| talks::by_poll(t, s, TalkBug::ForgetsItsQueue),
                "the end is noticed before",
            ),
            (
                "loses the rest of a write",
                |t, s| talks::by_poll(t, s, TalkBug::LosesTheRest),
                "the rest of a write is lost",
            ),
            ("one byte short", talks::one_byte_short, "the rest is lost"),
        ],
        unseen: &[],
    }
    .holds();
}

#[test]
fn exercise_9_2_is_proved() {
    Proof {
        check: checks::write_queue,
        source: SOURCE,
        exercise: "9.2",
        skeleton: exercise::write_queue as NewQueue,
        right: &[
            ("the solution", solution::write_queue),
            ("a list of messages", queues::of_messages),
            ("a vector with a start", queues::with_a_start),
            ("two vectors", queues::of_two_vectors),
        ],
        mistakes: &[
            (
                "write_all",
                |n| queues::faulty(n, QueueBug::WriteAll),
                "for the end of what waits",
            ),
            (
                "forgets the rest",
                |n| queues::faulty(n, QueueBug::ForgetsTheRest),
                "is lost, as with write_all",
            ),
            (
                "writes the rest twice",
                |n| queues::faulty(n, QueueBug::KeepsAll),
                "or comes twice",
            ),
            (
                "WouldBlock is an error",
                |n| queues::faulty(n, QueueBug::WouldBlockIsAnError),
                "WouldBlock is taken for an error",
            ),
            (
                "drops all at WouldBlock",
                |n| queues::faulty(n, QueueBug::DropsAtWouldBlock),
                "for the end of what waits",
            ),
            (
                "asks again and again",
                |n| queues::faulty(n, QueueBug::AsksAgain),
                "a busy loop",
            ),
            (
                "Interrupted is an error",
                |n| queues::faulty(n, QueueBug::InterruptedIsAnError),
                "Interrupted is taken for an error",
            ),
            (
                "Interrupted is later",
                |n| queues::faulty(n, QueueBug::InterruptedIsLater),
                "or for WouldBlock",
            ),
            (
                "zero is fine",
                |n| queues::faulty(n, QueueBug::ZeroIsFine),
                "Ok(0) is not looked at",
            ),
            (
                "zero is asked again",
                |n| queues::faulty(n, QueueBug::ZeroIsAskedAgain),
                "Ok(0) is not looked at",
            ),
            (
                "swallows errors",
                |n| queues::faulty(n, QueueBug::SwallowsErrors),
                "the error is swallowed",
            ),
            (
                "all errors are WriteZero",
                |n| queues::faulty(n, QueueBug::AllErrorsAreZero),
                "turned into another one",
            ),
            (
                "takes out at the end",
                |n| queues::faulty(n, QueueBug::TakesOutAtTheEnd),
                "taken out only at the end",
            ),
            (
                "has no limit",
                |n| queues::faulty(n, QueueBug::NoLimit),
                "there is no limit",
            ),
            (
                "off by one",
                |n| queues::faulty(n, QueueBug::OffByOne),
                "off by one",
            ),
            (
                "one too many",
                |n| queues::faulty(n, QueueBug::OneTooMany),
                "off by one",
            ),
            (
                "takes a part",
                |n| queues::faulty(n, QueueBug::TakesAPart),
                "leaves a part of it",
            ),
            (
                "counts for ever",
                |n| queues::faulty(n, QueueBug::CountsForEver),
                "still counted",
            ),
            (
                "gives room only when empty",
                |n| queues::faulty(n, QueueBug::RoomWhenEmpty),
                "still counted",
            ),
            (
                "adds without a check",
                |n| queues::faulty(n, QueueBug::Overflows),
                "overflow",
            ),
            (
                "the rest goes behind",
                queues::rest_goes_behind,
                "goes behind those that came later",
            ),
            (
                "the last one first",
                |n| queues::faulty(n, QueueBug::LastFirst),
                "goes behind those that came later",
            ),
            (
                "writes once",
                |n| queues::faulty(n, QueueBug::WritesOnce),
                "it writes once and returns",
            ),
            (
                "writes the empty message",
                |n| queues::faulty(n, QueueBug::WritesEmpty),
                "an empty message is written",
            ),
            (
                "refuses the empty message",
                |n| queues::faulty(n, QueueBug::RefusesEmpty),
                "an empty message",
            ),
            (
                "wants always",
                |n| queues::faulty(n, QueueBug::WantsAlways),
                "never given up",
            ),
            (
                "wants never",
                |n| queues::faulty(n, QueueBug::WantsNever),
                "or never taken",
            ),
            (
                "wants until it has blocked",
                |n| queues::faulty(n, QueueBug::WantsAfterBlock),
                "or never taken",
            ),
            (
                "makes the error anew",
                |n| queues::faulty(n, QueueBug::ErrorAnew),
                "turned into another one",
            ),
            (
                "has a limit of two bytes",
                |n| queues::faulty(n, QueueBug::TwoByteLimit),
                "counts something else",
            ),
            (
                "refuses the empty message where nothing fits",
                |n| queues::faulty(n, QueueBug::ZeroRefusesEmpty),
                "is refused where there is no room",
            ),
            (
                "tries twenty times",
                |n| queues::faulty(n, QueueBug::InterruptedTwenty),
                "only so many times",
            ),
            (
                "moves the rest",
                |n| queues::faulty(n, QueueBug::MovesTheRest),
                "moved to the front",
            ),
        ],
        unseen: &[],
    }
    .holds();
}

#[test]
fn exercise_9_3_is_proved() {
    Proof {
        check: checks::echo,
        source: SOURCE,
        exercise: "9.3",
        skeleton: exercise::echo as Echo,
        right: &[
            ("the solution", solution::echo),
            ("a map, and writes when it is told to", many::by_map),
            ("stop and go", many::stop_and_go),
            ("rings", many::with_rings),
            ("the mistakes' loop without a mistake", |l, n| {
                many::faulty(l, n, ManyBug::None)
            }),
        ],
        mistakes: &[
            (
                "blocks at the end",
                |l, n| many::faulty(l, n, ManyBug::BlocksAtTheEnd),
                "a write that blocks",
            ),
            (
                "always asks for OUT",
                |l, n| many::faulty(l, n, ManyBug::AlwaysOut),
                "a busy loop",
            ),
            (
                "does not wait",
                |l, n| many::faulty(l, n, ManyBug::DoesNotWait),
                "a busy loop",
            ),
            (
                "asks for IN while it does not read",
                |l, n| many::faulty(l, n, ManyBug::InWhilePaused),
                "a busy loop",
            ),
            (
                "asks for IN after the end",
                |l, n| many::faulty(l, n, ManyBug::InAfterTheEnd),
                "a busy loop",
            ),
            (
                "WouldBlock is an error",
                |l, n| many::faulty(l, n, ManyBug::WouldBlockIsAnError),
                "a write that would block is taken for an error",
            ),
            (
                "write_all",
                |l, n| many::faulty(l, n, ManyBug::WriteAll),
                "what waits is thrown away",
            ),
            (
                "forgets the rest",
                |l, n| many::faulty(l, n, ManyBug::ForgetsTheRest),
                "what a write does not take is lost",
            ),
            (
                "blocking streams",
                |l, n| many::faulty(l, n, ManyBug::Blocking),
                "its stream is blocking",
            ),
            (
                "ignores Ok(0)",
                |l, n| many::faulty(l, n, ManyBug::IgnoresTheEnd),
                "Ok(0) is not looked at",
            ),
            (
                "closes at Ok(0)",
                |l, n| many::faulty(l, n, ManyBug::ClosesAtTheEnd),
                "it is closed at Ok(0)",
            ),
            (
                "has no limit",
                |l, n| many::faulty(l, n, ManyBug::NoLimit),
                "the queue has no limit",
            ),
            (
                "never reads on",
                |l, n| many::faulty(l, n, ManyBug::NeverReadsOn),
                "nothing asks for IN again",
            ),
            (
                "never asks for OUT",
                |l, n| many::faulty(l, n, ManyBug::NeverOut),
                "or for OUT while something waits",
            ),
            (
                "one after the other",
                many::one_after_the_other,
                "clients wait for each other",
            ),
            (
                "removes while it walks",
                |l, n| many::faulty(l, n, ManyBug::RemovesWhileWalking),
                "index out of bounds",
            ),
            (
                "returns too early",
                |l, n| many::faulty(l, n, ManyBug::ReturnsTooEarly),
                "not when all have left",
            ),
            (
                "accepts everybody",
                |l, n| many::faulty(l, n, ManyBug::AcceptsEverybody),
                "the listener is still in the list",
            ),
            (
                "an error ends it",
                |l, n| many::faulty(l, n, ManyBug::ErrorEndsIt),
                "ends the function",
            ),
            (
                "an error ends the round",
                |l, n| many::faulty(l, n, ManyBug::KeepsBroken),
                "a busy loop",
            ),
            (
                "drops who does not read",
                |l, n| many::faulty(l, n, ManyBug::DropsTheDeaf),
                "is taken for an error",
            ),
        ],
        unseen: &[
            ("(What one read", "it gives room, and forbids nothing"),
            (
                "When `accept` itself fails",
                "the function sets the listener's mode, so the check cannot make it fail",
            ),
            (
                "Starts no thread",
                "the system does not tell who has started a thread",
            ),
        ],
    }
    .holds();
}
