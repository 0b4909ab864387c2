//! The differences between kernels and machines.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use ringbuf_core::Width;

use crate::ByteOrder;

/// The kernel and machine that a simulated ring behaves like. The default is the
/// newest kernel on this machine, with 64-bit positions.
///
/// [`of_release`](Self::of_release) knows the releases from 5.8 to 7.3. Everything else that
/// programs and readers can see is the same in all of them. `cargo test -p ringbuf-tests
/// --test conformance` checks this, and `cargo xtask matrix --arch all` checks it on other
/// kernels and machines.
///
/// ```
/// use ringbuf_core::Width;
/// use ringbuf_sim::{ByteOrder, Profile, SimRing};
///
/// // A mainframe: big-endian.
/// let s390x = Profile::NEWEST.byte_order(ByteOrder::Big);
/// let ring = SimRing::with_profile(64 << 10, s390x)?;
/// ring.producer().reserve(9)?.discard(Default::default());
/// assert_eq!(ring.pages().data[..4], [0x40, 0, 0, 9]);
///
/// // A 32-bit board with positions that will soon wrap.
/// let board = Profile::of_release(6, 1, 176).width(Width::Bits32);
/// let ring = SimRing::started_at(64 << 10, board, 0xffff_fff0)?;
/// ring.producer().output(b"over the end", Default::default())?;
/// assert_eq!(ring.pages().producer, 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The bits of the kernel's `unsigned long`, and so of all positions.
    pub width: Width,
    /// The bytes of a page: a power of two, at least 8. Kernels use 4, 16 or 64
    /// KiB. `None` means the page size of this machine. The smallest ring is one
    /// page. It is also at least one page of this machine, because the ring is
    /// mapped twice here.
    pub page_size: Option<u64>,
    /// The byte order of stored positions and headers, as
    /// [`pages`](crate::SimRing::pages) shows them. Consumers and producers see the
    /// values. Samples are bytes, and nothing swaps them. To imitate programs of
    /// such a machine, write integers in this order in your test.
    pub byte_order: ByteOrder,
    /// How the kernel tracks the oldest uncommitted record.
    pub pending_pos: PendingPos,
    /// Whether rings can be in overwrite mode.
    pub overwrite: Overwrite,
    /// The order in which other processors see stores. It matters in overwrite mode alone.
    pub store_order: StoreOrder,
    /// The lock that serialises reservations.
    pub lock: Lock,
    /// The kernel has ring buffers (5.8).
    pub ring_buffer: bool,
    /// The kernel refuses a record that is larger than the ring (5.13, 5.12.4, 5.11.21,
    /// 5.10.37: the fix of CVE-2021-3489). Before, a forged consumer position gets such a
    /// record out of it: [`Refused::WouldOverrun`](crate::Refused::WouldOverrun).
    pub checks_size: bool,
    /// The kernel has `bpf_ringbuf_reserve_dynptr` (5.19).
    pub dynptr: bool,
    /// The kernel has user rings and `bpf_user_ringbuf_drain` (6.1).
    pub user_ring: bool,
}

/// The lock that serialises reservations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lock {
    /// A spin lock (up to 6.14). A program waits for it, however long that takes. In an NMI
    /// it only tries, and gets no space while anybody holds it.
    Spin,
    /// A resilient lock (6.15). In any context it fails if its own CPU holds it, or if it
    /// cannot be had in a quarter of a second.
    Resilient,
}

/// The overwrite mode of a kernel (`BPF_F_RB_OVERWRITE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overwrite {
    /// The kernel does not know the flag: `EINVAL` (before 6.19).
    Absent,
    /// The available bytes begin at the larger of the consumer and the overwrite position,
    /// compared as plain numbers (6.19 to 7.2). So a consumer position ahead of the
    /// producer position makes them a very large number.
    Compared,
    /// The available bytes are never more than those that the ring keeps (7.3).
    Bounded,
}

/// The order in which other processors see the stores of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreOrder {
    /// In program order (x86, s390x). The simulated machine does so on every host.
    Program,
    /// In any order that the code allows (arm64, riscv64, ppc64el). Here, as the host does.
    Any,
}

/// How a kernel protects uncommitted records from a consumer that claims to have
/// passed them. The kernel hands out no space beyond one capacity from the oldest
/// uncommitted record. The position of this record is the second word of the
/// producer page (the fix of CVE-2024-41009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PendingPos {
    /// No protection (before 6.10 and the stable releases with the fix). A consumer
    /// that moves past a busy record makes records overlap, here as in such a
    /// kernel. Do not do this.
    Absent,
    /// The kernel compares positions as if they never wrapped. On 32-bit kernels a
    /// ring stops working soon after 2^32 bytes. The pending position then no
    /// longer moves, and the kernel grants no reservation beyond one capacity from
    /// it. (6.10 and stable releases, until the repair.)
    Compared,
    /// Correct (7.3, 6.12.110, 6.1.188, and the releases of 7.0 and 7.2 with the
    /// repair).
    Modular,
}

impl Profile {
    /// The newest kernel (7.3), 64 bits wide, with the pages and the byte order
    /// of this machine.
    pub const NEWEST: Self = Self {
        width: Width::Bits64,
        page_size: None,
        byte_order: ByteOrder::NATIVE,
        pending_pos: PendingPos::Modular,
        overwrite: Overwrite::Bounded,
        store_order: StoreOrder::Program,
        lock: Lock::Resilient,
        ring_buffer: true,
        checks_size: true,
        dynptr: true,
        user_ring: true,
    };

    /// Returns the profile of a kernel.org release, for example `5, 10, 223`, on
    /// the machine of [`NEWEST`](Self::NEWEST). Distributions ship fixes under any
    /// version number. If you can run the kernel, test it instead: the pending
    /// position of a ring moves with the second reservation.
    ///
    /// The release with the repair is known only for 6.12 and 6.1. All releases
    /// from 7.0 on count as repaired. On 64-bit kernels this makes no difference.
    ///
    /// ```
    /// use ringbuf_sim::{Lock, Profile};
    ///
    /// assert_eq!(Profile::of_release(6, 14, 0).lock, Lock::Spin);
    /// assert_eq!(Profile::of_release(6, 15, 0).lock, Lock::Resilient);
    /// ```
    #[must_use]
    pub const fn of_release(major: u32, minor: u32, patch: u32) -> Self {
        let (fixed, repaired) = match (major, minor) {
            (5, 10) => (Some(223), None),
            (5, 15) => (Some(162), None),
            (6, 1) => (Some(97), Some(188)),
            (6, 6) => (Some(37), None),
            (6, 9) => (Some(8), None),
            (6, 12) => (Some(0), Some(110)),
            (0..=5, _) | (6, 0..10) => (None, None),
            (6, _) => (Some(0), None),
            _ => (Some(0), Some(0)),
        };
        let pending_pos = match (fixed, repaired) {
            (_, Some(since)) if patch >= since => PendingPos::Modular,
            (Some(since), _) if patch >= since => PendingPos::Compared,
            _ => PendingPos::Absent,
        };
        let overwrite = match (major, minor) {
            (0..=5, _) | (6, 0..19) => Overwrite::Absent,
            (6, _) | (7, 0..3) => Overwrite::Compared,
            _ => Overwrite::Bounded,
        };
        let checks_size = match (major, minor) {
            (5, 10) => patch >= 37,
            (5, 11) => patch >= 21,
            (5, 12) => patch >= 4,
            (0..=4, _) | (5, 0..10) => false,
            _ => true,
        };
        Self {
            pending_pos,
            overwrite,
            lock: if is(major, minor, 6, 15) { Lock::Resilient } else { Lock::Spin },
            ring_buffer: is(major, minor, 5, 8),
            checks_size,
            dynptr: is(major, minor, 5, 19),
            user_ring: is(major, minor, 6, 1),
            ..Self::NEWEST
        }
    }

    /// Returns the same profile with this width.
    ///
    /// ```
    /// use ringbuf_sim::Profile;
    ///
    /// use ringbuf_core::Width;
    ///
    /// assert_eq!(Profile::NEWEST.width(Width::Bits32).width, Width::Bits32);
    /// ```
    #[must_use]
    pub const fn width(self, width: Width) -> Self {
        Self { width, ..self }
    }

    /// Returns the same profile with pages of `bytes`.
    ///
    /// ```
    /// use ringbuf_sim::{Profile, SimRing};
    ///
    /// let ring = SimRing::with_profile(64 << 10, Profile::NEWEST.page_size(64 << 10))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn page_size(self, bytes: u64) -> Self {
        Self { page_size: Some(bytes), ..self }
    }

    /// Returns the same profile with this byte order.
    ///
    /// ```
    /// use ringbuf_sim::{ByteOrder, Profile, SimRing};
    ///
    /// let ring = SimRing::with_profile(4096, Profile::NEWEST.byte_order(ByteOrder::Big))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn byte_order(self, byte_order: ByteOrder) -> Self {
        Self { byte_order, ..self }
    }

    /// Returns the same profile with this protection of uncommitted records.
    #[must_use]
    pub const fn pending_pos(self, pending_pos: PendingPos) -> Self {
        Self { pending_pos, ..self }
    }

    /// Returns the same profile with this overwrite mode.
    #[must_use]
    pub const fn overwrite(self, overwrite: Overwrite) -> Self {
        Self { overwrite, ..self }
    }

    /// Returns the same profile with this lock.
    ///
    /// ```
    /// use ringbuf_sim::{Lock, Profile};
    ///
    /// assert_eq!(Profile::of_release(6, 14, 0).lock(Lock::Resilient).lock, Lock::Resilient);
    /// ```
    #[must_use]
    pub const fn lock(self, lock: Lock) -> Self {
        Self { lock, ..self }
    }

    /// Returns the same profile with this order of stores.
    #[must_use]
    pub const fn store_order(self, store_order: StoreOrder) -> Self {
        Self { store_order, ..self }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::NEWEST
    }
}

/// The newest kernel of this width.
impl From<Width> for Profile {
    fn from(width: Width) -> Self {
        Self::NEWEST.width(width)
    }
}

/// A release as text: `6.12`, which is the first one of that series, or `6.12.94`. What follows
/// the numbers does not count, as in `6.12.94-generic`.
///
/// ```
/// use ringbuf_sim::Profile;
///
/// assert_eq!("6.1.97-cloud".parse(), Ok(Profile::of_release(6, 1, 97)));
/// let error = "new".parse::<Profile>().unwrap_err();
/// assert!(error.to_string().contains("`new` is not a release"));
/// ```
impl FromStr for Profile {
    type Err = ReleaseError;

    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let numbers: Result<Vec<u32>, _> = text[..end].split('.').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[major, minor]) => Ok(Self::of_release(major, minor, 0)),
            Ok(&[major, minor, patch]) => Ok(Self::of_release(major, minor, patch)),
            _ => Err(ReleaseError { text: text.to_owned() }),
        }
    }
}

/// A text is not a release of Linux.
///
/// ```
/// use ringbuf_sim::{Profile, ReleaseError};
///
/// let error: ReleaseError = "6".parse::<Profile>().unwrap_err();
/// assert!(error.to_string().contains("6.12.94"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseError {
    text: String,
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a release of Linux: write 6.12, or 6.12.94", self.text)
    }
}

impl Error for ReleaseError {}

/// Returns true if this release is `since` or a later one.
const fn is(major: u32, minor: u32, since_major: u32, since_minor: u32) -> bool {
    major > since_major || (major == since_major && minor >= since_minor)
}
