//! What the system refuses: each text says what was asked for, with its size or path, what is
//! wrong, and what to do. A seccomp filter makes the system refuse, as in a container.

use std::error::Error;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Mutex;
use std::time::Duration;

use libbpf_rs::MapHandle;
use libbpf_rs::libbpf_sys::{
    BPF_MAP_CREATE, BPF_MAP_GET_FD_BY_ID, BPF_OBJ_GET, BPF_OBJ_GET_INFO_BY_FD,
};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::wakeup::WakeupSkelBuilder;
use ringbuf_bpf::wakeup::types::emit;
use ringbuf_kernel::{
    Drained, MapOptions, OpenError, RingBuf, RingSet, SetError, UserRingBuf, WaitError, WaitPolicy,
};
use ringbuf_tests::{BpfFs, Call, live, live_since, page_size, test_run, watchdog, with_failing};

/// `result` must be an error whose text has each of `parts` in it. The text is whole: nothing is
/// below it that a chain of causes would print again.
fn assert_says<T, E: Error>(result: Result<T, E>, parts: &[&str]) -> E {
    let error = result.map(drop).expect_err("must be refused");
    let text = error.to_string();
    println!("{text}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    assert_eq!(format!("{error:?}"), text, "what a main that returns it prints");
    assert!(error.source().is_none(), "the text holds the cause already");
    error
}

/// A row: the call that fails, with what, and what the text must say.
type Row<'a> = (Call, i32, &'a [&'a str]);

#[test]
fn creating_says_the_size_and_the_cause() {
    if !live("refusals::creating") {
        return;
    }
    let (create, info) = (Call::Bpf(BPF_MAP_CREATE), Call::Bpf(BPF_OBJ_GET_INFO_BY_FD));
    let sandbox = "seccomp filter permit bpf()";
    let rows: [Row; 9] = [
        (create, libc::EPERM, &["create a ring buffer map of 256 KiB", "CAP_BPF", sandbox]),
        (create, libc::EACCES, &["create a ring buffer map of 256 KiB", "CAP_BPF", sandbox]),
        (create, libc::ENOSYS, &["bpf() is not available", "CONFIG_BPF_SYSCALL", "seccomp"]),
        (create, libc::ENOMEM, &["create a ring buffer map of 256 KiB", "smaller", "memory.max"]),
        (create, libc::EMFILE, &["create a ring buffer map of 256 KiB", "ulimit -n"]),
        (create, libc::EINVAL, &["no ring buffer maps", "Linux 5.8"]),
        (create, libc::EBUSY, &["create a ring buffer map of 256 KiB", "busy"]),
        (info, libc::EPERM, &["ask the kernel about this map", "CAP_BPF", sandbox]),
        (info, libc::ENOSYS, &["bpf() is not available"]),
    ];
    for (call, errno, parts) in rows {
        assert_says(with_failing(call, errno, || RingBuf::create(256 << 10)), parts);
    }
}

#[test]
fn mapping_says_the_size_and_the_cause() {
    if !live("refusals::mapping") {
        return;
    }
    let map = MapOptions::new(256 << 10).create().expect("ring");
    let fd = map.as_fd().try_clone_to_owned().expect("dup");
    drop(map);
    for (errno, parts) in [
        (libc::EPERM, ["map a ring of 256 KiB", "a sandbox refuses it"]),
        (libc::EACCES, ["map a ring of 256 KiB", "a sandbox refuses it"]),
        (libc::ENOMEM, ["map a ring of 256 KiB", "vm.max_map_count"]),
        (libc::EAGAIN, ["mlockall", "RLIMIT_MEMLOCK"]),
        (libc::ENODEV, ["map a ring of 256 KiB", "No such device"]),
    ] {
        let refused = with_failing(Call::MmapOfFile, errno, || RingBuf::open(&fd));
        assert_says(refused, &parts);
    }
    RingBuf::open(&fd).expect("no claim was left behind");
}

/// A ring has such a page, which tells a child of `fork` from its parent.
#[test]
fn mapping_shared_memory_says_the_cause() {
    if !live("refusals::mapping_shared_memory") {
        return;
    }
    let map = MapOptions::new(page_size() as u64).create().expect("ring");
    let fd = map.as_fd().try_clone_to_owned().expect("dup");
    drop(map);
    let tried = "map the page that tells a child of fork from its parent";
    for (errno, advice) in [
        (libc::EPERM, "seccomp filter permit mmap() of shared memory"),
        (libc::EACCES, "seccomp filter permit mmap() of shared memory"),
        (libc::ENOMEM, "memory.max"),
        (libc::ENFILE, "ulimit -n"),
    ] {
        let call = Call::MmapOfSharedMemory;
        assert_says(with_failing(call, errno, || RingBuf::open(&fd)), &[tried, advice]);
        RingBuf::open(&fd).expect("no claim was left behind");
        let created = with_failing(call, errno, || RingBuf::create(page_size() as u64));
        assert_says(created, &[tried, advice]);
    }
}

#[test]
fn opening_by_id_or_path_says_which() {
    if !live("refusals::by_id_or_path") {
        return;
    }
    let (by_id, by_pin) = (Call::Bpf(BPF_MAP_GET_FD_BY_ID), Call::Bpf(BPF_OBJ_GET));
    for errno in [libc::EPERM, libc::EACCES] {
        let refused = with_failing(by_id, errno, || RingBuf::from_id(77));
        assert_says(refused, &["the BPF map with the id 77", "CAP_SYS_ADMIN", "seccomp"]);
    }
    let bpffs = BpfFs::mount();
    let path = bpffs.path().join("ring");
    fs::write(&path, "").err();
    let map = MapOptions::new(page_size() as u64).create().expect("ring");
    MapHandle::from_map_id(map.id()).expect("by id").pin(&path).expect("pin");
    let shown = path.display().to_string();
    for errno in [libc::EPERM, libc::EACCES] {
        let refused = with_failing(by_pin, errno, || RingBuf::from_pin(&path));
        assert_says(refused, &[&shown, "permission on the pin", "seccomp"]);
    }
    let refused = with_failing(by_pin, libc::EMFILE, || RingBuf::from_pin(&path));
    assert_says(refused, &[&shown, "ulimit -n"]);
    let refused = with_failing(by_pin, libc::ENOSYS, || RingBuf::from_pin(&path));
    assert!(matches!(assert_says(refused, &["CONFIG_BPF_SYSCALL"]), OpenError::NoBpf));
}

#[test]
fn pins_that_are_not_maps() {
    if !live("refusals::pins") {
        return;
    }
    let bpffs = BpfFs::mount();
    let mut object = MaybeUninit::uninit();
    let open = WakeupSkelBuilder::default().open(&mut object).expect("open");
    let mut skeleton = open.load().expect("load of wakeup.bpf.c");
    let path = bpffs.path().join("program");
    skeleton.progs.emit.pin(&path).expect("pin");
    let shown = path.display().to_string();
    let program = &["a BPF program, link or BTF object, not a pinned map", &shown];
    assert_says(RingBuf::from_pin(&path), program);
    assert_says(UserRingBuf::from_pin(&path), program);

    let folder = bpffs.path().join("folder");
    fs::create_dir(&folder).expect("a directory in bpffs");
    for path in [folder.as_path(), bpffs.path(), "/etc".as_ref()] {
        let shown = path.display().to_string();
        assert_says(RingBuf::from_pin(path), &["is a directory, not a pinned map", &shown]);
    }
}

#[test]
fn options_that_the_kernel_refuses() {
    if !live("refusals::options") {
        return;
    }
    let options = || MapOptions::new(256 << 10);
    let size = "create a ring buffer map of 256 KiB";
    for refused in [options().numa_node(1 << 20), options().flags(1 << 30)] {
        assert_says(refused.create(), &[size, "try without it"]);
    }
    let file = File::open("/dev/null").expect("/dev/null");
    let refused = options().token(file.as_fd()).create();
    let text = refused.expect_err("a file is not a token").to_string();
    assert!(text.contains(size), "{text}");
    for name in ["a b", "käse", "a\0b", "a/b"] {
        let error = assert_says(options().name(name).create(), &["letters, digits"]);
        assert!(matches!(error, OpenError::MapName { .. }), "{error}");
    }
}

/// The kernel says EINVAL of a type that it does not know, too.
#[test]
fn an_option_is_not_blamed_for_an_unknown_type() {
    if !live("refusals::an_option_is_not_blamed") {
        return;
    }
    let options = MapOptions::new(page_size() as u64).numa_node(0);
    let refused = with_failing(Call::Bpf(BPF_MAP_CREATE), libc::EINVAL, || options.create());
    let error = assert_says(refused, &["Linux 5.8"]);
    assert!(matches!(error, OpenError::UnsupportedKernel { .. }), "{error:?}");
}

const SANDBOX: &str = "let the sandbox of this process (a seccomp filter) permit it";

/// A row: the call that fails, with what, what was tried, and what to do.
type WaitRow = (Call, i32, &'static str, &'static str);

/// The descriptors and the sleep of a wait that blocks.
const BLOCKS: [WaitRow; 8] = [
    (Call::Number(libc::SYS_epoll_create1), libc::EMFILE, "make an epoll set", "ulimit -n"),
    (Call::Number(libc::SYS_epoll_create1), libc::ENOMEM, "make an epoll set", "memory.max"),
    (Call::Number(libc::SYS_epoll_create1), libc::EACCES, "make an epoll set", SANDBOX),
    (Call::Number(libc::SYS_epoll_ctl), libc::ENOSPC, "watch the map", "max_user_watches"),
    (Call::Number(libc::SYS_epoll_ctl), libc::EPERM, "watch the map", SANDBOX),
    (Call::Number(libc::SYS_epoll_ctl), libc::ENOMEM, "watch the map", "memory.max"),
    (Call::EPOLL_WAIT, libc::EPERM, "wait for a notification", SANDBOX),
    (Call::EPOLL_WAIT, libc::ENOSYS, "wait for a notification", SANDBOX),
];

/// The descriptor of a waker.
const WAKERS: [WaitRow; 4] = [
    (Call::Number(libc::SYS_eventfd2), libc::EMFILE, "make an eventfd for a waker", "ulimit -n"),
    (Call::Number(libc::SYS_eventfd2), libc::EPERM, "make an eventfd for a waker", SANDBOX),
    (Call::Number(libc::SYS_eventfd2), libc::ENOSYS, "make an eventfd for a waker", SANDBOX),
    (Call::Number(libc::SYS_eventfd2), libc::ENOMEM, "make an eventfd for a waker", "memory.max"),
];

/// In each row, `body` fails with what was tried, the cause, and what to do.
fn assert_each_says<T>(rows: &[WaitRow], body: impl Fn() -> Result<T, WaitError> + Sync) {
    for (call, errno, tried, advice) in rows {
        let cause = std::io::Error::from_raw_os_error(*errno).to_string();
        let refused = with_failing(*call, *errno, || body().map(drop));
        assert_says(refused, &[&format!("could not {tried}"), &cause, advice]);
    }
}

#[test]
fn waiting_says_what_failed() {
    if !live("refusals::waiting") {
        return;
    }
    let ring = || RingBuf::create(page_size() as u64).expect("ring");
    let time = Some(Duration::from_millis(1));
    assert_each_says(&BLOCKS, || ring().with_policy(WaitPolicy::immediate()).wait(time));
    assert_each_says(&WAKERS, || ring().waker());
}

#[test]
fn a_set_says_what_failed() {
    if !live("refusals::a_set") {
        return;
    }
    let ring = || RingBuf::create(page_size() as u64).expect("ring");
    let set = || RingSet::new(WaitPolicy::immediate()).expect("a set");
    assert_each_says(&WAKERS, || RingSet::<()>::new(WaitPolicy::immediate()));
    let (creates, watches, waits) = (&BLOCKS[..3], &BLOCKS[3..6], &BLOCKS[6..]);
    assert_each_says(creates, || RingSet::<()>::new(WaitPolicy::immediate()));
    assert_each_says(watches, || RingSet::<()>::new(WaitPolicy::immediate()));
    let outside = Mutex::new(set());
    assert_each_says(watches, || outside.lock().expect("no panic").insert(ring(), ()));
    let handle = set().handle();
    assert_each_says(watches, || {
        handle.insert(ring(), ()).map_err(|error| match error {
            SetError::Wait(error) => error,
            other => panic!("{other}"),
        })
    });
    assert_each_says(waits, || {
        let mut set = set();
        set.insert(ring(), ()).expect("added");
        set.wait(Some(Duration::from_millis(1)))
    });
}

#[test]
fn waiting_for_room_says_what_failed() {
    if !live_since("refusals::waiting_for_room", (6, 1)) {
        return;
    }
    let full = || {
        let ring = UserRingBuf::create(page_size() as u64).expect("user ring");
        ring.reserve(page_size() as u32 - 8).expect("room").submit();
        ring
    };
    assert_each_says(&BLOCKS, || full().wait_for_room(8, Some(Duration::from_millis(1))));
    assert_each_says(&WAKERS, || full().waker());
}

#[test]
fn a_nap_says_what_failed() {
    if !live_since("refusals::a_nap", (5, 10)) {
        return;
    }
    let _hangs = watchdog("refusals::a_nap");
    let mut object = MaybeUninit::uninit();
    let open = WakeupSkelBuilder::default().open(&mut object).expect("open");
    let skeleton = open.load().expect("load of wakeup.bpf.c");
    let (map, program) = (skeleton.maps.ring.as_fd(), skeleton.progs.emit.as_fd());
    // A record in less than this time is dense traffic, on a busy machine, too.
    let policy = WaitPolicy::low_cost().hold_off(Duration::from_secs(60));
    let nap = |ring: RingBuf| {
        let mut ring = ring.with_policy(policy.clone());
        for _ in 0..100 {
            let arguments = emit { count: 1, delay: 0, flags: 0 };
            assert_eq!(test_run(program, &arguments).expect("emit"), 0);
            ring.wait(None)?;
            assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
        }
        Ok(())
    };
    let ring = || RingBuf::open(map).expect("the ring opens");
    let with_waker = || {
        let ring = ring();
        ring.waker().expect("an eventfd");
        ring
    };
    let tried = "sleep before the next look at the ring";
    let rows =
        |call| [libc::EPERM, libc::EACCES, libc::ENOSYS].map(|errno| (call, errno, tried, SANDBOX));
    assert_each_says(&rows(Call::NANOSLEEP), || nap(ring()));
    assert_each_says(&rows(Call::Number(libc::SYS_ppoll)), || nap(with_waker()));
    let row = (Call::Number(libc::SYS_ppoll), libc::ENOMEM, tried, "memory.max");
    assert_each_says(&[row], || nap(with_waker()));
}

/// The size in the text is one that works on this machine.
#[test]
fn the_suggested_size_can_be_created() {
    if !live("refusals::size") {
        return;
    }
    for bytes in [1, 100, 4095, 12288, page_size() as u64 + 8] {
        let Err(error) = RingBuf::create(bytes) else { continue };
        let text = error.to_string();
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
        let hint = numbers.next_back().expect("a size").parse().expect("a number");
        RingBuf::create(hint).unwrap_or_else(|error| panic!("{text}; and then: {error}"));
    }
}

/// What a producer that died leaves is reported, and gone after recovery.
#[test]
fn reservations_that_a_dead_producer_left_open() {
    if !live_since("refusals::left_open", (6, 1)) {
        return;
    }
    let first = UserRingBuf::create(page_size() as u64).expect("user ring");
    let id = first.id();
    let fd: OwnedFd = first.as_fd().try_clone_to_owned().expect("dup");
    first.reserve(8).expect("room").submit();
    for len in [16, 24] {
        std::mem::forget(first.reserve(len).expect("room"));
    }
    drop(first);
    let error =
        assert_says(UserRingBuf::open(&fd), &["2 reservations open", "recover()", "discard them"]);
    let OpenError::LeftOpen(left) = error else { panic!("{error}") };
    assert_eq!((left.id(), left.reservations()), (id, 2));
    // SAFETY: P1: no other producer of this map lives.
    let asked_not_to_look = unsafe { UserRingBuf::open_unclaimed(&fd) };
    drop(asked_not_to_look.expect("opens as it is"));
    let ring = left.recover().expect("recovered");
    assert_eq!(ring.open_reservations().expect("sound"), 0);
    drop(ring);
    UserRingBuf::open(&fd).expect("nothing is left open");
}
