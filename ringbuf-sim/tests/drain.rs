//! The simulated `bpf_user_ringbuf_drain`, and core's producer against it.

mod user_facts;
mod watchdog;

use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use ringbuf_core::{Position, Producer, ReserveError, Wakeup, Width};
use ringbuf_sim::{DrainError, Flags, SimError, SimUserMemory, SimUserRing};
use user_facts::UserRing;
use watchdog::watchdog;

const PAGE: u64 = 4096;
/// Unoptimised code handles fewer.
const SAMPLES: u64 = if cfg!(debug_assertions) { 20_000 } else { 200_000 };

struct Simulated {
    ring: SimUserRing,
    memory: SimUserMemory,
    notified: u64,
}

impl UserRing for Simulated {
    type Memory = SimUserMemory;

    fn fresh(bytes: u64) -> Self {
        let ring = SimUserRing::new(bytes).unwrap();
        let memory = ring.producer_memory().unwrap();
        Self { ring, memory, notified: 0 }
    }

    fn memory(&self) -> &SimUserMemory {
        &self.memory
    }

    fn drain(&mut self, flags: u64, stop_at: u64) -> (i64, u64) {
        let mut calls = 0;
        let result = self.ring.drain(Flags(flags), |_| {
            calls += 1;
            if calls == stop_at { Break(()) } else { Continue(()) }
        });
        (result.map_or_else(DrainError::errno, |count| count as i64), calls)
    }

    fn woken(&mut self) -> bool {
        let before = std::mem::replace(&mut self.notified, self.ring.notifications());
        self.notified != before
    }

    fn is_writable(&self) -> bool {
        self.ring.is_writable()
    }
}

#[test]
fn the_measured_facts_hold() {
    user_facts::hold::<Simulated>();
}

/// Facts user.nested_drain and user.after_nested.
#[test]
fn a_drain_inside_a_drain_is_refused() {
    let (ring, producer) = fresh(PAGE);
    send(&producer, b"outer");
    let mut inner = None;
    let outer = ring.drain(Flags::ADAPTIVE, |_| {
        inner = Some(ring.drain(Flags::ADAPTIVE, |_| panic!("a nested drain sees no sample")));
        Continue(())
    });
    assert_eq!((outer, inner), (Ok(1), Some(Err(DrainError::Busy))));
    assert_eq!(DrainError::Busy.errno(), -16);
    assert_eq!(ring.notifications(), 1);
    // Unknown flags are refused before the busy flag is tried.
    let mut inner = None;
    send(&producer, b"outer");
    ring.drain(Flags::NO_WAKEUP, |_| {
        inner = Some(ring.drain(Flags(4), |_| Continue(())));
        Continue(())
    })
    .unwrap();
    assert_eq!(inner, Some(Err(DrainError::UnknownFlags)));
    send(&producer, b"after");
    assert_eq!(lens(&ring), [5]);
}

#[test]
fn two_threads_do_not_drain_at_once() {
    let (ring, producer) = fresh(PAGE);
    send(&producer, b"one");
    ring.drain(Flags::ADAPTIVE, |_| {
        let other = ring.clone();
        let result = thread::spawn(move || other.drain(Flags::ADAPTIVE, |_| Continue(())));
        assert_eq!(result.join().unwrap(), Err(DrainError::Busy));
        Continue(())
    })
    .unwrap();
}

#[test]
fn a_sample_is_released_only_after_its_callback() {
    let (ring, producer) = fresh(PAGE);
    for text in [b"first", b"other"] {
        send(&producer, text);
    }
    let mut lags = Vec::new();
    let result = ring.drain(Flags::ADAPTIVE, |_| {
        lags.push((producer.lag(), ring.notifications()));
        Continue(())
    });
    assert_eq!((result, lags), (Ok(2), vec![(32, 0), (16, 0)]));
    assert_eq!((producer.lag(), ring.notifications()), (0, 1));
}

/// The kernel has no such case, because callbacks do not panic there. Nothing is lost.
#[test]
fn a_callback_that_panics_consumes_nothing() {
    let (ring, producer) = fresh(PAGE);
    send(&producer, b"hello");
    let panic = || ring.drain(Flags::ADAPTIVE, |_| panic!("on purpose"));
    assert!(catch_unwind(AssertUnwindSafe(panic)).is_err());
    assert_eq!((producer.lag(), lens(&ring)), (16, vec![5]));
}

/// The oldest open reservation blocks committed records behind it.
#[test]
fn reservations_are_committed_in_any_order() {
    let (ring, producer) = fresh(PAGE);
    let [first, second, third] = [1, 2, 3].map(|len| producer.reserve(len).unwrap());
    third.submit();
    assert_eq!(lens(&ring), []);
    first.submit();
    assert_eq!(lens(&ring), [1]);
    second.discard();
    assert_eq!(lens(&ring), [3]);
    assert_eq!(producer.lag(), 0);
}

#[test]
fn a_ring_has_one_producer_that_can_be_replaced() {
    let (ring, producer) = fresh(PAGE);
    let error = ring.producer().unwrap_err();
    assert!(matches!(error, SimError::SecondProducer), "{error:?}");
    assert!(error.to_string().contains("drop that one, or share it"), "{error}");
    send(&producer, b"from the first");
    drop(producer);
    let producer = ring.clone().producer().unwrap();
    assert_eq!(producer.position().get(), 24);
    send(&producer, b"from the second");
    assert_eq!(lens(&ring), [14, 15]);
}

/// Mapped as the kernel maps it for a producer: a wrong store to the consumer page faults.
#[test]
fn the_producer_may_not_write_the_consumer_page() {
    let (_ring, producer) = fresh(PAGE);
    let data = producer.reserve(8).unwrap().as_ptr().addr() - 8;
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let rights = |address: usize| {
        let found = maps.lines().find(|line| {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let [from, to] = [from, to].map(|end| usize::from_str_radix(end, 16).unwrap());
            (from..to).contains(&address)
        });
        found.and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned()
    };
    let page = PAGE as usize;
    let places = [data - 2 * page, data - page, data, data + page];
    assert_eq!(places.map(rights), ["r--s", "rw-s", "rw-s", "rw-s"]);
}

/// The peek compares 64 bits; everything else compares modulo the width. After the producer
/// position has wrapped, the peek finds nothing. On a 32-bit kernel this takes 4 GiB; with
/// 64 bits it never happens in practice.
#[test]
fn a_drain_stops_permanently_when_positions_wrap() {
    for (width, top) in [(Width::Bits32, 1 << 32), (Width::Bits64, 0_u64)] {
        let ring = SimUserRing::started_at(PAGE, width, top.wrapping_sub(32)).unwrap();
        let producer = ring.producer().unwrap();
        send(&producer, b"before");
        assert_eq!(lens(&ring), [6]);
        send(&producer, b"to wrap");
        assert_eq!((producer.position().get(), lens(&ring)), (0, vec![]));
        send(&producer, b"behind");
        assert_eq!((lens(&ring), producer.lag()), (vec![], 32));
        assert_eq!(ring.consumer_pos(), Position::new(top.wrapping_sub(16), width));
    }
}

#[test]
fn a_drain_ends_a_wait_for_space() {
    let _hangs = watchdog("drain::a_drain_ends_a_wait");
    let (ring, producer) = fresh(PAGE);
    let short = Duration::from_millis(20);
    assert_eq!(producer.wait_for_room(4088, Some(short)).unwrap(), Wakeup::Ready);
    for _ in 0..2 {
        producer.reserve(2040).unwrap().submit();
    }
    assert!(!ring.is_writable());
    assert_eq!(producer.wait_for_room(0, Some(short)).unwrap(), Wakeup::TimedOut);
    // It never fits, so there is nothing to wait for.
    assert_eq!(producer.wait_for_room(u32::MAX, Some(short)).unwrap(), Wakeup::Ready);
    // The look after the timeout finds space that was drained without a notification.
    ring.drain(Flags::NO_WAKEUP, |_| Break(())).unwrap();
    assert_eq!(ring.notifications(), 0);
    assert_eq!(producer.wait_for_room(2040, Some(short)).unwrap(), Wakeup::Ready);
    let drainer = ring.clone();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(5));
        drainer.drain(Flags::ADAPTIVE, |_| Continue(()))
    });
    assert_eq!(producer.wait_for_room(4088, None).unwrap(), Wakeup::Ready);
    assert_eq!((thread.join().unwrap(), ring.notifications()), (Ok(1), 1));
    assert!(ring.as_fd().try_clone_to_owned().is_ok());
}

/// One thread produces, another drains, in any order.
#[test]
fn every_sample_arrives_once_in_order_unharmed() {
    let _hangs = watchdog("drain::every_sample");
    let (ring, producer) = fresh(PAGE);
    let drainer = ring.clone();
    let thread = thread::spawn(move || {
        let mut expected = (0..SAMPLES).filter(|number| !plan(*number).1).peekable();
        while expected.peek().is_some() {
            let stop = expected.peek().is_some_and(|number| number % 5 == 0);
            drainer
                .drain(Flags::ADAPTIVE, |sample| {
                    let number = expected.next().expect("a sample too many");
                    assert!(sample.iter().copied().eq(bytes(number)), "sample {number}");
                    if stop { Break(()) } else { Continue(()) }
                })
                .unwrap();
            thread::yield_now();
        }
    });
    let mut number = 0;
    while number < SAMPLES {
        let group = 1 + number % 3;
        let mut open = Vec::new();
        for number in number..SAMPLES.min(number + group) {
            let mut reservation = match producer.reserve(plan(number).0) {
                Ok(reservation) => reservation,
                Err(ReserveError::Full { .. }) => break,
                Err(error) => panic!("{error}"),
            };
            reservation.iter_mut().zip(bytes(number)).for_each(|(to, from)| *to = from);
            open.push((number, reservation));
        }
        number += open.len() as u64;
        if open.is_empty() {
            assert_eq!(producer.wait_for_room(plan(number).0, None).unwrap(), Wakeup::Ready);
        }
        // The last reservation is committed first.
        for (number, reservation) in open.into_iter().rev() {
            if plan(number).1 { reservation.discard() } else { reservation.submit() }
        }
    }
    thread.join().unwrap();
    while ring.drain(Flags::ADAPTIVE, |_| panic!("a sample too many")).unwrap() > 0 {}
    assert_eq!(producer.lag(), 0);
}

/// Returns the length of a sample, and whether it is discarded.
fn plan(number: u64) -> (u32, bool) {
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let len = if hash >> 60 == 0 { hash >> 32 & 1023 } else { hash >> 32 & 63 };
    (len as u32, hash >> 20 & 15 == 0)
}

fn bytes(number: u64) -> impl Iterator<Item = u8> {
    (0..plan(number).0).map(move |index| (number ^ (u64::from(index) * 167)) as u8)
}

fn fresh(bytes: u64) -> (SimUserRing, Producer<SimUserMemory>) {
    let ring = SimUserRing::new(bytes).unwrap();
    let producer = ring.producer().unwrap();
    (ring, producer)
}

fn send(producer: &Producer<SimUserMemory>, bytes: &[u8]) {
    let mut reservation = producer.reserve(bytes.len() as u32).unwrap();
    reservation.copy_from_slice(bytes);
    reservation.submit();
}

/// Drains everything and returns the length of each sample.
fn lens(ring: &SimUserRing) -> Vec<usize> {
    let mut lens = Vec::new();
    let count = ring.drain(Flags::ADAPTIVE, |sample| {
        lens.push(sample.len());
        Continue(())
    });
    assert_eq!(count, Ok(lens.len() as u64));
    lens
}
