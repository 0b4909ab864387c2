//! All rings of a host by BPF iterators: the same as by ids, with less privilege.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use std::{fs, io};

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};
use memmap2::{MmapOptions, MmapRaw};
use ringbuf_bpf::through::ThroughSkelBuilder;
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_host::{Host, HostError, HostRing, Source};
use ringbuf_kernel::{Head, RingBuf, RingKind, UserRingBuf};
use ringbuf_tests::{
    AtEnd, Call, Operations, capability, create_map, in_child, kernel_release, live, live_since,
    page_size, skip, until_seen, watchdog, with_failing, with_only,
};

/// The iterators, if the kernel has them: type information is missing on some.
fn iterators(test: &str) -> Option<Host> {
    if !live(test) {
        return None;
    }
    match Host::iterators() {
        Ok(host) => Some(host),
        Err(error @ (HostError::NoTypes | HostError::Narrow)) => {
            skip(test, &error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn id_of(map: &impl MapCore) -> u32 {
    map.info().expect("info").info.id
}

/// The rings with these ids. Other tests make rings meanwhile.
fn only(rings: Vec<HostRing>, ids: &[u32]) -> Vec<HostRing> {
    rings.into_iter().filter(|ring| ids.contains(&ring.info.id)).collect()
}

fn one(host: &Host, id: u32) -> HostRing {
    let found = only(host.rings().expect("read"), &[id]);
    assert_eq!(found.len(), 1, "the ring is listed once");
    found[0].clone()
}

/// Fifty rings of all kinds, empty and with records.
#[test]
fn the_iterators_tell_what_ids_tell() {
    let test = "host::the_iterators_tell_what_ids_tell";
    let Some(host) = iterators(test) else { return };
    let page = page_size() as u32;
    let mut maps: Vec<MapHandle> = (0..30)
        .map(|n| create_map(MapType::RingBuf, 0, 0, page << (n % 5), 0).expect("ring"))
        .collect();
    if kernel_release() >= (6, 1) {
        let user = |_| create_map(MapType::UserRingBuf, 0, 0, page, 0).expect("user ring");
        maps.extend((0..10).map(user));
    }
    if kernel_release() >= (6, 19) {
        let overwrite = |_| create_map(MapType::RingBuf, 0, 0, page, 1 << 19).expect("ring");
        maps.extend((0..10).map(overwrite));
    }
    let operations: Vec<Operations> =
        (0..4).map(|_| Operations::load(page).expect("load of vectors.bpf.c")).collect();
    let submit = |number: usize, kind, size| {
        assert!(operations[number].run(kind, size, 0) >= 0);
    };
    submit(1, op_kind::OUTPUT, 100);
    submit(2, op_kind::RESERVE_DISCARD, 8);
    submit(2, op_kind::OUTPUT, 13);
    while operations[3].run(op_kind::OUTPUT, 100, 0) == 0 {}
    let mut ids: Vec<u32> = maps.iter().map(id_of).collect();
    ids.extend(operations.iter().map(|one| id_of(one.map())));

    let by_iterators = only(host.rings().expect("read"), &ids);
    let by_id = only(Host::by_id().rings().expect("root"), &ids);
    assert_eq!(by_iterators.len(), ids.len());
    let infos = |rings: &[HostRing]| rings.iter().map(|one| one.info.clone()).collect::<Vec<_>>();
    assert_eq!(infos(&by_iterators), infos(&by_id));
    assert_eq!((host.source(), Host::by_id().source()), (Source::Iterators, Source::ById));

    // They are what was made: the comparison could be one of two wrong lists.
    for (map, ring) in maps.iter().zip(&by_iterators) {
        let info = map.info().expect("info").info;
        assert_eq!(
            (info.id, u64::from(info.max_entries)),
            (ring.info.id, ring.info.capacity.bytes())
        );
        assert_eq!(info.type_ == 31, ring.info.kind == RingKind::UserRing);
        assert_eq!(info.map_flags & 1 << 19 != 0, ring.info.overwrite);
        assert_eq!((ring.references, ring.user_references), (Some(1), Some(1)), "one descriptor");
        assert_eq!((ring.watched, ring.waiting), (Some(false), Some(false)));
    }
    let heads: Vec<_> = by_iterators[maps.len()..].iter().map(|ring| ring.info.head).collect();
    assert!(
        matches!(
            heads[..],
            [
                Some(Head::Empty),
                Some(Head::Committed(_)),
                Some(Head::Discarded(_)),
                Some(Head::Committed(_))
            ]
        ),
        "{heads:?}"
    );

    // Nothing keeps a map alive.
    drop((maps, operations));
    let left = only(host.rings().expect("read"), &ids);
    // The skeletons of the operations stay in this process.
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn a_busy_head_and_a_corrupt_ring_are_told() {
    let test = "host::a_busy_head";
    let Some(host) = iterators(test) else { return };
    if ringbuf_tests::online_cpus().len() < 2 {
        skip(test, "it needs two CPUs");
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = id_of(operations.map());
    let (ours, theirs) = until_seen(test, || {
        operations.while_held(false, 0, || {
            (one(&host, id), only(Host::by_id().rings().expect("root"), &[id]))
        })
    });
    assert!(matches!(ours.info.head, Some(Head::Busy(head)) if head.behind == 16), "{ours:?}");
    assert_eq!(ours.info, theirs[0].info);
    // A position that no reader stores.
    operations.ring().set_consumer_pos(operations.ring().producer_pos() + 8);
    let corrupt = one(&host, id).info;
    assert!(corrupt.corrupt.is_some() && corrupt.head.is_none(), "{corrupt:?}");
    assert_eq!(corrupt, only(Host::by_id().rings().expect("root"), &[id])[0].info);
    operations.ring().catch_up();
}

fn pids(list: Option<&[ringbuf_host::HostProcess]>) -> Option<Vec<u32>> {
    list.map(|list| list.iter().map(|process| process.pid).collect())
}

#[test]
fn readers_are_those_that_map_the_page() {
    let test = "host::readers";
    let Some(host) = iterators(test) else { return };
    let page = page_size();
    let me = std::process::id();
    // Sizes of their own: by ids, rings of one size in a process are taken for each other.
    let ours = RingBuf::create(64 * page as u64).expect("ring");
    let alone = create_map(MapType::RingBuf, 0, 0, 2048 * page as u32, 0).expect("ring");
    let closed = create_map(MapType::RingBuf, 0, 0, 512 * page as u32, 0).expect("ring");
    let (alone_id, closed_id) = (id_of(&alone), id_of(&closed));
    let _mapped = reader_of(&closed, 512 * page);
    drop(closed);
    let user = (kernel_release() >= (6, 1)).then(|| {
        let map = create_map(MapType::UserRingBuf, 0, 0, 32 * page as u32, 0).expect("user ring");
        let producer = UserRingBuf::open(&map).expect("user ring");
        (id_of(&map), producer)
    });
    let rings = host.rings().expect("read");
    let owners = host.owners(&rings).expect("read");
    let by_id = Host::by_id().owners(&rings).expect("root");
    for owners in [&owners, &by_id] {
        assert_eq!(pids(owners.readers(ours.id())), Some(vec![me]));
        assert_eq!(pids(owners.holders(ours.id())), Some(vec![me]));
        assert_eq!(pids(owners.readers(alone_id)), Some(vec![]));
        assert_eq!(pids(owners.holders(alone_id)), Some(vec![me]));
        assert_eq!(owners.programs(alone_id), Some(&[][..]));
        if let Some((id, _)) = &user {
            assert_eq!(pids(owners.readers(*id)), Some(vec![me]));
        }
    }
    // Only the kernel knows of which ring a mapping without a descriptor is.
    assert_eq!(pids(by_id.readers(closed_id)), None);
    let known = (kernel_release() >= (5, 12)).then(|| vec![me]);
    assert_eq!(pids(owners.readers(closed_id)), known);
    assert_eq!(pids(owners.holders(closed_id)), Some(vec![]));
    let ring = one(&host, closed_id);
    assert_eq!((ring.references, ring.user_references), (Some(1), Some(1)), "one open file");
}

/// What a reader maps.
fn reader_of(map: &MapHandle, size: usize) -> [MmapRaw; 2] {
    let (file, page) = (map.as_fd().as_raw_fd(), page_size());
    let mut rest = MmapOptions::new();
    rest.offset(page as u64).len(page + 2 * size);
    [
        MmapOptions::new().len(page).map_raw(file).expect("mapped"),
        rest.map_raw_read_only(file).expect("mapped"),
    ]
}

#[test]
fn programs_are_told_also_through_an_array_of_maps() {
    let test = "host::programs";
    let Some(host) = iterators(test) else { return };
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let object = Box::leak(Box::new(MaybeUninit::uninit()));
    let open = ThroughSkelBuilder::default().open(object).expect("a sound object");
    let through = open.load().expect("load of through.bpf.c");
    let ring = RingBuf::create(page_size() as u64).expect("ring");
    let value = ring.as_fd().as_raw_fd().to_ne_bytes();
    through.maps.rings.update(&2_u32.to_ne_bytes(), &value, MapFlags::ANY).expect("updated");
    let rings = host.rings().expect("read");
    let names = |host: &Host, id| {
        let owners = host.owners(&rings).expect("read");
        let programs = owners.programs(id).expect("known");
        programs.iter().map(|one| (one.id, one.name.clone())).collect::<Vec<_>>()
    };
    let ours = names(&host, id_of(operations.map()));
    assert!(ours.iter().any(|(_, name)| name == "op") && ours.len() == 3, "{ours:?}");
    let inner = names(&host, ring.id());
    assert!(matches!(&inner[..], [(_, name)] if name == "through"), "{inner:?}");
    for id in [id_of(operations.map()), ring.id()] {
        assert_eq!(names(&host, id), names(&Host::by_id(), id));
    }
}

#[test]
fn who_sleeps_is_told_from_who_watches() {
    let test = "host::waiting";
    let Some(host) = iterators(test) else { return };
    let _hangs = watchdog(test);
    let mut ring = RingBuf::create(page_size() as u64).expect("ring");
    let id = ring.id();
    assert_eq!(one(&host, id).waiting, Some(false));
    let waker = ring.waker().expect("a waker");
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            ring.wait(None).expect("wait");
            ring
        });
        let ends = AtEnd(|| waker.wake());
        while one(&host, id).waiting != Some(true) {
            assert!(!reader.is_finished(), "it waits");
        }
        let rings = host.rings().expect("read");
        let owners = host.owners(&rings).expect("read");
        if kernel_release() >= (5, 12) {
            let reader = &owners.readers(id).expect("known")[0];
            assert_eq!((reader.pid, reader.waiting), (std::process::id(), Some(true)));
        }
        drop(ends);
        let ring = reader.join().expect("no panic");
        // Its epoll set still has the ring.
        let now = one(&host, id);
        assert_eq!((now.watched, now.waiting), (Some(true), Some(false)));
        drop(ring);
    });
    // poll(2) is in the queue only while it sleeps.
    let map = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("ring");
    let (id, done) = (id_of(&map), AtomicBool::new(false));
    assert_eq!(one(&host, id).watched, Some(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                poll(&map, Duration::from_millis(50));
            }
        });
        let _ends = AtEnd(|| done.store(true, Ordering::Release));
        while one(&host, id).waiting != Some(true) {}
    });
    assert_eq!(one(&host, id).waiting, Some(false));
}

fn poll(map: &impl AsFd, at_most: Duration) {
    let mut one = libc::pollfd { fd: map.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let milliseconds = at_most.as_millis() as libc::c_int;
    // SAFETY: one pollfd, alive for the call.
    let polled = unsafe { libc::poll(&raw mut one, 1, milliseconds) };
    assert!(polled >= 0, "poll: {}", io::Error::last_os_error());
}

/// As somebody who is not root.
#[test]
fn two_capabilities_suffice() {
    let test = "host::two_capabilities_suffice";
    if iterators(test).is_none() || !live_since(test, (5, 11)) {
        return;
    }
    let page = page_size();
    let ours = RingBuf::create(page as u64).expect("ring");
    let id = ours.id();
    with_only(&[capability::BPF, capability::PERFMON], || {
        let host = Host::open();
        assert_eq!(host.source(), Source::Iterators, "{:?}", host.why_by_id());
        let rings = host.rings().expect("read");
        let owners = host.owners(&rings).expect("read");
        assert_eq!(one(&host, id).info.capacity.bytes(), page as u64);
        assert_eq!(owners.programs(id), Some(&[][..]));
        assert_eq!(pids(owners.holders(id)), Some(vec![std::process::id()]));
        if kernel_release() >= (5, 12) {
            assert_eq!(pids(owners.readers(id)), Some(vec![std::process::id()]));
        }
        let by_id = Host::by_id().rings().expect_err("it needs CAP_SYS_ADMIN");
        assert!(by_id.to_string().contains("CAP_SYS_ADMIN"), "{by_id}");
    });
}

#[test]
fn without_privilege_the_error_says_what_is_needed() {
    let test = "host::without_privilege";
    if iterators(test).is_none() {
        return;
    }
    for some in [&[][..], &[capability::BPF], &[capability::PERFMON]] {
        with_only(some, || {
            let host = Host::open();
            assert_eq!(host.source(), Source::ById);
            let why = host.why_by_id().expect("a reason");
            assert!(matches!(why, HostError::Privilege { .. }), "{why}");
            let said = why.to_string();
            for words in ["CAP_BPF and CAP_PERFMON", "sudo", "setcap"] {
                assert!(said.contains(words), "{said}");
            }
            assert!(matches!(host.rings(), Err(HostError::ById(_))));
        });
    }
    // A sandbox that permits no programs: by ids it works.
    with_failing(Call::Bpf(5), libc::EPERM, || {
        let host = Host::open();
        assert_eq!(host.source(), Source::ById);
        assert!(host.rings().is_ok());
    });
}

/// libbpf maps global variables, so the iterators have none.
#[test]
fn nothing_is_mapped() {
    let test = "host::nothing_is_mapped";
    let Some(_warm) = iterators(test) else { return };
    let _hangs = watchdog(test);
    let mapped = || {
        let maps = fs::read_to_string("/proc/thread-self/maps").expect("procfs");
        maps.lines().filter(|line| line.contains("bpf-map")).count()
    };
    // Other tests of this process map rings: so in a process of its own.
    let code = in_child(|| {
        let before = mapped();
        match Host::iterators() {
            Ok(host) => match (host.rings(), mapped() == before) {
                (Ok(_), true) => 0,
                (Ok(_), false) => 1,
                (Err(_), _) => 2,
            },
            Err(_) => 3,
        }
    });
    assert_eq!(code, 0);
}

/// The kernel shows the processes of the namespace alone, so "none" is not known.
#[test]
fn in_a_pid_namespace_nobody_is_called_none() {
    let test = "host::pid_namespace";
    if iterators(test).is_none() {
        return;
    }
    let _hangs = watchdog(test);
    let ours = RingBuf::create(page_size() as u64).expect("ring");
    let id = ours.id();
    let code = in_child(|| {
        // SAFETY: a number.
        if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
            return 10;
        }
        // The first child is process 1 there.
        in_child(|| {
            let Ok(host) = Host::iterators() else { return 1 };
            let Ok(rings) = host.rings() else { return 2 };
            let Ok(owners) = host.owners(&rings) else { return 3 };
            // It has inherited the descriptor and the mappings, so it sees itself, and nobody else.
            match (pids(owners.holders(id)).as_deref(), owners.holders(u32::MAX)) {
                (Some([1]), None) => 0,
                _ => 4,
            }
        })
    });
    if code == 10 {
        skip(test, "no PID namespaces here");
        return;
    }
    assert_eq!(code, 0);
}
