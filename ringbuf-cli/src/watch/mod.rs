//! Watching rings: [`Watcher`] looks, [`Watch`] makes a [`Row`] of each ring.
//!
//! The model is pure: looks with their times go in, rows come out. A source of looks is a
//! [`source::Rings`], a source of losses is a [`lost::Losses`].

#[cfg(feature = "bpf")]
mod host;
#[cfg(not(feature = "bpf"))]
#[path = "no_host.rs"]
mod host;
mod look;
mod lost;
mod model;
mod people;
mod row;
mod source;
mod state;
mod tally;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use host::Iterators;
pub(crate) use look::{Look, LookedBy, LossSource, Process, ProgramName, Seen, Users};
pub(crate) use model::Watch;
pub(crate) use row::{How, Row};
pub(crate) use source::{All, Chosen, Watcher};
pub(crate) use state::State;
pub(crate) use tally::{BOUNDS, Sizes, Tally};

/// For looks that tests make up.
#[cfg(test)]
pub(crate) mod made_up {
    pub(crate) use super::look::{
        AtHead, Head, Look, LookedBy, LossSource, Lost, Passed, Process, ProcessState, ProgramName,
        Seen, Users,
    };
    pub(crate) use super::model::Watch;
    pub(crate) use super::tally::Tallies;
}
