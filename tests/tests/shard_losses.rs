//! Each shard has an account of its own: attempts on its CPUs, and what became of them.

use std::mem::MaybeUninit;
use std::thread;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::syscalls::{SyscallsLinks, SyscallsSkelBuilder};
use ringbuf_kernel::{Attempts, Gap, LossCounters, ShardBy, ShardOptions, WaitPolicy};
use ringbuf_tests::{live_since, online_cpus, page_size, pin_to_cpu, watchdog};

const TEST: &str = "shard_losses::attempts_of_each_shard_add_up";
/// The kernel keeps 15 bytes.
const NAME: &str = "ringbuf-losses";

/// Nobody reads until the end, and the CPUs make different numbers of calls. So each ring
/// overflows, by another number of records.
#[test]
fn attempts_of_each_shard_add_up() {
    if !live_since(TEST, (5, 10)) {
        return;
    }
    let _hangs = watchdog(TEST);
    let cpus = online_cpus();
    let mut object = MaybeUninit::uninit();
    let mut open = SyscallsSkelBuilder::default().open(&mut object).expect("open");
    let settings = open.maps.rodata_data.as_deref_mut().expect("constants");
    for (to, from) in settings.only.iter_mut().zip(NAME.bytes()) {
        *to = from as _;
    }
    let mut skel = open.load().expect("load of syscalls.bpf.c");
    let rings = ShardOptions::new(ShardBy::Cpu, page_size() as u64);
    let rings = rings.fill(&skel.maps.events).expect("rings");
    let counters = LossCounters::find(&rings).expect("found by the name of the array");
    for (ring, shard) in rings.iter() {
        let found = LossCounters::find(ring);
        found.unwrap_or_else(|error| panic!("{shard}: named as the array: {error}"));
    }
    let mut set = rings.into_set(WaitPolicy::balanced()).expect("a set");
    skel.attach().expect("attach");
    let calls = |number: usize| 10_000 * (number as u64 + 1);
    for (number, &cpu) in cpus.iter().enumerate() {
        let work = move || {
            let _pinned = pin_to_cpu(cpu).expect("pin");
            for _ in 0..calls(number) {
                // SAFETY: getppid takes no argument and cannot fail.
                unsafe { libc::getppid() };
            }
        };
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(work);
        thread.expect("a thread").join().expect("no panic");
    }
    skel.links = SyscallsLinks::default();
    let finished = set.finish(Duration::from_secs(10), |_, _| ()).expect("finish");
    assert!(finished.is_complete(), "{finished}");
    let (mut attempted, mut delivered) = (0, 0);
    for (ring, shard) in set.iter() {
        let account = counters.account_shard(ring, shard).expect("counters");
        println!("{TEST}: {shard}: {account}");
        assert_eq!(account.gap(), Gap::None, "{shard}: {account}");
        let Attempts::Counted(attempts) = account.attempts else { panic!("{account}") };
        let number = cpus.iter().position(|cpu| shard.cpus.contains(&(*cpu as u32)));
        let wanted = number.map_or(0, |number| 2 * calls(number));
        assert!(attempts >= wanted, "{shard}: a record at each end of a call: {account}");
        let failed = account.failed.expect("counted");
        assert_eq!(failed.full, attempts - account.passed.delivered, "{account}");
        attempted += attempts;
        delivered += account.passed.delivered;
    }
    let all = counters.account(set.iter().map(|(ring, _)| ring)).expect("counters");
    assert_eq!((all.attempts, all.gap()), (Attempts::Counted(attempted), Gap::None), "{all}");
    assert_eq!(all.passed.delivered, delivered);
}
