//! A set of live rings: delivery, turns, callbacks, nested in other event loops, forked.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{Armed, Next, RingBuf, RingSet, SetError, WaitPolicy, Wakeup};
use ringbuf_tests::{
    Epoll, NO_WAKEUP, Operations, Trigger, disposable_kernel, live, page_size, poll_now, watchdog,
};

const LONG: Option<Duration> = Some(Duration::from_secs(20));

fn programs(count: usize) -> Vec<Operations> {
    let page = u32::try_from(page_size()).expect("small");
    (0..count).map(|_| Operations::load(page).expect("load of vectors.bpf.c")).collect()
}

fn emit(program: &Operations, flags: u64) {
    assert_eq!(program.run(op_kind::OUTPUT, 8, flags), 0);
}

fn set(programs: &[Operations], policy: WaitPolicy) -> RingSet<usize> {
    let mut set = RingSet::new(policy).expect("an epoll set");
    for (number, program) in programs.iter().enumerate() {
        set.insert(RingBuf::open(program.map()).expect("ring"), number).expect("added");
    }
    set
}

fn policies() -> [WaitPolicy; 3] {
    [WaitPolicy::balanced(), WaitPolicy::immediate(), WaitPolicy::low_latency()]
}

/// Each ring is found, with all its records, by any policy, also without notifications.
#[test]
fn a_set_reads_each_ring() {
    if !live("set::reads_each_ring") {
        return;
    }
    let programs = programs(5);
    for policy in policies() {
        let mut set = set(&programs, policy);
        assert_eq!((set.len(), set.iter().count()), (5, 5));
        for flags in [0, 0, NO_WAKEUP, 0] {
            for (number, program) in programs.iter().enumerate() {
                (0..=number).for_each(|_| emit(program, flags));
            }
            let mut counts = [0; 5];
            while counts.iter().sum::<usize>() < 15 {
                assert_eq!(set.wait(LONG).expect("wait"), Wakeup::Ready, "{counts:?}");
                set.drain(|&mut number, record| {
                    assert_eq!(record.len(), 8);
                    counts[number] += 1;
                })
                .expect("sound rings");
            }
            assert_eq!(counts, [1, 2, 3, 4, 5]);
            let nothing = set.wait(Some(Duration::from_millis(2))).expect("wait");
            assert_eq!(nothing, Wakeup::TimedOut);
        }
    }
}

/// A wait without looks of its own hangs if one notification is missed.
#[test]
fn no_notification_is_lost_while_producers_race_with_waits() {
    if !live("set::no_notification_is_lost") {
        return;
    }
    let _hangs = watchdog("set::no_notification_is_lost");
    let programs = programs(4);
    let rounds = if disposable_kernel() { 200 } else { 5_000 };
    for policy in [WaitPolicy::balanced(), WaitPolicy::immediate()] {
        let mut set = set(&programs, policy.max_sleep(Duration::MAX));
        let read = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..rounds {
                    // At most two records ahead, so that the reader reaches the end often.
                    while read.load(SeqCst) + 2 < round {
                        thread::yield_now();
                    }
                    emit(&programs[usize::try_from(round).expect("small") % 4], 0);
                }
            });
            while read.load(SeqCst) < rounds {
                assert_eq!(set.wait(None).expect("wait"), Wakeup::Ready);
                let mut count = 0;
                set.drain(|_, _| count += 1).expect("sound rings");
                read.fetch_add(count, SeqCst);
            }
        });
    }
}

/// The callbacks of a port from libbpf-rs.
#[test]
fn callbacks_read_and_stop() {
    if !live("set::callbacks") {
        return;
    }
    let programs = programs(2);
    let (mut first, mut second) = (0, HashMap::new());
    let mut rings = RingSet::new(WaitPolicy::balanced()).expect("an epoll set");
    rings
        .add(programs[0].map(), |bytes| {
            first += bytes.len();
            ControlFlow::Continue(())
        })
        .expect("added");
    rings
        .add(programs[1].map(), |bytes| {
            *second.entry(bytes.len()).or_insert(0) += 1;
            if second[&8] == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .expect("added");
    let again = rings.add(programs[1].map(), |_| ControlFlow::Continue(()));
    assert!(matches!(again, Err(SetError::Open(_))), "{again:?}");
    emit(&programs[0], 0);
    emit(&programs[1], 0);
    assert_eq!(rings.poll(LONG).expect("poll"), Wakeup::Ready);
    rings.consume().expect("the rest");
    emit(&programs[1], 0);
    rings.consume().expect("without a wait");
    emit(&programs[1], 0);
    emit(&programs[1], 0);
    let stopped = rings.poll(LONG).expect_err("the third record of the second ring");
    assert!(matches!(stopped, SetError::Stopped), "{stopped}");
    assert_eq!(rings.poll(LONG).expect("the fourth"), Wakeup::Ready);
    assert_eq!(rings.poll(Some(Duration::ZERO)).expect("poll"), Wakeup::TimedOut);
    drop(rings);
    assert_eq!((first, second[&8]), (8, 4));
}

/// After `arm`, each record makes the descriptor of the set readable: in level- and
/// edge-triggered epoll, and in poll. Draining and arming makes it unreadable.
#[test]
fn a_set_nests_in_other_event_loops() {
    if !live("set::nests") {
        return;
    }
    let programs = programs(3);
    let mut set = set(&programs, WaitPolicy::balanced());
    let outer = [Trigger::Level, Trigger::Edge];
    let outer = outer.map(|trigger| Epoll::new(&set, trigger).expect("an epoll set"));
    let events = |time| outer.each_ref().map(|outer| outer.wait(time).expect("epoll_wait"));
    let is_readable = |fd: BorrowedFd| poll_now(fd).expect("poll") & 1;
    for round in 0..30 {
        assert_eq!(set.arm().expect("arm"), Armed::Sleep);
        events(Duration::ZERO); // An edge that is left over.
        assert_eq!((events(Duration::ZERO), is_readable(set.as_fd())), ([0, 0], 0), "{round}");
        emit(&programs[round % 3], 0);
        assert_eq!(events(Duration::from_secs(20)), [1, 1], "{round}");
        assert_eq!(is_readable(set.as_fd()), 1, "{round}");
        assert_eq!(set.wait(Some(Duration::ZERO)).expect("wait"), Wakeup::Ready);
        let mut numbers = Vec::new();
        set.drain(|&mut number, _| numbers.push(number)).expect("sound rings");
        assert_eq!(numbers, [round % 3]);
    }
}

#[test]
fn ready_rings_lend_batches() {
    if !live("set::ready_rings") {
        return;
    }
    let programs = programs(3);
    let mut set = set(&programs, WaitPolicy::immediate());
    emit(&programs[0], 0);
    emit(&programs[2], 0);
    emit(&programs[2], 0);
    assert_eq!(set.wait(LONG).expect("wait"), Wakeup::Ready);
    let mut found = Vec::new();
    while let Some(mut ring) = set.next_ready() {
        let number = *ring.tag();
        let batch = ring.batch();
        let mut records = 0;
        while let Next::Record(_) = batch.next().expect("a sound ring") {
            records += 1;
        }
        found.push((number, records));
    }
    found.sort_unstable();
    assert_eq!(found, [(0, 1), (2, 2)]);
}

/// A child of fork takes no event from its parent, removes nothing of it, and every use in it
/// ends with an error, whether the rings are idle or active.
#[test]
fn a_child_of_fork_cannot_wait() {
    if !live("set::fork") {
        return;
    }
    let _hangs = watchdog("set::fork");
    let programs = programs(2);
    let mut set = set(&programs, WaitPolicy::balanced().max_sleep(Duration::MAX));
    for idle in [false, true] {
        assert_eq!(set.wait(Some(Duration::ZERO)).expect("wait"), Wakeup::TimedOut);
        if idle {
            assert_eq!(set.arm().expect("arm"), Armed::Sleep);
        }
        emit(&programs[1], 0);
        assert_eq!(in_a_child(&mut set, idle), 0, "idle: {idle}");
        for number in [1, 0] {
            assert_eq!(set.wait(None).expect("wait"), Wakeup::Ready);
            let mut found = Vec::new();
            set.drain(|&mut number, _| found.push(number)).expect("sound rings");
            assert_eq!(found, [number]);
            assert_eq!(set.arm().expect("arm"), Armed::Sleep);
            emit(&programs[0], 0);
        }
        assert_eq!(set.wait(None).expect("wait"), Wakeup::Ready);
        set.drain(|_, _| ()).expect("sound rings");
    }
}

/// The status of a child that uses the set in every way.
fn in_a_child(set: &mut RingSet<usize>, idle: bool) -> i32 {
    let (handle, id) = (set.handle(), set.iter().next().expect("a ring").0.id());
    // SAFETY: the child only uses the set, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let says = |error: String| error.contains("parent");
        let refused = set.wait(None).is_err_and(|error| says(error.to_string()));
        let nothing = set.drain(|_, _| ()).is_ok() == idle;
        let armed = set.arm().is_err_and(|error| says(error.to_string()));
        handle.remove(id);
        let (ring, _) = set.remove(id).expect("the child has a set of its own");
        let inserted = set.insert(ring, 7).is_err_and(|error| says(error.to_string()));
        drop(handle);
        process::exit(i32::from(!(refused && nothing && armed && inserted)));
    }
    let mut status = -1;
    // SAFETY: one number to write to.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    status
}

/// No wake is lost by another call than a wait, and a drain after it reads all.
#[test]
fn a_wake_is_left_to_the_next_wait() {
    if !live("set::a_wake") {
        return;
    }
    let programs = programs(2);
    let mut rings = RingSet::new(WaitPolicy::balanced()).expect("an epoll set");
    let waker = rings.waker();
    for program in &programs {
        rings.add(program.map(), |_| ControlFlow::Break(())).expect("added");
    }
    assert_eq!(rings.poll(Some(Duration::from_millis(2))).expect("poll"), Wakeup::TimedOut);
    waker.wake();
    assert_eq!(rings.arm().expect("arm"), Armed::Ready);
    assert_eq!(rings.poll(None).expect("poll"), Wakeup::Woken);
    assert_eq!(rings.arm().expect("arm"), Armed::Sleep);
    waker.wake();
    assert_eq!(poll_now(&rings).expect("poll") & 1, 1, "a wake makes the descriptor readable");
    rings.consume().expect("nothing");
    assert_eq!(rings.poll(None).expect("poll"), Wakeup::Woken);
    emit(&programs[1], 0);
    waker.wake();
    let stopped = rings.poll(None).expect_err("the callback breaks");
    assert!(matches!(stopped, SetError::Stopped), "{stopped}");
    assert_eq!(rings.poll(None).expect("poll"), Wakeup::Woken);
    assert_eq!(rings.poll(Some(Duration::ZERO)).expect("poll"), Wakeup::TimedOut);
}

/// A ring that is not drained stays ready, whatever its policy: no wait sleeps.
#[test]
fn what_is_left_is_found_by_the_next_wait() {
    if !live("set::what_is_left") {
        return;
    }
    let _hangs = watchdog("set::what_is_left");
    let programs = programs(2);
    let mut set = set(&programs, WaitPolicy::balanced().max_sleep(Duration::MAX));
    (0..10).for_each(|_| emit(&programs[1], 0));
    let mut count = 0;
    while count < 10 {
        assert_eq!(set.wait(None).expect("wait"), Wakeup::Ready);
        let end = set.for_each(|_, _| ControlFlow::Break(())).expect("sound rings");
        assert_eq!(end, ControlFlow::Break(()));
        count += 1;
    }
    assert!(set.as_fd().try_clone_to_owned().is_ok());
}

/// Another reader moves the position of one ring. That is reported once, by id and name, and the
/// other rings go on.
#[test]
fn a_ring_that_is_read_by_another_fails_alone() {
    if !live("set::read_by_another") {
        return;
    }
    let programs = programs(3);
    let mut set = set(&programs, WaitPolicy::balanced());
    let mut counts = [0; 3];
    let mut failed = Vec::new();
    for round in 0..4 {
        programs.iter().for_each(|program| emit(program, 0));
        if round == 1 {
            programs[1].ring().catch_up();
        }
        while set.wait(Some(Duration::from_millis(2))).expect("wait") == Wakeup::Ready {
            if let Err(error) = set.drain(|&mut number, _| counts[number] += 1) {
                failed.push(error);
            }
        }
    }
    let [error] = &failed[..] else { panic!("{failed:?}") };
    let ring = set.iter().nth(1).expect("the second").0;
    assert_eq!((error.id, &error.name[..]), (ring.id(), ring.name()));
    let text = error.to_string();
    assert!(text.starts_with(&format!("the ring of map {} (ring): ", ring.id())), "{text}");
    assert_eq!([counts[0], counts[2]], [4, 4]);
}
