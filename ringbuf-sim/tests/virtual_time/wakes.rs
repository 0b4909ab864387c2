//! A waker ends a spin, a nap, a block, and a wait for room; none is missed.

use ringbuf_sim::SimUserRing;

use super::*;
use crate::ends::make_dense;

#[test]
fn a_wake_ends_a_block_at_once() {
    for (name, policy) in presets() {
        ring!(_ring, program, time, consumer, 64 * KIB);
        time.tick(Duration::ZERO);
        consumer.set_policy(policy.spin_for(Duration::ZERO));
        for at in [12_345, 45_678] {
            time.at(us(at), |time| time.wake());
        }
        write_at(&time, us(50_000), &program, 64, Flags::ADAPTIVE);
        let ends = [(); 3].map(|()| (consumer.wait(None).unwrap(), time.now()));
        let [first, second] = [12_345, 45_678].map(|at| (Wakeup::Woken, us(at)));
        assert_eq!(ends, [first, second, (Wakeup::Ready, us(50_000))], "{name}");
    }
}

#[test]
fn a_wake_ends_a_nap_at_once() {
    for policy in [WaitPolicy::balanced(), WaitPolicy::low_cost()] {
        ring!(_ring, program, time, consumer, 64 * KIB);
        time.tick(Duration::ZERO);
        consumer.set_policy(policy);
        make_dense(&time, &program, &mut consumer);
        let at = time.now() + us(3);
        time.at(at, |time| time.wake());
        let (ended, _, rests) = spent(&time, || consumer.wait(None).unwrap());
        assert_eq!((ended, time.now(), rests.naps), (Wakeup::Woken, at, 1));
    }
}

#[test]
fn a_wake_ends_a_spin_within_a_few_looks() {
    ring!(_ring, program, time, consumer, 64 * KIB);
    consumer.set_policy(WaitPolicy::low_latency().spin_for(Duration::MAX));
    write_at(&time, us(1), &program, 64, Flags::ADAPTIVE);
    assert_eq!(consumer.wait(None), Ok(Wakeup::Ready));
    consumer.drain(|_| ()).unwrap();
    let at = time.now() + us(500);
    time.at(at, |time| time.wake());
    assert_eq!(consumer.wait(None), Ok(Wakeup::Woken));
    assert!(time.now() - at <= us(4), "{:?} after the wake", time.now() - at);
}

/// Before the wait, while records are there, and more than once: it is reported once, and
/// before anything else, so that a reader that always finds records stops, too.
#[test]
fn a_wake_stays_until_a_wait_reports_it() {
    ring!(_ring, program, time, consumer, 64 * KIB);
    time.wake();
    time.wake();
    program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    consumer.drain(|_| ()).unwrap();
    program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::Woken));
    assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::Ready));
    consumer.drain(|_| ()).unwrap();
    assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
    // A record that comes with the wake is ready first, and the wake is next.
    consumer.set_policy(WaitPolicy::immediate());
    let at = time.now() + us(100);
    write_at(&time, at, &program, 64, Flags::ADAPTIVE);
    time.at(at, |time| time.wake());
    assert_eq!(consumer.wait(None), Ok(Wakeup::Ready));
    consumer.drain(|_| ()).unwrap();
    assert_eq!(consumer.wait(None), Ok(Wakeup::Woken));
}

#[test]
fn a_wake_ends_a_wait_for_room() {
    let (ring, time) = (SimUserRing::new(4096).unwrap(), VirtualTime::new());
    let producer = ring.producer_in(&time).unwrap();
    producer.reserve(4080).unwrap().submit();
    time.at(us(777), |time| time.wake());
    assert_eq!(producer.wait_for_room(100, None), Ok(Wakeup::Woken));
    assert_eq!(producer.wait_for_room(100, Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
}
