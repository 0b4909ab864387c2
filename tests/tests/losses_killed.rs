//! Readers are killed with SIGKILL at any point, again and again, and the sum of losses holds to the
//! record: each goes on counting where the last one stopped.
//!
//! `RINGBUF_RESTARTS=3000` kills as many readers; some ten million attempts are made meanwhile.

use std::env;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::thread;
use std::time::Duration;

use ringbuf_kernel::{LossCounters, RingBuf, RingSet, SavedCounts, WaitPolicy};
use ringbuf_tests::losses::{Attempts, Counters, PERIOD};
use ringbuf_tests::restarts::{Child, Random, Reading};
use ringbuf_tests::{BpfFs, live_since, online_cpus, pin_to_cpu, skip, watchdog};

#[test]
fn killed_readers_go_on_counting() {
    killed("losses_killed::one_ring", false);
}

#[test]
fn killed_readers_of_shards_go_on_counting() {
    killed("losses_killed::shards", true);
}

fn killed(test: &'static str, sharded: bool) {
    if !live_since(test, (5, 10)) {
        return;
    }
    if online_cpus().len() < 2 {
        return skip(test, "only one CPU is online");
    }
    let _hangs = watchdog(test);
    let bpffs = BpfFs::mount();
    let pins = bpffs.path();
    let kills: u64 = env::var("RINGBUF_RESTARTS").map_or(100, |n| n.parse().expect("a number"));
    let mut programs = Attempts::load(Counters::Atomic, 256 << 10, true);
    let maps = if sharded {
        programs.shard(256 << 10)
    } else {
        vec![programs.map("events").as_fd().try_clone_to_owned().expect("a descriptor")]
    };
    programs.interrupt(PERIOD).expect("a clock event");
    let program = programs.program("attempts");
    let producers: Vec<_> =
        online_cpus().into_iter().take(2).map(|cpu| produce(program.as_fd(), cpu)).collect();
    let mut random = Random(kills);
    for kill in 0..kills {
        let reading = Reading::ALL[kill as usize % 4];
        let child = Child::start(|| {
            let rings = maps.iter().enumerate().map(|(place, map)| open(map.as_fd(), pins, place));
            let mut rings: Vec<_> = rings.collect();
            match &mut rings[..] {
                [ring] => reading.read_until(ring, || false, |_| ()),
                _ => read_set(rings),
            }
        });
        // On a slow machine, some need eight times as long until they read.
        let slower = 1 << (kill % 100 / 25);
        thread::sleep(Duration::from_micros(slower * (500 + random.below(2500))));
        child.kill();
    }
    drop(producers);
    programs.interrupt_no_more();
    let counters = if sharded { "shards_counts" } else { "events_counts" };
    let counters = LossCounters::open(programs.map(counters).as_fd()).expect("counters");
    let rings = maps.iter().enumerate().map(|(place, map)| open(map.as_fd(), pins, place));
    let mut rings: Vec<_> = rings.collect();
    programs.assert_exact(&counters.account(&rings).expect("a sum"));
    for ring in &mut rings {
        // A program that was running when its caller was killed has come to its end.
        let finished = ring.finish(Duration::from_secs(60), |_| ()).expect("a sound ring");
        assert!(finished.is_complete());
    }
    let accounting = counters.account(&rings).expect("a sum");
    programs.assert_exact(&accounting);
    let own: u64 = rings.iter().map(|ring| ring.counts().delivered).sum();
    assert!(accounting.passed.delivered > own, "no reader lived long enough: this shows nothing");
    println!("{test}: {kills} kills, {} nested; {accounting}", programs.truth().nested);
}

/// A process that runs the program on `cpu`, in bursts, without end.
fn produce(program: BorrowedFd<'_>, cpu: usize) -> Child {
    Child::start(|| {
        let _pinned = pin_to_cpu(cpu).expect("pin");
        let mut random = Random(cpu as u64);
        loop {
            Attempts::attempt(program, random.below(200));
            thread::sleep(Duration::from_micros(random.below(100)));
        }
    })
}

/// A reader that goes on counting.
fn open(map: BorrowedFd<'_>, pins: &Path, place: usize) -> RingBuf {
    let mut ring = RingBuf::open(map).expect("ring");
    let saved = SavedCounts::at_pin(pins.join(format!("saved_{place}"))).expect("saved counts");
    let resumed = ring.save_counts(&saved).expect("a new reader");
    assert_eq!(resumed.uncounted_bytes, 0, "{resumed:?}");
    ring
}

fn read_set(rings: Vec<RingBuf>) {
    let mut set = RingSet::new(WaitPolicy::balanced()).expect("an epoll set");
    for ring in rings {
        set.insert(ring, ()).expect("added");
    }
    loop {
        set.drain(|_, _| ()).expect("sound rings");
        set.wait(Some(Duration::from_millis(1))).expect("wait");
    }
}
