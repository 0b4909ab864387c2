//! Live rings as one stream: nothing is lost or repeated, and what is late is marked.

mod merged_load;

use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use merged_load::{Load, STAMP, run, sequence, stamp};
use ringbuf_bpf::bench::types::produce;
use ringbuf_kernel::{Mapping, Round, Wakeup};
use ringbuf_tests::{disposable_kernel, live_since, online_cpus, pin_to_cpu, watchdog};

const LATENESS: Duration = Duration::from_millis(1);

/// What the reader has seen.
#[derive(Default)]
struct Seen {
    /// The next sequence of each ring.
    next: Vec<u64>,
    newest: u64,
    late: u64,
}

impl Seen {
    fn record(&mut self, ring: usize, record: &ringbuf_kernel::Merged<'_, Mapping>) {
        assert_eq!(sequence(record), self.next[ring], "ring {ring}: lost or repeated");
        assert_eq!(stamp(record), Some(record.key));
        assert_eq!(record.late, record.key < self.newest, "{} after {}", record.key, self.newest);
        self.next[ring] += 1;
        self.late += u64::from(record.late);
        self.newest = self.newest.max(record.key);
    }
}

#[test]
fn rings_of_many_cpus_are_one_stream_and_nothing_is_lost() {
    if !live_since("merged::one_stream", (5, 17)) {
        return;
    }
    let _hangs = watchdog("merged::one_stream");
    const RINGS: usize = 4;
    let load = Load::new(RINGS);
    let mut rings = load.merge(LATENESS);
    let runs = if disposable_kernel() { 200 } else { 2_000 };
    let mut seen = Seen { next: vec![0; RINGS], ..Seen::default() };
    let waker = rings.waker();
    let states = thread::scope(|scope| {
        let cpus = online_cpus();
        let programs: Vec<_> = load.skeletons.iter().map(|s| &s.progs.produce).collect();
        let writers: Vec<_> = programs
            .iter()
            .zip(0..)
            .map(|(program, number)| {
                let program = program.as_fd().try_clone_to_owned().expect("a descriptor");
                let (cpu, waker) = (cpus[number % cpus.len()], waker.clone());
                scope.spawn(move || {
                    let _pinned = pin_to_cpu(cpu).expect("pinned");
                    let mut state = produce { size: 64, options: STAMP, ..Default::default() };
                    for turn in 0..runs {
                        run(&program, &mut state, 1 + (turn * 7 + number as u32) % 40);
                        if turn % 16 == 0 {
                            thread::sleep(Duration::from_micros(300));
                        }
                    }
                    waker.wake();
                    state
                })
            })
            .collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            // A writer wakes it shortly before it is finished.
            rings.wait(Some(Duration::from_millis(100))).expect("wait");
            rings.drain(|&mut ring, record| seen.record(ring, &record)).expect("sound rings");
        }
        writers.into_iter().map(|writer| writer.join().expect("a writer")).collect::<Vec<_>>()
    });
    let end = rings.finish(Duration::from_millis(100), |&mut ring, record| {
        seen.record(ring, &record);
    });
    assert!(end.expect("finish").is_complete());
    let accepted: Vec<_> = states.iter().map(|state| state.sequence).collect();
    let counts = rings.counts();
    println!("accepted {accepted:?}, late {}, {counts:?}", seen.late);
    assert_eq!(seen.next, accepted);
    assert_eq!(counts.rings.delivered, accepted.iter().sum::<u64>());
    assert_eq!((counts.rings.late, counts.rings.ahead), (seen.late, 0));
}

#[test]
fn a_batch_lends_records_of_all_rings_at_once() {
    if !live_since("merged::batch", (5, 17)) {
        return;
    }
    let load = Load::new(3);
    let mut rings = load.merge(Duration::ZERO);
    for number in [2, 0, 1, 2, 1, 0] {
        let program = load.skeletons[number].progs.produce.as_fd().try_clone_to_owned();
        let mut state = produce { size: 64, options: STAMP, ..Default::default() };
        run(&program.expect("a descriptor"), &mut state, 2);
    }
    let batch = rings.batch().expect("sound rings");
    let held: Vec<_> = batch.records().collect();
    let order: Vec<_> = held.iter().map(|(ring, _)| **ring).collect();
    assert_eq!(order, [2, 2, 0, 0, 1, 1, 2, 2, 1, 1, 0, 0]);
    assert!(held.is_sorted_by_key(|(_, record)| record.key));
    drop(held);
    assert_eq!(batch.finish(), Round::Empty);
    let lags = rings.iter().map(|(ring, _, counts)| (ring.lag().expect("sound"), counts.delivered));
    assert_eq!(lags.collect::<Vec<_>>(), [(0, 4); 3]);
}

#[test]
fn what_is_held_is_due_by_the_clock_of_the_programs() {
    if !live_since("merged::due", (5, 17)) {
        return;
    }
    let _hangs = watchdog("merged::due");
    let load = Load::new(2);
    let lateness = Duration::from_millis(20);
    let mut rings = load.merge(lateness);
    let program = load.skeletons[0].progs.produce.as_fd().try_clone_to_owned().expect("fd");
    let mut state = produce { size: 64, options: STAMP, ..Default::default() };
    run(&program, &mut state, 1);
    let mut keys = Vec::new();
    while keys.is_empty() {
        assert_eq!(rings.wait(Some(Duration::from_secs(20))).expect("wait"), Wakeup::Ready);
        rings.drain(|_, record| keys.push(record.key)).expect("sound rings");
    }
    // lower bound: it was held for the lateness.
    assert!(rings.now() - keys[0] >= 20_000_000);
    // Once to find it, and once or twice when it was due.
    assert!(rings.counts().rounds <= 4, "{:?}", rings.counts());
    // A waker ends a wait that holds.
    run(&program, &mut state, 1);
    rings.drain(|_, _| ()).expect("sound rings");
    rings.waker().wake();
    assert_eq!(rings.wait(None).expect("wait"), Wakeup::Woken);
}
