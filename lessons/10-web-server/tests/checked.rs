//! The checks of lesson 10, checked: the skeletons are not started, right solutions of different
//! styles pass, and each known mistake is found for its reason.

#[path = "checked/answers.rs"]
mod answers;
#[path = "checks/mod.rs"]
mod checks;
#[path = "../src/exercise.rs"]
mod exercise;
#[path = "checked/heads.rs"]
mod heads;
#[path = "checked/pools.rs"]
mod pools;
#[path = "../solution.rs"]
mod solution;

use answers::Bug as AnswerBug;
use checks::{AnswerAll, NewPool, ReadHead};
use course::exercise::Proof;
use heads::Bug as HeadBug;
use pools::Bug as PoolBug;

const SOURCE: &str = include_str!("../src/exercise.rs");

/// A mistake of `heads::faulty`.
macro_rules! head {
    ($bug:ident) => {
        |s, r| heads::faulty(s, r, HeadBug::$bug)
    };
}

#[test]
fn exercise_10_1_is_proved() {
    const ONE_READ: &str = "one read is taken for one head";
    const OFF: &str = "a limit is off by one";
    const THE_END: &str = "a read of 0 is the end";
    Proof {
        check: checks::read_head,
        source: SOURCE,
        exercise: "10.1",
        skeleton: exercise::read_head as ReadHead,
        right: &[
            ("the solution", solution::read_head),
            ("byte by byte", heads::byte_by_byte),
            ("lines of a BufReader", heads::by_lines),
            ("a state machine", heads::by_states),
            ("the mistakes' function without a mistake", head!(None)),
        ],
        mistakes: &[
            ("one read is a head", head!(OneRead), ONE_READ),
            ("looks in the last piece", head!(LastPieceOnly), ONE_READ),
            (
                "bare newlines end it",
                head!(BareNewlines),
                "the end is something else",
            ),
            ("the last end", head!(LastEnd), "is taken for the first one"),
            ("forgets the rest", head!(ForgetsTheRest), "is lost"),
            ("keeps all in rest", head!(KeepsAll), "stays together with"),
            ("reads first", head!(ReadsFirst), "it reads before it looks"),
            ("ignores rest", head!(IgnoresRest), "is not looked at"),
            ("puts the new in front", head!(RestBehind), ONE_READ),
            ("as text", head!(AsText), "turned into a String"),
            ("the end is an error", head!(EndIsAnError), "is no error"),
            ("the end is a head", head!(EndIsAHead), "is no error"),
            ("the end inside is None", head!(EndInsideIsNone), THE_END),
            ("loops at the end", head!(LoopsAtTheEnd), THE_END),
            ("no limit", head!(NoLimit), "there is no limit"),
            ("no limit of lines", head!(NoLineLimit), "there is no limit"),
            (
                "looks when it is whole",
                head!(LimitWhenWhole),
                "when the head is whole",
            ),
            ("off by one", head!(OffByOne), OFF),
            ("one too many", head!(OneTooMany), "there is no limit"),
            ("lines off by one", head!(LinesOffByOne), OFF),
            ("counts what is behind", head!(CountsWhatIsBehind), OFF),
            (
                "a timeout is the end",
                head!(TimeoutIsTheEnd),
                "is taken for the end",
            ),
            ("another error", head!(OtherError), "made into another"),
            (
                "tries again for ever",
                head!(RetriesTimeouts),
                "for nothing",
            ),
            (
                "without the empty line",
                head!(WithoutTheEmptyLine),
                "with the empty line",
            ),
            (
                "does not count rest",
                head!(RestNotCounted),
                "is not counted",
            ),
        ],
        unseen: &[],
    }
    .holds();
}

/// A mistake of `answers::faulty`.
macro_rules! answer {
    ($bug:ident) => {
        |s, p| answers::faulty(s, p, AnswerBug::$bug)
    };
}

#[test]
fn exercise_10_2_is_proved() {
    Proof {
        check: checks::answer_all,
        source: SOURCE,
        exercise: "10.2",
        skeleton: exercise::answer_all as AnswerAll,
        right: &[
            ("the solution", solution::answer_all),
            ("lines of one BufReader", answers::by_lines),
            ("with the lesson's library", answers::with_the_library),
            ("one buffer, one loop", answer!(None)),
        ],
        mistakes: &[
            ("counts characters", answer!(Characters), "not characters"),
            ("HEAD with a body", answer!(HeadWithBody), "body"),
            ("HEAD has length 0", answer!(HeadOfZero), "would have"),
            (
                "404 without a body",
                answer!(EmptyNotFound),
                "a page of its own",
            ),
            (
                "404 without a length",
                answer!(WithoutLength),
                "needs its length",
            ),
            (
                "one read is a request",
                answer!(OneRead),
                "one read is taken",
            ),
            ("loses the rest", answer!(LosesTheRest), "one read is taken"),
            (
                "closes each time",
                answer!(ClosesEachTime),
                "after an answer",
            ),
            ("closes after 404", answer!(ClosesAfter404), "of its own"),
            (
                "ignores Connection",
                answer!(IgnoresClose),
                "is not looked at",
            ),
            (
                "close anywhere",
                answer!(CloseAnywhere),
                "anywhere in the head",
            ),
            (
                "does not say close",
                answer!(SaysNotClose),
                "or not sent back",
            ),
            ("no drain before close", answer!(NoDrain), "sends RST"),
            (
                "drains for ever",
                answer!(DrainsForEver),
                "as long as the client likes",
            ),
            ("case-sensitive", answer!(CaseSensitive), "with their case"),
            ("reads no body", answer!(NoBody), "the body is not read"),
            ("takes +5", answer!(PlusFive), "digits only"),
            ("takes the first length", answer!(FirstLength), "one length"),
            (
                "ignores the encoding",
                answer!(IgnoresEncoding),
                "no Transfer-Encoding",
            ),
            ("keeps the query", answer!(KeepsQuery), "before the first ?"),
            ("lines().next().unwrap()", answer!(Unwraps), "invalid UTF-8"),
            ("no Allow", answer!(NoAllow), "what is allowed"),
            ("waits for all", answer!(WaitsForAll), "wait for each other"),
            ("loops at the end", answer!(LoopsAtTheEnd), "a read of 0"),
            (
                "no limit for a head",
                answer!(NoHeadLimit),
                "the limit is missing",
            ),
            (
                "no limit for a body",
                answer!(NoBodyLimit),
                "the limit is missing",
            ),
            ("any white space", answer!(AnyWhitespace), "any white space"),
            (
                "goes on after 400",
                answer!(GoesOnAfter400),
                "there can be none",
            ),
            (
                "answers half a request",
                answer!(AnswersHalf),
                "a read of 0",
            ),
            ("POST is GET", answer!(PostIsGet), "only GET and HEAD"),
            (
                "ignores errors",
                answer!(IgnoresErrors),
                "an error of a read",
            ),
        ],
        unseen: &[],
    }
    .holds();
}

/// A mistake of `pools::faulty`.
macro_rules! pool {
    ($bug:ident) => {
        |w, q, h| pools::faulty(w, q, h, PoolBug::$bug)
    };
}

#[test]
fn exercise_10_3_is_proved() {
    Proof {
        check: checks::pool,
        source: SOURCE,
        exercise: "10.3",
        skeleton: exercise::pool as NewPool,
        right: &[
            ("the solution", solution::pool),
            ("a channel and a count", pools::by_channel),
            ("a thread that manages", pools::with_a_manager),
            ("threads when they are needed", pool!(None)),
        ],
        mistakes: &[
            ("holds the lock", pool!(LockHeld), "one after the other"),
            (
                "counts the queue alone",
                pool!(CountsQueueAlone),
                "before a free thread",
            ),
            ("no limit", pool!(NoLimit), "no limit"),
            ("off by one", pool!(OffByOne), "waits for something else"),
            ("one more", pool!(OneMore), "or another one"),
            (
                "a thread for each",
                pool!(ThreadEach),
                "a thread of its own",
            ),
            ("a stack", pool!(Stack), "a stack"),
            ("a worker dies", pool!(DiesInPanic), "a panic ends"),
            (
                "a panic keeps its place",
                pool!(PanicKeepsPlace),
                "a panic ends",
            ),
            ("no word", pool!(NoWord), "nothing is sent"),
            ("no drain", pool!(NoDrain), "sends RST"),
            ("drains in take", pool!(DrainsInTake), "that it turns away"),
            (
                "drains for ever",
                pool!(DrainsForEver),
                "as long as it likes",
            ),
            (
                "waits in take",
                pool!(WaitsInTake),
                "a channel that is full",
            ),
            ("keeps streams", pool!(KeepsStreams), "a clone of it"),
            (
                "keeps those who panicked",
                pool!(KeepsThePanicked),
                "a clone of it",
            ),
            ("hangs on an idle one", pool!(HangsOnIdle), "nobody wakes"),
            ("shuts both", pool!(ShutsBoth), "its last words are lost"),
            ("serves the queue", pool!(ServesTheQueue), "still served"),
            ("drops the queue", pool!(DropsTheQueue), "without a word"),
            ("does not join", pool!(DoesNotJoin), "are not joined"),
            ("counts no panic", pool!(CountsNothing), "not each panic"),
            ("counts twice", pool!(CountsTwice), "not each panic"),
            (
                "forgets who waits",
                pool!(ForgetsWhoWaits),
                "waits for something else",
            ),
            (
                "tells in turn",
                pool!(TellsInTurn),
                "only when those before",
            ),
        ],
        unseen: &[],
    }
    .holds();
}
