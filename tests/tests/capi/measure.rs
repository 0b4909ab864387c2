//! What the library gains: throughput, CPU and the traced call's cost, beside libbpf in one
//! run. `cargo xtask capi` runs it and prints the table; it asserts no speed.

use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_tests::{online_cpus, pin_to_cpu};

use crate::api::Api;
use crate::producer::{Producer, SIZE};
use crate::row::{Callback, context_of, trampoline};

/// One measurement.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// Records a second that the reader got.
    rate: f64,
    /// The reader's CPU time for a record, in nanoseconds.
    cpu: f64,
    /// The run of the program for one record, in nanoseconds, with its system call.
    call: f64,
}

/// Measures each reader `rounds` times, in turn, and prints the medians.
pub(crate) fn measure(ours: &Path, rounds: usize, time: Duration) {
    let (linked, ours) = (Api::linked(), Api::ours(ours));
    let readers = [
        ("libbpf 1.7", &linked, ""),
        ("immediate", &ours, "immediate"),
        ("balanced", &ours, "balanced"),
        ("low_cost", &ours, "low_cost"),
        ("low_latency", &ours, "low_latency"),
    ];
    for paced in [false, true] {
        let mut all = [const { Vec::new() }; 5];
        for _ in 0..rounds {
            for ((_, api, policy), figures) in readers.iter().zip(&mut all) {
                figures.push(one(api, policy, paced, time));
            }
        }
        let load = if paced { "a record every 10 us" } else { "as fast as possible" };
        println!("{load}, {SIZE} bytes, a ring of 1 MiB, poll(100)");
        println!(
            "{:<12} {:>12} {:>8} {:>14} {:>8}",
            "reader", "records/s", "", "CPU ns/record", ""
        );
        let base = median(&all[0]);
        for ((name, ..), figures) in readers.iter().zip(&all) {
            let found = median(figures);
            println!(
                "{name:<12} {:>12.0} {:>7.2}x {:>14.0} {:>7.2}x   call {:>6.0} ns {:>5.2}x",
                found.rate,
                found.rate / base.rate,
                found.cpu,
                found.cpu / base.cpu,
                found.call,
                found.call / base.call
            );
        }
    }
}

fn median(figures: &[Figures]) -> Figures {
    let of = |field: fn(&Figures) -> f64| {
        let mut all: Vec<_> = figures.iter().map(field).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Figures { rate: of(|f| f.rate), cpu: of(|f| f.cpu), call: of(|f| f.call) }
}

fn one(api: &Api, policy: &str, paced: bool, time: Duration) -> Figures {
    let policy = CString::new(policy).expect("no NUL");
    // SAFETY: two C strings; no other thread runs now.
    unsafe { libc::setenv(c"RINGBUF_POLICY".as_ptr(), policy.as_ptr(), 1) };
    let mut load = Producer::load();
    let count = std::cell::Cell::new(0_u64);
    let callback: Callback<'_> = Box::new(|_, _| {
        count.set(count.get() + 1);
        0
    });
    let made =
        api.make(load.map().as_raw_fd(), Some(trampoline), context_of(&callback), ptr::null());
    assert!(!made.is_null(), "a manager");
    let cpus = online_cpus();
    let _here = pin_to_cpu(cpus[0]);
    let over = AtomicBool::new(false);
    let (begin, cpu) = (Instant::now(), thread_cpu());
    let call = thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let _there = pin_to_cpu(cpus[cpus.len() - 1]);
            let call = if paced { load.pace(time) } else { load.saturate(time) };
            over.store(true, Ordering::Release);
            call
        });
        while !over.load(Ordering::Acquire) {
            assert!(api.poll(made, 100) >= 0, "a poll");
        }
        producer.join().expect("the producer")
    });
    // printed only:
    let (took, cpu) = (begin.elapsed(), thread_cpu() - cpu);
    api.free(made);
    let records = count.get() as f64;
    Figures { rate: records / took.as_secs_f64(), cpu: 1e9 * cpu / records, call }
}

fn thread_cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one timespec, alive for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
