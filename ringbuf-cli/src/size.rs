//! Sizes as people write them: `256KiB`.

use ringbuf_core::Capacity;

/// No Linux has smaller pages. Where they are larger, making the ring tells.
const SMALLEST_PAGE: u64 = 4096;

/// Bytes of a ring from a text such as `256KiB`, `1MiB` or `65536`.
pub(crate) fn parse(text: &str) -> Result<u32, String> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor: u64 = match unit.trim_start() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("give bytes, KiB, MiB or GiB, as in 65536, 256KiB or 1MiB".to_owned()),
    };
    let bytes = match number.parse::<u64>() {
        Ok(number) => number.saturating_mul(factor),
        Err(_) => return Err("give a whole number, as in 65536, 256KiB or 1MiB".to_owned()),
    };
    let capacity = Capacity::new(bytes, SMALLEST_PAGE).map_err(|error| error.to_string())?;
    u32::try_from(capacity.bytes()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("256KiB"), Ok(256 * 1024));
        assert_eq!(parse("1 MiB"), Ok(1024 * 1024));
        assert_eq!(parse("2048MiB"), Ok(1 << 31));
        assert_eq!(parse("2GiB"), Ok(1 << 31));
    }

    #[test]
    fn what_is_no_size() {
        for text in ["", "KiB", "99999999999999999999"] {
            assert!(parse(text).unwrap_err().starts_with("give a whole number"), "{text}");
        }
        for text in ["1.5MiB", "-4096", "256KB", "4Ki", "0x1000"] {
            assert!(parse(text).unwrap_err().starts_with("give bytes, KiB, MiB or GiB"), "{text}");
        }
    }

    #[test]
    fn what_is_no_ring() {
        let text = |size| parse(size).unwrap_err();
        assert_eq!(
            text("12288"),
            "12288 bytes is not a power of two: the next that works is 16384"
        );
        assert_eq!(
            text("2KiB"),
            "2048 bytes is less than a page: the smallest ring here has 4096 bytes"
        );
        assert!(text("0").contains("0 bytes cannot exist"));
        assert!(text("4096MiB").contains("too large"));
        assert!(text("18446744073709551615MiB").contains("too large"));
    }
}
