//! What kernels and machines do differently.

use ringbuf_core::Width;

use crate::ByteOrder;

/// Which kernel, on which machine, a simulated ring behaves like: the newest
/// one on this machine (64 bits wide), unless said otherwise.
///
/// Everything else that programs and readers can see is the same from 5.10 to
/// 7.3 (`cargo test -p ringbuf-tests --test conformance` compares it, and
/// `cargo xtask matrix --arch all` on other machines).
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
/// // A 32-bit board, whose positions are about to wrap.
/// let board = Profile::of_release(6, 1, 176).width(Width::Bits32);
/// let ring = SimRing::started_at(64 << 10, board, 0xffff_fff0)?;
/// ring.producer().output(b"over the end", Default::default())?;
/// assert_eq!(ring.pages().producer, 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// Bits of the kernel's `unsigned long`, and so of all positions.
    pub width: Width,
    /// Bytes of a page: a power of two of 8 or more, in kernels 4, 16 or 64 KiB;
    /// `None` as on this machine. It is the smallest ring, too; but no ring is
    /// smaller than a page of this machine, since it is mapped twice here.
    pub page_size: Option<u64>,
    /// In which order positions and headers are stored, as
    /// [`pages`](crate::SimRing::pages) shows them; consumers and producers see
    /// their values. Samples are bytes, and nobody swaps them: to see what programs
    /// of such a machine write, let your test write integers in this order.
    pub byte_order: ByteOrder,
    /// What the kernel knows of the oldest uncommitted record.
    pub pending_pos: PendingPos,
}

/// How a kernel guards records that are not committed against a consumer that
/// claims to have passed them: it hands out no space beyond one capacity from
/// the oldest of them, whose position stands in the second word of the
/// producer page (the fix of CVE-2024-41009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PendingPos {
    /// Not at all (before 6.10 and the stable releases with the fix). Here as
    /// there a consumer that moves past a busy record makes records overlap:
    /// let none do so.
    Absent,
    /// It compares positions as if they never wrapped. On 32-bit kernels a ring
    /// is dead soon after 2^32 bytes: the pending position stays where it is,
    /// and no reservation beyond one capacity from there is ever granted. (6.10
    /// and stable releases, until it was repaired.)
    Compared,
    /// As it should be (7.3, 6.12.110, 6.1.188, and before 7.3 releases of 7.0 and
    /// 7.2 that took the repair).
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

    /// A release of kernel.org, as in `5, 10, 223`, on a machine like
    /// [`NEWEST`](Self::NEWEST)'s. Distributions carry fixes under any number:
    /// where you can look at the kernel, do that instead (a ring's pending
    /// position moves with the second reservation).
    ///
    /// When a series was repaired, if ever, is known of 6.12 and 6.1 only, and all
    /// releases from 7.0 on are taken for repaired; on 64-bit kernels it is of no
    /// consequence.
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

    /// The same on a kernel of this width.
    #[must_use]
    pub const fn width(self, width: Width) -> Self {
        Self { width, ..self }
    }

    /// The same with pages of so many bytes.
    #[must_use]
    pub const fn page_size(self, bytes: u64) -> Self {
        Self { page_size: Some(bytes), ..self }
    }

    /// The same on a machine of this byte order.
    #[must_use]
    pub const fn byte_order(self, byte_order: ByteOrder) -> Self {
        Self { byte_order, ..self }
    }

    /// The same with another guard of uncommitted records.
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
