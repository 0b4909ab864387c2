//! Opening: which maps are rings and which are not; and the machine on which we run.

use std::{fs, iter};

use memmap2::MmapOptions;
use ringbuf_kernel::{CapacityError, OpenError, RingBuf, UserRingBuf};
use ringbuf_portable::{
    MapType, create_map, disposable_kernel, expected, has_jit, kernel_release, live, note,
    page_size,
};

use crate::{bits, ring};

#[test]
fn the_machine_is_what_it_is_said_to_be() {
    if !live("door::the_machine") {
        return;
    }
    for (what, found) in [("PAGE", ringbuf_kernel::page_size()), ("BITS", bits() as usize)] {
        match expected(what) {
            Some(said) => assert_eq!(found, said, "RINGBUF_EXPECT_{what}"),
            None => assert!(!disposable_kernel(), "nobody says what RINGBUF_EXPECT_{what} is"),
        }
    }
    assert_eq!(ringbuf_kernel::page_size(), page_size());
    assert!(bits() >= usize::BITS, "a kernel is as wide as its processes at least");
    let endian = if cfg!(target_endian = "big") { "big-endian" } else { "little-endian" };
    let btf = fs::exists("/sys/kernel/btf/vmlinux").is_ok_and(|there| there);
    println!(
        "FOUND {} of {} bits, {endian}, kernel of {} bits, pages of {} KiB",
        std::env::consts::ARCH,
        usize::BITS,
        bits(),
        page_size() >> 10
    );
    if !btf {
        note("door::machine", "the kernel has no type information");
    }
    if !has_jit() {
        note("door::machine", "BPF programs are interpreted");
    }
}

#[test]
fn sizes_that_the_kernel_refuses_are_refused_before_it_is_asked() {
    if !live("door::sizes") {
        return;
    }
    let page = page_size();
    for size in [0, page / 2, 3 * page] {
        let kernel = create_map(MapType::RING, 0, 0, size).unwrap_err();
        assert_eq!(kernel.raw_os_error(), Some(libc::EINVAL), "{size}");
        let error = RingBuf::create(size as u64).unwrap_err();
        let OpenError::Capacity(error) = error else { panic!("{size}: {error:?}") };
        let (bytes, page_size) = (size as u64, page as u64);
        let want = match size {
            0 => CapacityError::Zero,
            _ if size < page => CapacityError::BelowPage { bytes, page_size },
            _ => CapacityError::NotPowerOfTwo { bytes },
        };
        assert_eq!(error, want);
    }
    for size in [page, 2 * page] {
        assert_eq!(RingBuf::create(size as u64).unwrap().capacity().bytes(), size as u64);
    }
}

#[test]
fn what_is_no_ring_is_told() {
    if !live("door::no_ring") {
        return;
    }
    let array = create_map(MapType::ARRAY, 4, 4, 1).unwrap();
    assert!(matches!(RingBuf::open(&array), Err(OpenError::WrongType { map_type: 2, .. })));
    assert!(matches!(UserRingBuf::open(&array), Err(OpenError::NotAUserRing { map_type: 2, .. })));
    let file = fs::File::open("/proc/self/exe").unwrap();
    assert!(matches!(RingBuf::open(&file), Err(OpenError::NotAMap)));
    let map = ring(page_size());
    let first = RingBuf::open(&map).unwrap();
    assert!(matches!(RingBuf::open(&map), Err(OpenError::SecondConsumer { .. })));
    drop(first);
    RingBuf::open(&map).unwrap();
    if kernel_release() < (6, 1) {
        let error = UserRingBuf::create(page_size() as u64).unwrap_err();
        assert!(matches!(error, OpenError::UnsupportedKernel { since: (6, 1), .. }), "{error:?}");
    }
}

/// A 32-bit process runs out of addresses before the machine runs out of memory.
#[test]
fn a_ring_that_the_addresses_do_not_suffice_for_is_refused() {
    const BYTES: usize = 1 << 20;
    if !live("door::address_space") || usize::BITS == 64 {
        return;
    }
    let map = ring(BYTES);
    let taken = |bytes| MmapOptions::new().len(bytes).no_reserve_swap().map_anon().ok();
    // No free gap has room for both copies of the data.
    let taken = [32 * BYTES, BYTES].map(|bytes| iter::from_fn(|| taken(bytes)).collect::<Vec<_>>());
    let refused = RingBuf::open(&map);
    drop(taken);
    match refused {
        Err(OpenError::System { operation, source, .. }) => {
            assert_eq!(operation, "map a ring of 1 MiB (mmap)");
            assert_eq!(source.raw_os_error(), Some(libc::ENOMEM), "{source}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(RingBuf::open(&map).expect("nothing was left behind").lag().unwrap(), 0);
}
