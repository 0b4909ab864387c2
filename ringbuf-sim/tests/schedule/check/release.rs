//! The space that a consumer may hold back from the producers.

use super::Check;

/// A batch or a drain, as the rule sees it. All values are bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// The consumer holds back.
    pub(crate) holds_back: bool,
    /// Space was given back before its end, too.
    pub(crate) meanwhile: bool,
    /// The bytes consumed and not released at its start.
    pub(crate) before: u64,
    /// The bytes that it consumed.
    pub(crate) passed: u64,
    /// The bytes not released after its end.
    pub(crate) after: u64,
}

impl Check {
    /// At its end, everything except the last two records is released. A released
    /// part of these stays released. If they take more than an eighth of the ring,
    /// everything is released.
    pub(crate) fn has_read(&mut self, read: Read) {
        if self.plan.hostile || read.passed == 0 {
            return;
        }
        let two = (self.consumed - self.tail[0]).min(read.before + read.passed);
        let keep = if read.holds_back && two <= self.plan.capacity / 8 { two } else { 0 };
        // Bytes released on the way no longer count.
        let most = if read.holds_back { two.min(self.plan.capacity / 8) } else { 0 };
        let right = read.after == keep || read.meanwhile && read.after <= most;
        self.must(right, || format!("the last two records have {two} bytes: {read:?}"));
    }
}
