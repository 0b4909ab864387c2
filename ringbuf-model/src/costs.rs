//! [`Costs`]: the prices of a machine in picoseconds, and its distances.

use crate::line::Set;
use crate::{Machine, Prices, Topology};

/// The bits after the point of a fraction.
const FRACTION: u32 = 16;

/// The prices of a machine in picoseconds.
#[derive(Debug)]
pub(crate) struct Costs {
    pub(crate) hit: u64,
    pub(crate) atomic: u64,
    core: u64,
    pub(crate) cluster: u64,
    across: u64,
    pub(crate) program: u64,
    pub(crate) locked: u64,
    pub(crate) notify: u64,
    pub(crate) wakeup: u64,
    pub(crate) block: u64,
    pub(crate) nap: u64,
    pub(crate) walk: u64,
    pub(crate) look: u64,
    pub(crate) clock: u64,
    pub(crate) late: u64,
    /// Fractions, in units of 2^-16.
    pub(crate) stream: u64,
    pub(crate) occupancy: u64,
    places: Vec<Place>,
}

/// Where a CPU is.
#[derive(Debug)]
struct Place {
    core: usize,
    cluster: usize,
    itself: Set,
    in_core: Set,
    in_cluster: Set,
}

impl Costs {
    pub(crate) fn new(machine: &Machine) -> Self {
        let Prices {
            hit,
            atomic,
            core,
            cluster,
            across,
            program,
            locked,
            notify,
            wakeup,
            block,
            nap,
            walk,
            look,
            clock,
            late,
            stream,
            occupancy,
        } = machine.prices;
        Self {
            hit: picos(hit),
            atomic: picos(atomic),
            core: picos(core),
            cluster: picos(cluster),
            across: picos(across),
            program: picos(program),
            locked: picos(locked),
            notify: picos(notify),
            wakeup: picos(wakeup),
            block: picos(block),
            nap: picos(nap),
            walk: picos(walk),
            look: picos(look),
            clock: picos(clock),
            late: picos(late),
            stream: fraction(stream),
            occupancy: fraction(occupancy),
            places: places(&machine.topology),
        }
    }

    /// Returns `value` times a fraction in units of 2^-16.
    pub(crate) fn part(value: u64, fraction: u64) -> u64 {
        (value * fraction) >> FRACTION
    }

    pub(crate) fn distance(&self, one: usize, other: usize) -> u64 {
        let (a, b) = (&self.places[one], &self.places[other]);
        if one == other {
            self.hit
        } else if a.core == b.core {
            self.core
        } else if a.cluster == b.cluster {
            self.cluster
        } else {
            self.across
        }
    }

    /// Returns the distance from `cpu` to the farthest member of a set. `exceeds` says
    /// whether the set has members outside another one.
    pub(crate) fn farthest(&self, cpu: usize, exceeds: impl Fn(Set) -> bool) -> u64 {
        let place = &self.places[cpu];
        if exceeds(place.in_cluster) {
            self.across
        } else if exceeds(place.in_core) {
            self.cluster
        } else if exceeds(place.itself) {
            self.core
        } else {
            0
        }
    }
}

fn places(topology: &Topology) -> Vec<Place> {
    let set_of = |belongs: &dyn Fn(usize) -> bool| {
        let mut set = Set::default();
        (0..topology.cpus).filter(|cpu| belongs(*cpu)).for_each(|cpu| set.insert(cpu));
        set
    };
    let place = |cpu| {
        let (core, cluster) = (topology.core_of(cpu), topology.cluster_of(cpu));
        Place {
            core,
            cluster,
            itself: set_of(&|other| other == cpu),
            in_core: set_of(&|other| topology.core_of(other) == core),
            in_cluster: set_of(&|other| topology.cluster_of(other) == cluster),
        }
    };
    (0..topology.cpus).map(place).collect()
}

// The product and the rounding are exact by IEEE 754: the same on each machine.
fn picos(nanos: f64) -> u64 {
    (nanos * 1000.0).round() as u64
}

fn fraction(value: f64) -> u64 {
    (value * f64::from(1u32 << FRACTION)).round() as u64
}
