/// Compares bytes; the difference is shown escaped, with the first byte that differs marked.
pub fn compare(expected: &[u8], came: &[u8]) -> Result<(), String> {
    if expected == came {
        return Ok(());
    }
    let at = expected
        .iter()
        .zip(came)
        .take_while(|(a, b)| a == b)
        .count();
    let from = at.saturating_sub(16);
    let excerpt = |bytes: &[u8]| {
        let end = bytes.len().min(from + 40);
        let start = if from > 0 { "…" } else { "" };
        let more = if end < bytes.len() { "…" } else { "" };
        let before = format!("{start}{}", escape(&bytes[from.min(end)..at.min(end)]));
        let behind = format!("{}{more}", escape(&bytes[at.min(end)..end]));
        (before, behind)
    };
    let (before, expected_behind) = excerpt(expected);
    let (_, came_behind) = excerpt(came);
    let how = match at {
        _ if at == came.len() => "is missing",
        _ if at == expected.len() => "is too many",
        _ => "differs",
    };
    Err(format!(
        "expected {:>9}: {before}{expected_behind}\n\
         came     {:>9}: {before}{came_behind}\n\
         {:20}{}^ byte {at} {how}",
        count(expected.len()),
        count(came.len()),
        "",
        " ".repeat(before.chars().count()),
    ))
}

/// Bytes as a learner can read them: quoted and escaped where they are few, else their number.
pub fn show(bytes: &[u8]) -> String {
    show_start(&bytes[..bytes.len().min(SHOWN)], bytes.len())
}

/// Up to so many bytes are shown whole.
pub(super) const SHOWN: usize = 40;

/// The same, of bytes of which only the first [`SHOWN`] are known.
pub(super) fn show_start(first: &[u8], all: usize) -> String {
    match all {
        0..=SHOWN => format!("'{}'", escape(first)),
        n => format!("{} ('{}…')", count(n), escape(&first[..16])),
    }
}

pub(super) fn count(n: usize) -> String {
    format!("{n} byte{}", if n == 1 { "" } else { "s" })
}

/// Bytes as text in which different bytes never look alike: a backslash is escaped, too, so that
/// the four characters `\x1b` are told from the one byte.
fn escape(bytes: &[u8]) -> String {
    let parts = bytes.split(|&byte| byte == b'\\').map(shared::escape);
    parts.collect::<Vec<_>>().join("\\\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_the_first_byte_that_differs() {
        assert_eq!(compare(b"same", b"same"), Ok(()));
        let difference = compare(b"HELLO\n", b"HELlo\n").expect_err("they differ");
        assert_eq!(
            difference,
            "expected   6 bytes: HELLO\\n\n\
             came       6 bytes: HELlo\\n\n                       ^ byte 3 differs"
        );
        let difference = compare(b"abc", b"").expect_err("they differ");
        assert!(
            difference.contains("came       0 bytes: \n"),
            "{difference}"
        );
        assert!(difference.ends_with("^ byte 0 is missing"), "{difference}");
        let difference = compare(&[b'x'; 100], &[b'x'; 99]).expect_err("they differ");
        assert!(difference.contains("byte 99 is missing"), "{difference}");
        let difference = compare(b"abc", b"abcd").expect_err("they differ");
        assert!(difference.ends_with("^ byte 3 is too many"), "{difference}");
    }

    #[test]
    fn an_escape_that_was_written_out_is_told_from_the_byte() {
        let difference = compare(b"\x1b[1m", b"\\x1b[1m").expect_err("they differ");
        assert!(difference.contains("bytes: \\x1b[1m\n"), "{difference}");
        assert!(difference.contains("bytes: \\\\x1b[1m\n"), "{difference}");
        assert_eq!(show("\\ü\\".as_bytes()), "'\\\\ü\\\\'");
    }
}
