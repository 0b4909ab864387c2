//! [`Faults`]: what goes wrong in a run.

use std::time::Duration;

/// What goes wrong in a run. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// Producers stall inside reservations: for how long, and for how many millionths of them.
    pub stall: Option<(Duration, u32)>,
    /// Readers stop: for how long, and from the start of a stop to the start of the next one.
    pub pause: Option<(Duration, Duration)>,
    /// Millionths of the records that are discarded.
    pub discard: u32,
    /// Millionths of the notifications that get lost.
    pub lose_notifications: u32,
    /// When producers notify.
    pub wakeups: Wakeups,
}

/// When producers notify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wakeups {
    /// If the reader has caught up.
    #[default]
    Adaptive,
    /// Never (`BPF_RB_NO_WAKEUP`).
    Never,
    /// Always (`BPF_RB_FORCE_WAKEUP`).
    Always,
}
