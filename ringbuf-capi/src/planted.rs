//! Defects that the differential test plants, to see that it can fail.

/// Whether the defect of this number is planted. Never in a library that is not built for
/// the test.
#[cfg(feature = "planted")]
pub(crate) fn planted(number: u32) -> bool {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    static PLANTED: AtomicU32 = AtomicU32::new(u32::MAX);
    if PLANTED.load(Relaxed) == u32::MAX {
        let text = crate::c::variable(c"RINGBUF_PLANTED");
        let number = text.and_then(|text| text.to_str().ok()).and_then(|text| text.parse().ok());
        PLANTED.store(number.unwrap_or(0), Relaxed);
    }
    PLANTED.load(Relaxed) == number
}

/// As above.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub(crate) const fn planted(_: u32) -> bool {
    false
}
