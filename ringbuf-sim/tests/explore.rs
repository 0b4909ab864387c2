//! Readers under the public scheduler: right ones pass, and each kind of wrong one is found.

#[path = "explore/caught.rs"]
mod caught;
#[path = "explore/faulty.rs"]
mod faulty;
#[path = "explore/merge.rs"]
mod merge;
#[path = "explore/planted.rs"]
mod planted;
#[path = "explore/requests.rs"]
mod requests;

use std::cell::{Cell, RefCell};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use ringbuf_core::{Armed, Drained, Next, WaitHost, WaitPolicy, Wakeup};
use ringbuf_sim::SimError;
use ringbuf_sim::explore::{Ended, Explore, Explored, ExploredRing, Failure, explore};

/// The seeds for a reader that is right.
const SEEDS: u64 = 150;

/// Something has happened in these runs.
fn full(seen: Explored) {
    eprintln!("{seen}");
    assert!(seen.records > 1000 && seen.sleeps > 100 && seen.refused > 0, "{seen}");
    assert!(seen.deaths > 10 && seen.again > 0, "{seen}");
}

/// Reads with a callback and waits by a policy.
fn waiting(policy: WaitPolicy) -> impl Fn(&ExploredRing) -> Ended {
    move |ring| {
        let mut consumer = ring.consumer()?;
        consumer.set_policy(policy.clone());
        loop {
            consumer.drain(|record| ring.received(&record))?;
            consumer.wait(None)?;
        }
    }
}

/// Reads batches; `arm` decides if it may sleep.
fn batches(may_sleep: impl Fn(Armed) -> bool) -> impl Fn(&ExploredRing) -> Ended {
    move |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            read_batch(&mut consumer, ring)?;
            if may_sleep(consumer.arm()) {
                ring.block(None);
            }
        }
    }
}

fn read_batch(
    consumer: &mut ringbuf_core::Consumer<impl ringbuf_core::Backend>,
    ring: &ExploredRing,
) -> Ended {
    let batch = consumer.batch();
    while let Next::Record(record) = batch.next()? {
        ring.received(&record);
    }
    Ok(())
}

#[test]
fn each_policy_passes() {
    for policy in [WaitPolicy::balanced(), WaitPolicy::immediate(), WaitPolicy::low_cost()] {
        full(explore(0..SEEDS, waiting(policy)));
    }
    let seen = explore(0..SEEDS, waiting(WaitPolicy::low_latency()));
    assert!(seen.records > 1000 && seen.again > 0, "{seen}");
}

#[test]
fn own_loops_that_arm_pass() {
    full(explore(0..SEEDS, batches(|armed| armed == Armed::Sleep)));
    full(explore(0..SEEDS, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            while let Some(record) = consumer.next_record()? {
                ring.received(&record);
            }
            consumer.memory().block(Duration::from_secs(1))?;
        }
    }));
}

#[test]
fn a_reader_that_polls_by_timers_passes() {
    let seen = explore(0..SEEDS, |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| ring.received(&record))?;
            consumer.memory().nap(Duration::from_micros(20))?;
        }
    });
    assert!(seen.records > 1000 && seen.sleeps == 0, "{seen}");
}

#[test]
fn a_reader_that_stops_passes() {
    full(Explore::new().seeds(0..SEEDS).stops().run(|ring| {
        let mut consumer = ring.consumer()?;
        loop {
            let last = consumer.wait(None)? == Wakeup::Woken;
            consumer.drain(|record| ring.received(&record))?;
            if last {
                return Ok(());
            }
        }
    }));
    full(Explore::new().seeds(0..SEEDS).stops().run(|ring| {
        let mut consumer = ring.consumer()?;
        while !ring.is_stopping() {
            // After the limit of a drain, it is not armed.
            while consumer.drain(|record| ring.received(&record))? == Drained::Limit {}
            ring.block(None);
        }
        consumer.drain(|record| ring.received(&record))?;
        Ok(())
    }));
}

#[test]
fn a_set_of_rings_passes() {
    for policy in [WaitPolicy::balanced(), WaitPolicy::immediate()] {
        full(Explore::new().seeds(0..SEEDS).rings(3).run_set(move |rings| {
            let mut set = rings[0].ring_set(policy.clone());
            for ring in rings {
                set.insert(ring.consumer()?, ring.clone())?;
            }
            loop {
                set.drain(|ring, record| ring.received(&record))?;
                set.wait(None)?;
            }
        }));
    }
}

/// Finds a failure of this reader, with these words, and repeats it.
fn found(
    exploration: Explore,
    words: &str,
    reader: impl Fn(&ExploredRing) -> Ended + 'static,
) -> Box<Failure> {
    let reader: Rc<dyn Fn(&ExploredRing) -> Ended> = Rc::new(reader);
    let run = |exploration: &Explore| {
        let reader = reader.clone();
        exploration.find(move |ring| reader(ring))
    };
    let Err(failure) = run(&exploration) else { panic!("not found: {words}") };
    eprintln!("{failure}\n");
    assert!(failure.what.contains(words), "{failure}");
    assert!(failure.smallest.size() <= failure.size, "{failure}");
    let text = failure.to_string();
    assert!(text.contains(&format!(".seeds({0}..={0})", failure.seed)), "{text}");
    let again = run(&exploration.seeds(failure.seed..=failure.seed)).unwrap_err();
    assert_eq!(again.to_string(), text);
    failure
}

#[test]
fn a_reader_that_forgets_to_arm_is_found() {
    let failure = found(Explore::new(), "lost wakeup", |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            read_batch(&mut consumer, ring)?;
            ring.block(None);
        }
    });
    assert!(failure.smallest.size() <= 4, "{failure}");
    assert!(failure.to_string().contains("sleeps until a notification"), "{failure}");
}

#[test]
fn a_set_that_forgets_to_arm_is_found() {
    let failure = Explore::new().rings(2).find_set(|rings| {
        let mut set = rings[0].ring_set(WaitPolicy::balanced());
        for ring in rings {
            set.insert(ring.consumer()?, ring.clone())?;
        }
        loop {
            set.drain(|ring, record| ring.received(&record))?;
            set.host().block(Duration::MAX)?;
        }
    });
    assert!(failure.unwrap_err().what.contains("lost wakeup"));
}

#[test]
fn a_reader_that_loses_records_when_it_dies_is_found() {
    let queues = |ring: &ExploredRing| {
        let mut consumer = ring.consumer()?;
        let queue = RefCell::new(Vec::new());
        loop {
            consumer.drain(|record| queue.borrow_mut().push(record.to_vec()))?;
            // It has given them back, and now handles them.
            queue.take().iter().for_each(|sample| ring.received(sample));
            consumer.wait(None)?;
        }
    };
    let failure = found(Explore::new(), "lost by a death", queues);
    assert_eq!(failure.smallest.deaths, 1, "{failure}");
    // Without deaths this is right.
    Explore::new().seeds(0..SEEDS).deaths(0).run(queues);
}

#[test]
fn it_is_told_how_often_a_reader_says_that_it_received_something() {
    let silent = |ring: &ExploredRing| {
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|_| ())?;
            consumer.wait(None)?;
        }
    };
    let seen = explore(0..20, silent);
    assert!(seen.records > 0 && seen.received == 0, "{seen}");
    assert!(seen.to_string().contains(" 0 said to be received"), "{seen}");
    let seen = explore(0..20, waiting(WaitPolicy::balanced()));
    assert!(seen.received >= seen.records, "{seen}");
}

#[test]
fn settings_that_nothing_can_run_with_are_refused_at_once() {
    for bytes in [0, 8, 24, 1 << 40] {
        let refused = catch_unwind(|| Explore::new().capacity(bytes));
        assert!(refused.is_err(), "{bytes}");
    }
    assert!(catch_unwind(|| Explore::new().seeds(5..5)).is_err());
    assert!(catch_unwind(|| Explore::new().seeds(0..0)).is_err());
    let kept = Explore::new().capacity(32).seeds(0..2);
    assert_eq!(explored(&kept).seeds, 2);
}

fn explored(explore: &Explore) -> Explored {
    explore.run(waiting(WaitPolicy::immediate()))
}

#[test]
fn a_reader_that_fails_is_reported_with_its_seed() {
    let failure = found(Explore::new(), "reader panics: ", |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| assert!(record.len() < 50, "too long for me"))?;
            consumer.wait(None)?;
        }
    });
    for words in ["too long for me", "tests/explore.rs:"] {
        assert!(failure.what.contains(words), "{failure}");
    }
    found(Explore::new(), "the reader failed: it is full", |ring| {
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| ring.received(&record))?;
            consumer.wait(None)?;
            if consumer.lag()? > 100 {
                return Err("it is full".into());
            }
        }
    });
}

#[test]
fn a_reader_that_is_not_deterministic_is_reported() {
    let runs = Rc::new(Cell::new(0_u64));
    let failure = Explore::new().find(move |ring| {
        runs.set(runs.get() + 1);
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| ring.received(&record))?;
            consumer.memory().nap(Duration::from_micros(runs.get()))?;
        }
    });
    let failure = failure.unwrap_err();
    assert!(failure.what.contains("not deterministic"), "{failure}");
}

#[test]
fn a_ring_cannot_be_used_outside_its_run() {
    let kept = Rc::new(RefCell::new(None));
    let keep = kept.clone();
    Explore::new().seeds(0..1).deaths(0).run(move |ring| {
        *keep.borrow_mut() = Some(ring.clone());
        let mut consumer = ring.consumer()?;
        loop {
            consumer.drain(|record| ring.received(&record))?;
            consumer.wait(None)?;
        }
    });
    let ring: ExploredRing = kept.take().unwrap();
    let outside = |used: &dyn Fn()| {
        let panic = catch_unwind(AssertUnwindSafe(used)).unwrap_err();
        let text = panic.downcast_ref::<&str>().unwrap();
        assert!(text.contains("only in the run"), "{text}");
    };
    outside(&|| drop(ring.consumer()));
    outside(&|| ring.received(b""));
}

#[test]
fn there_is_one_consumer() {
    explore(0..5, |ring| {
        let mut consumer = ring.consumer()?;
        assert!(matches!(ring.consumer(), Err(SimError::SecondConsumer)));
        loop {
            consumer.drain(|record| ring.received(&record))?;
            consumer.wait(None)?;
        }
    });
}
