//! The counters of the header for BPF programs, and the sum: what was attempted is what was
//! delivered, discarded, refused, or is in the ring, to the record. Programs on two CPUs interrupt
//! each other, the ring overflows, and a reservation is in flight at the stop.
//!
//! `RINGBUF_ATTEMPTS=10000000 cargo test --release -p ringbuf-tests --test losses -- --nocapture`
//! makes as many attempts in each test.

use std::env;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use libbpf_rs::btf::types::{DataSec, Ptr, Struct, Var};
use libbpf_rs::btf::{Btf, BtfType, HasSize};
use libbpf_rs::{MapCore, MapFlags, MapType, libbpf_sys};
use ringbuf_kernel::{
    Accounting, Attempts as Known, Gap, LossCounters, LossesError, MapOptions, ProgramCounts,
    RingBuf, RingSet, SavedCounts, WaitPolicy, rings,
};
use ringbuf_tests::losses::{Attempts, Counters, PERIOD};
use ringbuf_tests::{create_map, live_since, online_cpus, page_size, pin_to_cpu, skip, until_seen};

/// Small, so that it overflows; large enough on a machine with pages of 64 KiB.
const RING: u32 = 64 << 10;

fn attempts() -> u64 {
    env::var("RINGBUF_ATTEMPTS").map_or(600_000, |n| n.parse().expect("a number"))
}

fn two_cpus(test: &str) -> bool {
    let enough = online_cpus().len() > 1;
    if !enough {
        skip(test, "only one CPU is online");
    }
    enough
}

fn counters(programs: &Attempts, map: &str) -> LossCounters {
    LossCounters::open(programs.map(map).as_fd()).expect("counters")
}

/// Attempts on the first two CPUs at once, while both are interrupted.
fn attempt(programs: &mut Attempts, count: u64, also: impl FnOnce(&AtomicBool) + Send) {
    programs.interrupt(PERIOD).expect("a clock event");
    let (program, over) = (programs.program("attempts"), AtomicBool::new(false));
    thread::scope(|scope| {
        let (program, over) = (program.as_fd(), &over);
        let on = |cpu| {
            scope.spawn(move || {
                let _pinned = pin_to_cpu(cpu).expect("pin");
                Attempts::attempt(program, count / 2);
            })
        };
        let producers: Vec<_> = online_cpus().into_iter().take(2).map(on).collect();
        scope.spawn(move || also(over));
        producers.into_iter().for_each(|producer| producer.join().expect("a producer"));
        over.store(true, Relaxed);
    });
    programs.interrupt_no_more();
}

#[test]
fn the_sum_holds_for_one_ring() {
    if !live_since("losses::one_ring", (5, 10)) || !two_cpus("losses::one_ring") {
        return;
    }
    until_seen("losses::one_ring", || {
        let mut programs = Attempts::load(Counters::Atomic, RING, true);
        let mut ring = RingBuf::open(programs.map("events").as_fd()).expect("ring");
        attempt(&mut programs, attempts(), |over| {
            while !over.load(Relaxed) {
                ring.drain(|_| ()).expect("a sound ring");
                thread::sleep(Duration::from_micros(200));
            }
        });
        let counters = LossCounters::find(programs.map("events").as_fd()).expect("found by name");
        let accounting = counters.account([&ring]).expect("a sum");
        programs.assert_exact(&accounting);
        ring.drain(|_| ()).expect("a sound ring");
        let held = programs.while_held(|| counters.account([&ring]).expect("a sum"));
        assert_eq!((held.gap(), held.unread.in_flight), (Gap::None, 1), "{held}");
        let finished = ring.finish(Duration::from_secs(60), |_| ()).expect("a sound ring");
        assert!(finished.is_complete());
        let accounting = counters.account([&ring]).expect("a sum");
        programs.assert_exact(&accounting);
        shown("losses::one_ring", &programs, &accounting);
    });
}

#[test]
fn the_sum_holds_for_shards() {
    if !live_since("losses::shards", (5, 10)) || !two_cpus("losses::shards") {
        return;
    }
    until_seen("losses::shards", || {
        let mut programs = Attempts::load(Counters::Atomic, RING, true);
        let shards = programs.shard(RING);
        let mut set = RingSet::new(WaitPolicy::balanced()).expect("an epoll set");
        for (cpu, shard) in online_cpus().into_iter().zip(&shards) {
            set.insert(RingBuf::open(shard).expect("ring"), cpu).expect("added");
        }
        attempt(&mut programs, attempts(), |over| {
            while !over.load(Relaxed) {
                set.drain(|_, _| ()).expect("sound rings");
                thread::sleep(Duration::from_micros(200));
            }
        });
        let counters = LossCounters::find(programs.map("shards").as_fd()).expect("found by name");
        set.drain(|_, _| ()).expect("sound rings");
        let account = |set: &RingSet<usize>| {
            let rings = set.iter().map(|(ring, _)| ring);
            counters.account(rings).expect("a sum")
        };
        let held = programs.while_held(|| account(&set));
        assert_eq!((held.gap(), held.unread.in_flight), (Gap::None, 1), "{held}");
        assert!(set.finish(Duration::from_secs(60), |_, _| ()).expect("sound rings").is_complete());
        let accounting = account(&set);
        programs.assert_exact(&accounting);
        // Each shard by itself: place c is written on CPU c alone.
        for (ring, cpu) in set.iter() {
            let of_cpu = counters.per_cpu().expect("counters");
            let counts = of_cpu.iter().find(|(number, _)| *number as usize == *cpu);
            let shard = ring.accounting().expect("a sound ring");
            let shard = shard.programs(counts.expect("a possible CPU").1);
            assert_eq!(shard.gap(), Gap::None, "{cpu}: {shard}");
        }
        shown("losses::shards", &programs, &accounting);
    });
}

/// A CPU without a ring is a loss with a name.
#[test]
fn an_empty_place_is_counted() {
    if !live_since("losses::empty_place", (5, 10)) {
        return;
    }
    let programs = Attempts::load(Counters::Atomic, RING, true);
    drop(programs.shard(RING));
    let cpu = *online_cpus().last().expect("a CPU");
    let key = u32::try_from(cpu).expect("small").to_ne_bytes();
    programs.map("shards").delete(&key).expect("a place");
    let _pinned = pin_to_cpu(cpu).expect("pin");
    Attempts::attempt(programs.program("attempts").as_fd(), 500);
    let counts = counters(&programs, "shards_counts").total().expect("counters");
    assert_eq!((counts.attempted, counts.no_ring, counts.failed()), (500, 500, 500));
}

/// The planted defect: programs interrupt each other between load and store of a counter.
#[test]
fn plain_increments_are_caught() {
    if !live_since("losses::plain", (5, 10)) || !two_cpus("losses::plain") {
        return;
    }
    let mut programs = Attempts::load(Counters::Plain, RING, true);
    let mut ring = RingBuf::open(programs.map("events").as_fd()).expect("ring");
    attempt(&mut programs, attempts().min(600_000), |over| {
        while !over.load(Relaxed) {
            ring.drain(|_| ()).expect("a sound ring");
            thread::sleep(Duration::from_micros(200));
        }
    });
    let accounting = counters(&programs, "events_counts").account([&ring]).expect("a sum");
    let truth = programs.truth();
    println!("{accounting}; {truth:?}");
    if truth.nested == 0 {
        return skip("losses::plain", "no program was interrupted: nothing can be lost");
    }
    assert_ne!(accounting.attempts, Known::Counted(truth.attempted), "no increment was lost");
}

#[test]
fn failures_alone_are_counted_by_reason() {
    if !live_since("losses::failures", (5, 10)) {
        return;
    }
    let programs = Attempts::load(Counters::Atomic, RING, false);
    let mut ring = RingBuf::open(programs.map("events").as_fd()).expect("ring");
    // Nobody reads meanwhile, so "full" is certain.
    Attempts::attempt(programs.program("attempts").as_fd(), 20_000);
    ring.drain(|_| ()).expect("a sound ring");
    let accounting = counters(&programs, "events_counts").account([&ring]).expect("a sum");
    let truth = programs.truth();
    let failed = accounting.failed.expect("failures are counted");
    assert_eq!((failed.full, failed.too_big, failed.other), (truth.refused, truth.too_big, 0));
    assert_eq!((accounting.attempts, accounting.gap()), (Known::Unknown, Gap::Unknown));
    let passed = ring.counts();
    assert_eq!((passed.delivered, passed.discarded), (truth.submitted, truth.discarded));
    assert!(truth.refused > 0 && truth.too_big > 0 && truth.discarded > 0, "{truth:?}");
}

/// All rings of the host at once.
#[test]
fn counters_of_each_ring_are_found() {
    if !live_since("losses::each", (5, 10)) {
        return;
    }
    let programs = Attempts::load(Counters::Atomic, RING, false);
    Attempts::attempt(programs.program("attempts").as_fd(), 20_000);
    let ring = RingBuf::open(programs.map("events").as_fd()).expect("ring");
    // A shard with the name of its array, as ShardedRings make it: the counters are not its own.
    let shard = MapOptions::new(u64::from(RING)).name("shards").create().expect("ring");
    let file = shard.as_fd().as_raw_fd().to_ne_bytes();
    let place = 0_u32.to_ne_bytes();
    programs.map("shards").update(&place, &file, MapFlags::ANY).expect("an empty place");
    let lonely = MapOptions::new(u64::from(RING)).name("events").create().expect("ring");
    let all = rings().expect("root");
    let names: Vec<_> = all.iter().map(|ring| (ring.id, ring.name.as_str())).collect();
    let all = LossCounters::find_each(&names).expect("root");
    let total = all[&ring.id()].total().expect("counters");
    let truth = programs.truth();
    assert_eq!((total.full, total.too_big), (truth.refused, truth.too_big));
    assert!(truth.refused > 0 && truth.too_big > 0, "{truth:?}");
    assert!([&shard, &lonely].iter().all(|ring| !all.contains_key(&ring.id())), "{all:?}");
}

/// printed only: what the run was.
fn shown(test: &str, programs: &Attempts, accounting: &Accounting) {
    println!("{test}: {accounting}; {} nested", programs.truth().nested);
}

#[test]
fn the_type_of_records_is_in_the_kernel() {
    if !live_since("losses::record", (5, 10)) {
        return;
    }
    let programs = Attempts::load(Counters::Atomic, RING, true);
    let btf = Btf::from_prog_id(programs.program_id("attempts")).expect("the kernel's copy");
    let section: DataSec<'_> = btf.type_by_name(".ringbuf.record").expect("the section");
    let variable: BtfType<'_> =
        btf.type_by_id(section.iter().next().expect("one").ty).expect("a type");
    let variable = Var::try_from(variable).expect("a variable");
    assert_eq!(variable.name().expect("a name"), "ringbuf_record_events");
    let pointer: Ptr<'_> = variable.next_type().expect("a type").try_into().expect("a pointer");
    let record: Struct<'_> = pointer.next_type().expect("a type").try_into().expect("a struct");
    assert_eq!((record.name().expect("a name").to_str(), record.size()), (Some("event"), 32));
}

#[test]
fn other_maps_are_refused() {
    if !live_since("losses::refused", (5, 10)) {
        return;
    }
    let programs = Attempts::load(Counters::Atomic, RING, true);
    let open = |map: &str| LossCounters::open(programs.map(map).as_fd());
    assert!(matches!(open("events"), Err(LossesError::NotCounters { map_type: 27, .. })));
    assert!(matches!(open("events_saved"), Err(LossesError::NotCounters { map_type: 2, .. })));
    let small = create_map(MapType::PercpuArray, 4, 56, 1, 0).expect("a map");
    let error = LossCounters::open(small.as_fd()).expect_err("too small");
    assert!(matches!(error, LossesError::NotCounters { value_size: 56, .. }), "{error}");
    let lonely = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("a ring");
    let error = LossCounters::find(lonely.as_fd()).expect_err("nobody counts");
    assert!(error.to_string().contains("`ringbuf_tests_c`"), "{error}");
    let not_a_map = std::fs::File::open("/").expect("a descriptor");
    assert!(matches!(LossCounters::open(&not_a_map), Err(LossesError::Open(_))));

    let saved = |map: &str| SavedCounts::open(programs.map(map).as_fd());
    assert!(saved("events_saved").is_ok());
    assert!(matches!(saved("events_counts"), Err(LossesError::NotSavedCounts { .. })));
    let plain = create_map(MapType::Array, 4, 128, 1, 0).expect("a map");
    let error = SavedCounts::open(plain.as_fd()).expect_err("cannot be mapped");
    assert!(matches!(error, LossesError::NotSavedCounts { map_flags: 0, .. }), "{error}");

    let mut ring = RingBuf::open(programs.map("events").as_fd()).expect("ring");
    let map = saved("events_saved").expect("a map");
    assert!(map.as_fd().as_raw_fd() >= 0);
    ring.save_counts(&map).expect("a new reader");
    assert!(matches!(ring.save_counts(&map), Err(LossesError::TooLate)));
    let mut other = RingBuf::create(page_size() as u64).expect("ring");
    let error = other.save_counts(&map).expect_err("it belongs to the first ring");
    let first = u64::from(ring.id());
    let by = |error: &LossesError, who: u64| match error {
        LossesError::SavedByAnother { id, ring, .. } => (*id, *ring) == (map.id(), who),
        _ => false,
    };
    assert!(by(&error, first), "{error}");
    // It is noticed also if both have opened the map for themselves.
    let again = saved("events_saved").expect("the same map");
    let error = other.save_counts(&again).expect_err("it belongs to the first ring");
    assert!(by(&error, first), "{error}");
    // Taken by mistake, the map is the second ring's, and the first one says so.
    again.clear();
    assert!(by(&ring.saves_counts().expect_err("cleared"), u64::MAX));
    drop(ring);
    let mut ring = RingBuf::open(programs.map("events").as_fd()).expect("ring");
    ring.save_counts(&map).expect("cleared");
    assert!(matches!((ring.saves_counts(), other.saves_counts()), (Ok(true), Ok(false))));
    again.clear();
    other.save_counts(&again).expect("cleared");
    assert!(by(&ring.saves_counts().expect_err("taken"), other.id().into()));
    assert!(matches!(other.saves_counts(), Ok(true)));
    drop(ring);
    let mut ring = RingBuf::open(programs.map("events").as_fd()).expect("ring");
    Attempts::attempt(programs.program("attempts").as_fd(), 50);
    ring.drain(|_| ()).expect("a sound ring");
    assert!(matches!(ring.save_counts(&map), Err(LossesError::TooLate)));
}

/// A program that counts no attempts: how often it ran gives an estimate, which is labelled.
#[test]
fn runs_estimate_attempts() {
    if !live_since("losses::estimate", (5, 10)) {
        return;
    }
    // SAFETY: asks for a descriptor; the kernel counts runs as long as it is open.
    let stats = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
    assert!(stats >= 0, "BPF_ENABLE_STATS: {}", std::io::Error::last_os_error());
    // SAFETY: just made, owned by nobody else.
    let _stats = unsafe { OwnedFd::from_raw_fd(stats) };
    let programs = Attempts::load(Counters::Atomic, RING, false);
    let mut ring = RingBuf::open(programs.map("events").as_fd()).expect("ring");
    for _ in 0..900 {
        Attempts::attempt(programs.program("attempts").as_fd(), 1);
    }
    ring.drain(|_| ()).expect("a sound ring");
    let all = ring.programs().expect("programs");
    let runs = all.iter().find(|program| program.name == "attempts").expect("it is loaded").runs;
    assert_eq!(runs, 900);
    let estimate = ring.accounting().expect("a sound ring").estimated(runs, 1);
    let truth = programs.truth();
    assert_eq!(estimate.gap(), Gap::Estimated(truth.too_big + truth.refused));
    assert!(truth.too_big > 0 && estimate.to_string().starts_with("about 900 attempted"));
    // What the program counts is no longer a part of the gap.
    let counters = counters(&programs, "events_counts").total().expect("counters");
    assert_eq!(estimate.programs(counters).gap(), Gap::Estimated(0));
}

/// aya, too, loads an object with the header: sections and types that it does not know are no
/// obstacle.
#[test]
fn aya_loads_the_header() {
    if !live_since("losses::aya", (5, 10)) {
        return;
    }
    let object = aya::EbpfLoader::new().load(ringbuf_bpf::losses::OBJECT);
    let mut object = object.expect("aya loads losses.bpf.c");
    let map = object.take_map("events_counts").expect("a map");
    let aya::maps::Map::PerCpuArray(map) = map else { panic!("not a per-CPU array") };
    let counters = LossCounters::open(map.fd()).expect("counters");
    assert_eq!(counters.total().expect("counters"), ProgramCounts::default());
}
