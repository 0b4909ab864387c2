//! The pages of a ring in a memfd, mapped as the kernel maps them. A sample that
//! crosses the end of the data continues in the second copy.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use ringbuf_core::{
    Capacity, CapacityError, DataWindow, MappedConsumer, MappedInspector, MappedOverwrite,
    MappedProducer, Width,
};

use crate::memory::Keep;
use crate::{ByteOrder, ByteOrdered, Profile, SimError};

/// Two views of one memfd. The kernel's view is writable. The view of user space
/// has the permissions of `ringbuf_map_mmap_kern` and `ringbuf_map_mmap_user`, so a
/// wrong store faults here as it does there.
#[derive(Debug)]
pub struct Mirror {
    kernel: View,
    user: View,
    capacity: Capacity,
    /// The bytes from the consumer page to the producer page, and from there to the
    /// data. This is a page of the simulated machine, or of this machine if that is
    /// larger.
    page: usize,
    /// The bytes of a page of the simulated machine.
    page_size: u64,
    width: Width,
    byte_order: ByteOrder,
    role: UserSpace,
    /// The process that created it.
    process: u32,
}

/// The role of user space, which determines what it may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserSpace {
    /// User space writes only the consumer page.
    Consumes,
    /// User space writes everything except the consumer page.
    Produces,
}

impl Mirror {
    /// Creates zeroed pages for a ring of `bytes`, on the machine of the profile.
    pub(crate) fn new(bytes: u64, profile: Profile, role: UserSpace) -> Result<Self, SimError> {
        let Profile { width, byte_order, .. } = profile;
        let here = page_size()?;
        let page_size = profile.page_size.unwrap_or(here as u64);
        let capacity = Capacity::new(bytes, page_size)
            // It is mapped twice, in pages of this machine.
            .and_then(|_| Capacity::new(bytes, here as u64))
            .map_err(SimError::Capacity)?;
        let halves = usize::BITS == 32 && width == Width::Bits64;
        if halves && byte_order != ByteOrder::NATIVE {
            return Err(SimError::ByteOrder);
        }
        let page = here.max(in_memory(page_size)?);
        let size = in_memory(bytes)?;
        // Two pages and two copies may need more addresses than a 32-bit process
        // has.
        if page.checked_add(size).and_then(|half| half.checked_mul(2)).is_none() {
            return Err(SimError::Capacity(CapacityError::TooLarge { bytes }));
        }
        // SAFETY: a C string; no memory of ours is touched.
        let fd = check(unsafe { libc::memfd_create(c"ringbuf-sim".as_ptr(), libc::MFD_CLOEXEC) })?;
        // SAFETY: just created, owned by nobody else.
        let file = unsafe { OwnedFd::from_raw_fd(fd) };
        let file_len = libc::off_t::try_from(2 * page + size).map_err(io::Error::other)?;
        // SAFETY: no memory of ours is touched.
        check(unsafe { libc::ftruncate(file.as_raw_fd(), file_len) })?;

        let read = libc::PROT_READ;
        let write = read | libc::PROT_WRITE;
        let kernel = View::reserve(2 * page + 2 * size)?;
        kernel.map(0, &file, 0, 2 * page + size, write)?;
        kernel.map(2 * page + size, &file, 2 * page, size, write)?;
        let (first, rest) = match role {
            UserSpace::Consumes => (write, read),
            UserSpace::Produces => (read, write),
        };
        let user = View::reserve(2 * page + 2 * size)?;
        user.map(0, &file, 0, page, first)?;
        user.map(page, &file, page, page + size, rest)?;
        user.map(2 * page + size, &file, 2 * page, size, rest)?;
        let process = std::process::id();
        Ok(Self { kernel, user, capacity, page, page_size, width, byte_order, role, process })
    }

    /// Returns true in the process that created it, false in a child of `fork`.
    pub(crate) fn is_owned(&self) -> bool {
        std::process::id() == self.process
    }

    /// Returns the pages as a producing kernel sees them.
    pub(crate) fn kernel_memory(self: &Arc<Self>) -> ProducerSide<Arc<Self>> {
        Self::producer(|mirror: &Self| mirror.places(&mirror.kernel), self.clone())
    }

    /// Returns the pages as a draining kernel sees them.
    pub(crate) fn drain_memory(self: &Arc<Self>) -> ConsumerSide<Arc<Self>> {
        Self::consumer(|mirror: &Self| mirror.places(&mirror.kernel), self.clone())
    }

    /// Returns the pages as a consuming user space sees them. `keep` keeps them
    /// alive.
    pub(crate) fn consumer_memory<K: AsRef<Self>>(keep: K) -> ConsumerSide<K> {
        Self::consumer(|mirror: &Self| mirror.places(&mirror.user), keep)
    }

    /// Returns the pages as a producing user space sees them. `keep` keeps them
    /// alive.
    pub(crate) fn producer_memory<K: AsRef<Self>>(keep: K) -> ProducerSide<K> {
        Self::producer(|mirror: &Self| mirror.places(&mirror.user), keep)
    }

    /// Returns the pages as the reader of a ring in overwrite mode sees them. `keep` keeps
    /// them alive.
    pub(crate) fn overwrite_memory<K: AsRef<Self>>(keep: K) -> OverwriteSide<K> {
        let mirror = keep.as_ref();
        let [consumer_page, producer_page, data] = mirror.places(&mirror.user);
        let Self { capacity, width, byte_order, .. } = *mirror;
        // SAFETY: as for `consumer`. M9: the caller has the ring in overwrite mode.
        let memory = unsafe {
            MappedOverwrite::new(consumer_page, producer_page, data, capacity, width, keep)
        };
        ByteOrdered::new(memory, byte_order)
    }

    fn consumer<K: AsRef<Self>>(places: Places, keep: K) -> ConsumerSide<K> {
        let mirror = keep.as_ref();
        let [consumer_page, producer_page, data] = places(mirror);
        let Self { capacity, width, byte_order, .. } = *mirror;
        // SAFETY: M1 to M5: the places belong to this mirror, which `keep` keeps
        // alive. The mirror maps the data twice in a row, with the permissions of
        // its role. The callers choose the view.
        let memory = unsafe {
            MappedConsumer::new(consumer_page, producer_page, data, capacity, width, keep)
        };
        ByteOrdered::new(memory, byte_order)
    }

    fn producer<K: AsRef<Self>>(places: Places, keep: K) -> ProducerSide<K> {
        let mirror = keep.as_ref();
        let [consumer_page, producer_page, data] = places(mirror);
        let Self { capacity, width, byte_order, .. } = *mirror;
        // SAFETY: as above.
        let memory = unsafe {
            MappedProducer::new(consumer_page, producer_page, data, capacity, width, keep)
        };
        ByteOrdered::new(memory, byte_order)
    }

    /// Returns the pages as an observer sees them, through the view of user space.
    pub(crate) fn inspector_memory(self: &Arc<Self>) -> InspectorSide {
        let [consumer_page, producer_page, start] = self.places(&self.user);
        let Self { capacity, width, byte_order, .. } = **self;
        let window = DataWindow { start, first: 0, len: 2 * capacity.bytes() };
        // SAFETY: M1 to M4, M6, M8: as for the consumer; the window is the data, and the
        // copy after it.
        let memory = unsafe {
            MappedInspector::new(
                consumer_page,
                producer_page,
                window,
                capacity,
                width,
                self.clone(),
            )
        };
        ByteOrdered::new(memory, byte_order)
    }

    /// Returns the width of the positions.
    pub(crate) fn width(&self) -> Width {
        self.width
    }

    /// Returns the size of the data area.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Returns the pages as they are now, each word by one relaxed load. The
    /// producing side may be writing lent samples through its own view. So this
    /// reads the data through the other view, as another process would. Positions
    /// are atomics in both.
    pub(crate) fn now(&self) -> PagesNow {
        let width = match self.width {
            Width::Bits32 => 4,
            Width::Bits64 => 8,
        };
        let reader = match self.role {
            UserSpace::Consumes => &self.user,
            UserSpace::Produces => &self.kernel,
        };
        let size = (reader.len - 2 * self.page) / 2;
        let mut data = Vec::with_capacity(size);
        for at in (2 * self.page..2 * self.page + size).step_by(4) {
            data.extend(reader.word(at).to_ne_bytes());
        }
        PagesNow {
            consumer: self.position(0),
            producer: self.position(self.page),
            pending: self.position(self.page + width),
            overwrite: self.position(self.page + 2 * width),
            data,
        }
    }

    /// Returns the position in the word at `at`.
    fn position(&self, at: usize) -> u64 {
        let swapped = self.byte_order != ByteOrder::NATIVE;
        match (self.width, swapped) {
            (Width::Bits32, false) => self.kernel.word(at).into(),
            (Width::Bits32, true) => self.kernel.word(at).swap_bytes().into(),
            (Width::Bits64, false) => self.kernel.double_word(at),
            (Width::Bits64, true) => self.kernel.double_word(at).swap_bytes(),
        }
    }

    fn places(&self, view: &View) -> [NonNull<u8>; 3] {
        [0, self.page, 2 * self.page].map(|from| {
            // SAFETY: two pages and the data lie inside the view.
            unsafe { view.base.add(from) }
        })
    }
}

/// The content of the pages of a ring, as user space sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PagesNow {
    /// The consumer position.
    pub consumer: u64,
    /// The producer position.
    pub producer: u64,
    /// The pending position, in the second word of the producer page. It is 0 if
    /// the kernel has none. User rings have none.
    pub pending: u64,
    /// The overwrite position, in the third word. It is 0 in a ring that is not in
    /// overwrite mode.
    pub overwrite: u64,
    /// The data area byte by byte, as stored: headers, samples, and old content.
    pub data: Vec<u8>,
}

/// A consumer and a producer of pages that `K` keeps alive.
pub(crate) type ConsumerSide<K> = ByteOrdered<MappedConsumer<K>>;
pub(crate) type ProducerSide<K> = ByteOrdered<MappedProducer<K>>;
pub(crate) type InspectorSide = ByteOrdered<MappedInspector<Arc<Mirror>>>;
pub(crate) type OverwriteSide<K> = ByteOrdered<MappedOverwrite<K>>;

/// Consumer page, producer page and data in one of the views.
type Places = fn(&Mirror) -> [NonNull<u8>; 3];

impl Keep for Arc<Mirror> {
    fn page_size(&self) -> u64 {
        self.page_size
    }
}

/// A reserved range of addresses.
#[derive(Debug)]
struct View {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: an address range is not bound to a thread. The role traits decide who may
// access it.
unsafe impl Send for View {}
// SAFETY: as above.
unsafe impl Sync for View {}

impl View {
    /// Reserves addresses without memory, to map into.
    fn reserve(len: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, len })
    }

    /// Returns the 8 bytes at `at`, a multiple of 8.
    fn double_word(&self, at: usize) -> u64 {
        assert!(at % 8 == 0 && at + 8 <= self.len, "no word at {at}");
        // SAFETY: inside the range: checked above.
        let word = unsafe { self.base.byte_add(at) }.cast::<u64>().as_ptr();
        // SAFETY: mapped as long as `self` lives, and aligned: checked above.
        unsafe { AtomicU64::from_ptr(word) }.load(Relaxed)
    }

    /// Returns the 4 bytes at `at`, a multiple of 4.
    fn word(&self, at: usize) -> u32 {
        assert!(at % 4 == 0 && at + 4 <= self.len, "no word at {at}");
        // SAFETY: inside the range: checked above.
        let word = unsafe { self.base.byte_add(at) }.cast::<u32>().as_ptr();
        // SAFETY: mapped as long as `self` lives, and aligned: checked above.
        unsafe { AtomicU32::from_ptr(word) }.load(Relaxed)
    }

    /// Maps `len` bytes of `file`, from `offset` on, at `at`.
    fn map(
        &self,
        at: usize,
        file: &OwnedFd,
        offset: usize,
        len: usize,
        protection: i32,
    ) -> io::Result<()> {
        assert!(at + len <= self.len, "outside the reserved range");
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: inside the range that this view owns: checked above.
        let address = unsafe { self.base.add(at) };
        // SAFETY: replaces a part of the reserved range of this view. Nothing
        // refers to it yet.
        let mapped = unsafe {
            libc::mmap(address.as_ptr().cast(), len, protection, flags, file.as_raw_fd(), offset)
        };
        if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: this view owns the range. Every user of its memory has kept the
        // view alive (M1).
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// Returns the bytes of a page on this machine.
pub(crate) fn page_size() -> io::Result<usize> {
    // SAFETY: asks for a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(page).map_err(io::Error::other)
}

fn in_memory(bytes: u64) -> Result<usize, SimError> {
    usize::try_from(bytes).map_err(|_| SimError::Capacity(CapacityError::TooLarge { bytes }))
}

/// Returns the result of a system call, or its errno.
pub(crate) fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
