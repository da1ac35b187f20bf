use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The value of an option that is a whole number in that range.
///
/// # Errors
/// What it returns fails with a sentence that says which numbers are expected.
pub fn number<T: FromStr + PartialOrd + Display>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone
where
    RangeInclusive<T>: Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_in_the_range() {
        let number = number(1..=65_535_u16);
        assert_eq!(number("1"), Ok(1));
        assert_eq!(number("65535"), Ok(65_535));
    }

    #[test]
    fn says_which_numbers_are_expected() {
        let number = number(-5..=100);
        let expected = Err("expected a whole number from -5 to 100".to_owned());
        for text in ["", "-6", "101", "1.5", "x", "99999999999999999999"] {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }
}
