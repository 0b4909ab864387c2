//! [`Tally`]: totals of a ring that only grow, for counters. Pure, as the model is.

use std::collections::HashMap;

use ringbuf_kernel::RingKind;

use super::look::Seen;

/// Upper bounds of the classes of sample sizes, in bytes. One more class has no bound.
pub(crate) const BOUNDS: [u32; 11] = [8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16_384, 65_536];

/// The sizes of the samples whose headers were seen: of discarded records, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Samples of each class. The last class has no bound.
    pub(crate) classes: [u64; BOUNDS.len() + 1],
    /// Bytes in all these samples.
    pub(crate) bytes: u64,
}

impl Sizes {
    /// Counts a sample of `len` bytes.
    pub(crate) fn add(&mut self, len: u32) {
        let class = BOUNDS.partition_point(|bound| *bound < len);
        if let Some(count) = self.classes.get_mut(class) {
            *count += 1;
        }
        self.bytes += u64::from(len);
    }
}

/// What became of a ring since it was made, or since it was watched. Only grows.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Bytes produced since the map was made. On a 32-bit kernel: modulo 2^32 when it was first
    /// seen.
    pub(crate) produced: u64,
    /// Bytes given back by the reader, in the same way. `None` in overwrite mode, where readers
    /// need not give back.
    pub(crate) consumed: Option<u64>,
    /// Records that came since it was watched. `None` while nothing is known of their sizes.
    pub(crate) records: Option<f64>,
    /// Ring space of these records.
    record_bytes: u64,
    /// The latest look that was not corrupt.
    seen: Seen,
}

/// The tallies of all rings that are there, by the id of the map.
#[derive(Debug, Default)]
pub(crate) struct Tallies(HashMap<u32, Tally>);

impl Tallies {
    /// Takes the next look. Forgets the rings that it does not have.
    pub(crate) fn take(&mut self, rings: &[Seen]) {
        let mut before = std::mem::take(&mut self.0);
        for seen in rings {
            let known = before.remove(&seen.id).filter(|tally| tally.is_of(seen));
            // Positions that no owner stores tell nothing.
            let tally = match (known, seen.corrupt) {
                (Some(mut tally), false) => {
                    tally.take(seen);
                    tally
                }
                (Some(tally), true) => tally,
                (None, false) => Tally::new(seen),
                (None, true) => continue,
            };
            self.0.insert(seen.id, tally);
        }
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Tally> {
        self.0.get(&id)
    }
}

impl Tally {
    fn new(seen: &Seen) -> Self {
        Self {
            produced: seen.producer.get(),
            consumed: (!seen.overwrite).then(|| seen.consumer.get()),
            records: None,
            record_bytes: 0,
            seen: remembered(seen),
        }
    }

    /// False if another ring has this id now.
    fn is_of(&self, now: &Seen) -> bool {
        let fixed = |seen: &Seen| (seen.kind, seen.overwrite, seen.capacity, seen.width);
        fixed(&self.seen) == fixed(now)
            && self.seen.name == now.name
            && (now.corrupt || now.produced_since(&self.seen).is_some())
    }

    fn take(&mut self, now: &Seen) {
        let produced = now.produced_since(&self.seen).unwrap_or(0);
        self.produced += produced;
        if let Some(consumed) = &mut self.consumed {
            // If the reader moves its position back, it consumes the same bytes again.
            *consumed += now.consumed_since(&self.seen).unwrap_or(0);
        }
        let seen = now.passed.filter(|passed| passed.bytes > 0);
        let mean = match (seen, self.records) {
            (Some(passed), _) => Some(passed.records as f64 / passed.bytes as f64),
            (None, Some(records)) if self.record_bytes > 0 => {
                Some(records / self.record_bytes as f64)
            }
            _ => None,
        };
        if let Some(mean) = mean.filter(|_| now.kind == RingKind::Ring) {
            *self.records.get_or_insert(0.0) += mean * produced as f64;
            self.record_bytes += produced;
        }
        self.seen = remembered(now);
    }
}

/// Without what is not needed later.
fn remembered(seen: &Seen) -> Seen {
    Seen { passed: None, info: None, users: Default::default(), ..seen.clone() }
}

#[cfg(test)]
mod tests {
    use ringbuf_kernel::{Position, Width};

    use super::*;
    use crate::watch::look::{LookedBy, Passed, Users};

    fn seen(consumer: u64, producer: u64, width: Width) -> Seen {
        Seen {
            id: 57,
            name: "events".to_owned(),
            kind: RingKind::Ring,
            overwrite: false,
            capacity: 4096,
            width,
            consumer: Position::new(consumer, width),
            producer: Position::new(producer, width),
            pending: None,
            fill: Some(producer.wrapping_sub(consumer)),
            head: None,
            corrupt: false,
            passed: None,
            lost: None,
            users: Users::default(),
            looked_by: LookedBy::Ids,
            info: None,
        }
    }

    fn passed(mut seen: Seen, records: u64, bytes: u64) -> Seen {
        seen.passed = Some(Passed { records, bytes, ..Passed::default() });
        seen
    }

    fn totals(looks: &[Seen]) -> Vec<(u64, Option<u64>)> {
        let mut tallies = Tallies::default();
        let take = |look: &Seen| {
            tallies.take(std::slice::from_ref(look));
            tallies.get(57).map(|tally| (tally.produced, tally.consumed)).expect("known")
        };
        looks.iter().map(take).collect()
    }

    #[test]
    fn totals_begin_with_the_map_and_do_not_go_back() {
        let at = |consumer, producer| seen(consumer, producer, Width::Bits64);
        let mut corrupt = at(1 << 40, 2000);
        corrupt.corrupt = true;
        let looks = [at(500, 1000), at(800, 1600), at(600, 1600), corrupt, at(900, 2000)];
        let consumed = [500, 800, 800, 800, 1100].map(Some);
        let produced = [1000, 1600, 1600, 1600, 2000];
        assert_eq!(totals(&looks), produced.into_iter().zip(consumed).collect::<Vec<_>>());
        // Another map with this id.
        assert_eq!(totals(&[at(500, 1000), at(0, 8)])[1], (8, Some(0)));
    }

    #[test]
    fn positions_of_32_bits_may_wrap() {
        let looks =
            [(0xffff_ff00, 0xffff_fff8), (0xffff_fff8, 8)].map(|(c, p)| seen(c, p, Width::Bits32));
        assert_eq!(totals(&looks)[1], (0x1_0000_0008, Some(0xffff_fff8)));
    }

    #[test]
    fn a_reader_of_an_overwritten_ring_consumes_nothing() {
        let mut look = seen(0, 100_000, Width::Bits64);
        look.overwrite = true;
        assert_eq!(totals(&[look]), [(100_000, None)]);
    }

    #[test]
    fn records_are_estimated_where_they_were_not_seen() {
        let mut tallies = Tallies::default();
        let mut records = |look: Seen| {
            tallies.take(&[look]);
            tallies.get(57).expect("known").records
        };
        let at = |producer| seen(0, producer, Width::Bits64);
        assert_eq!(records(at(1600)), None, "what came before is not known");
        assert_eq!(records(at(3200)), None);
        assert_eq!(records(passed(at(4800), 100, 1600)), Some(100.0), "exact");
        assert_eq!(records(passed(at(8000), 50, 1600)), Some(200.0), "a sample of half");
        // 200 records in 4800 bytes, and 2400 more.
        assert_eq!(records(at(10_400)), Some(300.0));
        assert_eq!(records(at(10_400)), Some(300.0));
    }

    #[test]
    fn sizes_have_classes() {
        let mut sizes = Sizes::default();
        for len in [0, 8, 9, 65_536, 65_537] {
            sizes.add(len);
        }
        let mut classes = [0; BOUNDS.len() + 1];
        (classes[0], classes[1], classes[10], classes[11]) = (2, 1, 1, 1);
        assert_eq!(sizes, Sizes { classes, bytes: 17 + 65_536 + 65_537 });
    }
}
