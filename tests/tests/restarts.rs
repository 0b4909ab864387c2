//! A reader of a pinned ring is killed with SIGKILL at any point, and the next one goes on: no
//! record is lost, and no more come again than docs/shutdown.md states. `cargo xtask restarts`
//! kills more often.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_kernel::RingBuf;
use ringbuf_tests::restarts::{Child, Numbered, Random, Reading};
use ringbuf_tests::{BpfFs, live_since, note};

const RING: u32 = 1 << 20;

#[test]
fn a_killed_reader_loses_nothing_and_repeats_a_batch_at_most() {
    if !live_since("restarts::a_killed_reader", (5, 10)) {
        return;
    }
    let count = env::var("RINGBUF_RESTARTS").map_or(400, |n| n.parse().expect("a number"));
    let bpffs = BpfFs::mount();
    let pin = bpffs.path().join("numbered");
    let mut ring = Numbered::pinned(RING, &pin);
    ring.produce();
    let mut random = Random(count);
    let begin = Instant::now();
    let mut killed = 0;
    for reading in Reading::ALL.into_iter().cycle() {
        // Each way in turn, a hundred times at most, so that a short run has all.
        let rounds = (count - killed).min((count / 4).clamp(1, 2500));
        let (mut idle, mut most) = (0, 0);
        for _ in 0..rounds {
            let before = ring.noted().delivered();
            let child = Child::start(|| {
                let mut reader = RingBuf::from_pin(&pin).expect("the pinned ring");
                reading.read(&mut reader, ring.noted(), || false);
            });
            thread::sleep(Duration::from_micros(random.below(longest_life(reading))));
            child.kill();
            killed += 1;
            idle += u64::from(ring.noted().delivered() == before);
            most = most.max(ring.noted().take_repeated());
            assert_eq!(ring.noted().lost(), 0, "{reading:?}: records were lost");
        }
        // What the last one has left may come again to one more reader, which ends cleanly.
        most = most.max(finish(&ring, &pin));
        let stated = reading.most_repeated();
        assert!(most <= stated, "{reading:?}: {most} records again, but {stated} are stated");
        // printed only: the progress
        let (took, delivered) = (begin.elapsed(), ring.noted().delivered());
        println!(
            "{killed} kills after {} s, {delivered} records; {reading:?}: {most} again at most \
             ({stated} stated), {idle} of {rounds} killed before a new record",
            took.as_secs()
        );
        assert!(idle < rounds, "no reader lived long enough: this shows nothing");
        if killed == count {
            break;
        }
    }
    ring.produce_no_more();
    assert_eq!(finish(&ring, &pin), 0, "after a clean end nothing comes again");
    assert_eq!(ring.noted().delivered(), ring.emitted(), "the last record was read");
    assert_eq!(ring.noted().lost(), 0);
    note("restarts::a_killed_reader", &format!("{killed} kills, {} records", ring.emitted()));
}

/// In us. A reader that does not live for one batch leaves all of it to the next one.
fn longest_life(reading: Reading) -> u64 {
    match reading {
        Reading::OneByOne | Reading::Batch => 1000,
        Reading::Drain | Reading::Policy => 2500,
    }
}

/// One more reader, which is not killed. Returns how many records it delivered again.
fn finish(ring: &Numbered, pin: &std::path::Path) -> u64 {
    let child = Child::start(|| {
        let mut reader = RingBuf::from_pin(pin).expect("the pinned ring");
        let mut last = None;
        let finished = reader.finish(Duration::from_secs(60), |record| {
            ring.noted().note(&mut last, &record);
        });
        assert!(finished.expect("a sound ring").is_complete());
    });
    assert_eq!(child.join(), 0);
    ring.noted().take_repeated()
}
