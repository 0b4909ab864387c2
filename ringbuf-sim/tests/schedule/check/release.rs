//! What a consumer that holds back may keep from the producers.

use super::Check;

/// A batch or a drain, as the rule sees it. All in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// The consumer holds back.
    pub(crate) holds_back: bool,
    /// Space was given back before its end, too.
    pub(crate) meanwhile: bool,
    /// What was consumed and not released when it began.
    pub(crate) before: u64,
    /// What it consumed.
    pub(crate) passed: u64,
    /// What is not released after its end.
    pub(crate) after: u64,
}

impl Check {
    /// At its end all is released but the last two records, as far as they were
    /// not released before, or all if those are more than an eighth of the ring.
    pub(crate) fn has_read(&mut self, read: Read) {
        if self.plan.hostile || read.passed == 0 {
            return;
        }
        let two = (self.consumed - self.tail[0]).min(read.before + read.passed);
        let keep = if read.holds_back && two <= self.plan.capacity / 8 { two } else { 0 };
        // What was released meanwhile no longer counts, wherever that was.
        let most = if read.holds_back { two.min(self.plan.capacity / 8) } else { 0 };
        let right = read.after == keep || read.meanwhile && read.after <= most;
        self.must(right, || format!("the last two records have {two} bytes: {read:?}"));
    }
}
