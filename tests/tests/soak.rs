//! Everything at once for a while: rings read by a set, by a task and by a thread of their own,
//! with records of every kind, wakers, changes of policy, and rings that come and go.
//! RINGBUF_SOAK says for how many seconds (3 without it). `cargo xtask soak` runs it for an hour.

use std::env;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{Budget, Counts, Next, RingBuf, RingSet, WaitPolicy, Waker, Wakeup};
use ringbuf_tests::{FORCE_WAKEUP, NO_WAKEUP, Operations, live, page_size};
use ringbuf_tokio::AsyncRing;

/// Read by the set; by the task; by the thread.
const RINGS: usize = 6;
const OF_SET: usize = 4;
const TASK: usize = 4;
const THREAD: usize = 5;
const LIMIT: Duration = Duration::from_secs(5);

/// What a program has committed, and what its reader has passed.
#[derive(Default)]
struct Tally {
    submitted: AtomicU64,
    discarded: AtomicU64,
    read: AtomicU64,
    skipped: AtomicU64,
}

impl Tally {
    fn passed(&self, counts: Counts) {
        self.read.fetch_add(counts.delivered, SeqCst);
        self.skipped.fetch_add(counts.discarded, SeqCst);
    }
}

#[test]
fn nothing_is_lost_repeated_or_left_behind() {
    if !live("soak::nothing_is_lost") {
        return;
    }
    let seconds = env::var("RINGBUF_SOAK").map_or(3, |n| n.parse().expect("a number"));
    let size = 16 * u32::try_from(page_size()).expect("small");
    let load = |_| Operations::load(size).expect("load of vectors.bpf.c");
    let programs: Vec<_> = (0..RINGS).map(load).collect();
    let tallies: [Tally; RINGS] = Default::default();
    // The first runtime of a process leaves a pipe for signals.
    drop(runtime());
    let descriptors = || fs::read_dir("/proc/self/fd").expect("/proc").count();
    let before = descriptors();
    let open = |number: usize| RingBuf::open(programs[number].map()).expect("ring");
    let (over, wakers) = (AtomicBool::new(false), Wakers::default());
    thread::scope(|scope| {
        let (tallies, over, wakers, programs) = (&tallies, &over, &wakers, &programs);
        scope.spawn(|| read_set(&open, tallies, over, wakers));
        scope.spawn(|| read_in_task(open(TASK), &tallies[TASK], wakers));
        scope.spawn(|| read_alone(open(THREAD), &tallies[THREAD], wakers));
        let producers = [0, 1].map(|half| {
            scope.spawn(move || {
                let mut random = Random(half as u64 + 1);
                while !over.load(SeqCst) {
                    let ring = random.below(RINGS as u64 / 2) as usize * 2 + half;
                    produce(&programs[ring], &tallies[ring], &mut random);
                }
            })
        });
        pass(seconds, tallies, wakers);
        over.store(true, SeqCst);
        producers.into_iter().for_each(|producer| producer.join().expect("a producer"));
        wakers.each(Waker::close);
    });
    for (number, tally) in tallies.iter().enumerate() {
        let [submitted, read] = [&tally.submitted, &tally.read].map(|count| count.load(SeqCst));
        let [discarded, skipped] = [&tally.discarded, &tally.skipped].map(|c| c.load(SeqCst));
        println!("ring {number}: {read} records read, {skipped} discarded ones skipped");
        assert_eq!((read, skipped), (submitted, discarded), "ring {number}");
    }
    drop(wakers);
    assert_eq!(descriptors(), before, "a descriptor is left");
}

/// Some records of any kind, then a pause.
fn produce(program: &Operations, tally: &Tally, random: &mut Random) {
    for _ in 0..=random.below(200) {
        let flags = [0, 0, NO_WAKEUP, FORCE_WAKEUP][random.below(4) as usize];
        let (kind, accepted, count) = match random.below(4) {
            0 => (op_kind::RESERVE_DISCARD, 1, &tally.discarded),
            1 => (op_kind::RESERVE_SUBMIT, 1, &tally.submitted),
            _ => (op_kind::OUTPUT, 0, &tally.submitted),
        };
        count.fetch_add(u64::from(program.run(kind, 8, flags) == accepted), SeqCst);
    }
    thread::sleep(Duration::from_micros(random.below(1000)));
}

/// Asks the readers for this and that until the time is over, and prints the progress.
fn pass(seconds: u64, tallies: &[Tally], wakers: &Wakers) {
    let mut random = Random(99);
    // budget: the time that was asked for
    let begin = Instant::now();
    let mut minute = 0;
    // budget: as above
    while begin.elapsed() < Duration::from_secs(seconds) {
        thread::sleep(Duration::from_micros(random.below(3000)));
        let soon = random.below(2) == 0;
        wakers.each(|waker| match random.below(3) {
            0 => waker.wake(),
            1 => waker.flush(),
            _ => waker.set_deadline(soon.then(Instant::now)),
        });
        // printed only:
        if begin.elapsed().as_secs() / 60 > minute {
            minute += 1;
            let read: u64 = tallies.iter().map(|tally| tally.read.load(SeqCst)).sum();
            let status = fs::read_to_string("/proc/self/status").expect("/proc");
            let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
            println!("{minute} minutes: {read} records read, {memory}");
        }
    }
}

/// One ring of it is taken out and added again now and then.
fn read_set(
    open: &(impl Fn(usize) -> RingBuf + Sync),
    tallies: &[Tally],
    over: &AtomicBool,
    wakers: &Wakers,
) {
    let mut set = RingSet::new(WaitPolicy::balanced()).expect("an epoll set");
    set.set_budget(Budget::unlimited().records(50));
    for number in 0..OF_SET {
        set.insert(open(number), number).expect("added");
    }
    wakers.add(set.waker());
    let mut waits = 0_u64;
    while set.wait(None).expect("wait") != Wakeup::Closed {
        set.drain(|_, _| ()).expect("sound rings");
        waits += 1;
        if waits % 500 == 0 && !over.load(SeqCst) {
            let id = set.iter().find(|(_, number)| **number == 0).expect("the first").0.id();
            let (ring, number) = set.remove(id).expect("the first");
            tallies[number].passed(ring.counts());
            drop(ring);
            set.insert(open(number), number).expect("added");
        }
    }
    let finished = set.finish(LIMIT, |_, _| ()).expect("finished");
    assert!(finished.is_complete(), "{finished}");
    for (ring, number) in set.iter() {
        tallies[*number].passed(ring.counts());
    }
}

fn read_in_task(ring: RingBuf, tally: &Tally, wakers: &Wakers) {
    wakers.add(ring.waker().expect("an eventfd"));
    runtime().block_on(async {
        let mut events = AsyncRing::new(ring).expect("registered");
        loop {
            // Half of the waits are cancelled.
            tokio::select! {
                wakeup = events.ready() => if wakeup.expect("wait") == Wakeup::Closed { break },
                () = tokio::task::yield_now() => {}
            }
            events.drain(|_| ()).expect("a sound ring");
            tokio::task::yield_now().await;
        }
        let mut ring = events.into_inner();
        let finished = ring.finish(LIMIT, |_| ()).expect("finished");
        assert!(finished.is_complete(), "{finished}");
        tally.passed(ring.counts());
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime")
}

/// By batches, some of which are read again, with another policy each time.
fn read_alone(mut ring: RingBuf, tally: &Tally, wakers: &Wakers) {
    wakers.add(ring.waker().expect("an eventfd"));
    let policies = [
        WaitPolicy::balanced(),
        WaitPolicy::low_cost(),
        WaitPolicy::immediate(),
        WaitPolicy::low_latency(),
    ];
    let mut waits = 0;
    while ring.wait(None).expect("wait") != Wakeup::Closed {
        waits += 1;
        if waits % 1000 == 0 {
            ring.set_policy(policies[waits / 1000 % 4].clone());
        }
        let batch = ring.batch().max_records(20);
        while let Next::Record(_) = batch.next().expect("a sound ring") {}
        if waits % 5 == 0 {
            batch.rewind();
        }
    }
    let finished = ring.finish(LIMIT, |_| ()).expect("finished");
    assert!(finished.is_complete(), "{finished}");
    tally.passed(ring.counts());
}

/// Those of the readers that run.
#[derive(Default)]
struct Wakers(std::sync::Mutex<Vec<Waker>>);

impl Wakers {
    fn add(&self, waker: Waker) {
        self.0.lock().expect("no panic").push(waker);
    }

    fn each(&self, ask: impl FnMut(&Waker)) {
        self.0.lock().expect("no panic").iter().for_each(ask);
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
