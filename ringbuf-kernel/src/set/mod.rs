//! [`RingSet`]: many rings, read by one thread.

mod callback;
mod error;
mod finish;
mod handle;
mod host;
mod merged;
mod ready;
mod stuck;
mod timer;
mod waiting;

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use ringbuf_core::{Slot, Token};

pub use callback::{Callback, SendCallback};
pub use error::{RingError, SetError};
pub use finish::{RingFinished, SetFinished};
pub use handle::SetHandle;
pub use merged::{KeyClock, MergedBatch, MergedRings};
pub use ready::Ready;

use crate::{Budget, Drained, Mapping, Record, RingBuf, WaitError, WaitPolicy, Waker};
use handle::{Change, Shared};
use host::EpollHost;

/// What a set that is full could not do.
const FILL: &str = "add a ring to the set";

type Rings<T> = ringbuf_core::RingSet<EpollHost, T, Vec<Slot<RingBuf, T>>>;

/// Many rings that one thread reads: one wait for all, and turns that no ring can take
/// from another.
///
/// Each ring has a tag, which comes with its records: a name, a state, or a callback (see
/// [`Callback`]). A ring is named by the id of its map.
///
/// One [`WaitPolicy`] holds for the set. Rings that are sparse alone and dense together
/// are read like one dense ring: the traced programs rarely notify. An idle ring costs one
/// look each [`max_sleep`](WaitPolicy::max_sleep). A ring with many records gets one turn
/// after another, each within a [`Budget`] (a millisecond, if you set none). So a record of
/// another ring, if it notifies, waits no longer than this budget times the number of
/// active rings, plus the longest nap.
///
/// Dropping the set drops the rings, and each publishes its position.
///
/// # Threads
/// One thread reads. Others may end its wait by a [`waker`](Self::waker), and add and
/// remove rings by a [`handle`](Self::handle), also while it waits.
///
/// # An event loop of your own
/// The set is a file descriptor. After [`arm`](Self::arm) says
/// [`Armed::Sleep`](crate::Armed::Sleep), it becomes readable (`EPOLLIN`) with the next record
/// of any ring, wake, or change by a handle: in epoll (level- or edge-triggered), poll, select,
/// or io_uring. Only `wait` naps.
/// ```no_run
/// # use std::time::Duration;
/// # use ringbuf_kernel::{Armed, RingBuf, RingSet, WaitPolicy, Wakeup};
/// # fn block_until_readable(_: std::os::fd::BorrowedFd, _: Duration) {}
/// # use std::os::fd::AsFd;
/// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
/// while set.wait(Some(Duration::ZERO))? != Wakeup::Woken {
///     set.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
///     if set.arm()? == Armed::Sleep {
///         block_until_readable(set.as_fd(), Duration::from_secs(1)); // your loop
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Fork
/// A child of `fork` owns no ring of the set. Dropping the set there, or removing a ring,
/// changes nothing in the parent. Waiting, arming and adding are errors. A drain reads
/// nothing: it ends, or reports [`CorruptReason::Forked`](crate::CorruptReason::Forked).
///
/// ```no_run
/// use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
///
/// let mut set = RingSet::new(WaitPolicy::balanced())?;
/// set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
/// set.insert(RingBuf::from_pin("/sys/fs/bpf/connect")?, "connect")?;
/// loop {
///     set.wait(None)?;
///     set.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RingSet<T> {
    rings: Rings<T>,
    shared: Arc<Shared<T>>,
}

impl<T> RingSet<T> {
    /// Creates an empty set.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// let mut set = RingSet::new(WaitPolicy::balanced())?;
    /// set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WaitError`] if no file descriptor is left: a set needs three.
    pub fn new(policy: WaitPolicy) -> Result<Self, WaitError> {
        let host = EpollHost::new()?;
        let shared = Shared::of(&host);
        Ok(Self { rings: Rings::new(host, Vec::new(), policy), shared })
    }

    /// Adds a ring, and returns the id of its map. From now on the set's policy holds for
    /// it.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// let mut set = RingSet::new(WaitPolicy::balanced())?;
    /// let id = set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// set.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The system refuses to watch it, or this is a child of `fork`. Then ring and tag are
    /// dropped; open the ring again.
    pub fn insert(&mut self, ring: RingBuf, tag: T) -> Result<u32, WaitError> {
        self.admit();
        let id = ring.id();
        self.rings.insert(ring, tag).map(|_| id).map_err(|refused| {
            let full = || io::Error::other("it has four billion rings");
            refused.error.unwrap_or_else(|| WaitError { operation: FILL, source: full() })
        })
    }

    /// Removes the ring of this map, or returns `None` if the set does not have it.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// # let mut set = RingSet::new(WaitPolicy::balanced())?;
    /// let id = set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// assert!(set.get(id).is_some());
    /// let (ring, name) = set.remove(id).expect("it is in the set");
    /// assert_eq!((ring.id(), name), (id, "exec"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&mut self, id: u32) -> Option<(RingBuf, T)> {
        self.admit();
        self.rings.remove(self.token(id)?)
    }

    /// Returns the ring of this map and its tag.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// # let mut set = RingSet::new(WaitPolicy::balanced())?;
    /// let id = set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// if let Some((ring, name)) = set.get(id) {
    ///     println!("{name}: {} bytes unread", ring.lag()?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn get(&self, id: u32) -> Option<(&RingBuf, &T)> {
        self.rings.get(self.token(id)?)
    }

    /// Returns the tag of the ring of this map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// let mut set = RingSet::new(WaitPolicy::balanced())?;
    /// let id = set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, 0)?;
    /// // A tag that counts the records of its ring:
    /// set.drain(|count, _| *count += 1)?;
    /// if let Some(count) = set.tag_mut(id) {
    ///     println!("{} records", std::mem::take(count));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag_mut(&mut self, id: u32) -> Option<&mut T> {
        self.rings.tag_mut(self.token(id)?)
    }

    /// Returns the policy of the set.
    ///
    /// ```
    /// use ringbuf_kernel::{RingSet, WaitPolicy};
    ///
    /// let set = RingSet::<()>::new(WaitPolicy::low_cost())?;
    /// assert_eq!(set.policy(), &WaitPolicy::low_cost());
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    #[must_use]
    pub fn policy(&self) -> &WaitPolicy {
        self.rings.policy()
    }

    /// Returns all rings and their tags.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// # let mut set = RingSet::new(WaitPolicy::balanced())?;
    /// set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// for (ring, name) in set.iter() {
    ///     println!("{name}: {} bytes unread", ring.lag()?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&RingBuf, &T)> {
        self.rings.tokens().filter_map(|token| self.rings.get(token))
    }

    /// Returns the number of rings, without those that a handle adds and the set has not
    /// seen yet: the next wait does.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// let mut set = RingSet::new(WaitPolicy::balanced())?;
    /// set.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// set.handle().insert(RingBuf::from_pin("/sys/fs/bpf/connect")?, "connect")?;
    /// assert_eq!(set.len(), 1);
    /// set.wait(Some(Duration::ZERO))?;
    /// assert_eq!(set.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.rings.len()
    }

    /// Returns true if the set has no rings, not counting those that [`len`](Self::len) does
    /// not count. A wait without a timeout then lasts until a handle adds one, or a wake.
    ///
    /// ```
    /// use ringbuf_kernel::{RingSet, WaitPolicy};
    ///
    /// assert!(RingSet::<()>::new(WaitPolicy::balanced())?.is_empty());
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// Sets what one ring may read in one turn.
    ///
    /// ```
    /// # use ringbuf_kernel::{Budget, RingSet, WaitPolicy};
    /// let mut set = RingSet::<()>::new(WaitPolicy::balanced())?;
    /// set.set_budget(Budget::unlimited().records(1000));
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    pub fn set_budget(&mut self, budget: Budget) {
        self.rings.set_budget(budget);
    }

    /// Reads each ring that has records once, within the budget, in turns. Call it after
    /// [`wait`](Self::wait).
    ///
    /// Ends with [`Drained::Limit`] if a ring has used up its budget: the next wait
    /// returns at once. Ends as soon as `each` breaks. Never blocks.
    ///
    /// ```no_run
    /// # use std::ops::ControlFlow;
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// let end = set.for_each(|name, record| match &record[..] {
    ///     b"end" => ControlFlow::Break(*name),
    ///     _ => ControlFlow::Continue(()),
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// One ring is corrupt. It gets no more turns; call this again for the others.
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        each: impl FnMut(&mut T, Record<'_, Mapping>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, RingError> {
        self.rings.for_each(each).map_err(|failed| RingError::of(&self.rings, failed))
    }

    /// As [`for_each`](Self::for_each), but the callback never breaks.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// set.wait(None)?;
    /// set.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
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
        self.rings.drain(each).map_err(|failed| RingError::of(&self.rings, failed))
    }

    /// Returns a ring that has something to read, for programs that read by batches. Each
    /// ring is returned once at most between two waits.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{Next, RingBuf, RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// set.wait(None)?;
    /// while let Some(mut ring) = set.next_ready() {
    ///     let name = *ring.tag();
    ///     let batch = ring.batch();
    ///     while let Next::Record(record) = batch.next()? {
    ///         println!("{name}: {} bytes", record.len());
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_ready(&mut self) -> Option<Ready<'_, T>> {
        self.rings.next_ready().map(|ring| Ready { ring })
    }

    /// Returns a waker, which ends a wait of this set from another thread or a signal
    /// handler.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingSet, WaitPolicy};
    /// let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// let waker = set.waker();
    /// std::thread::spawn(move || waker.wake());
    /// set.wait(None)?; // Wakeup::Woken
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.rings.host().waker().clone()
    }

    /// Returns a handle, which adds and removes rings from another thread.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// let mut set = RingSet::new(WaitPolicy::balanced())?;
    /// let handle = set.handle();
    /// std::thread::spawn(move || {
    ///     let ring = RingBuf::from_pin("/sys/fs/bpf/exec").expect("a ring");
    ///     handle.insert(ring, "exec").expect("room")
    /// });
    /// set.wait(None)?; // takes the ring in
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn handle(&self) -> SetHandle<T> {
        SetHandle { shared: self.shared.clone() }
    }

    /// Makes the changes that handles have asked for.
    fn admit(&mut self) {
        let rings = &mut self.rings;
        self.shared.admit(|change| match change {
            // It is watched already, so nothing can be refused.
            Change::Insert(ring, tag) => drop(rings.insert(*ring, tag)),
            Change::Remove(id) => {
                let token = token(rings, id);
                drop(token.and_then(|token| rings.remove(token)));
            }
        });
    }

    fn token(&self, id: u32) -> Option<Token> {
        token(&self.rings, id)
    }
}

fn token<T>(rings: &Rings<T>, id: u32) -> Option<Token> {
    let is_it = |&token: &Token| rings.get(token).is_some_and(|(ring, _)| ring.id() == id);
    rings.tokens().find(is_it)
}

impl<T> Drop for RingSet<T> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<T> fmt::Debug for RingSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.iter().map(|(ring, _)| ring.id()).collect::<Vec<_>>();
        let policy = self.policy();
        f.debug_struct("RingSet").field("ids", &ids).field("policy", policy).finish_non_exhaustive()
    }
}

impl<T> AsFd for RingSet<T> {
    /// The epoll set: see [the type](Self).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.rings.host().epoll().as_fd()
    }
}

impl<T> AsRawFd for RingSet<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
