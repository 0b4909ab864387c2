//! What kernels do differently.

/// Which kernel a simulated ring behaves like. The newest, unless said otherwise.
///
/// Everything else that programs and readers can see is the same from 5.10 to
/// 7.3 (`cargo test -p ringbuf-tests --test conformance` compares it).
///
/// ```
/// use ringbuf_sim::{Profile, SimRing};
///
/// // The kernel of Debian 11, before the fix.
/// let ring = SimRing::with_profile(4096, Profile::of_release(5, 10, 218))?;
/// ring.producer().output(b"first", Default::default())?;
/// ring.producer().output(b"second", Default::default())?;
/// assert_eq!(ring.pages().pending, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// The kernel remembers where the oldest uncommitted record is, in the
    /// second word of the producer page, and hands out no space beyond one
    /// capacity from there, wherever the consumer says that it is (6.10 and
    /// stable releases: the fix of CVE-2024-41009).
    ///
    /// Without it a consumer that moves past a busy record makes records
    /// overlap, here as there: let none do so.
    pub pending_pos: bool,
}

impl Profile {
    /// The newest kernel (7.3).
    pub const NEWEST: Self = Self { pending_pos: true };

    /// 5.8 up to the fix of CVE-2024-41009.
    pub const BEFORE_PENDING_POS: Self = Self { pending_pos: false };

    /// A release of kernel.org, as in `5, 10, 223`. Distributions carry fixes
    /// under any number: where you can look at the kernel, do that instead (a
    /// ring's `pending_pos` moves with the second reservation).
    pub const fn of_release(major: u32, minor: u32, patch: u32) -> Self {
        let fixed_by = match (major, minor) {
            (5, 10) => 223,
            (5, 15) => 162,
            (6, 1) => 97,
            (6, 6) => 37,
            (6, 9) => 8,
            (0..=5, _) | (6, 0..10) => u32::MAX,
            _ => 0,
        };
        Self { pending_pos: patch >= fixed_by }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::NEWEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flags, SimRing};

    #[test]
    fn releases_with_the_fix_and_without() {
        let without = [(5, 8, 18), (5, 10, 218), (5, 15, 161), (6, 1, 96), (6, 8, 12), (6, 9, 7)];
        for (major, minor, patch) in without {
            let profile = Profile::of_release(major, minor, patch);
            assert_eq!(profile, Profile::BEFORE_PENDING_POS, "{major}.{minor}.{patch}");
        }
        for (major, minor, patch) in
            [(5, 10, 223), (5, 15, 162), (6, 1, 97), (6, 6, 37), (6, 9, 8), (6, 10, 0), (7, 3, 4)]
        {
            let profile = Profile::of_release(major, minor, patch);
            assert_eq!(profile, Profile::default(), "{major}.{minor}.{patch}");
        }
    }

    /// Golden vectors 01 and 02, and what only `pending_pos` refuses: a busy
    /// record, the consumer a lap further on (facts forge.pending_a_4072_4064).
    #[test]
    fn without_a_pending_position_none_is_stored() {
        let Ok(ring) = SimRing::with_profile(4096, Profile::BEFORE_PENDING_POS) else { return };
        let newest = SimRing::new(4096).unwrap();
        for (ring, pending) in [(&ring, 0), (&newest, 16)] {
            for end in [16, 32] {
                ring.producer().output(&[0; 8], Flags::ADAPTIVE).unwrap();
                assert_eq!(ring.pages().producer, end);
            }
            assert_eq!(ring.pages().pending, pending);
        }
    }
}
