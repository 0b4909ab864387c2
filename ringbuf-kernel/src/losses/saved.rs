//! [`SavedCounts`]: what a reader has counted, in a map that outlives it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use memmap2::{MmapOptions, MmapRaw};
use ringbuf_core::{Accounting, Corrupt, CountSaver, ResumeError, Resumed, SavedWords};

use crate::losses::{LossesError, counters};
use crate::sys::{self, Creation, MapInfo};
use crate::{OpenError, RingBuf, door};

/// A small map in which a reader saves what it has counted, so that the reader after it goes on
/// counting: also after a `kill -9`.
///
/// It is an array that can be mapped (`BPF_F_MMAPABLE`, Linux 5.5), with a value of 128 bytes.
/// It lives as long as a descriptor, a pin, or a program that uses it. So keep it where the
/// ring is: pin both, or declare it in the BPF object (`RINGBUF_SAVED` of `ringbuf.bpf.h`). One
/// ring has one such map.
///
/// ```no_run
/// use ringbuf_kernel::{RingBuf, SavedCounts};
///
/// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
/// let saved = SavedCounts::at_pin("/sys/fs/bpf/events_saved")?;
/// let resumed = ring.save_counts(&saved)?;
/// println!("so far: {}; {} come again", resumed.counts, resumed.again.delivered);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SavedCounts {
    map: OwnedFd,
    page: SavedPage,
}

impl SavedCounts {
    /// Creates a map, for you to pin or to keep.
    ///
    /// ```no_run
    /// let saved = ringbuf_kernel::SavedCounts::create()?;
    /// # Ok::<(), ringbuf_kernel::LossesError>(())
    /// ```
    ///
    /// # Errors
    /// [`LossesError::System`], as of bpf(2) with `BPF_MAP_CREATE`.
    pub fn create() -> Result<Self, LossesError> {
        let creation = Creation {
            map_type: sys::MAP_TYPE_ARRAY,
            key_size: 4,
            value_size: VALUE_SIZE,
            max_entries: 1,
            map_flags: F_MMAPABLE,
            name: c"ringbuf_saved".to_owned(),
            ..Creation::default()
        };
        let create = |error| LossesError::system("create a map for saved counts", error);
        Self::take(sys::create(&creation).map_err(create)?)
    }

    /// Opens the map behind `fd`.
    ///
    /// ```no_run
    /// use std::os::fd::BorrowedFd;
    /// use ringbuf_kernel::{LossesError, SavedCounts};
    ///
    /// /// `map` is the descriptor that the loader has of the map `events_saved`.
    /// fn saved(map: BorrowedFd<'_>) -> Result<SavedCounts, LossesError> {
    ///     SavedCounts::open(map)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`LossesError::NotSavedCounts`], [`LossesError::Open`], and [`LossesError::System`] if it
    /// cannot be mapped.
    pub fn open(fd: impl AsFd) -> Result<Self, LossesError> {
        Self::take(door::duplicate(fd)?)
    }

    /// Opens the map that is pinned at `path`.
    ///
    /// ```no_run
    /// let saved = ringbuf_kernel::SavedCounts::from_pin("/sys/fs/bpf/events_saved")?;
    /// # Ok::<(), ringbuf_kernel::LossesError>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, LossesError> {
        let path = path.as_ref();
        Self::take(door::by_pin(path)?).map_err(|error| match error {
            LossesError::Open(error) => LossesError::Open(door::pinned(path, error)),
            other => other,
        })
    }

    /// Opens the map that is pinned at `path`, a place in bpffs; if nothing is there, creates
    /// one and pins it. bpffs takes no name with a dot.
    ///
    /// ```no_run
    /// let saved = ringbuf_kernel::SavedCounts::at_pin("/sys/fs/bpf/events_saved")?;
    /// # Ok::<(), ringbuf_kernel::LossesError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_pin`](Self::from_pin) and [`create`](Self::create).
    pub fn at_pin(path: impl AsRef<Path>) -> Result<Self, LossesError> {
        let path = path.as_ref();
        match Self::from_pin(path) {
            Err(LossesError::Open(OpenError::NoSuchPin { .. })) => {}
            other => return other,
        }
        let saved = Self::create()?;
        match door::pin(&saved.map, path, "a map for saved counts") {
            Ok(()) => Ok(saved),
            // Another process was faster.
            Err(None) => Self::from_pin(path),
            Err(Some(error)) => Err(error.into()),
        }
    }

    fn take(map: OwnedFd) -> Result<Self, LossesError> {
        let info = counters::info(&map)?;
        let MapInfo { id, map_type, value_size, map_flags, .. } = info;
        let fits = map_type == sys::MAP_TYPE_ARRAY
            && value_size >= VALUE_SIZE
            && info.max_entries > 0
            && map_flags & F_MMAPABLE != 0;
        if !fits {
            return Err(LossesError::NotSavedCounts { id, map_type, value_size, map_flags });
        }
        let mapped = MmapOptions::new().len(VALUE_SIZE as usize).map_raw(map.as_raw_fd());
        let mapped =
            mapped.map_err(|error| LossesError::system("map the saved counts (mmap)", error))?;
        Ok(Self { map, page: SavedPage { id, page: Arc::new(mapped) } })
    }
}

impl SavedCounts {
    /// Returns the id of the map.
    ///
    /// ```no_run
    /// let saved = ringbuf_kernel::SavedCounts::at_pin("/sys/fs/bpf/events_saved")?;
    /// println!("map {}", saved.id());
    /// # Ok::<(), ringbuf_kernel::LossesError>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> u32 {
        self.page.id
    }

    /// Forgets the counts, so that another ring may use the map. Call it if the ring that they
    /// are of is gone: [`LossesError::SavedByAnother`] says which one that is. If it still has
    /// a reader, that one saves nothing any more (see [`RingBuf::saves_counts`]).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{LossesError, RingBuf, SavedCounts};
    /// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// let saved = SavedCounts::at_pin("/sys/fs/bpf/events_saved")?;
    /// let resumed = match ring.save_counts(&saved) {
    ///     // The loader has made a new ring and pinned it over the old one.
    ///     Err(LossesError::SavedByAnother { .. }) => {
    ///         saved.clear();
    ///         ring.save_counts(&saved)?
    ///     }
    ///     other => other?,
    /// };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear(&self) {
        CountSaver::clear(self.page.clone());
    }
}

impl AsFd for SavedCounts {
    /// The map's descriptor.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

const VALUE_SIZE: u32 = 128;
const F_MMAPABLE: u32 = 1 << 10;

/// The value of that map, mapped.
#[derive(Clone, Debug)]
pub(crate) struct SavedPage {
    id: u32,
    page: Arc<MmapRaw>,
}

impl SavedPage {
    fn word(&self, word: usize) -> &AtomicU64 {
        let at = self.page.as_mut_ptr().cast::<u64>().wrapping_add(word % 16);
        // SAFETY: one of the first 16 words of a page that is mapped for writing as long as
        // `self` lives. A page is aligned. Whoever else has mapped the map is outside of this
        // process's memory model, as for a ring's pages (SAFETY.md, M5).
        unsafe { AtomicU64::from_ptr(at) }
    }
}

impl SavedWords for SavedPage {
    fn load(&self, word: usize) -> u64 {
        self.word(word).load(Acquire)
    }

    fn store(&self, word: usize, value: u64) {
        self.word(word).store(value, Release);
    }
}

impl RingBuf {
    /// Goes on counting where the last reader stopped, and saves the counts of this one. Call
    /// it right after opening the ring.
    ///
    /// From then on, each time space goes back to the producers, the counts go into the map
    /// first: six stores. So a reader that never holds anything back
    /// ([`next_record`](crate::Consumer::next_record) without a policy) pays for it with each record.
    ///
    /// Records that the last reader had passed, and not yet given back, come again (see
    /// docs/shutdown.md). They are counted once; [`Resumed::again`] says how many there are.
    ///
    /// Another reader of the ring that saves no counts leaves a gap behind, which
    /// [`Resumed::uncounted_bytes`] names. So does one that ran before the first call.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, SavedCounts};
    /// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// let resumed = ring.save_counts(&SavedCounts::at_pin("/sys/fs/bpf/events_saved")?)?;
    /// ring.drain(|record| println!("{} bytes", record.len()))?;
    /// println!("{} in all", resumed.counts.plus(ring.counts()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LossesError::TooLate`] if this ring was read already,
    /// [`LossesError::SavedByAnother`], and [`LossesError::Corrupt`].
    pub fn save_counts(&mut self, saved: &SavedCounts) -> Result<Resumed, LossesError> {
        let memory = self.memory();
        if memory.saver.get().is_some() {
            return Err(LossesError::TooLate);
        }
        let saver = CountSaver::resume(saved.page.clone(), memory.id().into(), self);
        let saver = saver.map_err(|error| match error {
            ResumeError::AnotherRing { ring } => {
                LossesError::SavedByAnother { id: saved.id(), ring }
            }
            ResumeError::Corrupt(corrupt) => LossesError::Corrupt(corrupt),
            _ => LossesError::TooLate,
        })?;
        Ok(memory.saver.get_or_init(|| saver).resumed())
    }

    /// Whether this reader saves its counts: false without [`save_counts`](Self::save_counts).
    ///
    /// ```no_run
    /// # let ring = ringbuf_kernel::RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// match ring.saves_counts() {
    ///     Ok(saves) => println!("the next reader goes on counting: {saves}"),
    ///     Err(error) => eprintln!("{error}"), // which ring's reader has taken the map
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LossesError::SavedByAnother`] if the reader of another ring has taken the map since,
    /// after [`SavedCounts::clear`]. Then this one saves nothing any more.
    pub fn saves_counts(&self) -> Result<bool, LossesError> {
        let Some(saver) = self.memory().saver.get() else { return Ok(false) };
        match saver.taken_by() {
            None => Ok(true),
            Some(ring) => Err(LossesError::SavedByAnother { id: saver.words().id, ring }),
        }
    }

    /// The reader's half of the sum: what was delivered and discarded, by this reader and, if it
    /// [saves counts](Self::save_counts), by those before it; and what is in the ring.
    ///
    /// [`LossCounters::account`](crate::LossCounters::account) adds the programs' half. Loads
    /// one header for each unread record.
    ///
    /// ```no_run
    /// # let ring = ringbuf_kernel::RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// println!("{}", ring.accounting()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`]; each later call reports it again.
    pub fn accounting(&self) -> Result<Accounting, Corrupt> {
        let accounting = Accounting::new(self.counts(), self.unread()?);
        let resumed = self.memory().saver.get().map(CountSaver::resumed);
        Ok(accounting.resumed(resumed.unwrap_or_default()))
    }
}
