//! Target `merge`: an ordered merge of rings over memory that returns any value.

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::ops::ControlFlow::{Break, Continue};
use std::rc::Rc;
use std::time::Duration;

use ringbuf_core::{
    Consumer, CorruptReason, Lane, Merge, MergeArmed, Merged, Node, Position, Record, RingFailed,
    RingMemory, RingSet, Round, SetHost, Slot, Token, WaitHost, WaitPolicy, WakeCause, Wakes,
};

use crate::memory::{HostileMemory, Input};

/// Merges rings that return any value in any shared word at each load, with any keys, on any
/// clock. Each call must end after the loads of about one ring for each ring. A record is lent
/// as the walk has seen it, within the ring, and once. Keys that go back are marked as late,
/// and the counts add up.
pub fn merge(data: &[u8]) {
    let input = Input::new(data);
    match input.byte() % 3 {
        0 => run::<1>(&input),
        1 => run::<2>(&input),
        _ => run::<8>(&input),
    }
}

type Rings<K, const W: usize> =
    Merge<Host, Tag, Vec<Slot<Consumer<HostileMemory>, Lane<Tag, W>>>, Vec<Node>, K, W>;

/// What is known about one ring.
struct Tag {
    memory: HostileMemory,
    /// The records that were lent, and that the consumer has not passed.
    lent: HashSet<u64>,
    /// Bytes of records in this call.
    bytes: u64,
}

/// What is known about all of them.
#[derive(Default)]
struct Seen {
    newest: u64,
    delivered: u64,
    late: u64,
    forgotten: bool,
}

fn run<const W: usize>(input: &Rc<Input>) {
    let keys = input.clone();
    let key = move |_: &Record<'_, HostileMemory>| match keys.byte() {
        0 => None,
        1 => Some(u64::MAX),
        _ => Some(keys.number()),
    };
    let set = RingSet::new(Host::new(input), Vec::new(), WaitPolicy::balanced());
    let mut merge: Rings<_, W> = Merge::new(set, Vec::new(), key, input.number());
    let (mut seen, mut now) = (Seen::default(), 0_u64);
    while !input.is_empty() {
        for token in merge.set().tokens().collect::<Vec<_>>() {
            let tag = merge.tag_mut(token).unwrap_or_else(|| panic!("no tag"));
            tag.memory.forget_for(4);
            tag.memory.calm();
            tag.bytes = 0;
        }
        match input.byte() % 16 {
            0..6 => {
                now = now.wrapping_add(input.number());
                round(input, &mut merge, now, &mut seen);
            }
            6 | 7 => {
                now = now.wrapping_add(input.number());
                batch(input, &mut merge, now, &mut seen);
            }
            8 | 9 => insert(input, &mut merge),
            10 => {
                let token = merge.set().tokens().nth(usize::from(input.byte() % 4));
                drop(token.and_then(|token| merge.remove(token)));
            }
            11 => merge.set_lateness(input.number()),
            12 => {
                let timeout = Duration::from_micros(input.number() % 10_000);
                wait(&mut merge, timeout);
            }
            13 => {
                let before = merge.set().host().now();
                if let Ok(MergeArmed::Held(left)) = merge.arm() {
                    assert!(!left.is_zero(), "held for no time, at {before:?}");
                }
            }
            14 => {
                let token = merge.set().tokens().nth(usize::from(input.byte() % 4));
                if let Some(tag) = token.and_then(|token| merge.tag_mut(token)) {
                    tag.memory.fork(input.byte().into(), input.byte().into());
                }
            }
            _ => finish(input, &mut merge, &mut seen),
        }
        check(&mut merge, &mut seen);
    }
}

fn insert<K, const W: usize>(input: &Rc<Input>, merge: &mut Rings<K, W>)
where
    K: Fn(&Record<'_, HostileMemory>) -> Option<u64>,
{
    if merge.set().len() == 4 {
        return;
    }
    let memory = HostileMemory::small(input).bounded().remembering();
    // SAFETY: C1: the memory is new.
    if let Ok(consumer) = unsafe { Consumer::new(memory.clone()) } {
        let tag = Tag { memory, lent: HashSet::new(), bytes: 0 };
        let Ok(_) = merge.insert(consumer, tag) else { panic!("there is room") };
    }
}

/// Delivers a round, which may break.
fn round<K, const W: usize>(input: &Input, merge: &mut Rings<K, W>, now: u64, seen: &mut Seen)
where
    K: Fn(&Record<'_, HostileMemory>) -> Option<u64>,
{
    let mut left = input.number();
    let end = merge.round(now, |tag, record| {
        take(tag, &record, seen);
        // What was held, one ring, and the record that ends beyond it.
        tag.bytes += record.sample_len().footprint();
        assert!(tag.bytes <= 3 * tag.memory.capacity().bytes(), "{} bytes", tag.bytes);
        left = left.wrapping_sub(1);
        if left == 0 { Break(()) } else { Continue(()) }
    });
    match end {
        Ok(Continue(Round::Held { until })) => {
            assert!(until > now, "held until {until}, at {now}");
        }
        Ok(_) => {}
        Err(failed) => fails(merge, failed),
    }
}

/// Holds some records of a round at once.
fn batch<K, const W: usize>(input: &Input, merge: &mut Rings<K, W>, now: u64, seen: &mut Seen)
where
    K: Fn(&Record<'_, HostileMemory>) -> Option<u64>,
{
    let (how, most) = (input.byte(), input.number());
    let mut held = Vec::new();
    let failed = merge.batch(now).map(|batch| {
        while (held.len() as u64) < most {
            let Some((tag, record)) = batch.next() else { break };
            seen.take(record.key, record.late);
            held.push((tag.memory.clone(), record.position()));
            tag.memory.forget_for(4);
        }
        match how % 4 {
            0 => {
                seen.forgotten = true;
                std::mem::forget(batch);
            }
            1 => drop(batch),
            _ => drop(batch.finish()),
        }
    });
    if let Some(failed) = failed.err() {
        return fails(merge, failed);
    }
    // Each once, and none that was lent before.
    for (memory, position) in held {
        let token = merge.set().tokens().find(|token| {
            merge.set().get(*token).is_some_and(|(_, lane)| lane.tag().memory.is(&memory))
        });
        let tag = token.and_then(|token| merge.tag_mut(token));
        let Some(tag) = tag else { panic!("a ring went away within a batch") };
        assert!(tag.lent.insert(position.get()), "{position} twice");
    }
}

/// The last reading. Then all goes on.
fn finish<K, const W: usize>(input: &Input, merge: &mut Rings<K, W>, seen: &mut Seen)
where
    K: Fn(&Record<'_, HostileMemory>) -> Option<u64>,
{
    let limit = Duration::from_micros(input.number() % 10_000);
    let (mut left, mut reports) = (input.number(), 0);
    let rings = merge.set().len();
    let end = merge.finish(
        limit,
        |tag, record| {
            take(tag, &record, seen);
            left = left.wrapping_sub(1);
            if left == 0 { Break(()) } else { Continue(()) }
        },
        |_, _, _| reports += 1,
    );
    match end {
        Ok(Break(())) => assert_eq!(reports, 0),
        Ok(Continue(())) => assert_eq!(reports, rings, "a report for each ring"),
        Err(never) => match never {},
    }
}

fn wait<K, const W: usize>(merge: &mut Rings<K, W>, timeout: Duration)
where
    K: Fn(&Record<'_, HostileMemory>) -> Option<u64>,
{
    let before = merge.set().host().now();
    let Ok(_) = merge.wait(Some(timeout));
    let took = merge.set().host().now().saturating_sub(before);
    assert!(took <= timeout + Duration::from_millis(2), "{took:?} instead of {timeout:?}");
}

/// A record is lent by a callback.
fn take(tag: &mut Tag, record: &Merged<'_, HostileMemory>, seen: &mut Seen) {
    let position = record.position();
    assert!(tag.lent.insert(position.get()), "{position} twice");
    assert_eq!(record.record.at, position.offset(tag.memory.capacity()));
    assert_eq!(record.record.len, record.sample_len());
    seen.take(record.key, record.late);
    tag.memory.forget_for(4);
}

impl Seen {
    fn take(&mut self, key: u64, late: bool) {
        assert_eq!(late, key < self.newest, "key {key} after {}", self.newest);
        self.newest = self.newest.max(key);
        self.delivered += 1;
        self.late += u64::from(late);
    }
}

/// A ring is corrupt. It is so for ever, and its reason is one that its memory gave.
fn fails<K, const W: usize>(merge: &mut Rings<K, W>, failed: RingFailed)
where
    K: Fn(&Record<'_, HostileMemory>) -> Option<u64>,
{
    let Some((_, lane)) = merge.set().get(failed.token) else { panic!("{failed}: no such ring") };
    let memory = &lane.tag().memory;
    match failed.corrupt.reason {
        CorruptReason::ConsumerMoved { found, .. } => {
            assert!(memory.lies.borrow().contains(&found), "the memory never returned {found}");
        }
        CorruptReason::Forked => assert!(memory.denied.get(), "{failed}: it was never forked"),
        _ => {}
    }
}

/// What was counted is what was lent. Records that the consumers have passed are forgotten.
fn check<K, const W: usize>(merge: &mut Rings<K, W>, seen: &mut Seen)
where
    K: Fn(&Record<'_, HostileMemory>) -> Option<u64>,
{
    let counts = merge.counts().rings;
    assert_eq!(counts.late, seen.late);
    // A batch that was forgotten is counted in the next round.
    assert!(counts.delivered <= seen.delivered, "{counts:?}, and {} came", seen.delivered);
    seen.forgotten &= counts.delivered != seen.delivered;
    assert!(seen.forgotten || counts.delivered == seen.delivered, "{counts:?}");
    for token in merge.set().tokens().collect::<Vec<_>>() {
        let Some((consumer, _)) = merge.set().get(token) else { continue };
        let at = consumer.position();
        let Some(tag) = merge.tag_mut(token) else { continue };
        let (capacity, width) = (tag.memory.capacity().bytes(), tag.memory.width());
        let ahead = |position: &u64| Position::new(*position, width).distance(at, width);
        tag.lent.retain(|position| ahead(position) < capacity);
    }
}

/// A clock that runs by itself, and sleeps that end as the input says.
struct Host {
    input: Rc<Input>,
    clock: Cell<u64>,
    tokens: RefCell<HashSet<u64>>,
    notified: RefCell<VecDeque<Token>>,
}

impl Host {
    fn new(input: &Rc<Input>) -> Self {
        let (tokens, notified) = (RefCell::default(), RefCell::default());
        Self { input: input.clone(), clock: Cell::new(0), tokens, notified }
    }

    fn rest(&self, time: Duration) -> WakeCause {
        let (nanos, how) = (u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), self.input.byte());
        let cause = match how % 8 {
            1 => WakeCause::Notified,
            2 => WakeCause::Woken,
            3 => WakeCause::Interrupted,
            _ => WakeCause::TimeUp,
        };
        let passed = if cause == WakeCause::TimeUp { nanos } else { nanos / 2 };
        self.clock.set(self.clock.get().saturating_add(passed));
        cause
    }
}

impl WaitHost for Host {
    type Error = Infallible;

    fn now(&self) -> Duration {
        self.clock.set(self.clock.get() + 1000);
        Duration::from_nanos(self.clock.get())
    }

    fn pause(&self, time: Duration) {
        self.rest(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        Ok(self.rest(time))
    }

    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        let cause = self.rest(time);
        if cause == WakeCause::Notified {
            // Any of them, also of a ring that is not there any more.
            let tokens = self.tokens.borrow();
            let number = usize::from(self.input.byte()) % tokens.len().max(1);
            let token = tokens.iter().min().map(|first| first + number as u64);
            self.notified.borrow_mut().extend(token.map(Token::from_bits));
        }
        Ok(cause)
    }

    fn take_wakes(&self) -> Wakes {
        match self.input.byte() {
            0xf0 => Wakes::WAKE,
            0xf1 => Wakes::FLUSH,
            0xf2 => Wakes::CLOSE,
            _ => Wakes::NONE,
        }
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }
}

impl SetHost for Host {
    type Memory = HostileMemory;
    type Ring = Consumer<HostileMemory>;

    fn watch(&self, _: &Self::Ring, token: Token) -> Result<(), Infallible> {
        self.tokens.borrow_mut().insert(token.to_bits());
        Ok(())
    }

    fn unwatch(&self, _: &Self::Ring, _: Token) {}

    fn next_notified(&self) -> Option<Token> {
        self.notified.borrow_mut().pop_front()
    }
}
