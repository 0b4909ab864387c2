//! Flushes, deadlines and a close by other threads, while a reader waits.

use std::cell::Cell;
use std::rc::Rc;

use ringbuf_core::{WaitPolicy, Wakeup};
use ringbuf_sim::explore::{Ended, Explore, ExploredRing};

use crate::{SEEDS, full};

/// How often a wait returned `Ready`, `TimedOut` and `Flushed`.
type Ends = Rc<[Cell<u64>; 3]>;

fn count(ends: &Ends, wakeup: Wakeup) {
    let at = match wakeup {
        Wakeup::TimedOut => 1,
        Wakeup::Flushed => 2,
        _ => 0,
    };
    ends[at].set(ends[at].get() + 1);
}

#[test]
fn requests_at_any_time_lose_nothing() {
    for policy in [WaitPolicy::balanced(), WaitPolicy::immediate(), WaitPolicy::low_cost()] {
        let (ends, seen) = (Ends::default(), Ends::default());
        let counts = ends.clone();
        full(Explore::new().seeds(0..SEEDS).requests().run(move |ring| {
            let mut consumer = ring.consumer()?;
            consumer.set_policy(policy.clone());
            loop {
                consumer.drain(|record| ring.received(&record))?;
                count(&counts, consumer.wait(None)?);
            }
        }));
        assert!(ends.iter().all(|end| end.get() > 100), "{ends:?}");
        let counts = seen.clone();
        full(Explore::new().seeds(0..SEEDS).requests().rings(3).run_set(move |rings| {
            let mut set = rings[0].ring_set(WaitPolicy::balanced());
            for ring in rings {
                set.insert(ring.consumer()?, ring.clone())?;
            }
            loop {
                set.drain(|ring, record| ring.received(&record))?;
                count(&counts, set.wait(None)?);
            }
        }));
        assert!(seen.iter().all(|end| end.get() > 100), "{seen:?}");
    }
}

/// Ends at `end`, reads what is left, and returns.
fn until(end: Wakeup) -> impl Fn(&ExploredRing) -> Ended {
    move |ring| {
        let mut consumer = ring.consumer()?;
        while consumer.wait(None)? != end {
            consumer.drain(|record| ring.received(&record))?;
        }
        if end == Wakeup::Closed {
            assert_eq!(consumer.wait(None)?, end, "a close stays");
        }
        consumer.drain(|record| ring.received(&record))?;
        Ok(())
    }
}

#[test]
fn a_reader_that_is_closed_passes_also_with_requests() {
    full(Explore::new().seeds(0..SEEDS).closes().run(until(Wakeup::Closed)));
    full(Explore::new().seeds(0..SEEDS).closes().requests().run(until(Wakeup::Closed)));
    full(Explore::new().seeds(0..SEEDS).stops().requests().run(until(Wakeup::Woken)));
}

#[test]
fn readers_that_mistake_a_request_are_found() {
    let found = |exploration: Explore, end, words: &str| {
        let failure = exploration.find(until(end)).unwrap_err();
        assert!(failure.what.contains(words), "{failure}");
    };
    found(Explore::new().closes(), Wakeup::Woken, "endless loop");
    found(Explore::new().requests(), Wakeup::Flushed, "lost");
    found(Explore::new().requests(), Wakeup::TimedOut, "lost");
}
