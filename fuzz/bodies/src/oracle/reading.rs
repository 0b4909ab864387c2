//! All ways of reading, compared with the model.

use std::ops::ControlFlow;

use ringbuf_core::{Armed, Budget, Drained, Next, Position, Record, Width};
use ringbuf_sim::{Query, SimMemory};

use crate::oracle::model::{Expected, Found, Model, Walk};
use crate::oracle::{Oracle, pattern, same};

/// How a batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Drop,
    Rewind,
    Finish,
    /// Like `Drop`, but puts the last record back.
    PutBack,
}

/// The limit of a batch.
pub(super) enum Bound {
    None,
    Records(u64),
    Bytes(u64),
}

impl Oracle<'_> {
    /// Reads a batch of up to `records` records. Holds them all, then compares.
    pub(super) fn read(&mut self, records: u64, bound: Bound, end: End) -> Result<(), String> {
        let consumer = self.consumer.as_mut().ok_or("no consumer")?;
        let (batch, mut walk) = match bound {
            Bound::None => (consumer.batch(), self.model.walk(u64::MAX, u64::MAX)),
            Bound::Records(max) => {
                (consumer.batch().max_records(max), self.model.walk(max, u64::MAX))
            }
            Bound::Bytes(max) => (consumer.batch().max_bytes(max), self.model.walk(u64::MAX, max)),
        };
        let (mut held, mut at_the_end) = (Vec::new(), false);
        while walk.counts.delivered < records {
            let expected = self.model.next(&mut walk);
            match (batch.next().map_err(|corrupt| corrupt.to_string())?, expected) {
                (Next::Record(record), Found::Record(expected)) => held.push((record, expected)),
                (Next::Busy, Found::Busy) | (Next::Empty, Found::Empty) => {
                    at_the_end = true;
                    break;
                }
                (Next::Limit, Found::Limit) => break,
                (found, expected) => return Err(format!("{found:?} instead of {expected:?}")),
            }
            same("bytes held", batch.held_bytes(), walk.held())?;
            same("records in the batch", batch.delivered(), walk.counts.delivered)?;
        }
        if end == End::PutBack {
            let expected = self.model.put_back(&mut walk);
            same("put back", (batch.put_back(), batch.put_back()), (expected, false))?;
            same("bytes held", batch.held_bytes(), walk.held())?;
            same("records in the batch", batch.delivered(), walk.counts.delivered)?;
            if expected && records % 2 == 1 {
                match (batch.next(), self.model.next(&mut walk)) {
                    (Ok(Next::Record(record)), Found::Record(again)) => held.push((record, again)),
                    (found, again) => return Err(format!("{found:?} instead of {again:?}")),
                }
            }
        }
        for (record, expected) in &held {
            same("sample length", record.sample_len().get().into(), expected.len)?;
            right(&record[..], record.position(), *expected, &self.model)?;
        }
        drop(held);
        let armed = match end {
            End::Rewind => {
                batch.rewind();
                if at_the_end && walk.is_empty() {
                    self.model.release.look(false);
                } else if !walk.is_empty() {
                    self.model.release.found();
                }
                return Ok(());
            }
            End::Drop | End::PutBack => {
                drop(batch);
                None
            }
            End::Finish => Some(batch.finish()),
        };
        self.model.consume(&walk);
        if walk.is_empty() {
            self.model.release.look(at_the_end);
        }
        self.model.end_batch();
        if let Some(armed) = armed {
            self.model.publish();
            same("finish", armed == Armed::Ready, self.model.ready())?;
        }
        self.sum_up(&walk);
        self.looked()
    }

    pub(super) fn sum_up(&mut self, walk: &Walk) {
        self.summary.delivered += walk.counts.delivered;
        self.summary.discarded += walk.counts.discarded;
    }

    /// Checks that the bytes held back follow the rule.
    pub(super) fn looked(&mut self) -> Result<(), String> {
        let held = self.consumer()?.unpublished();
        self.model.looked(held)
    }

    /// Reads one record at a time. Each lives until the next call.
    pub(super) fn next_record(&mut self, records: u64) -> Result<(), String> {
        for _ in 0..records {
            // The call gives back the space of the previous record.
            self.model.end_batch();
            let mut walk = self.model.walk(u64::MAX, u64::MAX);
            let expected = self.model.next(&mut walk);
            let consumer = self.consumer.as_mut().ok_or("no consumer")?;
            let found = consumer.next_record().map_err(|corrupt| corrupt.to_string())?;
            let over = match (found, expected) {
                (Some(record), Found::Record(expected)) => {
                    right(&record[..], record.position(), expected, &self.model)?;
                    false
                }
                (None, Found::Busy | Found::Empty) => true,
                (found, expected) => return Err(format!("{found:?} instead of {expected:?}")),
            };
            self.model.consume(&walk);
            if over {
                self.model.release.look(walk.is_empty());
                self.model.end_batch();
            }
            self.sum_up(&walk);
            self.looked()?;
            if over {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn is_ready(&mut self, looks: u64) -> Result<(), String> {
        for _ in 0..looks.min(100) {
            let consumer = self.consumer()?;
            let (ready, known) = (consumer.is_ready(), consumer.known_ready());
            same("ready", (ready, known), (self.model.ready(), self.model.ready()))?;
            if ready {
                self.model.release.found();
            } else {
                self.model.release.look(true);
            }
            self.looked()?;
        }
        Ok(())
    }

    /// Reads with a callback, within a budget if there is one, and compares each record.
    pub(super) fn for_each(
        &mut self,
        records: u64,
        budget: Option<(u64, u64)>,
    ) -> Result<(), String> {
        let consumer = self.consumer.as_mut().ok_or("no consumer")?;
        // A budget is at least one record.
        let most = budget.map_or((u64::MAX, u64::MAX), |(most, bytes)| (most.max(1), bytes.max(1)));
        let (model, mut walk) = (&self.model, self.model.walk(most.0, most.1));
        let producer = self.producer;
        let each = |record: Record<'_, SimMemory>| {
            let expected = match model.next(&mut walk) {
                Found::Record(expected) => expected,
                other => return ControlFlow::Break(Err(format!("{record:?}, not {other:?}"))),
            };
            let published = Position::new(producer.query(Query::CONS_POS), Width::Bits64);
            let right = right(&record[..], record.position(), expected, model);
            match right.and(model.lags_within(&walk, expected, published)) {
                Ok(()) if walk.counts.delivered < records => ControlFlow::Continue(()),
                result => ControlFlow::Break(result),
            }
        };
        let end = match budget {
            Some((records, bytes)) => {
                consumer.for_each_within(&Budget::unlimited().records(records).bytes(bytes), each)
            }
            None => consumer.for_each(each),
        };
        let at_the_end = match end.map_err(|corrupt| corrupt.to_string())? {
            ControlFlow::Break(result) => {
                result?;
                false
            }
            ControlFlow::Continue(end) => {
                let expected = match model.next(&mut walk) {
                    Found::Busy => Ok(Drained::Busy),
                    Found::Empty => Ok(Drained::Empty),
                    Found::Limit => Ok(Drained::Limit),
                    other => Err(other),
                };
                same("end", Ok(end), expected)?;
                end != Drained::Limit
            }
        };
        let held = consumer.unpublished();
        self.model.consume(&walk);
        if at_the_end {
            self.model.release.look(walk.is_empty());
        }
        if walk.is_empty() {
            self.model.end_batch();
        } else {
            self.model.end_drain(&walk, held)?;
        }
        self.sum_up(&walk);
        self.looked()
    }
}

/// Checks that a record is the expected one, byte by byte.
pub(super) fn right(
    bytes: &[u8],
    at: Position,
    expected: Expected,
    model: &Model,
) -> Result<(), String> {
    same("position", at, model.seen_at(expected.at))?;
    same("length", bytes.len() as u64, expected.len)?;
    if bytes.iter().copied().eq(pattern(expected.number).take(bytes.len())) {
        return Ok(());
    }
    Err(format!("the bytes of record {} at {} differ", expected.number, expected.at))
}
