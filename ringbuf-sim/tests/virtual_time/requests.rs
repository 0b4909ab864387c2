//! A deadline that moves, a flush and a close, for each policy and each kind of rest.

use super::ends::make_dense;
use super::*;

#[test]
fn a_deadline_ends_every_rest_and_may_be_moved_meanwhile() {
    for (name, policy) in presets() {
        for dense in [false, true] {
            ring!(_ring, program, time, consumer, 64 * KIB);
            consumer.set_policy(policy.clone().max_sleep(ms(500)));
            if dense {
                make_dense(&time, &program, &mut consumer);
            }
            let start = time.now();
            // Later, then earlier, then into the past.
            for (at, deadline) in [(0, 20_000), (5_000, 60_000), (30_000, 50_000), (40_000, 1)] {
                time.at(start + us(at), move |time| time.set_deadline(start + us(deadline)));
            }
            let ends = consumer.wait(None);
            let late = time.now() - (start + us(40_000));
            assert_eq!(ends, Ok(Wakeup::TimedOut), "{name}");
            assert!(late <= ms(1), "{name}: {late:?} after the deadline has moved to the past");
            // It holds until it is moved, and records that are there are found.
            let before = time.now();
            assert_eq!(consumer.wait(None), Ok(Wakeup::TimedOut), "{name}");
            program.output(&[0; 8], Flags::NO_WAKEUP).unwrap();
            assert_eq!(consumer.wait(None), Ok(Wakeup::Ready), "{name}");
            assert!(time.now() - before < ms(1), "{name}: it slept");
            read(&mut consumer, &time);
            time.set_deadline(Duration::MAX);
            assert_eq!(consumer.wait(Some(ms(3))), Ok(Wakeup::TimedOut), "{name}");
            assert!(time.now() - before >= ms(3), "{name}: the deadline is gone");
        }
    }
}

#[test]
fn the_earlier_of_timeout_and_deadline_counts() {
    ring!(_ring, _program, time, consumer, 64 * KIB);
    time.tick(Duration::ZERO);
    time.set_deadline(ms(10));
    assert_eq!(consumer.wait(Some(ms(4))), Ok(Wakeup::TimedOut));
    assert_eq!(time.now(), ms(4));
    assert_eq!(consumer.wait(Some(ms(100))), Ok(Wakeup::TimedOut));
    assert_eq!(time.now(), ms(10));
}

/// All that was committed before the flush comes before it, silent records and those
/// behind discarded ones, too; what comes later does not delay it.
#[test]
fn a_flush_is_reported_after_all_that_was_there() {
    for (name, policy) in presets() {
        ring!(_ring, program, time, consumer, 64 * KIB);
        consumer.set_policy(policy);
        let flush = us(1_500);
        time.at(flush, |time| {
            (0..3).for_each(|_| program.output(&[0; 8], Flags::NO_WAKEUP).unwrap());
            program.reserve(8).unwrap().discard(Flags::NO_WAKEUP);
            (0..3).for_each(|_| program.output(&[0; 8], Flags::NO_WAKEUP).unwrap());
            time.flush();
        });
        let mut delivered = 0;
        loop {
            match consumer.wait(None).unwrap() {
                Wakeup::Ready => {}
                Wakeup::Flushed => break,
                other => panic!("{name}: {other:?}"),
            }
            assert!(time.now() < flush + ms(1), "{name}: the flush ends the sleep");
            // Two of them, and a new one comes: the reader never catches up.
            let batch = consumer.batch().max_records(2);
            while let Ok(ringbuf_core::Next::Record(_)) = batch.next() {
                delivered += 1;
            }
            drop(batch);
            program.output(&[0; 8], Flags::NO_WAKEUP).unwrap();
        }
        // The wait that takes the flush may be the next one, which finds two more.
        assert!((6..=8).contains(&delivered), "{name}: {delivered}");
        assert_eq!(consumer.wait(None), Ok(Wakeup::Ready), "{name}: the later ones are left");
    }
}

#[test]
fn a_flush_of_an_empty_ring_or_before_a_busy_head_is_reported_at_once() {
    for (name, policy) in presets() {
        ring!(_ring, program, time, consumer, 64 * KIB);
        consumer.set_policy(policy);
        time.flush();
        assert_eq!(consumer.wait(None), Ok(Wakeup::Flushed), "{name}");
        let busy = program.reserve(8).unwrap();
        program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
        time.flush();
        time.flush();
        assert_eq!(consumer.wait(None), Ok(Wakeup::Flushed), "{name}");
        assert_eq!(consumer.wait(Some(ms(2))), Ok(Wakeup::TimedOut), "{name}: once");
        busy.submit(Flags::ADAPTIVE);
    }
}

/// A wake and a flush are both reported, each once, in any order.
#[test]
fn no_request_hides_another() {
    for flush_first in [false, true] {
        ring!(_ring, program, time, consumer, 64 * KIB);
        program.output(&[0; 8], Flags::NO_WAKEUP).unwrap();
        let (one, two) = if flush_first {
            (VirtualTime::flush as fn(&_), VirtualTime::wake as fn(&_))
        } else {
            (VirtualTime::wake as fn(&_), VirtualTime::flush as fn(&_))
        };
        one(&time);
        two(&time);
        time.set_deadline(time.now() + ms(50));
        assert_eq!(consumer.wait(None), Ok(Wakeup::Woken));
        assert_eq!(consumer.wait(None), Ok(Wakeup::Ready));
        read(&mut consumer, &time);
        assert_eq!(consumer.wait(None), Ok(Wakeup::Flushed));
        assert_eq!(consumer.wait(None), Ok(Wakeup::TimedOut));
    }
}

#[test]
fn a_close_ends_all_waits_and_reading_goes_on() {
    for (name, policy) in presets() {
        for dense in [false, true] {
            ring!(_ring, program, time, consumer, 64 * KIB);
            consumer.set_policy(policy.clone().max_sleep(ms(500)));
            if dense {
                make_dense(&time, &program, &mut consumer);
            }
            let at = time.now() + us(40);
            time.at(at, |time| time.close());
            assert_eq!(consumer.wait(None), Ok(Wakeup::Closed), "{name}");
            assert!(time.now() - at <= us(100), "{name}: {:?} late", time.now() - at);
            program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
            for _ in 0..2 {
                assert_eq!(consumer.wait(None), Ok(Wakeup::Closed), "{name}");
            }
            assert_eq!(read(&mut consumer, &time).len(), 1, "{name}");
        }
    }
}
