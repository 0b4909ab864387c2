//! Callbacks: what they return, what they call, and how they end.

use std::cell::{Cell, RefCell};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::thread;

use crate::api::{Api, Handle, errno, set_errno};
use crate::row::*;

pub(crate) const ROWS: &[Row] = &rows![Must:
    positive_answers, negative_answers, negative_stops_all, position_in_a_callback,
    callback_produces, callback_adds_a_ring, callback_uses_managers, callback_reads_the_same_map,
];

pub(crate) const SHOULD: &[Row] = &rows![Should: panics_pass, thread_exits_pass, abandoned_frames];

pub(crate) const OWN: &[Row] = &rows![Own: nested_reads];

fn answering<'c>(seen: &'c Seen, name: &'c str, answers: &'c Cell<i32>) -> Callback<'c> {
    Box::new(move |_, len| {
        seen.say(format_args!("{name}: {len} bytes"));
        answers.get()
    })
}

fn positive_answers(api: &Api, seen: &Seen) {
    let a = operations();
    let answer = Cell::new(1);
    let on_a = answering(seen, "a", &answer);
    let made = manager(api, fd_of(&a), &on_a);
    for value in [1, 77, i32::MAX] {
        answer.set(value);
        submit(&a, 1);
        submit(&a, 2);
        seen.call("consume", || api.consume(made));
    }
    submit(&a, 3);
    submit(&a, 4);
    seen.call("poll", || api.poll(made, 1000));
    api.free(made);
}

/// Each way to read, and each kind of answer. The rest is there for the next `poll(0)`.
fn negative_answers(api: &Api, seen: &Seen) {
    type Read = fn(&Api, Handle) -> i32;
    const READS: [(&str, Read); 5] = [
        ("poll", |api, made| api.poll(made, 1000)),
        ("consume", |api, made| api.consume(made)),
        ("consume_n", |api, made| api.consume_n(made, 3)),
        ("ring__consume", |api, made| api.ring_consume(api.ring(made, 0))),
        ("ring__consume_n", |api, made| api.ring_consume_n(api.ring(made, 0), 3)),
    ];
    let a = operations();
    let answer = Cell::new(0);
    let on_a = answering(seen, "a", &answer);
    let made = manager(api, fd_of(&a), &on_a);
    for value in [-1, -4, -1000, -2_000_000_000] {
        for (name, read) in READS {
            for len in 1..=3 {
                submit(&a, len);
            }
            answer.set(value);
            seen.call(name, || read(api, made));
            seen.say(format_args!("left {}", api.avail(api.ring(made, 0))));
            answer.set(0);
            seen.call("poll(0)", || api.poll(made, 0));
            seen.say(format_args!("left {}", api.avail(api.ring(made, 0))));
        }
    }
    api.free(made);
}

fn negative_stops_all(api: &Api, seen: &Seen) {
    let (a, b) = (operations(), operations());
    let answer = Cell::new(-5);
    let (on_a, on_b) = (answering(seen, "a", &answer), answering(seen, "b", &answer));
    let made = manager(api, fd_of(&a), &on_a);
    api.add(made, fd_of(&b), Some(trampoline), context_of(&on_b));
    for len in 1..=2 {
        submit(&a, len);
        submit(&b, 10 + len);
    }
    for _ in 0..2 {
        seen.call("consume", || api.consume(made));
        let left = [0, 1].map(|index| api.avail(api.ring(made, index)));
        seen.say(format_args!("left {left:?}"));
    }
    answer.set(0);
    seen.call("poll(0)", || api.poll(made, 0));
    api.free(made);
}

fn position_in_a_callback(api: &Api, seen: &Seen) {
    let a = operations();
    let ring = Cell::new(ptr::null_mut());
    let on_a: Callback<'_> = Box::new(|_, len| {
        let (at, left) = (api.consumer_pos(ring.get()), api.avail(ring.get()));
        seen.say(format_args!("{len} bytes at {at}, {left} left"));
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    ring.set(api.ring(made, 0));
    for round in 0..3 {
        for len in [1, 20, 3] {
            submit(&a, len);
            discard(&a);
        }
        match round {
            0 => seen.call("consume", || api.consume(made)),
            1 => seen.call("poll", || api.poll(made, 1000)),
            _ => seen.call("consume_n", || api.consume_n(made, 2)),
        };
        seen.say(format_args!("left {}", api.avail(ring.get())));
    }
    api.free(made);
}

fn callback_produces(api: &Api, seen: &Seen) {
    let a = operations();
    let left = Cell::new(3);
    let on_a: Callback<'_> = Box::new(|_, len| {
        seen.say(format_args!("{len} bytes"));
        if left.get() > 0 {
            left.set(left.get() - 1);
            submit(&a, 10 + left.get());
        }
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    submit(&a, 1);
    seen.call("consume", || api.consume(made));
    left.set(3);
    submit(&a, 1);
    seen.call("poll", || api.poll(made, 1000));
    // The space of earlier records is free in the callback.
    left.set(3);
    for _ in 0..3 {
        submit(&a, 1000);
    }
    seen.call("consume", || api.consume(made));
    api.free(made);
}

fn callback_adds_a_ring(api: &Api, seen: &Seen) {
    let (a, b, c) = (operations(), operations(), operations());
    let (on_b, on_c) = (lengths(seen, "b"), lengths(seen, "c"));
    let (made, add) = (Cell::new(ptr::null_mut()), Cell::new(0));
    let on_a: Callback<'_> = Box::new(|_, len| {
        seen.say(format_args!("a: {len} bytes"));
        let (map, callback) = if add.get() == 1 { (&b, &on_b) } else { (&c, &on_c) };
        if add.replace(0) != 0 {
            let context = context_of(callback);
            seen.call("add", || api.add(made.get(), fd_of(map), Some(trampoline), context));
        }
        0
    });
    made.set(manager(api, fd_of(&a), &on_a));
    for map in [&a, &b, &c] {
        submit(map, 5);
        submit(map, 6);
    }
    add.set(1);
    seen.call("consume", || api.consume(made.get()));
    add.set(2);
    submit(&a, 7);
    seen.call("poll", || api.poll(made.get(), 1000));
    seen.call("poll", || api.poll(made.get(), 1000));
    api.free(made.get());
}

fn callback_uses_managers(api: &Api, seen: &Seen) {
    let (a, b) = (operations(), operations());
    let on_b = lengths(seen, "b");
    let on_a: Callback<'_> = Box::new(|_, len| {
        seen.say(format_args!("a: {len} bytes"));
        submit(&b, len as u32 + 10);
        let inner = manager(api, fd_of(&b), &on_b);
        seen.call("inner poll", || api.poll(inner, 1000));
        api.free(inner);
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    for len in 1..=3 {
        submit(&a, len);
    }
    seen.call("consume", || api.consume(made));
    submit(&a, 4);
    seen.call("poll", || api.poll(made, 1000));
    api.free(made);
}

/// An inner manager of the same map begins with the record at hand.
fn callback_reads_the_same_map(api: &Api, seen: &Seen) {
    let a = operations();
    let inner = lengths(seen, "inner");
    let on_a: Callback<'_> = Box::new(|_, len| {
        seen.say(format_args!("a: {len} bytes"));
        let other = manager(api, fd_of(&a), &inner);
        seen.say(format_args!("inner lag {}", api.avail(api.ring(other, 0))));
        api.free(other);
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    for len in 1..=4 {
        submit(&a, len);
    }
    seen.call("consume", || api.consume(made));
    for len in 1..=4 {
        submit(&a, len);
    }
    seen.call("poll", || api.poll(made, 1000));
    api.free(made);
}

/// A panic of Rust stands for an exception of C++: both unwind through the library.
fn panics_pass(api: &Api, seen: &Seen) {
    let a = operations();
    let panics = Cell::new(false);
    let on_a: Callback<'_> = Box::new(|_, len| {
        seen.say(format_args!("a: {len} bytes"));
        if len == 2 && panics.replace(false) {
            resume_unwind(Box::new(()));
        }
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    for poll in [false, true] {
        for len in 1..=3 {
            submit(&a, len);
        }
        panics.set(true);
        let read = || if poll { api.poll(made, 1000) } else { api.consume(made) };
        let caught = catch_unwind(AssertUnwindSafe(read));
        let left = api.avail(api.ring(made, 0));
        seen.say(format_args!("unwound {}, left {left}", caught.is_err()));
        seen.call("consume", || api.consume(made));
    }
    submit(&a, 4);
    seen.call("poll", || api.poll(made, 1000));
    api.free(made);
}

fn thread_exits_pass(api: &Api, seen: &Seen) {
    unsafe extern "C-unwind" {
        fn pthread_exit(value: *mut libc::c_void) -> !;
    }
    extern "C-unwind" fn body(context: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: the pair below, which outlives the thread.
        let (api, made) = unsafe { &*context.cast::<(&Api, Handle)>() };
        api.consume(*made);
        ptr::null_mut()
    }
    let a = operations();
    let exits = Cell::new(true);
    let on_a: Callback<'_> = Box::new(|_, len| {
        seen.say(format_args!("a: {len} bytes"));
        if len == 2 && exits.replace(false) {
            // SAFETY: the thread has nothing to clean up.
            unsafe { pthread_exit(ptr::null_mut()) };
        }
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    for len in 1..=3 {
        submit(&a, len);
    }
    let context = (api, made);
    let mut id = 0;
    // SAFETY: C's own type of a thread's function; unwinding ends at its start.
    let body = unsafe {
        std::mem::transmute::<
            extern "C-unwind" fn(*mut libc::c_void) -> *mut libc::c_void,
            extern "C" fn(*mut libc::c_void) -> *mut libc::c_void,
        >(body)
    };
    let pair = ptr::from_ref(&context).cast_mut().cast();
    // SAFETY: the pair outlives the thread, which is joined.
    assert_eq!(unsafe { libc::pthread_create(&raw mut id, ptr::null(), body, pair) }, 0);
    // SAFETY: the thread above.
    assert_eq!(unsafe { libc::pthread_join(id, ptr::null_mut()) }, 0);
    seen.say(format_args!("left {}", api.avail(api.ring(made, 0))));
    seen.call("consume", || api.consume(made));
    api.free(made);
}

/// As after `longjmp`: the frames of the library are never used again.
fn abandoned_frames(api: &Api, seen: &Seen) {
    let a = operations();
    let parked = Cell::new(true);
    let on_a: Callback<'_> = Box::new(|_, len| {
        seen.say(format_args!("a: {len} bytes"));
        if len == 2 && parked.replace(false) {
            // The frames below stay on this thread's stack, and are never used again.
            loop {
                thread::park();
            }
        }
        0
    });
    let made = manager(api, fd_of(&a), &on_a);
    for len in 1..=3 {
        submit(&a, len);
    }
    let addresses = (ptr::from_ref(api).addr(), made.addr());
    let reader = thread::spawn(move || {
        let api = ptr::with_exposed_provenance::<Api>(addresses.0);
        let made = ptr::with_exposed_provenance_mut(addresses.1);
        // SAFETY: the functions outlive this child of the test.
        unsafe { &*api }.consume(made);
    });
    while parked.get() {
        thread::yield_now();
    }
    seen.say(format_args!("left {}", api.avail(api.ring(made, 0))));
    seen.call("consume", || api.consume(made));
    submit(&a, 4);
    seen.call("poll", || api.poll(made, 1000));
    assert!(!reader.is_finished());
}

/// libbpf moves the position back, and delivers records again. Ours delivers the record at
/// hand again, and no other one.
fn nested_reads(api: &Api, seen: &Seen) {
    let a = operations();
    let (made, depth) = (Cell::new(ptr::null_mut()), Cell::new(0));
    let found = RefCell::new(Vec::new());
    let on_a: Callback<'_> = Box::new(|_, len| {
        found.borrow_mut().push(len);
        if depth.get() < 2 {
            depth.set(depth.get() + 1);
            match depth.get() {
                1 => api.consume_n(made.get(), 2),
                _ => api.poll(made.get(), 0),
            };
            depth.set(depth.get() - 1);
        }
        0
    });
    made.set(manager(api, fd_of(&a), &on_a));
    for len in 1..=5 {
        submit(&a, len);
    }
    api.consume(made.get());
    assert_eq!(api.avail(api.ring(made.get(), 0)), 0);
    let found = found.borrow();
    seen.say(format_args!("{found:?}"));
    for len in 1..=5 {
        assert!(found.contains(&len), "{len} is lost");
    }
    set_errno(0);
    assert_eq!((api.poll(made.get(), 0), errno()), (0, 0));
    api.free(made.get());
    let _ = empty_ring().as_raw_fd();
}
