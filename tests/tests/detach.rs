//! Programs may run on after the call that detached them has returned, and `finish` waits for
//! them. For each way of attaching that works on a common machine: how often, here.

use std::io::Read;
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::AsFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release, SeqCst};
use std::thread;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Iter, Link};
use ringbuf_bpf::detach::{DetachSkel, DetachSkelBuilder, types};
use ringbuf_kernel::RingBuf;
use ringbuf_tests::{Globals, has_tracepoint, live_since, note, watchdog};

/// From reserve to submit, in ns.
const DURATION: u64 = 2_000_000;
const ROUNDS: u32 = 20;

/// Far longer than any run, so that only a hang reaches it.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_raw_tracepoint() {
    detaches("a_raw_tracepoint", |skel| Some(skel.progs.raw_tracepoint.attach().expect("attach")));
}

#[test]
fn a_btf_tracepoint() {
    detaches("a_btf_tracepoint", |skel| Some(skel.progs.btf_tracepoint.attach().expect("attach")));
}

#[test]
fn a_tracepoint_by_a_perf_event() {
    if !has_tracepoint("detach::a_tracepoint_by_a_perf_event", "syscalls/sys_enter_getppid") {
        return;
    }
    detaches("a_tracepoint_by_a_perf_event", |skel| {
        Some(skel.progs.perf_tracepoint.attach().expect("attach"))
    });
}

/// Its programs are run by who reads it: the link alone runs nothing.
#[test]
fn an_iterator() {
    detaches("an_iterator", |skel| Some(skel.progs.iterator.attach().expect("attach")));
}

/// Nothing is attached, so nothing can be detached: only the caller knows.
#[test]
fn a_run_on_demand() {
    detaches("a_run_on_demand", |_| None);
}

fn detaches(name: &'static str, attach: impl Fn(&mut DetachSkel<'static>) -> Option<Link>) {
    if !live_since(&format!("detach::{name}"), (5, 17)) {
        return;
    }
    let _hangs = watchdog("detach");
    let object = Box::leak(Box::new(MaybeUninit::uninit()));
    let open = DetachSkelBuilder::default().open(object).expect("open of detach.bpf.c");
    let mut skel = open.load().expect("load of detach.bpf.c");
    let globals = Globals::of(&skel.maps.bss).expect("globals");
    globals.u64_at(offset_of!(types::bss, duration)).store(DURATION, SeqCst);
    let mut ring = RingBuf::open(&skel.maps.ring).expect("open");
    let (begun, ended) = (offset_of!(types::bss, begun), offset_of!(types::bss, ended));
    let (begun, ended) = (globals.u64_at(begun), globals.u64_at(ended));
    let (mut in_flight, mut later) = (0, 0);
    for round in 0..ROUNDS {
        let link = attach(&mut skel);
        let over = AtomicBool::new(false);
        let program = skel.progs.on_demand.as_fd().try_clone_to_owned().expect("a descriptor");
        let iterator = link
            .as_ref()
            .filter(|_| name == "an_iterator")
            .map(|link| Iter::new(link).expect("an iterator"));
        let with_link = iterator.is_none() && link.is_some();
        let before = begun.load(Acquire);
        thread::scope(|scope| {
            scope.spawn(|| {
                // SAFETY: asks who this thread is.
                let id = unsafe { libc::gettid() };
                let task = globals.u32_at(offset_of!(types::bss, task));
                task.store(u32::try_from(id).expect("an id"), SeqCst);
                let mut iterator = iterator;
                while !over.load(SeqCst) {
                    match &mut iterator {
                        Some(iterator) => {
                            // Each open runs the programs once for each task.
                            let _read = iterator.read(&mut [0; 4096]);
                        }
                        // SAFETY: asks for an id.
                        None if with_link => drop(unsafe { libc::getppid() }),
                        None => run(&program),
                    }
                    if iterator.is_some() {
                        break;
                    }
                }
                task.store(0, SeqCst);
            });
            while begun.load(Acquire) == before {
                thread::yield_now();
            }
            thread::sleep(Duration::from_micros(u64::from(round) * 100 % 1900));
            drop(link);
            let now = ring.finish(Duration::ZERO, |_| ()).expect("a sound ring");
            in_flight += u32::from(now.in_flight > 0);
            over.store(true, Release);
            let finished = ring.finish(LIMIT, |_| ()).expect("a sound ring");
            assert!(finished.is_complete(), "{name}: {finished}");
            later += u32::from(finished.delivered > 0);
        });
        // The thread is gone, and with it whatever it ran.
        let rest = ring.finish(LIMIT, |_| ()).expect("a sound ring");
        assert!(rest.is_complete());
        if with_link {
            assert_eq!(rest.delivered, 0, "{name}: a run began after it was detached");
        }
        assert_eq!(begun.load(Acquire), ended.load(Acquire));
    }
    assert_eq!(ring.counts().delivered, ended.load(Acquire), "{name}: nothing is lost");
    note(
        &format!("detach::{name}"),
        &format!(
            "a record was in flight after {in_flight} of {ROUNDS} detachments, and came after {later}"
        ),
    );
}

fn run(program: &impl AsFd) {
    use std::os::fd::AsRawFd;
    let mut options = libbpf_rs::libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_rs::libbpf_sys::bpf_test_run_opts>() as _,
        ..Default::default()
    };
    let program = program.as_fd().as_raw_fd();
    // SAFETY: the options are a valid struct of the size that they state.
    let ret = unsafe { libbpf_rs::libbpf_sys::bpf_prog_test_run_opts(program, &raw mut options) };
    assert_eq!(ret, 0);
}
