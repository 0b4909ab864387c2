//! What a script for the user ring can say, and how scripts are made up.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::script::BYTES_MAX;

/// One operation. To commit what is not reserved does nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UserStep {
    /// `fill`: where in the payload the sample's bytes are; without, it is left as it is.
    Reserve {
        size: u32,
        fill: Option<u32>,
    },
    Submit {
        which: usize,
    },
    Discard {
        which: usize,
    },
    /// The callback stops at sample `stop_at`, at none if that is 0; and drains too, if `nest`.
    Drain {
        flags: u64,
        stop_at: u32,
        nest: bool,
    },
    /// A length word at the consumer position, and a producer position so far ahead of it.
    Forge {
        header: u32,
        ahead: i64,
    },
}

impl UserStep {
    /// What happened in the step, for the tally; `ret`: -1 is a reservation refused.
    pub(crate) fn describe(&self, ret: i64) -> String {
        match self {
            Self::Reserve { .. } if ret == 0 => "reserve, granted".to_owned(),
            Self::Reserve { .. } => "reserve, refused".to_owned(),
            Self::Submit { .. } => "submit".to_owned(),
            Self::Discard { .. } => "discard".to_owned(),
            Self::Drain { nest: true, .. } if ret > 0 => "drain inside a drain".to_owned(),
            Self::Drain { .. } if ret > 0 => "drain of some samples".to_owned(),
            Self::Drain { .. } => format!("drain, {ret}"),
            Self::Forge { .. } => "forged header and producer position".to_owned(),
        }
    }
}

/// The bytes of a ring.
pub(crate) fn ring(page: u32) -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(page), 1 => Just(4 * page)]
}

/// Reservations that are open at the end of a script are discarded.
pub(crate) fn script(ring: u32) -> impl Strategy<Value = Vec<UserStep>> {
    vec(step(ring), 1..=16)
}

fn step(ring: u32) -> impl Strategy<Value = UserStep> {
    let size = prop_oneof![
        12 => 0..=64_u32,
        4 => 0..=ring / 4,
        2 => 0..=ring + 16,
        2 => ring - 32..=ring + 16,
        1 => prop::sample::select(vec![(1 << 24) - 1, 1 << 24, 0x3fff_ffff, 1 << 30, u32::MAX]),
    ];
    let fill = prop::option::of(0..BYTES_MAX as u32);
    prop_oneof![
        8 => (size, fill).prop_map(|(size, fill)| UserStep::Reserve { size, fill }),
        6 => any::<usize>().prop_map(|which| UserStep::Submit { which }),
        3 => any::<usize>().prop_map(|which| UserStep::Discard { which }),
        5 => drain(),
    ]
}

fn drain() -> impl Strategy<Value = UserStep> {
    let flags = prop_oneof![
        6 => Just(0_u64),
        2 => Just(1),
        2 => Just(2),
        1 => Just(3),
        1 => prop_oneof![Just(4_u64), Just(1 << 32), any::<u64>()],
    ];
    (flags, prop_oneof![2 => Just(0), 1 => 1..4_u32], prop::bool::weighted(0.1))
        .prop_map(|(flags, stop_at, nest)| UserStep::Drain { flags, stop_at, nest })
}

/// What no producer would write, and drains of it. After that the ring is of no more use. As far ahead as two laps: a drain looks at
/// each record of no byte on its way.
pub(crate) fn forger(ring: u32) -> impl Strategy<Value = Vec<UserStep>> {
    let len = prop_oneof![0..=64_u32, 0..=ring + 16, any::<u32>()];
    let laps = 2 * i64::from(ring);
    let ahead = prop_oneof![
        3 => (0..=16_i64).prop_map(|words| 8 * words),
        2 => (-laps / 8..=laps / 8).prop_map(|words| 8 * words),
        1 => -laps..=laps,
        1 => prop::sample::select(vec![i64::MIN, -8]),
    ];
    // The first record stops this drain: it is longer than the ring.
    let too_large = (ring..=1 << 25, prop::sample::select(vec![1_i64 << 26, i64::MAX & !7]));
    let forge = (prop_oneof![4 => (len, ahead), 1 => too_large], 0..4_u32).prop_map(
        |((len, ahead), bits)| {
            let header = len & 0x3fff_ffff | bits << 30;
            UserStep::Forge { header, ahead }
        },
    );
    vec((forge, drain()), 0..=40)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(forge, drain)| [forge, drain]).collect())
}
