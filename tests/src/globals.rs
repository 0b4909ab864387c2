//! A program's global variables, while the program runs.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, AtomicU64};

use libbpf_rs::MapCore;
use memmap2::{MmapOptions, MmapRaw};

/// A second mapping of a `.bss` or `.data` map, which threads can share. Name a variable by its
/// place in the skeleton's type: `globals.u32_at(offset_of!(types::bss, go))`.
#[derive(Debug)]
pub struct Globals {
    map: MmapRaw,
    size: usize,
}

impl Globals {
    /// Maps `map`, as in `skeleton.maps.bss`.
    ///
    /// # Errors
    /// As mmap(2).
    pub fn of(map: &impl MapCore) -> io::Result<Self> {
        let size = map.value_size() as usize;
        let map = MmapOptions::new().len(size).map_raw(map.as_fd().as_raw_fd())?;
        Ok(Self { map, size })
    }

    /// The 32-bit variable at `offset`. The program may change it at any time.
    ///
    /// # Panics
    /// If no such word is there.
    pub fn u32_at(&self, offset: usize) -> &AtomicU32 {
        let at = self.word::<u32>(offset);
        // SAFETY: `word` checked place and alignment; the mapping lives as long as `self`, and
        // is only used through atomics by this type and through single loads and stores by BPF.
        unsafe { AtomicU32::from_ptr(at) }
    }

    /// The 64-bit variable at `offset`. The program may change it at any time.
    ///
    /// # Panics
    /// If no such word is there.
    pub fn u64_at(&self, offset: usize) -> &AtomicU64 {
        let at = self.word::<u64>(offset);
        // SAFETY: as in `u32_at`.
        unsafe { AtomicU64::from_ptr(at) }
    }

    fn word<T>(&self, offset: usize) -> *mut T {
        assert!(offset % size_of::<T>() == 0, "variable at {offset} is not aligned");
        assert!(
            offset < self.size && size_of::<T>() <= self.size - offset,
            "no variable at {offset}"
        );
        self.map.as_mut_ptr().wrapping_add(offset).cast()
    }
}
