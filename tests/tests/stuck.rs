//! A program that sleeps between reserve and submit: the reader says what is stuck, sleeps
//! meanwhile, and then delivers everything in order.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::stall::types::{emit, stall};
use ringbuf_bpf::stall::{StallSkel, StallSkelBuilder};
use ringbuf_kernel::{BusyHead, Consumer, Drained, Mapping, RingBuf, RingSet, WaitPolicy, Wakeup};
use ringbuf_tests::{
    FORCE_WAKEUP, LatePage, Sleeps, live_since, page_size, skip, test_run, times_slept, watchdog,
};

const WAIT: Duration = Duration::from_millis(300);

/// What the sleeping program copies.
const CONTENT: [u8; 64] = [0x5a; 64];

#[test]
fn a_program_that_sleeps_in_a_page_fault_is_reported_and_slept_on() {
    let test = "stuck::a_program_that_sleeps_in_a_page_fault";
    let Some((programs, page)) = load(test) else { return };
    let _hangs = watchdog(test);
    let memory = Sleeps::new(Mapping::new(&programs.maps.ring).expect("the ring maps"));
    // SAFETY: C1: the only consumer of a ring that this test has loaded.
    let mut ring = unsafe { Consumer::new(memory) }.expect("a sound ring");
    let policies =
        [WaitPolicy::balanced(), WaitPolicy::immediate(), WaitPolicy::low_cost()].into_iter();
    for (policy, page) in policies.zip([page, late(), late()]) {
        ring.set_policy(policy);
        output(&programs, 1, 0);
        let begin = ring.position().get();
        while_asleep(&programs, &page, || {
            for (number, flags) in [(2, 0), (3, FORCE_WAKEUP), (4, 0)] {
                output(&programs, number, flags);
            }
            let mut read = Vec::new();
            let end = ring.drain(|record| read.push(record.to_vec())).expect("a sound ring");
            assert_eq!((end, read), (Drained::Busy, vec![1_u64.to_ne_bytes().to_vec()]));
            let head = ring.busy_head().expect("a sound ring").expect("the program sleeps");
            assert_eq!(described(head), (begin + 16, 64, 3 * 16));
            // Counted from here.
            let memory = ring.memory();
            memory.blocks().clear();
            assert!(memory.naps() + memory.looks() > 0, "the drain looked");
            assert_eq!(ring.wait(Some(WAIT)).expect("wait"), Wakeup::TimedOut);
            let memory = ring.memory();
            let (blocks, naps, looks) = (memory.blocks().len(), memory.naps(), memory.looks());
            println!("{WAIT:?}: {blocks} blocks, {naps} naps, {looks} looks");
            // At most three of a tenth of a second, one that the forced notification ended, and
            // the rest of one. Each looks a few times.
            assert!((1..=6).contains(&blocks) && naps <= 8, "{blocks} blocks, {naps} naps");
            assert!(looks <= 6 * (blocks as u64 + naps) + 6, "{looks} looks");
            let head = ring.busy_head().expect("a sound ring").expect("it still sleeps");
            assert_eq!(described(head), (begin + 16, 64, 3 * 16));
            assert!(head.busy_for >= WAIT, "lower bound: {head:?}");
        });
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
        assert_eq!(ring.busy_head(), Ok(None));
        let mut read = Vec::new();
        ring.drain(|record| read.push(record.to_vec())).expect("a sound ring");
        let numbers = [2_u64, 3, 4].map(|number| number.to_ne_bytes().to_vec());
        assert_eq!(read[0], CONTENT);
        assert_eq!(read[1..], numbers);
    }
}

#[test]
fn a_set_names_the_ring_whose_program_sleeps_and_sleeps_too() {
    let test = "stuck::a_set_names_the_ring_whose_program_sleeps";
    let Some((programs, page)) = load(test) else { return };
    let _hangs = watchdog(test);
    let other = load_programs();
    let mut set = RingSet::new(WaitPolicy::balanced()).expect("an epoll set");
    for (ring, name) in [(&other.maps.ring, "other"), (&programs.maps.ring, "stuck")] {
        set.insert(RingBuf::open(ring).expect("ring"), name).expect("added");
    }
    let mut stuck = None;
    while_asleep(&programs, &page, || {
        output(&programs, 2, FORCE_WAKEUP);
        let before = times_slept();
        assert_eq!(set.wait(Some(WAIT)).expect("wait"), Wakeup::TimedOut);
        let slept = times_slept() - before;
        println!("{WAIT:?}: {slept} sleeps");
        assert!((1..=20).contains(&slept), "a thread that spins does not sleep: {slept}");
        let found: Vec<_> =
            set.stuck(WAIT / 3).map(|(ring, name, head)| (ring.id(), *name, head)).collect();
        assert!(matches!(found[..], [(_, "stuck", _)]), "{found:?}");
        assert_eq!(described(found[0].2), (0, 64, 16));
        stuck = Some(found[0].0);
        // The other ring is read meanwhile.
        output(&other, 7, 0);
        assert_eq!(set.wait(None).expect("wait"), Wakeup::Ready);
        let mut read = Vec::new();
        set.drain(|name, record| read.push((*name, record.len()))).expect("sound rings");
        assert_eq!(read, [("other", 8)]);
    });
    let ring = set.get(stuck.expect("found")).expect("in the set").0;
    assert_eq!(ring.busy_head(), Ok(None));
    assert_eq!(set.stuck(Duration::ZERO).count(), 0);
    let mut read = Vec::new();
    // A look of a set ends after a time, too, which may be one record on a slow machine.
    while read.len() < 2 {
        assert_eq!(set.wait(None).expect("wait"), Wakeup::Ready);
        set.drain(|name, record| read.push((*name, record.to_vec()))).expect("sound rings");
    }
    assert_eq!(read, [("stuck", CONTENT.to_vec()), ("stuck", 2_u64.to_ne_bytes().to_vec())]);
}

/// Position, length, bytes behind.
fn described(head: BusyHead) -> (u64, u32, u64) {
    (head.position.get(), head.len.get(), head.behind)
}

/// Runs the program until it sleeps, calls `body`, and lets the program go on.
fn while_asleep(programs: &StallSkel<'_>, page: &LatePage, body: impl FnOnce()) {
    let program = programs.progs.stall.as_fd();
    thread::scope(|scope| {
        let run = scope.spawn(move || test_run(program, &stall { from: page.address() }));
        let accessed = page.until_accessed(|| run.is_finished());
        if accessed.is_some() {
            body();
        }
        let slept = accessed.is_some();
        drop(accessed);
        let result = run.join().expect("no panic").expect("the program runs");
        assert_eq!((result, slept), (0, true), "the program sleeps, and then submits");
    });
}

fn output(programs: &StallSkel<'_>, number: u64, flags: u64) {
    let result = test_run(programs.progs.emit.as_fd(), &emit { number, flags });
    assert_eq!(result.expect("the program runs"), 0, "there is room");
}

/// The programs and a page, or nothing where this cannot be tested.
fn load(test: &str) -> Option<(StallSkel<'static>, LatePage)> {
    if !live_since(test, (5, 14)) {
        return None;
    }
    if page_size() != 4096 {
        skip(test, "its ring has 4 KiB, less than a page here");
        return None;
    }
    match LatePage::new(&CONTENT) {
        Ok(page) => Some((load_programs(), page)),
        Err(error) => {
            skip(test, &refusal(&error));
            None
        }
    }
}

fn refusal(error: &io::Error) -> String {
    format!("no faults of the kernel can be held here (userfaultfd): {error}")
}

fn late() -> LatePage {
    LatePage::new(&CONTENT).expect("as the first")
}

fn load_programs() -> StallSkel<'static> {
    // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
    let object = Box::leak(Box::new(MaybeUninit::uninit()));
    let open = StallSkelBuilder::default().open(object).expect("a sound object");
    open.load().expect("load of stall.bpf.c")
}
