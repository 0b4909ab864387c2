//! What has to happen at the end of a test, also if it fails.

/// Calls it when dropped. Otherwise a test that fails waits for ever for a thread of its scope that
/// nobody ends.
#[derive(Debug)]
#[must_use = "it is called as soon as this is dropped"]
pub struct AtEnd<F: FnMut()>(
    /// What to call.
    pub F,
);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
