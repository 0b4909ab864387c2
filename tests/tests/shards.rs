//! Sharded rings in the live kernel: made, filled into the arrays of loaders, opened, read as a
//! set.
//!
//! RINGBUF_RECORDS says how many records the two CPUs try to write (a million without it).

use std::collections::HashMap;
use std::env;
use std::fs;
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use libbpf_rs::{MapCore, MapFlags, MapType};
use ringbuf_bpf::shards::types::produce;
use ringbuf_kernel::{
    MapOptions, OpenError, RingBuf, Shard, ShardBy, ShardError, ShardOptions, ShardedRings,
    Topology, WaitPolicy,
};
use ringbuf_tests::{
    BpfFs, Call, Event, Shards, create_map, live_since, map_by_id, online_cpus, page_size,
    pin_to_cpu, skip, watchdog, with_failing,
};

/// bpf_loop.
const SINCE: (u32, u32) = (5, 17);
const RING: u64 = 1 << 20;

fn load() -> Shards {
    Shards::load().expect("load of shards.bpf.c")
}

fn possible() -> u32 {
    Topology::here().expect("sysfs").possible()
}

fn only(rings: u32) -> ShardBy {
    ShardBy::Count(NonZeroU32::new(rings).expect("not 0"))
}

/// Programs on each CPU, and one that interrupts them, through the rings of `by`.
fn each_record_once(test: &'static str, by: ShardBy) {
    if !live_since(test, SINCE) {
        return;
    }
    let _hangs = watchdog(test);
    let records = env::var("RINGBUF_RECORDS").map_or(1_000_000, |n| n.parse().expect("number"));
    let cpus = online_cpus();
    let shards = load();
    let rings = ShardOptions::new(by, RING).fill(shards.array()).expect("rings");
    let mut set = rings.into_set(WaitPolicy::balanced()).expect("a set");
    let links = shards.interrupt(50_000).expect("a timer on each CPU");
    let running = AtomicUsize::new(cpus.len());
    let mut next = vec![0_u64; shards.streams()];
    let mut read = |shard: &mut Shard, sample: &[u8]| {
        let event = Event::of(sample);
        let cpu = u32::try_from(event.stream / 2).expect("small");
        assert!(shard.cpus.contains(&cpu), "{event:?} in {shard}");
        assert_eq!(event.number, next[event.stream], "lost, repeated or out of order: {event:?}");
        next[event.stream] += 1;
    };
    thread::scope(|scope| {
        for &cpu in &cpus {
            let (shards, running, share) = (&shards, &running, records / cpus.len() as u64);
            scope.spawn(move || {
                let _pinned = pin_to_cpu(cpu).expect("pin");
                for _ in 0..share.div_ceil(1000) {
                    let arguments = produce { count: 1000, size: 32, ..Default::default() };
                    shards.produce(arguments).expect("a run");
                    // The reader shares a CPU with one of us; it need not starve.
                    thread::yield_now();
                }
                running.fetch_sub(1, Ordering::Release);
            });
        }
        while running.load(Ordering::Acquire) > 0 {
            set.wait(Some(Duration::from_millis(20))).expect("wait");
            set.drain(|shard, record| read(shard, &record)).expect("sound rings");
        }
    });
    drop(links);
    let limit = Duration::from_secs(10);
    let finished = set.finish(limit, |shard, record| read(shard, &record)).expect("finish");
    assert!(finished.is_complete(), "{finished}");
    let streams: Vec<_> = (0..shards.streams()).map(|number| shards.stream(number)).collect();
    let accepted: Vec<_> = streams.iter().map(|stream| stream.accepted).collect();
    assert_eq!(next, accepted, "every accepted record is read");
    let attempted = streams.iter().map(|stream| stream.attempted).sum::<u64>();
    let ticks = streams.iter().skip(1).step_by(2).map(|stream| stream.attempted).sum::<u64>();
    let (all, rings) = (accepted.iter().sum::<u64>(), set.len());
    println!("{test}: {all} of {attempted} through {rings} rings, {ticks} from interrupts");
    assert!(attempted >= records && ticks > 0);
}

#[test]
fn a_ring_for_each_cpu() {
    each_record_once("shards::a_ring_for_each_cpu", ShardBy::Cpu);
}

#[test]
fn one_ring_in_all_slots() {
    each_record_once("shards::one_ring_in_all_slots", only(1));
}

/// What `create` makes, a loader takes instead of the array in its object.
#[test]
fn a_loader_takes_an_array_that_is_made_before() {
    if !live_since("shards::a_loader_takes_an_array", SINCE) {
        return;
    }
    let _hangs = watchdog("shards::a_loader_takes_an_array");
    let options = ShardOptions::new(ShardBy::LastLevelCache, RING).name("shards");
    let rings = options.create().expect("rings and array");
    assert_eq!(rings.name(), "shards");
    let shards = Shards::load_with(|open| open.maps.shards.reuse_fd(rings.as_fd()));
    let shards = shards.expect("load with that array");
    let clusters = Topology::here().expect("sysfs").clusters();
    assert_eq!(rings.len(), clusters.len());
    for (ring, shard) in rings.iter() {
        assert_eq!((ring.capacity().bytes(), ring.name()), (RING, "shards"));
        let online = online_cpus().into_iter().map(|cpu| u32::try_from(cpu).expect("small"));
        let cpus: Vec<_> = online.filter(|cpu| shard.cpus.contains(cpu)).collect();
        assert_eq!(cpus, clusters[shard.index]);
        // The program names the array, not the ring.
        let programs = ring.programs().expect("programs");
        assert!(programs.iter().any(|program| program.name == "produce"), "{programs:?}");
    }
    let arguments = produce { count: 3, size: 152, ..Default::default() };
    assert_eq!(shards.produce(arguments).expect("a run").accepted, 3);
    let mut set = rings.into_set(WaitPolicy::balanced()).expect("a set");
    // The program may move to a CPU with another ring, whose notification comes later.
    let mut count = 0;
    while count < 3 {
        set.wait(None).expect("wait");
        set.drain(|_, record| count += usize::from(record.len() == 152)).expect("sound");
    }
    assert_eq!(count, 3);
}

/// Rings of different sizes, one of them in several slots, found by descriptor, id and pin.
#[test]
fn what_another_loader_has_filled_is_opened() {
    let test = "shards::what_another_loader_has_filled";
    if !live_since(test, SINCE) {
        return;
    }
    let (shards, possible) = (load(), possible());
    let last = possible - 1;
    let small = RingBuf::create(page_size() as u64).expect("ring");
    let large = RingBuf::create(4 * page_size() as u64).expect("ring");
    for slot in 0..possible {
        shards.put(slot, if slot == last { &large } else { &small }).expect("filled");
    }
    let mut expected = HashMap::from([(large.id(), (vec![last], large.capacity()))]);
    if last > 0 {
        expected.insert(small.id(), ((0..last).collect(), small.capacity()));
    }
    drop((small, large));
    let check = |rings: Result<ShardedRings, ShardError>| {
        let rings = rings.expect("rings");
        let found =
            rings.iter().map(|(ring, shard)| (ring.id(), (shard.cpus.clone(), ring.capacity())));
        assert_eq!(found.collect::<HashMap<_, _>>(), expected);
        for (number, (_, shard)) in rings.into_rings().into_iter().enumerate() {
            assert_eq!(shard.index, number);
        }
    };
    check(ShardedRings::open(shards.array()));
    let shared = load();
    drop(ShardOptions::new(only(1), RING).fill(shared.array()).expect("one ring"));
    let rings = ShardedRings::open(shared.array()).expect("one ring, opened once");
    let all: Vec<_> = rings.iter().map(|(_, shard)| shard.cpus.clone()).collect();
    assert_eq!(all, [(0..possible).collect::<Vec<_>>()]);
    check(ShardedRings::from_id(shards.array().info().expect("info").info.id));
    let bpffs = BpfFs::mount();
    let path = bpffs.path().join("shards");
    let name = std::ffi::CString::new(path.to_str().expect("UTF-8")).expect("no NUL");
    let fd = std::os::fd::AsRawFd::as_raw_fd(&shards.array().as_fd());
    // SAFETY: a descriptor and a C string, alive for the call.
    let pinned = unsafe { libbpf_rs::libbpf_sys::bpf_obj_pin(fd, name.as_ptr()) };
    assert_eq!(pinned, 0, "pin");
    check(ShardedRings::from_pin(&path));
    // A ring that this process reads already.
    let reader = ShardedRings::open(shards.array()).expect("rings");
    let error = ShardedRings::open(shards.array()).expect_err("a second reader");
    let second = |error: &OpenError| matches!(error, OpenError::SecondConsumer { .. });
    assert!(matches!(&error, ShardError::Slot { error, .. } if second(error)), "{error}");
    drop(reader);
}

#[test]
fn what_cannot_be_opened_is_named() {
    if !live_since("shards::what_cannot_be_opened", SINCE) {
        return;
    }
    let (shards, possible) = (load(), possible());
    let text = |error: &ShardError| error.to_string();
    // Empty slots.
    let error = ShardedRings::open(shards.array()).expect_err("empty");
    assert!(matches!(error, ShardError::EmptySlot { slot: 0, .. }), "{error}");
    let ring = RingBuf::create(page_size() as u64).expect("ring");
    for slot in 0..possible - 1 {
        shards.put(slot, &ring).expect("filled");
    }
    drop(ring);
    let error = ShardedRings::open(shards.array()).expect_err("the last is empty");
    let last = possible - 1;
    assert!(matches!(error, ShardError::EmptySlot { slot, .. } if slot == last), "{error}");
    assert!(text(&error).contains("ShardOptions::fill"), "{error}");
    // Other maps.
    let ring = RingBuf::create(page_size() as u64).expect("ring");
    let error = ShardedRings::open(&ring).expect_err("a ring");
    assert!(matches!(error, ShardError::NotAnArrayOfMaps { map_type: 27, .. }), "{error}");
    assert!(text(&error).contains("RingBuf"), "{error}");
    let file = fs::File::open("/dev/null").expect("a file");
    let error = ShardedRings::open(&file).expect_err("a file");
    assert!(matches!(error, ShardError::Open(OpenError::NotAMap)), "{error}");
    assert!(matches!(
        ShardedRings::from_pin("/sys/fs/bpf/no/such/pin"),
        Err(ShardError::Open(OpenError::NoSuchPin { .. }))
    ));
    // Too few slots.
    let few = Shards::load_with(|open| open.maps.shards.set_max_entries(1)).expect("load");
    if possible > 1 {
        for error in [
            ShardedRings::open(few.array()).expect_err("one slot"),
            ShardOptions::new(ShardBy::Cpu, RING).fill(few.array()).expect_err("one slot"),
        ] {
            assert!(matches!(error, ShardError::TooFewSlots { slots: 1, .. }), "{error}");
            assert!(text(&error).contains(&format!("max_entries to {possible}")), "{error}");
        }
    } else {
        skip("shards::too_few_slots", "needs two possible CPUs");
    }
    // Sizes that no ring can have.
    for bytes in [0, 5000, 1 << 40] {
        let error = ShardOptions::new(ShardBy::Cpu, bytes).create().expect_err("no such size");
        assert!(matches!(error, ShardError::Open(OpenError::Capacity(_))), "{error}");
    }
}

/// What a sandbox refuses, or a descriptor does not permit.
#[test]
fn a_lack_of_rights_is_named() {
    if !live_since("shards::a_lack_of_rights", SINCE) {
        return;
    }
    const CREATE: u32 = 0;
    const LOOKUP: u32 = 1;
    const UPDATE: u32 = 2;
    const UPDATE_BATCH: u32 = 26;
    const FD_BY_ID: u32 = 14;
    const INFO: u32 = 15;
    let shards = load();
    let array = shards.array().as_fd();
    let options = || ShardOptions::new(ShardBy::Cpu, RING);
    drop(options().fill(array).expect("rings"));
    let open = |command| {
        let refused = with_failing(Call::Bpf(command), libc::EPERM, || ShardedRings::open(array));
        refused.expect_err("not permitted")
    };
    let error = open(INFO);
    assert!(matches!(error, ShardError::Open(OpenError::Privilege { .. })), "{error}");
    for command in [LOOKUP, FD_BY_ID] {
        let error = open(command);
        let privilege = |error: &OpenError| matches!(error, OpenError::Privilege { .. });
        assert!(matches!(&error, ShardError::Slot { error, .. } if privilege(error)), "{error}");
        assert!(error.to_string().contains("seccomp"), "{error}");
    }
    let fill = |command| {
        let refused = with_failing(Call::Bpf(command), libc::EPERM, || options().fill(array));
        refused.expect_err("not permitted")
    };
    let one_by_one = with_failing(Call::Bpf(UPDATE_BATCH), libc::EINVAL, || options().fill(array));
    drop(one_by_one.expect("as before Linux 5.14"));
    let error = fill(CREATE);
    assert!(matches!(error, ShardError::Open(OpenError::Privilege { .. })), "{error}");
    let error = with_failing(Call::Bpf(UPDATE_BATCH), libc::EINVAL, || fill(UPDATE));
    assert!(matches!(error, ShardError::Refused { slot: 0, .. }), "{error}");
    assert!(error.to_string().contains("seccomp"), "{error}");
    // Descriptors that permit one half.
    let id = shards.array().info().expect("info").info.id;
    let (read_only, write_only) = (map_by_id(id, 1 << 3), map_by_id(id, 1 << 4));
    let (read_only, write_only) = (read_only.expect("a descriptor"), write_only.expect("another"));
    drop(ShardedRings::open(&read_only).expect("reading is enough"));
    let error = options().fill(&read_only).expect_err("filling writes");
    assert!(matches!(error, ShardError::Refused { slot: 0, .. }), "{error}");
    assert!(error.to_string().contains("BPF_F_RDONLY"), "{error}");
    let error = ShardedRings::open(&write_only).expect_err("opening reads");
    assert!(matches!(error, ShardError::Open(OpenError::WriteOnlyFd { .. })), "{error}");
}

/// An array of arrays, not of rings.
#[test]
fn an_array_of_other_maps_is_refused() {
    if !live_since("shards::an_array_of_other_maps", SINCE) {
        return;
    }
    let inner = create_map(MapType::Array, 4, 4, 1, 0).expect("an array");
    let options = libbpf_rs::libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_rs::libbpf_sys::bpf_map_create_opts>() as _,
        inner_map_fd: std::os::fd::AsRawFd::as_raw_fd(&inner.as_fd()) as u32,
        ..Default::default()
    };
    let outer = libbpf_rs::MapHandle::create(
        MapType::ArrayOfMaps,
        Some("outer"),
        4,
        4,
        possible(),
        &options,
    )
    .expect("an array of arrays");
    let fd = std::os::fd::AsRawFd::as_raw_fd(&inner.as_fd()) as u32;
    for slot in 0..possible() {
        outer.update(&slot.to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY).expect("filled");
    }
    let error = ShardedRings::open(&outer).expect_err("arrays");
    let wrong = |error: &OpenError| matches!(error, OpenError::WrongType { map_type: 2, .. });
    assert!(matches!(&error, ShardError::Slot { error, .. } if wrong(error)), "{error}");
    assert!(error.to_string().contains("not a ring buffer"), "{error}");
    let error = ShardOptions::new(ShardBy::Cpu, RING).fill(&outer).expect_err("takes arrays only");
    assert!(matches!(error, ShardError::Refused { slot: 0, .. }), "{error}");
    assert!(error.to_string().contains("template"), "{error}");
}

/// The array takes rings with the flags of its template only.
#[test]
fn rings_are_bound_to_nodes_if_the_array_takes_them() {
    if !live_since("shards::rings_are_bound_to_nodes", SINCE) {
        return;
    }
    const NUMA_NODE: u32 = 4;
    let bound = ShardOptions::new(ShardBy::Cpu, RING).numa(true);
    let flags = |rings: &ShardedRings| {
        let id = rings.iter().next().expect("a ring").0.id();
        let map = libbpf_rs::MapHandle::from_map_id(id).expect("the map");
        map.info().expect("info").info.map_flags
    };
    assert_eq!(flags(&bound.create().expect("one array, bound")), NUMA_NODE);
    let plain = load();
    let error = bound.fill(plain.array()).expect_err("the template has no flag");
    assert!(matches!(error, ShardError::Refused { slot: 0, .. }), "{error}");
    assert!(error.to_string().contains("BPF_F_NUMA_NODE"), "{error}");
    let template = MapOptions::new(RING).numa_node(u32::MAX).create().expect("a template");
    let with_flag = Shards::load_with(|open| open.maps.shards.set_inner_map_fd(template.as_fd()));
    let with_flag = with_flag.expect("load");
    assert_eq!(flags(&bound.fill(with_flag.array()).expect("bound")), NUMA_NODE);

    // A machine with two nodes, by its sysfs: without a word of the caller, rings are bound where
    // the array takes such rings.
    let dir = tempfile::tempdir().expect("a folder");
    for (file, text) in [
        ("cpu/possible", format!("0-{}", possible() - 1)),
        ("cpu/online", format!("0-{}", possible() - 1)),
        ("node/node0/cpulist", "0".to_owned()),
    ] {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    if possible() == 1 {
        return skip("shards::two_nodes", "needs two possible CPUs");
    }
    let topology = Topology::read(dir.path()).expect("sound files");
    let unsaid = ShardOptions::new(ShardBy::Cpu, RING).topology(topology);
    assert_eq!(flags(&unsaid.create().expect("rings")), NUMA_NODE);
    assert_eq!(flags(&unsaid.fill(plain.array()).expect("without")), 0);
    assert_eq!(flags(&unsaid.fill(with_flag.array()).expect("with")), NUMA_NODE);
}
