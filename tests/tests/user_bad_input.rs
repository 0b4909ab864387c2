//! Bad input to a producer gives a typed error, and its text says what to do. Which pages of a
//! user ring may be mapped how.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::Ordering::Relaxed;

use libbpf_rs::{MapCore, MapHandle, MapType, libbpf_sys};
use memmap2::MmapOptions;
use ringbuf_core::Width;
use ringbuf_kernel::{
    CapacityError, CorruptReason, OpenError, Position, ProducerMemory, RingBuf, UserMapping,
    UserRingBuf,
};
use ringbuf_tests::{create_map, kernel_release, live, live_since, map_by_id, note, page_size};

/// Opening must fail with `$pattern` and a text that has `$hint` in it.
macro_rules! assert_refused {
    ($result:expr, $pattern:pat, $hint:expr) => {{
        let error = $result.map(drop).expect_err("must be refused");
        assert!(matches!(error, $pattern), "{error:?}");
        let text = error.to_string();
        assert!(text.contains($hint), "no {:?} in: {text}", $hint);
        println!("{:28} {text}", stringify!($pattern).split(['(', '{']).next().unwrap_or_default());
    }};
}

#[test]
fn maps_that_are_not_user_rings() {
    if !live_since("user_bad_input::maps_that_are_not_user_rings", (6, 1)) {
        return;
    }
    let file = File::open("/dev/null").expect("/dev/null");
    assert_refused!(UserRingBuf::open(&file), OpenError::NotAMap, "pass the map's own descriptor");
    let hash = create_map(MapType::Hash, 4, 4, 16, 0).expect("hash map");
    assert_refused!(
        UserRingBuf::open(&hash),
        OpenError::NotAUserRing { map_type: 1, .. },
        "BPF_MAP_TYPE_USER_RINGBUF"
    );
    let ring = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("ring");
    assert_refused!(
        UserRingBuf::open(&ring),
        OpenError::NotAUserRing { map_type: 27, .. },
        "open it with RingBuf"
    );
    let user = user_ring();
    let other = RingBuf::open(&user);
    assert_refused!(other, OpenError::WrongType { map_type: 31, .. }, "open it with UserRingBuf");
    UserRingBuf::open(&user).expect("it is good, and no claim was left behind");
}

#[test]
fn descriptors_with_too_few_rights() {
    if !live_since("user_bad_input::descriptors_with_too_few_rights", (6, 1)) {
        return;
    }
    let ring = user_ring();
    let id = ring.info().expect("info").info.id;
    let of = |kind| format!("descriptor of map {id} is {kind}");
    let read_only = map_by_id(id, libbpf_sys::BPF_F_RDONLY).expect("read-only descriptor");
    assert_refused!(UserRingBuf::open(&read_only), OpenError::ReadOnlyFd { .. }, &of("read-only"));
    let write_only = map_by_id(id, libbpf_sys::BPF_F_WRONLY).expect("write-only descriptor");
    assert_refused!(
        UserRingBuf::open(&write_only),
        OpenError::WriteOnlyFd { .. },
        &of("write-only")
    );
    UserRingBuf::from_id(id).expect("the map itself is good, and no claim was left behind");
    ring.freeze().expect("freeze");
    let hint = format!("map {id} is frozen");
    assert_refused!(UserRingBuf::open(&ring), OpenError::Frozen { .. }, &hint);
}

#[test]
fn sizes_ids_and_paths_that_are_refused() {
    use CapacityError::{BelowPage, NotPowerOfTwo, TooLarge};
    if !live_since("user_bad_input::sizes_ids_and_paths", (6, 1)) {
        return;
    }
    let half = page_size() as u64 / 2;
    let create = UserRingBuf::create;
    assert_refused!(create(half), OpenError::Capacity(BelowPage { .. }), "less than a page");
    assert_refused!(create(12288), OpenError::Capacity(NotPowerOfTwo { .. }), "16384");
    assert_refused!(create(1 << 32), OpenError::Capacity(TooLarge { .. }), "2 GiB");
    assert_eq!(create(2 * half).expect("one page").capacity().bytes(), 2 * half);
    let id = u32::MAX - 1;
    assert_refused!(UserRingBuf::from_id(id), OpenError::NoSuchId { .. }, "bpftool map list");
    let nowhere = UserRingBuf::from_pin("/sys/fs/bpf/there is no such pin");
    assert_refused!(nowhere, OpenError::NoSuchPin { .. }, "mount -t bpf");
    assert_refused!(UserRingBuf::from_pin(""), OpenError::PinPath { .. }, "the path is empty");
}

#[test]
fn a_second_producer() {
    if !live_since("user_bad_input::a_second_producer", (6, 1)) {
        return;
    }
    let first = UserRingBuf::create(page_size() as u64).expect("user ring");
    let second = UserRingBuf::open(&first);
    assert_refused!(second, OpenError::SecondProducer { .. }, "a ring has one producer");
    let third = UserMapping::new(&first);
    assert_refused!(third, OpenError::SecondProducer { .. }, "drop the other");
    let id = first.id();
    assert_eq!(first.as_raw_fd(), first.as_fd().as_raw_fd());
    // The descriptor is a duplicate: it keeps the map.
    let fd = first.as_fd().try_clone_to_owned().expect("dup");
    drop(first);
    assert_eq!(UserRingBuf::open(&fd).expect("free again").id(), id);
}

#[test]
fn positions_out_of_range() {
    if !live_since("user_bad_input::positions", (6, 1)) {
        return;
    }
    let ring = user_ring();
    for (produced, misaligned) in [(47, true), (page_size() as u64 + 8, false), (!7, false)] {
        let mapping = UserMapping::new(&ring).expect("mapping");
        // SAFETY: no sample is lent out, and the consumer checks what it finds.
        unsafe { mapping.store_producer_pos(Position::new(produced, Width::Bits64), Relaxed) };
        drop(mapping);
        let error = UserRingBuf::open(&ring).expect_err("no such position");
        let OpenError::Corrupt(corrupt) = error else { panic!("{error:?}") };
        let found = matches!(corrupt.reason, CorruptReason::ProducerMisaligned { .. });
        assert_eq!((found, corrupt.position.get()), (misaligned, 0), "{corrupt}");
    }
    let mapping = UserMapping::new(&ring).expect("mapping");
    // SAFETY: no sample is lent out, and the consumer checks what it finds.
    unsafe {
        mapping.store_producer_pos(Position::new(page_size() as u64, Width::Bits64), Relaxed)
    };
    drop(mapping);
    assert_eq!(UserRingBuf::open(&ring).expect("full").lag(), page_size() as u64);
}

/// Facts user_mmap2.*, on a ring of two pages: offset and length in pages.
#[test]
fn pages_and_how_they_may_be_mapped() {
    if !live_since("user_bad_input::pages_and_how_they_may_be_mapped", (6, 1)) {
        return;
    }
    let (page, file) =
        (page_size(), create_map(MapType::UserRingBuf, 0, 0, 2 * page_size() as u32, 0));
    let file = file.expect("user ring").as_fd().try_clone_to_owned().expect("dup");
    let facts = [
        (0, 1, false, None),
        (0, 1, true, Some(libc::EPERM)),
        (0, 6, false, None),
        (0, 2, true, Some(libc::EPERM)),
        (1, 1, true, None),
        (1, 5, true, None),
        (1, 6, true, Some(libc::EINVAL)),
        (2, 4, true, None),
    ];
    for (from, pages, write, errno) in facts {
        let mut options = MmapOptions::new();
        options.offset((from * page) as u64).len(pages * page);
        let map = if write {
            options.map_raw(file.as_raw_fd())
        } else {
            options.map_raw_read_only(file.as_raw_fd())
        };
        let found = map.map(drop).map_err(|error| error.raw_os_error()).err().flatten();
        assert_eq!(found, errno, "user_mmap2.{from}_{pages}_{}", if write { "rw" } else { "r" });
    }
}

/// What an old kernel gets to hear; what a new one would is tested in ringbuf-kernel.
#[test]
fn a_kernel_without_user_rings() {
    let test = "user_bad_input::a_kernel_without_user_rings";
    if !live(test) {
        return;
    }
    match UserRingBuf::create(page_size() as u64) {
        Ok(_) => assert!(kernel_release() >= (6, 1), "user rings before Linux 6.1"),
        Err(error) => {
            assert!(kernel_release() < (6, 1), "{error:?}");
            let since = matches!(error, OpenError::UnsupportedKernel { since: (6, 1), .. });
            assert!(since && error.to_string().contains("Linux 6.1"), "{error:?}: {error}");
            note(test, "no user ring buffers before Linux 6.1: refused, as it must");
        }
    }
}

fn user_ring() -> MapHandle {
    create_map(MapType::UserRingBuf, 0, 0, page_size() as u32, 0).expect("user ring")
}
