//! Maps that are made here and go to a loader: by the name that it looks for.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapHandle};
use ringbuf_bpf::user_drain::UserDrainSkelBuilder;
use ringbuf_bpf::wakeup::WakeupSkelBuilder;
use ringbuf_bpf::wakeup::types::emit;
use ringbuf_kernel::{MapOptions, RingBuf, UserRingBuf};
use ringbuf_tests::{live, live_since, page_size, test_run};

/// A skeleton finds its maps by name when it is loaded: libbpf renames the map to the name of the
/// descriptor, so the name has to be given.
#[test]
fn a_ring_goes_through_reuse_fd() {
    if !live_since("creating::a_ring_goes_through_reuse_fd", (5, 10)) {
        return;
    }
    let mut ring = MapOptions::new(page_size() as u64).name("ring").create().expect("ring");
    let mut object = MaybeUninit::uninit();
    let mut open = WakeupSkelBuilder::default().open(&mut object).expect("open");
    open.maps.ring.reuse_fd(ring.as_fd()).expect("reuse_fd");
    let skeleton = open.load().expect("load");
    let arguments = emit { count: 3, ..emit::default() };
    test_run(&skeleton.progs.emit, &arguments).expect("run");
    let mut read = 0;
    ring.drain(|_| read += 1).expect("a sound ring");
    assert_eq!((read, ring.name()), (3, "ring"));
}

#[test]
fn a_user_ring_goes_through_reuse_fd() {
    if !live_since("creating::a_user_ring_goes_through_reuse_fd", (6, 1)) {
        return;
    }
    let options = MapOptions::new(page_size() as u64).name("user_ring");
    let ring = options.create_user().expect("user ring");
    let mut object = MaybeUninit::uninit();
    let mut open = UserDrainSkelBuilder::default().open(&mut object).expect("open");
    open.maps.user_ring.reuse_fd(ring.as_fd()).expect("reuse_fd");
    let mut skeleton = open.load().expect("load");
    for len in [5, 6] {
        ring.reserve_zeroed(len).expect("room").submit();
    }
    let arguments = ringbuf_bpf::user_drain::types::drain::default();
    test_run(&skeleton.progs.drain, &arguments).expect("run");
    let bss = skeleton.maps.bss_data.as_deref_mut().expect("bss");
    assert_eq!((bss.result, bss.calls), (2, 2));
    assert_eq!((ring.lag(), ring.name()), (0, "user_ring"));
}

#[test]
fn options_reach_the_kernel() {
    const NUMA_NODE: u32 = 1 << 2;
    if !live("creating::options_reach_the_kernel") {
        return;
    }
    let long = "a_name_of_more_than_15_bytes";
    let ring = MapOptions::new(page_size() as u64).name(long).numa_node(0);
    let ring = ring.create().expect("ring");
    assert_eq!(ring.name(), &long[..15]);
    let info = MapHandle::from_map_id(ring.id()).expect("by id").info().expect("info").info;
    assert_eq!((info.map_flags, info.max_entries as usize), (NUMA_NODE, page_size()));
    assert!(is_closed_on_exec(&ring), "the descriptor would leak into children");
    let unnamed = MapOptions::new(page_size() as u64).name("").create().expect("no name at all");
    assert_eq!(unnamed.name(), "");
    assert_eq!(RingBuf::create(page_size() as u64).expect("ring").name(), "ringbuf");
}

#[test]
fn descriptors_are_closed_on_exec() {
    if !live_since("creating::descriptors_are_closed_on_exec", (6, 1)) {
        return;
    }
    let ring = UserRingBuf::create(page_size() as u64).expect("user ring");
    assert!(is_closed_on_exec(&ring));
    // The one of a loader, which lets it through, is duplicated, and ours is closed.
    let raw = ring.as_fd().try_clone_to_owned().expect("dup");
    drop(ring);
    // SAFETY: sets the flags of our own descriptor.
    assert_eq!(unsafe { libc::fcntl(raw.as_raw_fd(), libc::F_SETFD, 0) }, 0);
    assert!(!is_closed_on_exec(&raw));
    assert!(is_closed_on_exec(UserRingBuf::open(&raw).expect("opens")));
}

fn is_closed_on_exec(fd: impl AsFd) -> bool {
    // SAFETY: asks for the flags of an open descriptor.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFD) };
    assert!(flags >= 0);
    flags & libc::FD_CLOEXEC != 0
}
