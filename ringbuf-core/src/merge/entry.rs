//! [`Entry`]: what a merge knows about a record.

use core::cell::Cell;

use crate::{Position, SampleLen};

/// A record that is known, and not delivered yet.
///
/// **L1** While the consumed position of the consumer is the `base` of its window, this record
/// is not given back, it is in the produced bytes, and an acquire load saw it committed with
/// this length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: u64,
    pub(super) at: Position,
    pub(super) len: SampleLen,
}

pub(super) const NONE: Entry = Entry { key: u64::MAX, at: Position::ZERO, len: SampleLen::ZERO };

/// The place of an [`Entry`], field by field: what is stored in parts and loaded as a whole
/// waits for the stores.
#[derive(Debug)]
pub(super) struct Place {
    key: Cell<u64>,
    at: Cell<Position>,
    len: Cell<SampleLen>,
}

impl Place {
    pub(super) const fn new(Entry { key, at, len }: Entry) -> Self {
        Self { key: Cell::new(key), at: Cell::new(at), len: Cell::new(len) }
    }

    #[inline(always)]
    pub(super) fn get(&self) -> Entry {
        Entry { key: self.key.get(), at: self.at.get(), len: self.len.get() }
    }

    #[inline(always)]
    pub(super) fn set(&self, Entry { key, at, len }: Entry) {
        self.key.set(key);
        self.at.set(at);
        self.len.set(len);
    }
}
