//! A ring's pages as they are: no protocol, no opinion, nothing of the crates under test.

use std::io;
use std::os::fd::AsRawFd;
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use libbpf_rs::MapCore;
use memmap2::{MmapOptions, MmapRaw};

use crate::page_size;

/// In a header's length word: reserved, not committed.
pub const BUSY: u32 = 1 << 31;

/// In a header's length word: the reader skips this record.
pub const DISCARD: u32 = 1 << 30;

/// The mapped pages of a ring that BPF programs write. Positions are in bytes, ever growing, and
/// 64 bits wide, as on every 64-bit kernel.
#[derive(Debug)]
pub struct RawRing {
    consumer: MmapRaw,
    producer: MmapRaw,
    size: usize,
}

/// The 8 bytes before a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length in bytes, with [`BUSY`] and [`DISCARD`].
    pub len: u32,
    /// Distance in pages from the start of the kernel's structure.
    pub page_offset: u32,
}

impl RawRing {
    /// Maps the ring: one page to write, the rest to read.
    ///
    /// # Errors
    /// As mmap(2).
    pub fn of(map: &impl MapCore) -> io::Result<Self> {
        let (page, size) = (page_size(), map.max_entries() as usize);
        let file = map.as_fd().as_raw_fd();
        let consumer = MmapOptions::new().len(page).map_raw(file)?;
        let producer =
            MmapOptions::new().offset(page as u64).len(page + 2 * size).map_raw_read_only(file)?;
        Ok(Self { consumer, producer, size })
    }

    /// Maps a ring of either kind, all of it to read. Setting the consumer position kills.
    ///
    /// # Errors
    /// As mmap(2).
    pub fn read_only(map: &impl MapCore) -> io::Result<Self> {
        let (page, size) = (page_size(), map.max_entries() as usize);
        let file = map.as_fd().as_raw_fd();
        let consumer = MmapOptions::new().len(page).map_raw_read_only(file)?;
        let producer =
            MmapOptions::new().offset(page as u64).len(page + 2 * size).map_raw_read_only(file)?;
        Ok(Self { consumer, producer, size })
    }

    /// Bytes of data, which is the map's `max_entries`.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How far the reader says that it is.
    pub fn consumer_pos(&self) -> u64 {
        self.consumer_word().load(Ordering::Acquire)
    }

    /// Says how far the reader is. The kernel believes anything.
    pub fn set_consumer_pos(&self, position: u64) {
        self.consumer_word().store(position, Ordering::Release);
    }

    /// Says that everything reserved so far is read; returns that position.
    pub fn catch_up(&self) -> u64 {
        let position = self.producer_pos();
        self.set_consumer_pos(position);
        position
    }

    /// How far records are reserved. The kernel may move it at any time.
    pub fn producer_pos(&self) -> u64 {
        self.producer_word(0)
    }

    /// The oldest record that was busy at the latest reservation; 0 for ever on a kernel without
    /// a pending position.
    pub fn pending_pos(&self) -> u64 {
        self.producer_word(1)
    }

    /// The oldest record that an overwriting ring still has; 0 for ever in others.
    pub fn overwrite_pos(&self) -> u64 {
        self.producer_word(2)
    }

    /// The header at `position`, whatever is there.
    pub fn header(&self, position: u64) -> Header {
        let at = self.offset(position);
        Header { len: self.data_word(at), page_offset: self.data_word(at + 4) }
    }

    /// The sample of the record at `position`, copied.
    ///
    /// # Panics
    /// If the record is not between the positions, busy, or longer than what is produced.
    pub fn sample(&self, position: u64) -> Vec<u8> {
        let len = self.header(position).len;
        assert_eq!(len & BUSY, 0, "the record at {position} is busy");
        let len = (len & !DISCARD) as usize;
        let consumer = self.consumer_pos();
        let (reached, produced) =
            (position.wrapping_sub(consumer), self.producer_pos().wrapping_sub(consumer));
        let fits =
            produced <= self.size as u64 && reached.saturating_add(8 + len as u64) <= produced;
        assert!(fits, "no record of {len} bytes at {position}");
        let start = self.data_at(self.offset(position) + 8);
        // SAFETY: the record is committed and not released, so nobody writes to it; it begins
        // within the first copy of the data and is no longer than one copy, so it is mapped.
        unsafe { slice::from_raw_parts(start, len) }.to_vec()
    }

    /// All headers and samples, and what was there before, each word by one load.
    pub fn data(&self) -> Vec<u8> {
        let words = (0..self.size).step_by(4).map(|at| self.data_word(at));
        words.flat_map(u32::to_ne_bytes).collect()
    }

    fn offset(&self, position: u64) -> usize {
        let offset = (position & (self.size as u64 - 1)) as usize;
        assert!(offset % 8 == 0, "position {position} is not aligned");
        offset
    }

    fn consumer_word(&self) -> &AtomicU64 {
        let word = self.consumer.as_mut_ptr().cast::<u64>();
        // SAFETY: the start of a page that is mapped for writing as long as `self` lives, and
        // that everybody accesses as one 64-bit word.
        unsafe { AtomicU64::from_ptr(word) }
    }

    fn producer_word(&self, index: usize) -> u64 {
        let word = self.producer.as_mut_ptr().cast::<u64>().wrapping_add(index);
        // SAFETY: within the producer page, mapped for reading as long as `self` lives; only a
        // relaxed load touches it, which is what Rust allows on read-only memory.
        let value = unsafe { AtomicU64::from_ptr(word) }.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        value
    }

    fn data_word(&self, offset: usize) -> u32 {
        let word = self.data_at(offset).cast_mut().cast::<u32>();
        // SAFETY: 4-aligned and within the first copy of the data, since a header is 8-aligned;
        // mapped for reading, and only a relaxed load touches it.
        let value = unsafe { AtomicU32::from_ptr(word) }.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        value
    }

    fn data_at(&self, offset: usize) -> *const u8 {
        self.producer.as_ptr().wrapping_add(page_size() + offset)
    }
}
