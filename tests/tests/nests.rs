//! The descriptor of a set in select(2) and in io_uring, once the set is armed.

use std::os::fd::AsRawFd;
use std::time::Duration;
use std::{mem, ptr, thread};

use io_uring::{IoUring, opcode, types};
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{Armed, RingBuf, RingSet, WaitPolicy, Wakeup};
use ringbuf_tests::{Operations, live, page_size, skip, watchdog};

const ROUNDS: usize = 30;

fn set(count: usize) -> (Vec<Operations>, RingSet<usize>) {
    let page = u32::try_from(page_size()).expect("small");
    let mut set = RingSet::new(WaitPolicy::balanced()).expect("an epoll set");
    let load = |number| {
        let program = Operations::load(page).expect("load of vectors.bpf.c");
        set.insert(RingBuf::open(program.map()).expect("ring"), number).expect("added");
        program
    };
    ((0..count).map(load).collect(), set)
}

/// Reads the one record that is there.
fn read(set: &mut RingSet<usize>) -> usize {
    assert_eq!(set.wait(Some(Duration::ZERO)).expect("wait"), Wakeup::Ready);
    let mut numbers = Vec::new();
    set.drain(|&mut number, _| numbers.push(number)).expect("sound rings");
    assert_eq!(numbers.len(), 1);
    numbers[0]
}

#[test]
fn a_set_nests_in_select() {
    if !live("nests::select") {
        return;
    }
    let _hangs = watchdog("nests::select");
    let (programs, mut set) = set(3);
    let fd = set.as_raw_fd();
    let select = |mut time: libc::timeval| {
        // SAFETY: a set of descriptors is plain bits.
        let mut readable: libc::fd_set = unsafe { mem::zeroed() };
        // SAFETY: the descriptor is below FD_SETSIZE in this small process.
        unsafe { libc::FD_SET(fd, &raw mut readable) };
        let none = ptr::null_mut;
        // SAFETY: one set and one time, alive for the call.
        unsafe { libc::select(fd + 1, &raw mut readable, none(), none(), &raw mut time) }
    };
    let time = |tv_sec| libc::timeval { tv_sec, tv_usec: 0 };
    for round in 0..ROUNDS {
        assert_eq!(set.arm().expect("arm"), Armed::Sleep);
        assert_eq!(select(time(0)), 0, "{round}");
        assert_eq!(programs[round % 3].run(op_kind::OUTPUT, 8, 0), 0);
        assert_eq!(select(time(20)), 1, "{round}");
        assert_eq!(read(&mut set), round % 3);
    }
}

/// A poll that is under way ends with the next record.
#[test]
fn a_set_nests_in_io_uring() {
    if !live("nests::io_uring") {
        return;
    }
    let mut uring = match IoUring::new(4) {
        Ok(uring) => uring,
        Err(error) => return skip("nests::io_uring", &format!("no io_uring here: {error}")),
    };
    let _hangs = watchdog("nests::io_uring");
    let (programs, mut set) = set(3);
    let poll = opcode::PollAdd::new(types::Fd(set.as_raw_fd()), libc::POLLIN as u32).build();
    for round in 0..ROUNDS {
        assert_eq!(set.arm().expect("arm"), Armed::Sleep);
        // SAFETY: the descriptor lives until the entry is completed, below.
        unsafe { uring.submission().push(&poll) }.expect("room");
        assert_eq!(uring.submit().expect("submit"), 1);
        assert!(uring.completion().next().is_none(), "{round}: nothing is there");
        let program = &programs[round % 3];
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(program.run(op_kind::OUTPUT, 8, 0), 0));
            uring.submit_and_wait(1).expect("a completion");
        });
        let done = uring.completion().next().expect("a completion");
        assert_eq!(done.result() & i32::from(libc::POLLIN), i32::from(libc::POLLIN), "{round}");
        assert_eq!(read(&mut set), round % 3);
    }
}
