//! [`Ready`]: the turn of one ring.

use std::ops::ControlFlow;

use super::RingError;
use super::host::EpollHost;
use crate::{Batch, Drained, Mapping, Record};

/// A ring of a set that has something to read, for one turn.
///
/// ```no_run
/// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
/// # let mut set = RingSet::new(WaitPolicy::balanced())?;
/// set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
/// set.wait(None)?;
/// while let Some(mut ring) = set.next_ready() {
///     println!("map {}:", ring.id());
///     ring.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ready<'s, T> {
    pub(super) ring: ringbuf_core::Ready<'s, EpollHost, T>,
}

impl<T> Ready<'_, T> {
    /// Returns the id of the map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// set.wait(None)?;
    /// while let Some(mut ring) = set.next_ready() {
    ///     println!("{}", ring.id());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> u32 {
        self.ring.ring().id()
    }

    /// Returns the tag of the ring.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// set.wait(None)?;
    /// while let Some(mut ring) = set.next_ready() {
    ///     println!("{}", ring.tag());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag(&mut self) -> &mut T {
        self.ring.tag()
    }

    /// Reads the ring within the budget of the set.
    ///
    /// ```no_run
    /// # use std::ops::ControlFlow;
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// while let Some(mut ring) = set.next_ready() {
    ///     // One record of each ring:
    ///     let end = ring.for_each(|name, record| ControlFlow::Break((*name, record.len())))?;
    ///     println!("{end:?}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The ring is corrupt. It gets no more turns.
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        each: impl FnMut(&mut T, Record<'_, Mapping>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, RingError> {
        let end = self.ring.for_each(each);
        end.map_err(|failed| RingError::new(self.ring.ring(), failed.corrupt))
    }

    /// As [`for_each`](Self::for_each), but the callback never breaks.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// set.wait(None)?;
    /// while let Some(mut ring) = set.next_ready() {
    ///     ring.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each).
    #[inline(always)]
    pub fn drain(
        &mut self,
        each: impl FnMut(&mut T, Record<'_, Mapping>),
    ) -> Result<Drained, RingError> {
        let end = self.ring.drain(each);
        end.map_err(|failed| RingError::new(self.ring.ring(), failed.corrupt))
    }

    /// Begins a batch of this ring. The budget of the set does not limit it. A batch that
    /// is forgotten (`mem::forget`) delivers its records again.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// set.wait(None)?;
    /// while let Some(mut ring) = set.next_ready() {
    ///     println!("{} records", ring.batch().records().count());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(&mut self) -> Batch<'_, Mapping> {
        self.ring.batch()
    }
}
