//! Weakens each ordering alone, and names the models that must then fail.
//!
//! These accesses have no row, because the code requires no ordering there:
//! - the walk over committed records under the producers' lock loads headers
//!   `Relaxed`: later writes depend on the value, and the acquire of the consumer
//!   position orders the release of the space;
//! - the pending position is stored `Relaxed`, for observers only;
//! - a commit loads the consumer position `Relaxed`: it only decides whether to
//!   notify, and the fence before it orders it;
//! - a new header is stored `Relaxed`: the producer position publishes it.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use crate::backing::Variant;
use crate::explore::Model;
use crate::idle::*;
use crate::inspect::*;
use crate::models::*;
use crate::overwrite::*;
use crate::page::*;
use crate::restart::*;
use crate::self_arm::*;
use crate::user::*;
use crate::wait::*;
use crate::wake::*;

macro_rules! sites {
    ($($(#[$doc:meta])* $site:ident)*) => {
        /// Every access that has an ordering, and every fence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Site {
            $($(#[$doc])* $site,)*
        }

        pub(crate) const SITES: &[Site] = &[$(Site::$site),*];
    };
}
sites! {
    ConsumerLoadProducerPos
    ConsumerLoadHeader
    ConsumerStoreConsumerPos
    ConsumerFence
    /// After a reader of the page loads the stored position.
    PageFence
    /// In a reservation.
    KernelLoadConsumerPos
    KernelStoreProducerPos
    KernelSwapHeader
    KernelCommitFence
    ProducerLoadConsumerPos
    ProducerStoreProducerPos
    ProducerStoreHeader
    DrainLoadProducerPos
    DrainLoadHeader
    DrainStoreConsumerPos
    OverwriteLoadProducerPos
    OverwriteLoadHeader
    /// Between a copy and the look at the overwrite position.
    OverwriteCopyFence
    OverwriteArmFence
    /// Between the overwrite position and the new record, as on a processor that keeps
    /// stores in order.
    KernelOverwriteFence
    WakeRaise
    WakeTake
    InspectLoadConsumerPos
    InspectLoadProducerPos
    InspectLoadHeader
    InspectFence
    /// The woken thread sees everything that a drain did. This ordering is in the
    /// host, not in the code, which has no fence on this side.
    DrainNotify
    /// The other end: the waiter sees a notification before it looks.
    WaiterHarvest
}

/// How a model fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Two unordered accesses.
    Race,
    /// A sleeper that nobody will wake.
    LostWakeup,
    /// A copy of what was never one record.
    Torn,
}

impl Failure {
    /// A part of its panic message.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::Race => "Causality violation",
            Self::LostWakeup => "lost wakeup",
            Self::Torn => "torn",
        }
    }

    /// Its name in the table of docs/tables/orderings.md.
    pub(crate) fn outcome(self) -> &'static str {
        match self {
            Self::Race => "race",
            Self::LostWakeup => "lost wakeup",
            Self::Torn => "torn copy",
        }
    }
}

impl Site {
    /// The models that must fail without it, and their failure.
    pub(crate) fn needed_by(self) -> (Failure, &'static [Model]) {
        use Failure::{LostWakeup, Race, Torn};
        match self {
            Self::ConsumerLoadProducerPos => (Race, &[HAND_OVER, REUSE]),
            Self::ConsumerLoadHeader => (Race, &[HAND_OVER, TWO_PRODUCERS]),
            Self::ConsumerStoreConsumerPos => {
                const NEEDED: &[Model] =
                    &[REUSE, WRAP, RESTART_DROPPED, RESTART_KILLED, HOLD_BACK_REUSE, PAGE_REUSE];
                (Race, NEEDED)
            }
            Self::ConsumerFence => (LostWakeup, ASLEEP),
            Self::PageFence => (Torn, &[PAGE_TURNS]),
            Self::KernelLoadConsumerPos => (Race, &[WRAP, REUSE, HOLD_BACK_REUSE]),
            Self::KernelStoreProducerPos => (Race, &[HAND_OVER, REUSE]),
            Self::KernelSwapHeader => (Race, &[HAND_OVER, TWO_PRODUCERS, THREE_PRODUCERS]),
            Self::KernelCommitFence => (LostWakeup, ASLEEP),
            Self::ProducerLoadConsumerPos => (Race, &[USER_REUSE, USER_BATCH]),
            Self::ProducerStoreProducerPos => {
                (Race, &[USER_HAND_OVER, USER_TWO_THREADS, USER_BATCH])
            }
            Self::ProducerStoreHeader => (Race, &[USER_HAND_OVER, USER_REVERSED, USER_TWO_THREADS]),
            Self::DrainLoadProducerPos => (Race, &[USER_HAND_OVER]),
            Self::DrainLoadHeader => (Race, &[USER_HAND_OVER, USER_REVERSED]),
            Self::DrainStoreConsumerPos => (Race, &[USER_REUSE]),
            Self::OverwriteLoadProducerPos => (Torn, &[OVERWRITE_FRESH]),
            Self::OverwriteLoadHeader => (Torn, &[OVERWRITE_FRESH]),
            Self::OverwriteCopyFence => (Torn, &[OVERWRITE_LAPPED]),
            Self::OverwriteArmFence => (LostWakeup, &[OVERWRITE_WAKEUP]),
            Self::KernelOverwriteFence => (Torn, &[OVERWRITE_LAPPED]),
            Self::WakeRaise => (Race, &[WAKE]),
            Self::WakeTake => (Race, &[WAKE]),
            Self::InspectLoadConsumerPos => (Torn, &[INSPECT_LOOK]),
            Self::InspectLoadProducerPos => (Torn, &[INSPECT_FRESH]),
            Self::InspectLoadHeader => (Torn, &[INSPECT_FRESH, INSPECT_HEADER, INSPECT_TAP_HEADER]),
            Self::InspectFence => (Torn, &[INSPECT_PENDING, INSPECT_TAP]),
            Self::DrainNotify => (LostWakeup, &[USER_SPACE]),
            Self::WaiterHarvest => (LostWakeup, &[USER_SPACE]),
        }
    }
}

/// The places where a consumer falls asleep.
const ASLEEP: &[Model] = &[
    WAKEUP,
    WAKEUP_BUSY,
    LAGGING_RELEASE,
    IDLE_NAP_PUBLISH,
    IDLE_PUBLISH_NAP,
    IDLE_ARM_ARM,
    SELF_ARM_EACH,
    SELF_ARM_EACH_BUSY,
    SELF_ARM_NEXT,
    SELF_ARM_NEXT_BUSY,
    SELF_ARM_BATCH,
    SELF_ARM_BATCH_BUSY,
    WAIT_BLOCK,
    WAIT_BLOCK_BUSY,
    WAIT_NAPS,
    WAIT_QUIET,
    PAGE_WAKEUP,
    PAGE_WAKEUP_BUSY,
];

#[test]
fn every_ordering_is_needed() {
    let mut wrong = Vec::new();
    for &site in SITES {
        let (failure, models) = site.needed_by();
        assert!(!models.is_empty(), "{site:?} has no row");
        for model in models {
            for fenced in [false, true] {
                let variant = Variant { weak: Some(site), fenced };
                let row = format!("{site:?} weakened: {}{variant}", model.name);
                match failure_of(model, variant) {
                    Some(message) if message.contains(failure.says()) => {
                        println!("{row} fails: {failure:?}");
                    }
                    other => wrong.push(format!("{row}: {failure:?} expected, saw {other:?}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the message of the failing model, if it fails. The message is not
/// printed.
pub(crate) fn failure_of(model: &Model, variant: Variant) -> Option<String> {
    silence();
    QUIET.set(true);
    let result = panic::catch_unwind(|| model.explore(variant));
    QUIET.set(false);
    let payload = result.err()?;
    let text = payload.downcast_ref::<String>().cloned();
    Some(text.or_else(|| Some((*payload.downcast_ref::<&str>()?).into())).unwrap_or_default())
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Expected panics are not printed; others are.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
}
