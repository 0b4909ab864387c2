//! The text of each error names its figures and the problem.

extern crate std;

use std::string::ToString;

use super::*;
use crate::{Capacity, Width};

#[test]
fn errors_name_their_figures() {
    let position = |value| Position::new(value, Width::Bits64);
    let corrupt = |reason| Corrupt { position: position(0x40), reason };
    let producer = position(0x1234);
    let misaligned = corrupt(CorruptReason::ProducerMisaligned { producer });
    let cases: [(&dyn Error, &[&str]); 14] = [
        (&CapacityError::Zero, &["0 bytes"]),
        (&CapacityError::NotPowerOfTwo { bytes: 12288 }, &["12288", "16384"]),
        (&CapacityError::NotPowerOfTwo { bytes: u64::MAX }, &["use a power of two"]),
        (&CapacityError::BelowPage { bytes: 2048, page_size: 4096 }, &["2048", "4096"]),
        (&CapacityError::TooLarge { bytes: 1 << 40 }, &["1099511627776", "2 GiB"]),
        (&CapacityError::PageSize { page_size: 3 }, &["3 is not a page size"]),
        (&corrupt(CorruptReason::ConsumerMisaligned), &["position 0x40", "multiple of 8"]),
        (&misaligned, &["position 0x40", "0x1234", "multiple of 8"]),
        (
            &corrupt(CorruptReason::ProducerOutOfRange { producer }),
            &["0x1234", "more than the size of the ring"],
        ),
        (
            &corrupt(CorruptReason::RecordTooLong { footprint: 24, available: 16 }),
            &["24 bytes, but only 16", "another process"],
        ),
        (
            &corrupt(CorruptReason::ConsumerMoved { found: producer, stored: position(0x48) }),
            &["position is 0x1234", "stored 0x48 last", "another process reads this ring"],
        ),
        (&corrupt(CorruptReason::Forked), &["before fork()", "take_over()"]),
        (&ReserveError::TooLarge { len: 99, max: 88 }, &["99", "at most 88 bytes"]),
        (&ReserveError::Full { footprint: 24, free: 16 }, &["needs 24 bytes, but only 16"]),
    ];
    for (error, parts) in cases {
        let text = error.to_string();
        for part in parts {
            assert!(text.contains(part), "{part:?} expected: {text}");
        }
        assert!(error.source().is_none(), "{text}");
    }
    let nested = ReserveError::Corrupt(misaligned);
    assert_eq!(nested.to_string(), misaligned.to_string());
    assert!(nested.source().is_none(), "the text has the cause: printed twice otherwise");
    assert!(Capacity::new(0, 4096).is_err_and(|error| error == CapacityError::Zero));
}
