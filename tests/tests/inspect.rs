//! Observers of maps that others own: what they see is what is there, and nothing is written.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::thread;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapType, libbpf_sys};
use ringbuf_bpf::stall::types::{emit, stall};
use ringbuf_bpf::stall::{StallSkel, StallSkelBuilder};
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{
    Head, Inspector, Observed, OpenError, RingBuf, RingKind, Tap, UserRingBuf, owners, ring_ids,
    rings,
};
use ringbuf_tests::{
    BpfFs, Call, LatePage, Operations, create_map, live, live_since, map_by_id, page_size, skip,
    test_run, watchdog, with_failing,
};

const RDONLY: u32 = libbpf_sys::BPF_F_RDONLY;
const WRONLY: u32 = libbpf_sys::BPF_F_WRONLY;

#[test]
fn the_positions_of_any_ring_are_told() {
    if !live("inspect::positions") {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = operations.map().info().expect("info").info.id;
    let by_id = Inspector::from_id(id).expect("root");
    let by_fd = Inspector::from_fd(operations.map()).expect("a ring");
    assert_eq!((by_id.id(), by_id.name(), by_id.kind()), (id, "ring", RingKind::Ring));
    assert_eq!(by_id.capacity().bytes(), page_size() as u64);
    assert!(!by_id.is_overwrite());
    for _ in 0..3 {
        operations.run(op_kind::OUTPUT, 13, 0);
        operations.run(op_kind::RESERVE_DISCARD, 8, 0);
    }
    let raw = operations.ring();
    raw.set_consumer_pos(40);
    for inspector in [&by_id, &by_fd] {
        let look = inspector.look();
        assert_eq!((look.consumer.get(), look.producer.get()), (40, raw.producer_pos()));
        assert_eq!(look.pending_word.get(), raw.pending_pos());
        assert_eq!(look.fill().expect("sound"), raw.producer_pos() - 40);
        let Head::Committed(head) = inspector.head().expect("sound") else { panic!("submitted") };
        assert_eq!((head.position.get(), head.len.get()), (40, 13));
    }
    raw.set_consumer_pos(64);
    assert!(matches!(by_id.head().expect("sound"), Head::Discarded(_)));
    raw.catch_up();
    assert_eq!(by_id.head().expect("sound"), Head::Empty);
    // A position that no reader stores.
    raw.set_consumer_pos(raw.producer_pos() + 8);
    assert!(matches!(by_id.head(), Err(OpenError::Corrupt(_))));
    assert!(by_id.look().fill().is_err());
    let told = by_id.describe().expect("it can be mapped");
    assert!(told.corrupt.is_some() && told.head.is_none() && told.fill().is_none());
    raw.catch_up();
}

#[test]
fn copies_of_a_live_ring_are_what_its_programs_wrote() {
    if !live("inspect::copies") {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let inspector = Inspector::from_fd(operations.map()).expect("a ring");
    let all = inspector.map_all().expect("mapped");
    let mut tap = Tap::at_producer(&all);
    let (mut buffer, mut tapped) = (vec![0; page_size()], Vec::new());
    let payload = |len: u32| (0..len).map(|byte| byte as u8).collect::<Vec<_>>();
    // Several laps, so that windows cross the end of the data.
    let sizes: Vec<u32> = (0..600).map(|number| 1 + number * 37 % 200).collect();
    for group in sizes.chunks(7) {
        for size in group {
            assert_eq!(operations.run(op_kind::OUTPUT, *size, 0), 0);
        }
        let window = inspector.map_pending().expect("mapped");
        assert!(window.memory().keep().mapped_bytes() <= 4 * page_size(), "a window only");
        let mut pending = window.pending().expect("sound");
        for size in group {
            let step = pending.next(&mut buffer).expect("sound");
            assert!(matches!(step, Observed::Record { sample, .. } if sample == payload(*size)));
        }
        assert_eq!(pending.next(&mut buffer).expect("sound"), Observed::End);
        operations.ring().catch_up();
        while let Observed::Record { sample, .. } = tap.next(&all, &mut buffer).expect("sound") {
            tapped.push(sample.len() as u32);
            assert_eq!(sample, payload(sample.len() as u32));
        }
    }
    assert_eq!((tapped, tap.missed()), (sizes, 0));
    // Lapped: the missing bytes are exact.
    let before = operations.ring().producer_pos();
    for _ in 0..2 * page_size() / 24 {
        assert_eq!(operations.run(op_kind::OUTPUT, 16, 0), 0);
        operations.ring().catch_up();
    }
    let missed = operations.ring().producer_pos() - before;
    assert_eq!(tap.next(&all, &mut buffer).expect("sound"), Observed::Missed { bytes: missed });
    assert_eq!(tap.position().get(), operations.ring().producer_pos());
}

#[test]
fn a_stuck_head_is_seen_by_two_looks() {
    let test = "inspect::a_stuck_head";
    if !live_since(test, (5, 14)) {
        return;
    }
    if page_size() != 4096 {
        skip(test, "its ring has 4 KiB, less than a page here");
        return;
    }
    let page = match LatePage::new(&[0x5a; 64]) {
        Ok(page) => page,
        Err(error) => {
            let reason = "no faults of the kernel can be held here (userfaultfd)";
            skip(test, &format!("{reason}: {error}"));
            return;
        }
    };
    let _hangs = watchdog(test);
    let programs = stall_programs();
    let inspector = Inspector::from_fd(&programs.maps.ring).expect("a ring");
    let program = programs.progs.stall.as_fd();
    thread::scope(|scope| {
        let run = scope.spawn(|| test_run(program, &stall { from: page.address() }));
        let accessed = page.until_accessed(|| run.is_finished()).expect("it sleeps");
        // A variable: the kernel writes the arguments of a syscall program back.
        let arguments = emit { number: 2, flags: 0 };
        let result = test_run(programs.progs.emit.as_fd(), &arguments);
        assert_eq!(result.expect("the program runs"), 0);
        let Head::Busy(first) = inspector.head().expect("sound") else { panic!("it is reserved") };
        assert_eq!((first.len.get(), first.behind), (64, 16));
        assert_eq!(inspector.head().expect("sound"), Head::Busy(first), "the same one");
        // What is behind it can be seen.
        let window = inspector.map_pending().expect("mapped");
        let (mut pending, mut buffer) = (window.pending().expect("sound"), [0; 64]);
        assert!(matches!(pending.next(&mut buffer).expect("sound"), Observed::Busy { .. }));
        let step = pending.next(&mut buffer).expect("sound");
        let number = 2_u64.to_ne_bytes();
        assert!(matches!(step, Observed::Record { sample, .. } if sample == number));
        drop(accessed);
        run.join().expect("no panic").expect("the program runs");
    });
    assert!(matches!(inspector.head().expect("sound"), Head::Committed(_)));
}

fn stall_programs() -> StallSkel<'static> {
    // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
    let object = Box::leak(Box::new(MaybeUninit::uninit()));
    let open = StallSkelBuilder::default().open(object).expect("a sound object");
    open.load().expect("load of stall.bpf.c")
}

#[test]
fn user_rings_are_observed_too() {
    if !live_since("inspect::user_rings", (6, 1)) {
        return;
    }
    let map = create_map(MapType::UserRingBuf, 0, 0, page_size() as u32, 0).expect("user ring");
    let inspector = Inspector::from_fd(&map).expect("a ring");
    assert_eq!((inspector.kind(), inspector.name()), (RingKind::UserRing, "ringbuf_tests"));
    let producer = UserRingBuf::open(&map).expect("user ring");
    let held = producer.reserve(20).expect("space");
    let Head::Busy(head) = inspector.head().expect("sound") else { panic!("it is reserved") };
    assert_eq!((head.position.get(), head.len.get(), head.behind), (0, 20, 0));
    held.submit();
    assert!(matches!(inspector.head().expect("sound"), Head::Committed(_)));
    assert_eq!(inspector.look().fill().expect("sound"), 32);
    assert_eq!(inspector.look().pending(), None);
    let id = inspector.id();
    let told = inspector.describe().expect("mapped");
    let readers = owners(&[told]).readers(id).expect("known").len();
    assert_eq!(readers, 1, "this process produces");
}

#[test]
fn what_cannot_be_observed_is_refused_with_a_reason() {
    if !live("inspect::refusals") {
        return;
    }
    let array = create_map(MapType::Array, 4, 4, 1, 0).expect("array");
    let error = Inspector::from_fd(&array).expect_err("an array");
    assert!(matches!(error, OpenError::NotARing { map_type: 2, .. }), "{error}");
    let ring = RingBuf::create(page_size() as u64).expect("ring");
    for flag in [RDONLY, WRONLY] {
        let fd = map_by_id(ring.id(), flag).expect("root");
        let error = Inspector::from_fd(&fd).expect_err("it cannot be mapped");
        assert!(matches!(error, OpenError::UnmappableFd { .. }), "{error}");
        assert!(error.to_string().contains("by its id or pin"), "{error}");
    }
    let null = fs::File::open("/dev/null").expect("it is there");
    assert!(matches!(Inspector::from_fd(&null), Err(OpenError::NotAMap)));
    let id = ring.id();
    let inspector = Inspector::from_id(id).expect("root");
    drop(ring);
    Inspector::from_id(id).expect("the inspector holds it");
    drop(inspector);
    assert!(matches!(Inspector::from_id(id), Err(OpenError::NoSuchId { .. })), "nobody holds it");
    for command in [12, 14] {
        let error = with_failing(Call::Bpf(command), libc::EPERM, ring_ids).expect_err("refused");
        assert!(error.to_string().contains("CAP_SYS_ADMIN"), "{error}");
    }
}

/// The owner is not hindered: it can freeze its map, and a frozen map can be observed.
#[test]
fn a_map_can_be_frozen_under_an_observer() {
    if !live("inspect::frozen") {
        return;
    }
    let map = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("ring");
    let inspector = Inspector::from_fd(&map).expect("a ring");
    let all = inspector.map_all().expect("mapped");
    // SAFETY: a number.
    assert_eq!(unsafe { libbpf_sys::bpf_map_freeze(map.as_fd().as_raw_fd()) }, 0);
    let again = Inspector::from_fd(&map).expect("a ring");
    assert_eq!(again.look(), all.look());
}

#[test]
fn owners_are_found() {
    let test = "inspect::owners";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let pins = BpfFs::mount();
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let used = operations.map().info().expect("info").info.id;
    let mut read = RingBuf::create(4 * page_size() as u64).expect("ring");
    let (read_id, pin) = (read.id(), pins.path().join("pinned"));
    pin_map(&read, &pin);
    let alone = create_map(MapType::RingBuf, 0, 0, 16 * page_size() as u32, 0).expect("ring");
    let alone_id = alone.info().expect("info").info.id;
    let ids = ring_ids().expect("root");
    assert!([used, read_id, alone_id].iter().all(|id| ids.contains(id)), "{ids:?}");
    let all = rings().expect("root");
    let listed: Vec<_> = all.iter().map(|ring| ring.id).collect();
    assert!([used, read_id, alone_id].iter().all(|id| listed.contains(id)), "{listed:?}");
    let found = owners(&all);
    let programs = found.programs.as_ref().expect("root");
    let names: Vec<_> = programs[&used].iter().map(|program| program.name.as_str()).collect();
    assert_eq!(names, ["op", "hold", "hold_forged"]);
    assert!(!programs.contains_key(&alone_id));
    assert_eq!(found.pins[&read_id], [pin]);
    let pid = std::process::id();
    let reader = found.readers(read_id).expect("known");
    assert!(reader.len() == 1 && reader[0].pid == pid && reader[0].waiting == Some(false));
    assert_eq!(found.holders[&alone_id][0].pid, pid);
    if found.hidden_processes == 0 {
        let none = found.readers(alone_id);
        assert!(none.is_none_or(|readers| readers.is_empty()), "nobody maps it");
    }
    // A reader that waits.
    let waker = read.waker().expect("a waker");
    thread::scope(|scope| {
        let waits = scope.spawn(move || read.wait(None));
        let told = all.iter().find(|ring| ring.id == read_id).expect("listed").clone();
        let told = [told];
        let waiting = || owners(&told).readers(read_id)?.first()?.waiting;
        while waiting() != Some(true) {
            thread::yield_now();
        }
        waker.wake();
        waits.join().expect("no panic").expect("wait");
    });
}

/// `BPF_OBJ_PIN`.
fn pin_map(map: &impl AsFd, path: &std::path::Path) {
    let name = std::ffi::CString::new(path.to_str().expect("UTF-8")).expect("no NUL");
    // SAFETY: a descriptor and a C string.
    let done = unsafe { libbpf_sys::bpf_obj_pin(map.as_fd().as_raw_fd(), name.as_ptr()) };
    assert_eq!(done, 0, "pin at {}", path.display());
}

#[test]
fn a_pin_is_opened() {
    if !live("inspect::pin") {
        return;
    }
    let pins = BpfFs::mount();
    let path = pins.path().join("ring");
    let map = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("ring");
    pin_map(&map, &path);
    let inspector = Inspector::from_pin(&path).expect("a pinned ring");
    assert_eq!(inspector.id(), map.info().expect("info").info.id);
    assert!(matches!(Inspector::from_pin("/nowhere"), Err(OpenError::NoSuchPin { .. })));
}
