//! Other people's kind of programs: those of tests/programs, in C and C++, and in the table
//! also the article's, BCC's and bpftrace's. Each runs with libbpf and with our library.

mod calls;
mod compile;
mod process;
mod table;
mod tools;
mod versioned;

use std::os::fd::{AsFd, BorrowedFd};

use libbpf_rs::MapType;
use ringbuf_tests::{UserDrain, skip, watchdog};

use crate::library;
use crate::producer::Producer;
use crate::programs::compile::{Binding, Compiler};
use crate::programs::process::Ended;
use crate::row::empty;

const RECORDS: u64 = 20_000;
const SAMPLES: u64 = 5_000;
const DRAINED: u32 = 500;
const POLICIES: [&str; 4] = ["balanced", "immediate", "low_latency", "low_cost"];

/// The programs that read a ring, with their argument.
const READERS: [(&str, &str); 4] =
    [("agent.c", "level"), ("agent.c", "edge"), ("throws.cpp", ""), ("jumps.c", "")];

#[test]
fn event_loops_and_unwinding_callbacks_lose_nothing() {
    const TEST: &str = "capi::programs::readers";
    let _watchdog = watchdog(TEST);
    let Some(compiler) = compiler(TEST) else { return };
    for (source, argument) in READERS {
        for binding in compiler.ours() {
            let Some(program) = compiler.compile(TEST, source, binding) else { continue };
            for policy in POLICIES {
                let ended = fixed(&program.with(argument).policy(policy));
                let expected = format!("ready\n{RECORDS} records, 0 wrong\n");
                assert_eq!(ended.out, expected, "{source} {argument}, {binding:?}, {policy}");
                assert!(ended.bound(), "{source}, {binding:?}: {}", ended.err);
            }
        }
    }
}

#[test]
fn a_program_drains_what_a_producer_in_c_submits() {
    const TEST: &str = "capi::programs::user";
    let _watchdog = watchdog(TEST);
    let Some(compiler) = compiler(TEST) else { return };
    for binding in compiler.ours() {
        let Some(program) = compiler.compile(TEST, "user.c", binding) else { continue };
        let ended = drained(&program.with(&SAMPLES.to_string()), SAMPLES);
        assert_eq!(ended.out, format!("ready\n{SAMPLES} samples\n"), "{binding:?}: {}", ended.err);
    }
}

/// 1,000 cycles leave nothing; under valgrind fewer, and no wrong access, nor a byte that is
/// not freed at the end.
#[test]
fn nothing_is_left_behind() {
    const TEST: &str = "capi::programs::cycles";
    let _watchdog = watchdog(TEST);
    let Some(compiler) = compiler(TEST) else { return };
    let Some(program) = compiler.compile(TEST, "cycles.c", Binding::Linked) else { return };
    let (ring, user) = (empty(MapType::RingBuf), empty(MapType::UserRingBuf));
    let maps = [ring.as_fd(), user.as_fd()];
    let ended = program.with("1000").start(&maps).ended();
    let left = "leave 0 descriptors, 0 mappings, 0 bytes\n";
    assert_eq!(ended.out, format!("1000 cycles {left}"), "{}", ended.err);
    if std::process::Command::new("valgrind").arg("--version").output().is_err() {
        return skip("capi::programs::valgrind", "no valgrind");
    }
    let ended = program.with("50").under_valgrind().start(&maps).ended();
    assert!(ended.out.starts_with("50 cycles leave 0 descriptors"), "{}", ended.out);
    assert!(ended.status.success(), "{}", ended.err);
    let agent = compiler.compile(TEST, "agent.c", Binding::Linked).expect("a C compiler");
    let ended = fixed(&agent.with("edge").under_valgrind());
    assert!(ended.out.ends_with(" 0 wrong\n"), "{}", ended.out);
    assert!(ended.status.success(), "{}", ended.err);
}

/// The compiler, with our library; if there is none, `test` is recorded as skipped.
fn compiler(test: &str) -> Option<Compiler> {
    Compiler::find(test, &library(test, "")?)
}

/// Runs a reader over [`RECORDS`] records, and waits for its end.
fn fixed(program: &compile::Program) -> Ended {
    let mut producer = Producer::load();
    let mut started = program.start(&[producer.map()]);
    started.wait_for("ready");
    producer.submit(RECORDS, || started.is_alive());
    producer.submit_last(|| started.is_alive());
    started.ended()
}

/// Drains what a producer submits until it ends, and checks each sample.
fn drained(program: &compile::Program, count: u64) -> Ended {
    let mut drain = UserDrain::load(1 << 14).expect("load of user_drain.bpf.c");
    let map = drain.map().as_fd().try_clone_to_owned().expect("a descriptor");
    let mut started = program.start(&[map.as_fd()]);
    let mut next = 0_u64;
    loop {
        // What it submits before its end is there for one more drain.
        let alive = started.is_alive();
        // A drain goes on beside the producer: more samples than it can keep.
        let drained = drain.run(0, DRAINED, false);
        assert!(drained.ret >= 0, "drain: {}", drained.ret);
        for sample in drain.samples() {
            let words = 1 + next as usize % 8;
            assert_eq!(sample, next.to_ne_bytes().repeat(words), "sample {next}");
            next += 1;
        }
        if !alive && drained.calls == 0 {
            break;
        }
    }
    let ended = started.ended();
    assert_eq!(next, count, "{}{}", ended.out, ended.err);
    ended
}

/// A map for programs, as their descriptor.
type Maps<'m> = [BorrowedFd<'m>];
