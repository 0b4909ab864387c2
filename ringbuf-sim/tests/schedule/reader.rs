//! What a consumer does: core's `Consumer`, as it is, driven by chance.

use std::ops::ControlFlow::{Break, Continue};
use std::rc::Rc;
use std::time::Duration;

use corosensei::Yielder;
use ringbuf_core::{
    Armed, Consumer, ConsumerMemory, Corrupt, Drained, Ended, Next, Position, Rest, Waiter, Waiting,
};

use crate::check::Record;
use crate::memory::{ConsumerView, Words};
use crate::party::pattern;
use crate::plan::{Plan, Random};
use crate::ring::{Access, Seat, Shared};

type Victim<'s> = Consumer<ConsumerView<'s>>;

/// A consumer: it reads, waits as an edge-triggered waiter does, and never ends
/// by itself.
pub(crate) fn consume(shared: Rc<Shared>, yielder: &Yielder<(), Access>, plan: &Plan, seed: u64) {
    let seat = Seat::new(shared, yielder, usize::MAX);
    let mut random = Random::new(seed);
    loop {
        seat.may_load(1);
        // SAFETY: C1: the scheduler lets one consumer live at a time, and the
        // last one in this loop is gone.
        let found = match unsafe { Consumer::new(ConsumerView(&seat)) } {
            Ok(mut consumer) => {
                consumer.release_after(plan.release_after);
                live(&seat, &mut consumer, plan, &mut random)
            }
            Err(corrupt) => corrupt,
        };
        seat.check(|check| check.corrupt(&found));
        seat.shared.tally.corrupt.more::<()>();
        // Looks again at what it cannot read, now and then.
        seat.step(Access::Stall(10));
    }
}

/// Reads and waits until the ring is corrupt.
fn live(seat: &Seat<'_>, consumer: &mut Victim<'_>, plan: &Plan, random: &mut Random) -> Corrupt {
    let mut policy = (random.below(2) == 0).then(|| Policy::new(consumer));
    loop {
        let result = match random.below(3) {
            0 => read_each(seat, consumer, plan, random),
            _ => read(seat, consumer, plan, random),
        };
        match result {
            Ok(End::More) if random.below(8) != 0 => continue,
            Ok(_) => {}
            Err(corrupt) => {
                let again = consumer.batch().next().err();
                let each = consumer.for_each(|_| Break(())).err();
                let same = again == Some(corrupt) && each == again;
                seat.check(|check| check.must(same, || "not for ever".into()));
                return corrupt;
            }
        }
        seat.may_load(1);
        match random.below(16) {
            0 => consumer.publish(),
            1 => match consumer.lag() {
                Ok(lag) => seat.check(|check| check.lag(lag)),
                Err(corrupt) => return corrupt,
            },
            2..=4 => {
                look(seat, consumer);
            }
            _ => {}
        }
        match &mut policy {
            Some(policy) => policy.wait(seat, consumer),
            None => {
                block(seat, consumer);
            }
        }
    }
}

/// Looks, and looks at what is known then.
fn look(seat: &Seat<'_>, consumer: &mut Victim<'_>) -> bool {
    seat.shared.tally.looks.more::<()>();
    seat.may_load(1);
    let known = consumer.has_unread();
    if known {
        seat.check(|check| check.ready());
    }
    let before = known || seat.check(|check| check.is_ready());
    let found = consumer.peek();
    let hostile = seat.check(|check| {
        check.looked(before, found);
        check.is_hostile()
    });
    let known = hostile || consumer.has_unread() == found;
    seat.check(|check| check.must(known || !found, || "found, and not known".into()));
    found
}

/// Waits as an edge-triggered waiter does: forgets what was announced before,
/// arms, and sleeps if it may.
fn block(seat: &Seat<'_>, consumer: &mut Victim<'_>) -> Ended {
    seat.shared.edge.set(false);
    seat.may_load(1);
    if consumer.arm() == Armed::Ready {
        seat.check(|check| check.ready());
    } else {
        seat.shared.tally.sleeps.more::<()>();
        seat.step(Access::Sleep);
    }
    Ended::Notified
}

/// Waits as `Waiting::balanced` says: a step takes a microsecond.
struct Policy {
    waiter: Waiter,
    now: Duration,
    position: Position,
    records: u64,
}

impl Policy {
    fn new(consumer: &Victim<'_>) -> Self {
        let waiter = Waiter::new(Waiting::balanced(), consumer.memory().capacity());
        Self { waiter, now: Duration::ZERO, position: consumer.position(), records: 0 }
    }

    /// Until there is something to read.
    fn wait(&mut self, seat: &Seat<'_>, consumer: &mut Victim<'_>) {
        if consumer.has_unread() {
            return seat.check(|check| check.ready());
        }
        self.account(consumer);
        loop {
            let rest = self.waiter.rest(self.now);
            let ended = match rest {
                Rest::Block(_) => block(seat, consumer),
                Rest::Spin { pause: time, .. } | Rest::Nap(time) => {
                    self.now += time;
                    seat.shared.tally.naps.more::<()>();
                    seat.step(Access::Stall(1 + time.as_micros() as u64));
                    Ended::Over
                }
            };
            let found = look(seat, consumer);
            self.waiter.looked(rest, ended, found);
            if found && matches!(rest, Rest::Nap(_)) {
                seat.shared.tally.found_after_a_nap.more::<()>();
            }
            if found {
                return;
            }
        }
    }

    /// Tells the waiter what was consumed since the last time.
    fn account(&mut self, consumer: &Victim<'_>) {
        let (counts, position) = (consumer.counts(), consumer.position());
        let records = counts.delivered + counts.discarded;
        let bytes = position.distance(self.position, consumer.memory().width());
        self.now += Duration::from_micros(1 + bytes / 8);
        self.waiter.drained(self.now, records - self.records, bytes);
        (self.position, self.records) = (position, records);
    }
}

/// How a batch ended.
#[derive(PartialEq, Eq)]
enum End {
    /// At nothing, or at something busy.
    Nothing,
    More,
}

/// One batch, bounded or not, consumed or not; its records are read one by one
/// or all at the end.
fn read(
    seat: &Seat<'_>,
    consumer: &mut Victim<'_>,
    plan: &Plan,
    random: &mut Random,
) -> Result<End, Corrupt> {
    let (few, keep, late) = (1 + random.below(3), random.below(8) == 0, random.below(3) == 0);
    let (batch, most) = match random.below(6) {
        0 => (consumer.batch().at_most(few), u64::MAX),
        1 => (consumer.batch().within(24 * few), u64::MAX),
        2 => (consumer.batch(), few),
        _ => (consumer.batch(), u64::MAX),
    };
    let mut held = Vec::new();
    let end = loop {
        if batch.delivered() >= most {
            break Ok(End::More);
        }
        seat.may_load(1);
        let record = match batch.next() {
            Ok(Next::Record(record)) => record,
            Ok(Next::Busy | Next::Empty) => break Ok(End::Nothing),
            Ok(Next::Limit) => break Ok(End::More),
            Err(corrupt) => break Err(corrupt),
        };
        if plan.hostile {
            touch(&record);
            continue;
        }
        let (at, len) = (record.position(), record.sample_len().get().into());
        let expected = seat.check(|check| check.delivered(at, len));
        held.extend(expected.map(|expected| (record, expected)));
        if let Some((record, expected)) = held.last().filter(|_| !late) {
            compare(seat, record, expected);
        }
    };
    // What was read once must stand until the batch ends.
    held.iter().filter(|_| late).for_each(|(record, expected)| compare(seat, record, expected));
    drop(held);
    if keep {
        batch.keep();
        seat.check(|check| check.kept());
        return end;
    }
    let held = batch.held();
    let counts = seat.check(|check| check.consumed(held));
    drop(batch);
    let (position, found) = (consumer.position(), consumer.counts());
    seat.check(|check| check.batch_ended(position, found == counts));
    end
}

/// By callback, which breaks or does not.
fn read_each(
    seat: &Seat<'_>,
    consumer: &mut Victim<'_>,
    plan: &Plan,
    random: &mut Random,
) -> Result<End, Corrupt> {
    let stop = if random.below(3) == 0 { 1 + random.below(4) } else { u64::MAX };
    let (from, tally) = (consumer.position(), &seat.shared.tally);
    let mut taken = 0;
    seat.check(|check| check.each_begins());
    // Two batches at most come between two callbacks.
    seat.may_load(2);
    let result = consumer.for_each(|record| {
        if plan.hostile {
            touch(&record);
        } else {
            let (at, len) = (record.position(), record.sample_len().get().into());
            let expected = seat.check(|check| check.lent(at, len));
            expected.iter().for_each(|expected| compare(seat, &record, expected));
            seat.check(|check| check.returned());
        }
        tally.by_callback.more::<()>();
        seat.may_load(2);
        seat.after.set(Some(record.sample_len()));
        taken += 1;
        if taken == stop { Break(()) } else { Continue(()) }
    });
    seat.after.set(None);
    let (position, found) = (consumer.position(), consumer.counts());
    let (read, capacity) = (position.distance(from, plan.width), plan.capacity);
    seat.check(|check| {
        let counts = check.each_ended(position);
        check.batch_ended(position, found == counts);
        check.must(read < 2 * capacity, || format!("{read} bytes in one call"));
        check.must(taken <= stop, || format!("{taken} callbacks, to break at {stop}"));
        let broken = result == Ok(Break(()));
        check.must(broken == (taken == stop), || "it does not end as it was told".into());
        let limit = result == Ok(Continue(Drained::Limit));
        check.must(!limit || read >= capacity, || format!("a limit after {read} bytes"));
    });
    match result? {
        Break(()) => {
            tally.broken_off.more::<()>();
            Ok(End::More)
        }
        Continue(Drained::Limit) => Ok(End::More),
        Continue(Drained::Empty | Drained::Busy) => Ok(End::Nothing),
    }
}

/// Reads a sample of which nothing is known.
fn touch(sample: &Words<'_>) {
    for word in 0..sample.len().div_ceil(8) {
        sample.get(word);
    }
}

fn compare(seat: &Seat<'_>, sample: &Words<'_>, expected: &Record) {
    for word in 0..sample.len().div_ceil(8) {
        let found = sample.get(word);
        let right = pattern(expected.producer, expected.number, word);
        seat.check(|check| {
            check.must(found == right, || format!("torn: word {word} is {found:#x}: {expected:?}"));
        });
    }
}
