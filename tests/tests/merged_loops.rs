//! A merge in event loops of others: nested in an epoll set, changed by a handle, in a task.

mod merged_load;

use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::Duration;

use merged_load::{Load, STAMP, run, sequence, stamp};
use ringbuf_bpf::bench::types::produce;
use ringbuf_kernel::{
    Armed, Mapping, Merged, MergedRings, Record, RingBuf, SavedCounts, WaitPolicy, Wakeup,
};
use ringbuf_tests::{Epoll, Trigger, live_since, watchdog};
use ringbuf_tokio::AsyncRing;

const LATENESS: Duration = Duration::from_millis(5);

/// Far longer than any wait of these tests: if it passes, a wakeup was lost.
const NEVER: Duration = Duration::from_secs(60);

/// A program of the load, and what it counts.
struct Writer {
    program: OwnedFd,
    state: produce,
}

impl Writer {
    fn of(load: &Load, ring: usize) -> Self {
        let program = load.skeletons[ring].progs.produce.as_fd().try_clone_to_owned();
        let state = produce { size: 64, options: STAMP, ..Default::default() };
        Self { program: program.expect("a descriptor"), state }
    }

    fn write(&mut self, count: u32) {
        run(&self.program, &mut self.state, count);
    }
}

/// What was read: the next sequence of each ring, and the newest key.
#[derive(Default)]
struct Seen {
    next: [u64; 3],
    newest: u64,
}

impl Seen {
    fn record(&mut self, ring: usize, record: &Merged<'_, Mapping>) {
        assert_eq!(sequence(record), self.next[ring], "ring {ring}: lost or repeated");
        self.next[ring] += 1;
        assert_eq!(record.late, record.key < self.newest);
        self.newest = self.newest.max(record.key);
    }

    fn records(&self) -> u64 {
        self.next.iter().sum()
    }
}

/// Looks and reads. Returns how the look ended.
fn read<K>(rings: &mut MergedRings<usize, K>, seen: &mut Seen) -> Wakeup
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    let wakeup = rings.wait(Some(Duration::ZERO)).expect("wait");
    rings.drain(|&mut ring, record| seen.record(ring, &record)).expect("sound rings");
    wakeup
}

/// Sleeps in an epoll set of its own, if it may.
fn sleep<K>(rings: &mut MergedRings<usize, K>, epoll: &Epoll)
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    if rings.arm().expect("armed") == Armed::Sleep {
        assert_ne!(epoll.wait(NEVER).expect("epoll"), 0, "a lost wakeup");
    }
}

/// The last records of all are held, and nothing notifies when they are due but the merge.
#[test]
fn a_loop_of_ones_own_sleeps_in_its_epoll_set_and_misses_nothing() {
    if !live_since("merged_loops::a_loop_of_ones_own", (5, 17)) {
        return;
    }
    let _hangs = watchdog("merged_loops::a_loop_of_ones_own");
    for trigger in [Trigger::Level, Trigger::Edge] {
        let load = Load::new(3);
        let mut rings = load.merge(LATENESS);
        let epoll = Epoll::new(&rings, trigger).expect("an epoll set");
        let mut seen = Seen::default();
        let waker = rings.waker();
        let sent: u64 = thread::scope(|scope| {
            let writers: Vec<_> = (0..3)
                .map(|ring| {
                    let mut writer = Writer::of(&load, ring);
                    scope.spawn(move || {
                        for round in 0..300_u64 {
                            writer.write(1 + (round % 9) as u32);
                            let pauses = [0, 50, 400, 7_000];
                            let pause = pauses[(round as usize * 7 + ring) % 4];
                            thread::sleep(Duration::from_micros(pause / (1 + round % 3)));
                        }
                        writer.state.sequence
                    })
                })
                .collect();
            let all = scope.spawn(move || {
                let sent = writers.into_iter().map(|writer| writer.join().expect("a writer")).sum();
                waker.wake();
                sent
            });
            while read(&mut rings, &mut seen) != Wakeup::Woken {
                sleep(&mut rings, &epoll);
            }
            all.join().expect("no panic")
        });
        while seen.records() < sent {
            sleep(&mut rings, &epoll);
            read(&mut rings, &mut seen);
        }
        println!("{trigger:?}: {sent} records, {:?}", rings.counts());

        // Alone: it is seen, held, and due.
        let mut writer = Writer::of(&load, 1);
        writer.state.sequence = seen.next[1];
        rings.drain(|_, _| unreachable!("all was read")).expect("sound rings");
        let rounds = rings.counts().rounds;
        writer.write(1);
        while seen.records() < sent + 1 {
            sleep(&mut rings, &epoll);
            read(&mut rings, &mut seen);
        }
        // lower bound: it was held for the lateness.
        assert!(u128::from(rings.now() - seen.newest) >= LATENESS.as_nanos());
        let rounds = rings.counts().rounds - rounds;
        assert!(rounds < 20, "{rounds} rounds: it spins");
    }
}

#[test]
fn a_loop_that_holds_hears_its_waker() {
    if !live_since("merged_loops::a_loop_that_holds", (5, 17)) {
        return;
    }
    let _hangs = watchdog("merged_loops::a_loop_that_holds");
    let load = Load::new(2);
    let mut rings = load.merge(NEVER); // it holds for longer than this test runs
    let epoll = Epoll::new(&rings, Trigger::Level).expect("an epoll set");
    Writer::of(&load, 0).write(1);
    let (waker, mut seen) = (rings.waker(), Seen::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            waker.wake();
        });
        while read(&mut rings, &mut seen) != Wakeup::Woken {
            sleep(&mut rings, &epoll);
        }
    });
    assert_eq!(seen.records(), 0);
    assert!(rings.counts().rounds < 20, "it spins: {:?}", rings.counts());
}

/// Rings come and go while the merge waits; an open event loop sees them, too.
#[test]
fn a_handle_adds_and_removes_rings_while_the_merge_waits() {
    if !live_since("merged_loops::a_handle", (5, 17)) {
        return;
    }
    let _hangs = watchdog("merged_loops::a_handle");
    for own_loop in [false, true] {
        let load = Load::new(3);
        let mut rings = load.merge(LATENESS);
        let ids: Vec<_> = rings.iter().map(|(ring, ..)| ring.id()).collect();
        rings.remove(ids[2]).expect("it is there");
        let epoll = Epoll::new(&rings, Trigger::Level).expect("an epoll set");
        let (handle, waker, mut seen) = (rings.handle(), rings.waker(), Seen::default());
        let added = thread::scope(|scope| {
            let added = scope.spawn(|| {
                thread::sleep(Duration::from_millis(2));
                let mut late = Writer::of(&load, 2);
                late.write(5); // before it is there
                let ring = RingBuf::open(load.skeletons[2].maps.ring.as_fd()).expect("ring");
                handle.insert(ring, 2).expect("added");
                late.write(5);
                handle.remove(ids[0]);
                Writer::of(&load, 1).write(3);
                thread::sleep(Duration::from_millis(2));
                waker.wake();
                late.state.sequence
            });
            while own_loop && read(&mut rings, &mut seen) != Wakeup::Woken {
                sleep(&mut rings, &epoll);
            }
            while !own_loop && rings.wait(None).expect("wait") != Wakeup::Woken {
                rings.drain(|&mut ring, record| seen.record(ring, &record)).expect("sound");
            }
            added.join().expect("no panic")
        });
        let limit = Duration::from_millis(100);
        let end = rings.finish(limit, |&mut ring, record| seen.record(ring, &record));
        assert!(end.expect("finish").is_complete());
        assert_eq!((rings.len(), rings.get(ids[0]).is_none()), (2, true));
        assert_eq!(seen.next, [0, 3, added]);
    }
}

#[test]
fn a_task_reads_a_merge() {
    if !live_since("merged_loops::a_task", (5, 17)) {
        return;
    }
    let _hangs = watchdog("merged_loops::a_task");
    let load = Load::new(3);
    let rings = load.merge(LATENESS);
    let waker = rings.waker();
    let mut seen = Seen::default();
    thread::scope(|scope| {
        let sent = scope.spawn(|| {
            let mut writers: Vec<_> = (0..3).map(|ring| Writer::of(&load, ring)).collect();
            for round in 0..300_u64 {
                writers[round as usize % 3].write(1 + (round % 5) as u32);
                thread::sleep(Duration::from_micros(round * 37 % 900));
            }
            let sent: u64 = writers.iter().map(|writer| writer.state.sequence).sum();
            waker.flush(); // over when all of them are delivered
            sent
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        runtime.expect("a runtime").block_on(async {
            let mut rings = AsyncRing::new(rings).expect("registered");
            while rings.ready().await.expect("wait") != Wakeup::Flushed {
                rings.drain(|&mut ring, record| seen.record(ring, &record)).expect("sound rings");
            }
            println!("{:?}", rings.get_ref().counts());
        });
        assert_eq!(seen.records(), sent.join().expect("no panic"));
    });
}

/// A reader whose merge ends while it holds records, and one after it that goes on counting.
#[test]
fn a_merge_that_restarts_goes_on_counting() {
    if !live_since("merged_loops::a_merge_that_restarts", (5, 17)) {
        return;
    }
    let load = Load::new(3);
    let saved: Vec<_> = (0..3).map(|_| SavedCounts::create().expect("a map")).collect();
    let mut writers: Vec<_> = (0..3).map(|ring| Writer::of(&load, ring)).collect();
    let mut sent = [0; 3];
    for life in 0..4 {
        let mut rings = MergedRings::<usize, _>::new(WaitPolicy::balanced(), NEVER, stamp);
        let rings = rings.as_mut().expect("a set");
        for (number, skeleton) in load.skeletons.iter().enumerate() {
            let mut ring = RingBuf::open(skeleton.maps.ring.as_fd()).expect("ring");
            let resumed = ring.save_counts(&saved[number]).expect("a new reader");
            assert_eq!(resumed.uncounted_bytes, 0);
            rings.insert(ring, number).expect("added");
        }
        for (number, writer) in writers.iter_mut().enumerate() {
            let count = 1 + (life * 3 + number as u32) % 5;
            writer.write(count);
            sent[number] += u64::from(count);
        }
        if life % 2 == 0 {
            rings.drain(|_, _| ()).expect("sound rings"); // some, and the others are held
        } else {
            assert!(rings.finish(Duration::ZERO, |_, _| ()).expect("finished").is_complete());
        }
        for (ring, &number, _) in rings.iter() {
            let sum = ring.accounting().expect("a sound ring");
            let passed = sum.passed.delivered + sum.passed.discarded;
            assert_eq!(passed + sum.unread.records, sent[number], "ring {number}, life {life}");
        }
    }
}
