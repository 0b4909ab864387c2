//! A consumer: core's `Consumer`, unchanged, driven by chance.

use std::ops::ControlFlow::{Break, Continue};
use std::rc::Rc;
use std::time::Duration;

use ringbuf_core::{Armed, Consumer, Corrupt, Drained, Next, WaitHost, WaitPolicy, Wakeup};
use ringbuf_sim::explore::{Access, Plan, Random};

use crate::check::{Read, Record};
use crate::memory::{Cells, ConsumerView};
use crate::party::pattern;
use crate::ring::{Seat, Shared};

type Victim<'s> = Consumer<ConsumerView<'s>>;

/// Runs a consumer: it reads and waits, and never ends by itself.
pub(crate) fn consume(shared: Rc<Shared>, plan: &Plan, seed: u64) {
    let seat = Seat::new(shared, usize::MAX);
    let mut random = Random::new(seed);
    loop {
        seat.may_load(1);
        // SAFETY: C1: the scheduler runs one consumer at a time, and the last one
        // of this loop is gone.
        let found = match unsafe { Consumer::new(ConsumerView(&seat)) } {
            Ok(mut consumer) => live(&seat, &mut consumer, plan, &mut random),
            Err(corrupt) => corrupt,
        };
        seat.check(|check| check.corrupt(&found));
        seat.shared.tally.corrupt.more::<()>();
        // Sometimes looks again at a ring that it cannot read.
        seat.step(Access::Stall(10));
    }
}

/// Reads and waits until the ring is corrupt: with `Consumer::wait`, or with its
/// own loop, which holds back as the plan says.
fn live(seat: &Seat, consumer: &mut Victim<'_>, plan: &Plan, random: &mut Random) -> Corrupt {
    let waits = random.below(2) == 0;
    if waits {
        let micros = Duration::from_micros;
        let policies = [
            WaitPolicy::balanced(),
            WaitPolicy::balanced().release_fraction(2),
            WaitPolicy::low_latency().spin_for(micros(100)),
            WaitPolicy::low_cost().hold_off(micros(200)).min_nap(micros(200)),
            WaitPolicy::immediate(),
        ];
        consumer.set_policy(policies[random.below(5) as usize].clone());
    } else if plan.hold_back != 0 {
        consumer.hold_back(plan.hold_back);
    }
    // Without a timeout, except for these.
    let mut timeouts = 20;
    loop {
        let result = match random.below(6) {
            0 | 1 => read_each(seat, consumer, plan, random),
            2 => read_one_by_one(seat, consumer, plan, random),
            _ => read(seat, consumer, plan, random),
        };
        let end = match result {
            Ok(End::More) if random.below(8) != 0 => continue,
            Ok(end) => end,
            Err(corrupt) => {
                seat.may_load(1);
                let again = consumer.batch().next().err();
                let each = consumer.for_each(|_| Break(())).err();
                let next = consumer.next_record().err();
                let same = again == Some(corrupt) && each == again && next == again;
                seat.check(|check| check.must(same, || "another error, or none".into()));
                return corrupt;
            }
        };
        seat.may_load(1);
        match random.below(16) {
            0 => consumer.publish(),
            1 => match consumer.lag() {
                Ok(lag) => seat.check(|check| check.lag(lag)),
                Err(corrupt) => return corrupt,
            },
            2..=4 => look(seat, consumer),
            _ => {}
        }
        if waits {
            wait(seat, consumer, random, &mut timeouts);
        } else if end == End::Armed {
            seat.shared.tally.armed_by_reading.more::<()>();
            let Ok(_) = consumer.memory().block(BOUND);
        } else {
            arm_and_block(seat, consumer);
        }
    }
}

/// Calls `is_ready`, then `known_ready`.
fn look(seat: &Seat, consumer: &mut Victim<'_>) {
    seat.shared.tally.looks.more::<()>();
    seat.may_load(1);
    let known = consumer.known_ready();
    if known {
        must_be_ready(seat, consumer);
    }
    let before = known || seat.check(|check| check.is_ready());
    let found = consumer.is_ready();
    if found {
        must_be_ready(seat, consumer);
    }
    let hostile = seat.check(|check| {
        check.looked(before, found);
        check.is_hostile()
    });
    let known = hostile || consumer.known_ready() == found;
    seat.check(|check| check.must(known || !found, || "found, and not known".into()));
}

/// The timeout of each sleep in its own loop.
const BOUND: Duration = Duration::from_millis(100);

/// The consumer must not sleep: there is something to read, or to report.
fn must_be_ready(seat: &Seat, consumer: &Victim<'_>) {
    if !seat.check(|check| check.is_hostile() || check.is_ready()) {
        match consumer.lag() {
            Ok(_) => seat.check(|check| check.fail(|| "ready, with nothing to read".into())),
            Err(corrupt) => seat.check(|check| check.corrupt(&corrupt)),
        }
    }
}

/// Waits like its own edge-triggered waiter: forgets earlier notifications, arms,
/// and sleeps if allowed.
fn arm_and_block(seat: &Seat, consumer: &mut Victim<'_>) {
    seat.shared.queue.take();
    seat.may_load(1);
    if consumer.arm() == Armed::Ready {
        must_be_ready(seat, consumer);
    } else {
        let Ok(_) = consumer.memory().block(BOUND);
    }
}

/// The shipped loop, sometimes with a timeout.
fn wait(seat: &Seat, consumer: &mut Victim<'_>, random: &mut Random, timeouts: &mut u32) {
    let timeout = (*timeouts > 0 && random.below(4) == 0).then(|| {
        *timeouts -= 1;
        Duration::from_micros(random.pick(&[0, 10, 100, 5000]))
    });
    let (before, start) = (seat.check(|check| check.is_ready()), consumer.memory().now());
    seat.endless.set(timeout.is_none());
    seat.napped.set(false);
    let Ok(wakeup) = consumer.wait(timeout);
    seat.endless.set(true);
    let took = consumer.memory().now() - start;
    let tally = &seat.shared.tally;
    match wakeup {
        Wakeup::Ready => {
            must_be_ready(seat, consumer);
            if seat.napped.get() {
                tally.found_after_a_nap.more::<()>();
            }
        }
        Wakeup::TimedOut => {
            tally.timed_out.more::<()>();
            let in_time = timeout.is_some_and(|timeout| took >= timeout);
            seat.check(|check| {
                check.looked(before, false);
                check.must(in_time, || format!("{timeout:?} was over after {took:?}"));
            });
        }
        Wakeup::Interrupted => {
            tally.interrupted.more::<()>();
        }
        other => seat.check(|check| check.fail(|| format!("a wait ended by {other:?}"))),
    }
    if consumer.unpublished() != 0 {
        tally.held_back.more::<()>();
    }
}

/// The end of a read.
#[derive(PartialEq, Eq)]
enum End {
    /// At the end, or at a busy record.
    Nothing,
    /// The same, and the consumer may block.
    Armed,
    More,
}

fn holds_back(consumer: &Victim<'_>, plan: &Plan) -> bool {
    match consumer.policy() {
        Some(policy) => policy.portion(plan.capacity()).is_some(),
        None => plan.hold_back != 0,
    }
}

/// The end of a drain at the end of the ring, or at a busy record.
fn at_the_end(consumer: &Victim<'_>, plan: &Plan) -> End {
    if holds_back(consumer, plan) { End::Nothing } else { End::Armed }
}

/// Reads one batch, with or without a limit, consumed or rewound. Reads its records
/// one by one, or all at the end.
fn read(
    seat: &Seat,
    consumer: &mut Victim<'_>,
    plan: &Plan,
    random: &mut Random,
) -> Result<End, Corrupt> {
    let (few, keep, late) = (1 + random.below(3), random.below(8) == 0, random.below(3) == 0);
    let finish = random.below(4) == 0;
    let (holds_back, before) = (holds_back(consumer, plan), consumer.unpublished());
    let (batch, most) = match random.below(6) {
        0 => (consumer.batch().max_records(few), u64::MAX),
        1 => (consumer.batch().max_bytes(24 * few), u64::MAX),
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
            // The limit.
            Ok(_) => break Ok(End::More),
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
    // Samples must not change until the batch ends.
    held.iter().filter(|_| late).for_each(|(record, expected)| compare(seat, record, expected));
    drop(held);
    if keep {
        batch.rewind();
        seat.check(|check| check.kept());
        return end;
    }
    let held = batch.held_bytes();
    let counts = seat.check(|check| check.consumed(held));
    let armed = if finish {
        seat.may_load(1);
        Some(batch.finish())
    } else {
        drop(batch);
        None
    };
    let (position, found) = (consumer.position(), consumer.counts());
    let after = consumer.unpublished();
    seat.check(|check| {
        check.batch_ended(position, found == counts);
        if armed.is_none() {
            let (meanwhile, passed) = (false, held);
            check.has_read(Read { holds_back, meanwhile, before, passed, after });
        }
    });
    match armed {
        Some(Armed::Sleep) => end.map(|_| End::Armed),
        Some(Armed::Ready) => {
            must_be_ready(seat, consumer);
            end.map(|_| End::More)
        }
        None => end,
    }
}

/// Reads with a callback, which may break.
fn read_each(
    seat: &Seat,
    consumer: &mut Victim<'_>,
    plan: &Plan,
    random: &mut Random,
) -> Result<End, Corrupt> {
    let stop = if random.below(3) == 0 { 1 + random.below(4) } else { u64::MAX };
    let (from, tally) = (consumer.position(), &seat.shared.tally);
    let (holds_back, before) = (holds_back(consumer, plan), consumer.unpublished());
    let mut taken = 0;
    seat.check(|check| check.each_begins());
    // At most two batches come between two callbacks, and each may arm.
    seat.may_load(LOADS);
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
        seat.may_load(LOADS);
        seat.after.set(Some(record.sample_len()));
        taken += 1;
        if taken == stop { Break(()) } else { Continue(()) }
    });
    seat.after.set(None);
    let (position, found) = (consumer.position(), consumer.counts());
    let (read, capacity) = (position.distance(from, plan.width), plan.capacity);
    let after = consumer.unpublished();
    seat.check(|check| {
        let counts = check.each_ended(position);
        check.batch_ended(position, found == counts);
        let (meanwhile, passed) = (true, read);
        check.has_read(Read { holds_back, meanwhile, before, passed, after });
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
        Continue(Drained::Empty | Drained::Busy) => Ok(at_the_end(consumer, plan)),
        // The limit.
        Continue(_) => Ok(End::More),
    }
}

/// The number of whole rings that one call may pass between two deliveries.
const LOADS: u64 = 4;

/// Reads one by one, like aya's loop, to the end or not.
fn read_one_by_one(
    seat: &Seat,
    consumer: &mut Victim<'_>,
    plan: &Plan,
    random: &mut Random,
) -> Result<End, Corrupt> {
    let stop = if random.below(3) == 0 { 1 + random.below(4) } else { u64::MAX };
    let mut taken = 0;
    seat.check(|check| check.each_begins());
    let end = loop {
        seat.may_load(LOADS);
        let record = match consumer.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => break Ok(at_the_end(consumer, plan)),
            Err(corrupt) => break Err(corrupt),
        };
        if plan.hostile {
            touch(&record);
        } else {
            let (at, len) = (record.position(), record.sample_len().get().into());
            let expected = seat.check(|check| check.lent(at, len));
            expected.iter().for_each(|expected| compare(seat, &record, expected));
            seat.check(|check| check.returned());
        }
        seat.shared.tally.one_by_one.more::<()>();
        taken += 1;
        if taken == stop {
            break Ok(End::More);
        }
    };
    let (position, found) = (consumer.position(), consumer.counts());
    seat.check(|check| {
        let counts = check.each_ended(position);
        check.batch_ended(position, found == counts);
    });
    end
}

/// Reads a sample of unknown content.
fn touch(sample: &Cells<'_>) {
    for word in 0..sample.len().div_ceil(8) {
        sample.get(word);
    }
}

fn compare(seat: &Seat, sample: &Cells<'_>, expected: &Record) {
    for word in 0..sample.len().div_ceil(8) {
        let found = sample.get(word);
        let right = pattern(expected.producer, expected.number, word);
        seat.check(|check| {
            check.must(found == right, || format!("torn: word {word} is {found:#x}: {expected:?}"));
        });
    }
}
