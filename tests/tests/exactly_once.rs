//! Every accepted record is delivered exactly once, in order, unharmed: from
//! BPF programs on two CPUs through a ring of 64 KiB.
//!
//! RINGBUF_RECORDS says how many accepted records (ten million without it).

use std::env;
use std::mem::{MaybeUninit, offset_of};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::load::types::{bss, produce, producer};
use ringbuf_bpf::load::{LoadSkel, LoadSkelBuilder, mix, template_offset};
use ringbuf_kernel::{Next, RingBuf};
use ringbuf_tests::{
    Globals, has_dynptr, live_since, note, online_cpus, pin_to_cpu, skip, test_run,
};

const TEST: &str = "exactly_once::through_64_kib";

#[test]
fn through_64_kib() {
    if !live_since(TEST, (5, 10)) {
        return;
    }
    let cpus = online_cpus();
    if cpus.len() < 2 {
        skip(TEST, "needs two CPUs, one for each producer");
        return;
    }
    let target: u64 =
        env::var("RINGBUF_RECORDS").map_or(10_000_000, |n| n.parse().expect("number"));

    let mut object = MaybeUninit::uninit();
    let mut open = LoadSkelBuilder::default().open(&mut object).expect("open");
    let dynptr = has_dynptr();
    open.maps.rodata_data.as_deref_mut().expect("rodata").with_dynptr = dynptr.into();
    if !dynptr {
        note(TEST, "records are made by reserve and by output; this kernel has no dynptr");
    }
    let template = random_bytes();
    open.maps.data_data.as_deref_mut().expect("data").template_bytes.copy_from_slice(&template);
    let skeleton = open.load().expect("load of load.bpf.c");
    let counters = Counters(Globals::of(&skeleton.maps.bss).expect("mmap"));

    let started = Instant::now();
    let stop = AtomicBool::new(false);
    let (ledger, discarded) = thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        let producers: Vec<_> = (0_u32..2)
            .zip(&cpus)
            .map(|(number, &cpu)| {
                let (skeleton, counters, stop) = (&skeleton, &counters, &stop);
                scope.spawn(move || {
                    let _pinned = pin_to_cpu(cpu).expect("pin");
                    while !stop.load(Ordering::Relaxed) && counters.accepted(number) < target / 2 {
                        produce_some(skeleton, number);
                        // The reader shares a CPU with one of us; it need not starve.
                        thread::yield_now();
                    }
                })
            })
            .collect();
        consume(&skeleton, &template, target, || producers.iter().all(|p| p.is_finished()))
    });

    // printed only:
    let seconds = started.elapsed().as_secs_f64();
    let produced = [0, 1].map(|number| counters.producer(number));
    let sum = |of: fn(&producer) -> u64| produced.iter().map(of).sum::<u64>();
    let accepted = sum(|p| p.accepted_submitted) + sum(|p| p.accepted_discarded);
    let (attempts, failed) = (sum(|p| p.attempts), sum(|p| p.failed));
    println!(
        "exactly once: {attempts} attempted = {accepted} accepted + {failed} failed; \
         {} delivered + {discarded} discarded; {} bytes; {seconds:.1} s",
        ledger.delivered, ledger.bytes
    );
    assert_eq!(attempts, accepted + failed, "every attempt has one outcome");
    assert!(accepted >= target, "{accepted} accepted");
    assert_eq!(ledger.delivered, sum(|p| p.accepted_submitted), "delivered");
    assert_eq!(discarded, sum(|p| p.accepted_discarded), "discarded");
    assert_eq!(ledger.bytes, sum(|p| p.submitted_bytes), "bytes");
    for (number, produced) in produced.iter().enumerate() {
        assert_eq!(ledger.next[number], produced.seq, "numbered records of producer {number}");
        // A record of no byte does not say whose it is.
        let small = &produced.submitted_small[1..];
        assert_eq!(&ledger.small[number][1..], small, "small records of producer {number}");
    }
    assert_eq!(ledger.small[0][0], sum(|p| p.submitted_small[0]), "records of no byte");
}

/// Reads everything until the producers have finished, by the idle protocol.
fn consume(
    skeleton: &LoadSkel<'_>,
    template: &[u8],
    target: u64,
    finished: impl Fn() -> bool,
) -> (Ledger, u64) {
    let mut ring = RingBuf::open(&skeleton.maps.ring).expect("the ring opens");
    let mut ledger = Ledger::default();
    let mut progress = Instant::now();
    loop {
        let last = finished();
        let batch = ring.batch();
        while let Next::Record(record) = batch.next().expect("a sound ring") {
            ledger.enter(&record, template);
        }
        drop(batch);
        if last {
            assert_eq!(ring.lag().expect("a sound ring"), 0, "the ring is empty");
            return (ledger, ring.counts().discarded);
        }
        ring.wait(Some(Duration::from_millis(20))).expect("wait");
        // printed only:
        if progress.elapsed() > Duration::from_secs(5) {
            progress = Instant::now();
            eprintln!("{} of about {target} records", ledger.delivered);
        }
    }
}

/// What has been read.
#[derive(Default)]
struct Ledger {
    delivered: u64,
    bytes: u64,
    next: [u64; 2],
    small: [[u64; 8]; 2],
}

impl Ledger {
    /// Checks one record against what its producer must have sent next.
    fn enter(&mut self, sample: &[u8], template: &[u8]) {
        assert!(sample.as_ptr().addr() % 8 == 0, "samples are 8-aligned");
        self.delivered += 1;
        self.bytes += sample.len() as u64;
        let size = sample.len();
        if size < 8 {
            let number = usize::from(sample.first().copied().unwrap_or(0));
            self.small[number][size] += 1;
            return;
        }
        let word0 = word(sample, 0);
        let number = (word0 >> 56) as usize;
        let seq = word0 & ((1 << 56) - 1);
        assert_eq!(seq, self.next[number], "lost, repeated or out of order: producer {number}");
        self.next[number] += 1;
        let fixed = if size < 16 { 8 } else { 16 };
        if fixed == 16 {
            assert_eq!(word(sample, 8), mix(word0 ^ size as u64), "checksum of record {seq}");
        }
        let from = template_offset(seq);
        assert!(sample[fixed..] == template[from..from + size - fixed], "payload of record {seq}");
    }
}

/// The producers' counters, while they run.
struct Counters(Globals);

impl Counters {
    fn word(&self, number: u32, field: usize) -> u64 {
        let at = offset_of!(bss, producers) + number as usize * size_of::<producer>() + field;
        self.0.u64_at(at).load(Ordering::Acquire)
    }

    fn accepted(&self, number: u32) -> u64 {
        self.word(number, offset_of!(producer, accepted_submitted))
            + self.word(number, offset_of!(producer, accepted_discarded))
    }

    fn producer(&self, number: u32) -> producer {
        let word = |field| self.word(number, field);
        let small = offset_of!(producer, submitted_small);
        producer {
            seq: word(offset_of!(producer, seq)),
            attempts: word(offset_of!(producer, attempts)),
            accepted_submitted: word(offset_of!(producer, accepted_submitted)),
            accepted_discarded: word(offset_of!(producer, accepted_discarded)),
            failed: word(offset_of!(producer, failed)),
            submitted_bytes: word(offset_of!(producer, submitted_bytes)),
            submitted_small: std::array::from_fn(|size| word(small + 8 * size)),
            ..producer::default()
        }
    }
}

/// Tells the producers to end, also when the reader panics.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn produce_some(skeleton: &LoadSkel<'_>, number: u32) {
    let arguments = produce { producer: number, attempts: 1_000, flags: 0 };
    assert_eq!(test_run(&skeleton.progs.produce, &arguments).expect("produce"), 0);
}

fn random_bytes() -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
        state.to_ne_bytes()
    };
    std::iter::repeat_with(next).take(128 * 1024 / 8).flatten().collect()
}

fn word(sample: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(sample[at..at + 8].try_into().expect("8 bytes"))
}
