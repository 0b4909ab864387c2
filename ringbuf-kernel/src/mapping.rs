//! [`Mapping`] and [`UserMapping`]: the pages of a ring buffer map of either
//! type, as memory of core's roles.

use std::cell::{Cell, OnceCell};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringbuf_core::{
    AlignedBytes, Capacity, ConsumerMemory, CountSaver, Counts, DataStart, Header, MappedConsumer,
    MappedOverwrite, MappedProducer, Offset, PageOffset, Position, ProducerMemory, RingMemory,
    SampleLen, WaitHost, WakeCause, Wakes, Width,
};

use crate::door::{self, Kind};
use crate::exhausted::Watch;
use crate::losses::SavedPage;
use crate::maps::{Claiming, Maps, Opened};
use crate::prefetch::prefetch;
use crate::sleep::Sleeper;
use crate::sys::MapInfo;
use crate::{OpenError, WaitError, Waker};

/// The consumer's view of a mapped ring buffer map, its descriptor, and the sleeps of
/// its reader: all of a [`RingBuf`](crate::RingBuf) except the protocol.
///
/// Use it to build a reader of your own, or to observe or weaken single accesses in a
/// test. While it lives, this process cannot open another consumer of the map.
#[derive(Debug)]
pub struct Mapping {
    view: MappedConsumer<Maps>,
    info: MapInfo,
    pub(crate) watch: Cell<Watch>,
    /// Saves counts for the next reader, if asked for.
    pub(crate) saver: OnceCell<CountSaver<SavedPage>>,
}

impl Mapping {
    /// Duplicates `fd` and maps the ring behind it: one writable page at offset 0, then
    /// the producer page and both copies of the data, read-only
    /// (`ringbuf_map_mmap_kern`, kernel/bpf/ringbuf.c, 5.8 to 7.3).
    ///
    /// # Errors
    /// Every [`OpenError`] except those that name an id or a path.
    pub fn new(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Once)
    }

    pub(crate) fn take(fd: OwnedFd, claiming: Claiming) -> Result<Self, OpenError> {
        let Opened { maps, info, capacity, width } = Opened::new(fd, Kind::Ring, claiming)?;
        let [consumer_page, producer_page, data] = maps.places();
        // SAFETY: M1: both mappings live in `maps`, which the view keeps, with
        // the permissions that a consumer needs; M2: the kernel maps the data
        // twice in a row, for the size that it reports; M4: `width` is the
        // kernel's; M5: see SAFETY.md, assumption A1.
        let view = unsafe {
            MappedConsumer::new(consumer_page, producer_page, data, capacity, width, maps)
        };
        Ok(Self { view, info, watch: Cell::default(), saver: OnceCell::new() })
    }

    /// See [`MappedConsumer::pending_pos_low`].
    pub(crate) fn pending_pos_low(&self) -> u32 {
        self.view.pending_pos_low()
    }
}

/// The producer's view of a mapped user ring buffer map, its descriptor, and the sleeps
/// of its producer: all of a [`UserRingBuf`](crate::UserRingBuf) except the protocol.
///
/// Use it to build a producer of your own, or to write bad bytes in a test. While it
/// lives, this process cannot open another producer of the map.
#[derive(Debug)]
pub struct UserMapping {
    view: MappedProducer<Maps>,
    info: MapInfo,
}

impl UserMapping {
    /// Duplicates `fd` and maps the user ring behind it: one read-only page at offset 0,
    /// then the producer page and both copies of the data, writable
    /// (`ringbuf_map_mmap_user`, kernel/bpf/ringbuf.c, 6.1 to 7.3).
    ///
    /// # Errors
    /// Every [`OpenError`] except those that name an id or a path.
    pub fn new(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Once)
    }

    pub(crate) fn take(fd: OwnedFd, claiming: Claiming) -> Result<Self, OpenError> {
        let Opened { maps, info, capacity, width } = Opened::new(fd, Kind::UserRing, claiming)?;
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

    /// A sleeper for one more thread that waits.
    pub(crate) fn another_sleeper(&self) -> Result<Sleeper, WaitError> {
        self.view.keep().sleeper.another()
    }
}

/// The reader's view of a mapped ring buffer map in overwrite mode, its descriptor, and the
/// sleeps of its reader: all of an [`OverwriteRing`](crate::OverwriteRing) except the
/// protocol.
///
/// ```no_run
/// use ringbuf_kernel::{OverwriteMapping, OverwriteRing, ProducersStopped};
///
/// let mapping = OverwriteMapping::from_pin("/sys/fs/bpf/recorder")?;
/// // The programs are detached: this is right on every processor.
/// let ring = OverwriteRing::over(mapping, ProducersStopped)?;
/// # Ok::<(), ringbuf_kernel::OpenError>(())
/// ```
#[derive(Debug)]
pub struct OverwriteMapping {
    pub(crate) view: MappedOverwrite<Maps>,
    info: MapInfo,
}

impl OverwriteMapping {
    /// Duplicates `fd` and maps the ring behind it, as [`Mapping::new`] does.
    ///
    /// # Errors
    /// [`OpenError::NotOverwriting`], and every other [`OpenError`] except those that name an
    /// id or a path.
    pub fn new(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Once)
    }

    /// Maps the ring with this map id. Needs `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`OpenError::NoSuchId`].
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::take(door::by_id(id)?, Claiming::Once)
    }

    /// Maps the ring that is pinned at `path` in bpffs.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`OpenError::NoSuchPin`], [`OpenError::PinPath`] and
    /// [`OpenError::NotAMapPin`].
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        Self::take(door::by_pin(path)?, Claiming::Once).map_err(|error| door::pinned(path, error))
    }

    pub(crate) fn take(fd: OwnedFd, claiming: Claiming) -> Result<Self, OpenError> {
        let Opened { maps, info, capacity, width } =
            Opened::new(fd, Kind::OverwriteRing, claiming)?;
        let [consumer_page, producer_page, data] = maps.places();
        // SAFETY: M1, M2, M4 and M5 as for `Mapping`; M9: the door has seen the flag, which
        // no map loses.
        let view = unsafe {
            MappedOverwrite::new(consumer_page, producer_page, data, capacity, width, maps)
        };
        Ok(Self { view, info })
    }
}

macro_rules! of_a_map {
    ($mapping:ident) => {
        impl $mapping {
            /// The id of the map.
            #[must_use]
            pub fn id(&self) -> u32 {
                self.info.id
            }

            /// The name of the map, as far as the kernel keeps it (15 bytes).
            #[must_use]
            pub fn name(&self) -> &str {
                self.info.name()
            }

            /// A waker for the waits over this memory.
            ///
            /// # Errors
            /// [`WaitError`] if no file descriptor is left.
            pub fn waker(&self) -> Result<Waker, WaitError> {
                self.view.keep().sleeper.waker()
            }

            /// Maps the same map again for this process, which takes it over from
            /// another one.
            pub(crate) fn take_over(&self) -> Result<Self, OpenError> {
                Self::take(door::duplicate(self)?, Claiming::Never)
            }

            pub(crate) fn succeed(&self, other: &Self) {
                self.view.keep().succeed(other.view.keep());
            }
        }

        impl AsFd for $mapping {
            /// The map's descriptor.
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.view.keep().sleeper.map().as_fd()
            }
        }

        impl AsRawFd for $mapping {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        // SAFETY: M1 to M6 as of the view; this only forwards.
        unsafe impl RingMemory for $mapping {
            #[inline]
            fn capacity(&self) -> Capacity {
                self.view.capacity()
            }

            #[inline]
            fn width(&self) -> Width {
                self.view.width()
            }

            #[inline]
            fn is_owned(&self) -> bool {
                self.view.keep().owner.is_current()
            }
        }

        impl WaitHost for $mapping {
            type Error = WaitError;

            fn now(&self) -> Duration {
                self.view.keep().sleeper.now()
            }

            fn pause(&self, time: Duration) {
                self.view.keep().sleeper.pause(time);
            }

            fn nap(&self, time: Duration) -> Result<WakeCause, WaitError> {
                self.view.keep().sleeper.nap(time)
            }

            fn block(&self, time: Duration) -> Result<WakeCause, WaitError> {
                self.view.keep().sleeper.block(time)
            }

            fn take_wakes(&self) -> Wakes {
                self.view.keep().sleeper.take_wakes()
            }

            fn deadline(&self) -> Duration {
                self.view.keep().sleeper.deadline()
            }
        }
    };
}
of_a_map!(Mapping);
of_a_map!(UserMapping);
of_a_map!(OverwriteMapping);

// SAFETY: M1 to M6 as of the view; this only forwards.
unsafe impl ConsumerMemory for Mapping {
    type Sample<'a> = AlignedBytes<'a>;

    type Data = DataStart;

    #[inline]
    fn data(&self) -> Self::Data {
        self.view.data()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.view.initial_consumer_pos()
    }

    #[inline]
    fn stored_consumer_pos(&self) -> Position {
        self.view.stored_consumer_pos()
    }

    #[inline]
    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.view.load_producer_pos(order)
    }

    #[inline]
    fn before_publish(&self, position: Position, counts: Counts) {
        if let Some(saver) = self.saver.get() {
            saver.save(position, counts);
        }
    }

    #[inline]
    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.view.store_consumer_pos(position, order) };
    }

    #[inline]
    unsafe fn load_header(&self, data: Self::Data, at: Offset, order: Ordering) -> Header {
        // SAFETY: as the caller vouches.
        unsafe { self.view.load_header(data, at, order) }
    }

    #[inline]
    unsafe fn sample(&self, data: Self::Data, at: Offset, len: SampleLen) -> AlignedBytes<'_> {
        // SAFETY: as the caller vouches.
        unsafe { self.view.sample(data, at, len) }
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        self.view.fence(order);
    }

    #[inline(always)]
    fn prefetch(&self, data: Self::Data, at: Offset) {
        prefetch(data.address(at));
    }
}

// SAFETY: M1 to M7 as of the view; this only forwards.
unsafe impl ProducerMemory for UserMapping {
    type SampleMut<'a> = &'a mut [u8];

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

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        // SAFETY: as the caller vouches.
        unsafe { self.view.load_header(at, order) }
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
