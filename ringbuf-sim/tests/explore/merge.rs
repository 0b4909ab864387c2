//! Readers that merge their rings: in the wait of the merge, and in loops of their own.

use ringbuf_core::{MergeArmed, Record};
use ringbuf_sim::explore::{ExploredMemory, ExploredMerge};

use super::*;

const LATENESS: Duration = Duration::from_micros(200);

/// A record each 40 us, by its stamp. Its producer and number make it unique.
fn sample(producer: usize, number: u64) -> Vec<u8> {
    [40_000 * number, producer as u64, number].iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn stamp(record: &Record<'_, ExploredMemory>) -> Option<u64> {
    record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

type Merged = ExploredMerge<ExploredRing, fn(&Record<'_, ExploredMemory>) -> Option<u64>, 1>;

fn merge_of(rings: &[ExploredRing]) -> Result<Merged, SimError> {
    let key = stamp as fn(&Record<'_, ExploredMemory>) -> Option<u64>;
    let mut merge = rings[0].merge(WaitPolicy::balanced(), LATENESS, key);
    for ring in rings {
        let Ok(_) = merge.insert(ring.consumer()?, ring.clone()) else { panic!("there is room") };
    }
    Ok(merge)
}

/// Delivers a round, and checks its order.
fn round(merge: &mut Merged, newest: &mut u64) -> Ended {
    let now = u64::try_from(merge.set().host().now().as_nanos())?;
    merge.drain(now, |ring, record| {
        ring.received(&record);
        assert_eq!(record.late, record.key < *newest, "{} after {newest}", record.key);
        *newest = record.key.max(*newest);
    })?;
    Ok(())
}

fn exploration() -> Explore {
    Explore::new().rings(3).samples(sample)
}

#[test]
fn a_merge_that_waits_passes() {
    full(exploration().seeds(0..SEEDS).run_set(|rings| {
        let (mut merge, mut newest) = (merge_of(rings)?, 0);
        loop {
            round(&mut merge, &mut newest)?;
            merge.wait(None)?;
        }
    }));
}

/// A loop of its own, which does one thing while records are held, and blocks otherwise.
fn own_loop(
    held: impl Fn(&Merged, Duration) -> Ended + 'static,
) -> impl Fn(&[ExploredRing]) -> Ended {
    move |rings| {
        let (mut merge, mut newest) = (merge_of(rings)?, 0);
        loop {
            merge.wait(Some(Duration::ZERO))?;
            round(&mut merge, &mut newest)?;
            match merge.arm()? {
                MergeArmed::Ready => {}
                MergeArmed::Held(left) => held(&merge, left)?,
                MergeArmed::Sleep => drop(merge.set().host().block(Duration::MAX)?),
            }
        }
    }
}

#[test]
fn a_loop_with_a_timer_for_what_is_held_passes() {
    let times = Rc::new(Cell::new(0));
    let held = times.clone();
    full(exploration().seeds(0..SEEDS).run_set(own_loop(move |merge, left| {
        times.set(times.get() + 1);
        merge.set().host().nap(left)?;
        Ok(())
    })));
    assert!(held.get() > 300, "{} times held", held.get());
}

#[test]
fn a_loop_without_a_timer_for_what_is_held_is_found() {
    let failure = exploration().find_set(own_loop(|merge, _| {
        merge.set().host().block(Duration::MAX)?;
        Ok(())
    }));
    let failure = failure.expect_err("a lost wakeup");
    println!("{failure}");
    assert!(failure.what.starts_with("lost wakeup"), "{failure}");
}

/// It forgets that nothing arms while records are held, and that a round may leave some.
#[test]
fn a_loop_that_does_not_arm_is_found() {
    let failure = exploration().find_set(|rings| {
        let (mut merge, mut newest) = (merge_of(rings)?, 0);
        loop {
            merge.wait(Some(Duration::ZERO))?;
            round(&mut merge, &mut newest)?;
            merge.set().host().block(Duration::MAX)?;
        }
    });
    let failure = failure.expect_err("a lost wakeup");
    assert!(failure.what.starts_with("lost wakeup"), "{failure}");
}
