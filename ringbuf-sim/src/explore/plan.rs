//! The plan of a run, drawn from its seed, and how a failing plan is made smaller.

use std::fmt;

use crate::{Faults, Flags, PendingPos, Random};
use ringbuf_core::{Capacity, Width};

/// One run: the actions of each producer, the ring, and the faults.
///
/// ```
/// use ringbuf_sim::explore::Plan;
///
/// let plan = Plan::new(7);
/// assert_eq!(plan, Plan::new(7));
/// assert!(plan.smaller().iter().all(|smaller| smaller.size() <= plan.size()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Makes all decisions during the run, mainly which party is next.
    pub seed: u64,
    /// The bytes of the ring: a power of two, at least [`PAGE`](Self::PAGE).
    pub capacity: u64,
    /// The width of the positions.
    pub width: Width,
    /// The bytes of traffic before the run.
    pub start: u64,
    /// How the kernel tracks uncommitted records.
    pub pending_pos: PendingPos,
    /// The actions of each producer, in order.
    pub producers: Vec<Vec<Act>>,
    /// The scheduler switches to another party once in this many steps.
    pub switch: u64,
    /// The number of times that the consumer dies, at any step, and restarts.
    pub deaths: u64,
    /// A consumer without a policy holds back this portion; 0: nothing.
    pub hold_back: u64,
    /// A notification is delayed; otherwise it arrives at once.
    pub late: bool,
    /// Each side may load forged values of what the other side stores.
    pub hostile: bool,
    /// The faults that [`Explore::faults`](super::Explore::faults) injects. A new plan has none.
    pub faults: Faults,
}

/// An action of a producer.
///
/// ```
/// use ringbuf_sim::explore::Act;
///
/// assert_eq!(Act::Reserve { len: 8 }.to_string(), "reserve 8 bytes");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Reserves and fills. A refusal drops the record, as in a BPF program.
    Reserve {
        /// The bytes of the sample.
        len: u64,
    },
    /// Submits one of its open reservations, modulo their number.
    Submit {
        /// Which one.
        which: usize,
        /// The wakeup flags.
        flags: Flags,
    },
    /// Discards one of its open reservations, modulo their number.
    Discard {
        /// Which one.
        which: usize,
        /// The wakeup flags.
        flags: Flags,
    },
    /// Never commits the reservation.
    Forget {
        /// Which one.
        which: usize,
    },
    /// Stops for this many steps of the others. Its open reservations stay busy.
    Stall {
        /// How many.
        steps: u64,
    },
    /// `bpf_ringbuf_query`.
    Query {
        /// What it asks for.
        kind: u64,
    },
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let silent = |flags: Flags| match flags {
            Flags::ADAPTIVE => "",
            Flags::NO_WAKEUP => " without a notification",
            _ => " with a forced notification",
        };
        match *self {
            Self::Reserve { len } => write!(f, "reserve {len} bytes"),
            Self::Submit { flags, .. } => write!(f, "submit{}", silent(flags)),
            Self::Discard { flags, .. } => write!(f, "discard{}", silent(flags)),
            Self::Forget { .. } => f.write_str("leave a record open for ever"),
            Self::Stall { steps } => write!(f, "stop for {steps} steps"),
            Self::Query { .. } => f.write_str("query the ring"),
        }
    }
}

impl Plan {
    /// The bytes of a page, and of the smallest ring. Small rings are full more often.
    pub const PAGE: u64 = 32;

    /// Draws a plan. Every eighth run is hostile. Every 64th has a record without commit, and
    /// nothing behind it is ever delivered.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let capacity = 32 << random.below(6);
        let (width, start) = random.pick(&[
            (Width::Bits64, 0),
            (Width::Bits32, 0),
            (Width::Bits32, (1 << 32) - 256),
            (Width::Bits64, u64::MAX - 255),
        ]);
        let hostile = seed % 8 == 7;
        let pending_pos = match width {
            Width::Bits64 => PendingPos::Modular,
            // Without it, a forged consumer position makes records overlap.
            Width::Bits32 if hostile => random.pick(&[PendingPos::Modular, PendingPos::Compared]),
            Width::Bits32 => random.pick(&[
                PendingPos::Modular,
                PendingPos::Modular,
                PendingPos::Compared,
                PendingPos::Absent,
            ]),
        };
        let acts = random.pick(&[6, 30, 150]);
        let number = random.pick(&[1, 1, 2, 2, 3, 4, 6]);
        let forget = seed % 64 == 0;
        Self {
            producers: (0..number).map(|_| script(&mut random, capacity, acts, forget)).collect(),
            capacity,
            width,
            start: start / 8 * 8,
            switch: random.pick(&[1, 1, 2, 4, 16]),
            deaths: random.pick(&[0, 0, 1, 5]),
            hold_back: random.pick(&[0, 16, capacity / 4, capacity / 2]),
            late: random.below(2) == 0,
            hostile,
            pending_pos,
            faults: Faults::new(seed),
            seed,
        }
    }

    /// Returns plans that do less, the smallest first.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut with = |change: &dyn Fn(&mut Self)| {
            let mut plan = self.clone();
            change(&mut plan);
            if plan != *self {
                all.push(plan);
            }
        };
        for gone in 0..self.producers.len() {
            with(&|plan| drop(plan.producers.remove(gone)));
        }
        for (who, acts) in self.producers.iter().enumerate() {
            for pieces in [2, 4, acts.len().max(1)] {
                let size = acts.len().div_ceil(pieces).max(1);
                for from in (0..acts.len()).step_by(size) {
                    let piece = from..(from + size).min(acts.len());
                    with(&|plan| drop(plan.producers[who].drain(piece.clone())));
                }
            }
        }
        with(&|plan| plan.deaths = 0);
        with(&|plan| plan.deaths = plan.deaths.min(1));
        with(&|plan| plan.late = false);
        with(&|plan| plan.hold_back = 0);
        with(&|plan| (plan.width, plan.start) = (Width::Bits64, 0));
        with(&|plan| plan.pending_pos = PendingPos::Modular);
        all
    }

    /// Returns the capacity of the ring.
    ///
    /// ```
    /// use ringbuf_sim::explore::Plan;
    ///
    /// let plan = Plan::new(7);
    /// assert_eq!(plan.capacity().bytes(), plan.capacity);
    /// ```
    ///
    /// # Panics
    /// If no ring can have this capacity.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        Capacity::new(self.capacity, Self::PAGE).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns the size of the plan, which shrinking reduces.
    ///
    /// ```
    /// use ringbuf_sim::explore::{Act, Plan};
    ///
    /// let mut plan = Plan::new(7);
    /// plan.producers = vec![vec![Act::Reserve { len: 8 }]];
    /// assert_eq!(plan.size(), 2); // one producer, one action
    /// ```
    #[must_use]
    pub fn size(&self) -> usize {
        self.producers.len() + self.producers.iter().map(Vec::len).sum::<usize>()
    }
}

fn script(random: &mut Random, capacity: u64, acts: u64, forget: bool) -> Vec<Act> {
    let most = random.pick(&[8, 24, capacity / 2, capacity]);
    // Many records of one length, because the reader handles runs in another way.
    let usual = random.pick(&[0, 8, most]);
    let mixed = random.pick(&[1, 8]);
    let number = 1 + random.below(acts);
    let mut script: Vec<_> = (0..number).map(|_| act(random, most)).collect();
    for act in &mut script {
        if let Act::Reserve { len } = act {
            *len = if random.below(mixed) == 0 { *len } else { usual };
        }
    }
    if forget {
        let at = random.below(number);
        script[at as usize] = Act::Forget { which: 0 };
    }
    script
}

fn act(random: &mut Random, most: u64) -> Act {
    let which = random.below(8) as usize;
    let flags = match random.below(12) {
        0 => Flags::NO_WAKEUP,
        1 => Flags::FORCE_WAKEUP,
        2 => Flags(3),
        _ => Flags::ADAPTIVE,
    };
    match random.below(40) {
        0..=17 => Act::Reserve { len: random.below(most + 1) },
        18..=32 => Act::Submit { which, flags },
        33..=36 => Act::Discard { which, flags },
        37..=38 => Act::Stall { steps: random.pick(&[3, 20, 300]) },
        _ => Act::Query { kind: random.below(6) },
    }
}
