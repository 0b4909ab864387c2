//! Rings in overwrite mode (Linux 6.19 and later): nothing torn is delivered while a program on
//! another CPU laps the reader, and each refusal says what to do.
//!
//! RINGBUF_RECORDS says how many reads (200,000 without it).

mod pausing;

use std::env;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use libbpf_rs::MapType;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::load::types::produce;
use ringbuf_bpf::load::{LoadSkelBuilder, mix, template_offset};
use ringbuf_bpf::wakeup::WakeupSkelBuilder;
use ringbuf_bpf::wakeup::types::emit;
use ringbuf_kernel::{
    MapOptions, NextCopy, OpenError, OverwriteMapping, OverwriteReader, OverwriteRing, Position,
    RingBuf, Tso, Wakeup,
};
use ringbuf_tests::{
    BpfFs, create_map, kernel_release, live, live_since, online_cpus, page_size, pin_to_cpu, skip,
    test_run, watchdog,
};

use pausing::Pausing;

const SINCE: (u32, u32) = (6, 19);

/// A kernel before 6.19 refuses the flag, and the error names the release.
#[test]
fn an_older_kernel_says_what_it_lacks() {
    let test = "overwrite::an_older_kernel_says_what_it_lacks";
    if !live(test) {
        return;
    }
    if kernel_release() >= SINCE {
        skip(test, "this kernel has overwrite mode");
        return;
    }
    let error = OverwriteRing::create(page_size() as u64).expect_err("refused");
    assert!(matches!(error, OpenError::UnsupportedKernel { since: SINCE, .. }), "{error}");
    let text = error.to_string();
    println!("{text}");
    for part in ["overwrite mode (BPF_F_RB_OVERWRITE)", "need Linux 6.19 or later"] {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    // An ordinary ring is refused by its own name.
    let ring = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("ring");
    assert_not_overwriting(&ring);
}

#[test]
fn each_mode_has_its_own_reader() {
    if !live_since("overwrite::each_mode_has_its_own_reader", SINCE) {
        return;
    }
    let page = page_size() as u32;
    let ordinary = create_map(MapType::RingBuf, 0, 0, page, 0).expect("ring");
    assert_not_overwriting(&ordinary);
    let map = create_map(MapType::RingBuf, 0, 0, page, 1 << 19).expect("ring");
    let text = RingBuf::open(&map).expect_err("refused").to_string();
    assert!(text.contains("open it with OverwriteRing"), "{text}");
    let ring = OverwriteRing::open(&map).expect("opens");
    let second = OverwriteRing::open(&map).expect_err("one reader");
    assert!(matches!(second, OpenError::SecondConsumer { .. }), "{second}");
    let id = ring.id();
    drop(ring);
    assert_eq!(OverwriteRing::from_id(id).expect("by id").capacity().bytes(), page.into());
    let own = OverwriteRing::create(page.into()).expect("create");
    assert_eq!((own.name(), own.capacity().bytes()), ("ringbuf", page.into()));
    let bpffs = BpfFs::mount();
    let path = bpffs.path().join("recorder");
    let mut pinned = libbpf_rs::MapHandle::from_map_id(own.id()).expect("by id");
    pinned.pin(&path).expect("pin");
    drop(own);
    OverwriteRing::from_pin(&path).expect("by pin");
    let tso = cfg!(any(target_arch = "x86_64", target_arch = "x86", target_arch = "s390x"));
    assert_eq!(Tso::of(&OverwriteMapping::from_pin(&path).expect("by pin")).is_some(), tso);
}

fn assert_not_overwriting(map: impl AsFd) {
    let error = OverwriteRing::open(map).expect_err("refused");
    assert!(matches!(error, OpenError::NotOverwriting { .. }), "{error}");
    assert!(error.to_string().contains("open it with RingBuf"), "{error}");
}

/// One record ends the wait of a reader that has caught up; a lapped one does not block.
#[test]
fn waits_end_with_a_record() {
    let test = "overwrite::waits_end_with_a_record";
    if !live_since(test, SINCE) {
        return;
    }
    let _watchdog = watchdog(test);
    let options = MapOptions::new(page_size() as u64).name("ring");
    let mut ring = options.create_overwriting().expect("ring");
    let mut object = MaybeUninit::uninit();
    let mut open = WakeupSkelBuilder::default().open(&mut object).expect("open");
    open.maps.ring.reuse_fd(ring.as_fd()).expect("reuse_fd");
    let skeleton = open.load().expect("load");
    let program = skeleton.progs.emit.as_fd();
    let emit = |count| {
        let arguments = emit { count, ..emit::default() };
        assert_eq!(test_run(program, &arguments).expect("run"), 0, "{count} records");
    };
    assert_eq!(ring.wait(Some(Duration::ZERO)).expect("wait"), Wakeup::TimedOut);
    let mut buffer = vec![0; page_size()];
    for _ in 0..20 {
        thread::scope(|scope| {
            scope.spawn(|| emit(1));
            assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
        });
        assert!(matches!(ring.next_copy(&mut buffer), Ok(NextCopy::Record(_))));
        assert!(matches!(ring.next_copy(&mut buffer), Ok(NextCopy::Empty)));
    }
    emit(4096);
    assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
    assert!(matches!(ring.next_copy(&mut buffer), Ok(NextCopy::Lost(_))));
}

/// A program on another CPU laps the reader, which pauses in each 64th copy. What is delivered
/// is whole.
#[test]
fn a_program_that_laps_the_reader_tears_nothing() {
    let test = "overwrite::a_program_that_laps_the_reader_tears_nothing";
    if !live_since(test, SINCE) {
        return;
    }
    let [here, there, ..] = online_cpus()[..] else {
        skip(test, "needs two CPUs: one for the program, one for the reader");
        return;
    };
    let target = env::var("RINGBUF_RECORDS").map_or(200_000, |n| n.parse().expect("number"));
    let map = MapOptions::new(64 << 10).name("ring").create_overwriting().expect("ring");
    let mut object = MaybeUninit::uninit();
    let mut open = LoadSkelBuilder::default().open(&mut object).expect("open");
    open.maps.rodata_data.as_deref_mut().expect("rodata").with_dynptr = 1;
    let template = random_bytes();
    open.maps.data_data.as_deref_mut().expect("data").template_bytes.copy_from_slice(&template);
    open.maps.ring.reuse_fd(map.as_fd()).expect("reuse_fd");
    drop(map);
    let skeleton = open.load().expect("load of load.bpf.c");
    let (program, stop) = (skeleton.progs.produce.as_fd(), AtomicBool::new(false));
    let tally = thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        scope.spawn(|| {
            let _pinned = pin_to_cpu(there).expect("pin");
            while !stop.load(Ordering::Relaxed) {
                produce_some(program);
            }
        });
        let _pinned = pin_to_cpu(here).expect("pin");
        let memory = Pausing::new(OverwriteMapping::new(&skeleton.maps.ring).expect("opens"));
        let tso = Tso::of(&memory).expect("x86");
        let reader = OverwriteReader::new(memory, tso).expect("a sound ring");
        read(&reader, &template, target)
    });
    println!("{test}: {tally:?}");
    assert!(tally.overtaken > 100, "the reader was hardly overtaken");

    // Without a writer the bytes add up: a reader that follows to the end.
    let mut ring = OverwriteRing::open(&skeleton.maps.ring).expect("opens");
    let mut buffer = vec![0; 64 << 10];
    while !matches!(ring.next_copy(&mut buffer).expect("a sound ring"), NextCopy::Empty) {}
    let counts = ring.counts();
    let bytes = counts.delivered_bytes + counts.discarded_bytes + counts.lost_bytes;
    println!("{test}: {counts}");
    assert_eq!(bytes, ring.position().get());
}

/// What was read.
#[derive(Debug, Default)]
struct Tally {
    reads: u64,
    delivered: u64,
    snapshots: u64,
    overtaken: u64,
    lost_bytes: u64,
    paused: u64,
}

/// Reads snapshots, each second one newest first.
fn read(reader: &OverwriteReader<Pausing, Tso>, template: &[u8], target: u64) -> Tally {
    let mut tally = Tally::default();
    let mut buffer = vec![0; 64 << 10];
    let mut index = vec![Position::default(); 200];
    while tally.reads < target {
        let mut numbers = Vec::new();
        let snapshot = reader.snapshot().expect("a sound ring");
        let mut enter = |next: NextCopy<'_>| {
            match next {
                NextCopy::Record(record) => {
                    tally.delivered += 1;
                    numbers.extend(check(&record, template));
                }
                NextCopy::Lost(lost) => {
                    tally.overtaken += 1;
                    tally.lost_bytes += lost.bytes;
                }
                _ => return false,
            }
            tally.reads += 1;
            true
        };
        if tally.snapshots % 2 == 0 {
            let mut snapshot = snapshot;
            while enter(snapshot.next_copy(&mut buffer).expect("a sound ring")) {}
        } else {
            let mut newest = snapshot.newest_first(&mut index).expect("a sound ring");
            while enter(newest.next_copy(&mut buffer).expect("a sound ring")) {}
            numbers.reverse();
        }
        assert!(numbers.is_sorted_by(|a, b| a < b), "out of order or repeated: {numbers:?}");
        tally.snapshots += 1;
    }
    tally.paused = reader.memory().paused();
    tally
}

/// Checks all bytes of a record as `load.bpf.c` documents them. Returns its number.
fn check(sample: &[u8], template: &[u8]) -> Option<u64> {
    let size = sample.len();
    if size < 8 {
        return None;
    }
    let word0 = word(sample, 0);
    assert_eq!(word0 >> 56, 0, "the producer of a record of {size} bytes");
    let fixed = if size < 16 { 8 } else { 16 };
    if fixed == 16 {
        assert_eq!(word(sample, 8), mix(word0 ^ size as u64), "torn: checksum of record {word0}");
    }
    let from = template_offset(word0);
    assert!(sample[fixed..] == template[from..from + size - fixed], "torn: record {word0}");
    Some(word0)
}

fn word(sample: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(sample[at..at + 8].try_into().expect("8 bytes"))
}

fn produce_some(program: BorrowedFd<'_>) {
    let arguments = produce { producer: 0, attempts: 1_000, flags: 0 };
    assert_eq!(test_run(program, &arguments).expect("produce"), 0);
}

fn random_bytes() -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
        state.to_ne_bytes()
    };
    std::iter::repeat_with(next).take(128 * 1024 / 8).flatten().collect()
}

/// Tells the program to end, also when the reader panics.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
