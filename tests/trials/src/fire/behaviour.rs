//! What a hostile peer does.

/// One behaviour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Leave,
    Reset,
    HalfClose,
    Drip,
    Flood,
    Garbage,
    Mixed,
    Deaf,
    Hold,
    Many,
}

/// Every behaviour with its name in the table, and what it is.
pub const BEHAVIOURS: &[(Behaviour, &str, &str)] = &[
    (
        Behaviour::Leave,
        "leave",
        "connects and leaves at once; with UDP, asks first",
    ),
    (
        Behaviour::Reset,
        "reset",
        "ends with RST: at once, inside a message, before and inside the answer",
    ),
    (
        Behaviour::HalfClose,
        "half",
        "half-closes, at once and behind a message",
    ),
    (
        Behaviour::Drip,
        "drip",
        "sends one byte every 10 ms, as long as it is let",
    ),
    (
        Behaviour::Flood,
        "flood",
        "sends without end, as fast as it is let",
    ),
    (Behaviour::Garbage, "noise", "sends bytes at random"),
    (
        Behaviour::Mixed,
        "mixed",
        "says the right thing, then bytes at random",
    ),
    (
        Behaviour::Deaf,
        "deaf",
        "sends messages without end and never reads; a UDP server never reads at all",
    ),
    (
        Behaviour::Hold,
        "hold",
        "says nothing and stays; a UDP server hears and never answers",
    ),
    (
        Behaviour::Many,
        "many",
        "a thousand clients at once; a thousand strangers answer a UDP client",
    ),
];

/// How a program has stood it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has ended the matter itself.
    Ok,
    /// It has no deadline, by design: it would have waited for ever, so the peer has left.
    Waits,
    /// The behaviour has no meaning here.
    None,
}

/// How much is done.
#[derive(Clone, Copy)]
pub struct Scale {
    /// How many clients come at once.
    pub many: usize,
    /// How many bytes an echo is flooded with.
    pub flood: usize,
    /// How many datagrams a flood is.
    pub datagrams: usize,
    /// How many bytes drip on a program without a deadline.
    pub drips: usize,
}

/// What `cargo course fire` does.
pub const FULL: Scale = Scale {
    many: 1000,
    flood: 16 << 20,
    datagrams: 5000,
    drips: 100,
};

/// What `cargo test` does, and a round of the soak.
pub const QUICK: Scale = Scale {
    many: 100,
    flood: 1 << 20,
    datagrams: 500,
    drips: 20,
};

/// How many bytes of garbage come at once: around the lengths that mean something to a program.
pub const GARBAGE: &[usize] = &[1, 3, 4, 31, 32, 33, 300, 10_000];

/// The same bytes at random each time: control characters, broken UTF-8, everything.
pub fn garbage(length: usize) -> Vec<u8> {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 32) as u8
    };
    (0..length).map(next).collect()
}
