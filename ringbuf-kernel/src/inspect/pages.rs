//! [`InspectPages`]: pages of a ring, mapped read-only.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};
use ringbuf_core::{Capacity, DataWindow, Inspector, MappedInspector, Width};

use crate::OpenError;
use crate::sys;

/// The memory of an observer of a map.
pub type InspectMapping = MappedInspector<InspectPages>;

/// The pages of a map that an observer has mapped, none of them writable. They keep the map
/// alive.
#[derive(Debug)]
pub struct InspectPages {
    positions: MmapRaw,
    data: Option<MmapRaw>,
}

/// Maps the consumer page, the producer page, and `len` bytes of data from `first` on, whole
/// pages.
pub(super) fn map(
    fd: &OwnedFd,
    id: u32,
    capacity: Capacity,
    width: Width,
    first: u64,
    len: u64,
) -> Result<Inspector<InspectMapping>, OpenError> {
    let page = sys::page_size();
    let not_mapped = |error: io::Error| match error.raw_os_error() {
        Some(libc::EINVAL) if !sys::is_writable(fd) => OpenError::UnmappableFd { id },
        Some(libc::EACCES) if !is_read_write(fd) => OpenError::UnmappableFd { id },
        _ => crate::maps::not_mapped(capacity, error),
    };
    let positions =
        MmapOptions::new().len(2 * page).map_raw_read_only(fd.as_raw_fd()).map_err(not_mapped)?;
    let data = match usize::try_from(len) {
        Ok(0) => None,
        Ok(bytes) => {
            let mut window = MmapOptions::new();
            window.offset(2 * page as u64 + first).len(bytes);
            Some(window.map_raw_read_only(fd.as_raw_fd()).map_err(not_mapped)?)
        }
        Err(_) => return Err(not_mapped(io::Error::from_raw_os_error(libc::ENOMEM))),
    };
    let start = positions.as_mut_ptr();
    let window = data.as_ref().map_or(start, |data| data.as_mut_ptr());
    let [consumer_page, producer_page, start] =
        [start, start.wrapping_add(page), window].map(|place| {
            // SAFETY: a mapping is never at address 0, and the second page is inside it.
            unsafe { NonNull::new_unchecked(place) }
        });
    let window = DataWindow { start, first, len };
    let pages = InspectPages { positions, data };
    // SAFETY: M1, M6: the mappings live in `pages`, which the view keeps. M2: the kernel maps
    // the data twice in a row, and the window is a part of that. M4: `width` is the kernel's.
    // M8: both mappings are read-only, so a store would be fatal.
    let memory = unsafe {
        MappedInspector::new(consumer_page, producer_page, window, capacity, width, pages)
    };
    Ok(Inspector::new(memory))
}

impl InspectPages {
    /// Returns the mapped bytes.
    #[must_use]
    pub fn mapped_bytes(&self) -> usize {
        self.positions.len() + self.data.as_ref().map_or(0, MmapRaw::len)
    }
}

/// Whether the descriptor is open for both.
fn is_read_write(fd: &OwnedFd) -> bool {
    // SAFETY: asks for the flags of a descriptor.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    flags & libc::O_ACCMODE == libc::O_RDWR
}
