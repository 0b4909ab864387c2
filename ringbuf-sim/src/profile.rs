//! The differences between kernels and machines.

use ringbuf_core::Width;

use crate::ByteOrder;

/// The kernel and machine that a simulated ring behaves like. The default is the
/// newest kernel on this machine, with 64-bit positions.
///
/// Everything else that programs and readers can see is the same from 5.10 to 7.3.
/// `cargo test -p ringbuf-tests --test conformance` checks this, and `cargo xtask
/// matrix --arch all` checks it on other machines.
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
    };

    /// Returns the profile of a kernel.org release, for example `5, 10, 223`, on
    /// the machine of [`NEWEST`](Self::NEWEST). Distributions ship fixes under any
    /// version number. If you can run the kernel, test it instead: the pending
    /// position of a ring moves with the second reservation.
    ///
    /// The release with the repair is known only for 6.12 and 6.1. All releases
    /// from 7.0 on count as repaired. On 64-bit kernels this makes no difference.
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
        Self { pending_pos, ..Self::NEWEST }
    }

    /// Returns the same profile with this width.
    #[must_use]
    pub const fn width(self, width: Width) -> Self {
        Self { width, ..self }
    }

    /// Returns the same profile with pages of `bytes`.
    #[must_use]
    pub const fn page_size(self, bytes: u64) -> Self {
        Self { page_size: Some(bytes), ..self }
    }

    /// Returns the same profile with this byte order.
    #[must_use]
    pub const fn byte_order(self, byte_order: ByteOrder) -> Self {
        Self { byte_order, ..self }
    }

    /// Returns the same profile with this protection of uncommitted records.
    #[must_use]
    pub const fn pending_pos(self, pending_pos: PendingPos) -> Self {
        Self { pending_pos, ..self }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_with_the_fix_and_without() {
        let is = |pending_pos, releases: &[(u32, u32, u32)]| {
            for &(major, minor, patch) in releases {
                let profile = Profile::of_release(major, minor, patch);
                let want = Profile { pending_pos, ..Profile::default() };
                assert_eq!(profile, want, "{major}.{minor}.{patch}");
            }
        };
        let without = [
            (5, 8, u32::MAX),
            (5, 8, 18),
            (5, 10, 218),
            (5, 15, 161),
            (6, 1, 96),
            (6, 8, 12),
            (6, 9, 7),
        ];
        is(PendingPos::Absent, &without);
        let compared = [(5, 10, 223), (5, 10, u32::MAX), (5, 15, 162), (6, 1, 97), (6, 1, 187)];
        is(PendingPos::Compared, &compared);
        let compared = [(6, 6, 37), (6, 9, 8), (6, 10, 0), (6, 12, 109), (6, 19, 14)];
        is(PendingPos::Compared, &compared);
        is(PendingPos::Modular, &[(6, 1, 188), (6, 12, 110), (7, 0, 0), (7, 3, 4)]);
    }
}
