//! Times, rates, sizes and shares as people write them: `50us`, `2M/s`, `64KiB`, `0.01%`.

use std::fmt;
use std::time::Duration;

/// A text that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    text: String,
    wanted: &'static str,
}

impl UnitError {
    pub(crate) fn new(text: &str, wanted: &'static str) -> Self {
        Self { text: text.to_owned(), wanted }
    }
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} cannot be used here: use {}", self.text, self.wanted)
    }
}

impl std::error::Error for UnitError {}

/// Reads a time: `50us`, `1.5ms`, `2s`, `1min`.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(ringbuf_model::units::time("1.5ms")?, Duration::from_micros(1500));
/// # Ok::<(), ringbuf_model::UnitError>(())
/// ```
///
/// # Errors
/// [`UnitError`], which shows an example.
pub fn time(text: &str) -> Result<Duration, UnitError> {
    let wrong = || UnitError::new(text, "a time with its unit, for example 50us, 1.5ms, 2s or 1h");
    let units = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let nanos = with_unit(text, &units).ok_or_else(wrong)?;
    Ok(Duration::from_nanos(nanos))
}

/// Reads records a second: `200k/s`, `2M/s`, `1500/s`.
///
/// ```
/// assert_eq!(ringbuf_model::units::rate("0.2M/s")?, 200_000);
/// # Ok::<(), ringbuf_model::UnitError>(())
/// ```
///
/// # Errors
/// [`UnitError`], which shows an example.
pub fn rate(text: &str) -> Result<u64, UnitError> {
    let wrong = || UnitError::new(text, "records a second, for example 1500/s, 200k/s or 2M/s");
    let per_second = text.strip_suffix("/s").ok_or_else(wrong)?;
    let units = [("", 1), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];
    with_unit(per_second, &units).filter(|rate| *rate > 0).ok_or_else(wrong)
}

/// Reads a number of bytes: `64`, `64K`, `64KiB`, `1M`, `1GiB`. All units are powers of 1024.
///
/// ```
/// assert_eq!(ringbuf_model::units::bytes("64K")?, 64 << 10);
/// # Ok::<(), ringbuf_model::UnitError>(())
/// ```
///
/// # Errors
/// [`UnitError`], which shows an example.
pub fn bytes(text: &str) -> Result<u64, UnitError> {
    let wrong = || UnitError::new(text, "bytes, for example 512, 64K, 1MiB or 1G");
    let units = [
        ("", 1),
        ("K", 1 << 10),
        ("KiB", 1 << 10),
        ("M", 1 << 20),
        ("MiB", 1 << 20),
        ("G", 1 << 30),
        ("GiB", 1 << 30),
    ];
    with_unit(text, &units).ok_or_else(wrong)
}

/// Reads a share, in millionths: `0.01%`.
///
/// ```
/// assert_eq!(ringbuf_model::units::millionths("0.01%")?, 100);
/// # Ok::<(), ringbuf_model::UnitError>(())
/// ```
///
/// # Errors
/// [`UnitError`], which shows an example.
pub fn millionths(text: &str) -> Result<u32, UnitError> {
    let wrong = || UnitError::new(text, "a share from 0% to 100%, for example 0.01%");
    let millionths = with_unit(text, &[("%", 10_000)]).ok_or_else(wrong)?;
    u32::try_from(millionths).ok().filter(|share| *share <= 1_000_000).ok_or_else(wrong)
}

/// Returns a time as [`time`] reads it.
#[must_use]
pub fn time_text(time: Duration) -> String {
    let nanos = time.as_nanos();
    match nanos {
        0 => "0ns".to_owned(),
        _ if nanos % 1_000_000_000 == 0 => format!("{}s", nanos / 1_000_000_000),
        _ if nanos % 1_000_000 == 0 => format!("{}ms", nanos / 1_000_000),
        _ if nanos % 1000 == 0 => format!("{}us", nanos / 1000),
        _ => format!("{nanos}ns"),
    }
}

/// Returns bytes as [`bytes`] reads them.
#[must_use]
pub fn bytes_text(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        _ if bytes % (1 << 30) == 0 => format!("{}GiB", bytes >> 30),
        _ if bytes % (1 << 20) == 0 => format!("{}MiB", bytes >> 20),
        _ if bytes % (1 << 10) == 0 => format!("{}KiB", bytes >> 10),
        _ => bytes.to_string(),
    }
}

/// Reads a decimal number with one of these units. It needs no floating point.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || part.len() > 9 || (number.contains('.') && part.is_empty()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if part.is_empty() { 0 } else { format!("{part:0<9}").parse().ok()? };
    let small = u64::try_from(u128::from(part) * u128::from(factor) / 1_000_000_000).ok()?;
    whole.checked_mul(factor)?.checked_add(small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read() {
        assert_eq!(time("50us"), Ok(Duration::from_micros(50)));
        assert_eq!(time("0.5ns"), Ok(Duration::ZERO));
        assert_eq!(time("1min"), Ok(Duration::from_secs(60)));
        assert_eq!(rate("2.5M/s"), Ok(2_500_000));
        assert_eq!(bytes("1GiB"), Ok(1 << 30));
        assert_eq!(millionths("100%"), Ok(1_000_000));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["", "5", "us", "5 parsecs", "1.us", ".5us", "1.2.3us", "-1us", "99999999999h"]
        {
            assert!(time(text).is_err(), "{text}");
        }
        for text in ["2M", "0/s", "2X/s", "/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
        for text in ["100.1%", "5", "-1%"] {
            assert!(millionths(text).is_err(), "{text}");
        }
        let error = bytes("7MB").unwrap_err().to_string();
        assert_eq!(
            error,
            "\"7MB\" cannot be used here: use bytes, for example 512, 64K, 1MiB or 1G"
        );
    }

    #[test]
    fn texts_can_be_read_again() {
        for nanos in [0, 1, 1500, 2_000_000, 3_000_000_000] {
            let value = Duration::from_nanos(nanos);
            assert_eq!(time(&time_text(value)), Ok(value));
        }
        for value in [0, 1000, 4096, 3 << 20, 1 << 30] {
            assert_eq!(bytes(&bytes_text(value)), Ok(value));
        }
    }
}
