//! Adding and removing rings from another thread.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use ringbuf_core::Wakes;

use super::SetError;
use super::host::{EpollHost, NEW, check_owner};
use crate::owner::Process;
use crate::{RingBuf, Waker, sleep};

/// Adds and removes rings of a [`RingSet`](super::RingSet) or of
/// [`MergedRings`](super::MergedRings) from another thread, also while that set waits. Clones
/// change the same set.
///
/// The thread that waits makes each change, in order, before its next sleep. Its wait does
/// not end for that. Until then, records of a removed ring are still delivered.
///
/// ```no_run
/// use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
///
/// let mut set = RingSet::new(WaitPolicy::balanced())?;
/// let handle = set.handle();
/// std::thread::spawn(move || {
///     let ring = RingBuf::from_pin("/sys/fs/bpf/late").unwrap();
///     let id = ring.id();
///     handle.insert(ring, "late").unwrap();
///     handle.remove(id);
/// });
/// while set.wait(None)? != ringbuf_kernel::Wakeup::Woken {
///     set.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// Tags go to another thread with it, so they must be `Send`:
/// ```compile_fail,E0277
/// # use ringbuf_kernel::{RingSet, WaitPolicy};
/// let handle = RingSet::<std::rc::Rc<()>>::new(WaitPolicy::balanced()).unwrap().handle();
/// std::thread::spawn(move || handle.remove(1));
/// ```
pub struct SetHandle<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> SetHandle<T> {
    /// Adds a ring to the set.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, RingSet, SetError, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// # let handle = set.handle();
    /// match handle.insert(RingBuf::from_pin("/sys/fs/bpf/late")?, "late") {
    ///     Ok(()) => println!("the thread of the set will read it"),
    ///     Err(SetError::Closed) => println!("nobody reads any more"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SetError::Wait`] if the system refuses to watch it; [`SetError::Closed`] if the
    /// set was dropped. Then the ring is dropped; open it again.
    pub fn insert(&self, ring: RingBuf, tag: T) -> Result<(), SetError> {
        check_owner(self.shared.process)?;
        // Whatever the system refuses, it refuses here. The set gives the token.
        let events = libc::EPOLLIN | libc::EPOLLET;
        sleep::watch(&self.shared.epoll, ring.as_raw_fd(), events, NEW)?;
        self.shared.change(Change::Insert(Box::new(ring), tag))
    }

    /// Removes the ring of this map and drops it, in the thread of the set. Nothing
    /// happens if the set does not have it, or in a child of `fork`.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// # let handle = set.handle();
    /// let ring = RingBuf::from_pin("/sys/fs/bpf/late")?;
    /// let id = ring.id(); // the name of the ring, for later
    /// handle.insert(ring, "late")?;
    /// handle.remove(id);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self, id: u32) {
        // A set that was dropped has dropped its rings, too.
        if self.shared.process.is_current() {
            self.shared.change(Change::Remove(id)).ok();
        }
    }
}

impl<T> Clone for SetHandle<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for SetHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetHandle").finish_non_exhaustive()
    }
}

/// What the handles of a set share with it.
pub(super) struct Shared<T> {
    /// `None`: the set was dropped.
    queue: Mutex<Option<VecDeque<Change<T>>>>,
    changes: Waker,
    epoll: Arc<OwnedFd>,
    process: Process,
}

pub(super) enum Change<T> {
    Insert(Box<RingBuf>, T),
    Remove(u32),
}

impl<T> Shared<T> {
    /// What the handles of a set over this host share with it.
    pub(super) fn of(host: &EpollHost) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(Some(VecDeque::new())),
            changes: host.changes().clone(),
            epoll: host.epoll().clone(),
            process: host.process(),
        })
    }

    /// Makes the changes that handles have asked for. They stay in the queue until then, so
    /// that a tag that panics when it is dropped loses no other.
    pub(super) fn admit(&self, mut make: impl FnMut(Change<T>)) {
        if self.changes.take() == Wakes::NONE {
            return;
        }
        let rest = Rest(self);
        while let Some(change) = rest.0.next() {
            make(change);
        }
    }

    fn next(&self) -> Option<Change<T>> {
        self.queue().as_mut()?.pop_front()
    }

    /// From now on no change is accepted. Rings that were not admitted are dropped.
    pub(super) fn close(&self) {
        let rest = self.queue().take();
        drop(rest);
    }

    fn change(&self, change: Change<T>) -> Result<(), SetError> {
        self.queue().as_mut().ok_or(SetError::Closed)?.push_back(change);
        self.changes.wake();
        Ok(())
    }

    fn queue(&self) -> MutexGuard<'_, Option<VecDeque<Change<T>>>> {
        // Nothing panics under the lock, except for want of memory.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes that are left are made later, even if a tag panics when it is dropped.
struct Rest<'a, T>(&'a Shared<T>);

impl<T> Drop for Rest<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.changes.wake();
        }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::SetHandle;
    use crate::{RingError, RingSet, SetError};

    #[test]
    fn sets_and_their_errors_go_to_other_threads() {
        fn is_send<T: Send>() {}
        fn is_shared<T: Send + Sync + 'static>() {}
        is_send::<RingSet<Vec<u8>>>();
        is_shared::<SetHandle<Vec<u8>>>();
        is_shared::<SetError>();
        is_shared::<RingError>();
    }
}
