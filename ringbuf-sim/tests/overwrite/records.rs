//! Numbered records whose length, bytes and commit follow from their number, so that a test
//! knows each record without a list.

use ringbuf_core::{Position, SampleLen, Width};
use ringbuf_sim::{Flags, KernelProducer};

/// Turns a number into one that looks random.
pub(crate) fn mix(word: u64) -> u64 {
    let mut x = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) number: u64,
    pub(crate) len: u64,
    pub(crate) discarded: bool,
}

impl Kind {
    pub(crate) fn of(number: u64) -> Self {
        let random = mix(number);
        Self { number, len: random % 120, discarded: random >> 32 & 7 == 0 }
    }

    pub(crate) fn footprint(self) -> u64 {
        SampleLen::new(self.len).unwrap().footprint()
    }

    /// Returns the word at `index` of the sample.
    fn word(self, index: usize) -> [u8; 8] {
        self.number.wrapping_mul(index as u64 * 2 + 1).rotate_left(20).to_ne_bytes()
    }

    pub(crate) fn fill(self, sample: &mut [u8]) {
        for (index, part) in sample.chunks_mut(8).enumerate() {
            part.copy_from_slice(&self.word(index)[..part.len()]);
        }
    }

    #[track_caller]
    pub(crate) fn check(self, sample: &[u8]) {
        assert_eq!(sample.len() as u64, self.len, "{self:?} has another length");
        for (index, part) in sample.chunks(8).enumerate() {
            assert_eq!(*part, self.word(index)[..part.len()], "{self:?} is torn at word {index}");
        }
    }

    /// Writes the record. Returns false if it was refused.
    pub(crate) fn write(self, program: &KernelProducer) -> bool {
        let Ok(mut reservation) = program.reserve(self.len) else { return false };
        self.fill(&mut reservation);
        if self.discarded {
            reservation.discard(Flags::NO_WAKEUP);
        } else {
            reservation.submit(Flags::NO_WAKEUP);
        }
        true
    }
}

/// A place between two records, known by its position and by the number of the next record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) position: Position,
    pub(crate) number: u64,
    width: Width,
}

/// What was passed, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) all: u64,
    pub(crate) discarded: u64,
}

impl Place {
    pub(crate) fn new(position: Position, width: Width) -> Self {
        Self { position, number: 0, width }
    }

    /// Goes on to `position`, which must be the start of a record.
    #[track_caller]
    pub(crate) fn go_to(&mut self, position: Position) -> Passed {
        let mut passed = Passed::default();
        let mut left = position.distance(self.position, self.width);
        while left > 0 {
            let kind = Kind::of(self.number);
            left = left.checked_sub(kind.footprint()).expect("the start of a record");
            self.number += 1;
            passed.all += 1;
            passed.discarded += u64::from(kind.discarded);
        }
        self.position = position;
        passed
    }

    /// The place after the next record.
    pub(crate) fn next(self) -> Self {
        let position = self.position.advance(Kind::of(self.number).footprint(), self.width);
        Self { position, number: self.number + 1, ..self }
    }

    /// Passes the next record, which was delivered.
    #[track_caller]
    pub(crate) fn deliver(&mut self, sample: &[u8]) {
        let kind = Kind::of(self.number);
        assert!(!kind.discarded, "{kind:?} was delivered");
        kind.check(sample);
        *self = self.next();
    }
}
