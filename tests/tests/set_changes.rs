//! Rings come and go while a set waits for them. RINGBUF_SET_CHANGES says how many (400 without
//! it, 40 in a guest of the matrix). Alone in its process, because it counts
//! descriptors.

use std::env;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{Armed, RingBuf, RingSet, WaitPolicy, Wakeup};
use ringbuf_tests::{Epoll, Operations, Trigger, disposable_kernel, live, page_size, watchdog};

/// One test counts the descriptors of the process: the other must not open any meanwhile.
static ALONE: Mutex<()> = Mutex::new(());

/// A ring that another thread adds is read without an end of the wait, and one that it removes
/// can be opened again.
#[test]
fn rings_come_and_go_while_the_set_waits() {
    if !live("set_changes::rings_come_and_go") {
        return;
    }
    let _alone = ALONE.lock();
    let _hangs = watchdog("set_changes::rings_come_and_go");
    let changes = if disposable_kernel() { 40 } else { 400 };
    let changes = env::var("RINGBUF_SET_CHANGES").map_or(changes, |n| n.parse().expect("a number"));
    let page = u32::try_from(page_size()).expect("small");
    let load = |_| Operations::load(page).expect("load of vectors.bpf.c");
    let programs = [0, 1, 2].map(load);
    let emit = |program: &Operations| assert_eq!(program.run(op_kind::OUTPUT, 8, 0), 0);
    let descriptors = || fs::read_dir("/proc/self/fd").expect("/proc").count();
    let before = descriptors();
    let mut set = RingSet::new(WaitPolicy::balanced()).expect("an epoll set");
    set.insert(RingBuf::open(programs[0].map()).expect("ring"), 0).expect("added");
    let (handle, waker, read) = (set.handle(), set.waker(), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            for change in 0..changes {
                let program = &programs[1 + change % 2];
                let ring = loop {
                    // The one before may not be removed yet.
                    match RingBuf::open(program.map()) {
                        Ok(ring) => break ring,
                        Err(_) => thread::yield_now(),
                    }
                };
                let (id, want) = (ring.id(), read.load(SeqCst) + 2);
                emit(program);
                handle.clone().insert(ring, 9).expect("added");
                emit(program);
                emit(&programs[0]);
                while read.load(SeqCst) < want {
                    thread::yield_now();
                }
                handle.remove(id);
            }
            waker.wake();
        });
        while set.wait(None).expect("wait") != Wakeup::Woken {
            let mut count = 0;
            set.drain(|&mut tag, _| count += u64::from(tag == 9)).expect("sound rings");
            read.fetch_add(count, SeqCst);
        }
    });
    assert_eq!(read.load(SeqCst), 2 * changes as u64);
    let id = set.iter().next().expect("the first").0.id();
    let (ring, tag) = set.remove(id).expect("the first ring");
    assert_eq!((ring.id(), tag, set.len(), set.remove(id).is_none()), (id, 0, 0, true));
    drop((ring, set));
    // Rings of a set that was dropped are given back.
    let refused = handle.insert(RingBuf::open(programs[0].map()).expect("ring"), 1);
    let refused = refused.expect_err("the set is gone");
    assert!(refused.to_string().contains("set of rings was dropped"), "{refused}");
    handle.remove(id);
    drop((refused, handle, waker));
    assert_eq!(descriptors(), before, "a descriptor is left");
}

/// A change is never hidden from an event loop that arms and blocks: it makes the descriptor
/// readable, or arming says so.
#[test]
fn an_armed_set_hears_of_changes() {
    if !live("set_changes::an_armed_set") {
        return;
    }
    let _alone = ALONE.lock();
    let _hangs = watchdog("set_changes::an_armed_set");
    let changes = if disposable_kernel() { 100 } else { 10_000 };
    let done = AtomicU64::new(0);
    let mut set = RingSet::new(WaitPolicy::balanced().max_sleep(Duration::MAX)).expect("a set");
    let handle = set.handle();
    let outer = Epoll::new(&set, Trigger::Level).expect("an epoll set");
    thread::scope(|scope| {
        scope.spawn(|| {
            for change in 0..changes {
                while done.load(SeqCst) < change {
                    thread::yield_now();
                }
                for _ in 0..change % 50 {
                    std::hint::spin_loop();
                }
                let tag = Counted(&done);
                handle
                    .insert(RingBuf::create(page_size() as u64).expect("ring"), tag)
                    .expect("added");
            }
        });
        while done.load(SeqCst) < changes {
            set.wait(Some(Duration::ZERO)).expect("wait");
            let ids: Vec<_> = set.iter().map(|(ring, _)| ring.id()).collect();
            ids.into_iter().for_each(|id| drop(set.remove(id)));
            let armed = set.arm().expect("arm");
            // Arming makes changes, too.
            if armed == Armed::Sleep && set.is_empty() && done.load(SeqCst) < changes {
                outer.wait(Duration::from_secs(1000)).expect("epoll_wait");
            }
        }
    });
}

/// Counts when it is dropped.
struct Counted<'a>(&'a AtomicU64);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}
