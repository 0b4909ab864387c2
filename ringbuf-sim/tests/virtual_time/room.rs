//! The producer's wait for space.

use std::ops::ControlFlow::{Break, Continue};

use ringbuf_core::{Producer, ReserveError, ReserveWaitError};
use ringbuf_sim::SimUserRing;

use super::*;

const RING: u64 = 4 * KIB;

/// Returns a user ring in virtual time, filled by two records.
macro_rules! full {
    ($ring:ident, $time:ident, $producer:ident) => {
        let $ring = SimUserRing::new(RING).unwrap();
        let $time = VirtualTime::new();
        $time.tick(Duration::ZERO);
        let $producer = $ring.producer_in(&$time).unwrap();
        for _ in 0..2 {
            $producer.reserve(2040).unwrap().submit();
        }
    };
}

/// Drains one record.
fn drain(ring: &SimUserRing, flags: Flags) {
    ring.drain(flags, |_| Break(())).unwrap();
}

#[test]
fn a_drain_ends_the_wait() {
    full!(ring, time, producer);
    time.at(us(1234), |_| drain(&ring, Flags::ADAPTIVE));
    assert_eq!((producer.wait_for_room(8, None), time.now()), (Ok(Wakeup::Ready), us(1234)));
    let (ended, took, rests) = spent(&time, || producer.wait_for_room(2040, None));
    assert_eq!((ended, took, rests.notified), (Ok(Wakeup::Ready), Duration::ZERO, 0));
}

#[test]
fn a_signal_is_reported_and_is_not_space() {
    full!(ring, time, producer);
    for at in [us(3), us(12_345), ms(250)] {
        time.at(at, |time| time.signal());
        let ended = producer.wait_for_room(8, None);
        assert_eq!((ended, time.now()), (Ok(Wakeup::Interrupted), at));
    }
    assert_eq!(ring.notifications(), 0);
}

#[test]
fn timeouts_are_kept() {
    for timeout in [us(0), us(1), us(999), ms(1), us(3500), ms(100), us(250_001)] {
        full!(ring, time, producer);
        time.end(Duration::from_secs(1));
        let (ended, took, rests) = spent(&time, || producer.wait_for_room(8, Some(timeout)));
        assert_eq!(ended, Ok(Wakeup::TimedOut), "{timeout:?}");
        assert!(took >= timeout && took < timeout + ms(1), "{timeout:?}: {took:?}");
        assert_eq!((rests.blocks == 0, rests.naps), (timeout.is_zero(), 0));
        assert!(rests.blocks <= 1 + took.as_millis() as u64 / 100);
        drop(ring);
    }
}

/// Space without a notification is found within 100 ms.
#[test]
fn space_without_notification_is_found() {
    full!(ring, time, producer);
    let longest = Producer::<ringbuf_sim::VirtualUserMemory<'_>>::MAX_SLEEP;
    assert_eq!(longest, ms(100));
    time.at(us(1234), |_| drain(&ring, Flags::NO_WAKEUP));
    assert_eq!((producer.wait_for_room(8, None), time.now()), (Ok(Wakeup::Ready), longest));
}

/// If waiting cannot help, it does not wait, and the reservation returns the
/// reason.
#[test]
fn no_wait_for_a_record_that_never_fits() {
    full!(ring, time, producer);
    let (ended, took, _) = spent(&time, || producer.wait_for_room(u32::MAX, None));
    assert_eq!((ended, took), (Ok(Wakeup::Ready), Duration::ZERO));
    assert!(matches!(producer.reserve(u32::MAX), Err(ReserveError::TooLarge { .. })));
    drop(ring);
}

/// It reserves at the drain that makes enough space. Drains that make too little, and
/// signals, do not end the wait, nor prolong it: one sleep for each of them, at most one
/// for each 100 ms, and no nap or pause.
#[test]
fn a_reservation_waits_through_signals_and_small_drains() {
    let ring = SimUserRing::new(RING).unwrap();
    let time = VirtualTime::new();
    time.tick(Duration::ZERO);
    let producer = ring.producer_in(&time).unwrap();
    for _ in 0..4 {
        producer.reserve(1016).unwrap().submit();
    }
    for number in 0..20 {
        time.at(ms(10 * number + 3), |time| time.signal());
    }
    for at in [ms(50), ms(150), ms(260)] {
        time.at(at, |_| drain(&ring, Flags::ADAPTIVE));
    }
    let (reserved, took, rests) = spent(&time, || producer.reserve_within(3000, Some(ms(1000))));
    assert_eq!((reserved.map(|reserved| reserved.len()), took), (Ok(3000), ms(260)));
    assert_eq!((rests.notified, rests.naps, rests.pauses), (3, 0, 0));
    assert!(rests.blocks <= 20 + 3, "{rests:?}");
}

#[test]
fn a_reservation_keeps_its_deadline() {
    for timeout in [us(0), us(1), us(999), ms(1), us(3500), ms(100), us(250_001)] {
        full!(ring, time, producer);
        time.end(Duration::from_secs(1));
        for number in 0..100 {
            time.at(us(1700 * number), |time| time.signal());
        }
        let (ended, took, rests) = spent(&time, || producer.reserve_within(8, Some(timeout)));
        let Err(ReserveWaitError::TimedOut { footprint: 16, free: 0, .. }) = ended else {
            panic!("{timeout:?}: {ended:?}");
        };
        assert!(took >= timeout && took < timeout + ms(1), "{timeout:?}: {took:?}");
        assert_eq!((rests.blocks == 0, rests.naps), (timeout.is_zero(), 0));
        drop(ring);
    }
}

/// Space without a notification is found within 100 ms; a wake ends the wait, unless
/// there is space; and what never fits is refused at once.
#[test]
fn a_reservation_ends_its_wait_for_one_of_these_reasons() {
    full!(ring, time, producer);
    time.at(us(1234), |_| drain(&ring, Flags::NO_WAKEUP));
    let (reserved, took, _) = spent(&time, || producer.reserve_within(8, None));
    assert_eq!((reserved.map(drop), took), (Ok(()), ms(100)));
    time.at(time.now() + ms(7), |time| time.wake());
    let (ended, took, _) = spent(&time, || producer.reserve_within(4000, None).map(drop));
    assert_eq!((ended, took), (Err(ReserveWaitError::Woken), ms(7)));
    time.wake();
    assert!(producer.reserve_within(8, None).is_ok(), "there is space");
    let woken = producer.reserve_within(4000, None).map(drop);
    assert_eq!(woken, Err(ReserveWaitError::Woken), "the wake is kept");
    let (ended, took, _) = spent(&time, || producer.reserve_within(4089, None).map(drop));
    let Err(ReserveWaitError::Refused(ReserveError::TooLarge { len: 4089, .. })) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(took, Duration::ZERO);
}

/// Drains that free too little, drains of any kind, signals, timeouts: `Ready`
/// always means space, and before it there was none.
#[test]
fn ready_always_means_space() {
    let mut random = Random::new(19);
    let mut ends = [0; 3];
    for _ in 0..300 {
        full!(ring, time, producer);
        let mut at = Duration::ZERO;
        for _ in 0..40 {
            at += us(random.below(20_000));
            let ring = &ring;
            match random.below(4) {
                0 => time.at(at, |time| time.signal()),
                1 => time.at(at, |_| drain(ring, Flags::ADAPTIVE)),
                2 => time.at(at, |_| drain(ring, Flags::NO_WAKEUP)),
                _ => time.at(at, |_| {
                    ring.drain(Flags::FORCE_WAKEUP, |_| Continue(())).unwrap();
                }),
            }
        }
        while time.now() < at {
            let len = random.one_of(&[8, 500, 2040, 4000]);
            let timeout = random.one_of(&[Duration::ZERO, us(500), ms(3), ms(150)]);
            let had_room = producer.has_room(len);
            let (ended, took, _) = spent(&time, || producer.wait_for_room(len, Some(timeout)));
            assert!(took <= timeout + ms(1), "{took:?} of {timeout:?}");
            let ended = ended.unwrap();
            match ended {
                Wakeup::Ready => {
                    assert!(!had_room || took.is_zero());
                    producer.reserve(len).expect("there is room").submit();
                    ends[0] += 1;
                }
                Wakeup::TimedOut => {
                    assert!(took >= timeout && !producer.has_room(len));
                    ends[1] += 1;
                    time.pass(us(100));
                }
                _ => ends[2] += 1,
            }
        }
    }
    assert!(ends.iter().all(|count| *count > 100), "{ends:?}");
}
