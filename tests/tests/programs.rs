//! The BPF programs do what the first comments of their source files say.

use std::ffi::CString;
use std::mem::{MaybeUninit, offset_of};
use std::process::{self, Command};
use std::ptr;
use std::sync::atomic::Ordering;
use std::thread;

use libbpf_rs::OpenObject;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use ringbuf_bpf::load::types::{bss, produce, producer};
use ringbuf_bpf::load::{LoadSkel, LoadSkelBuilder, mix, template_offset};
use ringbuf_bpf::wakeup::types::emit;
use ringbuf_bpf::{Everywhere, exec, wakeup};
use ringbuf_tests::{
    BUSY, DISCARD, Globals, NO_WAKEUP, RawRing, has_dynptr, has_tracepoint, live_since,
    online_cpus, pin_to_cpu, skip, test_run,
};

const EXECVE: &str = "syscalls/sys_enter_execve";

#[test]
fn load_records_hold_what_is_documented() {
    if !live_since("programs::load_records", (5, 10)) {
        return;
    }
    let mut object = MaybeUninit::uninit();
    let mut skeleton = open_load(&mut object).load().expect("load of load.bpf.c");
    let template = skeleton.maps.data_data.as_deref().expect("data").template_bytes.to_vec();
    let ring = RawRing::of(&skeleton.maps.ring).expect("mmap");
    let mut read = [producer::default(); 2];
    let mut largest = 0;
    for round in 0..4000 {
        let arguments = produce { producer: round % 2, attempts: 20, flags: NO_WAKEUP };
        assert_eq!(test_run(&skeleton.progs.produce, &arguments).expect("produce"), 0);
        for (sample, discarded) in drain(&ring) {
            largest = largest.max(sample.len());
            account(&mut read[round as usize % 2], round % 2, &sample, discarded, &template);
        }
    }
    assert!(largest > 32 * 1024, "large samples are drawn too, not only {largest} bytes");
    for (number, read) in read.iter().enumerate() {
        let bss = skeleton.maps.bss_data.as_deref_mut().expect("bss");
        assert_eq!(bss.producers[number].attempts, 40_000, "attempts of {number}");
        assert_counters(&bss.producers[number]);
        assert_same(read, &bss.producers[number]);
    }
}

#[test]
fn load_producers_run_at_the_same_time() {
    if !live_since("programs::load_producers", (5, 10)) {
        return;
    }
    let cpus = online_cpus();
    if cpus.len() < 2 {
        skip("programs::load_producers", "needs two CPUs, one for each producer");
        return;
    }
    let mut object = MaybeUninit::uninit();
    let skeleton = open_load(&mut object).load().expect("load of load.bpf.c");
    let globals = Globals::of(&skeleton.maps.bss).expect("mmap");
    let ring = RawRing::of(&skeleton.maps.ring).expect("mmap");
    let attempts = |number: usize| {
        let at = offset_of!(bss, producers) + number * size_of::<producer>();
        globals.u64_at(at + offset_of!(producer, attempts)).load(Ordering::Acquire)
    };
    let mut records = Vec::new();
    thread::scope(|scope| {
        let producers: Vec<_> = (0_u32..2)
            .zip(&cpus)
            .map(|(number, &cpu)| {
                let skeleton = &skeleton;
                scope.spawn(move || {
                    let _pinned = pin_to_cpu(cpu).expect("pin");
                    let arguments = produce { producer: number, attempts: 4_000, flags: 0 };
                    for _ in 0..25 {
                        let ret = test_run(&skeleton.progs.produce, &arguments).expect("produce");
                        assert_eq!(ret, 0, "so many attempts are too many");
                    }
                })
            })
            .collect();
        while !producers.iter().all(|producer| producer.is_finished()) {
            records.append(&mut drain(&ring));
        }
    });
    records.append(&mut drain(&ring));
    assert_eq!([attempts(0), attempts(1)], [100_000; 2]);
    let producers = skeleton.maps.bss_data.as_deref().expect("bss").producers;
    producers.iter().for_each(assert_counters);
    let mut next = [0; 2];
    for (sample, _) in records.iter().filter(|(sample, discarded)| !discarded && sample.len() >= 8)
    {
        let word0 = word(sample, 0);
        let seq = &mut next[(word0 >> 56) as usize];
        assert_eq!(word0 & !(0xff << 56), *seq, "no record is lost, repeated or out of order");
        *seq += 1;
    }
    assert_eq!(next, producers.map(|producer| producer.seq), "numbered records");
    let sum = |of: fn(&producer) -> u64| producers.iter().map(of).sum::<u64>();
    let (hidden, visible): (Vec<_>, Vec<_>) = records.iter().partition(|(_, discarded)| *discarded);
    assert_eq!(visible.len() as u64, sum(|producer| producer.accepted_submitted), "submitted");
    assert_eq!(hidden.len() as u64, sum(|producer| producer.accepted_discarded), "discarded");
}

#[test]
fn emitted_records_are_numbered_and_refusals_counted() {
    if !live_since("programs::emitted_records", (5, 10)) {
        return;
    }
    let mut object = MaybeUninit::uninit();
    let open = wakeup::WakeupSkelBuilder::default().open(&mut object).expect("open");
    let skeleton = open.load().expect("load of wakeup.bpf.c");
    let ring = RawRing::of(&skeleton.maps.ring).expect("mmap");
    let fits = (ring.size() as u64 - 8) / 16;
    for (count, delay) in [(3, 0), (fits as u32, 5)] {
        let arguments = emit { count, delay, flags: 0 };
        assert_eq!(test_run(&skeleton.progs.emit, &arguments).expect("emit"), 0);
    }
    let too_many = emit { count: (1 << 12) + 1, delay: 0, flags: 0 };
    assert_eq!(test_run(&skeleton.progs.emit, &too_many).expect("emit"), 1, "refused");
    let numbers: Vec<u64> = drain(&ring).iter().map(|(sample, _)| word(sample, 0)).collect();
    assert_eq!(numbers, (0..fits).collect::<Vec<_>>());
    let bss = skeleton.maps.bss_data.as_deref().expect("bss");
    assert_eq!((bss.emitted, bss.failed), (fits, 3));
}

#[test]
fn exec_records_say_who_executes_what() {
    let test = "programs::exec_records";
    if !live_since(test, (5, 8)) || !has_tracepoint(test, EXECVE) {
        return;
    }
    let mut object = MaybeUninit::uninit();
    let open = exec::ExecSkelBuilder::default().open(&mut object).expect("open");
    let mut skeleton = open.load().expect("load of exec.bpf.c");
    skeleton.attach().expect("attach");
    let everywhere = Everywhere::open(EXECVE).expect("a perf event on each CPU");
    let ring = RawRing::of(&skeleton.maps.events).expect("mmap");

    // On each CPU, since Linux 7.1 would see the first only.
    for cpu in online_cpus() {
        let _pinned = pin_to_cpu(cpu).expect("pin");
        let child = Command::new(format!("/no/such/child/{cpu}")).spawn();
        assert!(child.is_err(), "there is no such program");
    }
    let names = ["", "/no/such/program", &"/long".repeat(100), &"/long".repeat(1000)];
    for name in names {
        try_execve(CString::new(name).expect("no NUL").as_ptr());
    }
    try_execve(ptr::null());
    drop((skeleton.links.on_execve.take(), everywhere));

    let events: Vec<Vec<u8>> = drain(&ring).into_iter().map(|(sample, _)| sample).collect();
    let bss = skeleton.maps.bss_data.as_deref().expect("bss");
    assert_eq!((bss.seen, bss.failed), (events.len() as u64, 0), "one record per execve");
    let word32 = |event: &[u8], at: usize| {
        u32::from_ne_bytes(event[at..at + 4].try_into().expect("4 bytes"))
    };
    for cpu in online_cpus() {
        let name = format!("/no/such/child/{cpu}");
        let child = events.iter().find(|event| event[40..] == *name.as_bytes());
        let child = child.unwrap_or_else(|| panic!("no execve of {name}: is CPU {cpu} unheard?"));
        assert_eq!(word32(child, 12), process::id(), "ppid of the child");
    }
    let own: Vec<_> = events.iter().filter(|event| word32(event, 8) == process::id()).collect();
    assert_eq!(own.len(), names.len() + 1, "execve calls of this process");
    for (event, name) in own.iter().zip(names) {
        let name = &name.as_bytes()[..name.len().min(4095)];
        assert_eq!(&event[40..], name, "filename");
        assert_eq!(word32(event, 20) as usize, name.len(), "filename_len");
    }
    let unreadable = own[names.len()];
    assert_eq!((unreadable.len(), word32(unreadable, 20) as i32), (40, -libc::EFAULT));
    for event in &own {
        assert_eq!(word32(event, 12), std::os::unix::process::parent_id(), "ppid");
        assert_eq!(word32(event, 16), current_uid(), "uid");
        assert_eq!(event[24..40], comm(), "comm");
    }
    assert!(own.is_sorted_by_key(|event| word(event, 0)), "time_ns does not go back");
}

/// The load programs, with a template of random bytes.
fn open_load(object: &mut MaybeUninit<OpenObject>) -> impl OpenSkel<'_, Output = LoadSkel<'_>> {
    let mut open = LoadSkelBuilder::default().open(object).expect("open");
    let rodata = open.maps.rodata_data.as_deref_mut().expect("with_dynptr is a constant");
    rodata.with_dynptr = has_dynptr().into();
    let mut state = 1_u64;
    for byte in &mut open.maps.data_data.as_deref_mut().expect("data").template_bytes {
        state = mix(state);
        *byte = state as u8;
    }
    open
}

/// Takes what is in the ring up to the first busy record: samples, each with whether it is discarded.
fn drain(ring: &RawRing) -> Vec<(Vec<u8>, bool)> {
    let (mut position, end) = (ring.consumer_pos(), ring.producer_pos());
    let mut records = Vec::new();
    while position != end {
        let len = ring.header(position).len;
        if len & BUSY != 0 {
            break;
        }
        records.push((ring.sample(position), len & DISCARD != 0));
        position += 8 + u64::from(len & !DISCARD).next_multiple_of(8);
    }
    ring.set_consumer_pos(position);
    records
}

/// Checks a sample, and counts it as the producer should have.
fn account(read: &mut producer, number: u32, sample: &[u8], discarded: bool, template: &[u8]) {
    let size = sample.len();
    let fixed = match size {
        0 => 0,
        1..8 => 1,
        8..16 => 8,
        _ => 16,
    };
    let from = template_offset(read.seq);
    assert_eq!(sample[fixed..], template[from..from + size - fixed], "rest of {size} bytes");
    let word0 = u64::from(number) << 56 | read.seq;
    match fixed {
        0 => {}
        1 => assert_eq!(u32::from(sample[0]), number, "producer"),
        8 => assert_eq!(word(sample, 0), word0, "word0"),
        _ => assert_eq!(
            [word(sample, 0), word(sample, 8)],
            [word0, mix(word0 ^ size as u64)],
            "word0 and check of {size} bytes"
        ),
    }
    if discarded {
        read.accepted_discarded += 1;
        return;
    }
    read.accepted_submitted += 1;
    read.submitted_bytes += size as u64;
    match size {
        0..8 => read.submitted_small[size] += 1,
        _ => read.seq += 1,
    }
}

fn assert_counters(counted: &producer) {
    let outcomes = counted.accepted_submitted + counted.accepted_discarded + counted.failed;
    assert_eq!(counted.attempts, outcomes, "each attempt has one outcome: {counted:?}");
    let numbered = counted.seq + counted.submitted_small.iter().sum::<u64>();
    assert_eq!(counted.accepted_submitted, numbered, "numbered and small: {counted:?}");
}

fn assert_same(read: &producer, counted: &producer) {
    let all = |p: &producer| (p.seq, p.accepted_submitted, p.accepted_discarded, p.submitted_bytes);
    assert_eq!(all(read), all(counted), "read and produced");
    assert_eq!(read.submitted_small, counted.submitted_small, "read and produced, by size");
    assert!(counted.submitted_small[1..].iter().all(|&count| count > 0), "{counted:?}");
}

fn word(sample: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(sample[at..at + 8].try_into().expect("8 bytes"))
}

/// Calls execve with a name that it must refuse.
fn try_execve(name: *const libc::c_char) {
    let none = [ptr::null()];
    // SAFETY: the name is null or ends in NUL, and the lists of arguments and variables end in
    // null; no file has such a name, so the call returns.
    let ret = unsafe { libc::execve(name, none.as_ptr(), none.as_ptr()) };
    assert_eq!(ret, -1, "execve of a file that does not exist");
}

fn current_uid() -> u32 {
    // SAFETY: getuid takes no argument and cannot fail.
    unsafe { libc::getuid() }
}

/// The calling thread's name as the kernel has it, NUL-padded.
fn comm() -> [u8; 16] {
    let text = std::fs::read("/proc/thread-self/comm").expect("/proc is mounted");
    let name = text.trim_ascii_end();
    let mut padded = [0; 16];
    padded[..name.len()].copy_from_slice(name);
    padded
}
