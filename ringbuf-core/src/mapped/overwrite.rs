//! The view of a reader of a ring in overwrite mode.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

use super::pages::{PositionWord, WIDE, acquired, halves};
use super::{MappedOverwrite, Pages};
use crate::{Header, Offset, OverwriteMemory, Position, StoreOrder};

// SAFETY: M1 to M6 and M9 hold by the contract of `MappedOverwrite::new`. Each method makes
// the accesses that it names: single relaxed loads of words, which Rust allows on read-only
// memory and beside concurrent writes of the kernel.
unsafe impl<K: StoreOrder> OverwriteMemory for MappedOverwrite<K> {
    fn initial_consumer_pos(&self) -> Position {
        self.pages.load_own(self.pages.consumer_pos)
    }

    fn store_consumer_pos(&self, position: Position, order: Ordering) {
        self.pages.store_position(self.pages.consumer_pos, position, order);
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.pages.load_far(self.pages.producer_pos, order)
    }

    fn load_overwrite_pos(&self, order: Ordering) -> Position {
        let third = 2 * self.pages.second_position();
        // SAFETY: the producer page is a whole page, mapped readable (M1).
        let word = unsafe { self.pages.producer_pos.byte_add(third) };
        self.pages.load_far(word, order)
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        Header::from_bits(acquired(self.pages.word(at).load(Ordering::Relaxed), order))
    }

    unsafe fn copy_sample(&self, at: Offset, buffer: &mut [u8]) {
        let mut next = self.pages.sample_ptr(at).cast::<AtomicUsize>();
        let mut word = || {
            // SAFETY: M1; aligned, since a sample begins at a multiple of 8. The caller
            // guarantees that the sample, rounded up to a multiple of 8, lies in the two
            // copies of the data (M2).
            let word = unsafe { &*next }.load(Ordering::Relaxed);
            next = next.wrapping_add(1);
            word.to_ne_bytes()
        };
        let mut parts = buffer.chunks_exact_mut(size_of::<usize>());
        for part in &mut parts {
            part.copy_from_slice(&word());
        }
        let rest = parts.into_remainder();
        if !rest.is_empty() {
            for (to, from) in rest.iter_mut().zip(word()) {
                *to = from;
            }
        }
    }

    fn fence(&self, order: Ordering) {
        fence(order);
    }

    fn is_tso(&self) -> bool {
        self.keep.is_tso()
    }
}

impl Pages {
    /// Loads a position of the other role, however far it is from the own position. A 32-bit
    /// process on a 64-bit kernel loads the halves: see [`load_foreign`](Pages::load_foreign)
    /// for the reason.
    fn load_far(&self, word: NonNull<u64>, order: Ordering) -> Position {
        let value = match self.position_word(word) {
            PositionWord::Bits32(word) => u64::from(word.load(Ordering::Relaxed)),
            PositionWord::Bits64(word) if WIDE => word.load(Ordering::Relaxed),
            PositionWord::Bits64(_) => {
                let [low, high] = halves(word);
                let load =
                    |half: &AtomicU32| acquired(half.load(Ordering::Relaxed), Ordering::Acquire);
                joined(|| load(high), || load(low))
            }
        };
        Position::new(acquired(value, order), self.width)
    }
}

/// Joins both halves of a position that only grows. If the high half was the same before and
/// after the load of the low half, they belong together. It changes each 4 GiB, so a second
/// try is enough, unless the process stands still in each.
fn joined(high: impl Fn() -> u32, low: impl Fn() -> u32) -> u64 {
    let mut before = high();
    let mut found = low();
    for _ in 0..4 {
        let after = high();
        if after == before {
            break;
        }
        (before, found) = (after, low());
    }
    u64::from(before) << 32 | u64::from(found)
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::joined;

    /// The position moves at any of the loads.
    #[test]
    fn halves_that_move_are_joined_to_a_position_that_was_there() {
        let positions = [0xffff_fff8_u64, 0x1_0000_0000, 0x1_0000_0008];
        for (first, second) in [(0, 1), (0, 2), (1, 2), (0, 5), (3, 5), (1, 1)] {
            let loads = Cell::new(0);
            let now = || {
                let load = loads.replace(loads.get() + 1);
                positions[usize::from(load > first) + usize::from(load > second)]
            };
            let found = joined(|| (now() >> 32) as u32, || now() as u32);
            assert!(positions.contains(&found), "{first} {second}: {found:#x}");
        }
    }
}
