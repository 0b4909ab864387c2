//! Maps that are opened without a claim, for a library with the interface of libbpf.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};
use ringbuf_core::{Capacity, MappedConsumer, MappedProducer, PageReader, Producer, Width};

use crate::door::Kind;
use crate::{sys, width};

/// The mapped pages of a map that was opened without a claim: no descriptor, no owner. They
/// keep the map alive.
#[derive(Debug)]
pub struct BareMaps {
    first: MmapRaw,
    rest: MmapRaw,
    id: u32,
}

/// Maps a ring for a reader that takes turns with others, and refuses nobody: other readers
/// in this process, and children of `fork`.
///
/// It is for libraries with the interface of libbpf. Use [`RingBuf`](crate::RingBuf)
/// otherwise: it checks what it can, and its errors say what to do.
///
/// It does not duplicate `fd`. You may close it afterwards.
///
/// ```no_run
/// # fn f(fd: std::os::fd::BorrowedFd<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// use ringbuf_core::Visited;
///
/// // SAFETY: C3: no other reader of this map runs meanwhile.
/// let reader = unsafe { ringbuf_kernel::bare_consumer(fd)? };
/// let mut visit = reader.visit();
/// while let Visited::Record { len, .. } = visit.find()? {
///     println!("{} bytes", len.get());
///     visit.pass();
/// }
/// visit.publish();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The system's own: of `BPF_OBJ_GET_INFO_BY_FD`, of `mmap`, and `EINVAL` if `fd` is not a
/// ring buffer map.
///
/// # Safety
/// C3 of [`PageReader::new`]. If the map is in overwrite mode, producers write over samples
/// at any time.
pub unsafe fn bare_consumer(
    fd: BorrowedFd<'_>,
) -> io::Result<PageReader<MappedConsumer<BareMaps>>> {
    let Bare { maps, capacity, width } = Bare::open(fd, Kind::Ring)?;
    let [consumer_page, producer_page, data] = maps.places();
    // SAFETY: M1: both mappings live in `maps`, which the view keeps, with the permissions
    // that a consumer needs; M2: the kernel maps the data twice in a row, for the size that
    // it reports; M4: `width` is the kernel's; M5 as the caller guarantees.
    let memory =
        unsafe { MappedConsumer::new(consumer_page, producer_page, data, capacity, width, maps) };
    // SAFETY: as the caller guarantees.
    Ok(unsafe { PageReader::new(memory) })
}

/// Maps a user ring for a producer that takes turns with others, and refuses nobody. Call
/// [`Producer::reread`] before each reservation.
///
/// It is for libraries with the interface of libbpf. Use
/// [`UserRingBuf`](crate::UserRingBuf) otherwise.
///
/// ```no_run
/// # fn f(fd: std::os::fd::BorrowedFd<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// // SAFETY: P1: no other producer of this map runs meanwhile.
/// let producer = unsafe { ringbuf_kernel::bare_producer(fd)? };
/// producer.reread();
/// producer.reserve(8)?.submit();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`bare_consumer`], with `EINVAL` if `fd` is not a user ring buffer map.
///
/// # Safety
/// No two producers of this map reserve at the same time.
pub unsafe fn bare_producer(fd: BorrowedFd<'_>) -> io::Result<Producer<MappedProducer<BareMaps>>> {
    let Bare { maps, capacity, width } = Bare::open(fd, Kind::UserRing)?;
    let [consumer_page, producer_page, data] = maps.places();
    // SAFETY: M1, M2, M4 and M5 as above, with the permissions of a producer.
    let memory =
        unsafe { MappedProducer::new(consumer_page, producer_page, data, capacity, width, maps) };
    // SAFETY: P1, as the caller guarantees.
    Ok(unsafe { Producer::at_stored_position(memory) })
}

impl BareMaps {
    /// Returns the id of the map.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Consumer page, producer page, data.
    fn places(&self) -> [NonNull<u8>; 3] {
        let rest = self.rest.as_mut_ptr();
        [self.first.as_mut_ptr(), rest, rest.wrapping_add(sys::page_size())].map(|place| {
            // SAFETY: a mapping is never at address 0, and the data begins a page into one
            // of a page and more.
            unsafe { NonNull::new_unchecked(place) }
        })
    }
}

struct Bare {
    maps: BareMaps,
    capacity: Capacity,
    width: Width,
}

impl Bare {
    fn open(fd: BorrowedFd<'_>, kind: Kind) -> io::Result<Self> {
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let info = sys::info(fd)?;
        if info.map_type != kind.map_type() {
            return Err(invalid());
        }
        let page = sys::page_size();
        let (mut first, mut rest) = (MmapOptions::new(), MmapOptions::new());
        first.len(page);
        let rest_len = usize::try_from(u64::from(info.max_entries) * 2 + page as u64);
        let rest_len = rest_len.map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
        rest.offset(page as u64).len(rest_len);
        let fd = fd.as_raw_fd();
        let (first, rest) = if kind == Kind::UserRing {
            (first.map_raw_read_only(fd)?, rest.map_raw(fd)?)
        } else {
            (first.map_raw(fd)?, rest.map_raw_read_only(fd)?)
        };
        let capacity =
            Capacity::new(info.max_entries.into(), page as u64).map_err(|_| invalid())?;
        let width = width::kernel_width().map_err(|_| invalid())?;
        Ok(Self { maps: BareMaps { first, rest, id: info.id }, capacity, width })
    }
}
