//! Target `user_ops`: performs any list of operations of a producer on a simulated user
//! ring, and compares it with a model in plain numbers.

use std::collections::VecDeque;
use std::mem::forget;
use std::ops::ControlFlow::{Break, Continue};

use ringbuf_core::{Produced, Producer, ProducerMemory, Reservation, ReserveError, Width};
use ringbuf_sim::{Flags, Locked, SimError, SimUserMemory, SimUserRing};

use crate::memory::Input;
use crate::page_size;

/// Reserves, commits in any order, submits batches, drains, dies and recovers, on the ring
/// and on the model. After each step it compares all that is visible: what was refused and
/// why, both positions, the open reservations, and every byte that a drain delivers.
pub fn user_ops(data: &[u8]) {
    let input = Input::new(data);
    let capacity = page_size() << (input.byte() % 2);
    // The simulated drain, as the kernel's, compares positions as if they never wrap.
    let start = match input.byte() % 4 {
        0 => (input.number() & !7) % (1 << 62),
        1 => (1 << 32) - 8 * (1 + input.number() % 512),
        _ => 0,
    };
    let ring = SimUserRing::started_at(capacity, Width::Bits64, start)
        .unwrap_or_else(|error| panic!("{error}"));
    let model = Model { start, capacity, ..Model::default() };
    let mut run = Run { ring: &ring, input: &input, steps: 0, model };
    while run.steps < 500 && !input.is_empty() {
        let producer = run.take();
        if input.byte() % 2 == 0 {
            run.live(producer)
        } else {
            run.live(producer.share::<Locked>())
        }
    }
    let producer = run.take();
    run.drain(Flags::FORCE_WAKEUP, u64::MAX);
    run.compare(&producer);
    assert_eq!(run.model.produced, run.model.consumed, "something is left");
}

/// A ring and its model.
struct Run<'r> {
    ring: &'r SimUserRing,
    input: &'r Input,
    steps: u64,
    model: Model,
}

/// Open reservations, with their position in the model.
type Open<'p> = Vec<(u64, Reservation<'p, SimUserMemory>)>;

/// Why a list of operations ends that shares the producer.
enum End {
    /// The process of the producer dies.
    Death,
    /// A batch needs the producer for itself, and is submitted or not.
    Batch { submitted: bool },
}

impl Run<'_> {
    /// Takes the producer, after what an earlier one may have left.
    fn take(&mut self) -> Producer<SimUserMemory> {
        let left = self.model.open();
        match self.ring.producer() {
            Ok(producer) => {
                assert_eq!(left, 0, "the open reservations are not reported");
                producer
            }
            Err(SimError::LeftOpen { reservations, .. }) => {
                assert_eq!(reservations, left);
                self.model.discard_open();
                self.ring.recover().unwrap_or_else(|error| panic!("{error}"))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// One producer, until it dies.
    fn live<P: Produced>(&mut self, mut producer: Producer<SimUserMemory, P>) {
        while let End::Batch { submitted } = self.operate(&producer) {
            self.batch(&mut producer, submitted);
            self.compare(&producer);
        }
    }

    fn operate<P: Produced>(&mut self, producer: &Producer<SimUserMemory, P>) -> End {
        let mut open = Open::new();
        while self.steps < 500 && !self.input.is_empty() {
            self.steps += 1;
            let kind = self.input.byte();
            match kind % 16 {
                0..=3 => self.reserve(producer, &mut open),
                4..=6 => self.commit(&mut open, kind % 16 < 6),
                7 | 8 => self.submit_all(producer),
                9..=11 => {
                    let flags = [0, 0, 1, 2, 3, 0, 0, 0][usize::from(kind >> 5)];
                    let most = if kind & 16 == 0 { u64::MAX } else { self.input.number() };
                    self.drain(Flags(flags), most);
                }
                12 => {
                    for (at, reservation) in open {
                        drop(reservation);
                        self.model.commit(at, false);
                    }
                    return End::Batch { submitted: kind & 32 == 0 };
                }
                13 => break,
                14 => {
                    let len = length(self.input);
                    let full = matches!(self.model.refusal(len), Some(Refusal::Full { .. }));
                    assert_eq!(producer.has_room(len), !full, "has_room({len})");
                }
                _ => assert_eq!(producer.max_sample(), self.model.max_sample()),
            }
            self.compare(producer);
        }
        open.into_iter().for_each(|(_, reservation)| forget(reservation));
        End::Death
    }

    fn reserve<'p, P: Produced>(
        &mut self,
        producer: &'p Producer<SimUserMemory, P>,
        open: &mut Open<'p>,
    ) {
        let len = length(self.input);
        match (producer.reserve(len).map_err(Refusal::from), self.model.refusal(len)) {
            (Ok(mut reservation), None) => {
                fill(&mut reservation, self.model.push(len, State::Open));
                open.push((self.model.last(), reservation));
            }
            (found, expected) => assert_eq!(found.map(drop).err(), expected, "reserve({len})"),
        }
    }

    fn commit(&mut self, open: &mut Open<'_>, submitted: bool) {
        if open.is_empty() {
            return;
        }
        let which = usize::from(self.input.byte()) % open.len();
        let (at, reservation) = open.swap_remove(which);
        if submitted {
            reservation.submit()
        } else {
            reservation.discard()
        }
        self.model.commit(at, submitted);
    }

    fn submit_all<P: Produced>(&mut self, producer: &Producer<SimUserMemory, P>) {
        let max = self.model.max_sample();
        let samples: Vec<Vec<u8>> = (0..u64::from(self.input.byte() % 6))
            .map(|index| {
                // What is too large by far needs no such vector.
                let len = length(self.input).min(max + 1);
                let mut sample = vec![0; len as usize];
                fill(&mut sample, self.model.number + index);
                sample
            })
            .collect();
        let slices: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
        let mut expected = Ok(0);
        let lens = || samples.iter().map(|sample| sample.len() as u32);
        if lens().any(|len| len > max) {
            expected = Err(Refusal::TooLarge { len: max + 1, max });
        } else {
            for (taken, len) in (0..).zip(lens()) {
                match self.model.refusal(len) {
                    None => drop(self.model.push(len, State::Submitted)),
                    Some(refusal) => {
                        expected = if taken == 0 { Err(refusal) } else { Ok(taken) };
                        break;
                    }
                }
                expected = Ok(taken + 1);
            }
        }
        assert_eq!(producer.submit_all(&slices).map_err(Refusal::from), expected, "submit_all");
    }

    fn batch<P: Produced>(&mut self, producer: &mut Producer<SimUserMemory, P>, submitted: bool) {
        let (produced, number, records) =
            (self.model.produced, self.model.number, self.model.records.len());
        let mut batch = producer.batch();
        for _ in 0..self.input.byte() % 6 {
            let len = length(self.input);
            match (batch.push(len).map_err(Refusal::from), self.model.refusal(len)) {
                (Ok(sample), None) => fill(sample, self.model.push(len, State::Submitted)),
                (found, expected) => assert_eq!(found.map(drop).err(), expected, "push({len})"),
            }
        }
        let pushed = self.model.number - number;
        assert_eq!((batch.len(), batch.is_empty()), (pushed, pushed == 0));
        assert_eq!(self.ring.pages().producer, self.model.start + produced, "published early");
        if submitted {
            assert_eq!(batch.submit(), pushed);
        } else {
            batch.discard();
            (self.model.produced, self.model.number) = (produced, number);
            self.model.records.truncate(records);
        }
    }

    fn drain(&mut self, flags: Flags, most: u64) {
        let model = &mut self.model;
        let (mut calls, before) = (0, (model.consumed, self.ring.notifications()));
        let drained = self.ring.drain(flags, |sample| {
            calls += 1;
            model.skip_discarded();
            let record = model.records.pop_front().unwrap_or_else(|| panic!("a sample too many"));
            assert_eq!(record.state, State::Submitted, "delivered at {}", record.at);
            assert_eq!(sample.len() as u32, record.len, "length at {}", record.at);
            let right = sample.iter().copied().eq(pattern(record.number).take(sample.len()));
            assert!(right, "bytes of sample {}", record.number);
            model.consumed = record.at + footprint(record.len);
            if calls >= most { Break(()) } else { Continue(()) }
        });
        if calls < most.max(1) {
            model.skip_discarded();
            let next = model.records.front();
            assert!(next.is_none_or(|record| record.state == State::Open), "left: {next:?}");
        }
        assert_eq!(drained, Ok(calls));
        let notified = flags.0 >= 2 || (flags.0 == 0 && model.consumed != before.0);
        assert_eq!(self.ring.notifications() - before.1, u64::from(notified), "notifications");
    }

    fn compare<P: Produced>(&self, producer: &Producer<SimUserMemory, P>) {
        let (stored, model) = (producer.memory().initial_producer_pos().get(), &self.model);
        let position = |at| model.start + at;
        assert_eq!(stored, position(model.produced), "producer position");
        assert_eq!(self.ring.consumer_pos().get(), position(model.consumed), "consumer position");
        assert_eq!(producer.position().get(), position(model.produced), "its own position");
        assert_eq!(producer.lag(), model.produced - model.consumed, "lag");
        assert_eq!(producer.open_reservations(), Ok(model.open()), "open reservations");
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Submitted,
    Discarded,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    at: u64,
    len: u32,
    number: u64,
    state: State,
}

/// A [`ReserveError`] to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    TooLarge { len: u32, max: u32 },
    Full { footprint: u64, free: u64 },
}

impl From<ReserveError> for Refusal {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::TooLarge { len, max, .. } => Self::TooLarge { len, max },
            ReserveError::Full { footprint, free, .. } => Self::Full { footprint, free },
            error => panic!("{error}"),
        }
    }
}

/// The ring in plain numbers. Positions count from the start.
#[derive(Default)]
struct Model {
    start: u64,
    capacity: u64,
    produced: u64,
    consumed: u64,
    /// The number of the next sample.
    number: u64,
    /// What is produced and not consumed.
    records: VecDeque<Record>,
}

impl Model {
    fn max_sample(&self) -> u32 {
        (self.capacity - 8).min((1 << 24) - 1) as u32
    }

    /// Why a reservation now fails, if it does.
    fn refusal(&self, len: u32) -> Option<Refusal> {
        let (footprint, free) = (footprint(len), self.capacity - (self.produced - self.consumed));
        match self.max_sample() {
            max if len > max => Some(Refusal::TooLarge { len, max }),
            _ if footprint > free => Some(Refusal::Full { footprint, free }),
            _ => None,
        }
    }

    fn push(&mut self, len: u32, state: State) -> u64 {
        let (at, number) = (self.produced, self.number);
        self.records.push_back(Record { at, len, number, state });
        self.produced += footprint(len);
        self.number += 1;
        number
    }

    fn last(&self) -> u64 {
        self.records.back().unwrap_or_else(|| panic!("one was pushed")).at
    }

    fn commit(&mut self, at: u64, submitted: bool) {
        let index = self.records.binary_search_by_key(&at, |record| record.at);
        let record = &mut self.records[index.unwrap_or_else(|_| panic!("no record at {at}"))];
        record.state = if submitted { State::Submitted } else { State::Discarded };
    }

    fn discard_open(&mut self) {
        for record in self.records.iter_mut().filter(|record| record.state == State::Open) {
            record.state = State::Discarded;
        }
    }

    fn open(&self) -> u64 {
        self.records.iter().filter(|record| record.state == State::Open).count() as u64
    }

    fn skip_discarded(&mut self) {
        while let Some(record) = self.records.front().filter(|r| r.state == State::Discarded) {
            self.consumed = record.at + footprint(record.len);
            self.records.pop_front();
        }
    }
}

fn footprint(len: u32) -> u64 {
    (u64::from(len) + 8).next_multiple_of(8)
}

/// Mostly short.
fn length(input: &Input) -> u32 {
    input.number() as u32
}

fn pattern(number: u64) -> impl Iterator<Item = u8> {
    let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..).flat_map(move |word: u64| (seed ^ word.wrapping_mul(0xff51_afd7_ed55_8ccd)).to_le_bytes())
}

fn fill(sample: &mut [u8], number: u64) {
    sample.iter_mut().zip(pattern(number)).for_each(|(byte, value)| *byte = value);
}
