//! [`Row`]: a ring as `--json` prints it, schema 1. What is not known is null, never 0.

use serde::Serialize;

use super::look::{LookedBy, LossSource, Process, ProgramName};
use super::state::State;

/// The version of this schema. It changes if a field changes its meaning or goes.
pub(crate) const SCHEMA: u32 = 1;

/// docs/inspecting.md describes the fields; a test compares them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) schema: u32,
    pub(crate) t_ns: u64,
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) capacity: u64,
    pub(crate) consumer_pos: u64,
    pub(crate) producer_pos: u64,
    pub(crate) pending_pos: Option<u64>,
    pub(crate) fill_bytes: Option<u64>,
    pub(crate) fill_max_bytes: Option<u64>,
    pub(crate) near_full_s: Option<f64>,
    pub(crate) in_bps: Option<u64>,
    pub(crate) out_bps: Option<u64>,
    pub(crate) records: Records,
    pub(crate) discard_ratio: Option<f64>,
    pub(crate) loss: Loss,
    pub(crate) head: HeadState,
    pub(crate) unread_s: Option<f64>,
    pub(crate) readers: Option<Vec<Process>>,
    pub(crate) producers: Option<Vec<Process>>,
    pub(crate) programs: Option<Vec<ProgramName>>,
    pub(crate) pins: Option<Vec<String>>,
    pub(crate) holders: Option<Vec<Process>>,
    pub(crate) watched_s: f64,
    pub(crate) looked_by: LookedBy,
    /// The first of `states`.
    pub(crate) state: State,
    pub(crate) states: Vec<State>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Records {
    pub(crate) per_s: Option<f64>,
    pub(crate) how: Option<How>,
}

/// How records were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// All of them.
    Exact,
    /// A part, and the rest by its bytes.
    Sampled,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Loss {
    pub(crate) records: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) per_s: Option<f64>,
    pub(crate) source: LossSource,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct HeadState {
    pub(crate) busy: Option<bool>,
    pub(crate) age_s: Option<f64>,
    pub(crate) len: Option<u32>,
    pub(crate) behind_bytes: Option<u64>,
}
