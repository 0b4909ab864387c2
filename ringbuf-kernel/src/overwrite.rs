//! [`OverwriteRing`]: the reader of a ring in overwrite mode.

use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Capacity, Header, Offset, OverwriteMemory, OverwriteReader, Position, RingMemory, Tso,
    Validator,
};

use crate::{MapOptions, OpenError, OverwriteMapping, WaitError, Waker};

/// The reader of a `BPF_MAP_TYPE_RINGBUF` map in overwrite mode (`BPF_F_RB_OVERWRITE`, Linux
/// 6.19 and later): a flight recorder. Programs never fail to record because nobody reads;
/// they write over the oldest records.
///
/// It derefs to core's [`OverwriteReader`]. [`snapshot`](OverwriteReader::snapshot) reads
/// what is there, oldest or newest first, and leaves it there.
/// [`next_copy`](OverwriteReader::next_copy) follows. Each record is copied into your buffer,
/// and delivered whole or not at all.
///
/// [`open`](Self::open) works on x86 and s390x, whose order of stores shows each torn copy.
/// On other processors, [`over`](Self::over) takes a [`Validator`] as well. docs/overwrite.md
/// has the details.
///
/// One reader of a map in this process is allowed, as for [`RingBuf`](crate::RingBuf). In a
/// child of `fork` reading reports [`CorruptReason::Forked`](crate::CorruptReason::Forked),
/// until [`take_over`](Self::take_over).
///
/// ```no_run
/// use ringbuf_kernel::{NextCopy, OverwriteRing};
///
/// let ring = OverwriteRing::from_pin("/sys/fs/bpf/recorder")?;
/// // Something went wrong: what did the programs see last?
/// let mut index = [Default::default(); 100];
/// let mut buffer = vec![0; 4096];
/// let mut last = ring.snapshot()?.newest_first(&mut index)?;
/// while let NextCopy::Record(record) = last.next_copy(&mut buffer)? {
///     println!("at {}: {:02x?}", record.position, &record[..]);
/// }
/// println!("{}", last.counts());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct OverwriteRing<V: Validator = Tso> {
    reader: OverwriteReader<OverwriteMapping, V>,
}

impl OverwriteRing {
    /// Opens the ring behind a map's file descriptor, from any loader. The descriptor is
    /// duplicated, so the caller may close its own.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::OverwriteRing;
    /// use std::os::fd::BorrowedFd;
    ///
    /// /// `map` is the descriptor that the loader has of the map.
    /// fn recorder(map: BorrowedFd<'_>) -> Result<OverwriteRing, ringbuf_kernel::OpenError> {
    ///     OverwriteRing::open(map)
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::NotOverwriting`] if the map is an ordinary ring,
    /// [`OpenError::NeedsValidator`] on a processor that needs one, and as
    /// [`RingBuf::open`](crate::RingBuf::open).
    pub fn open(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::trusting(OverwriteMapping::new(fd)?)
    }

    /// Opens the ring with this map id. Needs `CAP_SYS_ADMIN`.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::OverwriteRing;
    /// let ring = OverwriteRing::from_id(17)?;
    /// println!("{}", ring.name());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchId`].
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::trusting(OverwriteMapping::from_id(id)?)
    }

    /// Opens the ring that is pinned at `path` in bpffs.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::OverwriteRing;
    /// let ring = OverwriteRing::from_pin("/sys/fs/bpf/recorder")?;
    /// println!("{}", ring.capacity());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchPin`], [`OpenError::PinPath`] and
    /// [`OpenError::NotAMapPin`].
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::trusting(OverwriteMapping::from_pin(path)?)
    }

    /// Creates a map of `bytes` in overwrite mode, a power of two and a multiple of the page
    /// size, named `ringbuf`. [`MapOptions::create_overwriting`] takes more options.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::OverwriteRing;
    /// let ring = OverwriteRing::create(1 << 20)?; // give it to the loader
    /// println!("map {}", ring.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`MapOptions::create_overwriting`]; before Linux 6.19
    /// [`OpenError::UnsupportedKernel`].
    pub fn create(bytes: u64) -> Result<Self, OpenError> {
        MapOptions::new(bytes).create_overwriting()
    }

    pub(crate) fn trusting(mapping: OverwriteMapping) -> Result<Self, OpenError> {
        let tso = Tso::of(&mapping).ok_or(OpenError::NeedsValidator)?;
        Self::over(mapping, tso)
    }
}

impl<V: Validator> OverwriteRing<V> {
    /// Reads the mapped ring, with this validator: a closure that checks each sample, or
    /// [`ProducersStopped`](crate::ProducersStopped). It is right on every processor.
    ///
    /// ```no_run
    /// use ringbuf_kernel::{OverwriteMapping, OverwriteRing};
    ///
    /// # let map = std::fs::File::open("map")?;
    /// // The programs write a number into the first and into the last word of each sample.
    /// let ring = OverwriteRing::over(OverwriteMapping::new(&map)?, |sample: &[u8]| {
    ///     sample.len() >= 16 && sample.first_chunk::<8>() == sample.last_chunk::<8>()
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::Corrupt`] if the positions in the map are impossible.
    pub fn over(mapping: OverwriteMapping, validator: V) -> Result<Self, OpenError> {
        let reader = OverwriteReader::new(mapping, validator).map_err(OpenError::Corrupt)?;
        Ok(Self { reader })
    }

    /// Makes this process, a child of `fork`, the reader of a ring that its parent opened.
    /// In the process that opened the ring it does nothing. Reading starts at the position
    /// that the parent published last, and counts start at 0. The parent then no longer owns
    /// the ring.
    ///
    /// ```no_run
    /// # fn daemonize() {}
    /// let mut ring = ringbuf_kernel::OverwriteRing::from_pin("/sys/fs/bpf/recorder")?;
    /// daemonize(); // forks; the parent exits
    /// ring.take_over()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](OverwriteRing::open). After an error the ring is as before.
    pub fn take_over(&mut self) -> Result<(), OpenError>
    where
        V: Clone,
    {
        if self.memory().is_owned() {
            return Ok(());
        }
        let ring = Self::over(self.memory().take_over()?, self.reader.validator().clone())?;
        ring.memory().succeed(self.memory());
        *self = ring;
        Ok(())
    }

    /// Size of the data area (`max_entries` of the map).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::OverwriteRing;
    /// let ring = OverwriteRing::from_pin("/sys/fs/bpf/recorder")?;
    /// let index = vec![ringbuf_kernel::Position::default(); ring.capacity().bytes() as usize / 8];
    /// # drop(index);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.memory().capacity()
    }

    /// A waker: ends a wait of this ring from another thread or a signal handler. Ask again
    /// after [`take_over`](Self::take_over).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::OverwriteRing;
    /// let mut ring = OverwriteRing::from_pin("/sys/fs/bpf/recorder")?;
    /// let waker = ring.waker()?;
    /// std::thread::spawn(move || waker.wake());
    /// ring.wait(None)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WaitError`] if no file descriptor is left.
    pub fn waker(&self) -> Result<Waker, WaitError> {
        self.memory().waker()
    }

    /// The id of the map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::OverwriteRing;
    /// let ring = OverwriteRing::from_pin("/sys/fs/bpf/recorder")?;
    /// println!("map {}", ring.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> u32 {
        self.memory().id()
    }

    /// The name of the map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::OverwriteRing;
    /// let ring = OverwriteRing::from_id(17)?;
    /// println!("{}", ring.name());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.memory().name()
    }
}

impl<V: Validator> Deref for OverwriteRing<V> {
    type Target = OverwriteReader<OverwriteMapping, V>;

    fn deref(&self) -> &Self::Target {
        &self.reader
    }
}

impl<V: Validator> DerefMut for OverwriteRing<V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.reader
    }
}

impl<V: Validator> AsFd for OverwriteRing<V> {
    /// The map's descriptor. It becomes readable (`EPOLLIN`) when a commit finds the reader
    /// caught up. Wait edge-triggered, after [`arm`](OverwriteReader::arm).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory().as_fd()
    }
}

impl<V: Validator> AsRawFd for OverwriteRing<V> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

// SAFETY: M1 to M6 and M9 as of the view; this only forwards.
unsafe impl OverwriteMemory for OverwriteMapping {
    fn initial_consumer_pos(&self) -> Position {
        self.view.initial_consumer_pos()
    }

    fn store_consumer_pos(&self, position: Position, order: Ordering) {
        self.view.store_consumer_pos(position, order);
    }

    #[inline]
    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.view.load_producer_pos(order)
    }

    #[inline]
    fn load_overwrite_pos(&self, order: Ordering) -> Position {
        self.view.load_overwrite_pos(order)
    }

    #[inline]
    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        // SAFETY: as the caller vouches.
        unsafe { self.view.load_header(at, order) }
    }

    #[inline]
    unsafe fn copy_sample(&self, at: Offset, buffer: &mut [u8]) {
        // SAFETY: as the caller vouches.
        unsafe { self.view.copy_sample(at, buffer) };
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        self.view.fence(order);
    }

    fn is_tso(&self) -> bool {
        self.view.is_tso()
    }
}
