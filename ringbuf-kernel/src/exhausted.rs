//! [`Exhausted`]: rings of 32-bit kernels that died after 2^32 bytes.

use std::error::Error;
use std::fmt;

use ringbuf_core::{Capacity, Position, Width};

/// A ring of a 32-bit kernel has carried 2^32 bytes and is dead. Create a new map.
///
/// Such a kernel compares positions as if they never wrapped. No reader and no producer
/// can repair that. Nothing that the ring accepted is lost. Rings of 64-bit kernels
/// never die, not even in 32-bit processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exhausted {
    /// A ring buffer map: BPF programs cannot reserve more than `room`.
    /// Kernels with a pending position have the defect (6.10, and 6.9.8,
    /// 6.1.97, 5.10.223 and later of their series) until it is repaired (7.3,
    /// 6.12.110, 6.1.188).
    #[non_exhaustive]
    Ring {
        /// Bytes that the kernel still accepts, headers and rounding included. It
        /// refuses every larger record.
        room: u64,
        /// Whether a later reservation proved it. If false, the kernel may be a
        /// repaired one, which looks the same until somebody reserves again. If
        /// programs report refused reservations meanwhile, the ring is dead.
        confirmed: bool,
    },
    /// A user ring buffer map: no drain finds a later sample. Every 32-bit kernel from
    /// 6.1 to 7.3 has this defect.
    UserRing,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this 32-bit kernel's ring is dead after 2^32 bytes: ")?;
        match self {
            Self::Ring { room, confirmed: true } => {
                write!(f, "{room} more bytes are accepted, and then none; ")?;
            }
            Self::Ring { room, confirmed: false } => write!(
                f,
                "unless the kernel is repaired (Linux 7.3, 6.12.110, 6.1.188), {room} more bytes \
                 are accepted, and then none; "
            )?,
            Self::UserRing => f.write_str("drains find nothing in it any more; ")?,
        }
        f.write_str("create a new map")
    }
}

impl Error for Exhausted {}

/// Finds dead rings. It takes two looks to be sure.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watch {
    /// The producer position when the ring first looked like that.
    since: Option<u32>,
    confirmed: bool,
}

impl Watch {
    /// Judges positions. In a dead ring `pending` stays before 2^32, and `produced` and
    /// `consumed` have passed it.
    ///
    /// On a repaired kernel each reservation first moves the pending position over all
    /// committed records, so over all consumed ones. If the consumer was past 2^32 at
    /// one look, and a later reservation left the pending position before 2^32, the
    /// kernel is not repaired.
    pub(crate) fn look(
        &mut self,
        (produced, consumed, pending): (Position, Position, u32),
        width: Width,
        capacity: Capacity,
    ) -> Option<Exhausted> {
        let (produced, consumed) = (produced.get() as u32, consumed.get() as u32);
        if width == Width::Bits64 || pending <= produced || consumed > produced {
            *self = Self::default();
            return None;
        }
        let since = *self.since.get_or_insert(produced);
        self.confirmed |= since != produced;
        let held = produced.wrapping_sub(pending).into();
        let room = (capacity.bytes() - 1).saturating_sub(held) & !7;
        Some(Exhausted::Ring { room, confirmed: self.confirmed })
    }
}

/// Judges the positions of a user ring: the kernel takes samples past 2^32 for samples
/// that it has already consumed.
pub(crate) fn user_ring(produced: Position, consumed: Position, width: Width) -> Option<Exhausted> {
    let wrapped = width == Width::Bits32 && produced.get() < consumed.get();
    wrapped.then_some(Exhausted::UserRing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn look(
        watch: &mut Watch,
        produced: u64,
        consumed: u64,
        pending: u32,
        width: Width,
    ) -> Option<Exhausted> {
        let positions = [produced, consumed].map(|value| Position::new(value, width));
        let capacity = Capacity::new(4 * MIB, 4096).unwrap();
        watch.look((positions[0], positions[1], pending), width, capacity)
    }

    /// As seen on Linux 6.1.176 for i386 and 6.12.107 for armhf: 4 MiB, records of 1 MiB.
    #[test]
    fn a_pending_position_that_stays_behind_is_told() {
        let watch = &mut Watch::default();
        let pending = 0xfff0_0000;
        assert_eq!(look(watch, 0xfff0_0000, 0xfff0_0000, pending, Width::Bits32), None);
        let unread = look(watch, 1 << 32, 0xfff0_0000, pending, Width::Bits32);
        assert_eq!(unread, None, "a record before 2^32 is unread");
        let ring = |room, confirmed| Some(Exhausted::Ring { room, confirmed });
        let at = |watch: &mut _, at| look(watch, at, at, pending, Width::Bits32);
        assert_eq!(at(watch, MIB), ring(2 * MIB - 8, false));
        assert_eq!(at(watch, MIB), ring(2 * MIB - 8, false), "nobody reserved");
        assert_eq!(at(watch, 2 * MIB), ring(MIB - 8, true), "65535 records of 16 bytes, and 8");
        assert_eq!(at(watch, 3 * MIB - 16), ring(8, true));
        assert_eq!(at(watch, 3 * MIB - 8), ring(0, true));
    }

    #[test]
    fn a_repaired_kernel_is_alive_after_its_next_reservation() {
        let watch = &mut Watch::default();
        let suspect = look(watch, 64, 64, 0xffff_fff0, Width::Bits32).unwrap();
        assert!(matches!(suspect, Exhausted::Ring { confirmed: false, .. }));
        assert!(suspect.to_string().contains("unless the kernel is repaired"));
        assert_eq!(look(watch, 128, 64, 64, Width::Bits32), None);
        assert!(!watch.confirmed);
        // What was seen before the ring was found alive says nothing about it.
        let again = look(watch, 256, 256, 0xffff_fff0, Width::Bits32);
        assert!(matches!(again, Some(Exhausted::Ring { confirmed: false, .. })), "{again:?}");
        assert_eq!(look(watch, 64, 64, 0, Width::Bits32), None, "no pending position at all");
        assert_eq!(look(watch, 64, 64, 0xffff_fff0, Width::Bits64), None);
    }

    #[test]
    fn a_user_ring_ends_where_its_producer_position_wraps() {
        let judge = |produced, consumed, width| {
            user_ring(Position::new(produced, width), Position::new(consumed, width), width)
        };
        assert_eq!(judge(0xffff_fff8, 0xffff_fff0, Width::Bits32), None);
        assert_eq!(judge(1 << 32, 0xffff_fff8, Width::Bits32), Some(Exhausted::UserRing));
        assert_eq!(judge(1 << 32, 0xffff_fff8, Width::Bits64), None);
        assert_eq!(judge(8, 8, Width::Bits32), None);
        assert!(Exhausted::UserRing.to_string().contains("create a new map"));
    }
}
