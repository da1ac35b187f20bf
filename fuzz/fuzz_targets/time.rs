//! A request for the time, and the answer to it (lesson 4).
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuzz::assert_safe;
use jiff::Zoned;
use libfuzzer_sys::fuzz_target;
use time_sync::{ERROR, MAX_ANSWER, Sample, Summary, format_time, read_answer};

/// An ordinary time, and the first and the last days that there are.
static TIMES: LazyLock<[Zoned; 3]> = LazyLock::new(|| {
    [
        "2026-11-20T13:40:59.000045+01:00[+01:00]",
        "-009999-01-03T00:00:00-25:59[-25:59]",
        "9999-12-30T23:59:59.999999999+25:59[+25:59]",
    ]
    .map(|time| time.parse().expect("the form is right"))
});

fuzz_target!(|bytes: &[u8]| {
    for now in TIMES.iter() {
        ask(bytes, now);
    }
    take(bytes);
});

/// The bytes are a request, and what comes back is a request to another server: a forged sender
/// can bring that about. Sooner or later it must end.
fn ask(request: &[u8], now: &Zoned) {
    let mut request = request.to_vec();
    for _ in 0..10 {
        if request.starts_with(ERROR.as_bytes()) {
            return; // no server answers this
        }
        let answer = match format_time(&request, now) {
            Ok(time) => time,
            Err(reason) => {
                assert_safe(&reason); // the server prints it
                format!("{ERROR}{reason}")
            }
        };
        assert!(answer.len() <= MAX_ANSWER, "{answer}");
        match read_answer(answer.as_bytes()) {
            Ok(text) => assert_eq!(text, answer),
            Err(_) => assert!(answer.starts_with(ERROR)),
        }
        request = answer.into_bytes();
    }
    panic!("two servers answer each other for ever");
}

/// The bytes are an answer.
fn take(answer: &[u8]) {
    let text = match read_answer(answer) {
        Ok(text) => text,
        Err(failure) => return assert_safe(&failure.to_string()),
    };
    let ages = [Duration::ZERO, Duration::from_millis(45), Duration::MAX];
    for (round_trip, arrival) in ages.into_iter().flat_map(|age| {
        let days = Duration::from_hours(24 * 20_000);
        [UNIX_EPOCH + days, UNIX_EPOCH, UNIX_EPOCH - days].map(|arrival: SystemTime| (age, arrival))
    }) {
        match Sample::new(text, round_trip, arrival) {
            Ok(sample) => {
                let mut summary = Summary::default();
                summary.sent += 1;
                summary.received(round_trip);
                summary.sampled(sample);
                assert!(sample.to_string().starts_with("offset "));
                assert!(summary.to_string().lines().all(|line| line.len() < 200));
                assert!(text.len() <= 12 + 1 + 9);
            }
            Err(failure) => {
                assert_safe(&failure.to_string());
                assert!(failure.to_string().len() < 1000);
            }
        }
    }
}
