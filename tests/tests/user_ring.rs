//! The user ring on the live kernel: our producer, and a BPF program that drains. A tenth of
//! RINGBUF_RECORDS, if it is set, says how many samples (100,000 without it).

#[path = "../../ringbuf-sim/tests/user_facts/mod.rs"]
mod user_facts;

use std::time::Duration;
use std::{env, thread};

use libbpf_rs::MapCore;
use ringbuf_kernel::{Producer, Reservation, ReserveError, UserMapping, UserRingBuf, Wakeup};
use ringbuf_tests::{
    Drained, NO_WAKEUP, Sleeps, UserDrain, live_since, page_size, poll_now, skip, watchdog,
};
use user_facts::UserRing;

const PAGE: u32 = 4096;
const WRITABLE: u32 = 0x104;

struct Live {
    drain: UserDrain,
    mapping: UserMapping,
}

impl UserRing for Live {
    type Memory = UserMapping;

    fn fresh(bytes: u64) -> Self {
        let drain = load(bytes as u32);
        let mapping = UserMapping::new(drain.map()).expect("mapping");
        Self { drain, mapping }
    }

    fn memory(&self) -> &UserMapping {
        &self.mapping
    }

    fn drain(&mut self, flags: u64, stop_at: u64) -> (i64, u64) {
        let drained = self.drain.run(flags, stop_at as u32, false);
        (drained.ret, drained.calls)
    }

    fn woken(&mut self) -> bool {
        self.drain.woken().expect("epoll_wait")
    }

    fn is_writable(&self) -> bool {
        match poll_now(self.drain.map()).expect("poll") {
            WRITABLE => true,
            0 => false,
            other => panic!("poll says {other:#x}"),
        }
    }
}

#[test]
fn the_measured_facts_hold() {
    if may_run("user_ring::the_measured_facts_hold") {
        user_facts::hold::<Live>();
    }
}

/// Facts user.empty_poll, user.nested_drain and user.after_nested.
#[test]
fn a_drain_inside_a_drain_is_refused() {
    if !may_run("user_ring::a_drain_inside_a_drain") {
        return;
    }
    let (mut drain, ring) = fresh(PAGE);
    let empty = [drain.woken(), drain.woken()].map(|woken| woken.expect("epoll_wait"));
    assert_eq!(empty, [true, false], "user.empty_poll: et, again");
    send(&ring, b"outer");
    let nested = Drained { ret: 1, calls: 1, nested: (-16, 0) };
    assert_eq!(drain.run(0, 0, true), nested, "user.nested_drain");
    send(&ring, b"after");
    let after = Drained { ret: 1, calls: 1, nested: (0, 0) };
    assert_eq!(drain.run(0, 0, false), after, "user.after_nested");
    assert_eq!(drain.samples(), [b"after"]);
}

#[test]
fn a_busy_head_blocks_what_is_behind_until_it_is_committed() {
    if !may_run("user_ring::a_busy_head") {
        return;
    }
    let (mut drain, ring) = fresh(PAGE);
    let mut open = |text: &'static [u8]| filled(&ring, text);
    let [first, second, third, fourth] = [&b"1"[..], b"second", b"3", b""].map(&mut open);
    third.submit();
    second.discard();
    assert_eq!((drain.run(0, 0, false).ret, ring.lag()), (0, 16 + 16 + 16 + 8));
    first.submit();
    assert_eq!((drain.run(0, 0, false).ret, drain.samples()), (2, vec![b"1".into(), b"3".into()]));
    assert_eq!((drain.run(0, 0, false).ret, ring.lag()), (0, 8));
    fourth.submit();
    assert_eq!((drain.run(0, 0, false).ret, drain.samples()), (1, vec![vec![]]));
    assert_eq!(ring.lag(), 0);
    // A producer that goes away discards; the next one goes on behind.
    drop(filled(&ring, b"never"));
    drop(ring);
    let ring = UserRingBuf::open(drain.map()).expect("open again");
    send(&ring, b"after");
    assert_eq!((drain.run(0, 0, false).ret, drain.samples()), (1, vec![b"after".into()]));
}

#[test]
fn the_limits_of_the_kernel_hold_before_anything_is_written() {
    if !may_run("user_ring::the_limits") {
        return;
    }
    for (size, max) in
        [(PAGE, PAGE - 8), (65536, 65528), (1 << 24, (1 << 24) - 8), (1 << 25, 0xff_ffff)]
    {
        let (mut drain, ring) = fresh(size);
        assert_eq!(ring.max_sample(), max);
        for len in [max + 1, 1 << 25, u32::MAX] {
            let error = ring.reserve(len).map(drop).expect_err("too large");
            let ReserveError::TooLarge { len: asked, max: most, .. } = error else {
                panic!("{error}")
            };
            assert_eq!((asked, most), (len, max));
        }
        assert_eq!((ring.position().get(), drain.run(0, 0, false).ret), (0, 0), "nothing written");
        for round in 1..=3 {
            ring.reserve(max).expect("the largest").submit();
            let refused = ring.reserve(max).map(drop);
            assert!(matches!(refused, Err(ReserveError::Full { .. })), "{refused:?}");
            assert_eq!((drain.run(0, 0, false).ret, drain.sizes()), (1, vec![max]), "{round}");
        }
        assert_eq!((ring.lag(), ring.capacity().bytes()), (0, size.into()));
    }
}

/// Groups of reservations, committed last one first, every so often discarded.
#[test]
fn every_sample_arrives_once_in_order_unharmed() {
    if !may_run("user_ring::every_sample") {
        return;
    }
    let samples = samples();
    for size in [PAGE, 65536] {
        let (mut drain, ring) = fresh(size);
        let mut expected = (0..samples).filter(|number| !plan(*number).1);
        let (mut number, mut drains) = (0, 0);
        while number < samples {
            number += produce(&ring, number, (1 + number % 5).min(samples - number));
            // Mostly when the ring is full, sometimes before.
            if !ring.producer().has_room(plan(number).0) || number % 41 == 0 {
                check(&mut drain, 0, &mut expected);
                drains += 1;
            }
        }
        check(&mut drain, 0, &mut expected);
        assert_eq!((expected.next(), ring.lag()), (None, 0));
        println!("{samples} samples through {size} bytes in {drains} drains");
    }
}

/// The same, with the drains at any time, and a producer that waits for space.
#[test]
fn drains_run_beside_the_producer() {
    if !may_run("user_ring::drains_run_beside") {
        return;
    }
    let _hangs = watchdog("user_ring::drains_run_beside");
    let samples = samples();
    for size in [PAGE, 65536] {
        let (mut drain, ring) = fresh(size);
        let producer = thread::spawn(move || {
            let (mut number, mut waits) = (0, 0);
            while number < samples {
                match produce(&ring, number, (1 + number % 3).min(samples - number)) {
                    0 => {
                        waits += 1;
                        let room = ring.wait_for_room(plan(number).0, None);
                        assert_eq!(room.expect("wait"), Wakeup::Ready);
                    }
                    more => number += more,
                }
            }
            waits
        });
        let mut expected = (0..samples).filter(|number| !plan(*number).1);
        // As many as are surely kept: the ring may be filled again while it is drained.
        let stop_at = 65536 / 2048 - 1;
        loop {
            let finished = producer.is_finished();
            if check(&mut drain, stop_at, &mut expected) == 0 && finished {
                break;
            }
        }
        assert_eq!(expected.next(), None);
        println!("{} waits for space in {size} bytes", producer.join().expect("the producer"));
    }
}

#[test]
fn a_wait_for_space_is_ended_by_the_drain_that_makes_it() {
    if !may_run("user_ring::a_wait_for_space") {
        return;
    }
    let _hangs = watchdog("user_ring::a_wait_for_space");
    let (mut drain, mut ring) = fresh(PAGE);
    let short = Some(Duration::from_millis(10));
    let wait = |len, limit| ring.wait_for_room(len, limit).expect("wait");
    assert_eq!(wait(PAGE - 8, short), Wakeup::Ready);
    for _ in 0..2 {
        ring.reserve(2040).expect("room").submit();
    }
    assert_eq!(poll_now(&ring).expect("poll"), 0, "full to the last byte");
    assert_eq!([wait(0, short), wait(PAGE - 8, short)], [Wakeup::TimedOut; 2]);
    // It will never fit, so there is nothing to wait for.
    assert_eq!(wait(PAGE, None), Wakeup::Ready);
    assert_eq!(drain.run(0, 1, false).ret, 1);
    assert_eq!(poll_now(&ring).expect("poll"), WRITABLE);
    assert_eq!([wait(2040, None), wait(PAGE - 8, short)], [Wakeup::Ready, Wakeup::TimedOut]);
    assert_eq!(drain.run(0, 0, false).ret, 1);

    // Space that is drained in silence is found by the look at the bound.
    ring.reserve(PAGE - 8).expect("empty").submit();
    let waiter = &mut ring;
    wait_while_drained(&mut drain, NO_WAKEUP, move || {
        assert_eq!(waiter.wait_for_room(PAGE - 8, None).expect("wait"), Wakeup::Ready);
    });
    // Without that bound it is the notification that wakes.
    drop(ring);
    let memory = Sleeps::until_notified(UserMapping::new(drain.map()).expect("mapping"));
    // SAFETY: P1: the only producer of a ring that this test has loaded.
    let mut producer = unsafe { Producer::new(memory) }.expect("a sound ring");
    for _ in 0..20 {
        producer.reserve(PAGE - 8).expect("empty").submit();
        let waiter = &mut producer;
        wait_while_drained(&mut drain, 0, move || {
            assert_eq!(waiter.wait_for_room(PAGE - 8, None).expect("wait"), Wakeup::Ready);
        });
    }
}

/// Waits in a full ring until it is empty; another thread drains it meanwhile.
fn wait_while_drained(drain: &mut UserDrain, flags: u64, wait: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope.spawn(wait);
        thread::sleep(Duration::from_millis(2));
        assert_eq!(drain.run(flags, 0, false).ret, 1);
    });
}

/// Drains once, up to sample `stop_at` if that is not 0, and compares what arrived with what was to
/// come. Returns how many arrived.
fn check(drain: &mut UserDrain, stop_at: u32, expected: &mut impl Iterator<Item = u64>) -> usize {
    let drained = drain.run(0, stop_at, false);
    let samples = drain.samples();
    assert_eq!((drained.ret, drained.calls), (samples.len() as i64, samples.len() as u64));
    for sample in &samples {
        let number = expected.next().expect("a sample too many");
        assert!(sample.iter().copied().eq(bytes(number)), "sample {number}: {sample:02x?}");
    }
    samples.len()
}

/// Reserves up to `count` samples from `first` on, as many as fit, and commits the last one first.
/// Returns how many.
fn produce(ring: &UserRingBuf, first: u64, count: u64) -> u64 {
    let mut open: Vec<(u64, Reservation<'_, UserMapping>)> = Vec::new();
    for number in first..first + count {
        match ring.reserve(plan(number).0) {
            Ok(mut reservation) => {
                reservation.iter_mut().zip(bytes(number)).for_each(|(to, from)| *to = from);
                open.push((number, reservation));
            }
            Err(ReserveError::Full { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    let reserved = open.len() as u64;
    for (number, reservation) in open.into_iter().rev() {
        if plan(number).1 { reservation.discard() } else { reservation.submit() }
    }
    reserved
}

fn samples() -> u64 {
    env::var("RINGBUF_RECORDS").map_or(100_000, |n| n.parse::<u64>().expect("a number") / 10)
}

/// Length of a sample, and whether it is discarded.
fn plan(number: u64) -> (u32, bool) {
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let len = if hash >> 60 == 0 { (hash >> 32) & 2047 } else { (hash >> 32) & 63 };
    (len as u32, (hash >> 20) & 15 == 0)
}

fn bytes(number: u64) -> impl Iterator<Item = u8> {
    (0..plan(number).0).map(move |index| (number ^ (u64::from(index) * 167)) as u8)
}

fn filled<'r>(ring: &'r UserRingBuf, text: &[u8]) -> Reservation<'r, UserMapping> {
    let mut reservation = ring.reserve(text.len() as u32).expect("room");
    reservation.copy_from_slice(text);
    reservation
}

fn send(ring: &UserRingBuf, text: &[u8]) {
    filled(ring, text).submit();
}

fn fresh(size: u32) -> (UserDrain, UserRingBuf) {
    let drain = load(size);
    let ring = UserRingBuf::open(drain.map()).expect("open");
    assert_eq!((ring.name(), ring.id()), ("user_ring", drain.map().info().expect("info").info.id));
    (drain, ring)
}

fn load(size: u32) -> UserDrain {
    UserDrain::load(size).expect("load of user_drain.bpf.c")
}

fn may_run(test: &str) -> bool {
    if !live_since(test, (6, 1)) {
        return false;
    }
    if page_size() != PAGE as usize {
        skip(test, "written for pages of 4 KiB");
        return false;
    }
    true
}
