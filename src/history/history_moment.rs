//! Moments as people give them: how long ago, a date, or a time.

use jiff::civil::Date;
use jiff::tz::Offset;

use crate::config::Period;

/// A moment in milliseconds since 1970, out of `7d` (so long ago), `2026-11-20` (its beginning in UTC) or
/// `2026-11-20T10:00:00Z`; it is `now` in the same milliseconds.
///
/// # Errors
/// It is none of these; the text says so.
pub fn parse_moment(text: &str, now: u64) -> Result<u64, String> {
    let ago = || text.parse::<Period>().ok().map(|ago| now.saturating_sub(ago.0.as_millis() as u64));
    let date = || Offset::UTC.to_timestamp(text.parse::<Date>().ok()?.at(0, 0, 0, 0)).ok();
    // A time without a zone would be read as a date.
    let day = if text.contains(['T', 't', ' ']) { None } else { date() };
    let exact = || day.or_else(|| text.parse::<jiff::Timestamp>().ok());
    let millis = |moment: jiff::Timestamp| u64::try_from(moment.as_millisecond()).unwrap_or(0);
    ago().or_else(|| exact().map(millis)).ok_or_else(|| {
        format!(
            "{text:?} is not a moment: expected how long ago (7d, 12h, 30m), a date (2026-11-20) or a time with its \
             zone (2026-11-20T10:00:00Z)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_or_when() {
        let now = 1_000_000_000_000;
        for (text, millis) in [
            ("7d", now - 7 * 86_400_000),
            ("90s", now - 90_000),
            ("2001-09-09", 999_993_600_000),
            ("2001-09-09T01:46:40Z", now),
            ("2001-09-09T03:46:40.5+02:00", now + 500),
            ("1960-01-01", 0),
        ] {
            assert_eq!(parse_moment(text, now), Ok(millis), "{text}");
        }
        for text in ["", "7", "yesterday", "2001-09-09T01:46:40", "2001-13-01"] {
            assert!(parse_moment(text, now).is_err(), "{text}");
        }
    }
}
