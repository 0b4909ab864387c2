//! Waiting: `poll`, signals, and the caller's own loop over `epoll_fd`.

use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_tests::{NO_WAKEUP, until_seen};

use crate::api::{Api, Handle, errno};
use crate::row::*;

pub(crate) const ROWS: &[Row] = &rows![Must:
    poll_counts, poll_before_new, poll_waits, poll_ends_at_a_signal, readable_after,
    readable_in_every_way, rest_after_an_error, many_polls, behind_a_busy_head,
];

pub(crate) const OWN: &[Row] = &rows![Own:
    edge_triggered_loop, silent_records, nothing_is_held, waits_behind_a_busy_head,
];

const MOMENT: Duration = Duration::from_millis(50);

fn poll_counts(api: &Api, seen: &Seen) {
    let (a, b) = (operations(), operations());
    let (on_a, on_b) = (lengths(seen, "a"), lengths(seen, "b"));
    let made = manager(api, fd_of(&a), &on_a);
    api.add(made, fd_of(&b), Some(trampoline), context_of(&on_b));
    seen.call("poll(0)", || api.poll(made, 0));
    for len in 1..=3 {
        submit(&a, len);
    }
    seen.call("poll", || api.poll(made, 1000));
    seen.call("poll(0)", || api.poll(made, 0));
    submit(&b, 4);
    discard(&b);
    submit(&b, 5);
    seen.call("poll(-1)", || api.poll(made, -1));
    seen.call("poll(0)", || api.poll(made, 0));
    seen.say(format_args!("left {}", api.avail(api.ring(made, 1))));
    api.free(made);
}

fn poll_before_new(api: &Api, seen: &Seen) {
    let a = operations();
    submit(&a, 1);
    submit_with(&a, 2, NO_WAKEUP);
    let on_a = lengths(seen, "a");
    let made = manager(api, fd_of(&a), &on_a);
    seen.say(format_args!("readable {}", readable(api.epoll_fd(made))));
    seen.call("poll(0)", || api.poll(made, 0));
    api.free(made);
}

fn poll_waits(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a = lengths(seen, "a");
    let made = manager(api, fd_of(&a), &on_a);
    let begin = Instant::now();
    seen.call("poll(50)", || api.poll(made, 50));
    // lower bound: the timeout.
    seen.say(format_args!("waited {}", begin.elapsed() >= MOMENT));
    for timeout in [-1, -77, 10_000] {
        let begin = Instant::now();
        let polled = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(MOMENT);
                submit(&a, 7);
            });
            seen.call("poll", || api.poll(made, timeout))
        });
        // lower bound: the time before the record.
        seen.say(format_args!("{polled}, waited {}", begin.elapsed() >= MOMENT));
    }
    api.free(made);
}

/// With SA_RESTART, too.
fn poll_ends_at_a_signal(api: &Api, seen: &Seen) {
    extern "C" fn nothing(_: libc::c_int) {}
    for flags in [0, libc::SA_RESTART] {
        // SAFETY: zero is a valid value of each field.
        let mut action = unsafe { std::mem::zeroed::<libc::sigaction>() };
        action.sa_sigaction = nothing as *const () as usize;
        action.sa_flags = flags;
        // SAFETY: one action, alive for the call; the handler does nothing.
        unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
        let a = operations();
        let on_a = lengths(seen, "a");
        let made = manager(api, fd_of(&a), &on_a);
        // SAFETY: takes nothing.
        let this = unsafe { libc::pthread_self() };
        for timeout in [-1, 5000] {
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                // On a busy host the first one may come before the wait.
                scope.spawn(|| {
                    while !over.load(Ordering::Acquire) {
                        thread::sleep(MOMENT);
                        // SAFETY: the thread that waits for this one.
                        unsafe { libc::pthread_kill(this, libc::SIGUSR1) };
                    }
                });
                seen.call("poll", || api.poll(made, timeout));
                over.store(true, Ordering::Release);
            });
        }
        submit(&a, 1);
        seen.call("poll afterwards", || api.poll(made, 1000));
        api.free(made);
    }
}

/// Whether poll(2) says so at once.
fn readable(fd: i32) -> bool {
    let mut polled = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one descriptor, alive for the call.
    let count = unsafe { libc::poll(&raw mut polled, 1, 0) };
    count == 1 && polled.revents & libc::POLLIN != 0
}

/// Whether it becomes readable soon: a notification is on its way.
fn becomes_readable(fd: i32) -> bool {
    let mut polled = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one descriptor, alive for the call.
    (unsafe { libc::poll(&raw mut polled, 1, 1000) }) == 1
}

fn readable_after(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a: Callback<'_> = Box::new(|_, len| if len == 3 { -7 } else { 0 });
    let made = manager(api, fd_of(&a), &on_a);
    let (epoll, ring) = (api.epoll_fd(made), api.ring(made, 0));
    let say = |what: &str| seen.say(format_args!("readable after {what}: {}", readable(epoll)));
    say("new");
    let fill = |lens: &[u32]| {
        for len in lens {
            submit(&a, *len);
        }
        seen.say(format_args!("becomes readable {}", becomes_readable(epoll)));
    };
    fill(&[1, 2]);
    say("two records");
    seen.call("consume", || api.consume(made));
    say("consume");
    fill(&[1, 2]);
    seen.call("consume_n", || api.consume_n(made, 1));
    say("consume_n");
    seen.call("ring__consume_n", || api.ring_consume_n(ring, 1));
    say("the rest");
    fill(&[1, 2]);
    seen.call("ring__consume_n", || api.ring_consume_n(ring, 1));
    say("ring__consume_n");
    seen.call("poll", || api.poll(made, 0));
    say("poll");
    for by_poll in [false, true] {
        fill(&[1, 3, 2]);
        let read = || if by_poll { api.poll(made, 0) } else { api.consume(made) };
        seen.call("a read that fails", read);
        say("an error");
        seen.call("ring__consume", || api.ring_consume(ring));
        say("ring__consume");
    }
    api.free(made);
}

/// poll(2), select(2), and epoll: once, by level, by edge.
fn readable_in_every_way(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a = lengths(seen, "a");
    let made = manager(api, fd_of(&a), &on_a);
    let inner = api.epoll_fd(made);
    for flags in [0, libc::EPOLLONESHOT, libc::EPOLLET] {
        // SAFETY: takes a plain number.
        let outer = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        let mut event = libc::epoll_event { events: (libc::EPOLLIN | flags) as u32, u64: 1 };
        // SAFETY: one event, alive for the call.
        unsafe { libc::epoll_ctl(outer, libc::EPOLL_CTL_ADD, inner, &raw mut event) };
        let wait = |millis| {
            let mut event = libc::epoll_event { events: 0, u64: 0 };
            // SAFETY: room for one event.
            unsafe { libc::epoll_wait(outer, &raw mut event, 1, millis) }
        };
        seen.say(format_args!("before: {}", wait(0)));
        for len in 1..=2 {
            submit(&a, len);
            seen.say(format_args!(
                "event: {}",
                wait(if flags == 1 << 30 && len == 2 { 0 } else { 1000 })
            ));
            seen.call("consume", || api.consume(made));
            seen.say(format_args!("after: {}", wait(0)));
        }
        // SAFETY: ours.
        unsafe { libc::close(outer) };
    }
    submit(&a, 3);
    seen.say(format_args!("poll(2) {}", becomes_readable(inner)));
    // SAFETY: zero is a valid set.
    let mut set = unsafe { std::mem::zeroed::<libc::fd_set>() };
    // SAFETY: a set, and a descriptor below 1024.
    unsafe { libc::FD_SET(inner, &raw mut set) };
    let mut time = libc::timeval { tv_sec: 1, tv_usec: 0 };
    let (none, set) = (ptr::null_mut(), &raw mut set);
    // SAFETY: a set and a time, alive for the call.
    let selected = unsafe { libc::select(inner + 1, set, none, none, &raw mut time) };
    seen.say(format_args!("select(2) {selected}"));
    api.free(made);
}

/// The rest needs no other notification.
fn rest_after_an_error(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a: Callback<'_> = Box::new(|_, len| {
        seen.say(format_args!("a: {len} bytes"));
        if len % 2 == 1 { -11 } else { 0 }
    });
    let made = manager(api, fd_of(&a), &on_a);
    for len in 1..=6 {
        submit(&a, len);
    }
    seen.say(format_args!("becomes readable {}", becomes_readable(api.epoll_fd(made))));
    for _ in 0..5 {
        seen.call("poll(0)", || api.poll(made, 0));
    }
    api.free(made);
}

/// A record before each poll, at once: dense traffic loses and repeats nothing.
fn many_polls(api: &Api, seen: &Seen) {
    let a = operations();
    let (count, bytes) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let on_a: Callback<'_> = Box::new(|_, len| {
        count.set(count.get() + 1);
        bytes.set(bytes.get() + len);
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    let mut polled = 0;
    for round in 0..500 {
        submit(&a, round % 50);
        polled += api.poll(made, 1000);
        assert_eq!(api.avail(api.ring(made, 0)), 0, "everything is given back");
    }
    seen.say(format_args!("{polled} {} {}", count.get(), bytes.get()));
    api.free(made);
}

fn behind_a_busy_head(api: &Api, seen: &Seen) {
    let lens = until_seen("capi::behind_a_busy_head", || {
        let (a, lens) = (operations(), RefCell::new(Vec::new()));
        let on_a: Callback<'_> = Box::new(|_, len| {
            lens.borrow_mut().push(len);
            0
        });
        let made = manager(api, fd_of(&a), &on_a);
        a.while_held(false, 0, || {
            let read = [api.poll(made, 0), api.consume(made), api.consume_n(made, 9)];
            assert_eq!((read, api.avail(api.ring(made, 0))), ([0; 3], 32));
        });
        assert_eq!(api.poll(made, 1000), 2);
        api.free(made);
        lens.take()
    });
    seen.say(format_args!("{lens:?}"));
}

/// A new manager's epoll set is readable at a busy head: libbpf's poll returns at once, again
/// and again. Ours waits, and not awake, and ends when the head is committed.
fn waits_behind_a_busy_head(api: &Api, _: &Seen) {
    if std::env::var("RINGBUF_POLICY").as_deref() == Ok("immediate") {
        return;
    }
    until_seen("capi::waits_behind_a_busy_head", || {
        let a = operations();
        let on_a: Callback<'_> = Box::new(|_, _| 0);
        let poll = |address, millis| api.poll(ptr::with_exposed_provenance_mut(address), millis);
        thread::scope(|scope| {
            let (address, polls) = a.while_held(false, 0, || {
                let address = manager(api, fd_of(&a), &on_a).expose_provenance();
                let (begin, slept) = (Instant::now(), sleeps());
                assert_eq!(poll(address, 50), 0);
                // lower bound: the timeout.
                assert!(begin.elapsed() >= MOMENT, "it does not wait");
                // Tens of naps of a millisecond; on a busy host each is longer. A poll that waits
                // awake sleeps once at most, for a lock of the kernel.
                let enough = || sleeps() >= slept + 4;
                let waits = enough() || (poll(address, 50) == 0 && enough());
                assert!(waits, "it waits awake");
                let polls = scope.spawn(move || poll(address, 60_000));
                thread::sleep(MOMENT);
                (address, polls)
            });
            assert_eq!(polls.join().expect("a poll"), 2);
            api.free(ptr::with_exposed_provenance_mut(address));
        });
    });
}

/// How often this thread has given up its processor to wait.
fn sleeps() -> i64 {
    // SAFETY: zero is a valid value of each field.
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    // SAFETY: room for one, alive for the call.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    usage.ru_nvcsw
}

/// libbpf stalls here in nearly every run.
fn edge_triggered_loop(api: &Api, _: &Seen) {
    const RECORDS: u32 = 30_000;
    let a = operations();
    let count = std::cell::Cell::new(0);
    let on_a: Callback<'_> = Box::new(|_, _| {
        count.set(count.get() + 1);
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    // SAFETY: takes a plain number.
    let outer = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 1 };
    // SAFETY: one event, alive for the call.
    unsafe { libc::epoll_ctl(outer, libc::EPOLL_CTL_ADD, api.epoll_fd(made), &raw mut event) };
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..RECORDS {
                while a.run(op_kind::OUTPUT, 8, 0) != 0 {
                    thread::yield_now();
                }
                if number % 64 == 0 {
                    thread::yield_now();
                }
            }
        });
        let mut round = 0;
        while count.get() < RECORDS {
            let mut event = libc::epoll_event { events: 0, u64: 0 };
            // SAFETY: room for one event.
            let ready = unsafe { libc::epoll_wait(outer, &raw mut event, 1, 5000) };
            assert_eq!(ready, 1, "it stalls after {} records", count.get());
            round += 1;
            let read = if round % 2 == 0 { api.consume(made) } else { api.poll(made, 0) };
            assert!(read >= 0, "an error");
        }
    });
    api.free(made);
}

/// libbpf does not see a record that notifies nobody in its first poll. Ours looks.
fn silent_records(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a = lengths(seen, "a");
    let made = manager(api, fd_of(&a), &on_a);
    assert_eq!(api.poll(made, 0), 0);
    submit_with(&a, 1, NO_WAKEUP);
    let expected = i32::from(std::env::var("RINGBUF_POLICY").as_deref() != Ok("immediate"));
    assert_eq!(api.poll(made, 0), expected);
    api.free(made);
}

/// Nothing stays unpublished when a poll under dense traffic returns.
fn nothing_is_held(api: &Api, _: &Seen) {
    let a = operations();
    let raw = ringbuf_tests::RawRing::of(a.map()).expect("mmap");
    let on_a: Callback<'_> = Box::new(|_, _| 0);
    let made: Handle = manager(api, fd_of(&a), &on_a);
    for _ in 0..300 {
        submit(&a, 8);
        assert_eq!(api.poll(made, 100), 1, "errno {}", errno());
        assert_eq!(raw.consumer_pos(), raw.producer_pos());
    }
    api.free(made);
    let _ = empty_ring().as_raw_fd();
}
