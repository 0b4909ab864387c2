//! Sizes as people write them: `256KiB`.

use ringbuf_core::Capacity;

/// No Linux has smaller pages. If they are larger, creating the ring reports it.
const SMALLEST_PAGE: u64 = 4096;

/// Parses the size of a ring, for example `256KiB`, `1MiB` or `65536`.
pub(crate) fn parse(text: &str) -> Result<u32, String> {
    let capacity = Capacity::new(bytes(text)?, SMALLEST_PAGE).map_err(|error| error.to_string())?;
    u32::try_from(capacity.bytes()).map_err(|error| error.to_string())
}

/// Parses any number of bytes, for example `1GiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor: u64 = match unit.trim_start() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("use bytes, KiB, MiB or GiB, for example 65536, 256KiB or 1MiB".to_owned()),
    };
    match number.parse::<u64>() {
        Ok(number) => Ok(number.saturating_mul(factor)),
        Err(_) => Err("use a whole number, for example 65536, 256KiB or 1MiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_units_are_parsed() {
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("256KiB"), Ok(256 * 1024));
        assert_eq!(parse("1 MiB"), Ok(1024 * 1024));
        assert_eq!(parse("2048MiB"), Ok(1 << 31));
        assert_eq!(parse("2GiB"), Ok(1 << 31));
    }

    #[test]
    fn any_number_of_bytes() {
        assert_eq!(bytes("3GiB"), Ok(3 << 30));
        assert_eq!(bytes("7"), Ok(7));
        assert!(bytes("7MB").is_err());
    }

    #[test]
    fn texts_that_are_not_a_size_are_refused() {
        for text in ["", "KiB", "99999999999999999999"] {
            assert!(parse(text).unwrap_err().starts_with("use a whole number"), "{text}");
        }
        for text in ["1.5MiB", "-4096", "256KB", "4Ki", "0x1000"] {
            assert!(parse(text).unwrap_err().starts_with("use bytes, KiB, MiB or GiB"), "{text}");
        }
    }

    #[test]
    fn sizes_that_no_ring_can_have_are_refused() {
        let text = |size| parse(size).unwrap_err();
        assert_eq!(text("12288"), "12288 bytes is not a power of two: use 16384 instead");
        assert_eq!(
            text("2KiB"),
            "2048 bytes is less than a page: use at least 4096 bytes on this machine"
        );
        assert!(text("0").contains("cannot have 0 bytes"));
        assert!(text("4096MiB").contains("too large"));
        assert!(text("18446744073709551615MiB").contains("too large"));
    }
}
