//! [`RingBuffer`]: `struct ring_buffer`, a manager of rings.

use std::cell::{Cell, UnsafeCell};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use libc::{c_int, c_void};
use ringbuf_core::{RingMemory, TurnState};
use ringbuf_kernel::bare_consumer;

use crate::added::{ADDED, Added};
use crate::c::{self, SampleFn};
use crate::planted::planted;
use crate::ring::Ring;
use crate::settings::{self, Policy};

/// The first word of a manager of ours. No pointer has this value, and libbpf's struct begins
/// with one. `ringbuf_capi.h` states it, too.
pub(crate) const MAGIC: u64 = 0xb1f0_5eed_b0ff_e501;

/// A manager. Callbacks may run while it is borrowed, so all that changes is in cells, and no
/// reference into a cell lives longer than a call that runs no callback.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct RingBuffer {
    magic: Cell<u64>,
    /// What `ringbuf_capi.h` calls.
    added: &'static Added,
    pub(crate) epoll: c_int,
    /// In order of add.
    rings: UnsafeCell<Vec<*mut Ring>>,
    /// Room for an event of each ring.
    events: UnsafeCell<Vec<libc::epoll_event>>,
    policy: Cell<Policy>,
    turns: UnsafeCell<Option<TurnState>>,
    /// An eventfd that ends polls, once it was asked for; before that -1.
    pub(crate) waker: AtomicI32,
    start: Instant,
}

impl RingBuffer {
    /// `ring_buffer__new`.
    ///
    /// # Errors
    /// An errno.
    pub(crate) fn new(
        fd: c_int,
        callback: SampleFn,
        context: *mut c_void,
    ) -> Result<*mut Self, c_int> {
        let epoll = c::epoll_create()?;
        let manager = Self {
            magic: Cell::new(MAGIC),
            added: &ADDED,
            epoll,
            rings: UnsafeCell::default(),
            events: UnsafeCell::default(),
            policy: Cell::new(Policy::of_environment()),
            turns: UnsafeCell::new(None),
            waker: AtomicI32::new(-1),
            start: Instant::now(),
        };
        if let Err(error) = manager.add(fd, callback, context) {
            c::close(epoll);
            return Err(error);
        }
        settings::say_once();
        if planted(25) {
            // SAFETY: takes plain numbers.
            unsafe { libc::dup(epoll) };
        }
        Ok(Box::into_raw(Box::new(manager)))
    }

    /// `ring_buffer__add`.
    ///
    /// # Errors
    /// An errno. The set is as before.
    pub(crate) fn add(
        &self,
        fd: c_int,
        callback: SampleFn,
        context: *mut c_void,
    ) -> Result<(), c_int> {
        if fd < 0 {
            return Err(if planted(1) { libc::EBADF } else { libc::EBADFD });
        }
        // SAFETY: not -1. That nothing is open there, the kernel tells (EBADFD).
        let map = unsafe { BorrowedFd::borrow_raw(fd) };
        // SAFETY: C3: the program has its readers of one map take turns, as libbpf wants it.
        let reader = unsafe { bare_consumer(map) };
        let reader = reader.map_err(|error| match c::number(&error) {
            libc::EBADFD if planted(1) => libc::EBADF,
            number => number,
        })?;
        // SAFETY: no other reference into this cell lives: see the type.
        let rings = unsafe { &mut *self.rings.get() };
        // SAFETY: as above.
        let events = unsafe { &mut *self.events.get() };
        rings.try_reserve(1).map_err(|_| libc::ENOMEM)?;
        let mark = rings.len() as u64;
        let added = c::epoll_add(self.epoll, fd, libc::EPOLLIN, mark);
        if !(planted(4) && added == Err(libc::EEXIST)) {
            added?;
        }
        events.push(libc::epoll_event { events: 0, u64: 0 });
        rings.push(Box::into_raw(Box::new(Ring::new(reader, callback, context, fd))));
        // SAFETY: as above. The smallest ring may be another one now.
        unsafe { *self.turns.get() = None };
        Ok(())
    }

    /// `ring_buffer__free`.
    ///
    /// # Safety
    /// `this` is from [`new`](Self::new), and nobody uses it or its rings after this.
    pub(crate) unsafe fn free(this: *mut Self) {
        // SAFETY: as the caller guarantees.
        let manager = unsafe { Box::from_raw(this) };
        manager.magic.set(0);
        // SAFETY: no other reference into this cell lives.
        for ring in unsafe { &*manager.rings.get() } {
            // SAFETY: made by `add`, and freed here alone.
            let ring = unsafe { Box::from_raw(*ring) };
            ring.end();
        }
        if !planted(19) {
            c::close(manager.epoll);
        }
        c::close(manager.waker.load(Relaxed));
    }

    /// The number of rings.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: no mutable reference into this cell lives: see the type.
        unsafe { &*self.rings.get() }.len()
    }

    /// The ring with this index, in order of add.
    pub(crate) fn ring(&self, index: usize) -> Option<&Ring> {
        // SAFETY: as above.
        let rings = unsafe { &*self.rings.get() };
        // SAFETY: made by `add`, and alive as long as the manager.
        rings.get(index).map(|ring| unsafe { &**ring })
    }

    /// Waits for the epoll set, and returns the number of events.
    pub(crate) fn wait_events(&self, millis: c_int) -> Result<usize, c_int> {
        // SAFETY: as above.
        let events = unsafe { &mut *self.events.get() };
        let most = c_int::try_from(events.len()).unwrap_or(c_int::MAX);
        // SAFETY: that much room.
        let count = unsafe { c::wait_events(self.epoll, events.as_mut_ptr(), most, millis)? };
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// The ring of an event of the last wait.
    pub(crate) fn ring_of_event(&self, index: usize) -> Option<&Ring> {
        // SAFETY: as above.
        let events = unsafe { &*self.events.get() };
        let mark = events.get(index)?.u64;
        self.ring(usize::try_from(mark).ok()?)
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy.get()
    }

    pub(crate) fn set_policy(&self, policy: Policy) {
        self.policy.set(policy);
        // SAFETY: as above.
        unsafe { *self.turns.get() = None };
    }

    /// Lets `decide` decide. It must not call back.
    pub(crate) fn turns<R>(&self, decide: impl FnOnce(&mut TurnState) -> R) -> Option<R> {
        // SAFETY: as above; `decide` runs no callback.
        let turns = unsafe { &mut *self.turns.get() };
        if turns.is_none() {
            let rings = (0..self.len()).filter_map(|index| self.ring(index));
            let capacity = rings.map(|ring| ring.reader.memory().capacity());
            let smallest = capacity.min_by_key(|capacity| capacity.bytes())?;
            *turns = Some(TurnState::new(self.policy.get().wait(), smallest));
        }
        turns.as_mut().map(decide)
    }

    /// The time since it was made.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
