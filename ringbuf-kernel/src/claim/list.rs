//! The claimed ids, and the lock around them. The models compile this file a second
//! time, over loom's atomics: the parent module decides which atomics it uses.

use super::atomic::{AtomicPtr, AtomicU32, Ordering};
use super::thread;

/// No map has this id.
const FREE: u32 = 0;

/// All places, the last one first.
#[derive(Debug)]
pub(super) struct List {
    /// The number of the process that has the lock, or 0.
    pub(super) lock: AtomicU32,
    /// Null, or leaked by `push`.
    pub(super) first: AtomicPtr<Place>,
}

/// Room for one id. The list only grows, so it is whole at every moment of a fork.
#[derive(Debug)]
pub(super) struct Place {
    id: AtomicU32,
    next: Option<&'static Place>,
}

impl List {
    /// Takes a place for `id`; `None` if `id` has one already. What the last holder of
    /// `id` did happens before this: it stored a position that the next one loads.
    pub(super) fn claim(&self, id: u32, process: u32) -> Option<&'static Place> {
        let _locked = self.lock(process);
        let mut free = None;
        for place in self.places() {
            match place.id.load(Ordering::Acquire) {
                taken if taken == id => return None,
                FREE => free = Some(place),
                _ => {}
            }
        }
        let place = free.unwrap_or_else(|| self.push());
        place.id.store(id, Ordering::Relaxed);
        Some(place)
    }

    /// Adds a place. The caller has the lock.
    pub(super) fn push(&self) -> &'static Place {
        let place = Box::leak(Box::new(Place { id: AtomicU32::new(FREE), next: self.first() }));
        // A child that is forked next has no lock to rely on.
        self.first.store(place, Ordering::Release);
        place
    }

    fn places(&self) -> impl Iterator<Item = &'static Place> {
        std::iter::successors(self.first(), |place| place.next)
    }

    fn first(&self) -> Option<&'static Place> {
        // SAFETY: null, or leaked by `push`: it lives as long as the process.
        unsafe { self.first.load(Ordering::Acquire).as_ref() }
    }

    /// Takes the lock. The lock holds the number of its process: in a child of `fork`,
    /// a lock that a thread of the parent had counts as free.
    pub(super) fn lock(&self, process: u32) -> Locked<'_> {
        let take =
            |from| self.lock.compare_exchange(from, process, Ordering::Acquire, Ordering::Relaxed);
        while let Err(found) = take(0) {
            if found != process && take(found).is_ok() {
                break;
            }
            thread::yield_now();
        }
        Locked { list: self }
    }
}

impl Place {
    /// Without the lock, which a child of fork might not get.
    pub(super) fn give_back(&self) {
        self.id.store(FREE, Ordering::Release);
    }
}

/// The list is locked while this lives.
#[derive(Debug)]
pub(super) struct Locked<'l> {
    list: &'l List,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.list.lock.store(0, Ordering::Release);
    }
}
