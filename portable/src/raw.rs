//! A ring's pages, read without any of this project's own code in between.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use memmap2::{MmapOptions, MmapRaw};

use crate::page_size;

/// The pages of a ring buffer map, all read-only.
#[derive(Debug)]
pub struct RawRing {
    consumer: MmapRaw,
    rest: MmapRaw,
    bits: u32,
}

impl RawRing {
    /// The pages of `map`, of `bytes`, whose kernel has an `unsigned long` of `bits`.
    ///
    /// # Errors
    /// As mmap(2).
    pub fn new(map: impl AsFd, bytes: usize, bits: u32) -> io::Result<Self> {
        let (page, fd) = (page_size(), map.as_fd().as_raw_fd());
        let consumer = MmapOptions::new().len(page).map_raw_read_only(fd)?;
        let mut rest = MmapOptions::new();
        rest.offset(page as u64).len(page + 2 * bytes);
        Ok(Self { consumer, rest: rest.map_raw_read_only(fd)?, bits })
    }

    /// The consumer position.
    pub fn consumer_pos(&self) -> u64 {
        self.word(&self.consumer, 0)
    }

    /// The producer position.
    pub fn producer_pos(&self) -> u64 {
        self.word(&self.rest, 0)
    }

    /// The second word of the producer page: the pending position, on kernels that have one.
    pub fn pending_pos(&self) -> u64 {
        self.word(&self.rest, self.bits as usize / 8)
    }

    /// All of the data, as it is stored.
    pub fn all_data(&self) -> Vec<u8> {
        let (page, len) = (page_size(), self.rest.len());
        let once = page..page + (len - page) / 2;
        let mut data = Vec::with_capacity(once.len());
        once.step_by(8).for_each(|at| data.extend(word(&self.rest, at).to_ne_bytes()));
        data
    }

    /// Both words of the header at `offset` in the data.
    pub fn header(&self, offset: usize) -> [u32; 2] {
        [0, 4].map(|word| u32::from_ne_bytes(bytes(&self.rest, page_size() + offset + word)))
    }

    /// `N` bytes at `offset` in the data, of either copy.
    pub fn data<const N: usize>(&self, offset: usize) -> [u8; N] {
        bytes(&self.rest, page_size() + offset)
    }

    /// A position of the kernel's width.
    fn word(&self, page: &MmapRaw, at: usize) -> u64 {
        if self.bits == 64 {
            u64::from_ne_bytes(bytes(page, at))
        } else {
            u32::from_ne_bytes(bytes(page, at)).into()
        }
    }
}

/// Eight bytes at `at`, a multiple of eight.
fn word(map: &MmapRaw, at: usize) -> u64 {
    assert!(at % 8 == 0 && at + 8 <= map.len(), "inside the mapping");
    let word = map.as_ptr().wrapping_add(at).cast::<u64>();
    // SAFETY: inside the mapping and aligned; a volatile read of what the kernel may write.
    unsafe { word.read_volatile() }
}

/// Copies from a mapping that others write to.
fn bytes<const N: usize>(map: &MmapRaw, at: usize) -> [u8; N] {
    assert!(at + N <= map.len(), "inside the mapping");
    std::array::from_fn(|index| {
        let byte = map.as_ptr().wrapping_add(at + index);
        // SAFETY: inside the mapping; a volatile read of what the kernel may write.
        unsafe { byte.read_volatile() }
    })
}
