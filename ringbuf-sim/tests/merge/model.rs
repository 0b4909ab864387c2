//! Programs on rings, one step at a time, and what a merge owes for it.

use ringbuf_sim::{KernelReservation, SimKernelMemory, Threads};

use super::*;

/// A step of the world.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// A program goes on to its next phase: stamp and reservation, in its order, then the
    /// commit. It discards if the number is 0.
    Step(usize, u8),
    /// Time passes.
    Pass(u64),
    /// The reader reads, by a clock that it read this long before.
    Round(u64),
    /// As `Round`, by a batch. It takes this many records at most.
    Batch(usize),
}

/// What a program does in which order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Habit {
    StampsBefore,
    StampsAfter,
}

/// A record that was reserved, in the model.
#[derive(Clone, Debug)]
struct Wrote {
    key: u64,
    reserved: u64,
    /// Whether it was discarded, and when it was committed.
    committed: Option<bool>,
    /// When it and all before it were committed.
    visible: Option<u64>,
    delivered: u32,
}

struct Program<'r> {
    ring: usize,
    habit: Habit,
    stamp: Option<u64>,
    reserved: Option<(usize, KernelReservation<'r, SimKernelMemory, Threads>)>,
}

/// The world, and the merge that reads it.
pub(crate) struct World<'r, 't, const W: usize> {
    programs: Vec<Program<'r>>,
    producers: &'r [KernelProducer],
    rings: Vec<Vec<Wrote>>,
    now: u64,
    /// The time of the last round.
    looked: u64,
    lateness: u64,
    /// Running maximum of the keys delivered, and the number of late records.
    newest: u64,
    late: u64,
    delivered: u64,
    pub(crate) merge: Rings<'t, W>,
}

/// Runs the steps, reads the rest, and checks all that the merge owes.
pub(crate) fn run<const W: usize>(
    rings: usize,
    lateness: u64,
    habits: &[Habit],
    ops: &[Op],
) -> Told {
    let time = VirtualTime::new();
    let (sims, merge) = merged::<W>(&time, rings, 4096, lateness);
    let producers: Vec<_> = sims.iter().map(SimRing::producer).collect();
    let programs = habits.iter().enumerate().map(|(number, &habit)| Program {
        ring: number % rings,
        habit,
        stamp: None,
        reserved: None,
    });
    let mut world = World {
        programs: programs.collect(),
        producers: &producers,
        rings: vec![Vec::new(); rings],
        now: 1_000,
        looked: 0,
        lateness,
        newest: 0,
        late: 0,
        delivered: 0,
        merge,
    };
    for &op in ops {
        match op {
            Op::Step(program, number) => world.step(program % habits.len(), number),
            Op::Pass(time) => world.now += time,
            Op::Round(age) => {
                // The clock is read after the last round.
                world.read(world.now.saturating_sub(age).max(world.looked));
            }
            Op::Batch(most) => world.batch(most),
        }
    }
    // Programs that stand still keep only what is behind them.
    while world.round(u64::MAX) == Round::Limit {}
    world.check()
}

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) delivered: u64,
    pub(crate) late: u64,
    /// All programs were as punctual as the merge demands.
    pub(crate) punctual: bool,
}

impl<'r, const W: usize> World<'r, '_, W> {
    fn step(&mut self, number: usize, choice: u8) {
        let program = &mut self.programs[number];
        let records = &mut self.rings[program.ring];
        match (program.habit, program.stamp, &program.reserved) {
            (Habit::StampsBefore, None, _) => program.stamp = Some(self.now),
            (_, _, None) => {
                let len = 16 + u64::from(choice % 40);
                let producers: &'r [KernelProducer] = self.producers;
                let Ok(mut sample) = producers[program.ring].reserve(len) else {
                    program.stamp = None; // The ring is full.
                    return;
                };
                sample[8..16].copy_from_slice(&(records.len() as u64).to_ne_bytes());
                let key = program.stamp.unwrap_or(0);
                records.push(Wrote {
                    key,
                    reserved: self.now,
                    committed: None,
                    visible: None,
                    delivered: 0,
                });
                program.reserved = Some((records.len() - 1, sample));
            }
            (Habit::StampsAfter, None, Some((index, _))) => {
                program.stamp = Some(self.now);
                records[*index].key = self.now;
            }
            (_, Some(stamp), Some(_)) => {
                let (index, mut sample) = program.reserved.take().unwrap();
                sample[..8].copy_from_slice(&stamp.to_ne_bytes());
                program.stamp = None;
                let discard = choice == 0;
                if discard {
                    sample.discard(Flags::ADAPTIVE);
                } else {
                    sample.submit(Flags::ADAPTIVE);
                }
                records[index].committed = Some(discard);
                let visible = records.iter_mut().take_while(|record| record.committed.is_some());
                visible.for_each(|record| {
                    record.visible.get_or_insert(self.now);
                });
            }
        }
    }

    /// Reads until nothing more is in order.
    fn read(&mut self, now: u64) {
        while self.round(now) == Round::Limit && now == self.now {}
        self.check_held(now);
    }

    fn round(&mut self, now: u64) -> Round {
        self.looked = self.now;
        let mut records = Vec::new();
        let round = self.merge.drain(now, |&mut ring, record| {
            records.push((ring, word(&record, 8), word(&record, 0), record.key, record.late));
        });
        records.into_iter().for_each(|record| self.got(record));
        round.unwrap()
    }

    fn batch(&mut self, most: usize) {
        self.looked = self.now;
        let batch = self.merge.batch(self.now).unwrap();
        let held: Vec<_> = batch.records().take(most).collect();
        // All are readable at once.
        let records: Vec<_> = held
            .iter()
            .map(|(ring, record)| {
                (**ring, word(record, 8), word(record, 0), record.key, record.late)
            })
            .collect();
        drop(held);
        batch.finish();
        records.into_iter().for_each(|record| self.got(record));
    }

    fn got(&mut self, (ring, index, stamp, key, late): (usize, u64, u64, u64, bool)) {
        let record = &mut self.rings[ring][index as usize];
        assert!(record.visible.is_some(), "ring {ring}, {index}: it is not readable");
        assert_eq!(record.committed, Some(false), "ring {ring}, {index}: it was discarded");
        assert_eq!((record.key, record.delivered), (stamp, 0), "ring {ring}, {index}");
        assert_eq!(key, stamp, "ring {ring}, {index}: no key is ahead of the clock");
        record.delivered = 1;
        assert_eq!(late, key < self.newest, "{key} after {}", self.newest);
        self.late += u64::from(late);
        self.newest = self.newest.max(key);
        self.delivered += 1;
    }

    /// Nothing is held for longer than twice the lateness.
    fn check_held(&self, now: u64) {
        let oldest = now.saturating_sub(2 * self.lateness);
        for (number, ring) in self.rings.iter().enumerate() {
            let held = ring.iter().filter(|record| {
                record.visible.is_some() && record.committed == Some(false) && record.delivered == 0
            });
            // What stands behind the look-ahead waits for those before it.
            for record in held.take(W) {
                assert!(record.key > oldest, "ring {number} holds {} at {now}", record.key);
            }
        }
    }

    fn check(&self) -> Told {
        let mut punctual = true;
        for (number, ring) in self.rings.iter().enumerate() {
            for (index, record) in ring.iter().enumerate() {
                let owed = record.visible.is_some() && record.committed == Some(false);
                assert_eq!(record.delivered, u32::from(owed), "ring {number}, {index}: {record:?}");
                let Some(visible) = record.visible.filter(|_| owed) else { continue };
                let before = ring[..index].iter().filter(|other| {
                    other.visible.is_some()
                        && other.committed == Some(false)
                        && other.key > record.key
                });
                punctual &= before.count() < W
                    && record.reserved.saturating_sub(record.key) <= self.lateness
                    && visible.saturating_sub(record.key) <= 2 * self.lateness;
            }
        }
        let counts = self.merge.counts().rings;
        assert_eq!((counts.delivered, counts.late), (self.delivered, self.late));
        assert_eq!(counts.ahead, 0);
        if punctual {
            assert_eq!(self.late, 0, "all were punctual");
        }
        for token in self.merge.set().tokens() {
            let (ring, lane) = self.merge.set().get(token).unwrap();
            let busy = self.rings[*lane.tag()].iter().any(|record| record.committed.is_none());
            assert!(busy || ring.lag() == Ok(0), "space is held: {ring:?}");
        }
        Told { delivered: self.delivered, late: self.late, punctual }
    }
}

/// A word of a sample.
fn word(sample: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(sample[at..at + 8].try_into().unwrap())
}
