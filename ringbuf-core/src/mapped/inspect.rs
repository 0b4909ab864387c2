//! [`MappedInspector`]: the view of an inspector of mapped memory.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

use super::pages::{DataStart, Pages, acquired};
use crate::{Capacity, Header, InspectMemory, Offset, Position, Width};

/// Bytes that one load copies.
const WORD: usize = size_of::<usize>();

/// An inspector's view of mapped memory, all of it read-only. It shows the positions, and
/// the part of the data that is mapped.
#[derive(Debug)]
pub struct MappedInspector<K> {
    pages: Pages,
    /// Where the window begins in the data and its second copy, in bytes.
    first: u64,
    /// The bytes of the window.
    len: u64,
    keep: K,
}

/// A mapped part of the data of a ring and its second copy: [`MappedInspector::new`].
#[derive(Clone, Copy, Debug)]
pub struct DataWindow {
    /// The address of its first byte, at a multiple of 8.
    pub start: NonNull<u8>,
    /// Bytes from the start of the data to the window. A multiple of 8, below the capacity.
    pub first: u64,
    /// The bytes of the window. With `first`, at most two times the capacity.
    pub len: u64,
}

impl<K> MappedInspector<K> {
    /// Creates a view of two pages and a window. `keep` keeps the mappings alive. For
    /// positions alone, pass a window of length 0, with any address.
    ///
    /// # Safety
    /// M1 to M4, M6 and M8 of [`InspectMemory`] hold. Both positions are the first word of
    /// their page. The window is what its fields say. All of it is readable as long as
    /// `keep` lives.
    pub unsafe fn new(
        consumer_page: NonNull<u8>,
        producer_page: NonNull<u8>,
        window: DataWindow,
        capacity: Capacity,
        width: Width,
        keep: K,
    ) -> Self {
        let pages = Pages {
            consumer_pos: consumer_page.cast(),
            producer_pos: producer_page.cast(),
            data: DataStart::new(window.start),
            capacity,
            width,
        };
        Self { pages, first: window.first, len: window.len, keep }
    }

    /// Returns the value that keeps the mappings alive.
    pub fn keep(&self) -> &K {
        &self.keep
    }

    /// Returns the address of `bytes` bytes from the header at `at` on, if the window has
    /// them all. They may be in the second copy.
    fn place(&self, at: Offset, bytes: u64) -> Option<NonNull<u8>> {
        let capacity = self.pages.capacity.bytes();
        let again = if at.get() < self.first { capacity } else { 0 };
        let from = at.get().checked_add(again)?.checked_sub(self.first)?;
        if bytes > capacity || from.checked_add(bytes)? > self.len {
            return None;
        }
        // SAFETY: M1: inside the window, checked above.
        Some(unsafe { self.pages.data.at(usize::try_from(from).ok()?) })
    }
}

// SAFETY: M1, M2, M4, M6 by the contract of `new`, and `place` keeps to the window. M3:
// each method makes the accesses that it names. M8: nothing here stores.
unsafe impl<K> InspectMemory for MappedInspector<K> {
    fn capacity(&self) -> Capacity {
        self.pages.capacity
    }

    fn width(&self) -> Width {
        self.pages.width
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        self.pages.load_read_only(self.pages.consumer_pos, order)
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.pages.load_read_only(self.pages.producer_pos, order)
    }

    fn load_pending_pos(&self, order: Ordering) -> Position {
        // SAFETY: the producer page is a whole page, mapped readable (M1).
        let word = unsafe { self.pages.producer_pos.byte_add(self.pages.second_position()) };
        self.pages.load_read_only(word, order)
    }

    fn load_header(&self, at: Offset, order: Ordering) -> Option<Header> {
        let place = self.place(at, Header::SIZE)?;
        // SAFETY: M1; 8-aligned, as window and offset are.
        let word = unsafe { place.cast::<AtomicU32>().as_ref() };
        Some(Header::from_bits(acquired(word.load(Ordering::Relaxed), order)))
    }

    fn copy_sample(&self, at: Offset, to: &mut [u8]) -> bool {
        // Whole words are loaded, and records end at a multiple of 8.
        let Some(bytes) = u64::try_from(to.len()).ok().and_then(|len| {
            len.checked_add(2 * Header::SIZE - 1).map(|bytes| bytes & !(Header::SIZE - 1))
        }) else {
            return false;
        };
        let Some(place) = self.place(at, bytes) else { return false };
        // SAFETY: the record has a header, and `place` found it inside the window.
        let mut word = unsafe { place.add(8) }.cast::<AtomicUsize>();
        for part in to.chunks_mut(WORD) {
            // SAFETY: M1; aligned, as the sample is; inside the footprint, which `place`
            // found inside the window.
            let value = unsafe { word.as_ref() }.load(Ordering::Relaxed).to_ne_bytes();
            match <&mut [u8; WORD]>::try_from(&mut *part) {
                Ok(whole) => *whole = value,
                Err(_) => part.iter_mut().zip(value).for_each(|(to, from)| *to = from),
            }
            // SAFETY: at most the end of the footprint.
            word = unsafe { word.add(1) };
        }
        true
    }

    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(8))]
    struct Pages([u8; 3 * 64]);

    /// The window may begin anywhere, and may reach into the second copy. The pages here are
    /// of 64 bytes: two of positions, then the window.
    fn view(pages: &Pages, first: u64, len: u64) -> MappedInspector<()> {
        let start = NonNull::from(&pages.0).cast::<u8>();
        // SAFETY: inside the pages.
        let [producer, data] = [64, 128].map(|from| unsafe { start.add(from) });
        let window = DataWindow { start: data, first, len };
        let capacity = Capacity::new(128, 64).unwrap();
        // SAFETY: M1 for 64 bytes of data; nobody writes them.
        unsafe { MappedInspector::new(start, producer, window, capacity, Width::Bits64, ()) }
    }

    fn at(offset: u64) -> Offset {
        Position::new(offset, Width::Bits64).offset(Capacity::new(128, 64).unwrap())
    }

    #[test]
    fn a_window_shows_its_records_and_no_other() {
        let mut pages = Pages([0; 192]);
        (0..64).for_each(|i| pages.0[128 + i] = i as u8);
        // The second page of the data, then the first one again.
        for (first, from, place) in [(64, 64, 0), (64, 120, 56), (96, 0, 32), (0, 8, 8)] {
            let view = view(&pages, first, 64);
            let shown = view.load_header(at(from), Ordering::Relaxed);
            let place = place as u32;
            let bytes = [place, place + 1, place + 2, place + 3].map(|byte| byte as u8);
            assert_eq!(shown, Some(Header::from_bits(u32::from_ne_bytes(bytes))), "{first} {from}");
        }
        for (first, from) in [(64, 0), (64, 56), (96, 88), (96, 32), (0, 64)] {
            assert_eq!(view(&pages, first, 64).load_header(at(from), Ordering::Relaxed), None);
        }
        let view = view(&pages, 64, 64);
        for (len, fits) in [(0, true), (1, true), (13, true), (16, true), (17, false)] {
            let mut sample = [0xff; 32];
            let sample = &mut sample[..len];
            assert_eq!(view.copy_sample(at(104), sample), fits, "{len}");
            let is_it = (48..).zip(sample.iter()).all(|(byte, found)| byte == *found);
            assert!(!fits || is_it, "{sample:?}");
        }
    }

    #[test]
    fn halves_are_joined_only_if_they_belong_together() {
        use crate::mapped::pages::{Half, joined};
        // The low half wraps between the loads.
        let loads = core::cell::RefCell::new([1_u32, 0, 2, 7, 2].into_iter());
        let order = core::cell::RefCell::new(0);
        let value = joined(|half| {
            *order.borrow_mut() += 1;
            assert_eq!(half == Half::Low, *order.borrow() % 2 == 0);
            loads.borrow_mut().next().unwrap()
        });
        assert_eq!(value, 2 << 32 | 7);
    }
}
