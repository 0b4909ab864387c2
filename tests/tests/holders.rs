//! Which programs use the map of a ring: none, some, attached or not, through a map of maps, and
//! not known.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::thread;
use std::time::Duration;

use libbpf_rs::query::ProgInfoIter;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, libbpf_sys};
use ringbuf_bpf::tasks::{TasksSkel, TasksSkelBuilder};
use ringbuf_bpf::through::ThroughSkelBuilder;
use ringbuf_kernel::{Program, ProgramsError, RingBuf, UserRingBuf};
use ringbuf_tests::{
    Call, Operations, UserDrain, live, live_since, page_size, watchdog, with_failing,
};

const RAW_TRACEPOINT: u32 = libbpf_sys::BPF_PROG_TYPE_RAW_TRACEPOINT;

fn tasks() -> TasksSkel<'static> {
    // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
    let object = Box::leak(Box::new(MaybeUninit::uninit()));
    TasksSkelBuilder::default().open(object).expect("sound").load().expect("load of tasks.bpf.c")
}

/// Name, type and number of links of each.
fn described(programs: &[Program]) -> Vec<(&str, u32, u32)> {
    programs.iter().map(|one| (one.name.as_str(), one.program_type, one.links)).collect()
}

#[test]
fn the_programs_of_a_ring_are_told_until_the_last_is_gone() {
    if !live("holders::the_programs_of_a_ring") {
        return;
    }
    let mut tasks = tasks();
    let ring = RingBuf::open(&tasks.maps.execs).expect("ring");
    let programs = ring.programs().expect("root");
    assert_eq!(described(&programs), [("on_exec", RAW_TRACEPOINT, 0)], "loaded, not attached");
    tasks.attach().expect("attached");
    let programs = ring.programs().expect("root");
    assert_eq!(described(&programs), [("on_exec", RAW_TRACEPOINT, 1)]);
    // The link holds the program, and the ring's descriptor the map.
    let link = tasks.links.on_exec.take().expect("attached");
    drop(tasks);
    assert_eq!(described(&ring.programs().expect("root")), [("on_exec", RAW_TRACEPOINT, 1)]);
    drop(link);
    // The kernel may keep the program of a link until all runs are over (an RCU grace period).
    let _hangs = watchdog("holders::the_programs_of_a_ring");
    while !ring.programs().expect("root").is_empty() {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_ring_without_programs_is_told_from_a_silent_one() {
    if !live("holders::a_ring_without_programs") {
        return;
    }
    let alone = RingBuf::create(page_size() as u64).expect("ring");
    assert_eq!(alone.programs().expect("root"), []);
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let ring = RingBuf::open(operations.map()).expect("ring");
    let names: Vec<_> =
        ring.programs().expect("root").into_iter().map(|program| program.name).collect();
    assert_eq!(names, ["op", "hold", "hold_forged"]);
    drop(operations);
    assert_eq!(ring.programs().expect("root"), []);
}

#[test]
fn the_drain_of_a_user_ring_is_told() {
    if !live_since("holders::the_drain_of_a_user_ring", (6, 1)) {
        return;
    }
    let drain = UserDrain::load(page_size() as u32).expect("load of user_drain.bpf.c");
    let ring = UserRingBuf::open(drain.map()).expect("user ring");
    let programs = ring.programs().expect("root");
    assert_eq!(described(&programs), [("drain", RAW_TRACEPOINT, 0)]);
}

#[test]
fn a_program_that_finds_the_ring_in_a_map_of_maps_is_told() {
    if !live_since("holders::a_map_of_maps", (5, 10)) {
        return;
    }
    let object = Box::leak(Box::new(MaybeUninit::uninit()));
    let open = ThroughSkelBuilder::default().open(object).expect("a sound object");
    let through = open.load().expect("load of through.bpf.c");
    let [ring, other] = [4096, 4096]
        .map(|bytes: u64| RingBuf::create(bytes.max(page_size() as u64)).expect("ring"));
    assert_eq!(ring.programs().expect("root"), []);
    let put = |place: u32, ring: &RingBuf| {
        let fd = ring.as_raw_fd().to_ne_bytes();
        let rings = &through.maps.rings;
        rings.update(&place.to_ne_bytes(), &fd, MapFlags::ANY).expect("a place for the ring");
    };
    put(0, &other);
    put(2, &ring);
    for ring in [&ring, &other] {
        assert_eq!(described(&ring.programs().expect("root")), [("through", RAW_TRACEPOINT, 0)]);
    }
    put(2, &other);
    assert_eq!(ring.programs().expect("root"), [], "it is no longer there");
}

/// A refusal of any command is an error, and not an empty list.
#[test]
fn what_is_not_known_is_not_none() {
    if !live("holders::what_is_not_known") {
        return;
    }
    let mut tasks = tasks();
    tasks.attach().expect("attached");
    let id = RingBuf::open(&tasks.maps.execs).expect("ring").id();
    let commands = [
        (11, "list BPF programs"),
        (13, "open a BPF program by its id"),
        (30, "open a BPF link by its id"),
        (31, "list BPF links"),
    ];
    for (command, text) in commands {
        for (errno, privilege) in [(libc::EPERM, true), (libc::EMFILE, false)] {
            let ring = RingBuf::from_id(id).expect("ring");
            let error = with_failing(Call::Bpf(command), errno, move || ring.programs());
            let error = error.expect_err("refused");
            assert_eq!(matches!(error, ProgramsError::Privilege { .. }), privilege, "{error}");
            let advice = if privilege { "CAP_SYS_ADMIN" } else { "ulimit -n" };
            let said = error.to_string();
            assert!(said.contains(text) && said.contains(advice), "{said}");
            assert!(said.starts_with("it is not known which programs use the map"), "{said}");
        }
    }
}

/// Many maps of one program, and what it costs.
#[test]
fn programs_with_many_maps_are_searched() {
    if !live("holders::programs_with_many_maps") {
        return;
    }
    let maps: Vec<_> =
        (0..40).map(|_| RingBuf::create(page_size() as u64).expect("ring")).collect();
    let program = load_with(&maps);
    for ring in [&maps[0], &maps[17], &maps[39]] {
        assert_eq!(described(&ring.programs().expect("root")), [("many", 1, 0)]);
    }
    let list = || {
        const ROUNDS: u32 = 50;
        let begin = cpu_time();
        (0..ROUNDS).for_each(|_| drop(maps[0].programs().expect("root")));
        (cpu_time() - begin) / ROUNDS
    };
    let one = list();
    let more: Vec<_> = (0..100).map(|_| load_with(&maps[1..3])).collect();
    let each = list().saturating_sub(one) / 100;
    let count = ProgInfoIter::default().count();
    // printed only: CPU time, which another load of the machine hardly changes.
    println!("{one:?} with few programs, {each:?} for each of 100 more; now {count}");
    drop(more);
    drop(program);
    assert_eq!(maps[39].programs().expect("root"), []);
}

/// A program named `many` that names each of these maps, and does nothing.
fn load_with(maps: &[RingBuf]) -> OwnedFd {
    // Operation, both registers (the same half for each byte order), offset, number.
    let instruction = |code: u8, registers: u8, number: i32| {
        let [a, b, c, d] = number.to_ne_bytes();
        [code, registers, 0, 0, a, b, c, d]
    };
    const LOAD_MAP: u8 = 0x18;
    let names = maps.iter().map(AsRawFd::as_raw_fd);
    let loads = names.flat_map(|fd| [instruction(LOAD_MAP, 0x11, fd), instruction(0, 0, 0)]);
    let code: Vec<_> = loads.chain([instruction(0xb7, 0, 0), instruction(0x95, 0, 0)]).collect();
    // SAFETY: C strings, and as many instructions as said, alive for the call.
    let fd = unsafe {
        libbpf_sys::bpf_prog_load(
            libbpf_sys::BPF_PROG_TYPE_SOCKET_FILTER,
            c"many".as_ptr(),
            c"GPL".as_ptr(),
            code.as_ptr().cast(),
            code.len() as libbpf_sys::size_t,
            ptr::null_mut(),
        )
    };
    assert!(fd >= 0, "load of a program with {} maps: errno {}", maps.len(), -fd);
    // SAFETY: just created, owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// The CPU time of this thread so far.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room for one timespec.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
