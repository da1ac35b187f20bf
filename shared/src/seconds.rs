use std::time::Duration;

/// The longest time that an option takes.
const LONGEST: f64 = 86_400.0;

/// The value of an option in seconds: a decimal number from 0.001 to 86,400, such as `0.5`.
///
/// # Errors
/// A sentence that says which form is expected.
pub fn seconds(text: &str) -> Result<Duration, String> {
    // Less would be no time at all for a socket, which refuses a timeout of 0.
    match text.parse::<f64>() {
        Ok(number) if (0.001..=LONGEST).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err(format!(
            "expected seconds from 0.001 to {LONGEST}, such as 0.5"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_whole_and_decimal_seconds() {
        assert_eq!(seconds("30"), Ok(Duration::from_secs(30)));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("86400"), Ok(Duration::from_secs(86_400)));
    }

    #[test]
    fn refuses_what_is_no_time_to_wait() {
        for text in [
            "", "0", "-1", "0.0009", "86400.1", "inf", "nan", "1s", "1e99",
        ] {
            let expected = "expected seconds from 0.001 to 86400, such as 0.5";
            assert_eq!(seconds(text), Err(expected.to_owned()), "{text:?}");
        }
    }
}
