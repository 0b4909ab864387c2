//! Bad input to a reader gives a typed error, and its text says what to do.

use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{ErrorKind, MapCore, MapHandle, MapType, libbpf_sys};
use ringbuf_bpf::wakeup::WakeupSkelBuilder;
use ringbuf_kernel::{CapacityError, LossesError, MapOptions, OpenError, RingBuf, SavedCounts};
use ringbuf_tests::{BpfFs, create_map, kernel_release, live, map_by_id, note, page_size, skip};

/// Opening must fail with `$pattern` and a text that has `$hint` in it.
macro_rules! assert_refused {
    ($result:expr, $pattern:pat, $hint:expr) => {{
        let error = $result.expect_err("must be refused");
        assert!(matches!(error, $pattern), "{error:?}");
        let text = error.to_string();
        assert!(text.contains($hint), "no {:?} in: {text}", $hint);
        println!("{:28} {text}", stringify!($pattern).split('(').next().unwrap_or_default().trim());
    }};
}

#[test]
fn descriptors_that_are_not_maps() {
    if !live("bad_input::descriptors_that_are_not_maps") {
        return;
    }
    let file = File::open("/dev/null").expect("/dev/null");
    assert_refused!(RingBuf::open(&file), OpenError::NotAMap, "pass the map's own descriptor");

    let mut object = MaybeUninit::uninit();
    let open = WakeupSkelBuilder::default().open(&mut object).expect("open");
    let skeleton = open.load().expect("load of wakeup.bpf.c");
    let program = skeleton.progs.emit.as_fd();
    assert_refused!(RingBuf::open(program), OpenError::NotAMap, "not that of a program");

    let number = file.as_raw_fd();
    drop(file);
    // SAFETY: the number is not -1. That it is open is what this test breaks:
    // the kernel answers EBADF, and nothing else is done with it.
    let closed = unsafe { BorrowedFd::borrow_raw(number.max(1000)) };
    assert_refused!(RingBuf::open(closed), OpenError::ClosedFd, "not open");
}

#[test]
fn maps_of_another_type() {
    let test = "bad_input::maps_of_another_type";
    if !live(test) {
        return;
    }
    let hash = create_map(MapType::Hash, 4, 4, 16, 0).expect("hash map");
    assert_refused!(RingBuf::open(&hash), OpenError::WrongType { map_type: 1, .. }, "hash map");
    let array = create_map(MapType::Array, 4, 4, 16, 0).expect("array map");
    assert_refused!(RingBuf::open(&array), OpenError::WrongType { map_type: 2, .. }, "array");
    let page = page_size() as u32;
    match create_map(MapType::UserRingBuf, 0, 0, page, 0) {
        Ok(user) => assert_refused!(
            RingBuf::open(&user),
            OpenError::WrongType { map_type: 31, .. },
            "user space produces into it"
        ),
        Err(error) => assert_too_old(test, "user ring buffers", (6, 1), &error),
    }
}

#[test]
fn an_overwriting_ring() {
    let test = "bad_input::an_overwriting_ring";
    if !live(test) {
        return;
    }
    match create_map(MapType::RingBuf, 0, 0, page_size() as u32, 1 << 19) {
        Ok(ring) => {
            let hint = format!("map {} is in overwrite mode", id_of(&ring));
            assert_refused!(RingBuf::open(&ring), OpenError::Overwrite { .. }, &hint);
        }
        // What the reader would say is tested on made-up flags in ringbuf-kernel.
        Err(error) => assert_too_old(test, "rings in overwrite mode", (6, 19), &error),
    }
}

#[test]
fn descriptors_with_too_few_rights() {
    if !live("bad_input::descriptors_with_too_few_rights") {
        return;
    }
    let ring = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("ring");
    let id = id_of(&ring);
    let of = |kind| format!("descriptor of map {id} is {kind}");
    let read_only = map_by_id(id, libbpf_sys::BPF_F_RDONLY).expect("read-only descriptor");
    assert_refused!(RingBuf::open(&read_only), OpenError::ReadOnlyFd { .. }, &of("read-only"));
    let write_only = map_by_id(id, libbpf_sys::BPF_F_WRONLY).expect("write-only descriptor");
    assert_refused!(RingBuf::open(&write_only), OpenError::WriteOnlyFd { .. }, &of("write-only"));
    RingBuf::open(&ring).expect("the map itself is good, and no claim was left behind");
}

#[test]
fn a_frozen_map() {
    if !live("bad_input::a_frozen_map") {
        return;
    }
    let ring = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("ring");
    ring.freeze().expect("freeze");
    let hint = format!("map {} is frozen", id_of(&ring));
    assert_refused!(RingBuf::open(&ring), OpenError::Frozen { .. }, &hint);
}

#[test]
fn sizes_that_are_refused() {
    use CapacityError::{BelowPage, NotPowerOfTwo, TooLarge, Zero};
    if !live("bad_input::sizes_that_are_refused") {
        return;
    }
    assert_refused!(RingBuf::create(0), OpenError::Capacity(Zero), "a power of two");
    assert_refused!(RingBuf::create(4095), OpenError::Capacity(BelowPage { .. }), "4096");
    assert_refused!(RingBuf::create(12288), OpenError::Capacity(NotPowerOfTwo { .. }), "16384");
    assert_refused!(RingBuf::create(1 << 32), OpenError::Capacity(TooLarge { .. }), "2 GiB");
    let page = page_size() as u64;
    assert_eq!(RingBuf::create(page).expect("one page").capacity().bytes(), page);
}

#[test]
fn ids_and_paths_without_a_map() {
    if !live("bad_input::ids_and_paths_without_a_map") {
        return;
    }
    let id = u32::MAX - 1;
    assert_refused!(RingBuf::from_id(id), OpenError::NoSuchId { .. }, "bpftool map list");
    let nowhere = "/sys/fs/bpf/there is no such pin";
    assert_refused!(RingBuf::from_pin(nowhere), OpenError::NoSuchPin { .. }, "mount -t bpf");
    assert_refused!(RingBuf::from_pin("/etc/passwd"), OpenError::NoSuchPin { .. }, "bpffs");
}

/// A closed folder, as a user sees it whom the kernel lets use bpf(2).
#[test]
fn a_pin_behind_a_closed_folder_is_not_called_missing() {
    if !live("bad_input::a_pin_behind_a_closed_folder") {
        return;
    }
    let bpffs = BpfFs::mount();
    let folder = bpffs.path().join("closed");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).expect("closed");
    fs::set_permissions(bpffs.path(), fs::Permissions::from_mode(0o755)).expect("open");
    let pin = folder.join("events");
    let (opened, saved) = without_override(|| (RingBuf::from_pin(&pin), SavedCounts::at_pin(&pin)));
    assert_refused!(opened, OpenError::Privilege { .. }, "may not enter a folder on the way");
    let Err(LossesError::Open(saved)) = saved else { panic!("{saved:?}") };
    assert!(saved.to_string().contains("may not enter a folder on the way"), "{saved}");
}

/// Runs `body` in a thread that is bound by the modes of files, and keeps its other rights.
fn without_override<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let drop_rights = || {
        let header = [0x2008_0522_u32, 0]; // _LINUX_CAPABILITY_VERSION_3, this thread
        let mut sets = [0_u32; 6];
        // SAFETY: a header and room for both halves of three sets.
        let got = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) };
        assert_eq!(got, 0, "capget");
        sets[0] &= !0b110; // CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, of the effective set
        // SAFETY: as above, to read. Only this thread's own rights change.
        let set = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) };
        assert_eq!(set, 0, "capset");
    };
    let run = move || {
        drop_rights();
        body()
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("no panic"))
}

#[test]
fn places_for_saved_counts_that_bpffs_refuses() {
    if !live("bad_input::places_for_saved_counts") {
        return;
    }
    let (bpffs, elsewhere) = (BpfFs::mount(), tempfile::tempdir().expect("a directory"));
    for (path, advice) in [
        (bpffs.path().join("a.b"), "a name with a dot, and bpffs has none"),
        (elsewhere.path().join("counts"), "not in bpffs"),
        (bpffs.path().join("none/counts"), "make its folder first"),
    ] {
        let Err(LossesError::Open(error)) = SavedCounts::at_pin(&path) else { panic!("pinned") };
        let said = error.to_string();
        assert!(said.contains(advice) && said.contains(path.to_str().expect("UTF-8")), "{said}");
    }
}

#[test]
fn paths_that_no_pin_has() {
    if !live("bad_input::paths_that_no_pin_has") {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let (long, turns) = ("x/".repeat(5000), folder.path().join("turns"));
    symlink(&turns, &turns).expect("a link to itself");
    for (path, problem) in [
        ("".as_ref(), "the path is empty"),
        ("a\0b".as_ref(), "the path has a NUL byte in it"),
        (turns.as_path(), "the path has too many symbolic links, or a loop"),
        (long.as_ref(), "the path is too long"),
    ] {
        let from_pin = || RingBuf::from_pin(path);
        assert_refused!(from_pin(), OpenError::PinPath { .. }, problem);
        assert_refused!(from_pin(), OpenError::PinPath { .. }, &format!("{path:?}"));
        assert_refused!(
            from_pin(),
            OpenError::PinPath { .. },
            "give the path of the map's own pin"
        );
    }
}

#[test]
fn a_second_consumer() {
    if !live("bad_input::a_second_consumer") {
        return;
    }
    let first = RingBuf::create(page_size() as u64).expect("ring");
    let second = || RingBuf::open(&first);
    assert_refused!(second(), OpenError::SecondConsumer { .. }, "a ring has one consumer");
    assert_refused!(
        RingBuf::from_id(first.id()),
        OpenError::SecondConsumer { .. },
        "drop the other"
    );
    let fd = first.as_fd().try_clone_to_owned().expect("dup");
    drop(first);
    RingBuf::open(&fd).expect("free again");
}

#[test]
fn no_privilege() {
    let test = "bad_input::no_privilege";
    if !live(test) {
        return;
    }
    let disabled = fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled");
    if disabled.is_ok_and(|value| value.trim() == "0") {
        skip(test, "this kernel lets everybody create maps");
        return;
    }
    let good = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("ring");
    let id = id_of(&good);
    // Credentials belong to a thread, so only this one becomes nobody.
    thread::spawn(move || {
        become_nobody().expect("setresuid");
        assert_refused!(RingBuf::create(4096), OpenError::Privilege { .. }, "CAP_BPF");
        let file = File::open("/dev/null").expect("/dev/null");
        let refused = MapOptions::new(page_size() as u64).numa_node(0).token(file.as_fd()).create();
        let error = refused.expect_err("not a token");
        assert!(!matches!(error, OpenError::UnsupportedKernel { .. }), "{error}");
        assert_refused!(RingBuf::from_id(id), OpenError::Privilege { .. }, "CAP_SYS_ADMIN");
        // A descriptor that was handed down is enough, where the kernel lets it.
        match RingBuf::open(&good) {
            Ok(ring) => println!("nobody may read ring {} by its descriptor", ring.id()),
            Err(error) => assert!(matches!(error, OpenError::Privilege { .. }), "{error:?}"),
        }
    })
    .join()
    .expect("the unprivileged thread");
}

fn id_of(map: &MapHandle) -> u32 {
    map.info().expect("info").info.id
}

/// What the kernel refuses to create came with Linux `since`, and this is an older one.
fn assert_too_old(test: &str, what: &str, since: (u32, u32), error: &libbpf_rs::Error) {
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what}: {error:?}");
    let here = kernel_release();
    assert!(here < since, "{what} came with Linux {since:?}, this is {here:?}");
    note(test, &format!("no {what} before Linux {}.{}: refused, as it must", since.0, since.1));
}

/// Makes the calling thread, and no other, one of user nobody.
fn become_nobody() -> io::Result<()> {
    let nobody: libc::uid_t = 65534;
    // SAFETY: takes numbers only. The system call itself, unlike the function
    // of the same name in libc, changes the calling thread alone.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, nobody, nobody, nobody) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
