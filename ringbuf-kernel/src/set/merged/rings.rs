//! The rings of a merge: they come and go.

use std::io;

use ringbuf_core::{RingCounts, Token};

use super::{MergedRings, Rings};
use crate::set::handle::Change;
use crate::set::{FILL, SetHandle};
use crate::{Mapping, Record, RingBuf, WaitError};
#[cfg(doc)]
use ringbuf_core::Merge;

impl<T, K, const W: usize> MergedRings<T, K, W>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    /// Adds a ring, and returns the id of its map. From now on the policy holds for it.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// let id = rings.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// assert!(rings.get(id).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`RingSet::insert`](crate::RingSet::insert).
    pub fn insert(&mut self, ring: RingBuf, tag: T) -> Result<u32, WaitError> {
        self.admit();
        let id = ring.id();
        self.merge.insert(ring, tag).map(|_| id).map_err(|refused| {
            let full = || io::Error::other("it has four billion rings");
            refused.error.unwrap_or_else(|| WaitError { operation: FILL, source: full() })
        })
    }

    /// Removes the ring of this map, or returns `None` if it is not here. Records that are
    /// held stay in the ring; see [`Merge::remove`].
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// let id = rings.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// let (ring, name) = rings.remove(id).expect("it is in the merge");
    /// assert_eq!((ring.id(), name), (id, "exec"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&mut self, id: u32) -> Option<(RingBuf, T)> {
        self.admit();
        self.merge.remove(self.token(id)?)
    }

    /// Returns the ring of this map and its tag.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// let id = rings.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// if let Some((ring, name)) = rings.get(id) {
    ///     println!("{name}: {} bytes unread", ring.lag()?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn get(&self, id: u32) -> Option<(&RingBuf, &T)> {
        let (ring, lane) = self.merge.set().get(self.token(id)?)?;
        Some((ring, lane.tag()))
    }

    /// Returns the tag of the ring of this map.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// let id = rings.insert(RingBuf::from_pin("/sys/fs/bpf/exec")?, "exec")?;
    /// if let Some(name) = rings.tag_mut(id) {
    ///     *name = "execve";
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag_mut(&mut self, id: u32) -> Option<&mut T> {
        self.merge.tag_mut(self.token(id)?)
    }

    /// Returns all rings, their tags, and what was read of them.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// for (ring, name, counts) in rings.iter() {
    ///     println!("{name}, map {}: {} records, {} late", ring.id(), counts.delivered, counts.late);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&RingBuf, &T, RingCounts)> {
        let set = self.merge.set();
        let rings = set.tokens().filter_map(|token| set.get(token));
        rings.map(|(ring, lane)| (ring, lane.tag(), lane.counts()))
    }

    /// Returns the number of rings.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// assert_eq!(rings.len(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.merge.set().len()
    }

    /// Returns true if there are no rings.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// assert!(rings.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.merge.set().is_empty()
    }

    /// Returns a handle, which adds and removes rings from another thread.
    ///
    /// ```
    /// use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy};
    /// # use std::time::Duration;
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    ///
    /// let lateness = Duration::from_millis(1);
    /// let mut rings = MergedRings::<&str, _>::new(WaitPolicy::balanced(), lateness, stamp)?;
    /// let handle = rings.handle();
    /// std::thread::spawn(move || handle.remove(17)); // for example, when its CPU goes offline
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    #[must_use]
    pub fn handle(&self) -> SetHandle<T> {
        SetHandle { shared: self.shared.clone() }
    }

    /// Makes the changes that handles have asked for.
    pub(super) fn admit(&mut self) {
        let merge = &mut self.merge;
        self.shared.admit(|change| match change {
            // It is watched already, so nothing can be refused but for want of a number.
            Change::Insert(ring, tag) => drop(merge.insert(*ring, tag)),
            Change::Remove(id) => {
                let token = token(merge, id);
                drop(token.and_then(|token| merge.remove(token)));
            }
        });
    }

    fn token(&self, id: u32) -> Option<Token> {
        token(&self.merge, id)
    }
}

fn token<T, K, const W: usize>(merge: &Rings<T, K, W>, id: u32) -> Option<Token>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    let set = merge.set();
    let is_it = |&token: &Token| set.get(token).is_some_and(|(ring, _)| ring.id() == id);
    set.tokens().find(is_it)
}
