//! [`Ring`]: `struct ring`, one ring of a manager.

use std::cell::Cell;
use std::time::Duration;

use libc::{c_int, c_void};
use ringbuf_core::{Counts, MappedConsumer, PageReader, Position, RingMemory};
use ringbuf_kernel::BareMaps;

use crate::c::SampleFn;
use crate::planted::planted;

pub(crate) type Reader = PageReader<MappedConsumer<BareMaps>>;
pub(crate) type Visit<'r> = ringbuf_core::Visit<'r, MappedConsumer<BareMaps>>;

/// The first word of a ring of ours. No pointer has this value, and libbpf's struct begins
/// with one.
pub(crate) const MAGIC: u64 = 0xb1f0_5eed_0f21_4e67;

/// One ring. It is at one address until its manager is freed. Callbacks may run while it is
/// borrowed, so all that changes is in cells.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Ring {
    magic: Cell<u64>,
    pub(crate) reader: Reader,
    pub(crate) callback: SampleFn,
    pub(crate) context: *mut c_void,
    /// The caller's number. The caller may have closed it.
    pub(crate) map_fd: c_int,
    pub(crate) delivered: Cell<u64>,
    pub(crate) discarded: Cell<u64>,
    /// The busy head that the last drain saw, and when it was first seen.
    pub(crate) stall: Cell<Option<(Position, Duration)>>,
}

impl Ring {
    pub(crate) fn new(
        reader: Reader,
        callback: SampleFn,
        context: *mut c_void,
        map_fd: c_int,
    ) -> Self {
        Self {
            magic: Cell::new(MAGIC),
            reader,
            callback,
            context,
            map_fd,
            delivered: Cell::new(0),
            discarded: Cell::new(0),
            stall: Cell::new(None),
        }
    }

    /// After this call, it is not a ring of this library any more.
    pub(crate) fn end(&self) {
        self.magic.set(0);
    }

    /// Adds what a visit has passed.
    pub(crate) fn count(&self, counts: Counts) {
        self.delivered.set(self.delivered.get().wrapping_add(counts.delivered));
        self.discarded.set(self.discarded.get().wrapping_add(counts.discarded));
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.reader.memory().capacity().bytes()
    }

    /// `ring__avail_data_size`.
    pub(crate) fn available(&self) -> u64 {
        let lag = self.reader.lag();
        if planted(15) { lag.saturating_sub(8) } else { lag }
    }
}
