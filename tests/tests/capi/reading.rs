//! Reading: `consume`, `consume_n`, `ring__*`, and what a sample is.

use std::os::fd::AsRawFd;
use std::os::raw::c_void;
use std::thread;

use ringbuf_tests::{RawRing, page_size};

use crate::api::{Api, Handle};
use crate::child::ended;
use crate::row::*;

pub(crate) const ROWS: &[Row] = &rows![Must:
    consume_order, consume_n_over_rings, consume_n_discards, ring_consume_alone, getters,
    samples, samples_wrapped, sample_is_read_only, length_before_sample, forked_reader,
    position_is_read_anew, two_managers_in_turn, a_thread_for_each_ring,
];

pub(crate) const OWN: &[Row] = &rows![Own: consume_n_of_nothing, nulls];

/// A manager of two rings, whose callbacks write their names.
fn two<'c>(
    api: &Api,
    maps: [&ringbuf_tests::Operations; 2],
    callbacks: [&Callback<'c>; 2],
) -> Handle {
    let made = manager(api, fd_of(maps[0]), callbacks[0]);
    let added = api.add(made, fd_of(maps[1]), Some(trampoline), context_of(callbacks[1]));
    assert_eq!(added, 0, "added");
    made
}

fn consume_order(api: &Api, seen: &Seen) {
    let (a, b) = (operations(), operations());
    let (on_a, on_b) = (lengths(seen, "a"), lengths(seen, "b"));
    let made = two(api, [&a, &b], [&on_a, &on_b]);
    seen.call("consume of nothing", || api.consume(made));
    submit(&b, 1);
    submit(&a, 2);
    discard(&a);
    submit(&a, 3);
    discard(&b);
    seen.call("consume", || api.consume(made));
    seen.call("consume again", || api.consume(made));
    discard(&a);
    discard(&b);
    seen.call("consume of discards", || api.consume(made));
    for index in 0..2 {
        seen.say(format_args!("left {}", api.avail(api.ring(made, index))));
    }
    api.free(made);
}

fn consume_n_over_rings(api: &Api, seen: &Seen) {
    let (a, b) = (operations(), operations());
    let (on_a, on_b) = (lengths(seen, "a"), lengths(seen, "b"));
    let made = two(api, [&a, &b], [&on_a, &on_b]);
    for len in 1..=4 {
        submit(&a, len);
        submit(&b, 10 + len);
    }
    for most in [1, 2, 3, usize::MAX, 1] {
        seen.call(&format!("consume_n({most})"), || api.consume_n(made, most));
        for index in 0..2 {
            seen.say(format_args!("left {}", api.avail(api.ring(made, index))));
        }
    }
    api.free(made);
}

fn consume_n_discards(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a = lengths(seen, "a");
    let made = manager(api, fd_of(&a), &on_a);
    discard(&a);
    submit(&a, 1);
    discard(&a);
    submit(&a, 2);
    for most in [1, 1, 1] {
        seen.call("consume_n", || api.consume_n(made, most));
        seen.say(format_args!("left {}", api.avail(api.ring(made, 0))));
    }
    api.free(made);
}

fn ring_consume_alone(api: &Api, seen: &Seen) {
    let (a, b) = (operations(), operations());
    let (on_a, on_b) = (lengths(seen, "a"), lengths(seen, "b"));
    let made = two(api, [&a, &b], [&on_a, &on_b]);
    for len in 1..=3 {
        submit(&a, len);
        submit(&b, 10 + len);
    }
    let [first, second] = [0, 1].map(|index| api.ring(made, index));
    seen.call("ring__consume_n of b", || api.ring_consume_n(second, 2));
    seen.call("ring__consume of a", || api.ring_consume(first));
    seen.call("ring__consume_n of a", || api.ring_consume_n(first, usize::MAX));
    seen.call("ring__consume_n of b", || api.ring_consume_n(second, usize::MAX));
    api.free(made);
}

fn getters(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a = lengths(seen, "a");
    let made = manager(api, fd_of(&a), &on_a);
    let ring = api.ring(made, 0);
    let say = || {
        seen.say(format_args!(
            "consumer {} producer {} avail {} size {}",
            api.consumer_pos(ring),
            api.producer_pos(ring),
            api.avail(ring),
            api.size(ring) == page_size()
        ));
    };
    say();
    submit(&a, 5);
    discard(&a);
    submit(&a, 0);
    say();
    seen.call("consume_n", || api.consume_n(made, 1));
    say();
    seen.call("consume", || api.consume(made));
    say();
    submit(&a, 8);
    seen.call("poll", || api.poll(made, 1000));
    say();
    let address = ring.addr();
    let from_another = thread::spawn(move || address).join().expect("a thread");
    assert_eq!(from_another, address);
    api.free(made);
}

fn samples(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a: Callback<'_> = Box::new(|data, len| {
        // SAFETY: the sample, as the library says.
        let bytes = unsafe { std::slice::from_raw_parts(data, len) };
        let right = bytes.iter().enumerate().all(|(index, byte)| *byte == index as u8);
        seen.say(format_args!("{len} bytes, right {right}, at {}", data.addr() % 8));
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    for len in [0, 1, 7, 8, 9, 255] {
        submit(&a, len);
    }
    seen.call("consume", || api.consume(made));
    api.free(made);
}

fn samples_wrapped(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a: Callback<'_> = Box::new(|data, len| {
        // SAFETY: the sample, as the library says.
        let bytes = unsafe { std::slice::from_raw_parts(data, len) };
        let right = bytes.iter().enumerate().all(|(index, byte)| *byte == index as u8);
        seen.say(format_args!("{len} bytes, right {right}"));
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    for len in [3000, 2000, 1000, 3500, 4000, 88, 4000] {
        submit(&a, len);
        seen.call("consume", || api.consume(made));
    }
    api.free(made);
}

fn length_before_sample(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a: Callback<'_> = Box::new(|data, _| {
        // SAFETY: the header is before the sample.
        let word = unsafe { data.wrapping_sub(8).cast::<u32>().read() };
        seen.say(format_args!("length word {word}"));
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    submit(&a, 13);
    submit(&a, 0);
    seen.call("consume", || api.consume(made));
    api.free(made);
}

fn sample_is_read_only(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a: Callback<'_> = Box::new(|data, _| {
        // SAFETY: the child is to die of it.
        unsafe { data.write_volatile(1) };
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    submit(&a, 8);
    seen.call("consume", || api.consume(made));
}

fn forked_reader(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a = lengths(seen, "a");
    let made = manager(api, fd_of(&a), &on_a);
    submit(&a, 1);
    seen.call("consume", || api.consume(made));
    submit(&a, 2);
    submit(&a, 3);
    // SAFETY: the child goes on with the row, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        seen.call("consume_n in the child", || api.consume_n(made, 1));
        seen.call("poll in the child", || api.poll(made, 1000));
        submit(&a, 4);
        seen.call("poll in the child", || api.poll(made, -1));
        seen.say(format_args!("left in the child {}", api.avail(api.ring(made, 0))));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    seen.say(ended(child));
    seen.call("consume in the parent", || api.consume(made));
    submit(&a, 5);
    seen.call("poll in the parent", || api.poll(made, 1000));
    api.free(made);
}

fn position_is_read_anew(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a = lengths(seen, "a");
    let made = manager(api, fd_of(&a), &on_a);
    submit(&a, 1);
    seen.call("consume", || api.consume(made));
    submit(&a, 2);
    submit(&a, 3);
    submit(&a, 4);
    let raw = RawRing::of(a.map()).expect("mmap");
    raw.set_consumer_pos(32);
    seen.say(format_args!("at {}", api.consumer_pos(api.ring(made, 0))));
    seen.call("consume", || api.consume(made));
    raw.set_consumer_pos(16);
    seen.call("consume", || api.consume(made));
    raw.set_consumer_pos(48);
    seen.call("ring__consume", || api.ring_consume(api.ring(made, 0)));
    api.free(made);
}

fn two_managers_in_turn(api: &Api, seen: &Seen) {
    let a = operations();
    let (first, second) = (lengths(seen, "first"), lengths(seen, "second"));
    let (one, two) = (manager(api, fd_of(&a), &first), manager(api, fd_of(&a), &second));
    for round in 0..3 {
        for len in 1..=4 {
            submit(&a, 10 * round + len);
        }
        seen.call("consume_n of one", || api.consume_n(one, 1));
        seen.call("consume_n of two", || api.consume_n(two, 2));
        seen.call("poll of one", || api.poll(one, 1000));
        seen.call("consume of two", || api.consume(two));
        submit(&a, 99);
        seen.call("poll of two", || api.poll(two, 1000));
        seen.call("consume of one", || api.consume(one));
    }
    api.free(one);
    api.free(two);
}

fn a_thread_for_each_ring(api: &Api, seen: &Seen) {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    const RECORDS: u32 = 3000;
    let maps = [operations(), operations()];
    let counts = [AtomicU32::new(0), AtomicU32::new(0)];
    let [on_a, on_b] = [0, 1].map(|index| {
        let count = &counts[index];
        let callback: Callback<'_> = Box::new(move |_, _| {
            count.fetch_add(1, Relaxed);
            0
        });
        callback
    });
    let made = two(api, [&maps[0], &maps[1]], [&on_a, &on_b]);
    let rings = [0, 1].map(|index| api.ring(made, index).addr());
    thread::scope(|scope| {
        for (ring, count) in rings.into_iter().zip(&counts) {
            scope.spawn(move || {
                while count.load(Relaxed) < RECORDS {
                    let ring = std::ptr::with_exposed_provenance_mut::<c_void>(ring);
                    assert!(api.ring_consume(ring) >= 0, "an error");
                }
            });
        }
        for map in &maps {
            for _ in 0..RECORDS {
                while map.run(ringbuf_bpf::vectors::types::op_kind::OUTPUT, 8, 0) != 0 {}
            }
        }
    });
    seen.say(format_args!("{} and {}", counts[0].load(Relaxed), counts[1].load(Relaxed)));
}

/// libbpf consumes one record, and then counts below 0.
fn consume_n_of_nothing(api: &Api, seen: &Seen) {
    let a = operations();
    let on_a = lengths(seen, "a");
    let made = manager(api, fd_of(&a), &on_a);
    submit(&a, 1);
    assert_eq!(api.consume_n(made, 0), 0);
    assert_eq!(api.ring_consume_n(api.ring(made, 0), 0), 0);
    assert_eq!(api.consume(made), 1);
    api.free(made);
}

/// libbpf crashes at each.
fn nulls(api: &Api, _: &Seen) {
    let null: Handle = std::ptr::null_mut();
    for answer in [
        api.add(null, 3, None, null),
        api.poll(null, 0),
        api.consume(null),
        api.consume_n(null, 1),
        api.epoll_fd(null),
        api.ring_consume(null),
        api.ring_consume_n(null, 1),
    ] {
        assert_eq!(answer, -libc::EINVAL);
    }
    assert!(api.ring(null, 0).is_null());
    assert!(api.reserve(null, 8).is_null());
    assert!(api.reserve_blocking(null, 8, 0).is_null());
    api.submit(null, null);
    api.discard(null, null);
    assert_eq!((api.avail(null), api.size(null)), (0, 0));
    // A record that nobody takes stays.
    let a = operations();
    let made = api.make(fd_of(&a), None, null, null);
    submit(&a, 8);
    assert_eq!(api.consume(made), -libc::EINVAL);
    assert_eq!(api.avail(api.ring(made, 0)), 16);
    api.free(made);
    let _ = empty_ring().as_raw_fd();
}
