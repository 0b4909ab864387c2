//! Handles that another libbpf made: ours passes them on.

use std::os::raw::c_void;
use std::ptr;

use crate::api::Api;
use crate::row::*;

pub(crate) const ROWS: &[Row] = &rows![Must: foreign_handles];

/// The system's own libbpf makes the handle, and this library is called with it. Without
/// that libbpf, both say so.
fn foreign_handles(api: &Api, seen: &Seen) {
    let Some(other) = Api::load(c"libbpf.so.1") else {
        seen.say("there is no libbpf.so.1 here");
        return;
    };
    // The linked libbpf has another layout than the system's, perhaps: only ours may be
    // called with foreign handles.
    let api = if api.is_linked() { &other } else { api };
    let a = operations();
    let on_a = lengths(seen, "a");
    let context: *mut c_void = context_of(&on_a);
    let made = other.make(fd_of(&a), Some(trampoline), context, ptr::null());
    assert!(!made.is_null(), "libbpf makes it");
    submit(&a, 1);
    seen.call("poll", || api.poll(made, 1000));
    submit(&a, 2);
    seen.call("consume", || api.consume(made));
    seen.say(format_args!("epoll fd {}", api.epoll_fd(made) == other.epoll_fd(made)));
    let b = operations();
    seen.call("add", || api.add(made, fd_of(&b), Some(trampoline), context));
    submit(&b, 3);
    seen.call("poll", || api.poll(made, 1000));
    api.free(made);
    let mut drain =
        ringbuf_tests::UserDrain::load(ringbuf_tests::page_size() as u32).expect("load");
    let fd = std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(drain.map()));
    let user = other.user_new(fd, ptr::null());
    let sample = api.reserve(user, 0);
    api.submit(user, sample);
    let sample = api.reserve_blocking(user, 8, 0);
    api.discard(user, sample);
    seen.say(format_args!("drained {}", drain.run(0, 0, false).ret));
    api.user_free(user);
}
