//! What the system refuses: each text says what was asked for, with its size or path, what is
//! wrong, and what to do. A seccomp filter makes the system refuse, as in a container.

use std::error::Error;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use libbpf_rs::MapHandle;
use libbpf_rs::libbpf_sys::{
    BPF_MAP_CREATE, BPF_MAP_GET_FD_BY_ID, BPF_OBJ_GET, BPF_OBJ_GET_INFO_BY_FD,
};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::wakeup::WakeupSkelBuilder;
use ringbuf_kernel::{MapOptions, OpenError, RingBuf, UserRingBuf, WaitPolicy};
use ringbuf_tests::{BpfFs, Call, live, live_since, page_size, with_failing};

/// Opening must have failed with a text that has each of `parts` in it. It is whole: nothing is
/// below it that a chain of causes would print again.
fn assert_says<T>(result: Result<T, OpenError>, parts: &[&str]) -> OpenError {
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

/// The system refuses to let the ring wait.
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

#[test]
fn waiting_says_what_failed() {
    if !live("refusals::waiting") {
        return;
    }
    let no_wait = |call, errno, policy: WaitPolicy| {
        with_failing(call, errno, || {
            let mut ring = RingBuf::create(page_size() as u64).expect("ring").with_policy(policy);
            ring.wait(Some(Duration::from_millis(1))).expect_err("must be refused").to_string()
        })
    };
    for (number, errno, parts) in [
        (libc::SYS_epoll_create1, libc::EMFILE, ["make an epoll set to wait", "ulimit -n"]),
        (libc::SYS_epoll_ctl, libc::ENOSPC, ["watch the map", "max_user_watches"]),
        (libc::SYS_epoll_ctl, libc::EPERM, ["watch the map", "not permitted"]),
    ] {
        let text = no_wait(Call::Number(number), errno, WaitPolicy::immediate());
        println!("{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?}: {text}");
    }
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
