//! [`Mapping`] and [`UserMapping`]: the pages of a ring buffer map of either
//! type, checked once at the door.

use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use memmap2::{Advice, MmapOptions, MmapRaw};
use ringbuf_core::{
    AlignedBytes, Capacity, ConsumerMemory, Header, MappedConsumer, MappedProducer, Offset,
    PageOffset, Position, ProducerMemory, SampleLen, Width,
};

use crate::claim::Claim;
use crate::door::Kind;
use crate::sys::{self, MapInfo, NotReadable};
use crate::{OpenError, width};

/// A consumer's view of a mapped ring buffer map: [`RingBuf`](crate::RingBuf)
/// without its descriptor.
///
/// For those who build their own reader, or wrap the memory to observe or to
/// weaken single accesses in a test. While one lives, no other consumer of the
/// map can be opened in this process.
#[derive(Debug)]
pub struct Mapping {
    view: MappedConsumer<Maps>,
    info: MapInfo,
}

impl Mapping {
    /// Maps the ring behind `fd`: one writable page at offset 0, and the
    /// producer page with both copies of the data read-only behind it
    /// (`ringbuf_map_mmap_kern`, kernel/bpf/ringbuf.c, 5.8 to 7.3).
    ///
    /// # Errors
    /// Every [`OpenError`] except those that name an id or a path.
    pub fn new(fd: impl AsFd) -> Result<Self, OpenError> {
        let Opened { maps, info, capacity, width } = Opened::new(&fd, Kind::Ring)?;
        let [consumer_page, producer_page, data] = maps.places();
        // SAFETY: M1: both mappings live in `maps`, which the view keeps, with
        // the permissions that a consumer needs; M2: the kernel maps the data
        // twice in a row, for the size that it reports; M4: `width` is the
        // kernel's; M5: see SAFETY.md, assumption A1.
        let view = unsafe {
            MappedConsumer::new(consumer_page, producer_page, data, capacity, width, maps)
        };
        Ok(Self { view, info })
    }

    /// The id of the map.
    pub fn id(&self) -> u32 {
        self.info.id
    }

    /// The name of the map, as far as the kernel keeps it (15 bytes).
    pub fn name(&self) -> &str {
        self.info.name()
    }

    /// See [`MappedConsumer::pending_pos_low`].
    pub(crate) fn pending_pos_low(&self) -> u32 {
        self.view.pending_pos_low()
    }
}

// SAFETY: M1 to M5 as of the view; this only forwards.
unsafe impl ConsumerMemory for Mapping {
    type Sample<'a> = AlignedBytes<'a>;

    #[inline]
    fn capacity(&self) -> Capacity {
        self.view.capacity()
    }

    #[inline]
    fn width(&self) -> Width {
        self.view.width()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.view.initial_consumer_pos()
    }

    #[inline]
    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.view.load_producer_pos(order)
    }

    #[inline]
    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.view.store_consumer_pos(position, order) };
    }

    #[inline]
    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        // SAFETY: as the caller vouches.
        unsafe { self.view.load_header(at, order) }
    }

    #[inline]
    unsafe fn sample(&self, at: Offset, len: SampleLen) -> AlignedBytes<'_> {
        // SAFETY: as the caller vouches.
        unsafe { self.view.sample(at, len) }
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        self.view.fence(order);
    }
}

/// A producer's view of a mapped user ring buffer map:
/// [`UserRingBuf`](crate::UserRingBuf) without its descriptor.
///
/// For those who build their own producer, or write in a test what none would.
/// While one lives, no other producer of the map can be opened in this process.
#[derive(Debug)]
pub struct UserMapping {
    view: MappedProducer<Maps>,
    info: MapInfo,
}

impl UserMapping {
    /// Maps the user ring behind `fd`: one read-only page at offset 0, and the
    /// producer page with both copies of the data writable behind it
    /// (`ringbuf_map_mmap_user`, kernel/bpf/ringbuf.c, 6.1 to 7.3).
    ///
    /// # Errors
    /// Every [`OpenError`] except those that name an id or a path.
    pub fn new(fd: impl AsFd) -> Result<Self, OpenError> {
        let Opened { maps, info, capacity, width } = Opened::new(&fd, Kind::UserRing)?;
        let [consumer_page, producer_page, data] = maps.places();
        // SAFETY: M1: both mappings live in `maps`, which the view keeps, with
        // the permissions that a producer needs; M2: the kernel maps the data
        // twice in a row, for the size that it reports; M4: `width` is the
        // kernel's; M5: see SAFETY.md, assumption A1.
        let view = unsafe {
            MappedProducer::new(consumer_page, producer_page, data, capacity, width, maps)
        };
        Ok(Self { view, info })
    }

    /// The id of the map.
    pub fn id(&self) -> u32 {
        self.info.id
    }

    /// The name of the map, as far as the kernel keeps it (15 bytes).
    pub fn name(&self) -> &str {
        self.info.name()
    }
}

// SAFETY: M1 to M5 as of the view; this only forwards.
unsafe impl ProducerMemory for UserMapping {
    type SampleMut<'a> = &'a mut [u8];

    fn capacity(&self) -> Capacity {
        self.view.capacity()
    }

    fn width(&self) -> Width {
        self.view.width()
    }

    fn initial_producer_pos(&self) -> Position {
        self.view.initial_producer_pos()
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        self.view.load_consumer_pos(order)
    }

    unsafe fn store_producer_pos(&self, position: Position, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.view.store_producer_pos(position, order) };
    }

    unsafe fn write_header(&self, at: Offset, header: Header, page: PageOffset) {
        // SAFETY: as the caller vouches.
        unsafe { self.view.write_header(at, header, page) }
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.view.store_header(at, header, order) }
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> &mut [u8] {
        // SAFETY: as the caller vouches.
        unsafe { self.view.sample_mut(at, len) }
    }
}

/// A map that passed the door, mapped and claimed.
struct Opened {
    maps: Maps,
    info: MapInfo,
    capacity: Capacity,
    width: Width,
}

impl Opened {
    fn new(fd: &impl AsFd, kind: Kind) -> Result<Self, OpenError> {
        let info = sys::info(fd).map_err(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => OpenError::NotAMap,
            Some(libc::EPERM) => OpenError::Privilege {
                operation: "ask what this file descriptor is",
                needs: "CAP_BPF, or kernel.unprivileged_bpf_disabled=0, on kernels before 5.19",
            },
            _ => OpenError::system("ask what this file descriptor is", error),
        })?;
        sys::is_map(fd).map_err(|why| match why {
            NotReadable::NotAMap => OpenError::NotAMap,
            NotReadable::WriteOnly => OpenError::WriteOnlyFd,
        })?;
        let page = sys::page_size();
        let capacity = geometry(&info, page, kind)?;
        let width = width::kernel_width()?;
        let claim = Claim::new(info.id, kind)?;
        let maps = Maps::new(fd, capacity, page, kind, claim)?;
        Ok(Self { maps, info, capacity, width })
    }
}

/// Whether a map can be opened as this kind, and how large it is.
fn geometry(info: &MapInfo, page: usize, kind: Kind) -> Result<Capacity, OpenError> {
    let map_type = info.map_type;
    if map_type != kind.map_type() {
        return Err(match kind {
            Kind::Ring => OpenError::WrongType { map_type },
            Kind::UserRing => OpenError::NotAUserRing { map_type },
        });
    }
    if info.map_flags & sys::F_RB_OVERWRITE != 0 {
        return Err(OpenError::Overwrite);
    }
    Capacity::new(info.max_entries.into(), page as u64).map_err(OpenError::Capacity)
}

/// The two mappings, and the claim that they are the only ones here.
#[derive(Debug)]
struct Maps {
    consumer: MmapRaw,
    rest: MmapRaw,
    page: usize,
    _claim: Claim,
}

impl Maps {
    /// Maps what the role of user space writes first: the kernel's answer to
    /// that says what is wrong with the descriptor.
    fn new(
        fd: &impl AsFd,
        capacity: Capacity,
        page: usize,
        kind: Kind,
        claim: Claim,
    ) -> Result<Self, OpenError> {
        let file = fd.as_fd().as_raw_fd();
        let rest_len = usize::try_from(capacity.bytes())
            .ok()
            .and_then(|size| size.checked_mul(2)?.checked_add(page))
            .ok_or_else(|| OpenError::System {
                operation: "map the ring",
                source: std::io::Error::other("it is larger than the address space"),
            })?;
        let (mut first, mut rest) = (MmapOptions::new(), MmapOptions::new());
        first.len(page);
        rest.offset(page as u64).len(rest_len);
        let (consumer, rest) = match kind {
            Kind::Ring => {
                let consumer = first.map_raw(file).map_err(not_writable)?;
                (consumer, rest.map_raw_read_only(file).map_err(not_readable)?)
            }
            Kind::UserRing => {
                let rest = rest.map_raw(file).map_err(not_writable)?;
                (first.map_raw_read_only(file).map_err(not_readable)?, rest)
            }
        };
        for map in [&consumer, &rest] {
            map.advise(Advice::DontFork)
                .map_err(|error| OpenError::system("keep the mapping from forks", error))?;
        }
        Ok(Self { consumer, rest, page, _claim: claim })
    }

    /// Consumer page, producer page, data.
    fn places(&self) -> [NonNull<u8>; 3] {
        let rest = self.rest.as_mut_ptr();
        [self.consumer.as_mut_ptr(), rest, rest.wrapping_add(self.page)].map(|place| {
            // SAFETY: a mapping is never at address 0, and the data begins a
            // page into one of a page and more.
            unsafe { NonNull::new_unchecked(place) }
        })
    }
}

fn not_writable(error: std::io::Error) -> OpenError {
    match error.raw_os_error() {
        Some(libc::EACCES) => OpenError::ReadOnlyFd,
        Some(libc::EPERM) => OpenError::Frozen,
        _ => OpenError::system("map the writable pages", error),
    }
}

fn not_readable(error: std::io::Error) -> OpenError {
    OpenError::system("map the read-only pages", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringbuf_core::CapacityError;

    fn info(map_type: u32, max_entries: u32, map_flags: u32) -> MapInfo {
        MapInfo { map_type, max_entries, map_flags, ..MapInfo::default() }
    }

    #[test]
    fn only_plain_rings_of_sound_size_pass_the_door() {
        let ring = sys::MAP_TYPE_RINGBUF;
        assert_eq!(geometry(&info(ring, 8192, 0), 4096, Kind::Ring).unwrap().bytes(), 8192);
        // BPF_F_NUMA_NODE does no harm.
        assert!(geometry(&info(ring, 8192, 1 << 2), 4096, Kind::Ring).is_ok());
        assert!(matches!(
            geometry(&info(ring, 8192, sys::F_RB_OVERWRITE), 4096, Kind::Ring),
            Err(OpenError::Overwrite)
        ));
        assert!(matches!(
            geometry(&info(sys::MAP_TYPE_USER_RINGBUF, 8192, 0), 4096, Kind::Ring),
            Err(OpenError::WrongType { map_type: sys::MAP_TYPE_USER_RINGBUF })
        ));
        assert!(matches!(
            geometry(&info(ring, 4096, 0), 65536, Kind::Ring),
            Err(OpenError::Capacity(CapacityError::BelowPage { .. }))
        ));
        assert!(matches!(
            geometry(&info(ring, 12288, 0), 4096, Kind::Ring),
            Err(OpenError::Capacity(CapacityError::NotPowerOfTwo { .. }))
        ));
    }

    #[test]
    fn only_user_rings_of_sound_size_pass_the_other_door() {
        let user = sys::MAP_TYPE_USER_RINGBUF;
        let geometry = |info, page| geometry(&info, page, Kind::UserRing);
        assert_eq!(geometry(info(user, 8192, 0), 4096).unwrap().bytes(), 8192);
        for (map_type, hint) in [(sys::MAP_TYPE_RINGBUF, "with RingBuf"), (2, "of type 2 (array)")]
        {
            let error = geometry(info(map_type, 8192, 0), 4096).unwrap_err();
            assert!(matches!(error, OpenError::NotAUserRing { .. }), "{error:?}");
            assert!(error.to_string().contains(hint), "{error}");
        }
        assert!(matches!(geometry(info(user, 4096, 0), 65536), Err(OpenError::Capacity(_))));
    }

    #[test]
    fn a_map_has_one_claim_at_a_time() {
        let id = u32::MAX;
        let [consume, produce] =
            [Kind::Ring, Kind::UserRing].map(|kind| move || Claim::new(id, kind));
        let claim = consume().unwrap();
        assert!(matches!(consume(), Err(OpenError::SecondConsumer { id: u32::MAX })));
        assert!(matches!(produce(), Err(OpenError::SecondProducer { id: u32::MAX })));
        drop(claim);
        assert!(produce().is_ok());
    }
}
