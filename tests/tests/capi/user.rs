//! User rings: `user_ring_buffer__*`.

use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::MapType;
use ringbuf_tests::{UserDrain, create_map, page_size};

use crate::api::{Api, Handle, errno, set_errno};
use crate::child::ended;
use crate::row::*;

pub(crate) const ROWS: &[Row] = &rows![Must:
    user_new_refused, reserve_sizes, reserve_and_drain, several_open, reserve_at_the_end,
    reserve_blocking, reserve_blocking_signal, freed_with_one_open, forked_producer,
];

pub(crate) const SHOULD: &[Row] = &rows![Should: two_producers_in_turn];

pub(crate) const OWN: &[Row] = &rows![Own: too_long_for_a_dynptr, little_room];

fn drain_of_a_page() -> UserDrain {
    UserDrain::load(page_size() as u32).expect("load of user_drain.bpf.c")
}

fn made(api: &Api, drain: &UserDrain) -> Handle {
    let made = api.user_new(drain.map().as_fd().as_raw_fd(), ptr::null());
    assert!(!made.is_null(), "user_new: errno {}", errno());
    made
}

/// What a drain gets.
fn drained(seen: &Seen, drain: &mut UserDrain) {
    let result = drain.run(0, 0, false);
    let samples = drain.samples();
    seen.say(format_args!("drained {} {samples:?}", result.ret));
}

fn reserved(api: &Api, seen: &Seen, ring: Handle, len: usize) -> *mut u8 {
    let sample = seen.made(&format!("reserve({len})"), || api.reserve(ring, len as u32));
    sample.cast()
}

fn submitted(api: &Api, ring: Handle, bytes: &[u8]) {
    let sample = api.reserve(ring, bytes.len() as u32);
    assert!(!sample.is_null(), "there is room");
    // SAFETY: reserved with this length.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), sample.cast(), bytes.len()) };
    api.submit(ring, sample);
}

fn user_new_refused(api: &Api, seen: &Seen) {
    let ring = empty_ring();
    let array = create_map(MapType::Array, 4, 4, 1, 0).expect("an array");
    let array = array.as_fd().as_raw_fd();
    for (what, fd) in [("-1", -1), ("closed", 777), ("a ring", ring.as_raw_fd()), ("array", array)]
    {
        seen.made(what, || api.user_new(fd, ptr::null()));
    }
}

fn reserve_sizes(api: &Api, seen: &Seen) {
    let mut drain = drain_of_a_page();
    let ring = made(api, &drain);
    let page = page_size();
    for len in [page, page - 7, page - 8] {
        let sample = reserved(api, seen, ring, len);
        if !sample.is_null() {
            api.discard(ring, sample.cast());
        }
    }
    // Too large is said first, also when the ring is full.
    for len in [page - 7, 0, 8, 1 << 30, u32::MAX as usize] {
        reserved(api, seen, ring, len);
    }
    drained(seen, &mut drain);
    reserved(api, seen, ring, 0);
    api.user_free(ring);
}

fn reserve_and_drain(api: &Api, seen: &Seen) {
    let mut drain = drain_of_a_page();
    let ring = made(api, &drain);
    submitted(api, ring, b"one");
    submitted(api, ring, b"");
    let sample = api.reserve(ring, 8);
    api.discard(ring, sample);
    submitted(api, ring, b"twelve bytes");
    drained(seen, &mut drain);
    drained(seen, &mut drain);
    for round in 0..600_u32 {
        submitted(api, ring, &round.to_ne_bytes());
        if round % 100 == 99 {
            let result = drain.run(0, 0, false);
            seen.say(format_args!("drained {}", result.ret));
        }
    }
    api.user_free(ring);
}

fn several_open(api: &Api, seen: &Seen) {
    let mut drain = drain_of_a_page();
    let ring = made(api, &drain);
    let samples = [1, 2, 3].map(|len| api.reserve(ring, len));
    for (index, sample) in samples.iter().enumerate() {
        seen.say(format_args!("at {}", sample.addr() - samples[0].addr()));
        // SAFETY: reserved with `index + 1` bytes.
        unsafe { ptr::write_bytes(sample.cast::<u8>(), index as u8, index + 1) };
    }
    api.submit(ring, samples[1]);
    drained(seen, &mut drain);
    api.discard(ring, samples[0]);
    drained(seen, &mut drain);
    api.submit(ring, samples[2]);
    drained(seen, &mut drain);
    api.user_free(ring);
}

/// The header is the last word of the ring, or the sample crosses the end.
fn reserve_at_the_end(api: &Api, seen: &Seen) {
    for first in [page_size() - 16, page_size() - 24] {
        let mut drain = drain_of_a_page();
        let ring = made(api, &drain);
        let start = reserved(api, seen, ring, first);
        api.discard(ring, start.cast());
        drained(seen, &mut drain);
        let sample = reserved(api, seen, ring, 20);
        seen.say(format_args!("at {}", sample.addr().wrapping_sub(start.addr()) as isize));
        // SAFETY: reserved with 20 bytes.
        unsafe { ptr::copy_nonoverlapping(b"crosses the end: yes".as_ptr(), sample, 20) };
        api.submit(ring, sample.cast());
        drained(seen, &mut drain);
        api.user_free(ring);
    }
}

fn reserve_blocking(api: &Api, seen: &Seen) {
    let mut drain = drain_of_a_page();
    let ring = made(api, &drain);
    let all = (page_size() - 8) as u32;
    for timeout in [-2, -100, i32::MIN] {
        seen.made("another negative", || api.reserve_blocking(ring, 8, timeout));
    }
    seen.made("too large", || api.reserve_blocking(ring, all + 1, -1));
    let sample = seen.made("room", || api.reserve_blocking(ring, all, -1));
    api.submit(ring, sample);
    let begin = Instant::now();
    seen.made("at once", || api.reserve_blocking(ring, 8, 0));
    seen.made("50 ms", || api.reserve_blocking(ring, 8, 50));
    // lower bound: the timeout.
    seen.say(format_args!("waited {}", begin.elapsed() >= Duration::from_millis(50)));
    let address = ring.addr();
    for timeout in [-1, 10_000] {
        let sample = thread::scope(|scope| {
            let waiter = scope.spawn(move || {
                let ring = ptr::with_exposed_provenance_mut(address);
                api.reserve_blocking(ring, all, timeout).addr()
            });
            thread::sleep(Duration::from_millis(30));
            assert_eq!(drain.run(0, 0, false).ret, 1);
            waiter.join().expect("the waiter")
        });
        seen.say(format_args!("a drain ends the wait: {}", sample != 0));
        api.submit(ring, ptr::with_exposed_provenance_mut(sample));
    }
    api.user_free(ring);
}

fn reserve_blocking_signal(api: &Api, seen: &Seen) {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: zero is a valid value of each field.
    let mut action = unsafe { std::mem::zeroed::<libc::sigaction>() };
    action.sa_sigaction = nothing as *const () as usize;
    // SAFETY: one action, alive for the call; the handler does nothing.
    unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
    let drain = drain_of_a_page();
    let ring = made(api, &drain);
    let sample = api.reserve(ring, (page_size() - 8) as u32);
    api.submit(ring, sample);
    // SAFETY: takes nothing.
    let this = unsafe { libc::pthread_self() };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // On a busy host the first one may come before the wait.
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                thread::sleep(Duration::from_millis(50));
                // SAFETY: the thread that waits for this one.
                unsafe { libc::pthread_kill(this, libc::SIGUSR1) };
            }
        });
        seen.made("with a signal", || api.reserve_blocking(ring, 8, -1));
        over.store(true, Ordering::Release);
    });
    api.user_free(ring);
}

fn freed_with_one_open(api: &Api, seen: &Seen) {
    let mut drain = drain_of_a_page();
    let ring = made(api, &drain);
    submitted(api, ring, b"before");
    api.reserve(ring, 8);
    submitted(api, ring, b"behind");
    api.user_free(ring);
    drained(seen, &mut drain);
    let ring = made(api, &drain);
    submitted(api, ring, b"later");
    drained(seen, &mut drain);
    api.user_free(ring);
}

fn forked_producer(api: &Api, seen: &Seen) {
    let mut drain = drain_of_a_page();
    let ring = made(api, &drain);
    submitted(api, ring, b"parent");
    // SAFETY: the child goes on with the row, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        submitted(api, ring, b"child");
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    seen.say(ended(child));
    submitted(api, ring, b"parent again");
    drained(seen, &mut drain);
    api.user_free(ring);
}

fn two_producers_in_turn(api: &Api, seen: &Seen) {
    let mut drain = drain_of_a_page();
    let rings = [made(api, &drain), made(api, &drain)];
    for round in 0..4_u8 {
        for (index, ring) in rings.iter().enumerate() {
            submitted(api, *ring, &[round, index as u8]);
        }
    }
    drained(seen, &mut drain);
    // A sample of one, committed by the other.
    let sample = api.reserve(rings[0], 4);
    submitted(api, rings[1], b"open before me");
    drained(seen, &mut drain);
    api.discard(rings[0], sample);
    drained(seen, &mut drain);
    for ring in rings {
        api.user_free(ring);
    }
}

/// libbpf accepts it, and every later drain is blocked.
fn too_long_for_a_dynptr(api: &Api, _: &Seen) {
    let map = create_map(MapType::UserRingBuf, 0, 0, 1 << 25, 0).expect("a large user ring");
    let ring = api.user_new(map.as_fd().as_raw_fd(), ptr::null());
    assert!(!ring.is_null());
    set_errno(0);
    assert!(api.reserve(ring, 1 << 24).is_null());
    assert_eq!(errno(), libc::E2BIG);
    assert!(!api.reserve(ring, (1 << 24) - 1).is_null());
    api.user_free(ring);
}

/// libbpf burns the CPU until the timeout.
fn little_room(api: &Api, _: &Seen) {
    let drain = drain_of_a_page();
    let ring = made(api, &drain);
    let sample = api.reserve(ring, 2000);
    api.submit(ring, sample);
    let used = || {
        // SAFETY: zero is a valid value of each field.
        let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
        // SAFETY: room for one.
        unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
        let time = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
        time(usage.ru_utime) + time(usage.ru_stime)
    };
    let before = used();
    set_errno(0);
    assert!(api.reserve_blocking(ring, 3000, 400).is_null());
    assert_eq!(errno(), libc::ENOSPC);
    // Budget: a quarter of what burning would take.
    assert!(used() - before < 100_000, "it sleeps meanwhile");
    api.user_free(ring);
}
