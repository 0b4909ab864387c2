//! The reader on the live map: waiting, handing over, starting again.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_bpf::wakeup::types::emit;
use ringbuf_bpf::wakeup::{WakeupSkel, WakeupSkelBuilder};
use ringbuf_kernel::{Armed, Mapping, Next, RingBuf, RingMemory, WaitPolicy, Wakeup};
use ringbuf_tests::{
    BpfFs, FORCE_WAKEUP, NO_WAKEUP, Operations, Watchdog, live, live_since, page_size, poll_now,
    test_run, until_seen, watchdog,
};

const SHORT: Option<Duration> = Some(Duration::from_millis(30));

#[test]
fn a_commit_wakes_the_reader() {
    let Some(load) = Load::new("reader::a_commit_wakes_the_reader") else { return };
    let mut ring = load.open();
    // So that only the notification, and no look in between, can end the wait.
    ring.set_policy(WaitPolicy::default().max_sleep(Duration::MAX));
    assert_eq!(ring.wait(SHORT).expect("wait"), Wakeup::TimedOut);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            load.emit(3, 0);
        });
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
    });
    assert_eq!(read(&mut ring), [0, 1, 2]);
    assert_eq!(ring.wait(SHORT).expect("wait"), Wakeup::TimedOut);
    assert_eq!(ring.lag().expect("sound"), 0);
}

#[test]
fn silent_records_are_noticed_within_the_bound() {
    let Some(load) = Load::new("reader::silent_records") else { return };
    let mut ring = load.open();
    ring.set_policy(WaitPolicy::default().max_sleep(Duration::from_millis(20)));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            load.emit(2, NO_WAKEUP);
        });
        // Nobody wakes it: it is noticed by looking.
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
    });
    assert_eq!(read(&mut ring), [0, 1]);
    load.emit(1, FORCE_WAKEUP);
    assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
    assert_eq!(read(&mut ring), [2]);
}

#[test]
fn a_busy_head_is_waited_for_and_not_spun_on() {
    if !live_since("reader::a_busy_head", (5, 10)) {
        return;
    }
    until_seen("reader::a_busy_head", || {
        let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
        let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
        operations.while_held(false, 0, || {
            assert_eq!(poll_now(ring.as_fd()).expect("poll") & 1, 1, "poll(2) calls it readable");
            assert!(matches!(ring.batch().next(), Ok(Next::Busy)));
            assert_eq!(ring.arm(), Armed::Sleep);
            let before = switches();
            assert_eq!(ring.wait(SHORT).expect("wait"), Wakeup::TimedOut);
            assert!(switches() - before < 10, "asleep, not spinning");
            assert_eq!(ring.lag().expect("sound"), 32, "both records count");
        });
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
        let batch = ring.batch();
        let mut lens = Vec::new();
        while let Next::Record(record) = batch.next().expect("sound") {
            lens.push(record.len());
        }
        assert_eq!(lens, [8, 8]);
    });
}

#[test]
fn reading_goes_on_where_the_last_reader_stopped() {
    let Some(load) = Load::new("reader::reading_goes_on") else { return };
    load.emit(6, 0);
    let mut ring = load.open();
    let batch = ring.batch().max_records(2);
    assert_eq!(numbers(&batch), [0, 1]);
    drop(batch);
    let batch = ring.batch();
    assert_eq!(numbers(&batch), [2, 3, 4, 5]);
    batch.rewind();
    let batch = ring.batch().max_bytes(1);
    assert_eq!(numbers(&batch), [2], "rewound records come again");
    std::mem::forget(batch);
    ring.hold_back(1 << 20);
    let batch = ring.batch().max_records(1);
    assert_eq!(numbers(&batch), [2], "so do those of a forgotten batch");
    drop(batch);
    drop(ring);

    let mut ring = load.open();
    assert_eq!(read(&mut ring), [3, 4, 5], "dropping a reader publishes");
    assert_eq!(ring.counts().delivered, 3);
}

#[test]
fn rings_open_by_id_and_by_pin() {
    let Some(load) = Load::new("reader::rings_open_by_id_and_by_pin") else { return };
    load.emit(2, 0);
    let id = load.open().id();
    let mut ring = RingBuf::from_id(id).expect("by id");
    assert_eq!((ring.id(), ring.name()), (id, "ring"));
    assert_eq!(ring.as_raw_fd(), ring.as_fd().as_raw_fd());
    assert_eq!(read(&mut ring), [0, 1]);
    drop(ring);

    let bpffs = BpfFs::mount();
    let path = bpffs.path().join("ring");
    load.pin(&path);
    load.emit(1, 0);
    let mut ring = RingBuf::from_pin(&path).expect("by pin");
    assert_eq!(read(&mut ring), [2]);
}

#[test]
fn records_of_each_kind_read_as_written() {
    if !live_since("reader::records_of_each_kind", (5, 10)) {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
    operations.run(op_kind::RESERVE_SUBMIT, 0, 0);
    operations.run(op_kind::RESERVE_DISCARD, 8, 0);
    operations.run(op_kind::OUTPUT, 13, 0);
    let batch = ring.batch();
    let Ok(Next::Record(empty)) = batch.next() else { panic!("the record of no byte") };
    let Ok(Next::Record(output)) = batch.next() else { panic!("the record of 13 bytes") };
    // Both at once; a record derefs to its bytes.
    assert!(empty.is_empty() && output[..] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    let (words, rest) = output.words();
    assert_eq!((words, rest), (&[u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7])][..], &output[8..]));
    assert!(matches!(batch.next(), Ok(Next::Empty)));
    drop(batch);
    assert_eq!((ring.counts().delivered, ring.counts().discarded), (2, 1));
}

/// A ring and its descriptor, policy and counts stay together, whatever safe code does.
#[test]
fn rings_that_were_swapped_wait_for_themselves() {
    let Some(load) = Load::new("reader::rings_that_were_swapped") else { return };
    load.emit(3, 0);
    let mut ring = load.open();
    assert_eq!(read(&mut ring), [0, 1, 2]);
    assert_eq!(ring.wait(SHORT).expect("wait"), Wakeup::TimedOut);
    let mut other = RingBuf::create(page_size() as u64).expect("a ring of one page");
    other.set_policy(WaitPolicy::default().max_sleep(Duration::MAX));
    assert_eq!(other.wait(SHORT).expect("wait"), Wakeup::TimedOut);
    let id = ring.id();
    std::mem::swap(ring.consumer_mut(), other.consumer_mut());
    assert_eq!((other.id(), other.name()), (id, "ring"));
    other.set_policy(WaitPolicy::default().max_sleep(Duration::MAX));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            load.emit(1, 0);
        });
        assert_eq!(other.wait(None).expect("wait"), Wakeup::Ready);
    });
    assert_eq!(read(&mut other), [3]);
    assert_eq!(ring.wait(SHORT).expect("wait"), Wakeup::TimedOut);
}

/// What is checked is what is mapped: a caller's `AsFd` that answers another map each time is asked
/// once.
#[test]
fn a_descriptor_is_asked_for_once() {
    if !live("reader::a_descriptor_is_asked_for_once") {
        return;
    }
    struct Alternating {
        maps: [OwnedFd; 2],
        asked: Cell<usize>,
    }
    impl AsFd for Alternating {
        fn as_fd(&self) -> BorrowedFd<'_> {
            let asked = self.asked.replace(self.asked.get() + 1);
            self.maps[asked % 2].as_fd()
        }
    }
    let page = page_size() as u64;
    let mut ids = Vec::new();
    let maps = [page, 4 * page].map(|bytes| {
        let ring = RingBuf::create(bytes).expect("a ring");
        ids.push((ring.id(), bytes));
        ring.as_fd().try_clone_to_owned().expect("a descriptor")
    });
    let maps = Alternating { maps, asked: Cell::new(0) };
    for (times, (id, bytes)) in (1..).zip(ids) {
        let ring = RingBuf::open(&maps).expect("the ring opens");
        assert_eq!((ring.id(), ring.capacity().bytes()), (id, bytes));
        assert_eq!(maps.asked.get(), times);
    }
    let mapping = Mapping::new(&maps).expect("the ring maps");
    assert_eq!((mapping.capacity().bytes(), maps.asked.get()), (page, 3));
}

/// The wakeup programs, and a ring of one page. Waits have no timeout: one that nothing ends hangs.
struct Load {
    skeleton: WakeupSkel<'static>,
    _hangs: Watchdog,
}

impl Load {
    fn new(test: &'static str) -> Option<Self> {
        live_since(test, (5, 10)).then(|| {
            let object = Box::leak(Box::new(MaybeUninit::uninit()));
            let open = WakeupSkelBuilder::default().open(object).expect("open");
            Self { skeleton: open.load().expect("load of wakeup.bpf.c"), _hangs: watchdog(test) }
        })
    }

    fn open(&self) -> RingBuf {
        RingBuf::open(&self.skeleton.maps.ring).expect("the ring opens")
    }

    fn emit(&self, count: u32, flags: u64) {
        let arguments = emit { count, delay: 0, flags };
        assert_eq!(test_run(&self.skeleton.progs.emit, &arguments).expect("emit"), 0);
    }

    fn pin(&self, path: &std::path::Path) {
        use libbpf_rs::{MapCore, MapHandle};
        let id = self.skeleton.maps.ring.info().expect("info").info.id;
        MapHandle::from_map_id(id).expect("by id").pin(path).expect("pin");
    }
}

/// Takes all that is there.
fn read(ring: &mut RingBuf) -> Vec<u64> {
    numbers(&ring.batch())
}

fn numbers(batch: &ringbuf_kernel::Batch<'_, ringbuf_kernel::Mapping>) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Next::Record(record) = batch.next().expect("sound") {
        numbers.push(record.words().0[0]);
    }
    numbers
}

/// How often this thread has gone to sleep.
fn switches() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: room for one rusage.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    // SAFETY: zeroed, then filled: plain numbers.
    unsafe { usage.assume_init() }.ru_nvcsw
}
