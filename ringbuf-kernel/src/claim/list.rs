//! The ids that are claimed, and the lock around them. The models compile this
//! file once more, over loom's atomics: what stands above says which.

use super::atomic::{AtomicPtr, AtomicU32, Ordering};
use super::thread;

/// What no map has as its id.
const FREE: u32 = 0;

/// All places, the last one first.
#[derive(Debug)]
pub(super) struct List {
    /// The number of the process that has the lock, or 0.
    pub(super) lock: AtomicU32,
    /// Null, or leaked by `push`.
    pub(super) first: AtomicPtr<Place>,
}

/// Room for one id, in a list that only grows: whole whenever a fork comes.
#[derive(Debug)]
pub(super) struct Place {
    id: AtomicU32,
    next: Option<&'static Place>,
}

impl List {
    /// A place for `id`, unless it has one. Who had it before comes before who
    /// has it now: the one has stored a position that the other loads.
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

    /// One more. The caller has the lock.
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

    /// The lock, which knows who has it: one that a thread of the parent had when
    /// this process was forked is nobody's here.
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
