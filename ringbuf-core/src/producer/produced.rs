//! [`Produced`]: who may move the position of a producer now.

use core::cell::Cell;

use crate::Position;

/// Keeps the position of a [`Producer`](crate::Producer), and lets one reservation at a
/// time move it.
///
/// [`Cell`] serves one thread. To reserve from many threads, [`Producer::share`] takes a
/// lock instead. This crate has none: `UserRingBuf::share` of ringbuf-kernel and
/// `SimUserRing::shared_producer` of ringbuf-sim bring one. The lock is held only while a
/// reservation is made: a few loads and stores. A commit does not take it.
///
/// [`Producer::share`]: crate::Producer::share
///
/// # Safety
/// - **P2** The steps of one value never overlap, and each happens before the next. Each
///   begins with the position that the last one left; the first begins with that of
///   [`new`](Self::new).
pub unsafe trait Produced {
    /// Starts at this position.
    fn new(position: Position) -> Self;

    /// Calls `step` with the position, and keeps what `step` leaves in it.
    ///
    /// `step` does not call this value again.
    fn step<R>(&self, step: impl FnOnce(&mut Position) -> R) -> R;
}

// SAFETY: P2: a cell is not `Sync`, so its steps are in one thread at a time.
unsafe impl Produced for Cell<Position> {
    fn new(position: Position) -> Self {
        Self::new(position)
    }

    #[inline]
    fn step<R>(&self, step: impl FnOnce(&mut Position) -> R) -> R {
        let mut position = self.get();
        let result = step(&mut position);
        self.set(position);
        result
    }
}
