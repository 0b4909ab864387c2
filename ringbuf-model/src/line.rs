//! A cache line: who has it, and what an access costs.

use crate::costs::Costs;

/// A cache line. The default has never been touched.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Line {
    /// The CPU that wrote it last and has the newest copy, plus one. 0 means nobody.
    owner: u16,
    /// The CPUs with a valid copy.
    sharers: Set,
    /// The time at which the last transfer ends. Transfers of a line follow each other.
    free: u64,
}

/// A set of CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set([u64; Set::WORDS]);

impl Set {
    const WORDS: usize = 4;
    /// The number of CPUs that a set can hold.
    pub(crate) const MOST: usize = 64 * Self::WORDS;

    fn only(cpu: usize) -> Self {
        let mut set = Self::default();
        set.insert(cpu);
        set
    }

    pub(crate) fn insert(&mut self, cpu: usize) {
        self.0[cpu / 64] |= 1 << (cpu % 64);
    }

    fn has(self, cpu: usize) -> bool {
        self.0[cpu / 64] >> (cpu % 64) & 1 == 1
    }

    /// Returns true if a CPU is in this set and not in `other`.
    fn exceeds(self, other: Self) -> bool {
        self.0.iter().zip(other.0).any(|(mine, other)| mine & !other != 0)
    }
}

impl Line {
    /// Returns when a store by `cpu` at `now` is done. All other copies are given up.
    pub(crate) fn write(&mut self, costs: &Costs, cpu: usize, now: u64) -> u64 {
        let only = Set::only(cpu);
        let mine = usize::from(self.owner) == cpu + 1;
        if mine && self.sharers == only {
            return now + costs.hit;
        }
        let fetch = if mine { 0 } else { self.fetch(costs, cpu) };
        let cost = fetch.max(costs.farthest(cpu, |near| self.sharers.exceeds(near)));
        self.free = now.max(self.free) + cost.max(costs.hit);
        self.owner = cpu as u16 + 1;
        self.sharers = only;
        self.free
    }

    /// Returns when a load by `cpu` at `now` is done.
    pub(crate) fn read(&mut self, costs: &Costs, cpu: usize, now: u64) -> u64 {
        if self.sharers.has(cpu) {
            return now + costs.hit;
        }
        let cost = self.fetch(costs, cpu);
        let begins = now.max(self.free);
        // The owner serves readers one after the other, but fast.
        self.free = begins + Costs::part(cost, costs.occupancy);
        if self.owner == 0 {
            self.owner = cpu as u16 + 1;
        }
        self.sharers.insert(cpu);
        begins + cost
    }

    pub(crate) fn was_written_by(&self, cpu: usize) -> bool {
        usize::from(self.owner) == cpu + 1
    }

    fn fetch(&self, costs: &Costs, cpu: usize) -> u64 {
        match self.owner {
            0 => costs.cluster, // from memory or a shared cache
            owner => costs.distance(cpu, usize::from(owner) - 1),
        }
    }
}
