//! Rings that fail, come and go, and the last reading.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::rc::Rc;

use ringbuf_core::{
    CorruptReason, Position, ProducerMemory as _, RingSet, SetHost, Token, WaitHost, WakeCause,
    Wakes, Width,
};

use super::*;

/// Makes the producer position impossible.
fn corrupt(ring: &SimRing) {
    let far = Position::new(1 << 20, Width::Bits64);
    let order = std::sync::atomic::Ordering::Release;
    // SAFETY: the ring is thrown away after this; its consumer survives any bytes.
    unsafe { ring.producer_memory().store_producer_pos(far, order) };
}

/// Its earlier records are delivered, it is reported once, and the others go on.
#[test]
fn a_corrupt_ring_fails_alone() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<4>(&time, 3, 4096, 100);
    write(&rings[1], 1_000);
    assert_eq!(keys(&mut merge, 1_000).0, []); // it is known now
    corrupt(&rings[1]);
    write(&rings[0], 1_001);
    write(&rings[2], 1_002);
    let second = merge.set().tokens().nth(1).unwrap();
    let (mut failed, mut read) = (Vec::new(), Vec::new());
    for now in 1_050..1_250 {
        match merge.drain(now, |_, record| read.push(record.key)) {
            Ok(_) => {}
            Err(error) => failed.push(error.token),
        }
    }
    assert_eq!((failed, read), (vec![second], vec![1_000, 1_001, 1_002]));
    assert_eq!(merge.wait(Some(ms(200))), Ok(Wakeup::TimedOut));
    assert_eq!(merge.remove(second).map(|(_, number)| number), Some(1));
    write(&rings[0], 1_300);
    assert_eq!(keys(&mut merge, 1_400), (vec![1_300], Round::Empty));
}

/// The producer position was impossible while records were held, and is good afterwards.
#[test]
fn what_was_corrupt_once_is_reported_though_it_looks_sound_again() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<4>(&time, 1, 4096, 100);
    write(&rings[0], 1_000);
    let good = Position::new(16, Width::Bits64);
    assert_eq!(keys(&mut merge, 1_000).0, []);
    corrupt(&rings[0]);
    assert_eq!(keys(&mut merge, 1_050).0, [1_000]); // a corrupt ring holds nothing
    let order = std::sync::atomic::Ordering::Release;
    // SAFETY: it is the position that the ring had.
    unsafe { rings[0].producer_memory().store_producer_pos(good, order) };
    assert!(merge.drain(1_100, |_, _| ()).is_err());
}

#[test]
fn rings_come_and_go_and_nothing_is_lost_or_repeated() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<1>(&time, 4, 4096, 50);
    let mut read = Vec::new();
    let mut out = Vec::new();
    for key in 1..=2_000_u64 {
        write(&rings[(key * 7 % 4) as usize], key);
        if key % 13 == 0 {
            // Some of its records are held now.
            let token = merge.set().tokens().nth((key % 3) as usize).unwrap();
            let held = merge.set().get(token).unwrap().0.lag().unwrap();
            let (ring, number) = merge.remove(token).unwrap();
            assert_eq!(ring.lag(), Ok(held));
            out.push((ring, number));
        }
        if key % 13 == 6 {
            for (ring, number) in out.drain(..) {
                merge.insert(ring, number).unwrap();
            }
        }
        if key % 5 == 0 {
            merge.drain(key, |_, record| read.push(record.key)).unwrap();
        }
    }
    for (ring, number) in out {
        merge.insert(ring, number).unwrap();
    }
    while merge.drain(u64::MAX, |_, record| read.push(record.key)) == Ok(Round::Limit) {}
    assert_eq!(merge.counts().rings.delivered, 2_000);
    read.sort_unstable();
    assert_eq!(read, (1..=2_000).collect::<Vec<_>>());
}

/// No list of nodes is too short.
#[test]
fn without_room_a_ring_is_refused_and_comes_back() {
    /// Room for one.
    #[derive(Default)]
    struct One([Node; 1], bool);
    impl AsMut<[Node]> for One {
        fn as_mut(&mut self) -> &mut [Node] {
            &mut self.0[..usize::from(self.1)]
        }
    }
    impl Extend<Node> for One {
        fn extend<I: IntoIterator<Item = Node>>(&mut self, _: I) {
            self.1 = true;
        }
    }
    let time = VirtualTime::new();
    let set = time.ring_set::<Lane<&str, 1>>(WaitPolicy::balanced());
    let mut merge = Merge::new(set, One::default(), stamp as Key, 0);
    let rings = [SimRing::new(4096).unwrap(), SimRing::new(4096).unwrap()];
    merge.insert(rings[0].consumer().unwrap(), "first").unwrap();
    let refused = merge.insert(rings[1].consumer().unwrap(), "second").unwrap_err();
    assert_eq!((refused.tag, refused.error), ("second", None));
    assert_eq!(merge.set().len(), 1);
}

/// Safe code can write a list of places that exchanges its content. Here another set reads the
/// rings while a merge knows some of their records.
#[test]
fn a_list_of_places_that_lies_repeats_nothing() {
    let rings = [SimRing::new(4096).unwrap(), SimRing::new(4096).unwrap()];
    let shared = Rc::default();
    let (mine, theirs) = (Lies::new(&shared), Lies::new(&shared));
    let (take, takes) = (mine.exchange.clone(), theirs.exchange.clone());
    let set = RingSet::new(Still, mine, WaitPolicy::balanced());
    let mut merge = Merge::new(set, Vec::<Node>::new(), stamp as Key, 100);
    let token = merge.insert(rings[0].consumer().unwrap(), 0).unwrap();
    merge.insert(rings[1].consumer().unwrap(), 1).unwrap();
    [1_000, 1_001].into_iter().for_each(|key| write(&rings[0], key));
    assert_eq!(merge.drain(1_050, |_, _| panic!("held")), Ok(Round::Held { until: 1_100 }));

    let mut set = RingSet::new(Still, theirs, WaitPolicy::balanced());
    let mut read = 0;
    take.set(true);
    assert_eq!(merge.stuck(Duration::ZERO).count(), 0); // now they are in the shared list
    takes.set(true);
    let each = |_: &mut _, _: Record<'_, _>| {
        read += 1;
        ControlFlow::<()>::Continue(())
    };
    assert!(set.finish(Duration::ZERO, each, |_, _, _| ()).unwrap().is_continue());
    assert_eq!(read, 2);
    takes.set(true);
    assert_eq!(set.stuck(Duration::ZERO).count(), 0);
    take.set(true);
    assert_eq!(merge.stuck(Duration::ZERO).count(), 0);
    assert_eq!(merge.tag_mut(token), Some(&mut 0));

    write(&rings[0], 1_002);
    let mut keys = Vec::new();
    merge.drain(2_000, |_, record| keys.push(record.key)).unwrap();
    assert_eq!(keys, [1_002]);
}

type Places = Vec<Slot<Consumer<SimMemory>, Lane<usize, 4>>>;

struct Lies {
    mine: Places,
    shared: Rc<RefCell<Places>>,
    /// The next access exchanges both.
    exchange: Rc<Cell<bool>>,
}

impl Lies {
    fn new(shared: &Rc<RefCell<Places>>) -> Self {
        Self { mine: Vec::new(), shared: shared.clone(), exchange: Rc::default() }
    }
}

impl AsRef<[Slot<Consumer<SimMemory>, Lane<usize, 4>>]> for Lies {
    fn as_ref(&self) -> &[Slot<Consumer<SimMemory>, Lane<usize, 4>>] {
        &self.mine
    }
}

impl AsMut<[Slot<Consumer<SimMemory>, Lane<usize, 4>>]> for Lies {
    fn as_mut(&mut self) -> &mut [Slot<Consumer<SimMemory>, Lane<usize, 4>>] {
        if self.exchange.take() {
            std::mem::swap(&mut self.mine, &mut self.shared.borrow_mut());
        }
        &mut self.mine
    }
}

impl Extend<Slot<Consumer<SimMemory>, Lane<usize, 4>>> for Lies {
    fn extend<I: IntoIterator<Item = Slot<Consumer<SimMemory>, Lane<usize, 4>>>>(
        &mut self,
        new: I,
    ) {
        self.mine.extend(new);
    }
}

/// A system that never waits.
struct Still;

impl WaitHost for Still {
    type Error = Infallible;

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) {}

    fn nap(&self, _: Duration) -> Result<WakeCause, Infallible> {
        Ok(WakeCause::TimeUp)
    }

    fn block(&self, _: Duration) -> Result<WakeCause, Infallible> {
        Ok(WakeCause::TimeUp)
    }

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }
}

impl SetHost for Still {
    type Memory = SimMemory;
    type Ring = Consumer<SimMemory>;

    fn watch(&self, _: &Self::Ring, _: Token) -> Result<(), Infallible> {
        Ok(())
    }

    fn unwatch(&self, _: &Self::Ring, _: Token) {}

    fn next_notified(&self) -> Option<Token> {
        None
    }
}

/// Reads the rest. Returns the keys, and what is left of each ring.
fn finish<const W: usize>(merge: &mut Rings<'_, W>, limit: Duration) -> (Vec<u64>, Vec<u64>) {
    let (mut keys, mut left) = (Vec::new(), Vec::new());
    let end = merge.finish(
        limit,
        |_, record| {
            keys.push(record.key);
            ControlFlow::<()>::Continue(())
        },
        |_, _, finished| left.push(finished.unwrap().left),
    );
    assert_eq!(end, Ok(ControlFlow::Continue(())));
    (keys, left)
}

#[test]
fn at_the_end_nothing_is_held() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<8>(&time, 3, 4096, u64::MAX);
    for key in 1..=90 {
        write(&rings[key as usize % 2], key);
    }
    assert_eq!(keys(&mut merge, 1_000).0, []);
    let before = time.now();
    assert_eq!(finish(&mut merge, ms(100)), ((1..=90).collect(), vec![0; 3]));
    assert!(time.now() < before + ms(1), "nothing to wait for");
    assert!(rings.iter().all(|ring| ring.pages().consumer == ring.pages().producer));
    // And it can go on.
    write(&rings[2], 91);
    assert_eq!(keys(&mut merge, u64::MAX).0, [91]);
}

#[test]
fn at_the_end_a_busy_record_is_waited_for_up_to_the_limit() {
    for commits in [true, false] {
        let rings = [SimRing::new(4096).unwrap(), SimRing::new(4096).unwrap()];
        let program = rings[0].producer();
        let time = VirtualTime::new();
        let mut merge = merge_of::<8>(&time, &rings, 50);
        write(&rings[0], 10);
        let mut held = program.reserve(8).unwrap();
        held.copy_from_slice(&20_u64.to_ne_bytes());
        write(&rings[0], 40);
        [30, 50].into_iter().for_each(|key| write(&rings[1], key));
        let commit = ms(if commits { 5 } else { 500 });
        time.at(commit, move |_| held.submit(Flags::ADAPTIVE));
        let (keys, left) = finish(&mut merge, ms(20));
        let all = if commits { vec![10, 20, 30, 40, 50] } else { vec![10, 30, 50] };
        assert_eq!((keys, left), (all, vec![if commits { 0 } else { 32 }, 0]));
        assert!((time.now() < ms(7)) == commits, "{:?}", time.now());
    }
}

/// A program that goes on, a corrupt ring, and a callback that breaks.
#[test]
fn the_last_reading_ends_where_it_must() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<2>(&time, 3, 4096, 50);
    for key in 1..=9 {
        write(&rings[key as usize % 3], key);
    }
    let end = merge.finish(
        ms(1),
        |_, record| {
            if record.key == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
        |_, _, _| panic!("a break reports nothing"),
    );
    assert_eq!(end, Ok(ControlFlow::Break(())));
    corrupt(&rings[1]);
    let (mut read, mut reports) = (Vec::new(), Vec::new());
    let end = merge.finish(
        ms(1),
        |ring, record| {
            read.push(record.key);
            write(&rings[*ring], 100 + record.key);
            ControlFlow::<()>::Continue(())
        },
        |_, number, finished| reports.push((*number, finished)),
    );
    assert_eq!(end, Ok(ControlFlow::Continue(())));
    // What was known of the corrupt ring is delivered.
    assert_eq!(read, [5, 6, 7, 8, 9]);
    assert_eq!(reports.len(), 3);
    let reason = reports[1].1.unwrap_err().reason;
    assert!(matches!(reason, CorruptReason::ProducerOutOfRange { .. }), "{reason:?}");
    for (_, finished) in [reports[0], reports[2]] {
        let finished = finished.unwrap();
        assert!(finished.is_complete() && finished.later > 0, "{finished}");
    }
}
