//! Making, adding and freeing: `ring_buffer__new`, `__add`, `__free`, `__ring`, and options.

use std::io::{Read, Seek};
use std::os::fd::{AsFd, AsRawFd};
use std::os::raw::c_void;
use std::ptr;

use libbpf_rs::{MapCore, MapType, libbpf_sys};
use ringbuf_tests::{create_map, map_by_id, page_size};

use crate::api::{Api, Handle, errno, set_errno};
use crate::row::*;

pub(crate) const ROWS: &[Row] = &rows![Must:
    new_bad_descriptors, new_wrong_maps, new_rights, new_frozen, new_no_descriptor_left,
    new_success, new_options, new_null_callback, new_closed_map, add_same, add_many, add_refused,
    free_gives_back, ring_index, made_and_freed_often,
];

pub(crate) const OWN: &[Row] = &rows![Own: an_unknown_policy_is_named];

fn new_of(api: &Api, seen: &Seen, what: &str, fd: i32) {
    let callback = lengths(seen, "never");
    let made =
        seen.made(what, || api.make(fd, Some(trampoline), context_of(&callback), ptr::null()));
    api.free(made);
}

fn new_bad_descriptors(api: &Api, seen: &Seen) {
    new_of(api, seen, "new of -1", -1);
    new_of(api, seen, "new of a closed one", 777);
    let file = std::fs::File::open("/proc/self/status").expect("procfs");
    new_of(api, seen, "new of a file", file.as_raw_fd());
}

fn new_wrong_maps(api: &Api, seen: &Seen) {
    let array = create_map(MapType::Array, 4, 4, 1, 0).expect("an array");
    new_of(api, seen, "new of an array", array.as_fd().as_raw_fd());
    let user = empty(MapType::UserRingBuf);
    new_of(api, seen, "new of a user ring", user.as_raw_fd());
    let instructions = [
        libbpf_sys::bpf_insn { code: 0xb7, ..Default::default() },
        libbpf_sys::bpf_insn { code: 0x95, ..Default::default() },
    ];
    // SAFETY: two instructions, two C strings, no options.
    let program = unsafe {
        libbpf_sys::bpf_prog_load(
            libbpf_sys::BPF_PROG_TYPE_SOCKET_FILTER,
            c"none".as_ptr(),
            c"GPL".as_ptr(),
            instructions.as_ptr(),
            2,
            ptr::null_mut(),
        )
    };
    assert!(program >= 0, "a program is loaded");
    new_of(api, seen, "new of a program", program);
}

fn new_rights(api: &Api, seen: &Seen) {
    for kind in [MapType::RingBuf, MapType::UserRingBuf] {
        let map = create_map(kind, 0, 0, page_size() as u32, 0).expect("a map");
        let id = map.info().expect("info").info.id;
        for (what, flags) in
            [("read-only", libbpf_sys::BPF_F_RDONLY), ("write-only", libbpf_sys::BPF_F_WRONLY)]
        {
            let fd = map_by_id(id, flags).expect("a descriptor");
            if kind == MapType::RingBuf {
                new_of(api, seen, what, fd.as_raw_fd());
            } else {
                let made = seen.made(what, || api.user_new(fd.as_raw_fd(), ptr::null()));
                api.user_free(made);
            }
        }
    }
}

fn new_frozen(api: &Api, seen: &Seen) {
    let ring = empty_ring();
    // SAFETY: takes a descriptor.
    assert_eq!(unsafe { libbpf_sys::bpf_map_freeze(ring.as_raw_fd()) }, 0, "freeze");
    new_of(api, seen, "new of a frozen ring", ring.as_raw_fd());
}

fn new_no_descriptor_left(api: &Api, seen: &Seen) {
    let (ring, user) = (empty_ring(), empty(MapType::UserRingBuf));
    let limit = libc::rlimit { rlim_cur: 3, rlim_max: 3 };
    // SAFETY: one limit, alive for the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    new_of(api, seen, "new without descriptors", ring.as_raw_fd());
    seen.made("user_new without", || api.user_new(user.as_raw_fd(), ptr::null()));
}

fn new_success(api: &Api, seen: &Seen) {
    let ring = empty_ring();
    let callback = lengths(seen, "never");
    let before = open_fds();
    set_errno(77);
    let made = api.make(ring.as_raw_fd(), Some(trampoline), context_of(&callback), ptr::null());
    seen.say(format_args!("errno is {} after success", errno()));
    seen.say(format_args!("{} new descriptors", open_fds() - before));
    let epoll = api.epoll_fd(made);
    // SAFETY: asks for flags.
    let flags = unsafe { libc::fcntl(epoll, libc::F_GETFD) };
    seen.say(format_args!("epoll fd flags {flags}, the same: {}", epoll == api.epoll_fd(made)));
    // A first wait makes no descriptor either.
    seen.call("poll", || api.poll(made, 1));
    seen.say(format_args!("{} new descriptors", open_fds() - before));
    let user = empty(MapType::UserRingBuf);
    let before = open_fds();
    set_errno(77);
    let made = api.user_new(user.as_raw_fd(), ptr::null());
    seen.say(format_args!("errno is {}, {} new", errno(), open_fds() - before));
    api.user_free(made);
}

fn new_options(api: &Api, seen: &Seen) {
    let (ring, user) = (empty_ring(), empty(MapType::UserRingBuf));
    let callback = lengths(seen, "never");
    for (size, last) in [(0, 0), (7, 0), (8, 0), (16, 0), (16, 1), (9, 1), (4096, 0)] {
        let mut words = [0_u64; 512];
        words[0] = size;
        words[1] = last;
        let options = words.as_ptr().cast::<c_void>();
        let made = seen.made(&format!("new with sz {size}, {last}"), || {
            api.make(ring.as_raw_fd(), Some(trampoline), context_of(&callback), options)
        });
        api.free(made);
        let made = seen.made(&format!("user_new with sz {size}, {last}"), || {
            api.user_new(user.as_raw_fd(), options)
        });
        api.user_free(made);
    }
}

fn new_null_callback(api: &Api, seen: &Seen) {
    let ring = empty_ring();
    let made = seen.made("new without a callback", || {
        api.make(ring.as_raw_fd(), None, ptr::null_mut(), ptr::null())
    });
    seen.call("poll", || api.poll(made, 0));
    seen.call("consume", || api.consume(made));
    api.free(made);
}

fn new_closed_map(api: &Api, seen: &Seen) {
    let operations = operations();
    let callback = lengths(seen, "a");
    // SAFETY: takes a plain number.
    let copy = unsafe { libc::dup(fd_of(&operations)) };
    let made = manager(api, copy, &callback);
    seen.say(format_args!("map_fd is ours: {}", api.map_fd(api.ring(made, 0)) == copy));
    // SAFETY: ours.
    unsafe { libc::close(copy) };
    submit(&operations, 8);
    seen.call("poll", || api.poll(made, 1000));
    submit(&operations, 16);
    seen.call("consume", || api.consume(made));
    seen.say(format_args!("map_fd is ours: {}", api.map_fd(api.ring(made, 0)) == copy));
    submit(&operations, 24);
    seen.call("poll without end", || api.poll(made, -1));
    api.free(made);
}

fn add_same(api: &Api, seen: &Seen) {
    let operations = operations();
    let fd = fd_of(&operations);
    let callback = lengths(seen, "a");
    let made = manager(api, fd, &callback);
    let context = context_of(&callback);
    seen.call("add of the same", || api.add(made, fd, Some(trampoline), context));
    seen.say(format_args!("ring 1: {}", api.ring(made, 1).is_null()));
    submit(&operations, 8);
    seen.call("consume", || api.consume(made));
    // SAFETY: takes a plain number.
    let copy = unsafe { libc::dup(fd) };
    set_errno(77);
    let added = api.add(made, copy, Some(trampoline), context);
    seen.say(format_args!("add of a dup = {added}, errno {}", errno()));
    let second =
        seen.made("a second manager", || api.make(fd, Some(trampoline), context, ptr::null()));
    submit(&operations, 16);
    seen.call("consume", || api.consume(second));
    seen.call("consume", || api.consume(made));
    api.free(second);
    api.free(made);
}

fn add_many(api: &Api, seen: &Seen) {
    let first = empty_ring();
    let callback = lengths(seen, "a");
    let made = manager(api, first.as_raw_fd(), &callback);
    let ring = api.ring(made, 0);
    let more: Vec<_> = (0..64).map(|_| empty_ring()).collect();
    for map in &more {
        let added = api.add(made, map.as_raw_fd(), Some(trampoline), context_of(&callback));
        assert_eq!(added, 0);
    }
    seen.say(format_args!("ring 0 is the same: {}", ring == api.ring(made, 0)));
    seen.say(format_args!("size {}", api.size(ring) / page_size()));
    let last = api.ring(made, 64);
    seen.say(format_args!("map_fd of 64: {}", api.map_fd(last) == more[63].as_raw_fd()));
    seen.call("poll", || api.poll(made, 0));
    api.free(made);
}

fn add_refused(api: &Api, seen: &Seen) {
    let operations = operations();
    let callback = lengths(seen, "a");
    let made = manager(api, fd_of(&operations), &callback);
    let user = empty(MapType::UserRingBuf);
    for (what, fd) in [("-1", -1), ("a closed one", 777), ("a user ring", user.as_raw_fd())] {
        seen.call(what, || api.add(made, fd, Some(trampoline), context_of(&callback)));
    }
    seen.say(format_args!("ring 1: {}", api.ring(made, 1).is_null()));
    submit(&operations, 8);
    seen.call("poll", || api.poll(made, 1000));
    api.free(made);
}

fn free_gives_back(api: &Api, seen: &Seen) {
    api.free(ptr::null_mut());
    api.user_free(ptr::null_mut());
    let (ring, user) = (empty_ring(), empty(MapType::UserRingBuf));
    let callback = lengths(seen, "never");
    // What is made once for the process is not counted.
    api.free(manager(api, ring.as_raw_fd(), &callback));
    let before = (open_fds(), mappings());
    for _ in 0..3 {
        let made = manager(api, ring.as_raw_fd(), &callback);
        api.poll(made, 0);
        api.free(made);
        api.user_free(api.user_new(user.as_raw_fd(), ptr::null()));
    }
    let after = (open_fds(), mappings());
    seen.say(format_args!("descriptors {} {}", after.0 - before.0, after.1 == before.1));
}

fn ring_index(api: &Api, seen: &Seen) {
    let rings = [empty_ring(), empty_ring(), empty_ring()];
    let callback = lengths(seen, "never");
    let made = manager(api, rings[0].as_raw_fd(), &callback);
    for ring in &rings[1..] {
        api.add(made, ring.as_raw_fd(), Some(trampoline), context_of(&callback));
    }
    for (index, ring) in rings.iter().enumerate() {
        let found: Handle = api.ring(made, index as u32);
        seen.say(format_args!("{index}: {}", api.map_fd(found) == ring.as_raw_fd()));
    }
    for index in [3, 4, u32::MAX] {
        seen.made(&format!("ring {index}"), || api.ring(made, index));
    }
    api.free(made);
}

/// 1,000 cycles leave no descriptor and no mapping.
fn made_and_freed_often(api: &Api, seen: &Seen) {
    let ring = empty_ring();
    let callback = lengths(seen, "never");
    api.free(manager(api, ring.as_raw_fd(), &callback));
    let before = (open_fds(), mappings());
    for _ in 0..1000 {
        api.free(manager(api, ring.as_raw_fd(), &callback));
    }
    let after = (open_fds(), mappings());
    seen.say(format_args!("left: {} {}", after.0 - before.0, after.1.abs_diff(before.1)));
}

fn an_unknown_policy_is_named(api: &Api, seen: &Seen) {
    let ring = empty_ring();
    let callback = lengths(seen, "never");
    let mut said = tempfile::tempfile().expect("a file");
    let long = "x".repeat(300);
    let name = std::ffi::CString::new(long).expect("no NUL");
    for (variable, value) in [(c"RINGBUF_POLICY", &*name), (c"RINGBUF_VERBOSE", c"1")] {
        // SAFETY: two C strings; no other thread runs in this child.
        unsafe { libc::setenv(variable.as_ptr(), value.as_ptr(), 1) };
    }
    // SAFETY: takes two descriptors.
    unsafe { libc::dup2(said.as_raw_fd(), 2) };
    api.free(api.make(ring.as_raw_fd(), Some(trampoline), context_of(&callback), ptr::null()));
    said.rewind().expect("a file has a begin");
    let mut text = String::new();
    said.read_to_string(&mut text).expect("text");
    let cut = "x".repeat(64);
    let line = format!(
        "ringbuf-capi: RINGBUF_POLICY \"{cut}\" is not one of balanced, low_latency, \
         low_cost, immediate\n"
    );
    assert!(text.starts_with(&line), "{text}");
    assert!(text.ends_with(" is bound, policy balanced\n"), "{text}");
}
