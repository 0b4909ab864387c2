//! What a script can say, and how scripts are made up.

use proptest::collection::vec;
use proptest::prelude::*;
use ringbuf_bpf::conformance::types::{step, what};

/// What the program answers to a step that makes no sense now.
pub(crate) const NONSENSE: i64 = -33;

/// Reservations that can be open at once.
pub(crate) const SLOTS: usize = 3;

/// Bytes of the largest ring, and of the largest sample that is written.
pub(crate) const BYTES_MAX: usize = 16384;

/// What the kernel's verifier can take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Reservations that can be open at once, at most [`SLOTS`].
    pub(crate) slots: u32,
    /// Steps of one run.
    pub(crate) steps: u32,
}

impl Limits {
    pub(crate) const NEW: Self = Self { slots: SLOTS as u32, steps: 12 };
    /// Before Linux 6.3: the verifier walks through all orders of reservations.
    pub(crate) const OLD: Self = Self { slots: 2, steps: 8 };
}

/// A fresh ring, and what is fixed when its program is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    pub(crate) bytes: u32,
    /// Slots 1 and 2 are dynptrs, where the kernel has them.
    pub(crate) dynptr: bool,
    /// Slots that there are, and steps that a script can have.
    pub(crate) limits: Limits,
    /// Of reservations in each slot, for the helper that wants a constant.
    pub(crate) sizes: [u32; SLOTS],
    /// The simulated kernel has 32 bits, and its positions start here, shortly below 2^32; the live
    /// one has 64, and starts at 0. They must agree all the same, but for that.
    pub(crate) narrow: Option<u32>,
    /// In overwrite mode (6.19).
    pub(crate) overwriting: bool,
}

impl Ring {
    /// A position of the simulated ring as the live one has it.
    pub(crate) fn since_start(&self, position: u64) -> u64 {
        self.narrow.map_or(position, |start| (position as u32).wrapping_sub(start).into())
    }

    /// What the live kernel says, as far as one of the simulated width can say it.
    pub(crate) fn reduced(&self, value: u64) -> u64 {
        if self.narrow.is_some() { value & 0xffff_ffff } else { value }
    }
}

/// Steps of one program run, and then a reader in user space.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    /// The reader takes so many records.
    pub(crate) read: u64,
}

/// One operation. What makes no sense (to commit what is not reserved) does nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// `size` counts where the slot is a dynptr. `fill`: where in the payload the sample's bytes
    /// are; without, it is left as it is.
    Reserve {
        slot: u32,
        size: u32,
        flags: u64,
        fill: Option<u32>,
    },
    Submit {
        slot: u32,
        flags: u64,
    },
    Discard {
        slot: u32,
        flags: u64,
    },
    Output {
        size: u32,
        flags: u64,
        from: u32,
    },
    Query {
        kind: u64,
    },
    /// The reader takes so many records, while reservations may be open.
    Read {
        records: u64,
    },
    /// The consumer position becomes that of the producer plus this, be it true or not.
    Store {
        ahead: i64,
    },
}

impl Step {
    /// The step as the program takes it; one that depends on more is nothing yet.
    pub(crate) fn plain(self) -> step {
        let of =
            |kind, slot, size, flags| step { what: kind, slot, size, flags, ..step::default() };
        match self {
            Self::Reserve { slot, size, flags, fill } => step {
                from: fill.unwrap_or(0),
                written: fill.is_some().into(),
                ..of(what::RESERVE, slot, size, flags)
            },
            Self::Submit { slot, flags } => of(what::SUBMIT, slot, 0, flags),
            Self::Discard { slot, flags } => of(what::DISCARD, slot, 0, flags),
            Self::Output { size, flags, from } => step { from, ..of(what::OUTPUT, 0, size, flags) },
            Self::Query { kind } => of(what::QUERY, 0, 0, kind),
            Self::Read { .. } | Self::Store { .. } => step::default(),
        }
    }
}

/// What happened in a step, for the tally.
pub(crate) fn describe(step: &step, ret: i64, dynptr: bool) -> String {
    let dynptr = dynptr && step.slot > 0;
    match step.what {
        _ if ret == NONSENSE => "steps that make no sense".to_owned(),
        what::RESERVE if dynptr && ret == 0 => "reserve_dynptr, granted".to_owned(),
        what::RESERVE if dynptr => format!("reserve_dynptr, {ret}"),
        what::RESERVE if ret == 1 => "reserve, granted".to_owned(),
        what::RESERVE => "reserve, refused".to_owned(),
        what::SUBMIT => format!("submit, flags {}", flag_names(step.flags)),
        what::DISCARD => format!("discard, flags {}", flag_names(step.flags)),
        what::OUTPUT => format!("output, {ret}, flags {}", flag_names(step.flags)),
        what::QUERY if step.flags < 6 => format!("query {}", step.flags),
        what::QUERY => "query of an unknown kind".to_owned(),
        _ => "consumer position stored".to_owned(),
    }
}

fn flag_names(flags: u64) -> &'static str {
    match flags {
        0 => "0",
        1 => "NO_WAKEUP",
        2 => "FORCE_WAKEUP",
        3 => "both",
        _ => "unknown",
    }
}

pub(crate) fn ring(page: u32, limits: Limits) -> impl Strategy<Value = Ring> {
    prop_oneof![4 => Just(page), 1 => Just(4 * page)].prop_flat_map(move |bytes| {
        let sizes = prop::array::uniform(fixed_size(bytes));
        // A multiple of the size below 2^32, so that both have their records at the same places.
        let narrow =
            prop::option::of((1..16_u32).prop_map(move |laps| (laps * bytes).wrapping_neg()));
        (any::<bool>(), sizes, narrow).prop_map(move |(dynptr, sizes, narrow)| Ring {
            bytes,
            dynptr,
            limits,
            sizes,
            narrow,
            overwriting: false,
        })
    })
}

pub(crate) fn script(ring: Ring) -> impl Strategy<Value = Script> {
    let steps = 1..=ring.limits.steps as usize;
    (vec(step_of(ring.bytes, ring.limits.slots), steps), 0..20_u64)
        .prop_map(|(steps, read)| Script { steps, read })
}

fn step_of(ring: u32, slots: u32) -> impl Strategy<Value = Step> {
    let slot = move || 0..slots;
    let from = || 0..BYTES_MAX as u32;
    let reserve = (slot(), size(ring), reserve_flags(), prop::option::of(from()));
    let ahead = prop_oneof![
        Just(0_i64),
        (-64..64_i64).prop_map(|words| 8 * words),
        -64..64_i64,
        prop::sample::select(vec![-8192, -4096, 4096, 4112, 1 << 20, i64::MIN, i64::MAX]),
    ];
    prop_oneof![
        8 => reserve.prop_map(|(slot, size, flags, fill)| Step::Reserve { slot, size, flags, fill }),
        6 => (slot(), flags()).prop_map(|(slot, flags)| Step::Submit { slot, flags }),
        3 => (slot(), flags()).prop_map(|(slot, flags)| Step::Discard { slot, flags }),
        4 => (output_size(ring), flags(), from())
            .prop_map(|(size, flags, from)| Step::Output { size, flags, from }),
        1 => prop_oneof![0..8_u64, any::<u64>()].prop_map(|kind| Step::Query { kind }),
        3 => (0..6_u64).prop_map(|records| Step::Read { records }),
        1 => ahead.prop_map(|ahead| Step::Store { ahead }),
    ]
}

/// Nearly all fit, so that something happens.
fn size(ring: u32) -> impl Strategy<Value = u32> {
    prop_oneof![
        12 => 0..=64_u32,
        4 => 0..=ring / 4,
        2 => 0..=ring + 16,
        2 => ring - 32..=ring + 16,
        1 => prop::sample::select(vec![(1 << 24) - 1, 1 << 24, 0x3fff_ffff, 1 << 30, u32::MAX]),
    ]
}

fn fixed_size(ring: u32) -> impl Strategy<Value = u32> {
    prop_oneof![9 => 0..=64_u32, 4 => 0..=ring / 2, 1 => size(ring)]
}

fn output_size(ring: u32) -> impl Strategy<Value = u32> {
    size(ring).prop_map(|size| size.min(BYTES_MAX as u32))
}

fn reserve_flags() -> impl Strategy<Value = u64> {
    prop_oneof![19 => Just(0_u64), 1 => prop_oneof![1..4_u64, any::<u64>()]]
}

/// Of a commit: submit and discard take anything, output refuses what it does not know.
fn flags() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => Just(0_u64),
        3 => Just(1),
        3 => Just(2),
        1 => Just(3),
        1 => prop_oneof![Just(4_u64), Just(6), Just(1 << 32), any::<u64>()],
    ]
}
